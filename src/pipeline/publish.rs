//! Our own picture, of the camera or of a screen that is shared: source → preview and encoder → outputs.
//!
//! The thread `cap-…` owns the device and has it open only while somebody wants pictures: the preview, or at least one
//! output, and the camera not switched off. The thread `enc-…` owns one encoder for all outputs and encodes each picture the
//! moment it comes, at the size and rate that the bitrate is good for (`ladder`) and the computer can make (`guard`). Only
//! where paths are of very different strength ([`VideoPublisher::share_out`]) there are more such threads, with smaller
//! pictures (`encodings`). Switching off closes the device at once and sends a black keyframe, so that no face stays on the
//! other side's screen: again and again, once a second, for whoever lost it or comes later.
//!
//! Overflow: pictures — newest wins, counted as dropped; an output that is full loses pictures until the next keyframe,
//! which is made as soon as it has room again. Keyframes come at most five times a second, however many ask; only where
//! nobody got a picture yet, at once.

mod capture;
mod encode;
mod encodings;
mod guard;
mod ladder;
mod recovery;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use super::worker::Worker;
use crate::call::budget::ENCODINGS;
use crate::device::{VideoRequest, VideoSource, open_display, open_video};
use crate::model::device::{DeviceError, DeviceState};
use crate::model::encoded::EncodedVideo;
use crate::model::frame::VideoFrame;
use crate::model::slot::{Player, Slot};
use crate::model::source::VideoSpec;
use capture::Capture;
use encode::Encode;
use encodings::{Counts, Encodings, all_at};
use recovery::Receiver;

/// How long [`VideoPublisher::stop`] waits for a device that does not answer.
const STOP: Duration = Duration::from_secs(1);

/// So many encoded pictures not taken yet: the path does not carry them as fast as they are made.
const BEHIND: usize = 2;

/// Opens a source of one's own, each time it is needed, on the thread it is used on.
pub type Opener = Arc<dyn Fn() -> Result<Box<dyn VideoSource>, DeviceError> + Send + Sync>;

/// Where the pictures come from.
#[derive(Clone)]
pub enum VideoInput {
    /// A camera, a file, a pattern, nothing.
    Spec(VideoSpec),
    /// The screen or window with this ID, which is shared.
    Display(String),
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
            Self::Display(id) => open_display(id, request),
            Self::Custom(open) => open(),
        }
    }

    fn kind(&self) -> VideoKind {
        if matches!(self, Self::Display(_)) { VideoKind::Display } else { VideoKind::Camera }
    }

    fn is_none(&self) -> bool {
        matches!(self, Self::Spec(VideoSpec::None))
    }

    fn same_spec(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Spec(a), Self::Spec(b)) => a == b,
            (Self::Display(a), Self::Display(b)) => a == b,
            (Self::Custom(a), Self::Custom(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl std::fmt::Debug for VideoInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Spec(spec) => write!(f, "{spec}"),
            Self::Display(id) => f.write_str(id),
            Self::Custom(_) => f.write_str("custom"),
        }
    }
}

/// What a state is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoKind {
    /// A camera, or what stands in its place.
    Camera,
    /// A screen or window.
    Display,
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
    /// Pictures in the place of a keyframe that build on one which all receivers keep.
    pub recoveries: u64,
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
    /// There are too few bits for pictures that move: one goes out every two seconds, and the rest is left to the sound.
    pub paused: bool,
    /// The pictures are smaller, or fewer, than the path would carry: the computer cannot make more.
    pub spared: bool,
}

type OnState = Arc<dyn Fn(VideoKind, DeviceState) + Send + Sync>;

struct Output {
    id: u64,
    sender: Sender<EncodedVideo>,
    /// Nothing goes out before the next keyframe: it is new, or was full.
    waiting: bool,
    /// It never got a picture.
    new: bool,
    /// The one it gets.
    encoding: usize,
    receiver: Receiver,
    /// How much more it has seen than that one has made.
    more: Counts,
}

impl Output {
    /// Pictures wait there for the path.
    fn is_behind(&self) -> bool {
        self.sender.max_capacity() - self.sender.capacity() >= BEHIND
    }
}

struct Wishes {
    input: VideoInput,
    /// Counts every wish to (re)open: another source, another format, the same again after a failure.
    opening: u64,
    /// The newest opening whose end is known.
    settled: u64,
    request: VideoRequest,
    enabled: bool,
    paused: bool,
    preview: bool,
    outputs: Vec<Output>,
    encodings: Encodings,
    /// The computer is late with other work than this.
    strained: bool,
    /// Pictures captured.
    captured: u64,
    /// The newest picture while there is no output, for the one that comes.
    unsent: Option<Captured>,
    /// Size of the newest picture an output was given, to be followed by a black one.
    sent: Option<(u32, u32)>,
    stop: bool,
    state: DeviceState,
    on_state: Option<OnState>,
}

