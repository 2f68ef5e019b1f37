//! The session itself: one local media, many peers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::link::Link;
use super::media::{self, Local, States};
use super::report::tick;
use super::types::{PeerConfig, SessionConfig, SessionError, SessionEvent};
use crate::call::budget::{Budget, Path, Plan};
use crate::call::quality::Seen;
use crate::model::slot::Player;
use crate::model::snapshot::Level;
use crate::model::stats::Stats;
use crate::pipeline::audio::AudioEngine;
use crate::pipeline::publish::VideoPublisher;
use crate::rtc::description::IceServer;
use crate::rtc::engine::{Engine, RtcError};
use crate::rtc::ice::server;
use crate::rtc::peer::ConnectionState;
use crate::rtc::rate;

/// Events not read yet.
const EVENTS: usize = 256;

/// Longest time for everything to end.
const CLOSE: Duration = Duration::from_secs(3);

/// The session's own media.
pub(super) struct Media {
    pub video: VideoPublisher,
    pub audio: AudioEngine,
}

pub(super) struct Inner {
    pub(super) events: mpsc::Sender<SessionEvent>,
    /// `None` once closed.
    media: Mutex<Option<Media>>,
    pub(super) player: Player,
    /// Made at the start, ahead of any call; its failure is told by the first peer that needs it.
    engine: Result<Engine, RtcError>,
    peers: Mutex<HashMap<String, Arc<Link>>>,
    /// One peer is added or closed at a time.
    changing: tokio::sync::Mutex<()>,
    ids: AtomicU64,
    ice_servers: Mutex<Vec<IceServer>>,
    pub(super) local: Mutex<Local>,
    /// Who gets how much of the pictures.
    budget: Mutex<Budget>,
    /// One request for media at a time.
    pub(super) requesting: tokio::sync::Mutex<()>,
    pub(super) states: watch::Sender<States>,
    pub(super) stats_interval: watch::Sender<Option<Duration>>,
    pub(super) tasks: Mutex<JoinSet<()>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    /// Does something with the media, unless the session is closed.
    pub fn media<T>(&self, work: impl FnOnce(&Media) -> T) -> Option<T> {
        lock(&self.media).as_ref().map(work)
    }

    /// Tells an event; waits while the reader is behind.
    pub async fn tell(&self, event: SessionEvent) {
        // overflow: await; nobody left to read is no error
        let _ = self.events.send(event).await;
    }

    pub fn top_rate(&self) -> u64 {
        let request = lock(&self.local).request();
        rate::top(request.width, request.height)
    }

    pub(super) fn links(&self) -> Vec<Arc<Link>> {
        lock(&self.peers).values().cloned().collect()
    }

    pub fn link(&self, peer: &str) -> Result<Arc<Link>, SessionError> {
        lock(&self.peers).get(peer).cloned().ok_or_else(|| SessionError::UnknownPeer(peer.to_owned()))
    }

    /// Opens the devices that somebody needs and closes the others.
    pub fn update_wanted(&self) {
        let links = self.links();
        let (video, sound) = {
            let local = lock(&self.local);
            (local.wants_video(), local.wants_sound())
        };
        self.media(|media| {
            media.video.set_preview(video || links.iter().any(|link| link.awaits_video()));
            media.audio.set_wanted(sound || !links.is_empty());
        });
    }

    /// A number for a peer, or one of its tracks, that no other has.
    pub fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// The other side has closed the connection; told once.
    pub async fn ended(&self, link: &Link) {
        link.stop_sending(self);
        link.peer.close_channels();
        self.update_wanted();
        if !link.ended.swap(true, Ordering::Relaxed) {
            let peer = link.name.clone();
            self.tell(SessionEvent::ConnectionState { peer, state: ConnectionState::Closed }).await;
        }
    }

    /// What the uplink carries that this peer's path shares with others, where it was seen to, bit/s.
    pub fn shared_bps(&self, id: u64) -> Option<u64> {
        lock(&self.budget).shared(id)
    }

