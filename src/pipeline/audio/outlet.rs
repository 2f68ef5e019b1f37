//! What is sent: from the microphone's ticks to packets for every output.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use crate::codec::opus::{Encoder, EncoderConfig, LENGTHS, LOOKAHEAD, NOTHING};
use crate::dsp::level::Meter;
use crate::dsp::limiter::Limiter;
use crate::dsp::mix;
use crate::model::encoded::EncodedAudio;
use crate::model::sound::{MUSIC_BPS, Pair, RATE, TICK, Tick};
use crate::pipeline::audio::AudioCounts;

/// The coder's own delay.
const LAG: Duration = Duration::from_nanos(LOOKAHEAD as u64 * 1_000_000_000 / RATE as u64);

/// The sending half of the engine.
pub(super) struct Outlet {
    config: EncoderConfig,
    encoder: Option<Encoder>,
    outputs: Vec<(u64, Sender<EncodedAudio>)>,
    /// What waits to be encoded: of music, left and right in turn.
    frame: Vec<f32>,
    /// Samples a channel that the packet in the making, and the next one, are to have.
    length: usize,
    next_length: usize,
    sample: u64,
    /// When the first sample of `frame` was captured.
    at: Option<Instant>,
    gain: f32,
    limiter: Limiter,
    /// Nothing is sent while nobody speaks.
    pauses: bool,
    /// The last packet said that nobody speaks.
    pause: bool,
    /// Send silence.
    pub(super) muted: bool,
    /// Of what is sent.
    pub(super) meter: Meter,
}

/// Music gets four times what speech has, up to what is enough for it: on a weak line it is to stay the smaller part.
fn in_force(config: EncoderConfig) -> EncoderConfig {
    let bitrate_bps = if config.music { (config.bitrate_bps * 4).min(MUSIC_BPS) } else { config.bitrate_bps };
    EncoderConfig { bitrate_bps, ..config }
}

fn encoder(config: EncoderConfig) -> Option<Encoder> {
    Encoder::new(config)
        .inspect_err(|error| tracing::error!(%error, "no opus encoder; nothing will be heard on the other side"))
        .ok()
}

impl Outlet {
    /// One without outputs.
    pub(super) fn new(config: EncoderConfig, muted: bool) -> Self {
        Self {
            config,
            encoder: encoder(in_force(config)),
            outputs: Vec::new(),
            frame: Vec::new(),
            length: 2 * TICK,
            next_length: 2 * TICK,
            sample: 0,
            at: None,
            gain: if muted { 0.0 } else { 1.0 },
            limiter: Limiter::default(),
            pauses: false,
            pause: false,
            muted,
            meter: Meter::new(),
        }
    }

    /// Sends music, in stereo, from the next 10 ms on; or speech.
    pub(super) fn set_music(&mut self, music: bool) {
        if self.config.music == music {
            return;
        }
        self.config.music = music;
        self.encoder = encoder(in_force(self.config));
        self.set_pauses(self.pauses);
        self.frame = match music {
            true => self.frame.iter().flat_map(|sample| [*sample; 2]).collect(),
            false => self.frame.chunks_exact(2).map(|both| (both[0] + both[1]) * 0.5).collect(),
        };
    }

    /// Two channels are sent.
    pub(super) fn is_stereo(&self) -> bool {
        self.config.music
    }

    /// Aims at this bitrate for speech, bits a second, and more for music.
    pub(super) fn set_bitrate(&mut self, bps: u32) {
        self.config.bitrate_bps = bps;
        let bps = in_force(self.config).bitrate_bps;
        self.encoder.as_mut().map(|encoder| encoder.set_bitrate(bps));
    }

    /// Sends nothing while nobody speaks, or all the time. Music has no such pauses.
    pub(super) fn set_pauses(&mut self, pauses: bool) {
        self.pauses = pauses;
        let pauses = pauses && !self.config.music;
        self.encoder.as_mut().map(|encoder| encoder.set_dtx(pauses));
    }

