//! Candidates with a name for an address: looked up beside the connection, and added when the address is known.

use std::sync::Arc;

use webrtc::peer_connection::RTCIceCandidateInit;

use super::Peer;
use crate::rtc::description::Candidate;
use crate::rtc::ice::{name_in, named_in};

impl Peer {
    /// Takes a candidate on if it has a name for an address; `false`: it has not.
    pub(super) fn look_up(&self, candidate: &Candidate) -> bool {
        if name_in(&candidate.candidate).is_none() {
            return false;
        }
        let (connection, network, named) = (Arc::clone(&self.connection), self.network.clone(), candidate.clone());
        self.shared.spawn(async move {
            let Some(candidate) = network.resolve(&named.candidate).await else {
                return tracing::debug!("nobody here bears the name in {}", named.candidate);
            };
            let found = RTCIceCandidateInit {
                candidate,
                sdp_mid: named.sdp_mid,
                sdp_mline_index: named.sdp_m_line_index,
                username_fragment: named.username_fragment,
                url: None,
            };
            if let Err(e) = connection.add_ice_candidate(found).await {
                tracing::debug!("a candidate whose name was looked up is of no use: {e}");
            }
        });
        true
    }

    /// The same for those in a description of the other side, once it is in force.
    pub(super) fn look_up_all(&self, sdp: &str) {
        for line in named_in(sdp) {
            self.look_up(&Candidate {
                candidate: line.to_owned(),
                sdp_mid: None,
                sdp_m_line_index: Some(0),
                username_fragment: None,
            });
        }
    }
}
