//! What is played here although nobody sends it now: the program's own sounds, and what was heard before. None of it is
//! ever mixed into what is sent; what a microphone picks up of it is echo, as all else that the speaker plays.

use std::time::Duration;

use crate::dsp::clips::Sound;
use crate::dsp::mix;
use crate::model::sound::{SILENCE, Tick};
use crate::pipeline::audio::{AudioEngine, Command};

/// A sound that plays now.
struct Playing {
    sound: Sound,
    samples: Vec<f32>,
    at: usize,
}

impl Playing {
    /// The next 10 ms, and whether it is over.
    fn next(&mut self) -> (Tick, bool) {
        let mut tick = SILENCE;
        for sample in &mut tick {
            if self.at >= self.samples.len() && self.sound.repeats() {
                self.at = 0;
            }
            let Some(next) = self.samples.get(self.at) else { return (tick, true) };
            *sample = *next;
            self.at += 1;
        }
        (tick, false)
    }
}

/// All that play now.
pub(super) struct Sounds {
    playing: Vec<Playing>,
    gain: f32,
    volume: f32,
}

impl Default for Sounds {
    fn default() -> Self {
        Self { playing: Vec::new(), gain: 1.0, volume: 1.0 }
    }
}

impl Sounds {
    /// From its beginning, also where it plays already.
    pub(super) fn play(&mut self, sound: Sound) {
        self.stop(sound);
        self.playing.push(Playing { sound, samples: sound.samples(), at: 0 });
    }

    pub(super) fn stop(&mut self, sound: Sound) {
        self.playing.retain(|playing| playing.sound != sound);
    }

    pub(super) fn set_volume(&mut self, percent: u8) {
        self.volume = mix::gain(percent);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.playing.is_empty()
    }

    /// Whether one plays on the ring device, or on the speaker.
    pub(super) fn play_on(&self, ring: bool) -> bool {
        self.playing.iter().any(|playing| playing.sound.rings() == ring)
    }

    /// Adds the next 10 ms to what goes to the speaker and to the ring device; where one is not ready, its sounds wait.
    pub(super) fn add<'a>(&mut self, mut speaker: Option<&'a mut Tick>, mut ring: Option<&'a mut Tick>) {
        let (from, to) = (self.gain, self.volume);
        self.gain = to;
        self.playing.retain_mut(|playing| {
            let device = if playing.sound.rings() { &mut ring } else { &mut speaker };
            let Some(mixed) = device else { return true };
            let (mut tick, over) = playing.next();
            // The speaker is tried at its own loudness.
            if playing.sound != Sound::Test {
                mix::glide(&mut tick, from, to);
            }
            mix::add(&mut mixed[..], &tick, 1.0);
            !over
        });
    }
}

impl AudioEngine {
    /// Plays one of the program's own sounds: those that ring on the ring device, the others on the speaker, which is
    /// opened for it where it is closed. A sound that already plays starts again.
    pub fn play(&self, sound: Sound) {
        self.tell(Command::Play(sound));
    }

    /// Stops a sound; the only way to end one that repeats.
    pub fn stop_sound(&self, sound: Sound) {
        self.tell(Command::Silence(sound));
    }

    /// How loud the program's own sounds are, percent, 0…200; all but [`Sound::Test`]. 100 at first.
    pub fn set_sound_volume(&self, percent: u8) {
        self.tell(Command::SoundVolume(percent));
    }

    /// Keeps the last [`LONGEST`](crate::dsp::replay::LONGEST) of what is heard of the others, in memory only; or erases
    /// it and keeps nothing more.
    pub fn keep_heard(&self, keep: bool) {
        self.tell(Command::KeepHeard(keep));
    }

    /// Plays what was kept once more on the speaker, over the sound that goes on, which is lowered; or stops that.
    pub fn replay(&self, on: bool) {
        self.tell(Command::Replay(on));
    }

    /// How much of a replay is still to come; `None` while there is none.
    pub fn replaying(&self) -> Option<Duration> {
        self.shared.lock().replaying
    }
}
