//! Which missing packets are asked for again, and when (RFC 4585 §6.2.1).
//!
//! The transport crate asks for everything every few milliseconds and looks at no round trip. Here each packet of a picture
//! is asked for the moment it is missed, once more soon after, and both again when it should have been there for a while.
//! Where repair packets may bring it back, they are waited for; but many in a row (`burst`) are more than those mend.
//! Sound cannot wait: a packet is asked for only where it can still be there in time, once in a round trip, and, from
//! somebody who sends copies, only where two or more in a row are missing, for one comes with the next packet anyway.
//! Pure: time is an argument.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::burst::Lost;

/// Longest round trip: with the pause until a packet is missed and asked for, it still comes before listeners mind.
const LONGEST: Duration = Duration::from_millis(80);
/// Times one packet is asked for.
const TIMES: u8 = 2;
/// On top of a round trip before it is asked for again.
const PATIENCE: Duration = Duration::from_millis(15);
/// Of pictures a round trip is taken for at least this: what is on its way when it is missed comes sooner.
const SHORTEST: Duration = Duration::from_millis(20);
/// The question itself may be lost: on ways that are long enough it is said twice in a round, so far apart that one burst of
/// loss does not take both. Senders answer once in a round trip.
const ECHO: Duration = Duration::from_millis(30);
/// Repair packets come with the picture they repair; a lost one is asked for no sooner.
const REPAIRED: Duration = Duration::from_millis(20);
/// Packets and streams remembered.
const PACKETS: usize = 512;
const STREAMS: usize = 8;

#[derive(Debug, Clone, Copy)]
struct Asked {
    times: u8,
    at: Instant,
}

/// What was asked for lately.
#[derive(Debug, Default)]
pub(crate) struct Again {
    streams: HashMap<u32, BTreeMap<u16, Asked>>,
}

impl Again {
    /// So many packets of a stream of pictures from this one on are lost for certain (see `burst`): those of them to ask
    /// for now.
    pub fn wanted_of_burst(&mut self, now: Instant, (ssrc, first, count): Lost) -> Vec<u16> {
        self.ask(now, ssrc, (0..count).map(|n| first.wrapping_add(n)), |asked| asked.times == 0)
    }

    /// Of the `missing` packets of a stream of pictures, those to ask for now. `rtt` is zero while it is not known;
    /// `repairs`: the sender's repair packets may bring them back by themselves, at the end of their picture.
    pub fn wanted_of_pictures(
        &mut self,
        now: Instant,
        ssrc: u32,
        missing: &[u16],
        rtt: Duration,
        repairs: bool,
    ) -> Vec<u16> {
        let first = if repairs { REPAIRED } else { Duration::ZERO };
        let round = rtt.max(SHORTEST) + PATIENCE;
        let echo = if round >= 2 * ECHO { ECHO } else { Duration::ZERO };
        let pause = |asked: Asked| match asked.times {
            0 => first,
            times if times % 2 == 1 && !echo.is_zero() => echo,
            _ => round - echo,
        };
        let again = |asked: Asked| now.saturating_duration_since(asked.at) >= pause(asked);
        self.ask(now, ssrc, missing.iter().copied(), again)
    }

    /// Of the `missing` packets of a stream of sound, those to ask for now. `rtt` is zero while it is not known; `copies`: the
    /// sender puts copies into its packets.
    pub fn wanted(&mut self, now: Instant, ssrc: u32, missing: &[u16], rtt: Duration, copies: bool) -> Vec<u16> {
        if rtt.is_zero() || rtt > LONGEST {
            return Vec::new();
        }
        let in_a_row =
            |number: u16| missing.contains(&number.wrapping_add(1)) || missing.contains(&number.wrapping_sub(1));
        let numbers = missing.iter().copied().filter(|number| !copies || in_a_row(*number));
        let waited = |asked: Asked| now.saturating_duration_since(asked.at) >= rtt + PATIENCE;
        let again = |asked: Asked| asked.times == 0 || (asked.times < TIMES && waited(asked));
        self.ask(now, ssrc, numbers, again)
    }

