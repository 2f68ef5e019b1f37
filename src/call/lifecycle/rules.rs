//! How long each step of a call may take, and the words for what went wrong.

use std::time::Duration;

use crate::model::snapshot::RING_SECONDS;

/// How long our own offer or answer may take.
pub const PREPARE: Duration = Duration::from_secs(10);
/// How long the other program may take to say that it rings.
pub const REACH: Duration = Duration::from_secs(10);
/// How long a call rings, from the ring sent.
pub const RING: Duration = Duration::from_secs(RING_SECONDS as u64);
/// How much longer the callee waits for the caller's word about that.
pub const RING_GRACE: Duration = Duration::from_secs(2);
/// How long the media path may take.
pub const CONNECT: Duration = Duration::from_secs(20);
/// How long a broken path is mended.
pub const RECONNECT: Duration = Duration::from_secs(45);
/// How long, if the server also says that the other program is gone.
pub const RECONNECT_GONE: Duration = Duration::from_secs(3);
/// How long a path that is being built may still come to stand when the other program is gone from the server.
pub const CONNECT_GONE: Duration = Duration::from_millis(800);
/// Pause between two attempts to restart ICE: an offer, its answer and the checks of a slow path fit in.
pub const RESTART_EVERY: Duration = Duration::from_secs(4);
/// How much longer than the caller the callee waits with its first one. Two at once would be sorted out, but each costs
/// the other one its progress.
pub const RESTART_CALLEE: Duration = Duration::from_secs(2);

pub(super) const THEIRS_FAILED: &str = "the other program could not go on; call again";
pub(super) const THEIRS_STARTED_ANEW: &str = "the other program started anew";
pub(super) const SERVER_LOST: &str = "the connection to the server was lost; call again once you are online";
pub(super) const MEDIA_SLOW: &str = "camera or microphone did not get ready; choose other devices or try again";
pub(super) const NO_PATH: &str = "no way to the other side was found; a firewall may block it, try another network";
pub(super) const PATH_LOST: &str = "the connection was lost; call again";
