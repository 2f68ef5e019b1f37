//! Statistics of one peer as W3C's webrtc-stats has them: names, units and references between the parts.
//!
//! Seconds, bytes, RTP counts, all since the peer was added; timestamps are milliseconds since 1970. What is not known
//! is absent (`None`), never zero. Names follow <https://www.w3.org/TR/webrtc-stats/>; where a figure is another than
//! W3C's of that name, its words say so.

use serde::{Deserialize, Serialize};

/// All statistics of one peer at one moment. Its JSON has W3C's type names as keys: `{"inbound-rtp":[…],…}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct StatsReport {
    /// Milliseconds since 1970.
    pub timestamp: f64,
    /// Streams that come in.
    pub inbound_rtp: Vec<InboundRtp>,
    /// Streams that go out.
    pub outbound_rtp: Vec<OutboundRtp>,
    /// What the other side says of those that go out.
    pub remote_inbound_rtp: Vec<RemoteInboundRtp>,
    /// What the other side says of those that come in.
    pub remote_outbound_rtp: Vec<RemoteOutboundRtp>,
    /// Where the streams that go out come from.
    pub media_source: Vec<MediaSource>,
    /// Codecs in use.
    pub codec: Vec<CodecStats>,
    /// Paths that are or were chosen.
    pub candidate_pair: Vec<CandidatePair>,
    /// Our ends.
    pub local_candidate: Vec<CandidateStats>,
    /// Their ends.
    pub remote_candidate: Vec<CandidateStats>,
    /// Data channels.
    pub data_channel: Vec<DataChannelStats>,
    /// The transport: one, for all is bundled.
    pub transport: Vec<TransportStats>,
}

impl StatsReport {
    /// The pair in use.
    pub fn selected_pair(&self) -> Option<&CandidatePair> {
        let id = self.transport.first()?.selected_candidate_pair_id.as_ref()?;
        self.candidate_pair.iter().find(|pair| pair.id == *id)
    }
}

/// Sound or picture (`kind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// Sound.
    #[default]
    Audio,
    /// Picture.
    Video,
}

/// One stream that comes in (`RTCInboundRtpStreamStats`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InboundRtp {
    /// Identifies it in this report.
    pub id: String,
    /// RTP synchronization source.
    pub ssrc: u32,
    /// Sound or picture.
    pub kind: MediaKind,
    /// `mid` of its media section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// Its [`CodecStats`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_id: Option<String>,
    /// Its [`TransportStats`].
    pub transport_id: String,
    /// What its sender says of it: its [`RemoteOutboundRtp`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
    /// RTP packets, with doubles.
    pub packets_received: u64,
    /// Payload, without headers and padding.
    pub bytes_received: u64,
    /// RTP headers with their extensions.
    pub header_bytes_received: u64,
    /// Expected less received (RFC 3550 §6.4.1); below zero where doubles came.
    pub packets_lost: i64,
    /// Seconds (RFC 3550 §6.4.1).
    pub jitter: f64,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_packet_received_timestamp: Option<f64>,
    /// NACK packets that we sent about it.
    pub nack_count: u32,
    /// Picture Loss Indications that we sent about it.
    pub pli_count: u32,
    /// Full Intra Requests that we sent about it.
    pub fir_count: u32,
    /// Pictures whose last packet came. Video only, as the next eight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_received: Option<u64>,
    /// Pictures decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_decoded: Option<u64>,
    /// Pictures that could not be decoded, or were and were not shown: newer ones were there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_dropped: Option<u64>,
    /// Of the newest picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_width: Option<u32>,
    /// Of the newest picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_height: Option<u32>,
    /// Pictures decoded a second, since the report before; absent in the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_per_second: Option<f64>,
    /// Times the picture stood still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze_count: Option<u64>,
    /// Seconds it stood still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_freezes_duration: Option<f64>,
    /// Samples played, 48 kHz. Sound only, as all that follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_samples_received: Option<u64>,
    /// Samples made up for what had not come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concealed_samples: Option<u64>,
    /// Repair packets for it, which are no packets of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fec_packets_received: Option<u64>,
    /// Bytes of their payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fec_bytes_received: Option<u64>,
    /// Samples put in to wait for late packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inserted_samples_for_deceleration: Option<u64>,
    /// Samples cut out to catch up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed_samples_for_acceleration: Option<u64>,
    /// Packets that came and were not played: too late, or no Opus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets_discarded: Option<u64>,
    /// Seconds the jitter buffer aims at now (not W3C's sum).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_buffer_target_delay: Option<f64>,
    /// Mean seconds a packet waits in it (not W3C's sum).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_buffer_delay: Option<f64>,
    /// Linear, 0…1, RMS of the newest 100 ms or so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_level: Option<f64>,
    /// When what is shown or heard now was captured, by the sender's clock: NTP time, which begins in 1900, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_playout_timestamp: Option<f64>,
}

