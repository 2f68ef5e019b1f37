//! How two peer connections come to agree, and agree again, on what they send each other: *perfect negotiation*
//! (W3C WebRTC §10.7, RFC 9429), as a machine that knows neither the connection nor the signaling.
//!
//! Either side may make an offer at any time. Where two offers cross (*glare*), the polite side takes its own back
//! (*rollback*), answers the other's and offers anew afterwards; the impolite side ignores the offer. One side must be
//! polite and the other not. Our own descriptions say which their maker is ([`Description::polite`]): where both are the
//! same, the one with the lower session number gives way.
//!
//! What the machine is told is an [`Input`], what it wants done an [`Output`]. Operations on the connection
//! ([`Output::MakeOffer`] to [`Output::TakeAnswer`]) are wanted one at a time: nothing else is wanted before the outcome
//! is told ([`Input::Made`], [`Input::Done`], [`Input::Failed`], [`Input::Lost`]); what else is told meanwhile waits its
//! turn. An operation that failed must have changed nothing.
//!
//! # What signaling must do, and what is mended here
//! Messages may be late, out of order, doubled or lost, as long as one that is said again and again arrives in the end:
//! - *Old descriptions.* Each side counts the versions of its descriptions up (RFC 3264 §8). What is older than the
//!   newest one that was taken is [`Refusal::Late`]: it was taken back, or answers an offer that was. An offer that was
//!   ignored does not count as taken. Our own answers also say which offer they answer ([`Description::answers`]).
//! - *Lost descriptions.* Nobody can know that a description was lost but the side that waits for an answer. It asks for
//!   an offer again ([`Input::Offer`] while one is out): the same offer is sent once more. An offer that was answered
//!   before gets the same answer once more, and nothing else happens by it.
//! - *Candidates* wait for the description of their ICE session, by user fragment; those of a description that was
//!   ignored or is over are dropped without a word.
//!
//! Invariants: whoever is stable has no offer out; [`Output::Needed`] is told only while stable and not twice between
//! two agreements; a wish to restart ICE is in force until an offer that carries it was answered.

use std::collections::VecDeque;

use crate::model::description::{Candidate, Description, DescriptionKind, Origin};

/// Candidates kept until their description comes. Overflow: the newest is refused.
const HELD: usize = 128;

/// ICE sessions of the other side that are over, or of offers that were ignored. Overflow: the oldest is forgotten.
const REMEMBERED: usize = 16;

/// What waits while an operation runs. Overflow: the newest is refused.
const WAITING: usize = 256;

/// Where a negotiation is (W3C `RTCSignalingState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignalingState {
    /// Nothing is being negotiated.
    #[default]
    Stable,
    /// Our offer is out.
    HaveLocalOffer,
    /// Their offer is being answered.
    HaveRemoteOffer,
    /// The connection is closed.
    Closed,
}

/// What the machine is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The connection looked and found that what was agreed on is no longer what it wants.
    Needed,
    /// An offer is wanted now; with `restart` one that restarts ICE. While one is out it is said again.
    Offer {
        /// With new ICE credentials.
        restart: bool,
    },
    /// The other side said this.
    Said(Description),
    /// A candidate of the other side.
    Candidate(Candidate),
    /// What [`Output::MakeOffer`] or [`Output::TakeOffer`] asked for.
    Made(Description),
    /// [`Output::RollBack`] or [`Output::TakeAnswer`] is done.
    Done,
    /// The operation was not possible, and all is as before it.
    Failed,
    /// Taking an answer was not possible, and our offer is no longer in force by it: it is made again.
    Lost,
}

/// What the machine wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Make an offer and take it in force here: [`Input::Made`] or [`Input::Failed`].
    MakeOffer {
        /// With new ICE credentials.
        restart: bool,
    },
    /// Take our own offer back: [`Input::Done`] or [`Input::Failed`].
    RollBack,
    /// Take this offer of theirs, make the answer and take it in force: [`Input::Made`] with it, or [`Input::Failed`].
    TakeOffer(Description),
    /// Take this answer to our offer: [`Input::Done`] or [`Input::Failed`].
    TakeAnswer(Description),
    /// Give this candidate to the connection. Nothing is told about it.
    Add(Candidate),
    /// Send this to the other side.
    Send(Description),
    /// Tell the application that an offer should be made.
    Needed,
    /// Tell whoever handed in the description or candidate why it was not taken.
    Refused(Refusal),
}

