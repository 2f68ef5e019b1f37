//! Somebody calls: a card in the window, where screen readers find it; and while nobody looks at the window, a small
//! one of its own on top of all others.

use std::time::Duration;

use eframe::egui::{
    Area, CentralPanel, Context, Frame, Id, Key, Modifiers, Order, Rect, Sense, Stroke, StrokeKind, Ui,
    ViewportBuilder, ViewportCommand, ViewportId, WindowLevel, accesskit, pos2, vec2,
};

use super::app::Scene;
use super::icons;
use super::paint::{LEFT, avatar, label, rect, shadow};
use super::theme::{Tokens, corner, regular, semibold};
use super::widgets::{Button, Kind, tooltip};
use crate::model::command::Command;
use crate::model::snapshot::{IncomingView, RING_SECONDS};

const SIZE: eframe::egui::Vec2 = vec2(380.0, 120.0);

/// Shows it, while it rings.
pub fn show(ui: &mut Ui, s: &mut Scene<'_>, all: Rect) {
    let Some(incoming) = s.snap.incoming.clone() else { return };
    card(ui, s, all, &incoming);
    let ctx = ui.ctx();
    let looked_at = ctx.input(|i| i.focused && i.viewport().visible() != Some(false));
    if !looked_at && !ctx.embed_viewports() {
        window(ui, s, &incoming);
    }
}

/// A window that is out of sight runs no part of itself, so none opens from it either: it is asked to.
pub(super) fn wake_hidden(ctx: &Context) {
    ctx.send_viewport_cmd(ViewportCommand::RequestPaintWhileHidden);
    ctx.request_repaint_after(Duration::from_millis(200));
}

fn window(ui: &Ui, s: &mut Scene<'_>, incoming: &IncomingView) {
    let id = ViewportId::from_hash_of("incoming");
    let mut builder = ViewportBuilder::default()
        .with_title(format!("{} is calling", name(incoming)))
        .with_app_id("Visavis")
        .with_inner_size(SIZE)
        .with_resizable(false)
        .with_decorations(false)
        .with_taskbar(true)
        .with_window_level(WindowLevel::AlwaysOnTop);
    if let Some(monitor) = ui.ctx().input(|i| i.viewport().monitor_size) {
        builder = builder.with_position(pos2((monitor.x - SIZE.x - 24.0).max(0.0), 48.0));
    }
    ui.ctx().show_viewport_immediate(id, builder, |ui, _| {
        keys(ui, s, incoming);
        let t = super::theme::tokens(ui.ctx());
        CentralPanel::default().frame(Frame::NONE.fill(t.surface)).show(ui, |ui| {
            let r = ui.max_rect();
            let ground = ui.interact(r, Id::unique("incoming-ground"), Sense::drag().difference(Sense::FOCUSABLE));
            if ground.drag_started() {
                ui.ctx().send_viewport_cmd(ViewportCommand::StartDrag);
            }
            ui.painter().rect_stroke(r, 0.0, Stroke::new(1.0, t.surface3), StrokeKind::Inside);
            content(ui, s, t, r, 0.0, incoming);
        });
        if ui.ctx().input(|i| i.viewport().close_requested()) {
            s.send(Command::Decline { call: incoming.call });
        }
    });
}

fn card(ui: &mut Ui, s: &mut Scene<'_>, all: Rect, incoming: &IncomingView) {
    let size = vec2(SIZE.x.min(all.width() - 16.0), SIZE.y);
    let at = pos2(all.right() - size.x - 16.0, all.top() + 16.0);
    Area::new(Id::unique("incoming")).order(Order::Foreground).fixed_pos(at).show(ui.ctx(), |ui| {
        let (_, r) = ui.allocate_space(size);
        let t = s.t;
        shadow(ui.painter(), r, 18.0, 44, 14, t.shadow);
        ui.painter().rect(r, corner(14.0), t.surface, Stroke::new(1.0, t.surface3), StrokeKind::Inside);
        content(ui, s, t, r, 13.0, incoming);
    });
}

fn name(incoming: &IncomingView) -> String {
    if incoming.name.is_empty() { incoming.from.short() } else { incoming.name.clone() }
}

/// The first two groups of an ID: enough to recognise, not enough to mistake for the whole.
fn start_of_id(incoming: &IncomingView) -> String {
    incoming.from.to_string().splitn(3, '-').take(2).collect::<Vec<_>>().join("-")
}

/// The keys work in this window too.
pub(super) fn keys(ui: &Ui, s: &mut Scene<'_>, incoming: &IncomingView) {
    act(ui.ctx(), s, incoming);
}

