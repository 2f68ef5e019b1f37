//! Several channels of a microphone made one: those that carry sound.
//!
//! An interface with four inputs and one microphone gives silence on three of them; averaging would make the voice
//! 12 dB quieter, and with a channel turned round in phase cancel it. So each channel's power is watched, and the mean is
//! taken of those that come near the loudest. What was chosen stays while nobody speaks, and changes glide over one
//! block, so that nothing clicks. Allocates nothing: it runs in the callback of a sound card.

/// Most channels that are looked at; a device with more is heard by its first ones.
pub const MOST: usize = 32;

/// A channel this much quieter than the loudest carries no voice (−14 dB, as power).
const NEAR: f32 = 0.04;
/// Below this no channel says anything about which one is spoken into (−80 dBFS, as power).
const SILENT: f32 = 1e-8;
/// Time in which what was heard of a channel is forgotten, seconds.
const MEMORY: f32 = 3.0;
/// Channels that together have less than this share of their own power cancel each other out.
const CANCELLED: f32 = 0.1;

/// Watches the channels of one device.
#[derive(Debug, Clone)]
pub struct Channels {
    channels: usize,
    rate: f32,
    /// Power of each, held.
    power: [f32; MOST],
    /// Power of the mean of those that carry sound, held.
    together: f32,
    /// Share of each in what comes out, at the end of the last block.
    gains: [f32; MOST],
    wanted: [f32; MOST],
}

impl Channels {
    /// For blocks of so many interleaved channels (at least one), at so many frames a second.
    pub fn new(channels: usize, rate: u32) -> Self {
        let channels = channels.max(1);
        let mut gains = [0.0; MOST];
        let used = channels.min(MOST);
        gains[..used].fill(1.0 / used as f32);
        Self { channels, rate: rate.max(1) as f32, power: [0.0; MOST], together: 0.0, gains, wanted: gains }
    }

    /// Interleaved channels in one frame.
    pub fn count(&self) -> usize {
        self.channels
    }

    /// Looks at a block of interleaved samples, each made a number by `sample`, and gives one sample a frame to `out`.
    pub fn mix<T: Copy>(&mut self, block: &[T], sample: impl Fn(T) -> f32, mut out: impl FnMut(f32)) {
        if self.channels == 1 {
            return block.iter().for_each(|one| out(sample(*one)));
        }
        let frames = block.len() / self.channels;
        if frames == 0 {
            return;
        }
        self.look(block, &sample, frames);
        let used = self.channels.min(MOST);
        let step = 1.0 / frames as f32;
        for (n, frame) in block.chunks_exact(self.channels).enumerate() {
            let at = (n + 1) as f32 * step;
            let mut mixed = 0.0;
            for (channel, one) in frame[..used].iter().enumerate() {
                let gain = self.gains[channel] + (self.wanted[channel] - self.gains[channel]) * at;
                mixed += sample(*one) * gain;
            }
            out(mixed);
        }
        self.gains = self.wanted;
    }

    fn look<T: Copy>(&mut self, block: &[T], sample: &impl Fn(T) -> f32, frames: usize) {
        let used = self.channels.min(MOST);
        let (mut power, mut together) = ([0.0f32; MOST], 0.0f32);
        let carries = self.carrying();
        let share = 1.0 / carries[..used].iter().filter(|carries| **carries).count().max(1) as f32;
        for frame in block.chunks_exact(self.channels) {
            let mut sum = 0.0;
            for (channel, one) in frame[..used].iter().enumerate() {
                let one = sample(*one);
                power[channel] += one * one;
                sum += if carries[channel] { one * share } else { 0.0 };
            }
            together += sum * sum;
        }
        let kept = (-(frames as f32) / (self.rate * MEMORY)).exp();
        // What is no number says nothing.
        let hold = |held: f32, now: f32| (held * kept).max(if now.is_finite() { now / frames as f32 } else { 0.0 });
        for (held, now) in self.power[..used].iter_mut().zip(&power) {
            *held = hold(*held, *now);
        }
        self.together = hold(self.together, together);
        self.choose();
    }

