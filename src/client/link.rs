//! The work of one call on the session, in order, on a task of its own, so that a slow step never holds the actor.
//!
//! Each step has a limit; what comes of it goes back to the actor as [`Done`]. Messages of the data channels have a
//! second task: a channel that is full must not hold back a candidate.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::actor::Beside;
use super::wire::{CHAT, FILES};
use crate::call::control::Control;
use crate::model::body::Body;
use crate::session::{
    CONTROL, Candidate, ChannelConfig, Description, DescriptionKind, Message, PeerConfig, Session, SessionError,
    SignalingState, TransportPolicy,
};

/// Longest a step may take. Descriptions take milliseconds; a machine under load may need a second.
const STEP: Duration = Duration::from_secs(5);

/// How long a later offer waits for its answer before it is sent again: it may have been lost with the server.
const ASK_AGAIN: Duration = Duration::from_secs(3);

/// Longest that saying bye may take before the connection is closed under it.
const BYE: Duration = Duration::from_millis(250);

/// One step.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Build the connection, without a word to anybody.
    Prepare {
        /// Gives way when both sides make an offer at once.
        polite: bool,
        /// By relays only.
        relay_only: bool,
    },
    /// Make the first offer.
    Offer,
    /// Take their first offer and answer it.
    Answer(String),
    /// Make a later offer: what was agreed on is no longer what we want.
    OfferAgain,
    /// Make an offer for another path.
    RestartIce,
    /// Take their answer to the first offer.
    TakeAnswer(String),
    /// Take a later offer or answer of theirs.
    Take(DescriptionKind, String),
    /// Take a candidate of theirs.
    Candidate(Candidate),
}

/// What came of a step.
#[derive(Debug)]
pub(super) enum Done {
    /// The connection is there, and with it the player of their pictures.
    Prepared,
    /// Our first offer, or our answer to theirs.
    Described(String),
    /// A later offer of ours, or our answer to one of theirs.
    Renegotiated(Body),
    /// A step without which there is no call failed, with what happened.
    Failed(String),
}

/// The two tasks. Ended by [`Link::close`].
pub(super) struct Link {
    peer: String,
    session: Session,
    steps: mpsc::Sender<Step>,
    frames: mpsc::Sender<(&'static str, String)>,
    tasks: [JoinHandle<()>; 2],
}

impl Link {
    /// With the peer called `peer` in the session. Results go to `done`.
    pub(super) fn start(session: &Session, peer: String, done: mpsc::Sender<Beside>) -> Self {
        let (steps, mut next_step) = mpsc::channel(128);
        let (frames, mut next_frame) = mpsc::channel(1024);
        let worker = Worker { session: session.clone(), peer: peer.clone() };
        let stepping = tokio::spawn(async move {
            let mut offered = None;
            loop {
                let step = tokio::select! {
                    step = next_step.recv() => match step {
                        Some(step) => step,
                        None => return,
                    },
                    () = sleep_until(offered.unwrap_or_else(Instant::now)), if offered.is_some() => {
                        offered = None;
                        if !worker.waits() {
                            continue;
                        }
                        Step::OfferAgain
                    }
                };
                if matches!(step, Step::OfferAgain | Step::RestartIce) {
                    offered = Some(Instant::now() + ASK_AGAIN);
                }
                let word = word(&step);
                let result = match timeout(STEP, worker.step(step)).await {
                    Ok(result) => result,
                    Err(_) => Err((true, format!("{word} took longer than {} seconds", STEP.as_secs()))),
                };
                let result = match result {
                    Ok(Some(done)) => done,
                    Ok(None) => continue,
                    Err((true, why)) => Done::Failed(why),
                    Err((false, why)) => {
                        tracing::debug!("{word}: {why}");
                        continue;
                    }
                };
                // overflow: await; the actor reads
                if done.send(Beside::Step(worker.peer.clone(), result)).await.is_err() {
                    return;
                }
            }
        });
        let (sender, name) = (session.clone(), peer.clone());
        let sending = tokio::spawn(async move {
            while let Some((channel, frame)) = next_frame.recv().await {
                if let Err(e) = sender.send(&name, channel, Message::Text(frame)).await {
                    tracing::debug!("{channel}: {e}");
                }
            }
        });
        Self { peer, session: session.clone(), steps, frames, tasks: [stepping, sending] }
    }

