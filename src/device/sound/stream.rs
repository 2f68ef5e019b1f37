//! One open sound card: its thread, its callbacks, and the ring between them and the audio thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{Data, SupportedStreamConfig};
use rtrb::{Consumer, Producer};

use crate::device::audio::{AudioSink, AudioSource, Flow};
use crate::device::sound::callback::{Capture, Playback, RING, Signs};
use crate::device::sound::format::{attempt, choose};
use crate::device::sound::{LIMIT, find, id_of, name_of, refused, word};
use crate::dsp::drift::{AIM, Cushion};
use crate::dsp::resample::Resampler;
use crate::model::device::{DeviceError, DeviceKind};
use crate::model::sound::{RATE, SILENCE, TICK, Tick};

/// Longest to wait for a stream to be closed.
const CLOSE_LIMIT: Duration = Duration::from_millis(300);
/// Ticks without a sign of life after which a device is gone: 3 s.
const DEAD: u32 = 300;
/// Most of what may wait for a speaker, samples of 48 kHz: 100 ms, or three of its lumps.
const MOST_WAITING: usize = RATE as usize / 10;

/// What an open device is like.
struct Opened {
    id: String,
    name: String,
    rate: u32,
    channels: u16,
}

/// Makes the stream, and with it the audio thread's end of the ring.
type Build<R> = fn(&cpal::Device, &SupportedStreamConfig, &Arc<Signs>) -> Result<(cpal::Stream, R), cpal::Error>;

/// The thread that keeps the stream, and what is known of it.
struct Keeper {
    opened: Opened,
    signs: Arc<Signs>,
    calls: u64,
    silent: u32,
    stop: Option<SyncSender<()>>,
    done: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Runs `build` on a thread of its own, which then keeps what it built until this is dropped.
    ///
    /// `build` gives the stream and the audio thread's end of the ring.
    fn start<R: Send + 'static>(
        id: Option<String>,
        kind: DeviceKind,
        rate: u32,
        build: Build<R>,
    ) -> Result<(Self, R), DeviceError> {
        let signs = Arc::new(Signs::default());
        let for_thread = signs.clone();
        let (stop, stopped) = sync_channel::<()>(1);
        let (result, answer) = sync_channel(1);
        let (end, done) = sync_channel(1);
        let label = id.clone().unwrap_or_else(|| "default".to_owned());
        let body = move || {
            let opened = find(id.as_deref(), kind).and_then(|device| {
                let name = name_of(&device);
                let error = |e: cpal::Error| refused(&e, &name, id.is_none(), kind);
                let (config, channels) = choose(&device, kind, rate).map_err(error)?;
                let (stream, ring) = build(&device, &config, &for_thread).map_err(error)?;
                stream.play().map_err(error)?;
                let id = id_of(&device).unwrap_or_default();
                let opened = Opened { id, name, rate: config.sample_rate(), channels };
                Ok((stream, opened, ring))
            });
            match opened {
                Ok((stream, opened, ring)) => {
                    // Nobody waits any more: it took too long, and is closed again.
                    if result.send(Ok((opened, ring))).is_ok() {
                        // Ends when the handle is dropped.
                        let _ = stopped.recv();
                    }
                    drop(stream);
                }
                Err(error) => drop(result.send(Err(error))),
            }
            let _ = end.send(());
        };
        let gone = |why: &str| DeviceError::Gone(label.clone(), why.to_owned());
        let thread =
            Builder::new().name(format!("snd-{}", word(kind))).spawn(body).map_err(|e| gone(&e.to_string()))?;
        match answer.recv_timeout(LIMIT) {
            Ok(Ok((opened, ring))) => {
                let keeper = Self { opened, signs, calls: 0, silent: 0, stop: Some(stop), done, thread: Some(thread) };
                Ok((keeper, ring))
            }
            Ok(Err(error)) => {
                let _ = thread.join();
                Err(error)
            }
            Err(RecvTimeoutError::Timeout) => Err(gone("the sound system did not answer within 5 s")),
            Err(RecvTimeoutError::Disconnected) => Err(gone("its driver failed")),
        }
    }

    /// Looks for signs of life, once a tick.
    fn check(&mut self) -> Result<(), DeviceError> {
        if let Some(why) = self.signs.ended() {
            return Err(DeviceError::Gone(self.opened.name.clone(), why.to_owned()));
        }
        let calls = self.signs.calls.load(Ordering::Relaxed);
        self.silent = if calls == self.calls { self.silent + 1 } else { 0 };
        self.calls = calls;
        if self.silent > DEAD {
            return Err(DeviceError::Gone(self.opened.name.clone(), "nothing has come from it for 3 s".to_owned()));
        }
        Ok(())
    }

    fn xruns(&self) -> u64 {
        self.signs.xruns.load(Ordering::Relaxed)
    }

    fn format(&self) -> String {
        match self.opened.channels {
            1 => format!("{} Hz, mono", self.opened.rate),
            n => format!("{} Hz, {n} channels", self.opened.rate),
        }
    }

    fn resampler(&self, from: u32, to: u32) -> Result<Resampler, DeviceError> {
        Resampler::new(from, to).map_err(|e| DeviceError::Format(self.opened.name.clone(), e.to_string()))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = !matches!(self.done.recv_timeout(CLOSE_LIMIT), Err(RecvTimeoutError::Timeout));
        match self.thread.take() {
            Some(thread) if ended => drop(thread.join()),
            _ => tracing::warn!(device = self.opened.name, "closing takes too long; it is left to itself"),
        }
        let [xruns, missed] = [&self.signs.xruns, &self.signs.missed].map(|n| n.load(Ordering::Relaxed));
        tracing::debug!(device = self.opened.name, xruns, missed, "sound device closed");
    }
}

