//! How much of the echo is gone, and how much of the near voice is still there.

use crate::signal::{C, db, fft, power};

const FRAME: usize = 2_048;

/// Echo return loss enhancement between two moments, dB: by how much the microphone's sound became weaker.
pub fn erle(heard: &[f32], sent: &[f32], from: f64, to: f64) -> f64 {
    let part = (from * 48_000.0) as usize..((to * 48_000.0) as usize).min(heard.len());
    db(power(&heard[part.clone()]), power(&sent[part]))
}

fn spectra(x: &[f32], at: usize) -> Vec<C> {
    let mut s: Vec<C> = (0..FRAME)
        .map(|n| {
            let window = 0.5 - 0.5 * (std::f32::consts::TAU * n as f32 / FRAME as f32).cos();
            (x.get(at + n).copied().unwrap_or_default() * window, 0.0)
        })
        .collect();
    fft(&mut s, false);
    s
}

/// Samples by which the processing delays what it lets through: where `sent` is most like `said`.
pub fn latency(said: &[f32], sent: &[f32]) -> usize {
    let part = 48_000..said.len().min(sent.len()) - 2_000;
    let alike =
        |lag: usize| part.clone().step_by(3).map(|n| f64::from(said[n]) * f64::from(sent[n + lag])).sum::<f64>();
    (0..1_500).max_by(|a, b| alike(*a).total_cmp(&alike(*b))).unwrap_or_default()
}

/// Loss of the near voice, dB: in each 43 ms and each of 24 bands what of `sent` is coherent with `said` is its gain
/// there; the loss is that of the power of all, where the voice speaks.
pub fn loss(said: &[f32], sent: &[f32], latency: usize, from: f64) -> f64 {
    let edges: Vec<usize> = (0..=24).map(|n| (4.0 * (340.0f64 / 4.0).powf(f64::from(n) / 24.0)) as usize).collect();
    let threshold = power(said) * 0.05;
    let (mut before, mut after) = (0.0f64, 0.0f64);
    let mut at = (from * 48_000.0) as usize;
    while at + FRAME + latency < sent.len() {
        if power(&said[at..at + FRAME]) > threshold {
            let (s, o) = (spectra(said, at), spectra(sent, at + latency));
            for band in edges.windows(2) {
                let (mut cross, mut own) = ((0.0f64, 0.0f64), 1e-12f64);
                for k in band[0]..band[1].max(band[0] + 3) {
                    let ((a, b), (c, d)) = (s[k], o[k]);
                    let [a, b, c, d] = [a, b, c, d].map(f64::from);
                    cross.0 += a * c + b * d;
                    cross.1 += a * d - b * c;
                    own += a * a + b * b;
                }
                let gain = (cross.0.hypot(cross.1) / own).min(1.0);
                before += own;
                after += own * gain * gain;
            }
        }
        at += FRAME / 2;
    }
    db(before, after)
}
