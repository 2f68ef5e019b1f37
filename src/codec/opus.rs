//! Opus (RFC 6716): 48 kHz, packets of 10 to 60 ms; for speech mono with in-band forward error correction, for music stereo.
//!
//! `opus/48000/2` in a description (RFC 7587 §4.1) says nothing about the channels really sent: each packet says it for
//! itself ([`is_stereo`]). A decoder made for one channel takes stereo packets too and mixes them down. Samples of two
//! channels are interleaved, left first.

use bytes::Bytes;

use crate::model::sound::{RATE, TICK};

/// Samples a packet may be made of: 10, 20, 40, 60 ms.
pub const LENGTHS: [usize; 4] = [TICK, 2 * TICK, 4 * TICK, 6 * TICK];

/// Most samples one packet can hold: 120 ms (RFC 6716 §3.2.5).
pub const MAX_FRAME: usize = 12 * TICK;

/// A packet no longer than this says only that nobody speaks.
pub const NOTHING: usize = 2;

/// Samples that what is decoded lags behind what was encoded (the encoder looks ahead).
pub const LOOKAHEAD: usize = 312;

/// Largest packet the encoder makes; RFC 6716 §3.2.1 allows 1275 bytes a frame.
const MAX_PACKET: usize = 1275;

/// Why a packet could not be made or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpusError {
    /// The bytes are no Opus packet; hold or conceal instead.
    #[error("not an opus packet: {0}")]
    Malformed(String),
    /// None of [`LENGTHS`].
    #[error("no opus packet is made of {0} samples a channel")]
    Length(usize),
    /// The library refused.
    #[error("opus failed: {0}")]
    Library(String),
}

fn library(error: ::opus::Error) -> OpusError {
    OpusError::Library(error.to_string())
}

/// How to encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderConfig {
    /// Aim of the variable bitrate, bits a second (RFC 6716 §2.1.1: 6000…510,000).
    pub bitrate_bps: u32,
    /// Loss to be ready for, percent: more of it moves bits from the sound itself to error correction.
    pub loss_percent: u8,
    /// Two channels, and nothing that helps only speech.
    pub music: bool,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self { bitrate_bps: 32_000, loss_percent: 5, music: false }
    }
}

/// Makes packets.
#[derive(Debug)]
pub struct Encoder {
    inner: ::opus::Encoder,
    channels: usize,
    packet: [u8; MAX_PACKET],
}

impl Encoder {
    /// Variable bitrate, no discontinuous transmission; for speech with in-band error correction.
    ///
    /// # Errors
    /// [`OpusError::Library`] where the library refuses a setting.
    pub fn new(config: EncoderConfig) -> Result<Self, OpusError> {
        use ::opus::{Application, Channels, Signal};
        let (channels, application, signal) = match config.music {
            true => (Channels::Stereo, Application::Audio, Signal::Music),
            // Without this hint anything that is not clearly speech is coded in a way that carries no error correction.
            false => (Channels::Mono, Application::Voip, Signal::Voice),
        };
        let mut inner = ::opus::Encoder::new(RATE, channels, application).map_err(library)?;
        inner.set_signal(signal).map_err(library)?;
        inner.set_vbr(true).map_err(library)?;
        inner.set_inband_fec(!config.music).map_err(library)?;
        inner.set_dtx(false).map_err(library)?;
        let channels = if config.music { 2 } else { 1 };
        let mut encoder = Self { inner, channels, packet: [0; MAX_PACKET] };
        encoder.set_bitrate(config.bitrate_bps)?;
        encoder.set_loss_percent(config.loss_percent)?;
        Ok(encoder)
    }

    /// Encodes one of [`LENGTHS`], samples a channel; each packet may be of another.
    ///
    /// # Errors
    /// [`OpusError::Length`] for any other number; [`OpusError::Library`].
    pub fn encode(&mut self, samples: &[f32]) -> Result<Bytes, OpusError> {
        if !LENGTHS.iter().any(|length| length * self.channels == samples.len()) {
            return Err(OpusError::Length(samples.len() / self.channels));
        }
        let length = self.inner.encode_float(samples, &mut self.packet).map_err(library)?;
        Ok(Bytes::copy_from_slice(&self.packet[..length]))
    }

    /// Aims at another bitrate, clamped to what Opus knows; acts from the next packet on.
    ///
    /// # Errors
    /// [`OpusError::Library`].
    pub fn set_bitrate(&mut self, bps: u32) -> Result<(), OpusError> {
        self.inner.set_bitrate(::opus::Bitrate::Bits(bps.clamp(6_000, 510_000) as i32)).map_err(library)
    }

    /// Makes packets of two bytes or less while nobody speaks, which need not be sent (RFC 6716 §2.1.9), or whole ones all
    /// the time.
    ///
    /// # Errors
    /// [`OpusError::Library`].
    pub fn set_dtx(&mut self, dtx: bool) -> Result<(), OpusError> {
        self.inner.set_dtx(dtx).map_err(library)
    }