/// Answers by key.
pub(super) fn act(ctx: &eframe::egui::Context, s: &mut Scene<'_>, incoming: &IncomingView) {
    let call = incoming.call;
    let pressed = |key| ctx.input_mut(|i| i.consume_key(Modifiers::CTRL | Modifiers::SHIFT, key));
    if pressed(Key::V) {
        s.send(Command::Accept { call, video: true });
    } else if pressed(Key::A) {
        s.send(Command::Accept { call, video: false });
    } else if pressed(Key::D) {
        s.send(Command::Decline { call });
    }
}

/// What both say. `inset`: of the line at the bottom, where the corners are round.
fn content(ui: &mut Ui, s: &mut Scene<'_>, t: Tokens, r: Rect, inset: f32, incoming: &IncomingView) {
    let call = incoming.call;
    let y = r.top() + 36.0;
    let ring = Stroke::new(1.5, t.accent.gamma_multiply(0.45));
    ui.painter().circle_stroke(pos2(r.left() + 38.0, y), 25.5, ring);
    let name = name(incoming);
    avatar(ui.painter(), pos2(r.left() + 38.0, y), 21.0, &name);
    let room = r.width() - 74.0 - 104.0;
    let lowered = if incoming.known { 0.0 } else { 2.0 };
    label(ui, pos2(r.left() + 74.0, y - 11.0), LEFT, &name, semibold(16.0), t.text, room);
    let kind = if incoming.video { "Video call" } else { "Audio call" };
    // Of somebody unknown the start of the ID is shown; then the words reach below the button beside them.
    let who = if incoming.known { String::new() } else { format!(" · unknown, {}…", start_of_id(incoming)) };
    let words = format!("{kind}{who}");
    let lower = if incoming.known { room } else { r.width() - 74.0 - 12.0 };
    let at = pos2(r.left() + 74.0, y + 11.0 + lowered);
    let sub = label(ui, at, LEFT, &words, regular(13.0), t.text2, lower);
    let live = ui.interact(sub, Id::unique("incoming-live"), Sense::hover());
    let spoken = format!("{name} is calling, {}", kind.to_lowercase());
    if !incoming.known {
        tooltip(live.clone(), &t, Some(&incoming.from.to_string()), None);
    }
    ui.ctx().accesskit_node_builder(live.id, |node| {
        node.set_role(accesskit::Role::Alert);
        node.set_label(spoken);
    });
    let silenced = incoming.silenced;
    let (top, high) = if incoming.known { (y - 16.0, 32.0) } else { (r.top() + 9.0, 28.0) };
    let at = rect(r.right() - 96.0, top, 84.0, high);
    let words = if silenced { "Silent" } else { "Silence" };
    let button = Button::new("incoming-silence", at, Kind::Second).icon(icons::BELL_SLASH).label(words).size(12.5);
    if button.enabled(!silenced).tip("Stop ringing here").show(ui, &t).clicked() {
        s.send(Command::SilenceRing);
    }
    let (x, y, h) = (r.left() + 12.0, r.top() + 72.0, 36.0);
    let decline = Button::new("incoming-decline", rect(x, y, 84.0, h), Kind::Danger).icon(icons::PHONE_X);
    if decline.label("Decline").size(12.5).tip("Decline").key("Ctrl+Shift+D").show(ui, &t).clicked() {
        s.send(Command::Decline { call });
    }
    let middle = r.width() - 24.0 - 168.0 - 16.0;
    let without = Button::new("incoming-audio", rect(x + 92.0, y, middle, h), Kind::Second);
    let without = without.icon(icons::VIDEO_CAMERA_SLASH).label("Accept without video").size(12.5);
    if without.tip("Accept without video").key("Ctrl+Shift+A").show(ui, &t).clicked() {
        s.send(Command::Accept { call, video: false });
    }
    let at = rect(r.right() - 96.0, y, 84.0, h);
    let accept = Button::new("incoming-accept", at, Kind::Ok).icon(icons::VIDEO_CAMERA).label("Accept").size(12.5);
    if accept.tip("Accept").key("Ctrl+Shift+V").show(ui, &t).clicked() {
        s.send(Command::Accept { call, video: true });
    }
    let line = rect(r.left() + 1.0, r.bottom() - 3.0, r.width() - 2.0, 2.0);
    let share = (incoming.seconds_left as f32 / RING_SECONDS as f32).clamp(0.0, 1.0);
    let line = rect(line.left() + inset, line.top(), line.width() - 2.0 * inset, 2.0);
    ui.painter().rect_filled(line, 0.0, t.surface3);
    ui.painter().rect_filled(rect(line.left(), line.top(), line.width() * share, 2.0), 0.0, t.accent);
}
