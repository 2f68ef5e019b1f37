//! Tracks beyond camera and microphone: those of a peer, shown and played; and more pictures of ours.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::manager::{Inner, Session};
use super::types::{RemoteTrack, SessionError};
use crate::model::encoded::EncodedVideo;
use crate::model::slot::Player;
use crate::pipeline::subscribe::{SubscribeConfig, SubscribeStats, VideoSubscriber};
use crate::pipeline::sync::Lips;
use crate::rtc::peer::{IncomingTrack, TrackMedia};

enum Further {
    Video(VideoSubscriber),
    /// The mixer's input.
    Audio(u64),
}

/// The further tracks of one peer, by `mid`.
#[derive(Default)]
pub(super) struct Furthers(Mutex<HashMap<String, Further>>);

impl Furthers {
    /// Shows or plays a track that came. `first` is the player of the first video, `lips` the first sound: what a computer
    /// plays goes out with that of the microphone.
    pub fn add(&self, session: &Inner, track: IncomingTrack, first: &Player, lips: &Arc<Lips>) -> RemoteTrack {
        let IncomingTrack { id, stream, kind, media } = track;
        let (further, player) = match media {
            None => (None, (kind == crate::rtc::sdp::TrackKind::Video).then(|| first.clone())),
            Some(TrackMedia::Video { pictures, keyframe }) => {
                let player = Player::new();
                let config = SubscribeConfig {
                    name: session.next_id().to_string(),
                    player: player.clone(),
                    keyframe_wanted: keyframe,
                    kept: None,
                    on_first_frame: None,
                    lips: Some(Arc::clone(lips)),
                };
                (Some(Further::Video(VideoSubscriber::start(pictures, config))), Some(player))
            }
            Some(TrackMedia::Audio(listener)) => {
                let input = session.next_id();
                let sound = session.media(|media| media.audio.add_input(input));
                if let Some(sound) = sound {
                    listener.listen(Arc::new(move |packet| sound.push(packet)));
                }
                (Some(Further::Audio(input)), None)
            }
        };
        if let Some(further) = further {
            let old = self.lock().insert(id.clone(), further);
            debug_assert!(old.is_none(), "a track ends before it comes again");
        }
        RemoteTrack { id, stream, kind, player }
    }

    /// What the decoder of a further video says.
    pub fn shown(&self, id: &str) -> Option<SubscribeStats> {
        match self.lock().get(id) {
            Some(Further::Video(subscriber)) => Some(subscriber.stats()),
            _ => None,
        }
    }

    /// Ends one; the first of each kind stay, for they may come again. Blocks up to a second.
    pub async fn remove(&self, session: &Inner, id: &str) {
        let further = self.lock().remove(id);
        if let Some(further) = further {
            end(session, further).await;
        }
    }

    /// Ends all.
    pub async fn clear(&self, session: &Inner) {
        let all = std::mem::take(&mut *self.lock());
        for further in all.into_values() {
            end(session, further).await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Further>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn end(session: &Inner, further: Further) {
    match further {
        Further::Video(mut subscriber) => {
            let _ = tokio::task::spawn_blocking(move || subscriber.stop()).await; // a panic there ends the track only
        }
        Further::Audio(input) => {
            session.media(|media| media.audio.remove_input(input));
        }
    }
}

impl Session {
    /// Sends the peer one more video of your own making, beside the camera's. Row P6. The pictures are H.264 access units;
    /// those put into the queue before the change was negotiated
    /// ([`SessionEvent::NegotiationNeeded`](super::SessionEvent::NegotiationNeeded)) are dropped, and `keyframe_wanted` is
    /// called when the peer needs a keyframe of this video: it must return at once. `stream` is what the peer sees as
    /// [`RemoteTrack::stream`].
    ///
    /// Gives the name to remove it by, and the queue (10 pictures). When it is full, drop until the next keyframe.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`], [`SessionError::Rtc`].
    pub async fn add_video_track(
        &self,
        peer: &str,
        stream: &str,
        keyframe_wanted: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<(String, mpsc::Sender<EncodedVideo>), SessionError> {
        Ok(self.inner.link(peer)?.peer.add_video(stream, keyframe_wanted).await?)
    }

    /// Ends what [`Session::add_video_track`] began. Row P7. The peer sees it end once that was negotiated.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`], [`SessionError::Rtc`] where there is none of this name.
    pub async fn remove_video_track(&self, peer: &str, track: &str) -> Result<(), SessionError> {
        Ok(self.inner.link(peer)?.peer.remove_video(track).await?)
    }
}
