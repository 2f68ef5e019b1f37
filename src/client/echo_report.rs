//! The verdict of a test call: figures in, words out.

use std::time::Instant;

use crate::model::device::{DeviceError, DeviceState};
use crate::model::snapshot::EchoReport;
use crate::model::stats::{Percentiles, Stats};

/// How long media must flow before the verdict, seconds.
pub(super) const AFTER_SECONDS: u32 = 10;

/// Seconds at the start that do not count: the echo's own delay, and the codec finding its rate.
pub(super) const WARM_UP_SECONDS: u32 = 3;

/// Loss above this is felt.
const LOSS: f64 = 0.03;

/// One-way latency above this makes people talk over each other (ITU-T G.114 says 150 ms mouth to ear).
const LATENCY_MS: f64 = 150.0;

/// Share of the pictures asked for that must come back.
const FPS_SHARE: f64 = 0.66;

/// What was found.
#[derive(Debug, Clone, Default)]
pub(super) struct Findings {
    /// From the click, ms.
    pub setup_ms: u64,
    /// From the click, ms.
    pub first_frame_ms: Option<u64>,
    /// One way.
    pub latency_ms: Option<Percentiles>,
    /// Our figures when the warm-up was over, and at the end.
    pub from: Stats,
    /// See `from`.
    pub to: Stats,
    /// When they were taken.
    pub from_at: Option<Instant>,
    /// See `from_at`.
    pub to_at: Option<Instant>,
    /// The echo's figures at the end: what it got of us.
    pub there: Stats,
    /// Video bits per second that came back, each interval.
    pub video_bps: Vec<u64>,
    /// Sound bits per second that came back, each interval.
    pub audio_bps: Vec<u64>,
    /// Loudest that came back, dBFS.
    pub level_dbfs: Option<f64>,
    /// Our devices.
    pub camera: DeviceState,
    /// Our devices.
    pub microphone: DeviceState,
    /// Our devices.
    pub speaker: DeviceState,
    /// The camera is meant to be on.
    pub camera_on: bool,
    /// The microphone is meant to be silent.
    pub muted: bool,
    /// Pictures a second that were asked for.
    pub fps: u32,
}

fn mean(values: &[u64]) -> u64 {
    values.iter().sum::<u64>().checked_div(values.len() as u64).unwrap_or(0)
}

