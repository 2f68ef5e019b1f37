//! What the members of a locked room know and the server does not: a key made of the password on each member's own
//! machine, by Argon2id (RFC 9106). The server gets a verifier that is made of the same, and cannot go from one to the
//! other without guessing the password.
//!
//! Invariant: neither password nor key is shown by `Debug` or written anywhere.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Place, RoomName};
use crate::model::id::{CallId, PeerId};
use crate::signal::key::{from_base64url, to_base64url};

/// Memory of one derivation, KiB; passes over it; lanes: OWASP's choice, about 30 ms on one core.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Longest password taken, bytes.
pub const MAX_PASSWORD: usize = 256;

/// 32 bytes that say nothing by themselves, written as base64url without padding: a nonce, a verifier, a proof.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub [u8; 32]);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_base64url(&self.0))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        from_base64url(&text).map(Self).ok_or_else(|| serde::de::Error::custom("not 32 bytes in base64url"))
    }
}

/// What a person typed: not empty, at most [`MAX_PASSWORD`] bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// Why a text is no password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Nothing.
    #[error("the password is empty; write one, or leave the room without")]
    Empty,
    /// More than [`MAX_PASSWORD`] bytes.
    #[error("the password is too long; choose one of at most 256 bytes")]
    TooLong,
}

impl Password {
    /// As it was typed, with everything in it.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub fn new(text: &str) -> Result<Self, PasswordError> {
        match text.len() {
            0 => Err(PasswordError::Empty),
            1..=MAX_PASSWORD => Ok(Self(text.to_owned())),
            _ => Err(PasswordError::TooLong),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// The key of a locked room: members show each other that they have it, and never the server.
#[derive(Clone, PartialEq, Eq)]
pub struct RoomKey([u8; 32]);

/// The memory for it was not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("there is not enough memory to make the room's key of its password; close other programs")]
pub struct DeriveError;

impl RoomKey {
    /// Of a password, and what the server may know of it. **Takes tens of milliseconds and 19 MiB**: not where
    /// something waits.
    ///
    /// # Errors
    /// [`DeriveError`].
    pub fn derive(at: &Place<'_>, password: &Password) -> Result<(Self, Code), DeriveError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).map_err(|_| DeriveError)?;
        let salt = Sha256::digest(format!("visavis room salt 1\n{}\n{}", at.server, at.room));
        let mut secret = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.0.as_bytes(), &salt[..16], &mut secret)
            .map_err(|_| DeriveError)?;
        let made = Self(secret);
        Ok((Self(made.code("visavis room key 1").0), made.code("visavis room verifier 1")))
    }

    /// From its 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What shows `to` that `from` has the key, in the call `call` between the two: said in one direction only, so that
    /// it cannot be given back to its sender.
    pub fn proof(&self, at: &Place<'_>, from: PeerId, to: PeerId, call: CallId) -> Code {
        self.code(&pairwise(at, from, to, call))
    }

    /// Whether `from` showed `to` that they have the key.
    pub fn proves(&self, proof: &Code, at: &Place<'_>, from: PeerId, to: PeerId, call: CallId) -> bool {
        self.verify(&pairwise(at, from, to, call), proof)
    }

    pub(super) fn code(&self, text: &str) -> Code {
        Code(mac(&self.0, text.as_bytes()).finalize().into_bytes().into())
    }

    /// In constant time.
    pub(super) fn verify(&self, text: &str, code: &Code) -> bool {
        mac(&self.0, text.as_bytes()).verify_slice(&code.0).is_ok()
    }
}

impl fmt::Debug for RoomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomKey")
    }
}

/// What a member of a locked room shows another, and sees of them, before either answers the other's call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    server: String,
    room: RoomName,
    key: RoomKey,
}

impl Pass {
    /// For this room on this server.
    pub fn new(server: String, room: RoomName, key: RoomKey) -> Self {
        Self { server, room, key }
    }

