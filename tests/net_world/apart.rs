//! Two machines far from one another, with a relay half way: every packet takes as long as it would on a real path
//! (`tests/tools/linkemu`). Each is behind a home router, or on it, as one that needs none.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::namespaces::{Host, World};

fn tool() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tools/linkemu")
}

/// The machines, and the links between them for as long as it lives.
pub struct Apart {
    /// With an address of their own on the internet.
    pub free: [Host; 2],
    /// Behind a port-restricted NAT.
    pub behind: [Host; 2],
    /// Half way: the place for a relay, as 203.0.113.10.
    pub middle: Host,
    links: Vec<Child>,
}

impl Apart {
    /// Two machines so far apart, one way, each of whose links loses so many packets of a hundred. Says why where that
    /// cannot be made here.
    pub fn new(world: &mut World, distance: Duration, loss: u32) -> Result<Self, String> {
        let middle = world.namespace("mid");
        world.script(
            &middle,
            "ip addr add 203.0.113.10/32 dev lo; ip addr add 2001:db8::10/128 dev lo nodad
             echo 1 > /proc/sys/net/ipv4/ip_forward",
        );
        let address = "203.0.113.10".to_owned();
        let mut apart = Self {
            free: Default::default(),
            behind: Default::default(),
            middle: Host { namespace: middle, address },
            links: Vec::new(),
        };
        for (n, name) in ["a", "b"].into_iter().enumerate() {
            let router = world.namespace(&format!("{name}r"));
            let inner = world.namespace(name);
            apart.link(&router, n, distance / 2, loss)?;
            // The address of the link's far end is the relay's machine: everything goes over it.
            world.script(
                &router,
                &format!(
                    "ip link add lan0 type veth peer name eth0 netns {inner}; ip link set lan0 up
                     ip addr add 192.168.{n}.1/24 dev lan0; ip route add default via 10.77.{n}.2
                     echo 1 > /proc/sys/net/ipv4/ip_forward
                     printf '%s' 'add table ip r
                       add chain ip r post {{ type nat hook postrouting priority 100; }}
                       add rule ip r post oifname emu0 masquerade
                       add chain ip r onward {{ type filter hook forward priority 0; }}
                       add rule ip r onward iifname emu0 ct state new drop' | nft -f -"
                ),
            );
            world.script(
                &inner,
                &format!(
                    "ip link set eth0 up; ip addr add 192.168.{n}.2/24 dev eth0; ip route add default via 192.168.{n}.1"
                ),
            );
            apart.free[n] = Host { namespace: router, address: format!("10.77.{n}.1") };
            apart.behind[n] = Host { namespace: inner, address: format!("192.168.{n}.2") };
        }
        Ok(apart)
    }

    fn link(&mut self, end: &str, n: usize, delay: Duration, loss: u32) -> Result<(), String> {
        let mut command = Command::new(tool());
        command.args([
            "--ns-a",
            end,
            "--ns-b",
            &self.middle.namespace,
            "--dev-a",
            "emu0",
            "--dev-b",
            &format!("emu{n}"),
        ]);
        command.args(["--net", &format!("10.77.{n}.0/24"), "--delay", &format!("{}ms", delay.as_millis()), "--keep"]);
        command.args(["--loss", &format!("{loss}%")]);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|e| format!("the link emulator does not start: {e} (it takes Python 3)"))?;
        let mut first = String::new();
        let output = child.stdout.take().expect("its output is a pipe");
        self.links.push(child);
        BufReader::new(output).read_line(&mut first).expect("it speaks");
        if first.starts_with("ready") { Ok(()) } else { Err(format!("the link emulator says “{first}”")) }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        for link in &mut self.links {
            let _ = Command::new("kill").args(["-TERM", &link.id().to_string()]).status();
            let _ = link.wait();
        }
    }
}
