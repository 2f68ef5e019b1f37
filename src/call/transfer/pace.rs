//! How fast files may go to one person, so that the call does not feel them.
//!
//! What goes over a data channel is invisible to the congestion control of the pictures, and its own fills every queue it
//! finds. So it is held below both, as RFC 6817 (LEDBAT) does it: the round trips of acknowledgements tell how long the
//! queue is; while it is shorter than `TARGET`, which is less than what pictures give way to, the rate grows, otherwise it
//! falls. Where the pictures get less than they are worth ([`Room`]), the file goes down to a small share of the path until
//! they have it again.
//!
//! Sans-I/O; time is an argument. Invariants: never more than [`MOST_WAY`] bytes are without acknowledgement; the rate is
//! never below `LEAST_RATE`, so that a file comes through in the end.

use std::time::{Duration, Instant};

/// Most content on its way, bytes; the receiver takes no more without writing it.
pub const MOST_WAY: u64 = 1 << 20;

/// Longest piece of content in one message, bytes: longer ones would hold back chat and state of the call, which go over the
/// same association.
pub const MOST_CHUNK: u32 = 16 * 1024;

/// Shortest, bytes: what fits into one packet. …
const LEAST_CHUNK: u32 = 1_000;
/// … One takes about so long at the present rate.
const CHUNK_SPAN: f64 = 0.004;

/// The rate begins here, bytes a second, …
const START_RATE: f64 = 64e3;
/// … and never falls below this.
const LEAST_RATE: f64 = 6e3;
/// Where the call is short of room, no more than this share of the path.
const SHORT_SHARE: f64 = 0.08;

/// A queue that is longer is too long: pictures grow below 8 ms and give way at 20 ms.
const TARGET: f64 = 0.008;
/// At first, while the queue is shorter than half of that, the rate grows by this factor at each look; …
const FIRST_GROWTH: f64 = 1.5;
/// … later by this much, less the nearer the target is; and falls by up to this much beyond it.
const GROWTH: f64 = 0.08;
const FALL: f64 = 0.35;
/// How long the way is taken to be before anything is known, s.
const FIRST_WAY: f64 = 0.2;
/// The rate is no more than so many times what really arrived.
const PROVEN: f64 = 2.0;
/// Looks are one round trip apart, but not closer than this, seconds.
const LOOK: f64 = 0.040;

/// So often, seconds, the file nearly stops for a moment, to see how long the way is without it.
const DIP_EVERY: f64 = 12.0;
const DIP_RATE: f64 = 0.1;
const DIP: f64 = 0.060;
/// The shortest round trip of so many dips is the way's own.
const KEPT_DIPS: usize = 3;

/// The call is short where its pictures get less than this share of what they are worth.
const CONTENT: f64 = 0.8;

/// What the call has of the path, as its own control sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// What the path is believed to carry for the call, bit/s.
    pub carries_bps: u64,
    /// What its pictures are worth at most, bit/s; 0 where none that move go out.
    pub wanted_bps: u64,
    /// They are paused to keep the sound.
    pub paused: bool,
}

impl Room {
    /// The call could use more than it has.
    pub fn is_short(&self) -> bool {
        self.paused || (self.carries_bps as f64) < CONTENT * self.wanted_bps as f64
    }
}

/// See the [module](self).
#[derive(Debug)]
pub struct Pace {
    rate: f64,
    /// Bytes that may go at `filled`; below 0 while the last chunk is being paid.
    tokens: f64,
    filled: Instant,
    first: bool,
    room: Room,
    /// Shortest round trips, s: of the time since the last dip, and of those before.
    bases: [f64; KEPT_DIPS],
    smooth: Option<f64>,
    /// Since the last look: shortest round trip, bytes acknowledged.
    least: Option<f64>,
    arrived: u64,
    looked: Instant,
    dipped: Instant,
    heard: Instant,
}

fn span(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64()
}

impl Pace {
    /// At the start of a path.
    pub fn new(now: Instant) -> Self {
        Self {
            rate: START_RATE,
            tokens: 0.0,
            filled: now,
            first: true,
            room: Room::default(),
            bases: [f64::MAX; KEPT_DIPS],
            smooth: None,
            least: None,
            arrived: 0,
            looked: now,
            dipped: now,
            heard: now,
        }
    }

    /// What the call has now.
    pub fn set_room(&mut self, now: Instant, room: Room) {
        self.room = room;
        if room.is_short() {
            self.first = false;
            self.look(now);
        }
    }

