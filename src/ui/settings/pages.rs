//! What each page of the settings holds.

mod audio;
mod calls;
mod relays;

use eframe::egui::{Key, Rect, Stroke, StrokeKind, Ui, pos2};

use super::Page;
use crate::model::command::Command;
use crate::model::settings::{Settings, Theme};
use crate::model::snapshot::ServerState;
use crate::ui::app::Scene;
use crate::ui::devices::{Which, caption, drop_down, preview};
use crate::ui::home::{invitation, status};
use crate::ui::icons;
use crate::ui::paint::{LEFT, RIGHT, label, paragraph, rect};
use crate::ui::theme::{corner, medium, mono, regular, semibold};
use crate::ui::widgets::{Button, Choice, Kind, field, select, switch};
use crate::ui::{help, keys};

pub(super) use relays::Draft;

/// How high a page is.
pub(super) fn height(s: &Scene<'_>, page: Page) -> f32 {
    match page {
        Page::Profile => 320.0,
        Page::Audio => audio::height(),
        Page::Video => 520.0,
        Page::Calls => calls::HEIGHT,
        Page::Relays => relays::height(s),
        Page::Network => 360.0,
        Page::Keyboard => 110.0 + 27.0 * keys::MAP.len() as f32,
        Page::Appearance => 160.0,
        Page::About => 470.0,
    }
}

pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, a: Rect, page: Page) {
    match page {
        Page::Profile => profile(ui, s, a),
        Page::Audio => audio::show(ui, s, a),
        Page::Video => video(ui, s, a),
        Page::Calls => calls::show(ui, s, a),
        Page::Network => network(ui, s, a),
        Page::Relays => relays::show(ui, s, a),
        Page::Keyboard => keyboard(ui, s, a),
        Page::Appearance => appearance(ui, s, a),
        Page::About => about(ui, s, a),
    }
}

fn title(ui: &mut Ui, s: &Scene<'_>, x: f32, y: f32, words: &str) {
    label(ui, pos2(x, y), LEFT, words, semibold(13.0), s.t.text2, 300.0);
}

/// One row of a card of switches.
struct Row<'a> {
    id: &'a str,
    name: &'a str,
    sub: &'a str,
    on: bool,
}

/// How high a row is.
const ROW: f32 = 62.0;

/// A card of switches. Returns which was flipped, and its new value.
fn switches(ui: &mut Ui, s: &Scene<'_>, x: f32, y: f32, w: f32, rows: &[Row<'_>]) -> Option<(usize, bool)> {
    let t = &s.t;
    let card = rect(x, y, w, ROW * rows.len() as f32);
    ui.painter().rect(card, corner(14.0), t.inset, Stroke::new(1.0, t.line), StrokeKind::Inside);
    let mut flipped = None;
    for (n, row) in rows.iter().enumerate() {
        let at = rect(x, y + ROW * n as f32, w, ROW);
        if n > 0 {
            ui.painter().hline(at.left() + 16.0..=at.right() - 16.0, at.top(), Stroke::new(1.0, t.line));
        }
        let (y, room) = (at.center().y, w - 100.0);
        label(ui, pos2(x + 16.0, y - 10.0), LEFT, row.name, medium(14.5), t.text, room);
        label(ui, pos2(x + 16.0, y + 10.5), LEFT, row.sub, regular(12.5), t.text2, room);
        if let Some(on) = switch(ui, t, row.id, at.right() - 16.0, y, row.on, row.name) {
            flipped = Some((n, on));
        }
    }
    flipped
}

/// A card with one switch. Returns the new value once it was flipped.
fn switch_card(ui: &mut Ui, s: &Scene<'_>, at: Rect, id: &str, name: &str, sub: &str, on: bool) -> Option<bool> {
    switches(ui, s, at.left(), at.top(), at.width(), &[Row { id, name, sub, on }]).map(|(_, on)| on)
}

