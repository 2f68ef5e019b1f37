//! How a call ended, in the eight outcomes people know, each worded for both sides.

use serde::{Deserialize, Serialize};

/// What both sides are told about a call's end (or its being taken).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "reason")]
pub enum Outcome {
    /// Taken with picture and sound, and ended by somebody hanging up.
    Accepted,
    /// Taken with sound only, and ended by somebody hanging up.
    AcceptedWithoutVideo,
    /// The callee said no.
    Declined,
    /// The caller gave up before an answer.
    Cancelled,
    /// The callee is in another call.
    Busy,
    /// It rang for 45 seconds.
    NoAnswer,
    /// The callee is not connected to the server.
    Unreachable,
    /// Anything else, with what happened and what to try.
    Failed(String),
}

/// Which end of the call one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// We called.
    Outgoing,
    /// We were called.
    Incoming,
}

impl Outcome {
    /// The word used in JSON Lines, logs and tests: `accepted`, `no_answer`, …
    pub fn word(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::AcceptedWithoutVideo => "accepted_without_video",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Unreachable => "unreachable",
            Self::Failed(_) => "failed",
        }
    }

    /// The sentence shown to the side that `direction` names, about the other person `name`.
    pub fn sentence(&self, direction: Direction, name: &str) -> String {
        use Direction::{Incoming, Outgoing};
        match (self, direction) {
            (Self::Accepted | Self::AcceptedWithoutVideo, _) => format!("Call with {name} ended"),
            (Self::Declined, Outgoing) => format!("{name} declined the call"),
            (Self::Declined, Incoming) => format!("You declined the call from {name}"),
            (Self::Cancelled, Outgoing) => format!("You cancelled the call to {name}"),
            (Self::Cancelled, Incoming) => format!("{name} cancelled the call"),
            (Self::Busy, Outgoing) => format!("{name} is in another call"),
            (Self::Busy, Incoming) => format!("{name} called while you were in another call"),
            (Self::NoAnswer, Outgoing) => format!("{name} did not answer"),
            (Self::NoAnswer, Incoming) => format!("Missed call from {name}"),
            (Self::Unreachable, Outgoing) => format!("{name} is not online right now; try again later"),
            (Self::Unreachable, Incoming) => format!("{name} is no longer online"),
            (Self::Failed(reason), _) => format!("The call with {name} failed: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_of_each_outcome_has_its_own_words() {
        let all = [Outcome::Declined, Outcome::Cancelled, Outcome::Busy, Outcome::NoAnswer, Outcome::Unreachable];
        for outcome in all {
            let (a, b) =
                (outcome.sentence(Direction::Outgoing, "Amara"), outcome.sentence(Direction::Incoming, "Amara"));
            assert_ne!(a, b);
            assert!(a.contains("Amara") && b.contains("Amara"));
        }
    }
}
