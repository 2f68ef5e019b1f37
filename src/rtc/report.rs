//! What a connection knows of itself, as a W3C statistics report: our own counts (`wire`, `channel`) where the crate's are
//! zero or in other units, the crate's where they are right; references lead to what they name.

use std::collections::{BTreeMap, HashMap};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rtc::peer_connection::transport::{RTCIceCandidate, RTCIceCandidatePair};
use rtc::statistics::report::{RTCStatsReport, RTCStatsReportEntry};
use rtc::statistics::stats::ice_candidate::RTCIceCandidateStats;
use rtc::statistics::stats::ice_candidate_pair::RTCIceCandidatePairStats;
use serde::Serialize;

use super::channel::{Channel, ChannelState, Traffic};
use super::wire::{In, Out, Stream, Wire};
use crate::model::report::{
    CandidatePair, CandidateStats, CodecStats, DataChannelStats, InboundRtp, MediaKind, OutboundRtp, RemoteInboundRtp,
    RemoteOutboundRtp, StatsReport, TransportStats,
};

/// What the crate knows.
pub(super) struct Known<'a> {
    pub report: &'a RTCStatsReport,
    /// The pair in use, with both its ends.
    pub chosen: Option<&'a RTCIceCandidatePair>,
    /// `new`, `connecting`, `connected`, `closed`, `failed`.
    pub dtls_state: String,
}

/// The name the crate's own JSON has for a value of an enum; `None` where it is not specified.
fn word(value: impl Serialize) -> Option<String> {
    let word = serde_json::to_value(value).ok()?.as_str()?.to_owned();
    (!word.is_empty() && word != "Unspecified").then(|| word.to_lowercase())
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn kind(video: bool) -> MediaKind {
    if video { MediaKind::Video } else { MediaKind::Audio }
}

fn wall_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1000.0)
}

/// Everything but what encoders, decoders and jitter buffers know.
pub(super) fn report(now: Instant, known: &Known<'_>, wire: &Wire, channels: Vec<(Channel, Traffic)>) -> StatsReport {
    let timestamp = wall_ms();
    let mut report = StatsReport { timestamp, ..StatsReport::default() };
    let transport = transport(known);
    let id = transport.id.clone();
    candidates(&mut report, known, &id);
    streams(&mut report, known, wire, &id, now);
    report.data_channel = channels.into_iter().map(|(channel, traffic)| data_channel(channel, traffic)).collect();
    report.transport = vec![transport];
    report
}

fn transport(known: &Known<'_>) -> TransportStats {
    let Some(of) = known.report.transport() else { return TransportStats::default() };
    let stands = !of.srtp_cipher.is_empty();
    TransportStats {
        id: of.stats.id.clone(),
        packets_sent: of.packets_sent,
        packets_received: of.packets_received,
        bytes_sent: of.bytes_sent,
        bytes_received: of.bytes_received,
        ice_role: word(of.ice_role).unwrap_or_else(|| "unknown".to_owned()),
        ice_state: word(of.ice_state).unwrap_or_else(|| "new".to_owned()),
        ice_local_username_fragment: some(&of.ice_local_username_fragment),
        dtls_state: known.dtls_state.clone(),
        dtls_role: stands.then(|| of.dtls_role.to_string()),
        // The only version there is in this transport; W3C wants the four digits of the record.
        tls_version: stands.then(|| "FEFD".to_owned()),
        dtls_cipher: some(&of.dtls_cipher),
        srtp_cipher: some(&of.srtp_cipher),
        selected_candidate_pair_id: known.chosen.and(some(&of.selected_candidate_pair_id)),
        selected_candidate_pair_changes: of.selected_candidate_pair_changes,
    }
}

/// The crate prefixes the candidates' own IDs here, and does not where pairs name them.
fn local_id(id: &str) -> String {
    format!("RTCLocalIceCandidate_{id}")
}

fn remote_id(id: &str) -> String {
    format!("RTCRemoteIceCandidate_{id}")
}

