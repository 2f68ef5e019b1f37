//! The thread `enc-…`: encodes each picture the moment it comes, once for all outputs that get this encoding.
//!
//! Invariant: an output never gets a picture that builds on one it did not get.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::error::TrySendError;

use super::guard::{Guard, Made};
use super::ladder::{Ladder, Source, Step};
use super::recovery::{Recovery, all_have};
use super::{Captured, Output, Shared, VideoKind, Wishes};
use crate::codec::h264::marker::Marker;
use crate::codec::h264::{Encoder, EncoderConfig};
use crate::codec::scale::Scaler;
use crate::model::encoded::EncodedVideo;
use crate::model::frame::VideoFrame;

/// Least time between two keyframes, whoever asks for them: each costs as much as many other pictures.
const KEYFRAMES: Duration = Duration::from_millis(200);

/// What the encoder is told while the picture is paused.
const PAUSED_RATE: f32 = 5.0;

/// So long without a picture, an encoder is looked after.
const IDLE: Duration = Duration::from_secs(60);

/// Pictures over which times are averaged.
const WINDOW: usize = 30;

/// The thread `enc-…`.
pub(super) struct Encode {
    shared: Arc<Shared>,
    /// Which of the encodings it makes.
    number: usize,
    /// The newest picture it has seen.
    seen: u64,
    encoder: Option<Encoder>,
    ladder: Ladder,
    guard: Guard,
    /// Since the newest picture that was made.
    missed: f64,
    scaler: Scaler,
    /// Not before this media time, by the step's rate.
    next: Duration,
    times: VecDeque<Duration>,
    /// When the newest keyframe was made.
    keyframe: Option<Instant>,
    recovery: Recovery,
    failing: bool,
}

impl Encode {
    /// What was captured until now is none of its business.
    pub(super) fn new(shared: Arc<Shared>, number: usize) -> Self {
        Self {
            seen: shared.to_encoders[number].sequence(),
            shared,
            number,
            encoder: None,
            ladder: Ladder::default(),
            guard: Guard::default(),
            missed: 0.0,
            scaler: Scaler::new(),
            next: Duration::ZERO,
            times: VecDeque::new(),
            keyframe: None,
            recovery: Recovery::default(),
            failing: false,
        }
    }

    pub(super) fn run(&mut self) {
        loop {
            match self.shared.to_encoders[self.number].wait_newer(self.seen, IDLE) {
                Ok(Some((number, captured))) => {
                    let missed = number - self.seen - 1;
                    self.seen = number;
                    self.encode(&captured, missed);
                }
                Ok(None) => self.rest(),
                Err(_) => return,
            }
        }
    }

    /// An encoding that nobody gets any more gives its memory back.
    fn rest(&mut self) {
        if self.number > 0 && self.shared.lock().outputs_of(self.number).next().is_none() {
            (self.encoder, self.ladder, self.guard) = (None, Ladder::default(), Guard::default());
        }
    }

