//! Redundant sound (RFC 2198, `audio/red`): a packet that carries copies of those before it.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! |1| payload type|     timestamp offset      |   block length    |   … each copy, oldest first
//! |0| payload type|                                                   the packet itself, then all blocks
//! ```
//!
//! Pure. What comes in is not trusted: lengths that do not add up make the whole payload worthless, a copy that makes no
//! sense is left out. Copies are those of the packets directly before, as here and in browsers, so that each has a
//! sequence number too; a packet without copies goes out as plain Opus.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};

use crate::model::encoded::AudioPacket;

/// Most copies in one packet that are read: more of them would be older than anything that is still waited for.
const MOST_COPIES: usize = 8;

/// What 14 and 10 bits hold: ticks of 48 kHz a copy may be old, and bytes it may have.
const OLDEST: u32 = (1 << 14) - 1;
const LONGEST: usize = (1 << 10) - 1;

/// Bytes of the header of a copy, and of the packet itself.
const COPY_HEADER: usize = 4;
const OWN_HEADER: usize = 1;

/// Most copies we send.
pub const DEEPEST: usize = 2;

/// One block of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Payload type of what is in it.
    pub payload_type: u8,
    /// So many ticks before the packet's own timestamp.
    pub offset: u32,
    /// Its payload; may be empty.
    pub data: Bytes,
}

/// Splits a payload into its blocks, oldest first, the packet's own one last. `None` where it is none.
pub fn blocks(payload: &Bytes) -> Option<Vec<Block>> {
    let (mut at, mut heads) = (0, Vec::new());
    let own = loop {
        let first = *payload.get(at)?;
        if first & 0x80 == 0 {
            at += OWN_HEADER;
            break first;
        }
        let head = payload.get(at..at + COPY_HEADER)?;
        let rest = u32::from_be_bytes([0, head[1], head[2], head[3]]);
        heads.push((first & 0x7f, rest >> 10, (rest as usize) & LONGEST));
        at += COPY_HEADER;
        if heads.len() > MOST_COPIES {
            return None;
        }
    };
    let mut blocks = Vec::with_capacity(heads.len() + 1);
    for (payload_type, offset, length) in heads {
        payload.get(at..at + length)?;
        blocks.push(Block { payload_type, offset, data: payload.slice(at..at + length) });
        at += length;
    }
    blocks.push(Block { payload_type: own, offset: 0, data: payload.slice(at..) });
    Some(blocks)
}

/// What a payload holds, as packets of their own: the packet itself first, its copies after it. Nothing of another
/// payload type than `opus`; a copy that is empty, or not older than the next, is left out.
pub fn packets(payload: &Bytes, opus: u8, of: &AudioPacket) -> Vec<AudioPacket> {
    let Some(mut blocks) = blocks(payload) else { return Vec::new() };
    let mut packets = Vec::with_capacity(blocks.len());
    let Some(own) = blocks.pop() else { return packets };
    if own.payload_type == opus && !own.data.is_empty() {
        packets.push(AudioPacket { data: own.data, behind: 0, ..of.clone() });
    }
    let mut newer = 0;
    for (behind, copy) in (1u8..).zip(blocks.into_iter().rev()) {
        if copy.payload_type != opus || copy.data.is_empty() || copy.offset <= newer {
            continue;
        }
        newer = copy.offset;
        packets.push(AudioPacket {
            sequence: of.sequence.wrapping_sub(u16::from(behind)),
            timestamp: of.timestamp.wrapping_sub(copy.offset),
            marker: false,
            data: copy.data,
            behind,
            ..*of
        });
    }
    packets
}

/// A packet with nothing in it yet, for [`packets`].
pub(crate) fn header(ssrc: u32, sequence: u16, timestamp: u32, marker: bool, at: Instant) -> AudioPacket {
    AudioPacket { ssrc, sequence, timestamp, marker, data: Bytes::new(), at, behind: 0 }
}

/// Puts copies of the packets before into each packet of one stream.
#[derive(Debug, Default)]
pub struct Redundancy {
    /// Timestamps and payloads of the newest packets, oldest first.
    before: VecDeque<(u32, Bytes)>,
}

