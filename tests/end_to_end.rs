//! The real program, its real window, twice on one virtual display: somebody calls somebody, they see, hear and write
//! to each other. Skipped, saying why, where the parts of a desktop are not installed.
#![cfg(all(target_os = "linux", feature = "gui"))]

mod common;
#[path = "end_to_end/desktop.rs"]
mod desktop;
#[path = "end_to_end/screen.rs"]
mod screen;
#[path = "end_to_end/sound.rs"]
mod sound;
#[path = "end_to_end/window.rs"]
mod window;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use desktop::{Desktop, MICROPHONE_NAME, Running};
use screen::{Area, Picture};
use visavis::model::id::PeerId;
use window::{Accessibility, Role};

const LIMIT: Duration = Duration::from_secs(300);
const PATIENCE: Duration = Duration::from_secs(30);
/// Size of each window; they stand side by side.
const WIDTH: i32 = 1200;
const HEIGHT: i32 = 800;

/// Colours of `pattern:bars` (75 %, SMPTE RP 219) on a screen, black and white left out: they are everywhere.
const BARS: [[u8; 3]; 6] = [[191, 191, 0], [0, 191, 191], [0, 191, 0], [191, 0, 191], [191, 0, 0], [0, 0, 191]];
/// What the controls are called.
const ID_FIELD: &str = "Whom to call: ID, name or invitation";
const START_CALL: &str = "Call…";
const MESSAGE_FIELD: &str = "Message";
const ENDED: &str = "ended";
/// Where the ring's window has its button to accept with picture, pixels.
const ACCEPT: [i32; 2] = [326, 90];
const ADAS_VOICE: f32 = 880.0;
const BEAS_VOICE: f32 = 440.0;

/// Where the last picture of the screen is kept.
fn kept(moment: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/output/end_to_end_{moment}.ppm"))
}

fn is_green([red, green, blue]: [u8; 3]) -> bool {
    green > 90 && green > red.saturating_add(30) && green > blue.saturating_add(20)
}

/// Waits for a window to be seen, by what xdotool searches for.
fn find_window(desktop: &Desktop, what: &str, criterion: &[&str]) -> String {
    common::wait_for(what, PATIENCE, || {
        let found = desktop.run("xdotool", &[&["search", "--onlyvisible"], criterion].concat())?;
        String::from_utf8(found).ok()?.lines().next().map(str::to_owned)
    })
}

/// One copy of the program, with its window.
struct Copy<'a> {
    desktop: &'a Desktop,
    accessibility: &'a Accessibility,
    running: Running,
    name: String,
    window: String,
    left: i32,
}

impl<'a> Copy<'a> {
    /// Starts the program with a profile of its own, and puts its window at this place.
    fn start(
        desktop: &'a Desktop,
        accessibility: &'a Accessibility,
        name: &str,
        settings: &str,
        server: u16,
        left: i32,
    ) -> Self {
        let profile = desktop.folder(name);
        std::fs::write(profile.join("settings.toml"), format!("name = \"{name}\"\n{settings}")).expect("settings");
        let mut program = Command::new(env!("CARGO_BIN_EXE_visavis"));
        program.arg("--profile").arg(&profile).arg("--embedded").arg(format!("127.0.0.1:{server}"));
        let running = desktop.launch(program.stdout(Stdio::null()));
        let process = running.id().to_string();
        let window = find_window(desktop, &format!("{name}'s window"), &["--pid", &process]);
        let (x, width, height) = (left.to_string(), WIDTH.to_string(), HEIGHT.to_string());
        let arguments = ["windowmove", &window, &x, "0", "windowsize", &window, &width, &height];
        desktop.run("xdotool", &arguments).expect("the window is moved");
        Self { desktop, accessibility, running, name: name.to_owned(), window, left }
    }

    fn press(&self, name: &str) {
        let control = self.accessibility.control(self.running.id(), Role::Active, name);
        self.accessibility.press(&control);
    }

    /// Presses a control of the call; they hide from a mouse that rests, so it is moved until they are there.
    fn press_in_call(&self, name: &str) {
        let mut step = 0;
        let control = common::wait_for(&format!("“{name}” in {}'s call", self.name), PATIENCE, || {
            step = (step + 8) % 160;
            let across = (WIDTH / 3 + step).to_string();
            self.desktop.run("xdotool", &["mousemove", "--window", &self.window, &across, "300"])?;
            self.accessibility.look(self.running.id(), Role::Active, name)
        });
        self.accessibility.press(&control);
    }

    /// Opens a drop-down and takes an entry.
    fn choose(&self, list: &str, entry: &str) {
        let control = self.accessibility.control(self.running.id(), Role::List, list);
        self.accessibility.press(&control);
        self.press(entry);
    }

