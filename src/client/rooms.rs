//! A call of several people: what the machine of [`crate::call::room`] asks for beyond single legs, and what people want
//! of it.

use std::time::{Duration, Instant};

use super::actor::Actor;
use crate::call::control::Control;
use crate::call::lifecycle;
use crate::call::room::Output;
use crate::model::id::{CallId, Callee, PeerId};
use crate::model::notice::Notice;
use crate::model::outcome::{Direction, Outcome};
use crate::model::reaction::Reaction;
use crate::model::snapshot::{REACTION_SECONDS, Recent, RoomView};
use crate::session::Sound;

/// How long a reaction is shown.
const REACTION: Duration = Duration::from_secs(REACTION_SECONDS as u64);

impl Actor {
    pub(super) fn room_output(&mut self, output: Output) {
        match output {
            Output::Leg(output) => self.output(output),
            Output::Room { room } => self.becomes_room(room),
            Output::Joined { call, peer } => self.joined(call, peer),
            Output::Distrusted { peer } => self.distrusted(peer),
            Output::Over { room: _, outcome } => self.room_over(outcome),
            Output::Refused(why) => self.told.push(Notice::Problem(why.to_string())),
        }
    }

    /// The call that is shown is a room from now on. Whose call is not shown yet finds it when it is: see `begin`.
    fn becomes_room(&mut self, room: CallId) {
        if self.show_room(room) {
            return;
        }
        self.told.push(Notice::Room { call: room, room: RoomView::default() });
        if let Some(active) = self.active.as_mut().filter(|active| active.is_running() && active.test.is_none()) {
            active.room = Some(RoomView::default());
            active.talk.becomes_room();
            active.rename();
        }
    }

    /// A leg of the room we are in begins.
    pub(super) fn begin_leg(&mut self, call: CallId, id: PeerId, direction: Direction, video: bool) {
        let named = self.calls.leg(call).map(|leg| leg.name).filter(|name| !name.is_empty());
        let leg = self.new_leg(call, id, direction, video, named);
        if let Some(active) = &mut self.active {
            active.legs.push(leg);
            active.rename();
        }
    }

    fn joined(&mut self, call: CallId, peer: PeerId) {
        let Some(active) = &mut self.active else { return };
        active.talk.join(call, peer);
        active.rename();
        if let Some(leg) = active.leg(call) {
            self.told.push(Notice::Joined { call, peer, name: leg.name.clone() });
        }
    }

    /// Somebody left the room, or did not come; it goes on without them.
    pub(super) fn leg_ended(&mut self, call: CallId, mut recent: Recent, outcome: Outcome) {
        let now = Instant::now();
        let Some(active) = &mut self.active else { return };
        let effects = active.talk.leave(call, super::wire::unix_now(), &self.history);
        let Some(n) = active.legs.iter().position(|leg| leg.call == call) else { return };
        let leg = active.legs.remove(n);
        active.rename();
        self.effects(effects);
        recent.name.clone_from(&leg.name);
        recent.seconds = leg.connected.map_or(0, |at| (now - at).as_secs().try_into().unwrap_or(u32::MAX));
        let (peer, direction) = (leg.id, recent.direction);
        self.remember(recent);
        if leg.connected.is_some() {
            self.sound(Sound::Left);
            self.told.push(Notice::Left { call, peer, name: leg.name, outcome });
        } else {
            self.told.push(Notice::Ended { call, peer: leg.peer, direction, outcome });
        }
        self.keep_heard();
    }

    fn room_over(&mut self, outcome: Outcome) {
        self.forget_room();
        let now = Instant::now();
        let Some(active) = self.active.as_ref().filter(|active| active.room.is_some() && active.is_running()) else {
            return;
        };
        let (call, peer, direction) = (active.call, active.peer, active.direction);
        self.close_call(outcome.clone(), now);
        self.told.push(Notice::Ended { call, peer, direction, outcome });
    }

    /// Brings somebody into the call.
    pub(super) fn invite(&mut self, to: Callee, now: Instant) {
        match to {
            Callee::Peer(id) if self.tests.current().is_none() => self.calls.invite(now, CallId::random(), id),
            Callee::Peer(_) => {
                let why = "nobody can be invited into a test call; leave it and call them";
                self.told.push(Notice::Problem(why.into()));
            }
            Callee::Echo => self.told.push(Notice::Problem("the echo is no guest; call “echo” by itself".into())),
        }
    }

    /// Shows the others something for a moment.
    pub(super) fn react(&mut self, reaction: Reaction, now: Instant) {
        if self.active.as_ref().is_none_or(|active| !active.is_running()) {
            return self.told.push(Notice::Problem("there is no call to react in; call somebody first".into()));
        }
        (self.media.reaction, self.reaction_until) = (Some(reaction), Some(now + REACTION));
        self.tell_all(&Control::Reaction { reaction });
    }

    /// Somebody shows something.
    pub(super) fn reacts(&mut self, call: CallId, reaction: Reaction, now: Instant) {
        if let Some(leg) = self.active.as_mut().and_then(|active| active.leg_mut(call)) {
            (leg.remote.reaction, leg.reaction_until) = (Some(reaction), Some(now + REACTION));
        }
    }

    /// Takes away what was shown long enough.
    pub(super) fn end_reactions(&mut self, now: Instant) {
        if self.reaction_until.is_some_and(|at| at <= now) {
            (self.media.reaction, self.reaction_until) = (None, None);
        }
        for leg in self.active.iter_mut().flat_map(|active| active.legs.iter_mut()) {
            if leg.reaction_until.is_some_and(|at| at <= now) {
                (leg.remote.reaction, leg.reaction_until) = (None, None);
            }
        }
    }

    /// Whether somebody is or could be talked to.
    pub(super) fn is_busy(&self) -> bool {
        self.calls.is_busy()
    }

    /// Refuses what needs that there is no call.
    pub(super) fn refuse_busy(&mut self) {
        self.told.push(Notice::Problem(lifecycle::Refusal::InCall.to_string()));
    }
}
