//! The vocabulary of the session's interface.

use crate::device::VideoRequest;
use crate::model::device::{DeviceState, Devices};
use crate::model::sound::Processing;
use crate::model::source::{AudioSpec, SinkSpec, VideoSpec};
use crate::pipeline::audio::{AudioInput, AudioOutput};
use crate::pipeline::publish::VideoInput;
use crate::rtc::channel::{ChannelConfig, ChannelError, Message};
use crate::rtc::description::{Candidate, DescriptionError, IceServer};
use crate::rtc::engine::RtcError;
use crate::rtc::ice::ServerFailure;
use crate::rtc::peer::ConnectionState;

/// What a session starts with; all of it can be changed later.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// Where pictures come from.
    pub camera: VideoInput,
    /// Where sound comes from.
    pub microphone: AudioInput,
    /// Where sound goes to.
    pub speaker: AudioOutput,
    /// Where [`Sound::Ring`](crate::dsp::clips::Sound::Ring) plays.
    pub ring: AudioOutput,
    /// What is done to a microphone's sound.
    pub processing: Processing,
    /// Size and rate asked of the camera.
    pub video: VideoRequest,
    /// Copied to a peer when it is added without servers of its own; may be empty.
    pub ice_servers: Vec<IceServer>,
}

impl Default for SessionConfig {
    /// The system's default devices, 720p30, no servers.
    fn default() -> Self {
        Self {
            camera: VideoInput::Spec(VideoSpec::Default),
            microphone: AudioSpec::Default.into(),
            speaker: SinkSpec::Default.into(),
            ring: SinkSpec::Default.into(),
            processing: Processing::default(),
            video: VideoRequest::default(),
            ice_servers: Vec::new(),
        }
    }
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
    /// Data channels of the first offer, besides [`CONTROL`](crate::rtc::channel::CONTROL). The side that answers gets them by the offer.
    pub channels: Vec<ChannelConfig>,
}

impl Default for PeerConfig {
    fn default() -> Self {
        Self { ice_servers: None, policy: TransportPolicy::All, video: true, audio: true, channels: Vec::new() }
    }
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
    /// A STUN or TURN server is of no use for this peer, and why (W3C `icecandidateerror`). The others go on.
    IceServerFailed {
        /// Which peer.
        peer: String,
        /// Which server, and what is wrong.
        failure: ServerFailure,
    },
    /// A relay's credentials end within a minute: renew them with
    /// [`Session::set_peer_ice_servers`](super::Session::set_peer_ice_servers). Told once for each expiry.
    IceServersExpire {
        /// Which peer.
        peer: String,
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
    /// Answer to [`Session::devices`](super::Session::devices), also for whoever did not ask.
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
    /// After [`Session::close`](super::Session::close).
    #[error("the session is closed")]
    Closed,
    /// The connection.
    #[error(transparent)]
    Rtc(#[from] RtcError),
    /// Text that is no description or candidate.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// A data channel.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}
