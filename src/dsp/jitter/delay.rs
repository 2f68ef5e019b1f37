//! How late packets come, and so how long to hold them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::copies::Copies;
use crate::model::sound::RATE;

/// The fastest packet of this long is the one the others are late against: a path that changes is learnt in time.
const FASTEST_OF: Duration = Duration::from_secs(2);
/// How long the lateness of packets is remembered for the target.
const REMEMBERED: f64 = 5.0;
/// Most packets remembered: as many as that are of 10 ms.
const MOST_PACKETS: usize = 500;
/// Share of packets the target is to be enough for.
const QUANTILE: f64 = 0.98;
/// The newest packets, of so many seconds: when they are late, what was before them counts no longer …
const NEWEST: f64 = 0.5;
/// … all but the latest one of them, which may be chance.
const SPARED: usize = 1;
/// On top of it, for the grain of the audio thread's tick.
const MARGIN: Duration = Duration::from_millis(8);
/// Least target.
const LEAST: Duration = Duration::from_millis(15);
/// Largest target: what comes later is taken for lost.
const MOST: Duration = Duration::from_millis(500);
/// Target before anything is known.
pub(super) const START: Duration = Duration::from_millis(30);
/// More loss than this, and every packet is held until the next one with its error correction is there.
const LOSSY: f64 = 0.005;
/// How much the observed loss follows one packet: about 5 s.
const LOSS_SMOOTH: f64 = 0.004;
/// Seconds after which the target is believed.
const KNOWN: f64 = 1.0;

/// Watches arrivals; times are relative to the first one, in seconds.
#[derive(Debug)]
pub(super) struct Delay {
    epoch: Instant,
    /// (arrival, arrival − media time) of the last [`FASTEST_OF`].
    transits: VecDeque<(f64, f64)>,
    fastest: f64,
    /// (arrival, lateness) of the last [`REMEMBERED`].
    lateness: VecDeque<(f64, f64)>,
    /// Share of packets lost lately.
    loss: f64,
    copies: Copies,
    target: Duration,
    /// On top of it, for pictures that wait.
    more: Duration,
}

impl Delay {
    /// One that knows nothing; `epoch` is about now.
    pub(super) fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            transits: VecDeque::new(),
            fastest: 0.0,
            lateness: VecDeque::new(),
            loss: 0.0,
            copies: Copies::default(),
            target: START,
            more: Duration::ZERO,
        }
    }

    /// Packets are to be held so much longer than they need.
    pub(super) fn set_more(&mut self, more: Duration) {
        self.more = more;
    }

    /// A packet of these numbers (extended; timestamp of 48 kHz) came then; packets hold `length` samples.
    pub(super) fn arrived(&mut self, sequence: i64, timestamp: i64, length: usize, at: Instant) {
        if !self.copies.came(sequence) {
            self.target = self.aim(length);
            return;
        }
        let arrival = self.seconds(at);
        let transit = arrival - media(timestamp);
        while self.transits.front().is_some_and(|(then, _)| arrival - then > FASTEST_OF.as_secs_f64()) {
            self.transits.pop_front();
        }
        self.transits.push_back((arrival, transit));
        self.fastest = self.transits.iter().map(|(_, t)| *t).fold(f64::INFINITY, f64::min);
        let old = |(then, _): &(f64, f64)| arrival - then > REMEMBERED;
        while self.lateness.len() >= MOST_PACKETS || self.lateness.front().is_some_and(old) {
            self.lateness.pop_front();
        }
        self.lateness.push_back((arrival, transit - self.fastest));
        self.target = self.aim(length);
    }

    /// A copy of a packet came, so many packets later.
    pub(super) fn copied(&mut self, sequence: i64, behind: usize) {
        self.copies.copied(sequence, behind);
    }

    fn aim(&self, length: usize) -> Duration {
        let newest = self.lateness.back().map_or(0.0, |(arrival, _)| arrival - NEWEST);
        let mut sorted: Vec<f64> = self.lateness.iter().map(|(_, late)| *late).collect();
        sorted.sort_by(f64::total_cmp);
        let at = (sorted.len().saturating_sub(1) as f64 * QUANTILE).ceil() as usize;
        let late = sorted.get(at).copied().unwrap_or_default();
        sorted.clear();
        sorted.extend(self.lateness.iter().rev().take_while(|(then, _)| *then > newest).map(|(_, late)| *late));
        sorted.sort_by(f64::total_cmp);
        let soon = sorted.iter().rev().nth(SPARED).copied().unwrap_or_default();
        let enough = Duration::from_secs_f64(late.max(soon).clamp(0.0, MOST.as_secs_f64())) + MARGIN;
        // A few punctual packets prove nothing yet; late ones do.
        let least = if self.known() { LEAST } else { START };
        let hold = self.copies.hold().max(usize::from(self.loss > LOSSY));
        let hold = Duration::from_secs_f64(media((hold * length) as i64));
        (enough.max(least) + hold).min(MOST)
    }

    /// So many packets were lost before one that was played.
    pub(super) fn played(&mut self, lost: u64) {
        for _ in 0..lost.min(10) {
            self.loss += (1.0 - self.loss) * LOSS_SMOOTH;
        }
        self.loss -= self.loss * LOSS_SMOOTH;
    }

    /// Enough has been seen to hold less than at the start.
    pub(super) fn known(&self) -> bool {
        let span = self.lateness.front().zip(self.lateness.back()).map(|((first, _), (last, _))| last - first);
        span.is_some_and(|span| span >= KNOWN)
    }

    /// How long after the fastest packet would have come its sound is to be played.
    pub(super) fn target(&self) -> Duration {
        (self.target + self.more).min(MOST)
    }

    /// By how much a packet played `now` is behind the target, seconds; negative: ahead of it.
    pub(super) fn behind(&self, timestamp: i64, now: Instant) -> f64 {
        self.seconds(now) - media(timestamp) - self.fastest - self.target().as_secs_f64()
    }

    fn seconds(&self, at: Instant) -> f64 {
        // Packets of a reordered start may be older than the epoch.
        match at.checked_duration_since(self.epoch) {
            Some(after) => after.as_secs_f64(),
            None => -self.epoch.duration_since(at).as_secs_f64(),
        }
    }
}

