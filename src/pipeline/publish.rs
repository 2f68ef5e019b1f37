//! Our own picture: source → preview and encoder → outputs.
//!
//! The thread `cap-…` owns the device and has it open only while somebody wants pictures: the preview, or at least one
//! output, and the camera not switched off. The thread `enc-…` owns the one encoder for all outputs and encodes each
//! picture the moment it comes. Switching off closes the device at once, sends one black keyframe, so that no face stays
//! on the other side's screen, and then nothing.
//!
//! Overflow: pictures — newest wins, counted as dropped; an output that is full loses pictures until the next keyframe,
//! which is asked for at once.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::worker::Worker;
use crate::codec::h264::{Encoder, EncoderConfig};
use crate::codec::scale::Scaler;
use crate::device::{VideoFormat, VideoRequest, VideoSource, open_video};
use crate::model::device::{DeviceError, DeviceState};
use crate::model::encoded::EncodedVideo;
use crate::model::frame::VideoFrame;
use crate::model::slot::{Player, Slot};
use crate::model::source::VideoSpec;

/// Longest wait for a picture before the wishes are looked at again. Switching off takes no longer than this.
const LOOK: Duration = Duration::from_millis(100);

/// How long [`VideoPublisher::stop`] waits for a device that does not answer.
const STOP: Duration = Duration::from_secs(1);

/// Pictures over which times are averaged.
const WINDOW: usize = 30;

/// Opens a source of one's own, each time it is needed, on the thread it is used on.
pub type Opener = Arc<dyn Fn() -> Result<Box<dyn VideoSource>, DeviceError> + Send + Sync>;

/// Where the pictures come from.
#[derive(Clone)]
pub enum VideoInput {
    /// A camera, a file, a pattern, nothing.
    Spec(VideoSpec),
    /// A source of one's own.
    Custom(Opener),
}

impl VideoInput {
    /// A source of one's own, opened by `open` each time it is needed.
    pub fn custom(open: impl Fn() -> Result<Box<dyn VideoSource>, DeviceError> + Send + Sync + 'static) -> Self {
        Self::Custom(Arc::new(open))
    }

    fn open(&self, request: VideoRequest) -> Result<Box<dyn VideoSource>, DeviceError> {
        match self {
            Self::Spec(spec) => open_video(spec, request),
            Self::Custom(open) => open(),
        }
    }

    fn is_none(&self) -> bool {
        matches!(self, Self::Spec(VideoSpec::None))
    }

    fn same_spec(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Spec(a), Self::Spec(b)) if a == b)
    }
}

impl std::fmt::Debug for VideoInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Spec(spec) => write!(f, "{spec}"),
            Self::Custom(_) => f.write_str("custom"),
        }
    }
}

/// What a [`VideoPublisher`] begins with. No preview, no outputs: nothing is opened yet.
#[derive(Debug, Clone)]
pub struct PublishConfig {
    /// Names the threads: `cap-NAME` and `enc-NAME`, at most 11 bytes.
    pub name: String,
    /// Where the pictures come from.
    pub input: VideoInput,
    /// What is wanted of it. Larger pictures are scaled down to it, faster ones thinned out.
    pub request: VideoRequest,
    /// What the encoder aims at, bits per second.
    pub bitrate_bps: u32,
    /// Whether the camera is switched on.
    pub enabled: bool,
}

impl Default for PublishConfig {
    fn default() -> Self {
        Self {
            name: "camera".to_owned(),
            input: VideoInput::Spec(VideoSpec::default()),
            request: VideoRequest::default(),
            bitrate_bps: 2_500_000,
            enabled: true,
        }
    }
}

/// Figures of one publisher. Counts since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PublishStats {
    /// Pictures captured.
    pub captured: u64,
    /// Pictures encoded.
    pub frames: u64,
    /// Pictures captured for an output and not encoded: the encoder was late, or its rate control skipped them.
    pub dropped: u64,
    /// Keyframes.
    pub keyframes: u64,
    /// Bytes encoded.
    pub bytes: u64,
    /// Mean time to encode one picture, ms, over the last 30.
    pub encode_ms: f64,
    /// Width of the newest picture encoded.
    pub width: u32,
    /// Height of the newest picture encoded.
    pub height: u32,
    /// What the encoder aims at, bits per second.
    pub target_bps: u32,
}

type OnState = Arc<dyn Fn(DeviceState) + Send + Sync>;

struct Output {
    id: u64,
    sender: Sender<EncodedVideo>,
    /// Nothing goes out before the next keyframe: it is new, or was full.
    waiting: bool,
}

