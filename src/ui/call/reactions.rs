//! Reactions: five to choose from, and how one rises over the tile of whoever sent it, for four seconds.

use std::collections::HashMap;
use std::time::Duration;

use eframe::egui::accesskit::{Live, Role};
use eframe::egui::{Color32, CursorIcon, Id, Rect, Sense, Ui, WidgetInfo, pos2, vec2};

use super::order::Who;
use super::tile::Tile;
use crate::model::command::Command;
use crate::model::reaction::Reaction;
use crate::ui::app::Scene;
use crate::ui::paint::{CENTER, rect};
use crate::ui::theme::{DARK, corner, regular};
use crate::ui::widgets::{focus_ring, tooltip};

/// How long one is to be seen, seconds.
const SECONDS: f64 = 4.0;
const MOTION: Duration = Duration::from_millis(33);

/// What rises now, and since when (egui's time).
#[derive(Debug, Default)]
pub(super) struct Floats {
    risen: HashMap<Who, (Reaction, f64)>,
}

impl Floats {
    /// Sees what somebody shows; what rises over their tile, and for how long it has, seconds.
    fn see(&mut self, who: Who, told: Option<Reaction>, now: f64) -> Option<(Reaction, f64)> {
        let before = self.risen.get(&who).copied();
        match (before, told) {
            // The other side tells it for as long as it lasts: once over, it must have been taken back to come again.
            (Some((reaction, _)), Some(told)) if reaction == told => {}
            (_, Some(told)) => {
                self.risen.insert(who, (told, now));
            }
            (Some((_, since)), None) if now - since >= SECONDS => {
                self.risen.remove(&who);
            }
            (_, None) => {}
        }
        let (reaction, since) = *self.risen.get(&who)?;
        Some((reaction, now - since)).filter(|(_, age)| *age < SECONDS)
    }

    /// One of our own.
    fn mine(&mut self, reaction: Reaction, now: f64) {
        self.risen.insert(Who::Me, (reaction, now));
    }
}

/// Lets it rise over this tile.
pub(super) fn float(ui: &mut Ui, s: &mut Scene<'_>, tile: &Tile<'_>, area: Rect, small: bool) {
    let Some((reaction, age)) = s.state.call.floats.see(tile.who, tile.reaction, s.time) else { return };
    let size = if small { 26.0 } else { (area.height() * 0.17).clamp(28.0, 64.0) };
    let done = (age / SECONDS) as f32;
    let slow = 1.0 - (1.0 - done).powi(2);
    let from = area.bottom() - size * 1.1;
    let rise = (area.height() * 0.6).min(260.0);
    let sway = (age * 2.2).sin() as f32 * size * 0.16;
    // Beside the face, which is in the middle.
    let at = pos2(area.right() - area.width() * 0.17 + sway, from - rise * slow);
    let seen = ((age as f32) / 0.2).min(1.0) * ((SECONDS as f32 - age as f32) / 0.8).clamp(0.0, 1.0);
    let grown = size * (0.6 + 0.4 * ((age as f32) / 0.25).min(1.0));
    ui.painter().text(at, CENTER, reaction.emoji(), regular(grown.round()), Color32::WHITE.gamma_multiply(seen));
    ui.ctx().request_repaint_after(MOTION);
    let response =
        ui.interact(Rect::from_center_size(at, vec2(size, size)), Id::unique(("reaction", tile.who)), Sense::hover());
    let words = format!("{}: {}", tile.name, reaction.word());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &words));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(Live::Polite));
}

/// The five, in a row of this width; closes the menu once one was chosen.
pub(super) fn choice(ui: &mut Ui, s: &mut Scene<'_>, width: f32) {
    let t = DARK;
    let (_, r) = ui.allocate_space(vec2(width, 54.0));
    let each = width / Reaction::ALL.len() as f32;
    for (n, reaction) in Reaction::ALL.into_iter().enumerate() {
        let q = rect(r.left() + each * n as f32, r.top() + 3.0, each, 48.0);
        let response = ui.interact(q, Id::unique(("react", reaction)), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::MenuItem, true, reaction.word()));
        if response.hovered() || response.has_focus() {
            ui.painter().rect_filled(q.shrink2(vec2(1.0, 2.0)), corner(12.0), t.surface3);
        }
        focus_ring(ui, &t, &response.clone().with_new_rect(q.shrink(4.0)), 10.0);
        ui.painter().text(q.center(), CENTER, reaction.emoji(), regular(24.0), Color32::WHITE);
        let response = tooltip(response.on_hover_cursor(CursorIcon::PointingHand), &t, Some(reaction.word()), None);
        if response.clicked() {
            s.send(Command::React(reaction));
            s.state.call.floats.mine(reaction, s.time);
            ui.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reaction_rises_once_for_four_seconds() {
        let mut floats = Floats::default();
        let [one, other, ..] = Reaction::ALL;
        let mut see = |told, now| floats.see(Who::Me, told, now).map(|(reaction, _)| reaction);
        assert_eq!(see(None, 0.0), None);
        assert_eq!(see(Some(one), 1.0), Some(one));
        assert_eq!(see(None, 2.0), Some(one), "what was told rises to its end");
        assert_eq!(see(Some(other), 3.0), Some(other));
        assert_eq!(see(Some(other), 8.0), None, "nobody lets it rise for ever");
        assert_eq!(see(None, 9.0), None);
        assert_eq!(see(Some(other), 10.0), Some(other), "the same again");
    }
}
