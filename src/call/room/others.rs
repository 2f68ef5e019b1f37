//! What others say: rings, who is there, and that there is no place.

use std::time::Instant;

use super::leg::{Leg, Waiting};
use super::{HOLD, Legs, ROOM_FULL, WAITING, declined};
use crate::call::lifecycle::Input;
use crate::model::body::{Body, DeclineReason, MAX_PEOPLE, RoomCard};
use crate::model::id::{CallId, PeerId};
use crate::model::outcome::Outcome;
use crate::model::snapshot::Stage;

impl Legs {
    pub(super) fn received(&mut self, now: Instant, from: PeerId, call: CallId, body: Body) {
        match body {
            body @ Body::Ring { .. } => self.rung(now, from, call, body),
            Body::Members { room, here, invited } => self.members(now, from, call, room, here, invited),
            body => {
                if matches!(body, Body::Cancel { .. } | Body::Bye { .. }) {
                    self.waiting.retain(|waiting| (waiting.from, waiting.call) != (from, call));
                }
                let Some(n) = self.called(call).filter(|n| self.legs[*n].peer == from) else { return };
                if let Body::Accept { proof, .. } = &body
                    && !self.is_proven(from, call, proof.as_deref())
                {
                    self.distrust(from);
                    return self.give(now, n, Input::HangUp); // which beats what they said
                }
                let full = body == declined(DeclineReason::Full);
                if full && let Some(room) = &mut self.room {
                    room.full.insert(from);
                }
                self.give(now, n, Input::Received { from, call, body });
                if full {
                    self.leave_if_full(now);
                }
            }
        }
    }

    fn rung(&mut self, now: Instant, from: PeerId, id: CallId, body: Body) {
        let Body::Ring { room: card, .. } = &body else { return };
        let card = card.clone();
        let known = self.legs.iter().any(|leg| leg.calls.is_over(id)) || self.idle.is_over(id);
        if known || from == self.me || self.waiting.iter().any(|waiting| waiting.call == id) {
            return;
        }
        if self.is_by_name() {
            return self.rung_by_name(now, from, id, body);
        }
        let input = Input::Received { from, call: id, body: body.clone() };
        let ours = card.as_ref().is_some_and(|card| self.is_ours(card.id));
        if let Some(n) = self.position(from) {
            let crosses = matches!(self.legs[n].stage(), Some(Stage::Calling | Stage::Ringing));
            if ours || crosses || self.room.is_none() {
                return self.rung_again(now, n, id, input, card);
            }
            // They left without a word, and call anew: what was with them is over.
            if let Some(current) = self.legs[n].current() {
                self.give(now, n, Input::PeerLeft(current.call));
            }
            self.settle(now);
        }
        let invites = card.as_ref().is_none_or(|card| card.invites);
        if ours {
            return self.admit(now, from, id, body);
        }
        if !invites {
            return self.say(from, id, declined(DeclineReason::Declined)); // a room that we are not in
        }
        let rings = self.legs.iter().any(Leg::is_incoming);
        let same = card.is_some()
            && self
                .legs
                .iter()
                .filter(|leg| leg.is_incoming())
                .any(|leg| leg.card.as_ref().map(|card| card.id) == card.as_ref().map(|card| card.id));
        if self.legs.is_empty() || (rings && same && self.legs.len() < MAX_PEOPLE) {
            let n = self.add(now, from, card);
            self.give(now, n, input);
        } else {
            self.give(now, 0, input); // says that we are busy
        }
    }

    /// Somebody rings with whom there is a leg: both called at once, or their program started anew.
    pub(super) fn rung_again(&mut self, now: Instant, n: usize, id: CallId, input: Input, card: Option<RoomCard>) {
        let wanted = matches!(self.legs[n].stage(), Some(Stage::Calling | Stage::Ringing));
        let from = self.legs[n].peer;
        self.give(now, n, input);
        if self.legs[n].current().is_none_or(|leg| leg.call != id) {
            return; // ours holds
        }
        self.legs[n].card.clone_from(&card);
        if let Some(card) = card
            && (wanted || self.room.is_some())
        {
            // We wanted to talk to them, and find them in a room.
            self.enter(card.id);
            if let Some(room) = &mut self.room {
                room.read(now, from, &card);
            }
        }
        if self.room.is_some() {
            self.take(now, from);
        }
    }

    /// Somebody comes into our room: now, once a member has named them, or not at all.
    pub(super) fn admit(&mut self, now: Instant, from: PeerId, call: CallId, body: Body) {
        if self.room.as_ref().is_some_and(|room| room.is_named(now, from)) {
            if self.legs.len() + 1 >= MAX_PEOPLE {
                return self.say(from, call, declined(DeclineReason::Full));
            }
            let card = if let Body::Ring { room, .. } = &body { room.clone() } else { None };
            let n = self.add(now, from, card);
            self.give(now, n, Input::Received { from, call, body });
            return self.take(now, from);
        }
        if self.waiting.len() >= WAITING {
            return self.say(from, call, declined(DeclineReason::Declined)); // overflow: refuse
        }
        self.waiting.push(Waiting { from, call, body, until: now + HOLD });
    }

    /// Takes what rings here from a member, without ringing.
    fn take(&mut self, now: Instant, from: PeerId) {
        let Some(n) = self.position(from).filter(|n| self.legs[*n].is_incoming()) else { return };
        let Some(current) = self.legs[n].current() else { return };
        let video = self.room.as_ref().map_or(self.video, |room| room.video);
        self.give(now, n, Input::Accept { call: current.call, video });
    }

    fn members(
        &mut self,
        now: Instant,
        from: PeerId,
        call: CallId,
        id: CallId,
        here: Vec<PeerId>,
        invited: Vec<PeerId>,
    ) {
        let Some(n) = self.called(call).filter(|n| self.legs[*n].peer == from && !self.legs[*n].is_incoming()) else {
            return;
        };
        match &mut self.room {
            Some(room) if room.is_by_name() => return,
            None => self.enter(id),
            Some(room) if id < room.id => room.rename(id),
            Some(room) if id != room.id => self.legs[n].told = None, // they shall know the lower one
            Some(_) => {}
        }
        let Some(room) = &mut self.room else { return };
        here.iter().chain(&invited).for_each(|who| room.name(now, *who));
        room.hear(from, here);
        let (named, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<Vec<_>, _>(|waiting| room.is_named(now, waiting.from));
        self.waiting = waiting;
        for Waiting { from, call, body, .. } in named {
            if self.position(from).is_none() {
                self.admit(now, from, call, body);
            }
        }
    }

    /// Leaves where most others say that there is no room for us.
    fn leave_if_full(&mut self, now: Instant) {
        let Some(room) = &self.room else { return };
        let (full, legs) = (room.full.len(), self.legs.iter().filter(|leg| leg.current().is_some()).count());
        if full > legs {
            self.give_all(now, |_| Some(Input::HangUp));
            self.over(Outcome::Failed(ROOM_FULL.into()));
        }
    }
}
