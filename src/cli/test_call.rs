//! `visavis test`: a call to the echo, without a window, with what this machine has; patterns and tones stand in for
//! what it has not, so that the command shows the program working anywhere.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::{broadcast, watch};
use tokio::time::timeout;

use super::{Common, exit, stop};
use crate::client::config::{ClientConfig, Overrides, ServerChoice};
use crate::client::{self, Handle, preferences};
use crate::model::command::Command;
use crate::model::device::DeviceState;
use crate::model::id::Callee;
use crate::model::notice::Notice;
use crate::model::outcome::Outcome;
use crate::model::settings::Settings;
use crate::model::snapshot::{EchoReport, LocalMedia, Snapshot};
use crate::model::source::{AudioSpec, SinkSpec, VideoSpec};

/// How long devices may take to open.
const OPEN_LIMIT: Duration = Duration::from_secs(8);

/// How long the whole call may take: ten seconds of media, and the way there.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// Options of `visavis test`.
#[derive(Debug, Args)]
pub struct TestCall {
    /// One JSON object: good, verdict, setup_ms, first_frame_ms, latency_ms, loss, video_bitrate_bps,
    /// audio_bitrate_bps, fps, width, height, level_dbfs, camera, microphone, speaker, notes
    #[arg(long)]
    json: bool,
}

/// Makes the call; returns the exit code.
pub fn run(common: &Common, test: &TestCall) -> anyhow::Result<u8> {
    // A profile of its own: the test runs beside the program, and leaves nothing behind.
    let place = Temporary::new()?;
    let mut config = ClientConfig::new(&place.0);
    config.overrides = chosen(common);
    config.server = ServerChoice::None;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (handle, mut running) = client::start(config).map_err(exit::Exit::from)?;
    let mut tester =
        Tester { notices: running.first_notices(), snapshots: handle.snapshots(), handle, notes: Vec::new() };
    if !test.json {
        writeln!(io::stdout(), "Calling the echo inside this program; this takes about 12 seconds …")?;
    }
    let result = runtime.block_on(async {
        tokio::select! {
            result = tester.call() => result,
            asked = stop::asked() => Err(anyhow::anyhow!(match asked {
                Ok(()) => "the test was broken off".to_owned(),
                Err(e) => e.to_string(),
            })),
        }
    });
    running.stop();
    let (report, media) = result?;
    if test.json {
        let notes = serde_json::json!({
            "notes": tester.notes, "camera": words(&media.camera),
            "microphone": words(&media.microphone), "speaker": words(&media.speaker),
        });
        writeln!(io::stdout(), "{}", super::lines::with(notes, &report))?;
    } else {
        print(&report, &media, &tester.notes)?;
    }
    Ok(if report.good { exit::OK } else { exit::TEST })
}

/// Devices as the person's settings have them, unless the command line says otherwise.
fn chosen(common: &Common) -> Overrides {
    let settings = common.profile().ok().and_then(|directory| preferences::peek(&directory)).unwrap_or_default();
    let mut overrides = common.overrides();
    overrides.camera.get_or_insert(settings.camera);
    overrides.microphone.get_or_insert(settings.microphone);
    overrides.speaker.get_or_insert(settings.speaker);
    overrides
}

struct Tester {
    handle: Handle,
    notices: broadcast::Receiver<Notice>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    notes: Vec<String>,
}

impl Tester {
    async fn call(&mut self) -> anyhow::Result<(EchoReport, LocalMedia)> {
        self.open_devices().await?;
        self.handle.command(Command::Call { to: Callee::Echo, video: true })?;
        let found = timeout(CALL_LIMIT, async {
            loop {
                let snapshot = self.snapshots.borrow_and_update().clone();
                if let Some(report) = snapshot.call.as_ref().and_then(|call| call.report.clone()) {
                    return Ok(((*report).clone(), snapshot.media.clone()));
                }
                while let Ok(notice) = self.notices.try_recv() {
                    if let Notice::Ended { outcome: Outcome::Failed(why), .. } = notice {
                        return Ok((EchoReport { verdict: why, ..EchoReport::default() }, snapshot.media.clone()));
                    }
                }
                self.snapshots.changed().await?;
            }
        });
        let result = match found.await {
            Ok(result) => result,
            Err(_) => {
                let verdict = format!("The test call gave no result in {} seconds.", CALL_LIMIT.as_secs());
                Ok((EchoReport { verdict, ..EchoReport::default() }, self.handle.snapshot().media.clone()))
            }
        };
        self.handle.command(Command::HangUp)?;
        result
    }

