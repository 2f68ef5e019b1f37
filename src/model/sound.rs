//! The one raw sound format inside the program: `f32`, full scale ±1, 48 kHz, in ticks of 10 ms: mono, and for music
//! two of them.

use serde::{Deserialize, Serialize};

/// Samples a second, everywhere between the edges.
pub const RATE: u32 = 48_000;

/// Samples in one tick of 10 ms: what sources give and sinks take at a time.
pub const TICK: usize = 480;

/// 10 ms of sound.
pub type Tick = [f32; TICK];

/// A tick of digital silence.
pub const SILENCE: Tick = [0.0; TICK];

/// 10 ms of sound in stereo: left, right. Of mono sound, both are the same.
pub type Pair = [Tick; 2];

/// Why one is not, or not well, heard by the others, although the microphone is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MicrophoneTrouble {
    /// Nothing at all has come from it for five seconds.
    Silent,
    /// Somebody speaks into it, and it is muted.
    Muted,
    /// Somebody speaks, far too quietly.
    Quiet,
    /// What comes is cut off at full scale: it sounds broken.
    Clips,
}

/// What is done to the sound of a microphone before it is sent (names of W3C's media constraints). Generated sounds and
/// files go out as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Processing {
    /// Takes out what comes from our own speaker.
    pub echo_cancellation: bool,
    /// Takes out steady noise, and rumble below speech.
    pub noise_suppression: bool,
    /// Brings quiet and loud voices to an even loudness.
    pub auto_gain_control: bool,
    /// For music: the sound goes out as it is, in stereo and at [`MUSIC_BPS`], whatever the other fields say; they hold
    /// again once this is off.
    pub music: bool,
}

/// Bitrate of music, bits a second.
pub const MUSIC_BPS: u32 = 128_000;

impl Processing {
    /// The microphone as it is, for devices that do it themselves.
    pub const OFF: Self =
        Self { echo_cancellation: false, noise_suppression: false, auto_gain_control: false, music: false };

    /// For music: nothing taken out, stereo, [`MUSIC_BPS`].
    pub const MUSIC: Self = Self { music: true, ..Self::OFF };

    /// What is really done: music switches everything else off.
    pub const fn in_force(self) -> Self {
        if self.music { Self::MUSIC } else { self }
    }
}

impl Default for Processing {
    /// For speech: all of it.
    fn default() -> Self {
        Self { echo_cancellation: true, noise_suppression: true, auto_gain_control: true, music: false }
    }
}
