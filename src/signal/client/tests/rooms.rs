//! A program in rooms: what it says of itself, whom it believes, and what it makes of a server that lies.

use super::*;
use crate::signal::limits::{ENTRY_LIFE, ENTRY_RENEW, ROOM_ANSWER, ROOM_MEMBERS_MOST};
use crate::signal::message::{Join, RoomCode};
use crate::signal::room::secret::{DeriveError, Password, RoomKey};
use crate::signal::room::{Entry, Place, RoomName};

fn team() -> RoomName {
    "team".parse().unwrap()
}

fn keys(n: u8) -> KeyPair {
    KeyPair::from_seed([n; 32])
}

fn id(n: u8) -> PeerId {
    keys(n).id()
}

fn key() -> RoomKey {
    RoomKey::from_bytes([5; 32])
}

fn entry(n: u8, nonce: u8, seq: u64, key: Option<&RoomKey>) -> Entry {
    let name = team();
    let at = Place { server: "s", room: &name };
    Entry::seal(&keys(n), &at, key, Code([nonce; 32]), seq, UNIX + ENTRY_LIFE)
}

fn entered(entry: Entry) -> ServerMessage {
    ServerMessage::Entered { room: team(), entry }
}

/// The answer to what was asked first since the login.
fn joined(members: Vec<Entry>) -> ServerMessage {
    joined_as(1, members)
}

fn joined_as(seq: u64, members: Vec<Entry>) -> ServerMessage {
    ServerMessage::Joined { room: team(), seq, locked: false, limit: 8, members }
}

fn left(n: u8) -> ServerMessage {
    ServerMessage::Left { room: team(), id: id(n) }
}

fn events(out: &[Output]) -> Vec<String> {
    let event = |output: &Output| match output {
        Output::Room(RoomEvent::Joined { members, .. }) => {
            Some(format!("joined {}", names(members.iter().map(|m| m.id))))
        }
        Output::Room(RoomEvent::Entered { member, .. }) => Some(format!("entered {}", names([member.id]))),
        Output::Room(RoomEvent::Left { id, .. }) => Some(format!("left {}", names([*id]))),
        Output::Room(RoomEvent::Distrusted { id, why, .. }) => Some(format!("{why:?} {}", names([*id]))),
        Output::Room(RoomEvent::Over { why, .. }) => Some(format!("over {why:?}")),
        _ => None,
    };
    out.iter().filter_map(event).collect()
}

fn names(ids: impl IntoIterator<Item = PeerId>) -> String {
    let name = |who: PeerId| (0..99).find(|n| id(*n) == who).map_or(0, u32::from).to_string();
    ids.into_iter().map(name).collect::<Vec<_>>().join(",")
}

fn derived(password: &str, made: Result<(RoomKey, Code), DeriveError>) -> Input {
    Input::Derived { server: "s".into(), room: team(), password: Password::new(password).unwrap(), made }
}

/// What it asks the server to be let into.
fn asked(out: &[Output]) -> Option<Join> {
    out.iter().find_map(|output| match output {
        Output::Text(text) => match serde_json::from_str(text) {
            Ok(ClientMessage::Join(join)) => Some(join),
            _ => None,
        },
        _ => None,
    })
}

