//! Worlds of people who meet in rooms through one hub over a bad network, on a virtual clock; and what rooms take of a
//! server's memory.

#[path = "common/heap.rs"]
mod heap;
#[path = "worlds/rooms.rs"]
mod world;

use std::cell::Cell;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use visavis::signal::client::RoomOver;
use visavis::signal::hub::{ConnId, Hub, Input, Output};
use visavis::signal::key::KeyPair;
use visavis::signal::limits::{Limits, ROOM_GRACE};
use visavis::signal::message::{ClientMessage, Join, Login, ServerMessage, to_text};
use visavis::signal::room::secret::Code;
use visavis::signal::room::{Entry, Place, RoomName};
use world::World;

thread_local! {
    /// Bytes this thread has taken and not given back.
    static HELD: Cell<isize> = const { Cell::new(0) };
}

#[global_allocator]
static HEAP: heap::Watched = heap::Watched {
    taken: |bytes| HELD.set(HELD.get().wrapping_add_unsigned(bytes)),
    given: |bytes| HELD.set(HELD.get().wrapping_sub_unsigned(bytes)),
};

const PEOPLE: usize = 4;

#[derive(Debug, Clone, Copy)]
enum Op {
    Join(usize, usize),
    /// With another password.
    Guess(usize),
    Leave(usize, usize),
    Wait(u64),
    Cut(usize),
    Kill(usize, bool),
    RestartHub,
}

fn op() -> impl Strategy<Value = Op> {
    let (who, room) = (0..PEOPLE, 0usize..2);
    prop_oneof![
        8 => (who.clone(), room.clone()).prop_map(|(w, r)| Op::Join(w, r)),
        1 => who.clone().prop_map(Op::Guess),
        3 => (who.clone(), room).prop_map(|(w, r)| Op::Leave(w, r)),
        6 => prop_oneof![0u64..300, 0u64..3000, 5_000u64..15_000, 200_000u64..900_000].prop_map(Op::Wait),
        2 => who.clone().prop_map(Op::Cut),
        1 => (who, any::<bool>()).prop_map(|(w, noticed)| Op::Kill(w, noticed)),
        1 => Just(Op::RestartHub),
    ]
}

fn rooms() -> [RoomName; 2] {
    ["open", "locked"].map(|name| name.parse().expect("a name of a room"))
}

fn right(room: &RoomName) -> Option<&'static str> {
    (room.as_str() == "locked").then_some("right")
}

fn act(world: &mut World, op: Op) {
    let rooms = rooms();
    match op {
        Op::Join(who, n) => world.join(who, &rooms[n], right(&rooms[n])),
        Op::Guess(who) => world.join(who, &rooms[1], Some("wrong")),
        Op::Leave(who, n) => world.leave(who, &rooms[n]),
        Op::Wait(ms) => world.run(Duration::from_millis(ms)),
        Op::Cut(who) => world.cut(who),
        Op::Kill(who, noticed) => world.kill(who, noticed),
        Op::RestartHub => world.restart_hub(),
    }
}

fn inside(world: &World, room: &RoomName) -> Vec<usize> {
    (0..PEOPLE).filter(|n| world.seen(*n, room).is_some()).collect()
}

