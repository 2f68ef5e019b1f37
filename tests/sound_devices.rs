//! Real sound devices: a sound server of the test's own, with a microphone one can speak into and a speaker one can
//! listen to. Skipped, with a word, where PulseAudio is not installed.

#![cfg(all(feature = "gui", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test says what it measured, and fails by panicking")]

mod common;
mod sound_world;

use std::path::Path;
use std::time::{Duration, Instant};

use common::tone::level;
use common::wait_for;
use sound_world::SoundServer;
use tokio::sync::mpsc;
use visavis::codec::opus::Decoder;
use visavis::device::audio::{open_audio_sink, open_audio_source};
use visavis::device::sound;
use visavis::dsp::clips::Sound;
use visavis::dsp::level::rms;
use visavis::dsp::tone::Sine;
use visavis::model::device::{DeviceError, DeviceState};
use visavis::model::encoded::AudioPacket;
use visavis::model::sound::Processing;
use visavis::model::sound::SILENCE;
use visavis::model::source::{AudioSpec, SinkSpec};
use visavis::pipeline::audio::{AudioConfig, AudioEngine};

const LIMIT: Duration = Duration::from_secs(120);
const SOON: Duration = Duration::from_secs(20);

const DEVICES: [&str; 4] = [
    "module-null-sink sink_name=spk rate=44100 channels=2 sink_properties=device.description=Loudspeaker",
    "module-null-sink sink_name=bell rate=48000 channels=2 sink_properties=device.description=Bell",
    "module-null-sink sink_name=micnull rate=48000 channels=1",
    "module-remap-source master=micnull.monitor source_name=mic source_properties=device.description=Microphone",
];

