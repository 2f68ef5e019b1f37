//! The bar: microphone, camera and share (body toggles, chevron lists), hand, chat, people, more; Leave apart. Its width
//! never changes with state, so nothing moves under the pointer.

use eframe::egui::{
    Color32, CursorIcon, Id, Popup, Rect, RectAlign, Stroke, StrokeKind, Ui, ViewportCommand, pos2, vec2,
};

use super::pill::{self, Look};
use super::{State, menu, people, reactions};
use crate::model::command::Command;
use crate::model::snapshot::{CallView, Stage};
use crate::ui::app::Scene;
use crate::ui::devices::{self, Which, trouble};
use crate::ui::icons;
use crate::ui::paint::{CENTER, rect, shadow, width};
use crate::ui::settings::Page;
use crate::ui::theme::{DARK, corner, icon_fill, semibold};
use crate::ui::widgets::{Button, Kind, popup_frame, tooltip};

const MAIN: f32 = 8.0 + 3.0 * (80.0 + 8.0) + 48.0 + 17.0 + 48.0 + 4.0 + 48.0 + 4.0 + 48.0 + 8.0;
const LEAVE: f32 = 120.0;

/// How wide it is, in any state.
pub(super) const WIDTH: f32 = MAIN + 12.0 + LEAVE;

pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, stage: Rect, view: &CallView) {
    let t = DARK;
    let y = stage.bottom() - 16.0 - 64.0;
    let left = (stage.center().x - WIDTH / 2.0).round();
    let (main, leave) = (rect(left, y, MAIN, 64.0), rect(left + MAIN + 12.0, y, LEAVE, 64.0));
    for shell in [main, leave] {
        shadow(ui.painter(), shell, 32.0, 28, 8, Color32::from_black_alpha(120));
        let ground = t.surface.gamma_multiply(0.96);
        ui.painter().rect(shell, corner(32.0), ground, Stroke::new(1.0, t.surface3), StrokeKind::Inside);
    }
    let media = &s.snap.media;
    let (muted, camera_on, hand) = (media.muted, media.camera_on, media.hand);
    let mut x = main.left() + 8.0;
    let look = match (muted, media.held) {
        (true, false) if s.snap.settings.push_to_talk => Look::Off(icons::MICROPHONE_SLASH, "Hold Space"),
        (true, _) => Look::Off(icons::MICROPHONE_SLASH, "Muted"),
        (false, true) => Look::Live(icons::MICROPHONE, "Talking"),
        (false, false) => Look::On(icons::MICROPHONE),
    };
    if split(ui, s, Which::Microphone, rect(x, y + 8.0, 80.0, 48.0), look, ("Microphone", "M")) {
        s.send(Command::Mute(!muted));
    }
    x += 88.0;
    let look = if camera_on { Look::On(icons::VIDEO_CAMERA) } else { Look::Off(icons::VIDEO_CAMERA_SLASH, "Off") };
    if split(ui, s, Which::Camera, rect(x, y + 8.0, 80.0, 48.0), look, ("Camera", "V")) {
        s.send(Command::Camera(!camera_on));
    }
    x += 88.0;
    super::share::button(ui, s, rect(x, y + 8.0, 80.0, 48.0));
    x += 88.0;
    let kind = if hand { Kind::Primary } else { Kind::Second };
    let button = Button::new("call-hand", rect(x, y + 8.0, 48.0, 48.0), kind).icon(icons::HAND).icon_size(22.0);
    let tip = if hand { "Lower your hand" } else { "Raise your hand" };
    if button.radius(24.0).filled(hand).name("Hand").pressed(hand).tip(tip).key("H").show(ui, &t).clicked() {
        s.send(Command::RaiseHand(!hand));
    }
    x += 48.0;
    let cy = main.center().y;
    ui.painter().vline((x + 8.0).round() + 0.5, cy - 14.0..=cy + 14.0, Stroke::new(1.0, t.surface3));
    x += 17.0;
    chat_button(ui, s, rect(x, y + 8.0, 48.0, 48.0), view);
    x += 52.0;
    people_button(ui, s, rect(x, y + 8.0, 48.0, 48.0), view);
    x += 52.0;
    more(ui, s, rect(x, y + 8.0, 48.0, 48.0), view);
    let words = if matches!(view.stage, Stage::Calling | Stage::Ringing) { "Cancel" } else { "Leave" };
    let button = Button::new("call-leave", leave.shrink(8.0), Kind::Danger).icon(icons::PHONE_DISCONNECT);
    let button = button.label(words).size(14.5).icon_size(22.0).radius(24.0);
    if button
        .tip(if words == "Leave" { "Leave the call" } else { "Stop calling" })
        .key("Ctrl+Shift+H")
        .show(ui, &t)
        .clicked()
    {
        s.send(Command::HangUp);
    }
}

