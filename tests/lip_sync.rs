//! What flashes and beeps at one moment on one side is seen and heard together on the other, also where the speaker
//! there is slow: judged by what comes out of the player and goes into the speaker.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "fixed values; a test says what it measured")]

mod common;

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use visavis::device::audio::{AudioSink, AudioSource, Flow};
use visavis::device::{VideoFormat, VideoSource};
use visavis::model::device::DeviceError;
use visavis::model::frame::VideoFrame;
use visavis::model::report::MediaKind;
use visavis::model::slot::Player;
use visavis::model::sound::{TICK, Tick};
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::*;

const LIMIT: Duration = Duration::from_secs(180);
/// Longest to wait for a stretch in which the machine keeps time.
const PATIENCE: Duration = Duration::from_secs(100);
/// A flash and a beep of the second length at every multiple of the first.
const EVERY: Duration = Duration::from_millis(600);
const LONG: Duration = Duration::from_millis(200);
/// A tick.
const TEN: Duration = Duration::from_millis(10);
const SIZE: (u32, u32) = (320, 180);
/// What nobody notices.
const TOGETHER: f64 = 40.0;

/// When flashes and beeps begin.
#[derive(Clone, Copy)]
struct Beat(Instant);

impl Beat {
    fn is_on(self, at: Instant) -> bool {
        let since = at.saturating_duration_since(self.0).as_nanos();
        since % EVERY.as_nanos() < LONG.as_nanos()
    }

    /// How long before `at` the newest beat began, ms; only right where that is less than a beat.
    fn ago(self, at: Instant) -> f64 {
        let since = at.saturating_duration_since(self.0).as_nanos();
        (since % EVERY.as_nanos()) as f64 / 1e6
    }
}

struct Flash {
    beat: Beat,
    next: Instant,
}

impl VideoSource for Flash {
    fn format(&self) -> VideoFormat {
        VideoFormat { name: "flash".to_owned(), width: SIZE.0, height: SIZE.1, fps: 30.0 }
    }

    fn next(&mut self, _: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        thread::sleep(self.next.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        self.next = (self.next + Duration::from_nanos(33_333_333)).max(now);
        let mut frame = VideoFrame::black(SIZE.0, SIZE.1, Duration::ZERO).expect("a size");
        frame.planes_mut().0.fill(if self.beat.is_on(now) { 200 } else { 40 });
        frame.at = Some(now);
        Ok(Some(frame))
    }
}

/// Like a sound card, it goes on evenly, whenever it is read.
struct Beep {
    beat: Beat,
    first: Option<Instant>,
    ticks: u32,
}

impl AudioSource for Beep {
    fn name(&self) -> String {
        "beep".to_owned()
    }

    fn read(&mut self, out: &mut Tick) -> Result<Flow, DeviceError> {
        let now = Instant::now();
        let mut first = *self.first.get_or_insert(now);
        let late = now.saturating_duration_since(first + TEN * self.ticks);
        if late > Duration::from_millis(60) {
            // Nobody read for so long that what was heard meanwhile is lost.
            first += late;
            self.first = Some(first);
        }
        let begin = first + TEN * self.ticks - TEN;
        self.ticks += 1;
        for (n, sample) in out.iter_mut().enumerate() {
            let at = begin + Duration::from_nanos(n as u64 * 1_000_000_000 / 48_000);
            *sample = if self.beat.is_on(at) { (n as f32 * 0.1).sin() * 0.4 } else { 0.0 };
        }
        Ok(Flow::Full)
    }
}

/// What was seen and heard: when, and how long after the beat.
#[derive(Default)]
struct Noticed {
    seen: Vec<(Instant, f64)>,
    heard: Vec<(Instant, f64)>,
    /// Until when the machine kept no time.
    late: Option<Instant>,
}

type Notes = Arc<Mutex<Noticed>>;

/// A speaker that is heard only a while after it is given something.
struct Slow {
    delay: Duration,
    beat: Beat,
    notes: Notes,
    quiet: u32,
    last: Option<Instant>,
}

impl AudioSink for Slow {
    fn name(&self) -> String {
        "slow".to_owned()
    }

    fn delay(&self) -> Duration {
        self.delay
    }

