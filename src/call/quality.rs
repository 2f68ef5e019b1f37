//! How good the path to a peer is, judged once a second from what both ends count.
//!
//! Sans-I/O; time is an argument. A [`Watch`] takes [`Seen`], which are counts since the call began, and gives a [`Finding`]:
//! the worst of each way. [`verdicts`] lays the findings of all peers side by side, which tells at whose end it is: what
//! spoils the same way of every peer is ours. It also writes the [`History`].
//!
//! Loss without queueing is a radio link's own; loss while answers take longer is a line that is full, and where that is
//! our uplink with the pictures for several peers in it, it is nobody's fault but said so. A fault is named once it lasted for
//! some seconds, five at most, and forgotten some seconds after its end; a burst of loss now and then, a picture that hung
//! once or a probe of the rate are no faults, nor is anything a network's that our own computer makes late. Figures that are
//! told change every five seconds at most.

mod gaps;
mod gauge;
mod seconds;
mod seen;
mod side;

use std::time::{Duration, Instant};

use crate::model::quality::{Cause, History, Mark, Point, Quality};
pub use gaps::Gaps;
use gauge::{Alarm, Calm, Gauge};
use seconds::{OneWay, Second, Seconds};
pub use seen::{Finding, Flow, Found, Receiving, Seen, Sending, Word};
pub use side::verdicts;

/// Shorter than this since the last look is no second yet; longer than that, the machine slept.
const SECOND: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(4));
/// Loss that is told, told as bad, and told no more; shares.
const LOSS: (f64, f64, f64) = (0.010, 0.050, 0.005);
/// Jitter, ms: told, told as bad, told no more.
const JITTER: (f64, f64, f64) = (25.0, 60.0, 15.0);
/// Round trip, ms: told, told as bad, told no more.
const DELAY: (f64, f64, f64) = (300.0, 600.0, 240.0);
/// Less than this share of what pictures are worth is too little, and never more than that; bit/s.
const NARROW: (f64, f64) = (0.25, 600e3);
/// This share of that is very little.
const VERY_NARROW: f64 = 0.5;
/// It is enough again from so many times that.
const WIDE: f64 = 1.4;
/// So many packets that left in a second should have brought an answer.
const SENT: u64 = 5;
/// Made up so much of the sound: what was fair is poor.
const CONCEALED: f64 = 0.10;
/// Pictures a second from a camera: fewer are few, so many are enough.
const FEW: (f64, f64) = (7.5, 9.5);
/// The encoder works for so much of the time, and so many of what is captured it must leave out.
const BUSY: (f64, f64) = (0.7, 0.2);

/// The faults of one way.
#[derive(Debug)]
struct Faults {
    outage: Alarm,
    narrow: Gauge,
    loss: Gauge,
    jitter: Gauge,
}

impl Faults {
    fn new() -> Self {
        Self { outage: Alarm::new(2, 2), narrow: Gauge::new(3, 4), loss: Gauge::new(1, 4), jitter: Gauge::new(3, 4) }
    }
}

/// Watches the path to one peer.
#[derive(Debug)]
pub struct Watch {
    last: Option<(Instant, Seen)>,
    seconds: Seconds,
    up: Faults,
    down: Faults,
    delay: Gauge,
    busy: Alarm,
    camera: Gauge,
    /// What the uplink carries for all, while it is what holds the picture down.
    shared_bps: Option<u64>,
    calm: [Calm; 2],
    finding: Finding,
    history: History,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            last: None,
            seconds: Seconds::default(),
            up: Faults::new(),
            down: Faults::new(),
            delay: Gauge::new(1, 4),
            busy: Alarm::new(4, 4),
            camera: Gauge::new(4, 3),
            shared_bps: None,
            calm: Default::default(),
            finding: Finding::default(),
            history: History::default(),
        }
    }
}

impl Watch {
    /// Looks again; whether a second was over, and there may be news.
    pub fn see(&mut self, now: Instant, seen: &Seen) -> bool {
        let Some((at, before)) = self.last else {
            self.last = Some((now, *seen));
            return false;
        };
        let span = now.saturating_duration_since(at);
        if span < SECOND.0 {
            return false;
        }
        if span > SECOND.1 {
            // We were not there; what changed meanwhile is nobody's fault.
            self.last = Some((now, *seen));
            self.seconds.clear();
            return false;
        }
        let second = Second::between(&before, seen, span.as_secs_f64());
        self.record(before.up, seen, &second);
        self.last = Some((now, *seen));
        self.seconds.push(second);
        let Finding { up, down, both } = self.judge(seen, &second);
        self.finding = Finding { up: self.calm[0].hold(up), down: self.calm[1].hold(down), both };
        true
    }

