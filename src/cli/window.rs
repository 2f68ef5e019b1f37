//! `visavis`: the window.

use super::{Common, exit};
use crate::{client, ui};

/// Runs until the window is closed; returns the exit code.
pub fn run(common: &Common) -> anyhow::Result<u8> {
    let (handle, running) = client::start(common.config()?).map_err(exit::Exit::from)?;
    let shown = ui::run(handle);
    // whatever became of the window: the call is ended in an orderly way
    running.stop();
    shown.map_err(|error| exit::Exit::new(exit::WINDOW, error.to_string()))?;
    Ok(exit::OK)
}
