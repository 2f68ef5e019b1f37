//! What the program plays by itself: its sounds, each at its moment and on its device, and “say that again”. Judged by
//! what two people's devices were given, in whole calls over the real server.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "fixed values; a test says what it measured")]

mod common;
mod people;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::tone::played;
use people::*;
use visavis::dsp::tone::tone_level;
use visavis::model::command::Command;
use visavis::model::id::{Callee, PeerId};
use visavis::model::settings::Settings;
use visavis::model::snapshot::{SayAgain, Stage};
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::pipeline::audio::{AudioConfig, AudioEngine};

const LIMIT: Duration = Duration::from_secs(120);

/// First notes of the sounds in `assets/sounds`, Hz.
const RING: f64 = 987.8;
const RINGBACK: f64 = 425.0;
const JOINED: f64 = 587.3;
const LEFT: f64 = 493.9;
const RECONNECTING: f64 = 329.6;
const MESSAGE: f64 = 1174.7;

/// What is surely heard, and what surely is not, dBFS.
const HEARD: f64 = -45.0;
const UNHEARD: f64 = -65.0;

fn file(person: &Person, name: &str) -> PathBuf {
    person.home.path().join(name)
}

/// Somebody whose settings file says this, who rings into `ring.wav`, and whose microphone is `microphone`.
fn person(url: &str, name: &str, microphone: AudioSpec, settings: &str) -> Person {
    Person::with(url, name, |config| {
        let profile = config.profile.clone();
        let ring = profile.parent().unwrap().join("ring.wav");
        std::fs::create_dir_all(&profile).expect("a profile");
        // The echo canceller is off, so that nothing takes out what should not be there in the first place.
        let all = format!(
            "ring = \"wav:{}\"\nlevelling = false\n{settings}\n[processing]\necho_cancellation = false\n\
             noise_suppression = false\nauto_gain_control = false\n",
            ring.display()
        );
        std::fs::write(profile.join("settings.toml"), all).expect("settings");
        config.overrides.camera = Some(VideoSpec::None);
        config.overrides.microphone = Some(microphone);
    })
}

/// Level of a tone in the last so many seconds, dBFS.
fn level(path: &Path, seconds: f64, hertz: f64) -> f64 {
    let all = played(path);
    let length = (seconds * 48_000.0) as usize;
    match all.len().checked_sub(length) {
        Some(from) => tone_level(&all[from..], hertz).unwrap_or(-200.0),
        None => -200.0,
    }
}

/// Loudest tenth of a second of a tone in all that was played, dBFS.
fn ever(path: &Path, hertz: f64) -> f64 {
    let all = played(path);
    all.chunks_exact(4800).filter_map(|part| tone_level(part, hertz)).fold(-200.0, f64::max)
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < STEP, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn each_sound_comes_at_its_moment_and_on_its_device() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let mut a = person(&url, "Amara", AudioSpec::None, "");
        let mut b = person(&url, "Noor", AudioSpec::None, "");
        a.online().await;
        b.online().await;
        let (speaker, ring) = (a.heard(), file(&b, "ring.wav"));

        a.call(&b);
        until("the ring at the one who is called", || ever(&ring, RING) > HEARD).await;
        until("the tone of ringing at the caller", || level(&speaker, 0.5, RINGBACK) > HEARD).await;
        assert!(played(&b.heard()).is_empty(), "it rings on the ring device alone");

        b.accept(false).await;
        for person in [&a, &b] {
            person.stage(Stage::Connected).await;
            until("joining", || ever(&person.heard(), JOINED) > HEARD).await;
        }
        until("the end of the caller's tone", || level(&speaker, 0.3, RINGBACK) < HEARD).await;
        assert!(ever(&b.heard(), RING) < HEARD, "nothing rings on the speaker");

        a.ask(Command::Chat("hello".into()));
        until("a message", || ever(&b.heard(), MESSAGE) > HEARD).await;
        // Nobody speaks: what the others are sent is silence, whatever plays here.
        for person in [&a, &b] {
            let heard = person.handle.snapshot().call.as_ref().unwrap().first().unwrap().level;
            assert_eq!(heard.peak, -60, "{heard:?}");
        }

        a.ask(Command::HangUp);
        a.ended().await;
        b.ended().await;
        for person in [&a, &b] {
            until("leaving", || ever(&person.heard(), LEFT) > HEARD).await;
        }
        assert!(ever(&ring, LEFT) < HEARD, "the ring device only rings");
        a.stop();
        b.stop();
        server.shutdown().await;
    });
}