    /// The path broke and another was found: what was before says nothing of it.
    pub fn reconnected(&mut self) {
        let history = std::mem::take(&mut self.history);
        *self = Self { history, ..Self::default() };
        self.history.mark(Mark::Reconnected);
    }

    /// What is wrong now.
    pub fn finding(&self) -> Finding {
        self.finding
    }

    /// What to tell the other side of our upload.
    pub fn word(&self) -> Word {
        match self.finding.up.map(|found| found.cause) {
            Some(Cause::Narrow { bps, paused }) => Word { narrow_bps: Some(bps), paused, ..Word::default() },
            Some(Cause::Shared { bps }) => Word { narrow_bps: Some(bps), shared: true, ..Word::default() },
            Some(Cause::Busy { .. }) => Word { busy: true, ..Word::default() },
            _ => Word::default(),
        }
    }

    /// The last two minutes.
    pub fn history(&self) -> &History {
        &self.history
    }

    fn record(&mut self, before: Sending, seen: &Seen, second: &Second) {
        let share = |lost: u64, of: u64| (of > 0).then(|| (lost * 1000 / of).min(1000) as u16);
        self.history.push(Point {
            up_lost: share(second.up.lost, second.up.packets),
            down_lost: share(second.down.lost, second.down.packets),
            rtt_ms: second.rtt_ms.map(|ms| ms.round() as u32),
            up_bps: second.up.bps,
            down_bps: second.down.bps,
        });
        let (was, now) = (before, seen.up);
        if was.paused != now.paused {
            self.history.mark(if now.paused { Mark::Paused } else { Mark::Resumed });
        } else if now.height > 0 && now.height < was.height && made_smaller(&now) && !now.paused {
            self.history.mark(Mark::Smaller(now.height));
        }
        if second.froze {
            self.history.mark(Mark::Froze);
        }
    }

    fn judge(&mut self, seen: &Seen, second: &Second) -> Finding {
        let outage = Found { cause: Cause::Outage, quality: Quality::Lost };
        if self.down.outage.see(second.arrived == 0, second.arrived > 0) {
            // Neither do reports arrive: of the way up nothing is known.
            self.forget();
            return Finding { both: Some(outage), ..Finding::default() };
        }
        let unheard = second.arrived > 0 && second.up.packets == 0 && seen.up.flow.packets > 0 && second.sent >= SENT;
        let unheard = self.up.outage.see(unheard, second.up.packets > 0);
        let crowded = self.seconds.is_crowded(2);
        let narrow = self.narrow_up(seen, second, crowded);
        let up = rest(&mut self.up, &self.seconds, |s| &s.up, second.up.jitter_ms);
        let up = if unheard { Some(outage) } else { narrow.or(up) };
        let narrow = self.narrow_down(seen, second, crowded);
        let down = rest(&mut self.down, &self.seconds, |s| &s.down, second.down.jitter_ms);
        let down = narrow.or(down).map(|found| Found { quality: found.quality.max(broken(second)), ..found });
        // What waits in a line that is full is told with that.
        let filling = self.up.narrow.is_near() || self.down.narrow.is_near();
        let delay = self.delay.level(self.seconds.round_trip(), DELAY, self.seconds.is_late() || filling);
        let full = |way: Option<Found>| way.is_some_and(|found| matches!(found.cause, Cause::Narrow { .. }));
        let delay = delay.filter(|_| !full(up) && !full(down));
        let relayed = seen.relayed;
        let both = delay.map(|(ms, quality)| Found { cause: Cause::Delay { ms: round(ms), relayed }, quality });
        let busy = self.busy.see(second.encoder > BUSY.0 && second.left_out > BUSY.1, second.left_out < BUSY.1 / 2.0);
        let smaller = seen.up.spared;
        let busy = (busy || smaller).then_some(Found { cause: Cause::Busy { smaller }, quality: Quality::Fair });
        let behind = seen.down.behind.then_some(Found { cause: Cause::Behind, quality: Quality::Fair });
        let few = self.few(seen, second, down.is_none() && both.is_none() && behind.is_none());
        Finding { up: up.or(busy), down: down.or(behind).or(few), both }
    }

    /// After an outage everything begins anew.
    fn forget(&mut self) {
        let Self { up, down, .. } = Self::default();
        self.up = up;
        self.down = Faults { outage: std::mem::replace(&mut self.down.outage, Alarm::new(2, 2)), ..down };
        self.delay = Gauge::new(1, 4);
        self.seconds.clear();
    }

