//! All continuous state, published whole: whoever shows it needs nothing else.

use std::sync::Arc;

use super::chat::ChatLine;
use super::device::{DeviceState, Devices};
use super::id::{CallId, Callee, PeerId};
use super::outcome::{Direction, Outcome};
use super::quality::CallQuality;
use super::reaction::Reaction;
use super::settings::Settings;
use super::sound::MicrophoneTrouble;
use super::stats::Stats;
use super::transfer::TransferView;

/// Everything a window shows, apart from the pictures themselves (see [`PlayerKey`]).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// Our ID; `None` until the profile is read.
    pub id: Option<PeerId>,
    /// What is chosen.
    pub settings: Arc<Settings>,
    /// The signaling server.
    pub server: ServerState,
    /// Devices that are there.
    pub devices: Arc<Devices>,
    /// Our own picture and sound.
    pub media: LocalMedia,
    /// The call that runs, rings out, or has just ended.
    pub call: Option<CallView>,
    /// The room that was asked for, while the server has not answered.
    pub joining: Option<String>,
    /// The call that rings here.
    pub incoming: Option<IncomingView>,
    /// Calls of before, newest first, one entry a person.
    pub recents: Arc<Vec<Recent>>,
    /// Things that are wrong until they are solved, in words.
    pub problems: Vec<String>,
    /// The desktop turned out to have no dialog to choose files: paths are dropped or written.
    pub no_file_dialog: bool,
    /// The program has been told to end: the window closes itself.
    pub quitting: bool,
}

/// Whether people can reach us.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ServerState {
    /// First attempt.
    #[default]
    Connecting,
    /// Known to the server.
    Online {
        /// Its URL.
        url: String,
        /// It runs inside this program.
        embedded: bool,
        /// Round trip, ms.
        rtt_ms: Option<u32>,
    },
    /// Lost; trying again.
    Reconnecting {
        /// What happened.
        reason: String,
        /// Seconds to the next attempt.
        in_s: u32,
    },
    /// Not trying: the reason says what to change.
    Offline {
        /// What happened and what to do.
        reason: String,
    },
}

/// What we send, whether or not somebody gets it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocalMedia {
    /// The camera that is really open.
    pub camera: DeviceState,
    /// The microphone that is really open.
    pub microphone: DeviceState,
    /// The speaker that is really open.
    pub speaker: DeviceState,
    /// The person wants to be seen.
    pub camera_on: bool,
    /// Nothing is heard of the person: by their own wish, or until they hold the key to talk.
    pub muted: bool,
    /// The key to talk is held: who is `muted` all the same holds it to cough.
    pub held: bool,
    /// Level of what is sent, for a meter; follows only while something shows it.
    pub level: Level,
    /// We have been speaking for 300 ms, and are heard.
    pub speaking: bool,
    /// Our hand is up.
    pub hand: bool,
    /// What we show for a moment.
    pub reaction: Option<Reaction>,
    /// The screen or window that is shared instead of the camera.
    pub sharing: Option<Sharing>,
    /// Whether what was heard of the others can be played again.
    pub say_again: SayAgain,
    /// Why the others do not hear us, or badly, although the microphone is open; `None` too while nobody would.
    pub trouble: Option<MicrophoneTrouble>,
}

/// “Say that again”: the last 20 s of what was heard in the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SayAgain {
    /// Nothing is kept: it is switched off, or nobody was told yet.
    #[default]
    Off,
    /// It is kept; the others know.
    Ready,
    /// It is being played again.
    Playing {
        /// Whole seconds still to come.
        left_s: u8,
    },
}

/// A screen or window that is shared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sharing {
    /// As listed in [`Devices::displays`].
    pub id: String,
    /// For people.
    pub name: String,
    /// The others keep the last picture.
    pub paused: bool,
    /// With what the computer plays.
    pub sound: bool,
    /// For what moves: smaller pictures, twice as many. Otherwise for text.
    pub smooth: bool,
}

/// A meter's reading, in whole dBFS from −60 (or less) to 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Loudness of the last tenth of a second (RMS).
    pub rms: i8,
    /// Highest peak of the last second and a half.
    pub peak: i8,
}