    /// Those that are to be asked for (`again`, or for the first time, their `times` being 0 since they were missed); remembers
    /// them.
    fn ask(
        &mut self,
        now: Instant,
        ssrc: u32,
        numbers: impl Iterator<Item = u16>,
        again: impl Fn(Asked) -> bool,
    ) -> Vec<u16> {
        if self.streams.len() >= STREAMS && !self.streams.contains_key(&ssrc) {
            return Vec::new();
        }
        let asked = self.streams.entry(ssrc).or_default();
        asked.retain(|_, asked| now.saturating_duration_since(asked.at) < Duration::from_secs(1));
        let mut wanted = Vec::new();
        for number in numbers {
            if asked.len() >= PACKETS && !asked.contains_key(&number) {
                continue;
            }
            let before = asked.entry(number).or_insert(Asked { times: 0, at: now });
            if again(*before) {
                *before = Asked { times: before.times.saturating_add(1), at: now };
                wanted.push(number);
            }
        }
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(20);

    #[test]
    fn each_is_asked_for_twice_a_round_trip_apart() {
        let (mut again, start) = (Again::default(), Instant::now());
        let mut at = |ms, missing: &[u16]| again.wanted(start + Duration::from_millis(ms), 1, missing, RTT, false);
        assert_eq!(at(0, &[7]), [7]);
        assert!(at(30, &[7]).is_empty());
        assert_eq!(at(40, &[7, 9]), [7, 9]);
        assert_eq!(at(90, &[7, 9]), [9]);
        assert!(at(300, &[7, 9]).is_empty());
    }

    #[test]
    fn of_pictures_each_is_asked_for_at_once_and_again_as_long_as_it_is_missing() {
        let (mut again, start, far) = (Again::default(), Instant::now(), Duration::from_millis(100));
        let mut asked = Vec::new();
        for ms in (0..1_000).step_by(10) {
            let missing: &[u16] = if ms < 50 { &[7] } else { &[7, 9] };
            let wanted = again.wanted_of_pictures(start + Duration::from_millis(ms), 1, missing, far, false);
            asked.extend(wanted.into_iter().map(|number| (ms, number)));
        }
        let of = |number| asked.iter().filter(|a| a.1 == number).map(|a| a.0).take(4).collect::<Vec<_>>();
        assert_eq!((of(7), of(9)), (vec![0, 30, 120, 150], vec![50, 80, 170, 200]));
        let mut at = |ms| again.wanted_of_pictures(start + Duration::from_millis(ms), 2, &[7], far, true);
        assert!(at(0).is_empty() && at(10).is_empty(), "it may be repaired");
        assert_eq!((at(20), at(40), at(50), at(120), at(140)), (vec![7], vec![], vec![7], vec![], vec![7]));
    }

    #[test]
    fn a_burst_is_asked_for_at_once_and_then_as_others_are() {
        let (mut again, start, far) = (Again::default(), Instant::now(), Duration::from_millis(100));
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(again.wanted_of_burst(start, (1, u16::MAX, 3)), [u16::MAX, 0, 1]);
        assert!(again.wanted_of_burst(at(5), (1, 0, 2)).is_empty());
        let mut wanted = |ms| again.wanted_of_pictures(at(ms), 1, &[0], far, true);
        assert_eq!((wanted(10), wanted(30), wanted(110), wanted(120)), (vec![], vec![0], vec![], vec![0]));
    }

    #[test]
    fn where_the_round_trip_is_long_or_unknown_nothing_is_asked_for() {
        let (mut again, now) = (Again::default(), Instant::now());
        for rtt in [Duration::ZERO, LONGEST + Duration::from_millis(1)] {
            assert!(again.wanted(now, 1, &[7], rtt, false).is_empty());
        }
    }

    #[test]
    fn what_comes_as_a_copy_is_not_asked_for() {
        let (mut again, now) = (Again::default(), Instant::now());
        assert!(again.wanted(now, 1, &[7, 10], RTT, true).is_empty());
        assert_eq!(again.wanted(now, 1, &[u16::MAX, 0, 10], RTT, true), [u16::MAX, 0]);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut again, now) = (Again::default(), Instant::now());
        let all: Vec<u16> = (0..1_000).collect();
        for ssrc in 0..100 {
            assert!(again.wanted(now, ssrc, &all, RTT, false).len() <= PACKETS);
            assert!(again.wanted_of_pictures(now, ssrc, &all, RTT, false).len() <= PACKETS);
        }
        assert!(again.streams.len() <= STREAMS && again.streams.values().all(|of| of.len() <= PACKETS));
    }
}