    /// Gets ready for this much loss, 0…100 percent.
    ///
    /// # Errors
    /// [`OpusError::Library`].
    pub fn set_loss_percent(&mut self, percent: u8) -> Result<(), OpusError> {
        self.inner.set_packet_loss_perc(i32::from(percent.min(100))).map_err(library)
    }
}

/// Reads packets, and makes up what did not come.
///
/// Every call appends to `out` and returns how many samples a channel it appended; after an error nothing was appended and the
/// decoder goes on with the next packet.
#[derive(Debug)]
pub struct Decoder {
    inner: ::opus::Decoder,
    channels: usize,
    buffer: Box<[f32]>,
}

impl Decoder {
    /// A mono decoder.
    ///
    /// # Errors
    /// [`OpusError::Library`].
    pub fn new() -> Result<Self, OpusError> {
        Self::of(::opus::Channels::Mono, 1)
    }

    /// A stereo decoder: what it appends is interleaved; of mono packets both channels are the same.
    ///
    /// # Errors
    /// [`OpusError::Library`].
    pub fn stereo() -> Result<Self, OpusError> {
        Self::of(::opus::Channels::Stereo, 2)
    }

    fn of(layout: ::opus::Channels, channels: usize) -> Result<Self, OpusError> {
        let inner = ::opus::Decoder::new(RATE, layout).map_err(library)?;
        Ok(Self { inner, channels, buffer: vec![0.0; MAX_FRAME * channels].into() })
    }

    /// Decodes one packet of up to 120 ms.
    ///
    /// # Errors
    /// [`OpusError::Malformed`].
    pub fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> Result<usize, OpusError> {
        // An empty packet would ask the library to conceal instead.
        if packet.is_empty() {
            return Err(OpusError::Malformed("it is empty".to_owned()));
        }
        self.run(packet, MAX_FRAME, false, out)
    }

    /// Recovers the `samples` before `next` from the error correction in `next`; what it does not carry is concealed.
    ///
    /// # Errors
    /// [`OpusError::Malformed`].
    pub fn decode_fec(&mut self, next: &[u8], samples: usize, out: &mut Vec<f32>) -> Result<usize, OpusError> {
        if next.is_empty() {
            return Err(OpusError::Malformed("it is empty".to_owned()));
        }
        self.run(next, whole(samples), true, out)
    }

    /// Makes up about `samples` of sound (a multiple of 2.5 ms) from what was last heard, fading out over time.
    ///
    /// # Errors
    /// [`OpusError::Library`].
    pub fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) -> Result<usize, OpusError> {
        self.run(&[], whole(samples), false, out)
    }

    fn run(&mut self, packet: &[u8], room: usize, fec: bool, out: &mut Vec<f32>) -> Result<usize, OpusError> {
        let length = self
            .inner
            .decode_float(packet, &mut self.buffer[..room * self.channels], fec)
            .map_err(|e| OpusError::Malformed(e.to_string()))?;
        out.extend_from_slice(&self.buffer[..length * self.channels]);
        Ok(length)
    }
}

/// Concealment comes in units of 2.5 ms.
fn whole(samples: usize) -> usize {
    (samples / 120 * 120).clamp(120, MAX_FRAME)
}

/// Samples of 48 kHz a packet holds.
///
/// # Errors
/// [`OpusError::Malformed`].
pub fn samples_in(packet: &[u8]) -> Result<usize, OpusError> {
    if packet.is_empty() {
        return Err(OpusError::Malformed("it is empty".to_owned()));
    }
    ::opus::packet::get_nb_samples(packet, RATE).map_err(|e| OpusError::Malformed(e.to_string()))
}

/// Whether two channels are inside (RFC 6716 §3.1).
pub fn is_stereo(packet: &[u8]) -> bool {
    packet.first().is_some_and(|toc| toc & 4 != 0)
}

