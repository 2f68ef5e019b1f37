//! As much of STUN (RFC 8489 §5, RFC 8656 §18) as it takes to see, from outside, how a server takes what we ask it:
//! header, transaction, error code, whether a request carried credentials. A pure reader; nothing is believed of it but
//! what to tell the user.

use bytes::{BufMut, Bytes, BytesMut};

/// A request's name: RFC 8489 §5.
pub type Transaction = [u8; 12];

const COOKIE: u32 = 0x2112_A442;
const USERNAME: u16 = 0x0006;
const ERROR_CODE: u16 = 0x0009;
const REALM: u16 = 0x0014;
const NONCE: u16 = 0x0015;

/// RFC 8489 §17.1, RFC 8656 §17.
const BINDING: u16 = 0x001;
const ALLOCATE: u16 = 0x003;

/// RFC 8489 §5: two bits, spread over the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Wants an answer.
    Request,
    /// Wants none.
    Indication,
    /// It was done.
    Success,
    /// It was not.
    Error,
}

/// What a message says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Request, answer or neither.
    pub class: Class,
    /// Binding, Allocate, …
    pub method: u16,
    /// Its name.
    pub transaction: Transaction,
}

/// Looks at a datagram; `None` where it is no STUN message.
pub fn look(datagram: &[u8]) -> Option<Look> {
    let header = datagram.get(..20)?;
    let kind = u16::from_be_bytes([header[0], header[1]]);
    if kind >> 14 != 0 || u32::from_be_bytes(header[4..8].try_into().ok()?) != COOKIE {
        return None;
    }
    let class = match (kind >> 4 & 1) | (kind >> 7 & 2) {
        0 => Class::Request,
        1 => Class::Indication,
        2 => Class::Success,
        _ => Class::Error,
    };
    let method = kind & 0xF | kind >> 1 & 0x70 | kind >> 2 & 0xF80;
    Some(Look { class, method, transaction: header[8..20].try_into().ok()? })
}

impl Look {
    /// Whether it is about an allocation's first step.
    pub fn is_allocate(self) -> bool {
        self.method == ALLOCATE
    }

    /// Whether it asks for our address as the server sees it.
    pub fn is_binding(self) -> bool {
        self.method == BINDING
    }
}

fn attribute(datagram: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = datagram.get(20..)?;
    loop {
        let kind = u16::from_be_bytes(rest.get(..2)?.try_into().ok()?);
        let length = usize::from(u16::from_be_bytes(rest.get(2..4)?.try_into().ok()?));
        let value = rest.get(4..4 + length)?;
        if kind == wanted {
            return Some(value);
        }
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
}

/// Whether a request carries a user name, and with it credentials.
pub fn has_credentials(datagram: &[u8]) -> bool {
    attribute(datagram, USERNAME).is_some()
}

/// Code (300…699) and words of an error answer (RFC 8489 §14.8); `None` where it says no such code. The words are cut to 100 letters without control
/// characters: they come from the network and go on a screen.
pub fn error(datagram: &[u8]) -> Option<(u16, String)> {
    let value = attribute(datagram, ERROR_CODE)?;
    let (class, number) = (u16::from(value.get(2)? & 7), u16::from(*value.get(3)?));
    if !(3..=6).contains(&class) || number > 99 {
        return None;
    }
    let words = String::from_utf8_lossy(value.get(4..)?);
    let words = words.chars().filter(|letter| !letter.is_control()).take(100).collect();
    Some((class * 100 + number, words))
}

/// An answer in place of a server that gives none, so that whoever asked stops waiting. To the first, bare Allocate it
/// is a challenge: the client takes that as the reason to send again, which then fails at once.
pub fn refusal(look: Look, authenticated: bool) -> Bytes {
    let challenge = look.is_allocate() && !authenticated;
    let mut attributes = BytesMut::new();
    attributes.put_u16(ERROR_CODE);
    attributes.put_u16(4);
    // 401 Unauthenticated, or 500 Server Error
    attributes.put_u32(if challenge { 0x0401 } else { 0x0500 });
    if challenge {
        for kind in [REALM, NONCE] {
            attributes.put_u16(kind);
            attributes.put_u16(4);
            attributes.put_slice(b"none");
        }
    }
    let method = look.method & 0xF | (look.method & 0x70) << 1 | (look.method & 0xF80) << 2;
    let mut message = BytesMut::new();
    message.put_u16(method | 0x0110);
    message.put_u16(attributes.len() as u16);
    message.put_u32(COOKIE);
    message.put_slice(&look.transaction);
    message.put_slice(&attributes);
    message.freeze()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rtc::stun::attributes::{ATTR_REALM, ATTR_USERNAME};
    use rtc::stun::error_code::{CODE_UNAUTHORIZED, ErrorCodeAttribute};
    use rtc::stun::message::{
        CLASS_ERROR_RESPONSE, CLASS_REQUEST, Getter, METHOD_ALLOCATE, METHOD_BINDING, Message, MessageType, Setter,
        TransactionId,
    };
    use rtc::stun::textattrs::TextAttribute;

    use super::*;

    fn message(parts: &[Box<dyn Setter>]) -> Vec<u8> {
        let mut message = Message::new();
        message.build(parts).unwrap();
        message.raw
    }

    #[test]
    fn the_stacks_own_messages_are_understood() {
        let id = TransactionId([9; 12]);
        let asked = message(&[
            Box::new(id),
            Box::new(MessageType::new(METHOD_ALLOCATE, CLASS_REQUEST)),
            Box::new(TextAttribute::new(ATTR_REALM, "r".to_owned())),
            Box::new(TextAttribute::new(ATTR_USERNAME, "ann".to_owned())),
        ]);
        let seen = look(&asked).unwrap();
        assert_eq!((seen.class, seen.is_allocate(), seen.transaction), (Class::Request, true, [9; 12]));
        assert!(has_credentials(&asked));
        let refused = message(&[
            Box::new(id),
            Box::new(MessageType::new(METHOD_ALLOCATE, CLASS_ERROR_RESPONSE)),
            Box::new(CODE_UNAUTHORIZED),
        ]);
        assert_eq!(look(&refused).unwrap().class, Class::Error);
        assert_eq!(error(&refused).unwrap().0, 401);
        assert!(!has_credentials(&refused));
    }

    #[test]
    fn the_stack_understands_our_refusals() {
        for (method, authenticated, code) in
            [(METHOD_BINDING, false, 500), (METHOD_ALLOCATE, false, 401), (METHOD_ALLOCATE, true, 500)]
        {
            let asked = message(&[Box::new(TransactionId([3; 12])), Box::new(MessageType::new(method, CLASS_REQUEST))]);
            let mut answer = Message::new();
            answer.raw = refusal(look(&asked).unwrap(), authenticated).to_vec();
            answer.decode().unwrap();
            assert_eq!(answer.typ, MessageType::new(method, CLASS_ERROR_RESPONSE));
            assert_eq!(answer.transaction_id.0, [3; 12]);
            let mut said = ErrorCodeAttribute::default();
            said.get_from(&answer).unwrap();
            assert_eq!(said.code.0, code);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), cookie in any::<bool>()) {
            if cookie && bytes.len() >= 8 {
                bytes[4..8].copy_from_slice(&COOKIE.to_be_bytes());
            }
            let _ = (look(&bytes), has_credentials(&bytes));
            if let Some((code, words)) = error(&bytes) {
                prop_assert!(code < 1000 && words.chars().count() <= 100);
            }
        }
    }
}
