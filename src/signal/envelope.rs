//! What one person signs for another: [`Envelope::seal`] on one side, [`Guard::open`] on the other. The server between
//! them can drop or delay one, and nothing else. Members and signed bytes: see [`message`](super::message).

use std::collections::{HashMap, VecDeque};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::key::{KeyPair, PublicKey, Signature};
use super::limits::{CLOCK_SKEW, ENVELOPE_LIFE, REMEMBERED_CALLS, VERSION};
use crate::model::body::{Body, BodyError};
use crate::model::id::{CallId, PeerId};

/// One signed message about one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Version of the protocol.
    pub v: u32,
    /// Sender.
    pub from: PeerId,
    /// Addressee.
    pub to: PeerId,
    /// The call it is about.
    pub call: CallId,
    /// Counts what the sender says to the addressee about this call, from 1.
    pub seq: u64,
    /// Last second it is valid, since 1970, by the sender's clock.
    pub expires: u64,
    /// [`Body::kind`].
    pub kind: String,
    /// [`Body::to_text`].
    pub body: String,
    /// Public key of the sender.
    pub key: PublicKey,
    /// Over [`Envelope::signed_bytes`].
    pub sig: Signature,
}

/// What came out of an envelope that passed every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Who said it: proven.
    pub from: PeerId,
    /// Their key, to be remembered.
    pub key: PublicKey,
    /// About which call.
    pub call: CallId,
    /// What.
    pub body: Body,
}

/// Why an envelope was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EnvelopeError {
    /// Another version of the protocol.
    #[error("the envelope is of another version; update the older of the two programs")]
    Version,
    /// Not for us, or from ourselves.
    #[error("the envelope is for somebody else")]
    Misaddressed,
    /// Key, ID and signature do not fit together.
    #[error("the envelope is forged")]
    Forged,
    /// Too old, or from the future.
    #[error("the envelope is out of date; if this happens often, set this computer's clock")]
    Expired,
    /// Seen before, or out of order.
    #[error("the envelope was played again")]
    Replayed,
    /// Well signed, but its content is not understood.
    #[error("the envelope's content is not understood; the other program may be newer")]
    Body,
}

impl Envelope {
    /// Writes and signs one.
    pub fn seal(keys: &KeyPair, to: PeerId, call: CallId, seq: u64, expires: u64, body: &Body) -> Self {
        let mut envelope = Self {
            v: VERSION,
            from: keys.id(),
            to,
            call,
            seq,
            expires,
            kind: body.kind().to_owned(),
            body: body.to_text(),
            key: keys.public(),
            sig: Signature::from_bytes([0; 64]),
        };
        envelope.sig = keys.sign(&envelope.signed_bytes());
        envelope
    }

    /// The bytes its sender signs: everything it says, in eight lines.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let hash = HEXLOWER.encode(&Sha256::digest(self.body.as_bytes()));
        let Self { from, to, call, seq, expires, kind, .. } = self;
        format!("visavis envelope 1\n{from}\n{to}\n{call}\n{seq}\n{expires}\n{kind}\n{hash}").into_bytes()
    }

    /// Everything but the sequence; the cheap checks come first.
    fn check(&self, unix: u64, me: PeerId) -> Result<(), EnvelopeError> {
        if self.v != VERSION {
            return Err(EnvelopeError::Version);
        }
        if self.to != me || self.from == me {
            return Err(EnvelopeError::Misaddressed);
        }
        let alive = unix.saturating_sub(CLOCK_SKEW)..=unix.saturating_add(ENVELOPE_LIFE + CLOCK_SKEW);
        if !alive.contains(&self.expires) {
            return Err(EnvelopeError::Expired);
        }
        let word = (1..=32).contains(&self.kind.len()) && self.kind.bytes().all(|b| matches!(b, b'a'..=b'z' | b'_'));
        if !word || self.key.id() != self.from || !self.key.verify(&self.signed_bytes(), &self.sig) {
            return Err(EnvelopeError::Forged);
        }
        Ok(())
    }
}

/// What was dropped, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// [`EnvelopeError::Version`].
    pub version: u64,
    /// [`EnvelopeError::Misaddressed`].
    pub misaddressed: u64,
    /// [`EnvelopeError::Forged`].
    pub forged: u64,
    /// [`EnvelopeError::Expired`].
    pub expired: u64,
    /// [`EnvelopeError::Replayed`].
    pub replayed: u64,
    /// [`EnvelopeError::Body`].
    pub body: u64,
}

