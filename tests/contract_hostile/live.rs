//! Counts the bytes that the test binary holds on the heap. The kernel's figure of resident memory says little: allocators
//! keep what was given back, and grow in steps, one for each thread that they have not met before.

use std::sync::atomic::{AtomicIsize, Ordering};

use crate::common::heap::Watched;

static LIVE: AtomicIsize = AtomicIsize::new(0);

#[global_allocator]
static ALLOCATOR: Watched = Watched {
    taken: |bytes| _ = LIVE.fetch_add(bytes as isize, Ordering::Relaxed),
    given: |bytes| _ = LIVE.fetch_sub(bytes as isize, Ordering::Relaxed),
};

/// Bytes that are allocated and not freed, in this process; what C libraries hold is not among them.
pub fn bytes() -> usize {
    usize::try_from(LIVE.load(Ordering::Relaxed)).unwrap_or(0)
}
