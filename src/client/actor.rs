//! The actor: owns all state, does one thing after another, never waits long. What takes time runs beside it
//! ([`super::link`], [`super::echo`], signaling, the session) and comes back as an event.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep_until, timeout};

use super::active::Active;
use super::config::{ClientConfig, ServerChoice, video_request};
use super::embedded::Embedded;
use super::files::{self, Files};
use super::handle::Desk;
use super::history::History;
use super::link::Done;
use super::profile::Profile;
use super::signaling::{SignalEvent, Signaling};
use crate::call::lifecycle::{Calls, Input};
use crate::call::ranking::{self, Plugs};
use crate::call::room::Legs;
use crate::model::body::Body;
use crate::model::device::{DeviceError, Devices};
use crate::model::id::{CallId, PeerId};
use crate::model::notice::Notice;
use crate::model::settings::Settings;
use crate::model::snapshot::{LocalMedia, PlayerKey, Recent, ServerState, Stage};
use crate::model::stats::{Percentiles, Stats};
use crate::session::{AudioInput, AudioOutput, Session, SessionConfig, SessionEvent, VideoInput};
use crate::signal::key::KeyPair;

/// How often meters move while something shows them.
pub(super) const METER: Duration = Duration::from_millis(50);

/// How often a call's figures are taken, unless told otherwise.
const STATS: Duration = Duration::from_secs(1);

/// What everything may take at the end.
const END: Duration = Duration::from_secs(3);

/// How long texts on their way may still take to arrive then.
const FLUSH: Duration = Duration::from_millis(500);

/// What was read from the profile.
pub(super) struct Kept {
    pub(super) profile: Profile,
    pub(super) history: History,
    pub(super) settings: Settings,
    pub(super) problems: BTreeMap<&'static str, String>,
}

/// What comes back from work beside the actor.
pub(super) enum Beside {
    /// The echo says something about the call.
    Echo(CallId, Body),
    /// Figures of the call.
    Stats(CallId, Box<Stats>),
    /// What the echo measured.
    Echoed(CallId, Box<Stats>, Option<Percentiles>),
    /// What is shared is shared so from now on.
    Shared { id: String, sound: bool, smooth: bool },
    /// What was to be shared cannot be.
    NotShared(DeviceError),
    /// What was chosen in the dialog that was shown in this call.
    Chosen(CallId, Result<Vec<PathBuf>, files::NoDialog>),
    /// What happens to files.
    Files(Box<files::News>),
    /// What came of a step of the link with the peer called so.
    Step(String, Done),
}

/// The call that rings here.
pub(super) struct Incoming {
    pub(super) call: CallId,
    pub(super) from: PeerId,
    pub(super) name: String,
    pub(super) video: bool,
    pub(super) known: bool,
    pub(super) since: Instant,
    pub(super) began: i64,
    pub(super) silenced: bool,
}

/// See the module.
pub(super) struct Actor {
    pub(super) desk: Desk,
    /// Facts to be told once the state that they belong to is published.
    pub(super) told: Vec<Notice>,
    pub(super) me: PeerId,
    pub(super) config: ClientConfig,
    pub(super) profile: Profile,
    pub(super) history: History,
    /// As in the file; `settings` has this run's overrides over it.
    pub(super) kept: Settings,
    pub(super) settings: Arc<Settings>,
    /// By cause, until solved.
    pub(super) problems: BTreeMap<&'static str, String>,
    pub(super) server: ServerState,
    /// The last word about it that people were told: online or not.
    pub(super) server_told: Option<bool>,
    pub(super) embedded: Option<Embedded>,
    pub(super) signaling: Option<Signaling>,
    /// Calls with people, and the test call, which needs no server.
    pub(super) calls: Legs,
    pub(super) tests: Calls,
    pub(super) active: Option<Active>,
    pub(super) incoming: Option<Incoming>,
    pub(super) recents: Arc<Vec<Recent>>,
    pub(super) devices: Arc<Devices>,
    /// Which of them is used for what.
    pub(super) plugs: Plugs,
    pub(super) media: LocalMedia,
    pub(super) camera_before: Option<bool>,
    /// Until when the key to talk counts as held, unless that is said again.
    pub(super) held: Option<Instant>,
    /// When our reaction is over.
    pub(super) reaction_until: Option<Instant>,
    pub(super) preview: bool,
    /// Devices were listed once; from then on the session tells what is plugged in or out.
    pub(super) listed: bool,
    pub(super) listing: Option<AbortHandle>,
    /// Another server is to be used.
    pub(super) server_change: bool,
    pub(super) meter_at: Option<Instant>,
    pub(super) quitting: bool,
    pub(super) session: Session,
    pub(super) files: Files,
    pub(super) beside: mpsc::Sender<Beside>,
    /// Work whose end is awaited before the program ends.
    pub(super) closing: JoinSet<()>,
}