#[test]
fn they_are_as_loud_as_one_likes_or_switched_off_together() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let mut a = person(&url, "Amara", AudioSpec::None, "sound_volume = 50");
        let mut b = person(&url, "Noor", AudioSpec::None, "sounds = false");
        a.online().await;
        b.online().await;
        a.call(&b);
        // The tone of 0.08 is at −25 dBFS; half of it 6 dB below.
        until("the tone of ringing", || level(&a.heard(), 0.5, RINGBACK) > -32.0).await;
        assert!(level(&a.heard(), 0.5, RINGBACK) < -30.0);
        b.sees("an incoming call", |s| s.incoming.as_ref().map(drop)).await;
        b.accept(false).await;
        a.stage(Stage::Connected).await;
        until("joining", || ever(&a.heard(), JOINED) > HEARD).await;
        a.ask(Command::HangUp);
        b.ended().await;
        a.ended().await;
        until("leaving", || ever(&a.heard(), LEFT) > HEARD).await;
        b.stop();
        assert!(!file(&b, "ring.wav").exists(), "the ring device was not even opened");
        let loudest = played(&b.heard()).into_iter().fold(0.0f32, |most, sample| most.max(sample.abs()));
        assert!(loudest < 0.001, "{loudest}");
        a.stop();
        server.shutdown().await;
    });
}

/// The program without its window, which takes every call; can be made to stand still.
struct Standing(Child);

impl Standing {
    fn start(profile: &Path, url: &str) -> (Self, PeerId) {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_visavis"));
        program.args(["headless", "--answer", "audio", "--server", url, "--name", "Noor", "--profile"]);
        program.arg(profile).args(["--camera", "none", "--microphone", "none", "--speaker", "none"]);
        let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output is a pipe")).lines();
        let online = lines.find_map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line.ok()?).ok()?;
            (line["event"] == "online").then(|| line["id"].as_str().and_then(|id| id.parse().ok()))
        });
        let id = online.flatten().expect("an ID");
        // Read to the end, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        (Self(child), id)
    }

    fn signal(&self, signal: &str) {
        let told = std::process::Command::new("kill").args([signal, &self.0.id().to_string()]).status();
        assert!(told.expect("kill can be run").success());
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[cfg(unix)]
fn a_lost_path_is_heard_until_it_is_found() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let mut a = person(&url, "Amara", AudioSpec::None, "");
        a.online().await;
        let (other, id) = Standing::start(&file(&a, "other"), &url);
        a.ask(Command::Call { to: Callee::Peer(id), video: false });
        a.stage(Stage::Connected).await;
        assert!(ever(&a.heard(), RECONNECTING) < HEARD);
        other.signal("-STOP");
        a.stage(Stage::Reconnecting).await;
        until("the sound of looking for a path", || level(&a.heard(), 0.5, RECONNECTING) > HEARD).await;
        other.signal("-CONT");
        a.stage(Stage::Connected).await;
        // It would come again after three seconds.
        let rest = played(&a.heard()).len();
        until("four seconds", || played(&a.heard()).len() > rest + 4 * 48_000).await;
        let (all, hertz) = (played(&a.heard()), RECONNECTING);
        let after = all[rest + 48_000..].chunks_exact(4800).filter_map(|part| tone_level(part, hertz));
        let after = after.fold(-200.0, f64::max);
        assert!(after < UNHEARD, "{after}");
        a.ask(Command::HangUp);
        a.ended().await;
        a.stop();
        drop(other);
        server.shutdown().await;
    });
}

