//! A bottleneck in virtual time, with calls and file transfers that share it.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::controller::{Controller, Limits};
use super::history::{Departure, Report};
use super::pacer::{Class, Pacer};
use crate::call::budget;

/// Steps of virtual time.
const STEP: Duration = Duration::from_micros(500);
/// Headers of a packet on the wire, with IP, UDP, SRTP and extensions.
const HEADERS: usize = 12 + 8 + 38;
const SOUND: usize = 100 + HEADERS;
/// What CUBIC keeps after a loss, and how it grows again (RFC 9438 §4.1, §4.6).
const CUBIC_KEEP: f64 = 0.7;
const CUBIC_GROWTH: f64 = 0.4;

/// What the link does at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// Bit/s; 0: nothing goes through.
    pub rate: f64,
    /// One way, seconds.
    pub delay: f64,
    /// By which the delay wanders up and down, in order, between random points 40 ms apart; seconds.
    pub jitter: f64,
    /// Share lost at random.
    pub loss: f64,
    /// Longest the queue gets, seconds of the rate.
    pub queue: f64,
    /// The receiver's machine does something else: what arrives is not looked at.
    pub hangs: bool,
}

impl Default for Weather {
    fn default() -> Self {
        Self { rate: 4e6, delay: 0.020, jitter: 0.0, loss: 0.0, queue: 0.200, hangs: false }
    }
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    flow: usize,
    number: u64,
    size: usize,
    at: f64,
}

struct Link {
    queue: VecDeque<Cell>,
    bytes: usize,
    free: f64,
    under_way: VecDeque<(f64, Cell)>,
    latest: f64,
    wander: (f64, f64, f64),
    dice: u64,
}

impl Link {
    fn roll(&mut self) -> f64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) as f64 / (1u64 << 31) as f64
    }

    fn send(&mut self, cell: Cell, weather: &Weather) {
        let room = (weather.rate.max(100e3) * weather.queue / 8.0) as usize;
        if self.roll() >= weather.loss && self.bytes + cell.size <= room.max(3_000) {
            self.bytes += cell.size;
            self.queue.push_back(cell);
        }
    }

    fn run(&mut self, now: f64, weather: &Weather) {
        while let Some(cell) = self.queue.front().copied() {
            let begin = self.free.max(cell.at);
            let end = begin + cell.size as f64 * 8.0 / weather.rate.max(1.0);
            if end > now {
                if weather.rate <= 0.0 {
                    self.free = now;
                }
                break;
            }
            (self.free, self.bytes) = (end, self.bytes - cell.size);
            self.queue.pop_front();
            let wander = weather.jitter * self.wandered(end);
            self.latest = self.latest.max(end + weather.delay + wander);
            self.under_way.push_back((self.latest, cell));
        }
    }

    /// Between -1 and 1.
    fn wandered(&mut self, now: f64) -> f64 {
        while now - self.wander.0 >= 0.040 {
            self.wander = (self.wander.0 + 0.040, self.wander.2, 2.0 * self.roll() - 1.0);
        }
        let (at, from, to) = self.wander;
        from + (to - from) * ((now - at) / 0.040).max(0.0)
    }

    /// What the receivers see of it now: everything, or after they hung one packet in a step.
    fn arrived(&mut self, now: f64, hangs: bool) -> Vec<(f64, Cell)> {
        let due = self.under_way.partition_point(|(at, _)| *at <= now);
        let late = self.under_way.front().is_some_and(|(at, _)| now - at > 2.0 * STEP.as_secs_f64());
        let seen = if hangs {
            0
        } else if late {
            due.min(1)
        } else {
            due
        };
        self.under_way.drain(..seen).map(|(at, cell)| (if late { now } else { at }, cell)).collect()
    }
}

/// Something that sends over the link.
trait Flow {
    fn step(&mut self, now: Instant, send: &mut dyn FnMut(u64, usize));
    fn arrived(&mut self, number: u64, left: f64, at: f64);
    /// What the far side says, at every step.
    fn back(&mut self, now: f64, at: Instant, weather: &Weather);
}

/// Several calls that get the same pictures.
#[derive(Default)]
pub struct Shared {
    budget: budget::Budget,
    paths: BTreeMap<u64, u64>,
    places: Vec<(u64, usize)>,
    /// How often somebody got another encoding.
    pub moves: usize,
    /// Most that was asked of all, as a share of what their paths carried.
    pub most: f64,
}