fn candidates(report: &mut StatsReport, known: &Known<'_>, transport: &str) {
    let (mut local, mut remote, mut pairs) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for entry in known.report.iter() {
        match entry {
            RTCStatsReportEntry::LocalCandidate(of) => {
                local.insert(of.stats.id.clone(), candidate(of, transport, true));
            }
            RTCStatsReportEntry::RemoteCandidate(of) => {
                remote.insert(of.stats.id.clone(), candidate(of, transport, false));
            }
            RTCStatsReportEntry::IceCandidatePair(of) => pairs.push(of),
            _ => {}
        }
    }
    // Ends that nobody announced (peer-reflexive) are known by the chosen pair alone.
    if let Some(chosen) = known.chosen {
        let (ours, theirs) = (local_id(&chosen.local().id), remote_id(&chosen.remote().id));
        local.entry(ours.clone()).or_insert_with(|| end(ours, chosen.local(), transport, true));
        remote.entry(theirs.clone()).or_insert_with(|| end(theirs, chosen.remote(), transport, false));
    }
    let names = |of: &RTCIceCandidatePairStats| (local_id(&of.local_candidate_id), remote_id(&of.remote_candidate_id));
    report.candidate_pair = pairs
        .into_iter()
        .map(|of| {
            let (ours, theirs) = names(of);
            pair(
                of,
                transport,
                local.contains_key(&ours).then_some(ours),
                remote.contains_key(&theirs).then_some(theirs),
            )
        })
        .collect();
    report.candidate_pair.sort_by(|a, b| a.id.cmp(&b.id));
    report.local_candidate = local.into_values().collect();
    report.remote_candidate = remote.into_values().collect();
}

fn candidate(of: &RTCIceCandidateStats, transport: &str, ours: bool) -> CandidateStats {
    CandidateStats {
        id: of.stats.id.clone(),
        transport_id: transport.to_owned(),
        candidate_type: of.candidate_type.to_string(),
        address: of.address.clone(),
        port: of.port,
        protocol: of.protocol.clone(),
        priority: u32::from(of.priority),
        foundation: some(&of.foundation),
        relay_protocol: if ours { word(of.relay_protocol) } else { None },
        url: if ours { some(&of.url) } else { None },
        related_address: some(&of.related_address),
        related_port: (!of.related_address.is_empty()).then_some(of.related_port),
        tcp_type: word(of.tcp_type),
        username_fragment: some(&of.username_fragment),
    }
}

fn end(id: String, of: &RTCIceCandidate, transport: &str, ours: bool) -> CandidateStats {
    CandidateStats {
        id,
        transport_id: transport.to_owned(),
        candidate_type: of.typ.to_string(),
        address: some(&of.address),
        port: of.port,
        protocol: of.protocol.to_string(),
        priority: of.priority >> 16,
        foundation: some(&of.foundation),
        relay_protocol: if ours { word(of.relay_protocol) } else { None },
        url: if ours { of.url.clone() } else { None },
        related_address: some(&of.related_address),
        related_port: (!of.related_address.is_empty()).then_some(of.related_port),
        tcp_type: word(of.tcp_type),
        username_fragment: None,
    }
}

fn pair(
    of: &RTCIceCandidatePairStats,
    transport: &str,
    local: Option<String>,
    remote: Option<String>,
) -> CandidatePair {
    let ms = |at: rtc::shared::time::SystemInstant| at.duration_since_unix_epoch().as_secs_f64() * 1000.0;
    CandidatePair {
        id: of.stats.id.clone(),
        transport_id: transport.to_owned(),
        local_candidate_id: local,
        remote_candidate_id: remote,
        state: word(of.state).unwrap_or_else(|| "waiting".to_owned()),
        nominated: of.nominated,
        packets_sent: of.packets_sent,
        packets_received: of.packets_received,
        bytes_sent: of.bytes_sent,
        bytes_received: of.bytes_received,
        last_packet_sent_timestamp: (of.packets_sent > 0).then(|| ms(of.last_packet_sent_timestamp)),
        last_packet_received_timestamp: (of.packets_received > 0).then(|| ms(of.last_packet_received_timestamp)),
        requests_sent: of.requests_sent,
        requests_received: of.requests_received,
        responses_sent: of.responses_sent,
        responses_received: of.responses_received,
        consent_requests_sent: of.consent_requests_sent,
        current_round_trip_time: (of.current_round_trip_time > 0.0).then_some(of.current_round_trip_time),
        total_round_trip_time: of.total_round_trip_time,
        available_outgoing_bitrate: None,
    }
}

