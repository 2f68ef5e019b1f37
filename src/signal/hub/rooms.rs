//! The hub's rooms: who is in which, who is told of it, and how slowly a wrong password is answered.
//!
//! Invariants: a room has a member, else it is forgotten; a member has a seat in the count of its address, and is
//! either connected or has a deadline; no answer tells more of a locked room than that the password is not its.

use std::collections::hash_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

use super::ConnId;
use super::attempts::Attempts;
use crate::model::id::PeerId;
use crate::signal::limits::{
    Limits, Pace, ROOM_ATTEMPT_EVERY, ROOM_ATTEMPTS, ROOM_GRACE, ROOM_JOIN_EVERY, ROOM_JOINS, ROOM_REFUSAL,
};
use crate::signal::message::{Join, RoomCode, ServerMessage};
use crate::signal::room::secret::{Code, Lock};
use crate::signal::room::{Entry, Place, RoomName};

/// What a connection may still do about rooms.
pub(super) struct Guest {
    /// Of its `hello`.
    nonce: Code,
    address: IpAddr,
    joins: Pace,
    attempts: Pace,
    /// When the last refusal is told.
    refused: Instant,
}

impl Guest {
    pub(super) fn new(now: Instant, address: IpAddr, nonce: [u8; 32]) -> Self {
        Self { nonce: Code(nonce), address, joins: Pace::new(now), attempts: Pace::new(now), refused: now }
    }
}

struct Member {
    entry: Entry,
    address: IpAddr,
    at: Whereabouts,
}

#[derive(Clone, Copy)]
enum Whereabouts {
    Here(ConnId),
    /// Its seat is kept until then.
    Away(Instant),
}

struct Room {
    lock: Option<Lock>,
    limit: u32,
    /// In the order in which they came.
    members: Vec<Member>,
}

impl Room {
    fn position(&self, id: PeerId) -> Option<usize> {
        self.members.iter().position(|member| member.entry.id == id)
    }
}

/// The machine within the hub's.
pub(super) struct Rooms {
    server: String,
    most: u32,
    each: u32,
    members: u32,
    seats_each: u32,
    rooms: HashMap<RoomName, Room>,
    /// Where people are, those included whose seat is kept.
    people: HashMap<PeerId, Vec<RoomName>>,
    /// Memberships by address.
    seats: HashMap<IpAddr, u32>,
    attempts: Attempts,
    away: BTreeSet<(Instant, PeerId, RoomName)>,
    refusals: BTreeMap<(Instant, u64), (ConnId, RoomName, u64)>,
    counter: u64,
    out: VecDeque<(ConnId, ServerMessage)>,
}

impl Rooms {
    pub(super) fn new(server: &str, limits: &Limits) -> Self {
        Self {
            server: server.to_owned(),
            most: limits.rooms,
            each: limits.rooms_per_connection,
            members: limits.room_members.max(1),
            seats_each: limits.connections_per_address.saturating_mul(limits.rooms_per_connection),
            rooms: HashMap::new(),
            people: HashMap::new(),
            seats: HashMap::new(),
            attempts: Attempts::default(),
            away: BTreeSet::new(),
            refusals: BTreeMap::new(),
            counter: 0,
            out: VecDeque::new(),
        }
    }

    /// What is to be said next. The connection may have ended since.
    pub(super) fn poll(&mut self) -> Option<(ConnId, ServerMessage)> {
        self.out.pop_front()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let seat = self.away.first().map(|(at, ..)| *at);
        let refusal = self.refusals.keys().next().map(|(at, _)| *at);
        seat.into_iter().chain(refusal).min()
    }

