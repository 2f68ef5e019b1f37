//! `visavis`: the window.

use super::{Common, exit};
use crate::model::command::Command;
use crate::{client, ui};

/// Runs until the window is closed; returns the exit code.
pub fn run(common: &Common) -> anyhow::Result<u8> {
    let (handle, running) = client::start(common.config()?).map_err(exit::Exit::from)?;
    // Ctrl+C and SIGTERM end it as the window's own button does.
    let signals = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let asked = handle.clone();
    signals.spawn(async move {
        if super::stop::asked().await.is_ok()
            && let Err(refused) = asked.command(Command::Quit)
        {
            tracing::debug!("{refused}");
        }
    });
    let shown = ui::run(handle);
    // whatever became of the window: the call is ended in an orderly way
    running.stop();
    signals.shutdown_background();
    shown.map_err(|error| exit::Exit::new(exit::WINDOW, error.to_string()))?;
    Ok(exit::OK)
}
