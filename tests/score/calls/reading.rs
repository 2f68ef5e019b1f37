//! What one end tells of what it receives, the same of both programs, and what a window of time says.

use serde_json::Value;

/// Counters at one moment, and what is new since the one before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Seconds since 1970.
    pub at_s: f64,
    /// Video payload since the call began.
    pub bytes: f64,
    /// Pictures shown since the call began.
    pub frames: f64,
    /// Seconds the picture stood still since the call began (`totalFreezesDuration`).
    pub frozen_s: f64,
    /// Samples of sound played since the call began, and those of them that were made up.
    pub samples: f64,
    pub concealed: f64,
    /// Mean time sound waited in the jitter buffer of late, ms.
    pub waiting_ms: f64,
    /// Capture to shown, ms.
    pub latencies_ms: Vec<f64>,
    /// Longest time between two pictures, ms.
    pub gap_ms: f64,
    /// How far a picture was shown before (negative) or after its sound was heard, ms; of ours without a sign.
    pub skew_ms: Option<f64>,
}

impl Reading {
    /// Of a `stats` line of `visavis headless` that came in at this time.
    pub fn of_ours(at_s: f64, line: &Value) -> Self {
        let (video, audio) = (&line["received"]["video"], &line["received"]["audio"]);
        let number = |value: &Value| value.as_f64().unwrap_or_default();
        Self {
            at_s,
            bytes: number(&video["bytes"]),
            frames: number(&video["frames"]),
            frozen_s: number(&video["frozen_ms"]) / 1e3,
            samples: number(&audio["samples"]),
            concealed: number(&audio["concealed"]),
            waiting_ms: number(&audio["jitter_buffer_ms"]),
            latencies_ms: video["latencies_ms"].as_array().into_iter().flatten().map(number).collect(),
            gap_ms: number(&video["longest_gap_ms"]),
            skew_ms: skew(line),
        }
    }

    /// Of what a browser's page tells; the one before is for what it sums up since the call began.
    pub fn of_chromium(said: &Value, before: &mut (f64, f64)) -> Self {
        let (video, audio) = (&said["video"], &said["audio"]);
        let number = |value: &Value| value.as_f64().unwrap_or_default();
        let waited = (number(&audio["jitterBufferDelay"]), number(&audio["jitterBufferEmittedCount"]));
        let (delay, emitted) = (waited.0 - before.0, waited.1 - before.1);
        *before = waited;
        let played = |kind: &Value| kind["estimatedPlayoutTimestamp"].as_f64().filter(|at| *at > 0.0);
        Self {
            at_s: number(&said["at_ms"]) / 1e3,
            bytes: number(&video["bytesReceived"]),
            frames: number(&said["shown"]),
            frozen_s: number(&video["totalFreezesDuration"]),
            samples: number(&audio["totalSamplesReceived"]),
            concealed: number(&audio["concealedSamples"]),
            waiting_ms: delay / emitted.max(1.0) * 1e3,
            latencies_ms: said["ages"].as_array().into_iter().flatten().map(number).collect(),
            gap_ms: number(&said["gap"]),
            // What is played now was taken then: where the sound is of a later moment, the picture comes after it.
            skew_ms: played(audio).zip(played(video)).map(|(sound, picture)| sound - picture),
        }
    }
}

/// The skew in a `stats` line, where there is one: 95 of 100 pictures of its interval were not farther off.
fn skew(line: &Value) -> Option<f64> {
    line["received"]["video"]["skew_ms"]["p95"].as_f64()
}

/// What one end told, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Story(pub Vec<Reading>);

impl Story {
    /// The next one. One that was made before the last came, but came after it, has no counters to tell any more.
    pub fn add(&mut self, reading: Reading) {
        match self.0.last_mut() {
            Some(last) if reading.frames < last.frames || reading.bytes < last.bytes => {
                last.latencies_ms.extend(reading.latencies_ms);
                last.gap_ms = last.gap_ms.max(reading.gap_ms);
            }
            _ => self.0.push(reading),
        }
    }

    /// The readings of this time, with the one before it, which counters are counted from.
    pub fn window(&self, from_s: f64, to_s: f64) -> Self {
        let first = self.0.partition_point(|r| r.at_s <= from_s).saturating_sub(1);
        let end = self.0.partition_point(|r| r.at_s <= to_s);
        Self(self.0[first.min(end)..end].to_vec())
    }