/// Everybody in a room sees exactly the others in it.
fn all_see_each_other(world: &World) {
    for room in rooms() {
        let there = inside(world, &room);
        for n in &there {
            let others = there.iter().filter(|m| *m != n).map(|m| world.id(*m)).collect();
            assert_eq!(world.seen(*n, &room), Some(&others), "{room}: {n} of {there:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn people_who_come_and_go_see_each_other(seed in any::<u64>(), ops in proptest::collection::vec(op(), 1..40)) {
        let mut world = World::new(PEOPLE, seed >> 1);
        ops.into_iter().for_each(|op| act(&mut world, op));
        world.run(Duration::from_secs(120));
        all_see_each_other(&world);
        // And when all have left, nothing is kept.
        for room in rooms() {
            (0..PEOPLE).for_each(|n| world.leave(n, &room));
        }
        world.run(Duration::from_secs(20));
        prop_assert_eq!(world.rooms(), 0);
    }

    #[test]
    fn a_dishonest_hub_makes_up_no_member(seed in any::<u64>(), ops in proptest::collection::vec(op(), 1..40)) {
        let mut world = World::new(PEOPLE, seed >> 1);
        world.hostile = true;
        // Who was named without having signed, or came or left twice, fails within the world.
        ops.into_iter().for_each(|op| act(&mut world, op));
        world.run(Duration::from_secs(60));
    }
}

#[test]
fn the_dishonest_are_noticed() {
    let mut distrusted = 0;
    for seed in 0..20 {
        let mut world = World::new(PEOPLE, seed);
        world.hostile = true;
        for n in 0..PEOPLE {
            world.join(n, &rooms()[1], Some("right"));
            world.run(Duration::from_secs(1));
        }
        distrusted += world.distrusted;
    }
    assert!(distrusted > 20, "{distrusted}");
}

#[test]
fn a_connection_that_breaks_is_no_coming_and_going() {
    for seed in 0..50 {
        let mut world = World::new(PEOPLE, seed);
        for room in rooms() {
            (0..PEOPLE).for_each(|n| world.join(n, &room, right(&room)));
        }
        world.run(Duration::from_secs(5));
        (0..3).for_each(|n| assert_eq!(world.seen(n, &rooms()[1]).map(|seen| seen.len()), Some(PEOPLE - 1)));
        for n in [0, 1, 0, 2] {
            world.cut(n);
            world.run(Duration::from_millis(500 + seed * 20));
        }
        world.run(Duration::from_secs(20));
        assert_eq!(world.lefts, 0, "{seed}");
        all_see_each_other(&world);
    }
}

#[test]
fn whoever_is_killed_is_gone_after_the_grace() {
    let mut world = World::new(PEOPLE, 5);
    let room = &rooms()[0];
    (0..PEOPLE).for_each(|n| world.join(n, room, None));
    world.run(Duration::from_secs(2));
    world.kill(0, true);
    world.run(ROOM_GRACE - Duration::from_secs(1));
    assert_eq!(world.lefts, 0);
    world.run(Duration::from_secs(2));
    assert_eq!((world.lefts, inside(&world, room).len()), (PEOPLE - 1, PEOPLE - 1));
    all_see_each_other(&world);
}

#[test]
fn people_stay_for_hours_and_a_server_that_dies_loses_nobody() {
    let mut world = World::new(PEOPLE, 6);
    let room = &rooms()[1];
    (0..PEOPLE).for_each(|n| world.join(n, room, Some("right")));
    world.run(Duration::from_secs(2 * 3600));
    assert_eq!((world.lefts, inside(&world, room).len()), (0, PEOPLE));
    world.restart_hub();
    world.run(Duration::from_secs(30));
    assert_eq!(inside(&world, room).len(), PEOPLE);
    all_see_each_other(&world);
}

#[test]
fn a_wrong_password_is_refused_to_the_person() {
    let mut world = World::new(PEOPLE, 7);
    let room = &rooms()[1];
    world.join(0, room, Some("right"));
    world.run(Duration::from_secs(1));
    world.join(1, room, Some("wrong"));
    world.join(2, room, None);
    world.run(Duration::from_secs(3));
    world.overs.sort_by_key(|(who, _)| *who);
    assert_eq!(world.overs, [(1, RoomOver::NoEntry), (2, RoomOver::NoEntry)]);
    assert_eq!((inside(&world, room), world.seen(0, room).map(|seen| seen.len())), (vec![0], Some(0)));
}

fn keys(n: u64) -> KeyPair {
    KeyPair::from_seed(std::array::from_fn(|at| if at < 8 { n.to_be_bytes()[at] } else { 7 }))
}

/// The same for each of them: it is the hub that tells them apart.
const NONCE: [u8; 32] = [9; 32];

fn login(hub: &mut Hub<String>, now: Instant, n: u64) {
    let (conn, address) = (ConnId(n), [10, 0, (n / 200) as u8, (n % 200) as u8].into());
    hub.handle(now, Input::Opened { conn, address, nonce: NONCE, unix: 1 });
    let Some(Output::Send(_, text)) = hub.poll() else { panic!("the server speaks first") };
    let Ok(ServerMessage::Hello(hello)) = serde_json::from_str(&text) else { panic!("{text}") };
    let keys = keys(n);
    let sig = keys.sign(&hello.signed_bytes(keys.id()));
    let login = Login { v: 1, id: keys.id(), key: keys.public(), sig };
    hub.handle(now, Input::Text(conn, to_text(&ClientMessage::Login(login))));
    while hub.poll().is_some() {}
}

#[test]
fn a_room_of_eight_takes_five_kibibytes_of_the_server() {
    const ROOMS: u64 = 100;
    let now = Instant::now();
    let mut hub: Hub<String> = Hub::new("s", Limits { connections_per_address: 9, ..Limits::default() });
    (0..8 * ROOMS).for_each(|n| login(&mut hub, now, n));
    let before = HELD.get();
    for n in 0..8 * ROOMS {
        let room: RoomName = format!("a room with a name of usual length {}", n / 8).parse().unwrap();
        let entry = Entry::seal(&keys(n), &Place { server: "s", room: &room }, None, Code(NONCE), 1, 600);
        let join = Join { room, limit: None, verifier: None, entry };
        hub.handle(now, Input::Text(ConnId(n), to_text(&ClientMessage::Join(join))));
        while hub.poll().is_some() {}
    }
    let each = (HELD.get() - before) / ROOMS as isize;
    assert_eq!(hub.rooms(), ROOMS as usize);
    assert!((1024..=5 * 1024).contains(&each), "{each} bytes a room");
}
