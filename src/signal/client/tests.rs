//! The client is given what a server and a driver would give it, on a virtual clock.

mod rooms;

use super::*;
use std::time::Duration;

const UNIX: u64 = 1_790_000_000;

struct Bench {
    client: Client,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self { client: Client::new(KeyPair::from_seed([1; 32]), 7), now: Instant::now() }
    }

    fn give(&mut self, input: Input) -> Vec<Output> {
        self.client.handle(self.now, UNIX, input);
        std::iter::from_fn(|| self.client.poll()).collect()
    }

    fn say(&mut self, message: &ServerMessage) -> Vec<Output> {
        self.give(Input::Text(to_text(message)))
    }

    fn wake(&mut self) -> Vec<Output> {
        self.now = self.client.deadline().expect("there is something to wait for");
        self.give(Input::Tick)
    }

    fn online(&mut self) {
        self.give(Input::Server { url: "ws://x".into(), embedded: false });
        self.give(Input::Connected);
        self.say(&hello());
        let id = self.client.id();
        self.say(&ServerMessage::Welcome { id });
        assert!(self.client.is_online());
        self.say(&ServerMessage::Pong { t: 0 });
    }
}

fn hello() -> ServerMessage {
    let nonce = super::super::key::to_base64url(&[3; 32]);
    ServerMessage::Hello(Hello { v: 1, server: "s".into(), nonce, time: UNIX, idle_s: 60, max_bytes: 65536 })
}

fn send() -> Input {
    Input::Send { to: KeyPair::from_seed([2; 32]).id(), call: CallId([1; 16]), body: Body::Ringing }
}

fn pauses(bench: &mut Bench, tries: usize) -> Vec<Duration> {
    let fail = || ConnectError { reason: "refused".into(), refused: true, permanent: false };
    let mut pauses = Vec::new();
    for _ in 0..tries {
        bench.give(Input::ConnectFailed(fail()));
        let before = bench.now;
        assert!(bench.wake().iter().any(|o| matches!(o, Output::Connect { .. })));
        pauses.push(bench.now - before);
    }
    pauses
}

#[test]
fn it_logs_in_and_measures_the_round_trip() {
    let mut bench = Bench::new();
    bench.give(Input::Server { url: "ws://x".into(), embedded: true });
    bench.give(Input::Connected);
    assert!(matches!(&bench.say(&hello())[..], [Output::Text(text)] if text.contains("login")));
    let id = bench.client.id();
    bench.say(&ServerMessage::Welcome { id });
    bench.now += Duration::from_millis(12);
    let out = bench.say(&ServerMessage::Pong { t: 0 });
    let state = ServerState::Online { url: "ws://x".into(), embedded: true, rtt_ms: Some(12) };
    assert_eq!(out, [Output::State(state)]);
}

#[test]
fn pauses_grow_to_seven_seconds_and_differ_between_clients() {
    let mut bench = Bench::new();
    bench.give(Input::Server { url: "ws://x".into(), embedded: false });
    let first = pauses(&mut bench, 30);
    for (n, pause) in first.iter().enumerate() {
        let most = Duration::from_millis(300 * 2u64.pow(n.min(10) as u32)).min(Duration::from_secs(7));
        assert!(*pause <= most, "{n}: {pause:?}");
    }
    assert!(first[10..].iter().any(|pause| *pause > Duration::from_secs(3)));
    let mut other = Bench { client: Client::new(KeyPair::from_seed([1; 32]), 8), now: bench.now };
    other.give(Input::Server { url: "ws://x".into(), embedded: false });
    assert_ne!(pauses(&mut other, 30), first);
}

#[test]
fn the_first_refusal_is_told_once() {
    let mut bench = Bench::new();
    let fail = || Input::ConnectFailed(ConnectError { reason: "no".into(), refused: true, permanent: false });
    bench.give(Input::Server { url: "ws://x".into(), embedded: false });
    assert!(bench.give(fail()).contains(&Output::Refused));
    bench.wake();
    assert!(!bench.give(fail()).contains(&Output::Refused));
    bench.online();
    bench.give(Input::Disconnected("gone".into()));
    bench.wake();
    assert!(!bench.give(fail()).contains(&Output::Refused), "a server that was there once comes back");
}

#[test]
fn after_eviction_it_stays_away_until_asked() {
    let mut bench = Bench::new();
    bench.online();
    let out = bench.say(&ServerMessage::Error { code: ErrorCode::Evicted, text: String::new() });
    assert!(matches!(&out[..], [Output::Close, Output::Close, Output::State(ServerState::Offline { reason })]
        | [Output::Close, Output::State(ServerState::Offline { reason })] if reason.contains("signed in elsewhere")));
    assert_eq!(bench.client.deadline(), None);
    assert!(bench.give(Input::Reconnect).contains(&Output::Connect { url: "ws://x".into() }));
}

#[test]
fn a_wrong_address_is_not_tried_again() {
    let mut bench = Bench::new();
    bench.give(Input::Server { url: "x".into(), embedded: false });
    let error = ConnectError { reason: "not an address".into(), refused: false, permanent: true };
    bench.give(Input::ConnectFailed(error));
    assert_eq!(bench.client.deadline(), None);
}

#[test]
fn a_server_that_falls_silent_is_left() {
    let mut bench = Bench::new();
    bench.online();
    assert!(matches!(&bench.wake()[..], [Output::Text(text)] if text.contains("ping")));
    let out = bench.wake();
    assert!(matches!(&out[..], [Output::Close, Output::State(ServerState::Reconnecting { .. })]), "{out:?}");
}

#[test]
fn a_stranger_is_recognised() {
    for text in ["hi there", r#"{"type":"welcome","id":"x"}"#, "{}"] {
        let mut bench = Bench::new();
        bench.give(Input::Server { url: "ws://x".into(), embedded: false });
        bench.give(Input::Connected);
        let out = bench.give(Input::Text(text.into()));
        let told = |o: &Output| matches!(o, Output::State(ServerState::Reconnecting { reason, .. }) if reason.contains("not a Visavis"));
        assert!(out.iter().any(told), "{text}: {out:?}");
    }
}

#[test]
fn nothing_is_sent_while_offline() {
    let mut bench = Bench::new();
    assert!(matches!(&bench.give(send())[..], [Output::Undeliverable { .. }]));
}

#[test]
fn it_keeps_below_the_rate_and_loses_nothing() {
    let mut bench = Bench::new();
    bench.online();
    let mut texts = 0;
    for _ in 0..100 {
        texts += bench.give(send()).len();
    }
    assert_eq!(texts, CLIENT_BURST as usize);
    let start = bench.now;
    while texts < 100 {
        texts += bench.wake().iter().filter(|o| matches!(o, Output::Text(t) if t.contains("ringing"))).count();
    }
    assert!(bench.now - start <= Duration::from_secs(5));
    assert_eq!(bench.client.next_sequence(KeyPair::from_seed([2; 32]).id(), CallId([1; 16])), 101);
}

#[test]
fn a_wrong_clock_is_told() {
    let mut bench = Bench::new();
    bench.give(Input::Server { url: "ws://x".into(), embedded: false });
    bench.give(Input::Connected);
    bench.client.handle(bench.now, UNIX + 500, Input::Text(to_text(&hello())));
    assert_eq!(bench.client.poll(), Some(Output::ClockWrong { by_s: 500 }));
}
