//! One peer connection: descriptions, candidates, media, data channels, and an orderly end.
//!
//! The crate calls its handler on the connection's own task: it only flips flags, spawns and `try_send`s. Candidates of
//! the other side that come before its description wait for it; our own that are known when a description is made go
//! out inside it, later ones as [`Signal::Candidate`].

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use rtc::peer_connection::transport::RTCDtlsTransportState;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use webrtc::data_channel::DataChannel;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionEventHandler, RTCIceCandidateInit, RTCIceGatheringState, RTCPeerConnectionIceEvent,
    RTCPeerConnectionState, RTCSdpType, RTCSessionDescription, StatsSelector,
};

use super::channel::{CONTROL, ChannelConfig, ChannelError, ChannelEvent, Channels, Message, init};
use super::description::{Candidate, Description, DescriptionKind, IceServer};
use super::engine::{AUDIO_TYPE, Engine, RtcError, VIDEO_TYPE, audio_codec, video_codec};
use super::receiver::{AudioOut, receive_audio, receive_video};
use super::sender::{CaptureLog, Lane, send_audio, send_video, to_rtp, track};
use super::stats::{Counters, Figures, path, round_trip};
use super::tap::{Tap, Wish};
use crate::model::encoded::{EncodedAudio, EncodedVideo};
use crate::model::stats::Transport;

/// Longest wait for the crate's connection task, which answers in microseconds.
const ANSWER: Duration = Duration::from_secs(5);

/// Longest wait for host candidates, so that a description can carry them.
const GATHER: Duration = Duration::from_millis(50);

/// Pause between nudges, and how many, while data channels open. What the crate's connection task writes while it works
/// through an event goes out at its next turn, and on a silent connection that is a timer of 200 ms; an opening needs two.
const NUDGE: Duration = Duration::from_millis(5);
const NUDGES: u32 = 100;

/// Longest wait for a connection to close.
const CLOSE: Duration = Duration::from_secs(1);

/// Candidates kept until the description comes.
const EARLY_CANDIDATES: usize = 128;

/// Signals and channel events not read yet.
const SIGNALS: usize = 256;
const CHANNEL_EVENTS: usize = 64;

/// Where a connection is (W3C `RTCPeerConnectionState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionState {
    /// Nothing was exchanged yet.
    New,
    /// Paths are tried, keys exchanged.
    Connecting,
    /// Media can flow.
    Connected,
    /// Nothing comes through; it may recover by itself.
    Disconnected,
    /// It will not recover by itself.
    Failed,
    /// Closed, by either side.
    Closed,
}

/// What a connection has to say, besides its data channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// Give this to the other side.
    Candidate(Candidate),
    /// There will be no more.
    CandidatesComplete,
    /// The state is another.
    State(ConnectionState),
}

/// What a peer connection needs.
pub struct PeerSetup {
    /// STUN and TURN servers.
    pub ice_servers: Vec<IceServer>,
    /// Only candidates of TURN servers.
    pub relay_only: bool,
    /// Data channels of the first offer besides [`CONTROL`].
    pub channels: Vec<ChannelConfig>,
    /// Pictures to send.
    pub video_in: mpsc::Receiver<EncodedVideo>,
    /// Sound to send.
    pub audio_in: mpsc::Receiver<EncodedAudio>,
    /// Takes the pictures that come.
    pub video_out: mpsc::Sender<EncodedVideo>,
    /// Takes the sound that comes.
    pub audio_out: AudioOut,
    /// Called when the other side needs a keyframe of ours; must return at once.
    pub keyframe_wanted: Wish,
}

/// The two queues a connection speaks through. Both must be read; the second holds the other side back.
pub struct PeerEvents {
    /// Candidates and states.
    pub signals: mpsc::Receiver<Signal>,
    /// Data channels.
    pub channels: mpsc::Receiver<ChannelEvent>,
}

/// One peer connection.
pub struct Peer {
    connection: Arc<dyn PeerConnection>,
    shared: Arc<Shared>,
    own_channels: Mutex<Option<Vec<ChannelConfig>>>,
    /// One negotiation at a time; holds candidates until there is a remote description.
    negotiation: tokio::sync::Mutex<Option<Vec<Candidate>>>,
}

