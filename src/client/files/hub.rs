//! The task that drives the files: one [`Transfers`] for each person, kept over calls; its frames to the session, its wishes to
//! the disk, and what comes of it to the actor.
//!
//! Invariants: it never waits for the network or the disk; what a person's program sends concerns their own files only; how
//! far a file is, is told a few times a second, each end at once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::disk::{Disk, Key, Order, Reply, disk};
use super::person::{Person, Wire};
use super::picture::Pictures;
use crate::call::transfer::{Input, Output, Transfers};
use crate::client::actor::Beside;
use crate::client::wire::unix_now;
use crate::model::id::PeerId;
use crate::model::transfer::{Preview, TransferId, TransferNews, TransferView};
use crate::session::{Message, Session};

/// How often rates are taken and progress is told.
const PROGRESS: Duration = Duration::from_secs(1);

/// How often the room of the call is looked at while something is sent.
const ROOM: Duration = Duration::from_millis(200);

/// People whose transfers are all over and who are still known.
const PEOPLE: usize = 32;

const STOPPED: &str = "the disk does not answer any more; look whether it is full, or a network drive that is gone";

/// What the actor asks for.
#[derive(Debug)]
pub(in crate::client) enum Wish {
    /// The channel with this person opened; what the session calls the peer.
    Open(PeerId, String),
    /// It is gone.
    Closed(PeerId),
    /// Something came on it.
    Came(PeerId, Message),
    /// Send what these paths mean.
    Send(PeerId, Vec<PathBuf>),
    /// Send this picture, a whole PNG file.
    Image(PeerId, Arc<[u8]>),
    /// Take a file.
    Accept(TransferId),
    /// Do not.
    Refuse(TransferId),
    /// Stop one.
    Cancel(TransferId),
    /// Where received files go from now on.
    Folder(PathBuf),
}

/// What the actor is told.
pub(in crate::client) struct News {
    /// Whose.
    pub person: PeerId,
    /// All of theirs.
    pub views: Arc<Vec<TransferView>>,
    /// What happened.
    pub told: Vec<(TransferId, TransferNews)>,
    /// What cannot be sent and why.
    pub problems: Vec<String>,
}

pub(super) struct Hub {
    session: Session,
    actor: mpsc::Sender<Beside>,
    disk: Disk,
    replies: mpsc::Receiver<Reply>,
    people: HashMap<PeerId, Person>,
    pictures: Pictures,
    folder: PathBuf,
    accept: bool,
    room_at: Option<Instant>,
    progress_at: Option<Instant>,
}

impl Hub {
    pub fn new(
        session: Session,
        actor: mpsc::Sender<Beside>,
        (disk, replies): (Disk, mpsc::Receiver<Reply>),
        folder: PathBuf,
        accept: bool,
    ) -> Self {
        let (people, pictures) = (HashMap::new(), Pictures::default());
        Self { session, actor, disk, replies, people, pictures, folder, accept, room_at: None, progress_at: None }
    }

    /// Until nobody wishes anything any more.
    pub async fn run(mut self, mut wishes: mpsc::Receiver<Wish>) {
        loop {
            let wake = self.wake();
            tokio::select! {
                wish = wishes.recv() => match wish {
                    Some(wish) => self.wish(wish),
                    None => break,
                },
                Some(reply) = self.replies.recv() => self.reply(reply),
                (key, preview) = self.pictures.next() => self.shows(key, preview),
                () = sleep_until(wake.unwrap_or_else(Instant::now).into()), if wake.is_some() => self.tick(),
            }
            self.settle();
            self.publish().await;
        }
        drop(self.replies);
        self.people.clear();
        self.disk.stop().await;
    }

