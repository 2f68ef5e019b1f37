//! What a person does at a microphone, in virtual time: a made voice with syllables, sentences and pauses in a room
//! that is never quite silent.

use std::f32::consts::TAU;
use std::sync::OnceLock;

use super::*;
use crate::model::sound::{RATE, SILENCE, TICK};

fn dice(seed: &mut u32) -> f32 {
    *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    (*seed >> 8) as f32 / (1 << 23) as f32 - 1.0
}

/// A minute of speech at about −26 dBFS while it lasts: pulses of a voice through two resonances of a mouth, syllables of
/// 100 to 250 ms with hisses before them, sentences of some seconds, pauses of up to two.
fn minute() -> &'static [Tick] {
    static MINUTE: OnceLock<Vec<Tick>> = OnceLock::new();
    MINUTE.get_or_init(|| {
        let (mut seed, mut out, mut phase) = (9, Vec::<f32>::new(), 0.0f32);
        while out.len() < 60 * RATE as usize {
            for syllable in 0..12 {
                let hiss = 2_000 + (dice(&mut seed).abs() * 3_000.0) as usize;
                out.extend((0..hiss).map(|_| 0.02 * dice(&mut seed)));
                let length = 4_800 + (dice(&mut seed).abs() * 7_200.0) as usize;
                let pitch = 120.0 - 3.0 * syllable as f32 + 10.0 * dice(&mut seed);
                let mouth = [500.0 + 250.0 * dice(&mut seed), 1_500.0 + 500.0 * dice(&mut seed)];
                let mut states = [[0.0f32; 2]; 2];
                for n in 0..length {
                    phase = (phase + pitch / RATE as f32).fract();
                    let pulse = if phase < 0.1 { 1.0 } else { -0.1 };
                    let shape = (n as f32 / 1_000.0).min((length - n) as f32 / 2_000.0).min(1.0);
                    let mut voice = 0.0;
                    for (hertz, state) in mouth.iter().zip(&mut states) {
                        let turn: f32 = TAU * hertz / RATE as f32;
                        let next = 0.01 * pulse + 1.97 * turn.cos() * state[0] - 0.9702 * state[1];
                        *state = [next, state[0]];
                        voice += next;
                    }
                    out.push(shape * voice);
                }
            }
            out.extend(std::iter::repeat_n(0.0, 9_600 + (dice(&mut seed).abs() * 86_000.0) as usize));
        }
        out.truncate(60 * RATE as usize);
        let loud: Vec<f32> = out.iter().copied().filter(|s| s.abs() > 0.001).collect();
        let gain = 0.05 / rms(&loud);
        out.chunks_exact(TICK).map(|tick| std::array::from_fn(|n| tick[n] * gain)).collect()
    })
}

/// Somebody in a room: speaks, or is silent and makes the noises one makes.
struct Room {
    seed: u32,
    at: usize,
}

impl Room {
    fn new() -> Self {
        Self { seed: 5, at: 0 }
    }

    /// So many seconds, at this loudness of the voice; the first trouble that was told, and when.
    fn spend(
        &mut self,
        watch: &mut Watch,
        seconds: usize,
        voice: f32,
        muted: bool,
    ) -> Option<(usize, MicrophoneTrouble)> {
        let mut told = None;
        for n in 0..seconds * 100 {
            let said = &minute()[self.at % minute().len()];
            self.at += 1;
            // Every twenty seconds a key is struck, every fifty somebody coughs or a cup is put down.
            let knock = if n % 2_000 < 3 {
                0.05
            } else if n % 5_000 < 30 {
                0.02
            } else {
                0.0
            };
            let tick: Tick =
                std::array::from_fn(|n| (said[n] * voice + (0.0005 + knock) * dice(&mut self.seed)).clamp(-1.0, 1.0));
            let heard = watch.hear(&tick, &tick, muted);
            told = told.or(heard.map(|trouble| (n, trouble)));
        }
        told
    }
}

#[test]
fn a_good_half_hour_of_talking_and_listening_is_never_interrupted() {
    let (mut watch, mut room) = (Watch::default(), Room::new());
    // A usual voice, one that leans back, one that is close; between them, one listens, muted or not.
    for (minutes, voice, muted) in [
        (5, 1.0, false),
        (3, 0.0, false),
        (4, 0.25, false),
        (4, 0.0, true),
        (5, 1.6, false),
        (2, 0.0, true),
        (7, 1.0, false),
    ] {
        let told = room.spend(&mut watch, 60 * minutes, voice, muted);
        assert_eq!(told, None, "{minutes} minutes at {voice}, muted {muted}");
    }
}

#[test]
fn each_trouble_of_a_voice_is_told_within_seconds() {
    use MicrophoneTrouble::{Clips, Muted, Quiet, Silent};
    let after = |before: f32, seconds, voice, muted| {
        let (mut watch, mut room) = (Watch::default(), Room::new());
        assert_eq!(room.spend(&mut watch, 30, before, false), None);
        room.spend(&mut watch, seconds, voice, muted)
    };
    assert!(matches!(after(1.0, 6, 1.0, true), Some((_, Muted))), "speaks while muted");
    assert!(matches!(after(0.0, 30, 0.05, false), Some((_, Quiet))), "speaks far too quietly");
    assert!(matches!(after(1.0, 6, 25.0, false), Some((_, Clips))), "shouts into it");
    // The cable is pulled out in the middle of a word.
    let (mut watch, mut room) = (Watch::default(), Room::new());
    assert_eq!(room.spend(&mut watch, 30, 1.0, false), None);
    let told = (0..600).find(|_| watch.hear(&SILENCE, &SILENCE, false) == Some(Silent));
    assert_eq!(told, Some(499), "after five seconds");
}

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
