//! The program's own sounds, computed when they are first wanted.

use std::f32::consts::TAU;

use crate::model::sound::RATE;

/// One of the program's own sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sound {
    /// Somebody calls. Repeats until stopped; plays on the ring device.
    Ring,
    /// It rings at the other side. Repeats until stopped.
    Ringback,
    /// “Can you hear this?”
    Test,
    /// A call has begun.
    Joined,
    /// A call has ended.
    Left,
    /// Something wants attention: a chat line.
    Message,
}

impl Sound {
    /// Whether it repeats until stopped.
    pub fn repeats(self) -> bool {
        matches!(self, Self::Ring | Self::Ringback)
    }

    /// Its samples, 48 kHz mono; a repeating one ends with its own pause.
    pub fn samples(self) -> Vec<f32> {
        match self {
            // Two rising triads, then a pause: 3 s.
            Self::Ring => {
                let notes = [(659.3, 0.00), (830.6, 0.16), (987.8, 0.32), (659.3, 0.62), (830.6, 0.78), (987.8, 0.94)];
                chimes(3.0, &notes, 0.22)
            }
            // The tone of a European exchange: 425 Hz, 1 s in 5 (ITU-T E.180).
            Self::Ringback => tone(5.0, 425.0, 0.0, 1.0, 0.08),
            Self::Test => chimes(1.6, &[(523.3, 0.0), (659.3, 0.25), (784.0, 0.5), (1046.5, 0.75)], 0.25),
            Self::Joined => chimes(0.6, &[(587.3, 0.0), (880.0, 0.12)], 0.15),
            Self::Left => chimes(0.6, &[(880.0, 0.0), (587.3, 0.12)], 0.15),
            Self::Message => chimes(0.4, &[(1174.7, 0.0)], 0.12),
        }
    }
}

fn silence(seconds: f32) -> Vec<f32> {
    vec![0.0; (seconds * RATE as f32) as usize]
}

/// Struck notes that ring out: (hertz, seconds from the start), each with a softer octave.
fn chimes(seconds: f32, notes: &[(f32, f32)], amplitude: f32) -> Vec<f32> {
    let mut out = silence(seconds);
    for &(hertz, start) in notes {
        let first = (start * RATE as f32) as usize;
        for (n, sample) in out.iter_mut().skip(first).enumerate() {
            let t = n as f32 / RATE as f32;
            let strike = (t / 0.004).min(1.0) * (-t * 7.0).exp();
            *sample += amplitude * strike * ((TAU * hertz * t).sin() + 0.25 * (TAU * 2.0 * hertz * t).sin());
        }
    }
    fade_out(&mut out);
    out
}

/// A tone from `start` to `end` seconds with soft edges.
fn tone(seconds: f32, hertz: f32, start: f32, end: f32, amplitude: f32) -> Vec<f32> {
    let mut out = silence(seconds);
    for (n, sample) in out.iter_mut().enumerate() {
        let t = n as f32 / RATE as f32;
        let edge = ((t - start) / 0.01).min((end - t) / 0.01).clamp(0.0, 1.0);
        *sample = amplitude * edge * (TAU * hertz * t).sin();
    }
    out
}

fn fade_out(samples: &mut [f32]) {
    let length = samples.len().min(RATE as usize / 100);
    let start = samples.len() - length;
    for (n, sample) in samples[start..].iter_mut().enumerate() {
        *sample *= 1.0 - (n + 1) as f32 / length as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::{peak, rms};

    #[test]
    fn every_sound_is_heard_without_clipping_and_ends_in_silence() {
        for sound in [Sound::Ring, Sound::Ringback, Sound::Test, Sound::Joined, Sound::Left, Sound::Message] {
            let samples = sound.samples();
            assert!(peak(&samples) < 0.9 && rms(&samples) > 0.005, "{sound:?}");
            assert!(samples.first().unwrap().abs() < 0.01 && samples.last().unwrap().abs() < 0.01, "{sound:?}");
        }
    }
}
