//! Two machines over two connections that follow W3C's state rules, with signaling that delays, reorders, doubles,
//! spoils and loses what it is given.

mod fake;

use proptest::prelude::*;

use super::*;
use fake::{Connection, Text};

#[derive(Debug)]
struct Side {
    machine: Negotiation,
    connection: Connection,
    /// The operation that was asked for and not done yet.
    work: Option<Output>,
    /// The application was told to make an offer.
    needed: bool,
}

#[derive(Debug, Clone)]
enum Message {
    Description(Description),
    Candidate(Candidate),
}

#[derive(Debug)]
struct World {
    sides: [Side; 2],
    /// On their way: to whom, what.
    wire: Vec<(usize, Message)>,
}

#[derive(Debug, Clone)]
enum Step {
    Want(usize, u32),
    Unwant(usize, u32),
    Offer(usize),
    Restart(usize),
    /// The application does what it was told.
    React(usize),
    Work(usize),
    Deliver(usize),
    Double(usize),
    Lose(usize),
    Spoil(usize),
}

fn candidate(fragment: &str) -> Candidate {
    let candidate = "candidate:1 1 udp 1 192.0.2.1 9 typ host".to_owned();
    let username_fragment = Some(fragment.to_owned());
    Candidate { candidate, sdp_mid: None, sdp_m_line_index: None, username_fragment }
}

impl World {
    fn new(polite: [bool; 2], restores: [bool; 2]) -> Self {
        let side = |side: usize| {
            let (polite, restores) = (polite[side], restores[side]);
            let (version, session, before) = (0, 1, 1);
            let (wants, pending, agreed) = ([0].into(), None, None);
            let connection = Connection { side, polite, version, session, before, restores, wants, pending, agreed };
            Side { machine: Negotiation::new(polite), connection, work: None, needed: false }
        };
        let mut world = Self { sides: [side(0), side(1)], wire: Vec::new() };
        world.tell(0, Input::Needed);
        world
    }

    fn tell(&mut self, at: usize, input: Input) {
        self.sides[at].machine.handle(input);
        while let Some(output) = self.sides[at].machine.poll() {
            let side = &mut self.sides[at];
            match output {
                Output::Add(candidate) => {
                    let (_, theirs) = side.connection.agreed.as_ref().expect("a candidate without a description");
                    let fragment = format!("{}x{}", theirs.side, theirs.session);
                    assert_eq!(candidate.fragment(), Some(fragment.as_str()), "a candidate of another session");
                }
                Output::Send(description) => {
                    let fragment = description.username_fragment().unwrap().to_owned();
                    self.wire.push((1 - at, Message::Description(description)));
                    self.wire.push((1 - at, Message::Candidate(candidate(&fragment))));
                }
                Output::Needed => {
                    assert_eq!(side.machine.state(), SignalingState::Stable);
                    assert!(!side.needed || side.connection.agreed.is_some(), "told twice");
                    side.needed = true;
                }
                Output::Refused(_) => {}
                work => assert!(side.work.replace(work).is_none(), "two operations at once"),
            }
        }
    }

    /// Does the operation that was asked for.
    fn work(&mut self, at: usize) {
        let Side { connection, work, .. } = &mut self.sides[at];
        let polite = connection.polite;
        let made = |kind, text: Text| Input::Made(Description { kind, sdp: text.write(polite) });
        let mut settled = false;
        let outcome = match work.take() {
            None => return,
            Some(Output::MakeOffer { restart }) => made(DescriptionKind::Offer, connection.offer(restart)),
            Some(Output::RollBack) => {
                connection.roll_back();
                Input::Done
            }
            Some(Output::TakeOffer(offer)) => match connection.take_offer(&Text::read(&offer.sdp)) {
                Some(answer) => {
                    settled = true;
                    made(DescriptionKind::Answer, answer)
                }
                None => Input::Failed,
            },
            Some(Output::TakeAnswer(answer)) => match connection.take_answer(&Text::read(&answer.sdp)) {
                true => {
                    settled = true;
                    Input::Done
                }
                // Like a crate that notices too late.
                false if connection.restores => {
                    connection.pending = None;
                    Input::Lost
                }
                false => Input::Failed,
            },
            Some(other) => panic!("{other:?} is no operation"),
        };
        if settled {
            self.sides[at].needed = false;
        }
        self.tell(at, outcome);
        if settled {
            self.look(at);
        }
    }

    fn look(&mut self, at: usize) {
        if self.sides[at].connection.differs() && self.sides[at].work.is_none() {
            self.tell(at, Input::Needed);
        }
    }

    fn deliver(&mut self, index: usize) {
        let (to, message) = self.wire.remove(index);
        self.tell(
            to,
            match message {
                Message::Description(description) => Input::Said(description),
                Message::Candidate(candidate) => Input::Candidate(candidate),
            },
        );
    }

