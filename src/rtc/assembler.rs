//! RTP packets of H.264 (RFC 6184) in any order → access units in Annex B, in order. Sans I/O.
//!
//! An access unit is given out at once when all its packets are there and every one before it was. At a gap the
//! assembler waits for the NACKed packets up to a limit, or until a whole keyframe is there behind the gap; after the limit
//! nothing is given out until the next keyframe, which it asks for; a picture that builds on one that decoders keep serves as
//! well as a keyframe, and is meant by the word from here on. Whatever comes in, a damaged unit is never given out, and no more than [`MAX_PACKETS`] packets are kept.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes};

use crate::codec::h264::marker::Marker;
use crate::model::pool::Pooled;

/// Most packets kept while waiting; 720p at 2.5 Mbit/s fills it in eight seconds.
pub const MAX_PACKETS: usize = 2048;

/// Room for an access unit; most are far smaller, and larger ones grow.
const ROOM: usize = 64 * 1024;

/// While a keyframe is missing, it is asked for this often.
const ASK_AGAIN: Duration = Duration::from_millis(300);

const START_CODE: &[u8] = &[0, 0, 0, 1];
const IDR: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
const FILLER: u8 = 12;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// One received packet.
#[derive(Debug, Clone)]
pub struct VideoPacket {
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, 90 kHz.
    pub timestamp: u32,
    /// Last packet of its access unit (RFC 6184 §5.1).
    pub marker: bool,
    /// RTP payload.
    pub payload: Bytes,
}

/// One complete access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// Annex B, start codes included.
    pub data: Bytes,
    /// Holds an IDR picture.
    pub keyframe: bool,
    /// RTP timestamp, unwrapped: it never goes back by a wrap. Its lower 32 bits are the timestamp on the wire.
    pub timestamp: u64,
}

impl AccessUnit {
    /// Decodable without what came just before: by itself, or by a picture that the decoder keeps.
    pub fn begins(&self) -> bool {
        self.keyframe || Marker::recovers(&self.data)
    }
}

/// What the assembler gives out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The next access unit.
    Unit(AccessUnit),
    /// Ask the sender for a keyframe (PLI, RFC 4585 §6.3.1).
    KeyframeWanted,
}

struct Kept {
    timestamp: u32,
    marker: bool,
    payload: Bytes,
}

/// The machine. Feed with [`Assembler::push`], drain [`Assembler::poll`] after every call, and again at
/// [`Assembler::deadline`].
pub struct Assembler {
    kept: BTreeMap<u64, Kept>,
    highest: Option<u64>,
    /// The packet that must come next; `None` while a keyframe is awaited.
    next: Option<u64>,
    /// Everything below was given out or given up.
    floor: u64,
    /// The first missing packet behind which others are there, and since when it is missed.
    gap: Option<(u64, Instant)>,
    asked: Option<Instant>,
    limit: Duration,
    timestamp: Option<u64>,
}

impl Assembler {
    /// One that waits up to `limit` for a missing packet.
    pub fn new(limit: Duration) -> Self {
        Self {
            kept: BTreeMap::new(),
            highest: None,
            next: None,
            floor: 0,
            gap: None,
            asked: None,
            limit,
            timestamp: None,
        }
    }

    /// Waits up to `limit` for a missing packet from now on: the round trip and what NACKs need on top of it.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Takes one packet.
    pub fn push(&mut self, now: Instant, packet: VideoPacket) {
        // Unwrapped near the highest seen; starts one wrap up, so that it can go back from the first.
        let sequence = match self.highest {
            None => 0x1_0000 + u64::from(packet.sequence),
            Some(highest) => {
                let step = packet.sequence.wrapping_sub(highest as u16) as i16;
                highest.saturating_add_signed(i64::from(step))
            }
        };
        if sequence < self.floor || self.kept.contains_key(&sequence) {
            return;
        }
        self.highest = Some(self.highest.map_or(sequence, |h| h.max(sequence)));
        let VideoPacket { timestamp, marker, payload, .. } = packet;
        self.kept.insert(sequence, Kept { timestamp, marker, payload });
        if self.kept.len() > MAX_PACKETS || self.next.is_some_and(|next| sequence - next > MAX_PACKETS as u64) {
            self.give_up();
        }
        self.look_for_gap(now);
    }

