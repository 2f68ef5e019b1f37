//! The peer called `echo`: a second session inside the program, reached through the complete path (own peer
//! connection, encryption, encoder, decoder). It sends picture and sound back one second later and answers chat.
//!
//! Towards the actor it behaves as anybody else who can be called: bodies of signaling in, bodies out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::call::chat::{Chat, Input, Output};
use crate::call::control::{self, Control};
use crate::client::wire;
use crate::device::audio::{AudioSink, AudioSource, Flow};
use crate::device::{VideoFormat, VideoSource};
use crate::model::body::Body;
use crate::model::device::DeviceError;
use crate::model::frame::VideoFrame;
use crate::model::id::PeerId;
use crate::model::slot::{Closed, Player};
use crate::model::sound::{SILENCE, Tick};
use crate::model::source::{SinkSpec, VideoSpec};
use crate::model::stats::{Percentiles, Stats};
use crate::session::{
    AudioInput, AudioOutput, CONTROL, Description, DescriptionKind, Message, PeerConfig, Session, SessionConfig,
    SessionEvent, VideoInput, VideoRequest,
};

/// How much later everything comes back.
pub(super) const DELAY: Duration = Duration::from_secs(1);

/// Most pictures kept for that time; more than a minute's worth is never needed, and memory is bounded.
const MAX_PICTURES: usize = 64;

/// Ticks of 10 ms in [`DELAY`].
const DELAY_TICKS: usize = 100;

/// Latencies kept for the report: half a minute at 30 pictures a second.
const MAX_SAMPLES: usize = 900;

/// What the caller is called in the echo's session.
const CALLER: &str = "caller";

type Samples = Arc<Mutex<Vec<f64>>>;

/// The running echo.
pub(super) struct Echo {
    session: Session,
    to_task: mpsc::Sender<Body>,
    task: JoinHandle<()>,
    samples: Samples,
}

impl Echo {
    /// Starts one. `name` is what the caller's session calls it; its bodies come out of `answers`.
    pub(super) fn start(caller: Session, name: String, video: VideoRequest, answers: mpsc::Sender<Body>) -> Self {
        let samples = Samples::default();
        let sound = Arc::new(Mutex::new(VecDeque::with_capacity(2 * DELAY_TICKS)));
        let (session, events) = Session::start(SessionConfig {
            // The caller's pictures, once the caller is there: see `Task::take`.
            camera: VideoInput::Spec(VideoSpec::None),
            microphone: AudioInput::Custom({
                let sound = Arc::clone(&sound);
                Arc::new(move || Ok(Box::new(DelayedSound(Arc::clone(&sound)))))
            }),
            speaker: AudioOutput::Custom(Arc::new(move || Ok(Box::new(DelayedSound(Arc::clone(&sound)))))),
            ring: SinkSpec::None.into(),
            video,
            ..SessionConfig::default()
        });
        let (to_task, bodies) = mpsc::channel(64);
        let echoed = Echoed { video, caller, name, samples: Arc::clone(&samples) };
        let task = Task { session: session.clone(), answers, chat: Chat::new(), echoed };
        let task = tokio::spawn(task.run(bodies, events));
        Self { session, to_task, task, samples }
    }

    /// Says something to it.
    pub(super) fn tell(&self, body: Body) {
        // overflow: refuse; a call that says 64 things at once is broken, and will time out
        if self.to_task.try_send(body).is_err() {
            tracing::warn!("the echo takes nothing more");
        }
    }

    /// What it got of us, and capture-to-decoded latency of our pictures there.
    pub(super) fn measured(&self) -> impl Future<Output = (Stats, Option<Percentiles>)> + Send + 'static {
        let (session, samples) = (self.session.clone(), Arc::clone(&self.samples));
        async move {
            let stats = session.stats(CALLER).await.unwrap_or_default();
            let mut samples = samples.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let latency = Percentiles::of(&mut samples).or(stats.received.video.latency_ms);
            (stats, latency)
        }
    }

    /// Ends it, within the session's three seconds.
    pub(super) async fn stop(self) {
        self.task.abort();
        self.session.close().await;
    }
}

