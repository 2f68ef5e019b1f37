//! Offers, answers and candidates (RFC 9429, RFC 8838): what [`Negotiation`] wants, done on the connection, one
//! operation at a time, and one that fails leaves all as it was.
//!
//! The crate knows no implicit rollback and writes random versions: both are mended here and in [`sdp::stamped`]. A path that is restarted gets
//! new sockets on the addresses of the moment, at either side.
//!
//! [`Negotiation`]: crate::call::negotiation::Negotiation

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rtc::peer_connection::configuration::RTCOfferOptions;
use webrtc::peer_connection::{RTCIceCandidateInit, RTCSdpType, RTCSessionDescription};

use super::state::{IceGatheringState, SignalingState};
use super::tracks::open_gates;
use super::{Negotiating, Peer, Signal, late, limited};
use crate::call::negotiation::{Input, Output, Refusal};
use crate::rtc::description::{Candidate, Description, DescriptionKind};
use crate::rtc::engine::RtcError;
use crate::rtc::foreign::one_layer;
use crate::rtc::sdp::{self, Setup};
use crate::rtc::sound::{Sound, with_red_first, without_odd_red};

/// Longest wait for host candidates, so that a description can carry them.
const GATHER: Duration = Duration::from_millis(50);

/// Longest wait for all candidates: what a server that does not answer may take, and some more.
const GATHER_ALL: Duration = Duration::from_secs(15);

impl Peer {
    /// Makes an offer and takes it in force here; while one is out, the same again.
    ///
    /// # Errors
    /// [`RtcError::Negotiation`], [`RtcError::Stuck`].
    pub async fn create_offer(&self) -> Result<Description, RtcError> {
        self.offer(false).await
    }

    /// The same with new ICE credentials, sockets and candidates. While an offer is out, the restart follows its answer
    /// ([`Signal::Needed`]).
    ///
    /// # Errors
    /// [`RtcError::Negotiation`], [`RtcError::Stuck`].
    pub async fn restart_ice(&self) -> Result<Description, RtcError> {
        self.offer(true).await
    }

    async fn offer(&self, restart: bool) -> Result<Description, RtcError> {
        let mut negotiating = self.negotiation.lock().await;
        let offer = self.drive(&mut negotiating, Input::Offer { restart }).await?;
        self.with_candidates(offer, "offer").await
    }

    /// Takes the other side's offer and makes the answer.
    ///
    /// # Errors
    /// [`RtcError::Glare`] where an offer of ours is out and we do not give way; [`RtcError::OutOfPlace`];
    /// [`RtcError::Description`] where it cannot be used. The connection is as before.
    pub async fn accept_offer(&self, offer: &Description) -> Result<Description, RtcError> {
        if offer.kind != DescriptionKind::Offer {
            return Err(RtcError::Description { what: "offer", reason: "it is an answer".to_owned() });
        }
        let wrong = |reason| RtcError::Description { what: "offer", reason };
        // Looked at before our own offer is taken back for it.
        RTCSessionDescription::offer(offer.sdp.clone()).map_err(|e| wrong(e.to_string()))?;
        sdp::complete(&offer.sdp).map_err(wrong)?;
        let mut negotiating = self.negotiation.lock().await;
        let answer = self.drive(&mut negotiating, Input::Said(offer.clone())).await?;
        self.with_candidates(answer, "answer").await
    }

    /// Takes the other side's answer.
    ///
    /// # Errors
    /// [`RtcError::OutOfPlace`] where no offer waits for it, [`RtcError::Description`] where it cannot be used. The
    /// connection is as before.
    pub async fn accept_answer(&self, answer: &Description) -> Result<(), RtcError> {
        if answer.kind != DescriptionKind::Answer {
            return Err(RtcError::Description { what: "answer", reason: "it is an offer".to_owned() });
        }
        let mut negotiating = self.negotiation.lock().await;
        self.drive(&mut negotiating, Input::Said(answer.clone())).await?;
        Ok(())
    }

