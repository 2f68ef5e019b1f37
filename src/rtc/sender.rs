//! Encoded media → RTP. One task a track drains its queue, from the moment the connection stands.
//!
//! Timestamps: 90 kHz from [`EncodedVideo::media_time`] (RFC 6184 §5.1), 48 kHz from [`EncodedAudio::sample`]
//! (RFC 7587 §4.1), each from a random start (RFC 3550 §5.1). When each was captured is told to `clock`, for the sender
//! reports. What came before the connection stood is dropped.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rtc::media_stream::MediaStreamTrack;
use rtc::rtp::Packet;
use rtc::rtp::codec::h264::H264Payloader;
use rtc::rtp::header::Header;
use rtc::rtp::packetizer::Payloader;
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind};
use tokio::sync::{mpsc, watch};
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::rtp_transceiver::RtpSender;

use super::clock::OwnClock;
use super::engine::{RED, VIDEO_CLOCK};
use super::length::PAYLOAD;
use super::outbound::{Outbound, Picture};
use super::red::Redundancy;
use crate::model::encoded::{EncodedAudio, EncodedVideo};
use crate::model::sound::RATE;

/// Pictures whose capture instant is remembered: ten seconds of 30 a second.
const REMEMBERED: usize = 300;

/// What went out on one track.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub packets: AtomicU64,
    pub bytes: AtomicU64,
}

/// When the pictures that went out were captured, by RTP timestamp.
#[derive(Debug, Default)]
pub(crate) struct CaptureLog(Mutex<VecDeque<(u32, Instant)>>);

impl CaptureLog {
    fn remember(&self, timestamp: u32, at: Instant) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == REMEMBERED {
            log.pop_front();
        }
        log.push_back((timestamp, at));
    }

    /// Of the picture with this timestamp, if it went out in the last ten seconds.
    pub fn captured_at(&self, timestamp: u32) -> Option<Instant> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().rev().find(|(t, _)| *t == timestamp).map(|(_, at)| *at)
    }
}

/// Media time → 90 kHz, unwrapped.
pub(crate) fn to_rtp(media_time: Duration) -> u64 {
    (media_time.as_nanos() * u128::from(VIDEO_CLOCK) / 1_000_000_000) as u64
}

/// 90 kHz, unwrapped → media time, such that [`to_rtp`] gives the same again.
pub(crate) fn from_rtp(timestamp: u64) -> Duration {
    let nanos = (u128::from(timestamp) * 1_000_000_000).div_ceil(u128::from(VIDEO_CLOCK));
    Duration::from_nanos(nanos as u64)
}

/// A random 32-bit number. Without randomness there is no certificate either, so the fallback is never seen.
pub(crate) fn random() -> u32 {
    getrandom::u32().unwrap_or(0x5eed_5eed)
}

/// A track for sending, with its SSRC. `id` must be another for each track of a connection.
pub(crate) fn track(kind: RtpCodecKind, codec: RTCRtpCodec, stream: &str, id: &str) -> (Arc<TrackLocalStaticRTP>, u32) {
    let ssrc = random();
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        codec,
        ..Default::default()
    };
    let track = MediaStreamTrack::new(stream.to_owned(), id.to_owned(), id.to_owned(), kind, vec![coding]);
    (Arc::new(TrackLocalStaticRTP::new(track)), ssrc)
}

/// One track's way out.
pub(crate) struct Lane {
    pub track: Arc<TrackLocalStaticRTP>,
    pub sender: Arc<dyn RtpSender>,
    /// Whether the connection has stood.
    pub connected: watch::Receiver<bool>,
    pub ssrc: u32,
    pub default_type: u8,
    pub sent: Arc<Sent>,
    pub outbound: Arc<Outbound>,
    pub clock: Arc<OwnClock>,
}

impl Lane {
    /// Waits until it is connected and live; gives the payload type that was agreed on. The crate remembers what it said
    /// first, so it is not asked before.
    async fn ready(&self, live: &mut watch::Receiver<bool>) -> Option<u8> {
        self.connected.clone().wait_for(|connected| *connected).await.ok()?;
        live.wait_for(|live| *live).await.ok()?;
        let agreed = self.sender.get_parameters().await.ok();
        let codecs = agreed.map(|p| p.rtp_parameters.codecs).unwrap_or_default();
        let own = codecs.iter().find(|c| !c.rtp_codec.mime_type.eq_ignore_ascii_case(RED));
        Some(own.map_or(self.default_type, |c| c.payload_type))
    }

    /// Payload type of redundancy, where the other side takes it.
    async fn red(&self) -> Option<u8> {
        let agreed = self.sender.get_parameters().await.ok()?.rtp_parameters.codecs;
        agreed.iter().find(|c| c.rtp_codec.mime_type.eq_ignore_ascii_case(RED)).map(|c| c.payload_type)
    }

