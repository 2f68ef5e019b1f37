//! Whether somebody speaks, from the level alone: what is heard has had its noise taken out before it was sent.

use crate::dsp::level::{dbfs, rms};
use crate::model::sound::Tick;

/// Louder than this is taken for speech, dBFS (RMS of a tick).
const SPEECH: f64 = -45.0;
/// Ticks of speech until somebody is speaking: 300 ms.
const BEGIN: u32 = 30;
/// Ticks without until nobody is: 500 ms. Pauses between words are shorter.
const END: u32 = 50;

/// Whether somebody speaks.
#[derive(Debug, Default)]
pub struct Speech {
    loud: u32,
    quiet: u32,
    speaking: bool,
}

impl Speech {
    /// Hears 10 ms; whether somebody is speaking now.
    pub fn hear(&mut self, tick: &Tick) -> bool {
        if dbfs(rms(tick)).is_some_and(|level| level > SPEECH) {
            self.loud += 1;
            self.quiet = 0;
        } else {
            self.quiet += 1;
            // A short gap inside a word does not begin the count anew.
            if self.quiet > BEGIN / 3 && !self.speaking {
                self.loud = 0;
            }
        }
        if self.loud >= BEGIN {
            self.speaking = true;
        }
        if self.quiet >= END {
            (self.speaking, self.loud) = (false, 0);
        }
        self.speaking
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sound::{SILENCE, TICK};

    #[test]
    fn speaking_begins_after_300_ms_and_survives_the_pause_between_words() {
        let mut speech = Speech::default();
        let mut hear = |loud: bool, ticks: u32| {
            let tick = if loud { [0.1; TICK] } else { SILENCE };
            (0..ticks).fold(None, |_, _| Some(speech.hear(&tick)))
        };
        assert_eq!(hear(true, 29), Some(false));
        assert_eq!(hear(true, 1), Some(true));
        assert_eq!(hear(false, 40), Some(true));
        assert_eq!(hear(true, 10), Some(true));
        assert_eq!(hear(false, 50), Some(false));
        // A knock is no speech.
        assert_eq!(hear(true, 10), Some(false));
        assert_eq!(hear(false, 20), Some(false));
        assert_eq!(hear(true, 25), Some(false));
    }
}
