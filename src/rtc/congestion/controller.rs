//! The rate: delay first, loss where somebody else keeps the queue full, probes to find out what is free.
//!
//! What it does in which phase is said in `phase`.

use std::time::{Duration, Instant};

use super::history::{Departure, History, Report};
pub use super::limits::Limits;
use super::loss::Loss;
use super::others::{self, Others, Seen};
use super::pace::Swiftness;
use super::path::{Delivery, Path};
use super::phase::Phase;
use super::probe::{self, Finding, Probe};
use super::sparse::{Said, Sparse};
use super::window::since;

/// A queue shorter than this lets the estimate grow, seconds; …
const SHORT: f64 = 0.008;
/// … one shorter than this is drained; …
const DRAINED: f64 = 0.010;
/// … one longer than this is too long; …
const LONG: f64 = 0.020;
/// … and while it is longer than this, no picture goes out at all.
const VERY_LONG: f64 = 0.080;
/// … unless it empties at so many times the estimate.
const EMPTIES: f64 = 2.0;
/// Share of the delivered rate that is kept when a queue stood.
const KEEP: f64 = 0.94;
/// Share of the estimate that is kept at least where all that was sent was delivered.
const KEEP_UNPROVEN: f64 = 0.85;
/// Share of the estimate that is sent while a queue drains.
const DRAIN: f64 = 0.6;
/// For so long after a cut, only the newest packets tell whether it is gone; seconds.
const YOUNG: f64 = 0.15;
/// Pauses between two cuts, seconds.
const CUT_PAUSE: f64 = 0.1;
/// Growth without a probe, a second; and yielding to a queue that stands but is not too long.
const GROWTH: f64 = 0.04;
const YIELD: f64 = 0.20;
/// Only if so much of the estimate is really sent.
const USED: f64 = 0.8;
/// What most paths carry, bit/s: sound reckons with that where a path is not found to carry less within so many seconds.
const MOST_PATHS: (f64, f64) = (1e6, 1.0);
/// What a probe found to be the most is believed for so long, seconds.
const CEILING_KEPT: f64 = 4.0;
/// Loss above this, with a queue, is congestion, …
const MUCH_LOSS: f64 = 0.15;
/// … taken into account so often, seconds.
const LOSS_PAUSE: f64 = 1.2;
/// No feedback for so long: nothing arrives, or nothing comes back; seconds.
const SILENCE: f64 = 0.5;
/// After a silence, most paths are as they were: so much of the estimate of before is taken again at once.
const RETURNED: f64 = 0.6;
/// Others keep the queue up: after so many seconds of draining, …
const OTHERS: f64 = 0.8;
/// … with less than this share of what was sent before.
const YIELDED: f64 = 0.5;

/// The controller of one path. See the [module](self).
#[derive(Debug)]
pub struct Controller {
    limits: Limits,
    origin: Instant,
    estimate: f64,
    phase: Phase,
    history: History,
    path: Path,
    swiftness: Swiftness,
    loss: Loss,
    /// Where the receiver reports on no single packet.
    sparse: Sparse,
    /// What the application could use, bit/s.
    wanted: f64,
    /// It was found to end somewhere.
    limited: bool,
    /// The rate before the queue stood.
    before: f64,
    /// The most that ever arrived, bit/s.
    proven: f64,
    /// The most that a probe has seen delivered, and when.
    ceiling: Option<(f64, Instant)>,
    probe: Option<Probe>,
    probes: u32,
    failures: u32,
    next_probe: Instant,
    /// The estimate before nothing came back any more.
    silenced: Option<f64>,
    /// Something came back again after that.
    returned: bool,
    cut: Instant,
    grown: Instant,
    heard: Instant,
}