struct Wishes {
    input: VideoInput,
    /// Counts every wish to (re)open: another source, another format, the same again after a failure.
    opening: u64,
    request: VideoRequest,
    enabled: bool,
    preview: bool,
    outputs: Vec<Output>,
    bitrate_bps: u32,
    keyframe: bool,
    stop: bool,
    state: DeviceState,
    on_state: Option<OnState>,
    stats: PublishStats,
}

impl Wishes {
    fn wanted(&self) -> bool {
        self.enabled && !self.stop && !self.input.is_none() && (self.preview || !self.outputs.is_empty())
    }
}

/// One picture on its way to the encoder.
#[derive(Clone)]
struct Captured {
    frame: Arc<VideoFrame>,
    fps: f32,
    /// Must not be skipped: the black one.
    last: bool,
}

struct Shared {
    wishes: Mutex<Wishes>,
    changed: Condvar,
    preview: Player,
    to_encoder: Slot<Captured>,
    /// Media time 0.
    epoch: Instant,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wish<T>(&self, change: impl FnOnce(&mut Wishes) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    fn set_state(&self, state: DeviceState) {
        let told = {
            let mut wishes = self.lock();
            if wishes.state == state {
                return;
            }
            wishes.state = state.clone();
            wishes.on_state.clone()
        };
        tracing::debug!(?state, "camera");
        if let Some(tell) = told {
            tell(state);
        }
    }
}

/// Captures, shows and encodes one source. Every call but [`VideoPublisher::stop`] returns at once.
pub struct VideoPublisher {
    shared: Arc<Shared>,
    capture: Worker,
    encode: Worker,
}

impl VideoPublisher {
    /// Starts both threads; nothing is opened before somebody wants pictures.
    pub fn start(config: PublishConfig) -> Self {
        let wishes = Wishes {
            input: config.input,
            opening: 1,
            request: config.request,
            enabled: config.enabled,
            preview: false,
            outputs: Vec::new(),
            bitrate_bps: config.bitrate_bps,
            keyframe: false,
            stop: false,
            state: DeviceState::Closed,
            on_state: None,
            stats: PublishStats { target_bps: config.bitrate_bps, ..PublishStats::default() },
        };
        let shared = Arc::new(Shared {
            wishes: Mutex::new(wishes),
            changed: Condvar::new(),
            preview: Player::new(),
            to_encoder: Slot::new(),
            epoch: Instant::now(),
        });
        let (capture, encode) = (Arc::clone(&shared), Arc::clone(&shared));
        let capture = Worker::spawn(format!("cap-{}", config.name), move || Capture::new(&capture).run());
        let encode = Worker::spawn(format!("enc-{}", config.name), move || Encode::new(&encode).run());
        Self { shared, capture, encode }
    }

    /// Takes pictures from there from now on. The same spec again changes nothing while it runs, and tries anew after a
    /// failure.
    pub fn set_source(&self, input: VideoInput) {
        self.shared.wish(|w| {
            let failed = matches!(w.state, DeviceState::Failed(_));
            if failed || !w.input.same_spec(&input) {
                w.opening += 1;
            }
            w.input = input;
        });
    }

    /// Wants this size and rate from now on; a device that is open is opened anew.
    pub fn set_request(&self, request: VideoRequest) {
        self.shared.wish(|w| {
            if w.request != request {
                w.request = request;
                w.opening += 1;
            }
        });
    }

    /// Switches the camera on or off. Off closes the device within half a second.
    pub fn set_enabled(&self, enabled: bool) {
        self.shared.wish(|w| w.enabled = enabled);
    }

    /// Whether somebody looks at the preview.
    pub fn set_preview(&self, wanted: bool) {
        self.shared.wish(|w| w.preview = wanted);
    }

    /// Shows the newest picture while the device is open; empty while it is closed.
    pub fn preview(&self) -> Player {
        self.shared.preview.clone()
    }

    /// Sends the encoded pictures there too, beginning with a keyframe. An output whose receiver is gone is removed by
    /// itself. One with the same `id` is replaced.
    pub fn add_output(&self, id: u64, sender: Sender<EncodedVideo>) {
        self.shared.wish(|w| {
            w.outputs.retain(|output| output.id != id);
            w.outputs.push(Output { id, sender, waiting: true });
            w.keyframe = true;
        });
    }

    /// Sends nothing there any more.
    pub fn remove_output(&self, id: u64) {
        self.shared.wish(|w| w.outputs.retain(|output| output.id != id));
    }

    /// Makes the next picture a keyframe.
    pub fn request_keyframe(&self) {
        self.shared.wish(|w| w.keyframe = true);
    }

