//! What two programs say to each other about a call: the contents of a signed envelope, and the words of the call's
//! life. How they travel is written down in [`signal::message`](crate::signal::message).

use serde::{Deserialize, Serialize};

use super::id::{CallId, PeerId};

/// Longest session description taken, in bytes.
pub const MAX_SDP: usize = 32 * 1024;
/// Longest candidate line taken, in bytes.
pub const MAX_CANDIDATE: usize = 2 * 1024;
/// Longest proof of a password taken, in bytes; a right one has 43.
pub const MAX_PROOF: usize = 64;
/// Longest name taken, in characters; a longer one is cut.
pub const MAX_NAME: usize = 60;
/// Most people in one call. Everybody sends to everybody: the uplink of each bears so many.
pub const MAX_PEOPLE: usize = 8;

/// One ICE candidate, with the members of W3C's `RTCIceCandidateInit`. An empty `candidate` says there are no more.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The candidate-attribute (RFC 8839 section 5.1), `candidate:…`.
    pub candidate: String,
    /// Media stream identification of the section it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<String>,
    /// Index of the section it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_m_line_index: Option<u16>,
    /// User name fragment of the ICE session it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<String>,
}

/// Why the callee does not take the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineReason {
    /// Somebody said no.
    #[default]
    Declined,
    /// Nobody was there to answer.
    NoAnswer,
    /// There are [`MAX_PEOPLE`] in the room.
    Full,
    /// A later version's reason; read as [`DeclineReason::Declined`].
    #[serde(other)]
    Other,
}

/// Why the caller takes the call back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// Somebody gave up.
    #[default]
    Cancelled,
    /// It rang for its whole time.
    NoAnswer,
    /// No `ringing` came back.
    Unreachable,
    /// Both called at once, and the other call goes on in its place.
    Replaced,
    /// A later version's reason; read as [`CancelReason::Cancelled`].
    #[serde(other)]
    Other,
}

/// Why a call is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ByeReason {
    /// Somebody hung up.
    #[default]
    Hangup,
    /// Something broke at the sender's.
    Failed,
    /// A later version's reason; read as [`ByeReason::Hangup`].
    #[serde(other)]
    Other,
}

/// The room that a ring is about: a call where several can be. In JSON
/// `{"id":"…","members":["K7WM-…","…"],"invites":true}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomCard {
    /// Which.
    pub id: CallId,
    /// Who is in it as far as the sender knows, the sender too; at most [`MAX_PEOPLE`].
    pub members: Vec<PeerId>,
    /// The sender is in the room and invites the addressee, whose program rings. Otherwise the sender, whom a member
    /// invited, comes in: who is in the room takes the call without ringing, who is not declines it.
    #[serde(default)]
    pub invites: bool,
}

/// One thing said. In JSON, the members of a body; its kind travels beside it (see [`Body::kind`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A call, with its offer.
    Ring {
        /// With picture.
        video: bool,
        /// What the caller calls themselves: never an identity.
        name: String,
        /// The offer (RFC 8829).
        sdp: String,
        /// The room it is about; `None`: a call of two.
        room: Option<RoomCard>,
        /// That the caller knows the password of that room.
        proof: Option<String>,
    },
    /// The callee's program rings.
    Ringing,
    /// The call is taken.
    Accept {
        /// With picture.
        video: bool,
        /// What the callee calls themselves: never an identity.
        name: String,
        /// The answer to the offer of the ring.
        sdp: String,
        /// That the callee knows the password of the ring's room.
        proof: Option<String>,
    },
    /// A candidate of the sender's.
    Candidate(Candidate),
    /// A later offer: renegotiation or ICE restart.
    Offer {
        /// The description.
        sdp: String,
    },
    /// The answer to a later offer.
    Answer {
        /// The description.
        sdp: String,
    },
    /// The callee says no.
    Decline {
        /// Why.
        reason: DeclineReason,
    },
    /// The caller takes the call back, before or after it was taken.
    Cancel {
        /// Why.
        reason: CancelReason,
    },
    /// The callee is in another call.
    Busy,
    /// The call is over.
    Bye {
        /// Why.
        reason: ByeReason,
    },
    /// The call with the addressee is part of a room, and these are the people the sender has a call with in it: said to
    /// each of them, whole, whenever it changes. Nobody gets in whom no member names.
    Members {
        /// Which room.
        room: CallId,
        /// Those who are in it; at most [`MAX_PEOPLE`].
        here: Vec<PeerId>,
        /// Those whom the sender invites; at most [`MAX_PEOPLE`].
        invited: Vec<PeerId>,
    },
}

/// Why a body was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// A kind this version does not know: ignore it, it is not the sender's mistake.
    #[error("a message of an unknown kind came; the other program is newer")]
    UnknownKind,
    /// The members are not those of its kind.
    #[error("a message came that is not understood")]
    Malformed,
    /// A member is longer than allowed.
    #[error("a message came that is too long")]
    TooLong,
}

