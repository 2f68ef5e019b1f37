//! Home: whom to call; how one is called oneself; calls of before.

use chrono::Local;
use eframe::egui::accesskit::Role;
use eframe::egui::{
    Align2, CursorIcon, Event, Id, Key, Rect, ScrollArea, Sense, Stroke, StrokeKind, Ui, UiBuilder, ViewportCommand,
    WidgetInfo, pos2, vec2,
};

use super::app::{Place, Scene};
use super::devices::sentence;
use super::green_room::Target;
use super::icons;
use super::paint::{LEFT, RIGHT, avatar, card, label, logo, paragraph, presence, rect, tile_icon, width};
use super::settings::Page;
use super::theme::{corner, icon, medium, mono, regular, semibold};
use super::widgets::{Button, Kind, field, focus_ring, verdict};
use super::words;
use crate::model::command::Command;
use crate::model::id::{Callee, PeerId};
use crate::model::invitation::Invitation;
use crate::model::snapshot::{Recent, RoomView, ServerState, Snapshot};

/// What Home remembers.
#[derive(Debug, Default)]
pub struct Home {
    text: String,
    /// Somebody asked to call while the field could not be understood.
    insisted: bool,
    pasting: bool,
}

/// What the field's text means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing written.
    Empty,
    /// Whom it means, in words.
    Good(Callee, String),
    /// What is wrong and what to do.
    Bad(String),
    /// Might become something.
    Unfinished(String),
}

/// Says what a text means before anything is sent.
pub fn understand(text: &str, recents: &[Recent]) -> Verdict {
    let text = text.trim();
    if text.is_empty() {
        return Verdict::Empty;
    }
    if text.eq_ignore_ascii_case("echo") {
        return Verdict::Good(Callee::Echo, "The test call".to_owned());
    }
    let known = |id: &PeerId| recents.iter().find(|r| r.id == *id).map(|r| r.name.clone());
    let error = match text.parse::<Invitation>() {
        Ok(invitation) => {
            let name = known(&invitation.id).or(invitation.name).unwrap_or_else(|| "A complete ID".to_owned());
            return Verdict::Good(Callee::Peer(invitation.id), name);
        }
        Err(e) => sentence(&e.to_string()),
    };
    let small = text.to_lowercase();
    let mut named = recents.iter().filter(|r| r.name.to_lowercase().starts_with(&small));
    match (named.next(), named.next()) {
        (Some(one), None) => return Verdict::Good(Callee::Peer(one.id), format!("{}, called before", one.name)),
        (Some(one), Some(_)) => {
            return match recents.iter().find(|r| r.name.to_lowercase() == small) {
                Some(exact) => Verdict::Good(Callee::Peer(exact.id), format!("{}, called before", exact.name)),
                None => Verdict::Unfinished(format!("{} and others: write more of the name", one.name)),
            };
        }
        _ => {}
    }
    let plain = text.chars().filter(|c| c.is_ascii_alphanumeric()).count();
    let like_an_id =
        text.contains('-') || text.contains(':') || plain >= 16 || text.chars().any(|c| c.is_ascii_digit());
    if like_an_id && plain < 24 && !text.contains(':') {
        Verdict::Unfinished(error)
    } else if like_an_id {
        Verdict::Bad(error)
    } else {
        Verdict::Unfinished("Nobody of that name was called before; use their ID or an invitation".to_owned())
    }
}

fn margin(all: Rect) -> f32 {
    if all.width() < 800.0 { 28.0 } else { 48.0 }
}

fn wide(all: Rect) -> bool {
    all.width() >= 1000.0
}

/// How much room it needs.
pub fn height(all: Rect, s: &Scene<'_>) -> f32 {
    if wide(all) { 756.0 } else { 96.0 + 620.0 + recents_height(s.snap) + 24.0 }
}

fn recents_height(snap: &Snapshot) -> f32 {
    66.0 + 58.0 * snap.recents.len().clamp(4, 40) as f32
}