fn streams(report: &mut StatsReport, known: &Known<'_>, wire: &Wire, transport: &str, now: Instant) {
    let mids = mids(known.report);
    let (sent, received) = wire.streams();
    let mut codecs = BTreeMap::new();
    for (ssrc, stream) in &sent {
        let of = Names::new("Outbound", *ssrc, stream, transport, &mids);
        codecs.insert(of.codec.clone(), stream.payload_type);
        report.outbound_rtp.push(outbound(&of, stream));
        if stream.own.heard.reports > 0 {
            report.remote_inbound_rtp.push(remote_inbound(&of, stream));
        }
    }
    for (ssrc, stream) in &received {
        let of = Names::new("Inbound", *ssrc, stream, transport, &mids);
        codecs.insert(of.codec.clone(), stream.payload_type);
        report.inbound_rtp.push(inbound(&of, stream, report.timestamp, now));
        if stream.own.told.reports > 0 {
            report.remote_outbound_rtp.push(remote_outbound(&of, stream));
        }
    }
    for (id, payload_type) in codecs {
        let named = |entry: &RTCStatsReportEntry| match entry {
            RTCStatsReportEntry::Codec(of) if of.payload_type == payload_type => Some(CodecStats {
                id: id.clone(),
                payload_type,
                mime_type: of.mime_type.clone(),
                clock_rate: of.clock_rate,
                channels: (of.channels > 0).then_some(of.channels),
                sdp_fmtp_line: some(&of.sdp_fmtp_line),
                transport_id: transport.to_owned(),
            }),
            _ => None,
        };
        report.codec.extend(known.report.iter().find_map(named));
    }
    // A reference to a codec that the crate has not told of would lead nowhere.
    let there: Vec<String> = report.codec.iter().map(|codec| codec.id.clone()).collect();
    let keep = |id: &mut Option<String>| id.take_if(|id| !there.contains(id));
    report.outbound_rtp.iter_mut().for_each(|of| drop(keep(&mut of.codec_id)));
    report.inbound_rtp.iter_mut().for_each(|of| drop(keep(&mut of.codec_id)));
    report.remote_inbound_rtp.iter_mut().for_each(|of| drop(keep(&mut of.codec_id)));
    report.remote_outbound_rtp.iter_mut().for_each(|of| drop(keep(&mut of.codec_id)));
}

/// SSRC → `mid`.
fn mids(report: &RTCStatsReport) -> HashMap<u32, String> {
    let inbound = report.inbound_rtp_streams().map(|of| {
        let stream = &of.received_rtp_stream_stats.rtp_stream_stats;
        (stream.ssrc, of.mid.clone())
    });
    let outbound =
        report.outbound_rtp_streams().map(|of| (of.sent_rtp_stream_stats.rtp_stream_stats.ssrc, of.mid.clone()));
    inbound.chain(outbound).filter(|(_, mid)| !mid.is_empty()).collect()
}

/// What a stream's entries are called.
struct Names {
    id: String,
    remote: String,
    ssrc: u32,
    kind: MediaKind,
    mid: Option<String>,
    codec: String,
    transport: String,
}

impl Names {
    fn new<D>(way: &str, ssrc: u32, stream: &Stream<D>, transport: &str, mids: &HashMap<u32, String>) -> Self {
        Self {
            id: format!("{way}Rtp_{ssrc}"),
            remote: format!("Remote{way}Rtp_{ssrc}"),
            ssrc,
            kind: kind(stream.video),
            mid: mids.get(&ssrc).cloned(),
            codec: format!("Codec_{}", stream.payload_type),
            transport: transport.to_owned(),
        }
    }
}

