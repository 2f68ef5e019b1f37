//! One peer's sound: packets in, 10 ms of sound at its volume out.

use std::sync::Arc;
use std::time::Instant;

use crate::codec::opus::{Decoder, OpusError, is_stereo, may_carry_fec};
use crate::dsp::jitter::{Decode, JitterBuffer};
use crate::dsp::level::{Meter, rms};
use crate::dsp::levelling::Levelling;
use crate::dsp::mix;
use crate::dsp::speech::Speech;
use crate::model::sound::{Pair, SILENCE};
use crate::pipeline::audio::{InputStats, Queue};
use crate::pipeline::sync::{Lips, Listener};

/// Decodes what each packet says it is: mono, or stereo as middle and side.
struct Opus {
    mono: Decoder,
    /// There from a stereo packet to the next mono one.
    stereo: Option<Decoder>,
    both: Vec<f32>,
}

impl Opus {
    fn new() -> Result<Self, OpusError> {
        Ok(Self { mono: Decoder::new()?, stereo: None, both: Vec::new() })
    }

    /// Runs the decoder of the stream as it is now; appends the middle.
    fn run(
        &mut self,
        out: &mut Vec<f32>,
        with: impl FnOnce(&mut Decoder, &mut Vec<f32>) -> Result<usize, OpusError>,
    ) -> Option<usize> {
        self.both.clear();
        let Some(stereo) = &mut self.stereo else { return with(&mut self.mono, out).ok() };
        let made = with(stereo, &mut self.both).ok()?;
        out.extend(self.both.chunks_exact(2).map(|both| (both[0] + both[1]) * 0.5));
        Some(made)
    }
}

impl Decode for Opus {
    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> Option<usize> {
        match (is_stereo(packet), self.stereo.is_some()) {
            // Where there is no second decoder, the first mixes.
            (true, false) => self.stereo = Decoder::stereo().ok(),
            (false, true) => self.stereo = None,
            _ => {}
        }
        self.run(out, |decoder, out| decoder.decode(packet, out))
    }

    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<f32>) -> Option<usize> {
        if may_carry_fec(next) { self.run(out, |decoder, out| decoder.decode_fec(next, samples, out)) } else { None }
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        // Refused for no state of a decoder there is; the buffer then plays silence.
        let _ = self.run(out, |decoder, out| decoder.conceal(samples, out));
    }

    fn side(&mut self, out: &mut Vec<f32>) {
        out.extend(self.both.chunks_exact(2).map(|both| (both[0] - both[1]) * 0.5));
    }
}

/// A side this strong, of the middle, is meant: music, or a room in stereo, and no voice.
const MUSIC: f32 = 0.1;

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
    listener: Option<Listener>,
}

impl Input {
    pub(super) fn new(id: u64, queue: Arc<Queue>) -> Result<Self, OpusError> {
        Ok(Self {
            id,
            queue,
            buffer: JitterBuffer::new(Opus::new()?),
            gain: 1.0,
            volume: 1.0,
            meter: Meter::new(),
            speech: Speech::default(),
            speaking: false,
            levelling: Levelling::default(),
            overflowed: 0,
            listener: None,
        })
    }

    pub(super) fn set_volume(&mut self, percent: u8) {
        self.volume = mix::gain(percent);
    }

    /// Tells there where its sound is.
    pub(super) fn listen(&mut self, lips: Arc<Lips>) {
        self.listener = Some(Listener::new(lips));
    }

    /// Takes what has come and adds the 10 ms that are due to the mix, and are `heard` then; `level`: at the loudness of the
    /// others. Whether it is in stereo.
    pub(super) fn play(&mut self, now: Instant, heard: Instant, level: bool, mixed: &mut Pair) -> bool {
        let packets = {
            let mut waiting = self.queue.lock();
            self.overflowed = waiting.overflowed;
            std::mem::take(&mut waiting.packets)
        };
        for packet in packets {
            self.buffer.insert(packet);
        }
        if let Some(listener) = &self.listener {
            self.buffer.wait_longer(listener.wait(now));
        }
        let mut tick = SILENCE;
        self.buffer.pull(now, &mut tick);
        if let Some(listener) = &mut self.listener {
            listener.hear(self.buffer.position(), heard);
        }
        // Speech is speech, however quiet somebody made it here.
        self.speaking = self.speech.hear(&tick);
        let mut side = self.buffer.side().copied();
        let music = side.is_some_and(|side| rms(&side) > MUSIC * rms(&tick));
        match level && !music {
            true => self.levelling.apply(&mut tick, self.speaking),
            false => self.levelling.leave(&mut tick),
        }
        mix::glide(&mut tick, self.gain, self.volume);
        if let Some(side) = &mut side {
            mix::glide(side, self.gain, self.volume);
        }
        self.gain = self.volume;
        self.meter.hear(&tick);
        for (mixed, sign) in mixed.iter_mut().zip([1.0, -1.0]) {
            mix::add(mixed, &tick, 1.0);
            if let Some(side) = &side {
                mix::add(mixed, side, sign);
            }
        }
        side.is_some()
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
