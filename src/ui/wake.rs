//! The one broker of wake-ups: however many pictures and facts arrive, the window is asked once to paint.
//!
//! Of several pictures one leads: the window is painted when it changes, and the others come along. Where it does not
//! change, they wait for [`FOLLOW`] since the window was painted last. So a call costs as many frames as one picture has,
//! however many there are and whenever each of them comes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use eframe::egui::Context;

/// Longest wait of a picture that does not lead, since the last frame: a little longer than one that leads takes at 30 a
/// second.
pub const FOLLOW: Duration = Duration::from_millis(40);

/// Asks the window to paint; from any thread.
pub struct Waker {
    ctx: Context,
    pending: AtomicBool,
    following: AtomicBool,
    hidden: AtomicBool,
    painted: Mutex<Instant>,
}

impl Waker {
    /// For this window.
    pub fn new(ctx: Context) -> Self {
        Self {
            ctx,
            pending: AtomicBool::new(false),
            following: AtomicBool::new(false),
            hidden: AtomicBool::new(false),
            painted: Mutex::new(Instant::now()),
        }
    }

    /// State or facts changed.
    pub fn state(&self) {
        if !self.pending.swap(true, Ordering::AcqRel) {
            // `request_repaint` would paint two frames, this paints one.
            self.ctx.request_repaint_after(Duration::from_micros(1));
        }
    }

    /// The picture that leads changed: of no interest while nobody can see it.
    pub fn lead(&self) {
        if !self.hidden.load(Ordering::Acquire) {
            self.state();
        }
    }

    /// Another one changed.
    pub fn follow(&self) {
        if !self.hidden.load(Ordering::Acquire) && !self.following.swap(true, Ordering::AcqRel) {
            let painted = *self.painted.lock().unwrap_or_else(PoisonError::into_inner);
            let wait = FOLLOW.saturating_sub(painted.elapsed());
            self.ctx.request_repaint_after(wait.max(Duration::from_micros(1)));
        }
    }

    /// A frame begins: what comes from now on asks again.
    pub fn begin(&self) {
        *self.painted.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.pending.store(false, Ordering::Release);
        self.following.store(false, Ordering::Release);
    }

    /// Whether the window is minimised or otherwise out of sight.
    pub fn set_hidden(&self, hidden: bool) {
        self.hidden.store(hidden, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_one_that_leads_asks_at_once_and_the_others_wait_for_it() {
        let ctx = Context::default();
        let asked = Arc::<Mutex<Vec<Duration>>>::default();
        let asks = Arc::clone(&asked);
        ctx.set_request_repaint_callback(move |info| asks.lock().unwrap().push(info.delay));
        let waker = Waker::new(ctx.clone());
        let taken = || std::mem::take(&mut *asked.lock().unwrap());
        // What was asked for is forgotten when a frame begins; the first ones ask for more themselves.
        let frames = || {
            for _ in 0..4 {
                ctx.run_ui(eframe::egui::RawInput::default(), |_| waker.begin()).textures_delta.clear();
            }
            taken();
        };
        frames();
        waker.follow();
        waker.follow();
        let waits = taken();
        assert!(matches!(waits[..], [wait] if wait > Duration::from_millis(1) && wait <= FOLLOW), "{waits:?}");
        waker.lead();
        waker.lead();
        waker.follow();
        let waits = taken();
        assert!(matches!(waits[..], [wait] if wait < Duration::from_millis(1)), "{waits:?}");
        frames();
        waker.set_hidden(true);
        waker.lead();
        waker.follow();
        assert_eq!(taken(), Vec::<Duration>::new());
    }
}
