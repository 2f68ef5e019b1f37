//! What is seen of each RTP stream on the wire, both ways (webrtc-stats `RTCRtpStreamStats` and its kin).
//!
//! The crate leaves many of these figures at zero or in RTP ticks, so they are counted here, by the `tap`. Time is an
//! argument. Streams of one connection are bounded: further ones are not counted.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rtc::interceptor::StreamInfo;
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::rtp;
use rtc::shared::marshal::MarshalSize;

use super::fec;
use super::tally::{Answers, NUMBERED, Numbers};
use crate::call::quality::{Flow, Receiving, Seen, Sending};
use crate::model::clock::SenderClocks;

/// Streams that are counted, each way.
const STREAMS: usize = 64;

/// Sender reports of ours that an answer may refer to.
const REPORTS: usize = 8;

/// Sound is coming in while the newest packet is no older.
const RECENT: Duration = Duration::from_millis(1500);

/// Seconds from 1900, where NTP begins, to 1970 (RFC 868).
const NTP_EPOCH: u64 = 2_208_988_800;

/// Feedback about one stream.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Feedback {
    pub nacks: u32,
    pub plis: u32,
    pub firs: u32,
}

/// What a receiver report says of a stream of ours.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Heard {
    pub reports: u64,
    pub lost: i64,
    pub fraction_lost: f64,
    pub jitter_s: f64,
    pub rtt: Option<Duration>,
    pub total_rtt: Duration,
    pub rtts: u64,
}

/// What a sender report says of a stream of theirs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told {
    pub reports: u64,
    pub packets: u64,
    pub bytes: u64,
    /// Their clock, milliseconds since 1970.
    pub at_ms: f64,
}

/// One stream, either way. `D` is what only that way has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stream<D> {
    pub video: bool,
    pub clock: u32,
    pub payload_type: u8,
    bound: bool,
    pub packets: u64,
    pub bytes: u64,
    pub header_bytes: u64,
    /// First and highest sequence number, unwrapped.
    range: Option<(u64, u64)>,
    pub frames: u64,
    pub keyframes: u64,
    last_marker: Option<u32>,
    last_key: Option<u32>,
    pub feedback: Feedback,
    pub own: D,
}

/// What only a stream that goes out has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Out {
    pub again_packets: u64,
    pub again_bytes: u64,
    pub heard: Heard,
    reports: VecDeque<(u32, Instant)>,
}

/// What only a stream that comes in has.
#[derive(Debug, Clone, Default)]
pub(crate) struct In {
    /// RTP ticks (RFC 3550 A.8).
    jitter: f64,
    newest: Option<(Instant, u32)>,
    pub told: Told,
    /// Repair packets for it, and their payload.
    pub repair_packets: u64,
    pub repair_bytes: u64,
}

impl<D> Stream<D> {
    fn bind(&mut self, info: &StreamInfo) {
        self.video = info.mime_type.to_ascii_lowercase().starts_with("video/");
        self.clock = info.clock_rate.max(1);
        self.payload_type = info.payload_type;
        self.bound = true;
    }

    /// Counts a packet; whether it is newer than all before.
    fn count(&mut self, packet: &rtp::Packet) -> bool {
        let sequence = packet.header.sequence_number;
        let (first, highest) = self.range.unwrap_or((u64::from(sequence), u64::from(sequence)));
        let step = sequence.wrapping_sub(highest as u16) as i16;
        let fresh = step > 0 || self.range.is_none();
        self.range = Some((first, if step > 0 { highest + step as u64 } else { highest }));
        self.packets += 1;
        self.bytes += packet.payload.len() as u64;
        self.header_bytes += packet.header.marshal_size() as u64;
        let timestamp = packet.header.timestamp;
        if packet.header.marker && self.last_marker != Some(timestamp) {
            self.last_marker = Some(timestamp);
            self.frames += 1;
        }
        if self.last_key != Some(timestamp) && starts_keyframe(&packet.payload) {
            self.last_key = Some(timestamp);
            self.keyframes += 1;
        }
        fresh
    }
}

impl Stream<In> {
    /// RFC 3550 §6.4.1: expected less received, doubles and all.
    pub fn lost(&self) -> i64 {
        self.range.map_or(0, |(first, highest)| (highest - first + 1) as i64 - self.packets as i64)
    }

    pub fn jitter_s(&self) -> f64 {
        self.own.jitter / f64::from(self.clock.max(1))
    }

    /// When the newest packet came.
    pub fn newest(&self) -> Option<Instant> {
        self.own.newest.map(|(at, _)| at)
    }

