//! Sessions of one process, and what they have said.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use visavis::model::frame::VideoFrame;
use visavis::model::slot::Player;
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::*;

pub const LIMIT: Duration = Duration::from_secs(60);
pub const SOON: Duration = Duration::from_secs(15);

pub fn config() -> SessionConfig {
    SessionConfig {
        camera: VideoInput::Spec(VideoSpec::Scene),
        microphone: AudioSpec::Tone(440).into(),
        speaker: SinkSpec::None.into(),
        ring: SinkSpec::None.into(),
        video: VideoRequest { width: 320, height: 180, fps: 30 },
        ..SessionConfig::default()
    }
}

/// A session and all it has said.
pub struct Side {
    pub session: Session,
    pub events: mpsc::Receiver<SessionEvent>,
    pub seen: Vec<SessionEvent>,
}

impl Side {
    pub fn new() -> Self {
        Self::with(config())
    }

    pub fn with(config: SessionConfig) -> Self {
        let (session, events) = Session::start(config);
        Self { session, events, seen: Vec::new() }
    }

    /// Looks through what was said and what comes.
    pub async fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&SessionEvent) -> Option<T>) -> T {
        if let Some(found) = self.seen.iter().find_map(&mut wanted) {
            return found;
        }
        let look = async {
            loop {
                let event = self.events.recv().await.expect("the session goes on");
                let found = wanted(&event);
                self.seen.push(event);
                if let Some(found) = found {
                    return found;
                }
            }
        };
        let found = tokio::time::timeout(SOON, look).await;
        found.unwrap_or_else(|_| panic!("no {what}; said was {:#?}", self.seen))
    }

    pub async fn tells(&mut self, event: SessionEvent) {
        self.until(&format!("{event:?}"), |seen| (*seen == event).then_some(())).await;
    }

    pub async fn connected(&mut self, peer: &str) {
        self.tells(SessionEvent::ConnectionState { peer: peer.to_owned(), state: ConnectionState::Connected }).await;
    }

    /// Takes note of what was said by now.
    pub fn hear(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.seen.push(event);
        }
    }

    /// How often negotiation was said to be needed with this peer.
    pub fn needed(&mut self, with: &str) -> usize {
        self.hear();
        let needed = |event: &&SessionEvent| matches!(event, SessionEvent::NegotiationNeeded { peer } if peer == with);
        self.seen.iter().filter(needed).count()
    }

    /// The same, once it was said `count` times.
    pub async fn needed_soon(&mut self, with: &str, count: usize) -> usize {
        let begun = Instant::now();
        while self.needed(with) < count && begun.elapsed() < SOON {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.needed(with)
    }

    pub async fn message(&mut self, on: &str) -> Message {
        self.until("message", |event| match event {
            SessionEvent::Message { channel, message, .. } if channel == on => Some(message.clone()),
            _ => None,
        })
        .await
    }

    pub async fn track(&mut self, wanted: impl Fn(&RemoteTrack) -> bool) -> RemoteTrack {
        self.until("track", |event| match event {
            SessionEvent::Track { track, .. } if wanted(track) => Some(track.clone()),
            _ => None,
        })
        .await
    }
}

/// Ann and Bob, who know each other and have said nothing.
pub async fn two() -> (Side, Side) {
    let (ann, bob) = (Side::new(), Side::new());
    ann.session.add_peer("bob", PeerConfig { polite: false, ..PeerConfig::default() }).await.unwrap();
    bob.session.add_peer("ann", PeerConfig::default()).await.unwrap();
    (ann, bob)
}

/// Ann offers, Bob answers.
pub async fn agree(ann: &Side, bob: &Side) -> (Description, Description) {
    let offer = ann.session.create_offer("bob").await.unwrap();
    let answer = bob.session.accept_offer("ann", offer.to_string()).await.unwrap();
    ann.session.accept_answer("bob", answer.to_string()).await.unwrap();
    (offer, answer)
}

pub async fn connected() -> (Side, Side) {
    let (mut ann, mut bob) = two().await;
    agree(&ann, &bob).await;
    ann.connected("bob").await;
    bob.connected("ann").await;
    (ann, bob)
}

pub async fn end(sides: impl IntoIterator<Item = Side>) {
    for side in sides {
        side.session.close().await;
    }
}

/// Waits for `count` pictures from now on that are as wanted.
pub async fn pictures(player: &Player, count: usize, wanted: impl Fn(&VideoFrame) -> bool + Send + 'static) {
    let player = player.clone();
    let look = move || {
        let (begun, mut seen, mut found) = (Instant::now(), player.sequence(), 0);
        while found < count {
            assert!(begun.elapsed() < SOON, "{found} of {count} pictures");
            if let Ok(Some((number, frame))) = player.wait_newer(seen, Duration::from_millis(200)) {
                seen = number;
                found += usize::from(wanted(&frame));
            }
        }
    };
    tokio::task::spawn_blocking(look).await.unwrap();
}

pub async fn flows(side: &Side, peer: &str) {
    pictures(&side.session.player(peer).unwrap(), 10, |_| true).await;
}

pub fn lines<'a>(sdp: &'a str, prefix: &'a str) -> Vec<&'a str> {
    sdp.lines().filter(|line| line.starts_with(prefix)).collect()
}

pub fn without_candidates(description: &Description) -> Description {
    let bare = |line: &&str| !line.starts_with("a=candidate:") && *line != "a=end-of-candidates";
    let sdp = description.sdp.lines().filter(bare).flat_map(|line| [line, "\r\n"]).collect();
    Description { kind: description.kind, sdp }
}
