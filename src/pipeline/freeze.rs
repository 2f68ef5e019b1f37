//! Counts how often and how long a picture stood still, as webrtc-stats does (`freezeCount`, `totalFreezesDuration`).

use std::collections::VecDeque;
use std::time::Duration;

/// Pictures the mean is taken over.
const WINDOW: usize = 30;

/// Time is an argument: when each picture was shown, on any timeline.
#[derive(Debug, Default)]
pub(super) struct Freezes {
    last: Option<Duration>,
    gaps: VecDeque<Duration>,
    count: u64,
    frozen: Duration,
}

impl Freezes {
    /// A picture was shown now. A gap of max(3 × mean, mean + 150 ms) or more was a freeze.
    pub(super) fn shown(&mut self, now: Duration) {
        let Some(last) = self.last.replace(now) else { return };
        let gap = now.saturating_sub(last);
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

    /// The picture stops on purpose: the gap until the next one is no freeze.
    pub(super) fn pause(&mut self) {
        self.last = None;
    }

    /// How often, and how long in all.
    pub(super) fn totals(&self) -> (u64, Duration) {
        (self.count, self.frozen)
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
    fn a_pause_is_no_freeze() {
        let mut freezes = Freezes::default();
        let last = run(&mut freezes, 0, 40);
        freezes.pause();
        run(&mut freezes, last + 10_000, 40);
        assert_eq!(freezes.totals().0, 0);
    }
}