    async fn sound(&self, header: Header, payload: bytes::Bytes) -> bool {
        self.sent.packets.fetch_add(1, Ordering::Relaxed);
        self.sent.bytes.fetch_add(payload.len() as u64, Ordering::Relaxed);
        self.outbound.sound(&self.track, Packet { header, payload }).await
    }
}

/// An RTP header (RFC 3550 §5.1).
pub(crate) fn header(ssrc: u32, payload_type: u8, sequence: u16, timestamp: u32, marker: bool) -> Header {
    Header { version: 2, marker, payload_type, sequence_number: sequence, timestamp, ssrc, ..Default::default() }
}

/// Sends pictures until the queue or the connection ends, while the lane is live; what comes otherwise is dropped.
pub(crate) async fn send_video(
    lane: Lane,
    mut pictures: mpsc::Receiver<EncodedVideo>,
    mut live: watch::Receiver<bool>,
    log: Arc<CaptureLog>,
) {
    let mut payloader = H264Payloader::default();
    let base = random();
    loop {
        let payload_type = tokio::select! {
            ready = lane.ready(&mut live) => ready,
            () = discard(&mut pictures) => None,
        };
        let Some(payload_type) = payload_type else { return };
        while *live.borrow() {
            if !lane.outbound.room().await {
                return;
            }
            let Some(picture) = pictures.recv().await else { return };
            if !*live.borrow() {
                break;
            }
            let timestamp = base.wrapping_add(to_rtp(picture.media_time) as u32);
            log.remember(timestamp, picture.at);
            lane.clock.captured(lane.ssrc, VIDEO_CLOCK, timestamp, picture.at);
            let Ok(payloads) = payloader.payload(lane.outbound.payload(), &picture.data) else { continue };
            let picture = Picture {
                track: Arc::clone(&lane.track),
                ssrc: lane.ssrc,
                payload_type,
                timestamp,
                keyframe: picture.keyframe,
                payloads,
                sent: Arc::clone(&lane.sent),
            };
            if !lane.outbound.picture(picture).await {
                return;
            }
        }
    }
}

/// Sends sound until the queue or the connection ends, each packet with up to so many `copies` of those before where the
/// other side takes them.
pub(crate) async fn send_audio(
    lane: Lane,
    mut packets: mpsc::Receiver<EncodedAudio>,
    mut live: watch::Receiver<bool>,
    copies: Arc<AtomicUsize>,
) {
    let payload_type = tokio::select! {
        ready = lane.ready(&mut live) => ready,
        () = discard(&mut packets) => None,
    };
    let Some(payload_type) = payload_type else { return };
    let (base, mut sequence) = (random(), random() as u16 >> 1);
    let red_type = lane.red().await;
    let (mut expected, mut redundancy) = (None, Redundancy::default());
    while let Some(packet) = packets.recv().await {
        if !*live.borrow() {
            redundancy.clear();
            continue;
        }
        let timestamp = base.wrapping_add(packet.sample as u32);
        lane.clock.captured(lane.ssrc, RATE, timestamp, packet.at);
        // First packet of a talk spurt: what came before is not directly before (RFC 3551 §4.1).
        let marker = expected != Some(packet.sample);
        expected = Some(packet.sample + u64::from(packet.samples));
        let depth = if red_type.is_some() { copies.load(Ordering::Relaxed) } else { 0 };
        let wrapped = redundancy.wrap(payload_type, timestamp, &packet.data, depth, PAYLOAD);
        let (this_type, data) = match (red_type, wrapped) {
            (Some(red_type), Some(wrapped)) => (red_type, wrapped),
            _ => (payload_type, packet.data),
        };
        let header = header(lane.ssrc, this_type, sequence, timestamp, marker);
        sequence = sequence.wrapping_add(1);
        if !lane.sound(header, data).await {
            return;
        }
    }
}

async fn discard<T>(queue: &mut mpsc::Receiver<T>) {
    while queue.recv().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_time_survives_the_way_through_rtp() {
        for ticks in [0, 1, 2999, 3000, 89_999, 1 << 32, (1 << 40) + 7] {
            assert_eq!(to_rtp(from_rtp(ticks)), ticks);
        }
        assert_eq!(to_rtp(Duration::from_secs(2)), 180_000);
    }

    #[test]
    fn the_capture_log_is_bounded_and_finds_what_is_in_it() {
        let log = CaptureLog::default();
        let start = Instant::now();
        for n in 0..REMEMBERED as u32 + 10 {
            log.remember(n * 3000, start + Duration::from_millis(u64::from(n)));
        }
        assert_eq!(log.captured_at(0), None);
        assert_eq!(log.captured_at(20 * 3000), Some(start + Duration::from_millis(20)));
    }
}
