//! What a microphone hears → what is sent: without the echo of our own speaker, without the room's noise, at an even
//! loudness. The signal processing is that of WebRTC (AEC3, NS, AGC2), by the crates `sonora…`.
//!
//! Each of the three is a stage of its own, so that switching one leaves what the others have learnt; with any of them
//! the rumble below speech goes first. Invariants: what is switched acts from the next tick on; a
//! stage that is off is not heard and costs nothing; [`Voice::process`] gives a tick for a tick, never louder than full
//! scale.

use sonora::config::{
    AdaptiveDigital, GainController2, MaxProcessingRate, NoiseSuppression, NoiseSuppressionLevel, Pipeline,
};
use sonora::{AudioProcessing, Config, StreamConfig};

use crate::dsp::echo::Echo;
use crate::dsp::highpass::HighPass;
use crate::model::sound::{Processing, RATE, Tick};

/// The stages.
#[derive(Default)]
pub struct Voice {
    high: HighPass,
    echo: Option<Box<Echo>>,
    noise: Option<Box<AudioProcessing>>,
    gain: Option<Box<AudioProcessing>>,
}

fn stage(config: Config) -> Box<AudioProcessing> {
    // All 24 kHz are kept: by itself it would work at 32 kHz and cut at 16.
    let pipeline = Pipeline { maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz, ..Pipeline::default() };
    let mono = StreamConfig::new(RATE, 1);
    let built = AudioProcessing::builder().config(Config { pipeline, ..config });
    Box::new(built.capture_config(mono).render_config(mono).build())
}

fn noise() -> Box<AudioProcessing> {
    let level = NoiseSuppressionLevel::High;
    let suppression = NoiseSuppression { level, ..NoiseSuppression::default() };
    stage(Config { noise_suppression: Some(suppression), ..Config::default() })
}

fn gain() -> Box<AudioProcessing> {
    // Little at first and at most what a quiet microphone needs: too much would lift the noise of the room.
    let adaptive =
        AdaptiveDigital { initial_gain_db: 6.0, max_gain_db: 24.0, headroom_db: 6.0, ..AdaptiveDigital::default() };
    let controller = GainController2 { adaptive_digital: Some(adaptive), ..GainController2::default() };
    stage(Config { gain_controller2: Some(controller), ..Config::default() })
}

/// Switches one stage; one that stays on keeps what it has learnt.
fn switch(stage: &mut Option<Box<AudioProcessing>>, on: bool, make: fn() -> Box<AudioProcessing>) {
    match on {
        true if stage.is_none() => *stage = Some(make()),
        true => {}
        false => *stage = None,
    }
}

fn run(stage: &mut Option<Box<AudioProcessing>>, tick: &mut Tick) {
    let Some(stage) = stage else { return };
    let heard = *tick;
    if stage.process_capture_f32(&[&heard], &mut [tick.as_mut_slice()]).is_err() {
        *tick = heard;
    }
}

impl Voice {
    /// One with these stages on.
    pub fn new(processing: Processing) -> Self {
        let mut voice = Self::default();
        voice.set(processing);
        voice
    }

    /// Switches stages on and off, from the next tick on.
    pub fn set(&mut self, processing: Processing) {
        let processing = processing.in_force();
        match processing.echo_cancellation {
            true if self.echo.is_none() => self.echo = Some(Box::new(Echo::new())),
            true => {}
            false => self.echo = None,
        }
        switch(&mut self.noise, processing.noise_suppression, noise);
        switch(&mut self.gain, processing.auto_gain_control, gain);
    }

    /// Hears what goes to the speaker now: what may come back as an echo. To be called once for every
    /// [`Voice::process`], also with silence.
    pub fn hear_speaker(&mut self, tick: &Tick) {
        if let Some(echo) = &mut self.echo {
            echo.hear_speaker(tick);
        }
    }

