//! Files in the window: cards in the chat panel, dropped and pasted files, the field for a path.
#![cfg(feature = "gui")]
#![allow(clippy::unwrap_used, reason = "fixed values")]

mod gui_world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::{DroppedFile, Event, HoveredFile, Key, accesskit::Role};
use egui_kittest::kittest::Queryable as _;
use gui_world::window::*;
use gui_world::{file, with_files};
use visavis::model::command::Command;
use visavis::model::notice::Notice;
use visavis::model::snapshot::Snapshot;
use visavis::model::transfer::{Picture, Preview, TransferId, TransferState, TransferView};

/// With the panel open.
fn open(files: Vec<TransferView>) -> Window {
    let mut window = Window::new(with_files(files));
    window.key(NONE, Key::C);
    window.harness.run_steps(3);
    assert_eq!(window.commands(), [Command::ChatOpen(true)]);
    window
}

#[test]
fn an_offer_is_saved_or_refused_by_its_buttons() {
    let mut window = open(vec![file(1, false, TransferState::Offered)]);
    assert!(window.sees("2.4 MB · offered by Amara Osei"));
    window.click("Save Onboarding-v1.pdf");
    window.click("Refuse Onboarding-v1.pdf");
    let id = TransferId([1; 16]);
    assert_eq!(window.commands(), [Command::AcceptFile(id), Command::RefuseFile(id)]);
}

#[test]
fn what_runs_shows_how_far_it_is_and_can_be_stopped() {
    let mut window = open(vec![file(2, true, TransferState::Running)]);
    assert!(window.sees("1.2 MB of 2.4 MB · 602 kB/s · 2 s"));
    window.harness.get_by_role_and_label(Role::ProgressIndicator, "1.2 MB of 2.4 MB");
    window.click("Cancel Onboarding-v2.pdf");
    assert_eq!(window.commands(), [Command::CancelFile(TransferId([2; 16]))]);
    window.publish(with_files(vec![file(2, true, TransferState::Waiting)]));
    assert!(window.sees("waits for the connection"));
    window.click("Cancel Onboarding-v2.pdf");
    assert_eq!(window.commands(), [Command::CancelFile(TransferId([2; 16]))]);
}

#[test]
fn every_end_is_said() {
    let failed = || TransferState::Failed("there is not enough room for it on the other side’s disk".into());
    for (mine, state, words) in [
        (true, TransferState::Done, "received by Amara Osei"),
        (false, TransferState::Done, "saved"),
        (true, TransferState::Refused, "Amara Osei did not take it"),
        (false, TransferState::Refused, "you did not take it"),
        (true, TransferState::Cancelled { by_us: true }, "you stopped it"),
        (false, TransferState::Cancelled { by_us: false }, "Amara Osei stopped it"),
        (true, failed(), "There is not enough room for it"),
    ] {
        let window = open(vec![file(3, mine, state)]);
        assert!(window.sees(words), "{words}");
        assert!(!window.has("Cancel Onboarding-v3.pdf") && !window.has("Save Onboarding-v3.pdf"));
    }
    let mut window = open(vec![file(3, false, TransferState::Done)]);
    window.click("Open folder of Onboarding-v3.pdf");
    assert_eq!(window.commands(), [Command::OpenFolder(TransferId([3; 16]))]);
}

#[test]
fn a_file_stands_where_it_was_offered() {
    let window = open(vec![file(4, false, TransferState::Done)]);
    let y = |words: &str| window.harness.get_by_label_contains(words).rect().center().y;
    let (before, card, after) =
        (y("The second step is so much"), y("Onboarding-v4.pdf, 2.4 MB"), y("Shall I share my screen"));
    assert!(before < card && card < after, "{before} {card} {after}");
}

/// A file that is a picture, half red and half blue.
fn picture(n: u8, width: u32, height: u32) -> TransferView {
    let row = |_| (0..width).flat_map(|x| if x < width / 2 { [255, 0, 0, 255] } else { [0, 0, 255, 255] });
    let rgba = (0..height).flat_map(row).collect();
    let mut view = file(n, false, TransferState::Done);
    view.name = "view.png".into();
    view.preview = Preview::Picture(Arc::new(Picture { width, height, rgba }));
    view
}

