//! The server's machine: who is connected, whom a message is for, and, in `rooms`, who is in which room. It trusts
//! nobody and remembers nothing beyond that.
//!
//! Generic over the text type `T`, so that a relayed message is handed on without being copied.
//!
//! Invariants: an ID belongs to at most one connection; every connection has a deadline (login or idle); after
//! [`Output::Close`] a connection is forgotten and nothing more is sent to it.

mod attempts;
mod rooms;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::key::to_base64url;
use super::limits::{ACQUAINTANCES, ACQUAINTED, Bucket, Limits, VERSION};
use super::message::{ErrorCode, Hello, Join, Login, ServerMessage, to_text};
use super::room::RoomName;
use crate::model::id::{CallId, PeerId};
use rooms::{Guest, Rooms};

/// One connection; the driver numbers them and never uses a number twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u64);

/// What happened.
#[derive(Debug)]
pub enum Input<T> {
    /// Somebody connected.
    Opened {
        /// The new connection.
        conn: ConnId,
        /// From where.
        address: IpAddr,
        /// 32 fresh random bytes.
        nonce: [u8; 32],
        /// Our clock, seconds since 1970.
        unix: u64,
    },
    /// A text message came.
    Text(ConnId, T),
    /// Another frame came that is no message (WebSocket ping or pong): counted, and a sign of life.
    Frame(ConnId),
    /// Something came that is not allowed at all (binary, too big).
    Bad(ConnId, ErrorCode),
    /// The connection is gone.
    Closed(ConnId),
    /// A deadline passed.
    Tick,
    /// The server ends.
    Shutdown,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output<T> {
    /// Write this.
    Send(ConnId, T),
    /// Write what is waiting, then close with this code. The hub has forgotten the connection.
    Close(ConnId, ErrorCode),
}

/// What happened so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Logins taken.
    pub logins: u64,
    /// Logins that were not valid.
    pub bad_logins: u64,
    /// Connections that made way for a newer one.
    pub evicted: u64,
    /// Envelopes handed on.
    pub relayed: u64,
    /// Envelopes for somebody who was not there.
    pub unreachable: u64,
    /// Connections closed for breaking a rule.
    pub expelled: u64,
}

struct Conn {
    address: IpAddr,
    hello: Option<Hello>,
    id: Option<PeerId>,
    bucket: Bucket,
    seen: Instant,
    due: Instant,
    known: Vec<(PeerId, Instant)>,
    guest: Guest,
}

/// The machine.
pub struct Hub<T> {
    name: String,
    limits: Limits,
    conns: HashMap<ConnId, Conn>,
    people: HashMap<PeerId, ConnId>,
    addresses: HashMap<IpAddr, u32>,
    due: BTreeSet<(Instant, ConnId)>,
    rooms: Rooms,
    out: VecDeque<Output<T>>,
    counts: Counts,
}

/// What the hub reads of a message. Anything else stays closed to it.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    from: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    to: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    call: Option<Cow<'a, str>>,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(default)]
    t: Option<u64>,
}

#[derive(Deserialize)]
struct Leave {
    room: RoomName,
}