impl Shared {
    /// What one of them gets, bit/s.
    fn take(&mut self, now: Instant, id: u64, bps: f64) -> f64 {
        self.paths.insert(id, bps as u64);
        let paths: Vec<_> = self.paths.iter().map(|(id, bps)| budget::Path { id: *id, bps: *bps }).collect();
        let plan = self.budget.plan(now, &paths, u64::MAX);
        self.moves += usize::from(self.places.len() == plan.places.len() && self.places != plan.places);
        let asked: u64 = plan.places.iter().map(|(_, place)| plan.bitrates[*place]).sum();
        self.most = self.most.max(asked as f64 / self.paths.values().sum::<u64>() as f64);
        let place = plan.places.iter().find(|(of, _)| *of == id).map_or(0, |(_, place)| *place);
        self.places = plan.places;
        plan.bitrates[place] as f64
    }
}

/// What one call sees.
pub struct Call {
    shared: Option<(u64, Rc<RefCell<Shared>>)>,
    controller: Controller,
    /// Bytes, and how many of them say nothing.
    pacer: Pacer<(usize, usize)>,
    origin: Instant,
    source: f64,
    feedback: f64,
    coded: f64,
    next_picture: f64,
    period: f64,
    next_sound: f64,
    /// Class (none: sound), size, departure, arrival: by number.
    packets: Vec<(Option<Class>, usize, Instant, Option<f64>)>,
    restart: bool,
    reported: usize,
    highest: usize,
    next_feedback: f64,
    notes: VecDeque<(f64, Vec<Report>)>,
    /// Second and delay of every sound packet that arrived; how many were sent.
    pub sound: Vec<(f64, f64)>,
    pub sound_sent: usize,
    /// Arrival and bytes of pictures, not counted twice.
    pub pictures: Vec<(f64, usize)>,
    pub skipped: usize,
    /// Least that was to be sent after the first seconds, bit/s.
    pub least: f64,
    made: usize,
}

impl Call {
    pub fn new(origin: Instant, source: f64, feedback: f64) -> Self {
        let limits = Limits { most: 1.15 * source, feedback: Duration::from_secs_f64(feedback), ..Limits::default() };
        let mut controller = Controller::new(origin, limits);
        controller.set_wanted(1.05 * source);
        Self {
            shared: None,
            controller,
            pacer: Pacer::new(origin),
            origin,
            source,
            feedback,
            coded: 0.0,
            next_picture: 0.0,
            period: 1.0 / 30.0,
            next_sound: 0.0,
            packets: Vec::new(),
            restart: false,
            reported: 0,
            highest: 0,
            next_feedback: feedback,
            notes: VecDeque::new(),
            sound: Vec::new(),
            sound_sent: 0,
            pictures: Vec::new(),
            skipped: 0,
            least: f64::MAX,
            made: 0,
        }
    }

    fn leave(&mut self, now: Instant, class: Option<Class>, size: usize, send: &mut dyn FnMut(u64, usize)) {
        let number = self.packets.len();
        self.packets.push((class, size, now, None));
        self.controller.sent(Departure { ssrc: 1, sequence: number as u16, size, at: now });
        send(number as u64, size);
    }

    fn picture(&mut self, now: Instant) {
        self.made += 1;
        if !self.pacer.has_room(now, &self.controller) {
            self.skipped += 1;
            return;
        }
        let wire = 50.0 * 8.0 * SOUND as f64;
        let mut target = (0.97 * self.controller.target() - wire).clamp(20e3, self.source);
        if let Some((id, shared)) = &self.shared {
            target = shared.borrow_mut().take(now, *id, target);
        }
        // An encoder comes to a new rate within a few pictures.
        self.coded += (target - self.coded) * if self.coded == 0.0 || target < self.coded { 1.0 } else { 0.5 };
        let spread = 0.85 + 0.3 * ((self.made * 379 % 1000) as f64 / 1000.0);
        let key = if std::mem::take(&mut self.restart) { 1.5 } else { 1.0 };
        let bytes = (self.coded / 8.0 / 30.0 * spread * key) as usize;
        let most = ((self.controller.estimate() * 0.010 / 8.0) as usize).clamp(350, 1100);
        let count = bytes.div_ceil(most + HEADERS).max(1);
        for _ in 0..count {
            self.pacer.push(Class::Picture, (bytes / count, 0), bytes / count);
        }
        let mut lacks = self.controller.wants_probe(now).unwrap_or(0).saturating_sub(bytes);
        while lacks > 0 {
            let size = lacks.clamp(200, 600);
            self.pacer.push(Class::Picture, (size, size), size);
            lacks = lacks.saturating_sub(size);
        }
    }