    /// Rooms there are.
    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    pub(super) fn join(&mut self, now: Instant, guest: &mut Guest, (conn, id): (ConnId, PeerId), join: Join) {
        let Join { room: name, limit, verifier, entry } = join;
        let seq = entry.seq;
        if !guest.joins.is_free(now, ROOM_JOINS, ROOM_JOIN_EVERY) {
            return self.refuse(conn, name, seq, RoomCode::Wait);
        }
        guest.joins.take(now, ROOM_JOIN_EVERY);
        let at = Place { server: &self.server, room: &name };
        let mine = entry.id == id && entry.nonce == guest.nonce && entry.proof.is_some() == verifier.is_some();
        if !mine || !entry.is_signed(&at) {
            return self.refuse(conn, name, seq, RoomCode::BadEntry);
        }
        let known = self.rooms.get(&name).and_then(|room| room.position(id));
        if let Some(room) = self.rooms.get(&name)
            && (room.lock.is_some() || verifier.is_some())
        {
            let pace = guest.attempts.is_free(now, ROOM_ATTEMPTS, ROOM_ATTEMPT_EVERY);
            if known.is_none() && !(pace && self.attempts.is_free(now, guest.address)) {
                return self.refuse(conn, name, seq, RoomCode::Wait);
            }
            if !matches!((&room.lock, &verifier), (Some(lock), Some(verifier)) if lock.opens(verifier)) {
                guest.attempts.take(now, ROOM_ATTEMPT_EVERY);
                self.attempts.take(now, guest.address);
                guest.refused = guest.refused.max(now) + ROOM_REFUSAL;
                self.counter += 1;
                self.refusals.insert((guest.refused, self.counter), (conn, name, seq));
                return;
            }
        }
        match known {
            Some(_) => self.back(&name, guest.address, conn, entry),
            None => match self.hindrance(&name, id, guest.address) {
                Some(code) => return self.refuse(conn, name, seq, code),
                None => self.enter(&name, guest, conn, entry, limit, verifier.as_ref()),
            },
        }
        self.tell_joined(&name, conn, id);
    }

    /// Why this person, who may know of the room, cannot come in.
    fn hindrance(&self, name: &RoomName, id: PeerId, address: IpAddr) -> Option<RoomCode> {
        let many = self.people.get(&id).map_or(0, Vec::len) >= self.each as usize;
        if many || self.seats.get(&address).copied().unwrap_or(0) >= self.seats_each {
            return Some(RoomCode::TooMany);
        }
        match self.rooms.get(name) {
            Some(room) if room.members.len() >= room.limit as usize => Some(RoomCode::Full),
            None if self.rooms.len() >= self.most as usize => Some(RoomCode::NoRoom),
            _ => None,
        }
    }

    fn enter(
        &mut self,
        name: &RoomName,
        guest: &Guest,
        conn: ConnId,
        entry: Entry,
        limit: Option<u32>,
        verifier: Option<&Code>,
    ) {
        self.people.entry(entry.id).or_default().push(name.clone());
        *self.seats.entry(guest.address).or_default() += 1;
        let most = self.members;
        let room = self.rooms.entry(name.clone()).or_insert_with(|| Room {
            // The nonce is fresh for each connection, and the hash is bound to the room by the verifier.
            lock: verifier.map(|verifier| Lock::new(guest.nonce.0, verifier)),
            limit: limit.unwrap_or(most).clamp(2.min(most), most),
            members: Vec::new(),
        });
        room.members.push(Member { entry, address: guest.address, at: Whereabouts::Here(conn) });
    }

