//! Worlds of people who call each other through one hub over a bad network, on a virtual clock.

mod worlds;

use std::time::Duration;

use proptest::prelude::*;
use visavis::model::outcome::Outcome;
use visavis::model::snapshot::Stage;
use worlds::{SLOWEST, World};

/// Everybody learns of an end within this time.
const TOLD: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
enum Op {
    Call(usize, usize, bool),
    Accept(usize, bool),
    Decline(usize),
    HangUp(usize),
    Wait(u64),
    Blip(usize),
    Kill(usize),
    Cut(usize),
    RestartHub,
}

const PEOPLE: usize = 3;

fn peaceful() -> impl Strategy<Value = Op> {
    let who = 0..PEOPLE;
    prop_oneof![
        4 => (who.clone(), who.clone(), any::<bool>()).prop_map(|(a, b, v)| Op::Call(a, b, v)),
        4 => (who.clone(), any::<bool>()).prop_map(|(a, v)| Op::Accept(a, v)),
        1 => who.clone().prop_map(Op::Decline),
        2 => who.clone().prop_map(Op::HangUp),
        6 => prop_oneof![0u64..300, 0u64..3000, 30_000u64..60_000].prop_map(Op::Wait),
        1 => who.prop_map(Op::Blip),
    ]
}

fn violent() -> impl Strategy<Value = Op> {
    let who = 0..PEOPLE;
    prop_oneof![
        8 => peaceful(),
        1 => who.clone().prop_map(Op::Kill),
        1 => who.prop_map(Op::Cut),
        1 => Just(Op::RestartHub),
    ]
}

fn act(world: &mut World, op: Op) {
    match op {
        Op::Call(from, to, video) => drop(world.call(from, to, video)),
        Op::Accept(who, video) => world.accept(who, video),
        Op::Decline(who) => world.decline(who),
        Op::HangUp(who) => world.hang_up(who),
        Op::Wait(ms) => world.run(Duration::from_millis(ms)),
        Op::Blip(who) => world.blip(who),
        Op::Kill(who) => world.kill(who),
        Op::Cut(who) => world.cut(who),
        Op::RestartHub => world.restart_hub(),
    }
}

/// A minute later nobody is between two states, and whoever is in a call is so with the other side.
fn settle(world: &mut World) {
    world.run(Duration::from_secs(60));
    for n in 0..world.people.len() {
        let Some(current) = world.people[n].calls.current() else { continue };
        assert_eq!(current.stage, Some(Stage::Connected), "stuck");
        let other = (0..world.people.len()).find(|m| world.id(*m) == current.peer).expect("one of us");
        let theirs = world.people[other].calls.current().expect("the other side is in a call");
        assert_eq!((theirs.call, theirs.stage), (current.call, Some(Stage::Connected)));
    }
}

