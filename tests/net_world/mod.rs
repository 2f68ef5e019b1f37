//! A small internet of network namespaces: machines, home routers with NAT of several kinds, a relay (Debian's coturn),
//! and two copies of the session in namespaces of their own, whose signaling is the test itself.
//!
//! Nothing leaves the namespaces: they are linked with one another only, and every one is gone at the end. Those of a
//! run that was killed are removed by the next.

#![allow(dead_code, reason = "not every test needs every part")]

pub mod apart;
pub mod endpoint;
pub mod namespaces;
pub mod pair;
pub mod relay;

/// Why these tests cannot run here; `None` where they can.
pub fn missing() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("network namespaces are a thing of Linux".to_owned());
    }
    for tool in ["ip", "nft", "turnserver"] {
        let found = std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(tool).exists()))
            || std::path::Path::new("/usr/sbin").join(tool).exists();
        if !found {
            return Some(format!("{tool} is not installed (Debian: apt-get install iproute2 nftables coturn)"));
        }
    }
    namespaces::try_one().err()
}
