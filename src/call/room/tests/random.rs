//! Whatever people do, and whatever is said to them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::body::{ByeReason, CancelReason};

#[derive(Debug, Clone)]
enum Step {
    Call(usize, usize),
    Invite(usize, usize),
    Accept(usize),
    Decline(usize),
    HangUp(usize),
    Break(usize, usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0usize..5;
    prop_oneof![
        2 => (who.clone(), who.clone()).prop_map(|(a, b)| Step::Call(a, b)),
        4 => (who.clone(), who.clone()).prop_map(|(a, b)| Step::Invite(a, b)),
        6 => who.clone().prop_map(Step::Accept),
        1 => who.clone().prop_map(Step::Decline),
        1 => who.clone().prop_map(Step::HangUp),
        1 => (who.clone(), who).prop_map(|(a, b)| Step::Break(a, b)),
        4 => (1u64..4000).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// Whatever people do: in the end whoever is in a call is with all others of it, each pair agrees on one leg, nothing
    /// rings or waits for ever, and each leg that began has ended once or stands.
    #[test]
    fn in_the_end_all_who_are_together_are_with_each_other(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::with(5, |from, to| 10 + 37 * ((from as u64 * 3 + to as u64 * 5) % 7));
        for step in steps {
            match step {
                Step::Call(a, b) => world.call(a, b),
                Step::Invite(a, b) => world.invite(a, b),
                Step::Accept(n) => world.accept(n),
                Step::Decline(n) => {
                    let rings = world.people[n].legs.legs().into_iter().find(|leg| leg.stage.is_none());
                    if let Some(leg) = rings { world.give(n, Input::Decline { call: leg.call }); }
                }
                Step::HangUp(n) => world.give(n, Input::HangUp),
                Step::Break(a, b) => {
                    let peer = world.id(b);
                    let leg = world.people[a].legs.legs().into_iter().find(|leg| leg.peer == peer && leg.stage == Some(Stage::Connected));
                    if let Some(leg) = leg { world.give(a, Input::MediaFailed(leg.call, "broken".into())); }
                }
                Step::Wait(ms) => world.run(Duration::from_millis(ms)),
            }
        }
        world.run(Duration::from_secs(400));
        for n in 0..5 {
            let person = &world.people[n];
            prop_assert!(person.legs.legs().iter().all(|leg| leg.stage == Some(Stage::Connected)), "{n}: {:?}", person.legs.legs());
            prop_assert!(person.legs.waiting.is_empty());
            for other in world.with_whom(n) {
                prop_assert!(world.with_whom(other).contains(&n), "{other} has no leg with {n}");
                let mut mine = world.with_whom(n);
                let mut theirs = world.with_whom(other);
                mine.insert(n);
                theirs.insert(other);
                prop_assert_eq!(&mine, &theirs, "{} and {} see the same people", n, other);
                prop_assert_eq!(person.legs.room(), world.people[other].legs.room());
            }
            let mut ended = BTreeMap::<CallId, u32>::new();
            for output in &person.told {
                if let Output::Leg(lifecycle::Output::Ended { call, .. }) = output { *ended.entry(*call).or_default() += 1; }
            }
            prop_assert!(ended.values().all(|times| *times == 1), "{ended:?}");
        }
    }

    /// What a stranger or a member says at any moment breaks nothing, and gets nobody in beyond the limit.
    #[test]
    fn nothing_that_is_said_gets_more_in_than_fit(said in prop::collection::vec((0usize..12, 0u8..6, 0u8..6), 0..60)) {
        let mut world = World::two(12);
        let room = world.people[0].legs.legs()[0].call;
        for (from, kind, about) in said {
            let from = world.id(from);
            let call = if about < 3 { room } else { CallId([100 + about; 16]) };
            let all: Vec<_> = (2..10).map(|n| world.id(n)).collect();
            let card = Some(RoomCard { id: room, members: all.clone(), invites: kind % 2 == 0 });
            let body = match kind {
                0 | 1 => Body::Ring { video: true, name: String::new(), sdp: "sdp".into(), room: card, proof: None },
                2 => Body::Members { room, here: all.clone(), invited: all },
                3 => Body::Accept { video: true, name: String::new(), sdp: "sdp".into(), proof: None },
                4 => declined(DeclineReason::Full),
                _ if about % 2 == 0 => Body::Cancel { reason: CancelReason::Cancelled },
                _ => Body::Bye { reason: ByeReason::Hangup },
            };
            world.give(0, Input::Received { from, call, body });
            prop_assert!(world.people[0].legs.legs.len() < MAX_PEOPLE);
            prop_assert!(world.people[0].legs.waiting.len() <= WAITING);
        }
        world.run(Duration::from_secs(30));
    }
}