#[test]
fn a_picture_is_shown_in_its_card_and_a_click_opens_it() {
    let mut window = open(vec![picture(5, 400, 100)]);
    let area = window.harness.get_by_role_and_label(Role::Button, "Open picture view.png").rect();
    assert!((area.width() / area.height() - 4.0).abs() < 0.05, "its shape is kept: {area}");
    let card = window.harness.get_by_label_contains("view.png, 2.4 MB").rect();
    assert!(card.contains_rect(area), "{card} {area}");
    window.click("Open picture view.png");
    assert_eq!(window.commands(), [Command::OpenPicture(TransferId([5; 16]))]);
    let picture = window.harness.render().unwrap();
    let at = |x: f32| picture.get_pixel(x as u32, area.center().y as u32).0;
    assert_eq!((at(area.left() + 20.0), at(area.right() - 20.0)), ([255, 0, 0, 255], [0, 0, 255, 255]));
}

#[test]
fn a_picture_that_is_broken_is_a_file_with_words() {
    let mut broken = file(6, false, TransferState::Done);
    broken.preview = Preview::Broken("this picture is damaged".into());
    let mut window = open(vec![broken, picture(7, 90, 2000)]);
    assert!(window.sees("This picture is damaged") && window.has("Open folder of Onboarding-v6.pdf"));
    let area = window.harness.get_by_role_and_label(Role::Button, "Open picture view.png").rect();
    assert!(area.height() <= 240.5, "a tall one is no tower: {area}");
    window.publish(with_files(vec![]));
    assert!(!window.sees("damaged"));
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("nobody reads it here".into())
    }
}

#[test]
fn files_dropped_on_the_window_are_offered_and_the_panel_opens() {
    let mut window = Window::new(connected());
    window.harness.input_mut().hovered_files = vec![HoveredFile::default()];
    window.harness.run_steps(2);
    assert_eq!(window.commands(), []);
    window.harness.input_mut().hovered_files.clear();
    let paths = ["/home/noor/a.pdf", "/home/noor/pictures"].map(PathBuf::from);
    window.harness.input_mut().dropped_files =
        vec![Arc::new(Dropped(paths[0].clone())), Arc::new(Dropped(paths[1].clone()))];
    window.harness.run_steps(3);
    assert_eq!(window.commands(), [Command::SendFiles(paths.to_vec()), Command::ChatOpen(true)]);
}

#[test]
fn files_copied_in_a_file_manager_are_pasted_and_text_stays_text() {
    let mut window = open(vec![]);
    window.harness.event(Event::Paste("file:///home/noor/a%20b.pdf\n".into()));
    window.harness.run_steps(2);
    assert_eq!(window.commands(), [Command::SendFiles(vec!["/home/noor/a b.pdf".into()])]);
    window.harness.get_by_label("Message").focus();
    window.harness.run_steps(2);
    window.harness.event(Event::Paste("see file:///home".into()));
    window.harness.run_steps(2);
    window.key(NONE, Key::Enter);
    assert_eq!(window.commands(), [Command::Chat("see file:///home".into())]);
}

#[test]
fn a_picture_is_pasted_as_a_file() {
    let mut window = open(vec![]);
    let image = eframe::egui::ColorImage::filled([4, 4], eframe::egui::Color32::WHITE);
    window.harness.event(Event::PasteImage(Arc::new(image)));
    window.harness.run_steps(2);
    let commands = window.commands();
    assert!(matches!(&commands[..], [Command::SendImage(png)] if png.starts_with(b"\x89PNG")), "{commands:?}");
}

#[test]
fn files_are_chosen_in_the_desktops_dialog_or_by_a_path_where_there_is_none() {
    let mut window = open(vec![]);
    window.click("Send a file");
    assert_eq!(window.commands(), [Command::ChooseFiles]);
    // The desktop has none: what was wanted goes on with a path.
    let without = Snapshot { no_file_dialog: true, ..with_files(vec![]) };
    window.tell(Notice::Problem("this desktop shows no dialog to choose files; drop them on the window".into()));
    window.publish(without);
    assert!(window.sees("drop them on the window") && window.sees("Drop files anywhere here"));
    window.write("Path of a file or folder", "/home/noor/a.pdf");
    window.click("Send this file");
    assert_eq!(window.commands(), [Command::SendFiles(vec!["/home/noor/a.pdf".into()])]);
    assert!(!window.has("Send this file"), "it closes");
    window.click("Send a file");
    window.write("Path of a file or folder", "/b");
    window.key(NONE, Key::Enter);
    assert_eq!(window.commands(), [Command::SendFiles(vec!["/b".into()])]);
}
