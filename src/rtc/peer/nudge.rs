//! Data channels that open at once.
//!
//! What the crate's connection task writes while it works through an event goes out at its next turn, and on a silent
//! connection that is a timer of 200 ms; an opening needs two. So the task is kept turning until the first channel is open.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use super::handler::Shared;
use crate::rtc::channel::CONTROL;

/// Pause between nudges, and how many.
const NUDGE: Duration = Duration::from_millis(5);
const NUDGES: u32 = 100;

/// Keeps the connection's task turning until [`CONTROL`] is open. An empty compound RTCP packet is never sent.
pub(super) async fn nudge(track: Arc<TrackLocalStaticRTP>, shared: Weak<Shared>, mut connected: watch::Receiver<bool>) {
    if connected.wait_for(|connected| *connected).await.is_err() {
        return;
    }
    for _ in 0..NUDGES {
        let waits = shared.upgrade().is_some_and(|shared| shared.channels.waits(CONTROL));
        if !waits || track.write_rtcp(Vec::new()).await.is_err() {
            return;
        }
        tokio::time::sleep(NUDGE).await;
    }
}
