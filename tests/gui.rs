//! The places of the window: fixed state in, controls found by role and name, commands out.
#![cfg(feature = "gui")]
#![allow(clippy::unwrap_used, reason = "fixed values")]

mod gui_world;

use std::sync::Arc;

use eframe::egui::{Event, Key, Modifiers, accesskit::Role};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use gui_world::window::*;
use visavis::model::command::{Command, Secret};
use visavis::model::ice::IceServer;
use visavis::model::id::Callee;
use visavis::model::notice::Notice;
use visavis::model::preference::Pick;
use visavis::model::settings::Settings;
use visavis::model::snapshot::{ServerState, Snapshot, Stage};
use visavis::model::source::{AudioSpec, VideoSpec};

#[test]
fn a_mistyped_id_is_told_before_anything_is_sent() {
    let mut window = Window::new(gui_world::home());
    let good = gui_world::peer(9).to_string();
    let last = if good.ends_with('0') { '1' } else { '0' };
    let wrong = format!("{}{last}", &good[..good.len() - 1]);
    window.write("Whom to call: ID, name or invitation", &wrong);
    assert!(window.sees("typing mistake"));
    window.click("Video call");
    assert_eq!(window.commands(), []);
    assert!(window.sees("typing mistake"));
}

#[test]
fn an_id_leads_through_the_green_room_to_a_call() {
    let mut window = Window::new(gui_world::home());
    let id = gui_world::peer(9).to_string();
    window.write("Whom to call: ID, name or invitation", &id);
    assert!(window.sees("A complete ID"));
    window.click("Video call");
    assert_eq!(window.commands(), [Command::Preview(true)]);
    window.click("Play sound");
    window.click("Start test call");
    window.click("Microphone");
    window.click("Camera");
    let first = gui_world::peer(9).short();
    window.click(&format!("Call {first}"));
    assert_eq!(
        window.commands(),
        [
            Command::PlayTestSound,
            Command::Call { to: Callee::Echo, video: true },
            Command::Mute(true),
            Command::Camera(false),
            Command::CallText { text: id, video: true },
            Command::Preview(false),
        ]
    );
}

#[test]
fn without_the_green_room_a_call_begins_at_once() {
    let mut snapshot = gui_world::home();
    snapshot.settings = Arc::new(Settings { green_room: false, ..gui_world::settings() });
    let mut window = Window::new(snapshot);
    window.click("Audio call with Lena Fischer");
    window.click("Test call");
    window.click("Try the server again");
    assert_eq!(
        window.commands(),
        [
            Command::Call { to: Callee::Peer(gui_world::peer(4)), video: false },
            Command::Call { to: Callee::Echo, video: true },
            Command::Reconnect,
        ]
    );
}

#[test]
fn a_room_is_entered_by_its_name() {
    let mut snapshot = gui_world::home();
    snapshot.settings = Arc::new(Settings { green_room: false, ..gui_world::settings() });
    let mut window = Window::new(snapshot.clone());
    window.click("Room");
    window.click("Join with video");
    assert!(window.sees("A room needs a name"));
    assert_eq!(window.commands(), []);
    window.write("Name of the room", "Design Weekly");
    window.click("Join with sound");
    let joins = |password: Option<&str>, limit, video| {
        let password = password.map(|text| Secret(text.to_owned()));
        Command::JoinRoom { name: "Design Weekly".to_owned(), password, limit, video }
    };
    assert_eq!(window.commands(), [joins(None, None, false)]);
    // While the server is asked nothing more can be wished for but to give up.
    window.publish(Snapshot { joining: Some("Design Weekly".to_owned()), ..snapshot.clone() });
    assert!(window.sees("Joining…"));
    window.click("Close the form");
    assert_eq!(window.commands(), [Command::HangUp]);
    // A refusal leads back to what was written.
    window.publish(snapshot.clone());
    window.tell(Notice::Problem("this room does not open with this password, or without one".to_owned()));
    assert!(window.sees("This room does not open"));
    window.write("Password, if it has one", "swordfish");
    window.harness.get_by_role_and_label(Role::ComboBox, "Place for").click();
    window.harness.run_steps(3);
    window.harness.get_by_role_and_label(Role::ListBoxOption, "4 people").click();
    window.harness.run_steps(3);
    window.harness.get_by_label("Password, if it has one").focus();
    window.harness.run_steps(2);
    window.key(NONE, Key::Enter);
    assert_eq!(window.commands(), [joins(Some("swordfish"), Some(4), true)]);
    assert!(!window.has("Join with video"), "the form is closed");
}

