//! Two machines, each with a disk that answers late, over a channel that breaks.

mod world;

use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use world::{Wire, World, file, id};

#[test]
fn files_of_every_size_arrive_whole_and_both_know() {
    let mut world = World::connected(Instant::now());
    let ids = [0, 1, 999, 1_000, 16_384, 70_001, 700_000].map(|size| (world.offer(0, size), size));
    let back = world.offer(1, 50_000);
    world.settle();
    assert!(world.sides[1].disk.parts.is_empty(), "nothing before the yes");
    for (id, _) in ids {
        assert_eq!(world.state(1, id), TransferState::Offered);
        world.tell(1, Input::Accept(id));
    }
    world.tell(0, Input::Accept(back));
    world.settle();
    for (id, size) in ids {
        assert_eq!((world.state(0, id), world.state(1, id)), (TransferState::Done, TransferState::Done), "{size}");
        assert_eq!(world.sides[1].disk.kept[&id], world.sides[0].disk.sources[&id].0);
    }
    assert_eq!(world.sides[0].disk.kept[&back].len(), 50_000);
    assert_eq!(world.sides[1].over.len(), 8, "each end is told once");
    assert_eq!(world.sides[0].machine.malformed() + world.sides[1].machine.malformed(), 0);
}

#[test]
fn several_files_take_turns() {
    let mut world = World::connected(Instant::now());
    let (large, small) = (world.offer(0, 3_000_000), world.offer(0, 30_000));
    world.settle();
    world.tell(1, Input::Accept(large));
    world.tell(1, Input::Accept(small));
    while world.state(1, small) != TransferState::Done {
        world.go_on();
    }
    assert_eq!(world.state(1, large), TransferState::Running);
    world.settle();
    assert_eq!(world.state(1, large), TransferState::Done);
}

#[test]
fn a_refusal_and_a_cancel_by_either_are_told() {
    for by in 0..2 {
        let mut world = World::connected(Instant::now());
        let (stopped, refused) = (world.offer(0, 900_000), world.offer(0, 10));
        world.settle();
        world.tell(1, Input::Refuse(refused));
        world.tell(1, Input::Accept(stopped));
        while world.sides[1].machine.entry(stopped).unwrap().done < 100_000 {
            world.go_on();
        }
        world.tell(by, Input::Cancel(stopped));
        world.settle();
        for n in 0..2 {
            assert_eq!(world.state(n, stopped), TransferState::Cancelled { by_us: by == n });
            assert_eq!(world.state(n, refused), TransferState::Refused);
        }
        assert!(world.sides[1].disk.parts.is_empty() && world.sides[1].disk.kept.is_empty());
    }
}

#[test]
fn what_is_there_is_not_sent_again() {
    let mut world = World::connected(Instant::now());
    let id = world.offer(0, 500_000);
    world.settle();
    world.tell(1, Input::Accept(id));
    while world.sides[1].machine.entry(id).unwrap().done < 200_000 {
        world.go_on();
    }
    world.cut([true, true]);
    assert_eq!((world.state(0, id), world.state(1, id)), (TransferState::Waiting, TransferState::Waiting));
    while world.work(1) || world.work(0) {}
    let had = world.sides[1].disk.parts[&id].len() as u64;
    world.open(0);
    world.open(1);
    let mut first = None;
    for _ in 0..500 {
        if let Some(Wire::Bytes(bytes)) = world.wires[1].front() {
            first.get_or_insert(Content::decode(bytes).unwrap().at);
        }
        world.go_on();
    }
    assert_eq!(first, Some(had));
    world.settle();
    assert_eq!(world.sides[1].disk.kept[&id], file(1, 500_000));
}

#[test]
fn a_part_that_is_spoilt_is_thrown_away() {
    let mut world = World::connected(Instant::now());
    let id = world.offer(0, 100_000);
    world.sides[1].disk.parts.insert(id, vec![9; 4000]);
    world.settle();
    world.tell(1, Input::Accept(id));
    world.settle();
    assert_eq!(world.sides[1].disk.kept[&id], file(1, 100_000));
}

