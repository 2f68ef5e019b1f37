//! What a program is told of the rooms it is in.

use crate::model::id::{CallId, PeerId};
use crate::signal::key::PublicKey;
use crate::signal::message::RoomCode;
use crate::signal::room::secret::{DeriveError, Pass};
use crate::signal::room::{EntryError, RoomName};

/// Somebody in a room: proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub id: PeerId,
    /// Their key, to be remembered.
    pub key: PublicKey,
}

/// What is to be known of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomEvent {
    /// We are in it. Told once; after a reconnect only who came and went meanwhile.
    Joined {
        /// Which.
        room: RoomName,
        /// The call its members are in, the same for all of them.
        call: CallId,
        /// How many may be in it.
        limit: u32,
        /// The others, in the order in which they came.
        members: Vec<Member>,
        /// Of a room with a password: what two members show each other.
        pass: Option<Pass>,
    },
    /// Somebody came.
    Entered {
        /// Where.
        room: RoomName,
        /// Who.
        member: Member,
    },
    /// Somebody is gone.
    Left {
        /// From where.
        room: RoomName,
        /// Who.
        id: PeerId,
    },
    /// The server named somebody who is not to be believed: they are no member.
    Distrusted {
        /// Where.
        room: RoomName,
        /// Who they are said to be.
        id: PeerId,
        /// Why not.
        why: EntryError,
    },
    /// We are not in it, and it is not tried again.
    Over {
        /// Which.
        room: RoomName,
        /// Why.
        why: RoomOver,
    },
}

/// Why we are not in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RoomOver {
    /// The password is wrong, or missing, or there is none.
    #[error("this room does not open with this password, or without one; ask somebody who is in it")]
    NoEntry,
    /// As many are in it as may be.
    #[error("the room is full; try again when somebody has left")]
    Full,
    /// Too many attempts from here.
    #[error("too many attempts; wait half a minute and try again")]
    Wait,
    /// In as many rooms as the server allows.
    #[error("you are in too many rooms; leave one first")]
    TooMany,
    /// The server has as many as it can bear.
    #[error("the server has no room left; try again later")]
    NoRoom,
    /// The server is older than rooms.
    #[error("this server knows no rooms; it is older than this program")]
    Unsupported,
    /// It does not answer.
    #[error("the server does not answer; try again in a moment")]
    Unanswered,
    /// Another server is used now.
    #[error("another server is used now; join there")]
    Moved,
    /// No memory for the key.
    #[error(transparent)]
    Key(#[from] DeriveError),
    /// Something else, which the server did not understand or we did not.
    #[error("the server refused the room; update the older of the two programs")]
    Refused,
}

impl From<RoomCode> for RoomOver {
    fn from(code: RoomCode) -> Self {
        match code {
            RoomCode::NoEntry => Self::NoEntry,
            RoomCode::Full => Self::Full,
            RoomCode::Wait => Self::Wait,
            RoomCode::TooMany => Self::TooMany,
            RoomCode::NoRoom => Self::NoRoom,
            RoomCode::BadEntry | RoomCode::Other => Self::Refused,
        }
    }
}
