//! Who sits where and who is shown large: a pure machine, so that no tile jumps while people talk.
//!
//! People keep the order in which they came, oneself last. The speaker view shows somebody else only once they have
//! spoken for a while and whoever it shows has fallen silent; a cough is no speech. Pins hold until they are taken out,
//! also while the pinned one is away.
//!
//! Invariants: nothing but coming, going, a pin, a share, the chosen layout and long speech moves a tile; everybody is
//! in [`Seating`] exactly once.

use std::time::Duration;

use crate::model::id::Callee;

/// So long one speaks until the speaker view shows them.
pub const SPEECH: Duration = Duration::from_millis(1500);
/// Who is silent for less draws breath.
pub const BREATH: Duration = Duration::from_millis(500);
/// One more pin takes out the oldest.
pub const PINS: usize = 4;

/// Whose tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// Oneself.
    Me,
    /// Somebody else.
    Them(Callee),
}

/// How tiles are laid out where neither a pin nor a share says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// All alike.
    Grid,
    /// Who speaks, large.
    Speaker,
}

/// Somebody else in the call, as far as their seat depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Here {
    /// Who.
    pub who: Callee,
    /// They have been speaking for a moment.
    pub speaking: bool,
    /// Their picture is a screen of theirs.
    pub sharing: bool,
}

/// Why some are large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// None is.
    Grid,
    /// They speak, or spoke last.
    Speaker,
    /// They share a screen.
    Share,
    /// Somebody pinned them.
    Pinned,
}

/// Who is large and who is not, each in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seating {
    /// Why.
    pub kind: Kind,
    /// Those on the stage.
    pub large: Vec<Who>,
    /// All others.
    pub rest: Vec<Who>,
}

#[derive(Debug, Clone, Copy)]
struct Seat {
    who: Callee,
    sharing: bool,
    speech: Option<Speech>,
}

/// What somebody says without a longer break.
#[derive(Debug, Clone, Copy)]
struct Speech {
    since: Duration,
    /// Drawing breath since then.
    quiet: Option<Duration>,
}

impl Speech {
    fn see(before: Option<Self>, speaking: bool, now: Duration) -> Option<Self> {
        let over = |speech: &Self| speech.quiet.is_some_and(|since| now.saturating_sub(since) > BREATH);
        match (before.filter(|speech| !over(speech)), speaking) {
            (Some(speech), true) => Some(Self { quiet: None, ..speech }),
            (Some(speech), false) => Some(Self { quiet: speech.quiet.or(Some(now)), ..speech }),
            (None, true) => Some(Self { since: now, quiet: None }),
            (None, false) => None,
        }
    }

