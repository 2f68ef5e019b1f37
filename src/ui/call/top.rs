//! The strip at the top: encryption, time, path; and the icons at its right.

use eframe::egui::accesskit::Role;
use eframe::egui::{Color32, Id, Rect, Sense, Stroke, Ui, ViewportCommand, WidgetInfo, pos2, vec2};

use super::order::Kind as Seated;
use super::{State, has_layouts, name, people, signal, stage_words, worst};
use crate::model::command::Command;
use crate::model::snapshot::{CallView, SayAgain, Stage};
use crate::ui::app::Scene;
use crate::ui::icons;
use crate::ui::paint::{CENTER, LEFT, chip, glass, label, rect, width};
use crate::ui::theme::{DARK, icon_fill, medium, regular, semibold};
use crate::ui::widgets::{Button, Kind};
use crate::ui::words;

/// The `n`th icon from the right.
fn place(stage: Rect, n: f32) -> Rect {
    rect(stage.right() - 16.0 - 36.0 - 44.0 * n, stage.top() + 16.0, 36.0, 36.0)
}

/// The icon of the connection.
pub(super) fn connection(stage: Rect) -> Rect {
    place(stage, 2.0)
}

pub(super) fn show(
    ui: &mut Ui,
    s: &mut Scene<'_>,
    stage: Rect,
    view: &CallView,
    picture: Option<Rect>,
    face_to_face: bool,
) {
    // The strip and the buttons are equally high up.
    let on_picture = picture.is_some_and(|picture| picture.contains(stage.min + vec2(16.0, 24.0)));
    if face_to_face {
        strip(ui, stage, view, on_picture);
    } else {
        head(ui, stage, view);
    }
    let kind = match (on_picture, face_to_face) {
        (true, _) => Kind::Glass,
        (_, true) => Kind::Second,
        _ => Kind::Ghost,
    };
    let connected = matches!(view.stage, Stage::Connected | Stage::Reconnecting);
    let at = |n: f32| place(stage, n);
    let full = ui.ctx().input(|i| i.viewport().fullscreen.unwrap_or(false));
    let (glyph, name) =
        if full { (icons::ARROWS_IN_SIMPLE, "Leave full screen") } else { (icons::ARROWS_OUT_SIMPLE, "Full screen") };
    let button = Button::new("call-full-screen", at(0.0), kind).icon(glyph).icon_size(19.0).radius(11.0);
    if button.name(name).tip(name).key("F11").show(ui, &DARK).clicked() {
        ui.ctx().send_viewport_cmd(ViewportCommand::Fullscreen(!full));
    }
    if connected && !view.members.is_empty() {
        let button = Button::new("call-statistics", at(2.0), kind).radius(11.0).name("Connection").tip("Connection");
        if button.pressed(s.state.call.statistics).show(ui, &DARK).clicked() {
            (s.state.call.statistics, s.state.call.statistics_of) = (!s.state.call.statistics, None);
        }
        let quality = worst(view).map(|member| member.quality.verdict.quality()).unwrap_or_default();
        signal::bars(ui, at(2.0).center(), quality);
        say_again(ui, s, at(3.0), kind, on_picture);
    }
    if has_layouts(view) {
        let grid = s.state.call.seats.seating().kind == Seated::Grid;
        // Named after what it leads to.
        let (glyph, name) =
            if grid { (icons::USER_RECTANGLE, "Speaker large") } else { (icons::SQUARES_FOUR, "Everybody alike") };
        let button = Button::new("call-layout", at(1.0), kind).icon(glyph).icon_size(19.0).radius(11.0);
        if button.name(name).tip(name).key("G").show(ui, &DARK).clicked() {
            State::switch_layout(s);
        }
    }
}

