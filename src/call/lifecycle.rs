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

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::model::body::{Body, ByeReason, CancelReason, Candidate, DeclineReason};
use crate::model::id::{CallId, PeerId};
use crate::model::outcome::{Direction, Outcome};
use crate::model::snapshot::{RING_SECONDS, Stage};

/// How long our own offer or answer may take.
pub const PREPARE: Duration = Duration::from_secs(10);
/// How long the other program may take to say that it rings.
pub const REACH: Duration = Duration::from_secs(10);
/// How long a call rings, from the ring sent.
pub const RING: Duration = Duration::from_secs(RING_SECONDS as u64);
/// How much longer the callee waits for the caller's word about that.
pub const RING_GRACE: Duration = Duration::from_secs(2);
/// How long the media path may take.
pub const CONNECT: Duration = Duration::from_secs(20);
/// How long a broken path is mended.
pub const RECONNECT: Duration = Duration::from_secs(45);
/// How long, if the server also says that the other program is gone.
pub const RECONNECT_GONE: Duration = Duration::from_secs(10);
/// How long a path that is being built may still come to stand when the other program is gone from the server.
pub const CONNECT_GONE: Duration = Duration::from_millis(800);
/// Pause between two attempts to restart ICE.
pub const RESTART_EVERY: Duration = Duration::from_secs(5);

/// Candidates held back until they can be used. Overflow: the newest is dropped (the description holds some as well).
const HELD: usize = 64;
/// Calls known to be over, so that what comes late for them is not taken for a new one. Overflow: the oldest goes.
const OVER: usize = 64;
/// Last words kept while the server is away. Overflow: the oldest goes.
const FAREWELLS: usize = 8;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Our person calls somebody. `call` is fresh.
    Call {
        /// A fresh ID for it.
        call: CallId,
        /// Whom.
        to: PeerId,
        /// With picture.
        video: bool,
    },
    /// Our person takes the incoming call.
    Accept {
        /// Which.
        call: CallId,
        /// With picture.
        video: bool,
    },
    /// Our person refuses the incoming call.
    Decline {
        /// Which.
        call: CallId,
    },
    /// Our person takes back, refuses or leaves whatever call there is.
    HangUp,
    /// What [`Output::MakeOffer`] or [`Output::MakeAnswer`] asked for.
    DescriptionReady {
        /// Of which call.
        call: CallId,
        /// SDP.
        sdp: String,
    },
    /// A later offer or answer of ours (`Body::Offer`, `Body::Answer`), to be sent if the call stands.
    Renegotiate {
        /// Of which call.
        call: CallId,
        /// The offer or the answer.
        body: Body,
    },
    /// A candidate of ours; before the description is sent it is held back.
    LocalCandidate {
        /// Of which call.
        call: CallId,
        /// The candidate.
        candidate: Candidate,
    },
    /// Somebody said something: proven to be from them and for us.
    Received {
        /// Who.
        from: PeerId,
        /// About which call.
        call: CallId,
        /// What.
        body: Body,
    },
    /// What we said did not arrive: they are not connected.
    Undeliverable {
        /// For whom it was.
        to: PeerId,
        /// About which call.
        call: CallId,
    },
    /// Somebody we talked to lost their connection to the server.
    Gone(PeerId),
    /// The server knows us, or not.
    Online(bool),
    /// The media path stands.
    MediaConnected(CallId),
    /// The media path broke and may come back.
    MediaDisconnected(CallId),
    /// Media cannot be set up: what happened and what to try.
    MediaFailed(CallId, String),
    /// The other side said over the data channel that it leaves.
    PeerLeft(CallId),
    /// A deadline passed.
    Tick,
}

