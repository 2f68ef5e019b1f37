//! Sound from one engine to another through a network that loses, delays and reorders, with files at both ends.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test says what it measured, and fails by panicking")]

mod common;
#[path = "audio_pipeline/link.rs"]
mod link;

use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::tone::level;
use common::{guard, wait_for};
use link::Link;
use tokio::sync::mpsc;
use visavis::device::audio::{AudioSource, Flow};
use visavis::dsp::clips::Sound;
use visavis::dsp::level::rms;
use visavis::dsp::wav;
use visavis::model::device::{DeviceError, DeviceState};
use visavis::model::sound::{MicrophoneTrouble, Processing, Tick};
use visavis::model::source::{AudioSpec, SinkSpec};
use visavis::pipeline::audio::{AudioConfig, AudioEngine, AudioInput, AudioStates};

const LIMIT: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(20);

fn engine(microphone: AudioSpec, speaker: SinkSpec) -> AudioEngine {
    AudioEngine::start(AudioConfig {
        microphone: microphone.into(),
        speaker: speaker.into(),
        ring: SinkSpec::None.into(),
        wanted: true,
        ..AudioConfig::default()
    })
}

fn heard(path: &Path) -> Vec<f32> {
    wav::read_all(Cursor::new(std::fs::read(path).unwrap())).unwrap().1
}

/// A machine that stands still longer than a packet is held makes its own gaps: nothing is learnt of the program then.
const STOOD_STILL: Duration = Duration::from_millis(60);

/// One direction on a machine that keeps time, as [`one_way`]; a busy one is waited out.
fn in_time(loss_percent: u64, jitter_ms: u64) -> (Vec<f32>, visavis::pipeline::audio::InputStats, u64) {
    loop {
        let (heard, still) = one_way(loss_percent, jitter_ms);
        if still < STOOD_STILL {
            return heard;
        }
        println!("the machine stood still for {still:?}; once more");
    }
}

/// One direction for some packets; what was played, with the statistics and the packets the network lost; and how long
/// the machine stood still.
fn one_way(loss_percent: u64, jitter_ms: u64) -> ((Vec<f32>, visavis::pipeline::audio::InputStats, u64), Duration) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("heard.wav");
    let from = engine(AudioSpec::Tone(440), SinkSpec::None);
    let to = engine(AudioSpec::None, SinkSpec::File(path.clone()));
    wait_for("the file", SOON, || matches!(to.states().speaker, DeviceState::Open { .. }).then_some(()));
    let link = Link::new(&from, to.add_input(1), loss_percent, jitter_ms, 42);
    wait_for("300 packets", SOON, || (from.counts().encoded >= 300).then_some(()));
    let stats = to.input_stats(1).unwrap();
    let (lost, still) = (link.lost(), link.stood_still());
    drop(link);
    from.stop();
    to.stop();
    ((heard(&path), stats, lost), still)
}

#[test]
fn a_tone_crosses_a_good_network_and_a_bad_one() {
    let _guard = guard(3 * LIMIT);
    for (loss, jitter) in [(0, 0), (5, 20), (20, 40)] {
        let (samples, stats, lost) = in_time(loss, jitter);
        let second = &samples[samples.len() - 72_000..samples.len() - 24_000];
        let (tone, all) = (level(second, 440.0), rms(second));
        println!("loss {loss} %, jitter {jitter} ms: tone {tone:.1} dBFS, {stats:?}");
        assert!(tone > if loss > 10 { -28.0 } else { -23.0 }, "loss {loss}: {tone} dBFS");
        assert!((20.0 * f64::from(all).log10() + 20.0).abs() < 3.0, "loss {loss}");
        // What still is under way or waits when the figures are taken is at most a second's worth. There may be more
        // than the network lost: on a busy machine a packet also comes too late.
        assert!(stats.lost + 12 + 50 * lost / 300 >= lost, "{lost} lost, {stats:?}");
        assert!((stats.concealed_share - stats.concealed as f64 / stats.samples as f64).abs() < 1e-9);
        if loss == 0 {
            assert_eq!((stats.malformed, stats.overflowed), (0, 0));
        } else {
            assert!(stats.recovered > 0 && stats.concealed_share < loss as f64 / 100.0, "{stats:?}");
        }
        assert!(stats.speaking);
    }
}

