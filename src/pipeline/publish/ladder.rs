//! Which size and rate of pictures a bitrate is good for.
//!
//! Sans-I/O; time is an argument. Each step down has fewer pixels, or fewer pictures, and needs fewer bits to look well: a
//! small picture that is sharp is better than a large one of blocks, for the other side scales it up. What moves keeps its
//! pictures a second and loses pixels; a screen keeps its pixels, for they are text, and loses pictures. Down soon,
//! for what is too large arrives late, and at once where it is far too large; up only once it lasts, and the longer, the
//! shorter it lasted the time before.

use std::time::{Duration, Instant};

use super::VideoKind;

/// What a picture needs to look well, bit/s at 30 a second: this times its pixels to the power of [`NEED_POWER`], for
/// neighbouring pixels are the more alike the more there are. 1.2 Mbit/s at 720p, 420 kbit/s at 360p.
const NEED: f64 = 40.0;
const NEED_POWER: f64 = 0.75;
/// Half as many pictures need more than half the bits: they are less alike.
const NEED_RATE_POWER: f64 = 0.7;
/// Sides of the steps, as shares of the source.
const SIDES: [f64; 5] = [1.0, 0.75, 0.5, 0.375, 0.25];
/// Pictures of the steps of a screen, as shares of the source.
const RATES: [f64; 4] = [1.0, 0.5, 0.34, 0.17];
/// Of the lowest step.
const LEAST_RATE: f64 = 0.5;
/// No side below this, pixels.
const LEAST_SIDE: u32 = 90;
/// A step holds while there is this share of its need.
const HOLD: f64 = 0.75;
/// Where there is less it ends after so long, for each step costs a keyframe, and queues are drained in less; …
const DOWN_AFTER: Duration = Duration::from_millis(400);
/// … where there is less than this, at once.
const AT_ONCE: f64 = 0.4;
/// A step down goes to where there is this share.
const DOWN: f64 = 0.9;
/// Steps up need more than their need, for so long; twice as long where the last one did not last, up to a limit, …
const UP: f64 = 1.15;
const PATIENCE: Duration = Duration::from_millis(600);
const MOST_PATIENCE: Duration = Duration::from_secs(16);
/// … unless there is so many times the need: then so long is enough.
const PLENTY: f64 = 2.0;
const PLENTY_FOR: Duration = Duration::from_millis(200);
/// A step that lasted this long was right.
const LASTED: Duration = Duration::from_secs(8);
/// Below this, and back above that for so long: no bits for pictures that move.
const PAUSE_BPS: (u32, u32) = (30_000, 45_000);
const PAUSE_FOR: Duration = Duration::from_secs(2);
/// Pictures a second while paused: the path is looked at with them, or nobody would know when it is better.
const PAUSED_FPS: f32 = 0.5;

/// What comes from the source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Source {
    pub width: u32,
    pub height: u32,
    pub fps: f32,
    pub kind: VideoKind,
}

/// What is to be sent of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub width: u32,
    pub height: u32,
    pub fps: f32,
    /// The path carries sound alone.
    pub paused: bool,
    /// Smaller than the path would carry, for the computer cannot make more.
    pub spared: bool,
}

impl Step {
    /// What it costs to make, in pixels a second.
    fn work(&self) -> f64 {
        f64::from(self.width) * f64::from(self.height) * f64::from(self.fps)
    }

