//! All legs of the call there is: of a call of two one, in a room one with each of the others (a full mesh).
//!
//! Every leg is a call of [`lifecycle`], which knows nothing of rooms. This machine holds one for each of the others, hands
//! on to each what concerns it, and decides who gets a leg: in place of `lifecycle::Calls` it takes the same inputs, and
//! [`Legs::invite`].
//!
//! # How a call of two becomes a room
//! Whoever invites rings the newcomer as for any call, with a [`RoomCard`] in the ring: the room's ID, which is that of the
//! first leg, so that both sides of a call name the same room, and who is there. The running leg is not touched. Everybody
//! tells everybody whom they have a call with and whom they invite (`Body::Members`, signed like all bodies, whole, after
//! each change). The newcomer, having accepted, rings all others with the room's card, and they take it at once.
//!
//! # Rules
//! - Nobody gets in whom no member named ([`NAMED`]). A ring that comes before the word that names its sender waits for it
//!   ([`HOLD`]); who is not named then is declined.
//! - A member lists only those they have a leg with, so that who leaves is not kept alive by hearsay; what a member
//!   said is forgotten with their leg.
//! - Who is there by a member's word but has no leg with us is rung after a while ([`MISSED`]), again and again with growing
//!   pauses: so two who were invited at once by different people find each other, and a mesh with holes mends.
//! - Two who ring each other at once get one leg, by the rule of [`lifecycle`]. Two who invite the same person ring once
//!   there; taking the one takes the other.
//! - Two rooms that find out to be one go on under the lower ID.
//! - A leg that ends ends for two people only. Who has no leg any more is out of the room.
//! - At most [`MAX_PEOPLE`]. Two who invite at once may overstep it: then those who count too many decline, and whom
//!   most of the others decline leaves.
//!
//! A ring with a card for a room that we are not in never rings here, unless it invites.

mod event;
mod leg;
mod others;
mod people;

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::lifecycle::{self, Calls, Current, Input};
use crate::model::body::{Body, DeclineReason, MAX_PEOPLE, RoomCard};
use crate::model::id::{CallId, PeerId};
use crate::model::outcome::Outcome;
use crate::model::snapshot::Stage;

pub use event::{Hearsay, Output, Refusal};
use leg::{Leg, Waiting};
use people::Room;
pub use people::{MISSED, NAMED, RETRY, RETRY_MOST};

/// How long a ring of somebody whom nobody named yet is held.
pub const HOLD: Duration = Duration::from_secs(5);

/// Rings that wait for the word that names their sender. Overflow: refuse.
const WAITING: usize = MAX_PEOPLE;

/// Why the room is left when it is full.
const ROOM_FULL: &str = "there are as many people in the call as fit; try again when somebody has left";

/// The machine.
pub struct Legs {
    me: PeerId,
    name: String,
    online: bool,
    /// Without a call: keeps what is over, and what is to be said still.
    idle: Calls,
    legs: Vec<Leg>,
    room: Option<Room>,
    waiting: Vec<Waiting>,
    /// With our picture, as our person said last.
    video: bool,
    /// How the last leg ended.
    last: Outcome,
    seed: u64,
    made: u64,
    out: VecDeque<Output>,
}

impl Legs {
    /// Of the person `me`, who calls themselves `name`; not online. `seed`: any number that is another at each start.
    pub fn new(me: PeerId, name: &str, seed: u64) -> Self {
        let idle = Calls::new(me, name);
        let (legs, waiting, out) = Default::default();
        let (name, last) = (name.to_owned(), Outcome::Accepted);
        Self { me, name, online: false, idle, legs, room: None, waiting, video: true, last, seed, made: 0, out }
    }

    /// What we call ourselves from the next leg on.
    pub fn set_name(&mut self, name: &str) {
        name.clone_into(&mut self.name);
        self.idle.set_name(name);
        self.legs.iter_mut().for_each(|leg| leg.calls.set_name(name));
    }

    /// There is a call, or one rings.
    pub fn is_busy(&self) -> bool {
        !self.legs.is_empty()
    }

    /// The room we are in.
    pub fn room(&self) -> Option<CallId> {
        self.room.as_ref().map(|room| room.id)
    }

    /// One leg.
    pub fn leg(&self, call: CallId) -> Option<Current> {
        self.legs.iter().filter_map(Leg::current).find(|current| current.call == call)
    }

    /// All legs, in the order in which they began.
    pub fn legs(&self) -> Vec<Current> {
        self.legs.iter().filter_map(Leg::current).collect()
    }

