//! The hub is given what connections would give it, on a virtual clock.

mod rooms;

use super::*;
use crate::model::body::Body;
use crate::signal::envelope::Envelope;
use crate::signal::key::KeyPair;
use crate::signal::message::ClientMessage;

struct Bench {
    hub: Hub<String>,
    now: Instant,
    next: u64,
}

impl Bench {
    fn new() -> Self {
        Self { hub: Hub::new("test", Limits::default()), now: Instant::now(), next: 0 }
    }

    fn give(&mut self, input: Input<String>) -> Vec<Output<String>> {
        self.hub.handle(self.now, input);
        std::iter::from_fn(|| self.hub.poll()).collect()
    }

    fn open(&mut self) -> (ConnId, Vec<Output<String>>) {
        let conn = ConnId(self.next);
        self.next += 1;
        let address = IpAddr::from([192, 0, 2, 1]);
        let nonce = [self.next as u8; 32];
        (conn, self.give(Input::Opened { conn, address, nonce, unix: 1_790_000_000 }))
    }

    fn login(&mut self, keys: &KeyPair) -> (ConnId, Vec<Output<String>>) {
        let (conn, out) = self.open();
        let Output::Send(_, text) = &out[0] else { panic!("{out:?}") };
        let text = login(keys, text);
        (conn, self.give(Input::Text(conn, text)))
    }

    fn wait(&mut self, seconds: u64) -> Vec<Output<String>> {
        self.now += Duration::from_secs(seconds);
        self.give(Input::Tick)
    }
}

fn login(keys: &KeyPair, hello: &str) -> String {
    let Ok(ServerMessage::Hello(hello)) = serde_json::from_str(hello) else { panic!("{hello}") };
    let sig = keys.sign(&hello.signed_bytes(keys.id()));
    to_text(&ClientMessage::Login(Login { v: 1, id: keys.id(), key: keys.public(), sig }))
}

fn keys(n: u8) -> KeyPair {
    KeyPair::from_seed([n; 32])
}

fn envelope(from: &KeyPair, to: &KeyPair, seq: u64) -> String {
    to_text(&ClientMessage::Envelope(Envelope::seal(from, to.id(), CallId([1; 16]), seq, 1, &Body::Ringing)))
}

fn says(out: &[Output<String>], conn: ConnId, word: &str) -> bool {
    out.iter().any(|o| matches!(o, Output::Send(c, text) if *c == conn && text.contains(word)))
}

fn closes(out: &[Output<String>], conn: ConnId, code: ErrorCode) -> bool {
    out.contains(&Output::Close(conn, code))
}

#[test]
fn a_relayed_envelope_is_unchanged() {
    let mut bench = Bench::new();
    let (a, _) = bench.login(&keys(1));
    let (b, out) = bench.login(&keys(2));
    assert!(says(&out, b, "welcome"));
    let text = envelope(&keys(1), &keys(2), 1);
    assert_eq!(bench.give(Input::Text(a, text.clone())), [Output::Send(b, text)]);
}

