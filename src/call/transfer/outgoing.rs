//! One file that we send.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::frame::{Content, Control, Hash, Why};
use super::{Entry, Fault, Out, Output, ended, say};
use crate::model::transfer::{TransferId, TransferState};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// Offered, or to be offered again when the channel opens.
    Idle,
    /// The file is being opened.
    Opening,
    /// Content goes.
    Sending,
    /// All of it went.
    Ended,
    Over(TransferState),
}

#[derive(Debug)]
pub(super) struct Outgoing {
    pub id: TransferId,
    name: String,
    size: u64,
    stage: Stage,
    accepted: bool,
    /// All of it went once: the other side may say that it has it.
    complete: bool,
    /// Openings so far: only the answer to the last one counts.
    openings: u32,
    /// Where the next read begins.
    next: u64,
    asked: Option<(u64, u32)>,
    acked: u64,
    /// Ends of what went, and when.
    went: VecDeque<(u64, Instant)>,
    /// It ended on this side: what was said of that may have been lost with the channel.
    ours: bool,
}

impl Outgoing {
    pub fn new(id: TransferId, name: String, size: u64) -> Self {
        Self {
            id,
            name,
            size,
            stage: Stage::Idle,
            accepted: false,
            complete: false,
            openings: 0,
            next: 0,
            asked: None,
            acked: 0,
            went: VecDeque::new(),
            ours: false,
        }
    }

    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over(_))
    }

    pub fn entry(&self) -> Entry<'_> {
        let state = match &self.stage {
            Stage::Over(state) => state.clone(),
            _ if !self.accepted => TransferState::Offered,
            Stage::Idle | Stage::Opening => TransferState::Waiting,
            Stage::Sending | Stage::Ended => TransferState::Running,
        };
        Entry { id: self.id, mine: true, name: &self.name, size: self.size, done: self.acked, state }
    }

    /// Content of it is on its way or could be.
    pub fn sends(&self) -> bool {
        matches!(self.stage, Stage::Sending | Stage::Ended)
    }

    /// Bytes without acknowledgement.
    pub fn way(&self) -> u64 {
        if self.sends() { self.next - self.acked } else { 0 }
    }

    pub fn wants_turn(&self) -> bool {
        self.stage == Stage::Sending && self.asked.is_none() && self.next < self.size
    }

    /// Asks for the next piece; how long it is.
    pub fn ask(&mut self, len: u32, out: &mut Out) -> u32 {
        let len = u32::try_from(self.size - self.next).map_or(len, |left| left.min(len));
        out.push_back(Output::Read { id: self.id, at: self.next, len });
        self.asked = Some((self.next, len));
        self.next += u64::from(len);
        len
    }

    pub fn offer(&self, out: &mut Out) {
        say(out, &Control::Offer { id: self.id, name: self.name.clone(), size: self.size });
    }

    pub fn opened(&mut self, out: &mut Out) {
        self.closed(out);
        if self.ours {
            say(out, &Control::Cancel { id: self.id, why: Why::Cancelled });
        } else if !self.is_over() {
            self.offer(out);
        }
    }

    pub fn closed(&mut self, out: &mut Out) {
        if matches!(self.stage, Stage::Opening | Stage::Sending | Stage::Ended) {
            self.stage = Stage::Idle;
            self.asked = None;
            self.went.clear();
            out.push_back(Output::CloseSource(self.id));
        }
    }

    pub fn accepted(&mut self, have: u64, sha256: Option<Hash>, out: &mut Out) {
        if self.stage != Stage::Idle {
            return; // said already
        }
        self.accepted = true;
        if have > self.size {
            return self.end(ended(Why::Protocol), Some(Why::Protocol), out);
        }
        self.stage = Stage::Opening;
        self.openings = self.openings.wrapping_add(1);
        out.push_back(Output::OpenSource { id: self.id, turn: self.openings, have, sha256 });
    }

    pub fn source_opened(&mut self, turn: u32, from: u64, sha256: Option<Hash>, out: &mut Out) {
        if self.stage != Stage::Opening || turn != self.openings {
            return;
        }
        (self.next, self.acked) = (from, from);
        self.stage = Stage::Sending;
        say(out, &Control::Start { id: self.id, from });
        self.finish(from, sha256, out);
    }

    pub fn read(&mut self, now: Instant, at: u64, bytes: Bytes, sha256: Option<Hash>, out: &mut Out) {
        let len = bytes.len() as u64;
        let asked = self.asked.is_some_and(|(from, of)| from == at && u64::from(of) == len);
        if self.stage != Stage::Sending || !asked {
            return; // asked for a channel that is gone
        }
        self.asked = None;
        self.went.push_back((at + len, now));
        out.push_back(Output::Bytes(Content { id: self.id, at, bytes }.encode()));
        self.finish(at + len, sha256, out);
    }

    fn finish(&mut self, at: u64, sha256: Option<Hash>, out: &mut Out) {
        if let Some(sha256) = sha256.filter(|_| at == self.size) {
            say(out, &Control::End { id: self.id, sha256 });
            self.stage = Stage::Ended;
            self.complete = true;
        }
    }

    /// Bytes that are acknowledged by it, and how long the newest of them took; `None` where that cannot be.
    pub fn acknowledged(&mut self, now: Instant, have: u64) -> Option<(u64, Option<Duration>)> {
        if !self.sends() {
            return Some((0, None)); // late
        }
        if have < self.acked || have > self.next {
            return None;
        }
        let bytes = have - self.acked;
        self.acked = have;
        let mut newest = None;
        while let Some((_, at)) = self.went.pop_front_if(|(end, _)| *end <= have) {
            newest = Some(now.saturating_duration_since(at));
        }
        Some((bytes, newest))
    }

    pub fn done(&mut self, out: &mut Out) {
        if !self.is_over() && self.complete {
            self.acked = self.size;
            self.end(TransferState::Done, None, out);
        }
    }

    pub fn refused(&mut self, out: &mut Out) {
        if !self.is_over() {
            self.end(TransferState::Refused, None, out);
        }
    }

    /// By the other side.
    pub fn cancelled(&mut self, why: Why, out: &mut Out) {
        if !self.is_over() {
            self.end(ended(why), None, out);
        }
    }

    /// By our person.
    pub fn cancel(&mut self, open: bool, out: &mut Out) {
        if !self.is_over() {
            self.ours = true;
            self.end(TransferState::Cancelled { by_us: true }, open.then_some(Why::Cancelled), out);
        }
    }

    pub fn fail(&mut self, fault: &Fault, open: bool, out: &mut Out) {
        if !self.is_over() {
            self.ours = true;
            self.end(TransferState::Failed(fault.words.clone()), open.then_some(fault.why), out);
        }
    }

    fn end(&mut self, state: TransferState, tell: Option<Why>, out: &mut Out) {
        self.stage = Stage::Over(state);
        (self.asked, self.went) = (None, VecDeque::new());
        if let Some(why) = tell {
            say(out, &Control::Cancel { id: self.id, why });
        }
        out.push_back(Output::CloseSource(self.id));
        out.push_back(Output::Over(self.id));
    }
}
