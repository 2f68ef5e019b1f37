//! Sine tones: made, and found again.

use std::f64::consts::TAU;

use crate::dsp::level::dbfs;
use crate::model::sound::RATE;

/// A sine whose phase is exact for ever: it is computed from the number of the sample, not summed up.
#[derive(Debug, Clone)]
pub struct Sine {
    hertz: f64,
    amplitude: f64,
    sample: u64,
}

impl Sine {
    /// `hertz` at an RMS of `rms_dbfs`, starting at phase 0.
    pub fn new(hertz: f64, rms_dbfs: f64) -> Self {
        Self { hertz, amplitude: 10f64.powf(rms_dbfs / 20.0) * std::f64::consts::SQRT_2, sample: 0 }
    }

    /// Writes the next samples.
    pub fn fill(&mut self, out: &mut [f32]) {
        for sample in out {
            *sample = (self.amplitude * (self.turns() * TAU).sin()) as f32;
            self.sample += 1;
        }
    }

    /// Full turns, without the whole ones: exact for whole frequencies, whatever the number of the sample.
    fn turns(&self) -> f64 {
        let rate = u64::from(RATE);
        let within = (self.sample % rate) as f64 * self.hertz / f64::from(RATE);
        let seconds = (self.sample / rate) as f64 * self.hertz;
        (within.fract() + seconds.fract()).fract()
    }
}

/// RMS of the part of `samples` (48 kHz) that is a sine of `hertz`, dBFS; `None` for none of it (Goertzel).
///
/// A full second tells tones 1 Hz apart; neighbours bleed in where fewer than a few periods are given.
pub fn tone_level(samples: &[f32], hertz: f64) -> Option<f64> {
    if samples.is_empty() {
        return None;
    }
    let step = TAU * hertz / f64::from(RATE);
    let (mut one, mut two) = (0.0f64, 0.0f64);
    for sample in samples {
        let next = f64::from(*sample) + 2.0 * step.cos() * one - two;
        (two, one) = (one, next);
    }
    let power = one * one + two * two - 2.0 * step.cos() * one * two;
    let amplitude = 2.0 * power.max(0.0).sqrt() / samples.len() as f64;
    dbfs((amplitude / std::f64::consts::SQRT_2) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_found_at_its_level_and_nowhere_else() {
        let mut samples = vec![0.0; 48_000];
        Sine::new(440.0, -20.0).fill(&mut samples);
        assert!((tone_level(&samples, 440.0).unwrap() + 20.0).abs() < 0.01);
        assert!(tone_level(&samples, 880.0).unwrap_or(-200.0) < -90.0);
        assert_eq!(tone_level(&[0.0; 480], 440.0), None);
        assert_eq!(tone_level(&[], 440.0), None);
    }

    #[test]
    fn the_phase_does_not_drift() {
        let mut early = Sine::new(441.5, -20.0);
        let mut late = Sine { sample: 48_000 * 2 * 1_000_000, ..early.clone() };
        let (mut a, mut b) = ([0.0; 100], [0.0; 100]);
        early.fill(&mut a);
        late.fill(&mut b);
        assert_eq!(a, b);
    }
}
