//! Large buffers, used again and again: planes of pictures and encoded pictures.
//!
//! A picture of 720p has 1.4 MB, thirty come a second on each side, and each is dropped by another thread than it was made
//! on: from the system's allocator every one would be fresh pages, cleared and mapped. Whoever drops a [`Pooled`] gives its
//! buffer back; [`Pooled::with_capacity`] takes one that fits. The pool is one for the whole program, and small: what was
//! not used for a while gives way to what was.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Buffers smaller than this are not worth it.
const LEAST: usize = 8 * 1024;

/// Most buffers kept, and most bytes in them.
const KEPT: usize = 24;
const BYTES: usize = 24 << 20;

/// Oldest first.
static POOL: Mutex<VecDeque<Vec<u8>>> = Mutex::new(VecDeque::new());

/// A buffer that goes back into the pool when it is dropped.
#[derive(Default, PartialEq, Eq)]
pub struct Pooled(Vec<u8>);

impl Pooled {
    /// An empty one with room for so many bytes; it may have up to twice that.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |buffer: &Vec<u8>| (bytes..=bytes.saturating_mul(2).max(LEAST)).contains(&buffer.capacity());
        // The newest that fits: its bytes are the likeliest to be in the processor's cache.
        let found = pool.iter().rposition(fits).and_then(|at| pool.remove(at));
        drop(pool);
        Self(found.unwrap_or_else(|| Vec::with_capacity(bytes)))
    }

    /// The same bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut buffer = Self::with_capacity(bytes.len());
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// The bytes alone; they do not come back.
    pub fn into_vec(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

impl From<Vec<u8>> for Pooled {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Clone for Pooled {
    fn clone(&self) -> Self {
        Self::of(self)
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.0);
        if !(LEAST..=BYTES / 2).contains(&buffer.capacity()) {
            return;
        }
        buffer.clear();
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        pool.push_back(buffer);
        let mut old = Vec::new();
        // overflow: the oldest is freed
        while pool.len() > KEPT || pool.iter().map(Vec::capacity).sum::<usize>() > BYTES {
            old.extend(pool.pop_front());
        }
        drop(pool);
    }
}

impl Deref for Pooled {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

/// For `bytes::Bytes::from_owner`.
impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_and_few_are_kept() {
        // An odd size, for the pool is one for all tests.
        let size = (11 << 20) + 4711;
        let mut first = Pooled::with_capacity(size);
        first.resize(size, 7);
        let place = first.as_ptr();
        drop(first);
        let again = Pooled::with_capacity(size);
        assert_eq!((again.as_ptr(), again.len()), (place, 0), "empty, and in the same place");
        assert_ne!(Pooled::of(&[1; 20_000]).as_ptr(), place);
        let copy = again.clone();
        assert!(copy.as_ptr() != place && copy == again);
        drop((0..100).map(|_| Pooled::of(&[0; LEAST])).collect::<Vec<_>>());
        drop((0..20).map(|_| Pooled::with_capacity(size)).collect::<Vec<_>>());
        let pool = POOL.lock().unwrap();
        assert!(pool.len() <= KEPT && pool.iter().map(Vec::capacity).sum::<usize>() <= BYTES);
        drop(pool);
        assert_eq!(Pooled::from(vec![1, 2]).into_vec(), [1, 2]);
    }
}
