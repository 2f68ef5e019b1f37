//! Floor 3: WebRTC. One [`peer::Peer`] is one peer connection with its media and data channels, on the webrtc crate.
//!
//! What the rest of the program sees is small: JSON descriptions and candidates ([`description`]), encoded media in and
//! out through bounded queues, named data channels ([`channel`]) and figures ([`stats`]). Pure machines with time as an
//! argument are [`assembler`] (RTP packets → access units), [`congestion`] (how much may leave, and when; `outbound` drives
//! it) and [`protection`] of the sound; [`fec`] rebuilds what pictures lost; [`red`] is a parser.
//!
//! Invariants: a peer connection is closed by name, for `Drop` does not close it; handlers that run on the connection's
//! own task only `try_send`; every queue is bounded.

pub mod assembler;
mod burst;
pub mod channel;
mod clock;
pub mod congestion;
pub mod description;
pub mod engine;
pub mod fec;
pub mod foreign;
pub mod ice;
pub mod kept;
mod length;
mod nack;
mod outbound;
pub mod peer;
pub mod protection;
mod ptime;
pub mod rate;
pub mod receiver;
pub mod red;
mod report;
mod rtx;
pub mod sdp;
pub mod sender;
mod sound;
pub mod stats;
mod tally;
pub mod tap;
mod wire;
