//! Where the sound of a peer is: what its jitter buffer plays, on both sides' clocks.
//!
//! A jitter buffer stretches and shortens a little all the time, and a tick may be late: [`Ear`] follows the mean of a
//! tenth of a second, and a jump at once.

use std::time::{Duration, Instant};

use crate::model::clock::Played;

/// How much of what is off goes into the mean with each tick of 10 ms.
const FOLLOW: f64 = 0.12;
/// What is off by more than this, seconds, has jumped.
const JUMP: f64 = 0.120;
/// Sound that was waited for so long is over.
const OVER: Duration = Duration::from_millis(500);

/// What a jitter buffer gives out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Nothing: before the first packet, or after the stream stopped.
    Stopped,
    /// Something made up, until it is known what has become of the stream.
    Waiting,
    /// What has this timestamp.
    At {
        /// RTP synchronisation source.
        ssrc: u32,
        /// RTP timestamp of the first sample.
        timestamp: u32,
    },
}

/// The follower.
#[derive(Debug, Default)]
pub struct Ear {
    played: Option<Played>,
}

impl Ear {
    /// What was `captured` then, by the sender's clock, is heard at `at`; `None`: it is not known what is heard. Gives the
    /// mean; `None` when it is over.
    pub fn hear(&mut self, captured: Option<Duration>, at: Instant) -> Option<Played> {
        match (captured, self.played) {
            (None, Some(last)) if at.saturating_duration_since(last.at) > OVER => self.played = None,
            (None, _) => {}
            (Some(captured), None) => self.played = Some(Played { captured, at }),
            (Some(captured), Some(last)) => {
                let late = -last.later_than(captured, at);
                // Where it would be by what was before, and a part of the way from there to where it is.
                let back = if late.abs() > JUMP { 0.0 } else { late * (1.0 - FOLLOW) };
                let mean = |back: Duration, ahead| if ahead { at.checked_add(back) } else { at.checked_sub(back) };
                let at = mean(Duration::from_secs_f64(back.abs()), back < 0.0).unwrap_or(at);
                self.played = Some(Played { captured, at });
            }
        }
        self.played
    }

    /// It is over.
    pub fn forget(&mut self) {
        self.played = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_mean_and_jumps_with_a_jump() {
        let (start, mut ear) = (Instant::now(), Ear::default());
        let at = |ms: u64| start + Duration::from_millis(ms);
        let captured = |ms: u64| Some(Duration::from_secs(1000) + Duration::from_millis(ms));
        let mut off = |n: u64, late: u64| {
            let played = ear.hear(captured(n * 10), at(n * 10 + late)).unwrap();
            (-played.later_than(captured(n * 10).unwrap(), at(n * 10)) * -1e3).round() as i64
        };
        assert_eq!(off(0, 50), 50);
        // Every tenth tick 20 ms late: most of that is not followed.
        for n in 1..100 {
            let off = off(n, if n % 10 == 0 { 70 } else { 50 });
            assert!((50..=53).contains(&off), "{off}");
        }
        // Slowly away: followed within a tenth of a second.
        for n in 100..150 {
            off(n, 80);
        }
        assert_eq!(off(150, 80), 80);
        assert_eq!(off(151, 480), 480);
        assert!(ear.hear(None, at(2_000)).is_some());
        assert!(ear.hear(None, at(2_600)).is_none());
        assert!(ear.hear(captured(5_000), at(5_000)).is_some());
        ear.forget();
        assert!(ear.hear(None, at(5_001)).is_none());
    }
}