fn media(timestamp: i64) -> f64 {
    timestamp as f64 / f64::from(RATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(delay: &mut Delay, epoch: Instant, packets: std::ops::Range<u64>, late: impl Fn(u64) -> u64) {
        for n in packets {
            delay.arrived(n as i64, n as i64 * 960, 960, epoch + Duration::from_millis(n * 20 + late(n)));
        }
    }

    #[test]
    fn punctual_packets_bring_the_target_down_and_late_ones_up_at_once() {
        let epoch = Instant::now();
        let mut delay = Delay::new(epoch);
        assert_eq!(delay.target(), START);
        feed(&mut delay, epoch, 0..100, |_| 40);
        assert_eq!(delay.target(), LEAST);
        feed(&mut delay, epoch, 100..110, |n| 40 + n % 2 * 60);
        assert!(delay.target() >= Duration::from_millis(60));
    }

    #[test]
    fn it_waits_for_pictures_as_long_as_it_is_told() {
        let epoch = Instant::now();
        let mut delay = Delay::new(epoch);
        feed(&mut delay, epoch, 0..100, |_| 40);
        delay.set_more(Duration::from_millis(90));
        assert_eq!(delay.target(), LEAST + Duration::from_millis(90));
        let now = epoch + Duration::from_millis(99 * 20 + 40 + 15 + 90);
        assert!(delay.behind(99 * 960, now).abs() < 1e-6);
        delay.set_more(Duration::from_secs(9));
        assert_eq!(delay.target(), MOST);
        delay.set_more(Duration::ZERO);
        assert_eq!(delay.target(), LEAST);
    }

    #[test]
    fn a_slower_path_is_no_jitter_once_it_is_known() {
        let epoch = Instant::now();
        let mut delay = Delay::new(epoch);
        feed(&mut delay, epoch, 0..200, |_| 10);
        feed(&mut delay, epoch, 200..1000, |_| 110);
        assert_eq!(delay.target(), LEAST);
        let now = epoch + Duration::from_millis(999 * 20 + 110 + 15);
        assert!(delay.behind(999 * 960, now).abs() < 1e-6);
    }
}
