//! Rows P1 to P7 of the component contract: devices, user media, shared screens. Each row between two sessions of ours
//! that are connected by direct calls; what needs a sound server or a display starts its own, and says so where there
//! is none to be had.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on says where; it says what it skips"
)]

mod common;
#[cfg(all(feature = "gui", target_os = "linux"))]
#[path = "end_to_end/desktop.rs"]
#[allow(dead_code, reason = "shared with another test")]
mod desktop;
#[cfg(all(feature = "gui", target_os = "linux"))]
#[path = "contract_media/on_a_desktop.rs"]
mod on_a_desktop;
#[path = "contract_media/pair.rs"]
mod pair;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pair::{BLUE, Pair, RED, SOON, Spot, flat, is_black, of_size, shows};
use visavis::device::{VideoFormat, VideoSource, open_video};
use visavis::model::device::{DeviceError, DeviceKind, DeviceState};
use visavis::model::frame::VideoFrame;
use visavis::model::source::VideoSpec;
use visavis::session::*;

const LIMIT: Duration = Duration::from_secs(90);

/// Of `pattern:bars`.
const YELLOW: Spot = (1, 191, 191, 0);
const MAGENTA: Spot = (5, 191, 0, 191);

fn device(id: &str) -> Wanted {
    Wanted::Device(id.to_owned())
}

fn bars_and_tone() -> UserMediaRequest {
    UserMediaRequest { camera: device("pattern:bars"), microphone: device("tone:440") }
}

/// A source that counts how many of it are open.
struct Counted(Box<dyn VideoSource>, Arc<AtomicUsize>);

impl VideoSource for Counted {
    fn format(&self) -> VideoFormat {
        self.0.format()
    }

    fn next(&mut self, limit: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        self.0.next(limit)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A camera, and how many handles of it are open.
fn counted_camera() -> (VideoInput, Arc<AtomicUsize>) {
    let open = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&open);
    let camera = VideoInput::custom(move || {
        let source = open_video(&VideoSpec::Scene, VideoRequest { width: 320, height: 180, fps: 30 })?;
        count.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Counted(source, Arc::clone(&count))))
    });
    (camera, open)
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < SOON, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

/// Loudness of Ann at Bob, dBFS.
fn loudness(pair: &Pair) -> i8 {
    pair.bob.session.peer_level("ann").map_or(-60, |(level, _)| level.rms)
}

#[test]
fn p01_whoever_asks_gets_the_list_and_everybody_the_event() {
    common::run(LIMIT, async {
        let mut pair = Pair::unconnected();
        let listed = pair.ann.session.devices().await;
        let told = pair.ann.until("a list", |event| match event {
            SessionEvent::DevicesListed(devices) => Some(devices),
            _ => None,
        });
        assert_eq!(told.await, listed);
        for device in listed.cameras.iter().chain(&listed.microphones).chain(&listed.speakers).chain(&listed.displays) {
            assert!(!device.id.is_empty() && !device.name.is_empty(), "{device:?}");
            assert!(listed.of(device.kind).contains(device), "{device:?}");
        }
        let video = pair.ann.session.devices_of(true, false).await;
        assert!(video.microphones.is_empty() && video.speakers.is_empty() && video.cameras == listed.cameras);
        let audio = pair.ann.session.devices_of(false, true).await;
        assert!(audio.cameras.is_empty() && audio.displays.is_empty() && audio.speakers == listed.speakers);
        pair.end().await;
    });
}

#[test]
fn p02_user_media_by_flags_is_the_default_or_a_reason() {
    common::run(LIMIT, async {
        let mut pair = Pair::unconnected();
        // No devices wanted: nothing to fail.
        pair.ann.session.request_user_media(UserMediaRequest::default()).await.unwrap();
        let request = UserMediaRequest { camera: Wanted::flag(true), microphone: Wanted::flag(false) };
        let result = pair.ann.session.request_user_media(request).await;
        let events = pair.ann.user_media_events(2).await;
        let SessionEvent::UserMediaStarted { camera: None, microphone: None } = &events[1] else {
            panic!("{events:?}")
        };
        // Whether there is a camera is the machine's affair; that it is said which, is ours.
        match (&result, &events[4]) {
            (Ok(()), SessionEvent::UserMediaStarted { camera: Some(_), microphone: None }) => {}
            (Err(e), SessionEvent::UserMediaError(told)) if e == told => assert_eq!(e.kind, DeviceKind::Camera),
            other => panic!("{other:?}"),
        }
        assert!(matches!(events[3], SessionEvent::BeforeUserMedia(_)) && events[5] == SessionEvent::AfterUserMedia);
        pair.end().await;
    });
}

