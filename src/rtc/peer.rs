//! One peer connection: media, data channels, and an orderly end; descriptions and candidates are in `negotiation`.
//!
//! The crate calls its handler on the connection's own task: it only flips flags, spawns and `try_send`s. What is agreed
//! on with the other side, and when, is [`Negotiation`]'s to say; `negotiation` does what it wants. Further tracks are in
//! `tracks`, channels made later in `late`.

mod handler;
mod late;
mod names;
mod negotiation;
mod nudge;
mod own;
mod servers;
mod state;
mod tracks;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rtc::peer_connection::transport::RTCDtlsTransportState;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::peer_connection::{PeerConnection, StatsSelector};

use super::channel::{CONTROL, Channel, ChannelConfig, ChannelError, ChannelEvent, Channels, Message, Traffic};
use super::description::{Candidate, Description, IceServer};
use super::engine::{AUDIO_TYPE, BundlePolicy, Ears, Engine, RtcError, VIDEO_TYPE, audio_codec, video_codec};
use super::fec::interceptor::Fec;
use super::ice::server;
use super::ice::{Network, ServerFailure};
use super::outbound::{Estimator, Outbound};
use super::receiver::AudioOut;
use super::report::{Known, report};
use super::sender::{Lane, send_audio, send_video, to_rtp, track};
use super::stats::{Counters, Figures, path, round_trip};
use super::tap::{Tap, Wish, Wishes};
use crate::call::negotiation::Negotiation;
use crate::call::quality::Seen;
use crate::model::clock::SenderClocks;
use crate::model::encoded::{EncodedAudio, EncodedVideo};
use crate::model::report::StatsReport;
use crate::model::stats::Transport;
use handler::{Handler, Local, Shared};
use nudge::nudge;
use own::Gate;
pub use state::{ConnectionState, IceConnectionState, IceGatheringState, SignalingState, States};
use tracks::Extra;
pub use tracks::{AudioListener, IncomingTrack, TrackMedia};

/// Longest wait for the crate's connection task, which answers in microseconds.
const ANSWER: Duration = Duration::from_secs(5);

/// Longest wait for a connection to close.
const CLOSE: Duration = Duration::from_secs(1);

/// Name of the stream of camera and microphone, as the other side sees it (W3C `MediaStream.id`).
pub const STREAM: &str = "visavis";

/// Signals and channel events not read yet.
const SIGNALS: usize = 256;
const CHANNEL_EVENTS: usize = 64;

/// What a connection has to say, besides its data channels.
#[derive(Debug)]
pub enum Signal {
    /// Our description: an offer, or an answer. Without candidates when it was just made.
    Described(Description),
    /// The same with all candidates, once they are known.
    Complete(Description),
    /// Give this to the other side.
    Candidate(Candidate),
    /// There will be no more.
    CandidatesComplete,
    /// The state of the whole is another.
    State(ConnectionState),
    /// A STUN or TURN server is of no use; the others go on.
    ServerFailed(ServerFailure),
    /// The state of the path is another.
    Ice(IceConnectionState),
    /// The state of our candidates is another.
    Gathering(IceGatheringState),
    /// The state of the negotiation is another.
    Signaling(SignalingState),
    /// An offer should be made.
    Needed,
    /// The other side sends one more track.
    Track(IncomingTrack),
    /// It no longer sends the track of this `mid`.
    TrackEnded(String),
}

/// What a peer connection needs.
pub struct PeerSetup {
    /// STUN and TURN servers.
    pub ice_servers: Vec<IceServer>,
    /// Only candidates of TURN servers.
    pub relay_only: bool,
    /// How sections share transports.
    pub bundle: BundlePolicy,
    /// Gives way when both make an offer at once.
    pub polite: bool,
    /// Data channels of the first offer besides [`CONTROL`].
    pub channels: Vec<ChannelConfig>,
    /// Pictures to send.
    pub video_in: mpsc::Receiver<EncodedVideo>,
    /// Sound to send.
    pub audio_in: mpsc::Receiver<EncodedAudio>,
    /// Takes the pictures that come.
    pub video_out: mpsc::Sender<EncodedVideo>,
    /// Takes the sound that comes.
    pub audio_out: AudioOut,
    /// Called when the other side needs a keyframe of ours; must return at once.
    pub keyframe_wanted: Wish,
}

