//! Several people, a network that delays each message for a while of its own, and time.

mod random;

use std::collections::{BTreeSet, VecDeque};

use super::*;

/// One person's machine, and what they were told.
struct Person {
    id: PeerId,
    legs: Legs,
    told: Vec<Output>,
    /// Offers and answers that are made at once.
    media: bool,
}

/// A message on its way: due, to whom, from whom, about which call, what.
type Mail = (Instant, usize, PeerId, CallId, Body);

struct World {
    now: Instant,
    people: Vec<Person>,
    mail: VecDeque<Mail>,
    /// How long each way takes, ms; one message never overtakes another on the same way.
    delay: fn(usize, usize) -> u64,
    calls: u8,
}

impl World {
    fn new(people: u8) -> Self {
        Self::with(people, |_, _| 0)
    }

    fn with(people: u8, delay: fn(usize, usize) -> u64) -> Self {
        let now = Instant::now();
        let mut ids: Vec<_> = (0..people).map(|n| PeerId::from_public_key(&[n; 32])).collect();
        ids.sort();
        let person = |id| Person { id, legs: Legs::new(id, "Noor", 7), told: Vec::new(), media: true };
        let mut world =
            Self { now, people: ids.into_iter().map(person).collect(), mail: VecDeque::new(), delay, calls: 0 };
        (0..world.people.len()).for_each(|n| world.give(n, Input::Online(true)));
        world
    }

    fn id(&self, n: usize) -> PeerId {
        self.people[n].id
    }

    fn fresh(&mut self) -> CallId {
        self.calls += 1;
        CallId([self.calls; 16])
    }

    fn give(&mut self, n: usize, input: Input) {
        self.people[n].legs.handle(self.now, input);
        self.drain(n);
    }

    fn drain(&mut self, n: usize) {
        let mut begun = Vec::new();
        while let Some(output) = self.people[n].legs.poll() {
            match &output {
                Output::Leg(lifecycle::Output::Send { to, call, body }) => self.post(n, *to, *call, body.clone()),
                Output::Leg(lifecycle::Output::MakeOffer { call, .. } | lifecycle::Output::MakeAnswer { call, .. })
                    if self.people[n].media =>
                {
                    begun.push(*call)
                }
                _ => {}
            }
            self.people[n].told.push(output);
        }
        for call in begun {
            self.give(n, Input::DescriptionReady { call, sdp: "sdp".into() });
        }
    }

    fn post(&mut self, from: usize, to: PeerId, call: CallId, body: Body) {
        let Some(n) = self.people.iter().position(|person| person.id == to) else { return };
        let due = self.now + Duration::from_millis((self.delay)(from, n));
        self.mail.push_back((due, n, self.id(from), call, body));
    }

