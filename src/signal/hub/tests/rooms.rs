//! Rooms as connections see them: who is told what, when, and what nobody is told.

use super::*;
use crate::signal::limits::{ROOM_ATTEMPTS, ROOM_ATTEMPTS_PER_ADDRESS, ROOM_GRACE, ROOM_REFUSAL};
use crate::signal::message::RoomCode;
use crate::signal::room::secret::{Code, RoomKey};
use crate::signal::room::{Entry, Place};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A way in: what a client would make of a password.
#[derive(Clone, Copy)]
struct Secret(u8);

impl Secret {
    fn key(self) -> RoomKey {
        RoomKey::from_bytes([self.0; 32])
    }

    fn verifier(self) -> Code {
        Code([self.0 ^ 0xff; 32])
    }
}

fn join_at(nonce: u8, who: &KeyPair, room: &str, secret: Option<Secret>, limit: Option<u32>) -> Join {
    let name: RoomName = room.parse().unwrap();
    let at = Place { server: "test", room: &name };
    let key = secret.map(Secret::key);
    let entry = Entry::seal(who, &at, key.as_ref(), Code([nonce; 32]), 1, 1_790_000_600);
    Join { room: name, limit, verifier: secret.map(Secret::verifier), entry }
}

impl Bench {
    fn ask(
        &mut self,
        (conn, who): (ConnId, &KeyPair),
        room: &str,
        secret: Option<u8>,
        limit: Option<u32>,
    ) -> Vec<Told> {
        let join = join_at(conn.0 as u8 + 1, who, room, secret.map(Secret), limit);
        told(&self.give(Input::Text(conn, to_text(&ClientMessage::Join(join)))))
    }

    fn leave(&mut self, conn: ConnId, room: &str) -> Vec<Told> {
        let text = to_text(&ClientMessage::Leave { room: room.parse().unwrap() });
        told(&self.give(Input::Text(conn, text)))
    }