/// What the handler and the tasks share with the peer.
struct Shared {
    signals: mpsc::Sender<Signal>,
    channel_events: mpsc::Sender<ChannelEvent>,
    channels: Arc<Channels>,
    connected: watch::Sender<bool>,
    gathered: watch::Sender<bool>,
    /// Our candidates while a description is being made.
    held: Mutex<Option<Vec<Candidate>>>,
    first_mid: OnceLock<String>,
    tasks: Mutex<Option<JoinSet<()>>>,
    counters: Counters,
    captures: Arc<CaptureLog>,
    keyframe: Arc<Notify>,
    rtt_us: Arc<AtomicU64>,
    video_out: mpsc::Sender<EncodedVideo>,
    audio_out: AudioOut,
    has_video: AtomicBool,
    has_audio: AtomicBool,
}

impl Shared {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(tasks) = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            tasks.spawn(task);
        }
    }

    fn signal(&self, signal: Signal) {
        // overflow: refuse; 256 unread signals mean that nobody reads
        if self.signals.try_send(signal).is_err() {
            tracing::warn!("a signal of a peer connection is lost: its session does not read");
        }
    }

    fn candidate(&self, candidate: Candidate) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_mut() {
            Some(held) if held.len() < EARLY_CANDIDATES => held.push(candidate),
            _ => self.signal(Signal::Candidate(candidate)),
        }
    }
}

struct Handler(Arc<Shared>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        // An address nobody can call: the wildcard, where the machine has no interface.
        if event.candidate.address == "0.0.0.0" {
            return;
        }
        let Ok(candidate) = event.candidate.to_json() else { return };
        self.0.candidate(Candidate {
            candidate: candidate.candidate,
            sdp_mid: Some(self.0.first_mid.get().cloned().unwrap_or_else(|| "0".to_owned())),
            sdp_m_line_index: Some(0),
            username_fragment: candidate.username_fragment,
        });
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.0.gathered.send_replace(true);
            self.0.signal(Signal::CandidatesComplete);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let state = match state {
            RTCPeerConnectionState::Connecting => ConnectionState::Connecting,
            RTCPeerConnectionState::Connected => ConnectionState::Connected,
            RTCPeerConnectionState::Disconnected => ConnectionState::Disconnected,
            RTCPeerConnectionState::Failed => ConnectionState::Failed,
            RTCPeerConnectionState::Closed => ConnectionState::Closed,
            _ => return,
        };
        if state == ConnectionState::Connected {
            self.0.connected.send_replace(true);
        }
        self.0.signal(Signal::State(state));
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        let (channels, events) = (Arc::clone(&self.0.channels), self.0.channel_events.clone());
        self.0.spawn(async move {
            // Asks the connection's task, so not here.
            if let Ok(label) = channel.label().await {
                channels.serve(label, channel, true, events).await;
            }
        });
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let shared = Arc::clone(&self.0);
        self.0.spawn(async move {
            let video = track.kind().await == RtpCodecKind::Video;
            let seen = if video { &shared.has_video } else { &shared.has_audio };
            // One of each kind: whatever else the other side adds is not for us.
            if seen.swap(true, Ordering::Relaxed) {
                return;
            }
            let counters = &shared.counters;
            if video {
                let (out, received) = (shared.video_out.clone(), Arc::clone(&counters.video_in));
                receive_video(track, out, Arc::clone(&shared.keyframe), received, Arc::clone(&shared.rtt_us)).await;
            } else {
                receive_audio(track, Arc::clone(&shared.audio_out), Arc::clone(&counters.audio_in)).await;
            }
            seen.store(false, Ordering::Relaxed);
        });
    }
}

/// Keeps the connection's task turning until [`CONTROL`] is open. An empty compound RTCP packet is never sent.
async fn nudge(track: Arc<TrackLocalStaticRTP>, shared: Weak<Shared>, mut connected: watch::Receiver<bool>) {
    if connected.wait_for(|connected| *connected).await.is_err() {
        return;
    }
    for _ in 0..NUDGES {
        let waits = shared.upgrade().is_some_and(|shared| shared.channels.waits(CONTROL));
        if !waits || track.write_rtcp(Vec::new()).await.is_err() {
            return;
        }
        tokio::time::sleep(NUDGE).await;
    }
}

async fn limited<T>(work: impl Future<Output = T>) -> Result<T, RtcError> {
    tokio::time::timeout(ANSWER, work).await.map_err(|_| RtcError::Stuck(ANSWER))
}

