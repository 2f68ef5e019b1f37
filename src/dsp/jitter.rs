//! An adaptive jitter buffer for sound: packets in as they come, 10 ms of samples out whenever they are due.
//!
//! Sans-I/O; time is an argument. Invariants: [`JitterBuffer::pull`] always fills its tick; a stream without loss that
//! comes within the target conceals nothing; memory is bounded whatever comes in.
//!
//! How long packets are held follows from how late they have come against the fastest of the last two seconds
//! (`delay`). The way there goes through [`stretch`]: a period of the sound is taken out or played twice.
//! A lost packet is played from a copy in a later one ([`AudioPacket::behind`]), brought back from the error correction in
//! the next one, or else concealed; `copies` says how long to hold packets for that. When nothing is there at all, sound is
//! made up while the stream waits: a packet that comes late is still played then, and one from further on tells how much
//! of the wait was loss. A pause that the sender meant (a packet of two bytes or less) is filled with [`comfort`] noise.
//!
//! Stereo goes through as its middle, which decides, and its side, to which the same is done.
//!
//! [`comfort`]: crate::dsp::comfort

mod copies;
mod delay;
mod position;
mod ready;
mod stats;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::dsp::comfort::Comfort;
use crate::dsp::stretch;
use crate::model::encoded::AudioPacket;
use crate::model::sound::{RATE, TICK, Tick};
use delay::Delay;
use ready::Ready;
pub use stats::JitterStats;

/// What turns packets into samples; Opus in the program.
pub trait Decode {
    /// Appends the packet's samples; `None` where it is none.
    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> Option<usize>;

    /// Appends the `samples` before `next` from the error correction it carries; `None` where it carries none.
    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<f32>) -> Option<usize>;

    /// Appends about `samples` made up from what was heard last; may append none.
    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>);

    /// Appends what is left more than right (half the difference) of what one of the others appended last, which was the
    /// middle; nothing for mono.
    fn side(&mut self, out: &mut Vec<f32>) {
        let _ = out;
    }
}

/// Most packets held: 2 s of 10 ms each.
const MOST_PACKETS: usize = 200;
/// A sequence number further ahead than this, or further back than [`MOST_BACK`], is another stream until a second
/// packet says so (RFC 3550 appendix A.1).
const MOST_AHEAD: i64 = 3_000;
const MOST_BACK: i64 = 200;
/// A timestamp further away than this from its neighbours is another stream.
const MOST_MEDIA: i64 = 120 * RATE as i64;
/// After making up this much the stream has stopped: silence until it starts anew.
const GIVE_UP: usize = RATE as usize;
/// Further behind the target than this (seconds), a little is taken out, …
const BEHIND: f64 = 0.006;
/// … ahead of it, put in, …
const AHEAD: f64 = 0.005;
/// … and this far off, without regard to how it sounds.
const URGENT: f64 = 0.080;
/// So far behind that packets are skipped.
const TOO_FAR: f64 = 0.600;
/// How much the mean wait follows one packet: a few seconds.
const SMOOTH: f64 = 0.01;
/// A packet with nothing but this many bytes says “silence follows” (what Opus makes of it; RFC 6716 §2.1.9).
const NOTHING: usize = 2;
/// After another stream began, packets of the one before are stragglers for so long.
const STRAGGLERS: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Held {
    timestamp: i64,
    at: Instant,
    data: Bytes,
    /// It came in another one.
    copy: bool,
}

/// Where the stream is played.
#[derive(Debug, Clone, Copy)]
struct Playing {
    /// Number of the packet that is due next.
    sequence: i64,
    /// Its timestamp, if no silence was left out.
    timestamp: i64,
    /// Samples already made up in its place, and after.
    waited: usize,
    /// The last packet held nothing but “silence follows” (discontinuous transmission): a gap is meant so.
    pause: bool,
}

/// The buffer. See the [module](self).
#[derive(Debug)]
pub struct JitterBuffer<D> {
    decoder: D,
    comfort: Comfort,
    ssrc: Option<u32>,
    /// The stream before this one, and when this one began.
    former: Option<(u32, Instant)>,
    delay: Option<Delay>,
    packets: BTreeMap<i64, Held>,
    /// Number and timestamp of the newest packet, extended over their wraps.
    newest: Option<(i64, i64)>,
    /// Number of the first packet that came itself: copies of those before it are the past.
    first: i64,
    /// Numbers that fit nowhere: a new stream, if the next ones follow it.
    stray: Option<AudioPacket>,
    playing: Option<Playing>,
    /// Where it was played before it stopped.
    stopped: Option<i64>,
    frame_length: usize,
    /// `stats.lost` when a packet was last played.
    lost_before: u64,
    ready: Ready,
    frame: Vec<f32>,
    /// The side of `frame`: as long, zero for mono.
    frame_side: Vec<f32>,
    pulled_side: Tick,
    stats: JitterStats,
}

