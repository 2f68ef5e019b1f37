//! Rooms with a name: who is listed comes in, who is not does not.

use super::*;
use crate::signal::room::secret::{Pass, RoomKey};

const ROOM: CallId = CallId([200; 16]);

fn pass(key: u8) -> Option<Pass> {
    Some(Pass::new("s".into(), "monday".parse().unwrap(), RoomKey::from_bytes([key; 32])))
}

impl World {
    /// Somebody comes in while these are there, who learn of it.
    fn joins_room(&mut self, n: usize, there: &[usize], pass: Option<Pass>) {
        let listed: Vec<_> = there.iter().map(|other| self.id(*other)).collect();
        assert_eq!(self.people[n].legs.join(self.now, ROOM, &listed, pass, true), Ok(()));
        self.drain(n);
        there.iter().for_each(|other| self.list(*other, n));
    }

    fn list(&mut self, n: usize, who: usize) {
        let who = self.id(who);
        self.people[n].legs.list(self.now, who);
        self.drain(n);
    }

    fn unlist(&mut self, n: usize, who: usize) {
        let who = self.id(who);
        self.people[n].legs.unlist(self.now, who);
        self.drain(n);
    }

    fn count(&self, n: usize, which: impl Fn(&Output) -> bool) -> usize {
        self.people[n].told.iter().filter(|output| which(output)).count()
    }

    /// Three in a room.
    fn three(pass: impl Fn() -> Option<Pass>) -> Self {
        let mut world = Self::with(4, |_, _| 20);
        world.joins_room(1, &[], pass());
        world.joins_room(2, &[1], pass());
        world.joins_room(0, &[1, 2], pass());
        world.soon();
        world
    }
}

fn offers(output: &Output) -> bool {
    matches!(output, Output::Leg(lifecycle::Output::MakeOffer { .. }))
}

#[test]
fn whoever_comes_rings_those_who_are_there_and_nobody_else_does() {
    for key in [None, Some(5)] {
        let mut world = World::three(|| key.and_then(pass));
        world.together(&[0, 1, 2]);
        assert_eq!([0, 1, 2].map(|n| world.count(n, offers)), [2, 0, 1], "one ring for each pair");
        assert_eq!(world.joins(1), [world.id(2), world.id(0)], "a newcomer is announced to all");
        for n in 0..3 {
            assert_eq!(world.people[n].legs.room(), Some(ROOM));
            assert_eq!(world.count(n, |out| matches!(out, Output::Leg(lifecycle::Output::Incoming { .. }))), 0);
        }
        // Who leaves may come again, and being alone is no end.
        world.give(0, Input::HangUp);
        [1, 2].iter().for_each(|n| world.unlist(*n, 0));
        world.soon();
        world.together(&[1, 2]);
        assert!(!world.people[0].legs.is_busy());
        world.joins_room(0, &[1, 2], key.and_then(pass));
        world.soon();
        world.together(&[0, 1, 2]);
        for n in [0, 2] {
            world.give(n, Input::HangUp);
            (0..3).filter(|other| *other != n).for_each(|other| world.unlist(other, n));
        }
        world.run(Duration::from_secs(60));
        world.together(&[1]);
        let over = |world: &World, n| world.count(n, |out| matches!(out, Output::Over { .. }));
        assert!(world.people[1].legs.is_busy() && over(&world, 1) == 0, "somebody may still come");
        world.give(1, Input::HangUp);
        assert!(!world.people[1].legs.is_busy() && over(&world, 1) == 1);
    }
}

#[test]
fn who_does_not_show_the_password_is_refused_and_said() {
    for theirs in [None, pass(6)] {
        // They ring, being listed by whoever errs or lies.
        let mut world = World::with(2, |_, _| 20);
        world.joins_room(0, &[], pass(5));
        world.joins_room(1, &[0], theirs.clone());
        world.run(Duration::from_secs(60));
        world.together(&[0]);
        world.together(&[1]);
        assert_eq!(world.count(0, |out| matches!(out, Output::Distrusted { .. })), 1, "once");
        assert_eq!(world.count(0, offers), 0, "and they are not rung");
        assert_eq!(world.count(0, |out| matches!(out, Output::Leg(lifecycle::Output::MakeAnswer { .. }))), 0);

        // They are rung.
        let mut world = World::with(2, |_, _| 20);
        world.joins_room(1, &[], theirs);
        world.joins_room(0, &[1], pass(5));
        world.run(Duration::from_secs(60));
        world.together(&[0]);
        let said = [0, 1].map(|n| world.count(n, |out| matches!(out, Output::Distrusted { .. })));
        assert_eq!(said.iter().sum::<usize>(), 1, "{said:?}");
        assert_eq!(world.count(0, |out| matches!(out, Output::Leg(lifecycle::Output::TakeAnswer { .. }))), 0);
    }
}