#[test]
fn packets_change_their_length_and_the_tone_goes_on() {
    let _guard = guard(LIMIT);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("heard.wav");
    let (from, to) =
        (engine(AudioSpec::Tone(440), SinkSpec::None), engine(AudioSpec::None, SinkSpec::File(path.clone())));
    let (packets, mut sent) = mpsc::channel(512);
    from.add_output(2, packets);
    let link = Link::new(&from, to.add_input(1), 0, 0, 1);
    let played = || to.input_stats(1).map_or(0, |s| s.samples);
    for ms in [20u8, 10, 60, 40, 10] {
        from.set_packet_ms(ms);
        let long = |samples: u32| samples == u32::from(ms) * 48;
        wait_for("such a packet", SOON, || sent.try_recv().is_ok_and(|packet| long(packet.samples)).then_some(()));
        let then = played();
        wait_for("a second of them", SOON, || (played() > then + 48_000).then_some(()));
    }
    assert_eq!((to.input_stats(1).unwrap().lost, to.input_stats(1).unwrap().malformed), (0, 0));
    drop(link);
    from.stop();
    to.stop();
    let samples = heard(&path);
    let all = &samples[24_000..samples.len() - 9_600];
    assert!((level(all, 440.0) + 20.0).abs() < 0.5 && level(&all[all.len() - 36_000..], 440.0) > -21.0);
}

#[test]
fn muting_silences_the_other_side_and_the_stream_goes_on() {
    let _guard = guard(LIMIT);
    let from = engine(AudioSpec::Tone(440), SinkSpec::None);
    let to = engine(AudioSpec::None, SinkSpec::None);
    let _link = Link::new(&from, to.add_input(1), 0, 0, 7);
    let level = || to.input_stats(1).and_then(|s| s.level_dbfs).unwrap_or(-200.0);
    wait_for("the tone", SOON, || (level() > -23.0).then_some(()));
    assert!((from.levels().sent_dbfs.unwrap() + 20.0).abs() < 1.0);
    from.set_muted(true);
    wait_for("silence", SOON, || (level() < -60.0).then_some(()));
    assert_eq!(from.levels().sent_dbfs, None);
    let packets = to.input_stats(1).unwrap().packets;
    wait_for("more packets", SOON, || (to.input_stats(1).unwrap().packets > packets + 20).then_some(()));
    from.set_muted(false);
    wait_for("the tone again", SOON, || (level() > -23.0).then_some(()));
    from.stop();
    to.stop();
}

#[test]
fn two_peers_are_mixed_each_at_its_own_volume() {
    let _guard = guard(LIMIT);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("both.wav");
    let (low, high) = (engine(AudioSpec::Tone(440), SinkSpec::None), engine(AudioSpec::Tone(880), SinkSpec::None));
    let to = engine(AudioSpec::None, SinkSpec::File(path.clone()));
    let links = [Link::new(&low, to.add_input(1), 0, 0, 1), Link::new(&high, to.add_input(2), 0, 0, 2)];
    to.set_volume(1, 200);
    let samples = |id| to.input_stats(id).map_or(0, |s| s.samples);
    wait_for("two seconds of both", SOON, || (samples(1).min(samples(2)) > 120_000).then_some(()));
    to.set_volume(1, 0);
    let then = samples(2);
    wait_for("two seconds of one", SOON, || (samples(2) > then + 120_000).then_some(()));
    assert_eq!(to.input_stats(1).unwrap().level_dbfs, None);
    drop(links);
    for engine in [low, high, to] {
        engine.stop();
    }
    let samples = heard(&path);
    let end = samples.len() - 4_800;
    let (both, one) = (&samples[end - 196_800..end - 148_800], &samples[end - 72_000..end - 24_000]);
    assert!((level(both, 440.0) + 14.0).abs() < 2.0, "{}", level(both, 440.0));
    assert!((level(both, 880.0) + 20.0).abs() < 2.0, "{}", level(both, 880.0));
    assert!(level(one, 440.0) < -60.0 && (level(one, 880.0) + 20.0).abs() < 2.0);
}

