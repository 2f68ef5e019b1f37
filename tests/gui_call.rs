//! A call in the window: fixed state in, controls found by role and name, commands out.
#![cfg(feature = "gui")]
#![allow(clippy::unwrap_used, reason = "fixed values")]

mod gui_world;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use eframe::egui::{Context, Event, Key, Modifiers, PointerButton, RawInput, accesskit::Role, pos2};
use egui_kittest::kittest::Queryable as _;
use gui_world::window::*;
use visavis::model::command::Command;
use visavis::model::id::Callee;
use visavis::model::outcome::{Direction, Outcome};
use visavis::model::settings::Settings;
use visavis::model::slot::Player;
use visavis::model::snapshot::{PlayerKey, SayAgain, Sharing, Snapshot, Stage};
use visavis::model::sound::MicrophoneTrouble;

#[test]
fn every_control_of_a_call_sends_its_command() {
    let mut window = Window::new(connected());
    for name in ["Microphone", "Camera", "Hand", "Leave"] {
        window.click(name);
    }
    window.click("Chat, 1 unread");
    assert_eq!(
        window.commands(),
        [
            Command::Mute(true),
            Command::Camera(false),
            Command::RaiseHand(true),
            Command::HangUp,
            Command::ChatOpen(true)
        ]
    );
    assert!(window.sees("12:47") && window.sees("Direct, 38 ms") && window.sees("Amara Osei"));
}

/// What is shared while it is.
fn sharing() -> Snapshot {
    let mut snapshot = connected();
    let (id, name) = ("x11:window:0x1400003".to_owned(), "Budget 2027.ods".to_owned());
    snapshot.media.sharing = Some(Sharing { id, name, ..Sharing::default() });
    snapshot
}

fn choose(window: &mut Window, row: &str) {
    window.harness.get_by_role_and_label(Role::ListBoxOption, row).click();
    window.harness.run_steps(3);
}

#[test]
fn a_screen_or_window_is_shared_from_a_list() {
    let mut window = Window::new(connected());
    assert!(!window.sees("Screen 1"));
    window.click("Share");
    for name in ["Screen 1", "Screen 2", "Budget 2027.ods", "Minutes of the meeting"] {
        assert!(window.sees(name), "{name}");
    }
    assert!(!window.sees("Stop sharing"), "nothing is shared yet");
    choose(&mut window, "Budget 2027.ods");
    let share = Command::Share(Some("x11:window:0x1400003".to_owned()));
    assert_eq!(window.commands(), [Command::ListDevices, share]);
    assert!(!window.sees("Screen 1"), "the list is closed");
    window.click("Share");
    window.key(NONE, Key::Escape);
    assert!(!window.sees("Screen 1"), "Escape closes the list");
    assert_eq!(window.commands(), [Command::ListDevices]);
}

#[test]
fn a_share_is_paused_gets_sound_and_is_made_for_what_moves() {
    let mut window = Window::new(sharing());
    for button in ["Pause", "Computer's sound", "Pictures: sharp"] {
        window.click(button);
    }
    let share_as = |sound, smooth| Command::ShareAs { sound, smooth };
    assert_eq!(window.commands(), [Command::PauseShare(true), share_as(true, false), share_as(false, true)]);
    let mut snapshot = sharing();
    let shared = snapshot.media.sharing.as_mut().unwrap();
    (shared.paused, shared.sound, shared.smooth) = (true, true, true);
    window.publish(snapshot.clone());
    assert!(window.sees("You are sharing Budget 2027.ods, paused, with sound"));
    assert!(window.sees("Paused: the others keep the last picture"));
    for button in ["Resume", "Computer's sound", "Pictures: smooth"] {
        window.click(button);
    }
    assert_eq!(window.commands(), [Command::PauseShare(false), share_as(false, true), share_as(true, false)]);
    let mut narrow = Window::sized(snapshot, 480.0, 640.0);
    for button in ["Resume", "Computer's sound", "Pictures: smooth", "Stop sharing"] {
        narrow.click(button);
    }
    assert_eq!(narrow.commands().len(), 4);
}

