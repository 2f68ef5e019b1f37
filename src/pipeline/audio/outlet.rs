//! What is sent: from the microphone's ticks to packets for every output.

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use crate::codec::opus::{Encoder, EncoderConfig, FRAME, NOTHING};
use crate::dsp::level::Meter;
use crate::dsp::mix;
use crate::model::encoded::EncodedAudio;
use crate::model::sound::{TICK, Tick};
use crate::pipeline::audio::AudioCounts;

/// The sending half of the engine.
pub(super) struct Outlet {
    encoder: Option<Encoder>,
    outputs: Vec<(u64, Sender<EncodedAudio>)>,
    frame: Vec<f32>,
    sample: u64,
    gain: f32,
    /// The last packet said that nobody speaks.
    pause: bool,
    /// Send silence.
    pub(super) muted: bool,
    /// Of what is sent.
    pub(super) meter: Meter,
}

impl Outlet {
    /// One without outputs.
    pub(super) fn new(config: EncoderConfig, muted: bool) -> Self {
        let encoder = Encoder::new(config)
            .inspect_err(|error| tracing::error!(%error, "no opus encoder; nothing will be heard on the other side"))
            .ok();
        let gain = if muted { 0.0 } else { 1.0 };
        Self {
            encoder,
            outputs: Vec::new(),
            frame: Vec::with_capacity(FRAME),
            sample: 0,
            gain,
            pause: false,
            muted,
            meter: Meter::new(),
        }
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
        self.sample += self.frame.len() as u64 + ticks * TICK as u64;
        self.frame.clear();
    }

    pub(super) fn encoder(&mut self) -> Option<&mut Encoder> {
        self.encoder.as_mut()
    }

    /// Sends 10 ms of the microphone, and of the computer's own sound, which muting leaves alone; every second one
    /// completes a packet.
    pub(super) fn send(&mut self, tick: &mut Tick, computer: &Tick, counts: &mut AudioCounts) {
        // One tick of fading, so that muting is not heard as a click.
        let gain = if self.muted { 0.0 } else { 1.0 };
        mix::glide(tick, self.gain, gain);
        mix::add(tick, computer, 1.0);
        mix::limit(tick);
        self.gain = gain;
        self.meter.hear(tick);
        self.outputs.retain(|(_, packets)| !packets.is_closed());
        if self.outputs.is_empty() {
            return self.pass(1);
        }
        self.frame.extend_from_slice(tick);
        if self.frame.len() < FRAME {
            return;
        }
        let sample = self.sample;
        self.sample += FRAME as u64;
        let encoded = self.encoder.as_mut().map(|encoder| encoder.encode(&self.frame));
        self.frame.clear();
        let data = match encoded {
            Some(Ok(data)) => data,
            Some(Err(error)) => return tracing::warn!(%error, "20 ms of sound were not sent"),
            None => return,
        };
        // The first one tells the other side of the pause; the clock of the stream goes on.
        if std::mem::replace(&mut self.pause, data.len() <= NOTHING) && self.pause {
            return;
        }
        counts.encoded += 1;
        for (_, packets) in &self.outputs {
            // overflow: drop this packet, counted; the other side conceals it.
            let packet = EncodedAudio { data: data.clone(), sample, samples: FRAME as u32 };
            if let Err(TrySendError::Full(_)) = packets.try_send(packet) {
                counts.dropped += 1;
            }
        }
    }
}
