//! Two and three whole applications and the real server in one process: calls by ID, on decoded pictures and sound.

mod common;
mod people;

use std::io::Cursor;
use std::time::Duration;

use people::*;
use tokio::time::timeout;
use visavis::client::config::{AnswerPolicy, Overrides, ServerChoice};
use visavis::client::{ClientConfig, start};
use visavis::model::chat::Delivery;
use visavis::model::command::Command;
use visavis::model::outcome::{Direction, Outcome};
use visavis::model::snapshot::{PlayerKey, Stage};
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::VideoRequest;

const LIMIT: Duration = Duration::from_secs(90);

#[test]
fn pictures_sound_and_chat_go_both_ways() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let (mut a, mut b) = two(&url).await;
        connected(&a, &b).await;
        for (one, other) in [(&a, "Noor"), (&b, "Amara")] {
            let name = one.sees("a name", |s| Some(s.call.as_ref()?.name().to_owned())).await;
            assert_eq!(name, other);
            let pictures = one.looks(20).await;
            let in_order = pictures.windows(2).all(|two| two[1].0.wrapping_sub(two[0].0) & 0xff_ffff < 0x80_0000);
            assert!(in_order, "{pictures:?}");
            assert!(pictures.iter().all(|(_, age)| *age < 5000), "{pictures:?}");
        }

        for (from, to, text) in [(&a, &b, "hello 👋 https://example.org"), (&b, &a, "hi\nthere")] {
            from.ask(Command::Chat(text.into()));
            to.sees("the text", |s| s.call.as_ref()?.chat.iter().find(|l| !l.mine && l.text == text).map(|_| ())).await;
            from.sees("both ticks", |s| {
                let chat = &s.call.as_ref()?.chat;
                chat.iter().find(|l| l.mine && l.delivery == Delivery::Received).map(|_| ())
            })
            .await;
        }
        assert_eq!(b.handle.snapshot().call.as_ref().unwrap().unread, 1);
        b.ask(Command::ChatOpen(true));
        b.sees("read", |s| (s.call.as_ref()?.unread == 0).then_some(())).await;

        a.ask(Command::Mute(true));
        a.ask(Command::RaiseHand(true));
        b.sees("muted with a hand up", |s| {
            let remote = s.call.as_ref()?.first()?.remote;
            (remote.muted && remote.hand && remote.camera_on).then_some(())
        })
        .await;
        a.ask(Command::Camera(false));
        b.sees("no camera", |s| (!s.call.as_ref()?.first()?.remote.camera_on).then_some(())).await;

        a.ask(Command::HangUp);
        assert_eq!(a.ended().await, (Direction::Outgoing, Outcome::Accepted));
        assert_eq!(b.ended().await, (Direction::Incoming, Outcome::Accepted));
        let recents = a.sees("a recent call", |s| Some(s.recents.clone()).filter(|r| !r.is_empty())).await;
        assert_eq!((recents[0].id, recents[0].name.as_str()), (b.id, "Noor"));

        // the conversation is shown again in the next call
        connected(&b, &a).await;
        let shown = b.sees("the old texts", |s| Some(s.call.as_ref()?.chat.len())).await;
        assert_eq!(shown, 2);
        b.ask(Command::HangUp);
        b.ended().await;

        a.stop();
        b.stop();
        for person in [&a, &b] {
            let file = std::fs::read(person.heard()).unwrap();
            let (rate, samples) = visavis::dsp::wav::read_all(Cursor::new(file)).unwrap();
            assert_eq!(rate, 48_000);
            let loud = samples.chunks(4800).filter_map(|part| visavis::dsp::tone::tone_level(part, 440.0));
            let best = loud.fold(f64::NEG_INFINITY, f64::max);
            assert!(best > -30.0, "440 Hz at {best} dBFS in {} samples", samples.len());
        }
        server.shutdown().await;
    });
}

