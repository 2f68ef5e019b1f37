//! Rooms with a name: the wish to be in one, who the server and their signatures say is there, and the end of it. The
//! calls between those who are there are the matter of [`crate::call::room`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::active::Active;
use super::actor::Actor;
use super::chat::Conversation;
use super::wire;
use crate::call::lifecycle::Refusal;
use crate::model::body::{MAX_PEOPLE, clean_name};
use crate::model::command::Secret;
use crate::model::id::{CallId, Callee, PeerId};
use crate::model::notice::Notice;
use crate::model::outcome::Direction;
use crate::model::snapshot::{RoomView, ServerState, Stage};
use crate::session::Sound;
use crate::signal::client::RoomEvent;
use crate::signal::room::RoomName;
use crate::signal::room::secret::Password;

/// The room we want to be in.
pub(super) struct Named {
    room: RoomName,
    /// As our person wrote it.
    shown: String,
    video: bool,
    locked: bool,
    /// The server let us in.
    inside: bool,
    /// Who signed that they are there, in the order in which they came.
    listed: Vec<PeerId>,
    /// Whom the server named without their signature: said once.
    distrusted: BTreeSet<PeerId>,
}

/// People of whom is said that the server made them up. Overflow: it is not said of more.
const DISTRUSTED: usize = 16;

impl Actor {
    /// The room that was asked for and has not answered yet.
    pub(super) fn joining(&self) -> Option<String> {
        self.named.as_ref().filter(|named| !named.inside).map(|named| named.shown.clone())
    }

    /// Asks the server to let us in, or says why it was not asked.
    pub(super) fn join_room(
        &mut self,
        name: &str,
        password: Option<Secret>,
        limit: Option<u32>,
        video: bool,
        now: Instant,
    ) -> Result<(), String> {
        if let Some(shown) = self.joining() {
            return Err(format!("the server has not answered about the room “{shown}” yet; wait, or take that back"));
        }
        if self.named.is_some() || self.is_busy() {
            return Err(Refusal::InCall.to_string());
        }
        let room: RoomName = name.parse().map_err(|e| format!("{e}"))?;
        let password = password.map(|text| Password::new(&text.0)).transpose().map_err(|e| e.to_string())?;
        let locked = password.is_some();
        let most = MAX_PEOPLE as u32;
        let limit = Some(limit.unwrap_or(most).clamp(2, most));
        let signaling = self.signaling.as_ref().filter(|_| matches!(self.server, ServerState::Online { .. }));
        let signaling = signaling.ok_or_else(|| Refusal::Offline.to_string())?;
        signaling.join(room.clone(), password, limit).map_err(|e| e.to_string())?;
        let (listed, distrusted) = Default::default();
        let shown = clean_name(name);
        self.named = Some(Named { room, shown, video, locked, inside: false, listed, distrusted });
        self.leave_test(now);
        Ok(())
    }

    /// Tells the server that we are not in the room any more; nothing more is heard of it.
    pub(super) fn forget_room(&mut self) {
        let Some(named) = self.named.take() else { return };
        if self.signaling.as_ref().is_some_and(|signaling| signaling.leave(named.room).is_err()) {
            tracing::warn!("the server could not be told that the room is left; it will see when the entry expires");
        }
    }

    pub(super) fn room_event(&mut self, event: RoomEvent, now: Instant) {
        let (RoomEvent::Joined { room, .. }
        | RoomEvent::Entered { room, .. }
        | RoomEvent::Left { room, .. }
        | RoomEvent::Distrusted { room, .. }
        | RoomEvent::Over { room, .. }) = &event;
        let Some(named) = self.named.as_mut().filter(|named| named.room == *room) else { return };
        match event {
            // Left and joined again before the first answer was read: the next one says who is there.
            RoomEvent::Joined { .. } if named.inside => {}
            RoomEvent::Joined { call, members, pass, .. } => {
                named.inside = true;
                named.listed = members.iter().map(|member| member.id).collect();
                let (listed, video) = (named.listed.clone(), named.video);
                if let Err(why) = self.calls.join(now, call, &listed, pass, video) {
                    self.forget_room();
                    self.told.push(Notice::Problem(why.to_string()));
                }
            }
            RoomEvent::Entered { member, .. } => {
                named.listed.push(member.id);
                self.calls.list(now, member.id);
                self.lists_changed(member.id, false);
            }
            RoomEvent::Left { id, .. } => {
                named.listed.retain(|other| *other != id);
                self.calls.unlist(now, id);
                self.lists_changed(id, true);
            }
            RoomEvent::Distrusted { id, why, .. } => {
                if named.distrusted.len() < DISTRUSTED && named.distrusted.insert(id) {
                    let words = format!("the server names {id} in this room, who is not let in: {why}");
                    self.told.push(Notice::Problem(words));
                }
            }
            RoomEvent::Over { why, .. } => {
                let inside = named.inside;
                self.named = None;
                if inside {
                    self.calls.leave(now, Some(why.to_string()));
                } else {
                    self.told.push(Notice::Problem(why.to_string()));
                }
            }
        }
    }

    /// Somebody came, or is gone.
    fn lists_changed(&mut self, who: PeerId, gone: bool) {
        let (Some(active), Some(named)) = (&mut self.active, &self.named) else { return };
        if !active.is_running() {
            return;
        }
        if let Some(leg) = active.legs.iter_mut().find(|leg| leg.id == who) {
            leg.gone = gone;
        }
        if let Some(room) = &mut active.room {
            room.listed = Some(Arc::new(named.listed.clone()));
            self.told.push(Notice::Room { call: active.call, room: room.clone() });
        }
    }

    /// We are in the room, maybe alone: from now on it is what is shown. False: there is no room with a name.
    pub(super) fn show_room(&mut self, call: CallId) -> bool {
        let Some(named) = self.named.as_ref().filter(|named| named.inside) else { return false };
        let (name, locked, video) = (named.shown.clone(), named.locked, named.video);
        let room = RoomView { name, locked, listed: Some(Arc::new(named.listed.clone())) };
        self.session.stop_sound(Sound::Ring);
        self.erase_heard();
        self.dismiss();
        self.files.begin();
        let mut talk = Conversation::new(self.me, None, &self.history);
        talk.becomes_room();
        let now = Instant::now();
        self.active = Some(Active {
            call,
            direction: Direction::Outgoing,
            stage: Stage::Connected,
            since: now,
            began: wire::unix_now(),
            connected: Some(now),
            ended: None,
            video,
            peer: Callee::Peer(self.me), // it begins with nobody else
            room: Some(room.clone()),
            legs: Vec::new(),
            talk,
            test: None,
        });
        self.begin_media(video);
        self.told.push(Notice::Room { call, room });
        true
    }

    /// Somebody is not let in by us.
    pub(super) fn distrusted(&mut self, peer: PeerId) {
        let known = self.recents.iter().find(|recent| recent.id == peer).map(|recent| format!("{} ", recent.name));
        let who = known.unwrap_or_default();
        self.told.push(Notice::Problem(format!(
            "{who}({peer}) was not let in: they did not show that they know the password"
        )));
    }
}
