//! Floor 1: calls, as pure machines without a socket, clock or thread.
//!
//! [`lifecycle`] is the life of a call from the click to its outcome. Time is an argument; what is to be done comes
//! out by `poll()`.

pub mod lifecycle;
