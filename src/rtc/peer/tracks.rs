//! Tracks beyond the two that every connection has: more of theirs, each to its own place, and more pictures of ours.
//!
//! Theirs are known by the `mid` of their section and told when a negotiation is done, as W3C's `track` event is; the
//! packets come later, and find their place by it. The first video and the first audio go where [`PeerSetup`] said.
//!
//! A track of ours that was removed leaves its section behind, switched off, for the next one of the same stream: SDP
//! cannot take sections back, and would grow with each share of the screen.
//!
//! [`PeerSetup`]: super::PeerSetup

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use rtc::rtp_transceiver::RTCRtpTransceiverId;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::{mpsc, watch};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit, RtpTransceiver};

use super::handler::Shared;
use super::{Peer, Signal, limited};
use crate::call::negotiation::Input;
use crate::model::encoded::EncodedVideo;
use crate::rtc::engine::{RtcError, VIDEO_TYPE, video_codec};
use crate::rtc::receiver::{AudioOut, AudioSink, Received, VideoSink, receive_audio, receive_video};
use crate::rtc::sdp::{TrackKind, sections};
use crate::rtc::sender::{CaptureLog, Lane, Sent, send_video, track};
use crate::rtc::tap::Wish;

/// Encoded pictures between transport and decoder: a burst after a loss was healed; then drop until keyframe.
const VIDEO_IN: usize = 60;

/// Encoded pictures between encoder and transport: a third of a second; then drop until keyframe.
const VIDEO_OUT: usize = 10;

/// Most tracks of one connection, each way: far more than anybody looks at.
const MAX_TRACKS: usize = 32;

/// A track of the other side.
pub struct IncomingTrack {
    /// `mid` of its section: its name for as long as the connection lives.
    pub id: String,
    /// The stream it belongs to (W3C `MediaStream.id`); may be empty.
    pub stream: String,
    /// Sound or pictures.
    pub kind: TrackKind,
    /// Where it comes out; `None` for the first of each kind, which goes where the set-up said.
    pub media: Option<TrackMedia>,
}

/// Where a further track comes out.
pub enum TrackMedia {
    /// Pictures.
    Video {
        /// They come here.
        pictures: mpsc::Receiver<EncodedVideo>,
        /// Asks for a keyframe of this track.
        keyframe: Wish,
    },
    /// Sound comes once somebody listens.
    Audio(AudioListener),
}

/// Where further sound goes.
pub struct AudioListener(Arc<AudioSink>);

impl AudioListener {
    /// From now on packets go to `out`; those before are lost.
    pub fn listen(&self, out: AudioOut) {
        self.0.set(Some(out));
    }
}

impl std::fmt::Debug for IncomingTrack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "track {} ({:?})", self.id, self.kind)
    }
}

enum Sink {
    Video(Arc<VideoSink>),
    Audio(Arc<AudioSink>),
}

/// What is known of their tracks.
#[derive(Default)]
pub(super) struct Incoming {
    sinks: HashMap<String, Sink>,
    /// `mid`s of the first ones.
    first_video: Option<String>,
    first_audio: Option<String>,
    told: Vec<String>,
}

impl Shared {
    fn incoming(&self) -> std::sync::MutexGuard<'_, Incoming> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes places for what this description sends, before any of it can come.
    pub(super) fn expect_tracks(&self, sdp: &str) {
        let mut incoming = self.incoming();
        for section in sections(sdp).into_iter().filter(|section| section.sends) {
            let mid = section.mid.to_owned();
            if incoming.sinks.contains_key(&mid) || incoming.sinks.len() == MAX_TRACKS {
                continue;
            }
            let sink = match section.kind() {
                Some(TrackKind::Video) if incoming.first_video.is_none() => {
                    incoming.first_video = Some(mid.clone());
                    let (asks, received) = (Arc::clone(&self.asks), Arc::clone(&self.counters.video_in));
                    Sink::Video(Arc::new(VideoSink::new(Some(self.video_out.clone()), asks, received)))
                }
                Some(TrackKind::Video) => {
                    Sink::Video(Arc::new(VideoSink::new(None, Arc::default(), Arc::new(Received::default()))))
                }
                Some(TrackKind::Audio) => {
                    let first = incoming.first_audio.is_none();
                    let received = match first {
                        true => Arc::clone(&self.counters.audio_in),
                        false => Arc::new(Received::default()),
                    };
                    let sink = AudioSink::new(received);
                    if first {
                        incoming.first_audio = Some(mid.clone());
                        sink.set(Some(Arc::clone(&self.audio_out)));
                    }
                    Sink::Audio(Arc::new(sink))
                }
                None => continue,
            };
            incoming.sinks.insert(mid, sink);
        }
    }

