//! Starting and ending the application: its thread, its runtime, and what can go wrong before there is a window.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::http::Uri;

use super::actor::{Actor, Kept};
use super::config::{ClientConfig, ServerChoice};
use super::handle::{Handle, Refused, pair};
use super::history::{History, HistoryError};
use super::profile::{Profile, ProfileError};
use super::{identity, preferences};
use crate::model::command::Command;
use crate::model::notice::Notice;
use crate::model::snapshot::Snapshot;
use crate::signal::key::KeyPair;

/// How long everything may take to end: the actor's own three seconds, and the runtime's rest.
const STOP: Duration = Duration::from_secs(4);

/// Why the application did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The profile directory or the key.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Not even memory for the history.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The server asked for cannot be one.
    #[error("“{0}” is not the address of a signaling server; it looks like ws://host:47100 or wss://host/path")]
    Server(String),
    /// The settings asked for cannot be.
    #[error("{0}")]
    Settings(String),
    /// The system gives no thread.
    #[error("the program's own thread cannot be started: {0}; close other programs and try again")]
    Thread(#[from] io::Error),
}

/// The running application, to be ended in an orderly way. Dropping it ends it too.
pub struct Running {
    handle: Handle,
    first_notices: Option<broadcast::Receiver<Notice>>,
    finished: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

/// Starts the application: opens the profile here and now, everything else on its own thread.
///
/// # Errors
/// [`StartError`]: nothing runs, nothing was changed.
pub fn start(config: ClientConfig) -> Result<(Handle, Running), StartError> {
    if let ServerChoice::Url(url) = &config.server
        && !is_server_url(url)
    {
        return Err(StartError::Server(url.clone()));
    }
    let profile = Profile::open(&config.profile)?;
    let keys = KeyPair::from_seed(identity::load_or_create(&profile)?);
    let (settings, settings_problem) = preferences::load(&profile);
    preferences::check(&config.overrides.over(&settings)).map_err(StartError::Settings)?;
    let (history, history_problem) = History::open(&profile)?;
    let first =
        Snapshot { id: Some(keys.id()), settings: config.overrides.over(&settings).into(), ..Snapshot::default() };
    let (handle, desk) = pair(first);
    let first_notices = handle.notices(); // before the actor can say anything
    let problems = [("settings", settings_problem), ("history", history_problem)];
    let problems = problems.into_iter().filter_map(|(key, problem)| Some((key, problem?))).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("client-worker")
        .enable_all()
        .build()?;
    let (done, finished) = sync_channel(1);
    let thread = std::thread::Builder::new().name("client".into()).spawn(move || {
        runtime.block_on(async move {
            let kept = Kept { profile, history, settings, problems };
            let (actor, inbox) = Actor::start(config, keys, kept, desk).await;
            actor.run(inbox).await;
        });
        runtime.shutdown_timeout(Duration::from_millis(500));
        let _ = done.send(()); // nobody waits: the program is ending anyway
    })?;
    Ok((handle.clone(), Running { handle, first_notices: Some(first_notices), finished, thread: Some(thread) }))
}

/// Whether this can be the address of a signaling server.
pub(super) fn is_server_url(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("ws" | "wss")) && uri.host().is_some_and(|host| !host.is_empty())
    })
}

impl Running {
    /// All notices from the very start on: [`Handle::notices`] may come a moment late for the first.
    /// The second call gives those from then on.
    pub fn first_notices(&mut self) -> broadcast::Receiver<Notice> {
        self.first_notices.take().unwrap_or_else(|| self.handle.notices())
    }

    /// Ends the application: hangs up, closes devices and sockets, joins every thread. Takes at most about three
    /// seconds.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        let until = Instant::now() + STOP;
        while self.handle.command(Command::Quit) == Err(Refused::Full) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10)); // 64 wishes are before ours
        }
        match self.finished.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Err(RecvTimeoutError::Timeout) => tracing::error!("the application did not end in time; leaving it behind"),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                if thread.join().is_err() {
                    tracing::error!("the application ended by a panic");
                }
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_websocket_addresses_are_servers() {
        for good in ["ws://127.0.0.1:47100", "wss://example.org/visavis", "ws://[::1]:5"] {
            assert!(is_server_url(good), "{good}");
        }
        for bad in ["", "example.org", "http://example.org", "ws://", "ws:/x", "wss//x", "ws://a b"] {
            assert!(!is_server_url(bad), "{bad}");
        }
    }
}