    /// Aims at another bitrate, bits per second, from the next picture on.
    pub fn set_bitrate(&self, bps: u32) {
        self.shared.wish(|w| w.bitrate_bps = bps);
    }

    /// What became of the source.
    pub fn state(&self) -> DeviceState {
        self.shared.lock().state.clone()
    }

    /// Calls `tell` after every change of [`VideoPublisher::state`], on the thread `cap-…`: it must return at once.
    pub fn on_state(&self, tell: Option<OnState>) {
        self.shared.lock().on_state = tell;
    }

    /// When the picture of this media time was captured: media time counts from the start of the publisher, whatever
    /// the source.
    pub fn captured_at(&self, media_time: Duration) -> Instant {
        self.shared.epoch + media_time
    }

    /// Figures until now.
    pub fn stats(&self) -> PublishStats {
        self.shared.lock().stats
    }

    /// Closes the device, ends both threads and waits for them, at most a second. Blocks; may be called again.
    pub fn stop(&mut self) {
        self.shared.wish(|w| {
            w.stop = true;
            w.on_state = None;
        });
        self.shared.to_encoder.close();
        let deadline = Instant::now() + STOP;
        self.capture.join(deadline);
        self.encode.join(deadline);
        self.shared.lock().outputs.clear();
        self.shared.preview.close();
    }
}

impl Drop for VideoPublisher {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A source that is open.
struct Open {
    source: Box<dyn VideoSource>,
    format: VideoFormat,
    opening: u64,
    request: VideoRequest,
    next: Duration,
}

/// The thread `cap-…`.
struct Capture<'a> {
    shared: &'a Shared,
    scaler: Scaler,
    open: Option<Open>,
    /// The opening that failed: not tried again before the next wish.
    failed: u64,
    /// Size and time of the newest picture an output was given, to be followed by a black one.
    sent: Option<(u32, u32, Duration)>,
}

impl<'a> Capture<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self { shared, scaler: Scaler::new(), open: None, failed: 0, sent: None }
    }

    fn run(mut self) {
        while let Some((wanted, opening)) = self.wait_for_work() {
            if self.open.as_ref().is_some_and(|open| !wanted || open.opening != opening) {
                self.close(DeviceState::Closed);
            } else if let Some(open) = &mut self.open {
                match open.source.next(LOOK) {
                    Ok(Some(frame)) => self.captured(frame),
                    Ok(None) => {}
                    Err(e) => self.fail(opening, e),
                }
            } else if wanted {
                self.open(opening);
            } else {
                self.go_black();
            }
        }
        self.close(DeviceState::Closed);
    }

    /// Waits until there is something to do; `None` when it is over.
    fn wait_for_work(&mut self) -> Option<(bool, u64)> {
        let idle = |wishes: &mut Wishes| {
            let to_open = wishes.wanted() && wishes.opening != self.failed;
            !wishes.stop && self.open.is_none() && !to_open && self.sent.is_none()
        };
        // Without a limit, because every wish notifies and `stop` is one of them.
        let wishes = self.shared.changed.wait_while(self.shared.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let wanted = wishes.wanted() && wishes.opening != self.failed;
        (!wishes.stop).then_some((wanted, wishes.opening))
    }

    fn open(&mut self, opening: u64) {
        self.shared.set_state(DeviceState::Opening);
        let (input, request) = {
            let wishes = self.shared.lock();
            (wishes.input.clone(), wishes.request)
        };
        match input.open(request) {
            Ok(source) => {
                let format = source.format();
                self.shared.set_state(DeviceState::Open { name: format.name.clone(), format: format.sentence() });
                self.open = Some(Open { source, format, opening, request, next: Duration::ZERO });
            }
            Err(e) => self.fail(opening, e),
        }
    }

    fn fail(&mut self, opening: u64, error: DeviceError) {
        tracing::warn!(%error, "no picture");
        self.failed = opening;
        self.close(DeviceState::Failed(error));
    }

    fn close(&mut self, state: DeviceState) {
        if self.open.take().is_some() {
            self.shared.preview.clear();
        }
        self.shared.set_state(state);
    }

    fn captured(&mut self, mut frame: VideoFrame) {
        let Some(open) = &mut self.open else { return };
        // One timeline for all sources, so that the encoder and the transport never see it jump.
        let at = *frame.at.get_or_insert_with(Instant::now);
        frame.media_time = at.saturating_duration_since(self.shared.epoch);
        let period = Duration::from_secs(1) / open.request.fps.max(1);
        if frame.media_time + period / 4 < open.next {
            return;
        }
        open.next = open.next.max(frame.media_time.saturating_sub(period)) + period;
        match self.scaler.shrink(&frame, open.request.width, open.request.height) {
            Ok(Some(smaller)) => frame = smaller,
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "not scaled"),
        }
        let fps = open.format.fps.min(open.request.fps as f32);
        let (width, height, time) = (frame.width(), frame.height(), frame.media_time);
        let frame = Arc::new(frame);
        let encode = {
            let mut wishes = self.shared.lock();
            wishes.stats.captured += 1;
            !wishes.outputs.is_empty()
        };
        if encode {
            self.sent = Some((width, height, time));
            // overflow: newest wins, the encoder counts what it missed
            self.shared.to_encoder.put(Captured { frame: Arc::clone(&frame), fps, last: false });
        }
        // overflow: newest wins
        self.shared.preview.put(frame);
    }

    /// What the other side sees last is black.
    fn go_black(&mut self) {
        let Some((width, height, time)) = self.sent.take() else { return };
        let now = Instant::now();
        let time = now.saturating_duration_since(self.shared.epoch).max(time);
        if let Ok(mut frame) = VideoFrame::black(width, height, time) {
            frame.at = Some(now);
            self.shared.to_encoder.put(Captured { frame: Arc::new(frame), fps: 30.0, last: true });
        }
    }
}

