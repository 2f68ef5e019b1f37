//! The server's settings file. Example with every key: `config/server.toml`.

use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;

use crate::signal::limits::{Limits, ROOM_MEMBERS_MOST};

/// Settings of the server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// What the server calls itself; every login signs it.
    pub name: String,
    /// Reverse proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Bounds.
    pub limits: Limits,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 47100)),
            name: "visavis".into(),
            trusted_proxies: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// Why a settings file was not taken. The text names line and key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error("line {line}: {what}")]
    Syntax {
        /// Where.
        line: usize,
        /// What is wrong; names the key.
        what: String,
    },
    /// A value that cannot be.
    #[error("`{key}` {rule}")]
    Value {
        /// Which key.
        key: &'static str,
        /// What it must be.
        rule: &'static str,
    },
}

impl ServerConfig {
    /// Reads a settings file's text.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = text.get(..at).unwrap_or(text).lines().count().max(1);
            let line = if at > 0 && text.as_bytes().get(at - 1) == Some(&b'\n') { line + 1 } else { line };
            ConfigError::Syntax { line, what: error.message().replace('\n', " ") }
        })?;
        config.checked()
    }

    fn checked(self) -> Result<Self, ConfigError> {
        let limits = &self.limits;
        let named = (1..=100).contains(&self.name.chars().count()) && !self.name.chars().any(char::is_control);
        let rules = [
            ("name", named, "must have 1 to 100 printable characters"),
            ("message_bytes", (4096..=1 << 20).contains(&limits.message_bytes), "must be from 4096 to 1048576"),
            ("messages_per_second", limits.messages_per_second > 0, "must be at least 1"),
            ("burst", limits.burst > 0, "must be at least 1"),
            ("connections_per_address", limits.connections_per_address > 0, "must be at least 1"),
            ("connections", limits.connections > 0, "must be at least 1"),
            ("register_seconds", (1..=60).contains(&limits.register_seconds), "must be from 1 to 60"),
            ("idle_seconds", (2..=3600).contains(&limits.idle_seconds), "must be from 2 to 3600"),
            ("rooms_per_connection", limits.rooms_per_connection <= 64, "must be from 0 to 64"),
            ("room_members", (2..=ROOM_MEMBERS_MOST).contains(&limits.room_members), "must be from 2 to 32"),
        ];
        match rules.into_iter().find(|(_, good, _)| !good) {
            Some((key, _, rule)) => Err(ConfigError::Value { key, rule }),
            None => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_holds_the_defaults() {
        let text = include_str!("../../config/server.toml");
        assert_eq!(ServerConfig::from_toml(text), Ok(ServerConfig::default()));
        assert_eq!(ServerConfig::from_toml(""), Ok(ServerConfig::default()));
        assert_eq!(ServerConfig::default().listen.to_string(), super::super::DEFAULT_ADDR);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = ServerConfig::from_toml("name = \"a\"\n\n[limits]\nbursts = 5\n").unwrap_err().to_string();
        assert!(error.starts_with("line 4: ") && error.contains("bursts"), "{error}");
        let error = ServerConfig::from_toml("lisen = 5").unwrap_err().to_string();
        assert!(error.starts_with("line 1: ") && error.contains("lisen"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_named() {
        let error = ServerConfig::from_toml("[limits]\nburst = 0").unwrap_err();
        assert_eq!(error.to_string(), "`burst` must be at least 1");
        assert!(ServerConfig::from_toml("listen = \"here\"").unwrap_err().to_string().starts_with("line 1: "));
        assert!(ServerConfig::from_toml("name = \"\"").is_err());
    }
}