#[test]
fn the_green_room_comes_before_a_room_too() {
    let mut window = Window::new(gui_world::home());
    window.click("Room");
    window.write("Name of the room", "monday");
    window.click("Join with video");
    assert_eq!(window.commands(), [Command::Preview(true)]);
    window.click("Join monday");
    let joins = Command::JoinRoom { name: "monday".to_owned(), password: None, limit: None, video: true };
    assert_eq!(window.commands(), [joins, Command::Preview(false)]);
}

#[test]
fn the_server_is_told_in_words() {
    let mut window = Window::new(gui_world::home());
    assert!(window.sees("Online") && window.sees("Network is fine"));
    let reason = "the server does not answer".to_owned();
    window.publish(Snapshot { server: ServerState::Reconnecting { reason, in_s: 4 }, ..gui_world::home() });
    assert!(window.sees("Reconnecting in 4 s") && window.sees("The server does not answer"));
    window.publish(Snapshot { problems: vec!["no microphone was found".to_owned()], ..gui_world::home() });
    assert!(window.sees("No microphone was found"));
}

#[test]
fn the_first_run_asks_for_a_name_and_nothing_else() {
    let mut window = Window::new(gui_world::first_run());
    assert!(window.sees("Welcome, face to face"));
    window.click("Done, go to Home");
    assert!(window.sees("Write a name first"));
    window.write("Your name", "Noor");
    window.click("Copy ID");
    window.click("Done, go to Home");
    let named = Settings { name: "Noor".to_owned(), ..(*gui_world::first_run().settings).clone() };
    assert_eq!(
        window.commands(),
        [Command::Preview(true), Command::Settings(Box::new(named)), Command::Preview(false)]
    );
}

#[test]
fn a_device_is_chosen_from_its_list() {
    let mut window = Window::new(connected());
    window.click("Choose microphone");
    window.harness.get_by_role_and_label(Role::ListBoxOption, "Built-in audio").click();
    window.harness.run_steps(3);
    let chosen = Settings { microphone: "mic2".parse().unwrap(), ..gui_world::settings() };
    assert_eq!(window.commands(), [Command::Settings(Box::new(chosen))]);
}

#[test]
fn settings_change_one_thing_at_once() {
    let mut window = Window::new(gui_world::home());
    window.click("Settings");
    for tab in ["Audio", "Video", "Network", "Keyboard", "About", "Appearance"] {
        window.harness.get_by_role_and_label(Role::Tab, tab).click();
        window.harness.run_steps(3);
    }
    window.click("Light");
    window.harness.get_by_role_and_label(Role::Tab, "Keyboard").click();
    window.harness.run_steps(3);
    window.harness.get_by_role_and_label(Role::Switch, "Single keys").click();
    window.harness.run_steps(3);
    let commands = window.commands();
    let light = Settings { theme: visavis::model::settings::Theme::Light, ..gui_world::settings() };
    let keys = Settings { single_keys: false, ..gui_world::settings() };
    assert!(commands.contains(&Command::Settings(Box::new(light))), "{commands:?}");
    assert!(commands.contains(&Command::Settings(Box::new(keys))), "{commands:?}");
}

#[test]
fn every_place_stands_in_a_narrow_window() {
    let chat = connected();
    for snapshot in [gui_world::home(), gui_world::first_run(), chat] {
        let mut window = Window::sized(snapshot.clone(), 700.0, 600.0);
        if snapshot.call.is_some() {
            let leave = window.harness.get_by_role_and_label(Role::Button, "Leave").rect();
            assert!(leave.right() <= 700.0 && leave.bottom() <= 600.0, "{leave:?}");
            window.click("Leave");
            assert_eq!(window.commands(), [Command::HangUp]);
        }
    }
}

