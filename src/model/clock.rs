//! The other side's clock: RTP timestamps of its streams → one time for all of them, by its sender reports (RFC 3550 §6.4.1).
//!
//! Sound and pictures count in clocks of their own, from random starts; only these reports say what belongs together. A
//! stream without a report has no time, and so has one that began anew under another SSRC. Bounded, whatever is reported.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Streams whose reports are kept; the oldest gives way.
const STREAMS: usize = 32;

/// Sound of the other side, captured at one moment of its clock, is heard at one of ours; what comes before and after it
/// follows from that. The same of a picture that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Played {
    /// When it was captured: the other side's clock, since 1900, where NTP begins.
    pub captured: Duration,
    /// When it is heard or shown here.
    pub at: Instant,
}

impl Played {
    /// What is heard or shown at `now`, if it goes on like this; since 1900.
    pub fn captured_at(&self, now: Instant) -> Duration {
        match now.checked_duration_since(self.at) {
            Some(after) => self.captured.saturating_add(after),
            None => self.captured.saturating_sub(self.at.saturating_duration_since(now)),
        }
    }

    /// How much later than `at` what was captured then is heard, seconds; negative: earlier.
    pub fn later_than(&self, captured: Duration, at: Instant) -> f64 {
        seconds(captured, self.captured) - since(at, self.at)
    }
}

/// `a − b`, seconds.
pub fn seconds(a: Duration, b: Duration) -> f64 {
    if a >= b { (a - b).as_secs_f64() } else { -(b - a).as_secs_f64() }
}

/// `a − b`, seconds.
pub fn since(a: Instant, b: Instant) -> f64 {
    match a.checked_duration_since(b) {
        Some(after) => after.as_secs_f64(),
        None => -b.saturating_duration_since(a).as_secs_f64(),
    }
}

#[derive(Debug, Clone, Copy)]
struct Report {
    ssrc: u32,
    rate: u32,
    rtp: u32,
    at: Duration,
}

/// The newest report of each stream of one peer.
#[derive(Debug, Default)]
pub struct SenderClocks(Mutex<Vec<Report>>);

impl SenderClocks {
    /// A sender report: the stream, which counts `rate` ticks a second, was at `rtp` when the sender's clock showed `ntp`
    /// (64 bits as on the wire; 0: it has no clock).
    pub fn tell(&self, ssrc: u32, rate: u32, ntp: u64, rtp: u32) {
        if rate == 0 || ntp == 0 {
            return;
        }
        let nanos = (u64::from(ntp as u32) * 1_000_000_000) >> 32;
        let report = Report { ssrc, rate, rtp, at: Duration::new(ntp >> 32, nanos as u32) };
        let mut reports = self.lock();
        reports.retain(|known| known.ssrc != ssrc);
        if reports.len() == STREAMS {
            reports.remove(0);
        }
        reports.push(report);
    }

    /// When what has this timestamp was captured: the sender's clock, since 1900. `None` before the stream's first report.
    pub fn captured(&self, ssrc: u32, rtp: u32) -> Option<Duration> {
        let report = *self.lock().iter().find(|known| known.ssrc == ssrc)?;
        // Up to half a wrap before or after the report.
        let ticks = rtp.wrapping_sub(report.rtp) as i32;
        let apart = Duration::from_secs_f64(f64::from(ticks.unsigned_abs()) / f64::from(report.rate));
        if ticks < 0 { report.at.checked_sub(apart) } else { report.at.checked_add(apart) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Report>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds since 1900 as on the wire.
    fn ntp(seconds: f64) -> u64 {
        (seconds * 2f64.powi(32)) as u64
    }

    fn ms(clocks: &SenderClocks, ssrc: u32, rtp: u32) -> Option<i64> {
        clocks.captured(ssrc, rtp).map(|at| (at.as_secs_f64() * 1000.0).round() as i64)
    }

    #[test]
    fn a_timestamp_has_a_time_once_its_stream_was_reported() {
        let clocks = SenderClocks::default();
        assert_eq!(clocks.captured(1, 0), None);
        clocks.tell(1, 90_000, ntp(1000.0), 90_000);
        clocks.tell(2, 48_000, ntp(1000.25), 0);
        assert_eq!(ms(&clocks, 1, 180_000), Some(1_001_000));
        assert_eq!(ms(&clocks, 1, 0), Some(999_000));
        assert_eq!(ms(&clocks, 2, 4_800), Some(1_000_350));
        assert_eq!(clocks.captured(3, 0), None, "another SSRC, another clock");
        // The newest report counts.
        clocks.tell(1, 90_000, ntp(1010.0), 90_000);
        assert_eq!(ms(&clocks, 1, 90_000), Some(1_010_000));
    }

    #[test]
    fn timestamps_wrap_and_odd_reports_are_nothing() {
        let clocks = SenderClocks::default();
        clocks.tell(1, 90_000, ntp(1000.0), u32::MAX - 44_999);
        assert_eq!(ms(&clocks, 1, 45_000), Some(1_001_000));
        clocks.tell(1, 90_000, ntp(2000.0), 45_000);
        assert_eq!(ms(&clocks, 1, u32::MAX - 44_999), Some(1_999_000));
        clocks.tell(5, 0, ntp(1.0), 0);
        clocks.tell(6, 48_000, 0, 0);
        assert_eq!((clocks.captured(5, 0), clocks.captured(6, 0)), (None, None));
        // Before their time began.
        clocks.tell(7, 48_000, ntp(1.0), 96_000);
        assert_eq!(clocks.captured(7, 0), None);
        for ssrc in 0..1000 {
            clocks.tell(ssrc, 48_000, u64::MAX, 0);
        }
        assert_eq!(clocks.captured(1, 0), None);
        assert!(clocks.captured(999, u32::MAX / 2).is_some());
        assert_eq!(clocks.lock().len(), STREAMS);
    }

    #[test]
    fn what_is_played_tells_of_before_and_after() {
        let now = Instant::now();
        let played = Played { captured: Duration::from_secs(100), at: now + Duration::from_millis(50) };
        assert_eq!(played.captured_at(now + Duration::from_millis(70)), Duration::from_millis(100_020));
        assert_eq!(played.captured_at(now), Duration::from_millis(99_950));
        // Captured 10 ms later, shown 20 ms before that sound is heard.
        let later = played.later_than(Duration::from_millis(100_010), now + Duration::from_millis(40));
        assert!((later - 0.020).abs() < 1e-9, "{later}");
    }
}