#[test]
fn who_shares_sees_it_and_can_stop() {
    let mut window = Window::new(sharing());
    assert!(window.sees("You are sharing Budget 2027.ods"));
    window.click("Stop sharing");
    assert_eq!(window.commands(), [Command::Share(None)]);
    window.click("Choose what to share");
    choose(&mut window, "Stop sharing");
    window.key(NONE, Key::S);
    window.click("Share");
    let stop = Command::Share(None);
    assert_eq!(window.commands(), [Command::ListDevices, stop.clone(), stop.clone(), stop]);
    window.publish(connected());
    assert!(!window.sees("You are sharing"));
    window.key(NONE, Key::S);
    assert!(window.sees("Screen 1"), "S opens the list");
    choose(&mut window, "Screen 2");
    let share = Command::Share(Some("x11:screen:HDMI-1".to_owned()));
    assert_eq!(window.commands(), [Command::ListDevices, share]);
}

#[test]
fn nothing_to_share_is_said() {
    let mut snapshot = connected();
    snapshot.devices = Arc::default();
    let mut window = Window::new(snapshot);
    window.click("Share");
    choose(&mut window, "No screen or window was found");
    assert_eq!(window.commands(), [Command::ListDevices]);
}

#[test]
fn keys_act_in_a_call() {
    let mut window = Window::new(connected());
    let both = Modifiers::CTRL | Modifiers::SHIFT;
    for (modifiers, key) in [
        (NONE, Key::M),
        (Modifiers::CTRL, Key::D),
        (NONE, Key::V),
        (Modifiers::CTRL, Key::E),
        (NONE, Key::H),
        (both, Key::H),
    ] {
        window.key(modifiers, key);
    }
    assert_eq!(
        window.commands(),
        [
            Command::Mute(true),
            Command::Mute(true),
            Command::Camera(false),
            Command::Camera(false),
            Command::RaiseHand(true),
            Command::HangUp,
        ]
    );
    window.key(NONE, Key::F1);
    assert!(window.sees("Keys"));
}

#[test]
fn single_keys_are_silent_while_writing_and_when_turned_off() {
    let mut window = Window::new(connected());
    window.key(NONE, Key::C);
    window.harness.run_steps(3);
    window.key(NONE, Key::M);
    assert_eq!(window.commands(), [Command::ChatOpen(true)]);
    let mut snapshot = connected();
    snapshot.settings = Arc::new(Settings { single_keys: false, ..gui_world::settings() });
    let mut window = Window::new(snapshot);
    window.key(NONE, Key::M);
    window.key(NONE, Key::C);
    assert_eq!(window.commands(), []);
}

#[test]
fn push_to_talk_closes_when_the_key_or_the_focus_goes() {
    let mut window = Window::new(connected());
    window.harness.key_down(Key::Space);
    window.harness.run_steps(2);
    window.harness.key_up(Key::Space);
    window.harness.run_steps(2);
    assert_eq!(window.commands(), [Command::HoldToTalk(true), Command::HoldToTalk(false)]);
    window.harness.key_down(Key::Space);
    window.harness.run_steps(2);
    window.harness.input_mut().focused = false;
    window.harness.run_steps(2);
    assert_eq!(window.commands(), [Command::HoldToTalk(true), Command::HoldToTalk(false)]);
}

#[test]
fn what_was_said_is_played_again_by_button_and_by_key() {
    let state = |say_again| {
        let mut snapshot = connected();
        snapshot.media.say_again = say_again;
        snapshot
    };
    let mut window = Window::new(state(SayAgain::Off));
    assert!(!window.has("Say that again"));
    window.publish(state(SayAgain::Ready));
    window.click("Say that again");
    window.key(NONE, Key::R);
    assert_eq!(window.commands(), [Command::SayAgain(true), Command::SayAgain(true)]);
    window.publish(state(SayAgain::Playing { left_s: 12 }));
    assert!(window.sees("Again, 12 s"));
    window.click("Say that again");
    window.key(NONE, Key::R);
    assert_eq!(window.commands(), [Command::SayAgain(false), Command::SayAgain(false)]);
}

