//! The signaling server over real sockets on the loopback interface.

mod common;
mod signaling;

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use signaling::*;
use visavis::model::body::Body;
use visavis::model::id::CallId;
use visavis::server::{ServeError, Server, ServerConfig};
use visavis::signal::envelope::Envelope;
use visavis::signal::key::{KeyPair, Signature};
use visavis::signal::limits::Limits;
use visavis::signal::message::{ClientMessage, ErrorCode, ServerMessage, to_text};

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
