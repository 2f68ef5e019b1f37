//! How good the connection is, in the window: fixed state in, one sentence, a sign and curves out.
#![cfg(feature = "gui")]
#![allow(clippy::unwrap_used, reason = "fixed values")]

mod gui_world;

use std::sync::Arc;

use eframe::egui::OutputCommand;
use eframe::egui::accesskit::Role;
use egui_kittest::kittest::Queryable as _;
use gui_world::window::*;
use visavis::model::quality::{CallQuality, Cause, Quality, Side, Trouble, Verdict, Way};
use visavis::model::snapshot::{Snapshot, Stage};
use visavis::model::sound::MicrophoneTrouble;

const LOSES: &str = "Your upload loses 7 % of packets, probably Wi-Fi; their side is fine";

fn with(quality: CallQuality, paused: bool) -> Snapshot {
    let mut snapshot = connected();
    if let Some(call) = &mut snapshot.call {
        let call = gui_world::other(call);
        let mut stats = (*call.stats).clone();
        stats.sent.video.paused = paused;
        (call.stats, call.quality) = (Arc::new(stats), Arc::new(quality));
    }
    snapshot
}

fn narrow(bps: u64) -> CallQuality {
    let cause = Cause::Narrow { bps, paused: true };
    let trouble = Some(Trouble { cause, way: Way::Up, side: Side::Yours, alone: true });
    let verdict = Verdict { up: Quality::Poor, down: Quality::Good, trouble };
    CallQuality { verdict, sentence: verdict.sentence("Amara Osei"), ..CallQuality::default() }
}

/// How often these words are shown.
fn times(window: &Window, words: &str) -> usize {
    window.harness.query_all_by_label_contains(words).count()
}

#[test]
fn a_good_connection_is_not_worth_a_word() {
    let window = Window::new(connected());
    assert!(!window.sees("Connection: ") && !window.sees("packets") && !window.sees("upload"));
}

#[test]
fn a_bad_one_is_one_sentence_and_a_sign() {
    let mut window = Window::new(gui_world::lossy());
    assert_eq!(times(&window, LOSES), 1);
    assert!(window.sees("Connection: poor"));
    window.click("Connection");
    assert_eq!(times(&window, LOSES), 1, "it moved to the figures");
    assert!(window.sees("Come closer to the router"));
    window.publish(connected());
    assert!(!window.sees(LOSES) && window.sees("The connection is good") && !window.sees("Connection: "));
}

#[test]
fn what_the_others_do_not_hear_comes_first() {
    let mut snapshot = gui_world::lossy();
    snapshot.media.trouble = Some(MicrophoneTrouble::Silent);
    let window = Window::new(snapshot);
    assert!(window.sees("No sound from") && !window.sees(LOSES));
}

#[test]
fn a_paused_picture_is_said_once() {
    let window = Window::new(with(gui_world::quality(None), true));
    assert_eq!(times(&window, "Video paused to keep the sound"), 1);
    let window = Window::new(with(gui_world::quality(Some(7)), true));
    assert!(window.sees("Video paused to keep the sound") && !window.sees(LOSES));
    let window = Window::new(with(narrow(60_000), true));
    assert_eq!(times(&window, "Video paused to keep the sound"), 1);
    assert!(window.sees("your upload carries only 60 kbit/s"));
}

#[test]
fn while_another_path_is_looked_for_nothing_else_is_said() {
    let mut snapshot = gui_world::lossy();
    if let Some(call) = &mut snapshot.call {
        gui_world::set_stage(call, Stage::Reconnecting);
    }
    assert!(!Window::new(snapshot).sees(LOSES));
}

#[test]
fn the_figures_can_be_copied_as_text() {
    let mut window = Window::new(gui_world::lossy());
    window.click("Connection");
    window.harness.get_by_role_and_label(Role::Button, "Copy report").click();
    let copied = (0..3).find_map(|_| {
        window.harness.step();
        window.harness.output().platform_output.commands.iter().find_map(|command| match command {
            OutputCommand::CopyText(text) => Some(text.clone()),
            _ => None,
        })
    });
    let text = copied.expect("something is copied");
    assert!(text.starts_with(LOSES) && text.contains("Loss: sent 7.2 %, received 0.0 %"), "{text}");
}

#[test]
fn the_last_two_minutes_are_shown_with_what_happened() {
    let mut window = Window::new(gui_world::lossy());
    window.click("Connection");
    for words in ["Last two minutes", "Loss, %", "Round trip, ms", "Mbit/s", "−2 min", "now"] {
        assert!(window.sees(words), "{words}");
    }
    assert!(window.sees("Your picture lowered to 540p") && window.sees("24 s ago"));
    assert!(window.sees("Their picture stood still") && window.sees("32 s ago"));
    window.harness.get_by_role_and_label(Role::Label, "960 × 540, 30 fps");
}
