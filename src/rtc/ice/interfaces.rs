//! Which addresses of this machine a connection is tried from: asked anew whenever sockets are bound, so that an ICE
//! restart after a change of network finds what is there then.
//!
//! Every address of every interface, IPv4 and IPv6, and the loopback ones, always: two copies on one machine must find each
//! other without a network, and where a firewall or a VPN keeps a machine from its own address. Nobody can tell from a
//! description whether the other end is on this machine; for one that is not, a loopback candidate costs a few checks that
//! its own system refuses at once. Link-local addresses only where the machine has no other: an IPv6 one means nothing
//! without the name of the interface, which a candidate cannot carry (RFC 8445 §5.1.1.1), and a self-assigned IPv4 one
//! rarely leads anywhere.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use rtc::shared::ifaces::ifaces;

/// More addresses than this only cost time: each is tried with each of the other side's.
const MOST: usize = 16;

/// Stands for every address this machine has when it is asked.
#[derive(Debug, Clone, Copy)]
pub struct EveryInterface;

impl ToSocketAddrs for EveryInterface {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        let own = match ifaces() {
            Ok(interfaces) => interfaces.into_iter().filter_map(|interface| interface.addr).map(|at| at.ip()).collect(),
            Err(e) => {
                tracing::warn!("the network interfaces cannot be listed: {e}; only this machine can be called");
                Vec::new()
            }
        };
        let addresses: Vec<_> = usable(&own).into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
        Ok(addresses.into_iter())
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.segments()[0] & 0xffc0 == 0xfe80,
    }
}

/// Those worth binding, loopback last.
fn usable(own: &[IpAddr]) -> Vec<IpAddr> {
    let mut worth: Vec<IpAddr> = Vec::new();
    let plain = |ip: &IpAddr| !ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast();
    for ip in own.iter().filter(|ip| plain(ip) && !is_link_local(**ip)) {
        if !worth.contains(ip) {
            worth.push(*ip);
        }
    }
    if worth.is_empty() {
        worth.extend(own.iter().filter(|ip| ip.is_ipv4() && is_link_local(**ip)));
    }
    worth.truncate(MOST);
    worth.push(Ipv4Addr::LOCALHOST.into());
    if own.contains(&Ipv6Addr::LOCALHOST.into()) && !worth.iter().any(|ip| !ip.is_loopback()) {
        worth.push(Ipv6Addr::LOCALHOST.into());
    }
    worth
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(own: &[&str]) -> String {
        let own: Vec<IpAddr> = own.iter().map(|ip| ip.parse().unwrap()).collect();
        usable(&own).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_address_of_both_families_and_no_wildcard() {
        assert_eq!(
            listed(&["127.0.0.1", "::1", "192.0.2.7", "2001:db8::7", "fe80::7", "169.254.1.1", "192.0.2.7"]),
            "192.0.2.7 2001:db8::7 127.0.0.1"
        );
        assert_eq!(listed(&["127.0.0.1", "::1"]), "127.0.0.1 ::1");
        assert_eq!(listed(&[]), "127.0.0.1");
    }

    #[test]
    fn a_cable_between_two_machines_is_enough() {
        assert_eq!(listed(&["127.0.0.1", "169.254.9.9", "fe80::9"]), "169.254.9.9 127.0.0.1");
    }

    #[test]
    fn a_machine_with_a_hundred_addresses_does_not_try_all() {
        let many: Vec<IpAddr> = (0..100).map(|n| Ipv4Addr::new(10, 0, 0, n).into()).collect();
        assert_eq!(usable(&many).len(), MOST + 1);
    }
}