/// One stream that goes out (`RTCOutboundRtpStreamStats`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OutboundRtp {
    /// Identifies it in this report.
    pub id: String,
    /// RTP synchronization source.
    pub ssrc: u32,
    /// Sound or picture.
    pub kind: MediaKind,
    /// `mid` of its media section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// Its [`CodecStats`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_id: Option<String>,
    /// Its [`TransportStats`].
    pub transport_id: String,
    /// What its receiver says of it: its [`RemoteInboundRtp`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
    /// Its [`MediaSource`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_source_id: Option<String>,
    /// Packets go out on it; not while nothing has been sent.
    pub active: bool,
    /// RTP packets, with those sent again.
    pub packets_sent: u64,
    /// Payload, with that sent again.
    pub bytes_sent: u64,
    /// RTP headers with their extensions.
    pub header_bytes_sent: u64,
    /// Of the packets, those sent again.
    pub retransmitted_packets_sent: u64,
    /// Of the payload, that sent again.
    pub retransmitted_bytes_sent: u64,
    /// NACK packets that came about it.
    pub nack_count: u32,
    /// Picture Loss Indications that came about it.
    pub pli_count: u32,
    /// Full Intra Requests that came about it.
    pub fir_count: u32,
    /// Pictures encoded for it: all of them were sent. Video only, as all that follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_encoded: Option<u64>,
    /// Pictures whose last packet went out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_sent: Option<u64>,
    /// Of them, keyframes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_frames_encoded: Option<u64>,
    /// Of the newest picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_width: Option<u32>,
    /// Of the newest picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_height: Option<u32>,
    /// Pictures sent a second, since the report before; absent in the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_per_second: Option<f64>,
    /// What the encoder aims at, bits per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_bitrate: Option<f64>,
}

/// What the other side's receiver reports of a stream of ours (`RTCRemoteInboundRtpStreamStats`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RemoteInboundRtp {
    /// Identifies it in this report.
    pub id: String,
    /// RTP synchronization source.
    pub ssrc: u32,
    /// Sound or picture.
    pub kind: MediaKind,
    /// `mid` of its media section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// Its [`CodecStats`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_id: Option<String>,
    /// Its [`TransportStats`].
    pub transport_id: String,
    /// The stream: an [`OutboundRtp`].
    pub local_id: String,
    /// RFC 3550 §6.4.1 *cumulative number of packets lost*.
    pub packets_lost: i64,
    /// Share lost since its report before, 0…1.
    pub fraction_lost: f64,
    /// Seconds.
    pub jitter: f64,
    /// Seconds, by sender and receiver report (RFC 3550 §6.4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_time: Option<f64>,
    /// Sum of all measurements, seconds.
    pub total_round_trip_time: f64,
    /// How many there were.
    pub round_trip_time_measurements: u64,
    /// Report blocks that came about it (ours, not W3C's).
    pub reports_received: u64,
}

/// What the other side's sender reports of a stream of theirs (`RTCRemoteOutboundRtpStreamStats`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RemoteOutboundRtp {
    /// Identifies it in this report.
    pub id: String,
    /// RTP synchronization source.
    pub ssrc: u32,
    /// Sound or picture.
    pub kind: MediaKind,
    /// `mid` of its media section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// Its [`CodecStats`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_id: Option<String>,
    /// Its [`TransportStats`].
    pub transport_id: String,
    /// The stream: an [`InboundRtp`].
    pub local_id: String,
    /// Packets it says it has sent.
    pub packets_sent: u64,
    /// Payload it says it has sent.
    pub bytes_sent: u64,
    /// Its clock when it wrote that, milliseconds since 1970.
    pub remote_timestamp: f64,
    /// Sender reports that came.
    pub reports_sent: u64,
}

/// Where a stream of ours comes from (`RTCVideoSourceStats`, `RTCAudioSourceStats`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MediaSource {
    /// Identifies it in this report.
    pub id: String,
    /// Sound or picture.
    pub kind: MediaKind,
    /// Pictures captured. Video only, as the next three.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// Pictures captured a second, since the report before; absent in the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_per_second: Option<f64>,
    /// Of the newest picture encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Of the newest picture encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Linear, 0…1, RMS of what is sent. Sound only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_level: Option<f64>,
}

