//! Where a panel at the right edge stands: beside the picture where that made room for it, otherwise over it.

use eframe::egui::{Area, Id, Order, Rect, Sense, Ui, pos2};

/// Shows one of this name in the call's whole area; `pushes`: the picture made room.
pub(super) fn show(ui: &mut Ui, name: &str, all: Rect, pushes: bool, panel: impl FnOnce(&mut Ui, Rect)) {
    let w = 340.0_f32.min(all.width() - 32.0);
    let k = Rect::from_min_max(
        pos2(all.right() - 16.0 - w, all.top() + 16.0),
        pos2(all.right() - 16.0, all.bottom() - 16.0),
    );
    if pushes {
        return panel(ui, k);
    }
    Area::new(Id::unique(name)).order(Order::Middle).fixed_pos(k.min).show(ui.ctx(), |ui| {
        // What is under it is not pressed.
        ui.allocate_rect(k, Sense::click().difference(Sense::FOCUSABLE));
        panel(ui, k);
    });
}