    /// Bits a second that it needs to look well.
    fn need(&self) -> f64 {
        let pixels = f64::from(self.width) * f64::from(self.height);
        NEED * pixels.powf(NEED_POWER) * (f64::from(self.fps) / 30.0).powf(NEED_RATE_POWER)
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Ladder {
    source: Option<Source>,
    /// From the largest.
    steps: Vec<Step>,
    /// What each costs to make.
    works: Vec<f64>,
    at: usize,
    paused: bool,
    /// Since when the bitrate would carry a higher step, or does not carry this one, or would end or begin a pause.
    better_since: Option<Instant>,
    worse_since: Option<Instant>,
    pause_since: Option<Instant>,
    patience: Duration,
    stepped_up: Option<Instant>,
}

impl Ladder {
    /// What to send of this source now with this bitrate, leaving out so many of the largest steps.
    pub fn step(&mut self, now: Instant, source: Source, bps: u32, left_out: usize) -> Step {
        if self.source != Some(source) {
            let steps = steps(source);
            let works = steps.iter().map(Step::work).collect();
            *self = Self { source: Some(source), steps, works, patience: PATIENCE, ..Self::default() };
            self.at = self.carried(bps, HOLD);
        }
        self.pause(now, bps);
        self.climb(now, bps);
        let last = self.steps.len() - 1;
        if self.paused {
            return Step { fps: PAUSED_FPS, paused: true, ..self.steps[last] };
        }
        let left_out = left_out.min(last);
        Step { spared: left_out > self.at, ..self.steps[self.at.max(left_out)] }
    }

    /// Which step this is.
    pub fn place(&self, step: &Step) -> usize {
        let same = |of: &Step| (of.width, of.height, of.fps) == (step.width, step.height, step.fps);
        self.steps.iter().position(same).unwrap_or_default()
    }

    /// What the steps cost to make, compared with each other, from the largest.
    pub fn works(&self) -> &[f64] {
        &self.works
    }

    /// Whether this source is another than the one before.
    pub fn is_new(&self, source: Source) -> bool {
        self.source != Some(source)
    }

    /// The largest step whose need, times this, is there.
    fn carried(&self, bps: u32, times: f64) -> usize {
        let fits = |step: &Step| times * step.need() <= f64::from(bps);
        self.steps.iter().position(fits).unwrap_or(self.steps.len() - 1)
    }

    fn climb(&mut self, now: Instant, bps: u32) {
        let lasted = |since: Instant| now.saturating_duration_since(since);
        if self.stepped_up.is_some_and(|at| lasted(at) > LASTED) {
            (self.stepped_up, self.patience) = (None, PATIENCE);
        }
        let short = self.carried(bps, HOLD) > self.at;
        let since = *self.worse_since.get_or_insert(now);
        if !short {
            self.worse_since = None;
        } else if f64::from(bps) < AT_ONCE * self.steps[self.at].need() || lasted(since) >= DOWN_AFTER {
            self.worse_since = None;
            self.at = self.carried(bps, DOWN);
            self.better_since = None;
            if self.stepped_up.take().is_some() {
                self.patience = (2 * self.patience).min(MOST_PATIENCE);
            }
            return;
        }
        let better = self.carried(bps, UP);
        if better >= self.at {
            self.better_since = None;
            return;
        }
        let since = *self.better_since.get_or_insert(now);
        // Far above a border nothing swings around it.
        let patient = lasted(since) >= self.patience;
        let to = if patient { better } else { self.carried(bps, PLENTY) };
        if lasted(since) >= PLENTY_FOR && to < self.at {
            self.at = to;
            self.better_since = None;
            self.stepped_up = Some(now);
        }
    }

    fn pause(&mut self, now: Instant, bps: u32) {
        let turns = if self.paused { bps > PAUSE_BPS.1 } else { bps < PAUSE_BPS.0 };
        if !turns {
            self.pause_since = None;
            return;
        }
        let since = *self.pause_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= PAUSE_FOR {
            (self.paused, self.pause_since) = (!self.paused, None);
        }
    }
}

/// From the largest to the least.
fn steps(source: Source) -> Vec<Step> {
    let even = |side: u32, share: f64| ((f64::from(side) * share / 2.0).round() as u32 * 2).max(2);
    let sized = |share: f64, rate: f64| {
        let (width, height) = match share {
            1.0 => (source.width, source.height),
            _ => (even(source.width, share), even(source.height, share)),
        };
        Step { width, height, fps: source.fps * rate as f32, paused: false, spared: false }
    };
    let mut steps = Vec::new();
    let slowest = match source.kind {
        VideoKind::Camera => 1.0,
        VideoKind::Display => {
            steps.extend(RATES.map(|rate| sized(1.0, rate)));
            RATES[RATES.len() - 1]
        }
    };
    let smaller = SIDES.map(|share| sized(share, slowest));
    let large = |step: &Step| step.width.min(step.height) >= LEAST_SIDE;
    steps.extend(
        smaller.into_iter().filter(|step| large(step) || (step.width, step.height) == (source.width, source.height)),
    );
    steps.dedup();
    if let (VideoKind::Camera, Some(least)) = (source.kind, steps.last().copied()) {
        steps.push(Step { fps: source.fps * LEAST_RATE as f32, ..least });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: Source = Source { width: 1280, height: 720, fps: 30.0, kind: VideoKind::Camera };
    const SCREEN: Source = Source { width: 1920, height: 1080, fps: 30.0, kind: VideoKind::Display };

    struct Run {
        ladder: Ladder,
        now: Instant,
        source: Source,
    }

    impl Run {
        fn new(source: Source) -> Self {
            Self { ladder: Ladder::default(), now: Instant::now(), source }
        }

        /// The steps taken in so many seconds at one bitrate.
        fn taken(&mut self, seconds: f64, bps: u32) -> Vec<Step> {
            let mut taken: Vec<Step> = Vec::new();
            for _ in 0..(seconds * 30.0) as usize {
                self.now += Duration::from_millis(33);
                let step = self.ladder.step(self.now, self.source, bps, 0);
                if taken.last() != Some(&step) {
                    taken.push(step);
                }
            }
            taken
        }

        fn settled(&mut self, seconds: f64, bps: u32) -> Step {
            *self.taken(seconds, bps).last().expect("a step")
        }
    }

    #[test]
    fn a_camera_gives_pixels_away_and_keeps_its_pictures_a_second() {
        let mut run = Run::new(CAMERA);
        let heights = [2_500_000, 1_000_000, 750_000, 450_000, 280_000, 160_000].map(|bps| run.settled(5.0, bps));
        assert_eq!(heights.map(|step| step.height), [720, 720, 540, 360, 270, 180]);
        assert!(heights.iter().all(|step| step.fps == 30.0 && !step.paused), "{heights:?}");
        let least = run.settled(5.0, 90_000);
        assert_eq!((least.width, least.height, least.fps), (320, 180, 15.0));
    }

    #[test]
    fn a_screen_gives_pictures_away_and_keeps_its_pixels() {
        let mut run = Run::new(SCREEN);
        let (fast, slow, slowest) =
            (run.settled(5.0, 3_000_000), run.settled(5.0, 1_400_000), run.settled(5.0, 700_000));
        assert_eq!((fast.height, fast.fps), (1080, 30.0));
        assert_eq!((slow.height, slow.fps), (1080, 15.0));
        assert_eq!(slowest.height, 1080);
        assert!(slowest.fps < 6.0, "{slowest:?}");
        assert!(run.settled(5.0, 150_000).height < 1080);
    }

    #[test]
    fn down_at_once_and_up_when_it_lasts() {
        let mut run = Run::new(CAMERA);
        run.settled(1.0, 2_500_000);
        assert_eq!(run.taken(0.1, 400_000).len(), 1, "no step between");
        assert_eq!(run.settled(0.1, 400_000).height, 360);
        assert_eq!(run.settled(0.15, 2_500_000).height, 360);
        assert_eq!(run.settled(0.15, 2_500_000).height, 720, "over all steps, for there is plenty");
        let mut run = Run::new(CAMERA);
        run.settled(5.0, 500_000);
        assert_eq!(run.settled(0.5, 1_000_000).height, 360);
        assert_eq!(run.settled(0.3, 1_000_000).height, 540, "just enough must last");
    }

    #[test]
    fn less_for_a_moment_changes_nothing_and_next_to_nothing_does() {
        let mut run = Run::new(CAMERA);
        run.settled(5.0, 1_500_000);
        assert_eq!(run.settled(0.3, 700_000).height, 720, "a queue is drained");
        assert_eq!(run.settled(5.0, 1_500_000).height, 720);
        assert_eq!(run.settled(0.6, 700_000).height, 540, "it lasts");
        run.settled(5.0, 1_500_000);
        assert_eq!(run.settled(0.05, 300_000).height, 270);
    }

    #[test]
    fn what_failed_before_is_no_bar_where_there_is_plenty() {
        let mut run = Run::new(CAMERA);
        run.settled(5.0, 500_000);
        for _ in 0..4 {
            run.settled(3.0, 500_000);
            run.settled(1.0, 200_000);
        }
        assert_eq!(run.settled(0.8, 2_500_000).height, 720);
    }

    #[test]
    fn a_bitrate_that_swings_makes_it_patient() {
        let mut run = Run::new(CAMERA);
        run.settled(5.0, 2_500_000);
        let mut taken = Vec::new();
        for _ in 0..60 {
            taken.extend(run.taken(1.5, 1_500_000));
            taken.extend(run.taken(0.5, 500_000));
        }
        taken.dedup();
        let changes = taken.len() - 1;
        assert!(changes <= 5, "{changes} in two minutes");
        assert_eq!(run.settled(20.0, 2_500_000).height, 720, "for all that it comes back");
    }

    #[test]
    fn noise_around_a_border_changes_nothing() {
        let mut run = Run::new(CAMERA);
        run.settled(5.0, 800_000);
        let mut taken = Vec::new();
        for n in 0..600 {
            taken.extend(run.taken(0.1, if n % 3 == 0 { 720_000 } else { 860_000 }));
        }
        taken.dedup();
        assert_eq!(taken.len(), 1, "{taken:?}");
    }

    #[test]
    fn without_bits_it_pauses_and_returns_by_itself() {
        let mut run = Run::new(CAMERA);
        run.settled(5.0, 400_000);
        assert!(!run.settled(1.5, 25_000).paused, "a moment is none");
        let paused = run.settled(3.0, 25_000);
        assert!(paused.paused && paused.fps < 1.0);
        assert!(run.settled(10.0, 40_000).paused);
        assert!(!run.settled(3.0, 100_000).paused);
        assert_eq!(run.settled(3.0, 1_500_000).height, 720);
    }

    #[test]
    fn what_the_computer_cannot_make_is_left_out_whatever_the_path_carries() {
        let (mut ladder, now) = (Ladder::default(), Instant::now());
        let mut step = |bps, left_out| ladder.step(now, CAMERA, bps, left_out);
        let (whole, spared) = (step(2_500_000, 0), step(2_500_000, 2));
        assert_eq!((whole.height, whole.spared, spared.height, spared.spared), (720, false, 360, true));
        let least = step(2_500_000, 99);
        assert_eq!((least.height, least.fps, least.spared), (180, 15.0, true));
        assert!(!step(300_000, 1).spared, "the path carries no more than that");
        let works = ladder.works();
        assert!(works.windows(2).all(|pair| pair[1] < pair[0]) && works.len() == 6, "{works:?}");
        assert_eq!((ladder.place(&whole), ladder.place(&spared), ladder.place(&least)), (0, 2, 5));
    }

    #[test]
    fn every_source_has_a_step() {
        for (width, height) in [(16, 16), (64, 48), (160, 90), (90, 160), (641, 359), (3840, 2160)] {
            for kind in [VideoKind::Camera, VideoKind::Display] {
                let mut run = Run::new(Source { width, height, fps: 30.0, kind });
                for bps in [0, 50_000, 500_000, u32::MAX] {
                    let step = run.settled(30.0, bps);
                    assert!(step.width <= width && step.height <= height && step.fps > 0.0, "{step:?}");
                }
                assert_eq!(run.settled(30.0, u32::MAX).width, width);
            }
        }
    }
}
