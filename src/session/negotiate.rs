//! The session's part in agreeing with a peer: descriptions and candidates, out and in. Rows P10 to P14 and P17.

use super::manager::Session;
use super::types::SessionError;
use crate::call::negotiation::Refusal;
use crate::rtc::description::{Candidate, Description, DescriptionKind};
use crate::rtc::engine::RtcError;
use crate::rtc::peer::{ConnectionState, IceConnectionState, IceGatheringState, SignalingState, States};

impl Session {
    /// Makes an offer for the peer (W3C `createOffer` and `setLocalDescription`). Row P10. It carries sound, picture, and
    /// the tracks and data channels added so far, and the candidates known a moment later; also told as
    /// [`SessionEvent::Offer`](super::SessionEvent::Offer).
    ///
    /// While an offer is out without an answer, the same is given and told again, with the candidates known by now.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`], [`SessionError::Rtc`].
    pub async fn create_offer(&self, peer: &str) -> Result<Description, SessionError> {
        Ok(self.inner.link(peer)?.peer.create_offer().await?)
    }

    /// Takes the peer's offer, typed or as JSON text, and gives the answer for it (W3C `setRemoteDescription`,
    /// `createAnswer`, `setLocalDescription`). Row P11.
    ///
    /// If an offer of ours is out, the two cross: with [`PeerConfig::polite`](super::PeerConfig::polite) ours is taken
    /// back, and [`SessionEvent::NegotiationNeeded`](super::SessionEvent::NegotiationNeeded) follows if it is still needed.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`], [`SessionError::Description`]; [`SessionError::Rtc`] with [`RtcError::Glare`] where
    /// ours holds, [`RtcError::OutOfPlace`] where it came too late, [`RtcError::Description`] where it cannot be used. The
    /// peer is as it was before.
    pub async fn accept_offer<D: TryInto<Description>>(&self, peer: &str, offer: D) -> Result<Description, SessionError>
    where
        SessionError: From<D::Error>,
    {
        let link = self.inner.link(peer)?;
        Ok(link.peer.accept_offer(&offer.try_into()?).await?)
    }

    /// Takes the peer's answer to our offer, typed or as JSON text (W3C `setRemoteDescription`). Row P12.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`], [`SessionError::Description`]; [`SessionError::Rtc`] with [`RtcError::OutOfPlace`]
    /// where no offer waits for one, [`RtcError::Description`] where it cannot be used. The peer is as it was before.
    pub async fn accept_answer<D: TryInto<Description>>(&self, peer: &str, answer: D) -> Result<(), SessionError>
    where
        SessionError: From<D::Error>,
    {
        let link = self.inner.link(peer)?;
        Ok(link.peer.accept_answer(&answer.try_into()?).await?)
    }

    /// Takes whatever description comes from the peer: what a signaling loop calls. Gives the answer to send back, if it
    /// was an offer and is taken. An offer that crossed ours and gave way, and what came too late, is no error here.
    /// Rows P11, P12.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`], [`SessionError::Description`], [`SessionError::Rtc`]. The peer is as it was before.
    pub async fn accept_description<D: TryInto<Description>>(
        &self,
        peer: &str,
        description: D,
    ) -> Result<Option<Description>, SessionError>
    where
        SessionError: From<D::Error>,
    {
        let link = self.inner.link(peer)?;
        let description = description.try_into()?;
        let result = match description.kind {
            DescriptionKind::Offer => link.peer.accept_offer(&description).await.map(Some),
            DescriptionKind::Answer => link.peer.accept_answer(&description).await.map(|()| None),
        };
        match result {
            Err(RtcError::Glare | RtcError::OutOfPlace { reason: Refusal::Late | Refusal::NoOffer, .. }) => Ok(None),
            result => Ok(result?),
        }
    }

    /// Takes one of the peer's candidates, typed or as JSON text (W3C `addIceCandidate`). Row P13. Those that come before
    /// the description of their ICE session wait for it, up to 128; those of a description that was ignored, or of a
    /// session that is over, are dropped without a word. An empty one says that there will be no more.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`], [`SessionError::Description`], [`SessionError::Rtc`].
    pub async fn accept_candidate<C: TryInto<Candidate>>(&self, peer: &str, candidate: C) -> Result<(), SessionError>
    where
        SessionError: From<C::Error>,
    {
        let link = self.inner.link(peer)?;
        Ok(link.peer.accept_candidate(candidate.try_into()?).await?)
    }

    /// Our newest offer or answer for the peer with every candidate inside: waits until gathering is complete, at most
    /// 15 s. Row P14. With it, two people can connect by two texts and no signaling server; it is also told as
    /// [`SessionEvent::OfferWithCandidates`](super::SessionEvent::OfferWithCandidates) or
    /// [`SessionEvent::AnswerWithCandidates`](super::SessionEvent::AnswerWithCandidates).
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`]; [`SessionError::Rtc`] with [`RtcError::Negotiation`] where there is no description
    /// yet, [`RtcError::Stuck`] where a STUN or TURN server keeps us waiting.
    pub async fn complete_description(&self, peer: &str) -> Result<Description, SessionError> {
        Ok(self.inner.link(peer)?.peer.complete_description().await?)
    }

    /// Makes an offer that restarts ICE (W3C `restartIce`): new credentials, new sockets on the addresses of the moment,
    /// new candidates, at both sides. Row P17. Keys, tracks and channels stay as they are. From here until the answer is
    /// there, nothing comes through: the old path is given up with its sockets.
    ///
    /// While an offer without a restart is out, that one is given again, and the restart is due
    /// ([`SessionEvent::NegotiationNeeded`](super::SessionEvent::NegotiationNeeded)) once it was answered.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`], [`SessionError::Rtc`].
    pub async fn restart_ice(&self, peer: &str) -> Result<Description, SessionError> {
        Ok(self.inner.link(peer)?.peer.restart_ice().await?)
    }

    /// Where the negotiation with the peer is.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub fn signaling_state(&self, peer: &str) -> Result<SignalingState, SessionError> {
        Ok(self.states(peer)?.signaling)
    }

    /// Where the connection with the peer is.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub fn connection_state(&self, peer: &str) -> Result<ConnectionState, SessionError> {
        Ok(self.states(peer)?.connection)
    }

    /// Where the path to the peer is.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub fn ice_connection_state(&self, peer: &str) -> Result<IceConnectionState, SessionError> {
        Ok(self.states(peer)?.ice)
    }

    /// Where the gathering of our candidates for the peer is.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub fn ice_gathering_state(&self, peer: &str) -> Result<IceGatheringState, SessionError> {
        Ok(self.states(peer)?.gathering)
    }

    fn states(&self, peer: &str) -> Result<States, SessionError> {
        let link = self.inner.link(peer)?;
        let states = link.peer.states();
        // The peer's end is heard of on the channels before the connection itself notices.
        let ended = link.ended.load(std::sync::atomic::Ordering::Relaxed);
        Ok(if ended { States { connection: ConnectionState::Closed, ..states } } else { states })
    }
}