#[test]
fn whoever_is_kept_by_the_other_side_sees_it() {
    let mut snapshot = connected();
    let words = "Amara Osei can replay the last 20 s";
    assert!(!Window::new(snapshot.clone()).sees(words));
    if let Some(call) = &mut snapshot.call {
        gui_world::other(call).remote.replay = true;
    }
    assert!(Window::new(snapshot).sees(words));
}

#[test]
fn who_talks_by_the_key_sees_it() {
    let mut snapshot = connected();
    snapshot.media.held = true;
    assert!(Window::new(snapshot).sees("You, talking"));
    let mut snapshot = connected();
    snapshot.settings = Arc::new(Settings { push_to_talk: true, ..gui_world::settings() });
    snapshot.media.muted = true;
    snapshot.media.trouble = Some(MicrophoneTrouble::Muted);
    let window = Window::new(snapshot);
    assert!(window.sees("You, muted") && window.sees("hold Space to talk"));
}

#[test]
fn why_one_is_not_heard_stands_in_the_call() {
    let sentence = |trouble| {
        let mut snapshot = connected();
        snapshot.media.trouble = trouble;
        let window = Window::new(snapshot);
        ["No sound from Jabra Evolve2 65: check its switch, or choose another", "You are muted: press M to be heard"]
            .into_iter()
            .find(|words| window.sees(words))
    };
    assert_eq!(sentence(None), None);
    assert!(sentence(Some(MicrophoneTrouble::Silent)).is_some_and(|words| words.starts_with("No sound")));
    assert!(sentence(Some(MicrophoneTrouble::Muted)).is_some_and(|words| words.starts_with("You are muted")));
}

#[test]
fn a_message_is_sent_by_enter_and_its_ticks_are_named() {
    let mut window = Window::new(connected());
    window.key(NONE, Key::C);
    window.write("Message", "Hello");
    window.key(NONE, Key::Enter);
    assert_eq!(window.commands(), [Command::ChatOpen(true), Command::Chat("Hello".to_owned())]);
    assert!(window.sees("(received)") && window.sees("(sent)") && window.sees("https://example.org"));
}

#[test]
fn an_incoming_call_is_answered_by_button_and_by_key() {
    let ringing = Snapshot { incoming: Some(gui_world::incoming()), ..gui_world::home() };
    let call = gui_world::call_id();
    let mut window = Window::new(ringing);
    for name in ["Silence", "Decline", "Accept without video", "Accept"] {
        window.click(name);
    }
    let answers =
        [Command::Decline { call }, Command::Accept { call, video: false }, Command::Accept { call, video: true }];
    let mut expected = vec![Command::SilenceRing];
    expected.extend(answers.clone());
    assert_eq!(window.commands(), expected);
    for key in [Key::D, Key::A, Key::V] {
        window.key(Modifiers::CTRL | Modifiers::SHIFT, key);
    }
    assert_eq!(window.commands(), answers);
}

#[test]
fn a_ring_is_in_the_window_and_in_one_of_its_own_while_nobody_looks() {
    let mut window = Window::new(Snapshot { incoming: Some(gui_world::incoming()), ..gui_world::home() });
    let own = Rc::new(Cell::new(false));
    let opened = Rc::clone(&own);
    Context::set_immediate_viewport_renderer(move |ctx, mut viewport| {
        opened.set(true);
        let id = viewport.ids.this;
        let viewports = std::iter::once((id, Default::default())).collect();
        let input = RawInput { viewport_id: id, viewports, ..RawInput::default() };
        let _ = ctx.run_ui(input, |ui| (viewport.viewport_ui_cb)(ui));
    });
    window.harness.ctx.set_embed_viewports(false);
    for looks in [true, false] {
        window.harness.input_mut().focused = looks;
        own.set(false);
        window.harness.run_steps(2);
        assert_eq!(own.get(), !looks);
        window.harness.get_by_role(Role::Alert);
        assert!(window.sees("is calling, video call"));
        window.click("Accept");
        assert_eq!(window.commands(), [Command::Accept { call: gui_world::call_id(), video: true }]);
    }
}

