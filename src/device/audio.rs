//! Where sound comes from and goes to: one trait each, opened from a spec.
//!
//! Both ends are driven by the audio thread, once every 10 ms, and never wait: a sound card behind them runs on its
//! own clock and is coupled by a ring with a small resampling correction (`sound`); a tone or a file simply
//! follows the calls.

use std::fmt;
use std::time::Duration;

use crate::device::tone::ToneSource;
use crate::device::wavfile::{WavSink, WavSource};
use crate::dsp::mix;
use crate::model::device::DeviceError;
use crate::model::sound::{Pair, SILENCE, Tick};
use crate::model::source::{AudioSpec, SinkSpec};

/// What became of one tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// All of it is real.
    Full,
    /// The device was late: a source filled up with silence, a sink threw something away. Counted by the caller.
    Short,
}

/// Gives sound: a microphone, a tone, a file.
pub trait AudioSource: Send {
    /// What it is called, for people.
    fn name(&self) -> String;

    /// The ID of the device that is really open, as [`list`](super::list::list) gives it; empty for what is no device.
    fn id(&self) -> String {
        String::new()
    }

    /// What it delivers, for people: `44100 Hz, 2 channels`; may be empty.
    fn format(&self) -> String {
        String::new()
    }

    /// Times since it was opened that the device itself ran over or dry, as its driver tells.
    fn xruns(&self) -> u64 {
        0
    }

    /// How long before now the last sample that was read was in the air, as far as that is known.
    fn delay(&self) -> Duration {
        Duration::ZERO
    }

    /// Fills the next 10 ms without waiting.
    ///
    /// # Errors
    /// The device is gone for good; drop this and open another.
    fn read(&mut self, out: &mut Tick) -> Result<Flow, DeviceError>;

    /// Fills the next 10 ms in stereo, in the place of [`AudioSource::read`]; both channels alike where it has only one.
    ///
    /// # Errors
    /// As [`AudioSource::read`].
    fn read_stereo(&mut self, out: &mut Pair) -> Result<Flow, DeviceError> {
        let [left, right] = out;
        let flow = self.read(left)?;
        right.copy_from_slice(left);
        Ok(flow)
    }
}

/// Takes sound: a speaker, a file.
pub trait AudioSink: Send {
    /// What it is called, for people.
    fn name(&self) -> String;

    /// The ID of the device that is really open, as [`list`](super::list::list) gives it; empty for what is no device.
    fn id(&self) -> String {
        String::new()
    }

    /// What it takes, for people; may be empty.
    fn format(&self) -> String {
        String::new()
    }

    /// Times since it was opened that the device itself ran over or dry, as its driver tells.
    fn xruns(&self) -> u64 {
        0
    }

    /// How long after now the first sample that is written next will be in the air, as far as that is known.
    fn delay(&self) -> Duration {
        Duration::ZERO
    }

    /// Takes the next 10 ms without waiting.
    ///
    /// # Errors
    /// The device is gone for good; drop this and open another.
    fn write(&mut self, tick: &Tick) -> Result<Flow, DeviceError>;

    /// Takes the next 10 ms in stereo, in the place of [`AudioSink::write`]; mixed where it has only one channel.
    ///
    /// # Errors
    /// As [`AudioSink::write`].
    fn write_stereo(&mut self, pair: &Pair) -> Result<Flow, DeviceError> {
        self.write(&mix::mono(pair))
    }
}

impl fmt::Debug for dyn AudioSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AudioSource({})", self.name())
    }
}

impl fmt::Debug for dyn AudioSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AudioSink({})", self.name())
    }
}

/// What the default speaker plays, as a source; `None` where the sound system does not offer it (PulseAudio and
/// PipeWire do). Blocks, up to 5 s.
pub fn speaker_sound() -> Option<AudioSpec> {
    #[cfg(feature = "gui")]
    return crate::device::sound::speaker_sound().map(AudioSpec::Device);
    #[cfg(not(feature = "gui"))]
    None
}

/// Opens a source. Blocks, for a sound card up to 5 s: not for the audio thread itself. `rate`: samples a second that a
/// sound card is asked for; it does what comes nearest, and what is read has the program's own rate all the same.
///
/// # Errors
/// Why it is not open; see [`DeviceError`].
pub fn open_audio_source(spec: &AudioSpec, rate: Option<u32>) -> Result<Box<dyn AudioSource>, DeviceError> {
    match spec {
        AudioSpec::Default => sound_source(None, rate),
        AudioSpec::Device(id) => sound_source(Some(id), rate),
        AudioSpec::Tone(hertz) => Ok(Box::new(ToneSource::new(*hertz))),
        AudioSpec::File(path) => Ok(Box::new(WavSource::open(path)?)),
        AudioSpec::None => Ok(Box::new(Nothing)),
    }
}

/// Opens a sink. Blocks, for a sound card up to 5 s: not for the audio thread itself.
///
/// # Errors
/// Why it is not open; see [`DeviceError`].
pub fn open_audio_sink(spec: &SinkSpec) -> Result<Box<dyn AudioSink>, DeviceError> {
    match spec {
        SinkSpec::Default => sound_sink(None),
        SinkSpec::Device(id) => sound_sink(Some(id)),
        SinkSpec::File(path) => Ok(Box::new(WavSink::create(path)?)),
        SinkSpec::None => Ok(Box::new(Nothing)),
    }
}

#[cfg(feature = "gui")]
use crate::device::sound::{open_sink as sound_sink, open_source as sound_source};

#[cfg(not(feature = "gui"))]
fn sound_source(_: Option<&str>, _: Option<u32>) -> Result<Box<dyn AudioSource>, DeviceError> {
    Err(DeviceError::NotBuilt)
}

#[cfg(not(feature = "gui"))]
fn sound_sink(_: Option<&str>) -> Result<Box<dyn AudioSink>, DeviceError> {
    Err(DeviceError::NotBuilt)
}

/// Silence in, nowhere out.
#[derive(Debug)]
struct Nothing;

impl AudioSource for Nothing {
    fn name(&self) -> String {
        "none".to_owned()
    }

    fn read(&mut self, out: &mut Tick) -> Result<Flow, DeviceError> {
        *out = SILENCE;
        Ok(Flow::Full)
    }
}

impl AudioSink for Nothing {
    fn name(&self) -> String {
        "none".to_owned()
    }

    fn write(&mut self, _: &Tick) -> Result<Flow, DeviceError> {
        Ok(Flow::Full)
    }
}
