//! Names and conversions shared by both ends of a call.

use crate::model::body;
use crate::session;

/// Name of the data channel for chat: reliable, in order, in the first offer.
pub(super) const CHAT: &str = "chat";

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
