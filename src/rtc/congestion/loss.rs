//! The share of packets lost, and how much of that is the path's own.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const SPAN: Duration = Duration::from_secs(1);
/// With fewer packets than this in a second nothing is said.
const LEAST: u32 = 20;
/// How fast the background follows, for each report.
const FOLLOW: f64 = 0.02;

/// Loss over the last second.
#[derive(Debug, Default)]
pub(super) struct Loss {
    reports: VecDeque<(Instant, u32, u32)>,
    /// `None`: too little was said.
    share: Option<f64>,
    background: f64,
    looks: u32,
    queued: Option<Instant>,
}

impl Loss {
    /// A report of so many packets.
    pub fn reported(&mut self, now: Instant, arrived: u32, lost: u32) {
        self.reports.push_back((now, arrived, lost));
        while self.reports.front().is_some_and(|(at, ..)| now.saturating_duration_since(*at) > SPAN) {
            self.reports.pop_front();
        }
        let (arrived, lost) = self.reports.iter().fold((0, 0), |sum, (_, a, l)| (sum.0 + a, sum.1 + l));
        let all = arrived + lost;
        self.share = (all > LEAST).then(|| f64::from(lost) / f64::from(all));
    }

    /// A queue stands: what is lost now may be its doing.
    pub fn with_queue(&mut self, now: Instant) {
        self.queued = Some(now);
    }

    /// No queue stands, and none did within what the share tells of: what is lost is the path's own doing.
    pub fn without_queue(&mut self, now: Instant) {
        let clear = self.queued.is_none_or(|at| now.saturating_duration_since(at) > SPAN);
        let Some(share) = self.share.filter(|_| clear) else { return };
        // At first the mean of all.
        self.looks = self.looks.saturating_add(1);
        self.background += (share - self.background) * FOLLOW.max(1.0 / f64::from(self.looks));
    }

    /// Share lost in the last second, 0…1.
    pub fn share(&self) -> f64 {
        self.share.unwrap_or(0.0)
    }

    /// Share lost while no queue stood, 0…1; 0 before anything is known.
    pub fn background(&self) -> f64 {
        self.background
    }

    /// The same; `None` before anything is known.
    pub fn own(&self) -> Option<f64> {
        (self.looks > 0).then_some(self.background)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_queue_lost_is_not_the_paths_own() {
        let (mut loss, start) = (Loss::default(), Instant::now());
        let at = |n: u32| start + Duration::from_millis(50) * n;
        // A second of overflow, then none.
        for n in 0..100 {
            loss.reported(at(n), 3, if n < 20 { 2 } else { 0 });
            if n < 20 { loss.with_queue(at(n)) } else { loss.without_queue(at(n)) }
        }
        assert_eq!((loss.background(), loss.own()), (0.0, Some(0.0)));
        // A tenth, without any queue.
        for n in 100..400 {
            loss.reported(at(n), 9, 1);
            loss.without_queue(at(n));
        }
        assert!((loss.background() - 0.1).abs() < 0.01, "{}", loss.background());
        assert_eq!(Loss::default().own(), None);
    }
}
