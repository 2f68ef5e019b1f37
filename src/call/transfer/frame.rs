//! The messages of the channel `files`: control as JSON in text, content as bytes.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::model::transfer::TransferId;

/// Longest control message that is looked at, bytes.
pub const MAX_CONTROL: usize = 4096;

/// Before the content: ID (16 bytes) and offset (8 bytes, most significant first).
pub const HEADER: usize = 24;

/// Why a transfer ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The person on that side stopped it.
    Cancelled,
    /// More files are offered at once than are kept.
    Many,
    /// The receiver's disk has not the room.
    Space,
    /// A disk failed.
    Disk,
    /// The sender's file is gone or cannot be read any more.
    Vanished,
    /// The sender's file is another than was offered.
    Changed,
    /// What arrived is not what was sent.
    Damaged,
    /// That side did not understand what came.
    Protocol,
    /// A reason of a later version.
    #[serde(other)]
    Later,
}

/// A control message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the module above says what each is")]
pub enum Control {
    Offer {
        id: TransferId,
        name: String,
        size: u64,
    },
    Accept {
        id: TransferId,
        #[serde(default)]
        have: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<Hash>,
    },
    Refuse {
        id: TransferId,
    },
    Start {
        id: TransferId,
        #[serde(default)]
        from: u64,
    },
    Ack {
        id: TransferId,
        have: u64,
    },
    End {
        id: TransferId,
        sha256: Hash,
    },
    Done {
        id: TransferId,
    },
    Cancel {
        id: TransferId,
        why: Why,
    },
    #[serde(other)]
    Later,
}

impl Control {
    /// As it goes over the channel.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads one; `None` where it makes no sense.
    pub fn decode(text: &[u8]) -> Option<Self> {
        if text.len() > MAX_CONTROL { None } else { serde_json::from_slice(text).ok() }
    }
}

/// A SHA-256 (FIPS 180-4), written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
        let hash = bytes.and_then(|bytes| bytes.try_into().ok()).map(Self);
        hash.ok_or_else(|| serde::de::Error::custom("a SHA-256 has 64 hexadecimal digits"))
    }
}

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Of which transfer.
    pub id: TransferId,
    /// Bytes of the file before it.
    pub at: u64,
    /// Never empty.
    pub bytes: Bytes,
}

impl Content {
    /// As it goes over the channel.
    pub fn encode(&self) -> Bytes {
        let mut message = BytesMut::with_capacity(HEADER + self.bytes.len());
        message.put_slice(&self.id.0);
        message.put_u64(self.at);
        message.put_slice(&self.bytes);
        message.freeze()
    }

    /// Reads one; `None` where it makes no sense.
    pub fn decode(message: &Bytes) -> Option<Self> {
        let (id, rest) = message.split_first_chunk::<16>()?;
        let (at, bytes) = rest.split_first_chunk::<8>()?;
        let at = u64::from_be_bytes(*at);
        let end = at.checked_add(bytes.len() as u64);
        (!bytes.is_empty() && end.is_some()).then(|| Self { id: TransferId(*id), at, bytes: message.slice(HEADER..) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_read_as_they_are_documented() {
        let id = TransferId([0xab; 16]);
        let hex = "ab".repeat(16);
        let read = |text: &str| Control::decode(text.replace("ID", &hex).as_bytes());
        assert_eq!(
            read(r#"{"type":"offer","id":"ID","name":"a.pdf","size":5368709120}"#),
            Some(Control::Offer { id, name: "a.pdf".into(), size: 5 << 30 })
        );
        assert_eq!(read(r#"{"type":"accept","id":"ID"}"#), Some(Control::Accept { id, have: 0, sha256: None }));
        assert_eq!(read(r#"{"type":"start","id":"ID","from":7}"#), Some(Control::Start { id, from: 7 }));
        assert_eq!(read(r#"{"type":"cancel","id":"ID","why":"moon"}"#), Some(Control::Cancel { id, why: Why::Later }));
        assert_eq!(read(r#"{"type":"thumbnail","id":"ID"}"#), Some(Control::Later));
        for bad in ["{", "[]", r#"{"type":"offer","id":"12","name":"a","size":1}"#, r#"{"type":"ack","id":"ID"}"#] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let end = Control::End { id, sha256: Hash([7; 32]) };
        assert_eq!(Control::decode(end.encode().as_bytes()), Some(end));
        assert_eq!(Control::decode(&vec![b' '; MAX_CONTROL + 1]), None);
    }

    #[test]
    fn content_is_read_back_and_nonsense_is_none() {
        let content = Content { id: TransferId([3; 16]), at: 5 << 30, bytes: Bytes::from_static(b"abc") };
        assert_eq!(Content::decode(&content.encode()), Some(content.clone()));
        assert_eq!(Content::decode(&content.encode().slice(..HEADER)), None, "nothing in it");
        let beyond = Content { at: u64::MAX, ..content };
        assert_eq!(Content::decode(&beyond.encode()), None, "no file is so long");
    }

    proptest! {
        #[test]
        fn no_message_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Control::decode(&bytes);
            let _ = Content::decode(&bytes.into());
        }
    }
}
