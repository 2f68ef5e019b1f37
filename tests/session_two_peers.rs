//! Two sessions in one process, connected by direct calls instead of signaling.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use visavis::codec::timecode;
use visavis::model::slot::Player;
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::*;

const LIMIT: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(10);

fn config(tone: u32) -> SessionConfig {
    SessionConfig {
        camera: VideoInput::Spec(VideoSpec::Scene),
        microphone: AudioSpec::Tone(tone).into(),
        speaker: SinkSpec::None.into(),
        ring: SinkSpec::None.into(),
        video: VideoRequest { width: 640, height: 360, fps: 30 },
        ..SessionConfig::default()
    }
}

/// A session, and what it has said that nobody has asked for yet.
struct Side {
    session: Session,
    events: mpsc::Receiver<SessionEvent>,
    other: &'static str,
}

impl Side {
    fn new(other: &'static str, tone: u32) -> Self {
        let (session, events) = Session::start(config(tone));
        Self { session, events, other }
    }

    async fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(SessionEvent) -> Option<T>) -> T {
        let look = async {
            loop {
                let event = self.events.recv().await.expect("the session goes on");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(SOON, look).await.unwrap_or_else(|_| panic!("no {what}"))
    }

    async fn state(&mut self, wanted: ConnectionState) {
        let other = self.other;
        self.until("such state", |event| {
            (event == SessionEvent::ConnectionState { peer: other.to_owned(), state: wanted }).then_some(())
        })
        .await;
    }

    async fn message(&mut self, on: &str) -> Message {
        self.until("message", |event| match event {
            SessionEvent::Message { channel, message, .. } if channel == on => Some(message),
            _ => None,
        })
        .await
    }
}

fn chat() -> PeerConfig {
    PeerConfig { channels: vec![ChannelConfig::reliable("chat")], ..PeerConfig::default() }
}

/// Two sides whose descriptions went through JSON; nothing is awaited yet.
async fn call() -> (Side, Side) {
    let (mut ann, bob) = (Side::new("bob", 440), Side::new("ann", 700));
    negotiate(&mut ann, &bob).await;
    (ann, bob)
}

async fn negotiate(ann: &mut Side, bob: &Side) {
    ann.session.add_peer("bob", chat()).await.unwrap();
    bob.session.add_peer("ann", chat()).await.unwrap();
    let offer = ann.session.create_offer("bob").await.unwrap().to_string();
    let answer = bob.session.accept_offer("ann", offer).await.unwrap().to_string();
    ann.session.accept_answer("bob", answer).await.unwrap();
}

async fn end(sides: [Side; 2]) {
    for side in sides {
        let begun = Instant::now();
        side.session.close().await;
        assert!(begun.elapsed() < Duration::from_secs(3), "closing takes its limit");
    }
}

/// Looks at every picture of a player until `enough` says so; blocking, so on a thread of its own.
async fn watch<T: Send + 'static>(
    player: Player,
    mut enough: impl FnMut(&visavis::model::frame::VideoFrame) -> Option<T> + Send + 'static,
) -> T {
    let look = move || {
        let begun = Instant::now();
        let mut seen = player.sequence();
        while begun.elapsed() < SOON {
            if let Ok(Some((number, frame))) = player.wait_newer(seen, Duration::from_millis(200)) {
                seen = number;
                if let Some(found) = enough(&frame) {
                    return found;
                }
            }
        }
        panic!("not seen");
    };
    tokio::task::spawn_blocking(look).await.unwrap()
}

fn unix_ms() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
}

