//! Rooms that have a name on the server: who is there is what people signed for it, not what members say of each other.
//!
//! # Rules
//! - Whoever comes rings all who are listed then; who is there waits for that, and rings only whom [`MISSED`](super::MISSED)
//!   leaves without a leg. So seldom two ring each other at once.
//! - A ring for the room is taken without ringing, from who is listed and, where there is a password, shows that they know
//!   it. Who is not listed yet is waited for ([`HOLD`]), who shows nothing is declined, and our person is told.
//! - Nobody is invited, and what members say of each other does not count: the way in is the name.
//! - Who is listed no more is not rung any more; a leg that stands goes on, since a server that starts anew loses its list
//!   for a moment, and whoever has a leg is seen.
//! - One is in the room also alone. Other calls find us busy.

use std::time::Instant;

use super::leg::Waiting;
use super::people::Room;
use super::{HOLD, Legs, Output, Refusal, WAITING, declined};
use crate::call::lifecycle::{self, Input};
use crate::model::body::{Body, DeclineReason, MAX_PEOPLE, RoomCard};
use crate::model::id::{CallId, PeerId};
use crate::model::outcome::{Direction, Outcome};
use crate::model::snapshot::Stage;
use crate::signal::room::secret::Pass;

impl Legs {
    /// We are in a room with a name, whose call is `id`: these others are listed. `pass`: of a room with a password.
    ///
    /// # Errors
    /// [`Refusal`]: there is a call, or no place for us; nothing was done, and the server is to be told that we leave.
    pub fn join(
        &mut self,
        now: Instant,
        id: CallId,
        listed: &[PeerId],
        pass: Option<Pass>,
        video: bool,
    ) -> Result<(), Refusal> {
        if self.is_busy() {
            return Err(Refusal::InCall);
        }
        if listed.len() >= MAX_PEOPLE {
            return Err(Refusal::Full);
        }
        self.video = video;
        self.room = Some(Room::named(id, video, listed, pass));
        self.out.push_back(Output::Room { room: id });
        self.ring_missed(now, now);
        self.settle(now);
        Ok(())
    }

    /// Somebody is listed in the room from now on, or again.
    pub fn list(&mut self, now: Instant, who: PeerId) {
        let Some(room) = &mut self.room else { return };
        room.list(who);
        let (theirs, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<Vec<_>, _>(|waiting: &Waiting| waiting.from == who);
        self.waiting = waiting;
        for Waiting { from, call, body, .. } in theirs {
            self.rung_by_name(now, from, call, body);
        }
        self.settle(now);
    }

    /// Somebody is listed no more.
    pub fn unlist(&mut self, now: Instant, who: PeerId) {
        let Some(room) = &mut self.room else { return };
        room.unlist(who);
        if let Some(n) = self.position(who) {
            match self.legs[n].stage() {
                Some(Stage::Calling | Stage::Ringing) => self.give(now, n, Input::HangUp),
                // Whoever went without a word is not waited for as long as somebody whose path broke.
                _ => self.give(now, n, Input::Gone(who)),
            }
        }
        self.settle(now);
    }

    /// We are in the room no more: our person left (`None`), or why not.
    pub fn leave(&mut self, now: Instant, why: Option<String>) {
        self.give_all(now, |_| Some(Input::HangUp));
        self.over(why.map_or(Outcome::Accepted, Outcome::Failed));
        self.settle(now);
    }

    pub(super) fn is_by_name(&self) -> bool {
        self.room.as_ref().is_some_and(Room::is_by_name)
    }

    /// Somebody rings while we are in a room with a name.
    pub(super) fn rung_by_name(&mut self, now: Instant, from: PeerId, id: CallId, body: Body) {
        let Body::Ring { room: card, proof, name, video, .. } = &body else { return };
        let ours = card.as_ref().is_some_and(|RoomCard { id, .. }| self.is_ours(*id));
        if !ours {
            let (name, video, direction, outcome) = (name.clone(), *video, Direction::Incoming, Outcome::Busy);
            self.say(from, id, Body::Busy);
            self.idle.note_over(id);
            let ended = lifecycle::Output::Ended { call: id, peer: from, name, direction, video, outcome };
            return self.out.push_back(Output::Leg(ended));
        }
        if self.room.as_ref().is_none_or(|room| !room.is_named(now, from)) {
            if self.waiting.len() >= WAITING {
                return self.say(from, id, declined(DeclineReason::Declined)); // overflow: refuse
            }
            return self.waiting.push(Waiting { from, call: id, body, until: now + HOLD });
        }
        if !self.is_proven(from, id, proof.as_deref()) {
            self.say(from, id, declined(DeclineReason::Declined));
            return self.distrust(from);
        }
        match self.position(from) {
            Some(n) => {
                let card = card.clone();
                self.rung_again(now, n, id, Input::Received { from, call: id, body }, card);
            }
            None => self.admit(now, from, id, body),
        }
    }

    /// Whether this may be an answer of theirs: in a room with a password it has to show that they know it.
    pub(super) fn is_proven(&self, from: PeerId, call: CallId, proof: Option<&str>) -> bool {
        let pass = self.room.as_ref().and_then(|room| room.pass.as_ref());
        pass.is_none_or(|pass| pass.proves(proof, from, self.me, call))
    }

    /// Somebody is not let in; our person is told once.
    pub(super) fn distrust(&mut self, who: PeerId) {
        if let Some(room) = &mut self.room
            && room.refuse(who)
        {
            self.out.push_back(Output::Distrusted { peer: who });
        }
    }
}
