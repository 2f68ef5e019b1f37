//! Keeps sound below full scale without cutting its tops off: it is turned down a millisecond before a peak and comes
//! back slowly.
//!
//! Invariants: gives what it takes, [`LATENCY`] samples later; never above [`CEILING`]; sound that stays below passes
//! unchanged. What is no number becomes silence.

use crate::dsp::level::peak;
use crate::model::sound::{TICK, Tick};

/// Samples looked ahead: 1 ms.
pub const LATENCY: usize = TICK / 10;
/// Loudest that comes out: −0.4 dBFS, so that a coder may overshoot a little.
pub const CEILING: f32 = 0.95;
/// How much of the way back the gain goes in each millisecond: a tenth of a second in all.
const RELEASE: f32 = 0.02;

/// A limiter of one or two channels, which are turned down together.
#[derive(Debug, Clone)]
pub struct Limiter {
    held: [[f32; LATENCY]; 2],
    /// Gain at the end of what has come out.
    gain: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { held: [[0.0; LATENCY]; 2], gain: 1.0 }
    }
}

/// The gain that brings these samples to the ceiling.
fn needed(samples: &[f32]) -> f32 {
    let peak = peak(samples);
    if peak > CEILING { CEILING / peak } else { 1.0 }
}

impl Limiter {
    /// Limits 10 ms of one channel (mono) or both. Where a channel is missing, it is as if it were silent.
    pub fn process(&mut self, channels: &mut [&mut Tick]) {
        for part in 0..TICK / LATENCY {
            let range = part * LATENCY..(part + 1) * LATENCY;
            let mut aim = self.gain + (1.0 - self.gain) * RELEASE;
            if aim > 0.999 {
                aim = 1.0;
            }
            for (held, tick) in self.held.iter().zip(channels.iter_mut()) {
                let next = &mut tick[range.clone()];
                next.iter_mut().filter(|s| !s.is_finite()).for_each(|s| *s = 0.0);
                // At the end of what is held, it is to be low enough for both that and what comes next.
                aim = aim.min(needed(held)).min(needed(next));
            }
            let from = self.gain;
            self.gain = aim;
            for (held, tick) in self.held.iter_mut().zip(channels.iter_mut()) {
                let next = &mut tick[range.clone()];
                next.swap_with_slice(held);
                if from != 1.0 || aim != 1.0 {
                    for (n, sample) in next.iter_mut().enumerate() {
                        *sample *= from + (aim - from) * (n + 1) as f32 / LATENCY as f32;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::rms;
    use crate::dsp::tone::{Sine, tone_level};
    use crate::model::sound::SILENCE;

    fn run(limiter: &mut Limiter, level: f64, ticks: usize) -> Vec<f32> {
        let (mut sine, mut out) = (Sine::new(300.0, level), Vec::new());
        for _ in 0..ticks {
            let mut tick = SILENCE;
            sine.fill(&mut tick);
            limiter.process(&mut [&mut tick]);
            out.extend_from_slice(&tick);
        }
        out
    }

    #[test]
    fn what_is_not_loud_passes_unchanged_a_millisecond_later() {
        let out = run(&mut Limiter::default(), -6.0, 10);
        let mut sine = Sine::new(300.0, -6.0);
        let mut before = vec![0.0; out.len()];
        sine.fill(&mut before);
        assert_eq!(out[LATENCY..], before[..out.len() - LATENCY]);
    }

    #[test]
    fn loud_sound_stays_whole_below_the_ceiling() {
        let out = run(&mut Limiter::default(), 6.0, 100);
        assert!(out.iter().all(|s| s.abs() <= CEILING + 1e-4), "{}", peak(&out));
        // A top cut off would put a tenth of the sound into other tones.
        let (tone, all) = (tone_level(&out[24_000..], 300.0).unwrap(), 20.0 * f64::from(rms(&out[24_000..])).log10());
        assert!(all - tone < 0.05, "{:.2} dB are not the tone", all - tone);
        let step = out.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(step < 0.1, "no step is heard: {step}");
    }

    #[test]
    fn a_peak_out_of_nothing_is_caught_and_forgotten() {
        let mut limiter = Limiter::default();
        run(&mut limiter, -20.0, 5);
        let mut bang = [0.0; TICK];
        bang[7] = 9.0;
        bang[9] = f32::NAN;
        limiter.process(&mut [&mut bang]);
        assert!(peak(&bang) <= CEILING + 1e-4 && peak(&bang) > 0.9 && bang.iter().all(|s| s.is_finite()));
        run(&mut limiter, -20.0, 100);
        let level = tone_level(&run(&mut limiter, -20.0, 48)[960..], 300.0).unwrap();
        assert!((level + 20.0).abs() < 0.2, "{level}");
    }

    #[test]
    fn both_channels_are_turned_down_together() {
        let mut limiter = Limiter::default();
        for _ in 0..10 {
            let (mut left, mut right) = ([1.9; TICK], [0.19; TICK]);
            limiter.process(&mut [&mut left, &mut right]);
            if limiter.gain < 0.51 {
                assert!((left[470] / right[470] - 10.0).abs() < 0.01);
            }
        }
        assert!(limiter.gain < 0.51);
    }
}
