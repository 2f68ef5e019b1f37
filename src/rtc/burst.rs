//! Sees at once that many packets of a picture in a row are lost, whatever comes next, to ask for them again.
//!
//! The next packet of the stream shows it, often a picture later. Sooner do those of the sound, by the numbers that all
//! streams of a connection share (transport-wide sequence numbers), and a repair packet, which says how far its picture
//! goes. Few in a row are left to `nack`: repair packets may bring them back. Pure: time is an argument.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// So many in a row are more than repair packets mend; more than the last are no loss, but a stream that began anew.
const BURST: RangeInclusive<u16> = 3..=100;
/// What was asked for comes sooner than this share of a round trip: it was not lost but overtaken, …
const SOONER: f64 = 0.75;
/// … and on a path where that happens nothing is asked for early for so long, …
const REORDERS: Duration = Duration::from_secs(10);
/// … or, where sound told of it, not by that: it may have overtaken, but also what was sent again may have been lost.
const MISTAKEN: Duration = Duration::from_secs(2);
/// Streams remembered.
const STREAMS: usize = 8;

/// What came.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Came {
    /// A packet of this number of a stream of pictures.
    Picture(u32, u16),
    /// The same of sound.
    Sound(u32, u16),
    /// A repair packet of a picture of this stream, the last packet of which has this number.
    Repair(u32, u16),
}

/// Packets of one stream: its SSRC, the first, and how many.
pub(crate) type Lost = (u32, u16, u16);

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Bursts {
    /// The newest number of the connection.
    transport: Option<u16>,
    /// The newest number of each stream; of pictures it may still be on its way.
    streams: HashMap<u32, u16>,
    /// Where pictures came last.
    pictures: Option<u32>,
    /// What was found last, when, and whether by sound.
    found: Option<(Lost, Instant, bool)>,
    /// When that turned out to be wrong, by packets of pictures and by sound.
    wrong: [Option<Instant>; 2],
}

/// How far `number` is ahead of `newest`; `None`: it is behind.
fn ahead(number: u16, newest: u16) -> Option<u16> {
    let ahead = number.wrapping_sub(newest);
    (ahead < 1 << 15).then_some(ahead)
}

impl Bursts {
    /// Something came, with this number of the connection, if it has one: what is lost now, if many. `rtt` is zero while
    /// it is not known.
    pub fn came(&mut self, now: Instant, rtt: Duration, transport: Option<u16>, came: Came) -> Option<Lost> {
        let lost = transport.map_or(0, |number| self.transport_came(number));
        let (Came::Picture(ssrc, number) | Came::Sound(ssrc, number) | Came::Repair(ssrc, number)) = came;
        if self.streams.len() >= STREAMS && !self.streams.contains_key(&ssrc) {
            return None;
        }
        let newest = *self.streams.entry(ssrc).or_insert(number);
        let found = match came {
            Came::Picture(..) => {
                self.look_for_order(now, rtt, ssrc, number);
                self.pictures = Some(ssrc);
                let found = self.all_left(ssrc, number.wrapping_sub(1));
                self.newer(ssrc, number);
                found
            }
            Came::Repair(..) => self.all_left(ssrc, number),
            Came::Sound(..) => {
                let own = ahead(number, newest).unwrap_or(0).saturating_sub(1);
                self.newer(ssrc, number);
                let pictures = self.pictures.filter(|_| !self.pauses(now, 1, MISTAKEN))?;
                let last = self.streams.get(&pictures)?.wrapping_add(lost.saturating_sub(own));
                self.all_left(pictures, last)
            }
        };
        let found = found.filter(|_| !self.pauses(now, 0, REORDERS));
        self.found = found.map(|lost| (lost, now, matches!(came, Came::Sound(..)))).or(self.found);
        found
    }

    /// Whether what was found in this way was wrong lately.
    fn pauses(&self, now: Instant, way: usize, pause: Duration) -> bool {
        self.wrong[way].is_some_and(|at| now.saturating_duration_since(at) <= pause)
    }

    /// How many were left out before this number of the connection.
    fn transport_came(&mut self, number: u16) -> u16 {
        let newest = *self.transport.get_or_insert(number);
        let Some(ahead) = ahead(number, newest) else { return 0 };
        self.transport = Some(number);
        ahead.saturating_sub(1)
    }

    fn newer(&mut self, ssrc: u32, number: u16) {
        if let Some(newest) = self.streams.get_mut(&ssrc).filter(|newest| ahead(number, **newest).is_some()) {
            *newest = number;
        }
    }

    /// All packets of this stream up to this one have left: those of them that are a burst.
    fn all_left(&mut self, ssrc: u32, last: u16) -> Option<Lost> {
        let newest = *self.streams.get(&ssrc)?;
        let missing = ahead(last, newest)?;
        if !BURST.contains(&missing) {
            return None;
        }
        self.newer(ssrc, last);
        Some((ssrc, newest.wrapping_add(1), missing))
    }

