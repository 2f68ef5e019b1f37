//! Camera and microphone on their way out, seen from the negotiation: each goes out once its section was agreed on, for
//! its payload type is known only then. A browser may begin with data alone, or refuse pictures.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use rtc::rtp_transceiver::RTCRtpTransceiverDirection;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::watch;
use webrtc::peer_connection::transport::DtlsTransport;
use webrtc::rtp_transceiver::RtpSender;

use super::Peer;
use crate::rtc::protection::{Plan, Protection};

/// Holds one track back.
pub(super) struct Gate {
    sender: Arc<dyn RtpSender>,
    open: watch::Sender<bool>,
}

impl Gate {
    /// A closed one.
    pub fn new(sender: Arc<dyn RtpSender>) -> Self {
        Self { sender, open: watch::Sender::new(false) }
    }

    /// For whoever sends.
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.open.subscribe()
    }
}

impl Peer {
    /// Sends sound as `protection` says on a path that carries what ours does: copies from the next packet on; the rest is
    /// the encoder's to do.
    pub fn protect(&self, now: Instant, protection: &mut Protection) -> Plan {
        let outbound = &self.shared.outbound;
        let plan = {
            let wish = self.shared.sound.lock().unwrap_or_else(PoisonError::into_inner);
            protection.plan(now, outbound.settled(), outbound.random_loss(), &wish)
        };
        self.shared.copies.store(plan.copies, Ordering::Relaxed);
        plan
    }

    /// Whether the other side wants nothing sent while nobody speaks (RFC 7587 `usedtx`).
    pub fn wants_pauses(&self) -> bool {
        self.shared.sound.lock().unwrap_or_else(PoisonError::into_inner).dtx
    }

    /// Brings the gates into line with what was agreed on.
    pub(super) async fn open_own_gates(&self) {
        for transceiver in self.connection.get_transceivers().await {
            let Ok(Some(sender)) = transceiver.sender().await else { continue };
            let Some(gate) = self.gates.iter().find(|gate| gate.sender.id() == sender.id()) else { continue };
            let direction = transceiver.current_direction().await.ok();
            gate.open.send_replace(direction.is_some_and(|direction| direction.has_send()));
        }
    }

    /// The other side offers pictures in no codec of ours: an answer that refuses them is a call with sound, but the
    /// crate makes one only where nothing would be sent.
    pub(super) async fn give_up_video(&self) -> webrtc::error::Result<()> {
        for transceiver in self.connection.get_transceivers().await {
            let Some(sender) = transceiver.sender().await? else { continue };
            if sender.track().kind().await == RtpCodecKind::Video {
                self.connection.remove_track(&sender).await?;
                transceiver.set_direction(RTCRtpTransceiverDirection::Inactive).await?;
            }
        }
        Ok(())
    }

    /// The transport of everything: all sections share it. There is one once a section was agreed on.
    pub(super) async fn transport(&self) -> Option<Arc<dyn DtlsTransport>> {
        for gate in &self.gates {
            if let Ok(Some(transport)) = gate.sender.transport().await {
                return Some(transport);
            }
        }
        // No media: the data channels have it.
        Some(self.connection.sctp().await?.transport())
    }
}
