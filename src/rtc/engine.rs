//! What every peer connection of a session shares: the certificate, made once and ahead of time, codecs, feedback and
//! timers.
//!
//! Set-up time is decided here. The crate's checks run every 200 ms, and a pair that answered is nominated only at the
//! next check: with `CHECK_INTERVAL` two ends on loopback are connected, keys and all, after 23 ms rather than 224 to 434.

use std::sync::Arc;
use std::time::Duration;

use rtc::interceptor::{
    CongestionControlBuilder, NackGeneratorBuilder, ReceiverReportBuilder, SenderReportBuilder, Slot,
    TwccReceiverBuilder,
};
use rtc::peer_connection::certificate::CertificateParams;
use rtc::peer_connection::configuration::interceptor_registry::{
    configure_simulcast_extension_headers, configure_twcc,
};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_RTX, MediaEngine};
use rtc::rtp_transceiver::rtp_sender::{RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind};
use webrtc::peer_connection::crypto::{RTCCryptoProvider, SignatureScheme, default_provider};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCBundlePolicy, RTCCertificate,
    RTCConfigurationBuilder, RTCIceTransportPolicy, Registry, SettingEngineBuilder,
};

use super::channel::SEND_BUFFER;
use super::fec::interceptor::Fec;
use super::ice::server::{Server, ServerError};
use super::ice::{EveryInterface, Network, ServerFailure, Trust};
use super::outbound::Estimator;
use super::tap::Tap;
use crate::call::negotiation::Refusal;

/// RTP clock of video (RFC 6184 §5.1).
pub const VIDEO_CLOCK: u32 = 90_000;

/// Payload types we offer; an answer may say otherwise.
pub(crate) const VIDEO_TYPE: u8 = 102;
pub(crate) const AUDIO_TYPE: u8 = 111;
/// The same as browsers have it.
const RED_TYPE: u8 = 63;
const REPEATS_TYPE: u8 = 103;

/// Media type of redundant sound (RFC 2198 §5).
pub(crate) const RED: &str = "audio/red";

/// Pause between connectivity checks of one pair while connecting.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// Checks a pair gets before it counts as dead: 15 s of them.
const CHECKS: u16 = 750;

/// Nothing came for so long: disconnected. Still nothing after `FAILED` more: failed.
const DISCONNECTED: Duration = Duration::from_secs(4);
const FAILED: Duration = Duration::from_secs(25);

/// Pause between checks of the chosen path; also how fresh its round trip is.
const KEEPALIVE: Duration = Duration::from_secs(1);

/// How often what arrived is reported (transport-wide feedback): often enough to see a queue begin.
pub(crate) const FEEDBACK: Duration = Duration::from_millis(50);

/// How often the crate looks for missing packets, and how often it does so for each: as long as a picture waits for it.
/// What is really asked for then, by the round trip, is up to `nack`.
const NACK_INTERVAL: Duration = Duration::from_millis(10);
const NACKS: u16 = 100;

/// Bytes of messages that may wait to be read. The crate tells the other side when this is full, but not when there is room
/// again: that side finds out by its timer, a second later. Four times what one channel sends ahead, so that a reader that
/// is a little late costs nothing.
const WINDOW: u32 = 4 * SEND_BUFFER as u32;

/// Where what arrived is counted for reports: after the tap, before [`Fec`].
const REPORTS: Slot = Slot::Custom(525);

/// Packets that may come late and still be heard, as in browsers. The crate's 64 are a seventh of a second of good pictures:
/// whatever is sent again over a longer path would be thrown away as a replay (RFC 3711 §3.3.2).
const REPLAY: usize = 1024;

/// How media sections share transports (W3C `RTCBundlePolicy`), where the other side cannot bundle (RFC 9143). One that
/// can gets one transport for everything, whatever the policy; so every description of ours says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BundlePolicy {
    /// One transport for each kind of media.
    #[default]
    Balanced,
    /// One for each section.
    MaxCompat,
    /// One for all; what is not bundled is refused.
    MaxBundle,
}

