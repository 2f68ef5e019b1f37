//! Calls over networks as they are: NATs of several kinds, firewalls, relays over UDP, TCP and TLS, servers that are down,
//! IPv6, changes of credentials. Each end is a process in a network namespace of its own.
//!
//! They need root, namespaces and coturn: `make test-net` sees to that and runs them; elsewhere they are left out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
#![allow(clippy::print_stderr, reason = "why something was skipped is said, not swallowed")]

mod common;
mod net_world;

use std::time::{Duration, Instant};

use net_world::apart::Apart;
use net_world::namespaces::{Host, Nat, World};
use net_world::pair::{Pair, Setup};
use net_world::relay::{NAME, Relay, Users, server, timed_server};
use net_world::{endpoint, missing};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(100);

const STUN: &str = "stun:203.0.113.10";
const TURN: &str = "turn:203.0.113.10";
const TURN_TCP: &str = "turn:203.0.113.10?transport=tcp";

/// Not a test: one end of a call, when another test starts this program for it.
#[test]
#[ignore = "one end of the other tests' calls, which run it: make test-net"]
fn endpoint() {
    if std::env::var_os(endpoint::VARIABLE).is_some() {
        endpoint::serve();
    }
}

/// Runs a test where it can be run; says why where it cannot.
fn world(body: impl FnOnce(&mut World)) {
    if let Some(why) = missing() {
        return eprintln!("skipped: {why}");
    }
    let _guard = common::guard(LIMIT);
    let mut world = World::new();
    body(&mut world);
}

fn stun() -> Value {
    json!({"urls": [STUN]})
}

/// A call between two machines with the same servers; gives what each says of its path.
fn call(hosts: [&Host; 2], servers: &[Value]) -> [Value; 2] {
    let mut pair = Pair::start(hosts, [Setup::with(servers), Setup::with(servers)]);
    pair.call();
    let paths = [pair.look(0), pair.look(1)];
    pair.close();
    paths
}

fn assert_direct(paths: &[Value; 2], kinds: &[&str]) {
    for path in paths {
        assert_eq!(path["relayed"], false, "{path}");
        for end in ["local_kind", "remote_kind"] {
            assert!(kinds.contains(&path[end].as_str().unwrap()), "{path}");
        }
    }
}

