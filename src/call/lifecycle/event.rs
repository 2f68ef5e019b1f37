//! What the machine is told and what it says.

use crate::model::body::{Body, Candidate};
use crate::model::id::{CallId, PeerId};
use crate::model::outcome::{Direction, Outcome};
use crate::model::snapshot::Stage;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Our person calls somebody. `call` is fresh.
    Call {
        /// A fresh ID for it.
        call: CallId,
        /// Whom.
        to: PeerId,
        /// With picture.
        video: bool,
    },
    /// Our person takes the incoming call.
    Accept {
        /// Which.
        call: CallId,
        /// With picture.
        video: bool,
    },
    /// Our person refuses the incoming call.
    Decline {
        /// Which.
        call: CallId,
    },
    /// Our person takes back, refuses or leaves whatever call there is.
    HangUp,
    /// What [`Output::MakeOffer`] or [`Output::MakeAnswer`] asked for.
    DescriptionReady {
        /// Of which call.
        call: CallId,
        /// SDP.
        sdp: String,
    },
    /// A later offer or answer of ours (`Body::Offer`, `Body::Answer`), to be sent if the call stands.
    Renegotiate {
        /// Of which call.
        call: CallId,
        /// The offer or the answer.
        body: Body,
    },
    /// A candidate of ours; before the description is sent it is held back.
    LocalCandidate {
        /// Of which call.
        call: CallId,
        /// The candidate.
        candidate: Candidate,
    },
    /// Somebody said something: proven to be from them and for us.
    Received {
        /// Who.
        from: PeerId,
        /// About which call.
        call: CallId,
        /// What.
        body: Body,
    },
    /// What we said did not arrive: they are not connected.
    Undeliverable {
        /// For whom it was.
        to: PeerId,
        /// About which call.
        call: CallId,
    },
    /// Somebody we talked to lost their connection to the server.
    Gone(PeerId),
    /// The server knows us, or not.
    Online(bool),
    /// The media path stands.
    MediaConnected(CallId),
    /// The media path broke and may come back.
    MediaDisconnected(CallId),
    /// Media cannot be set up: what happened and what to try.
    MediaFailed(CallId, String),
    /// The other side said over the data channel that it leaves.
    PeerLeft(CallId),
    /// A deadline passed.
    Tick,
}

/// What is to be done, or known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Say this to somebody.
    Send {
        /// Whom.
        to: PeerId,
        /// About which call.
        call: CallId,
        /// What.
        body: Body,
    },
    /// Set up media and make an offer; answer with [`Input::DescriptionReady`] or [`Input::MediaFailed`].
    MakeOffer {
        /// For which call.
        call: CallId,
        /// With whom.
        peer: PeerId,
        /// With our picture.
        video: bool,
    },
    /// Set up media and answer this offer; answer with [`Input::DescriptionReady`] or [`Input::MediaFailed`].
    MakeAnswer {
        /// For which call.
        call: CallId,
        /// With whom.
        peer: PeerId,
        /// With our picture.
        video: bool,
        /// Their offer, SDP.
        offer: String,
    },
    /// The answer to our first offer.
    TakeAnswer {
        /// Of which call.
        call: CallId,
        /// SDP.
        sdp: String,
    },
    /// A later offer or answer of theirs ([`Body::Offer`], [`Body::Answer`]).
    Renegotiate {
        /// Of which call.
        call: CallId,
        /// What they said.
        body: Body,
    },
    /// A candidate of theirs; never before their description.
    RemoteCandidate {
        /// Of which call.
        call: CallId,
        /// The candidate.
        candidate: Candidate,
    },
    /// Make an offer with new ICE credentials and hand it back by [`Input::Renegotiate`].
    RestartIce(CallId),
    /// Close the media of this call.
    CloseMedia(CallId),
    /// Ring here.
    Incoming {
        /// Which call.
        call: CallId,
        /// Who.
        from: PeerId,
        /// What they call themselves.
        name: String,
        /// With picture.
        video: bool,
    },
    /// Both called at once: our call goes on under the ID of theirs.
    Replaced {
        /// Our call's ID, over without an outcome.
        old: CallId,
        /// The ID it goes on under.
        new: CallId,
    },
    /// The call went on to its next stage. [`Stage::Ended`] is not told here but by [`Output::Ended`].
    Stage {
        /// Which call.
        call: CallId,
        /// Where it is.
        stage: Stage,
    },
    /// It is over.
    Ended {
        /// Which call.
        call: CallId,
        /// The other side.
        peer: PeerId,
        /// What they call themselves; empty where unknown.
        name: String,
        /// Who called whom.
        direction: Direction,
        /// With picture, as it was asked for.
        video: bool,
        /// How it ended.
        outcome: Outcome,
    },
    /// A wish was not granted: why.
    Refused(Refusal),
}

/// Why a wish was not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// One call at a time.
    #[error("you are in a call; leave it first")]
    InCall,
    /// Calling one's own ID.
    #[error("this is your own ID; call “echo” to test your devices")]
    Yourself,
    /// The server does not know us.
    #[error("you are not connected to the server; wait for it, or check its address in the settings")]
    Offline,
    /// It is over, or never was.
    #[error("this call is over")]
    NoSuchCall,
}

/// What is to be known of the call there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// Which.
    pub call: CallId,
    /// The other side.
    pub peer: PeerId,
    /// What they call themselves; empty where unknown.
    pub name: String,
    /// Who called whom.
    pub direction: Direction,
    /// With picture: as taken, or before that as asked for.
    pub video: bool,
    /// Where it is; `None` while it rings here.
    pub stage: Option<Stage>,
}
