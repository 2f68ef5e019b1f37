//! Rooms by name: what they are called ([`RoomName`]), how a member signs that it is there ([`Entry`]), and, in
//! [`secret`], what a password becomes. How it travels, and what the server can and cannot do, is written down in
//! [`message`](super::message).
//!
//! Invariants: a [`RoomName`] is its own spelling, so two names are equal exactly if they name one room; nothing of an
//! [`Entry`] is used before [`Entry::check`].

pub mod secret;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::secret::{Code, RoomKey};
use super::key::{KeyPair, PublicKey, Signature};
use super::limits::{CLOCK_SKEW, ENTRY_LIFE};
use crate::model::body::{MAX_NAME, clean_name};
use crate::model::id::{CallId, PeerId};

/// What a room is called, as it is compared: cleaned and in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomName(String);

/// Why a text names no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RoomNameError {
    /// Nothing printable.
    #[error("a room needs a name; write at least one letter or digit")]
    Empty,
    /// More than [`MAX_NAME`] characters.
    #[error("a room's name has at most 60 characters; choose a shorter one")]
    TooLong,
}

impl RoomName {
    /// The call that the members of this room are in, on the server that calls itself so: the same for all of them.
    pub fn call(&self, server: &str) -> CallId {
        let hash = Sha256::digest(format!("visavis room call 1\n{server}\n{self}"));
        CallId(std::array::from_fn(|at| hash[at]))
    }

    /// As it is compared and signed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoomName {
    type Err = RoomNameError;

    fn from_str(text: &str) -> Result<Self, RoomNameError> {
        let long = |text: &str| text.chars().nth(MAX_NAME).is_some();
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if long(&line) {
            return Err(RoomNameError::TooLong);
        }
        // Each character by itself: no rule that looks at its neighbours, and none of a language.
        let folded: String = clean_name(&line).chars().flat_map(char::to_lowercase).collect();
        match folded.is_empty() {
            true => Err(RoomNameError::Empty),
            // One letter of Turkish becomes two.
            false if long(&folded) => Err(RoomNameError::TooLong),
            false => Ok(Self(folded)),
        }
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RoomName {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RoomName {
    /// Only the spelling that is compared: another one would be signed otherwise.
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        match text.parse::<Self>() {
            Ok(name) if name.0 == *text => Ok(name),
            _ => Err(serde::de::Error::custom("not the name of a room, cleaned and in lower case")),
        }
    }
}

/// What a member signs of being in a room. The room and the server belong to what is signed, and are known from where
/// it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The member.
    pub id: PeerId,
    /// The key that hashes to it.
    pub key: PublicKey,
    /// The nonce of the login on whose connection it was made.
    pub nonce: Code,
    /// Counts what was signed since that login, from 1.
    pub seq: u64,
    /// Last second it is valid, since 1970, by the member's clock.
    pub expires: u64,
    /// That the member knows the password of a locked room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Code>,
    /// Over [`Entry::signed_bytes`].
    pub sig: Signature,
}

/// Why an entry is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EntryError {
    /// Key, ID and signature do not fit together.
    #[error("the server named a member who did not sign for this room")]
    Forged,
    /// Too old, or from the future.
    #[error("a member's entry is out of date; if this happens often, set this computer's clock")]
    Expired,
    /// It proves no knowledge of this room's password, or of another one.
    #[error("the server let somebody in who does not have the room's password")]
    Unproven,
    /// Of a membership that is over.
    #[error("the server named a member who has left")]
    Replayed,
}

impl Entry {
    /// Writes and signs one. `key`: of a room with a password.
    pub fn seal(keys: &KeyPair, at: &Place<'_>, key: Option<&RoomKey>, nonce: Code, seq: u64, expires: u64) -> Self {
        let sig = Signature::from_bytes([0; 64]);
        let mut entry = Self { id: keys.id(), key: keys.public(), nonce, seq, expires, proof: None, sig };
        entry.proof = key.map(|key| key.code(&entry.claim(at)));
        entry.sig = keys.sign(&entry.signed_bytes(at));
        entry
    }

    /// What is claimed, in seven lines.
    fn claim(&self, at: &Place<'_>) -> String {
        let Self { id, nonce, seq, expires, .. } = self;
        format!("visavis entry 1\n{}\n{}\n{id}\n{nonce}\n{seq}\n{expires}", at.server, at.room)
    }

    /// The bytes the member signs: its claim, and its proof or `-`.
    pub fn signed_bytes(&self, at: &Place<'_>) -> Vec<u8> {
        let proof = self.proof.as_ref().map_or_else(|| "-".to_owned(), Code::to_string);
        format!("{}\n{proof}", self.claim(at)).into_bytes()
    }

    /// Whether its ID, key and signature fit together: all that the server can see.
    pub fn is_signed(&self, at: &Place<'_>) -> bool {
        self.key.id() == self.id && self.key.verify(&self.signed_bytes(at), &self.sig)
    }

