//! The signaling server and the client's socket task over real sockets on the loopback interface.

use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use visavis::client::signaling::{SignalEvent, Signaling};
use visavis::model::body::{Body, CancelReason};
use visavis::model::id::CallId;
use visavis::model::snapshot::ServerState;
use visavis::server::{ServeError, Server, ServerConfig};
use visavis::signal::envelope::Envelope;
use visavis::signal::key::{KeyPair, Signature};
use visavis::signal::limits::Limits;
use visavis::signal::message::{ClientMessage, ErrorCode, Hello, Login, ServerMessage, to_text};

/// Hang guard: a test that waits for ever fails with its name instead.
fn guarded(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { timeout(Duration::from_secs(60), test).await.expect("the test hangs") });
    runtime.shutdown_timeout(Duration::from_secs(5));
}

fn config(limits: Limits) -> ServerConfig {
    ServerConfig { listen: ([127, 0, 0, 1], 0).into(), limits, ..ServerConfig::default() }
}

async fn server() -> (Server, String) {
    server_with(Limits::default()).await
}

async fn server_with(limits: Limits) -> (Server, String) {
    let server = Server::bind(config(limits)).await.unwrap();
    let url = format!("ws://{}/any/path", server.local_addr());
    (server, url)
}

/// Waits until something is so.
async fn so(what: &str, mut check: impl FnMut() -> bool) {
    let start = Instant::now();
    while !check() {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A client written against the specification, with nothing of ours but its types.
struct Raw {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    keys: KeyPair,
}

impl Raw {
    async fn connect(url: &str, n: u8) -> (Self, Hello) {
        let (socket, _) = connect_async(url).await.unwrap();
        let mut raw = Self { socket, keys: KeyPair::from_seed([n; 32]) };
        match raw.next().await {
            Some(ServerMessage::Hello(hello)) => (raw, hello),
            other => panic!("no hello: {other:?}"),
        }
    }

    async fn login(url: &str, n: u8) -> Self {
        let (mut raw, hello) = Self::connect(url, n).await;
        let login = raw.login_for(&hello);
        raw.send(&to_text(&ClientMessage::Login(login))).await;
        assert_eq!(raw.next().await, Some(ServerMessage::Welcome { id: raw.keys.id() }));
        raw
    }

    fn login_for(&self, hello: &Hello) -> Login {
        let id = self.keys.id();
        Login { v: 1, id, key: self.keys.public(), sig: self.keys.sign(&hello.signed_bytes(id)) }
    }

    async fn send(&mut self, text: &str) {
        // The server may have closed already: the test looks at what it said.
        let _ = self.socket.send(Message::text(text)).await;
    }

    /// The next message; `None` once the connection has ended.
    async fn next(&mut self) -> Option<ServerMessage> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(_))) | Some(Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The error the server ends the connection with.
    async fn ended_by(&mut self) -> Option<ErrorCode> {
        let mut last = None;
        while let Some(message) = self.next().await {
            if let ServerMessage::Error { code, .. } = message {
                last = Some(code);
            }
        }
        last
    }

    fn envelope(&self, to: &KeyPair, seq: u64) -> String {
        let body = Body::Cancel { reason: CancelReason::Cancelled };
        to_text(&ClientMessage::Envelope(Envelope::seal(&self.keys, to.id(), CallId([5; 16]), seq, unix() + 60, &body)))
    }
}

fn unix() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

async fn event(
    events: &mut mpsc::Receiver<SignalEvent>,
    what: &str,
    wanted: impl Fn(&SignalEvent) -> bool,
) -> SignalEvent {
    let search = async {
        loop {
            let event = events.recv().await.expect("the task ended");
            if wanted(&event) {
                return event;
            }
        }
    };
    timeout(Duration::from_secs(20), search).await.unwrap_or_else(|_| panic!("never: {what}"))
}

fn is_online(event: &SignalEvent) -> bool {
    matches!(event, SignalEvent::State(ServerState::Online { .. }))
}

#[test]
fn two_programs_talk_and_learn_of_each_others_going() {
    guarded(async {
        let (server, url) = server().await;
        let (a, mut from_a) = Signaling::start(KeyPair::from_seed([1; 32]), &url, false);
        let (b, mut from_b) = Signaling::start(KeyPair::from_seed([2; 32]), &url, false);
        event(&mut from_a, "a online", is_online).await;
        event(&mut from_b, "b online", is_online).await;
        let body = Body::Ring { video: true, name: "Noor".into(), sdp: "v=0\r\n".repeat(2000) };
        a.send(b.id(), CallId([1; 16]), body.clone()).unwrap();
        let got = event(&mut from_b, "ring", |e| matches!(e, SignalEvent::Received(_))).await;
        let SignalEvent::Received(got) = got else { unreachable!() };
        assert_eq!((got.from, got.call, got.body), (a.id(), CallId([1; 16]), body));
        let id = b.id();
        b.stop().await;
        event(&mut from_a, "gone", |e| *e == SignalEvent::Gone(id)).await;
        a.send(id, CallId([1; 16]), Body::Busy).unwrap();
        event(&mut from_a, "undeliverable", |e| matches!(e, SignalEvent::Undeliverable { to, .. } if *to == id)).await;
        a.stop().await;
        so("both are forgotten", || server.connections() == 0).await;
        server.shutdown().await;
    });
}

#[test]
fn the_newest_login_evicts_and_the_older_stays_away() {
    guarded(async {
        let (server, url) = server().await;
        let (old, mut from_old) = Signaling::start(KeyPair::from_seed([1; 32]), &url, false);
        event(&mut from_old, "online", is_online).await;
        let (new, mut from_new) = Signaling::start(KeyPair::from_seed([1; 32]), &url, false);
        event(&mut from_new, "online", is_online).await;
        let told = |e: &SignalEvent| matches!(e, SignalEvent::State(ServerState::Offline { reason }) if reason.contains("signed in elsewhere"));
        event(&mut from_old, "told", told).await;
        assert_eq!(server.counts().evicted, 1);
        // Asked to, it comes back, and evicts in turn.
        old.reconnect().unwrap();
        event(&mut from_old, "online again", is_online).await;
        event(&mut from_new, "told", told).await;
        old.stop().await;
        new.stop().await;
        server.shutdown().await;
    });
}

#[test]
fn forged_and_replayed_registrations_are_refused() {
    guarded(async {
        let (server, url) = server_with(Limits { connections_per_address: 1000, ..Limits::default() }).await;
        let victim = Raw::login(&url, 1).await;
        let (_, first) = Raw::connect(&url, 1).await;
        for n in 0..60u8 {
            let (mut thief, hello) = Raw::connect(&url, 9).await;
            let mut login = match n % 4 {
                0 => victim.login_for(&first), // another connection's
                _ => thief.login_for(&hello),
            };
            match n % 4 {
                1 => login.id = victim.keys.id(),
                2 => (login.id, login.key) = (victim.keys.id(), victim.keys.public()),
                3 => {
                    let mut sig = *login.sig.as_bytes();
                    sig[usize::from(n)] ^= 1 << (n % 8);
                    login.sig = Signature::from_bytes(sig);
                }
                _ => {}
            }
            thief.send(&to_text(&ClientMessage::Login(login))).await;
            assert_eq!(thief.ended_by().await, Some(ErrorCode::BadLogin), "{n}");
        }
        assert_eq!((server.counts().logins, server.counts().evicted), (1, 0));
        server.shutdown().await;
    });
}

#[test]
fn unreachable_people_are_told_of_at_once() {
    guarded(async {
        let (server, url) = server().await;
        let mut a = Raw::login(&url, 1).await;
        let absent = KeyPair::from_seed([2; 32]);
        a.send(&a.envelope(&absent, 3)).await;
        let told = ServerMessage::Unreachable { to: absent.id(), call: CallId([5; 16]), seq: 3 };
        assert_eq!(a.next().await, Some(told));
        server.shutdown().await;
    });
}

#[test]
fn a_flooder_is_closed_and_the_others_are_not() {
    guarded(async {
        let (server, url) = server().await;
        let mut quiet = Raw::login(&url, 1).await;
        let mut flooder = Raw::login(&url, 2).await;
        for _ in 0..500 {
            flooder.send(r#"{"type":"ping","t":1}"#).await;
        }
        assert_eq!(flooder.ended_by().await, Some(ErrorCode::TooFast));
        // WebSocket pings count as well.
        let mut pinger = Raw::login(&url, 3).await;
        for _ in 0..500 {
            let _ = pinger.socket.send(Message::Ping(Default::default())).await;
        }
        assert_eq!(pinger.ended_by().await, Some(ErrorCode::TooFast));
        quiet.send(r#"{"type":"ping","t":7}"#).await;
        assert_eq!(quiet.next().await, Some(ServerMessage::Pong { t: 7 }));
        server.shutdown().await;
    });
}

#[test]
fn what_is_too_big_or_binary_ends_the_connection() {
    guarded(async {
        let (server, url) = server().await;
        let mut a = Raw::login(&url, 1).await;
        let mut big = a.envelope(&KeyPair::from_seed([2; 32]), 1);
        big.push_str(&" ".repeat(65536 - big.len()));
        a.send(&big).await;
        assert!(matches!(a.next().await, Some(ServerMessage::Unreachable { .. })), "64 KiB are allowed");
        big.push(' ');
        a.send(&big).await;
        assert_eq!(a.ended_by().await, Some(ErrorCode::TooBig));
        let mut b = Raw::login(&url, 1).await;
        b.socket.send(Message::binary(vec![0; 8])).await.unwrap();
        assert_eq!(b.ended_by().await, Some(ErrorCode::Malformed));
        server.shutdown().await;
    });
}

#[test]
fn the_silent_are_closed() {
    guarded(async {
        let limits = Limits { register_seconds: 1, idle_seconds: 2, ..Limits::default() };
        let (server, url) = server_with(limits).await;
        let (mut undecided, _) = Raw::connect(&url, 1).await;
        let mut silent = Raw::login(&url, 2).await;
        // Not even a WebSocket handshake: nothing is answered, and the socket is closed.
        let mut mute = TcpStream::connect(server.local_addr()).await.unwrap();
        assert_eq!(undecided.ended_by().await, Some(ErrorCode::LoginTimeout));
        assert_eq!(silent.ended_by().await, Some(ErrorCode::Idle));
        let mut rest = Vec::new();
        assert_eq!(mute.read_to_end(&mut rest).await.unwrap_or(0), 0);
        server.shutdown().await;
    });
}

#[test]
fn twenty_connections_from_one_address() {
    guarded(async {
        let (server, url) = server().await;
        let mut all = Vec::new();
        for n in 0..20 {
            all.push(Raw::login(&url, n).await);
        }
        let (mut socket, _) = connect_async(&url).await.unwrap();
        let Some(Ok(Message::Text(text))) = socket.next().await else { panic!("nothing said") };
        assert!(text.contains("too_many_connections"), "{text}");
        let Some(Ok(Message::Close(Some(frame)))) = socket.next().await else { panic!("not closed") };
        assert_eq!(frame.code, CloseCode::Again);
        all.pop();
        so("one has gone", || server.connections() == 19).await;
        all.push(Raw::login(&url, 99).await);
        server.shutdown().await;
    });
}

#[test]
fn behind_a_trusted_proxy_the_real_address_counts() {
    guarded(async {
        let limits = Limits { connections_per_address: 1, ..Limits::default() };
        let trusted_proxies = vec![[127, 0, 0, 1].into()];
        let server = Server::bind(ServerConfig { trusted_proxies, ..config(limits) }).await.unwrap();
        let connect = async |from: &str| {
            let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
            let request = format!("{HANDSHAKE}X-Forwarded-For: 203.0.113.9, {from}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut seen = Vec::new();
            while !seen.ends_with(b"}") {
                seen.push(stream.read_u8().await.unwrap());
            }
            (stream, String::from_utf8_lossy(&seen).into_owned())
        };
        let (_one, said) = connect("192.0.2.1").await;
        assert!(said.contains("hello"));
        let (_two, said) = connect("192.0.2.2").await;
        assert!(said.contains("hello"));
        let (_three, said) = connect("192.0.2.2").await;
        assert!(said.contains("too_many_connections"));
        server.shutdown().await;
    });
}

#[test]
fn plain_http_is_told_what_this_is() {
    guarded(async {
        let (server, _) = server().await;
        let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let length = format!("Content-Length: {}", body.len());
        assert!(head.starts_with("HTTP/1.1 426 ") && head.contains(&length), "{answer}");
        server.shutdown().await;
    });
}

const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";

/// SplitMix64, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below.max(1) as u64) as usize
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.roll(6) {
            let at = self.roll(bytes.len());
            match self.roll(4) {
                0 if !bytes.is_empty() => bytes[at] ^= 1 << self.roll(8),
                1 => bytes.insert(at, self.roll(256) as u8),
                2 if !bytes.is_empty() => drop(bytes.remove(at)),
                _ => bytes.truncate(self.roll(bytes.len() + 1).max(4)),
            }
        }
    }
}

#[test]
fn mutated_input_harms_nobody() {
    guarded(async {
        let limits = Limits { connections_per_address: 5000, register_seconds: 2, ..Limits::default() };
        let (server, url) = server_with(limits).await;
        let mut witness = Raw::login(&url, 1).await;
        let mut dice = Dice(7);
        for n in 0..300 {
            // Below WebSocket: a mutated handshake, or mutated frames after a good one.
            let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
            let mut bytes = format!("{HANDSHAKE}\r\n").into_bytes();
            if n % 2 == 0 {
                dice.mutate(&mut bytes);
            }
            let _ = stream.write_all(&bytes).await;
            if n % 2 == 1 {
                let mut answer = [0; 512];
                let _ = stream.read(&mut answer).await;
                let mut frame = vec![0x81, 0x80 | 21, 0, 0, 0, 0];
                frame.extend(br#"{"type":"ping","t":1}"#);
                dice.mutate(&mut frame);
                let _ = stream.write_all(&frame).await;
            }
        }
        for n in 0..400 {
            // Within it: mutated logins and envelopes.
            let (mut raw, hello) = Raw::connect(&url, 2).await;
            let login = to_text(&ClientMessage::Login(raw.login_for(&hello)));
            if n % 2 == 0 {
                let mut bytes = login.into_bytes();
                dice.mutate(&mut bytes);
                raw.send(&String::from_utf8_lossy(&bytes)).await;
            } else {
                raw.send(&login).await;
                let mut bytes = raw.envelope(&KeyPair::from_seed([3; 32]), 1).into_bytes();
                dice.mutate(&mut bytes);
                raw.send(&String::from_utf8_lossy(&bytes)).await;
                raw.send(&"[".repeat(5000)).await;
            }
        }
        let mut other = Raw::login(&url, 3).await;
        witness.send(&witness.envelope(&other.keys, 1)).await;
        // An envelope mutated harmlessly may come first: to refuse it is the client's work.
        let from_witness = |m: &ServerMessage| matches!(m, ServerMessage::Envelope(e) if e.from == witness.keys.id());
        while !from_witness(&other.next().await.expect("the server goes on")) {}
        drop((witness, other));
        so("all are forgotten", || server.connections() == 0).await;
        server.shutdown().await;
    });
}

#[test]
fn who_does_not_read_is_closed() {
    guarded(async {
        let limits = Limits { messages_per_second: 100_000, burst: 100_000, ..Limits::default() };
        let (server, url) = server_with(limits).await;
        let mut sleeper = Raw::login(&url, 1).await;
        let mut talker = Raw::login(&url, 2).await;
        let body = Body::Offer { sdp: "x".repeat(30_000) };
        let mut seq = 0;
        let start = Instant::now();
        while server.slow_readers() == 0 {
            assert!(start.elapsed() < Duration::from_secs(30), "nothing overflowed");
            seq += 1;
            let to = sleeper.keys.id();
            let envelope = Envelope::seal(&talker.keys, to, CallId([5; 16]), seq, unix() + 60, &body);
            talker.send(&to_text(&ClientMessage::Envelope(envelope))).await;
        }
        // The talker is told, and goes on.
        let gone = async { while talker.next().await != Some(ServerMessage::Gone { id: sleeper.keys.id() }) {} };
        timeout(Duration::from_secs(10), gone).await.expect("told that the sleeper is gone");
        sleeper.ended_by().await;
        server.shutdown().await;
    });
}

#[test]
fn shutdown_tells_everybody_and_joins() {
    guarded(async {
        let (server, url) = server().await;
        let address = server.local_addr();
        let mut a = Raw::login(&url, 1).await;
        let _mute = TcpStream::connect(address).await.unwrap();
        let ended = tokio::spawn(async move { a.ended_by().await });
        server.shutdown().await;
        assert_eq!(ended.await.unwrap(), Some(ErrorCode::ShuttingDown));
        // The port is free again at once.
        Server::bind(ServerConfig { listen: address, ..config(Limits::default()) }).await.unwrap().shutdown().await;
    });
}

#[test]
fn a_taken_port_says_what_to_do() {
    guarded(async {
        let (server, _) = server().await;
        let again = Server::bind(ServerConfig { listen: server.local_addr(), ..config(Limits::default()) }).await;
        let Err(error @ ServeError::PortTaken(_)) = again else { panic!("it was free") };
        let text = error.to_string();
        assert!(text.contains(&server.local_addr().port().to_string()) && text.contains("listen"), "{text}");
        server.shutdown().await;
    });
}

#[test]
fn a_client_outlives_its_server() {
    guarded(async {
        let (server, url) = server().await;
        let address = server.local_addr();
        let (a, mut events) = Signaling::start(KeyPair::from_seed([1; 32]), &url, false);
        event(&mut events, "online", is_online).await;
        server.shutdown().await;
        let lost = |e: &SignalEvent| matches!(e, SignalEvent::State(ServerState::Reconnecting { .. }));
        event(&mut events, "lost", lost).await;
        let server = Server::bind(ServerConfig { listen: address, ..config(Limits::default()) }).await.unwrap();
        event(&mut events, "online again", is_online).await;
        a.stop().await;
        server.shutdown().await;
    });
}

#[test]
fn nobody_there_is_told_once_so_that_a_server_can_be_started() {
    guarded(async {
        let (server, url) = server().await;
        let address = server.local_addr();
        server.shutdown().await;
        let (a, mut events) = Signaling::start(KeyPair::from_seed([1; 32]), &url, false);
        let refused = SignalEvent::Refused { url: url.clone() };
        event(&mut events, "refused", |e| *e == refused).await;
        let server = Server::bind(ServerConfig { listen: address, ..config(Limits::default()) }).await.unwrap();
        a.set_server(&url, true).unwrap();
        let here = |e: &SignalEvent| matches!(e, SignalEvent::State(ServerState::Online { embedded: true, .. }));
        event(&mut events, "online", here).await;
        a.stop().await;
        server.shutdown().await;
    });
}

#[test]
fn a_wrong_server_is_named_in_words() {
    guarded(async {
        // Speaks HTTP only.
        let strange = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let odd = format!("ws://{}", strange.local_addr().unwrap());
        let answering = tokio::spawn(async move {
            while let Ok((mut stream, _)) = strange.accept().await {
                let mut rest = [0; 512];
                let _ = stream.read(&mut rest).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            }
        });
        let (server, url) = server().await;
        let secure = url.replace("ws://", "wss://");
        for (url, word, lasting) in [
            ("nonsense", "not the address of a server", true),
            ("http://example.org", "ws://", true),
            (&*odd, "not a Visavis server", false),
            (&*secure, "secure connection", false),
            ("ws://127.0.0.1:1", "no server listens", false),
            ("ws://nobody.invalid", "nobody.invalid", false),
        ] {
            let (a, mut events) = Signaling::start(KeyPair::from_seed([1; 32]), url, false);
            let told = event(&mut events, url, |e| {
                matches!(e, SignalEvent::State(ServerState::Offline { .. } | ServerState::Reconnecting { .. }))
            });
            let (reason, offline) = match told.await {
                SignalEvent::State(ServerState::Offline { reason }) => (reason, true),
                SignalEvent::State(ServerState::Reconnecting { reason, .. }) => (reason, false),
                _ => unreachable!(),
            };
            assert!(reason.contains(word) && offline == lasting, "{url}: {reason}");
            a.stop().await;
        }
        answering.abort();
        server.shutdown().await;
    });
}
