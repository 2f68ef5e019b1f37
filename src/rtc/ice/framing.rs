//! TURN on a stream (RFC 8656 §3.1 and §12.5, RFC 5766 §11.5): STUN messages carry their own length, ChannelData is
//! padded to four bytes. A pure codec: bytes in any pieces go in, datagrams as they would be on UDP come out.
//!
//! Invariants: what comes out is what one end's datagrams were, whatever the pieces; a stream that cannot be TURN ends
//! with a cause at its first wrong byte; no more than one message of 64 KiB and one read are ever held.

use bytes::{Buf, Bytes, BytesMut};

/// STUN's fixed second word (RFC 8489 §5).
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// Bytes before a STUN message's attributes, and before ChannelData's payload.
const STUN_HEADER: usize = 20;
const CHANNEL_HEADER: usize = 4;

/// Why bytes are no TURN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Neither STUN nor ChannelData begins like this.
    #[error("a message begins with {0:#04x}, which is neither STUN nor ChannelData")]
    Start(u8),
    /// STUN without its cookie.
    #[error("a STUN message lacks its magic cookie")]
    Cookie,
    /// RFC 8489 §5: attributes are padded to four bytes.
    #[error("a STUN message says that it is {0} bytes long, which is no multiple of four")]
    Length(usize),
}

/// What a message's first bytes say.
enum Head {
    /// Too few bytes to tell.
    Short,
    /// Bytes of the message, and those with its padding.
    Whole { message: usize, padded: usize },
}

fn head(bytes: &[u8]) -> Result<Head, Malformed> {
    let Some(&first) = bytes.first() else { return Ok(Head::Short) };
    let stun = match first >> 6 {
        0 => true,
        1 => false,
        _ => return Err(Malformed::Start(first)),
    };
    let Some(length) = bytes.get(2..4).map(|length| usize::from(u16::from_be_bytes([length[0], length[1]]))) else {
        return Ok(Head::Short);
    };
    if !stun {
        let message = CHANNEL_HEADER + length;
        return Ok(Head::Whole { message, padded: message.next_multiple_of(4) });
    }
    if !length.is_multiple_of(4) {
        return Err(Malformed::Length(length));
    }
    let cookie = bytes.get(4..8.min(bytes.len())).unwrap_or_default();
    if !COOKIE.starts_with(cookie) {
        return Err(Malformed::Cookie);
    }
    Ok(Head::Whole { message: STUN_HEADER + length, padded: STUN_HEADER + length })
}

/// Writes a datagram as it goes on a stream.
///
/// # Errors
/// [`Malformed`] where it is no TURN message; nothing is written then. One whose length does not fit its header counts
/// as [`Malformed::Length`].
pub fn frame(datagram: &[u8], out: &mut BytesMut) -> Result<(), Malformed> {
    match head(datagram)? {
        Head::Whole { message, padded } if message == datagram.len() => {
            out.extend_from_slice(datagram);
            out.resize(out.len() + padded - message, 0);
            Ok(())
        }
        // ChannelData on UDP may come padded or not (RFC 8656 §12.5)
        Head::Whole { padded, .. } if padded == datagram.len() => {
            out.extend_from_slice(datagram);
            Ok(())
        }
        _ => Err(Malformed::Length(datagram.len())),
    }
}

/// Finds the datagrams in a stream.
#[derive(Debug, Default)]
pub struct Deframer {
    held: BytesMut,
    broken: Option<Malformed>,
}