struct Task {
    session: Session,
    answers: mpsc::Sender<Body>,
    chat: Chat,
    echoed: Echoed,
}

impl Task {
    async fn run(mut self, mut bodies: mpsc::Receiver<Body>, mut events: mpsc::Receiver<SessionEvent>) {
        loop {
            tokio::select! {
                body = bodies.recv() => match body {
                    Some(body) => self.body(body).await,
                    None => return,
                },
                event = events.recv() => match event {
                    Some(event) => self.event(event).await,
                    None => return,
                },
            }
        }
    }

    async fn answer(&self, body: Body) {
        // overflow: await; the actor reads
        let _ = self.answers.send(body).await; // gone: the call is over
    }

    async fn body(&mut self, body: Body) {
        let done = match body {
            Body::Ring { sdp, .. } => self.take(sdp).await,
            Body::Candidate(candidate) => {
                self.session.accept_candidate(CALLER, wire::candidate_in(candidate)).await.map_err(|e| e.to_string())
            }
            Body::Answer { .. } => Ok(()), // it never offers
            Body::Offer { sdp } => match self.describe(sdp).await {
                Ok(sdp) => {
                    self.answer(Body::Answer { sdp }).await;
                    Ok(())
                }
                Err(e) => Err(e),
            },
            Body::Bye { .. } | Body::Cancel { .. } => {
                self.session.close_peer(CALLER).await;
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err(e) = done {
            tracing::warn!("the echo: {e}");
        }
    }

    async fn take(&mut self, sdp: String) -> Result<(), String> {
        self.answer(Body::Ringing).await;
        self.session.add_peer(CALLER, PeerConfig::default()).await.map_err(|e| e.to_string())?;
        let player = self.session.player(CALLER).map_err(|e| e.to_string())?;
        let echoed = self.echoed.clone();
        self.session
            .set_camera(VideoInput::custom(move || Ok(Box::new(DelayedPictures::of(player.clone(), echoed.clone())))));
        let sdp = self.describe(sdp).await?;
        self.answer(Body::Accept { video: true, name: "Echo".into(), sdp, proof: None }).await;
        Ok(())
    }

    async fn describe(&self, sdp: String) -> Result<String, String> {
        let offer = Description { kind: DescriptionKind::Offer, sdp };
        self.session.accept_offer(CALLER, offer).await.map(|answer| answer.sdp).map_err(|e| e.to_string())
    }

    async fn event(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Candidate { candidate, .. } => {
                self.answer(Body::Candidate(wire::candidate_out(candidate))).await;
            }
            SessionEvent::ChannelOpen { channel, .. } if channel == CONTROL => {
                for message in [
                    Control::Hello { version: control::VERSION, name: "Echo".into() },
                    Control::State { camera: true, muted: false, hand: false, sharing: false, replay: false },
                ] {
                    self.send(CONTROL, message.encode()).await;
                }
            }
            SessionEvent::ChannelOpen { channel, .. } if channel == wire::CHAT => {
                self.chat.handle(Input::Open);
                self.talk().await;
            }
            SessionEvent::Message { channel, message, .. } if channel == wire::CHAT => {
                self.chat.handle(Input::Frame(message.as_bytes()));
                self.talk().await;
            }
            _ => {}
        }
    }

    async fn talk(&mut self) {
        while let Some(output) = self.chat.poll() {
            match output {
                Output::Send(frame) => self.send(wire::CHAT, frame).await,
                Output::Text { text, .. } => {
                    // The longest texts do not fit with words around them: they come back as they are.
                    let said = format!("You said: {text}");
                    if self.chat.write(&said).is_err() && self.chat.write(&text).is_err() {
                        tracing::debug!("the echo has nothing to say");
                    }
                }
                Output::Delivery { .. } => {}
            }
        }
    }

    async fn send(&self, channel: &str, frame: String) {
        if let Err(e) = self.session.send(CALLER, channel, Message::Text(frame)).await {
            tracing::debug!("the echo: {e}");
        }
    }
}

/// Whose pictures are echoed, and what is found out about them on the way.
#[derive(Clone)]
struct Echoed {
    video: VideoRequest,
    caller: Session,
    name: String,
    samples: Samples,
}

/// Pictures that came, one second later; on the way, how old each was when it was decoded here.
struct DelayedPictures {
    player: Player,
    seen: u64,
    waiting: VecDeque<(Instant, Arc<VideoFrame>)>,
    opened: Instant,
    echoed: Echoed,
}

impl DelayedPictures {
    fn of(player: Player, echoed: Echoed) -> Self {
        Self { player, seen: 0, waiting: VecDeque::new(), opened: Instant::now(), echoed }
    }

