//! Rooms with a name by JSON Lines.

use super::*;

#[test]
fn a_room_is_entered_and_left_by_lines() {
    let _guard = common::guard(LIMIT);
    let (_home, a, b) = profiles();
    let server = Served::start();
    let (mut first, mut second) = (Copy::start(&a, &server.url, &[]), Copy::start(&b, &server.url, &[]));
    let (id, other) = (first.id(), second.id());
    first.tell(r#"{"command":"room","name":"Monday","password":"swordfish","limit":2}"#);
    let room = first.event("room");
    assert_eq!((&room["name"], &room["locked"], &room["members"]), (&json!("Monday"), &json!(true), &json!([])));
    second.tell(r#"{"command":"room","name":"monday"}"#);
    let error = second.event("error");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("does not open")), "{error}");
    second.tell(r#"{"command":"room","name":"monday","password":"swordfish"}"#);
    let there = second.event("room");
    assert_eq!((&there["call"], &there["members"]), (&room["call"], &json!([id])));
    assert_eq!(first.event("room")["members"], json!([other]));
    assert_eq!(first.event("joined")["peer"], json!(other));
    first.event("connected");
    second.event("first_frame");
    second.tell(r#"{"command":"leave"}"#);
    assert_eq!(first.event("left")["peer"], json!(other));
    let ended = second.event("ended");
    assert_eq!((&ended["call"], &ended["outcome"]), (&room["call"], &json!("accepted")));
    assert_eq!(ended["text"], "Call with the room “monday” ended");
    for copy in [&mut first, &mut second] {
        copy.tell(r#"{"command":"quit"}"#);
        assert_eq!(copy.code(), 0);
    }
}