/// The two queues a connection speaks through. Both must be read; the second holds the other side back.
pub struct PeerEvents {
    /// Candidates and states.
    pub signals: mpsc::Receiver<Signal>,
    /// Data channels.
    pub channels: mpsc::Receiver<ChannelEvent>,
}

/// One peer connection.
pub struct Peer {
    connection: Arc<dyn PeerConnection>,
    shared: Arc<Shared>,
    /// Of microphone and camera.
    gates: [Gate; 2],
    network: Network,
    own_channels: Mutex<Option<Vec<ChannelConfig>>>,
    /// Their candidates since their newest description.
    candidates: AtomicUsize,
    /// One negotiation at a time.
    negotiation: tokio::sync::Mutex<Negotiating>,
}

/// What only one may do at a time.
struct Negotiating {
    machine: Negotiation,
    extras: Vec<Extra>,
}

async fn limited<T>(work: impl Future<Output = T>) -> Result<T, RtcError> {
    tokio::time::timeout(ANSWER, work).await.map_err(|_| RtcError::Stuck(ANSWER))
}

impl Peer {
    /// Builds the connection and binds its sockets; nothing is sent yet.
    ///
    /// # Errors
    /// [`RtcError::Server`], [`RtcError::Build`].
    pub async fn new(engine: &Engine, setup: PeerSetup) -> Result<(Self, PeerEvents), RtcError> {
        let servers = server::read(&setup.ice_servers)?;
        let (signals, signals_out) = mpsc::channel(SIGNALS);
        let (channel_events, channels_out) = mpsc::channel(CHANNEL_EVENTS);
        let channels = Arc::new(Channels::default());
        // A name given twice is one channel.
        let mut own = vec![ChannelConfig::reliable(CONTROL)];
        for config in setup.channels {
            if own.iter().all(|other| other.label != config.label) {
                own.push(config);
            }
        }
        for config in &own {
            channels.declare(config).map_err(|e| RtcError::Build(e.to_string()))?;
        }
        let wishes = Arc::<Wishes>::default();
        let (outbound, driver) = Outbound::new(Instant::now(), Arc::clone(&wishes));
        let shared = Arc::new(Shared {
            signals,
            channel_events,
            channels,
            connection: OnceLock::new(),
            connected: watch::Sender::new(false),
            gathered: watch::Sender::new(false),
            states: Mutex::default(),
            local: Mutex::new(Local::new(setup.polite)),
            tasks: Mutex::new(Some(JoinSet::new())),
            counters: Counters::default(),
            captures: Arc::default(),
            keyframe: Arc::default(),
            rtt_us: Arc::default(),
            video_out: setup.video_out,
            audio_out: setup.audio_out,
            incoming: Mutex::default(),
            wishes,
            outbound,
            sound: Mutex::default(),
            types: Arc::default(),
            copies: Arc::default(),
            relay_only: setup.relay_only,
        });
        let teller = Arc::downgrade(&shared);
        let network = engine.network(Arc::new(move |failure| {
            if let Some(shared) = teller.upgrade() {
                shared.signal(Signal::ServerFailed(failure));
            }
        }));
        let (audio, audio_ssrc) = track(RtpCodecKind::Audio, audio_codec().rtp_codec, STREAM, "audio");
        let (video, video_ssrc) = track(RtpCodecKind::Video, video_codec().rtp_codec, STREAM, "video");
        shared.wishes.set(video_ssrc, Some(setup.keyframe_wanted));
        let tap = Tap::new(
            Arc::clone(&shared.counters.heard),
            [audio_ssrc, video_ssrc],
            Arc::clone(&shared.wishes),
            Arc::clone(&shared.rtt_us),
            Arc::clone(&shared.types),
            Arc::clone(&shared.outbound),
            Arc::clone(&shared.counters.clock),
        );
        let estimator = Estimator(Arc::clone(&shared.outbound));
        let fec = Fec::new(Arc::clone(&shared.outbound.repairs));
        let ears = Ears { tap, fec, estimator, handler: Arc::new(Handler(Arc::clone(&shared))) };
        let building = engine.build(&network, &servers, setup.relay_only, setup.bundle, ears);
        let connection = limited(building).await??;
        let _ = shared.connection.set(Arc::downgrade(&connection)); // the only time
        // Both from the start, in both directions: switching the camera on later negotiates nothing.
        let wrong = |e: webrtc::error::Error| RtcError::Build(e.to_string());
        let audio_sender = connection.add_track(Arc::clone(&audio) as Arc<dyn TrackLocal>).await.map_err(wrong)?;
        let video_sender = connection.add_track(Arc::clone(&video) as Arc<dyn TrackLocal>).await.map_err(wrong)?;
        let gates = [Gate::new(Arc::clone(&audio_sender)), Gate::new(Arc::clone(&video_sender))];
        let audio_lane = Lane {
            track: audio,
            sender: audio_sender,
            connected: shared.connected.subscribe(),
            ssrc: audio_ssrc,
            default_type: AUDIO_TYPE,
            sent: Arc::clone(&shared.counters.audio_out),
            outbound: Arc::clone(&shared.outbound),
            clock: Arc::clone(&shared.counters.clock),
        };
        let video_lane = Lane {
            track: video,
            sender: video_sender,
            connected: shared.connected.subscribe(),
            ssrc: video_ssrc,
            default_type: VIDEO_TYPE,
            sent: Arc::clone(&shared.counters.video_out),
            outbound: Arc::clone(&shared.outbound),
            clock: Arc::clone(&shared.counters.clock),
        };
        shared.spawn(Arc::clone(&shared.outbound).drive(driver));
        shared.spawn(nudge(Arc::clone(&audio_lane.track), Arc::downgrade(&shared), shared.connected.subscribe()));
        shared.spawn(send_audio(audio_lane, setup.audio_in, gates[0].subscribe(), Arc::clone(&shared.copies)));
        shared.spawn(send_video(video_lane, setup.video_in, gates[1].subscribe(), Arc::clone(&shared.captures)));
        let peer = Self {
            connection,
            shared,
            gates,
            network,
            own_channels: Mutex::new(Some(own)),
            candidates: AtomicUsize::new(0),
            negotiation: tokio::sync::Mutex::new(Negotiating {
                machine: Negotiation::new(setup.polite),
                extras: Vec::new(),
            }),
        };
        peer.look(&mut *peer.negotiation.lock().await).await;
        Ok((peer, PeerEvents { signals: signals_out, channels: channels_out }))
    }

