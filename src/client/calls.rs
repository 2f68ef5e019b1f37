//! What the machines of [`crate::call::lifecycle`] ask for, done.

use std::sync::Arc;
use std::time::Instant;

use super::active::{Active, Leg, Test};
use super::actor::{Actor, Beside, Incoming};
use super::chat::Conversation;
use super::config::{AnswerPolicy, video_request};
use super::echo::{self, Echo};
use super::link::{Link, Step};
use super::preferences::has_relay;
use super::wire;
use crate::call::lifecycle::{Current, Input, Output};
use crate::model::body::Body;
use crate::model::id::{CallId, Callee, PeerId};
use crate::model::notice::Notice;
use crate::model::outcome::{Direction, Outcome};
use crate::model::snapshot::{PlayerKey, Recent, RemoteMedia, RoomView, Stage};
use crate::session::{DescriptionKind, Sound};

/// Volume of somebody whose volume was never changed, percent.
pub(super) const VOLUME: u8 = 100;

const NO_RELAY: &str = "calls are set to go through a relay only, and there is no TURN server; add one in the settings \
                        under Relays, or switch “relay only” off there";

impl Actor {
    /// Tells the machine that leads a call what happened.
    pub(super) fn lead(&mut self, now: Instant, call: CallId, input: Input) {
        if self.tests.current().is_some_and(|current| current.call == call) {
            self.tests.handle(now, input);
        } else {
            self.calls.handle(now, input);
        }
    }

    fn current(&self, call: CallId) -> Option<Current> {
        self.tests.current().filter(|current| current.call == call).or_else(|| self.calls.leg(call))
    }

    /// Does what the machines ask for until they ask for nothing.
    pub(super) fn settle(&mut self) {
        loop {
            if let Some(output) = self.tests.poll() {
                self.output(output);
            } else if let Some(output) = self.calls.poll() {
                self.room_output(output);
            } else {
                return;
            }
        }
    }

    pub(super) fn output(&mut self, output: Output) {
        match output {
            Output::Send { to, call, body } => self.say(to, call, body),
            Output::MakeOffer { call, peer, video } => {
                self.begin(call, peer, Direction::Outgoing, video);
                self.link(call, false, Step::Offer);
            }
            Output::MakeAnswer { call, peer, video, offer } => {
                if self.active.as_ref().is_none_or(|active| active.leg(call).is_none()) {
                    self.begin(call, peer, Direction::Incoming, video);
                }
                self.link(call, true, Step::Answer(offer));
            }
            Output::TakeAnswer { call, sdp } => self.step(call, Step::TakeAnswer(sdp)),
            Output::RemoteCandidate { call, candidate } => {
                self.step(call, Step::Candidate(wire::candidate_in(candidate)));
            }
            Output::Renegotiate { call, body } => match body {
                Body::Offer { sdp } => self.step(call, Step::Take(DescriptionKind::Offer, sdp)),
                Body::Answer { sdp } => self.step(call, Step::Take(DescriptionKind::Answer, sdp)),
                _ => {}
            },
            Output::RestartIce(call) => self.step(call, Step::RestartIce),
            Output::CloseMedia(call) => self.close_media(call),
            Output::Incoming { call, from, name, video } => self.rings(call, from, name, video),
            Output::Replaced { old, new } => {
                let Some(active) = &mut self.active else { return };
                if active.call == old {
                    active.call = new;
                }
                active.talk.replace(old, new);
                if let Some(leg) = active.leg_mut(old) {
                    leg.call = new;
                }
            }
            Output::Stage { call, stage } => self.stage(call, stage),
            Output::Ended { call, peer, name, direction, video, outcome } => {
                self.ended(call, peer, name, direction, video, outcome);
            }
            Output::Refused(why) => self.told.push(Notice::Problem(why.to_string())),
        }
    }

    fn say(&mut self, to: PeerId, call: CallId, body: Body) {
        if to == echo::id() {
            if let Some(echo) = self.active.as_ref().and_then(|active| active.test.as_ref()?.echo.as_ref()) {
                echo.tell(body);
            }
            return;
        }
        let said = self.signaling.as_ref().is_some_and(|signaling| signaling.send(to, call, body).is_ok());
        if !said {
            self.calls.handle(Instant::now(), Input::Undeliverable { to, call });
        }
    }

