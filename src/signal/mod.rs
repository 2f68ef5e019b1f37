//! Floor 1: signaling, as pure machines without a socket, clock or thread.
//!
//! [`message`] is the protocol (its documentation is the specification), [`envelope`] what one person signs for
//! another, [`room`] what one signs for a room, [`key`] the keys, [`limits`] every bound. [`client::Client`] and [`hub::Hub`] are the two machines; both
//! have the verbs `handle(now, input)`, `poll()` and `deadline()`, so a whole world of them runs in one test.
//!
//! Invariants: the hub is not trusted: nothing that came through it is used before its signature, addressee, expiry
//! and sequence were checked ([`envelope::Guard`]); the hub keeps nothing for people who are not there; everything
//! has a bound.

pub mod client;
pub mod envelope;
pub mod hub;
pub mod key;
pub mod limits;
pub mod message;
pub mod room;