/// How long what is handed over at once sounds.
fn lump(config: &SupportedStreamConfig) -> impl Fn(&Data) -> Duration + Copy + use<> {
    let a_second = u64::from(config.channels().max(1)) * u64::from(config.sample_rate().max(1));
    move |data| Duration::from_nanos(data.len() as u64 * 1_000_000_000 / a_second)
}

/// How long so many samples of 48 kHz sound.
fn time_of(samples: usize) -> Duration {
    Duration::from_nanos(samples as u64 * 1_000_000_000 / u64::from(RATE))
}

fn build_source(
    device: &cpal::Device,
    config: &SupportedStreamConfig,
    signs: &Arc<Signs>,
) -> Result<(cpal::Stream, Consumer<f32>), cpal::Error> {
    attempt(config, |stream| {
        let (mut callback, from) = Capture::new(config.channels(), config.sample_rate(), signs.clone());
        let errors = signs.clone();
        let told = signs.clone();
        let lump = lump(config);
        let data = move |data: &Data, info: &cpal::InputCallbackInfo| {
            let times = info.timestamp();
            // Of its first sample.
            told.tell_latency(times.callback.duration_since(times.capture).saturating_sub(lump(data)));
            callback.call(data);
        };
        let error = move |e: cpal::Error| errors.error(e.kind());
        let stream = device.build_input_stream_raw(stream, config.sample_format(), data, error, Some(LIMIT))?;
        Ok((stream, from))
    })
}

fn build_sink(
    device: &cpal::Device,
    config: &SupportedStreamConfig,
    signs: &Arc<Signs>,
) -> Result<(cpal::Stream, Producer<f32>), cpal::Error> {
    attempt(config, |stream| {
        let (mut callback, to) = Playback::new(config.channels(), signs.clone());
        let errors = signs.clone();
        let told = signs.clone();
        let lump = lump(config);
        let data = move |data: &mut Data, info: &cpal::OutputCallbackInfo| {
            let times = info.timestamp();
            told.tell_latency(times.playback.duration_since(times.callback) + lump(data));
            callback.call(data);
        };
        let error = move |e: cpal::Error| errors.error(e.kind());
        let stream = device.build_output_stream_raw(stream, config.sample_format(), data, error, Some(LIMIT))?;
        Ok((stream, to))
    })
}

/// A microphone.
pub(super) struct SoundSource {
    keeper: Keeper,
    ring: Consumer<f32>,
    resampler: Resampler,
    taken: Vec<f32>,
    ready: Vec<f32>,
    cushion: Cushion,
    /// Enough has gathered to begin, or to begin again.
    running: bool,
    begun: bool,
}

impl SoundSource {
    pub(super) fn open(id: Option<String>, rate: Option<u32>) -> Result<Self, DeviceError> {
        let (keeper, ring) = Keeper::start(id, DeviceKind::Microphone, rate.unwrap_or(RATE), build_source)?;
        let resampler = keeper.resampler(keeper.opened.rate, RATE)?;
        let (taken, ready) = (Vec::with_capacity(RING), Vec::with_capacity(RING));
        Ok(Self { keeper, ring, resampler, taken, ready, cushion: Cushion::new(), running: false, begun: false })
    }
}

impl AudioSource for SoundSource {
    fn name(&self) -> String {
        self.keeper.opened.name.clone()
    }

    fn id(&self) -> String {
        self.keeper.opened.id.clone()
    }

    fn format(&self) -> String {
        self.keeper.format()
    }

    fn xruns(&self) -> u64 {
        self.keeper.xruns()
    }

    fn delay(&self) -> Duration {
        self.keeper.signs.latency() + self.keeper.signs.since() + time_of(self.ready.len())
    }

