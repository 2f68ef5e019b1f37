//! The life of a call: who rings, who takes it, how it ends. One call at a time.
//!
//! The machine knows neither sockets nor media. It is told what people want, what the other side said (already proven,
//! see [`Body`]) and how the transport fares; it says what to send, what media to set up or close, and what to show.
//!
//! ```text
//! caller:  Preparing ─offer─▶ Calling ─ringing─▶ Ringing ─accept─▶ Connecting ⇄ Connected ⇄ Reconnecting
//! callee:  Incoming ─accept─▶ Answering ─answer─────────────────▶ Connecting ⇄ Connected ⇄ Reconnecting
//! ```
//! Invariants: every state but Connected has a deadline, so nothing is stuck; every call that began ends with exactly
//! one [`Output::Ended`]; media are asked for only after both sides agreed, but for the caller's own offer; whoever
//! ends a call tells the other side, at once or (the server being away) as soon as it is back.
//!
//! Crossing messages: `cancel` beats `accept`. Two who ring each other get one call, that of the lower ID. The server's
//! going ends a call that still rings, never one whose media are set up.

mod event;
mod rules;
mod state;

use std::collections::VecDeque;
use std::time::Instant;

use crate::model::body::{Body, ByeReason, CancelReason, Candidate, DeclineReason};
use crate::model::id::{CallId, PeerId};
use crate::model::outcome::{Direction, Outcome};
use crate::model::snapshot::Stage;

pub use event::{Current, Input, Output, Refusal};
pub use rules::{
    CONNECT, CONNECT_GONE, PREPARE, REACH, RECONNECT, RECONNECT_GONE, RESTART_CALLEE, RESTART_EVERY, RING, RING_GRACE,
};
use rules::{MEDIA_SLOW, NO_PATH, PATH_LOST, SERVER_LOST, THEIRS_FAILED, THEIRS_STARTED_ANEW};
use state::{Call, State};

/// Candidates held back until they can be used. Overflow: the newest is dropped (the description holds some as well).
const HELD: usize = 64;
/// Calls known to be over, so that what comes late for them is not taken for a new one. Overflow: the oldest goes.
const OVER: usize = 64;
/// Last words kept while the server is away. Overflow: the oldest goes.
const FAREWELLS: usize = 8;

/// The machine.
pub struct Calls {
    me: PeerId,
    name: String,
    online: bool,
    call: Option<Call>,
    over: VecDeque<CallId>,
    farewells: VecDeque<(PeerId, CallId, Body)>,
    out: VecDeque<Output>,
}

impl Calls {
    /// Of the person `me`, who calls themselves `name`; not online.
    pub fn new(me: PeerId, name: &str) -> Self {
        let name = crate::model::body::clean_name(name);
        let (over, farewells, out) = Default::default();
        Self { me, name, online: false, call: None, over, farewells, out }
    }

    /// What we call ourselves from the next call on.
    pub fn set_name(&mut self, name: &str) {
        self.name = crate::model::body::clean_name(name);
    }

    /// The call there is.
    pub fn current(&self) -> Option<Current> {
        self.call.as_ref().map(Call::view)
    }

    /// Until when the call rings, here or there.
    pub fn ring_until(&self) -> Option<Instant> {
        let rings = |call: &&Call| matches!(call.state, State::Calling | State::Ringing | State::Incoming);
        self.call.as_ref().filter(rings).map(|call| call.ring_until)
    }

