//! The computer's own sound, shared with a screen: what the speaker plays, without what this program plays there. The
//! others would hear themselves otherwise.

use std::sync::mpsc::SyncSender;
use std::time::Instant;

use crate::dsp::voice::Voice;
use crate::model::device::DeviceState;
use crate::model::sound::{Processing, SILENCE, Tick};
use crate::model::source::AudioSpec;
use crate::pipeline::audio::AudioInput;
use crate::pipeline::audio::port::{Job, Port};

/// Open while it is set.
pub(super) struct Computer {
    port: Port<AudioInput>,
    /// Takes out what we play ourselves; there only while it is needed.
    own: Option<Voice>,
}

impl Computer {
    pub(super) fn new(jobs: SyncSender<Job>) -> Self {
        Self { port: Port::new(AudioSpec::None.into(), jobs), own: None }
    }

    /// From there from now on, or from nowhere, with the caller's number for it.
    pub(super) fn set(&mut self, input: Option<AudioInput>, number: u64) {
        let only_echo = Processing { echo_cancellation: true, ..Processing::OFF };
        self.own = input.as_ref().map(|_| Voice::new(only_echo));
        self.port.set(input.unwrap_or_else(|| AudioSpec::None.into()), number);
    }

    /// Nothing is open, nor to be opened.
    pub(super) fn is_idle(&self) -> bool {
        self.own.is_none() && self.port.is_closed()
    }

    /// As it really is, and the number of the newest of which that is known.
    pub(super) fn state(&self) -> (&DeviceState, u64) {
        (self.port.state(), self.port.settled())
    }

    pub(super) fn close(&mut self) {
        self.set(None, 0);
    }

    /// The next 10 ms of it.
    pub(super) fn read(&mut self, now: Instant) -> Tick {
        let mut tick = SILENCE;
        self.port.poll(now, true);
        let Some(device) = self.port.device() else { return tick };
        if let Err(error) = device.read(&mut tick) {
            tick = SILENCE;
            self.port.fail(now, error);
        }
        if let Some(own) = &mut self.own {
            own.process(&mut tick);
        }
        tick
    }

    /// What we play on the speaker now.
    pub(super) fn hear_speaker(&mut self, tick: &Tick) {
        if let Some(own) = &mut self.own {
            own.hear_speaker(tick);
        }
    }
}