impl Peer {
    /// Builds the connection and binds its sockets; nothing is sent yet.
    ///
    /// # Errors
    /// [`RtcError::Build`].
    pub async fn new(engine: &Engine, setup: PeerSetup) -> Result<(Self, PeerEvents), RtcError> {
        let (signals, signals_out) = mpsc::channel(SIGNALS);
        let (channel_events, channels_out) = mpsc::channel(CHANNEL_EVENTS);
        let channels = Arc::new(Channels::default());
        // A name given twice is one channel.
        let mut own = vec![ChannelConfig::reliable(CONTROL)];
        for config in setup.channels {
            if own.iter().all(|other| other.label != config.label) {
                own.push(config);
            }
        }
        for config in &own {
            let _ = channels.declare(&config.label);
        }
        let shared = Arc::new(Shared {
            signals,
            channel_events,
            channels,
            connected: watch::Sender::new(false),
            gathered: watch::Sender::new(false),
            held: Mutex::default(),
            first_mid: OnceLock::new(),
            tasks: Mutex::new(Some(JoinSet::new())),
            counters: Counters::default(),
            captures: Arc::default(),
            keyframe: Arc::default(),
            rtt_us: Arc::default(),
            video_out: setup.video_out,
            audio_out: setup.audio_out,
            has_video: AtomicBool::new(false),
            has_audio: AtomicBool::new(false),
        });
        let (audio, audio_ssrc) = track(RtpCodecKind::Audio, audio_codec().rtp_codec);
        let (video, video_ssrc) = track(RtpCodecKind::Video, video_codec().rtp_codec);
        let tap = Tap::new(Arc::clone(&shared.counters.heard), video_ssrc, setup.keyframe_wanted);
        let handler = Arc::new(Handler(Arc::clone(&shared)));
        let connection = limited(engine.build(&setup.ice_servers, setup.relay_only, tap, handler)).await??;
        // Both from the start, in both directions: switching the camera on later negotiates nothing.
        let wrong = |e: webrtc::error::Error| RtcError::Build(e.to_string());
        let audio_sender = connection.add_track(Arc::clone(&audio) as Arc<dyn TrackLocal>).await.map_err(wrong)?;
        let video_sender = connection.add_track(Arc::clone(&video) as Arc<dyn TrackLocal>).await.map_err(wrong)?;
        let audio_lane = Lane {
            track: audio,
            sender: audio_sender,
            ssrc: audio_ssrc,
            default_type: AUDIO_TYPE,
            sent: Arc::clone(&shared.counters.audio_out),
        };
        let video_lane = Lane {
            track: video,
            sender: video_sender,
            ssrc: video_ssrc,
            default_type: VIDEO_TYPE,
            sent: Arc::clone(&shared.counters.video_out),
        };
        shared.spawn(nudge(Arc::clone(&audio_lane.track), Arc::downgrade(&shared), shared.connected.subscribe()));
        shared.spawn(send_audio(audio_lane, setup.audio_in, shared.connected.subscribe()));
        shared.spawn(send_video(
            video_lane,
            setup.video_in,
            shared.connected.subscribe(),
            Arc::clone(&shared.captures),
        ));
        let peer = Self {
            connection,
            shared,
            own_channels: Mutex::new(Some(own)),
            negotiation: tokio::sync::Mutex::new(Some(Vec::new())),
        };
        Ok((peer, PeerEvents { signals: signals_out, channels: channels_out }))
    }

    /// Makes an offer and takes it in force here.
    ///
    /// # Errors
    /// [`RtcError::Negotiation`], [`RtcError::Stuck`].
    pub async fn create_offer(&self) -> Result<Description, RtcError> {
        let _one = self.negotiation.lock().await;
        let wrong = |e: webrtc::error::Error| RtcError::Negotiation { what: "offer", reason: e.to_string() };
        let channels = self.own_channels.lock().unwrap_or_else(PoisonError::into_inner).take();
        for config in channels.into_iter().flatten() {
            self.create_channel(&config).await.map_err(wrong)?;
        }
        let offer = limited(self.connection.create_offer(None)).await?.map_err(wrong)?;
        self.describe(DescriptionKind::Offer, offer).await.map_err(wrong)
    }