    /// What is ready at `now`.
    pub fn poll(&mut self, now: Instant) -> Option<Output> {
        loop {
            let Some(next) = self.next.or_else(|| self.keyframe_start()) else {
                return self.ask(now);
            };
            match self.complete(next) {
                Some(last) => {
                    let waited = self.next.is_none();
                    let unit = self.take(next, last);
                    self.look_for_gap(now);
                    match unit {
                        // Only padding: nothing to show, nothing lost.
                        Ok(None) => continue,
                        Ok(Some(unit)) if !waited || unit.begins() => {
                            self.asked = None;
                            return Some(Output::Unit(unit));
                        }
                        _ => self.give_up(),
                    }
                }
                None if self.next.is_none() => {
                    // The start of a keyframe is there, the rest on its way, or lost.
                    self.floor = next;
                    self.kept = self.kept.split_off(&next);
                    self.next = Some(next);
                    self.look_for_gap(now);
                }
                None => {
                    if let Some(start) = self.whole_keyframe_behind(next) {
                        // Newer than whatever may still come before it.
                        self.floor = start;
                        self.kept = self.kept.split_off(&start);
                        self.next = Some(start);
                        self.look_for_gap(now);
                        continue;
                    }
                    let late = self.gap.is_some_and(|(_, since)| now.saturating_duration_since(since) >= self.limit);
                    if !late {
                        return None;
                    }
                    // What begins here is not whole and never will be: it is no start for anything.
                    self.floor = next + 1;
                    self.kept = self.kept.split_off(&self.floor);
                    self.give_up();
                }
            }
        }
    }

    /// When [`Assembler::poll`] has something to say without another packet.
    pub fn deadline(&self) -> Option<Instant> {
        match (self.next, self.gap) {
            (Some(_), Some((_, since))) => Some(since + self.limit),
            (Some(_), None) => None,
            (None, _) => self.asked.map(|asked| asked + ASK_AGAIN),
        }
    }

    /// Waits for the next keyframe; keeps what may belong to it.
    fn give_up(&mut self) {
        self.next = None;
        self.gap = None;
        self.asked = None;
        let start = self.keyframe_start();
        match start {
            Some(start) => self.kept = self.kept.split_off(&start),
            None => self.kept.clear(),
        }
        if self.kept.len() > MAX_PACKETS {
            self.kept.clear();
        }
        self.floor = self.floor.max(match start {
            Some(start) if !self.kept.is_empty() => start,
            _ => self.highest.map_or(0, |h| h + 1),
        });
    }

    fn ask(&mut self, now: Instant) -> Option<Output> {
        self.highest?;
        // Nothing that is kept can start a keyframe; the newest may still be overtaken by their predecessors.
        while self.kept.len() > 64 {
            let Some((sequence, _)) = self.kept.pop_first() else { break };
            self.floor = sequence + 1;
        }
        if self.asked.is_some_and(|asked| now.saturating_duration_since(asked) < ASK_AGAIN) {
            return None;
        }
        self.asked = Some(now);
        Some(Output::KeyframeWanted)
    }

    /// The first kept packet that begins a keyframe: parameter sets come before every one.
    fn keyframe_start(&self) -> Option<u64> {
        self.kept.iter().find(|(_, kept)| begins_keyframe(&kept.payload)).map(|(sequence, _)| *sequence)
    }

    /// The first packet of the newest keyframe behind `next` of which everything is there.
    fn whole_keyframe_behind(&self, next: u64) -> Option<u64> {
        let begin = |(sequence, kept): (&u64, &Kept)| begins_keyframe(&kept.payload).then_some(*sequence);
        let mut starts = self.kept.range(next + 1..).rev().filter_map(begin);
        starts.find(|start| self.complete(*start).is_some())
    }

    /// Last packet of the unit that begins at `first`, if all of it is there.
    fn complete(&self, first: u64) -> Option<u64> {
        let timestamp = self.kept.get(&first)?.timestamp;
        for (expected, (sequence, kept)) in (first..).zip(self.kept.range(first..)) {
            if *sequence != expected {
                return None;
            }
            if kept.timestamp != timestamp {
                // The sender sets no markers; the next unit shows the end of this one.
                return Some(expected - 1);
            }
            if kept.marker || (kept.payload.is_empty() && expected == first) {
                return Some(expected);
            }
        }
        None
    }

