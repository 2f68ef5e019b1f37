//! How well speech came over, judged against what was said.
//!
//! Two figures of published measures, both of the band up to 5 kHz, where speech is:
//!
//! - **STOI**, short-time objective intelligibility (Taal, Hendriks, Heusdens and Jensen, IEEE TASLP 19, 2011): how alike
//!   the envelopes of 15 third-octave bands are over 384 ms; 1 is the original, below 0.9 one begins to strain.
//! - **LSD**, log-spectral distance in those bands: the root of the mean square of their difference in dB, frame by
//!   frame; 0 is the original.
//!
//! A receiver that waits longer or catches up moves the sound in time, which nobody hears; so every quarter of a second
//! of what was said is looked for where it is most alike. Where that is tells the way from mouth to ear, too.

use visavis::dsp::resample::Resampler;
use visavis::model::sound::RATE;

/// What everything is computed at, as the measure wants it.
const LOW: u32 = 10_000;
/// Analysis: 25.6 ms frames, half overlapped, in a transform of twice their length.
const FRAME: usize = 256;
const HOP: usize = FRAME / 2;
const BINS: usize = 2 * FRAME;
/// Third-octave bands from 150 Hz.
const BANDS: usize = 15;
const LOWEST_HZ: f64 = 150.0;
/// Frames compared at once: 384 ms.
const SEGMENT: usize = 30;
/// Frames quieter than the loudest by more than this are no speech, dB.
const RANGE_DB: f64 = 40.0;
/// Clipping of the degraded envelope, as the measure wants it (−15 dB).
const CLIP: f64 = 6.623_413_251_903_491;
/// What is aligned at once, and over how much it is compared.
const PIECE: usize = LOW as usize / 4;
const LOOK: usize = LOW as usize / 2;
/// Less alike than this, a piece says nothing of where it is.
const ALIKE: f64 = 0.5;

/// The verdict.
#[derive(Debug, Clone, Copy)]
pub struct Quality {
    /// 0…1.
    pub stoi: f64,
    /// dB.
    pub lsd_db: f64,
    /// Median way from mouth to ear, ms.
    pub delay_ms: f64,
}

/// Judges `heard` against `said`, both at 48 kHz; the first sample of `heard` was played `later_ms` after the first of
/// `said` was spoken. The first `skip_s` of what was said are left out. `None` where nothing of it is found.
pub fn judge(said: &[f32], heard: &[f32], later_ms: f64, skip_s: f64) -> Option<Quality> {
    let (said, heard) = (lower(said), lower(heard));
    let (aligned, said, mut delays) = align(&said, &heard, later_ms, skip_s)?;
    let (clean, degraded) = (bands(&said), bands(&aligned));
    let loud = loud_frames(&said);
    let clean: Vec<_> = loud.iter().map(|n| clean[*n]).collect();
    let degraded: Vec<_> = loud.iter().map(|n| degraded[*n]).collect();
    delays.sort_by(f64::total_cmp);
    let delay_ms = *delays.get(delays.len() / 2)?;
    Some(Quality { stoi: stoi(&clean, &degraded)?, lsd_db: distance(&clean, &degraded), delay_ms })
}

fn lower(samples: &[f32]) -> Vec<f32> {
    let (mut resampler, mut out) = (Resampler::new(RATE, LOW).expect("10 kHz is a rate"), Vec::new());
    resampler.push(samples, &mut out);
    out
}

/// Of `heard`, what belongs to each piece of `said`; both of one length, and the delays of the pieces, ms.
fn align(said: &[f32], heard: &[f32], later_ms: f64, skip_s: f64) -> Option<(Vec<f32>, Vec<f32>, Vec<f64>)> {
    let per_ms = f64::from(LOW) / 1e3;
    let later = (later_ms * per_ms).round() as i64;
    let first = (skip_s * f64::from(LOW)) as usize;
    let (mut aligned, mut kept, mut delays) = (Vec::new(), Vec::new(), Vec::new());
    // From 0 to 800 ms at first, then near where the last piece was.
    let (mut lag, mut reach) = (400 * LOW as i64 / 1000, 400 * LOW as i64 / 1000);
    for start in (first..said.len().saturating_sub(LOOK)).step_by(PIECE) {
        let piece = &said[start..start + LOOK];
        let found = find(piece, heard, start as i64 - later, lag - reach, lag + reach);
        if let Some((at, alike)) = found
            && alike > ALIKE
        {
            (lag, reach) = (at, 150 * LOW as i64 / 1000);
            delays.push(at as f64 / per_ms);
        }
        let from = start as i64 - later + lag;
        let there = (0..PIECE as i64).map(|n| usize::try_from(from + n).ok().and_then(|n| heard.get(n)).copied());
        let there: Option<Vec<f32>> = there.collect();
        let Some(there) = there.filter(|_| !delays.is_empty()) else { continue };
        aligned.extend(there);
        kept.extend_from_slice(&piece[..PIECE]);
    }
    (!delays.is_empty()).then_some((aligned, kept, delays))
}