    /// Takes the other side's offer and makes the answer.
    ///
    /// # Errors
    /// [`RtcError::Description`] where it cannot be used; the connection is as before.
    pub async fn accept_offer(&self, offer: &Description) -> Result<Description, RtcError> {
        let mut early = self.negotiation.lock().await;
        let wrong = |e: webrtc::error::Error| RtcError::Description { what: "offer", reason: e.to_string() };
        if offer.kind != DescriptionKind::Offer {
            return Err(RtcError::Description { what: "offer", reason: "it is an answer".to_owned() });
        }
        let parsed = RTCSessionDescription::offer(offer.sdp.clone()).map_err(wrong)?;
        complete(&offer.sdp).map_err(|reason| RtcError::Description { what: "offer", reason })?;
        self.set_remote(parsed).await.map_err(wrong)?;
        // Their channels come with the offer: those we declared are opened by them.
        self.own_channels.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.flush(&mut early).await;
        let wrong = |e: webrtc::error::Error| RtcError::Negotiation { what: "answer", reason: e.to_string() };
        let answer = limited(self.connection.create_answer(None)).await?.map_err(wrong)?;
        self.describe(DescriptionKind::Answer, answer).await.map_err(wrong)
    }

    /// Takes the other side's answer.
    ///
    /// # Errors
    /// [`RtcError::Description`] where it cannot be used; the connection is as before.
    pub async fn accept_answer(&self, answer: &Description) -> Result<(), RtcError> {
        let mut early = self.negotiation.lock().await;
        let wrong = |e: webrtc::error::Error| RtcError::Description { what: "answer", reason: e.to_string() };
        if answer.kind != DescriptionKind::Answer {
            return Err(RtcError::Description { what: "answer", reason: "it is an offer".to_owned() });
        }
        let parsed = RTCSessionDescription::answer(answer.sdp.clone()).map_err(wrong)?;
        complete(&answer.sdp).map_err(|reason| RtcError::Description { what: "answer", reason })?;
        let sections = |sdp: &str| sdp.lines().filter(|line| line.starts_with("m=")).count();
        let offered = self.connection.local_description().await.map_or(0, |offer| sections(&offer.sdp));
        if sections(&answer.sdp) != offered {
            let reason = format!("it answers {} of {offered} media sections", sections(&answer.sdp));
            return Err(RtcError::Description { what: "answer", reason });
        }
        limited(self.connection.set_remote_description(parsed)).await?.map_err(wrong)?;
        self.flush(&mut early).await;
        Ok(())
    }

    /// Takes one of the other side's candidates.
    ///
    /// # Errors
    /// [`RtcError::Candidate`].
    pub async fn accept_candidate(&self, candidate: Candidate) -> Result<(), RtcError> {
        if candidate.is_last() {
            return Ok(());
        }
        let line = candidate.candidate.strip_prefix("candidate:").unwrap_or(&candidate.candidate);
        rtc::ice::candidate::unmarshal_candidate(line).map_err(|e| RtcError::Candidate(e.to_string()))?;
        let mut early = self.negotiation.lock().await;
        match early.as_mut() {
            Some(early) if early.len() < EARLY_CANDIDATES => {
                early.push(candidate);
                Ok(())
            }
            Some(_) => Err(RtcError::Candidate("too many before the description".to_owned())),
            None => self.add(candidate).await,
        }
    }

    /// Adds a data channel to a connection that has had its first offer; no negotiation is needed.
    ///
    /// # Errors
    /// [`ChannelError::Exists`], [`ChannelError::Closed`].
    pub async fn add_channel(&self, config: ChannelConfig) -> Result<(), ChannelError> {
        self.shared.channels.declare(&config.label)?;
        {
            let mut own = self.own_channels.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(own) = own.as_mut() {
                own.push(config);
                return Ok(());
            }
        }
        self.create_channel(&config).await.map_err(|_| ChannelError::Closed(config.label.clone()))
    }

    /// Sends a message; see [`Channels::send`].
    ///
    /// # Errors
    /// [`ChannelError`].
    pub async fn send(&self, channel: &str, message: Message) -> Result<(), ChannelError> {
        self.shared.channels.send(channel, message).await
    }

    /// No data channel takes anything from now on: the other side is gone.
    pub fn close_channels(&self) {
        self.shared.channels.close();
    }

    /// Asks the other side for a keyframe; may be called as often as one likes.
    pub fn keyframe_asker(&self) -> Wish {
        let keyframe = Arc::clone(&self.shared.keyframe);
        Arc::new(move || keyframe.notify_one())
    }

    /// When the picture that the other side's receiver gives this media time was captured here, if it went out in the
    /// last ten seconds.
    pub fn captured_at(&self, media_time: Duration) -> Option<Instant> {
        self.shared.captures.captured_at(to_rtp(media_time) as u32)
    }

