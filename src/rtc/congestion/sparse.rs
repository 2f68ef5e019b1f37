//! The rate towards a receiver that reports on no single packet, by the little it says instead: the loss and round trip
//! of its receiver reports (RFC 3550 §6.4.1), and the most that it can take (REMB, draft-alvestrand-rmcat-remb-03), if it
//! says that.
//!
//! Loss is all that most such receivers know of congestion, so it counts as that here: much of it cuts, hardly any lets
//! the rate grow slowly, between the two it stays (draft-ietf-rmcat-gcc-02 §6). A round trip that has grown by a queue
//! cuts too, unless it stays although far less is sent: then the path has become longer, or the queue is somebody else's.
//!
//! Invariants: never below 100 kbit/s; what is grown was really sent; memory is bounded, whatever streams are reported on.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::window::{Least, since};

/// Never below, bit/s on the wire.
const LEAST: f64 = 100e3;
/// More loss than this cuts, by half its share; …
const MUCH: f64 = 0.10;
/// … less than this lets the rate grow; 0…1.
const LITTLE: f64 = 0.02;
/// A share is taken of so many packets: a few are chance.
const PACKETS: u32 = 20;
/// Growth a second, …
const GROWTH: f64 = 0.08;
/// … where the receiver says that it can take more, …
const GROWTH_TOLD: f64 = 0.25;
/// … and until nothing was ever too much, up to what most paths carry, bit/s.
const GROWTH_FIRST: (f64, f64) = (0.5, 1e6);
/// Growth is for no longer than this, however long nothing was said; seconds.
const GROWTH_SPAN: f64 = 2.0;
/// No more than so many times what is really sent, and this much beyond; bit/s.
const UNPROVEN: (f64, f64) = (1.5, 20e3);
/// Pause between two cuts, beyond a round trip; seconds.
const CUT_PAUSE: f64 = 0.3;
/// The same for a queue, which takes longer to go.
const QUEUE_PAUSE: f64 = 1.0;
/// A round trip longer than the least one by this is a queue that is too long, …
const LONG: f64 = 0.150;
/// … and by this, one that must not become longer; seconds.
const SHORT: f64 = 0.060;
/// What is kept when it is too long.
const KEEP: f64 = 0.85;
/// The least round trip is looked for over so many seconds.
const BASE_SPAN: i64 = 30;
/// After so many cuts a queue that is still this share of its worst is none of ours.
const IN_VAIN: (u32, f64) = (4, 0.7);
/// What a receiver can take is believed for so long, seconds.
const TOLD_KEPT: f64 = 10.0;
/// Nothing was said for so long although it used to be: nothing arrives, or nothing comes back; seconds. Reports come
/// every five seconds or so where the receiver takes its time (RFC 3550 §6.2).
const SILENCE: f64 = 12.0;
/// What is kept then, every so many seconds.
const KEEP_SILENT: (f64, f64) = (0.8, 2.0);
/// Streams that are reported on.
const STREAMS: usize = 64;

/// What such a receiver says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Said {
    /// Of one stream of ours.
    Report {
        /// The stream.
        ssrc: u32,
        /// Share of its packets lost since the report before, 0…1.
        lost: f64,
        /// Highest sequence number that arrived, with how often it wrapped.
        highest: u32,
        /// How long a packet and the answer to it take, where the report tells.
        round_trip: Option<Duration>,
    },
    /// The most that it can take of all streams, bit/s.
    Most(f64),
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Sparse {
    origin: Instant,
    rate: f64,
    /// The highest number by stream.
    highest: HashMap<u32, u32>,
    /// Packets of which is known what became of them, and those lost, since the last look.
    packets: u32,
    lost: f64,
    base: Least,
    /// The newest round trip, seconds.
    round_trip: Option<f64>,
    /// The longest queue since it was short, and the cuts it cost.
    worst: f64,
    cuts: u32,
    told: Option<(f64, Instant)>,
    cut: Instant,
    grown: Instant,
    heard: Option<Instant>,
}

impl Sparse {
    /// Begins at a rate, bit/s on the wire.
    pub fn new(now: Instant, start: f64) -> Self {
        Self {
            origin: now,
            rate: start,
            highest: HashMap::new(),
            packets: 0,
            lost: 0.0,
            base: Least::over(BASE_SPAN),
            round_trip: None,
            worst: 0.0,
            cuts: 0,
            told: None,
            cut: now,
            grown: now,
            heard: None,
        }
    }

    /// The receiver says something while so much is sent; the rate from now on, which grows up to `most`. All in bit/s.
    pub fn hear(&mut self, now: Instant, said: Said, sent: f64, most: f64) -> f64 {
        match said {
            Said::Most(bps) if bps.is_finite() => {
                self.told = Some((bps.max(LEAST), now));
                self.rate = self.rate.min(bps).max(LEAST);
            }
            Said::Report { ssrc, lost, highest, round_trip } => {
                self.count(ssrc, lost, highest);
                self.follow_delay(now, round_trip);
                if self.packets >= PACKETS {
                    self.follow_loss(now, sent, most);
                }
            }
            Said::Most(_) => return self.rate,
        }
        self.heard = Some(now);
        self.rate
    }

