//! The rooms a program wants to be in: asked for whenever it is online, signed anew before an entry expires, and told
//! of only as far as the members prove themselves.
//!
//! Invariants: nobody is named by a [`RoomEvent`] whose entry was not checked; after [`RoomEvent::Over`] a room is
//! forgotten; while there is no connection nobody is said to have left.

mod event;
mod farewells;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::model::id::PeerId;
use crate::signal::key::KeyPair;
use crate::signal::limits::{
    CLIENT_ROOMS, CLOCK_SKEW, ENTRY_LIFE, ENTRY_RENEW, REMEMBERED_ENTRIES, ROOM_ANSWER, ROOM_ATTEMPT_EVERY,
    ROOM_MEMBERS_MOST,
};
use crate::signal::message::{ClientMessage, Join, RoomCode, to_text};
use crate::signal::room::secret::{Code, DeriveError, Pass, Password, RoomKey};
use crate::signal::room::{Entry, EntryError, Place, RoomName};
use farewells::Farewells;

pub use event::{Member, RoomEvent, RoomOver};

/// What is to be done.
pub(super) enum Said {
    Text(String),
    Event(RoomEvent),
    Derive { server: String, room: RoomName, password: Password },
}

struct Login {
    server: String,
    nonce: Code,
    seq: u64,
}

struct Held {
    entry: Entry,
    /// When it is no longer believed.
    until: Instant,
}

#[derive(Clone, Copy)]
enum Phase {
    /// Nothing is asked of the server: there is no connection, or the key is being made.
    Idle,
    /// By the entry with this sequence.
    Asked {
        seq: u64,
        until: Instant,
    },
    In {
        renew: Instant,
    },
    /// The server wants to be left alone for a while.
    Pausing {
        until: Instant,
    },
}

struct Wanted {
    name: RoomName,
    password: Option<Password>,
    limit: Option<u32>,
    /// Of the password, on the server of this name.
    made: Option<(String, RoomKey, Code)>,
    phase: Phase,
    /// We were told to be in it.
    inside: bool,
    members: Vec<Held>,
}

/// The machine within the client's.
pub(super) struct Rooms {
    me: PeerId,
    login: Option<Login>,
    wanted: Vec<Wanted>,
    farewells: Farewells,
    out: VecDeque<Said>,
}

impl Rooms {
    pub(super) fn new(me: PeerId) -> Self {
        Self {
            me,
            login: None,
            wanted: Vec::new(),
            farewells: Farewells::new(REMEMBERED_ENTRIES),
            out: VecDeque::new(),
        }
    }

    pub(super) fn poll(&mut self) -> Option<Said> {
        self.out.pop_front()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.login.as_ref()?;
        let phases = self.wanted.iter().filter_map(|wanted| match wanted.phase {
            Phase::Idle => None,
            Phase::Asked { until: at, .. } | Phase::In { renew: at } | Phase::Pausing { until: at } => Some(at),
        });
        phases.chain(self.wanted.iter().flat_map(|wanted| wanted.members.iter().map(|held| held.until))).min()
    }

    fn find(&self, name: &RoomName) -> Option<usize> {
        self.wanted.iter().position(|wanted| wanted.name == *name)
    }

    fn tell(&mut self, event: RoomEvent) {
        self.out.push_back(Said::Event(event));
    }

    fn over(&mut self, at: usize, why: RoomOver) {
        let room = self.wanted.remove(at).name;
        self.tell(RoomEvent::Over { room, why });
    }

    // ---- what is wanted --------------------------------------------------------------------------------------------

    pub(super) fn join(
        &mut self,
        (keys, now, unix): (&KeyPair, Instant, u64),
        name: RoomName,
        password: Option<Password>,
        limit: Option<u32>,
    ) {
        if self.find(&name).is_some() {
            return; // asked for already
        }
        if self.wanted.len() >= CLIENT_ROOMS {
            // overflow: refuse the newest
            return self.tell(RoomEvent::Over { room: name, why: RoomOver::TooMany });
        }
        let (made, inside, members) = (None, false, Vec::new());
        self.wanted.push(Wanted { name, password, limit, made, phase: Phase::Idle, inside, members });
        self.ask((keys, now, unix), self.wanted.len() - 1);
    }

    pub(super) fn leave(&mut self, name: &RoomName) {
        let Some(at) = self.find(name) else { return };
        let wanted = self.wanted.remove(at);
        if !matches!(wanted.phase, Phase::Idle) {
            self.say_leave(wanted.name);
        }
    }