#[test]
fn p03_user_media_by_id_is_exactly_that_or_a_typed_error() {
    common::run(LIMIT, async {
        let mut pair = Pair::connected().await;
        let session = pair.ann.session.clone();
        session.request_user_media(bars_and_tone()).await.unwrap();
        let (camera, microphone, _) = session.media_state();
        assert!(matches!(&camera, DeviceState::Open { .. }) && matches!(&microphone, DeviceState::Open { .. }));
        pair.seen("the bars", |frame| shows(frame, [YELLOW, MAGENTA])).await;

        let folder = tempfile::tempdir().unwrap();
        let damaged = folder.path().join("damaged.y4m");
        std::fs::write(&damaged, "no picture at all").unwrap();
        let damaged = format!("file:{}", damaged.display());
        let absent = format!("file:{}", folder.path().join("absent.wav").display());
        for (camera, microphone, kind) in [
            ("no such camera", "tone:440", DeviceKind::Camera),
            ("pattern:fog", "tone:440", DeviceKind::Camera),
            (damaged.as_str(), "tone:440", DeviceKind::Camera),
            ("pattern:bars", "no such microphone", DeviceKind::Microphone),
            ("pattern:bars", absent.as_str(), DeviceKind::Microphone),
        ] {
            let request = UserMediaRequest { camera: device(camera), microphone: device(microphone) };
            let error = session.request_user_media(request).await.unwrap_err();
            assert_eq!(error.kind, kind, "{error}");
            let typed = matches!(
                error.error,
                DeviceError::Missing(_) | DeviceError::File(..) | DeviceError::Format(..) | DeviceError::NotBuilt
            );
            assert!(typed, "{error:?}");
        }
        // Nothing else was put in its place: what was sent before is sent again.
        pair.seen("the bars again", |frame| shows(frame, [YELLOW, MAGENTA])).await;
        until("the tone again", || loudness(&pair) > -30).await;
        pair.end().await;
    });
}

#[test]
fn p04_the_hook_changes_how_devices_open() {
    common::run(LIMIT, async {
        let mut pair = Pair::connected().await;
        pair.ann.session.on_constraints(|constraints| {
            constraints.video = VideoRequest { width: 256, height: 144, fps: 10 };
            constraints.facing = Some(Facing::User);
            constraints.processing.noise_suppression = false;
        });
        pair.ann.session.request_user_media(bars_and_tone()).await.unwrap();
        let told = pair.ann.user_media_events(1).await;
        let SessionEvent::BeforeUserMedia(constraints) = &told[0] else { panic!("{told:?}") };
        assert_eq!((constraints.video.width, constraints.processing.noise_suppression), (256, false));
        pair.seen("a picture of that size", of_size(256, 144)).await;
        let (camera, ..) = pair.ann.session.media_state();
        assert!(matches!(&camera, DeviceState::Open { format, .. } if format == "256 × 144, 10 fps"), "{camera:?}");
        pair.end().await;
    });
}

#[test]
fn p05_off_is_black_and_silence_at_once_and_the_handle_is_free() {
    common::run(LIMIT, async {
        let mut pair = Pair::connected().await;
        let (camera, open) = counted_camera();
        pair.ann.session.set_camera(camera);
        pair.seen("the camera", |frame| of_size(320, 180)(frame) && !is_black(frame)).await;
        until("the tone", || loudness(&pair) > -30).await;

        pair.ann.session.set_camera_enabled(false);
        let took = until("the handle to be released", || open.load(Ordering::SeqCst) == 0).await;
        println!("released after {took:?}");
        pair.seen("black", is_black).await;
        pair.ann.session.set_muted(true);
        until("silence", || loudness(&pair) <= -60).await;

        pair.ann.session.set_muted(false);
        pair.ann.session.set_camera_enabled(true);
        pair.seen("the camera again", |frame| of_size(320, 180)(frame) && !is_black(frame)).await;
        until("the tone again", || loudness(&pair) > -30).await;
        pair.end().await;
    });
}