    /// Our own estimate tells how much the way up carries; where loss comes with delay, it is full.
    fn narrow_up(&mut self, seen: &Seen, second: &Second, crowded: bool) -> Option<Found> {
        let (up, wanted) = (&seen.up, seen.up.wanted_bps as f64);
        let enough = (NARROW.0 * wanted).min(NARROW.1);
        let carries = up.carries_bps as f64;
        let full = crowded && self.seconds.loss(|s| &s.up).is_some();
        let sends = up.paused || second.pictures_out;
        let bad = sends && (carries < enough || full);
        // A picture that is about to move again is still paused.
        let good = !sends || (carries > WIDE * enough && !full);
        // Once it is no limit any more, what it held down still has to grow.
        let shared = up.shared_bps.or(self.shared_bps);
        let told = self.up.narrow.see(bad, good, shared.map_or(carries, |bps| bps as f64));
        self.shared_bps = told.and(shared);
        let bps = told?;
        let very = up.paused || carries.min(bps) < VERY_NARROW * enough;
        let quality = if very { Quality::Poor } else { Quality::Fair };
        let cause = match shared {
            Some(_) if bps >= enough => Cause::Shared { bps: round_bps(bps) },
            _ => Cause::Narrow { bps: round_bps(bps), paused: up.paused },
        };
        Some(Found { cause, quality })
    }

    /// They know how much the way down carries; where loss comes with delay, it is full.
    fn narrow_down(&mut self, seen: &Seen, second: &Second, crowded: bool) -> Option<Found> {
        if let Word { narrow_bps: Some(bps), paused, .. } = seen.word {
            let quality = if paused || bps < 200_000 { Quality::Poor } else { Quality::Fair };
            let bps = round_bps(bps as f64);
            let cause = if seen.word.shared { Cause::Shared { bps } } else { Cause::Narrow { bps, paused } };
            return Some(Found { cause, quality });
        }
        let full = crowded && self.seconds.loss(|s| &s.down).is_some();
        let bps = self.down.narrow.see(full, !full, second.down.bps as f64)?;
        Some(Found { cause: Cause::Narrow { bps: round_bps(bps), paused: false }, quality: Quality::Fair })
    }

    /// Few pictures from a camera, although nothing is said to be wrong.
    fn few(&mut self, seen: &Seen, second: &Second, well: bool) -> Option<Found> {
        let moves = well && seen.moves && seen.down.frames > 0;
        let fps = self.camera.see(moves && second.fps < FEW.0, !moves || second.fps > FEW.1, second.fps);
        if seen.word.busy {
            return Some(Found { cause: Cause::Busy { smaller: false }, quality: Quality::Fair });
        }
        fps.map(|fps| Found { cause: Cause::Camera { fps: fps.round() as u8 }, quality: Quality::Fair })
    }
}

/// Loss and jitter of a way that is wide enough.
fn rest(faults: &mut Faults, seconds: &Seconds, way: fn(&Second) -> &OneWay, jitter: Option<f64>) -> Option<Found> {
    let (loss, whole) = (seconds.loss(way), seconds.is_whole(way));
    let full = faults.narrow.is_near() || seconds.is_crowded(1);
    let (bad, good) = (loss.is_some() && !whole && !full, whole);
    let lost = faults.loss.see(bad, good, loss.unwrap_or(faults.loss.told())).map(|share| {
        let percent = (share * 100.0).round().clamp(1.0, 100.0);
        let percent = if percent > 20.0 { (percent / 5.0).round() * 5.0 } else { percent };
        let quality = if share >= LOSS.1 { Quality::Poor } else { Quality::Fair };
        Found { cause: Cause::Loss { percent: percent as u8 }, quality }
    });
    let jitter = faults.jitter.level(jitter, JITTER, seconds.is_late());
    lost.or(jitter.map(|(ms, quality)| Found { cause: Cause::Jitter { ms: round(ms) }, quality }))
}

/// For the path or the computer, and not because somebody chose so.
fn made_smaller(up: &Sending) -> bool {
    up.carries_bps < up.wanted_bps || up.spared
}

/// Sound that had to be made up is noticed by everybody.
fn broken(second: &Second) -> Quality {
    if second.concealed > CONCEALED { Quality::Poor } else { Quality::Good }
}

/// To the next ten; from 100 on to the next fifty.
fn round(ms: f64) -> u32 {
    let step = if ms < 100.0 { 10.0 } else { 50.0 };
    ((ms / step).round() * step) as u32
}

/// To two figures.
fn round_bps(bps: f64) -> u64 {
    let step = 10f64.powf(bps.max(1.0).log10().floor() - 1.0).max(10_000.0);
    ((bps / step).round() * step) as u64
}

#[cfg(test)]
mod tests;