    fn place(&self) -> Place<'_> {
        Place { server: &self.server, room: &self.room }
    }

    /// [`RoomKey::proof`]: goes into the `ring` or `accept` from `from` to `to`.
    pub fn proof(&self, from: PeerId, to: PeerId, call: CallId) -> String {
        self.key.proof(&self.place(), from, to, call).to_string()
    }

    /// Whether the one that came in it is theirs; who shows none is not let in.
    pub fn proves(&self, proof: Option<&str>, from: PeerId, to: PeerId, call: CallId) -> bool {
        let proof = proof.and_then(|proof| from_base64url(proof).map(Code));
        proof.is_some_and(|proof| self.key.proves(&proof, &self.place(), from, to, call))
    }
}

fn pairwise(at: &Place<'_>, from: PeerId, to: PeerId, call: CallId) -> String {
    format!("visavis room proof 1\n{}\n{}\n{from}\n{to}\n{call}", at.server, at.room)
}

fn mac(key: &[u8; 32], text: &[u8]) -> Hmac<Sha256> {
    // HMAC itself fills a key up with zeros to the hash's block.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
    mac.update(text);
    mac
}

/// What the server keeps of a verifier: a salted hash.
#[derive(Debug, Clone, Copy)]
pub struct Lock {
    salt: [u8; 32],
    hash: [u8; 32],
}

impl Lock {
    /// `salt`: another one for each, and no secret.
    pub fn new(salt: [u8; 32], verifier: &Code) -> Self {
        Self { salt, hash: mac(&salt, &verifier.0).finalize().into_bytes().into() }
    }

    /// Whether this is the verifier it was made of; in constant time.
    pub fn opens(&self, verifier: &Code) -> bool {
        mac(&self.salt, &verifier.0).verify_slice(&self.hash).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived(server: &str, room: &str, password: &str) -> (RoomKey, Code) {
        let room: RoomName = room.parse().unwrap();
        RoomKey::derive(&Place { server, room: &room }, &Password::new(password).unwrap()).unwrap()
    }

    #[test]
    fn a_key_is_made_of_server_room_and_password() {
        let (key, verifier) = derived("s", "Team", "swordfish");
        assert_eq!(derived("s", "team", "swordfish"), (key.clone(), verifier));
        for (server, room, password) in [("t", "team", "swordfish"), ("s", "teams", "swordfish"), ("s", "team", "S")] {
            let (other, its) = derived(server, room, password);
            assert!(other != key && its != verifier, "{server} {room} {password}");
        }
        assert_ne!(Code(key.0), verifier, "the server does not learn the key");
    }

    #[test]
    fn a_proof_holds_for_one_call_in_one_direction() {
        let room: RoomName = "team".parse().unwrap();
        let at = Place { server: "s", room: &room };
        let (a, b) = (PeerId::from_public_key(&[1; 32]), PeerId::from_public_key(&[2; 32]));
        let (key, call) = (RoomKey::from_bytes([5; 32]), CallId([7; 16]));
        let proof = key.proof(&at, a, b, call);
        assert!(key.proves(&proof, &at, a, b, call));
        assert!(!key.proves(&proof, &at, b, a, call), "given back");
        assert!(!key.proves(&proof, &at, a, b, CallId([8; 16])), "of another call");
        assert!(!RoomKey::from_bytes([6; 32]).proves(&proof, &at, a, b, call));
    }

    #[test]
    fn a_lock_opens_to_its_verifier_only_and_keeps_none() {
        let lock = Lock::new([1; 32], &Code([2; 32]));
        assert!(lock.opens(&Code([2; 32])) && !lock.opens(&Code([3; 32])));
        assert!(lock.hash != [2; 32] && Lock::new([9; 32], &Code([2; 32])).hash != lock.hash);
    }

    #[test]
    fn secrets_are_not_shown() {
        let password = Password::new("swordfish").unwrap();
        assert_eq!(format!("{password:?} {:?}", RoomKey::from_bytes([1; 32])), "Password RoomKey");
        assert_eq!(Password::new(""), Err(PasswordError::Empty));
        assert_eq!(Password::new(&"x".repeat(257)), Err(PasswordError::TooLong));
    }
}
