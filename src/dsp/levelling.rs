//! Loud and quiet voices of the others brought to one loudness.
//!
//! Judges each voice by its level while it speaks, over seconds: within a sentence nothing changes that would be heard
//! as a change. Invariants: what is said while nobody speaks (noise, silence) teaches nothing and keeps the gain; the
//! gain stays within ±[`MOST_DB`].

use crate::dsp::level::rms;
use crate::dsp::mix;
use crate::model::sound::Tick;

/// Where voices are brought to, dBFS (RMS while speaking).
pub const AIM_DBFS: f64 = -20.0;
/// Most that a voice is raised or lowered, dB: further away, something else is wrong.
pub const MOST_DB: f64 = 14.0;
/// Ticks of speech over which a voice is judged: 3 s.
const JUDGED: u32 = 300;
/// Ticks of speech before anything is done: half a second.
const KNOWN: u32 = 50;
/// Fastest change of the gain, dB a tick: 6 dB a second.
const STEP: f64 = 0.06;
/// Ticks this far below the voice so far are pauses in it, of its mean power.
const PAUSE: f32 = 0.01;

/// The gain of one voice.
#[derive(Debug, Clone)]
pub struct Levelling {
    /// Mean power while speaking.
    power: f32,
    judged: u32,
    gain_db: f64,
    applied: f32,
}

impl Default for Levelling {
    fn default() -> Self {
        Self { power: 0.0, judged: 0, gain_db: 0.0, applied: 1.0 }
    }
}

impl Levelling {
    /// Makes the next 10 ms of the voice louder or quieter. `speaking`: whether it speaks in them.
    pub fn apply(&mut self, tick: &mut Tick, speaking: bool) {
        let power = rms(tick).powi(2);
        if speaking && power.is_finite() && power > self.power * PAUSE {
            self.judged = (self.judged + 1).min(JUDGED);
            self.power += (power - self.power) / self.judged as f32;
            if self.judged >= KNOWN {
                let level = 10.0 * f64::from(self.power.max(1e-9)).log10();
                let wanted = (AIM_DBFS - level).clamp(-MOST_DB, MOST_DB);
                self.gain_db += (wanted - self.gain_db).clamp(-STEP, STEP);
            }
        }
        self.glide(tick, 10f64.powf(self.gain_db / 20.0) as f32);
    }

    /// Leaves the voice as it is, and goes there without a step where it was not; what was learnt is forgotten.
    pub fn leave(&mut self, tick: &mut Tick) {
        (self.power, self.judged, self.gain_db) = (0.0, 0, 0.0);
        self.glide(tick, 1.0);
    }

    fn glide(&mut self, tick: &mut Tick, gain: f32) {
        mix::glide(tick, self.applied, gain);
        self.applied = gain;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::dbfs;
    use crate::dsp::speech::Speech;
    use crate::dsp::tone::Sine;
    use crate::model::sound::SILENCE;

    /// Ten seconds of a voice in sentences of 2 s; the level of the last sentence.
    fn speak(levelling: &mut Levelling, level: f64, on: bool) -> f64 {
        let (mut voice, mut speech, mut last) = (Sine::new(220.0, level), Speech::default(), Vec::new());
        for n in 0..1_000 {
            let mut tick = SILENCE;
            if n % 250 < 200 {
                voice.fill(&mut tick);
            }
            let speaking = speech.hear(&tick);
            if on {
                levelling.apply(&mut tick, speaking)
            } else {
                levelling.leave(&mut tick)
            }
            if (800..940).contains(&n) {
                last.extend_from_slice(&tick);
            }
        }
        dbfs(rms(&last)).unwrap()
    }

    #[test]
    fn a_loud_and_a_quiet_voice_are_heard_alike() {
        for level in [-33.0, -27.0, -20.0, -10.0] {
            let heard = speak(&mut Levelling::default(), level, true);
            assert!((heard - AIM_DBFS).abs() < 1.0, "{level} dBFS is heard at {heard:.1}");
        }
        let mut far = Levelling::default();
        let heard = speak(&mut far, -43.0, true);
        assert!((heard + 43.0 - MOST_DB).abs() < 1.0, "no more than {MOST_DB} dB: {heard:.1}");
        assert!((speak(&mut far, -43.0, false) + 43.0).abs() < 0.1, "as it is once it is switched off");
    }

    #[test]
    fn pauses_and_noise_change_nothing() {
        let mut levelling = Levelling::default();
        speak(&mut levelling, -30.0, true);
        let before = levelling.gain_db;
        let mut noise = Sine::new(100.0, -60.0);
        for _ in 0..3_000 {
            let mut tick = SILENCE;
            noise.fill(&mut tick);
            levelling.apply(&mut tick, false);
        }
        assert_eq!(levelling.gain_db, before);
    }
}