    /// Time passes; the rate from now on.
    pub fn tick(&mut self, now: Instant) -> f64 {
        let silent = self.heard.is_some_and(|heard| since(heard, now) > SILENCE);
        if silent && since(self.cut, now) > KEEP_SILENT.1 {
            self.cut_to(now, KEEP_SILENT.0 * self.rate);
        }
        self.rate
    }

    fn count(&mut self, ssrc: u32, lost: f64, highest: u32) {
        if self.highest.len() >= STREAMS && !self.highest.contains_key(&ssrc) {
            return;
        }
        // The first says nothing of how many packets it is about; neither does one after the numbers began anew.
        let Some(before) = self.highest.insert(ssrc, highest) else { return };
        let packets = highest.wrapping_sub(before);
        if packets <= u32::from(u16::MAX) && lost.is_finite() {
            self.packets = self.packets.saturating_add(packets);
            self.lost += lost.clamp(0.0, 1.0) * f64::from(packets);
        }
    }

    /// How long packets wait in the path, seconds.
    fn queue(&self) -> f64 {
        self.round_trip.zip(self.base.get()).map_or(0.0, |(now, least)| now - least)
    }

    fn follow_delay(&mut self, now: Instant, round_trip: Option<Duration>) {
        let Some(newest) = round_trip.map(|round_trip| round_trip.as_secs_f64()) else { return };
        // One that is long by chance is followed by one that is not.
        let calm = self.round_trip.map_or(newest, |before| newest.min(before));
        self.base.see(now.saturating_duration_since(self.origin).as_secs_f64(), newest);
        self.round_trip = Some(calm);
        let queue = self.queue();
        self.round_trip = Some(newest);
        if queue < SHORT {
            (self.worst, self.cuts) = (0.0, 0);
        }
        self.worst = self.worst.max(queue);
        if queue > LONG && since(self.cut, now) > newest + QUEUE_PAUSE {
            if self.cuts >= IN_VAIN.0 && queue > IN_VAIN.1 * self.worst {
                self.base = Least::over(BASE_SPAN);
                self.base.see(now.saturating_duration_since(self.origin).as_secs_f64(), newest);
                (self.worst, self.cuts) = (0.0, 0);
                return;
            }
            self.cuts += 1;
            self.cut_to(now, KEEP * self.rate);
        }
    }

    fn follow_loss(&mut self, now: Instant, sent: f64, most: f64) {
        let share = self.lost / f64::from(self.packets);
        (self.packets, self.lost) = (0, 0.0);
        let span = since(self.grown, now).min(GROWTH_SPAN);
        self.grown = now;
        if share > MUCH {
            if since(self.cut, now) > self.round_trip.unwrap_or(0.0) + CUT_PAUSE {
                self.cut_to(now, self.rate * (1.0 - 0.5 * share));
            }
        } else if share < LITTLE && self.queue() < SHORT {
            let told = self.told.filter(|(_, at)| since(*at, now) < TOLD_KEPT).map(|(bps, _)| bps);
            let growth = match told {
                _ if self.cut == self.origin && self.rate < GROWTH_FIRST.1 => GROWTH_FIRST.0,
                Some(_) => GROWTH_TOLD,
                None => GROWTH,
            };
            let top = most.min(told.unwrap_or(f64::MAX)).min(UNPROVEN.0 * sent + UNPROVEN.1);
            self.rate = (self.rate * (1.0 + growth * span)).min(top).max(self.rate);
        }
    }

