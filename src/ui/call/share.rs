//! Sharing a screen or a window: the button with its list, and the banner while something is shared.

use eframe::egui::accesskit::Role;
use eframe::egui::{Color32, Id, Popup, Rect, RectAlign, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::model::command::Command;
use crate::model::device::DeviceKind;
use crate::model::snapshot::{Sharing, Snapshot};
use crate::ui::app::Scene;
use crate::ui::icons;
use crate::ui::paint::{CENTER, LEFT, label, rect, width};
use crate::ui::theme::{DARK, corner, icon_fill, medium, semibold};
use crate::ui::widgets::{Button, Choice, Kind, choice_list};

const BANNER: f32 = 44.0;

/// What the banner takes from the top of the picture, with the gap below it.
pub(super) const ROOM: f32 = BANNER + 12.0;

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
    let kind = if on { Kind::Primary } else { Kind::Second };
    let button = Button::new("call-share", q, kind).icon(icons::MONITOR_ARROW_UP).icon_size(22.0).radius(24.0);
    let tip = if on { "Share something else, or stop" } else { "Share a screen or window" };
    let response = button.filled(on).name("Share").pressed(on).tip(tip).key("S").show(ui, &t);
    if response.clicked() && !Popup::is_id_open(ui.ctx(), list_id()) {
        s.send(Command::ListDevices);
    }
    let popup = Popup::menu(&response).id(list_id()).align(RectAlign::TOP_START);
    let current = sharing.map_or(Row::Nothing, |sharing| Row::Display(sharing.id));
    let chosen = choice_list(&t, popup, 340.0, Id::unique("share-rows"), &current, &rows(s.snap));
    match chosen {
        Some(Row::Stop) => s.send(Command::Share(None)),
        Some(Row::Display(id)) => s.send(Command::Share(Some(id))),
        Some(Row::Nothing) | None => {}
    }
    if on {
        let w = width(ui.painter(), "Sharing", semibold(12.0)) + 18.0;
        let r = Rect::from_center_size(pos2(q.center().x, q.top() - 10.0), vec2(w.round(), 22.0));
        ui.painter().rect(r, corner(11.0), t.fill, Stroke::new(2.0, t.surface), StrokeKind::Outside);
        ui.painter().text(r.center(), CENTER, "Sharing", semibold(12.0), Color32::WHITE);
    }
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
pub(super) fn banner(ui: &mut Ui, s: &mut Scene<'_>, stage: Rect) {
    let Some(Sharing { name, .. }) = s.snap.media.sharing.clone() else { return };
    let t = DARK;
    let w = (stage.width() - 32.0).min(640.0);
    let r = rect((stage.center().x - w / 2.0).round(), stage.top() + 64.0, w, BANNER);
    ui.painter().rect(
        r,
        corner(13.0),
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
    let stop = rect(r.right() - 134.0, r.top() + 6.0, 128.0, BANNER - 12.0);
    label(ui, pos2(end + 6.0, y), LEFT, &name, medium(14.0), t.text, stop.left() - end - 18.0);
    let button = Button::new("share-stop", stop, Kind::Danger).label("Stop sharing").size(13.5).radius(9.0);
    if button.tip("Stop sharing").key("S").show(ui, &t).clicked() {
        s.send(Command::Share(None));
    }
}
