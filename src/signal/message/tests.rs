//! The messages are those of the specification, to the letter.

use super::*;
use crate::model::body::Body;
use crate::signal::key::KeyPair;
use crate::signal::room::Place;
use crate::signal::room::secret::{Password, RoomKey};
use proptest::prelude::*;

fn hello() -> Hello {
    let nonce: Vec<u8> = (0..32).collect();
    Hello {
        v: 1,
        server: "example.org".into(),
        nonce: crate::signal::key::to_base64url(&nonce),
        time: 1_790_000_000,
        idle_s: 60,
        max_bytes: 65536,
    }
}

#[test]
fn messages_look_as_specified() {
    let text = r#"{"type":"hello","v":1,"server":"example.org","nonce":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","time":1790000000,"idle_s":60,"max_bytes":65536}"#;
    assert_eq!(to_text(&ServerMessage::Hello(hello())), text);
    assert_eq!(to_text(&ClientMessage::Ping { t: 5 }), r#"{"type":"ping","t":5}"#);
    let error = ServerMessage::Error { code: ErrorCode::TooFast, text: "slow down".into() };
    assert_eq!(to_text(&error), r#"{"type":"error","code":"too_fast","text":"slow down"}"#);
    let room = || "monday".parse::<RoomName>().unwrap();
    assert_eq!(to_text(&ClientMessage::Leave { room: room() }), r#"{"type":"leave","room":"monday"}"#);
    let not = ServerMessage::NotJoined { room: room(), seq: 1, code: RoomCode::NoEntry, text: "…".into() };
    assert_eq!(to_text(&not), r#"{"type":"not_joined","room":"monday","seq":1,"code":"no_entry","text":"…"}"#);
    let joined = ServerMessage::Joined { room: room(), seq: 1, locked: true, limit: 8, members: vec![] };
    assert_eq!(to_text(&joined), r#"{"type":"joined","room":"monday","seq":1,"locked":true,"limit":8,"members":[]}"#);
}

#[test]
fn the_example_of_the_specification() {
    let (a, b) = (KeyPair::from_seed([1; 32]), KeyPair::from_seed([2; 32]));
    let call = CallId(std::array::from_fn(|n| n as u8));
    let envelope = Envelope::seal(&a, b.id(), call, 1, 1_790_000_060, &Body::Busy);
    let room: RoomName = "monday".parse().unwrap();
    let at = Place { server: "example.org", room: &room };
    let (key, verifier) = RoomKey::derive(&at, &Password::new("swordfish").unwrap()).unwrap();
    let nonce = Code(std::array::from_fn(|n| n as u8));
    let entry = Entry::seal(&a, &at, Some(&key), nonce, 1, 1_790_000_600);
    let mine = format!(
        "sender's ID      {}\naddressee's ID   {}\nlogin's sig      {}\nenvelope's sig   {}\n\
        verifier         {verifier}\nentry's proof    {}\nentry's sig      {}\nring's proof     {}\nroom's call      {}",
        a.id(),
        b.id(),
        a.sign(&hello().signed_bytes(a.id())),
        envelope.sig,
        entry.proof.unwrap(),
        entry.sig,
        key.proof(&at, a.id(), b.id(), call),
        room.call("example.org"),
    );
    let page: String =
        include_str!("../message.rs").lines().map(|l| l.trim_start_matches("//! ").to_owned() + "\n").collect();
    assert!(page.contains(&mine), "the page should say:\n{mine}");
}

#[test]
fn what_a_later_server_says_is_ignored() {
    let news = serde_json::from_str::<ServerMessage>(r#"{"type":"weather","sun":true}"#);
    assert_eq!(news.unwrap(), ServerMessage::Unknown);
    let error = serde_json::from_str::<ServerMessage>(r#"{"type":"error","code":"eclipse"}"#);
    assert_eq!(error.unwrap(), ServerMessage::Error { code: ErrorCode::Other, text: String::new() });
}

#[test]
fn a_name_that_could_forge_a_line_is_not_signed() {
    assert!(hello().is_sound());
    assert!(!Hello { server: "a\nb".into(), ..hello() }.is_sound());
    assert!(!Hello { nonce: "x\ny".into(), ..hello() }.is_sound());
    assert!(!Hello { server: String::new(), ..hello() }.is_sound());
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}", at in 0usize..200, by in any::<char>()) {
        let _ = serde_json::from_str::<ServerMessage>(&text);
        let mut near: Vec<char> = to_text(&ServerMessage::Hello(hello())).chars().collect();
        let at = at % near.len();
        near[at] = by;
        let _ = serde_json::from_str::<ServerMessage>(&near.into_iter().collect::<String>());
    }
}
