//! The session's own camera, microphone, speaker and shared screen: rows P1 to P7.
//!
//! What is asked for lives in [`Local`]; what became of it, in the watched [`States`]. The camera and a screen that is
//! shared in its place feed the same encoder, so that neither beginning nor ending a share negotiates anything.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::beside::Beside;
use super::manager::{Inner, Media, Session, lock};
use super::request::{Constraints, UserMediaError, UserMediaRequest};
use super::share::Display;
use super::types::{SessionConfig, SessionEvent};
use crate::device::watch::Watch;
use crate::device::{VideoRequest, open_video};
use crate::model::device::{DeviceError, DeviceKind, DeviceState, Devices};
use crate::model::sound::{Processing, RATE};
use crate::model::source::{AudioSpec, VideoSpec};
use crate::pipeline::audio::{AudioConfig, AudioEngine, AudioInput};
use crate::pipeline::publish::{PublishConfig, VideoInput, VideoKind, VideoPublisher};
use crate::rtc::rate;

/// Longest that devices may take to open or to say why not: a camera that is tried in every format it has.
const OPENING: Duration = Duration::from_secs(20);

/// How long to wait after news of devices: a plug brings several at once.
const SETTLING: Duration = Duration::from_millis(200);

pub(super) const CLOSED: DeviceError = DeviceError::Unsupported("the session is closed");

/// What became of the devices.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct States {
    pub camera: DeviceState,
    pub microphone: DeviceState,
    pub speaker: DeviceState,
    display: DeviceState,
    pub beside: DeviceState,
    computer: DeviceState,
}

type Hook = Arc<dyn Fn(&mut Constraints) + Send + Sync>;

/// What is asked for.
pub(super) struct Local {
    pub camera: VideoInput,
    pub microphone: AudioInput,
    /// Number of the newest opening of the microphone.
    pub opening: u64,
    /// Of the camera.
    pub request: VideoRequest,
    pub enabled: bool,
    pub preview: bool,
    /// User media was asked for and stays open.
    user: bool,
    pub processing: Processing,
    pub display: Option<Display>,
    pub beside: Option<Beside>,
    hook: Option<Hook>,
    listed: Devices,
    watch: Option<Watch>,
    pub closed: bool,
}

impl Local {
    pub(super) fn new(config: &SessionConfig) -> Self {
        Self {
            camera: config.camera.clone(),
            microphone: config.microphone.clone(),
            opening: 0,
            request: config.video,
            enabled: true,
            preview: false,
            user: false,
            processing: config.processing,
            display: None,
            beside: None,
            hook: None,
            listed: Devices::default(),
            watch: None,
            closed: false,
        }
    }

    /// Size and rate of what is sent.
    pub(super) fn request(&self) -> VideoRequest {
        self.display.as_ref().map_or(self.request, |display| display.request.video)
    }

    /// Microphone and speaker are to be open without a peer.
    pub(super) fn wants_sound(&self) -> bool {
        self.preview || self.user
    }

    /// The source of pictures is to be open without a peer.
    pub(super) fn wants_video(&self) -> bool {
        self.wants_sound() || self.display.is_some()
    }
}

/// Starts what captures and plays; no device is open yet.
pub(super) fn start(config: &SessionConfig, states: &watch::Sender<States>) -> Media {
    let (of_video, of_sound) = (states.clone(), states.clone());
    let video = VideoPublisher::start(PublishConfig {
        input: config.camera.clone(),
        request: config.video,
        bitrate_bps: u32::try_from(rate::top(config.video.width, config.video.height)).unwrap_or(u32::MAX),
        ..PublishConfig::default()
    });
    video.on_state(Some(Arc::new(move |kind, state| {
        of_video.send_modify(|states| match kind {
            VideoKind::Camera => states.camera = state,
            VideoKind::Display => states.display = state,
        });
    })));
    let audio = AudioEngine::start(AudioConfig {
        microphone: config.microphone.clone(),
        speaker: config.speaker.clone(),
        ring: config.ring.clone(),
        processing: config.processing,
        levelling: config.levelling,
        on_state: Some(Arc::new(move |new| {
            of_sound.send_modify(|states| {
                (states.microphone, states.speaker, states.computer) = (new.microphone, new.speaker, new.computer);
            });
        })),
        ..AudioConfig::default()
    });
    Media { video, audio }
}

/// Starts what tells of changes; it ends with the session.
pub(super) fn serve(inner: &Arc<Inner>) {
    let (session, events, states) = (Arc::downgrade(inner), inner.events.clone(), inner.states.subscribe());
    lock(&inner.tasks).spawn(tell_states(session, events, states));
}

/// Ends what only the session's end ends.
pub(super) async fn end(inner: &Inner) {
    let (watch, beside) = {
        let mut local = lock(&inner.local);
        local.closed = true;
        (local.watch.take(), local.beside.take())
    };
    let work = move || {
        drop(watch);
        beside.map(Beside::stop)
    };
    let _ = tokio::task::spawn_blocking(work).await;
}

