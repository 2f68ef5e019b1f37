//! How much may be sent, and when: a congestion controller and a pacer.
//!
//! Sans-I/O; time is an argument. [`controller`] reads what the receiver says of every packet (transport-wide feedback,
//! draft-holmer-rmcat-transport-wide-cc-extensions-01) and decides on a rate; [`pacer`] lets packets go at that rate, in
//! strict order: sound at once, then what is sent again, then pictures. Below them: [`history`] (what is under
//! way), `path` (queue and delivery, from arrival times), `loss`, `probe`, `others` (somebody else's queue), `pace`. Where the receiver
//! reports on no single packet, [`sparse`] decides by the little it says.
//!
//! Invariants: sound never waits; the queue of the network is kept short, not full; loss alone, without delay, is taken
//! for the network's own and costs no rate; memory is bounded by what can be under way in [`history::KEPT`].

pub mod controller;
pub mod history;
mod limits;
mod loss;
mod others;
mod pace;
pub mod pacer;
mod path;
mod phase;
mod probe;
pub mod sparse;
mod window;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
