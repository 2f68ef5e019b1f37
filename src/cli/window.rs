//! `visavis`: the window.

use super::{Common, exit};
use crate::client;

/// Runs until the window is closed; returns the exit code.
pub fn run(common: &Common) -> anyhow::Result<u8> {
    let (handle, running) = client::start(common.config()?).map_err(exit::Exit::from)?;
    let shown = crate::ui::run(handle);
    running.stop();
    match shown {
        Ok(()) => Ok(exit::OK),
        Err(e) => Err(exit::Exit::new(
            exit::WINDOW,
            format!("the window cannot be opened ({e}); where there is no display, use “visavis headless” or “visavis test”"),
        )
        .into()),
    }
}