/// Opens envelopes, each at most once.
///
/// It remembers the last sequence of each call for as long as an envelope of it could still be valid. Beyond
/// [`REMEMBERED_CALLS`] it forgets the call heard of first, and refuses from then on calls it does not know whose
/// envelopes do not outlive everything it has forgotten: under a flood it errs towards refusing, never towards
/// accepting twice.
#[derive(Debug)]
pub struct Guard {
    me: PeerId,
    last: HashMap<(PeerId, CallId), (u64, u64)>,
    order: VecDeque<(PeerId, CallId)>,
    forgotten: u64,
    most: usize,
    dropped: Dropped,
}

impl Guard {
    /// Of the person `me`.
    pub fn new(me: PeerId) -> Self {
        Self::with_memory(me, REMEMBERED_CALLS)
    }

    fn with_memory(me: PeerId, most: usize) -> Self {
        let (last, order) = Default::default();
        Self { me, last, order, forgotten: 0, most, dropped: Dropped::default() }
    }

    /// Checks everything, remembers the sequence, and only then reads the body. `unix`: our clock, seconds since 1970.
    ///
    /// # Errors
    /// [`EnvelopeError`]: it is counted, and nothing of it may be used.
    pub fn open(&mut self, envelope: &Envelope, unix: u64) -> Result<Verified, EnvelopeError> {
        let opened = self.open_uncounted(envelope, unix);
        match opened {
            Ok(_) => {}
            Err(EnvelopeError::Version) => self.dropped.version += 1,
            Err(EnvelopeError::Misaddressed) => self.dropped.misaddressed += 1,
            Err(EnvelopeError::Forged) => self.dropped.forged += 1,
            Err(EnvelopeError::Expired) => self.dropped.expired += 1,
            Err(EnvelopeError::Replayed) => self.dropped.replayed += 1,
            Err(EnvelopeError::Body) => self.dropped.body += 1,
        }
        opened
    }

    fn open_uncounted(&mut self, envelope: &Envelope, unix: u64) -> Result<Verified, EnvelopeError> {
        envelope.check(unix, self.me)?;
        self.remember(envelope, unix)?;
        match Body::from_text(&envelope.kind, &envelope.body) {
            Ok(body) => Ok(Verified { from: envelope.from, key: envelope.key, call: envelope.call, body }),
            Err(BodyError::UnknownKind | BodyError::Malformed | BodyError::TooLong) => Err(EnvelopeError::Body),
        }
    }

    fn remember(&mut self, envelope: &Envelope, unix: u64) -> Result<(), EnvelopeError> {
        let key = (envelope.from, envelope.call);
        if let Some((seq, expires)) = self.last.get_mut(&key) {
            if envelope.seq <= *seq {
                return Err(EnvelopeError::Replayed);
            }
            *seq = envelope.seq;
            *expires = (*expires).max(envelope.expires);
            return Ok(());
        }
        if envelope.seq == 0 || envelope.expires <= self.forgotten {
            return Err(EnvelopeError::Replayed);
        }
        // What can no longer be valid need not be remembered; what is long alive stays in place.
        while let Some(oldest) = self.order.front().copied() {
            let (_, expires) = self.last.get(&oldest).copied().unwrap_or_default();
            let dead = expires.saturating_add(CLOCK_SKEW) < unix;
            if !dead && self.order.len() < self.most {
                break;
            }
            self.order.pop_front();
            self.last.remove(&oldest);
            if !dead {
                self.forgotten = self.forgotten.max(expires);
            }
        }
        self.last.insert(key, (envelope.seq, envelope.expires));
        self.order.push_back(key);
        Ok(())
    }

    /// What was dropped so far.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: u64 = 1_790_000_000;

    fn pair() -> (KeyPair, KeyPair) {
        (KeyPair::from_seed([1; 32]), KeyPair::from_seed([2; 32]))
    }

    fn ring(seq: u64) -> Envelope {
        let (a, b) = pair();
        let body = Body::Ring {
            video: true,
            name: "Noor".into(),
            sdp: "v=0 a=fingerprint:sha-256 AA".into(),
            room: None,
            proof: None,
        };
        Envelope::seal(&a, b.id(), CallId([7; 16]), seq, NOW + ENVELOPE_LIFE, &body)
    }

    fn guard() -> Guard {
        Guard::new(pair().1.id())
    }

