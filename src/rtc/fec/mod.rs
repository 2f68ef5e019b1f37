//! Forward error correction of pictures where asking again takes long: repair packets, from which as many lost packets of
//! a picture are rebuilt as repair packets arrived (Reed–Solomon, so it does not matter which).
//!
//! Between programs of this kind only, and only to one whose description says that it understands
//! ([`REPAIRS`](crate::model::description::REPAIRS)): what browsers speak rebuilds one packet of each group, which leaves
//! several times as many pictures waiting for a round trip. [`block`] makes and uses repair packets, pure; `interceptor`
//! sits between the transport's own interceptors, so that a rebuilt packet is asked for by nobody; `Plan` says how many
//! repair packets a picture gets.
//!
//! # A repair packet
//!
//! RTP of payload type [`PAYLOAD_TYPE`] in a stream of its own, of no description, with the SSRC after the protected one's. Its payload, numbers big-endian:
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! |                     SSRC of the protected stream                |
//! |  first sequence number of it  |   packets     | repair packets  |
//! |  which of them  |   zero      |   repair shard of even length …
//! ```
//!
//! Protected packets are shards too: length of the payload (16 bits), marker and payload type (8 bits, as in RTP), zero
//! (8 bits), timestamp (32 bits), payload, zeros up to the length of the longest. Header extensions are not protected.

pub mod block;
pub(crate) mod interceptor;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use rtc::rtp::Packet;

/// Payload type of repair packets: none that we or browsers give to anything else we speak.
pub const PAYLOAD_TYPE: u8 = 118;

/// The stream that a packet repairs: the one with the SSRC before; `None` where it is no repair packet.
pub(crate) fn protected(packet: &Packet) -> Option<u32> {
    let ssrc = packet.header.ssrc.wrapping_sub(1);
    (packet.header.payload_type == PAYLOAD_TYPE && block::protects(packet) == Some(ssrc)).then_some(ssrc)
}

/// Shorter round trips are waited for.
const LONG_WAY: Duration = Duration::from_millis(45);
/// Less loss than the first ends it, more than the second begins it.
const LOSS: (f64, f64) = (0.002, 0.005);
/// Share of pictures that may still lack something: those are asked for.
const LEFT: f64 = 0.02;
/// Most repair packets, as a share of what they repair; of few packets one may always be.
const MOST: f64 = 0.5;

/// What sender and interceptor of one connection tell each other.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The other side understands.
    understood: AtomicBool,
    /// Loss to be ready for, in millionths; 0: send none.
    loss: AtomicU32,
    /// Bytes of repair packets that left and are not paid for yet.
    owed: AtomicUsize,
}

impl Plan {
    /// The other side's description in force says whether it understands.
    pub fn set_understood(&self, understood: bool) {
        self.understood.store(understood, Ordering::Relaxed);
    }

    /// Whether repair packets may come from the other side.
    pub fn understood(&self) -> bool {
        self.understood.load(Ordering::Relaxed)
    }

    /// Takes the share of packets that the path loses by itself (0…1), and its round trip.
    pub fn on_path(&self, loss: f64, round_trip: Duration) {
        let least = if self.active() { LOSS.0 } else { LOSS.1 };
        let wanted = self.understood() && round_trip >= LONG_WAY && loss > least;
        self.loss.store(if wanted { (loss.min(0.5) * 1e6) as u32 } else { 0 }, Ordering::Relaxed);
    }

    /// Whether pictures get repair packets now.
    pub fn active(&self) -> bool {
        self.loss.load(Ordering::Relaxed) > 0
    }

    /// How many a picture of so many packets gets now.
    fn repairs(&self, packets: usize) -> usize {
        repairs(f64::from(self.loss.load(Ordering::Relaxed)) / 1e6, packets)
    }

    /// Bytes of repair packets that left since this was asked last.
    pub fn take_owed(&self) -> usize {
        self.owed.swap(0, Ordering::Relaxed)
    }
}

/// The fewest repair packets with which no more than [`LEFT`] of the pictures of so many packets lack something.
fn repairs(loss: f64, packets: usize) -> usize {
    if loss <= 0.0 || packets == 0 {
        return 0;
    }
    let most = ((packets as f64 * MOST) as usize).clamp(1, block::MOST_REPAIRS);
    (1..most).find(|repairs| lacking(loss, packets + repairs, *repairs) <= LEFT).unwrap_or(most)
}

/// The chance that more than `spare` of `packets` are lost, each by itself.
fn lacking(loss: f64, packets: usize, spare: usize) -> f64 {
    let mut exactly = (1.0 - loss).powi(packets as i32);
    let mut enough = exactly;
    for lost in 1..=spare {
        exactly *= loss / (1.0 - loss) * (packets + 1 - lost) as f64 / lost as f64;
        enough += exactly;
    }
    1.0 - enough
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_loss_takes_more_repair_packets_but_not_without_end() {
        let of_ten: Vec<usize> = [0.0, 0.005, 0.02, 0.05, 0.10, 0.40].map(|loss| repairs(loss, 10)).to_vec();
        assert_eq!(of_ten, [0, 1, 1, 2, 4, 5]);
        let at_two_percent: Vec<usize> = [0, 1, 2, 20, 40].map(|packets| repairs(0.02, packets)).to_vec();
        assert_eq!(at_two_percent, [0, 1, 1, 2, 3]);
        assert!((lacking(0.1, 2, 1) - 0.01).abs() < 1e-9);
    }

    #[test]
    fn only_long_ways_that_lose_are_protected_and_only_to_who_understands() {
        let plan = Plan::default();
        let far = Duration::from_millis(100);
        plan.on_path(0.02, far);
        assert!(!plan.active(), "nobody understands");
        plan.set_understood(true);
        plan.on_path(0.02, Duration::from_millis(20));
        assert!(!plan.active(), "asking again is as good");
        plan.on_path(0.02, far);
        assert_eq!((plan.active(), plan.repairs(10)), (true, 1));
        plan.on_path(0.003, far);
        assert!(plan.active(), "less, but it goes on");
        plan.on_path(0.001, far);
        assert_eq!((plan.active(), plan.repairs(10)), (false, 0));
    }
}
