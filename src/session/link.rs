//! One peer of a session: its connection, its way in (decoder, player, sound input) and its way out (outputs of the
//! session's publisher and sound).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::credentials::Credentials;
use super::manager::{Inner, Media};
use super::report::Reported;
use super::stats::{Sample, stats};
use super::tracks::Furthers;
use super::types::{PeerConfig, SessionError, SessionEvent, TransportPolicy};
use crate::call::budget::Path;
use crate::call::quality::Seen;
use crate::model::encoded::{EncodedAudio, EncodedVideo};
use crate::model::slot::Player;
use crate::model::stats::{Percentiles, Stats};
use crate::pipeline::subscribe::{SubscribeConfig, SubscribeStats, VideoSubscriber};
use crate::pipeline::sync::Lips;
use crate::rtc::channel::{CONTROL, ChannelEvent};
use crate::rtc::description::{DescriptionKind, IceServer};
use crate::rtc::engine::Engine;
use crate::rtc::peer::{ConnectionState, Peer, PeerEvents, PeerSetup, Signal};
use crate::rtc::protection::{Plan, Protection};
use crate::rtc::stats::Figures;

/// Encoded pictures between encoder and transport: a third of a second; then drop until keyframe.
const VIDEO_OUT: usize = 10;

/// Encoded pictures between transport and decoder: a burst after a loss was healed; then drop until keyframe.
const VIDEO_IN: usize = 60;

/// Packets of sound between coder and transport: a third of a second.
const AUDIO_OUT: usize = 16;

/// How often loss is looked at and the round trip refreshed.
const TICK: Duration = Duration::from_secs(1);

/// How often is looked whether the other side has ended a connection without data channels.
const END_TICK: Duration = Duration::from_millis(250);

/// One peer.
pub(super) struct Link {
    pub id: u64,
    pub name: String,
    pub peer: Peer,
    pub player: Player,
    sends_video: bool,
    sends_audio: bool,
    video_out: mpsc::Sender<EncodedVideo>,
    audio_out: mpsc::Sender<EncodedAudio>,
    subscriber: Mutex<Option<VideoSubscriber>>,
    /// Its sound, which its pictures go with.
    pub(super) lips: Arc<Lips>,
    pub(super) furthers: Furthers,
    /// What our pictures are worth at most, bit/s.
    top: AtomicU64,
    /// What they are worth as large as they are shown there, bit/s; 0: they are not.
    shown: AtomicU64,
    protection: Mutex<Protection>,
    before: Mutex<Option<Sample>>,
    pub(super) reported: Mutex<Option<Reported>>,
    task: Mutex<Option<JoinHandle<()>>>,
    /// Media goes out: the connection has stood and not ended.
    flows: AtomicBool,
    credentials: Credentials,
    /// The other side's end was told.
    pub ended: AtomicBool,
    closing: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// Builds the connection and starts what serves it.
    pub async fn start(
        session: &Arc<Inner>,
        engine: &Engine,
        id: u64,
        name: &str,
        config: PeerConfig,
        ice_servers: Vec<IceServer>,
    ) -> Result<Arc<Self>, SessionError> {
        let credentials = Credentials::of(&ice_servers);
        let (video_out, video_in) = mpsc::channel(VIDEO_OUT);
        let (audio_out, audio_in) = mpsc::channel(AUDIO_OUT);
        let (to_decoder, from_network) = mpsc::channel(VIDEO_IN);
        let sound = session.media(|media| media.audio.add_input(id)).ok_or(SessionError::Closed)?;
        let (wisher, keeper) = (Arc::downgrade(session), Arc::downgrade(session));
        let setup = PeerSetup {
            ice_servers,
            relay_only: config.policy == TransportPolicy::Relay,
            bundle: config.bundle,
            polite: config.polite,
            channels: config.channels,
            video_in,
            audio_in,
            video_out: to_decoder,
            audio_out: Arc::new(move |packet| sound.push(packet)),
            keyframe_wanted: Arc::new(move || {
                if let Some(session) = wisher.upgrade() {
                    session.media(|media| media.video.request_keyframe_of(id));
                }
            }),
            kept: Arc::new(move |kept| {
                if let Some(session) = keeper.upgrade() {
                    session.media(|media| media.video.on_kept(id, kept));
                }
            }),
        };
        let (peer, events) = match Peer::new(engine, setup).await {
            Ok(built) => built,
            Err(e) => {
                session.media(|media| media.audio.remove_input(id));
                return Err(e.into());
            }
        };
        let lips = Lips::new(peer.clocks());
        session.media(|media| media.audio.listen(id, Arc::clone(&lips)));
        let (player, first) = (Player::new(), Arc::new(Notify::new()));
        let shown = Arc::clone(&first);
        let subscriber = VideoSubscriber::start(
            from_network,
            SubscribeConfig {
                name: id.to_string(),
                player: player.clone(),
                keyframe_wanted: peer.keyframe_asker(),
                kept: Some(peer.kept_teller()),
                on_first_frame: Some(Box::new(move || shown.notify_one())),
                lips: Some(Arc::clone(&lips)),
            },
        );
        let link = Arc::new(Self {
            id,
            name: name.to_owned(),
            peer,
            player,
            sends_video: config.video,
            sends_audio: config.audio,
            video_out,
            audio_out,
            subscriber: Mutex::new(Some(subscriber)),
            lips,
            furthers: Furthers::default(),
            top: AtomicU64::new(session.top_rate()),
            shown: AtomicU64::new(u64::MAX),
            protection: Mutex::default(),
            before: Mutex::default(),
            reported: Mutex::default(),
            task: Mutex::default(),
            flows: AtomicBool::new(false),
            credentials,
            ended: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        });
        link.set_top_rate(session.top_rate());
        let task = serve(Arc::downgrade(session), Arc::clone(&link), events, first);
        *lock(&link.task) = Some(tokio::spawn(task));
        Ok(link)
    }

