//! The chat of a room in the window: mentions offered, marked and said, and who has got a message.
#![cfg(feature = "gui")]
#![allow(clippy::unwrap_used, reason = "fixed values")]

mod gui_world;

use std::sync::Arc;

use eframe::egui::Key;
use eframe::egui::accesskit::{Role, Toggled};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use gui_world::peer;
use gui_world::room::{room, who, with};
use gui_world::window::*;
use visavis::model::chat::{ChatLine, Delivery};
use visavis::model::command::Command;
use visavis::model::notice::Notice;
use visavis::model::snapshot::Snapshot;

fn line(number: u64, author: &str, text: &str, delivery: Delivery, received_by: &[u8]) -> ChatLine {
    ChatLine {
        number,
        mine: author.is_empty(),
        author: author.to_owned(),
        text: text.to_owned(),
        time: gui_world::NOON,
        delivery,
        received_by: received_by.iter().map(|n| peer(*n)).collect(),
    }
}

/// A room of four with these lines.
fn talk(lines: Vec<ChatLine>) -> Snapshot {
    with(room(4), |call| call.chat = Arc::new(lines))
}

/// With the panel open.
fn open(lines: Vec<ChatLine>) -> Window {
    let mut window = Window::new(talk(lines));
    window.key(NONE, Key::C);
    window.harness.run_steps(3);
    assert_eq!(window.commands(), [Command::ChatOpen(true)]);
    window
}

fn offered(window: &Window) -> Vec<(String, bool)> {
    let rows = window.harness.query_all_by_role(Role::ListBoxOption);
    let node = |row: egui_kittest::Node<'_>| {
        (row.accesskit_node().label().unwrap(), row.accesskit_node().toggled() == Some(Toggled::True))
    };
    rows.map(node).collect()
}

#[test]
fn an_at_sign_offers_the_people_of_the_call_to_the_keyboard() {
    let mut window = open(vec![]);
    window.write("Message", "so @");
    let names = ["Mention Amara Osei", "Mention Lena Fischer", "Mention Tomás Rivera"].map(str::to_owned);
    assert_eq!(offered(&window), [(names[0].clone(), true), (names[1].clone(), false), (names[2].clone(), false)]);
    window.key(NONE, Key::ArrowUp);
    assert_eq!(offered(&window)[2], (names[2].clone(), true), "the list goes round");
    window.key(NONE, Key::ArrowDown);
    window.key(NONE, Key::ArrowDown);
    window.key(NONE, Key::Enter);
    assert_eq!(window.commands(), [], "Enter chose, and did not send");
    assert_eq!(offered(&window), []);
    window.harness.get_by_label("Message").type_text("will you?");
    window.harness.run_steps(2);
    window.key(NONE, Key::Enter);
    assert_eq!(window.commands(), [Command::Chat("so @Lena Fischer will you?".into())]);
}

#[test]
fn a_name_that_was_begun_narrows_the_offer_and_tab_takes_it() {
    let mut window = open(vec![]);
    window.write("Message", "@riv");
    assert_eq!(offered(&window).len(), 1);
    window.key(NONE, Key::Tab);
    window.key(NONE, Key::Enter);
    assert_eq!(window.commands(), [Command::Chat("@Tomás Rivera".into())]);
    window.write("Message", "mail noor@am");
    assert_eq!(offered(&window), [], "an address is no mention");
}

#[test]
fn the_mouse_chooses_too_and_the_field_keeps_the_keyboard() {
    let mut window = open(vec![]);
    window.write("Message", "@");
    window.harness.get_by_role_and_label(Role::ListBoxOption, "Mention Amara Osei").click();
    window.harness.run_steps(3);
    window.harness.get_by_label("Message").type_text("hi");
    window.harness.run_steps(2);
    window.key(NONE, Key::Enter);
    assert_eq!(window.commands(), [Command::Chat("@Amara Osei hi".into())]);
}

#[test]
fn escape_closes_the_offer_before_the_panel() {
    let mut window = open(vec![]);
    window.write("Message", "@");
    window.key(NONE, Key::Escape);
    window.harness.run_steps(2);
    assert_eq!(offered(&window), []);
    assert!(window.has("Close chat"));
    window.harness.get_by_label("Message").type_text("l");
    window.harness.run_steps(2);
    assert_eq!(offered(&window), [], "refused for this one");
    window.key(NONE, Key::Enter);
    assert_eq!(window.commands(), [Command::Chat("@l".into())]);
}

#[test]
fn a_message_that_mentions_me_is_marked() {
    let window = open(vec![
        line(1, "Amara Osei", "@Noor have a look", Delivery::Received, &[]),
        line(2, "Lena Fischer", "Noor is right", Delivery::Received, &[]),
    ]);
    assert!(window.sees("@Noor have a look (mentions you)"));
    assert!(!window.sees("Noor is right (mentions you)"));
}

#[test]
fn a_mention_is_said_while_the_panel_is_closed_and_its_badge_is_another() {
    let mut window = Window::new(room(4));
    let chat = |text: &str| Notice::Chat { from: who(1), text: text.to_owned() };
    window.tell(chat("good morning"));
    assert!(!window.sees("good morning"), "a message is no toast");
    window.tell(chat("@noor haddad: your turn"));
    assert!(window.sees("Lena Fischer mentions you: @noor haddad: your turn"));
    window.publish(with(room(4), |call| (call.unread, call.mentioned) = (2, true)));
    assert!(window.has("Chat, 2 unread, you are mentioned"));
    window.click("Chat, 2 unread, you are mentioned");
    window.rest(5.0);
    window.tell(chat("@noor again"));
    assert!(!window.sees("mentions you: @noor again"), "it is in the panel");
}

#[test]
fn who_has_got_a_message_is_said_person_by_person() {
    let window = open(vec![
        line(1, "", "to one", Delivery::Sent, &[2]),
        line(2, "", "to two", Delivery::Sent, &[2, 3]),
        line(3, "", "to all", Delivery::Received, &[2, 3, 4]),
        line(4, "", "on its way", Delivery::Sent, &[]),
    ]);
    assert!(window.sees("Received by Amara Osei"));
    assert!(window.sees("Received by Amara Osei, Lena Fischer"));
    assert!(window.sees("to all (received by all)"));
    assert!(window.sees("on its way (sent)"));
}