    /// A counter over time.
    pub fn points(&self, counter: fn(&Reading) -> f64) -> Vec<(f64, f64)> {
        self.0.iter().map(|reading| (reading.at_s, counter(reading))).collect()
    }

    /// By how much a counter grew, a second; 0 where there is nothing.
    pub fn rate(&self, counter: fn(&Reading) -> f64) -> f64 {
        match (self.0.first(), self.0.last()) {
            (Some(first), Some(last)) if last.at_s > first.at_s => {
                (counter(last) - counter(first)) / (last.at_s - first.at_s)
            }
            _ => 0.0,
        }
    }

    /// Share of sound that was made up.
    pub fn concealed(&self) -> f64 {
        self.rate(|r| r.concealed) / self.rate(|r| r.samples).max(1e-9)
    }

    /// Every value of a kind but those of the first reading, which are of before.
    pub fn all<T>(&self, values: impl Fn(&Reading) -> Vec<T>) -> Vec<T> {
        self.0.iter().skip(1).flat_map(values).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn story() -> Story {
        let reading = |n: u32| Reading {
            at_s: f64::from(n),
            bytes: f64::from(n) * 100.0,
            samples: f64::from(n) * 48_000.0,
            concealed: f64::from(n.saturating_sub(5)) * 480.0,
            gap_ms: f64::from(n),
            ..Reading::default()
        };
        Story((0..=10).map(reading).collect())
    }

    #[test]
    fn a_window_counts_from_the_reading_before_it() {
        let window = story().window(5.5, 9.0);
        assert_eq!((window.0[0].at_s, window.0.len()), (5.0, 5));
        assert_eq!(window.rate(|r| r.bytes), 100.0);
        assert!((window.concealed() - 0.01).abs() < 1e-9);
        assert_eq!(window.all(|r| vec![r.gap_ms]), [6.0, 7.0, 8.0, 9.0]);
        assert_eq!(story().window(20.0, 30.0).rate(|r| r.bytes), 0.0);
        assert_eq!(Story::default().window(0.0, 1.0).rate(|r| r.bytes), 0.0);
    }

    #[test]
    fn a_reading_that_was_overtaken_keeps_its_pictures_alone() {
        let mut story = Story::default();
        let reading =
            |frames: f64, gap_ms: f64| Reading { frames, gap_ms, latencies_ms: vec![gap_ms], ..Reading::default() };
        [reading(10.0, 40.0), reading(8.0, 90.0), reading(12.0, 35.0)].into_iter().for_each(|r| story.add(r));
        assert_eq!(story.0.iter().map(|r| (r.frames, r.gap_ms)).collect::<Vec<_>>(), [(10.0, 90.0), (12.0, 35.0)]);
        assert_eq!(story.0[0].latencies_ms, [40.0, 90.0]);
    }

    #[test]
    fn lines_of_both_programs_are_read() {
        let line = json!({"received": {
            "video": {"bytes": 500, "frames": 30, "frozen_ms": 200, "longest_gap_ms": 40.5, "latencies_ms": [20.0, 21.0]},
            "audio": {"samples": 48_000, "concealed": 24_000, "jitter_buffer_ms": 22.0},
        }});
        let ours = Reading::of_ours(7.0, &line);
        assert_eq!((ours.at_s, ours.bytes, ours.frozen_s, ours.concealed), (7.0, 500.0, 0.2, 24_000.0));
        assert_eq!((ours.latencies_ms.as_slice(), ours.gap_ms, ours.skew_ms), (&[20.0, 21.0][..], 40.5, None));
        let with = json!({"received": {"video": {"skew_ms": {"p50": 3.0, "p95": 12.0}}}});
        assert_eq!(Reading::of_ours(0.0, &with).skew_ms, Some(12.0));
        let mut before = (1.0, 48_000.0);
        let said = json!({"at_ms": 7000.0, "shown": 30, "ages": [50], "gap": 40.0,
            "video": {"bytesReceived": 500, "totalFreezesDuration": 0.2, "estimatedPlayoutTimestamp": 1000.0},
            "audio": {"jitterBufferDelay": 2.0, "jitterBufferEmittedCount": 96_000, "estimatedPlayoutTimestamp": 1030.0}});
        let theirs = Reading::of_chromium(&said, &mut before);
        assert_eq!((theirs.at_s, theirs.frames, theirs.skew_ms), (7.0, 30.0, Some(30.0)));
        assert!((theirs.waiting_ms - 1e3 / 48_000.0).abs() < 1e-9);
    }
}
