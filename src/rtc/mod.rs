//! Floor 3: WebRTC. One [`peer::Peer`] is one peer connection with its media and data channels, on the webrtc crate.
//!
//! What the rest of the program sees is small: JSON descriptions and candidates ([`description`]), encoded media in and
//! out through bounded queues, named data channels ([`channel`]) and figures ([`stats`]). Two parts are pure machines
//! with time as an argument: [`assembler`] (RTP packets → access units) and [`rate`], and [`protection`] of the sound; [`red`] is a
//! parser.
//!
//! Invariants: a peer connection is closed by name, for `Drop` does not close it; handlers that run on the connection's
//! own task only `try_send`; every queue is bounded.

pub mod assembler;
pub mod channel;
pub mod description;
pub mod engine;
pub mod foreign;
pub mod ice;
mod nack;
pub mod peer;
pub mod protection;
pub mod rate;
pub mod receiver;
pub mod red;
mod report;
pub mod sdp;
pub mod sender;
mod sound;
pub mod stats;
pub mod tap;
mod wire;