    pub(super) fn leave_all(&mut self) {
        while let Some(name) = self.wanted.last().map(|wanted| wanted.name.clone()) {
            self.leave(&name);
        }
    }

    /// Another server is used from now on.
    pub(super) fn moved(&mut self) {
        while !self.wanted.is_empty() {
            self.over(0, RoomOver::Moved);
        }
    }

    fn say_leave(&mut self, room: RoomName) {
        self.out.push_back(Said::Text(to_text(&ClientMessage::Leave { room })));
    }

    pub(super) fn derived(
        &mut self,
        who: (&KeyPair, Instant, u64),
        (server, name, password): (String, &RoomName, &Password),
        made: Result<(RoomKey, Code), DeriveError>,
    ) {
        // Another connection may have asked for the same twice, and the room may be another wish by now.
        let waits = |wanted: &Wanted| {
            wanted.name == *name && wanted.password.as_ref() == Some(password) && matches!(wanted.phase, Phase::Idle)
        };
        let Some(at) = self.wanted.iter().position(waits) else { return };
        match made {
            Ok((key, verifier)) => {
                self.wanted[at].made = Some((server, key, verifier));
                self.ask(who, at);
            }
            Err(error) => self.over(at, error.into()),
        }
    }

    // ---- the connection --------------------------------------------------------------------------------------------

    pub(super) fn online(&mut self, who: (&KeyPair, Instant, u64), server: String, nonce: Code) {
        self.login = Some(Login { server, nonce, seq: 0 });
        (0..self.wanted.len()).for_each(|at| self.ask(who, at));
    }

    pub(super) fn offline(&mut self) {
        self.login = None;
        self.wanted.iter_mut().for_each(|wanted| wanted.phase = Phase::Idle);
    }

    fn ask(&mut self, (keys, now, unix): (&KeyPair, Instant, u64), at: usize) {
        let (Some(login), Some(wanted)) = (&mut self.login, self.wanted.get_mut(at)) else { return };
        let made = wanted.made.as_ref().filter(|(server, ..)| *server == login.server);
        if let (Some(password), None) = (&wanted.password, made) {
            wanted.phase = Phase::Idle;
            let (server, room, password) = (login.server.clone(), wanted.name.clone(), password.clone());
            return self.out.push_back(Said::Derive { server, room, password });
        }
        login.seq += 1;
        let place = Place { server: &login.server, room: &wanted.name };
        let key = made.map(|(_, key, _)| key);
        let entry = Entry::seal(keys, &place, key, login.nonce, login.seq, unix + ENTRY_LIFE);
        let verifier = made.map(|(.., verifier)| *verifier);
        let join = Join { room: wanted.name.clone(), limit: wanted.limit, verifier, entry };
        wanted.phase = Phase::Asked { seq: login.seq, until: now + ROOM_ANSWER };
        self.out.push_back(Said::Text(to_text(&ClientMessage::Join(join))));
    }

    pub(super) fn tick(&mut self, who: (&KeyPair, Instant, u64)) {
        let (_, now, unix) = who;
        if self.login.is_none() {
            return;
        }
        let mut at = 0;
        while let Some(wanted) = self.wanted.get(at) {
            match wanted.phase {
                Phase::Asked { until, .. } if until <= now && !wanted.inside => {
                    self.say_leave(wanted.name.clone());
                    self.over(at, RoomOver::Unanswered);
                    continue;
                }
                Phase::Asked { until: due, .. } | Phase::In { renew: due } | Phase::Pausing { until: due }
                    if due <= now =>
                {
                    self.ask(who, at);
                }
                _ => {}
            }
            self.lose(at, unix, |held| held.until <= now);
            at += 1;
        }
    }

    // ---- what the server says --------------------------------------------------------------------------------------

    /// The room that this answers our newest asking for. An older one may be of a time before we left and came again.
    fn answered(&self, name: &RoomName, to: u64) -> Option<usize> {
        self.find(name).filter(|at| matches!(self.wanted[*at].phase, Phase::Asked { seq, .. } if seq == to))
    }

