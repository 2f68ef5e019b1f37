//! Floor 6: the application. One actor joins signaling, calls and the session; whoever drives it (the window, the
//! headless command line, a test) holds a [`Handle`] and nothing else.

pub mod handle;
pub mod history;
pub mod identity;
pub mod preferences;
pub mod profile;

pub use handle::{Desk, Handle, Refused};
