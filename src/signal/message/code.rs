//! Words for what goes wrong: of the connection, and of one room.

use serde::{Deserialize, Serialize};

/// The codes of the table of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the page says it
pub enum ErrorCode {
    Malformed,
    TooBig,
    TooFast,
    BadVersion,
    BadLogin,
    LoginFirst,
    LoginTimeout,
    NotYou,
    Evicted,
    Idle,
    TooManyConnections,
    Full,
    ShuttingDown,
    UnknownType,
    /// A later version's code.
    #[serde(other)]
    Other,
}

impl ErrorCode {
    /// The WebSocket close code (RFC 6455 section 7.4) that goes with it; `None` where the connection goes on.
    pub fn close_code(self) -> Option<u16> {
        match self {
            Self::UnknownType | Self::Other => None,
            Self::TooBig => Some(1009),
            Self::ShuttingDown => Some(1001),
            Self::TooManyConnections | Self::Full => Some(1013),
            _ => Some(1008),
        }
    }

    /// Whether the same attempt can go well later.
    pub fn retry(self) -> bool {
        !matches!(self, Self::BadVersion | Self::BadLogin | Self::LoginFirst | Self::NotYou | Self::Evicted)
    }
}

/// Why somebody is not let into a room; see Refusals on the page of [`message`](super).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the page says it
pub enum RoomCode {
    NoEntry,
    Full,
    Wait,
    TooMany,
    NoRoom,
    BadEntry,
    /// A later version's code.
    #[serde(other)]
    Other,
}
