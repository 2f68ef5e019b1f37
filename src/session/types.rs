//! The vocabulary of the session's interface.

use std::convert::Infallible;

use super::request::{Constraints, UserMediaError};
use crate::device::VideoRequest;
use crate::model::device::{DeviceError, DeviceState, Devices};
use crate::model::report::StatsReport;
use crate::model::slot::Player;
use crate::model::sound::Processing;
use crate::model::source::{AudioSpec, SinkSpec, VideoSpec};
use crate::pipeline::audio::{AudioInput, AudioOutput};
use crate::pipeline::publish::VideoInput;
use crate::rtc::channel::{ChannelConfig, ChannelError, Message};
use crate::rtc::description::{Candidate, Description, DescriptionError, IceServer};
use crate::rtc::engine::{BundlePolicy, RtcError};
use crate::rtc::ice::ServerFailure;
use crate::rtc::peer::{ConnectionState, IceConnectionState, IceGatheringState, SignalingState};
use crate::rtc::sdp::TrackKind;

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
    /// Whether loud and quiet voices of the peers are brought to one loudness.
    pub levelling: bool,
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
            levelling: false,
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

/// How one peer is connected. Rows P8, P9.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerConfig {
    /// `None`: a copy of what [`Session::set_ice_servers`](super::Session::set_ice_servers) said last; changing that
    /// later does not touch this peer. An empty list is fine on one network.
    pub ice_servers: Option<Vec<IceServer>>,
    /// Which candidates may be used.
    pub policy: TransportPolicy,
    /// How media sections share transports.
    pub bundle: BundlePolicy,
    /// Gives way when both sides make an offer at once (W3C: the polite peer of perfect negotiation). One side should
    /// and the other should not; where both do, one of them has to offer again.
    pub polite: bool,
    /// Send our picture (while the camera is on). The path for it is there either way.
    pub video: bool,
    /// Send our sound (while not muted).
    pub audio: bool,
    /// Data channels of the first offer, besides [`CONTROL`](crate::rtc::channel::CONTROL). The side that answers gets them by the offer.
    pub channels: Vec<ChannelConfig>,
}

impl Default for PeerConfig {
    fn default() -> Self {
        Self {
            ice_servers: None,
            policy: TransportPolicy::All,
            bundle: BundlePolicy::default(),
            polite: true,
            video: true,
            audio: true,
            channels: Vec::new(),
        }
    }
}

/// A track of a peer. Row “track” of the events.
#[derive(Debug, Clone)]
pub struct RemoteTrack {
    /// `mid` of its media section (W3C `RTCRtpTransceiver.mid`): its name for as long as the peer is there.
    pub id: String,
    /// The stream it belongs to (W3C `MediaStream.id`), as the peer named it; may be empty. Ours are called
    /// [`STREAM`](crate::rtc::peer::STREAM), or what [`Session::add_video_track`](super::Session::add_video_track) said.
    pub stream: String,
    /// Sound or pictures.
    pub kind: TrackKind,
    /// Shows it, if it is a video: for the first one it is [`Session::player`](super::Session::player). Sound plays by
    /// itself.
    pub player: Option<Player>,
}

impl PartialEq for RemoteTrack {
    fn eq(&self, other: &Self) -> bool {
        let same_player = match (&self.player, &other.player) {
            (Some(a), Some(b)) => a.same(b),
            (None, None) => true,
            _ => false,
        };
        same_player && self.id == other.id && self.stream == other.stream && self.kind == other.kind
    }
}

