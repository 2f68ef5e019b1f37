//! A picture from far away: queue of encoded pictures → decoder → player.
//!
//! The thread `dec-…` decodes each picture the moment it comes, for others build on it, and shows it when
//! [`Playout`] says: at once as a rule, later where its sound is later. Of a burst only the newest is shown. A picture that
//! cannot be decoded leaves the last one standing and asks for a keyframe, again and again until one comes, but not more
//! often than every quarter of a second.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::Receiver;

use super::behind::Behind;
use super::freeze::Freezes;
use super::sync::Lips;
use super::worker::Worker;
use crate::codec::h264::Decoder;
use crate::codec::timecode;
use crate::dsp::playout::{Due, Playout};
use crate::model::clock::Played;
use crate::model::encoded::EncodedVideo;
use crate::model::frame::VideoFrame;
use crate::model::slot::Player;

/// Least time between two requests for a keyframe.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// While pictures come in a burst, one is shown at least this often.
const SHOW: Duration = Duration::from_millis(50);

/// Samples of latency and skew kept between two readings.
const SAMPLES: usize = 4096;

/// Pictures over which times are averaged.
const WINDOW: usize = 30;

/// Which picture is kept is told again after so many: the word may get lost.
const TELL_AGAIN: u32 = 30;

/// Longest wait of [`VideoSubscriber::stop`].
const STOP: Duration = Duration::from_secs(1);

/// What a [`VideoSubscriber`] works with.
pub struct SubscribeConfig {
    /// Names the thread: `dec-NAME`, at most 11 bytes.
    pub name: String,
    /// Where the pictures are shown.
    pub player: Player,
    /// Asks the sender for a keyframe; called on the thread `dec-…`, must return at once.
    pub keyframe_wanted: Arc<dyn Fn() + Send + Sync>,
    /// Told of the newest picture that the decoder keeps for later, again now and then; on the thread `dec-…`, must return
    /// at once.
    pub kept: Option<Arc<dyn Fn(Option<u32>) + Send + Sync>>,
    /// Called once, after the first picture was shown; on the thread `dec-…`, must return at once.
    pub on_first_frame: Option<Box<dyn FnOnce() + Send>>,
    /// The sound that the pictures belong to; `None`: they are shown without regard to any.
    pub lips: Option<Arc<Lips>>,
}

/// Figures of one subscriber. Counts since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SubscribeStats {
    /// Pictures decoded.
    pub frames: u64,
    /// Pictures decoded and not shown: newer ones were there.
    pub overtaken: u64,
    /// Access units that could not be decoded.
    pub errors: u64,
    /// Keyframes asked for.
    pub keyframe_requests: u64,
    /// Bytes taken in.
    pub bytes: u64,
    /// Width of the newest picture.
    pub width: u32,
    /// Height of the newest picture.
    pub height: u32,
    /// Mean time to decode one picture, ms, over the last 30.
    pub decode_ms: f64,
    /// Times the picture stood still (webrtc-stats `freezeCount`).
    pub freezes: u64,
    /// Time it stood still, ms.
    pub frozen_ms: u64,
    /// Pictures come faster than this computer decodes them, for some seconds now.
    pub behind: bool,
    /// Media time of the newest picture.
    pub media_time: Duration,
    /// The picture that was shown last; `None` where it is not known when it was captured.
    pub played: Option<Played>,
}

#[derive(Default)]
struct Figures {
    stats: SubscribeStats,
    freezes: Freezes,
    behind: Behind,
    latency_ms: VecDeque<f64>,
    skew_ms: VecDeque<f64>,
}

/// overflow: drop oldest
fn keep(samples: &mut VecDeque<f64>, sample: Option<f64>) {
    if sample.is_some() && samples.len() == SAMPLES {
        samples.pop_front();
    }
    samples.extend(sample);
}

