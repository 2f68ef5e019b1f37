//! The conversation of the running call: a protocol machine for each of the others, the lines shown, and their keeping.
//!
//! All see the same order: each text carries a clock that is higher than that of every text its author had seen
//! (Lamport's), and lines stand by it, those of the same time by their authors' IDs. Who comes into a room gets what is
//! written from then on. What is written in a call of two is kept; what is written in a room is not.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::history::{History, HistoryError};
use crate::call::chat::{Chat, ChatError, Input, Output};
use crate::model::chat::{ChatLine, Delivery};
use crate::model::id::{CallId, PeerId};

/// Lines of earlier calls that are shown again.
const SHOWN_AGAIN: u32 = 500;

/// Most lines shown; the oldest go from the screen, not from the history.
const SHOWN: usize = 2000;

/// Furthest that somebody's clock may run ahead of ours and is still believed.
const AHEAD: u64 = 1 << 20;

/// What a change of the conversation brings with it.
#[derive(Debug, PartialEq)]
pub(super) enum Effect {
    /// Hand this to the chat channel of that leg.
    Send(CallId, String),
    /// Whoever is on that leg wrote this.
    Wrote(CallId, String),
    /// The message with this number arrived, in a room at everybody.
    Delivered(u64),
    /// Something could not be kept.
    NotKept(String),
}

/// One of the others.
struct Side {
    id: PeerId,
    name: String,
    machine: Chat,
    /// Number of the line behind each message of ours that is on its way.
    numbers: HashMap<u64, u64>,
}

/// See the module.
pub(super) struct Conversation {
    me: PeerId,
    /// Whose history it goes to; `None` keeps nothing.
    peer: Option<PeerId>,
    room: bool,
    sides: BTreeMap<CallId, Side>,
    lines: Arc<Vec<ChatLine>>,
    /// Where each line stands: its clock and its author.
    order: Vec<(u64, PeerId)>,
    clock: u64,
    last: u64,
    /// For each line that is on its way, how far it has come to whom.
    marks: HashMap<u64, BTreeMap<CallId, Delivery>>,
    unread: u32,
    /// One of the unread mentions us.
    mentioned: bool,
    panel_open: bool,
    /// A failure to keep lines is said once.
    complained: bool,
}

impl Conversation {
    /// Of `me`; with what was written to `peer` before. Nobody takes part yet.
    pub(super) fn new(me: PeerId, peer: Option<PeerId>, history: &History) -> Self {
        let earlier = peer.map(|peer| history.chat(peer, SHOWN_AGAIN)).transpose().unwrap_or_else(|e| {
            tracing::warn!("{e}");
            None
        });
        let lines = earlier.unwrap_or_default();
        Self {
            me,
            peer,
            room: false,
            sides: BTreeMap::new(),
            order: vec![(0, me); lines.len()],
            clock: 0,
            last: lines.last().map_or(0, |line| line.number),
            lines: Arc::new(lines),
            marks: HashMap::new(),
            unread: 0,
            mentioned: false,
            panel_open: false,
            complained: false,
        }
    }

    pub(super) fn lines(&self) -> Arc<Vec<ChatLine>> {
        Arc::clone(&self.lines)
    }

    pub(super) fn unread(&self) -> u32 {
        self.unread
    }

    /// What came last mentions us.
    pub(super) fn mention(&mut self) {
        self.mentioned = !self.panel_open;
    }

    pub(super) fn is_mentioned(&self) -> bool {
        self.mentioned
    }

    /// Whether something of ours is on its way.
    pub(super) fn is_pending(&self) -> bool {
        self.sides.values().any(|side| side.machine.is_pending())
    }

    pub(super) fn show(&mut self, open: bool) {
        self.panel_open = open;
        if open {
            (self.unread, self.mentioned) = (0, false);
        }
    }

    /// Others can come from now on: what is written is said with its author, and not kept.
    pub(super) fn becomes_room(&mut self) {
        (self.room, self.peer) = (true, None);
    }

    /// Somebody takes part: they get what is written from now on.
    pub(super) fn join(&mut self, call: CallId, id: PeerId) {
        let side = || Side { id, name: String::new(), machine: Chat::new(), numbers: HashMap::new() };
        self.sides.entry(call).or_insert_with(side);
    }

    /// What somebody is called.
    pub(super) fn name(&mut self, call: CallId, name: &str) {
        if let Some(side) = self.sides.get_mut(&call) {
            name.clone_into(&mut side.name);
        }
    }

