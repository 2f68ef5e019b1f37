//! A screen or window beside the camera (row P6): a second publisher, and one more video track to each peer.

use std::collections::HashMap;
use std::sync::Arc;

use super::link::Link;
use super::manager::{Inner, lock};
use super::request::DisplayRequest;
use super::types::SessionEvent;
use crate::model::device::{DeviceError, DeviceState};
use crate::pipeline::publish::{PublishConfig, VideoInput, VideoPublisher};
use crate::rtc::rate;

/// What the track's stream is called at the peers.
pub const DISPLAY_STREAM: &str = "display";

/// A share beside the camera.
pub(super) struct Beside {
    pub request: DisplayRequest,
    video: VideoPublisher,
    /// What the track is called, by the link's number.
    tracks: HashMap<u64, String>,
    started: bool,
}

impl Beside {
    /// Makes encodings of so many bits a second, or of what the picture is worth at most, for those links.
    pub fn share_out(&self, bitrates: &[u32], places: &[(u64, usize)]) {
        let top = top(&self.request);
        let bitrates: Vec<u32> = bitrates.iter().map(|bps| top.min(*bps)).collect();
        self.video.share_out(&bitrates, places);
    }

    /// Ends its threads. Blocks up to a second.
    pub fn stop(mut self) {
        self.video.stop();
    }
}

fn top(request: &DisplayRequest) -> u32 {
    u32::try_from(rate::top(request.video.width, request.video.height)).unwrap_or(u32::MAX)
}

impl Inner {
    /// Opens it and sends it to every peer; its name.
    pub async fn start_beside(&self, request: DisplayRequest) -> Result<String, DeviceError> {
        let video = VideoPublisher::start(PublishConfig {
            name: "display".to_owned(),
            input: VideoInput::Display(request.id.clone()),
            request: request.video,
            bitrate_bps: top(&request),
            ..PublishConfig::default()
        });
        let states = self.states.clone();
        video.on_state(Some(Arc::new(move |_, state| states.send_modify(|states| states.beside = state))));
        // Open before anybody gets it, and while nobody does.
        video.set_preview(true);
        let beside = Beside { request, video, tracks: HashMap::new(), started: false };
        let refused = {
            let mut local = lock(&self.local);
            if local.closed { Some(beside) } else { local.beside.replace(beside) }
        };
        if let Some(beside) = refused {
            let _ = tokio::task::spawn_blocking(move || beside.stop()).await;
        }
        let opened = self.opened(|inner| lock(&inner.local).beside.as_ref()?.video.outcome(1)).await;
        match opened {
            Ok(name) => {
                for link in self.links() {
                    self.join_beside(&link).await;
                }
                if let Some(beside) = &mut lock(&self.local).beside {
                    beside.started = true;
                }
                Ok(name)
            }
            Err(error) => {
                let failed = lock(&self.local).beside.take();
                let _ = tokio::task::spawn_blocking(move || failed.map(Beside::stop)).await;
                Err(error)
            }
        }
    }

    /// Sends it to one more peer, if something is shared beside the camera. The peer's negotiation follows.
    pub async fn join_beside(&self, link: &Link) {
        let asker = lock(&self.local).beside.as_ref().map(|beside| beside.video.keyframe_asker(link.id));
        let Some(keyframe) = asker else { return };
        match link.peer.add_video(DISPLAY_STREAM, keyframe).await {
            Ok((track, pictures)) => {
                if let Some(beside) = &mut lock(&self.local).beside {
                    beside.video.add_output(link.id, pictures);
                    beside.tracks.insert(link.id, track);
                }
            }
            Err(error) => tracing::warn!(peer = link.name, %error, "gets nothing of what is shared"),
        }
    }

    /// Ends it, if there is one, and tells so. With an error only one that had begun.
    pub async fn end_beside(&self, error: Option<DeviceError>) {
        let ended = lock(&self.local).beside.take_if(|beside| beside.started || error.is_none());
        let Some(beside) = ended else { return };
        self.end_sound();
        for link in self.links() {
            if let Some(track) = beside.tracks.get(&link.id)
                && let Err(error) = link.peer.remove_video(track).await
            {
                tracing::debug!(peer = link.name, %error, "the shared track was gone already");
            }
        }
        beside.video.on_state(None);
        let id = beside.request.id.clone();
        let _ = tokio::task::spawn_blocking(move || beside.stop()).await;
        self.states.send_modify(|states| states.beside = DeviceState::Closed);
        self.tell(SessionEvent::DisplayEnded { id, error }).await;
    }
}