fn profile(ui: &mut Ui, s: &mut Scene<'_>, a: Rect) {
    let t = s.t;
    title(ui, s, a.left(), a.top(), "What people call you");
    let f = rect(a.left(), a.top() + 14.0, a.width(), 48.0);
    let mut name = s.state.settings.name.take().unwrap_or_else(|| s.snap.settings.name.clone());
    let response =
        field(ui, &t, "settings-name", f, icons::USER, "Your name", "Your name", &mut name, Settings::MAX_NAME, 8.0);
    let kept = name.trim().to_owned();
    if response.lost_focus() && !kept.is_empty() {
        s.change(|settings| settings.name = kept);
        if ui.input(|i| i.key_pressed(Key::Escape)) {
            name = s.snap.settings.name.clone();
        }
    }
    s.state.settings.name = Some(name);
    let y = a.top() + 96.0;
    title(ui, s, a.left(), y, "Your ID");
    let b = rect(a.left(), y + 14.0, a.width(), 56.0);
    ui.painter().rect_filled(b, corner(12.0), t.surface2);
    let id = s.snap.id.map(|id| id.to_string()).unwrap_or_default();
    label(ui, pos2(b.left() + 16.0, b.center().y), LEFT, &id, mono(14.0), t.text, b.width() - 240.0);
    let copied = s.is_copied(ui.ctx(), "id");
    let (glyph, words) = if copied { (icons::CHECK, "Copied") } else { (icons::COPY, "Copy") };
    let at = rect(b.right() - 99.0, b.top() + 9.0, 90.0, 38.0);
    let copy = Button::new("settings-copy-id", at, Kind::Soft).icon(glyph).label(words).size(13.5).name("Copy ID");
    if copy.enabled(s.snap.id.is_some()).show(ui, &t).clicked() {
        s.copy(ui.ctx(), "id", id);
    }
    let copied = s.is_copied(ui.ctx(), "invitation");
    let (glyph, words) = if copied { (icons::CHECK, "Copied") } else { (icons::LINK_SIMPLE, "Invitation") };
    let at = rect(b.right() - 211.0, b.top() + 9.0, 104.0, 38.0);
    let copy = Button::new("settings-copy-invitation", at, Kind::Ghost).icon(glyph).label(words).size(13.5);
    if copy.name("Copy invitation").show(ui, &t).clicked()
        && let Some(text) = invitation(s.snap)
    {
        s.copy(ui.ctx(), "invitation", text);
    }
    let words = "The ID belongs to a key that stays on this computer. Nobody else can use it, and it is the same on every \
                 server.";
    paragraph(ui, pos2(a.left(), b.bottom() + 14.0), a.width(), words, regular(13.0), 19.0, t.text2, false);
}

fn video(ui: &mut Ui, s: &mut Scene<'_>, a: Rect) {
    let t = s.t;
    let (x, w) = (a.left(), a.width());
    let f = rect(x, a.top() + 14.0, w, 44.0);
    caption(ui, s, Which::Camera, f, f.right());
    drop_down(ui, s, Which::Camera, "settings", f);
    let half = (w - 16.0) / 2.0;
    let y = a.top() + 90.0;
    let settings = s.snap.settings.clone();
    title(ui, s, x, y, "Picture");
    let sizes = [(640, 360), (960, 540), (1280, 720), (1920, 1080)];
    let words = |(w, h): (u32, u32)| format!("{w} × {h}");
    let mut choices: Vec<_> = sizes.into_iter().map(|size| plain(size, words(size))).collect();
    let current = (settings.video_width, settings.video_height);
    if !sizes.contains(&current) {
        choices.push(plain(current, words(current)));
    }
    let f = rect(x, y + 14.0, half, 44.0);
    let chosen =
        select(ui, &t, "video-size", f, icons::FRAME_CORNERS, "Picture size", &words(current), &current, &choices);
    if let Some((width, height)) = chosen {
        s.change(|settings| (settings.video_width, settings.video_height) = (width, height));
    }
    title(ui, s, x + half + 16.0, y, "Pictures a second");
    let mut choices: Vec<_> = [15, 24, 30, 60].into_iter().map(|fps| plain(fps, fps.to_string())).collect();
    if !choices.iter().any(|choice| choice.value == settings.video_fps) {
        choices.push(plain(settings.video_fps, settings.video_fps.to_string()));
    }
    let f = rect(x + half + 16.0, y + 14.0, half, 44.0);
    let (shown, now) = (settings.video_fps.to_string(), settings.video_fps);
    if let Some(fps) = select(ui, &t, "video-fps", f, icons::CLOCK, "Pictures a second", &shown, &now, &choices) {
        s.change(|settings| settings.video_fps = fps);
    }
    let top = y + 82.0;
    let high = (a.bottom() - top - 24.0).min(w * 9.0 / 16.0);
    let picture =
        Rect::from_center_size(pos2(a.center().x, top + high / 2.0), eframe::egui::vec2(high * 16.0 / 9.0, high));
    preview(ui, s, picture, 14.0);
}

fn plain<V>(value: V, label: String) -> Choice<V> {
    Choice { value, label, note: String::new(), apart: false }
}

