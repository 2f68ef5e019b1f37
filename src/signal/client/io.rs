//! What the client's machine is told, and what it wants done or known.

use super::rooms::RoomEvent;
use crate::model::body::Body;
use crate::model::id::{CallId, PeerId};
use crate::model::snapshot::ServerState;
use crate::signal::envelope::{EnvelopeError, Verified};
use crate::signal::room::RoomName;
use crate::signal::room::secret::{Code, DeriveError, Password, RoomKey};

/// Why a connection could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectError {
    /// What happened and what to do, for people.
    pub reason: String,
    /// Nobody listens there: a server may be started.
    pub refused: bool,
    /// It cannot get better by itself (the URL is wrong): do not try again.
    pub permanent: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Use this server from now on; connects at once.
    Server {
        /// WebSocket URL.
        url: String,
        /// It runs inside this program.
        embedded: bool,
    },
    /// The connection asked for by [`Output::Connect`] stands.
    Connected,
    /// It could not be made.
    ConnectFailed(ConnectError),
    /// A text message came.
    Text(String),
    /// The connection ended, with the reason as far as it is known.
    Disconnected(String),
    /// Say this to somebody.
    Send {
        /// Whom.
        to: PeerId,
        /// About which call.
        call: CallId,
        /// What.
        body: Body,
    },
    /// Be in this room, whenever there is a connection, until it is [`RoomEvent::Over`] or left.
    Join {
        /// Which.
        room: RoomName,
        /// To get in, or to be asked of others by who opens it.
        password: Option<Password>,
        /// How many may be in it, if we open it.
        limit: Option<u32>,
    },
    /// Out of it.
    Leave(RoomName),
    /// Out of all of them: the program ends.
    LeaveAll,
    /// What [`Output::Derive`] asked for.
    Derived {
        /// Asked for.
        server: String,
        /// Asked for.
        room: RoomName,
        /// Asked for: the room may be wanted with another one by now.
        password: Password,
        /// [`RoomKey::derive`].
        made: Result<(RoomKey, Code), DeriveError>,
    },
    /// Try now instead of later, also after having been evicted.
    Reconnect,
    /// A deadline passed.
    Tick,
}

/// What is to be done, or known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Drop any connection there is, and connect.
    Connect {
        /// WebSocket URL.
        url: String,
    },
    /// Write this.
    Text(String),
    /// Drop the connection.
    Close,
    /// Whether people can reach us.
    State(ServerState),
    /// Somebody said something: proven.
    Received(Verified),
    /// An envelope was dropped.
    Dropped(EnvelopeError),
    /// It was not sent, or did not arrive: the person is not connected, or we are not.
    Undeliverable {
        /// Whom it was for.
        to: PeerId,
        /// About which call.
        call: CallId,
    },
    /// Somebody we talked to is not connected any more.
    Gone(PeerId),
    /// Who is in a room.
    Room(RoomEvent),
    /// Do [`RoomKey::derive`], which takes long, and say [`Input::Derived`].
    Derive {
        /// What the server calls itself.
        server: String,
        /// Of which room.
        room: RoomName,
        /// The password.
        password: Password,
    },
    /// The first connection to this server was refused: nobody listens there.
    Refused,
    /// This computer's clock and the server's differ by so many seconds, more than envelopes bear.
    ClockWrong {
        /// Ours minus theirs.
        by_s: i64,
    },
}