/// Why a peer connection could not be made or led further.
#[derive(Debug, thiserror::Error)]
pub enum RtcError {
    /// The machine gives no randomness, key or certificate.
    #[error("no key for the encrypted connection can be made: {0}")]
    Certificate(String),
    /// No socket, or a server address that cannot be used.
    #[error("the connection cannot be prepared: {0}; check the STUN and TURN servers in the settings")]
    Build(String),
    /// A STUN or TURN server that cannot be used as it is written.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A description that does not fit here and now.
    #[error("the other side's {what} cannot be used: {reason}")]
    Description {
        /// `offer`, `answer`.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A candidate that is none.
    #[error("the other side's candidate cannot be used: {0}")]
    Candidate(String),
    /// Our own description could not be made.
    #[error("no {what} can be made now: {reason}")]
    Negotiation {
        /// `offer`, `answer`.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Both sides made an offer at once, and ours holds; nothing has changed.
    #[error("both sides made an offer at once and this side's holds; wait for the answer to it")]
    Glare,
    /// A description that came too late, or twice; nothing has changed.
    #[error("the other side's {what} is out of place: {reason}")]
    OutOfPlace {
        /// `offer`, `answer`, `candidate`.
        what: &'static str,
        /// Why.
        reason: Refusal,
    },
    /// It did not answer in time.
    #[error("the connection did not answer within {0:?}; close it and call again")]
    Stuck(Duration),
}

/// What listens to a connection.
pub(crate) struct Ears {
    /// To the packets.
    pub tap: Tap,
    /// To the same, for what was lost of them.
    pub fec: Fec,
    /// To what the receiver says of them.
    pub estimator: Estimator,
    /// To everything else.
    pub handler: Arc<dyn PeerConnectionEventHandler>,
}

/// Makes peer connections; one for a session.
#[derive(Clone)]
pub struct Engine {
    certificate: RTCCertificate,
    crypto: Arc<dyn RTCCryptoProvider>,
    trust: Trust,
}

impl Engine {
    /// Makes key and certificate: some milliseconds of work, better done before a call than in it.
    ///
    /// # Errors
    /// [`RtcError::Certificate`].
    pub fn new() -> Result<Self, RtcError> {
        let wrong = |e: &dyn std::fmt::Display| RtcError::Certificate(e.to_string());
        let crypto = default_provider().map_err(|e| wrong(&e))?;
        let params = CertificateParams::new(vec!["visavis".to_owned()]).map_err(|e| wrong(&e))?;
        let certificate = RTCCertificate::generate(crypto.crypto(), SignatureScheme::EcdsaP256Sha256, params)
            .map_err(|e| wrong(&e))?;
        Ok(Self { certificate, crypto, trust: Trust::default() })
    }

    /// The network for one peer; `tell` hears of servers that are of no use, and must return at once.
    pub(crate) fn network(&self, tell: Arc<dyn Fn(ServerFailure) + Send + Sync>) -> Network {
        Network::new(self.trust.clone(), Arc::clone(&self.crypto), tell)
    }

    pub(crate) async fn build(
        &self,
        network: &Network,
        servers: &[Server],
        relay_only: bool,
        bundle: BundlePolicy,
        ears: Ears,
    ) -> Result<Arc<dyn PeerConnection>, RtcError> {
        let wrong = |e: webrtc::error::Error| RtcError::Build(e.to_string());
        let Ears { tap, fec, estimator, handler } = ears;
        let mut media = MediaEngine::default();
        media.register_codec(audio_codec(), RtpCodecKind::Audio).map_err(wrong)?;
        media.register_codec(redundant_codec(), RtpCodecKind::Audio).map_err(wrong)?;
        // Sound is asked for again too, where `nack` says so; browsers do not offer that.
        let again = RTCPFeedback { typ: "nack".to_owned(), parameter: String::new() };
        media.register_feedback(again, RtpCodecKind::Audio);
        media.register_codec(video_codec(), RtpCodecKind::Video).map_err(wrong)?;
        media.register_codec(repeats_codec(), RtpCodecKind::Video).map_err(wrong)?;
        for parameter in ["", "pli"] {
            let feedback = RTCPFeedback { typ: "nack".to_owned(), parameter: parameter.to_owned() };
            media.register_feedback(feedback, RtpCodecKind::Video);
        }
        let fir = RTCPFeedback { typ: "ccm".to_owned(), parameter: "fir".to_owned() };
        media.register_feedback(fir, RtpCodecKind::Video);
        // Read where the other side reports on no single packet; one that does sends none.
        let most = RTCPFeedback { typ: "goog-remb".to_owned(), parameter: String::new() };
        media.register_feedback(most, RtpCodecKind::Video);
        // A layer of simulcast is told by these alone: its offer names no SSRC.
        configure_simulcast_extension_headers(&mut media).map_err(wrong)?;
        // Transport-wide sequence numbers out, feedback on them back.
        let registry = configure_twcc(Registry::new(), &mut media)
            .map_err(wrong)?
            .with(Slot::TwccReceiver, TwccReceiverBuilder::new().with_interval(FEEDBACK).build())
            .with(Slot::CongestionControl, CongestionControlBuilder::new(estimator).build())
            .with(
                Slot::NackGenerator,
                NackGeneratorBuilder::new().with_interval(NACK_INTERVAL).with_max_nacks_per_packet(NACKS).build(),
            )
            // Before lost packets are rebuilt: the other side is to know what the path loses.
            .with(REPORTS, ReceiverReportBuilder::new().with_interval(Duration::from_millis(500)).build())
            .with(Slot::SenderReport, SenderReportBuilder::new().build())
            .with(Fec::slot(), fec)
            .with(Tap::slot(), tap);
        let settings = SettingEngineBuilder::new()
            .with_crypto_provider(Arc::clone(&self.crypto))
            .with_include_loopback_candidate(true)
            // Fails without a multicast route, at each restart too; names are looked up in `ice::mdns`.
            .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
            .with_ice_connection_attempts(Some(CHECK_INTERVAL), Some(CHECKS))
            .with_ice_timeouts(Some(DISCONNECTED), Some(FAILED), Some(KEEPALIVE))
            // A restart is for a path that broke, mostly with the network under it: new sockets on the addresses of now.
            .with_discard_local_candidates_during_ice_restart(true)
            .with_sctp_max_receive_buffer_size(WINDOW)
            .with_srtp_replay_protection_window(REPLAY)
            .with_host_acceptance_min_wait(Some(Duration::ZERO))
            .with_prflx_acceptance_min_wait(Some(Duration::from_millis(100)))
            .with_srflx_acceptance_min_wait(Some(Duration::from_millis(100)))
            .with_relay_acceptance_min_wait(Some(Duration::from_millis(500)))
            .build();
        let configuration = RTCConfigurationBuilder::new()
            .with_certificates(vec![self.certificate.clone()])
            .with_ice_servers(network.assign(servers))
            .with_bundle_policy(match bundle {
                BundlePolicy::Balanced => RTCBundlePolicy::Balanced,
                BundlePolicy::MaxCompat => RTCBundlePolicy::MaxCompat,
                BundlePolicy::MaxBundle => RTCBundlePolicy::MaxBundle,
            })
            .with_ice_transport_policy(if relay_only {
                RTCIceTransportPolicy::Relay
            } else {
                RTCIceTransportPolicy::All
            })
            .build();
        let connection = PeerConnectionBuilder::new()
            .with_configuration(configuration)
            .with_media_engine(media)
            .with_setting_engine(settings)
            .with_interceptor_registry(registry)
            .with_handler(handler)
            .with_runtime(Arc::new(network.clone()))
            .with_udp_addrs(vec![EveryInterface])
            .with_data_channel_send_buffer_limit(SEND_BUFFER)
            .build()
            .await
            .map_err(wrong)?;
        Ok(Arc::new(connection))
    }
}

/// H.264 Constrained Baseline 3.1, packets in single-NAL, STAP-A and FU-A form (RFC 6184 §8.1).
pub(crate) fn video_codec() -> RTCRtpCodecParameters {
    let rtp_codec = RTCRtpCodec {
        mime_type: MIME_TYPE_H264.to_owned(),
        clock_rate: VIDEO_CLOCK,
        channels: 0,
        sdp_fmtp_line: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f".to_owned(),
        rtcp_feedback: Vec::new(),
    };
    RTCRtpCodecParameters { rtp_codec, payload_type: VIDEO_TYPE }
}

/// What comes again, in a stream of its own; see `rtx`.
fn repeats_codec() -> RTCRtpCodecParameters {
    let rtp_codec = RTCRtpCodec {
        mime_type: MIME_TYPE_RTX.to_owned(),
        clock_rate: VIDEO_CLOCK,
        channels: 0,
        sdp_fmtp_line: format!("apt={VIDEO_TYPE}"),
        rtcp_feedback: Vec::new(),
    };
    RTCRtpCodecParameters { rtp_codec, payload_type: REPEATS_TYPE }
}

/// Opus with copies of the packets before (RFC 2198), in the form of browsers; see `sound`.
fn redundant_codec() -> RTCRtpCodecParameters {
    let rtp_codec = RTCRtpCodec {
        mime_type: RED.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: format!("{AUDIO_TYPE}/{AUDIO_TYPE}"),
        rtcp_feedback: Vec::new(),
    };
    RTCRtpCodecParameters { rtp_codec, payload_type: RED_TYPE }
}

/// Opus (RFC 7587 §7: always 48000/2 in SDP, also for one channel).
pub(crate) fn audio_codec() -> RTCRtpCodecParameters {
    let rtp_codec = RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        // RFC 7587 §7.1: we play stereo, and send it where it is music.
        sdp_fmtp_line: "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1".to_owned(),
        rtcp_feedback: Vec::new(),
    };
    RTCRtpCodecParameters { rtp_codec, payload_type: AUDIO_TYPE }
}
