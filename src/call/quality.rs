//! How good the path to a peer is, judged once a second from what both ends count.
//!
//! Sans-I/O; time is an argument. A [`Watch`] takes [`Seen`], which are counts since the call began, and gives a [`Finding`]:
//! the worst of each way. [`verdicts`] lays the findings of all peers side by side, which tells at whose end it is: what
//! spoils the same way of every peer is ours. It also writes the [`History`].
//!
//! Loss without queueing is a radio link's own; loss while answers take longer is a line that is full. A fault is named
//! once it lasted for some seconds, five at most, and forgotten some seconds after its end; a burst of loss now and then,
//! a picture that hung once or a probe of the rate are no faults. Figures that are told change every five seconds at most.

mod seconds;
mod side;

use std::time::{Duration, Instant};

use crate::model::quality::{Cause, History, Mark, Point, Quality};
use seconds::{OneWay, Second, Seconds};
pub use side::verdicts;

/// What is sent to one peer. Counts since the call began; all of it as the receiver reports, where it does.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sending {
    /// Packets that left, with those sent again.
    pub packets: u64,
    /// Bytes of sound and picture.
    pub bytes: u64,
    /// Packets the receiver said something of, …
    pub told: u64,
    /// … of those, the ones that did not arrive, …
    pub lost: u64,
    /// … and how often one or more in a row did not.
    pub runs: u64,
    /// Of the sound, ms (RFC 3550 §6.4.1); `None` while none is reported.
    pub jitter_ms: Option<f64>,
    /// What the path is believed to carry, bit/s.
    pub carries_bps: u64,
    /// What our pictures are worth at most, bit/s.
    pub wanted_bps: u64,
    /// The picture is paused to keep the sound.
    pub paused: bool,
    /// Height of the newest picture sent; 0: none yet.
    pub height: u32,
    /// Pictures encoded.
    pub frames: u64,
    /// Pictures captured and not encoded.
    pub dropped: u64,
    /// Mean time to encode one, ms.
    pub encode_ms: f64,
    /// Pictures are made smaller than the path would carry, for the computer cannot make more.
    pub spared: bool,
}

/// What comes from one peer. Counts since the call began.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Receiving {
    /// Packets of any kind that arrived, reports too.
    pub arrived: u64,
    /// Bytes of sound and picture.
    pub bytes: u64,
    /// Packets of media that were due by their numbers on the wire, …
    pub due: u64,
    /// … of those, the ones that did not arrive, …
    pub lost: u64,
    /// … and how often one or more in a row did not.
    pub runs: u64,
    /// Of the sound, ms; `None` while none comes.
    pub jitter_ms: Option<f64>,
    /// Pictures decoded.
    pub frames: u64,
    /// Times the picture stood still.
    pub freezes: u64,
    /// Samples of sound played, and made up.
    pub samples: u64,
    /// See `samples`.
    pub concealed: u64,
}

/// What is known of one peer at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Seen {
    /// To them.
    pub up: Sending,
    /// From them.
    pub down: Receiving,
    /// Round trip by the reports, ms.
    pub rtt_ms: Option<f64>,
    /// A picture that moves should come: their camera is on, and no screen is shared.
    pub moves: bool,
    /// What they say of their own upload.
    pub word: Word,
}

/// What one side tells the other of its upload: who sends knows best what the path gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Word {
    /// It carries less than a good picture needs: so much, bit/s.
    pub narrow_bps: Option<u64>,
    /// So little that the picture is paused.
    pub paused: bool,
    /// The computer cannot make its pictures in time.
    pub busy: bool,
}

/// A fault and how bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// What.
    pub cause: Cause,
    /// How much is noticed of it.
    pub quality: Quality,
}

/// What one peer's path suffers from: the worst of each way, and of both together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Finding {
    /// To them.
    pub up: Option<Found>,
    /// From them.
    pub down: Option<Found>,
    /// There and back.
    pub both: Option<Found>,
}

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

/// Says so once it was bad for so many looks, and until it was good for so many.
#[derive(Debug)]
struct Alarm {
    on: bool,
    streak: u32,
    limits: (u32, u32),
}

impl Alarm {
    fn new(on_after: u32, off_after: u32) -> Self {
        Self { on: false, streak: 0, limits: (on_after, off_after) }
    }

    fn see(&mut self, bad: bool, good: bool) -> bool {
        let turns = if self.on { good } else { bad };
        self.streak = if turns { self.streak + 1 } else { 0 };
        let limit = if self.on { self.limits.1 } else { self.limits.0 };
        if self.streak >= limit {
            (self.on, self.streak) = (!self.on, 0);
        }
        self.on
    }
}

/// A figure that is told: it changes every five seconds at most, or three where it changes much.
#[derive(Debug, Default)]
struct Told {
    value: f64,
    age: u32,
}

