//! Whole applications and the real server in one process, each with a profile of its own: what a person does and sees.

#![allow(dead_code, reason = "each test file takes what it needs of this")]

pub mod crowd;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use tokio::sync::broadcast;
use tokio::time::timeout;
use visavis::client::config::{Overrides, ServerChoice};
use visavis::client::{ClientConfig, Handle, Running, start};
use visavis::codec::timecode;
use visavis::model::command::Command;
use visavis::model::id::{Callee, PeerId};
use visavis::model::notice::Notice;
use visavis::model::outcome::{Direction, Outcome};
use visavis::model::snapshot::{PlayerKey, Snapshot, Stage};
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::server::{Server, ServerConfig};
use visavis::session::VideoRequest;

/// More than any step takes on a busy machine.
pub const STEP: Duration = Duration::from_secs(20);

pub struct Person {
    pub home: TempDir,
    pub handle: Handle,
    pub notices: broadcast::Receiver<Notice>,
    pub running: Option<Running>,
    pub id: PeerId,
}

impl Person {
    pub fn new(server: &str, name: &str) -> Self {
        Self::with(server, name, |_| {})
    }

    pub fn with(server: &str, name: &str, change: impl FnOnce(&mut ClientConfig)) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let mut config = ClientConfig::new(home.path().join("profile"));
        config.server = ServerChoice::Url(server.to_owned());
        config.overrides = Overrides {
            name: Some(name.to_owned()),
            camera: Some(VideoSpec::Scene),
            microphone: Some(AudioSpec::Tone(440)),
            speaker: Some(SinkSpec::File(home.path().join("heard.wav"))),
            video: Some(VideoRequest { width: 320, height: 180, fps: 30 }),
        };
        config.downloads = Some(home.path().join("downloads"));
        change(&mut config);
        let (handle, mut running) = start(config).expect("the application starts");
        let id = handle.snapshot().id.expect("an ID from the start");
        Self { home, notices: running.first_notices(), handle, running: Some(running), id }
    }

    pub fn heard(&self) -> PathBuf {
        self.home.path().join("heard.wav")
    }

    /// Where received files go.
    pub fn downloads(&self) -> PathBuf {
        self.home.path().join("downloads")
    }

    pub fn ask(&self, command: Command) {
        self.handle.command(command).expect("the application takes commands");
    }

    pub fn call(&self, other: &Self) {
        self.ask(Command::Call { to: Callee::Peer(other.id), video: true });
    }

    /// Waits for a state.
    pub async fn sees<T>(&self, what: &str, mut condition: impl FnMut(&Snapshot) -> Option<T>) -> T {
        let mut snapshots = self.handle.snapshots();
        let waiting = async {
            loop {
                let now = snapshots.borrow_and_update().clone();
                if let Some(found) = condition(&now) {
                    return found;
                }
                snapshots.changed().await.expect("the application lives");
            }
        };
        match timeout(STEP, waiting).await {
            Ok(found) => found,
            Err(_) => panic!("waited in vain for {what}; it is {:?}", self.handle.snapshot()),
        }
    }

    pub async fn online(&self) {
        use visavis::model::snapshot::ServerState::Online;
        self.sees("online", |s| matches!(s.server, Online { .. }).then_some(())).await;
    }

    pub async fn stage(&self, stage: Stage) {
        self.sees(stage.word(), |s| s.call.as_ref().filter(|call| call.stage == stage).map(|_| ())).await;
    }

    pub async fn ended(&mut self) -> (Direction, Outcome) {
        let waiting = async {
            loop {
                if let Notice::Ended { direction, outcome, .. } = self.notices.recv().await.expect("notices in time") {
                    return (direction, outcome);
                }
            }
        };
        timeout(STEP, waiting).await.expect("an end")
    }

    /// Waits for a notice; what comes before it is passed over.
    pub async fn notice(&mut self, is: impl Fn(&Notice) -> bool) -> Notice {
        let waiting = async {
            loop {
                let notice = self.notices.recv().await.expect("notices in time");
                if is(&notice) {
                    return notice;
                }
            }
        };
        timeout(STEP, waiting).await.expect("a notice")
    }

    pub async fn accept(&self, video: bool) {
        let call = self.sees("an incoming call", |s| s.incoming.as_ref().map(|i| i.call)).await;
        self.ask(Command::Accept { call, video });
    }

    /// Waits for so many pictures of the other side, and returns their timecodes and ages, ms.
    pub async fn looks(&self, pictures: usize) -> Vec<(u32, u32)> {
        let player = self
            .sees("the other side's pictures", |s| {
                let call = s.call.as_ref()?.call;
                self.handle.player(PlayerKey::Remote(call))
            })
            .await;
        let (mut seen, mut found) = (0, Vec::new());
        let until = tokio::time::Instant::now() + STEP;
        while found.len() < pictures {
            assert!(tokio::time::Instant::now() < until, "only {} pictures came", found.len());
            if let Some((sequence, frame)) = player.newer_than(seen) {
                seen = sequence;
                let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64;
                let code = timecode::read(&frame).expect("the scene's timecode survives the codec");
                assert_eq!((frame.width(), frame.height()), (320, 180));
                found.push((code, timecode::age(code, now).expect("captured in the past")));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        found
    }

    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.stop();
    }
}

pub async fn server() -> (Server, String) {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::bind(ServerConfig { listen, ..ServerConfig::default() }).await.expect("a free port");
    let url = format!("ws://{}", server.local_addr());
    (server, url)
}

pub async fn two(url: &str) -> (Person, Person) {
    let (a, b) = (Person::new(url, "Amara"), Person::new(url, "Noor"));
    a.online().await;
    b.online().await;
    (a, b)
}

pub async fn connected(a: &Person, b: &Person) {
    a.call(b);
    b.accept(true).await;
    a.stage(Stage::Connected).await;
    b.stage(Stage::Connected).await;
}