    fn time(&mut self, now: Instant, timestamp: u32) {
        if let Some((at, before)) = self.own.newest.replace((now, timestamp)) {
            let arrived = now.saturating_duration_since(at).as_secs_f64() * f64::from(self.clock);
            let difference = arrived - f64::from(timestamp.wrapping_sub(before) as i32);
            // Packets of one picture come at one time and carry one: only their spread counts.
            self.own.jitter += (difference.abs() - self.own.jitter) / 16.0;
        }
    }
}

impl Stream<Out> {
    fn report(&mut self, now: Instant, report: &ReceptionReport) {
        let heard = &mut self.own.heard;
        heard.reports += 1;
        // 24 bits with a sign.
        heard.lost = i64::from(((report.total_lost << 8) as i32) >> 8);
        heard.fraction_lost = f64::from(report.fraction_lost) / 256.0;
        heard.jitter_s = f64::from(report.jitter) / f64::from(self.clock.max(1));
        let sent = self.own.reports.iter().find(|(ntp, _)| *ntp == report.last_sender_report && *ntp != 0);
        if let Some((_, at)) = sent {
            let held = Duration::from_secs_f64(f64::from(report.delay) / 65_536.0);
            let rtt = now.saturating_duration_since(*at).saturating_sub(held);
            heard.rtt = Some(rtt);
            heard.total_rtt += rtt;
            heard.rtts += 1;
        }
    }
}

#[derive(Debug, Default)]
struct Table {
    sent: HashMap<u32, Stream<Out>>,
    received: HashMap<u32, Stream<In>>,
    /// Packets of any kind that came.
    arrived: u64,
    /// What the receiver says of all that went out, and what of all that was due came in.
    told: Answers,
    numbers: Numbers,
    /// The header extension with the number; 0: none was agreed on.
    number_id: u8,
}

fn stream<D: Default>(of: &mut HashMap<u32, Stream<D>>, ssrc: u32) -> Option<&mut Stream<D>> {
    if of.len() >= STREAMS && !of.contains_key(&ssrc) {
        return None;
    }
    Some(of.entry(ssrc).or_default())
}

/// All streams of one connection.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    table: Mutex<Table>,
    clocks: Arc<SenderClocks>,
}

type Rtcp = [Box<dyn rtc::rtcp::Packet>];

/// By SSRC.
type Streams<D> = Vec<(u32, Stream<D>)>;

impl Wire {
    /// What the other side's reports say of its streams' time.
    pub fn clocks(&self) -> &Arc<SenderClocks> {
        &self.clocks
    }

    /// The newest round trip that a report on this stream of ours tells, if any does; `None`: it is no stream of ours.
    pub fn round_trip(&self, ssrc: u32) -> Option<Option<Duration>> {
        self.lock().sent.get(&ssrc).map(|stream| stream.own.heard.rtt)
    }

    pub fn bind_sent(&self, info: &StreamInfo, bound: bool) {
        if let Some(stream) = stream(&mut self.lock().sent, info.ssrc) {
            stream.bind(info);
            stream.bound = bound;
        }
    }

    pub fn bind_received(&self, info: &StreamInfo, bound: bool) {
        let mut table = self.lock();
        if let Some(number) = info.rtp_header_extensions.iter().find(|of| of.uri == NUMBERED) {
            table.number_id = u8::try_from(number.id).unwrap_or_default();
        }
        if let Some(stream) = stream(&mut table.received, info.ssrc) {
            stream.bind(info);
            stream.bound = bound;
        }
    }

    pub fn sent(&self, packet: &rtp::Packet) {
        if fec::protected(packet).is_some() {
            return;
        }
        if let Some(stream) = stream(&mut self.lock().sent, packet.header.ssrc)
            && !stream.count(packet)
        {
            stream.own.again_packets += 1;
            stream.own.again_bytes += packet.payload.len() as u64;
        }
    }

    /// Counts a packet that came; gives its number of the connection, where it has one.
    pub fn received(&self, now: Instant, packet: &rtp::Packet) -> Option<u16> {
        let mut table = self.lock();
        table.arrived += 1;
        let number = match packet.header.get_extension(table.number_id).as_deref() {
            Some([a, b]) => Some(u16::from_be_bytes([*a, *b])),
            _ => None,
        };
        if let Some(number) = number {
            table.numbers.take(number);
        }
        if let Some(stream) = fec::protected(packet).and_then(|ssrc| table.received.get_mut(&ssrc)) {
            stream.own.repair_packets += 1;
            stream.own.repair_bytes += packet.payload.len() as u64;
        } else if let Some(stream) = stream(&mut table.received, packet.header.ssrc)
            && stream.count(packet)
        {
            stream.time(now, packet.header.timestamp);
        }
        number
    }