    /// Bytes a second that may go now.
    pub fn rate(&self, now: Instant) -> f64 {
        if self.dips(now, 1.0) { (self.rate * DIP_RATE).max(LEAST_RATE) } else { self.rate }
    }

    /// Whether it nearly stops now, or did so many round trips ago.
    fn dips(&self, now: Instant, round_trips: f64) -> bool {
        span(self.dipped, now) < DIP + round_trips * self.smooth.unwrap_or(0.0) && self.bases[1] < f64::MAX
    }

    /// How long a piece may go now, bytes, while `way` bytes are without acknowledgement; `None`: none may.
    pub fn chunk(&mut self, now: Instant, way: u64) -> Option<u32> {
        self.fill(now);
        (self.tokens >= 0.0 && way < self.window(now)).then(|| self.length(now))
    }

    /// When [`Pace::chunk`] will say yes by itself; `None`: only after an acknowledgement.
    pub fn ready_at(&self, now: Instant, way: u64) -> Option<Instant> {
        let wait = (-self.tokens).max(0.0) / self.rate(now);
        (way < self.window(now)).then(|| self.filled + Duration::from_secs_f64(wait) + Duration::from_micros(50))
    }

    /// A piece of so many bytes goes.
    pub fn spend(&mut self, bytes: u32) {
        self.tokens -= f64::from(bytes);
    }

    /// So many bytes were acknowledged, the newest of them `round_trip` after it went.
    pub fn acknowledged(&mut self, now: Instant, bytes: u64, round_trip: Duration) {
        let round_trip = round_trip.as_secs_f64();
        self.heard = now;
        self.arrived += bytes;
        self.least = Some(self.least.map_or(round_trip, |least| least.min(round_trip)));
        self.bases[0] = self.bases[0].min(round_trip);
        self.smooth = Some(self.smooth.map_or(round_trip, |smooth| smooth + (round_trip - smooth) / 8.0));
        if span(self.dipped, now) > DIP_EVERY {
            self.dipped = now;
            self.bases.rotate_right(1);
            self.bases[0] = f64::MAX;
        }
        self.look(now);
    }

    fn look(&mut self, now: Instant) {
        let since = span(self.looked, now);
        if since < self.smooth.unwrap_or(0.0).clamp(LOOK, 0.5) {
            return;
        }
        let arrived = self.arrived as f64 / since;
        self.looked = now;
        self.arrived = 0;
        let least = self.least.take();
        if self.room.is_short() {
            let most = SHORT_SHARE * self.room.carries_bps as f64 / 8.0;
            self.rate = if self.rate > most { (self.rate * 0.7).max(most) } else { self.rate };
            self.rate = self.rate.max(LEAST_RATE);
            return;
        }
        let Some(least) = least.filter(|_| !self.dips(now, 2.0)) else { return };
        let queue = least - self.base();
        let most = (PROVEN * arrived).max(self.rate);
        if self.first && queue < TARGET / 2.0 {
            self.rate = (self.rate * FIRST_GROWTH).min(most);
            return;
        }
        self.first = false;
        let off = (TARGET - queue) / TARGET;
        self.rate *= if off > 0.0 { 1.0 + GROWTH * off } else { 1.0 + FALL * off.max(-1.0) };
        self.rate = self.rate.clamp(LEAST_RATE, most.max(LEAST_RATE));
    }

    /// `way` bytes are on their way. Where nothing of them was acknowledged for long, the path is broken or full.
    pub fn silent(&mut self, now: Instant, way: u64) {
        if way == 0 {
            self.heard = now;
        }
        if span(self.heard, now) > 0.5 + 2.0 * self.smooth.unwrap_or(0.0) {
            self.heard = now;
            self.first = false;
            self.rate = (self.rate / 2.0).max(LEAST_RATE);
        }
    }

    fn base(&self) -> f64 {
        self.bases.iter().copied().fold(f64::MAX, f64::min)
    }

    fn window(&self, now: Instant) -> u64 {
        // More than fits into the way and a queue as long as it should be only makes it longer.
        let way = Some(self.base()).filter(|base| *base < f64::MAX).unwrap_or(FIRST_WAY) + TARGET;
        let window = self.rate(now) * way + 2.0 * f64::from(self.length(now));
        (window as u64).clamp(2 * u64::from(LEAST_CHUNK), MOST_WAY - u64::from(MOST_CHUNK))
    }

    fn length(&self, now: Instant) -> u32 {
        ((self.rate(now) * CHUNK_SPAN) as u32).clamp(LEAST_CHUNK, MOST_CHUNK)
    }