/// What is to be done, or known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Say this to somebody.
    Send {
        /// Whom.
        to: PeerId,
        /// About which call.
        call: CallId,
        /// What.
        body: Body,
    },
    /// Set up media and make an offer; answer with [`Input::DescriptionReady`] or [`Input::MediaFailed`].
    MakeOffer {
        /// For which call.
        call: CallId,
        /// With whom.
        peer: PeerId,
        /// With our picture.
        video: bool,
    },
    /// Set up media and answer this offer; answer with [`Input::DescriptionReady`] or [`Input::MediaFailed`].
    MakeAnswer {
        /// For which call.
        call: CallId,
        /// With whom.
        peer: PeerId,
        /// With our picture.
        video: bool,
        /// Their offer, SDP.
        offer: String,
    },
    /// The answer to our first offer.
    TakeAnswer {
        /// Of which call.
        call: CallId,
        /// SDP.
        sdp: String,
    },
    /// A later offer or answer of theirs ([`Body::Offer`], [`Body::Answer`]).
    Renegotiate {
        /// Of which call.
        call: CallId,
        /// What they said.
        body: Body,
    },
    /// A candidate of theirs; never before their description.
    RemoteCandidate {
        /// Of which call.
        call: CallId,
        /// The candidate.
        candidate: Candidate,
    },
    /// Make an offer with new ICE credentials and hand it back by [`Input::Renegotiate`]. Only the caller is asked.
    RestartIce(CallId),
    /// Close the media of this call.
    CloseMedia(CallId),
    /// Ring here.
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
    /// Both called at once: our call goes on under the ID of theirs.
    Replaced {
        /// Our call's ID, over without an outcome.
        old: CallId,
        /// The ID it goes on under.
        new: CallId,
    },
    /// The call went on to its next stage. [`Stage::Ended`] is not told here but by [`Output::Ended`].
    Stage {
        /// Which call.
        call: CallId,
        /// Where it is.
        stage: Stage,
    },
    /// It is over.
    Ended {
        /// Which call.
        call: CallId,
        /// The other side.
        peer: PeerId,
        /// What they call themselves; empty where unknown.
        name: String,
        /// Who called whom.
        direction: Direction,
        /// With picture, as it was asked for.
        video: bool,
        /// How it ended.
        outcome: Outcome,
    },
    /// A wish was not granted: why.
    Refused(Refusal),
}

/// Why a wish was not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// One call at a time.
    #[error("you are in a call; leave it first")]
    InCall,
    /// Calling one's own ID.
    #[error("this is your own ID; call “echo” to test your devices")]
    Yourself,
    /// The server does not know us.
    #[error("you are not connected to the server; wait for it, or check its address in the settings")]
    Offline,
    /// It is over, or never was.
    #[error("this call is over")]
    NoSuchCall,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
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
struct Call {
    id: CallId,
    peer: PeerId,
    name: String,
    direction: Direction,
    /// What the caller asked for.
    video: bool,
    /// What the callee took; `None` before.
    taken: Option<bool>,
    state: State,
    until: Option<Instant>,
    ring_until: Instant,
    restart_at: Option<Instant>,
    /// We made the first offer, so we restart ICE.
    offerer: bool,
    /// Their offer, until it is used.
    offer: Option<String>,
    ours: Vec<Candidate>,
    theirs: Vec<Candidate>,
    /// Their call that ours stands for, they having called at the same time.
    superseded: Option<CallId>,
}

