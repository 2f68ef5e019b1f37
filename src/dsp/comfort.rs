//! Comfort noise: while somebody's microphone sends nothing on purpose (discontinuous transmission), the room that was
//! heard before goes on, so that the pause does not sound like a call that broke.
//!
//! The last tenth of a second before a pause is what a sender sends to show the room: its loudness and the rough shape of
//! its spectrum (linear prediction, as RFC 3389 does with explicit packets) are kept and given to white noise. Pure and
//! without randomness from outside: the noise comes from a generator of its own.

use std::collections::VecDeque;

/// Order of the prediction: the shape of a spectrum, not a voice.
const ORDER: usize = 10;
/// Frames remembered: a tenth of a second of 20 ms each.
const FRAMES: usize = 5;
/// Loudest noise made, RMS: −40 dBFS. A pause that would be louder than that was no room but somebody cut off.
const LOUDEST: f32 = 0.01;
/// Quieter than this, RMS, is digital silence (−80 dBFS): nothing is made of it.
const SILENT: f32 = 0.000_1;
/// Largest share of a sample's value that a reflection keeps; below 1 the filter is stable.
const STABLE: f32 = 0.98;

/// One frame as it is remembered.
#[derive(Debug, Clone, Copy)]
struct Shape {
    /// Autocorrelation a sample.
    correlation: [f32; ORDER + 1],
}

/// Learns what a room sounds like, and goes on with it.
#[derive(Debug)]
pub struct Comfort {
    frames: VecDeque<Shape>,
    filter: [f32; ORDER],
    /// RMS of what drives the filter.
    drive: f32,
    /// RMS of what is to be heard.
    level: f32,
    memory: [f32; ORDER],
    seed: u32,
}

impl Default for Comfort {
    fn default() -> Self {
        Self {
            frames: VecDeque::with_capacity(FRAMES),
            filter: [0.0; ORDER],
            drive: 0.0,
            level: 0.0,
            memory: [0.0; ORDER],
            seed: 0x1234_5678,
        }
    }
}

impl Comfort {
    /// Hears a decoded frame.
    pub fn learn(&mut self, frame: &[f32]) {
        if frame.len() <= ORDER {
            return;
        }
        let mut correlation = [0.0; ORDER + 1];
        for (lag, value) in correlation.iter_mut().enumerate() {
            *value = frame.iter().zip(&frame[lag..]).map(|(a, b)| a * b).sum::<f32>() / frame.len() as f32;
        }
        if self.frames.len() == FRAMES {
            self.frames.pop_front();
        }
        self.frames.push_back(Shape { correlation });
    }

    /// A pause begins: what was heard last is what the room sounds like.
    pub fn begin(&mut self) {
        let mut mean = [0.0; ORDER + 1];
        for frame in &self.frames {
            mean.iter_mut().zip(frame.correlation).for_each(|(mean, value)| *mean += value / self.frames.len() as f32);
        }
        (self.filter, self.drive, self.level) = ([0.0; ORDER], 0.0, 0.0);
        let level = mean[0].max(0.0).sqrt();
        if !level.is_finite() || level < SILENT {
            return;
        }
        // A little white noise under it keeps the recursion well conditioned.
        mean[0] *= 1.001;
        let (filter, residual) = predict(&mean);
        let quieter = (LOUDEST / level).min(1.0);
        (self.filter, self.drive, self.level) = (filter, residual.max(0.0).sqrt() * quieter, level * quieter);
    }

    /// Brings sound that was made up in a pause to the loudness of the room: what is missing is added as noise.
    pub fn fill(&mut self, samples: &mut [f32]) {
        if self.level == 0.0 || samples.is_empty() {
            return;
        }
        let there = samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32;
        let missing = (1.0 - there / (self.level * self.level)).clamp(0.0, 1.0).sqrt();
        for sample in samples {
            let next = self.next();
            *sample += next * missing;
        }
    }

    fn next(&mut self) -> f32 {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Uniform, with a variance of 1.
        let white = (self.seed >> 8) as f32 / (1u32 << 23) as f32 - 1.0;
        let mut next = white * 3.0f32.sqrt() * self.drive;
        for (weight, past) in self.filter.iter().zip(&self.memory) {
            next += weight * past;
        }
        self.memory.rotate_right(1);
        self.memory[0] = next;
        next
    }
}

/// Weights of the past samples that predict the next one best, and the power of what they leave (Levinson and Durbin).
fn predict(correlation: &[f32; ORDER + 1]) -> ([f32; ORDER], f32) {
    let mut weights = [0.0f32; ORDER];
    let mut error = correlation[0];
    for order in 0..ORDER {
        let mut sum = correlation[order + 1];
        for lag in 0..order {
            sum -= weights[lag] * correlation[order - lag];
        }
        let reflection = (sum / error).clamp(-STABLE, STABLE);
        let before = weights;
        weights[order] = reflection;
        for lag in 0..order {
            weights[lag] = before[lag] - reflection * before[order - 1 - lag];
        }
        error *= 1.0 - reflection * reflection;
    }
    (weights, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::rms;

    /// Noise through a simple low-pass, at about this RMS.
    fn room(level: f32, seconds: f32) -> Vec<f32> {
        let (mut state, mut held) = (7u32, 0.0f32);
        let raw: Vec<f32> = (0..(seconds * 48_000.0) as usize)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                held += 0.1 * (state as f32 / u32::MAX as f32 - 0.5 - held);
                held
            })
            .collect();
        let scale = level / rms(&raw);
        raw.iter().map(|s| s * scale).collect()
    }

    /// How much of it is between one sample and the next: low for dull sounds.
    fn roughness(samples: &[f32]) -> f32 {
        let steps: Vec<f32> = samples.windows(2).map(|w| w[1] - w[0]).collect();
        rms(&steps) / rms(samples)
    }

    #[test]
    fn the_room_goes_on_as_loud_and_as_dull_as_it_was() {
        let heard = room(0.002, 0.5);
        let mut comfort = Comfort::default();
        heard.chunks(960).for_each(|frame| comfort.learn(frame));
        comfort.begin();
        let mut made = vec![0.0; 48_000];
        made.chunks_mut(480).for_each(|tick| comfort.fill(tick));
        let louder = 20.0 * (rms(&made) / 0.002).log10();
        assert!(louder.abs() < 2.0, "{louder} dB");
        assert!((roughness(&made) / roughness(&heard) - 1.0).abs() < 0.3, "{} {}", roughness(&made), roughness(&heard));
    }

    #[test]
    fn what_is_loud_enough_is_left_alone_and_silence_stays_silent() {
        let mut comfort = Comfort::default();
        comfort.begin();
        let mut silence = [0.0; 480];
        comfort.fill(&mut silence);
        assert_eq!(silence, [0.0; 480]);
        room(0.002, 0.2).chunks(960).for_each(|frame| comfort.learn(frame));
        comfort.begin();
        let mut loud = [0.01; 480];
        comfort.fill(&mut loud);
        assert_eq!(loud, [0.01; 480]);
    }

    #[test]
    fn somebody_cut_off_does_not_drone_on() {
        let mut comfort = Comfort::default();
        room(0.2, 0.2).chunks(960).for_each(|frame| comfort.learn(frame));
        comfort.begin();
        let mut made = vec![0.0; 9_600];
        made.chunks_mut(480).for_each(|tick| comfort.fill(tick));
        assert!(rms(&made) < 2.0 * LOUDEST, "{}", rms(&made));
    }
}
