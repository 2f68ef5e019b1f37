//! Bars that say how good a connection is: white and all four while it is good, amber and fewer while it is not.

use eframe::egui::accesskit::Role;
use eframe::egui::{Color32, Id, Pos2, Rect, Sense, Ui, WidgetInfo, pos2};

use super::order::Who;
use crate::model::quality::{CallQuality, Quality};
use crate::ui::paint::{glass, rect};
use crate::ui::theme::{DARK, corner};

/// The four bars around this point.
pub(super) fn bars(ui: &Ui, centre: Pos2, quality: Quality) {
    let (x, bottom) = (centre.x - 9.0, centre.y + 8.0);
    let lit = match quality {
        Quality::Good => 4,
        Quality::Fair => 3,
        Quality::Poor => 2,
        Quality::Lost => 1,
    };
    for n in 0..4_u8 {
        let high = 4.0 + 4.0 * f32::from(n);
        let ink = match quality {
            Quality::Good => Color32::WHITE,
            _ if n < lit => DARK.amber,
            _ => DARK.amber.gamma_multiply(0.35),
        };
        ui.painter().rect_filled(rect(x + 5.0 * f32::from(n), bottom - high, 3.0, high), corner(1.0), ink);
    }
}

/// Width of the sign on a tile, with the gap before it.
pub(super) const ROOM: f32 = 44.0;

/// The sign on somebody's tile, from its left top corner: only while the connection is not good, which is what it returns.
pub(super) fn sign(ui: &mut Ui, whose: Who, at: Pos2, on_picture: bool, quality: &CallQuality) -> bool {
    let word = match quality.verdict.quality() {
        Quality::Good => return false,
        Quality::Fair => "fair",
        Quality::Poor => "poor",
        Quality::Lost => "lost",
    };
    let area: Rect = rect(at.x, at.y, 36.0, 28.0);
    glass(ui.painter(), area, 10.0, on_picture);
    bars(ui, pos2(area.center().x + 1.0, area.center().y), quality.verdict.quality());
    let response = ui.interact(area, Id::unique(("quality-sign", whose)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("Connection: {word}")));
    if let Some(sentence) = &quality.sentence {
        response.on_hover_text(sentence);
    }
    true
}