/// Where events come in.
pub(super) struct Inbox {
    media: mpsc::Receiver<SessionEvent>,
    signals: Option<mpsc::Receiver<SignalEvent>>,
    beside: mpsc::Receiver<Beside>,
}

impl Actor {
    /// Inside the runtime.
    pub(super) async fn start(config: ClientConfig, keys: KeyPair, kept: Kept, desk: Desk) -> (Self, Inbox) {
        let Kept { profile, history, settings: kept, problems } = kept;
        let settings = config.overrides.over(&kept);
        let (session, media) = Session::start(SessionConfig {
            camera: VideoInput::Spec(settings.camera.clone()),
            microphone: AudioInput::Spec(settings.microphone.clone()),
            speaker: AudioOutput::Spec(settings.speaker.clone()),
            ring: AudioOutput::Spec(settings.ring.clone()),
            processing: settings.processing,
            levelling: settings.levelling,
            video: video_request(&settings),
            ice_servers: settings.ice_servers.clone(),
        });
        session.set_sound_volume(settings.sound_volume);
        desk.set_player(PlayerKey::Preview, Some(session.preview()));
        let (beside, results) = mpsc::channel(64);
        let files = Files::start(&session, beside.clone(), &config, &settings);
        let recents = history.recents().unwrap_or_else(|e| {
            tracing::warn!("{e}");
            Vec::new()
        });
        let me = keys.id();
        let mut tests = Calls::new(me, &settings.name);
        tests.handle(Instant::now(), Input::Online(true));
        let mut actor = Self {
            desk,
            told: problems.values().cloned().map(Notice::Problem).collect(),
            me,
            profile,
            history,
            kept,
            problems,
            server: ServerState::Connecting,
            server_told: None,
            embedded: None,
            signaling: None,
            calls: Legs::new(me, &settings.name, seed()),
            tests,
            active: None,
            incoming: None,
            recents: recents.into(),
            devices: Arc::default(),
            plugs: super::devices::plugs(&settings),
            media: LocalMedia { camera_on: true, ..LocalMedia::default() },
            camera_before: None,
            held: None,
            reaction_until: None,
            preview: false,
            listed: false,
            listing: None,
            server_change: false,
            meter_at: None,
            quitting: false,
            session,
            files,
            beside,
            closing: JoinSet::new(),
            settings: settings.into(),
            config,
        };
        let signals = actor.connect(keys).await;
        (actor, Inbox { media, signals, beside: results })
    }

    /// Connects to the server this run has, if it has one.
    async fn connect(&mut self, keys: KeyPair) -> Option<mpsc::Receiver<SignalEvent>> {
        if self.config.server == ServerChoice::None {
            self.server = ServerState::Offline { reason: "this run uses no server".into() };
            return None;
        }
        let (url, embedded) = self.choose_server().await;
        let (signaling, events) = Signaling::start(keys, &url, embedded);
        self.signaling = Some(signaling);
        Some(events)
    }

    /// Lives until told to end.
    pub(super) async fn run(mut self, mut inbox: Inbox) {
        while !self.quitting {
            if std::mem::take(&mut self.server_change) {
                self.change_server().await;
            }
            self.settle();
            self.publish();
            self.next(&mut inbox).await;
        }
        self.end(inbox).await;
    }

    /// Waits for one event and takes it.
    async fn next(&mut self, inbox: &mut Inbox) {
        let wake = self.wake();
        tokio::select! {
            command = self.desk.commands.recv() => match command {
                Some(command) => self.command(command),
                None => self.quitting = true, // every handle is gone
            },
            Some(event) = inbox.media.recv() => self.session_event(event),
            Some(event) = receive(&mut inbox.signals) => self.signal_event(event).await,
            Some(result) = inbox.beside.recv() => self.beside(result),
            Some(_) = self.closing.join_next() => {}
            () = sleep_until(wake.unwrap_or_else(Instant::now).into()), if wake.is_some() => self.tick(),
        }
    }

