//! Sharing a screen or window: what people want of it, done.

use super::actor::{Actor, Beside};
use crate::device::VideoRequest;
use crate::model::notice::Notice;
use crate::model::snapshot::Sharing;
use crate::session::DisplayRequest;

/// For what moves; for text, see [`DisplayRequest::new`].
const SMOOTH: VideoRequest = VideoRequest { width: 1280, height: 720, fps: 30 };

const NOTHING: &str = "nothing is shared now; share a screen or window first";

impl Actor {
    /// Shares a screen or window, or nothing any more; what comes of it is an event.
    pub(super) fn share(&mut self, what: Option<String>) {
        let session = self.session.clone();
        let Some(id) = what else {
            self.closing.spawn(async move { session.stop_display().await });
            return;
        };
        if self.active.as_ref().is_none_or(|active| active.ended.is_some()) {
            return self.told.push(Notice::Problem("there is no call to share in; call somebody first".into()));
        }
        let beside = self.beside.clone();
        self.closing.spawn(async move {
            if let Err(error) = session.request_display(DisplayRequest::new(id)).await {
                // overflow: await; an actor that ends needs no answer
                let _ = beside.send(Beside::NotShared(error)).await;
            }
        });
    }

    /// Something is shared now, or nothing any more.
    pub(super) fn shares(&mut self, name: Option<String>) {
        let shared =
            name.clone().and_then(|name| Some(Sharing { id: self.session.display()?, name, ..Sharing::default() }));
        if shared.is_some() && self.active.as_ref().is_none_or(|active| active.ended.is_some()) {
            return self.share(None); // the call ended meanwhile
        }
        if self.media.sharing.is_some() || shared.is_some() {
            self.media.sharing = shared;
            self.tell_state();
            self.told.push(Notice::Sharing(name));
        }
    }

    /// Lets the others keep the last picture, or goes on.
    pub(super) fn pause_share(&mut self, paused: bool) {
        let Some(sharing) = &mut self.media.sharing else {
            return self.told.push(Notice::Problem(NOTHING.into()));
        };
        sharing.paused = paused;
        self.session.pause_display(paused);
    }

    /// Shares the same on, with sound or without, for text or for what moves; what comes of it is an event.
    pub(super) fn share_as(&mut self, sound: bool, smooth: bool) {
        let Some(sharing) = &self.media.sharing else {
            return self.told.push(Notice::Problem(NOTHING.into()));
        };
        let id = sharing.id.clone();
        let video = if smooth { SMOOTH } else { DisplayRequest::new("").video };
        let (session, beside) = (self.session.clone(), self.beside.clone());
        self.closing.spawn(async move {
            let changed = session.change_display(video, sound).await;
            let with_sound = sound && changed.is_ok();
            // overflow: await; an actor that ends needs no answer
            let _ = beside.send(Beside::Shared { id, sound: with_sound, smooth }).await;
            if let Err(error) = changed {
                let _ = beside.send(Beside::NotShared(error)).await; // overflow: await, as above
            }
        });
    }

    /// What is shared is shared so now.
    pub(super) fn shared_as(&mut self, id: &str, sound: bool, smooth: bool) {
        if let Some(sharing) = self.media.sharing.as_mut().filter(|sharing| sharing.id == id) {
            (sharing.sound, sharing.smooth) = (sound, smooth);
        }
    }
}
