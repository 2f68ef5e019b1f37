//! One peer's sound: packets in, 10 ms of sound at its volume out.

use std::sync::Arc;
use std::time::Instant;

use crate::codec::opus::{Decoder, OpusError, may_carry_fec};
use crate::dsp::jitter::{Decode, JitterBuffer};
use crate::dsp::level::{Meter, dbfs, rms};
use crate::dsp::mix;
use crate::model::sound::{SILENCE, TICK, Tick};
use crate::pipeline::audio::{InputStats, Queue};

/// Louder than this is taken for speech, dBFS (RMS of a tick).
const SPEECH: f64 = -45.0;
/// Ticks of speech until somebody is speaking: 300 ms.
const BEGIN: u32 = 30;
/// Ticks without until nobody is: 500 ms. Pauses between words are shorter.
const END: u32 = 50;

struct Opus(Decoder);

impl Decode for Opus {
    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> Option<usize> {
        self.0.decode(packet, out).ok()
    }

    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<f32>) -> Option<usize> {
        if may_carry_fec(next) { self.0.decode_fec(next, samples, out).ok() } else { None }
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        // Refused for no state of a decoder there is; the buffer then plays silence.
        let _ = self.0.conceal(samples, out);
    }
}

/// Whether somebody speaks, from the level alone.
#[derive(Debug, Default)]
struct Speech {
    loud: u32,
    quiet: u32,
    speaking: bool,
}

impl Speech {
    fn hear(&mut self, tick: &Tick) -> bool {
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

/// The receiving half for one peer.
pub(super) struct Input {
    /// The caller's number.
    pub(super) id: u64,
    queue: Arc<Queue>,
    buffer: JitterBuffer<Opus>,
    gain: f32,
    volume: f32,
    meter: Meter,
    speech: Speech,
    speaking: bool,
    overflowed: u64,
}

impl Input {
    pub(super) fn new(id: u64, queue: Arc<Queue>) -> Result<Self, OpusError> {
        Ok(Self {
            id,
            queue,
            buffer: JitterBuffer::new(Opus(Decoder::new()?)),
            gain: 1.0,
            volume: 1.0,
            meter: Meter::new(),
            speech: Speech::default(),
            speaking: false,
            overflowed: 0,
        })
    }

    pub(super) fn set_volume(&mut self, percent: u8) {
        self.volume = mix::gain(percent);
    }

    /// Takes what has come and adds the 10 ms that are due to the mix.
    pub(super) fn play(&mut self, now: Instant, mixed: &mut Tick) {
        let packets = {
            let mut waiting = self.queue.lock();
            self.overflowed = waiting.overflowed;
            std::mem::take(&mut waiting.packets)
        };
        for packet in packets {
            self.buffer.insert(packet);
        }
        let mut tick = SILENCE;
        self.buffer.pull(now, &mut tick);
        // Speech is speech, however quiet somebody made it here.
        self.speaking = self.speech.hear(&tick);
        mix::glide(&mut tick, self.gain, self.volume);
        self.gain = self.volume;
        self.meter.hear(&tick);
        mix::add(&mut mixed[..TICK], &tick, 1.0);
    }

    pub(super) fn stats(&self) -> InputStats {
        let s = self.buffer.stats();
        InputStats {
            packets: s.packets,
            lost: s.lost,
            recovered: s.recovered,
            overflowed: self.overflowed,
            malformed: s.malformed,
            samples: s.samples,
            concealed: s.concealed,
            concealed_share: s.concealed as f64 / s.samples.max(1) as f64,
            removed: s.removed,
            inserted: s.inserted,
            jitter_buffer_ms: s.delay_ms,
            target_ms: s.target_ms,
            level: self.meter.level(),
            level_dbfs: self.meter.rms_dbfs(),
            speaking: self.speaking,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