    /// Counters.
    pub fn figures(&self) -> Figures {
        self.shared.counters.read()
    }

    /// The chosen path; also tells the receiver how long a round trip takes.
    pub async fn path(&self) -> Transport {
        let path = limited(async {
            let chosen = match self.connection.sctp().await {
                Some(sctp) => sctp.transport().ice_transport().get_selected_candidate_pair().await.ok().flatten(),
                None => None,
            };
            path(&self.connection.get_stats(Instant::now(), StatsSelector::None).await, chosen.as_ref())
        });
        let path = path.await.unwrap_or_default();
        self.shared.rtt_us.store(round_trip(&path).as_micros() as u64, Ordering::Relaxed);
        path
    }

    /// Whether the other side has closed its end of the encryption (close_notify, RFC 5246 §7.2.1).
    pub async fn ended(&self) -> bool {
        let look = limited(async {
            match self.connection.sctp().await {
                Some(sctp) => sctp.transport().state().await.ok(),
                None => None,
            }
        });
        look.await.ok().flatten() == Some(RTCDtlsTransportState::Closed)
    }

    /// Whether the connection has stood.
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.shared.connected.subscribe()
    }

    /// Ends the connection and all its tasks, within a second; the other side notices by DTLS's close.
    pub async fn close(&self) {
        self.shared.channels.close();
        if tokio::time::timeout(CLOSE, self.connection.close()).await.is_err() {
            tracing::warn!("a peer connection did not close within {CLOSE:?}");
        }
        let tasks = self.shared.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
    }

    async fn create_channel(&self, config: &ChannelConfig) -> webrtc::error::Result<()> {
        let channel = self.connection.create_data_channel(&config.label, Some(init(config))).await?;
        let (channels, events) = (Arc::clone(&self.shared.channels), self.shared.channel_events.clone());
        let label = config.label.clone();
        self.shared.spawn(async move { channels.serve(label, channel, false, events).await });
        Ok(())
    }

    /// Takes our description in force and gives it with the candidates known after a moment.
    async fn describe(
        &self,
        kind: DescriptionKind,
        description: RTCSessionDescription,
    ) -> webrtc::error::Result<Description> {
        let _ = self.shared.first_mid.set(first_mid(&description.sdp));
        *self.shared.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
        let mut gathered = self.shared.gathered.subscribe();
        let text = description.sdp.clone();
        let result = self.connection.set_local_description(description).await;
        if result.is_ok() {
            let _ = tokio::time::timeout(GATHER, gathered.wait_for(|gathered| *gathered)).await;
        }
        let sdp = self.connection.local_description().await.map_or(text, |description| description.sdp);
        let held = self.shared.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        for candidate in held.into_iter().flatten() {
            if !sdp.contains(&candidate.candidate) {
                self.shared.signal(Signal::Candidate(candidate));
            }
        }
        result.map(|()| Description { kind, sdp })
    }

    /// Takes a remote offer in force, or leaves everything as it was.
    async fn set_remote(&self, description: RTCSessionDescription) -> webrtc::error::Result<()> {
        let result = self.connection.set_remote_description(description).await;
        if result.is_err() && self.connection.pending_remote_description().await.is_some() {
            let mut rollback = RTCSessionDescription::default();
            rollback.sdp_type = RTCSdpType::Rollback;
            if let Err(e) = self.connection.set_remote_description(rollback).await {
                tracing::warn!("a refused offer could not be rolled back: {e}");
            }
        }
        result
    }

    async fn flush(&self, early: &mut Option<Vec<Candidate>>) {
        for candidate in early.take().into_iter().flatten() {
            if let Err(e) = self.add(candidate).await {
                tracing::debug!("an early candidate is of no use: {e}");
            }
        }
    }

    async fn add(&self, candidate: Candidate) -> Result<(), RtcError> {
        let candidate = RTCIceCandidateInit {
            candidate: candidate.candidate,
            sdp_mid: candidate.sdp_mid,
            sdp_mline_index: candidate.sdp_m_line_index,
            username_fragment: candidate.username_fragment,
            url: None,
        };
        limited(self.connection.add_ice_candidate(candidate)).await?.map_err(|e| RtcError::Candidate(e.to_string()))
    }
}

/// Looks for what every usable description has, before anything is changed by it: the crate finds some of it missing
/// only when it is half applied.
fn complete(sdp: &str) -> Result<(), String> {
    for needed in ["m=", "a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:"] {
        if !sdp.lines().any(|line| line.len() > needed.len() && line.starts_with(needed)) {
            return Err(format!("it has no line “{needed}…”"));
        }
    }
    Ok(())
}

