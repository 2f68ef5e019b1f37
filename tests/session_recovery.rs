//! Pictures that are lost for good between two sessions: what follows builds on a picture that the receiver keeps.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use visavis::codec::timecode;
use visavis::device::open_video;
use visavis::model::frame::VideoFrame;
use visavis::model::slot::Player;
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::*;

const LIMIT: Duration = Duration::from_secs(90);
const SOON: Duration = Duration::from_secs(10);
const VIDEO: VideoRequest = VideoRequest { width: 640, height: 360, fps: 30 };

fn session() -> Session {
    let (session, mut events) = Session::start(SessionConfig {
        camera: VideoInput::Spec(VideoSpec::Scene),
        microphone: AudioSpec::Tone(440).into(),
        speaker: SinkSpec::None.into(),
        ring: SinkSpec::None.into(),
        video: VIDEO,
        ..SessionConfig::default()
    });
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    session
}

/// Carries datagrams between whoever calls first and `to`. Of the pictures that come from there, loses as many whole ones
/// as `lose` says, each time they are sent.
async fn relay(to: SocketAddr, payload_type: u8, lose: Arc<AtomicU32>) -> (u16, JoinHandle<()>) {
    let (near, far) = (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let port = near.local_addr().unwrap().port();
    let carry = async move {
        let (mut there, mut back) = ([0; 2000], [0; 2000]);
        let (mut caller, mut lost, mut losing, mut newest) = (None, HashSet::new(), None, 0);
        loop {
            tokio::select! {
                Ok((n, from)) = near.recv_from(&mut there) => {
                    caller = Some(from);
                    let packet = &there[..n];
                    if n > 12 && packet[0] >> 6 == 2 && packet[1] & 127 == payload_type {
                        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
                        let timestamp = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
                        if losing != Some(timestamp) && newest != timestamp && !lost.contains(&sequence) {
                            let more = lose.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
                            losing = more.is_ok().then_some(timestamp);
                            newest = timestamp;
                        }
                        if losing == Some(timestamp) {
                            lost.insert(sequence);
                        }
                        if lost.contains(&sequence) {
                            continue;
                        }
                    }
                    let _ = far.send_to(packet, to).await;
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

/// Connects the two through the relay alone.
async fn connect(ann: &Session, bob: &Session, lose: &Arc<AtomicU32>) -> JoinHandle<()> {
    ann.add_peer("bob", PeerConfig::default()).await.unwrap();
    bob.add_peer("ann", PeerConfig::default()).await.unwrap();
    let only = |description: Description, wanted: &dyn Fn(&str) -> Option<String>| {
        let line = |line: &str| if line.starts_with("a=candidate:") { wanted(line) } else { Some(line.to_owned()) };
        let sdp = description.sdp.lines().filter_map(line).flat_map(|line| [line, "\r\n".to_owned()]).collect();
        Description { kind: description.kind, sdp }
    };
    let offer = only(ann.create_offer("bob").await.unwrap(), &|_| None);
    let map = offer.sdp.lines().find(|line| line.starts_with("a=rtpmap:") && line.contains("H264/")).unwrap();
    let payload_type = map["a=rtpmap:".len()..].split(' ').next().unwrap().parse().unwrap();
    let answer = bob.accept_offer("ann", offer).await.unwrap();
    let field = |line: &str, n: usize| line.split(' ').nth(n).unwrap().to_owned();
    let local = answer.sdp.lines().find(|l| l.starts_with("a=candidate:") && field(l, 4) == "127.0.0.1").unwrap();
    let to = format!("127.0.0.1:{}", field(local, 5)).parse().unwrap();
    let (port, relay) = relay(to, payload_type, Arc::clone(lose)).await;
    let through_relay = local.replace(&format!(" {} typ", field(local, 5)), &format!(" {port} typ"));
    let local = local.to_owned();
    let answer = only(answer, &|line| (line == local).then(|| through_relay.clone()));
    ann.accept_answer("bob", answer).await.unwrap();
    relay
}

/// The loop of the scene, as it is before anything is done to it.
fn scene() -> Arc<Vec<VideoFrame>> {
    let mut source = open_video(&VideoSpec::Scene, VideoRequest { fps: 240, ..VIDEO }).unwrap();
    let mut frames = Vec::new();
    while frames.len() < 30 {
        frames.extend(source.next(Duration::from_secs(1)).unwrap());
    }
    Arc::new(frames)
}

/// Looks at so many pictures, each of which must be whole and without a trace of colour; tells how far the worst is from
/// the nearest of the scene, squared and on average.
async fn watch(player: Player, scene: &Arc<Vec<VideoFrame>>, pictures: usize) -> f64 {
    let scene = Arc::clone(scene);
    let look = move || {
        let begun = Instant::now();
        let (mut seen, mut shown, mut worst) = (player.sequence(), 0, 0.0f64);
        while shown < pictures {
            assert!(begun.elapsed() < SOON, "{shown} of {pictures} pictures in time");
            let Some((number, frame)) = player.wait_newer(seen, Duration::from_millis(50)).unwrap() else { continue };
            (seen, shown) = (number, shown + 1);
            assert!(timecode::read(&frame).is_some(), "a whole picture");
            assert!(frame.u().iter().chain(frame.v()).all(|c| c.abs_diff(128) < 12), "of no colour");
            if (frame.width(), frame.height()) == (VIDEO.width, VIDEO.height) {
                // Without the time, which is another in each.
                let skipped = (VIDEO.width * VIDEO.width / 40 + VIDEO.width) as usize;
                let difference = |of: &VideoFrame| -> u64 {
                    of.y().iter().zip(frame.y()).skip(skipped).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum()
                };
                let nearest = scene.iter().map(difference).min().unwrap() as f64 / frame.y().len() as f64;
                worst = worst.max(nearest);
            }
        }
        worst
    };
    tokio::task::spawn_blocking(look).await.unwrap()
}

#[test]
fn pictures_lost_for_good_are_followed_by_one_on_a_kept_picture() {
    common::run(LIMIT, async {
        let (ann, bob, lose) = (session(), session(), Arc::new(AtomicU32::new(0)));
        let relay = connect(&ann, &bob, &lose).await;
        let (player, scene) = (bob.player("ann").unwrap(), scene());
        // A busy machine may be so late that it becomes a keyframe in the end; most times it does not.
        let mut healed = 0;
        for _ in 0..12 {
            let usual = watch(player.clone(), &scene, 45).await;
            let before = (ann.stats("bob").await.unwrap(), bob.stats("ann").await.unwrap());
            lose.store(3, Ordering::Relaxed);
            let worst = watch(player.clone(), &scene, 20).await;
            // A little coarser, at whatever rate it is by now; what builds on the wrong picture is far from any.
            assert!(worst < usual * 2.0 + 60.0, "{worst} after a loss, {usual} before");
            let after = (ann.stats("bob").await.unwrap(), bob.stats("ann").await.unwrap());
            assert!(after.1.received.video.plis > before.1.received.video.plis, "nothing was asked for");
            healed += u32::from(after.0.sent.video.keyframes == before.0.sent.video.keyframes);
            if healed == 2 {
                break;
            }
        }
        assert_eq!(healed, 2, "without a keyframe");
        for session in [ann, bob] {
            session.close().await;
        }
        relay.abort();
        let _ = relay.await;
    });
}
