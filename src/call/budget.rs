//! What goes to whom when several peers get the same pictures over this side's one uplink.
//!
//! Every path has its own estimate of what it carries for pictures, its sound already taken off. One encoding for all
//! would have to fit the weakest; one for each costs a processor. So peers share an encoding with those of about the same
//! strength: the best get the first, in full size, and whoever cannot nearly follow gets the next, which is smaller. Within
//! one, all get the rate of its weakest: that is fair where they share a bottleneck, and as nobody takes more, the
//! weaker have room to grow until they have caught up. Those that were seen to share one get no more than it carries
//! (`uplink`).
//!
//! A move between encodings costs a keyframe, so down soon (at once, where all others would suffer), up only once it lasts, and the longer,
//! the shorter it lasted the time before. Sans-I/O; time is an argument.
//!
//! Invariants: nobody is to get more than its own path carries, so that all together never get more than all paths do;
//! encodings are used from the first on, without a gap; at most [`ENCODINGS`].

mod uplink;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use uplink::{TOGETHER, Uplink};

/// Most encodings of one source at a time.
pub const ENCODINGS: usize = 3;

/// Who carries less than this share of what the best in the same encoding carries, for so long, gets a smaller one, …
const SPLIT: f64 = 0.45;
const DOWN_AFTER: Duration = Duration::from_millis(600);
/// … and who carries less than this, at once.
const AT_ONCE: f64 = 0.3;
/// Who would get so much of what the larger encoding has, and would not soon fall out of it again, …
const JOIN: f64 = 0.7;
const STAY: f64 = 0.55;
/// … for so long, gets that; twice as long where it did not last, up to a limit.
const PATIENCE: Duration = Duration::from_secs(4);
const MOST_PATIENCE: Duration = Duration::from_secs(64);
/// A move up that lasted this long was right.
const LASTED: Duration = Duration::from_secs(16);
/// A path's estimate begins low: for so long it says nothing.
const YOUNG: Duration = Duration::from_millis(1500);
/// Who falls below this share of what it had, together with others, stands in their queue: it is this side's uplink …
const FALL: f64 = 0.7;
/// … (one that falls again within so long falls still) …
const FALLING: Duration = Duration::from_secs(1);
/// … and for so long they are given one rate, to find an even share, …
const TRIAL: Duration = Duration::from_secs(6);
/// … from here on, when the queue is gone.
const DRAINED: Duration = Duration::from_millis(800);
/// Over so many seconds an estimate is smoothed, for it dips while a queue is drained.
const CALM: f64 = 1.0;

/// One path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// Whose it is.
    pub id: u64,
    /// What pictures may take on it now, when its sound has had its share, and no more than they are worth; bit/s.
    pub bps: u64,
}

/// What is to be made, and who gets which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Of each encoding, bit/s; the first is that in full size, and always there.
    pub bitrates: Vec<u64>,
    /// The number of the encoding for each path, in the order of their IDs.
    pub places: Vec<(u64, usize)>,
}

#[derive(Debug)]
struct Member {
    place: usize,
    /// What its path carries, and the same smoothed.
    carries: (f64, f64),
    /// What it may be given of that.
    bps: f64,
    /// The same, smoothed.
    calm: f64,
    seen: Instant,
    joined: Instant,
    fell: Option<Instant>,
    lowered: Option<Instant>,
    /// Since when it should get a smaller one, or a larger.
    worse_since: Option<Instant>,
    better_since: Option<Instant>,
    patience: Duration,
    moved_up: Option<Instant>,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Budget {
    members: BTreeMap<u64, Member>,
    uplink: Uplink,
}

impl Budget {
    /// The plan for the paths there are now, where pictures are worth `top` bit/s at most. Without a path there is an encoding
    /// all the same, for the first that comes.
    pub fn plan(&mut self, now: Instant, paths: &[Path], top: u64) -> Plan {
        self.members.retain(|id, _| paths.iter().any(|path| path.id == *id));
        for path in paths {
            let bps = path.bps as f64;
            self.members.entry(path.id).or_insert_with(|| Member::new(now, bps)).see(now, bps, top as f64);
        }
        let carries = self.members.iter().map(|(id, member)| (*id, member.carries.0)).collect();
        self.uplink.see(now, &carries, &self.falls(now, |_| true));
        let limits = self.uplink.limits(now, &carries);
        for (id, member) in &mut self.members {
            member.limit(now, limits.get(id).copied().unwrap_or(f64::MAX));
        }
        for place in 0..ENCODINGS - 1 {
            self.lower(now, place);
        }
        self.close_gaps();
        for place in 1..ENCODINGS {
            self.reunite(now, place);
            self.raise(now, place);
        }
        self.close_gaps();
        let used = self.members.values().map(|member| member.place + 1).max().unwrap_or(0);
        let rate = |place| self.at(place).map(|member| member.bps as u64).min().unwrap_or(top);
        let bitrates = (0..used.max(1)).map(rate).collect();
        Plan { bitrates, places: self.members.iter().map(|(id, member)| (*id, member.place)).collect() }
    }

