//! Repair packets of one stream: made, and used. See the [parent](super) for what they look like.
//!
//! Pure. What comes in is not trusted: numbers out of bounds, shards of odd lengths and what is rebuilt from them are
//! thrown away, and no more than `KEPT` packets and `BLOCKS` blocks are kept.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use rtc::rtp::Packet;
use rtc::rtp::header::Header;

use super::PAYLOAD_TYPE;

/// Most packets in one block; longer pictures have several.
pub const MOST_PACKETS: usize = 48;
/// Most repair packets of one block.
pub const MOST_REPAIRS: usize = 24;
/// Bytes before the shard, and of a shard before the payload.
const HEAD: usize = 10;
const SHARD_HEAD: usize = 8;
/// Longest shard that is read.
const LONGEST: usize = 2_000;
/// Packets and incomplete blocks kept by the receiver: half a second of good pictures.
const KEPT: usize = 256;
const BLOCKS: usize = 16;

/// A packet as a shard, without the zeros that fill it up.
fn shard(packet: &Packet) -> Vec<u8> {
    let mut shard = Vec::with_capacity(SHARD_HEAD + packet.payload.len() + 1);
    shard.put_u16(packet.payload.len() as u16);
    shard.put_u8(u8::from(packet.header.marker) << 7 | packet.header.payload_type & 0x7f);
    shard.put_u8(0);
    shard.put_u32(packet.header.timestamp);
    shard.put_slice(&packet.payload);
    shard
}

/// The packet of this number that a shard holds.
fn packet(ssrc: u32, sequence_number: u16, mut shard: &[u8]) -> Option<Packet> {
    if shard.len() < SHARD_HEAD {
        return None;
    }
    let (length, kind, _, timestamp) = (shard.get_u16(), shard.get_u8(), shard.get_u8(), shard.get_u32());
    let payload = Bytes::copy_from_slice(shard.get(..usize::from(length))?);
    let (marker, payload_type) = (kind & 0x80 != 0, kind & 0x7f);
    let header = Header { version: 2, marker, payload_type, sequence_number, timestamp, ssrc, ..Header::default() };
    Some(Packet { header, payload })
}

/// The sender's end of one stream.
#[derive(Debug)]
pub struct Shield {
    repair_ssrc: u32,
    repair_number: u16,
    block: Vec<Packet>,
    /// The number that follows; what goes out under another one goes out again.
    next: Option<u16>,
}

impl Shield {
    /// For the stream with this SSRC.
    pub fn new(ssrc: u32) -> Self {
        Self { repair_ssrc: ssrc.wrapping_add(1), repair_number: 0, block: Vec::new(), next: None }
    }

    /// Takes a packet that goes out; gives the repair packets that are to follow it. `repairs` says how many so many
    /// packets get.
    pub fn sent(&mut self, packet: &Packet, repairs: impl Fn(usize) -> usize) -> Vec<Packet> {
        let number = packet.header.sequence_number;
        if self.next.is_some_and(|next| next != number) {
            let again = self.next.is_some_and(|next| (number.wrapping_sub(next) as i16) < 0);
            if again {
                return Vec::new();
            }
            self.block.clear();
        }
        self.next = Some(number.wrapping_add(1));
        self.block.push(packet.clone());
        if !packet.header.marker && self.block.len() < MOST_PACKETS {
            return Vec::new();
        }
        let block = std::mem::take(&mut self.block);
        let count = repairs(block.len()).min(MOST_REPAIRS);
        if count == 0 {
            return Vec::new();
        }
        self.encode(&block, count).unwrap_or_default()
    }

    fn encode(&mut self, block: &[Packet], count: usize) -> Option<Vec<Packet>> {
        let mut shards: Vec<Vec<u8>> = block.iter().map(shard).collect();
        let longest = shards.iter().map(Vec::len).max()?.next_multiple_of(2);
        shards.iter_mut().for_each(|shard| shard.resize(longest, 0));
        let repairs = reed_solomon_simd::encode(block.len(), count, &shards).ok()?;
        let (first, last) = (block.first()?, block.last()?);
        let packets = repairs.into_iter().enumerate().map(|(which, shard)| {
            let mut payload = BytesMut::with_capacity(HEAD + shard.len());
            payload.put_u32(first.header.ssrc);
            payload.put_u16(first.header.sequence_number);
            payload.put_slice(&[block.len() as u8, count as u8, which as u8, 0]);
            payload.put_slice(&shard);
            let header = Header {
                version: 2,
                payload_type: PAYLOAD_TYPE,
                sequence_number: self.repair_number,
                timestamp: last.header.timestamp,
                ssrc: self.repair_ssrc,
                ..Header::default()
            };
            self.repair_number = self.repair_number.wrapping_add(1);
            Packet { header, payload: payload.freeze() }
        });
        Some(packets.collect())
    }
}

