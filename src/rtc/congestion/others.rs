//! Somebody else's queue: whether it is still there, and whether it is one at all.

use std::time::Instant;

/// A queue shorter than this is empty, seconds; …
const EMPTY: f64 = 0.010;
/// … empty for so long, they are gone; seconds.
const GONE: f64 = 1.0;
/// A queue that varies by less than this over [`SPAN`] is nobody's but a longer path: a sender's queue breathes.
const STEADY: f64 = 0.020;
const SPAN: f64 = 2.0;

/// What we take beside them: half of the path. We had all of it, …
const HALF: f64 = 0.55;
/// … or, where that was about all we wanted, perhaps not all.
const HALF_OR_MORE: f64 = 0.72;
const WANTED: f64 = 0.9;

/// The most to take beside them, of what we had before and what we wanted at most, bit/s.
pub(super) fn most(before: f64, wanted: f64) -> f64 {
    before * if before > WANTED * wanted { HALF_OR_MORE } else { HALF }
}

/// What was seen of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// They fill the queue.
    Busy,
    /// The queue has been empty for a while.
    Gone,
    /// There was nobody: the path is longer than it was.
    Nobody,
}

/// Those who fill the queue although we have nearly stopped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Others {
    /// Since when the queue has been empty.
    calm: Option<Instant>,
    /// Shortest and longest queue since `since`, seconds.
    least: f64,
    most: f64,
    since: Instant,
}

impl Others {
    pub fn new(now: Instant) -> Self {
        Self { calm: None, least: f64::MAX, most: 0.0, since: now }
    }

    /// Takes the queue of now, seconds.
    pub fn watch(&mut self, now: Instant, queue: f64) -> Seen {
        let lasts = |since: Instant| now.saturating_duration_since(since).as_secs_f64();
        self.calm = (queue < EMPTY).then(|| self.calm.unwrap_or(now));
        if self.calm.is_some_and(|calm| lasts(calm) > GONE) {
            return Seen::Gone;
        }
        (self.least, self.most) = (self.least.min(queue), self.most.max(queue));
        if lasts(self.since) > SPAN {
            if self.most - self.least < STEADY {
                return Seen::Nobody;
            }
            (self.least, self.most, self.since) = (f64::MAX, 0.0, now);
        }
        Seen::Busy
    }
}