    fn encode(&mut self, captured: &Captured, missed: u64) {
        let begun = Instant::now();
        self.missed += missed as f64;
        let kept = self.encoder.as_ref().map(Encoder::kept).unwrap_or_default();
        let (bitrate_bps, step, strained, mut keyframe, recover, all_own, confirm) = {
            // Of its own, for what follows changes the ladder too.
            let shared = Arc::clone(&self.shared);
            let mut wishes = shared.lock();
            wishes.encodings[self.number].stats.dropped += missed;
            if wishes.stop || wishes.outputs_of(self.number).next().is_none() {
                self.missed = 0.0;
                return;
            }
            let strained = wishes.strained;
            let behind = wishes.outputs_of(self.number).all(Output::is_behind);
            let first = wishes.outputs_of(self.number).all(|output| output.new);
            let receivers = || wishes.outputs_of(self.number).map(|output| &output.receiver);
            let (all_own, confirm) = (receivers().all(|receiver| receiver.own), all_have(kept, receivers()));
            let recoverable = !captured.last && self.recovery.can(kept, receivers());
            let encoding = &mut wishes.encodings[self.number];
            if behind && !captured.last {
                // Made now, it would be old when it leaves. What leaves builds on what left: this one costs nothing.
                encoding.stats.dropped += 1;
                self.missed = 0.0;
                return;
            }
            let step = self.step(begun, captured, encoding.bitrate_bps);
            (encoding.stats.paused, encoding.stats.spared) = (step.paused, step.spared);
            if !captured.last && !encoding.keyframe && !self.is_due(captured, step.fps) {
                return;
            }
            // A wish that comes too soon stays a wish; for those alone who have nothing yet it cannot.
            let allowed = first || self.keyframe.is_none_or(|last| begun - last >= KEYFRAMES);
            let keyframe = allowed && std::mem::take(&mut encoding.keyframe);
            let recover = keyframe && recoverable;
            (encoding.bitrate_bps, step, strained, keyframe && !recover, recover, all_own, confirm)
        };
        let scaled = self.scaled(&captured.frame, &step);
        let frame: &VideoFrame = scaled.as_ref().unwrap_or(&captured.frame);
        // The rate control may skip a picture, but not the black one: a keyframe is never skipped for long.
        keyframe |= captured.last;
        let number = self.number;
        let encoded = self.encoder(frame, rate(&step), bitrate_bps).map(|encoder| {
            encoder.keep_pictures(all_own.then_some(number as u8));
            if keyframe {
                encoder.force_keyframe();
            }
            if confirm {
                encoder.confirm();
            }
            if recover {
                encoder.recover();
            }
            encoder.encode(frame, frame.at.unwrap_or(begun))
        });
        let took = begun.elapsed();
        self.recovery.made(confirm, recover);
        // Of what was overtaken, what would have been made.
        let missed = std::mem::take(&mut self.missed) * f64::from(step.fps / captured.fps.max(0.1));
        if !step.paused && !captured.last {
            let made = Made { at: begun + took, took, missed };
            self.guard.made(made, self.ladder.place(&step), self.ladder.works(), strained);
        }
        let mut wishes = self.shared.lock();
        let encoding = &mut wishes.encodings[self.number];
        match encoded {
            Some(Ok(Some(unit))) => {
                if self.times.len() == WINDOW {
                    self.times.pop_front();
                }
                self.times.push_back(took);
                self.failing = false;
                let recovers = recover && Marker::recovers(&unit.data);
                if unit.keyframe || recovers {
                    self.keyframe = Some(begun);
                }
                let mean = self.times.iter().sum::<Duration>() / self.times.len() as u32;
                let stats = &mut encoding.stats;
                stats.frames += 1;
                stats.keyframes += u64::from(unit.keyframe);
                stats.recoveries += u64::from(recovers);
                stats.bytes += unit.data.len() as u64;
                stats.encode_ms = mean.as_secs_f64() * 1000.0;
                (stats.width, stats.height, stats.target_bps) = (frame.width(), frame.height(), bitrate_bps);
                send(&mut wishes, self.number, &unit, recovers);
            }
            Some(Ok(None)) => {
                encoding.stats.dropped += 1;
                encoding.keyframe |= keyframe || recover;
            }
            Some(Err(error)) => {
                // Once in a row: the next picture will most likely fail alike.
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(%error, "not encoded");
                }
                encoding.stats.dropped += 1;
                encoding.keyframe |= keyframe || recover;
            }
            None => encoding.stats.dropped += 1,
        }
    }

    /// What to make of it; of the black one, nothing less.
    fn step(&mut self, now: Instant, captured: &Captured, bitrate_bps: u32) -> Step {
        let (width, height) = (captured.frame.width(), captured.frame.height());
        if captured.last {
            return Step { width, height, fps: captured.fps, paused: false, spared: false };
        }
        // A screen is text: it keeps its size.
        let halved = if captured.kind == VideoKind::Camera { self.number } else { 0 };
        let smaller = |side: u32| if halved == 0 { side } else { ((side >> halved) & !1).max(2) };
        let (width, height) = (smaller(width), smaller(height));
        let source = Source { width, height, fps: captured.fps, kind: captured.kind };
        if self.ladder.is_new(source) {
            self.guard = Guard::default();
        }
        self.ladder.step(now, source, bitrate_bps, self.guard.left_out())
    }

    /// Whether the next picture at this rate may come already; counts it if so.
    fn is_due(&mut self, captured: &Captured, fps: f32) -> bool {
        let (time, period) = (captured.frame.media_time, Duration::from_secs_f32(1.0 / fps.max(0.1)));
        let due = fps >= captured.fps || time + period / 4 >= self.next;
        if due {
            self.next = self.next.max(time.saturating_sub(period)) + period;
        }
        due
    }

    /// The picture in the step's size; `None` where it has that.
    fn scaled(&mut self, frame: &VideoFrame, step: &Step) -> Option<VideoFrame> {
        if (step.width, step.height) == (frame.width(), frame.height()) {
            return None;
        }
        match self.scaler.resize(frame, step.width, step.height) {
            Ok(scaled) => Some(scaled),
            Err(error) => {
                tracing::debug!(%error, "not scaled");
                None
            }
        }
    }

    /// The encoder, with the bitrate of now, made anew where the rate changed.
    fn encoder(&mut self, frame: &VideoFrame, fps: f32, bitrate_bps: u32) -> Option<&mut Encoder> {
        if self.encoder.as_ref().is_some_and(|encoder| (encoder.config().fps - fps).abs() > 0.5) {
            self.encoder = None;
        }
        if self.encoder.is_none() {
            let config = EncoderConfig { width: frame.width(), height: frame.height(), fps, bitrate_bps };
            match Encoder::new(config) {
                Ok(encoder) => self.encoder = Some(encoder),
                Err(error) => tracing::error!(%error, "no encoder"),
            }
        }
        let encoder = self.encoder.as_mut()?;
        encoder.set_bitrate(bitrate_bps);
        Some(encoder)
    }
}

/// Pictures a second that the encoder reckons with: those of a pause get no more bits than those of a running one, for the
/// sound waits behind them.
fn rate(step: &Step) -> f32 {
    if step.paused { PAUSED_RATE } else { step.fps }
}

fn send(wishes: &mut Wishes, number: usize, unit: &EncodedVideo, recovers: bool) {
    let mut keyframe = false;
    wishes.outputs.retain_mut(|output| {
        if output.encoding != number {
            return true;
        }
        if unit.keyframe {
            output.receiver.kept = None;
        }
        if output.waiting && !unit.keyframe && !(recovers && output.receiver.kept.is_some()) {
            // Not asked for while it is still full: all others would get keyframes they do not need.
            keyframe |= output.sender.capacity() > 0;
            return !output.sender.is_closed();
        }
        // overflow: drop until the next keyframe, which is asked for once there is room again
        match output.sender.try_send(unit.clone()) {
            Ok(()) => (output.waiting, output.new) = (false, false),
            Err(TrySendError::Full(_)) => output.waiting = true,
            Err(TrySendError::Closed(_)) => return false,
        }
        true
    });
    wishes.encodings[number].keyframe |= keyframe;
}