    /// The next thing to do or to know.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let call = self.call.as_ref()?;
        [call.until, call.restart_at.filter(|_| self.online)].into_iter().flatten().min()
    }

    /// Takes note of something; ask [`Calls::poll`] afterwards until it gives nothing.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Call { call, to, video } => self.wish_call(now, call, to, video),
            Input::Accept { call, video } => match self.in_state(call, &[State::Incoming]) {
                true => self.accept(now, video),
                false => self.refuse(Refusal::NoSuchCall),
            },
            Input::Decline { call } => match self.in_state(call, &[State::Incoming]) {
                true => self.end_saying(Outcome::Declined, Body::Decline { reason: DeclineReason::Declined }),
                false => self.refuse(Refusal::NoSuchCall),
            },
            Input::HangUp => self.hang_up(),
            Input::DescriptionReady { call, sdp } => self.description_ready(now, call, sdp),
            Input::Renegotiate { call, body } => {
                if self.in_state(call, &[State::Connecting, State::Connected, State::Reconnecting]) {
                    self.say(body);
                }
            }
            Input::LocalCandidate { call, candidate } => self.local_candidate(call, candidate),
            Input::Received { from, call, body } => self.received(now, from, call, body),
            Input::Undeliverable { to, call } => self.undeliverable(now, to, call),
            Input::Gone(peer) => self.gone(now, peer),
            Input::Online(online) => self.set_online(now, online),
            Input::MediaConnected(call) => {
                if self.in_state(call, &[State::Connecting, State::Reconnecting]) {
                    self.enter(State::Connected, None);
                }
            }
            Input::MediaDisconnected(call) => {
                if self.in_state(call, &[State::Connected]) {
                    self.enter(State::Reconnecting, Some(now + RECONNECT));
                    if let Some(call) = &mut self.call {
                        call.restart_at = Some(if call.offerer { now } else { now + RESTART_CALLEE });
                    }
                    self.restart(now);
                }
            }
            Input::MediaFailed(call, reason) => {
                if self.is_current(call) {
                    self.end_saying(Outcome::Failed(reason), Body::Bye { reason: ByeReason::Failed });
                }
            }
            Input::PeerLeft(call) => {
                if self.is_current(call) {
                    self.end(self.left());
                }
            }
            Input::Tick => self.tick(now),
        }
    }

    /// Whether a call is known to be over.
    pub(super) fn is_over(&self, id: CallId) -> bool {
        self.over.contains(&id)
    }

    /// Takes over what a machine whose call has ended still has to say and to know.
    pub(super) fn inherit(&mut self, mut ended: Self) {
        std::mem::take(&mut ended.over).into_iter().for_each(|id| self.note_over(id));
        for (to, call, body) in std::mem::take(&mut ended.farewells) {
            self.tell(to, call, body);
        }
    }

    fn is_current(&self, id: CallId) -> bool {
        self.call.as_ref().is_some_and(|call| call.id == id)
    }

    fn in_state(&self, id: CallId, states: &[State]) -> bool {
        self.call.as_ref().is_some_and(|call| call.id == id && states.contains(&call.state))
    }

    fn refuse(&mut self, why: Refusal) {
        self.out.push_back(Output::Refused(why));
    }

    // ---- what our person wants -------------------------------------------------------------------------------------

    fn wish_call(&mut self, now: Instant, id: CallId, to: PeerId, video: bool) {
        if let Some(call) = &self.call {
            // They ring here already: calling them is taking it.
            if call.state == State::Incoming && call.peer == to {
                return self.accept(now, video);
            }
            return self.refuse(Refusal::InCall);
        }
        if to == self.me {
            return self.refuse(Refusal::Yourself);
        }
        if !self.online {
            return self.refuse(Refusal::Offline);
        }
        self.call = Some(Call { video, ..Call::new(now, id, to, State::Preparing, now + PREPARE) });
        self.out.push_back(Output::Stage { call: id, stage: Stage::Calling });
        self.out.push_back(Output::MakeOffer { call: id, peer: to, video });
    }

    fn accept(&mut self, now: Instant, video: bool) {
        let Some(call) = &mut self.call else { return };
        let offer = call.offer.take().unwrap_or_default();
        call.taken = Some(video);
        let (id, peer) = (call.id, call.peer);
        self.enter(State::Answering, Some(now + PREPARE));
        self.out.push_back(Output::MakeAnswer { call: id, peer, video, offer });
        self.give_their_candidates();
    }

    fn hang_up(&mut self) {
        match self.call.as_ref().map(|call| call.state) {
            None => {}
            Some(State::Preparing) => self.end(Outcome::Cancelled),
            Some(State::Calling | State::Ringing) => {
                self.end_saying(Outcome::Cancelled, Body::Cancel { reason: CancelReason::Cancelled });
            }
            Some(State::Incoming) => {
                self.end_saying(Outcome::Declined, Body::Decline { reason: DeclineReason::Declined });
            }
            Some(_) => self.end_saying(self.left(), Body::Bye { reason: ByeReason::Hangup }),
        }
    }

    // ---- our media -------------------------------------------------------------------------------------------------

    fn description_ready(&mut self, now: Instant, id: CallId, sdp: String) {
        let (name, inside) = (self.name.clone(), sdp.clone());
        let Some(call) = self.call.as_mut().filter(|call| call.id == id) else { return };
        match call.state {
            State::Preparing => {
                let video = call.video;
                (call.state, call.until) = (State::Calling, Some(now + REACH));
                call.ring_until = now + RING;
                self.say(Body::Ring { video, name, sdp, room: None, proof: None });
            }
            State::Answering => {
                let video = call.taken.unwrap_or(call.video);
                (call.state, call.until) = (State::Connecting, Some(now + CONNECT));
                self.say(Body::Accept { video, name, sdp, proof: None });
            }
            _ => return,
        }
        let held = self.call.as_mut().map(|call| std::mem::take(&mut call.ours)).unwrap_or_default();
        held.into_iter()
            .filter(|held| !inside.contains(&held.candidate))
            .for_each(|candidate| self.say(Body::Candidate(candidate)));
    }

    fn local_candidate(&mut self, id: CallId, candidate: Candidate) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == id) else { return };
        match call.state {
            State::Preparing | State::Answering if call.ours.len() < HELD => call.ours.push(candidate),
            State::Preparing | State::Answering | State::Incoming => {}
            _ => self.say(Body::Candidate(candidate)),
        }
    }

    fn give_their_candidates(&mut self) {
        let Some(call) = &mut self.call else { return };
        let (id, held) = (call.id, std::mem::take(&mut call.theirs));
        self.out.extend(held.into_iter().map(|candidate| Output::RemoteCandidate { call: id, candidate }));
    }

    // ---- what the other side says ----------------------------------------------------------------------------------

    fn received(&mut self, now: Instant, from: PeerId, id: CallId, body: Body) {
        if let Body::Ring { video, name, sdp, .. } = body {
            return self.rung(now, from, id, video, name, sdp);
        }
        let Some(call) = self.call.as_mut().filter(|call| call.id == id && call.peer == from) else { return };
        match (body, call.state) {
            (Body::Ringing, State::Calling) => {
                let until = call.ring_until;
                self.enter(State::Ringing, Some(until));
            }
            (Body::Accept { video, name, sdp, .. }, State::Calling | State::Ringing) => {
                call.taken = Some(video);
                call.name = name;
                self.enter(State::Connecting, Some(now + CONNECT));
                self.out.push_back(Output::TakeAnswer { call: id, sdp });
                self.give_their_candidates();
            }
            (Body::Candidate(candidate), State::Incoming | State::Calling | State::Ringing)
                if call.theirs.len() < HELD =>
            {
                call.theirs.push(candidate);
            }
            (
                Body::Candidate(candidate),
                State::Answering | State::Connecting | State::Connected | State::Reconnecting,
            ) => {
                self.out.push_back(Output::RemoteCandidate { call: id, candidate });
            }
            (
                body @ (Body::Offer { .. } | Body::Answer { .. }),
                State::Connecting | State::Connected | State::Reconnecting,
            ) => {
                self.out.push_back(Output::Renegotiate { call: id, body });
            }
            (Body::Decline { reason }, State::Calling | State::Ringing) => self.end(match reason {
                DeclineReason::NoAnswer => Outcome::NoAnswer,
                DeclineReason::Declined | DeclineReason::Full | DeclineReason::Other => Outcome::Declined,
            }),
            (Body::Busy, State::Calling | State::Ringing) => self.end(Outcome::Busy),
            // Also after it was taken: the two crossed, and the caller's word holds.
            (Body::Cancel { reason }, State::Incoming | State::Answering | State::Connecting) => {
                self.end(match reason {
                    CancelReason::NoAnswer => Outcome::NoAnswer,
                    CancelReason::Unreachable => Outcome::Unreachable,
                    CancelReason::Cancelled | CancelReason::Replaced | CancelReason::Other => Outcome::Cancelled,
                })
            }
            (Body::Bye { reason: ByeReason::Failed }, _) => self.end(Outcome::Failed(THEIRS_FAILED.into())),
            (Body::Bye { .. }, State::Incoming) => self.end(Outcome::Cancelled),
            (Body::Bye { .. }, State::Calling | State::Ringing) => self.end(Outcome::Declined),
            (Body::Bye { .. }, _) => self.end(self.left()),
            _ => {} // out of place: late, doubled, or from a program that errs
        }
    }

    fn rung(&mut self, now: Instant, from: PeerId, id: CallId, video: bool, name: String, offer: String) {
        if self.over.contains(&id) || self.is_current(id) || from == self.me {
            return;
        }
        let mut wanted = None;
        if let Some(call) = &mut self.call {
            let with_them = call.peer == from;
            match call.state {
                State::Preparing | State::Calling | State::Ringing if with_them => {
                    if self.me < from {
                        // Glare, and ours holds. They will answer it.
                        call.superseded = Some(id);
                        return;
                    }
                    wanted = Some((call.id, call.video));
                }
                State::Incoming if with_them => self.end(Outcome::Cancelled),
                _ if with_them => self.end(Outcome::Failed(THEIRS_STARTED_ANEW.into())),
                _ => {
                    self.out.push_back(Output::Send { to: from, call: id, body: Body::Busy });
                    self.note_over(id);
                    let (direction, outcome) = (Direction::Incoming, Outcome::Busy);
                    self.out.push_back(Output::Ended { call: id, peer: from, name, direction, video, outcome });
                    return;
                }
            }
        }
        if let Some((old, _)) = wanted {
            // Glare, and theirs holds: ours is taken back and goes on under the ID of theirs.
            self.say(Body::Cancel { reason: CancelReason::Replaced });
            self.out.push_back(Output::CloseMedia(old));
            self.out.push_back(Output::Replaced { old, new: id });
            self.note_over(old);
        }
        let fresh = Call::new(now, id, from, State::Incoming, now + RING + RING_GRACE);
        let direction = if wanted.is_some() { Direction::Outgoing } else { Direction::Incoming };
        self.call = Some(Call { name: name.clone(), direction, video, offer: Some(offer), ..fresh });
        match wanted {
            Some((_, ours)) => self.accept(now, ours),
            None => {
                self.say(Body::Ringing);
                self.out.push_back(Output::Incoming { call: id, from, name, video });
            }
        }
    }

    // ---- the server ------------------------------------------------------------------------------------------------

    fn undeliverable(&mut self, now: Instant, to: PeerId, id: CallId) {
        let Some(call) = self.call.as_ref().filter(|call| call.id == id && call.peer == to) else { return };
        match call.state {
            State::Calling | State::Ringing | State::Incoming | State::Answering => self.end(Outcome::Unreachable),
            State::Connecting => self.gone(now, to),
            State::Preparing | State::Connected | State::Reconnecting => {}
        }
    }

    fn gone(&mut self, now: Instant, peer: PeerId) {
        let Some(call) = self.call.as_mut().filter(|call| call.peer == peer) else { return };
        match call.state {
            State::Calling | State::Ringing | State::Incoming | State::Answering => self.end(Outcome::Unreachable),
            State::Connecting => call.until = call.until.map(|until| until.min(now + CONNECT_GONE)),
            State::Reconnecting => call.until = call.until.map(|until| until.min(now + RECONNECT_GONE)),
            State::Preparing | State::Connected => {}
        }
    }

    fn set_online(&mut self, now: Instant, online: bool) {
        self.online = online;
        if online {
            for (to, call, body) in std::mem::take(&mut self.farewells) {
                self.out.push_back(Output::Send { to, call, body });
            }
            // Whatever was said meanwhile did not arrive.
            if let Some(call) = self.call.as_mut().filter(|call| call.restart_at.is_some()) {
                call.restart_at = Some(now);
            }
            return self.restart(now);
        }
        if let Some(call) = &self.call
            && !matches!(call.state, State::Connecting | State::Connected | State::Reconnecting)
        {
            self.end_saying(Outcome::Failed(SERVER_LOST.into()), Body::Bye { reason: ByeReason::Failed });
        }
    }

    // ---- time ------------------------------------------------------------------------------------------------------

    fn tick(&mut self, now: Instant) {
        self.restart(now);
        let Some(state) = self.call.as_ref().filter(|call| call.until.is_some_and(|at| at <= now)).map(|c| c.state)
        else {
            return;
        };
        let failed = Body::Bye { reason: ByeReason::Failed };
        match state {
            State::Preparing | State::Answering => self.end_saying(Outcome::Failed(MEDIA_SLOW.into()), failed),
            State::Calling => self.end_saying(Outcome::Unreachable, Body::Cancel { reason: CancelReason::Unreachable }),
            State::Ringing => self.end_saying(Outcome::NoAnswer, Body::Cancel { reason: CancelReason::NoAnswer }),
            State::Incoming => self.end_saying(Outcome::NoAnswer, Body::Decline { reason: DeclineReason::NoAnswer }),
            State::Connecting => self.end_saying(Outcome::Failed(NO_PATH.into()), failed),
            State::Reconnecting => self.end_saying(Outcome::Failed(PATH_LOST.into()), failed),
            State::Connected => {}
        }
    }

    fn restart(&mut self, now: Instant) {
        let online = self.online;
        let Some(call) = self.call.as_mut().filter(|call| online && call.restart_at.is_some_and(|at| at <= now)) else {
            return;
        };
        call.restart_at = Some(now + RESTART_EVERY);
        self.out.push_back(Output::RestartIce(call.id));
    }

    // ---- going on and ending ---------------------------------------------------------------------------------------

    fn enter(&mut self, state: State, until: Option<Instant>) {
        let Some(call) = &mut self.call else { return };
        (call.state, call.until, call.restart_at) = (state, until, None);
        let id = call.id;
        if let Some(stage) = self.current().and_then(|current| current.stage) {
            self.out.push_back(Output::Stage { call: id, stage });
        }
    }

    fn say(&mut self, body: Body) {
        if let Some(call) = &self.call {
            self.out.push_back(Output::Send { to: call.peer, call: call.id, body });
        }
    }

    /// The outcome of a call that was taken.
    fn left(&self) -> Outcome {
        match self.call.as_ref().and_then(|call| call.taken) {
            Some(false) => Outcome::AcceptedWithoutVideo,
            _ => Outcome::Accepted,
        }
    }

    fn end_saying(&mut self, outcome: Outcome, body: Body) {
        if let Some(call) = &self.call {
            let (to, id) = (call.peer, call.id);
            self.tell(to, id, body);
        }
        self.end(outcome);
    }

    fn tell(&mut self, to: PeerId, call: CallId, body: Body) {
        if self.online {
            return self.out.push_back(Output::Send { to, call, body });
        }
        if self.farewells.len() >= FAREWELLS {
            self.farewells.pop_front();
        }
        self.farewells.push_back((to, call, body));
    }

    fn end(&mut self, outcome: Outcome) {
        let Some(call) = self.call.take() else { return };
        self.note_over(call.id);
        if let Some(theirs) = call.superseded
            && call.taken.is_none()
        {
            // They may still wait for an answer to the call that ours stood for.
            self.note_over(theirs);
            self.tell(call.peer, theirs, Body::Decline { reason: DeclineReason::Declined });
        }
        if call.state != State::Incoming {
            self.out.push_back(Output::CloseMedia(call.id));
        }
        let Call { id, peer, name, direction, video, .. } = call;
        self.out.push_back(Output::Ended { call: id, peer, name, direction, video, outcome });
    }

    pub(super) fn note_over(&mut self, id: CallId) {
        if self.over.len() >= OVER {
            self.over.pop_front();
        }
        self.over.push_back(id);
    }
}

#[cfg(test)]
mod tests;
