//! Files between the people of a call: the actor's end.
//!
//! ```text
//!  actor ── Wish ─▶ hub (a task) ── Order ─▶ disk (a thread)      person: one machine and one channel each
//!        ◀─ News ──     │        ◀─ Reply ──
//!                       └─▶ session.send on the channel `files`
//! ```
//!
//! What is said on the channel is written down at [`crate::call::transfer`]. Invariants: the actor never waits for any of it; nothing
//! is accepted without the person's yes, unless the program was started to accept everything.

mod choose;
mod disk;
mod hub;
mod person;
mod picture;
mod sink;
mod source;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::active::Active;
use super::actor::{Actor, Beside};
use super::config::ClientConfig;
use crate::model::id::{CallId, Callee, PeerId};
use crate::model::notice::Notice;
use crate::model::settings::Settings;
use crate::model::transfer::{Preview, TransferId, TransferNews, TransferState, TransferView};
use crate::session::{Message, Session, Sound};
pub(super) use choose::NoDialog;
use disk::Disk;
use hub::Hub;
pub(super) use hub::{News, Wish};

/// Wishes not followed yet: content of one person is bounded by what they may send without acknowledgement.
const WISHES: usize = 4096;

/// What the actor knows of the files.
pub(super) struct Files {
    wishes: Option<mpsc::Sender<Wish>>,
    task: Option<JoinHandle<()>>,
    views: HashMap<PeerId, Arc<Vec<TransferView>>>,
    /// Offers that came while the panel was closed.
    unread: u32,
    panel_open: bool,
    /// The dialog to choose files is open.
    choosing: Option<JoinHandle<()>>,
    /// There is none.
    pub(super) no_dialog: bool,
}

impl Files {
    /// Starts what serves them. Inside the runtime.
    pub(super) fn start(session: &Session, actor: mpsc::Sender<Beside>, config: &ClientConfig, now: &Settings) -> Self {
        let (views, choosing) = (HashMap::new(), None);
        let mut files =
            Self { wishes: None, task: None, views, unread: 0, panel_open: false, choosing, no_dialog: false };
        match Disk::start(config.profile.join("pasted")) {
            Ok(disk) => {
                let (wishes, inbox) = mpsc::channel(WISHES);
                let hub = Hub::new(session.clone(), actor, disk, folder(config, now), config.accept_files);
                (files.wishes, files.task) = (Some(wishes), Some(tokio::spawn(hub.run(inbox))));
            }
            Err(e) => tracing::error!("no files can be sent or received in this run: {e}"),
        }
        files
    }

    /// Asks for something.
    pub(super) fn wish(&self, wish: Wish) {
        // overflow: refuse; only who sends far more than may be without acknowledgement gets there, and is cut off by the gap
        if self.wishes.as_ref().is_none_or(|wishes| wishes.try_send(wish).is_err()) {
            tracing::warn!("something about files was lost: too much comes at once");
        }
    }

    /// Those with these people, in the order in which they were offered.
    pub(super) fn of(&self, people: impl Iterator<Item = PeerId>) -> Arc<Vec<TransferView>> {
        let mut views: Vec<_> = people.filter_map(|person| self.views.get(&person)).collect();
        match (views.pop(), views.is_empty()) {
            (None, _) => Arc::default(),
            (Some(only), true) => Arc::clone(only),
            (Some(last), false) => {
                let mut all: Vec<_> = views.into_iter().chain([last]).flat_map(|views| views.iter().cloned()).collect();
                all.sort_by_key(|view| view.time);
                Arc::new(all)
            }
        }
    }

    pub(super) fn unread(&self) -> u32 {
        self.unread
    }

    /// The panel is open or not: what was offered is seen.
    pub(super) fn show(&mut self, open: bool) {
        self.panel_open = open;
        if open {
            self.unread = 0;
        }
    }

    /// Another call begins: nobody looks, and nothing is new.
    pub(super) fn begin(&mut self) {
        (self.panel_open, self.unread) = (false, 0);
    }

    /// Ends the task and the thread.
    pub(super) async fn stop(&mut self) {
        self.wishes = None;
        if let Some(choosing) = self.choosing.take() {
            choosing.abort(); // people may take their time
        }
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }

    fn find(&self, id: TransferId) -> Option<&TransferView> {
        self.views.values().flat_map(|views| views.iter()).find(|view| view.id == id)
    }
}

impl Actor {
    /// The channel for files with a person opened. The echo is nobody who could take any.
    pub(super) fn files_open(&self, peer: &str) {
        if let Some(person) = self.person_of(peer) {
            self.files.wish(Wish::Open(person, peer.to_owned()));
        }
    }

    /// It is gone.
    pub(super) fn files_closed(&self, peer: &str) {
        if let Some(person) = self.person_of(peer) {
            self.files.wish(Wish::Closed(person));
        }
    }

    /// Something came on it.
    pub(super) fn files_came(&self, peer: &str, message: Message) {
        if let Some(person) = self.person_of(peer) {
            self.files.wish(Wish::Came(person, message));
        }
    }

    /// Who the session calls so.
    fn person_of(&self, peer: &str) -> Option<PeerId> {
        let leg = self.active.as_ref()?.leg_called(peer)?;
        (leg.peer != Callee::Echo).then_some(leg.id)
    }

    /// Offers files to everybody in the call, each for themselves.
    pub(super) fn send_files(&mut self, paths: Vec<PathBuf>) {
        for person in self.who_takes_files() {
            self.files.wish(Wish::Send(person, paths.clone()));
        }
    }

