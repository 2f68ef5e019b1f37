//! Several sounds on one speaker.

use crate::model::sound::{Pair, Tick};

/// Where the limiter begins to bend, of full scale.
const KNEE: f32 = 0.7;

/// Adds `from`, times `gain`, to `to`.
pub fn add(to: &mut [f32], from: &[f32], gain: f32) {
    for (sum, sample) in to.iter_mut().zip(from) {
        *sum += sample * gain;
    }
}

/// Keeps every sample inside ±1 without a hard corner: what is below the knee stays as it is, what is above comes
/// closer and closer to full scale. What is no number becomes silence.
pub fn limit(samples: &mut [f32]) {
    for sample in samples {
        let size = sample.abs();
        if !size.is_finite() {
            *sample = 0.0;
        } else if size > KNEE {
            let over = (size - KNEE) / (1.0 - KNEE);
            *sample = sample.signum() * (KNEE + (1.0 - KNEE) * over.tanh());
        }
    }
}

/// Both channels as one.
pub fn mono(pair: &Pair) -> Tick {
    let [left, right] = pair;
    std::array::from_fn(|n| (left[n] + right[n]) * 0.5)
}

/// A gain from 0…200 percent; more is taken as 200.
pub fn gain(percent: u8) -> f32 {
    f32::from(percent.min(200)) / 100.0
}

/// Multiplies with a gain that glides from `from` to `to`, so that no step is heard.
pub fn glide(samples: &mut [f32], from: f32, to: f32) {
    if from == to {
        if to != 1.0 {
            samples.iter_mut().for_each(|s| *s *= to);
        }
        return;
    }
    let length = samples.len() as f32;
    for (n, sample) in samples.iter_mut().enumerate() {
        *sample *= from + (to - from) * (n + 1) as f32 / length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_sound_passes_unchanged_and_loud_sound_stays_inside() {
        let mut samples = [0.5, -0.7, 0.9, -3.0, 100.0, f32::NAN, f32::INFINITY];
        limit(&mut samples);
        assert_eq!(samples[..2], [0.5, -0.7]);
        assert!(samples[2] > 0.7 && samples[2] < 0.9);
        assert!(samples.iter().all(|s| s.abs() <= 1.0));
        assert_eq!(samples[5..], [0.0, 0.0]);
    }

    #[test]
    fn sounds_add_up_with_their_gains() {
        let mut sum = [0.1, 0.2];
        add(&mut sum, &[0.2, 0.2], gain(200));
        assert_eq!(sum, [0.5, 0.6]);
        add(&mut sum, &[0.3, 0.3], gain(0));
        assert_eq!(sum, [0.5, 0.6]);
    }

    #[test]
    fn a_glide_ends_at_its_aim() {
        let mut samples = [1.0; 4];
        glide(&mut samples, 1.0, 0.0);
        assert_eq!(samples, [0.75, 0.5, 0.25, 0.0]);
        glide(&mut samples, 0.0, 0.0);
        assert_eq!(samples, [0.0; 4]);
    }
}
