//! A whole world in one process: a hub, people with their signaling clients and calls, media that come and go, and a
//! network with delays, all on one virtual clock. Nothing here is random but by seed.

#[path = "../common/dice.rs"]
mod dice;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use dice::Dice;
use visavis::call::lifecycle::{self, Calls};
use visavis::model::body::{Body, Candidate};
use visavis::model::id::{CallId, PeerId};
use visavis::model::outcome::Outcome;
use visavis::model::snapshot::{ServerState, Stage};
use visavis::signal::client::{self, Client};
use visavis::signal::hub::{self, ConnId, Hub};
use visavis::signal::key::KeyPair;
use visavis::signal::limits::Limits;
use visavis::signal::message::{ClientMessage, ServerMessage, to_text};

/// Longest way through the network, one direction.
pub const SLOWEST: Duration = Duration::from_millis(120);
const UNIX: u64 = 1_790_000_000;

/// Something under way.
enum Parcel {
    Dial { person: usize, attempt: u64 },
    ToHub { conn: ConnId, text: String },
    ToPerson { conn: ConnId, text: String },
    HubSees { conn: ConnId },
    PersonSees { conn: ConnId },
    Description { person: usize, life: u64, call: CallId, sdp: String },
    MediaUp { call: CallId },
    MediaDown { person: usize, call: CallId },
}

pub struct Person {
    pub keys: KeyPair,
    pub calls: Calls,
    client: Client,
    conn: Option<ConnId>,
    attempt: u64,
    /// Counts starts of the program.
    life: u64,
    /// The one call media are open for.
    media: Option<CallId>,
}

/// One side's end of a call.
#[derive(Debug, Clone)]
pub struct End {
    pub at: Instant,
    pub outcome: Outcome,
}

pub struct World {
    pub now: Instant,
    start: Instant,
    pub people: Vec<Person>,
    pub dice: Dice,
    /// The hub drops, doubles, delays, swaps and forges.
    pub hostile: bool,
    /// Ends, by person and call.
    pub ends: HashMap<(usize, CallId), End>,
    /// Who once knew of which call.
    pub knew: HashMap<CallId, Vec<usize>>,
    /// Things said and not yet heard, to find what was never said.
    said: HashMap<(PeerId, PeerId, CallId, &'static str, String), u32>,
    hub: Hub<String>,
    wire: BTreeMap<(Instant, u64), Parcel>,
    /// Latest arrival in each direction of a connection: TCP keeps the order.
    latest: HashMap<(ConnId, bool), Instant>,
    owners: HashMap<ConnId, usize>,
    overheard: Vec<String>,
    up: Vec<CallId>,
    counter: u64,
    pub heard: u64,
}

impl World {
    pub fn new(people: usize, seed: u64) -> Self {
        let now = Instant::now();
        let mut world = Self {
            now,
            start: now,
            people: Vec::new(),
            dice: Dice(seed),
            hostile: false,
            ends: HashMap::new(),
            knew: HashMap::new(),
            said: HashMap::new(),
            hub: Hub::new("world", Limits::default()),
            wire: BTreeMap::new(),
            latest: HashMap::new(),
            owners: HashMap::new(),
            overheard: Vec::new(),
            up: Vec::new(),
            counter: 0,
            heard: 0,
        };
        for n in 0..people {
            let keys = KeyPair::from_seed([n as u8 + 1; 32]);
            world.people.push(person(keys, seed + n as u64, 0));
            world.give_client(n, client::Input::Server { url: "ws://world".into(), embedded: false });
        }
        world.run(Duration::from_secs(2));
        world
    }

    pub fn unix(&self) -> u64 {
        UNIX + (self.now - self.start).as_secs()
    }

