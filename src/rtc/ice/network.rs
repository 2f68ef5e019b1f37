//! What a peer connection takes for the network: tokio's, but with our sockets, and with the servers' invented names.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use socket2::SockRef;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use webrtc::peer_connection::RTCIceServer;
use webrtc::peer_connection::crypto::RTCCryptoProvider;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime, TokioRuntime,
};

use super::candidates::own_addresses;
use super::checks::Answerer;
use super::cookie::Cookie;
use super::directory::{Directory, Tell};
use super::mdns;
use super::repeats::Repeats;
use super::server::Server;
use super::socket::Socket;
use super::tls::Trust;
use crate::rtc::description::Description;

/// Longest wait at the end for streams to give their allocations back.
const FAREWELL: Duration = Duration::from_millis(300);

/// Names of one peer that are looked up at once.
const LOOK_UPS: usize = 16;

/// Bytes asked for in a socket's buffers. A data channel sends up to 1 MiB at once, and what does not fit into the buffer of
/// the other side's socket is lost and costs a timer of a second. The system counts small packets about twice, for what it
/// keeps beside them.
const ROOM: usize = 2 << 20;

/// The tasks of a peer's servers; none when it is closed.
type Tasks = Mutex<Option<JoinSet<()>>>;

/// What of the DTLS handshake is mended on its way.
#[derive(Default)]
pub(super) struct Handshake {
    pub repeats: Repeats,
    pub cookie: Cookie,
}

/// What the sockets of one peer share.
pub(super) struct Shared {
    pub directory: Directory,
    pub trust: Trust,
    crypto: Arc<dyn RTCCryptoProvider>,
    watches: Tasks,
    streams: Tasks,
    sockets: AtomicU64,
    open: Mutex<Vec<Weak<Socket>>>,
    answerer: Mutex<Option<Arc<Answerer>>>,
    pub handshake: Mutex<Handshake>,
    look_ups: Semaphore,
}

fn spawn(tasks: &Tasks, task: impl Future<Output = ()> + Send + 'static) {
    if let Some(tasks) = tasks.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}

fn take(tasks: &Tasks) -> JoinSet<()> {
    tasks.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
}

impl Shared {
    /// A task that may be ended at any time.
    pub fn watch(&self, task: impl Future<Output = ()> + Send + 'static) {
        spawn(&self.watches, task);
    }

    /// A task that has something to finish when its socket ends.
    pub fn stream(&self, task: impl Future<Output = ()> + Send + 'static) {
        spawn(&self.streams, task);
    }

    /// The other side, where it is of our kind and answered us.
    pub fn answerer(&self) -> Option<Arc<Answerer>> {
        self.answerer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The network of one peer.
#[derive(Clone)]
pub struct Network(Arc<Shared>);

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Network")
    }
}

impl Network {
    /// One without servers; `tell` hears of those that are of no use.
    pub fn new(trust: Trust, crypto: Arc<dyn RTCCryptoProvider>, tell: Tell) -> Self {
        Self(Arc::new(Shared {
            directory: Directory::new(tell),
            trust,
            crypto,
            watches: Mutex::new(Some(JoinSet::new())),
            streams: Mutex::new(Some(JoinSet::new())),
            sockets: AtomicU64::new(0),
            open: Mutex::default(),
            answerer: Mutex::default(),
            handshake: Mutex::default(),
            look_ups: Semaphore::new(LOOK_UPS),
        }))
    }

    /// Takes a list of servers in force, and gives it as the connection shall see it.
    pub fn assign(&self, servers: &[Server]) -> Vec<RTCIceServer> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.0.directory.assign(servers, now.as_secs())
    }

    /// An answer is about to be taken.
    pub fn answered(&self, answer: &Description) {
        let password = answer.ice_password().filter(|_| answer.is_ours());
        let answerer = password.map(|password| {
            let (password, addresses) = (password.to_owned(), own_addresses(&answer.sdp));
            Arc::new(Answerer { password, addresses, crypto: Arc::clone(&self.0.crypto) })
        });
        *self.0.answerer.lock().unwrap_or_else(PoisonError::into_inner) = answerer;
    }

    /// The other side's description is here: what came of it before is heard now.
    pub fn hear_again(&self) {
        let open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().filter_map(Weak::upgrade).for_each(|socket| socket.hear_again());
    }

    /// A server that is nowhere.
    pub fn nowhere() -> RTCIceServer {
        RTCIceServer { urls: vec![Directory::nowhere()], ..RTCIceServer::default() }
    }

    /// The candidate line with an address in place of its name; `None` where nobody here bears that name, or where
    /// the other side sends more names than a browser has.
    pub async fn resolve(&self, line: &str) -> Option<String> {
        let _one = self.0.look_ups.try_acquire().ok()?;
        mdns::resolve(line).await
    }

    /// Ends every task, after the connection: streams have a moment to give their allocations back.
    pub async fn close(&self) {
        take(&self.0.watches).shutdown().await;
        let mut streams = take(&self.0.streams);
        let all = async { while streams.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, all).await.is_err() {
            streams.shutdown().await;
        }
    }
}

/// Asks the system for [`ROOM`] in both directions; it gives what its limit allows, and says nothing.
fn make_room(socket: &std::net::UdpSocket) {
    let socket = SockRef::from(socket);
    if let Err(e) = socket.set_recv_buffer_size(ROOM).and_then(|()| socket.set_send_buffer_size(ROOM)) {
        tracing::debug!("the buffers of a socket stay as they are: {e}");
    }
}

type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Runtime for Network {
    fn spawn(&self, future: Later<'static, ()>) -> Box<dyn JoinHandle> {
        TokioRuntime.spawn(future)
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        make_room(&socket);
        let inner = TokioRuntime.wrap_udp_socket(socket)?;
        let id = self.0.sockets.fetch_add(1, Ordering::Relaxed);
        let socket = Arc::new(Socket::new(inner, id, Arc::clone(&self.0))?);
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|other| other.strong_count() > 0);
        open.push(Arc::downgrade(&socket));
        Ok(socket)
    }

    fn wrap_tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        TokioRuntime.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(&'a self, remote: SocketAddr) -> Later<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        TokioRuntime.connect_tcp(remote)
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Later<'a, io::Result<Vec<SocketAddr>>> {
        // Everything the connection asks for is invented; no name of the world holds it up.
        let unknown = || io::Error::new(io::ErrorKind::NotFound, "no server of this connection");
        Box::pin(std::future::ready(Directory::resolve(host).ok_or_else(unknown)))
    }

    fn sleep(&self, duration: Duration) -> Later<'static, ()> {
        TokioRuntime.sleep(duration)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }

    fn yield_now(&self) -> Later<'static, ()> {
        TokioRuntime.yield_now()
    }

    fn name(&self) -> &'static str {
        "tokio"
    }
}
