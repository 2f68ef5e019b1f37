//! Floor 6: the application. One actor joins signaling, calls and the session; whoever drives it (the window, the
//! headless command line, a test) holds a [`Handle`] and nothing else.
//!
//! ```text
//!              Command ─▶ ┌───────────┐ ◀─▶ signaling ─▶ server        (start: the threads; signaling, dial, embedded)
//!  Handle                 │   actor   │ ◀─▶ call::lifecycle            (calls: what the machine asks for)
//!  (window, JSON Lines)   │           │ ◀─▶ link ─▶ session ─▶ peer    (link: one call's work on the session, in order)
//!  Snapshot, Notice    ◀─ └───────────┘ ◀─▶ echo                       (a second session in the program)
//!                        │        ◀─▶ files ─▶ disk                 (files: a task and a thread of their own)
//!                               └─▶ profile: identity, settings, history
//! ```
//!
//! Invariants: the actor never waits for a network or a device; every wish is answered by a change of the snapshot or
//! by a notice; an idle application wakes up for nothing but its server's keepalive; the end takes three seconds at
//! most.

mod active;
mod actor;
mod calls;
mod chat;
mod comforts;
mod commands;
pub mod config;
mod devices;
mod dial;
mod echo;
mod echo_report;
mod embedded;
mod events;
mod files;
pub mod handle;
pub mod history;
pub mod identity;
mod link;
pub mod preferences;
pub mod profile;
mod quality;
mod rooms;
mod share;
pub mod signaling;
mod start;
mod view;
mod wire;

pub use config::ClientConfig;
pub use handle::{Desk, Handle, Refused};
pub use start::{Running, StartError, start};
