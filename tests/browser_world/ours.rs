//! Our side: a session with a moving scene, a tone, an ear, and a log of what it says.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use visavis::codec::timecode;
use visavis::device::audio::{AudioSink, Flow};
use visavis::dsp::tone::tone_level;
use visavis::model::device::DeviceError;
use visavis::model::frame::VideoFrame;
use visavis::model::slot::Player;
use visavis::model::sound::{Processing, Tick};
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::*;

use super::log::Log;
use super::page::Page;
use super::{SOON, soon};

/// The tone we send, hertz.
pub const OUR_TONE: u32 = 440;

/// Size of what we send.
pub const OUR_SIZE: (u32, u32) = (640, 360);

/// The last half second of what is played.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<VecDeque<f32>>>);

/// 48 kHz.
const HALF_A_SECOND: usize = 24_000;

impl AudioSink for Ear {
    fn name(&self) -> String {
        "ear".to_owned()
    }

    fn write(&mut self, tick: &Tick) -> Result<Flow, DeviceError> {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.extend(tick);
        let over = heard.len().saturating_sub(HALF_A_SECOND);
        heard.drain(..over);
        Ok(Flow::Full)
    }
}

/// A session of ours; several peers.
pub struct Ours {
    pub session: Session,
    log: Arc<Log<SessionEvent>>,
    ear: Ear,
    /// Where the candidates for a peer go.
    routes: Arc<Mutex<HashMap<String, Page>>>,
    tasks: Mutex<JoinSet<()>>,
}

impl Ours {
    pub fn start() -> Self {
        let ear = Ear::default();
        let hears = ear.clone();
        let (session, mut events) = Session::start(SessionConfig {
            camera: VideoInput::Spec(VideoSpec::Scene),
            microphone: AudioSpec::Tone(OUR_TONE).into(),
            speaker: AudioOutput::Custom(Arc::new(move || Ok(Box::new(hears.clone()) as Box<dyn AudioSink>))),
            ring: SinkSpec::None.into(),
            video: VideoRequest { width: OUR_SIZE.0, height: OUR_SIZE.1, fps: 30 },
            ice_servers: Vec::new(),
            // A tone is noise to a suppressor.
            processing: Processing::OFF,
            levelling: false,
        });
        let (log, routes) = (Arc::new(Log::default()), Arc::new(Mutex::new(HashMap::<String, Page>::new())));
        let mut tasks = JoinSet::new();
        let (kept, routed) = (Arc::clone(&log), Arc::clone(&routes));
        tasks.spawn(async move {
            while let Some(event) = events.recv().await {
                let page = |peer: &str| routed.lock().expect("no panic").get(peer).cloned();
                match &event {
                    SessionEvent::Candidate { peer, candidate } => {
                        if let Some(page) = page(peer) {
                            page.run(format!("candidate({candidate})")).await;
                        }
                    }
                    SessionEvent::CandidatesComplete { peer } => {
                        if let Some(page) = page(peer) {
                            page.run("candidate({candidate: ''})").await;
                        }
                    }
                    _ => {}
                }
                kept.push(event);
            }
        });
        Self { session, log, ear, routes, tasks: Mutex::new(tasks) }
    }

    /// Carries candidates between a peer and its page, both ways, from now on.
    pub async fn trickle(&self, peer: &str, page: &Page) {
        self.routes.lock().expect("no panic").insert(peer.to_owned(), page.clone());
        let (to_us, mut candidates) = mpsc::channel::<String>(64);
        let (session, peer) = (self.session.clone(), peer.to_owned());
        self.tasks.lock().expect("no panic").spawn(async move {
            while let Some(candidate) = candidates.recv().await {
                let taken = session.accept_candidate(&peer, candidate.as_str()).await;
                // A peer that a test has closed takes none.
                let fine = taken.is_ok() || matches!(taken, Err(SessionError::UnknownPeer(_)));
                assert!(fine, "{candidate} was not taken: {taken:?}");
            }
        });
        page.send_candidates(to_us).await;
    }

    /// Waits for an event; others stay to be asked for.
    pub async fn until<T>(&self, what: &str, wanted: impl FnMut(&SessionEvent) -> Option<T>) -> T {
        self.log.until(what, SOON, wanted).await
    }

    /// The same, if it came already.
    pub fn was<T>(&self, wanted: impl FnMut(&SessionEvent) -> Option<T>) -> Option<T> {
        self.log.take(wanted)
    }

    /// All that came already and are wanted, in their order.
    pub fn all<T>(&self, mut wanted: impl FnMut(&SessionEvent) -> Option<T>) -> Vec<T> {
        std::iter::from_fn(|| self.log.take(&mut wanted)).collect()
    }

