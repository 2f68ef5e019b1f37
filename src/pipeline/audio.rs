//! All sound of the program, on one thread with a tick of 10 ms, which rests while there is nothing to do.
//!
//! Microphone → echo, noise, gain → mute → meter (of what is *sent*) → Opus → every output. Every input → jitter buffer → volume →
//! mix, with the program's own sounds → speaker. Devices are open only while somebody wants them; they are opened and
//! closed on a second thread, so that a device that hangs does not stop the sound of the others. A device that is not
//! there leaves the call running in silence, and says so in its [`DeviceState`].
//!
//! [`AudioEngine`] is the handle; the thread itself is in `engine`, one peer's sound in `input`, the program's own in
//! `sounds`, the opening and closing in `port`.

mod computer;
mod engine;
mod input;
mod levels;
mod outlet;
mod port;
mod sounds;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use crate::codec::opus::EncoderConfig;
use crate::device::audio::{AudioSink, AudioSource};
use crate::dsp::clips::Sound;
use crate::model::device::{DeviceError, DeviceState};
use crate::model::encoded::{AudioPacket, EncodedAudio};
use crate::model::snapshot::Level;
use crate::model::sound::Processing;
use crate::model::source::{AudioSpec, SinkSpec};
use crate::pipeline::sync::Lips;
pub use levels::AudioLevels;

/// Opens a source of one's own; may be called again after the source was closed.
pub type OpenSource = Arc<dyn Fn() -> Result<Box<dyn AudioSource>, DeviceError> + Send + Sync>;
/// Opens a sink of one's own; may be called again after the sink was closed.
pub type OpenSink = Arc<dyn Fn() -> Result<Box<dyn AudioSink>, DeviceError> + Send + Sync>;

/// Where the sound that is sent comes from.
#[derive(Clone)]
pub enum AudioInput {
    /// As a person chose it.
    Spec(AudioSpec),
    /// The same at so many samples a second, where the device can do that.
    At(AudioSpec, u32),
    /// From the program itself.
    Custom(OpenSource),
}

/// Where the sound that is heard goes to.
#[derive(Clone)]
pub enum AudioOutput {
    /// As a person chose it.
    Spec(SinkSpec),
    /// Into the program itself.
    Custom(OpenSink),
}

impl From<AudioSpec> for AudioInput {
    fn from(spec: AudioSpec) -> Self {
        Self::Spec(spec)
    }
}

impl From<SinkSpec> for AudioOutput {
    fn from(spec: SinkSpec) -> Self {
        Self::Spec(spec)
    }
}

impl fmt::Debug for AudioInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(spec) => write!(f, "AudioInput({spec})"),
            Self::At(spec, rate) => write!(f, "AudioInput({spec} at {rate} Hz)"),
            Self::Custom(_) => f.write_str("AudioInput(custom)"),
        }
    }
}

impl fmt::Debug for AudioOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(spec) => write!(f, "AudioOutput({spec})"),
            Self::Custom(_) => f.write_str("AudioOutput(custom)"),
        }
    }
}

/// The devices as they really are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AudioStates {
    /// What is sent from.
    pub microphone: DeviceState,
    /// What is heard on.
    pub speaker: DeviceState,
    /// The computer's own sound, while that is shared.
    pub computer: DeviceState,
}

/// Called after every change of [`AudioStates`], on the audio thread: it must return at once.
pub type OnAudioState = Arc<dyn Fn(AudioStates) + Send + Sync>;

/// How to start.
#[derive(Clone)]
pub struct AudioConfig {
    /// Where the sound that is sent comes from.
    pub microphone: AudioInput,
    /// Where the sound that is heard goes to.
    pub speaker: AudioOutput,
    /// What rings.
    pub ring: AudioOutput,
    /// What is done to a microphone's sound.
    pub processing: Processing,
    /// Bring loud and quiet inputs to one loudness.
    pub levelling: bool,
    /// Send silence until [`AudioEngine::set_muted`].
    pub muted: bool,
    /// Open the devices at once.
    pub wanted: bool,
    /// How to encode.
    pub encoder: EncoderConfig,
    /// Hears of changes.
    pub on_state: Option<OnAudioState>,
}

