//! Floor 6: the signaling server: sockets around [`signal::hub`](crate::signal::hub).
//!
//! Plain WebSocket on any path; TLS is a reverse proxy's work. Each connection is one task; they share the hub behind
//! a lock that is held for one message at a time and never over an await. A plain HTTP request is answered 426.
//!
//! Invariants: every queue is bounded ([`limits`](crate::signal::limits)); every wait has a limit; [`Server::shutdown`]
//! returns when every task has ended.

mod config;
mod connection;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::tungstenite::Utf8Bytes;

pub use config::{ConfigError, ServerConfig};

use crate::signal::hub::{ConnId, Counts, Hub, Input, Output};
use crate::signal::limits::OUTGOING;
use crate::signal::message::ErrorCode;

/// Where the server listens unless told otherwise, and where a program looks for it first.
pub const DEFAULT_ADDR: &str = "127.0.0.1:47100";

/// How long connections may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Somebody listens there already.
    #[error(
        "port {} on {} is taken: another server runs there already; stop it, or choose another port with `listen`",
        .0.port(),
        .0.ip()
    )]
    PortTaken(SocketAddr),
    /// Not allowed, not an address of this machine, …
    #[error("cannot listen on {0}: {1}; choose another address with `listen`")]
    Listen(SocketAddr, io::Error),
}

/// To one connection's task.
pub(crate) enum Out {
    /// Write this.
    Text(Utf8Bytes),
    /// Write what is waiting, then close.
    Close(ErrorCode),
}

struct Core {
    hub: Hub<Utf8Bytes>,
    senders: HashMap<ConnId, mpsc::Sender<Out>>,
    slow: u64,
    next: u64,
}

/// What the connections share.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Core>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Core> {
        // A panic in another connection leaves the hub between two whole messages.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new connection from there; `None` where the operating system gives no random numbers.
    fn open(&self, address: IpAddr) -> Option<(ConnId, mpsc::Receiver<Out>)> {
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce).ok()?;
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs());
        let (sender, receiver) = mpsc::channel(OUTGOING);
        let mut core = self.lock();
        let conn = ConnId(core.next);
        core.next += 1;
        core.senders.insert(conn, sender);
        core.handle(Input::Opened { conn, address, nonce, unix });
        Some((conn, receiver))
    }

    fn handle(&self, input: Input<Utf8Bytes>) {
        self.lock().handle(input);
    }
}

impl Core {
    fn handle(&mut self, input: Input<Utf8Bytes>) {
        let now = Instant::now();
        if let Input::Closed(conn) = &input {
            self.senders.remove(conn);
        }
        self.hub.handle(now, input);
        while let Some(output) = self.hub.poll() {
            let (conn, out) = match output {
                Output::Send(conn, text) => (conn, Out::Text(text)),
                Output::Close(conn, code) => (conn, Out::Close(code)),
            };
            let Some(sender) = self.senders.get(&conn) else { continue };
            let closes = matches!(out, Out::Close(_));
            // overflow: a client that does not read loses its connection (the queue's end makes the task close it)
            let full = sender.try_send(out).is_err();
            if full || closes {
                self.senders.remove(&conn);
            }
            if full && !closes {
                self.slow += 1;
                self.hub.handle(now, Input::Closed(conn));
            }
        }
    }
}

/// A running server. Dropping it without [`Server::shutdown`] ends it too, without goodbyes.
pub struct Server {
    address: SocketAddr,
    shared: Shared,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens, and serves from then on. Inside a tokio runtime.
    ///
    /// # Errors
    /// [`ServeError`]: nothing runs.
    pub async fn bind(config: ServerConfig) -> Result<Self, ServeError> {
        let wanted = config.listen;
        let listener = TcpListener::bind(wanted).await.map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => ServeError::PortTaken(wanted),
            _ => ServeError::Listen(wanted, error),
        })?;
        let address = listener.local_addr().map_err(|error| ServeError::Listen(wanted, error))?;
        let hub = Hub::new(&config.name, config.limits.clone());
        let shared = Shared(Arc::new(Mutex::new(Core { hub, senders: HashMap::new(), slow: 0, next: 0 })));
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, Arc::new(config), shared.clone(), stopped));
        Ok(Self { address, shared, stop, task })
    }

    /// Where it listens: with the real port, also if 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Connections now, logged in or not.
    pub fn connections(&self) -> usize {
        self.shared.lock().hub.connections()
    }

    /// Rooms with somebody in them.
    pub fn rooms(&self) -> usize {
        self.shared.lock().hub.rooms()
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.shared.lock().hub.counts()
    }

    /// Connections that were closed because they did not read.
    pub fn slow_readers(&self) -> u64 {
        self.shared.lock().slow
    }

    /// Tells everybody, closes, and waits until every task has ended: at most about two seconds.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // The task ends by itself; its own waits are bounded.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, config: Arc<ServerConfig>, shared: Shared, mut stopped: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => admit(&mut tasks, stream, address, &config, &shared),
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    // Out of file descriptors: let some connections end first.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            _ = ticks.tick() => shared.handle(Input::Tick),
        }
    }
    drop(listener);
    shared.handle(Input::Shutdown);
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(GOODBYE, all).await.is_err() {
        tasks.shutdown().await;
    }
}

fn admit(tasks: &mut JoinSet<()>, stream: TcpStream, address: SocketAddr, config: &Arc<ServerConfig>, shared: &Shared) {
    // Handshakes under way have no place in the hub yet: bound them together with the connections.
    if tasks.len() >= config.limits.connections as usize + 256 {
        return; // overflow: the newest is dropped
    }
    tasks.spawn(connection::run(stream, address, Arc::clone(config), shared.clone()));
}
