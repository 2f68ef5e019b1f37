//! Fixed states and pictures for whoever looks at the window without a call: tests and the gallery.
#![allow(dead_code, clippy::unwrap_used, reason = "each user needs a part; fixed values cannot fail")]

pub mod picture;
pub mod room;
pub mod window;

use std::sync::Arc;
use std::time::Duration;

use visavis::model::chat::{ChatLine, Delivery};
use visavis::model::device::{Device, DeviceError, DeviceKind, DeviceState, Devices};
use visavis::model::frame::VideoFrame;
use visavis::model::id::{CallId, Callee, PeerId};
use visavis::model::notice::Notice;
use visavis::model::outcome::{Direction, Outcome};
use visavis::model::preference::{DeviceChange, DeviceSwitch, DeviceUse, SwitchReason};
use visavis::model::quality::{CallQuality, Cause, History, Mark, Point, Quality, Side, Trouble, Verdict, Way};
use visavis::model::settings::{Settings, Theme};
use visavis::model::snapshot::{
    CallView, EchoReport, IncomingView, Level, LocalMedia, MemberView, Recent, RemoteMedia, SayAgain, ServerState,
    Snapshot, Stage,
};
use visavis::model::stats::{Percentiles, Stats};
use visavis::model::transfer::{Preview, TransferId, TransferState, TransferView};

/// Noon of some day, UTC; what the fixtures call a while ago.
pub const NOON: i64 = 1_762_171_200;

pub fn peer(n: u8) -> PeerId {
    PeerId::from_public_key(&[n; 32])
}

pub fn call_id() -> CallId {
    CallId([7; 16])
}

fn device(id: &str, name: &str, kind: DeviceKind, default: bool) -> Device {
    Device { id: id.to_owned(), name: name.to_owned(), kind, default }
}

pub fn settings() -> Settings {
    Settings { name: "Noor Haddad".to_owned(), theme: Theme::Dark, ..Settings::default() }
}

pub fn recent(
    n: u8,
    name: &str,
    video: bool,
    direction: Direction,
    outcome: &Outcome,
    ago_h: i64,
    seconds: u32,
) -> Recent {
    let outcome = outcome.word().to_owned();
    Recent { id: peer(n), name: name.to_owned(), direction, video, outcome, time: NOON - ago_h * 3600, seconds }
}

/// The headset is plugged in again and used at once.
pub fn headset_back() -> Notice {
    let change = |of, id: &str| DeviceChange {
        of,
        reason: SwitchReason::Back,
        before: Some("Built-in audio".to_owned()),
        now: Some("Jabra Evolve2 65".to_owned()),
        id: Some(id.to_owned()),
    };
    let changes = vec![change(DeviceUse::Microphone, "mic1"), change(DeviceUse::Speaker, "spk1")];
    Notice::Devices(DeviceSwitch { changes, undo: true })
}

pub fn home() -> Snapshot {
    let open = |id: &str, name: &str, format: &str| DeviceState::Open {
        id: id.to_owned(),
        name: name.to_owned(),
        format: format.to_owned(),
    };
    Snapshot {
        id: Some(peer(1)),
        settings: Arc::new(settings()),
        server: ServerState::Online { url: "ws://127.0.0.1:47100".to_owned(), embedded: true, rtt_ms: Some(1) },
        devices: Arc::new(Devices {
            cameras: vec![
                device("cam1", "Logitech BRIO", DeviceKind::Camera, true),
                device("cam2", "Built-in camera", DeviceKind::Camera, false),
            ],
            microphones: vec![
                device("mic1", "Jabra Evolve2 65", DeviceKind::Microphone, true),
                device("mic2", "Built-in audio", DeviceKind::Microphone, false),
            ],
            speakers: vec![
                device("spk1", "Jabra Evolve2 65", DeviceKind::Speaker, true),
                device("spk2", "Built-in audio", DeviceKind::Speaker, false),
            ],
            displays: vec![
                device("x11:screen:eDP-1", "Screen 1", DeviceKind::Screen, true),
                device("x11:screen:HDMI-1", "Screen 2", DeviceKind::Screen, false),
                device("x11:window:0x1400003", "Budget 2027.ods", DeviceKind::Window, false),
                device("x11:window:0x1c00007", "Minutes of the meeting", DeviceKind::Window, false),
            ],
        }),
        media: LocalMedia {
            camera: open("cam1", "Logitech BRIO", "1280 × 720, 30 fps"),
            microphone: open("mic1", "Jabra Evolve2 65", ""),
            speaker: open("spk1", "Jabra Evolve2 65", ""),
            camera_on: true,
            muted: false,
            held: false,
            level: Level { rms: -22, peak: -12 },
            speaking: false,
            hand: false,
            reaction: None,
            sharing: None,
            say_again: SayAgain::Off,
            trouble: None,
        },
        recents: Arc::new(vec![
            recent(2, "Amara Osei", true, Direction::Outgoing, &Outcome::Accepted, 400, 1440),
            recent(3, "Tomás Rivera", true, Direction::Incoming, &Outcome::NoAnswer, 500, 0),
            recent(4, "Lena Fischer", false, Direction::Incoming, &Outcome::Accepted, 900, 480),
            recent(5, "Yuki Tanaka", true, Direction::Outgoing, &Outcome::Busy, 1200, 0),
        ]),
        ..Snapshot::default()
    }
}