fn outbound(of: &Names, stream: &Stream<Out>) -> OutboundRtp {
    OutboundRtp {
        id: of.id.clone(),
        ssrc: of.ssrc,
        kind: of.kind,
        mid: of.mid.clone(),
        codec_id: Some(of.codec.clone()),
        transport_id: of.transport.clone(),
        remote_id: (stream.own.heard.reports > 0).then(|| of.remote.clone()),
        active: stream.packets > 0,
        packets_sent: stream.packets,
        bytes_sent: stream.bytes,
        header_bytes_sent: stream.header_bytes,
        retransmitted_packets_sent: stream.own.again_packets,
        retransmitted_bytes_sent: stream.own.again_bytes,
        nack_count: stream.feedback.nacks,
        pli_count: stream.feedback.plis,
        fir_count: stream.feedback.firs,
        frames_encoded: stream.video.then_some(stream.frames),
        frames_sent: stream.video.then_some(stream.frames),
        key_frames_encoded: stream.video.then_some(stream.keyframes),
        ..OutboundRtp::default()
    }
}

fn remote_inbound(of: &Names, stream: &Stream<Out>) -> RemoteInboundRtp {
    let heard = &stream.own.heard;
    RemoteInboundRtp {
        id: of.remote.clone(),
        ssrc: of.ssrc,
        kind: of.kind,
        mid: of.mid.clone(),
        codec_id: Some(of.codec.clone()),
        transport_id: of.transport.clone(),
        local_id: of.id.clone(),
        packets_lost: heard.lost,
        fraction_lost: heard.fraction_lost,
        jitter: heard.jitter_s,
        round_trip_time: heard.rtt.map(|rtt| rtt.as_secs_f64()),
        total_round_trip_time: heard.total_rtt.as_secs_f64(),
        round_trip_time_measurements: heard.rtts,
        reports_received: heard.reports,
    }
}

fn inbound(of: &Names, stream: &Stream<In>, timestamp: f64, now: Instant) -> InboundRtp {
    let ago = stream.newest().map(|at| now.saturating_duration_since(at).as_secs_f64() * 1000.0);
    InboundRtp {
        id: of.id.clone(),
        ssrc: of.ssrc,
        kind: of.kind,
        mid: of.mid.clone(),
        codec_id: Some(of.codec.clone()),
        transport_id: of.transport.clone(),
        remote_id: (stream.own.told.reports > 0).then(|| of.remote.clone()),
        packets_received: stream.packets,
        bytes_received: stream.bytes,
        header_bytes_received: stream.header_bytes,
        packets_lost: stream.lost(),
        jitter: stream.jitter_s(),
        last_packet_received_timestamp: ago.map(|ago| timestamp - ago),
        nack_count: stream.feedback.nacks,
        pli_count: stream.feedback.plis,
        fir_count: stream.feedback.firs,
        frames_received: stream.video.then_some(stream.frames),
        fec_packets_received: stream.video.then_some(stream.own.repair_packets),
        fec_bytes_received: stream.video.then_some(stream.own.repair_bytes),
        ..InboundRtp::default()
    }
}

fn remote_outbound(of: &Names, stream: &Stream<In>) -> RemoteOutboundRtp {
    let told = &stream.own.told;
    RemoteOutboundRtp {
        id: of.remote.clone(),
        ssrc: of.ssrc,
        kind: of.kind,
        mid: of.mid.clone(),
        codec_id: Some(of.codec.clone()),
        transport_id: of.transport.clone(),
        local_id: of.id.clone(),
        packets_sent: told.packets,
        bytes_sent: told.bytes,
        remote_timestamp: told.at_ms,
        reports_sent: told.reports,
    }
}

fn data_channel(channel: Channel, traffic: Traffic) -> DataChannelStats {
    let state = match channel.state {
        ChannelState::Connecting => "connecting",
        ChannelState::Open => "open",
        ChannelState::Closing => "closing",
        ChannelState::Closed => "closed",
    };
    DataChannelStats {
        id: format!("DataChannel_{}", channel.config.label),
        label: channel.config.label,
        protocol: channel.config.protocol,
        state: state.to_owned(),
        messages_sent: traffic.messages_sent,
        bytes_sent: traffic.bytes_sent,
        messages_received: traffic.messages_received,
        bytes_received: traffic.bytes_received,
    }
}
