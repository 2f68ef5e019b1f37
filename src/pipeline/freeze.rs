//! Counts how often and how long a picture stood still, as webrtc-stats does (`freezeCount`, `totalFreezesDuration`).

use std::collections::VecDeque;
use std::time::Duration;

/// Pictures the mean is taken over.
const WINDOW: usize = 30;

/// Time is an argument: when each picture was shown, on any timeline.
#[derive(Debug, Default)]
pub(super) struct Freezes {
    last: Option<Duration>,
    paused: bool,
    gaps: VecDeque<Duration>,
    count: u64,
    frozen: Duration,
    /// Of the gaps that ended since this was last asked for.
    longest: Duration,
}

impl Freezes {
    /// A picture was shown now. A gap of max(3 × mean, mean + 150 ms) or more was a freeze.
    pub(super) fn shown(&mut self, now: Duration) {
        if self.paused {
            return;
        }
        let Some(last) = self.last.replace(now) else { return };
        let gap = now.saturating_sub(last);
        self.longest = self.longest.max(gap);
        if let Some(mean) = self.mean()
            && gap >= (mean * 3).max(mean + Duration::from_millis(150))
        {
            self.count += 1;
            self.frozen += gap;
        }
        if self.gaps.len() == WINDOW {
            self.gaps.pop_front();
        }
        self.gaps.push_back(gap);
    }

    /// The picture stops on purpose: until it goes on, nothing is counted.
    pub(super) fn pause(&mut self) {
        (self.paused, self.last) = (true, None);
    }

    /// Pictures are to come from now on.
    pub(super) fn resume(&mut self) {
        self.paused = false;
    }

    /// How often, and how long in all.
    pub(super) fn totals(&self) -> (u64, Duration) {
        (self.count, self.frozen)
    }

    /// The longest gap since the last call, the one that lasts included; zero before the first picture and in a pause.
    pub(super) fn take_longest(&mut self, now: Duration) -> Duration {
        let lasts = self.last.map_or(Duration::ZERO, |last| now.saturating_sub(last));
        std::mem::take(&mut self.longest).max(lasts)
    }

    fn mean(&self) -> Option<Duration> {
        let n = u32::try_from(self.gaps.len()).ok().filter(|n| *n > 0)?;
        Some(self.gaps.iter().sum::<Duration>() / n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(freezes: &mut Freezes, from: u64, count: u64) -> u64 {
        (0..count).for_each(|n| freezes.shown(Duration::from_millis(from + n * 33)));
        from + (count - 1) * 33
    }

    #[test]
    fn a_long_gap_is_a_freeze_and_a_short_one_is_not() {
        let mut freezes = Freezes::default();
        let last = run(&mut freezes, 0, 40);
        let last = run(&mut freezes, last + 150, 40);
        assert_eq!(freezes.totals(), (0, Duration::ZERO), "150 ms is under 33 + 150");
        run(&mut freezes, last + 400, 40);
        assert_eq!(freezes.totals(), (1, Duration::from_millis(400)));
    }

    #[test]
    fn the_longest_gap_is_told_once_and_the_one_that_lasts_again_and_again() {
        let mut freezes = Freezes::default();
        let after = |last: u64, more: u64| Duration::from_millis(last + more);
        assert_eq!(freezes.take_longest(after(0, 500)), Duration::ZERO, "there was no picture yet");
        let last = run(&mut freezes, 0, 5);
        let last = run(&mut freezes, last + 120, 5);
        assert_eq!(freezes.take_longest(after(last, 10)), Duration::from_millis(120));
        assert_eq!(freezes.take_longest(after(last, 20)), Duration::from_millis(20));
        assert_eq!(freezes.take_longest(after(last, 900)), Duration::from_millis(900));
        freezes.shown(after(last, 1000));
        assert_eq!(freezes.take_longest(after(last, 1001)), Duration::from_millis(1000));
        freezes.pause();
        assert_eq!(freezes.take_longest(after(last, 5000)), Duration::ZERO);
    }

    #[test]
    fn a_pause_is_no_freeze() {
        let mut freezes = Freezes::default();
        let last = run(&mut freezes, 0, 40);
        freezes.take_longest(Duration::from_millis(last));
        freezes.pause();
        (1..9).for_each(|second| freezes.shown(Duration::from_millis(last + second * 1000)));
        assert_eq!(freezes.take_longest(Duration::from_millis(last + 9_500)), Duration::ZERO);
        freezes.resume();
        let last = run(&mut freezes, last + 10_000, 40);
        assert_eq!(freezes.totals().0, 0);
        run(&mut freezes, last + 400, 40);
        assert_eq!(freezes.totals().0, 1, "it counts again");
    }
}
