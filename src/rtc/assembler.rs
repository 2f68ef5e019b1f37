//! RTP packets of H.264 (RFC 6184) in any order → access units in Annex B, in order. Sans I/O.
//!
//! An access unit is given out at once when all its packets are there and every one before it was. At a gap the
//! assembler waits for the NACKed packets up to a limit; then nothing is given out until the next keyframe, which it
//! asks for. Whatever comes in, a damaged unit is never given out, and no more than [`MAX_PACKETS`] packets are kept.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};

/// Most packets kept while waiting; 720p at 2.5 Mbit/s fills it in eight seconds.
pub const MAX_PACKETS: usize = 2048;

/// While a keyframe is missing, it is asked for this often.
const ASK_AGAIN: Duration = Duration::from_millis(300);

const START_CODE: &[u8] = &[0, 0, 0, 1];
const IDR: u8 = 5;
const SPS: u8 = 7;
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
                        Ok(Some(unit)) if !waited || unit.keyframe => {
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
        _ => false,
    }
}

/// Payloads in order → Annex B, and whether there is an IDR.
fn depacketize<'a>(payloads: impl Iterator<Item = &'a Bytes>) -> Result<(Bytes, bool), Damaged> {
    let mut out = BytesMut::new();
    let mut keyframe = false;
    let mut fragment = None;
    for payload in payloads {
        let Some(&first) = payload.first() else { continue };
        let kind = first & 31;
        if fragment.is_some() != (kind == FU_A && payload.get(1).is_some_and(|fu| fu & 0x80 == 0)) {
            return Err(Damaged);
        }
        match kind {
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
    if fragment.is_some() { Err(Damaged) } else { Ok((out.freeze(), keyframe)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rtc::rtp::codec::h264::H264Payloader;
    use rtc::rtp::packetizer::Payloader;

    /// The n-th picture of a stream in which every tenth is a keyframe.
    fn unit(n: usize, length: usize) -> Vec<u8> {
        let mut data = Vec::new();
        if n.is_multiple_of(10) {
            for nal in [[0x67, 1, 2, 3], [0x68, 4, 5, 6]] {
                data.extend(START_CODE);
                data.extend(nal);
            }
        }
        data.extend(START_CODE);
        data.push(if n.is_multiple_of(10) { 0x65 } else { 0x41 });
        // No byte is zero, so nothing looks like a start code.
        data.extend((0..length).map(|i| ((n * 31 + i) % 255 + 1) as u8));
        data
    }

    fn stream(units: usize, lengths: &[usize]) -> Vec<VideoPacket> {
        let mut payloader = H264Payloader::default();
        let mut sequence = 65_530_u16;
        let mut packets = Vec::new();
        for n in 0..units {
            let data = Bytes::from(unit(n, lengths[n % lengths.len()]));
            let payloads = payloader.payload(200, &data).unwrap();
            let count = payloads.len();
            for (i, payload) in payloads.into_iter().enumerate() {
                let timestamp = (u32::MAX - 9000).wrapping_add(n as u32 * 3000);
                packets.push(VideoPacket { sequence, timestamp, marker: i + 1 == count, payload });
                sequence = sequence.wrapping_add(1);
            }
        }
        packets
    }

    fn drain(assembler: &mut Assembler, now: Instant) -> (Vec<AccessUnit>, usize) {
        let (mut units, mut asked) = (Vec::new(), 0);
        while let Some(output) = assembler.poll(now) {
            match output {
                Output::Unit(unit) => units.push(unit),
                Output::KeyframeWanted => asked += 1,
            }
        }
        (units, asked)
    }

    const LIMIT: Duration = Duration::from_millis(200);

    #[test]
    fn a_clean_stream_comes_out_whole_and_at_once() {
        let mut assembler = Assembler::new(LIMIT);
        let now = Instant::now();
        let mut units = Vec::new();
        for packet in stream(30, &[20, 900]) {
            let marker = packet.marker;
            assembler.push(now, packet);
            let (new, asked) = drain(&mut assembler, now);
            assert_eq!((new.len(), asked), (usize::from(marker), 0));
            units.extend(new);
        }
        for (n, got) in units.iter().enumerate() {
            assert_eq!(got.data, unit(n, [20, 900][n % 2]));
            assert_eq!(got.keyframe, n % 10 == 0);
            assert_eq!(got.timestamp - units[0].timestamp, n as u64 * 3000);
        }
    }

    #[test]
    fn a_missing_packet_is_waited_for_then_given_up_and_a_keyframe_asked_for() {
        let mut assembler = Assembler::new(LIMIT);
        let start = Instant::now();
        let packets = stream(21, &[500]);
        let lost = packets.iter().position(|p| p.payload[0] & 31 == FU_A && p.payload[1] & 31 == 1).unwrap();
        let mut units = Vec::new();
        for (i, packet) in packets.iter().enumerate().filter(|(i, _)| *i != lost).take(12) {
            assembler.push(start, packet.clone());
            let (new, asked) = drain(&mut assembler, start);
            assert_eq!(asked, 0, "at packet {i}");
            units.extend(new);
        }
        assert_eq!(units.len(), 1);
        // In time: as if nothing had been.
        let mut healed = Assembler::new(LIMIT);
        for packet in packets.iter().enumerate().filter(|(i, _)| *i != lost).map(|(_, p)| p).chain([&packets[lost]]) {
            healed.push(start, packet.clone());
        }
        assert_eq!(drain(&mut healed, start).0.len(), 21);
        // Too late.
        assert_eq!(assembler.deadline(), Some(start + LIMIT));
        let (new, asked) = drain(&mut assembler, start + LIMIT);
        assert_eq!((new.len(), asked), (0, 1));
        for packet in &packets[13..] {
            assembler.push(start + LIMIT, packet.clone());
        }
        let (new, asked) = drain(&mut assembler, start + LIMIT);
        assert_eq!((new.len(), asked), (11, 0));
        assert!(new[0].keyframe);
    }

    #[test]
    fn a_keyframe_that_lost_all_but_its_start_is_given_up_too() {
        let mut assembler = Assembler::new(LIMIT);
        let start = Instant::now();
        let packets = stream(12, &[500]);
        let second = packets.iter().position(|p| p.timestamp == packets[0].timestamp.wrapping_add(3000)).unwrap();
        assembler.push(start, packets[0].clone());
        for packet in &packets[second..second + 3] {
            assembler.push(start, packet.clone());
        }
        assert_eq!(drain(&mut assembler, start), (Vec::new(), 0));
        assert_eq!(drain(&mut assembler, start + LIMIT), (Vec::new(), 1));
        assert_eq!(drain(&mut assembler, start + LIMIT + ASK_AGAIN).1, 1);
    }

    #[test]
    fn it_asks_again_while_no_keyframe_comes() {
        let mut assembler = Assembler::new(LIMIT);
        let start = Instant::now();
        assert_eq!(assembler.poll(start), None);
        let packets = stream(9, &[20]);
        assembler.push(start, packets[4].clone());
        assert_eq!(drain(&mut assembler, start).1, 1);
        assert_eq!(drain(&mut assembler, start + ASK_AGAIN / 2).1, 0);
        assert_eq!(assembler.deadline(), Some(start + ASK_AGAIN));
        assert_eq!(drain(&mut assembler, start + ASK_AGAIN).1, 1);
    }

    proptest! {
        /// Loss, duplicates and reordering: only true units come out, in order, after a keyframe without a hole.
        #[test]
        fn only_whole_units_come_out(
            lengths in proptest::collection::vec(1_usize..1200, 1..5),
            fates in proptest::collection::vec((0_u8..20, 0_usize..12, 0_u64..40), 1..400),
        ) {
            let packets = stream(72, &lengths);
            let healthy = stream(60, &lengths).len();
            let start = Instant::now();
            let mut arrivals: Vec<(usize, usize)> = Vec::new();
            for i in 0..packets.len() {
                let (fate, shift, _) = fates[i % fates.len()];
                if i >= healthy {
                    arrivals.push((i + 12, i));
                    continue;
                }
                if fate == 0 { continue; }
                arrivals.push((i + if fate < 5 { shift } else { 0 }, i));
                if fate == 6 { arrivals.push((i + shift, i)); }
            }
            arrivals.sort();
            let mut assembler = Assembler::new(LIMIT);
            let mut now = start;
            let mut last: Option<usize> = None;
            for (at, i) in arrivals {
                now += Duration::from_millis(fates[at % fates.len()].2);
                assembler.push(now, packets[i].clone());
                prop_assert!(assembler.kept.len() <= MAX_PACKETS);
                for got in drain(&mut assembler, now).0 {
                    let n = ((got.timestamp as u32).wrapping_sub(u32::MAX - 9000) / 3000) as usize;
                    prop_assert_eq!(&got.data[..], &unit(n, lengths[n % lengths.len()])[..]);
                    prop_assert!(got.keyframe || last == Some(n - 1), "{n} after {last:?}");
                    prop_assert!(last.is_none_or(|last| n > last));
                    last = Some(n);
                }
            }
            // Once the path is clean again, the picture comes back: with the keyframe at 60 or at 70.
            for _ in 0..8 {
                now += LIMIT;
                for got in drain(&mut assembler, now).0 {
                    last = Some(((got.timestamp as u32).wrapping_sub(u32::MAX - 9000) / 3000) as usize);
                }
            }
            prop_assert_eq!(last, Some(71));
        }

        /// Anything at all: no panic, bounded.
        #[test]
        fn nonsense_is_survived(
            packets in proptest::collection::vec(
                (any::<u16>(), 0_u32..4, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..12), 0_u64..300),
                0..300,
            ),
        ) {
            let mut assembler = Assembler::new(LIMIT);
            let mut now = Instant::now();
            for (sequence, timestamp, marker, payload, ms) in packets {
                now += Duration::from_millis(ms);
                assembler.push(now, VideoPacket { sequence, timestamp, marker, payload: payload.into() });
                drain(&mut assembler, now);
                prop_assert!(assembler.kept.len() <= MAX_PACKETS);
                prop_assert!(assembler.deadline().is_none_or(|at| at > now));
            }
        }
    }
}
