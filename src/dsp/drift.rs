//! Two clocks that do not run alike: how to keep what waits between them small and never empty.
//!
//! A sound card gives or takes samples by its own clock, the audio thread ticks by the system's. Between them waits a
//! little sound, the cushion. Its lowest level within a second is what could be spared; that is steered to an aim by
//! correcting the resampling ratio by parts of a thousand, which nobody hears.

use crate::model::sound::RATE;

/// Observations in one window: a second of ticks.
const WINDOW: u32 = 100;
/// What is always to be left, samples of 48 kHz: 10 ms, which is what a card gives or takes at once. Where the two
/// clocks pass each other, one such lump comes just after the tick instead of just before.
pub const AIM: usize = RATE as usize / 100;
/// So much more than the aim is cut off at once: 40 ms.
const FAR: usize = RATE as usize / 25;
/// A difference is steered away within about this many seconds.
const SECONDS: f64 = 5.0;
/// Part of each correction that is kept for good.
const LEARN: f64 = 0.05;
/// Corrections larger than this are not learnt from.
const SMALL: f64 = 0.001;
/// Largest correction, a share.
const MOST: f64 = 0.005;

/// What to do after a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Advice {
    /// Share by which to lengthen (`> 0`) or shorten what comes in.
    pub correction: f64,
    /// Samples to throw away at once; mostly 0.
    pub cut: usize,
}

/// Watches one cushion.
#[derive(Debug, Clone)]
pub struct Cushion {
    least: usize,
    seen: u32,
    /// How far the clocks are apart, as learnt: the share that is needed for ever.
    apart: f64,
}

impl Cushion {
    /// One that has seen nothing.
    pub fn new() -> Self {
        Self { least: usize::MAX, seen: 0, apart: 0.0 }
    }

    /// Takes the level (samples of 48 kHz left when it is lowest in a tick); advises once a second.
    pub fn observe(&mut self, left: usize) -> Option<Advice> {
        self.least = self.least.min(left);
        self.seen += 1;
        if self.seen < WINDOW {
            return None;
        }
        let least = self.least;
        (self.least, self.seen) = (usize::MAX, 0);
        let cut = if least > AIM + FAR { least - AIM } else { 0 };
        let surplus = (least - cut) as f64 - AIM as f64;
        let now = -surplus / f64::from(RATE) / SECONDS;
        // What is left from a start or a cut says nothing about the clocks.
        if now.abs() < SMALL {
            self.apart = (self.apart + now * LEARN).clamp(-MOST, MOST);
        }
        Some(Advice { correction: (self.apart + now).clamp(-MOST, MOST), cut })
    }
}

impl Default for Cushion {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device that gives `rate` samples a second in lumps, a reader that takes 480 a tick; returns (least level of
    /// the last ten seconds, highest, samples cut, ticks without enough).
    fn run(rate: f64, lump: f64, seconds: u32, start: f64) -> (f64, f64, usize, u32) {
        let (mut level, mut owed, mut correction) = (start, 0.0, 0.0);
        let (mut cushion, mut cut, mut empty) = (Cushion::new(), 0, 0);
        let (mut least, mut most) = (f64::MAX, 0.0f64);
        for tick in 0..seconds * 100 {
            owed += rate / 100.0;
            while owed >= lump {
                owed -= lump;
                level += lump * (1.0 + correction);
            }
            if level < 480.0 {
                empty += 1;
                continue;
            }
            level -= 480.0;
            if let Some(advice) = cushion.observe(level as usize) {
                correction = advice.correction;
                level -= advice.cut as f64;
                cut += advice.cut;
            }
            if tick >= (seconds - 10) * 100 {
                (least, most) = (least.min(level), most.max(level));
            }
        }
        (least, most, cut, empty)
    }

    #[test]
    fn a_clock_that_is_off_by_a_hundredth_of_a_percent_neither_starves_nor_piles_up() {
        // The last two are ten times as far off as any real clock: the first lump may come late once.
        for (rate, late) in [(47_995.0, 0), (48_000.0, 0), (48_005.0, 0), (48_050.0, 1), (47_950.0, 1)] {
            let (least, most, cut, empty) = run(rate, 480.0, 120, 960.0);
            assert!(cut == 0 && empty <= late, "{rate}: {empty}");
            assert!(least > 0.0 && most < 1_500.0, "{rate}: {least}…{most}");
        }
    }

    #[test]
    fn a_heap_is_cut_off_once() {
        let (_, most, cut, empty) = run(48_000.0, 480.0, 30, 20_000.0);
        assert!(cut > 15_000 && most < 1_500.0 && empty == 0, "{cut} {most}");
    }
}