    /// A call of ours, or one that we take, begins to be shown; or a leg of the room we are in.
    fn begin(&mut self, call: CallId, id: PeerId, direction: Direction, video: bool) {
        if id != echo::id() && self.calls.room().is_some() && self.active.as_ref().is_some_and(Active::is_running) {
            return self.begin_leg(call, id, direction, video);
        }
        let incoming = self.incoming.take_if(|incoming| incoming.call == call);
        self.session.stop_sound(Sound::Ring);
        self.erase_heard();
        let now = Instant::now();
        let peer = if id == echo::id() { Callee::Echo } else { Callee::Peer(id) };
        let leg = self.new_leg(call, id, direction, video, incoming.map(|incoming| incoming.name));
        let test = (peer == Callee::Echo).then(|| {
            let (to_us, mut answers) = tokio::sync::mpsc::channel(64);
            let video = video_request(&self.settings);
            let echo = Echo::start(self.session.clone(), call.to_string(), video, to_us);
            let beside = self.beside.clone();
            self.closing.spawn(async move {
                while let Some(body) = answers.recv().await {
                    // overflow: await; the actor reads
                    if beside.send(Beside::Echo(call, body)).await.is_err() {
                        return;
                    }
                }
            });
            Test { echo: Some(echo), ..Test::default() }
        });
        self.dismiss();
        self.files.begin();
        let room = self.calls.room().filter(|_| test.is_none());
        let mut talk = Conversation::new(self.me, (test.is_none() && room.is_none()).then_some(id), &self.history);
        match room {
            Some(_) => talk.becomes_room(),
            None => talk.join(call, id),
        }
        self.active = Some(Active {
            call: room.unwrap_or(call),
            direction,
            // In a room one is as soon as one wants to be.
            stage: if room.is_some() { Stage::Connected } else { leg.stage.clone() },
            since: now,
            began: wire::unix_now(),
            connected: room.map(|_| now),
            ended: None,
            video,
            peer,
            room: room.map(|_| RoomView::default()),
            legs: vec![leg],
            talk,
            test,
        });
        self.begin_media(video);
    }

    /// A call is shown from now on: our devices are opened for it.
    pub(super) fn begin_media(&mut self, video: bool) {
        self.camera_before = Some(self.media.camera_on);
        self.media.camera_on = self.media.camera_on && video;
        self.media.hand = false;
        self.held = None; // a key that was held before speaks to nobody now
        self.apply_media();
    }

    pub(super) fn new_leg(
        &self,
        call: CallId,
        id: PeerId,
        direction: Direction,
        video: bool,
        name: Option<String>,
    ) -> Leg {
        let peer = if id == echo::id() { Callee::Echo } else { Callee::Peer(id) };
        let known = || self.recents.iter().find(|recent| recent.id == id).map(|recent| recent.name.clone());
        let name = match &peer {
            Callee::Echo => "Echo".to_owned(),
            Callee::Peer(id) => name.or_else(known).filter(|name| !name.is_empty()).unwrap_or_else(|| id.short()),
        };
        let stage = if direction == Direction::Outgoing { Stage::Calling } else { Stage::Connecting };
        let volume = self.history.volume(id).inspect_err(|e| tracing::warn!("{e}")).ok().flatten();
        let mut leg = Leg::new(call, peer, id, name, stage, Instant::now());
        leg.volume = volume.unwrap_or(VOLUME);
        leg.remote = RemoteMedia { camera_on: video, ..RemoteMedia::default() }; // until they say otherwise
        leg
    }

    /// Sets up media for a leg of the call that is shown.
    fn link(&mut self, call: CallId, polite: bool, first: Step) {
        let Some(leg) = self.active.as_mut().and_then(|active| active.leg_mut(call)) else { return };
        // The echo is this program itself: there is nothing to hide from it.
        let relay_only = self.settings.relay_only && leg.peer != Callee::Echo;
        if relay_only && !has_relay(&self.settings.ice_servers) {
            self.lead(Instant::now(), call, Input::MediaFailed(call, NO_RELAY.into()));
            return;
        }
        let link = Link::start(&self.session, call.to_string(), self.beside.clone());
        link.step(Step::Prepare { polite, relay_only });
        link.step(first);
        leg.link = Some(link);
    }

    pub(super) fn step(&mut self, call: CallId, step: Step) {
        if let Some(link) = self.active.as_ref().and_then(|active| active.leg(call)?.link.as_ref()) {
            link.step(step);
        }
    }

    fn close_media(&mut self, call: CallId) {
        let Some(active) = self.active.as_mut().filter(|active| active.leg(call).is_some()) else { return };
        self.desk.set_player(PlayerKey::Remote(call), None);
        let peer = active.leg(call).and_then(|leg| leg.link.as_ref()).map(|link| link.peer().to_owned());
        if let Some(peer) = peer {
            self.files_closed(&peer);
        }
        let Some(active) = &mut self.active else { return };
        let link = active.leg_mut(call).and_then(|leg| leg.link.take());
        let echo = active.test.as_mut().and_then(|test| test.echo.take());
        self.closing.spawn(async move {
            if let Some(link) = link {
                link.close().await;
            }
            if let Some(echo) = echo {
                echo.stop().await;
            }
        });
    }

    fn rings(&mut self, call: CallId, from: PeerId, name: String, video: bool) {
        let known = self.history.knows(from).unwrap_or(false);
        let shown = if name.is_empty() { from.short() } else { name };
        self.told.push(Notice::Incoming { call, from, name: shown.clone(), video });
        let now = Instant::now();
        let began = wire::unix_now();
        self.incoming = Some(Incoming { call, from, name: shown, video, known, since: now, began, silenced: false });
        let answer = match self.config.answer {
            AnswerPolicy::Never => {
                self.sound(Sound::Ring);
                return;
            }
            AnswerPolicy::Video => Input::Accept { call, video: true },
            AnswerPolicy::Audio => Input::Accept { call, video: false },
            AnswerPolicy::Decline => Input::Decline { call },
        };
        self.leave_test(now);
        self.calls.handle(now, answer);
    }

