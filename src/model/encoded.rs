//! Encoded media on its way between a codec and a transport.

use std::time::{Duration, Instant};

use bytes::Bytes;

/// One encoded picture: an H.264 access unit in Annex B (ITU-T H.264 Annex B), start codes included.
#[derive(Debug, Clone)]
pub struct EncodedVideo {
    /// The access unit; parameter sets come before every keyframe.
    pub data: Bytes,
    /// Decodable by itself (an IDR).
    pub keyframe: bool,
    /// Media time of the picture; the transport turns it into a 90 kHz RTP timestamp (RFC 6184 §5.1), and back.
    pub media_time: Duration,
    /// Sent side: when the picture was captured. Received side: when its last packet came.
    pub at: Instant,
    /// Received side: when it was captured by the sender's clock, since 1900, where its reports told
    /// ([`SenderClocks`](crate::model::clock::SenderClocks)).
    pub captured: Option<Duration>,
}

/// One Opus packet to send (RFC 7587).
#[derive(Debug, Clone)]
pub struct EncodedAudio {
    /// The packet.
    pub data: Bytes,
    /// Media time of its first sample, in samples of 48 kHz since the source was opened.
    pub sample: u64,
    /// Samples of 48 kHz it holds (960 for 20 ms).
    pub samples: u32,
    /// When its first sample was captured, the microphone's own delay and the coder's taken off.
    pub at: Instant,
}

/// One received RTP packet of sound, for the jitter buffer, which wants to see order and loss for itself.
#[derive(Debug, Clone)]
pub struct AudioPacket {
    /// RTP synchronisation source: another one is another stream, with numbers of its own (RFC 3550 §8.2).
    pub ssrc: u32,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, 48 kHz.
    pub timestamp: u32,
    /// First packet after silence (RFC 3551 §4.1).
    pub marker: bool,
    /// Opus payload.
    pub data: Bytes,
    /// When it came.
    pub at: Instant,
    /// How many packets later it came, as a copy in another one (RFC 2198); 0 for the packet itself.
    pub behind: u8,
}