fn settings(person: &Person, change: impl FnOnce(&mut Settings)) {
    let mut settings = (*person.handle.snapshot().settings).clone();
    change(&mut settings);
    person.ask(Command::Settings(Box::new(settings)));
}

async fn can_be_replayed(there: &Person, can: bool) {
    there.sees("what they say of it", |s| (s.call.as_ref()?.first()?.remote.replay == can).then_some(())).await;
}

#[test]
fn what_was_said_is_heard_again_and_the_others_know_that_it_can_be() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let mut a = person(&url, "Amara", AudioSpec::Tone(440), "sounds = false");
        let mut b = person(&url, "Noor", AudioSpec::None, "sounds = false\nsay_again = true");
        a.online().await;
        b.online().await;
        a.call(&b);
        b.accept(false).await;
        can_be_replayed(&a, true).await;
        assert!(!b.handle.snapshot().call.as_ref().unwrap().first().unwrap().remote.replay, "Amara keeps nothing");
        let heard = b.heard();
        until("a second of what was said", || level(&heard, 1.0, 440.0) > -23.0).await;
        settings(&a, |settings| settings.microphone = AudioSpec::Tone(660));
        until("what is said now", || level(&heard, 0.5, 660.0) > -22.0 && level(&heard, 0.5, 440.0) < UNHEARD).await;

        // Once more, over what goes on
        b.ask(Command::SayAgain(true));
        b.sees("that it plays", |s| matches!(s.media.say_again, SayAgain::Playing { .. }).then_some(())).await;
        until("it said again", || level(&heard, 0.5, 440.0) > -23.0 && level(&heard, 0.5, 660.0) < -29.0).await;
        println!("again {:.1} dBFS, live {:.1} dBFS", level(&heard, 0.5, 440.0), level(&heard, 0.5, 660.0));
        assert!(level(&heard, 0.5, 660.0) > -36.0, "what goes on is lower, not gone");
        b.ask(Command::SayAgain(false));
        b.sees("its end", |s| (s.media.say_again == SayAgain::Ready).then_some(())).await;
        until("what is said now alone", || level(&heard, 0.5, 440.0) < UNHEARD && level(&heard, 0.5, 660.0) > -22.0)
            .await;
        // Amara is sent nothing of it: Noor has no microphone.
        assert_eq!(a.handle.snapshot().call.as_ref().unwrap().first().unwrap().level.peak, -60);

        // Switched off: the others know, and it is erased
        settings(&b, |settings| settings.say_again = false);
        can_be_replayed(&a, false).await;
        b.ask(Command::SayAgain(true));
        settings(&b, |settings| settings.say_again = true);
        can_be_replayed(&a, true).await;
        b.sees("ready again", |s| (s.media.say_again == SayAgain::Ready).then_some(())).await;
        let then = played(&heard).len();
        until("a second more", || played(&heard).len() > then + 48_000).await;
        b.ask(Command::SayAgain(true));
        let left_s = b
            .sees("a replay of what came since", |s| match s.media.say_again {
                SayAgain::Playing { left_s } => Some(left_s),
                _ => None,
            })
            .await;
        assert!(left_s <= 10, "{left_s}");
        let then = played(&heard).len();
        until("the replay", || played(&heard).len() > then + 48_000).await;
        assert!(level(&heard, 1.0, 440.0) < HEARD, "what was erased is gone");

        // The end of the call erases it too
        a.ask(Command::HangUp);
        b.ended().await;
        b.sees("nothing kept", |s| (s.media.say_again == SayAgain::Off).then_some(())).await;
        a.ended().await;
        settings(&a, |settings| settings.microphone = AudioSpec::Tone(880));
        a.call(&b);
        b.accept(false).await;
        b.sees("ready", |s| (s.media.say_again == SayAgain::Ready).then_some(())).await;
        let news = || level(&heard, 0.5, 880.0) > -22.0 && level(&heard, 0.5, 660.0) < UNHEARD;
        until("the new voice alone", news).await;
        b.ask(Command::SayAgain(true));
        let then = played(&heard).len();
        b.sees("that it plays", |s| matches!(s.media.say_again, SayAgain::Playing { .. }).then_some(())).await;
        until("some of it", || played(&heard).len() > then + 24_000).await;
        let left = tone_level(&played(&heard)[then..], 660.0).unwrap_or(-200.0);
        assert!(left < HEARD, "of the call before nothing is left, but {left} dBFS");
        a.stop();
        b.stop();
        server.shutdown().await;
    });
}