    fn step(&mut self, step: Step) {
        let on_wire = |world: &Self, n: usize| (!world.wire.is_empty()).then(|| n % world.wire.len().max(1));
        match step {
            Step::Want(at, number) => {
                self.sides[at].connection.wants.insert(number);
                self.look(at);
            }
            Step::Unwant(at, number) => {
                self.sides[at].connection.wants.remove(&number);
                self.look(at);
            }
            Step::Offer(at) => self.tell(at, Input::Offer { restart: false }),
            Step::Restart(at) => self.tell(at, Input::Offer { restart: true }),
            Step::React(at) => {
                if std::mem::take(&mut self.sides[at].needed) {
                    self.tell(at, Input::Offer { restart: false });
                }
            }
            Step::Work(at) => self.work(at),
            Step::Deliver(n) => {
                if let Some(index) = on_wire(self, n) {
                    self.deliver(index);
                }
            }
            Step::Double(n) => {
                if let Some(index) = on_wire(self, n) {
                    self.wire.push(self.wire[index].clone());
                }
            }
            Step::Lose(n) => {
                if let Some(index) = on_wire(self, n) {
                    self.wire.remove(index);
                }
            }
            Step::Spoil(n) => {
                if let Some(index) = on_wire(self, n)
                    && let (to, Message::Description(description)) = &mut self.wire[index]
                {
                    let polite = self.sides[1 - *to].connection.polite;
                    description.sdp = Text { spoiled: true, ..Text::read(&description.sdp) }.write(polite);
                }
            }
        }
    }

    fn settled(&self) -> bool {
        self.wire.is_empty()
            && self.sides.iter().all(|side| {
                let machine = &side.machine;
                side.work.is_none()
                    && machine.state() == SignalingState::Stable
                    && !machine.wants_restart()
                    && !side.needed
            })
    }

    /// From here on nothing is lost, and both applications do as they are told and ask again where no answer comes.
    fn settle(&mut self) {
        for _ in 0..100 {
            let mut turns = 0;
            loop {
                let before = (self.wire.len(), self.sides.iter().filter(|side| side.work.is_some()).count());
                (0..2).for_each(|at| self.work(at));
                if !self.wire.is_empty() {
                    self.deliver(0);
                }
                turns += 1;
                assert!(turns < 10_000, "they never stop talking: {self:#?}");
                if before == (0, 0) {
                    break;
                }
            }
            if self.settled() {
                return;
            }
            for at in 0..2 {
                if std::mem::take(&mut self.sides[at].needed)
                    || self.sides[at].machine.state() == SignalingState::HaveLocalOffer
                {
                    self.tell(at, Input::Offer { restart: false });
                }
            }
        }
        panic!("they do not agree: {self:#?}");
    }