#[test]
fn p06_a_shared_display_replaces_the_camera_and_back() {
    common::run(LIMIT, async {
        let mut pair = Pair::connected().await;
        let session = pair.ann.session.clone();
        let (camera, open) = counted_camera();
        session.set_camera(camera);
        pair.seen("the camera", of_size(320, 180)).await;
        pair.ann.calm = true;

        // Larger than what is asked for: it is scaled, not cropped.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("display.y4m");
        std::fs::write(&path, flat(1200, 900)).unwrap();
        let mut request = DisplayRequest::new(format!("file:{}", path.display()));
        request.video = VideoRequest { width: 640, height: 640, fps: 10 };
        session.request_display(request.clone()).await.unwrap();
        assert_eq!(session.display(), Some(request.id.clone()));
        pair.ann
            .until("that it began", |event| matches!(event, SessionEvent::AfterDisplayMedia { .. }).then_some(()))
            .await;
        pair.seen("the display", |frame| of_size(640, 480)(frame) && shows(frame, [RED, BLUE])).await;
        assert_eq!(open.load(Ordering::SeqCst), 0, "the camera rests meanwhile");

        // Switching the camera has nothing to do with the display.
        session.set_camera_enabled(false);
        pair.seen("the display still", |frame| shows(frame, [RED, BLUE])).await;
        session.set_camera_enabled(true);

        session.stop_display().await;
        let ended = SessionEvent::DisplayEnded { id: request.id.clone(), error: None };
        pair.ann.until("that it ended", |event| (event == ended).then_some(())).await;
        pair.seen("the camera again", of_size(320, 180)).await;
        assert_eq!(session.display(), None);

        // What cannot be shared leaves the camera alone.
        let error = session.request_display(DisplayRequest::new("x11:window:nonsense")).await.unwrap_err();
        let typed = matches!(error, DeviceError::Missing(_) | DeviceError::Unsupported(_) | DeviceError::NotBuilt);
        assert!(typed, "{error:?}");
        assert_eq!(open.load(Ordering::SeqCst), 1);
        pair.ann.was_calm();
        pair.end().await;
    });
}

#[test]
fn p06_a_shared_display_goes_beside_the_camera_and_away_again() {
    common::run(LIMIT, async {
        let mut pair = Pair::connected().await;
        let session = pair.ann.session.clone();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("display.y4m");
        std::fs::write(&path, flat(640, 480)).unwrap();
        let mut request = DisplayRequest::new(format!("file:{}", path.display()));
        request.place = DisplayPlace::BesideCamera;
        session.request_display(request.clone()).await.unwrap();
        pair.negotiate().await;
        let track = pair.bob.until("the second track", |event| match event {
            SessionEvent::Track { track, .. } if track.stream == DISPLAY_STREAM => Some(track),
            _ => None,
        });
        let track = track.await;
        let player = track.player.clone().expect("pictures come with a player");
        let shown = |frame: &VideoFrame| of_size(640, 480)(frame) && shows(frame, [RED, BLUE]);
        pair.seen_by(player, "the display", shown).await;
        let before = pair.bob.session.player("ann").unwrap().sequence();
        until("the camera beside it", || pair.bob.session.player("ann").unwrap().sequence() > before + 5).await;
        pair.seen("the camera itself", of_size(320, 180)).await;

        session.stop_display().await;
        pair.negotiate().await;
        let ended = pair.bob.until("its end", |event| match event {
            SessionEvent::TrackEnded { id, .. } => Some(id),
            _ => None,
        });
        assert_eq!(ended.await, track.id);
        pair.end().await;
    });
}

#[test]
fn p07_stopping_releases_the_devices_and_the_peer_sees_it() {
    common::run(LIMIT, async {
        let mut pair = Pair::connected().await;
        let session = pair.ann.session.clone();
        session.request_user_media(bars_and_tone()).await.unwrap();
        pair.seen("the bars", |frame| shows(frame, [YELLOW, MAGENTA])).await;
        until("the tone", || loudness(&pair) > -30).await;

        session.stop_user_media();
        pair.seen("black", is_black).await;
        until("silence", || loudness(&pair) <= -60).await;
        until("both to be closed", || {
            let (camera, microphone, _) = session.media_state();
            (camera, microphone) == (DeviceState::Closed, DeviceState::Closed)
        })
        .await;

        // A display goes on without user media, and ends without it.
        session.request_display(DisplayRequest::new("pattern:bars")).await.unwrap();
        pair.seen("the display", |frame| shows(frame, [YELLOW, MAGENTA])).await;
        session.stop_display().await;
        pair.seen("black again", is_black).await;

        session.request_user_media(bars_and_tone()).await.unwrap();
        pair.seen("the bars again", |frame| shows(frame, [YELLOW, MAGENTA])).await;
        pair.end().await;
    });
}
