//! The call that is shown: what belongs to the whole of it, and its legs, one per person.
//!
//! Invariants: a call of two has exactly one leg from its beginning until it is dismissed; in a room, a leg goes with its
//! person; legs stand in the order in which people came.

use std::sync::Arc;
use std::time::Instant;

use super::chat::Conversation;
use super::echo::Echo;
use super::echo_report::Findings;
use super::link::Link;
use super::quality::Path;
use crate::model::command::TileSize;
use crate::model::id::{CallId, Callee, PeerId};
use crate::model::outcome::Direction;
use crate::model::snapshot::{EchoReport, Level, RemoteMedia, RoomView, Stage};
use crate::model::stats::Stats;

/// The call that is shown.
pub(super) struct Active {
    pub(super) call: CallId,
    pub(super) direction: Direction,
    pub(super) stage: Stage,
    pub(super) since: Instant,
    /// Seconds since 1970 at the click.
    pub(super) began: i64,
    pub(super) connected: Option<Instant>,
    pub(super) ended: Option<Instant>,
    pub(super) video: bool,
    /// With whom it began.
    pub(super) peer: Callee,
    pub(super) room: Option<RoomView>,
    pub(super) legs: Vec<Leg>,
    pub(super) talk: Conversation,
    pub(super) test: Option<Test>,
}

/// What there is with one of the others.
pub(super) struct Leg {
    pub(super) call: CallId,
    pub(super) peer: Callee,
    pub(super) id: PeerId,
    pub(super) name: String,
    pub(super) stage: Stage,
    pub(super) since: Instant,
    /// The click, or the acceptance.
    pub(super) clicked: Instant,
    pub(super) connected: Option<Instant>,
    pub(super) setup_ms: u64,
    pub(super) first_frame_ms: Option<u64>,
    pub(super) remote: RemoteMedia,
    /// When their reaction is over.
    pub(super) reaction_until: Option<Instant>,
    pub(super) level: Level,
    pub(super) speaking: bool,
    pub(super) volume: u8,
    pub(super) stats: Arc<Stats>,
    pub(super) link: Option<Link>,
    pub(super) stats_at: Option<Instant>,
    pub(super) path: Path,
    /// How large they are shown here; `None`: not at all.
    pub(super) watched: Option<TileSize>,
    /// They can be told of our state, and were.
    pub(super) told: bool,
    /// The server said that their program is gone.
    pub(super) gone: bool,
}

/// What only a test call has.
#[derive(Default)]
pub(super) struct Test {
    pub(super) echo: Option<Echo>,
    pub(super) findings: Findings,
    pub(super) warm_at: Option<Instant>,
    pub(super) asked: bool,
    pub(super) report: Option<Arc<EchoReport>>,
}

impl Active {
    /// It goes on.
    pub(super) fn is_running(&self) -> bool {
        self.ended.is_none()
    }

    pub(super) fn leg(&self, call: CallId) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.call == call)
    }

    pub(super) fn leg_mut(&mut self, call: CallId) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.call == call)
    }

    /// The leg whose peer the session calls so.
    pub(super) fn leg_called(&self, peer: &str) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.link.as_ref().is_some_and(|link| link.peer() == peer))
    }

    /// Calls a room that has no name of its own after the people in it, as long as there are any.
    pub(super) fn rename(&mut self) {
        if let Some(room) = &mut self.room
            && room.listed.is_none()
            && !self.legs.is_empty()
        {
            let names: Vec<_> = self.legs.iter().map(|leg| leg.name.as_str()).collect();
            room.name = names.join(", ");
        }
        for leg in &self.legs {
            self.talk.name(leg.call, &leg.name);
        }
    }

    /// The connections there are.
    pub(super) fn links(&self) -> impl Iterator<Item = &Link> {
        self.legs.iter().filter_map(|leg| leg.link.as_ref())
    }

    /// When a leg wants to be looked at next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.legs.iter().flat_map(|leg| [leg.stats_at, leg.path.look_at, leg.reaction_until]).flatten().min()
    }
}

impl Leg {
    /// One that begins now, for somebody who is played at `volume` percent.
    pub(super) fn new(call: CallId, peer: Callee, id: PeerId, name: String, stage: Stage, now: Instant) -> Self {
        Self {
            call,
            peer,
            id,
            name,
            stage,
            since: now,
            clicked: now,
            connected: None,
            setup_ms: 0,
            first_frame_ms: None,
            remote: RemoteMedia::default(),
            reaction_until: None,
            level: Level::default(),
            speaking: false,
            volume: super::calls::VOLUME,
            stats: Arc::default(),
            link: None,
            stats_at: None,
            path: Path::default(),
            watched: Some(TileSize::Large),
            told: false,
            gone: false,
        }
    }
}
