//! Identifiers: who someone is ([`PeerId`]), whom to call ([`Callee`]), which call ([`CallId`]).

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use sha2::{Digest, Sha256};

/// Crockford's base 32: no I, L, O, U; read without regard to case; I and L are read as 1, O as 0.
static CROCKFORD: LazyLock<Encoding> = LazyLock::new(|| {
    let mut spec = Specification::new();
    spec.symbols.push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    spec.translate.from.push_str("abcdefghjkmnpqrstvwxyzILOilo");
    spec.translate.to.push_str("ABCDEFGHJKMNPQRSTVWXYZ110110");
    spec.encoding().expect("the alphabet is a valid specification")
});

/// A person's ID: 100 bits of the SHA-256 of their ed25519 public key and 20 bits of checksum.
///
/// Written as 24 Crockford base-32 characters in six groups, to be read aloud: `K7WM-3Q9T-XH4N-2VDA-6PZR-E8CY`.
/// A value of this type has a valid checksum, so a mistyped ID is found before anything is sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId([u8; 15]);

/// Why a text is not an ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not 24 characters, spaces and hyphens aside.
    #[error("an ID has 24 letters and digits, this one has {0}; copy it again, or ask for it to be read once more")]
    Length(usize),
    /// A character that no ID holds.
    #[error("an ID holds no “{0}”; check that character")]
    Character(char),
    /// All characters are possible, yet the checksum does not match.
    #[error("this ID has a typing mistake in it; compare it group by group")]
    Checksum,
}

impl PeerId {
    /// The ID that belongs to an ed25519 public key.
    pub fn from_public_key(key: &[u8; 32]) -> Self {
        let hash = Sha256::digest(key);
        let mut id = [0; 15];
        id[..13].copy_from_slice(&hash[..13]);
        id[12] &= 0xf0; // 100 bits: twelve bytes and a half
        Self::with_checksum(id)
    }

    fn with_checksum(mut id: [u8; 15]) -> Self {
        id[12] &= 0xf0;
        let mut hash = Sha256::new();
        hash.update(b"visavis id checksum");
        hash.update(&id[..13]);
        let sum = hash.finalize();
        id[12] |= sum[0] >> 4;
        id[13] = sum[0] << 4 | sum[1] >> 4;
        id[14] = sum[1] << 4 | sum[2] >> 4;
        Self(id)
    }

    /// The first group, enough to tell people apart in a list (never to identify one).
    pub fn short(&self) -> String {
        self.to_string()[..4].to_owned()
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = CROCKFORD.encode(&self.0);
        for (n, group) in text.as_bytes().chunks(4).enumerate() {
            if n > 0 {
                f.write_str("-")?;
            }
            f.write_str(std::str::from_utf8(group).expect("base 32 is ASCII"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PeerId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let plain: String =
            text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '–' | '—' | '.')).collect();
        if let Some(odd) = plain.chars().find(|c| !c.is_ascii_alphanumeric() || matches!(c, 'u' | 'U')) {
            return Err(IdError::Character(odd));
        }
        if plain.len() != 24 {
            return Err(IdError::Length(plain.len()));
        }
        let bytes = CROCKFORD.decode(plain.as_bytes()).map_err(|_| IdError::Checksum)?;
        let given: [u8; 15] = bytes.try_into().map_err(|_| IdError::Length(plain.len()))?;
        if Self::with_checksum(given).0 == given { Ok(Self(given)) } else { Err(IdError::Checksum) }
    }
}

impl serde::Serialize for PeerId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for PeerId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Whom to call: a person, or the echo peer inside this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Callee {
    /// `echo`: sends back what it gets, and reports on the connection.
    Echo,
    /// Somebody's ID.
    Peer(PeerId),
}

impl FromStr for Callee {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.trim().eq_ignore_ascii_case("echo") { Ok(Self::Echo) } else { text.parse().map(Self::Peer) }
    }
}

impl fmt::Display for Callee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Echo => f.write_str("echo"),
            Self::Peer(id) => id.fmt(f),
        }
    }
}

/// One call between two people: 16 random bytes, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub [u8; 16]);

impl CallId {
    /// A fresh one from the operating system's random numbers.
    pub fn random() -> Self {
        let mut id = [0; 16];
        getrandom::fill(&mut id).expect("the operating system gives random numbers");
        Self(id)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CallId {
    type Err = CallIdError;

    fn from_str(text: &str) -> Result<Self, CallIdError> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| CallIdError)?;
        bytes.try_into().map(Self).map_err(|_| CallIdError)
    }
}

/// A text that is not a call ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a call ID has 32 hexadecimal digits")]
pub struct CallIdError;

impl serde::Serialize for CallId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for CallId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_is_read_back_however_it_was_typed() {
        let id = PeerId::from_public_key(&[7; 32]);
        let text = id.to_string();
        assert_eq!(text.len(), 29);
        let sloppy = text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        assert_eq!(sloppy.parse(), Ok(id));
        assert_eq!(text.replace('-', "").parse(), Ok(id));
    }

    #[test]
    fn what_is_not_an_id_is_refused_with_its_reason() {
        assert_eq!("K7WM".parse::<PeerId>(), Err(IdError::Length(4)));
        assert_eq!("UUUU".parse::<PeerId>(), Err(IdError::Character('U')));
        assert_eq!("".parse::<PeerId>(), Err(IdError::Length(0)));
    }

    proptest! {
        #[test]
        fn one_wrong_character_is_always_found(key in any::<[u8; 32]>(), at in 0usize..24, other in 0usize..32) {
            let text = PeerId::from_public_key(&key).to_string().replace('-', "");
            let symbol = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[other] as char;
            let mut typed: Vec<char> = text.chars().collect();
            prop_assume!(typed[at] != symbol);
            typed[at] = symbol;
            // 20 bits of checksum: a mistake slips through once in a million, in the hashed part only
            let typed: String = typed.into_iter().collect();
            if at >= 20 { prop_assert_eq!(typed.parse::<PeerId>(), Err(IdError::Checksum)); }
        }

        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = text.parse::<PeerId>();
            let _ = text.parse::<CallId>();
        }
    }
}
