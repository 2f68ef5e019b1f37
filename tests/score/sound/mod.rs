//! What speech suffers on a bad network, as a table: `make score-audio`. It takes espeak-ng besides.
//!
//! Each call has sound alone, both ways; one way is judged. After [`WARM`] seconds the counters are read once a second:
//! the share of samples that were concealed, the mean time a packet waited in the jitter buffer, the bit rate of payload;
//! `quality` compares what was heard with what was said. The way from mouth to ear is from the samples given to the
//! program to those it gives back; of the browsers it is from and to their Web Audio graph, which adds some milliseconds
//! of its own.

mod chromium;
mod ours;
mod quality;

use std::io::Cursor;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use visavis::dsp::resample::Resampler;
use visavis::dsp::wav;
use visavis::model::sound::RATE;

use crate::endpoint::write_samples;
use crate::link::{self, Link};

/// Seconds until it is measured, and measured, unless [`crate::seconds`] says otherwise.
const WARM: u64 = 10;
const MEASURED: u64 = 30;

/// Name of the link, and its settings.
const ROWS: &[(&str, &str)] = &[
    ("free", ""),
    ("D 50", "delay=50ms"),
    ("D 50, loss 2 %", "delay=50ms loss=2%"),
    ("D 50, loss 5 %", "delay=50ms loss=5%"),
    ("D 50, loss 10 %", "delay=50ms loss=10%"),
    ("D 50, loss 5 % in bursts of 3", "delay=50ms loss=5% burst=3"),
    ("D 10, loss 5 % in bursts of 3", "delay=10ms loss=5% burst=3"),
    ("D 100 ± 30", "delay=100ms jitter=30ms"),
    ("D 100 ± 30, loss 5 %", "delay=100ms jitter=30ms loss=5%"),
    ("100 kbit/s, D 20", "rate=100kbit delay=20ms queue=200ms"),
];

/// What is said: some of the phonetically balanced sentences of IEEE 297 (the “Harvard sentences”).
const WORDS: &str = "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. It is easy to \
    tell the depth of a well. These days a chicken leg is a rare dish. Rice is often served in round bowls. The juice of \
    lemons makes fine punch. The box was thrown beside the parked truck. The hogs were fed chopped corn and garbage. Four \
    hours of steady work faced us. A large size in stockings is hard to sell.";

/// Counters of what one side hears.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    samples: f64,
    concealed: f64,
    /// Mean, of late.
    waiting_ms: f64,
    bytes: f64,
}

/// What one side heard.
struct Heard {
    samples: Vec<f32>,
    /// Its first sample was played so long after the first that was said.
    later_ms: f64,
}

/// A call in which both ends speak.
trait Call {
    /// The second end's counters.
    fn look(&mut self) -> Counts;

    /// Ends it.
    fn end(self: Box<Self>) -> Heard;
}

/// Speech at −23 dBFS, 48 kHz, with a second of silence at its end; `None` where there is no voice.
fn speak(folder: &Path) -> Option<Vec<f32>> {
    let file = folder.join("speech.wav");
    let spoken = Command::new("espeak-ng").args(["-v", "en-us", "-s", "150", "-w"]).arg(&file).arg(WORDS).status();
    spoken.ok().filter(std::process::ExitStatus::success)?;
    let (rate, samples) = wav::read_all(Cursor::new(std::fs::read(file).ok()?)).ok()?;
    let mut out = Vec::new();
    Resampler::new(rate, RATE).ok()?.push(&samples, &mut out);
    let level = (out.iter().map(|s| s * s).sum::<f32>() / out.len().max(1) as f32).sqrt();
    out.iter_mut().for_each(|s| *s = (*s * 0.07 / level).clamp(-1.0, 1.0));
    out.resize(out.len() + RATE as usize, 0.0);
    Some(out)
}

fn measure(mut call: Box<dyn Call>, said: &[f32], begun: Instant) -> String {
    let seconds = crate::seconds().unwrap_or(MEASURED);
    std::thread::sleep(Duration::from_secs(WARM));
    let (first, at) = (call.look(), Instant::now());
    let warm_s = begun.elapsed().as_secs_f64();
    let (mut last, mut waiting) = (first, Vec::new());
    for _ in 0..seconds {
        std::thread::sleep(Duration::from_secs(1));
        last = call.look();
        waiting.push(last.waiting_ms);
    }
    let took = at.elapsed().as_secs_f64();
    let heard = call.end();
    let all: Vec<f32> = said.iter().copied().cycle().take(((warm_s + took) * f64::from(RATE)) as usize).collect();
    let quality = quality::judge(&all, &heard.samples, heard.later_ms, warm_s);
    let judged = quality
        .map_or("– | – | –".to_owned(), |q| format!("{:.0} | {:.3} | {:.1}", q.delay_ms, q.stoi, q.lsd_db));
    format!(
        "{:.2} % | {:.0} | {:.0} | {judged}",
        (last.concealed - first.concealed) / (last.samples - first.samples).max(1.0) * 100.0,
        waiting.iter().sum::<f64>() / waiting.len().max(1) as f64,
        (last.bytes - first.bytes) * 8e-3 / took,
    )
}

/// Prints the table.
pub fn table() {
    if let Some(why) = link::missing() {
        return println!("score-audio: skipped, for there can be no emulated link here: {why}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let Some(said) = speak(folder.path()) else {
        return println!("score-audio: skipped, for nobody can speak here: install espeak-ng");
    };
    let speech = folder.path().join("speech");
    write_samples(&speech, &said);
    let browsers = crate::browsers();
    if !browsers {
        println!("score-audio: without the rows of Chromium, which is not installed or not wanted");
    }
    let wanted = std::env::var("VISAVIS_SCORE_ROWS").unwrap_or_default();
    println!(
        "| link | program | concealed | jitter buffer ms | payload kbit/s | mouth to ear ms | STOI | LSD dB | link late ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (name, settings) in ROWS.iter().filter(|(name, _)| name.contains(&wanted)) {
        for program in ["Visavis", "Chromium"].iter().take(1 + usize::from(browsers)) {
            let link = Link::up(settings);
            let begun = Instant::now();
            let call: Box<dyn Call> = match *program {
                "Visavis" => Box::new(ours::Ours::call(&speech, folder.path())),
                _ => Box::new(chromium::Chromium::call(&speech)),
            };
            let figures = measure(call, &said, begun);
            println!("| {name} | {program} | {figures} | {:.1} |", link.down());
        }
    }
}