    /// What the paths that share a bottleneck with this one carry together, bit/s; `None`: it was not seen to share one.
    pub fn shared(&self, id: u64) -> Option<u64> {
        self.uplink.carries(id)
    }

    fn at(&self, place: usize) -> impl Iterator<Item = &Member> {
        self.members.values().filter(move |member| member.place == place)
    }

    /// When they fell, not long ago, of whom this is true.
    fn falls(&self, now: Instant, of: impl Fn(&Member) -> bool) -> Vec<(u64, Instant)> {
        let recent = |at: &Instant| now.saturating_duration_since(*at) <= TRIAL;
        let of = self.members.iter().filter(|(_, member)| of(member));
        of.filter_map(|(id, member)| Some((*id, member.fell.filter(recent)?))).collect()
    }

    /// Who cannot follow the others in this encoding gets the next.
    fn lower(&mut self, now: Instant, place: usize) {
        let best = |of: fn(&Member) -> f64| self.at(place).map(of).fold(0.0, f64::max);
        let (newest, calm) = (best(|member| member.bps), best(|member| member.calm));
        let falls = self.falls(now, |member| member.place == place);
        for (id, member) in self.members.iter_mut().filter(|(_, member)| member.place == place) {
            if member.fell_with(*id, &falls) {
                member.worse_since = None;
                continue;
            }
            let follows = member.calm >= SPLIT * calm && member.bps >= AT_ONCE * newest;
            if follows || now.saturating_duration_since(member.joined) < YOUNG {
                member.worse_since = None;
                continue;
            }
            let since = *member.worse_since.get_or_insert(now);
            if member.bps < AT_ONCE * newest || now.saturating_duration_since(since) >= DOWN_AFTER {
                member.lower(now);
            }
        }
    }

    /// Who got less because it fell before the others did gets what they get: all stand in one queue.
    fn reunite(&mut self, now: Instant, place: usize) {
        let falls = self.falls(now, |member| member.place == place - 1);
        for (id, member) in self.members.iter_mut().filter(|(_, member)| member.place == place) {
            let since = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
            let (Some(fell), Some(lowered)) = (since(member.fell), since(member.lowered)) else { continue };
            let therefore = lowered <= fell && fell - lowered <= DRAINED;
            if therefore && (DRAINED..TRIAL / 2).contains(&fell) && member.fell_with(*id, &falls) {
                member.raise();
            }
        }
    }

    /// Who can follow those in the larger encoding, and still can after a while, gets that.
    fn raise(&mut self, now: Instant, place: usize) {
        let calm = |of: usize| self.at(of).map(|member| member.calm);
        let (rate, best) = (calm(place - 1).fold(f64::MAX, f64::min), calm(place - 1).fold(0.0, f64::max));
        for member in self.members.values_mut().filter(|member| member.place == place) {
            let follows = |bps: f64| bps >= JOIN * rate && bps >= STAY * best;
            if !follows(member.calm) || !follows(member.bps) {
                member.better_since = None;
                continue;
            }
            let since = *member.better_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= member.patience {
                member.raise();
                member.moved_up = Some(now);
            }
        }
    }

    /// Nobody is left in an encoding: those in the next get it, and with it its size.
    fn close_gaps(&mut self) {
        for place in 0..ENCODINGS - 1 {
            for _ in place..ENCODINGS - 1 {
                if self.at(place).next().is_none() {
                    self.members.values_mut().filter(|member| member.place > place).for_each(Member::raise);
                }
            }
        }
    }
}

impl Member {
    fn new(now: Instant, bps: f64) -> Self {
        Self {
            place: 0,
            carries: (bps, bps),
            bps,
            calm: bps,
            seen: now,
            joined: now,
            fell: None,
            lowered: None,
            worse_since: None,
            better_since: None,
            patience: PATIENCE,
            moved_up: None,
        }
    }

    fn see(&mut self, now: Instant, bps: f64, top: f64) {
        let follows = self.follows(now);
        // What was seen last held until now.
        self.carries.1 += (self.carries.0 - self.carries.1) * follows;
        self.carries.0 = bps;
        let falls = bps < FALL * self.carries.1 && bps < top;
        if falls && self.fell.is_none_or(|at| now.saturating_duration_since(at) > FALLING) {
            // A further fall is one from here.
            (self.fell, self.carries.1) = (Some(now), bps);
        }
        if self.moved_up.is_some_and(|at| now.saturating_duration_since(at) > LASTED) {
            (self.moved_up, self.patience) = (None, PATIENCE);
        }
    }