    pub(super) fn joined(
        &mut self,
        (now, unix): (Instant, u64),
        name: &RoomName,
        seq: u64,
        limit: u32,
        entries: Vec<Entry>,
    ) {
        let Some(at) = self.answered(name, seq) else { return };
        let wanted = &mut self.wanted[at];
        wanted.phase = Phase::In { renew: now + ENTRY_RENEW };
        let again = std::mem::replace(&mut wanted.inside, true);
        self.lose(at, unix, |held| !entries.iter().any(|entry| entry.id == held.entry.id));
        let mut members: Vec<Member> = Vec::new();
        for entry in entries.into_iter().take(ROOM_MEMBERS_MOST as usize) {
            match self.take(at, now, unix, entry) {
                Some(RoomEvent::Entered { member, .. }) if !again => members.push(member),
                Some(event) => self.tell(event),
                None => {}
            }
        }
        if let Some(login) = self.login.as_ref().filter(|_| !again) {
            let (room, call, server) = (name.clone(), name.call(&login.server), login.server.clone());
            let made = self.wanted[at].made.as_ref();
            let pass = made.map(|(_, key, _)| Pass::new(server, room.clone(), key.clone()));
            self.tell(RoomEvent::Joined { room, call, limit, members, pass });
        }
    }

    pub(super) fn entered(&mut self, now: Instant, unix: u64, name: &RoomName, entry: Entry) {
        if let Some(at) = self.inside(name)
            && let Some(event) = self.take(at, now, unix, entry)
        {
            self.tell(event);
        }
    }

    pub(super) fn left(&mut self, unix: u64, name: &RoomName, id: PeerId) {
        if let Some(at) = self.inside(name) {
            self.lose(at, unix, |held| held.entry.id == id);
        }
    }

    fn inside(&self, name: &RoomName) -> Option<usize> {
        self.find(name).filter(|at| self.wanted[*at].inside)
    }

    pub(super) fn not_joined(&mut self, now: Instant, name: &RoomName, seq: u64, code: RoomCode) {
        let Some(at) = self.answered(name, seq) else { return };
        let wanted = &mut self.wanted[at];
        if wanted.inside && code == RoomCode::Wait {
            wanted.phase = Phase::Pausing { until: now + ROOM_ATTEMPT_EVERY };
        } else {
            self.over(at, code.into());
        }
    }

    /// The server knows a type of message not that we have sent.
    pub(super) fn unknown(&mut self) {
        while let Some(at) = self.wanted.iter().position(|wanted| matches!(wanted.phase, Phase::Asked { .. })) {
            self.over(at, RoomOver::Unsupported);
        }
    }

    /// Says goodbye to whom this is true of.
    fn lose(&mut self, at: usize, unix: u64, gone: impl Fn(&Held) -> bool) {
        let wanted = &mut self.wanted[at];
        for held in wanted.members.extract_if(.., |held| gone(held)) {
            let (room, id) = (wanted.name.clone(), held.entry.id);
            self.farewells.add(&room, &held.entry, unix);
            self.out.push_back(Said::Event(RoomEvent::Left { room, id }));
        }
    }

    /// Takes note of an entry if it is to be believed; what there is to be told of it, if anything.
    fn take(&mut self, at: usize, now: Instant, unix: u64, entry: Entry) -> Option<RoomEvent> {
        let (wanted, login) = (&mut self.wanted[at], self.login.as_ref()?);
        let held = wanted.members.iter().position(|held| held.entry.id == entry.id);
        if entry.id == self.me || held.is_some_and(|n| wanted.members[n].entry == entry) {
            return None;
        }
        let place = Place { server: &login.server, room: &wanted.name };
        let key = wanted.made.as_ref().map(|(_, key, _)| key);
        let replayed = || self.farewells.refuses(&wanted.name, &entry);
        if let Err(why) = entry.check(&place, key, unix).and_then(|()| match replayed() {
            true => Err(EntryError::Replayed),
            false => Ok(()),
        }) {
            return Some(RoomEvent::Distrusted { room: wanted.name.clone(), id: entry.id, why });
        }
        let life = entry.expires.saturating_add(CLOCK_SKEW + 1).saturating_sub(unix);
        let (id, key) = (entry.id, entry.key);
        let new = Held { entry, until: now + Duration::from_secs(life) };
        let Some(n) = held else {
            // overflow: no member; no honest server names so many
            if wanted.members.len() >= ROOM_MEMBERS_MOST as usize {
                return None;
            }
            wanted.members.push(new);
            return Some(RoomEvent::Entered { room: wanted.name.clone(), member: Member { id, key } });
        };
        let old = &mut wanted.members[n];
        if old.entry.nonce != new.entry.nonce {
            // They logged in anew: what they signed before is over.
            self.farewells.add(&wanted.name, &old.entry, unix);
            *old = new;
        } else if new.entry.seq > old.entry.seq {
            *old = new;
        }
        None
    }
}