impl Controller {
    /// At the start of a path.
    pub fn new(now: Instant, limits: Limits) -> Self {
        Self {
            limits,
            origin: now,
            estimate: limits.start,
            phase: Phase::Steady,
            history: History::default(),
            path: Path::new(),
            swiftness: Swiftness::new(now),
            loss: Loss::default(),
            sparse: Sparse::new(now, limits.start),
            wanted: limits.most,
            limited: false,
            before: limits.start,
            proven: 0.0,
            ceiling: None,
            probe: None,
            probes: 0,
            failures: 0,
            next_probe: now,
            silenced: None,
            returned: false,
            cut: now,
            grown: now,
            heard: now,
        }
    }

    /// What the application could use at most now, bit/s: no probe looks for more.
    pub fn set_wanted(&mut self, bps: f64) {
        self.wanted = bps.clamp(self.limits.least, self.limits.most);
    }

    /// What the path carries, as far as known, bit/s on the wire.
    pub fn estimate(&self) -> f64 {
        self.estimate
    }

    /// What the path carries as far as it is known to end, bit/s on the wire: for what is small beside it.
    pub fn believed(&self, now: Instant) -> f64 {
        let known = self.limited || since(self.origin, now) < MOST_PATHS.1;
        if known { self.estimate } else { self.estimate.max(MOST_PATHS.0) }
    }

    /// What the application should send now, bit/s on the wire: the estimate, less while a queue drains.
    pub fn target(&self) -> f64 {
        match self.phase {
            Phase::Draining { .. } => DRAIN * self.estimate,
            _ => self.estimate,
        }
    }

    /// Share of packets lost in the last second, 0…1.
    pub fn loss(&self) -> f64 {
        self.loss.share()
    }

    /// Share that the path loses while no queue stands in it, over some seconds, 0…1; `None` while that is not known.
    pub fn random_loss(&self) -> Option<f64> {
        self.loss.own()
    }

    /// Least round trip seen, with the wait for feedback; seconds.
    pub fn round_trip(&self) -> Option<f64> {
        self.path.round_trip()
    }

    /// At what rate pictures leave the pacer now, bit/s on the wire; 0: none may.
    pub fn pace(&self, now: Instant) -> f64 {
        if let Some(probe) = self.probe.as_ref().filter(|p| p.left().is_some()) {
            return probe.rate;
        }
        match self.phase {
            Phase::Draining { .. } if self.path.queue() > VERY_LONG => 0.0,
            Phase::Draining { .. } => DRAIN * self.estimate,
            Phase::Competing(_) | Phase::Steady => {
                let most = self.ceiling(now).map_or(f64::MAX, |ceiling| ceiling.max(1.05 * self.estimate));
                (self.swiftness.times() * self.estimate).min(most)
            }
        }
    }

    /// Bytes of pictures that may still leave before something is reported on.
    pub fn window(&self) -> usize {
        if self.path.arrivals() == 0 {
            return usize::MAX; // nothing is known yet, or the receiver never reports: the pace is the limit
        }
        let round_trip = self.path.round_trip().unwrap_or(0.1);
        let others = if matches!(self.phase, Phase::Competing(_)) { self.path.queue() } else { 0.0 };
        let span = round_trip + self.limits.feedback.as_secs_f64() + 0.060 + others;
        let probe = self.probe.as_ref().map_or(0, Probe::bytes);
        let window = (self.estimate * span / 8.0) as usize + 3_000 + probe;
        window.saturating_sub(self.history.in_flight())
    }

    /// Whether a probe should begin with the next picture, and how many bytes it takes: a picture that is smaller is to be
    /// filled up.
    pub fn wants_probe(&self, now: Instant) -> Option<usize> {
        let wants = self.probe.is_none()
            && self.phase == Phase::Steady
            && now >= self.next_probe
            && self.path.queue() <= DRAINED
            && (self.probes == 0 || (self.path.arrivals() >= 5 && since(self.heard, now) <= 0.15))
            && self.estimate < 0.97 * self.limits.most.min(self.wanted);
        wants.then(|| probe::size(self.estimate, self.silenced.is_some()))
    }

