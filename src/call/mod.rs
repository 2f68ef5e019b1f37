//! Floor 1: calls, as pure machines without a socket, clock or thread.
//!
//! [`lifecycle`] is the life of a call from the click to its outcome, [`negotiation`] how two peer connections agree on
//! their media; [`chat`] and [`control`] are what both sides say to each other over data channels. Time is an argument;
//! what is to be done comes out by `poll()`.

pub mod chat;
pub mod control;
pub mod lifecycle;
pub mod negotiation;
