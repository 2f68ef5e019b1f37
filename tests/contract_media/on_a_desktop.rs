//! What needs a sound server or a display: the test starts its own desktop and itself once more on it, because a
//! process finds both through its environment.

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use super::common;
use super::desktop::{Desktop, MICROPHONE_NAME, SPEAKER};
use super::pair::{BLUE, Pair, RED, is_colour, of_size, shows};
use visavis::dsp::tone::{Sine, tone_level};
use visavis::dsp::wav::WavWriter;
use visavis::model::device::{Device, DeviceError, DeviceKind, DeviceState, Devices};
use visavis::model::frame::VideoFrame;
use visavis::model::source::SinkSpec;
use visavis::session::*;
use x11rb::COPY_DEPTH_FROM_PARENT;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConfigureWindowAux, ConnectionExt as _, CreateWindowAux, EventMask, PropMode,
    WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

const LIMIT: Duration = Duration::from_secs(120);
const INSIDE: &str = "VISAVIS_TEST_INSIDE";
const MANAGED: &str = "managed";

/// Runs `body` on a desktop, in a process of its own.
fn on_a_desktop(test: &str, body: impl FnOnce()) {
    if let Some(inside) = std::env::var_os(INSIDE) {
        if inside == MANAGED {
            managed();
        }
        return body();
    }
    common::with_limit(LIMIT + Duration::from_secs(60), || {
        if let Some(missing) = Desktop::missing() {
            println!("skipped: {missing}");
            return;
        }
        let desktop = Desktop::start(1280, 800);
        // Without one the windows are found all the same, in another way.
        let manager = Desktop::has("openbox").then(|| desktop.launch(&mut Command::new("openbox")));
        println!("with a window manager: {}", manager.is_some());
        let inside = if manager.is_some() { MANAGED } else { "bare" };
        let myself = std::env::current_exe().expect("a test has a program");
        let name = format!("on_a_desktop::{test}");
        let mut command = Command::new(myself);
        let mut child = desktop.launch(command.args(["--exact", &name, "--nocapture"]).env(INSIDE, inside));
        let status = common::wait_for("the test inside", LIMIT, || child.ended());
        assert!(status.success(), "the test inside failed: {status}");
    });
}

/// Waits until the window manager is at work, which it is when it answers: a window that opens while it starts may be on
/// no list until something else happens.
fn managed() {
    let (connection, screen) = x11rb::connect(None).expect("a display");
    let root = connection.setup().roots[screen].root;
    let atom = |name: &[u8]| {
        let atom = connection.intern_atom(false, name).expect("a connection").reply();
        atom.expect("an atom").atom
    };
    let (request, extents) = (atom(b"_NET_REQUEST_FRAME_EXTENTS"), atom(b"_NET_FRAME_EXTENTS"));
    let window = connection.generate_id().expect("an id");
    let (class, look) = (WindowClass::INPUT_OUTPUT, CreateWindowAux::new());
    let made = connection.create_window(COPY_DEPTH_FROM_PARENT, window, root, 0, 0, 9, 9, 0, class, 0, &look);
    made.expect("a connection").check().expect("a window");
    let question = ClientMessageEvent::new(32, window, request, [0; 5]);
    let to = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
    common::wait_for("the window manager", LIMIT, || {
        connection.send_event(false, root, to, question).ok()?.check().ok()?;
        let answer = connection.get_property(false, window, extents, AtomEnum::CARDINAL, 0, 4).ok()?.reply().ok()?;
        (answer.value_len > 0).then_some(())
    });
}

/// Without the look at what is left behind: the sound library's thread of a connection that was given up ends only
/// with the next word of the server.
fn with_sound(body: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    common::with_limit(LIMIT, || runtime.expect("a runtime").block_on(body));
}

