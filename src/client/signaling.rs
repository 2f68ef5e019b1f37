//! The socket around [`signal::client::Client`](crate::signal::client::Client): a task that moves texts and waits.
//!
//! What is to be said goes in by a bounded queue (overflow: refused), events come out by another (overflow: the task
//! waits, so whoever holds the receiver must not await the task in turn). [`Signaling::stop`] returns when the task
//! has ended.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::dial::{Socket, dial};
use crate::model::body::Body;
use crate::model::id::{CallId, PeerId};
use crate::model::snapshot::ServerState;
use crate::signal::client::{Client, ConnectError, Input, Output, RoomEvent};
use crate::signal::envelope::{EnvelopeError, Verified};
use crate::signal::key::KeyPair;
use crate::signal::limits::CLIENT_QUEUE;
use crate::signal::room::secret::{Password, RoomKey};
use crate::signal::room::{Place, RoomName};

const EVENTS: usize = 256;
/// How long the farewell to the server may take.
const GOODBYE: Duration = Duration::from_millis(300);
/// How long the server may take to read what was written.
const WRITE: Duration = Duration::from_secs(5);

/// What signaling has to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignalEvent {
    /// Whether people can reach us.
    State(ServerState),
    /// Somebody said something: proven.
    Received(Verified),
    /// What was said did not arrive: they, or we, are not connected.
    Undeliverable {
        /// Whom it was for.
        to: PeerId,
        /// About which call.
        call: CallId,
    },
    /// Somebody we talked to is not connected any more.
    Gone(PeerId),
    /// Who is in a room.
    Room(RoomEvent),
    /// The first connection to this server was refused: nobody listens there, so one may be started. Told once a
    /// server; say [`Signaling::set_server`] or [`Signaling::reconnect`] when it runs, else it is tried again anyway.
    Refused {
        /// Where nobody listens.
        url: String,
    },
    /// An envelope that is not what it claims to be, or cannot be read, was dropped.
    Dropped(EnvelopeError),
    /// This computer's clock and the server's differ by so many seconds: calls may fail.
    ClockWrong {
        /// Ours minus theirs.
        by_s: i64,
    },
}

/// It cannot be taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signaling is busy or has ended; try again in a moment")]
pub struct Refused;

enum Wish {
    Input(Input),
    Stop,
}

/// The outside end of the task.
pub struct Signaling {
    wishes: mpsc::Sender<Wish>,
    task: JoinHandle<()>,
    id: PeerId,
}

impl Signaling {
    /// Connects to the server at `url` as the owner of `keys`, and stays connected. `embedded`: the server runs inside
    /// this program. Inside a tokio runtime.
    pub fn start(keys: KeyPair, url: &str, embedded: bool) -> (Self, mpsc::Receiver<SignalEvent>) {
        let (wishes, inbox) = mpsc::channel(CLIENT_QUEUE);
        let (events, receiver) = mpsc::channel(EVENTS);
        // The jitter need not be secret; where the system gives no random numbers the clock will do.
        let seed = getrandom::u64().unwrap_or_else(|_| unix_time());
        let id = keys.id();
        let client = Client::new(keys, seed);
        let first = Input::Server { url: url.to_owned(), embedded };
        let (url, making) = (url.to_owned(), JoinSet::new());
        let driver = Driver { client, events, url, socket: None, dialing: None, making };
        let task = tokio::spawn(driver.run(first, inbox));
        (Self { wishes, task, id }, receiver)
    }

    /// Our ID.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// Says something to somebody about a call. If it does not arrive, [`SignalEvent::Undeliverable`] tells.
    ///
    /// # Errors
    /// [`Refused`]: nothing was sent.
    pub fn send(&self, to: PeerId, call: CallId, body: Body) -> Result<(), Refused> {
        self.wish(Input::Send { to, call, body })
    }

    /// Wants to be in a room, from now on and after every reconnect. [`SignalEvent::Room`] tells what comes of it.
    /// `limit`: how many may be in it, if nobody is yet.
    ///
    /// # Errors
    /// [`Refused`]: nothing was done.
    pub fn join(&self, room: RoomName, password: Option<Password>, limit: Option<u32>) -> Result<(), Refused> {
        self.wish(Input::Join { room, password, limit })
    }

    /// Leaves a room; nothing more is told of it.
    ///
    /// # Errors
    /// [`Refused`]: nothing was done.
    pub fn leave(&self, room: RoomName) -> Result<(), Refused> {
        self.wish(Input::Leave(room))
    }

    /// Tries now instead of later, also after another program signed in with the same ID.
    ///
    /// # Errors
    /// [`Refused`]: nothing was done.
    pub fn reconnect(&self) -> Result<(), Refused> {
        self.wish(Input::Reconnect)
    }

    /// Uses another server from now on.
    ///
    /// # Errors
    /// [`Refused`]: nothing was done.
    pub fn set_server(&self, url: &str, embedded: bool) -> Result<(), Refused> {
        self.wish(Input::Server { url: url.to_owned(), embedded })
    }

    fn wish(&self, input: Input) -> Result<(), Refused> {
        // overflow: refuse
        self.wishes.try_send(Wish::Input(input)).map_err(|_| Refused)
    }

    /// Sends what was asked for, leaves all rooms, says goodbye to the server, and returns when the task has ended: under
    /// a second as long as the server reads.
    pub async fn stop(self) {
        // overflow: await; the task takes wishes at once unless it waits for its own events to be read
        let asking = self.wishes.send(Wish::Stop);
        let asked = timeout(Duration::from_secs(1), asking).await.is_ok();
        let mut task = self.task;
        if !asked || timeout(Duration::from_secs(2), &mut task).await.is_err() {
            task.abort();
            let _ = task.await;
        }
    }
}

