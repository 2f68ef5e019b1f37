//! Several people in the window: fixed state in, tiles and controls found by role and name, commands out.
#![cfg(feature = "gui")]
#![allow(clippy::unwrap_used, reason = "fixed values")]

mod gui_world;
#[path = "gui_room/named.rs"]
mod named;

use std::sync::Arc;

use eframe::egui::{Event, Key, OutputCommand, PointerButton, Rect, accesskit::Role, pos2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use gui_world::room::*;
use gui_world::window::*;
use visavis::model::command::{Command, TileSize};
use visavis::model::reaction::Reaction;
use visavis::model::snapshot::{HearsayView, Sharing, Snapshot, Stage};

/// The window with everybody's picture.
fn shown(snapshot: Snapshot, w: f32, h: f32) -> Window {
    let pictures = players(&snapshot);
    let mut window = Window::sized(snapshot, w, h);
    for (key, player) in pictures {
        window.desk.set_player(key, Some(player));
    }
    window.harness.run_steps(3);
    window
}

fn usual(people: usize) -> Window {
    shown(room(people), 1280.0, 800.0)
}

/// Where the tile is whose description begins so.
fn tile(window: &Window, name: &str) -> Rect {
    let begins = |label: &str| label == name || label.starts_with(&format!("{name}, "));
    let mut tiles = window.harness.query_all_by_role(Role::Figure);
    tiles
        .find(|node| node.accesskit_node().label().is_some_and(|label| begins(&label)))
        .unwrap_or_else(|| panic!("no tile of {name}"))
        .rect()
}

fn tiles(window: &Window) -> Vec<(String, Rect)> {
    let all = window.harness.query_all_by_role(Role::Figure);
    all.map(|node| (node.accesskit_node().label().unwrap_or_default(), node.rect())).collect()
}

fn is_at(area: Rect, x: f32, y: f32, w: f32, h: f32) -> bool {
    let near = |a: f32, b: f32| (a - b).abs() <= 1.0;
    near(area.left(), x) && near(area.top(), y) && near(area.width(), w) && near(area.height(), h)
}

#[test]
fn five_people_lie_as_they_are_drawn_oneself_last() {
    let window = usual(5);
    for (name, x, y) in [
        ("Amara Osei", 16.0, 151.0),
        ("Lena Fischer", 436.0, 151.0),
        ("Tomás Rivera", 856.0, 151.0),
        ("Yuki Tanaka", 226.0, 392.0),
        ("You", 646.0, 392.0),
    ] {
        let at = tile(&window, name);
        assert!(is_at(at, x, y, 408.0, 229.5), "{name}: {at:?}");
    }
    assert!(window.sees("Design weekly") && window.sees("24:18") && window.sees("5 people"));
}

#[test]
fn tiles_fit_every_window_and_leave_the_bar_alone() {
    for (w, h) in [(640.0, 480.0), (700.0, 900.0), (1280.0, 800.0), (1920.0, 1080.0)] {
        for people in [2, 3, 5, 8, 12] {
            let mut window = shown(room(people), w, h);
            if people == 2 {
                window.key(NONE, Key::G);
                window.harness.run_steps(3);
            }
            let all = tiles(&window);
            assert_eq!(all.len(), people, "{w} × {h}");
            let bar = window.harness.get_by_role_and_label(Role::Button, "Leave").rect();
            for (n, (name, area)) in all.iter().enumerate() {
                let inside = Rect::from_min_max(pos2(0.0, 60.0), pos2(w, bar.top()));
                assert!(inside.contains_rect(*area), "{name} at {area:?} in {w} × {h}");
                for (other, that) in &all[n + 1..] {
                    assert!(!area.shrink(0.6).intersects(*that), "{name} lies over {other} in {w} × {h}");
                }
            }
        }
    }
}

#[test]
fn a_tile_says_what_its_person_does() {
    let mut snapshot = room(7);
    snapshot = member(snapshot, 0, |member| member.speaking = true);
    snapshot = member(snapshot, 1, |member| (member.remote.muted, member.remote.hand) = (true, true));
    snapshot = member(snapshot, 2, |member| (member.stage, member.seconds) = (Stage::Reconnecting, 4));
    snapshot = member(snapshot, 3, |member| member.remote.camera_on = false);
    snapshot = member(snapshot, 4, |member| member.stage = Stage::Ringing);
    snapshot = member(snapshot, 5, |member| (member.stage, member.volume) = (Stage::Connected, 0));
    snapshot.media.muted = true;
    let window = shown(snapshot, 1280.0, 800.0);
    for words in [
        "Amara Osei, speaking",
        "Lena Fischer, muted, hand raised",
        "Tomás Rivera, Reconnecting… 4 s",
        "Yuki Tanaka, camera off",
        "Kwame Boateng, Ringing…",
        "Priya Raman, muted for you",
        "You, muted",
    ] {
        assert!(window.harness.query_by_role_and_label(Role::Figure, words).is_some(), "{words}");
    }
    assert!(window.sees("Lena Fischer raised a hand") && window.sees("Looking for another way"));
    assert!(window.sees("6 people"), "who is only called does not count");
}

#[test]
fn a_ring_is_around_oneself_too_while_one_speaks_and_is_heard() {
    for (people, name) in [(3, "You, talking"), (2, "You, talking")] {
        let mut snapshot = room(people);
        snapshot.media.speaking = true;
        let mut window = Window::new(snapshot.clone());
        assert!(window.sees(name), "{people}");
        let area =
            if people > 2 { tile(&window, "You") } else { window.harness.get_by_label("Your own picture").rect() };
        let edge = |window: &mut Window| {
            let picture = window.harness.render().unwrap();
            picture.get_pixel(area.center().x as u32, (area.top() - 2.0) as u32).0
        };
        let ring = edge(&mut window);
        snapshot.media.muted = true;
        window.publish(snapshot);
        assert_ne!(ring, edge(&mut window), "who is muted is not heard");
        assert!(window.sees("You, muted"));
    }
}

#[test]
fn only_a_bad_connection_is_marked() {
    assert!(!usual(4).sees("Connection: "));
    let snapshot = member(room(4), 1, |member| member.quality = Arc::new(gui_world::quality(Some(7))));
    let window = shown(snapshot, 1280.0, 800.0);
    let mark = window.harness.get_by_label("Connection: poor").rect();
    assert!(tile(&window, "Lena Fischer").contains_rect(mark));
}

#[test]
fn no_tile_jumps_while_people_talk() {
    let mut window = usual(6);
    let before: Vec<_> = tiles(&window).into_iter().map(|(_, area)| area).collect();
    for n in [3, 1, 4, 0] {
        window.publish(speaks(room(6), n));
        window.rest(3.0);
        let now: Vec<_> = tiles(&window).into_iter().map(|(_, area)| area).collect();
        assert_eq!(now, before);
    }
}

#[test]
fn the_speaker_view_follows_speech_and_no_cough() {
    let mut window = usual(4);
    window.key(NONE, Key::G);
    window.harness.run_steps(3);
    let large = |window: &Window, name: &str| tile(window, name).width() > 800.0;
    assert!(large(&window, "Amara Osei"));
    window.publish(speaks(room(4), 2));
    window.publish(room(4));
    window.rest(3.0);
    assert!(large(&window, "Amara Osei"), "a cough");
    window.publish(speaks(room(4), 2));
    window.rest(3.0);
    assert!(large(&window, "Tomás Rivera"));
    window.publish(room(4));
    window.rest(3.0);
    assert!(large(&window, "Tomás Rivera"), "who spoke last stays");
    window.click("Everybody alike");
    assert!(!large(&window, "Tomás Rivera") && window.has("Speaker large"));
}

#[test]
fn a_pin_is_set_and_taken_out_by_mouse_and_by_keyboard_and_holds() {
    let mut window = usual(4);
    window.click("Pin Tomás Rivera");
    let large = |window: &Window, name: &str| tile(window, name).width() > 800.0;
    assert!(large(&window, "Tomás Rivera"));
    window.publish(speaks(room(4), 0));
    window.rest(4.0);
    assert!(large(&window, "Tomás Rivera"), "speech does not move a pin");
    window.click("Unpin Tomás Rivera");
    assert!(!large(&window, "Tomás Rivera"));

    let at = tile(&window, "Lena Fischer").center();
    for _ in 0..2 {
        // Within one frame, for a step of this window's clock is nearly as long as a double click may take.
        let press =
            |pressed| Event::PointerButton { pos: at, button: PointerButton::Primary, pressed, modifiers: NONE };
        window.harness.input_mut().events.extend([Event::PointerMoved(at), press(true), press(false)]);
        window.harness.run_steps(1);
    }
    window.harness.run_steps(4);
    assert!(large(&window, "Lena Fischer"), "a double click pins");
    window.key(NONE, Key::G);
    window.harness.run_steps(3);
    assert!(!large(&window, "Lena Fischer"), "G takes pins out");

    window.harness.get_by_role_and_label(Role::Button, "Pin yourself").focus();
    window.harness.run_steps(2);
    window.key(NONE, Key::Enter);
    window.harness.run_steps(3);
    assert!(large(&window, "You"));
    assert_eq!(window.commands(), []);
}

fn choose(window: &mut Window, row: &str) {
    window.harness.get_by_role_and_label(Role::MenuItem, row).click();
    window.harness.run_steps(3);
}

#[test]
fn the_menu_of_a_tile_mutes_turns_down_pins_copies_and_shows_figures() {
    let mut window = usual(4);
    let of = who(1);
    window.click("More about Lena Fischer");
    choose(&mut window, "Mute for me");
    assert_eq!(window.commands(), [Command::Volume { of, percent: 0 }]);
    window.publish(member(room(4), 1, |member| member.volume = 0));
    choose(&mut window, "Hear again");
    assert_eq!(window.commands(), [Command::Volume { of, percent: 100 }], "as loud as before");
    window.publish(room(4));
    window.harness.get_by_role_and_label(Role::Slider, "Volume of Lena Fischer").focus();
    window.harness.run_steps(2);
    window.key(NONE, Key::ArrowLeft);
    let [Command::Volume { of: whose, percent }] = window.commands()[..] else { panic!("a volume") };
    assert!(whose == of && percent < 100);
    choose(&mut window, "Pin to the stage");
    assert!(tile(&window, "Lena Fischer").width() > 800.0);
    window.click("More about Lena Fischer");
    choose(&mut window, "Connection figures");
    assert!(window.sees("With Lena Fischer"));
    window.key(NONE, Key::Escape);
    assert!(!window.sees("With Lena Fischer"));
}

/// What was copied in the last frame.
fn copied(window: &Window) -> Option<String> {
    let commands = &window.harness.output().platform_output.commands;
    commands
        .iter()
        .find_map(|command| if let OutputCommand::CopyText(text) = command { Some(text.clone()) } else { None })
}

/// Clicks, and says what was copied.
fn copy(window: &mut Window, button: &str) -> Option<String> {
    window.harness.get_by_role_and_label(Role::Button, button).click();
    (0..3).find_map(|_| {
        window.harness.step();
        copied(window)
    })
}

#[test]
fn everybody_is_listed_by_name_and_id() {
    let mut window = usual(4);
    window.key(NONE, Key::P);
    window.harness.run_steps(2);
    for (n, name) in NAMES.iter().enumerate().take(3) {
        let id = who(n).to_string();
        assert!(window.sees(&id), "{name}");
        assert_eq!(copy(&mut window, &format!("Copy the ID of {name}")), Some(id));
    }
    let me = gui_world::peer(1).to_string();
    assert_eq!(copy(&mut window, "Copy the ID of yourself"), Some(me));
    window.click("Mute for me: Lena Fischer");
    assert_eq!(window.commands(), [Command::Volume { of: who(1), percent: 0 }]);
    assert!(tile(&window, "Tomás Rivera").right() <= 1280.0 - 356.0, "the panel pushes the tiles");
    window.key(NONE, Key::Escape);
    assert!(!window.sees(&who(0).to_string()));
}

#[test]
fn who_is_known_by_hearsay_is_listed_with_whose_word_it_is() {
    let heard = |n: u8, name: &str, refused| HearsayView {
        peer: gui_world::peer(n),
        name: name.to_owned(),
        by: vec!["Lena Fischer".to_owned()],
        refused,
    };
    let mut window = Window::new(with(room(3), |call| {
        call.hearsay = Arc::new(vec![heard(20, "Ravi Patel", false), heard(21, "Mei Chen", true)]);
    }));
    window.key(NONE, Key::P);
    window.harness.run_steps(2);
    assert!(window.sees("Ravi Patel") && window.sees("Mei Chen"));
    assert!(window.sees("Not reached yet; here, says Lena Fischer"));
    assert!(window.sees("Does not take your call; here, says Lena Fischer"));
    assert_eq!(copy(&mut window, "Copy the ID of Ravi Patel"), Some(gui_world::peer(20).to_string()));
}

#[test]
fn chat_and_people_take_turns_at_the_right() {
    let mut window = usual(3);
    window.click("People, 3");
    assert!(window.has("Close people"));
    window.key(NONE, Key::C);
    window.harness.run_steps(2);
    assert!(window.has("Close chat") && !window.has("Close people"));
    window.harness.get_by_role_and_label(Role::Button, "People, 3").click();
    window.harness.run_steps(3);
    assert!(window.has("Close people") && !window.has("Close chat"));
    assert_eq!(window.commands(), [Command::ChatOpen(true), Command::ChatOpen(false)]);
}

#[test]
fn somebody_is_invited_by_id_by_name_or_from_the_recent_ones() {
    let mut window = usual(2);
    window.key(NONE, Key::P);
    let field = "Invite somebody: ID, name or invitation";
    let id = gui_world::peer(40).to_string();
    window.write(field, &id);
    window.key(NONE, Key::Enter);
    assert_eq!(window.commands(), [Command::Invite(id)]);

    window.harness.get_by_label(field).focus();
    window.harness.run_steps(2);
    assert!(!window.has("Invite Amara Osei"), "is in the call already");
    window.click("Invite Lena Fischer");
    assert_eq!(window.commands(), [Command::Invite(gui_world::peer(4).to_string())]);

    window.write(field, "Nobody at all");
    window.key(NONE, Key::Enter);
    assert_eq!(window.commands(), []);
    assert!(window.sees("Nobody of that name"));
}

#[test]
fn who_is_invited_is_seen_to_ring() {
    let snapshot = member(room(3), 1, |member| member.stage = Stage::Calling);
    let window = shown(snapshot, 1280.0, 800.0);
    assert!(window.sees("Calling…") && window.sees("2 people"));
}

#[test]
fn an_empty_room_says_so_and_leads_to_the_field() {
    let mut window = usual(1);
    assert!(window.sees("Nobody else is here yet") && window.sees("1 person"));
    window.click("Invite somebody");
    assert!(window.has("Close people") && window.has("Invite Amara Osei"));
    window.harness.key_press(Key::A);
    window.harness.run_steps(2);
    assert_eq!(window.commands(), [], "the field has the keyboard");
}

#[test]
fn a_reaction_is_chosen_from_five_and_rises_over_tiles_for_a_while() {
    let mut window = usual(3);
    window.click("More");
    for reaction in Reaction::ALL {
        assert!(window.harness.query_by_role_and_label(Role::MenuItem, reaction.word()).is_some());
    }
    let [first, second, ..] = Reaction::ALL;
    choose(&mut window, first.word());
    assert_eq!(window.commands(), [Command::React(first)]);
    assert!(window.sees(&format!("You: {}", first.word())));
    window.rest(4.5);
    assert!(!window.sees(&format!("You: {}", first.word())));
    window.publish(member(room(3), 1, |member| member.remote.reaction = Some(second)));
    let words = format!("Lena Fischer: {}", second.word());
    assert!(window.sees(&words));
    window.publish(room(3));
    window.rest(4.5);
    assert!(!window.sees(&words));
}

#[test]
fn two_who_see_each_other_large_see_reactions_too() {
    let mut window = usual(2);
    window.publish(member(room(2), 0, |member| member.remote.reaction = Some(Reaction::Heart)));
    assert!(window.sees("Amara Osei: Heart"));
    window.click("More");
    choose(&mut window, "Applause");
    assert!(window.sees("You: Applause"));
}

#[test]
fn what_is_seen_is_told_with_its_size_and_what_is_hidden_is_not() {
    let mut window = usual(4);
    window.rest(2.0);
    let medium = |n| (leg(n), TileSize::Medium);
    assert_eq!(window.watched(), Some(vec![medium(0), medium(1), medium(2)]));
    window.key(NONE, Key::G);
    window.rest(2.0);
    let small = |n| (leg(n), TileSize::Small);
    assert_eq!(window.watched(), Some(vec![(leg(0), TileSize::Large), small(1), small(2)]));
    window.rest(3.0);
    assert_eq!(window.watched(), None, "nothing changed");
    let root = window.harness.input().viewport_id;
    window.harness.input_mut().viewports.entry(root).or_default().minimized = Some(true);
    window.rest(3.0);
    assert_eq!(window.watched(), Some(vec![]));
}

#[test]
fn a_test_call_goes_on_unseen() {
    let mut window = Window::new(gui_world::test_call(Stage::Connected, 3, None));
    let root = window.harness.input().viewport_id;
    window.harness.input_mut().viewports.entry(root).or_default().minimized = Some(true);
    window.rest(3.0);
    assert_eq!(window.watched(), None);
}

#[test]
fn who_does_not_fit_is_a_click_away() {
    let mut window = shown(room(30), 640.0, 480.0);
    let first = tiles(&window);
    let words = format!("and {} more", 30 - first.len());
    window.harness.get_by_role_and_label(Role::Button, &words).focus();
    window.harness.run_steps(2);
    window.key(NONE, Key::Enter);
    window.harness.run_steps(3);
    let second = tiles(&window);
    assert!(second.iter().all(|(name, _)| first.iter().all(|(other, _)| name != other)));
    window.publish(speaks(room(30), 0));
    assert!(window.sees("Amara Osei is speaking"));
}

#[test]
fn a_shared_screen_takes_the_stage_and_ones_own_is_said() {
    let snapshot = member(room(5), 1, |member| member.remote.sharing = true);
    let window = shown(snapshot, 1280.0, 800.0);
    assert!(is_at(tile(&window, "Lena Fischer"), 16.0, 98.0, 1024.0, 576.0));
    assert!(is_at(tile(&window, "Amara Osei"), 1056.0, tile(&window, "Amara Osei").top(), 208.0, 117.0));

    let mut snapshot = room(6);
    let (id, name) = ("x11:window:0x1400003".to_owned(), "Budget 2027.ods".to_owned());
    snapshot.media.sharing = Some(Sharing { id, name, ..Sharing::default() });
    let window = shown(snapshot, 1280.0, 800.0);
    assert!(is_at(tile(&window, "You"), 16.0, 128.0, 1024.0, 576.0));
    assert!(is_at(window.harness.get_by_label("You are sharing Budget 2027.ods").rect(), 16.0, 68.0, 1024.0, 48.0));
    assert!(is_at(tile(&window, "Amara Osei"), 1056.0, 68.0, 208.0, 117.0));
}

#[test]
fn two_see_each_other_large_until_g_is_pressed() {
    let mut window = usual(2);
    assert!(window.sees("Your own picture") && tiles(&window).is_empty());
    window.key(NONE, Key::G);
    window.harness.run_steps(3);
    assert!(!window.sees("Your own picture"));
    assert_eq!(tiles(&window).len(), 2);
    window.key(NONE, Key::G);
    window.harness.run_steps(3);
    assert!(window.sees("Your own picture"));
}

#[test]
fn the_keyboard_alone_reaches_every_control() {
    let mut window = usual(3);
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..60 {
        window.key(NONE, Key::Tab);
        let focused = window.harness.query_all_by_role(Role::Button).find(|node| node.accesskit_node().is_focused());
        reached.extend(focused.and_then(|node| node.accesskit_node().label()));
    }
    for name in
        ["Pin Amara Osei", "More about Lena Fischer", "Microphone", "People, 3", "More", "Leave", "Speaker large"]
    {
        assert!(reached.contains(name), "{name} of {reached:?}");
    }
}
