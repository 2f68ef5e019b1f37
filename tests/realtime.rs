//! What runs in the sound driver's own thread neither allocates nor frees, logs or locks, whatever the device gives or
//! asks for: an allocator that counts is under it.

#![cfg(feature = "gui")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::heap::Watched;
use cpal::{Data, ErrorKind, SampleFormat};
use visavis::device::sound::callback::{Capture, Playback, RING, Signs};

thread_local! {
    static COUNTED: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    let _ = COUNTED.try_with(|counted| counted.set(counted.get() + 1));
}

#[global_allocator]
static ALLOCATOR: Watched = Watched { taken: |_| count(), given: |_| count() };

/// Calls of the allocator on this thread while `body` runs.
fn allocations(body: impl FnOnce()) -> u64 {
    let before = COUNTED.with(Cell::get);
    body();
    COUNTED.with(Cell::get) - before
}

const FORMATS: [SampleFormat; 12] = [
    SampleFormat::I8,
    SampleFormat::I16,
    SampleFormat::I24,
    SampleFormat::I32,
    SampleFormat::I64,
    SampleFormat::U8,
    SampleFormat::U16,
    SampleFormat::U32,
    SampleFormat::U64,
    SampleFormat::F32,
    SampleFormat::F64,
    // One that is left alone.
    SampleFormat::DsdU8,
];

/// Counts what is logged.
struct Logged(Arc<AtomicU64>);

impl tracing::Subscriber for Logged {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        false
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {}

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// A driver's buffer of so many samples.
#[allow(unsafe_code, reason = "drivers give raw memory")]
fn data(memory: &mut [u64], samples: usize, format: SampleFormat) -> Data {
    assert!(samples * format.sample_size() <= size_of_val(memory));
    // SAFETY: the memory is there as long as the test uses what is returned, is aligned for every format, holds that
    // many samples, and any bits are a number of these formats.
    unsafe { Data::from_parts(memory.as_mut_ptr().cast(), samples, format) }
}

#[test]
fn callbacks_leave_the_allocator_and_the_log_alone() {
    let logged = Arc::new(AtomicU64::new(0));
    let log = Logged(Arc::clone(&logged));
    tracing::subscriber::with_default(log, || {
        assert!(allocations(|| drop(black_box(Box::new(1)))) == 2, "the allocator counts");
        tracing::error!("the log counts");
        assert_eq!(logged.swap(0, Ordering::Relaxed), 1);
        for format in FORMATS {
            for channels in [1, 2, 3, 4, 8, 32, 64] {
                microphone(format, channels);
                speaker(format, channels);
            }
        }
    });
    assert_eq!(logged.load(Ordering::Relaxed), 0, "lines logged");
}

fn microphone(format: SampleFormat, channels: u16) {
    let signs = Arc::new(Signs::default());
    let (mut callback, mut ring) = Capture::new(channels, 48_000, Arc::clone(&signs));
    let per_frame = usize::from(channels);
    let mut memory = vec![0u64; 2_048 * per_frame];
    let mut lumps = [480, 1, 0, 441, 2_048, 77].into_iter().cycle();
    let what = format!("{format:?} with {channels} channels");
    // Until long after nobody takes any more.
    let calls = 2 * RING / 400;
    let counted = allocations(|| {
        for call in 0..calls {
            let frames = lumps.next().unwrap_or_default();
            // Everything a driver may leave there: silence, noise, and bits that are no number at all.
            memory.fill((call as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) * u64::from(call % 3 != 0));
            callback.call(&data(&mut memory, frames * per_frame, format));
            if call % 5 == 0 && call < calls / 2 {
                while ring.pop().is_ok() {}
            }
            let error = if call % 2 == 0 { ErrorKind::Xrun } else { ErrorKind::RealtimeDenied };
            signs.error(error);
        }
        signs.error(ErrorKind::DeviceNotAvailable);
        signs.error(ErrorKind::Other);
    });
    assert_eq!(counted, 0, "microphone, {what}");
    assert_eq!(signs.xruns.load(Ordering::Relaxed), calls.div_ceil(2) as u64);
    assert_eq!(signs.ended(), Some("it was unplugged"), "the first reason counts");
    let known = format != SampleFormat::DsdU8;
    assert_eq!(ring.slots() == RING, known, "full: {what}");
    assert_eq!(signs.missed.load(Ordering::Relaxed) > 0, known, "what had no room is counted: {what}");
}

fn speaker(format: SampleFormat, channels: u16) {
    let signs = Arc::new(Signs::default());
    let (mut callback, mut ring) = Playback::new(channels, Arc::clone(&signs));
    let per_frame = usize::from(channels);
    let mut memory = vec![0u64; 2_048 * per_frame];
    let mut lumps = [480, 1, 0, 441, 2_048, 77].into_iter().cycle();
    let counted = allocations(|| {
        for call in 0..200 {
            // Empty, then full of everything, then empty again.
            for sample in 0..(if (50..100).contains(&call) { 600 } else { 0 }) {
                let _ = ring.push([0.5, f32::NAN, 9.0, -1.0][sample % 4]);
            }
            let frames = lumps.next().unwrap_or_default();
            callback.call(&mut data(&mut memory, frames * per_frame, format));
        }
    });
    assert_eq!(counted, 0, "speaker, {format:?} with {channels} channels");
    let known = format != SampleFormat::DsdU8;
    assert_eq!(signs.missed.load(Ordering::Relaxed) > 0, known, "what was not there is counted");
}

/// What no run can show: that nothing there waits for another thread.
#[test]
fn callbacks_name_nothing_that_waits() {
    for file in ["src/device/sound/callback.rs", "src/dsp/channels.rs"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = std::fs::read_to_string(path).expect("the source");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = code.replace("by_format!", "");
        for word in
            ["Mutex", "RwLock", "Condvar", ".lock(", "recv(", "sleep", "tracing", "print", "format!", "Vec", "Box"]
        {
            assert!(!code.contains(word), "{file}: `{word}`");
        }
    }
}