    fn cut_to(&mut self, now: Instant, rate: f64) {
        self.rate = rate.max(LEAST);
        (self.cut, self.grown) = (now, now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOP: f64 = 2.5e6;

    /// A path that is described by its rate, the longest queue in it, and what it loses anyway.
    struct World {
        sparse: Sparse,
        now: Instant,
        rate: f64,
        queue: f64,
        highest: u32,
        round_trip: f64,
        remb: bool,
    }

    impl World {
        fn new() -> Self {
            let now = Instant::now();
            let sparse = Sparse::new(now, 1e6);
            Self { sparse, now, rate: 1e6, queue: 0.0, highest: 0, round_trip: 0.040, remb: false }
        }

        /// Some seconds on a path of so many bits a second, whose queue takes so many seconds, with so much loss; the
        /// rates at the end of each second.
        fn run(&mut self, seconds: usize, carries: f64, longest: f64, loss: f64) -> Vec<f64> {
            let mut rates = Vec::new();
            for _ in 0..seconds {
                let (mut offered, mut dropped) = (0.0, 0.0);
                for _ in 0..100 {
                    self.now += Duration::from_millis(10);
                    self.rate = self.sparse.tick(self.now);
                    let bits = 0.97 * self.rate * 0.010;
                    self.queue = (self.queue + (bits - carries * 0.010) / carries).max(0.0);
                    let over = (self.queue - longest).max(0.0);
                    self.queue -= over;
                    offered += bits;
                    dropped += (over * carries).min(bits);
                }
                self.highest += (offered / 8_000.0) as u32;
                let lost = loss + (1.0 - loss) * dropped / offered;
                let round_trip = Some(Duration::from_secs_f64(self.round_trip + self.queue));
                let report = Said::Report { ssrc: 1, lost, highest: self.highest, round_trip };
                self.rate = self.sparse.hear(self.now, report, 0.97 * self.rate, TOP);
                if self.remb {
                    self.rate = self.sparse.hear(self.now, Said::Most(0.95 * carries), 0.97 * self.rate, TOP);
                }
                rates.push(self.rate);
            }
            rates
        }
    }

    #[test]
    fn a_free_path_is_used_up_to_the_top_and_no_further() {
        let mut world = World::new();
        let rates = world.run(20, 10e6, 0.2, 0.0);
        assert!(rates.is_sorted() && rates[2] < 1.3e6, "slowly: {rates:?}");
        assert_eq!(rates[19], TOP);
    }

    #[test]
    fn much_loss_cuts_some_does_nothing_and_little_lets_it_grow() {
        for (loss, wanted) in [(0.0, 2e6..2.6e6), (0.01, 2e6..2.6e6), (0.05, 1e6..1.1e6), (0.30, 100e3..250e3)] {
            let rates = World::new().run(12, 10e6, 0.2, loss);
            assert!(wanted.contains(&rates[11]), "{loss}: {rates:?}");
        }
    }

    #[test]
    fn a_narrow_path_is_found_and_left_again() {
        let mut world = World::new();
        for (carries, longest) in [(400e3, 0.05), (400e3, 0.3), (400e3, 2.0)] {
            world.run(40, carries, longest, 0.0);
            let rates = world.run(40, carries, longest, 0.0);
            let mean = rates.iter().sum::<f64>() / rates.len() as f64;
            assert!((0.6..1.25).contains(&(mean / carries)), "queue of {longest} s: {mean:.0}, {rates:?}");
            let back = world.run(40, 10e6, longest, 0.0);
            assert!(back[39] > 0.95 * TOP, "queue of {longest} s: {back:?}");
        }
    }

    #[test]
    fn what_the_receiver_can_take_is_obeyed_at_once_and_reached_sooner() {
        let mut world = World { remb: true, ..World::new() };
        let rates = world.run(6, 2.4e6, 0.2, 0.0);
        assert!(rates[5] > 2.2e6 && rates.iter().all(|rate| *rate <= 0.95 * 2.4e6), "{rates:?}");
        let rates = world.run(2, 500e3, 0.2, 0.0);
        assert!(rates[0] <= 475e3, "{rates:?}");
        assert_eq!(world.sparse.hear(world.now, Said::Most(f64::NAN), 0.0, TOP), rates[1]);
    }

    #[test]
    fn a_path_that_becomes_longer_costs_something_and_not_everything() {
        let mut world = World::new();
        world.run(20, 10e6, 0.2, 0.0);
        world.round_trip = 0.400;
        let rates = world.run(20, 10e6, 0.2, 0.0);
        assert!(rates.iter().all(|rate| *rate > 0.4 * TOP) && rates[19] > 0.9 * TOP, "{rates:?}");
    }

    #[test]
    fn silence_after_words_is_taken_for_an_outage() {
        let mut world = World::new();
        world.now += Duration::from_secs(60);
        assert_eq!(world.sparse.tick(world.now), 1e6, "nothing was ever said");
        world.run(3, 10e6, 0.2, 0.0);
        let mut rate = world.rate;
        for _ in 0..60 {
            world.now += Duration::from_secs(1);
            rate = world.sparse.tick(world.now);
        }
        assert!(rate < 150e3, "{rate}");
        assert!(world.run(40, 10e6, 0.2, 0.0)[39] > TOP / 2.0);
    }

    proptest! {
        #[test]
        fn whatever_is_said_the_rate_stays_between_the_limits(
            said in proptest::collection::vec((0_u32..3, -1.0..2.0, any::<u32>(), 0_u64..5_000, any::<f64>(), 0_u64..20_000), 0..200)
        ) {
            let mut now = Instant::now();
            let mut sparse = Sparse::new(now, 1e6);
            for (ssrc, lost, highest, round_trip, most, pause) in said {
                now += Duration::from_millis(pause);
                let round_trip = Some(Duration::from_millis(round_trip));
                let said = if ssrc == 0 { Said::Most(most) } else { Said::Report { ssrc, lost, highest, round_trip } };
                let rate = sparse.hear(now, said, 5e6, TOP);
                prop_assert!((LEAST..=TOP).contains(&rate) && (LEAST..=TOP).contains(&sparse.tick(now)));
            }
        }
    }
}