    /// Takes one of the other side's candidates; one that comes before its description waits for it.
    ///
    /// # Errors
    /// [`RtcError::Candidate`], [`RtcError::OutOfPlace`] where too many wait.
    pub async fn accept_candidate(&self, candidate: Candidate) -> Result<(), RtcError> {
        if !candidate.is_last() {
            let line = candidate.candidate.strip_prefix("candidate:").unwrap_or(&candidate.candidate);
            rtc::ice::candidate::unmarshal_candidate(line).map_err(|e| RtcError::Candidate(e.to_string()))?;
        }
        let mut negotiating = self.negotiation.lock().await;
        self.drive(&mut negotiating, Input::Candidate(candidate)).await?;
        Ok(())
    }

    /// Our newest description with every candidate, once all are known.
    ///
    /// # Errors
    /// [`RtcError::Negotiation`] where none was made yet, [`RtcError::Stuck`] where a server keeps us waiting for more
    /// than 15 s.
    pub async fn complete_description(&self) -> Result<Description, RtcError> {
        let none = |reason: &str| RtcError::Negotiation { what: "whole description", reason: reason.to_owned() };
        if self.shared.local().bare.is_none() {
            return Err(none("make an offer or take one first"));
        }
        let mut gathered = self.shared.gathered.subscribe();
        let all = tokio::time::timeout(GATHER_ALL, gathered.wait_for(|gathered| *gathered)).await;
        all.map_err(|_| RtcError::Stuck(GATHER_ALL))?.map_err(|_| none("the connection is closed"))?;
        self.shared.described().ok_or_else(|| none("the connection is closed"))
    }

    /// A description of ours with the candidates known after a moment.
    async fn with_candidates(&self, bare: Option<Description>, what: &'static str) -> Result<Description, RtcError> {
        let bare = bare.ok_or_else(|| RtcError::Negotiation { what, reason: "nothing came of it".to_owned() })?;
        let mut gathered = self.shared.gathered.subscribe();
        let _ = tokio::time::timeout(GATHER, gathered.wait_for(|gathered| *gathered)).await;
        Ok(self.shared.described().filter(|whole| whole.origin() == bare.origin()).unwrap_or(bare))
    }

    /// Tells the machine something and does all it wants. Gives the description it wants sent.
    pub(super) async fn drive(
        &self,
        negotiating: &mut Negotiating,
        input: Input,
    ) -> Result<Option<Description>, RtcError> {
        let what = match &input {
            Input::Said(description) if description.kind == DescriptionKind::Offer => "offer",
            Input::Said(_) => "answer",
            _ => "candidate",
        };
        let by_hand = matches!(input, Input::Candidate(_));
        let (mut said, mut error) = (None, None);
        negotiating.machine.handle(input);
        while let Some(output) = negotiating.machine.poll() {
            let outcome = match output {
                Output::MakeOffer { restart } => Some((self.make_offer(restart).await.map(Some), None)),
                Output::RollBack => Some((self.roll_back().await.map(|()| None), None)),
                Output::TakeOffer(offer) => Some((self.take_offer(&offer).await.map(Some), Some(offer))),
                Output::TakeAnswer(answer) => Some((self.take_answer(&answer).await.map(|()| None), Some(answer))),
                Output::Add(candidate) => {
                    match self.add(candidate).await {
                        Err(e) if by_hand => error = Some(e),
                        Err(e) => tracing::debug!("a candidate that waited is of no use: {e}"),
                        Ok(()) => {}
                    }
                    None
                }
                Output::Send(description) => {
                    self.tell(description.clone());
                    said = Some(description);
                    None
                }
                Output::Needed => {
                    self.shared.signal(Signal::Needed);
                    None
                }
                Output::Refused(Refusal::Glare) => {
                    error = Some(RtcError::Glare);
                    None
                }
                Output::Refused(reason) => {
                    error = Some(RtcError::OutOfPlace { what, reason });
                    None
                }
            };
            let Some((outcome, theirs)) = outcome else { continue };
            let settled = outcome.is_ok() && theirs.is_some();
            let answer = theirs.as_ref().is_some_and(|theirs| theirs.kind == DescriptionKind::Answer);
            negotiating.machine.handle(match outcome {
                Ok(Some(made)) => Input::Made(made),
                Ok(None) => Input::Done,
                Err(e) => {
                    error = error.or(Some(e));
                    // The crate may find out only when the answer is half applied, and cannot go back from there.
                    match answer && self.connection.pending_local_description().await.is_none() {
                        true => Input::Lost,
                        false => Input::Failed,
                    }
                }
            });
            self.shared.set_signaling(negotiating.machine.state());
            if let Some(theirs) = theirs.filter(|_| settled) {
                *self.shared.sound.lock().unwrap_or_else(PoisonError::into_inner) = Sound::of(&theirs.sdp);
                self.shared.outbound.repairs.set_understood(theirs.understands_repairs());
                self.look_up_all(&theirs.sdp);
                self.shared.tell_tracks(&theirs.sdp);
                self.open_own_gates().await;
                open_gates(&negotiating.extras).await;
                if self.differs().await {
                    negotiating.machine.handle(Input::Needed);
                }
            }
        }
        error.map_or(Ok(said), Err)
    }

