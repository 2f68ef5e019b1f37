//! Memory of who has left, so that the server cannot show them again.

use std::collections::{HashMap, VecDeque};

use crate::model::id::PeerId;
use crate::signal::limits::CLOCK_SKEW;
use crate::signal::room::secret::Code;
use crate::signal::room::{Entry, RoomName};

/// Memberships that are over, so that their entries are not played again.
///
/// It remembers them for as long as they could still be valid. Beyond `most` it forgets the oldest, and
/// refuses from then on entries it does not know that do not outlive everything it has forgotten: under a flood it errs
/// towards refusing.
pub(super) struct Farewells {
    last: HashMap<(RoomName, PeerId, Code), (u64, u64)>,
    order: VecDeque<(RoomName, PeerId, Code)>,
    forgotten: u64,
    most: usize,
}

impl Farewells {
    pub(super) fn new(most: usize) -> Self {
        Self { last: HashMap::new(), order: VecDeque::new(), forgotten: 0, most }
    }

    pub(super) fn add(&mut self, room: &RoomName, entry: &Entry, unix: u64) {
        let key = (room.clone(), entry.id, entry.nonce);
        if let Some((seq, expires)) = self.last.get_mut(&key) {
            (*seq, *expires) = ((*seq).max(entry.seq), (*expires).max(entry.expires));
            return;
        }
        while let Some(oldest) = self.order.front() {
            let expires = self.last.get(oldest).map_or(0, |(_, expires)| *expires);
            let dead = expires.saturating_add(CLOCK_SKEW) < unix;
            if !dead && self.order.len() < self.most {
                break;
            }
            self.last.remove(oldest);
            self.order.pop_front();
            if !dead {
                self.forgotten = self.forgotten.max(expires);
            }
        }
        self.last.insert(key.clone(), (entry.seq, entry.expires));
        self.order.push_back(key);
    }

    pub(super) fn refuses(&self, room: &RoomName, entry: &Entry) -> bool {
        match self.last.get(&(room.clone(), entry.id, entry.nonce)) {
            Some((seq, _)) => entry.seq <= *seq,
            None => entry.expires <= self.forgotten,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::key::KeyPair;
    use crate::signal::room::Place;

    const NOW: u64 = 1_790_000_000;

    #[test]
    fn who_has_left_does_not_come_back_by_an_old_entry_however_many_leave() {
        let room: RoomName = "team".parse().unwrap();
        let keys = KeyPair::from_seed([1; 32]);
        let entry = |nonce: u8, seq: u64, expires: u64| {
            Entry::seal(&keys, &Place { server: "s", room: &room }, None, Code([nonce; 32]), seq, expires)
        };
        let mut farewells = Farewells::new(4);
        farewells.add(&room, &entry(0, 3, NOW + 5), NOW);
        assert!(farewells.refuses(&room, &entry(0, 3, NOW + 5)) && farewells.refuses(&room, &entry(0, 2, NOW + 9)));
        assert!(!farewells.refuses(&room, &entry(0, 4, NOW + 5)), "signed since");
        assert!(!farewells.refuses(&"other".parse().unwrap(), &entry(0, 3, NOW + 5)));
        for n in 1..10 {
            farewells.add(&room, &entry(n, 1, NOW + 5 + u64::from(n)), NOW);
        }
        for n in 1..10 {
            assert!(farewells.refuses(&room, &entry(n, 1, NOW + 5 + u64::from(n))), "{n}");
        }
        assert!(!farewells.refuses(&room, &entry(77, 1, NOW + 600)));
        assert!(farewells.last.len() <= 4 && farewells.order.len() <= 4);
    }
}
