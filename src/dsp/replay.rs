//! “Say that again”: the last twenty seconds of what was heard, in memory only, to be played once more over what goes
//! on, which is lowered meanwhile and kept all the same.
//!
//! Invariants: never more than [`LONGEST`] and never more memory than at the start; a replay ends at the moment it was
//! asked for, it does not run after the present for ever; what is erased is overwritten, not only forgotten.

use std::time::Duration;

use crate::dsp::mix;
use crate::model::sound::{RATE, SILENCE, TICK, Tick};

/// How much is kept.
pub const LONGEST: Duration = Duration::from_secs(20);

/// The same in ticks of 10 ms.
const TICKS: u64 = LONGEST.as_secs() * (RATE as u64) / TICK as u64;

/// What goes on is played at this share (−12 dB) while something is played again.
const LOWERED: f32 = 0.25;

/// How much of the way from live to replay one tick goes: 50 ms for all of it, so that nothing clicks.
const STEP: f32 = 0.2;

/// Ticks that the way back takes.
const FADE: u64 = 5;

/// Something is being played again: ticks by number, from the first ever heard.
#[derive(Debug, Clone, Copy)]
struct Playing {
    next: u64,
    end: u64,
}

/// See the module. Two megabytes, for as long as it lives.
pub struct Replay {
    /// Ticks, number `n` at place `n % TICKS`.
    kept: Box<[i16]>,
    /// Ticks that are kept, and ticks heard ever.
    full: u64,
    heard: u64,
    playing: Option<Playing>,
    /// Asked to stop: only to fade out.
    stopping: bool,
    /// How far from live (0) to replay (1).
    share: f32,
}

impl Default for Replay {
    fn default() -> Self {
        Self {
            kept: vec![0; TICKS as usize * TICK].into_boxed_slice(),
            full: 0,
            heard: 0,
            playing: None,
            stopping: false,
            share: 0.0,
        }
    }
}

impl Replay {
    /// Keeps these 10 ms of what is heard. While something is played again, it comes out over them, and they are lowered.
    pub fn hear(&mut self, live: &mut Tick) {
        let again = self.next();
        let mut whole = *live;
        mix::limit(&mut whole);
        let place = self.place(self.heard);
        for (kept, sample) in self.kept[place].iter_mut().zip(whole) {
            *kept = (sample * f32::from(i16::MAX)) as i16;
        }
        self.heard += 1;
        self.full = (self.full + 1).min(TICKS);
        let (from, to) = (self.share, again.map_or(0.0, |(_, share)| share));
        self.share = to;
        if from == 0.0 && to == 0.0 {
            return;
        }
        let live_gain = |share: f32| 1.0 - share * (1.0 - LOWERED);
        mix::glide(live, live_gain(from), live_gain(to));
        let mut again = again.map_or(SILENCE, |(tick, _)| tick);
        mix::glide(&mut again, from, to);
        mix::add(live, &again, 1.0);
    }

    /// Plays all that is kept, from its beginning up to now; nothing where nothing is.
    pub fn play(&mut self) {
        self.playing = (self.full > 0).then_some(Playing { next: self.heard - self.full, end: self.heard });
        self.stopping = false;
    }

    /// Plays no more.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// How much is still to come; `None` while nothing is played again.
    pub fn left(&self) -> Option<Duration> {
        let playing = self.playing.filter(|_| !self.stopping)?;
        Some(Duration::from_millis(10 * (playing.end - playing.next)))
    }

    /// Forgets everything, without a trace in memory.
    pub fn erase(&mut self) {
        self.kept.fill(0);
        // Else the compiler may leave it out where the memory is given back next.
        std::hint::black_box(&self.kept);
        (self.full, self.playing, self.share) = (0, None, 0.0);
    }

    /// The next 10 ms to play again, and the share they come at.
    fn next(&mut self) -> Option<(Tick, f32)> {
        let playing = self.playing.as_mut()?;
        let last = playing.end - playing.next;
        let share = if self.stopping || last <= FADE { self.share - STEP } else { self.share + STEP }.clamp(0.0, 1.0);
        if last == 0 || (self.stopping && self.share == 0.0) {
            (self.playing, self.stopping) = (None, false);
            return None;
        }
        let number = playing.next;
        playing.next += 1;
        let mut tick = SILENCE;
        for (sample, kept) in tick.iter_mut().zip(&self.kept[self.place(number)]) {
            *sample = f32::from(*kept) / f32::from(i16::MAX);
        }
        Some((tick, share))
    }