#[test]
fn who_is_not_listed_does_not_come_in_however_they_are_named() {
    let mut world = World::three(|| None);
    let (eve, call) = (world.id(3), CallId([99; 16]));
    let members = vec![world.id(1), eve];
    let card = |invites| Some(RoomCard { id: ROOM, members: members.clone(), invites });
    for (n, invites) in [(0, false), (1, true)] {
        let ring = Body::Ring { video: true, name: "Eve".into(), sdp: "sdp".into(), room: card(invites), proof: None };
        world.give(n, Input::Received { from: eve, call, body: ring });
    }
    // A member's word does not name anybody.
    let leg = world.people[0].legs.legs()[0].clone();
    let body = Body::Members { room: ROOM, here: vec![eve], invited: vec![eve] };
    world.give(0, Input::Received { from: leg.peer, call: leg.call, body });
    world.run(HOLD + Duration::from_secs(1));
    world.together(&[0, 1, 2]);
    for n in [0, 1] {
        let no = Output::Leg(lifecycle::Output::Send { to: eve, call, body: declined(DeclineReason::Declined) });
        assert_eq!(world.count(n, |out| *out == no), 1);
    }
    // An ordinary call finds the line busy, also where nobody else is in the room.
    let mut world = World::with(2, |_, _| 20);
    world.joins_room(0, &[], None);
    world.call(1, 0);
    world.soon();
    let busy = |out: &Output| matches!(out, Output::Leg(lifecycle::Output::Ended { outcome: Outcome::Busy, .. }));
    assert_eq!([0, 1].map(|n| world.count(n, busy)), [1, 1]);
    world.invite(0, 1);
    assert_eq!(world.people[0].told.last(), Some(&Output::Refused(Refusal::ByName)));
}

#[test]
fn a_ring_may_come_before_the_list_and_a_lost_one_is_made_good() {
    let mut world = World::with(2, |_, _| 20);
    world.joins_room(0, &[], pass(5));
    let there = [world.id(0)];
    assert_eq!(world.people[1].legs.join(world.now, ROOM, &there, pass(5), true), Ok(()));
    world.drain(1);
    world.run(Duration::from_secs(1));
    world.together(&[0]);
    world.list(0, 1);
    world.soon();
    world.together(&[0, 1]);
    // Whom the newcomer does not ring, they are rung by.
    let mut world = World::with(2, |_, _| 20);
    world.joins_room(0, &[], None);
    world.joins_room(1, &[], None);
    world.list(0, 1);
    world.list(1, 0);
    world.run(3 * MISSED);
    world.together(&[0, 1]);
}

#[test]
fn a_server_that_forgets_the_list_ends_no_call() {
    let mut world = World::three(|| None);
    (0..3).for_each(|n| world.give(n, Input::Online(false)));
    for n in 0..3 {
        world.give(n, Input::Online(true));
        (0..3).filter(|other| *other != n).for_each(|other| world.unlist(n, other));
    }
    world.soon();
    world.together(&[0, 1, 2]);
    let legs = world.people[0].legs.legs();
    (0..3).for_each(|n| (0..3).filter(|other| *other != n).for_each(|other| world.list(n, other)));
    world.run(Duration::from_secs(60));
    world.together(&[0, 1, 2]);
    assert_eq!(world.people[0].legs.legs(), legs, "the legs are the same");
}

#[test]
fn a_full_room_and_a_call_leave_no_place() {
    let mut world = World::new(9);
    let all: Vec<_> = (1..9).map(|n| world.id(n)).collect();
    let now = world.now;
    assert_eq!(world.people[0].legs.join(now, ROOM, &all, None, true), Err(Refusal::Full));
    world.call(0, 1);
    assert_eq!(world.people[0].legs.join(now, ROOM, &[], None, true), Err(Refusal::InCall));
}
