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
    share: f64,
    background: f64,
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
        self.share = if all > LEAST { f64::from(lost) / f64::from(all) } else { 0.0 };
    }

    /// No queue stands: what is lost now is the path's own doing.
    pub fn without_queue(&mut self) {
        self.background += (self.share - self.background) * FOLLOW;
    }

    /// Share lost in the last second, 0…1.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// Share lost while no queue stood, 0…1.
    pub fn background(&self) -> f64 {
        self.background
    }
}