/// Why a description or a candidate was not taken. Nothing has changed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Both sides made an offer at once, and ours holds.
    #[error("both sides made an offer at once and this side's holds; wait for the answer to it")]
    Glare,
    /// There is a newer one from the same side.
    #[error("a newer one of the other side was taken already")]
    Late,
    /// No offer of ours is out: there never was one, or it was answered.
    #[error("no offer of this side waits for an answer")]
    NoOffer,
    /// Far too many wait.
    #[error("too many came before what they belong to")]
    TooMany,
}

#[derive(Debug)]
enum Doing {
    MakingOffer { restart: bool },
    RollingBack(Description),
    TakingOffer { offer: Description, gave_way: Option<bool> },
    TakingAnswer(Description),
}

#[derive(Debug)]
struct Offered {
    offer: Description,
    restart: bool,
}

/// The machine: one for each peer connection.
#[derive(Debug)]
pub struct Negotiation {
    polite: bool,
    offered: Option<Offered>,
    doing: Option<Doing>,
    waiting: VecDeque<Input>,
    /// ICE is to be restarted by the next offer.
    restart: bool,
    /// An offer is due; told as soon as nothing else happens, and once until the next agreement.
    due: bool,
    told: bool,
    /// The newest description of theirs that was taken.
    taken: Option<Description>,
    /// Our answer to it, if it was an offer.
    answer: Option<Description>,
    /// Offers of theirs that were ignored: a later one may name the same ICE session, or they may say the same again.
    ignored: VecDeque<(Option<Origin>, String)>,
    /// ICE session of theirs that is in force; `Some(None)` where the description names none.
    session: Option<Option<String>>,
    over: VecDeque<String>,
    held: VecDeque<Candidate>,
    out: VecDeque<Output>,
}

impl Negotiation {
    /// Nothing agreed on yet. `polite` gives way on glare.
    pub fn new(polite: bool) -> Self {
        Self {
            polite,
            offered: None,
            doing: None,
            waiting: VecDeque::new(),
            restart: false,
            due: false,
            told: false,
            taken: None,
            answer: None,
            ignored: VecDeque::new(),
            session: None,
            over: VecDeque::new(),
            held: VecDeque::new(),
            out: VecDeque::new(),
        }
    }

    /// Where it is; never [`SignalingState::Closed`], which only the connection knows.
    pub fn state(&self) -> SignalingState {
        match (&self.doing, &self.offered) {
            (Some(Doing::TakingOffer { .. }), _) => SignalingState::HaveRemoteOffer,
            (_, Some(_)) => SignalingState::HaveLocalOffer,
            _ => SignalingState::Stable,
        }
    }

    /// Whether ICE waits to be restarted.
    #[cfg(test)]
    fn wants_restart(&self) -> bool {
        self.restart
    }

    /// The next thing to do; ask until there is none, after each [`Negotiation::handle`].
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Takes note of something.
    pub fn handle(&mut self, input: Input) {
        match (input, self.doing.take()) {
            (Input::Made(description), Some(doing)) => self.made(doing, description),
            (Input::Done, Some(doing)) => self.done(doing),
            (Input::Failed, Some(doing)) => self.failed(doing),
            (Input::Lost, Some(_)) => {
                let restart = self.offered.take().is_some_and(|out| out.restart);
                self.start(Doing::MakingOffer { restart });
            }
            (Input::Made(_) | Input::Done | Input::Failed | Input::Lost, None) => {} // the outcome of nothing
            (input, Some(doing)) => {
                self.doing = Some(doing);
                match self.waiting.len() < WAITING {
                    true => self.waiting.push_back(input),
                    false => self.out.push_back(Output::Refused(Refusal::TooMany)),
                }
                return;
            }
            (input, None) => self.take(input),
        }
        while self.doing.is_none()
            && let Some(input) = self.waiting.pop_front()
        {
            self.take(input);
        }
        if self.due && self.doing.is_none() && self.offered.is_none() {
            self.due = false;
            if !std::mem::replace(&mut self.told, true) {
                self.out.push_back(Output::Needed);
            }
        }
    }