/// What a repair packet says of its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    first: u16,
    packets: usize,
    repairs: usize,
    length: usize,
}

#[derive(Debug)]
struct Block {
    kind: Kind,
    repairs: BTreeMap<usize, Bytes>,
}

/// The SSRC of the stream that a repair packet protects.
pub fn protects(repair: &Packet) -> Option<u32> {
    Some(u32::from_be_bytes(repair.payload.get(..4)?.try_into().ok()?))
}

/// The number of the last packet that a repair packet protects.
pub fn last(repair: &Packet) -> Option<u16> {
    let [first, second, packets] = *repair.payload.get(4..7)?.first_chunk()?;
    Some(u16::from_be_bytes([first, second]).wrapping_add(u16::from(packets)).wrapping_sub(1))
}

/// The receiver's end of one stream.
#[derive(Debug)]
pub struct Mender {
    ssrc: u32,
    /// By number modulo [`KEPT`].
    kept: Vec<Option<Packet>>,
    blocks: VecDeque<Block>,
}

impl Mender {
    /// For the stream with this SSRC.
    pub fn new(ssrc: u32) -> Self {
        Self { ssrc, kept: vec![None; KEPT], blocks: VecDeque::new() }
    }

    /// Takes a packet of the stream; gives those that can be rebuilt now.
    pub fn arrived(&mut self, packet: &Packet) -> Vec<Packet> {
        let number = packet.header.sequence_number;
        self.keep(packet.clone());
        let within = |block: &Block| usize::from(number.wrapping_sub(block.kind.first)) < block.kind.packets;
        match self.blocks.iter().position(within) {
            Some(index) => self.mend(index),
            None => Vec::new(),
        }
    }

    /// Takes a repair packet; gives the packets that can be rebuilt now.
    pub fn repaired(&mut self, repair: &Packet) -> Vec<Packet> {
        let mut payload = repair.payload.clone();
        if payload.len() <= HEAD {
            return Vec::new();
        }
        payload.advance(4);
        let first = payload.get_u16();
        let [packets, repairs, which] = [payload.get_u8(), payload.get_u8(), payload.get_u8()].map(usize::from);
        payload.advance(1);
        let kind = Kind { first, packets, repairs, length: payload.len() };
        let bounded = (1..=MOST_PACKETS).contains(&packets) && (1..=MOST_REPAIRS).contains(&repairs) && which < repairs;
        if !bounded || !(SHARD_HEAD..=LONGEST).contains(&kind.length) || !kind.length.is_multiple_of(2) {
            return Vec::new();
        }
        let index = self.blocks.iter().position(|block| block.kind == kind).unwrap_or_else(|| {
            if self.blocks.len() == BLOCKS {
                self.blocks.pop_front();
            }
            self.blocks.push_back(Block { kind, repairs: BTreeMap::new() });
            self.blocks.len() - 1
        });
        self.blocks[index].repairs.insert(which, payload);
        self.mend(index)
    }

    fn keep(&mut self, packet: Packet) {
        let place = usize::from(packet.header.sequence_number) % KEPT;
        self.kept[place] = Some(packet);
    }

    fn kept(&self, number: u16) -> Option<&Packet> {
        self.kept[usize::from(number) % KEPT].as_ref().filter(|packet| packet.header.sequence_number == number)
    }

