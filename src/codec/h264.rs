//! H.264 (ITU-T H.264) by OpenH264: Constrained Baseline, one slice a picture, keyframes on demand only.
//!
//! The encoder's settings are those of a live call: no look-ahead, no B pictures, no picture skipped by the rate control
//! (a person sees a missing picture before a coarser one), and no periodic keyframe: a keyframe is many times the size
//! of another picture, so it is sent when a receiver needs it and never else. The bitrate changes while it runs.
//! `native` says them to the library.
//!
//! The decoder is strict: after an error it takes nothing but a keyframe, with a fresh state, so that no picture built on
//! a damaged one is ever shown. Its input is whatever the network brought.
//!
//! # After a loss
//! Between programs of this kind an encoder lets the decoders keep a picture every half second (a long-term reference,
//! [`Encoder::keep_pictures`]). Once all have said that they have it, a picture can build on it alone
//! ([`Encoder::recover`]) and stand in for a keyframe: who lost something can decode it all the same. `marker` tells the
//! decoder on which one it builds, by a number, for the standard's index may mean another one behind a hole; without that
//! one the decoder takes nothing but a keyframe. `kept` keeps the books of it.
//!
//! Measured with 720p at 1 Mbit/s and 360p at 300 kbit/s, the moving scene, a person who sways and a camera that turns,
//! twice each: after 0.4 s such a picture has 67 % fewer bytes than a keyframe, after 1.2 s 42 %, after 3 s 66 %, never
//! more, and from 0.8 dB less quality to 2.3 dB more. The half second after it is 0.3 to 2 dB better, and on a path of
//! just the bitrate what waits behind it waits 5 to 76 ms instead of 56 to 73.
//!
//! Keeping pictures costs the others nothing that can be measured: with and without it 10 s of 720p at 1 Mbit/s and of
//! 360p at 300 kbit/s differ by 0.01 dB and by no more time than two runs of the same do. Streams for browsers are made
//! without it all the same: it allows gaps in frame numbers, which decoders may take for intended.
//!
//! The library codes a picture on a kept one like any other, and then it has up to 1.8 times the bytes of a keyframe,
//! though 2 dB more quality: the head has moved on farther than its motion search looks, and the rate control holds the
//! quantiser near the last one. So the encoder sets it for this one picture. It cannot be set by the limits of the
//! quantiser, which are read when an encoder begins; it can by the one for no rate control at all.

mod kept;
pub mod marker;
mod native;
mod syntax;

use std::time::Instant;

use bytes::Bytes;
use openh264::decoder;
use openh264::formats::YUVSource;

use kept::Kept;
use marker::Marker;
use native::{Native, Planes};
use syntax::{Sequence, Slice};

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
    /// After an error or a hole, or before the first keyframe: this one cannot be decoded.
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
    /// Keeps pictures for later, with numbers of this stream, from the next keyframe on.
    keeps: Option<u8>,
    kept: Kept,
    sequence: Option<Sequence>,
    /// All have the newest kept picture.
    confirm: bool,
    recover: bool,
    /// What pictures are quantised by, on average.
    qp: Option<f32>,
}

/// The kept pictures of an [`Encoder`], by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeptPictures {
    /// The one on which [`Encoder::recover`] builds.
    pub confirmed: Option<u32>,
    /// A newer one; [`Encoder::confirm`] it once all have it.
    pub pending: Option<u32>,
}

