//! Devices pulled out and plugged in again during a call, on a real sound server: the whole application, as its window
//! sees it. Skipped, with a word, where PulseAudio is not installed.

#![cfg(all(feature = "gui", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test says what it measured, and fails by panicking")]

mod common;
mod sound_world;

use std::path::Path;
use std::time::{Duration, Instant};

use common::wait_for;
use sound_world::SoundServer;
use tokio::sync::broadcast;
use visavis::client::config::{Overrides, ServerChoice};
use visavis::client::{ClientConfig, Handle, Running, start};
use visavis::model::command::Command;
use visavis::model::device::DeviceState;
use visavis::model::id::Callee;
use visavis::model::notice::Notice;
use visavis::model::preference::{DeviceSwitch, DeviceUse, SwitchReason};
use visavis::model::settings::Settings;
use visavis::model::snapshot::{Snapshot, Stage};
use visavis::model::sound::Processing;
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};

const LIMIT: Duration = Duration::from_secs(240);
const SOON: Duration = Duration::from_secs(30);

/// How often devices are pulled out and plugged in at random.
const REPLUGS: usize = 50;

/// What is plugged in and out. A speaker and a microphone stay: `room`, and `hum`, which like the others hears it.
const MICROPHONES: [&str; 3] = ["mic0", "mic1", "mic2"];
const SPEAKERS: [&str; 3] = ["spk0", "spk1", "spk2"];

struct Desk {
    server: SoundServer,
    /// The module of each microphone and speaker that is plugged in.
    plugged: [Option<String>; 6],
}

impl Desk {
    fn name(n: usize) -> &'static str {
        if n < 3 { MICROPHONES[n] } else { SPEAKERS[n - 3] }
    }

    fn plug(&mut self, n: usize) {
        let name = Self::name(n);
        let module = if n < 3 {
            let (name, described) =
                (format!("source_name={name}"), format!("source_properties=device.description={name}"));
            self.server.plug(&["module-remap-source", "master=room.monitor", &name, &described])
        } else {
            let (name, described) = (format!("sink_name={name}"), format!("sink_properties=device.description={name}"));
            self.server.plug(&["module-null-sink", "rate=48000", "channels=2", &name, &described])
        };
        self.plugged[n] = Some(module);
    }

    fn unplug(&mut self, n: usize) {
        if let Some(module) = self.plugged[n].take() {
            self.server.unplug(&module);
        }
    }
}

struct Person {
    handle: Handle,
    notices: broadcast::Receiver<Notice>,
    _running: Running,
}

impl Person {
    fn new(profile: &Path) -> Self {
        let mut config = ClientConfig::new(profile);
        config.server = ServerChoice::None;
        config.overrides = Overrides { camera: Some(VideoSpec::None), ..Overrides::default() };
        let (handle, mut running) = start(config).unwrap();
        Self { notices: running.first_notices(), handle, _running: running }
    }

    fn ask(&self, command: Command) {
        self.handle.command(command).unwrap();
    }

    fn change(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = (*self.handle.snapshot().settings).clone();
        change(&mut settings);
        self.ask(Command::Settings(Box::new(settings.clone())));
        let same = |now: &Settings| (&now.microphone, &now.speaker) == (&settings.microphone, &settings.speaker);
        self.sees("the settings", |now| same(&now.settings).then_some(()));
    }

    fn sees<T>(&self, what: &str, mut condition: impl FnMut(&Snapshot) -> Option<T>) -> T {
        wait_for(what, SOON, || condition(&self.handle.snapshot()))
    }

    /// Waits until just these are open, and listed.
    fn opens(&self, microphone: &str, speaker: &str) {
        let is = |state: &DeviceState, wanted: &str| match state {
            DeviceState::Open { id, name, .. } => *id == format!("pulseaudio:{wanted}") && name == wanted,
            _ => false,
        };
        let what = format!("{microphone} and {speaker}");
        let listed = |now: &Snapshot, state: &DeviceState| {
            let DeviceState::Open { id, .. } = state else { return false };
            now.devices.microphones.iter().chain(&now.devices.speakers).any(|device| device.id == *id)
        };
        self.sees(&what, |now| {
            let media = &now.media;
            let open = is(&media.microphone, microphone) && is(&media.speaker, speaker);
            (open && listed(now, &media.microphone) && listed(now, &media.speaker)).then_some(())
        });
    }

