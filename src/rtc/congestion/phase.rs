//! What the controller is at.

use std::time::Instant;

use super::others::Others;

/// The phase of a path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Phase {
    /// The queue is short: the estimate grows slowly while it is really used, and by probes in leaps.
    Steady,
    /// A queue stood: the estimate fell to what is delivered, and less than that is sent until the queue is gone.
    Draining {
        since: Instant,
        /// Longest queue seen, seconds.
        worst: f64,
    },
    /// The queue stays although we have nearly stopped, so somebody else fills it: the rate follows loss, as theirs does,
    /// until the queue is empty again.
    Competing(Others),
}
