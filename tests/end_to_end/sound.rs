//! Speaking into the desktop's microphone and listening to its speaker.

use std::f32::consts::TAU;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::desktop::{Desktop, INTO_MICROPHONE, Running, SPEAKER};

const RATE: usize = 48_000;
const FORMAT: [&str; 4] = ["--raw", "--format=float32le", "--rate=48000", "--channels=1"];

/// Sings a tone of so many Hz at −12 dBFS into the microphone until dropped, at most two minutes.
pub fn speak(desktop: &Desktop, hertz: f32) -> Running {
    let file = desktop.folder("sound").join(format!("{hertz}.raw"));
    let sample = |n: usize| 0.25 * (TAU * hertz * n as f32 / RATE as f32).sin();
    let bytes: Vec<u8> = (0..RATE * 120).flat_map(|n| sample(n).to_le_bytes()).collect();
    std::fs::write(&file, bytes).expect("a sound file");
    let mut player = Command::new("pacat");
    player.arg("--playback").arg(format!("--device={INTO_MICROPHONE}")).args(FORMAT).arg(&file);
    desktop.launch(player.stdout(Stdio::null()).stderr(Stdio::null()))
}

/// What the speaker plays for so long, as samples.
pub fn listen(desktop: &Desktop, length: Duration) -> Vec<f32> {
    let file = desktop.folder("sound").join("heard.raw");
    let _ = std::fs::remove_file(&file); // what was recorded before must not count again
    let mut recorder = Command::new("parec");
    recorder.arg(format!("--device={SPEAKER}.monitor")).args(FORMAT).arg("--latency-msec=50").arg(&file);
    let recording = desktop.launch(recorder.stderr(Stdio::null()));
    let wanted = (length.as_secs_f64() * RATE as f64) as u64 * 4;
    super::common::wait_for("sound from the speaker", length + Duration::from_secs(10), || {
        (std::fs::metadata(&file).map_or(0, |file| file.len()) >= wanted).then_some(())
    });
    drop(recording);
    let bytes = std::fs::read(&file).expect("what was recorded");
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// Level of one tone in the sound, dBFS of a sine: the median of its quarters of a second, so that a slip of the clock
/// or a moment of concealment does not count for the whole.
pub fn level(sound: &[f32], hertz: f32) -> f32 {
    let mut levels: Vec<f32> = sound.chunks_exact(RATE / 4).map(|part| goertzel(part, hertz)).collect();
    levels.sort_by(f32::total_cmp);
    levels.get(levels.len() / 2).copied().unwrap_or(f32::NEG_INFINITY)
}

/// Goertzel's algorithm over the whole length.
fn goertzel(sound: &[f32], hertz: f32) -> f32 {
    let step = 2.0 * (f64::from(TAU) * f64::from(hertz) / RATE as f64).cos();
    let (mut before, mut last) = (0.0f64, 0.0f64);
    for sample in sound {
        (before, last) = (last, f64::from(*sample) + step * last - before);
    }
    let power = before * before + last * last - step * before * last;
    let amplitude = 2.0 * power.max(0.0).sqrt() / sound.len().max(1) as f64;
    (20.0 * amplitude.max(1e-9).log10()) as f32
}
