//! What a jitter buffer counts.

/// What has happened so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct JitterStats {
    /// Packets that came in time to be played, without doubles.
    pub packets: u64,
    /// Packets that were not there when they were due.
    pub lost: u64,
    /// Of these, brought back by error correction.
    pub recovered: u64,
    /// Packets that came in time as a copy in a later one, and not themselves; no part of `packets` or `lost`.
    pub copies: u64,
    /// Packets that came when their time was over, or twice.
    pub late: u64,
    /// Packets that could not be decoded.
    pub malformed: u64,
    /// Times the stream started anew with other numbers.
    pub restarts: u64,
    /// Samples played since the first packet.
    pub samples: u64,
    /// Of these, made up because nothing was there.
    pub concealed: u64,
    /// Samples taken out to catch up.
    pub removed: u64,
    /// Samples put in to wait.
    pub inserted: u64,
    /// Mean time a packet waited, over the last seconds, ms.
    pub delay_ms: f64,
    /// Delay aimed at, ms.
    pub target_ms: f64,
}
