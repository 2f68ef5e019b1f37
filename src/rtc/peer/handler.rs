//! What a connection reports: on its own task, where nothing may wait, so that flags are flipped and tasks spawned.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use webrtc::data_channel::DataChannel;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionIceEvent, RTCPeerConnectionState,
};

use super::{ConnectionState, EARLY_CANDIDATES, Signal};
use crate::model::encoded::EncodedVideo;
use crate::rtc::channel::{ChannelEvent, Channels};
use crate::rtc::description::Candidate;
use crate::rtc::ice::shown;
use crate::rtc::receiver::{AudioOut, receive_audio, receive_video};
use crate::rtc::sender::CaptureLog;
use crate::rtc::stats::Counters;

/// What the handler and the tasks share with the peer.
pub(super) struct Shared {
    pub(super) signals: mpsc::Sender<Signal>,
    pub(super) channel_events: mpsc::Sender<ChannelEvent>,
    pub(super) channels: Arc<Channels>,
    pub(super) connected: watch::Sender<bool>,
    pub(super) gathered: watch::Sender<bool>,
    /// Our candidates while a description is being made.
    pub(super) held: Mutex<Option<Vec<Candidate>>>,
    pub(super) first_mid: OnceLock<String>,
    pub(super) tasks: Mutex<Option<JoinSet<()>>>,
    pub(super) counters: Counters,
    pub(super) captures: Arc<CaptureLog>,
    pub(super) keyframe: Arc<Notify>,
    pub(super) rtt_us: Arc<AtomicU64>,
    pub(super) video_out: mpsc::Sender<EncodedVideo>,
    pub(super) audio_out: AudioOut,
    pub(super) has_video: AtomicBool,
    pub(super) has_audio: AtomicBool,
    /// Our addresses are not to be told.
    pub(super) relay_only: bool,
}

impl Shared {
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(tasks) = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            tasks.spawn(task);
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        // overflow: refuse; 256 unread signals mean that nobody reads
        if self.signals.try_send(signal).is_err() {
            tracing::warn!("a signal of a peer connection is lost: its session does not read");
        }
    }

    pub(super) fn candidate(&self, candidate: Candidate) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_mut() {
            Some(held) if held.len() < EARLY_CANDIDATES => held.push(candidate),
            _ => self.signal(Signal::Candidate(candidate)),
        }
    }
}

/// Hears of everything the connection does.
pub(super) struct Handler(pub(super) Arc<Shared>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        let Ok(candidate) = event.candidate.to_json() else { return };
        let Some(shown) = shown(&candidate.candidate, self.0.relay_only) else { return };
        self.0.candidate(Candidate {
            candidate: shown,
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