    pub fn sent_rtcp(&self, now: Instant, packets: &Rtcp) {
        let mut table = self.lock();
        for packet in packets {
            if let Some(report) = packet.as_any().downcast_ref::<SenderReport>()
                && let Some(stream) = table.sent.get_mut(&report.ssrc)
            {
                if stream.own.reports.len() == REPORTS {
                    stream.own.reports.pop_front();
                }
                // The middle 32 bits are what an answer repeats (RFC 3550 §6.4.1).
                stream.own.reports.push_back(((report.ntp_time >> 16) as u32, now));
            }
            feedback(packet.as_ref(), &mut table.received);
        }
    }

    pub fn received_rtcp(&self, now: Instant, packets: &Rtcp) {
        let mut table = self.lock();
        table.arrived += 1;
        for packet in packets {
            let any = packet.as_any();
            if let Some(feedback) = any.downcast_ref::<TransportLayerCc>() {
                table.told.report(feedback);
                continue;
            }
            let reports = if let Some(report) = any.downcast_ref::<SenderReport>() {
                if let Some(stream) = table.received.get_mut(&report.ssrc) {
                    let told = &mut stream.own.told;
                    told.reports += 1;
                    told.packets = unwrap(told.packets, report.packet_count);
                    told.bytes = unwrap(told.bytes, report.octet_count);
                    let seconds = (report.ntp_time >> 32).saturating_sub(NTP_EPOCH) as f64;
                    told.at_ms = (seconds + (report.ntp_time as u32) as f64 / 2f64.powi(32)) * 1000.0;
                    self.clocks.tell(report.ssrc, stream.clock, report.ntp_time, report.rtp_time);
                }
                &report.reports
            } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
                &report.reports
            } else {
                feedback(packet.as_ref(), &mut table.sent);
                continue;
            };
            for report in reports {
                if let Some(stream) = table.sent.get_mut(&report.ssrc) {
                    stream.report(now, report);
                }
            }
        }
    }

    /// Whether this stream, which comes in, is pictures, or sound; `None`: it is not known.
    pub fn is_picture(&self, ssrc: u32) -> Option<bool> {
        self.lock().received.get(&ssrc).filter(|stream| stream.bound).map(|stream| stream.video)
    }

    /// Streams that go out and streams that come in, by SSRC.
    pub fn streams(&self) -> (Streams<Out>, Streams<In>) {
        fn bound<D: Clone>(of: &HashMap<u32, Stream<D>>) -> Streams<D> {
            let mut list: Vec<_> = of.iter().filter(|(_, s)| s.bound).map(|(n, s)| (*n, s.clone())).collect();
            list.sort_by_key(|(ssrc, stream)| (stream.video, *ssrc));
            list
        }
        let table = self.lock();
        (bound(&table.sent), bound(&table.received))
    }

    /// What is known of both ways; without what encoders, decoders and jitter buffers know.
    pub fn seen(&self, now: Instant) -> Seen {
        let (sent, received) = self.streams();
        let (arrived, told, due) = {
            let table = self.lock();
            (table.arrived, table.told.tally(), table.numbers.tally())
        };
        let ms = |seconds: f64| seconds * 1000.0;
        let sound = sent.iter().map(|(_, of)| of).find(|of| !of.video && of.own.heard.reports > 0);
        let recent = |of: &&Stream<In>| of.newest().is_some_and(|at| now.saturating_duration_since(at) < RECENT);
        let voice = received.iter().map(|(_, of)| of).filter(|of| !of.video).find(recent);
        let rtt = sent.iter().filter_map(|(_, of)| of.own.heard.rtt).min();
        Seen {
            up: Sending {
                left: sent.iter().map(|(_, of)| of.packets).sum(),
                flow: Flow {
                    bytes: sent.iter().map(|(_, of)| of.bytes).sum(),
                    jitter_ms: sound.map(|of| ms(of.own.heard.jitter_s)),
                    ..Flow::from(told)
                },
                ..Sending::default()
            },
            down: Receiving {
                arrived,
                flow: Flow {
                    bytes: received.iter().map(|(_, of)| of.bytes).sum(),
                    jitter_ms: voice.map(|of| ms(of.jitter_s())),
                    ..Flow::from(due)
                },
                ..Receiving::default()
            },
            rtt_ms: rtt.map(|rtt| ms(rtt.as_secs_f64())),
            ..Seen::default()
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts what a packet asks of streams.
fn feedback<D>(packet: &dyn rtc::rtcp::Packet, streams: &mut HashMap<u32, Stream<D>>) {
    let any = packet.as_any();
    let mut count = |ssrc: u32, count: fn(&mut Feedback) -> &mut u32| {
        if let Some(stream) = streams.get_mut(&ssrc) {
            *count(&mut stream.feedback) += 1;
        }
    };
    if let Some(pli) = any.downcast_ref::<PictureLossIndication>() {
        count(pli.media_ssrc, |of| &mut of.plis);
    } else if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
        count(nack.media_ssrc, |of| &mut of.nacks);
    } else if let Some(fir) = any.downcast_ref::<FullIntraRequest>() {
        fir.fir.iter().for_each(|entry| count(entry.ssrc, |of| &mut of.firs));
    }
}

/// A counter of 32 bits that goes on from `before`.
fn unwrap(before: u64, now: u32) -> u64 {
    before + u64::from(now.wrapping_sub(before as u32))
}

/// Whether an RTP payload of H.264 begins a keyframe or is its first slice (RFC 6184 §5.2).
fn starts_keyframe(payload: &[u8]) -> bool {
    let kind = |byte: &u8| byte & 0x1f;
    match payload.first().map(kind) {
        Some(5 | 7) => true,
        Some(24) => payload.get(3).map(kind).is_some_and(|kind| kind == 5 || kind == 7),
        Some(28) => payload.get(1).is_some_and(|header| header & 0x80 != 0 && header & 0x1f == 5),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::rtp::header::Header;

    fn info() -> StreamInfo {
        StreamInfo { ssrc: 7, mime_type: "video/H264".into(), clock_rate: 90_000, ..StreamInfo::default() }
    }

    fn packet(sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) -> rtp::Packet {
        let header = Header { version: 2, ssrc: 7, sequence_number: sequence, timestamp, marker, ..Header::default() };
        rtp::Packet { header, payload: payload.to_vec().into() }
    }

    #[test]
    fn packets_sent_again_are_counted_apart_and_keyframes_once() {
        let wire = Wire::default();
        wire.bind_sent(&info(), true);
        for sequence in [u16::MAX, 0, 1, 0] {
            wire.sent(&packet(sequence, 100, sequence == 1, &[0x65, 1, 2]));
        }
        wire.sent(&packet(2, 200, true, &[0x41, 1]));
        let (sent, _) = wire.streams();
        let (_, stream) = &sent[0];
        assert_eq!((stream.packets, stream.bytes, stream.frames, stream.keyframes), (5, 14, 2, 1));
        assert_eq!((stream.own.again_packets, stream.own.again_bytes), (1, 3));
        assert_eq!(stream.header_bytes, 60);
    }

    #[test]
    fn jitter_is_in_seconds_and_loss_is_signed() {
        let (wire, start) = (Wire::default(), Instant::now());
        wire.bind_received(&info(), true);
        // Every packet 10 ms early or late against its timestamps.
        for n in 0..200u16 {
            let at = start + Duration::from_millis(u64::from(n) * 33 + u64::from(n % 2) * 10);
            wire.received(at, &packet(n * 2, u32::from(n) * 2970, true, &[0x41]));
        }
        let (_, received) = wire.streams();
        assert!((received[0].1.jitter_s() - 0.01).abs() < 0.001, "{}", received[0].1.jitter_s());
        assert_eq!(received[0].1.lost(), 199);
        wire.bind_received(&info(), false);
        assert!(wire.streams().1.is_empty());
    }

    #[test]
    fn the_round_trip_is_that_of_the_report_less_what_it_was_held() {
        let (wire, start) = (Wire::default(), Instant::now());
        wire.bind_sent(&info(), true);
        let ntp = (5_000_000_000u64 << 16) | 0x1234;
        let report = SenderReport { ssrc: 7, ntp_time: ntp, ..SenderReport::default() };
        wire.sent_rtcp(start, &[Box::new(report) as _]);
        let block = ReceptionReport {
            ssrc: 7,
            total_lost: 0x00ff_ffff,
            fraction_lost: 64,
            jitter: 900,
            last_sender_report: (ntp >> 16) as u32,
            delay: 65_536 / 2,
            ..ReceptionReport::default()
        };
        let answer = ReceiverReport { ssrc: 1, reports: vec![block], ..ReceiverReport::default() };
        let nack = TransportLayerNack { sender_ssrc: 1, media_ssrc: 7, nacks: Vec::new() };
        let pli = PictureLossIndication { sender_ssrc: 1, media_ssrc: 7 };
        wire.received_rtcp(start + Duration::from_millis(540), &[Box::new(answer) as _, Box::new(nack), Box::new(pli)]);
        let (sent, _) = wire.streams();
        let (stream, heard) = (&sent[0].1, sent[0].1.own.heard);
        assert_eq!(heard.rtt, Some(Duration::from_millis(40)));
        assert_eq!((heard.lost, heard.fraction_lost, heard.jitter_s, heard.rtts), (-1, 0.25, 0.01, 1));
        assert_eq!((stream.feedback.nacks, stream.feedback.plis, stream.feedback.firs), (1, 1, 0));
    }
}
