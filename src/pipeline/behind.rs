//! Whether pictures come faster than this computer decodes them.
//!
//! Sans-I/O; time is an argument. What counts is the share of the time that goes into decoding by the wall clock, whoever else
//! uses the processor meanwhile: where it is nearly all, pictures wait.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over this time work is judged.
const SPAN: Duration = Duration::from_secs(3);
/// Of fewer pictures nothing is concluded.
const LEAST: usize = 8;
/// From this share of the time on it is too much, …
const MOST: f64 = 0.85;
/// … and below this it is no more.
const BACK: f64 = 0.6;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// When each was ready, and how long it took.
    decoded: VecDeque<(Instant, Duration)>,
    /// Until when that is known.
    until: Option<Instant>,
}

impl Behind {
    /// A picture was decoded: it took so long and was ready `now`.
    pub fn decoded(&mut self, now: Instant, took: Duration) {
        // Of a time in which there was nothing to decode nothing is known.
        if self.decoded.back().is_some_and(|(last, _)| now.saturating_duration_since(*last) > SPAN + took) {
            self.clear();
        }
        self.decoded.push_back((now, took));
        let age = |of: &(Instant, Duration)| now.saturating_duration_since(of.0);
        while self.decoded.len() > LEAST + 1 && self.decoded.get(1).is_some_and(|next| age(next) >= SPAN) {
            self.decoded.pop_front();
        }
        let Some(first) = self.decoded.front().filter(|first| age(first) >= SPAN && self.decoded.len() > LEAST) else {
            return;
        };
        // The oldest one marks where the time begins.
        let worked: Duration = self.decoded.iter().skip(1).map(|(_, took)| *took).sum();
        let share = worked.as_secs_f64() / age(first).as_secs_f64();
        if share >= MOST || (share >= BACK && self.is_behind(now)) {
            self.until = Some(now + SPAN);
        } else {
            self.until = None;
        }
    }

    /// Whether it is so.
    pub fn is_behind(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// No pictures are to come.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_micros(33_333);

    /// So many seconds of thirty pictures each, that take `ms` to decode. After which of them it was behind, and when not.
    fn run(behind: &mut Behind, now: &mut Instant, seconds: f64, ms: f64) -> Vec<(f64, bool)> {
        let (begin, mut due, mut news) = (*now, *now, Vec::new());
        let mut was = behind.is_behind(*now);
        while (*now - begin).as_secs_f64() < seconds {
            let took = Duration::from_secs_f64(ms / 1e3);
            *now = due.max(*now) + took;
            due += INTERVAL;
            behind.decoded(*now, took);
            if behind.is_behind(*now) != was {
                was = !was;
                news.push(((*now - begin).as_secs_f64(), was));
            }
        }
        news
    }

    #[test]
    fn it_is_known_within_four_seconds_and_over_some_after() {
        let (mut behind, mut now) = (Behind::default(), Instant::now());
        for ms in [5.0, 15.0, 25.0] {
            assert_eq!(run(&mut behind, &mut now, 20.0, ms), [], "{ms} ms");
        }
        let news = run(&mut behind, &mut now, 20.0, 40.0);
        assert!(matches!(news[..], [(at, true)] if at <= 4.0), "{news:?}");
        let news = run(&mut behind, &mut now, 20.0, 10.0);
        assert!(matches!(news[..], [(at, false)] if at <= 4.0), "{news:?}");
    }

    #[test]
    fn a_moment_or_a_pause_is_none() {
        let (mut behind, mut now) = (Behind::default(), Instant::now());
        for _ in 0..5 {
            assert_eq!(run(&mut behind, &mut now, 6.0, 5.0), []);
            assert_eq!(run(&mut behind, &mut now, 1.0, 60.0), []);
            now += Duration::from_secs(20);
        }
        run(&mut behind, &mut now, 10.0, 50.0);
        assert!(behind.is_behind(now) && !behind.is_behind(now + SPAN), "nothing comes any more");
    }
}