    fn is_long(&self, now: Duration) -> bool {
        now.saturating_sub(self.since) >= SPEECH
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Seats {
    seats: Vec<Seat>,
    me_sharing: bool,
    pins: Vec<Who>,
    main: Option<Callee>,
    chosen: Option<Layout>,
}

impl Seats {
    /// Sees who is here. `now` is on any clock that does not go back; `me_sharing`: we share something that can be shown to
    /// ourselves.
    pub fn see(&mut self, here: &[Here], me_sharing: bool, now: Duration) {
        self.me_sharing = me_sharing;
        self.seats.retain(|seat| here.iter().any(|person| person.who == seat.who));
        for person in here {
            let known = self.seats.iter().position(|seat| seat.who == person.who);
            let at = known.unwrap_or_else(|| {
                self.seats.push(Seat { who: person.who, sharing: false, speech: None });
                self.seats.len() - 1
            });
            let seat = &mut self.seats[at];
            seat.sharing = person.sharing;
            seat.speech = Speech::see(seat.speech, person.speaking, now);
        }
        let shown = self.main.and_then(|main| self.seats.iter().find(|seat| seat.who == main));
        if shown.is_none() {
            self.main = None;
        }
        if shown.is_none_or(|seat| seat.speech.is_none()) {
            let long = self.seats.iter().filter_map(|seat| {
                let speech = seat.speech.filter(|speech| speech.quiet.is_none() && speech.is_long(now))?;
                Some((speech.since, seat.who))
            });
            if let Some((_, who)) = long.min_by_key(|(since, _)| *since) {
                self.main = Some(who);
            }
        }
    }

    /// When to see again although nothing changes until then: the speaker view may show somebody else.
    pub fn due(&self, now: Duration) -> Option<Duration> {
        let main = self.seats.iter().find(|seat| Some(seat.who) == self.main).and_then(|seat| seat.speech);
        let free = match main {
            None => Duration::ZERO,
            Some(speech) => speech.quiet? + BREATH + Duration::from_millis(1),
        };
        let others = self.seats.iter().filter(|seat| Some(seat.who) != self.main);
        let ready = others.filter_map(|seat| seat.speech.filter(|speech| speech.quiet.is_none()));
        let ready = ready.map(|speech| (speech.since + SPEECH).max(free).saturating_sub(now)).min();
        ready.map(|left| left.max(Duration::from_millis(20)))
    }

    /// Pins somebody, or takes the pin out.
    pub fn toggle_pin(&mut self, who: Who) {
        if self.is_pinned(who) {
            self.pins.retain(|pinned| *pinned != who);
        } else {
            if self.pins.len() >= PINS {
                self.pins.remove(0);
            }
            self.pins.push(who);
        }
    }

    /// Whether somebody is pinned.
    pub fn is_pinned(&self, who: Who) -> bool {
        self.pins.contains(&who)
    }

    /// The layout in force: as chosen, otherwise the other one's picture large for two and a grid for more.
    pub fn layout(&self) -> Layout {
        self.chosen.unwrap_or(if self.seats.len() == 1 { Layout::Speaker } else { Layout::Grid })
    }

    /// The other layout from now on. Where a pin decides, it is taken out.
    pub fn switch(&mut self) {
        let pinned = self.seating().kind == Kind::Pinned;
        self.pins.clear();
        if !pinned {
            self.chosen = Some(if self.layout() == Layout::Grid { Layout::Speaker } else { Layout::Grid });
        }
    }

    /// Who is where now.
    pub fn seating(&self) -> Seating {
        let all: Vec<_> = self.seats.iter().map(|seat| Who::Them(seat.who)).chain([Who::Me]).collect();
        let pinned: Vec<_> = self.pins.iter().copied().filter(|who| all.contains(who)).collect();
        let mut shared: Vec<_> =
            self.seats.iter().filter(|seat| seat.sharing).map(|seat| Who::Them(seat.who)).collect();
        if shared.is_empty() && self.me_sharing {
            shared.push(Who::Me);
        }
        shared.truncate(2);
        let speaker = self.main.or_else(|| self.seats.first().map(|seat| seat.who)).map(Who::Them);
        let (kind, large) = if !pinned.is_empty() {
            (Kind::Pinned, pinned)
        } else if !shared.is_empty() {
            (Kind::Share, shared)
        } else if self.layout() == Layout::Speaker && speaker.is_some() {
            (Kind::Speaker, speaker.into_iter().collect())
        } else {
            (Kind::Grid, Vec::new())
        };
        let rest = all.into_iter().filter(|who| !large.contains(who)).collect();
        Seating { kind, large, rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::PeerId;
    use proptest::prelude::*;

    fn id(n: u8) -> Callee {
        Callee::Peer(PeerId::from_public_key(&[n; 32]))
    }

    fn them(n: u8) -> Who {
        Who::Them(id(n))
    }

    fn here(people: &[u8], speaking: &[u8]) -> Vec<Here> {
        let one = |n: &u8| Here { who: id(*n), speaking: speaking.contains(n), sharing: false };
        people.iter().map(one).collect()
    }

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Three people in the speaker view.
    fn three() -> Seats {
        let mut seats = Seats { chosen: Some(Layout::Speaker), ..Seats::default() };
        seats.see(&here(&[1, 2, 3], &[]), false, at(0));
        seats
    }

    /// These speak from one time to the other, seen ten times a second.
    fn talk(seats: &mut Seats, speaking: &[u8], from: u64, to: u64) {
        for ms in (from..=to).step_by(100) {
            seats.see(&here(&[1, 2, 3], speaking), false, at(ms));
        }
    }

    #[test]
    fn people_keep_the_order_in_which_they_came_and_oneself_is_last() {
        let mut seats = Seats::default();
        seats.see(&here(&[3, 1], &[]), false, at(0));
        seats.see(&here(&[1, 2, 3], &[2]), false, at(5000));
        assert_eq!(seats.seating().rest, [them(3), them(1), them(2), Who::Me]);
        seats.see(&here(&[2, 3], &[]), false, at(6000));
        seats.see(&here(&[2, 3, 1], &[]), false, at(7000));
        assert_eq!(seats.seating().rest, [them(3), them(2), them(1), Who::Me]);
    }

    #[test]
    fn the_speaker_changes_after_long_speech_and_never_for_a_cough() {
        let mut seats = three();
        assert_eq!(seats.seating().large, [them(1)]);
        talk(&mut seats, &[2], 1000, 1400);
        talk(&mut seats, &[], 1500, 4000);
        assert_eq!(seats.seating().large, [them(1)], "a cough");
        talk(&mut seats, &[2], 5000, 5900);
        talk(&mut seats, &[], 6000, 6300);
        talk(&mut seats, &[2], 6400, 6400);
        assert_eq!(seats.seating().large, [them(1)]);
        talk(&mut seats, &[2], 6500, 6500);
        assert_eq!(seats.seating().large, [them(2)], "breath is drawn while one speaks");
        assert_eq!(seats.seating().rest, [them(1), them(3), Who::Me]);
        talk(&mut seats, &[], 6600, 60_000);
        assert_eq!(seats.seating().large, [them(2)], "who spoke last stays");
    }

    #[test]
    fn who_is_shown_stays_while_they_speak_however_many_join_in() {
        let mut seats = three();
        talk(&mut seats, &[1], 0, 2000);
        talk(&mut seats, &[1, 2, 3], 2100, 9000);
        assert_eq!(seats.seating().large, [them(1)]);
        talk(&mut seats, &[2, 3], 9100, 9700);
        assert_eq!(seats.seating().large, [them(2)], "who spoke longest of the others");
        seats.see(&here(&[1, 3], &[]), false, at(9800));
        assert_eq!(seats.seating().large, [them(1)], "who was shown left");
    }

    #[test]
    fn one_is_seen_again_when_the_speaker_may_change() {
        let mut seats = three();
        assert_eq!(seats.due(at(0)), None);
        talk(&mut seats, &[2], 1000, 1500);
        assert_eq!(seats.due(at(1500)), Some(at(1000)));
        seats.see(&here(&[1, 2, 3], &[2]), false, at(2500));
        assert_eq!((seats.seating().large, seats.due(at(2500))), (vec![them(2)], None));
    }

    #[test]
    fn pins_hold_against_speech_shares_and_absence() {
        let mut seats = three();
        seats.toggle_pin(them(3));
        let mut sharing = here(&[1, 2, 3], &[2]);
        sharing[0].sharing = true;
        for ms in 0..40 {
            seats.see(&sharing, false, at(ms * 100));
        }
        assert_eq!(seats.seating().large, [them(3)]);
        seats.see(&here(&[1, 2], &[]), false, at(5000));
        assert_eq!(seats.seating().kind, Kind::Speaker);
        seats.see(&here(&[1, 2, 3], &[]), false, at(6000));
        assert_eq!((seats.seating().kind, seats.seating().large), (Kind::Pinned, vec![them(3)]));
        seats.switch();
        assert_eq!((seats.seating().kind, seats.layout()), (Kind::Speaker, Layout::Speaker));
    }

    #[test]
    fn a_share_takes_the_stage_and_two_share_it() {
        let mut seats = Seats::default();
        let mut people = here(&[1, 2, 3], &[]);
        seats.see(&people, true, at(0));
        assert_eq!((seats.seating().kind, seats.seating().large), (Kind::Share, vec![Who::Me]));
        people[1].sharing = true;
        people[2].sharing = true;
        seats.see(&people, true, at(1));
        assert_eq!(seats.seating().large, [them(2), them(3)]);
        assert_eq!(seats.seating().rest, [them(1), Who::Me]);
    }

    #[test]
    fn two_see_each_other_large_and_more_a_grid_until_somebody_chooses() {
        let mut seats = Seats::default();
        assert_eq!((seats.layout(), seats.seating().rest), (Layout::Grid, vec![Who::Me]));
        seats.see(&here(&[1], &[]), false, at(0));
        assert_eq!(seats.seating().large, [them(1)]);
        seats.see(&here(&[1, 2], &[]), false, at(1));
        assert_eq!(seats.seating().kind, Kind::Grid);
        seats.switch();
        assert_eq!(seats.seating().kind, Kind::Speaker);
        seats.see(&here(&[1], &[]), false, at(2));
        seats.switch();
        assert_eq!((seats.seating().kind, seats.seating().rest), (Kind::Grid, vec![them(1), Who::Me]));
    }

    #[derive(Debug, Clone)]
    enum Op {
        Wait(u64),
        Speaks(u8, bool),
        Shares(u8, bool),
        Comes(u8),
        Goes(u8),
        Pin(Option<u8>),
        Switch,
    }

    fn op() -> impl Strategy<Value = Op> {
        let n = || 1_u8..7;
        prop_oneof![
            4 => (20_u64..900).prop_map(Op::Wait),
            4 => (n(), any::<bool>()).prop_map(|(n, on)| Op::Speaks(n, on)),
            1 => (n(), any::<bool>()).prop_map(|(n, on)| Op::Shares(n, on)),
            1 => n().prop_map(Op::Comes),
            1 => n().prop_map(Op::Goes),
            1 => prop::option::of(n()).prop_map(Op::Pin),
            1 => Just(Op::Switch),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn nobody_jumps(ops in prop::collection::vec(op(), 1..120)) {
            let mut seats = Seats::default();
            let mut people: Vec<Here> = Vec::new();
            let mut now = 0;
            // Of each: since when, and when they were heard last.
            let mut heard: std::collections::HashMap<Callee, (u64, u64)> = std::collections::HashMap::new();
            let mut was_speaking: Vec<Callee> = Vec::new();
            let mut before = seats.seating();
            for op in ops {
                let only_talk = matches!(op, Op::Wait(_) | Op::Speaks(..));
                match op {
                    Op::Wait(ms) => now += ms,
                    Op::Speaks(n, on) => {
                        for person in people.iter_mut().filter(|person| person.who == id(n)) {
                            person.speaking = on;
                        }
                    }
                    Op::Shares(n, on) => {
                        for person in people.iter_mut().filter(|person| person.who == id(n)) {
                            person.sharing = on;
                        }
                    }
                    Op::Comes(n) if people.iter().all(|person| person.who != id(n)) => {
                        people.push(Here { who: id(n), speaking: false, sharing: false });
                    }
                    Op::Comes(_) => {}
                    Op::Goes(n) => {
                        people.retain(|person| person.who != id(n));
                        heard.remove(&id(n));
                    }
                    Op::Pin(n) => seats.toggle_pin(n.map_or(Who::Me, them)),
                    Op::Switch => seats.switch(),
                }
                for person in people.iter().filter(|person| person.speaking) {
                    let (since, last) = heard.get(&person.who).copied().unwrap_or((now, now));
                    let broken = at(now - last) > BREATH && !was_speaking.contains(&person.who);
                    heard.insert(person.who, (if broken { now } else { since }, now));
                }
                was_speaking = people.iter().filter(|person| person.speaking).map(|person| person.who).collect();
                seats.see(&people, false, at(now));
                let seating = seats.seating();
                let all: Vec<_> = seating.large.iter().chain(&seating.rest).copied().collect();
                let each: std::collections::HashSet<_> = all.iter().copied().collect();
                prop_assert_eq!((all.len(), each.len()), (people.len() + 1, people.len() + 1), "everybody once");
                if only_talk && seating != before {
                    prop_assert!(seating.kind == Kind::Speaker && before.kind == Kind::Speaker, "talk moved {before:?} to {seating:?}");
                    let Who::Them(who) = seating.large[0] else { panic!("oneself is never the speaker") };
                    let long = heard.get(&who).is_some_and(|(from, last)| *last == now && at(now - from) >= SPEECH);
                    prop_assert!(long, "{who} spoke for less: {heard:?} at {now}");
                }
                before = seating;
            }
        }
    }
}