    /// Gets ready for this much loss, percent.
    pub(super) fn set_loss_percent(&mut self, percent: u8) {
        self.config.loss_percent = percent;
        self.encoder.as_mut().map(|encoder| encoder.set_loss_percent(percent));
    }

    /// Puts so many milliseconds into each packet from the next one on: the longest of [`LENGTHS`] that is not longer.
    pub(super) fn set_packet_ms(&mut self, ms: u8) {
        let samples = usize::from(ms) * TICK / 10;
        self.next_length = LENGTHS.into_iter().rev().find(|length| *length <= samples).unwrap_or(TICK);
    }

    pub(super) fn add(&mut self, id: u64, packets: Sender<EncodedAudio>) {
        self.remove(id);
        self.outputs.push((id, packets));
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.outputs.retain(|(other, _)| *other != id);
    }

    /// Nothing is sent anywhere.
    pub(super) fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// So many ticks were left out; the clock of the stream goes on, so that an output added later sees true media time.
    pub(super) fn pass(&mut self, ticks: u64) {
        self.sample += (self.frame.len() / self.channels()) as u64 + ticks * TICK as u64;
        self.frame.clear();
    }

    fn channels(&self) -> usize {
        if self.config.music { 2 } else { 1 }
    }

    /// Nothing is sent for a while: whatever comes afterwards begins in silence. A fade from before would let out what is
    /// muted by then.
    pub(super) fn rest(&mut self) {
        (self.meter, self.gain) = (Meter::new(), 0.0);
    }

    /// Sends 10 ms of the microphone, and of the computer's own sound, which muting leaves alone, once a packet is
    /// complete. Of speech, only the first channel counts. `at`: when the first sample was captured.
    pub(super) fn send(&mut self, pair: &mut Pair, computer: &Tick, at: Instant, counts: &mut AudioCounts) {
        // One tick of fading, so that muting is not heard as a click.
        let gain = if self.muted { 0.0 } else { 1.0 };
        let channels = self.channels();
        for tick in &mut pair[..channels] {
            mix::glide(tick, self.gain, gain);
            mix::add(tick, computer, 1.0);
        }
        self.gain = gain;
        let [left, right] = pair;
        let from = self.frame.len();
        if from == 0 {
            self.at = Some(at);
            self.length = self.next_length;
        }
        match self.config.music {
            true => {
                self.limiter.process(&mut [left, right]);
                self.frame.extend(left.iter().zip(right.iter()).flat_map(|(left, right)| [*left, *right]));
            }
            false => {
                self.limiter.process(&mut [left]);
                self.frame.extend_from_slice(left);
            }
        }
        self.meter.hear(&self.frame[from..]);
        self.outputs.retain(|(_, packets)| !packets.is_closed());
        if self.outputs.is_empty() {
            return self.pass(0);
        }
        if self.frame.len() < self.length * channels {
            return;
        }
        // What is decoded under this timestamp was heard a little before what is encoded under it.
        let first = self.at.take().unwrap_or(at);
        let at = first.checked_sub(LAG).unwrap_or(first);
        let sample = self.sample;
        self.sample += self.length as u64;
        let encoded = self.encoder.as_mut().map(|encoder| encoder.encode(&self.frame));
        self.frame.clear();
        let data = match encoded {
            Some(Ok(data)) => data,
            Some(Err(error)) => return tracing::warn!(%error, "a packet of sound was not sent"),
            None => return,
        };
        // The first one tells the other side of the pause; the clock of the stream goes on.
        if std::mem::replace(&mut self.pause, data.len() <= NOTHING) && self.pause {
            return;
        }
        counts.encoded += 1;
        for (_, packets) in &self.outputs {
            // overflow: drop this packet, counted; the other side conceals it.
            let packet = EncodedAudio { data: data.clone(), sample, samples: self.length as u32, at };
            if let Err(TrySendError::Full(_)) = packets.try_send(packet) {
                counts.dropped += 1;
            }
        }
    }
}