/// Where in `heard`, so many samples after `origin`, the piece is most alike, and how much.
fn find(piece: &[f32], heard: &[f32], origin: i64, from: i64, to: i64) -> Option<(i64, f64)> {
    let power = |samples: &[f32]| samples.iter().map(|s| f64::from(s * s)).sum::<f64>();
    let own = power(piece);
    let mut best: Option<(i64, f64)> = None;
    for lag in from..to {
        let Ok(start) = usize::try_from(origin + lag) else { continue };
        let Some(other) = heard.get(start..start + piece.len()) else { continue };
        let product: f32 = piece.iter().zip(other).map(|(a, b)| a * b).sum();
        let alike = f64::from(product) / (own * power(other)).sqrt().max(1e-12);
        if best.is_none_or(|(_, most)| alike > most) {
            best = Some((lag, alike));
        }
    }
    best.filter(|_| own > 1e-3)
}

/// Frames that hold speech.
fn loud_frames(said: &[f32]) -> Vec<usize> {
    let levels: Vec<f64> = frames(said)
        .map(|frame| 10.0 * (frame.iter().map(|s| f64::from(s * s)).sum::<f64>() + 1e-12).log10())
        .collect();
    let most = levels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    levels.iter().enumerate().filter(|(_, level)| **level > most - RANGE_DB).map(|(n, _)| n).collect()
}

fn frames(samples: &[f32]) -> impl Iterator<Item = &[f32]> {
    samples.windows(FRAME).step_by(HOP)
}

/// Amplitudes of the bands, frame by frame.
fn bands(samples: &[f32]) -> Vec<[f64; BANDS]> {
    let window: Vec<f64> = (0..FRAME)
        .map(|n| 0.5 - 0.5 * (std::f64::consts::TAU * (n as f64 + 1.0) / (FRAME as f64 + 1.0)).cos())
        .collect();
    let bin = |hertz: f64| ((hertz * BINS as f64 / f64::from(LOW)).round() as usize).min(FRAME);
    let edges: Vec<(usize, usize)> = (0..BANDS)
        .map(|band| {
            let centre = LOWEST_HZ * 2f64.powf(band as f64 / 3.0);
            (bin(centre / 2f64.powf(1.0 / 6.0)), bin(centre * 2f64.powf(1.0 / 6.0)))
        })
        .collect();
    frames(samples)
        .map(|frame| {
            let mut real: Vec<f64> = frame.iter().zip(&window).map(|(s, w)| f64::from(*s) * w).collect();
            real.resize(BINS, 0.0);
            let mut imaginary = vec![0.0; BINS];
            transform(&mut real, &mut imaginary);
            let power = |n: usize| real[n] * real[n] + imaginary[n] * imaginary[n];
            std::array::from_fn(|band| (edges[band].0..edges[band].1).map(power).sum::<f64>().sqrt())
        })
        .collect()
}

/// Fourier transform in place; the length is a power of two.
fn transform(real: &mut [f64], imaginary: &mut [f64]) {
    let length = real.len();
    let bits = length.trailing_zeros();
    for n in 0..length {
        let other = n.reverse_bits() >> (usize::BITS - bits);
        if n < other {
            real.swap(n, other);
            imaginary.swap(n, other);
        }
    }
    let mut half = 1;
    while half < length {
        for n in 0..half {
            let (sin, cos) = (-std::f64::consts::PI * n as f64 / half as f64).sin_cos();
            for at in (n..length).step_by(2 * half) {
                let (r, i) = (real[at + half], imaginary[at + half]);
                let (r, i) = (r * cos - i * sin, r * sin + i * cos);
                (real[at + half], imaginary[at + half]) = (real[at] - r, imaginary[at] - i);
                (real[at], imaginary[at]) = (real[at] + r, imaginary[at] + i);
            }
        }
        half *= 2;
    }
}