#[test]
fn long_device_names_are_cut_and_keep_their_name() {
    let mut snapshot = gui_world::home();
    let mut devices = (*snapshot.devices).clone();
    devices.microphones[0].name =
        "A microphone whose maker thought that names cannot be long enough to be told apart".to_owned();
    snapshot.devices = Arc::new(devices);
    snapshot.media.microphone = visavis::model::device::DeviceState::Closed;
    let mut window = Window::sized(snapshot, 1000.0, 700.0);
    window.click("Video call with Amara Osei");
    let field = window.harness.get_by_role_and_label(Role::ComboBox, "Microphone");
    assert!(field.rect().right() <= 1000.0);
    assert!(field.value().unwrap_or_default().contains("cannot be long enough"));
}

#[test]
fn a_closing_program_closes_its_window() {
    let mut window = Window::new(gui_world::home());
    window.publish(Snapshot { quitting: true, ..gui_world::home() });
    assert_eq!(window.commands(), []);
}

#[test]
fn a_machine_without_a_camera_can_show_the_test_picture() {
    let mut window = Window::bare(Stage::Connected);
    window.click("Choose camera");
    window.harness.get_by_role_and_label(Role::ListBoxOption, "Test picture").click();
    window.harness.run_steps(3);
    let chosen = Settings { camera: VideoSpec::Bars, ..gui_world::settings() };
    assert_eq!(window.commands(), [Command::Settings(Box::new(chosen))]);
}

#[test]
fn what_was_copied_is_pasted() {
    let mut window = Window::new(gui_world::home());
    window.click("Paste");
    window.harness.event(Event::Paste(format!(" {}\n", gui_world::peer(9))));
    window.harness.run_steps(3);
    assert!(window.sees("A complete ID"));
}

fn with_settings(change: impl FnOnce(&mut Settings)) -> Snapshot {
    let mut settings = gui_world::settings();
    change(&mut settings);
    Snapshot { settings: Arc::new(settings), ..gui_world::home() }
}

fn open_page(window: &mut Window, page: &str) {
    window.click("Settings");
    window.harness.get_by_role_and_label(Role::Tab, page).click();
    window.harness.run_steps(3);
    window.commands();
}

fn flip(window: &mut Window, switch: &str) {
    window.harness.get_by_role_and_label(Role::Switch, switch).click();
    window.harness.run_steps(3);
}

#[test]
fn relays_are_added_changed_and_taken_away_and_a_wrong_one_is_refused_with_a_word() {
    let server = |url: &str, user: &str, password: &str| IceServer {
        urls: vec![url.to_owned()],
        username: user.to_owned(),
        credential: password.to_owned(),
        expires: None,
    };
    let kept = |servers: &[IceServer]| {
        let servers = servers.to_vec();
        Command::Settings(Box::new(Settings { ice_servers: servers, ..gui_world::settings() }))
    };
    let mut window = Window::new(gui_world::home());
    open_page(&mut window, "Relays");
    assert!(window.sees("Within one network calls need no help"));
    window.click("Add a server");
    window.write("Server address", "turn:turn.example.org");
    window.click("Save the server");
    assert!(window.sees("needs a user name and a password"), "the sentence of the check");
    window.write("User", "ada");
    window.write("Password", "secret");
    assert!(!window.sees("needs a user name and a password"), "it goes when something is changed");
    assert!(!window.sees("secret"), "a password is not shown");
    window.click("Save the server");
    let relay = server("turn:turn.example.org", "ada", "secret");
    assert_eq!(window.commands(), [kept(std::slice::from_ref(&relay))]);

    window.publish(with_settings(|settings| settings.ice_servers = vec![relay.clone()]));
    assert!(window.sees("Relay, user ada"));
    window.click("Add a server");
    window.write("Server address", "stun:stun.example.org:70000");
    window.key(Modifiers::NONE, Key::Enter);
    assert!(window.sees("the port must be a number from 1 to 65535"));
    window.click("Do not keep the server");
    assert_eq!(window.commands(), []);
    window.click("Change turn:turn.example.org");
    window.write("User", "bea");
    window.click("Save the server");
    assert!(matches!(&window.commands()[..], [Command::Settings(to)]
        if to.ice_servers[0].username.contains("bea") && to.ice_servers[0].credential == "secret"));
    window.click("Remove turn:turn.example.org");
    assert_eq!(window.commands(), [kept(&[])]);
}

