//! A socket of a peer connection that knows the servers by their invented addresses: what goes there is sent to the real
//! one, by datagram or by stream, and what comes from there bears the invented one. All else passes through.

use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use tokio::sync::mpsc;
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use super::checks::{self, Check, Checks};
use super::cookie::Leaves;
use super::directory::{Directory, Place, Reach, ServerTrouble};
use super::line::{Line, PATIENCE, Send};
use super::network::Shared;
use super::repeats;
use super::tunnel;
use super::url::Host;

/// Datagrams from streams that the connection has not read: a second of a call.
const INBOX: usize = 512;

/// Datagrams to a stream that it has not taken: a third of a second of a call.
const OUTBOX: usize = 128;

/// Longest wait for the DNS.
const LOOK_UP: Duration = Duration::from_secs(5);

/// What comes by other ways than the socket.
#[derive(Default)]
struct Inbox {
    queue: Mutex<VecDeque<(SocketAddr, Bytes)>>,
    reader: AtomicWaker,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inbox {
    fn push(&self, from: SocketAddr, datagram: Bytes) {
        {
            let mut queue = lock(&self.queue);
            // overflow: newest is dropped, as the system does with datagrams nobody reads
            if queue.len() < INBOX {
                queue.push_back((from, datagram));
            }
        }
        self.reader.wake();
    }

    /// The next that fits.
    fn pop(&self, into: &mut [u8]) -> Option<(SocketAddr, usize)> {
        let mut queue = lock(&self.queue);
        while let Some((from, datagram)) = queue.pop_front() {
            if let Some(into) = into.get_mut(..datagram.len()) {
                into.copy_from_slice(&datagram);
                return Some((from, datagram.len()));
            }
        }
        None
    }
}

struct Held {
    line: Arc<Line>,
    /// The directory counts it.
    counted: bool,
    /// The server's invented address.
    invented: SocketAddr,
}

/// See the module.
pub(super) struct Socket {
    id: u64,
    local: SocketAddr,
    inner: Arc<dyn AsyncUdpSocket>,
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
    lines: Mutex<HashMap<usize, Held>>,
    has_lines: AtomicBool,
    checks: Mutex<Checks>,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("local", &self.local).finish_non_exhaustive()
    }
}

impl Socket {
    pub fn new(inner: Arc<dyn AsyncUdpSocket>, id: u64, shared: Arc<Shared>) -> io::Result<Self> {
        Ok(Self {
            id,
            local: inner.local_addr()?,
            inner,
            shared,
            inbox: Arc::default(),
            lines: Mutex::default(),
            has_lines: AtomicBool::new(false),
            checks: Mutex::default(),
        })
    }

    /// The way to a server; begins it at the first call.
    fn line(&self, index: usize, invented: SocketAddr) -> Arc<Line> {
        let now = Instant::now();
        let mut lines = lock(&self.lines);
        if let Some(held) = lines.get(&index) {
            if !held.may_be_tried_again(now) {
                return Arc::clone(&held.line);
            }
            if held.counted {
                self.shared.directory.end(index, self.id);
            }
        }
        let place = self.shared.directory.place(index).filter(|place| self.can_reach(place));
        let place = place.filter(|_| self.shared.directory.begin(index, self.id));
        let counted = place.is_some();
        let line = match place {
            None => Arc::new(Line::gone(now)),
            Some(place) if place.reach == Reach::Datagrams => {
                let line = Arc::new(Line::waiting());
                self.shared.watch(find(
                    self.task(index, invented, &line),
                    Arc::downgrade(&self.inner),
                    place,
                    self.local,
                ));
                line
            }
            Some(place) => {
                let (sender, outgoing) = mpsc::channel(OUTBOX);
                let line = Arc::new(Line::stream(sender));
                self.shared.stream(stream(self.task(index, invented, &line), place, outgoing));
                line
            }
        };
        lines.insert(index, Held { line: Arc::clone(&line), counted, invented });
        self.has_lines.store(true, Ordering::Release);
        line
    }

    /// Not worth a try: an address of the other family, and from loopback to elsewhere.
    fn can_reach(&self, place: &Place) -> bool {
        match place.host {
            Host::Ip(ip) if place.reach == Reach::Datagrams => leads(self.local, SocketAddr::new(ip, place.port)),
            _ => true,
        }
    }

    fn task(&self, index: usize, invented: SocketAddr, line: &Arc<Line>) -> Task {
        Task {
            index,
            invented,
            line: Arc::downgrade(line),
            heard: Arc::clone(&line.heard),
            inbox: Arc::clone(&self.inbox),
            shared: Arc::clone(&self.shared),
        }
    }

    /// Gives the connection what came before it knew the other side.
    pub fn hear_again(&self) {
        for (from, check) in lock(&self.checks).early() {
            self.inbox.push(from, check);
        }
    }

