//! H.264 (ITU-T H.264) by OpenH264: Constrained Baseline, one slice a picture, keyframes on demand only.
//!
//! The encoder's settings are those of a live call: no look-ahead, no B pictures, no picture skipped by the rate control
//! (a person sees a missing picture before a coarser one), and no periodic keyframe: a keyframe is many times the size
//! of another picture, so it is sent when a receiver needs it and never else. The bitrate changes while it runs.
//! `native` says them to the library.
//!
//! The decoder is strict: after an error it takes nothing but a keyframe, with a fresh state, so that no picture built on
//! a damaged one is ever shown. Its input is whatever the network brought.

mod native;

use std::time::Instant;

use bytes::Bytes;
use openh264::decoder;
use openh264::formats::YUVSource;

use native::{Native, Planes};

use crate::model::encoded::EncodedVideo;
use crate::model::frame::{FrameError, VideoFrame};
use crate::model::pool::Pooled;

/// What an [`Encoder`] aims at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncoderConfig {
    /// Expected width, pixels; the pictures themselves decide.
    pub width: u32,
    /// Expected height, pixels; the pictures themselves decide.
    pub height: u32,
    /// Expected pictures a second.
    pub fps: f32,
    /// Bits per second.
    pub bitrate_bps: u32,
}

/// Bits per second an encoder can be set to; anything else is brought to the nearest.
pub const BITRATE_RANGE: std::ops::RangeInclusive<u32> = 20_000..=50_000_000;

/// Largest access unit a decoder takes, bytes.
pub const MAX_ACCESS_UNIT: usize = 8 << 20;

/// Why a picture was not encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Larger than the encoder can do (3840 × 2160, either way round), or smaller than 16 × 16.
    #[error("a picture of {0} × {1} cannot be encoded; sides must be from 16 × 16 to 3840 × 2160")]
    Size(u32, u32),
    /// The encoder itself failed.
    #[error("the H.264 encoder failed with code {0}; it starts anew with the next picture")]
    Codec(i64),
}

/// Why an access unit gave no picture. To all of them the answer is: hold the last picture, ask for a keyframe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Damaged, or refers to a picture that never came.
    #[error("damaged H.264 (code {0}); waiting for a keyframe")]
    Damaged(i64),
    /// After an error, or before the first keyframe: this one cannot be decoded.
    #[error("waiting for a keyframe")]
    Waiting,
    /// Too many bytes for one picture.
    #[error("an access unit of {0} bytes is too large; waiting for a keyframe")]
    TooLarge(usize),
    /// A picture of a size we do not show.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Encodes the pictures of one source.
pub struct Encoder {
    config: EncoderConfig,
    /// `None` until a picture can be encoded: the size is not known yet, or the library failed.
    inner: Option<Native>,
    keyframe: bool,
}

fn fits((width, height): (u32, u32)) -> bool {
    let (long, short) = (width.max(height), width.min(height));
    long <= 3840 && (16..=2160).contains(&short)
}

impl Encoder {
    /// An encoder; its first picture will be a keyframe.
    ///
    /// # Errors
    /// [`EncodeError::Codec`] where the library fails.
    pub fn new(config: EncoderConfig) -> Result<Self, EncodeError> {
        let bitrate_bps = config.bitrate_bps.clamp(*BITRATE_RANGE.start(), *BITRATE_RANGE.end());
        let config = EncoderConfig { bitrate_bps, fps: config.fps.clamp(1.0, 240.0), ..config };
        let mut encoder = Self { config, inner: None, keyframe: false };
        let size = (config.width & !1, config.height & !1);
        if fits(size) {
            encoder.inner = Some(encoder.open(size)?);
        }
        Ok(encoder)
    }

    fn open(&self, size: (u32, u32)) -> Result<Native, EncodeError> {
        Native::open(size, self.config.fps, self.config.bitrate_bps).map_err(EncodeError::Codec)
    }