async fn tell_states(session: Weak<Inner>, events: mpsc::Sender<SessionEvent>, mut states: watch::Receiver<States>) {
    let mut told = States::default();
    while states.changed().await.is_ok() {
        let now = states.borrow_and_update().clone();
        let States { camera, microphone, speaker, display, beside, .. } = now.clone();
        if (&camera, &microphone, &speaker) != (&told.camera, &told.microphone, &told.speaker) {
            // overflow: await; what changes meanwhile is told as one
            if events.send(SessionEvent::MediaState { camera, microphone, speaker }).await.is_err() {
                return;
            }
        }
        told = now;
        let Some(session) = session.upgrade() else { return };
        if let DeviceState::Failed(error) = display {
            session.end_display(Some(error)).await;
        }
        if let DeviceState::Failed(error) = beside {
            session.end_beside(Some(error)).await;
        }
    }
}

/// Lists anew after news of devices, and tells of what is different.
async fn tell_devices(session: Weak<Inner>, mut news: mpsc::Receiver<()>) {
    while news.recv().await.is_some() {
        tokio::time::sleep(SETTLING).await;
        while news.try_recv().is_ok() {}
        let devices = tokio::task::spawn_blocking(crate::device::list).await.unwrap_or_default();
        let Some(session) = session.upgrade() else { return };
        let replugged = {
            let mut local = lock(&session.local);
            let replugged = devices.replugged(&local.listed);
            local.listed.clone_from(&devices);
            replugged
        };
        if replugged {
            session.tell(SessionEvent::DevicesListed(devices)).await;
        }
    }
}

impl Inner {
    /// Takes pictures from where they are to come from now; gives the opening's number.
    pub fn apply_video(&self) -> u64 {
        let number = {
            let local = lock(&self.local);
            let (input, enabled) = match &local.display {
                Some(display) => (VideoInput::Display(display.request.id.clone()), true),
                None => (local.camera.clone(), local.enabled),
            };
            let paused = local.display.as_ref().is_some_and(|display| display.paused);
            self.media(|media| {
                media.video.set_paused(paused);
                media.video.capture_from(input, local.request(), enabled)
            })
            .unwrap_or_default()
        };
        let top = self.top_rate();
        for link in self.links() {
            link.set_top_rate(top);
        }
        self.update_wanted();
        self.update_rates(Instant::now());
        number
    }

    /// Waits until an opening's end is known: the device's name, or why it is not open.
    pub async fn opened(&self, outcome: impl Fn(&Self) -> Option<DeviceState>) -> Result<String, DeviceError> {
        let mut states = self.states.subscribe();
        let wait = async {
            loop {
                states.borrow_and_update();
                match outcome(self) {
                    Some(DeviceState::Open { name, .. }) => return Ok(name),
                    Some(DeviceState::Failed(error)) => return Err(error),
                    _ => {}
                }
                if lock(&self.local).closed || states.changed().await.is_err() {
                    return Err(CLOSED);
                }
            }
        };
        let late = || DeviceError::Gone("the device".to_owned(), format!("it did not open within {OPENING:?}"));
        timeout(OPENING, wait).await.unwrap_or_else(|_| Err(late()))
    }

    /// Opens what is asked for; the names of the devices.
    async fn open_user_media(
        &self,
        request: UserMediaRequest,
        constraints: &Constraints,
    ) -> Result<(Option<String>, Option<String>), UserMediaError> {
        let of = |kind| move |error| UserMediaError { kind, error };
        let camera = request.camera.camera(constraints.facing).await.map_err(of(DeviceKind::Camera))?;
        let microphone = request.microphone.microphone().map_err(of(DeviceKind::Microphone))?;
        let (sees, hears) = (camera != VideoSpec::None, microphone != AudioSpec::None);
        let microphone = match constraints.sample_rate {
            RATE => AudioInput::Spec(microphone),
            rate => AudioInput::At(microphone, rate),
        };
        let covered = {
            let mut local = lock(&self.local);
            local.processing = constraints.processing;
            self.media(|media| media.audio.set_processing(constraints.processing));
            (local.camera, local.request) = (VideoInput::Spec(camera.clone()), constraints.video);
            local.enabled |= sees;
            local.user = sees || hears;
            if !same(&local.microphone, &microphone)
                || !matches!(self.states.borrow().microphone, DeviceState::Open { .. })
            {
                local.microphone = microphone.clone();
                local.opening = self.media(|media| media.audio.set_microphone(microphone)).unwrap_or_default();
            }
            local.display.is_some()
        };
        let (number, opening) = (self.apply_video(), lock(&self.local).opening);
        let seen = async {
            if covered && sees {
                // Its place is taken: it is opened when the share ends. That it can be is tried now.
                let video = constraints.video;
                let tried = tokio::task::spawn_blocking(move || Ok(open_video(&camera, video)?.format().name)).await;
                tried.unwrap_or(Err(CLOSED)).map(Some)
            } else if sees {
                self.opened(|inner| inner.media(|media| media.video.outcome(number))?).await.map(Some)
            } else {
                Ok(None)
            }
        };
        let heard = async {
            if hears {
                self.opened(|inner| inner.media(|media| media.audio.outcome(opening))?).await.map(Some)
            } else {
                Ok(None)
            }
        };
        let (seen, heard) = tokio::join!(seen, heard);
        Ok((seen.map_err(of(DeviceKind::Camera))?, heard.map_err(of(DeviceKind::Microphone))?))
    }
}

