//! Threads that end when asked to, within a limit.

use std::sync::mpsc;
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

/// A named thread. Whoever owns it asks it to end in its own way and then calls [`Worker::join`].
pub(super) struct Worker {
    name: String,
    handle: Option<JoinHandle<()>>,
    ended: mpsc::Receiver<()>,
}

impl Worker {
    /// Starts it. Names over 15 bytes are cut off by Linux.
    ///
    /// # Panics
    /// Where the system has no more threads, as `std::thread::spawn` does: nothing could go on then.
    #[allow(clippy::expect_used, reason = "without threads there is no program")]
    pub(super) fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Self {
        let (alive, ended) = mpsc::sync_channel::<()>(1);
        let run = move || {
            // Dropped at the end, also by a panic: that is what `join` waits for.
            let _alive = alive;
            work();
        };
        let handle = thread::Builder::new().name(name.clone()).spawn(run).expect("a thread");
        Self { name, handle: Some(handle), ended }
    }

    /// The thread, to be unparked.
    pub(super) fn thread(&self) -> Option<&Thread> {
        self.handle.as_ref().map(JoinHandle::thread)
    }

    /// Waits until it has ended, at most until `deadline`. One that hangs (in a driver, say) is left behind and said so.
    pub(super) fn join(&mut self, deadline: Instant) {
        let Some(handle) = self.handle.take() else { return };
        let limit = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        if self.ended.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!(thread = self.name, "does not end in time, left behind");
        } else if handle.join().is_err() {
            tracing::error!(thread = self.name, "ended by a panic");
        }
    }
}
