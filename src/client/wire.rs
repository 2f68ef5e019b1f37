//! Names, conversions and clocks shared by the files of this folder.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::body;
use crate::session;

/// Name of the data channel for chat: reliable, in order, in the first offer.
pub(super) const CHAT: &str = "chat";

/// Name of the data channel for files: reliable, in order, in the first offer.
pub(super) const FILES: &str = "files";

/// A candidate as the session takes it.
pub(super) fn candidate_in(candidate: body::Candidate) -> session::Candidate {
    session::Candidate {
        candidate: candidate.candidate,
        sdp_mid: candidate.sdp_mid,
        sdp_m_line_index: candidate.sdp_m_line_index,
        username_fragment: candidate.username_fragment,
    }
}

/// A candidate as signaling carries it.
pub(super) fn candidate_out(candidate: session::Candidate) -> body::Candidate {
    body::Candidate {
        candidate: candidate.candidate,
        sdp_mid: candidate.sdp_mid,
        sdp_m_line_index: candidate.sdp_m_line_index,
        username_fragment: candidate.username_fragment,
    }
}

/// Seconds since 1970.
pub(super) fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().try_into().unwrap_or(i64::MAX))
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