    /// Somebody who has a seat signs anew, maybe on another connection and from elsewhere.
    fn back(&mut self, name: &RoomName, address: IpAddr, conn: ConnId, entry: Entry) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        let Some(member) = room.position(entry.id).and_then(|n| room.members.get_mut(n)) else { return };
        if let Whereabouts::Away(until) = member.at {
            self.away.remove(&(until, entry.id, name.clone()));
        }
        let before = std::mem::replace(&mut member.address, address);
        (member.entry, member.at) = (entry, Whereabouts::Here(conn));
        *self.seats.entry(address).or_default() += 1;
        self.give_up_seat(before);
    }

    fn give_up_seat(&mut self, address: IpAddr) {
        if let Slot::Occupied(mut seats) = self.seats.entry(address) {
            *seats.get_mut() -= 1;
            if *seats.get() == 0 {
                seats.remove();
            }
        }
    }

    fn tell_joined(&mut self, name: &RoomName, conn: ConnId, id: PeerId) {
        let Some(room) = self.rooms.get(name) else { return };
        let others = room.members.iter().filter(|member| member.entry.id != id);
        let members = others.map(|member| member.entry.clone()).collect();
        let Some(entry) = room.position(id).map(|n| room.members[n].entry.clone()) else { return };
        let (seq, locked, limit) = (entry.seq, room.lock.is_some(), room.limit);
        self.out.push_back((conn, ServerMessage::Joined { room: name.clone(), seq, locked, limit, members }));
        self.tell_others(name, id, &ServerMessage::Entered { room: name.clone(), entry });
    }

    fn tell_others(&mut self, name: &RoomName, id: PeerId, message: &ServerMessage) {
        let Some(room) = self.rooms.get(name) else { return };
        for member in room.members.iter().filter(|member| member.entry.id != id) {
            if let Whereabouts::Here(conn) = member.at {
                self.out.push_back((conn, message.clone()));
            }
        }
    }

    fn refuse(&mut self, conn: ConnId, room: RoomName, seq: u64, code: RoomCode) {
        let text = match code {
            RoomCode::NoEntry => "no entry to this room with this password, or without one",
            RoomCode::Full => "the room is full",
            RoomCode::Wait => "too many attempts; wait a little",
            RoomCode::TooMany => "in too many rooms at a time",
            RoomCode::NoRoom => "the server has no room left",
            RoomCode::BadEntry => "the entry is not signed for this room and this connection",
            RoomCode::Other => "",
        };
        self.out.push_back((conn, ServerMessage::NotJoined { room, seq, code, text: text.to_owned() }));
    }

    pub(super) fn leave(&mut self, name: &RoomName, id: PeerId) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        let Some(at) = room.position(id) else { return };
        let member = room.members.remove(at);
        if let Whereabouts::Away(until) = member.at {
            self.away.remove(&(until, id, name.clone()));
        }
        self.give_up_seat(member.address);
        if let Slot::Occupied(mut places) = self.people.entry(id) {
            places.get_mut().retain(|place| place != name);
            if places.get().is_empty() {
                places.remove();
            }
        }
        self.tell_others(name, id, &ServerMessage::Left { room: name.clone(), id });
        if self.rooms.get(name).is_some_and(|room| room.members.is_empty()) {
            self.rooms.remove(name);
        }
    }

    /// Their connection ended: their seats are kept for a while.
    pub(super) fn away(&mut self, now: Instant, id: PeerId) {
        let until = now + ROOM_GRACE;
        for name in self.people.get(&id).into_iter().flatten() {
            let Some(room) = self.rooms.get_mut(name) else { continue };
            let Some(member) = room.position(id).and_then(|n| room.members.get_mut(n)) else { continue };
            // Who was away already, and came back without joining here again, has no more time than before.
            if matches!(member.at, Whereabouts::Here(_)) {
                member.at = Whereabouts::Away(until);
                self.away.insert((until, id, name.clone()));
            }
        }
    }

    pub(super) fn tick(&mut self, now: Instant) {
        while self.away.first().is_some_and(|(until, ..)| *until <= now) {
            if let Some((_, id, name)) = self.away.pop_first() {
                self.leave(&name, id);
            }
        }
        while self.refusals.keys().next().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, (conn, name, seq))) = self.refusals.pop_first() {
                self.refuse(conn, name, seq, RoomCode::NoEntry);
            }
        }
    }

    /// The server ends: nobody is told anything any more.
    pub(super) fn clear(&mut self) {
        (self.rooms, self.people, self.seats) = Default::default();
        (self.away, self.refusals, self.out) = Default::default();
    }
}

#[cfg(test)]
impl Rooms {
    /// Who is in it, those included whose seat is kept.
    pub(super) fn members(&self, name: &RoomName) -> Vec<PeerId> {
        self.rooms.get(name).into_iter().flat_map(|room| room.members.iter().map(|member| member.entry.id)).collect()
    }

    /// That all the ways of counting memberships agree.
    pub(super) fn sound(&self) {
        let members: usize = self.rooms.values().map(|room| room.members.len()).sum();
        assert!(self.rooms.values().all(|room| !room.members.is_empty()), "an empty room is kept");
        assert_eq!(self.people.values().map(Vec::len).sum::<usize>(), members);
        assert_eq!(self.seats.values().sum::<u32>() as usize, members);
        let all = self.rooms.values().flat_map(|room| &room.members);
        let away = all.filter(|member| matches!(member.at, Whereabouts::Away(_))).count();
        assert_eq!(self.away.len(), away);
    }
}