    /// A hole that was filled is forgotten; another one has a limit of its own.
    fn look_for_gap(&mut self, now: Instant) {
        let hole = self.next.and_then(|next| {
            let numbered = (next..).zip(self.kept.keys());
            numbered.into_iter().find(|(expected, sequence)| expected != *sequence).map(|(expected, _)| expected)
        });
        if self.gap.map(|(missing, _)| missing) != hole {
            self.gap = hole.map(|missing| (missing, now));
        }
    }

    fn take(&mut self, first: u64, last: u64) -> Result<Option<AccessUnit>, Damaged> {
        let rest = self.kept.split_off(&(last + 1));
        let unit = std::mem::replace(&mut self.kept, rest).split_off(&first);
        self.next = Some(last + 1);
        self.floor = last + 1;
        let Some(timestamp) = unit.values().next().map(|kept| kept.timestamp) else { return Ok(None) };
        let (data, keyframe) = depacketize(unit.values().map(|kept| &kept.payload))?;
        if data.is_empty() {
            return Ok(None);
        }
        let timestamp = match self.timestamp {
            None => (1 << 32) + u64::from(timestamp),
            Some(before) => before.saturating_add_signed(i64::from(timestamp.wrapping_sub(before as u32) as i32)),
        };
        self.timestamp = Some(timestamp);
        Ok(Some(AccessUnit { data, keyframe, timestamp }))
    }
}

/// A unit whose packets do not fit together.
#[derive(Debug)]
struct Damaged;

fn begins_keyframe(payload: &[u8]) -> bool {
    match payload.first().map(|byte| byte & 31) {
        Some(SPS) => true,
        Some(STAP_A) => payload.get(3).is_some_and(|byte| byte & 31 == SPS),
        Some(SEI) => matches!(Marker::read(payload), Some(Marker::Builds { .. })),
        _ => false,
    }
}

/// Payloads in order → Annex B, and whether there is an IDR.
fn depacketize<'a>(payloads: impl Iterator<Item = &'a Bytes>) -> Result<(Bytes, bool), Damaged> {
    let mut out = Pooled::with_capacity(ROOM);
    let mut keyframe = false;
    let mut fragment = None;
    for payload in payloads {
        let Some(&first) = payload.first() else { continue };
        let kind = first & 31;
        if fragment.is_some() != (kind == FU_A && payload.get(1).is_some_and(|fu| fu & 0x80 == 0)) {
            return Err(Damaged);
        }
        match kind {
            // Says nothing; fills the packets up with which a sender tries how much the path carries.
            FILLER => {}
            1..=23 => {
                keyframe |= kind == IDR;
                out.put_slice(START_CODE);
                out.put_slice(payload);
            }
            STAP_A => {
                let mut rest = &payload[1..];
                while !rest.is_empty() {
                    let length = rest.get(..2).map(|l| usize::from(u16::from_be_bytes([l[0], l[1]]))).ok_or(Damaged)?;
                    let nal = rest.get(2..2 + length).filter(|nal| !nal.is_empty()).ok_or(Damaged)?;
                    keyframe |= nal[0] & 31 == IDR;
                    out.put_slice(START_CODE);
                    out.put_slice(nal);
                    rest = &rest[2 + length..];
                }
            }
            FU_A => {
                let fu = *payload.get(1).ok_or(Damaged)?;
                let nal = (first & 0xe0) | (fu & 31);
                if fu & 0x80 != 0 {
                    keyframe |= fu & 31 == IDR;
                    out.put_slice(START_CODE);
                    out.put_u8(nal);
                } else if fragment != Some(nal) {
                    return Err(Damaged);
                }
                out.put_slice(&payload[2..]);
                fragment = (fu & 0x40 == 0).then_some(nal);
            }
            _ => return Err(Damaged),
        }
    }
    if fragment.is_some() { Err(Damaged) } else { Ok((Bytes::from_owner(out), keyframe)) }
}

#[cfg(test)]
mod tests;
