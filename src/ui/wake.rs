//! The one broker of wake-ups: however many pictures and facts arrive, the window is asked once to paint.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use eframe::egui::Context;

/// Asks the window to paint; from any thread.
pub struct Waker {
    ctx: Context,
    pending: AtomicBool,
    hidden: AtomicBool,
}

impl Waker {
    /// For this window.
    pub fn new(ctx: Context) -> Self {
        Self { ctx, pending: AtomicBool::new(false), hidden: AtomicBool::new(false) }
    }

    /// State or facts changed.
    pub fn state(&self) {
        if !self.pending.swap(true, Ordering::AcqRel) {
            // `request_repaint` would paint two frames, this paints one.
            self.ctx.request_repaint_after(Duration::from_micros(1));
        }
    }

    /// A picture changed: of no interest while nobody can see it.
    pub fn picture(&self) {
        if !self.hidden.load(Ordering::Acquire) {
            self.state();
        }
    }

    /// A frame begins: what comes from now on asks again.
    pub fn begin(&self) {
        self.pending.store(false, Ordering::Release);
    }

    /// Whether the window is minimised or otherwise out of sight.
    pub fn set_hidden(&self, hidden: bool) {
        self.hidden.store(hidden, Ordering::Release);
    }
}
