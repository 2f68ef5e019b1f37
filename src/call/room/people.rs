//! What is known of the people of a room besides our own legs: who was named, who says that who is there, whom to ring.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::model::body::RoomCard;
use crate::model::id::{CallId, PeerId};

/// How long somebody whom a member named may come in: as long as it rings, and a little more for the way.
pub const NAMED: Duration = Duration::from_secs(90);
/// How long somebody who is in the room by a member's word, and has no leg with us, is waited for before we ring them.
/// The lower ID waits so long, the higher one twice as long, so that seldom both ring at once.
pub const MISSED: Duration = Duration::from_secs(3);
/// Pause before the second attempt to reach somebody; each further one is twice as long, up to [`RETRY_MOST`].
pub const RETRY: Duration = Duration::from_secs(15);
/// Longest pause between two attempts.
pub const RETRY_MOST: Duration = Duration::from_secs(120);

/// People named and not forgotten yet. Overflow: who was named longest ago goes.
const MOST_NAMED: usize = 64;

/// The room we are in.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) id: CallId,
    /// IDs under which some may know it still: two rooms that found out to be one. Overflow: the oldest goes.
    former: Vec<CallId>,
    /// With our picture.
    pub(super) video: bool,
    named: BTreeMap<PeerId, Instant>,
    /// Who is there by whose word.
    heard: BTreeMap<PeerId, BTreeSet<PeerId>>,
    /// When to ring those with whom there is no leg, and how long to wait after it.
    missed: BTreeMap<PeerId, (Instant, Duration)>,
    /// Those who do not want to talk to us.
    refused: BTreeSet<PeerId>,
    /// Those who said that the room is full.
    pub(super) full: BTreeSet<PeerId>,
}

impl Room {
    pub(super) fn new(id: CallId, video: bool) -> Self {
        let (former, named, heard, missed, refused, full) = Default::default();
        Self { id, former, video, named, heard, missed, refused, full }
    }

    pub(super) fn is_called(&self, id: CallId) -> bool {
        self.id == id || self.former.contains(&id)
    }

    /// It is the same room as this one, whose ID is lower.
    pub(super) fn rename(&mut self, id: CallId) {
        if self.former.len() >= 8 {
            self.former.remove(0);
        }
        self.former.push(std::mem::replace(&mut self.id, id));
    }

    /// Somebody may come in.
    pub(super) fn name(&mut self, now: Instant, who: PeerId) {
        if self.named.len() >= MOST_NAMED
            && !self.named.contains_key(&who)
            && let Some(oldest) = self.named.iter().min_by_key(|(_, until)| **until).map(|(who, _)| *who)
        {
            self.named.remove(&oldest);
        }
        self.named.insert(who, now + NAMED);
    }

    pub(super) fn is_named(&self, now: Instant, who: PeerId) -> bool {
        self.named.get(&who).is_some_and(|until| *until > now)
    }

    /// A member says who is there.
    pub(super) fn hear(&mut self, from: PeerId, here: impl IntoIterator<Item = PeerId>) {
        self.heard.insert(from, here.into_iter().collect());
    }

    /// Somebody who rang is in the room, and says in the card who else is.
    pub(super) fn read(&mut self, now: Instant, from: PeerId, card: &RoomCard) {
        card.members.iter().chain([&from]).for_each(|who| self.name(now, *who));
        self.hear(from, card.members.iter().copied());
    }

    /// There is no leg with them any more, nor counts what they said. Who `refused` us is not rung again.
    pub(super) fn forget(&mut self, who: PeerId, refused: bool) {
        self.heard.remove(&who);
        if refused {
            self.refused.insert(who);
        }
    }

    /// Who says that this one is there.
    pub(super) fn witnesses(&self, who: PeerId) -> Vec<PeerId> {
        self.heard.iter().filter(|(_, here)| here.contains(&who)).map(|(from, _)| *from).collect()
    }

    /// Whether this one does not want to talk to us.
    pub(super) fn has_refused(&self, who: PeerId) -> bool {
        self.refused.contains(&who)
    }

    /// Who is there by the word of others.
    pub(super) fn heard(&self) -> BTreeSet<PeerId> {
        self.heard.values().flatten().copied().collect()
    }

    /// Rings those of `missed` from `first` on, unless they do not need it any more.
    pub(super) fn miss(&mut self, missed: &BTreeSet<PeerId>, first: impl Fn(PeerId) -> Instant) {
        self.missed.retain(|who, _| missed.contains(who));
        for who in missed.difference(&self.refused) {
            self.missed.entry(*who).or_insert_with(|| (first(*who), RETRY));
        }
    }

    /// Whom to ring now.
    pub(super) fn due(&mut self, now: Instant, has_leg: impl Fn(PeerId) -> bool) -> Vec<PeerId> {
        let mut due = Vec::new();
        for (who, (at, pause)) in &mut self.missed {
            if *at <= now && !has_leg(*who) {
                *at = now + *pause;
                *pause = (*pause * 2).min(RETRY_MOST);
                due.push(*who);
            }
        }
        due
    }

    /// When somebody is to be rung next, of those with whom there is no leg.
    pub(super) fn deadline(&self, has_leg: impl Fn(PeerId) -> bool) -> Option<Instant> {
        self.missed.iter().filter(|(who, _)| !has_leg(**who)).map(|(_, (at, _))| *at).min()
    }
}