#[test]
fn absent_people_are_unreachable_at_once() {
    let mut bench = Bench::new();
    let (a, _) = bench.login(&keys(1));
    let out = bench.give(Input::Text(a, envelope(&keys(1), &keys(2), 7)));
    assert!(says(&out, a, r#""type":"unreachable""#) && says(&out, a, r#""seq":7"#));
    let (_, out) = bench.login(&keys(2));
    assert_eq!(out.len(), 1, "nothing was kept for them: {out:?}");
}

#[test]
fn the_newest_login_evicts() {
    let mut bench = Bench::new();
    let (old, _) = bench.login(&keys(1));
    let (new, out) = bench.login(&keys(1));
    assert!(closes(&out, old, ErrorCode::Evicted) && says(&out, new, "welcome"));
    assert!(bench.give(Input::Text(old, envelope(&keys(1), &keys(1), 1))).is_empty());
    // The end of the old connection does not take the new one's place away.
    bench.give(Input::Closed(old));
    assert_eq!(bench.hub.connection(keys(1).id()), Some(new));
}

#[test]
fn a_login_that_is_not_valid_evicts_nobody() {
    let mut bench = Bench::new();
    let (victim, _) = bench.login(&keys(1));
    let (_, first) = bench.open();
    let Output::Send(_, old_hello) = &first[0] else { panic!() };
    let replayed = login(&keys(1), old_hello); // signed for another connection's nonce
    let thief = {
        let Ok(ClientMessage::Login(mut login)) = serde_json::from_str(&login(&keys(9), old_hello)) else { panic!() };
        login.id = keys(1).id(); // another's ID with one's own key
        to_text(&ClientMessage::Login(login))
    };
    for forged in [replayed, thief] {
        let (conn, _) = bench.open();
        let out = bench.give(Input::Text(conn, forged));
        assert!(closes(&out, conn, ErrorCode::BadLogin));
    }
    assert_eq!(bench.hub.connection(keys(1).id()), Some(victim));
    assert_eq!(bench.hub.counts().bad_logins, 2);
}

#[test]
fn nobody_speaks_for_another() {
    let mut bench = Bench::new();
    let (a, _) = bench.login(&keys(1));
    bench.login(&keys(2));
    let out = bench.give(Input::Text(a, envelope(&keys(2), &keys(1), 1)));
    assert!(closes(&out, a, ErrorCode::NotYou));
}

#[test]
fn rules_are_kept() {
    let broken = [
        ("login first", envelope(&keys(1), &keys(2), 1), ErrorCode::LoginFirst),
        ("not JSON", "{".to_owned(), ErrorCode::Malformed),
        ("no type", "{}".to_owned(), ErrorCode::Malformed),
        ("too big", format!("\"{}\"", "x".repeat(70_000)), ErrorCode::TooBig),
    ];
    for (what, text, code) in broken {
        let mut bench = Bench::new();
        let (conn, _) = bench.open();
        assert!(closes(&bench.give(Input::Text(conn, text)), conn, code), "{what}");
        assert_eq!(bench.hub.connections(), 0);
    }
    let mut bench = Bench::new();
    let (conn, _) = bench.login(&keys(1));
    assert!(says(&bench.give(Input::Text(conn, r#"{"type":"weather"}"#.into())), conn, "unknown_type"));
    assert!(says(&bench.give(Input::Text(conn, r#"{"type":"ping","t":9}"#.into())), conn, r#""t":9"#));
    let out = bench.give(Input::Text(conn, r#"{"type":"envelope","to":"me"}"#.into()));
    assert!(closes(&out, conn, ErrorCode::Malformed));
}

#[test]
fn who_floods_is_closed() {
    let mut bench = Bench::new();
    let (conn, _) = bench.login(&keys(1));
    let ping = || r#"{"type":"ping","t":0}"#.to_owned();
    let pongs = (0..100).take_while(|_| says(&bench.give(Input::Text(conn, ping())), conn, "pong")).count();
    assert_eq!(pongs, 59, "the burst, less the login");
    assert_eq!(bench.hub.connections(), 0);
}

#[test]
fn the_silent_and_the_undecided_are_closed() {
    let mut bench = Bench::new();
    let (undecided, _) = bench.open();
    assert!(bench.wait(4).is_empty());
    assert!(closes(&bench.wait(1), undecided, ErrorCode::LoginTimeout));
    let (conn, _) = bench.login(&keys(1));
    assert!(bench.wait(50).is_empty());
    bench.give(Input::Frame(conn));
    assert!(bench.wait(59).is_empty());
    assert!(closes(&bench.wait(1), conn, ErrorCode::Idle));
    assert_eq!(bench.hub.deadline(), None);
}

#[test]
fn twenty_connections_from_one_address() {
    let mut bench = Bench::new();
    for _ in 0..20 {
        assert!(says(&bench.open().1, ConnId(bench.next - 1), "hello"));
    }
    let (conn, out) = bench.open();
    assert!(closes(&out, conn, ErrorCode::TooManyConnections));
    bench.give(Input::Closed(ConnId(0)));
    assert!(says(&bench.open().1, ConnId(bench.next - 1), "hello"));
}

#[test]
fn whoever_one_talked_to_learns_of_ones_going() {
    let mut bench = Bench::new();
    let (a, _) = bench.login(&keys(1));
    let (b, _) = bench.login(&keys(2));
    let (c, _) = bench.login(&keys(3));
    bench.give(Input::Text(a, envelope(&keys(1), &keys(2), 1)));
    let out = bench.give(Input::Closed(b));
    assert!(says(&out, a, "gone") && !says(&out, c, "gone"));
    let (b, _) = bench.login(&keys(2));
    bench.give(Input::Text(b, envelope(&keys(2), &keys(1), 1)));
    bench.now += Duration::from_secs(61);
    assert!(bench.give(Input::Closed(b)).is_empty(), "that was too long ago");
}

#[test]
fn its_end_is_told_to_all() {
    let mut bench = Bench::new();
    let (a, _) = bench.login(&keys(1));
    let (b, _) = bench.open();
    let out = bench.give(Input::Shutdown);
    assert!(closes(&out, a, ErrorCode::ShuttingDown) && closes(&out, b, ErrorCode::ShuttingDown));
}