struct Shared {
    figures: Mutex<Figures>,
    stop: AtomicBool,
    /// What waits is not to be shown.
    paused: AtomicBool,
    /// Where the timeline of `freezes` begins.
    begun: Instant,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Decodes and shows one remote picture.
pub struct VideoSubscriber {
    shared: Arc<Shared>,
    player: Player,
    decode: Worker,
}

impl VideoSubscriber {
    /// Starts the thread, which runs until the queue's senders are gone or [`VideoSubscriber::stop`].
    pub fn start(units: Receiver<EncodedVideo>, config: SubscribeConfig) -> Self {
        let shared = Arc::new(Shared {
            figures: Mutex::default(),
            stop: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            begun: Instant::now(),
        });
        let player = config.player.clone();
        let name = format!("dec-{}", config.name);
        let decode = Decode {
            shared: Arc::clone(&shared),
            config,
            asked: None,
            told: (None, 0),
            times: VecDeque::new(),
            playout: Playout::default(),
            shown: None,
        };
        Self { shared, player, decode: Worker::spawn(name, move || decode.run(units)) }
    }

    /// Where the pictures are shown.
    pub fn player(&self) -> Player {
        self.player.clone()
    }

    /// Figures until now.
    pub fn stats(&self) -> SubscribeStats {
        let figures = self.shared.lock();
        let (freezes, frozen) = figures.freezes.totals();
        let behind = figures.behind.is_behind(Instant::now());
        SubscribeStats { freezes, frozen_ms: frozen.as_millis() as u64, behind, ..figures.stats }
    }

    /// Capture to shown, ms, one for each picture with a timecode since the last call; the oldest are lost where
    /// nobody asks.
    pub fn take_latency_ms(&self) -> Vec<f64> {
        self.shared.lock().latency_ms.drain(..).collect()
    }

    /// How much later than its sound each picture was shown since the last call, ms; negative: earlier. None of those for
    /// which that is not known; the oldest are lost where nobody asks.
    pub fn take_skew_ms(&self) -> Vec<f64> {
        self.shared.lock().skew_ms.drain(..).collect()
    }

    /// The longest time between two pictures since the last call, ms; one that is waited for counts until now.
    pub fn take_longest_gap_ms(&self) -> f64 {
        let mut figures = self.shared.lock();
        figures.freezes.take_longest(self.shared.begun.elapsed()).as_secs_f64() * 1e3
    }

    /// The other side switched its camera off: what comes until [`VideoSubscriber::resume`] stands still on purpose, and
    /// what was shown is taken away.
    pub fn pause(&self) {
        self.shared.paused.store(true, Ordering::Release);
        {
            let mut figures = self.shared.lock();
            figures.freezes.pause();
            figures.behind.clear();
        }
        self.player.clear();
    }

    /// Its pictures are to move again: a gap is a freeze.
    pub fn resume(&self) {
        self.shared.lock().freezes.resume();
    }

    /// Ends the thread and waits for it, at most a second; then the player is closed. Blocks; may be called again.
    pub fn stop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.decode.thread() {
            thread.unpark();
        }
        self.decode.join(Instant::now() + STOP);
        self.player.close();
    }
}

impl Drop for VideoSubscriber {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A decoded picture on its way to the player.
struct Decoded {
    frame: VideoFrame,
    /// Its timecode.
    code: Option<u32>,
}

/// What the thread goes on with.
enum Next {
    Unit(EncodedVideo),
    /// A picture that waited.
    Show,
    End,
}

struct Decode {
    shared: Arc<Shared>,
    config: SubscribeConfig,
    asked: Option<Instant>,
    /// The kept picture that was told of, and pictures since.
    told: (Option<u32>, u32),
    times: VecDeque<Duration>,
    playout: Playout<Decoded>,
    /// When the last one was shown.
    shown: Option<Instant>,
}

impl Decode {
    fn run(mut self, mut units: Receiver<EncodedVideo>) {
        let mut decoder = match Decoder::new() {
            Ok(decoder) => decoder,
            Err(error) => {
                tracing::error!(%error, "no decoder");
                return;
            }
        };
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            match self.next(&mut units, &waker) {
                Next::Unit(unit) => self.decode(&mut decoder, &unit),
                Next::Show => {}
                Next::End => return,
            }
            // What waits in the queue is newer, and decoded in a moment.
            if units.is_empty() || self.shown.is_none_or(|shown| shown.elapsed() > SHOW) {
                self.show();
            }
        }
    }