/// Shows it.
pub fn show(ui: &mut Ui, s: &mut Scene<'_>, all: Rect) {
    header(ui, s, all);
    let m = margin(all);
    let column = if wide(all) {
        rect(all.left() + m, all.top(), 496.0, all.height())
    } else {
        rect(all.left() + m, all.top(), all.width() - 2.0 * m, 720.0)
    };
    call_somebody(ui, s, column);
    let me = if wide(all) { all.bottom() - 48.0 - 164.0 } else { column.top() + 536.0 };
    me_card(ui, s, rect(column.left(), me, column.width(), 164.0));
    let people = if wide(all) {
        Rect::from_min_max(pos2(column.right() + 32.0, all.top() + 96.0), pos2(all.right() - m, all.bottom() - 48.0))
    } else {
        rect(column.left(), column.top() + 716.0, column.width(), recents_height(s.snap))
    };
    recents(ui, s, people);
}

/// Mark, status, help and settings.
fn header(ui: &mut Ui, s: &mut Scene<'_>, all: Rect) {
    let t = s.t;
    let (m, y) = (margin(all), all.top() + 48.0);
    logo(ui.painter(), &t, pos2(all.left() + m, y));
    label(ui, pos2(all.left() + m + 48.0, y), LEFT, "Visavis", semibold(18.0), t.text, 120.0);
    let right = all.right() - m;
    let at = |n: f32| Rect::from_center_size(pos2(right - 11.0 - 40.0 * n, y), vec2(36.0, 36.0));
    if icon_button(ui, s, "home-settings", at(0.0), icons::GEAR_SIX, "Settings", "Ctrl+,") {
        s.state.settings.open(Page::Profile);
    }
    if icon_button(ui, s, "home-help", at(1.0), icons::QUESTION, "Help", "F1") {
        s.state.help = true;
    }
    let (words, online, problem) = status(&s.snap.server);
    let w = (width(ui.painter(), words, medium(13.0)) + 42.0).min(all.width() - 2.0 * m - 260.0);
    let pill = rect(right - 84.0 - w, y - 16.0, w, 32.0);
    ui.painter().rect(pill, corner(16.0), t.surface, Stroke::new(1.0, t.line), StrokeKind::Inside);
    let dot = pos2(pill.left() + 16.0, y);
    if online {
        ui.painter().circle_filled(dot, 4.5, t.accent);
    } else {
        ui.painter().circle_stroke(dot, 4.0, Stroke::new(1.5, if problem { t.amber } else { t.text3 }));
    }
    label(ui, pos2(pill.left() + 28.0, y), LEFT, words, medium(13.0), t.text, w - 38.0);
}

fn icon_button(ui: &mut Ui, s: &Scene<'_>, id: &str, at: Rect, glyph: &str, name: &str, key: &str) -> bool {
    Button::new(id, at, Kind::Ghost).icon(glyph).icon_size(21.0).name(name).tip(name).key(key).show(ui, &s.t).clicked()
}

/// The status in words, whether people can call, and whether something is wrong.
pub fn status(server: &ServerState) -> (&'static str, bool, bool) {
    match server {
        ServerState::Connecting => ("Connecting…", false, false),
        ServerState::Online { .. } => ("Online", true, false),
        ServerState::Reconnecting { .. } => ("Reconnecting…", false, true),
        ServerState::Offline { .. } => ("Offline — invitations still work", false, true),
    }
}

