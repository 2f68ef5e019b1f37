//! Addresses of STUN and TURN servers (RFC 7064 §3, RFC 7065 §3), read before anything is built with them: one that is
//! wrong is refused by name, rather than a connection failing half a minute later.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Longest address taken, in bytes: a DNS name has at most 253.
const LONGEST: usize = 300;

/// What a server does for us, and how it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// `stun:`: tells our address as the internet sees it; over UDP.
    Stun,
    /// `turn:`: relays, reached over UDP.
    TurnUdp,
    /// `turn:…?transport=tcp`: relays, reached over TCP where UDP is blocked.
    TurnTcp,
    /// `turns:`: relays, reached over TLS on TCP.
    TurnTls,
}

impl Service {
    /// The port where none is named (RFC 7064 §3.2, RFC 7065 §3.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::TurnTls => 5349,
            Self::Stun | Self::TurnUdp | Self::TurnTcp => 3478,
        }
    }

    /// Whether it needs a user name and a password.
    pub const fn relays(self) -> bool {
        !matches!(self, Self::Stun)
    }

    /// Whether it is reached over a stream rather than by datagrams.
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::TurnTcp | Self::TurnTls)
    }
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name, in lower case.
    Name(String),
    /// An address.
    Ip(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

/// The address of a STUN or TURN server; `to_string()` is its shortest form with the port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl {
    /// What it does, and how it is reached.
    pub service: Service,
    /// Where it is.
    pub host: Host,
    /// Its port, 1…65535.
    pub port: u16,
}

/// Why a text is no address of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Begins otherwise.
    #[error("it must begin with stun:, turn: or turns:")]
    Scheme,
    /// `stuns:`.
    #[error("STUN over TLS is not supported; use stun: with the same server")]
    SecureStun,
    /// `turns:…?transport=udp`.
    #[error("TURN over DTLS is not supported; leave ?transport=udp out for TLS, or use turn:")]
    Dtls,
    /// `stun://…`.
    #[error("no // belongs after stun:, turn: or turns:")]
    Slashes,
    /// Neither name nor address.
    #[error("it needs a host name, an IPv4 address, or an IPv6 address in brackets, such as turn:[2001:db8::1]:3478")]
    Host,
    /// Not 1…65535.
    #[error("the port must be a number from 1 to 65535")]
    Port,
    /// Something after `?`.
    #[error("only ?transport=udp or ?transport=tcp may follow, and only after turn: and turns:")]
    Query,
    /// Far longer than any real one.
    #[error("it is longer than any server's address")]
    Long,
}