    /// What the session calls the peer.
    pub(super) fn peer(&self) -> &str {
        &self.peer
    }

    /// Adds a step.
    pub(super) fn step(&self, step: Step) {
        // overflow: refuse; 128 steps behind, the call is broken and its own limits end it
        if self.steps.try_send(step).is_err() {
            tracing::warn!("a step of the call was lost");
        }
    }

    /// Says something on the control channel.
    pub(super) fn control(&self, control: &Control) {
        self.frame(CONTROL, control.encode());
    }

    /// Says something on the chat channel.
    pub(super) fn chat(&self, frame: String) {
        self.frame(CHAT, frame);
    }

    fn frame(&self, channel: &'static str, frame: String) {
        // overflow: refuse; a text without acknowledgement is shown as not received
        if self.frames.try_send((channel, frame)).is_err() {
            tracing::warn!("a message on {channel} was lost: the other side takes nothing");
        }
    }

    /// Says bye and closes the connection.
    pub(super) async fn close(self) {
        let bye = Message::Text(Control::Bye.encode());
        // Not open, or nobody there to read it: the signaling server carries a bye as well.
        let _ = timeout(BYE, self.session.send(&self.peer, CONTROL, bye)).await;
        for task in &self.tasks {
            task.abort();
        }
        self.session.close_peer(&self.peer).await;
    }
}

fn word(step: &Step) -> &'static str {
    match step {
        Step::Prepare { .. } => "preparing the connection",
        Step::Offer => "making an offer",
        Step::Answer(_) => "answering the offer",
        Step::OfferAgain => "making a later offer",
        Step::RestartIce => "making an offer for another path",
        Step::TakeAnswer(_) => "taking the answer",
        Step::Take(..) => "taking a later offer or answer",
        Step::Candidate(_) => "taking a candidate",
    }
}

struct Worker {
    session: Session,
    peer: String,
}

impl Worker {
    /// Whether an offer of ours has no answer yet.
    fn waits(&self) -> bool {
        self.session.signaling_state(&self.peer).is_ok_and(|state| state == SignalingState::HaveLocalOffer)
    }

    /// Does it. The error says whether the call cannot go on without.
    async fn step(&self, step: Step) -> Result<Option<Done>, (bool, String)> {
        let fatal = |e: SessionError| (true, e.to_string());
        let harmless = |e: SessionError| (false, e.to_string());
        let (session, peer) = (&self.session, self.peer.as_str());
        match step {
            Step::Prepare { polite, relay_only } => {
                let channels = vec![ChannelConfig::reliable(CHAT), ChannelConfig::reliable(FILES)];
                let policy = if relay_only { TransportPolicy::Relay } else { TransportPolicy::All };
                let config = PeerConfig { channels, polite, policy, ..PeerConfig::default() };
                session.add_peer(peer, config).await.map_err(fatal)?;
                Ok(Some(Done::Prepared))
            }
            Step::Offer => Ok(Some(Done::Described(session.create_offer(peer).await.map_err(fatal)?.sdp))),
            Step::Answer(sdp) => {
                let offer = Description { kind: DescriptionKind::Offer, sdp };
                Ok(Some(Done::Described(session.accept_offer(peer, offer).await.map_err(fatal)?.sdp)))
            }
            Step::OfferAgain => {
                let sdp = session.create_offer(peer).await.map_err(harmless)?.sdp;
                Ok(Some(Done::Renegotiated(Body::Offer { sdp })))
            }
            Step::RestartIce => {
                let sdp = session.restart_ice(peer).await.map_err(harmless)?.sdp;
                Ok(Some(Done::Renegotiated(Body::Offer { sdp })))
            }
            Step::Take(kind, sdp) => {
                let answer = session.accept_description(peer, Description { kind, sdp }).await.map_err(harmless)?;
                Ok(answer.map(|answer| Done::Renegotiated(Body::Answer { sdp: answer.sdp })))
            }
            Step::TakeAnswer(sdp) => {
                let answer = Description { kind: DescriptionKind::Answer, sdp };
                session.accept_answer(peer, answer).await.map_err(fatal)?;
                Ok(None)
            }
            Step::Candidate(candidate) => {
                // One bad candidate is no reason to end a call: there are others.
                session.accept_candidate(peer, candidate).await.map_err(harmless)?;
                Ok(None)
            }
        }
    }
}
