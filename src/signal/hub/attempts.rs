//! Wrong passwords, counted by address: who connects anew to go on guessing finds the count as it was.

use std::collections::HashMap;
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::time::Instant;

use crate::signal::limits::{Pace, ROOM_ADDRESSES, ROOM_ATTEMPT_EVERY, ROOM_ATTEMPTS_PER_ADDRESS};

/// The addresses from which a wrong password came lately.
#[derive(Default)]
pub(super) struct Attempts(HashMap<IpAddr, Pace>);

/// One household or host: whoever has an IPv6 address has the other 2⁶⁴ of its network too.
fn origin(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() & (u128::MAX << 64)).into(),
    }
}

impl Attempts {
    /// Whether another attempt from there is looked at.
    pub(super) fn is_free(&self, now: Instant, address: IpAddr) -> bool {
        let pace = self.0.get(&origin(address));
        pace.is_none_or(|pace| pace.is_free(now, ROOM_ATTEMPTS_PER_ADDRESS, ROOM_ATTEMPT_EVERY))
    }

    /// One from there was wrong.
    pub(super) fn take(&mut self, now: Instant, address: IpAddr) {
        let origin = origin(address);
        if self.0.len() >= ROOM_ADDRESSES && !self.0.contains_key(&origin) {
            self.0.retain(|_, pace| pace.settled() > now);
            // overflow: the one nearest to being forgotten anyway
            let nearest = self.0.iter().min_by_key(|(_, pace)| pace.settled()).map(|(address, _)| *address);
            if let Some(nearest) = nearest.filter(|_| self.0.len() >= ROOM_ADDRESSES) {
                self.0.remove(&nearest);
            }
        }
        self.0.entry(origin).or_insert_with(|| Pace::new(now)).take(now, ROOM_ATTEMPT_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_attempts_and_a_network_of_ipv6_counts_as_one() {
        let (now, mut attempts) = (Instant::now(), Attempts::default());
        for n in 0..ROOM_ATTEMPTS_PER_ADDRESS {
            let six = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, n as u16));
            assert!(attempts.is_free(now, six));
            attempts.take(now, six);
        }
        assert!(!attempts.is_free(now, "2001:db8:0:1::ffff".parse().unwrap()));
        assert!(attempts.is_free(now, "2001:db8:0:2::1".parse().unwrap()));
        assert!(attempts.is_free(now + ROOM_ATTEMPT_EVERY, "2001:db8:0:1::1".parse().unwrap()));
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_the_least_first() {
        let (now, mut attempts) = (Instant::now(), Attempts::default());
        let four = |n: u32| IpAddr::V4(n.into());
        for _ in 0..ROOM_ATTEMPTS_PER_ADDRESS {
            attempts.take(now, four(u32::MAX));
        }
        for n in 0..ROOM_ADDRESSES as u32 + 10 {
            attempts.take(now, four(n));
        }
        assert_eq!(attempts.0.len(), ROOM_ADDRESSES);
        assert!(!attempts.is_free(now, four(u32::MAX)), "who guessed most is remembered");
        attempts.take(now + ROOM_ATTEMPT_EVERY * 2, four(9));
        attempts.take(now + ROOM_ATTEMPT_EVERY * 2, four(u32::MAX - 1));
        assert!(attempts.0.len() <= 3, "what is over is forgotten when there is need of room");
    }
}
