//! How long all pictures are held where they stop again and again.
//!
//! A packet that is lost and sent again stops the picture for a round trip and more. Now and then that is shown as it comes,
//! for waiting would cost freshness all the time. Where it happens more than once a second (a sender without repair packets on
//! a path that loses a lot) nothing moves evenly any more: there pictures are shown so much later that most stops are hardly
//! seen, and not later than that. Time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A picture that is so much later than the one before, seconds, stopped.
const STOP: f64 = 0.070;
/// Stops of the last so many seconds are counted: …
const SPAN: Duration = Duration::from_secs(6);
/// … so many make pictures wait, fewer than so many no longer.
const OFTEN: (usize, usize) = (8, 3);
/// Share of the stops that the wait is enough for, …
const COVERED: f64 = 0.8;
/// … but for so much, seconds: a picture may stand a little longer than usual.
const TOLERATED: f64 = 0.050;
/// Longest wait, seconds.
pub(super) const MOST: f64 = 0.140;
/// How much the wait grows and shrinks with each picture: neither a gap nor a rush is seen.
const STEP: (f64, f64) = (0.008, 0.002);
/// Most stops remembered: more than pictures of 30 a second can make.
const REMEMBERED: usize = 64;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Stops {
    /// When, and how much later than prompt ones those pictures were.
    stops: VecDeque<(Instant, f64)>,
    often: bool,
    wait: f64,
}

impl Stops {
    /// A picture came so much later than prompt ones do, and so much later than the one before; seconds.
    pub fn came(&mut self, now: Instant, late: f64, later: f64) {
        let old = |then: Instant| now.saturating_duration_since(then) > SPAN;
        while self.stops.len() == REMEMBERED || self.stops.front().is_some_and(|(then, _)| old(*then)) {
            self.stops.pop_front();
        }
        if later >= STOP {
            self.stops.push_back((now, late));
        }
        self.often = self.stops.len() >= if self.often { OFTEN.1 } else { OFTEN.0 };
        let wanted = if self.often { (self.usual() - TOLERATED).clamp(0.0, MOST) } else { 0.0 };
        self.wait += (wanted - self.wait).clamp(-STEP.1, STEP.0);
    }

    /// How much later than prompt ones pictures are shown now, seconds.
    pub fn wait(&self) -> f64 {
        self.wait
    }

    /// How long a picture is held that is so much later than prompt ones.
    pub fn hold(&self, late: f64) -> Duration {
        let wait = if self.wait > 0.0 { self.wait - late } else { 0.0 };
        Duration::try_from_secs_f64(wait).unwrap_or_default()
    }

    fn usual(&self) -> f64 {
        let mut late: Vec<f64> = self.stops.iter().map(|(_, late)| *late).collect();
        late.sort_by(f64::total_cmp);
        late.get(((late.len().max(1) - 1) as f64 * COVERED) as usize).copied().unwrap_or_default()
    }
}