    /// Whether what was taken for lost was only late.
    fn look_for_order(&mut self, now: Instant, rtt: Duration, ssrc: u32, number: u16) {
        let Some(((of, first, count), at, by_sound)) = self.found else { return };
        let sooner = now.saturating_duration_since(at) < rtt.mul_f64(SOONER);
        // Of what sound told of the last ones may be too many, which have not left yet.
        let surely = if by_sound { 1 } else { count };
        if of == ssrc && sooner && ahead(number, first).is_some_and(|n| n < surely) {
            self.wrong[usize::from(by_sound)] = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(100);
    const A: u32 = 1;
    const SOUND: u32 = 2;

    struct World {
        bursts: Bursts,
        now: Instant,
    }

    impl World {
        /// Pictures up to 9 and sound up to 4 have come.
        fn new() -> Self {
            let mut world = Self { bursts: Bursts::default(), now: Instant::now() };
            assert_eq!(world.came(100, Came::Sound(SOUND, 4)), None);
            assert_eq!(world.came(101, Came::Picture(A, 9)), None);
            world
        }

        fn came(&mut self, transport: impl Into<Option<u16>>, came: Came) -> Option<Lost> {
            self.bursts.came(self.now, RTT, transport.into(), came)
        }
    }

    #[test]
    fn the_next_packet_of_the_stream_shows_a_burst() {
        let mut world = World::new();
        assert_eq!(world.came(None, Came::Picture(A, 12)), None, "two may be repaired");
        assert_eq!(world.came(None, Came::Picture(A, 16)), Some((A, 13, 3)));
        assert_eq!(world.came(None, Came::Picture(A, 17)), None, "once");
        assert_eq!(world.came(None, Came::Picture(A, 300)), None, "it began anew");
        let mut wraps = World { bursts: Bursts::default(), now: Instant::now() };
        wraps.came(None, Came::Picture(A, u16::MAX - 1));
        assert_eq!(wraps.came(None, Came::Picture(A, 4)), Some((A, u16::MAX, 5)));
    }

    #[test]
    fn sound_shows_it_by_the_numbers_of_the_connection() {
        let mut world = World::new();
        // 102 to 107 are lost: one of them was sound.
        assert_eq!(world.came(108, Came::Sound(SOUND, 6)), Some((A, 10, 5)));
        assert_eq!(world.came(109, Came::Picture(A, 15)), None, "it is known");
        assert_eq!(world.came(112, Came::Sound(SOUND, 9)), None, "only sound was lost");
        assert_eq!(world.came(117, Came::Picture(A, 20)), Some((A, 16, 4)));
    }

    #[test]
    fn a_repair_packet_shows_it_by_the_end_of_its_picture() {
        let mut world = World::new();
        assert_eq!(world.came(None, Came::Repair(A, 11)), None, "that many it brings back");
        assert_eq!(world.came(None, Came::Repair(A, 14)), Some((A, 10, 5)));
        assert_eq!(world.came(None, Came::Repair(A, 14)), None, "the second of them");
        assert_eq!(world.came(None, Came::Picture(A, 15)), None);
    }

    #[test]
    fn where_packets_overtake_each_other_nothing_is_asked_for_early() {
        let mut world = World::new();
        assert_eq!(world.came(None, Came::Picture(A, 14)), Some((A, 10, 4)));
        world.now += Duration::from_millis(10);
        world.came(None, Came::Picture(A, 10));
        assert_eq!(world.came(None, Came::Picture(A, 30)), None);
        world.now += REORDERS + Duration::from_millis(1);
        assert_eq!(world.came(None, Came::Picture(A, 40)), Some((A, 31, 9)));
        // What was sent again comes after a round trip.
        world.now += RTT;
        world.came(None, Came::Picture(A, 31));
        assert_eq!(world.came(None, Came::Picture(A, 50)), Some((A, 41, 9)));
    }

    #[test]
    fn sound_that_overtakes_pictures_is_not_believed_for_a_while() {
        let mut world = World::new();
        assert_eq!(world.came(106, Came::Sound(SOUND, 5)), Some((A, 10, 4)));
        world.now += Duration::from_millis(5);
        world.came(102, Came::Picture(A, 10));
        assert_eq!(world.came(112, Came::Sound(SOUND, 6)), None);
        assert_eq!(world.came(119, Came::Picture(A, 26)), Some((A, 14, 12)), "pictures are");
        world.now += MISTAKEN + Duration::from_millis(1);
        assert_eq!(world.came(124, Came::Sound(SOUND, 7)), Some((A, 27, 4)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut world = World::new();
        for ssrc in 10..100 {
            world.came(None, Came::Picture(ssrc, 0));
        }
        assert!(world.bursts.streams.len() <= STREAMS);
    }
}