    /// Tells which tracks came and went by a description of theirs that is in force now.
    pub(super) fn tell_tracks(&self, sdp: &str) {
        let mut signals = Vec::new();
        {
            let mut incoming = self.incoming();
            let sending: Vec<_> = sections(sdp).into_iter().filter(|section| section.sends).collect();
            let gone = |mid: &String| sending.iter().all(|section| section.mid != mid);
            for mid in incoming.told.extract_if(.., |mid| gone(mid)).collect::<Vec<_>>() {
                let first = [&incoming.first_video, &incoming.first_audio].into_iter().flatten().any(|f| *f == mid);
                match incoming.sinks.get(&mid) {
                    Some(Sink::Video(sink)) if !first => sink.set(None),
                    Some(Sink::Audio(sink)) if !first => sink.set(None),
                    _ => {}
                }
                signals.push(Signal::TrackEnded(mid));
            }
            for section in sending {
                let (Some(kind), false) = (section.kind(), incoming.told.iter().any(|mid| mid == section.mid)) else {
                    continue;
                };
                let first =
                    [&incoming.first_video, &incoming.first_audio].into_iter().flatten().any(|f| f == section.mid);
                let media = match incoming.sinks.get(section.mid) {
                    None => continue, // far too many
                    Some(_) if first => None,
                    Some(Sink::Video(sink)) => {
                        let (out, pictures) = mpsc::channel(VIDEO_IN);
                        sink.set(Some(out));
                        Some(TrackMedia::Video { pictures, keyframe: sink.keyframe_asker() })
                    }
                    Some(Sink::Audio(sink)) => Some(TrackMedia::Audio(AudioListener(Arc::clone(sink)))),
                };
                incoming.told.push(section.mid.to_owned());
                let (id, stream) = (section.mid.to_owned(), section.stream.to_owned());
                signals.push(Signal::Track(IncomingTrack { id, stream, kind, media }));
            }
        }
        signals.into_iter().for_each(|signal| self.signal(signal));
    }

    /// Brings the packets of a track of theirs to its place, until the connection ends.
    pub(super) async fn receive(&self, track: Arc<dyn TrackRemote>) {
        let Some(TrackRemoteEvent::OnOpen(opened)) = track.poll().await else { return };
        let Some(connection) = self.connection.get().and_then(std::sync::Weak::upgrade) else { return };
        let receiver: RTCRtpTransceiverId = opened.receiver_id.into();
        let mut mid = None;
        for transceiver in connection.get_transceivers().await {
            if transceiver.id() == receiver {
                mid = transceiver.mid().await.ok().flatten();
            }
        }
        drop(connection);
        enum Place {
            Video(Arc<VideoSink>),
            Audio(Arc<AudioSink>),
        }
        let place = mid.as_ref().and_then(|mid| match self.incoming().sinks.get(mid)? {
            Sink::Video(sink) => Some(Place::Video(Arc::clone(sink))),
            Sink::Audio(sink) => Some(Place::Audio(Arc::clone(sink))),
        });
        match place {
            Some(Place::Video(sink)) => {
                let clocks = self.counters.heard.wire.clocks();
                receive_video(track, &sink, opened.ssrc, Arc::clone(&self.rtt_us), clocks).await;
            }
            Some(Place::Audio(sink)) => receive_audio(track, &sink, &self.types).await,
            None => tracing::debug!("a track of the other side that no description named"),
        }
    }
}

/// A further video of ours.
pub(super) struct Extra {
    id: String,
    stream: String,
    ssrc: u32,
    transceiver: Arc<dyn RtpTransceiver>,
    pictures: mpsc::Sender<EncodedVideo>,
    used: bool,
    /// Negotiated: what is put into the queue goes out.
    live: watch::Sender<bool>,
}

/// Brings the gates of our further videos into line with what was agreed on.
pub(super) async fn open_gates(extras: &[Extra]) {
    for extra in extras {
        let direction = extra.transceiver.current_direction().await.ok();
        let sends = direction.is_some_and(|direction| direction.has_send());
        extra.live.send_replace(extra.used && sends);
    }
}

