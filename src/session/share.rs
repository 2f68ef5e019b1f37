//! What is shared of the own screen and sound: rows P6 and P7.

use super::manager::{Inner, Media, Session, lock};
use super::media::CLOSED;
use super::request::{DisplayPlace, DisplayRequest};
use super::types::SessionEvent;
use crate::device::audio::speaker_sound;
use crate::device::{VideoRequest, open_display};
use crate::model::device::DeviceError;
use crate::model::source::AudioSpec;

const NO_SOUND: DeviceError = DeviceError::Unsupported(
    "the computer's sound can only be shared with PulseAudio or PipeWire; share the screen without it",
);

const NOT_SHARED: DeviceError = DeviceError::Unsupported("nothing is shared now; share a screen or window first");

/// A screen or window that is shared.
pub(super) struct Display {
    pub request: DisplayRequest,
    /// It is open: whoever asked for it knows, and is told when it ends.
    pub started: bool,
    /// The others keep the last picture.
    pub paused: bool,
}

impl Inner {
    /// Sends what the computer plays, until the share ends.
    async fn share_sound(&self, source: AudioSpec) -> Result<(), DeviceError> {
        let set = |media: &Media| media.audio.set_computer(Some(source.clone().into()));
        let opening = self.media(set).ok_or(CLOSED)?;
        self.opened(|inner| inner.media(|media| media.audio.computer_outcome(opening))?).await.map(drop)
    }

    /// Sends what the computer plays no more.
    pub fn end_sound(&self) {
        self.media(|media| media.audio.set_computer(None));
    }

    /// Shares in the camera's place; the name of what is shared.
    async fn start_display(&self, request: DisplayRequest) -> Result<String, DeviceError> {
        lock(&self.local).display = Some(Display { request, started: false, paused: false });
        let number = self.apply_video();
        let opened = self.opened(|inner| inner.media(|media| media.video.outcome(number))?).await;
        match &opened {
            Ok(_) => {
                if let Some(display) = &mut lock(&self.local).display {
                    display.started = true;
                }
            }
            Err(_) => {
                lock(&self.local).display = None;
                self.apply_video();
            }
        }
        opened
    }

    /// Ends the share in the camera's place, if there is one, and tells so. With an error only one that had begun: of any other, whoever asked
    /// for it is told.
    pub async fn end_display(&self, error: Option<DeviceError>) {
        let ended = lock(&self.local).display.take_if(|display| display.started || error.is_none());
        let Some(Display { request, .. }) = ended else { return };
        self.end_sound();
        self.apply_video();
        self.tell(SessionEvent::DisplayEnded { id: request.id, error }).await;
    }
}

impl Session {
    /// Row P6: shares a screen or window and gives back when it is open: its pictures replace the camera's in every
    /// call, without negotiation, or go beside it ([`DisplayPlace`]). A share that runs is replaced. Told as [`SessionEvent::AfterDisplayMedia`]; its end,
    /// wanted or not, as [`SessionEvent::DisplayEnded`], and then the camera is sent again.
    ///
    /// # Errors
    /// Why it cannot be shared; what was sent before is still sent.
    pub async fn request_display(&self, request: DisplayRequest) -> Result<(), DeviceError> {
        let inner = &self.inner;
        let _one = inner.requesting.lock().await;
        // Tried before anything changes, so that the camera is not interrupted by what cannot be.
        let (id, video, sound) = (request.id.clone(), request.video, request.sound);
        let tried = tokio::task::spawn_blocking(move || {
            open_display(&id, video).map(drop)?;
            if sound { speaker_sound().map(Some).ok_or(NO_SOUND) } else { Ok(None) }
        });
        let sound = tried.await.unwrap_or(Err(CLOSED))?;
        inner.end_display(None).await;
        inner.end_beside(None).await;
        let name = match request.place {
            DisplayPlace::InsteadOfCamera => inner.start_display(request).await?,
            DisplayPlace::BesideCamera => inner.start_beside(request).await?,
        };
        if let Some(source) = sound
            && let Err(error) = inner.share_sound(source).await
        {
            inner.end_display(None).await;
            inner.end_beside(None).await;
            return Err(error);
        }
        inner.tell(SessionEvent::AfterDisplayMedia { name }).await;
        // It may have ended before it counted as begun.
        inner.states.send_modify(|_| {});
        Ok(())
    }

    /// Row P7: shares no more; the camera is sent again, if it is on.
    pub async fn stop_display(&self) {
        let _one = self.inner.requesting.lock().await;
        self.inner.end_display(None).await;
        self.inner.end_beside(None).await;
    }

    /// Row P6: what is shared now, by its ID.
    pub fn display(&self) -> Option<String> {
        let local = lock(&self.inner.local);
        let instead = local.display.as_ref().map(|display| &display.request);
        instead.or(local.beside.as_ref().map(|beside| &beside.request)).map(|request| request.id.clone())
    }

    /// Lets the others keep the newest picture of what is shared in the camera's place instead of new ones; or goes on.
    /// It ends with the share. Where nothing is shared so, nothing happens.
    pub fn pause_display(&self, paused: bool) {
        if let Some(display) = &mut lock(&self.inner.local).display {
            display.paused = paused;
        }
        self.inner.apply_video();
    }

    /// Shares the same in the camera's place on, as large and as often as this, with what the computer plays or without.
    ///
    /// # Errors
    /// Why it cannot; then it goes on, in the new size, without the sound.
    pub async fn change_display(&self, video: VideoRequest, sound: bool) -> Result<(), DeviceError> {
        let inner = &self.inner;
        let _one = inner.requesting.lock().await;
        let source = if sound { tokio::task::spawn_blocking(speaker_sound).await.unwrap_or_default() } else { None };
        let before = {
            let mut local = lock(&inner.local);
            let Some(display) = &mut local.display else { return Err(NOT_SHARED) };
            display.request.video = video;
            std::mem::replace(&mut display.request.sound, source.is_some())
        };
        inner.apply_video();
        match source {
            Some(source) if !before => {
                let shared = inner.share_sound(source).await;
                if shared.is_err() {
                    inner.end_sound();
                    if let Some(display) = &mut lock(&inner.local).display {
                        display.request.sound = false;
                    }
                }
                shared
            }
            Some(_) => Ok(()),
            None => {
                if before {
                    inner.end_sound();
                }
                if sound { Err(NO_SOUND) } else { Ok(()) }
            }
        }
    }
}