fn says_leave(out: &[Output]) -> bool {
    out.iter().any(|output| matches!(output, Output::Text(text) if text.contains(r#""type":"leave""#)))
}

impl Bench {
    fn join(&mut self, password: Option<&str>) -> Vec<Output> {
        let password = password.map(|text| Password::new(text).unwrap());
        self.give(Input::Join { room: team(), password, limit: Some(4) })
    }

    fn inside(&mut self, members: Vec<Entry>) {
        self.online();
        assert!(asked(&self.join(None)).is_some());
        self.say(&joined(members));
    }

    /// The connection is lost and made again; what is asked for then.
    fn reconnect(&mut self) -> Vec<Output> {
        let lost = self.give(Input::Disconnected("cut".into()));
        assert_eq!(events(&lost), Vec::<String>::new());
        self.wake();
        self.give(Input::Connected);
        self.say(&hello());
        let id = self.client.id();
        let out = self.say(&ServerMessage::Welcome { id });
        self.say(&ServerMessage::Pong { t: 0 });
        out
    }

    /// Time passes, with a server that answers pings.
    fn pass(&mut self, time: Duration) -> Vec<Output> {
        let (until, mut out) = (self.now + time, Vec::new());
        while self.client.deadline().is_some_and(|at| at <= until) {
            out.extend(self.wake());
            out.extend(self.say(&ServerMessage::Pong { t: 0 }));
        }
        self.now = until;
        out
    }
}

#[test]
fn it_signs_for_the_room_and_this_connection() {
    let mut bench = Bench::new();
    assert!(bench.join(None).is_empty(), "not online yet");
    bench.give(Input::Server { url: "ws://x".into(), embedded: false });
    bench.give(Input::Connected);
    bench.say(&hello());
    let me = bench.client.id();
    let join = asked(&bench.say(&ServerMessage::Welcome { id: me })).expect("it asks as soon as it can");
    let name = team();
    assert_eq!(join.entry.check(&Place { server: "s", room: &name }, None, UNIX), Ok(()));
    assert_eq!((join.entry.id, join.entry.nonce, join.entry.seq), (me, Code([3; 32]), 1));
    assert_eq!((join.limit, join.verifier), (Some(4), None));
    let out = bench.say(&joined(vec![entry(2, 9, 1, None), entry(3, 9, 1, None)]));
    assert_eq!(events(&out), ["joined 2,3"]);
    let told = |o: &Output| matches!(o, Output::Room(RoomEvent::Joined { call, pass: None, limit: 8, .. }) if *call == team().call("s"));
    assert!(out.iter().any(told));
    assert!(bench.join(None).is_empty(), "once is enough");
}

#[test]
fn the_password_is_made_a_key_before_anything_is_said() {
    let mut bench = Bench::new();
    bench.online();
    let out = bench.join(Some("swordfish"));
    assert!(asked(&out).is_none());
    let [Output::Derive { server, room, password }] = &out[..] else { panic!("{out:?}") };
    let made = Ok((key(), Code([6; 32])));
    let out =
        bench.give(Input::Derived { server: server.clone(), room: room.clone(), password: password.clone(), made });
    let join = asked(&out).unwrap();
    let name = team();
    assert_eq!(join.verifier, Some(Code([6; 32])));
    assert_eq!(join.entry.check(&Place { server: "s", room: &name }, Some(&key()), UNIX), Ok(()));
    let out = bench.say(&joined(vec![]));
    let Output::Room(RoomEvent::Joined { pass: Some(pass), .. }) = &out[0] else { panic!("{out:?}") };
    let call = CallId([1; 16]);
    let proof = pass.proof(id(2), id(3), call);
    assert!(pass.proves(Some(&proof), id(2), id(3), call) && !pass.proves(Some(&proof), id(3), id(2), call));
    // The key lasts for the next connection.
    assert!(asked(&bench.reconnect()).is_some());
    let mut bench = Bench::new();
    bench.online();
    bench.join(Some("swordfish"));
    let made = Err(DeriveError);
    // What another password has made comes too late, or there is no memory for ours.
    let late = derived("another", Ok((key(), Code([6; 32]))));
    assert!(bench.give(late).is_empty());
    assert_eq!(events(&bench.give(derived("swordfish", made))), ["over Key(DeriveError)"]);
}

#[test]
fn nobody_is_a_member_who_did_not_sign_for_this_room() {
    let mut forged = entry(2, 9, 1, None);
    forged.id = id(3);
    let mut old = entry(4, 9, 1, None);
    old.expires -= ENTRY_LIFE + 200;
    let mut bench = Bench::new();
    bench.online();
    bench.join(None);
    let out = bench.say(&joined(vec![forged.clone(), old, entry(5, 9, 1, Some(&key())), entry(6, 9, 1, None)]));
    assert_eq!(events(&out), ["Forged 3", "Expired 4", "Unproven 5", "joined 6"]);
    assert_eq!(events(&bench.say(&entered(forged))), ["Forged 3"]);
    assert_eq!(events(&bench.say(&left(3))), Vec::<String>::new(), "who was no member does not leave");
    let me = bench.client.id();
    let myself = Entry { id: me, ..entry(1, 9, 1, None) };
    assert_eq!(events(&bench.say(&entered(myself))), Vec::<String>::new());
}

#[test]
fn somebody_let_in_without_the_password_is_no_member() {
    let mut bench = Bench::new();
    bench.online();
    bench.join(Some("swordfish"));
    bench.give(derived("swordfish", Ok((key(), Code([6; 32])))));
    let wrong = RoomKey::from_bytes([7; 32]);
    let out =
        bench.say(&joined(vec![entry(2, 9, 1, None), entry(3, 9, 1, Some(&wrong)), entry(4, 9, 1, Some(&key()))]));
    assert_eq!(events(&out), ["Unproven 2", "Unproven 3", "joined 4"]);
}

#[test]
fn a_reconnect_is_no_news_but_for_who_came_and_went() {
    let mut bench = Bench::new();
    bench.inside(vec![entry(2, 9, 1, None), entry(3, 9, 1, None)]);
    assert!(asked(&bench.reconnect()).is_some());
    let out = bench.say(&joined(vec![entry(2, 9, 1, None), entry(3, 8, 1, None)]));
    assert_eq!(events(&out), Vec::<String>::new());
    bench.reconnect();
    let out = bench.say(&joined(vec![entry(4, 9, 1, None), entry(2, 9, 1, None)]));
    assert_eq!(events(&out), ["left 3", "entered 4"]);
}

#[test]
fn who_has_left_is_not_shown_again_by_an_old_entry() {
    let mut bench = Bench::new();
    bench.inside(vec![entry(2, 9, 4, None)]);
    assert_eq!(events(&bench.say(&entered(entry(2, 9, 5, None)))), Vec::<String>::new(), "signed anew");
    assert_eq!(events(&bench.say(&left(2))), ["left 2"]);
    for old in [4, 5] {
        assert_eq!(events(&bench.say(&entered(entry(2, 9, old, None)))), ["Replayed 2"]);
    }
    assert_eq!(events(&bench.say(&entered(entry(2, 9, 6, None)))), ["entered 2"]);
    // They log in anew: what they signed before is over, at once.
    bench.say(&entered(entry(2, 8, 1, None)));
    assert_eq!(events(&bench.say(&entered(entry(2, 9, 6, None)))), ["Replayed 2"]);
    // Who leaves and comes back oneself finds those who stayed.
    assert!(says_leave(&bench.give(Input::Leave(team()))));
    assert_eq!(events(&bench.say(&left(2))), Vec::<String>::new());
    bench.join(None);
    // The answer to the first asking, come late, is none to the second.
    assert_eq!(events(&bench.say(&joined(vec![entry(3, 9, 1, None)]))), Vec::<String>::new());
    assert_eq!(events(&bench.say(&joined_as(2, vec![entry(2, 8, 1, None)]))), ["joined 2"]);
}

#[test]
fn it_signs_anew_in_time_and_misses_who_does_not() {
    let mut bench = Bench::new();
    bench.inside(vec![entry(2, 9, 1, None), entry(3, 9, 1, None)]);
    let out = bench.pass(ENTRY_RENEW);
    assert_eq!(asked(&out).map(|join| join.entry.seq), Some(2));
    bench.say(&joined_as(2, vec![entry(2, 9, 1, None), entry(3, 9, 1, None)]));
    // One of them signs again, and would be valid for as long from then on.
    let name = team();
    let at = Place { server: "s", room: &name };
    let later = Entry::seal(&keys(3), &at, None, Code([9; 32]), 2, UNIX + ENTRY_LIFE + 100);
    bench.say(&entered(later));
    let out = bench.pass(Duration::from_secs(ENTRY_LIFE + CLOCK_SKEW + 2) - ENTRY_RENEW);
    assert_eq!(events(&out), ["left 2"]);
}

#[test]
fn a_refusal_is_the_end_of_it() {
    let not = |code| ServerMessage::NotJoined { room: team(), seq: 1, code, text: String::new() };
    let unknown = ServerMessage::Error { code: ErrorCode::UnknownType, text: String::new() };
    for (answer, end) in [
        (not(RoomCode::NoEntry), "over NoEntry"),
        (not(RoomCode::Full), "over Full"),
        (not(RoomCode::Wait), "over Wait"),
        (not(RoomCode::Other), "over Refused"),
        (unknown, "over Unsupported"),
    ] {
        let mut bench = Bench::new();
        bench.online();
        bench.join(None);
        assert_eq!(events(&bench.say(&answer)), [end]);
        assert!(asked(&bench.reconnect()).is_none(), "it is not tried again");
    }
    let mut bench = Bench::new();
    bench.online();
    bench.join(None);
    let out = bench.pass(ROOM_ANSWER);
    assert_eq!(events(&out), ["over Unanswered"]);
    assert!(says_leave(&out), "should the server have let it in after all");
}

#[test]
fn who_was_inside_waits_where_the_server_wants_to_be_left_alone() {
    let mut bench = Bench::new();
    bench.inside(vec![entry(2, 9, 1, None)]);
    bench.reconnect();
    let wait = ServerMessage::NotJoined { room: team(), seq: 1, code: RoomCode::Wait, text: String::new() };
    assert_eq!(events(&bench.say(&wait)), Vec::<String>::new());
    assert!(asked(&bench.pass(Duration::from_secs(29))).is_none());
    assert!(asked(&bench.pass(Duration::from_secs(2))).is_some());
}

#[test]
fn another_server_has_other_rooms_and_the_end_leaves_them_all() {
    let mut bench = Bench::new();
    bench.inside(vec![]);
    assert!(events(&bench.give(Input::Server { url: "ws://x".into(), embedded: true })).is_empty());
    assert_eq!(events(&bench.give(Input::Server { url: "ws://y".into(), embedded: false })), ["over Moved"]);
    let mut bench = Bench::new();
    bench.inside(vec![]);
    assert!(says_leave(&bench.give(Input::LeaveAll)));
}

#[test]
fn a_server_that_names_a_crowd_fills_no_memory() {
    let mut bench = Bench::new();
    bench.inside(vec![]);
    let came = (2..90).filter(|n| !events(&bench.say(&entered(entry(*n, 9, 1, None)))).is_empty()).count();
    assert_eq!(came, ROOM_MEMBERS_MOST as usize);
}