    fn read(&mut self, out: &mut Tick) -> Result<Flow, DeviceError> {
        self.keeper.check()?;
        let waiting = self.ring.slots();
        if let Ok(chunk) = self.ring.read_chunk(waiting) {
            self.taken.clear();
            let (first, second) = chunk.as_slices();
            self.taken.extend_from_slice(first);
            self.taken.extend_from_slice(second);
            chunk.commit_all();
            self.resampler.push(&self.taken, &mut self.ready);
        }
        // After a gap a little is gathered first, so that the next late lump does not tear another one.
        let enough = if self.running { TICK } else { TICK + AIM };
        if self.ready.len() < enough {
            *out = SILENCE;
            self.running = false;
            return Ok(if self.begun { Flow::Short } else { Flow::Full });
        }
        (self.running, self.begun) = (true, true);
        out.copy_from_slice(&self.ready[..TICK]);
        self.ready.drain(..TICK);
        // Meanwhile the microphone has heard more than it has given.
        let since = self.keeper.signs.since().as_secs_f64() * f64::from(RATE);
        match self.cushion.observe(self.ready.len(), since) {
            Some(advice) => {
                self.resampler.correct(advice.correction);
                self.ready.drain(..advice.cut.min(self.ready.len()));
                Ok(if advice.cut > 0 { Flow::Short } else { Flow::Full })
            }
            None => Ok(Flow::Full),
        }
    }
}

/// A speaker.
pub(super) struct SoundSink {
    keeper: Keeper,
    ring: Producer<f32>,
    resampler: Resampler,
    made: Vec<f32>,
    cushion: Cushion,
    missed: u64,
    begun: bool,
    /// It does not take what waits for it.
    stalled: bool,
    /// Samples still to be left out.
    cut: usize,
}

impl SoundSink {
    pub(super) fn open(id: Option<String>) -> Result<Self, DeviceError> {
        let (keeper, ring) = Keeper::start(id, DeviceKind::Speaker, RATE, build_sink)?;
        let resampler = keeper.resampler(RATE, keeper.opened.rate)?;
        let made = Vec::with_capacity(RING);
        Ok(Self {
            keeper,
            ring,
            resampler,
            made,
            cushion: Cushion::new(),
            missed: 0,
            begun: false,
            stalled: false,
            cut: 0,
        })
    }

    /// What waits in the ring, in samples of 48 kHz.
    fn waiting(&self) -> usize {
        let samples = RING - self.ring.slots();
        (samples as u64 * u64::from(RATE) / u64::from(self.keeper.opened.rate)) as usize
    }

    /// Lets the device wait a little, so that it does not run dry with its next lump.
    fn pad(&mut self, samples: usize) {
        let samples = (samples as u64 * u64::from(self.keeper.opened.rate) / u64::from(RATE)) as usize;
        for _ in 0..samples {
            // overflow: drop; a full ring needs no padding.
            if self.ring.push(0.0).is_err() {
                break;
            }
        }
    }
}

impl AudioSink for SoundSink {
    fn name(&self) -> String {
        self.keeper.opened.name.clone()
    }

    fn id(&self) -> String {
        self.keeper.opened.id.clone()
    }

    fn format(&self) -> String {
        self.keeper.format()
    }

    fn xruns(&self) -> u64 {
        self.keeper.xruns()
    }

    fn delay(&self) -> Duration {
        (self.keeper.signs.latency() + time_of(self.waiting())).saturating_sub(self.keeper.signs.since())
    }

    fn write(&mut self, tick: &Tick) -> Result<Flow, DeviceError> {
        self.keeper.check()?;
        let waiting = self.waiting();
        let missed = self.keeper.signs.missed.load(Ordering::Relaxed);
        let calls = self.keeper.signs.calls.load(Ordering::Relaxed);
        // Meanwhile the speaker has played more than it has taken.
        let since = self.keeper.signs.since().as_secs_f64() * f64::from(RATE);
        let mut flow = Flow::Full;
        let lump = self.keeper.signs.lump.load(Ordering::Relaxed).min(RING / 8);
        // From now on a lump more than what is always left is kept ahead of the device.
        let aim = AIM + lump;
        if calls == 0 || waiting > MOST_WAITING.max(3 * lump) {
            // It has not begun to take, or has stopped: nothing old is to be heard when it goes on.
            self.stalled = true;
            self.missed = missed;
            return Ok(if calls == 0 { Flow::Full } else { Flow::Short });
        }
        if missed != self.missed {
            self.missed = missed;
            if self.begun {
                flow = Flow::Short;
            }
            self.pad(aim.saturating_sub(waiting));
        } else if self.stalled {
            self.cut = waiting.saturating_sub(aim);
        } else if let Some(advice) = self.cushion.observe(waiting, -since) {
            self.resampler.correct(advice.correction);
            self.cut += advice.cut;
        }
        self.stalled = false;
        self.begun = true;
        let cut = self.cut.min(TICK);
        self.cut -= cut;
        self.made.clear();
        self.resampler.push(&tick[cut..], &mut self.made);
        for sample in &self.made {
            // overflow: drop newest, counted by the caller.
            if self.ring.push(*sample).is_err() {
                flow = Flow::Short;
            }
        }
        Ok(if cut > 0 { Flow::Short } else { flow })
    }
}
