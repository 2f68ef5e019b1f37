//! The session manager against real browsers: every row of the component contract that crosses the wire, both ways.
//!
//! They need a browser, so plain `make test` leaves them out: `make test-browser` installs it and runs them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
#![allow(clippy::print_stdout, reason = "what is skipped is said")]
#![cfg(unix)]

mod browser_world;
mod common;

#[path = "browser/channels.rs"]
mod channels;
#[path = "browser/firefox.rs"]
mod firefox;
#[path = "browser/media.rs"]
mod media;
#[path = "browser/negotiation.rs"]
mod negotiation;
#[path = "browser/peers.rs"]
mod peers;
