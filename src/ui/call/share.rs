//! Sharing a screen or a window: the button with its list, and the banner while something is shared.

use eframe::egui::accesskit::Role;
use eframe::egui::{CursorIcon, Id, Popup, Rect, RectAlign, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2};

use super::pill::{self, Look};
use crate::model::command::Command;
use crate::model::device::DeviceKind;
use crate::model::snapshot::{Sharing, Snapshot};
use crate::ui::app::Scene;
use crate::ui::icons;
use crate::ui::paint::{CENTER, LEFT, label, rect};
use crate::ui::theme::{DARK, corner, icon_fill, medium, semibold};
use crate::ui::widgets::{Button, Choice, Kind, choice_list, tooltip};

const LIST: &str = "Choose what to share";
const BANNER: f32 = 48.0;
/// From this width on its buttons have words.
const WORDY: f32 = 600.0;
/// And from this on there is room for all of them.
const ROOMY: f32 = 740.0;

/// What the banner takes from the top of the picture, with the gap below it.
pub(super) const ROOM: f32 = BANNER + 12.0;

/// Where the banner lies on a picture that fills the stage.
pub(super) fn place(stage: Rect) -> Rect {
    let w = (stage.width() - 32.0).min(760.0);
    rect((stage.center().x - w / 2.0).round(), stage.top() + 64.0, w, BANNER)
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq)]
enum Row {
    Stop,
    Display(String),
    /// There is nothing to choose.
    Nothing,
}

fn list_id() -> Id {
    Id::unique("share-list")
}

/// S: opens the list, or ends the share.
pub(in crate::ui) fn key(ctx: &eframe::egui::Context, s: &mut Scene<'_>) {
    if s.snap.media.sharing.is_some() {
        s.send(Command::Share(None));
    } else {
        s.send(Command::ListDevices);
        Popup::open_id(ctx, list_id());
    }
}

/// The button in the bar.
pub(super) fn button(ui: &mut Ui, s: &mut Scene<'_>, q: Rect) {
    let t = DARK;
    let sharing = s.snap.media.sharing.clone();
    let on = sharing.is_some();
    let look = if on { Look::Doing(icons::MONITOR_ARROW_UP, "Sharing") } else { Look::On(icons::MONITOR_ARROW_UP) };
    let (body, tail) = pill::show(ui, q, look, on, "Share", LIST);
    let open = Popup::is_id_open(ui.ctx(), list_id());
    if body.clicked() && !open {
        key(ui.ctx(), s);
    } else if tail.clicked() && !open {
        s.send(Command::ListDevices);
    }
    let popup = Popup::menu(&tail).id(list_id()).align(RectAlign::TOP_START);
    let current = sharing.map_or(Row::Nothing, |sharing| Row::Display(sharing.id));
    let chosen = choice_list(&t, popup, 340.0, Id::unique("share-rows"), &current, &rows(s.snap));
    match chosen {
        Some(Row::Stop) => s.send(Command::Share(None)),
        Some(Row::Display(id)) => s.send(Command::Share(Some(id))),
        Some(Row::Nothing) | None => {}
    }
    let tip = if on { "Stop sharing" } else { "Share a screen or window" };
    tooltip(tail.on_hover_cursor(CursorIcon::PointingHand), &t, Some(LIST), None);
    tooltip(body.on_hover_cursor(CursorIcon::PointingHand), &t, Some(tip), Some("S"));
}

/// Whether what is shared can be shown to ourselves on the stage: a window, for a screen would hold this window with itself
/// in it, and so on without end.
pub(super) fn shows_itself(snap: &Snapshot) -> bool {
    let Some(sharing) = &snap.media.sharing else { return false };
    snap.devices.displays.iter().any(|display| display.id == sharing.id && display.kind == DeviceKind::Window)
}

/// Stop first, while something is shared; then screens, then windows.
fn rows(snap: &Snapshot) -> Vec<Choice<Row>> {
    let row = |value, label: &str, apart| Choice { value, label: label.to_owned(), note: String::new(), apart };
    let mut rows = Vec::new();
    if snap.media.sharing.is_some() {
        rows.push(row(Row::Stop, "Stop sharing", false));
    }
    let displays = &snap.devices.displays;
    for kind in [DeviceKind::Screen, DeviceKind::Window] {
        for (n, display) in displays.iter().filter(|display| display.kind == kind).enumerate() {
            rows.push(row(Row::Display(display.id.clone()), &display.name, n == 0 && !rows.is_empty()));
        }
    }
    if displays.is_empty() {
        rows.push(row(Row::Nothing, "No screen or window was found", !rows.is_empty()));
    }
    rows
}

