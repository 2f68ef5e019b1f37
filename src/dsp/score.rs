//! The program's own sounds as they are written in `assets/sounds`: a few lines of text each, rendered here.
//!
//! ```text
//! # what it is for
//! length 3.0              seconds in all, with the pause where it repeats
//! bell 659.3 0.16 0.22    a struck note that rings out: hertz, seconds from the start, loudness (0…1)
//! tone 425 0.0 1.0 0.08   a steady note with soft edges: hertz, start, end, loudness
//! ```

use std::f32::consts::TAU;

use crate::model::sound::RATE;

/// A struck note: overtone, its share, and how fast it dies away, 1/s. The high ones are short, as of wood.
const PARTIALS: [(f32, f32, f32); 3] = [(1.0, 0.8, 6.0), (2.0, 0.15, 9.0), (3.0, 0.05, 16.0)];

/// How long a note takes to begin, seconds.
const ATTACK: f32 = 0.006;

/// Soft edge of a steady note, seconds.
const EDGE: f32 = 0.02;

/// Longest sound, seconds.
const LONGEST: f32 = 10.0;

/// What is wrong with a score.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScoreError {
    /// No line of the kinds above.
    #[error("line {0} is neither “length”, “bell” nor “tone” with its numbers")]
    Line(usize),
    /// Missing, or out of bounds.
    #[error("the first line must be “length” with 0 to {LONGEST} seconds")]
    Length,
}

/// Renders a score: 48 kHz mono.
///
/// # Errors
/// [`ScoreError`], with the line.
pub fn render(score: &str) -> Result<Vec<f32>, ScoreError> {
    let mut out: Option<Vec<f32>> = None;
    for (n, line) in score.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(what) = words.next() else { continue };
        let numbers: Option<Vec<f32>> = words.map(|word| word.parse().ok().filter(|n: &f32| n.is_finite())).collect();
        let numbers = numbers.ok_or(ScoreError::Line(n + 1))?;
        match (what, &numbers[..], &mut out) {
            ("length", [seconds], None) if (0.0..=LONGEST).contains(seconds) => {
                out = Some(vec![0.0; (seconds * RATE as f32) as usize]);
            }
            (_, _, None) => return Err(ScoreError::Length),
            ("bell", &[hertz, start, loud], Some(out)) => bell(out, hertz, start, loud),
            ("tone", &[hertz, start, end, loud], Some(out)) => tone(out, hertz, start, end, loud),
            _ => return Err(ScoreError::Line(n + 1)),
        }
    }
    let mut out = out.ok_or(ScoreError::Length)?;
    fade_out(&mut out);
    Ok(out)
}

/// Samples from `start` on, each with the seconds since.
fn from(out: &mut [f32], start: f32) -> impl Iterator<Item = (f32, &mut f32)> {
    let first = (start.max(0.0) * RATE as f32) as usize;
    out.iter_mut().skip(first).enumerate().map(|(n, sample)| (n as f32 / RATE as f32, sample))
}

fn bell(out: &mut [f32], hertz: f32, start: f32, loud: f32) {
    for (t, sample) in from(out, start) {
        let strike = loud * (t / ATTACK).min(1.0);
        for (overtone, share, decay) in PARTIALS {
            *sample += strike * share * (-t * decay).exp() * (TAU * hertz * overtone * t).sin();
        }
    }
}

fn tone(out: &mut [f32], hertz: f32, start: f32, end: f32, loud: f32) {
    for (t, sample) in from(out, start) {
        let edge = (t / EDGE).min((end - start - t) / EDGE).clamp(0.0, 1.0);
        *sample += loud * edge * (TAU * hertz * t).sin();
    }
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
    use crate::dsp::tone::tone_level;

    #[test]
    fn notes_are_where_they_are_written() {
        let score = "# two notes\nlength 1.0\n\nbell 500 0.0 0.2 # struck\ntone 1000 0.5 0.9 0.1\n";
        let samples = render(score).unwrap();
        assert_eq!(samples.len(), RATE as usize);
        let level = |from: f32, to: f32, hertz| {
            let at = |t: f32| (t * RATE as f32) as usize;
            tone_level(&samples[at(from)..at(to)], hertz).unwrap_or(-200.0)
        };
        assert!(level(0.0, 0.2, 500.0) > -25.0 && level(0.0, 0.4, 1000.0) < -35.0);
        assert!((level(0.55, 0.85, 1000.0) + 23.0).abs() < 0.5);
        assert!(level(0.92, 1.0, 1000.0) < -40.0);
    }

    #[test]
    fn a_wrong_line_is_named() {
        assert_eq!(render(""), Err(ScoreError::Length));
        assert_eq!(render("bell 500 0 0.2"), Err(ScoreError::Length));
        assert_eq!(render("length 99"), Err(ScoreError::Length));
        for wrong in ["bell 500 0", "bell x 0 0.2", "tone 500 0 1", "length 1", "drum 1 2 3", "bell NaN 0 0.2"] {
            assert_eq!(render(&format!("length 1\n{wrong}")), Err(ScoreError::Line(2)), "{wrong}");
        }
    }
}