    /// What it aims at now.
    pub fn config(&self) -> EncoderConfig {
        self.config
    }

    /// Makes the very next picture a keyframe.
    pub fn force_keyframe(&mut self) {
        self.keyframe = true;
    }

    /// Aims at another bitrate, bits per second, from the next picture on.
    pub fn set_bitrate(&mut self, bps: u32) {
        let bps = bps.clamp(*BITRATE_RANGE.start(), *BITRATE_RANGE.end());
        let before = std::mem::replace(&mut self.config.bitrate_bps, bps);
        if let Some(inner) = self.inner.as_mut().filter(|_| bps != before) {
            inner.set_bitrate(bps, bps > before);
        }
    }

    /// Encodes one picture, captured `at`; `None` where the rate control skipped it.
    ///
    /// A picture of another size than the one before begins with a keyframe.
    ///
    /// # Errors
    /// [`EncodeError`]; the next picture may succeed.
    pub fn encode(&mut self, frame: &VideoFrame, at: Instant) -> Result<Option<EncodedVideo>, EncodeError> {
        let size = (frame.width(), frame.height());
        if !fits(size) {
            return Err(EncodeError::Size(size.0, size.1));
        }
        (self.config.width, self.config.height) = size;
        let mut inner = match self.inner.take().filter(|inner| inner.size() == size) {
            Some(inner) => inner,
            None => self.open(size)?,
        };
        if std::mem::take(&mut self.keyframe) {
            inner.force_keyframe();
        }
        let mut data = Pooled::with_capacity(ROOM);
        let planes = Planes { y: frame.y(), u: frame.u(), v: frame.v() };
        let time_ms = frame.media_time.as_millis().min(i64::MAX as u128) as i64;
        // On an error the encoder is dropped: the next picture begins anew.
        let kind = inner.encode(&planes, time_ms, &mut data).map_err(EncodeError::Codec)?;
        self.inner = Some(inner);
        Ok(kind.map(|keyframe| EncodedVideo {
            keyframe,
            data: Bytes::from_owner(data),
            media_time: frame.media_time,
            at,
            captured: None,
        }))
    }
}

/// Room for an encoded picture; most are far smaller, and larger ones grow.
const ROOM: usize = 64 * 1024;

/// Decodes the pictures of one sender.
pub struct Decoder {
    inner: decoder::Decoder,
    waiting: bool,
    fresh: bool,
}

fn new_decoder() -> Result<decoder::Decoder, DecodeError> {
    decoder::Decoder::new().map_err(|e| DecodeError::Damaged(e.native_code()))
}

impl Decoder {
    /// A decoder, waiting for its first keyframe.
    ///
    /// # Errors
    /// [`DecodeError::Damaged`] where the library cannot start.
    pub fn new() -> Result<Self, DecodeError> {
        Ok(Self { inner: new_decoder()?, waiting: true, fresh: true })
    }

    /// Decodes one access unit; `None` where it holds no picture (parameter sets alone).
    ///
    /// The picture's `at` stays empty: when it was decoded is for the caller to say.
    ///
    /// # Errors
    /// [`DecodeError`]: hold the last picture and ask for a keyframe. Until one comes every call fails.
    pub fn decode(&mut self, unit: &EncodedVideo) -> Result<Option<VideoFrame>, DecodeError> {
        if self.waiting && !has_idr(&unit.data) {
            return Err(DecodeError::Waiting);
        }
        if unit.data.len() > MAX_ACCESS_UNIT {
            return Err(self.fail(DecodeError::TooLarge(unit.data.len())));
        }
        if self.waiting && !self.fresh {
            // What damaged the state of the old one must not reach into the new beginning.
            self.inner = new_decoder()?;
        }
        self.fresh = false;
        let frame = match self.inner.decode(&unit.data) {
            Ok(Some(picture)) => copy(&picture, unit),
            Ok(None) => Ok(None),
            Err(e) => Err(DecodeError::Damaged(e.native_code())),
        };
        match frame {
            Ok(frame) => {
                self.waiting &= frame.is_none();
                Ok(frame)
            }
            Err(e) => Err(self.fail(e)),
        }
    }