    /// Gets the same pictures as others.
    pub fn sharing(mut self, id: u64, shared: &Rc<RefCell<Shared>>) -> Self {
        self.shared = Some((id, Rc::clone(shared)));
        self
    }

    /// Begins later, by so many seconds; with a camera of another clock.
    pub fn later(mut self, seconds: f64) -> Self {
        self.period = 1.0 / 29.9;
        (self.next_picture, self.next_sound, self.next_feedback) = (seconds, seconds, seconds);
        self
    }

    /// Bits of pictures that arrived between two seconds, a second.
    pub fn rate(&self, from: f64, to: f64) -> f64 {
        let bytes: usize = self.pictures.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, size)| size).sum();
        bytes as f64 * 8.0 / (to - from)
    }

    /// The same with sound.
    pub fn all(&self, from: f64, to: f64) -> f64 {
        let sound = self.sound.iter().filter(|(at, _)| (from..to).contains(at)).count() * SOUND;
        self.rate(from, to) + sound as f64 * 8.0 / (to - from)
    }

    /// When the rate over 250 ms first reached this, counted from `from`; seconds.
    pub fn reaches(&self, bps: f64, from: f64) -> f64 {
        let mut at = from;
        while self.all(at, at + 0.25) < bps && at < from + 60.0 {
            at += 0.05;
        }
        at + 0.25 - from
    }

    /// How many times the estimate pictures leave at in the end.
    pub fn swiftness(&self) -> f64 {
        let last = self.packets.last().map_or(self.origin, |(_, _, left, _)| *left);
        self.controller.pace(last) / self.controller.estimate()
    }

    /// What sound reckons with so many seconds after the start, bit/s.
    pub fn believed(&self, seconds: f64) -> f64 {
        self.controller.believed(self.origin + Duration::from_secs_f64(seconds))
    }

    /// The delay of sound that this share of packets stays below, between two seconds.
    pub fn sound_delay(&self, share: f64, from: f64, to: f64) -> f64 {
        let mut delays: Vec<f64> =
            self.sound.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, delay)| *delay).collect();
        delays.sort_by(f64::total_cmp);
        delays[((delays.len() - 1) as f64 * share) as usize]
    }
}

impl Flow for Call {
    fn step(&mut self, now: Instant, send: &mut dyn FnMut(u64, usize)) {
        let seconds = now.duration_since(self.origin).as_secs_f64();
        if seconds >= self.next_sound {
            self.next_sound += 0.020;
            self.sound_sent += 1;
            self.leave(now, None, SOUND, send);
            self.pacer.owe(SOUND);
        }
        if seconds >= self.next_picture {
            self.next_picture += self.period;
            self.picture(now);
        }
        self.controller.tick(now);
        if seconds > 3.0 {
            self.least = self.least.min(self.controller.target());
        }
        self.restart |= self.pacer.collapsed(now, &mut self.controller);
        while let Some((class, (size, padding))) = self.pacer.poll(now, &mut self.controller) {
            // Padding counts as sent again: it is no picture.
            let class = if padding > 0 { Class::Again } else { class };
            self.leave(now, Some(class), size, send);
        }
    }

    fn arrived(&mut self, number: u64, left: f64, at: f64) {
        let packet = &mut self.packets[number as usize];
        packet.3 = Some(at);
        self.highest = self.highest.max(number as usize + 1);
        match packet.0 {
            None => self.sound.push((left, at - left)),
            Some(Class::Picture) => self.pictures.push((at, packet.1)),
            Some(Class::Again) => {}
        }
    }

    fn back(&mut self, now: f64, at: Instant, weather: &Weather) {
        if now >= self.next_feedback && !weather.hangs {
            self.next_feedback = now + self.feedback;
            let origin = self.origin;
            let reports = (self.reported..self.highest).map(|n| {
                let (_, size, departure, arrival) = self.packets[n];
                // The far clock began at another moment.
                let arrival = arrival.map(|a| Duration::from_secs_f64(a + 1234.5));
                Report { ssrc: 1, sequence: n as u16, size, departure, arrival }
            });
            let reports: Vec<Report> = reports.collect();
            debug_assert!(reports.iter().all(|r| r.departure >= origin));
            self.reported = self.reported.max(self.highest);
            if !reports.is_empty() && weather.rate > 0.0 {
                self.notes.push_back((now + weather.delay, reports));
            }
        }
        while let Some((_, reports)) = self.notes.pop_front_if(|(due, _)| *due <= now) {
            for lost in reports.iter().filter(|r| r.arrival.is_none()) {
                let number = (0..self.packets.len()).rev().find(|n| *n as u16 == lost.sequence).unwrap_or(0);
                if self.packets[number].0 == Some(Class::Picture) {
                    self.pacer.push(Class::Again, (lost.size, 0), lost.size);
                }
            }
            self.controller.reported(at, &reports);
        }
    }
}

