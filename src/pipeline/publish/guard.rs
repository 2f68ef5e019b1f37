//! Whether the computer keeps up with making pictures, and how many steps of the ladder it is to leave out.
//!
//! Sans-I/O; time is an argument. What counts is the time that scaling and encoding take by the wall clock, whoever else uses
//! the processor meanwhile: a picture that is made too slowly is late for whatever reason. Down after some seconds, and at
//! once as far as is needed; up a step at a time, where that step would leave room, and the more patiently, the
//! shorter it lasted the time before. Where the computer is late with something else, with what it receives, it goes down
//! a step at a time, as long as making pictures is a part of its work that is worth sparing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over this time work is judged.
const SPAN: Duration = Duration::from_secs(4);
/// Of fewer pictures nothing is concluded: one that took long is a keyframe, or a moment.
const LEAST: usize = 8;
/// This share of the time may go into pictures, …
const MOST: f64 = 0.7;
/// … a step down goes to where this much does, …
const AIM: f64 = 0.5;
/// … and up it goes where this much would, …
const BACK: f64 = 0.45;
/// Where less than this share goes into pictures, smaller ones do not help others.
const WORTH: f64 = 0.08;
/// … for so long; twice as long where the last one did not last, up to a limit.
const PATIENCE: Duration = Duration::from_secs(8);
const MOST_PATIENCE: Duration = Duration::from_secs(128);
/// A step that lasted this long was right.
const LASTED: Duration = Duration::from_secs(30);

/// One picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made {
    /// When it was ready.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
    /// Pictures that came meanwhile and were overtaken.
    pub missed: f64,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Guard {
    /// Of the step in force alone.
    made: VecDeque<Made>,
    /// The step these pictures had.
    step: usize,
    left_out: usize,
    better_since: Option<Instant>,
    stepped_up: Option<Instant>,
    patience: Duration,
}

impl Default for Guard {
    fn default() -> Self {
        Self { made: VecDeque::new(), step: 0, left_out: 0, better_since: None, stepped_up: None, patience: PATIENCE }
    }
}

impl Guard {
    /// Steps of the ladder, from the largest, that are more than the computer can do.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// A picture of the `step`th size was made. `works` are the steps' shares of work; `strained`: other work is late.
    pub fn made(&mut self, made: Made, step: usize, works: &[f64], strained: bool) {
        let Made { at: now, took, .. } = made;
        if self.step != step {
            self.step = step;
            self.made.clear();
        }
        // Of a time in which there was nothing to make nothing is known.
        if self.made.back().is_some_and(|last| now.saturating_duration_since(last.at) > SPAN + took) {
            self.made.clear();
        }
        self.made.push_back(made);
        if self.stepped_up.is_some_and(|at| now.saturating_duration_since(at) > LASTED) {
            (self.stepped_up, self.patience) = (None, PATIENCE);
        }
        let Some(share) = self.share(now) else { return };
        let at = |other: usize| match (works.get(other), works.get(step)) {
            (Some(other), Some(now)) if *now > 0.0 => share * other / now,
            _ => share,
        };
        let last = works.len().saturating_sub(1);
        if share > MOST {
            self.down((step + 1..last).find(|step| at(*step) <= AIM).unwrap_or(last));
        } else if strained {
            self.better_since = None;
            if share > WORTH {
                self.down(last.min(step + 1));
            }
        } else if self.left_out > 0 && at(self.left_out - 1) < BACK {
            let since = *self.better_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= self.patience {
                self.left_out -= 1;
                (self.stepped_up, self.better_since) = (Some(now), None);
                self.made.clear();
            }
        } else {
            self.better_since = None;
        }
    }

    fn down(&mut self, to: usize) {
        if to <= self.left_out {
            return;
        }
        self.left_out = to;
        self.better_since = None;
        self.made.clear();
        if self.stepped_up.take().is_some() {
            self.patience = (2 * self.patience).min(MOST_PATIENCE);
        }
    }