    /// One encoder serves all whose paths are about alike; see [`Budget`]. Sound is protected for the worst, and left out
    /// while nobody speaks only where everybody wants that.
    pub fn update_rates(&self, now: Instant) {
        let links = self.links();
        // Held to the end, so that no plan overtakes a newer one.
        let mut budget = lock(&self.budget);
        let screen = lock(&self.local).beside.is_some();
        let paths: Vec<Path> = links.iter().filter_map(|link| link.path(screen)).collect();
        let Plan { bitrates, places } = budget.plan(now, &paths, self.top_rate());
        let plans: Vec<_> = links.iter().filter_map(|link| link.protect(now)).collect();
        let pauses = !links.is_empty() && links.iter().all(|link| link.peer.wants_pauses());
        let bps = |share: u64| -> Vec<u32> {
            bitrates.iter().map(|bps| u32::try_from(bps / 4 * share).unwrap_or(u32::MAX)).collect()
        };
        // Of both, the screen is what is looked at.
        let camera = match &lock(&self.local).beside {
            Some(beside) => {
                beside.share_out(&bps(3), &places);
                bps(1)
            }
            None => bps(4),
        };
        let strained = links.iter().any(|link| link.subscribed().is_some_and(|of| of.behind));
        self.media(|media| {
            media.video.set_strained(strained);
            media.video.share_out(&camera, &places);
            if let Some(bps) = plans.iter().map(|plan| plan.bps).min() {
                media.audio.set_bitrate(bps);
                media.audio.set_loss_percent(plans.iter().map(|plan| plan.loss_percent).max().unwrap_or(0));
                media.audio.set_packet_ms(plans.iter().map(|plan| plan.packet_ms).max().unwrap_or(20));
                media.audio.set_pauses(pauses);
            }
        });
    }
}

/// Devices, local media and peers. Clones speak of the same session; see the [module](super).
#[derive(Clone)]
pub struct Session {
    pub(super) inner: Arc<Inner>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
    }
}

impl Session {
    /// Starts one, with no device open yet. To be called inside a tokio runtime.
    ///
    /// Events must be read: peers wait once the queue is full.
    pub fn start(config: SessionConfig) -> (Self, mpsc::Receiver<SessionEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let states = watch::Sender::new(States::default());
        let media = media::start(&config, &states);
        let inner = Inner {
            events,
            player: media.video.preview(),
            media: Mutex::new(Some(media)),
            engine: Engine::new(),
            peers: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
            ids: AtomicU64::new(1),
            local: Mutex::new(Local::new(&config)),
            budget: Mutex::default(),
            ice_servers: Mutex::new(config.ice_servers),
            requesting: tokio::sync::Mutex::default(),
            states,
            stats_interval: watch::Sender::new(None),
            tasks: Mutex::default(),
        };
        let inner = Arc::new(inner);
        media::serve(&inner);
        lock(&inner.tasks).spawn(tick(inner.stats_interval.subscribe(), Arc::downgrade(&inner)));
        (Self { inner }, receiver)
    }

    /// The servers for peers added from now on without servers of their own; see [`IceServer`]. Peers that are there
    /// keep theirs: [`Session::set_peer_ice_servers`].
    ///
    /// # Errors
    /// [`SessionError::Rtc`] with [`RtcError::Server`] where one cannot be used; the servers are as before.
    pub fn set_ice_servers(&self, servers: Vec<IceServer>) -> Result<(), SessionError> {
        server::read(&servers).map_err(RtcError::from)?;
        *lock(&self.inner.ice_servers) = servers;
        Ok(())
    }

    /// Other servers, or renewed credentials, for a peer that is there (W3C `setConfiguration`). Nothing is interrupted:
    /// they are used from the next ICE restart on.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`]; [`SessionError::Rtc`] with [`RtcError::Server`] where one cannot be used, and the
    /// servers are as before.
    pub async fn set_peer_ice_servers(&self, peer: &str, servers: Vec<IceServer>) -> Result<(), SessionError> {
        self.inner.link(peer)?.set_ice_servers(&servers).await
    }

    /// Names of the peers there are.
    pub fn peers(&self) -> Vec<String> {
        lock(&self.inner.peers).keys().cloned().collect()
    }

    /// Adds a peer under a name of yours. Row P8. From here on the camera (if it gets our picture), microphone and speaker are
    /// open, so that the first picture is ready when the path is.
    ///
    /// # Errors
    /// [`SessionError::PeerExists`], [`SessionError::Closed`], [`SessionError::Rtc`].
    pub async fn add_peer(&self, peer: &str, config: PeerConfig) -> Result<(), SessionError> {
        let _one = self.inner.changing.lock().await;
        if lock(&self.inner.peers).contains_key(peer) {
            return Err(SessionError::PeerExists(peer.to_owned()));
        }
        let engine = match &self.inner.engine {
            Ok(engine) => engine,
            Err(e) => return Err(SessionError::Rtc(RtcError::Certificate(e.to_string()))),
        };
        let servers = config.ice_servers.clone().unwrap_or_else(|| lock(&self.inner.ice_servers).clone());
        let id = self.inner.next_id();
        let link = Link::start(&self.inner, engine, id, peer, config, servers).await?;
        lock(&self.inner.peers).insert(peer.to_owned(), Arc::clone(&link));
        self.inner.update_wanted();
        self.inner.join_beside(&link).await;
        Ok(())
    }

