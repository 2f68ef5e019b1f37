//! The bar: microphone and camera (body toggles, chevron lists devices), share, hand, chat, more; Leave apart. Its width
//! never changes with state, so nothing moves under the pointer.

use eframe::egui::accesskit::Role;
use eframe::egui::{
    Align2, Color32, CursorIcon, Id, Popup, Rect, RectAlign, Sense, Slider, Stroke, StrokeKind, Ui, ViewportCommand,
    WidgetInfo, pos2, vec2,
};

use super::State;
use crate::model::command::Command;
use crate::model::snapshot::{CallView, MemberView, Stage};
use crate::ui::app::Scene;
use crate::ui::devices::{Which, menu, trouble};
use crate::ui::icons;
use crate::ui::paint::{CENTER, LEFT, rect, shadow, width};
use crate::ui::settings::Page;
use crate::ui::theme::{DARK, corner, icon, icon_fill, medium, semibold};
use crate::ui::widgets::{Button, Kind, focus_ring, popup_frame, tooltip};

const MAIN: f32 = 8.0 + 80.0 + 8.0 + 80.0 + 8.0 + 48.0 + 8.0 + 48.0 + 17.0 + 48.0 + 4.0 + 48.0 + 8.0;
const LEAVE: f32 = 120.0;

pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, stage: Rect, view: &CallView) {
    let t = DARK;
    let total = MAIN + 12.0 + LEAVE;
    let y = stage.bottom() - 16.0 - 64.0;
    let left = (stage.center().x - total / 2.0).round();
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
    super::share::button(ui, s, rect(x, y + 8.0, 48.0, 48.0));
    x += 56.0;
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

/// How a split button stands, with its icon and, where it is not plainly on, the word above.
#[derive(Clone, Copy)]
enum Look {
    On(&'static str),
    /// By you: a crossed icon, another fill, and a word.
    Off(&'static str, &'static str),
    /// Only for as long as a key is held.
    Live(&'static str, &'static str),
}

/// A split button; says whether its body was pressed.
fn split(ui: &mut Ui, s: &mut Scene<'_>, which: Which, q: Rect, look: Look, name: (&str, &str)) -> bool {
    let t = DARK;
    let (name, key) = name;
    let off = matches!(look, Look::Off(..));
    let trouble = trouble(s.snap, which).filter(|_| !off);
    let (glyph, ground, ink) = match look {
        Look::On(glyph) => (glyph, t.surface2, t.text),
        Look::Off(glyph, _) => (glyph, t.danger_soft, t.danger_ink),
        Look::Live(glyph, _) => (glyph, t.accent_soft, t.accent_text),
    };
    let body = Rect::from_min_max(q.min, pos2(q.right() - 32.0, q.bottom()));
    let tail = Rect::from_min_max(pos2(q.right() - 32.0, q.top()), q.max);
    let pressed = ui.interact(body, Id::unique(("split", name)), Sense::click());
    pressed.widget_info(|| WidgetInfo::selected(Role::Button, true, !off, name));
    let list = ui.interact(tail, Id::unique(("split-list", name)), Sense::click());
    let list_name = format!("Choose {}", name.to_lowercase());
    list.widget_info(|| WidgetInfo::labeled(Role::Button, true, &list_name));
    let p = ui.painter();
    p.rect_filled(q, corner(24.0), ground);
    for (response, area, left) in [(&pressed, body, true), (&list, tail, false)] {
        if response.hovered() {
            let (near, far) = (24, 0);
            let round = eframe::egui::CornerRadius {
                nw: if left { near } else { far },
                sw: if left { near } else { far },
                ne: if left { far } else { near },
                se: if left { far } else { near },
            };
            p.rect_filled(area, round, Color32::from_white_alpha(14));
        }
    }
    let font = if matches!(look, Look::On(_)) { icon(22.0) } else { icon_fill(22.0) };
    p.text(pos2(q.left() + 24.0, q.center().y), CENTER, glyph, font, ink);
    p.vline(q.right() - 32.5, q.center().y - 10.0..=q.center().y + 10.0, Stroke::new(1.0, ink.gamma_multiply(0.22)));
    if trouble.is_some() {
        let at = pos2(q.left() + 36.0, q.top() + 14.0);
        p.circle_filled(at, 8.5, ground);
        p.text(at, CENTER, icons::WARNING_CIRCLE, icon_fill(16.0), t.amber);
    }
    let caret = ink.gamma_multiply(0.85);
    p.text(pos2(q.right() - 17.0, q.center().y), CENTER, icons::CARET_UP, icon(13.0), caret);
    focus_ring(ui, &t, &pressed.clone().with_new_rect(q), 24.0);
    focus_ring(ui, &t, &list, 16.0);
    if let Look::Off(_, word) | Look::Live(_, word) = look {
        tag(ui, pos2(q.center().x, q.top() - 10.0), word, if off { t.danger_fill } else { t.fill });
        let id = pressed.id;
        ui.ctx().accesskit_node_builder(id, |node| node.set_description(word));
    }
    let popup = Popup::menu(&list).id(Id::unique(("devices", name))).align(RectAlign::TOP_START);
    menu(s, which, popup, &t);
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

/// The state in a word, on the bar's upper edge.
fn tag(ui: &Ui, centre: eframe::egui::Pos2, word: &str, ground: Color32) {
    let t = DARK;
    let w = width(ui.painter(), word, semibold(12.0)) + 18.0;
    let r = Rect::from_center_size(centre, vec2(w.round(), 22.0));
    ui.painter().rect(r, corner(11.0), ground, Stroke::new(2.0, t.surface), StrokeKind::Outside);
    ui.painter().text(r.center(), CENTER, word, semibold(12.0), Color32::WHITE);
}

fn chat_button(ui: &mut Ui, s: &mut Scene<'_>, q: Rect, view: &CallView) {
    let open = s.state.call.chat_open;
    let unread = view.unread > 0 && !open;
    let name = if unread { format!("Chat, {} unread", view.unread) } else { "Chat".to_owned() };
    let kind = if open { Kind::Primary } else { Kind::Ghost };
    let button = Button::new("call-chat", q, kind).icon(icons::CHAT_CIRCLE_TEXT).icon_size(22.0).radius(24.0);
    let button = button.filled(open).ink(if open { Color32::WHITE } else { DARK.text });
    if button.name(&name).pressed(open).tip("Chat").key("C").show(ui, &DARK).clicked() {
        State::toggle_chat(s);
    }
    if unread {
        let dot = pos2(q.left() + 34.0, q.center().y - 10.0);
        ui.painter().circle_filled(dot, 6.0, DARK.surface);
        ui.painter().circle_filled(dot, 4.5, DARK.accent);
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
        if row(ui, "more-statistics", icons::CHART_LINE, "Connection figures", "") {
            s.state.call.statistics = true;
            ui.close();
        }
        if let Some(member) = view.first() {
            volume(ui, s, member);
        }
        let full = ui.ctx().input(|i| i.viewport().fullscreen.unwrap_or(false));
        if row(ui, "more-full", icons::FRAME_CORNERS, "Full screen", "F11") {
            ui.ctx().send_viewport_cmd(ViewportCommand::Fullscreen(!full));
            ui.close();
        }
        if row(ui, "more-settings", icons::GEAR_SIX, "Settings", "Ctrl+,") {
            s.state.settings.open(Page::Audio);
            ui.close();
        }
        if row(ui, "more-help", icons::QUESTION, "Keys and help", "F1") {
            s.state.help = true;
            ui.close();
        }
    });
}

fn row(ui: &mut Ui, id: &str, glyph: &str, words: &str, key: &str) -> bool {
    let t = DARK;
    let (_, r) = ui.allocate_space(vec2(248.0, 40.0));
    let response = ui.interact(r, Id::unique(id), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::MenuItem, true, words));
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(r, corner(9.0), t.surface3);
    }
    ui.painter().text(pos2(r.left() + 20.0, r.center().y), CENTER, glyph, icon(18.0), t.text2);
    ui.painter().text(pos2(r.left() + 42.0, r.center().y), LEFT, words, medium(14.0), t.text);
    ui.painter().text(pos2(r.right() - 12.0, r.center().y), Align2::RIGHT_CENTER, key, medium(12.0), t.text3);
    response.on_hover_cursor(CursorIcon::PointingHand).clicked()
}

fn volume(ui: &mut Ui, s: &mut Scene<'_>, member: &MemberView) {
    let t = DARK;
    let (_, r) = ui.allocate_space(vec2(248.0, 62.0));
    let glyph = if member.volume == 0 { icons::SPEAKER_SLASH } else { icons::SPEAKER_HIGH };
    ui.painter().text(pos2(r.left() + 20.0, r.top() + 18.0), CENTER, glyph, icon(18.0), t.text2);
    let words = format!("Volume, {} %", member.volume);
    ui.painter().text(pos2(r.left() + 42.0, r.top() + 18.0), LEFT, words, medium(14.0), t.text);
    let mut value = member.volume;
    ui.spacing_mut().slider_width = 192.0;
    ui.visuals_mut().selection.bg_fill = t.fill;
    ui.visuals_mut().widgets.inactive.bg_fill = t.surface3;
    let slider = Slider::new(&mut value, 0..=200).show_value(false).trailing_fill(true);
    let response = ui.put(rect(r.left() + 42.0, r.top() + 32.0, 194.0, 22.0), slider);
    let name = "Volume of the other side".to_owned();
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(name));
    if value != member.volume {
        s.send(Command::Volume { of: member.peer, percent: value });
    }
}