    /// Everything that is due, until nothing is for `time`.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.connect();
            let mail = self.mail.iter().map(|mail| mail.0).min();
            let timer = self.people.iter().filter_map(|person| person.legs.deadline()).min();
            let Some(at) = [mail, timer].into_iter().flatten().min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            if mail == Some(at) {
                let n = self.mail.iter().position(|mail| mail.0 == at).unwrap();
                let (_, n, from, call, body) = self.mail.remove(n).unwrap();
                self.give(n, Input::Received { from, call, body });
            } else {
                let n = self.people.iter().position(|person| person.legs.deadline() == Some(at)).unwrap();
                self.give(n, Input::Tick);
                assert_ne!(self.people[n].legs.deadline(), Some(at), "a deadline that is answered passes");
            }
        }
        self.now = self.now.max(end);
    }

    /// Legs on which both sides agree get their media.
    fn connect(&mut self) {
        for a in 0..self.people.len() {
            for leg in self.people[a].legs.legs() {
                let both = self.people.iter().position(|person| person.id == leg.peer).is_some_and(|b| {
                    self.people[b].legs.leg(leg.call).is_some_and(|other| {
                        matches!(other.stage, Some(Stage::Connecting | Stage::Connected)) && other.peer == self.id(a)
                    })
                });
                if both && leg.stage == Some(Stage::Connecting) {
                    self.give(a, Input::MediaConnected(leg.call));
                }
            }
        }
    }

    fn soon(&mut self) {
        self.run(Duration::from_secs(2));
    }

    fn call(&mut self, from: usize, to: usize) {
        let (call, to) = (self.fresh(), self.id(to));
        self.give(from, Input::Call { call, to, video: true });
    }

    fn invite(&mut self, from: usize, to: usize) {
        let (call, to) = (self.fresh(), self.id(to));
        self.people[from].legs.invite(self.now, call, to);
        self.drain(from);
    }

    fn accept(&mut self, n: usize) {
        if let Some(leg) = self.people[n].legs.legs().into_iter().find(|leg| leg.stage.is_none()) {
            self.give(n, Input::Accept { call: leg.call, video: true });
        }
    }

    /// With whom somebody is connected.
    fn with_whom(&self, n: usize) -> BTreeSet<usize> {
        let legs = self.people[n].legs.legs().into_iter().filter(|leg| leg.stage == Some(Stage::Connected));
        legs.map(|leg| self.people.iter().position(|person| person.id == leg.peer).unwrap()).collect()
    }

    /// These are together, each with each, and nobody else.
    fn together(&self, who: &[usize]) {
        for n in who {
            let others: BTreeSet<_> = who.iter().copied().filter(|other| other != n).collect();
            assert_eq!(self.with_whom(*n), others, "of {n}; {:?}", self.people[*n].legs.legs());
        }
    }

    /// Two in a call.
    fn two(people: u8) -> Self {
        let mut world = Self::new(people);
        world.call(0, 1);
        world.soon();
        world.accept(1);
        world.soon();
        world.together(&[0, 1]);
        world
    }

    fn joins(&self, n: usize) -> Vec<PeerId> {
        let joined = |output: &Output| match output {
            Output::Joined { peer, .. } => Some(*peer),
            _ => None,
        };
        self.people[n].told.iter().filter_map(joined).collect()
    }
}

#[test]
fn a_call_of_two_grows_and_its_leg_is_not_touched() {
    let mut world = World::two(3);
    let first = world.people[0].legs.legs()[0].call;
    world.people.iter_mut().for_each(|person| person.told.clear());
    world.invite(0, 2);
    world.soon();
    assert_eq!(world.with_whom(2), BTreeSet::new(), "it rings first");
    world.accept(2);
    world.soon();
    world.together(&[0, 1, 2]);
    for n in [0, 1] {
        assert_eq!(world.people[n].legs.room(), Some(first), "the room is the call it was");
        let touched = world.people[n].told.iter().any(|output| {
            matches!(output, Output::Leg(lifecycle::Output::Stage { call, .. } | lifecycle::Output::CloseMedia(call)
                | lifecycle::Output::RestartIce(call)) if *call == first)
        });
        assert!(!touched);
        assert_eq!(world.joins(n), [world.id(2)], "the newcomer is announced, and nobody else");
    }
    assert_eq!(world.joins(2).into_iter().collect::<BTreeSet<_>>(), [world.id(0), world.id(1)].into());
    let rang = |output: &&Output| matches!(output, Output::Leg(lifecycle::Output::Incoming { .. }));
    assert_eq!(world.people[1].told.iter().filter(rang).count(), 0, "a member does not ring");
}

#[test]
fn eight_fit_and_the_ninth_does_not() {
    let mut world = World::two(9);
    for n in 2..8 {
        world.invite(n - 1, n);
        world.soon();
        world.accept(n);
        world.soon();
    }
    world.together(&[0, 1, 2, 3, 4, 5, 6, 7]);
    world.invite(3, 8);
    assert!(world.people[3].told.contains(&Output::Refused(Refusal::Full)));
}