/// What is to be known of the call there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// Which.
    pub call: CallId,
    /// The other side.
    pub peer: PeerId,
    /// What they call themselves; empty where unknown.
    pub name: String,
    /// Who called whom.
    pub direction: Direction,
    /// With picture: as taken, or before that as asked for.
    pub video: bool,
    /// Where it is; `None` while it rings here.
    pub stage: Option<Stage>,
}

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
        let call = self.call.as_ref()?;
        let stage = match call.state {
            State::Preparing | State::Calling => Some(Stage::Calling),
            State::Ringing => Some(Stage::Ringing),
            State::Incoming => None,
            State::Answering | State::Connecting => Some(Stage::Connecting),
            State::Connected => Some(Stage::Connected),
            State::Reconnecting => Some(Stage::Reconnecting),
        };
        let video = call.taken.unwrap_or(call.video);
        let (peer, name, direction) = (call.peer, call.name.clone(), call.direction);
        Some(Current { call: call.id, peer, name, direction, video, stage })
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
                    if let Some(call) = self.call.as_mut().filter(|call| call.offerer) {
                        call.restart_at = Some(now);
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
        self.call = Some(Call {
            id,
            peer: to,
            name: String::new(),
            direction: Direction::Outgoing,
            video,
            taken: None,
            state: State::Preparing,
            until: Some(now + PREPARE),
            ring_until: now + RING,
            restart_at: None,
            offerer: true,
            offer: None,
            ours: Vec::new(),
            theirs: Vec::new(),
            superseded: None,
        });
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
        let name = self.name.clone();
        let Some(call) = self.call.as_mut().filter(|call| call.id == id) else { return };
        match call.state {
            State::Preparing => {
                let video = call.video;
                (call.state, call.until) = (State::Calling, Some(now + REACH));
                call.ring_until = now + RING;
                self.say(Body::Ring { video, name, sdp });
            }
            State::Answering => {
                let video = call.taken.unwrap_or(call.video);
                (call.state, call.until) = (State::Connecting, Some(now + CONNECT));
                self.say(Body::Accept { video, name, sdp });
            }
            _ => return,
        }
        let held = self.call.as_mut().map(|call| std::mem::take(&mut call.ours)).unwrap_or_default();
        held.into_iter().for_each(|candidate| self.say(Body::Candidate(candidate)));
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
        if let Body::Ring { video, name, sdp } = body {
            return self.rung(now, from, id, video, name, sdp);
        }
        let Some(call) = self.call.as_mut().filter(|call| call.id == id && call.peer == from) else { return };
        match (body, call.state) {
            (Body::Ringing, State::Calling) => {
                let until = call.ring_until;
                self.enter(State::Ringing, Some(until));
            }
            (Body::Accept { video, name, sdp }, State::Calling | State::Ringing) => {
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
                DeclineReason::Declined | DeclineReason::Other => Outcome::Declined,
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
        self.call = Some(Call {
            id,
            peer: from,
            name: name.clone(),
            direction: if wanted.is_some() { Direction::Outgoing } else { Direction::Incoming },
            video,
            taken: None,
            state: State::Incoming,
            until: Some(now + RING + RING_GRACE),
            ring_until: now + RING,
            restart_at: None,
            offerer: false,
            offer: Some(offer),
            ours: Vec::new(),
            theirs: Vec::new(),
            superseded: None,
        });
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

    fn note_over(&mut self, id: CallId) {
        if self.over.len() >= OVER {
            self.over.pop_front();
        }
        self.over.push_back(id);
    }
}

const THEIRS_FAILED: &str = "the other program could not go on; call again";
const THEIRS_STARTED_ANEW: &str = "the other program started anew";
const SERVER_LOST: &str = "the connection to the server was lost; call again once you are online";
const MEDIA_SLOW: &str = "camera or microphone did not get ready; choose other devices or try again";
const NO_PATH: &str = "no way to the other side was found; a firewall may block it, try another network";
const PATH_LOST: &str = "the connection was lost; call again";

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> PeerId {
        PeerId::from_public_key(&[n; 32])
    }

    /// Two people, the lower ID first.
    fn two() -> (PeerId, PeerId) {
        let (a, b) = (id(1), id(2));
        (a.min(b), a.max(b))
    }

    const X: CallId = CallId([1; 16]);
    const Y: CallId = CallId([2; 16]);

    struct Bench {
        calls: Calls,
        now: Instant,
    }

    impl Bench {
        fn new(me: PeerId) -> Self {
            let mut bench = Self { calls: Calls::new(me, "Noor"), now: Instant::now() };
            bench.give(Input::Online(true));
            bench
        }

        fn give(&mut self, input: Input) -> Vec<Output> {
            self.calls.handle(self.now, input);
            std::iter::from_fn(|| self.calls.poll()).collect()
        }

        fn say(&mut self, from: PeerId, call: CallId, body: Body) -> Vec<Output> {
            self.give(Input::Received { from, call, body })
        }

        fn wait(&mut self, time: Duration) -> Vec<Output> {
            self.now += time;
            self.give(Input::Tick)
        }

        fn stage(&self) -> Option<Stage> {
            self.calls.current().and_then(|current| current.stage)
        }

        /// A call to `to` that was sent.
        fn calling(me: PeerId, to: PeerId) -> Self {
            let mut bench = Self::new(me);
            bench.give(Input::Call { call: X, to, video: true });
            bench.give(Input::DescriptionReady { call: X, sdp: "offer".into() });
            bench
        }

        fn connected(me: PeerId, to: PeerId) -> Self {
            let mut bench = Self::calling(me, to);
            bench.say(to, X, Body::Ringing);
            bench.say(to, X, accept(true));
            bench.give(Input::MediaConnected(X));
            assert_eq!(bench.stage(), Some(Stage::Connected));
            bench
        }

        fn rung(me: PeerId, from: PeerId) -> Self {
            let mut bench = Self::new(me);
            bench.say(from, X, ring());
            bench
        }
    }

    fn ring() -> Body {
        Body::Ring { video: true, name: "Amara".into(), sdp: "offer".into() }
    }

    fn accept(video: bool) -> Body {
        Body::Accept { video, name: "Amara".into(), sdp: "answer".into() }
    }

    fn candidate(n: u8) -> Candidate {
        Candidate { candidate: format!("candidate:{n}"), ..Candidate::default() }
    }

    fn ended(out: &[Output]) -> Vec<&Outcome> {
        out.iter().filter_map(|o| if let Output::Ended { outcome, .. } = o { Some(outcome) } else { None }).collect()
    }

    fn said(out: &[Output]) -> Vec<&'static str> {
        out.iter().filter_map(|o| if let Output::Send { body, .. } = o { Some(body.kind()) } else { None }).collect()
    }

    #[test]
    fn a_call_goes_its_way() {
        let (a, b) = two();
        let mut caller = Bench::new(a);
        let out = caller.give(Input::Call { call: X, to: b, video: true });
        assert!(out.contains(&Output::MakeOffer { call: X, peer: b, video: true }));
        // A candidate that comes before the offer waits for it.
        assert!(caller.give(Input::LocalCandidate { call: X, candidate: candidate(1) }).is_empty());
        let out = caller.give(Input::DescriptionReady { call: X, sdp: "offer".into() });
        assert_eq!(said(&out), ["ring", "candidate"]);
        caller.say(b, X, Body::Ringing);
        assert_eq!(caller.stage(), Some(Stage::Ringing));
        // Theirs waits for their answer.
        assert!(caller.say(b, X, Body::Candidate(candidate(2))).is_empty());
        let out = caller.say(b, X, accept(false));
        assert!(
            matches!(&out[1..], [Output::TakeAnswer { sdp, .. }, Output::RemoteCandidate { .. }] if sdp == "answer")
        );
        caller.give(Input::MediaConnected(X));
        assert_eq!(caller.stage(), Some(Stage::Connected));
        assert_eq!(caller.calls.deadline(), None);
        let out = caller.give(Input::HangUp);
        assert_eq!((said(&out), ended(&out)), (vec!["bye"], vec![&Outcome::AcceptedWithoutVideo]));
        assert!(caller.calls.current().is_none());
    }

    #[test]
    fn an_incoming_call_goes_its_way() {
        let (a, b) = two();
        let mut callee = Bench::new(b);
        let out = callee.say(a, X, ring());
        assert_eq!(said(&out), ["ringing"]);
        assert!(out.contains(&Output::Incoming { call: X, from: a, name: "Amara".into(), video: true }));
        callee.say(a, X, Body::Candidate(candidate(1)));
        let out = callee.give(Input::Accept { call: X, video: true });
        assert!(
            matches!(&out[1..], [Output::MakeAnswer { offer, .. }, Output::RemoteCandidate { .. }] if offer == "offer")
        );
        assert!(said(&out).is_empty());
        let out = callee.give(Input::DescriptionReady { call: X, sdp: "answer".into() });
        assert_eq!(said(&out), ["accept"]);
        callee.give(Input::MediaConnected(X));
        let out = callee.say(a, X, Body::Bye { reason: ByeReason::Hangup });
        assert_eq!(ended(&out), [&Outcome::Accepted]);
        assert!(out.contains(&Output::CloseMedia(X)));
    }

    #[test]
    fn nothing_leaves_before_the_call_is_taken() {
        let (a, b) = two();
        let mut callee = Bench::rung(b, a);
        assert!(callee.give(Input::LocalCandidate { call: X, candidate: candidate(1) }).is_empty());
    }

    #[test]
    fn every_word_of_the_callee_has_its_outcome() {
        let (a, b) = two();
        let decline = |reason| Body::Decline { reason };
        for (body, outcome) in [
            (Body::Busy, Outcome::Busy),
            (decline(DeclineReason::Declined), Outcome::Declined),
            (decline(DeclineReason::NoAnswer), Outcome::NoAnswer),
            (Body::Bye { reason: ByeReason::Failed }, Outcome::Failed(THEIRS_FAILED.into())),
        ] {
            let out = Bench::calling(a, b).say(b, X, body);
            assert_eq!(ended(&out), [&outcome]);
        }
    }

    #[test]
    fn every_word_of_the_caller_has_its_outcome() {
        let (a, b) = two();
        for (reason, outcome) in [
            (CancelReason::Cancelled, Outcome::Cancelled),
            (CancelReason::NoAnswer, Outcome::NoAnswer),
            (CancelReason::Unreachable, Outcome::Unreachable),
        ] {
            let out = Bench::rung(b, a).say(a, X, Body::Cancel { reason });
            assert_eq!(ended(&out), [&outcome]);
        }
        let mut crossed = Bench::rung(b, a);
        crossed.give(Input::Accept { call: X, video: true });
        crossed.give(Input::DescriptionReady { call: X, sdp: "answer".into() });
        let out = crossed.say(a, X, Body::Cancel { reason: CancelReason::Cancelled });
        assert_eq!(ended(&out), [&Outcome::Cancelled], "the caller gave up while we took it");
    }

    #[test]
    fn a_stranger_cannot_end_it() {
        let (a, b) = two();
        let mut bench = Bench::connected(a, b);
        assert!(bench.say(id(9), X, Body::Bye { reason: ByeReason::Hangup }).is_empty());
        assert!(bench.say(b, Y, Body::Bye { reason: ByeReason::Hangup }).is_empty());
        assert_eq!(bench.stage(), Some(Stage::Connected));
    }

    #[test]
    fn it_rings_for_45_seconds() {
        let (a, b) = two();
        let mut caller = Bench::calling(a, b);
        caller.say(b, X, Body::Ringing);
        assert!(caller.wait(RING - Duration::from_secs(1)).is_empty());
        let out = caller.wait(Duration::from_secs(1));
        assert_eq!((said(&out), ended(&out)), (vec!["cancel"], vec![&Outcome::NoAnswer]));
        let mut callee = Bench::rung(b, a);
        assert!(callee.wait(RING).is_empty(), "the caller's word comes first");
        assert_eq!(ended(&callee.wait(RING_GRACE)), [&Outcome::NoAnswer]);
    }

    #[test]
    fn who_is_not_there_is_unreachable() {
        let (a, b) = two();
        for input in [Input::Undeliverable { to: b, call: X }, Input::Gone(b)] {
            assert_eq!(ended(&Bench::calling(a, b).give(input)), [&Outcome::Unreachable]);
        }
        assert_eq!(ended(&Bench::calling(a, b).wait(REACH)), [&Outcome::Unreachable], "no ringing came");
        assert_eq!(ended(&Bench::rung(b, a).give(Input::Gone(a))), [&Outcome::Unreachable]);
        let mut other = Bench::calling(a, b);
        assert!(other.give(Input::Gone(id(9))).is_empty());
        assert!(other.give(Input::Undeliverable { to: b, call: Y }).is_empty());
    }

    #[test]
    fn the_server_may_go_once_media_flow() {
        let (a, b) = two();
        let mut bench = Bench::connected(a, b);
        assert!(bench.give(Input::Online(false)).is_empty());
        assert!(bench.give(Input::Gone(b)).is_empty());
        assert_eq!(bench.stage(), Some(Stage::Connected));
        let out = bench.give(Input::HangUp);
        assert!(said(&out).is_empty());
        assert_eq!(said(&bench.give(Input::Online(true))), ["bye"], "said as soon as it can be");
    }

    #[test]
    fn the_servers_going_ends_what_still_rings() {
        let (a, b) = two();
        for mut bench in [Bench::calling(a, b), Bench::rung(b, a)] {
            assert!(matches!(&ended(&bench.give(Input::Online(false)))[..], [Outcome::Failed(_)]));
            assert_eq!(said(&bench.give(Input::Online(true))), ["bye"]);
        }
    }

    #[test]
    fn a_third_person_finds_us_busy() {
        let (a, b) = two();
        for mut bench in [Bench::connected(a, b), Bench::calling(a, b), Bench::rung(a, b)] {
            let before = bench.calls.current();
            let out = bench.say(id(9), Y, ring());
            assert_eq!((said(&out), ended(&out)), (vec!["busy"], vec![&Outcome::Busy]));
            assert_eq!(bench.calls.current(), before);
        }
    }

    #[test]
    fn two_who_call_each_other_get_one_call() {
        let (low, high) = two();
        let mut first = Bench::calling(low, high);
        assert!(first.say(high, Y, ring()).is_empty());
        let mut second = Bench::new(high);
        second.give(Input::Call { call: Y, to: low, video: false });
        second.give(Input::DescriptionReady { call: Y, sdp: "offer".into() });
        let out = second.say(low, X, ring());
        assert_eq!(said(&out), ["cancel"]);
        assert!(out.contains(&Output::Replaced { old: Y, new: X }) && out.contains(&Output::CloseMedia(Y)));
        assert!(out.iter().any(|o| matches!(o, Output::MakeAnswer { call: X, video: false, .. })));
        assert!(ended(&out).is_empty());
        assert!(first.say(high, Y, Body::Cancel { reason: CancelReason::Replaced }).is_empty());
        second.give(Input::DescriptionReady { call: X, sdp: "answer".into() });
        first.say(high, X, accept(false));
        assert_eq!((first.stage(), second.stage()), (Some(Stage::Connecting), Some(Stage::Connecting)));
    }

    #[test]
    fn calling_who_rings_here_is_taking_it() {
        let (a, b) = two();
        let out = Bench::rung(b, a).give(Input::Call { call: Y, to: a, video: true });
        assert!(out.iter().any(|o| matches!(o, Output::MakeAnswer { call: X, .. })));
    }

    #[test]
    fn a_program_that_started_anew_can_call_again() {
        let (a, b) = two();
        let mut bench = Bench::connected(a, b);
        let out = bench.say(b, Y, ring());
        assert!(matches!(&ended(&out)[..], [Outcome::Failed(_)]));
        assert!(out.iter().any(|o| matches!(o, Output::Incoming { call: Y, .. })));
    }

    #[test]
    fn a_call_that_is_over_does_not_ring_again() {
        let (a, b) = two();
        let mut bench = Bench::rung(b, a);
        bench.give(Input::Decline { call: X });
        assert!(bench.say(a, X, ring()).is_empty());
    }

    #[test]
    fn a_broken_path_is_mended_or_given_up() {
        let (a, b) = two();
        let mut bench = Bench::connected(a, b);
        let out = bench.give(Input::MediaDisconnected(X));
        assert!(out.contains(&Output::RestartIce(X)), "{out:?}");
        assert!(bench.wait(RESTART_EVERY).contains(&Output::RestartIce(X)));
        bench.give(Input::MediaConnected(X));
        assert_eq!((bench.stage(), bench.calls.deadline()), (Some(Stage::Connected), None));
        bench.give(Input::MediaDisconnected(X));
        assert!(matches!(&ended(&bench.wait(RECONNECT))[..], [Outcome::Failed(_)]));
        // The callee never offers: two restarts at once would cross.
        let mut callee = Bench::rung(b, a);
        callee.give(Input::Accept { call: X, video: true });
        callee.give(Input::DescriptionReady { call: X, sdp: "answer".into() });
        callee.give(Input::MediaConnected(X));
        assert!(!callee.give(Input::MediaDisconnected(X)).contains(&Output::RestartIce(X)));
        callee.give(Input::Gone(a));
        assert!(matches!(&ended(&callee.wait(RECONNECT_GONE))[..], [Outcome::Failed(_)]));
    }

    #[test]
    fn killed_while_the_path_is_built() {
        let (a, b) = two();
        let mut bench = Bench::calling(a, b);
        bench.say(b, X, accept(true));
        assert!(bench.give(Input::Gone(b)).is_empty());
        assert!(matches!(&ended(&bench.wait(CONNECT_GONE))[..], [Outcome::Failed(_)]));
    }

    #[test]
    fn wishes_that_cannot_be_granted_are_answered() {
        let (a, b) = two();
        let call = |to| Input::Call { call: Y, to, video: true };
        assert_eq!(Bench::new(a).give(call(a)), [Output::Refused(Refusal::Yourself)]);
        assert_eq!(Bench::connected(a, b).give(call(b)), [Output::Refused(Refusal::InCall)]);
        assert_eq!(Bench::new(a).give(Input::Accept { call: X, video: true }), [Output::Refused(Refusal::NoSuchCall)]);
        let mut offline = Bench::new(a);
        offline.give(Input::Online(false));
        assert_eq!(offline.give(call(b)), [Output::Refused(Refusal::Offline)]);
    }

    #[test]
    fn media_that_fail_end_the_call_on_both_sides() {
        let (a, b) = two();
        let out = Bench::calling(a, b).give(Input::MediaFailed(X, "no codec".into()));
        assert_eq!((said(&out), ended(&out)), (vec!["bye"], vec![&Outcome::Failed("no codec".into())]));
        let mut slow = Bench::new(a);
        slow.give(Input::Call { call: X, to: b, video: true });
        assert!(matches!(&ended(&slow.wait(PREPARE))[..], [Outcome::Failed(_)]));
    }
}