#[test]
fn controls_that_are_out_of_sight_can_be_found_but_not_hit() {
    let mut window = Window::new(connected());
    let them = Player::new();
    them.put(gui_world::person(320, 180, (150, 112), 0.4));
    window.desk.set_player(PlayerKey::Remote(gui_world::call_id()), Some(them));
    let at = window.harness.get_by_role_and_label(Role::Button, "Leave").rect().center();
    window.harness.hover_at(at);
    // A step is a quarter of a second: they rest after three.
    window.harness.run_steps(24);
    for pressed in [true, false] {
        let button = PointerButton::Primary;
        window.harness.event(Event::PointerButton { pos: at, button, pressed, modifiers: NONE });
        window.harness.run_steps(1);
    }
    assert_eq!(window.commands(), [], "a click brings them back");
    window.harness.run_steps(24);
    window.harness.get_by_role_and_label(Role::Button, "Microphone").click_accesskit();
    window.harness.get_by_role_and_label(Role::Button, "Leave").click_accesskit();
    window.harness.run_steps(2);
    assert_eq!(window.commands(), [Command::Mute(true), Command::HangUp]);
}

#[test]
fn all_outcomes_are_said_to_both_sides() {
    let all = [
        Outcome::Accepted,
        Outcome::AcceptedWithoutVideo,
        Outcome::Declined,
        Outcome::Cancelled,
        Outcome::Busy,
        Outcome::NoAnswer,
        Outcome::Unreachable,
        Outcome::Failed("no path was found; try another network".to_owned()),
    ];
    for outcome in all {
        for direction in [Direction::Outgoing, Direction::Incoming] {
            let mut snapshot = gui_world::call(Stage::Ended(outcome.clone()));
            if let Some(call) = &mut snapshot.call {
                call.direction = direction;
            }
            let mut window = Window::new(snapshot);
            let words = outcome.sentence(direction, "Amara Osei");
            assert!(window.sees(&words), "{words}");
            window.click("Close");
            assert_eq!(window.commands(), [Command::DismissEnded]);
        }
    }
}

#[test]
fn stages_are_words() {
    for (stage, words) in [
        (Stage::Calling, "Calling…"),
        (Stage::Ringing, "Ringing…"),
        (Stage::Connecting, "Connecting…"),
        (Stage::Reconnecting, "Reconnecting… 767 s"),
    ] {
        assert!(Window::new(gui_world::call(stage)).sees(words), "{words}");
    }
}

/// Somebody to look at, and oneself.
fn with_pictures(snapshot: Snapshot) -> Window {
    let mut window = Window::new(snapshot);
    for (key, wall) in [(PlayerKey::Preview, (118, 118)), (PlayerKey::Remote(gui_world::call_id()), (150, 112))] {
        let player = Player::new();
        player.put(gui_world::person(64, 36, wall, 0.0));
        window.desk.set_player(key, Some(player));
    }
    window.harness.run_steps(2);
    window
}

/// Whether a click where “Leave” is, without a move of the mouse, reaches it: not while the controls are out of sight.
fn leave_is_hit(window: &mut Window, after: f32) -> bool {
    let at = window.harness.get_by_role_and_label(Role::Button, "Leave").rect().center();
    window.harness.hover_at(at);
    window.rest(after);
    for pressed in [true, false] {
        let button = PointerButton::Primary;
        window.harness.event(Event::PointerButton { pos: at, button, pressed, modifiers: NONE });
        window.harness.run_steps(1);
    }
    window.commands() == [Command::HangUp]
}

#[test]
fn controls_rest_only_while_there_is_a_picture_and_come_back_with_the_mouse() {
    let mut window = with_pictures(connected());
    assert!(leave_is_hit(&mut window, 1.0));
    assert!(!leave_is_hit(&mut window, 6.0));
    assert!(leave_is_hit(&mut window, 1.0));
    for mut window in [Window::new(connected()), with_pictures(gui_world::call(Stage::Reconnecting))] {
        assert!(leave_is_hit(&mut window, 6.0));
    }
}