    fn fresh(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub fn id(&self, person: usize) -> PeerId {
        self.people[person].keys.id()
    }

    pub fn stage(&self, person: usize) -> Option<Stage> {
        self.people[person].calls.current().and_then(|current| current.stage)
    }

    // ---- what people do --------------------------------------------------------------------------------------------

    pub fn call(&mut self, from: usize, to: usize, video: bool) -> CallId {
        let n = self.fresh();
        let call = CallId(std::array::from_fn(|at| if at < 8 { n.to_be_bytes()[at] } else { 0 }));
        let to = self.id(to);
        self.give_calls(from, lifecycle::Input::Call { call, to, video });
        call
    }

    /// Takes what rings here.
    pub fn accept(&mut self, person: usize, video: bool) {
        if let Some(current) = self.people[person].calls.current() {
            self.give_calls(person, lifecycle::Input::Accept { call: current.call, video });
        }
    }

    pub fn decline(&mut self, person: usize) {
        if let Some(current) = self.people[person].calls.current() {
            self.give_calls(person, lifecycle::Input::Decline { call: current.call });
        }
    }

    pub fn hang_up(&mut self, person: usize) {
        self.give_calls(person, lifecycle::Input::HangUp);
    }

    // ---- what befalls them -----------------------------------------------------------------------------------------

    /// The program is killed and started again.
    pub fn kill(&mut self, person: usize) {
        self.drop_connection(person);
        let keys = self.people[person].keys.clone();
        let (life, attempt) = (self.people[person].life + 1, self.people[person].attempt + 1);
        let media = self.people[person].media;
        self.people[person] = Person { attempt, ..self::person(keys, self.counter, life) };
        self.ends.retain(|(who, _), _| *who != person);
        self.knew.values_mut().for_each(|who| who.retain(|who| *who != person));
        if let Some(call) = media {
            self.media_gone(call, Duration::from_secs(5));
        }
        self.give_client(person, client::Input::Server { url: "ws://world".into(), embedded: false });
    }

    /// The connection to the server breaks; both ends see it.
    pub fn cut(&mut self, person: usize) {
        if self.people[person].conn.is_some() {
            self.drop_connection(person);
            self.give_client(person, client::Input::Disconnected("cut".into()));
        }
    }

    /// The server is killed and started again.
    pub fn restart_hub(&mut self) {
        self.hub = Hub::new("world", Limits::default());
        for person in 0..self.people.len() {
            if self.people[person].conn.take().is_some() {
                self.give_client(person, client::Input::Disconnected("the server went away".into()));
            }
        }
    }

    /// The path between the two of this person's call breaks for a moment.
    pub fn blip(&mut self, person: usize) {
        let Some(call) = self.people[person].media.filter(|call| self.up.contains(call)) else { return };
        for side in self.sides(call) {
            self.give_calls(side, lifecycle::Input::MediaDisconnected(call));
        }
        self.post(Duration::from_millis(500), Parcel::MediaUp { call });
    }

    // ---- the network -----------------------------------------------------------------------------------------------

    fn post(&mut self, after: Duration, parcel: Parcel) {
        let order = self.fresh();
        self.wire.insert((self.now + after, order), parcel);
    }

    fn post_in_order(&mut self, conn: ConnId, up: bool, parcel: Parcel) {
        let delay = Duration::from_millis(1 + self.dice.roll(SLOWEST.as_millis() as u64 - 1));
        let latest = self.latest.entry((conn, up)).or_insert(self.now);
        *latest = (*latest).max(self.now + delay);
        let (at, order) = (*latest, self.counter + 1);
        self.counter = order;
        self.wire.insert((at, order), parcel);
    }

    fn drop_connection(&mut self, person: usize) {
        if let Some(conn) = self.people[person].conn.take() {
            self.post_in_order(conn, true, Parcel::HubSees { conn });
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let machines = self.people.iter().flat_map(|p| [p.client.deadline(), p.calls.deadline()]);
            let timer = machines.chain([self.hub.deadline()]).flatten().min();
            let wire = self.wire.keys().next().map(|(at, _)| *at);
            let Some(next) = [timer, wire].into_iter().flatten().min().filter(|at| *at <= until) else { break };
            self.now = self.now.max(next);
            while let Some(entry) = self.wire.first_entry().filter(|e| e.key().0 <= self.now) {
                let parcel = entry.remove();
                self.deliver(parcel);
            }
            let due = |at: Option<Instant>, now: Instant| at.is_some_and(|at| at <= now);
            if due(self.hub.deadline(), self.now) {
                self.give_hub(hub::Input::Tick);
            }
            for person in 0..self.people.len() {
                if due(self.people[person].client.deadline(), self.now) {
                    self.give_client(person, client::Input::Tick);
                }
                if due(self.people[person].calls.deadline(), self.now) {
                    self.give_calls(person, lifecycle::Input::Tick);
                }
            }
        }
        self.now = until;
    }

    fn deliver(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Dial { person, attempt } if self.people[person].attempt == attempt => {
                let conn = ConnId(self.fresh());
                self.owners.insert(conn, person);
                self.people[person].conn = Some(conn);
                self.give_client(person, client::Input::Connected);
                let nonce = std::array::from_fn(|_| self.dice.roll(256) as u8);
                let address = IpAddr::from([10, 0, 0, person as u8]);
                self.give_hub(hub::Input::Opened { conn, address, nonce, unix: self.unix() });
            }
            Parcel::Dial { .. } => {}
            Parcel::ToHub { conn, text } => self.give_hub(hub::Input::Text(conn, text)),
            Parcel::HubSees { conn } => self.give_hub(hub::Input::Closed(conn)),
            Parcel::ToPerson { conn, text } => {
                if let Some(person) = self.owner(conn) {
                    self.give_client(person, client::Input::Text(text));
                }
            }
            Parcel::PersonSees { conn } => {
                if let Some(person) = self.owner(conn) {
                    self.people[person].conn = None;
                    self.give_client(person, client::Input::Disconnected("closed".into()));
                }
            }
            Parcel::Description { person, life, call, sdp } => {
                if self.people[person].life == life {
                    self.give_calls(person, lifecycle::Input::DescriptionReady { call, sdp });
                }
            }
            Parcel::MediaUp { call } => {
                let sides = self.sides(call);
                if sides.len() == 2 {
                    self.up.push(call);
                    sides.into_iter().for_each(|side| self.give_calls(side, lifecycle::Input::MediaConnected(call)));
                }
            }
            Parcel::MediaDown { person, call } => {
                if self.people[person].media == Some(call) {
                    self.give_calls(person, lifecycle::Input::MediaDisconnected(call));
                }
            }
        }
    }