impl Wishes {
    fn wanted(&self) -> bool {
        self.enabled && !self.stop && !self.input.is_none() && (self.preview || !self.outputs.is_empty())
    }

    fn capture_from(&mut self, input: VideoInput, request: VideoRequest, enabled: bool) -> u64 {
        let failed = matches!(self.state, DeviceState::Failed(_));
        if failed || !self.input.same_spec(&input) || self.request != request {
            self.opening += 1;
        }
        (self.input, self.request, self.enabled) = (input, request, enabled);
        self.opening
    }
}

/// One picture on its way to the encoder.
#[derive(Clone)]
struct Captured {
    frame: Arc<VideoFrame>,
    fps: f32,
    kind: VideoKind,
    /// Must not be skipped: the black one.
    last: bool,
}

struct Shared {
    wishes: Mutex<Wishes>,
    changed: Condvar,
    preview: Player,
    to_encoders: [Slot<Captured>; ENCODINGS],
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

    /// Gives a picture to the encoders. Under the lock, so that none overtakes another.
    fn to_encode(&self, wishes: &mut Wishes, captured: &Captured) {
        wishes.sent = Some((captured.frame.width(), captured.frame.height()));
        for (encoding, slot) in self.to_encoders.iter().enumerate() {
            if wishes.outputs_of(encoding).next().is_some() {
                // overflow: newest wins, the encoder counts what it missed
                slot.put(captured.clone());
            }
        }
    }

    /// `opening`: whose state it is, where it is the end of one.
    fn set_state(&self, kind: VideoKind, state: DeviceState, opening: Option<u64>) {
        let told = {
            let mut wishes = self.lock();
            wishes.settled = opening.unwrap_or(wishes.settled);
            if wishes.state == state {
                return;
            }
            wishes.state = state.clone();
            wishes.on_state.clone()
        };
        tracing::debug!(?state, ?kind, "source of pictures");
        if let Some(tell) = told {
            tell(kind, state);
        }
    }
}

/// Captures, shows and encodes one source. Every call but [`VideoPublisher::stop`] returns at once.
pub struct VideoPublisher {
    shared: Arc<Shared>,
    capture: Worker,
    /// One for each encoding that was ever used, from the first on.
    encode: Mutex<Vec<Worker>>,
    name: String,
}

impl VideoPublisher {
    /// Starts both threads; nothing is opened before somebody wants pictures.
    pub fn start(config: PublishConfig) -> Self {
        let wishes = Wishes {
            input: config.input,
            opening: 1,
            settled: 0,
            request: config.request,
            enabled: config.enabled,
            paused: false,
            preview: false,
            outputs: Vec::new(),
            encodings: all_at(config.bitrate_bps),
            strained: false,
            captured: 0,
            unsent: None,
            sent: None,
            stop: false,
            state: DeviceState::Closed,
            on_state: None,
        };
        let shared = Arc::new(Shared {
            wishes: Mutex::new(wishes),
            changed: Condvar::new(),
            preview: Player::new(),
            to_encoders: Default::default(),
            epoch: Instant::now(),
        });
        let (capture, name) = (Arc::clone(&shared), config.name);
        let capture = Worker::spawn(format!("cap-{name}"), move || Capture::new(&capture).run());
        let publisher = Self { shared, capture, encode: Mutex::default(), name };
        publisher.start_encoders(1);
        publisher
    }

    /// Has at least so many of them; each further one idles until it gets an output.
    fn start_encoders(&self, count: usize) {
        let mut encoders = self.encode.lock().unwrap_or_else(PoisonError::into_inner);
        while encoders.len() < count.min(ENCODINGS) {
            let (shared, number) = (Arc::clone(&self.shared), encoders.len());
            let name = if number == 0 { format!("enc-{}", self.name) } else { format!("enc{number}-{}", self.name) };
            let mut encode = Encode::new(shared, number);
            encoders.push(Worker::spawn(name, move || encode.run()));
        }
    }

    /// Takes pictures from there from now on. The same spec again changes nothing while it runs, and tries anew after a
    /// failure.
    pub fn set_source(&self, input: VideoInput) {
        self.shared.wish(|w| w.capture_from(input, w.request, w.enabled));
    }

    /// Takes pictures of this size and rate from there from now on, all at once: a device that is open is opened anew
    /// only where something is different, or after a failure. Gives the number to ask [`VideoPublisher::outcome`] with.
    pub fn capture_from(&self, input: VideoInput, request: VideoRequest, enabled: bool) -> u64 {
        self.shared.wish(|w| w.capture_from(input, request, enabled))
    }

