//! Which picture a receiver keeps for later, told to its sender: RTCP's reference picture selection indication (RFC 4585
//! §6.3.3), which names a picture that was decoded.
//!
//! RFC 6184 says nothing of its bits for H.264, so it goes only to who marks pictures as our encoder does
//! ([`marker`](crate::codec::h264::marker)), and holds the number from there: `k`, then `1` and the number, or `0` for
//! none any more.

use std::sync::Arc;

use bytes::Bytes;
use rtc::rtcp::raw_packet::RawPacket;

/// Told of the newest picture that is kept; `None`: none is any more. Must return at once.
pub type KeptWish = Arc<dyn Fn(Option<u32>) + Send + Sync>;

/// Feedback message type of RPSI, with version 2.
const RPSI: u8 = 0x80 | 3;
/// Payload-specific feedback.
const PSFB: u8 = 206;

/// The packet about the stream `ssrc`.
pub(crate) fn packet(ssrc: u32, kept: Option<u32>) -> RawPacket {
    let mut bytes = vec![RPSI, PSFB, 0, 4, 0, 0, 0, 0];
    bytes.extend(ssrc.to_be_bytes());
    // No padding; payload type 0, for there is but one way to make pictures.
    bytes.extend([0, 0, b'k', b'0' + u8::from(kept.is_some())]);
    bytes.extend(kept.unwrap_or_default().to_be_bytes());
    RawPacket(Bytes::from(bytes))
}

/// Of which stream it is, and what it says; `None` where it is something else.
pub(crate) fn read(packet: &RawPacket) -> Option<(u32, Option<u32>)> {
    let word = |at: usize| packet.0.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    if packet.0.len() != 20 || packet.0[..2] != [RPSI, PSFB] {
        return None;
    }
    let kept = match packet.0.get(12..16)? {
        [0, _, b'k', b'0'] => None,
        [0, _, b'k', b'1'] => Some(word(16)?),
        _ => return None,
    };
    Some((word(8)?, kept))
}

#[cfg(test)]
mod tests {
    use rtc::shared::marshal::Marshal;

    use super::*;

    #[test]
    fn it_crosses_the_wire() {
        for (ssrc, kept) in [(1, None), (0xdead_beef, Some(0)), (7, Some(u32::MAX))] {
            let mut wire = packet(ssrc, kept).marshal().unwrap().freeze();
            let packets = rtc::rtcp::packet::unmarshal(&mut wire).unwrap();
            let [raw] = &packets[..] else { panic!("{packets:?}") };
            let raw = raw.as_any().downcast_ref::<RawPacket>().expect("no other type of it");
            assert_eq!(read(raw), Some((ssrc, kept)));
        }
    }

    #[test]
    fn anything_else_says_nothing() {
        let good = packet(1, Some(2)).0;
        for n in 0..good.len() {
            assert_eq!(read(&RawPacket(good.slice(..n))), None);
        }
        for (at, byte) in [(0, 0x81), (1, 205), (12, 16), (14, b'x'), (15, b'2')] {
            let mut other = good.to_vec();
            other[at] = byte;
            assert_eq!(read(&RawPacket(other.into())), None);
        }
    }
}