#[test]
fn a_device_that_is_not_there_says_so_and_the_call_runs_on_in_silence() {
    let _guard = guard(LIMIT);
    let told = Arc::new(Mutex::new(Vec::<AudioStates>::new()));
    let telling = told.clone();
    let from = AudioEngine::start(AudioConfig {
        microphone: AudioSpec::File("/nowhere/at-all.wav".into()).into(),
        speaker: SinkSpec::None.into(),
        wanted: true,
        on_state: Some(Arc::new(move |states| telling.lock().unwrap().push(states))),
        ..AudioConfig::default()
    });
    let (packets, mut arriving) = mpsc::channel(64);
    from.add_output(1, packets);
    let failed = |states: &AudioStates| matches!(&states.microphone, DeviceState::Failed(DeviceError::File(..)));
    wait_for("the failure", SOON, || failed(&from.states()).then_some(()));
    wait_for("packets all the same", SOON, || (arriving.try_recv().is_ok() && from.counts().encoded > 5).then_some(()));
    from.set_microphone(AudioSpec::Tone(440));
    wait_for("the tone", SOON, || from.levels().sent_dbfs.map(drop));
    from.set_wanted(false);
    wait_for("the end of it", SOON, || (from.states().microphone == DeviceState::Closed).then_some(()));
    from.stop();
    let told = told.lock().unwrap();
    assert!(told.iter().any(failed));
    assert!(matches!(&told[told.len() - 2].microphone, DeviceState::Open { name, .. } if name == "tone:440"));
}

struct Faulty;

impl AudioSource for Faulty {
    fn name(&self) -> String {
        "faulty".to_owned()
    }

    fn read(&mut self, _: &mut Tick) -> Result<Flow, DeviceError> {
        panic!("on purpose")
    }
}

#[test]
fn a_panic_on_the_audio_thread_stays_there() {
    let _guard = guard(LIMIT);
    let engine = engine(AudioSpec::None, SinkSpec::None);
    engine.set_microphone(AudioInput::Custom(Arc::new(|| Ok(Box::new(Faulty)))));
    let failed = || matches!(engine.states().microphone, DeviceState::Failed(DeviceError::Gone(..)));
    wait_for("the failure", SOON, || failed().then_some(()));
    engine.set_muted(true);
    engine.stop();
}

#[test]
fn a_full_output_costs_packets_and_nothing_else() {
    let _guard = guard(LIMIT);
    let engine = engine(AudioSpec::Tone(440), SinkSpec::None);
    let (packets, mut arriving) = mpsc::channel(2);
    engine.add_output(1, packets);
    wait_for("an overflow", SOON, || (engine.counts().dropped > 3).then_some(()));
    let first = arriving.try_recv().unwrap();
    let second = arriving.try_recv().unwrap();
    assert_eq!((second.sample - first.sample, first.samples), (960, 960));
    engine.remove_output(1);
    wait_for("the end of the output", SOON, || arriving.is_closed().then_some(()));
    engine.stop();
}

#[test]
fn the_programs_own_sounds_play_on_a_speaker_opened_for_them() {
    let _guard = guard(LIMIT);
    let folder = tempfile::tempdir().unwrap();
    let (speaker, ring) = (folder.path().join("speaker.wav"), folder.path().join("ring.wav"));
    let engine = AudioEngine::start(AudioConfig {
        microphone: AudioSpec::None.into(),
        speaker: SinkSpec::File(speaker.clone()).into(),
        ring: SinkSpec::File(ring.clone()).into(),
        ..AudioConfig::default()
    });
    engine.play(Sound::Joined);
    let open = || matches!(engine.states().speaker, DeviceState::Open { .. });
    wait_for("the speaker", SOON, || open().then_some(()));
    wait_for("its end", SOON, || (!open()).then_some(()));
    engine.play(Sound::Ring);
    wait_for("the second ring", SOON, || std::fs::metadata(&ring).is_ok_and(|m| m.len() > 800_000).then_some(()));
    engine.stop_sound(Sound::Ring);
    engine.stop();
    assert!(rms(&heard(&speaker)) > 0.01);
    let rung = heard(&ring);
    assert!(rms(&rung[..48_000]) > 0.01 && rms(&rung[144_000..]) > 0.01, "it rings again after 3 s");
}

/// A microphone in a silent room.
struct Quiet;