    /// Types into the field of this name, and the keys that follow.
    fn write(&self, field: &str, text: &str, keys: &[&str]) {
        let control = self.accessibility.control(self.running.id(), Role::Field, field);
        self.accessibility.focus(&control);
        let mut arguments = vec!["windowfocus", "--sync", &self.window, "type", "--delay", "15", text];
        self.desktop.run("xdotool", &arguments).expect("the text is typed");
        common::wait_for(&format!("“{text}” in “{field}”"), PATIENCE, || {
            (self.accessibility.text(&control) == text).then_some(())
        });
        if !keys.is_empty() {
            arguments = vec!["key"];
            arguments.extend(keys);
            self.desktop.run("xdotool", &arguments).expect("the keys are pressed");
        }
    }

    fn reads(&self, words: &str) {
        self.accessibility.words(self.running.id(), words);
    }

    /// Takes the call of the person of this name: with the mouse in the ring's window, which is a small one of its own
    /// while nobody looks at the program's; else in the program's, which says in any case who calls.
    fn accept(&self, caller: &str) {
        self.reads(&format!("{caller} is calling"));
        let title = format!("{caller} is calling");
        let search = ["search", "--onlyvisible", "--name", &title];
        let start = std::time::Instant::now();
        while start.elapsed() < PATIENCE / 3 {
            let found = self.desktop.run("xdotool", &search).and_then(|found| String::from_utf8(found).ok());
            if let Some(ring) = found.as_deref().and_then(|found| found.lines().next())
                && let Some(picture) = Picture::of(self.desktop, ring)
            {
                picture.save(&kept("ring"));
                if is_green(picture.at(ACCEPT[0], ACCEPT[1] - 14)) {
                    let [x, y] = ACCEPT.map(|at| at.to_string());
                    let click = ["mousemove", "--window", ring, &x, &y, "click", "1"];
                    self.desktop.run("xdotool", &click).expect("the mouse clicks");
                    return;
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        self.press("Accept");
    }

    /// The ID that the window shows.
    fn id(&self) -> PeerId {
        common::wait_for("an ID in the window", PATIENCE, || {
            let controls = self.accessibility.controls(self.running.id());
            controls.iter().find_map(|control| control.name.rsplit(' ').next()?.parse().ok())
        })
    }

    fn area(&self) -> Area {
        Area { x: self.left, y: 0, width: WIDTH, height: HEIGHT }
    }

    /// Waits until what the window shows fits, and keeps the picture for people.
    fn shows(&self, what: &str, fits: impl Fn(&Picture, Area) -> bool) {
        let kept = kept("call");
        common::wait_for(what, PATIENCE, || {
            let picture = Picture::take(self.desktop);
            picture.save(&kept);
            fits(&picture, self.area()).then_some(())
        });
    }
}

/// What a failed test left on the screen, for people.
impl Drop for Copy<'_> {
    #[allow(clippy::print_stdout, reason = "shown by the test harness where a test failed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}'s window shows: {}", self.name, self.accessibility.all(self.running.id()));
            Picture::take(self.desktop).save(&kept("failed"));
        }
    }
}

#[test]
fn two_windows_call_each_other() {
    if let Some(reason) = Desktop::missing() {
        println!("skipped: {reason}");
        return;
    }
    common::with_limit(LIMIT, || {
        let desktop = Desktop::start(2 * WIDTH as u32, HEIGHT as u32);
        let accessibility = Accessibility::join(&desktop);
        let server = common::free_port();
        let video = "video_width = 640\nvideo_height = 360\nvideo_fps = 15\n";
        // Ada's voice is a steady tone, as noise is.
        let as_it_is = "[processing]\nnoise_suppression = false\nauto_gain_control = false\n";
        let ada = format!("{video}camera = \"pattern:scene\"\nmicrophone = \"none\"\ngreen_room = true\n{as_it_is}");
        let bea = format!("{video}camera = \"pattern:bars\"\nmicrophone = \"tone:{BEAS_VOICE}\"\ngreen_room = false\n");
        let bea = Copy::start(&desktop, &accessibility, "Bea", &bea, server, WIDTH);
        let id = bea.id();
        let ada = Copy::start(&desktop, &accessibility, "Ada", &ada, server, 0);
        let _voice = sound::speak(&desktop, ADAS_VOICE);

        // Ada types the ID, picks her microphone in the green room, and calls
        ada.write(ID_FIELD, &id.to_string(), &[]);
        ada.press("Video call");
        ada.choose("Microphone", MICROPHONE_NAME);
        ada.press(START_CALL);
        bea.accept("Ada");

        // they see each other
        ada.shows("Bea's colour bars in Ada's window", |picture, area| {
            BARS.iter().all(|colour| picture.share(area, *colour, 40) > 0.02)
        });
        bea.shows("Ada's grey scene in Bea's window", |picture, area| picture.greys(area) > 0.2);

        // they hear each other: the speaker plays both voices
        common::wait_for("both voices from the speaker", PATIENCE, || {
            let heard = sound::listen(&desktop, Duration::from_secs(1));
            let levels = [ADAS_VOICE, BEAS_VOICE].map(|voice| sound::level(&heard, voice));
            println!("{ADAS_VOICE} Hz and {BEAS_VOICE} Hz are heard at {levels:.1?} dBFS");
            levels.iter().all(|level| *level > -40.0).then_some(())
        });

        // they write to each other
        ada.press_in_call("Chat…");
        ada.write(MESSAGE_FIELD, "Good morning from the left", &["Return"]);
        bea.press_in_call("Chat…");
        bea.reads("Good morning from the left");
        bea.write(MESSAGE_FIELD, "and back from the right", &["Return"]);
        ada.reads("and back from the right");
        Picture::take(&desktop).save(&kept("chat"));

        ada.press_in_call("Leave");
        bea.reads(ENDED);
    });
}

