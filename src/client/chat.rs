//! The conversation of the running call: the protocol's machine, the lines shown, and their keeping.

use std::collections::HashMap;
use std::sync::Arc;

use super::history::{History, HistoryError};
use crate::call::chat::{Chat, ChatError, Input, Output};
use crate::model::chat::{ChatLine, Delivery};
use crate::model::id::PeerId;

/// Lines of earlier calls that are shown again.
const SHOWN_AGAIN: u32 = 500;

/// Most lines shown; the oldest go from the screen, not from the history.
const SHOWN: usize = 2000;

/// What a change of the conversation brings with it.
#[derive(Debug, PartialEq)]
pub(super) enum Effect {
    /// Hand this to the chat channel.
    Send(String),
    /// They wrote this.
    Wrote(String),
    /// The message with this number arrived there.
    Delivered(u64),
    /// Something could not be kept.
    NotKept(String),
}

/// See the module.
pub(super) struct Conversation {
    /// Whose history it goes to; `None` keeps nothing.
    peer: Option<PeerId>,
    machine: Chat,
    /// Number of the line behind each message of ours that is on its way.
    numbers: HashMap<u64, u64>,
    lines: Arc<Vec<ChatLine>>,
    unread: u32,
    panel_open: bool,
    /// A failure to keep lines is said once.
    complained: bool,
}

impl Conversation {
    /// With what was written before.
    pub(super) fn new(peer: Option<PeerId>, history: &History) -> Self {
        let earlier = peer.map(|peer| history.chat(peer, SHOWN_AGAIN)).transpose().unwrap_or_else(|e| {
            tracing::warn!("{e}");
            None
        });
        Self {
            peer,
            machine: Chat::new(),
            numbers: HashMap::new(),
            lines: Arc::new(earlier.unwrap_or_default()),
            unread: 0,
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

    /// Whether something of ours is on its way.
    pub(super) fn is_pending(&self) -> bool {
        self.machine.is_pending()
    }

    pub(super) fn show(&mut self, open: bool) {
        self.panel_open = open;
        if open {
            self.unread = 0;
        }
    }

    /// Writes to the other side; the number of the new line.
    pub(super) fn write(&mut self, text: &str, time: i64, history: &History) -> Result<(u64, Vec<Effect>), ChatError> {
        let (id, text) = self.machine.write(text)?;
        let number = self.add(true, text, time, Delivery::Waiting);
        self.numbers.insert(id, number);
        let mut effects = self.keep(number, history);
        effects.extend(self.drain(time, history));
        Ok((number, effects))
    }

    /// Tells the machine what happened.
    pub(super) fn handle(&mut self, input: Input<'_>, time: i64, history: &History) -> Vec<Effect> {
        self.machine.handle(input);
        self.drain(time, history)
    }

    fn drain(&mut self, time: i64, history: &History) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send(frame) => effects.push(Effect::Send(frame)),
                Output::Text(text) => {
                    let number = self.add(false, text.clone(), time, Delivery::Received);
                    if !self.panel_open {
                        self.unread = self.unread.saturating_add(1);
                    }
                    effects.extend(self.keep(number, history));
                    effects.push(Effect::Wrote(text));
                }
                Output::Delivery { id, delivery } => {
                    let Some(&number) = self.numbers.get(&id) else { continue };
                    if matches!(delivery, Delivery::Received | Delivery::Failed) {
                        self.numbers.remove(&id);
                    }
                    if let Some(line) = Arc::make_mut(&mut self.lines).iter_mut().rev().find(|l| l.number == number) {
                        line.delivery = delivery;
                    }
                    if delivery == Delivery::Received {
                        effects.extend(self.keep(number, history));
                        effects.push(Effect::Delivered(number));
                    }
                }
            }
        }
        effects
    }

    fn add(&mut self, mine: bool, text: String, time: i64, delivery: Delivery) -> u64 {
        let number = self.lines.last().map_or(1, |line| line.number + 1);
        let lines = Arc::make_mut(&mut self.lines);
        if lines.len() >= SHOWN {
            lines.remove(0);
        }
        lines.push(ChatLine { number, mine, text, time, delivery });
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

    #[test]
    fn a_conversation_goes_on_where_it_ended() {
        let home = tempfile::tempdir().unwrap();
        let (history, _) = History::open(&Profile::open(home.path()).unwrap()).unwrap();
        let peer = PeerId::from_public_key(&[3; 32]);
        let mut talk = Conversation::new(Some(peer), &history);
        let (number, effects) = talk.write("hello", 5, &history).unwrap();
        assert_eq!((number, effects), (1, vec![]), "the channel is not open yet");
        assert!(matches!(talk.handle(Input::Open, 5, &history)[..], [Effect::Send(_)]));
        let effects = talk.handle(Input::Frame(br#"{"type":"ack","id":1}"#), 6, &history);
        assert_eq!(effects, [Effect::Delivered(1)]);
        let effects = talk.handle(Input::Frame(br#"{"type":"text","id":1,"text":"hi"}"#), 7, &history);
        assert!(effects.contains(&Effect::Wrote("hi".into())));
        assert_eq!(talk.unread(), 1);
        talk.show(true);
        assert_eq!(talk.unread(), 0);

        let mut later = Conversation::new(Some(peer), &history);
        let texts: Vec<_> = later.lines().iter().map(|l| (l.number, l.mine, l.text.clone(), l.delivery)).collect();
        assert_eq!(texts, [(1, true, "hello".into(), Delivery::Received), (2, false, "hi".into(), Delivery::Received)]);
        assert_eq!(later.write("again", 9, &history).unwrap().0, 3);
        later.handle(Input::End, 10, &history);
        assert_eq!(later.lines()[2].delivery, Delivery::Failed);
    }
}