    /// A check or an answer of ours on its way.
    fn check_leaves(&self, check: &[u8], to: SocketAddr) -> Check {
        let leaves = lock(&self.checks).leaves(check, to, self.shared.answerer().as_deref());
        if let Check::Answered(answer) = &leaves {
            self.inbox.push(to, answer.clone());
            // The path is agreed on now, and not a moment before.
            if let Some(hello) = lock(&self.shared.handshake).cookie.early() {
                self.inbox.push(to, hello);
            }
        }
        leaves
    }

    /// A part of the handshake leaves.
    fn handshake_leaves(&self, cx: &mut Context<'_>, part: &[u8], to: SocketAddr) {
        let mut handshake = lock(&self.shared.handshake);
        handshake.repeats.sent(part);
        if self.shared.answerer().is_none() {
            return;
        }
        let Leaves { before, heard } = handshake.cookie.leaves(part);
        if let Some(hello) = heard {
            handshake.repeats.came(&hello);
            self.inbox.push(to, hello);
        }
        if let Some(before) = before {
            self.send_beside(cx, &before, to);
        }
    }

    /// A part of the handshake came.
    fn handshake_came(&self, cx: &mut Context<'_>, part: &mut [u8], from: SocketAddr) {
        let mut handshake = lock(&self.shared.handshake);
        let said = handshake.cookie.came(part);
        let answered = !said.is_empty();
        said.iter().for_each(|answer| self.send_beside(cx, answer, from));
        if handshake.repeats.came(part) || answered {
            repeats::put_off(part);
        }
    }

    /// Sends what the connection knows nothing of. One that does not leave now counts as lost on the way.
    fn send_beside(&self, cx: &mut Context<'_>, contents: &[u8], destination: SocketAddr) {
        let (ecn, segment_size, src_ip) = (None, None, None);
        let _ = self.inner.poll_send(cx, &Transmit { destination, contents, ecn, segment_size, src_ip });
    }

    /// Looks at what came by the socket.
    fn look(&self, cx: &mut Context<'_>, datagram: &mut [u8], from: SocketAddr) {
        if checks::concerns(datagram) {
            let again = lock(&self.checks).came(datagram, from, self.shared.answerer().as_deref());
            if let Some(check) = again {
                self.inbox.push(from, check);
            }
        } else if repeats::concerns(datagram) {
            self.handshake_came(cx, datagram, from);
        }
    }

    /// Gives datagrams of a server its invented address, and looks at them.
    fn recognise(&self, bytes: &[u8], meta: &mut RecvMeta) {
        let lines = lock(&self.lines);
        let Some((index, held)) = lines.iter().find(|(_, held)| held.line.address() == Some(meta.addr)) else { return };
        meta.addr = held.invented;
        let bytes = bytes.get(..meta.len).unwrap_or_default();
        for datagram in bytes.chunks(meta.stride.max(1)) {
            if let Some(trouble) = held.line.receive(datagram) {
                self.shared.directory.trouble(*index, trouble);
            }
        }
    }
}

impl Held {
    fn may_be_tried_again(&self, now: Instant) -> bool {
        self.line.may_be_tried_again(now)
    }
}

fn leads(from: SocketAddr, to: SocketAddr) -> bool {
    from.is_ipv4() == to.is_ipv4() && (!from.ip().is_loopback() || to.ip().is_loopback())
}

impl Drop for Socket {
    fn drop(&mut self) {
        for (index, held) in lock(&self.lines).drain() {
            if held.counted {
                self.shared.directory.end(index, self.id);
            }
        }
    }
}

