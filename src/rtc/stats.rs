//! Figures of one peer connection: our own counters, and the chosen path from the crate's report.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rtc::peer_connection::transport::RTCIceCandidateType;
use rtc::statistics::report::{RTCStatsReport, RTCStatsReportEntry};
use rtc::statistics::stats::ice_candidate::RTCIceCandidateStats;

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
}

/// Counters shared with the tasks.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub heard: std::sync::Arc<Heard>,
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
        let reported = get(&self.heard.reports) > 0;
        Figures {
            video_out: sent(&self.video_out),
            audio_out: sent(&self.audio_out),
            video_in: received(&self.video_in),
            audio_in: received(&self.audio_in),
            nacks: get(&self.heard.nacks),
            plis: get(&self.heard.plis),
            lost_share: reported.then(|| f64::from(self.heard.fraction_lost.load(Ordering::Relaxed)) / 256.0),
        }
    }
}

fn describe(candidate: &RTCIceCandidateStats) -> String {
    let address = candidate.address.as_deref().unwrap_or("?");
    let address = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    format!("{address}:{} {}", candidate.port, candidate.candidate_type)
}

/// The chosen path, as far as there is one.
pub(crate) fn path(report: &RTCStatsReport) -> Transport {
    let chosen = report.transport().map(|transport| transport.selected_candidate_pair_id.clone()).unwrap_or_default();
    let pair = match report.get(&chosen) {
        Some(RTCStatsReportEntry::IceCandidatePair(pair)) => pair,
        _ => return Transport::default(),
    };
    let candidate = |id: &str| match report.get(id) {
        Some(RTCStatsReportEntry::LocalCandidate(c) | RTCStatsReportEntry::RemoteCandidate(c)) => Some(c),
        _ => None,
    };
    let (local, remote) = (candidate(&pair.local_candidate_id), candidate(&pair.remote_candidate_id));
    let relayed = [local, remote].into_iter().flatten().any(|c| c.candidate_type == RTCIceCandidateType::Relay);
    Transport {
        rtt_ms: (pair.current_round_trip_time > 0.0).then_some(pair.current_round_trip_time * 1000.0),
        local: local.map(describe),
        remote: remote.map(describe),
        relayed,
    }
}

/// The round trip as a duration, zero while unknown.
pub(crate) fn round_trip(path: &Transport) -> Duration {
    path.rtt_ms.map_or(Duration::ZERO, |ms| Duration::from_micros((ms * 1000.0) as u64))
}
