//! What is said in passing: at most one toast, four seconds, or eight where there is something to answer; and problems,
//! which stay until they are solved.

use std::time::Duration;

use eframe::egui::{Align2, Area, Color32, Id, Order, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use super::app::Scene;
use super::devices::sentence;
use super::icons;
use super::paint::{CENTER, label, rect, shadow};
use super::theme::{corner, icon, icon_fill, medium};
use super::widgets::{Button, Kind};
use crate::model::command::Command;
use crate::model::preference::DeviceSwitch;

const SECONDS: f64 = 4.0;
const PROBLEM_SECONDS: f64 = 8.0;
const UNDO_SECONDS: f64 = 8.0;

/// Width of the button that undoes, with the gap to the words.
const UNDO_WIDTH: f32 = 72.0;

/// The toast there is, if any.
#[derive(Debug, Default)]
pub struct Toasts {
    shown: Option<Toast>,
}

#[derive(Debug)]
struct Toast {
    text: String,
    problem: bool,
    /// Has a button that takes back what is said.
    undo: bool,
    until: f64,
}

impl Toasts {
    /// Good news or plain information.
    pub fn tell(&mut self, text: String, now: f64) {
        // A problem on the screen is not pushed away by good news, nor is what can be answered.
        if !self.shown.as_ref().is_some_and(|toast| (toast.problem || toast.undo) && now < toast.until) {
            self.shown = Some(Toast { text: sentence(&text), problem: false, undo: false, until: now + SECONDS });
        }
    }

    /// Something did not work.
    pub fn problem(&mut self, text: String, now: f64) {
        self.shown = Some(Toast { text: sentence(&text), problem: true, undo: false, until: now + PROBLEM_SECONDS });
    }

    /// Other devices are used now, which one may want to take back.
    pub fn devices(&mut self, switch: &DeviceSwitch, now: f64) {
        let (text, undo) = (sentence(&switch.sentence()), switch.undo);
        let problem = switch.changes.iter().any(|change| change.now.is_none());
        let seconds = if undo { UNDO_SECONDS } else { PROBLEM_SECONDS };
        self.shown = Some(Toast { text, problem, undo, until: now + seconds });
    }
}

/// The toast, at the top in the middle.
pub fn show(ui: &mut Ui, s: &mut Scene<'_>, all: Rect) {
    let Some(toast) = &s.state.toast.shown else { return };
    if s.time >= toast.until {
        s.state.toast.shown = None;
        return;
    }
    ui.ctx().request_repaint_after(Duration::from_secs_f64(toast.until - s.time + 0.01));
    let (text, problem, undo) = (toast.text.clone(), toast.problem, toast.undo);
    let t = s.t;
    let beside = if undo { UNDO_WIDTH } else { 0.0 };
    let lines = layout(ui, &text, (all.width() - 160.0 - beside).min(560.0), t.text);
    let size = vec2(lines.size().x + 54.0 + 48.0 + beside, lines.size().y + 24.0);
    let (mut closed, mut undone) = (false, false);
    Area::new(Id::unique("toast"))
        .order(Order::Tooltip)
        .anchor(Align2::CENTER_TOP, vec2(0.0, 16.0))
        .constrain_to(all)
        .show(ui.ctx(), |ui| {
            let (_, r) = ui.allocate_space(size);
            shadow(ui.painter(), r, 14.0, 28, 8, if t.dark { Color32::from_black_alpha(170) } else { t.shadow });
            let ground = if t.dark { t.surface2 } else { t.surface };
            ui.painter().rect(r, corner(14.0), ground, Stroke::new(1.0, t.surface3), StrokeKind::Inside);
            let (glyph, ink) = if problem { (icons::WARNING, t.amber) } else { (icons::INFO, t.accent_text) };
            ui.painter().text(pos2(r.left() + 26.0, r.center().y), CENTER, glyph, icon_fill(18.0), ink);
            let at = pos2(r.left() + 46.0, r.center().y - lines.size().y / 2.0);
            said(ui, Rect::from_min_size(at, lines.size()), &text);
            ui.painter().galley(at, lines.clone(), t.text);
            if undo {
                let button = rect(r.right() - 40.0 - UNDO_WIDTH, r.center().y - 16.0, UNDO_WIDTH - 8.0, 32.0);
                undone = Button::new("toast-undo", button, Kind::Soft).label("Undo").size(13.5).show(ui, &t).clicked();
            }
            let close = rect(r.right() - 40.0, r.center().y - 16.0, 32.0, 32.0);
            closed = Button::new("toast-close", close, Kind::Ghost)
                .icon(icons::X)
                .name("Close message")
                .icon_size(15.0)
                .show(ui, &t)
                .clicked();
        });
    if undone {
        s.send(Command::UndoDevices);
    }
    if closed || undone {
        s.state.toast.shown = None;
    }
}

fn layout(ui: &Ui, text: &str, width: f32, ink: Color32) -> std::sync::Arc<eframe::egui::Galley> {
    ui.painter().layout(text.to_owned(), medium(13.5), ink, width)
}

/// Spoken by a screen reader at once.
fn said(ui: &Ui, area: Rect, text: &str) {
    let response = ui.interact(area, Id::unique("toast-text"), Sense::hover());
    let text = text.to_owned();
    response.widget_info(|| eframe::egui::WidgetInfo::labeled(eframe::egui::accesskit::Role::Label, true, &text));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(eframe::egui::accesskit::Live::Polite));
}

/// Problems that last, as one amber banner at the top (in a call: under the strip).
pub fn problems(ui: &mut Ui, s: &mut Scene<'_>, all: Rect) {
    let Some(text) = s.snap.problems.first().cloned() else { return };
    let more = s.snap.problems.len() - 1;
    let text = sentence(&text);
    let text = if more > 0 { format!("{text} (and {more} more)") } else { text };
    let t = s.t;
    let width = (super::paint::width(ui.painter(), &text, medium(13.0)) + 64.0).min(all.width() - 32.0);
    let top = if s.snap.call.is_some() { 64.0 } else { 4.0 };
    let r = Rect::from_center_size(pos2(all.center().x, all.top() + top + 18.0), vec2(width, 36.0));
    ui.painter().rect(r, corner(12.0), t.amber_soft, Stroke::new(1.0, t.amber.gamma_multiply(0.5)), StrokeKind::Inside);
    ui.painter().text(pos2(r.left() + 22.0, r.center().y), CENTER, icons::WARNING, icon(17.0), t.amber);
    let left = pos2(r.left() + 40.0, r.center().y);
    label(ui, left, Align2::LEFT_CENTER, &text, medium(13.0), t.amber, r.width() - 56.0);
}