    /// Takes something while no operation runs.
    fn take(&mut self, input: Input) {
        match input {
            // While an offer is out the connection looks again once it was answered.
            Input::Needed => self.due = self.offered.is_none(),
            Input::Offer { restart } => self.offer(restart),
            Input::Said(description) => match description.kind {
                DescriptionKind::Offer => self.their_offer(description),
                DescriptionKind::Answer => self.their_answer(description),
            },
            Input::Candidate(candidate) => self.candidate(candidate),
            Input::Made(_) | Input::Done | Input::Failed | Input::Lost => {}
        }
    }

    fn start(&mut self, doing: Doing) {
        self.out.push_back(match &doing {
            Doing::MakingOffer { restart } => Output::MakeOffer { restart: *restart },
            Doing::RollingBack(_) => Output::RollBack,
            Doing::TakingOffer { offer, .. } => Output::TakeOffer(offer.clone()),
            Doing::TakingAnswer(answer) => Output::TakeAnswer(answer.clone()),
        });
        self.doing = Some(doing);
    }

    fn offer(&mut self, restart: bool) {
        match &self.offered {
            None => self.start(Doing::MakingOffer { restart: restart || self.restart }),
            Some(out) => {
                // One at a time: a restart that the offer does not carry follows the answer.
                self.restart |= restart && !out.restart;
                self.out.push_back(Output::Send(out.offer.clone()));
            }
        }
    }

    fn newest(&self) -> Option<Origin> {
        self.taken.as_ref().and_then(Description::origin)
    }

    fn is_late(&self, description: &Description) -> bool {
        match (self.newest(), description.origin()) {
            (Some(newest), Some(this)) => newest.session == this.session && this.version < newest.version,
            _ => false,
        }
    }

    /// Whether it is the one that was taken last. Ours count every description; others may leave the version as it is
    /// where nothing changed (RFC 9429 §5.2.2).
    fn is_again(&self, description: &Description) -> bool {
        self.taken.as_ref().is_some_and(|taken| {
            let same_version = description.polite().is_some() && taken.origin() == description.origin();
            taken.kind == description.kind && (same_version || taken.sdp == description.sdp)
        })
    }

    /// Whether this is the answer to the offer that is out, as far as it says.
    fn is_answered_by(&self, answer: &Description) -> bool {
        let offer = self.offered.as_ref().and_then(|out| out.offer.origin());
        answer.answers().zip(offer).is_none_or(|(answers, offer)| answers == offer.version)
    }

    fn their_offer(&mut self, offer: Description) {
        if self.is_late(&offer) {
            self.late(&offer);
        } else if let Some(answer) = self.answer.clone().filter(|_| self.is_again(&offer)) {
            self.out.push_back(Output::Send(answer));
        } else if self.offered.is_none() {
            self.start(Doing::TakingOffer { offer, gave_way: None });
        } else if self.gives_way(&offer) {
            self.start(Doing::RollingBack(offer));
        } else {
            if let Some(fragment) = offer.username_fragment() {
                remember(&mut self.ignored, (offer.origin(), fragment.to_owned()));
            }
            self.out.push_back(Output::Refused(Refusal::Glare));
        }
    }

    fn gives_way(&self, theirs: &Description) -> bool {
        let ours = self.offered.as_ref().and_then(|out| out.offer.origin());
        match (theirs.polite(), ours, theirs.origin()) {
            (Some(polite), Some(ours), Some(theirs)) if polite == self.polite => ours.session < theirs.session,
            _ => self.polite,
        }
    }

    fn late(&mut self, description: &Description) {
        if let Some(fragment) = description.username_fragment() {
            self.close_session(fragment.to_owned());
        }
        self.out.push_back(Output::Refused(Refusal::Late));
    }