    /// Sends a message; see `Channels::send`.
    ///
    /// # Errors
    /// [`ChannelError`].
    pub async fn send(&self, channel: &str, message: Message) -> Result<(), ChannelError> {
        self.shared.channels.send(channel, message).await
    }

    /// Waits until the channel is open and takes more; see `Channels::writable`.
    ///
    /// # Errors
    /// [`ChannelError::Unknown`], [`ChannelError::Closed`].
    pub async fn writable(&self, channel: &str) -> Result<(), ChannelError> {
        self.shared.channels.writable(channel).await
    }

    /// Bytes given to the channel and not acknowledged.
    ///
    /// # Errors
    /// [`ChannelError::Unknown`].
    pub async fn buffered(&self, channel: &str) -> Result<usize, ChannelError> {
        self.shared.channels.buffered(channel).await
    }

    /// The channels there are, and what went over each.
    pub fn channels(&self) -> Vec<(Channel, Traffic)> {
        self.shared.channels.list()
    }

    /// Closes one data channel; what was sent arrives before.
    ///
    /// # Errors
    /// [`ChannelError::Unknown`], [`ChannelError::Needed`].
    pub async fn close_channel(&self, channel: &str) -> Result<(), ChannelError> {
        if let Some(own) = self.own_channels.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            own.retain(|config| config.label != channel || channel == CONTROL);
        }
        self.shared.channels.close_one(channel, &self.shared.channel_events).await
    }

    /// No data channel takes anything from now on: the other side is gone.
    pub fn close_channels(&self) {
        self.shared.channels.close();
    }

    /// Asks the other side for a keyframe; may be called as often as one likes.
    pub fn keyframe_asker(&self) -> Wish {
        let keyframe = Arc::clone(&self.shared.keyframe);
        Arc::new(move || keyframe.notify_one())
    }

    /// When the picture that the other side's receiver gives this media time was captured here, if it went out in the
    /// last ten seconds.
    pub fn captured_at(&self, media_time: Duration) -> Option<Instant> {
        self.shared.captures.captured_at(to_rtp(media_time) as u32)
    }

    /// The other side's clock, as its sender reports tell.
    pub fn clocks(&self) -> Arc<SenderClocks> {
        Arc::clone(self.shared.counters.heard.wire.clocks())
    }

    /// What the pictures we send may take now, bit/s; changes with the path.
    pub fn budget(&self) -> watch::Receiver<u64> {
        self.shared.outbound.budget()
    }

    /// The most that our pictures are worth, bit/s: the path is not tried for more.
    pub fn set_top(&self, bps: u64) {
        self.shared.outbound.set_top(bps);
    }

    /// Counters.
    pub fn figures(&self) -> Figures {
        self.shared.counters.read()
    }

    /// What is known of the path, both ways; without what encoders, decoders and jitter buffers know.
    pub fn seen(&self) -> Seen {
        let mut seen = self.shared.counters.heard.wire.seen(Instant::now());
        seen.up.carries_bps = self.shared.outbound.carries();
        seen
    }

    /// The chosen path; also tells the receiver how long a round trip takes.
    pub async fn path(&self) -> Transport {
        let path = limited(async {
            let chosen = match self.transport().await {
                Some(transport) => transport.ice_transport().get_selected_candidate_pair().await.ok().flatten(),
                None => None,
            };
            path(&self.connection.get_stats(Instant::now(), StatsSelector::None).await, chosen.as_ref())
        });
        let path = path.await.unwrap_or_default();
        self.shared.rtt_us.store(round_trip(&path).as_micros() as u64, Ordering::Relaxed);
        path
    }

    /// Statistics, without what encoders, decoders and jitter buffers know.
    pub async fn report(&self) -> StatsReport {
        let now = Instant::now();
        let ask = limited(async {
            let (mut chosen, mut dtls_state) = (None, "new".to_owned());
            if let Some(sctp) = self.connection.sctp().await {
                let dtls = sctp.transport();
                chosen = dtls.ice_transport().get_selected_candidate_pair().await.ok().flatten();
                if let Ok(state) = dtls.state().await {
                    dtls_state = state.to_string();
                }
            }
            (self.connection.get_stats(now, StatsSelector::None).await, chosen, dtls_state)
        });
        let Ok((known, chosen, dtls_state)) = ask.await else { return StatsReport::default() };
        let known = Known { report: &known, chosen: chosen.as_ref(), dtls_state };
        report(now, &known, &self.shared.counters.heard.wire, self.shared.channels.list())
    }

    /// Whether the other side has closed its end of the encryption (close_notify, RFC 5246 §7.2.1).
    pub async fn ended(&self) -> bool {
        let look = limited(async {
            match self.transport().await {
                Some(transport) => transport.state().await.ok(),
                None => None,
            }
        });
        look.await.ok().flatten() == Some(RTCDtlsTransportState::Closed)
    }

    /// Where it is.
    pub fn states(&self) -> States {
        *self.shared.states()
    }

    /// Whether the connection has stood.
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.shared.connected.subscribe()
    }

    /// Ends the connection and all its tasks, within a second; the other side notices by DTLS's close.
    pub async fn close(&self) {
        self.shared.channels.close();
        *self.shared.states() = States {
            connection: ConnectionState::Closed,
            ice: IceConnectionState::Closed,
            signaling: SignalingState::Closed,
            ..self.states()
        };
        if tokio::time::timeout(CLOSE, self.connection.close()).await.is_err() {
            tracing::warn!("a peer connection did not close within {CLOSE:?}");
        }
        let tasks = self.shared.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
        // Once more: a channel that was just being made would hold the connection, which holds it.
        self.shared.channels.close();
        self.shared.outbound.close();
        self.network.close().await;
    }
}

#[cfg(test)]
mod tests;