pub fn first_run() -> Snapshot {
    let mut snapshot = home();
    snapshot.settings = Arc::new(Settings { name: String::new(), ..settings() });
    snapshot.recents = Arc::default();
    snapshot
}

pub fn call(stage: Stage) -> Snapshot {
    let mut stats = Stats::default();
    stats.received.video.width = 1280;
    stats.received.video.height = 720;
    stats.received.video.fps = 30.0;
    stats.received.video.bitrate_bps = 1_900_000;
    stats.received.video.packets = 1000;
    stats.received.video.latency_ms = Some(Percentiles { p50: 62.0, p95: 80.0, max: 95.0 });
    stats.received.audio.bitrate_bps = 32_000;
    stats.sent = visavis::model::stats::Sent::default();
    stats.sent.video.width = 1280;
    stats.sent.video.height = 720;
    stats.sent.video.fps = 30.0;
    stats.sent.video.bitrate_bps = 1_800_000;
    stats.transport.rtt_ms = Some(38.0);
    let mut snapshot = home();
    let member = MemberView {
        call: call_id(),
        peer: Callee::Peer(peer(2)),
        name: "Amara Osei".to_owned(),
        stage: stage.clone(),
        seconds: 767,
        remote: RemoteMedia {
            camera_on: true,
            muted: false,
            hand: false,
            sharing: false,
            replay: false,
            reaction: None,
        },
        level: Level { rms: -30, peak: -20 },
        speaking: false,
        volume: 100,
        path: "Direct, 38 ms".to_owned(),
        stats: Arc::new(stats),
        quality: Arc::new(quality(None)),
    };
    snapshot.call = Some(CallView {
        call: call_id(),
        room: None,
        direction: Direction::Outgoing,
        stage,
        seconds: 767,
        video: true,
        members: Arc::new(vec![member]),
        hearsay: Arc::default(),
        chat: Arc::new(chat()),
        unread: 1,
        mentioned: false,
        files: Arc::default(),
        report: None,
    });
    snapshot
}

/// The only other one of a call.
pub fn other(call: &mut CallView) -> &mut MemberView {
    &mut Arc::make_mut(&mut call.members)[0]
}

/// Changes the stage of a call of two.
pub fn set_stage(call: &mut CallView, stage: Stage) {
    call.stage = stage.clone();
    other(call).stage = stage;
}

/// A path that is good, or lost so many percent of what we send for half a minute now.
pub fn quality(up_loss: Option<u8>) -> CallQuality {
    let mut history = History::default();
    for second in 0..150_u64 {
        let noise = (second * 7919 % 13) as u16;
        let bad = up_loss.filter(|_| second >= 115);
        let lowered = up_loss.is_some() && second >= 125;
        history.push(Point {
            up_lost: Some(bad.map_or(noise / 6, |percent| u16::from(percent) * 10 - 6 + noise)),
            down_lost: Some(noise / 9),
            rtt_ms: Some(36 + u32::from(noise) / 2 + if bad.is_some() { 40 } else { 0 }),
            up_bps: if lowered { 780_000 } else { 1_830_000 } + u64::from(noise) * 5000,
            down_bps: 1_930_000 - u64::from(noise) * 7000,
        });
        match second {
            125 if lowered => history.mark(Mark::Smaller(540)),
            117 if bad.is_some() => history.mark(Mark::Froze),
            _ => {}
        }
    }
    let trouble = |percent| {
        let cause = Cause::Loss { percent };
        Trouble { cause, way: Way::Up, side: Side::Yours, alone: true }
    };
    let up = if up_loss.is_some() { Quality::Poor } else { Quality::Good };
    let verdict = Verdict { up, down: Quality::Good, trouble: up_loss.map(trouble) };
    CallQuality { verdict, sentence: verdict.sentence("Amara Osei"), history }
}

/// A call in which our upload loses packets.
pub fn lossy() -> Snapshot {
    let mut snapshot = call(Stage::Connected);
    if let Some(call) = &mut snapshot.call {
        let call = other(call);
        call.quality = Arc::new(quality(Some(7)));
        let mut stats = (*call.stats).clone();
        (stats.sent.video.width, stats.sent.video.height, stats.sent.video.bitrate_bps) = (960, 540, 780_000);
        call.stats = Arc::new(stats);
    }
    snapshot
}

pub fn chat() -> Vec<ChatLine> {
    let line = |number: u64, mine: bool, text: &str, delivery: Delivery| ChatLine {
        number,
        mine,
        author: String::new(),
        text: text.to_owned(),
        time: NOON + 60 * number as i64,
        delivery,
        received_by: vec![],
    };
    vec![
        line(1, false, "Morning! I pushed the new onboarding flow.", Delivery::Received),
        line(2, false, "Here is the spec we talked about: https://example.org/onboarding", Delivery::Received),
        line(3, true, "Looks great. The second step is so much clearer now.", Delivery::Received),
        line(4, false, "Agreed. Shall I share my screen and walk through the copy?", Delivery::Received),
        line(5, true, "Yes please! 🎉", Delivery::Sent),
    ]
}

