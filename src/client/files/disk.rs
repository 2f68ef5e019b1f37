//! The thread `files`: all reading and writing of files that go from person to person, so that a slow disk holds nothing else.
//!
//! Orders come in by a bounded queue and are done in order; each answer goes back by another. Hashing what is there from an
//! earlier attempt may take seconds: it is done in slices between the other orders.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::sink::Sink;
use super::source::{Found, Source, keep, look};
use crate::call::transfer::{Fault, Hash, Why};
use crate::model::id::PeerId;
use crate::model::transfer::TransferId;

/// Orders not done yet. The machines ask for no more than this at once, unless the disk has stopped.
const ORDERS: usize = 4096;

/// Answers not read yet.
const REPLIES: usize = 64;

/// Longest that the last order may take at the end.
const END: Duration = Duration::from_secs(1);

/// Which transfer, and with whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub person: PeerId,
    pub id: TransferId,
}

/// What the thread is asked for. Those of [`crate::call::transfer::Output`] mean what they mean there.
#[derive(Debug)]
pub(super) enum Order {
    /// Which files these paths mean.
    Look {
        person: PeerId,
        paths: Vec<PathBuf>,
    },
    /// Keep a picture that was pasted in a file of its own, for as long as it may be sent.
    Image {
        person: PeerId,
        png: Arc<[u8]>,
    },
    OpenSource {
        key: Key,
        turn: u32,
        file: Found,
        have: u64,
        sha256: Option<Hash>,
    },
    Read {
        key: Key,
        at: u64,
        len: u32,
    },
    CloseSource(Key),
    OpenSink {
        key: Key,
        turn: u32,
        folder: PathBuf,
        name: String,
        size: u64,
    },
    Rewind(Key),
    Write {
        key: Key,
        at: u64,
        bytes: Bytes,
    },
    Finish(Key, Hash),
    PauseSink(Key),
    DropSink(Key),
}

/// What comes back.
#[derive(Debug)]
pub(super) enum Reply {
    /// What can be sent, and what cannot and why.
    Found {
        person: PeerId,
        files: Vec<Found>,
        problems: Vec<String>,
    },
    Opened {
        key: Key,
        turn: u32,
        from: u64,
        sha256: Option<Hash>,
    },
    Read {
        key: Key,
        at: u64,
        bytes: Bytes,
        sha256: Option<Hash>,
    },
    Part {
        key: Key,
        turn: u32,
        have: u64,
        sha256: Hash,
    },
    Written {
        key: Key,
        have: u64,
    },
    Kept {
        key: Key,
        path: PathBuf,
        sha256: Hash,
    },
    Failed(Key, Fault),
}

/// The thread's end in the hands of whoever asks.
pub(super) struct Disk {
    orders: SyncSender<Order>,
    thread: JoinHandle<()>,
}

impl Disk {
    /// Starts the thread. Pictures that are pasted are kept in this folder, which is its own.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn start(pasted: PathBuf) -> std::io::Result<(Self, mpsc::Receiver<Reply>)> {
        let (orders, inbox) = sync_channel(ORDERS);
        let (replies, receiver) = mpsc::channel(REPLIES);
        let worker =
            Worker { replies, sources: HashMap::new(), sinks: HashMap::new(), hashing: VecDeque::new(), pasted };
        let thread = std::thread::Builder::new().name("files".into()).spawn(move || worker.run(&inbox))?;
        Ok((Self { orders, thread }, receiver))
    }

    /// Asks for something; `false`: the disk has stopped.
    pub fn ask(&self, order: Order) -> bool {
        // overflow: refuse; that many orders behind, the disk does not answer any more
        self.orders.try_send(order).is_ok()
    }

    /// Ends the thread; one that hangs in the system is left behind. `replies` must be gone, or be read.
    pub async fn stop(self) {
        drop(self.orders);
        let thread = self.thread;
        let joined = tokio::task::spawn_blocking(move || thread.join());
        match tokio::time::timeout(END, joined).await {
            Ok(Ok(Ok(()))) => {}
            Ok(_) => tracing::error!("the thread of files ended by a panic"),
            Err(_) => tracing::warn!("a disk does not answer; its thread is left behind"),
        }
    }
}

/// What is being hashed before it goes on.
enum Hashing {
    Source { key: Key, turn: u32, have: u64, sha256: Hash },
    Sink { key: Key, turn: u32 },
}

struct Worker {
    replies: mpsc::Sender<Reply>,
    sources: HashMap<Key, Source>,
    sinks: HashMap<Key, Sink>,
    hashing: VecDeque<Hashing>,
    pasted: PathBuf,
}

impl Worker {
    fn run(mut self, orders: &Receiver<Order>) {
        clear(&self.pasted);
        loop {
            let order = if self.hashing.is_empty() {
                orders.recv().map_err(|_| TryRecvError::Disconnected)
            } else {
                orders.try_recv()
            };
            match order {
                Ok(order) => self.obey(order),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => break,
            }
            self.hash();
        }
        clear(&self.pasted);
    }

    fn reply(&self, reply: Reply) {
        // overflow: await; whoever asked reads. Gone: the program ends.
        let _ = self.replies.blocking_send(reply);
    }

