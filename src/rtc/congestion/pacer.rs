//! What goes out when: first what is sent again, then pictures. Sound does not come here: it leaves at once, and the
//! others pay for it ([`Pacer::owe`]).
//!
//! Packets are whatever the caller has; the pacer knows their size alone. Pictures beyond what may be sent wait here, as
//! few as possible: [`Pacer::has_room`] tells whether to bring another, and [`Pacer::collapsed`] when those that wait
//! have become worthless.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::controller::Controller;

/// More than this of pictures waiting: no room for another, seconds.
const FULL: f64 = 0.100;
/// The estimate fell below this share of what it was: what waits was made for another rate.
const COLLAPSED: f64 = 0.6;
/// What may be saved up while nothing waits, seconds of the pace: a picture begins no faster than it goes on, for on a
/// narrow path sound would wait behind that; …
const BURST: f64 = 0.001;
/// … and while something does, which only comes of having been woken late.
const LATE: f64 = 0.010;
/// What sound may owe the pictures, bytes.
const MOST_DEBT: f64 = 400.0;
/// When to look again, while something waits, at the latest …
const TICK: Duration = Duration::from_millis(5);
/// … and at the soonest.
const SOON: Duration = Duration::from_millis(1);

/// In the order of importance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Missing at the other end.
    Again,
    /// In order.
    Picture,
}

/// The queues towards one peer. See the [module](self).
#[derive(Debug)]
pub struct Pacer<P> {
    again: VecDeque<(P, usize)>,
    pictures: VecDeque<(P, usize)>,
    waiting: usize,
    /// Bytes that may leave now; below zero: too many have.
    budget: f64,
    at: Instant,
    /// Nothing waited then.
    idle: bool,
    highest: f64,
    purged: Instant,
}

impl<P> Pacer<P> {
    /// Empty.
    pub fn new(now: Instant) -> Self {
        Self {
            again: VecDeque::new(),
            pictures: VecDeque::new(),
            waiting: 0,
            budget: 0.0,
            at: now,
            idle: true,
            highest: 0.0,
            purged: now,
        }
    }

    /// Takes a packet of so many bytes on the wire.
    pub fn push(&mut self, class: Class, packet: P, size: usize) {
        match class {
            Class::Again => self.again.push_back((packet, size)),
            Class::Picture => {
                self.waiting += size;
                self.pictures.push_back((packet, size));
            }
        }
    }

    /// Whether another picture may be brought.
    pub fn has_room(&self, now: Instant, controller: &Controller) -> bool {
        self.held(controller) <= FULL && controller.pace(now) >= 1.0
    }

    /// Looks whether what waits was made for a path that is no more, or nothing went through for a while, to be asked as time
    /// passes: then it is thrown away, and the next picture must be a keyframe.
    pub fn collapsed(&mut self, now: Instant, controller: &mut Controller) -> bool {
        let estimate = controller.estimate();
        if estimate > self.highest {
            self.highest = estimate;
        } else if now.saturating_duration_since(self.purged) > Duration::from_secs(1) {
            self.highest += (estimate - self.highest) * 0.1;
        }
        let fell = estimate < COLLAPSED * self.highest && controller.pace(now) < 1.01 * estimate;
        let collapsed = fell || controller.take_returned();
        if collapsed {
            self.pictures.clear();
            self.again.clear();
            self.waiting = 0;
            (self.highest, self.purged) = (estimate, now);
        }
        collapsed
    }

    /// What waits, in seconds of the estimate.
    fn held(&self, controller: &Controller) -> f64 {
        self.waiting as f64 * 8.0 / controller.estimate()
    }

    /// Sound of so many bytes left; pictures pay for it, but not for ever.
    pub fn owe(&mut self, bytes: usize) {
        self.budget = (self.budget - bytes as f64).max(-MOST_DEBT);
    }

    /// Gives what leaves now, if something does; to be called until it gives nothing. The caller tells the controller
    /// of each packet that left.
    pub fn poll(&mut self, now: Instant, controller: &mut Controller) -> Option<(Class, P)> {
        // Begun with a picture that is large enough: what is left of one tells too little.
        if let Some(bytes) = controller.wants_probe(now).filter(|bytes| self.waiting >= *bytes) {
            controller.begin_probe(now, bytes);
            self.budget = 0.0;
        }
        let probing = controller.probing().is_some();
        let pace = controller.pace(now) / 8.0;
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        let most = (pace * if self.idle { BURST } else { LATE }).max(if probing { 1_500.0 } else { 0.0 });
        self.budget = (self.budget + pace * elapsed).min(most);
        self.idle = self.again.is_empty() && self.pictures.is_empty();
        if self.idle {
            controller.end_probe(now);
            return None;
        }
        if self.budget <= 0.0 || pace <= 0.0 || controller.window() == 0 {
            return None;
        }
        if let Some((packet, size)) = self.again.pop_front() {
            self.budget -= size as f64;
            return Some((Class::Again, packet));
        }
        let (packet, size) = self.pictures.pop_front()?;
        self.budget -= size as f64;
        self.waiting -= size;
        Some((Class::Picture, packet))
    }

    /// When to call [`Pacer::poll`] again although nothing comes; `None`: not before something is pushed.
    pub fn deadline(&self, now: Instant, controller: &Controller) -> Option<Instant> {
        if self.again.is_empty() && self.pictures.is_empty() {
            return controller.probing().map(|_| now + SOON);
        }
        let pace = controller.pace(now) / 8.0;
        let wait = if pace > 0.0 && controller.window() > 0 { (1.0 - self.budget) / pace } else { f64::MAX };
        Some(now + Duration::try_from_secs_f64(wait.max(0.0)).unwrap_or(TICK).clamp(SOON, TICK))
    }
}