    /// The camera should run for it, although nothing goes out yet: the first picture is ready when the path is.
    pub fn awaits_video(&self) -> bool {
        self.sends_video && !self.flows.load(Ordering::Relaxed) && !self.closing.load(Ordering::Relaxed)
    }

    /// The picture's size changed.
    pub fn set_top_rate(&self, top: u64) {
        self.top.store(top, Ordering::Relaxed);
        self.peer.set_top(self.worth());
    }

    /// What pictures are worth there at most, bit/s.
    fn worth(&self) -> u64 {
        self.top.load(Ordering::Relaxed).min(self.shown.load(Ordering::Relaxed))
    }

    /// The other side shows our pictures so that they are worth this much, bit/s; 0: it shows none, and gets none.
    pub fn set_shown(&self, session: &Inner, bps: u64) {
        let before = self.shown.swap(bps, Ordering::Relaxed);
        self.peer.set_top(self.worth());
        if !self.sends_video || !self.flows.load(Ordering::Relaxed) || (before == 0) == (bps == 0) {
            return;
        }
        session.update_rates(Instant::now());
        session.media(|media| match bps {
            0 => media.video.remove_output(self.id),
            // Begins with a keyframe.
            _ => media.video.add_output_of(self.id, self.video_out.clone(), self.peer.is_own()),
        });
    }

    /// Bits a second for this peer, where it gets pictures.
    pub fn bitrate(&self) -> Option<u64> {
        self.flows.load(Ordering::Relaxed).then(|| self.worth().min(*self.peer.budget().borrow()))
    }

    /// What its path carries for pictures, where it gets any: ours, or a screen that goes to everybody.
    pub fn path(&self, screen: bool) -> Option<Path> {
        let camera = self.sends_video && self.shown.load(Ordering::Relaxed) > 0;
        let bps = self.bitrate().filter(|_| camera || screen)?;
        Some(Path { id: self.id, bps })
    }

    /// How sound is sent to this peer, where it gets any.
    pub fn protect(&self, now: Instant) -> Option<Plan> {
        let flows = self.sends_audio && self.flows.load(Ordering::Relaxed);
        flows.then(|| self.peer.protect(now, &mut lock(&self.protection)))
    }

    /// What the other side says of our sound since the last time.
    fn take_reports(&self, before: &Figures, now: &Figures) {
        if now.sound_reports != before.sound_reports {
            let reports = (now.sound_reports - before.sound_reports) as f64;
            let lost = (now.sound_lost - before.sound_lost) / reports;
            lock(&self.protection).on_report(Instant::now(), lost);
        }
    }

    /// Takes other servers in force, or renewed credentials.
    pub async fn set_ice_servers(&self, servers: &[IceServer]) -> Result<(), SessionError> {
        self.peer.set_ice_servers(servers).await?;
        self.credentials.renew(servers);
        Ok(())
    }

