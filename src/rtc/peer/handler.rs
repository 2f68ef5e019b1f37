//! What a connection reports: on its own task, where nothing may wait, so that flags are flipped and tasks spawned.

use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use webrtc::data_channel::DataChannel;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionEventHandler, RTCIceConnectionState, RTCIceGatheringState, RTCPeerConnectionIceEvent,
    RTCPeerConnectionState,
};

use super::Signal;
use super::state::{ConnectionState, IceConnectionState, IceGatheringState, SignalingState, States};
use super::tracks::Incoming;
use crate::model::encoded::EncodedVideo;
use crate::rtc::channel::{ChannelEvent, Channels};
use crate::rtc::description::{Candidate, Description};
use crate::rtc::ice::shown;
use crate::rtc::outbound::Outbound;
use crate::rtc::receiver::{Asks, AudioOut};
use crate::rtc::sdp::{self, Setup, Stamp};
use crate::rtc::sender::CaptureLog;
use crate::rtc::sound::{Sound, Types};
use crate::rtc::stats::Counters;
use crate::rtc::tap::Wishes;

/// Most candidates of one ICE session. Overflow: the newest is not told.
const MAX_CANDIDATES: usize = 256;

/// What the handler and the tasks share with the peer.
pub(super) struct Shared {
    pub(super) signals: mpsc::Sender<Signal>,
    pub(super) channel_events: mpsc::Sender<ChannelEvent>,
    pub(super) channels: Arc<Channels>,
    /// Set once, right after the connection is built. Weak: the connection holds the handler, and with it this.
    pub(super) connection: OnceLock<Weak<dyn PeerConnection>>,
    pub(super) connected: watch::Sender<bool>,
    pub(super) gathered: watch::Sender<bool>,
    pub(super) states: Mutex<States>,
    pub(super) local: Mutex<Local>,
    pub(super) tasks: Mutex<Option<JoinSet<()>>>,
    pub(super) counters: Counters,
    pub(super) captures: Arc<CaptureLog>,
    pub(super) asks: Arc<Asks>,
    pub(super) rtt_us: Arc<AtomicU64>,
    pub(super) video_out: mpsc::Sender<EncodedVideo>,
    pub(super) audio_out: AudioOut,
    pub(super) incoming: Mutex<Incoming>,
    pub(super) wishes: Arc<Wishes>,
    pub(super) outbound: Arc<Outbound>,
    /// How the other side wants our sound, and what theirs comes as.
    pub(super) sound: Mutex<Sound>,
    pub(super) types: Arc<Types>,
    /// Copies in each packet of our sound.
    pub(super) copies: Arc<AtomicUsize>,
    /// Our addresses are not to be told.
    pub(super) relay_only: bool,
}

/// Our own side of the negotiation.
pub(super) struct Local {
    /// Of the newest description.
    pub(super) stamp: Stamp,
    /// The newest description, without any candidate.
    pub(super) bare: Option<Description>,
    /// Our candidates of this ICE session that were found.
    pub(super) known: Vec<String>,
    /// Those not told yet, while a description is being made.
    pub(super) held: Option<Vec<Candidate>>,
    /// There are no more, which is to be told after those.
    pub(super) complete: bool,
    /// Which end of the DTLS handshake we are, once that is agreed on.
    pub(super) setup: Option<Setup>,
}

impl Shared {
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(tasks) = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            // Those that have ended: each channel is one, and a set keeps them until it is asked.
            while tasks.try_join_next().is_some() {}
            tasks.spawn(task);
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        // overflow: refuse; 256 unread signals mean that nobody reads
        if self.signals.try_send(signal).is_err() {
            tracing::warn!("a signal of a peer connection is lost: its session does not read");
        }
    }

    pub(super) fn local(&self) -> MutexGuard<'_, Local> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn states(&self) -> MutexGuard<'_, States> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_signaling(&self, state: SignalingState) {
        if std::mem::replace(&mut self.states().signaling, state) != state {
            self.signal(Signal::Signaling(state));
        }
    }

    pub(super) fn set_gathering(&self, state: IceGatheringState) {
        let old = std::mem::replace(&mut self.states().gathering, state);
        self.gathered.send_replace(state == IceGatheringState::Complete);
        if old == state {
            return;
        }
        if state == IceGatheringState::Complete {
            let mut local = self.local();
            if local.held.is_some() {
                // Not before the candidates themselves.
                local.complete = true;
                return;
            }
        }
        self.tell_gathering(state);
    }

    pub(super) fn tell_gathering(&self, state: IceGatheringState) {
        self.signal(Signal::Gathering(state));
        if state == IceGatheringState::Complete {
            self.signal(Signal::CandidatesComplete);
        }
    }

    /// One of ours was found. Each is told once, after the description it belongs to.
    fn candidate(&self, line: String) {
        let mut local = self.local();
        if local.known.len() >= MAX_CANDIDATES || local.known.contains(&line) {
            return;
        }
        local.known.push(line.clone());
        let mid = local.bare.as_ref().and_then(|bare| sdp::sections(&bare.sdp).first().map(|s| s.mid.to_owned()));
        let candidate = Candidate {
            candidate: line,
            sdp_mid: Some(mid.filter(|mid| !mid.is_empty()).unwrap_or_else(|| "0".to_owned())),
            sdp_m_line_index: Some(0),
            username_fragment: local.bare.as_ref().and_then(|bare| bare.username_fragment().map(str::to_owned)),
        };
        match local.held.as_mut() {
            Some(held) => held.push(candidate),
            None => self.signal(Signal::Candidate(candidate)),
        }
    }

    /// Our newest description with every candidate found so far.
    pub(super) fn described(&self) -> Option<Description> {
        let complete = self.states().gathering == IceGatheringState::Complete;
        let local = self.local();
        let bare = local.bare.as_ref()?;
        Some(Description { kind: bare.kind, sdp: sdp::with_candidates(&bare.sdp, &local.known, complete) })
    }
}

impl Local {
    pub(super) fn new(polite: bool) -> Self {
        let stamp = Stamp { version: 0, polite, answers: None };
        Self { stamp, bare: None, known: Vec::new(), held: None, complete: false, setup: None }
    }
}

/// Hears of everything the connection does.
pub(super) struct Handler(pub(super) Arc<Shared>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        let Ok(candidate) = event.candidate.to_json() else { return };
        if let Some(line) = shown(&candidate.candidate, self.0.relay_only) {
            self.0.candidate(line);
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if let Some(state) = IceGatheringState::of(state) {
            self.0.set_gathering(state);
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        let Some(state) = IceConnectionState::of(state) else { return };
        self.0.states().ice = state;
        self.0.signal(Signal::Ice(state));
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let Some(state) = ConnectionState::of(state).filter(|state| *state != ConnectionState::New) else { return };
        self.0.states().connection = state;
        if state == ConnectionState::Connected {
            self.0.connected.send_replace(true);
        }
        self.0.signal(Signal::State(state));
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        let (channels, events) = (Arc::clone(&self.0.channels), self.0.channel_events.clone());
        // It asks the connection's task, so not here.
        self.0.spawn(async move { channels.serve_remote(channel, events).await });
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let shared = Arc::clone(&self.0);
        self.0.spawn(async move { shared.receive(track).await });
    }
}