impl Default for Level {
    fn default() -> Self {
        Self { rms: -60, peak: -60 }
    }
}

/// Where a call is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Not yet known to be reached.
    Calling,
    /// Their program rings.
    Ringing,
    /// Taken; the media path is being built.
    Connecting,
    /// Media flows.
    Connected,
    /// The path broke; looking for another.
    Reconnecting,
    /// Over.
    Ended(Outcome),
}

impl Stage {
    /// The word of JSON Lines and tests.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Calling => "calling",
            Self::Ringing => "ringing",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Reconnecting => "reconnecting",
            Self::Ended(_) => "ended",
        }
    }
}

/// One call: of two people, of several in a room, or the test call.
///
/// Each pair of people has a leg of its own, with its own ID, negotiation and connection; in a call of two the leg's ID
/// is the call's.
#[derive(Debug, Clone, PartialEq)]
pub struct CallView {
    /// Which. A room keeps it while people come and go.
    pub call: CallId,
    /// Where several can be; `None`: a call of two, or the test call.
    pub room: Option<RoomView>,
    /// Who called whom, or who invited whom.
    pub direction: Direction,
    /// Where it is: of a call of two, where its leg is; of a room, [`Stage::Connected`] from when we are in it until we
    /// leave.
    pub stage: Stage,
    /// Seconds in this stage (counting up while reconnecting, for the words), or of the whole call once connected.
    pub seconds: u32,
    /// The call was taken with picture on both sides' wish.
    pub video: bool,
    /// The others, in the order in which they came: in a call of two exactly one, in an empty room none.
    pub members: Arc<Vec<MemberView>>,
    /// Those who are in the room by the word of others and are not reached from here.
    pub hearsay: Arc<Vec<HearsayView>>,
    /// The conversation, oldest first, with what is kept of earlier calls.
    pub chat: Arc<Vec<ChatLine>>,
    /// Messages and offers of files that came while the panel was closed.
    pub unread: u32,
    /// One of these messages mentions us by name.
    pub mentioned: bool,
    /// Files that go to the others and come from them, in the order they were offered.
    pub files: Arc<Vec<TransferView>>,
    /// The verdict of a test call, once it is there.
    pub report: Option<Arc<EchoReport>>,
}

impl CallView {
    /// Who came first of the others, and in a call of two the only one.
    pub fn first(&self) -> Option<&MemberView> {
        self.members.first()
    }

    /// The call with our own voice.
    pub fn is_test(&self) -> bool {
        self.first().is_some_and(|member| member.peer == Callee::Echo)
    }

    /// What the others are called, or the room.
    pub fn name(&self) -> &str {
        match (&self.room, self.first()) {
            (Some(room), _) => &room.name,
            (None, Some(member)) => &member.name,
            (None, None) => "",
        }
    }
}

/// A call where several can be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomView {
    /// For people; of a call of two that grew: the names of the others, joined.
    pub name: String,
    /// Only who knows its password gets in.
    pub locked: bool,
    /// Of a room that people come into by its name: the others who signed that they are there, in the order in which they
    /// came; with some of them there may be no leg (yet). `None`: a call of two that grew.
    pub listed: Option<Arc<Vec<PeerId>>>,
}

impl CallView {
    /// The room, if people come into it by its name.
    pub fn named_room(&self) -> Option<&RoomView> {
        self.room.as_ref().filter(|room| room.listed.is_some())
    }

    /// Those who signed that they are in the room, and with whom there is no leg (yet).
    pub fn unmet(&self) -> impl Iterator<Item = PeerId> {
        let listed = self.room.iter().flat_map(|room| room.listed.iter().flat_map(|listed| listed.iter().copied()));
        listed.filter(|who| !self.members.iter().any(|member| member.peer == Callee::Peer(*who)))
    }
}

/// Somebody who is in the room by the word of others only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HearsayView {
    /// Who.
    pub peer: PeerId,
    /// What they called themselves in the last call with them, or the start of their ID.
    pub name: String,
    /// What those are called who say so.
    pub by: Vec<String>,
    /// They did not take our call; otherwise they are called again by itself.
    pub refused: bool,
}