/// A file in a call.
pub fn file(n: u8, mine: bool, state: TransferState) -> TransferView {
    TransferView {
        id: TransferId([n; 16]),
        peer: peer(2),
        mine,
        name: format!("Onboarding-v{n}.pdf"),
        size: 2_411_724,
        done: 1_205_862,
        rate: 602_931,
        state,
        path: None,
        preview: Preview::None,
        time: chat()[2].time + 1,
    }
}

/// A call with these files.
pub fn with_files(files: Vec<TransferView>) -> Snapshot {
    let mut snapshot = call(Stage::Connected);
    if let Some(call) = &mut snapshot.call {
        call.files = Arc::new(files);
    }
    snapshot
}

pub fn incoming() -> IncomingView {
    IncomingView {
        call: call_id(),
        from: peer(2),
        name: "Amara Osei".to_owned(),
        video: true,
        known: true,
        seconds_left: 32,
        silenced: false,
    }
}

pub fn report() -> EchoReport {
    EchoReport {
        good: true,
        verdict: "Picture and sound go out and come back. People will see and hear you well.".to_owned(),
        setup_ms: 312,
        first_frame_ms: Some(420),
        latency_ms: Some(Percentiles { p50: 48.0, p95: 60.0, max: 71.0 }),
        loss: 0.0,
        video_bitrate_bps: 1_900_000,
        audio_bitrate_bps: 32_000,
        fps: 30.0,
        width: 1280,
        height: 720,
        level_dbfs: Some(-18.0),
    }
}

/// What a test call finds on a machine without camera, microphone and speaker.
pub fn bare_report() -> EchoReport {
    EchoReport {
        verdict: "The connection works. No camera: the others will hear you, not see you. No microphone: the others \
                  will not hear you. No speaker: you will not hear the others."
            .to_owned(),
        first_frame_ms: None,
        latency_ms: None,
        video_bitrate_bps: 0,
        fps: 0.0,
        width: 0,
        height: 0,
        level_dbfs: Some(-99.0),
        ..report()
    }
}

/// The same, on a machine that has no device at all.
pub fn without_devices(mut snapshot: Snapshot) -> Snapshot {
    let none = |what| DeviceState::Failed(DeviceError::None(what));
    snapshot.devices = Arc::default();
    snapshot.media.camera = none("camera");
    snapshot.media.microphone = none("microphone");
    snapshot.media.speaker = none("speaker");
    snapshot.media.level = Level::default();
    snapshot
}

/// A test call in this stage.
pub fn test_call(stage: Stage, seconds: u32, report: Option<EchoReport>) -> Snapshot {
    let mut snapshot = call(stage);
    if let Some(call) = &mut snapshot.call {
        let echo = other(call);
        (echo.peer, echo.name, echo.seconds) = (Callee::Echo, String::new(), seconds);
        call.seconds = seconds;
        call.report = report.map(Arc::new);
        call.chat = Arc::default();
        call.unread = 0;
    }
    snapshot
}

/// Somebody who never called before.
pub fn stranger() -> IncomingView {
    IncomingView { from: peer(9), name: String::new(), known: false, ..incoming() }
}

/// A person in front of a wall, roughly; `turn` moves them. `wall` is the wall's U and V.
pub fn person(w: u32, h: u32, wall: (u8, u8), turn: f32) -> Arc<VideoFrame> {
    let mut frame = VideoFrame::black(w, h, Duration::ZERO).unwrap();
    let (y, u, v) = frame.planes_mut();
    let colour = |x: f32, z: f32| -> (u8, u8, u8) {
        let (dx, dy) = (x - 0.5 - 0.06 * turn.sin(), z - 0.43);
        let head = (dx * 1.78 / 0.20).powi(2) + (dy / 0.25).powi(2) < 1.0;
        let hair = (dx * 1.78 / 0.23).powi(2) + ((dy + 0.09) / 0.24).powi(2) < 1.0 && dy < -0.06;
        let body = (dx * 1.78 / 0.62).powi(2) + ((z - 1.1) / 0.40).powi(2) < 1.0;
        match (hair, head, body) {
            (true, ..) => (30, 124, 134),
            (_, true, _) => (150, 108, 152),
            (.., true) => (110, 126, 96),
            _ => ((70.0 + 90.0 * x - 30.0 * z) as u8, wall.0, wall.1),
        }
    };
    for row in 0..h {
        for column in 0..w {
            let (a, b, c) = colour(column as f32 / w as f32, row as f32 / h as f32);
            y[(row * w + column) as usize] = a;
            let at = (row / 2 * (w / 2) + column / 2) as usize;
            (u[at], v[at]) = (b, c);
        }
    }
    Arc::new(frame)
}