#[test]
fn the_self_view_is_dragged_to_another_corner() {
    let mut window = with_pictures(connected());
    let place = |window: &Window| window.harness.get_by_label("Your own picture").rect();
    let from = place(&window);
    assert!(from.left() > 640.0 && from.top() > 400.0, "{from:?}");
    window.harness.drag_at(from.center());
    window.harness.run_steps(2);
    for at in [pos2(700.0, 400.0), pos2(200.0, 150.0)] {
        window.harness.hover_at(at);
        window.harness.run_steps(2);
    }
    window.harness.drop_at(pos2(200.0, 150.0));
    window.harness.run_steps(4);
    let to = place(&window);
    assert_eq!((to.left(), to.top(), to.size()), (16.0, 68.0, from.size()));
}

#[test]
fn the_other_side_is_made_louder_or_softer() {
    let mut window = Window::new(connected());
    window.click("More");
    let slider = window.harness.get_by_role_and_label(Role::Slider, "Volume of the other side");
    slider.focus();
    window.harness.run_steps(2);
    window.key(NONE, Key::ArrowRight);
    let volumes: Vec<_> = window.commands();
    assert!(
        matches!(volumes.first(), Some(Command::Volume { of: Callee::Peer(_), percent }) if *percent > 100),
        "{volumes:?}"
    );
}

#[test]
fn the_connection_is_told_in_figures() {
    let mut window = Window::new(connected());
    window.click("Connection");
    assert!(window.sees("The connection is good") && window.sees("1280 × 720, 30 fps"));
    window.click("Close connection figures");
    assert!(!window.sees("The connection is good"));
    window.click("More");
    window.harness.get_by_role_and_label(Role::MenuItem, "Connection figures").click();
    window.harness.run_steps(3);
    assert!(window.sees("The connection is good"));
}

#[test]
fn push_to_talk_closes_when_the_window_is_minimised() {
    let mut window = Window::new(connected());
    window.harness.key_down(Key::Space);
    window.harness.run_steps(2);
    let root = window.harness.input().viewport_id;
    window.harness.input_mut().viewports.entry(root).or_default().minimized = Some(true);
    window.harness.run_steps(2);
    assert_eq!(window.commands(), [Command::HoldToTalk(true), Command::HoldToTalk(false)]);
}

#[test]
fn missing_devices_are_said_in_a_word() {
    let window = Window::bare(Stage::Connected);
    assert!(window.sees("No camera") && window.sees("You, no microphone"));
    let mut first = Window::new(gui_world::without_devices(gui_world::first_run()));
    assert!(first.sees("No microphone") && first.sees("This machine has no camera"));
    assert!(!first.sees("this machine"));
    assert_eq!(first.commands(), [Command::Preview(true)]);
}

#[test]
fn a_report_says_no_more_than_is_known() {
    for stage in [Stage::Connected, Stage::Ended(Outcome::Accepted)] {
        let window = Window::new(gui_world::test_call(stage.clone(), 12, Some(gui_world::bare_report())));
        assert!(window.sees("The connection works") && window.sees("No microphone: the others"));
        assert!(window.sees("no picture came") && window.sees("silence"));
        assert!(!window.sees("Everything works") && !window.sees("One way") && !window.sees("0 × 0"));
        let words = window.harness.get_by_label_contains("No microphone: the others").rect();
        let figures = window.harness.get_by_label("Connected after").rect();
        assert!(words.bottom() < figures.top(), "{words:?} {figures:?}");

        let window = Window::new(gui_world::test_call(stage, 12, Some(gui_world::report())));
        assert!(window.sees("Everything works") && window.sees("One way") && window.sees("−18 dBFS"));
    }
}

#[test]
fn a_test_call_says_when_its_report_comes() {
    for (seconds, words) in
        [(0, "The report comes after 10 seconds"), (3, "The report comes in 7 s"), (11, "The report comes in a moment")]
    {
        let window = Window::new(gui_world::test_call(Stage::Connected, seconds, None));
        assert!(window.sees(words), "{words}");
    }
    assert!(!Window::new(connected()).sees("The report comes"));
}

#[test]
fn a_stranger_is_known_by_the_start_of_their_id() {
    let window = Window::new(Snapshot { incoming: Some(gui_world::stranger()), ..gui_world::home() });
    let id = gui_world::peer(9).to_string();
    assert!(window.sees(&format!("Video call · unknown, {}…", &id[..9])));
}
