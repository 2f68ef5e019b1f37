//! One place for a device: opened and closed on the thread “audio-devices”, used by the audio thread.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use crate::device::audio::{AudioSink, AudioSource, open_audio_sink, open_audio_source};
use crate::model::device::{DeviceError, DeviceState};
use crate::model::source::{AudioSpec, SinkSpec};
use crate::pipeline::audio::{AudioInput, AudioOutput};

/// How long to wait before a device that failed is tried again: somebody may have plugged it in.
const RETRY: Duration = Duration::from_secs(3);
/// The same for one that was open: its server may have changed its settings, or itself.
const SOON: Duration = Duration::from_millis(300);

/// Work for the thread that opens and closes devices.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// An open device, and what it is: its ID, its name and its format for people.
pub(super) struct Opened<D: ?Sized> {
    device: Box<D>,
    id: String,
    name: String,
    format: String,
}

/// What a port can open.
pub(super) trait Open: Clone + Send + 'static {
    /// An open device.
    type Device: ?Sized + Send + 'static;

    /// Opens it; may block for seconds.
    fn open(&self) -> Result<Opened<Self::Device>, DeviceError>;

    /// Nothing is to be opened.
    fn is_none(&self) -> bool;

    /// It can come back by itself: a real device.
    fn may_return(&self) -> bool;

    /// A tone or a file.
    fn is_generated(&self) -> bool;

    /// Times the device itself ran over or dry since it was opened.
    fn xruns(device: &Self::Device) -> u64;
}

impl Open for AudioInput {
    type Device = dyn AudioSource;

    fn open(&self) -> Result<Opened<dyn AudioSource>, DeviceError> {
        let device = match self {
            Self::Spec(spec) => open_audio_source(spec, None)?,
            Self::At(spec, rate) => open_audio_source(spec, Some(*rate))?,
            Self::Custom(open) => open()?,
        };
        let (id, name, format) = (device.id(), device.name(), device.format());
        Ok(Opened { device, id, name, format })
    }

    fn is_none(&self) -> bool {
        matches!(self, Self::Spec(AudioSpec::None) | Self::At(AudioSpec::None, _))
    }

    fn may_return(&self) -> bool {
        matches!(self, Self::Spec(spec) | Self::At(spec, _) if matches!(spec, AudioSpec::Default | AudioSpec::Device(_)))
    }

    fn is_generated(&self) -> bool {
        matches!(self, Self::Spec(AudioSpec::Tone(_) | AudioSpec::File(_)))
    }

    fn xruns(device: &dyn AudioSource) -> u64 {
        device.xruns()
    }
}

impl Open for AudioOutput {
    type Device = dyn AudioSink;

    fn open(&self) -> Result<Opened<dyn AudioSink>, DeviceError> {
        let device = match self {
            Self::Spec(spec) => open_audio_sink(spec)?,
            Self::Custom(open) => open()?,
        };
        let (id, name, format) = (device.id(), device.name(), device.format());
        Ok(Opened { device, id, name, format })
    }

    fn is_none(&self) -> bool {
        matches!(self, Self::Spec(SinkSpec::None))
    }

    fn may_return(&self) -> bool {
        matches!(self, Self::Spec(SinkSpec::Default | SinkSpec::Device(_)))
    }

    fn is_generated(&self) -> bool {
        matches!(self, Self::Spec(SinkSpec::File(_)))
    }

    fn xruns(device: &dyn AudioSink) -> u64 {
        device.xruns()
    }
}

/// A device that is open while it is wanted.
pub(super) struct Port<O: Open> {
    what: O,
    device: Option<Box<O::Device>>,
    state: DeviceState,
    opening: Option<Receiver<Result<Opened<O::Device>, DeviceError>>>,
    /// The caller's number of what is to be opened, and of the newest whose end is known.
    number: u64,
    settled: u64,
    retry_at: Option<Instant>,
    /// Of the devices that were open before.
    xruns: u64,
    jobs: SyncSender<Job>,
}

