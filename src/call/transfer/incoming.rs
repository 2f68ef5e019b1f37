//! One file that comes to us.

use bytes::Bytes;

use super::frame::{Control, Hash, Why};
use super::{Entry, Fault, MOST_CHUNK, MOST_WAY, Out, Output, UNCLEAR, ended, say};
use crate::model::transfer::{TransferId, TransferState};

/// Most pieces that are not written yet: tiny ones must not fill a queue either.
const MAX_UNWRITTEN: u32 = 1500;

/// While pieces wait to be written, so many bytes are acknowledged together.
const ACK_EVERY: u64 = 64 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// Offered; or accepted, and to be offered again.
    Idle,
    /// A place is being made.
    Placing,
    /// The sender was told what we have.
    Asked,
    /// Content comes.
    Receiving,
    /// All of it came; it is being compared.
    Finishing,
    Over(TransferState),
}

#[derive(Debug)]
pub(super) struct Incoming {
    pub id: TransferId,
    name: String,
    size: u64,
    stage: Stage,
    accepted: bool,
    /// It was offered in this channel.
    offered: bool,
    /// Places asked for so far: only the answer to the last one counts.
    placings: u32,
    /// Where the next piece begins.
    next: u64,
    /// Bytes written.
    have: u64,
    acked: u64,
    unwritten: u32,
}