    /// Who is in the room by the word of others only: there is no leg with them.
    pub fn hearsay(&self) -> Vec<Hearsay> {
        let Some(room) = &self.room else { return Vec::new() };
        let mut heard = room.heard();
        heard.retain(|who| *who != self.me && self.position(*who).is_none());
        let of = |who| Hearsay { who, by: room.witnesses(who), refused: room.has_refused(who) };
        heard.into_iter().map(of).collect()
    }

    /// The next thing to do or to know.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let legs = self.legs.iter().filter_map(|leg| leg.calls.deadline());
        let missed = self.room.as_ref().and_then(|room| room.deadline(|who| self.position(who).is_some()));
        legs.chain(self.waiting.iter().map(|waiting| waiting.until)).chain(missed).min()
    }

    /// Takes note of something; ask [`Legs::poll`] afterwards until it gives nothing.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Call { call, to, video } => self.call(now, call, to, video),
            Input::Accept { call, video } => self.accept(now, call, video),
            Input::Decline { call } => self.decline(now, call),
            Input::HangUp => self.hang_up(now),
            Input::Received { from, call, body } => self.received(now, from, call, body),
            Input::Gone(peer) => self.give_all(now, |leg| (leg.peer == peer).then_some(Input::Gone(peer))),
            Input::Online(online) => {
                self.online = online;
                self.idle.handle(now, Input::Online(online));
                self.give_all(now, |leg| {
                    leg.told = None; // it may not have arrived
                    Some(Input::Online(online))
                });
                self.drain_idle();
            }
            Input::Tick => self.tick(now),
            Input::DescriptionReady { call, .. }
            | Input::Renegotiate { call, .. }
            | Input::LocalCandidate { call, .. }
            | Input::Undeliverable { call, .. }
            | Input::MediaConnected(call)
            | Input::MediaDisconnected(call)
            | Input::MediaFailed(call, _)
            | Input::PeerLeft(call) => {
                if let Some(n) = self.called(call) {
                    self.give(now, n, input);
                }
            }
        }
        self.settle(now);
    }

    /// Our person wants somebody in the call there is. `call` is fresh.
    pub fn invite(&mut self, now: Instant, call: CallId, to: PeerId) {
        let first = self.legs.iter().find(|leg| leg.is_taken()).and_then(Leg::current);
        let Some(id) = self.room().or(first.map(|leg| leg.call)) else {
            return self.out.push_back(Output::Refused(Refusal::NoCall));
        };
        if self.position(to).is_some() {
            return self.out.push_back(Output::Refused(Refusal::Already));
        }
        if self.count() >= MAX_PEOPLE {
            return self.out.push_back(Output::Refused(Refusal::Full));
        }
        if to != self.me && self.online {
            self.enter(id);
        }
        self.ring(now, call, to, true);
        self.settle(now);
    }

    // ---- what our person wants -------------------------------------------------------------------------------------

    fn call(&mut self, now: Instant, call: CallId, to: PeerId, video: bool) {
        match self.position(to).filter(|n| self.legs[*n].is_incoming()) {
            // They ring here already: calling them is taking it.
            Some(n) => {
                if let Some(current) = self.legs[n].current() {
                    self.accept(now, current.call, video);
                }
            }
            None if self.is_busy() => self.refuse(lifecycle::Refusal::InCall),
            None => {
                self.video = video;
                let n = self.add(now, to, None);
                self.give(now, n, Input::Call { call, to, video });
            }
        }
    }

    fn accept(&mut self, now: Instant, call: CallId, video: bool) {
        let Some(n) = self.called(call).filter(|n| self.legs[*n].is_incoming()) else {
            return self.refuse(lifecycle::Refusal::NoSuchCall);
        };
        self.video = video;
        let card = self.legs[n].card.clone();
        if let Some(card) = &card {
            self.enter(card.id);
            for inviter in self.legs.iter().filter(|leg| leg.is_incoming()) {
                if let (Some(room), Some(card)) = (&mut self.room, &inviter.card) {
                    room.read(now, inviter.peer, card);
                }
            }
        }
        // Whoever else invites into the same room is answered by the same word.
        for n in 0..self.legs.len() {
            let leg = &self.legs[n];
            if leg.is_incoming()
                && let Some(current) = leg.current()
            {
                self.give(now, n, Input::Accept { call: current.call, video });
            }
        }
        if card.is_some() {
            self.ring_missed(now, now);
        }
    }

    fn decline(&mut self, now: Instant, call: CallId) {
        if self.called(call).is_none_or(|n| !self.legs[n].is_incoming()) {
            return self.refuse(lifecycle::Refusal::NoSuchCall);
        }
        self.give_all(now, |leg| {
            let current = leg.current().filter(|current| current.stage.is_none())?;
            Some(Input::Decline { call: current.call })
        });
    }

    fn hang_up(&mut self, now: Instant) {
        for waiting in std::mem::take(&mut self.waiting) {
            self.say(waiting.from, waiting.call, declined(DeclineReason::Declined));
        }
        self.give_all(now, |_| Some(Input::HangUp));
    }

    fn refuse(&mut self, why: lifecycle::Refusal) {
        self.out.push_back(Output::Leg(lifecycle::Output::Refused(why)));
    }

    // ---- time ------------------------------------------------------------------------------------------------------

    fn tick(&mut self, now: Instant) {
        self.give_all(now, |leg| leg.calls.deadline().is_some_and(|at| at <= now).then_some(Input::Tick));
        let (late, waiting) =
            std::mem::take(&mut self.waiting).into_iter().partition::<Vec<_>, _>(|waiting| waiting.until <= now);
        self.waiting = waiting;
        for Waiting { from, call, .. } in late {
            self.say(from, call, declined(DeclineReason::Declined));
        }
    }

    /// Rings whoever is there and has no leg with us: from `first` on, or now if that is past.
    fn ring_missed(&mut self, now: Instant, first: Instant) {
        let Some(room) = &mut self.room else { return };
        let (me, legs) = (self.me, &self.legs);
        let mut missed = room.heard();
        missed.retain(|who| *who != me && !legs.iter().any(|leg| leg.peer == *who && leg.is_connected()));
        room.miss(&missed, |who| if me < who || first <= now { first } else { first + MISSED });
        for who in room.due(now, |who| legs.iter().any(|leg| leg.peer == who)) {
            if self.legs.len() + 1 >= MAX_PEOPLE || !self.online {
                break;
            }
            let call = self.fresh(who);
            self.ring(now, call, who, false);
        }
    }

    // ---- legs ------------------------------------------------------------------------------------------------------

    fn position(&self, peer: PeerId) -> Option<usize> {
        self.legs.iter().position(|leg| leg.peer == peer)
    }

    fn called(&self, call: CallId) -> Option<usize> {
        self.legs.iter().position(|leg| leg.current().is_some_and(|current| current.call == call))
    }

    /// Whether a card speaks of the call we are in, which we may not know to be a room yet.
    fn is_ours(&self, id: CallId) -> bool {
        match &self.room {
            Some(room) => room.is_called(id),
            None => self.legs.iter().any(|leg| leg.is_taken() && leg.current().is_some_and(|leg| leg.call == id)),
        }
    }

    /// People in the call, those who are invited included.
    fn count(&self) -> usize {
        let mut all = self.room.as_ref().map(Room::heard).unwrap_or_default();
        all.extend(self.legs.iter().map(|leg| leg.peer));
        all.insert(self.me);
        all.len()
    }

    fn add(&mut self, now: Instant, peer: PeerId, card: Option<RoomCard>) -> usize {
        let mut calls = Calls::new(self.me, &self.name);
        calls.handle(now, Input::Online(self.online));
        self.legs.push(Leg { peer, calls, card, told: None, joined: false, rings: false });
        self.legs.len() - 1
    }

    /// Rings somebody for our room.
    fn ring(&mut self, now: Instant, call: CallId, to: PeerId, invites: bool) {
        let card = self.room.as_ref().map(|room| {
            let taken = self.legs.iter().filter(|leg| leg.is_taken()).map(|leg| leg.peer);
            RoomCard { id: room.id, members: taken.chain([self.me]).take(MAX_PEOPLE).collect(), invites }
        });
        let video = self.room.as_ref().map_or(self.video, |room| room.video);
        let n = self.add(now, to, card);
        self.give(now, n, Input::Call { call, to, video });
    }

    fn fresh(&mut self, with: PeerId) -> CallId {
        self.made += 1;
        let hash = Sha256::new()
            .chain_update(b"visavis leg")
            .chain_update(self.seed.to_le_bytes())
            .chain_update(self.made.to_le_bytes())
            .chain_update(self.me.to_string())
            .chain_update(with.to_string())
            .finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        CallId(id)
    }

    fn enter(&mut self, id: CallId) {
        if self.room.is_none() {
            // Those who are there already are known to our person; who comes from now on is announced.
            self.legs.iter_mut().filter(|leg| leg.is_taken()).for_each(|leg| leg.joined = true);
            self.room = Some(Room::new(id, self.video));
            self.out.push_back(Output::Room { room: id });
        }
    }

    fn say(&mut self, to: PeerId, call: CallId, body: Body) {
        self.out.push_back(Output::Leg(lifecycle::Output::Send { to, call, body }));
    }

    fn give_all(&mut self, now: Instant, mut input: impl FnMut(&mut Leg) -> Option<Input>) {
        for n in 0..self.legs.len() {
            if let Some(input) = input(&mut self.legs[n]) {
                self.give(now, n, input);
            }
        }
    }

    /// Gives a leg its input, and takes what comes of it.
    fn give(&mut self, now: Instant, n: usize, input: Input) {
        let leg = &mut self.legs[n];
        leg.calls.handle(now, input);
        while let Some(mut output) = leg.calls.poll() {
            match &mut output {
                lifecycle::Output::Incoming { .. } => continue, // told by `show`, unless it is taken at once
                lifecycle::Output::Send { body: Body::Ring { room, .. }, .. } => room.clone_from(&leg.card),
                lifecycle::Output::Ended { peer, outcome, .. } if *peer == leg.peer => {
                    (leg.told, leg.joined, leg.rings) = (None, false, false);
                    self.last = outcome.clone();
                    if let Some(room) = &mut self.room {
                        room.forget(leg.peer, matches!(outcome, Outcome::Busy | Outcome::Declined));
                        room.name(now, leg.peer); // a path that was lost may be found again
                    }
                }
                _ => {}
            }
            self.out.push_back(Output::Leg(output));
        }
    }

    fn drain_idle(&mut self) {
        while let Some(output) = self.idle.poll() {
            self.out.push_back(Output::Leg(output));
        }
    }

    /// Draws the consequences: of legs that ended, of people who came, of what the others do not know yet.
    fn settle(&mut self, now: Instant) {
        let ended = |leg: &Leg| leg.current().is_none();
        while let Some(n) = self.legs.iter().position(ended) {
            let leg = self.legs.remove(n);
            self.idle.inherit(leg.calls);
        }
        self.drain_idle();
        self.show();
        if self.room.is_none() {
            return;
        }
        if self.legs.is_empty() {
            return self.over(self.last.clone());
        }
        for leg in self.legs.iter_mut().filter(|leg| !leg.joined) {
            if leg.is_taken()
                && let Some(current) = leg.current()
            {
                leg.joined = true;
                if let Some(room) = &mut self.room {
                    room.full.remove(&leg.peer);
                }
                self.out.push_back(Output::Joined { call: current.call, peer: leg.peer });
            }
        }
        self.ring_missed(now, now + MISSED);
        self.tell();
    }

    /// Tells our person that somebody calls: once, however many invite them to the same.
    fn show(&mut self) {
        if self.legs.iter().any(|leg| leg.rings && leg.is_incoming()) {
            return;
        }
        let Some(leg) = self.legs.iter_mut().find(|leg| leg.is_incoming()) else { return };
        let Some(Current { call, peer: from, name, video, .. }) = leg.current() else { return };
        leg.rings = true;
        self.out.push_back(Output::Leg(lifecycle::Output::Incoming { call, from, name, video }));
    }

    /// Tells each of the others whom we have a leg with, where that is news.
    fn tell(&mut self) {
        let Some(room) = &self.room else { return };
        let of = |which: &dyn Fn(&Leg) -> bool| -> BTreeSet<PeerId> {
            self.legs.iter().filter(|leg| which(leg)).map(|leg| leg.peer).collect()
        };
        let here = of(&|leg| matches!(leg.stage(), Some(Stage::Connecting | Stage::Connected)));
        let invited = of(&Leg::is_invited);
        let news = (room.id, here, invited);
        if !self.online {
            return; // told once we are back
        }
        for leg in self.legs.iter_mut().filter(|leg| leg.is_taken() && leg.told.as_ref() != Some(&news)) {
            let Some(current) = leg.current() else { continue };
            leg.told = Some(news.clone());
            let others = |of: &BTreeSet<PeerId>| of.iter().copied().filter(|who| *who != leg.peer).collect();
            let body = Body::Members { room: news.0, here: others(&news.1), invited: others(&news.2) };
            self.out.push_back(Output::Leg(lifecycle::Output::Send { to: leg.peer, call: current.call, body }));
        }
    }

    /// We are in the room no more.
    fn over(&mut self, outcome: Outcome) {
        for Waiting { from, call, .. } in std::mem::take(&mut self.waiting) {
            self.say(from, call, declined(DeclineReason::Declined));
        }
        if let Some(room) = self.room.take() {
            self.out.push_back(Output::Over { room: room.id, outcome });
        }
    }
}

fn declined(reason: DeclineReason) -> Body {
    Body::Decline { reason }
}

#[cfg(test)]
mod tests;