/// What is shared, and how to end it; at the top for as long as it lasts.
pub(super) fn banner(ui: &mut Ui, s: &mut Scene<'_>, r: Rect) {
    let Some(sharing) = s.snap.media.sharing.clone() else { return };
    let t = DARK;
    ui.painter().rect(
        r,
        corner(14.0),
        t.accent_soft,
        Stroke::new(1.0, t.accent.gamma_multiply(0.6)),
        StrokeKind::Inside,
    );
    let mut spoken = format!("You are sharing {}", sharing.name);
    for (is, words) in [(sharing.paused, ", paused"), (sharing.sound, ", with sound")] {
        spoken.push_str(if is { words } else { "" });
    }
    let response = ui.interact(r, Id::unique("share-banner"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
    let y = r.center().y;
    let (glyph, ink) = if sharing.paused { (icons::PAUSE, t.amber) } else { (icons::MONITOR_ARROW_UP, t.accent_text) };
    ui.painter().text(pos2(r.left() + 24.0, y), CENTER, glyph, icon_fill(18.0), ink);
    let words = if sharing.paused { "Paused: the others keep the last picture of" } else { "You are sharing" };
    let x = r.left() + 44.0;
    let left = buttons(ui, s, r, &sharing);
    let room = left - x - 12.0;
    let end = label(ui, pos2(x, y), LEFT, words, semibold(14.0), t.text, room).right();
    if left - end > 40.0 {
        label(ui, pos2(end + 6.0, y), LEFT, &sharing.name, medium(14.0), t.text, left - end - 18.0);
    }
}

/// What can be done about the share, from the right; says where they begin.
fn buttons(ui: &mut Ui, s: &mut Scene<'_>, r: Rect, sharing: &Sharing) -> f32 {
    let t = DARK;
    let (high, wordy) = (BANNER - 14.0, r.width() >= WORDY);
    let mut right = r.right() - 8.0;
    let mut place = |width: f32| {
        right -= width + 6.0;
        rect(right + 6.0, r.top() + 7.0, width, high)
    };
    let stop = Button::new("share-stop", place(if wordy { 124.0 } else { 64.0 }), Kind::Danger).size(13.0).radius(10.0);
    let stop = stop.label(if wordy { "Stop sharing" } else { "Stop" }).name("Stop sharing");
    if stop.tip("Stop sharing").key("S").show(ui, &t).clicked() {
        s.send(Command::Share(None));
    }
    let (glyph, words, tip) = if sharing.paused {
        (icons::PLAY, "Resume", "Show the others what happens again")
    } else {
        (icons::PAUSE, "Pause", "Let the others keep the last picture")
    };
    let pause = Button::new("share-pause", place(if wordy { 98.0 } else { high }), Kind::Second).icon(glyph);
    let pause = pause.label(if wordy { words } else { "" }).name(words).size(13.0).icon_size(16.0).radius(10.0);
    if pause.tip(tip).show(ui, &t).clicked() {
        s.send(Command::PauseShare(!sharing.paused));
    }
    let (sound, smooth) = (sharing.sound, sharing.smooth);
    let (glyph, tip) = if sound {
        (icons::SPEAKER_HIGH, "The others hear what this computer plays")
    } else {
        (icons::SPEAKER_SLASH, "Let the others hear what this computer plays")
    };
    let kind = if sound { Kind::Soft } else { Kind::Ghost };
    let words = if sound { "With sound" } else { "No sound" };
    let (width, words) = if r.width() >= ROOMY { (116.0, words) } else { (high, "") };
    let button = Button::new("share-sound", place(width), kind).icon(glyph).label(words).size(13.0);
    let button = button.icon_size(17.0).radius(10.0);
    if button.name("Computer's sound").pressed(sound).tip(tip).show(ui, &t).clicked() {
        s.send(Command::ShareAs { sound: !sound, smooth });
    }
    let (words, tip) = if smooth {
        ("Smooth", "For what moves: 720 lines, 30 pictures a second. Press for sharp text")
    } else {
        ("Sharp", "For text: 1080 lines, 15 pictures a second. Press for smooth motion")
    };
    let name = format!("Pictures: {}", words.to_lowercase());
    let button = Button::new("share-kind", place(74.0), Kind::Ghost).label(words).size(13.0).radius(10.0);
    if button.name(&name).tip(tip).show(ui, &t).clicked() {
        s.send(Command::ShareAs { sound, smooth: !smooth });
    }
    right
}
