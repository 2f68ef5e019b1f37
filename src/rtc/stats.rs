//! Figures of one peer connection: our own counters, and the chosen path from the crate's report.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rtc::peer_connection::transport::{RTCIceCandidate, RTCIceCandidatePair, RTCIceCandidateType};
use rtc::statistics::report::{RTCStatsReport, RTCStatsReportEntry};

use super::clock::OwnClock;
use super::receiver::Received;
use super::sender::Sent;
use super::tap::Heard;
use crate::model::stats::Transport;

/// What has happened on one track since the connection stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// RTP packets, with those sent again.
    pub packets: u64,
    /// Bytes of payload.
    pub bytes: u64,
    /// Packets that never came (received tracks only).
    pub lost: u64,
}

/// All counters of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    /// Pictures out.
    pub video_out: Count,
    /// Sound out.
    pub audio_out: Count,
    /// Pictures in.
    pub video_in: Count,
    /// Sound in.
    pub audio_in: Count,
    /// Packets asked for again.
    pub nacks: u64,
    /// Keyframes asked for.
    pub plis: u64,
    /// Share of our video the other side's newest report says was lost; `None` before the first.
    pub lost_share: Option<f64>,
    /// Reports of the other side about our video.
    pub reports: u64,
    /// Reports of the other side about our sound, …
    pub sound_reports: u64,
    /// … and the sum of the shares of it that they say were lost.
    pub sound_lost: f64,
}

/// Counters shared with the tasks.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub heard: std::sync::Arc<Heard>,
    pub clock: std::sync::Arc<OwnClock>,
    pub video_out: std::sync::Arc<Sent>,
    pub audio_out: std::sync::Arc<Sent>,
    pub video_in: std::sync::Arc<Received>,
    pub audio_in: std::sync::Arc<Received>,
}

fn get(value: &AtomicU64) -> u64 {
    value.load(Ordering::Relaxed)
}

impl Counters {
    pub fn read(&self) -> Figures {
        let sent = |sent: &Sent| Count { packets: get(&sent.packets), bytes: get(&sent.bytes), lost: 0 };
        let received = |received: &Received| {
            let packets = get(&received.packets);
            Count { packets, bytes: get(&received.bytes), lost: get(&received.expected).saturating_sub(packets) }
        };
        let reports = get(&self.heard.reports);
        Figures {
            video_out: sent(&self.video_out),
            audio_out: sent(&self.audio_out),
            video_in: received(&self.video_in),
            audio_in: received(&self.audio_in),
            nacks: get(&self.heard.nacks),
            plis: get(&self.heard.plis),
            reports,
            sound_reports: get(&self.heard.sound_reports),
            sound_lost: get(&self.heard.sound_lost) as f64 / 256.0,
            lost_share: (reports > 0).then(|| f64::from(self.heard.fraction_lost.load(Ordering::Relaxed)) / 256.0),
        }
    }
}

fn describe(candidate: &RTCIceCandidate) -> String {
    let address = &candidate.address;
    let address = if address.contains(':') { format!("[{address}]") } else { address.clone() };
    format!("{address}:{} {}", candidate.port, candidate.typ)
}

/// The chosen path, as far as there is one. The pair is asked of the ICE transport: the report's own references to its
/// candidates lead nowhere.
pub(crate) fn path(report: &RTCStatsReport, chosen: Option<&RTCIceCandidatePair>) -> Transport {
    let Some(chosen) = chosen else { return Transport::default() };
    let id = report.transport().map(|transport| transport.selected_candidate_pair_id.clone()).unwrap_or_default();
    let rtt = match report.get(&id) {
        Some(RTCStatsReportEntry::IceCandidatePair(pair)) => pair.current_round_trip_time,
        _ => 0.0,
    };
    let ends = [chosen.local(), chosen.remote()];
    Transport {
        rtt_ms: (rtt > 0.0).then_some(rtt * 1000.0),
        local: Some(describe(ends[0])),
        remote: Some(describe(ends[1])),
        relayed: ends.iter().any(|end| end.typ == RTCIceCandidateType::Relay),
    }
}

/// The round trip as a duration, zero while unknown.
pub(crate) fn round_trip(path: &Transport) -> Duration {
    path.rtt_ms.map_or(Duration::ZERO, |ms| Duration::from_micros((ms * 1000.0) as u64))
}