#[test]
fn what_is_shared_is_seen_even_with_the_camera_off_and_ends_with_the_call() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let (mut a, mut b) = two(&url).await;
        a.ask(Command::Share(Some("pattern:bars".into())));
        connected(&a, &b).await;
        b.looks(2).await;
        assert!(a.handle.snapshot().media.sharing.is_none(), "there was no call to share in");

        a.ask(Command::Camera(false));
        // A pattern stands in for a screen.
        a.ask(Command::Share(Some("pattern:bars".into())));
        let sharing = a.sees("that it is shared", |s| s.media.sharing.clone()).await;
        assert_eq!((sharing.id.as_str(), sharing.name.as_str()), ("pattern:bars", "pattern:bars"));
        b.sees("that it is a screen", |s| {
            let remote = s.call.as_ref()?.first()?.remote;
            (remote.sharing && !remote.camera_on).then_some(())
        })
        .await;
        let call = b.handle.snapshot().call.as_ref().map(|call| call.call).expect("a call");
        let player = b.handle.player(PlayerKey::Remote(call)).expect("its player");
        let large = async {
            while player.newest().is_none_or(|frame| (frame.width(), frame.height()) != (1920, 1080)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(STEP, large).await.expect("the shared picture, as large as a screen");

        // Paused it is the same picture, again and again; then new ones come, in another size.
        a.ask(Command::PauseShare(true));
        a.sees("that it is paused", |s| s.media.sharing.as_ref()?.paused.then_some(())).await;
        let mine = a.handle.player(PlayerKey::Preview).expect("our own");
        let next = async |before: u64| {
            while mine.sequence() == before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            (mine.sequence(), mine.newest().expect("a picture"))
        };
        let still = async {
            // What was on its way comes first.
            let (mut at, mut frame) = next(mine.sequence()).await;
            loop {
                let (now, newer) = next(at).await;
                let same = frame.data() == newer.data();
                (at, frame) = (now, newer);
                if same {
                    return;
                }
            }
        };
        timeout(STEP, still).await.expect("a picture that stands");
        a.ask(Command::ShareAs { sound: false, smooth: true });
        a.sees("that it is for what moves", |s| s.media.sharing.as_ref()?.smooth.then_some(())).await;
        a.ask(Command::PauseShare(false));
        let small = async {
            while player.newest().is_none_or(|frame| (frame.width(), frame.height()) != (1280, 720)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(STEP, small).await.expect("new pictures, smaller ones");

        a.ask(Command::Share(None));
        a.sees("nothing shared", |s| s.media.sharing.is_none().then_some(())).await;
        b.sees("nothing shared there", |s| (!s.call.as_ref()?.first()?.remote.sharing).then_some(())).await;

        a.ask(Command::Share(Some("pattern:bars".into())));
        a.sees("that it is shared again", |s| s.media.sharing.clone()).await;
        b.ask(Command::HangUp);
        a.ended().await;
        b.ended().await;
        a.sees("its end with the call", |s| s.media.sharing.is_none().then_some(())).await;
        a.stop();
        b.stop();
        server.shutdown().await;
    });
}

#[test]
fn each_outcome_is_told_on_both_sides() {
    use Direction::{Incoming, Outgoing};
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let (mut a, mut b) = two(&url).await;

        a.call(&b);
        let call = b.sees("ringing here", |s| s.incoming.as_ref().map(|i| (i.call, i.name.clone()))).await;
        assert_eq!(call.1, "Amara");
        a.stage(Stage::Ringing).await;
        b.ask(Command::Decline { call: call.0 });
        assert_eq!(a.ended().await, (Outgoing, Outcome::Declined));
        assert_eq!(b.ended().await, (Incoming, Outcome::Declined));

        a.call(&b);
        a.stage(Stage::Ringing).await;
        a.ask(Command::HangUp);
        assert_eq!(a.ended().await, (Outgoing, Outcome::Cancelled));
        assert_eq!(b.ended().await, (Incoming, Outcome::Cancelled));

        a.call(&b);
        b.accept(false).await;
        a.stage(Stage::Connected).await;
        assert!(!b.handle.snapshot().media.camera_on);

        let mut c = Person::new(&url, "Chen");
        c.online().await;
        c.call(&b);
        assert_eq!(c.ended().await, (Outgoing, Outcome::Busy));
        assert_eq!(b.ended().await, (Incoming, Outcome::Busy));

        b.ask(Command::HangUp);
        assert_eq!(a.ended().await, (Outgoing, Outcome::AcceptedWithoutVideo));
        assert_eq!(b.ended().await, (Incoming, Outcome::AcceptedWithoutVideo));

        c.stop();
        a.call(&c);
        assert_eq!(a.ended().await, (Outgoing, Outcome::Unreachable));

        // gone while it rings: told by the server at once
        a.call(&b);
        a.stage(Stage::Ringing).await;
        b.stop();
        let (direction, outcome) = a.ended().await;
        assert_eq!(direction, Outgoing);
        assert!(matches!(outcome, Outcome::Declined | Outcome::Unreachable), "{outcome:?}");
        a.stop();
        server.shutdown().await;
    });
}