    /// Figures since the last call.
    pub async fn stats(&self, session: &Inner) -> Stats {
        let transport = self.peer.path().await;
        let (subscribed, mut latency_ms, mut skew_ms, longest_gap_ms) = lock(&self.subscriber)
            .as_ref()
            .map(|of| (of.stats(), of.take_latency_ms(), of.take_skew_ms(), of.take_longest_gap_ms()))
            .unwrap_or_default();
        let (published, input, levels, counts) = session
            .media(|media| {
                let audio = &media.audio;
                (media.video.stats_of(self.id), audio.input_stats(self.id), audio.levels(), audio.counts())
            })
            .unwrap_or_default();
        let now = Sample {
            at: Instant::now(),
            figures: self.peer.figures(),
            published,
            subscribed,
            longest_gap_ms,
            input: input.unwrap_or_default(),
            levels,
            counts,
        };
        let mut before = lock(&self.before);
        let mut stats = stats(before.as_ref(), &now, &mut latency_ms, transport);
        skew_ms.iter_mut().for_each(|skew| *skew = skew.abs());
        stats.received.video.skew_ms = Percentiles::of(&mut skew_ms);
        *before = Some(now);
        stats
    }

    /// What is known of the path now.
    pub fn seen(&self, session: &Inner) -> Seen {
        let mut seen = self.peer.seen();
        let media =
            |media: &Media| (media.video.stats_of(self.id), media.audio.input_stats(self.id).unwrap_or_default());
        let (published, input) = session.media(media).unwrap_or_default();
        let subscribed = self.subscribed().unwrap_or_default();
        seen.up.shared_bps = session.shared_bps(self.id);
        seen.up.wanted_bps = self.worth();
        (seen.up.paused, seen.up.spared, seen.up.height) = (published.paused, published.spared, published.height);
        (seen.up.frames, seen.up.dropped, seen.up.encode_ms) =
            (published.frames, published.dropped, published.encode_ms);
        (seen.down.frames, seen.down.freezes, seen.down.behind) =
            (subscribed.frames, subscribed.freezes, subscribed.behind);
        (seen.down.samples, seen.down.concealed) = (input.samples, input.concealed);
        seen
    }

    /// What its decoder says.
    pub fn subscribed(&self) -> Option<SubscribeStats> {
        lock(&self.subscriber).as_ref().map(VideoSubscriber::stats)
    }

    /// Whether the other side's picture moves, or stands still on purpose and no gap is a freeze.
    pub fn set_video_paused(&self, paused: bool) {
        if let Some(subscriber) = lock(&self.subscriber).as_ref() {
            if paused { subscriber.pause() } else { subscriber.resume() }
        }
    }

    /// Ends everything of this peer, each step bounded: connection 1 s, decoder 1 s.
    pub async fn close(&self, session: &Inner) {
        self.closing.store(true, Ordering::Relaxed);
        self.stop_sending(session);
        session.media(|media| media.audio.remove_input(self.id));
        self.peer.close().await;
        let task = lock(&self.task).take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
        let subscriber = lock(&self.subscriber).take();
        if let Some(mut subscriber) = subscriber {
            let _ = tokio::task::spawn_blocking(move || subscriber.stop()).await;
        }
        self.furthers.clear(session).await;
    }

    fn start_sending(&self, session: &Inner) {
        if self.closing.load(Ordering::Relaxed) || self.flows.swap(true, Ordering::Relaxed) {
            return;
        }
        // The first picture too is made for this path.
        session.update_rates(Instant::now());
        session.media(|media| {
            if self.sends_video && self.shown.load(Ordering::Relaxed) > 0 {
                // Begins with a keyframe, so the first picture there is a whole one.
                media.video.add_output_of(self.id, self.video_out.clone(), self.peer.is_own());
            }
            if self.sends_audio {
                media.audio.add_output(self.id, self.audio_out.clone());
            }
        });
    }

    /// Nothing goes out any more.
    pub fn stop_sending(&self, session: &Inner) {
        self.flows.store(false, Ordering::Relaxed);
        session.media(|media| {
            media.video.remove_output(self.id);
            media.audio.remove_output(self.id);
        });
    }
}

