//! Floor 5: the core session manager. Local media and any number of peers; bring your own signaling.
//!
//! # The model
//! A [`Session`] owns one camera, one microphone and one speaker, and any number of peers, each known by a name that you
//! choose. It opens no connection to any server of ours: what two sides must exchange, you carry.
//!
//! 1. [`Session::start`] inside a tokio runtime gives the session and its events. Nothing is open yet.
//! 2. [`Session::add_peer`] on both sides.
//! 3. One side calls [`Session::create_offer`] and sends the text to the other, which hands it to
//!    [`Session::accept_offer`] and sends the answer back, for [`Session::accept_answer`].
//! 4. Both sides pass every [`SessionEvent::Candidate`] on to [`Session::accept_candidate`] of the other. Candidates that
//!    are known when a description is made are inside it, so on one machine or LAN that may be all; and
//!    [`Session::complete_description`] waits for all of them, so that one text each way is enough for any network.
//! 5. [`SessionEvent::ConnectionState`] tells when media flows. [`Session::player`] shows the other side; its sound plays
//!    by itself. [`Session::send`] reaches it on a named data channel; [`CONTROL`] is always there.
//! 6. [`Session::close_peer`] ends one, [`Session::close`] all. A session that is dropped without it leaves its
//!    connections to time out.
//!
//! # Agreeing again
//! Either side may make an offer at any time: after [`SessionEvent::NegotiationNeeded`], or by hand. A signaling loop is
//! short: hand what comes to [`Session::accept_description`] and [`Session::accept_candidate`], and send what they and
//! the events give. When two offers cross, the side with [`PeerConfig::polite`] takes its own back; no answer after a
//! while means that something was lost, and [`Session::create_offer`] gives the same offer again. What signaling must do
//! and what is mended here is written down in [`crate::call::negotiation`].
//!
//! Own media: [`Session::devices`] lists what is there and tells of every hot-plug; [`Session::request_user_media`] opens
//! camera and microphone, [`Session::request_display`] shares a screen or window instead of the camera or beside it.
//!
//! Devices are open only while somebody looks ([`Session::set_preview`]) or a peer is there. Sound and picture are
//! negotiated in both directions from the start, so that switching, muting and choosing another device never negotiates
//! again.
//!
//! Every event names its peer; one peer's failure touches no other. Events must be read: a peer waits when their queue
//! (256) is full, its media does not.
//!
//! # Example
//! Two sessions in one process, with patterns instead of devices:
//! ```
//! use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
//! use visavis::session::*;
//!
//! fn config() -> SessionConfig {
//!     SessionConfig {
//!         camera: VideoInput::Spec(VideoSpec::Scene),
//!         microphone: AudioSpec::Tone(440).into(),
//!         speaker: SinkSpec::None.into(),
//!         ring: SinkSpec::None.into(),
//!         video: VideoRequest { width: 320, height: 180, fps: 30 },
//!         ..SessionConfig::default()
//!     }
//! }
//!
//! # #[tokio::main] async fn main() -> Result<(), SessionError> {
//! let (ann, mut events) = Session::start(config());
//! let (bob, _bobs_events) = Session::start(config());
//! ann.add_peer("bob", PeerConfig::default()).await?;
//! bob.add_peer("ann", PeerConfig::default()).await?;
//!
//! let offer = ann.create_offer("bob").await?.to_string(); // JSON, for any signaling
//! let answer = bob.accept_offer("ann", offer).await?.to_string();
//! ann.accept_answer("bob", answer).await?;
//!
//! while let Some(event) = events.recv().await {
//!     match event {
//!         SessionEvent::Candidate { peer, candidate } => { // `peer` is "bob": over to him
//!             assert_eq!(peer, "bob");
//!             bob.accept_candidate("ann", candidate).await?;
//!         }
//!         SessionEvent::FirstFrame { .. } => break,
//!         _ => {}
//!     }
//! }
//! assert!(ann.player("bob")?.newest().is_some());
//! ann.close().await;
//! bob.close().await;
//! # Ok(()) }
//! ```
//!
//! # Latency between two sessions of one process
//! A frame in a player carries the media time that the transport gave it; [`Session::captured_at`] of the *sending*
//! session turns it into the instant of capture. See there.

mod beside;
mod channels;
mod credentials;
mod link;
mod manager;
mod media;
mod negotiate;
mod process;
mod report;
mod request;
mod stats;
mod switches;
mod tracks;
mod types;

pub use crate::device::VideoRequest;
pub use crate::dsp::clips::Sound;
pub use crate::model::report::StatsReport;
pub use crate::pipeline::audio::{AudioInput, AudioOutput};
pub use crate::pipeline::publish::VideoInput;
pub use crate::rtc::channel::{CONTROL, Channel, ChannelConfig, ChannelError, ChannelState, MAX_MESSAGE, Message};
pub use crate::rtc::description::{Candidate, Description, DescriptionError, DescriptionKind, IceServer};
pub use crate::rtc::engine::{BundlePolicy, RtcError};
pub use crate::rtc::ice::server::ServerError;
pub use crate::rtc::ice::url::UrlError;
pub use crate::rtc::ice::{ServerFailure, ServerTrouble};
pub use crate::rtc::peer::{ConnectionState, IceConnectionState, IceGatheringState, STREAM, SignalingState};
pub use crate::rtc::sdp::TrackKind;
pub use beside::DISPLAY_STREAM;
pub use manager::Session;
pub use process::process;
pub use request::{Constraints, DisplayPlace, DisplayRequest, Facing, UserMediaError, UserMediaRequest, Wanted};
pub use types::{PeerConfig, RemoteTrack, SessionConfig, SessionError, SessionEvent, TransportPolicy};