/// One of the others in a call.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberView {
    /// Their leg: [`PlayerKey::Remote`] of it shows them.
    pub call: CallId,
    /// Who.
    pub peer: Callee,
    /// What they call themselves, or the start of their ID.
    pub name: String,
    /// Where their leg is; calling and ringing while they are invited.
    pub stage: Stage,
    /// Seconds in this stage, or since they were connected.
    pub seconds: u32,
    /// What they say of themselves.
    pub remote: RemoteMedia,
    /// Level of their sound.
    pub level: Level,
    /// They have been speaking for 300 ms.
    pub speaking: bool,
    /// How loud they are played, percent.
    pub volume: u8,
    /// `Direct, 38 ms` or `Relayed, 84 ms`; empty until known.
    pub path: String,
    /// Figures of the last second.
    pub stats: Arc<Stats>,
    /// How good the path to them is, in words, and its last two minutes.
    pub quality: Arc<CallQuality>,
}

/// State of the other side's devices, by its own word over the data channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemoteMedia {
    /// Their camera is on.
    pub camera_on: bool,
    /// Their microphone is muted.
    pub muted: bool,
    /// Their hand is up.
    pub hand: bool,
    /// Their picture is a screen or window of theirs: to be shown whole.
    pub sharing: bool,
    /// They keep the last 20 s of what they hear and can play it again.
    pub replay: bool,
    /// What they show of their mind, while it is fresh.
    pub reaction: Option<Reaction>,
}

impl RemoteMedia {
    /// Whether their picture stands still: they show neither themselves nor a screen.
    pub fn is_still(&self) -> bool {
        !self.camera_on && !self.sharing
    }
}

/// How long a reaction is shown.
pub const REACTION_SECONDS: u32 = 4;

/// A call that rings here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingView {
    /// Which.
    pub call: CallId,
    /// Who.
    pub from: PeerId,
    /// What they call themselves.
    pub name: String,
    /// With picture.
    pub video: bool,
    /// We have talked before.
    pub known: bool,
    /// Seconds until it counts as missed, of [`RING_SECONDS`].
    pub seconds_left: u32,
    /// The ringing was silenced.
    pub silenced: bool,
}

/// How long a call rings.
pub const RING_SECONDS: u32 = 45;

/// A person of the list on Home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    /// Who.
    pub id: PeerId,
    /// What they called themselves last.
    pub name: String,
    /// Who called whom.
    pub direction: Direction,
    /// With picture.
    pub video: bool,
    /// Word of the outcome ([`Outcome::word`]).
    pub outcome: String,
    /// When it began, seconds since 1970.
    pub time: i64,
    /// How long it lasted, seconds; 0 where it was never connected.
    pub seconds: u32,
}

/// What a test call found.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct EchoReport {
    /// Everything is as it should be.
    pub good: bool,
    /// One or two sentences.
    pub verdict: String,
    /// From the click to the secured transport, ms.
    pub setup_ms: u64,
    /// From the click to the first picture from there, ms; `None` where no picture came.
    pub first_frame_ms: Option<u64>,
    /// Capture to decoded, one way, ms.
    pub latency_ms: Option<super::stats::Percentiles>,
    /// Share of packets lost, both ways.
    pub loss: f64,
    /// Picture bits per second that came back.
    pub video_bitrate_bps: u64,
    /// Sound bits per second that came back.
    pub audio_bitrate_bps: u64,
    /// Pictures a second that came back.
    pub fps: f64,
    /// Width of the picture that came back.
    pub width: u32,
    /// Height of the picture that came back.
    pub height: u32,
    /// Loudest sound that came back, dBFS.
    pub level_dbfs: Option<f64>,
}

/// Which picture: asks [`Handle::player`](crate::client::Handle::player) for the slot that shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PlayerKey {
    /// Our own camera, not mirrored.
    Preview,
    /// The other side of this leg; see [`MemberView::call`].
    Remote(CallId),
}
