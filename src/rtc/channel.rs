//! Data channels (RFC 8831), by name.

use bytes::Bytes;

/// Name of the channel that every first offer carries: a channel first made after the handshake would never open.
pub const CONTROL: &str = "control";

/// Largest message, in bytes, either way.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Most bytes given to one channel and not yet acknowledged; then sending waits.
pub const SEND_BUFFER: usize = 1 << 20;

/// Most messages kept for a channel that is not open yet.
pub const QUEUE_BEFORE_OPEN: usize = 64;

/// How a channel delivers (W3C `RTCDataChannelInit`). The default is reliable and in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelConfig {
    /// Its name.
    pub label: String,
    /// In the order sent.
    pub ordered: bool,
    /// Give up after so many retransmissions; `None`: never. Not together with `max_lifetime_ms`.
    pub max_retransmits: Option<u16>,
    /// Give up after so many milliseconds; `None`: never.
    pub max_lifetime_ms: Option<u16>,
    /// Name of the protocol spoken on it, for the other side to see; may be empty.
    pub protocol: String,
}

impl ChannelConfig {
    /// A reliable, ordered channel.
    pub fn reliable(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            ordered: true,
            max_retransmits: None,
            max_lifetime_ms: None,
            protocol: String::new(),
        }
    }
}

/// One message on a data channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}

impl Message {
    /// Its payload.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// No channel of this name.
    #[error("there is no channel “{0}” with this peer; name it when the peer is added")]
    Unknown(String),
    /// A channel of this name is there.
    #[error("there is a channel “{0}” with this peer already")]
    Exists(String),
    /// Over [`MAX_MESSAGE`].
    #[error("a message of {0} bytes is too long; send at most 65536 at once")]
    Long(usize),
    /// Not open yet, and [`QUEUE_BEFORE_OPEN`] messages wait for it.
    #[error("channel “{0}” is not open yet and its queue is full; wait until it opens")]
    Full(String),
    /// Closed by one of the two sides, or with its peer.
    #[error("channel “{0}” is closed")]
    Closed(String),
}