    /// Processes the next 10 ms of the microphone.
    pub fn process(&mut self, tick: &mut Tick) {
        if self.echo.is_none() && self.noise.is_none() && self.gain.is_none() {
            return;
        }
        // What is no number would be learnt and never forgotten.
        for sample in tick.iter_mut() {
            *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        }
        self.high.process(tick);
        if let Some(echo) = &mut self.echo {
            echo.process(tick);
        }
        run(&mut self.noise, tick);
        run(&mut self.gain, tick);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::rms;
    use crate::model::sound::{SILENCE, TICK};

    /// Noise in syllables: loud for 200 ms, quiet for 100, with speech's fall towards high frequencies.
    struct Speech {
        seed: u32,
        low: f32,
        at: usize,
    }

    impl Speech {
        fn new(seed: u32) -> Self {
            Self { seed, low: 0.0, at: 0 }
        }

        fn noise(&mut self) -> f32 {
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.seed >> 8) as f32 / (1 << 23) as f32 - 1.0
        }

        fn tick(&mut self) -> Tick {
            let loud = if self.at % 30 < 20 { 0.5 } else { 0.02 };
            self.at += 1;
            std::array::from_fn(|_| {
                let noise = self.noise();
                self.low += 0.2 * (noise - self.low);
                self.low * loud
            })
        }
    }

    /// The speaker's sound as the microphone hears it: later, weaker, with two reflections.
    struct Room {
        played: std::collections::VecDeque<f32>,
    }

    impl Room {
        fn new(delay_ms: usize) -> Self {
            Self { played: vec![0.0; delay_ms * 48 + 900].into() }
        }

        fn hear(&mut self, played: &Tick) -> Tick {
            self.played.extend(played);
            let heard = std::array::from_fn(|n| {
                let at = |later: usize| self.played.get(n + 900 - later).copied().unwrap_or_default();
                0.4 * at(0) + 0.2 * at(370) + 0.1 * at(830)
            });
            self.played.drain(..TICK);
            heard
        }
    }

    fn db(of: f32, over: f32) -> f32 {
        20.0 * (of / over.max(1e-9)).log10()
    }

    #[test]
    fn echo_goes_and_stays_away_when_another_stage_is_switched() {
        let mut processing = Processing { noise_suppression: false, auto_gain_control: false, ..Processing::default() };
        let mut voice = Voice::new(processing);
        let (mut far, mut room) = (Speech::new(7), Room::new(80));
        let mut second = |voice: &mut Voice| {
            let (mut heard, mut sent) = (Vec::new(), Vec::new());
            for _ in 0..100 {
                let played = far.tick();
                voice.hear_speaker(&played);
                let mut tick = room.hear(&played);
                heard.extend_from_slice(&tick);
                voice.process(&mut tick);
                sent.extend_from_slice(&tick);
            }
            db(rms(&heard), rms(&sent))
        };
        for _ in 0..3 {
            second(&mut voice);
        }
        let after = second(&mut voice);
        assert!(after > 25.0, "the echo is only {after:.0} dB weaker");
        processing.noise_suppression = true;
        voice.set(processing);
        let after = second(&mut voice);
        assert!(after > 25.0, "after a switch of the noise suppression {after:.0} dB");
        processing = Processing::OFF;
        voice.set(processing);
        let after = second(&mut voice);
        assert!(after.abs() < 0.1, "what is off changes nothing: {after:.1} dB");
    }

    /// What the processing lets through of 100 ms, after two seconds with another setting.
    fn switched(before: Processing, after: Processing, mut sound: impl FnMut() -> (Tick, Tick)) -> (f32, f32) {
        let mut voice = Voice::new(before);
        let (mut heard, mut sent) = (Vec::new(), Vec::new());
        for n in 0..220 {
            if n == 200 {
                voice.set(after);
            }
            let (played, mut tick) = sound();
            voice.hear_speaker(&played);
            let given = tick;
            voice.process(&mut tick);
            // The tenth of a second that begins a tenth of a second after the switch.
            if n >= 210 {
                heard.extend_from_slice(&given);
                sent.extend_from_slice(&tick);
            }
        }
        (rms(&heard), rms(&sent))
    }

