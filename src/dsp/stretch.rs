//! Takes one period of the sound out, or plays one twice, without changing its pitch (waveform-similarity overlap-add).

use crate::dsp::level::rms;

/// Samples over which two places are compared and faded into each other: 5 ms.
const WINDOW: usize = 240;
/// Shortest period tried: 2.5 ms.
const SHORTEST: usize = 120;
/// Longest period tried: 10 ms.
const LONGEST: usize = 480;
/// Less alike than this is heard as a stumble.
const ALIKE: f32 = 0.6;
/// Quieter than this (RMS), anything goes unnoticed.
const QUIET: f32 = 0.003;

/// Samples from the place on without which nothing can be taken out there: 15 ms.
pub const NEEDED: usize = LONGEST + WINDOW;

/// Samples before the place without which nothing can be put in there: 10 ms.
pub const PAST: usize = LONGEST;

/// Takes 2.5…10 ms out of the sound behind `at` and returns how many samples; 0 where it would be heard, unless `urgent`,
/// or where fewer than [`NEEDED`] are there.
pub fn shrink(sound: &mut Vec<f32>, at: usize, urgent: bool) -> usize {
    if sound.len() < at + NEEDED {
        return 0;
    }
    let Some(period) = period(&sound[at..at + NEEDED], 0, 1, urgent) else { return 0 };
    shrink_by(sound, at, period);
    period
}

/// Takes so many samples out, as [`shrink`] found them for another sound that goes with it.
pub fn shrink_by(sound: &mut Vec<f32>, at: usize, period: usize) {
    if period == 0 || sound.len() < at + period + WINDOW {
        return;
    }
    for n in 0..WINDOW {
        let to = n as f32 / WINDOW as f32;
        sound[at + n] = sound[at + n] * (1.0 - to) + sound[at + n + period] * to;
    }
    sound.drain(at + WINDOW..at + WINDOW + period);
}

/// Plays the last 2.5…10 ms before `at` once more and returns how many samples; 0 where it would be heard, unless
/// `urgent`, or where fewer than [`PAST`] are before it or 5 ms behind it. What is before it stays as it is.
pub fn expand(sound: &mut Vec<f32>, at: usize, urgent: bool) -> usize {
    if at < PAST || sound.len() < at + WINDOW {
        return 0;
    }
    let Some(period) = period(&sound[at - PAST..at + WINDOW], PAST, -1, urgent) else { return 0 };
    expand_by(sound, at, period);
    period
}

/// Puts so many samples in, as [`expand`] did with another sound that goes with it.
pub fn expand_by(sound: &mut Vec<f32>, at: usize, period: usize) {
    if period == 0 || at < period || sound.len() < at + WINDOW {
        return;
    }
    let mut again: Vec<f32> = sound[at - period..at.max(at - period + WINDOW)].to_vec();
    for (n, sample) in again[..WINDOW].iter_mut().enumerate() {
        let to = (n + 1) as f32 / (WINDOW + 1) as f32;
        *sample = sound[at + n] * (1.0 - to) + *sample * to;
    }
    sound.splice(at..at + WINDOW.saturating_sub(period), again);
}

/// The distance behind (`sign` 1) or before (−1) `at` where the sound goes on most as it does there.
fn period(sound: &[f32], at: usize, sign: isize, urgent: bool) -> Option<usize> {
    let first = &sound[at..at + WINDOW];
    let first_energy = energy(first);
    let mut best = (LONGEST, -1.0f32);
    // Every second distance: an error of one sample at 48 kHz is not heard.
    for lag in (SHORTEST..=LONGEST).step_by(2) {
        let from = at.saturating_add_signed(lag as isize * sign);
        let other = &sound[from..from + WINDOW];
        let product: f32 = first.iter().zip(other).map(|(a, b)| a * b).sum();
        let alike = product / (first_energy * energy(other)).sqrt().max(1e-9);
        if alike > best.1 {
            best = (lag, alike);
        }
    }
    match best {
        _ if rms(sound) < QUIET => Some(LONGEST),
        (lag, alike) if alike >= ALIKE || urgent => Some(lag),
        _ => None,
    }
}

fn energy(samples: &[f32]) -> f32 {
    samples.iter().map(|s| s * s).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::tone::{Sine, tone_level};

    fn largest_step(samples: &[f32]) -> f32 {
        samples.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_stays_a_tone_while_it_gets_shorter_and_longer() {
        for (change, sign) in [(shrink as fn(&mut Vec<f32>, usize, bool) -> usize, -1), (expand, 1)] {
            let (mut sine, mut out) = (Sine::new(330.0, -20.0), vec![0.0; PAST]);
            sine.fill(&mut out);
            for _ in 0..50 {
                let (at, mut frame) = (out.len(), vec![0.0; 960]);
                sine.fill(&mut frame);
                out.extend(frame);
                let by = change(&mut out, at, false);
                assert!((SHORTEST..=LONGEST).contains(&by));
                assert_eq!(out.len() as i64, (at + 960) as i64 + sign * by as i64);
            }
            // A sample of a step is what a sine of this level makes itself; a seam would be more.
            assert!(largest_step(&out) < 0.012, "{}", largest_step(&out));
            assert!((tone_level(&out[..14_400], 330.0).unwrap() + 20.0).abs() < 3.0);
        }
    }

    #[test]
    fn what_does_not_repeat_is_left_alone_unless_it_is_urgent() {
        let mut state = 1u32;
        let mut noise: Vec<f32> = (0..960)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as f32 / u32::MAX as f32 - 0.5
            })
            .collect();
        assert_eq!((shrink(&mut noise, 0, false), expand(&mut noise, PAST, false)), (0, 0));
        assert_eq!(noise.len(), 960);
        assert!(shrink(&mut noise.clone(), 0, true) > 0 && expand(&mut noise, PAST, true) > 0);
        let mut short = vec![0.5; NEEDED - 1];
        assert_eq!((shrink(&mut short, 0, true), expand(&mut short, PAST, true)), (0, 0));
        assert_eq!(expand(&mut vec![0.5; 960], PAST - 1, true), 0);
    }
}
