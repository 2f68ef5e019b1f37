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

/// What the banner takes from the top of the picture, with the gap below it.
pub(super) const ROOM: f32 = BANNER + 12.0;

/// Where the banner lies on a picture that fills the stage.
pub(super) fn place(stage: Rect) -> Rect {
    let w = (stage.width() - 32.0).min(640.0);
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
    let Some(Sharing { name, .. }) = s.snap.media.sharing.clone() else { return };
    let t = DARK;
    ui.painter().rect(
        r,
        corner(14.0),
        t.accent_soft,
        Stroke::new(1.0, t.accent.gamma_multiply(0.6)),
        StrokeKind::Inside,
    );
    let spoken = format!("You are sharing {name}");
    let response = ui.interact(r, Id::unique("share-banner"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
    let y = r.center().y;
    ui.painter().text(pos2(r.left() + 24.0, y), CENTER, icons::MONITOR_ARROW_UP, icon_fill(18.0), t.accent_text);
    let words = "You are sharing";
    let x = r.left() + 44.0;
    let end = ui.painter().text(pos2(x, y), LEFT, words, semibold(14.0), t.text).right();
    let stop = rect(r.right() - 132.0, r.top() + 7.0, 124.0, BANNER - 14.0);
    label(ui, pos2(end + 6.0, y), LEFT, &name, medium(14.0), t.text, stop.left() - end - 18.0);
    let button = Button::new("share-stop", stop, Kind::Danger).label("Stop sharing").size(13.0).radius(10.0);
    if button.tip("Stop sharing").key("S").show(ui, &t).clicked() {
        s.send(Command::Share(None));
    }
}