impl Peer {
    /// Sends one more video, beside the camera's. Pictures put into the queue go out once the change was negotiated
    /// ([`Signal::Needed`] follows); those before are dropped. `stream` is the name the other side sees
    /// ([`IncomingTrack::stream`]); `keyframe_wanted` is called when it needs a keyframe of *this* video.
    ///
    /// Gives the name to remove it by, and the queue: overflow is the caller's to handle (drop until keyframe).
    ///
    /// # Errors
    /// [`RtcError::Negotiation`] where there are too many, or the connection is closed.
    pub async fn add_video(
        &self,
        stream: &str,
        keyframe_wanted: Wish,
    ) -> Result<(String, mpsc::Sender<EncodedVideo>), RtcError> {
        let mut negotiating = self.negotiation.lock().await;
        let wrong = |reason: String| RtcError::Negotiation { what: "second video", reason };
        let free = negotiating.extras.iter().position(|extra| !extra.used && extra.stream == stream);
        let index = match free {
            Some(index) => index,
            None if negotiating.extras.len() == MAX_TRACKS => return Err(wrong("there are too many".to_owned())),
            None => {
                let id = format!("{stream}-{}", negotiating.extras.len() + 1);
                let (local, ssrc) = track(RtpCodecKind::Video, video_codec().rtp_codec, stream, &id);
                let init =
                    RTCRtpTransceiverInit { direction: RTCRtpTransceiverDirection::Sendonly, ..Default::default() };
                let adding =
                    self.connection.add_transceiver_from_track(Arc::clone(&local) as Arc<dyn TrackLocal>, Some(init));
                let transceiver = limited(adding).await?.map_err(|e| wrong(e.to_string()))?;
                let sender = transceiver.sender().await.ok().flatten();
                let sender = sender.ok_or_else(|| wrong("it has no sender".to_owned()))?;
                let (pictures, queue) = mpsc::channel(VIDEO_OUT);
                let live = watch::Sender::new(false);
                let sent = Arc::new(Sent::default());
                let connected = self.shared.connected.subscribe();
                let outbound = Arc::clone(&self.shared.outbound);
                let clock = Arc::clone(&self.shared.counters.clock);
                let default_type = VIDEO_TYPE;
                let lane = Lane { track: local, sender, connected, ssrc, default_type, sent, outbound, clock };
                self.shared.spawn(send_video(lane, queue, live.subscribe(), Arc::new(CaptureLog::default())));
                let stream = stream.to_owned();
                negotiating.extras.push(Extra { id, stream, ssrc, transceiver, pictures, used: false, live });
                negotiating.extras.len() - 1
            }
        };
        let extra = &mut negotiating.extras[index];
        let turned = limited(extra.transceiver.set_direction(RTCRtpTransceiverDirection::Sendonly)).await?;
        turned.map_err(|e| wrong(e.to_string()))?;
        extra.used = true;
        self.shared.wishes.set(extra.ssrc, Some(keyframe_wanted));
        let added = (extra.id.clone(), extra.pictures.clone());
        self.look(&mut negotiating).await;
        Ok(added)
    }

    /// Ends what [`Peer::add_video`] began; the other side is told by the negotiation that follows.
    ///
    /// # Errors
    /// [`RtcError::Negotiation`] where there is none of this name.
    pub async fn remove_video(&self, id: &str) -> Result<(), RtcError> {
        let mut negotiating = self.negotiation.lock().await;
        let wrong = |reason: String| RtcError::Negotiation { what: "end of a video", reason };
        let extra = negotiating.extras.iter_mut().find(|extra| extra.used && extra.id == id);
        let extra = extra.ok_or_else(|| wrong(format!("there is none called “{id}”")))?;
        extra.used = false;
        extra.live.send_replace(false);
        self.shared.wishes.set(extra.ssrc, None);
        let turned = limited(extra.transceiver.set_direction(RTCRtpTransceiverDirection::Inactive)).await?;
        turned.map_err(|e| wrong(e.to_string()))?;
        self.look(&mut negotiating).await;
        Ok(())
    }

    /// Whether what was agreed on is no longer what this side wants (W3C: update the negotiation-needed flag).
    pub(super) async fn differs(&self) -> bool {
        let local = self.connection.current_local_description().await;
        let remote = self.connection.current_remote_description().await;
        let (Some(local), Some(remote)) = (local, remote) else { return true };
        let (ours, theirs) = (sections(&local.sdp), sections(&remote.sdp));
        let we_answered = local.sdp_type == webrtc::peer_connection::RTCSdpType::Answer;
        for transceiver in self.connection.get_transceivers().await {
            let Ok(direction) = transceiver.direction().await else { continue };
            let wants = (direction.has_send(), direction.has_recv());
            let mid = transceiver.mid().await.ok().flatten();
            let find = |list: &[crate::rtc::sdp::Section<'_>]| {
                let section = list.iter().find(|section| Some(section.mid) == mid.as_deref())?;
                Some((section.sends, section.receives))
            };
            let agreed = match (find(&ours), find(&theirs)) {
                (Some(ours), Some((sends, receives))) if we_answered => ours == (wants.0 && receives, wants.1 && sends),
                // They can grant no more than was offered, whatever they say (the crate answers “recvonly” to “inactive”).
                (Some(ours), Some((sends, receives))) => {
                    ours == wants || (receives && ours.0, sends && ours.1) == wants
                }
                // One that was never told and is no longer wanted needs no telling.
                _ => wants == (false, false),
            };
            if !agreed {
                return true;
            }
        }
        false
    }

    /// Looks whether a negotiation is needed, and tells.
    pub(super) async fn look(&self, negotiating: &mut super::Negotiating) {
        if self.differs().await
            && let Err(e) = self.drive(negotiating, Input::Needed).await
        {
            tracing::debug!("{e}");
        }
    }
}