/// RFC 1123 §2.1 and RFC 952: labels of letters, digits and hyphens; underscores live in the wild.
fn is_name(name: &str) -> bool {
    let labels = name.strip_suffix('.').unwrap_or(name);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // All digits in the last label is a wrong IPv4 address, not a name (RFC 3696 §2).
    let last = labels.rsplit('.').next().unwrap_or_default();
    labels.len() <= 253 && labels.split('.').all(label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

fn host(text: &str) -> Result<Host, UrlError> {
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Ok(Host::Ip(ip.into()));
    }
    if is_name(text) { Ok(Host::Name(text.to_ascii_lowercase())) } else { Err(UrlError::Host) }
}

impl FromStr for ServerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.len() > LONGEST {
            return Err(UrlError::Long);
        }
        let (scheme, rest) = text.split_once(':').ok_or(UrlError::Scheme)?;
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "stun" | "turn" | "turns" => {}
            "stuns" => return Err(UrlError::SecureStun),
            _ => return Err(UrlError::Scheme),
        }
        if rest.starts_with("//") {
            return Err(UrlError::Slashes);
        }
        let (place, query) = match rest.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (rest, None),
        };
        let service = match (scheme.as_str(), query) {
            ("stun", None) => Service::Stun,
            ("turn", None | Some("transport=udp")) => Service::TurnUdp,
            ("turn", Some("transport=tcp")) => Service::TurnTcp,
            ("turns", None | Some("transport=tcp")) => Service::TurnTls,
            ("turns", Some("transport=udp")) => return Err(UrlError::Dtls),
            _ => return Err(UrlError::Query),
        };
        let (host, port) = if let Some(inside) = place.strip_prefix('[') {
            let (address, after) = inside.split_once(']').ok_or(UrlError::Host)?;
            let host = Host::Ip(address.parse::<Ipv6Addr>().map_err(|_| UrlError::Host)?.into());
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(UrlError::Host),
            }
        } else {
            match place.split_once(':') {
                Some((name, port)) if !port.contains(':') => (host(name)?, Some(port)),
                Some(_) => return Err(UrlError::Host),
                None => (host(place)?, None),
            }
        };
        let port = match port {
            None => service.default_port(),
            // `parse` alone would take a sign
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                port.parse().ok().filter(|port| *port > 0).ok_or(UrlError::Port)?
            }
            Some(_) => return Err(UrlError::Port),
        };
        Ok(Self { service, host, port })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, query) = match self.service {
            Service::Stun => ("stun", ""),
            Service::TurnUdp => ("turn", ""),
            Service::TurnTcp => ("turn", "?transport=tcp"),
            Service::TurnTls => ("turns", ""),
        };
        write!(f, "{scheme}:{}:{}{query}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<String, UrlError> {
        text.parse::<ServerUrl>().map(|url| url.to_string())
    }

    #[test]
    fn every_form_of_the_two_rfcs_is_read_with_its_default_port() {
        assert_eq!(read("stun:example.org").unwrap(), "stun:example.org:3478");
        assert_eq!(read("stun:example.org:8000").unwrap(), "stun:example.org:8000");
        assert_eq!(read("TURN:Example.ORG").unwrap(), "turn:example.org:3478");
        assert_eq!(read("turn:example.org?transport=udp").unwrap(), "turn:example.org:3478");
        assert_eq!(read("turn:example.org:80?transport=tcp").unwrap(), "turn:example.org:80?transport=tcp");
        assert_eq!(read("turns:example.org").unwrap(), "turns:example.org:5349");
        assert_eq!(read("turns:example.org:443?transport=tcp").unwrap(), "turns:example.org:443");
        assert_eq!(read("turn:192.0.2.1").unwrap(), "turn:192.0.2.1:3478");
        assert_eq!(read("turn:[2001:db8::1]").unwrap(), "turn:[2001:db8::1]:3478");
        assert_eq!(read("turns:[2001:db8::1]:443").unwrap(), "turns:[2001:db8::1]:443");
    }

    #[test]
    fn anything_else_is_refused_by_what_is_wrong_with_it() {
        for (text, error) in [
            ("", UrlError::Scheme),
            ("example.org", UrlError::Scheme),
            ("http:example.org", UrlError::Scheme),
            ("stuns:example.org", UrlError::SecureStun),
            ("stun://example.org", UrlError::Slashes),
            ("stun:", UrlError::Host),
            ("stun::3478", UrlError::Host),
            ("turn:exa mple.org", UrlError::Host),
            ("turn:-a.org", UrlError::Host),
            ("turn:a..org", UrlError::Host),
            ("turn:300.1.1.1", UrlError::Host),
            ("turn:user@example.org", UrlError::Host),
            ("turn:2001:db8::1", UrlError::Host),
            ("turn:[2001:db8::1", UrlError::Host),
            ("turn:[2001:db8::1]3478", UrlError::Host),
            ("turn:[192.0.2.1]", UrlError::Host),
            ("turn:example.org:", UrlError::Port),
            ("turn:example.org:0", UrlError::Port),
            ("turn:example.org:+80", UrlError::Port),
            ("turn:example.org:65536", UrlError::Port),
            ("turn:example.org:http", UrlError::Port),
            ("turn:example.org?", UrlError::Query),
            ("turn:example.org?transport=sctp", UrlError::Query),
            ("stun:example.org?transport=udp", UrlError::Query),
            ("turns:example.org?transport=udp", UrlError::Dtls),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
        assert_eq!(read(&format!("stun:{}.org", "a".repeat(400))), Err(UrlError::Long));
    }

    fn urls() -> impl Strategy<Value = ServerUrl> {
        let service =
            prop_oneof![Just(Service::Stun), Just(Service::TurnUdp), Just(Service::TurnTcp), Just(Service::TurnTls)];
        let host = prop_oneof![
            "[a-z][a-z0-9]{0,20}(\\.[a-z][a-z0-9]{0,20}){0,3}".prop_map(Host::Name),
            any::<[u8; 4]>().prop_map(|ip| Host::Ip(IpAddr::from(ip))),
            any::<[u8; 16]>().prop_map(|ip| Host::Ip(IpAddr::from(ip))),
        ];
        (service, host, 1u16..).prop_map(|(service, host, port)| ServerUrl { service, host, port })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again_as_it_was(url in urls()) {
            prop_assert_eq!(url.to_string().parse::<ServerUrl>(), Ok(url));
        }

        #[test]
        fn no_text_makes_it_panic_and_what_it_takes_has_a_port_and_a_host(
            text in "(stun|turn|turns|stuns)?:?/{0,2}[\\[\\]a-z0-9.:?=\\-@ é]{0,40}",
        ) {
            if let Ok(url) = text.parse::<ServerUrl>() {
                prop_assert!(url.port > 0);
                prop_assert_eq!(url.to_string().parse::<ServerUrl>(), Ok(url));
            }
        }
    }
}