#[test]
fn a_cancel_while_nothing_connects_them_is_told_later() {
    for by in 0..2 {
        let mut world = World::connected(Instant::now());
        let id = world.offer(0, 10_000);
        world.settle();
        world.cut([true, true]);
        world.tell(1, Input::Accept(id));
        world.tell(by, Input::Cancel(id));
        world.open(1);
        world.open(0);
        world.settle();
        assert_eq!(world.state(by, id), TransferState::Cancelled { by_us: true });
        assert_eq!(world.state(1 - by, id), TransferState::Cancelled { by_us: false });
    }
}

#[test]
fn a_fault_of_a_disk_is_said_in_words_on_both_sides() {
    for (at, why, there) in [(0, Why::Changed, "was changed"), (1, Why::Space, "not enough room")] {
        let mut world = World::connected(Instant::now());
        let id = world.offer(0, 10_000);
        world.settle();
        world.tell(1, Input::Accept(id));
        world.tell(at, Input::Failed(id, Fault { why, words: "here".into() }));
        world.settle();
        assert_eq!(world.state(at, id), TransferState::Failed("here".into()));
        assert!(matches!(world.state(1 - at, id), TransferState::Failed(words) if words.contains(there)));
    }
}

#[test]
fn who_sends_too_much_or_out_of_order_is_cut_off() {
    let content = |at: u64, len: usize| Content { id: id(1), at, bytes: vec![0; len].into() }.encode();
    let tiny: Vec<Bytes> = (0..3000).map(|at| content(at, 1)).collect();
    let flood: Vec<Bytes> = (0..200).map(|n| content(n * 16_384, 16_384)).collect();
    for messages in
        [tiny, flood, vec![content(5, 10)], vec![content(0, 10), content(0, 10)], vec![content(0, 65_000); 90]]
    {
        let mut world = World::connected(Instant::now());
        let id = world.offer(0, 3_000_000);
        world.settle();
        world.tell(1, Input::Accept(id));
        while world.state(1, id) != TransferState::Running {
            let moved = [world.deliver(0), world.deliver(1), world.work(0), world.work(1)].contains(&true);
            assert!(moved || world.state(1, id) == TransferState::Running);
        }
        world.wires[1].clear();
        for message in messages {
            world.tell(1, Input::Bytes(message)); // the disk does nothing meanwhile
        }
        assert!(matches!(world.state(1, id), TransferState::Failed(_)));
        let waiting = world.sides[1].disk.asked.iter().filter(|of| matches!(of, Output::Write { .. })).count();
        assert!(waiting <= 1500, "{waiting}");
    }
}

#[test]
fn offers_are_bounded_and_those_that_are_over_forgotten() {
    let mut world = World::connected(Instant::now());
    for n in 0..=MAX_OPEN {
        let offer = Control::Offer { id: TransferId([0; 16]), name: "x".into(), size: 1 }.encode();
        let offer = offer.replacen("00000000", &format!("{n:08x}"), 1);
        world.tell(1, Input::Text(offer.as_bytes()));
    }
    assert_eq!(world.sides[1].machine.entries().count(), MAX_OPEN);
    assert!(matches!(world.wires[0].back(), Some(Wire::Text(text)) if text.contains("many")));
    let ids: Vec<_> = world.sides[1].offered.clone();
    for id in ids {
        world.tell(1, Input::Refuse(id));
    }
    world.offer(0, 1);
    world.settle();
    assert_eq!(world.sides[1].machine.entries().count(), KEPT + 1);
}