    /// Waits until what is spoken in the room is sent.
    fn hears(&self, desk: &Desk) {
        let _voice = desk.server.speak("room", 440.0, 0, 1);
        self.sees("the voice, sent", |now| (now.media.level.rms > -30).then_some(()));
    }

    /// The next word of devices that changed.
    fn told(&mut self) -> DeviceSwitch {
        wait_for("a word of it", SOON, || match self.notices.try_recv() {
            Ok(Notice::Devices(switch)) => Some(switch),
            _ => None,
        })
    }

    /// Everything that was said until now is of before.
    fn forget(&mut self) {
        while self.notices.try_recv().is_ok() {}
    }
}

fn microphone(name: &str) -> AudioSpec {
    AudioSpec::Device(format!("pulseaudio:{name}"))
}

fn speaker(name: &str) -> SinkSpec {
    SinkSpec::Device(format!("pulseaudio:{name}"))
}

/// One test, because the sound server is found through the environment of the whole process.
#[test]
fn devices_come_and_go_in_a_call() {
    common::with_limit(LIMIT, || {
        let folder = tempfile::tempdir().unwrap();
        // SAFETY: the only test of this program, and no other thread of it runs yet that reads the environment.
        #[allow(unsafe_code, reason = "see there")]
        unsafe {
            sound_world::look_in(folder.path());
        }
        let room = "module-null-sink sink_name=room rate=48000 channels=1 sink_properties=device.description=room";
        let hum = "module-remap-source master=room.monitor source_name=hum source_properties=device.description=hum";
        let Some(server) = SoundServer::start(folder.path(), &[room, hum]) else { return };
        let mut desk = Desk { server, plugged: Default::default() };
        (0..6).for_each(|n| desk.plug(n));
        desk.server.ask(&["set-default-source", "mic2"]);
        desk.server.ask(&["set-default-sink", "spk2"]);

        let profile = folder.path().join("profile");
        let mut person = Person::new(&profile);
        // A steady tone is what noise suppression is there to take out.
        person.change(|settings| settings.processing = Processing::OFF);
        person.ask(Command::Call { to: Callee::Echo, video: false });
        let connected = |now: &Snapshot| now.call.as_ref().is_some_and(|call| call.stage == Stage::Connected);
        person.sees("the call", |now| connected(now).then_some(()));
        person.opens("mic2", "spk2");

        the_default_is_followed(&mut person, &desk);
        back_and_undone(&mut person, &mut desk, &profile);
        at_random(&person, &mut desk);
        let snapshot = person.handle.snapshot();
        assert!(connected(&snapshot), "the call went on: {:?}", snapshot.call.as_ref().map(|call| &call.stage));
        person.hears(&desk);
        person.ask(Command::HangUp);
    });
}

/// Where the server itself says that our streams are.
fn really_on(desk: &Desk, microphone: &str, speaker: &str) {
    let index = |kind: &str, name: &str| {
        let list = desk.server.ask(&["list", "short", kind]);
        let line = list.lines().find(|line| line.split('\t').nth(1) == Some(name)).map(str::to_owned);
        line.and_then(|line| line.split('\t').next().map(str::to_owned))
    };
    let ours = |kind: &str| {
        let list = desk.server.ask(&["list", "short", kind]);
        let ours = list.lines().filter(|line| line.contains("float32le"));
        ours.filter_map(|line| line.split('\t').nth(1).map(str::to_owned)).collect::<Vec<_>>()
    };
    wait_for("the streams where they are said to be", SOON, || {
        let sources = index("sources", microphone).is_some_and(|index| ours("source-outputs") == [index]);
        let sinks = index("sinks", speaker).is_some_and(|index| ours("sink-inputs") == [index]);
        (sources && sinks).then_some(())
    });
}

