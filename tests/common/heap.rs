//! The system's allocator with somebody who watches: what a test binary takes and gives back. What C libraries take for
//! themselves is not seen.

#![allow(unsafe_code, reason = "an allocator is unsafe by its trait; this one only tells and passes on")]

use std::alloc::{GlobalAlloc, Layout, System};

/// To be made the `#[global_allocator]`. Both are told the bytes, on the thread that asks; they must not allocate.
pub struct Watched {
    /// Memory is taken.
    pub taken: fn(usize),
    /// Memory is given back.
    pub given: fn(usize),
}

// SAFETY: hands everything on to the system's allocator, whose promises are kept unchanged; telling allocates nothing.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        (self.taken)(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        (self.taken)(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        (self.given)(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        (self.given)(layout.size());
        (self.taken)(size);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