    /// Who holds this connection now.
    fn owner(&self, conn: ConnId) -> Option<usize> {
        self.owners.get(&conn).copied().filter(|person| self.people[*person].conn == Some(conn))
    }

    fn sides(&self, call: CallId) -> Vec<usize> {
        (0..self.people.len()).filter(|n| self.people[*n].media == Some(call)).collect()
    }

    fn media_gone(&mut self, call: CallId, noticed_after: Duration) {
        for person in self.sides(call) {
            self.post(noticed_after, Parcel::MediaDown { person, call });
        }
    }

    // ---- the machines ----------------------------------------------------------------------------------------------

    fn give_hub(&mut self, input: hub::Input<String>) {
        self.hub.handle(self.now, input);
        while let Some(output) = self.hub.poll() {
            match output {
                hub::Output::Send(conn, text) => self.hub_says(conn, text),
                hub::Output::Close(conn, _) => self.post_in_order(conn, false, Parcel::PersonSees { conn }),
            }
        }
    }

    fn hub_says(&mut self, conn: ConnId, text: String) {
        if !self.hostile || !text.contains(r#""type":"envelope""#) {
            return self.post_in_order(conn, false, Parcel::ToPerson { conn, text });
        }
        self.overheard.push(text.clone());
        let dishonest = match self.dice.roll(10) {
            0 => return,
            1 => vec![text.clone(), text],
            2 => {
                // Out of order: late by up to three seconds.
                let late = Duration::from_millis(self.dice.roll(3000));
                return self.post(late, Parcel::ToPerson { conn, text });
            }
            3 => vec![text.replace("offer", "fraud").replace("answer", "frauds")],
            4 => vec![self.forged(&text), text],
            5 => {
                let old = self.dice.roll(self.overheard.len() as u64) as usize;
                vec![self.overheard[old].clone(), text]
            }
            6 => vec![text.replace(r#""kind":"ringing""#, r#""kind":"busy""#)],
            _ => vec![text],
        };
        for text in dishonest {
            self.post_in_order(conn, false, Parcel::ToPerson { conn, text });
        }
    }

    /// The same in the same name, with another body, signed by the hub's own key, and now and then with that key in it.
    fn forged(&mut self, text: &str) -> String {
        let Ok(ServerMessage::Envelope(mut envelope)) = serde_json::from_str(text) else { return text.to_owned() };
        let thief = KeyPair::from_seed([0xee; 32]);
        envelope.body = Body::Bye { reason: Default::default() }.to_text();
        envelope.kind = "bye".into();
        envelope.seq += 1;
        envelope.sig = thief.sign(&envelope.signed_bytes());
        if self.dice.roll(2) == 0 {
            envelope.key = thief.public();
        }
        to_text(&ServerMessage::Envelope(envelope))
    }

    fn give_client(&mut self, person: usize, input: client::Input) {
        let (now, unix) = (self.now, self.unix());
        self.people[person].client.handle(now, unix, input);
        while let Some(output) = self.people[person].client.poll() {
            match output {
                client::Output::Connect { .. } => {
                    self.drop_connection(person);
                    self.people[person].attempt += 1;
                    let attempt = self.people[person].attempt;
                    self.post(Duration::from_millis(5), Parcel::Dial { person, attempt });
                }
                client::Output::Text(text) => {
                    if let Ok(ClientMessage::Envelope(e)) = serde_json::from_str(&text) {
                        let body = Body::from_text(&e.kind, &e.body).expect("we write what we can read");
                        *self.said.entry((e.from, e.to, e.call, body.kind(), body.to_text())).or_default() += 1;
                    }
                    if let Some(conn) = self.people[person].conn {
                        self.post_in_order(conn, true, Parcel::ToHub { conn, text });
                    }
                }
                client::Output::Close => self.drop_connection(person),
                client::Output::State(state) => {
                    let online = matches!(state, ServerState::Online { .. });
                    self.give_calls(person, lifecycle::Input::Online(online));
                }
                client::Output::Received(verified) => {
                    let to = self.id(person);
                    let (from, call, body) = (verified.from, verified.call, verified.body);
                    let left = self.said.get_mut(&(from, to, call, body.kind(), body.to_text()));
                    let left = left.unwrap_or_else(|| panic!("nobody ever said {body:?}"));
                    assert!(*left > 0, "said once and heard twice: {body:?}");
                    *left -= 1;
                    self.heard += 1;
                    self.give_calls(person, lifecycle::Input::Received { from, call, body });
                }
                client::Output::Undeliverable { to, call } => {
                    self.give_calls(person, lifecycle::Input::Undeliverable { to, call });
                }
                client::Output::Gone(peer) => self.give_calls(person, lifecycle::Input::Gone(peer)),
                client::Output::Dropped(error) => assert!(self.hostile, "an honest envelope was dropped: {error}"),
                client::Output::Refused | client::Output::ClockWrong { .. } => {}
                client::Output::Room(_) | client::Output::Derive { .. } => unreachable!("nobody joins a room here"),
            }
        }
    }

    fn give_calls(&mut self, person: usize, input: lifecycle::Input) {
        self.people[person].calls.handle(self.now, input);
        while let Some(output) = self.people[person].calls.poll() {
            self.do_for_calls(person, output);
        }
    }

    fn do_for_calls(&mut self, person: usize, output: lifecycle::Output) {
        use lifecycle::Output;
        let life = self.people[person].life;
        let mut know = |call: CallId| {
            let who = self.knew.entry(call).or_default();
            if !who.contains(&person) {
                who.push(person);
            }
        };
        match output {
            Output::Send { to, call, body } => self.give_client(person, client::Input::Send { to, call, body }),
            Output::MakeOffer { call, .. } => {
                know(call);
                self.open_media(person, call);
                let candidate = Candidate { candidate: "candidate:1".into(), ..Candidate::default() };
                self.give_calls(person, lifecycle::Input::LocalCandidate { call, candidate });
                let sdp = format!("offer {call}");
                self.post(Duration::from_millis(10), Parcel::Description { person, life, call, sdp });
            }
            Output::MakeAnswer { call, offer, .. } => {
                assert_eq!(offer, format!("offer {call}"), "another description was swapped in");
                self.open_media(person, call);
                let sdp = format!("answer {call}");
                self.post(Duration::from_millis(15), Parcel::Description { person, life, call, sdp });
            }
            Output::TakeAnswer { call, sdp } => {
                assert_eq!(sdp, format!("answer {call}"), "another description was swapped in");
                self.post(Duration::from_millis(60), Parcel::MediaUp { call });
            }
            Output::CloseMedia(call) => {
                assert_eq!(self.people[person].media.take(), Some(call), "media of another call were closed");
                self.media_gone(call, Duration::from_millis(400));
            }
            Output::Incoming { call, .. } => know(call),
            Output::Replaced { old, new } => {
                know(new);
                self.knew.entry(old).or_default().retain(|who| *who != person);
            }
            Output::Ended { call, outcome, .. } => {
                know(call);
                let end = End { at: self.now, outcome };
                let before = self.ends.insert((person, call), end);
                assert!(before.is_none(), "a call ended twice");
            }
            Output::RemoteCandidate { call, .. } => {
                assert_eq!(self.people[person].media, Some(call), "a candidate before the media");
            }
            Output::Renegotiate { .. } | Output::RestartIce(_) | Output::Stage { .. } | Output::Refused(_) => {}
        }
    }

    fn open_media(&mut self, person: usize, call: CallId) {
        let before = self.people[person].media.replace(call);
        assert_eq!(before, None, "two calls at once");
    }
}

fn person(keys: KeyPair, seed: u64, life: u64) -> Person {
    let calls = Calls::new(keys.id(), "Somebody");
    let client = Client::new(keys.clone(), seed);
    Person { keys, calls, client, conn: None, attempt: 0, life, media: None }
}