    fn wake(&self) -> Option<Instant> {
        let people = self.people.values().flat_map(|person| [person.machine.deadline(), person.view_at()]);
        people.chain([self.room_at, self.progress_at]).flatten().min()
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        for person in self.people.values_mut().filter(|person| due(person.machine.deadline())) {
            person.machine.handle(now, Input::Tick);
        }
        if due(self.room_at) {
            self.room_at = None;
            for person in self.people.values_mut() {
                person.look_for_room(now, &self.session);
            }
        }
        if due(self.progress_at) {
            self.progress_at = None;
            for person in self.people.values_mut() {
                person.take_rates(now);
            }
        }
    }

    fn person(&mut self, id: PeerId) -> &mut Person {
        if self.people.len() >= PEOPLE {
            self.people.retain(|other, person| *other == id || !person.is_idle());
        }
        self.people.entry(id).or_insert_with(|| Person::new(Transfers::new(Instant::now())))
    }

    fn tell(&mut self, key: Key, input: Input<'_>) {
        if let Some(person) = self.people.get_mut(&key.person) {
            person.machine.handle(Instant::now(), input);
            person.changed();
        }
    }

    fn tell_whose(&mut self, id: TransferId, input: Input<'_>) {
        let whose = self.people.iter().find(|(_, person)| person.machine.entry(id).is_some()).map(|(whose, _)| *whose);
        if let Some(person) = whose {
            self.tell(Key { person, id }, input);
        }
    }

    fn wish(&mut self, wish: Wish) {
        let now = Instant::now();
        match wish {
            Wish::Open(id, peer) => {
                let wire = Wire::start(self.session.clone(), peer);
                let person = self.person(id);
                person.wire = Some(wire);
                person.machine.handle(now, Input::Open);
                person.changed();
            }
            Wish::Closed(id) => {
                if let Some(person) = self.people.get_mut(&id) {
                    person.cut(now);
                }
            }
            Wish::Came(id, message) => {
                let person = self.person(id);
                match &message {
                    Message::Text(text) => person.machine.handle(now, Input::Text(text.as_bytes())),
                    Message::Binary(bytes) => person.machine.handle(now, Input::Bytes(bytes.clone())),
                }
                person.changed();
            }
            Wish::Send(id, paths) => self.find(id, Order::Look { person: id, paths }),
            Wish::Image(id, png) => self.find(id, Order::Image { person: id, png }),
            Wish::Accept(id) => self.tell_whose(id, Input::Accept(id)),
            Wish::Refuse(id) => self.tell_whose(id, Input::Refuse(id)),
            Wish::Cancel(id) => self.tell_whose(id, Input::Cancel(id)),
            Wish::Folder(folder) => self.folder = folder,
        }
    }

    fn find(&mut self, person: PeerId, order: Order) {
        if !self.disk.ask(order) {
            let person = self.person(person);
            person.problems.push(STOPPED.to_owned());
            person.changed();
        }
    }

    fn reply(&mut self, reply: Reply) {
        match reply {
            Reply::Found { person: whose, files, problems } => {
                let mut pictures = Vec::new();
                let person = self.person(whose);
                person.problems.extend(problems);
                for found in files {
                    let id = TransferId::random();
                    match person.machine.offer(id, &found.name, found.size) {
                        Ok(()) => {
                            pictures.push((Key { person: whose, id }, found.path.clone()));
                            person.offered(id, found, unix_now());
                        }
                        Err(e) => {
                            person.problems.push(e.to_string());
                            break;
                        }
                    }
                }
                person.changed();
                pictures.into_iter().for_each(|(key, path)| self.pictures.look(key, &path));
            }
            Reply::Opened { key, turn, from, sha256 } => {
                self.tell(key, Input::Opened { id: key.id, turn, from, sha256 });
                self.hashed(key, sha256);
            }
            Reply::Read { key, at, bytes, sha256 } => {
                self.tell(key, Input::Read { id: key.id, at, bytes, sha256 });
                self.hashed(key, sha256);
            }
            Reply::Part { key, turn, have, sha256 } => self.tell(key, Input::Part { id: key.id, turn, have, sha256 }),
            Reply::Written { key, have } => self.tell(key, Input::Written { id: key.id, have }),
            Reply::Kept { key, path, sha256 } => {
                self.pictures.look(key, &path);
                if let Some(file) = self.people.get_mut(&key.person).and_then(|person| person.file(key.id)) {
                    (file.path, file.sha256) = (Some(path), Some(sha256));
                }
                self.tell(key, Input::Kept(key.id));
            }
            Reply::Failed(key, fault) => self.tell(key, Input::Failed(key.id, fault)),
        }
    }