fn pactl(arguments: &[&str]) -> String {
    let output = Command::new("pactl").args(arguments).output().expect("pactl starts");
    assert!(output.status.success(), "pactl {arguments:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

async fn listed(pair: &mut Pair, what: &str, mut wanted: impl FnMut(&Devices) -> bool) {
    let event = |event| match event {
        SessionEvent::DevicesListed(devices) => wanted(&devices).then_some(()),
        _ => None,
    };
    pair.ann.until(what, event).await;
}

#[test]
fn p01_the_list_comes_again_on_every_hot_plug() {
    on_a_desktop("p01_the_list_comes_again_on_every_hot_plug", || {
        with_sound(async {
            let mut pair = Pair::unconnected();
            let before = pair.ann.session.devices().await;
            assert!(before.microphones.iter().any(|device| device.name == MICROPHONE_NAME), "{before:?}");
            let is_there = |devices: &Devices| devices.speakers.iter().any(|device| device.id == "pulseaudio:headset");
            assert!(!is_there(&before));
            let plug = ["load-module", "module-null-sink", "sink_name=headset"];
            let number = pactl(&plug);
            listed(&mut pair, "the headset", is_there).await;
            pactl(&["unload-module", &number]);
            listed(&mut pair, "its going", |devices| !is_there(devices)).await;
            // The same ID after a replug.
            pactl(&plug);
            listed(&mut pair, "the same headset", is_there).await;
            pair.end().await;
        });
    });
}

#[test]
fn p02_p03_p04_a_microphone_by_flag_by_id_and_by_constraints() {
    on_a_desktop("p02_p03_p04_a_microphone_by_flag_by_id_and_by_constraints", || {
        with_sound(async {
            let mut pair = Pair::unconnected();
            let session = pair.ann.session.clone();
            let open = |microphone| UserMediaRequest { camera: Wanted::No, microphone };
            session.request_user_media(open(Wanted::flag(true))).await.unwrap();
            let events = pair.ann.user_media_events(1).await;
            let started = SessionEvent::UserMediaStarted { camera: None, microphone: Some(MICROPHONE_NAME.to_owned()) };
            assert_eq!(events[1], started);

            session.on_constraints(|constraints| constraints.sample_rate = 16_000);
            session.request_user_media(open(Wanted::Device("pulseaudio:mic".to_owned()))).await.unwrap();
            let (_, microphone, _) = session.media_state();
            let right = |name: &str, format: &str| name == MICROPHONE_NAME && format == "16000 Hz, mono";
            assert!(
                matches!(&microphone, DeviceState::Open { name, format, .. } if right(name, format)),
                "{microphone:?}"
            );

            let error = session.request_user_media(open(Wanted::Device("pulseaudio:headset".to_owned()))).await;
            let missing = DeviceError::Missing("pulseaudio:headset".to_owned());
            assert_eq!(error.unwrap_err().error, missing);
            // The one before goes on, and no other.
            let state = pair.ann.until("the microphone again", |event| match event {
                SessionEvent::MediaState { microphone: DeviceState::Open { name, .. }, .. } => Some(name),
                _ => None,
            });
            assert_eq!(state.await, MICROPHONE_NAME);
            pair.end().await;
        });
    });
}

/// A window whose left half is red and whose right half is blue.
struct Painted {
    connection: RustConnection,
    window: u32,
    half: u32,
    root: u32,
}

impl Painted {
    fn open(title: &str, [x, y]: [i16; 2], [width, height]: [u16; 2], [left, right]: [u32; 2]) -> Self {
        let (connection, screen) = x11rb::connect(None).expect("a display");
        let root = connection.setup().roots[screen].root;
        let new = |parent, x, y, width, height, colour| {
            let id = connection.generate_id().expect("an id");
            let look = CreateWindowAux::new().background_pixel(colour);
            let class = WindowClass::INPUT_OUTPUT;
            let made =
                connection.create_window(COPY_DEPTH_FROM_PARENT, id, parent, x, y, width, height, 0, class, 0, &look);
            made.expect("a connection").check().expect("a window");
            id
        };
        let window = new(root, x, y, width, height, left);
        let half = new(window, (width / 2) as i16, 0, width, height, right);
        let named = connection.change_property8(
            PropMode::REPLACE,
            window,
            AtomEnum::WM_NAME,
            AtomEnum::STRING,
            title.as_bytes(),
        );
        named.expect("a connection").check().expect("a title");
        for window in [half, window] {
            connection.map_window(window).expect("a connection").check().expect("a mapped window");
        }
        Self { connection, window, half, root }
    }

    fn resize(&self, width: u32, height: u32) {
        let half = ConfigureWindowAux::new().x(width as i32 / 2);
        let whole = ConfigureWindowAux::new().width(width).height(height);
        for (window, change) in [(self.half, half), (self.window, whole)] {
            self.connection.configure_window(window, &change).expect("a connection").check().expect("a window");
        }
    }

    /// Where it is on the screen.
    fn at(&self) -> [usize; 2] {
        let at = self.connection.translate_coordinates(self.window, self.root, 0, 0).expect("a connection");
        let at = at.reply().expect("a window");
        [at.dst_x as usize, at.dst_y as usize]
    }

    fn close(self) {
        self.connection.destroy_window(self.window).expect("a connection").check().expect("a window");
    }
}

const RED_PIXEL: u32 = 0xC8_1414;
const BLUE_PIXEL: u32 = 0x14_14C8;

/// The display with this name, once the window manager lists it.
async fn display(pair: &Pair, name: &str) -> Device {
    for _ in 0..200 {
        let devices = pair.ann.session.devices().await;
        if let Some(found) = devices.displays.into_iter().find(|display| display.name.starts_with(name)) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("“{name}” is not listed");
}

#[test]
fn p06_a_window_and_a_screen_are_shared() {
    on_a_desktop("p06_a_window_and_a_screen_are_shared", || {
        with_sound(async {
            let mut pair = Pair::connected().await;
            let session = pair.ann.session.clone();
            let camera = of_size(320, 180);
            pair.ann.calm = true;
            // Odd sides: the last row and column are left out.
            let painted = Painted::open("Known colours", [60, 60], [401, 301], [RED_PIXEL, BLUE_PIXEL]);
            let window = display(&pair, "Known colours").await;
            assert_eq!(window.kind, DeviceKind::Window);
            session.request_display(DisplayRequest::new(&window.id)).await.unwrap();
            let name = pair.ann.until("that it began", |event| match event {
                SessionEvent::AfterDisplayMedia { name } => Some(name),
                _ => None,
            });
            assert_eq!(name.await, "Known colours");
            pair.seen("the window", |frame| of_size(400, 300)(frame) && shows(frame, [RED, BLUE])).await;

            // Covered and of another size: still this window, and nothing of the other.
            let cover = Painted::open("Cover", [0, 0], [1000, 700], [0, 0]);
            painted.resize(360, 240);
            pair.seen("the covered window", |frame| of_size(360, 240)(frame) && shows(frame, [RED, BLUE])).await;
            cover.close();

            session.stop_display().await;
            pair.seen("the camera", camera).await;

            session.request_display(DisplayRequest::new(&window.id)).await.unwrap();
            pair.seen("the window again", of_size(360, 240)).await;
            painted.close();
            let ended = pair.ann.until("its end", |event| match event {
                SessionEvent::DisplayEnded { id, error: Some(error) } => Some((id, error)),
                _ => None,
            });
            assert_eq!(ended.await, (window.id, DeviceError::Closed("Known colours".to_owned())));
            pair.seen("the camera again", camera).await;

            let painted = Painted::open("On the screen", [300, 200], [400, 300], [RED_PIXEL, BLUE_PIXEL]);
            display(&pair, "On the screen").await;
            let screen = display(&pair, "Screen 1").await;
            assert_eq!(screen.kind, DeviceKind::Screen);
            session.request_display(DisplayRequest::new(&screen.id)).await.unwrap();
            let [left, top] = painted.at();
            let there = move |frame: &VideoFrame| {
                of_size(1280, 800)(frame)
                    && is_colour(frame, left + 100, top + 150, RED)
                    && is_colour(frame, left + 300, top + 150, BLUE)
            };
            pair.seen("the screen with the window on it", there).await;
            session.stop_display().await;
            pair.seen("the camera at last", camera).await;
            pair.end().await;
        });
    });
}

/// Plays a tone on a speaker for as long as the returned value lives.
fn plays(folder: &Path, hertz: f64) -> Playing {
    let path = folder.join(format!("{hertz}.wav"));
    let mut samples = vec![0.0; 48_000 * 30];
    Sine::new(hertz, -20.0).fill(&mut samples);
    let file = std::fs::File::create(&path).expect("a file");
    WavWriter::new(file, 48_000).expect("its head").write(&samples).expect("its sound");
    let child = Command::new("paplay").arg(format!("--device={SPEAKER}")).arg(&path).spawn();
    Playing(child.expect("paplay starts"))
}

struct Playing(Child);

impl Drop for Playing {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended by itself
        let _ = self.0.wait();
    }
}

#[test]
fn p06_a_display_is_shared_with_the_computers_sound() {
    on_a_desktop("p06_a_display_is_shared_with_the_computers_sound", || {
        with_sound(async {
            let pair = Pair::connected().await;
            let folder = tempfile::tempdir().unwrap();
            let heard = folder.path().join("heard.wav");
            // Bob speaks at 440 Hz, and Ann hears him on the speaker whose sound she shares.
            pair.ann.session.set_speaker(SinkSpec::Default);
            pair.ann.session.set_muted(true);
            pair.bob.session.set_speaker(SinkSpec::File(heard.clone()));
            let music = plays(folder.path(), 880.0);
            let mut request = DisplayRequest::new("pattern:bars");
            request.sound = true;
            pair.ann.session.request_display(request).await.unwrap();
            let loud = || pair.bob.session.peer_level("ann").is_ok_and(|(level, _)| level.rms > -40);
            super::until("the computer's sound", loud).await;
            // Four seconds of it, 16 bits a sample on two channels.
            let length = || std::fs::metadata(&heard).map_or(0, |file| file.len());
            let enough = length() + 4 * 192_000;
            super::until("four seconds of it", || length() > enough).await;
            pair.ann.session.stop_display().await;
            super::until("silence", || super::loudness(&pair) <= -60).await;
            drop(music);
            pair.end().await;
            let file = std::fs::read(heard).unwrap();
            let (_, samples) = visavis::dsp::wav::read_all(std::io::Cursor::new(file)).unwrap();
            let level = |hertz| {
                let tenths = samples.chunks_exact(4800).map(|part| tone_level(part, hertz).unwrap_or(-200.0));
                let mut tenths: Vec<f64> = tenths.filter(|level| *level > -150.0).collect();
                tenths.sort_by(f64::total_cmp);
                tenths[tenths.len() / 2]
            };
            println!("music: {:.1} dBFS, himself: {:.1} dBFS", level(880.0), level(440.0));
            assert!(level(880.0) > -35.0 && level(440.0) < level(880.0) - 15.0, "he hears himself");
        });
    });
}
