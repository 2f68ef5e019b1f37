//! Connectivity checks (RFC 8445 §7) as they pass a socket: what the agent of the crate below us takes more round trips for
//! than there need be.
//!
//! - It hears no check that comes before the other side's description, and answers none that nominates before its own
//!   check was answered. Whoever sent it asks again much later. So the newest one of each address is kept, and given to it
//!   again at that moment.
//! - It nominates with a second check, a round trip after the first. Between two of our kind the first check nominates at once
//!   (RFC 5245 §8.1.1.2, aggressive nomination, which RFC 8445 lets a controlled agent meet), and the second is answered
//!   here by what the first one brought.
//!
//! Sans-I/O. Only direct paths: what goes by a relay of ours is no check at the socket, and of the other side's addresses
//! those that its answer calls its own are nominated. What is kept is bounded: [`MOST`] of each kind.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use rtc::stun::attributes::{
    ATTR_FINGERPRINT, ATTR_ICE_CONTROLLING, ATTR_MESSAGE_INTEGRITY, ATTR_USE_CANDIDATE, AttrType,
};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_SUCCESS, Message, Setter};
use webrtc::peer_connection::crypto::RTCCryptoProvider;

use super::stun::{self, Class, Transaction};

/// Of what is kept, the newest so many.
const MOST: usize = 32;

/// The other side of our kind whose answer we have: we are the controlling agent.
pub(super) struct Answerer {
    pub password: String,
    /// Its own addresses: none of a relay.
    pub addresses: Vec<SocketAddr>,
    pub crypto: Arc<dyn RTCCryptoProvider>,
}

/// What becomes of a check that is to leave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Check {
    AsItIs,
    /// This does in its place.
    Changed(Bytes),
    /// Nothing does: here is the answer.
    Answered(Bytes),
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// Addresses that have answered one of ours, …
    answered: Vec<SocketAddr>,
    /// … and the newest that came of each that has not.
    asked: Vec<(SocketAddr, Bytes)>,
    /// Those of ours that nominate at once, …
    nominating: Vec<Transaction>,
    /// … and where one was answered, with the answer.
    nominated: Vec<(SocketAddr, Bytes)>,
    /// The agent has had its answer.
    over: bool,
}

/// Whether a datagram may be a check or an answer to one (RFC 7983).
pub(super) fn concerns(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(0 | 1))
}

impl Checks {
    /// A datagram of ours goes to that address; `answerer` where there is one.
    pub fn leaves(&mut self, datagram: &[u8], to: SocketAddr, answerer: Option<&Answerer>) -> Check {
        let Some(answerer) = answerer.filter(|answerer| !self.over && answerer.addresses.contains(&to)) else {
            return Check::AsItIs;
        };
        let Some(look) = stun::look(datagram).filter(|look| look.is_binding() && look.class == Class::Request) else {
            return Check::AsItIs;
        };
        let Some(check) = read(datagram).filter(|check| check.contains(ATTR_ICE_CONTROLLING)) else {
            return Check::AsItIs;
        };
        if check.contains(ATTR_USE_CANDIDATE) {
            let answer = self.nominated.iter().find(|(from, _)| *from == to).and_then(|(_, answer)| read(answer));
            let answer = answer.and_then(|mut answer| {
                answer.transaction_id = check.transaction_id;
                signed(&answer, &[], answerer)
            });
            return answer.map_or(Check::AsItIs, |answer| {
                self.over = true;
                Check::Answered(answer)
            });
        }
        let Some(nominates) = signed(&check, &[ATTR_USE_CANDIDATE], answerer) else { return Check::AsItIs };
        push(&mut self.nominating, look.transaction);
        Check::Changed(nominates)
    }

    /// A datagram came from that address; what is to be given to the agent once more, after it.
    pub fn came(&mut self, datagram: &[u8], from: SocketAddr, answerer: Option<&Answerer>) -> Option<Bytes> {
        let look = stun::look(datagram).filter(|look| look.is_binding())?;
        match look.class {
            Class::Request => {
                if !self.answered.contains(&from) {
                    self.asked.retain(|(address, _)| *address != from);
                    push(&mut self.asked, (from, Bytes::copy_from_slice(datagram)));
                }
                None
            }
            Class::Success => {
                let nominated = self.nominating.contains(&look.transaction);
                if nominated && answerer.is_some_and(|answerer| is_of(datagram, answerer)) {
                    push(&mut self.nominated, (from, Bytes::copy_from_slice(datagram)));
                }
                if !self.answered.contains(&from) {
                    push(&mut self.answered, from);
                }
                let at = self.asked.iter().position(|(address, _)| *address == from)?;
                Some(self.asked.remove(at).1)
            }
            Class::Indication | Class::Error => None,
        }
    }

