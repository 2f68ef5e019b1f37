//! What two sides must exchange to connect, in the JSON that browsers speak.
//!
//! [`Description`] is W3C's `RTCSessionDescriptionInit`, [`Candidate`] its `RTCIceCandidateInit`; both are read with
//! `parse()` or `try_into()` and written with `to_string()`. Of the SDP only two facts are read here: which version of
//! the session it describes, and which ICE session its candidates belong to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest description taken, in bytes: ten times what a call of ours needs.
pub const MAX_SDP: usize = 64 * 1024;

/// Longest candidate line taken, in bytes.
pub const MAX_CANDIDATE: usize = 1024;

/// Session-level attribute of our descriptions: `yes` or `no`. Others ignore what they do not know (RFC 8866 §5.13).
pub const POLITE: &str = "x-visavis-polite";

/// Session-level attribute of our answers: version of the offer.
pub const ANSWERS: &str = "x-visavis-answers";

/// Session-level attribute of our descriptions: how repair packets may look that its maker understands. `rs`: as in
/// `rtc::fec`.
pub const REPAIRS: &str = "x-visavis-repairs";
/// The one way there is.
pub const REED_SOLOMON: &str = "rs";

/// What a description is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DescriptionKind {
    /// The first half of a negotiation.
    Offer,
    /// The second half.
    Answer,
}

/// A session description (W3C `RTCSessionDescriptionInit`): `{"type":"offer","sdp":"v=0…"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Offer or answer.
    #[serde(rename = "type")]
    pub kind: DescriptionKind,
    /// The SDP (RFC 8866).
    pub sdp: String,
}

/// One ICE candidate (W3C `RTCIceCandidateInit`). An empty `candidate` says that there will be no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// `candidate:…` (RFC 8839 §5.1), or empty.
    pub candidate: String,
    /// `mid` of the media section it belongs to.
    #[serde(default)]
    pub sdp_mid: Option<String>,
    /// Index of that section.
    #[serde(default, rename = "sdpMLineIndex")]
    pub sdp_m_line_index: Option<u16>,
    /// ICE user fragment of the generation it belongs to.
    #[serde(default)]
    pub username_fragment: Option<String>,
}

/// Text that is no description or candidate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// Not the JSON it should be.
    #[error("this is no {what} of a call ({reason}); it must be the JSON text that the other side gave out, whole")]
    Json {
        /// `description` or `candidate`.
        what: &'static str,
        /// The parser's words.
        reason: String,
    },
    /// Far longer than any real one.
    #[error("a {what} of {bytes} bytes is too long")]
    Long {
        /// `description` or `candidate`.
        what: &'static str,
        /// Its length.
        bytes: usize,
    },
}

fn read<'a, T: Deserialize<'a>>(what: &'static str, text: &'a str, limit: usize) -> Result<T, DescriptionError> {
    if text.len() > limit {
        return Err(DescriptionError::Long { what, bytes: text.len() });
    }
    serde_json::from_str(text).map_err(|e| DescriptionError::Json { what, reason: e.to_string() })
}

fn write(value: &impl Serialize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&serde_json::to_string(value).map_err(|_| fmt::Error)?)
}

impl FromStr for Description {
    type Err = DescriptionError;

    fn from_str(text: &str) -> Result<Self, DescriptionError> {
        read("description", text, MAX_SDP)
    }
}

impl FromStr for Candidate {
    type Err = DescriptionError;

    fn from_str(text: &str) -> Result<Self, DescriptionError> {
        read("candidate", text, MAX_CANDIDATE)
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self, f)
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self, f)
    }
}

impl TryFrom<&str> for Description {
    type Error = DescriptionError;

    fn try_from(text: &str) -> Result<Self, DescriptionError> {
        text.parse()
    }
}

impl TryFrom<String> for Description {
    type Error = DescriptionError;

    fn try_from(text: String) -> Result<Self, DescriptionError> {
        text.parse()
    }
}

