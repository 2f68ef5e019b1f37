//! How evenly pictures come, and how long one that came early should wait.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::model::clock::{seconds, since};

/// Pictures it is judged by: three seconds of 30 a second.
const REMEMBERED: usize = 90;
/// Before so many nothing is known.
const KNOWN: usize = 15;
/// Late ones may be so much later than usual, seconds, before others wait for them: encoding and decoding alone are no
/// more even.
const QUIET: f64 = 0.005;
/// Share of pictures that are not called late, and of those that are prompt however many are late.
const LATE: f64 = 0.9;
const PROMPT: f64 = 0.05;
/// A jump of this, seconds, begins anew: other numbers, or a path that stood.
const JUMP: f64 = 0.5;

/// Watches how long pictures take against their media time, from anywhere.
#[derive(Debug, Default)]
pub(super) struct Evenness {
    epoch: Option<(Instant, Duration)>,
    taken: VecDeque<f64>,
    /// How long most pictures take, and how much longer the late ones.
    usual: f64,
    spread: f64,
    /// How long prompt ones take.
    prompt: f64,
}

impl Evenness {
    /// A picture came: how much later than prompt ones, and than the one before, seconds.
    pub(super) fn came(&mut self, now: Instant, media_time: Duration) -> (f64, f64) {
        let took = self.took(now, media_time);
        let before = self.taken.back().copied().unwrap_or(took);
        if self.taken.back().is_some_and(|last| (took - last).abs() > JUMP) {
            self.taken.clear();
        }
        if self.taken.len() == REMEMBERED {
            self.taken.pop_front();
        }
        self.taken.push_back(took);
        let mut sorted: Vec<f64> = self.taken.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
        (self.usual, self.spread, self.prompt) = (at(0.5), at(LATE) - at(0.5), at(PROMPT));
        (took - self.prompt, if (took - before).abs() > JUMP { 0.0 } else { took - before })
    }

    /// How long this one, which just came, should wait.
    pub(super) fn wait(&mut self, now: Instant, media_time: Duration) -> Duration {
        let most = super::SMOOTH.as_secs_f64();
        // What comes in bursts (sent again over a long way) or is far apart would need far more: less and less is waited
        // for it, for that would cost freshness and smooth nothing.
        let enough = (self.spread - QUIET).min(2.0 * most - self.spread);
        if self.taken.len() < KNOWN || enough <= 0.0 {
            return Duration::ZERO;
        }
        let early = self.usual - self.took(now, media_time);
        Duration::try_from_secs_f64(early + enough.min(most)).unwrap_or_default()
    }

    fn took(&mut self, now: Instant, media_time: Duration) -> f64 {
        let (start, first) = *self.epoch.get_or_insert((now, media_time));
        since(now, start) - seconds(media_time, first)
    }
}
