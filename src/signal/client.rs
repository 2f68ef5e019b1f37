//! A program's side of signaling: connects, logs in, stays alive, reconnects, signs what goes out and opens what comes
//! in. The driver around it only moves texts and waits.
//!
//! Times: `now` is the monotonic clock, `unix` the wall clock in seconds since 1970 (both, because the one stands
//! still while a laptop sleeps and the other can be set).
//!
//! Invariants: an envelope is sent only while online, else it comes back as [`Output::Undeliverable`]; nothing unproven
//! leaves by [`Output::Received`] or [`Output::Room`]; after being evicted it stays away until asked.

mod io;
mod rooms;

use std::collections::VecDeque;
use std::time::Instant;

use super::envelope::{Dropped, Envelope, EnvelopeError, Guard};
use super::key::{KeyPair, from_base64url};
use super::limits::{
    BACKOFF_FIRST, BACKOFF_MOST, Bucket, CLIENT_BURST, CLIENT_QUEUE, CLIENT_RATE, CLOCK_SKEW, CONNECT, ENVELOPE_LIFE,
    PING, PONG, STABLE, VERSION,
};
use super::message::{ClientMessage, ErrorCode, Hello, Login, ServerMessage, to_text};
use super::room::secret::Code;
use crate::model::body::Body;
use crate::model::id::{CallId, PeerId};
use crate::model::snapshot::ServerState;
use rooms::{Rooms, Said};

pub use io::{ConnectError, Input, Output};
pub use rooms::{Member, RoomEvent, RoomOver};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Not connected and not trying.
    Off,
    /// Waiting for the next attempt.
    Waiting { until: Instant },
    /// The driver is at it.
    Connecting { until: Instant },
    /// Connected, `hello` or `welcome` not yet there.
    Greeting { until: Instant, login_sent: bool },
    /// Logged in.
    Online { since: Instant, ping: Instant, asked: Option<Instant> },
}

/// What is held back to keep below the rate.
enum Waiting {
    /// Signed when it goes.
    Envelope(PeerId, CallId, Body),
    Text(String),
}

/// The machine.
pub struct Client {
    keys: KeyPair,
    id: PeerId,
    url: String,
    embedded: bool,
    link: Link,
    attempts: u32,
    reached: bool,
    refusal_told: bool,
    fault: Option<ErrorCode>,
    rtt_ms: Option<u32>,
    guard: Guard,
    /// Last sequence number used, by addressee and call; newest last.
    sequences: VecDeque<((PeerId, CallId), u64)>,
    waiting: VecDeque<Waiting>,
    rooms: Rooms,
    /// Name and nonce of the server, from its hello on.
    greeted: Option<(String, Code)>,
    bucket: Option<Bucket>,
    random: u64,
    out: VecDeque<Output>,
}

/// Calls whose sequence is remembered. A call's life is short, and there is one at a time.
const SEQUENCES: usize = 256;

impl Client {
    /// One that is not connected; [`Input::Server`] sets it going. `seed`: any number, for the jitter of its pauses.
    pub fn new(keys: KeyPair, seed: u64) -> Self {
        let id = keys.id();
        Self {
            keys,
            id,
            url: String::new(),
            embedded: false,
            link: Link::Off,
            attempts: 0,
            reached: false,
            refusal_told: false,
            fault: None,
            rtt_ms: None,
            guard: Guard::new(id),
            sequences: VecDeque::new(),
            waiting: VecDeque::new(),
            rooms: Rooms::new(id),
            greeted: None,
            bucket: None,
            random: seed,
            out: VecDeque::new(),
        }
    }

    /// Our ID.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// The server knows us.
    pub fn is_online(&self) -> bool {
        matches!(self.link, Link::Online { .. })
    }

    /// Envelopes dropped so far, by reason.
    pub fn dropped(&self) -> Dropped {
        self.guard.dropped()
    }

