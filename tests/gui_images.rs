//! A few screens as pictures, beside those kept in `tests/snapshots`. Needs a Vulkan driver (a software one will do).
#![cfg(feature = "gui")]

mod gui_world;

use std::sync::Arc;

use eframe::egui::{Key, accesskit::Role, pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use visavis::model::ice::IceServer;
use visavis::model::notice::Notice;
use visavis::model::settings::{Settings, Theme};
use visavis::model::slot::Player;
use visavis::model::snapshot::{PlayerKey, SayAgain, Sharing, Snapshot, Stage};
use visavis::model::sound::MicrophoneTrouble;
use visavis::model::transfer::TransferState;
use visavis::ui::app::App;

fn look(name: &str, snapshot: Snapshot, size: (f32, f32), act: impl FnOnce(&mut Harness<'static, App>)) {
    look_told(name, snapshot, size, None, act);
}

/// The same with something said in passing.
fn toast(name: &str, snapshot: Snapshot) {
    let notice = Some(gui_world::headset_back());
    look_told(name, snapshot, USUAL, notice, |harness| harness.hover_at(pos2(640.0, 600.0)));
}

fn look_told(
    name: &str,
    snapshot: Snapshot,
    size: (f32, f32),
    notice: Option<Notice>,
    act: impl FnOnce(&mut Harness<'static, App>),
) {
    let (me, them) = (Player::new(), Player::new());
    me.put(gui_world::person(640, 360, (118, 118), 0.0));
    them.put(gui_world::person(1280, 720, (150, 112), 0.4));
    let players = vec![(PlayerKey::Preview, me), (PlayerKey::Remote(gui_world::call_id()), them)];
    gui_world::picture::look(name, snapshot, players, size, |harness, desk| {
        notice.into_iter().for_each(|notice| desk.notify(notice));
        act(harness);
    });
}

fn light(mut snapshot: Snapshot) -> Snapshot {
    snapshot.settings = Arc::new(Settings { theme: Theme::Light, ..(*snapshot.settings).clone() });
    snapshot
}

const USUAL: (f32, f32) = (1280.0, 800.0);

#[test]
fn home_dark() {
    look("home-dark", gui_world::home(), USUAL, |_| {});
}

#[test]
fn home_light() {
    look("home-light", light(gui_world::home()), USUAL, |_| {});
}

#[test]
fn home_narrow() {
    look("home-narrow", gui_world::home(), (700.0, 600.0), |_| {});
}

#[test]
fn first_run() {
    look("first-run", gui_world::first_run(), USUAL, |_| {});
}

#[test]
fn green_room() {
    look("green-room", gui_world::home(), USUAL, |harness| {
        harness.get_by_role_and_label(Role::Button, "Video call with Amara Osei").click();
        harness.run_steps(3);
    });
}

#[test]
fn call() {
    look("call", gui_world::call(Stage::Connected), USUAL, |harness| harness.hover_at(pos2(640.0, 600.0)));
}

#[test]
fn call_muted_narrow() {
    let mut snapshot = gui_world::call(Stage::Connected);
    snapshot.media.muted = true;
    snapshot.media.camera_on = false;
    look("call-muted-narrow", snapshot, (700.0, 600.0), |harness| harness.hover_at(pos2(350.0, 300.0)));
}

#[test]
fn call_unheard() {
    let mut snapshot = gui_world::call(Stage::Connected);
    snapshot.media.trouble = Some(MicrophoneTrouble::Silent);
    look("call-unheard", snapshot, USUAL, |harness| harness.hover_at(pos2(640.0, 600.0)));
}

#[test]
fn headset_back() {
    toast("headset-back", gui_world::call(Stage::Connected));
}

#[test]
fn headset_back_at_home() {
    toast("headset-back-light", light(gui_world::home()));
}

#[test]
fn sharing() {
    let mut snapshot = gui_world::call(Stage::Connected);
    let (id, name) = ("x11:window:0x1400003".to_owned(), "Budget 2027.ods".to_owned());
    snapshot.media.sharing = Some(Sharing { id, name, ..Sharing::default() });
    look("sharing", snapshot, USUAL, |harness| {
        harness.get_by_role_and_label(Role::Button, "Choose what to share").click();
        harness.run_steps(3);
    });
}

#[test]
fn chat() {
    look("chat", gui_world::call(Stage::Connected), USUAL, |harness| harness.key_press(Key::C));
}

#[test]
fn chat_files() {
    let failed = "there is not enough room for it on the other side’s disk".to_owned();
    let states = [
        (false, TransferState::Done),
        (true, TransferState::Failed(failed)),
        (true, TransferState::Running),
        (false, TransferState::Offered),
    ];
    let files = (1..).zip(states).map(|(n, (mine, state))| {
        let mut file = gui_world::file(n, mine, state);
        file.time += i64::from(n) * 3600;
        file
    });
    let snapshot = Snapshot { no_file_dialog: true, ..gui_world::with_files(files.collect()) };
    look("chat-files", snapshot, USUAL, |harness| {
        harness.key_press(Key::C);
        harness.run_steps(3);
        harness.get_by_role_and_label(Role::Button, "Send a file").click();
    });
}

#[test]
fn incoming() {
    let snapshot = Snapshot { incoming: Some(gui_world::incoming()), ..gui_world::home() };
    look("incoming", snapshot, USUAL, |_| {});
}

/// Our upload loses packets: said at the top, and by the sign beside the name.
#[test]
fn call_lossy() {
    look("call-lossy", gui_world::lossy(), USUAL, |harness| harness.hover_at(pos2(640.0, 600.0)));
}

/// The figures of the same, with what happened meanwhile.
#[test]
fn connection() {
    look("connection", gui_world::lossy(), USUAL, |harness| {
        harness.get_by_role_and_label(Role::Button, "Connection").click();
        harness.run_steps(3);
    });
}

/// Somebody holds the key to talk while they hear again what was said; the other side can do so too.
#[test]
fn call_talking() {
    let mut snapshot = gui_world::call(Stage::Connected);
    snapshot.settings = Arc::new(Settings { push_to_talk: true, say_again: true, ..gui_world::settings() });
    snapshot.media.held = true;
    snapshot.media.say_again = SayAgain::Playing { left_s: 12 };
    if let Some(call) = &mut snapshot.call {
        let remote = &mut gui_world::other(call).remote;
        (remote.replay, remote.hand) = (true, true);
    }
    look("call-talking", snapshot, USUAL, |harness| harness.hover_at(pos2(640.0, 600.0)));
}

fn page(name: &str, snapshot: Snapshot, page: &'static str, act: impl FnOnce(&mut Harness<'static, App>)) {
    look(name, snapshot, USUAL, |harness| {
        harness.get_by_role_and_label(Role::Button, "Settings").click();
        harness.run_steps(3);
        harness.get_by_role_and_label(Role::Tab, page).click();
        harness.run_steps(3);
        act(harness);
    });
}

#[test]
fn settings() {
    page("settings", gui_world::home(), "Audio", |_| {});
}

#[test]
fn settings_calls() {
    page("settings-calls", gui_world::home(), "Calls and ringing", |_| {});
}

#[test]
fn settings_relays() {
    let mut snapshot = gui_world::home();
    let server = |urls: &[&str], user: &str| IceServer {
        urls: urls.iter().map(|url| (*url).to_owned()).collect(),
        username: user.to_owned(),
        credential: user.to_owned(),
        expires: None,
    };
    let relay = server(&["turn:turn.example.org", "turns:turn.example.org"], "ada");
    let ice_servers = vec![server(&["stun:stun.example.org"], ""), relay];
    snapshot.settings = Arc::new(Settings { relay_only: true, ice_servers, ..gui_world::settings() });
    page("settings-relays", light(snapshot), "Relays", |harness| {
        harness.get_by_role_and_label(Role::Button, "Add a server").click();
        harness.run_steps(3);
        harness.get_by_label("Server address").focus();
        harness.run_steps(2);
        harness.get_by_label("Server address").type_text("turn:relay.example.org");
        harness.run_steps(2);
        harness.get_by_role_and_label(Role::Button, "Save the server").click();
    });
}
