//! What several paths carry together, once they were seen to share a bottleneck: this side's uplink, most likely.
//!
//! Each path's own estimate says what *it* could have while the others send what they send; together they would ask for
//! more than there is, fall, and do it again. So paths that fall together are from then on given no more than what they
//! all carried when the queue was gone, in even shares, where what one cannot take is the others'. That is held for a
//! while and then grows, ever faster, until they fall together again or it is no limit any more.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Those who fall within so long of each other fall together.
pub(super) const TOGETHER: Duration = Duration::from_millis(500);
/// So long afterwards the queue is gone, and nobody has tried for more yet.
const SETTLING: Duration = Duration::from_millis(500);
/// What was found is held for so long; twice as long where the same is found again, up to a limit.
const HOLD: Duration = Duration::from_secs(4);
const MOST_HOLD: Duration = Duration::from_secs(8);
/// Where it is between these shares of what was found before, that is the same.
const SAME: (f64, f64) = (0.7, 1.4);
/// They fell although they were given no more than what was found: it was too much, and this share of it may not be.
const KEEP: f64 = 0.92;
/// Growth a second afterwards, doubling every so many seconds, up to a limit.
const GROWTH: (f64, f64, f64) = (0.05, 2.0, 0.8);
/// Where there is so many times what all want, it is no limit.
const NO_LIMIT: f64 = 1.5;

/// What is known of it.
#[derive(Debug)]
struct Shared {
    members: Vec<u64>,
    since: Instant,
    /// What all carry together, bit/s.
    sum: f64,
    hold: Duration,
    /// What was found the time before, and how long that was held.
    before: Option<(f64, Duration)>,
    seen: Instant,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Uplink(Option<Shared>);

impl Uplink {
    /// What each path carries by itself (bit/s), and when those fell that fell not long ago.
    pub fn see(&mut self, now: Instant, paths: &BTreeMap<u64, f64>, falls: &[(u64, Instant)]) {
        self.fall(now, falls);
        let Some(shared) = &mut self.0 else { return };
        shared.members.retain(|id| paths.contains_key(id));
        let wanted: f64 = shared.members.iter().filter_map(|id| paths.get(id)).sum();
        let span = now.saturating_duration_since(shared.seen).as_secs_f64();
        shared.seen = now;
        let grows = now.saturating_duration_since(shared.since).checked_sub(SETTLING);
        match grows.map(|since| since.checked_sub(shared.hold)) {
            None => {
                let most = shared.before.map_or(f64::MAX, |(sum, _)| KEEP * sum);
                shared.sum = shared.sum.max(wanted).min(most);
                let same = |(sum, _): &(f64, Duration)| (SAME.0 * sum..SAME.1 * sum).contains(&shared.sum);
                let again = shared.before.filter(same).map(|(_, hold)| (2 * hold).min(MOST_HOLD));
                shared.hold = again.unwrap_or(HOLD);
            }
            Some(None) => {}
            Some(Some(since)) => {
                let growth = GROWTH.0 * 2f64.powf(since.as_secs_f64() / GROWTH.1);
                shared.sum *= 1.0 + growth.min(GROWTH.2) * span.min(1.0);
                if shared.sum > NO_LIMIT * wanted {
                    self.0 = None;
                }
            }
        }
        self.0.take_if(|shared| shared.members.len() < 2);
    }

    fn fall(&mut self, now: Instant, falls: &[(u64, Instant)]) {
        let near = |a: Instant, b: Instant| a.max(b).saturating_duration_since(a.min(b)) <= TOGETHER;
        let together = |(id, at): &&(u64, Instant)| falls.iter().any(|(other, of)| other != id && near(*at, *of));
        let falls: Vec<_> = falls.iter().filter(together).collect();
        let Some(newest) = falls.iter().map(|(_, at)| *at).max() else { return };
        if self.0.as_ref().is_some_and(|shared| shared.since >= newest) {
            return;
        }
        let before = self.0.take();
        let mut members: Vec<u64> = falls.iter().map(|(id, _)| *id).collect();
        members.extend(before.iter().flat_map(|shared| &shared.members));
        members.sort_unstable();
        members.dedup();
        let before = before.map(|shared| match now.saturating_duration_since(shared.since) < SETTLING {
            // One more of the same fall.
            true => shared.before,
            false => Some((shared.sum, shared.hold)),
        });
        self.0 = Some(Shared { members, since: newest, sum: 0.0, hold: HOLD, before: before.flatten(), seen: now });
    }

    /// What those carry together that share it, if this is one of them, bit/s.
    pub fn carries(&self, id: u64) -> Option<u64> {
        let shared = self.0.as_ref().filter(|shared| shared.members.contains(&id))?;
        // Until it is known anew, it is as it was.
        let known = if shared.sum > 0.0 { Some(shared.sum) } else { shared.before.map(|(sum, _)| sum) };
        known.map(|sum| sum as u64)
    }

    /// The most that each of those who share it may be given, bit/s; of others nothing is said.
    pub fn limits(&self, now: Instant, paths: &BTreeMap<u64, f64>) -> BTreeMap<u64, f64> {
        let Some(shared) = &self.0 else { return BTreeMap::new() };
        // Until it is known anew, it is as it was.
        let settled = now.saturating_duration_since(shared.since) > SETTLING;
        let known = if settled { Some(shared.sum) } else { shared.before.map(|(sum, _)| sum) };
        let Some(mut left) = known else { return BTreeMap::new() };
        let carries = |id: &u64| paths.get(id).copied().unwrap_or(0.0);
        let mut members = shared.members.clone();
        members.sort_by(|a, b| carries(a).total_cmp(&carries(b)));
        let mut count = members.len() as f64;
        let mut share = |id: u64| {
            let given = left / count;
            left -= given.min(carries(&id));
            count -= 1.0;
            (id, given)
        };
        members.into_iter().map(&mut share).collect()
    }
}
