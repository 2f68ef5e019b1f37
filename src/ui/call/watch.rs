//! Tells which people are on the screen and how large, so that whoever is not seen need not be sent, and nobody larger
//! than they are shown: a pure machine.
//!
//! What is to be seen, or larger than before, is told soon; what is hidden or smaller, only once that lasts: a list that is
//! opened for a moment must not cost a keyframe. Until something is told, everybody counts as large.
//!
//! Invariants: at most one telling in [`EACH`]; what is told last is what was seen last, once it lasts.

use std::time::Duration;

use crate::model::command::TileSize;
use crate::model::id::CallId;

/// Least time between two tellings.
pub const EACH: Duration = Duration::from_millis(300);
/// How long somebody is hidden or smaller until that is told.
pub const CALM: Duration = Duration::from_millis(1500);

/// Who is seen, by leg, and how large.
pub type Seen = Vec<(CallId, TileSize)>;

/// See the module.
#[derive(Debug, Default)]
pub struct Watch {
    told: Option<Seen>,
    at: Option<Duration>,
    /// What is to be told, and since when it is so.
    next: Option<(Seen, Duration)>,
}

impl Watch {
    /// Sees what is shown now, of these legs; what is to be told, if anything. Say with [`Watch::told`] that it was taken.
    /// `now` is on any clock that does not go back.
    pub fn see(&mut self, mut seen: Seen, legs: &[CallId], now: Duration) -> Option<Seen> {
        seen.sort_unstable_by_key(|(leg, _)| *leg);
        let known = |told: &Seen| *told == seen;
        let all_large = seen.len() == legs.len() && seen.iter().all(|(_, size)| *size == TileSize::Large);
        if self.told.as_ref().map_or(all_large, known) {
            self.next = None;
            return None;
        }
        match &mut self.next {
            Some((next, _)) if *next == seen => {}
            next => *next = Some((seen, now)),
        }
        self.wait(now).is_some_and(|wait| wait.is_zero()).then(|| self.next.as_ref().map(|(seen, _)| seen.clone()))?
    }

    /// What [`Watch::see`] said was taken.
    pub fn told(&mut self, now: Duration) {
        if let Some((seen, _)) = self.next.take() {
            (self.told, self.at) = (Some(seen), Some(now));
        }
    }

    /// How long until something is to be told, if nothing changes.
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        let (seen, since) = self.next.as_ref()?;
        let size = |leg: &CallId| match &self.told {
            Some(told) => told.iter().find(|(other, _)| other == leg).map(|(_, size)| *size),
            None => Some(TileSize::Large),
        };
        let more = seen.iter().any(|(leg, now)| size(leg).is_none_or(|before| *now > before));
        let calm = *since + if more { Duration::ZERO } else { CALM };
        let each = self.at.map_or(Duration::ZERO, |at| at + EACH);
        Some(calm.max(each).saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TileSize::{Large, Medium, Small};
    use proptest::prelude::*;

    fn leg(n: u8) -> CallId {
        CallId([n; 16])
    }

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn seen(list: &[(u8, TileSize)]) -> Seen {
        list.iter().map(|(n, size)| (leg(*n), *size)).collect()
    }

    /// Sees it, and takes what is told.
    fn take(watch: &mut Watch, list: &[(u8, TileSize)], now: Duration) -> Option<Seen> {
        let said = watch.see(seen(list), &[leg(1), leg(2)], now);
        if said.is_some() {
            watch.told(now);
        }
        said
    }

    #[test]
    fn who_is_large_from_the_start_need_not_be_told() {
        let mut watch = Watch::default();
        assert_eq!(take(&mut watch, &[(2, Large), (1, Large)], at(0)), None);
        assert_eq!(watch.wait(at(0)), None);
        assert_eq!(take(&mut watch, &[(1, Large)], at(0)), None, "hidden, for now");
        assert_eq!(watch.wait(at(500)), Some(at(1000)));
        assert_eq!(take(&mut watch, &[(1, Large)], at(1500)), Some(seen(&[(1, Large)])));
    }

    #[test]
    fn what_is_seen_is_told_soon_and_what_is_hidden_once_it_lasts() {
        let mut watch = Watch::default();
        take(&mut watch, &[(1, Small)], at(0));
        assert_eq!(take(&mut watch, &[(1, Small)], at(1500)), Some(seen(&[(1, Small)])));
        assert_eq!(take(&mut watch, &[(1, Small), (2, Small)], at(1600)), None, "too soon after the last");
        assert_eq!(watch.wait(at(1600)), Some(at(200)));
        assert_eq!(take(&mut watch, &[(1, Small), (2, Small)], at(1800)), Some(seen(&[(1, Small), (2, Small)])));
        assert_eq!(take(&mut watch, &[(1, Large), (2, Small)], at(9000)), Some(seen(&[(1, Large), (2, Small)])));
        assert_eq!(take(&mut watch, &[], at(10_000)), None);
        assert_eq!(take(&mut watch, &[(1, Large), (2, Small)], at(10_500)), None, "back again: nothing to tell");
        assert_eq!(take(&mut watch, &[], at(11_000)), None);
        assert_eq!(take(&mut watch, &[], at(12_400)), None);
        assert_eq!(take(&mut watch, &[], at(12_500)), Some(vec![]));
    }

    #[test]
    fn what_is_not_taken_is_told_again() {
        let mut watch = Watch::default();
        watch.see(seen(&[(1, Medium)]), &[leg(1)], at(0));
        assert!(watch.see(seen(&[(1, Medium)]), &[leg(1)], at(2000)).is_some());
        assert!(watch.see(seen(&[(1, Medium)]), &[leg(1)], at(2010)).is_some());
    }

    proptest! {
        #[test]
        fn tellings_are_few_and_the_last_is_true(
            steps in prop::collection::vec((prop::collection::btree_map(1_u8..4, 0_usize..3, 0..4), 1_u64..700), 1..60)
        ) {
            let (mut watch, mut now, mut last) = (Watch::default(), 0, None);
            let legs = [leg(1), leg(2), leg(3)];
            let mut known = Some(legs.iter().map(|leg| (*leg, Large)).collect::<Seen>());
            let mut list = Vec::new();
            for (map, wait) in steps {
                list = map.into_iter().map(|(n, size)| (n, [Small, Medium, Large][size])).collect();
                if let Some(said) = watch.see(seen(&list), &legs, at(now)) {
                    prop_assert!(last.is_none_or(|last| now - last >= 300));
                    prop_assert_ne!(Some(&said), known.as_ref());
                    watch.told(at(now));
                    (last, known) = (Some(now), Some(said));
                }
                now += wait;
            }
            for _ in 0..2 {
                now += 2000;
                if let Some(said) = watch.see(seen(&list), &legs, at(now)) {
                    watch.told(at(now));
                    known = Some(said);
                }
            }
            prop_assert_eq!(known, Some(seen(&list)));
        }
    }
}
