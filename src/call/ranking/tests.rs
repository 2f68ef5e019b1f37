//! The ranking among devices that come, go and break at random, in virtual time.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::model::device::{Device, DeviceError, DeviceKind};

const IDS: [&str; 4] = ["a", "b", "c", "d"];

/// Devices as they really are, and a session that opens what it is told to and tells of it a little later.
struct World {
    plugs: Plugs,
    now: Instant,
    there: Vec<&'static str>,
    broken: BTreeSet<&'static str>,
    default: Option<&'static str>,
    /// What is really open.
    open: [Option<&'static str>; 4],
    /// On their way to the machine: states, and lists, which take longer.
    coming: [VecDeque<(Instant, Coming)>; 2],
    told: Vec<DeviceSwitch>,
    openings: usize,
    nothing: usize,
}

enum Coming {
    State(DeviceUse, DeviceState),
    List(Devices),
}

const OF: DeviceUse = DeviceUse::Microphone;
const USED: [DeviceUse; 2] = [DeviceUse::Microphone, DeviceUse::Speaker];
const A_WHILE: Duration = Duration::from_secs(2);

impl World {
    fn new(chosen: Pick, there: &[&'static str]) -> Self {
        let plugs = Plugs::new(|_| Some(chosen.clone()), &Preferences::default());
        let mut world = Self {
            plugs,
            now: Instant::now(),
            there: there.to_vec(),
            broken: BTreeSet::new(),
            default: there.first().copied(),
            open: [None; 4],
            coming: Default::default(),
            told: Vec::new(),
            openings: 0,
            nothing: 0,
        };
        for of in USED {
            world.handle(Input::InUse(of, true));
            world.opens(of, &chosen);
        }
        world.list();
        world.pass(A_WHILE);
        world
    }

    fn handle(&mut self, input: Input<'_>) {
        self.plugs.handle(self.now, input);
        while let Some(effect) = self.plugs.poll() {
            match effect {
                Effect::Open(of, pick) => {
                    self.openings += 1;
                    self.opens(of, &pick);
                }
                Effect::Choose(of, pick) => self.plugs.handle(self.now, Input::Chosen(of, Some(&pick))),
                Effect::Say(switch) => self.told.push(switch),
                Effect::NothingToUndo => self.nothing += 1,
            }
        }
    }

    /// What comes, `ms` from now; what is on its way keeps its order among its kind.
    fn comes(&mut self, ms: u64, coming: Coming) {
        let queue = &mut self.coming[usize::from(matches!(coming, Coming::List(_)))];
        let at = queue.back().map_or(self.now, |(at, _)| *at).max(self.now + Duration::from_millis(ms));
        queue.push_back((at, coming));
    }

    /// What a session does, and tells of it; nothing of what rings, nor of cameras.
    fn opens(&mut self, of: DeviceUse, pick: &Pick) {
        if !USED.contains(&of) {
            return;
        }
        let id = match pick {
            Pick::Default => self.default,
            Pick::Device(id) => self.there.iter().copied().find(|there| there == id),
        };
        let works = id.filter(|id| !self.broken.contains(id));
        self.open[of as usize] = works;
        self.comes(10, Coming::State(of, DeviceState::Opening));
        match works {
            Some(id) => {
                let state = DeviceState::Open { id: id.to_owned(), name: id.to_uppercase(), format: String::new() };
                self.comes(60, Coming::State(of, state));
            }
            None => self.fails(of, DeviceError::Busy("x".to_owned())),
        }
    }

    fn fails(&mut self, of: DeviceUse, error: DeviceError) {
        self.open[of as usize] = None;
        self.comes(60, Coming::State(of, DeviceState::Failed(error)));
    }

    fn list(&mut self) {
        let device = |id: &str, kind| Device {
            id: id.to_owned(),
            name: id.to_uppercase(),
            kind,
            default: Some(id) == self.default,
        };
        let of = |kind| self.there.iter().map(|id| device(id, kind)).collect::<Vec<_>>();
        let (microphones, speakers) = (of(DeviceKind::Microphone), of(DeviceKind::Speaker));
        self.comes(500, Coming::List(Devices { microphones, speakers, ..Devices::default() }));
    }

    /// A device goes: streams on it end first, the list follows.
    fn unplug(&mut self, id: &'static str) {
        self.there.retain(|there| *there != id);
        if self.default == Some(id) {
            self.default = self.there.first().copied();
        }
        for of in USED {
            if self.open[of as usize] == Some(id) {
                self.fails(of, DeviceError::Gone(id.to_owned(), "unplugged".to_owned()));
            }
        }
        self.list();
    }

    fn plug(&mut self, id: &'static str) {
        if !self.there.contains(&id) {
            self.there.push(id);
        }
        self.default = self.default.or(Some(id));
        self.list();
    }

    fn make_default(&mut self, id: &'static str) {
        if self.there.contains(&id) {
            self.default = Some(id);
            self.list();
        }
    }

    fn break_down(&mut self, id: &'static str) {
        self.broken.insert(id);
        for of in USED {
            if self.open[of as usize] == Some(id) {
                self.fails(of, DeviceError::Busy("x".to_owned()));
            }
        }
    }

    fn choose(&mut self, pick: &Pick) {
        for of in USED {
            self.handle(Input::Chosen(of, Some(pick)));
        }
    }

    /// Time passes: what is on its way arrives, and every deadline is kept.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..10_000 {
            let arrivals = self.coming.iter().filter_map(|queue| queue.front()).map(|(at, _)| *at);
            let Some(at) = self.plugs.deadline().into_iter().chain(arrivals).min().filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            assert!(at >= self.now, "a deadline of before");
            self.now = at;
            let due = |queue: &mut VecDeque<(Instant, Coming)>| queue.pop_front_if(|(arrival, _)| *arrival <= at);
            match self.coming.iter_mut().find_map(due) {
                Some((_, Coming::State(of, state))) => self.handle(Input::State(of, &state)),
                Some((_, Coming::List(devices))) => self.handle(Input::Listed(&devices)),
                None => self.handle(Input::Tick),
            }
        }
        panic!("it never comes to rest");
    }

