//! How well the echo of our own speaker is taken out: echo return loss enhancement after 2, 5 and 10 s of the far voice
//! alone, loss of a near voice while both talk, and what it costs, over synthetic rooms, moving paths, delays and clocks
//! that drift apart. A table, one row a scene. `-- --all` for every combination.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a measurement, run by hand"
)]

mod measure;
mod room;
mod signal;
mod speech;

use std::time::{Duration, Instant};

use room::Path;
use signal::{Dice, db, power};
use speech::Who;
use visavis::dsp::drift::{AIM, Cushion};
use visavis::dsp::resample::Resampler;
use visavis::dsp::voice::Voice;
use visavis::model::sound::{Processing, TICK, Tick};

/// Echo below what is played, dB: a laptop at a usual volume.
const ECHO_DB: f32 = -6.0;
/// Of the room and the microphone, RMS: −66 dBFS.
const NOISE: f32 = 0.0005;
const SECONDS: usize = 12;

#[derive(Clone, Copy)]
struct Scene {
    rt60: f32,
    path: Path,
    delay_ms: usize,
    /// The microphone's clock against the speaker's, parts of a million.
    drift_ppm: f64,
}

/// The microphone as a device gives it: by a clock of its own, in lumps of 10 ms, brought to ours as the program does.
fn through_device(heard: &[f32], ppm: f64) -> Vec<f32> {
    if ppm == 0.0 {
        return heard.to_vec();
    }
    // Its clock is fast: it gives more samples a second.
    let (mut card, mut given) = (Resampler::new(48_000, 48_000).unwrap(), Vec::new());
    card.correct(ppm * 1e-6);
    for tick in heard.chunks(TICK) {
        card.push(tick, &mut given);
    }
    let (mut resampler, mut cushion) = (Resampler::new(48_000, 48_000).unwrap(), Cushion::new());
    let (mut ready, mut out, mut taken, mut begun) = (Vec::new(), Vec::new(), 0, false);
    for now in 1.. {
        // By now the card has given whole lumps of its own 480 samples.
        let by_now =
            ((f64::from(now) * 480.0 * (1.0 + ppm * 1e-6)) as usize / TICK * TICK).min(given.len() / TICK * TICK);
        resampler.push(&given[taken..by_now], &mut ready);
        taken = by_now;
        if ready.len() >= if begun { TICK } else { TICK + AIM } {
            begun = true;
            out.extend(ready.drain(..TICK));
            let since = f64::from(now) * 480.0 * (1.0 + ppm * 1e-6) - taken as f64;
            if let Some(advice) = cushion.observe(ready.len(), since) {
                resampler.correct(advice.correction);
                ready.drain(..advice.cut.min(ready.len()));
            }
        } else {
            begun = false;
            out.extend([0.0; TICK]);
        }
        if out.len() >= heard.len() {
            return out;
        }
    }
    out
}

/// Runs the canceller; what is sent, and how long each 10 ms took.
fn run(played: &[f32], heard: &[f32]) -> (Vec<f32>, Duration) {
    let mut voice = Voice::new(Processing { echo_cancellation: true, ..Processing::OFF });
    let mut sent = Vec::new();
    let begin = Instant::now();
    for (far, near) in played.chunks_exact(TICK).zip(heard.chunks_exact(TICK)) {
        let far: Tick = far.try_into().unwrap();
        let mut tick: Tick = near.try_into().unwrap();
        voice.hear_speaker(&far);
        voice.process(&mut tick);
        sent.extend_from_slice(&tick);
    }
    let ticks = (sent.len() / TICK).max(1) as u32;
    (sent, begin.elapsed() / ticks)
}

struct Row {
    erle: [f64; 3],
    loss: f64,
    cpu: Duration,
}

fn measure(scene: &Scene, far: &[f32], near: &[f32], latency: usize) -> Row {
    let echo = room::echo(far, scene.rt60, scene.path, scene.delay_ms, ECHO_DB);
    let mut dice = Dice(3);
    let noise: Vec<f32> = (0..far.len()).map(|_| NOISE * dice.bell()).collect();
    let add = |a: &[f32], b: &[f32]| -> Vec<f32> { a.iter().zip(b).map(|(a, b)| a + b).collect() };
    // Of a device with a clock of its own the near voice comes as late and as bent as the echo.
    let alone = through_device(&add(&echo, &noise), scene.drift_ppm);
    let (sent, cpu) = run(far, &alone);
    let erle = [2.0, 5.0, 10.0].map(|at| measure::erle(&alone, &sent, at, at + 2.0));
    let near_heard = through_device(near, scene.drift_ppm);
    let both = through_device(&add(&add(&echo, &noise), near), scene.drift_ppm);
    let (sent, _) = run(far, &both);
    let loss = measure::loss(&near_heard, &sent, latency, 4.0);
    Row { erle, loss, cpu }
}

fn main() {
    let all = std::env::args().any(|argument| argument == "--all");
    let far = speech::speech(Who::Far, SECONDS);
    let mut near = speech::speech(Who::Near, SECONDS);
    // It begins when the canceller has learnt, and takes turns as people do who talk at once.
    near[..3 * 48_000].fill(0.0);
    let still = Scene { rt60: 0.4, path: Path::Still, delay_ms: 80, drift_ppm: 0.0 };
    let silent = vec![0.0; near.len()];
    let (through, _) = run(&silent, &near);
    let latency = measure::latency(&near, &through);
    println!(
        "speech: {}; echo {ECHO_DB} dB, noise {:.0} dBFS; latency of the processing {:.1} ms",
        speech::maker(),
        db(f64::from(NOISE).powi(2), 1.0),
        latency as f64 / 48.0
    );
    println!(
        "far {:.1} dBFS, near {:.1} dBFS; near voice alone loses {:.1} dB",
        db(power(&far), 1.0),
        db(power(&near), 1.0),
        measure::loss(&near, &through, latency, 4.0)
    );
    println!("| RT60 s | path | delay ms | drift ppm | ERLE 2 s | 5 s | 10 s | near loss dB | µs per 10 ms |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut scenes = Vec::new();
    for rt60 in [0.2, 0.4, 0.8] {
        scenes.push(Scene { rt60, ..still });
    }
    for path in [Path::Sways, Path::Turned] {
        for rt60 in if all { vec![0.2, 0.4, 0.8] } else { vec![0.4] } {
            scenes.push(Scene { rt60, path, ..still });
        }
    }
    for delay_ms in [20, 150, 300] {
        scenes.push(Scene { delay_ms, ..still });
    }
    for drift_ppm in [-200.0, 200.0] {
        scenes.push(Scene { drift_ppm, ..still });
    }
    if all {
        for rt60 in [0.2, 0.8] {
            for delay_ms in [20, 300] {
                for drift_ppm in [-200.0, 0.0, 200.0] {
                    scenes.push(Scene { rt60, delay_ms, drift_ppm, ..still });
                }
            }
        }
    }
    for scene in scenes {
        let Row { erle, loss, cpu } = measure(&scene, &far, &near, latency);
        println!(
            "| {} | {:?} | {} | {:+} | {:.0} | {:.0} | {:.0} | {loss:.1} | {} |",
            scene.rt60,
            scene.path,
            scene.delay_ms,
            scene.drift_ppm,
            erle[0],
            erle[1],
            erle[2],
            cpu.as_micros()
        );
    }
}