/// The thread `enc-…`.
struct Encode<'a> {
    shared: &'a Shared,
    encoder: Option<Encoder>,
    times: VecDeque<Duration>,
}

impl<'a> Encode<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self { shared, encoder: None, times: VecDeque::new() }
    }

    fn run(mut self) {
        let mut seen = 0;
        loop {
            match self.shared.to_encoder.wait_newer(seen, Duration::from_secs(60)) {
                Ok(Some((number, captured))) => {
                    let missed = number - seen - 1;
                    seen = number;
                    self.encode(&captured, missed);
                }
                Ok(None) => {}
                Err(_) => return,
            }
        }
    }

    fn encode(&mut self, captured: &Captured, missed: u64) {
        let (bitrate_bps, mut keyframe) = {
            let mut wishes = self.shared.lock();
            wishes.stats.dropped += missed;
            if wishes.stop || wishes.outputs.is_empty() {
                return;
            }
            (wishes.bitrate_bps, std::mem::take(&mut wishes.keyframe))
        };
        let begun = Instant::now();
        let frame = &captured.frame;
        // The rate control may skip a picture, but not the black one: a keyframe is never skipped for long.
        keyframe |= captured.last;
        let encoded = self.encoder(frame, captured.fps, bitrate_bps).map(|encoder| {
            if keyframe {
                encoder.force_keyframe();
            }
            encoder.encode(frame, frame.at.unwrap_or(begun))
        });
        let took = begun.elapsed();
        let mut wishes = self.shared.lock();
        match encoded {
            Some(Ok(Some(unit))) => {
                if self.times.len() == WINDOW {
                    self.times.pop_front();
                }
                self.times.push_back(took);
                let mean = self.times.iter().sum::<Duration>() / self.times.len() as u32;
                let stats = &mut wishes.stats;
                stats.frames += 1;
                stats.keyframes += u64::from(unit.keyframe);
                stats.bytes += unit.data.len() as u64;
                stats.encode_ms = mean.as_secs_f64() * 1000.0;
                (stats.width, stats.height, stats.target_bps) = (frame.width(), frame.height(), bitrate_bps);
                send(&mut wishes, &unit);
            }
            Some(Ok(None)) => {
                wishes.stats.dropped += 1;
                wishes.keyframe |= keyframe;
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "not encoded");
                wishes.stats.dropped += 1;
                wishes.keyframe |= keyframe;
            }
            None => wishes.stats.dropped += 1,
        }
    }

    /// The encoder, with the bitrate of now, made anew where the rate of the source changed.
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

fn send(wishes: &mut Wishes, unit: &EncodedVideo) {
    let mut keyframe = false;
    wishes.outputs.retain_mut(|output| {
        if output.waiting && !unit.keyframe {
            // It may have been added while this picture was being encoded.
            keyframe = true;
            return true;
        }
        // overflow: drop until the next keyframe, and ask for one
        match output.sender.try_send(unit.clone()) {
            Ok(()) => output.waiting = false,
            Err(TrySendError::Full(_)) => {
                output.waiting = true;
                keyframe = true;
            }
            Err(TrySendError::Closed(_)) => return false,
        }
        true
    });
    wishes.keyframe |= keyframe;
}