    /// All that came while nobody could be heard: now their description is here.
    pub fn early(&self) -> impl Iterator<Item = (SocketAddr, Bytes)> {
        self.asked.iter().cloned()
    }
}

fn push<T>(kept: &mut Vec<T>, one: T) {
    if kept.len() == MOST {
        kept.remove(0);
    }
    kept.push(one);
}

fn read(datagram: &[u8]) -> Option<Message> {
    let mut message = Message { raw: datagram.to_vec(), ..Message::default() };
    message.decode().is_ok().then_some(message)
}

/// The same with these empty attributes, signed with the other side's password (RFC 8445 §7.2.2, §7.3: a request by who
/// asks, and an answer by who answers, which is the same one here).
fn signed(message: &Message, more: &[AttrType], answerer: &Answerer) -> Option<Bytes> {
    let mut copy = Message::new();
    copy.typ = message.typ;
    copy.transaction_id = message.transaction_id;
    copy.write_header();
    for attribute in &message.attributes.0 {
        if attribute.typ != ATTR_MESSAGE_INTEGRITY && attribute.typ != ATTR_FINGERPRINT {
            copy.add(attribute.typ, &attribute.value);
        }
    }
    for kind in more {
        copy.add(*kind, &[]);
    }
    let crypto = answerer.crypto.crypto();
    MessageIntegrity::new_short_term_integrity_with_provider(answerer.password.clone(), crypto)
        .add_to(&mut copy)
        .and_then(|()| FINGERPRINT.add_to(&mut copy))
        .ok()?;
    Some(copy.raw.into())
}

