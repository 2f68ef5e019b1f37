//! All a person can ask for: the only voice of the window and of the headless command line.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::id::{CallId, Callee, PeerId};
use super::reaction::Reaction;
use super::settings::Settings;
use super::transfer::TransferId;

/// A key that is held is told again within this time; one that is not is taken as let go, whatever became of the
/// keyboard or of the window.
pub const HOLD_LIMIT: Duration = Duration::from_secs(3);

/// How large somebody is on the screen, in physical pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TileSize {
    /// At most 200 high: one of many beside a stage.
    Small,
    /// At most 400 high: a tile of a grid.
    Medium,
    /// Higher.
    Large,
}

impl TileSize {
    /// The class of a tile so many physical pixels high.
    pub fn of(high: f32) -> Self {
        match high {
            high if high > 400.0 => Self::Large,
            high if high > 200.0 => Self::Medium,
            _ => Self::Small,
        }
    }

    /// So high it is at most, physical pixels; `None`: any height.
    pub fn height(self) -> Option<u32> {
        match self {
            Self::Small => Some(200),
            Self::Medium => Some(400),
            Self::Large => None,
        }
    }
}

/// One wish. A wish that cannot be granted is answered by a [`Notice`](super::notice::Notice), never by silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Call somebody, with picture or with sound only.
    Call {
        /// Whom.
        to: Callee,
        /// With our picture.
        video: bool,
    },
    /// Call whom a text means: an ID, an invitation, `echo`, or the name of somebody called before.
    CallText {
        /// As typed.
        text: String,
        /// With our picture.
        video: bool,
    },
    /// Take the incoming call.
    Accept {
        /// Which.
        call: CallId,
        /// With our picture.
        video: bool,
    },
    /// Refuse the incoming call.
    Decline {
        /// Which.
        call: CallId,
    },
    /// Stop ringing here, without an answer.
    SilenceRing,
    /// Cancel the call that rings, or leave the one that runs.
    HangUp,
    /// Close the words about a call that ended.
    DismissEnded,
    /// Mute or open the microphone.
    Mute(bool),
    /// Push-to-talk (or to cough): `true` when the key goes down, and again within [`HOLD_LIMIT`] for as long as it is
    /// held; `false` when it is let go. It also ends with the call and with the microphone.
    HoldToTalk(bool),
    /// Camera on or off; off closes the device.
    Camera(bool),
    /// Share the screen or window with this ID in the call, instead of the camera; `None`: share no more.
    Share(Option<String>),
    /// Let the others keep the last picture of what is shared, or go on.
    PauseShare(bool),
    /// Share the same on, otherwise.
    ShareAs {
        /// With what the computer plays.
        sound: bool,
        /// For what moves: smaller pictures, twice as many. Otherwise for text.
        smooth: bool,
    },
    /// Raise or lower the hand.
    RaiseHand(bool),
    /// Invite whom a text means (as for [`Command::CallText`]) into the call that runs; a call of two becomes a room by it.
    Invite(String),
    /// Show the others what one thinks, for a few seconds.
    React(Reaction),
    /// These legs are on the screen now, so large; the others of the call are not to be seen. Until it is said for the first
    /// time, all are seen large.
    Watch(Vec<(CallId, TileSize)>),
    /// Write to the other side of the call.
    Chat(String),
    /// The panel is open: what came is read.
    ChatOpen(bool),
    /// Offer these files, and those in these folders, to the other side of the call.
    SendFiles(Vec<PathBuf>),
    /// Show the desktop's dialog to choose files, and offer what is chosen to the others of this call.
    ChooseFiles,
    /// Offer a picture that was pasted: a whole PNG file.
    SendImage(Arc<[u8]>),
    /// Take a file that is offered.
    AcceptFile(TransferId),
    /// Do not take it.
    RefuseFile(TransferId),
    /// Stop a file, whoever sends it.
    CancelFile(TransferId),
    /// Show the folder that a file lies in.
    OpenFolder(TransferId),
    /// Open a picture that was sent or received, by the system's own program for it.
    OpenPicture(TransferId),
    /// Open camera and microphone for a look (green room, first run, settings), or close them again.
    Preview(bool),
    /// Play a short sound on the chosen speaker.
    PlayTestSound,
    /// Ring once on the chosen ring device.
    PlayRing,
    /// Play what was heard in the last 20 s again, or stop that.
    SayAgain(bool),
    /// Look for devices again.
    ListDevices,
    /// Go back to the devices that were used before the last [`Notice::Devices`](super::notice::Notice::Devices); counts
    /// as choosing them.
    UndoDevices,
    /// Take these settings in force and keep them. Device changes act at once, also in a call.
    Settings(Box<Settings>),
    /// How loud somebody is played.
    Volume {
        /// Who of the call.
        of: Callee,
        /// Percent, 0…200.
        percent: u8,
    },
    /// Try the server now instead of waiting for the next attempt.
    Reconnect,
    /// Take one entry out of the recent calls.
    ForgetRecent(PeerId),
    /// End the program in an orderly way.
    Quit,
}
