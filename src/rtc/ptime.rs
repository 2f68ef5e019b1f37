//! How much sound one packet holds (RFC 8866 `ptime`). Pure; time is an argument.
//!
//! Every packet costs some 60 bytes beside the sound in it (IP, UDP, RTP, SRTP). On a wide path packets are short, for what
//! is said waits until its packet is full, and once more until the next ones bring back what was lost. On a narrow one
//! they are long: there these bytes are half of what speech itself has.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// The lengths, ms, and what the path must give for each, bits a second; shortest first.
const STEPS: [(u8, u64); 4] = [(10, 600_000), (20, 220_000), (40, 110_000), (60, 0)];

/// So much more must be given before packets get shorter, …
const MORE: f64 = 1.25;
/// … for so long: each change is heard as a little stretching.
const CALM: Duration = Duration::from_secs(2);

/// The choice for one path.
#[derive(Debug, Clone)]
pub(crate) struct Ptime {
    step: usize,
    /// Since when packets could be shorter.
    wide: Option<Instant>,
}

impl Default for Ptime {
    /// 20 ms, as everybody sends, until the path is known.
    fn default() -> Self {
        Self { step: 1, wide: None }
    }
}

impl Ptime {
    /// Milliseconds in each packet from now on, where the path gives this much for everything, bits a second. Longer at
    /// once, shorter step by step.
    pub fn choose(&mut self, now: Instant, given_bps: u64) -> u8 {
        let enough = |(_, least): &(u8, u64)| given_bps >= *least;
        let most = STEPS.iter().position(enough).unwrap_or(STEPS.len() - 1);
        if most > self.step {
            (self.step, self.wide) = (most, None);
        }
        let shorter = self.step.checked_sub(1).filter(|step| given_bps as f64 >= STEPS[*step].1 as f64 * MORE);
        match (shorter, self.wide) {
            (None, _) => self.wide = None,
            (Some(_), None) => self.wide = Some(now),
            (Some(step), Some(since)) if now.saturating_duration_since(since) >= CALM => {
                (self.step, self.wide) = (step, Some(now));
            }
            _ => {}
        }
        STEPS[self.step].0
    }
}

/// The length within what the other side wishes (ms); of odd wishes, what can be.
pub(crate) fn within(ms: u8, wish: &RangeInclusive<u8>) -> u8 {
    let all = || STEPS.iter().map(|(ms, _)| *ms);
    let fit = all().filter(|ms| wish.contains(ms)).min_by_key(|other| other.abs_diff(ms));
    fit.or_else(|| all().rev().find(|ms| ms <= wish.start())).unwrap_or(STEPS[0].0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is chosen while the path gives this much (kbit/s, seconds).
    fn run(given: &[(u64, u64)]) -> Vec<u8> {
        let (mut ptime, mut now, mut chosen) = (Ptime::default(), Instant::now(), Vec::new());
        for (kbps, seconds) in given {
            for _ in 0..seconds * 10 {
                let ms = ptime.choose(now, kbps * 1_000);
                now += Duration::from_millis(100);
                if chosen.last() != Some(&ms) {
                    chosen.push(ms);
                }
            }
        }
        chosen
    }

    #[test]
    fn a_wide_path_gets_short_packets_and_a_narrow_one_long_ones() {
        assert_eq!(run(&[(300, 1), (2_500, 10)]), [20, 10]);
        assert_eq!(run(&[(2_500, 5), (500, 5)]), [20, 10, 20]);
        assert_eq!(run(&[(300, 2), (150, 5)]), [20, 40]);
        assert_eq!(run(&[(2_500, 5), (60, 5), (2_500, 10)]), [20, 10, 60, 40, 20, 10]);
    }

    #[test]
    fn a_path_that_swings_around_a_step_does_not_change_it_all_the_time() {
        let swings: Vec<_> = (0..60).map(|n| (if n % 2 == 0 { 580 } else { 740 }, 1)).collect();
        assert_eq!(run(&swings), [20]);
        let short = [(2_000, 5), (620, 60)];
        assert_eq!(run(&short), [20, 10]);
    }

    #[test]
    fn what_the_other_side_wishes_is_kept_to() {
        assert_eq!([10, 20, 40, 60].map(|ms| within(ms, &(3..=120))), [10, 20, 40, 60]);
        assert_eq!([10, 20, 40, 60].map(|ms| within(ms, &(20..=40))), [20, 20, 40, 40]);
        assert_eq!([10, 60].map(|ms| within(ms, &(30..=30))), [20, 20]);
        assert_eq!([10, 60].map(|ms| within(ms, &(0..=5))), [10, 10]);
        #[expect(clippy::reversed_empty_ranges, reason = "as a hostile description has it")]
        let odd = 100..=0;
        assert_eq!(within(10, &odd), 60);
    }
}
