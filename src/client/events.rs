//! What comes in from signaling, from the session and from work beside the actor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::actor::{Actor, Beside};
use super::calls::VOLUME;
use super::chat::Effect;
use super::echo;
use super::echo_report::{self, AFTER_SECONDS, WARM_UP_SECONDS};
use super::embedded::Claim;
use super::link::{Done, Step};
use super::signaling::SignalEvent;
use super::wire::{self, CHAT};
use crate::call::chat;
use crate::call::control::{self, Control};
use crate::call::lifecycle::Input;
use crate::call::quality::Word;
use crate::model::device::DeviceState;
use crate::model::id::CallId;
use crate::model::notice::Notice;
use crate::model::snapshot::{PlayerKey, RemoteMedia, ServerState, Stage};
use crate::model::stats::{Percentiles, Stats};
use crate::session::{CONTROL, ConnectionState, ServerTrouble, SessionEvent, Sound};

impl Actor {
    pub(super) async fn signal_event(&mut self, event: SignalEvent) {
        let now = Instant::now();
        match event {
            SignalEvent::State(state) => self.server_state(state).await,
            SignalEvent::Received(said) => {
                self.calls.handle(now, Input::Received { from: said.from, call: said.call, body: said.body });
            }
            SignalEvent::Undeliverable { to, call } => self.calls.handle(now, Input::Undeliverable { to, call }),
            SignalEvent::Gone(peer) => {
                if let Some(active) = self.active.as_mut().filter(|active| active.id == peer) {
                    active.gone = true;
                }
                self.calls.handle(now, Input::Gone(peer));
            }
            SignalEvent::Refused { .. } => {
                self.take_over().await;
            }
            SignalEvent::Room(event) => tracing::debug!("{event:?}"),
            SignalEvent::Dropped(why) => tracing::warn!("a message was dropped: {why}"),
            SignalEvent::ClockWrong { by_s } => {
                let words = format!(
                    "this computer's clock is {} seconds {} the server's; set it right, or calls may fail",
                    by_s.abs(),
                    if by_s > 0 { "ahead of" } else { "behind" }
                );
                if self.problems.insert("clock", words.clone()).is_none() {
                    self.told.push(Notice::Problem(words));
                }
            }
        }
    }

    async fn server_state(&mut self, mut state: ServerState) {
        let was_online = matches!(self.server, ServerState::Online { .. });
        let online = matches!(state, ServerState::Online { .. });
        if let ServerState::Reconnecting { reason, .. } = &mut state
            && self.embedded.as_ref().is_some_and(|embedded| !embedded.is_ours())
            && self.take_over().await == Some(Claim::Theirs)
            && !was_online
        {
            let port = self.embedded.as_ref().map_or(0, |embedded| embedded.port());
            reason.push_str(&format!(
                "; if another program uses port {port} of this machine, close it, or choose a server in the settings"
            ));
        }
        let news = match &state {
            ServerState::Online { url, .. } if !was_online => Some(Notice::Online { id: self.me, server: url.clone() }),
            ServerState::Offline { reason } => Some(Notice::Offline { reason: reason.clone() }),
            ServerState::Reconnecting { reason, .. } if self.server_told != Some(false) => {
                Some(Notice::Offline { reason: reason.clone() })
            }
            _ => None,
        };
        if let Some(news) = news {
            self.server_told = Some(online);
            self.told.push(news);
        }
        self.server = state;
        if online != was_online {
            self.calls.handle(Instant::now(), Input::Online(online));
        }
    }