    /// The channels that come near the loudest.
    fn carrying(&self) -> [bool; MOST] {
        let used = self.channels.min(MOST);
        let loudest = self.power[..used].iter().copied().fold(0.0, f32::max);
        let mut carries = [false; MOST];
        for (carries, power) in carries[..used].iter_mut().zip(&self.power) {
            *carries = *power >= loudest * NEAR;
        }
        carries
    }

    fn choose(&mut self) {
        let used = self.channels.min(MOST);
        let loudest = self.power[..used].iter().copied().fold(0.0, f32::max);
        if loudest < SILENT {
            return;
        }
        let carries = self.carrying();
        let count = carries[..used].iter().filter(|carries| **carries).count().max(1);
        self.wanted = [0.0; MOST];
        if count > 1 && self.together < CANCELLED * loudest / count as f32 {
            let first = self.power[..used].iter().position(|power| *power >= loudest * 0.5).unwrap_or(0);
            self.wanted[first] = 1.0;
            return;
        }
        for (wanted, carries) in self.wanted[..used].iter_mut().zip(carries) {
            *wanted = if carries { 1.0 / count as f32 } else { 0.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::rms;
    use crate::dsp::tone::Sine;

    const BLOCK: usize = 480;

    /// Seconds of these channels, each a gain on the same tone, through the mixer; its last tenth of a second.
    fn heard(mixer: &mut Channels, gains: &[f32], seconds: usize) -> Vec<f32> {
        let mut sine = Sine::new(440.0, -20.0);
        let mut out = Vec::new();
        for _ in 0..seconds * 100 {
            let mut tone = [0.0; BLOCK];
            sine.fill(&mut tone);
            let block: Vec<f32> = tone.iter().flat_map(|one| gains.iter().map(move |gain| one * gain)).collect();
            mixer.mix(&block, |one| one, |one| out.push(one));
        }
        out.split_off(out.len() - 10 * BLOCK)
    }

    fn level(samples: &[f32]) -> f64 {
        20.0 * f64::from(rms(samples)).log10()
    }

    #[test]
    fn the_one_channel_that_carries_sound_is_heard_at_its_full_level() {
        for carrying in 0..4 {
            let mut gains = [0.0, 0.001, 0.0005, 0.0];
            gains[carrying] = 1.0;
            let mut mixer = Channels::new(4, 48_000);
            let level = level(&heard(&mut mixer, &gains, 1));
            assert!((level + 20.0).abs() < 0.2, "channel {carrying}: {level}");
        }
    }

    #[test]
    fn both_ears_of_a_stereo_microphone_are_heard_together() {
        let mut mixer = Channels::new(2, 44_100);
        let level = level(&heard(&mut mixer, &[1.0, 0.5], 1));
        assert!((level + 22.5).abs() < 0.2, "{level}: the mean of both");
        assert_eq!(mixer.wanted[..2], [0.5, 0.5]);
    }

    #[test]
    fn a_channel_turned_round_does_not_cancel_the_other() {
        let mut mixer = Channels::new(2, 48_000);
        let level = level(&heard(&mut mixer, &[1.0, -1.0], 12));
        assert!((level + 20.0).abs() < 0.2, "{level}");
    }

    #[test]
    fn another_microphone_is_found_and_silence_changes_nothing() {
        let mut mixer = Channels::new(4, 48_000);
        heard(&mut mixer, &[0.0, 0.0, 1.0, 0.0], 1);
        heard(&mut mixer, &[0.0; 4], 60);
        assert_eq!(mixer.wanted[..4], [0.0, 0.0, 1.0, 0.0], "it stays with the one");
        let level = level(&heard(&mut mixer, &[1.0, 0.0, 0.0, 0.0], 1));
        assert!((level + 20.0).abs() < 0.2, "{level}");
    }

    #[test]
    fn nothing_odd_breaks_it() {
        let mut mixer = Channels::new(3, 0);
        let mut out = 0;
        for block in [&[][..], &[1.0], &[f32::NAN; 9], &[f32::INFINITY; 9], &[0.5; 10]] {
            mixer.mix(block, |one| one, |_| out += 1);
        }
        assert_eq!(out, 9);
        assert!(mixer.wanted.iter().all(|gain| gain.is_finite()));
        let many = vec![0.1f32; 64 * 10];
        let mut mixer = Channels::new(64, 48_000);
        mixer.mix(&many, |one| one, |one| assert!((one - 0.1).abs() < 1e-3));
    }
}
