//! One socket's way to one server: waiting for the server's address, known, a stream, or given up. It watches what is
//! asked and answered, so that a server that stays silent is answered for, and wrong credentials are known as such.
//!
//! Invariant: whatever was asked is answered, by the server or, when that is given up, by [`stun::refusal`]; so the
//! gathering ends.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use super::directory::ServerTrouble;
use super::stun::{self, Class, Look};

/// A server that has not answered for so long is given up. Browsers wait ten seconds; a connection that needs this
/// server has then long been waited for by people.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A server given up is tried again when it is asked after so long: there was a restart, and perhaps another network.
const AGAIN: Duration = Duration::from_secs(10);

/// Datagrams kept until the server's address is known; each is sent again anyway.
const EARLY: usize = 8;

/// Requests whose answer is awaited.
const ASKED: usize = 64;

/// How datagrams get to the server.
enum Way {
    /// Its name is being looked up.
    Waiting(Vec<Bytes>),
    /// By the socket.
    Datagrams(SocketAddr),
    /// By a stream.
    Stream(mpsc::Sender<Bytes>),
    /// Not at all, since when.
    Gone(Instant),
}

/// What to do with a datagram.
pub(super) enum Send {
    /// Give it to the socket, for this address.
    To(SocketAddr),
    /// Nothing more.
    Taken,
    /// Say that it cannot be sent.
    Gone,
}

struct Asked {
    look: Look,
    authenticated: bool,
}