    fn in_room(&mut self, n: u8, room: &str, secret: Option<u8>) -> ConnId {
        let (conn, _) = self.login(&keys(n));
        let out = self.ask((conn, &keys(n)), room, secret, None);
        assert!(matches!(&out[0], (c, Word::Joined(..)) if *c == conn), "{out:?}");
        conn
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Word {
    Joined(Vec<PeerId>, bool, u32),
    Entered(PeerId),
    Left(PeerId),
    Not(RoomCode, String),
}

type Told = (ConnId, Word);

fn told(out: &[Output<String>]) -> Vec<Told> {
    let word = |message| match message {
        ServerMessage::Joined { members, locked, limit, .. } => {
            Some(Word::Joined(members.iter().map(|entry| entry.id).collect(), locked, limit))
        }
        ServerMessage::Entered { entry, .. } => Some(Word::Entered(entry.id)),
        ServerMessage::Left { id, .. } => Some(Word::Left(id)),
        ServerMessage::NotJoined { code, text, .. } => Some(Word::Not(code, text)),
        _ => None,
    };
    let sent = out.iter().filter_map(|output| match output {
        Output::Send(conn, text) => Some((*conn, serde_json::from_str(text).unwrap())),
        Output::Close(..) => None,
    });
    sent.filter_map(|(conn, message)| Some((conn, word(message)?))).collect()
}

fn not(out: &[Told]) -> Option<RoomCode> {
    match out {
        [(_, Word::Not(code, _))] => Some(*code),
        _ => None,
    }
}

#[test]
fn members_are_told_of_each_other_and_nobody_else_is() {
    let mut bench = Bench::new();
    let a = bench.in_room(1, "team", None);
    let outside = bench.in_room(9, "elsewhere", None);
    let (b, _) = bench.login(&keys(2));
    let (id_a, id_b) = (keys(1).id(), keys(2).id());
    assert_eq!(
        bench.ask((b, &keys(2)), "team", None, None),
        [(b, Word::Joined(vec![id_a], false, 8)), (a, Word::Entered(id_b))]
    );
    let c = bench.in_room(3, "team", None);
    assert_eq!(bench.leave(a, "team"), [(b, Word::Left(id_a)), (c, Word::Left(id_a))]);
    assert_eq!(bench.leave(outside, "team"), [], "who is not in it changes nothing");
    // The order is that of coming, also after signing anew.
    bench.ask((b, &keys(2)), "team", None, None);
    let again = bench.ask((a, &keys(1)), "team", None, None);
    assert_eq!(again[0].1, Word::Joined(vec![id_b, keys(3).id()], false, 8));
}

#[test]
fn a_room_lives_from_its_first_member_to_its_last() {
    let mut bench = Bench::new();
    let a = bench.in_room(1, "team", Some(1));
    assert_eq!(bench.hub.rooms(), 1);
    bench.leave(a, "team");
    assert_eq!(bench.hub.rooms(), 0);
    // Whoever comes next opens another one, without that password.
    let b = bench.in_room(2, "team", None);
    bench.give(Input::Closed(b));
    assert_eq!(bench.hub.rooms(), 1, "its seat is kept");
    bench.wait(ROOM_GRACE.as_secs());
    assert_eq!((bench.hub.rooms(), told(&bench.give(Input::Tick))), (0, vec![]));
}

#[test]
fn the_opener_sets_the_limit_within_the_servers() {
    for (wanted, limit) in [(Some(2), 2), (Some(0), 2), (Some(99), 8), (None, 8)] {
        let mut bench = Bench::new();
        let (a, _) = bench.login(&keys(1));
        let out = bench.ask((a, &keys(1)), "team", None, wanted);
        assert_eq!(out, [(a, Word::Joined(vec![], false, limit))]);
    }
    let mut bench = Bench::new();
    let (a, _) = bench.login(&keys(1));
    bench.ask((a, &keys(1)), "team", None, Some(2));
    bench.in_room(2, "team", None);
    let (c, _) = bench.login(&keys(3));
    assert_eq!(not(&bench.ask((c, &keys(3)), "team", None, Some(8))), Some(RoomCode::Full));
    // A seat that is kept is taken; one that was given up is not.
    bench.give(Input::Closed(a));
    assert_eq!(not(&bench.ask((c, &keys(3)), "team", None, None)), Some(RoomCode::Full));
    bench.wait(ROOM_GRACE.as_secs());
    assert!(matches!(&bench.ask((c, &keys(3)), "team", None, None)[0].1, Word::Joined(..)));
}

#[test]
fn wrong_passwords_are_answered_slowly_and_all_alike() {
    // Locked, locked and full, open though a password is given.
    let mut words = Vec::new();
    for (lock, full, tried) in
        [(Some(1), false, Some(2)), (Some(1), false, None), (Some(1), true, Some(2)), (None, true, Some(2))]
    {
        let mut bench = Bench::new();
        let (a, _) = bench.login(&keys(1));
        bench.ask((a, &keys(1)), "team", lock, Some(2));
        if full {
            bench.in_room(2, "team", lock);
        }
        let (c, _) = bench.login(&keys(3));
        assert_eq!(bench.ask((c, &keys(3)), "team", tried, None), [], "not at once");
        let due = bench.hub.deadline().unwrap();
        assert_eq!(due - bench.now, ROOM_REFUSAL);
        bench.now = due - Duration::from_millis(1);
        assert_eq!(told(&bench.give(Input::Tick)), []);
        bench.now = due;
        words.push(told(&bench.give(Input::Tick)));
        // Nobody inside hears of it.
        assert!(
            words
                .iter()
                .all(|word| matches!(&word[..], [(conn, Word::Not(RoomCode::NoEntry, _))] if *conn == c || *conn != a))
        );
    }
    let text = |told: &Vec<Told>| told.iter().map(|(_, word)| word.clone()).collect::<Vec<_>>();
    assert!(words.windows(2).all(|two| text(&two[0]) == text(&two[1])), "{words:?}");
    // Only who has the password learns that there is no seat.
    let mut bench = Bench::new();
    let (a, _) = bench.login(&keys(1));
    bench.ask((a, &keys(1)), "team", Some(1), Some(2));
    bench.in_room(2, "team", Some(1));
    let (c, _) = bench.login(&keys(3));
    assert_eq!(not(&bench.ask((c, &keys(3)), "team", Some(1), None)), Some(RoomCode::Full));
}

#[test]
fn guesses_are_bounded_for_a_connection_and_for_an_address() {
    let mut bench = Bench::new();
    bench.in_room(1, "team", Some(1));
    let mut guesses = 0;
    for n in 10..30u8 {
        let (conn, _) = bench.login(&keys(n));
        for tries in 0..=ROOM_ATTEMPTS {
            let out = bench.ask((conn, &keys(n)), "team", Some(2), None);
            if not(&out) == Some(RoomCode::Wait) {
                assert!(tries == ROOM_ATTEMPTS || guesses == ROOM_ATTEMPTS_PER_ADDRESS);
                break;
            }
            guesses += 1;
        }
        bench.give(Input::Closed(conn));
    }
    assert_eq!(guesses, ROOM_ATTEMPTS_PER_ADDRESS);
    // Not even the right one is looked at then; open rooms are as before.
    let (late, _) = bench.login(&keys(2));
    assert_eq!(not(&bench.ask((late, &keys(2)), "team", Some(1), None)), Some(RoomCode::Wait));
    assert!(matches!(&bench.ask((late, &keys(2)), "lobby", None, None)[0].1, Word::Joined(..)));
    bench.wait(31);
    assert!(matches!(&bench.ask((late, &keys(2)), "team", Some(1), None)[0].1, Word::Joined(..)));
}

#[test]
fn several_refusals_come_one_by_one_and_only_while_the_connection_lasts() {
    let mut bench = Bench::new();
    bench.in_room(1, "team", Some(1));
    let (c, _) = bench.login(&keys(3));
    for _ in 0..3 {
        bench.ask((c, &keys(3)), "team", Some(2), None);
    }
    for _ in 0..2 {
        assert_eq!(not(&told(&bench.wait(1))), Some(RoomCode::NoEntry));
    }
    bench.give(Input::Closed(c));
    assert_eq!(bench.wait(1), []);
}

#[test]
fn a_member_is_who_has_signed_on_this_connection_for_this_room() {
    let mut bench = Bench::new();
    let a = bench.in_room(1, "team", None);
    let (b, _) = bench.login(&keys(2));
    let (nonce, other) = (b.0 as u8 + 1, a.0 as u8 + 1);
    let mut somebody = join_at(nonce, &keys(7), "team", None, None);
    let foreign = somebody.clone();
    somebody.entry.id = keys(2).id();
    let mut elsewhere = join_at(nonce, &keys(2), "other", None, None);
    elsewhere.room = "team".parse().unwrap();
    let mut spoilt = join_at(nonce, &keys(2), "team", None, None);
    spoilt.entry.expires += 1;
    let replayed = join_at(other, &keys(2), "team", None, None);
    let unproven = Join { verifier: Some(Secret(1).verifier()), ..join_at(nonce, &keys(2), "team", None, None) };
    for join in [foreign, somebody, elsewhere, spoilt, replayed, unproven] {
        let out = told(&bench.give(Input::Text(b, to_text(&ClientMessage::Join(join.clone())))));
        assert_eq!(not(&out), Some(RoomCode::BadEntry), "{join:?}");
    }
    // Another spelling than the one compared is none.
    let shouted = to_text(&ClientMessage::Join(join_at(nonce, &keys(2), "team", None, None))).replace("team", "TEAM");
    assert!(closes(&bench.give(Input::Text(b, shouted)), b, ErrorCode::Malformed));
}

#[test]
fn who_comes_back_in_time_was_never_away() {
    for evicted in [false, true] {
        let mut bench = Bench::new();
        let a = bench.in_room(1, "team", Some(1));
        let b = bench.in_room(2, "team", Some(1));
        let id = keys(2).id();
        if !evicted {
            assert_eq!(told(&bench.give(Input::Closed(b))), []);
            assert_eq!(told(&bench.wait(9)), []);
        }
        let (b, out) = bench.login(&keys(2));
        assert_eq!(told(&out), []);
        let out = bench.ask((b, &keys(2)), "team", Some(1), None);
        assert_eq!(out, [(b, Word::Joined(vec![keys(1).id()], true, 8)), (a, Word::Entered(id))]);
        assert_eq!(told(&bench.wait(20)), [], "the time that ran is stopped");
        // Who is only logged in, and not in the room again, is gone after it.
        bench.give(Input::Closed(b));
        bench.login(&keys(2));
        assert_eq!(told(&bench.wait(10)), [(a, Word::Left(id))]);
    }
}

#[test]
fn rooms_and_joins_have_their_bounds() {
    let mut bench = Bench::new();
    bench.hub = Hub::new("test", Limits { rooms: 5, ..Limits::default() });
    let (a, _) = bench.login(&keys(1));
    for n in 0..4 {
        assert_eq!(not(&bench.ask((a, &keys(1)), &format!("room {n}"), None, None)), None);
    }
    assert_eq!(not(&bench.ask((a, &keys(1)), "room 4", None, None)), Some(RoomCode::TooMany));
    let (b, _) = bench.login(&keys(2));
    assert_eq!(not(&bench.ask((b, &keys(2)), "room 4", None, None)), None);
    assert_eq!(not(&bench.ask((b, &keys(2)), "room 5", None, None)), Some(RoomCode::NoRoom));
    let joins = (0..30).take_while(|_| not(&bench.ask((b, &keys(2)), "room 4", None, None)).is_none()).count();
    assert_eq!(joins, 8, "ten at once, two were used");
    assert_eq!(not(&bench.ask((b, &keys(2)), "room 4", None, None)), Some(RoomCode::Wait));
    bench.wait(1);
    assert_eq!(not(&bench.ask((b, &keys(2)), "room 4", None, None)), None);
}

#[test]
fn seats_that_are_kept_count_against_the_address() {
    let mut bench = Bench::new();
    bench.hub = Hub::new("test", Limits { connections_per_address: 2, rooms_per_connection: 2, ..Limits::default() });
    let mut refused = 0;
    for n in 1..10 {
        let (conn, _) = bench.login(&keys(n));
        refused +=
            u32::from(not(&bench.ask((conn, &keys(n)), &format!("room {n}"), None, None)) == Some(RoomCode::TooMany));
        bench.give(Input::Closed(conn));
    }
    assert_eq!((refused, bench.hub.rooms()), (5, 4));
}

#[derive(Debug, Clone, Copy)]
enum Op {
    Login(u8),
    Cut(u8),
    Join(u8, u8, Option<u8>),
    Leave(u8, u8),
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let (who, room) = (0u8..5, 0u8..3);
    prop_oneof![
        3 => who.clone().prop_map(Op::Login),
        2 => who.clone().prop_map(Op::Cut),
        6 => (who.clone(), room.clone(), proptest::option::of(0u8..2)).prop_map(|(w, r, s)| Op::Join(w, r, s)),
        2 => (who, room).prop_map(|(w, r)| Op::Leave(w, r)),
        3 => prop_oneof![Just(0u64), 1u64..9, 10u64..40].prop_map(Op::Wait),
    ]
}

/// What each connection believes of each room, from what it was told alone.
type Beliefs = BTreeMap<(ConnId, RoomName), Vec<PeerId>>;

fn believe(beliefs: &mut Beliefs, out: &[Output<String>]) {
    for output in out {
        let Output::Send(conn, text) = output else { continue };
        match serde_json::from_str(text).unwrap() {
            ServerMessage::Joined { room, members, .. } => {
                beliefs.insert((*conn, room), members.iter().map(|entry| entry.id).collect());
            }
            ServerMessage::Entered { room, entry } => {
                let known = beliefs.get_mut(&(*conn, room)).expect("told of a room it is not in");
                known.retain(|id| *id != entry.id);
                known.push(entry.id);
            }
            ServerMessage::Left { room, id } => {
                let known = beliefs.get_mut(&(*conn, room)).expect("told of a room it is not in");
                let before = known.len();
                known.retain(|known| *known != id);
                assert_eq!(known.len() + 1, before, "told twice");
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_in_a_room_always_believe_the_same(ops in proptest::collection::vec(op(), 1..60)) {
        let mut bench = Bench::new();
        let mut online: BTreeMap<u8, ConnId> = BTreeMap::new();
        let mut beliefs = Beliefs::new();
        let room = |n: u8| format!("room {n}");
        for op in ops {
            let out = match op {
                Op::Login(who) => {
                    let (conn, out) = bench.login(&keys(who));
                    if let Some(old) = online.insert(who, conn) {
                        beliefs.retain(|(conn, _), _| *conn != old);
                    }
                    out
                }
                Op::Cut(who) => match online.remove(&who) {
                    Some(conn) => {
                        beliefs.retain(|(c, _), _| *c != conn);
                        bench.give(Input::Closed(conn))
                    }
                    None => continue,
                },
                Op::Join(who, n, secret) => {
                    let Some(conn) = online.get(&who).copied() else { continue };
                    let join = join_at(conn.0 as u8 + 1, &keys(who), &room(n), secret.map(Secret), Some(3));
                    bench.give(Input::Text(conn, to_text(&ClientMessage::Join(join))))
                }
                Op::Leave(who, n) => {
                    let Some(conn) = online.get(&who).copied() else { continue };
                    let name: RoomName = room(n).parse().unwrap();
                    let out = bench.give(Input::Text(conn, to_text(&ClientMessage::Leave { room: name.clone() })));
                    beliefs.remove(&(conn, name));
                    out
                }
                Op::Wait(seconds) => {
                    for _ in 0..seconds {
                        let conns: Vec<ConnId> = online.values().copied().collect();
                        conns.into_iter().for_each(|conn| drop(bench.give(Input::Frame(conn))));
                        let out = bench.wait(1);
                        believe(&mut beliefs, &out);
                    }
                    continue;
                }
            };
            believe(&mut beliefs, &out);
            bench.hub.rooms.sound();
            for ((conn, name), known) in &beliefs {
                let mut all = known.clone();
                all.extend(online.iter().filter(|(_, c)| *c == conn).map(|(who, _)| keys(*who).id()));
                let mut there = bench.hub.rooms.members(name);
                all.sort();
                there.sort();
                prop_assert_eq!(all, there);
                prop_assert!(known.len() < 3, "the limit holds");
            }
        }
        bench.wait(0);
        online.into_values().for_each(|conn| drop(bench.give(Input::Closed(conn))));
        bench.wait(120);
        prop_assert_eq!((bench.hub.rooms(), bench.hub.deadline().is_some()), (0, false));
    }
}
