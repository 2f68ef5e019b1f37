//! The newest-wins hand-over between threads: a picture that was not taken yet is replaced by the next.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::frame::VideoFrame;

/// What shows one video on the screen: the newest picture of a camera or of a peer.
pub type Player = Slot<Arc<VideoFrame>>;

/// A place for one value. Cloning gives another handle to the same place.
///
/// The writer never waits; a reader keeps the sequence number it has seen and asks for something newer.
pub struct Slot<T>(Arc<Inner<T>>);

struct Inner<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    value: Option<T>,
    sequence: u64,
    closed: bool,
    wake: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// The slot's writer is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the source has ended")]
pub struct Closed;

impl<T: Clone> Slot<T> {
    /// An empty one, sequence number 0.
    pub fn new() -> Self {
        let state = State { value: None, sequence: 0, closed: false, wake: None };
        Self(Arc::new(Inner { state: Mutex::new(state), changed: Condvar::new() }))
    }

    /// Puts a value; overflow: newest wins.
    pub fn put(&self, value: T) {
        let wake = {
            let mut state = self.lock();
            state.value = Some(value);
            state.sequence += 1;
            state.wake.clone()
        };
        self.0.changed.notify_all();
        if let Some(wake) = wake {
            wake();
        }
    }

    /// Takes the value out, so that nothing is shown (a camera switched off), and wakes the readers.
    pub fn clear(&self) {
        let wake = {
            let mut state = self.lock();
            state.value = None;
            state.sequence += 1;
            state.wake.clone()
        };
        self.0.changed.notify_all();
        if let Some(wake) = wake {
            wake();
        }
    }

    /// No more values will come: readers that wait return.
    pub fn close(&self) {
        self.lock().closed = true;
        self.0.changed.notify_all();
    }

    /// Whether [`Slot::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The newest value, whether seen or not.
    pub fn newest(&self) -> Option<T> {
        self.lock().value.clone()
    }

    /// The number of the newest value: 0 before the first.
    pub fn sequence(&self) -> u64 {
        self.lock().sequence
    }

    /// The newest value and its number, if it is not the one numbered `seen`.
    pub fn newer_than(&self, seen: u64) -> Option<(u64, T)> {
        let state = self.lock();
        if state.sequence == seen { None } else { state.value.clone().map(|value| (state.sequence, value)) }
    }

    /// Waits up to `limit` for a value other than the one numbered `seen`.
    ///
    /// # Errors
    /// [`Closed`] once the writer is gone and everything was seen. `Ok(None)` after `limit`.
    pub fn wait_newer(&self, seen: u64, limit: Duration) -> Result<Option<(u64, T)>, Closed> {
        let state = self.lock();
        let stale = |state: &mut State<T>| (state.sequence == seen || state.value.is_none()) && !state.closed;
        let (state, _) = self.0.changed.wait_timeout_while(state, limit, stale).unwrap_or_else(PoisonError::into_inner);
        match &state.value {
            Some(value) if state.sequence != seen => Ok(Some((state.sequence, value.clone()))),
            _ if state.closed => Err(Closed),
            _ => Ok(None),
        }
    }

    /// Calls `wake` after every change, on the writer's thread: it must return at once.
    pub fn on_change(&self, wake: Option<Arc<dyn Fn() + Send + Sync>>) {
        self.lock().wake = wake;
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Slot<T> {
    /// Whether both are handles to the same place.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone> Default for Slot<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_wins_and_is_seen_once() {
        let slot = Slot::new();
        assert_eq!(slot.newer_than(0), None::<(u64, i32)>);
        slot.put(1);
        slot.put(2);
        assert_eq!(slot.newer_than(0), Some((2, 2)));
        assert_eq!(slot.newer_than(2), None);
        assert_eq!(slot.newest(), Some(2));
    }

    #[test]
    fn a_reader_that_waits_is_let_go_when_the_writer_ends() {
        let slot = Slot::<i32>::new();
        let reader = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| slot.wait_newer(0, Duration::from_secs(60)));
            slot.close();
            waiting.join().unwrap()
        });
        assert_eq!(reader, Err(Closed));
    }
}