    /// Not `blocking_recv`, which nobody could wake but the sender.
    fn next(&self, units: &mut Receiver<EncodedVideo>, waker: &Waker) -> Next {
        loop {
            if self.shared.stop.load(Ordering::Acquire) {
                return Next::End;
            }
            match units.poll_recv(&mut Context::from_waker(waker)) {
                Poll::Ready(Some(unit)) => return Next::Unit(unit),
                Poll::Ready(None) => return Next::End,
                Poll::Pending => {}
            }
            match self.playout.deadline().map(|due| due.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return Next::Show,
                Some(wait) => thread::park_timeout(wait),
                None => thread::park_timeout(Duration::from_secs(60)),
            }
        }
    }

    /// Shows the newest picture that is due.
    fn show(&mut self) {
        if self.shared.paused.swap(false, Ordering::AcqRel) {
            self.playout.clear();
        }
        let now = Instant::now();
        let Some(Due { picture, played, skew_ms, overtaken }) = self.playout.poll(now) else { return };
        let Decoded { frame, code } = picture;
        self.shown = Some(now);
        if let Some(lips) = &self.config.lips {
            lips.hold_sound(now, self.playout.sound_wait());
        }
        {
            let mut figures = self.shared.lock();
            figures.stats.overtaken += overtaken;
            figures.stats.played = played;
            figures.freezes.shown(now - self.shared.begun);
            let age = code.and_then(|code| timecode::age(code, unix_ms()));
            keep(&mut figures.latency_ms, age.map(f64::from));
            keep(&mut figures.skew_ms, skew_ms);
        }
        // overflow: newest wins
        self.config.player.put(Arc::new(frame));
        if let Some(tell) = self.config.on_first_frame.take() {
            tell();
        }
    }

    fn decode(&mut self, decoder: &mut Decoder, unit: &EncodedVideo) {
        let begun = Instant::now();
        let result = decoder.decode(unit);
        let done = Instant::now();
        self.tell_kept(decoder.kept());
        match result {
            Ok(Some(mut frame)) => {
                frame.at = Some(done);
                let code = timecode::read(&frame);
                let (width, height) = (frame.width(), frame.height());
                let decode_ms = self.mean_ms(done - begun);
                {
                    let Figures { stats, behind, .. } = &mut *self.shared.lock();
                    behind.decoded(done, done - begun);
                    stats.frames += 1;
                    stats.bytes += unit.data.len() as u64;
                    (stats.width, stats.height, stats.decode_ms) = (width, height, decode_ms);
                    stats.media_time = unit.media_time;
                }
                self.playout.set_sound(self.config.lips.as_ref().and_then(|lips| lips.sound()));
                self.playout.push(done, Decoded { frame, code }, unit.media_time, unit.captured);
            }
            Ok(None) => {}
            Err(error) => {
                let ask = self.asked.is_none_or(|asked| done - asked >= ASK_AGAIN);
                {
                    let stats = &mut self.shared.lock().stats;
                    stats.errors += 1;
                    stats.bytes += unit.data.len() as u64;
                    stats.keyframe_requests += u64::from(ask);
                }
                if ask {
                    tracing::debug!(%error, "asking for a keyframe");
                    self.asked = Some(done);
                    (self.config.keyframe_wanted)();
                }
            }
        }
    }

    fn tell_kept(&mut self, kept: Option<u32>) {
        self.told.1 += 1;
        let again = kept.is_some() && self.told.1 >= TELL_AGAIN;
        if let (Some(tell), true) = (&self.config.kept, again || kept != self.told.0) {
            self.told = (kept, 0);
            tell(kept);
        }
    }

    fn mean_ms(&mut self, took: Duration) -> f64 {
        if self.times.len() == WINDOW {
            self.times.pop_front();
        }
        self.times.push_back(took);
        self.times.iter().sum::<Duration>().as_secs_f64() * 1000.0 / self.times.len() as f64
    }
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}