    /// The next thing to do or to know.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        match self.link {
            Link::Off => None,
            Link::Waiting { until } | Link::Connecting { until } | Link::Greeting { until, .. } => Some(until),
            Link::Online { ping, asked, .. } => {
                let life = asked.map_or(ping, |at| at + PONG);
                let queue = self.bucket.as_ref().filter(|_| !self.waiting.is_empty()).map(Bucket::next);
                [Some(life), queue, self.rooms.deadline()].into_iter().flatten().min()
            }
        }
    }

    /// Takes note of something; ask [`Client::poll`] afterwards until it gives nothing.
    pub fn handle(&mut self, now: Instant, unix: u64, input: Input) {
        match input {
            Input::Server { url, embedded } => {
                if !self.url.is_empty() && url != self.url {
                    self.rooms.moved();
                }
                (self.url, self.embedded) = (url, embedded);
                (self.attempts, self.reached, self.refusal_told) = (0, false, false);
                self.out.push_back(Output::State(ServerState::Connecting));
                self.connect(now);
            }
            Input::Reconnect if !self.url.is_empty() => {
                self.attempts = 0;
                self.out.push_back(Output::State(ServerState::Connecting));
                self.connect(now);
            }
            Input::Reconnect => {}
            Input::Connected => {
                if matches!(self.link, Link::Connecting { .. }) {
                    self.link = Link::Greeting { until: now + CONNECT, login_sent: false };
                }
            }
            Input::ConnectFailed(error) => self.connect_failed(now, error),
            Input::Text(text) => self.text(now, unix, &text),
            Input::Disconnected(reason) => {
                if matches!(self.link, Link::Greeting { .. } | Link::Online { .. }) {
                    self.lost(now, &reason);
                }
            }
            Input::Send { to, call, body } => self.send(now, unix, to, call, body),
            Input::Join { room, password, limit } => self.rooms.join((&self.keys, now, unix), room, password, limit),
            Input::Leave(room) => self.rooms.leave(&room),
            Input::LeaveAll => self.rooms.leave_all(),
            Input::Derived { server, room, password, made } => {
                self.rooms.derived((&self.keys, now, unix), (server, &room, &password), made);
            }
            Input::Tick => self.tick(now, unix),
        }
        self.speak_for_rooms(now, unix);
    }

    fn speak_for_rooms(&mut self, now: Instant, unix: u64) {
        while let Some(said) = self.rooms.poll() {
            match said {
                Said::Event(event) => self.out.push_back(Output::Room(event)),
                Said::Derive { server, room, password } => {
                    self.out.push_back(Output::Derive { server, room, password });
                }
                // overflow: dropped; a join is said again, and who has left is missed when their entry expires
                Said::Text(text) if self.is_online() && self.waiting.len() < CLIENT_QUEUE => {
                    self.waiting.push_back(Waiting::Text(text));
                    self.flush(now, unix);
                }
                Said::Text(_) => {}
            }
        }
    }

    fn connect(&mut self, now: Instant) {
        self.give_up_waiting();
        self.fault = None;
        self.rtt_ms = None;
        self.link = Link::Connecting { until: now + CONNECT };
        self.out.push_back(Output::Connect { url: self.url.clone() });
    }

    fn connect_failed(&mut self, now: Instant, error: ConnectError) {
        if !matches!(self.link, Link::Connecting { .. }) {
            return;
        }
        if error.permanent {
            return self.stay_away(error.reason);
        }
        let nobody = error.refused && !self.reached && !self.refusal_told;
        self.lost(now, &error.reason);
        if nobody {
            self.refusal_told = true;
            self.out.push_back(Output::Refused);
        }
    }

    /// The connection is gone, or never came: what was waiting goes back, and after a pause there is another attempt.
    fn lost(&mut self, now: Instant, reason: &str) {
        if let Some(code) = self.fault.take().filter(|code| !code.retry()) {
            return self.stay_away(refusal(code).to_owned());
        }
        if let Link::Online { since, .. } = self.link
            && now.saturating_duration_since(since) >= STABLE
        {
            self.attempts = 0;
        }
        let most = BACKOFF_MOST.min(BACKOFF_FIRST * 2u32.saturating_pow(self.attempts.min(16)));
        self.attempts = self.attempts.saturating_add(1);
        let pause = most.mul_f64(self.random_share());
        self.link = Link::Waiting { until: now + pause };
        self.rtt_ms = None;
        self.give_up_waiting();
        let in_s = pause.as_secs_f64().ceil() as u32;
        self.out.push_back(Output::State(ServerState::Reconnecting { reason: reason.to_owned(), in_s }));
    }

    fn stay_away(&mut self, reason: String) {
        self.link = Link::Off;
        self.fault = None;
        self.rtt_ms = None;
        self.give_up_waiting();
        self.out.push_back(Output::Close);
        self.out.push_back(Output::State(ServerState::Offline { reason }));
    }

    fn give_up_waiting(&mut self) {
        self.rooms.offline();
        for waiting in std::mem::take(&mut self.waiting) {
            if let Waiting::Envelope(to, call, _) = waiting {
                self.out.push_back(Output::Undeliverable { to, call });
            }
        }
    }

    /// Between 0 and 1 (SplitMix64: good enough to spread clients, not for secrets).
    fn random_share(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn text(&mut self, now: Instant, unix: u64, text: &str) {
        let message = match serde_json::from_str::<ServerMessage>(text) {
            Ok(message) => message,
            Err(_) if self.is_online() => return self.out.push_back(Output::Dropped(EnvelopeError::Body)),
            Err(_) => return self.strange(now),
        };
        match (message, self.link) {
            (ServerMessage::Hello(hello), Link::Greeting { until, login_sent: false }) => {
                self.hello(now, unix, until, &hello);
            }
            (ServerMessage::Welcome { id }, Link::Greeting { login_sent: true, .. }) if id == self.id => {
                self.reached = true;
                self.bucket = Some(Bucket::new(now, CLIENT_RATE, CLIENT_BURST));
                self.link = Link::Online { since: now, ping: now + PING, asked: Some(now) };
                self.ping();
                self.tell_online();
                if let Some((server, nonce)) = self.greeted.take() {
                    self.rooms.online((&self.keys, now, unix), server, nonce);
                }
            }
            (ServerMessage::Envelope(envelope), Link::Online { .. }) => match self.guard.open(&envelope, unix) {
                Ok(verified) => self.out.push_back(Output::Received(verified)),
                Err(error) => self.out.push_back(Output::Dropped(error)),
            },
            (ServerMessage::Unreachable { to, call, .. }, Link::Online { .. }) => {
                self.out.push_back(Output::Undeliverable { to, call });
            }
            (ServerMessage::Gone { id }, Link::Online { .. }) => self.out.push_back(Output::Gone(id)),
            (ServerMessage::Joined { room, seq, limit, members, .. }, Link::Online { .. }) => {
                self.rooms.joined((now, unix), &room, seq, limit, members);
            }
            (ServerMessage::Entered { room, entry }, Link::Online { .. }) => {
                self.rooms.entered(now, unix, &room, entry);
            }
            (ServerMessage::Left { room, id }, Link::Online { .. }) => self.rooms.left(unix, &room, id),
            (ServerMessage::NotJoined { room, seq, code, .. }, Link::Online { .. }) => {
                self.rooms.not_joined(now, &room, seq, code);
            }
            (ServerMessage::Error { code: ErrorCode::UnknownType, .. }, Link::Online { .. }) => self.rooms.unknown(),
            (ServerMessage::Pong { .. }, Link::Online { since, asked: Some(at), .. }) => {
                let rtt = now.saturating_duration_since(at).as_millis() as u32;
                self.link = Link::Online { since, ping: now + PING, asked: None };
                if self.rtt_ms.replace(rtt) != Some(rtt) {
                    self.tell_online();
                }
            }
            (ServerMessage::Error { code, text }, Link::Greeting { .. } | Link::Online { .. })
                if code.close_code().is_some() =>
            {
                self.fault = Some(code);
                let reason = format!("the server ended the connection: {}", short(&text));
                self.out.push_back(Output::Close);
                self.lost(now, &reason);
            }
            (ServerMessage::Hello(_) | ServerMessage::Welcome { .. }, Link::Greeting { .. }) => self.strange(now),
            _ => {} // a later version's message, or one that came too late
        }
    }

    fn hello(&mut self, now: Instant, unix: u64, until: Instant, hello: &Hello) {
        if hello.v > VERSION {
            return self.stay_away("the server is newer than this program; update this program".into());
        }
        if hello.v != VERSION || !hello.is_sound() {
            return self.strange(now);
        }
        let by_s = unix.cast_signed().saturating_sub(hello.time.cast_signed());
        if by_s.unsigned_abs() > CLOCK_SKEW {
            self.out.push_back(Output::ClockWrong { by_s });
        }
        self.greeted = from_base64url(&hello.nonce).map(|nonce| (hello.server.clone(), Code(nonce)));
        let sig = self.keys.sign(&hello.signed_bytes(self.id));
        let login = Login { v: VERSION, id: self.id, key: self.keys.public(), sig };
        self.out.push_back(Output::Text(to_text(&ClientMessage::Login(login))));
        self.link = Link::Greeting { until, login_sent: true };
    }

    /// What answers there does not speak this protocol.
    fn strange(&mut self, now: Instant) {
        if matches!(self.link, Link::Greeting { .. }) {
            self.out.push_back(Output::Close);
            self.lost(now, "what answers there is not a Visavis server; check the address in the settings");
        }
    }

    fn tell_online(&mut self) {
        let state = ServerState::Online { url: self.url.clone(), embedded: self.embedded, rtt_ms: self.rtt_ms };
        self.out.push_back(Output::State(state));
    }

    fn ping(&mut self) {
        self.out.push_back(Output::Text(to_text(&ClientMessage::Ping { t: 0 })));
    }

    fn send(&mut self, now: Instant, unix: u64, to: PeerId, call: CallId, body: Body) {
        if !self.is_online() || self.waiting.len() >= CLIENT_QUEUE {
            // overflow: refuse the newest
            return self.out.push_back(Output::Undeliverable { to, call });
        }
        self.waiting.push_back(Waiting::Envelope(to, call, body));
        self.flush(now, unix);
    }

    fn flush(&mut self, now: Instant, unix: u64) {
        while !self.waiting.is_empty() && self.bucket.as_mut().is_some_and(|bucket| bucket.take(now)) {
            let text = match self.waiting.pop_front() {
                Some(Waiting::Envelope(to, call, body)) => {
                    let seq = self.next_sequence(to, call);
                    let envelope = Envelope::seal(&self.keys, to, call, seq, unix + ENVELOPE_LIFE, &body);
                    to_text(&ClientMessage::Envelope(envelope))
                }
                Some(Waiting::Text(text)) => text,
                None => return,
            };
            self.out.push_back(Output::Text(text));
        }
    }

    fn next_sequence(&mut self, to: PeerId, call: CallId) -> u64 {
        let at = self.sequences.iter().rposition(|(key, _)| *key == (to, call));
        let seq = at.and_then(|at| self.sequences.remove(at)).map_or(0, |(_, seq)| seq) + 1;
        if self.sequences.len() >= SEQUENCES {
            self.sequences.pop_front();
        }
        self.sequences.push_back(((to, call), seq));
        seq
    }

    fn tick(&mut self, now: Instant, unix: u64) {
        match self.link {
            Link::Waiting { until } if now >= until => self.connect(now),
            Link::Connecting { until } | Link::Greeting { until, .. } if now >= until => {
                self.out.push_back(Output::Close);
                self.lost(now, "the server does not answer; check the address and the network");
            }
            Link::Online { asked: Some(at), .. } if now >= at + PONG => {
                self.out.push_back(Output::Close);
                self.lost(now, "the server does not answer any more; check the network");
            }
            Link::Online { since, ping, asked: None } if now >= ping => {
                self.link = Link::Online { since, ping: now + PING, asked: Some(now) };
                self.ping();
            }
            _ => {}
        }
        if self.is_online() {
            self.rooms.tick((&self.keys, now, unix));
            self.flush(now, unix);
        }
    }
}

/// Why there is no use in trying again, and what to do.
fn refusal(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Evicted => "you signed in elsewhere; reconnect to use this program here",
        ErrorCode::BadVersion => "the server speaks another version; update the older of the two",
        _ => "the server refused the login; check the address of the server, or update this program",
    }
}

/// The server's words, cut to what fits into a line.
fn short(text: &str) -> String {
    let line: String = text.chars().filter(|c| !c.is_control()).take(100).collect();
    if line.is_empty() { "no reason given".to_owned() } else { line }
}

#[cfg(test)]
mod tests;
