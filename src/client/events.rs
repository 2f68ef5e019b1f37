//! What comes in from signaling, from the session and from work beside the actor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::active::Leg;
use super::actor::{Actor, Beside};
use super::calls::VOLUME;
use super::chat::Effect;
use super::echo;
use super::echo_report::{self, AFTER_SECONDS, WARM_UP_SECONDS};
use super::embedded::Claim;
use super::link::{Done, Step};
use super::signaling::SignalEvent;
use super::wire::{self, CHAT, FILES};
use crate::call::chat;
use crate::call::control::{self, Control};
use crate::call::lifecycle::Input;
use crate::call::quality::Word;
use crate::model::command::TileSize;
use crate::model::device::DeviceState;
use crate::model::id::CallId;
use crate::model::mention::mentions;
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
                for leg in self.legs_mut().filter(|leg| leg.id == peer) {
                    leg.gone = true;
                }
                self.calls.handle(now, Input::Gone(peer));
            }
            SignalEvent::Refused { .. } => {
                self.take_over().await;
            }
            SignalEvent::Room(event) => self.room_event(event, now),
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
                    self.lead(now, call, Input::LocalCandidate { call, candidate });
                }
            }
            // The first offer is the call's own matter.
            SessionEvent::NegotiationNeeded { peer } => {
                if let Some(call) = self.call_of(&peer)
                    && self.leg(call).is_some_and(|leg| leg.connected.is_some())
                {
                    self.step(call, Step::OfferAgain);
                }
            }
            SessionEvent::ConnectionState { peer, state } => {
                if let Some(call) = self.call_of(&peer) {
                    // Chosen before, in an earlier call or while this one was not yet there.
                    if let Some(leg) = self.leg(call).filter(|leg| leg.volume != VOLUME)
                        && let Err(e) = self.session.set_volume(&peer, leg.volume)
                    {
                        tracing::debug!("{e}");
                    }
                    self.connection(call, state, now);
                }
            }
            SessionEvent::ChannelOpen { peer, channel } => {
                let Some(call) = self.call_of(&peer) else { return };
                match channel.as_str() {
                    CONTROL => {
                        let (hello, state) = (self.our_hello(), self.our_state());
                        if let Some(leg) = self.leg_mut(call) {
                            leg.told = true;
                            if let Some(link) = &leg.link {
                                link.control(&hello);
                                link.control(&state);
                                if leg.watched != Some(TileSize::Large) {
                                    link.control(&Control::Watch { size: leg.watched });
                                }
                            }
                        }
                        self.keep_heard();
                    }
                    CHAT => self.talk(call, chat::Input::Open),
                    FILES => self.files_open(&peer),
                    _ => {}
                }
            }
            SessionEvent::ChannelClosed { peer, channel } if channel == CHAT => {
                if let Some(call) = self.call_of(&peer) {
                    self.talk(call, chat::Input::Closed);
                }
            }
            SessionEvent::ChannelClosed { peer, channel } if channel == FILES => self.files_closed(&peer),
            SessionEvent::Message { peer, channel, message } => {
                let Some(call) = self.call_of(&peer) else { return };
                match channel.as_str() {
                    CONTROL => self.control(call, message.as_bytes(), now),
                    CHAT => self.talk(call, chat::Input::Frame(message.as_bytes())),
                    FILES => self.files_came(&peer, message),
                    _ => {}
                }
            }
            SessionEvent::FirstFrame { peer } => {
                let Some(call) = self.call_of(&peer) else { return };
                if let Some(leg) = self.leg_mut(call).filter(|leg| leg.first_frame_ms.is_none()) {
                    let after_ms = wire::millis(now - leg.clicked);
                    leg.first_frame_ms = Some(after_ms);
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

    /// The leg whose peer the session calls so.
    fn call_of(&self, peer: &str) -> Option<CallId> {
        self.active.as_ref()?.leg_called(peer).map(|leg| leg.call)
    }

    fn leg(&self, call: CallId) -> Option<&Leg> {
        self.active.as_ref()?.leg(call)
    }

    fn leg_mut(&mut self, call: CallId) -> Option<&mut Leg> {
        self.active.as_mut()?.leg_mut(call)
    }

    fn legs_mut(&mut self) -> impl Iterator<Item = &mut Leg> {
        self.active.iter_mut().flat_map(|active| active.legs.iter_mut())
    }

    fn connection(&mut self, call: CallId, state: ConnectionState, now: Instant) {
        let Some(leg) = self.leg(call) else { return };
        let (peer, gone, established) = (leg.id, leg.gone, leg.connected.is_some());
        let input = match state {
            ConnectionState::Connected => Input::MediaConnected(call),
            ConnectionState::Disconnected => Input::MediaDisconnected(call),
            // Once it stood, a path that failed may be found anew; the machine's own limit ends the waiting.
            ConnectionState::Failed if established => Input::MediaDisconnected(call),
            ConnectionState::Failed => {
                let why = "no path to the other side was found; a firewall may block UDP, try another network";
                Input::MediaFailed(call, why.into())
            }
            ConnectionState::Closed => Input::PeerLeft(call),
            ConnectionState::New | ConnectionState::Connecting => return,
        };
        self.lead(now, call, input);
        if gone && matches!(state, ConnectionState::Disconnected | ConnectionState::Failed) {
            self.lead(now, call, Input::Gone(peer));
        }
    }

    fn control(&mut self, call: CallId, frame: &[u8], now: Instant) {
        let Some(leg) = self.active.as_mut().and_then(|active| active.leg_mut(call)) else { return };
        match Control::decode(frame) {
            Ok(Control::Hello { version, name }) => {
                tracing::debug!("the other side speaks version {version}");
                if !name.is_empty() {
                    leg.name = name;
                    if let Some(active) = &mut self.active {
                        active.rename();
                    }
                }
            }
            Ok(Control::State { camera, muted, hand, sharing, replay }) => {
                let reaction = leg.remote.reaction;
                leg.remote = RemoteMedia { camera_on: camera, muted, hand, sharing, replay, reaction };
                let still = leg.remote.is_still();
                if let Some(link) = &leg.link
                    && let Err(e) = self.session.set_video_paused(link.peer(), still)
                {
                    tracing::debug!("{e}");
                }
            }
            Ok(Control::Upload { narrow_bps, shared, paused, busy }) => {
                leg.path.heard = Word { narrow_bps, shared, paused, busy };
            }
            Ok(Control::Watch { size }) => self.is_watched(call, size),
            Ok(Control::Reaction { reaction }) => self.reacts(call, reaction, now),
            Ok(Control::Bye) => self.lead(now, call, Input::PeerLeft(call)),
            Ok(Control::Later) => {}
            Err(e) => tracing::debug!("{e}"),
        }
    }

    fn our_hello(&self) -> Control {
        Control::Hello { version: control::VERSION, name: self.settings.name.clone() }
    }

    fn our_state(&self) -> Control {
        let (camera_on, muted, hand) = (self.media.camera_on, self.is_silent(), self.media.hand);
        let (sharing, replay) = (self.media.sharing.is_some(), self.settings.say_again);
        Control::from(RemoteMedia { camera_on, muted, hand, sharing, replay, reaction: None })
    }

    /// These legs are on the screen here, so large: what is not need not be sent.
    pub(super) fn watch(&mut self, seen: &[(CallId, TileSize)]) {
        for leg in self.active.iter_mut().flat_map(|active| &mut active.legs) {
            let size = seen.iter().find(|(call, _)| *call == leg.call).map(|(_, size)| *size);
            if std::mem::replace(&mut leg.watched, size) == size {
                continue;
            }
            let Some(link) = &leg.link else { continue };
            if let Err(e) = self.session.set_video_paused(link.peer(), size.is_none() || leg.remote.is_still()) {
                tracing::debug!("{e}");
            }
            if leg.told {
                link.control(&Control::Watch { size });
            }
        }
    }

    /// They show our picture so large.
    fn is_watched(&self, call: CallId, size: Option<TileSize>) {
        let height = size.map_or(Some(0), TileSize::height);
        if let Some(link) = self.leg(call).and_then(|leg| leg.link.as_ref())
            && let Err(e) = self.session.set_shown_height(link.peer(), height)
        {
            tracing::debug!("{e}");
        }
    }

    /// Tells all others what we are called.
    pub(super) fn hello(&self) {
        self.tell_all(&self.our_hello());
    }

    /// Tells all others the state of our devices.
    pub(super) fn tell_state(&self) {
        self.tell_all(&self.our_state());
    }

    pub(super) fn tell_all(&self, control: &Control) {
        self.active.iter().flat_map(|active| active.links()).for_each(|link| link.control(control));
    }

    /// Tells the conversation what happened on a leg, and does what comes of it.
    pub(super) fn talk(&mut self, call: CallId, input: chat::Input<'_>) {
        let Some(active) = &mut self.active else { return };
        let effects = active.talk.handle(call, input, wire::unix_now(), &self.history);
        self.effects(effects);
    }

    pub(super) fn effects(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(call, frame) => {
                    if let Some(link) = self.leg(call).and_then(|leg| leg.link.as_ref()) {
                        link.chat(frame);
                    }
                }
                Effect::Wrote(call, text) => {
                    let Some(from) = self.leg(call).map(|leg| leg.peer) else { continue };
                    self.sound(Sound::Message);
                    if mentions(&text, &self.settings.name)
                        && let Some(active) = &mut self.active
                    {
                        active.talk.mention();
                    }
                    self.told.push(Notice::Chat { from, text });
                }
                Effect::Delivered(number) => self.told.push(Notice::ChatDelivered { number }),
                Effect::NotKept(why) => self.told.push(Notice::Problem(why)),
            }
        }
    }

    pub(super) fn beside(&mut self, result: Beside) {
        let now = Instant::now();
        match result {
            Beside::Files(news) => self.files_news(*news),
            Beside::Chosen(call, chosen) => self.files_chosen(call, chosen),
            Beside::Shared { id, sound, smooth } => self.shared_as(&id, sound, smooth),
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
                self.lead(now, call, input);
            }
            Beside::Stats(call, stats) => self.stats(call, *stats, now),
            Beside::Echoed(call, there, latency) => self.verdict(call, *there, latency),
        }
    }

    /// Asks for the figures of a leg; they come back as an event.
    pub(super) fn take_stats(&mut self, call: CallId) {
        let Some(peer) = self.leg(call).and_then(|leg| Some(leg.link.as_ref()?.peer().to_owned())) else { return };
        let (session, beside) = (self.session.clone(), self.beside.clone());
        self.closing.spawn(async move {
            if let Ok(stats) = session.stats(&peer).await {
                // overflow: await; the actor reads
                let _ = beside.send(Beside::Stats(call, Box::new(stats))).await; // gone: the program ends
            }
        });
    }

    fn stats(&mut self, call: CallId, stats: Stats, now: Instant) {
        let Some(active) = self.active.as_mut().filter(|active| active.is_running()) else { return };
        let Some(leg) = active.legs.iter_mut().find(|leg| leg.call == call) else { return };
        leg.stats = Arc::new(stats.clone());
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
            let (peer, t_ms) = (leg.peer, wire::millis(now - leg.clicked));
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
        let (Some(test), Some(leg)) = (&mut active.test, active.legs.first()) else { return };
        let findings = &mut test.findings;
        findings.there = there;
        findings.latency_ms = latency;
        findings.setup_ms = leg.setup_ms;
        findings.first_frame_ms = leg.first_frame_ms;
        findings.camera = self.media.camera.clone();
        findings.microphone = self.media.microphone.clone();
        findings.speaker = self.media.speaker.clone();
        findings.camera_on = self.media.camera_on;
        findings.muted = silent;
        findings.fps = self.settings.video_fps;
        test.report = Some(Arc::new(echo_report::report(findings)));
    }
}
