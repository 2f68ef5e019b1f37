//! What the machine is told and what it asks for.

use bytes::Bytes;

use super::frame::{Hash, Why};
use super::pace::Room;
use crate::model::transfer::{TransferId, TransferState};

/// What a disk says when it cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// For the other side.
    pub why: Why,
    /// For the person here: what happened and what to do.
    pub words: String,
}

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// The channel opened, for the first time or again.
    Open,
    /// The channel is gone; it may come back.
    Closed,
    /// A text message came.
    Text(&'a [u8]),
    /// A binary message came.
    Bytes(Bytes),
    /// The person takes what is offered.
    Accept(TransferId),
    /// The person does not.
    Refuse(TransferId),
    /// The person stops it.
    Cancel(TransferId),
    /// What the call has of the path now.
    Room(Room),
    /// Answer to [`Output::OpenSource`].
    Opened {
        /// Which.
        id: TransferId,
        /// As asked.
        turn: u32,
        /// As asked, or 0 where the hashes differ.
        from: u64,
        /// SHA-256 of the whole file, where `from` is its end.
        sha256: Option<Hash>,
    },
    /// Answer to [`Output::Read`].
    Read {
        /// Which.
        id: TransferId,
        /// As asked.
        at: u64,
        /// As many as asked.
        bytes: Bytes,
        /// SHA-256 of the whole file, after its last byte.
        sha256: Option<Hash>,
    },
    /// Answer to [`Output::OpenSink`].
    Part {
        /// Which.
        id: TransferId,
        /// As asked.
        turn: u32,
        /// Bytes that are there.
        have: u64,
        /// Their SHA-256.
        sha256: Hash,
    },
    /// Answer to [`Output::Write`].
    Written {
        /// Which.
        id: TransferId,
        /// Bytes written of the file, from its beginning.
        have: u64,
    },
    /// Answer to [`Output::Finish`]: the hash is right and the file has its name.
    Kept(TransferId),
    /// Answer to any of these: it cannot be done.
    Failed(TransferId, Fault),
    /// Time passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Hand this text to the channel.
    Text(String),
    /// Hand these bytes to the channel.
    Bytes(Bytes),
    /// Open the file to be sent, anew; go on after `have` bytes if that is their hash, otherwise from 0.
    OpenSource {
        /// Which.
        id: TransferId,
        /// Counts openings; the answer names it.
        turn: u32,
        /// So many bytes are there.
        have: u64,
        /// Their hash; without one, from 0.
        sha256: Option<Hash>,
    },
    /// Read on.
    Read {
        /// Which.
        id: TransferId,
        /// Where the last read ended.
        at: u64,
        /// So many bytes.
        len: u32,
    },
    /// The file to be sent is not needed now.
    CloseSource(TransferId),
    /// Find or make the place where it is written until it is whole; check that there is room for the rest.
    OpenSink {
        /// Which.
        id: TransferId,
        /// Counts openings; the answer names it.
        turn: u32,
        /// Its name, already safe.
        name: String,
        /// Bytes of the whole.
        size: u64,
    },
    /// Throw away what is there and begin at 0.
    Rewind(TransferId),
    /// Write on.
    Write {
        /// Which.
        id: TransferId,
        /// Where the last write ended.
        at: u64,
        /// What.
        bytes: Bytes,
    },
    /// Compare the hash of all that was written and give the file its name.
    Finish(TransferId, Hash),
    /// Nothing comes now; keep what is there.
    PauseSink(TransferId),
    /// Remove what is there.
    DropSink(TransferId),
    /// The other side offers a file.
    Offered(TransferId),
    /// A transfer is over.
    Over(TransferId),
}

/// One transfer, for whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Which.
    pub id: TransferId,
    /// We send it.
    pub mine: bool,
    /// Its name, safe.
    pub name: &'a str,
    /// Bytes.
    pub size: u64,
    /// Bytes that the receiver has written.
    pub done: u64,
    /// Where it is.
    pub state: TransferState,
}