impl<D: Decode> JitterBuffer<D> {
    /// An empty one.
    pub fn new(decoder: D) -> Self {
        Self {
            decoder,
            comfort: Comfort::default(),
            ssrc: None,
            former: None,
            delay: None,
            packets: BTreeMap::new(),
            newest: None,
            first: 0,
            stray: None,
            playing: None,
            stopped: None,
            frame_length: 2 * TICK,
            lost_before: 0,
            ready: Ready::default(),
            frame: Vec::new(),
            frame_side: Vec::new(),
            pulled_side: [0.0; TICK],
            stats: JitterStats { target_ms: delay::START.as_secs_f64() * 1e3, ..JitterStats::default() },
        }
    }

    /// What has happened so far.
    pub fn stats(&self) -> JitterStats {
        self.stats
    }

    /// Takes a packet, in whatever order they come.
    pub fn insert(&mut self, packet: AudioPacket) {
        if !self.belongs(&packet) {
            self.stats.late += 1;
            return;
        }
        if packet.behind > 0 {
            return self.insert_copy(packet);
        }
        let Some((sequence, timestamp)) = self.place(&packet) else {
            let follows = self.stray.take().filter(|s| s.sequence.wrapping_add(1) == packet.sequence);
            match follows {
                Some(first) => {
                    self.restart();
                    self.insert(first);
                    self.insert(packet);
                }
                None => self.stray = Some(packet),
            }
            return;
        };
        self.stray = None;
        let delay = self.delay.get_or_insert_with(|| Delay::new(packet.at));
        delay.arrived(sequence, timestamp, self.frame_length, packet.at);
        self.stats.target_ms = delay.target().as_secs_f64() * 1e3;
        if self.newest.is_none() {
            self.first = sequence;
        }
        if self.newest.is_none_or(|(newest, _)| sequence > newest) {
            self.newest = Some((sequence, timestamp));
        }
        if let Some(held) = self.packets.get_mut(&sequence).filter(|held| held.copy) {
            held.copy = false;
            self.stats.copies -= 1;
            self.stats.packets += 1;
            return;
        }
        if self.is_over(sequence) || self.packets.contains_key(&sequence) {
            self.stats.late += 1;
            return;
        }
        self.stats.packets += 1;
        self.hold(sequence, Held { timestamp, at: packet.at, data: packet.data, copy: false });
    }

    /// A copy is worth what is missing, and nothing more: it neither begins a stream nor tells how late packets come.
    fn insert_copy(&mut self, packet: AudioPacket) {
        let (Some((sequence, timestamp)), Some(delay)) = (self.place(&packet), self.delay.as_mut()) else { return };
        let newest = self.newest.is_some_and(|(newest, _)| sequence >= newest);
        let before = self.packets.range(..sequence).next_back().is_some_and(|(_, held)| held.timestamp >= timestamp);
        let after = self.packets.range(sequence + 1..).next().is_some_and(|(_, held)| held.timestamp <= timestamp);
        if newest || before || after || sequence < self.first {
            return;
        }
        delay.copied(sequence, usize::from(packet.behind));
        if self.is_over(sequence) || self.packets.contains_key(&sequence) {
            return;
        }
        self.stats.copies += 1;
        self.hold(sequence, Held { timestamp, at: packet.at, data: packet.data, copy: true });
    }

    fn hold(&mut self, sequence: i64, held: Held) {
        self.packets.insert(sequence, held);
        if self.packets.len() > MOST_PACKETS {
            self.packets.pop_first();
        }
    }

    /// Whether its time was played already, or left out.
    fn is_over(&self, sequence: i64) -> bool {
        self.playing.map(|p| p.sequence).or(self.stopped).is_some_and(|due| sequence < due)
    }

    /// Whether it is of the stream that is played. One of another source begins a new stream, unless it is a straggler
    /// of the one before.
    fn belongs(&mut self, packet: &AudioPacket) -> bool {
        let known = self.ssrc.get_or_insert(packet.ssrc);
        if *known == packet.ssrc {
            return true;
        }
        if self.former.is_some_and(|(former, since)| former == packet.ssrc && packet.at < since + STRAGGLERS) {
            return false;
        }
        self.former = Some((std::mem::replace(known, packet.ssrc), packet.at));
        self.stray = None;
        self.restart();
        true
    }

