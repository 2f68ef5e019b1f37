//! The server's part of a DTLS handshake, without the round trip for a cookie.
//!
//! A cookie proves that the client can be reached at its address (RFC 6347 §4.2.1); the checks of ICE have proved that
//! before the first hello. The crate below us asks for one all the same. So where the client is known to say the same
//! again but for the cookie, we say it in its place: the server goes on at once, and what it asks and what it goes on with
//! reach the client together. The client's own second hello, which is the same to the byte, is then a repeat. Both sides have
//! seen the same handshake, as its end proves.
//!
//! Whoever did not hear all of that hears all of it again: what the server asked first, for a client takes nothing before that.
//! Also kept: a hello that comes before the path is agreed on, which the crate throws away.
//!
//! Sans-I/O. One client; hellos in one piece only; of what the server goes on with [`MOST`] datagrams.

use bytes::Bytes;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const HELLO_VERIFY_REQUEST: u8 = 3;

/// Lengths of the headers of a record (RFC 6347 §4.1) and of a message in it (§4.2.2), bytes.
const RECORD: usize = 13;
const MESSAGE: usize = 12;
/// Datagrams of the server's next part; it has one or two.
const MOST: usize = 6;

/// Version and random of a hello, before the session's ID (RFC 5246 §7.4.1.2), bytes.
const BEFORE_SESSION: usize = 34;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Cookie {
    /// The client's first hello, as it came last.
    hello: Option<Bytes>,
    /// What the cookie was asked for with, once that is done, and what the server went on with.
    said: Vec<Bytes>,
}

/// What is to be done when a datagram of ours leaves.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Leaves {
    /// To be sent before it.
    pub before: Option<Bytes>,
    /// To be heard as if it came from the client.
    pub heard: Option<Bytes>,
}

/// The message that a datagram is, in one record and whole, if it is of this kind.
fn message(datagram: &[u8], kind: u8) -> Option<&[u8]> {
    let (record, body) = datagram.split_at_checked(RECORD)?;
    let length = usize::from(u16::from_be_bytes([record[11], record[12]]));
    let plain = record[0] == HANDSHAKE && record[3..5] == [0, 0] && length == body.len();
    let (header, content) = body.split_at_checked(MESSAGE)?;
    // whole: as long as its only piece, which begins at 0
    let whole = header[1..4] == header[9..12] && header[6..9] == [0; 3];
    let length = usize::from(header[2]) << 8 | usize::from(header[3]);
    (plain && whole && header[0] == kind && header[1] == 0 && length == content.len()).then_some(content)
}

/// Where the cookie of a hello is: its length's place, and that length.
fn place(hello: &[u8]) -> Option<(usize, usize)> {
    let session = usize::from(*hello.get(BEFORE_SESSION)?);
    let at = BEFORE_SESSION + 1 + session;
    Some((at, usize::from(*hello.get(at)?)))
}

/// The hello again with this cookie, as a client says it: its second message, in the next record.
fn with_cookie(datagram: &[u8], cookie: &[u8]) -> Option<Bytes> {
    let hello = message(datagram, CLIENT_HELLO)?;
    let (at, 0) = place(hello)? else { return None };
    let length = hello.len() + cookie.len();
    let mut again = datagram.get(..RECORD + MESSAGE)?.to_vec();
    // What it sent again before, it sent under further numbers: those of records that were seen are thrown away.
    let number = u32::from_be_bytes([again[7], again[8], again[9], again[10]]);
    again[7..11].copy_from_slice(&number.wrapping_add(1).to_be_bytes());
    again[11..13].copy_from_slice(&u16::try_from(MESSAGE + length).ok()?.to_be_bytes());
    let [_, length @ ..] = u32::try_from(length).ok()?.to_be_bytes();
    let header = &mut again[RECORD..];
    header[1..4].copy_from_slice(&length);
    header[5] = 1;
    header[9..12].copy_from_slice(&length);
    again.extend_from_slice(&hello[..at]);
    again.push(u8::try_from(cookie.len()).ok()?);
    again.extend_from_slice(cookie);
    again.extend_from_slice(&hello[at + 1..]);
    Some(again.into())
}

impl Cookie {
    /// A datagram came. Where it is the hello that was answered already, what it was answered with, to be sent again.
    pub fn came(&mut self, datagram: &[u8]) -> &[Bytes] {
        if message(datagram, CLIENT_HELLO).and_then(place).is_none_or(|(_, length)| length > 0) {
            return &[];
        }
        // Another record, and the same message?
        let known = self.hello.as_ref().is_some_and(|hello| hello[RECORD..] == datagram[RECORD..]);
        if !known {
            self.said.clear();
        }
        self.hello = Some(Bytes::copy_from_slice(datagram));
        &self.said
    }

    /// A datagram of ours leaves.
    pub fn leaves(&mut self, datagram: &[u8]) -> Leaves {
        let (mut before, mut heard) = (None, None);
        if self.said.is_empty() {
            heard = self.spoken_for(datagram);
            if heard.is_some() {
                self.said.push(Bytes::copy_from_slice(datagram));
            }
        } else if datagram.first() == Some(&HANDSHAKE) && datagram.get(RECORD) != Some(&HELLO_VERIFY_REQUEST) {
            if datagram.get(RECORD) == Some(&SERVER_HELLO) && self.said.len() > 1 {
                self.said.truncate(1);
                before = self.said.first().cloned();
            }
            if self.said.len() < MOST {
                self.said.push(Bytes::copy_from_slice(datagram));
            }
        }
        Leaves { before, heard }
    }

