//! What tests of the server share: servers on free ports, a client written against the specification, and waiting.

#![allow(dead_code, reason = "each test file takes what it needs of this")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use visavis::client::signaling::SignalEvent;
use visavis::model::body::{Body, CancelReason};
use visavis::model::id::CallId;
use visavis::model::snapshot::ServerState;
use visavis::server::{Server, ServerConfig};
use visavis::signal::envelope::Envelope;
use visavis::signal::key::KeyPair;
use visavis::signal::limits::Limits;
use visavis::signal::message::{ClientMessage, ErrorCode, Hello, Login, ServerMessage, to_text};

use crate::common;

/// A minute at most, alone in the process, and nothing left behind.
pub fn guarded(test: impl Future<Output = ()>) {
    common::run(Duration::from_secs(60), test);
}

pub fn config(limits: Limits) -> ServerConfig {
    ServerConfig { listen: ([127, 0, 0, 1], 0).into(), limits, ..ServerConfig::default() }
}

pub async fn server() -> (Server, String) {
    server_with(Limits::default()).await
}

pub async fn server_with(limits: Limits) -> (Server, String) {
    let server = Server::bind(config(limits)).await.unwrap();
    let url = format!("ws://{}/any/path", server.local_addr());
    (server, url)
}

/// Waits until something is so.
pub async fn so(what: &str, mut check: impl FnMut() -> bool) {
    let start = Instant::now();
    while !check() {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A client written against the specification, with nothing of ours but its types.
pub struct Raw {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub keys: KeyPair,
}

impl Raw {
    pub async fn connect(url: &str, n: u8) -> (Self, Hello) {
        let (socket, _) = connect_async(url).await.unwrap();
        let mut raw = Self { socket, keys: KeyPair::from_seed([n; 32]) };
        match raw.next().await {
            Some(ServerMessage::Hello(hello)) => (raw, hello),
            other => panic!("no hello: {other:?}"),
        }
    }

    pub async fn login(url: &str, n: u8) -> Self {
        let (mut raw, hello) = Self::connect(url, n).await;
        let login = raw.login_for(&hello);
        raw.send(&to_text(&ClientMessage::Login(login))).await;
        assert_eq!(raw.next().await, Some(ServerMessage::Welcome { id: raw.keys.id() }));
        raw
    }

    pub fn login_for(&self, hello: &Hello) -> Login {
        let id = self.keys.id();
        Login { v: 1, id, key: self.keys.public(), sig: self.keys.sign(&hello.signed_bytes(id)) }
    }

    pub async fn send(&mut self, text: &str) {
        // The server may have closed already: the test looks at what it said.
        let _ = self.socket.send(Message::text(text)).await;
    }

    /// The next message; `None` once the connection has ended.
    pub async fn next(&mut self) -> Option<ServerMessage> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(_))) | Some(Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The error the server ends the connection with.
    pub async fn ended_by(&mut self) -> Option<ErrorCode> {
        let mut last = None;
        while let Some(message) = self.next().await {
            if let ServerMessage::Error { code, .. } = message {
                last = Some(code);
            }
        }
        last
    }

    pub fn envelope(&self, to: &KeyPair, seq: u64) -> String {
        let body = Body::Cancel { reason: CancelReason::Cancelled };
        to_text(&ClientMessage::Envelope(Envelope::seal(&self.keys, to.id(), CallId([5; 16]), seq, unix() + 60, &body)))
    }
}

pub fn unix() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

pub async fn event(
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

pub fn is_online(event: &SignalEvent) -> bool {
    matches!(event, SignalEvent::State(ServerState::Online { .. }))
}
