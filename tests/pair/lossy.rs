//! A path between two sides that loses and carries what it is told to: everything goes through a relay on the loopback
//! interface.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use visavis::session::*;

use super::Side;

/// The path; it ends when this is dropped.
pub struct Path {
    /// Of a hundred datagrams from the caller to the answerer so many are lost.
    loss: Arc<AtomicU32>,
    /// Datagrams lost.
    lost: Arc<AtomicU32>,
    /// Milliseconds that each takes, either way.
    delay: Arc<AtomicU32>,
    /// What goes through from the caller to the answerer, kbit/s; 0: everything.
    carries: Arc<AtomicU32>,
    relay: JoinHandle<()>,
}

impl Path {
    pub fn lose(&self, percent: u32) {
        self.loss.store(percent, Ordering::Relaxed);
    }

    /// From now on every datagram takes so long, either way.
    pub fn delay(&self, milliseconds: u32) {
        self.delay.store(milliseconds, Ordering::Relaxed);
    }

    /// From now on the way from the caller to the answerer is no wider, with a queue of [`QUEUE`] before it; 0: it is free.
    pub fn carry(&self, kbps: u32) {
        self.carries.store(kbps, Ordering::Relaxed);
    }

    pub fn lost(&self) -> u32 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

/// Longest wait before a narrow way; what comes then is lost.
const QUEUE: Duration = Duration::from_millis(300);

/// Under way in one direction: when it arrives, and what it is. As many as are sent in that time.
type UnderWay = VecDeque<(Instant, Vec<u8>)>;

async fn relay(
    to: SocketAddr,
    loss: Arc<AtomicU32>,
    lost: Arc<AtomicU32>,
    delay: Arc<AtomicU32>,
    carries: Arc<AtomicU32>,
) -> (u16, JoinHandle<()>) {
    let near = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let far = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let port = near.local_addr().expect("its address").port();
    let carry = async move {
        let (mut there, mut back, mut caller, mut seed) = ([0; 2048], [0; 2048], None, 1_u32);
        let (mut from_caller, mut to_caller) = (UnderWay::new(), UnderWay::new());
        // When the narrow way has let everything through.
        let mut free = Instant::now();
        loop {
            let dues = [&from_caller, &to_caller].into_iter().filter_map(|way| Some(way.front()?.0));
            let due = dues.min().unwrap_or_else(|| Instant::now() + Duration::from_secs(1));
            let takes = || Duration::from_millis(u64::from(delay.load(Ordering::Relaxed)));
            tokio::select! {
                Ok((n, from)) = near.recv_from(&mut there) => {
                    caller = Some(from);
                    // A small generator, so that every run loses the same.
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let now = Instant::now();
                    free = free.max(now);
                    if (seed >> 16) % 100 < loss.load(Ordering::Relaxed) || free - now > QUEUE {
                        lost.fetch_add(1, Ordering::Relaxed);
                    } else {
                        let kbps = u64::from(carries.load(Ordering::Relaxed));
                        // Milliseconds are bits by kbit/s.
                        free += Duration::from_micros((n as u64 * 8 * 1000).checked_div(kbps).unwrap_or(0));
                        from_caller.push_back((free + takes(), there[..n].to_vec()));
                    }
                }
                Ok((n, _)) = far.recv_from(&mut back) => {
                    to_caller.push_back((Instant::now() + takes(), back[..n].to_vec()));
                }
                () = tokio::time::sleep_until(due.into()) => {}
            }
            while let Some((_, datagram)) = from_caller.pop_front_if(|(due, _)| *due <= Instant::now()) {
                drop(far.send_to(&datagram, to).await);
            }
            while let Some((_, datagram)) = to_caller.pop_front_if(|(due, _)| *due <= Instant::now()) {
                if let Some(caller) = caller {
                    drop(near.send_to(&datagram, caller).await);
                }
            }
        }
    };
    (port, tokio::spawn(carry))
}

/// Offer and answer between two sides that have added each other, such that their only way is the relay.
pub async fn negotiate(ann: &Side, bob: &Side) -> Path {
    let keep = |description: Description, wanted: &dyn Fn(&str) -> Option<String>| {
        let line = |line: &str| if line.starts_with("a=candidate:") { wanted(line) } else { Some(line.to_owned()) };
        let sdp = description.sdp.lines().filter_map(line).flat_map(|line| [line, "\r\n".to_owned()]).collect();
        Description { kind: description.kind, sdp }
    };
    let offer = keep(ann.session.create_offer(ann.other).await.expect("an offer"), &|_| None);
    let answer = bob.session.accept_offer(bob.other, offer).await.expect("an answer");
    let field = |line: &str, n: usize| line.split(' ').nth(n).unwrap_or_default().to_owned();
    let local = answer
        .sdp
        .lines()
        .find(|line| line.starts_with("a=candidate:") && field(line, 4) == "127.0.0.1")
        .expect("a candidate on loopback")
        .to_owned();
    let to = format!("127.0.0.1:{}", field(&local, 5)).parse().expect("an address");
    let [loss, lost, delay, carries] = std::array::from_fn(|_| Arc::new(AtomicU32::new(0)));
    let (port, relay) = relay(to, Arc::clone(&loss), Arc::clone(&lost), Arc::clone(&delay), Arc::clone(&carries)).await;
    let through = local.replace(&format!(" {} typ", field(&local, 5)), &format!(" {port} typ"));
    let answer = keep(answer, &|line| (line == local).then(|| through.clone()));
    ann.session.accept_answer(ann.other, answer).await.expect("it fits");
    Path { loss, lost, delay, carries, relay }
}
