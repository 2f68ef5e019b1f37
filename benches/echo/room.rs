//! Rooms between a speaker and a microphone: the direct sound and a tail of noise that dies away (RT60).

use crate::signal::{Dice, convolve};

/// How the path from speaker to microphone goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Path {
    /// As it is.
    Still,
    /// Somebody moves all the time: half of the tail is another one every second and a half.
    Sways,
    /// The laptop is turned in the third second: another path afterwards, 2 ms longer.
    Turned,
}

/// The response of a room: speaker and microphone 40 cm apart, as much sound on the way around as on the direct way.
fn response(rt60: f32, seed: u64, later: usize) -> Vec<f32> {
    let length = (rt60 * 0.8 * 48_000.0) as usize;
    let mut dice = Dice(seed);
    let mut h: Vec<f32> = (0..length)
        .map(|n| if n < 96 { 0.0 } else { dice.bell() * (-6.9 * n as f32 / (rt60 * 48_000.0)).exp() })
        .collect();
    let tail = h.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-9);
    h.iter_mut().for_each(|v| *v /= tail);
    // A speaker is no point: its direct sound is a few samples long.
    for (n, v) in [0.25, 0.8, 0.5, -0.2, -0.1].into_iter().enumerate() {
        h[n] += v;
    }
    let mut whole = vec![0.0; later];
    whole.extend(h);
    whole
}

/// What the microphone hears of `played`, `echo_db` below it.
pub fn echo(played: &[f32], rt60: f32, path: Path, delay_ms: usize, echo_db: f32) -> Vec<f32> {
    let one = convolve(played, &response(rt60, 5, 0));
    let mixed: Vec<f32> = match path {
        Path::Still => one,
        Path::Sways => {
            let other = convolve(played, &response(rt60, 77, 0));
            let period = 3.0 * 48_000.0;
            one.iter()
                .zip(&other)
                .enumerate()
                .map(|(n, (a, b))| {
                    // Between them, half of the way: what stays the same is more than what moves.
                    let way = 0.25 - 0.25 * (std::f32::consts::TAU * n as f32 / period).cos();
                    a * (1.0 - way) + b * way
                })
                .collect()
        }
        Path::Turned => {
            let other = convolve(played, &response(rt60, 78, 96));
            let at = 144_000.0;
            one.iter()
                .zip(&other)
                .enumerate()
                .map(|(n, (a, b))| {
                    let way = ((n as f32 - at) / 14_400.0).clamp(0.0, 1.0);
                    a * (1.0 - way) + b * way
                })
                .collect()
        }
    };
    let gain = 10f32.powf(echo_db / 20.0) / std::f32::consts::SQRT_2;
    let delay = delay_ms * 48;
    (0..played.len()).map(|n| if n < delay { 0.0 } else { mixed[n - delay] * gain }).collect()
}
