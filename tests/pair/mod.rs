//! Two sessions in one process, connected by direct calls instead of signaling.

#![allow(dead_code, reason = "each test file takes what it needs of this")]

pub mod lossy;

use std::time::Duration;

use tokio::sync::mpsc;
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::*;

/// Nothing that is awaited takes longer, on a busy machine either.
const SOON: Duration = Duration::from_secs(20);

/// A session without pictures and sound.
pub fn quiet() -> SessionConfig {
    SessionConfig {
        camera: VideoInput::Spec(VideoSpec::None),
        microphone: AudioSpec::None.into(),
        speaker: SinkSpec::None.into(),
        ring: SinkSpec::None.into(),
        video: VideoRequest { width: 320, height: 180, fps: 30 },
        ..SessionConfig::default()
    }
}

/// A session with a pattern and a tone.
pub fn lively() -> SessionConfig {
    SessionConfig { camera: VideoInput::Spec(VideoSpec::Scene), microphone: AudioSpec::Tone(440).into(), ..quiet() }
}

/// A peer that gets no pictures and no sound.
pub fn silent() -> PeerConfig {
    PeerConfig { video: false, audio: false, ..PeerConfig::default() }
}

/// A session that speaks with one peer.
pub struct Side {
    pub session: Session,
    pub events: mpsc::Receiver<SessionEvent>,
    /// The peer's name.
    pub other: &'static str,
    /// Read while something else was awaited.
    unread: Vec<SessionEvent>,
}

impl Side {
    pub fn new(other: &'static str, config: SessionConfig) -> Self {
        let (session, events) = Session::start(config);
        Self { session, events, other, unread: Vec::new() }
    }

    /// The first event that `wanted` takes; those before it are kept for the next call.
    pub async fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&SessionEvent) -> Option<T>) -> T {
        for at in 0..self.unread.len() {
            if let Some(found) = wanted(&self.unread[at]) {
                self.unread.remove(at);
                return found;
            }
        }
        let look = async {
            loop {
                let event = self.events.recv().await.expect("the session goes on");
                match wanted(&event) {
                    Some(found) => return found,
                    None => self.unread.push(event),
                }
            }
        };
        tokio::time::timeout(SOON, look).await.unwrap_or_else(|_| panic!("{} heard no {what}", self.other))
    }

    /// Drops what came and nobody asked for.
    pub fn forget(&mut self) {
        self.unread = Vec::new();
    }

    pub async fn state(&mut self, wanted: ConnectionState) {
        self.until("such state", |event| match event {
            SessionEvent::ConnectionState { state, .. } if *state == wanted => Some(()),
            _ => None,
        })
        .await;
    }

    pub async fn channel_open(&mut self, label: &str) {
        self.until("open channel", |event| match event {
            SessionEvent::ChannelOpen { channel, .. } if channel == label => Some(()),
            _ => None,
        })
        .await;
    }

    pub async fn channel_closed(&mut self, label: &str) {
        self.until("closed channel", |event| match event {
            SessionEvent::ChannelClosed { channel, .. } if channel == label => Some(()),
            _ => None,
        })
        .await;
    }

    pub async fn message(&mut self, on: &str) -> Message {
        self.until("message", |event| match event {
            SessionEvent::Message { channel, message, .. } if channel == on => Some(message.clone()),
            _ => None,
        })
        .await
    }

    /// The next message of any channel.
    pub async fn any_message(&mut self) -> (String, Message) {
        self.until("message", |event| match event {
            SessionEvent::Message { channel, message, .. } => Some((channel.clone(), message.clone())),
            _ => None,
        })
        .await
    }

    pub fn channels(&self) -> Vec<Channel> {
        self.session.channels(self.other).expect("the peer is there")
    }
}

/// Ann, who calls, and Bob, who answers.
pub struct Pair {
    pub ann: Side,
    pub bob: Side,
}

/// Offer and answer between two sides that have added each other.
pub async fn negotiate(ann: &Side, bob: &Side) {
    let offer = ann.session.create_offer(ann.other).await.expect("an offer").to_string();
    let offer: Description = offer.parse().expect("JSON");
    let answer = bob.session.accept_offer(bob.other, offer).await.expect("an answer").to_string();
    let answer: Description = answer.parse().expect("JSON");
    ann.session.accept_answer(ann.other, answer).await.expect("it fits");
}

/// Two that are connected and have their control channel, without pictures and sound.
pub async fn connected() -> Pair {
    let (mut ann, mut bob) = (Side::new("bob", quiet()), Side::new("ann", quiet()));
    ann.session.add_peer("bob", silent()).await.expect("added");
    bob.session.add_peer("ann", silent()).await.expect("added");
    negotiate(&ann, &bob).await;
    for side in [&mut ann, &mut bob] {
        side.channel_open(CONTROL).await;
    }
    Pair { ann, bob }
}

/// Closes all, each in its time.
pub async fn end(sides: impl IntoIterator<Item = Side>) {
    for side in sides {
        side.session.close().await;
    }
}