    /// Shows the dialog to choose files.
    pub(super) fn choose_files(&mut self) {
        if self.who_takes_files().is_empty() {
            return;
        }
        let Some(call) = self.active.as_ref().map(|active| active.call) else { return };
        if self.files.choosing.as_ref().is_some_and(|dialog| !dialog.is_finished()) {
            return self.told.push(Notice::Told("the dialog to choose files is open already".into()));
        }
        let beside = self.beside.clone();
        self.files.choosing = Some(tokio::spawn(async move {
            // overflow: await; the actor reads. Gone: the program ends.
            let _ = beside.send(Beside::Chosen(call, choose::choose().await)).await;
        }));
    }

    /// What was chosen goes to the others of the call it was chosen for, not to whoever is there now.
    pub(super) fn files_chosen(&mut self, call: CallId, chosen: Result<Vec<PathBuf>, NoDialog>) {
        let same = self.active.as_ref().is_some_and(|active| active.call == call && active.is_running());
        match chosen {
            Ok(paths) if paths.is_empty() => {}
            Ok(paths) if same => self.send_files(paths),
            Ok(_) => self.told.push(Notice::Problem("the call ended meanwhile; nothing was sent".into())),
            Err(e) => {
                self.files.no_dialog = true;
                self.told.push(Notice::Problem(e.to_string()));
            }
        }
    }

    /// Offers a picture that was pasted.
    pub(super) fn send_image(&mut self, png: Arc<[u8]>) {
        for person in self.who_takes_files() {
            self.files.wish(Wish::Image(person, Arc::clone(&png)));
        }
    }

    /// Whom files go to; where there is nobody, that is said.
    fn who_takes_files(&mut self) -> Vec<PeerId> {
        let why = match self.active.as_ref().filter(|active| active.is_running()) {
            None => "there is no call to send files in; call somebody first",
            Some(active) if active.peer == Callee::Echo => "the echo takes no files; call a person first",
            Some(active) if active.legs.is_empty() => "there is nobody else here yet to send files to",
            Some(active) => return active.legs.iter().map(|leg| leg.id).collect(),
        };
        self.told.push(Notice::Problem(why.into()));
        Vec::new()
    }

    /// Accepts, refuses or stops a file.
    pub(super) fn answer_file(&mut self, id: TransferId, wish: Wish) {
        let why = match (self.files.find(id), &wish) {
            (None, _) => format!("there is no file {id}; take its ID from where it was offered"),
            (Some(view), _) if view.state.is_over() => format!("“{}” is over already", view.name),
            (Some(TransferView { mine: false, state: TransferState::Offered, .. }), _) | (_, Wish::Cancel(_)) => {
                return self.files.wish(wish);
            }
            (Some(view), _) => format!("“{}” waits for no answer of yours; it can be cancelled only", view.name),
        };
        self.told.push(Notice::Problem(why));
    }

    /// Opens a picture. Only what was found to be one: no other file of somebody else's is started from here.
    pub(super) fn open_picture(&mut self, id: TransferId) {
        let picture = self.files.find(id).filter(|view| matches!(view.preview, Preview::Picture(_)));
        match picture.and_then(|view| view.path.clone()) {
            Some(path) => self.show_in_system(&path),
            None => self.told.push(Notice::Problem("this picture is not on this computer any more".into())),
        }
    }

    /// Shows the folder a file lies in.
    pub(super) fn open_folder(&mut self, id: TransferId) {
        let folder = self.files.find(id).and_then(|view| view.path.as_deref()?.parent().map(Path::to_owned));
        let Some(folder) = folder else {
            return self.told.push(Notice::Problem("this file is not on this computer".into()));
        };
        self.show_in_system(&folder);
    }

    /// Opens a file or folder by the system's own program.
    fn show_in_system(&mut self, path: &Path) {
        let program = if cfg!(windows) {
            "explorer"
        } else if cfg!(target_os = "macos") {
            "open"
        } else {
            "xdg-open"
        };
        let mut command = Command::new(program);
        command.arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            // It ends by itself; somebody has to see that.
            Ok(mut child) => drop(tokio::task::spawn_blocking(move || child.wait())),
            Err(e) => {
                let words = format!("{} cannot be shown: {program}: {e}; open it yourself", path.display());
                self.told.push(Notice::Problem(words));
            }
        }
    }

    /// Settings changed.
    pub(super) fn use_folder(&self) {
        self.files.wish(Wish::Folder(folder(&self.config, &self.settings)));
    }

    /// What the hub tells.
    pub(super) fn files_news(&mut self, news: News) {
        let News { person, views, told, problems } = news;
        self.files.views.insert(person, views);
        self.told.extend(problems.into_iter().map(Notice::Problem));
        for (id, news) in told {
            if matches!(news, TransferNews::Offered { mine: false, .. }) {
                self.sound(Sound::Message);
                let here = |active: &Active| active.legs.iter().any(|leg| leg.id == person);
                let here = self.active.as_ref().is_some_and(here);
                if here && !self.files.panel_open {
                    self.files.unread = self.files.unread.saturating_add(1);
                }
            }
            self.told.push(Notice::File { peer: person, id, news });
        }
    }
}

/// Where received files go.
fn folder(config: &ClientConfig, settings: &Settings) -> PathBuf {
    if let Some(folder) = &config.downloads {
        return folder.clone();
    }
    if !settings.downloads.is_empty() {
        return PathBuf::from(&settings.downloads);
    }
    let user = directories::UserDirs::new();
    let downloads = user.as_ref().and_then(|user| user.download_dir().map(Path::to_owned));
    downloads.or_else(|| Some(user?.home_dir().join("Downloads"))).unwrap_or_else(|| config.profile.join("downloads"))
}