fn stoi(clean: &[[f64; BANDS]], degraded: &[[f64; BANDS]]) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0u32);
    for (x, y) in clean.windows(SEGMENT).zip(degraded.windows(SEGMENT)) {
        for band in 0..BANDS {
            let x: Vec<f64> = x.iter().map(|frame| frame[band]).collect();
            let y: Vec<f64> = y.iter().map(|frame| frame[band]).collect();
            let norm = |v: &[f64]| v.iter().map(|s| s * s).sum::<f64>().sqrt();
            let scale = norm(&x) / norm(&y).max(1e-12);
            let y: Vec<f64> = y.iter().zip(&x).map(|(y, x)| (y * scale).min(x * (1.0 + CLIP))).collect();
            let centred = |v: &[f64]| -> Vec<f64> {
                let mean = v.iter().sum::<f64>() / v.len() as f64;
                v.iter().map(|s| s - mean).collect()
            };
            let (x, y) = (centred(&x), centred(&y));
            let product: f64 = x.iter().zip(&y).map(|(a, b)| a * b).sum();
            sum += product / (norm(&x) * norm(&y)).max(1e-12);
            count += 1;
        }
    }
    (count > 0).then(|| sum / f64::from(count))
}

fn distance(clean: &[[f64; BANDS]], degraded: &[[f64; BANDS]]) -> f64 {
    // The whole louder or softer is no distortion.
    let total = |frames: &[[f64; BANDS]]| frames.iter().flatten().map(|a| a * a).sum::<f64>().sqrt().max(1e-12);
    let scale = total(clean) / total(degraded);
    let most = clean.iter().flatten().copied().fold(0.0, f64::max);
    // What is 50 dB under the loudest is not heard beside it.
    let decibel = |amplitude: f64| 20.0 * amplitude.max(most * 10f64.powf(-2.5)).log10();
    let frame = |(x, y): (&[f64; BANDS], &[f64; BANDS])| {
        let squares = x.iter().zip(y).map(|(x, y)| (decibel(*x) - decibel(y * scale)).powi(2));
        (squares.sum::<f64>() / BANDS as f64).sqrt()
    };
    clean.iter().zip(degraded).map(frame).sum::<f64>() / clean.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something with syllables: noise and a buzz that swell and fade.
    fn speech(seconds: usize) -> Vec<f32> {
        let mut state = 1u32;
        (0..seconds * RATE as usize)
            .map(|n| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = state as f32 / u32::MAX as f32 - 0.5;
                let t = n as f32 / RATE as f32;
                let pitch = 120.0 + 30.0 * (t * 1.7).sin();
                let buzz = (t * pitch * std::f32::consts::TAU).sin().powi(9);
                let swell = (t * 4.0 * std::f32::consts::PI).sin().max(0.0) * (0.6 + 0.4 * (t * 2.3).sin());
                (buzz + 0.2 * noise) * swell * 0.3
            })
            .collect()
    }

    #[test]
    fn the_same_later_is_perfect_and_its_delay_is_found() {
        let said = speech(6);
        let mut heard = vec![0.0; 48 * 120];
        heard.extend_from_slice(&said);
        let found = judge(&said, &heard, 35.0, 0.0).unwrap();
        assert!(found.stoi > 0.99 && found.lsd_db < 0.5, "{found:?}");
        assert!((found.delay_ms - 155.0).abs() < 1.0, "{found:?}");
    }

    #[test]
    fn holes_and_noise_cost_and_more_of_them_cost_more() {
        let said = speech(8);
        let with = |every: usize| {
            let mut heard = said.clone();
            heard.chunks_mut(960).enumerate().filter(|(n, _)| n % every == 3).for_each(|(_, hole)| hole.fill(0.0));
            judge(&said, &heard, 0.0, 0.0).unwrap()
        };
        let (few, many) = (with(20), with(5));
        assert!(few.stoi < 0.995 && many.stoi < few.stoi - 0.02, "{few:?} {many:?}");
        assert!(many.lsd_db > few.lsd_db + 0.5, "{few:?} {many:?}");
        assert!(judge(&said, &vec![0.0; said.len()], 0.0, 0.0).is_none());
    }
}