    /// Opens what is chosen, and puts a pattern, a tone or nothing in the place of what cannot be opened.
    async fn open_devices(&mut self) -> anyhow::Result<()> {
        self.handle.command(Command::Preview(true))?;
        let settled = self.snapshots.wait_for(|s| [&s.media.camera, &s.media.microphone].into_iter().all(is_settled));
        let media = match timeout(OPEN_LIMIT, settled).await {
            Ok(snapshot) => snapshot?.media.clone(),
            Err(_) => self.handle.snapshot().media.clone(),
        };
        let mut settings: Settings = (*self.handle.snapshot().settings).clone();
        let before = settings.clone();
        if let Some(why) = problem(&media.camera).filter(|_| settings.camera != VideoSpec::None) {
            settings.camera = VideoSpec::Scene;
            self.notes.push(format!("camera: {why}; a test picture stands in for it"));
        }
        if let Some(why) = problem(&media.microphone).filter(|_| settings.microphone != AudioSpec::None) {
            settings.microphone = AudioSpec::Tone(440);
            self.notes.push(format!("microphone: {why}; a test tone stands in for it"));
        }
        if let Some(why) = problem(&media.speaker).filter(|_| settings.speaker != SinkSpec::None) {
            settings.speaker = SinkSpec::None;
            self.notes.push(format!("speaker: {why}; the test is silent"));
        }
        if settings != before {
            self.handle.command(Command::Settings(Box::new(settings)))?;
        }
        Ok(())
    }
}

fn is_settled(state: &DeviceState) -> bool {
    matches!(state, DeviceState::Open { .. } | DeviceState::Failed(_))
}

fn problem(state: &DeviceState) -> Option<String> {
    match state {
        DeviceState::Failed(why) => Some(why.to_string()),
        DeviceState::Opening => Some("it does not open".into()),
        DeviceState::Open { .. } | DeviceState::Closed => None,
    }
}

fn words(state: &DeviceState) -> String {
    match state {
        DeviceState::Open { name, format, .. } if format.is_empty() => name.clone(),
        DeviceState::Open { name, format, .. } => format!("{name}, {format}"),
        DeviceState::Failed(why) => why.to_string(),
        DeviceState::Opening => "opening".into(),
        DeviceState::Closed => "none".into(),
    }
}

fn print(report: &EchoReport, media: &LocalMedia, notes: &[String]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let ms = |value: Option<u64>| value.map_or("–".to_owned(), |ms| format!("{ms} ms"));
    writeln!(out)?;
    writeln!(out, "  camera         {}", words(&media.camera))?;
    writeln!(out, "  microphone     {}", words(&media.microphone))?;
    writeln!(out, "  speaker        {}", words(&media.speaker))?;
    for note in notes {
        writeln!(out, "  note           {note}")?;
    }
    let first = ms(report.first_frame_ms);
    writeln!(
        out,
        "  set-up         {} ms, first picture back after {first} (1000 ms of it on purpose)",
        report.setup_ms
    )?;
    let latency = report.latency_ms.map_or("–".to_owned(), |l| {
        format!("{:.0} ms one way (95 % under {:.0} ms, at most {:.0} ms)", l.p50, l.p95, l.max)
    });
    writeln!(out, "  latency        {latency}")?;
    writeln!(
        out,
        "  picture        {} × {}, {:.1} pictures/s, {:.2} Mbit/s",
        report.width,
        report.height,
        report.fps,
        report.video_bitrate_bps as f64 / 1e6
    )?;
    let level = report.level_dbfs.map_or("silence".to_owned(), |level| format!("{level:.0} dBFS at its loudest"));
    writeln!(out, "  sound          {level}, {:.0} kbit/s", report.audio_bitrate_bps as f64 / 1e3)?;
    writeln!(out, "  loss           {:.1} %", report.loss * 100.0)?;
    writeln!(out, "\n{}", report.verdict)
}

/// A directory that goes with this value.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> io::Result<Self> {
        let mut tag = [0; 8];
        getrandom::fill(&mut tag).map_err(io::Error::other)?;
        let path: &Path = &std::env::temp_dir();
        Ok(Self(path.join(format!("visavis-test-{}", data_encoding::HEXLOWER.encode(&tag)))))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(e) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!("{} cannot be removed: {e}", self.0.display());
        }
    }
}
