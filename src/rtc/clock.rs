//! What our sender reports say of time (RFC 3550 §6.4.1): one clock for all streams, and where in each it was.
//!
//! The crate maps the time at which a packet *leaves* to its timestamp. A picture leaves after it was encoded and paced,
//! sound once 20 ms of it are there: whoever brings the two together by that shows them as far apart as those waits are.
//! Here a timestamp is the time of its *capture*. The clock is the system's at the start of the connection and goes on
//! evenly, whatever becomes of the system's.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rtc::rtcp::sender_report::SenderReport;

use crate::model::clock::since;

/// Seconds from 1900, where NTP begins, to 1970 (RFC 868).
const NTP_EPOCH: u64 = 2_208_988_800;

/// How much of what is off goes into the mean with each packet: devices give sound in lumps.
const FOLLOW: f64 = 1.0 / 16.0;

/// What is off by more than this, seconds, is another source, or one that stood.
const JUMP: f64 = 0.1;

/// Where a stream is: this timestamp was captured then.
#[derive(Debug, Clone, Copy)]
struct Captured {
    rtp: u32,
    at: Instant,
    rate: u32,
}

impl Captured {
    /// When this one was captured, if it goes on evenly.
    fn capture_of(&self, rtp: u32) -> Option<Instant> {
        let ticks = rtp.wrapping_sub(self.rtp) as i32;
        let apart = Duration::from_secs_f64(f64::from(ticks.unsigned_abs()) / f64::from(self.rate.max(1)));
        if ticks < 0 { self.at.checked_sub(apart) } else { self.at.checked_add(apart) }
    }
}

/// The clock of one connection, and its streams.
#[derive(Debug)]
pub(crate) struct OwnClock {
    start: Instant,
    /// Since 1900.
    start_ntp: Duration,
    streams: Mutex<HashMap<u32, Captured>>,
}

impl Default for OwnClock {
    fn default() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start_ntp = unix + Duration::from_secs(NTP_EPOCH);
        Self { start: Instant::now(), start_ntp, streams: Mutex::default() }
    }
}

impl OwnClock {
    /// What has this timestamp, of `rate` a second, was captured then, and goes out. Our own streams alone: few.
    pub fn captured(&self, ssrc: u32, rate: u32, rtp: u32, at: Instant) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let even = streams.get(&ssrc).and_then(|before| before.capture_of(rtp));
        let at = match even.map(|even| (even, since(at, even))) {
            Some((even, late)) if late.abs() < JUMP => {
                let step = Duration::from_secs_f64(late.abs() * FOLLOW);
                (if late < 0.0 { even.checked_sub(step) } else { even.checked_add(step) }).unwrap_or(at)
            }
            _ => at,
        };
        streams.insert(ssrc, Captured { rtp, at, rate });
    }

    /// The same report with a true mapping; `None` for a stream of which nothing has gone out.
    pub fn corrected(&self, now: Instant, report: &SenderReport) -> Option<SenderReport> {
        let captured = *self.streams.lock().unwrap_or_else(PoisonError::into_inner).get(&report.ssrc)?;
        let ticks = (since(now, captured.at) * f64::from(captured.rate)).round() as i64;
        let rtp_time = captured.rtp.wrapping_add(ticks as u32);
        Some(SenderReport { ntp_time: self.ntp(now), rtp_time, ..report.clone() })
    }

    /// 64 bits as on the wire.
    fn ntp(&self, now: Instant) -> u64 {
        let time = self.start_ntp + now.saturating_duration_since(self.start);
        (time.as_secs() << 32) | ((u64::from(time.subsec_nanos()) << 32) / 1_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock::SenderClocks;

    #[test]
    fn both_streams_of_one_moment_have_one_time_at_the_other_side() {
        let (own, theirs) = (OwnClock::default(), SenderClocks::default());
        let at = |ms: u64| own.start + Duration::from_millis(ms);
        // Sound in lumps of up to 8 ms, both near their wraps.
        let (sound, picture) = (u32::MAX - 9_000, u32::MAX - 30_000);
        for n in 0..100u64 {
            own.captured(1, 48_000, sound.wrapping_add(n as u32 * 960), at(n * 20 + n * 3 % 8));
            own.captured(2, 90_000, picture.wrapping_add(n as u32 * 3_600), at(n * 40 + 500));
        }
        for (ssrc, rate) in [(1, 48_000), (2, 90_000)] {
            let report = own.corrected(at(4_600), &SenderReport { ssrc, ..SenderReport::default() }).unwrap();
            theirs.tell(ssrc, rate, report.ntp_time, report.rtp_time);
        }
        assert!(own.corrected(at(0), &SenderReport { ssrc: 3, ..SenderReport::default() }).is_none());
        let sound = theirs.captured(1, sound.wrapping_add(1_300 * 48)).unwrap();
        let picture = theirs.captured(2, picture.wrapping_add(800 * 90)).unwrap();
        let off = crate::model::clock::seconds(sound, picture) * 1e3;
        assert!((1.0..6.0).contains(&off), "the mean of the lumps: {off}");
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() + NTP_EPOCH as f64;
        assert!((sound.as_secs_f64() - wall).abs() < 60.0);
    }

    #[test]
    fn a_jump_is_followed_at_once() {
        let own = OwnClock::default();
        own.captured(1, 48_000, 0, own.start);
        own.captured(1, 48_000, 960, own.start + Duration::from_millis(700));
        let report = SenderReport { ssrc: 1, ..SenderReport::default() };
        let now = own.start + Duration::from_millis(710);
        assert_eq!(own.corrected(now, &report).unwrap().rtp_time, 960 + 480);
        // Asked for a moment before.
        assert_eq!(own.corrected(own.start + Duration::from_millis(690), &report).unwrap().rtp_time, 960 - 480);
    }
}
