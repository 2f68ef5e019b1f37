//! Rows of the call's menus, and the menu of one person: how loud they are, muted for oneself, pinned, their connection.

use eframe::egui::accesskit::Role;
use eframe::egui::{
    Align2, CursorIcon, Id, Popup, PopupCloseBehavior, RectAlign, Response, Sense, Slider, Ui, WidgetInfo, pos2, vec2,
};

use super::order::Who;
use super::tile::Tile;
use crate::model::command::Command;
use crate::model::id::Callee;
use crate::ui::app::Scene;
use crate::ui::icons;
use crate::ui::paint::{CENTER, LEFT, elided, rect};
use crate::ui::theme::{DARK, corner, icon, medium};
use crate::ui::widgets::{focus_ring, popup_frame};

const WIDTH: f32 = 248.0;

/// One thing to do; says whether it was chosen.
pub(super) fn row(
    ui: &mut Ui,
    id: impl std::hash::Hash + std::fmt::Debug,
    glyph: &str,
    words: &str,
    key: &str,
) -> bool {
    let t = DARK;
    let (_, r) = ui.allocate_space(vec2(WIDTH, 40.0));
    let response = ui.interact(r, Id::unique(("menu-row", id)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::MenuItem, true, words));
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(r, corner(9.0), t.surface3);
    }
    focus_ring(ui, &t, &response.clone().with_new_rect(r.shrink(3.0)), 7.0);
    ui.painter().text(pos2(r.left() + 20.0, r.center().y), CENTER, glyph, icon(18.0), t.text2);
    ui.painter().text(pos2(r.left() + 42.0, r.center().y), LEFT, words, medium(14.0), t.text);
    ui.painter().text(pos2(r.right() - 12.0, r.center().y), Align2::RIGHT_CENTER, key, medium(12.0), t.text3);
    response.on_hover_cursor(CursorIcon::PointingHand).clicked()
}

/// How loud somebody is played, percent; returns what was chosen. `name` is whose volume it is, for a screen reader.
pub(super) fn volume(ui: &mut Ui, name: &str, percent: u8) -> Option<u8> {
    let t = DARK;
    let (_, r) = ui.allocate_space(vec2(WIDTH, 62.0));
    let glyph = if percent == 0 { icons::SPEAKER_SLASH } else { icons::SPEAKER_HIGH };
    ui.painter().text(pos2(r.left() + 20.0, r.top() + 18.0), CENTER, glyph, icon(18.0), t.text2);
    let words = if percent == 0 { "Muted for you".to_owned() } else { format!("Volume, {percent} %") };
    ui.painter().text(pos2(r.left() + 42.0, r.top() + 18.0), LEFT, words, medium(14.0), t.text);
    let mut value = percent;
    let slider = ui.scope(|ui| {
        ui.spacing_mut().slider_width = 192.0;
        ui.visuals_mut().selection.bg_fill = t.fill;
        ui.visuals_mut().widgets.inactive.bg_fill = t.surface3;
        let slider = Slider::new(&mut value, 0..=200).show_value(false).trailing_fill(true);
        ui.put(rect(r.left() + 42.0, r.top() + 32.0, 194.0, 22.0), slider)
    });
    let name = format!("Volume of {name}");
    ui.ctx().accesskit_node_builder(slider.inner.id, |node| node.set_label(name));
    (value != percent).then_some(value)
}

/// The menu of one person, opened by the button that gave this response. `place` tells two such buttons apart.
pub(super) fn person(s: &mut Scene<'_>, response: &Response, place: &str, tile: &Tile<'_>) {
    let t = DARK;
    let id = list_id(place, tile.who);
    let popup = Popup::menu(response).id(id).align(RectAlign::BOTTOM_END).width(WIDTH + 12.0).gap(6.0);
    popup.close_behavior(PopupCloseBehavior::CloseOnClickOutside).frame(popup_frame(&t)).show(|ui| {
        ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
        let (_, r) = ui.allocate_space(vec2(WIDTH, 30.0));
        let (words, _) = elided(ui.painter(), &tile.name, medium(12.5), t.text3, WIDTH - 24.0);
        ui.painter().galley(pos2(r.left() + 12.0, r.center().y - words.size().y / 2.0), words, t.text3);
        if let (Who::Them(of), Some(percent)) = (tile.who, tile.volume) {
            sound(ui, s, tile, of, percent);
        }
        let pinned = s.state.call.seats.is_pinned(tile.who);
        let (glyph, words) =
            if pinned { (icons::PUSH_PIN_SLASH, "Take the pin out") } else { (icons::PUSH_PIN, "Pin to the stage") };
        if row(ui, ("pin", place, tile.who), glyph, words, "") {
            s.state.call.seats.toggle_pin(tile.who);
            ui.close();
        }
        if let Who::Them(of) = tile.who {
            if tile.is_connected() && row(ui, ("figures", place, tile.who), icons::CHART_LINE, "Connection figures", "")
            {
                s.state.call.statistics = true;
                s.state.call.statistics_of = Some(of);
                ui.close();
            }
            if let Callee::Peer(peer) = of
                && row(ui, ("copy", place, tile.who), icons::COPY, "Copy ID", "")
            {
                ui.ctx().copy_text(peer.to_string());
                ui.close();
            }
        }
    });
}

/// The list that [`person`] opens.
pub(super) fn list_id(place: &str, who: Who) -> Id {
    Id::unique(("person-menu", place, who))
}

fn sound(ui: &mut Ui, s: &mut Scene<'_>, tile: &Tile<'_>, of: Callee, percent: u8) {
    if let Some(percent) = volume(ui, &tile.name, percent) {
        s.send(Command::Volume { of, percent });
    }
    let (glyph, words) = mute_words(percent);
    if row(ui, ("mute", tile.who), glyph, words, "") {
        toggle_mute(s, of, percent);
    }
}

/// What the button says that mutes somebody for oneself alone, or undoes it.
pub(super) fn mute_words(percent: u8) -> (&'static str, &'static str) {
    if percent == 0 { (icons::SPEAKER_HIGH, "Hear again") } else { (icons::SPEAKER_SLASH, "Mute for me") }
}

/// Mutes somebody for oneself alone, or plays them as loud as before.
pub(super) fn toggle_mute(s: &mut Scene<'_>, of: Callee, percent: u8) {
    let before = if percent == 0 { s.state.call.loud.remove(&of).unwrap_or(100) } else { 0 };
    if percent > 0 {
        s.state.call.loud.insert(of, percent);
    }
    s.send(Command::Volume { of, percent: before });
}