struct Driver {
    client: Client,
    events: mpsc::Sender<SignalEvent>,
    url: String,
    socket: Option<Socket>,
    dialing: Option<BoxFuture<'static, Result<Socket, ConnectError>>>,
    /// Keys of rooms in the making; as many as the machine wants rooms.
    making: JoinSet<Input>,
}

enum Woken {
    Wish(Option<Wish>),
    Dialed(Box<Result<Socket, ConnectError>>),
    Frame(Option<Result<Message, tokio_tungstenite::tungstenite::Error>>),
    Made(Input),
    Time,
}

impl Driver {
    async fn run(mut self, first: Input, mut inbox: mpsc::Receiver<Wish>) {
        self.take(first).await;
        loop {
            let deadline = self.client.deadline();
            let woken = tokio::select! {
                wish = inbox.recv() => Woken::Wish(wish),
                dialed = dialed(&mut self.dialing) => Woken::Dialed(Box::new(dialed)),
                frame = frame(&mut self.socket) => Woken::Frame(frame),
                Some(Ok(made)) = self.making.join_next() => Woken::Made(made),
                () = until(deadline) => Woken::Time,
            };
            match woken {
                Woken::Wish(Some(Wish::Input(input))) => self.take(input).await,
                Woken::Wish(Some(Wish::Stop) | None) => {
                    self.take(Input::LeaveAll).await;
                    break;
                }
                Woken::Made(made) => self.take(made).await,
                Woken::Dialed(result) => {
                    self.dialing = None;
                    match *result {
                        Ok(socket) => {
                            self.socket = Some(socket);
                            self.take(Input::Connected).await;
                        }
                        Err(error) => self.take(Input::ConnectFailed(error)).await,
                    }
                }
                Woken::Frame(frame) => self.frame(frame).await,
                Woken::Time => self.take(Input::Tick).await,
            }
        }
        self.close().await;
    }

    async fn frame(&mut self, frame: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>) {
        let reason = match frame {
            Some(Ok(Message::Text(text))) => return self.take(Input::Text(text.as_str().to_owned())).await,
            Some(Ok(Message::Close(close))) => match close.map(|frame| frame.code) {
                Some(CloseCode::Away) => "the server was shut down".to_owned(),
                Some(CloseCode::Size) => "the server found a message too large".to_owned(),
                _ => "the server closed the connection".to_owned(),
            },
            Some(Ok(_)) => return, // pings are answered by the library; binary messages mean nothing
            Some(Err(_)) | None => "the connection to the server was lost".to_owned(),
        };
        self.socket = None;
        self.take(Input::Disconnected(reason)).await;
    }

    /// Gives the machine its input, and does what it says.
    async fn take(&mut self, input: Input) {
        let mut next = Some(input);
        while let Some(input) = next.take() {
            if let Input::Server { url, .. } = &input {
                self.url.clone_from(url);
            }
            self.client.handle(Instant::now(), unix_time(), input);
            let mut broken = false;
            let mut fed = false;
            while let Some(output) = self.client.poll() {
                let event = match output {
                    Output::Connect { url } => {
                        self.socket = None;
                        self.dialing = Some(async move { dial(&url).await }.boxed());
                        continue;
                    }
                    Output::Text(text) => {
                        broken |= !self.feed(text).await;
                        fed = true;
                        continue;
                    }
                    Output::Close => {
                        self.dialing = None;
                        self.close().await;
                        continue;
                    }
                    Output::Derive { server, room, password } => {
                        // Tens of milliseconds of work: not where texts wait.
                        self.making.spawn_blocking(move || {
                            let made = RoomKey::derive(&Place { server: &server, room: &room }, &password);
                            Input::Derived { server, room, password, made }
                        });
                        continue;
                    }
                    Output::Room(event) => SignalEvent::Room(event),
                    Output::State(state) => SignalEvent::State(state),
                    Output::Received(verified) => SignalEvent::Received(verified),
                    Output::Dropped(error) => SignalEvent::Dropped(error),
                    Output::Undeliverable { to, call } => SignalEvent::Undeliverable { to, call },
                    Output::Gone(peer) => SignalEvent::Gone(peer),
                    Output::Refused => SignalEvent::Refused { url: self.url.clone() },
                    Output::ClockWrong { by_s } => SignalEvent::ClockWrong { by_s },
                };
                // overflow: await, so that nothing said is lost; a receiver that is gone wants nothing
                let _ = self.events.send(event).await;
            }
            if fed && !broken {
                broken = !self.flush().await;
            }
            if broken {
                self.socket = None;
                next = Some(Input::Disconnected("the connection to the server was lost".into()));
            }
        }
    }

    async fn feed(&mut self, text: String) -> bool {
        let Some(socket) = &mut self.socket else { return true };
        matches!(timeout(WRITE, socket.feed(Message::text(text))).await, Ok(Ok(())))
    }

    async fn flush(&mut self) -> bool {
        let Some(socket) = &mut self.socket else { return true };
        matches!(timeout(WRITE, socket.flush()).await, Ok(Ok(())))
    }

    async fn close(&mut self) {
        if let Some(mut socket) = self.socket.take() {
            // A server that does not take the farewell sees the connection end all the same.
            let _ = timeout(GOODBYE, socket.close(None)).await;
        }
    }
}

async fn dialed(
    dialing: &mut Option<BoxFuture<'static, Result<Socket, ConnectError>>>,
) -> Result<Socket, ConnectError> {
    match dialing {
        Some(dialing) => dialing.await,
        None => std::future::pending().await,
    }
}

async fn frame(socket: &mut Option<Socket>) -> Option<Result<Message, tokio_tungstenite::tungstenite::Error>> {
    match socket {
        Some(socket) => socket.next().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Seconds since 1970.
fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