    fn is_open(&mut self) -> Option<&'static str> {
        self.pass(A_WHILE);
        let busy = |plugs: &Plugs| !plugs.changes.is_empty() || plugs.slots.iter().any(Slot::is_on_its_way);
        for step in 0.. {
            assert!(step < 1_000, "it never comes to rest: {:?}", self.plugs);
            if !busy(&self.plugs) && self.coming.iter().all(VecDeque::is_empty) {
                break;
            }
            self.pass(Duration::from_millis(100));
        }
        assert_eq!(self.open[USED[0] as usize], self.open[USED[1] as usize]);
        self.open[OF as usize]
    }

    fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told).iter().map(DeviceSwitch::sentence).collect()
    }
}

fn device(id: &str) -> Pick {
    Pick::Device(id.to_owned())
}

#[test]
fn unplugged_the_next_one_replugged_back_again_and_undone() {
    let mut world = World::new(device("c"), &["a", "b", "c"]);
    assert_eq!((world.is_open(), world.said().len()), (Some("c"), 0));
    world.choose(&device("b"));
    world.choose(&device("c"));
    assert_eq!((world.is_open(), world.said().len()), (Some("c"), 0), "what was chosen is not said");
    world.unplug("c");
    assert_eq!(world.is_open(), Some("b"), "chosen before, and so before the system's default");
    assert_eq!(world.said(), ["“C” is gone; microphone and speaker: “B”"]);
    world.plug("d");
    assert_eq!((world.is_open(), world.said().len()), (Some("b"), 0), "nobody asked for the new one");
    world.plug("c");
    assert_eq!(world.is_open(), Some("c"));
    assert!(world.told[0].undo);
    assert_eq!(world.said(), ["“C” is back as microphone and speaker"]);
    world.handle(Input::Undo);
    assert_eq!((world.is_open(), world.said().len()), (Some("b"), 0));
    world.list();
    assert_eq!(world.is_open(), Some("b"), "it stays so");
    world.handle(Input::Undo);
    assert_eq!(world.nothing, 1, "there is only one step back");
    let order: Vec<String> = world.plugs.preferences().of(OF).iter().map(|place| place.id.clone().into()).collect();
    assert_eq!(order, ["b", "c"]);
}

#[test]
fn the_systems_default_is_followed_and_can_be_left() {
    let mut world = World::new(Pick::Default, &["a", "b"]);
    assert_eq!(world.is_open(), Some("a"));
    world.make_default("b");
    assert_eq!(world.is_open(), Some("b"));
    assert_eq!(world.said(), ["“B” is the system's new default microphone and speaker"]);
    world.handle(Input::Undo);
    assert_eq!(world.is_open(), Some("a"));
    world.default = Some("a");
    world.list();
    world.make_default("b");
    assert_eq!((world.is_open(), world.said().len()), (Some("a"), 0), "chosen now");
}

#[test]
fn with_nothing_left_it_is_said_and_the_first_to_come_is_used() {
    let mut world = World::new(device("a"), &["a"]);
    world.unplug("a");
    assert_eq!(world.is_open(), None);
    assert_eq!(world.said(), ["“A” is gone and there is no other microphone and speaker; plug one in"]);
    world.plug("b");
    assert_eq!(world.is_open(), Some("b"));
    assert_eq!(
        world.said(),
        ["“B” is back as microphone and speaker"].map(|_| "“A” is gone; microphone and speaker: “B”")
    );
    world.plug("a");
    assert_eq!((world.is_open(), world.said().len()), (Some("a"), 1));
}

#[test]
fn what_was_chosen_and_is_not_there_at_the_start_is_said() {
    let mut world = World::new(device("z"), &["a", "b"]);
    assert_eq!(world.is_open(), Some("a"));
    assert_eq!(world.said(), ["“z” is gone; microphone and speaker: “A”"]);
}

