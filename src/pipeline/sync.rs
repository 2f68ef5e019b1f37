//! What brings the pictures of a peer and its sound together: where the sound is, told by the audio thread to whoever
//! shows pictures.
//!
//! Both sides are taken to the other side's clock ([`SenderClocks`]); nothing is known before its first reports. The
//! audio thread puts a value every 10 ms, newest wins, and waits for nobody.

use std::sync::Arc;
use std::time::Instant;

use crate::dsp::playout::ear::{Ear, Position};
use crate::model::clock::{Played, SenderClocks};
use crate::model::slot::Slot;

/// Of one peer.
#[derive(Debug, Default)]
pub struct Lips {
    clocks: Arc<SenderClocks>,
    sound: Slot<Played>,
}

impl Lips {
    /// For a peer with this clock.
    pub fn new(clocks: Arc<SenderClocks>) -> Arc<Self> {
        Arc::new(Self { clocks, sound: Slot::new() })
    }

    /// Where its sound is: what was captured then is heard now. `None` while nothing is heard, or not known when it was
    /// captured.
    pub fn sound(&self) -> Option<Played> {
        self.sound.newest()
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
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.lips.sound.clear();
    }
}