    /// Tells a description of ours, then what was held back for it, and the whole of it once all candidates are known.
    fn tell(&self, description: Description) {
        let again = self.shared.local().held.is_none();
        let origin = description.origin();
        // Said again: candidates that were told once may be lost as well.
        let description = match again {
            true => self.shared.described().filter(|whole| whole.origin() == origin).unwrap_or(description),
            false => description,
        };
        self.shared.signal(Signal::Described(description));
        let (held, complete) = {
            let mut local = self.shared.local();
            (local.held.take(), std::mem::take(&mut local.complete))
        };
        for candidate in held.into_iter().flatten() {
            self.shared.signal(Signal::Candidate(candidate));
        }
        if complete {
            self.shared.tell_gathering(IceGatheringState::Complete);
        }
        let (shared, mut gathered) = (Arc::downgrade(&self.shared), self.shared.gathered.subscribe());
        self.shared.spawn(async move {
            if gathered.wait_for(|gathered| *gathered).await.is_err() {
                return;
            }
            let Some(shared) = shared.upgrade() else { return };
            if let Some(whole) = shared.described().filter(|whole| whole.origin() == origin) {
                shared.signal(Signal::Complete(whole));
            }
        });
    }

    async fn make_offer(&self, restart: bool) -> Result<Description, RtcError> {
        let wrong = |e: webrtc::error::Error| RtcError::Negotiation { what: "offer", reason: e.to_string() };
        let channels = self.own_channels.lock().unwrap_or_else(PoisonError::into_inner).take();
        for config in channels.into_iter().flatten() {
            late::create(&self.connection, &self.shared, &config).await.map_err(wrong)?;
        }
        let options = restart.then_some(RTCOfferOptions { ice_restart: true });
        let offer = limited(self.connection.create_offer(options)).await?.map_err(wrong)?;
        self.put_in_force(DescriptionKind::Offer, offer, None).await.map_err(wrong)
    }

    async fn roll_back(&self) -> Result<(), RtcError> {
        let wrong = |e: webrtc::error::Error| RtcError::Negotiation { what: "way back", reason: e.to_string() };
        limited(self.connection.set_local_description(rollback())).await?.map_err(wrong)
    }

    async fn take_offer(&self, offer: &Description) -> Result<Description, RtcError> {
        let wrong = |e: webrtc::error::Error| RtcError::Description { what: "offer", reason: e.to_string() };
        let parsed =
            RTCSessionDescription::offer(one_layer(&without_odd_red(&sdp::usable(&offer.sdp)))).map_err(wrong)?;
        let origin = offer.origin();
        self.shared.expect_tracks(&offer.sdp);
        let made = async {
            limited(self.connection.set_remote_description(parsed)).await?.map_err(wrong)?;
            self.shared.set_signaling(SignalingState::HaveRemoteOffer);
            let wrong = |e: webrtc::error::Error| RtcError::Negotiation { what: "answer", reason: e.to_string() };
            let mut answer = limited(self.connection.create_answer(None)).await?;
            if matches!(answer, Err(webrtc::error::Error::ErrSenderWithNoCodecs)) {
                self.give_up_video().await.map_err(wrong)?;
                answer = limited(self.connection.create_answer(None)).await?;
            }
            self.put_in_force(DescriptionKind::Answer, answer.map_err(wrong)?, origin.map(|origin| origin.version))
                .await
                .map_err(wrong)
        };
        let result = made.await;
        match &result {
            Ok(_) => {
                self.candidates.store(0, Ordering::Relaxed);
                self.open_rest(&offer.sdp);
            }
            Err(_) if self.connection.pending_remote_description().await.is_some() => {
                if let Err(e) = self.connection.set_remote_description(rollback()).await {
                    tracing::warn!("a refused offer could not be rolled back: {e}");
                }
            }
            Err(_) => {}
        }
        result
    }

