//! What the hub knows of one person's files, besides what the machine does: where they lie, when they were offered, how fast they
//! go; and the way to send to them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::hub::News;
use super::source::Found;
use crate::call::transfer::{Entry, Hash, Input, Room, Transfers};
use crate::client::wire::FILES;
use crate::model::id::PeerId;
use crate::model::transfer::{Preview, TransferId, TransferNews, TransferState, TransferView};
use crate::session::{Message, Session};

/// Messages given to the channel and not yet taken. Content is bounded by the machine, acknowledgements by the content
/// that came.
const MESSAGES: usize = 4096;

/// How often a change of the bytes is published.
const VIEW: Duration = Duration::from_millis(250);

/// Share of the newest second in the rate that is shown.
const NEWEST: f64 = 0.4;

/// The channel with one person, served by a task: a full one holds nothing else.
pub(super) struct Wire {
    pub peer: String,
    messages: mpsc::Sender<Message>,
    task: JoinHandle<()>,
}

impl Wire {
    pub fn start(session: Session, peer: String) -> Self {
        let (messages, mut next) = mpsc::channel(MESSAGES);
        let name = peer.clone();
        let task = tokio::spawn(async move {
            while let Some(message) = next.recv().await {
                if let Err(e) = session.send(&name, FILES, message).await {
                    tracing::debug!("{FILES}: {e}");
                    return;
                }
            }
        });
        Self { peer, messages, task }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One file.
#[derive(Debug, Default)]
pub(super) struct File {
    found: Option<Found>,
    folder: Option<PathBuf>,
    pub path: Option<PathBuf>,
    pub sha256: Option<Hash>,
    pub preview: Preview,
    time: i64,
    rate: f64,
    /// At the last look.
    done: u64,
}

/// See the module.
pub(super) struct Person {
    pub machine: Transfers,
    pub wire: Option<Wire>,
    pub problems: Vec<String>,
    files: HashMap<TransferId, File>,
    told: Vec<(TransferId, TransferNews)>,
    changed: bool,
    published: Instant,
    rated: Instant,
    /// Pictures that went out at the last look for room, and when their number last grew.
    frames: u64,
    moved: Option<Instant>,
}

impl Person {
    pub fn new(machine: Transfers) -> Self {
        let now = Instant::now();
        Self {
            machine,
            wire: None,
            problems: Vec::new(),
            files: HashMap::new(),
            told: Vec::new(),
            changed: false,
            published: now,
            rated: now,
            frames: 0,
            moved: None,
        }
    }

    /// Nothing is open with them.
    pub fn is_idle(&self) -> bool {
        self.wire.is_none() && self.machine.entries().all(|entry| entry.state.is_over())
    }

    /// Something of theirs is on its way.
    pub fn runs(&self) -> bool {
        self.machine.entries().any(|entry| entry.state == TransferState::Running)
    }

    pub fn changed(&mut self) {
        self.changed = true;
    }

    /// When what changed is to be published.
    pub fn view_at(&self) -> Option<Instant> {
        self.changed.then_some(self.published + VIEW)
    }

    pub fn file(&mut self, id: TransferId) -> Option<&mut File> {
        self.files.get_mut(&id)
    }

    pub fn found(&self, id: TransferId) -> Option<Found> {
        self.files.get(&id)?.found.clone()
    }

    /// The folder a file goes to: the one that was chosen when it first came, so that its part is found again.
    pub fn folder(&mut self, id: TransferId, now: &Path) -> PathBuf {
        self.files.entry(id).or_default().folder.get_or_insert_with(|| now.to_owned()).clone()
    }

    /// We offer a file.
    pub fn offered(&mut self, id: TransferId, found: Found, time: i64) {
        let path = Some(found.path.clone());
        self.files.insert(id, File { found: Some(found), path, time, ..File::default() });
        self.tell_offer(id);
    }

    /// They offer one.
    pub fn asked(&mut self, id: TransferId, time: i64) {
        self.files.insert(id, File { time, ..File::default() });
        self.tell_offer(id);
    }

    fn tell_offer(&mut self, id: TransferId) {
        if let Some(Entry { mine, name, size, .. }) = self.machine.entry(id) {
            self.told.push((id, TransferNews::Offered { mine, name: name.to_owned(), size }));
        }
        self.changed = true;
    }

    /// A transfer is over.
    pub fn over(&mut self, id: TransferId) {
        let (Some(entry), Some(file)) = (self.machine.entry(id), self.files.get(&id)) else { return };
        let failed = |reason, message: &str| TransferNews::Failed { reason, message: message.to_owned() };
        let news = match &entry.state {
            TransferState::Done => TransferNews::Done {
                mine: entry.mine,
                path: file.path.clone().unwrap_or_default(),
                sha256: file.sha256.map(|hash| hash.to_string()).unwrap_or_default(),
            },
            TransferState::Refused if entry.mine => failed("refused", "the other side did not take it"),
            TransferState::Refused => failed("refused", "you did not take it"),
            TransferState::Cancelled { by_us: true } => failed("cancelled", "you stopped it"),
            TransferState::Cancelled { by_us: false } => failed("cancelled", "the other side stopped it"),
            TransferState::Failed(words) => failed("failed", words),
            _ => return,
        };
        self.told.push((id, news));
        self.changed = true;
    }

    /// The channel is gone.
    pub fn cut(&mut self, now: Instant) {
        if self.wire.take().is_some() {
            self.machine.handle(now, Input::Closed);
            self.changed = true;
        }
    }

    pub fn send(&mut self, now: Instant, message: Message) {
        // overflow: cut; who takes nothing while it asks for more is not served any more in this call
        let full = self.wire.as_ref().is_some_and(|wire| wire.messages.try_send(message).is_err());
        if full {
            tracing::warn!("the channel for files takes nothing more; what is open goes on in another call");
            self.cut(now);
        }
    }

    /// Tells the machine what the call has.
    pub fn look_for_room(&mut self, now: Instant, session: &Session) {
        let Some(wire) = self.wire.as_ref().filter(|_| self.machine.sends()) else { return };
        let Ok(seen) = session.seen(&wire.peer) else { return };
        let up = seen.up;
        if up.frames > self.frames {
            self.moved = Some(now);
        }
        self.frames = up.frames;
        let moves = self.moved.is_some_and(|at| now.saturating_duration_since(at) < Duration::from_secs(1));
        // A computer that makes smaller pictures than the path would carry leaves that room unused.
        let wanted_bps = if moves && !up.spared { up.wanted_bps } else { 0 };
        let room = Room { carries_bps: up.carries_bps, wanted_bps, paused: up.paused };
        self.machine.handle(now, Input::Room(room));
    }

    /// Takes how fast each goes, and tells it.
    pub fn take_rates(&mut self, now: Instant) {
        let span = now.saturating_duration_since(self.rated).as_secs_f64().max(0.1);
        self.rated = now;
        for Entry { id, done, size, state, .. } in self.machine.entries() {
            let Some(file) = self.files.get_mut(&id) else { continue };
            if state != TransferState::Running {
                (file.rate, file.done) = (0.0, done);
                continue;
            }
            let newest = done.saturating_sub(file.done) as f64 / span;
            file.rate = if file.rate > 0.0 { file.rate + NEWEST * (newest - file.rate) } else { newest };
            file.done = done;
            self.told.push((id, TransferNews::Progress { done, size, rate: file.rate as u64 }));
        }
        self.changed = true;
    }

    /// What is to be published now, if anything is.
    pub fn news(&mut self, peer: PeerId, now: Instant) -> Option<News> {
        let at_once = !self.told.is_empty() || !self.problems.is_empty();
        if !at_once && (!self.changed || now.saturating_duration_since(self.published) < VIEW) {
            return None;
        }
        (self.changed, self.published) = (false, now);
        let known: Vec<TransferId> = self.machine.entries().map(|entry| entry.id).collect();
        self.files.retain(|id, _| known.contains(id));
        let view = |Entry { id, mine, name, size, done, state }: Entry<'_>| {
            let file = self.files.get(&id)?;
            let shows = state == TransferState::Done || mine;
            Some(TransferView {
                id,
                peer,
                mine,
                name: name.to_owned(),
                size,
                done,
                rate: if state == TransferState::Running { file.rate as u64 } else { 0 },
                state,
                path: file.path.clone().filter(|_| shows),
                preview: file.preview.clone(),
                time: file.time,
            })
        };
        let mut views: Vec<_> = self.machine.entries().filter_map(view).collect();
        views.sort_by_key(|view| view.time);
        let (told, problems) = (std::mem::take(&mut self.told), std::mem::take(&mut self.problems));
        Some(News { person: peer, views: Arc::new(views), told, problems })
    }
}