    /// Begins a probe of so many bytes with what leaves next.
    pub fn begin_probe(&mut self, now: Instant, bytes: usize) {
        // After a silence: is the path as it was?
        let before = self.silenced.take().unwrap_or(0.0);
        let rate = probe::rate(self.estimate, self.ceiling(now).is_some()).max(before).min(1.5 * self.limits.most);
        self.probes = self.probes.wrapping_add(1);
        tracing::debug!(rate, bytes, estimate = self.estimate, "a probe begins");
        self.probe = Some(Probe::new(self.probes, rate, bytes, now));
    }

    /// Nothing is left that could leave with the probe.
    pub fn end_probe(&mut self, now: Instant) {
        if let Some(probe) = &mut self.probe {
            probe.end(now);
        }
    }

    /// Bytes a probe still lacks, while one goes out.
    pub fn probing(&self) -> Option<usize> {
        self.probe.as_ref().and_then(Probe::left)
    }

    /// A packet left.
    pub fn sent(&mut self, departure: Departure) {
        let mut belongs = None;
        if let Some(probe) = self.probe.as_mut().filter(|p| p.left().is_some()) {
            probe.sent(departure.size, departure.at);
            belongs = Some(probe.id);
        }
        self.history.sent(departure, belongs);
    }

    /// The receiver reported, in the order of departure.
    pub fn reported(&mut self, now: Instant, reports: &[Report]) {
        if reports.is_empty() {
            return;
        }
        if let Some(before) = self.silenced.filter(|_| since(self.heard, now) > SILENCE) {
            self.returned = true;
            self.estimate = self.estimate.max(RETURNED * before);
        }
        self.heard = now;
        self.read(now, reports);
        if self.path.arrivals() == 0 {
            return;
        }
        self.path.sum_up(self.loss.background());
        self.proven = self.path.delivery().map_or(self.proven, |delivery| self.proven.max(delivery.rate));
        if self.phase != Phase::Steady {
            self.loss.with_queue(now);
        } else if self.path.queue() < SHORT {
            self.loss.without_queue(now);
        }
        self.swiftness.reported(now, self.path.waited(), self.phase == Phase::Steady);
        self.judge_probe(now);
        if matches!(self.phase, Phase::Competing(_)) {
            self.compete(now);
        } else {
            self.follow_delay(now);
        }
    }

    /// Whether something came back after a silence, since this was asked last: what left before it is lost.
    pub fn take_returned(&mut self) -> bool {
        std::mem::take(&mut self.returned)
    }

    /// The receiver says how it fares; means nothing where it reports on every packet.
    pub fn hear(&mut self, now: Instant, said: Said) {
        if self.path.arrivals() == 0 {
            let most = self.limits.most.min(self.wanted);
            self.estimate = self.sparse.hear(now, said, self.history.rate(), most);
        }
    }

    fn read(&mut self, now: Instant, reports: &[Report]) {
        let (mut arrived, mut lost) = (0, 0);
        // Packets lost one after another: their first departure, last departure, number, bytes.
        let mut run: Option<(Instant, Instant, u32, usize)> = None;
        for report in reports {
            let probe = self.history.reported(report.ssrc, report.sequence).flatten();
            let times = report.arrival.map(|a| (a.as_secs_f64(), self.seconds(report.departure)));
            if let Some(ours) = self.probe.as_mut().filter(|p| probe == Some(p.id)) {
                ours.reported(times, report.size);
            }
            let Some((at, departed)) = times else {
                let (first, _, count, bytes) = run.unwrap_or((report.departure, report.departure, 0, 0));
                run = Some((first, report.departure, count + 1, bytes + report.size));
                continue;
            };
            self.path.arrived(departed, at, self.seconds(now), report.size, self.estimate);
            arrived += 1;
            if let Some((first, last, count, bytes)) = run.take() {
                // All of a feedback interval at once, and no queue that was full: the feedback was lost, not the packets.
                let whole = self.path.sudden_queue() < LONG
                    && last.saturating_duration_since(first) > self.limits.feedback.mul_f64(0.6);
                if count > 1 && whole {
                    self.path.unreported(bytes);
                } else {
                    lost += count;
                }
            }
        }
        // A run that goes on to the end of the report is only counted when it is known where it ends.
        self.loss.reported(now, arrived, lost);
    }

