//! What arrival times tell of the path: the queue that stands in it, and the rate it delivers.
//!
//! The two clocks differ by an unknown constant, so only differences count: the least one-way delay of the last
//! [`BASE_SPAN`] seconds is an empty queue, and what lies above it is time spent queueing. Jitter does not look like a
//! queue, because a queue delays *every* packet: the least of the last 100 ms is taken, and of longer where the delay
//! wanders much by itself. On a slow path a large packet takes long by itself, and no queue is the cause of that.

use std::collections::VecDeque;

use super::window::Least;

/// Seconds after which the path may have become longer for good.
const BASE_SPAN: i64 = 20;
/// A queue stands if every packet of the last so many seconds was delayed, …
const STANDING: f64 = 0.100;
/// … and of so many times what the delay varies by within that time, beyond what our own packets do to it, …
const WANDERING: f64 = 12.0;
const OWN_VARIATION: f64 = 0.012;
/// … but no longer than this.
const STANDING_MOST: f64 = 0.350;
/// So much of it at most makes a queue harder to see, seconds.
const WANDER_MOST: f64 = 0.010;
/// How fast the mean variation follows, a second.
const VARIATION_FOLLOWS: f64 = 0.4;
/// The same, said sooner and with less certainty.
const SUDDEN: f64 = 0.040;
/// The rate delivered is measured over so many seconds of arrivals, …
const DELIVERY: f64 = 0.120;
/// … which must really span this.
const DELIVERY_LEAST: f64 = 0.020;
/// What packets waited is asked of the last so many seconds, …
const WAITED_OF: f64 = 0.3;
/// … of this share of them: the others were unlucky.
const WAITED_SHARE: f64 = 0.8;
/// What waited longer than this in the path waited in a queue, seconds.
const QUEUED: f64 = 0.008;
/// A queue that grew by this share of itself from one packet to the next, and by so many seconds, was there at once.
const AT_ONCE: (f64, f64) = (0.6, 0.060);
/// On a path that carries less than this, bit/s, packets cannot be cut so small that none takes long by itself: that much is
/// taken off its delay, …
const SLOW: f64 = 300e3;
/// … but no more than this, seconds.
const OWN_LENGTH: f64 = 0.020;
/// Arrivals remembered, seconds.
const KEPT: f64 = 1.0;

#[derive(Debug, Clone, Copy)]
struct Arrival {
    /// On the receiver's clock, seconds.
    at: f64,
    /// When it left, on ours.
    departed: f64,
    size: usize,
    queue: f64,
}

/// How fast packets arrived, and how fast the same packets left; bit/s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Delivery {
    pub rate: f64,
    pub sent: f64,
}

/// One direction of one path.
#[derive(Debug)]
pub(super) struct Path {
    base: Least,
    round_trip: Least,
    arrivals: VecDeque<Arrival>,
    queue: f64,
    sudden: f64,
    delivery: Option<Delivery>,
    /// By how much the delay varies within [`STANDING`], mean of some seconds; and when that was last looked at.
    variation: f64,
    varied: f64,
    summed: u32,
    /// Bytes of the smallest packet, which makes the least delay.
    smallest: usize,
}

impl Path {
    pub fn new() -> Self {
        Self {
            base: Least::over(BASE_SPAN),
            round_trip: Least::over(BASE_SPAN),
            arrivals: VecDeque::new(),
            queue: 0.0,
            sudden: 0.0,
            delivery: None,
            variation: 0.0,
            varied: 0.0,
            summed: 0,
            smallest: usize::MAX,
        }
    }

    /// A packet of `size` bytes left at `departed` (our clock), arrived at `arrived` (theirs) and was reported at `now`
    /// (ours); seconds. The path is believed to carry `rate`, bit/s.
    pub fn arrived(&mut self, departed: f64, arrived: f64, now: f64, size: usize, rate: f64) {
        let one_way = arrived - departed;
        self.base.see(now, one_way);
        self.round_trip.see(now, now - departed);
        self.smallest = self.smallest.min(size);
        let own = if rate < SLOW { (size - self.smallest) as f64 * 8.0 / rate.max(1.0) } else { 0.0 }.min(OWN_LENGTH);
        let queue = (one_way - self.base.get().unwrap_or(one_way) - own).max(0.0);
        self.arrivals.push_back(Arrival { at: arrived, departed, size, queue });
    }

    /// Bytes of which the report was lost: they most likely arrived just before the last arrival.
    pub fn unreported(&mut self, bytes: usize) {
        if let Some(last) = self.arrivals.back_mut() {
            last.size += bytes;
        }
    }

