//! Figures of one call, as they go out in a `stats` line of JSON.
//!
//! Names follow W3C's webrtc-stats where it has one. Rates are bits per second, times milliseconds, counts since the
//! call began, shares from 0 to 1. A figure nobody knows yet is `null`.

use serde::Serialize;

/// p50, p95 and the largest of one interval, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 95 of 100 were not above it.
    pub p95: f64,
    /// Largest.
    pub max: f64,
}

impl Percentiles {
    /// Of these values; `None` where there are none. Sorts them.
    pub fn of(values: &mut [f64]) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values.get(((values.len() as f64 - 1.0) * share).round() as usize).copied();
        Some(Self { p50: at(0.5)?, p95: at(0.95)?, max: at(1.0)? })
    }
}

/// Video that comes in.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ReceivedVideo {
    /// Pictures decoded a second, over the last interval.
    pub fps: f64,
    /// Width of the newest picture.
    pub width: u32,
    /// Height of the newest picture.
    pub height: u32,
    /// Payload, over the last interval.
    pub bitrate_bps: u64,
    /// RTP packets.
    pub packets: u64,
    /// RTP packets that never came.
    pub lost: u64,
    /// NACKs sent.
    pub nacks: u64,
    /// Keyframes asked for.
    pub plis: u64,
    /// Times the picture stood still: a gap over max(3 × mean, mean + 150 ms) (webrtc-stats `freezeCount`).
    pub freezes: u64,
    /// Time it stood still, ms.
    pub frozen_ms: u64,
    /// Pictures decoded.
    pub frames: u64,
    /// Encoded pictures that were given to the decoder, bytes: without headers, repetitions and what only fills the path.
    pub bytes: u64,
    /// Longest time between two pictures of the last interval, ms; one that is waited for counts until now.
    pub longest_gap_ms: f64,
    /// Capture to shown of every picture of the last interval that has a timecode, ms, oldest first; left out where
    /// there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub latencies_ms: Vec<f64>,
    /// Capture to shown, read from the timecode in the picture; `None` where there is none.
    pub latency_ms: Option<Percentiles>,
    /// How far pictures and the sound of the same moment are apart when they are shown and heard, either way; `None` where
    /// that is not known, which takes reports of the sender about both.
    pub skew_ms: Option<Percentiles>,
    /// Mean time to decode one picture, ms, over the last interval.
    pub decode_ms: f64,
}

/// Sound that comes in.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ReceivedAudio {
    /// Payload, over the last interval.
    pub bitrate_bps: u64,
    /// RTP packets.
    pub packets: u64,
    /// RTP packets that never came, or too late.
    pub lost: u64,
    /// Share of what was played that had to be made up.
    pub concealed_share: f64,
    /// Samples played, 48,000 a second (webrtc-stats `totalSamplesReceived`).
    pub samples: u64,
    /// Those of them that had to be made up (webrtc-stats `concealedSamples`).
    pub concealed: u64,
    /// Mean time a packet waits before it is played, ms.
    pub jitter_buffer_ms: f64,
    /// Level of what is played, dBFS; `None` for digital silence.
    pub level_dbfs: Option<f64>,
    /// Times 10 ms were not, or not wholly, played because our speaker kept no time, since the program started.
    pub device_gaps: u64,
    /// Times the speaker itself ran dry, as its driver tells, since the program started.
    pub device_xruns: u64,
}

/// Both kinds that come in.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Received {
    /// Picture.
    pub video: ReceivedVideo,
    /// Sound.
    pub audio: ReceivedAudio,
}

/// Video that goes out.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct SentVideo {
    /// Pictures encoded a second, over the last interval.
    pub fps: f64,
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
    /// Payload, over the last interval.
    pub bitrate_bps: u64,
    /// What the encoder aims at.
    pub target_bps: u64,
    /// RTP packets.
    pub packets: u64,
    /// Pictures encoded.
    pub frames: u64,
    /// Pictures captured and not encoded: the encoder was late.
    pub dropped: u64,
    /// Keyframes.
    pub keyframes: u64,
    /// Mean time to encode one picture, ms, over the last interval.
    pub encode_ms: f64,
    /// Share of packets the other side reports lost, over its last report.
    pub lost_share: Option<f64>,
    /// The path carries sound alone: a picture goes out every two seconds.
    pub paused: bool,
}

/// Sound that goes out.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct SentAudio {
    /// Payload, over the last interval.
    pub bitrate_bps: u64,
    /// RTP packets.
    pub packets: u64,
    /// Level of what is sent, dBFS; `None` for digital silence.
    pub level_dbfs: Option<f64>,
    /// Times 10 ms were silent because our microphone had not given them in time, since the program started.
    pub device_gaps: u64,
    /// Times the microphone itself ran over, as its driver tells, since the program started.
    pub device_xruns: u64,
}

/// Both kinds that go out.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Sent {
    /// Picture.
    pub video: SentVideo,
    /// Sound.
    pub audio: SentAudio,
}

/// The path between the two.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Transport {
    /// Round trip of the selected candidate pair, ms.
    pub rtt_ms: Option<f64>,
    /// Our end: `192.0.2.7:40123 host`.
    pub local: Option<String>,
    /// Theirs.
    pub remote: Option<String>,
    /// Whether a TURN server stands between.
    pub relayed: bool,
}

/// What this process costs.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Process {
    /// Processor seconds since it started; `None` where the system does not tell.
    pub cpu_s: Option<f64>,
    /// Proportional set size, MB; `None` where the system does not tell.
    pub pss_mb: Option<f64>,
}

/// All of it, of one peer.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Stats {
    /// What comes in.
    pub received: Received,
    /// What goes out.
    pub sent: Sent,
    /// The path.
    pub transport: Transport,
    /// The process.
    pub process: Process,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_hundred_values() {
        let mut values: Vec<f64> = (1..=101).rev().map(f64::from).collect();
        assert_eq!(Percentiles::of(&mut values), Some(Percentiles { p50: 51.0, p95: 96.0, max: 101.0 }));
        assert_eq!(Percentiles::of(&mut []), None);
    }
}