    fn answer(&mut self, key: Key, done: Result<Option<Reply>, Fault>) {
        match done {
            Ok(Some(reply)) => self.reply(reply),
            Ok(None) => {}
            Err(fault) => {
                self.sources.remove(&key);
                if let Some(sink) = self.sinks.remove(&key) {
                    sink.remove();
                }
                self.reply(Reply::Failed(key, fault));
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Look { person, paths } => {
                let (files, problems) = look(&paths);
                self.reply(Reply::Found { person, files, problems });
            }
            Order::Image { person, png } => {
                let (files, problems) = match keep(&self.pasted, &png) {
                    Ok(found) => (vec![found], vec![]),
                    Err(e) => {
                        (vec![], vec![format!("the picture cannot be kept to be sent: {e}; make room on the disk")])
                    }
                };
                self.reply(Reply::Found { person, files, problems });
            }
            Order::OpenSource { key, turn, file, have, sha256 } => {
                self.forget(key);
                match Source::open(file) {
                    Ok(source) => {
                        self.sources.insert(key, source);
                        match sha256.filter(|_| have > 0) {
                            Some(sha256) => self.hashing.push_back(Hashing::Source { key, turn, have, sha256 }),
                            None => self.source_opened(key, turn, 0),
                        }
                    }
                    Err(fault) => self.answer(key, Err(fault)),
                }
            }
            Order::Read { key, at, len } => {
                let Some(source) = self.sources.get_mut(&key) else { return };
                let read = source.read(at, len).map(|(bytes, sha256)| Some(Reply::Read { key, at, bytes, sha256 }));
                self.answer(key, read);
            }
            Order::CloseSource(key) => {
                self.forget(key);
                self.sources.remove(&key);
            }
            Order::OpenSink { key, turn, folder, name, size } => {
                self.forget(key);
                self.sinks.remove(&key); // of an earlier channel
                let reserved = self.sinks.values().map(Sink::missing).sum();
                match Sink::open(&folder, &name, key.id, size, reserved) {
                    Ok(sink) => {
                        self.sinks.insert(key, sink);
                        self.hashing.push_back(Hashing::Sink { key, turn });
                    }
                    Err(fault) => self.answer(key, Err(fault)),
                }
            }
            Order::Rewind(key) => {
                let Some(sink) = self.sinks.get_mut(&key) else { return };
                let rewound = sink.rewind().map(|()| None);
                self.answer(key, rewound);
            }
            Order::Write { key, at, bytes } => {
                let Some(sink) = self.sinks.get_mut(&key) else { return };
                let written = sink.write(at, &bytes).map(|have| Some(Reply::Written { key, have }));
                self.answer(key, written);
            }
            Order::Finish(key, sha256) => {
                let Some(mut sink) = self.sinks.remove(&key) else { return };
                match sink.finish(sha256) {
                    Ok(path) => self.reply(Reply::Kept { key, path, sha256 }),
                    Err(fault) => {
                        sink.remove();
                        self.answer(key, Err(fault));
                    }
                }
            }
            Order::PauseSink(key) => {
                self.forget(key);
                if let Some(sink) = self.sinks.get_mut(&key) {
                    sink.pause();
                }
            }
            Order::DropSink(key) => {
                self.forget(key);
                if let Some(sink) = self.sinks.remove(&key) {
                    sink.remove();
                }
            }
        }
    }

    /// What was being hashed for it is not asked for any more.
    fn forget(&mut self, key: Key) {
        self.hashing.retain(|of| match of {
            Hashing::Source { key: of, .. } | Hashing::Sink { key: of, .. } => *of != key,
        });
    }

    fn source_opened(&mut self, key: Key, turn: u32, from: u64) {
        let sha256 = self.sources.get(&key).and_then(Source::whole);
        self.reply(Reply::Opened { key, turn, from, sha256 });
    }

    /// Hashes one slice of what is first in the row.
    fn hash(&mut self) {
        let Some(first) = self.hashing.pop_front() else { return };
        match first {
            Hashing::Source { key, turn, have, sha256 } => {
                let Some(source) = self.sources.get_mut(&key) else { return };
                match source.hash(have) {
                    Ok(None) => self.hashing.push_back(first),
                    Ok(Some(found)) if found == sha256 => self.source_opened(key, turn, have),
                    Ok(Some(_)) => match source.rewind() {
                        Ok(()) => self.source_opened(key, turn, 0),
                        Err(fault) => self.answer(key, Err(fault)),
                    },
                    Err(fault) => self.answer(key, Err(fault)),
                }
            }
            Hashing::Sink { key, turn } => {
                let Some(sink) = self.sinks.get_mut(&key) else { return };
                match sink.hash() {
                    Ok(None) => self.hashing.push_back(first),
                    Ok(Some((have, sha256))) => self.reply(Reply::Part { key, turn, have, sha256 }),
                    Err(fault) => self.answer(key, Err(fault)),
                }
            }
        }
    }
}

/// Pictures that were pasted go with the program: nobody else knows of them.
fn clear(pasted: &Path) {
    if pasted.is_dir()
        && let Err(e) = std::fs::remove_dir_all(pasted)
    {
        tracing::warn!("{}: {e}", pasted.display());
    }
}

/// A fault of this machine's disk.
pub(super) fn disk(words: String) -> Fault {
    Fault { why: Why::Disk, words }
}
