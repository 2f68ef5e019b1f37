//! A world of rooms: a hub and programs that want to be in rooms, over a network with delays that breaks, on one
//! virtual clock. The hub may be dishonest. Nothing here is random but by seed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use visavis::model::id::PeerId;
use visavis::signal::client::{self, Client, RoomEvent, RoomOver};
use visavis::signal::hub::{self, ConnId, Hub};
use visavis::signal::key::KeyPair;
use visavis::signal::limits::Limits;
use visavis::signal::message::{ClientMessage, ServerMessage, to_text};
use visavis::signal::room::secret::{Code, Password, RoomKey};
use visavis::signal::room::{Entry, Place, RoomName};

const SLOWEST: u64 = 120;
const UNIX: u64 = 1_790_000_000;
/// Who signs what the dishonest hub makes up.
const THIEF: [u8; 32] = [0xee; 32];

enum Parcel {
    Dial { person: usize, attempt: u64 },
    ToHub { conn: ConnId, text: String },
    ToPerson { conn: ConnId, text: String },
    HubSees { conn: ConnId },
    PersonSees { conn: ConnId },
    Derived { person: usize, life: u64, server: String, room: RoomName, password: Password },
}

struct Person {
    keys: KeyPair,
    client: Client,
    conn: Option<ConnId>,
    attempt: u64,
    life: u64,
    /// What it was told: who else is in which room.
    seen: BTreeMap<RoomName, BTreeSet<PeerId>>,
    wants: BTreeSet<RoomName>,
    /// The password it last used for each.
    used: BTreeMap<RoomName, &'static str>,
}

pub struct World {
    pub now: Instant,
    start: Instant,
    people: Vec<Person>,
    random: u64,
    /// The hub drops, repeats, delays and makes up what it says of rooms.
    pub hostile: bool,
    /// How often anybody was told that somebody left.
    pub lefts: usize,
    /// How often anybody was told not to believe the server.
    pub distrusted: usize,
    pub overs: Vec<(usize, RoomOver)>,
    /// Who ever signed for which room, with which password.
    signed: BTreeSet<(PeerId, RoomName, &'static str)>,
    hub: Hub<String>,
    wire: BTreeMap<(Instant, u64), Parcel>,
    latest: HashMap<(ConnId, bool), Instant>,
    owners: HashMap<ConnId, usize>,
    overheard: Vec<String>,
    counter: u64,
}

/// No password.
const NONE: &str = "";

impl World {
    pub fn new(people: usize, seed: u64) -> Self {
        let now = Instant::now();
        let mut world = Self {
            now,
            start: now,
            people: Vec::new(),
            random: seed,
            hostile: false,
            lefts: 0,
            distrusted: 0,
            overs: Vec::new(),
            signed: BTreeSet::new(),
            hub: Hub::new("world", Limits::default()),
            wire: BTreeMap::new(),
            latest: HashMap::new(),
            owners: HashMap::new(),
            overheard: Vec::new(),
            counter: 0,
        };
        for n in 0..people {
            world.people.push(person(n, seed + n as u64, 0));
            world.give_client(n, client::Input::Server { url: "ws://world".into(), embedded: false });
        }
        world.run(Duration::from_secs(2));
        world
    }

    pub fn roll(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below.max(1)
    }

    fn unix(&self) -> u64 {
        UNIX + (self.now - self.start).as_secs()
    }

