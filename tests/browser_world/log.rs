//! What somebody has said and nobody has asked for yet.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// Most entries kept; whoever never asks loses the oldest.
const KEPT: usize = 4096;

/// Events in the order they came, to be taken in any order.
pub struct Log<T> {
    entries: Mutex<VecDeque<T>>,
    changed: watch::Sender<()>,
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self { entries: Mutex::default(), changed: watch::Sender::new(()) }
    }
}

impl<T: Debug> Log<T> {
    pub fn push(&self, entry: T) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(entry);
        drop(entries);
        self.changed.send_replace(());
    }

    /// Takes out the first that is wanted, if it is there already.
    pub fn take<U>(&self, mut wanted: impl FnMut(&T) -> Option<U>) -> Option<U> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, found) = entries.iter().enumerate().find_map(|(at, entry)| Some((at, wanted(entry)?)))?;
        entries.remove(at);
        Some(found)
    }

    /// Takes out the first that is wanted, now or when it comes; others stay.
    pub async fn until<U>(&self, what: &str, limit: Duration, mut wanted: impl FnMut(&T) -> Option<U>) -> U {
        let mut changed = self.changed.subscribe();
        let look = async {
            loop {
                if let Some(found) = self.take(&mut wanted) {
                    return found;
                }
                let _ = changed.changed().await;
            }
        };
        match tokio::time::timeout(limit, look).await {
            Ok(found) => found,
            Err(_) => {
                let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
                panic!("waited {limit:?} in vain for {what}; there was {entries:#?}")
            }
        }
    }
}