    /// What the client will say to that.
    fn spoken_for(&self, datagram: &[u8]) -> Option<Bytes> {
        let asks = message(datagram, HELLO_VERIFY_REQUEST)?;
        let length = usize::from(*asks.get(2)?);
        with_cookie(self.hello.as_ref()?, asks.get(3..3 + length)?)
    }

    /// The hello that came and was not answered.
    pub fn early(&self) -> Option<Bytes> {
        self.hello.clone().filter(|_| self.said.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: u8, number: u8, record: u8, content: &[u8]) -> Vec<u8> {
        let (all, length) = ((content.len() + MESSAGE) as u16, content.len() as u8);
        let mut bytes = vec![HANDSHAKE, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, record];
        bytes.extend_from_slice(&all.to_be_bytes());
        bytes.extend_from_slice(&[kind, 0, 0, length, 0, number, 0, 0, 0, 0, 0, length]);
        bytes.extend_from_slice(content);
        bytes
    }

    /// A hello: version, random, no session, this cookie, and what it can.
    fn hello(number: u8, record: u8, random: u8, cookie: &[u8]) -> Vec<u8> {
        let mut content = vec![0xfe, 0xfd];
        content.extend_from_slice(&[random; 32]);
        content.extend_from_slice(&[0, cookie.len() as u8]);
        content.extend_from_slice(cookie);
        content.extend_from_slice(&[0, 2, 0xc0, 0x2b, 1, 0, 0, 0]);
        said(CLIENT_HELLO, number, record, &content)
    }

    fn asks(cookie: &[u8]) -> Vec<u8> {
        let mut content = vec![0xfe, 0xfd, cookie.len() as u8];
        content.extend_from_slice(cookie);
        said(HELLO_VERIFY_REQUEST, 0, 0, &content)
    }

    #[test]
    fn the_client_is_spoken_for_to_the_byte() {
        let mut cookie = Cookie::default();
        assert!(cookie.came(&hello(0, 0, 7, &[])).is_empty());
        let again = cookie.leaves(&asks(&[1, 2, 3])).heard.unwrap();
        assert_eq!(again, hello(1, 1, 7, &[1, 2, 3]));
        assert_eq!(cookie.leaves(&asks(&[1, 2, 3])), Leaves::default(), "once");
        assert!(cookie.came(&again).is_empty(), "what it says itself is nothing new");
    }

    #[test]
    fn a_hello_that_was_lost_before_is_answered_too() {
        let mut cookie = Cookie::default();
        cookie.came(&hello(0, 2, 7, &[]));
        cookie.came(&hello(0, 3, 7, &[]));
        assert_eq!(cookie.leaves(&asks(&[1])).heard.unwrap(), hello(1, 4, 7, &[1]), "record 4, still message 1");
    }

    #[test]
    fn whoever_did_not_hear_all_hears_it_again_and_in_order() {
        let mut cookie = Cookie::default();
        cookie.came(&hello(0, 0, 7, &[]));
        cookie.leaves(&asks(&[1, 2, 3]));
        let went_on = [said(SERVER_HELLO, 1, 1, &[5; 40]), said(11, 2, 2, &[6; 40])];
        for part in &went_on {
            assert_eq!(cookie.leaves(part), Leaves::default());
        }
        let all = [asks(&[1, 2, 3]), went_on[0].clone(), went_on[1].clone()];
        assert_eq!(cookie.came(&hello(0, 1, 7, &[])), all);
        // The server sends its part again by itself.
        assert_eq!(cookie.leaves(&went_on[0]), Leaves { before: Some(asks(&[1, 2, 3]).into()), heard: None });
        assert_eq!(cookie.leaves(&went_on[1]), Leaves::default());
        assert_eq!(cookie.came(&hello(0, 2, 7, &[])), all);
        assert!(cookie.came(&hello(0, 0, 8, &[])).is_empty(), "somebody who begins anew");
        assert!(cookie.leaves(&asks(&[4])).heard.is_some());
    }

    #[test]
    fn what_is_kept_of_the_server_is_bounded() {
        let mut cookie = Cookie::default();
        cookie.came(&hello(0, 0, 7, &[]));
        cookie.leaves(&asks(&[1]));
        for n in 0..100 {
            cookie.leaves(&said(11, n, n, &[6; 40]));
        }
        assert_eq!(cookie.said.len(), MOST);
    }

    #[test]
    fn a_hello_that_came_too_soon_is_there_until_it_was_answered() {
        let mut cookie = Cookie::default();
        assert_eq!(cookie.early(), None);
        cookie.came(&hello(0, 0, 7, &[]));
        assert_eq!(cookie.early(), Some(hello(0, 0, 7, &[]).into()));
        cookie.leaves(&asks(&[1]));
        assert_eq!(cookie.early(), None);
    }

    #[test]
    fn nothing_else_is_taken_for_either() {
        let whole = hello(0, 0, 7, &[]);
        for cut in 0..whole.len() {
            let mut cookie = Cookie::default();
            cookie.came(&whole[..cut]);
            assert_eq!(cookie.leaves(&asks(&[1])), Leaves::default(), "{cut}");
        }
        let mut secret = whole.clone();
        secret[4] = 1;
        let mut piece = whole.clone();
        piece[RECORD + 11] -= 1;
        for other in [secret, piece, said(11, 0, 0, &[0; 60]), [whole.clone(), vec![0]].concat()] {
            let mut cookie = Cookie::default();
            cookie.came(&other);
            assert_eq!(cookie.early(), None, "{other:?}");
        }
        let mut cookie = Cookie::default();
        cookie.came(&whole);
        let mut lies = asks(&[1, 2]);
        lies[RECORD + MESSAGE + 2] = 9;
        assert_eq!(cookie.leaves(&lies), Leaves::default());
    }
}
