//! Namespaces and the links between them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

const MARK: &str = "vvnet";

static WORLDS: AtomicU32 = AtomicU32::new(0);

/// How a home router treats what comes and goes (RFC 4787's words).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nat {
    /// Endpoint-independent mapping and filtering: whoever knows the outer address gets in.
    FullCone,
    /// The outer port is the inner one; only those get in to whom something went out.
    PortRestricted,
    /// Another outer port for each other end.
    Symmetric,
    /// Port-restricted, and no UDP at all.
    BlocksUdp,
}

/// A namespace.
#[derive(Debug, Clone, Default)]
pub struct Host {
    /// Its name for `ip netns exec`.
    pub namespace: String,
    /// Its own address.
    pub address: String,
}

/// Namespaces of one test, linked by one bridge, “the internet”: 203.0.113.0/24 and 2001:db8::/64.
pub struct World {
    prefix: String,
    made: Vec<String>,
    internet: String,
}

fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output =
        Command::new(program).args(arguments).output().map_err(|e| format!("{program} does not start: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} {}: {}", arguments.join(" "), words.trim()))
}

/// Whether a namespace can be made here, and a NAT in it.
pub fn try_one() -> Result<(), String> {
    let name = format!("{MARK}-{}-try", std::process::id());
    run("ip", &["netns", "add", &name])
        .map_err(|e| format!("no network namespace can be made here (that takes root): {e}"))?;
    let nat = "ip link add veth0 type veth peer name veth1 && nft 'add table ip t; add chain ip t c { type nat hook postrouting priority 100; }; add rule ip t c masquerade random,fully-random'";
    let made = run("ip", &["netns", "exec", &name, "sh", "-ec", nat]);
    let _ = run("ip", &["netns", "del", &name]);
    made.map(|_| ()).map_err(|e| format!("no NAT can be made in a network namespace here: {e}"))
}

fn folder_of(namespace: &str) -> PathBuf {
    Path::new("/etc/netns").join(namespace)
}

fn remove(namespace: &str) {
    let _ = run("ip", &["netns", "del", namespace]);
    let _ = std::fs::remove_dir_all(folder_of(namespace));
}

/// Those that a killed run left.
fn sweep() {
    for line in run("ip", &["netns", "list"]).unwrap_or_default().lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        let process = name.strip_prefix(MARK).and_then(|rest| rest.split('-').nth(1));
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            remove(name);
        }
    }
}

impl World {
    /// One with an empty internet.
    pub fn new() -> Self {
        sweep();
        let prefix = format!("{MARK}-{}-{}", std::process::id(), WORLDS.fetch_add(1, Ordering::Relaxed));
        let mut world = Self { prefix, made: Vec::new(), internet: String::new() };
        world.internet = world.namespace("net");
        world.script(
            &world.internet,
            "ip link add br0 type bridge stp_state 0 forward_delay 0; ip link set br0 up
             ip addr add 203.0.113.1/24 dev br0; ip addr add 2001:db8::1/64 dev br0 nodad",
        );
        world
    }

    /// An empty one, linked to nothing.
    pub fn namespace(&mut self, name: &str) -> String {
        let namespace = format!("{}-{name}", self.prefix);
        run("ip", &["netns", "add", &namespace]).expect("a namespace");
        self.made.push(namespace.clone());
        self.script(
            &namespace,
            "ip link set lo up
             for all in all default; do echo 0 > /proc/sys/net/ipv6/conf/$all/accept_dad; done",
        );
        namespace
    }

    /// Runs a shell script in a namespace.
    pub fn script(&self, namespace: &str, script: &str) -> String {
        run("ip", &["netns", "exec", namespace, "sh", "-ec", script]).expect("the script in a namespace runs")
    }

    /// A device `device` in `namespace`, plugged into the internet.
    fn plug(&self, namespace: &str, device: &str) {
        let port = format!("p{}", self.made.len());
        let internet = &self.internet;
        run(
            "ip",
            &["link", "add", device, "netns", namespace, "type", "veth", "peer", "name", &port, "netns", internet],
        )
        .expect("a link");
        self.script(internet, &format!("ip link set {port} master br0 up"));
        self.script(namespace, &format!("ip link set {device} up"));
    }

