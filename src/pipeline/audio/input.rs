//! One peer's sound: packets in, 10 ms of sound at its volume out.

use std::sync::Arc;
use std::time::Instant;

use crate::codec::opus::{Decoder, OpusError, may_carry_fec};
use crate::dsp::jitter::{Decode, JitterBuffer};
use crate::dsp::level::Meter;
use crate::dsp::levelling::Levelling;
use crate::dsp::mix;
use crate::dsp::speech::Speech;
use crate::model::sound::{SILENCE, TICK, Tick};
use crate::pipeline::audio::{InputStats, Queue};

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
    levelling: Levelling,
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
            levelling: Levelling::default(),
            overflowed: 0,
        })
    }

    pub(super) fn set_volume(&mut self, percent: u8) {
        self.volume = mix::gain(percent);
    }

    /// Takes what has come and adds the 10 ms that are due to the mix; `level`: at the loudness of the others.
    pub(super) fn play(&mut self, now: Instant, level: bool, mixed: &mut Tick) {
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
        match level {
            true => self.levelling.apply(&mut tick, self.speaking),
            false => self.levelling.leave(&mut tick),
        }
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
            copies: s.copies,
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
