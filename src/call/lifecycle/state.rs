//! Where a call is, and all that is known of it meanwhile.

use std::time::Instant;

use super::event::Current;
use super::rules::RING;
use crate::model::body::Candidate;
use crate::model::id::{CallId, PeerId};
use crate::model::outcome::Direction;
use crate::model::snapshot::Stage;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Preparing,
    Calling,
    Ringing,
    Incoming,
    Answering,
    Connecting,
    Connected,
    Reconnecting,
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) peer: PeerId,
    pub(super) name: String,
    pub(super) direction: Direction,
    /// What the caller asked for.
    pub(super) video: bool,
    /// What the callee took; `None` before.
    pub(super) taken: Option<bool>,
    pub(super) state: State,
    pub(super) until: Option<Instant>,
    pub(super) ring_until: Instant,
    pub(super) restart_at: Option<Instant>,
    /// We made the first offer, so we are the first to restart ICE.
    pub(super) offerer: bool,
    /// Their offer, until it is used.
    pub(super) offer: Option<String>,
    pub(super) ours: Vec<Candidate>,
    pub(super) theirs: Vec<Candidate>,
    /// Their call that ours stands for, they having called at the same time.
    pub(super) superseded: Option<CallId>,
}

impl Call {
    /// One that begins now, in `state` until `until`.
    pub(super) fn new(now: Instant, id: CallId, peer: PeerId, state: State, until: Instant) -> Self {
        let outgoing = state == State::Preparing;
        Self {
            id,
            peer,
            name: String::new(),
            direction: if outgoing { Direction::Outgoing } else { Direction::Incoming },
            video: false,
            taken: None,
            state,
            until: Some(until),
            ring_until: now + RING,
            restart_at: None,
            offerer: outgoing,
            offer: None,
            ours: Vec::new(),
            theirs: Vec::new(),
            superseded: None,
        }
    }

    /// What is to be known of it.
    pub(super) fn view(&self) -> Current {
        let stage = match self.state {
            State::Preparing | State::Calling => Some(Stage::Calling),
            State::Ringing => Some(Stage::Ringing),
            State::Incoming => None,
            State::Answering | State::Connecting => Some(Stage::Connecting),
            State::Connected => Some(Stage::Connected),
            State::Reconnecting => Some(Stage::Reconnecting),
        };
        let (name, video) = (self.name.clone(), self.taken.unwrap_or(self.video));
        Current { call: self.id, peer: self.peer, name, direction: self.direction, video, stage }
    }
}
