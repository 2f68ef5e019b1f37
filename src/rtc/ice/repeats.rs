//! Datagrams in which the other side repeats a part of its DTLS handshake that is here already.
//!
//! The crate below us takes any of them for progress: it stops the timer after which it would send its own part again
//! (RFC 6347 §4.2.4), and does not set it anew. A browser repeats its part after a tenth of a second, long before that
//! timer, so a single lost datagram of ours would never be sent again, and the call would never begin. What says nothing new
//! is therefore kept from it, but for two repeats that it does answer at once: that of a hello without a cookie, and that of
//! the last part by one whose handshake we, the server, have finished.
//!
//! Kept from it too is what follows before the first message has come: it would wait for that without ever asking for it again.
//! For the other side that is as if it had been lost.
//!
//! Only plaintext records are looked at. Bounded: after [`MOST`] pieces all passes.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Content types of a record (RFC 5246 §6.2.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;

/// Type of the message a client begins with (RFC 5246 §7.4).
const CLIENT_HELLO: u8 = 1;

/// Lengths of the headers of a record (RFC 6347 §4.1) and of a handshake message in it (§4.2.2), bytes.
const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;

/// Pieces of a handshake that are remembered; one has about ten.
const MOST: usize = 128;

/// Datagrams that are kept back before the first message: it may have come by a way that is not seen here, by a relay.
const EARLY: usize = 8;

/// What has come and gone of one handshake.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// Fingerprints of the messages' pieces, headers of their records apart: those are new in each repeat.
    seen: HashSet<u64>,
    /// Its first message has come, …
    begun: bool,
    /// … and before that so many datagrams.
    early: usize,
    /// The other side began with a hello: we are the server.
    server: bool,
    /// We have sent what ends our part.
    changed: bool,
}

/// Whether a datagram may be one of a handshake (RFC 7983).
pub(super) fn concerns(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(&(CHANGE_CIPHER_SPEC | HANDSHAKE)))
}

/// Content type, epoch and payload of the records of a datagram, as far as they can be read.
fn records(mut datagram: &[u8]) -> impl Iterator<Item = (u8, u16, &[u8])> {
    std::iter::from_fn(move || {
        let (header, rest) = datagram.split_at_checked(RECORD_HEADER)?;
        let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let (payload, rest) = rest.split_at_checked(length)?;
        datagram = rest;
        Some((header[0], u16::from_be_bytes([header[3], header[4]]), payload))
    })
}

/// Dates a datagram's records into a far epoch: whoever reads them drops them without a word (RFC 6347 §4.1).
pub(super) fn put_off(mut datagram: &mut [u8]) {
    while let Some((header, rest)) = datagram.split_at_mut_checked(RECORD_HEADER) {
        header[3..5].fill(u8::MAX);
        let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
        datagram = rest.get_mut(length..).unwrap_or_default();
    }
}

impl Repeats {
    /// Looks at a datagram of ours.
    pub fn sent(&mut self, datagram: &[u8]) {
        self.changed |= records(datagram).any(|(kind, ..)| kind == CHANGE_CIPHER_SPEC);
    }

    /// Looks at one of theirs; `true` where all of it was here before and is to be kept back.
    pub fn came(&mut self, datagram: &[u8]) -> bool {
        self.begun |= records(datagram).any(|(kind, epoch, payload)| {
            kind == HANDSHAKE && epoch == 0 && payload.get(4..6) == Some(&[0, 0]) && payload.len() >= MESSAGE_HEADER
        });
        if !self.begun && self.early < EARLY {
            self.early += 1;
            return true;
        }
        let (mut repeated, mut length) = (true, 0);
        for (kind, epoch, payload) in records(datagram) {
            length += RECORD_HEADER + payload.len();
            let plain = kind == HANDSHAKE && epoch == 0 && payload.len() >= MESSAGE_HEADER;
            // One more look at each, so that all of them are remembered.
            repeated &= plain && self.known(payload);
        }
        repeated && length == datagram.len() && length > 0 && !(self.server && self.changed)
    }