fn call_somebody(ui: &mut Ui, s: &mut Scene<'_>, c: Rect) {
    let t = s.t;
    let (x, w) = (c.left(), c.width());
    label(ui, pos2(x, c.top() + 124.0), LEFT, "Who would you like to see?", semibold(30.0), t.text, w);
    let words = "Calls are end-to-end encrypted. No account needed.";
    label(ui, pos2(x, c.top() + 158.0), LEFT, words, regular(14.5), t.text2, w);
    paste(ui, s);
    let f = rect(x, c.top() + 188.0, w, 56.0);
    let (hint, name) = ("ID, name or invitation", "Whom to call: ID, name or invitation");
    let mut text = std::mem::take(&mut s.state.home.text);
    let response = field(ui, &t, "callee", f, icons::MAGNIFYING_GLASS, name, hint, &mut text, 4096, 94.0);
    if response.changed() {
        s.state.home.insisted = false;
    }
    s.state.home.text = text;
    let entered = response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
    let at = rect(f.right() - 94.0, f.top() + 10.0, 84.0, 36.0);
    let paste = Button::new("home-paste", at, Kind::Second).icon(icons::CLIPBOARD_TEXT).label("Paste").size(13.0);
    if paste.tip("Put in what was copied").show(ui, &t).clicked() {
        s.state.home.pasting = true;
        ui.memory_mut(|m| m.request_focus(response.id));
        ui.ctx().send_viewport_cmd(ViewportCommand::RequestPaste);
    }
    let meaning = understand(&s.state.home.text, &s.snap.recents);
    let third = (w - 16.0) / 3.0;
    let y = c.top() + 256.0;
    let at = |n: f32| rect(x + n * (third + 8.0), y, third, 48.0);
    let video = Button::new("home-video", at(0.0), Kind::Primary).icon(icons::VIDEO_CAMERA);
    let video = video.label("Video call").size(15.0).show(ui, &t).clicked() || entered;
    let audio = Button::new("home-audio", at(1.0), Kind::Second).icon(icons::PHONE);
    let audio = audio.label("Audio call").size(15.0).show(ui, &t).clicked();
    let room = Button::new("home-room", at(2.0), Kind::Second).icon(icons::USERS).label("Room").size(15.0);
    if room.tip("Meet several people by a name").show(ui, &t).clicked() {
        s.state.room.open();
    }
    if video || audio {
        match &meaning {
            Verdict::Good(to, _) => start(s, *to, video),
            _ => {
                s.state.home.insisted = true;
                ui.memory_mut(|m| m.request_focus(response.id));
            }
        }
    }
    let insisted = s.state.home.insisted;
    let (bad, words) = match meaning {
        Verdict::Empty if insisted => (true, "Whom? Put in an ID or an invitation first".to_owned()),
        Verdict::Empty => (false, String::new()),
        Verdict::Good(_, words) => (false, words),
        Verdict::Bad(words) => (true, words),
        Verdict::Unfinished(words) => (true, words),
    };
    if !words.is_empty() {
        verdict(ui, &t, vec2(x, c.top() + 322.0), w, bad, &words);
    }
    test_card(ui, s, rect(x, c.top() + 340.0, w, 80.0));
    network_card(ui, s, rect(x, c.top() + 432.0, w, 80.0));
}

/// Takes what the clipboard held, once it was asked for.
fn paste(ui: &mut Ui, s: &mut Scene<'_>) {
    if !s.state.home.pasting {
        return;
    }
    let pasted = ui.input_mut(|i| {
        let at = i.events.iter().position(|e| matches!(e, Event::Paste(_)))?;
        if let Event::Paste(text) = i.events.remove(at) { Some(text) } else { None }
    });
    if let Some(text) = pasted {
        s.state.home.text = text.trim().replace(['\n', '\r'], " ");
        s.state.home.pasting = false;
        s.state.home.insisted = false;
    }
}

/// Starts a call: through the green room, if that is wanted.
pub fn start(s: &mut Scene<'_>, to: Callee, video: bool) {
    let text = s.state.home.text.trim().to_owned();
    let same = text.parse::<Invitation>().is_ok_and(|i| Callee::Peer(i.id) == to);
    // The invitation as it stands: it may name a server.
    let text = Some(text).filter(|_| same);
    let known = |id: &PeerId| s.snap.recents.iter().find(|r| r.id == *id).map(|r| r.name.clone());
    let invited = || text.as_ref().and_then(|t| t.parse::<Invitation>().ok()).and_then(|i| i.name);
    let name = match &to {
        Callee::Echo => "Test call".to_owned(),
        Callee::Peer(id) => known(id).or_else(invited).unwrap_or_else(|| id.short()),
    };
    let command = match text {
        Some(text) => Command::CallText { text, video },
        None => Command::Call { to, video },
    };
    let target = Target { command, name, video };
    if s.snap.settings.green_room && to != Callee::Echo {
        s.state.place = Place::GreenRoom(target);
    } else {
        target.call(s);
    }
}