impl AudioSource for Quiet {
    fn name(&self) -> String {
        "quiet".into()
    }

    fn read(&mut self, out: &mut Tick) -> Result<Flow, DeviceError> {
        *out = visavis::model::sound::SILENCE;
        Ok(Flow::Full)
    }
}

#[test]
fn nothing_that_is_played_here_is_sent() {
    let _guard = guard(LIMIT);
    let folder = tempfile::tempdir().unwrap();
    let (speaker, ring) = (folder.path().join("speaker.wav"), folder.path().join("ring.wav"));
    let talker = engine(AudioSpec::Tone(440), SinkSpec::None);
    let engine = AudioEngine::start(AudioConfig {
        microphone: AudioInput::Custom(Arc::new(|| Ok(Box::new(Quiet)))),
        speaker: SinkSpec::File(speaker.clone()).into(),
        ring: SinkSpec::File(ring.clone()).into(),
        processing: visavis::model::sound::Processing::OFF,
        wanted: true,
        ..AudioConfig::default()
    });
    let (packets, mut sent) = mpsc::channel(1024);
    engine.add_output(1, packets);
    engine.keep_heard(true);
    let link = Link::new(&talker, engine.add_input(2), 0, 0, 3);
    wait_for("the voice", SOON, || engine.input_stats(2)?.level_dbfs.filter(|level| *level > -23.0));
    for sound in Sound::ALL {
        engine.play(sound);
    }
    wait_for("a second of all that", SOON, || (engine.counts().encoded > 60).then_some(()));
    engine.replay(true);
    wait_for("the replay", SOON, || engine.replaying());
    let then = engine.counts().encoded;
    wait_for("a second more", SOON, || (engine.counts().encoded > then + 50).then_some(()));
    assert_eq!(engine.levels().sent_dbfs, None);
    drop(link);
    talker.stop();
    engine.stop();
    assert!(rms(&heard(&speaker)) > 0.05 && rms(&heard(&ring)) > 0.01, "all of it was heard here");
    let mut decoder = visavis::codec::opus::Decoder::new().unwrap();
    let mut out = Vec::new();
    while let Ok(packet) = sent.try_recv() {
        decoder.decode(&packet.data, &mut out).unwrap();
    }
    let loudest = out.iter().fold(0.0f32, |most, sample| most.max(sample.abs()));
    println!("{} samples were sent, the loudest of them {loudest}", out.len());
    assert!(out.len() > 48_000 && loudest < 0.001, "{loudest}");
}

/// A microphone with a voice that can be changed: 200 ms of sound, 100 ms of pause, in a room that is not quite silent.
struct Voice {
    loud: Arc<Mutex<f32>>,
    at: usize,
}

impl AudioSource for Voice {
    fn name(&self) -> String {
        "voice".into()
    }

    fn read(&mut self, out: &mut Tick) -> Result<Flow, DeviceError> {
        let loud = *self.loud.lock().unwrap();
        let (voice, room) = if self.at % 30 < 20 { (loud, loud * 0.01) } else { (0.0, loud * 0.01) };
        self.at += 1;
        for (n, sample) in out.iter_mut().enumerate() {
            *sample = (voice * (n as f32 * 0.05).sin() + room * (n as f32 * 1.7).sin()).clamp(-1.0, 1.0);
        }
        Ok(Flow::Full)
    }
}

#[test]
fn one_is_told_why_one_is_not_heard() {
    let _guard = guard(LIMIT);
    let loud = Arc::new(Mutex::new(0.2));
    let voice = Arc::clone(&loud);
    let microphone = AudioInput::Custom(Arc::new(move || Ok(Box::new(Voice { loud: Arc::clone(&voice), at: 0 }))));
    let engine = AudioEngine::start(AudioConfig {
        microphone,
        speaker: SinkSpec::None.into(),
        ring: SinkSpec::None.into(),
        wanted: true,
        ..AudioConfig::default()
    });
    wait_for("the voice", SOON, || engine.levels().sent_dbfs.map(drop));
    assert_eq!(engine.levels().trouble, None);
    let told = |trouble| wait_for("what is wrong", SOON, || (engine.levels().trouble == trouble).then_some(()));
    engine.set_muted(true);
    told(Some(MicrophoneTrouble::Muted));
    engine.set_muted(false);
    told(None);
    *loud.lock().unwrap() = 3.0;
    told(Some(MicrophoneTrouble::Clips));
    *loud.lock().unwrap() = 0.0;
    told(Some(MicrophoneTrouble::Silent));
    engine.set_microphone(AudioSpec::Tone(440));
    told(None);
    engine.stop();
}