/// A picture that builds on a kept one is quantised as a keyframe would be, but so much coarser than others at least and
/// at most.
const COARSER: (f32, f32) = (5.0, 10.0);
/// What keyframes of few bits are quantised by.
const COARSE: f32 = 36.0;

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
        let mut encoder = Self {
            config,
            inner: None,
            keyframe: false,
            keeps: None,
            kept: Kept::default(),
            sequence: None,
            confirm: false,
            recover: false,
            qp: None,
        };
        let size = (config.width & !1, config.height & !1);
        if fits(size) {
            encoder.inner = Some(encoder.open(size)?);
        }
        Ok(encoder)
    }

    fn open(&self, size: (u32, u32)) -> Result<Native, EncodeError> {
        Native::open(size, self.config.fps, self.config.bitrate_bps, self.keeps.is_some()).map_err(EncodeError::Codec)
    }

    /// Keeps a picture for later now and then, from the next keyframe on, so that after a loss a picture can build on it:
    /// [`Encoder::recover`]. Only for decoders of ours, all of them; `stream` makes the numbers of these pictures others
    /// than those of another encoder that a decoder may get pictures of.
    pub fn keep_pictures(&mut self, stream: Option<u8>) {
        self.keeps = stream;
    }

    /// The kept pictures.
    pub fn kept(&self) -> KeptPictures {
        let id = |picture: Option<kept::Picture>| picture.map(|picture| picture.id);
        KeptPictures { confirmed: id(self.kept.confirmed()), pending: id(self.kept.pending()) }
    }

    /// All decoders have the pending one.
    pub fn confirm(&mut self) {
        self.confirm = true;
    }

    /// Builds the very next picture on the confirmed one, so that who has that can decode it, whatever was lost since: a
    /// fraction of a keyframe. Without one it becomes a keyframe.
    pub fn recover(&mut self) {
        self.recover = true;
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
            // Whether it keeps pictures is settled at its beginning.
            Some(inner) if !self.keyframe || inner.keeps() == self.keeps.is_some() => inner,
            _ => {
                (self.kept, self.sequence) = (Kept::default(), None);
                (self.confirm, self.recover) = (false, false);
                self.open(size)?
            }
        };
        let builds = self.prepare(&mut inner);
        let mut data = Pooled::with_capacity(ROOM);
        let planes = Planes { y: frame.y(), u: frame.u(), v: frame.v() };
        let time_ms = frame.media_time.as_millis().min(i64::MAX as u128) as i64;
        // On an error the encoder is dropped: the next picture begins anew.
        let kind = inner.encode(&planes, time_ms, &mut data).map_err(EncodeError::Codec)?;
        if builds.is_some() {
            inner.control_rate();
        }
        if let (true, Some(_)) = (inner.keeps(), kind) {
            // Milliseconds and the stream: unlike any other for two years of 30 pictures a second in five of them.
            let id = (time_ms as u32).wrapping_mul(8) | u32::from(self.keeps.unwrap_or_default() & 7);
            self.note(&mut data, id, builds);
        }
        self.recover &= kind.is_none();
        self.inner = Some(inner);
        Ok(kind.map(|keyframe| EncodedVideo {
            keyframe,
            data: Bytes::from_owner(data),
            media_time: frame.media_time,
            at,
            captured: None,
        }))
    }

    /// Tells the library what the next picture is to be; gives the kept one that it will build on.
    fn prepare(&mut self, inner: &mut Native) -> Option<kept::Picture> {
        let on = self.kept.confirmed().filter(|_| self.recover && !self.keyframe);
        if std::mem::take(&mut self.keyframe) || (self.recover && on.is_none()) {
            inner.force_keyframe();
            self.confirm = false;
            return None;
        }
        // Heard after the picture: what that builds on stays what it was.
        if let (true, Some(all_have)) = (std::mem::take(&mut self.confirm), self.kept.pending()) {
            if !all_have.is_idr {
                inner.on_kept(self.kept.idr, all_have.frame_num, true);
            }
            self.kept.confirm();
        } else if on.is_some() || self.kept.is_late() {
            // Who asked may not have it; with another one it is tried again.
            if let Some(late) = self.kept.give_up() {
                inner.on_kept(self.kept.idr, late.frame_num, false);
            }
        }
        if on.is_some() {
            let usual = self.qp.unwrap_or(COARSE);
            let qp = usual + (COARSE - usual).clamp(COARSER.0, COARSER.1);
            inner.build_on_kept(self.kept.idr, (qp as i32).min(51));
        }
        on
    }

    /// Looks at what the library made, and marks it.
    fn note(&mut self, data: &mut Vec<u8>, id: u32, builds: Option<kept::Picture>) {
        self.sequence = Sequence::of(data).or(self.sequence);
        let Some(slice) = self.sequence.and_then(|sequence| sequence.slice(data)) else {
            // Not what it was asked for: nothing is known of it.
            self.kept = Kept::default();
            return;
        };
        let Slice { idr, builds_on, qp, .. } = slice;
        if idr.is_none() && builds.is_none() {
            self.qp = Some(self.qp.map_or(qp as f32, |usual| usual + (qp as f32 - usual) / 8.0));
        }
        let keeps = self.kept.made(&slice, id);
        let marker = match (builds, keeps) {
            (Some(on), _) if idr.is_none() => {
                if builds_on == Some(on.index) {
                    Some(Marker::Builds { id: on.id })
                } else {
                    self.keyframe = true;
                    None
                }
            }
            (_, Some(kept)) => Some(Marker::Keeps { index: kept.index.min(1) as u8, id: kept.id }),
            _ => None,
        };
        let slice = data.windows(5).position(|w| w[..4] == [0, 0, 0, 1] && matches!(w[4] & 31, 1 | 5));
        if let (Some(marker), Some(at)) = (marker, slice) {
            data.splice(at..at, marker.nal());
        }
    }
}