    /// The share of the time that all pictures would take, those too that there was no time for; `None` while that is not
    /// known.
    fn share(&mut self, now: Instant) -> Option<f64> {
        let age = |made: &Made| now.saturating_duration_since(made.at);
        let first = self.made.front()?;
        if age(first) < SPAN {
            return None;
        }
        while self.made.len() > LEAST + 1 && self.made.get(1).is_some_and(|next| age(next) >= SPAN) {
            self.made.pop_front();
        }
        let count = self.made.len() - 1;
        if count < LEAST {
            return None;
        }
        // The oldest one marks where the time begins.
        let span = age(self.made.front()?).as_secs_f64();
        let (mut worked, mut missed) = (Duration::ZERO, 0.0);
        for made in self.made.iter().skip(1) {
            worked += made.took;
            missed += made.missed;
        }
        Some(worked.as_secs_f64() / span * (1.0 + missed / count as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pixels of the steps of a camera, to the largest.
    const WORKS: [f64; 6] = [1.0, 0.5625, 0.25, 0.14, 0.0625, 0.03];
    const INTERVAL: Duration = Duration::from_micros(33_333);

    struct Run {
        guard: Guard,
        strained: bool,
        now: Instant,
        /// The next picture is captured.
        due: Instant,
        /// The step that the bitrate is good for.
        carried: usize,
    }

    impl Run {
        fn new() -> Self {
            let now = Instant::now();
            Self { guard: Guard::default(), strained: false, now, due: now, carried: 0 }
        }

        /// A camera of 30 pictures a second for so long, the largest of which takes `ms` to encode. Gives the steps taken.
        fn run(&mut self, seconds: u64, ms: f64) -> Vec<usize> {
            let (mut taken, end) = (vec![self.guard.left_out()], self.now + Duration::from_secs(seconds));
            while self.now < end {
                let begun = self.now.max(self.due);
                // Of those that came while the last one was made, the newest is taken.
                let missed = (begun - self.due).as_nanos() / INTERVAL.as_nanos();
                self.due += INTERVAL * (missed as u32 + 1);
                let step = self.carried.max(self.guard.left_out());
                let took = Duration::from_secs_f64(ms * WORKS[step] / 1e3);
                self.now = begun + took;
                let made = Made { at: self.now, took, missed: missed as f64 };
                self.guard.made(made, step, &WORKS, self.strained);
                if taken.last() != Some(&self.guard.left_out()) {
                    taken.push(self.guard.left_out());
                }
            }
            taken
        }
    }

    #[test]
    fn a_computer_that_keeps_up_is_left_alone() {
        let mut run = Run::new();
        assert_eq!(run.run(60, 5.0), [0]);
        assert_eq!(run.run(60, 21.0), [0]);
    }

    #[test]
    fn one_that_does_not_gets_smaller_pictures_within_seconds_and_only_as_small_as_needed() {
        for (ms, step) in [(25.0, 1), (40.0, 2), (60.0, 2), (100.0, 3), (200.0, 4)] {
            let mut run = Run::new();
            assert_eq!(run.run(3, ms), [0], "a moment is none");
            assert_eq!(run.run(5, ms), [0, step], "{ms} ms");
            assert_eq!(run.run(30, ms), [step], "{ms} ms, and there it stays");
        }
    }

    #[test]
    fn a_single_second_changes_nothing() {
        let mut run = Run::new();
        for _ in 0..10 {
            assert_eq!(run.run(1, 33.0), [0]);
            assert_eq!(run.run(5, 8.0), [0]);
        }
    }

    #[test]
    fn it_comes_back_by_itself_a_step_at_a_time() {
        let mut run = Run::new();
        run.run(10, 60.0);
        assert_eq!(run.run(60, 8.0), [2, 1, 0]);
    }

    #[test]
    fn where_the_larger_step_fails_again_and_again_it_tries_less_often() {
        let mut run = Run::new();
        run.run(10, 40.0);
        let mut tried = 0;
        for _ in 0..30 {
            // Something else runs whenever the picture is large.
            let quiet = run.guard.left_out() >= 1;
            tried += run.run(10, if quiet { 10.0 } else { 40.0 }).windows(2).filter(|pair| pair[1] < pair[0]).count();
        }
        assert!((1..=9).contains(&tried), "{tried} tries in five minutes");
        assert_eq!(*run.run(300, 8.0).last().unwrap(), 0, "for all that it comes back");
    }

    #[test]
    fn while_the_path_asks_for_less_than_the_computer_can_do_the_work_is_seen_all_the_same() {
        let mut run = Run::new();
        run.run(10, 40.0);
        run.carried = 4;
        assert_eq!(run.run(60, 40.0), [2], "at the large steps it would be too much");
        assert_eq!(run.run(60, 8.0), [2, 1, 0]);
    }

    #[test]
    fn the_smallest_step_is_the_last() {
        let mut run = Run::new();
        run.run(60, 5_000.0);
        assert_eq!(run.guard.left_out(), WORKS.len() - 1);
        let mut alone = Guard::default();
        let start = Instant::now();
        for n in 0..400 {
            let made = Made { at: start + INTERVAL * n, took: INTERVAL, missed: 0.0 };
            alone.made(made, 0, &[1.0], n > 200);
        }
        assert_eq!(alone.left_out(), 0, "there is nothing below");
    }

    #[test]
    fn where_other_work_is_late_it_spares_what_it_can_and_comes_back() {
        let mut run = Run::new();
        run.run(10, 10.0);
        run.strained = true;
        assert_eq!(run.run(1, 10.0), [0, 1], "at once");
        assert_eq!(run.run(60, 10.0), [1, 2], "no further: what is left is next to nothing");
        run.strained = false;
        assert_eq!(run.run(60, 10.0), [2, 1, 0]);
        let mut idle = Run::new();
        idle.strained = true;
        assert_eq!(idle.run(60, 1.0), [0], "it would help nobody");
    }

    #[test]
    fn where_that_is_late_again_with_every_larger_step_it_tries_less_often() {
        let (mut run, mut tried) = (Run::new(), 0);
        for _ in 0..150 {
            // What is received can be decoded only while little is sent.
            run.strained = run.guard.left_out() == 0;
            tried += run.run(2, 12.0).windows(2).filter(|pair| pair[1] < pair[0]).count();
        }
        assert!((1..=9).contains(&tried), "{tried} tries in five minutes");
    }

    #[test]
    fn a_pause_is_no_work() {
        let (mut guard, start) = (Guard::default(), Instant::now());
        for n in 0..20 {
            // One slow picture every two seconds, as while the path carries sound alone.
            let at = start + Duration::from_secs(2 * n);
            guard.made(Made { at, took: Duration::from_millis(300), missed: 0.0 }, 0, &WORKS, false);
        }
        assert_eq!(guard.left_out(), 0);
    }
}