    /// Whether this piece was here before; from now on it was.
    fn known(&mut self, payload: &[u8]) -> bool {
        let number = u16::from_be_bytes([payload[4], payload[5]]);
        let hello = payload[0] == CLIENT_HELLO;
        self.server |= hello;
        let mut hasher = DefaultHasher::new();
        payload.hash(&mut hasher);
        let fingerprint = hasher.finish();
        if self.seen.contains(&fingerprint) {
            // Without a cookie: the server keeps nothing, and answers again.
            return !(hello && number == 0);
        }
        if self.seen.len() < MOST {
            self.seen.insert(fingerprint);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: u8 = 11;
    const FINISHED: u8 = 20;

    fn record(kind: u8, epoch: u8, sequence: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, sequence, 0, payload.len() as u8];
        bytes.extend_from_slice(payload);
        bytes
    }

    /// A whole message in a record of its own.
    fn message(kind: u8, number: u8, sequence: u8) -> Vec<u8> {
        record(HANDSHAKE, 0, sequence, &[kind, 0, 0, 2, 0, number, 0, 0, 0, 0, 0, 2, kind, number])
    }

    /// One that has had the first message of the other side: what asks for a cookie, or a server's hello.
    fn begun() -> Repeats {
        let mut repeats = Repeats::default();
        assert!(!repeats.came(&message(2, 0, 0)));
        repeats
    }

    fn changed() -> Vec<u8> {
        record(CHANGE_CIPHER_SPEC, 0, 9, &[1])
    }

    #[test]
    fn what_is_here_already_is_kept_back_under_whatever_record_number() {
        let mut repeats = begun();
        assert!(!repeats.came(&message(CLIENT_HELLO, 1, 1)));
        assert!(repeats.came(&message(CLIENT_HELLO, 1, 2)) && repeats.came(&message(CLIENT_HELLO, 1, 3)));
        let both = [message(CLIENT_HELLO, 1, 4), message(CERTIFICATE, 2, 5)].concat();
        assert!(!repeats.came(&both), "half of it is new");
        assert!(repeats.came(&both));
    }

    #[test]
    fn what_comes_before_the_first_message_counts_as_lost() {
        let mut repeats = Repeats::default();
        assert!(repeats.came(&message(CERTIFICATE, 2, 1)) && repeats.came(&message(CERTIFICATE, 2, 1)));
        let from_the_first = [message(2, 0, 1), message(CERTIFICATE, 1, 2)].concat();
        assert!(!repeats.came(&from_the_first) && !repeats.came(&message(CERTIFICATE, 2, 1)));
        assert!(repeats.came(&message(CERTIFICATE, 2, 1)));
        let mut elsewhere = Repeats::default();
        let kept = (2..100).filter(|n| elsewhere.came(&message(CERTIFICATE, *n, *n))).count();
        assert_eq!(kept, EARLY, "it came by another way");
    }

    #[test]
    fn a_hello_without_a_cookie_may_come_again() {
        let mut repeats = Repeats::default();
        assert!(!repeats.came(&message(CLIENT_HELLO, 0, 0)) && !repeats.came(&message(CLIENT_HELLO, 0, 1)));
    }

    #[test]
    fn a_server_that_has_finished_hears_repeats_and_a_client_does_not() {
        let (mut server, mut client) = (begun(), begun());
        server.came(&message(CLIENT_HELLO, 1, 1));
        for end in [&mut server, &mut client] {
            assert!(!end.came(&message(CERTIFICATE, 2, 2)) && end.came(&message(CERTIFICATE, 2, 3)));
            end.sent(&message(CERTIFICATE, 2, 2));
            assert!(end.came(&message(CERTIFICATE, 2, 4)), "our part is not at its end");
            end.sent(&[message(CERTIFICATE, 2, 3), changed()].concat());
        }
        assert!(!server.came(&message(CERTIFICATE, 2, 5)), "the client lacks our last part");
        assert!(client.came(&message(CERTIFICATE, 2, 5)), "the server lacks ours, and waits for it");
    }

    #[test]
    fn what_is_encrypted_or_no_handshake_or_cut_passes() {
        let mut repeats = begun();
        let secret = record(HANDSHAKE, 1, 0, &[7; 24]);
        let cut = &message(CERTIFICATE, 2, 1)[..20];
        let behind = [message(CERTIFICATE, 2, 1), vec![22, 1, 2]].concat();
        let ends = [message(FINISHED, 3, 1), changed()].concat();
        for datagram in [&secret[..], cut, &behind, &ends, &changed(), &[], &[22]] {
            assert!(!repeats.came(datagram) && !repeats.came(datagram), "{datagram:?}");
        }
        assert!(concerns(&ends) && concerns(&changed()) && !concerns(&[0x80, 1]) && !concerns(&[]));
    }

    #[test]
    fn what_is_put_off_is_of_an_epoch_that_never_comes() {
        let mut both = [message(CLIENT_HELLO, 1, 4), changed(), vec![22, 1, 2]].concat();
        put_off(&mut both);
        assert_eq!(records(&both).map(|(_, epoch, _)| epoch).collect::<Vec<_>>(), [u16::MAX; 2]);
        assert_eq!(both.len(), message(CLIENT_HELLO, 1, 4).len() + changed().len() + 3);
    }

    #[test]
    fn it_remembers_so_much() {
        let mut repeats = begun();
        for n in 1..=255 {
            repeats.came(&message(CERTIFICATE, n, n));
        }
        assert_eq!(repeats.seen.len(), MOST);
        assert!(!repeats.came(&message(CERTIFICATE, 255, 1)), "passes, for it is not remembered");
    }
}