/// A codec in use (`RTCCodecStats`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CodecStats {
    /// Identifies it in this report.
    pub id: String,
    /// RTP payload type.
    pub payload_type: u8,
    /// `video/H264`.
    pub mime_type: String,
    /// Hz.
    pub clock_rate: u32,
    /// Of sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<u16>,
    /// `a=fmtp`, without the payload type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdp_fmtp_line: Option<String>,
    /// Its [`TransportStats`].
    pub transport_id: String,
}

/// A pair of candidates that is or was chosen (`RTCIceCandidatePairStats`); of others nothing is known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CandidatePair {
    /// Identifies it in this report.
    pub id: String,
    /// Its [`TransportStats`].
    pub transport_id: String,
    /// Our end: a [`CandidateStats`]. Absent where it was one nobody had announced and is no longer in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_candidate_id: Option<String>,
    /// Their end, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_candidate_id: Option<String>,
    /// `succeeded`, `in-progress`, `waiting`, `failed`, `frozen`.
    pub state: String,
    /// Chosen by the controlling side at some time.
    pub nominated: bool,
    /// Without connectivity checks, as the next three.
    pub packets_sent: u64,
    /// Packets.
    pub packets_received: u64,
    /// Bytes, without the headers of UDP and IP.
    pub bytes_sent: u64,
    /// Likewise.
    pub bytes_received: u64,
    /// Milliseconds since 1970; absent where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_packet_sent_timestamp: Option<f64>,
    /// Likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_packet_received_timestamp: Option<f64>,
    /// Connectivity checks.
    pub requests_sent: u64,
    /// Connectivity checks.
    pub requests_received: u64,
    /// Answers to them.
    pub responses_sent: u64,
    /// Answers to them.
    pub responses_received: u64,
    /// Of the checks, those after it was chosen (RFC 7675).
    pub consent_requests_sent: u64,
    /// Seconds, by the newest check; absent before one was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_round_trip_time: Option<f64>,
    /// Sum over all checks, seconds.
    pub total_round_trip_time: f64,
    /// Estimate of what the path takes, bits per second, all streams together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_outgoing_bitrate: Option<f64>,
}

/// One end of a path (`RTCIceCandidateStats`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CandidateStats {
    /// Identifies it in this report.
    pub id: String,
    /// Its [`TransportStats`].
    pub transport_id: String,
    /// `host`, `srflx`, `prflx`, `relay`.
    pub candidate_type: String,
    /// IP address, or a name of mDNS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Port.
    pub port: u16,
    /// `udp` or `tcp`.
    pub protocol: String,
    /// Upper 16 bits of it where the transport keeps no more (RFC 8445 §5.1.2).
    pub priority: u32,
    /// RFC 8445 §5.1.1.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foundation: Option<String>,
    /// How we reach the TURN server: `udp`, `tcp`, `tls`. Relayed ones of ours only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay_protocol: Option<String>,
    /// Server that it came from. Reflexive and relayed ones of ours only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Address below it, of reflexive and relayed ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related_address: Option<String>,
    /// Its port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related_port: Option<u16>,
    /// `active`, `passive`, `so`; of TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_type: Option<String>,
    /// ICE generation it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<String>,
}

/// One data channel (`RTCDataChannelStats`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DataChannelStats {
    /// Identifies it in this report.
    pub id: String,
    /// Its name.
    pub label: String,
    /// Protocol spoken on it.
    pub protocol: String,
    /// `connecting`, `open`, `closing`, `closed`.
    pub state: String,
    /// Messages given to the transport.
    pub messages_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Messages that came.
    pub messages_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
}

/// What everything of a peer goes through (`RTCTransportStats`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TransportStats {
    /// Identifies it in this report.
    pub id: String,
    /// Packets, with connectivity checks.
    pub packets_sent: u64,
    /// Likewise.
    pub packets_received: u64,
    /// Bytes, with connectivity checks.
    pub bytes_sent: u64,
    /// Likewise.
    pub bytes_received: u64,
    /// `controlling`, `controlled`, `unknown`.
    pub ice_role: String,
    /// `new`, `checking`, `connected`, `completed`, `disconnected`, `failed`, `closed`.
    pub ice_state: String,
    /// Our ICE generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ice_local_username_fragment: Option<String>,
    /// `new`, `connecting`, `connected`, `closed`, `failed`.
    pub dtls_state: String,
    /// `client` or `server`, once it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtls_role: Option<String>,
    /// `FEFD`: DTLS 1.2. Once it stands, as the next two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_version: Option<String>,
    /// IANA name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtls_cipher: Option<String>,
    /// IANA name of the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub srtp_cipher: Option<String>,
    /// The [`CandidatePair`] in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected_candidate_pair_id: Option<String>,
    /// Times another one was chosen, with the first.
    pub selected_candidate_pair_changes: u32,
}