impl Deframer {
    /// Takes what was read, in any pieces.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.held.extend_from_slice(bytes);
        }
    }

    /// The next whole datagram, without padding; `None` until more is there.
    ///
    /// # Errors
    /// [`Malformed`], from then on always: there is no way to find the next message.
    pub fn pop(&mut self) -> Result<Option<Bytes>, Malformed> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        match head(&self.held) {
            Ok(Head::Whole { message, padded }) if self.held.len() >= padded => {
                let datagram = self.held.split_to(message).freeze();
                self.held.advance(padded - message);
                Ok(Some(datagram))
            }
            Ok(_) => Ok(None),
            Err(broken) => {
                self.broken = Some(broken);
                self.held.clear();
                Err(broken)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stun(attributes: &[u8]) -> Vec<u8> {
        let mut message = vec![0, 1, 0, 0];
        message[2..4].copy_from_slice(&(attributes.len() as u16).to_be_bytes());
        message.extend(COOKIE);
        message.extend([7; 12]);
        message.extend(attributes);
        message
    }

    fn channel(number: u16, payload: &[u8]) -> Vec<u8> {
        let mut message = number.to_be_bytes().to_vec();
        message.extend((payload.len() as u16).to_be_bytes());
        message.extend(payload);
        message
    }

    fn messages() -> impl Strategy<Value = Vec<u8>> {
        let bytes = proptest::collection::vec(any::<u8>(), 0..200);
        prop_oneof![
            bytes.clone().prop_map(|mut attributes| {
                attributes.truncate(attributes.len() / 4 * 4);
                stun(&attributes)
            }),
            (0x4000u16..0x8000, bytes).prop_map(|(number, payload)| channel(number, &payload)),
        ]
    }

    #[test]
    fn channel_data_is_padded_on_a_stream_and_comes_out_as_it_was() {
        let mut stream = BytesMut::new();
        frame(&channel(0x4001, b"hello"), &mut stream).unwrap();
        assert_eq!(stream.len(), 12);
        let mut deframer = Deframer::default();
        deframer.push(&stream);
        assert_eq!(deframer.pop().unwrap().unwrap(), channel(0x4001, b"hello"));
        assert_eq!(deframer.pop(), Ok(None));
    }

    #[test]
    fn what_is_no_turn_ends_the_stream_with_its_cause() {
        let mut deframer = Deframer::default();
        deframer.push(b"\x16\x03\x01"); // a TLS hello
        assert_eq!(deframer.pop(), Ok(None), "it could be STUN so far");
        deframer.push(b"\x02\x00\x01");
        assert!(deframer.pop().is_err());
        deframer.push(&stun(&[]));
        assert!(deframer.pop().is_err(), "and it does not recover");
        let mut deframer = Deframer::default();
        deframer.push(b"HTTP/1.1 400 Bad Request\r\n");
        assert!(matches!(deframer.pop(), Ok(None) | Err(_)));
        let mut deframer = Deframer::default();
        deframer.push(&[0x80]);
        assert_eq!(deframer.pop(), Err(Malformed::Start(0x80)));
    }

    #[test]
    fn only_turn_goes_onto_the_stream() {
        let mut out = BytesMut::new();
        assert!(frame(&[0x80, 1, 2, 3], &mut out).is_err());
        assert!(frame(&[], &mut out).is_err());
        assert!(frame(&stun(&[0; 8])[..24], &mut out).is_err(), "half a message");
        assert!(out.is_empty());
    }

    proptest! {
        #[test]
        fn datagrams_survive_any_cutting_of_the_stream(
            sent in proptest::collection::vec(messages(), 0..20),
            cuts in proptest::collection::vec(1usize..300, 1..200),
        ) {
            let mut stream = BytesMut::new();
            for message in &sent {
                frame(message, &mut stream).unwrap();
            }
            let mut deframer = Deframer::default();
            let mut came = Vec::new();
            let mut cuts = cuts.iter().cycle();
            while !stream.is_empty() {
                let piece = stream.split_to((*cuts.next().unwrap()).min(stream.len()));
                deframer.push(&piece);
                while let Some(datagram) = deframer.pop().unwrap() {
                    came.push(datagram.to_vec());
                }
            }
            prop_assert_eq!(came, sent);
        }

        #[test]
        fn no_bytes_make_it_panic_or_hold_more_than_a_message(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..100), 0..50),
        ) {
            let mut deframer = Deframer::default();
            for piece in pieces {
                deframer.push(&piece);
                while let Ok(Some(datagram)) = deframer.pop() {
                    prop_assert!(datagram.len() >= 4);
                }
                prop_assert!(deframer.held.len() <= 65_536 + 24 + 100);
            }
        }
    }
}