    /// It is known what a file shows; what the oldest shows goes, where there are too many.
    fn shows(&mut self, key: Key, preview: Preview) {
        let mut show = |key: Key, preview: Preview| {
            if let Some(person) = self.people.get_mut(&key.person)
                && let Some(file) = person.file(key.id)
            {
                file.preview = preview;
                person.changed();
            }
        };
        if matches!(preview, Preview::Picture(_))
            && let Some(oldest) = self.pictures.shown(key)
        {
            show(oldest, Preview::None);
        }
        show(key, preview);
    }

    fn hashed(&mut self, key: Key, sha256: Option<crate::call::transfer::Hash>) {
        let file = self.people.get_mut(&key.person).and_then(|person| person.file(key.id));
        if let (Some(file), Some(sha256)) = (file, sha256) {
            file.sha256 = Some(sha256);
        }
    }

    /// Does what the machines ask for until they ask for nothing.
    fn settle(&mut self) {
        let now = Instant::now();
        let mut sends = false;
        for (id, person) in &mut self.people {
            while let Some(output) = person.machine.poll() {
                let key = |of: TransferId| Key { person: *id, id: of };
                let (of, order) = match output {
                    Output::Text(text) => {
                        person.send(now, Message::Text(text));
                        continue;
                    }
                    Output::Bytes(bytes) => {
                        person.send(now, Message::Binary(bytes));
                        continue;
                    }
                    Output::Offered(of) => {
                        person.asked(of, unix_now());
                        if self.accept {
                            person.machine.handle(now, Input::Accept(of));
                        }
                        continue;
                    }
                    Output::Over(of) => {
                        person.over(of);
                        continue;
                    }
                    Output::OpenSource { id: of, turn, have, sha256 } => {
                        let Some(file) = person.found(of) else { continue };
                        (of, Order::OpenSource { key: key(of), turn, file, have, sha256 })
                    }
                    Output::Read { id: of, at, len } => (of, Order::Read { key: key(of), at, len }),
                    Output::CloseSource(of) => (of, Order::CloseSource(key(of))),
                    Output::OpenSink { id: of, turn, name, size } => {
                        let folder = person.folder(of, &self.folder);
                        (of, Order::OpenSink { key: key(of), turn, folder, name, size })
                    }
                    Output::Rewind(of) => (of, Order::Rewind(key(of))),
                    Output::Write { id: of, at, bytes } => (of, Order::Write { key: key(of), at, bytes }),
                    Output::Finish(of, sha256) => (of, Order::Finish(key(of), sha256)),
                    Output::PauseSink(of) => (of, Order::PauseSink(key(of))),
                    Output::DropSink(of) => (of, Order::DropSink(key(of))),
                };
                if !self.disk.ask(order) {
                    person.machine.handle(now, Input::Failed(of, disk(STOPPED.to_owned())));
                }
            }
            sends |= person.machine.sends();
        }
        let runs = self.people.values().any(Person::runs);
        self.room_at = if sends { self.room_at.or(Some(now + ROOM)) } else { None };
        self.progress_at = if runs { self.progress_at.or(Some(now + PROGRESS)) } else { None };
    }

    async fn publish(&mut self) {
        let now = Instant::now();
        for (id, person) in &mut self.people {
            let Some(news) = person.news(*id, now) else { continue };
            // overflow: await; the actor reads, and never waits for us. Gone: the program ends.
            let _ = self.actor.send(Beside::Files(Box::new(news))).await;
        }
    }
}
