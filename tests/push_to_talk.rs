//! The key to talk on the window's own code with a whole call behind it: whatever takes the key away, what is sent is
//! silence. Heard is the meter of what is sent; no flag is asked.
#![cfg(feature = "gui")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "fixed values; a long test says what it does")]

mod common;

use std::time::{Duration, Instant};

use eframe::egui::{Event, Key, Modifiers, accesskit::Role, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use tempfile::TempDir;
use visavis::client::config::{Overrides, ServerChoice};
use visavis::client::{ClientConfig, Handle, Running, start};
use visavis::model::command::Command;
use visavis::model::id::Callee;
use visavis::model::settings::Settings;
use visavis::model::snapshot::{Snapshot, Stage};
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::ui::app::App;

const LIMIT: Duration = Duration::from_secs(280);
const SOON: Duration = Duration::from_secs(20);
const NONE: Modifiers = Modifiers::NONE;

/// Nothing at all, on the meter of what is sent.
const SILENT: i8 = -60;
/// The tone is at −20.
const HEARD: i8 = -40;

/// The window and the program behind it, in a test call; the microphone is a tone.
struct World {
    harness: Harness<'static, App>,
    handle: Handle,
    running: Option<Running>,
    _home: TempDir,
}

impl World {
    fn new(push_to_talk: bool) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let mut config = ClientConfig::new(home.path().join("profile"));
        config.server = ServerChoice::None;
        config.overrides = Overrides {
            name: Some("Noor".to_owned()),
            camera: Some(VideoSpec::None),
            microphone: Some(AudioSpec::Tone(440)),
            speaker: Some(SinkSpec::None),
            ..Overrides::default()
        };
        let (handle, running) = start(config).expect("the application starts");
        let inside = handle.clone();
        let harness = Harness::builder()
            .with_size(vec2(1280.0, 800.0))
            .with_step_dt(0.05)
            .build_eframe(move |cc| App::new(cc, inside));
        let mut world = Self { harness, handle, running: Some(running), _home: home };
        world.ask(Command::Mute(true));
        world.change(|settings| settings.push_to_talk = push_to_talk);
        world.call();
        world
    }

    fn ask(&self, command: Command) {
        self.handle.command(command).expect("the application takes commands");
    }

    fn change(&mut self, change: impl Fn(&mut Settings)) {
        let changed = |settings: &Settings| {
            let mut settings = settings.clone();
            change(&mut settings);
            settings
        };
        self.ask(Command::Settings(Box::new(changed(&self.handle.snapshot().settings))));
        self.until("the settings", |snap| *snap.settings == changed(&snap.settings));
    }

    fn call(&mut self) {
        self.ask(Command::Call { to: Callee::Echo, video: false });
        self.until("the call", |snap| snap.call.as_ref().is_some_and(|call| call.stage == Stage::Connected));
        self.harness.run_steps(2);
    }

    /// Paints until the state is so.
    fn until(&mut self, what: &str, condition: impl Fn(&Snapshot) -> bool) {
        let start = Instant::now();
        while !condition(&self.handle.snapshot()) {
            assert!(start.elapsed() < SOON, "waited in vain for {what}: {:?}", self.handle.snapshot().media);
            self.harness.run_steps(1);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn silent(&mut self, why: &str) {
        self.until(&format!("silence after {why}"), |snap| snap.media.level.rms == SILENT);
    }

    /// The meter looks back a tenth of a second, and may still show what was sent before the end of another call: waits
    /// until some of its readings on end are silent.
    fn settle(&mut self) {
        let (begun, mut silent) = (Instant::now(), Instant::now());
        while silent.elapsed() < Duration::from_millis(150) {
            assert!(begun.elapsed() < SOON, "never silent: {:?}", self.handle.snapshot().media);
            self.harness.run_steps(1);
            if self.handle.snapshot().media.level.rms != SILENT {
                silent = Instant::now();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// For some readings of the meter nothing is sent, however often the window is painted.
    fn stays_silent(&mut self, why: &str) {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(120) {
            self.harness.run_steps(1);
            let level = self.handle.snapshot().media.level.rms;
            assert_eq!(level, SILENT, "{why}: {:?}", self.handle.snapshot().media);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run_steps(2);
    }

    fn talk(&mut self) {
        self.harness.key_down(Key::Space);
        self.until("the voice", |snap| snap.media.level.rms > HEARD);
    }

    fn release(&mut self) {
        self.harness.key_up(Key::Space);
        self.harness.run_steps(2);
    }

    fn focus(&mut self, focused: bool, told: bool) {
        self.harness.input_mut().focused = focused;
        if told {
            self.harness.event(Event::WindowFocused(focused));
        }
        self.harness.run_steps(2);
    }

    fn viewport(&mut self, change: impl FnOnce(&mut eframe::egui::ViewportInfo)) {
        let root = self.harness.input().viewport_id;
        change(self.harness.input_mut().viewports.entry(root).or_default());
        self.harness.run_steps(2);
    }

    fn microphone(&mut self, microphone: AudioSpec) {
        self.change(|settings| settings.microphone = microphone.clone());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

/// What takes the key away.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Released,
    FocusLost { told: bool },
    Minimised,
    Covered,
    Dialog,
    Help,
    TextField,
    List,
    SwitchedOff,
    OtherDevice,
    DeviceGone,
    CallEnded,
}

impl End {
    fn random(roll: &mut impl FnMut(u32) -> u32, push_to_talk: bool) -> Self {
        match roll(40) {
            0 => Self::CallEnded,
            1..=3 => Self::OtherDevice,
            4..=6 => Self::DeviceGone,
            // Without push-to-talk the microphone is muted; with it, it would be open once that is off.
            7..=9 if !push_to_talk => Self::SwitchedOff,
            n => match n % 8 {
                0 => Self::FocusLost { told: true },
                1 => Self::FocusLost { told: false },
                2 => Self::Minimised,
                3 => Self::Covered,
                4 => Self::Dialog,
                5 => Self::Help,
                6 => [Self::TextField, Self::List][roll(2) as usize],
                _ => Self::Released,
            },
        }
    }

    fn begin(self, world: &mut World) {
        match self {
            Self::Released => world.release(),
            Self::FocusLost { told } => world.focus(false, told),
            Self::Minimised => world.viewport(|view| view.minimized = Some(true)),
            Self::Covered => world.viewport(|view| view.occluded = Some(true)),
            Self::Dialog => world.key(Modifiers::COMMAND, Key::Comma),
            Self::Help => world.key(NONE, Key::F1),
            Self::TextField => world.key(NONE, Key::C),
            Self::List => {
                world.harness.get_by_role_and_label(Role::Button, "More").click();
                world.harness.run_steps(3);
            }
            Self::SwitchedOff => world.change(|settings| settings.single_keys = false),
            Self::OtherDevice => world.microphone(AudioSpec::Tone(660)),
            Self::DeviceGone => world.microphone(AudioSpec::None),
            Self::CallEnded => world.ask(Command::HangUp),
        }
    }

    /// Everything is as before, while the key is still down.
    fn undo(self, world: &mut World) {
        match self {
            Self::Released => {}
            Self::FocusLost { told } => world.focus(true, told),
            Self::Minimised => world.viewport(|view| view.minimized = Some(false)),
            Self::Covered => world.viewport(|view| view.occluded = Some(false)),
            Self::Dialog | Self::List => world.key(NONE, Key::Escape),
            Self::Help => world.key(NONE, Key::F1),
            Self::TextField => {
                world.key(NONE, Key::Escape);
                world.key(NONE, Key::Escape);
            }
            Self::SwitchedOff => world.change(|settings| settings.single_keys = true),
            Self::OtherDevice | Self::DeviceGone => world.microphone(AudioSpec::Tone(440)),
            Self::CallEnded => {
                world.until("the end", |snap| {
                    snap.call.as_ref().is_some_and(|call| matches!(call.stage, Stage::Ended(_)))
                });
                world.ask(Command::DismissEnded);
                world.call();
                world.settle();
            }
        }
    }
}

/// So many times, in this order of chance.
fn trials(push_to_talk: bool, count: usize, seed: u64) {
    let _guard = common::guard(LIMIT);
    let mut dice = seed;
    let mut roll = move |sides: u32| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) as u32 % sides
    };
    let mut world = World::new(push_to_talk);
    world.silent("the beginning");
    let mut ends = Vec::new();
    for trial in 0..count {
        let end = End::random(&mut roll, push_to_talk);
        let name = format!("trial {trial}, {end:?}");
        world.talk();
        end.begin(&mut world);
        world.silent(&name);
        end.undo(&mut world);
        world.stays_silent(&name);
        world.release();
        ends.push(end);
    }
    for must in [End::Released, End::Minimised, End::Covered, End::Dialog, End::TextField, End::DeviceGone] {
        assert!(ends.contains(&must), "{must:?} was never tried");
    }
}

#[test]
fn push_to_talk_never_sticks() {
    trials(true, 110, 11);
}

#[test]
fn who_is_muted_and_talks_for_a_moment_is_muted_again() {
    trials(false, 100, 12);
}

#[test]
fn a_window_that_hangs_does_not_talk() {
    let _guard = common::guard(LIMIT);
    let mut world = World::new(true);
    world.silent("the beginning");
    // Said once, and then nothing more: the window is not painted.
    world.ask(Command::HoldToTalk(true));
    let level = |world: &World| world.handle.snapshot().media.level.rms;
    common::wait_for("the voice", SOON, || (level(&world) > HEARD).then_some(()));
    common::wait_for("silence", SOON, || (level(&world) == SILENT).then_some(()));
}

#[test]
fn a_space_that_is_written_does_not_talk() {
    let _guard = common::guard(LIMIT);
    let mut world = World::new(true);
    world.silent("the beginning");
    world.key(NONE, Key::C);
    world.harness.run_steps(4);
    for (key, text) in [(Key::A, "a"), (Key::Space, " "), (Key::B, "b")] {
        for pressed in [true, false] {
            world.harness.event(Event::Key { key, physical_key: None, pressed, repeat: false, modifiers: NONE });
            if pressed {
                world.harness.event(Event::Text(text.to_owned()));
            }
            world.harness.run_steps(2);
            world.stays_silent("writing");
        }
    }
    let field = world.harness.get_by_label("Message");
    assert_eq!(field.accesskit_node().value().as_deref(), Some("a b"));
}