    /// When the next thing is due by itself. An idle application has none.
    fn wake(&self) -> Option<Instant> {
        let active = self.active.as_ref().filter(|active| active.is_running());
        let now = Instant::now();
        let shown = active.into_iter().flat_map(|active| active.legs.iter().map(|leg| leg.since).chain([active.since]));
        let second = shown.chain(self.incoming.as_ref().map(|incoming| incoming.since));
        let second = second.map(|since| next_second(since, now)).min();
        let looks = active.and_then(Active::deadline);
        let due = [self.calls.deadline(), self.tests.deadline(), self.plugs.deadline()];
        due.into_iter().chain([looks, self.meter_at, self.held, self.reaction_until, second]).flatten().min()
    }

    /// Does what is due.
    fn tick(&mut self) {
        let now = Instant::now();
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.calls.deadline()) {
            self.calls.handle(now, Input::Tick);
        }
        if due(self.tests.deadline()) {
            self.tests.handle(now, Input::Tick);
        }
        if due(self.plugs.deadline()) {
            self.plug(ranking::Input::Tick);
        }
        if due(self.held) {
            tracing::warn!("the window does not say any more that the key to talk is held; it counts as let go");
            self.hold(None);
        }
        if due(self.meter_at) {
            self.meter_at = Some(now + METER);
            self.read_meters();
        }
        self.end_reactions(now);
        self.look_at_paths(now);
        let interval = self.config.stats_every.unwrap_or(STATS);
        let mut measured = Vec::new();
        if let Some(active) = self.active.as_mut().filter(|active| active.is_running()) {
            for leg in active.legs.iter_mut().filter(|leg| due(leg.stats_at)) {
                leg.stats_at = Some(now + interval);
                measured.push(leg.call);
            }
        }
        measured.into_iter().for_each(|call| self.take_stats(call));
    }

    /// The orderly end: three seconds at most.
    async fn end(mut self, mut inbox: Inbox) {
        self.quitting = true;
        self.desk.commands.close(); // refuse commands
        self.publish();
        let orderly = async {
            self.session.set_camera_enabled(false);
            self.session.set_preview(false);
            self.flush_chat(&mut inbox).await;
            let now = Instant::now();
            self.calls.handle(now, Input::HangUp);
            self.tests.handle(now, Input::HangUp);
            self.settle();
            self.publish();
            drop(inbox); // nobody reads any more: whoever writes must not wait
            self.files.stop().await;
            if let Some(signaling) = self.signaling.take() {
                signaling.stop().await;
            }
            if let Some(listing) = self.listing.take() {
                listing.abort(); // a slow system must not hold us
            }
            while self.closing.join_next().await.is_some() {}
            self.session.close().await;
            if let Some(embedded) = &mut self.embedded {
                embedded.stop().await;
            }
        };
        if timeout(END, orderly).await.is_err() {
            tracing::warn!("the end took longer than {} seconds and was cut short", END.as_secs());
        }
    }

    /// Gives texts on their way the time to arrive.
    async fn flush_chat(&mut self, inbox: &mut Inbox) {
        let until = Instant::now() + FLUSH;
        let pending =
            |actor: &Self| actor.active.as_ref().is_some_and(|a| a.stage == Stage::Connected && a.talk.is_pending());
        while pending(self) {
            tokio::select! {
                Some(event) = inbox.media.recv() => self.session_event(event),
                () = sleep_until(until.into()) => return,
            }
        }
    }
}

/// The next event of a source that may not be there.
async fn receive<T>(source: &mut Option<mpsc::Receiver<T>>) -> Option<T> {
    match source {
        Some(receiver) => receiver.recv().await,
        None => std::future::pending().await,
    }
}

/// A number that is another at each start.
fn seed() -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = CallId::random().0;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// When the next whole second since then begins.
fn next_second(since: Instant, now: Instant) -> Instant {
    since + Duration::from_secs(now.saturating_duration_since(since).as_secs() + 1)
}