/// Above several people: what the room is called, and how long and how many they are.
fn head(ui: &mut Ui, stage: Rect, view: &CallView) {
    let t = DARK;
    let (x, room) = (stage.left() + 16.0, stage.width() - 32.0 - 4.0 * 44.0);
    let named = view.first().filter(|_| view.room.is_none());
    let title = named.map_or_else(|| view.name().to_owned(), name);
    let locked = view.room.as_ref().is_some_and(|room| room.locked);
    let end = label(ui, pos2(x, stage.top() + 25.0), LEFT, &title, semibold(16.0), t.text, room - 24.0).right();
    if locked {
        let at = rect(end + 6.0, stage.top() + 15.0, 20.0, 20.0);
        ui.painter().text(at.center(), CENTER, icons::LOCK, icon_fill(15.0), t.text2);
        let response = ui.interact(at, Id::unique("call-locked"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, "Password set"));
        response.on_hover_text("Only who knows the password gets in");
    }
    let count = people::count(view);
    let count = if count == 1 { "1 person".to_owned() } else { format!("{count} people") };
    let time = if view.stage == Stage::Connected { words::clock(view.seconds) } else { stage_words(view) };
    let encrypted = if room < 330.0 { "Encrypted" } else { "End-to-end encrypted" };
    let parts = [encrypted, time.as_str(), count.as_str()].join("  ·  ");
    let y = stage.top() + 46.0;
    let after = ui.painter().text(pos2(x, y), LEFT, icons::LOCK, icon_fill(14.0), t.text2).right() + 6.0;
    let line = label(ui, pos2(after, y), LEFT, &parts, regular(13.0), t.text2, room - 20.0);
    let response = ui.interact(line, Id::unique("call-strip"), Sense::hover());
    response.on_hover_text("What is said and shown here can be read by these people only");
}

/// Plays the last seconds again, where they are kept; says for how long while it does.
fn say_again(ui: &mut Ui, s: &mut Scene<'_>, at: Rect, kind: Kind, on_picture: bool) {
    let (playing, left_s) = match s.snap.media.say_again {
        SayAgain::Off => return,
        SayAgain::Ready => (false, 0),
        SayAgain::Playing { left_s } => (true, left_s),
    };
    let kind = if playing { Kind::Primary } else { kind };
    let button = Button::new("call-say-again", at, kind).icon(icons::CLOCK_COUNTER_CLOCKWISE).icon_size(19.0);
    let tip = if playing { "Stop the replay" } else { "Play the last 20 s again, for you only" };
    let button = button.radius(11.0).filled(playing).name("Say that again").pressed(playing);
    if button.tip(tip).key("R").show(ui, &DARK).clicked() {
        s.send(Command::SayAgain(!playing));
    }
    if playing {
        let words = format!("Again, {left_s} s");
        let parts = [(words.as_str(), medium(13.0), Color32::WHITE)];
        let wide = width(ui.painter(), &words, medium(13.0)) + 20.0;
        chip(ui, pos2(at.left() - 8.0 - wide, at.center().y - 14.0), on_picture, &parts, &words, 160.0);
    }
}

fn strip(ui: &mut Ui, stage: Rect, view: &CallView, picture: bool) {
    let time = match view.stage {
        Stage::Connected => words::clock(view.seconds),
        _ => stage_words(view),
    };
    let path = view.first().map_or("", |member| member.path.as_str());
    let room = view.room.as_ref().map_or("", |room| room.name.as_str());
    let parts = [("", room), (icons::LOCK, "Encrypted"), ("", time.as_str()), (icons::ARROWS_LEFT_RIGHT, path)];
    let parts: Vec<_> = parts.into_iter().filter(|(_, words)| !words.is_empty()).collect();
    let part = |ui: &Ui, glyph: &str, words: &str| {
        width(ui.painter(), words, medium(13.0)) + if glyph.is_empty() { 0.0 } else { 21.0 } + 24.0
    };
    let w = parts.iter().map(|(glyph, words)| part(ui, glyph, words)).sum::<f32>();
    let r = rect(stage.left() + 16.0, stage.top() + 16.0, w, 36.0);
    glass(ui.painter(), r, 11.0, picture);
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