    #[test]
    fn every_switch_is_heard_within_a_tenth_of_a_second() {
        let only = |echo, noise, gain| Processing {
            echo_cancellation: echo,
            noise_suppression: noise,
            auto_gain_control: gain,
            ..Processing::OFF
        };
        let echo = || {
            let (mut far, mut room) = (Speech::new(7), Room::new(80));
            move || {
                let played = far.tick();
                (played, room.hear(&played))
            }
        };
        let (heard, sent) = switched(Processing::OFF, only(true, false, false), echo());
        assert!(db(heard, sent) > 15.0, "an echo is {:.0} dB weaker once it is to go", db(heard, sent));
        let (heard, sent) = switched(only(true, false, false), Processing::OFF, echo());
        assert!(db(heard, sent).abs() < 0.1, "and is there again: {:.1} dB", db(heard, sent));
        let (heard, sent) =
            switched(Processing::default(), Processing { music: true, ..Processing::default() }, echo());
        assert!(db(heard, sent).abs() < 0.1, "music goes out as it is: {:.1} dB", db(heard, sent));
        let fan = || {
            let mut noise = Speech::new(1);
            move || (SILENCE, std::array::from_fn(|_| noise.noise() * 0.01))
        };
        let (heard, sent) = switched(only(false, true, false), Processing::OFF, fan());
        assert!(db(heard, sent).abs() < 0.1, "the fan is there again: {:.1} dB", db(heard, sent));
        let quiet = || {
            let mut speech = Speech::new(3);
            move || (SILENCE, speech.tick().map(|s| s * 0.1))
        };
        let (heard, sent) = switched(Processing::OFF, only(false, false, true), quiet());
        assert!(db(sent, heard) > 3.0, "a quiet voice is {:.1} dB louder", db(sent, heard));
    }

    #[test]
    fn steady_noise_goes_and_speech_stays() {
        let mut voice = Voice::new(Processing { noise_suppression: true, ..Processing::OFF });
        let (mut noise, mut speech) = (Speech::new(1), Speech::new(2));
        let mut fan = || -> Tick { std::array::from_fn(|_| noise.noise() * 0.01) };
        let mut left = 1.0;
        for _ in 0..300 {
            let mut tick = fan();
            voice.process(&mut tick);
            left = rms(&tick);
        }
        assert!(db(0.01 / 3_f32.sqrt(), left) > 9.0, "the fan is only {:.0} dB weaker", db(0.00577, left));
        let (mut said, mut sent) = (Vec::new(), Vec::new());
        for _ in 0..200 {
            let (mut tick, fan) = (speech.tick(), fan());
            said.extend_from_slice(&tick);
            tick.iter_mut().zip(fan).for_each(|(s, f)| *s += f);
            voice.process(&mut tick);
            sent.extend_from_slice(&tick);
        }
        let lost = db(rms(&said), rms(&sent));
        assert!(lost < 4.0, "speech lost {lost:.1} dB");
    }

    #[test]
    fn a_quiet_voice_becomes_louder_and_nothing_passes_full_scale() {
        let mut voice = Voice::new(Processing { auto_gain_control: true, ..Processing::OFF });
        let mut speech = Speech::new(3);
        let (mut before, mut after) = (0.0, 0.0);
        for second in 0..10 {
            let (mut said, mut sent) = (Vec::new(), Vec::new());
            for _ in 0..100 {
                let mut tick = speech.tick().map(|s| s * 0.1);
                said.extend_from_slice(&tick);
                voice.process(&mut tick);
                sent.extend_from_slice(&tick);
            }
            assert!(sent.iter().all(|s| s.abs() <= 1.0));
            if second == 9 {
                (before, after) = (rms(&said), rms(&sent));
            }
        }
        assert!(db(after, before) > 3.0, "a quiet voice is {:.1} dB louder", db(after, before));
        let mut wrong = [f32::NAN; TICK];
        voice.process(&mut wrong);
        assert!(wrong.iter().all(|s| s.is_finite()));
    }
}