impl Default for AudioConfig {
    fn default() -> Self {
        Self {
            microphone: AudioSpec::Default.into(),
            speaker: SinkSpec::Default.into(),
            ring: SinkSpec::Default.into(),
            processing: Processing::default(),
            levelling: false,
            muted: false,
            wanted: false,
            encoder: EncoderConfig::default(),
            on_state: None,
        }
    }
}

/// How one input does. Counts since it was added.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct InputStats {
    /// Packets that came, without doubles.
    pub packets: u64,
    /// Packets that never came, or too late to be played.
    pub lost: u64,
    /// Of the lost ones, those brought back by the error correction in the next packet.
    pub recovered: u64,
    /// Packets that came only as copies in later ones (RFC 2198), in time.
    pub copies: u64,
    /// Packets thrown away because the audio thread did not take them.
    pub overflowed: u64,
    /// Packets that were not Opus.
    pub malformed: u64,
    /// Samples played, 48 kHz.
    pub samples: u64,
    /// Samples made up: nothing had come for them.
    pub concealed: u64,
    /// `concealed / samples`; 0 before anything was played.
    pub concealed_share: f64,
    /// Samples cut out to catch up with the sender.
    pub removed: u64,
    /// Samples put in to wait for late packets.
    pub inserted: u64,
    /// Mean time a packet waits before it is played, over the last seconds, ms.
    pub jitter_buffer_ms: f64,
    /// Delay the jitter buffer aims at, ms.
    pub target_ms: f64,
    /// What is played of it.
    pub level: Level,
    /// RMS of what is played of it, dBFS; `None` for digital silence.
    pub level_dbfs: Option<f64>,
    /// Somebody has been speaking for 300 ms or more.
    pub speaking: bool,
}

/// What the engine itself has counted since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AudioCounts {
    /// Ticks of 10 ms done.
    pub ticks: u64,
    /// Ticks left out because the thread could not run for a while (a suspended machine).
    pub skipped: u64,
    /// Packets encoded.
    pub encoded: u64,
    /// Packets an output had no room for.
    pub dropped: u64,
    /// Ticks the microphone had nothing to give in time.
    pub starved: u64,
    /// Ticks the speaker had no room for, or ran dry before.
    pub overfull: u64,
    /// Times the microphone itself ran over, as its driver tells.
    pub microphone_xruns: u64,
    /// Times the speaker itself ran dry, as its driver tells.
    pub speaker_xruns: u64,
}

/// Most packets that wait for the audio thread: 1.28 s of 10 ms each.
const QUEUE: usize = 128;

/// Longest the engine may take to end.
const STOP_LIMIT: Duration = Duration::from_millis(500);

enum Command {
    Microphone(AudioInput, u64),
    Computer(Option<AudioInput>, u64),
    Speaker(AudioOutput),
    RingDevice(AudioOutput),
    Processing(Processing),
    Levelling(bool),
    Muted(bool),
    Wanted(bool),
    Loss(u8),
    PacketMs(u8),
    Bitrate(u32),
    Pauses(bool),
    AddOutput(u64, Sender<EncodedAudio>),
    RemoveOutput(u64),
    AddInput(u64, Arc<Queue>),
    RemoveInput(u64),
    Listen(u64, Arc<Lips>),
    Volume(u64, u8),
    Play(Sound),
    Silence(Sound),
    SoundVolume(u8),
    KeepHeard(bool),
    Replay(bool),
    Stop,
}

/// What the thread publishes after every tick.
#[derive(Default)]
struct Published {
    states: AudioStates,
    /// The newest opening of the microphone whose end is in `states`.
    settled: u64,
    /// The same of the computer's own sound.
    computer_settled: u64,
    levels: AudioLevels,
    counts: AudioCounts,
    inputs: HashMap<u64, InputStats>,
    replaying: Option<Duration>,
}

