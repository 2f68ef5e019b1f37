//! Somebody who talks: espeak-ng where it is installed, else a voice of pulses, formants and hisses.

use std::f32::consts::TAU;
use std::io::Cursor;
use std::process::Command;

use visavis::dsp::resample::Resampler;
use visavis::dsp::wav;

use crate::signal::{Dice, power};

/// RMS of all speech here while it speaks, about −23 dBFS in all.
const LOUD: f32 = 0.07;

/// Who talks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// On the far side.
    Far,
    /// In the room.
    Near,
}

const FAR: &str = "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. It is easy to tell the \
    depth of a well. These days a chicken leg is a rare dish. Rice is often served in round bowls. The juice of lemons \
    makes fine punch. The box was thrown beside the parked truck. The hogs were fed chopped corn and garbage.";
const NEAR: &str = "A large size in stockings is hard to sell. The boy was there when the sun rose. A rod is used to catch \
    pink salmon. The source of the huge river is the clear spring. Kick the ball straight and follow through. Help the \
    woman get back to her feet. A pot of tea helps to pass the evening. Smoky fires lack flame and heat.";

/// What the speech of this run is made by.
pub fn maker() -> &'static str {
    if espeak(Who::Far).is_some() { "espeak-ng" } else { "a synthetic voice (espeak-ng is not installed)" }
}

/// So many seconds of speech.
pub fn speech(who: Who, seconds: usize) -> Vec<f32> {
    let mut said = espeak(who).unwrap_or_else(|| synthetic(who, seconds));
    let once = said.clone();
    while said.len() < seconds * 48_000 {
        said.extend_from_slice(&once);
    }
    said.truncate(seconds * 48_000);
    let gain = LOUD / (power(&said).sqrt() as f32).max(1e-6);
    said.iter_mut().for_each(|s| *s = (*s * gain).clamp(-1.0, 1.0));
    said
}

fn espeak(who: Who) -> Option<Vec<f32>> {
    let (voice, pitch, text) = match who {
        Who::Far => ("en+m3", "40", FAR),
        Who::Near => ("en+f2", "60", NEAR),
    };
    let made = Command::new("espeak-ng").args(["-v", voice, "-p", pitch, "--stdout", text]).output().ok()?;
    let (rate, samples) = wav::read_all(Cursor::new(made.stdout)).ok()?;
    let mut out = Vec::new();
    Resampler::new(rate, 48_000).ok()?.push(&samples, &mut out);
    // Begins at once.
    let first = out.iter().position(|s| s.abs() > 0.02)?;
    out.drain(..first);
    Some(out)
}

struct Formant(f32, f32, f32, f32, f32);

impl Formant {
    fn new(hertz: f32, width: f32) -> Self {
        let r = (-std::f32::consts::PI * width / 48_000.0).exp();
        Self(2.0 * r * (TAU * hertz / 48_000.0).cos(), -r * r, 1.0 - r, 0.0, 0.0)
    }

    fn filter(&mut self, x: f32) -> f32 {
        let y = self.2 * x + self.0 * self.3 + self.1 * self.4;
        (self.4, self.3) = (self.3, y);
        y
    }
}

fn synthetic(who: Who, seconds: usize) -> Vec<f32> {
    let (seed, base, tract) = match who {
        Who::Far => (11, 110.0, 1.0),
        Who::Near => (23, 205.0, 1.17),
    };
    let mut dice = Dice(seed);
    let vowels =
        [[730.0, 1_090.0, 2_440.0], [270.0, 2_290.0, 3_010.0], [300.0, 870.0, 2_240.0], [530.0, 1_840.0, 2_480.0]];
    let (mut out, mut phase) = (Vec::new(), 0.0f32);
    while out.len() < seconds * 48_000 {
        for syllable in 0..7 {
            let vowel = vowels[(dice.even().abs() * 3.99) as usize];
            let mut formants: Vec<_> =
                vowel.iter().enumerate().map(|(n, f)| Formant::new(f * tract, 60.0 + 40.0 * n as f32)).collect();
            let mut hiss = Formant::new(5_200.0 * tract, 2_500.0);
            let consonant = 1_900 + (dice.even().abs() * 2_400.0) as usize;
            for n in 0..consonant {
                let shape = (std::f32::consts::PI * n as f32 / consonant as f32).sin();
                out.push(0.25 * shape * hiss.filter(dice.even()));
            }
            let length = 5_500 + (dice.even().abs() * 5_000.0) as usize;
            let pitch = base * (1.0 - 0.03 * syllable as f32) * (1.0 + 0.08 * dice.even());
            for n in 0..length {
                phase += pitch * (1.0 + 0.04 * (n as f32 / length as f32)) / 48_000.0;
                phase -= phase.floor();
                // A pulse that opens slowly and closes fast, with a little breath.
                let pulse = if phase < 0.6 { (phase / 0.6).powi(2) - 0.33 } else { -0.33 } + 0.03 * dice.even();
                let shape = (n as f32 / 900.0).min((length - n) as f32 / 1_500.0).min(1.0);
                let voiced: f32 = formants.iter_mut().map(|f| f.filter(pulse)).sum();
                out.push(shape * voiced * 2.0);
            }
        }
        out.extend(std::iter::repeat_n(0.0, 9_600 + (dice.even().abs() * 19_000.0) as usize));
    }
    out
}