impl Redundancy {
    /// The payload for the next packet of the stream, with up to `depth` copies and no longer than `room`; `None` where
    /// no copy fits or is there, so that the packet goes as it is. To be asked for every packet that is sent.
    pub fn wrap(&mut self, opus: u8, timestamp: u32, data: &Bytes, depth: usize, room: usize) -> Option<Bytes> {
        let mut length = OWN_HEADER + data.len();
        let mut copies = 0;
        for (then, copy) in self.before.iter().rev().take(depth.min(DEEPEST)) {
            let fits = length + COPY_HEADER + copy.len() <= room && copy.len() <= LONGEST;
            let offset = timestamp.wrapping_sub(*then);
            if !fits || offset == 0 || offset > OLDEST {
                break;
            }
            length += COPY_HEADER + copy.len();
            copies += 1;
        }
        let wrapped = (copies > 0).then(|| {
            let mut out = BytesMut::with_capacity(length);
            let chosen = self.before.iter().skip(self.before.len() - copies);
            for (then, copy) in chosen.clone() {
                out.put_u8(0x80 | opus);
                let rest = timestamp.wrapping_sub(*then) << 10 | copy.len() as u32;
                out.put_slice(&rest.to_be_bytes()[1..]);
            }
            out.put_u8(opus & 0x7f);
            chosen.for_each(|(_, copy)| out.put_slice(copy));
            out.put_slice(data);
            out.freeze()
        });
        if self.before.len() == DEEPEST {
            self.before.pop_front();
        }
        self.before.push_back((timestamp, data.clone()));
        wrapped
    }

    /// Forgets what was sent: the next packet does not follow it.
    pub fn clear(&mut self) {
        self.before.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sequence: u16, timestamp: u32) -> AudioPacket {
        header(9, sequence, timestamp, true, Instant::now())
    }

    fn payload(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn what_is_wrapped_comes_out_with_numbers_of_its_own() {
        let mut redundancy = Redundancy::default();
        let start = u32::MAX - 1_000;
        assert_eq!(redundancy.wrap(111, start, &payload("one"), 2, 1_100), None);
        assert!(redundancy.wrap(111, start.wrapping_add(960), &payload("two"), 1, 1_100).is_some());
        let third = start.wrapping_add(1_920);
        let wrapped = redundancy.wrap(111, third, &payload("three"), 2, 1_100).unwrap();
        let found: Vec<_> = packets(&wrapped, 111, &of(1, third))
            .into_iter()
            .map(|p| (p.sequence, p.timestamp, p.data, p.behind, p.marker))
            .collect();
        assert_eq!(
            found,
            [
                (1, third, payload("three"), 0, true),
                (0, start.wrapping_add(960), payload("two"), 1, false),
                (u16::MAX, start, payload("one"), 2, false),
            ]
        );
    }

    #[test]
    fn copies_that_do_not_fit_are_left_out_and_older_ones_with_them() {
        let mut redundancy = Redundancy::default();
        let long = Bytes::from(vec![7; 600]);
        for n in 0..2 {
            redundancy.wrap(111, n * 960, &long, 2, 1_100);
        }
        assert_eq!(redundancy.wrap(111, 1_920, &long, 2, 1_100), None);
        let short = payload("short");
        assert_eq!(packets(&redundancy.wrap(111, 2_880, &short, 2, 1_100).unwrap(), 111, &of(5, 2_880)).len(), 2);
        // A pause of more than a third of a second does not fit into 14 bits.
        assert_eq!(redundancy.wrap(111, 2_880 + 20_000, &short, 2, 1_100), None);
        redundancy.clear();
        assert_eq!(redundancy.wrap(111, 2_880 + 20_960, &short, 2, 1_100), None);
    }

    #[test]
    fn the_example_of_a_browser_is_read() {
        // As Chromium sends it: one copy of 20 ms before, payload type 111.
        let wire = Bytes::from_static(&[0x80 | 111, 0x0f, 0x00, 0x02, 111, 0xaa, 0xbb, 0xcc]);
        let found = blocks(&wire).unwrap();
        assert_eq!(
            (found[0].offset, found[0].data.as_ref(), found[1].data.as_ref()),
            (960, &[0xaa, 0xbb][..], &[0xcc][..])
        );
    }

    #[test]
    fn payloads_that_do_not_add_up_are_none() {
        for bad in [&[][..], &[0x80 | 111], &[0x80 | 111, 0, 0, 9, 111, 1], &[0xef; 64], &[0x80 | 111, 0x0f, 0, 2]] {
            assert_eq!(blocks(&Bytes::copy_from_slice(bad)), None, "{bad:?}");
        }
        // Copies of something else, empty ones, and those that are not older: only the packet itself is left.
        for odd in [
            &[0x80 | 5, 0x0f, 0, 1, 111, 1, 2][..],
            &[0x80 | 111, 0x0f, 0, 0, 111, 2],
            &[0x80 | 111, 0, 0, 1, 111, 1, 2],
        ] {
            let found = packets(&Bytes::copy_from_slice(odd), 111, &of(7, 0));
            assert_eq!((found.len(), found[0].data.as_ref()), (1, &[2][..]), "{odd:?}");
        }
        assert!(packets(&Bytes::from_static(&[5, 1, 2]), 111, &of(7, 0)).is_empty());
    }
}