    /// Steady or draining: the queue decides.
    fn follow_delay(&mut self, now: Instant) {
        let (queue, sudden) = (self.path.queue(), self.path.sudden_queue());
        // A probe makes a queue of its own for a moment.
        let sudden_limit = 2.0 * LONG + 2.0 * self.path.variation();
        let long = queue > LONG + self.path.wander() || (self.probe.is_none() && sudden > sudden_limit);
        // One that empties faster than we send is as good as gone.
        let most = if self.phase == Phase::Steady { EMPTIES * self.estimate } else { f64::MAX };
        let delivery = self.path.delivery().filter(|d| d.rate < most);
        if let Some(delivery) = delivery.filter(|_| long && since(self.cut, now) > CUT_PAUSE) {
            self.cut(now, queue, delivery);
        }
        if self.phase == Phase::Steady
            && self.loss.share() > MUCH_LOSS
            && queue > SHORT
            && since(self.cut, now) > LOSS_PAUSE
        {
            self.estimate = (self.estimate * (1.0 - 0.5 * self.loss.share())).max(self.limits.least);
            self.cut = now;
        }
        if let Phase::Draining { since: begun, worst } = self.phase {
            let draining = since(begun, now);
            let delivered = self.path.delivery().is_some_and(|d| d.rate > 0.85 * self.history.rate());
            if draining > 1.0 && queue > 0.75 * worst && delivered {
                return self.renew_path(now);
            }
            if draining > OTHERS && queue > LONG && self.history.rate() < YIELDED * self.before {
                self.estimate = (0.4 * self.before).max(self.estimate).max(200e3).min(self.limits.most);
                self.phase = Phase::Competing(Others::new(now));
                (self.grown, self.cut) = (now, now);
                return;
            }
            // The longer look still has the time before.
            let left = if draining > YOUNG { queue } else { sudden };
            if left < DRAINED {
                self.phase = Phase::Steady;
                self.grown = now;
                self.probe_after(now, 0.6 * probe::PAUSE.0);
            }
        }
        if self.phase == Phase::Steady {
            self.grow(now, queue);
        }
    }

    /// A queue stands, and empties at this rate.
    fn cut(&mut self, now: Instant, queue: f64, delivery: Delivery) {
        self.limited = true;
        let all = delivery.rate > 0.95 * delivery.sent;
        let delivery = delivery.rate.max(self.limits.least);
        let estimate = self.estimate;
        match &mut self.phase {
            Phase::Draining { worst, .. } => {
                *worst = worst.max(queue);
                if delivery < 0.9 * estimate && queue > VERY_LONG {
                    self.estimate = delivery;
                }
            }
            _ => {
                // What is sent is delivered: we may have sent less than the path carries.
                let kept = if all && self.proven > YIELDED * estimate { KEEP_UNPROVEN * estimate } else { 0.0 };
                self.estimate = (KEEP * delivery).max(kept).min(estimate);
                self.before = estimate.min(self.proven);
                self.phase = Phase::Draining { since: now, worst: queue };
            }
        }
        self.estimate = self.estimate.clamp(self.limits.least, self.limits.most);
        tracing::debug!(queue, delivery, all, before = estimate, after = self.estimate, phase = ?self.phase, "a queue stands");
        self.cut = now;
        self.probe = None;
        if self.ceiling.is_some_and(|(ceiling, _)| ceiling > 1.2 * delivery) {
            self.ceiling = None;
        }
        self.probe_after(now, probe::PAUSE.0);
    }

    fn grow(&mut self, now: Instant, queue: f64) {
        let span = since(self.grown, now).min(0.2);
        self.grown = now;
        let used = self.history.rate() > USED * self.estimate;
        let top = self.ceiling(now).map_or(self.limits.most, |ceiling| probe::BELOW * ceiling).min(self.limits.most);
        if queue < SHORT && used && self.estimate < top {
            self.estimate = (self.estimate * (1.0 + GROWTH * span)).min(top);
        } else if queue > DRAINED {
            self.estimate = (self.estimate * (1.0 - YIELD * span)).max(self.limits.least);
        }
    }

