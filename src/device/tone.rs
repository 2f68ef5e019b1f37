//! A sine instead of a microphone.

use crate::device::audio::{AudioSource, Flow};
use crate::dsp::tone::Sine;
use crate::model::device::DeviceError;
use crate::model::sound::Tick;

/// RMS of the tone, dBFS.
pub const TONE_DBFS: f64 = -20.0;

/// A sine at [`TONE_DBFS`].
#[derive(Debug)]
pub struct ToneSource {
    hertz: u32,
    sine: Sine,
}

impl ToneSource {
    /// Of this frequency.
    pub fn new(hertz: u32) -> Self {
        Self { hertz, sine: Sine::new(f64::from(hertz), TONE_DBFS) }
    }
}

impl AudioSource for ToneSource {
    fn name(&self) -> String {
        format!("tone:{}", self.hertz)
    }

    fn format(&self) -> String {
        format!("{} Hz at {TONE_DBFS} dBFS", self.hertz)
    }

    fn read(&mut self, out: &mut Tick) -> Result<Flow, DeviceError> {
        self.sine.fill(out);
        Ok(Flow::Full)
    }
}
