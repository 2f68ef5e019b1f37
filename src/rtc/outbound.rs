//! Where the media of one peer leaves: pictures paced, sound at once, both at the rate the path carries.
//!
//! The interceptors hand every report of the receiver to the [`Controller`]; one task, [`Outbound::drive`], owns the
//! [`Pacer`], numbers the packets of pictures as they leave and keeps them for a second, to send those again that are
//! asked for, each at most once in a round trip (and a copy after it, on long ways that lose packets). Sound does not pass through the task: it is written where it is made,
//! and only counted here.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::interceptor::{BandwidthEstimator, PacketReport};
use rtc::rtp::Packet;
use tokio::sync::{mpsc, watch};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use super::congestion::controller::{Controller, Limits};
use super::congestion::history::{Departure, Report};
use super::congestion::pacer::{Class, Pacer};
use super::congestion::sparse::Said;
use super::fec::Plan;
use super::length::{WIRE, left, needed, on_wire, payload_at};
use super::sender::{Sent, header, random};
use super::tap::Wishes;

/// Orders not looked at yet; pictures wait for room before.
const ORDERS: usize = 64;
/// Where pictures begin, bit/s. The first one is there soon, and on a narrow path nothing waits behind it; what a wide one
/// carries is found out by it.
const START: f64 = 300e3;
/// How often the controller is told that time passes, while nothing leaves.
const TICK: Duration = Duration::from_millis(20);
/// Packets kept to be sent again, and for how long: later than that nobody waits for them.
const KEPT: u16 = 1_000;
const KEPT_FOR: Duration = Duration::from_secs(1);
/// Share that the path loses by itself, and round trip, from which on what is asked for again is sent twice, …
const MUCH_LOSS: f64 = 0.01;
const LONG_WAY: Duration = Duration::from_millis(60);
/// … so far apart that one burst of loss does not take both.
const ECHO: Duration = Duration::from_millis(25);
/// Most packets that wait for that; a second copy is worth no more memory.
const ECHOES: usize = 256;
/// What fills a probe up: a filler data NAL unit (ITU-T H.264 §7.3.2.7) after the picture.
const FILLER: (u8, u8, u8) = (12, 0xff, 0x80);
const FILLER_MOST: usize = 600;

/// What the task is asked for.
enum Order {
    Picture(Picture),
    /// Packets that did not arrive (RFC 4585 §6.2.1).
    Again(u32, Vec<u16>),
}

/// One picture, cut into payloads.
pub(crate) struct Picture {
    pub track: Arc<TrackLocalStaticRTP>,
    pub ssrc: u32,
    pub payload_type: u8,
    pub timestamp: u32,
    pub keyframe: bool,
    pub payloads: Vec<Bytes>,
    pub sent: Arc<Sent>,
}

/// A packet of a picture, before it has a number.
struct Parcel {
    ssrc: u32,
    payload_type: u8,
    timestamp: u32,
    marker: bool,
    payload: Bytes,
    /// It says nothing.
    filler: bool,
}

/// In the pacer.
enum Waiting {
    New(Parcel),
    Again(Packet),
}

/// One track of pictures.
struct Stream {
    track: Arc<TrackLocalStaticRTP>,
    sent: Arc<Sent>,
    sequence: u16,
    kept: Kept,
    /// What waited was thrown away: nothing goes out before a keyframe.
    restart: bool,
}

/// Packets that left, by number, when, and when they were last sent again.
#[derive(Default)]
struct Kept(HashMap<u16, (Packet, Instant, Option<Instant>)>);

impl Kept {
    fn keep(&mut self, now: Instant, packet: Packet) {
        let number = packet.header.sequence_number;
        self.0.remove(&number.wrapping_sub(KEPT));
        self.0.insert(number, (packet, now, None));
    }

    /// The packet, unless it was sent again less than a round trip ago.
    fn again(&mut self, number: u16, now: Instant, round_trip: Duration) -> Option<Packet> {
        let (packet, left, last) = self.0.get_mut(&number)?;
        let since = |at: Instant| now.saturating_duration_since(at);
        if since(*left) > KEPT_FOR || last.is_some_and(|last| since(last) < round_trip) {
            return None;
        }
        *last = Some(now);
        Some(packet.clone())
    }
}

/// See the [module](self).
pub(crate) struct Outbound {
    controller: Mutex<Controller>,
    /// Which pictures get repair packets.
    pub repairs: Arc<Plan>,
    /// Bytes of sound that left since the pacer last looked, and what sound takes.
    owed: AtomicUsize,
    sound: Mutex<Sound>,
    /// What repair packets take.
    repaired: Mutex<Meter>,
    orders: mpsc::Sender<Order>,
    /// The most that pictures are worth, bit/s of encoded media.
    top: AtomicU64,
    room: watch::Sender<bool>,
    budget: watch::Sender<u64>,
}