/// The peer's own task: passes events on, starts media, looks at the loss. Ends with the session or by abort.
async fn serve(session: Weak<Inner>, link: Arc<Link>, events: PeerEvents, first: Arc<Notify>) {
    let PeerEvents { mut signals, mut channels } = events;
    let mut budget = link.peer.budget();
    let mut tick = tokio::time::interval(TICK);
    let mut end_tick = tokio::time::interval(END_TICK);
    for tick in [&mut tick, &mut end_tick] {
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    }
    let mut reported = Figures::default();
    loop {
        let event = tokio::select! {
            Some(signal) = signals.recv() => Some(Happened::Signal(signal)),
            Some(event) = channels.recv() => Some(Happened::Channel(event)),
            () = first.notified() => Some(Happened::FirstFrame),
            Ok(()) = budget.changed() => Some(Happened::Budget),
            _ = tick.tick() => None,
            _ = end_tick.tick() => Some(Happened::EndTick),
        };
        let Some(session) = session.upgrade() else {
            // Dropped without `close`: at least the other side is told.
            link.peer.close().await;
            return;
        };
        let peer = link.name.clone();
        let event = match event {
            None => {
                if link.credentials.are_due(SystemTime::now()) {
                    session.tell(SessionEvent::IceServersExpire { peer }).await;
                }
                if link.flows.load(Ordering::Relaxed) {
                    link.peer.path().await;
                    let figures = link.peer.figures();
                    link.take_reports(&reported, &figures);
                    reported = figures;
                    session.update_rates(Instant::now());
                }
                continue;
            }
            Some(Happened::EndTick) => {
                if link.flows.load(Ordering::Relaxed) && link.peer.ended().await {
                    // Closed without an open channel that could tell.
                    session.ended(&link).await;
                }
                continue;
            }
            Some(Happened::Budget) => {
                session.update_rates(Instant::now());
                continue;
            }
            Some(Happened::FirstFrame) => SessionEvent::FirstFrame { peer },
            Some(Happened::Signal(signal)) => match told(&session, &link, signal).await {
                Some(event) => event,
                None => continue,
            },
            Some(Happened::Channel(ChannelEvent::Open(channel))) => SessionEvent::ChannelOpen { peer, channel },
            Some(Happened::Channel(ChannelEvent::Message(channel, message))) => {
                SessionEvent::Message { peer, channel, message }
            }
            Some(Happened::Channel(ChannelEvent::Closed(channel))) => {
                // Either its own end, or that of everything: with a browser there may be no such channel.
                let ended = channel == CONTROL || link.peer.ended().await;
                session.tell(SessionEvent::ChannelClosed { peer: peer.clone(), channel }).await;
                if !ended {
                    continue;
                }
                // The other side closed the connection: its DTLS said so, which ends every channel at once. The crate
                // itself would report a broken path only seconds later.
                session.ended(&link).await;
                continue;
            }
        };
        session.tell(event).await;
    }
}

/// Does what a signal asks for, and gives the event that tells it.
async fn told(session: &Inner, link: &Link, signal: Signal) -> Option<SessionEvent> {
    let peer = link.name.clone();
    Some(match signal {
        Signal::Described(description) => match description.kind {
            DescriptionKind::Offer => SessionEvent::Offer { peer, description },
            DescriptionKind::Answer => SessionEvent::Answer { peer, description },
        },
        Signal::Complete(description) => match description.kind {
            DescriptionKind::Offer => SessionEvent::OfferWithCandidates { peer, description },
            DescriptionKind::Answer => SessionEvent::AnswerWithCandidates { peer, description },
        },
        Signal::Candidate(candidate) => SessionEvent::Candidate { peer, candidate },
        Signal::ServerFailed(failure) => SessionEvent::IceServerFailed { peer, failure },
        Signal::CandidatesComplete => SessionEvent::CandidatesComplete { peer },
        Signal::Needed => SessionEvent::NegotiationNeeded { peer },
        Signal::Signaling(state) => SessionEvent::SignalingState { peer, state },
        Signal::Gathering(state) => SessionEvent::IceGatheringState { peer, state },
        Signal::Ice(state) => SessionEvent::IceConnectionState { peer, state },
        Signal::State(_) if link.ended.load(Ordering::Relaxed) => return None,
        Signal::State(state) => {
            match state {
                ConnectionState::Connected => link.start_sending(session),
                ConnectionState::Failed | ConnectionState::Closed => link.stop_sending(session),
                _ => {}
            }
            session.update_wanted();
            SessionEvent::ConnectionState { peer, state }
        }
        Signal::Track(track) => {
            SessionEvent::Track { peer, track: link.furthers.add(session, track, &link.player, &link.lips) }
        }
        Signal::TrackEnded(id) => {
            link.furthers.remove(session, &id).await;
            SessionEvent::TrackEnded { peer, id }
        }
    })
}

enum Happened {
    Signal(Signal),
    Channel(ChannelEvent),
    FirstFrame,
    EndTick,
    Budget,
}