fn same(one: &AudioInput, other: &AudioInput) -> bool {
    match (one, other) {
        (AudioInput::Spec(a), AudioInput::Spec(b)) => a == b,
        (AudioInput::At(a, n), AudioInput::At(b, m)) => (a, n) == (b, m),
        _ => false,
    }
}

impl Session {
    /// Row P1: the devices, screens and windows that are there now; also told as [`SessionEvent::DevicesListed`]. Takes
    /// up to some hundred milliseconds, on a thread of its own.
    ///
    /// From the first call on, that event also comes whenever a device or screen was plugged in or out, within about
    /// two seconds. Windows that open or close bring none: they are listed when asked for.
    pub async fn devices(&self) -> Devices {
        let devices = tokio::task::spawn_blocking(crate::device::list).await.unwrap_or_default();
        {
            let mut local = lock(&self.inner.local);
            local.listed.clone_from(&devices);
            if cfg!(feature = "gui") && local.watch.is_none() && !local.closed {
                let (news, heard) = mpsc::channel(1);
                // overflow: refuse; one word of news is enough to look again
                local.watch = Some(Watch::start(move || {
                    let _ = news.try_send(());
                }));
                lock(&self.inner.tasks).spawn(tell_devices(Arc::downgrade(&self.inner), heard));
            }
        }
        self.inner.tell(SessionEvent::DevicesListed(devices.clone())).await;
        devices
    }

    /// Row P1: only what gives pictures (cameras, screens, windows), only what has to do with sound, or both. What is
    /// not asked for is not looked for; told to nobody.
    pub async fn devices_of(&self, video: bool, audio: bool) -> Devices {
        tokio::task::spawn_blocking(move || crate::device::list_of(video, audio)).await.unwrap_or_default()
    }

    /// Rows P2, P3: opens camera and microphone, by flag ([`Wanted::flag`](super::Wanted::flag)) or exactly those with an ID, and gives back
    /// when they really are open. They stay open, with or without peers, until [`Session::stop_user_media`]. A kind that
    /// is not asked for is not sent.
    ///
    /// Told as [`SessionEvent::BeforeUserMedia`], then [`SessionEvent::UserMediaStarted`] or
    /// [`SessionEvent::UserMediaError`], then [`SessionEvent::AfterUserMedia`].
    ///
    /// # Errors
    /// [`UserMediaError`]: which of them is not open and why. Nothing else is opened in its place: what was sent before
    /// is sent again.
    pub async fn request_user_media(&self, request: UserMediaRequest) -> Result<(), UserMediaError> {
        let inner = &self.inner;
        let _one = inner.requesting.lock().await;
        let (before, hook) = {
            let local = lock(&inner.local);
            let before = (local.camera.clone(), local.microphone.clone(), local.request, local.enabled, local.user);
            ((before, local.processing), local.hook.clone())
        };
        let (before, processing) = before;
        let mut constraints = Constraints { video: before.2, facing: None, sample_rate: RATE, processing };
        if let Some(hook) = hook {
            hook(&mut constraints);
        }
        inner.tell(SessionEvent::BeforeUserMedia(constraints.clone())).await;
        let result = inner.open_user_media(request, &constraints).await;
        match &result {
            Ok((camera, microphone)) => {
                let (camera, microphone) = (camera.clone(), microphone.clone());
                inner.tell(SessionEvent::UserMediaStarted { camera, microphone }).await;
            }
            Err(error) => {
                {
                    let mut local = lock(&inner.local);
                    if !same(&local.microphone, &before.1) {
                        let microphone = before.1.clone();
                        local.opening = inner.media(|media| media.audio.set_microphone(microphone)).unwrap_or_default();
                    }
                    (local.camera, local.microphone, local.request, local.enabled, local.user) = before;
                }
                self.set_processing(processing);
                inner.apply_video();
                inner.tell(SessionEvent::UserMediaError(error.clone())).await;
            }
        }
        inner.tell(SessionEvent::AfterUserMedia).await;
        result.map(drop)
    }

    /// Row P7: releases camera and microphone; the peers see black and hear silence. What is shared goes on.
    pub fn stop_user_media(&self) {
        {
            let mut local = lock(&self.inner.local);
            local.user = false;
            (local.camera, local.microphone) = (VideoInput::Spec(VideoSpec::None), AudioSpec::None.into());
            let stop = |media: &Media| media.audio.set_microphone(AudioSpec::None);
            local.opening = self.inner.media(stop).unwrap_or_default();
        }
        self.inner.apply_video();
    }

    /// Row P4: `hook` is called in each [`Session::request_user_media`] before the devices open and may change how. It
    /// replaces the one before.
    pub fn on_constraints(&self, hook: impl Fn(&mut Constraints) + Send + Sync + 'static) {
        lock(&self.inner.local).hook = Some(Arc::new(hook));
    }
}
