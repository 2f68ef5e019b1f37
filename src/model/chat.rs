//! What was written in a call.

use super::id::PeerId;

/// Longest text of one message, in bytes of UTF-8.
pub const MAX_TEXT: usize = 16 * 1024;

/// How far a message of ours has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivery {
    /// Kept, not yet on its way: the channel is not open.
    Waiting,
    /// ✓ handed to the transport.
    Sent,
    /// ✓✓ the other side has it.
    Received,
    /// The call ended first.
    Failed,
}

/// One message in the panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatLine {
    /// Number within this conversation, in the order shown; stable, and a good widget ID.
    pub number: u64,
    /// Written by us.
    pub mine: bool,
    /// In a room, what whoever wrote it calls themselves; else empty: we, or the only other.
    pub author: String,
    /// The text, at most [`MAX_TEXT`] bytes, without control characters other than line breaks.
    pub text: String,
    /// Seconds since 1970, by the clock of the side that shows it.
    pub time: i64,
    /// For our own messages; theirs are always `Received`.
    /// In a room, the least that holds for all to whom it goes.
    pub delivery: Delivery,
    /// In a room, who of the others has a message of ours.
    pub received_by: Vec<PeerId>,
}
