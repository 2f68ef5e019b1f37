//! What comes again in a stream of its own (RFC 4588), turned back into what was lost.
//!
//! Browsers fill their probes up in that stream too, and, where there is none, with packets of the pictures' own that hold
//! nothing, are never sent again and leave a hole in it. So it is agreed on, and taken apart by the tap, before anybody looks
//! for holes. Nothing of ours is sent in it: what is asked for goes out again as it was.

use std::collections::HashMap;

use bytes::Buf;
use rtc::interceptor::StreamInfo;
use rtc::rtp;

/// Streams remembered.
const STREAMS: usize = 16;

/// The streams in which something comes again.
#[derive(Debug, Default)]
pub(crate) struct Repeats(HashMap<u32, (u32, u8)>);

impl Repeats {
    /// A stream is to come; whether it is one with something of its own to say.
    pub fn bind(&mut self, info: &StreamInfo) -> bool {
        if let Some(rtx) = info.ssrc_rtx.filter(|_| self.0.len() < STREAMS) {
            self.0.insert(rtx, (info.ssrc, info.payload_type));
        }
        !self.has(info.ssrc)
    }

    /// It is over.
    pub fn unbind(&mut self, info: &StreamInfo) {
        if let Some(rtx) = info.ssrc_rtx {
            self.0.remove(&rtx);
        }
    }

    /// Whether this stream only repeats others.
    pub fn has(&self, ssrc: u32) -> bool {
        self.0.contains_key(&ssrc)
    }

    /// Makes a packet that comes again what it was; one that only fills up stays as it is.
    pub fn restore(&self, packet: &mut rtp::Packet) {
        let Some((ssrc, payload_type)) = self.0.get(&packet.header.ssrc) else { return };
        if packet.payload.len() > 2 {
            packet.header.sequence_number = packet.payload.get_u16();
            (packet.header.ssrc, packet.header.payload_type) = (*ssrc, *payload_type);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::rtp::header::Header;

    #[test]
    fn what_comes_again_is_what_was_lost() {
        let mut repeats = Repeats::default();
        let media = StreamInfo { ssrc: 1, ssrc_rtx: Some(2), payload_type: 102, ..StreamInfo::default() };
        let again = StreamInfo { ssrc: 2, payload_type: 103, ..StreamInfo::default() };
        assert!(repeats.bind(&media) && !repeats.bind(&again));
        let packet = |ssrc, payload: &'static [u8]| {
            let header = Header { ssrc, sequence_number: 9, payload_type: 103, timestamp: 77, ..Header::default() };
            rtp::Packet { header, payload: payload.into() }
        };
        let restored = |ssrc, payload| {
            let mut packet = packet(ssrc, payload);
            repeats.restore(&mut packet);
            packet
        };
        let lost = restored(2, &[0x12, 0x34, 5, 6]);
        assert_eq!((lost.header.ssrc, lost.header.sequence_number, lost.header.payload_type), (1, 0x1234, 102));
        assert_eq!((lost.header.timestamp, &lost.payload[..]), (77, &[5u8, 6][..]));
        assert_eq!(restored(2, &[1, 2]), packet(2, &[1, 2]), "a probe");
        assert_eq!(restored(7, &[1, 2, 3]), packet(7, &[1, 2, 3]));
        repeats.unbind(&media);
        assert!(!repeats.has(2));
    }
}