#[test]
fn calls_by_relay_only_are_a_switch_that_says_what_is_missing() {
    let mut window = Window::new(gui_world::home());
    open_page(&mut window, "Relays");
    flip(&mut window, "Relay only (hides my address)");
    let chosen = Settings { relay_only: true, ..gui_world::settings() };
    assert_eq!(window.commands(), [Command::Settings(Box::new(chosen))]);
    window.publish(with_settings(|settings| settings.relay_only = true));
    assert!(window.sees("Add a TURN server below"));
    let (username, credential) = ("ada".to_owned(), "secret".to_owned());
    let relay = IceServer { urls: vec!["turns:turn.example.org".to_owned()], username, credential, expires: None };
    window.publish(with_settings(|settings| {
        settings.relay_only = true;
        settings.ice_servers = vec![relay];
    }));
    assert!(!window.sees("Add a TURN server below"));
}

#[test]
fn the_programs_sounds_and_saying_again_are_chosen_in_the_settings() {
    let mut window = Window::new(gui_world::home());
    open_page(&mut window, "Calls and ringing");
    flip(&mut window, "Play sounds");
    flip(&mut window, "Say that again");
    let slider = window.harness.get_by_role_and_label(Role::Slider, "Loudness of the program's sounds");
    slider.focus();
    window.harness.run_steps(2);
    window.key(Modifiers::NONE, Key::ArrowLeft);
    let commands = window.commands();
    let silent = Settings { sounds: false, ..gui_world::settings() };
    let again = Settings { say_again: true, ..gui_world::settings() };
    assert_eq!(commands[..2], [Command::Settings(Box::new(silent)), Command::Settings(Box::new(again))]);
    assert!(matches!(&commands[2], Command::Settings(to) if to.sound_volume < 100), "{commands:?}");
    window.harness.get_by_role_and_label(Role::Tab, "Audio").click();
    window.harness.run_steps(3);
    window.commands();
    window.click("Play the ring");
    assert_eq!(window.commands(), [Command::PlayRing]);
}

#[test]
fn a_device_that_is_back_can_be_sent_away_again() {
    let mut window = Window::new(connected());
    window.tell(gui_world::headset_back());
    assert!(window.sees("“Jabra Evolve2 65” is back as microphone and speaker"));
    window.tell(Notice::Told("the server is back".into()));
    assert!(window.has("Undo"), "an answer is not pushed away by news");
    window.rest(5.0);
    window.click("Undo");
    assert_eq!(window.commands(), [Command::UndoDevices]);
    assert!(!window.has("Undo") && !window.sees("is back as"));
    window.tell(gui_world::headset_back());
    window.rest(10.0);
    assert!(!window.has("Undo"), "it goes by itself");
}

#[test]
fn the_list_marks_the_device_that_is_open_and_names_the_one_that_is_not_there() {
    let mut snapshot = gui_world::home();
    let mut settings = gui_world::settings();
    settings.preferences.microphone.choose(Pick::Device("gone".into()), "Studio microphone");
    settings.microphone = AudioSpec::Device("gone".into());
    snapshot.settings = Arc::new(settings);
    // Two of the same make: only their IDs tell them apart.
    let devices = Arc::make_mut(&mut snapshot.devices);
    devices.microphones[1].name = devices.microphones[0].name.clone();
    snapshot.call = connected().call;
    let mut window = Window::new(snapshot);
    window.click("Choose microphone");
    let rows = window.harness.get_all_by_role(Role::ListBoxOption);
    let notes = rows.map(|row| {
        let node = row.accesskit_node();
        (node.label().unwrap_or_default(), node.description().unwrap_or_default())
    });
    let jabra = "Jabra Evolve2 65";
    let wanted = [
        (format!("System default ({jabra})"), String::new()),
        (jabra.to_owned(), "in use".to_owned()),
        (jabra.to_owned(), String::new()),
        ("Studio microphone".to_owned(), "not there".to_owned()),
        ("None".to_owned(), String::new()),
    ];
    assert_eq!(notes.collect::<Vec<_>>(), wanted);
}
