//! The two ends between the application actor and whoever drives it: [`Handle`] outside, [`Desk`] inside.
//!
//! State goes out by `watch` (always the newest [`Snapshot`]), one-off facts by a bounded broadcast (overflow: oldest
//! lost, the reader is told how many), wishes come in by a bounded queue (overflow: refused).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{broadcast, mpsc, watch};

use crate::model::command::Command;
use crate::model::notice::Notice;
use crate::model::slot::Player;
use crate::model::snapshot::{PlayerKey, Snapshot};

const COMMANDS: usize = 64;
const NOTICES: usize = 256;

type Players = Arc<Mutex<HashMap<PlayerKey, Player>>>;
type Wake = Arc<dyn Fn() + Send + Sync>;

/// The outside end. Clones speak to the same application.
#[derive(Clone)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    notices: broadcast::Sender<Notice>,
    players: Players,
    wake: Arc<Mutex<Option<Wake>>>,
}

/// A command that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// More wishes than the application can follow.
    #[error("too many things at once; try again in a moment")]
    Full,
    /// The application has ended.
    #[error("the program is closing")]
    Closed,
}

/// The inside end, held by the actor.
pub struct Desk {
    /// Wishes, in order; `None` once every handle is gone.
    pub commands: mpsc::Receiver<Command>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    notices: broadcast::Sender<Notice>,
    players: Players,
    wake: Arc<Mutex<Option<Wake>>>,
}

/// A pair of ends.
pub fn pair(first: Snapshot) -> (Handle, Desk) {
    let (command_in, commands) = mpsc::channel(COMMANDS);
    let (snapshot_in, snapshots) = watch::channel(Arc::new(first));
    let (notices, _) = broadcast::channel(NOTICES);
    let (players, wake) = (Players::default(), Arc::default());
    let handle = Handle {
        commands: command_in,
        snapshots,
        notices: notices.clone(),
        players: Arc::clone(&players),
        wake: Arc::clone(&wake),
    };
    (handle, Desk { commands, snapshots: snapshot_in, notices, players, wake })
}

impl Handle {
    /// Asks for something.
    ///
    /// # Errors
    /// [`Refused`]: nothing was done.
    pub fn command(&self, command: Command) -> Result<(), Refused> {
        // overflow: refuse
        self.commands.try_send(command).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => Refused::Full,
            mpsc::error::TrySendError::Closed(_) => Refused::Closed,
        })
    }

    /// The newest state.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    /// The states from now on, to be awaited.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// The facts from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// The slot that shows this picture, if there is one now.
    pub fn player(&self, key: PlayerKey) -> Option<Player> {
        self.players.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    /// Calls `wake` whenever state or facts changed; it must return at once.
    pub fn on_change(&self, wake: impl Fn() + Send + Sync + 'static) {
        *self.wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(wake));
    }
}

impl Desk {
    /// Publishes the state, if it is another than before.
    pub fn publish(&self, snapshot: Snapshot) {
        let changed = self.snapshots.send_if_modified(|now| {
            let other = **now != snapshot;
            if other {
                *now = Arc::new(snapshot);
            }
            other
        });
        if changed {
            self.wake();
        }
    }

    /// Tells a fact to whoever listens.
    pub fn notify(&self, notice: Notice) {
        // overflow: the oldest is lost, and the slow reader told so
        let _ = self.notices.send(notice);
        self.wake();
    }

    /// Shows a picture under this key from now on, or none.
    pub fn set_player(&self, key: PlayerKey, player: Option<Player>) {
        let mut players = self.players.lock().unwrap_or_else(PoisonError::into_inner);
        match player {
            Some(player) => players.insert(key, player),
            None => players.remove(&key),
        };
    }

    fn wake(&self) {
        let wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(wake) = wake {
            wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused() {
        let (handle, desk) = pair(Snapshot::default());
        for _ in 0..COMMANDS {
            handle.command(Command::HangUp).unwrap();
        }
        assert_eq!(handle.command(Command::HangUp), Err(Refused::Full));
        drop(desk);
        assert_eq!(handle.command(Command::HangUp), Err(Refused::Closed));
    }

    #[test]
    fn the_same_state_wakes_nobody() {
        let (handle, desk) = pair(Snapshot::default());
        let woken = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let counter = Arc::clone(&woken);
        handle.on_change(move || {
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        });
        desk.publish(Snapshot::default());
        desk.publish(Snapshot { quitting: true, ..Snapshot::default() });
        assert_eq!(woken.load(std::sync::atomic::Ordering::Relaxed), 1);
        assert!(handle.snapshot().quitting);
    }
}