/// Puts it into words.
pub(super) fn report(found: &Findings) -> EchoReport {
    let (from, to) = (&found.from.received, &found.to.received);
    let frames = to.video.frames.saturating_sub(from.video.frames);
    let seconds = match (found.from_at, found.to_at) {
        (Some(from), Some(to)) => to.saturating_duration_since(from).as_secs_f64(),
        _ => 0.0,
    };
    let fps = if seconds > 0.0 { frames as f64 / seconds } else { 0.0 };
    let packets = |s: &Stats| {
        let (video, audio) = (&s.received.video, &s.received.audio);
        (video.lost + audio.lost, video.packets + video.lost + audio.packets + audio.lost)
    };
    let ((lost_here, all_here), (lost_there, all_there)) = (packets(&found.to), packets(&found.there));
    let all = all_here + all_there;
    let loss = if all > 0 { (lost_here + lost_there) as f64 / all as f64 } else { 0.0 };

    let mut bad = Vec::new();
    let mut missing = Vec::new();
    let mut is_open = |state: &DeviceState, without: &'static str| match state {
        DeviceState::Failed(DeviceError::None(_) | DeviceError::NotBuilt) | DeviceState::Closed => {
            missing.push(without);
            false
        }
        DeviceState::Failed(why) => {
            bad.push(format!("{why}."));
            false
        }
        DeviceState::Open { .. } | DeviceState::Opening => true,
    };
    let picture = found.camera_on && is_open(&found.camera, "No camera: the others will hear you, not see you.");
    let sound = is_open(&found.microphone, "No microphone: the others will not hear you.");
    is_open(&found.speaker, "No speaker: you will not hear the others.");
    if !found.camera_on {
        missing.push("Your camera is off.");
    }
    if picture && frames == 0 {
        bad.push("Your picture did not come back.".into());
    } else if picture && fps < f64::from(found.fps) * FPS_SHARE {
        bad.push(format!(
            "Only {fps:.0} of {} pictures a second came back: close other programs, or choose a smaller picture.",
            found.fps
        ));
    }
    if sound && found.muted {
        missing.push("Your microphone is muted.");
    } else if sound && to.audio.packets == 0 {
        bad.push("Your sound did not come back.".into());
    } else if sound && found.level_dbfs.is_none() {
        bad.push("Your microphone gives no sound at all: check its switch, or choose another.".into());
    }
    if loss > LOSS {
        bad.push(format!("{:.0} % of the packets were lost.", loss * 100.0));
    }
    if let Some(latency) = found.latency_ms.filter(|l| l.p50 > LATENCY_MS) {
        bad.push(format!(
            "The picture is {:.0} ms late: close other programs, or choose a smaller picture.",
            latency.p50
        ));
    }
    let good = bad.is_empty();
    let head = match (good, missing.is_empty()) {
        (true, true) => "Everything works: the others will see and hear you well.",
        (true, false) => "The connection works.",
        (false, _) => "Something is not as it should be.",
    };
    let verdict = std::iter::once(head.to_owned())
        .chain(bad)
        .chain(missing.into_iter().map(str::to_owned))
        .collect::<Vec<_>>()
        .join(" ");
    EchoReport {
        good,
        verdict,
        setup_ms: found.setup_ms,
        first_frame_ms: found.first_frame_ms,
        latency_ms: found.latency_ms,
        loss,
        video_bitrate_bps: mean(&found.video_bps),
        audio_bitrate_bps: mean(&found.audio_bps),
        fps,
        width: to.video.width,
        height: to.video.height,
        level_dbfs: found.level_dbfs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> DeviceState {
        DeviceState::Open { id: String::new(), name: "x".into(), format: String::new() }
    }

    fn fine() -> Findings {
        let now = Instant::now();
        let mut found = Findings {
            from_at: Some(now),
            to_at: Some(now + std::time::Duration::from_secs(7)),
            camera: open(),
            microphone: open(),
            speaker: open(),
            camera_on: true,
            fps: 30,
            level_dbfs: Some(-20.0),
            latency_ms: Some(Percentiles { p50: 40.0, p95: 50.0, max: 60.0 }),
            ..Findings::default()
        };
        found.to.received.video.frames = 210;
        found.to.received.video.packets = 900;
        found.to.received.audio.packets = 350;
        found
    }

    #[test]
    fn a_good_call_is_good() {
        let report = report(&fine());
        assert!(report.good, "{}", report.verdict);
        assert!((report.fps - 30.0).abs() < 0.01);
        assert!(report.verdict.starts_with("Everything works"));
    }

    #[test]
    fn what_is_missing_is_said_and_what_is_broken_is_bad() {
        let mut found = fine();
        found.camera = DeviceState::Failed(DeviceError::None("camera"));
        found.to.received.video.frames = 0;
        let words = report(&found);
        assert!(words.good && words.verdict.contains("No camera"), "{}", words.verdict);

        found.camera = DeviceState::Failed(DeviceError::Busy("Cam".into()));
        let words = report(&found);
        assert!(!words.good && words.verdict.contains("another program"), "{}", words.verdict);

        let mut found = fine();
        found.level_dbfs = None;
        assert!(report(&found).verdict.contains("gives no sound at all"));

        let mut found = fine();
        found.to.received.video.lost = 300;
        assert!(report(&found).verdict.contains("lost"));

        let mut found = fine();
        found.to.received.video.frames = 70;
        assert!(report(&found).verdict.contains("Only 10 of 30"));
    }
}
