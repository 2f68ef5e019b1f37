//! Servers that help two sides to find a path.

use serde::{Deserialize, Serialize};

/// A STUN or TURN server (W3C `RTCIceServer`).
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:host[:port]`, `turn:host[:port][?transport=udp|tcp]`, `turns:host[:port]` (RFC 7064, RFC 7065); the port is
    /// 3478, for `turns` 5349. An IPv6 address stands in brackets.
    pub urls: Vec<String>,
    /// TURN user; empty for STUN.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// TURN password; empty for STUN.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub credential: String,
    /// When user and password end, in seconds since 1970; `None`: never. To be renewed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
}

impl std::fmt::Debug for IceServer {
    /// Without the password, which must not get into logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("IceServer");
        shown.field("urls", &self.urls).field("username", &self.username).field("expires", &self.expires);
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_and_written_but_not_logged() {
        let text = r#"{"urls":["turn:example.org"],"username":"ann","credential":"secret","expires":7}"#;
        let server: IceServer = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&server).unwrap(), text);
        assert!(!format!("{server:?}").contains("secret"));
        let stun: IceServer = serde_json::from_str(r#"{"urls":["stun:example.org"]}"#).unwrap();
        assert_eq!(serde_json::to_string(&stun).unwrap(), r#"{"urls":["stun:example.org"]}"#);
    }
}
