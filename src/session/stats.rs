//! Counters of the parts → the figures of one peer. Rates are over the time since the last call.

use std::time::Instant;

use super::process::process;
use crate::model::stats::{
    Percentiles, Received, ReceivedAudio, ReceivedVideo, Sent, SentAudio, SentVideo, Stats, Transport,
};
use crate::pipeline::audio::{AudioCounts, AudioLevels, InputStats};
use crate::pipeline::publish::PublishStats;
use crate::pipeline::subscribe::SubscribeStats;
use crate::rtc::stats::Figures;

/// All counters of one peer at one moment.
pub(super) struct Sample {
    pub at: Instant,
    pub figures: Figures,
    pub published: PublishStats,
    pub subscribed: SubscribeStats,
    /// Of the pictures since the last sample.
    pub longest_gap_ms: f64,
    pub input: InputStats,
    pub levels: AudioLevels,
    pub counts: AudioCounts,
}

/// What `now` and the sample before say together.
pub(super) fn stats(before: Option<&Sample>, now: &Sample, latency_ms: &mut [f64], transport: Transport) -> Stats {
    let seconds = before.map_or(0.0, |before| (now.at - before.at).as_secs_f64());
    let rate = |count: fn(&Sample) -> u64| match before {
        Some(before) if seconds > 0.0 => count(now).saturating_sub(count(before)) as f64 / seconds,
        _ => 0.0,
    };
    let bits = |count: fn(&Sample) -> u64| (rate(count) * 8.0) as u64;
    let (figures, input) = (&now.figures, &now.input);
    let received = Received {
        video: ReceivedVideo {
            fps: rate(|s| s.subscribed.frames),
            width: now.subscribed.width,
            height: now.subscribed.height,
            bitrate_bps: bits(|s| s.figures.video_in.bytes),
            packets: figures.video_in.packets,
            lost: figures.video_in.lost,
            nacks: figures.nacks,
            plis: figures.plis,
            freezes: now.subscribed.freezes,
            frozen_ms: now.subscribed.frozen_ms,
            frames: now.subscribed.frames,
            bytes: now.subscribed.bytes,
            longest_gap_ms: now.longest_gap_ms,
            // Before the percentiles sort them.
            latencies_ms: latency_ms.to_vec(),
            latency_ms: Percentiles::of(latency_ms),
            skew_ms: None,
            decode_ms: now.subscribed.decode_ms,
        },
        audio: ReceivedAudio {
            bitrate_bps: bits(|s| s.figures.audio_in.bytes),
            packets: figures.audio_in.packets,
            lost: input.lost,
            concealed_share: input.concealed_share,
            samples: input.samples,
            concealed: input.concealed,
            jitter_buffer_ms: input.jitter_buffer_ms,
            level_dbfs: input.level_dbfs,
            device_gaps: now.counts.overfull,
            device_xruns: now.counts.speaker_xruns,
        },
    };
    let sent = Sent {
        video: SentVideo {
            fps: rate(|s| s.published.frames),
            width: now.published.width,
            height: now.published.height,
            bitrate_bps: bits(|s| s.figures.video_out.bytes),
            target_bps: u64::from(now.published.target_bps),
            packets: figures.video_out.packets,
            frames: now.published.frames,
            dropped: now.published.dropped,
            keyframes: now.published.keyframes,
            encode_ms: now.published.encode_ms,
            paused: now.published.paused,
            lost_share: figures.lost_share,
        },
        audio: SentAudio {
            bitrate_bps: bits(|s| s.figures.audio_out.bytes),
            packets: figures.audio_out.packets,
            level_dbfs: now.levels.sent_dbfs,
            device_gaps: now.counts.starved,
            device_xruns: now.counts.microphone_xruns,
        },
    };
    Stats { received, sent, transport, process: process() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtc::stats::Count;
    use std::time::Duration;

    #[test]
    fn rates_are_over_the_time_between_two_calls() {
        let start = Instant::now();
        let sample = |at: Instant, frames: u64, bytes: u64| Sample {
            at,
            figures: Figures { video_in: Count { packets: frames, bytes, lost: 0 }, ..Figures::default() },
            published: PublishStats::default(),
            subscribed: SubscribeStats { frames, ..SubscribeStats::default() },
            longest_gap_ms: 40.0,
            input: InputStats::default(),
            levels: AudioLevels::default(),
            counts: AudioCounts::default(),
        };
        let first = sample(start, 10, 1000);
        let video = stats(None, &first, &mut [], Transport::default()).received.video;
        assert_eq!((video.fps, video.bitrate_bps, video.frames), (0.0, 0, 10));
        let second = sample(start + Duration::from_secs(2), 70, 251_000);
        let video = stats(Some(&first), &second, &mut [3.0, 1.0], Transport::default()).received.video;
        assert_eq!((video.fps, video.bitrate_bps), (30.0, 1_000_000));
        assert_eq!(video.latency_ms.unwrap().max, 3.0);
        assert_eq!((video.latencies_ms, video.longest_gap_ms), (vec![3.0, 1.0], 40.0));
    }
}
