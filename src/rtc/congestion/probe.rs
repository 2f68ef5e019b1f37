//! A probe: a short burst of packets at more than the rate we believe in, to see what the path delivers of it.

use std::time::Instant;

/// What a probe found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Finding {
    /// Too little of it was reported on.
    Nothing,
    /// What was delivered of it and what was sent, bit/s; the lesser and not above the probe's rate is proven.
    Rate { proven: f64, delivered: f64, sent: f64 },
}

/// A probe under way.
#[derive(Debug)]
pub(super) struct Probe {
    pub id: u32,
    /// At what rate it goes out, bit/s.
    pub rate: f64,
    began: Instant,
    ended: Option<Instant>,
    bytes: usize,
    sent: usize,
    packets: usize,
    reported: usize,
    /// Arrival (their clock), departure (ours), seconds; bytes.
    arrivals: Vec<(f64, f64, usize)>,
}

impl Probe {
    pub fn new(id: u32, rate: f64, bytes: usize, now: Instant) -> Self {
        Self { id, rate, began: now, ended: None, bytes, sent: 0, packets: 0, reported: 0, arrivals: Vec::new() }
    }

    /// Bytes of it that have not left yet; `None` once all have.
    pub fn left(&self) -> Option<usize> {
        self.ended.is_none().then(|| self.bytes.saturating_sub(self.sent))
    }

    /// Bytes it has in all.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a packet that leaves while it goes on.
    pub fn sent(&mut self, size: usize, now: Instant) {
        self.sent += size;
        self.packets += 1;
        if self.sent >= self.bytes {
            self.ended = Some(now);
        }
    }

    /// No more of it will leave.
    pub fn end(&mut self, now: Instant) {
        self.ended.get_or_insert(now);
    }

    /// One of its packets was reported on; where it arrived: at `arrived` (their clock), having left at `departed` (ours).
    pub fn reported(&mut self, arrived: Option<(f64, f64)>, size: usize) {
        self.reported += 1;
        if let Some((arrived, departed)) = arrived {
            self.arrivals.push((arrived, departed, size));
        }
    }

    /// Whether it did not come to its end in time.
    pub fn stuck(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began).as_secs_f64() > 1.0
    }

    /// What it found, once everything was reported on or `patience` seconds are over.
    pub fn judge(&self, now: Instant, patience: f64) -> Option<Finding> {
        let waited = now.saturating_duration_since(self.ended?).as_secs_f64();
        if self.reported < self.packets && waited < patience {
            return None;
        }
        let count = self.arrivals.len();
        if count < 3 || count * 10 < self.packets * 6 {
            return Some(Finding::Nothing);
        }
        let span = |of: fn(&(f64, f64, usize)) -> f64| {
            let times = self.arrivals.iter().map(of);
            let (first, last) = times.fold((f64::MAX, f64::MIN), |(lo, hi), t| (lo.min(t), hi.max(t)));
            (last - first).max(0.0005)
        };
        // The first packet marks the beginning: its bytes lie before it.
        let bytes: usize = self.arrivals.iter().map(|a| a.2).sum();
        let bits = bytes as f64 * 8.0 * (count - 1) as f64 / count as f64;
        let (delivered, sent) = (bits / span(|a| a.0), bits / span(|a| a.1));
        Some(Finding::Rate { proven: delivered.min(sent).min(self.rate), delivered, sent })
    }
}
