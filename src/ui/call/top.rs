//! The strip at the top: encryption, time, path; and the icons at its right.

use eframe::egui::accesskit::Role;
use eframe::egui::{Color32, Id, Rect, Sense, Stroke, Ui, ViewportCommand, WidgetInfo, pos2};

use super::stage_words;
use crate::model::snapshot::{CallView, Stage};
use crate::ui::app::Scene;
use crate::ui::icons;
use crate::ui::paint::{LEFT, rect, width};
use crate::ui::theme::{DARK, GLASS, corner, icon_fill, medium};
use crate::ui::widgets::{Button, Kind};
use crate::ui::words;

pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, stage: Rect, view: &CallView) {
    strip(ui, stage, view);
    let connected = matches!(view.stage, Stage::Connected | Stage::Reconnecting);
    let at = |n: f32| rect(stage.right() - 16.0 - 36.0 - 44.0 * n, stage.top() + 16.0, 36.0, 36.0);
    let full = ui.ctx().input(|i| i.viewport().fullscreen.unwrap_or(false));
    let (glyph, name) =
        if full { (icons::ARROWS_IN_SIMPLE, "Leave full screen") } else { (icons::ARROWS_OUT_SIMPLE, "Full screen") };
    let button = Button::new("call-full-screen", at(0.0), Kind::Glass).icon(glyph).icon_size(19.0).radius(11.0);
    if button.name(name).tip(name).key("F11").show(ui, &DARK).clicked() {
        ui.ctx().send_viewport_cmd(ViewportCommand::Fullscreen(!full));
    }
    if connected {
        let ink = if s.state.call.figures.bad() { DARK.amber } else { Color32::WHITE };
        let button = Button::new("call-statistics", at(1.0), Kind::Glass).icon(icons::CELL_SIGNAL_FULL);
        let button = button.icon_size(19.0).radius(11.0).name("Connection").tip("Connection").ink(ink);
        if button.pressed(s.state.call.statistics).show(ui, &DARK).clicked() {
            s.state.call.statistics = !s.state.call.statistics;
        }
    }
}

fn strip(ui: &mut Ui, stage: Rect, view: &CallView) {
    let time = match view.stage {
        Stage::Connected => words::clock(view.seconds),
        _ => stage_words(view),
    };
    let parts = [(icons::LOCK, "Encrypted"), ("", time.as_str()), (icons::ARROWS_LEFT_RIGHT, view.path.as_str())];
    let parts: Vec<_> = parts.into_iter().filter(|(_, words)| !words.is_empty()).collect();
    let part = |ui: &Ui, glyph: &str, words: &str| {
        width(ui.painter(), words, medium(13.0)) + if glyph.is_empty() { 0.0 } else { 21.0 } + 24.0
    };
    let w = parts.iter().map(|(glyph, words)| part(ui, glyph, words)).sum::<f32>();
    let r = rect(stage.left() + 16.0, stage.top() + 16.0, w, 36.0);
    ui.painter().rect_filled(r, corner(11.0), GLASS);
    let (mut x, y) = (r.left() + 12.0, r.center().y);
    for (n, (glyph, words)) in parts.iter().enumerate() {
        if n > 0 {
            let line = Stroke::new(1.0, Color32::WHITE.gamma_multiply(0.22));
            ui.painter().vline(x - 12.0, y - 8.0..=y + 8.0, line);
        }
        if !glyph.is_empty() {
            ui.painter().text(pos2(x, y), LEFT, *glyph, icon_fill(15.0), Color32::WHITE);
            x += 21.0;
        }
        x = ui.painter().text(pos2(x, y), LEFT, *words, medium(13.0), Color32::WHITE).right() + 24.0;
    }
    let spoken = parts.iter().map(|(_, words)| *words).collect::<Vec<_>>().join(", ");
    let response = ui.interact(r, Id::unique("call-strip"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
    response.on_hover_text("What you say and show can be read by the two of you only");
}
