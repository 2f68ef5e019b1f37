//! One-off facts: what happened, for toasts, JSON Lines and the log.

use super::id::{CallId, Callee, PeerId};
use super::outcome::{Direction, Outcome};
use super::preference::DeviceSwitch;
use super::quality::Verdict;
use super::snapshot::{RoomView, Stage};
use super::stats::Stats;
use super::transfer::{TransferId, TransferNews};

/// One fact.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// The server knows us now.
    Online {
        /// Our ID.
        id: PeerId,
        /// The server's URL.
        server: String,
    },
    /// The server is gone; calls that run go on.
    Offline {
        /// What happened and what to do.
        reason: String,
    },
    /// The other side's program rings.
    Ringing {
        /// Which call.
        call: CallId,
    },
    /// Somebody calls.
    Incoming {
        /// Which call.
        call: CallId,
        /// Who.
        from: PeerId,
        /// What they call themselves.
        name: String,
        /// With picture.
        video: bool,
    },
    /// A call went on to its next stage.
    Stage {
        /// Which call.
        call: CallId,
        /// The other side.
        peer: Callee,
        /// Where it is now.
        stage: Stage,
    },
    /// Media flows.
    Connected {
        /// Which call.
        call: CallId,
        /// From the click (or the acceptance) to the secured transport, ms.
        setup_ms: u64,
    },
    /// The first picture of the other side was decoded.
    FirstFrame {
        /// Which call.
        call: CallId,
        /// From the click (or the acceptance), ms.
        after_ms: u64,
    },
    /// Figures of the last interval.
    Stats {
        /// Which call.
        call: CallId,
        /// The other side.
        peer: Callee,
        /// Since the call began, ms.
        t_ms: u64,
        /// Figures.
        stats: Box<Stats>,
    },
    /// The path to the other side is another than before: better, worse, or for another reason.
    Quality {
        /// Which call.
        call: CallId,
        /// The other side.
        peer: Callee,
        /// How good it is.
        verdict: Verdict,
        /// What is wrong, on which side and why; `None`: nothing any more.
        sentence: Option<String>,
    },
    /// The call is a room from now on: it grew, or we came into one. Of a room with a name, again whenever somebody signs
    /// for it or leaves.
    Room {
        /// Which call.
        call: CallId,
        /// What it is called, and who is there.
        room: RoomView,
    },
    /// Somebody is in the room now.
    Joined {
        /// Their leg.
        call: CallId,
        /// Who.
        peer: PeerId,
        /// What they call themselves.
        name: String,
    },
    /// Somebody is in the room no more; it goes on without them.
    Left {
        /// Their leg.
        call: CallId,
        /// Who.
        peer: PeerId,
        /// What they call themselves.
        name: String,
        /// How.
        outcome: Outcome,
    },
    /// The other side wrote.
    Chat {
        /// Who.
        from: Callee,
        /// What.
        text: String,
    },
    /// A message of ours arrived there.
    ChatDelivered {
        /// [`ChatLine::number`](super::chat::ChatLine::number).
        number: u64,
    },
    /// Something happened to a file.
    File {
        /// The other side.
        peer: PeerId,
        /// Which.
        id: TransferId,
        /// What.
        news: TransferNews,
    },
    /// A screen or window of ours is shared now: its name; or `None` any more.
    Sharing(Option<String>),
    /// Other devices are used now, unasked: unplugged, back, another default of the system. Answered by
    /// [`Command::UndoDevices`](super::command::Command::UndoDevices) where [`DeviceSwitch::undo`] says so.
    Devices(DeviceSwitch),
    /// A call is over.
    Ended {
        /// Which call.
        call: CallId,
        /// The other side.
        peer: Callee,
        /// Who called whom.
        direction: Direction,
        /// How it ended.
        outcome: Outcome,
    },
    /// Good news or plain information, worth a toast of four seconds.
    Told(String),
    /// Something did not work: what happened and what to do.
    Problem(String),
}