#[derive(Debug, Clone)]
enum Step {
    Offer(usize, usize),
    Accept(usize, usize),
    Refuse(usize, usize),
    Cancel(usize, usize),
    Deliver(usize, usize),
    Work(usize, usize),
    Wait(u64),
    Cut([bool; 2]),
    Open(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (side, which) = (0..2usize, 0..6usize);
    prop_oneof![
        2 => (side.clone(), prop_oneof![Just(0usize), 1..40usize, 1_000..80_000usize]).prop_map(|(n, s)| Step::Offer(n, s)),
        3 => (side.clone(), which.clone()).prop_map(|(n, w)| Step::Accept(n, w)),
        1 => (side.clone(), which.clone()).prop_map(|(n, w)| Step::Refuse(n, w)),
        1 => (side.clone(), which).prop_map(|(n, w)| Step::Cancel(n, w)),
        8 => (side.clone(), 1..12usize).prop_map(|(n, c)| Step::Deliver(n, c)),
        8 => (side.clone(), 1..12usize).prop_map(|(n, c)| Step::Work(n, c)),
        4 => (1..200u64).prop_map(Step::Wait),
        2 => any::<[bool; 2]>().prop_map(Step::Cut),
        3 => side.prop_map(Step::Open),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_breaks_what_was_accepted_arrives_and_both_agree(steps in prop::collection::vec(step(), 0..120)) {
        let mut world = World::connected(Instant::now());
        let (mut all, mut accepted, mut stopped) = (vec![], vec![], vec![]);
        for step in steps {
            match step {
                Step::Offer(n, size) if all.len() < 20 => all.push((n, world.offer(n, size))),
                Step::Accept(n, which) => if let Some(&id) = world.sides[n].offered.get(which) {
                    world.tell(n, Input::Accept(id));
                    accepted.push(id);
                }
                Step::Refuse(n, which) => if let Some(&id) = world.sides[n].offered.get(which) {
                    world.tell(n, Input::Refuse(id));
                    stopped.push(id);
                }
                Step::Cancel(n, which) => if let Some(&(_, id)) = all.get(which)
                    && world.sides[n].machine.entry(id).is_some()
                {
                    world.tell(n, Input::Cancel(id));
                    stopped.push(id);
                }
                Step::Deliver(n, count) => for _ in 0..count { world.deliver(n); }
                Step::Work(n, count) => for _ in 0..count { world.work(n); }
                Step::Wait(ms) => world.wait(Duration::from_millis(ms)),
                Step::Cut(told) => world.cut(told),
                Step::Open(n) if !world.sides[n].up => {
                    // What the other side still sends by the old channel goes nowhere.
                    world.open(n);
                }
                _ => {}
            }
        }
        world.cut([true, true]);
        world.open(0);
        world.open(1);
        world.settle();
        for (n, id) in all {
            let sender = world.state(n, id);
            let Some(receiver) = world.sides[1 - n].machine.entry(id).map(|entry| entry.state) else {
                prop_assert!(sender.is_over(), "it was stopped before the other side heard of it");
                continue;
            };
            if receiver == TransferState::Done {
                prop_assert_eq!(&world.sides[1 - n].disk.kept[&id], &world.sides[n].disk.sources[&id].0);
            }
            if !stopped.contains(&id) {
                let expected = if accepted.contains(&id) { TransferState::Done } else { TransferState::Offered };
                prop_assert_eq!((&sender, &receiver), (&expected, &expected));
            } else if sender.is_over() || receiver.is_over() {
                prop_assert!(sender.is_over() && receiver.is_over(), "{:?} {:?}", sender, receiver);
                let failed = |state: &TransferState| matches!(state, TransferState::Failed(_));
                prop_assert!(!failed(&sender) && !failed(&receiver), "{:?} {:?}", sender, receiver);
            }
            let ends = |n: usize| world.sides[n].over.iter().filter(|over| **over == id).count();
            prop_assert_eq!((ends(n), ends(1 - n)), (usize::from(sender.is_over()), usize::from(receiver.is_over())));
        }
        for side in &world.sides {
            prop_assert_eq!(side.machine.malformed(), 0);
        }
    }

    #[test]
    fn no_message_panics(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..20)) {
        let mut world = World::connected(Instant::now());
        for message in messages {
            world.tell(0, Input::Text(&message));
            world.tell(0, Input::Bytes(message.into()));
        }
    }
}
