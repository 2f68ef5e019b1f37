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

/// Fewest samples of a frame that can be stretched: 15 ms.
pub const NEEDED: usize = LONGEST + WINDOW;

/// Takes 2.5…10 ms out of a frame and returns how many samples; 0 where it would be heard, unless `urgent`.
pub fn shrink(frame: &mut Vec<f32>, urgent: bool) -> usize {
    let Some(period) = period(frame, urgent) else { return 0 };
    shrink_by(frame, period);
    period
}

/// Takes so many samples out of a frame, as [`shrink`] found them for another one that goes with it.
pub fn shrink_by(frame: &mut Vec<f32>, period: usize) {
    if period == 0 || frame.len() < period + WINDOW {
        return;
    }
    for n in 0..WINDOW {
        let to = n as f32 / WINDOW as f32;
        frame[n] = frame[n] * (1.0 - to) + frame[n + period] * to;
    }
    frame.drain(WINDOW..WINDOW + period);
}

/// Puts 2.5…10 ms into a frame and returns how many samples; 0 where it would be heard, unless `urgent`.
pub fn expand(frame: &mut Vec<f32>, urgent: bool) -> usize {
    let Some(period) = period(frame, urgent) else { return 0 };
    expand_by(frame, period);
    period
}

/// Puts so many samples into a frame, as [`expand`] did with another one that goes with it.
pub fn expand_by(frame: &mut Vec<f32>, period: usize) {
    if period == 0 || frame.len() < period + WINDOW {
        return;
    }
    let mut head: Vec<f32> = frame[..period + WINDOW].to_vec();
    for n in 0..WINDOW {
        let to = n as f32 / WINDOW as f32;
        head[period + n] = head[period + n] * (1.0 - to) + frame[n] * to;
    }
    frame.splice(..WINDOW, head);
}

/// The distance at which the frame repeats itself best.
fn period(frame: &[f32], urgent: bool) -> Option<usize> {
    if frame.len() < NEEDED {
        return None;
    }
    let first = &frame[..WINDOW];
    let first_energy = energy(first);
    let mut best = (LONGEST, -1.0f32);
    // Every second distance: an error of one sample at 48 kHz is not heard.
    for lag in (SHORTEST..=LONGEST).step_by(2) {
        let other = &frame[lag..lag + WINDOW];
        let product: f32 = first.iter().zip(other).map(|(a, b)| a * b).sum();
        let alike = product / (first_energy * energy(other)).sqrt().max(1e-9);
        if alike > best.1 {
            best = (lag, alike);
        }
    }
    let quiet = rms(&frame[..NEEDED]) < QUIET;
    match best {
        _ if quiet => Some(LONGEST),
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
        for (change, sign) in [(shrink as fn(&mut Vec<f32>, bool) -> usize, -1i64), (expand, 1)] {
            let (mut sine, mut out, mut changed) = (Sine::new(330.0, -20.0), Vec::new(), 0);
            for _ in 0..50 {
                let mut frame = vec![0.0; 960];
                sine.fill(&mut frame);
                let by = change(&mut frame, false);
                assert!((SHORTEST..=LONGEST).contains(&by));
                assert_eq!(frame.len() as i64, 960 + sign * by as i64);
                changed += by;
                out.extend(frame);
            }
            assert!(changed > 0);
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
        assert_eq!(shrink(&mut noise, false), 0);
        assert_eq!(expand(&mut noise, false), 0);
        assert_eq!(noise.len(), 960);
        assert!(shrink(&mut noise, true) > 0);
        assert_eq!(shrink(&mut vec![0.5; NEEDED - 1], true), 0);
    }
}