fn the_default_is_followed(person: &mut Person, desk: &Desk) {
    person.forget();
    desk.server.ask(&["set-default-source", "mic1"]);
    desk.server.ask(&["set-default-sink", "spk1"]);
    person.opens("mic1", "spk1");
    let mut changes = person.told().changes;
    // The server changes one after the other: mostly they are said together.
    if changes.len() < 2 {
        changes.extend(person.told().changes);
    }
    assert!(changes.iter().all(|change| change.reason == SwitchReason::DefaultChanged), "{changes:?}");
    person.hears(desk);
}

fn back_and_undone(person: &mut Person, desk: &mut Desk, profile: &Path) {
    for name in ["1", "0"] {
        person.change(|settings| {
            settings.microphone = microphone(&format!("mic{name}"));
            settings.speaker = speaker(&format!("spk{name}"));
        });
    }
    person.opens("mic0", "spk0");
    // A new default takes every stream along: not those of devices that were chosen.
    desk.server.ask(&["set-default-source", "mic2"]);
    desk.server.ask(&["set-default-sink", "spk2"]);
    let defaults = |now: &Snapshot| {
        let is = |device: &&visavis::model::device::Device| device.default && device.name.ends_with('2');
        now.devices.microphones.iter().any(|device| is(&device)) && now.devices.speakers.iter().any(|d| is(&d))
    };
    person.sees("the new default in the list", |now| defaults(now).then_some(()));
    really_on(desk, "mic0", "spk0");
    person.forget();
    desk.unplug(0);
    person.opens("mic1", "spk0");
    let gone = person.told();
    println!("{}", gone.sentence());
    assert_eq!(gone.sentence(), "“mic0” is gone; microphone: “mic1”");
    assert!(!gone.undo);
    desk.plug(0);
    person.opens("mic0", "spk0");
    let back = person.told();
    println!("{}", back.sentence());
    assert_eq!(back.sentence(), "“mic0” is back as microphone");
    assert!(back.undo);
    person.ask(Command::UndoDevices);
    person.opens("mic1", "spk0");
    person.sees("the choice", |now| (now.settings.microphone == microphone("mic1")).then_some(()));
    let kept = std::fs::read_to_string(profile.join("settings.toml")).unwrap();
    let kept: Settings = toml::from_str(&kept).unwrap();
    let order: Vec<String> =
        kept.preferences.of(DeviceUse::Microphone).iter().map(|place| place.id.clone().into()).collect();
    assert_eq!(order, ["pulseaudio:mic1", "pulseaudio:mic0"]);
    person.change(|settings| settings.microphone = microphone("mic0"));
    person.opens("mic0", "spk0");
}

/// Row R7: what is open is always the most preferred of what is there, and what the list names.
fn at_random(person: &Person, desk: &mut Desk) {
    for kind in 0..2 {
        for n in [2, 1, 0] {
            let n = n + 3 * kind;
            person.change(|settings| match kind {
                0 => settings.microphone = microphone(Desk::name(n)),
                _ => settings.speaker = speaker(Desk::name(n)),
            });
        }
    }
    person.opens("mic0", "spk0");
    let mut random = 7u64;
    let mut waits: Vec<Duration> = Vec::new();
    for step in 0..REPLUGS {
        if step == REPLUGS / 2 {
            // From here on the server moves what played on a device that is gone, instead of ending it.
            desk.server.plug(&["module-rescue-streams"]);
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let n = (random >> 33) as usize % 6;
        let before = Instant::now();
        if desk.plugged[n].is_some() {
            desk.unplug(n)
        } else {
            desk.plug(n)
        }
        let best = |from: usize| (from..from + 3).find(|n| desk.plugged[*n].is_some()).map(Desk::name);
        person.opens(best(0).unwrap_or("hum"), best(3).unwrap_or("room"));
        waits.push(before.elapsed());
    }
    for n in 0..6 {
        if desk.plugged[n].is_none() {
            desk.plug(n);
        }
    }
    person.opens("mic0", "spk0");
    really_on(desk, "mic0", "spk0");
    waits.sort_unstable();
    let counts = waits.iter().filter(|wait| **wait > Duration::from_secs(2)).count();
    let (median, most) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    println!("{REPLUGS} replugs: right after {median:?} (median), {most:?} (longest); {counts} took over 2 s");
}