    fn write(&mut self, tick: &Tick) -> Result<Flow, DeviceError> {
        let now = Instant::now();
        let mut notes = self.notes.lock().unwrap();
        if self.last.replace(now).is_some_and(|last| now - last > Duration::from_millis(35)) {
            notes.late = Some(now);
        }
        match tick.iter().position(|sample| sample.abs() > 0.05) {
            Some(n) => {
                if self.quiet > 10 {
                    let at = now + self.delay + TEN * n as u32 / TICK as u32;
                    notes.heard.push((at, self.beat.ago(at)));
                }
                self.quiet = 0;
            }
            None => self.quiet += 1,
        }
        Ok(Flow::Full)
    }
}

/// Notes each first bright picture, and how long after its *capture* it is seen.
fn watch(player: &Player, notes: &Notes, captured: impl Fn(Duration) -> Option<Instant>) {
    let (mut seen, mut bright, mut last) = (player.sequence(), true, Instant::now());
    while !player.is_closed() {
        let Ok(Some((number, frame))) = player.wait_newer(seen, Duration::from_millis(100)) else { continue };
        let now = Instant::now();
        seen = number;
        let is_bright = frame.y()[frame.y().len() / 2] > 120;
        let mut notes = notes.lock().unwrap();
        if now - last > Duration::from_millis(80) {
            notes.late = Some(now);
        }
        last = now;
        if is_bright
            && !std::mem::replace(&mut bright, is_bright)
            && let Some(captured) = captured(frame.media_time)
        {
            notes.seen.push((now, (now - captured).as_secs_f64() * 1e3));
        }
        bright = is_bright;
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// How long after they began pictures were seen and sound was heard in the last three seconds, in which the machine must
/// have kept time, ms.
fn delays(notes: &Notes) -> Option<(f64, f64)> {
    let notes = notes.lock().unwrap();
    let since = Instant::now().checked_sub(Duration::from_secs(3))?;
    if notes.late.is_some_and(|late| late > since) {
        return None;
    }
    let newest = |of: &[(Instant, f64)]| {
        let of: Vec<f64> = of.iter().filter(|(at, _)| *at > since).map(|(_, ago)| *ago).collect();
        (of.len() >= 3).then(|| median(of.into_iter())).flatten()
    };
    Some((newest(&notes.seen)?, newest(&notes.heard)?))
}

fn config(camera: VideoInput, microphone: AudioInput, speaker: AudioOutput) -> SessionConfig {
    SessionConfig {
        camera,
        microphone,
        speaker,
        ring: SinkSpec::None.into(),
        video: VideoRequest { width: SIZE.0, height: SIZE.1, fps: 30 },
        ..SessionConfig::default()
    }
}

async fn together(delay: Duration) {
    let beat = Beat(Instant::now());
    let notes = Notes::default();
    let camera = VideoInput::custom(move || Ok(Box::new(Flash { beat, next: Instant::now() })));
    let microphone = AudioInput::Custom(Arc::new(move || Ok(Box::new(Beep { beat, first: None, ticks: 0 }))));
    let for_speaker = Arc::clone(&notes);
    let speaker = AudioOutput::Custom(Arc::new(move || {
        Ok(Box::new(Slow { delay, beat, notes: Arc::clone(&for_speaker), quiet: 0, last: None }))
    }));
    let (ann, mut of_ann) = Session::start(config(camera, microphone, SinkSpec::None.into()));
    let (bob, mut of_bob) = Session::start(config(VideoInput::Spec(VideoSpec::None), AudioSpec::None.into(), speaker));
    let read = tokio::spawn(async move { while of_ann.recv().await.is_some() {} });
    let read_too = tokio::spawn(async move { while of_bob.recv().await.is_some() {} });
    ann.add_peer("bob", PeerConfig::default()).await.unwrap();
    bob.add_peer("ann", PeerConfig::default()).await.unwrap();
    let offer = ann.create_offer("bob").await.unwrap().to_string();
    let answer = bob.accept_offer("ann", offer).await.unwrap().to_string();
    ann.accept_answer("bob", answer).await.unwrap();

    let (player, for_eyes, sender) = (bob.player("ann").unwrap(), Arc::clone(&notes), ann.clone());
    let eyes = thread::spawn(move || watch(&player, &for_eyes, |media_time| sender.captured_at("bob", media_time)));
    // Until they are together in a stretch in which the machine kept time, by what came out and by the figures. Where it
    // never does, there is nothing to judge.
    let (begun, mut judged) = (Instant::now(), 0);
    while begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let told = bob.stats("ann").await.unwrap().received.video.skew_ms;
        let found = delays(&notes);
        println!("speaker {delay:?}: (seen, heard) {found:?}, told {told:?}");
        let (Some((seen, heard)), Some(told)) = (found, told) else { continue };
        let off = (seen - heard).abs();
        judged += 1;
        assert!(judged < 50, "seen {seen} ms and heard {heard} ms after it happened, told {told:?}");
        if off <= TOGETHER && told.p50 <= TOGETHER && (told.p50 - off).abs() < 12.0 {
            break;
        }
    }
    let report = bob.stats_report("ann").await.unwrap();
    let now_ntp = report.timestamp / 1e3 + 2_208_988_800.0;
    for kind in [MediaKind::Video, MediaKind::Audio] {
        let stream = report.inbound_rtp.iter().find(|of| of.kind == kind).unwrap();
        // Reports come every second.
        let Some(played) = stream.estimated_playout_timestamp else { panic!("{kind:?} is not reported on") };
        let age = now_ntp - played / 1e3;
        assert!((0.0..10.0).contains(&age), "{kind:?}: {age} s");
    }
    ann.close().await;
    bob.close().await;
    tokio::task::spawn_blocking(move || eyes.join().unwrap()).await.unwrap();
    // The sessions are closed, but held until here: their queues of events do not end by themselves.
    read.abort();
    read_too.abort();
}

#[test]
fn flash_and_beep_come_together() {
    common::run(LIMIT, together(Duration::ZERO));
}

#[test]
fn pictures_wait_for_a_slow_speaker() {
    common::run(LIMIT, together(Duration::from_millis(120)));
}
