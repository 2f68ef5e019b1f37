//! The green room: a last look at oneself and one's devices before a call.

use eframe::egui::{Color32, Rect, Stroke, Ui, pos2, vec2};

use super::app::{Place, Scene};
use super::devices::{Which, caption, drop_down, meter_block, preview};
use super::home::status;
use super::icons;
use super::paint::{LEFT, avatar, card, label, rect, shadow, tile_icon};
use super::settings::Page;
use super::theme::{regular, semibold};
use super::widgets::{Button, Kind, switch};
use crate::model::command::Command;
use crate::model::id::Callee;
use crate::model::snapshot::ServerState;

/// The call that is about to be made, or the room that is about to be entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What does it.
    pub command: Command,
    /// What to call them, or the room.
    pub name: String,
    /// With picture.
    pub video: bool,
}

impl Target {
    /// Makes the call.
    pub fn call(&self, s: &mut Scene<'_>) {
        s.send(self.command.clone());
        s.state.place = Place::Home;
    }

    fn is_room(&self) -> bool {
        matches!(self.command, Command::JoinRoom { .. })
    }
}

fn wide(all: Rect) -> bool {
    all.width() >= 1000.0
}

/// How much room it needs.
pub fn height(all: Rect) -> f32 {
    if wide(all) {
        (all.width() - 496.0) * 9.0 / 16.0 + 359.0
    } else {
        let w = all.width() - 2.0 * margin(all);
        (w * 9.0 / 16.0).min(320.0) + 96.0 + 340.0 + 112.0 + 124.0
    }
}

fn margin(all: Rect) -> f32 {
    if all.width() < 800.0 { 28.0 } else { 48.0 }
}

/// Shows it.
pub fn show(ui: &mut Ui, s: &mut Scene<'_>, all: Rect, target: &Target) {
    let m = margin(all);
    header(ui, s, all, target);
    let left = all.left() + m;
    let picture = if wide(all) {
        let w = (all.width() - 496.0).min((all.height() - 359.0) * 16.0 / 9.0);
        rect(left, all.top() + 96.0, w, w * 9.0 / 16.0)
    } else {
        let h = ((all.width() - 2.0 * m) * 9.0 / 16.0).min(320.0);
        let w = h * 16.0 / 9.0;
        rect(all.center().x - w / 2.0, all.top() + 96.0, w, h)
    };
    shadow(ui.painter(), picture, 18.0, 28, 8, s.t.shadow);
    preview(ui, s, picture, 18.0);
    toggles(ui, s, picture);
    let (devices, cards) = if wide(all) {
        let x = picture.right() + 32.0;
        let devices = rect(x, all.top() + 118.0, all.right() - m - x, 300.0);
        (devices, rect(left, picture.bottom() + 24.0, picture.width(), 88.0))
    } else {
        let devices = rect(left, picture.bottom() + 44.0, all.width() - 2.0 * m, 300.0);
        (devices, rect(left, devices.bottom() - 6.0, devices.width(), 88.0))
    };
    choose(ui, s, devices);
    network(ui, s, rect(cards.left(), cards.top(), (cards.width() - 16.0) / 2.0, 88.0));
    test(ui, s, Rect::from_min_max(pos2(cards.center().x + 8.0, cards.top()), cards.max));
    footer(ui, s, all, target);
}