#[test]
fn two_who_call_each_other_get_one_call() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let (mut a, mut b) = two(&url).await;
        a.call(&b);
        b.call(&a);
        a.stage(Stage::Connected).await;
        b.stage(Stage::Connected).await;
        let of = |person: &Person| person.handle.snapshot().call.as_ref().map(|call| call.call);
        assert_eq!(of(&a), of(&b));
        a.looks(2).await;
        b.looks(2).await;
        a.ask(Command::HangUp);
        assert_eq!(a.ended().await.1, Outcome::Accepted);
        assert_eq!(b.ended().await.1, Outcome::Accepted);
        a.stop();
        b.stop();
        server.shutdown().await;
    });
}

#[test]
fn a_call_outlives_its_server() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let (mut a, mut b) = two(&url).await;
        connected(&a, &b).await;
        server.shutdown().await;
        a.sees("the server gone", |s| {
            matches!(s.server, visavis::model::snapshot::ServerState::Reconnecting { .. }).then_some(())
        })
        .await;
        a.looks(10).await;
        b.looks(10).await;
        a.ask(Command::Chat("still here".into()));
        b.sees("the text", |s| s.call.as_ref()?.chat.iter().find(|l| l.text == "still here").map(|_| ())).await;
        assert_eq!(a.handle.snapshot().call.as_ref().unwrap().stage, Stage::Connected);
        b.ask(Command::HangUp);
        assert_eq!(a.ended().await.1, Outcome::Accepted, "the bye comes over the data channel");
        a.stop();
        b.stop();
    });
}

#[test]
fn calls_can_be_answered_by_rule() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let mut a = Person::new(&url, "Amara");
        let mut robot = Person::with(&url, "Robot", |config| config.answer = AnswerPolicy::Video);
        let mut gruff = Person::with(&url, "Gruff", |config| config.answer = AnswerPolicy::Decline);
        for person in [&a, &robot, &gruff] {
            person.online().await;
        }
        a.call(&robot);
        a.stage(Stage::Connected).await;
        a.ask(Command::HangUp);
        assert_eq!(a.ended().await.1, Outcome::Accepted);
        a.call(&gruff);
        assert_eq!(a.ended().await.1, Outcome::Declined);
        for person in [&mut a, &mut robot, &mut gruff] {
            person.stop();
        }
        server.shutdown().await;
    });
}

#[test]
fn the_echo_answers_and_reports() {
    common::run(LIMIT, async {
        let home = tempfile::tempdir().unwrap();
        let mut config = ClientConfig::new(home.path().join("profile"));
        config.server = ServerChoice::None;
        config.overrides = Overrides {
            name: None,
            camera: Some(VideoSpec::Scene),
            microphone: Some(AudioSpec::Tone(440)),
            speaker: Some(SinkSpec::None),
            video: Some(VideoRequest { width: 320, height: 180, fps: 30 }),
        };
        let (handle, mut running) = start(config).unwrap();
        let notices = running.first_notices();
        let id = handle.snapshot().id.unwrap();
        let mut a = Person { home, handle, notices, running: Some(running), id };
        a.ask(Command::CallText { text: "Echo".into(), video: true });
        a.stage(Stage::Connected).await;
        a.ask(Command::Chat("is anybody there?".into()));
        a.sees("an answer", |s| {
            let chat = &s.call.as_ref()?.chat;
            chat.iter().find(|l| !l.mine && l.text == "You said: is anybody there?").map(|_| ())
        })
        .await;
        let report = a.sees("a report", |s| s.call.as_ref()?.report.clone()).await;
        assert!(report.fps > 0.0 && report.width == 320 && report.latency_ms.is_some(), "{report:?}");
        assert!(report.level_dbfs.is_some_and(|level| level > -40.0), "{report:?}");
        a.ask(Command::HangUp);
        assert_eq!(a.ended().await.1, Outcome::Accepted);
        a.stop();
    });
}
