//! Visavis: native desktop video calls.
//!
//! The house has floors, and a file imports only from its own folder and from lower floors:
//!
//! | floor | modules | what they do |
//! |---|---|---|
//! | 8 | `main`, [`cli`] | arguments → window, headless client or server |
//! | 7 | `ui` | egui: reads a [`model::snapshot::Snapshot`], sends a [`model::command::Command`] |
//! | 6 | [`client`], [`server`] | the application actor; the signaling server's sockets |
//! | 5 | [`session`] | the core session manager: devices, local media, peers; bring your own signaling |
//! | 4 | [`pipeline`] | source → encoder → track, track → decoder → player, the audio thread |
//! | 3 | [`device`], [`rtc`] | edges: cameras, files, patterns, sound; WebRTC. They never see each other |
//! | 2 | [`codec`], [`dsp`] | synchronous processor work: H.264, Opus, colour; levels, mixing, jitter buffer |
//! | 1 | [`call`], [`signal`] | pure machines: the life of a call, chat; wire messages, signaling client and hub |
//! | 0 | [`model`] | nouns |
//!
//! Floors 0 to 2 hold no clock, thread, socket or tokio: time is an argument. `tests/architecture.rs` keeps all this.
//!
//! [`session`] alone is of use to another program: it needs no signaling of ours. Feature `gui` (default) adds the
//! window, cameras and sound cards; without it the same binary is a small headless client and server.

// What .clippy.toml bans is denied on these floors: no clock, thread or task on 0 to 2, no colour of its own in the
// window. Their unit tests may have both.
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod call;
pub mod cli;
pub mod client;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod codec;
pub mod device;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod dsp;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod model;
pub mod pipeline;
pub mod rtc;
pub mod server;
pub mod session;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod signal;
#[cfg(feature = "gui")]
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod ui;