    #[test]
    fn a_good_one_is_opened_once() {
        let mut guard = guard();
        let opened = guard.open(&ring(1), NOW).unwrap();
        assert_eq!((opened.from, opened.call), (pair().0.id(), CallId([7; 16])));
        assert_eq!(guard.open(&ring(1), NOW), Err(EnvelopeError::Replayed));
        assert!(guard.open(&ring(3), NOW).is_ok());
        assert_eq!(guard.open(&ring(2), NOW), Err(EnvelopeError::Replayed));
        assert_eq!(guard.dropped().replayed, 2);
    }

    #[test]
    fn it_survives_the_wire() {
        let text = serde_json::to_string(&ring(1)).unwrap();
        assert!(guard().open(&serde_json::from_str(&text).unwrap(), NOW).is_ok());
    }

    #[test]
    fn every_member_is_bound_by_the_signature() {
        let (_, b) = pair();
        let stranger = KeyPair::from_seed([9; 32]);
        type Change = (&'static str, fn(&mut Envelope));
        let changes: [Change; 7] = [
            ("call", |e| e.call = CallId([8; 16])),
            ("seq", |e| e.seq += 1),
            ("expires", |e| e.expires -= 1),
            ("kind", |e| e.kind = "accept".into()),
            ("description", |e| e.body = e.body.replace("AA", "BB")),
            ("from", |e| e.from = KeyPair::from_seed([9; 32]).id()),
            ("key", |e| e.key = KeyPair::from_seed([9; 32]).public()),
        ];
        for (what, change) in changes {
            let mut forged = ring(1);
            change(&mut forged);
            assert_eq!(Guard::new(b.id()).open(&forged, NOW), Err(EnvelopeError::Forged), "{what}");
        }
        // Signed by a stranger in the sender's name.
        let mut forged = ring(1);
        forged.sig = stranger.sign(&forged.signed_bytes());
        assert_eq!(guard().open(&forged, NOW), Err(EnvelopeError::Forged));
        // Redirected to somebody it was not written for.
        let mut redirected = ring(1);
        redirected.to = stranger.id();
        assert_eq!(Guard::new(stranger.id()).open(&redirected, NOW), Err(EnvelopeError::Forged));
        assert_eq!(guard().open(&redirected, NOW), Err(EnvelopeError::Misaddressed));
        // Reflected to its own sender.
        assert_eq!(Guard::new(pair().0.id()).open(&ring(1), NOW), Err(EnvelopeError::Misaddressed));
    }

    #[test]
    fn it_lives_as_long_as_two_clocks_may_differ() {
        let expires = NOW + ENVELOPE_LIFE;
        assert!(guard().open(&ring(1), expires + CLOCK_SKEW).is_ok());
        assert_eq!(guard().open(&ring(1), expires + CLOCK_SKEW + 1), Err(EnvelopeError::Expired));
        assert!(guard().open(&ring(1), NOW - CLOCK_SKEW).is_ok());
        assert_eq!(guard().open(&ring(1), NOW - CLOCK_SKEW - 1), Err(EnvelopeError::Expired));
    }

    #[test]
    fn a_later_kind_is_told_from_a_forged_one() {
        let (a, _) = pair();
        let mut later = ring(1);
        later.kind = "dance".into();
        later.sig = a.sign(&later.signed_bytes());
        assert_eq!(guard().open(&later, NOW), Err(EnvelopeError::Body));
    }

    #[test]
    fn a_flood_of_calls_opens_no_door_for_replays() {
        let (a, b) = pair();
        let mut guard = Guard::with_memory(b.id(), 4);
        let call = |n: u8, at: u64| Envelope::seal(&a, b.id(), CallId([n; 16]), 1, at + ENVELOPE_LIFE, &Body::Busy);
        for n in 0..10 {
            assert!(guard.open(&call(n, NOW + u64::from(n)), NOW + u64::from(n)).is_ok());
        }
        for n in 0..10 {
            assert_eq!(guard.open(&call(n, NOW + u64::from(n)), NOW + 10), Err(EnvelopeError::Replayed), "{n}");
        }
        assert!(guard.last.len() <= 4 && guard.order.len() <= 4);
    }

    proptest! {
        #[test]
        fn no_two_openings_of_one_envelope(order in proptest::collection::vec((0u8..6, 1u64..6), 1..60), memory in 1usize..5) {
            let (a, b) = pair();
            let mut guard = Guard::with_memory(b.id(), memory);
            let mut opened = std::collections::HashSet::new();
            for (call, seq) in order {
                let envelope = Envelope::seal(&a, b.id(), CallId([call; 16]), seq, NOW + u64::from(call), &Body::Ringing);
                if guard.open(&envelope, NOW).is_ok() {
                    prop_assert!(opened.insert((call, seq)));
                }
            }
        }
    }
}