    fn keep(&mut self, frame: Arc<VideoFrame>) {
        let came = frame.at.unwrap_or_else(Instant::now);
        if let Some(captured) = self.echoed.caller.captured_at(&self.echoed.name, frame.media_time) {
            let mut samples = self.echoed.samples.lock().unwrap_or_else(PoisonError::into_inner);
            if samples.len() < MAX_SAMPLES {
                samples.push(came.saturating_duration_since(captured).as_secs_f64() * 1e3);
            }
        }
        if self.waiting.len() >= MAX_PICTURES {
            self.waiting.pop_front(); // overflow: oldest lost
        }
        self.waiting.push_back((came + DELAY, frame));
    }
}

impl VideoSource for DelayedPictures {
    fn format(&self) -> VideoFormat {
        let VideoRequest { width, height, fps } = self.echoed.video;
        VideoFormat { name: "echo".into(), width, height, fps: fps as f32 }
    }

    fn next(&mut self, limit: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        let end = Instant::now() + limit;
        loop {
            let now = Instant::now();
            if self.waiting.front().is_some_and(|(due, _)| *due <= now)
                && let Some((due, frame)) = self.waiting.pop_front()
            {
                let mut frame = Arc::unwrap_or_clone(frame);
                frame.media_time = due.saturating_duration_since(self.opened);
                frame.at = Some(now);
                return Ok(Some(frame));
            }
            let until = self.waiting.front().map_or(end, |(due, _)| end.min(*due));
            match self.player.wait_newer(self.seen, until.saturating_duration_since(now)) {
                Ok(Some((seen, frame))) => {
                    self.seen = seen;
                    self.keep(frame);
                }
                Ok(None) if Instant::now() >= end => return Ok(None),
                Ok(None) => {}
                // The call has ended, which is no failure: this is about to be closed as well.
                Err(Closed) if now >= end => return Ok(None),
                Err(Closed) => std::thread::sleep(until.saturating_duration_since(now)),
            }
        }
    }
}

/// Sound that came, one second later: the same ring is the speaker and the microphone of the echo.
struct DelayedSound(Arc<Mutex<VecDeque<Tick>>>);

impl AudioSource for DelayedSound {
    fn name(&self) -> String {
        "echo".into()
    }

    fn read(&mut self, out: &mut Tick) -> Result<Flow, DeviceError> {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *out = if ring.len() >= DELAY_TICKS { ring.pop_front().unwrap_or(SILENCE) } else { SILENCE };
        Ok(Flow::Full)
    }
}

impl AudioSink for DelayedSound {
    fn name(&self) -> String {
        "echo".into()
    }

    fn write(&mut self, tick: &Tick) -> Result<Flow, DeviceError> {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.len() >= 2 * DELAY_TICKS {
            ring.pop_front(); // overflow: oldest lost
        }
        ring.push_back(*tick);
        Ok(Flow::Full)
    }
}

/// Whether this ID is the echo's: it is no person's key, and cannot be called from outside.
pub(super) fn id() -> PeerId {
    PeerId::from_public_key(b"visavis: the echo in the program")
}
