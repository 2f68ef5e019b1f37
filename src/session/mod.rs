//! Floor 5: the core session manager. Devices, local media and any number of peers; bring your own signaling.

mod inputs;

use std::time::Duration;

use tokio::sync::mpsc;

pub use crate::rtc::channel::{CONTROL, ChannelConfig, ChannelError, Message};
pub use crate::rtc::description::{Candidate, Description, DescriptionError, DescriptionKind, IceServer};
pub use inputs::{AudioInput, AudioOutput, Sound, VideoInput, VideoRequest};

use crate::model::device::{DeviceState, Devices};
use crate::model::slot::Player;
use crate::model::snapshot::Level;
use crate::model::stats::Stats;

/// What a session starts with; all of it can be changed later.
pub struct SessionConfig {
    /// Where pictures come from.
    pub camera: VideoInput,
    /// Where sound comes from.
    pub microphone: AudioInput,
    /// Where sound goes to.
    pub speaker: AudioOutput,
    /// Size and rate asked of the camera.
    pub video: VideoRequest,
    /// Copied to a peer when it is added without servers of its own; may be empty.
    pub ice_servers: Vec<IceServer>,
}

/// Which candidates a peer may use (W3C `RTCIceTransportPolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransportPolicy {
    /// Every one.
    #[default]
    All,
    /// Only those of TURN servers: the other side does not learn our addresses.
    Relay,
}

/// How one peer is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerConfig {
    /// `None`: what [`SessionConfig::ice_servers`] says now.
    pub ice_servers: Option<Vec<IceServer>>,
    /// Which candidates may be used.
    pub policy: TransportPolicy,
    /// Send our picture (while the camera is on). The path for it is there either way.
    pub video: bool,
    /// Send our sound (while not muted).
    pub audio: bool,
    /// Data channels of the first offer, besides [`CONTROL`]. The side that answers gets them by the offer.
    pub channels: Vec<ChannelConfig>,
}

impl Default for PeerConfig {
    fn default() -> Self {
        Self { ice_servers: None, policy: TransportPolicy::All, video: true, audio: true, channels: Vec::new() }
    }
}

/// Where the connection to a peer is (W3C `RTCPeerConnectionState`).
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

/// What happens in a session; each event about a peer names it.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionEvent {
    /// One of our candidates, to be given to the peer by your signaling.
    Candidate {
        /// Which peer.
        peer: String,
        /// The candidate; its `to_string()` is the JSON.
        candidate: Candidate,
    },
    /// There will be no more candidates.
    CandidatesComplete {
        /// Which peer.
        peer: String,
    },
    /// The connection's state changed.
    ConnectionState {
        /// Which peer.
        peer: String,
        /// Now.
        state: ConnectionState,
    },
    /// A data channel can be used.
    ChannelOpen {
        /// Which peer.
        peer: String,
        /// Which channel.
        channel: String,
    },
    /// A message came.
    Message {
        /// Which peer.
        peer: String,
        /// Which channel.
        channel: String,
        /// What.
        message: Message,
    },
    /// A data channel ended.
    ChannelClosed {
        /// Which peer.
        peer: String,
        /// Which channel.
        channel: String,
    },
    /// The peer's first picture is in its player.
    FirstFrame {
        /// Which peer.
        peer: String,
    },
    /// State of our own devices changed.
    MediaState {
        /// The camera.
        camera: DeviceState,
        /// The microphone.
        microphone: DeviceState,
        /// The speaker.
        speaker: DeviceState,
    },
    /// Answer to [`Session::devices`], also for whoever did not ask.
    DevicesListed(Devices),
}

/// Why the session did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// No peer of this name.
    #[error("there is no peer “{0}”; add it first")]
    UnknownPeer(String),
    /// A peer of this name is there.
    #[error("there is a peer “{0}” already; close it first")]
    PeerExists(String),
    /// After [`Session::close`].
    #[error("the session is closed")]
    Closed,
    /// Text that is no description or candidate.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// A data channel.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

/// Devices, local media and peers. Clones speak of the same session.
#[derive(Clone)]
pub struct Session {}

#[allow(unused_variables, clippy::unused_async)]
impl Session {
    /// Starts one, with no device open yet. To be called inside a tokio runtime.
    ///
    /// Events must be read: peers wait once the queue is full.
    pub fn start(config: SessionConfig) -> (Self, mpsc::Receiver<SessionEvent>) {
        let (_, events) = mpsc::channel(1);
        (Self {}, events)
    }