    /// Shows the peer's pictures; the same player for as long as the peer is there.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub fn player(&self, peer: &str) -> Result<Player, SessionError> {
        Ok(self.inner.link(peer)?.player.clone())
    }

    /// The peer says that its camera is off: what is shown of it is taken away, and until it is on again no gap between its
    /// pictures counts as a freeze.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub fn set_video_paused(&self, peer: &str, paused: bool) -> Result<(), SessionError> {
        self.inner.link(peer)?.set_video_paused(paused);
        Ok(())
    }

    /// The peer shows our picture so high, pixels: it gets none that would be wasted there. `Some(0)`: it shows none, and
    /// gets none until it does; `None`: as large as it is.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub fn set_shown_height(&self, peer: &str, height: Option<u32>) -> Result<(), SessionError> {
        self.inner.link(peer)?.set_shown(&self.inner, rate::shown(height));
        Ok(())
    }

    /// How loud the peer is played, percent, 0…200.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub fn set_volume(&self, peer: &str, percent: u8) -> Result<(), SessionError> {
        let id = self.inner.link(peer)?.id;
        self.inner.media(|media| media.audio.set_volume(id, percent));
        Ok(())
    }

    /// Level of the peer's sound, and whether it has been speaking for 300 ms.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub fn peer_level(&self, peer: &str) -> Result<(Level, bool), SessionError> {
        let id = self.inner.link(peer)?.id;
        let input = self.inner.media(|media| media.audio.input_stats(id)).flatten().unwrap_or_default();
        Ok((input.level, input.speaking))
    }

    /// Figures of a peer; rates are over the time since the last call for the same peer, and 0 at the first.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub async fn stats(&self, peer: &str) -> Result<Stats, SessionError> {
        Ok(self.inner.link(peer)?.stats(&self.inner).await)
    }

    /// What is known of the path to a peer, for [`quality::Watch`](crate::call::quality::Watch), which judges it. What only
    /// the peer can say ([`Seen::word`], [`Seen::moves`]), or [`Session::stats`] ([`Seen::relayed`]), is left as it is by default.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub fn seen(&self, peer: &str) -> Result<Seen, SessionError> {
        Ok(self.inner.link(peer)?.seen(&self.inner))
    }

    /// When a picture was captured *here* that this peer decoded *there*, in another session of the same process.
    ///
    /// `media_time` is [`VideoFrame::media_time`](crate::model::frame::VideoFrame::media_time) of a frame in *their*
    /// player of us; with its `at` (when it was decoded) that gives the one-way latency without a timecode. `None` for
    /// pictures older than ten seconds.
    pub fn captured_at(&self, peer: &str, media_time: Duration) -> Option<Instant> {
        self.inner.link(peer).ok()?.peer.captured_at(media_time)
    }

    /// Closes one peer; the other side knows within a second. Unknown names are fine. Row P18.
    pub async fn close_peer(&self, peer: &str) {
        let _one = self.inner.changing.lock().await;
        let link = lock(&self.inner.peers).remove(peer);
        if let Some(link) = link {
            link.close(&self.inner).await;
            self.inner.update_wanted();
        }
    }

    /// Closes every peer and device and joins every thread and task, within three seconds. What is called afterwards
    /// does nothing, or says [`SessionError::Closed`].
    pub async fn close(&self) {
        let inner = Arc::clone(&self.inner);
        let work = async move {
            let _one = inner.changing.lock().await;
            let links: Vec<_> = lock(&inner.peers).drain().map(|(_, link)| link).collect();
            let mut closing = JoinSet::new();
            for link in links {
                let inner = Arc::clone(&inner);
                closing.spawn(async move { link.close(&inner).await });
            }
            while closing.join_next().await.is_some() {}
            media::end(&inner).await;
            let media = lock(&inner.media).take();
            if let Some(Media { mut video, audio }) = media {
                let video = tokio::task::spawn_blocking(move || video.stop());
                let audio = tokio::task::spawn_blocking(move || audio.stop());
                let _ = tokio::join!(video, audio);
            }
            let mut tasks = std::mem::take(&mut *lock(&inner.tasks));
            tasks.shutdown().await;
        };
        if tokio::time::timeout(CLOSE, work).await.is_err() {
            tracing::warn!("the session did not close within {CLOSE:?}");
        }
    }
}