fn header(ui: &mut Ui, s: &mut Scene<'_>, all: Rect, target: &Target) {
    let t = s.t;
    let (m, y) = (margin(all), all.top() + 48.0);
    let left = all.left() + m;
    let back = Button::new("green-back", rect(left, y - 20.0, 40.0, 40.0), Kind::Second).radius(12.0);
    if back.icon(icons::ARROW_LEFT).icon_size(18.0).name("Back").tip("Back").key("Esc").show(ui, &t).clicked() {
        s.state.place = Place::Home;
    }
    avatar(ui.painter(), pos2(left + 80.0, y), 20.0, &target.name);
    let room = all.width() - 2.0 * m - 170.0;
    label(ui, pos2(left + 114.0, y - 11.0), LEFT, &target.name, semibold(17.0), t.text, room);
    let words = match (target.is_room(), target.video) {
        (true, true) => "Room",
        (true, false) => "Room: your camera stays off",
        (false, true) => "Video call",
        (false, false) => "Audio call: your camera stays off",
    };
    label(ui, pos2(left + 114.0, y + 11.0), LEFT, words, regular(13.0), t.text2, room);
    let at = Rect::from_center_size(pos2(all.right() - m - 11.0, y), vec2(36.0, 36.0));
    let gear = Button::new("green-settings", at, Kind::Ghost).icon(icons::GEAR_SIX).icon_size(21.0);
    if gear.name("Settings").key("Ctrl+,").show(ui, &t).clicked() {
        s.state.settings.open(Page::Audio);
    }
}

/// Microphone and camera, on or off, on the picture.
fn toggles(ui: &mut Ui, s: &mut Scene<'_>, picture: Rect) {
    let t = super::theme::DARK;
    let media = &s.snap.media;
    let (muted, camera_on) = (media.muted, media.camera_on);
    let (w, y) = (158.0, picture.bottom() - 64.0);
    let at = |n: f32| rect(picture.center().x - w - 5.0 + n * (w + 10.0), y, w, 48.0);
    let (glyph, words) = if muted { (icons::MICROPHONE_SLASH, "Muted") } else { (icons::MICROPHONE, "Microphone on") };
    let kind = if muted { Kind::Off } else { Kind::Glass };
    let microphone = Button::new("green-microphone", at(0.0), kind).icon(glyph).label(words).size(13.5).radius(24.0);
    if microphone
        .icon_size(20.0)
        .name("Microphone")
        .pressed(!muted)
        .tip("Microphone on or off")
        .key("M")
        .show(ui, &t)
        .clicked()
    {
        s.send(Command::Mute(!muted));
    }
    let (glyph, words) =
        if camera_on { (icons::VIDEO_CAMERA, "Camera on") } else { (icons::VIDEO_CAMERA_SLASH, "Camera off") };
    let kind = if camera_on { Kind::Glass } else { Kind::Off };
    let camera = Button::new("green-camera", at(1.0), kind).icon(glyph).label(words).size(13.5).radius(24.0);
    if camera.icon_size(20.0).name("Camera").pressed(camera_on).tip("Camera on or off").key("V").show(ui, &t).clicked()
    {
        s.send(Command::Camera(!camera_on));
    }
}

fn choose(ui: &mut Ui, s: &mut Scene<'_>, d: Rect) {
    let t = s.t;
    let (x, w) = (d.left(), d.width());
    let field = rect(x, d.top(), w, 44.0);
    caption(ui, s, Which::Camera, field, field.right());
    drop_down(ui, s, Which::Camera, "green", field);
    let field = rect(x, d.top() + 90.0, w, 44.0);
    caption(ui, s, Which::Microphone, field, field.right());
    drop_down(ui, s, Which::Microphone, "green", field);
    meter_block(ui, s, x, d.top() + 148.0, w);
    let field = rect(x, d.top() + 226.0, w - 132.0, 44.0);
    caption(ui, s, Which::Speaker, field, x + w);
    drop_down(ui, s, Which::Speaker, "green", field);
    let at = rect(x + w - 124.0, d.top() + 226.0, 124.0, 44.0);
    if Button::new("green-sound", at, Kind::Second)
        .icon(icons::PLAY)
        .label("Play sound")
        .size(13.5)
        .show(ui, &t)
        .clicked()
    {
        s.send(Command::PlayTestSound);
    }
}