    /// A leg goes on under another ID.
    pub(super) fn replace(&mut self, old: CallId, new: CallId) {
        if let Some(side) = self.sides.remove(&old) {
            self.sides.insert(new, side);
            for marks in self.marks.values_mut() {
                if let Some(mark) = marks.remove(&old) {
                    marks.insert(new, mark);
                }
            }
        }
    }

    /// Somebody takes part no more; in a room, what is on its way to the others is not lost by it.
    pub(super) fn leave(&mut self, call: CallId, time: i64, history: &History) -> Vec<Effect> {
        let effects = self.handle(call, Input::End, time, history);
        self.sides.remove(&call);
        effects
    }

    /// The call is over.
    pub(super) fn end(&mut self, time: i64, history: &History) -> Vec<Effect> {
        let calls: Vec<_> = self.sides.keys().copied().collect();
        calls.into_iter().flat_map(|call| self.leave(call, time, history)).collect()
    }

    /// Writes to all others; the number of the new line.
    pub(super) fn write(&mut self, text: &str, time: i64, history: &History) -> Result<(u64, Vec<Effect>), ChatError> {
        let clock = self.clock + 1;
        let mut written = Err(ChatError::Nobody);
        let mut sent = Vec::new();
        for (call, side) in &mut self.sides {
            match side.machine.write_at(text, clock) {
                Ok((id, text)) => {
                    sent.push((*call, id));
                    written = Ok(text);
                }
                // Who takes nothing does not keep the others from reading.
                Err(e) if written.is_err() => written = Err(e),
                Err(e) => tracing::debug!("{e}"),
            }
        }
        let text = written?;
        self.clock = clock;
        let number = self.add((clock, self.me), None, text, time, Delivery::Waiting);
        for (call, id) in sent {
            self.marks.entry(number).or_default().insert(call, Delivery::Waiting);
            if let Some(side) = self.sides.get_mut(&call) {
                side.numbers.insert(id, number);
            }
        }
        let mut effects = self.keep(number, history);
        effects.extend(self.drain(time, history));
        Ok((number, effects))
    }

    /// Tells the machine of a leg what happened.
    pub(super) fn handle(&mut self, call: CallId, input: Input<'_>, time: i64, history: &History) -> Vec<Effect> {
        if let Some(side) = self.sides.get_mut(&call) {
            side.machine.handle(input);
        }
        self.drain(time, history)
    }

    fn drain(&mut self, time: i64, history: &History) -> Vec<Effect> {
        let mut effects = Vec::new();
        let calls: Vec<_> = self.sides.keys().copied().collect();
        for call in calls {
            while let Some((output, id, name)) = self.next(call) {
                match output {
                    Output::Send(frame) => effects.push(Effect::Send(call, frame)),
                    Output::Text { text, clock } => {
                        let believed = clock > 0 && clock <= self.clock.saturating_add(AHEAD);
                        let clock = if believed { clock } else { self.clock + 1 };
                        self.clock = self.clock.max(clock);
                        let number = self.add((clock, id), Some(name), text.clone(), time, Delivery::Received);
                        if !self.panel_open {
                            self.unread = self.unread.saturating_add(1);
                        }
                        effects.extend(self.keep(number, history));
                        effects.push(Effect::Wrote(call, text));
                    }
                    Output::Delivery { id: message, delivery } => {
                        effects.extend(self.delivered(call, id, message, delivery, history));
                    }
                }
            }
        }
        effects
    }

    fn next(&mut self, call: CallId) -> Option<(Output, PeerId, String)> {
        let side = self.sides.get_mut(&call)?;
        Some((side.machine.poll()?, side.id, side.name.clone()))
    }

    /// A message of ours went on, on one leg: the line shows what holds for all.
    fn delivered(
        &mut self,
        call: CallId,
        to: PeerId,
        message: u64,
        delivery: Delivery,
        history: &History,
    ) -> Vec<Effect> {
        let Some(side) = self.sides.get_mut(&call) else { return vec![] };
        let Some(&number) = side.numbers.get(&message) else { return vec![] };
        if matches!(delivery, Delivery::Received | Delivery::Failed) {
            side.numbers.remove(&message);
        }
        let marks = self.marks.entry(number).or_default();
        // Who left does not get it, and is waited for no more.
        if delivery == Delivery::Failed && marks.len() > 1 {
            marks.remove(&call);
        } else {
            marks.insert(call, delivery);
        }
        let all = marks.values().min().copied().unwrap_or(delivery);
        if matches!(all, Delivery::Received | Delivery::Failed) {
            self.marks.remove(&number);
        }
        let line = Arc::make_mut(&mut self.lines).iter_mut().rev().find(|line| line.number == number);
        let Some(line) = line else { return vec![] };
        if delivery == Delivery::Received && self.room {
            line.received_by.push(to);
        }
        line.delivery = all;
        if all != Delivery::Received {
            return vec![];
        }
        let mut effects = self.keep(number, history);
        effects.push(Effect::Delivered(number));
        effects
    }