    async fn take_answer(&self, answer: &Description) -> Result<(), RtcError> {
        let wrong = |reason: String| RtcError::Description { what: "answer", reason };
        let parsed = RTCSessionDescription::answer(without_odd_red(&sdp::usable(&answer.sdp)))
            .map_err(|e| wrong(e.to_string()))?;
        sdp::complete(&answer.sdp).map_err(wrong)?;
        let offer = self.shared.local().bare.clone();
        offer.map_or(Ok(()), |offer| sdp::answers(&offer, answer)).map_err(wrong)?;
        self.shared.expect_tracks(&answer.sdp);
        self.network.answered(answer);
        limited(self.connection.set_remote_description(parsed)).await?.map_err(|e| wrong(e.to_string()))?;
        self.network.hear_again();
        let theirs = Setup::of(&answer.sdp);
        self.shared.local().setup.get_or_insert(theirs.map_or(Setup::Passive, Setup::opposite));
        self.candidates.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Takes our description in force, under the next version. Candidates found from here on are held until it is told.
    async fn put_in_force(
        &self,
        kind: DescriptionKind,
        description: RTCSessionDescription,
        answers: Option<u64>,
    ) -> webrtc::error::Result<Description> {
        let (bare, before, stamp, setup) = {
            let mut local = self.shared.local();
            let (stamp, setup) = (local.stamp, local.setup);
            local.stamp = sdp::Stamp { version: local.stamp.version + 1, answers, ..local.stamp };
            let mut bare =
                Description { kind, sdp: sdp::stamped(&with_red_first(&sdp::bare(&description.sdp)), &local.stamp) };
            if kind == DescriptionKind::Answer {
                // The crate always answers that it begins the handshake; once that has been, nothing changes it.
                let made = Setup::of(&bare.sdp).unwrap_or(Setup::Active);
                bare.sdp = sdp::with_setup(&bare.sdp, *local.setup.get_or_insert(made));
            }
            let before = local.bare.replace(bare.clone());
            if before.as_ref().and_then(Description::username_fragment) != bare.username_fragment() {
                local.known.clear();
            }
            local.held = Some(Vec::new());
            (bare, before, stamp, setup)
        };
        let same = before.as_ref().and_then(Description::username_fragment) == bare.username_fragment();
        if !same {
            self.shared.set_gathering(IceGatheringState::Gathering);
        }
        // Before the other side can know it, and send.
        self.shared.types.set(&bare.sdp);
        let result = self.connection.set_local_description(description).await;
        if result.is_err() {
            let mut local = self.shared.local();
            (local.bare, local.stamp, local.held, local.setup) = (before, stamp, None, setup);
        }
        result.map(|()| bare)
    }

    async fn add(&self, candidate: Candidate) -> Result<(), RtcError> {
        if self.candidates.fetch_add(1, Ordering::Relaxed) >= sdp::CANDIDATES {
            return Err(RtcError::Candidate("there were too many".to_owned()));
        }
        if self.look_up(&candidate) {
            return Ok(());
        }
        let candidate = RTCIceCandidateInit {
            candidate: candidate.candidate,
            sdp_mid: candidate.sdp_mid,
            sdp_mline_index: candidate.sdp_m_line_index,
            username_fragment: candidate.username_fragment,
            url: None,
        };
        limited(self.connection.add_ice_candidate(candidate)).await?.map_err(|e| RtcError::Candidate(e.to_string()))
    }
}

fn rollback() -> RTCSessionDescription {
    let mut rollback = RTCSessionDescription::default();
    rollback.sdp_type = RTCSdpType::Rollback;
    rollback
}
