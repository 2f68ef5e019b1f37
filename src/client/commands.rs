//! What people ask for, done.

use std::sync::Arc;
use std::time::Instant;

use super::actor::{Actor, METER};
use super::calls::VOLUME;
use super::config::{ServerChoice, video_request};
use super::embedded::{Claim, Embedded};
use super::files::Wish;
use super::{echo, preferences, start};
use crate::call::lifecycle::Input;
use crate::call::ranking;
use crate::model::command::{Command, HOLD_LIMIT};
use crate::model::id::{CallId, Callee, PeerId};
use crate::model::invitation::Invitation;
use crate::model::notice::Notice;
use crate::model::settings::Settings;
use crate::model::snapshot::Level;
use crate::model::source::{AudioSpec, SinkSpec, VideoSpec};
use crate::session::Sound;

/// Loudest that the other side is played, percent.
const MAX_VOLUME: u8 = 200;

impl Actor {
    pub(super) fn command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Call { to, video } => self.call(to, video, now),
            Command::CallText { text, video } => match self.meant(&text) {
                Ok(to) => self.call(to, video, now),
                Err(why) => self.told.push(Notice::Problem(why)),
            },
            Command::Accept { call, video } => {
                self.leave_test(now);
                self.calls.handle(now, Input::Accept { call, video });
            }
            Command::Decline { call } => self.calls.handle(now, Input::Decline { call }),
            Command::SilenceRing => {
                self.session.stop_sound(Sound::Ring);
                if let Some(incoming) = &mut self.incoming {
                    incoming.silenced = true;
                }
            }
            Command::JoinRoom { name, password, limit, video } => {
                if let Err(why) = self.join_room(&name, password, limit, video, now) {
                    self.told.push(Notice::Problem(why));
                }
            }
            Command::HangUp => {
                if self.joining().is_some() {
                    self.forget_room();
                }
                if self.tests.current().is_some() {
                    self.tests.handle(now, Input::HangUp);
                } else {
                    self.calls.handle(now, Input::HangUp);
                }
            }
            Command::DismissEnded => self.dismiss(),
            Command::Mute(muted) => {
                self.media.muted = muted;
                self.apply_media();
                if self.settings.push_to_talk {
                    let words = "push to talk is on: hold Space to be heard, or switch it off in the settings";
                    self.told.push(Notice::Told(words.into()));
                }
            }
            Command::HoldToTalk(held) => self.hold(held.then(|| now + HOLD_LIMIT)),
            Command::Camera(on) => {
                self.media.camera_on = on;
                self.apply_media();
            }
            Command::Share(what) => self.share(what),
            Command::PauseShare(paused) => self.pause_share(paused),
            Command::ShareAs { sound, smooth } => self.share_as(sound, smooth),
            Command::React(reaction) => self.react(reaction, now),
            Command::Invite(text) => match self.meant(&text) {
                Ok(to) => self.invite(to, now),
                Err(why) => self.told.push(Notice::Problem(why)),
            },
            Command::RaiseHand(up) => {
                self.media.hand = up;
                self.tell_state();
            }
            Command::Watch(seen) => self.watch(&seen),
            Command::Chat(text) => self.write(&text),
            Command::ChatOpen(open) => {
                if let Some(active) = &mut self.active {
                    active.talk.show(open);
                }
                self.files.show(open);
            }
            Command::SendFiles(paths) => self.send_files(paths),
            Command::ChooseFiles => self.choose_files(),
            Command::SendImage(png) => self.send_image(png),
            Command::AcceptFile(id) => self.answer_file(id, Wish::Accept(id)),
            Command::RefuseFile(id) => self.answer_file(id, Wish::Refuse(id)),
            Command::CancelFile(id) => self.answer_file(id, Wish::Cancel(id)),
            Command::OpenFolder(id) => self.open_folder(id),
            Command::OpenPicture(id) => self.open_picture(id),
            Command::Preview(on) => {
                self.preview = on;
                self.apply_media();
                if on {
                    self.list_devices();
                }
            }
            Command::PlayTestSound => self.session.play(Sound::Test),
            Command::PlayRing => self.session.play(Sound::RingTest),
            Command::SayAgain(on) => self.say_again(on),
            Command::ListDevices => self.list_devices(),
            Command::UndoDevices => self.plug(ranking::Input::Undo),
            Command::Settings(settings) => self.change(*settings),
            Command::Volume { of, percent } => self.set_volume(of, percent.min(MAX_VOLUME)),
            Command::Reconnect => {
                let asked = self.signaling.as_ref().is_some_and(|signaling| signaling.reconnect().is_ok());
                if !asked {
                    self.told.push(Notice::Problem("this run uses no server; start it without that option".into()));
                }
            }
            Command::ForgetRecent(id) => self.forget(id),
            Command::Quit => self.quitting = true,
        }
    }

    /// How loud somebody is played, now and in the next calls with them.
    fn set_volume(&mut self, of: Callee, percent: u8) {
        let leg = self.active.as_mut().and_then(|active| active.legs.iter_mut().find(|leg| leg.peer == of));
        let Some(leg) = leg else {
            return self.told.push(Notice::Problem(format!("{of} is not in this call")));
        };
        leg.volume = percent;
        let kept = Some(percent).filter(|percent| *percent != VOLUME);
        if let Err(e) = self.history.keep_volume(leg.id, kept) {
            tracing::warn!("{e}");
        }
        if let Some(link) = &leg.link
            && let Err(e) = self.session.set_volume(link.peer(), percent)
        {
            tracing::debug!("{e}");
        }
    }

    fn call(&mut self, to: Callee, video: bool, now: Instant) {
        let call = CallId::random();
        let busy = self.is_busy();
        match to {
            Callee::Echo if busy => self.refuse_busy(),
            Callee::Echo => self.tests.handle(now, Input::Call { call, to: echo::id(), video }),
            Callee::Peer(id) => {
                if !busy {
                    self.leave_test(now);
                }
                self.calls.handle(now, Input::Call { call, to: id, video });
            }
        }
    }

    /// Whom a text means.
    fn meant(&mut self, text: &str) -> Result<Callee, String> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("echo") {
            return Ok(Callee::Echo);
        }
        let not_an_id = match text.parse::<Invitation>() {
            Ok(invitation) => {
                if let Some(server) = invitation.server.filter(|server| *server != self.settings.server) {
                    self.told.push(Notice::Told(format!(
                        "this invitation is for the server {server}; choose it in the settings if the call does not get through"
                    )));
                }
                return Ok(Callee::Peer(invitation.id));
            }
            Err(e) => e,
        };
        let named: Vec<_> =
            self.recents.iter().filter(|recent| recent.name.to_lowercase() == text.to_lowercase()).collect();
        match named[..] {
            [one] => Ok(Callee::Peer(one.id)),
            [_, _, ..] => Err(format!("several people are called “{text}”; choose one in the list of recent calls")),
            // An ID has 24 characters: what is far from it, or holds a space between words, was meant as a name.
            [] if text.len() < 12 && !text.chars().any(|c| c.is_ascii_digit()) => {
                Err(format!("nobody called “{text}” is among your recent calls; paste an ID or an invitation"))
            }
            [] => Err(not_an_id.to_string()),
        }
    }

    fn write(&mut self, text: &str) {
        let Some(active) = self.active.as_mut().filter(|active| active.is_running()) else {
            return self.told.push(Notice::Problem("there is no call to write into; call somebody first".into()));
        };
        match active.talk.write(text, super::wire::unix_now(), &self.history) {
            Ok((_, effects)) => self.effects(effects),
            Err(e) => self.told.push(Notice::Problem(e.to_string())),
        }
    }

    fn forget(&mut self, id: PeerId) {
        match self.history.forget_recent(id) {
            Ok(()) => Arc::make_mut(&mut self.recents).retain(|recent| recent.id != id),
            Err(e) => self.told.push(Notice::Problem(e.to_string())),
        }
    }

    /// Takes settings in force and keeps them.
    pub(super) fn change(&mut self, mut chosen: Settings) {
        if let Err(why) = preferences::check(&chosen) {
            return self.told.push(Notice::Problem(why));
        }
        if !chosen.server.is_empty() && !start::is_server_url(&chosen.server) {
            let why = start::StartError::Server(chosen.server).to_string();
            return self.told.push(Notice::Problem(why));
        }
        let before = Arc::clone(&self.settings);
        self.choose_devices(&mut chosen);
        let keep = self.config.overrides.keep(&chosen, &self.kept);
        if keep != self.kept {
            match preferences::save(&self.profile, &keep) {
                Ok(()) => {
                    self.kept = keep;
                    self.problems.remove("settings");
                }
                // In force all the same: it is the next start that will not know it.
                Err(e) => self.told.push(Notice::Problem(e.to_string())),
            }
        }
        self.settings = Arc::new(chosen);
        let now = Arc::clone(&self.settings);
        self.use_devices(&before);
        if now.ice_servers != before.ice_servers
            && let Err(e) = self.session.set_ice_servers(now.ice_servers.clone())
        {
            self.told.push(Notice::Problem(e.to_string()));
        }
        if now.processing != before.processing {
            self.session.set_processing(now.processing);
        }
        if now.levelling != before.levelling {
            self.session.set_levelling(now.levelling);
        }
        if video_request(&now) != video_request(&before) {
            self.session.set_video(video_request(&now));
        }
        if now.name != before.name {
            self.calls.set_name(&now.name);
            self.hello();
        }
        if now.push_to_talk != before.push_to_talk {
            self.apply_media();
        }
        self.change_comforts(&before);
        if now.downloads != before.downloads {
            self.use_folder();
        }
        if now.server != before.server && self.config.server != ServerChoice::None {
            self.config.server = ServerChoice::Settings;
            self.server_change = true;
        }
        if now.serve_network != before.serve_network {
            self.server_change = true;
        }
    }

    /// Whether the microphone is silent now, by the switch, the key held, or its being released.
    pub(super) fn is_silent(&self) -> bool {
        let held = self.held.is_some();
        if self.settings.push_to_talk { !held } else { self.media.muted != held }
    }

    /// The key to talk is held until then, or no more.
    pub(super) fn hold(&mut self, until: Option<Instant>) {
        let changed = self.held.is_some() != until.is_some();
        self.held = until;
        if changed {
            self.apply_media();
        }
    }

    /// Tells the session what is wanted of the devices, and the other side what became of it.
    pub(super) fn apply_media(&mut self) {
        let in_call = self.active.as_ref().is_some_and(|active| active.ended.is_none());
        let wanted = self.preview || in_call;
        self.session.set_camera_enabled(self.media.camera_on);
        self.session.set_muted(self.is_silent());
        self.session.set_preview(wanted);
        self.tell_state();
        let now = Instant::now();
        if !wanted {
            (self.media.level, self.media.speaking, self.media.trouble) = (Level::default(), false, None);
        }
        self.meter_at = if wanted { self.meter_at.or(Some(now + METER)) } else { None };
        self.devices_in_use(wanted);
        // Patterns, tones and files are not plugged in or out.
        let settings = &self.settings;
        let real = matches!(settings.camera, VideoSpec::Default | VideoSpec::Device(_))
            || matches!(settings.microphone, AudioSpec::Default | AudioSpec::Device(_))
            || matches!(settings.speaker, SinkSpec::Default | SinkSpec::Device(_));
        if wanted && real && !self.listed {
            self.list_devices();
        }
    }

    /// Asks what is there; the answer is an event.
    pub(super) fn list_devices(&mut self) {
        if self.listing.as_ref().is_some_and(|task| !task.is_finished()) {
            return; // a slow system is not asked twice at once
        }
        self.listed = true;
        let session = self.session.clone();
        self.listing = Some(self.closing.spawn(async move {
            session.devices().await;
        }));
    }

    /// The server that this run uses, by command line, settings, or default; the default is started if nobody is there.
    pub(super) async fn choose_server(&mut self) -> (String, bool) {
        let chosen = match &self.config.server {
            ServerChoice::Url(url) => url.clone(),
            ServerChoice::Settings | ServerChoice::None => self.settings.server.clone(),
        };
        if !chosen.is_empty() {
            if let Some(mut embedded) = self.embedded.take() {
                embedded.stop().await;
            }
            return (chosen, false);
        }
        let (address, network) = (self.config.embedded, self.settings.serve_network);
        let embedded = self.embedded.get_or_insert_with(|| Embedded::new(address, network));
        if embedded.set_network(network) {
            embedded.stop().await;
        }
        if let Claim::Failed(why) = embedded.claim().await {
            self.told.push(Notice::Problem(why));
        }
        let embedded = self.embedded.as_ref();
        (embedded.map(Embedded::url).unwrap_or_default(), embedded.is_some_and(Embedded::is_ours))
    }

    /// Uses the server that is chosen now.
    pub(super) async fn change_server(&mut self) {
        let (url, ours) = self.choose_server().await;
        self.server_told = None;
        if let Some(signaling) = &self.signaling
            && signaling.set_server(&url, ours).is_err()
        {
            self.told.push(Notice::Problem("the server could not be changed; try again in a moment".into()));
        }
    }

    /// Becomes the server of this machine if nobody is any more. `None`: this run uses another.
    pub(super) async fn take_over(&mut self) -> Option<Claim> {
        let embedded = self.embedded.as_mut()?;
        let claim = embedded.claim().await;
        if claim == Claim::Taken
            && let Some(signaling) = &self.signaling
            && signaling.set_server(&embedded.url(), true).is_err()
        {
            tracing::warn!("signaling is busy; it will find the new server at its next attempt");
        }
        Some(claim)
    }
}