/// Whether the answer is the other side's indeed.
fn is_of(datagram: &[u8], answerer: &Answerer) -> bool {
    read(datagram).is_some_and(|mut answer| {
        answer.typ == BINDING_SUCCESS
            && MessageIntegrity::check(&mut answer, answerer.password.as_bytes(), answerer.crypto.crypto()).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use rtc::stun::attributes::ATTR_USERNAME;
    use rtc::stun::message::{BINDING_REQUEST, MessageType, TransactionId};
    use webrtc::peer_connection::crypto::default_provider;

    use super::*;

    const PASSWORD: &str = "of twenty-two letters.";

    fn there() -> SocketAddr {
        "192.0.2.7:5000".parse().unwrap()
    }

    fn answerer() -> Answerer {
        let crypto = default_provider().unwrap();
        Answerer { password: PASSWORD.to_owned(), addresses: vec![there()], crypto }
    }

    /// A message of the stack's own making.
    fn message(typ: MessageType, id: u8, attributes: &[(AttrType, &[u8])], password: &str, of: &Answerer) -> Vec<u8> {
        let mut message = Message::new();
        (message.typ, message.transaction_id) = (typ, TransactionId([id; 12]));
        message.write_header();
        attributes.iter().for_each(|(kind, value)| message.add(*kind, value));
        let crypto = of.crypto.crypto();
        let sign = MessageIntegrity::new_short_term_integrity_with_provider(password.to_owned(), crypto);
        sign.add_to(&mut message).unwrap();
        FINGERPRINT.add_to(&mut message).unwrap();
        message.raw
    }

    fn check(id: u8, controlling: bool, nominates: bool, of: &Answerer) -> Vec<u8> {
        let mut attributes: Vec<(AttrType, &[u8])> = vec![(ATTR_USERNAME, b"them:us")];
        attributes.extend(controlling.then_some((ATTR_ICE_CONTROLLING, &[7; 8][..])));
        attributes.extend(nominates.then_some((ATTR_USE_CANDIDATE, &[][..])));
        message(BINDING_REQUEST, id, &attributes, PASSWORD, of)
    }

    fn answer(id: u8, password: &str, of: &Answerer) -> Vec<u8> {
        message(BINDING_SUCCESS, id, &[], password, of)
    }

    #[test]
    fn the_first_check_nominates_and_the_second_needs_no_round_trip() {
        let (mut checks, of) = (Checks::default(), answerer());
        let Check::Changed(first) = checks.leaves(&check(1, true, false, &of), there(), Some(&of)) else {
            panic!("it goes as it was");
        };
        let mut said = read(&first).unwrap();
        assert!(
            said.contains(ATTR_USE_CANDIDATE) && said.contains(ATTR_ICE_CONTROLLING) && said.contains(ATTR_FINGERPRINT)
        );
        assert_eq!(said.transaction_id, TransactionId([1; 12]));
        assert_eq!(said.get(ATTR_USERNAME).unwrap(), b"them:us");
        MessageIntegrity::check(&mut said, PASSWORD.as_bytes(), of.crypto.crypto()).unwrap();

        let second = check(2, true, true, &of);
        assert_eq!(checks.leaves(&second, there(), Some(&of)), Check::AsItIs, "the first was not answered");
        checks.came(&answer(1, PASSWORD, &of), there(), Some(&of));
        let Check::Answered(brought) = checks.leaves(&second, there(), Some(&of)) else { panic!("it leaves") };
        assert!(is_of(&brought, &of));
        assert_eq!(stun::look(&brought).unwrap().transaction, [2; 12]);
        assert_eq!(
            checks.leaves(&check(3, true, false, &of), there(), Some(&of)),
            Check::AsItIs,
            "only to keep it alive"
        );
    }

    #[test]
    fn an_answer_of_somebody_else_nominates_nothing() {
        let (mut checks, of) = (Checks::default(), answerer());
        checks.leaves(&check(1, true, false, &of), there(), Some(&of));
        checks.came(&answer(1, "guessed, and wrong", &of), there(), Some(&of));
        checks.came(&answer(9, PASSWORD, &of), there(), Some(&of));
        assert_eq!(checks.leaves(&check(2, true, true, &of), there(), Some(&of)), Check::AsItIs);
    }

    #[test]
    fn only_a_controlling_agent_nominates_and_only_own_addresses_of_our_kind() {
        let (mut checks, of) = (Checks::default(), answerer());
        let relay = "198.51.100.3:5002".parse().unwrap();
        assert_eq!(checks.leaves(&check(1, false, false, &of), there(), Some(&of)), Check::AsItIs);
        assert_eq!(checks.leaves(&check(1, true, false, &of), relay, Some(&of)), Check::AsItIs);
        assert_eq!(checks.leaves(&check(1, true, false, &of), there(), None), Check::AsItIs);
        assert_eq!(checks.leaves(&answer(1, PASSWORD, &of), there(), Some(&of)), Check::AsItIs);
        assert_eq!(checks.leaves(&[0, 1, 2], there(), Some(&of)), Check::AsItIs);
    }

    #[test]
    fn what_comes_too_soon_comes_again_when_it_can_be_heard() {
        let (mut checks, of) = (Checks::default(), answerer());
        let asks = |id| check(id, true, true, &of);
        for id in [1, 2] {
            assert_eq!(checks.came(&asks(id), there(), None), None);
        }
        assert_eq!(checks.early().collect::<Vec<_>>(), [(there(), Bytes::from(asks(2)))]);
        let elsewhere = "192.0.2.8:5000".parse().unwrap();
        assert_eq!(checks.came(&answer(5, PASSWORD, &of), elsewhere, None), None);
        assert_eq!(checks.came(&answer(6, PASSWORD, &of), there(), None), Some(asks(2).into()));
        // From now on it hears by itself.
        checks.came(&asks(3), there(), None);
        assert_eq!(checks.came(&answer(7, PASSWORD, &of), there(), None), None);
    }

    #[test]
    fn it_remembers_so_much() {
        let (mut checks, of) = (Checks::default(), answerer());
        for n in 0..200_u8 {
            let from = SocketAddr::from(([192, 0, 2, n], 5000));
            checks.came(&check(n, true, true, &of), from, None);
            checks.came(&answer(n, PASSWORD, &of), SocketAddr::from(([192, 0, 3, n], 5000)), None);
            checks.leaves(&check(n, true, false, &of), there(), Some(&of));
        }
        assert_eq!((checks.asked.len(), checks.answered.len(), checks.nominating.len()), (MOST, MOST, MOST));
    }
}