fn network(ui: &mut Ui, s: &mut Scene<'_>, a: Rect) {
    let t = s.t;
    let (x, w) = (a.left(), a.width());
    title(ui, s, x, a.top(), "Server");
    let f = rect(x, a.top() + 14.0, w, 48.0);
    let mut server = s.state.settings.server.take().unwrap_or_else(|| s.snap.settings.server.clone());
    let (name, hint) = ("Server address", "The one in this program");
    let response = field(ui, &t, "settings-server", f, icons::LINK_SIMPLE, name, hint, &mut server, 2048, 8.0);
    let kept = server.trim().to_owned();
    let fits = kept.is_empty() || kept.starts_with("ws://") || kept.starts_with("wss://");
    if response.lost_focus() && fits {
        s.change(|settings| settings.server = kept);
    }
    s.state.settings.server = Some(server);
    let words = if fits {
        "Empty: a server in this program, which is started for you. Otherwise an address like wss://example.org"
    } else {
        "An address begins with wss:// (or ws:// within your own network)"
    };
    let ink = if fits { t.text2 } else { t.amber };
    paragraph(ui, pos2(x, f.bottom() + 10.0), w, words, regular(13.0), 19.0, ink, false);
    let at = rect(x, a.top() + 116.0, w, 62.0);
    let sub = "People in your network can call you through this program's server";
    let on = s.snap.settings.serve_network;
    if let Some(on) = switch_card(ui, s, at, "serve-network", "Serve to the local network", sub, on) {
        s.change(|settings| settings.serve_network = on);
    }
    let at = rect(x, a.top() + 190.0, w, 76.0);
    ui.painter().rect(at, corner(14.0), t.inset, Stroke::new(1.0, t.line), StrokeKind::Inside);
    let (words, online, _) = status(&s.snap.server);
    let sub = match &s.snap.server {
        ServerState::Online { url, rtt_ms, .. } => {
            format!("{url}{}", rtt_ms.map(|ms| format!(" · {ms} ms")).unwrap_or_default())
        }
        ServerState::Connecting => "Looking for the server".to_owned(),
        ServerState::Reconnecting { reason, .. } | ServerState::Offline { reason } => {
            crate::ui::devices::sentence(reason)
        }
    };
    let y = at.center().y;
    let ink = if online { t.text } else { t.amber };
    label(ui, pos2(at.left() + 16.0, y - 11.0), LEFT, words, medium(14.5), ink, w - 150.0);
    label(ui, pos2(at.left() + 16.0, y + 11.0), LEFT, &sub, regular(12.5), t.text2, w - 150.0);
    let again = Button::new("settings-reconnect", rect(at.right() - 112.0, y - 19.0, 96.0, 38.0), Kind::Second);
    if again.label("Try again").size(13.5).show(ui, &t).clicked() {
        s.send(Command::Reconnect);
    }
}

fn keyboard(ui: &mut Ui, s: &mut Scene<'_>, a: Rect) {
    let at = rect(a.left(), a.top() - 6.0, a.width(), 62.0);
    let sub = "M, V, C, H, R, S and Space act in a call while no text is being written";
    if let Some(on) = switch_card(ui, s, at, "single-keys", "Single keys", sub, s.snap.settings.single_keys) {
        s.change(|settings| settings.single_keys = on);
    }
    help::list(ui, s, rect(a.left() + 16.0, a.top() + 72.0, a.width() - 32.0, 0.0), 27.0);
}

fn appearance(ui: &mut Ui, s: &mut Scene<'_>, a: Rect) {
    let t = s.t;
    title(ui, s, a.left(), a.top(), "Theme");
    let w = (a.width() - 16.0) / 3.0;
    let themes = [
        (Theme::System, icons::MONITOR, "System"),
        (Theme::Dark, icons::MOON, "Dark"),
        (Theme::Light, icons::SUN, "Light"),
    ];
    for (n, (theme, glyph, name)) in themes.into_iter().enumerate() {
        let on = s.snap.settings.theme == theme;
        let at = rect(a.left() + (w + 8.0) * n as f32, a.top() + 14.0, w, 56.0);
        let button = Button::new(("theme", n), at, if on { Kind::Soft } else { Kind::Second }).icon(glyph).label(name);
        if button.pressed(on).show(ui, &t).clicked() {
            s.change(|settings| settings.theme = theme);
        }
    }
    let y = a.top() + 92.0;
    label(ui, pos2(a.left(), y), LEFT, "Calls are dark in both.", regular(13.0), t.text2, a.width());
}

fn about(ui: &mut Ui, s: &mut Scene<'_>, a: Rect) {
    let t = s.t;
    crate::ui::paint::logo(ui.painter(), &t, pos2(a.left(), a.top() + 14.0));
    let x = a.left() + 48.0;
    label(ui, pos2(x, a.top() + 4.0), LEFT, "Visavis", semibold(16.0), t.text, 200.0);
    let version = concat!("Version ", env!("CARGO_PKG_VERSION"));
    label(ui, pos2(x, a.top() + 25.0), LEFT, version, regular(13.0), t.text2, 200.0);
    let words = "Face to face: calls between two computers, without an account. What you say and show is encrypted from \
                 one end to the other.";
    let end = paragraph(ui, pos2(a.left(), a.top() + 56.0), a.width(), words, regular(14.0), 21.0, t.text, false);
    let mut y = end.bottom() + 28.0;
    title(ui, s, a.left(), y, "Licences");
    let licences = [
        ("Visavis", "MIT or Apache 2.0"),
        ("egui, eframe", "MIT or Apache 2.0"),
        ("webrtc-rs", "MIT or Apache 2.0"),
        ("OpenH264, built from source", "BSD 2-Clause"),
        ("Opus", "BSD 3-Clause"),
        ("SQLite", "Public domain"),
        ("Inter", "SIL Open Font License 1.1"),
        ("Noto Emoji, Noto Color Emoji", "SIL Open Font License 1.1"),
        ("Phosphor icons", "MIT"),
    ];
    y += 24.0;
    for (what, licence) in licences {
        label(ui, pos2(a.left(), y), LEFT, what, regular(13.5), t.text, a.width() / 2.0);
        label(ui, pos2(a.right(), y), RIGHT, licence, regular(13.5), t.text2, a.width() / 2.0);
        y += 26.0;
    }
}
