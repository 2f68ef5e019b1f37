//! What is known of the path to one peer, and what is found wrong with it.

use crate::model::quality::{Cause, Quality};

/// One way of a path. Counts since the call began; of the way up all but the bytes is as the receiver reports.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Flow {
    /// Packets of media of which is known whether they arrived, by their numbers on the wire, …
    pub packets: u64,
    /// … of those, the ones that did not, …
    pub lost: u64,
    /// … how often one or more in a row did not, …
    pub runs: u64,
    /// … and how often several in a row did not, after some time in which all such arrived.
    pub bursts: u64,
    /// Bytes of sound and picture.
    pub bytes: u64,
    /// Of the sound, ms (RFC 3550 §6.4.1); `None` while that is not known.
    pub jitter_ms: Option<f64>,
}

/// What is sent to one peer. Counts since the call began.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sending {
    /// What becomes of it.
    pub flow: Flow,
    /// Packets that left, with those sent again.
    pub left: u64,
    /// What the path is believed to carry, bit/s.
    pub carries_bps: u64,
    /// What it carries together with the paths to other peers, where it was seen to share a bottleneck with them: this
    /// side's uplink, most likely; bit/s.
    pub shared_bps: Option<u64>,
    /// What our pictures are worth at most, bit/s.
    pub wanted_bps: u64,
    /// The picture is paused to keep the sound.
    pub paused: bool,
    /// Height of the newest picture sent; 0: none yet.
    pub height: u32,
    /// Pictures encoded.
    pub frames: u64,
    /// Pictures captured and not encoded.
    pub dropped: u64,
    /// Mean time to encode one, ms.
    pub encode_ms: f64,
    /// Pictures are made smaller than the path would carry, for the computer cannot make more.
    pub spared: bool,
}

/// What comes from one peer. Counts since the call began.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Receiving {
    /// What becomes of it.
    pub flow: Flow,
    /// Packets of any kind that arrived, reports too.
    pub arrived: u64,
    /// Pictures decoded.
    pub frames: u64,
    /// Times the picture stood still.
    pub freezes: u64,
    /// Pictures come faster than this computer can decode them, for some seconds now.
    pub behind: bool,
    /// Samples of sound played, and made up.
    pub samples: u64,
    /// See `samples`.
    pub concealed: u64,
}

/// What is known of one peer at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Seen {
    /// To them.
    pub up: Sending,
    /// From them.
    pub down: Receiving,
    /// Round trip by the reports, ms.
    pub rtt_ms: Option<f64>,
    /// The path goes through a relay.
    pub relayed: bool,
    /// A picture that moves should come: their camera is on, and no screen is shared.
    pub moves: bool,
    /// What they say of their own upload.
    pub word: Word,
}

/// What one side tells the other of its upload: who sends knows best what the path gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Word {
    /// It carries less than a good picture needs: so much, bit/s.
    pub narrow_bps: Option<u64>,
    /// It would carry enough for one, but has to carry several to other peers.
    pub shared: bool,
    /// So little that the picture is paused.
    pub paused: bool,
    /// The computer cannot make its pictures in time.
    pub busy: bool,
}

/// A fault and how bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// What.
    pub cause: Cause,
    /// How much is noticed of it.
    pub quality: Quality,
}

/// What one peer's path suffers from: the worst of each way, and of both together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Finding {
    /// To them.
    pub up: Option<Found>,
    /// From them.
    pub down: Option<Found>,
    /// There and back.
    pub both: Option<Found>,
}
