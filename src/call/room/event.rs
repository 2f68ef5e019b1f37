//! What the machine says beyond what a single call says.

use crate::call::lifecycle;
use crate::model::id::{CallId, PeerId};
use crate::model::outcome::Outcome;

/// What is to be done, or known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Of one leg; see [`lifecycle::Output`]. `Ended` of a leg within a room ends that leg, not the call.
    Leg(lifecycle::Output),
    /// The call is a room from now on: it has grown, or we came into one.
    Room {
        /// Which.
        room: CallId,
    },
    /// Somebody is in the room now: to be said to our person, whoever it is.
    Joined {
        /// Their leg.
        call: CallId,
        /// Who.
        peer: PeerId,
    },
    /// We are in the room no more: we left, or everybody else did.
    Over {
        /// Which.
        room: CallId,
        /// How.
        outcome: Outcome,
    },
    /// A wish was not granted: why.
    Refused(Refusal),
}

/// Somebody of the room with whom we have no leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hearsay {
    /// Who.
    pub who: PeerId,
    /// By whose word; at least one.
    pub by: Vec<PeerId>,
    /// They do not want to talk to us; otherwise they are rung again and again.
    pub refused: bool,
}

/// Why nobody was invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is nothing to invite into.
    #[error("there is no call to invite anybody into; call somebody first")]
    NoCall,
    /// They are there, or are being called.
    #[error("they are in this call already")]
    Already,
    /// As many as there can be.
    #[error("there are {} people in this call, and more do not fit", crate::model::body::MAX_PEOPLE)]
    Full,
}
