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
mod tests {
    use super::*;
    use crate::model::sound::SILENCE;

    /// A room with a little noise, and words in it: 200 ms of sound, 100 ms of pause.
    struct Person {
        seed: u32,
        at: u32,
    }

    impl Person {
        fn new() -> Self {
            Self { seed: 1, at: 0 }
        }

        fn tick(&mut self, voice: f32) -> Tick {
            self.at += 1;
            let loud = if self.at % 30 < 20 { voice } else { 0.0 };
            std::array::from_fn(|n| {
                self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (self.seed >> 8) as f32 / (1 << 23) as f32 - 1.0;
                let tone = (n as f32 * 0.05).sin();
                0.0005 * noise + loud * tone
            })
        }

        fn talk(&mut self, watch: &mut Watch, ticks: u32, voice: f32, muted: bool) -> Option<MicrophoneTrouble> {
            (0..ticks).fold(None, |_, _| {
                let tick = self.tick(voice).map(|s| s.clamp(-1.0, 1.0));
                watch.hear(&tick, &tick, muted)
            })
        }
    }

    #[test]
    fn a_good_half_hour_is_never_interrupted() {
        let (mut watch, mut person) = (Watch::default(), Person::new());
        let mut muted = false;
        for minute in 0..30 {
            for second in 0..60 {
                // One listens, speaks, mutes oneself to listen, coughs into the muted microphone.
                let voice = match (minute % 3, second) {
                    (0, _) => 0.2,
                    (2, 30) => 0.3,
                    _ => 0.0,
                };
                muted = minute % 3 == 2;
                let ticks = if minute % 3 == 2 && second == 30 { 40 } else { 100 };
                let told = person.talk(&mut watch, ticks, voice, muted);
                assert_eq!(told, None, "minute {minute}, second {second}");
            }
        }
        assert!(muted);
    }

    #[test]
    fn a_microphone_that_gives_nothing_is_told_after_five_seconds() {
        let (mut watch, mut person) = (Watch::default(), Person::new());
        assert_eq!(person.talk(&mut watch, 100, 0.2, false), None);
        let hear = |watch: &mut Watch, ticks| (0..ticks).fold(None, |_, _| watch.hear(&SILENCE, &SILENCE, false));
        assert_eq!(hear(&mut watch, 499), None);
        assert_eq!(hear(&mut watch, 1), Some(MicrophoneTrouble::Silent));
        assert_eq!(person.talk(&mut watch, 1, 0.0, false), None);
    }

    #[test]
    fn speech_into_a_muted_microphone_is_told_until_it_ends_or_is_unmuted() {
        let (mut watch, mut person) = (Watch::default(), Person::new());
        assert_eq!(person.talk(&mut watch, 300, 0.0, true), None);
        assert_eq!(person.talk(&mut watch, 300, 0.2, true), Some(MicrophoneTrouble::Muted));
        assert_eq!(person.talk(&mut watch, 200, 0.0, true), Some(MicrophoneTrouble::Muted), "a moment longer");
        assert_eq!(person.talk(&mut watch, 300, 0.0, true), None);
        assert_eq!(person.talk(&mut watch, 300, 0.2, true), Some(MicrophoneTrouble::Muted));
        assert_eq!(person.talk(&mut watch, 1, 0.2, false), None);
    }

    #[test]
    fn a_voice_far_too_quiet_is_told_and_heard_again() {
        let (mut watch, mut person) = (Watch::default(), Person::new());
        assert_eq!(person.talk(&mut watch, 300, 0.0, false), None);
        assert_eq!(person.talk(&mut watch, 1500, 0.004, false), Some(MicrophoneTrouble::Quiet));
        assert_eq!(person.talk(&mut watch, 1500, 0.2, false), None);
    }

    #[test]
    fn sound_at_the_limit_is_told_and_one_loud_word_is_not() {
        let (mut watch, mut person) = (Watch::default(), Person::new());
        assert_eq!(person.talk(&mut watch, 4, 2.0, false), None);
        assert_eq!(person.talk(&mut watch, 400, 0.2, false), None);
        assert_eq!(person.talk(&mut watch, 100, 2.0, false), Some(MicrophoneTrouble::Clips));
        assert_eq!(person.talk(&mut watch, 400, 0.2, false), None);
    }
}
