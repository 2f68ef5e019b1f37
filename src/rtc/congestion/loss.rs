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

    /// No queue stands: what is lost now is the path's own doing.
    pub fn without_queue(&mut self) {
        let Some(share) = self.share else { return };
        // At first the mean of all.
        self.looks = self.looks.saturating_add(1);
        self.background += (share - self.background) * FOLLOW.max(1.0 / f64::from(self.looks));
    }

    /// Share lost in the last second, 0…1.
    pub fn share(&self) -> f64 {
        self.share.unwrap_or(0.0)
    }

    /// Share lost while no queue stood, 0…1.
    pub fn background(&self) -> f64 {
        self.background
    }
}
