//! Several people on the screen: everybody's tile where [`super::layout`] puts it, in the order of
//! [`order`](super::order).

use std::collections::HashMap;

use eframe::egui::accesskit::Role;
use eframe::egui::{CursorIcon, Id, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2};

use super::State;
use super::layout::{self, Mode, More, Place, WIDE, Wish};
use super::order::{Kind as Why, Seating, Who};
use super::share;
use super::tile::{self, Tile};
use crate::model::id::CallId;
use crate::model::snapshot::{CallView, RoomView};
use crate::ui::app::Scene;
use crate::ui::home::room_invitation;
use crate::ui::icons;
use crate::ui::paint::{CENTER, avatar, glass, label, rect};
use crate::ui::theme::{DARK, corner, medium, regular, semibold};
use crate::ui::widgets::{Button, Kind, focus_ring};

/// How long a tile glides to where it belongs now, seconds.
const GLIDE: f32 = 0.18;

/// Between the strip at the top and the bar.
fn area(stage: Rect) -> Rect {
    Rect::from_min_max(pos2(stage.left() + 16.0, stage.top() + 68.0), pos2(stage.right() - 16.0, stage.bottom() - 96.0))
}

/// Shows everybody; tells whose picture is to be seen where.
pub(super) fn show(
    ui: &mut Ui,
    s: &mut Scene<'_>,
    stage: Rect,
    view: &CallView,
    seating: &Seating,
) -> Vec<(CallId, Rect)> {
    ui.painter().rect_filled(stage, 0.0, DARK.bg);
    let area = area(stage);
    let mine = Tile::mine(s.snap);
    let legs: HashMap<Who, CallId> = view.members.iter().map(|member| (Who::Them(member.peer), member.call)).collect();
    let others: HashMap<Who, Tile<'_>> =
        view.members.iter().map(|member| (Who::Them(member.peer), Tile::of(member))).collect();
    let order: Vec<&Tile<'_>> = seating
        .large
        .iter()
        .chain(&seating.rest)
        .filter_map(|who| if *who == Who::Me { Some(&mine) } else { others.get(who) })
        .collect();
    let mode = match (seating.kind, order.first()) {
        (Why::Speaker, _) => Mode::Speaker,
        (Why::Pinned, _) => Mode::Pinned(seating.large.len()),
        (Why::Share, Some(first)) => {
            Mode::Share { screens: seating.large.len(), aspect: tile::shape(s, first).unwrap_or(WIDE) }
        }
        _ => Mode::Grid,
    };
    let head = if s.snap.media.sharing.is_some() { share::ROOM } else { 0.0 };
    let wish = Wish { tiles: order.len(), aspect: WIDE, mode, head, page: s.state.call.page };
    let places = layout::arrange(area, &wish);
    if places.more.is_none() {
        s.state.call.page = 0;
    }
    // Whoever drags the window's edge wants it to follow at once.
    let resized = s.state.call.area.replace(area) != Some(area);
    let mut seen = Vec::new();
    for place in &places.tiles {
        let Some(tile) = order.get(place.tile) else { continue };
        let at = layout::crisp(glide(ui, tile.who, place.area, resized));
        tile::show(ui, s, tile, at, place.small);
        seen.extend(legs.get(&tile.who).map(|leg| (*leg, at)));
    }
    if let Some(more) = &places.more {
        let hidden: Vec<_> = (0..order.len())
            .filter(|n| places.tiles.iter().all(|place: &Place| place.tile != *n))
            .filter_map(|n| order.get(n).copied())
            .collect();
        rest(ui, s, more, &hidden);
    }
    share::banner(ui, s, places.head);
    if let (true, Some(place)) = (view.members.is_empty(), places.tiles.first()) {
        alone(ui, s, layout::crisp(place.area));
    }
    seen
}

/// A tile moves to another place rather than jumping there.
fn glide(ui: &Ui, who: Who, to: Rect, at_once: bool) -> Rect {
    let time = if at_once { 0.0 } else { GLIDE };
    let one = |n: u8, value: f32| ui.ctx().animate_value_with_time(Id::unique(("tile-place", who, n)), value, time);
    Rect::from_min_max(pos2(one(0, to.left()), one(1, to.top())), pos2(one(2, to.right()), one(3, to.bottom())))
}

