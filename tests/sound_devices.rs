//! Real sound devices: a sound server of the test's own, with a microphone one can speak into and a speaker one can
//! listen to. Skipped, with a word, where PulseAudio is not installed.

#![cfg(all(feature = "gui", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test says what it measured, and fails by panicking")]

mod common;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::wait_for;
use tokio::sync::mpsc;
use visavis::codec::opus::Decoder;
use visavis::device::audio::{open_audio_sink, open_audio_source};
use visavis::device::sound;
use visavis::dsp::clips::Sound;
use visavis::dsp::level::rms;
use visavis::dsp::tone::{Sine, tone_level};
use visavis::dsp::wav::WavWriter;
use visavis::model::device::{DeviceError, DeviceState};
use visavis::model::sound::Processing;
use visavis::model::sound::SILENCE;
use visavis::model::source::{AudioSpec, SinkSpec};
use visavis::pipeline::audio::{AudioConfig, AudioEngine};

const LIMIT: Duration = Duration::from_secs(120);
const SOON: Duration = Duration::from_secs(20);

/// Ends a child process when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A sound server in `folder` and nowhere else; `None` where there is none to be had.
fn server(folder: &Path) -> Option<Running> {
    let modules = [
        "module-native-protocol-unix",
        "module-null-sink sink_name=spk rate=44100 channels=2 sink_properties=device.description=Loudspeaker",
        "module-null-sink sink_name=micnull rate=48000 channels=1",
        "module-remap-source master=micnull.monitor source_name=mic source_properties=device.description=Microphone",
    ];
    let mut command = Command::new("pulseaudio");
    command.args(["--daemonize=no", "--exit-idle-time=-1", "--disallow-exit=true", "-n"]);
    command.args(modules.iter().flat_map(|module| ["-L", module]));
    let server = command.env("XDG_RUNTIME_DIR", folder).env("HOME", folder).env_remove("PULSE_SERVER");
    let server = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(server) = server else {
        println!("skipped: the program pulseaudio is not installed");
        return None;
    };
    let server = Running(server);
    wait_for("the sound server", SOON, || pactl(folder, &["info"]).then_some(()));
    assert!(pactl(folder, &["set-default-sink", "spk"]) && pactl(folder, &["set-default-source", "mic"]));
    Some(server)
}

