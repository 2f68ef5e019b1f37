//! A split button of the bar: its body switches something, its chevron lists what there is to choose from.

use eframe::egui::accesskit::Role;
use eframe::egui::{
    Color32, CornerRadius, Id, Pos2, Rect, Response, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

use crate::ui::icons;
use crate::ui::paint::{CENTER, width};
use crate::ui::theme::{DARK, corner, icon, icon_fill, semibold};
use crate::ui::widgets::focus_ring;

/// How it stands, with its icon and, where it is not plainly on or off, the word above.
#[derive(Clone, Copy)]
pub(super) enum Look {
    On(&'static str),
    /// By you: a crossed icon, another fill, and a word.
    Off(&'static str, &'static str),
    /// Only for as long as a key is held.
    Live(&'static str, &'static str),
    /// Goes on until it is stopped.
    Doing(&'static str, &'static str),
}

impl Look {
    /// Ground and ink.
    pub(super) fn colours(self) -> (Color32, Color32) {
        let t = DARK;
        match self {
            Self::On(_) => (t.surface2, t.text),
            Self::Off(..) => (t.danger_soft, t.danger_ink),
            Self::Live(..) => (t.accent_soft, t.accent_text),
            Self::Doing(..) => (t.fill, Color32::WHITE),
        }
    }
}

/// Shows it; `on` is the state of what the body switches. What the body and the chevron say.
pub(super) fn show(ui: &mut Ui, q: Rect, look: Look, on: bool, name: &str, list_name: &str) -> (Response, Response) {
    let t = DARK;
    let (ground, ink) = look.colours();
    let body = Rect::from_min_max(q.min, pos2(q.right() - 32.0, q.bottom()));
    let tail = Rect::from_min_max(pos2(q.right() - 32.0, q.top()), q.max);
    let pressed = ui.interact(body, Id::unique(("split", name)), Sense::click());
    pressed.widget_info(|| WidgetInfo::selected(Role::Button, true, on, name));
    let list = ui.interact(tail, Id::unique(("split-list", name)), Sense::click());
    list.widget_info(|| WidgetInfo::labeled(Role::Button, true, list_name));
    let p = ui.painter();
    p.rect_filled(q, corner(24.0), ground);
    for (response, area, left) in [(&pressed, body, true), (&list, tail, false)] {
        if response.hovered() {
            let (near, far) = if left { (24, 0) } else { (0, 24) };
            let round = CornerRadius { nw: near, sw: near, ne: far, se: far };
            p.rect_filled(area, round, Color32::from_white_alpha(14));
        }
    }
    let (Look::On(glyph) | Look::Off(glyph, _) | Look::Live(glyph, _) | Look::Doing(glyph, _)) = look;
    let font = if matches!(look, Look::On(_)) { icon(22.0) } else { icon_fill(22.0) };
    p.text(pos2(q.left() + 24.0, q.center().y), CENTER, glyph, font, ink);
    p.vline(q.right() - 32.5, q.center().y - 10.0..=q.center().y + 10.0, Stroke::new(1.0, ink.gamma_multiply(0.22)));
    let caret = ink.gamma_multiply(0.85);
    p.text(pos2(q.right() - 17.0, q.center().y), CENTER, icons::CARET_UP, icon(13.0), caret);
    focus_ring(ui, &t, &pressed.clone().with_new_rect(q), 24.0);
    focus_ring(ui, &t, &list, 16.0);
    if let Look::Off(_, word) | Look::Live(_, word) | Look::Doing(_, word) = look {
        tag(
            ui,
            pos2(q.center().x, q.top() - 10.0),
            word,
            if matches!(look, Look::Off(..)) { t.danger_fill } else { t.fill },
        );
        ui.ctx().accesskit_node_builder(pressed.id, |node| node.set_description(word));
    }
    (pressed, list)
}

/// The state in a word, on the bar's upper edge.
fn tag(ui: &Ui, centre: Pos2, word: &str, ground: Color32) {
    let t = DARK;
    let w = width(ui.painter(), word, semibold(12.0)) + 18.0;
    let r = Rect::from_center_size(centre, vec2(w.round(), 22.0));
    ui.painter().rect(r, corner(11.0), ground, Stroke::new(2.0, t.surface), StrokeKind::Outside);
    ui.painter().text(r.center(), CENTER, word, semibold(12.0), Color32::WHITE);
}