/// Both sides ended each call alike, and at the same time but for the way of the news. Only where each ended it before
/// it could hear of the other's end (they crossed) may their words differ.
fn ends_match(world: &World) {
    for (call, who) in &world.knew {
        let ends: Vec<_> = who.iter().map(|n| world.ends.get(&(*n, *call))).collect();
        let [a, b] = ends[..] else { continue };
        let (Some(a), Some(b)) = (a, b) else {
            assert!(a.is_none() && b.is_none(), "one side was never told: {call} {a:?} {b:?}");
            continue;
        };
        let apart = a.at.max(b.at) - a.at.min(b.at);
        assert!(apart <= TOLD, "{call}: told {apart:?} later");
        let crossing = apart <= 2 * SLOWEST;
        assert!(a.outcome.word() == b.outcome.word() || crossing, "{call}: {a:?} {b:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn people_who_call_each_other(seed in any::<u64>(), ops in proptest::collection::vec(peaceful(), 1..40)) {
        let mut world = World::new(PEOPLE, seed >> 1);
        ops.into_iter().for_each(|op| act(&mut world, op));
        settle(&mut world);
        ends_match(&world);
    }

    #[test]
    fn people_whose_programs_and_server_die(seed in any::<u64>(), ops in proptest::collection::vec(violent(), 1..40)) {
        let mut world = World::new(PEOPLE, seed >> 1);
        ops.into_iter().for_each(|op| act(&mut world, op));
        settle(&mut world);
    }

    #[test]
    fn a_hostile_hub_is_believed_nothing(seed in any::<u64>(), ops in proptest::collection::vec(peaceful(), 1..40)) {
        let mut world = World::new(PEOPLE, seed >> 1);
        world.hostile = true;
        // What was never said, said twice or swapped fails within the world.
        ops.into_iter().for_each(|op| act(&mut world, op));
        world.run(Duration::from_secs(60));
        for n in 0..PEOPLE {
            prop_assert!(matches!(world.stage(n), None | Some(Stage::Connected)), "stuck: {:?}", world.stage(n));
        }
    }
}

fn in_call(seed: u64) -> World {
    let mut world = World::new(PEOPLE, seed);
    world.call(0, 1, true);
    world.run(Duration::from_secs(1));
    assert_eq!(world.stage(0), Some(Stage::Ringing));
    world.accept(1, true);
    world.run(Duration::from_secs(1));
    assert_eq!((world.stage(0), world.stage(1)), (Some(Stage::Connected), Some(Stage::Connected)));
    world
}

fn outcomes(world: &World) -> Vec<Outcome> {
    world.ends.values().map(|end| end.outcome.clone()).collect()
}

#[test]
fn each_outcome_is_known_on_both_sides_within_a_second() {
    let calling = |seed| {
        let mut world = World::new(PEOPLE, seed);
        world.call(0, 1, true);
        world.run(Duration::from_secs(1));
        world
    };
    for seed in 0..20 {
        let mut world = in_call(seed);
        world.hang_up(1);
        world.run(TOLD);
        assert_eq!(outcomes(&world), [Outcome::Accepted, Outcome::Accepted]);

        let mut world = calling(seed);
        world.decline(1);
        world.run(TOLD);
        assert_eq!(outcomes(&world), [Outcome::Declined, Outcome::Declined]);

        let mut world = calling(seed);
        world.hang_up(0);
        world.run(TOLD);
        assert_eq!(outcomes(&world), [Outcome::Cancelled, Outcome::Cancelled]);

        let mut world = calling(seed);
        world.run(Duration::from_secs(45));
        assert_eq!(outcomes(&world), [Outcome::NoAnswer, Outcome::NoAnswer]);

        let mut world = in_call(seed);
        world.call(2, 1, true);
        world.run(TOLD);
        assert_eq!(outcomes(&world), [Outcome::Busy, Outcome::Busy]);
        assert_eq!(world.stage(0), Some(Stage::Connected));

        let mut world = calling(seed);
        world.kill(1);
        world.run(TOLD);
        assert_eq!(outcomes(&world), [Outcome::Unreachable], "killed while it rang");

        let mut world = calling(seed);
        world.kill(0);
        world.run(TOLD);
        assert_eq!(outcomes(&world), [Outcome::Unreachable], "the caller was killed");
    }
}

#[test]
fn the_server_may_die_while_a_call_goes_on() {
    let mut world = in_call(1);
    world.restart_hub();
    world.run(Duration::from_secs(20));
    assert_eq!((world.stage(0), world.stage(1)), (Some(Stage::Connected), Some(Stage::Connected)));
    world.hang_up(0);
    world.run(TOLD);
    assert_eq!(outcomes(&world), [Outcome::Accepted, Outcome::Accepted], "and both are back to say goodbye");
}

#[test]
fn two_who_call_each_other_at_once_get_one_call() {
    for seed in 0..100 {
        let mut world = World::new(PEOPLE, seed);
        world.call(0, 1, true);
        world.run(Duration::from_millis(seed * 3));
        world.call(1, 0, true);
        world.run(Duration::from_secs(2));
        assert_eq!((world.stage(0), world.stage(1)), (Some(Stage::Connected), Some(Stage::Connected)), "{seed}");
        assert!(outcomes(&world).is_empty());
    }
}

#[test]
fn the_killed_mid_call_are_noticed() {
    let mut world = in_call(3);
    world.kill(1);
    world.run(Duration::from_secs(60));
    assert!(matches!(&outcomes(&world)[..], [Outcome::Failed(_)]));
}