/// What happens in a session; each event about a peer names it. Row P19.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionEvent {
    /// Our offer to the peer was made: to be given to it by your signaling, as are the candidates that follow
    /// ([`SessionEvent::Candidate`]). It has none inside yet; what [`Session::create_offer`](super::Session::create_offer)
    /// gives is the same with those known a moment later. Comes again when the same offer was asked for again, and by
    /// itself where one of ours had given way to an offer that turned out unusable. Row P14.
    Offer {
        /// Which peer.
        peer: String,
        /// The offer; its `to_string()` is the JSON.
        description: Description,
    },
    /// The same offer with every candidate inside: gathering is complete, and nothing more needs to be sent. Row P14.
    OfferWithCandidates {
        /// Which peer.
        peer: String,
        /// The whole offer.
        description: Description,
    },
    /// Our answer to the peer; see [`SessionEvent::Offer`]. Row P14.
    Answer {
        /// Which peer.
        peer: String,
        /// The answer.
        description: Description,
    },
    /// The same answer with every candidate inside. Row P14.
    AnswerWithCandidates {
        /// Which peer.
        peer: String,
        /// The whole answer.
        description: Description,
    },
    /// What was agreed on with the peer is no longer what this side wants, or nothing was agreed on yet: make an offer
    /// ([`Session::create_offer`](super::Session::create_offer)), unless one of the peer's is on its way. Never while a
    /// negotiation is going on, and once until the next agreement (W3C `negotiationneeded`).
    NegotiationNeeded {
        /// Which peer.
        peer: String,
    },
    /// The state of the negotiation changed (W3C `signalingstatechange`).
    SignalingState {
        /// Which peer.
        peer: String,
        /// Now.
        state: SignalingState,
    },
    /// The state of our own candidates changed (W3C `icegatheringstatechange`).
    IceGatheringState {
        /// Which peer.
        peer: String,
        /// Now.
        state: IceGatheringState,
    },
    /// The state of the path changed (W3C `iceconnectionstatechange`).
    IceConnectionState {
        /// Which peer.
        peer: String,
        /// Now.
        state: IceConnectionState,
    },
    /// The peer sends this (W3C `track`): told when it was agreed on, before its first packet.
    Track {
        /// Which peer.
        peer: String,
        /// What.
        track: RemoteTrack,
    },
    /// The peer does not send this any more.
    TrackEnded {
        /// Which peer.
        peer: String,
        /// [`RemoteTrack::id`].
        id: String,
    },
    /// One of our candidates, to be given to the peer by your signaling; also those that are inside a description by
    /// now. Row P14.
    Candidate {
        /// Which peer.
        peer: String,
        /// The candidate; its `to_string()` is the JSON.
        candidate: Candidate,
    },
    /// There will be no more candidates until ICE is restarted. Row P13.
    CandidatesComplete {
        /// Which peer.
        peer: String,
    },
    /// The connection's state changed (W3C `connectionstatechange`).
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
    /// [`Session::set_peer_ice_servers`](super::Session::set_peer_ice_servers). Told once for each end.
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
    /// The peer's statistics, as often as [`Session::set_stats_interval`](super::Session::set_stats_interval) says.
    Stats {
        /// Which peer.
        peer: String,
        /// All of them.
        stats: Box<StatsReport>,
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
    /// Row P1: answer to [`Session::devices`](super::Session::devices), also for whoever did not ask; and again each time
    /// something was plugged in or out since.
    DevicesListed(Devices),
    /// Row P4: user media was asked for and is about to be opened so.
    BeforeUserMedia(Constraints),
    /// Rows P2, P3: what was asked for is open; the names of the devices that really are.
    UserMediaStarted {
        /// `None`: not asked for.
        camera: Option<String>,
        /// `None`: not asked for.
        microphone: Option<String>,
    },
    /// Rows P2, P3: it could not be opened.
    UserMediaError(UserMediaError),
    /// Asking for user media is over, well or not.
    AfterUserMedia,
    /// Row P6: a screen or window is being shared now.
    AfterDisplayMedia {
        /// What it is called, for people.
        name: String,
    },
    /// Rows P6, P7: it is shared no more.
    DisplayEnded {
        /// Which.
        id: String,
        /// `None`: as asked. Otherwise the window was closed, the screen unplugged, the desktop left.
        error: Option<DeviceError>,
    },
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
    /// The connection, or what the peer said about it.
    #[error(transparent)]
    Rtc(#[from] RtcError),
    /// Text that is no description or candidate.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// A data channel.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

/// For what is handed in typed and needs no reading.
impl From<Infallible> for SessionError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
