//! An invitation: an ID with the name and the server that go with it, as one line to paste.

use std::fmt;
use std::str::FromStr;

use super::id::{IdError, PeerId};

/// `visavis:K7WM-3Q9T-XH4N-2VDA-6PZR-E8CY?name=Noor%20Haddad&server=wss%3A%2F%2Fexample.org`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Who invites.
    pub id: PeerId,
    /// What they call themselves; never proof of anything.
    pub name: Option<String>,
    /// The signaling server where they can be reached, where it is not the built-in one.
    pub server: Option<String>,
}

const SCHEME: &str = "visavis:";

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.id)?;
        let mut mark = '?';
        for (key, value) in [("name", &self.name), ("server", &self.server)] {
            if let Some(value) = value {
                write!(f, "{mark}{key}={}", escape(value))?;
                mark = '&';
            }
        }
        Ok(())
    }
}

impl FromStr for Invitation {
    type Err = IdError;

    /// Reads an invitation, or a bare ID.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let text = text.trim();
        let text = match text.get(..SCHEME.len()) {
            Some(head) if head.eq_ignore_ascii_case(SCHEME) => &text[SCHEME.len()..],
            _ => text,
        };
        let (id, query) = text.split_once('?').unwrap_or((text, ""));
        let mut invitation = Self { id: id.parse()?, name: None, server: None };
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = Some(unescape(value)).filter(|v| !v.is_empty());
            match key {
                "name" => invitation.name = value,
                "server" => invitation.server = value,
                _ => {} // a later version's key
            }
        }
        Ok(invitation)
    }
}

/// Percent-encoding of everything outside RFC 3986's unreserved characters.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|h| data_encoding::HEXUPPER_PERMISSIVE.decode(h).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte[0]);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_invitation_is_read_back(key in any::<[u8; 32]>(), name in "\\PC{1,20}", server in "\\PC{1,20}") {
            let written = Invitation { id: PeerId::from_public_key(&key), name: Some(name), server: Some(server) };
            prop_assert_eq!(written.to_string().parse::<Invitation>(), Ok(written));
        }

        #[test]
        fn no_text_panics(text in "(visavis:)?\\PC{0,60}") {
            let _ = text.parse::<Invitation>();
        }
    }
}