    pub(super) fn session_event(&mut self, event: SessionEvent) {
        let now = Instant::now();
        match event {
            SessionEvent::Candidate { peer, candidate } => {
                if let Some(call) = self.call_of(&peer) {
                    let candidate = wire::candidate_out(candidate);
                    self.machine(call).handle(now, Input::LocalCandidate { call, candidate });
                }
            }
            // The first offer is the call's own matter.
            SessionEvent::NegotiationNeeded { peer } => {
                if let Some(call) = self.call_of(&peer)
                    && self.active.as_ref().is_some_and(|active| active.connected.is_some())
                {
                    self.step(call, Step::OfferAgain);
                }
            }
            SessionEvent::ConnectionState { peer, state } => {
                if let Some(call) = self.call_of(&peer) {
                    // Chosen before, in an earlier call or while this one was not yet there.
                    if let Some(active) = self.active.as_ref().filter(|active| active.volume != VOLUME)
                        && let Err(e) = self.session.set_volume(&peer, active.volume)
                    {
                        tracing::debug!("{e}");
                    }
                    self.connection(call, state, now);
                }
            }
            SessionEvent::ChannelOpen { peer, channel } if self.call_of(&peer).is_some() => match channel.as_str() {
                CONTROL => {
                    self.hello();
                    self.tell_state();
                    if let Some(active) = &mut self.active {
                        active.told = true;
                    }
                    self.keep_heard();
                }
                CHAT => self.talk(chat::Input::Open),
                _ => {}
            },
            SessionEvent::ChannelClosed { peer, channel } if channel == CHAT && self.call_of(&peer).is_some() => {
                self.talk(chat::Input::Closed);
            }
            SessionEvent::Message { peer, channel, message } => {
                let Some(call) = self.call_of(&peer) else { return };
                match channel.as_str() {
                    CONTROL => self.control(call, message.as_bytes(), now),
                    CHAT => self.talk(chat::Input::Frame(message.as_bytes())),
                    _ => {}
                }
            }
            SessionEvent::FirstFrame { peer } => {
                let Some(call) = self.call_of(&peer) else { return };
                if let Some(active) = self.active.as_mut().filter(|active| active.first_frame_ms.is_none()) {
                    let after_ms = wire::millis(now - active.clicked);
                    active.first_frame_ms = Some(after_ms);
                    self.told.push(Notice::FirstFrame { call, after_ms });
                }
            }
            SessionEvent::MediaState { camera, microphone, speaker } => {
                // Whoever holds the key speaks into the microphone that was there: another is not opened by it.
                if matches!(self.media.microphone, DeviceState::Open { .. }) && microphone != self.media.microphone {
                    self.hold(None);
                }
                self.media_state(camera, microphone, speaker);
            }
            SessionEvent::IceServerFailed { failure, .. } => {
                tracing::warn!("{failure}");
                // What a person can mend is said; that a server is down matters only where no call gets through.
                let mendable = !matches!(
                    failure.trouble,
                    ServerTrouble::Silent | ServerTrouble::Unreachable(_) | ServerTrouble::Ended(_)
                );
                if mendable {
                    self.told.push(Notice::Problem(failure.to_string()));
                }
            }
            SessionEvent::AfterDisplayMedia { name } => self.shares(Some(name)),
            SessionEvent::DisplayEnded { error, .. } => {
                if let Some(error) = error {
                    self.told.push(Notice::Told(error.to_string()));
                }
                self.shares(None);
            }
            SessionEvent::DevicesListed(devices) => self.devices_listed(devices),
            _ => {}
        }
    }

    /// The call whose peer the session calls so.
    fn call_of(&self, peer: &str) -> Option<CallId> {
        let active = self.active.as_ref()?;
        (active.link.as_ref()?.peer() == peer).then_some(active.call)
    }

    fn connection(&mut self, call: CallId, state: ConnectionState, now: Instant) {
        let Some(active) = &self.active else { return };
        let (peer, gone, established) = (active.id, active.gone, active.connected.is_some());
        let machine = self.machine(call);
        match state {
            ConnectionState::Connected => machine.handle(now, Input::MediaConnected(call)),
            ConnectionState::Disconnected => machine.handle(now, Input::MediaDisconnected(call)),
            // Once it stood, a path that failed may be found anew; the machine's own limit ends the waiting.
            ConnectionState::Failed if established => machine.handle(now, Input::MediaDisconnected(call)),
            ConnectionState::Failed => {
                let why = "no path to the other side was found; a firewall may block UDP, try another network";
                machine.handle(now, Input::MediaFailed(call, why.into()));
            }
            ConnectionState::Closed => machine.handle(now, Input::PeerLeft(call)),
            ConnectionState::New | ConnectionState::Connecting => {}
        }
        if gone && matches!(state, ConnectionState::Disconnected | ConnectionState::Failed) {
            self.machine(call).handle(now, Input::Gone(peer));
        }
    }

