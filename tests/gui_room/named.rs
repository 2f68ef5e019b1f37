//! Rooms with a name: how people come into them, and how they end.

use std::sync::Arc;

use visavis::model::command::{Command, Secret};
use visavis::model::outcome::Outcome;
use visavis::model::settings::Settings;
use visavis::model::snapshot::{RoomView, Snapshot, Stage};

use super::gui_world::room::*;
use super::gui_world::window::*;
use super::{copy, gui_world, usual};

#[test]
fn a_room_with_a_password_says_so() {
    let snapshot = with(room(3), |call| {
        call.room = Some(RoomView { name: "Board".to_owned(), locked: true, ..RoomView::default() })
    });
    assert!(Window::new(snapshot).sees("Password set"));
    assert!(!usual(3).sees("Password set"));
}

/// A room with a name, in which these of the others are listed.
fn by_name(snapshot: Snapshot, listed: std::ops::Range<u8>) -> Snapshot {
    with(snapshot, |call| {
        let listed = Some(Arc::new(listed.map(gui_world::peer).collect()));
        call.room = Some(RoomView { name: "Monday".to_owned(), locked: true, listed });
    })
}

#[test]
fn a_room_with_a_name_waits_for_others_and_says_how_they_come() {
    let mut window = Window::new(by_name(room(1), 2..2));
    for words in ["You are the first here", "Waiting for others…", "Monday", "Password set", "1 person"] {
        assert!(window.sees(words), "{words}");
    }
    assert!(!window.has("Invite somebody"));
    let words = "Meet me in the Visavis room “Monday”; it has a password, ask me for it";
    assert_eq!(copy(&mut window, "Copy the room's invitation").as_deref(), Some(words));
    // Who signed and is not reached yet is listed by name and ID.
    window.publish(by_name(room(3), 2..5));
    window.click("People, 3");
    let unmet = gui_world::peer(4).to_string();
    assert!(window.sees(&unmet) && window.sees("In the room, not connected yet"));
    assert!(window.has("Copy the room's invitation"), "in place of the field");
    window.publish(by_name(room(1), 2..2));
    assert!(window.sees("Nobody else is here"));
}

#[test]
fn the_end_of_a_room_with_a_name_is_said() {
    let ended = |outcome| with(by_name(room(1), 2..2), |call| call.stage = Stage::Ended(outcome));
    assert!(Window::new(ended(Outcome::Accepted)).sees("You left “Monday”"));
    let why = "the room is full; try again when somebody has left".to_owned();
    assert!(Window::new(ended(Outcome::Failed(why))).sees("You are not in “Monday” any more: the room is full"));
}

#[test]
fn a_room_that_was_left_is_joined_again_with_its_password_if_it_has_one() {
    let left = |locked| {
        with(by_name(room(1), 2..2), |call| {
            call.stage = Stage::Ended(Outcome::Accepted);
            call.room.as_mut().expect("a room").locked = locked;
        })
    };
    let mut window = Window::new(left(false));
    window.click("Join again");
    let (name, video) = ("Monday".to_owned(), true);
    let join = Command::JoinRoom { name, password: None, limit: None, video };
    assert_eq!(window.commands(), [Command::DismissEnded, join]);

    let mut window = Window::new(left(true));
    window.click("Join again");
    assert_eq!(window.commands(), [Command::DismissEnded]);
    let settings = Arc::new(Settings { green_room: false, ..gui_world::settings() });
    window.publish(Snapshot { call: None, settings, ..left(true) });
    window.write("Password, if it has one", "swordfish");
    window.click("Join with video");
    let (name, password) = ("Monday".to_owned(), Some(Secret("swordfish".to_owned())));
    assert_eq!(window.commands(), [Command::JoinRoom { name, password, limit: None, video }]);
    // Two that grew into more have no name to come back by.
    let grown = with(room(3), |call| call.stage = Stage::Ended(Outcome::Accepted));
    let window = Window::new(grown);
    assert!(!window.has("Join again") && !window.has("Call again"));
}