impl Incoming {
    pub fn new(id: TransferId, name: String, size: u64) -> Self {
        let stage = Stage::Idle;
        Self {
            id,
            name,
            size,
            stage,
            accepted: false,
            offered: true,
            placings: 0,
            next: 0,
            have: 0,
            acked: 0,
            unwritten: 0,
        }
    }

    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over(_))
    }

    pub fn entry(&self) -> Entry<'_> {
        let state = match &self.stage {
            Stage::Over(state) => state.clone(),
            _ if !self.accepted => TransferState::Offered,
            Stage::Idle | Stage::Placing | Stage::Asked => TransferState::Waiting,
            Stage::Receiving | Stage::Finishing => TransferState::Running,
        };
        Entry { id: self.id, mine: false, name: &self.name, size: self.size, done: self.have, state }
    }

    /// The channel is gone, or another: its sender offers it again.
    pub fn closed(&mut self, out: &mut Out) {
        self.offered = false;
        if matches!(self.stage, Stage::Placing | Stage::Asked | Stage::Receiving) {
            self.stage = Stage::Idle;
            out.push_back(Output::PauseSink(self.id));
        }
    }

    pub fn accept(&mut self, open: bool, out: &mut Out) {
        if self.stage == Stage::Idle && !std::mem::replace(&mut self.accepted, true) && open {
            self.place(out);
        }
    }

    fn place(&mut self, out: &mut Out) {
        self.stage = Stage::Placing;
        self.placings = self.placings.wrapping_add(1);
        out.push_back(Output::OpenSink { id: self.id, turn: self.placings, name: self.name.clone(), size: self.size });
    }

    /// The sender offers it once more: the channel is another, or it does not know what became of it.
    pub fn offered_again(&mut self, size: u64, out: &mut Out) {
        let id = self.id;
        let first = !std::mem::replace(&mut self.offered, true);
        match &self.stage {
            Stage::Over(TransferState::Done) => say(out, &Control::Done { id }),
            Stage::Over(TransferState::Refused) => say(out, &Control::Refuse { id }),
            Stage::Over(_) => say(out, &Control::Cancel { id, why: Why::Cancelled }),
            Stage::Finishing => {}
            _ if size != self.size => self.unclear(out),
            // The person said yes while it was on its way: the answer is too.
            Stage::Placing | Stage::Asked if first => {}
            _ if self.accepted => self.place(out),
            _ => {}
        }
    }

    pub fn part(&mut self, turn: u32, have: u64, sha256: Hash, out: &mut Out) {
        if self.stage != Stage::Placing || turn != self.placings {
            return;
        }
        self.stage = Stage::Asked;
        self.have = have;
        say(out, &Control::Accept { id: self.id, have, sha256: (have > 0).then_some(sha256) });
    }

    pub fn start(&mut self, from: u64, out: &mut Out) {
        match self.stage {
            Stage::Asked if from == self.have => {}
            Stage::Asked if from == 0 => out.push_back(Output::Rewind(self.id)),
            Stage::Over(_) => return,
            _ => return self.unclear(out),
        }
        (self.next, self.have, self.acked, self.unwritten) = (from, from, from, 0);
        self.stage = Stage::Receiving;
    }

    pub fn content(&mut self, at: u64, bytes: Bytes, out: &mut Out) {
        if self.is_over() {
            return; // it was on its way when we stopped it
        }
        let len = bytes.len() as u64;
        let fits = self.stage == Stage::Receiving
            && at == self.next
            && len <= self.size - self.next
            && self.next + len - self.have <= MOST_WAY + u64::from(MOST_CHUNK)
            && self.unwritten < MAX_UNWRITTEN;
        if !fits {
            return self.unclear(out);
        }
        self.next += len;
        self.unwritten += 1;
        out.push_back(Output::Write { id: self.id, at, bytes });
    }

    pub fn written(&mut self, have: u64, open: bool, out: &mut Out) {
        if !matches!(self.stage, Stage::Receiving | Stage::Finishing) || have > self.next {
            return; // asked for a channel that is gone
        }
        self.have = have;
        self.unwritten = self.unwritten.saturating_sub(1);
        if open && (have == self.next || have - self.acked >= ACK_EVERY) {
            self.acked = have;
            say(out, &Control::Ack { id: self.id, have });
        }
    }

    pub fn end(&mut self, sha256: Hash, out: &mut Out) {
        match self.stage {
            Stage::Receiving if self.next == self.size => {
                self.stage = Stage::Finishing;
                out.push_back(Output::Finish(self.id, sha256));
            }
            Stage::Over(_) => {}
            _ => self.unclear(out),
        }
    }

    pub fn kept(&mut self, open: bool, out: &mut Out) {
        if self.stage == Stage::Finishing {
            self.stage = Stage::Over(TransferState::Done);
            self.have = self.size;
            if open {
                say(out, &Control::Done { id: self.id });
            }
            out.push_back(Output::Over(self.id));
        }
    }

    pub fn refuse(&mut self, open: bool, out: &mut Out) {
        if self.stage == Stage::Idle && !self.accepted {
            self.stage = Stage::Over(TransferState::Refused);
            if open {
                say(out, &Control::Refuse { id: self.id });
            }
            out.push_back(Output::Over(self.id));
        }
    }

    /// By our person. What is whole and only to be compared still is kept: it cannot be called back.
    pub fn cancel(&mut self, open: bool, out: &mut Out) {
        if !self.is_over() && self.stage != Stage::Finishing {
            self.stop(TransferState::Cancelled { by_us: true }, open.then_some(Why::Cancelled), out);
        }
    }

    /// By the other side.
    pub fn cancelled(&mut self, why: Why, out: &mut Out) {
        if !self.is_over() && self.stage != Stage::Finishing {
            self.stop(ended(why), None, out);
        }
    }

    pub fn fail(&mut self, fault: &Fault, open: bool, out: &mut Out) {
        if !self.is_over() {
            self.stop(TransferState::Failed(fault.words.clone()), open.then_some(fault.why), out);
        }
    }

    fn unclear(&mut self, out: &mut Out) {
        self.stop(TransferState::Failed(UNCLEAR.to_owned()), Some(Why::Protocol), out);
    }

    fn stop(&mut self, state: TransferState, tell: Option<Why>, out: &mut Out) {
        self.stage = Stage::Over(state);
        if let Some(why) = tell {
            say(out, &Control::Cancel { id: self.id, why });
        }
        if self.accepted {
            out.push_back(Output::DropSink(self.id));
        }
        out.push_back(Output::Over(self.id));
    }
}