    fn control(&mut self, call: CallId, frame: &[u8], now: Instant) {
        let Some(active) = &mut self.active else { return };
        match Control::decode(frame) {
            Ok(Control::Hello { version, name }) => {
                tracing::debug!("the other side speaks version {version}");
                if !name.is_empty() {
                    active.name = name;
                }
            }
            Ok(Control::State { camera, muted, hand, sharing, replay }) => {
                active.remote = RemoteMedia { camera_on: camera, muted, hand, sharing, replay };
                if !camera
                    && !sharing
                    && let Some(link) = &active.link
                    && let Err(e) = self.session.pause_video(link.peer())
                {
                    tracing::debug!("{e}");
                }
            }
            Ok(Control::Upload { narrow_bps, shared, paused, busy }) => {
                active.path.heard = Word { narrow_bps, shared, paused, busy };
            }
            Ok(Control::Bye) => self.machine(call).handle(now, Input::PeerLeft(call)),
            Ok(Control::Later) => {}
            Err(e) => tracing::debug!("{e}"),
        }
    }

    /// Tells the other side what we are called.
    pub(super) fn hello(&self) {
        if let Some(link) = self.active.as_ref().and_then(|active| active.link.as_ref()) {
            link.control(&Control::Hello { version: control::VERSION, name: self.settings.name.clone() });
        }
    }

    /// Tells the other side the state of our devices.
    pub(super) fn tell_state(&self) {
        if let Some(link) = self.active.as_ref().and_then(|active| active.link.as_ref()) {
            let (camera_on, muted, hand) = (self.media.camera_on, self.is_silent(), self.media.hand);
            let (sharing, replay) = (self.media.sharing.is_some(), self.settings.say_again);
            link.control(&Control::from(RemoteMedia { camera_on, muted, hand, sharing, replay }));
        }
    }

    /// Tells the conversation what happened, and does what comes of it.
    pub(super) fn talk(&mut self, input: chat::Input<'_>) {
        let Some(active) = &mut self.active else { return };
        let effects = active.talk.handle(input, wire::unix_now(), &self.history);
        self.effects(effects);
    }

    pub(super) fn effects(&mut self, effects: Vec<Effect>) {
        let Some(active) = &self.active else { return };
        for effect in effects {
            match effect {
                Effect::Send(frame) => {
                    if let Some(link) = &active.link {
                        link.chat(frame);
                    }
                }
                Effect::Wrote(text) => {
                    self.sound(Sound::Message);
                    self.told.push(Notice::Chat { from: active.peer, text });
                }
                Effect::Delivered(number) => self.told.push(Notice::ChatDelivered { number }),
                Effect::NotKept(why) => self.told.push(Notice::Problem(why)),
            }
        }
    }

    pub(super) fn beside(&mut self, result: Beside) {
        let now = Instant::now();
        match result {
            Beside::NotShared(error) => self.told.push(Notice::Problem(error.to_string())),
            Beside::Echo(call, body) => self.tests.handle(now, Input::Received { from: echo::id(), call, body }),
            Beside::Step(peer, done) => {
                let Some(call) = self.call_of(&peer) else { return };
                let input = match done {
                    Done::Prepared => {
                        self.desk.set_player(PlayerKey::Remote(call), self.session.player(&peer).ok());
                        return;
                    }
                    Done::Described(sdp) => Input::DescriptionReady { call, sdp },
                    Done::Renegotiated(body) => Input::Renegotiate { call, body },
                    Done::Failed(why) => Input::MediaFailed(call, why),
                };
                self.machine(call).handle(now, input);
            }
            Beside::Stats(call, stats) => self.stats(call, *stats, now),
            Beside::Echoed(call, there, latency) => self.verdict(call, *there, latency),
        }
    }

