//! Two clocks that do not run alike: how to keep what waits between them small and never empty.
//!
//! A sound card gives or takes samples by its own clock, the audio thread ticks by the system's. Between them waits a
//! little sound, the cushion. Its lowest level within a second is what could be spared; that is steered to an aim by
//! correcting the resampling ratio by parts of a thousand, which nobody hears.
//!
//! How far the clocks are apart is learnt from the level as it would be if the card gave and took sample by sample, not
//! in lumps: without that a difference is seen only when a whole lump more or less is there, and correcting it then in
//! a hurry bends the path that an echo canceller has learnt.

use crate::model::sound::RATE;

/// Observations in one window: a second of ticks.
const WINDOW: u32 = 100;
/// What is always to be left, samples of 48 kHz: 10 ms, which is what a card gives or takes at once. Where the two
/// clocks pass each other, one such lump comes just after the tick instead of just before.
pub const AIM: usize = RATE as usize / 100;
/// So much more than the aim is cut off at once: 40 ms.
const FAR: usize = RATE as usize / 25;
/// A difference of the level is steered away within about this many seconds.
const SECONDS: f64 = 10.0;
/// Differences up to this many samples are left alone: a lump, which comes and goes by itself.
const SLACK: f64 = RATE as f64 / 100.0;
/// Share of what one window says of the clocks that is believed, beginning with clocks that are alike: a machine that was
/// a little late is more likely than a clock that is far off, and what is corrected wrongly bends the path as well.
const BELIEVED: f64 = 1.0 / 25.0;
/// Steeper changes of the level within a window, a share, say nothing about clocks: the machine stood still.
const STEEP: f64 = 0.003;
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
    /// Sum of the smooth levels of this window; mean of the one before.
    sum: f64,
    before: Option<f64>,
    /// The correction in force.
    correction: f64,
    /// How far the clocks are apart, as learnt: the share that is needed for ever.
    apart: f64,
}

impl Cushion {
    /// One that has seen nothing.
    pub fn new() -> Self {
        Self { least: usize::MAX, seen: 0, sum: 0.0, before: None, correction: 0.0, apart: 0.0 }
    }

    /// Takes the level (samples of 48 kHz left when it is lowest in a tick), and by how much it would be another one had
    /// the card gone on since its last lump (what a microphone has heard since, less what a speaker has played);
    /// advises once a second.
    pub fn observe(&mut self, left: usize, since: f64) -> Option<Advice> {
        self.least = self.least.min(left);
        self.sum += left as f64 + since;
        self.seen += 1;
        if self.seen < WINDOW {
            return None;
        }
        let (least, mean) = (self.least, self.sum / f64::from(WINDOW));
        (self.least, self.seen, self.sum) = (usize::MAX, 0, 0.0);
        let cut = if least > AIM + FAR { least - AIM } else { 0 };
        if let Some(before) = self.before {
            // Between the middles of two windows lies a second.
            let needed = self.correction - (mean - before) / f64::from(RATE);
            if (needed - self.apart).abs() < STEEP {
                self.apart = (self.apart + (needed - self.apart) * BELIEVED).clamp(-MOST, MOST);
            }
        }
        self.before = Some(mean - cut as f64);
        let surplus = (least - cut) as f64 - AIM as f64;
        // Too little is urgent, a little too much is not.
        let surplus = if surplus < 0.0 { surplus } else { (surplus - SLACK).max(0.0) };
        self.correction = (self.apart - surplus / f64::from(RATE) / SECONDS).clamp(-MOST, MOST);
        Some(Advice { correction: self.correction, cut })
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
    /// the last ten seconds, highest, samples cut, ticks without enough, largest correction after `learnt` seconds).
    fn run(rate: f64, lump: f64, seconds: u32, start: f64, learnt: u32) -> (f64, f64, usize, u32, f64) {
        let (mut level, mut owed, mut correction) = (start, 0.0, 0.0f64);
        let (mut cushion, mut cut, mut empty) = (Cushion::new(), 0, 0);
        let (mut least, mut most, mut steered) = (f64::MAX, 0.0f64, 0.0f64);
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
            if let Some(advice) = cushion.observe(level as usize, owed) {
                correction = advice.correction;
                level -= advice.cut as f64;
                cut += advice.cut;
                if tick > learnt * 100 {
                    steered = steered.max(correction.abs());
                }
            }
            if tick >= (seconds - 10) * 100 {
                (least, most) = (least.min(level), most.max(level));
            }
        }
        (least, most, cut, empty, steered)
    }

    #[test]
    fn a_clock_that_is_off_by_a_hundredth_of_a_percent_neither_starves_nor_piles_up() {
        // The last two are ten times as far off as any real clock: the first lump may come late once, and learning takes longer.
        for (rate, late, learnt) in
            [(47_995.0, 0, 30), (48_000.0, 0, 30), (48_005.0, 0, 30), (48_050.0, 1, 180), (47_950.0, 1, 180)]
        {
            let (least, most, cut, empty, steered) = run(rate, 480.0, 240, 960.0, learnt);
            assert!(cut == 0 && empty <= late, "{rate}: {empty}");
            assert!(least > 0.0 && most < 1_500.0, "{rate}: {least}…{most}");
            // Once learnt, it is corrected by what it is, without swings that an echo canceller would follow.
            assert!(steered < (rate / 48_000.0 - 1.0).abs() + 0.000_3, "{rate}: {steered}");
        }
    }

    #[test]
    fn a_heap_is_cut_off_once() {
        let (_, most, cut, empty, _) = run(48_000.0, 480.0, 30, 20_000.0, 30);
        assert!(cut > 15_000 && most < 1_500.0 && empty == 0, "{cut} {most}");
    }
}