#[derive(Default)]
struct Shared(Mutex<Published>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Published> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Packets on their way to the audio thread.
#[derive(Default)]
struct Queue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    packets: VecDeque<AudioPacket>,
    overflowed: u64,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way in for one peer's packets.
#[derive(Clone)]
pub struct AudioInputSender(Arc<Queue>);

impl AudioInputSender {
    /// Hands a packet over, in whatever order they come. Never waits.
    pub fn push(&self, packet: AudioPacket) {
        let mut waiting = self.0.lock();
        // overflow: drop oldest, counted; the jitter buffer conceals it.
        if waiting.packets.len() >= QUEUE {
            waiting.packets.pop_front();
            waiting.overflowed += 1;
        }
        waiting.packets.push_back(packet);
    }
}

impl fmt::Debug for AudioInputSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AudioInputSender")
    }
}

/// The handle of the audio thread. Dropping it without [`AudioEngine::stop`] ends the thread too, without waiting.
pub struct AudioEngine {
    commands: SyncSender<Command>,
    openings: AtomicU64,
    shared: Arc<Shared>,
    done: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl AudioEngine {
    /// Starts the thread. Cannot fail: devices that are not there are told by [`AudioEngine::states`].
    pub fn start(config: AudioConfig) -> Self {
        let (commands, inbox) = sync_channel(256);
        let (end, done) = sync_channel(1);
        let shared = Arc::new(Shared::default());
        let thread = engine::spawn(config, inbox, shared.clone(), end);
        Self { commands, openings: AtomicU64::new(0), shared, done, thread }
    }

    /// Takes the sound that is sent from somewhere else; the stream itself goes on. Gives the number to ask
    /// [`AudioEngine::outcome`] with.
    pub fn set_microphone(&self, input: impl Into<AudioInput>) -> u64 {
        let opening = self.openings.fetch_add(1, Ordering::Relaxed) + 1;
        self.tell(Command::Microphone(input.into(), opening));
        opening
    }

    /// Sends the computer's own sound too, muted or not: what is read there, without what this engine plays. `None`: no
    /// more. Gives the number to ask [`AudioEngine::computer_outcome`] with.
    pub fn set_computer(&self, input: Option<AudioInput>) -> u64 {
        let opening = self.openings.fetch_add(1, Ordering::Relaxed) + 1;
        self.tell(Command::Computer(input, opening));
        opening
    }

    /// What became of an opening of the computer's own sound (or a later one).
    pub fn computer_outcome(&self, opening: u64) -> Option<DeviceState> {
        let published = self.shared.lock();
        let state = &published.states.computer;
        let known = matches!(state, DeviceState::Open { .. } | DeviceState::Failed(_));
        (known && published.computer_settled >= opening).then(|| state.clone())
    }

    /// What became of an opening of the microphone (or a later one): open, or why not. `None` while that is not known.
    pub fn outcome(&self, opening: u64) -> Option<DeviceState> {
        let published = self.shared.lock();
        let state = &published.states.microphone;
        let known = matches!(state, DeviceState::Open { .. } | DeviceState::Failed(_));
        (known && published.settled >= opening).then(|| state.clone())
    }

    /// Plays somewhere else.
    pub fn set_speaker(&self, output: impl Into<AudioOutput>) {
        self.tell(Command::Speaker(output.into()));
    }

    /// Rings somewhere else.
    pub fn set_ring(&self, output: impl Into<AudioOutput>) {
        self.tell(Command::RingDevice(output.into()));
    }

    /// Does this to the microphone's sound, from the next 10 ms on. Sources that are no real device are left as they are.
    pub fn set_processing(&self, processing: Processing) {
        self.tell(Command::Processing(processing));
    }

    /// Brings loud and quiet voices to one loudness, from the next 10 ms on. Music is left as it is.
    pub fn set_levelling(&self, levelling: bool) {
        self.tell(Command::Levelling(levelling));
    }

    /// Sends silence instead of the microphone; the stream goes on.
    pub fn set_muted(&self, muted: bool) {
        self.tell(Command::Muted(muted));
    }

    /// Opens microphone and speaker, or closes them.
    pub fn set_wanted(&self, wanted: bool) {
        self.tell(Command::Wanted(wanted));
    }

    /// Gets the encoder ready for this much loss, 0…100 percent (from the other side's reports).
    pub fn set_loss_percent(&self, percent: u8) {
        self.tell(Command::Loss(percent));
    }

    /// Puts so many milliseconds of sound into each packet (RFC 7587 `ptime`): 10, 20, 40 or 60.
    pub fn set_packet_ms(&self, ms: u8) {
        self.tell(Command::PacketMs(ms));
    }

    /// Aims at another bitrate, bits a second.
    pub fn set_bitrate(&self, bps: u32) {
        self.tell(Command::Bitrate(bps));
    }

    /// Sends nothing while nobody speaks (discontinuous transmission), or all the time.
    pub fn set_pauses(&self, pauses: bool) {
        self.tell(Command::Pauses(pauses));
    }

    /// Sends every packet there too, from now on. The number is the caller's; a second one of the same replaces it.
    ///
    /// overflow: the newest packet is dropped and counted in [`AudioCounts::dropped`].
    pub fn add_output(&self, id: u64, packets: Sender<EncodedAudio>) {
        self.tell(Command::AddOutput(id, packets));
    }

    /// No longer sends there.
    pub fn remove_output(&self, id: u64) {
        self.tell(Command::RemoveOutput(id));
    }

    /// Plays what comes through the returned sender. The number is the caller's; a second one of the same replaces it.
    pub fn add_input(&self, id: u64) -> AudioInputSender {
        let queue = Arc::new(Queue::default());
        self.tell(Command::AddInput(id, queue.clone()));
        AudioInputSender(queue)
    }

    /// Tells there where the sound of an input is, from now on.
    pub fn listen(&self, id: u64, lips: Arc<Lips>) {
        self.tell(Command::Listen(id, lips));
    }

    /// No longer plays it.
    pub fn remove_input(&self, id: u64) {
        self.tell(Command::RemoveInput(id));
    }

    /// How loud an input is played, percent, 0…200. 100 at first.
    pub fn set_volume(&self, id: u64, percent: u8) {
        self.tell(Command::Volume(id, percent));
    }

    /// The meters now.
    pub fn levels(&self) -> AudioLevels {
        self.shared.lock().levels
    }

    /// How an input does; `None` for one that is not there.
    pub fn input_stats(&self, id: u64) -> Option<InputStats> {
        self.shared.lock().inputs.get(&id).copied()
    }

    /// What the engine has counted.
    pub fn counts(&self) -> AudioCounts {
        self.shared.lock().counts
    }

    /// The devices as they really are.
    pub fn states(&self) -> AudioStates {
        self.shared.lock().states.clone()
    }

    /// Closes every device and ends the thread; returns within 500 ms, whatever the devices do.
    pub fn stop(mut self) {
        self.tell(Command::Stop);
        let deadline = Instant::now() + STOP_LIMIT;
        // Disconnected means that the thread is gone, which is as good.
        let ended = !matches!(
            self.done.recv_timeout(deadline.saturating_duration_since(Instant::now())),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        );
        match self.thread.take() {
            Some(thread) if ended => drop(thread.join()),
            _ => tracing::warn!("the audio thread did not end in time and is left to itself"),
        }
    }

    fn tell(&self, command: Command) {
        // overflow: await; the thread empties the queue every 10 ms, or at once where it rests. A thread that is gone needs no commands.
        let _ = self.commands.send(command);
    }
}

impl Drop for AudioEngine {
    fn drop(&mut self) {
        // overflow: dropped; the thread also ends when it finds the queue abandoned.
        let _ = self.commands.try_send(Command::Stop);
    }
}

impl fmt::Debug for AudioEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AudioEngine")
    }
}
