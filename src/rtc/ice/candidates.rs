//! What of our candidates goes out, as text (RFC 8839 §5.1): no address that nobody can call, and, where
//! only relays may be used, none of this machine's.

use std::net::SocketAddr;

/// Keeps what the other side may see of a candidate line (with or without `candidate:`); `None` for one that is of no
/// use to anybody, or that would tell an address it should not.
///
/// RFC 8828 §5.2 and RFC 8839 §5.1.2.5: a relayed candidate names the address it was asked from; `0.0.0.0` and port 9
/// say “not told”.
pub fn shown(line: &str, relay_only: bool) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let address = *words.get(4)?;
    let kind = words.iter().position(|word| *word == "typ").and_then(|at| words.get(at + 1));
    // the wildcard: the machine had no interface
    if address == "0.0.0.0" || address == "::" || relay_only && kind != Some(&"relay") {
        return None;
    }
    if !relay_only {
        return Some(line.to_owned());
    }
    let nowhere = if address.contains(':') { "::" } else { "0.0.0.0" };
    let mut told = words;
    for at in 1..told.len() {
        match told[at - 1] {
            "raddr" => told[at] = nowhere,
            "rport" => told[at] = "9",
            _ => {}
        }
    }
    Some(told.join(" "))
}

/// The addresses in a description that are its maker's own for datagrams, and no relay's.
pub fn own_addresses(sdp: &str) -> Vec<SocketAddr> {
    let address = |line: &str| {
        let words: Vec<&str> = line.strip_prefix("a=candidate:")?.split_whitespace().collect();
        let [_, _, protocol, _, ip, port, "typ", kind, ..] = words[..] else { return None };
        let own = protocol.eq_ignore_ascii_case("udp") && kind != "relay";
        Some(SocketAddr::new(ip.parse().ok().filter(|_| own)?, port.parse().ok()?))
    };
    sdp.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "1 1 udp 2130706431 192.168.7.7 5000 typ host";
    const REFLEXIVE: &str = "2 1 udp 1694498815 203.0.113.9 5001 typ srflx raddr 192.168.7.7 rport 5000";
    const RELAY: &str = "3 1 udp 16777215 198.51.100.3 5002 typ relay raddr 192.168.7.7 rport 5000 generation 0";

    #[test]
    fn without_a_wish_for_privacy_all_but_the_wildcard_goes_out() {
        for line in [HOST, REFLEXIVE, RELAY] {
            assert_eq!(shown(line, false).as_deref(), Some(line));
        }
        assert_eq!(shown("1 1 udp 2130706431 0.0.0.0 5000 typ host", false), None);
        assert_eq!(shown("1 1 udp 2130706431 :: 5000 typ host", false), None);
        assert_eq!(shown("", false), None);
    }

    #[test]
    fn addresses_of_its_maker_are_told_from_those_of_relays() {
        let sdp = format!(
            "v=0\r\na=candidate:{HOST}\r\na=candidate:{REFLEXIVE}\r\na=candidate:{RELAY}\r\n\
            a=candidate:4 1 udp 1 2001:db8::7 5003 typ host\r\na=candidate:5 1 tcp 1 192.168.7.7 9 typ host\r\n\
            a=candidate:6 1 udp 1 name.local 5004 typ host\r\na=candidate:7\r\n"
        );
        let told: Vec<String> = own_addresses(&sdp).iter().map(SocketAddr::to_string).collect();
        assert_eq!(told, ["192.168.7.7:5000", "203.0.113.9:5001", "[2001:db8::7]:5003"]);
    }

    #[test]
    fn relay_only_shows_no_address_of_ours() {
        assert_eq!(shown(HOST, true), None);
        assert_eq!(shown(REFLEXIVE, true), None);
        assert_eq!(
            shown(RELAY, true).as_deref(),
            Some("3 1 udp 16777215 198.51.100.3 5002 typ relay raddr 0.0.0.0 rport 9 generation 0")
        );
    }
}