    /// A machine on the internet: 203.0.113.`number`, 2001:db8::`number`. What it sends to addresses that are not there
    /// gets lost without a word, as on the real one.
    pub fn host(&mut self, name: &str, number: u8) -> Host {
        let namespace = self.namespace(name);
        self.plug(&namespace, "eth0");
        let address = format!("203.0.113.{number}");
        self.script(
            &namespace,
            &format!(
                "ip addr add {address}/24 dev eth0; ip addr add 2001:db8::{number}/64 dev eth0 nodad
                 ip route add default via 203.0.113.1; ip -6 route add default via 2001:db8::1"
            ),
        );
        Host { namespace, address }
    }

    /// A machine on the internet that has no IPv4.
    pub fn host_v6(&mut self, name: &str, number: u8) -> Host {
        let host = self.host(name, number);
        self.script(&host.namespace, "ip -4 addr flush dev eth0");
        Host { address: format!("2001:db8::{number}"), ..host }
    }

    /// A machine behind a router: 192.168.`number`.2 inside, 203.0.113.`number` outside.
    pub fn behind(&mut self, nat: Nat, name: &str, number: u8) -> Host {
        let router = self.namespace(&format!("{name}r"));
        let namespace = self.namespace(name);
        self.plug(&router, "wan0");
        run(
            "ip",
            &["link", "add", "lan0", "netns", &router, "type", "veth", "peer", "name", "eth0", "netns", &namespace],
        )
        .expect("a link");
        let how = if nat == Nat::Symmetric { "masquerade random,fully-random" } else { "masquerade" };
        let inbound = match nat {
            Nat::FullCone => format!("iifname wan0 udp dport 1024-65535 dnat to 192.168.{number}.2"),
            _ => String::new(),
        };
        let refused = match nat {
            Nat::FullCone => "",
            Nat::BlocksUdp => "meta l4proto udp drop",
            Nat::PortRestricted | Nat::Symmetric => "iifname wan0 ct state new drop",
        };
        // What nobody asked for is dropped before it is a connection: else its port would count as taken.
        let rules = format!(
            "add table ip r
             add chain ip r post {{ type nat hook postrouting priority 100; }}
             add rule ip r post oifname wan0 {how}
             add chain ip r pre {{ type nat hook prerouting priority -100; }}
             {}
             add chain ip r own {{ type filter hook input priority 0; }}
             add rule ip r own iifname wan0 ct state new drop
             add chain ip r onward {{ type filter hook forward priority 0; }}
             {}",
            if inbound.is_empty() { String::new() } else { format!("add rule ip r pre {inbound}") },
            if refused.is_empty() { String::new() } else { format!("add rule ip r onward {refused}") },
        );
        self.script(
            &router,
            &format!(
                "ip link set lan0 up; ip addr add 203.0.113.{number}/24 dev wan0; ip addr add 192.168.{number}.1/24 dev lan0
                 echo 1 > /proc/sys/net/ipv4/ip_forward
                 printf '%s' '{rules}' | nft -f -"
            ),
        );
        self.script(
            &namespace,
            &format!(
                "ip link set eth0 up; ip addr add 192.168.{number}.2/24 dev eth0
                 ip route add default via 192.168.{number}.1"
            ),
        );
        Host { namespace, address: format!("192.168.{number}.2") }
    }

    /// Gives a machine on the internet another address, as a change of network does.
    pub fn moves(&self, host: &Host, number: u8) {
        let old = &host.address;
        self.script(
            &host.namespace,
            &format!(
                "ip addr del {old}/24 dev eth0; ip -6 addr flush dev eth0 scope global
                 ip addr add 203.0.113.{number}/24 dev eth0; ip route replace default via 203.0.113.1"
            ),
        );
    }

    /// Takes a machine's network away, without a word to it, or gives it back.
    pub fn cut(&self, host: &Host, cut: bool) {
        let script = if cut {
            "nft 'add table inet cut; add chain inet cut in { type filter hook input priority 0; }
                  add rule inet cut in iifname != \"lo\" drop; add chain inet cut out { type filter hook output priority 0; }
                  add rule inet cut out oifname != \"lo\" drop'"
        } else {
            "nft delete table inet cut"
        };
        self.script(&host.namespace, script);
    }

    /// Names that a namespace knows besides the DNS, in the form of `/etc/hosts`.
    pub fn names(&self, host: &Host, names: &str) {
        let folder = folder_of(&host.namespace);
        std::fs::create_dir_all(&folder).expect("a folder for the namespace's names");
        std::fs::write(folder.join("hosts"), format!("127.0.0.1 localhost\n{names}\n")).expect("the names are written");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for namespace in &self.made {
            remove(namespace);
        }
        let _ = std::fs::remove_dir("/etc/netns");
    }
}