    /// Asks for the figures of the call; they come back as an event.
    pub(super) fn take_stats(&mut self) {
        let Some(active) = &self.active else { return };
        let Some(peer) = active.link.as_ref().map(|link| link.peer().to_owned()) else { return };
        let (session, beside, call) = (self.session.clone(), self.beside.clone(), active.call);
        self.closing.spawn(async move {
            if let Ok(stats) = session.stats(&peer).await {
                // overflow: await; the actor reads
                let _ = beside.send(Beside::Stats(call, Box::new(stats))).await; // gone: the program ends
            }
        });
    }

    fn stats(&mut self, call: CallId, stats: Stats, now: Instant) {
        let running = |active: &&mut super::actor::Active| active.call == call && active.ended.is_none();
        let Some(active) = self.active.as_mut().filter(running) else { return };
        active.stats = Arc::new(stats.clone());
        if let Some(test) = &mut active.test {
            let findings = &mut test.findings;
            let (video, audio) = (&stats.received.video, &stats.received.audio);
            if test.warm_at.is_some_and(|at| now >= at) {
                findings.video_bps.push(video.bitrate_bps);
                findings.audio_bps.push(audio.bitrate_bps);
            } else {
                findings.from = stats.clone();
                findings.from_at = Some(now);
            }
            findings.level_dbfs = match (findings.level_dbfs, audio.level_dbfs) {
                (Some(a), Some(b)) => Some(a.max(b)),
                (a, b) => a.or(b),
            };
            findings.to = stats.clone();
            findings.to_at = Some(now);
        }
        if self.config.stats_every.is_some() {
            let (peer, t_ms) = (active.peer, wire::millis(now - active.clicked));
            self.told.push(Notice::Stats { call, peer, t_ms, stats: Box::new(stats) });
        }
        self.ask_echo(now);
    }

    /// A test call has its path: from now on the warm-up runs.
    pub(super) fn test_connected(&mut self, now: Instant) {
        if let Some(test) = self.active.as_mut().and_then(|active| active.test.as_mut()) {
            test.warm_at = Some(now + Duration::from_secs(WARM_UP_SECONDS.into()));
        }
    }

    /// Once a test call has run long enough, asks the echo what it got of us.
    fn ask_echo(&mut self, now: Instant) {
        let Some(active) = self.active.as_mut().filter(|active| active.stage == Stage::Connected) else { return };
        let long_enough = active.connected.is_some_and(|at| now - at >= Duration::from_secs(AFTER_SECONDS.into()));
        let Some(test) = active.test.as_mut().filter(|test| long_enough && !test.asked) else { return };
        test.asked = true;
        let Some(measuring) = test.echo.as_ref().map(|echo| echo.measured()) else { return };
        let (beside, call) = (self.beside.clone(), active.call);
        self.closing.spawn(async move {
            let (there, latency) = measuring.await;
            // overflow: await; the actor reads
            let _ = beside.send(Beside::Echoed(call, Box::new(there), latency)).await; // gone: the program ends
        });
    }

    fn verdict(&mut self, call: CallId, there: Stats, latency: Option<Percentiles>) {
        let silent = self.is_silent();
        let Some(active) = self.active.as_mut().filter(|active| active.call == call) else { return };
        let Some(test) = &mut active.test else { return };
        let findings = &mut test.findings;
        findings.there = there;
        findings.latency_ms = latency;
        findings.setup_ms = active.setup_ms;
        findings.first_frame_ms = active.first_frame_ms;
        findings.camera = self.media.camera.clone();
        findings.microphone = self.media.microphone.clone();
        findings.speaker = self.media.speaker.clone();
        findings.camera_on = self.media.camera_on;
        findings.muted = silent;
        findings.fps = self.settings.video_fps;
        test.report = Some(Arc::new(echo_report::report(findings)));
    }
}
