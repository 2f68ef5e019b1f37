//! What makes of figures that jump a fault that is told for a while: neither at once, nor flickering.

use super::Found;
use crate::model::quality::{Cause, Quality};

/// Says so once it was bad for so many looks, and until it was good for so many.
#[derive(Debug)]
pub(super) struct Alarm {
    on: bool,
    streak: u32,
    limits: (u32, u32),
}

impl Alarm {
    pub fn new(on_after: u32, off_after: u32) -> Self {
        Self { on: false, streak: 0, limits: (on_after, off_after) }
    }

    pub fn see(&mut self, bad: bool, good: bool) -> bool {
        let turns = if self.on { good } else { bad };
        self.streak = if turns { self.streak + 1 } else { 0 };
        let limit = if self.on { self.limits.1 } else { self.limits.0 };
        if self.streak >= limit {
            (self.on, self.streak) = (!self.on, 0);
        }
        self.on
    }
}

/// A figure that is told: it changes every five seconds at most, or three where it changes much.
#[derive(Debug, Default)]
struct Told {
    value: f64,
    age: u32,
}

impl Told {
    fn hold(&mut self, on: bool, value: f64) -> f64 {
        self.age += 1;
        let differs = (value - self.value).abs() / self.value.max(f64::MIN_POSITIVE);
        if !on || (self.age >= 3 && differs > 0.5) || (self.age >= 5 && differs > 0.15) {
            (self.value, self.age) = (value, 0);
        }
        self.value
    }
}

/// Keeps the quality from going up and down: it is no better before it was so for some seconds.
#[derive(Debug, Default)]
pub(super) struct Calm {
    quality: Quality,
    better: u32,
}

impl Calm {
    pub fn hold(&mut self, found: Option<Found>) -> Option<Found> {
        let Some(found) = found else {
            *self = Self::default();
            return None;
        };
        self.better = if found.quality < self.quality { self.better + 1 } else { 0 };
        if self.better == 0 || self.better >= 4 || found.cause == Cause::Outage || self.quality == Quality::Lost {
            (self.quality, self.better) = (found.quality, 0);
        }
        Some(Found { quality: self.quality, ..found })
    }
}

/// An alarm with its figure.
#[derive(Debug)]
pub(super) struct Gauge {
    alarm: Alarm,
    told: Told,
}

impl Gauge {
    pub fn new(on_after: u32, off_after: u32) -> Self {
        Self { alarm: Alarm::new(on_after, off_after), told: Told::default() }
    }

    /// Whether it is told, or would be soon.
    pub fn is_near(&self) -> bool {
        self.alarm.on || self.alarm.streak > 0
    }

    /// The figure that was told last.
    pub fn told(&self) -> f64 {
        self.told.value
    }

    /// The figure to be told, while it is to be told. What is good again says nothing of how bad it was.
    pub fn see(&mut self, bad: bool, good: bool, value: f64) -> Option<f64> {
        let was = self.alarm.on;
        let on = self.alarm.see(bad, good);
        let value = if was && good { self.told.value } else { self.told.hold(was && on, value) };
        on.then_some(value)
    }

    /// For a figure that is bad from the first of `limits` and good below the last; while our own machine is `late`, nothing
    /// new is told.
    pub fn level(&mut self, value: Option<f64>, limits: (f64, f64, f64), late: bool) -> Option<(f64, Quality)> {
        let (bad, good) = (!late && value.is_some_and(|v| v >= limits.0), value.is_none_or(|v| v < limits.2));
        let told = self.see(bad, good, value.unwrap_or(limits.0))?;
        Some((told, if told >= limits.1 { Quality::Poor } else { Quality::Fair }))
    }
}