/// A card that is one large button.
fn card_button(ui: &mut Ui, s: &Scene<'_>, id: &str, k: Rect, name: &str) -> bool {
    let t = &s.t;
    let response = ui.interact(k, Id::unique(("card", id)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    card(ui.painter(), t, k, 18.0);
    if response.hovered() {
        ui.painter().rect_filled(k.shrink(1.0), corner(17.0), t.surface2.gamma_multiply(0.6));
    }
    focus_ring(ui, t, &response, 18.0);
    response.on_hover_cursor(CursorIcon::PointingHand).clicked()
}

fn test_card(ui: &mut Ui, s: &mut Scene<'_>, k: Rect) {
    let t = s.t;
    if card_button(ui, s, "test", k, "Test call") {
        s.send(Command::Call { to: Callee::Echo, video: true });
    }
    let y = k.center().y;
    tile_icon(ui.painter(), pos2(k.left() + 40.0, y), 44.0, icons::WAVEFORM, t.accent_soft, t.accent_text);
    ui.painter().text(pos2(k.left() + 78.0, y - 11.0), LEFT, "Test call", semibold(15.0), t.text);
    let words = "Hear and see yourself through the real connection";
    label(ui, pos2(k.left() + 78.0, y + 11.0), LEFT, words, regular(13.0), t.text2, k.width() - 120.0);
    ui.painter().text(pos2(k.right() - 26.0, y), Align2::CENTER_CENTER, icons::CARET_RIGHT, icon(16.0), t.text2);
}

/// How the network is, in words.
fn network_words(server: &ServerState) -> (String, String, bool) {
    match server {
        ServerState::Connecting => ("Connecting…".to_owned(), "Looking for the server".to_owned(), false),
        ServerState::Online { url, embedded, rtt_ms } => {
            let host = url.split("://").nth(1).unwrap_or(url).trim_end_matches('/');
            let place = if *embedded { "Server in this program".to_owned() } else { format!("Server {host}") };
            let time = rtt_ms.map(|ms| format!(" · {ms} ms")).unwrap_or_default();
            ("Network is fine".to_owned(), format!("{place}{time}"), false)
        }
        ServerState::Reconnecting { reason, in_s } => {
            let when = if *in_s == 0 { "Reconnecting…".to_owned() } else { format!("Reconnecting in {in_s} s") };
            (when, sentence(reason), true)
        }
        ServerState::Offline { reason } => ("Offline".to_owned(), sentence(reason), true),
    }
}

fn network_card(ui: &mut Ui, s: &mut Scene<'_>, k: Rect) {
    let t = s.t;
    let (title, sub, bad) = network_words(&s.snap.server);
    card(ui.painter(), &t, k, 18.0);
    let y = k.center().y;
    let glyph = if bad { icons::WIFI_SLASH } else { icons::WIFI_HIGH };
    let (ground, ink) = if bad { (t.amber_soft, t.amber) } else { (t.surface2, t.text2) };
    tile_icon(ui.painter(), pos2(k.left() + 40.0, y), 44.0, glyph, ground, ink);
    let room = k.width() - 78.0 - 56.0;
    label(ui, pos2(k.left() + 78.0, y - 11.0), LEFT, &title, semibold(15.0), t.text, room);
    label(ui, pos2(k.left() + 78.0, y + 11.0), LEFT, &sub, regular(13.0), t.text2, room);
    let at = Rect::from_center_size(pos2(k.right() - 28.0, y), vec2(36.0, 36.0));
    let again = Button::new("home-reconnect", at, Kind::Ghost).icon(icons::ARROWS_CLOCKWISE).icon_size(17.0);
    if again.name("Try the server again").show(ui, &t).clicked() {
        s.send(Command::Reconnect);
    }
}

/// What to tell people who shall come into a room; a password is told another way.
pub fn room_invitation(snap: &Snapshot, room: &RoomView) -> String {
    let server = match &snap.server {
        ServerState::Online { url, embedded: false, .. } => format!(" on the server {url}"),
        _ => String::new(),
    };
    let password = if room.locked { "; it has a password, ask me for it" } else { "" };
    format!("Meet me in the Visavis room “{}”{server}{password}", room.name)
}

/// The line to give to people.
pub fn invitation(snap: &Snapshot) -> Option<String> {
    let name = Some(snap.settings.name.clone()).filter(|name| !name.is_empty());
    let server = Some(snap.settings.server.clone()).filter(|server| !server.is_empty());
    Some(Invitation { id: snap.id?, name, server }.to_string())
}

fn me_card(ui: &mut Ui, s: &mut Scene<'_>, k: Rect) {
    let t = s.t;
    card(ui.painter(), &t, k, 18.0);
    let y = k.top() + 44.0;
    let name = s.snap.settings.name.clone();
    avatar(ui.painter(), pos2(k.left() + 42.0, y), 24.0, &name);
    let online = matches!(s.snap.server, ServerState::Online { .. });
    presence(ui.painter(), &t, pos2(k.left() + 59.0, y + 17.0), online, t.surface);
    let at = pos2(k.left() + 82.0, y - 11.0);
    let shown = label(ui, at, LEFT, &name, semibold(16.0), t.text, k.width() - 150.0);
    let pencil = Rect::from_center_size(pos2(shown.right() + 19.0, y - 11.0), vec2(30.0, 30.0));
    let edit = Button::new("home-rename", pencil, Kind::Ghost).icon(icons::PENCIL_SIMPLE).icon_size(15.0).ink(t.text3);
    if edit.name("Change your name").show(ui, &t).clicked() {
        s.state.settings.open(Page::Profile);
    }
    let words = "People call you with this ID";
    label(ui, pos2(k.left() + 82.0, y + 11.0), LEFT, words, regular(13.0), t.text2, k.width() - 100.0);
    let b = rect(k.left() + 16.0, k.bottom() - 72.0, k.width() - 32.0, 56.0);
    ui.painter().rect_filled(b, corner(12.0), t.surface2);
    let id = s.snap.id.map_or_else(|| "…".to_owned(), |id| id.to_string());
    label(ui, pos2(b.left() + 16.0, b.center().y), LEFT, &id, mono(13.0), t.text, b.width() - 16.0 - 204.0);
    let (copied, invited) = (s.is_copied(ui.ctx(), "id"), s.is_copied(ui.ctx(), "invitation"));
    let at = rect(b.right() - 99.0, b.top() + 9.0, 90.0, 38.0);
    let (glyph, words) = if copied { (icons::CHECK, "Copied") } else { (icons::COPY, "Copy") };
    let copy = Button::new("home-copy-id", at, Kind::Soft).icon(glyph).label(words).size(13.5);
    if copy.name("Copy ID").tip("Copy your ID").enabled(s.snap.id.is_some()).show(ui, &t).clicked() {
        s.copy(ui.ctx(), "id", id);
    }
    let at = rect(b.right() - 103.0 - 108.0, b.top() + 9.0, 104.0, 38.0);
    let (glyph, words) = if invited { (icons::CHECK, "Copied") } else { (icons::LINK_SIMPLE, "Invitation") };
    let invite = Button::new("home-copy-invitation", at, Kind::Ghost).icon(glyph).label(words).size(13.5);
    let invite = invite.name("Copy invitation").tip("Copy a line with your ID, name and server").show(ui, &t);
    if invite.clicked()
        && let Some(text) = invitation(s.snap)
    {
        s.copy(ui.ctx(), "invitation", text);
    }
}

fn recents(ui: &mut Ui, s: &mut Scene<'_>, k: Rect) {
    let t = s.t;
    card(ui.painter(), &t, k, 18.0);
    label(ui, pos2(k.left() + 22.0, k.top() + 28.0), LEFT, "Recent", semibold(13.0), t.text2, 200.0);
    if s.snap.recents.is_empty() {
        return nobody_yet(ui, s, k);
    }
    let list = Rect::from_min_max(pos2(k.left() + 10.0, k.top() + 50.0), pos2(k.right() - 10.0, k.bottom() - 8.0));
    let recents = s.snap.recents.clone();
    let today = Local::now().date_naive();
    let mut child = ui.new_child(UiBuilder::new().max_rect(list).id_salt("recents"));
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
        for recent in recents.iter() {
            let (_, r) = ui.allocate_space(vec2(list.width(), 58.0));
            if ui.is_rect_visible(r) {
                row(ui, s, r, recent, today);
            }
        }
    });
}