/// A split button; says whether its body was pressed.
fn split(ui: &mut Ui, s: &mut Scene<'_>, which: Which, q: Rect, look: Look, name: (&str, &str)) -> bool {
    let t = DARK;
    let (name, key) = name;
    let off = matches!(look, Look::Off(..));
    let trouble = trouble(s.snap, which).filter(|_| !off);
    let list_name = format!("Choose {}", name.to_lowercase());
    let (pressed, list) = pill::show(ui, q, look, !off, name, &list_name);
    if trouble.is_some() {
        let at = pos2(q.left() + 36.0, q.top() + 14.0);
        ui.painter().circle_filled(at, 8.5, look.colours().0);
        ui.painter().text(at, CENTER, icons::WARNING_CIRCLE, icon_fill(16.0), t.amber);
    }
    let popup = Popup::menu(&list).id(Id::unique(("devices", name))).align(RectAlign::TOP_START);
    devices::menu(s, which, popup, &t);
    if let Some((_, whole)) = &trouble {
        let whole = whole.clone();
        ui.ctx().accesskit_node_builder(pressed.id, |node| node.set_description(whole));
    }
    let (tip, key) = match (&trouble, name, off) {
        (Some((short, whole)), ..) => (format!("{short}. {whole}"), None),
        (_, "Microphone", false) => ("Mute".to_owned(), Some(key)),
        (_, "Microphone", true) => ("Unmute".to_owned(), Some(key)),
        (_, _, false) => ("Turn the camera off".to_owned(), Some(key)),
        (_, _, true) => ("Turn the camera on".to_owned(), Some(key)),
    };
    tooltip(list.on_hover_cursor(CursorIcon::PointingHand), &t, Some(&list_name), None);
    tooltip(pressed.on_hover_cursor(CursorIcon::PointingHand), &t, Some(&tip), key).clicked()
}

fn chat_button(ui: &mut Ui, s: &mut Scene<'_>, q: Rect, view: &CallView) {
    let open = s.state.call.chat_open;
    let unread = view.unread > 0 && !open;
    let mentioned = unread && view.mentioned;
    let name = match (unread, mentioned) {
        (_, true) => format!("Chat, {} unread, you are mentioned", view.unread),
        (true, _) => format!("Chat, {} unread", view.unread),
        _ => "Chat".to_owned(),
    };
    let kind = if open { Kind::Primary } else { Kind::Ghost };
    let button = Button::new("call-chat", q, kind).icon(icons::CHAT_CIRCLE_TEXT).icon_size(22.0).radius(24.0);
    let button = button.filled(open).ink(if open { Color32::WHITE } else { DARK.text });
    if button.name(&name).pressed(open).tip("Chat").key("C").show(ui, &DARK).clicked() {
        State::toggle_chat(s);
    }
    if mentioned {
        let at = pos2(q.left() + 34.0, q.center().y - 10.0);
        ui.painter().circle_filled(at, 10.0, DARK.surface);
        ui.painter().circle_filled(at, 8.5, DARK.fill);
        ui.painter().text(at, CENTER, "@", semibold(11.0), Color32::WHITE);
    } else if unread {
        let dot = pos2(q.left() + 34.0, q.center().y - 10.0);
        ui.painter().circle_filled(dot, 6.0, DARK.surface);
        ui.painter().circle_filled(dot, 4.5, DARK.accent);
    }
}

fn people_button(ui: &mut Ui, s: &mut Scene<'_>, q: Rect, view: &CallView) {
    let t = DARK;
    let (open, count) = (s.state.call.people_open, people::count(view));
    let name = format!("People, {count}");
    let kind = if open { Kind::Primary } else { Kind::Ghost };
    let button = Button::new("call-people", q, kind).icon(icons::USERS).icon_size(22.0).radius(24.0);
    let button = button.filled(open).ink(if open { Color32::WHITE } else { t.text });
    if button.name(&name).pressed(open).tip("People").key("P").show(ui, &t).clicked() {
        State::toggle_people(s);
    }
    // Of two there is nothing to count.
    if count > 2 && !open {
        let words = count.to_string();
        let wide = (width(ui.painter(), &words, semibold(10.5)) + 11.0).max(18.0);
        let badge = Rect::from_center_size(pos2(q.left() + 36.0, q.center().y - 12.0), vec2(wide, 16.0));
        ui.painter().rect(badge, corner(8.0), t.surface3, Stroke::new(1.5, t.surface), StrokeKind::Outside);
        ui.painter().text(badge.center(), CENTER, words, semibold(10.5), t.text);
    }
}

fn more(ui: &mut Ui, s: &mut Scene<'_>, q: Rect, view: &CallView) {
    let t = DARK;
    let button = Button::new("call-more", q, Kind::Ghost).icon(icons::DOTS_THREE).icon_size(22.0).radius(24.0);
    let response = button.ink(t.text).name("More").show(ui, &t);
    let popup = Popup::menu(&response).id(Id::unique("more-list")).align(RectAlign::TOP_END).width(260.0).gap(14.0);
    let close = eframe::egui::PopupCloseBehavior::CloseOnClickOutside;
    popup.close_behavior(close).frame(popup_frame(&t)).show(|ui| {
        ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
        if view.stage == Stage::Connected && !view.is_test() {
            reactions::choice(ui, s, 248.0);
            let (_, line) = ui.allocate_space(vec2(248.0, 9.0));
            ui.painter().hline(line.shrink2(vec2(8.0, 0.0)).x_range(), line.center().y, Stroke::new(1.0, t.surface3));
        }
        if menu::row(ui, "more-statistics", icons::CHART_LINE, "Connection figures", "") {
            (s.state.call.statistics, s.state.call.statistics_of) = (true, None);
            ui.close();
        }
        if let [member] = view.members.as_slice()
            && let Some(percent) = menu::volume(ui, "the other side", member.volume)
        {
            s.send(Command::Volume { of: member.peer, percent });
        }
        let full = ui.ctx().input(|i| i.viewport().fullscreen.unwrap_or(false));
        if menu::row(ui, "more-full", icons::FRAME_CORNERS, "Full screen", "F11") {
            ui.ctx().send_viewport_cmd(ViewportCommand::Fullscreen(!full));
            ui.close();
        }
        if menu::row(ui, "more-settings", icons::GEAR_SIX, "Settings", "Ctrl+,") {
            s.state.settings.open(Page::Audio);
            ui.close();
        }
        if menu::row(ui, "more-help", icons::QUESTION, "Keys and help", "F1") {
            s.state.help = true;
            ui.close();
        }
    });
}