    /// The packet's numbers, extended over their wraps; `None` where they fit nowhere.
    fn place(&self, packet: &AudioPacket) -> Option<(i64, i64)> {
        let Some((newest, newest_timestamp)) = self.newest else {
            // High enough that what came before the first packet is not negative.
            return Some((i64::from(packet.sequence) + (1 << 16), i64::from(packet.timestamp) + (1 << 32)));
        };
        let ahead = i64::from(packet.sequence.wrapping_sub(newest as u16) as i16);
        let media = i64::from(packet.timestamp.wrapping_sub(newest_timestamp as u32) as i32);
        let fits =
            (-MOST_BACK..=MOST_AHEAD).contains(&ahead) && media.abs() <= MOST_MEDIA && ahead.signum() * media >= 0;
        fits.then_some((newest + ahead, newest_timestamp + media))
    }

    fn restart(&mut self) {
        self.stats.restarts += 1;
        self.packets.clear();
        self.newest = None;
        self.playing = None;
        self.stopped = None;
        self.delay = None;
    }

    /// The stream is to be played so much later than it needs to: its pictures are.
    pub fn wait_longer(&mut self, more: Duration) {
        if let Some(delay) = &mut self.delay {
            delay.set_more(more);
        }
    }

    /// Fills the 10 ms that are due now.
    pub fn pull(&mut self, now: Instant, out: &mut Tick) {
        while self.ready.len() < TICK {
            self.more(now);
        }
        self.ready.pull(out, &mut self.pulled_side);
        if self.stats.packets > 0 && (self.playing.is_some() || self.stopped.is_some()) {
            self.stats.samples += TICK as u64;
        }
    }

    /// What was left more than right of the last tick pulled; `None` for mono.
    pub fn side(&self) -> Option<&Tick> {
        self.pulled_side.iter().any(|sample| *sample != 0.0).then_some(&self.pulled_side)
    }

    /// Asks for the side of the frame that was just made.
    fn take_side(&mut self) {
        self.frame_side.clear();
        self.decoder.side(&mut self.frame_side);
        self.frame_side.resize(self.frame.len(), 0.0);
    }

    /// What is left of the frame from `start` on is ready.
    fn finish(&mut self, start: usize) {
        self.ready.push(&self.frame[start..], &self.frame_side[start..]);
    }

    /// Appends at least one sample to what is ready.
    fn more(&mut self, now: Instant) {
        match self.playing {
            Some(playing) => self.play(playing, now),
            None if self.may_start(now) => self.start(now),
            None => {
                // Before the first packet nothing is missing; after a stop everything is.
                self.stats.concealed += if self.stopped.is_some() { TICK as u64 } else { 0 };
                self.ready.push_silence(TICK);
            }
        }
    }

    fn may_start(&self, now: Instant) -> bool {
        let (Some(delay), Some((_, first))) = (&self.delay, self.packets.first_key_value()) else { return false };
        // Half a tick early is nearer than half a tick late.
        delay.behind(first.timestamp, now) > -0.005
    }

    fn start(&mut self, now: Instant) {
        // After a stall everything comes at once: begin where the target says, not where the stall began.
        while self.packets.len() > 1 && self.behind(now) > TOO_FAR / 2.0 {
            self.packets.pop_first();
        }
        let Some((&sequence, first)) = self.packets.first_key_value() else { return };
        if let Some(due) = self.stopped.take() {
            self.stats.lost += (sequence - due).max(0) as u64;
        }
        self.playing = Some(Playing { sequence, timestamp: first.timestamp, waited: 0, pause: false });
    }

    /// By how much the first packet held is behind the target, seconds.
    fn behind(&self, now: Instant) -> f64 {
        match (&self.delay, self.packets.first_key_value()) {
            (Some(delay), Some((_, first))) => delay.behind(first.timestamp, now),
            _ => 0.0,
        }
    }

    fn play(&mut self, mut playing: Playing, now: Instant) {
        while self.packets.len() > 1 && self.behind(now) > TOO_FAR {
            self.packets.pop_first();
        }
        let Some((&sequence, first)) = self.packets.first_key_value() else {
            return self.wait(playing);
        };
        let missing = (sequence - playing.sequence).max(0) as u64;
        // What lies between what was played and this packet, less what was made up for it already.
        let first_timestamp = first.timestamp;
        let gap = (first_timestamp - playing.timestamp).clamp(0, MOST_MEDIA) as usize;
        let gap = if gap > GIVE_UP { 0 } else { gap.saturating_sub(playing.waited) };
        if gap >= TICK / 4 {
            if missing > 0 && gap <= self.frame_length && self.recover(sequence, gap) {
                self.stats.recovered += 1;
                self.stats.lost += missing;
                // Settled: a packet that comes for it now is too late.
                playing = Playing { sequence, timestamp: first_timestamp, waited: 0, ..playing };
            } else {
                // Leave the last frame before the packet to its error correction.
                let length = if gap > self.frame_length { gap - self.frame_length } else { gap };
                let made = self.conceal(length.min(self.frame_length), missing == 0 && playing.pause);
                playing.timestamp += made as i64;
                if missing > 0 {
                    playing.sequence += 1;
                    self.stats.lost += 1;
                }
            }
            self.playing = Some(playing);
            return;
        }
        self.stats.lost += missing;
        let lost = self.stats.lost - self.lost_before;
        self.lost_before = self.stats.lost;
        if let Some(delay) = &mut self.delay {
            delay.played(lost);
        }
        let Some(held) = self.packets.remove(&sequence) else { return };
        if self.decode(sequence, &held, now) {
            self.adapt(held.timestamp, now);
        }
    }

