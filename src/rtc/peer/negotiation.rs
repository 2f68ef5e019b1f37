//! Offers, answers and candidates (RFC 9429, RFC 8838): one negotiation at a time, and one that fails leaves all as it was.

use std::sync::PoisonError;
use std::time::Duration;

use webrtc::peer_connection::{RTCIceCandidateInit, RTCSdpType, RTCSessionDescription};

use super::{EARLY_CANDIDATES, Peer, Signal, limited};
use crate::rtc::description::{Candidate, Description, DescriptionKind};
use crate::rtc::engine::RtcError;
use crate::rtc::ice::shown_in;

/// Longest wait for host candidates, so that a description can carry them.
const GATHER: Duration = Duration::from_millis(50);

impl Peer {
    /// Makes an offer and takes it in force here.
    ///
    /// # Errors
    /// [`RtcError::Negotiation`], [`RtcError::Stuck`].
    pub async fn create_offer(&self) -> Result<Description, RtcError> {
        let _one = self.negotiation.lock().await;
        let wrong = |e: webrtc::error::Error| RtcError::Negotiation { what: "offer", reason: e.to_string() };
        let channels = self.own_channels.lock().unwrap_or_else(PoisonError::into_inner).take();
        for config in channels.into_iter().flatten() {
            self.create_channel(&config).await.map_err(wrong)?;
        }
        let offer = limited(self.connection.create_offer(None)).await?.map_err(wrong)?;
        self.describe(DescriptionKind::Offer, offer).await.map_err(wrong)
    }

    /// Takes the other side's offer and makes the answer.
    ///
    /// # Errors
    /// [`RtcError::Description`] where it cannot be used; the connection is as before.
    pub async fn accept_offer(&self, offer: &Description) -> Result<Description, RtcError> {
        let mut early = self.negotiation.lock().await;
        let wrong = |e: webrtc::error::Error| RtcError::Description { what: "offer", reason: e.to_string() };
        if offer.kind != DescriptionKind::Offer {
            return Err(RtcError::Description { what: "offer", reason: "it is an answer".to_owned() });
        }
        let parsed = RTCSessionDescription::offer(offer.sdp.clone()).map_err(wrong)?;
        complete(&offer.sdp).map_err(|reason| RtcError::Description { what: "offer", reason })?;
        self.set_remote(parsed).await.map_err(wrong)?;
        self.look_up_all(&offer.sdp);
        // Their channels come with the offer: those we declared are opened by them.
        self.own_channels.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.flush(&mut early).await;
        let wrong = |e: webrtc::error::Error| RtcError::Negotiation { what: "answer", reason: e.to_string() };
        let answer = limited(self.connection.create_answer(None)).await?.map_err(wrong)?;
        self.describe(DescriptionKind::Answer, answer).await.map_err(wrong)
    }

    /// Takes the other side's answer.
    ///
    /// # Errors
    /// [`RtcError::Description`] where it cannot be used; the connection is as before.
    pub async fn accept_answer(&self, answer: &Description) -> Result<(), RtcError> {
        let mut early = self.negotiation.lock().await;
        let wrong = |e: webrtc::error::Error| RtcError::Description { what: "answer", reason: e.to_string() };
        if answer.kind != DescriptionKind::Answer {
            return Err(RtcError::Description { what: "answer", reason: "it is an offer".to_owned() });
        }
        let parsed = RTCSessionDescription::answer(answer.sdp.clone()).map_err(wrong)?;
        complete(&answer.sdp).map_err(|reason| RtcError::Description { what: "answer", reason })?;
        let sections = |sdp: &str| sdp.lines().filter(|line| line.starts_with("m=")).count();
        let offered = self.connection.local_description().await.map_or(0, |offer| sections(&offer.sdp));
        if sections(&answer.sdp) != offered {
            let reason = format!("it answers {} of {offered} media sections", sections(&answer.sdp));
            return Err(RtcError::Description { what: "answer", reason });
        }
        limited(self.connection.set_remote_description(parsed)).await?.map_err(wrong)?;
        self.look_up_all(&answer.sdp);
        self.flush(&mut early).await;
        Ok(())
    }