impl TryFrom<&str> for Candidate {
    type Error = DescriptionError;

    fn try_from(text: &str) -> Result<Self, DescriptionError> {
        text.parse()
    }
}

impl TryFrom<String> for Candidate {
    type Error = DescriptionError;

    fn try_from(text: String) -> Result<Self, DescriptionError> {
        text.parse()
    }
}

/// Which description of which session this is (RFC 8866 §5.2): whoever makes another one counts its version up
/// (RFC 3264 §8), so that of two from one side it is known which is older.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// `sess-id`.
    pub session: u64,
    /// `sess-version`.
    pub version: u64,
}

impl Description {
    /// The `o=` line, where it can be read.
    pub fn origin(&self) -> Option<Origin> {
        let mut words = self.sdp.lines().find_map(|line| line.strip_prefix("o="))?.split_whitespace().skip(1);
        Some(Origin { session: words.next()?.parse().ok()?, version: words.next()?.parse().ok()? })
    }

    /// Whether its maker gives way when two offers cross; only our own descriptions say so ([`POLITE`]).
    pub fn polite(&self) -> Option<bool> {
        match self.attribute(POLITE)? {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    }

    /// Version of the offer that it answers; only our own answers say so ([`ANSWERS`]).
    pub fn answers(&self) -> Option<u64> {
        self.attribute(ANSWERS)?.parse().ok()
    }

    /// Whether its maker understands repair packets; only our own descriptions say so ([`REPAIRS`]).
    pub fn understands_repairs(&self) -> bool {
        self.attribute(REPAIRS).is_some_and(|ways| ways.split_whitespace().any(|way| way == REED_SOLOMON))
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        let value = self.sdp.lines().find_map(|line| line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'));
        value.map(str::trim)
    }

    /// Whether this program made it, at whatever version.
    pub fn is_ours(&self) -> bool {
        self.polite().is_some()
    }

    /// User fragment of the ICE session (RFC 8839 §5.4) of its first section: the only one, where all are bundled.
    pub fn username_fragment(&self) -> Option<&str> {
        self.sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).map(str::trim)
    }

    /// The password of that session.
    pub fn ice_password(&self) -> Option<&str> {
        self.sdp.lines().find_map(|line| line.strip_prefix("a=ice-pwd:")).map(str::trim)
    }
}

impl Candidate {
    /// Whether it only says that there will be no more.
    pub fn is_last(&self) -> bool {
        self.candidate.is_empty()
    }

    /// User fragment of the ICE session it belongs to, where it says so: the member, or `ufrag` in the line itself.
    pub fn fragment(&self) -> Option<&str> {
        let in_line = || self.candidate.split_whitespace().skip_while(|word| *word != "ufrag").nth(1);
        self.username_fragment.as_deref().filter(|fragment| !fragment.is_empty()).or_else(in_line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_json_is_read_and_written() {
        let text = r#"{"type":"offer","sdp":"v=0\r\n"}"#;
        let offer: Description = text.parse().unwrap();
        assert_eq!(offer.kind, DescriptionKind::Offer);
        assert_eq!(offer.to_string(), text);
        let text = r#"{"candidate":"candidate:1 1 udp 1 127.0.0.1 9 typ host","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":null}"#;
        assert_eq!(text.parse::<Candidate>().unwrap().to_string(), text);
        assert!(r#"{"candidate":""}"#.parse::<Candidate>().unwrap().is_last());
    }

    #[test]
    fn anything_else_is_refused_with_a_reason() {
        assert!(matches!("{}".parse::<Description>(), Err(DescriptionError::Json { .. })));
        assert!(matches!("hello".parse::<Candidate>(), Err(DescriptionError::Json { .. })));
        let long = " ".repeat(MAX_SDP + 1);
        assert_eq!(
            long.parse::<Description>(),
            Err(DescriptionError::Long { what: "description", bytes: MAX_SDP + 1 })
        );
    }
}