#[test]
fn nothing_ticks_while_nothing_is_wanted_and_media_time_goes_on() {
    let _guard = guard(LIMIT);
    let engine = engine(AudioSpec::Tone(440), SinkSpec::None);
    let (packets, mut arriving) = mpsc::channel(64);
    engine.add_output(1, packets);
    let before = wait_for("a packet", SOON, || arriving.try_recv().ok());
    wait_for("the tone", SOON, || engine.levels().sent_dbfs.map(drop));
    engine.remove_output(1);
    engine.set_wanted(false);
    // The meters fall when the rest begins.
    wait_for("the rest", SOON, || engine.levels().sent_dbfs.is_none().then_some(()));
    assert_eq!(engine.states(), AudioStates::default());
    let ticks = engine.counts().ticks;
    // A clock is what is tested.
    let rest = Duration::from_millis(300);
    std::thread::sleep(rest);
    assert_eq!(engine.counts().ticks, ticks);
    let (packets, mut arriving) = mpsc::channel(64);
    engine.add_output(2, packets);
    let after = wait_for("a packet again", SOON, || arriving.try_recv().ok());
    let passed = (rest.as_millis() as u64 - 10) * 48;
    assert!(after.sample - before.sample >= passed, "{} then {}", before.sample, after.sample);
    engine.remove_output(2);
    engine.play(Sound::Ring);
    wait_for("the sound", SOON, || (engine.counts().ticks > ticks + 50).then_some(()));
    engine.stop();
}

#[test]
fn music_arrives_in_stereo_and_speech_in_one_channel() {
    let _guard = guard(3 * LIMIT);
    let folder = tempfile::tempdir().unwrap();
    // A low tone on the left, a high one on the right.
    let music = folder.path().join("music.wav");
    let mut writer = wav::WavWriter::stereo(std::fs::File::create(&music).unwrap(), 48_000).unwrap();
    let tone = |n: usize, hertz: f32| 0.2 * (n as f32 * hertz * std::f32::consts::TAU / 48_000.0).sin();
    writer.write(&(0..96_000).map(|n| tone(n / 2, [400.0, 1_000.0][n % 2])).collect::<Vec<_>>()).unwrap();
    drop(writer);
    for music_on in [true, false] {
        let path = folder.path().join(format!("heard-{music_on}.wav"));
        let from = engine(AudioSpec::File(music.clone()), SinkSpec::None);
        from.set_processing(if music_on { Processing::MUSIC } else { Processing::default() });
        let to = engine(AudioSpec::None, SinkSpec::File(path.clone()));
        wait_for("the file", SOON, || matches!(to.states().speaker, DeviceState::Open { .. }).then_some(()));
        let link = Link::new(&from, to.add_input(1), 0, 0, 1);
        wait_for("three seconds", SOON, || to.input_stats(1).filter(|s| s.samples > 144_000));
        drop(link);
        from.stop();
        to.stop();
        let mut reader = wav::WavReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        let mut both: [Vec<f32>; 2] = Default::default();
        while reader.read_stereo(48_000, &mut both).unwrap() > 0 {}
        let end = both[0].len() - 4_800;
        let second = both.map(|side| side[end - 48_000..end].to_vec());
        let levels = second.each_ref().map(|side| (level(side, 400.0), level(side, 1_000.0)));
        println!("music {music_on}: {levels:?}");
        let [left, right] = levels;
        if music_on {
            assert!((left.0 + 17.0).abs() < 2.0 && left.1 < left.0 - 30.0, "left {left:?}");
            assert!((right.1 + 17.0).abs() < 2.0 && right.0 < right.1 - 30.0, "right {right:?}");
        } else {
            assert_eq!(second[0], second[1], "speech is the same on both sides");
            assert!(left.0 > -30.0 && left.1 > -30.0, "and holds both tones: {left:?}");
        }
    }
}