impl<T: AsRef<str> + From<String>> Hub<T> {
    /// One with this name (1 to 100 characters without control characters), which every login signs.
    pub fn new(name: &str, limits: Limits) -> Self {
        let name: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
        let name = if name.is_empty() { "visavis".to_owned() } else { name };
        Self {
            rooms: Rooms::new(&name, &limits),
            name,
            limits,
            conns: HashMap::new(),
            people: HashMap::new(),
            addresses: HashMap::new(),
            due: BTreeSet::new(),
            out: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    /// Takes note of something; ask [`Hub::poll`] afterwards until it gives nothing.
    pub fn handle(&mut self, now: Instant, input: Input<T>) {
        match input {
            Input::Opened { conn, address, nonce, unix } => self.opened(now, conn, address, nonce, unix),
            Input::Text(conn, text) => self.text(now, conn, text),
            Input::Frame(conn) => {
                self.alive(now, conn);
            }
            Input::Bad(conn, code) => self.expel(now, conn, code),
            Input::Closed(conn) => self.forget(now, conn),
            Input::Tick => self.tick(now),
            Input::Shutdown => {
                let all: Vec<ConnId> = self.conns.keys().copied().collect();
                self.people.clear(); // so that nobody is told of anybody's going
                self.rooms.clear();
                all.into_iter().for_each(|conn| self.expel(now, conn, ErrorCode::ShuttingDown));
            }
        }
        while let Some((conn, message)) = self.rooms.poll() {
            // A slow answer may come too late for its connection.
            if self.conns.contains_key(&conn) {
                self.say(conn, &message);
            }
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output<T>> {
        self.out.pop_front()
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at).into_iter().chain(self.rooms.deadline()).min()
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Connections, logged in or not.
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// Rooms with somebody in them.
    pub fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// The connection of this person.
    pub fn connection(&self, id: PeerId) -> Option<ConnId> {
        self.people.get(&id).copied()
    }

    fn opened(&mut self, now: Instant, conn: ConnId, address: IpAddr, nonce: [u8; 32], unix: u64) {
        let here = self.addresses.entry(address).or_default();
        *here += 1;
        let over = if *here > self.limits.connections_per_address {
            Some(ErrorCode::TooManyConnections)
        } else if self.conns.len() >= self.limits.connections as usize {
            Some(ErrorCode::Full)
        } else {
            None
        };
        let hello = Hello {
            v: VERSION,
            server: self.name.clone(),
            nonce: to_base64url(&nonce),
            time: unix,
            idle_s: u64::from(self.limits.idle_seconds),
            max_bytes: self.limits.message_bytes,
        };
        let due = now + Duration::from_secs(u64::from(self.limits.register_seconds));
        self.due.insert((due, conn));
        let bucket = Bucket::new(now, self.limits.messages_per_second, self.limits.burst);
        let text = to_text(&ServerMessage::Hello(hello.clone()));
        let (hello, known, guest) = (Some(hello), Vec::new(), Guest::new(now, address, nonce));
        self.conns.insert(conn, Conn { address, hello, id: None, bucket, seen: now, due, known, guest });
        match over {
            Some(code) => self.expel(now, conn, code),
            None => self.out.push_back(Output::Send(conn, T::from(text))),
        }
    }

    /// Counts a frame against the rate and for the idle time; false if the connection is not (or no longer) there.
    fn alive(&mut self, now: Instant, conn: ConnId) -> bool {
        let Some(state) = self.conns.get_mut(&conn) else { return false };
        state.seen = now;
        let within = state.bucket.take(now);
        if !within {
            self.expel(now, conn, ErrorCode::TooFast);
        }
        within
    }

    fn text(&mut self, now: Instant, conn: ConnId, text: T) {
        if !self.alive(now, conn) {
            return;
        }
        if text.as_ref().len() > self.limits.message_bytes {
            return self.expel(now, conn, ErrorCode::TooBig);
        }
        let Ok(head) = serde_json::from_str::<Head<'_>>(text.as_ref()) else {
            return self.expel(now, conn, ErrorCode::Malformed);
        };
        let me = self.conns.get(&conn).and_then(|c| c.id);
        match (&*head.kind, me) {
            ("login", None) => match serde_json::from_str::<Login>(text.as_ref()) {
                Ok(login) => self.login(now, conn, &login),
                Err(_) => self.expel(now, conn, ErrorCode::Malformed),
            },
            (_, None) => self.expel(now, conn, ErrorCode::LoginFirst),
            ("login", Some(_)) => self.expel(now, conn, ErrorCode::Malformed),
            ("envelope", Some(me)) => {
                let id = |text: &Option<Cow<'_, str>>| text.as_ref().and_then(|t| t.parse::<PeerId>().ok());
                let call = head.call.as_ref().and_then(|t| t.parse::<CallId>().ok());
                match (id(&head.from), id(&head.to), call, head.seq) {
                    (Some(from), ..) if from != me => self.expel(now, conn, ErrorCode::NotYou),
                    (Some(_), Some(to), Some(call), Some(seq)) => self.relay(now, (conn, me), to, (call, seq), text),
                    _ => self.expel(now, conn, ErrorCode::Malformed),
                }
            }
            ("join", Some(me)) => match serde_json::from_str::<Join>(text.as_ref()) {
                Ok(join) => {
                    if let Some(state) = self.conns.get_mut(&conn) {
                        self.rooms.join(now, &mut state.guest, (conn, me), join);
                    }
                }
                Err(_) => self.expel(now, conn, ErrorCode::Malformed),
            },
            ("leave", Some(me)) => match serde_json::from_str::<Leave>(text.as_ref()) {
                Ok(leave) => self.rooms.leave(&leave.room, me),
                Err(_) => self.expel(now, conn, ErrorCode::Malformed),
            },
            ("ping", Some(_)) => self.say(conn, &ServerMessage::Pong { t: head.t.unwrap_or_default() }),
            (_, Some(_)) => {
                let text = "this server does not know that type of message".to_owned();
                self.say(conn, &ServerMessage::Error { code: ErrorCode::UnknownType, text });
            }
        }
    }

    fn login(&mut self, now: Instant, conn: ConnId, login: &Login) {
        if login.v != VERSION {
            return self.expel(now, conn, ErrorCode::BadVersion);
        }
        let Some(state) = self.conns.get_mut(&conn) else { return };
        // The challenge is used up by the first attempt, good or bad.
        let good = state.hello.take().is_some_and(|hello| {
            login.key.id() == login.id && login.key.verify(&hello.signed_bytes(login.id), &login.sig)
        });
        if !good {
            self.counts.bad_logins += 1;
            return self.expel(now, conn, ErrorCode::BadLogin);
        }
        state.id = Some(login.id);
        self.counts.logins += 1;
        if let Some(older) = self.people.get(&login.id).copied() {
            self.counts.evicted += 1;
            self.expel(now, older, ErrorCode::Evicted);
        }
        self.people.insert(login.id, conn);
        self.say(conn, &ServerMessage::Welcome { id: login.id });
    }

    fn relay(&mut self, now: Instant, (conn, me): (ConnId, PeerId), to: PeerId, about: (CallId, u64), text: T) {
        let Some(there) = self.people.get(&to).copied() else {
            self.counts.unreachable += 1;
            return self.say(conn, &ServerMessage::Unreachable { to, call: about.0, seq: about.1 });
        };
        self.counts.relayed += 1;
        for (one, other) in [(conn, to), (there, me)] {
            if let Some(state) = self.conns.get_mut(&one) {
                acquaint(&mut state.known, other, now);
            }
        }
        self.out.push_back(Output::Send(there, text));
    }

    fn tick(&mut self, now: Instant) {
        self.rooms.tick(now);
        while let Some((at, conn)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, conn));
            let Some(state) = self.conns.get_mut(&conn) else { continue };
            if state.id.is_none() {
                self.expel(now, conn, ErrorCode::LoginTimeout);
                continue;
            }
            // Deadlines move only when they come due: a message costs nothing here.
            let due = state.seen + Duration::from_secs(u64::from(self.limits.idle_seconds));
            if due > now {
                state.due = due;
                self.due.insert((due, conn));
            } else {
                self.expel(now, conn, ErrorCode::Idle);
            }
        }
    }

    fn expel(&mut self, now: Instant, conn: ConnId, code: ErrorCode) {
        if !self.conns.contains_key(&conn) {
            return;
        }
        self.counts.expelled += 1;
        let text = match code {
            ErrorCode::Malformed => "not a message of this protocol".to_owned(),
            ErrorCode::TooBig => format!("more than {} bytes in a message", self.limits.message_bytes),
            ErrorCode::TooFast => format!("more than {} messages a second", self.limits.messages_per_second),
            ErrorCode::BadVersion => format!("this server speaks version {VERSION}"),
            ErrorCode::BadLogin => "the login is not valid".to_owned(),
            ErrorCode::LoginFirst => "log in first".to_owned(),
            ErrorCode::LoginTimeout => format!("no login within {} seconds", self.limits.register_seconds),
            ErrorCode::NotYou => "an envelope in somebody else's name".to_owned(),
            ErrorCode::Evicted => "the same ID has signed in elsewhere".to_owned(),
            ErrorCode::Idle => format!("silent for {} seconds", self.limits.idle_seconds),
            ErrorCode::TooManyConnections => {
                format!("more than {} connections from this address", self.limits.connections_per_address)
            }
            ErrorCode::Full => "the server is full; try again later".to_owned(),
            ErrorCode::ShuttingDown => "the server is shutting down".to_owned(),
            ErrorCode::UnknownType | ErrorCode::Other => String::new(),
        };
        self.say(conn, &ServerMessage::Error { code, text });
        self.out.push_back(Output::Close(conn, code));
        self.forget(now, conn);
    }

    fn forget(&mut self, now: Instant, conn: ConnId) {
        let Some(state) = self.conns.remove(&conn) else { return };
        self.due.remove(&(state.due, conn));
        if let Some(count) = self.addresses.get_mut(&state.address) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&state.address);
            }
        }
        let Some(id) = state.id.filter(|id| self.people.get(id) == Some(&conn)) else { return };
        self.people.remove(&id);
        self.rooms.away(now, id);
        for (peer, at) in state.known {
            if now.saturating_duration_since(at) <= ACQUAINTED
                && let Some(there) = self.people.get(&peer).copied()
            {
                self.say(there, &ServerMessage::Gone { id });
            }
        }
    }

    fn say(&mut self, conn: ConnId, message: &ServerMessage) {
        self.out.push_back(Output::Send(conn, T::from(to_text(message))));
    }
}

/// Newest last; overflow: the one longest silent is forgotten.
fn acquaint(known: &mut Vec<(PeerId, Instant)>, peer: PeerId, now: Instant) {
    if let Some(at) = known.iter().position(|(id, _)| *id == peer) {
        known.remove(at);
    } else if known.len() >= ACQUAINTANCES {
        known.remove(0);
    }
    known.push((peer, now));
}

#[cfg(test)]
mod tests;
