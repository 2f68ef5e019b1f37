//! Rooms of programs: who is in trouble, and that it stays theirs.

use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use super::{Copy, LIMIT, Served, common, profiles};

/// Amara, who tells her figures every second, Noor and Lena, in one room; with where they live.
fn three() -> (Served, TempDir, [Copy; 3], [String; 2]) {
    let (home, a, b) = profiles();
    let server = Served::start();
    let mut second = Copy::start(&b, &server.url, &["--name", "Noor", "--answer", "video"]);
    let mut third = Copy::start(&home.path().join("c"), &server.url, &["--name", "Lena", "--answer", "video"]);
    let mut first = Copy::start(&a, &server.url, &["--name", "Amara", "--stats", "1"]);
    let (second_id, third_id) = (second.id(), third.id());
    first.id();
    first.tell(&format!(r#"{{"command":"invite","to":"{third_id}"}}"#));
    assert!(first.event("error")["message"].as_str().expect("a sentence").contains("no call to invite"));
    first.tell(&format!(r#"{{"command":"call","to":"{second_id}"}}"#));
    first.event("first_frame");
    first.tell(&format!(r#"{{"command":"invite","to":"{third_id}"}}"#));
    for one in [&mut first, &mut second] {
        let joined = one.event("joined");
        assert_eq!((&joined["peer"], &joined["name"]), (&json!(third_id), &json!("Lena")));
        one.event("first_frame");
    }
    third.event("joined");
    third.event("joined");
    (server, home, [first, second, third], [second_id, third_id])
}

/// Waits until this peer is in that state.
fn state(one: &mut Copy, peer: &str, wanted: &str) {
    loop {
        let state = one.event("state");
        if state["peer"] == json!(peer) && state["state"] == wanted {
            return;
        }
    }
}

/// Waits until both miss the third, which is to be soon.
fn missed(both: [&mut Copy; 2], third: &str) {
    let since = Instant::now();
    for one in both {
        state(one, third, "reconnecting");
        assert!(since.elapsed() < Duration::from_secs(5), "it is missed in time: {:?}", since.elapsed());
    }
}

/// The second's pictures never stood still at the first, and nothing is said of it.
fn undisturbed(first: &mut Copy, second: &str) {
    let stats = loop {
        let stats = first.event("stats");
        if stats["peer"] == json!(second) {
            break stats;
        }
    };
    assert_eq!(stats["received"]["video"]["freezes"], 0, "{stats}");
    let told = first.seen.iter().find(|line| line["event"] == "state" && line["peer"] == json!(second));
    assert_eq!(told, None);
}

#[test]
fn a_member_of_a_room_is_killed_and_the_others_go_on() {
    let _guard = common::guard(LIMIT);
    let (_server, _home, [mut first, mut second, mut third], [second_id, third_id]) = three();
    first.tell(&format!(r#"{{"command":"volume","of":"{third_id}","percent":50}}"#));
    first.tell(r#"{"command":"react","with":"applause"}"#);
    first.tell(r#"{"command":"chat","text":"hello, all"}"#);
    for one in [&mut second, &mut third] {
        assert_eq!(one.event("chat")["text"], "hello, all");
    }

    third.child.kill().expect("it can be killed");
    first.seen.clear();
    missed([&mut first, &mut second], &third_id);
    for one in [&mut first, &mut second] {
        assert_eq!(one.event("left")["peer"], json!(third_id));
    }
    undisturbed(&mut first, &second_id);
    second.tell(r#"{"command":"chat","text":"still here"}"#);
    assert_eq!(first.event("chat")["text"], "still here");
    second.event("delivered");
    first.tell(r#"{"command":"hangup"}"#);
    assert_eq!(second.event("ended")["outcome"], "accepted");
    first.tell(r#"{"command":"quit"}"#);
    assert_eq!(first.code(), 0);
}

/// Stopped, it neither sends nor answers, and its sockets fill.
#[test]
fn a_member_of_a_room_stands_still_and_the_others_go_on() {
    let _guard = common::guard(LIMIT);
    let (_server, _home, [mut first, mut second, mut third], [second_id, third_id]) = three();
    let id = third.child.id().to_string();
    let signal = |what: &str| {
        let sent = std::process::Command::new("kill").args([what, &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{what}");
    };
    signal("-STOP");
    first.seen.clear();
    missed([&mut first, &mut second], &third_id);
    // What is said meanwhile reaches those who are there, and waits for nobody.
    for n in 0..20 {
        first.tell(&json!({"command": "chat", "text": format!("without her {n}")}).to_string());
    }
    for n in 0..20 {
        assert_eq!(second.event("chat")["text"], format!("without her {n}"));
    }
    undisturbed(&mut first, &second_id);
    signal("-CONT");
    for one in [&mut first, &mut second] {
        state(one, &third_id, "connected");
    }
    third.tell(r#"{"command":"chat","text":"back again"}"#);
    for one in [&mut first, &mut second] {
        assert_eq!(one.event("chat")["text"], "back again");
    }
}