    fn place(&self, tick: u64) -> std::ops::Range<usize> {
        let start = (tick % TICKS) as usize * TICK;
        start..start + TICK
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.erase();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::tone::{Sine, tone_level};

    /// What is heard while so many seconds of this tone come.
    fn heard(replay: &mut Replay, hertz: f64, seconds: f64) -> Vec<f32> {
        let mut sine = Sine::new(hertz, -20.0);
        let mut out = Vec::new();
        for _ in 0..(seconds * 100.0) as usize {
            let mut tick = SILENCE;
            sine.fill(&mut tick);
            replay.hear(&mut tick);
            out.extend_from_slice(&tick);
        }
        out
    }

    fn level(samples: &[f32], hertz: f64) -> f64 {
        tone_level(samples, hertz).unwrap_or(-200.0)
    }

    const SECOND: usize = RATE as usize;

    #[test]
    fn the_last_twenty_seconds_come_again_over_lowered_live_sound() {
        let mut replay = Replay::default();
        heard(&mut replay, 300.0, 7.0);
        heard(&mut replay, 400.0, 10.0);
        let live = heard(&mut replay, 500.0, 10.0);
        assert!((level(&live[..SECOND], 500.0) + 20.0).abs() < 0.1, "left alone");
        assert_eq!(replay.left(), None);
        replay.play();
        assert_eq!(replay.left(), Some(LONGEST));
        let first = heard(&mut replay, 800.0, 10.0);
        let middle = &first[SECOND..9 * SECOND];
        assert!((level(middle, 400.0) + 20.0).abs() < 0.1, "{}", level(middle, 400.0));
        assert!((level(middle, 800.0) + 32.0).abs() < 0.1, "{}", level(middle, 800.0));
        assert!(level(middle, 300.0) < -70.0, "older than twenty seconds");
        assert_eq!(replay.left(), Some(LONGEST / 2));
        let second = heard(&mut replay, 800.0, 10.0);
        assert!((level(&second[..9 * SECOND], 500.0) + 20.0).abs() < 0.1);
        assert_eq!(replay.left(), Some(Duration::ZERO));
        let after = heard(&mut replay, 800.0, 1.0);
        assert_eq!(replay.left(), None);
        assert!((level(&after, 800.0) + 20.0).abs() < 0.1, "live sound is back");
        assert!(level(&after, 500.0) < -70.0 && level(&after, 400.0) < -70.0);
        // What went on meanwhile was kept as it came, not as it was played.
        replay.play();
        let again = heard(&mut replay, 300.0, 20.0);
        assert!((level(&again[SECOND..19 * SECOND], 800.0) + 20.0).abs() < 0.1);
        assert!(level(&again[SECOND..19 * SECOND], 500.0) < -70.0);
    }

    #[test]
    fn it_stops_at_once_and_softly_and_begins_anew() {
        let mut replay = Replay::default();
        replay.play();
        assert_eq!(replay.left(), None, "there is nothing yet");
        heard(&mut replay, 400.0, 3.0);
        replay.play();
        heard(&mut replay, 800.0, 1.0);
        replay.stop();
        assert_eq!(replay.left(), None);
        let fading = heard(&mut replay, 800.0, 0.1);
        let steps = fading.windows(2).map(|two| (two[1] - two[0]).abs()).fold(0.0, f32::max);
        assert!(steps < 0.04, "no click: {steps}");
        let after = heard(&mut replay, 800.0, 1.0);
        assert!(level(&after, 400.0) < -70.0 && (level(&after, 800.0) + 20.0).abs() < 0.1);
        replay.play();
        assert_eq!(replay.left(), Some(Duration::from_millis(5100)));
        let again = heard(&mut replay, 900.0, 2.0);
        assert!((level(&again[SECOND / 2..], 400.0) + 20.0).abs() < 0.1, "from its beginning");
    }

    #[test]
    fn what_is_erased_is_gone_and_memory_does_not_grow() {
        let mut replay = Replay::default();
        let size = replay.kept.len();
        heard(&mut replay, 400.0, 45.0);
        replay.play();
        heard(&mut replay, 400.0, 1.0);
        assert_eq!((replay.kept.len(), size * 2), (size, 2 * 20 * SECOND));
        replay.erase();
        assert!(replay.kept.iter().all(|sample| *sample == 0));
        replay.play();
        assert_eq!(replay.left(), None);
        let after = heard(&mut replay, 800.0, 1.0);
        assert!(level(&after, 400.0) < -100.0 && (level(&after, 800.0) + 20.0).abs() < 0.1);
        replay.play();
        assert_eq!(replay.left(), Some(Duration::from_secs(1)), "only what came since");
    }

    #[test]
    fn loud_sound_does_not_wrap_around() {
        let mut replay = Replay::default();
        for _ in 0..10 {
            replay.hear(&mut [3.0; TICK]);
        }
        replay.play();
        let mut tick = SILENCE;
        for _ in 0..3 {
            tick = SILENCE;
            replay.hear(&mut tick);
        }
        assert!(tick.iter().all(|sample| (0.0..=1.0).contains(sample)), "{tick:?}");
    }
}