    /// How much what is smoothed follows.
    fn follows(&self, now: Instant) -> f64 {
        1.0 - (-now.saturating_duration_since(self.seen).as_secs_f64() / CALM).exp()
    }

    /// It may be given no more than this.
    fn limit(&mut self, now: Instant, bps: f64) {
        self.calm += (self.bps - self.calm) * self.follows(now);
        (self.bps, self.seen) = (self.carries.0.min(bps), now);
    }

    /// Whether one of the others fell at about the same time.
    fn fell_with(&self, id: u64, falls: &[(u64, Instant)]) -> bool {
        let near = |a: Instant, b: Instant| a.max(b).saturating_duration_since(a.min(b)) <= TOGETHER;
        self.fell.is_some_and(|own| falls.iter().any(|(other, at)| *other != id && near(own, *at)))
    }

    fn lower(&mut self, now: Instant) {
        self.place += 1;
        (self.worse_since, self.better_since, self.lowered) = (None, None, Some(now));
        // What it was before says nothing of how it compares with those there.
        self.calm = self.calm.min(self.bps);
        if self.moved_up.take_if(|at| now.saturating_duration_since(*at) <= LASTED).is_some() {
            self.patience = (2 * self.patience).min(MOST_PATIENCE);
        }
    }

    fn raise(&mut self) {
        self.place -= 1;
        (self.worse_since, self.better_since) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOP: u64 = 2_500_000;

    struct World {
        budget: Budget,
        now: Instant,
    }

    impl World {
        fn new() -> Self {
            Self { budget: Budget::default(), now: Instant::now() }
        }

        fn plan(&mut self, ms: u64, bps: &[u64]) -> Plan {
            self.now += Duration::from_millis(ms);
            let paths: Vec<Path> = bps.iter().enumerate().map(|(n, bps)| Path { id: n as u64, bps: *bps }).collect();
            self.budget.plan(self.now, &paths, TOP)
        }

        /// So many seconds of paths that wander by a tenth, looked at ten times a second; the plans that differ in who gets
        /// what.
        fn run(&mut self, seconds: u64, bps: &[u64]) -> Vec<Plan> {
            let mut plans: Vec<Plan> = Vec::new();
            for n in 0..10 * seconds {
                let wander = |(i, bps): (usize, &u64)| bps * (90 + (n * 7 + i as u64 * 13) % 20) / 100;
                let plan = self.plan(100, &bps.iter().enumerate().map(wander).collect::<Vec<_>>());
                match plans.last_mut() {
                    Some(last) if last.places == plan.places => *last = plan,
                    _ => plans.push(plan),
                }
            }
            plans
        }
    }

    fn places(plan: &Plan) -> Vec<usize> {
        plan.places.iter().map(|(_, place)| *place).collect()
    }

    #[test]
    fn one_peer_or_several_alike_have_one_encoding_at_the_least_rate_at_every_moment() {
        let mut world = World::new();
        assert_eq!(world.plan(0, &[]), Plan { bitrates: vec![TOP], places: vec![] });
        for bps in [1_000_000, 2_500_000, 80_000, 0, 300_000] {
            assert_eq!(world.plan(700, &[bps]), Plan { bitrates: vec![bps], places: vec![(0, 0)] });
        }
        assert_eq!(World::new().run(60, &[2_000_000, 1_500_000, 1_800_000]).len(), 1);
        assert_eq!(world.plan(1, &[2_000_000, 1_500_000]).bitrates, [1_500_000]);
    }

    #[test]
    fn a_weak_path_gets_its_own_and_drags_nobody_down() {
        let mut world = World::new();
        world.run(5, &[2_500_000, 2_300_000]);
        let plan = world.plan(100, &[2_500_000, 300_000]);
        assert_eq!((places(&plan), plan.bitrates), (vec![0, 1], vec![2_500_000, 300_000]), "at once");
        // Twenty minutes of that, and nobody moves.
        assert_eq!(world.run(1200, &[2_500_000, 300_000]).len(), 1);
        // Not quite so weak: soon.
        let mut world = World::new();
        world.run(5, &[2_500_000, 2_300_000]);
        let plans = world.run(5, &[2_500_000, 950_000]);
        assert_eq!(plans.iter().map(places).collect::<Vec<_>>(), [vec![0, 0], vec![0, 1]]);
    }

    #[test]
    fn who_falls_together_shares_one_rate_for_a_while() {
        let mut world = World::new();
        world.run(5, &[2_500_000, 2_300_000]);
        assert_eq!(places(&world.plan(20, &[2_500_000, 500_000])), [0, 1]);
        assert_eq!(places(&world.plan(50, &[1_400_000, 500_000])), [0, 1], "not while the queue stands");
        let plans = world.run(4, &[1_400_000, 500_000]);
        assert_eq!(places(plans.last().expect("a plan")), [0, 0]);
        // They were not alike after all.
        assert_eq!(places(world.run(20, &[1_400_000, 500_000]).last().expect("a plan")), [0, 1]);
    }

    #[test]
    fn what_those_carry_together_that_share_a_bottleneck_is_known_once_they_fell_together() {
        let mut world = World::new();
        world.run(5, &[2_500_000, 2_300_000, 2_400_000]);
        assert_eq!(world.budget.shared(0), None);
        world.plan(20, &[600_000, 500_000, 2_400_000]);
        world.run(3, &[600_000, 500_000, 2_400_000]);
        let shared: Vec<_> = (0..3).map(|id| world.budget.shared(id)).collect();
        assert!(shared[0].is_some_and(|bps| (900_000..1_400_000).contains(&bps)), "{shared:?}");
        assert_eq!((shared[1], shared[2]), (shared[0], None));
    }

    #[test]
    fn three_strengths_have_three_encodings() {
        let plan = World::new().run(10, &[2_500_000, 100_000, 700_000, 90_000, 2_400_000]).pop().expect("a plan");
        assert_eq!(places(&plan), [0, 2, 1, 2, 0]);
        assert!(plan.bitrates[0] > 2_000_000 && plan.bitrates[1] > 600_000 && plan.bitrates[2] > 75_000, "{plan:?}");
    }

    #[test]
    fn who_recovers_comes_back_once_it_lasts() {
        let mut world = World::new();
        world.run(5, &[2_500_000, 300_000]);
        let plans = world.run(3, &[2_500_000, 2_400_000]);
        assert_eq!(plans.len(), 1, "not at once");
        assert_eq!(places(&world.run(5, &[2_500_000, 2_400_000])[1]), [0, 0]);
        // One whose path comes and goes every five seconds moves ever less often.
        let mut moves = 0;
        for _ in 0..60 {
            moves += world.run(6, &[2_500_000, 2_400_000]).len() - 1;
            moves += world.run(6, &[2_500_000, 300_000]).len() - 1;
        }
        assert!(moves <= 8, "{moves} in twelve minutes");
    }

    #[test]
    fn a_dip_while_a_queue_is_drained_moves_nobody() {
        let mut world = World::new();
        world.run(5, &[2_000_000, 1_400_000]);
        for _ in 0..20 {
            for (ms, bps) in [(100, 840_000), (300, 840_000), (100, 1_290_000), (3_000, 1_400_000)] {
                assert_eq!(places(&world.plan(ms, &[2_000_000, bps])), [0, 0]);
            }
        }
    }

    #[test]
    fn the_first_that_leaves_hands_its_size_on() {
        let mut world = World::new();
        world.run(5, &[300_000, 2_500_000]);
        assert_eq!(world.plan(100, &[300_000]), Plan { bitrates: vec![300_000], places: vec![(0, 0)] });
        assert_eq!(world.plan(100, &[]).bitrates, [TOP]);
    }

    #[test]
    fn who_comes_is_given_time_to_find_out_what_its_path_carries() {
        let mut world = World::new();
        world.run(5, &[4_500_000]);
        for bps in [920_000, 920_000, 2_500_000, 4_400_000, 4_400_000] {
            assert_eq!(places(&world.plan(300, &[4_500_000, bps])), [0, 0]);
        }
    }

    proptest! {
        #[test]
        fn nobody_gets_more_than_its_path_carries_and_there_is_no_gap(
            looks in proptest::collection::vec((0_u64..3_000, proptest::collection::btree_map(0_u64..6, 0_u64..5_000_000, 0..6)), 1..80)
        ) {
            let mut budget = Budget::default();
            let mut now = Instant::now();
            for (pause, paths) in looks {
                now += Duration::from_millis(pause);
                let paths: Vec<Path> = paths.into_iter().map(|(id, bps)| Path { id, bps }).collect();
                let plan = budget.plan(now, &paths, TOP);
                prop_assert!((1..=ENCODINGS).contains(&plan.bitrates.len()));
                prop_assert_eq!(plan.places.len(), paths.len());
                for (path, (id, place)) in paths.iter().zip(&plan.places) {
                    prop_assert!(path.id == *id && plan.bitrates[*place] <= path.bps);
                }
                let used = |place| plan.places.iter().any(|(_, of)| *of == place);
                prop_assert!(paths.is_empty() || (0..plan.bitrates.len()).all(used));
            }
        }
    }
}
