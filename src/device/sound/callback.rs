//! What runs in the driver's own thread: samples from the microphone into a ring, from a ring to the speaker.
//!
//! Invariant: neither callback locks, allocates, frees or logs, whatever comes, and each touches the end of one ring
//! and a few atomics and nothing else; `tests/realtime.rs` drives them with an allocator that counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cpal::{Data, ErrorKind, FromSample, Sample, SampleFormat, SizedSample};
use rtrb::{Consumer, Producer, RingBuffer};

use crate::dsp::channels::Channels;

/// Samples a ring holds: a second at any rate a person's device has.
pub const RING: usize = 192_000;

/// Longest that a driver waits between two lumps, as a rule.
const LUMP: Duration = Duration::from_millis(40);

/// Why a stream is over, in words, by the number kept of it.
const ENDS: [&str; 5] = [
    "",
    "it was unplugged",
    "the sound server ended",
    "its settings were changed by the system",
    "the system failed to go on with it",
];

/// What the callbacks tell the audio thread.
#[derive(Debug)]
pub struct Signs {
    born: Instant,
    /// When the data callback was last called, microseconds after the birth of this.
    called: AtomicU64,
    /// Calls of the data callback.
    pub calls: AtomicU64,
    /// Frames the ring had no room for, or did not have.
    pub missed: AtomicU64,
    /// Underruns and overruns the driver has told of.
    pub xruns: AtomicU64,
    /// Largest number of frames asked for at once.
    pub lump: AtomicUsize,
    /// At that call, microseconds from the newest sample given to when it was in the air, or from then to when the next
    /// one taken will be.
    latency: AtomicU64,
    /// Which of [`ENDS`]; 0 while it goes on.
    end: AtomicU8,
}

impl Default for Signs {
    fn default() -> Self {
        Self {
            born: Instant::now(),
            called: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            xruns: AtomicU64::new(0),
            lump: AtomicUsize::new(0),
            latency: AtomicU64::new(0),
            end: AtomicU8::new(0),
        }
    }
}

impl Signs {
    fn call(&self) {
        self.called.store(self.age(), Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    fn age(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// How long ago the driver gave or took its last lump; no more than the longest lump, for then it is late.
    pub fn since(&self) -> Duration {
        Duration::from_micros(self.age().saturating_sub(self.called.load(Ordering::Relaxed))).min(LUMP)
    }

    /// What the driver says of the call that begins: between it and the end of its lump in the air lies this.
    pub fn tell_latency(&self, latency: Duration) {
        self.latency.store(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The same; no more than a second.
    pub fn latency(&self) -> Duration {
        Duration::from_micros(self.latency.load(Ordering::Relaxed)).min(Duration::from_secs(1))
    }

    /// The driver's callback for what goes wrong.
    pub fn error(&self, kind: ErrorKind) {
        let end = match kind {
            // The device goes on by itself after these; the ring's level tells what they cost.
            ErrorKind::Xrun => {
                self.xruns.fetch_add(1, Ordering::Relaxed);
                return;
            }
            ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => return,
            ErrorKind::DeviceNotAvailable => 1,
            ErrorKind::HostUnavailable => 2,
            ErrorKind::StreamInvalidated | ErrorKind::UnsupportedConfig => 3,
            _ => 4,
        };
        // The first reason is the true one.
        let _ = self.end.compare_exchange(0, end, Ordering::Release, Ordering::Relaxed);
    }

    /// Why it is over, for people; `None` while it goes on.
    pub fn ended(&self) -> Option<&'static str> {
        let end = usize::from(self.end.load(Ordering::Acquire));
        if end == 0 { None } else { ENDS.get(end).copied() }
    }
}

/// Calls `$function::<T>(…)` with the sample type of the format; other formats are left alone.
macro_rules! by_format {
    ($format:expr, $function:ident($($argument:expr),*)) => {
        match $format {
            SampleFormat::I8 => $function::<i8>($($argument),*),
            SampleFormat::I16 => $function::<i16>($($argument),*),
            SampleFormat::I24 => $function::<cpal::I24>($($argument),*),
            SampleFormat::I32 => $function::<i32>($($argument),*),
            SampleFormat::I64 => $function::<i64>($($argument),*),
            SampleFormat::U8 => $function::<u8>($($argument),*),
            SampleFormat::U16 => $function::<u16>($($argument),*),
            SampleFormat::U32 => $function::<u32>($($argument),*),
            SampleFormat::U64 => $function::<u64>($($argument),*),
            SampleFormat::F32 => $function::<f32>($($argument),*),
            SampleFormat::F64 => $function::<f64>($($argument),*),
            _ => {}
        }
    };
}

/// The callback of a microphone.
#[derive(Debug)]
pub struct Capture {
    channels: Channels,
    ring: Producer<f32>,
    signs: Arc<Signs>,
}

impl Capture {
    /// One for a device of this many channels and frames a second, with the other end of its ring.
    pub fn new(channels: u16, rate: u32, signs: Arc<Signs>) -> (Self, Consumer<f32>) {
        let (ring, other) = RingBuffer::new(RING);
        (Self { channels: Channels::new(usize::from(channels), rate), ring, signs }, other)
    }

    /// Takes what the device has given: one sample a frame goes into the ring, of the channels that carry sound.
    pub fn call(&mut self, data: &Data) {
        self.signs.call();
        by_format!(data.sample_format(), take(data, self));
    }
}

fn take<T>(data: &Data, to: &mut Capture)
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let Some(samples) = data.as_slice::<T>() else { return };
    let (ring, signs) = (&mut to.ring, &to.signs);
    to.channels.mix(samples, f32::from_sample, |sample| {
        // overflow: drop newest, counted; the audio thread has not run for a second.
        if ring.push(sample).is_err() {
            signs.missed.fetch_add(1, Ordering::Relaxed);
        }
    });
}

/// The callback of a speaker.
#[derive(Debug)]
pub struct Playback {
    channels: usize,
    ring: Consumer<f32>,
    signs: Arc<Signs>,
}

impl Playback {
    /// One for a device of this many channels, with the other end of its ring.
    pub fn new(channels: u16, signs: Arc<Signs>) -> (Self, Producer<f32>) {
        let (other, ring) = RingBuffer::new(RING);
        (Self { channels: usize::from(channels).max(1), ring, signs }, other)
    }

    /// Fills what the device asks for: one sample of the ring goes to every channel of a frame.
    pub fn call(&mut self, data: &mut Data) {
        self.signs.call();
        by_format!(data.sample_format(), give(data, self));
    }
}

fn give<T>(data: &mut Data, from: &mut Playback)
where
    T: SizedSample + FromSample<f32>,
{
    let Some(samples) = data.as_slice_mut::<T>() else { return };
    from.signs.lump.fetch_max(samples.len() / from.channels, Ordering::Relaxed);
    for frame in samples.chunks_exact_mut(from.channels) {
        let sample = from.ring.pop().unwrap_or_else(|_| {
            from.signs.missed.fetch_add(1, Ordering::Relaxed);
            0.0
        });
        frame.fill(T::from_sample(sample));
    }
}
