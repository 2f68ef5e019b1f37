//! Chat over one reliable, ordered data channel: numbered texts, each acknowledged.
//!
//! A frame is one JSON object in one text message:
//!
//! ```json
//! {"type":"text","id":1,"clock":7,"text":"hello 👋"}
//! {"type":"ack","id":1}
//! ```
//!
//! `id` counts from 1 in each direction of a call and never goes back. Whoever gets a text acknowledges its `id`, and
//! shows it only if the `id` is higher than any before: what is sent again over a new channel is shown once, in order.
//! `clock` orders the texts of several people alike for all of them (Lamport's: higher than that of every text the author
//! has seen); it may be missing.
//! A text holds at most 16 KiB of UTF-8 ([`MAX_TEXT`]) and no control characters other than line breaks and tabs. What
//! cannot be understood is counted and left alone; unknown keys and types belong to a later version and are ignored.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::model::chat::{Delivery, MAX_TEXT};

/// Most texts that may wait for their acknowledgement.
pub const MAX_PENDING: usize = 256;

/// Longest frame, bytes: what one message of the data channel holds.
pub const MAX_FRAME: usize = 64 * 1024;

/// Why a text is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// Nothing in it.
    #[error("there is nothing to send; write something first")]
    Empty,
    /// Over [`MAX_TEXT`].
    #[error("this message has {0} bytes and {MAX_TEXT} fit; send it in parts")]
    TooLong(usize),
    /// An empty room.
    #[error("nobody is there to read it; wait until somebody has come")]
    Nobody,
    /// The other side takes nothing.
    #[error("{MAX_PENDING} messages are waiting for the other side; wait until they have arrived")]
    Full,
}

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// The channel opened, for the first time or again.
    Open,
    /// The channel is gone; it may come back.
    Closed,
    /// A frame came.
    Frame(&'a [u8]),
    /// The call is over.
    End,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Hand this frame to the channel.
    Send(String),
    /// The other side wrote this.
    Text {
        /// What.
        text: String,
        /// The author's clock; 0 where it has none.
        clock: u64,
    },
    /// One of our messages went on.
    Delivery {
        /// As given by [`Chat::write`].
        id: u64,
        /// How far it has come.
        delivery: Delivery,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Frame<'a> {
    Text {
        id: u64,
        #[serde(default, skip_serializing_if = "is_zero")]
        clock: u64,
        #[serde(borrow)]
        text: std::borrow::Cow<'a, str>,
    },
    Ack {
        id: u64,
    },
    #[serde(other)]
    Later,
}

fn is_zero(clock: &u64) -> bool {
    *clock == 0
}

/// One side of a call's conversation.
#[derive(Debug, Default)]
pub struct Chat {
    open: bool,
    last_sent: u64,
    last_seen: u64,
    pending: VecDeque<(u64, u64, String)>,
    out: VecDeque<Output>,
    malformed: u64,
}

impl Chat {
    /// An empty conversation over a channel that is not open yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a text to send, without a clock; see [`Chat::write_at`].
    ///
    /// # Errors
    /// [`ChatError`]: nothing was sent.
    pub fn write(&mut self, text: &str) -> Result<(u64, String), ChatError> {
        self.write_at(text, 0)
    }

    /// Takes a text to send, written at this time of the author's clock. What is really sent (without control characters)
    /// comes back with its number.
    ///
    /// # Errors
    /// [`ChatError`]: nothing was sent.
    pub fn write_at(&mut self, text: &str, clock: u64) -> Result<(u64, String), ChatError> {
        let text = clean(text);
        if text.trim().is_empty() {
            return Err(ChatError::Empty);
        }
        if text.len() > MAX_TEXT {
            return Err(ChatError::TooLong(text.len()));
        }
        if self.pending.len() >= MAX_PENDING {
            return Err(ChatError::Full);
        }
        self.last_sent += 1;
        let id = self.last_sent;
        self.pending.push_back((id, clock, text.clone()));
        if self.open {
            self.send(id, clock, &text);
        }
        Ok((id, text))
    }

    /// Takes what happened.
    pub fn handle(&mut self, input: Input<'_>) {
        match input {
            Input::Open => {
                self.open = true;
                for (id, clock, text) in self.pending.clone() {
                    self.send(id, clock, &text);
                }
            }
            Input::Closed => self.open = false,
            Input::Frame(bytes) => self.frame(bytes),
            Input::End => {
                self.open = false;
                for (id, ..) in std::mem::take(&mut self.pending) {
                    self.out.push_back(Output::Delivery { id, delivery: Delivery::Failed });
                }
            }
        }
    }

    /// What is to be done next. Drain it after every [`Chat::write`] and [`Chat::handle`].
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Whether a text of ours is still without acknowledgement.
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Frames that made no sense.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    fn send(&mut self, id: u64, clock: u64, text: &str) {
        self.push(&Frame::Text { id, clock, text: text.into() });
        self.out.push_back(Output::Delivery { id, delivery: Delivery::Sent });
    }

    fn push(&mut self, frame: &Frame<'_>) {
        if let Ok(json) = serde_json::to_string(frame) {
            self.out.push_back(Output::Send(json));
        }
    }

    fn frame(&mut self, bytes: &[u8]) {
        let frame = if bytes.len() <= MAX_FRAME { serde_json::from_slice(bytes).ok() } else { None };
        match frame {
            Some(Frame::Text { id, clock, text }) if id > 0 && text.len() <= MAX_TEXT => {
                if id > self.last_seen {
                    self.last_seen = id;
                    self.out.push_back(Output::Text { text: clean(&text), clock });
                }
                if self.open {
                    self.push(&Frame::Ack { id });
                }
            }
            Some(Frame::Ack { id }) => {
                if let Some(at) = self.pending.iter().position(|(pending, ..)| *pending == id) {
                    self.pending.remove(at);
                    self.out.push_back(Output::Delivery { id, delivery: Delivery::Received });
                }
            }
            Some(Frame::Later) => {}
            _ => self.malformed += 1,
        }
    }
}

/// The text without control characters that could disturb a screen or a terminal.
fn clean(text: &str) -> String {
    text.replace("\r\n", "\n").chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn open() -> Chat {
        let mut chat = Chat::new();
        chat.handle(Input::Open);
        chat
    }

    /// Carries frames both ways until there are none; what each side was told.
    fn run(a: &mut Chat, b: &mut Chat) -> (Vec<Output>, Vec<Output>) {
        let mut told = (vec![], vec![]);
        loop {
            let mut idle = true;
            while let Some(output) = a.poll() {
                idle = false;
                match output {
                    Output::Send(frame) => b.handle(Input::Frame(frame.as_bytes())),
                    other => told.0.push(other),
                }
            }
            while let Some(output) = b.poll() {
                idle = false;
                match output {
                    Output::Send(frame) => a.handle(Input::Frame(frame.as_bytes())),
                    other => told.1.push(other),
                }
            }
            if idle {
                return told;
            }
        }
    }

    #[test]
    fn a_message_arrives_and_both_know() {
        let (mut a, mut b) = (open(), open());
        let (id, text) = a.write("hello 👋 \"quoted\" \\ https://example.org\r\nline\u{7}").unwrap();
        let (told_a, told_b) = run(&mut a, &mut b);
        assert_eq!(text, "hello 👋 \"quoted\" \\ https://example.org\nline");
        assert_eq!(told_b, [Output::Text { text, clock: 0 }]);
        assert_eq!(
            told_a,
            [Output::Delivery { id, delivery: Delivery::Sent }, Output::Delivery { id, delivery: Delivery::Received }]
        );
        assert!(!a.is_pending());
    }

    #[test]
    fn what_was_written_early_waits_for_the_channel() {
        let (mut a, mut b) = (Chat::new(), open());
        a.write("early").unwrap();
        assert_eq!(a.poll(), None);
        a.handle(Input::Open);
        assert_eq!(run(&mut a, &mut b).1, [Output::Text { text: "early".into(), clock: 0 }]);
    }

    #[test]
    fn what_is_sent_again_is_shown_once() {
        let (mut a, mut b) = (open(), open());
        a.write("one").unwrap();
        let Some(Output::Send(frame)) = a.poll() else { panic!() };
        b.handle(Input::Frame(frame.as_bytes())); // the acknowledgement is lost with the channel
        a.handle(Input::Closed);
        while b.poll().is_some() {}
        a.write_at("two", 9).unwrap();
        a.handle(Input::Open);
        let (_, told_b) = run(&mut a, &mut b);
        assert_eq!(told_b, [Output::Text { text: "two".into(), clock: 9 }]);
        assert!(!a.is_pending());
    }

    #[test]
    fn the_end_fails_what_is_pending() {
        let mut a = Chat::new();
        let (id, _) = a.write("too late").unwrap();
        a.handle(Input::End);
        assert_eq!(a.poll(), Some(Output::Delivery { id, delivery: Delivery::Failed }));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut a = Chat::new();
        assert_eq!(a.write(" \n\u{0}"), Err(ChatError::Empty));
        assert_eq!(a.write(&"x".repeat(MAX_TEXT + 1)), Err(ChatError::TooLong(MAX_TEXT + 1)));
        for _ in 0..MAX_PENDING {
            a.write(&"\"".repeat(MAX_TEXT)).unwrap();
        }
        assert_eq!(a.write("x"), Err(ChatError::Full));
        let mut b = open();
        a.handle(Input::Open);
        assert_eq!(run(&mut a, &mut b).1.len(), MAX_PENDING);
    }

    #[test]
    fn nonsense_is_counted_and_later_versions_ignored() {
        let mut a = open();
        for bad in [&b"{"[..], b"\xff", b"{\"type\":\"text\",\"id\":1}", b"{\"type\":\"text\",\"id\":0,\"text\":\"\"}"]
        {
            a.handle(Input::Frame(bad));
        }
        a.handle(Input::Frame(&vec![b' '; MAX_FRAME + 1]));
        assert_eq!(a.malformed(), 5);
        a.handle(Input::Frame(br#"{"type":"typing","id":9}"#));
        a.handle(Input::Frame(br#"{"type":"ack","id":9}"#));
        assert_eq!((a.malformed(), a.poll()), (5, None));
    }

    proptest! {
        #[test]
        fn any_order_of_losses_keeps_messages_once_and_in_order(steps in prop::collection::vec(0u8..6, 0..60)) {
            let (mut a, mut b) = (open(), open());
            let (mut written, mut read) = (0u32, vec![]);
            let (mut wire_ab, mut wire_ba) = (VecDeque::new(), VecDeque::new());
            for step in steps.into_iter().chain([5, 4]) {
                match step {
                    0 | 1 if a.write(&written.to_string()).is_ok() => written += 1,
                    2 => if let Some(f) = wire_ab.pop_front() { let f: String = f; b.handle(Input::Frame(f.as_bytes())); },
                    3 => if let Some(f) = wire_ba.pop_front() { let f: String = f; a.handle(Input::Frame(f.as_bytes())); },
                    // the channel breaks: frames on their way are gone; then it opens again
                    4 => { wire_ab.clear(); wire_ba.clear(); a.handle(Input::Closed); a.handle(Input::Open); }
                    _ => {}
                }
                while let Some(o) = a.poll() { if let Output::Send(f) = o { wire_ab.push_back(f); } }
                while let Some(o) = b.poll() { match o { Output::Send(f) => wire_ba.push_back(f), Output::Text { text, .. } => read.push(text), _ => {} } }
            }
            while let Some(f) = wire_ab.pop_front() {
                b.handle(Input::Frame(f.as_bytes()));
                while let Some(o) = b.poll() { if let Output::Text { text, .. } = o { read.push(text); } }
            }
            let all: Vec<String> = (0..written).map(|n| n.to_string()).collect();
            prop_assert_eq!(read, all);
        }

        #[test]
        fn no_frame_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            open().handle(Input::Frame(&bytes));
        }
    }
}
