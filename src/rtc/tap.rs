//! An ear on the wire side of the interceptors: hears the feedback about what we send, counts what we ask for.
//!
//! Our sender reports get a true mapping of time on the way (`clock`), theirs are read by `wire`.
//!
//! The crate ends incoming RTCP inside its chain and keeps its own counters of NACK and PLI at zero; this takes the two
//! facts a sender needs (a keyframe is wanted, so much is lost) and lets `wire` count every packet for statistics.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rtc::interceptor::{AttributedPacket, Interceptor, Packet, Slot, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc::rtcp::raw_packet::RawPacket;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};
use rtc::rtp;
use rtc::sansio::Protocol;
use rtc::shared::TransportContext;
use rtc::shared::error::Error;

use super::burst::{Bursts, Came};
use super::clock::OwnClock;
use super::congestion::sparse::Said;
use super::fec;
use super::kept::{self, KeptWish};
use super::nack::Again;
use super::outbound::Outbound;
use super::rtx::Repeats;
use super::sound::Types;
use super::wire::Wire;

/// Called when something is wanted; must return at once.
pub type Wish = Arc<dyn Fn() + Send + Sync>;

/// Whom to ask for a keyframe, by the SSRC of the track it is wanted of.
#[derive(Default)]
pub(crate) struct Wishes(Mutex<HashMap<u32, Wish>>, Mutex<Option<(u32, KeptWish)>>);

impl Wishes {
    /// Changes who is asked.
    pub fn set(&self, ssrc: u32, wish: Option<Wish>) {
        let mut wishes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match wish {
            Some(wish) => wishes.insert(ssrc, wish),
            None => wishes.remove(&ssrc),
        };
    }

    /// Who is told which picture the other side keeps of this track.
    pub fn set_kept(&self, ssrc: u32, told: KeptWish) {
        *self.1.lock().unwrap_or_else(PoisonError::into_inner) = Some((ssrc, told));
    }

    /// Tells that.
    pub fn kept(&self, ssrc: u32, kept: Option<u32>) {
        let told = self.1.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, told)) = told.filter(|(of, _)| *of == ssrc) {
            told(kept);
        }
    }

    /// Asks.
    pub fn ask(&self, ssrc: u32) {
        let wish = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&ssrc).cloned();
        if let Some(wish) = wish {
            wish();
        }
    }
}

/// What the tap heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Every stream on the wire.
    pub wire: Wire,
    /// NACKed packets we asked for.
    pub nacks: AtomicU64,
    /// PLIs we sent.
    pub plis: AtomicU64,
    /// Receiver reports about our video.
    pub reports: AtomicU64,
    /// The newest one's fraction lost, in 256ths (RFC 3550 §6.4.1).
    pub fraction_lost: AtomicU8,
    /// Receiver reports about our sound, and the sum of what they say is lost, in 256ths.
    pub sound_reports: AtomicU64,
    pub sound_lost: AtomicU64,
}