    fn add(
        &mut self,
        place: (u64, PeerId),
        author: Option<String>,
        text: String,
        time: i64,
        delivery: Delivery,
    ) -> u64 {
        self.last += 1;
        let number = self.last;
        let lines = Arc::make_mut(&mut self.lines);
        if lines.len() >= SHOWN {
            lines.remove(0);
            self.order.remove(0);
        }
        let mine = author.is_none();
        let author = author.filter(|_| self.room).unwrap_or_default();
        // Of what has the same place (nobody who keeps to the protocol makes it so) the later stays later.
        let at = self.order.iter().rposition(|other| *other <= place).map_or(0, |before| before + 1);
        lines.insert(at, ChatLine { number, mine, author, text, time, delivery, received_by: vec![] });
        self.order.insert(at, place);
        number
    }

    fn keep(&mut self, number: u64, history: &History) -> Vec<Effect> {
        let Some(peer) = self.peer else { return vec![] };
        let line = self.lines.iter().rev().find(|line| line.number == number);
        let kept: Result<(), HistoryError> = line.map_or(Ok(()), |line| history.keep_line(peer, line));
        match kept {
            Err(e) if !self.complained => {
                self.complained = true;
                vec![Effect::NotKept(e.to_string())]
            }
            _ => vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::profile::Profile;

    const LEG: CallId = CallId([1; 16]);
    const OTHER: CallId = CallId([2; 16]);

    fn id(n: u8) -> PeerId {
        PeerId::from_public_key(&[n; 32])
    }

    fn history() -> (tempfile::TempDir, History) {
        let home = tempfile::tempdir().unwrap();
        let history = History::open(&Profile::open(home.path()).unwrap()).unwrap().0;
        (home, history)
    }

    #[test]
    fn a_conversation_goes_on_where_it_ended() {
        let (_home, history) = history();
        let peer = id(3);
        let mut talk = Conversation::new(id(1), Some(peer), &history);
        talk.join(LEG, peer);
        let (number, effects) = talk.write("hello", 5, &history).unwrap();
        assert_eq!((number, effects), (1, vec![]), "the channel is not open yet");
        assert!(matches!(talk.handle(LEG, Input::Open, 5, &history)[..], [Effect::Send(..)]));
        let effects = talk.handle(LEG, Input::Frame(br#"{"type":"ack","id":1}"#), 6, &history);
        assert_eq!(effects, [Effect::Delivered(1)]);
        let effects = talk.handle(LEG, Input::Frame(br#"{"type":"text","id":1,"text":"hi"}"#), 7, &history);
        assert!(effects.contains(&Effect::Wrote(LEG, "hi".into())));
        assert_eq!(talk.unread(), 1);
        talk.show(true);
        assert_eq!(talk.unread(), 0);

        let mut later = Conversation::new(id(1), Some(peer), &history);
        later.join(LEG, peer);
        let texts: Vec<_> = later.lines().iter().map(|l| (l.number, l.mine, l.text.clone(), l.delivery)).collect();
        assert_eq!(texts, [(1, true, "hello".into(), Delivery::Received), (2, false, "hi".into(), Delivery::Received)]);
        assert_eq!(later.write("again", 9, &history).unwrap().0, 3);
        later.end(10, &history);
        assert_eq!(later.lines()[2].delivery, Delivery::Failed);
    }

    /// Three people; every frame goes over, in an order of the test's.
    struct Three {
        history: History,
        talks: Vec<Conversation>,
        wire: Vec<(usize, usize, String)>,
        _home: tempfile::TempDir,
    }

    fn leg(a: usize, b: usize) -> CallId {
        CallId([(10 * a.min(b) + a.max(b)) as u8; 16])
    }

    impl Three {
        fn new(people: usize) -> Self {
            let (home, history) = history();
            let talks = (0..people)
                .map(|n| {
                    let mut talk = Conversation::new(id(n as u8), None, &history);
                    talk.becomes_room();
                    talk
                })
                .collect();
            let mut three = Self { history, talks, wire: vec![], _home: home };
            for a in 0..people {
                for b in 0..people {
                    three.meet(a, b);
                }
            }
            three
        }

        fn meet(&mut self, a: usize, b: usize) {
            if a != b {
                self.talks[a].join(leg(a, b), id(b as u8));
                self.talks[a].name(leg(a, b), &format!("person {b}"));
                let effects = self.talks[a].handle(leg(a, b), Input::Open, 1, &self.history);
                self.take(a, effects);
            }
        }

        fn take(&mut self, from: usize, effects: Vec<Effect>) {
            for effect in effects {
                if let Effect::Send(call, frame) = effect
                    && let Some(to) = (0..self.talks.len()).find(|to| *to != from && leg(from, *to) == call)
                {
                    self.wire.push((from, to, frame));
                }
            }
        }

        fn write(&mut self, n: usize, text: &str) {
            let (_, effects) = self.talks[n].write(text, 1, &self.history).unwrap();
            self.take(n, effects);
        }

        /// Carries the frames from one person to another.
        fn carry(&mut self, from: usize, to: usize) {
            let (now, later) = std::mem::take(&mut self.wire).into_iter().partition(|w| (w.0, w.1) == (from, to));
            self.wire = later;
            let now: Vec<(usize, usize, String)> = now;
            for (_, _, frame) in now {
                let effects = self.talks[to].handle(leg(from, to), Input::Frame(frame.as_bytes()), 1, &self.history);
                self.take(to, effects);
            }
        }

        fn carry_all(&mut self) {
            while let Some((from, to, _)) = self.wire.first().cloned() {
                self.carry(from, to);
            }
        }

        fn texts(&self, n: usize) -> Vec<String> {
            self.talks[n].lines().iter().map(|line| line.text.clone()).collect()
        }
    }

    #[test]
    fn all_see_the_same_order_however_the_texts_travel() {
        let mut three = Three::new(3);
        three.write(0, "shall we?");
        three.carry(0, 1);
        three.write(1, "yes"); // an answer; it reaches the third before the question does
        three.carry(1, 2);
        three.write(2, "at the same time");
        three.carry_all();
        let first = three.texts(0);
        assert_eq!(first.len(), 3);
        assert!(first[0] == "shall we?", "a question stands before its answer: {first:?}");
        assert!((1..3).all(|n| three.texts(n) == first));
        let line = &three.talks[2].lines()[0];
        assert_eq!((line.author.as_str(), line.mine), ("person 0", false));
    }

    #[test]
    fn marks_are_per_person_and_who_leaves_is_not_waited_for() {
        let mut three = Three::new(3);
        three.write(0, "hello");
        three.carry(0, 1);
        three.carry(1, 0);
        let line = |three: &Three| three.talks[0].lines()[0].clone();
        assert_eq!((line(&three).delivery, line(&three).received_by), (Delivery::Sent, vec![id(1)]));
        let effects = three.talks[0].leave(leg(0, 2), 2, &three.history);
        assert_eq!((line(&three).delivery, effects), (Delivery::Received, vec![Effect::Delivered(1)]));
        assert_eq!(three.talks[0].marks.len(), 0);
    }

    #[test]
    fn who_comes_later_gets_what_is_written_from_then_on() {
        let mut three = Three::new(2);
        three.write(0, "before");
        three.carry_all();
        let mut third = Conversation::new(id(2), None, &three.history);
        third.becomes_room();
        three.talks.push(third);
        for (a, b) in [(0, 2), (2, 0), (1, 2), (2, 1)] {
            three.meet(a, b);
        }
        three.write(1, "after");
        three.carry_all();
        assert_eq!(three.texts(2), ["after"]);
        assert_eq!(three.texts(0), ["before", "after"]);
    }

    #[test]
    fn a_clock_that_runs_away_is_not_believed() {
        let (_home, history) = history();
        let mut talk = Conversation::new(id(1), None, &history);
        talk.becomes_room();
        talk.join(LEG, id(2));
        talk.join(OTHER, id(3));
        let odd = format!(r#"{{"type":"text","id":1,"clock":{},"text":"odd"}}"#, u64::MAX);
        talk.handle(LEG, Input::Frame(odd.as_bytes()), 1, &history);
        talk.handle(OTHER, Input::Frame(br#"{"type":"text","id":1,"clock":2,"text":"sound"}"#), 1, &history);
        assert_eq!(talk.write("mine", 1, &history).unwrap().0, 3);
        let texts: Vec<_> = talk.lines().iter().map(|line| line.text.clone()).collect();
        assert_eq!(texts, ["odd", "sound", "mine"]);
    }
}