#[test]
fn two_who_invite_at_once_at_the_limit_leave_the_others_in_peace() {
    let mut world = World::two(9);
    for n in 2..7 {
        world.invite(0, n);
        world.soon();
        world.accept(n);
        world.soon();
    }
    world.invite(0, 7);
    world.invite(1, 8);
    world.soon();
    world.accept(7);
    world.soon();
    world.accept(8);
    world.run(Duration::from_secs(30));
    world.together(&[0, 1, 2, 3, 4, 5, 6, 7]);
    assert!(
        world.people[8].told.iter().any(|output| matches!(output, Output::Over { outcome: Outcome::Failed(_), .. }))
    );
    assert!(!world.people[8].legs.is_busy());
}

#[test]
fn one_leaves_and_the_others_stay_until_there_is_only_one() {
    let mut world = World::two(3);
    world.invite(1, 2);
    world.soon();
    world.accept(2);
    world.soon();
    world.give(0, Input::HangUp);
    world.soon();
    world.together(&[1, 2]);
    assert!(world.people[1].legs.room().is_some(), "the last two go on as a room");
    let over = |world: &World, n: usize| world.people[n].told.iter().any(|out| matches!(out, Output::Over { .. }));
    assert!(over(&world, 0) && !over(&world, 1));
    world.give(2, Input::HangUp);
    world.soon();
    assert!(over(&world, 1) && !world.people[1].legs.is_busy());
}

#[test]
fn whom_nobody_named_is_not_let_in() {
    let mut world = World::two(3);
    let room = world.people[0].legs.legs()[0].call;
    let (eve, call) = (world.id(2), CallId([99; 16]));
    let card = Some(RoomCard { id: room, members: vec![world.id(1)], invites: false });
    let ring = Body::Ring { video: true, name: "Eve".into(), sdp: "sdp".into(), room: card };
    world.give(0, Input::Received { from: eve, call, body: ring.clone() });
    world.run(HOLD + Duration::from_secs(1));
    world.together(&[0, 1]);
    assert!(world.people[0].told.contains(&Output::Leg(lifecycle::Output::Send {
        to: eve,
        call,
        body: declined(DeclineReason::Declined)
    })));
    // Nor does her own word name her.
    let members = Body::Members { room, here: vec![eve], invited: vec![eve] };
    world.give(0, Input::Received { from: eve, call: room, body: members });
    let again = CallId([98; 16]);
    world.give(0, Input::Received { from: eve, call: again, body: ring.clone() });
    world.run(Duration::from_secs(10));
    world.together(&[0, 1]);
    // And a program that is in no room does not ring by it.
    let mut idle = World::new(2);
    let (from, call) = (idle.id(1), CallId([97; 16]));
    idle.give(0, Input::Received { from, call, body: ring });
    assert!(!idle.people[0].legs.is_busy());
}

#[test]
fn a_ring_that_overtakes_the_word_that_names_it_waits() {
    // From the inviter to the second member everything takes three seconds.
    let mut world = World::with(3, |from, to| if (from, to) == (0, 1) { 3000 } else { 1 });
    world.call(0, 1);
    world.run(Duration::from_secs(8));
    world.accept(1);
    world.run(Duration::from_secs(8));
    world.invite(0, 2);
    world.run(Duration::from_millis(10));
    world.accept(2);
    world.run(Duration::from_secs(1));
    assert_eq!(world.with_whom(1), [0].into(), "not yet");
    world.run(Duration::from_secs(4));
    world.together(&[0, 1, 2]);
    assert_eq!(
        world.people[2]
            .told
            .iter()
            .filter(|out| matches!(out, Output::Leg(lifecycle::Output::MakeOffer { .. })))
            .count(),
        1
    );
}

#[test]
fn an_inviter_who_leaves_takes_the_invitation_along_but_not_the_newcomer() {
    let mut world = World::two(3);
    world.invite(0, 2);
    world.soon();
    world.give(0, Input::HangUp);
    world.soon();
    assert!(!world.people[2].legs.is_busy(), "it rings no more");

    // The same once it is taken: the newcomer is with the other by then, or gets there.
    let mut world = World::with(3, |from, to| if from == 2 || to == 2 { 200 } else { 1 });
    world.call(0, 1);
    world.soon();
    world.accept(1);
    world.soon();
    world.invite(0, 2);
    world.soon();
    world.accept(2);
    world.run(Duration::from_millis(250));
    world.give(0, Input::HangUp);
    world.soon();
    world.together(&[1, 2]);
}