/// Whether the error correction for the packet before can be inside: SILK or hybrid mode (RFC 6716 §2.1.7, §3.1).
pub fn may_carry_fec(packet: &[u8]) -> bool {
    packet.first().is_some_and(|toc| toc >> 3 < 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20 ms.
    const FRAME: usize = 2 * TICK;

    fn sine(from: usize, length: usize) -> Vec<f32> {
        (from..from + length).map(|n| (n as f32 * std::f32::consts::TAU * 440.0 / RATE as f32).sin() * 0.5).collect()
    }

    fn power(samples: &[f32]) -> f32 {
        samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32
    }

    #[test]
    fn a_tone_survives_the_codec() {
        let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
        let mut decoder = Decoder::new().unwrap();
        let mut out = Vec::new();
        for n in 0..50 {
            let packet = encoder.encode(&sine(n * FRAME, FRAME)).unwrap();
            assert_eq!(samples_in(&packet), Ok(FRAME));
            assert_eq!(decoder.decode(&packet, &mut out), Ok(FRAME));
        }
        let heard = power(&out[out.len() / 2..]);
        assert!((heard - 0.125).abs() < 0.02, "power {heard}");
    }

    #[test]
    fn it_lags_by_what_it_looks_ahead() {
        for music in [false, true] {
            let mut encoder = Encoder::new(EncoderConfig { music, ..EncoderConfig::default() }).unwrap();
            assert_eq!(encoder.inner.get_lookahead().unwrap(), LOOKAHEAD as i32);
        }
    }

    #[test]
    fn music_keeps_its_channels_and_a_mono_decoder_mixes_them() {
        let config = EncoderConfig { music: true, bitrate_bps: 128_000, ..EncoderConfig::default() };
        let mut encoder = Encoder::new(config).unwrap();
        let (mut both, mut one) = (Decoder::stereo().unwrap(), Decoder::new().unwrap());
        let (mut out, mut mixed, mut bytes) = (Vec::new(), Vec::new(), 0);
        for n in 0..50 {
            // Left only.
            let frame: Vec<f32> = sine(n * FRAME, FRAME).into_iter().flat_map(|s| [s, 0.0]).collect();
            let packet = encoder.encode(&frame).unwrap();
            assert!(is_stereo(&packet));
            bytes += packet.len();
            assert_eq!(both.decode(&packet, &mut out), Ok(FRAME));
            assert_eq!(one.decode(&packet, &mut mixed), Ok(FRAME));
        }
        assert_eq!((out.len(), mixed.len()), (50 * 2 * FRAME, 50 * FRAME));
        let [left, right] =
            [0, 1].map(|side| -> Vec<f32> { out[FRAME..].iter().skip(side).step_by(2).copied().collect() });
        assert!((power(&left[24_000..]) - 0.125).abs() < 0.01 && power(&right[24_000..]) < 0.000_1);
        assert!((power(&mixed[24_000..]) - 0.031).abs() < 0.005, "{}", power(&mixed[24_000..]));
        assert!(bytes > 5_000, "{bytes} bytes a second");
        let mono = Encoder::new(EncoderConfig::default()).unwrap().encode(&sine(0, FRAME)).unwrap();
        assert!(!is_stereo(&mono));
    }

    #[test]
    fn a_lost_packet_comes_back_from_the_next_one() {
        let mut encoder = Encoder::new(EncoderConfig { loss_percent: 20, ..EncoderConfig::default() }).unwrap();
        let mut decoder = Decoder::new().unwrap();
        let packets: Vec<_> = (0..40).map(|n| encoder.encode(&sine(n * FRAME, FRAME)).unwrap()).collect();
        let mut out = Vec::new();
        for packet in &packets[..30] {
            decoder.decode(packet, &mut out).unwrap();
        }
        out.clear();
        assert!(may_carry_fec(&packets[31]));
        assert_eq!(decoder.decode_fec(&packets[31], FRAME, &mut out), Ok(FRAME));
        assert!(power(&out) > 0.05);
        assert_eq!(decoder.conceal(TICK, &mut out), Ok(TICK));
    }

    #[test]
    fn each_packet_may_be_of_another_length() {
        let (mut encoder, mut decoder) = (Encoder::new(EncoderConfig::default()).unwrap(), Decoder::new().unwrap());
        let (mut out, mut from) = (Vec::new(), 0);
        for length in LENGTHS.into_iter().cycle().take(40) {
            let packet = encoder.encode(&sine(from, length)).unwrap();
            assert_eq!((samples_in(&packet), decoder.decode(&packet, &mut out)), (Ok(length), Ok(length)));
            from += length;
        }
        let heard = power(&out[out.len() / 2..]);
        assert!((heard - 0.125).abs() < 0.02, "power {heard}");
    }

    #[test]
    fn malformed_packets_are_errors_and_the_decoder_goes_on() {
        let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
        let mut decoder = Decoder::new().unwrap();
        let mut out = Vec::new();
        // Code 3 with no frame count; code 1 with an odd rest; more than 120 ms; nothing.
        for bad in [&[0x03][..], &[0x01, 1, 2, 3][..], &[0x1b, 0x3f][..], &[][..]] {
            assert!(matches!(decoder.decode(bad, &mut out), Err(OpusError::Malformed(_))), "{bad:?}");
        }
        assert!(out.is_empty());
        let good = encoder.encode(&sine(0, FRAME)).unwrap();
        assert_eq!(decoder.decode(&good, &mut out), Ok(FRAME));
        assert_eq!(encoder.encode(&[0.0; 7]), Err(OpusError::Length(7)));
    }
}