    /// The devices that are there now; also told as [`SessionEvent::DevicesListed`].
    pub async fn devices(&self) -> Devices {
        Devices::default()
    }

    /// Takes pictures from elsewhere from now on, also in a call.
    pub fn set_camera(&self, input: VideoInput) {}

    /// Takes sound from elsewhere from now on, also in a call.
    pub fn set_microphone(&self, input: AudioInput) {}

    /// Plays elsewhere from now on, also in a call.
    pub fn set_speaker(&self, output: AudioOutput) {}

    /// Asks the camera for another size or rate.
    pub fn set_video(&self, request: VideoRequest) {}

    /// Camera on or off; off closes the device, and the peers see black.
    pub fn set_camera_enabled(&self, enabled: bool) {}

    /// Microphone muted or not; muted sends silence.
    pub fn set_muted(&self, muted: bool) {}

    /// Opens the devices for a look, without a peer; or no more.
    pub fn set_preview(&self, preview: bool) {}

    /// Shows our own pictures.
    pub fn preview(&self) -> Player {
        Player::new()
    }

    /// Plays a short sound on the speaker.
    pub fn play(&self, sound: Sound) {}

    /// Level of what the microphone gives.
    pub fn level(&self) -> Level {
        Level::default()
    }

    /// State of camera, microphone and speaker.
    pub fn media_state(&self) -> (DeviceState, DeviceState, DeviceState) {
        Default::default()
    }

    /// Adds a peer under a name of yours.
    ///
    /// # Errors
    /// [`SessionError::PeerExists`], [`SessionError::Closed`], or the connection cannot be built.
    pub async fn add_peer(&self, peer: &str, config: PeerConfig) -> Result<(), SessionError> {
        Ok(())
    }

    /// Makes an offer for the peer. It carries audio, video and data channels, and the candidates known by then.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn create_offer(&self, peer: &str) -> Result<Description, SessionError> {
        Err(SessionError::UnknownPeer(peer.to_owned()))
    }

    /// Takes the peer's offer and gives the answer for it.
    ///
    /// # Errors
    /// [`SessionError`]; the peer is as it was before.
    pub async fn accept_offer(&self, peer: &str, offer: Description) -> Result<Description, SessionError> {
        Err(SessionError::UnknownPeer(peer.to_owned()))
    }

    /// Takes the peer's answer to our offer.
    ///
    /// # Errors
    /// [`SessionError`]; the peer is as it was before.
    pub async fn accept_answer(&self, peer: &str, answer: Description) -> Result<(), SessionError> {
        Err(SessionError::UnknownPeer(peer.to_owned()))
    }

    /// Takes one of the peer's candidates; those before its description wait for it.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn accept_candidate(&self, peer: &str, candidate: Candidate) -> Result<(), SessionError> {
        Err(SessionError::UnknownPeer(peer.to_owned()))
    }

    /// Shows the peer's pictures.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub fn player(&self, peer: &str) -> Result<Player, SessionError> {
        Err(SessionError::UnknownPeer(peer.to_owned()))
    }

    /// Sends a message on a named channel. Before the channel is open it is queued, up to a bound; on a slow path it
    /// waits.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`], [`SessionError::Channel`].
    pub async fn send(&self, peer: &str, channel: &str, message: Message) -> Result<(), SessionError> {
        Err(SessionError::UnknownPeer(peer.to_owned()))
    }

    /// How loud the peer is played, percent, 0…200.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub fn set_volume(&self, peer: &str, percent: u8) -> Result<(), SessionError> {
        Err(SessionError::UnknownPeer(peer.to_owned()))
    }

    /// Level of the peer's sound, and whether it has been speaking for 300 ms.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub fn peer_level(&self, peer: &str) -> Result<(Level, bool), SessionError> {
        Err(SessionError::UnknownPeer(peer.to_owned()))
    }

    /// Figures of a peer; rates are over the time since the last call for the same peer.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub async fn stats(&self, peer: &str) -> Result<Stats, SessionError> {
        Err(SessionError::UnknownPeer(peer.to_owned()))
    }

    /// When the picture that this peer of ours shows as `media_time` ([`crate::model::frame::VideoFrame::media_time`]
    /// of a frame in *its* player) was captured *here*: for the latency between two sessions of one process.
    pub fn captured_at(&self, peer: &str, media_time: Duration) -> Option<std::time::Instant> {
        None
    }

    /// Closes one peer; the other side knows within a second. Unknown names are fine.
    pub async fn close_peer(&self, peer: &str) {}

    /// Closes everything, within three seconds.
    pub async fn close(&self) {}
}