fn first_mid(sdp: &str) -> String {
    sdp.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap_or("0").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    /// One end of a connection in a test.
    struct End {
        peer: Arc<Peer>,
        events: PeerEvents,
        video: mpsc::Sender<EncodedVideo>,
        _audio: mpsc::Sender<EncodedAudio>,
        pictures: mpsc::Receiver<EncodedVideo>,
        wishes: mpsc::Receiver<()>,
    }

    async fn end(engine: &Engine) -> End {
        let (video, video_in) = mpsc::channel(8);
        let (audio, audio_in) = mpsc::channel(8);
        let (video_out, pictures) = mpsc::channel(8);
        let (wish, wishes) = mpsc::channel(8);
        let setup = PeerSetup {
            ice_servers: Vec::new(),
            relay_only: false,
            channels: Vec::new(),
            video_in,
            audio_in,
            video_out,
            audio_out: Arc::new(|_| {}),
            keyframe_wanted: Arc::new(move || {
                let _ = wish.try_send(());
            }),
        };
        let (peer, events) = Peer::new(engine, setup).await.unwrap();
        End { peer: Arc::new(peer), events, video, _audio: audio, pictures, wishes }
    }

    async fn within<T>(limit_s: u64, what: &str, work: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(limit_s), work).await.unwrap_or_else(|_| panic!("no {what} in time"))
    }

    async fn connect(a: &End, b: &End) {
        let offer = a.peer.create_offer().await.unwrap();
        let answer = b.peer.accept_offer(&offer).await.unwrap();
        a.peer.accept_answer(&answer).await.unwrap();
        for end in [a, b] {
            within(10, "connection", end.peer.connected().wait_for(|c| *c)).await.unwrap();
        }
    }

    fn picture(keyframe: bool, n: u64, length: usize) -> EncodedVideo {
        let mut data = Vec::new();
        for nal in [&[0x67, 1, 2, 3][..], &[0x68, 1, 2, 3]] {
            if keyframe {
                data.extend([0, 0, 0, 1]);
                data.extend(nal);
            }
        }
        data.extend([0, 0, 0, 1, if keyframe { 0x65 } else { 0x41 }]);
        data.extend(std::iter::repeat_n(7, length));
        EncodedVideo {
            data: Bytes::from(data),
            keyframe,
            media_time: Duration::from_millis(n * 33),
            at: Instant::now(),
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_ends_connect_and_exchange_pictures_messages_and_wishes() {
        let begun = Instant::now();
        let engine = Engine::new().unwrap();
        eprintln!("certificate {:?}", begun.elapsed());
        let begun = Instant::now();
        let (mut a, mut b) = (end(&engine).await, end(&engine).await);
        eprintln!("built {:?}", begun.elapsed());
        let begun = Instant::now();
        connect(&a, &b).await;
        eprintln!("connected {:?}", begun.elapsed());

        a.peer.send(CONTROL, Message::Text("hello".into())).await.unwrap();
        let message = within(5, "message", async {
            loop {
                match b.events.channels.recv().await.unwrap() {
                    ChannelEvent::Message(label, message) => break (label, message),
                    _ => continue,
                }
            }
        });
        assert_eq!(message.await, (CONTROL.to_owned(), Message::Text("hello".into())));
        eprintln!("first message {:?}", begun.elapsed());

        let sent = picture(true, 1, 5000);
        a.video.send(sent.clone()).await.unwrap();
        let got = within(5, "picture", b.pictures.recv()).await.unwrap();
        eprintln!("first picture {:?}", begun.elapsed());
        assert_eq!((got.data, got.keyframe), (sent.data, true));
        assert_eq!(a.peer.captured_at(got.media_time), Some(sent.at));

        (b.peer.keyframe_asker())();
        within(5, "wish", a.wishes.recv()).await.unwrap();

        let path = a.peer.path().await;
        assert!(path.remote.is_some() && !path.relayed, "{path:?}");
        let begun = Instant::now();
        a.peer.close().await;
        eprintln!("closed {:?}", begun.elapsed());
        within(1, "end", async {
            while b.events.channels.recv().await != Some(ChannelEvent::Closed(CONTROL.to_owned())) {}
        })
        .await;
        eprintln!("noticed {:?}", begun.elapsed());
        b.peer.close().await;
    }
}
