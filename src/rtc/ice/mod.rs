//! ICE in the world as it is: servers by name, relays over UDP, TCP and TLS, networks that block or change, servers that
//! are down.
//!
//! | part | what |
//! |---|---|
//! | [`url`], [`server`] | the list of servers, read and checked before anything is built with it |
//! | `directory`, `line` | the servers of one peer and how they fare; pure, but for one queue |
//! | [`framing`], [`stun`] | TURN on a stream; as much of STUN as it takes to watch a server |
//! | `network`, `socket`, `tunnel`, `tls` | the edge: what the connection takes for sockets and the DNS |
//! | `interfaces` | which addresses of this machine are tried |
//! | `candidates`, `mdns` | what of our candidates goes out; names in those of browsers |
//! | `checks`, `cookie`, `repeats` | round trips that the beginning of a call need not take, and repeats that would end it |
//!
//! The WebRTC crate speaks TURN over UDP only, looks names up on the task that does everything else, waits half a minute
//! for a silent relay (and then never ends the gathering), reads no IPv6 relay and says of a refused password only to
//! its log. All of that is gone round from outside: it gets invented names for the servers and sockets of ours.

mod candidates;
mod checks;
mod cookie;
mod directory;
pub mod framing;
mod interfaces;
mod line;
mod mdns;
mod network;
mod repeats;
pub mod server;
mod socket;
pub mod stun;
mod tls;
mod tunnel;
pub mod url;

pub(crate) use candidates::shown;
pub use directory::{ServerFailure, ServerTrouble};
pub(crate) use interfaces::EveryInterface;
pub(crate) use mdns::{name_in, named_in};
pub(crate) use network::Network;
pub(crate) use tls::Trust;