/// A key that is held in a real window opens the microphone; letting go, another window's taking the keyboard, and hiding the
/// window close it. Heard on the speaker.
#[test]
fn the_key_to_talk_is_held_in_a_real_window() {
    if let Some(reason) = Desktop::missing() {
        println!("skipped: {reason}");
        return;
    }
    common::with_limit(LIMIT, || {
        let desktop = Desktop::start(2 * WIDTH as u32, HEIGHT as u32);
        let accessibility = Accessibility::join(&desktop);
        let server = common::free_port();
        let quiet = "camera = \"none\"\nsounds = false\ngreen_room = false\nlevelling = false\n";
        let bea = format!("{quiet}microphone = \"tone:{BEAS_VOICE}\"\npush_to_talk = true\n");
        let ada = format!("{quiet}microphone = \"none\"\n");
        let bea = Copy::start(&desktop, &accessibility, "Bea", &bea, server, WIDTH);
        let id = bea.id();
        let ada = Copy::start(&desktop, &accessibility, "Ada", &ada, server, 0);
        ada.write(ID_FIELD, &id.to_string(), &[]);
        ada.press("Video call");
        bea.accept("Ada");
        bea.reads("You, muted");
        ada.reads("Bea, muted");

        let xdotool = |arguments: &[&str]| desktop.run("xdotool", arguments).expect("xdotool does it");
        let voice = || sound::level(&sound::listen(&desktop, Duration::from_millis(600)), BEAS_VOICE);
        let heard = |what: &str, is: bool| {
            common::wait_for(what, PATIENCE, || {
                let level = voice();
                println!("{what}: {level:.0} dBFS");
                (if is { level > -30.0 } else { level < -60.0 }).then_some(())
            });
        };
        let hold = || {
            xdotool(&["windowfocus", "--sync", &bea.window]);
            xdotool(&["keydown", "space"]);
            heard("Bea while she holds the key", true);
            bea.reads("You, talking");
        };
        heard("silence before", false);

        hold();
        xdotool(&["keyup", "space"]);
        heard("silence once it is let go", false);

        hold();
        xdotool(&["windowfocus", "--sync", &ada.window]);
        heard("silence while another window has the keyboard", false);
        xdotool(&["keyup", "space"]);

        hold();
        xdotool(&["windowunmap", "--sync", &bea.window]);
        heard("silence while the window is hidden", false);
        xdotool(&["keyup", "space"]);
        xdotool(&["windowmap", "--sync", &bea.window]);

        // Into a text it is a space.
        bea.press_in_call("Chat…");
        bea.write(MESSAGE_FIELD, "a b", &[]);
        heard("silence while she writes", false);
    });
}

/// The desktop itself is tried first, so that a failure below is the program's.
#[test]
fn the_desktop_shows_and_sounds() {
    if let Some(reason) = Desktop::missing() {
        println!("skipped: {reason}");
        return;
    }
    common::with_limit(Duration::from_secs(60), || {
        let desktop = Desktop::start(640, 480);
        let accessibility = Accessibility::join(&desktop);
        assert!(accessibility.controls(std::process::id()).is_empty(), "this process has no window");
        assert_eq!(Picture::take(&desktop).width, 640);

        let voice = sound::speak(&desktop, 440.0);
        let quiet = sound::listen(&desktop, Duration::from_millis(300));
        assert!(sound::level(&quiet, 440.0) < -60.0, "the microphone is not the speaker");
        let mut loud = desktop
            .launch(Command::new("pactl").args(["load-module", "module-sine", "frequency=880"]).stdout(Stdio::null()));
        common::wait_for("the tone to be loaded", Duration::from_secs(10), || loud.ended());
        let heard = sound::listen(&desktop, Duration::from_millis(500));
        assert!(sound::level(&heard, 880.0) > -20.0, "{} dBFS", sound::level(&heard, 880.0));
        drop(voice);
    });
}