fn nobody_yet(ui: &mut Ui, s: &mut Scene<'_>, k: Rect) {
    let t = s.t;
    let c = k.center();
    let ring = pos2(c.x, c.y - 66.0);
    ui.painter().circle_filled(ring, 44.0, t.surface2);
    ui.painter().text(ring, Align2::CENTER_CENTER, icons::USERS, icon(40.0), t.text3);
    label(ui, pos2(c.x, c.y + 4.0), Align2::CENTER_CENTER, "No calls yet", semibold(16.0), t.text, k.width() - 40.0);
    let w = (k.width() - 64.0).min(340.0);
    let words = "Send somebody your invitation, or put their ID into the field. Whoever you talk to appears here.";
    paragraph(ui, pos2(c.x - w / 2.0, c.y + 22.0), w, words, regular(13.5), 20.0, t.text2, true);
    let copied = s.is_copied(ui.ctx(), "invitation");
    let at = rect(c.x - 96.0, c.y + 84.0, 192.0, 44.0);
    let (glyph, words) = if copied { (icons::CHECK, "Copied") } else { (icons::LINK_SIMPLE, "Copy my invitation") };
    if Button::new("home-empty-invite", at, Kind::Second).icon(glyph).label(words).size(13.5).show(ui, &t).clicked()
        && let Some(text) = invitation(s.snap)
    {
        s.copy(ui.ctx(), "invitation", text);
    }
}

