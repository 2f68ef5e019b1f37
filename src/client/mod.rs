//! Floor 6: the application. One actor joins signaling, calls and the session; whoever drives it (the window, the
//! headless command line, a test) holds a [`Handle`] and nothing else.

mod dial;
pub mod handle;
pub mod signaling;

pub use handle::{Desk, Handle, Refused};