/// Room for an encoded picture; most are far smaller, and larger ones grow.
const ROOM: usize = 64 * 1024;

/// Decodes the pictures of one sender.
pub struct Decoder {
    inner: decoder::Decoder,
    waiting: bool,
    fresh: bool,
    /// Kept pictures of a sender of ours, by index.
    held: [Option<u32>; 2],
    newest: Option<u32>,
    /// Frame number of the last picture of a sender of ours. Where pictures are kept, the library takes a hole for
    /// intended.
    last: Option<(Sequence, u32)>,
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
        Ok(Self { inner: new_decoder()?, waiting: true, fresh: true, held: [None; 2], newest: None, last: None })
    }

    /// Decodes one access unit; `None` where it holds no picture (parameter sets alone).
    ///
    /// The picture's `at` stays empty: when it was decoded is for the caller to say.
    ///
    /// # Errors
    /// [`DecodeError`]: hold the last picture and ask for a keyframe. Until one comes every call fails.
    pub fn decode(&mut self, unit: &EncodedVideo) -> Result<Option<VideoFrame>, DecodeError> {
        let marker = Marker::of(&unit.data);
        let idr = (self.waiting || starts_anew(&unit.data)) && has_idr(&unit.data);
        let slice = self.last.filter(|_| !idr).map(|(sequence, _)| sequence.slice(&unit.data));
        if !idr {
            let fits = match (marker, self.last) {
                (Some(Marker::Builds { id }), _) => self.held.contains(&Some(id)),
                (_, Some((sequence, last))) => {
                    slice.flatten().is_none_or(|slice| slice.frame_num == sequence.after(last)) && !self.waiting
                }
                _ => !self.waiting,
            };
            if !fits {
                // Not for the library: what it has is still good for a picture that builds on a kept one.
                self.waiting = true;
                return Err(DecodeError::Waiting);
            }
        }
        if unit.data.len() > MAX_ACCESS_UNIT {
            return Err(self.fail(DecodeError::TooLarge(unit.data.len())));
        }
        if self.waiting && !self.fresh && idr {
            // What damaged the state of the old one must not reach into the new beginning.
            self.inner = new_decoder()?;
        }
        self.fresh = false;
        if idr {
            self.forget();
        }
        let frame = match self.inner.decode(&unit.data) {
            Ok(Some(picture)) => copy(&picture, unit),
            Ok(None) => Ok(None),
            Err(e) => Err(DecodeError::Damaged(e.native_code())),
        };
        match frame {
            Ok(frame) => {
                self.waiting &= frame.is_none();
                if frame.is_some() {
                    self.decoded(&unit.data, marker, slice.flatten());
                }
                Ok(frame)
            }
            Err(e) => Err(self.fail(e)),
        }
    }

    /// The newest picture that a sender of ours asked to keep; `None` where there is none, or it is gone.
    pub fn kept(&self) -> Option<u32> {
        self.newest
    }

    fn decoded(&mut self, unit: &[u8], marker: Option<Marker>, slice: Option<Slice>) {
        if let Some(Marker::Keeps { index, id }) = marker {
            self.held[usize::from(index & 1)] = Some(id);
            self.newest = Some(id);
            if let (None, Some(sequence)) = (self.last, Sequence::of(unit)) {
                self.last = Some((sequence, 0));
            }
        }
        if let (Some((_, last)), Some(slice)) = (&mut self.last, slice) {
            *last = slice.frame_num;
        }
    }

    fn forget(&mut self) {
        (self.held, self.newest, self.last) = ([None; 2], None, None);
    }

    fn fail(&mut self, error: DecodeError) -> DecodeError {
        self.waiting = true;
        self.forget();
        error
    }
}

/// Whether the access unit begins with parameter sets, as one with an IDR does.
fn starts_anew(unit: &[u8]) -> bool {
    nal_types(&unit[..unit.len().min(8)]).next() == Some(7)
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
mod recovery {
    mod tests;
}
#[cfg(test)]
mod tests;