/// How much sound leaves, and the newest of it by stream.
struct Sound {
    meter: Meter,
    streams: HashMap<u32, (Arc<TrackLocalStaticRTP>, Kept)>,
}

/// Bits a second of something that leaves.
struct Meter {
    since: Instant,
    bytes: usize,
    bps: f64,
}

impl Meter {
    fn new(now: Instant) -> Self {
        Self { since: now, bytes: 0, bps: 0.0 }
    }

    fn left(&mut self, now: Instant, bytes: usize) {
        self.bytes += bytes;
        let span = now.saturating_duration_since(self.since).as_secs_f64();
        if span >= 0.5 {
            self.bps = self.bytes as f64 * 8.0 / span;
            (self.since, self.bytes) = (now, 0);
        }
    }
}

/// What only the task has.
pub(crate) struct Driver {
    orders: mpsc::Receiver<Order>,
    wishes: Arc<Wishes>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Outbound {
    /// With what its task needs; nothing leaves before [`Outbound::drive`] runs. `wishes` are asked for keyframes.
    pub fn new(now: Instant, wishes: Arc<Wishes>) -> (Arc<Self>, Driver) {
        let (orders, inbox) = mpsc::channel(ORDERS);
        let limits = Limits { start: START, feedback: super::engine::FEEDBACK, ..Limits::default() };
        let outbound = Self {
            controller: Mutex::new(Controller::new(now, limits)),
            repairs: Arc::default(),
            owed: AtomicUsize::new(0),
            sound: Mutex::new(Sound { meter: Meter::new(now), streams: HashMap::new() }),
            repaired: Mutex::new(Meter::new(now)),
            orders,
            top: AtomicU64::new(u64::MAX),
            room: watch::Sender::new(true),
            budget: watch::Sender::new(START as u64),
        };
        (Arc::new(outbound), Driver { orders: inbox, wishes })
    }

    /// What pictures may take now, bit/s of encoded media.
    pub fn budget(&self) -> watch::Receiver<u64> {
        self.budget.subscribe()
    }

    /// What the path is believed to carry, bit/s on the wire.
    pub fn carries(&self) -> u64 {
        lock(&self.controller).estimate() as u64
    }

    /// What there is for sound to take its part of, bit/s of encoded media: it does not come and go with each queue.
    pub fn settled(&self) -> u64 {
        left(lock(&self.controller).believed(Instant::now()), self.beside())
    }

    /// Share that the path loses by itself; see [`Controller::random_loss`].
    pub fn random_loss(&self) -> Option<f64> {
        lock(&self.controller).random_loss()
    }

    /// The most that pictures are worth, bit/s of encoded media: no more is looked for.
    pub fn set_top(&self, bps: u64) {
        self.top.store(bps, Ordering::Relaxed);
    }

    /// What leaves beside the pictures, bit/s on the wire: sound, and repair packets.
    fn beside(&self) -> f64 {
        lock(&self.sound).meter.bps + lock(&self.repaired).bps
    }

    /// Waits until another picture may come; `false` when the task is over.
    pub async fn room(&self) -> bool {
        self.room.subscribe().wait_for(|room| *room).await.is_ok() && !self.orders.is_closed()
    }

    /// Into how large payloads pictures are to be cut.
    pub fn payload(&self) -> usize {
        payload_at(lock(&self.controller).estimate())
    }

    /// Sends a picture; `false` when the task is over.
    pub async fn picture(&self, picture: Picture) -> bool {
        // overflow: await; the encoder's queue fills up behind, and no picture is made while it is full
        self.orders.send(Order::Picture(picture)).await.is_ok()
    }

    /// Sends a packet of sound now; `false` when the connection is over.
    pub async fn sound(&self, track: &Arc<TrackLocalStaticRTP>, packet: Packet) -> bool {
        let (now, ssrc, size) = (Instant::now(), packet.header.ssrc, on_wire(packet.payload.len()));
        {
            let mut sound = lock(&self.sound);
            sound.meter.left(now, size);
            let stream = sound.streams.entry(ssrc).or_insert_with(|| (Arc::clone(track), Kept::default()));
            stream.1.keep(now, packet.clone());
        }
        self.owed.fetch_add(size, Ordering::Relaxed);
        self.write(now, track, packet).await
    }

    /// Counts a packet that leaves now, and writes it; `false` when the connection is over.
    async fn write(&self, now: Instant, track: &TrackLocalStaticRTP, packet: Packet) -> bool {
        let (ssrc, sequence) = (packet.header.ssrc, packet.header.sequence_number);
        let size = on_wire(packet.payload.len());
        lock(&self.controller).sent(Departure { ssrc, sequence, size, at: now });
        track.write_rtp(packet).await.is_ok()
    }

    /// The other side says how it fares, beside its reports on packets.
    pub fn hear(&self, now: Instant, said: Said) {
        lock(&self.controller).hear(now, said);
    }

    /// The other side asks for packets again; returns at once.
    pub fn again(&self, ssrc: u32, numbers: Vec<u16>) {
        // overflow: dropped; they are asked for again
        let _ = self.orders.try_send(Order::Again(ssrc, numbers));
    }

    /// Forgets every track.
    pub fn close(&self) {
        lock(&self.sound).streams.clear();
    }

    /// Sends until the connection is over or nobody has anything to send any more.
    pub async fn drive(self: Arc<Self>, mut driver: Driver) {
        let mut pacer = Pacer::new(Instant::now());
        let mut streams = HashMap::new();
        let mut echoes = VecDeque::new();
        loop {
            let deadline = pacer.deadline(Instant::now(), &lock(&self.controller));
            let order = tokio::select! {
                order = driver.orders.recv() => match order {
                    Some(order) => Some(order),
                    None => return,
                },
                () = sleep_until(deadline) => None,
            };
            let now = Instant::now();
            match order {
                Some(Order::Picture(picture)) => self.take(now, picture, &mut pacer, &mut streams, &driver.wishes),
                Some(Order::Again(ssrc, numbers)) => match streams.get_mut(&ssrc) {
                    Some(stream) => self.again_later(now, stream, &numbers, &mut pacer, &mut echoes),
                    None => self.sound_again(now, ssrc, &numbers).await,
                },
                None => {}
            }
            while let Some((_, packet)) = echoes.pop_front_if(|(due, _)| *due <= now) {
                push_again(packet, &mut pacer);
            }
            lock(&self.controller).tick(now);
            self.restart(now, &mut pacer, &mut streams, &driver.wishes);
            let repaired = self.repairs.take_owed();
            lock(&self.repaired).left(now, repaired);
            pacer.owe(self.owed.swap(0, Ordering::Relaxed) + repaired);
            if !self.release(&mut pacer, &mut streams).await {
                return;
            }
            self.publish(&pacer);
        }
    }

    fn take(
        &self,
        now: Instant,
        picture: Picture,
        pacer: &mut Pacer<Waiting>,
        streams: &mut HashMap<u32, Stream>,
        wishes: &Wishes,
    ) {
        let controller = lock(&self.controller);
        let Picture { track, ssrc, payload_type, timestamp, keyframe, payloads, sent } = picture;
        let fresh = || Stream { track, sent, sequence: random() as u16 >> 1, kept: Kept::default(), restart: false };
        streams.entry(ssrc).or_insert_with(fresh);
        if let Some(stream) = streams.get_mut(&ssrc).filter(|stream| stream.restart) {
            if !keyframe {
                return wishes.ask(ssrc);
            }
            stream.restart = false;
        }
        let bytes: usize = payloads.iter().map(|payload| on_wire(payload.len())).sum();
        let mut lacks = controller.wants_probe(now).unwrap_or(0).saturating_sub(bytes);
        let mut push = |payload: Bytes, marker, filler| {
            let length = on_wire(payload.len());
            pacer.push(
                Class::Picture,
                Waiting::New(Parcel { ssrc, payload_type, timestamp, marker, payload, filler }),
                length,
            );
            length
        };
        let last = payloads.len().saturating_sub(1);
        for (i, payload) in payloads.into_iter().enumerate() {
            push(payload, i == last && lacks == 0, false);
        }
        while lacks > 0 {
            let payload = filler(lacks.saturating_sub(on_wire(0)).clamp(2, FILLER_MOST));
            let marker = lacks <= on_wire(payload.len());
            lacks = lacks.saturating_sub(push(payload, marker, true));
        }
    }

    /// Throws away what was made for a path that is no more, and what left before; the next picture is to be a keyframe.
    fn restart(&self, now: Instant, pacer: &mut Pacer<Waiting>, streams: &mut HashMap<u32, Stream>, wishes: &Wishes) {
        if !pacer.collapsed(now, &mut lock(&self.controller)) {
            return;
        }
        for (ssrc, stream) in streams {
            (stream.restart, stream.kept) = (true, Kept::default());
            // The half of a picture may have left: a real keyframe.
            wishes.kept(*ssrc, None);
            wishes.ask(*ssrc);
        }
    }

    /// Packets of pictures wait for their turn. Lost once more, one would cost another round trip, in which the picture
    /// stands: on long ways that lose packets there is a second copy.
    fn again_later(
        &self,
        now: Instant,
        stream: &mut Stream,
        numbers: &[u16],
        pacer: &mut Pacer<Waiting>,
        echoes: &mut VecDeque<(Instant, Packet)>,
    ) {
        let (pause, loss) = (self.pause_between(), self.random_loss().unwrap_or(0.0));
        for packet in numbers.iter().filter_map(|number| stream.kept.again(*number, now, pause)) {
            // overflow: no second copy
            if loss > MUCH_LOSS && pause > LONG_WAY && echoes.len() < ECHOES {
                echoes.push_back((now + ECHO, packet.clone()));
            }
            push_again(packet, pacer);
        }
    }

    /// Least time between two answers to the same question: the first may still be under way.
    fn pause_between(&self) -> Duration {
        Duration::from_secs_f64(1.1 * lock(&self.controller).round_trip().unwrap_or(0.1))
    }

    /// Sends what may leave now; `false` when the connection is over.
    async fn release(&self, pacer: &mut Pacer<Waiting>, streams: &mut HashMap<u32, Stream>) -> bool {
        loop {
            let now = Instant::now();
            let Some((_, waiting)) = pacer.poll(now, &mut lock(&self.controller)) else { return true };
            let packet = match waiting {
                Waiting::New(parcel) => streams.get_mut(&parcel.ssrc).map(|stream| stream.number(now, parcel)),
                Waiting::Again(packet) => Some(packet),
            };
            let Some(packet) = packet else { continue };
            let Some(stream) = streams.get(&packet.header.ssrc) else { continue };
            if !self.write(now, &stream.track, packet).await {
                return false;
            }
        }
    }

    /// Sound comes back at once or never.
    async fn sound_again(&self, now: Instant, ssrc: u32, numbers: &[u16]) {
        let pause = self.pause_between();
        let mut packets = Vec::new();
        if let Some((track, kept)) = lock(&self.sound).streams.get_mut(&ssrc) {
            let again = numbers.iter().filter_map(|number| kept.again(*number, now, pause));
            packets.extend(again.map(|packet| (Arc::clone(track), packet)));
        }
        for (track, packet) in packets {
            self.owed.fetch_add(on_wire(packet.payload.len()), Ordering::Relaxed);
            // A connection that is over ends the task by its pictures, or by its end.
            let _ = self.write(now, &track, packet).await;
        }
    }

    fn publish(&self, pacer: &Pacer<Waiting>) {
        let beside = self.beside();
        let (room, target) = {
            let mut controller = lock(&self.controller);
            controller.set_wanted(needed(self.top.load(Ordering::Relaxed), beside));
            let round_trip = Duration::from_secs_f64(controller.round_trip().unwrap_or(0.0));
            self.repairs.on_path(controller.random_loss().unwrap_or(0.0), round_trip);
            (pacer.has_room(Instant::now(), &controller), controller.target())
        };
        self.room.send_if_modified(|before| std::mem::replace(before, room) != room);
        let budget = left(target, beside);
        // Smaller steps are nothing to an encoder.
        self.budget.send_if_modified(|before| {
            let changed = before.abs_diff(budget) * 50 > *before;
            if changed {
                *before = budget;
            }
            changed
        });
    }
}

impl Stream {
    fn number(&mut self, now: Instant, parcel: Parcel) -> Packet {
        let Parcel { ssrc, payload_type, timestamp, marker, payload, filler } = parcel;
        if !filler {
            self.sent.packets.fetch_add(1, Ordering::Relaxed);
            self.sent.bytes.fetch_add(payload.len() as u64, Ordering::Relaxed);
        }
        let packet = Packet { header: header(ssrc, payload_type, self.sequence, timestamp, marker), payload };
        self.sequence = self.sequence.wrapping_add(1);
        self.kept.keep(now, packet.clone());
        packet
    }
}

/// The crate's end of the controller.
pub(crate) struct Estimator(pub Arc<Outbound>);

impl BandwidthEstimator for Estimator {
    fn on_reports(&mut self, now: Instant, reports: &[PacketReport]) {
        let reports: Vec<Report> = reports
            .iter()
            .map(|report| Report {
                ssrc: report.ssrc,
                sequence: report.rtp_sequence_number,
                size: report.size + WIRE,
                departure: report.departure,
                arrival: report.arrival.filter(|_| report.arrived),
            })
            .collect();
        lock(&self.0.controller).reported(now, &reports);
    }

    fn target_bitrate(&self) -> f64 {
        lock(&self.0.controller).target()
    }
}

fn push_again(packet: Packet, pacer: &mut Pacer<Waiting>) {
    let length = on_wire(packet.payload.len());
    pacer.push(Class::Again, Waiting::Again(packet), length);
}

fn filler(length: usize) -> Bytes {
    let mut nal = vec![FILLER.1; length];
    nal[0] = FILLER.0;
    nal[length - 1] = FILLER.2;
    nal.into()
}

async fn sleep_until(deadline: Option<Instant>) {
    // Also while nothing waits, time passes for the controller.
    let deadline = deadline.unwrap_or_else(|| Instant::now() + TICK);
    tokio::time::sleep_until(deadline.into()).await;
}