/// The interceptor.
pub(crate) struct Tap {
    heard: Arc<Heard>,
    /// Those whose loss is reported.
    video_ssrc: u32,
    audio_ssrc: u32,
    /// How long a round trip takes, microseconds; 0 while unknown.
    rtt_us: Arc<AtomicU64>,
    types: Arc<Types>,
    again: Again,
    bursts: Bursts,
    repeats: Repeats,
    wishes: Arc<Wishes>,
    outbound: Arc<Outbound>,
    clock: Arc<OwnClock>,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl Tap {
    /// `ssrcs` are those of our sound and our pictures.
    pub fn new(
        heard: Arc<Heard>,
        [audio_ssrc, video_ssrc]: [u32; 2],
        wishes: Arc<Wishes>,
        rtt_us: Arc<AtomicU64>,
        types: Arc<Types>,
        outbound: Arc<Outbound>,
        clock: Arc<OwnClock>,
    ) -> Self {
        let (reads, writes) = (VecDeque::new(), VecDeque::new());
        let (again, bursts, repeats) = (Again::default(), Bursts::default(), Repeats::default());
        Self {
            heard,
            video_ssrc,
            audio_ssrc,
            rtt_us,
            types,
            again,
            bursts,
            repeats,
            wishes,
            outbound,
            clock,
            reads,
            writes,
        }
    }

    /// Nearest to the wire: behind every generator of RTCP on its way out.
    pub fn slot() -> Slot {
        Slot::from(500)
    }

    /// Of what is to be asked for again, leaves out what was asked for just before, and the sound that would come too late;
    /// and of reports, those on repeats, whose numbers nobody else has seen: it would look as if all of them were lost.
    fn sift(&mut self, now: Instant, packets: &mut Vec<Box<dyn rtc::rtcp::Packet>>) {
        let (again, wire, repeats) = (&mut self.again, &self.heard.wire, &self.repeats);
        let rtt = Duration::from_micros(self.rtt_us.load(Ordering::Relaxed));
        let (copies, repairs) = (self.types.has_red(), self.outbound.repairs.understood());
        packets.retain_mut(|packet| {
            if let Some(report) = packet.as_any().downcast_ref::<ReceiverReport>()
                && report.reports.iter().any(|report| repeats.has(report.ssrc))
            {
                let mut report = report.clone();
                report.reports.retain(|report| !repeats.has(report.ssrc));
                let says_something = !report.reports.is_empty();
                *packet = Box::new(report);
                return says_something;
            }
            let Some(nack) = packet.as_any().downcast_ref::<TransportLayerNack>() else { return true };
            if repeats.has(nack.media_ssrc) {
                return false;
            }
            let missing: Vec<u16> = nack.nacks.iter().flat_map(|pair| pair.packet_list()).collect();
            let wanted = if wire.is_picture(nack.media_ssrc) == Some(false) {
                again.wanted(now, nack.media_ssrc, &missing, rtt, copies)
            } else {
                again.wanted_of_pictures(now, nack.media_ssrc, &missing, rtt, repairs)
            };
            if wanted.len() != missing.len() {
                let nacks = nack_pairs_from_sequence_numbers(&wanted);
                *packet = Box::new(TransportLayerNack { nacks, ..*nack });
            }
            !wanted.is_empty()
        });
    }

    /// Asks at once for a burst that this packet shows to be lost, and not when the transport crate looks next.
    fn ask_for_burst(&mut self, now: Instant, packet: &rtp::Packet, transport: Option<u16>) {
        let (ssrc, number) = (packet.header.ssrc, packet.header.sequence_number);
        let (protected, wire) = (fec::protected(packet), &self.heard.wire);
        let came = match (protected, wire.is_picture(protected.unwrap_or(ssrc))) {
            (Some(of), Some(true)) => fec::block::last(packet).map(|last| Came::Repair(of, last)),
            (None, Some(true)) => Some(Came::Picture(ssrc, number)),
            (None, Some(false)) => Some(Came::Sound(ssrc, number)),
            _ => None,
        };
        let rtt = Duration::from_micros(self.rtt_us.load(Ordering::Relaxed));
        let lost = came.and_then(|came| self.bursts.came(now, rtt, transport, came));
        let missing = lost.map(|lost| self.again.wanted_of_burst(now, lost)).unwrap_or_default();
        if let (Some((media_ssrc, ..)), false) = (lost, missing.is_empty()) {
            let nacks = nack_pairs_from_sequence_numbers(&missing);
            let nack = TransportLayerNack { sender_ssrc: self.video_ssrc, media_ssrc, nacks };
            let message = AttributedPacket::new(Packet::Rtcp(vec![Box::new(nack)]));
            self.send(TaggedPacket { now, transport: TransportContext::default(), message });
        }
    }

    /// Counts what goes out.
    fn send(&mut self, packet: TaggedPacket) {
        if let Packet::Rtp(rtp) = &packet.message.packet {
            self.heard.wire.sent(rtp);
        } else if let Packet::Rtcp(packets) = &packet.message.packet {
            self.heard.wire.sent_rtcp(packet.now, packets);
            for packet in packets {
                let packet = packet.as_any();
                if packet.is::<PictureLossIndication>() {
                    self.heard.plis.fetch_add(1, Ordering::Relaxed);
                } else if let Some(nack) = packet.downcast_ref::<TransportLayerNack>() {
                    let asked: usize = nack.nacks.iter().map(|pair| pair.packet_list().len()).sum();
                    self.heard.nacks.fetch_add(asked as u64, Ordering::Relaxed);
                }
            }
        }
        self.writes.push_back(packet);
    }

    fn report(&self, now: Instant, reports: &[ReceptionReport]) {
        for report in reports {
            if let Some(round_trip) = self.heard.wire.round_trip(report.ssrc) {
                let (ssrc, highest) = (report.ssrc, report.last_sequence_number);
                let lost = f64::from(report.fraction_lost) / 256.0;
                self.outbound.hear(now, Said::Report { ssrc, lost, highest, round_trip });
            }
        }
        for report in reports.iter().filter(|report| report.ssrc == self.audio_ssrc) {
            self.heard.sound_lost.fetch_add(u64::from(report.fraction_lost), Ordering::Relaxed);
            self.heard.sound_reports.fetch_add(1, Ordering::Relaxed);
        }
        for report in reports.iter().filter(|report| report.ssrc == self.video_ssrc) {
            self.heard.fraction_lost.store(report.fraction_lost, Ordering::Relaxed);
            self.heard.reports.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Tap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut packet: TaggedPacket) -> Result<(), Error> {
        let now = packet.now;
        if let Packet::Rtp(rtp) = &mut packet.message.packet {
            self.repeats.restore(rtp);
            let transport = self.heard.wire.received(now, rtp);
            self.ask_for_burst(now, rtp, transport);
        } else if let Packet::Rtcp(packets) = &packet.message.packet {
            self.heard.wire.received_rtcp(packet.now, packets);
            for packet in packets {
                let packet = packet.as_any();
                if let Some(pli) = packet.downcast_ref::<PictureLossIndication>() {
                    self.wishes.ask(pli.media_ssrc);
                } else if let Some(fir) = packet.downcast_ref::<FullIntraRequest>() {
                    fir.fir.iter().for_each(|entry| self.wishes.ask(entry.ssrc));
                } else if let Some((ssrc, kept)) = packet.downcast_ref::<RawPacket>().and_then(kept::read) {
                    self.wishes.kept(ssrc, kept);
                } else if let Some(nack) = packet.downcast_ref::<TransportLayerNack>() {
                    let numbers = nack.nacks.iter().flat_map(|pair| pair.packet_list()).collect();
                    self.outbound.again(nack.media_ssrc, numbers);
                } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
                    self.report(now, &report.reports);
                } else if let Some(report) = packet.downcast_ref::<SenderReport>() {
                    self.report(now, &report.reports);
                } else if let Some(most) = packet.downcast_ref::<ReceiverEstimatedMaximumBitrate>() {
                    self.outbound.hear(now, Said::Most(f64::from(most.bitrate)));
                }
            }
        }
        self.reads.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, mut packet: TaggedPacket) -> Result<(), Error> {
        let now = packet.now;
        if let Packet::Rtcp(packets) = &mut packet.message.packet {
            self.sift(now, packets);
            for packet in packets.iter_mut() {
                let report = packet.as_any().downcast_ref::<SenderReport>();
                if let Some(report) = report.and_then(|report| self.clock.corrected(now, report)) {
                    *packet = Box::new(report);
                }
            }
            if packets.is_empty() {
                return Ok(());
            }
        }
        self.send(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl Interceptor for Tap {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        self.heard.wire.bind_sent(info, true);
    }
    fn unbind_local_stream(&mut self, info: &StreamInfo) {
        self.heard.wire.bind_sent(info, false);
    }
    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        if self.repeats.bind(info) {
            self.heard.wire.bind_received(info, true);
        }
    }
    fn unbind_remote_stream(&mut self, info: &StreamInfo) {
        self.repeats.unbind(info);
        self.heard.wire.bind_received(info, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::rtp::header::Header;

    fn tap() -> Tap {
        let wishes = Arc::<Wishes>::default();
        let (outbound, _) = Outbound::new(Instant::now(), Arc::clone(&wishes));
        let mut tap =
            Tap::new(Arc::default(), [7, 8], wishes, Arc::default(), Arc::default(), outbound, Arc::default());
        let info =
            StreamInfo { ssrc: 1, payload_type: 102, mime_type: "video/H264".to_owned(), ..StreamInfo::default() };
        tap.bind_remote_stream(&StreamInfo { ssrc_rtx: Some(2), ..info.clone() });
        tap.bind_remote_stream(&StreamInfo { ssrc: 2, ..info });
        tap
    }

    fn tagged(packet: Packet) -> TaggedPacket {
        let message = AttributedPacket::new(packet);
        TaggedPacket { now: Instant::now(), transport: TransportContext::default(), message }
    }

    fn video(ssrc: u32, sequence_number: u16, payload: &'static [u8]) -> rtp::Packet {
        let header = Header { ssrc, sequence_number, payload_type: 102, ..Header::default() };
        rtp::Packet { header, payload: payload.into() }
    }

    /// What goes out of that.
    fn sent(tap: &mut Tap, packets: Vec<Box<dyn rtc::rtcp::Packet>>) -> Vec<Box<dyn rtc::rtcp::Packet>> {
        tap.handle_write(tagged(Packet::Rtcp(packets))).expect("taken");
        match tap.poll_write().map(|packet| packet.message.packet) {
            Some(Packet::Rtcp(packets)) => packets,
            _ => Vec::new(),
        }
    }

    #[test]
    fn repeats_are_what_they_repeat_and_nothing_is_said_of_them() {
        let mut tap = tap();
        tap.handle_read(tagged(Packet::Rtp(video(2, 5, &[0, 9, 1, 2, 3])))).expect("taken");
        let read = tap.poll_read().expect("goes on").message.packet;
        assert!(matches!(read, Packet::Rtp(rtp) if rtp == video(1, 9, &[1, 2, 3])));
        let of = |ssrc| ReceptionReport { ssrc, ..ReceptionReport::default() };
        let reports =
            sent(&mut tap, vec![Box::new(ReceiverReport { reports: vec![of(1), of(2)], ..Default::default() })]);
        let report = reports[0].as_any().downcast_ref::<ReceiverReport>().expect("a report");
        assert_eq!(report.reports, [of(1)]);
        assert!(
            sent(&mut tap, vec![Box::new(ReceiverReport { reports: vec![of(2)], ..Default::default() })]).is_empty()
        );
        let nacks = nack_pairs_from_sequence_numbers(&[6]);
        let nack = TransportLayerNack { sender_ssrc: 8, media_ssrc: 2, nacks };
        assert!(sent(&mut tap, vec![Box::new(nack)]).is_empty());
    }

    #[test]
    fn a_burst_is_asked_for_when_it_is_seen() {
        let mut tap = tap();
        for number in [3, 9] {
            tap.handle_read(tagged(Packet::Rtp(video(1, number, &[1, 2, 3])))).expect("taken");
        }
        let Some(Packet::Rtcp(packets)) = tap.poll_write().map(|packet| packet.message.packet) else {
            panic!("nothing is asked for")
        };
        let nack = packets[0].as_any().downcast_ref::<TransportLayerNack>().expect("a question");
        let numbers: Vec<u16> = nack.nacks.iter().flat_map(|pair| pair.packet_list()).collect();
        assert_eq!((nack.media_ssrc, numbers), (1, vec![4, 5, 6, 7, 8]));
    }
}
