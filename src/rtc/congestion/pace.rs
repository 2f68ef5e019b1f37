//! How much faster than the estimate pictures leave.
//!
//! A picture that leaves at the estimate takes until the next one to leave: a frame interval of latency for nothing where
//! the path carries more than it is asked for. On a narrow path, though, what leaves faster only waits in the path
//! instead of here, where it is in the way of sound. So pictures leave little faster than the estimate, and faster step by
//! step where no packet of theirs has waited anywhere.

use std::time::Instant;

use super::window::since;

/// At the start, when nothing is known: the first picture is small, and who calls waits for it; …
const FIRST: f64 = 8.0;
/// … at least, for a picture does not wait for the one before, …
const LEAST: f64 = 1.15;
/// … and at most.
const MOST: f64 = 4.0;
/// Grows by this share of itself a second, …
const GROWTH: f64 = 1.0;
/// … while packets waited no longer than this in the path, seconds; …
const FREE: f64 = 0.003;
/// … and falls to this share of itself where they waited longer than that, …
const BACK: f64 = 0.6;
const WAITED: f64 = 0.007;
/// … once in so many seconds, …
const BACK_PAUSE: f64 = 0.4;
/// … and for so many there is no growth.
const REST: f64 = 2.0;

/// How many times the estimate.
#[derive(Debug)]
pub(super) struct Swiftness {
    times: f64,
    looked: Instant,
    fell: Instant,
}

impl Swiftness {
    pub fn new(now: Instant) -> Self {
        Self { times: FIRST, looked: now, fell: now }
    }

    pub fn times(&self) -> f64 {
        self.times
    }

    /// `waited`: how long packets waited in the path lately, all but the unluckiest; seconds. `steady`: no queue is being
    /// drained, and nobody competed with.
    pub fn reported(&mut self, now: Instant, waited: f64, steady: bool) {
        let span = since(self.looked, now).min(0.2);
        self.looked = now;
        if !steady {
            (self.times, self.fell) = (LEAST, now);
        } else if waited > WAITED {
            if since(self.fell, now) > BACK_PAUSE {
                (self.times, self.fell) = ((BACK * self.times).max(LEAST), now);
            }
        } else if waited < FREE && since(self.fell, now) > REST {
            self.times = (self.times * (1.0 + GROWTH * span)).min(MOST);
        }
    }
}