/// Stands for those who are not shown, and leads to them.
fn rest(ui: &mut Ui, s: &mut Scene<'_>, more: &More, hidden: &[&Tile<'_>]) {
    let t = DARK;
    let area = layout::crisp(more.area);
    let words = format!("and {} more", more.hidden);
    let talks = hidden.iter().find(|tile| tile.speaking && !tile.muted);
    let spoken = match talks {
        Some(tile) => format!("{words}, {} is speaking", tile.name),
        None => words.clone(),
    };
    let response = ui.interact(area, Id::unique("tiles-more"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &spoken));
    let hot = response.hovered();
    let ground = if hot { t.surface3 } else { t.surface2 };
    ui.painter().rect(area, corner(16.0), ground, Stroke::new(1.0, t.line), StrokeKind::Inside);
    if talks.is_some() {
        ui.painter().rect_stroke(area, corner(16.0), Stroke::new(3.0, t.accent), StrokeKind::Outside);
    }
    let radius = (area.height() * 0.13).clamp(12.0, 28.0);
    let shown = hidden.len().min(3);
    let step = radius * 1.5;
    let y = area.center().y - radius * 0.7;
    for (n, tile) in hidden.iter().take(shown).enumerate() {
        let x = area.center().x + step * (n as f32 - (shown as f32 - 1.0) / 2.0);
        ui.painter().circle_filled(pos2(x, y), radius + 2.0, ground);
        let name = if tile.who == Who::Me { &s.snap.settings.name } else { &tile.name };
        avatar(ui.painter(), pos2(x, y), radius, name);
    }
    let below = (area.height() * 0.2).clamp(12.0, 20.0);
    ui.painter().text(pos2(area.center().x, y + radius + below), CENTER, &words, medium(13.5), t.text);
    focus_ring(ui, &t, &response, 16.0);
    if response.on_hover_cursor(CursorIcon::PointingHand).clicked() {
        s.state.call.page += 1;
    }
}

/// Nobody else is here: says so, and what to do.
fn alone(ui: &mut Ui, s: &mut Scene<'_>, area: Rect) {
    let t = DARK;
    let Some(view) = &s.snap.call else { return };
    let (title, words) = match (view.named_room(), view.unmet().count()) {
        (None, _) => ("Nobody else is here yet", "Whoever you invite is called at once".to_owned()),
        (Some(_), 0) if s.state.call.met => ("Nobody else is here", "Waiting for others…".to_owned()),
        (Some(_), 0) => ("You are the first here", "Waiting for others…".to_owned()),
        (Some(_), 1) => ("Connecting…", "Somebody else is here".to_owned()),
        (Some(_), n) => ("Connecting…", format!("{n} others are here")),
    };
    let w = 340.0_f32.min(area.width() - 24.0);
    let high = 132.0_f32.min(area.height());
    let k = rect(area.center().x - w / 2.0, area.bottom() - high - 16.0_f32.min(area.height() - high), w, high);
    glass(ui.painter(), k, 18.0, true);
    let y = k.top();
    label(ui, pos2(k.center().x, y + 30.0), CENTER, title, semibold(16.0), t.text, w - 24.0);
    label(ui, pos2(k.center().x, y + 54.0), CENTER, &words, regular(13.0), t.text2, w - 24.0);
    let at = rect(k.center().x - 92.0, y + 76.0, 184.0, 40.0);
    if let Some(room) = view.named_room() {
        return copy_invitation(ui, s, "alone", at, room);
    }
    let button =
        Button::new("room-invite", at, Kind::Primary).icon(icons::USER_PLUS).label("Invite somebody").size(14.0);
    if button.show(ui, &t).clicked() {
        State::open_people(s, true);
    }
}

/// What to tell others who shall come into a room with a name; `place` tells two such buttons apart.
pub(super) fn copy_invitation(ui: &mut Ui, s: &mut Scene<'_>, place: &str, at: Rect, room: &RoomView) {
    let copied = s.is_copied(ui.ctx(), "room");
    let (glyph, words) = if copied { (icons::CHECK, "Copied") } else { (icons::LINK_SIMPLE, "Copy invitation") };
    let button = Button::new(("room-copy", place), at, Kind::Primary).icon(glyph).label(words).size(14.0);
    if button.name("Copy the room's invitation").tip("Copy a line with the room's name").show(ui, &DARK).clicked() {
        let text = room_invitation(s.snap, room);
        s.copy(ui.ctx(), "room", text);
    }
}