    /// Somebody else keeps the queue full: follow loss as they do.
    fn compete(&mut self, now: Instant) {
        let Phase::Competing(mut others) = self.phase else { return };
        let span = since(self.grown, now).min(0.2);
        self.grown = now;
        if self.loss.share() > 0.05 + self.loss.background() {
            if since(self.cut, now) > 0.8 {
                self.estimate = (0.85 * self.estimate).max(0.15 * self.before).max(self.limits.least);
                self.cut = now;
            }
        } else if self.history.rate() > 0.7 * self.estimate {
            let grown = self.estimate * (1.0 + 0.20 * span);
            let most = others::most(self.before, self.limits.most.min(self.wanted));
            self.estimate = grown.min(most).clamp(self.limits.least, self.limits.most);
        }
        match others.watch(now, self.path.queue()) {
            Seen::Busy => self.phase = Phase::Competing(others),
            Seen::Gone => {
                self.phase = Phase::Steady;
                self.failures = 0;
                self.probe_after(now, 0.0);
            }
            Seen::Nobody => {
                self.failures = 0;
                self.renew_path(now);
            }
        }
    }

    /// The path has become longer: what looked like a queue is none.
    fn renew_path(&mut self, now: Instant) {
        self.path.renew();
        self.phase = Phase::Steady;
        self.grown = now;
        self.probe_after(now, 0.2);
    }

    fn judge_probe(&mut self, now: Instant) {
        let patience = self.path.round_trip().unwrap_or(0.1) + 0.12;
        let Some(finding) = self.probe.as_ref().and_then(|p| p.judge(now, patience)) else { return };
        self.probe = None;
        tracing::debug!(?finding, estimate = self.estimate, queue = self.path.queue(), "a probe ended");
        let pause = match finding {
            Finding::Nothing => 0.1,
            Finding::Rate { proven, delivered, sent } => {
                let full = delivered < 0.8 * sent;
                self.limited |= full;
                self.ceiling = (full && delivered > 0.7 * self.estimate).then_some((delivered, now));
                if proven > probe::GAIN * self.estimate {
                    let most = self.limits.most.min(self.wanted.max(self.estimate));
                    self.estimate = (probe::TAKE * proven).min(most);
                    self.failures = 0;
                    0.0
                } else {
                    self.failures += 1;
                    if full {
                        self.estimate = self.estimate.max(probe::FULL * delivered).min(self.limits.most);
                    }
                    probe::pause(self.failures)
                }
            }
        };
        self.probe_after(now, pause);
    }

    /// Time passes, also where nothing is reported; to be called every 10 ms or so.
    pub fn tick(&mut self, now: Instant) {
        self.history.age(now);
        if self.path.arrivals() == 0 {
            self.estimate = self.sparse.tick(now);
        }
        let silent = since(self.heard, now) > SILENCE && since(self.cut, now) > SILENCE;
        if silent && self.history.in_flight() > 0 && self.path.arrivals() > 0 {
            self.silenced.get_or_insert(self.estimate);
            self.estimate = (0.7 * self.estimate).max(self.limits.least);
            self.cut = now;
            self.probe = None;
            self.probe_after(now, 0.1);
        }
        if self.probe.as_ref().is_some_and(|p| p.left().is_some() && p.stuck(now)) {
            self.probe = None;
        }
    }

    fn ceiling(&self, now: Instant) -> Option<f64> {
        self.ceiling.filter(|(_, at)| since(*at, now) < CEILING_KEPT).map(|(rate, _)| rate)
    }

    fn probe_after(&mut self, now: Instant, seconds: f64) {
        self.next_probe = now + Duration::from_secs_f64(seconds);
    }

    fn seconds(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.origin).as_secs_f64()
    }
}
