//! When each decoded picture is shown: at once, unless the sound it belongs to comes later, or pictures come unevenly.
//!
//! Sans-I/O; time is an argument. Four rules:
//! - Sound that is more than [`LEAD`] later than its pictures holds them back until it is no more than that: so much nobody
//!   notices. Pictures that are later than their sound are shown at once.
//! - Where pictures come unevenly, those that come early wait a little, up to [`SMOOTH`]. On an even path nothing waits.
//! - Where pictures stop more than once a second, all are shown later (`stops`), and the sound is asked to wait for them
//!   ([`Playout::sound_wait`]).
//! - The newest that is due is shown and all before it are dropped. None waits longer than [`MOST`], and not more than
//!   [`PICTURES`] do.
//!
//! What is not known steers nothing: without sender reports, without sound, or where both sides' clocks make no sense.
//! [`ear::Ear`] says where the sound is.

pub mod ear;
mod evenness;
mod stops;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::model::clock::Played;
use evenness::Evenness;
use stops::Stops;

/// Sound may be so much later than its pictures: under what is noticed (ITU-R BT.1359: 45 ms is, for sound that is early),
/// with room for a jitter buffer that breathes.
pub const LEAD: Duration = Duration::from_millis(34);

/// Longest that a picture which came early waits for its turn.
pub const SMOOTH: Duration = Duration::from_millis(12);

/// Longest that any picture waits.
pub const MOST: Duration = Duration::from_millis(200);

/// Most pictures that wait; each is 1.4 MB at 720p.
pub const PICTURES: usize = 8;

/// How much of what pictures are too late for their sound it is asked to wait longer, with each of them: its jitter buffer
/// takes a second or two to follow; …
const FOLLOW: f64 = 0.01;
/// … and how much less, seconds, once nothing is held.
const RETURN: f64 = 0.001;

/// Further apart than this, seconds, sound and picture are not of one moment: a clock was set, a report is wrong.
const NONSENSE: f64 = 2.0;

/// Sound that was last heard so long ago is over.
const OVER: Duration = Duration::from_secs(1);

struct Waiting<P> {
    picture: P,
    captured: Option<Duration>,
    due: Instant,
}

/// A picture to be shown now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Due<P> {
    /// It.
    pub picture: P,
    /// When it was captured, by the sender's clock, and that it is shown now; where that is known.
    pub played: Option<Played>,
    /// How much later it is than its sound, ms; negative: earlier. `None` where that is not known.
    pub skew_ms: Option<f64>,
    /// Pictures before it that were not shown: it overtook them.
    pub overtaken: u64,
}

/// The machine. See the [module](self).
pub struct Playout<P> {
    waiting: VecDeque<Waiting<P>>,
    evenness: Evenness,
    stops: Stops,
    sound: Option<Played>,
    sound_wait: f64,
}

impl<P> Default for Playout<P> {
    fn default() -> Self {
        let (evenness, stops) = (Evenness::default(), Stops::default());
        Self { waiting: VecDeque::new(), evenness, stops, sound: None, sound_wait: 0.0 }
    }
}

impl<P> Playout<P> {
    /// Where the sound is by now; `None`: nowhere.
    pub fn set_sound(&mut self, sound: Option<Played>) {
        self.sound = sound;
    }

    /// A picture is decoded and could be shown now. `media_time` counts evenly from anywhere; `captured`: by the sender's
    /// clock, where its reports tell.
    pub fn push(&mut self, now: Instant, picture: P, media_time: Duration, captured: Option<Duration>) {
        let (late, jump) = self.evenness.came(now, media_time);
        self.stops.came(now, late, jump);
        let even = self.evenness.wait(now, media_time).min(SMOOTH).max(self.stops.hold(late));
        // What is late now is later than that once it is held.
        let later = captured.and_then(|captured| self.sound_later(captured, now)).unwrap_or_default();
        let lips = Duration::try_from_secs_f64(later - LEAD.as_secs_f64()).unwrap_or_default();
        let due = now + even.max(lips).min(MOST);
        self.waiting.push_back(Waiting { picture, captured, due });
        if self.waiting.len() > PICTURES
            && let Some(first) = self.waiting.front_mut()
        {
            first.due = now;
        }
    }

    /// When [`Playout::poll`] has the next one.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.due).min()
    }

    /// The newest picture that is due; those before it are dropped.
    pub fn poll(&mut self, now: Instant) -> Option<Due<P>> {
        let newest = self.waiting.iter().rposition(|waiting| waiting.due <= now)?;
        let Waiting { picture, captured, .. } = self.waiting.drain(..=newest).next_back()?;
        let skew_ms = captured.and_then(|captured| Some(self.sound_later(captured, now)? * -1e3));
        self.follow(skew_ms);
        let played = captured.map(|captured| Played { captured, at: now });
        Some(Due { picture, played, skew_ms, overtaken: newest as u64 })
    }

    /// How much longer than by itself the sound is to wait for pictures that are held; nobody notices the rest.
    pub fn sound_wait(&self) -> Duration {
        Duration::from_secs_f64(self.sound_wait)
    }

    fn follow(&mut self, skew_ms: Option<f64>) {
        let held = self.stops.wait();
        let change = match skew_ms {
            Some(late) if held > 0.0 => FOLLOW * (late / 1e3 - LEAD.as_secs_f64()),
            _ => -RETURN,
        };
        self.sound_wait = (self.sound_wait + change).clamp(0.0, stops::MOST);
    }

    /// Nothing that waits is to be shown any more; how much that was.
    pub fn clear(&mut self) -> usize {
        self.waiting.drain(..).count()
    }

    /// How much later than `at` the sound of that moment is heard, seconds.
    fn sound_later(&self, captured: Duration, at: Instant) -> Option<f64> {
        let sound = self.sound.filter(|sound| at.saturating_duration_since(sound.at) < OVER)?;
        Some(sound.later_than(captured, at)).filter(|later| later.abs() < NONSENSE)
    }
}

#[cfg(test)]
mod tests;