fn pactl(folder: &Path, arguments: &[&str]) -> bool {
    let status = Command::new("pactl")
        .args(arguments)
        .env("XDG_RUNTIME_DIR", folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// Plays a tone into the microphone for as long as the returned value lives.
fn speak(folder: &Path, hertz: f64) -> Running {
    let path = folder.join("spoken.wav");
    let mut samples = vec![0.0; 48_000 * 60];
    Sine::new(hertz, -20.0).fill(&mut samples);
    WavWriter::new(std::fs::File::create(&path).unwrap(), 48_000).unwrap().write(&samples).unwrap();
    let child = Command::new("paplay")
        .args(["--device=micnull", "--latency-msec=50"])
        .arg(&path)
        .env("XDG_RUNTIME_DIR", folder)
        .spawn();
    Running(child.expect("paplay"))
}

/// What the speaker plays in the next seconds, 48 kHz.
fn listen(folder: &Path, seconds: usize) -> Vec<f32> {
    let path = folder.join("heard.raw");
    let child = Command::new("parec")
        .args(["--device=spk.monitor", "--rate=48000", "--channels=1", "--format=s16le", "--raw", "--latency-msec=20"])
        .arg(&path)
        .env("XDG_RUNTIME_DIR", folder)
        .spawn();
    let recorder = Running(child.expect("parec"));
    let enough = |length: u64| length >= seconds as u64 * 96_000;
    wait_for("the recording", SOON, || std::fs::metadata(&path).is_ok_and(|m| enough(m.len())).then_some(()));
    drop(recorder);
    let bytes = std::fs::read(&path).unwrap();
    bytes.chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0).collect()
}

/// Median level of a tone over tenths of a second, dBFS: clocks that are brought together shift its phase.
fn level(samples: &[f32], hertz: f64) -> f64 {
    let mut levels: Vec<f64> = samples.chunks_exact(4_800).map(|c| tone_level(c, hertz).unwrap_or(-200.0)).collect();
    levels.sort_by(f64::total_cmp);
    levels[levels.len() / 2]
}

/// One test, because the sound server is found through the environment of the whole process.
#[test]
fn microphone_and_speaker_of_a_sound_server() {
    common::with_limit(LIMIT, || {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        // SAFETY: the only test of this program, and no other thread of it runs yet that reads the environment.
        #[allow(unsafe_code, reason = "a server of our own is told to the library in no other way")]
        unsafe {
            std::env::set_var("XDG_RUNTIME_DIR", home);
            std::env::remove_var("PULSE_SERVER");
        }
        nothing_there();
        alsa_loop();
        let Some(server) = server(home) else { return };
        listed();
        let voice = speak(home, 440.0);
        // A steady tone is what noise suppression is there to take out.
        let config = AudioConfig { wanted: true, processing: Processing::OFF, ..AudioConfig::default() };
        let engine = AudioEngine::start(config);
        opened(&engine);
        sent(&engine);
        played(&engine, home);
        drop(voice);
        another_speaker(&engine);
        pulled_out(&engine, server);
        engine.stop();
    });
}

fn nothing_there() {
    if Path::new("/proc/asound/card0").exists() {
        println!("skipped: what happens without a sound card, for there is one");
        return;
    }
    assert_eq!(sound::list(), (Vec::new(), Vec::new()));
    assert_eq!(open_audio_source(&AudioSpec::Default, None).err(), Some(DeviceError::None("microphone")));
    let engine = AudioEngine::start(AudioConfig { wanted: true, ..AudioConfig::default() });
    let none = DeviceState::Failed(DeviceError::None("speaker"));
    wait_for("no speaker", SOON, || (engine.states().speaker == none).then_some(()));
    engine.stop();
}

/// Without a sound server: ALSA's loop of two cards (module snd-aloop), where the kernel has it.
fn alsa_loop() {
    let ids = ["alsa:plughw:CARD=Loopback,DEV=0", "alsa:plughw:CARD=Loopback,DEV=1"];
    let (microphones, speakers) = sound::list();
    println!("without a server: {microphones:?} {speakers:?}");
    let there = |list: &[visavis::model::device::Device], id: &str| list.iter().any(|device| device.id == id);
    if !there(&speakers, ids[0]) || !there(&microphones, ids[1]) {
        println!("skipped: the ALSA loop, for there is none");
        return;
    }
    let mut speaker = open_audio_sink(&SinkSpec::Device(ids[0].to_owned())).unwrap();
    let mut microphone = open_audio_source(&AudioSpec::Device(ids[1].to_owned()), None).unwrap();
    println!("{}: {}; {}: {}", speaker.name(), speaker.format(), microphone.name(), microphone.format());
    // The loop has room for two.
    let second = open_audio_sink(&SinkSpec::Device(ids[0].to_owned()));
    let busy = open_audio_sink(&SinkSpec::Device(ids[0].to_owned())).err();
    drop(second);
    println!("a third one: {busy:?}");
    assert!(matches!(busy, Some(DeviceError::Busy(_))), "{busy:?}");
    let (mut sine, mut tick, mut heard) = (Sine::new(440.0, -20.0), SILENCE, Vec::new());
    let mut due = Instant::now();
    // An emulated machine may take longer than 10 ms for a tick: then this ends when enough was heard.
    let end = due + Duration::from_secs(20);
    while heard.len() < 288_000 && Instant::now() < end {
        sine.fill(&mut tick);
        speaker.write(&tick).unwrap();
        microphone.read(&mut tick).unwrap();
        heard.extend_from_slice(&tick);
        due += Duration::from_millis(10);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    // On an emulated machine there are gaps: that it came through at all, at its level, is what counts.
    let whole = heard.chunks_exact(4_800).map(|tenth| level(tenth, 440.0));
    let level = whole.fold(-200.0, f64::max);
    println!("ALSA loop: {level:.1} dBFS at 440 Hz");
    assert!((level + 20.0).abs() < 1.5, "{level}");
}

fn listed() {
    let (microphones, speakers) =
        wait_for("the list", SOON, || Some(sound::list()).filter(|(microphones, _)| !microphones.is_empty()));
    let named = |devices: &[visavis::model::device::Device]| {
        devices.iter().map(|d| (d.id.clone(), d.name.clone(), d.default)).collect::<Vec<_>>()
    };
    // The monitors of both sinks are no microphones.
    assert_eq!(named(&microphones), [("pulseaudio:mic".to_owned(), "Microphone".to_owned(), true)]);
    assert_eq!(named(&speakers)[0], ("pulseaudio:spk".to_owned(), "Loudspeaker".to_owned(), true));
    assert_eq!(speakers.len(), 2);
}

fn opened(engine: &AudioEngine) {
    let open = |state: &DeviceState, wanted: &str| matches!(state, DeviceState::Open { name, .. } if name == wanted);
    wait_for("both devices", SOON, || {
        let states = engine.states();
        (open(&states.microphone, "Microphone") && open(&states.speaker, "Loudspeaker")).then_some(())
    });
}

/// What is spoken into the microphone goes out as Opus, whole.
fn sent(engine: &AudioEngine) {
    wait_for("the voice", SOON, || engine.levels().sent_dbfs.filter(|level| (level + 20.0).abs() < 1.0));
    let (packets, mut arriving) = mpsc::channel(512);
    let before = engine.counts();
    engine.add_output(1, packets);
    wait_for("four seconds of sound", SOON, || (arriving.len() >= 200).then_some(()));
    engine.remove_output(1);
    let starved = engine.counts().starved - before.starved;
    let (mut decoder, mut heard) = (Decoder::new().unwrap(), Vec::new());
    while let Ok(packet) = arriving.try_recv() {
        decoder.decode(&packet.data, &mut heard).unwrap();
    }
    let level = level(&heard[48_000..], 440.0);
    println!("microphone: {level:.1} dBFS at 440 Hz, {starved} ticks starved of 400");
    assert!((rms(&heard[48_000..]).log10() * 20.0 + 20.0).abs() < 1.5, "{level}");
    assert!((level + 20.0).abs() < 1.5, "{level}");
}

/// What is played is heard on the speaker.
fn played(engine: &AudioEngine, home: &Path) {
    engine.play(Sound::Ringback);
    let heard = listen(home, 6);
    // One second in five of 425 Hz, at −25 dBFS.
    let best = heard.chunks_exact(24_000).map(|half| level(half, 425.0)).fold(-200.0, f64::max);
    println!("speaker: {best:.1} dBFS at 425 Hz, {} ticks overfull", engine.counts().overfull);
    assert!((best + 25.0).abs() < 1.5, "{best}");
    engine.stop_sound(Sound::Ringback);
}

fn another_speaker(engine: &AudioEngine) {
    engine.set_speaker(SinkSpec::Device("pulseaudio:micnull".to_owned()));
    let open = || matches!(engine.states().speaker, DeviceState::Open { .. });
    wait_for("the other speaker", SOON, || open().then_some(()));
    engine.set_speaker(SinkSpec::Device("pulseaudio:gone".to_owned()));
    let missing = DeviceState::Failed(DeviceError::Missing("pulseaudio:gone".to_owned()));
    wait_for("a missing one", SOON, || (engine.states().speaker == missing).then_some(()));
    engine.set_speaker(SinkSpec::Default);
    wait_for("the first one again", SOON, || open().then_some(()));
}

/// The server dies: both devices are told as gone, and the engine goes on.
fn pulled_out(engine: &AudioEngine, server: Running) {
    drop(server);
    wait_for("both to be gone", SOON, || {
        let states = engine.states();
        let failed = |state: &DeviceState| matches!(state, DeviceState::Failed(_));
        (failed(&states.microphone) && failed(&states.speaker)).then_some(())
    });
    let ticks = engine.counts().ticks;
    wait_for("the clock", SOON, || (engine.counts().ticks > ticks + 50).then_some(()));
}
