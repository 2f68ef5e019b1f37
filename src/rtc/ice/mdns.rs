//! Candidates that give a name for an address: browsers hide the addresses of a page's machine behind
//! `xxxxxxxx-….local`, which only machines of the same network can look up (RFC 6762, draft-ietf-mmusic-mdns-ice-candidates).
//!
//! We only ask. Where the machine has no way to multicast, its own resolver is asked, which may know mDNS by other means;
//! a name that nobody knows costs that candidate and nothing else.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::mdns::{Mdns, MdnsConfig, MdnsEvent, MulticastSocket};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use tokio::net::UdpSocket;

/// Longest wait for the machine that bears the name; it answers within milliseconds or is elsewhere.
const ANSWER: Duration = Duration::from_secs(3);

/// Asked again after so long: multicast gets lost on wireless networks.
const AGAIN: Duration = Duration::from_millis(300);

/// The name in place of the address in a candidate line (with or without `candidate:`), if there is one.
pub(crate) fn name_in(line: &str) -> Option<&str> {
    let address = line.split_whitespace().nth(4)?;
    let bare = address.strip_suffix(".local")?;
    // One label, as the draft has it: anything else is not ours to ask for.
    let label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    ((1..=63).contains(&bare.len()) && bare.bytes().all(label)).then_some(address)
}

/// The candidate lines in a description that have a name for an address.
pub(crate) fn named_in(sdp: &str) -> impl Iterator<Item = &str> {
    let candidates = sdp.lines().filter_map(|line| line.trim_end().strip_prefix("a="));
    candidates.filter(|line| line.starts_with("candidate:") && name_in(line).is_some())
}

/// The same line with the address in place of the name; `None` where nobody here bears it.
pub(crate) async fn resolve(line: &str) -> Option<String> {
    let name = name_in(line)?;
    let found = match tokio::time::timeout(ANSWER + AGAIN, ask(name)).await {
        Ok(Ok(found)) => found,
        Ok(Err(e)) => {
            tracing::debug!("no multicast here ({e}); the system is asked for {name}");
            let found = tokio::time::timeout(ANSWER, tokio::net::lookup_host((name, 0))).await;
            found.ok().and_then(Result::ok).and_then(|mut found| found.next()).map(|found| found.ip())
        }
        Err(_) => None,
    };
    found.map(|address| with_address(line, name, address))
}

fn with_address(line: &str, name: &str, address: IpAddr) -> String {
    line.replacen(name, &address.to_string(), 1)
}

async fn ask(name: &str) -> io::Result<Option<IpAddr>> {
    let wrong = |e: &dyn std::fmt::Display| io::Error::other(e.to_string());
    let socket = UdpSocket::from_std(MulticastSocket::new().into_std()?)?;
    let local_addr = socket.local_addr()?;
    let config = MdnsConfig::new().with_query_timeout(ANSWER).with_query_interval(AGAIN);
    let mut mdns = Mdns::new(Instant::now(), config);
    let mut piece = vec![0; 9000];
    let query = mdns.query_now(Instant::now(), name);
    loop {
        while let Some(question) = mdns.poll_write() {
            socket.send_to(&question.message, question.transport.peer_addr).await?;
        }
        while let Some(event) = mdns.poll_event() {
            match event {
                MdnsEvent::QueryAnswered(id, address) if id == query => return Ok(Some(address)),
                MdnsEvent::QueryTimeout(id) if id == query => return Ok(None),
                _ => {}
            }
        }
        let next = mdns.poll_timeout().unwrap_or_else(|| Instant::now() + AGAIN);
        tokio::select! {
            came = socket.recv_from(&mut piece) => {
                let (length, peer_addr) = came?;
                let transport =
                    TransportContext { local_addr, peer_addr, ecn: None, transport_protocol: TransportProtocol::UDP };
                let message = BytesMut::from(&piece[..length]);
                // What others say on this address may be anything.
                let _ = mdns.handle_read(TaggedBytesMut { now: Instant::now(), transport, message });
            }
            () = tokio::time::sleep_until(next.into()) => {
                mdns.handle_timeout(Instant::now()).map_err(|e| wrong(&e))?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMED: &str =
        "candidate:1 1 udp 2113937151 0b6c6c1f-7a1e-4a43-9e02-2d4f0f8e7b1a.local 54321 typ host generation 0";

    #[test]
    fn only_names_of_one_label_are_asked_for() {
        assert_eq!(name_in(NAMED), Some("0b6c6c1f-7a1e-4a43-9e02-2d4f0f8e7b1a.local"));
        for other in ["a.b.local", ".local", "local", "192.0.2.1", "é.local", "x.example"] {
            assert_eq!(name_in(&format!("candidate:1 1 udp 1 {other} 9 typ host")), None, "{other}");
        }
        assert_eq!(name_in(""), None);
        let sdp = format!("v=0\r\na={NAMED}\r\na=candidate:2 1 udp 1 192.0.2.1 9 typ host\r\n");
        assert_eq!(named_in(&sdp).collect::<Vec<_>>(), [NAMED]);
    }

    #[test]
    fn the_address_takes_the_names_place() {
        let found = with_address(NAMED, name_in(NAMED).unwrap(), "192.0.2.7".parse().unwrap());
        assert_eq!(found, "candidate:1 1 udp 2113937151 192.0.2.7 54321 typ host generation 0");
        rtc::ice::candidate::unmarshal_candidate(found.strip_prefix("candidate:").unwrap()).unwrap();
    }
}