/// One test, because the sound server is found through the environment of the whole process.
#[test]
fn microphone_and_speaker_of_a_sound_server() {
    common::with_limit(LIMIT, || {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        // SAFETY: the only test of this program, and no other thread of it runs yet that reads the environment.
        #[allow(unsafe_code, reason = "see there")]
        unsafe {
            sound_world::look_in(home);
        }
        nothing_there();
        alsa_loop();
        let Some(server) = SoundServer::start(home, &DEVICES) else { return };
        server.ask(&["set-default-sink", "spk"]);
        server.ask(&["set-default-source", "mic"]);
        listed();
        any_format(&server);
        cost(&server);
        let voice = server.speak("micnull", 440.0, 0, 1);
        // A steady tone is what noise suppression is there to take out.
        let config = AudioConfig { wanted: true, processing: Processing::OFF, ..AudioConfig::default() };
        let engine = AudioEngine::start(config);
        opened(&engine);
        sent(&engine);
        played(&engine, &server);
        rings_apart(&engine, &server);
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
    assert_eq!(speakers.len(), 3);
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
fn played(engine: &AudioEngine, server: &SoundServer) {
    engine.play(Sound::Ringback);
    let heard = server.listen("spk", 6);
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
fn pulled_out(engine: &AudioEngine, server: SoundServer) {
    drop(server);
    wait_for("both to be gone", SOON, || {
        let states = engine.states();
        let failed = |state: &DeviceState| matches!(state, DeviceState::Failed(_));
        (failed(&states.microphone) && failed(&states.speaker)).then_some(())
    });
    let ticks = engine.counts().ticks;
    wait_for("the clock", SOON, || (engine.counts().ticks > ticks + 50).then_some(()));
}

/// Whatever rate and channels a device has, and on whichever of them the sound is: it is heard at its level.
fn any_format(server: &SoundServer) {
    let (front, numbered) = ("front-left,front-right,rear-left,rear-right", "aux0,aux1,aux2,aux3");
    for (rate, map, channel) in [
        (8_000, "mono", 0),
        (16_000, "front-left,front-right", 1),
        (44_100, "front-left,front-right", 0),
        (48_000, front, 2),
        (44_100, numbered, 2),
        (96_000, numbered, 3),
    ] {
        let channels = map.split(',').count();
        let (format, count) = (format!("rate={rate}"), format!("channels={channels}"));
        let map = format!("channel_map={map}");
        let sink = server.plug(&["module-null-sink", "sink_name=odd", &format, &count, &map]);
        let source =
            server.plug(&["module-remap-source", "master=odd.monitor", "source_name=oddmic", &count, &map, "remix=no"]);
        let voice = server.speak("odd", 440.0, channel, channels);
        let mut microphone = open_audio_source(&AudioSpec::Device("pulseaudio:oddmic".to_owned()), None).unwrap();
        let (mut tick, mut last, mut due) = (SILENCE, Vec::new(), Instant::now());
        let found = wait_for("the voice at its level", SOON, || {
            microphone.read(&mut tick).unwrap();
            last.extend_from_slice(&tick);
            due += Duration::from_millis(10);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let recent = last.len().checked_sub(24_000)?;
            Some(level(&last[recent..], 440.0)).filter(|level| (level + 20.0).abs() < 1.5)
        });
        println!("{rate} Hz, channel {channel} of {channels}: {found:.1} dBFS; {}", microphone.format());
        let mut speaker = open_audio_sink(&SinkSpec::Device("pulseaudio:odd".to_owned())).unwrap();
        speaker.write(&tick).unwrap();
        drop((microphone, speaker, voice));
        server.unplug(&source);
        server.unplug(&sink);
    }
}

/// The bell rings on a device of its own, and on the speaker where that cannot be used.
fn rings_apart(engine: &AudioEngine, server: &SoundServer) {
    engine.set_ring(SinkSpec::Device("pulseaudio:bell".to_owned()));
    engine.play(Sound::Ring);
    let loud = |samples: &[f32]| samples.chunks_exact(4_800).map(rms).fold(0.0, |a, b| if b > a { b } else { a });
    let bell = wait_for("the bell", SOON, || Some(loud(&server.listen("bell", 2))).filter(|level| *level > 0.01));
    let speaker = loud(&server.listen("spk", 2));
    engine.stop_sound(Sound::Ring);
    println!("ring: {bell:.3} on the bell, {speaker:.4} on the speaker");
    assert!(speaker < 0.001, "{speaker}");
    engine.set_ring(SinkSpec::Device("pulseaudio:gone".to_owned()));
    engine.play(Sound::Ring);
    wait_for("the ring on the speaker", SOON, || Some(loud(&server.listen("spk", 2))).filter(|level| *level > 0.01));
    engine.stop_sound(Sound::Ring);
}

/// What the audio thread costs for each tick of 10 ms, as the kernel counts it. A figure, no judgement.
fn cost(server: &SoundServer) {
    let spent = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten().map(|task| task.path());
        let of = |name: &str| std::fs::read_to_string(name).unwrap_or_default();
        let audio = tasks.filter(|task| of(&format!("{}/comm", task.display())).trim() == "audio");
        let times = audio.map(|task| of(&format!("{}/schedstat", task.display())));
        times.filter_map(|time| time.split(' ').next()?.parse::<u64>().ok()).sum::<u64>()
    };
    let _voice = server.speak("micnull", 440.0, 0, 1);
    for (what, processing, call) in [
        ("open, nobody there", Processing::OFF, false),
        ("in a call, unprocessed", Processing::OFF, true),
        ("in a call, with all processing", Processing::default(), true),
    ] {
        let engine = AudioEngine::start(AudioConfig { wanted: true, processing, ..AudioConfig::default() });
        opened(&engine);
        let (packets, mut sent) = mpsc::channel(512);
        let heard = call.then(|| {
            engine.add_output(1, packets);
            engine.add_input(1)
        });
        let (ticks, nanoseconds, mut sequence) = (engine.counts().ticks, spent(), 0);
        wait_for("three seconds", SOON, || {
            while let (Ok(packet), Some(heard)) = (sent.try_recv(), &heard) {
                let (timestamp, at) = (packet.sample as u32, Instant::now());
                let data = packet.data;
                heard.push(AudioPacket { ssrc: 1, sequence, timestamp, marker: false, data, at, behind: 0 });
                sequence = sequence.wrapping_add(1);
            }
            (engine.counts().ticks >= ticks + 300).then_some(())
        });
        let each = (spent() - nanoseconds) as f64 / 1e3 / (engine.counts().ticks - ticks) as f64;
        println!("audio thread, {what}: {each:.0} µs for every 10 ms");
        engine.stop();
    }
}
