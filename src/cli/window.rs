//! `visavis`: the window.

use super::{Common, exit};
use crate::client;

/// Runs until the window is closed; returns the exit code.
pub fn run(common: &Common) -> anyhow::Result<u8> {
    let (handle, running) = client::start(common.config()?).map_err(exit::Exit::from)?;
    drop(handle);
    running.stop();
    Err(exit::Exit::new(exit::WINDOW, "this build has no window; use “visavis headless”").into())
}