    fn fresh(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub fn id(&self, person: usize) -> PeerId {
        self.people[person].keys.id()
    }

    /// Who this person believes to be in the room besides; `None` if they are not in it themselves.
    pub fn seen(&self, person: usize, room: &RoomName) -> Option<&BTreeSet<PeerId>> {
        self.people[person].seen.get(room)
    }

    pub fn rooms(&self) -> usize {
        self.hub.rooms()
    }

    // ---- what people do, and what befalls them ---------------------------------------------------------------------

    pub fn join(&mut self, person: usize, room: &RoomName, password: Option<&'static str>) {
        if self.people[person].wants.insert(room.clone()) {
            self.people[person].used.insert(room.clone(), password.unwrap_or(NONE));
        }
        let password = password.map(|text| Password::new(text).expect("a password"));
        self.give_client(person, client::Input::Join { room: room.clone(), password, limit: None });
    }

    pub fn leave(&mut self, person: usize, room: &RoomName) {
        self.people[person].seen.remove(room);
        self.people[person].wants.remove(room);
        self.give_client(person, client::Input::Leave(room.clone()));
    }

    /// The connection breaks; both ends see it.
    pub fn cut(&mut self, person: usize) {
        if self.people[person].conn.is_some() {
            self.drop_connection(person);
            self.give_client(person, client::Input::Disconnected("cut".into()));
        }
    }

    /// The program is killed and started again; the hub may not have noticed by the time it is back.
    pub fn kill(&mut self, person: usize, noticed: bool) {
        if noticed {
            self.drop_connection(person);
        }
        let (life, attempt) = (self.people[person].life + 1, self.people[person].attempt + 1);
        let seed = self.fresh();
        self.people[person] = Person { attempt, ..self::person(person, seed, life) };
        self.give_client(person, client::Input::Server { url: "ws://world".into(), embedded: false });
    }

    pub fn restart_hub(&mut self) {
        self.hub = Hub::new("world", Limits::default());
        for person in 0..self.people.len() {
            if self.people[person].conn.take().is_some() {
                self.give_client(person, client::Input::Disconnected("the server went away".into()));
            }
        }
    }

    // ---- the network -----------------------------------------------------------------------------------------------

    fn post(&mut self, after: Duration, parcel: Parcel) {
        let order = self.fresh();
        self.wire.insert((self.now + after, order), parcel);
    }

    /// TCP keeps the order.
    fn post_in_order(&mut self, conn: ConnId, up: bool, parcel: Parcel) {
        let delay = Duration::from_millis(1 + self.roll(SLOWEST));
        let latest = self.latest.entry((conn, up)).or_insert(self.now);
        *latest = (*latest).max(self.now + delay);
        let at = *latest;
        let order = self.fresh();
        self.wire.insert((at, order), parcel);
    }

    fn drop_connection(&mut self, person: usize) {
        if let Some(conn) = self.people[person].conn.take() {
            self.post_in_order(conn, true, Parcel::HubSees { conn });
        }
    }

    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let machines = self.people.iter().map(|person| person.client.deadline()).chain([self.hub.deadline()]);
            let wire = self.wire.keys().next().map(|(at, _)| *at);
            let Some(next) = machines.chain([wire]).flatten().min().filter(|at| *at <= until) else { break };
            self.now = self.now.max(next);
            while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let parcel = entry.remove();
                self.deliver(parcel);
            }
            if self.hub.deadline().is_some_and(|at| at <= self.now) {
                self.give_hub(hub::Input::Tick);
            }
            for person in 0..self.people.len() {
                if self.people[person].client.deadline().is_some_and(|at| at <= self.now) {
                    self.give_client(person, client::Input::Tick);
                }
            }
        }
        self.now = until;
    }

    fn owner(&self, conn: ConnId) -> Option<usize> {
        self.owners.get(&conn).copied().filter(|person| self.people[*person].conn == Some(conn))
    }

    fn deliver(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Dial { person, attempt } if self.people[person].attempt == attempt => {
                let conn = ConnId(self.fresh());
                self.owners.insert(conn, person);
                self.people[person].conn = Some(conn);
                self.give_client(person, client::Input::Connected);
                let nonce = std::array::from_fn(|_| self.roll(256) as u8);
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
            Parcel::Derived { person, life, server, room, password } if self.people[person].life == life => {
                let made = Ok(made(&room, &password));
                self.give_client(person, client::Input::Derived { server, room, password, made });
            }
            Parcel::Derived { .. } => {}
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
        let of_rooms = ["\"joined\"", "\"entered\"", "\"left\""].iter().any(|word| text.contains(word));
        if !self.hostile || !of_rooms {
            return self.post_in_order(conn, false, Parcel::ToPerson { conn, text });
        }
        self.overheard.push(text.clone());
        let old = self.roll(self.overheard.len() as u64) as usize;
        let dishonest = match self.roll(8) {
            0 => vec![],
            1 => vec![text.clone(), text],
            2 => vec![self.overheard[old].clone(), text],
            3 => vec![self.overheard[old].replace(r#""room":"locked""#, r#""room":"open""#), text],
            4 => vec![self.overheard[old].replace(r#""room":"open""#, r#""room":"locked""#), text],
            5 => vec![text, self.made_up(false)],
            6 => vec![self.made_up(true), text],
            _ => vec![text],
        };
        for text in dishonest {
            self.post_in_order(conn, false, Parcel::ToPerson { conn, text });
        }
    }

    /// A silent listener for a locked room: under the thief's own name, or under somebody else's.
    fn made_up(&mut self, as_another: bool) -> String {
        let room: RoomName = "locked".parse().expect("a name");
        let at = Place { server: "world", room: &room };
        let key = (self.roll(2) == 0).then(|| RoomKey::from_bytes([99; 32]));
        let (seq, expires) = (self.fresh(), self.unix() + 600);
        let mut entry = Entry::seal(&KeyPair::from_seed(THIEF), &at, key.as_ref(), Code([1; 32]), seq, expires);
        if as_another {
            let victim = self.roll(self.people.len() as u64) as usize;
            entry.id = self.id(victim);
            if self.roll(2) == 0 {
                entry.key = self.people[victim].keys.public();
            }
        }
        to_text(&ServerMessage::Entered { room, entry })
    }

    fn give_client(&mut self, person: usize, input: client::Input) {
        let (now, unix, life) = (self.now, self.unix(), self.people[person].life);
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
                    self.note_signature(&text);
                    if let Some(conn) = self.people[person].conn {
                        self.post_in_order(conn, true, Parcel::ToHub { conn, text });
                    }
                }
                client::Output::Close => self.drop_connection(person),
                client::Output::Derive { server, room, password } => {
                    let parcel = Parcel::Derived { person, life, server, room, password };
                    self.post(Duration::from_millis(40), parcel);
                }
                client::Output::Room(event) => self.room_event(person, event),
                _ => {}
            }
        }
    }

    fn note_signature(&mut self, text: &str) {
        let Ok(ClientMessage::Join(join)) = serde_json::from_str(text) else { return };
        let at = Place { server: "world", room: &join.room };
        for password in [NONE, "right", "wrong"] {
            let key = Password::new(password).ok().map(|password| made(&join.room, &password).0);
            if join.entry.check(&at, key.as_ref(), self.unix()).is_ok() {
                self.signed.insert((join.entry.id, join.room.clone(), password));
            }
        }
    }

    fn room_event(&mut self, person: usize, event: RoomEvent) {
        let seen = &mut self.people[person].seen;
        let mut named = Vec::new();
        match event {
            RoomEvent::Joined { room, members, .. } => {
                let before = seen.insert(room.clone(), members.iter().map(|member| member.id).collect());
                assert!(before.is_none(), "told twice to be in it");
                named.extend(members.into_iter().map(|member| (member.id, room.clone())));
            }
            RoomEvent::Entered { room, member } => {
                assert!(seen.get_mut(&room).expect("it is in it").insert(member.id), "came twice");
                named.push((member.id, room));
            }
            RoomEvent::Left { room, id } => {
                assert!(seen.get_mut(&room).expect("it is in it").remove(&id), "left without having come");
                self.lefts += 1;
            }
            RoomEvent::Distrusted { .. } => {
                assert!(self.hostile, "an honest entry was not believed");
                self.distrusted += 1;
            }
            RoomEvent::Over { room, why } => {
                seen.remove(&room);
                self.people[person].wants.remove(&room);
                self.overs.push((person, why));
            }
        }
        // Whoever is named has signed for this very room, and knows the password that we know.
        for (id, room) in named {
            let password = self.people[person].used[&room];
            assert!(self.signed.contains(&(id, room.clone(), password)), "{id} in {room} was made up");
        }
    }
}

/// What stands for the slow derivation here.
fn made(room: &RoomName, password: &Password) -> (RoomKey, Code) {
    let byte = if *password == Password::new("right").expect("one") { 7 } else { 8 };
    let of_room = room.as_str().len() as u8;
    (RoomKey::from_bytes([byte ^ of_room; 32]), Code([byte ^ of_room ^ 0xff; 32]))
}

fn person(n: usize, seed: u64, life: u64) -> Person {
    let keys = KeyPair::from_seed([n as u8 + 1; 32]);
    let client = Client::new(keys.clone(), seed);
    Person {
        keys,
        client,
        conn: None,
        attempt: 0,
        life,
        seen: BTreeMap::new(),
        wants: BTreeSet::new(),
        used: BTreeMap::new(),
    }
}
