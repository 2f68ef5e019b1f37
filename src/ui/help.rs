//! F1: the keys.

use eframe::egui::{Color32, Frame, Id, Modal, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use super::app::Scene;
use super::icons;
use super::keys::MAP;
use super::paint::{LEFT, RIGHT, label, rect, shadow};
use super::theme::{corner, medium, regular, semibold};
use super::widgets::{Button, Kind};

/// Shows it, where it is open.
pub fn show(ui: &mut Ui, s: &mut Scene<'_>, all: Rect) {
    if !s.state.help {
        return;
    }
    let t = s.t;
    let pitch = 32.0_f32.min((all.height() - 120.0) / MAP.len() as f32);
    let size = vec2((all.width() - 32.0).min(520.0), 84.0 + pitch * MAP.len() as f32);
    let modal = Modal::new(Id::unique("help")).frame(Frame::NONE).backdrop_color(Color32::from_black_alpha(150));
    let response = modal.show(ui.ctx(), |ui| {
        let (k, _) = ui.allocate_exact_size(size, Sense::hover());
        shadow(ui.painter(), k, 20.0, 48, 16, Color32::from_black_alpha(if t.dark { 190 } else { 60 }));
        ui.painter().rect(k, corner(20.0), t.surface, Stroke::new(1.0, t.surface3), StrokeKind::Inside);
        label(ui, pos2(k.left() + 28.0, k.top() + 37.0), LEFT, "Keys", semibold(18.0), t.text, 200.0);
        list(ui, s, rect(k.left() + 28.0, k.top() + 68.0, k.width() - 56.0, 0.0), pitch);
        let at = rect(k.right() - 54.0, k.top() + 19.0, 36.0, 36.0);
        let close = Button::new("help-close", at, Kind::Ghost).icon(icons::X).icon_size(17.0);
        close.name("Close help").key("Esc").show(ui, &t).clicked()
    });
    if response.inner || response.should_close() {
        s.state.help = false;
    }
}

/// The map as rows.
pub fn list(ui: &mut Ui, s: &Scene<'_>, at: Rect, pitch: f32) {
    let t = &s.t;
    for (n, (key, what)) in MAP.iter().enumerate() {
        let y = at.top() + pitch * (n as f32 + 0.5);
        label(ui, pos2(at.left(), y), LEFT, what, regular(14.0), t.text, at.width() - 170.0);
        label(ui, pos2(at.right(), y), RIGHT, key, medium(13.0), t.text2, 160.0);
    }
}
