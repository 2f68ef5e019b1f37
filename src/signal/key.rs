//! Keys: ed25519 (RFC 8032), one pair a profile. The public key's hash is the [`PeerId`].
//!
//! Written as base64url without padding (RFC 4648 section 5): 43 characters a key, 86 a signature.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::id::PeerId;

/// A secret key and the public one that goes with it.
#[derive(Clone)]
pub struct KeyPair(SigningKey);

/// The public half.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

/// 64 bytes of ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl KeyPair {
    /// From the 32 secret bytes that a profile keeps.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// A fresh one from the operating system's random numbers.
    ///
    /// # Errors
    /// The operating system gives no random numbers.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(Self::from_seed(seed))
    }

    /// The 32 secret bytes, to be kept where only their owner reads them.
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The ID that belongs to it.
    pub fn id(&self) -> PeerId {
        self.public().id()
    }

    /// Signs these bytes.
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        Signature(self.0.sign(bytes).to_bytes())
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.id()) // never the secret
    }
}

impl PublicKey {
    /// From its 32 bytes. Whether they are a point of the curve shows at [`PublicKey::verify`].
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The ID that belongs to it.
    pub fn id(&self) -> PeerId {
        PeerId::from_public_key(&self.0)
    }

    /// Whether the owner of this key signed these bytes. Strict: keys and signatures of small order are refused.
    pub fn verify(&self, bytes: &[u8], signature: &Signature) -> bool {
        VerifyingKey::from_bytes(&self.0)
            .and_then(|key| key.verify_strict(bytes, &ed25519_dalek::Signature::from_bytes(&signature.0)))
            .is_ok()
    }
}

impl Signature {
    /// From its 64 bytes.
    pub fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Its 64 bytes.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

/// Reads base64url without padding into exactly `N` bytes.
pub(super) fn from_base64url<const N: usize>(text: &str) -> Option<[u8; N]> {
    // Longer texts are refused before anything is allocated for them.
    if text.len() > N.div_ceil(3) * 4 {
        return None;
    }
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// Writes base64url without padding.
pub(super) fn to_base64url(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

macro_rules! written_as_base64url {
    ($name:ident, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_base64url(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                let wrong = || serde::de::Error::custom(concat!("not ", $what, " in base64url without padding"));
                from_base64url(&text).map(Self).ok_or_else(wrong)
            }
        }
    };
}

written_as_base64url!(PublicKey, "32 bytes of key");
written_as_base64url!(Signature, "64 bytes of signature");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_8032_test_2() {
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let keys = KeyPair::from_seed(seed.try_into().unwrap());
        let public = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        assert_eq!(keys.public().as_bytes().as_slice(), public);
        let signature = hex(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        );
        assert_eq!(keys.sign(&[0x72]).as_bytes().as_slice(), signature);
        assert!(keys.public().verify(&[0x72], &keys.sign(&[0x72])));
    }

    #[test]
    fn another_text_or_key_does_not_verify() {
        let (a, b) = (KeyPair::from_seed([1; 32]), KeyPair::from_seed([2; 32]));
        let signature = a.sign(b"yes");
        assert!(!a.public().verify(b"no", &signature));
        assert!(!b.public().verify(b"yes", &signature));
        assert!(!PublicKey::from_bytes([0xff; 32]).verify(b"yes", &signature));
        // The neutral element as a key would verify a signature of itself over anything.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut forged = [0; 64];
        forged[0] = 1;
        assert!(!PublicKey::from_bytes(neutral).verify(b"yes", &Signature::from_bytes(forged)));
    }

    #[test]
    fn keys_are_written_and_read_back() {
        let key = KeyPair::from_seed([3; 32]).public();
        let text = serde_json::to_string(&key).unwrap();
        assert_eq!(text.len(), 45);
        assert_eq!(serde_json::from_str::<PublicKey>(&text).unwrap(), key);
        assert!(serde_json::from_str::<PublicKey>("\"AAAA\"").is_err());
        assert!(!format!("{:?}", KeyPair::from_seed([3; 32])).contains("AwMD"));
    }
}