impl AsyncUdpSocket for Socket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        if repeats::concerns(transmit.contents) {
            self.handshake_leaves(cx, transmit.contents, transmit.destination);
        }
        let Some(index) = Directory::index(transmit.destination) else {
            if !checks::concerns(transmit.contents) {
                return self.inner.poll_send(cx, transmit);
            }
            return match self.check_leaves(transmit.contents, transmit.destination) {
                Check::AsItIs => self.inner.poll_send(cx, transmit),
                Check::Changed(contents) => {
                    let sent = ready!(self.inner.poll_send(cx, &Transmit { contents: &contents, ..transmit.clone() }));
                    Poll::Ready(sent.map(|_| transmit.contents.len()))
                }
                Check::Answered(_) => Poll::Ready(Ok(transmit.contents.len())),
            };
        };
        match self.line(index, transmit.destination).send(transmit.contents) {
            Send::Taken => Poll::Ready(Ok(transmit.contents.len())),
            Send::Gone => Poll::Ready(Err(io::Error::new(io::ErrorKind::HostUnreachable, "the server was given up"))),
            Send::To(destination) => {
                let sent = ready!(self.inner.poll_send(cx, &Transmit { destination, ..transmit.clone() }));
                if let Err(e) = &sent {
                    self.shared.directory.refused_by_network(index, e.to_string());
                }
                Poll::Ready(sent)
            }
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.inbox.reader.register(cx.waker());
        if let (Some(buf), Some(meta)) = (bufs.first_mut(), meta.first_mut())
            && let Some((from, len)) = self.inbox.pop(buf)
        {
            *meta = RecvMeta::default();
            (meta.addr, meta.len, meta.stride) = (from, len, len.max(1));
            return Poll::Ready(Ok(1));
        }
        let came = ready!(self.inner.poll_recv(cx, bufs, meta))?;
        for (buf, meta) in bufs.iter_mut().zip(meta.iter()).take(came) {
            let bytes = buf.get_mut(..meta.len).unwrap_or_default();
            for datagram in bytes.chunks_mut(meta.stride.max(1)) {
                self.look(cx, datagram, meta.addr);
            }
        }
        if self.has_lines.load(Ordering::Acquire) {
            for (buf, meta) in bufs.iter().zip(meta.iter_mut()).take(came) {
                self.recognise(buf, meta);
            }
        }
        Poll::Ready(Ok(came))
    }

    fn max_gso_segments(&self) -> usize {
        self.inner.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.inner.max_gro_segments()
    }
}

/// What a line's task works on. It holds nothing that keeps the socket or the line alive: their end is its end.
struct Task {
    index: usize,
    invented: SocketAddr,
    line: Weak<Line>,
    heard: Arc<tokio::sync::Notify>,
    inbox: Arc<Inbox>,
    shared: Arc<Shared>,
}

impl Task {
    /// Gives the server up, with or without a word.
    fn give_up(&self, trouble: Option<ServerTrouble>) {
        let Some(line) = self.line.upgrade() else { return };
        for answer in line.give_up(Instant::now()) {
            self.inbox.push(self.invented, answer);
        }
        if let Some(trouble) = trouble {
            self.shared.directory.trouble(self.index, trouble);
        }
    }

    /// Waits for the server's first sign; `false` where none comes.
    async fn hears(&self, patience: Duration) -> bool {
        let heard = tokio::time::timeout(patience, self.heard.notified()).await.is_ok();
        if heard {
            self.shared.directory.answered(self.index);
        }
        heard
    }
}

/// Finds where a server is that datagrams go to, and waits for its first answer.
async fn find(task: Task, socket: Weak<dyn AsyncUdpSocket>, place: Place, local: SocketAddr) {
    let addresses = match look_up(&place).await {
        Ok(addresses) => addresses,
        Err(trouble) => return task.give_up(Some(trouble)),
    };
    // No address of the family this socket has: another socket's business.
    let Some(address) = addresses.into_iter().find(|address| leads(local, *address)) else { return task.give_up(None) };
    let early = task.line.upgrade().map(|line| line.found(address)).unwrap_or_default();
    for datagram in early {
        let Some(socket) = socket.upgrade() else { return };
        if let Err(e) = socket.send_to(&datagram, address).await {
            task.shared.directory.refused_by_network(task.index, e.to_string());
        }
    }
    if !task.hears(PATIENCE).await {
        task.give_up(Some(ServerTrouble::Silent));
    }
}

/// Leads a stream to a server, until it or the socket ends.
async fn stream(task: Task, place: Place, outgoing: mpsc::Receiver<Bytes>) {
    let open = async {
        let addresses = look_up(&place).await?;
        tunnel::open(&place, &addresses, &task.shared.trust).await
    };
    let stream = match open.await {
        Ok(stream) => stream,
        Err(trouble) => return task.give_up(Some(trouble)),
    };
    let deliver = |datagram: Bytes| {
        let Some(line) = task.line.upgrade() else { return };
        if let Some(trouble) = line.receive(&datagram) {
            task.shared.directory.trouble(task.index, trouble);
        }
        task.inbox.push(task.invented, datagram);
    };
    let silent = async {
        if task.hears(PATIENCE).await {
            std::future::pending::<()>().await;
        }
    };
    let trouble = tokio::select! {
        ended = tunnel::lead(stream, outgoing, deliver) => ended,
        () = silent => Some(ServerTrouble::Silent),
    };
    task.give_up(trouble);
}

async fn look_up(place: &Place) -> Result<Vec<SocketAddr>, ServerTrouble> {
    let name = match &place.host {
        Host::Ip(ip) => return Ok(vec![SocketAddr::new(*ip, place.port)]),
        Host::Name(name) => name.as_str(),
    };
    match tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((name, place.port))).await {
        Ok(Ok(addresses)) => Some(addresses.collect::<Vec<_>>()).filter(|found| !found.is_empty()),
        Ok(Err(_)) | Err(_) => None,
    }
    .ok_or(ServerTrouble::Unknown)
}