    /// Whether the member is to be believed; the cheap checks come first. `key`: ours, of a room with a password;
    /// `unix`: our clock, seconds since 1970.
    ///
    /// # Errors
    /// [`EntryError`]: nothing of it may be used.
    pub fn check(&self, at: &Place<'_>, key: Option<&RoomKey>, unix: u64) -> Result<(), EntryError> {
        let alive = unix.saturating_sub(CLOCK_SKEW)..=unix.saturating_add(ENTRY_LIFE + CLOCK_SKEW);
        if !alive.contains(&self.expires) {
            return Err(EntryError::Expired);
        }
        if self.seq == 0 || !self.is_signed(at) {
            return Err(EntryError::Forged);
        }
        match (key, &self.proof) {
            (None, None) => Ok(()),
            (Some(key), Some(proof)) if key.verify(&self.claim(at), proof) => Ok(()),
            _ => Err(EntryError::Unproven),
        }
    }
}

/// Which room on which server: what entries and proofs are bound to.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// What the server calls itself.
    pub server: &'a str,
    /// The room.
    pub room: &'a RoomName,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: u64 = 1_790_000_000;

    fn name(text: &str) -> RoomName {
        text.parse().unwrap()
    }

    fn entry(room: &RoomName, key: Option<&RoomKey>) -> Entry {
        let at = Place { server: "s", room };
        Entry::seal(&KeyPair::from_seed([1; 32]), &at, key, Code([3; 32]), 1, NOW + ENTRY_LIFE)
    }

    #[test]
    fn names_are_compared_without_regard_to_case_and_spaces() {
        assert_eq!(name("  Team\t Größe \u{202e}"), name("TEAM GRÖßE"));
        assert_eq!(name("ΣΑΣ").as_str(), "σασ");
        assert_ne!(name("a b"), name("ab"));
        assert_eq!(" \u{200b} ".parse::<RoomName>(), Err(RoomNameError::Empty));
        assert!("é".repeat(60).parse::<RoomName>().is_ok());
        assert_eq!("é".repeat(61).parse::<RoomName>(), Err(RoomNameError::TooLong));
        assert_eq!("İ".repeat(31).parse::<RoomName>(), Err(RoomNameError::TooLong));
    }

    #[test]
    fn only_the_compared_spelling_is_read() {
        assert_eq!(serde_json::from_str::<RoomName>("\"team\"").unwrap(), name("team"));
        for other in ["\"Team\"", "\" team\"", "\"a  b\"", "\"\"", "7"] {
            assert!(serde_json::from_str::<RoomName>(other).is_err(), "{other}");
        }
    }

    #[test]
    fn everything_in_an_entry_is_bound() {
        let room = name("team");
        let at = Place { server: "s", room: &room };
        let good = entry(&room, None);
        assert_eq!(good.check(&at, None, NOW), Ok(()));
        type Change = (&'static str, fn(&mut Entry));
        let changes: [Change; 6] = [
            ("nonce", |e| e.nonce = Code([4; 32])),
            ("seq", |e| e.seq += 1),
            ("expires", |e| e.expires -= 1),
            ("proof", |e| e.proof = Some(Code([0; 32]))),
            ("id", |e| e.id = KeyPair::from_seed([9; 32]).id()),
            ("key", |e| (e.key, e.id) = (KeyPair::from_seed([9; 32]).public(), KeyPair::from_seed([9; 32]).id())),
        ];
        for (what, change) in changes {
            let mut forged = good.clone();
            change(&mut forged);
            assert_eq!(forged.check(&at, None, NOW), Err(EntryError::Forged), "{what}");
        }
        let (elsewhere, other) = (Place { server: "t", ..at }, name("other"));
        assert_eq!(good.check(&elsewhere, None, NOW), Err(EntryError::Forged));
        assert_eq!(good.check(&Place { room: &other, ..at }, None, NOW), Err(EntryError::Forged));
        assert_eq!(good.check(&at, None, NOW + ENTRY_LIFE + CLOCK_SKEW + 1), Err(EntryError::Expired));
        assert_eq!(good.check(&at, None, NOW - CLOCK_SKEW - 1), Err(EntryError::Expired));
    }

    #[test]
    fn a_locked_room_believes_only_who_knows_its_password() {
        let room = name("team");
        let at = Place { server: "s", room: &room };
        let (right, wrong) = (RoomKey::from_bytes([1; 32]), RoomKey::from_bytes([2; 32]));
        let good = entry(&room, Some(&right));
        assert_eq!(good.check(&at, Some(&right), NOW), Ok(()));
        assert_eq!(good.check(&at, Some(&wrong), NOW), Err(EntryError::Unproven));
        assert_eq!(good.check(&at, None, NOW), Err(EntryError::Unproven), "we could not show that we belong there");
        assert_eq!(entry(&room, None).check(&at, Some(&right), NOW), Err(EntryError::Unproven));
        let mut stripped = good;
        stripped.proof = None;
        assert_eq!(stripped.check(&at, None, NOW), Err(EntryError::Forged));
    }

    proptest! {
        #[test]
        fn a_name_is_its_own_spelling(text in "\\PC{0,70}") {
            if let Ok(name) = text.parse::<RoomName>() {
                prop_assert_eq!(name.as_str().parse::<RoomName>(), Ok(name.clone()));
                prop_assert!((1..=MAX_NAME).contains(&name.as_str().chars().count()));
                let upper = text.to_uppercase().parse::<RoomName>();
                if text.is_ascii() { prop_assert_eq!(upper, Ok(name)); }
            }
        }
    }
}
