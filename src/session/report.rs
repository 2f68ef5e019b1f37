//! Statistics of a peer in W3C's words: what its connection knows, with what encoder, decoder and sound know; and the
//! event that brings them again and again.

use std::sync::{PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::link::Link;
use super::manager::{Inner, Session};
use super::types::{SessionError, SessionEvent};
use crate::model::clock::Played;
use crate::model::report::{InboundRtp, MediaKind, MediaSource, OutboundRtp, StatsReport};
use crate::pipeline::audio::InputStats;
use crate::pipeline::publish::PublishStats;
use crate::pipeline::subscribe::SubscribeStats;

/// Statistics do not come more often than this.
const SHORTEST: Duration = Duration::from_millis(100);

/// Counts of the report before, for what is a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported {
    at: Instant,
    captured: u64,
    sent: u64,
    decoded: u64,
}

impl Session {
    /// All statistics of a peer by W3C's webrtc-stats; see [`model::report`](crate::model::report). Figures *a second* are
    /// over the time since the report before.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub async fn stats_report(&self, peer: &str) -> Result<StatsReport, SessionError> {
        Ok(self.inner.link(peer)?.report(&self.inner).await)
    }

    /// How often every peer's statistics are told as [`SessionEvent::Stats`]; `None`, as at the start: never. Not more
    /// often than every 100 ms.
    pub fn set_stats_interval(&self, interval: Option<Duration>) {
        self.inner.stats_interval.send_replace(interval.map(|interval| interval.max(SHORTEST)));
    }
}

impl Link {
    pub(super) async fn report(&self, session: &Inner) -> StatsReport {
        let mut report = self.peer.report().await;
        let subscribed = self.subscribed().unwrap_or_default();
        let (published, input, level) = session
            .media(|media| {
                let audio = &media.audio;
                (media.video.stats_of(self.id), audio.input_stats(self.id), audio.levels().sent_dbfs)
            })
            .unwrap_or_default();
        let sent = report.outbound_rtp.iter().filter_map(|stream| stream.frames_sent).sum();
        let now = Reported { at: Instant::now(), captured: published.captured, sent, decoded: subscribed.frames };
        let before = self.reported.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        let rate = |count: fn(&Reported) -> u64| {
            let before = before.as_ref()?;
            let seconds = now.at.saturating_duration_since(before.at).as_secs_f64();
            (seconds > 0.0).then(|| count(&now).saturating_sub(count(before)) as f64 / seconds)
        };
        // But for the further tracks, the peer's first streams of each kind are those of its player and the mixer.
        let playout = |of: Option<Played>| of.map(|of| of.captured_at(now.at).as_secs_f64() * 1000.0);
        let further = |of: &InboundRtp| of.mid.as_ref().and_then(|mid| self.furthers.shown(mid));
        let mut main = Some((subscribed, rate(|of| of.decoded)));
        for stream in report.inbound_rtp.iter_mut().filter(|of| of.kind == MediaKind::Video) {
            let Some((shown, rate)) = further(stream).map(|of| (of, None)).or_else(|| main.take()) else { continue };
            decoded(stream, &shown, rate);
            stream.estimated_playout_timestamp = playout(shown.played);
        }
        if let Some(stream) = first(&mut report.inbound_rtp, |of| of.kind == MediaKind::Audio) {
            played(stream, &input.unwrap_or_default());
            stream.estimated_playout_timestamp = playout(self.lips.sound());
        }
        if let Some(stream) = first(&mut report.outbound_rtp, |of| of.kind == MediaKind::Video) {
            encoded(stream, &published, rate(|of| of.sent));
        }
        if let Some(stream) = first(&mut report.outbound_rtp, |of| of.kind == MediaKind::Audio) {
            stream.media_source_id = Some(MICROPHONE.to_owned());
        }
        let chosen = report.selected_pair().map(|pair| pair.id.clone());
        if let Some(pair) = first(&mut report.candidate_pair, |pair| Some(&pair.id) == chosen.as_ref()) {
            pair.available_outgoing_bitrate = self.bitrate().map(|bps| bps as f64);
        }
        report.media_source = vec![
            MediaSource {
                id: CAMERA.to_owned(),
                kind: MediaKind::Video,
                frames: Some(published.captured),
                frames_per_second: rate(|of| of.captured),
                width: (published.width > 0).then_some(published.width),
                height: (published.height > 0).then_some(published.height),
                ..MediaSource::default()
            },
            MediaSource {
                id: MICROPHONE.to_owned(),
                kind: MediaKind::Audio,
                audio_level: Some(linear(level)),
                ..MediaSource::default()
            },
        ];
        report
    }
}

const CAMERA: &str = "MediaSource_camera";
const MICROPHONE: &str = "MediaSource_microphone";

fn first<T>(streams: &mut [T], wanted: impl Fn(&T) -> bool) -> Option<&mut T> {
    streams.iter_mut().find(|stream| wanted(stream))
}

/// dBFS → 0…1; digital silence is 0.
fn linear(dbfs: Option<f64>) -> f64 {
    dbfs.map_or(0.0, |dbfs| 10f64.powf(dbfs / 20.0))
}

fn decoded(stream: &mut InboundRtp, of: &SubscribeStats, rate: Option<f64>) {
    stream.frames_decoded = Some(of.frames);
    stream.frames_dropped = Some(of.errors + of.overtaken);
    stream.frame_width = (of.width > 0).then_some(of.width);
    stream.frame_height = (of.height > 0).then_some(of.height);
    stream.frames_per_second = rate;
    stream.freeze_count = Some(of.freezes);
    stream.total_freezes_duration = Some(of.frozen_ms as f64 / 1000.0);
}

fn played(stream: &mut InboundRtp, of: &InputStats) {
    stream.total_samples_received = Some(of.samples);
    stream.concealed_samples = Some(of.concealed);
    stream.inserted_samples_for_deceleration = Some(of.inserted);
    stream.removed_samples_for_acceleration = Some(of.removed);
    stream.packets_discarded = Some(of.overflowed + of.malformed);
    stream.jitter_buffer_delay = Some(of.jitter_buffer_ms / 1000.0);
    stream.jitter_buffer_target_delay = Some(of.target_ms / 1000.0);
    stream.audio_level = Some(linear(of.level_dbfs));
}

fn encoded(stream: &mut OutboundRtp, of: &PublishStats, rate: Option<f64>) {
    stream.media_source_id = Some(CAMERA.to_owned());
    stream.frame_width = (of.width > 0).then_some(of.width);
    stream.frame_height = (of.height > 0).then_some(of.height);
    stream.frames_per_second = rate;
    stream.target_bitrate = Some(f64::from(of.target_bps));
}

/// Tells every peer's statistics, as often as is wanted, until the session ends.
pub(super) async fn tick(mut interval: watch::Receiver<Option<Duration>>, session: Weak<Inner>) {
    loop {
        let wanted = *interval.borrow_and_update();
        let changed = match wanted {
            Some(wanted) => tokio::time::timeout(wanted, interval.changed()).await.ok(),
            None => Some(interval.changed().await),
        };
        match changed {
            Some(Ok(())) => continue,
            Some(Err(_)) => return,
            None => {}
        }
        let Some(session) = session.upgrade() else { return };
        for link in session.links() {
            let stats = Box::new(link.report(&session).await);
            session.tell(SessionEvent::Stats { peer: link.name.clone(), stats }).await;
        }
    }
}
