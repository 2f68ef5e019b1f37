//! Data channels (RFC 8831), by name: their words; `streams` serves them.
//!
//! A channel is known by its name from the moment it is declared; what is sent before it opens waits in a bounded queue
//! and goes out first, in order. Afterwards sending waits while [`SEND_BUFFER`] bytes are on their way.

mod streams;

use bytes::Bytes;
use webrtc::data_channel::RTCDataChannelInit;

pub(crate) use streams::Channels;

/// Name of the channel that every first offer carries: a channel first made after the handshake would never open.
pub const CONTROL: &str = "control";

/// Largest message, in bytes, either way.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Most bytes given to one channel and not yet acknowledged; then sending waits.
pub const SEND_BUFFER: usize = 1 << 20;

/// Most messages kept for a channel that is not open yet; together they have at most [`SEND_BUFFER`] bytes.
pub const QUEUE_BEFORE_OPEN: usize = 64;

/// Most channels of one peer that are not closed, theirs and ours.
pub const MAX_CHANNELS: usize = 64;

/// Longest name and longest protocol of a channel, in bytes (RFC 8832 §5.1 would take 65535).
pub const MAX_LABEL: usize = 256;

/// How a channel delivers (W3C `RTCDataChannelInit`). The default is reliable and in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelConfig {
    /// Its name.
    pub label: String,
    /// In the order sent.
    pub ordered: bool,
    /// Give up after so many retransmissions; `None`: never. Not together with `max_lifetime_ms`.
    pub max_retransmits: Option<u16>,
    /// Give up after so many milliseconds (W3C `maxPacketLifeTime`); `None`: never. Not together with `max_retransmits`.
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

/// Where a channel is (W3C `RTCDataChannelState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelState {
    /// Declared, not open yet: what is sent waits.
    Connecting,
    /// It can be used.
    Open,
    /// Takes nothing more; what was sent is still on its way.
    Closing,
    /// Over. Of closed channels the newest 64 are remembered.
    Closed,
}

/// One channel of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name and how it delivers. Of a channel that the other side made, name, order and protocol are what it chose;
    /// its limits on retransmission are kept by the sender alone, are not told, and read as `None` here.
    pub config: ChannelConfig,
    /// Where it is.
    pub state: ChannelState,
    /// The other side made it.
    pub remote: bool,
}

/// What went over one channel since it was declared (webrtc-stats `RTCDataChannelStats`); payload only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Messages given to the transport.
    pub messages_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Messages that came.
    pub messages_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
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

/// Why a message was not sent, or a channel not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// No channel of this name.
    #[error("there is no channel “{0}” with this peer; add it first")]
    Unknown(String),
    /// A channel of this name is there.
    #[error("there is a channel “{0}” with this peer already; take another name, or close that one first")]
    Exists(String),
    /// [`MAX_CHANNELS`] are there.
    #[error("there are {MAX_CHANNELS} channels with this peer already; close one first")]
    Many,
    /// A configuration that no channel can have.
    #[error("a channel “{label}” cannot be made: {reason}")]
    Config {
        /// Its name.
        label: String,
        /// What to change.
        reason: &'static str,
    },
    /// Longer than one message can be: [`MAX_MESSAGE`], or less where the other side takes less (RFC 8841 §6.1).
    #[error("a message of {bytes} bytes is too long; send at most {limit} at once")]
    Long {
        /// Its length.
        bytes: usize,
        /// The longest that goes.
        limit: usize,
    },
    /// Not open yet, and [`QUEUE_BEFORE_OPEN`] messages or [`SEND_BUFFER`] bytes wait for it.
    #[error("channel “{0}” is not open yet and its queue is full; wait until it opens")]
    Full(String),
    /// Closed by one of the two sides, or with its peer.
    #[error("channel “{0}” is closed")]
    Closed(String),
    /// [`CONTROL`] is closed with its peer only.
    #[error("channel “{CONTROL}” ends with its peer; close the peer")]
    Needed,
}

/// What happens on the channels of one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelEvent {
    /// It can be used.
    Open(String),
    /// A message came on it.
    Message(String, Message),
    /// It ended.
    Closed(String),
}

/// Looks for what the crate would refuse, or the other side misread.
pub(super) fn check(config: &ChannelConfig) -> Result<(), ChannelError> {
    let wrong = |reason| Err(ChannelError::Config { label: config.label.clone(), reason });
    match config {
        _ if config.label.len() > MAX_LABEL => wrong("its name is longer than 256 bytes"),
        _ if config.protocol.len() > MAX_LABEL => wrong("its protocol is longer than 256 bytes"),
        _ if config.max_retransmits.is_some() && config.max_lifetime_ms.is_some() => {
            wrong("limit either retransmissions or lifetime, not both")
        }
        _ => Ok(()),
    }
}

/// The crate's words for a configuration.
pub(super) fn init(config: &ChannelConfig) -> RTCDataChannelInit {
    RTCDataChannelInit {
        ordered: config.ordered,
        max_packet_life_time: config.max_lifetime_ms,
        max_retransmits: config.max_retransmits,
        protocol: config.protocol.clone(),
        negotiated: None,
    }
}
