//! Where repair packets join what goes out and are taken from what comes in.
//!
//! Wire-ward of the transport's own interceptors: packets are protected once they are as they leave, and what is rebuilt
//! fills the gap before somebody asks for it. What is rebuilt did not arrive, so it has no header extensions, which tell
//! the other side's congestion control what did. Farther from the wire than the `tap`, which counts what really arrives.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rtc::interceptor::{Attribute, AttributedPacket, Interceptor, Packet, Slot, StreamInfo, TaggedPacket};
use rtc::rtp;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

use super::block::{Mender, Shield};
use super::{Plan, protected};
use crate::rtc::length::on_wire;

/// Streams protected, each way; further ones are not.
const STREAMS: usize = 8;

/// See the [module](self).
pub(crate) struct Fec {
    plan: Arc<Plan>,
    shields: HashMap<u32, Shield>,
    menders: HashMap<u32, Mender>,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl Fec {
    pub fn new(plan: Arc<Plan>) -> Self {
        let (shields, menders) = (HashMap::new(), HashMap::new());
        Self { plan, shields, menders, reads: VecDeque::new(), writes: VecDeque::new() }
    }

    /// Behind the tap, before everything else.
    pub fn slot() -> Slot {
        Slot::from(550)
    }

    /// Packets rebuilt by what came, and whether that goes on.
    fn mend(&mut self, packet: &rtp::Packet) -> (Vec<rtp::Packet>, bool) {
        if let Some(ssrc) = protected(packet).filter(|_| self.plan.understood()) {
            let mender = self.menders.get_mut(&ssrc);
            return (mender.map(|mender| mender.repaired(packet)).unwrap_or_default(), false);
        }
        let mender = self.menders.get_mut(&packet.header.ssrc).filter(|_| self.plan.understood());
        (mender.map(|mender| mender.arrived(packet)).unwrap_or_default(), true)
    }
}

fn is_video(info: &StreamInfo) -> bool {
    info.mime_type.to_ascii_lowercase().starts_with("video/")
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Fec {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        let (rebuilt, goes_on) = match &packet.message.packet {
            Packet::Rtp(rtp) => self.mend(rtp),
            _ => (Vec::new(), true),
        };
        let (now, transport) = (packet.now, packet.transport);
        if goes_on {
            self.reads.push_back(packet);
        }
        self.reads.extend(rebuilt.into_iter().map(|rtp| {
            let message = AttributedPacket::new(Packet::Rtp(rtp)).with(Attribute::RecoveredByFec);
            TaggedPacket { now, transport, message }
        }));
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        let repairs = match &packet.message.packet {
            Packet::Rtp(rtp) => match self.shields.get_mut(&rtp.header.ssrc) {
                Some(shield) => shield.sent(rtp, |count| self.plan.repairs(count)),
                None => Vec::new(),
            },
            _ => Vec::new(),
        };
        let (now, transport) = (packet.now, packet.transport);
        self.writes.push_back(packet);
        self.writes.extend(repairs.into_iter().map(|rtp| {
            self.plan.owed.fetch_add(on_wire(rtp.payload.len()), Ordering::Relaxed);
            TaggedPacket { now, transport, message: AttributedPacket::new(Packet::Rtp(rtp)) }
        }));
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl Interceptor for Fec {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        if is_video(info) && self.shields.len() < STREAMS {
            self.shields.entry(info.ssrc).or_insert_with(|| Shield::new(info.ssrc));
        }
    }
    fn unbind_local_stream(&mut self, info: &StreamInfo) {
        self.shields.remove(&info.ssrc);
    }
    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        if is_video(info) && self.menders.len() < STREAMS {
            self.menders.entry(info.ssrc).or_insert_with(|| Mender::new(info.ssrc));
        }
    }
    fn unbind_remote_stream(&mut self, info: &StreamInfo) {
        self.menders.remove(&info.ssrc);
    }
}