/// A file transfer over TCP: Reno (RFC 5681), or CUBIC.
pub struct Transfer {
    window: f64,
    threshold: f64,
    /// The window before the last loss, where it grows by the time since then (RFC 9438).
    before: f64,
    cubic: bool,
    in_flight: VecDeque<u64>,
    next: u64,
    cut: f64,
    acknowledged: VecDeque<(f64, u64)>,
    began: f64,
    /// Arrival and bytes.
    pub delivered: Vec<(f64, usize)>,
    heard: f64,
}

impl Transfer {
    pub fn new(began: f64) -> Self {
        Self {
            window: 10.0,
            threshold: f64::MAX,
            before: 0.0,
            cubic: false,
            in_flight: VecDeque::new(),
            next: 0,
            cut: 0.0,
            acknowledged: VecDeque::new(),
            began,
            delivered: Vec::new(),
            heard: 0.0,
        }
    }

    /// As most systems do it today.
    pub fn cubic(began: f64) -> Self {
        Self { cubic: true, ..Self::new(began) }
    }

    pub fn rate(&self, from: f64, to: f64) -> f64 {
        let bytes: usize = self.delivered.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, size)| size).sum();
        bytes as f64 * 8.0 / (to - from)
    }

    fn halve(&mut self, now: f64) {
        if now - self.cut > 0.2 {
            self.before = self.window;
            self.window = (self.window * if self.cubic { CUBIC_KEEP } else { 0.5 }).max(2.0);
            (self.threshold, self.cut) = (self.window, now);
        }
    }
}

impl Flow for Transfer {
    fn step(&mut self, _: Instant, send: &mut dyn FnMut(u64, usize)) {
        if self.heard < self.began {
            return;
        }
        while (self.in_flight.len() as f64) < self.window {
            send(self.next, 1500);
            self.in_flight.push_back(self.next);
            self.next += 1;
        }
    }

    fn arrived(&mut self, number: u64, _: f64, at: f64) {
        self.delivered.push((at, 1500));
        self.acknowledged.push_back((at, number));
    }

    fn back(&mut self, now: f64, _: Instant, weather: &Weather) {
        self.heard = now;
        while let Some((_, number)) = self.acknowledged.pop_front_if(|(at, _)| *at + weather.delay <= now) {
            while self.in_flight.front().is_some_and(|n| *n < number) {
                self.in_flight.pop_front();
                self.halve(now);
            }
            self.in_flight.pop_front();
            let cubic = self.cubic && self.before > 0.0;
            self.window += if self.window < self.threshold { 1.0 } else { 1.0 / self.window };
            if cubic && self.window >= self.threshold {
                let plateau = (self.before * (1.0 - CUBIC_KEEP) / CUBIC_GROWTH).cbrt();
                let grown = CUBIC_GROWTH * (now - self.cut - plateau).powi(3) + self.before;
                self.window = self.window.max(grown);
            }
        }
    }
}

/// Runs calls and transfers over one link for some seconds.
pub fn run(weather: impl Fn(f64) -> Weather, calls: &mut [Call], transfers: &mut [Transfer], seconds: f64) {
    let origin = calls[0].origin;
    let mut link = Link {
        queue: VecDeque::new(),
        bytes: 0,
        free: 0.0,
        under_way: VecDeque::new(),
        latest: 0.0,
        wander: (0.0, 0.0, 0.0),
        dice: 42,
    };
    let mut flows: Vec<&mut dyn Flow> = Vec::new();
    flows.extend(calls.iter_mut().map(|c| c as &mut dyn Flow));
    flows.extend(transfers.iter_mut().map(|t| t as &mut dyn Flow));
    let mut now = Duration::ZERO;
    while now.as_secs_f64() < seconds {
        now += STEP;
        let at = now.as_secs_f64();
        let weather = weather(at);
        for (flow, sender) in flows.iter_mut().enumerate() {
            sender.step(origin + now, &mut |number, size| link.send(Cell { flow, number, size, at }, &weather));
        }
        link.run(at, &weather);
        for (when, cell) in link.arrived(at, weather.hangs) {
            flows[cell.flow].arrived(cell.number, cell.at, when);
        }
        for flow in &mut flows {
            flow.back(at, origin + now, &weather);
        }
    }
}