/// See the module.
pub(super) struct Line {
    way: Mutex<Way>,
    asked: Mutex<VecDeque<Asked>>,
    /// Something came from the server.
    pub heard: Arc<Notify>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Line {
    pub fn waiting() -> Self {
        Self::new(Way::Waiting(Vec::new()))
    }

    pub fn stream(sender: mpsc::Sender<Bytes>) -> Self {
        Self::new(Way::Stream(sender))
    }

    pub fn gone(now: Instant) -> Self {
        Self::new(Way::Gone(now))
    }

    fn new(way: Way) -> Self {
        Self { way: Mutex::new(way), asked: Mutex::default(), heard: Arc::default() }
    }

    /// Given up so long ago that another try makes sense.
    pub fn may_be_tried_again(&self, now: Instant) -> bool {
        matches!(*lock(&self.way), Way::Gone(since) if now.saturating_duration_since(since) >= AGAIN)
    }

    /// The crate sends something to the server.
    pub fn send(&self, datagram: &[u8]) -> Send {
        let mut way = lock(&self.way);
        if matches!(*way, Way::Gone(_)) {
            return Send::Gone;
        }
        let first = self.note_request(datagram);
        match &mut *way {
            Way::Waiting(early) => {
                if early.len() < EARLY {
                    early.push(Bytes::copy_from_slice(datagram));
                }
                Send::Taken
            }
            Way::Datagrams(address) => Send::To(*address),
            Way::Stream(sender) => {
                // A stream loses nothing: what was asked is not asked again (RFC 8489 §6.2.2).
                // overflow: drop; the path is full, and a full path by datagrams drops too
                if first && sender.try_send(Bytes::copy_from_slice(datagram)).is_err() {
                    self.forget(datagram);
                }
                Send::Taken
            }
            Way::Gone(_) => Send::Gone,
        }
    }

    /// Its address is known now; gives what waited for that.
    pub fn found(&self, address: SocketAddr) -> Vec<Bytes> {
        let mut way = lock(&self.way);
        match &mut *way {
            Way::Waiting(early) => {
                let early = std::mem::take(early);
                *way = Way::Datagrams(address);
                early
            }
            _ => Vec::new(),
        }
    }

    /// Its address, where datagrams go there.
    pub fn address(&self) -> Option<SocketAddr> {
        match *lock(&self.way) {
            Way::Datagrams(address) => Some(address),
            _ => None,
        }
    }

    /// Gives the server up; gives the answers for all that it was asked.
    pub fn give_up(&self, now: Instant) -> Vec<Bytes> {
        *lock(&self.way) = Way::Gone(now);
        lock(&self.asked).drain(..).map(|asked| stun::refusal(asked.look, asked.authenticated)).collect()
    }

    /// A datagram came from the server. Gives what that says of the server's opinion of us.
    pub fn receive(&self, datagram: &[u8]) -> Option<ServerTrouble> {
        self.heard.notify_one();
        let look = stun::look(datagram)?;
        if !matches!(look.class, Class::Success | Class::Error) {
            return None;
        }
        let asked = {
            let mut asked = lock(&self.asked);
            let at = asked.iter().position(|asked| asked.look.transaction == look.transaction)?;
            asked.remove(at)?
        };
        // What a relay says of single peers (403 for a private address, say) is no trouble of the relay.
        if look.class == Class::Success || !(look.is_allocate() || look.is_binding()) {
            return None;
        }
        match stun::error(datagram) {
            // The first, bare Allocate is always refused so (RFC 8656 §7.2); a stale nonce is renewed.
            Some((401, _)) if look.is_allocate() && !asked.authenticated => None,
            Some((438, _)) => None,
            Some((401, _)) => Some(ServerTrouble::Credentials),
            Some((code, words)) => Some(ServerTrouble::Refused { code, words }),
            None => Some(ServerTrouble::Refused { code: 0, words: "without a reason".to_owned() }),
        }
    }

    /// Notes a request; `false` for one that was noted before and has no answer yet.
    fn note_request(&self, datagram: &[u8]) -> bool {
        let Some(look) = stun::look(datagram).filter(|look| look.class == Class::Request) else { return true };
        let mut asked = lock(&self.asked);
        if asked.iter().any(|asked| asked.look.transaction == look.transaction) {
            return false;
        }
        // overflow: oldest; it was answered by nobody for 64 requests
        if asked.len() == ASKED {
            asked.pop_front();
        }
        asked.push_back(Asked { look, authenticated: stun::has_credentials(datagram) });
        true
    }

    fn forget(&self, datagram: &[u8]) {
        if let Some(look) = stun::look(datagram) {
            lock(&self.asked).retain(|asked| asked.look.transaction != look.transaction);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Method 1 is Binding, 3 Allocate.
    fn request(method: u8, id: u8, user: bool) -> Vec<u8> {
        let mut message = vec![0, method, 0, if user { 8 } else { 0 }, 0x21, 0x12, 0xA4, 0x42];
        message.extend([id; 12]);
        if user {
            message.extend([0, 6, 0, 3, b'a', b'n', b'n', 0]);
        }
        message
    }

    fn refused(method: u8, id: u8, code: u16) -> Vec<u8> {
        let mut message = vec![1, method | 0x10, 0, 8, 0x21, 0x12, 0xA4, 0x42];
        message.extend([id; 12]);
        message.extend([0, 9, 0, 4, 0, 0, (code / 100) as u8, (code % 100) as u8]);
        message
    }

    #[test]
    fn what_is_asked_before_the_name_is_known_goes_out_when_it_is() {
        let line = Line::waiting();
        assert!(matches!(line.send(&request(1, 1, false)), Send::Taken));
        assert_eq!(line.found("192.0.2.1:3478".parse().unwrap()), [request(1, 1, false)]);
        assert!(matches!(line.send(&request(1, 1, false)), Send::To(_)), "asked again on datagrams");
    }

    #[test]
    fn a_stream_is_asked_once() {
        let (sender, mut receiver) = mpsc::channel(4);
        let line = Line::stream(sender);
        let (first, second) = (request(3, 1, false), request(3, 2, true));
        for datagram in [&first, &first, &second, &first] {
            assert!(matches!(line.send(datagram), Send::Taken));
        }
        assert_eq!(receiver.try_recv().unwrap(), first);
        assert_eq!(receiver.try_recv().unwrap(), second);
        assert!(receiver.try_recv().is_err());
    }

    #[test]
    fn wrong_credentials_are_known_from_the_usual_challenge() {
        let line = Line::waiting();
        line.send(&request(3, 1, false));
        assert_eq!(line.receive(&refused(3, 1, 401)), None);
        line.send(&request(3, 2, true));
        assert_eq!(line.receive(&refused(3, 2, 401)), Some(ServerTrouble::Credentials));
        assert_eq!(line.receive(&refused(3, 2, 401)), None, "told twice, it counts once");
        line.send(&request(3, 3, true));
        assert!(matches!(line.receive(&refused(3, 3, 486)), Some(ServerTrouble::Refused { code: 486, .. })));
        line.send(&request(8, 4, true));
        assert_eq!(line.receive(&refused(8, 4, 403)), None, "one peer it does not relay to");
    }

    #[test]
    fn a_server_given_up_answers_all_and_is_tried_again_later() {
        let now = Instant::now();
        let line = Line::waiting();
        line.send(&request(1, 1, false));
        line.send(&request(3, 2, false));
        assert_eq!(line.give_up(now).len(), 2);
        assert!(matches!(line.send(&request(3, 3, true)), Send::Gone));
        assert!(!line.may_be_tried_again(now));
        assert!(line.may_be_tried_again(now + AGAIN));
    }
}
