//! Floor 1: calls, as pure machines without a socket, clock or thread.
//!
//! [`lifecycle`] is the life of a call from the click to its outcome, [`room`] how several become the legs of one call,
//! [`negotiation`] how two peer connections agree on their media; [`chat`] and [`control`] are what both sides say to each
//! other over data channels, and [`transfer`] how files go from one to the other;
//! [`ranking`] is which device is used as they come and go, [`quality`] how good a path is and whose fault it is, [`budget`]
//! what goes to whom over one uplink. Time is an argument;
//! what is to be done comes out by `poll()`.

pub mod budget;
pub mod chat;
pub mod control;
pub mod lifecycle;
pub mod negotiation;
pub mod quality;
pub mod ranking;
pub mod room;
pub mod transfer;