    /// What became of an opening (or a later one): open, or why not. `None` while that is not known.
    pub fn outcome(&self, opening: u64) -> Option<DeviceState> {
        let wishes = self.shared.lock();
        let known = matches!(wishes.state, DeviceState::Open { .. } | DeviceState::Failed(_));
        (known && wishes.settled >= opening).then(|| wishes.state.clone())
    }

    /// Wants this size and rate from now on; a device that is open is opened anew.
    pub fn set_request(&self, request: VideoRequest) {
        self.shared.wish(|w| w.capture_from(w.input.clone(), request, w.enabled));
    }

    /// Switches the camera on or off. Off closes the device within half a second.
    pub fn set_enabled(&self, enabled: bool) {
        self.shared.wish(|w| w.enabled = enabled);
    }

    /// Sends the newest picture of the open source again once a second, for whoever comes, instead of new ones.
    pub fn set_paused(&self, paused: bool) {
        self.shared.lock().paused = paused;
    }

    /// Whether somebody looks at the preview.
    pub fn set_preview(&self, wanted: bool) {
        self.shared.wish(|w| w.preview = wanted);
    }

    /// Shows the newest picture while the device is open; empty while it is closed.
    pub fn preview(&self) -> Player {
        self.shared.preview.clone()
    }

    /// Sends the encoded pictures there too, beginning with a keyframe: for the first output it is made at once, of the
    /// picture that is there already. An output whose receiver is gone is removed by itself. One with the same `id` is
    /// replaced.
    pub fn add_output(&self, id: u64, sender: Sender<EncodedVideo>) {
        self.add_output_of(id, sender, false);
    }

    /// Sends nothing there any more.
    pub fn remove_output(&self, id: u64) {
        self.shared.wish(|w| w.outputs.retain(|output| output.id != id));
    }

    /// Makes the next picture a keyframe, for every output.
    pub fn request_keyframe(&self) {
        self.shared.wish(|w| w.want_keyframe(None));
    }

    /// The same for those that get what this output gets.
    pub fn request_keyframe_of(&self, id: u64) {
        self.shared.wish(|w| w.want_keyframe(Some(id)));
    }

    /// Does that too, for whoever has no hold of the publisher; nothing once it is gone.
    pub fn keyframe_asker(&self, id: u64) -> Arc<dyn Fn() + Send + Sync> {
        let shared = Arc::downgrade(&self.shared);
        Arc::new(move || {
            if let Some(shared) = shared.upgrade() {
                shared.wish(|w| w.want_keyframe(Some(id)));
            }
        })
    }

    /// Aims at another bitrate, bits per second, from the next picture on: that of the first encoding, which every output
    /// gets at first.
    pub fn set_bitrate(&self, bps: u32) {
        self.shared.wish(|w| w.encodings[0].bitrate_bps = bps);
    }

    /// Makes so many encodings, each at its bitrate (bits per second; at most [`ENCODINGS`], more are ignored), and gives
    /// each output of these IDs the one with this number, from its next keyframe on. The first has the full size, each
    /// further one at most half the sides of the one before; a screen keeps its size and loses pictures. One that no
    /// output gets costs nothing.
    pub fn share_out(&self, bitrates: &[u32], places: &[(u64, usize)]) {
        self.start_encoders(bitrates.len());
        self.shared.wish(|w| {
            for (encoding, bps) in w.encodings.iter_mut().zip(bitrates) {
                encoding.bitrate_bps = *bps;
            }
            for (id, place) in places {
                w.place(*id, *place);
            }
        });
    }

    /// Whether the computer is late with what it receives: then smaller pictures are made, as far as that spares it work.
    pub fn set_strained(&self, strained: bool) {
        self.shared.lock().strained = strained;
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

    /// Figures until now, of the first encoding.
    pub fn stats(&self) -> PublishStats {
        self.shared.lock().stats_of(None)
    }

    /// Figures until now as one output sees them; of the first encoding, where there is no such output.
    pub fn stats_of(&self, id: u64) -> PublishStats {
        self.shared.lock().stats_of(Some(id))
    }

    /// Closes the device, ends both threads and waits for them, at most a second. Blocks; may be called again.
    pub fn stop(&mut self) {
        self.shared.wish(|w| {
            w.stop = true;
            w.on_state = None;
        });
        self.shared.to_encoders.iter().for_each(Slot::close);
        let deadline = Instant::now() + STOP;
        self.capture.join(deadline);
        let encoders = self.encode.get_mut().unwrap_or_else(PoisonError::into_inner);
        encoders.iter_mut().for_each(|encoder| encoder.join(deadline));
        self.shared.lock().outputs.clear();
        self.shared.preview.close();
    }
}

impl Drop for VideoPublisher {
    fn drop(&mut self) {
        self.stop();
    }
}
