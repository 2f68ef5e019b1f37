//! Files between two people over one reliable, ordered data channel, `files`, which is in the first offer.
//!
//! # The protocol
//! Control is one JSON object in one text message, at most 4 KiB ([`frame::MAX_CONTROL`]):
//!
//! ```json
//! {"type":"offer","id":"…32 hexadecimal digits…","name":"report.pdf","size":2411724}
//! {"type":"accept","id":"…","have":1048576,"sha256":"…64 hexadecimal digits…"}
//! {"type":"refuse","id":"…"}
//! {"type":"start","id":"…","from":1048576}
//! {"type":"ack","id":"…","have":1064960}
//! {"type":"end","id":"…","sha256":"…"}
//! {"type":"done","id":"…"}
//! {"type":"cancel","id":"…","why":"space"}
//! ```
//!
//! Content is a binary message: 16 bytes of ID, 8 bytes of offset (most significant first), and at most 16 KiB of the file.
//!
//! 1. The sender makes up an ID and offers; `size` is in bytes, `name` a name without folders.
//! 2. The receiver's person says `accept` or `refuse`. `have` bytes are there from an earlier attempt, with this SHA-256; left out
//!    where there are none.
//! 3. The sender hashes as many bytes of its file and says `start`: from there where the hashes are the same, otherwise `from` 0, and
//!    what was there is thrown away. The content follows without gaps, then `end` with the SHA-256 of the whole file.
//! 4. The receiver acknowledges what it has written. At most 1 MiB ([`MOST_WAY`]) may be without acknowledgement; who sends more
//!    is cut off. Several files take turns.
//! 5. The receiver compares the hash and says `done`, and the file has its name; or `cancel` with `damaged`.
//! 6. Either side may `cancel` at any time: `cancelled` (by its person), `many`, `space`, `disk`, `vanished`, `changed`, `damaged`,
//!    `protocol`. Nothing is said of that transfer afterwards.
//!
//! A channel that breaks ends nothing. When one opens again, in the same call or the next, the sender offers what is not over once
//! more, with the same IDs; who had accepted answers at once with what it has, and who knows the transfer as over says
//! `done`, `refuse` or `cancel`. Unknown types and keys belong to a later version and are ignored.
//!
//! # The machine
//! [`Transfers`] is one side, for one other person. It reads and writes no disk: [`Output`] asks for that, and whoever drives it
//! answers with an [`Input`], in the order asked. Sans-I/O; time is an argument.
//!
//! Invariants: nothing is written before the person's yes; what comes from the other side is bounded in number and bytes and
//! never trusted; a transfer that is over stays over; how fast content goes, [`pace`] decides.

mod exchange;
pub mod frame;
mod incoming;
pub mod name;
mod outgoing;
pub mod pace;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

pub use exchange::{Entry, Fault, Input, Output};
pub use frame::{Hash, Why};
pub use pace::{MOST_CHUNK, MOST_WAY, Room};

use crate::model::transfer::{TransferId, TransferState};
use frame::{Content, Control};
use incoming::Incoming;
use outgoing::Outgoing;
use pace::Pace;

/// Most transfers of each direction that are not over.
pub const MAX_OPEN: usize = 128;

/// Transfers that are over and still known, of each direction.
const KEPT: usize = 64;

/// How often is looked whether acknowledgements come at all.
const LOOK: Duration = Duration::from_millis(500);

/// Why a file is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// [`MAX_OPEN`] are on their way.
    #[error("{MAX_OPEN} files are on their way to them already; wait until some have arrived")]
    Many,
}

type Out = VecDeque<Output>;

fn say(out: &mut Out, control: &Control) {
    out.push_back(Output::Text(control.encode()));
}

/// One side of all transfers with one other person. See the [module](self).
#[derive(Debug)]
pub struct Transfers {
    open: bool,
    outgoing: Vec<Outgoing>,
    incoming: Vec<Incoming>,
    /// Which file to be sent had the last turn.
    turn: usize,
    pace: Pace,
    wake: Option<Instant>,
    out: Out,
    malformed: u64,
}

impl Transfers {
    /// Without a channel and without a file.
    pub fn new(now: Instant) -> Self {
        Self {
            open: false,
            outgoing: Vec::new(),
            incoming: Vec::new(),
            turn: 0,
            pace: Pace::new(now),
            wake: None,
            out: Out::new(),
            malformed: 0,
        }
    }