/// At least one side sends through a relay, and both know it.
fn assert_relayed(paths: &[Value; 2]) {
    for path in paths {
        assert_eq!(path["relayed"], true, "{path}");
    }
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn one_network_needs_no_server() {
    world(|world| {
        let hosts = [world.host("a", 21), world.host("b", 22)];
        assert_direct(&call([&hosts[0], &hosts[1]], &[]), &["host", "prflx"]);
    });
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn a_network_without_ipv4_needs_no_server() {
    world(|world| {
        let hosts = [world.host_v6("a", 21), world.host_v6("b", 22)];
        let paths = call([&hosts[0], &hosts[1]], &[]);
        assert_direct(&paths, &["host", "prflx"]);
        assert!(paths[0]["local"].as_str().unwrap().starts_with("[2001:db8::21]"), "{}", paths[0]);
    });
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn home_routers_are_crossed_by_stun() {
    world(|world| {
        let _relay = Relay::start(world, Users::Fixed);
        let hosts = [world.behind(Nat::PortRestricted, "a", 21), world.behind(Nat::PortRestricted, "b", 22)];
        assert_direct(&call([&hosts[0], &hosts[1]], &[stun()]), &["srflx", "prflx", "host"]);
    });
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn a_symmetric_router_reaches_a_full_cone() {
    world(|world| {
        let _relay = Relay::start(world, Users::Fixed);
        let hosts = [world.behind(Nat::Symmetric, "a", 21), world.behind(Nat::FullCone, "b", 22)];
        assert_direct(&call([&hosts[0], &hosts[1]], &[stun()]), &["srflx", "prflx", "host"]);
    });
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn two_symmetric_routers_take_a_relay() {
    world(|world| {
        let _relay = Relay::start(world, Users::Fixed);
        let hosts = [world.behind(Nat::Symmetric, "a", 21), world.behind(Nat::Symmetric, "b", 22)];
        assert_relayed(&call([&hosts[0], &hosts[1]], &[stun(), server(TURN)]));
    });
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn where_udp_is_blocked_the_relay_is_reached_by_tcp() {
    world(|world| {
        let _relay = Relay::start(world, Users::Fixed);
        let hosts = [world.behind(Nat::BlocksUdp, "a", 21), world.behind(Nat::BlocksUdp, "b", 22)];
        let paths = call([&hosts[0], &hosts[1]], &[stun(), server(TURN), server(TURN_TCP)]);
        assert_relayed(&paths);
        for path in &paths {
            assert_eq!((&path["local_kind"], &path["remote_kind"]), (&json!("relay"), &json!("relay")));
        }
    });
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn where_udp_is_blocked_the_relay_is_reached_by_tls_if_its_certificate_is_trusted() {
    world(|world| {
        let relay = Relay::start(world, Users::Fixed);
        let hosts = [world.behind(Nat::BlocksUdp, "a", 21), world.host("b", 22)];
        world.names(&hosts[0], &format!("203.0.113.10 {NAME}"));
        let turns = server(&format!("turns:{NAME}"));
        // One end behind the firewall, the other free, without a server of its own.
        let trusting = Setup::with(std::slice::from_ref(&turns)).trusting(relay.certificate());
        let mut pair = Pair::start([&hosts[0], &hosts[1]], [trusting, Setup::with(&[])]);
        pair.call();
        let paths = [pair.look(0), pair.look(1)];
        assert_relayed(&paths);
        assert_eq!(paths[0]["local_kind"], "relay");
        pair.close();
        // Nobody vouches for it: that is told, and no password goes there.
        let mut pair = Pair::start([&hosts[0], &hosts[1]], [Setup::with(&[turns]), Setup::with(&[])]);
        pair.negotiate();
        let failed = pair.until(0, "failed");
        assert_eq!(failed["failed"], format!("turns:{NAME}:5349"));
        assert!(failed["trouble"].as_str().unwrap().contains("cannot be trusted"), "{failed}");
        pair.until(0, "complete");
        pair.close();
    });
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn relay_only_tells_no_address_of_ours() {
    world(|world| {
        let _relay = Relay::start(world, Users::Fixed);
        let hosts = [world.behind(Nat::PortRestricted, "a", 21), world.behind(Nat::PortRestricted, "b", 22)];
        let servers = [stun(), server(TURN), server(TURN_TCP)];
        let mut pair = Pair::start([&hosts[0], &hosts[1]], [Setup::relay_only(&servers), Setup::relay_only(&servers)]);
        pair.call();
        for index in [0, 1] {
            pair.until(index, "complete");
            let path = pair.look(index);
            assert_eq!((&path["local_kind"], &path["remote_kind"]), (&json!("relay"), &json!("relay")), "{path}");
            let given = pair.given_out(index);
            assert!(given.contains("typ relay"), "{given}");
            for own in ["192.168.", "127.0.0.1", "203.0.113.21", "203.0.113.22", "typ host", "typ srflx"] {
                assert!(!given.contains(own), "{own} in {given}");
            }
        }
        pair.close();
    });
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn a_relay_is_reached_over_ipv6() {
    world(|world| {
        let _relay = Relay::start(world, Users::Fixed);
        let hosts = [world.host_v6("a", 21), world.host_v6("b", 22)];
        for url in ["turn:[2001:db8::10]", "turn:[2001:db8::10]:3478?transport=tcp"] {
            let setup = Setup::relay_only(&[server(url)]);
            let mut pair = Pair::start([&hosts[0], &hosts[1]], [setup.clone(), setup]);
            pair.call();
            assert_relayed(&[pair.look(0), pair.look(1)]);
            pair.close();
        }
    });
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn a_wrong_password_is_told_and_the_other_ways_work() {
    world(|world| {
        let _relay = Relay::start(world, Users::Fixed);
        let hosts = [world.behind(Nat::PortRestricted, "a", 21), world.behind(Nat::PortRestricted, "b", 22)];
        let wrong = json!({"urls": [TURN, TURN_TCP], "username": "ann", "credential": "guess"});
        let setup = Setup::with(&[stun(), wrong]);
        let mut pair = Pair::start([&hosts[0], &hosts[1]], [setup.clone(), setup]);
        pair.call();
        assert_direct(&[pair.look(0), pair.look(1)], &["srflx", "prflx", "host"]);
        for index in [0, 1] {
            for url in ["turn:203.0.113.10:3478", "turn:203.0.113.10:3478?transport=tcp"] {
                let failed = pair.until_that(index, url, |line| line["failed"] == url);
                assert!(failed["trouble"].as_str().unwrap().contains("user name and password"), "{failed}");
            }
            pair.until(index, "complete");
        }
        pair.close();
    });
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn servers_that_are_down_hold_up_nothing() {
    world(|world| {
        let hosts = [world.host("a", 21), world.host("b", 22)];
        let _dark = world.host("dark", 30);
        let dead = [
            json!({"urls": ["stun:203.0.113.98", "stun:203.0.113.30"]}),
            json!({"urls": ["turn:203.0.113.99", "turn:203.0.113.99?transport=tcp", "turns:203.0.113.30"],
                   "username": "ann", "credential": "secret"}),
            server("turn:nowhere.visavis.test"),
        ];
        let mut pair = Pair::start([&hosts[0], &hosts[1]], [Setup::with(&dead), Setup::with(&dead)]);
        pair.call();
        for index in [0, 1] {
            // The gathering ends, which it would not by itself, and each is told with its reason.
            pair.until(index, "complete");
            for url in [
                "stun:203.0.113.98:3478",
                "stun:203.0.113.30:3478",
                "turn:203.0.113.99:3478",
                "turn:203.0.113.99:3478?transport=tcp",
                "turns:203.0.113.30:5349",
            ] {
                pair.until_that(index, url, |line| line["failed"] == url);
            }
            let unknown = pair.until_that(index, "the name", |line| line["failed"] == "turn:nowhere.visavis.test:3478");
            assert!(unknown["trouble"].as_str().unwrap().contains("not known"), "{unknown}");
        }
        pair.close();
    });
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn credentials_for_a_time_are_used_until_then_and_renewed_in_a_call() {
    world(|world| {
        let _relay = Relay::start(world, Users::Timed);
        let hosts = [world.behind(Nat::Symmetric, "a", 21), world.behind(Nat::Symmetric, "b", 22)];
        let setup = Setup::relay_only(&[timed_server(TURN, now() + 50)]);
        let mut pair = Pair::start([&hosts[0], &hosts[1]], [setup.clone(), setup]);
        for index in [0, 1] {
            pair.until(index, "expires");
        }
        pair.call();
        for index in [0, 1] {
            pair.tell(index, json!({"do": "renew", "servers": [timed_server(TURN, now() + 3600)]}));
            pair.until(index, "renewed");
        }
        pair.exchange("after the renewal");
        pair.restart();
        pair.exchange("after the restart");
        pair.more_pictures();
        assert_relayed(&[pair.look(0), pair.look(1)]);
        pair.close();
        // What is past is not even tried.
        let setup = Setup::with(&[timed_server(TURN, now() - 1)]);
        let mut pair = Pair::start([&hosts[0], &hosts[1]], [setup.clone(), setup]);
        let failed = pair.until(0, "failed");
        assert!(failed["trouble"].as_str().unwrap().contains("expired"), "{failed}");
        pair.close();
    });
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn a_relay_that_dies_in_a_call_is_told() {
    world(|world| {
        let mut relay = Relay::start(world, Users::Fixed);
        let hosts = [world.behind(Nat::BlocksUdp, "a", 21), world.behind(Nat::BlocksUdp, "b", 22)];
        let setup = Setup::with(&[server(TURN_TCP)]);
        let mut pair = Pair::start([&hosts[0], &hosts[1]], [setup.clone(), setup]);
        pair.call();
        relay.kill();
        for index in [0, 1] {
            let failed = pair.until(index, "failed");
            assert!(failed["trouble"].as_str().unwrap().contains("ended"), "{failed}");
            pair.until_that(index, "the end", |line| line["state"] == "Disconnected");
        }
        pair.close();
    });
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn a_call_goes_on_at_another_address() {
    world(|world| {
        let hosts = [world.host("a", 21), world.host("b", 22)];
        let mut pair = Pair::start([&hosts[0], &hosts[1]], [Setup::with(&[]), Setup::with(&[])]);
        pair.call();
        world.moves(&hosts[0], 61);
        let begun = Instant::now();
        pair.restart();
        pair.more_pictures();
        eprintln!("pictures on both sides {} ms after the restart was asked for", begun.elapsed().as_millis());
        let path = pair.look(0);
        assert!(path["local"].as_str().unwrap().starts_with("203.0.113.61:"), "{path}");
        pair.exchange("from elsewhere");
        pair.close();
    });
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn names_in_candidates_of_browsers_are_looked_up() {
    const HIDDEN: &str = "0b6c6c1f-7a1e-4a43-9e02-2d4f0f8e7b1a.local";
    world(|world| {
        let hosts = [world.host("a", 21), world.host("b", 22)];
        let mut pair = Pair::start([&hosts[0], &hosts[1]], [Setup::with(&[]), Setup::with(&[])]);
        pair.trickle = false;
        pair.tell(1, json!({"do": "bear", "name": HIDDEN, "address": "203.0.113.22"}));
        pair.until(1, "borne");
        // b learns nothing of a, so that a must find b by its name alone.
        let hide = |sdp: &Value, own: Option<&str>| {
            let lines = sdp["sdp"].as_str().unwrap().split_inclusive('\n');
            let kept =
                lines.filter(|line| !line.starts_with("a=candidate") || own.is_some_and(|own| line.contains(own)));
            let sdp_text = kept.collect::<String>().replace("203.0.113.22", HIDDEN);
            json!({"type": sdp["type"], "sdp": sdp_text})
        };
        pair.tell(0, json!({"do": "offer"}));
        let offer = pair.until(0, "offer")["offer"].clone();
        pair.tell(1, json!({"do": "accept", "offer": hide(&offer, None)}));
        let answer = pair.until(1, "answer")["answer"].clone();
        pair.tell(0, json!({"do": "conclude", "answer": hide(&answer, Some("203.0.113.22"))}));
        pair.until(0, "concluded");
        pair.until(1, "complete");
        let told: Vec<Value> = pair.said[1].iter().filter_map(|line| line.get("candidate").cloned()).collect();
        for mut candidate in told {
            let line = candidate["candidate"].as_str().unwrap_or_default().to_owned();
            if line.contains("203.0.113.22") {
                candidate["candidate"] = json!(line.replace("203.0.113.22", HIDDEN));
                pair.tell(0, json!({"do": "candidate", "candidate": candidate}));
                pair.until(0, "taken");
            }
        }
        for index in [0, 1] {
            pair.until_that(index, "a connection", |line| line["state"] == "Connected");
        }
        let path = pair.look(0);
        assert!(path["remote"].as_str().unwrap().starts_with("203.0.113.22:"), "{path}");
        pair.exchange("hello");
        pair.close();
    });
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn set_up_takes_so_many_round_trips() {
    const ONE_WAY: Duration = Duration::from_millis(50);
    world(|world| {
        let apart = match Apart::new(world, ONE_WAY, 0) {
            Ok(apart) => apart,
            Err(why) => return eprintln!("skipped: {why}"),
        };
        let relay = Relay::on(apart.middle.clone(), Users::Fixed);
        for host in &apart.free {
            world.names(host, &format!("203.0.113.10 {NAME}"));
        }
        let only = |url: &str| Setup::relay_only(&[server(url)]).trusting(relay.certificate());
        let kinds = [
            ("host", &apart.free, Setup::with(&[])),
            ("server-reflexive", &apart.behind, Setup::with(&[stun()])),
            ("relay, UDP", &apart.free, only(TURN)),
            ("relay, TCP", &apart.free, only(TURN_TCP)),
            ("relay, TLS", &apart.free, only(&format!("turns:{NAME}"))),
        ];
        eprintln!("from the offer to …, signaling that takes no time; a round trip is {:?}", ONE_WAY * 2);
        eprintln!("{:18} {:>16} {:>24}", "candidates", "connected", "a picture, both sides");
        for (kind, hosts, setup) in kinds {
            let mut pair = Pair::start([&hosts[0], &hosts[1]], [setup.clone(), setup]);
            let begun = Instant::now();
            pair.negotiate();
            for index in [0, 1] {
                pair.until_that(index, "a connection", |line| line["state"] == "Connected");
            }
            let connected = begun.elapsed();
            for index in [0, 1] {
                pair.until(index, "first_frame");
            }
            let trips = |took: Duration| took.as_secs_f64() / (ONE_WAY * 2).as_secs_f64();
            let shown = |took: Duration| format!("{} ms = {:.1}", took.as_millis(), trips(took));
            eprintln!("{kind:18} {:>16} {:>24}", shown(connected), shown(begun.elapsed()));
            let path = pair.look(0);
            assert_eq!(path["relayed"], kind.starts_with("relay"), "{path}");
            pair.close();
        }
    });
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn a_call_begins_where_a_quarter_of_all_packets_is_lost() {
    world(|world| {
        let apart = match Apart::new(world, Duration::from_millis(50), 14) {
            Ok(apart) => apart,
            Err(why) => return eprintln!("skipped: {why}"),
        };
        // Each time others are lost.
        for _ in 0..4 {
            let [here, there] = &apart.free;
            let mut pair = Pair::start([here, there], [Setup::with(&[]), Setup::with(&[])]);
            pair.negotiate();
            for index in [0, 1] {
                pair.until(index, "first_frame");
            }
            pair.close();
        }
    });
}

#[test]
#[ignore = "needs root and network namespaces: make test-net"]
fn a_call_goes_on_when_the_network_was_gone_for_a_while() {
    const GONE: Duration = Duration::from_secs(20);
    world(|world| {
        let hosts = [world.host("a", 21), world.host("b", 22)];
        let mut pair = Pair::start([&hosts[0], &hosts[1]], [Setup::with(&[]), Setup::with(&[])]);
        pair.call();
        world.cut(&hosts[0], true);
        for index in [0, 1] {
            pair.until_that(index, "the gap", |line| line["state"] == "Disconnected");
        }
        // Not waited for: it is how long the network is away.
        std::thread::sleep(GONE);
        world.cut(&hosts[0], false);
        let begun = Instant::now();
        pair.more_pictures();
        eprintln!(
            "pictures on both sides {} ms after the network was back, gone {GONE:?}",
            begun.elapsed().as_millis()
        );
        pair.exchange("again");
        pair.close();
    });
}