    /// Sums up after a report. `lost`: share of packets that the path loses at random, which it would have delivered.
    pub fn sum_up(&mut self, lost: f64) {
        let Some(newest) = self.arrivals.back().copied() else { return };
        let last = newest.at;
        while self.arrivals.front().is_some_and(|a| a.at < last - KEPT) {
            self.arrivals.pop_front();
        }
        self.vary(last);
        let standing = (STANDING + WANDERING * (self.variation - OWN_VARIATION).max(0.0)).min(STANDING_MOST);
        let least = |span: f64| self.within(last, span).map(|a| a.queue).reduce(f64::min).unwrap_or(0.0);
        (self.queue, self.sudden) = (least(standing), least(SUDDEN));
        // While a queue stands only what waited in it tells the rate at which it empties: what came since it began, or,
        // where it was there at once, since then. A link's queue grows by a packet at a time; one that is there at once
        // is that of a machine which did something else for a while, and meanwhile nothing arrived.
        let queued = self.sudden > QUEUED;
        let at_once = (AT_ONCE.0 * newest.queue).max(AT_ONCE.1);
        // The first of them only marks when the others began.
        let (mut bytes, mut opening, mut count) = (0, newest, 0);
        for arrival in self.within(last, if queued { KEPT } else { standing.max(DELIVERY) }) {
            if queued && count > 0 && (arrival.queue < QUEUED || opening.queue - arrival.queue > at_once) {
                break;
            }
            (bytes, opening, count) = (bytes + arrival.size, *arrival, count + 1);
        }
        let span = last - opening.at;
        if count >= 4 && span > DELIVERY_LEAST {
            let bits = (bytes - opening.size) as f64 * 8.0 / (1.0 - lost.clamp(0.0, 0.15));
            let sent = bits / (newest.departed - opening.departed).max(DELIVERY_LEAST);
            self.delivery = Some(Delivery { rate: bits / span, sent });
        } else if queued {
            self.delivery = None;
        }
    }

    /// Arrivals of the `span` seconds up to `last`, newest first.
    fn within(&self, last: f64, span: f64) -> impl Iterator<Item = &Arrival> {
        self.arrivals.iter().rev().take_while(move |a| a.at > last - span)
    }

    fn vary(&mut self, last: f64) {
        let queues = self.within(last, STANDING).map(|a| a.queue);
        let (low, high) = queues.fold((f64::MAX, 0.0_f64), |(low, high), q| (low.min(q), high.max(q)));
        // At first the mean of all, then that of the last seconds.
        self.summed = self.summed.saturating_add(1);
        let weight = (VARIATION_FOLLOWS * (last - self.varied)).clamp(0.0, 0.1).max(1.0 / f64::from(self.summed + 3));
        self.variation += (high - low - self.variation) * weight.max(0.005);
        self.varied = last;
    }

    /// How long the queue in the path is, seconds: what every packet of the last 100 ms waited.
    pub fn queue(&self) -> f64 {
        self.queue
    }

    /// By how much the delay varies within 100 ms by itself, seconds.
    pub fn variation(&self) -> f64 {
        self.variation
    }

    /// How much of that is the path's own, seconds, up to 10 ms: a queue is seen so much less clearly.
    pub fn wander(&self) -> f64 {
        (self.variation - OWN_VARIATION).clamp(0.0, WANDER_MOST)
    }

    /// The same as [`Path::queue`], over the last 40 ms.
    pub fn sudden_queue(&self) -> f64 {
        self.sudden
    }

    /// What all but the unluckiest of the last [`WAITED_OF`] seconds' packets waited at most, seconds.
    pub fn waited(&self) -> f64 {
        let last = self.arrivals.back().map_or(0.0, |newest| newest.at);
        let mut queues: Vec<f64> = self.within(last, WAITED_OF).map(|a| a.queue).collect();
        let nth = (queues.len() as f64 * WAITED_SHARE) as usize;
        if queues.is_empty() { 0.0 } else { *queues.select_nth_unstable_by(nth, f64::total_cmp).1 }
    }

    /// What arrives, bit/s; `None` while too little did since the queue began.
    pub fn delivery(&self) -> Option<Delivery> {
        self.delivery
    }

    /// Least round trip seen with feedback on the way back, seconds.
    pub fn round_trip(&self) -> Option<f64> {
        self.round_trip.get()
    }

    /// Packets reported as arrived in the last second.
    pub fn arrivals(&self) -> usize {
        self.arrivals.len()
    }

    /// The path is another one now: what stands in it is no queue.
    pub fn renew(&mut self) {
        *self = Self { delivery: self.delivery, ..Self::new() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is taken for a queue after packets of these sizes, one every 60 ms, over an empty link of so many bit/s that is
    /// believed to carry half of that.
    fn queue(carries: f64, sizes: impl Iterator<Item = usize>) -> f64 {
        let mut path = Path::new();
        for (n, size) in sizes.enumerate() {
            let departed = n as f64 * 0.060;
            let arrived = departed + 0.020 + size as f64 * 8.0 / carries;
            path.arrived(departed, arrived + 7.0, arrived + 0.030, size, carries / 2.0);
            path.sum_up(0.0);
        }
        path.queue()
    }

    #[test]
    fn a_large_packet_on_a_slow_path_is_no_queue() {
        let large = |then: usize| std::iter::repeat_n(110, 20).chain(std::iter::repeat_n(then, 20));
        assert!(queue(150e3, large(290)) < 0.001);
        assert!(queue(150e3, large(408)) < 0.001);
        assert!(queue(80e3, large(290)) < 0.001);
    }

    #[test]
    fn packets_behind_a_queue_show_it_whatever_their_size() {
        let mut path = Path::new();
        for n in 0..40 {
            let departed = f64::from(n) * 0.060;
            let wait = if n < 20 { 0.0 } else { 0.060 };
            let size = if n % 2 == 0 { 110 } else { 408 };
            path.arrived(departed, departed + 0.020 + wait + size as f64 * 8.0 / 150e3, departed + 0.1, size, 75e3);
            path.sum_up(0.0);
        }
        assert!(path.queue() > 0.050, "{}", path.queue());
    }
}