    /// Takes one of the other side's candidates.
    ///
    /// # Errors
    /// [`RtcError::Candidate`].
    pub async fn accept_candidate(&self, candidate: Candidate) -> Result<(), RtcError> {
        if candidate.is_last() {
            return Ok(());
        }
        let line = candidate.candidate.strip_prefix("candidate:").unwrap_or(&candidate.candidate);
        rtc::ice::candidate::unmarshal_candidate(line).map_err(|e| RtcError::Candidate(e.to_string()))?;
        let mut early = self.negotiation.lock().await;
        match early.as_mut() {
            Some(early) if early.len() < EARLY_CANDIDATES => {
                early.push(candidate);
                Ok(())
            }
            Some(_) => Err(RtcError::Candidate("too many before the description".to_owned())),
            None => self.add(candidate).await,
        }
    }

    /// Takes our description in force and gives it with the candidates known after a moment.
    async fn describe(
        &self,
        kind: DescriptionKind,
        description: RTCSessionDescription,
    ) -> webrtc::error::Result<Description> {
        let _ = self.shared.first_mid.set(first_mid(&description.sdp));
        *self.shared.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
        let mut gathered = self.shared.gathered.subscribe();
        let text = description.sdp.clone();
        let result = self.connection.set_local_description(description).await;
        if result.is_ok() {
            let _ = tokio::time::timeout(GATHER, gathered.wait_for(|gathered| *gathered)).await;
        }
        let sdp = self.connection.local_description().await.map_or(text, |description| description.sdp);
        let sdp = shown_in(&sdp, self.shared.relay_only);
        let held = self.shared.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        for candidate in held.into_iter().flatten() {
            if !sdp.contains(&candidate.candidate) {
                self.shared.signal(Signal::Candidate(candidate));
            }
        }
        result.map(|()| Description { kind, sdp })
    }

    /// Takes a remote offer in force, or leaves everything as it was.
    async fn set_remote(&self, description: RTCSessionDescription) -> webrtc::error::Result<()> {
        let result = self.connection.set_remote_description(description).await;
        if result.is_err() && self.connection.pending_remote_description().await.is_some() {
            let mut rollback = RTCSessionDescription::default();
            rollback.sdp_type = RTCSdpType::Rollback;
            if let Err(e) = self.connection.set_remote_description(rollback).await {
                tracing::warn!("a refused offer could not be rolled back: {e}");
            }
        }
        result
    }

    async fn flush(&self, early: &mut Option<Vec<Candidate>>) {
        for candidate in early.take().into_iter().flatten() {
            if let Err(e) = self.add(candidate).await {
                tracing::debug!("an early candidate is of no use: {e}");
            }
        }
    }

    async fn add(&self, candidate: Candidate) -> Result<(), RtcError> {
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

/// Looks for what every usable description has, before anything is changed by it: the crate finds some of it missing
/// only when it is half applied.
fn complete(sdp: &str) -> Result<(), String> {
    for needed in ["m=", "a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:"] {
        if !sdp.lines().any(|line| line.len() > needed.len() && line.starts_with(needed)) {
            return Err(format!("it has no line “{needed}…”"));
        }
    }
    // RFC 9143 §7.1: the group names sections of this description. One that is missing was cut off on the way.
    let mids: Vec<&str> = sdp.lines().filter_map(|line| line.strip_prefix("a=mid:")).map(str::trim).collect();
    let bundled = sdp.lines().filter_map(|line| line.strip_prefix("a=group:BUNDLE")).flat_map(str::split_whitespace);
    match bundled.into_iter().find(|mid| !mids.contains(mid)) {
        Some(mid) => Err(format!("it bundles a section “{mid}” that it does not have")),
        None => Ok(()),
    }
}

fn first_mid(sdp: &str) -> String {
    sdp.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap_or("0").trim().to_owned()
}
