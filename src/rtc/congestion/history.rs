//! What was sent and not yet reported on.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A packet nobody reports on for so long is no longer under way.
pub const KEPT: Duration = Duration::from_secs(2);
/// The rate sent is measured over this.
const RATE_SPAN: Duration = Duration::from_millis(500);

/// A packet that left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    /// Its stream.
    pub ssrc: u32,
    /// Its RTP sequence number; a packet that is sent again keeps it.
    pub sequence: u16,
    /// Bytes on the wire, with IP, UDP and SRTP.
    pub size: usize,
    /// When it left.
    pub at: Instant,
}

/// What a receiver said of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Its stream.
    pub ssrc: u32,
    /// Its RTP sequence number.
    pub sequence: u16,
    /// Bytes on the wire, as in [`Departure::size`].
    pub size: usize,
    /// When it left.
    pub departure: Instant,
    /// When it arrived, on the receiver's clock; `None`: it did not.
    pub arrival: Option<Duration>,
}

#[derive(Debug)]
struct Sent {
    departure: Departure,
    probe: Option<u32>,
}

/// The packets under way, oldest first, and the rate of the last half second.
#[derive(Debug, Default)]
pub(super) struct History {
    sent: VecDeque<Sent>,
    in_flight: usize,
    recent: VecDeque<(Instant, usize)>,
    recent_bytes: usize,
}

impl History {
    /// Takes note of a packet; `probe` is the probe it belongs to.
    pub fn sent(&mut self, departure: Departure, probe: Option<u32>) {
        self.in_flight += departure.size;
        self.recent_bytes += departure.size;
        self.recent.push_back((departure.at, departure.size));
        self.sent.push_back(Sent { departure, probe });
        self.age(departure.at);
    }

    /// The packet was reported on; gives its probe. One that is not known was given up, or is no packet of ours: `None`.
    ///
    /// Reports come in the order of departure, so that of several with the same number (one was sent again) the oldest
    /// is meant, and what left before it and was never reported on has its report lost.
    pub fn reported(&mut self, ssrc: u32, sequence: u16) -> Option<Option<u32>> {
        let of = |s: &Sent| s.departure.ssrc == ssrc && s.departure.sequence == sequence;
        let index = self.sent.iter().position(of)?;
        let mut probe = None;
        for sent in self.sent.drain(..=index) {
            self.in_flight = self.in_flight.saturating_sub(sent.departure.size);
            probe = sent.probe;
        }
        Some(probe)
    }

    /// Bytes that left and may still be under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// What was sent over the last half second, bit/s.
    pub fn rate(&self) -> f64 {
        self.recent_bytes as f64 * 8.0 / RATE_SPAN.as_secs_f64()
    }

    /// Forgets what is too old.
    pub fn age(&mut self, now: Instant) {
        let old = |at: Instant, span: Duration| now.saturating_duration_since(at) > span;
        while let Some(&(_, size)) = self.recent.front().filter(|(at, _)| old(*at, RATE_SPAN)) {
            self.recent_bytes -= size;
            self.recent.pop_front();
        }
        while let Some(sent) = self.sent.front().filter(|s| old(s.departure.at, KEPT)) {
            self.in_flight = self.in_flight.saturating_sub(sent.departure.size);
            self.sent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn departure(sequence: u16, at: Instant) -> Departure {
        Departure { ssrc: 1, sequence, size: 100, at }
    }

    #[test]
    fn a_packet_sent_again_is_matched_in_order() {
        let (mut history, now) = (History::default(), Instant::now());
        history.sent(departure(7, now), None);
        history.sent(departure(8, now), None);
        history.sent(departure(7, now), Some(3));
        assert_eq!(history.in_flight(), 300);
        assert_eq!(history.reported(1, 7), Some(None), "the first of the two");
        assert_eq!(history.reported(1, 7), Some(Some(3)), "the second; what is said of 8 was lost");
        assert_eq!(history.in_flight(), 0);
        assert_eq!(history.reported(1, 8), None);
    }

    #[test]
    fn what_nobody_reports_on_is_forgotten() {
        let (mut history, start) = (History::default(), Instant::now());
        for n in 0..1000 {
            history.sent(departure(n, start + Duration::from_millis(10 * u64::from(n))), None);
        }
        assert!(history.in_flight() <= 201 * 100 && history.sent.len() <= 201);
        assert!((history.rate() - 80_000.0).abs() < 4_000.0, "{}", history.rate());
        history.age(start + Duration::from_secs(60));
        assert_eq!((history.in_flight(), history.rate()), (0, 0.0));
    }
}
