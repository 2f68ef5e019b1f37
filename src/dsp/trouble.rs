//! Notices when one is not heard, or badly: a microphone that gives nothing, somebody who speaks while muted, too
//! quietly, or into the limits of the device.
//!
//! Counts ticks of 10 ms, no clock. Invariant: a microphone in a quiet room with nobody speaking is no trouble, for as
//! long as it lasts; a knock or a cough is none either.

use crate::dsp::level::{dbfs, peak, rms};
use crate::dsp::speech::Speech;
use crate::model::sound::{MicrophoneTrouble, Tick};

/// Below this peak a microphone gives nothing: a hair above one bit of 16. The noise of any open one is louder.
const NOTHING: f32 = 0.000_04;
/// Ticks of nothing until it is told: 5 s.
const SILENT: u32 = 500;
/// Ticks of speech while muted until it is told: 1 s in all, of the last …
const SPOKEN: u32 = 100;
/// … so many: 4 s. Told until that long nobody has spoken.
const FORGET: u32 = 400;
/// Ticks of speech before its level is judged: 5 s.
const JUDGED: u32 = 500;
/// Speech below this is hard to hear, dBFS (RMS while speaking); told no more above `HEARD`.
const QUIET: f64 = -48.0;
const HEARD: f64 = -42.0;
/// A sample this close to full scale was cut off where its neighbours were too.
const FULL: f32 = 0.998;
/// Neighbours in a row at full scale.
const FLAT: usize = 4;
/// Ticks with such a flat top until it is told, and the ticks after which one is forgotten: 3 s.
const CLIPPED: u32 = 5;
const UNCLIP: u32 = 300;

/// Whether what goes out is speech, judged above the noise of the room: the quietest of the last seconds.
#[derive(Debug)]
struct Floor {
    level: f64,
}

impl Floor {
    /// Whether the tick stands out of the room. The floor falls at once and rises slowly, 3 dB a second.
    fn exceeded(&mut self, level: f64) -> bool {
        self.level = if level < self.level { level } else { self.level + 0.03 };
        level > self.level + 12.0
    }
}

/// Watches one microphone. Made anew for each.
#[derive(Debug)]
pub struct Watch {
    nothing: u32,
    speech: Speech,
    floor: Floor,
    /// Ticks of speech while muted, and how long ago the last was.
    spoken: u32,
    since: u32,
    judged: u32,
    /// Mean level while speaking, dBFS.
    voice: Option<f64>,
    quiet: bool,
    clipped: u32,
    unclipped: u32,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            nothing: 0,
            speech: Speech::default(),
            floor: Floor { level: -60.0 },
            spoken: 0,
            since: 0,
            judged: 0,
            voice: None,
            quiet: false,
            clipped: 0,
            unclipped: 0,
        }
    }
}

impl Watch {
    /// Hears 10 ms: as the device gave it, and as it would be sent (without echo and noise). Tells the worst.
    pub fn hear(&mut self, device: &Tick, sent: &Tick, muted: bool) -> Option<MicrophoneTrouble> {
        self.nothing = if peak(device) > NOTHING { 0 } else { self.nothing.saturating_add(1) };
        let clips = self.clips(device);
        let level = dbfs(rms(sent)).unwrap_or(-100.0);
        let stands_out = self.floor.exceeded(level);
        let speaking = self.speech.hear(sent) && stands_out;
        let unheard = self.unheard(speaking && muted, muted);
        let quiet = self.too_quiet(stands_out, dbfs(rms(device)).unwrap_or(-100.0));
        if self.nothing >= SILENT {
            Some(MicrophoneTrouble::Silent)
        } else if unheard {
            Some(MicrophoneTrouble::Muted)
        } else if muted {
            None
        } else if clips {
            Some(MicrophoneTrouble::Clips)
        } else {
            quiet.then_some(MicrophoneTrouble::Quiet)
        }
    }

    fn clips(&mut self, device: &Tick) -> bool {
        let mut row = 0;
        let flat = device.iter().any(|sample| {
            row = if sample.abs() >= FULL { row + 1 } else { 0 };
            row >= FLAT
        });
        if flat {
            (self.clipped, self.unclipped) = (self.clipped.saturating_add(1), 0);
        } else {
            self.unclipped = self.unclipped.saturating_add(1);
            if self.unclipped >= UNCLIP {
                self.clipped = 0;
            }
        }
        self.clipped >= CLIPPED
    }

    fn unheard(&mut self, spoken: bool, muted: bool) -> bool {
        if spoken {
            (self.spoken, self.since) = (self.spoken.saturating_add(1), 0);
        } else {
            self.since = self.since.saturating_add(1);
        }
        if !muted || self.since >= FORGET {
            self.spoken = 0;
        }
        self.spoken >= SPOKEN
    }

    fn too_quiet(&mut self, stands_out: bool, level: f64) -> bool {
        if stands_out {
            let voice = self.voice.get_or_insert(level);
            *voice += (level - *voice) / f64::from(self.judged.clamp(1, JUDGED));
            self.judged = self.judged.saturating_add(1);
            let below = if self.quiet { HEARD } else { QUIET };
            self.quiet = self.judged >= JUDGED && *voice < below;
        }
        self.quiet
    }
}

#[cfg(test)]
mod tests;