    pub async fn state(&self, peer: &str, wanted: ConnectionState) {
        let event = SessionEvent::ConnectionState { peer: peer.to_owned(), state: wanted };
        self.until(&format!("{event:?}"), |other| (*other == event).then_some(())).await;
    }

    pub async fn message(&self, peer: &str, on: &str) -> Message {
        self.until(&format!("a message of {peer} on {on}"), |event| match event {
            SessionEvent::Message { peer: from, channel, message } if from == peer && channel == on => {
                Some(message.clone())
            }
            _ => None,
        })
        .await
    }

    pub async fn open(&self, peer: &str, label: &str) {
        let event = SessionEvent::ChannelOpen { peer: peer.to_owned(), channel: label.to_owned() };
        self.until(&format!("{event:?}"), |other| (*other == event).then_some(())).await;
    }

    /// Whether the peer wants to negotiate; the wish is forgotten.
    pub fn wanted_to_negotiate(&self, peer: &str) -> bool {
        let event = SessionEvent::NegotiationNeeded { peer: peer.to_owned() };
        self.was(|other| (*other == event).then_some(())).is_some()
    }

    /// Waits for a further track of the peer; gives its name, kind and player.
    pub async fn track(&self, peer: &str, wanted: impl Fn(&RemoteTrack) -> bool) -> RemoteTrack {
        self.until("a track", |event| match event {
            SessionEvent::Track { peer: of, track } if of == peer && wanted(track) => Some(track.clone()),
            _ => None,
        })
        .await
    }

    /// Waits until pictures with a readable, fresh, growing time have come.
    pub async fn sees_time(&self, peer: &str) {
        sees_time(self.session.player(peer).expect("a peer")).await;
    }

    /// Waits for a picture of the peer that is as wanted.
    pub async fn sees(&self, peer: &str, what: &'static str, wanted: impl FnMut(&VideoFrame) -> bool + Send + 'static) {
        sees(self.session.player(peer).expect("a peer"), what, wanted).await;
    }

    /// Waits until this tone is heard, at about the level it is sent with.
    pub async fn hears(&self, hertz: u32) {
        soon(&format!("{hertz} Hz to be heard here"), async || {
            self.level_of(hertz).is_some_and(|level| (-30.0..-14.0).contains(&level)).then_some(())
        })
        .await;
    }

    /// Waits until this tone is not heard any more.
    pub async fn hears_no(&self, hertz: u32) {
        soon(&format!("{hertz} Hz to fall silent here"), async || {
            self.level_of(hertz).is_none_or(|level| level < -60.0).then_some(())
        })
        .await;
    }

    fn level_of(&self, hertz: u32) -> Option<f64> {
        let heard: Vec<f32> = self.ear.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        tone_level(&heard, f64::from(hertz))
    }

    pub async fn close(self) {
        self.session.close().await;
        self.routes.lock().expect("no panic").clear();
        let mut tasks = std::mem::take(&mut *self.tasks.lock().expect("no panic"));
        while let Some(ended) = tasks.try_join_next() {
            ended.expect("candidates are carried without a panic");
        }
        tasks.shutdown().await;
    }
}

fn unix_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("a clock after 1970").as_millis() as u64
}

/// Waits until this player has shown pictures with a readable, fresh, growing time.
pub async fn sees_time(player: Player) {
    let mut codes: Vec<u32> = Vec::new();
    sees(player, "ten pictures with a fresh time", move |frame| {
        if let Some(code) = timecode::read(frame)
            && timecode::age(code, unix_ms()).is_some_and(|age| age < 2_000)
            && codes.last() != Some(&code)
        {
            assert!(codes.last().is_none_or(|last| timecode::age(*last, u64::from(code)).is_some()), "out of order");
            codes.push(code);
        }
        codes.len() == 10
    })
    .await;
}

/// Waits until this player shows what is wanted.
pub async fn sees(player: Player, what: &'static str, mut wanted: impl FnMut(&VideoFrame) -> bool + Send + 'static) {
    let mut seen = 0;
    let mut last = None;
    let begun = std::time::Instant::now();
    while begun.elapsed() < SOON {
        if let Some((number, frame)) = player.newer_than(seen) {
            seen = number;
            if wanted(&frame) {
                return;
            }
            last = Some((frame.width(), frame.height(), brightness(&frame), timecode::read(&frame)));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited {SOON:?} in vain here for {what}; the last of {seen} pictures was {last:?}");
}

/// Mean luma.
pub fn brightness(frame: &VideoFrame) -> u64 {
    frame.y().iter().map(|y| u64::from(*y)).sum::<u64>() / frame.y().len() as u64
}