    /// Rebuilds what the block lacks if enough of it is there, and forgets it when it lacks nothing.
    fn mend(&mut self, index: usize) -> Vec<Packet> {
        let Block { kind, ref repairs } = self.blocks[index];
        let number = |i: usize| kind.first.wrapping_add(i as u16);
        let there: Vec<(usize, Vec<u8>)> =
            (0..kind.packets).filter_map(|i| self.kept(number(i)).map(|packet| (i, shard(packet)))).collect();
        if there.len() + repairs.len() < kind.packets {
            return Vec::new();
        }
        let mut rebuilt = Vec::new();
        if there.len() < kind.packets && there.iter().all(|(_, shard)| shard.len() <= kind.length) {
            let there = there.into_iter().map(|(i, mut shard)| {
                shard.resize(kind.length, 0);
                (i, shard)
            });
            let shards = reed_solomon_simd::decode(kind.packets, kind.repairs, there, repairs.clone());
            let shards = shards.unwrap_or_default().into_iter();
            rebuilt.extend(shards.filter_map(|(i, shard)| packet(self.ssrc, number(i), &shard)));
            rebuilt.sort_by_key(|packet| packet.header.sequence_number.wrapping_sub(kind.first));
        }
        self.blocks.remove(index);
        rebuilt.iter().for_each(|packet| self.keep(packet.clone()));
        rebuilt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSRC: u32 = 7;

    fn picture(first: u16, lengths: &[usize]) -> Vec<Packet> {
        let of = |i: usize, length: usize| Packet {
            header: Header {
                version: 2,
                marker: i + 1 == lengths.len(),
                payload_type: 102,
                sequence_number: first.wrapping_add(i as u16),
                timestamp: 90_000,
                ssrc: SSRC,
                ..Header::default()
            },
            payload: (0..length).map(|n| (n * 31 + i * 7) as u8).collect(),
        };
        lengths.iter().enumerate().map(|(i, length)| of(i, *length)).collect()
    }

    fn protected(packets: &[Packet], repairs: usize) -> Vec<Packet> {
        let mut shield = Shield::new(SSRC);
        packets.iter().flat_map(|packet| shield.sent(packet, |_| repairs)).collect()
    }

    #[test]
    fn any_as_many_lost_packets_as_repair_packets_come_back_as_they_were() {
        let packets = picture(65_533, &[1100, 1100, 3, 1099, 0, 700]);
        let repairs = protected(&packets, 3);
        assert_eq!(repairs.len(), 3);
        for lost in 0..1u32 << packets.len() {
            let is_lost = |i: usize| lost >> i & 1 == 1;
            let mut mender = Mender::new(SSRC);
            let came = packets.iter().enumerate().filter(|(i, _)| !is_lost(*i));
            assert!(came.clone().all(|(_, packet)| mender.arrived(packet).is_empty()));
            let rebuilt: Vec<Packet> = repairs.iter().flat_map(|repair| mender.repaired(repair)).collect();
            let missing: Vec<Packet> =
                packets.iter().enumerate().filter(|(i, _)| is_lost(*i)).map(|(_, packet)| packet.clone()).collect();
            let expected = if lost.count_ones() <= 3 { missing } else { Vec::new() };
            assert_eq!(rebuilt, expected, "{lost:b}");
        }
    }

    #[test]
    fn it_does_not_matter_what_comes_first() {
        let packets = picture(10, &[500, 600, 700]);
        let repairs = protected(&packets, 1);
        let mut mender = Mender::new(SSRC);
        assert!(mender.arrived(&packets[2]).is_empty() && mender.repaired(&repairs[0]).is_empty());
        assert_eq!(mender.arrived(&packets[0]), packets[1..2]);
        assert!(mender.arrived(&packets[1]).is_empty() && mender.repaired(&repairs[0]).is_empty());
    }

    #[test]
    fn what_goes_out_again_is_not_protected_again_and_long_pictures_in_parts() {
        let packets = picture(0, &[900; 100]);
        let mut shield = Shield::new(SSRC);
        let mut after = Vec::new();
        for packet in &packets {
            let repairs = shield.sent(packet, |count| count / 16);
            assert!(shield.sent(packet, |_| 9).is_empty(), "the same again");
            after.extend(repairs.iter().map(|_| packet.header.sequence_number));
        }
        assert_eq!(after, [47, 47, 47, 95, 95, 95]);
        let numbers: Vec<u16> = protected(&packets, 2).iter().map(|repair| repair.header.sequence_number).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn nonsense_is_thrown_away_and_little_is_kept() {
        let mut mender = Mender::new(SSRC);
        let mut dice = 1u64;
        let mut roll = || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 40) as usize
        };
        for _ in 0..20_000 {
            let mut repair = protected(&picture(roll() as u16, &[20, 30]), 2).remove(0);
            let mut payload = repair.payload.to_vec();
            let at = roll() % payload.len();
            payload[at] = roll() as u8;
            payload.truncate(1 + roll() % (payload.len() + 20));
            repair.payload = payload.into();
            for packet in mender.repaired(&repair) {
                assert!(packet.header.ssrc == SSRC && packet.payload.len() <= LONGEST);
            }
            mender.arrived(&picture(roll() as u16, &[roll() % 40])[0]);
        }
        assert!(mender.blocks.len() <= BLOCKS && mender.kept.len() == KEPT);
    }
}