    /// Nothing is there: makes up a tick and stays where it is, so that a packet that is only late is still played.
    fn wait(&mut self, mut playing: Playing) {
        playing.waited += self.conceal(TICK, playing.pause);
        if playing.waited >= GIVE_UP && !playing.pause {
            self.stopped = Some(playing.sequence);
            self.playing = None;
        } else {
            self.playing = Some(playing);
        }
    }

    /// Makes something up. A `pause` is meant so: it sounds like the room, and nothing is missing.
    fn conceal(&mut self, samples: usize, pause: bool) -> usize {
        self.frame.clear();
        self.decoder.conceal(samples, &mut self.frame);
        // A decoder that made up nothing must not stop the clock.
        if self.frame.is_empty() {
            self.frame.resize(samples.max(1), 0.0);
        }
        self.take_side();
        let made = self.frame.len();
        if pause {
            self.comfort.fill(&mut self.frame);
        } else {
            self.stats.concealed += made as u64;
        }
        self.finish(0);
        made
    }

    /// The `gap` samples before packet `sequence`, from the error correction in it.
    fn recover(&mut self, sequence: i64, gap: usize) -> bool {
        let Some(next) = self.packets.get(&sequence) else { return false };
        self.frame.clear();
        match self.decoder.recover(&next.data, self.frame_length, &mut self.frame) {
            Some(made) if made >= gap => {
                self.take_side();
                self.finish(made - gap);
                true
            }
            _ => false,
        }
    }

    /// Makes what a packet holds ready; `false` where that had to be made up.
    fn decode(&mut self, sequence: i64, held: &Held, now: Instant) -> bool {
        self.frame.clear();
        match self.decoder.decode(&held.data, &mut self.frame) {
            Some(length) if length > 0 => self.frame_length = length,
            _ => {
                self.stats.malformed += 1;
                let made = self.conceal(self.frame_length, false);
                self.advance(sequence, held, made);
                return false;
            }
        }
        if held.data.len() <= NOTHING {
            self.comfort.begin();
            self.comfort.fill(&mut self.frame);
        } else {
            self.comfort.learn(&self.frame);
        }
        self.take_side();
        let waited = now.saturating_duration_since(held.at).as_secs_f64() * 1e3;
        let weight = if self.stats.delay_ms == 0.0 { 1.0 } else { SMOOTH };
        self.stats.delay_ms += (waited - self.stats.delay_ms) * weight;
        self.finish(0);
        self.advance(sequence, held, self.frame.len());
        true
    }

    fn advance(&mut self, sequence: i64, held: &Held, length: usize) {
        self.playing = Some(Playing {
            sequence: sequence + 1,
            timestamp: held.timestamp + length as i64,
            waited: 0,
            pause: held.data.len() <= NOTHING,
        });
    }

    /// Brings the delay nearer to the target with what is ready, which the packet of this timestamp completed.
    fn adapt(&mut self, timestamp: i64, now: Instant) {
        let Some(delay) = &self.delay else { return };
        let behind = delay.behind(timestamp, now);
        if behind > BEHIND && delay.known() {
            // A short packet alone does not hold a period; the ones after it are there, for they are what is too much.
            while self.ready.len() < stretch::NEEDED {
                let Some((sequence, held)) = self.take_following() else { return };
                if !self.decode(sequence, &held, now) {
                    return;
                }
            }
            self.stats.removed += self.ready.shrink(behind > URGENT) as u64;
        } else if behind < -AHEAD {
            self.stats.inserted += self.ready.expand(behind < -URGENT) as u64;
        }
    }

    /// The packet that is due next, if it is there and nothing lies before it.
    fn take_following(&mut self) -> Option<(i64, Held)> {
        let due = self.playing?;
        let next = self.packets.first_entry()?;
        let follows = *next.key() == due.sequence && next.get().timestamp == due.timestamp;
        follows.then(|| next.remove_entry())
    }
}

#[cfg(test)]
mod tests;