    fn fill(&mut self, now: Instant) {
        let more = span(self.filled, now) * self.rate(now);
        self.filled = now;
        // What was not used is gone, but for what a busy machine slept over.
        self.tokens = (self.tokens + more).min(0.005 * self.rate(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// A link of so many bytes a second and so long a way, on which others fill `busy` of it.
    struct Link {
        now: Instant,
        way: f64,
        bytes_s: f64,
        free_at: f64,
        time: f64,
        acks: VecDeque<(f64, f64, u32)>,
        under: u64,
        longest: f64,
    }

    impl Link {
        fn new(bytes_s: f64, way: f64) -> Self {
            let (acks, now) = (VecDeque::new(), Instant::now());
            Self { now, way, bytes_s, free_at: 0.0, time: 0.0, acks, under: 0, longest: 0.0 }
        }

        fn at(&self) -> Instant {
            self.now + Duration::from_secs_f64(self.time)
        }

        /// Sends for so many seconds; the bytes that arrived.
        fn run(&mut self, pace: &mut Pace, seconds: f64, room: Room) -> u64 {
            let (end, mut arrived) = (self.time + seconds, 0);
            self.longest = 0.0;
            while self.time < end {
                pace.set_room(self.at(), room);
                while self.acks.front().is_some_and(|(at, ..)| *at <= self.time) {
                    let (at, sent, bytes) = self.acks.pop_front().unwrap();
                    self.under -= u64::from(bytes);
                    arrived += u64::from(bytes);
                    pace.acknowledged(self.at(), u64::from(bytes), Duration::from_secs_f64(at - sent));
                }
                while let Some(bytes) = pace.chunk(self.at(), self.under) {
                    pace.spend(bytes);
                    self.under += u64::from(bytes);
                    assert!(self.under <= MOST_WAY);
                    self.free_at = self.free_at.max(self.time) + f64::from(bytes) / self.bytes_s;
                    self.longest = self.longest.max(self.free_at - self.time);
                    self.acks.push_back((self.free_at + self.way, self.time, bytes));
                }
                self.time += 0.001;
            }
            arrived
        }
    }

    const ENOUGH: Room = Room { carries_bps: 2_500_000, wanted_bps: 2_500_000, paused: false };

    #[test]
    fn a_free_path_is_used_with_a_short_queue() {
        for (bytes_s, way) in [(1e6, 0.020), (8e6, 0.002), (250e3, 0.050)] {
            let (mut link, now) = (Link::new(bytes_s, way), Instant::now());
            let mut pace = Pace::new(now);
            link.run(&mut pace, 10.0, ENOUGH);
            let arrived = link.run(&mut pace, 20.0, ENOUGH);
            let share = arrived as f64 / 20.0 / bytes_s;
            assert!(share > 0.75, "{share} of {bytes_s}");
            assert!(link.longest < 0.060, "{} s of queue at {bytes_s}", link.longest);
        }
    }

    #[test]
    fn a_call_that_is_short_of_room_gets_it_back() {
        let (mut link, now) = (Link::new(1e6, 0.020), Instant::now());
        let mut pace = Pace::new(now);
        link.run(&mut pace, 10.0, ENOUGH);
        let short = Room { carries_bps: 1_000_000, ..ENOUGH };
        link.run(&mut pace, 2.0, short);
        let arrived = link.run(&mut pace, 10.0, short);
        assert!(arrived < 150_000, "{arrived} bytes in ten seconds");
        assert!(arrived > 50_000, "it comes through all the same: {arrived}");
        link.run(&mut pace, 8.0, ENOUGH);
        assert!(link.run(&mut pace, 5.0, ENOUGH) > 2_000_000);
    }

    #[test]
    fn sound_alone_is_not_short() {
        assert!(!Room { carries_bps: 300_000, wanted_bps: 0, paused: false }.is_short());
        assert!(Room { carries_bps: 300_000, wanted_bps: 0, paused: true }.is_short());
        assert!(Room { carries_bps: 900_000, wanted_bps: 2_500_000, paused: false }.is_short());
    }

    #[test]
    fn silence_halves_the_rate_down_to_the_least() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        for second in 1..40 {
            pace.silent(now + Duration::from_secs(second), 1000);
        }
        assert_eq!(pace.rate(now + Duration::from_secs(40)), LEAST_RATE);
        let mut pace = Pace::new(now);
        for second in [1, 100] {
            pace.silent(now + Duration::from_secs(second), 0);
        }
        pace.silent(now + Duration::from_millis(100_100), 1000);
        assert_eq!(pace.rate(now + Duration::from_secs(101)), START_RATE, "nothing was sent before");
    }
}