    /// A test call makes way for a real one.
    pub(super) fn leave_test(&mut self, now: Instant) {
        self.tests.handle(now, Input::HangUp);
        self.settle_tests();
    }

    fn settle_tests(&mut self) {
        while let Some(output) = self.tests.poll() {
            self.output(output);
        }
    }

    fn stage(&mut self, call: CallId, stage: Stage) {
        let (name, video) = match self.current(call) {
            Some(current) => (current.name, Some(current.video)),
            None => Default::default(),
        };
        let Some(active) = &mut self.active else { return };
        let Some(leg) = active.legs.iter_mut().find(|leg| leg.call == call) else { return };
        if !name.is_empty() && leg.peer != Callee::Echo {
            leg.name = name;
        }
        let room = active.room.is_some();
        if !room {
            active.video = video.unwrap_or(active.video);
        }
        let now = Instant::now();
        leg.stage = stage.clone();
        leg.since = now;
        let first = stage == Stage::Connected && leg.connected.is_none();
        let person = leg.peer != Callee::Echo;
        if stage == Stage::Connected {
            leg.since = *leg.connected.get_or_insert(now);
            leg.stats_at.get_or_insert(now);
            leg.path.connected(now, !first);
            active.connected = active.connected.or(leg.connected);
        }
        let (peer, setup_ms) = (leg.peer, wire::millis(now - leg.clicked));
        if first {
            leg.setup_ms = setup_ms;
        }
        if room {
            if first {
                self.sound(Sound::Joined);
            }
            self.keep_heard();
        } else {
            (active.stage, active.since) = (stage.clone(), leg.since);
            self.stage_sounds(&stage, first && person);
        }
        if let Some(active) = &mut self.active {
            active.rename();
        }
        if stage == Stage::Ringing {
            self.told.push(Notice::Ringing { call });
        }
        if first {
            self.told.push(Notice::Stage { call, peer, stage });
            self.told.push(Notice::Connected { call, setup_ms });
            self.test_connected(now);
        } else {
            self.told.push(Notice::Stage { call, peer, stage });
        }
    }

    fn ended(&mut self, call: CallId, id: PeerId, name: String, direction: Direction, video: bool, outcome: Outcome) {
        let now = Instant::now();
        let peer = if id == echo::id() { Callee::Echo } else { Callee::Peer(id) };
        let incoming = self.incoming.take_if(|incoming| incoming.call == call);
        if incoming.is_some() {
            self.session.stop_sound(Sound::Ring);
        }
        let mut recent = Recent {
            id,
            name: if name.is_empty() { id.short() } else { name },
            direction,
            video,
            outcome: outcome.word().to_owned(),
            time: incoming.map_or_else(wire::unix_now, |incoming| incoming.began),
            seconds: 0,
        };
        if self.active.as_ref().is_some_and(|active| active.room.is_some() && active.leg(call).is_some()) {
            return self.leg_ended(call, recent, outcome);
        }
        // A call may have been refused before anything of it was shown.
        if self.active.as_ref().is_some_and(|active| active.is_running() && active.leg(call).is_some()) {
            self.close_call(outcome.clone(), now);
            if let Some(active) = &mut self.active {
                if let Some(leg) = active.leg_mut(call) {
                    leg.stage = Stage::Ended(outcome.clone());
                    leg.stats_at = None;
                    recent.name.clone_from(&leg.name);
                }
                recent.time = active.began;
                recent.seconds = active.connected.map_or(0, |at| (now - at).as_secs().try_into().unwrap_or(u32::MAX));
            }
        }
        if peer != Callee::Echo {
            self.remember(recent);
        }
        self.told.push(Notice::Ended { call, peer, direction, outcome });
    }

    /// The call that is shown is over.
    pub(super) fn close_call(&mut self, outcome: Outcome, now: Instant) {
        let Some(active) = &mut self.active else { return };
        (active.stage, active.ended) = (Stage::Ended(outcome), Some(now));
        let talked = active.connected.is_some() && active.peer != Callee::Echo;
        let effects = active.talk.end(wire::unix_now(), &self.history);
        self.effects(effects);
        self.erase_heard();
        self.end_sounds(talked);
        self.media.camera_on = self.camera_before.take().unwrap_or(true);
        (self.media.hand, self.media.reaction, self.reaction_until) = (false, None, None);
        self.held = None;
        self.share(None);
        self.apply_media();
    }

    pub(super) fn remember(&mut self, recent: Recent) {
        if let Err(e) = self.history.keep_recent(&recent) {
            self.told.push(Notice::Problem(e.to_string()));
        }
        let recents = Arc::make_mut(&mut self.recents);
        recents.retain(|other| other.id != recent.id);
        recents.insert(0, recent);
        recents.truncate(super::history::KEPT_RECENTS as usize);
    }

    /// Words about a call that ended are no longer shown.
    pub(super) fn dismiss(&mut self) {
        self.active.take_if(|active| active.ended.is_some());
    }
}
