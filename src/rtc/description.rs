//! The servers that help two sides to find a path; what the sides exchange is in [`crate::model::description`].

use serde::{Deserialize, Serialize};

pub use crate::model::description::{Candidate, Description, DescriptionError, DescriptionKind};

/// A STUN or TURN server (W3C `RTCIceServer`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:host:port`, `turn:host:port?transport=udp`.
    pub urls: Vec<String>,
    /// TURN user; empty for STUN.
    #[serde(default)]
    pub username: String,
    /// TURN password; empty for STUN.
    #[serde(default)]
    pub credential: String,
}
