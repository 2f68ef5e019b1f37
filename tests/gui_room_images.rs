//! Rooms of one to twelve people as pictures, beside those kept in `tests/snapshots`. Needs a Vulkan driver (a software one
//! will do).
#![cfg(feature = "gui")]
#![allow(clippy::unwrap_used, reason = "fixed values")]

mod gui_world;

use std::sync::Arc;

use eframe::egui::{Key, Modifiers, accesskit::Role, pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use gui_world::room::{member, players, room, speaks, with};
use gui_world::{NOON, file, peer, picture};
use visavis::model::chat::{ChatLine, Delivery};
use visavis::model::outcome::{Direction, Outcome};
use visavis::model::reaction::Reaction;
use visavis::model::settings::{Settings, Theme};
use visavis::model::snapshot::{HearsayView, RoomView, Sharing, Snapshot, Stage};
use visavis::model::transfer::{Picture, Preview, TransferState};
use visavis::ui::app::App;

const USUAL: (f32, f32) = (1280.0, 800.0);

fn look(name: &str, snapshot: Snapshot, size: (f32, f32), act: impl FnOnce(&mut Harness<'static, App>)) {
    let pictures = players(&snapshot);
    picture::look(name, snapshot, pictures, size, |harness, _| {
        // Not on a tile, whose buttons would show.
        harness.hover_at(pos2(size.0 / 2.0, size.1 - 4.0));
        act(harness);
    });
}

fn key(harness: &mut Harness<'static, App>, key: Key) {
    harness.key_press_modifiers(Modifiers::NONE, key);
    harness.run_steps(3);
}

/// Five people: one speaks, one raises a hand, one reconnects, one has no camera on, and oneself muted.
fn five() -> Snapshot {
    let mut snapshot = speaks(room(5), 0);
    snapshot = member(snapshot, 1, |member| member.remote.hand = true);
    snapshot = member(snapshot, 2, |member| (member.stage, member.seconds) = (Stage::Reconnecting, 4));
    snapshot = member(snapshot, 3, |member| member.remote.camera_on = false);
    snapshot.media.muted = true;
    snapshot
}

#[test]
fn one() {
    look("room-1", room(1), USUAL, |_| {});
}

#[test]
fn two_side_by_side() {
    look("room-2", speaks(room(2), 0), USUAL, |harness| key(harness, Key::G));
}

#[test]
fn three() {
    let snapshot = member(speaks(room(3), 1), 0, |member| member.remote.reaction = Some(Reaction::ALL[0]));
    look("room-3", snapshot, USUAL, |_| {});
}

#[test]
fn five_people() {
    look("room-5", five(), USUAL, |_| {});
}

/// The call is dark in both themes: the same picture, but for how letters are smoothed.
#[test]
fn five_people_in_the_light_theme() {
    let mut snapshot = five();
    snapshot.settings = Arc::new(Settings { theme: Theme::Light, ..gui_world::settings() });
    look("room-5-light", snapshot, USUAL, |_| {});
}

#[test]
fn eight() {
    let mut snapshot = speaks(room(8), 4);
    snapshot = member(snapshot, 2, |member| member.quality = Arc::new(gui_world::quality(Some(7))));
    snapshot = member(snapshot, 3, |member| member.remote.muted = true);
    snapshot = member(snapshot, 5, |member| (member.remote.camera_on, member.stage) = (false, Stage::Ringing));
    look("room-8", snapshot, USUAL, |_| {});
}

#[test]
fn twelve() {
    let mut snapshot = speaks(room(12), 7);
    snapshot = member(snapshot, 4, |member| member.remote.camera_on = false);
    snapshot = member(snapshot, 10, |member| member.remote.muted = true);
    look("room-12", snapshot, USUAL, |_| {});
}

#[test]
fn twelve_in_a_small_window() {
    let snapshot = member(speaks(room(12), 7), 2, |member| {
        (member.stage, member.seconds) = (Stage::Reconnecting, 4);
    });
    look("room-12-narrow", snapshot, (640.0, 480.0), |_| {});
}

#[test]
fn whoever_speaks_large() {
    look("room-speaker", speaks(five(), 1), USUAL, |harness| key(harness, Key::G));
}

/// Below the stage in a window that is higher than wide; those who do not fit are counted.
#[test]
fn the_speaker_in_a_high_window() {
    look("room-speaker-high", speaks(room(9), 0), (720.0, 960.0), |harness| key(harness, Key::G));
}

#[test]
fn our_shared_window() {
    let mut snapshot = speaks(room(6), 0);
    let (id, name) = ("x11:window:0x1400003".to_owned(), "Budget 2027.ods".to_owned());
    snapshot.media.sharing = Some(Sharing { id, name, ..Sharing::default() });
    look("room-sharing", snapshot, USUAL, |_| {});
}

#[test]
fn people() {
    let mut snapshot = five();
    snapshot = member(snapshot, 3, |member| member.volume = 0);
    let recent = |n, name| gui_world::recent(n, name, true, Direction::Outgoing, &Outcome::Accepted, 30, 600);
    snapshot.recents = Arc::new(vec![recent(60, "Kwame Boateng"), recent(61, "Priya Raman")]);
    look("room-people", snapshot, USUAL, |harness| {
        key(harness, Key::P);
        harness.get_by_label("Invite somebody: ID, name or invitation").focus();
    });
}

/// The menu of somebody whose tile is pointed at.
#[test]
fn a_menu() {
    look("room-menu", room(4), USUAL, |harness| {
        harness.get_by_role_and_label(Role::Button, "More about Amara Osei").click();
        harness.run_steps(3);
    });
}

/// Paused, with sound, for what moves.
#[test]
fn our_paused_share() {
    let mut snapshot = room(4);
    let (id, name) = ("x11:screen:eDP-1".to_owned(), "Screen 1".to_owned());
    snapshot.media.sharing = Some(Sharing { id, name, paused: true, sound: true, smooth: true });
    snapshot.media.speaking = true;
    look("room-share-paused", snapshot, USUAL, |_| {});
}

/// Mentions, who has got what, a picture in its card, and whom an `@` could mean.
#[test]
fn the_chat_of_a_room() {
    let line = |number: u64, author: &str, text: &str, delivery, received_by: &[u8]| ChatLine {
        number,
        mine: author.is_empty(),
        author: author.to_owned(),
        text: text.to_owned(),
        time: NOON + 60 * number as i64,
        delivery,
        received_by: received_by.iter().map(|n| peer(*n)).collect(),
    };
    let lines = vec![
        line(1, "Lena Fischer", "@Noor could you look at the second page?", Delivery::Received, &[]),
        line(2, "", "On it. It is better with the photo.", Delivery::Received, &[2, 3, 4]),
        line(4, "Tomás Rivera", "Much better!", Delivery::Received, &[]),
        line(5, "", "Then it goes out today", Delivery::Sent, &[2, 3]),
    ];
    let (width, height) = (320, 180);
    let pixel = |n: u32| [(n % width / 2) as u8, (n / width) as u8, 150, 255];
    let rgba = (0..width * height).flat_map(pixel).collect();
    let mut photo = file(9, false, TransferState::Done);
    (photo.name, photo.time) = ("second-page.jpg".to_owned(), NOON + 180);
    photo.preview = Preview::Picture(Arc::new(Picture { width, height, rgba }));
    let snapshot = with(room(4), |call| (call.chat, call.files) = (Arc::new(lines), Arc::new(vec![photo])));
    look("room-chat", snapshot, USUAL, |harness| {
        key(harness, Key::C);
        harness.get_by_label("Message").focus();
        harness.run_steps(2);
        harness.get_by_label("Message").type_text("thanks @");
        harness.run_steps(3);
    });
}

/// Somebody is in the room as others say.
#[test]
fn hearsay() {
    let heard =
        HearsayView { peer: peer(20), name: "Ravi Patel".into(), by: vec!["Lena Fischer".into()], refused: false };
    let snapshot = with(room(3), |call| call.hearsay = Arc::new(vec![heard]));
    look("room-hearsay", snapshot, USUAL, |harness| key(harness, Key::P));
}

#[test]
fn a_room_that_was_left() {
    let left = with(room(3), |call| {
        let listed = Some(Arc::new(Vec::new()));
        call.room = Some(RoomView { name: "Monday".to_owned(), locked: false, listed });
        (call.stage, call.seconds) = (Stage::Ended(Outcome::Accepted), 1_845);
    });
    look("room-left", left, USUAL, |_| {});
}
