//! A probe: a short burst of packets at more than the rate we believe in, to see what the path delivers of it.

use std::time::Instant;

/// One goes out at so many times the estimate, …
const RATE: f64 = 3.0;
/// … or so many where a ceiling was found just before; …
const AGAIN: f64 = 1.6;
/// … as long as so many seconds of the estimate, …
const SPAN: f64 = 0.025;
/// … but not fewer bytes than these, or this many seconds of the estimate where that is less, …
const LEAST: (usize, f64) = (2_000, 0.060);
/// … and no more; …
const MOST: usize = 12_000;
/// Three small packets: fewer tell no rate.
const SMALLEST: usize = 1_200;

/// It succeeds with so many times the estimate, …
pub(super) const GAIN: f64 = 1.25;
/// … of which so much is taken.
pub(super) const TAKE: f64 = 0.90;
/// Where one finds the most there is, the estimate is at least so much of that, …
pub(super) const FULL: f64 = 0.97;
/// … and does not grow beyond so much of it.
pub(super) const BELOW: f64 = 1.0;
/// Pauses between probes, seconds: the first after a failure, and the longest.
pub(super) const PAUSE: (f64, f64) = (0.35, 0.5);

/// Until the next one, after so many failures in a row; seconds.
pub(super) fn pause(failures: u32) -> f64 {
    (PAUSE.0 * (1.0 + 0.4 * f64::from(failures))).min(PAUSE.1)
}

/// At what rate one goes out, bit/s; `ceiling`: one was found just before.
pub(super) fn rate(estimate: f64, ceiling: bool) -> f64 {
    estimate * if ceiling { AGAIN } else { RATE }
}

/// How many bytes one takes; after a `silence` not fewer than usual, however low the estimate fell.
pub(super) fn size(estimate: f64, silence: bool) -> usize {
    let of_estimate = |seconds: f64| (estimate * seconds / 8.0) as usize;
    let least = if silence { LEAST.0 } else { of_estimate(LEAST.1).clamp(SMALLEST, LEAST.0) };
    of_estimate(SPAN).clamp(least, MOST)
}

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
        // The packet that arrived first marks the beginning, and lies before it; the one that left last lies behind the end.
        let bytes: usize = self.arrivals.iter().map(|a| a.2).sum();
        let over = |of: fn(&(f64, f64, usize)) -> f64, but: Option<&(f64, f64, usize)>| {
            let times = self.arrivals.iter().map(of);
            let (first, last) = times.fold((f64::MAX, f64::MIN), |(lo, hi), t| (lo.min(t), hi.max(t)));
            (bytes - but.map_or(0, |a| a.2)) as f64 * 8.0 / (last - first).max(0.0005)
        };
        let first = self.arrivals.iter().min_by(|a, b| a.0.total_cmp(&b.0));
        let last = self.arrivals.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let (delivered, sent) = (over(|a| a.0, first), over(|a| a.1, last));
        Some(Finding::Rate { proven: delivered.min(sent).min(self.rate), delivered, sent })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn packets_of_any_sizes_tell_the_rate_they_were_delivered_at() {
        // Over a link of 1 Mbit/s, with one of sound among them: before them all, in the middle, at the end.
        for sizes in [[1_158, 120, 1_158, 500], [120, 1_158, 1_158, 500], [1_158, 1_158, 500, 120]] {
            let start = Instant::now();
            let mut probe = Probe::new(1, 3e6, sizes.iter().sum(), start);
            let (mut left, mut free) = (0.0, 0.0_f64);
            for size in sizes {
                probe.sent(size, start + Duration::from_secs_f64(left));
                free = free.max(left) + size as f64 * 8.0 / 1e6;
                probe.reported(Some((free + 0.020, left)), size);
                left += size as f64 * 8.0 / 3e6;
            }
            let Some(Finding::Rate { proven, delivered, sent }) = probe.judge(start, 0.0) else { panic!("{sizes:?}") };
            assert!((delivered / 1e6 - 1.0).abs() < 0.001 && proven == delivered, "{delivered} of {sizes:?}");
            assert!((sent / 3e6 - 1.0).abs() < 0.001, "{sent} of {sizes:?}");
        }
    }
}