impl Told {
    fn hold(&mut self, on: bool, value: f64) -> f64 {
        self.age += 1;
        let differs = (value - self.value).abs() / self.value.max(f64::MIN_POSITIVE);
        if !on || (self.age >= 3 && differs > 0.5) || (self.age >= 5 && differs > 0.15) {
            (self.value, self.age) = (value, 0);
        }
        self.value
    }
}

/// Keeps the quality from going up and down: it is no better before it was so for some seconds.
#[derive(Debug, Default)]
struct Calm {
    quality: Quality,
    better: u32,
}

impl Calm {
    fn hold(&mut self, found: Option<Found>) -> Option<Found> {
        let Some(found) = found else {
            *self = Self::default();
            return None;
        };
        self.better = if found.quality < self.quality { self.better + 1 } else { 0 };
        if self.better == 0 || self.better >= 4 || found.cause == Cause::Outage || self.quality == Quality::Lost {
            (self.quality, self.better) = (found.quality, 0);
        }
        Some(Found { quality: self.quality, ..found })
    }
}

/// An alarm with its figure.
#[derive(Debug)]
struct Gauge {
    alarm: Alarm,
    told: Told,
}

impl Gauge {
    fn new(on_after: u32, off_after: u32) -> Self {
        Self { alarm: Alarm::new(on_after, off_after), told: Told::default() }
    }

    /// The figure to be told, while it is to be told. What is good again says nothing of how bad it was.
    fn see(&mut self, bad: bool, good: bool, value: f64) -> Option<f64> {
        let was = self.alarm.on;
        let on = self.alarm.see(bad, good);
        let value = if was && good { self.told.value } else { self.told.hold(was && on, value) };
        on.then_some(value)
    }

    /// For a figure that is bad from the first of `limits` and good below the last; while our own machine is `late`, nothing
    /// new is told.
    fn level(&mut self, value: Option<f64>, limits: (f64, f64, f64), late: bool) -> Option<(f64, Quality)> {
        let (bad, good) = (!late && value.is_some_and(|v| v >= limits.0), value.is_none_or(|v| v < limits.2));
        let told = self.see(bad, good, value.unwrap_or(limits.0))?;
        Some((told, if told >= limits.1 { Quality::Poor } else { Quality::Fair }))
    }
}

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
            Some(Cause::Narrow { bps, paused }) => Word { narrow_bps: Some(bps), paused, busy: false },
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
        let unheard = second.arrived > 0 && second.up.packets == 0 && seen.up.told > 0 && second.sent >= SENT;
        let unheard = self.up.outage.see(unheard, second.up.packets > 0);
        let crowded = self.seconds.is_crowded(2);
        let narrow = self.narrow_up(seen, second, crowded);
        let up = rest(&mut self.up, &self.seconds, |s| &s.up, second.up.jitter_ms);
        let up = if unheard { Some(outage) } else { narrow.or(up) };
        let narrow = self.narrow_down(seen, second, crowded);
        let down = rest(&mut self.down, &self.seconds, |s| &s.down, second.down.jitter_ms);
        let down = narrow.or(down).map(|found| Found { quality: found.quality.max(broken(second)), ..found });
        let delay = self.delay.level(self.seconds.round_trip(), DELAY, self.seconds.is_late());
        let full = |way: Option<Found>| way.is_some_and(|found| matches!(found.cause, Cause::Narrow { .. }));
        let delay = delay.filter(|_| !full(up) && !full(down));
        let both = delay.map(|(ms, quality)| Found { cause: Cause::Delay { ms: round(ms) }, quality });
        let busy = self.busy.see(second.encoder > BUSY.0 && second.left_out > BUSY.1, second.left_out < BUSY.1 / 2.0);
        let smaller = seen.up.spared;
        let busy = (busy || smaller).then_some(Found { cause: Cause::Busy { smaller }, quality: Quality::Fair });
        let few = self.few(seen, second, down.is_none() && both.is_none());
        Finding { up: up.or(busy), down: down.or(few), both }
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
        let bps = self.up.narrow.see(bad, good, carries)?;
        let very = up.paused || bps < VERY_NARROW * enough;
        let quality = if very { Quality::Poor } else { Quality::Fair };
        Some(Found { cause: Cause::Narrow { bps: round_bps(bps), paused: up.paused }, quality })
    }

    /// They know how much the way down carries; where loss comes with delay, it is full.
    fn narrow_down(&mut self, seen: &Seen, second: &Second, crowded: bool) -> Option<Found> {
        if let Word { narrow_bps: Some(bps), paused, .. } = seen.word {
            let quality = if paused || bps < 200_000 { Quality::Poor } else { Quality::Fair };
            return Some(Found { cause: Cause::Narrow { bps: round_bps(bps as f64), paused }, quality });
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
    let full = faults.narrow.alarm.on || faults.narrow.alarm.streak > 0 || seconds.is_crowded(1);
    let (bad, good) = (loss.is_some() && !whole && !full, whole);
    let lost = faults.loss.see(bad, good, loss.unwrap_or(faults.loss.told.value)).map(|share| {
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
