//! Where a connection is, in W3C's words.

use webrtc::peer_connection::{RTCIceConnectionState, RTCIceGatheringState, RTCPeerConnectionState};

pub use crate::call::negotiation::SignalingState;

/// Where a connection is (W3C `RTCPeerConnectionState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConnectionState {
    /// Nothing was exchanged yet.
    #[default]
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

/// Where the search for a path is (W3C `RTCIceConnectionState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IceConnectionState {
    /// No pair of candidates was tried yet.
    #[default]
    New,
    /// Pairs are being tried.
    Checking,
    /// One works.
    Connected,
    /// One works, and no others are tried any more.
    Completed,
    /// Nothing comes through now.
    Disconnected,
    /// No pair works.
    Failed,
    /// Closed.
    Closed,
}

/// Where the gathering of our own candidates is (W3C `RTCIceGatheringState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IceGatheringState {
    /// Not begun.
    #[default]
    New,
    /// Addresses are being found out.
    Gathering,
    /// All are known.
    Complete,
}

impl ConnectionState {
    pub(super) fn of(state: RTCPeerConnectionState) -> Option<Self> {
        Some(match state {
            RTCPeerConnectionState::New => Self::New,
            RTCPeerConnectionState::Connecting => Self::Connecting,
            RTCPeerConnectionState::Connected => Self::Connected,
            RTCPeerConnectionState::Disconnected => Self::Disconnected,
            RTCPeerConnectionState::Failed => Self::Failed,
            RTCPeerConnectionState::Closed => Self::Closed,
            _ => return None,
        })
    }
}

impl IceConnectionState {
    pub(super) fn of(state: RTCIceConnectionState) -> Option<Self> {
        Some(match state {
            RTCIceConnectionState::New => Self::New,
            RTCIceConnectionState::Checking => Self::Checking,
            RTCIceConnectionState::Connected => Self::Connected,
            RTCIceConnectionState::Completed => Self::Completed,
            RTCIceConnectionState::Disconnected => Self::Disconnected,
            RTCIceConnectionState::Failed => Self::Failed,
            RTCIceConnectionState::Closed => Self::Closed,
            _ => return None,
        })
    }
}

impl IceGatheringState {
    pub(super) fn of(state: RTCIceGatheringState) -> Option<Self> {
        Some(match state {
            RTCIceGatheringState::New => Self::New,
            RTCIceGatheringState::Gathering => Self::Gathering,
            RTCIceGatheringState::Complete => Self::Complete,
            _ => return None,
        })
    }
}

/// All of them at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct States {
    /// The whole.
    pub connection: ConnectionState,
    /// The path.
    pub ice: IceConnectionState,
    /// Our candidates.
    pub gathering: IceGatheringState,
    /// The negotiation.
    pub signaling: SignalingState,
}