    fn fail(&mut self, error: DecodeError) -> DecodeError {
        self.waiting = true;
        error
    }
}

/// Whether the access unit has a slice of an IDR picture (nal_unit_type 5, H.264 table 7-1).
fn has_idr(unit: &[u8]) -> bool {
    nal_types(unit).any(|kind| kind == 5)
}

/// The nal_unit_type of every NAL unit in a byte stream (H.264 Annex B).
pub fn nal_types(unit: &[u8]) -> impl Iterator<Item = u8> + '_ {
    unit.windows(4).filter(|w| w[..3] == [0, 0, 1]).map(|w| w[3] & 0x1f)
}

/// The planes without the library's padding; an odd last row or column is cut off.
fn copy(picture: &decoder::DecodedYUV<'_>, unit: &EncodedVideo) -> Result<Option<VideoFrame>, DecodeError> {
    let (w, h) = picture.dimensions();
    let (w, h) = (w & !1, h & !1);
    let (y_stride, u_stride, v_stride) = picture.strides();
    let size = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let mut data = Pooled::with_capacity(VideoFrame::bytes(size(w), size(h))?);
    for (plane, stride, w, h) in
        [(picture.y(), y_stride, w, h), (picture.u(), u_stride, w / 2, h / 2), (picture.v(), v_stride, w / 2, h / 2)]
    {
        for row in plane.chunks(stride.max(1)).take(h) {
            data.extend_from_slice(row.get(..w).unwrap_or_default());
        }
    }
    Ok(Some(VideoFrame::new(size(w), size(h), data, unit.media_time)?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn picture(n: u64, width: u32, height: u32) -> VideoFrame {
        let mut frame = VideoFrame::black(width, height, Duration::from_millis(n * 33)).unwrap();
        let mut noise = 7u32;
        for (i, y) in frame.planes_mut().0.iter_mut().enumerate() {
            noise = noise.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            let x = i as u64 % u64::from(width) + n * 4;
            *y = (60 + x % 120) as u8 + (noise >> 29) as u8;
        }
        frame
    }

    fn encoder(bitrate_bps: u32) -> Encoder {
        Encoder::new(EncoderConfig { width: 320, height: 180, fps: 30.0, bitrate_bps }).unwrap()
    }

    fn encode(encoder: &mut Encoder, n: u64) -> Option<EncodedVideo> {
        encoder.encode(&picture(n, 320, 180), Instant::now()).unwrap()
    }

    #[test]
    fn only_the_first_picture_and_the_asked_for_are_keyframes() {
        let mut encoder = encoder(1_000_000);
        let mut keyframes = Vec::new();
        for n in 0..400 {
            if n == 200 {
                encoder.force_keyframe();
            }
            if encode(&mut encoder, n).is_some_and(|e| e.keyframe) {
                keyframes.push(n);
            }
        }
        assert_eq!(keyframes, [0, 200]);
    }

    #[test]
    fn it_is_constrained_baseline_in_one_slice_with_parameter_sets_before_keyframes() {
        let mut encoder = encoder(1_000_000);
        let first = encode(&mut encoder, 0).unwrap();
        assert_eq!(nal_types(&first.data).collect::<Vec<_>>(), [7, 8, 5]);
        let sps = first.data.windows(4).position(|w| w == [0, 0, 1, 0x67]).unwrap() + 4;
        assert_eq!(first.data[sps], 66, "profile_idc");
        assert_eq!(first.data[sps + 1] & 0x40, 0x40, "constraint_set1_flag");
        let second = encode(&mut encoder, 1).unwrap();
        assert_eq!(nal_types(&second.data).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn the_bitrate_is_kept_and_changes_at_once() {
        let mut encoder = encoder(800_000);
        let mut n = 0;
        let mut rate = |encoder: &mut Encoder, seconds: u64| -> f64 {
            let pictures = n..n + seconds * 30;
            n = pictures.end;
            let bytes: usize = pictures.filter_map(|n| encode(encoder, n)).map(|e| e.data.len()).sum();
            bytes as f64 * 8.0 / seconds as f64
        };
        for bps in [800_000, 250_000, 1_200_000, 1_800_000, 100_000, 1_500_000, 700_000] {
            encoder.set_bitrate(bps);
            rate(&mut encoder, 1);
            let got = rate(&mut encoder, 6);
            assert!((got / f64::from(bps) - 1.0).abs() < 0.15, "{got} for {bps}");
            assert_eq!(encoder.config().bitrate_bps, bps);
        }
    }

    #[test]
    fn a_keyframe_does_not_hold_up_what_follows_for_long() {
        let bps = 300_000;
        let mut encoder = encoder(bps);
        // What a path that carries just this rate has not delivered yet, bytes, and the most of that.
        let (mut behind, mut most) = (0.0f64, 0.0f64);
        for n in 0..240 {
            let mut frame = picture(n, 320, 180);
            for (i, y) in frame.planes_mut().0.iter_mut().enumerate() {
                // A fabric that hangs still; before it, what moves.
                let (x, row) = (i as u32 % 320, i as u32 / 320);
                if !(100..220).contains(&x) {
                    let thread = (x / 3).wrapping_mul(2_654_435_761) ^ (row / 3).wrapping_mul(40_503);
                    *y = 80 + (thread.wrapping_mul(69_069) >> 26) as u8;
                }
            }
            if n > 0 && n % 60 == 0 {
                encoder.force_keyframe();
            }
            let unit = encoder.encode(&frame, Instant::now()).unwrap();
            let bytes = unit.map_or(0, |unit| unit.data.len());
            behind = (behind + bytes as f64 - f64::from(bps) / 8.0 / 30.0).max(0.0);
            if n >= 60 {
                most = most.max(behind);
            }
        }
        let ms = most * 8.0 / f64::from(bps) * 1000.0;
        assert!(ms < 105.0, "{ms} ms");
    }

    #[test]
    fn another_size_simply_goes_on_with_a_keyframe() {
        let (mut encoder, mut decoder) = (encoder(1_000_000), Decoder::new().unwrap());
        for (n, (w, h)) in [(320, 180), (320, 180), (640, 360), (180, 320), (180, 320)].into_iter().enumerate() {
            let unit = encoder.encode(&picture(n as u64, w, h), Instant::now()).unwrap().unwrap();
            assert_eq!(unit.keyframe, matches!(n, 0 | 2 | 3));
            let frame = decoder.decode(&unit).unwrap().unwrap();
            assert_eq!((frame.width(), frame.height(), frame.media_time), (w, h, unit.media_time));
        }
        assert_eq!(encoder.encode(&picture(9, 4096, 2160), Instant::now()).unwrap_err(), EncodeError::Size(4096, 2160));
        assert!(encoder.encode(&picture(10, 180, 320), Instant::now()).is_ok());
    }

    #[test]
    fn after_a_loss_it_errs_until_the_next_keyframe() {
        let (mut encoder, mut decoder) = (encoder(1_000_000), Decoder::new().unwrap());
        let mut results = Vec::new();
        for n in 0..30 {
            if n == 20 {
                encoder.force_keyframe();
            }
            let unit = encode(&mut encoder, n).unwrap();
            if n == 10 {
                continue;
            }
            results.push((n, decoder.decode(&unit).is_ok()));
        }
        assert!(results.iter().all(|&(n, ok)| ok != (11..20).contains(&n)), "{results:?}");
    }

    #[test]
    fn a_damaged_unit_does_not_outlive_the_next_keyframe() {
        let (mut encoder, mut decoder) = (encoder(1_000_000), Decoder::new().unwrap());
        decoder.decode(&encode(&mut encoder, 0).unwrap()).unwrap().unwrap();
        let unit = encode(&mut encoder, 1).unwrap();
        let mut cut = unit.clone();
        cut.data = unit.data.slice(..unit.data.len() / 2);
        let broken = decoder.decode(&cut);
        assert!(matches!(broken, Err(_) | Ok(None)), "{broken:?}");
        encoder.force_keyframe();
        assert!(decoder.decode(&encode(&mut encoder, 2).unwrap()).unwrap().is_some());
    }

    #[test]
    fn nothing_is_decoded_before_a_keyframe() {
        let (mut encoder, mut decoder) = (encoder(1_000_000), Decoder::new().unwrap());
        encode(&mut encoder, 0);
        assert_eq!(decoder.decode(&encode(&mut encoder, 1).unwrap()), Err(DecodeError::Waiting));
    }

    fn unit(data: Vec<u8>) -> EncodedVideo {
        EncodedVideo {
            data: data.into(),
            keyframe: true,
            media_time: Duration::ZERO,
            at: Instant::now(),
            captured: None,
        }
    }

    #[test]
    fn a_picture_too_large_to_show_is_refused() {
        // SPS, Baseline, level 5.2, 4096 × 4096 macroblocks (65,536 pixels a side), and an IDR slice to use it.
        let mut bits = String::new();
        let ue = |n: u32| format!("{:0>1$b}", n + 1, 2 * (n + 1).ilog2() as usize + 1);
        for n in [0, 0, 2, 1] {
            bits += &ue(n);
        }
        bits += "0";
        bits += &(ue(4095) + &ue(4095));
        bits += "11001";
        let mut data = vec![0, 0, 0, 1, 0x67, 66, 0xc0, 52];
        for byte in bits.as_bytes().chunks(8) {
            let text = format!("{:0<8}", std::str::from_utf8(byte).unwrap());
            data.push(u8::from_str_radix(&text, 2).unwrap());
        }
        data.extend([0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x65, 0x88, 0x84, 0x00, 0x40]);
        assert!(!matches!(Decoder::new().unwrap().decode(&unit(data)), Ok(Some(_))));
        let mut decoder = Decoder::new().unwrap();
        let mut large = vec![0, 0, 0, 1, 0x65];
        large.resize(MAX_ACCESS_UNIT + 1, 0x55);
        assert_eq!(decoder.decode(&unit(large)), Err(DecodeError::TooLarge(MAX_ACCESS_UNIT + 1)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn random_bytes_never_panic(data: Vec<u8>, nal in 0u8..32) {
            let mut decoder = Decoder::new().unwrap();
            let mut bytes = vec![0, 0, 0, 1, 0x65, 0x88, 0, 0, 0, 1, 0x60 | nal];
            bytes.extend(&data);
            let _ = decoder.decode(&unit(bytes));
            let _ = decoder.decode(&unit(data));
        }

        #[test]
        fn flipped_bits_never_panic_and_a_keyframe_heals(flips in proptest::collection::vec((any::<usize>(), 0u8..8), 1..20)) {
            let (mut encoder, mut decoder) = (encoder(300_000), Decoder::new().unwrap());
            for n in 0..2 {
                let mut data = encoder.encode(&picture(n, 64, 48), Instant::now()).unwrap().unwrap().data.to_vec();
                for (at, bit) in &flips {
                    let at = at % data.len();
                    data[at] ^= 1 << bit;
                }
                let _ = decoder.decode(&unit(data));
            }
            encoder.force_keyframe();
            let clean = encoder.encode(&picture(3, 64, 48), Instant::now()).unwrap().unwrap();
            // The state may be damaged without an error yet; then this one tells, and the next keyframe begins anew.
            if decoder.decode(&clean).is_err() {
                prop_assert!(decoder.decode(&clean).unwrap().is_some());
            }
        }
    }
}