fn row(ui: &mut Ui, s: &mut Scene<'_>, r: Rect, recent: &Recent, today: chrono::NaiveDate) {
    let t = s.t;
    let y = r.center().y;
    let id = Id::unique(("recent", recent.id));
    let ground = ui.interact(r, id, Sense::hover());
    let inside = |i: &eframe::egui::InputState| i.pointer.hover_pos().is_some_and(|p| r.contains(p));
    let focused = [("row-video", recent.id), ("row-audio", recent.id), ("row-forget", recent.id)]
        .iter()
        .any(|id| ui.memory(|m| m.has_focus(Id::unique(("button", id)))));
    let hot = (ground.contains_pointer() && ui.input(inside)) || focused;
    if hot {
        ui.painter().rect_filled(r, corner(12.0), t.surface2);
    }
    avatar(ui.painter(), pos2(r.left() + 32.0, y), 20.0, &recent.name);
    let right = r.right() - 12.0;
    let when = words::when(recent.time, today);
    let room = r.width() - 66.0 - 228.0;
    let name = if recent.name.is_empty() { recent.id.short() } else { recent.name.clone() };
    label(ui, pos2(r.left() + 66.0, y - 10.0), LEFT, &name, medium(14.5), t.text, room);
    let (sub, missed) = words::recent(recent);
    let ink = if missed { t.amber } else { t.text2 };
    let glyph = match (missed, recent.direction) {
        (true, _) => icons::PHONE_X,
        (_, crate::model::outcome::Direction::Outgoing) => icons::ARROW_UP_RIGHT,
        _ => icons::ARROW_DOWN_LEFT,
    };
    ui.painter().text(pos2(r.left() + 66.0, y + 10.5), LEFT, glyph, icon(14.0), ink);
    label(ui, pos2(r.left() + 85.0, y + 10.5), LEFT, &sub, regular(12.5), ink, room - 19.0);
    let (video_name, audio_name) = (format!("Video call with {name}"), format!("Audio call with {name}"));
    let (video, audio);
    if hot {
        let at = rect(right - 128.0, y - 18.0, 84.0, 36.0);
        video =
            Button::new(("row-video", recent.id), at, Kind::Primary).icon(icons::VIDEO_CAMERA).label("Call").size(13.5);
        let at = rect(right - 36.0, y - 18.0, 36.0, 36.0);
        audio = Button::new(("row-audio", recent.id), at, Kind::Second).icon(icons::PHONE).icon_size(18.0);
        let forget = rect(right - 172.0, y - 18.0, 36.0, 36.0);
        let forget = Button::new(("row-forget", recent.id), forget, Kind::Ghost).icon(icons::X).icon_size(15.0);
        if forget.name(&format!("Forget {name}")).tip("Take out of this list").show(ui, &t).clicked() {
            s.send(Command::ForgetRecent(recent.id));
        }
    } else {
        let at = |n: f32| Rect::from_center_size(pos2(right - 18.0 - 40.0 * n, y), vec2(36.0, 36.0));
        video = Button::new(("row-video", recent.id), at(1.0), Kind::Ghost)
            .icon(icons::VIDEO_CAMERA)
            .icon_size(19.0)
            .ink(t.text3);
        audio =
            Button::new(("row-audio", recent.id), at(0.0), Kind::Ghost).icon(icons::PHONE).icon_size(18.0).ink(t.text3);
        label(ui, pos2(right - 88.0, y), RIGHT, &when, regular(12.5), t.text3, 130.0);
    }
    let to = Callee::Peer(recent.id);
    if video.name(&video_name).tip("Video call").show(ui, &t).clicked() {
        start(s, to, true);
    }
    if audio.name(&audio_name).tip("Audio call").show(ui, &t).clicked() {
        start(s, to, false);
    }
}