impl<O: Open> Port<O> {
    /// A closed one.
    pub(super) fn new(what: O, jobs: SyncSender<Job>) -> Self {
        Self {
            what,
            device: None,
            state: DeviceState::Closed,
            opening: None,
            number: 0,
            settled: 0,
            retry_at: None,
            xruns: 0,
            jobs,
        }
    }

    /// Another device from now on, with the caller's number for it.
    pub(super) fn set(&mut self, what: O, number: u64) {
        self.close();
        (self.what, self.number) = (what, number);
    }

    /// The number of the newest device of which it is known whether it can be opened.
    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    /// The device as it really is.
    pub(super) fn state(&self) -> &DeviceState {
        &self.state
    }

    /// A real device is open, in a real room.
    pub(super) fn is_real(&self) -> bool {
        self.device.is_some() && self.what.may_return()
    }

    /// Something is open that may be judged as a microphone is: a tone or a file is as it is.
    pub(super) fn is_heard(&self) -> bool {
        self.device.is_some() && !self.what.is_generated()
    }

    /// Nothing is open, nor being opened.
    pub(super) fn is_closed(&self) -> bool {
        self.state == DeviceState::Closed && self.opening.is_none()
    }

    /// Times the devices themselves ran over or dry, since the start.
    pub(super) fn xruns(&self) -> u64 {
        self.xruns + self.device.as_deref().map_or(0, O::xruns)
    }

    /// The open device.
    pub(super) fn device(&mut self) -> Option<&mut O::Device> {
        self.device.as_deref_mut()
    }

    /// Opens what is wanted and closes what is not.
    pub(super) fn poll(&mut self, now: Instant, wanted: bool) {
        if !wanted || self.what.is_none() {
            if self.state != DeviceState::Closed || self.opening.is_some() {
                self.close();
            }
            return;
        }
        if self.device.is_some() {
            return;
        }
        match self.opening.as_ref().map(Receiver::try_recv) {
            Some(Ok(Ok(Opened { device, id, name, format }))) => {
                self.opening = None;
                self.device = Some(device);
                self.settled = self.number;
                self.state = DeviceState::Open { id, name, format };
            }
            Some(Ok(Err(error))) => self.fail(now, error),
            Some(Err(TryRecvError::Empty)) => {}
            Some(Err(TryRecvError::Disconnected)) => {
                self.fail(now, DeviceError::Gone("sound".to_owned(), "opening it failed inside".to_owned()));
            }
            None if self.may_try(now) => self.begin(),
            None => {}
        }
    }

    /// The device has reported that it is gone.
    pub(super) fn fail(&mut self, now: Instant, error: DeviceError) {
        // It is tried again and again: said once.
        if !matches!(&self.state, DeviceState::Failed(before) if *before == error) {
            tracing::warn!(%error, "a sound device is not open");
        }
        let wait = if self.device.is_some() { SOON } else { RETRY };
        self.release();
        self.opening = None;
        self.retry_at = self.what.may_return().then(|| now + wait);
        self.settled = self.number;
        self.state = DeviceState::Failed(error);
    }

    /// Closes the device on the other thread.
    pub(super) fn close(&mut self) {
        self.release();
        // A device that is just being opened is dropped by its job when nobody receives it.
        self.opening = None;
        self.retry_at = None;
        self.state = DeviceState::Closed;
    }

    fn may_try(&self, now: Instant) -> bool {
        match self.state {
            DeviceState::Failed(_) => self.retry_at.is_some_and(|at| at <= now),
            _ => true,
        }
    }

    fn begin(&mut self) {
        let (result, opening) = sync_channel(1);
        let what = self.what.clone();
        // overflow: tried again in the next tick.
        let job: Job = Box::new(move || drop(result.send(what.open())));
        if self.jobs.try_send(job).is_ok() {
            self.opening = Some(opening);
            // While it is tried again, the reason of the failure is more useful than “opening”.
            if !matches!(self.state, DeviceState::Failed(_)) {
                self.state = DeviceState::Opening;
            }
        }
    }

    fn release(&mut self) {
        self.xruns = self.xruns();
        if let Some(device) = self.device.take() {
            // overflow: closed right here, at the cost of a late tick.
            if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) =
                self.jobs.try_send(Box::new(move || drop(device)))
            {
                job();
            }
        }
    }
}