    /// Offers a file, at once or as soon as the channel opens.
    ///
    /// # Errors
    /// [`OfferError`]: nothing was offered.
    pub fn offer(&mut self, id: TransferId, name: &str, size: u64) -> Result<(), OfferError> {
        if self.outgoing.iter().filter(|of| !of.is_over()).count() >= MAX_OPEN {
            return Err(OfferError::Many);
        }
        let outgoing = Outgoing::new(id, name::safe(name), size);
        if self.open {
            outgoing.offer(&mut self.out);
        }
        self.outgoing.push(outgoing);
        forget(&mut self.outgoing, Outgoing::is_over);
        Ok(())
    }

    /// Takes what happened.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        let out = &mut self.out;
        match input {
            Input::Open => {
                self.open = true;
                self.pace = Pace::new(now);
                self.outgoing.iter_mut().for_each(|of| of.opened(out));
                self.incoming.iter_mut().for_each(|of| of.closed(out));
            }
            Input::Closed => {
                self.open = false;
                self.outgoing.iter_mut().for_each(|of| of.closed(out));
                self.incoming.iter_mut().for_each(|of| of.closed(out));
            }
            Input::Text(text) => match Control::decode(text) {
                Some(control) => self.control(now, control),
                None => self.malformed += 1,
            },
            Input::Bytes(bytes) => self.content(&bytes),
            Input::Accept(id) => {
                if let Some(of) = self.incoming.iter_mut().find(|of| of.id == id) {
                    of.accept(self.open, out);
                }
            }
            Input::Refuse(id) => {
                if let Some(of) = self.incoming.iter_mut().find(|of| of.id == id) {
                    of.refuse(self.open, out);
                }
            }
            Input::Cancel(id) => {
                if let Some(of) = self.outgoing.iter_mut().find(|of| of.id == id) {
                    of.cancel(self.open, out);
                }
                if let Some(of) = self.incoming.iter_mut().find(|of| of.id == id) {
                    of.cancel(self.open, out);
                }
            }
            Input::Room(room) => self.pace.set_room(now, room),
            Input::Opened { id, turn, from, sha256 } => {
                if let Some(of) = self.outgoing.iter_mut().find(|of| of.id == id) {
                    of.source_opened(turn, from, sha256, out);
                }
            }
            Input::Read { id, at, bytes, sha256 } => {
                if let Some(of) = self.outgoing.iter_mut().find(|of| of.id == id) {
                    of.read(now, at, bytes, sha256, out);
                }
            }
            Input::Part { id, turn, have, sha256 } => {
                if let Some(of) = self.incoming.iter_mut().find(|of| of.id == id) {
                    of.part(turn, have, sha256, out);
                }
            }
            Input::Written { id, have } => {
                if let Some(of) = self.incoming.iter_mut().find(|of| of.id == id) {
                    of.written(have, self.open, out);
                }
            }
            Input::Kept(id) => {
                if let Some(of) = self.incoming.iter_mut().find(|of| of.id == id) {
                    of.kept(self.open, out);
                }
            }
            Input::Failed(id, fault) => {
                if let Some(of) = self.outgoing.iter_mut().find(|of| of.id == id) {
                    of.fail(&fault, self.open, out);
                }
                if let Some(of) = self.incoming.iter_mut().find(|of| of.id == id) {
                    of.fail(&fault, self.open, out);
                }
            }
            Input::Tick => {}
        }
        self.pump(now);
    }

    /// What is to be done next. Drain it after every [`Transfers::offer`] and [`Transfers::handle`].
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.wake
    }

    /// All that are known, in the order offered, ours first.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.outgoing.iter().map(Outgoing::entry).chain(self.incoming.iter().map(Incoming::entry))
    }

    /// One of them.
    pub fn entry(&self, id: TransferId) -> Option<Entry<'_>> {
        self.entries().find(|entry| entry.id == id)
    }

    /// Whether content of ours is on its way or waits for its turn.
    pub fn sends(&self) -> bool {
        self.open && self.outgoing.iter().any(Outgoing::sends)
    }

    /// Messages that made no sense.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    fn control(&mut self, now: Instant, control: Control) {
        if !self.open {
            return; // of a channel that is gone
        }
        let out = &mut self.out;
        match control {
            Control::Offer { id, name, size } => self.offered(id, &name, size),
            Control::Accept { id, have, sha256 } => match self.outgoing.iter_mut().find(|of| of.id == id) {
                Some(of) => of.accepted(have, sha256, out),
                None => say(out, &Control::Cancel { id, why: Why::Vanished }),
            },
            Control::Refuse { id } => {
                if let Some(of) = self.outgoing.iter_mut().find(|of| of.id == id) {
                    of.refused(out);
                }
            }
            Control::Ack { id, have } => {
                if let Some(of) = self.outgoing.iter_mut().find(|of| of.id == id) {
                    match of.acknowledged(now, have) {
                        Some((bytes, Some(round_trip))) => self.pace.acknowledged(now, bytes, round_trip),
                        Some(_) => {}
                        None => self.malformed += 1,
                    }
                }
            }
            Control::Done { id } => {
                if let Some(of) = self.outgoing.iter_mut().find(|of| of.id == id) {
                    of.done(out);
                }
            }
            Control::Start { id, from } => {
                if let Some(of) = self.incoming.iter_mut().find(|of| of.id == id) {
                    of.start(from, out);
                }
            }
            Control::End { id, sha256 } => {
                if let Some(of) = self.incoming.iter_mut().find(|of| of.id == id) {
                    of.end(sha256, out);
                }
            }
            Control::Cancel { id, why } => {
                if let Some(of) = self.outgoing.iter_mut().find(|of| of.id == id) {
                    of.cancelled(why, out);
                }
                if let Some(of) = self.incoming.iter_mut().find(|of| of.id == id) {
                    of.cancelled(why, out);
                }
            }
            Control::Later => {}
        }
    }

    fn offered(&mut self, id: TransferId, name: &str, size: u64) {
        if let Some(of) = self.incoming.iter_mut().find(|of| of.id == id) {
            return of.offered_again(size, &mut self.out);
        }
        if self.incoming.iter().filter(|of| !of.is_over()).count() >= MAX_OPEN {
            return say(&mut self.out, &Control::Cancel { id, why: Why::Many });
        }
        self.incoming.push(Incoming::new(id, name::safe(name), size));
        forget(&mut self.incoming, Incoming::is_over);
        self.out.push_back(Output::Offered(id));
    }

    fn content(&mut self, message: &Bytes) {
        if !self.open {
            return;
        }
        match Content::decode(message) {
            Some(Content { id, at, bytes }) => match self.incoming.iter_mut().find(|of| of.id == id) {
                Some(of) => of.content(at, bytes, &mut self.out),
                None => self.malformed += 1,
            },
            None => self.malformed += 1,
        }
    }

    /// Asks for what may go now, each file in its turn.
    fn pump(&mut self, now: Instant) {
        self.wake = None;
        if !self.open {
            return;
        }
        loop {
            let way: u64 = self.outgoing.iter().map(Outgoing::way).sum();
            self.pace.silent(now, way);
            if way > 0 {
                self.wake = Some(now + LOOK);
            }
            let count = self.outgoing.len();
            let next = (1..=count).map(|n| (self.turn + n) % count).find(|at| self.outgoing[*at].wants_turn());
            let Some(at) = next else { return };
            let Some(len) = self.pace.chunk(now, way) else {
                let ready = self.pace.ready_at(now, way);
                self.wake = [self.wake, ready].into_iter().flatten().min();
                return;
            };
            let len = self.outgoing[at].ask(len, &mut self.out);
            self.pace.spend(len);
            self.turn = at;
        }
    }
}

/// Of those that are over only the newest stay known.
fn forget<T>(all: &mut Vec<T>, is_over: impl Fn(&T) -> bool) {
    let mut many = all.iter().filter(|of| is_over(of)).count().saturating_sub(KEPT);
    all.retain(|of| {
        let goes = many > 0 && is_over(of);
        many -= usize::from(goes);
        !goes
    });
}

/// What a reason of the other side means for the person here.
fn ended(why: Why) -> TransferState {
    let words = match why {
        Why::Cancelled => return TransferState::Cancelled { by_us: false },
        Why::Many => "too many files wait on the other side; send it again when some are answered",
        Why::Space => "there is not enough room for it on the other side’s disk",
        Why::Disk => "the other side’s disk failed; send it again",
        Why::Vanished => "the file is gone on the other side, or cannot be read any more",
        Why::Changed => "the file was changed on the other side while it was sent; it must be sent again",
        Why::Damaged => "it arrived damaged and was thrown away; send it again",
        Why::Protocol => UNCLEAR,
        Why::Later => "the other side stopped it for a reason that this version does not know",
    };
    TransferState::Failed(words.to_owned())
}

const UNCLEAR: &str = "the two programs did not understand each other; use the same version on both sides";