#[test]
fn a_device_that_cannot_be_used_is_left_and_tried_ever_more_rarely() {
    let mut world = World::new(device("b"), &["a", "b"]);
    world.break_down("b");
    assert_eq!(world.is_open(), Some("a"));
    assert_eq!(world.said(), ["“B” cannot be used; microphone and speaker: “A”"]);
    let before = world.openings;
    world.pass(Duration::from_secs(600));
    assert!((12..=40).contains(&(world.openings - before)), "{}", world.openings - before);
    assert_eq!((world.is_open(), world.said().len()), (Some("a"), 0), "no word of what nobody noticed");
    world.broken.clear();
    world.pass(Duration::from_secs(330));
    assert_eq!(world.is_open(), Some("b"));
    assert_eq!(world.said(), ["“B” is back as microphone and speaker"]);
}

#[test]
fn nobody_is_told_of_what_is_not_in_use() {
    let mut world = World::new(device("b"), &["a", "b"]);
    for of in [DeviceUse::Microphone, DeviceUse::Speaker] {
        world.handle(Input::InUse(of, false));
    }
    world.unplug("b");
    world.plug("b");
    world.pass(Duration::from_secs(60));
    assert_eq!((world.is_open(), world.said().len()), (Some("b"), 0));
    assert_eq!(world.plugs.deadline(), None, "an idle program has nothing to do");
}

#[test]
fn a_pattern_or_nothing_is_left_alone() {
    let mut world = World::new(device("b"), &["a", "b"]);
    world.handle(Input::Chosen(OF, None));
    let before = world.openings;
    world.plug("c");
    assert_eq!(world.openings, before);
    world.handle(Input::Chosen(OF, Some(&Pick::Default)));
    assert_eq!((world.openings, world.open[OF as usize]), (before + 1, Some("a")));
}

#[derive(Debug, Clone)]
enum Step {
    Plug(usize),
    Unplug(usize),
    Choose(Option<usize>),
    Default(usize),
    Break(usize),
    Mend(usize),
    Pass(u64),
    Undo,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..IDS.len()).prop_map(Step::Plug),
        3 => (0..IDS.len()).prop_map(Step::Unplug),
        1 => proptest::option::of(0..IDS.len()).prop_map(Step::Choose),
        1 => (0..IDS.len()).prop_map(Step::Default),
        1 => (0..IDS.len()).prop_map(Step::Break),
        1 => (0..IDS.len()).prop_map(Step::Mend),
        1 => (0..20_000u64).prop_map(Step::Pass),
        1 => Just(Step::Undo),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever comes, goes and breaks: once all is quiet, the best of what works is open.
    #[test]
    fn the_best_that_works_is_open(steps in proptest::collection::vec(step(), 1..50), first in 0..IDS.len()) {
        let mut world = World::new(device(IDS[first]), &IDS[..2]);
        for step in steps {
            let (was, told) = (world.is_open(), world.told.len());
            match step {
                Step::Plug(n) => world.plug(IDS[n]),
                Step::Unplug(n) => world.unplug(IDS[n]),
                Step::Choose(n) => world.choose(&n.map_or(Pick::Default, |n| device(IDS[n]))),
                Step::Default(n) => world.make_default(IDS[n]),
                Step::Break(n) => world.break_down(IDS[n]),
                Step::Mend(n) => drop(world.broken.remove(IDS[n])),
                Step::Pass(ms) => world.pass(Duration::from_millis(ms)),
                Step::Undo => world.handle(Input::Undo),
            }
            let now = world.is_open();
            // What is said names what is open, and what is open is never another unsaid, but by choice.
            if let Some(switch) = world.told.get(told..).and_then(<[_]>::last) {
                for change in &switch.changes {
                    prop_assert_eq!(change.id.as_deref(), now);
                }
            } else if let (Some(was), Some(now)) = (was, now) {
                let asked = matches!(step, Step::Choose(_) | Step::Undo);
                prop_assert!(asked || was == now, "{} became {} unsaid", was, now);
            }
        }
        // Long enough for every device that failed to be tried again.
        world.pass(Duration::from_secs(400));
        let now = world.is_open();
        let works = |id: &&str| world.there.contains(id) && !world.broken.contains(id);
        let ranking = world.plugs.preferences().of(OF).clone();
        let chosen = ranking.iter().next().map_or(device(IDS[first]), |place| place.id.clone());
        let ranked = ranking.iter().map(|place| place.id.clone());
        let order = [chosen].into_iter().chain(ranked).map(|pick| match pick {
            Pick::Default => world.default.unwrap_or("none").to_owned(),
            Pick::Device(id) => id,
        });
        let best = order.into_iter().find(|id| works(&id.as_str()));
        match best {
            Some(best) => prop_assert_eq!(now, Some(best.as_str())),
            None => prop_assert_eq!(now.is_some(), IDS.iter().any(works)),
        }
    }
}
