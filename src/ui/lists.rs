//! The list of a select, a split button or the share button: rows to choose from, the chosen one ticked.

use eframe::egui::accesskit::Role;
use eframe::egui::{Id, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2};

use super::icons;
use super::paint::{CENTER, elided};
use super::theme::{Tokens, corner, icon, medium, regular};
use super::widgets::{focus_ring, popup_frame, tooltip};

/// Longer lists are scrolled; the smallest window still holds this, points.
const LONGEST: f32 = 400.0;

/// One choice of a select's popup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<V> {
    /// What it stands for.
    pub value: V,
    /// Words.
    pub label: String,
    /// At the right, quietly.
    pub note: String,
    /// A line above it.
    pub apart: bool,
}

/// The list of a select or a split button.
pub fn choice_list<V: Clone + PartialEq>(
    t: &Tokens,
    popup: eframe::egui::Popup<'_>,
    width: f32,
    id: Id,
    current: &V,
    choices: &[Choice<V>],
) -> Option<V> {
    let shown = popup.width(width).gap(6.0).frame(popup_frame(t)).show(|ui| {
        ui.spacing_mut().item_spacing = Vec2::ZERO;
        let list = eframe::egui::ScrollArea::vertical().max_height(LONGEST);
        list.show(ui, |ui| rows(ui, t, width - 12.0, id, current, choices)).inner
    });
    shown.and_then(|inner| inner.inner)
}

fn rows<V: Clone + PartialEq>(
    ui: &mut Ui,
    t: &Tokens,
    width: f32,
    id: Id,
    current: &V,
    choices: &[Choice<V>],
) -> Option<V> {
    let mut chosen = None;
    for (n, choice) in choices.iter().enumerate() {
        if choice.apart {
            let (gap, _) = ui.allocate_exact_size(vec2(width, 9.0), Sense::hover());
            let ends = gap.left() + 8.0..=gap.right() - 8.0;
            ui.painter().hline(ends, gap.center().y, Stroke::new(1.0, if t.dark { t.surface3 } else { t.line }));
        }
        let on = choice.value == *current;
        if choice_row(ui, t, id.with(n), width, choice, on) {
            chosen = Some(choice.value.clone());
            ui.close();
        }
    }
    chosen
}

fn choice_row<V>(ui: &mut Ui, t: &Tokens, id: Id, width: f32, choice: &Choice<V>, on: bool) -> bool {
    let (_, row) = ui.allocate_space(vec2(width, 40.0));
    let response = ui.interact(row, id, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, on, &choice.label));
    if !choice.note.is_empty() {
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_description(choice.note.as_str()));
    }
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(row, corner(9.0), if t.dark { t.surface3 } else { t.surface2 });
    }
    focus_ring(ui, t, &response.clone().with_new_rect(row.shrink(3.0)), 7.0);
    let p = ui.painter();
    if on {
        p.text(pos2(row.left() + 18.0, row.center().y), CENTER, icons::CHECK, icon(16.0), t.accent_text);
    }
    let (note, _) = elided(p, &choice.note, regular(12.5), t.text2, width / 2.0);
    let room = width - 36.0 - 14.0 - if choice.note.is_empty() { 0.0 } else { note.size().x + 10.0 };
    let font = if on { medium(14.0) } else { regular(14.0) };
    let (words, cut) = elided(p, &choice.label, font, t.text, room);
    p.galley(pos2(row.left() + 36.0, row.center().y - words.size().y / 2.0), words, t.text);
    p.galley(pos2(row.right() - 14.0 - note.size().x, row.center().y - note.size().y / 2.0), note, t.text2);
    let clicked = response.clicked();
    if cut {
        tooltip(response, t, Some(&choice.label), None);
    }
    clicked
}
