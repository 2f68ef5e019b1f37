//! A list of servers, read and checked before anything is built with it (W3C webrtc §4.4.1.6, “set a configuration”).

use super::url::{ServerUrl, UrlError};
use crate::rtc::description::IceServer;

/// Most addresses one peer may have. Each costs a request from every network interface.
pub const MOST: usize = 16;

/// Longest user name and password, in bytes (RFC 8489 §14.3: a user name has fewer than 509).
const LONGEST: usize = 508;

/// One address of a server, with what it takes to use it.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Its address.
    pub url: ServerUrl,
    /// TURN user; empty for STUN.
    pub username: String,
    /// TURN password; empty for STUN.
    pub credential: String,
    /// When user and password end, seconds since 1970.
    pub expires: Option<u64>,
}

impl std::fmt::Debug for Server {
    /// Without the password, which must not get into logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("url", &self.url).field("username", &self.username).finish_non_exhaustive()
    }
}

/// A server that cannot be used as it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// The address is none.
    #[error("the server address “{url}” cannot be used: {reason}")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        reason: UrlError,
    },
    /// TURN without a user name or password.
    #[error("the relay {url} needs a user name and a password; add both, or use stun: where no relay is wanted")]
    NoCredentials {
        /// The server.
        url: String,
    },
    /// Longer than the protocol carries.
    #[error("user name or password of {url} is longer than {LONGEST} bytes")]
    LongCredentials {
        /// The server.
        url: String,
    },
    /// A server without an address.
    #[error("a server without any address is in the list; give it one, or leave it out")]
    NoUrl,
    /// More than [`MOST`].
    #[error("more than {MOST} server addresses; two or three are enough")]
    TooMany,
}

/// Reads a list.
///
/// # Errors
/// [`ServerError`], for the first that is wrong.
pub fn read(servers: &[IceServer]) -> Result<Vec<Server>, ServerError> {
    let mut read = Vec::new();
    for server in servers {
        if server.urls.is_empty() {
            return Err(ServerError::NoUrl);
        }
        for text in &server.urls {
            let url: ServerUrl = text
                .trim()
                .parse()
                .map_err(|reason| ServerError::Url { url: text.chars().take(100).collect(), reason })?;
            if url.service.relays() && (server.username.is_empty() || server.credential.is_empty()) {
                return Err(ServerError::NoCredentials { url: url.to_string() });
            }
            if server.username.len().max(server.credential.len()) > LONGEST {
                return Err(ServerError::LongCredentials { url: url.to_string() });
            }
            let (username, credential) = (server.username.clone(), server.credential.clone());
            read.push(Server { url, username, credential, expires: server.expires });
        }
    }
    if read.len() > MOST { Err(ServerError::TooMany) } else { Ok(read) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str, username: &str, credential: &str) -> IceServer {
        IceServer {
            urls: vec![url.to_owned()],
            username: username.to_owned(),
            credential: credential.to_owned(),
            expires: None,
        }
    }

    #[test]
    fn what_cannot_work_is_refused_at_once_and_by_name() {
        assert_eq!(read(&[]), Ok(Vec::new()));
        let good = read(&[server(" stun:example.org ", "", ""), server("turn:example.org", "ann", "secret")]).unwrap();
        assert_eq!(good.len(), 2);
        assert!(!format!("{good:?}").contains("secret"));
        let words = |servers: &[IceServer]| read(servers).unwrap_err().to_string();
        assert!(words(&[server("turn:example.org", "ann", "")]).contains("needs a user name and a password"));
        assert!(words(&[server("turn:example.org:x", "ann", "b")]).contains("port"));
        assert!(words(&[IceServer::default()]).contains("without any address"));
        assert!(words(&vec![server("stun:example.org", "", ""); MOST + 1]).contains("more than 16"));
        assert!(words(&[server("turn:example.org", &"a".repeat(600), "b")]).contains("longer"));
    }
}