    fn their_answer(&mut self, answer: Description) {
        if self.offered.is_none() {
            self.out.push_back(Output::Refused(Refusal::NoOffer));
        } else if self.is_late(&answer) || self.is_again(&answer) || !self.is_answered_by(&answer) {
            self.late(&answer);
        } else {
            self.start(Doing::TakingAnswer(answer));
        }
    }

    fn made(&mut self, doing: Doing, description: Description) {
        match doing {
            Doing::MakingOffer { restart } => {
                // From here on the wish is the offer's.
                self.restart &= !restart;
                self.out.push_back(Output::Send(description.clone()));
                self.offered = Some(Offered { offer: description, restart });
            }
            Doing::TakingOffer { offer, gave_way } => {
                self.out.push_back(Output::Send(description.clone()));
                self.answer = Some(description);
                self.restart |= gave_way.unwrap_or(false);
                self.agreed(offer);
            }
            other => self.doing = Some(other),
        }
    }

    fn done(&mut self, doing: Doing) {
        match doing {
            Doing::RollingBack(offer) => {
                let gave_way = self.offered.take().map(|out| out.restart);
                self.start(Doing::TakingOffer { offer, gave_way });
            }
            Doing::TakingAnswer(answer) => {
                (self.offered, self.answer) = (None, None);
                self.agreed(answer);
            }
            other => self.doing = Some(other),
        }
    }

    fn failed(&mut self, doing: Doing) {
        match doing {
            // Ours was taken back for one that is of no use: it is made again.
            Doing::TakingOffer { gave_way: Some(restart), .. } => self.start(Doing::MakingOffer { restart }),
            Doing::MakingOffer { .. } | Doing::RollingBack(_) | Doing::TakingOffer { .. } | Doing::TakingAnswer(_) => {}
        }
    }

    /// A description of theirs is in force, and we are stable.
    fn agreed(&mut self, theirs: Description) {
        let session = theirs.username_fragment().map(str::to_owned);
        // Their offer restarted ICE, on both sides: so was our wish granted.
        if theirs.kind == DescriptionKind::Offer && self.session.as_ref().is_some_and(|before| *before != session) {
            self.restart = false;
        }
        // The connection looks for anything else that it wants; of this it knows nothing.
        (self.due, self.told) = (self.restart, false);
        if let Some(Some(old)) = self.session.replace(session) {
            self.close_session(old);
        }
        let newest = theirs.origin();
        self.taken = Some(theirs);
        for (origin, fragment) in std::mem::take(&mut self.ignored) {
            match (origin, newest) {
                // Answered before they made it: they will say it again.
                (Some(ignored), Some(newest)) if ignored.version > newest.version => {
                    self.ignored.push_back((origin, fragment));
                }
                _ => self.close_session(fragment),
            }
        }
        for candidate in std::mem::take(&mut self.held) {
            self.candidate(candidate);
        }
    }

    /// No candidates are wanted any more of an ICE session, unless it is the one in force.
    fn close_session(&mut self, fragment: String) {
        if !matches!(&self.session, Some(Some(session)) if *session == fragment) {
            remember(&mut self.over, fragment);
        }
    }

    fn candidate(&mut self, candidate: Candidate) {
        let known = match (&self.session, candidate.fragment()) {
            (None, _) => false,
            (Some(Some(session)), Some(fragment)) => session == fragment,
            (Some(_), _) => true, // it says nothing else
        };
        if known {
            self.out.push_back(Output::Add(candidate));
        } else if candidate.fragment().is_some_and(|fragment| self.over.iter().any(|over| over == fragment)) {
            // of a session that is over
        } else if self.held.len() < HELD {
            // Also those of an offer that is ignored: the answer may yet name the same session.
            self.held.push_back(candidate);
        } else {
            self.out.push_back(Output::Refused(Refusal::TooMany));
        }
    }
}

/// Overflow: the oldest is forgotten.
fn remember<T>(kept: &mut VecDeque<T>, new: T) {
    if kept.len() == REMEMBERED {
        kept.pop_front();
    }
    kept.push_back(new);
}

#[cfg(test)]
mod tests;
