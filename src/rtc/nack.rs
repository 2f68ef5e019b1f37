//! Which missing packets of sound are asked for again (RFC 4585 §6.2.1).
//!
//! The transport crate asks for everything, many times, and looks at no round trip: right for pictures, which can wait.
//! Sound cannot: a packet is asked for only where it can still be there in time, once in a round trip, and, from
//! somebody who sends copies, only where two or more in a row are missing, for one comes with the next packet anyway.
//! Pure: time is an argument.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// Longest round trip: with the pause until a packet is missed and asked for, it still comes before listeners mind.
const LONGEST: Duration = Duration::from_millis(80);
/// Times one packet is asked for.
const TIMES: u8 = 2;
/// On top of a round trip before it is asked for again.
const PATIENCE: Duration = Duration::from_millis(15);
/// Packets and streams remembered.
const PACKETS: usize = 128;
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
    /// Of the `missing` packets of a stream, those to ask for now. `rtt` is zero while it is not known; `copies`: the
    /// sender puts copies into its packets.
    pub fn wanted(&mut self, now: Instant, ssrc: u32, missing: &[u16], rtt: Duration, copies: bool) -> Vec<u16> {
        if rtt.is_zero() || rtt > LONGEST || (self.streams.len() >= STREAMS && !self.streams.contains_key(&ssrc)) {
            return Vec::new();
        }
        let asked = self.streams.entry(ssrc).or_default();
        asked.retain(|_, asked| now.saturating_duration_since(asked.at) < Duration::from_secs(1));
        let in_a_row =
            |number: u16| missing.contains(&number.wrapping_add(1)) || missing.contains(&number.wrapping_sub(1));
        let mut wanted = Vec::new();
        for number in missing.iter().copied().filter(|number| !copies || in_a_row(*number)) {
            let before = asked.get(&number).copied();
            let due = before.is_none_or(|b| b.times < TIMES && now.saturating_duration_since(b.at) >= rtt + PATIENCE);
            if due && (before.is_some() || asked.len() < PACKETS) {
                asked.insert(number, Asked { times: before.map_or(1, |b| b.times + 1), at: now });
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
        }
        assert!(again.streams.len() <= STREAMS && again.streams.values().all(|of| of.len() <= PACKETS));
    }
}