#[test]
fn pictures_sound_and_messages_go_both_ways() {
    common::run(LIMIT, async {
        let (mut ann, mut bob) = call().await;
        for side in [&mut ann, &mut bob] {
            let other = side.other;
            side.until("first picture", |event| {
                (event == SessionEvent::FirstFrame { peer: other.to_owned() }).then_some(())
            })
            .await;
        }
        // Pictures come in the order they were captured, and fresh.
        for (side, sender) in [(&ann, &bob), (&bob, &ann)] {
            let player = side.session.player(side.other).unwrap();
            let mut codes: Vec<u32> = Vec::new();
            let media_time = watch(player, move |frame| {
                let code = timecode::read(frame).expect("the pattern's timecode");
                assert!(timecode::age(code, unix_ms()).is_some_and(|age| age < 2_000), "old");
                codes.push(code);
                (codes.len() == 20).then(|| {
                    assert!(codes.is_sorted(), "{codes:?}");
                    (frame.media_time, frame.at.unwrap())
                })
            })
            .await;
            // The same without a timecode.
            let captured = sender.session.captured_at(sender.other, media_time.0).expect("sent by that session");
            assert!(captured < media_time.1 && media_time.1 - captured < Duration::from_secs(2));
        }
        // Messages, both kinds, both ways, on both channels, also before they are open.
        for channel in ["chat", CONTROL] {
            let (text, bytes) = (Message::Text("grüß dich".into()), Message::Binary(vec![0, 255, 7].into()));
            ann.session.send("bob", channel, text.clone()).await.unwrap();
            ann.session.send("bob", channel, bytes.clone()).await.unwrap();
            assert_eq!((bob.message(channel).await, bob.message(channel).await), (text.clone(), bytes.clone()));
            bob.session.send("ann", channel, bytes.clone()).await.unwrap();
            bob.session.send("ann", channel, text.clone()).await.unwrap();
            assert_eq!((ann.message(channel).await, ann.message(channel).await), (bytes, text));
        }
        // One more channel, in the middle of the call.
        ann.session.add_channel("bob", ChannelConfig::reliable("later")).await.unwrap();
        ann.session.send("bob", "later", Message::Text("hello".into())).await.unwrap();
        assert_eq!(bob.message("later").await, Message::Text("hello".into()));
        // Sound: a tone at −20 dBFS is heard at about that.
        let begun = Instant::now();
        loop {
            let stats = ann.session.stats("bob").await.unwrap();
            if stats.received.audio.level_dbfs.is_some_and(|level| (-26.0..-17.0).contains(&level)) {
                break;
            }
            assert!(begun.elapsed() < SOON, "the tone is not heard: {:?}", stats.received.audio);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Figures are there, and about this call.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let stats = ann.session.stats("bob").await.unwrap();
        let video = &stats.received.video;
        assert_eq!((video.width, video.height, video.lost), (640, 360, 0));
        assert!(video.fps > 5.0 && video.bitrate_bps > 20_000 && video.latency_ms.is_some(), "{video:?}");
        assert!(stats.sent.video.fps > 5.0 && stats.sent.video.packets > 0, "{:?}", stats.sent);
        assert_eq!(stats.sent.video.lost_share, Some(0.0));
        assert!(stats.transport.rtt_ms.is_some_and(|rtt| rtt < 500.0) && !stats.transport.relayed);
        assert!(stats.transport.remote.as_deref().is_some_and(|end| end.ends_with("host")));
        end([ann, bob]).await;
    });
}

#[test]
fn muting_and_switching_the_camera_need_no_negotiation() {
    common::run(LIMIT, async {
        let (ann, bob) = call().await;
        let player = bob.session.player("ann").unwrap();
        let bright = |frame: &visavis::model::frame::VideoFrame| {
            frame.y().iter().map(|y| u64::from(*y)).sum::<u64>() / frame.y().len() as u64 > 30
        };
        watch(player.clone(), move |frame| bright(frame).then_some(())).await;
        ann.session.set_camera_enabled(false);
        watch(player.clone(), move |frame| (!bright(frame)).then_some(())).await;
        ann.session.set_camera_enabled(true);
        watch(player.clone(), move |frame| bright(frame).then_some(())).await;
        // Another source, another size.
        ann.session.set_camera(VideoInput::Spec(VideoSpec::Bars));
        ann.session.set_video(VideoRequest { width: 320, height: 180, fps: 30 });
        watch(player, |frame| (frame.width() == 320).then_some(())).await;

        let hears = |loud: bool| {
            let session = bob.session.clone();
            async move {
                let begun = Instant::now();
                while session.stats("ann").await.unwrap().received.audio.level_dbfs.is_some_and(|l| l > -40.0) != loud {
                    assert!(begun.elapsed() < SOON, "loud is not {loud}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        };
        hears(true).await;
        ann.session.set_muted(true);
        hears(false).await;
        ann.session.set_muted(false);
        hears(true).await;
        end([ann, bob]).await;
    });
}

#[test]
fn a_camera_that_is_off_at_the_start_can_be_switched_on() {
    common::run(LIMIT, async {
        let (mut ann, bob) = (Side::new("bob", 440), Side::new("ann", 700));
        ann.session.set_camera_enabled(false);
        negotiate(&mut ann, &bob).await;
        ann.state(ConnectionState::Connected).await;
        let player = bob.session.player("ann").unwrap();
        assert_eq!(player.sequence(), 0);
        ann.session.set_camera_enabled(true);
        watch(player, |_| Some(())).await;
        end([ann, bob]).await;
    });
}

#[test]
fn the_end_of_one_side_is_noticed_within_a_second() {
    common::run(LIMIT, async {
        let (mut ann, mut bob) = call().await;
        ann.state(ConnectionState::Connected).await;
        bob.state(ConnectionState::Connected).await;
        let begun = Instant::now();
        ann.session.close_peer("bob").await;
        bob.state(ConnectionState::Closed).await;
        assert!(begun.elapsed() < Duration::from_secs(1), "noticed after {:?}", begun.elapsed());
        assert!(matches!(ann.session.create_offer("bob").await, Err(SessionError::UnknownPeer(_))));
        let sent = bob.session.send("ann", "chat", Message::Text("still there?".into())).await;
        assert!(matches!(sent, Err(SessionError::Channel(ChannelError::Closed(_)))), "{sent:?}");
        // The same two can call again.
        bob.session.close_peer("ann").await;
        negotiate(&mut ann, &bob).await;
        bob.state(ConnectionState::Connected).await;
        end([ann, bob]).await;
    });
}

#[test]
fn candidates_may_come_before_the_description_or_long_after() {
    common::run(LIMIT, async {
        let (mut ann, mut bob) = (Side::new("bob", 440), Side::new("ann", 700));
        ann.session.add_peer("bob", chat()).await.unwrap();
        bob.session.add_peer("ann", chat()).await.unwrap();
        // Descriptions without candidates, as from a side that trickles.
        let split = |description: Description| {
            let is_candidate = |line: &&str| line.starts_with("a=candidate:");
            let candidates: Vec<Candidate> = description
                .sdp
                .lines()
                .filter(is_candidate)
                .map(|line| Candidate {
                    candidate: line["a=".len()..].to_owned(),
                    sdp_mid: Some("0".into()),
                    sdp_m_line_index: Some(0),
                    username_fragment: None,
                })
                .collect();
            assert!(!candidates.is_empty(), "host candidates are inside the description");
            let sdp: String = description
                .sdp
                .lines()
                .filter(|line| !is_candidate(line) && *line != "a=end-of-candidates")
                .flat_map(|line| [line, "\r\n"])
                .collect();
            (Description { kind: description.kind, sdp }, candidates)
        };
        let (offer, candidates) = split(ann.session.create_offer("bob").await.unwrap());
        for candidate in candidates {
            bob.session.accept_candidate("ann", candidate.to_string()).await.unwrap();
        }
        let (answer, candidates) = split(bob.session.accept_offer("ann", offer).await.unwrap());
        ann.session.accept_answer("bob", answer).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        for candidate in candidates {
            ann.session.accept_candidate("bob", candidate).await.unwrap();
        }
        let last =
            Candidate { candidate: String::new(), sdp_mid: None, sdp_m_line_index: None, username_fragment: None };
        ann.session.accept_candidate("bob", last).await.unwrap();
        ann.state(ConnectionState::Connected).await;
        bob.state(ConnectionState::Connected).await;
        end([ann, bob]).await;
    });
}

#[test]
fn nonsense_from_outside_is_a_typed_error_and_breaks_nothing() {
    common::run(LIMIT, async {
        let (mut ann, mut bob) = (Side::new("bob", 440), Side::new("ann", 700));
        ann.session.add_peer("bob", chat()).await.unwrap();
        bob.session.add_peer("ann", chat()).await.unwrap();
        assert!(matches!(ann.session.add_peer("bob", chat()).await, Err(SessionError::PeerExists(_))));
        assert!("v=0".parse::<Description>().is_err());
        let good = ann.session.create_offer("bob").await.unwrap();
        let sdps = [
            String::new(),
            "v=0".into(),
            "hello\r\n".into(),
            good.sdp[..good.sdp.len() / 2].to_owned(),
            good.sdp[..good.sdp.find("m=video").expect("an offer has a picture")].to_owned(),
            good.sdp.replace("a=fingerprint", "a=nothing"),
            good.sdp.replace("a=ice-ufrag", "a=nothing"),
            good.sdp.replace("m=audio", "m=\u{0}"),
        ];
        for sdp in sdps {
            let offer = Description { kind: DescriptionKind::Offer, sdp };
            let result = bob.session.accept_offer("ann", offer.clone()).await;
            assert!(matches!(result, Err(SessionError::Rtc(_))), "{:.60} gave {result:?}", offer.sdp);
            let answer = Description { kind: DescriptionKind::Answer, sdp: offer.sdp };
            assert!(ann.session.accept_answer("bob", answer).await.is_err());
        }
        for line in ["candidate:", "candidate:x y z", "candidate:1 1 udp 1 nowhere 99999 typ host", "hello"] {
            let candidate =
                Candidate { candidate: line.into(), sdp_mid: None, sdp_m_line_index: None, username_fragment: None };
            let result = ann.session.accept_candidate("bob", candidate).await;
            assert!(matches!(result, Err(SessionError::Rtc(RtcError::Candidate(_)))), "{line} gave {result:?}");
        }
        let result = bob.session.accept_answer("ann", good.clone()).await;
        assert!(matches!(result, Err(SessionError::Rtc(RtcError::Description { .. }))), "{result:?}");
        // And still it works.
        let answer = bob.session.accept_offer("ann", good).await.unwrap();
        ann.session.accept_answer("bob", answer).await.unwrap();
        ann.state(ConnectionState::Connected).await;
        bob.state(ConnectionState::Connected).await;
        end([ann, bob]).await;
    });
}

/// Carries datagrams between whoever calls first and `to`; while `lossy`, those with pictures in them are lost.
async fn relay(to: std::net::SocketAddr, lossy: Arc<AtomicBool>) -> (u16, tokio::task::JoinHandle<()>) {
    let (near, far) = (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let port = near.local_addr().unwrap().port();
    let carry = async move {
        let (mut there, mut back) = ([0; 2000], [0; 2000]);
        let mut caller = None;
        loop {
            tokio::select! {
                Ok((n, from)) = near.recv_from(&mut there) => {
                    caller = Some(from);
                    if n < 300 || !lossy.load(Ordering::Relaxed) {
                        let _ = far.send_to(&there[..n], to).await;
                    }
                }
                Ok((n, _)) = far.recv_from(&mut back) => {
                    if let Some(caller) = caller {
                        let _ = near.send_to(&back[..n], caller).await;
                    }
                }
            }
        }
    };
    (port, tokio::spawn(carry))
}

#[test]
fn a_picture_that_was_lost_comes_back_with_a_keyframe() {
    common::run(LIMIT, async {
        let (ann, mut bob) = (Side::new("bob", 440), Side::new("ann", 700));
        ann.session.add_peer("bob", chat()).await.unwrap();
        bob.session.add_peer("ann", chat()).await.unwrap();
        let only = |description: Description, wanted: &dyn Fn(&str) -> Option<String>| {
            let line = |line: &str| if line.starts_with("a=candidate:") { wanted(line) } else { Some(line.to_owned()) };
            let sdp = description.sdp.lines().filter_map(line).flat_map(|line| [line, "\r\n".to_owned()]).collect();
            Description { kind: description.kind, sdp }
        };
        let offer = only(ann.session.create_offer("bob").await.unwrap(), &|_| None);
        let answer = bob.session.accept_offer("ann", offer).await.unwrap();
        let field = |line: &str, n: usize| line.split(' ').nth(n).unwrap().to_owned();
        let local = answer.sdp.lines().find(|l| l.starts_with("a=candidate:") && field(l, 4) == "127.0.0.1").unwrap();
        let to = format!("127.0.0.1:{}", field(local, 5)).parse().unwrap();
        let lossy = Arc::new(AtomicBool::new(false));
        let (port, relay) = relay(to, Arc::clone(&lossy)).await;
        let through_relay = local.replace(&format!(" {} typ", field(local, 5)), &format!(" {port} typ"));
        let local = local.to_owned();
        let answer = only(answer, &|line| (line == local).then(|| through_relay.clone()));
        ann.session.accept_answer("bob", answer).await.unwrap();
        bob.state(ConnectionState::Connected).await;
        let player = bob.session.player("ann").unwrap();
        let mut frames = 0;
        let flowing = move |_: &visavis::model::frame::VideoFrame| {
            frames += 1;
            (frames == 15).then_some(())
        };
        watch(player.clone(), flowing).await;
        lossy.store(true, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let keyframes = ann.session.stats("bob").await.unwrap().sent.video.keyframes;
        lossy.store(false, Ordering::Relaxed);
        let mut frames = 0;
        watch(player, move |frame| {
            let age = timecode::age(timecode::read(frame).expect("a whole picture"), unix_ms());
            frames += u32::from(age.is_some_and(|age| age < 1_000));
            (frames == 10).then_some(())
        })
        .await;
        let (there, here) = (ann.session.stats("bob").await.unwrap(), bob.session.stats("ann").await.unwrap());
        assert!(there.sent.video.keyframes > 1 && keyframes > 0, "{:?}", there.sent.video);
        let video = &here.received.video;
        assert!(video.plis > 0 && video.nacks > 0 && video.freezes > 0, "{video:?}");
        end([ann, bob]).await;
        relay.abort();
        let _ = relay.await;
    });
}

#[test]
fn a_session_with_two_peers_serves_both() {
    common::run(LIMIT, async {
        let (mut ann, bob) = call().await;
        let carl = Side::new("ann", 880);
        ann.session.add_peer("carl", chat()).await.unwrap();
        carl.session.add_peer("ann", chat()).await.unwrap();
        let offer = ann.session.create_offer("carl").await.unwrap();
        let answer = carl.session.accept_offer("ann", offer).await.unwrap();
        ann.session.accept_answer("carl", answer).await.unwrap();
        let mut seen = HashMap::new();
        while seen.len() < 2 {
            let peer = ann
                .until("first picture", |event| match event {
                    SessionEvent::FirstFrame { peer } => Some(peer),
                    _ => None,
                })
                .await;
            seen.insert(peer, ());
        }
        // The end of one is nothing to the other.
        ann.session.close_peer("carl").await;
        let player = bob.session.player("ann").unwrap();
        let mut frames = 0;
        watch(player, move |_| {
            frames += 1;
            (frames == 10).then_some(())
        })
        .await;
        carl.session.close().await;
        end([ann, bob]).await;
    });
}

/// The guard around every test counts threads and files; here after many peers.
#[test]
fn fifty_peers_come_and_go_and_leave_nothing() {
    common::run(LIMIT, async {
        let (mut ann, mut bob) = (Side::new("bob", 440), Side::new("ann", 700));
        let count = |folder| std::fs::read_dir(folder).map_or(0, |entries| entries.count());
        let mut kept = (0, 0);
        for n in 0..50 {
            if n % 10 == 0 {
                negotiate(&mut ann, &bob).await;
                ann.state(ConnectionState::Connected).await;
                bob.session.close_peer("ann").await;
            } else {
                ann.session.add_peer("bob", chat()).await.unwrap();
                ann.session.create_offer("bob").await.unwrap();
            }
            ann.session.close_peer("bob").await;
            // Whatever pools there are have been filled by the tenth.
            let now = (count("/proc/self/task"), count("/proc/self/fd"));
            if n == 10 {
                kept = now;
            }
            assert!(n <= 10 || (now.0 <= kept.0 + 3 && now.1 <= kept.1 + 3), "{now:?} after {kept:?} at {n}");
            while ann.events.try_recv().is_ok() || bob.events.try_recv().is_ok() {}
        }
        end([ann, bob]).await;
    });
}
