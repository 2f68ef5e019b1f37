//! One leg, and what waits to become one.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::call::lifecycle::{Calls, Current};
use crate::model::body::{Body, RoomCard};
use crate::model::id::{CallId, PeerId};
use crate::model::snapshot::Stage;

/// One of the others.
pub(super) struct Leg {
    pub(super) peer: PeerId,
    pub(super) calls: Calls,
    /// Of the ring that made it, ours or theirs.
    pub(super) card: Option<RoomCard>,
    /// What they were told of the others.
    pub(super) told: Option<(CallId, BTreeSet<PeerId>, BTreeSet<PeerId>)>,
    /// Said to be in the room.
    pub(super) joined: bool,
    /// Our person was told that it rings.
    pub(super) rings: bool,
}

impl Leg {
    pub(super) fn current(&self) -> Option<Current> {
        self.calls.current()
    }

    pub(super) fn stage(&self) -> Option<Stage> {
        self.current().and_then(|current| current.stage)
    }

    /// Both sides have agreed on it.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self.stage(), Some(Stage::Connecting | Stage::Connected | Stage::Reconnecting))
    }

    pub(super) fn is_connected(&self) -> bool {
        self.stage() == Some(Stage::Connected)
    }

    /// It rings here.
    pub(super) fn is_incoming(&self) -> bool {
        self.current().is_some_and(|current| current.stage.is_none())
    }

    /// We invite them, and they have not answered.
    pub(super) fn is_invited(&self) -> bool {
        let ours = self.card.as_ref().is_none_or(|card| card.invites);
        ours && matches!(self.stage(), Some(Stage::Calling | Stage::Ringing))
    }
}

/// A ring that waits for the word that names its sender.
pub(super) struct Waiting {
    pub(super) from: PeerId,
    pub(super) call: CallId,
    pub(super) body: Body,
    pub(super) until: Instant,
}