#[derive(Serialize, Deserialize)]
struct Taking {
    video: bool,
    #[serde(default)]
    name: String,
    sdp: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    room: Option<RoomCard>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct People {
    room: CallId,
    #[serde(default)]
    here: Vec<PeerId>,
    #[serde(default)]
    invited: Vec<PeerId>,
}

#[derive(Serialize, Deserialize)]
struct Description {
    sdp: String,
}

#[derive(Serialize, Deserialize)]
struct Reason<R> {
    #[serde(default)]
    reason: R,
}

impl Body {
    /// The word beside it: `ring`, `ringing`, `accept`, `candidate`, `offer`, `answer`, `decline`, `cancel`, `busy`,
    /// `bye`, `members`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ring { .. } => "ring",
            Self::Ringing => "ringing",
            Self::Accept { .. } => "accept",
            Self::Candidate(_) => "candidate",
            Self::Offer { .. } => "offer",
            Self::Answer { .. } => "answer",
            Self::Decline { .. } => "decline",
            Self::Cancel { .. } => "cancel",
            Self::Busy => "busy",
            Self::Bye { .. } => "bye",
            Self::Members { .. } => "members",
        }
    }

    /// Its members as JSON text.
    pub fn to_text(&self) -> String {
        let text = match self {
            Self::Ring { video, name, sdp, room, proof } => {
                let (name, sdp, room, proof) = (name.clone(), sdp.clone(), room.clone(), proof.clone());
                serde_json::to_string(&Taking { video: *video, name, sdp, room, proof })
            }
            Self::Accept { video, name, sdp, proof } => {
                let (name, sdp, proof) = (name.clone(), sdp.clone(), proof.clone());
                serde_json::to_string(&Taking { video: *video, name, sdp, room: None, proof })
            }
            Self::Members { room, here, invited } => {
                serde_json::to_string(&People { room: *room, here: here.clone(), invited: invited.clone() })
            }
            Self::Candidate(candidate) => serde_json::to_string(candidate),
            Self::Offer { sdp } | Self::Answer { sdp } => serde_json::to_string(&Description { sdp: sdp.clone() }),
            Self::Decline { reason } => serde_json::to_string(&Reason { reason: *reason }),
            Self::Cancel { reason } => serde_json::to_string(&Reason { reason: *reason }),
            Self::Bye { reason } => serde_json::to_string(&Reason { reason: *reason }),
            Self::Ringing | Self::Busy => Ok("{}".to_owned()),
        };
        // Strings, booleans and unit variants always serialize.
        text.unwrap_or_default()
    }

    /// Reads a body back. Unknown members are ignored; names are cleaned of what is not printable.
    ///
    /// # Errors
    /// [`BodyError`]: nothing of it may be used.
    pub fn from_text(kind: &str, text: &str) -> Result<Self, BodyError> {
        let body = match kind {
            "ring" => {
                let Taking { video, name, sdp, room, proof } = read(text)?;
                if room.as_ref().is_some_and(|room| room.members.len() > MAX_PEOPLE) {
                    return Err(BodyError::TooLong);
                }
                let proof = proof.map(|proof| within(proof, MAX_PROOF)).transpose()?;
                Self::Ring { video, name: clean_name(&name), sdp: within(sdp, MAX_SDP)?, room, proof }
            }
            "accept" => {
                let Taking { video, name, sdp, proof, .. } = read(text)?;
                let proof = proof.map(|proof| within(proof, MAX_PROOF)).transpose()?;
                Self::Accept { video, name: clean_name(&name), sdp: within(sdp, MAX_SDP)?, proof }
            }
            "candidate" => {
                let candidate: Candidate = read(text)?;
                let long = [&candidate.sdp_mid, &candidate.username_fragment].into_iter().flatten();
                if long.map(String::len).chain([candidate.candidate.len()]).any(|n| n > MAX_CANDIDATE) {
                    return Err(BodyError::TooLong);
                }
                Self::Candidate(candidate)
            }
            "offer" => Self::Offer { sdp: within(read::<Description>(text)?.sdp, MAX_SDP)? },
            "answer" => Self::Answer { sdp: within(read::<Description>(text)?.sdp, MAX_SDP)? },
            "decline" => Self::Decline { reason: read::<Reason<_>>(text)?.reason },
            "cancel" => Self::Cancel { reason: read::<Reason<_>>(text)?.reason },
            "bye" => Self::Bye { reason: read::<Reason<_>>(text)?.reason },
            "members" => {
                let People { room, here, invited } = read(text)?;
                if here.len().max(invited.len()) > MAX_PEOPLE {
                    return Err(BodyError::TooLong);
                }
                Self::Members { room, here, invited }
            }
            "ringing" => Self::Ringing,
            "busy" => Self::Busy,
            _ => return Err(BodyError::UnknownKind),
        };
        Ok(body)
    }
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, BodyError> {
    serde_json::from_str(text).map_err(|_| BodyError::Malformed)
}

