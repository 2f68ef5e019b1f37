//! Other rates to and from 48 kHz, and small corrections for clocks that do not run alike.
//!
//! Polynomial interpolation of the seventh degree: a few microseconds a tick. It has no filter of its own, so a file
//! with strong sound above half the lower rate folds it back; speech has next to none there.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Adjustable, Async, FixedAsync, PolynomialDegree, Resampler as _};

/// The rates cannot be brought together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{from} Hz cannot be turned into {to} Hz")]
pub struct RateError {
    /// Rate of the input, samples a second.
    pub from: u32,
    /// Rate of the output.
    pub to: u32,
}

/// Largest correction of the ratio, either way.
pub const MAX_CORRECTION: f64 = 0.01;

/// Rates a device or file may have, samples a second.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// A stream of mono samples at one rate turned into one at another; keeps what does not fill a chunk for later.
pub struct Resampler {
    inner: Async<f32>,
    waiting: Vec<f32>,
    scratch: Vec<f32>,
}

impl Resampler {
    /// From `from` to `to` samples a second.
    ///
    /// # Errors
    /// [`RateError`] for a rate outside 1…768 kHz.
    pub fn new(from: u32, to: u32) -> Result<Self, RateError> {
        let error = RateError { from, to };
        if !RATES.contains(&from) || !RATES.contains(&to) {
            return Err(error);
        }
        // 2.5 ms of the input: little waits for a chunk to fill.
        let chunk = (from as usize / 400).max(1);
        let ratio = f64::from(to) / f64::from(from);
        let relative = 1.0 + 2.0 * MAX_CORRECTION;
        let inner = Async::new_poly(ratio, relative, PolynomialDegree::Septic, chunk, 1, FixedAsync::Input)
            .map_err(|_| error)?;
        let scratch = vec![0.0; inner.output_frames_max()];
        Ok(Self { inner, waiting: Vec::new(), scratch })
    }

    /// Takes samples in and appends what comes out; over time that is `input · to / from` samples.
    pub fn push(&mut self, input: &[f32], out: &mut Vec<f32>) {
        self.waiting.extend_from_slice(input);
        let mut start = 0;
        loop {
            let need = self.inner.input_frames_next();
            let Some(chunk) = self.waiting.get(start..start + need) else { break };
            let room = self.scratch.len();
            // Sizes are right by construction; a refusal would lose one chunk of 2.5 ms.
            if let (Ok(from), Ok(mut to)) =
                (InterleavedSlice::new(chunk, 1, need), InterleavedSlice::new_mut(&mut self.scratch, 1, room))
                && let Ok((_, made)) = self.inner.process_into_buffer(&from, &mut to, None)
            {
                out.extend_from_slice(&self.scratch[..made]);
            }
            start += need.max(1);
        }
        self.waiting.drain(..start.min(self.waiting.len()));
    }

    /// Gives more (`> 0`) or fewer (`< 0`) samples than the rates say, as a share, at most ±[`MAX_CORRECTION`].
    pub fn correct(&mut self, share: f64) {
        let share = if share.is_finite() { share.clamp(-MAX_CORRECTION, MAX_CORRECTION) } else { 0.0 };
        // Within the range given at construction, so it cannot be refused.
        let _ = self.inner.set_resample_ratio_relative(1.0 + share, true);
    }
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::tone::{Sine, tone_level};

    #[test]
    fn a_tone_keeps_its_pitch_and_level_over_any_rate_and_back() {
        for rate in [8_000, 11_025, 16_000, 44_100, 48_000, 96_000, 192_000] {
            let mut there = Resampler::new(48_000, rate).unwrap();
            let mut back = Resampler::new(rate, 48_000).unwrap();
            let mut sine = Sine::new(440.0, -20.0);
            let (mut tick, mut middle, mut out) = ([0.0; 480], Vec::new(), Vec::new());
            for _ in 0..200 {
                sine.fill(&mut tick);
                middle.clear();
                there.push(&tick, &mut middle);
                back.push(&middle, &mut out);
            }
            assert!(out.len() > 94_000 && out.len() <= 96_100, "{rate}: {}", out.len());
            let level = tone_level(&out[24_000..72_000], 440.0).unwrap();
            assert!((level + 20.0).abs() < 0.3, "{rate}: {level}");
        }
    }

    #[test]
    fn a_correction_changes_how_much_comes_out() {
        let mut resampler = Resampler::new(48_000, 48_000).unwrap();
        resampler.correct(0.005);
        let mut out = Vec::new();
        for _ in 0..100 {
            resampler.push(&[0.0; 480], &mut out);
        }
        let more = out.len() as f64 / 48_000.0 - 1.0;
        assert!((more - 0.005).abs() < 0.001, "{more}");
    }

    #[test]
    fn absurd_rates_are_refused() {
        assert_eq!(Resampler::new(0, 48_000).err(), Some(RateError { from: 0, to: 48_000 }));
        assert!(Resampler::new(48_000, u32::MAX).is_err());
    }
}
