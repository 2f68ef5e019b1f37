//! What brings the pictures of a peer and its sound together: where the sound is, told by the audio thread to whoever
//! shows pictures.
//!
//! Both sides are taken to the other side's clock ([`SenderClocks`]); nothing is known before its first reports. The
//! audio thread puts a value every 10 ms, newest wins, and waits for nobody. The other way, pictures that are held ask the sound
//! to wait for them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::dsp::playout::ear::{Ear, Position};
use crate::model::clock::{Played, SenderClocks};
use crate::model::slot::Slot;

/// Pictures that came so long ago are not waited for.
const STALE: Duration = Duration::from_secs(2);

/// Of one peer.
#[derive(Debug, Default)]
pub struct Lips {
    clocks: Arc<SenderClocks>,
    sound: Slot<Played>,
    /// How much longer than by itself the sound is to wait for pictures, and when that was said.
    wait: Slot<(Duration, Instant)>,
}

impl Lips {
    /// For a peer with this clock.
    pub fn new(clocks: Arc<SenderClocks>) -> Arc<Self> {
        Arc::new(Self { clocks, sound: Slot::new(), wait: Slot::new() })
    }

    /// Where its sound is: what was captured then is heard now. `None` while nothing is heard, or not known when it was
    /// captured.
    pub fn sound(&self) -> Option<Played> {
        self.sound.newest()
    }

    /// The sound is to wait so much longer than by itself; said again with every picture, for it is soon forgotten.
    pub fn hold_sound(&self, now: Instant, wait: Duration) {
        if !wait.is_zero() {
            // overflow: newest wins
            self.wait.put((wait, now));
        }
    }
}

/// The audio thread's end. Once it is gone, there is no sound.
pub(super) struct Listener {
    lips: Arc<Lips>,
    ear: Ear,
}

impl Listener {
    pub(super) fn new(lips: Arc<Lips>) -> Self {
        Self { lips, ear: Ear::default() }
    }

    /// A tick that begins with this is heard at `at`.
    pub(super) fn hear(&mut self, position: Position, at: Instant) {
        let captured = match position {
            Position::Stopped => {
                self.ear.forget();
                None
            }
            Position::Waiting => None,
            Position::At { ssrc, timestamp } => self.lips.clocks.captured(ssrc, timestamp),
        };
        match self.ear.hear(captured, at) {
            // overflow: newest wins
            Some(played) => self.lips.sound.put(played),
            None => self.lips.sound.clear(),
        }
    }

    /// How much longer than by itself the sound is to wait now.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let said = self.lips.wait.newest().filter(|(_, at)| now.saturating_duration_since(*at) < STALE);
        said.map_or(Duration::ZERO, |(wait, _)| wait)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.lips.sound.clear();
    }
}