fn network(ui: &mut Ui, s: &Scene<'_>, k: Rect) {
    let t = &s.t;
    card(ui.painter(), t, k, 18.0);
    let (words, online, problem) = status(&s.snap.server);
    let y = k.center().y;
    let (glyph, ground, ink) = match (online, problem) {
        (true, _) => (icons::CHECK, t.accent_soft, t.accent_text),
        (_, true) => (icons::WIFI_SLASH, t.amber_soft, t.amber),
        _ => (icons::WIFI_HIGH, t.surface2, t.text2),
    };
    tile_icon(ui.painter(), pos2(k.left() + 44.0, y), 44.0, glyph, ground, ink);
    let sub = match &s.snap.server {
        ServerState::Online { rtt_ms: Some(ms), .. } => format!("The server answers in {ms} ms"),
        ServerState::Online { .. } => "The server is there".to_owned(),
        ServerState::Connecting => "Looking for the server".to_owned(),
        ServerState::Reconnecting { reason, .. } | ServerState::Offline { reason } => super::devices::sentence(reason),
    };
    let room = k.width() - 98.0;
    label(ui, pos2(k.left() + 82.0, y - 11.0), LEFT, words, semibold(15.0), t.text, room);
    label(ui, pos2(k.left() + 82.0, y + 11.0), LEFT, &sub, regular(13.0), t.text2, room);
}

fn test(ui: &mut Ui, s: &mut Scene<'_>, k: Rect) {
    let t = s.t;
    card(ui.painter(), &t, k, 18.0);
    let y = k.center().y;
    tile_icon(ui.painter(), pos2(k.left() + 44.0, y), 44.0, icons::WAVEFORM, t.surface2, t.text2);
    let room = k.width() - 82.0 - 108.0;
    label(ui, pos2(k.left() + 82.0, y - 11.0), LEFT, "Test call", semibold(15.0), t.text, room);
    let words = "Hear yourself as others will";
    label(ui, pos2(k.left() + 82.0, y + 11.0), LEFT, words, regular(13.0), t.text2, room);
    let at = rect(k.right() - 96.0, y - 18.0, 80.0, 36.0);
    let start = Button::new("green-test", at, Kind::Second).icon(icons::PLAY).label("Start").size(13.0);
    if start.name("Start test call").show(ui, &t).clicked() {
        s.send(Command::Call { to: Callee::Echo, video: true });
    }
}

fn footer(ui: &mut Ui, s: &mut Scene<'_>, all: Rect, target: &Target) {
    let t = s.t;
    let m = margin(all);
    let bottom = all.bottom() - 48.0;
    let (left, right) = (all.left() + m, all.right() - m);
    let line = Stroke::new(1.0, t.line);
    ui.painter().hline(left..=right, (bottom - 76.0).round() + 0.5, line);
    let y = bottom - 26.0;
    let room = right - left - 368.0;
    let on = s.snap.settings.green_room;
    if let Some(on) = switch(ui, &t, "green-room", left + 44.0, y, on, "Show this before every call") {
        s.change(|settings| settings.green_room = on);
    }
    label(ui, pos2(left + 60.0, y), LEFT, "Show this before every call", regular(14.0), t.text, room - 60.0);
    let cancel = Button::new("green-cancel", rect(right - 368.0, y - 26.0, 112.0, 52.0), Kind::Ghost).label("Cancel");
    if cancel.size(15.0).key("Esc").show(ui, &t).clicked() {
        s.state.place = Place::Home;
    }
    let first = target.name.split_whitespace().next().unwrap_or(&target.name);
    let words = if target.is_room() { format!("Join {}", target.name) } else { format!("Call {first}") };
    let glyph = if target.video { icons::VIDEO_CAMERA } else { icons::PHONE };
    let call = Button::new("green-call", rect(right - 248.0, y - 26.0, 248.0, 52.0), Kind::Primary);
    if call.icon(glyph).label(&words).size(16.0).ink(Color32::WHITE).key("Enter").show(ui, &t).clicked() {
        target.call(s);
    }
}