    fn check(&self) {
        let [a, b] = &self.sides;
        assert_eq!(a.connection.sections(), b.connection.sections(), "{self:#?}");
        for (side, other) in [(a, b), (b, a)] {
            assert!(!side.connection.differs(), "{self:#?}");
            let (ours, theirs) = side.connection.agreed.as_ref().unwrap();
            let (their_ours, their_theirs) = other.connection.agreed.as_ref().unwrap();
            assert_eq!((ours, theirs), (their_theirs, their_ours), "{self:#?}");
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let side = || 0..2_usize;
    prop_oneof![
        2 => (side(), 0..4_u32).prop_map(|(at, number)| Step::Want(at, number)),
        1 => (side(), 0..4_u32).prop_map(|(at, number)| Step::Unwant(at, number)),
        1 => side().prop_map(Step::Offer),
        1 => side().prop_map(Step::Restart),
        4 => side().prop_map(Step::React),
        8 => side().prop_map(Step::Work),
        8 => any::<usize>().prop_map(Step::Deliver),
        1 => any::<usize>().prop_map(Step::Double),
        2 => any::<usize>().prop_map(Step::Lose),
        1 => any::<usize>().prop_map(Step::Spoil),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_both_sides_agree_in_the_end(
        polite in any::<[bool; 2]>(),
        restores in any::<[bool; 2]>(),
        steps in proptest::collection::vec(step(), 0..120),
    ) {
        let mut world = World::new(polite, restores);
        for step in steps {
            world.step(step);
        }
        world.settle();
        world.check();
    }
}

fn offer(side: usize, version: u64, session: u32) -> Description {
    let sections = [((side, 0), true)].into();
    let text = Text { side, version, session, sections, ..Text::default() };
    Description { kind: DescriptionKind::Offer, sdp: text.write(side == 1) }
}

fn drain(machine: &mut Negotiation, input: Input) -> Vec<Output> {
    machine.handle(input);
    std::iter::from_fn(|| machine.poll()).collect()
}

#[test]
fn the_polite_side_gives_way_and_offers_again() {
    let mut world = World::new([true, false], [true; 2]);
    for at in 0..2 {
        world.step(Step::Want(at, 1));
        world.step(Step::Offer(at));
        world.step(Step::Work(at));
    }
    world.settle();
    world.check();
    let sections = world.sides[0].connection.sections();
    assert_eq!(sections, [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().map(|key| (key, true)).collect());
}

#[test]
fn a_restart_that_gave_way_is_wished_for_again() {
    let mut machine = Negotiation::new(true);
    drain(&mut machine, Input::Offer { restart: true });
    drain(&mut machine, Input::Made(offer(0, 1, 2)));
    assert_eq!(drain(&mut machine, Input::Said(offer(1, 1, 1))), [Output::RollBack]);
    drain(&mut machine, Input::Done);
    let out = drain(&mut machine, Input::Made(offer(0, 2, 1)));
    assert!(matches!(&out[..], [Output::Send(_), Output::Needed]), "{out:?}");
    assert_eq!(drain(&mut machine, Input::Offer { restart: false }), [Output::MakeOffer { restart: true }]);
}

#[test]
fn a_restart_of_theirs_is_ours_as_well() {
    let mut machine = Negotiation::new(true);
    drain(&mut machine, Input::Said(offer(1, 1, 1)));
    drain(&mut machine, Input::Made(offer(0, 1, 1)));
    drain(&mut machine, Input::Offer { restart: true });
    drain(&mut machine, Input::Made(offer(0, 2, 2)));
    drain(&mut machine, Input::Said(offer(1, 2, 2)));
    drain(&mut machine, Input::Done);
    let out = drain(&mut machine, Input::Made(offer(0, 3, 3)));
    assert!(matches!(&out[..], [Output::Send(_)]), "{out:?}");
}

#[test]
fn what_is_out_of_place_is_refused_and_changes_nothing() {
    let mut machine = Negotiation::new(false);
    let answer = Description { kind: DescriptionKind::Answer, ..offer(1, 1, 1) };
    assert_eq!(drain(&mut machine, Input::Said(answer.clone())), [Output::Refused(Refusal::NoOffer)]);
    drain(&mut machine, Input::Offer { restart: false });
    drain(&mut machine, Input::Made(offer(0, 1, 1)));
    assert_eq!(drain(&mut machine, Input::Said(offer(1, 1, 1))), [Output::Refused(Refusal::Glare)]);
    drain(&mut machine, Input::Said(Description { sdp: offer(1, 2, 1).sdp, ..answer.clone() }));
    assert_eq!(machine.state(), SignalingState::HaveLocalOffer);
    drain(&mut machine, Input::Done);
    assert_eq!(machine.state(), SignalingState::Stable);
    assert_eq!(drain(&mut machine, Input::Said(answer)), [Output::Refused(Refusal::NoOffer)]);
    assert_eq!(drain(&mut machine, Input::Said(offer(1, 1, 1))), [Output::Refused(Refusal::Late)]);
}

#[test]
fn candidates_wait_for_their_description_and_no_other() {
    let mut machine = Negotiation::new(true);
    let (first, second) = (candidate("1x1"), candidate("1x2"));
    assert!(drain(&mut machine, Input::Candidate(first.clone())).is_empty());
    assert!(drain(&mut machine, Input::Candidate(second.clone())).is_empty());
    drain(&mut machine, Input::Said(offer(1, 1, 1)));
    let out = drain(&mut machine, Input::Made(offer(0, 1, 1)));
    assert_eq!(out[1..], [Output::Add(first.clone())]);
    drain(&mut machine, Input::Said(offer(1, 2, 2)));
    let out = drain(&mut machine, Input::Made(offer(0, 2, 2)));
    assert_eq!(out[1..], [Output::Add(second)]);
    assert!(drain(&mut machine, Input::Candidate(first)).is_empty(), "its session is over");
    assert!(machine.held.is_empty());
}

#[test]
fn candidates_of_an_ignored_offer_are_dropped_unless_its_session_lives_on() {
    for (session, wanted) in [(1, 1), (2, 0)] {
        let mut machine = Negotiation::new(false);
        drain(&mut machine, Input::Offer { restart: false });
        drain(&mut machine, Input::Made(offer(0, 1, 1)));
        drain(&mut machine, Input::Said(offer(1, 1, 1)));
        assert!(drain(&mut machine, Input::Candidate(candidate("1x1"))).is_empty());
        let answer = Description { kind: DescriptionKind::Answer, ..offer(1, 2, session) };
        drain(&mut machine, Input::Said(answer));
        let out = drain(&mut machine, Input::Done);
        assert_eq!((out.len(), machine.held.len()), (wanted, 0));
    }
}