#[test]
fn nothing_is_kept_without_the_wish() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let mut a = person(&url, "Amara", AudioSpec::Tone(440), "");
        let mut b = person(&url, "Noor", AudioSpec::None, "speaker = \"none\"");
        a.online().await;
        b.online().await;
        connected(&a, &b).await;
        let level = |s: &visavis::model::snapshot::Snapshot| Some(s.call.as_ref()?.first()?.level.rms);
        b.sees("the voice", |s| level(s).filter(|rms| *rms > -25).map(drop)).await;
        b.ask(Command::SayAgain(true));
        let told = async {
            loop {
                if let visavis::model::notice::Notice::Told(words) = b.notices.recv().await.unwrap() {
                    return words;
                }
            }
        };
        let words = tokio::time::timeout(STEP, told).await.expect("words");
        assert!(words.contains("switch “say that again” on"), "{words}");
        assert_eq!(b.handle.snapshot().media.say_again, SayAgain::Off);
        a.stop();
        b.stop();
        server.shutdown().await;
    });
}

#[test]
fn a_call_by_relay_only_without_a_relay_ends_with_a_word() {
    use visavis::model::outcome::Outcome;
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let mut a = person(&url, "Amara", AudioSpec::None, "relay_only = true");
        let mut b = person(&url, "Noor", AudioSpec::None, "");
        a.online().await;
        b.online().await;
        a.call(&b);
        let (_, outcome) = a.ended().await;
        assert!(matches!(&outcome, Outcome::Failed(why) if why.contains("no TURN server")), "{outcome:?}");
        // Whoever is called says it too, instead of showing where they are.
        a.ask(Command::DismissEnded);
        b.call(&a);
        a.accept(false).await;
        let (_, outcome) = a.ended().await;
        assert!(matches!(&outcome, Outcome::Failed(why) if why.contains("no TURN server")), "{outcome:?}");
        b.ended().await;
        // The program's own echo may know the address.
        a.ask(Command::DismissEnded);
        a.ask(Command::Call { to: Callee::Echo, video: false });
        a.stage(Stage::Connected).await;
        a.stop();
        b.stop();
        server.shutdown().await;
    });
}

#[test]
fn what_was_muted_at_rest_is_silent_from_the_first_sample_on() {
    let _guard = common::guard(LIMIT);
    let engine = AudioEngine::start(AudioConfig {
        microphone: AudioSpec::Tone(440).into(),
        speaker: SinkSpec::None.into(),
        ring: SinkSpec::None.into(),
        wanted: true,
        ..AudioConfig::default()
    });
    common::wait_for("the tone", STEP, || engine.levels().sent_dbfs.map(drop));
    engine.set_wanted(false);
    common::wait_for("the rest", STEP, || engine.levels().sent_dbfs.is_none().then_some(()));
    engine.set_muted(true);
    let (packets, mut sent) = tokio::sync::mpsc::channel(64);
    engine.add_output(1, packets);
    engine.set_wanted(true);
    let mut decoder = visavis::codec::opus::Decoder::new().unwrap();
    let mut out = Vec::new();
    common::wait_for("half a second", STEP, || {
        while let Ok(packet) = sent.try_recv() {
            decoder.decode(&packet.data, &mut out).unwrap();
        }
        (out.len() > 24_000).then_some(())
    });
    engine.stop();
    let loudest = out.iter().fold(0.0f32, |most, sample| most.max(sample.abs()));
    assert!(loudest < 0.001, "{loudest}");
}
