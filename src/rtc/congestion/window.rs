//! Spans of time: how long ago something was, and the least of what was seen in the last seconds, kept by whole seconds.

use std::collections::VecDeque;
use std::time::Instant;

/// Seconds from `then` to `now`; 0 where that is not before.
pub(super) fn since(then: Instant, now: Instant) -> f64 {
    now.saturating_duration_since(then).as_secs_f64()
}

/// A windowed minimum over `span` seconds.
#[derive(Debug, Clone)]
pub(super) struct Least {
    span: i64,
    /// Second → least value in it.
    seconds: VecDeque<(i64, f64)>,
}

impl Least {
    pub fn over(span: i64) -> Self {
        Self { span, seconds: VecDeque::new() }
    }

    /// Takes a value seen at `at` seconds.
    pub fn see(&mut self, at: f64, value: f64) {
        let second = at.floor() as i64;
        match self.seconds.back_mut() {
            Some(last) if last.0 >= second => last.1 = last.1.min(value),
            _ => self.seconds.push_back((second, value)),
        }
        while self.seconds.front().is_some_and(|first| first.0 < second - self.span) {
            self.seconds.pop_front();
        }
    }

    /// The least value, if there was one.
    pub fn get(&self) -> Option<f64> {
        self.seconds.iter().map(|(_, value)| *value).reduce(f64::min)
    }
}
