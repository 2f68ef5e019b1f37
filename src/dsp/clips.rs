//! The program's own sounds, rendered from `assets/sounds` when they are first wanted.

use crate::dsp::score;

/// One of the program's own sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sound {
    /// Somebody calls. Repeats until stopped; plays on the ring device.
    Ring,
    /// The same once, to try the ring device.
    RingTest,
    /// It rings at the other side. Repeats until stopped.
    Ringback,
    /// “Can you hear this?”
    Test,
    /// A call has begun.
    Joined,
    /// A call has ended.
    Left,
    /// The path is lost and another is looked for. Repeats until stopped.
    Reconnecting,
    /// Something wants attention: a chat line.
    Message,
}

impl Sound {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Ring,
        Self::RingTest,
        Self::Ringback,
        Self::Test,
        Self::Joined,
        Self::Left,
        Self::Reconnecting,
        Self::Message,
    ];

    /// Whether it repeats until stopped.
    pub fn repeats(self) -> bool {
        matches!(self, Self::Ring | Self::Ringback | Self::Reconnecting)
    }

    /// Whether it plays on the ring device; the others play on the speaker.
    pub fn rings(self) -> bool {
        matches!(self, Self::Ring | Self::RingTest)
    }

    /// Its samples, 48 kHz mono; a repeating one ends with its own pause.
    pub fn samples(self) -> Vec<f32> {
        let written = match self {
            Self::Ring | Self::RingTest => include_str!("../../assets/sounds/ring.score"),
            Self::Ringback => include_str!("../../assets/sounds/ringback.score"),
            Self::Test => include_str!("../../assets/sounds/test.score"),
            Self::Joined => include_str!("../../assets/sounds/joined.score"),
            Self::Left => include_str!("../../assets/sounds/left.score"),
            Self::Reconnecting => include_str!("../../assets/sounds/reconnecting.score"),
            Self::Message => include_str!("../../assets/sounds/message.score"),
        };
        // The scores are part of the program and tried below: there is no error to tell anybody.
        score::render(written).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::{peak, rms};

    #[test]
    fn every_sound_is_heard_without_clipping_and_ends_in_silence() {
        for sound in Sound::ALL {
            let samples = sound.samples();
            assert!(peak(&samples) < 0.9 && rms(&samples) > 0.005, "{sound:?}");
            assert!(samples.first().unwrap().abs() < 0.01 && samples.last().unwrap().abs() < 0.01, "{sound:?}");
            // A step of a tenth of full scale from one sample to the next would click.
            let step = samples.windows(2).map(|two| (two[1] - two[0]).abs()).fold(0.0, f32::max);
            assert!(step < 0.1, "{sound:?}: {step}");
        }
    }
}