fn within(text: String, most: usize) -> Result<String, BodyError> {
    if text.len() > most { Err(BodyError::TooLong) } else { Ok(text) }
}

/// A name fit to be shown: one line, no control or direction-changing characters, at most [`MAX_NAME`] of them.
pub fn clean_name(name: &str) -> String {
    // Bidirectional overrides and zero-width characters let a name pose as another text around it.
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let plain: String = name.chars().map(|c| if odd(c) { ' ' } else { c }).take(4 * MAX_NAME).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn person(n: u8) -> PeerId {
        PeerId::from_public_key(&[n; 32])
    }

    fn each() -> Vec<Body> {
        let sdp = || "v=0\r\n".to_owned();
        vec![
            Body::Ring { video: true, name: "Noor".into(), sdp: sdp(), room: None, proof: None },
            Body::Ringing,
            Body::Accept { video: false, name: String::new(), sdp: sdp(), proof: Some("p".into()) },
            Body::Candidate(Candidate {
                candidate: "candidate:1 1 udp 1 192.0.2.7 4 typ host".into(),
                sdp_mid: Some("0".into()),
                sdp_m_line_index: Some(0),
                username_fragment: None,
            }),
            Body::Offer { sdp: sdp() },
            Body::Answer { sdp: sdp() },
            Body::Decline { reason: DeclineReason::NoAnswer },
            Body::Cancel { reason: CancelReason::Replaced },
            Body::Busy,
            Body::Bye { reason: ByeReason::Failed },
            Body::Ring {
                video: false,
                name: "Noor".into(),
                sdp: sdp(),
                room: Some(RoomCard { id: CallId([3; 16]), members: vec![person(1), person(2)], invites: true }),
                proof: Some("p".into()),
            },
            Body::Members { room: CallId([3; 16]), here: vec![person(1)], invited: vec![person(2)] },
        ]
    }

    #[test]
    fn each_body_is_read_back() {
        for body in each() {
            assert_eq!(Body::from_text(body.kind(), &body.to_text()), Ok(body));
        }
    }

    #[test]
    fn a_candidate_has_the_members_of_w3c() {
        let text = each()[3].to_text();
        assert!(text.contains(r#""sdpMid":"0","sdpMLineIndex":0"#), "{text}");
    }

    #[test]
    fn what_a_later_version_adds_is_no_mistake() {
        assert_eq!(Body::from_text("dance", "{}"), Err(BodyError::UnknownKind));
        let bye = Body::from_text("bye", r#"{"reason":"bored","mood":1}"#);
        assert_eq!(bye, Ok(Body::Bye { reason: ByeReason::Other }));
        assert_eq!(Body::from_text("cancel", "{}"), Ok(Body::Cancel { reason: CancelReason::Cancelled }));
    }

    #[test]
    fn too_long_and_malformed_ones_are_refused() {
        let long = Body::Offer { sdp: "x".repeat(MAX_SDP + 1) };
        assert_eq!(Body::from_text("offer", &long.to_text()), Err(BodyError::TooLong));
        assert_eq!(Body::from_text("ring", r#"{"video":1}"#), Err(BodyError::Malformed));
        let sdp = || "v=0".to_owned();
        let shown =
            Body::Accept { video: true, name: String::new(), sdp: sdp(), proof: Some("p".repeat(MAX_PROOF + 1)) };
        assert_eq!(Body::from_text("accept", &shown.to_text()), Err(BodyError::TooLong));
        let crowd = || (0..9).map(person).collect::<Vec<_>>();
        let members = Body::Members { room: CallId([3; 16]), here: crowd(), invited: vec![] };
        assert_eq!(Body::from_text("members", &members.to_text()), Err(BodyError::TooLong));
        let room = Some(RoomCard { id: CallId([3; 16]), members: crowd(), invites: false });
        let ring = Body::Ring { video: true, name: String::new(), sdp: String::new(), room, proof: None };
        assert_eq!(Body::from_text("ring", &ring.to_text()), Err(BodyError::TooLong));
    }

    #[test]
    fn a_name_is_one_printable_line() {
        assert_eq!(clean_name("  Noor\n\u{202e}Haddad\u{7} "), "Noor Haddad");
        assert_eq!(clean_name(&"é".repeat(200)).chars().count(), MAX_NAME);
    }

    proptest! {
        #[test]
        fn no_text_panics(kind in "(ring|members|accept|candidate|offer|decline|cancel|bye|.{0,9})", text in "\\PC{0,80}") {
            let _ = Body::from_text(&kind, &text);
        }
    }
}