#[test]
fn two_invite_the_same_person_and_it_rings_once() {
    let mut world = World::two(3);
    world.invite(0, 2);
    world.invite(1, 2);
    world.soon();
    let rang = |world: &World| {
        let incoming = |out: &&Output| matches!(out, Output::Leg(lifecycle::Output::Incoming { .. }));
        world.people[2].told.iter().filter(incoming).count()
    };
    assert_eq!(rang(&world), 1);
    world.accept(2);
    world.soon();
    world.together(&[0, 1, 2]);

    // Where the one that is shown takes it back, the other's rings on.
    let mut world = World::two(3);
    world.invite(0, 2);
    world.invite(1, 2);
    world.soon();
    world.give(0, Input::HangUp);
    world.soon();
    assert_eq!(rang(&world), 2);
    world.accept(2);
    world.soon();
    world.together(&[1, 2]);
}

#[test]
fn two_invite_different_people_at_once_and_all_meet() {
    let mut world = World::with(4, |from, to| 20 * (from as u64 + 1) + 7 * to as u64);
    world.call(0, 1);
    world.soon();
    world.accept(1);
    world.soon();
    world.invite(0, 2);
    world.invite(1, 3);
    world.soon();
    world.accept(2);
    world.accept(3);
    world.run(Duration::from_secs(20));
    world.together(&[0, 1, 2, 3]);
    for n in 0..4 {
        assert_eq!(world.people[n].legs.room(), world.people[0].legs.room());
    }
}

#[test]
fn a_hole_in_the_mesh_is_mended() {
    let mut world = World::two(3);
    world.invite(0, 2);
    world.soon();
    world.accept(2);
    world.soon();
    let leg = world.people[1].legs.legs().into_iter().find(|leg| leg.peer == world.people[2].id).unwrap().call;
    world.give(1, Input::MediaFailed(leg, "a firewall".into()));
    world.run(Duration::from_secs(1));
    assert_eq!(world.with_whom(1), [0].into());
    let heard = Hearsay { who: world.id(2), by: vec![world.id(0)], refused: false };
    assert_eq!(world.people[1].legs.hearsay(), [heard], "it is known who is missed");
    world.run(Duration::from_secs(10));
    world.together(&[0, 1, 2]);
    assert_eq!(world.people[1].legs.hearsay(), []);
}

#[test]
fn who_calls_the_one_that_invites_them_gets_into_the_room() {
    for (caller, inviter, other) in [(0, 1, 2), (2, 1, 0)] {
        let mut world = World::with(3, |_, _| 50);
        world.call(inviter, other);
        world.soon();
        world.accept(other);
        world.soon();
        world.invite(inviter, caller);
        world.call(caller, inviter);
        world.run(Duration::from_secs(20));
        world.together(&[0, 1, 2]);
    }
}

#[test]
fn a_third_who_calls_finds_the_line_busy() {
    let mut world = World::two(3);
    world.call(2, 0);
    world.soon();
    world.together(&[0, 1]);
    let busy = |out: &Output| matches!(out, Output::Leg(lifecycle::Output::Ended { outcome: Outcome::Busy, .. }));
    assert!(world.people[2].told.iter().any(busy) && world.people[0].told.iter().any(busy));
    assert!(!world.people[2].legs.is_busy());
}

#[test]
fn nobody_is_invited_where_there_is_no_call() {
    let mut world = World::new(2);
    world.invite(0, 1);
    assert_eq!(world.people[0].told.last(), Some(&Output::Refused(Refusal::NoCall)));
    let mut world = World::two(2);
    world.invite(0, 1);
    assert_eq!(world.people[0].told.last(), Some(&Output::Refused(Refusal::Already)));
    assert_eq!(world.people[0].legs.room(), None);
}
