//! The people panel: everybody by name and ID, what they do, and how loud they are; and a field to invite somebody.

use eframe::egui::{Color32, Key, Rect, ScrollArea, Stroke, StrokeKind, Ui, UiBuilder, pos2, vec2};

use super::order::Who;
use super::tile::Tile;
use super::{State, menu, side};
use crate::model::command::Command;
use crate::model::id::{Callee, PeerId};
use crate::model::snapshot::{CallView, HearsayView, Recent, RoomView, Stage};
use crate::ui::app::Scene;
use crate::ui::home::{Verdict, invitation, understand};
use crate::ui::icons;
use crate::ui::paint::{LEFT, avatar, label, rect, width};
use crate::ui::theme::{DARK, corner, icon_fill, medium, mono, regular, semibold};
use crate::ui::widgets::{Button, Kind, field, verdict};

/// Height of a person's row, of a suggestion, and of one's own card.
const ROW: f32 = 80.0;
const SUGGESTION: f32 = 44.0;
const MINE: f32 = 96.0;
/// Most people that are suggested at once.
const SUGGESTIONS: usize = 3;
const FIELD: &str = "invite";

/// What is being written, and what was just done.
#[derive(Default)]
pub(super) struct Draft {
    text: String,
    pub(super) wants_focus: bool,
    /// Enter was pressed on what means nobody.
    insisted: bool,
    /// Whom the field suggests is to be seen.
    suggests: bool,
    /// Whose ID was copied, and until when (egui's time) that is said.
    copied: Option<(PeerId, f64)>,
}

/// Everybody who is in the call, oneself among them; who is called and not here yet does not count.
pub(super) fn count(view: &CallView) -> usize {
    let here = |stage: &Stage| !matches!(stage, Stage::Calling | Stage::Ringing | Stage::Ended(_));
    1 + view.members.iter().filter(|member| here(&member.stage)).count()
}

pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, all: Rect, view: &CallView, pushes: bool) {
    side::show(ui, "people-panel", all, pushes, |ui, k| panel(ui, s, k, view));
}

fn panel(ui: &mut Ui, s: &mut Scene<'_>, k: Rect, view: &CallView) {
    let t = DARK;
    ui.painter().rect(k, corner(18.0), t.surface, Stroke::new(1.0, t.line), StrokeKind::Inside);
    let y = k.top() + 28.0;
    let title = label(ui, pos2(k.left() + 16.0, y), LEFT, "People", semibold(18.0), t.text, 120.0);
    let count = count(view).to_string();
    label(ui, pos2(title.right() + 8.0, y + 1.0), LEFT, &count, medium(14.0), t.text3, 60.0);
    let close = rect(k.right() - 46.0, k.top() + 10.0, 36.0, 36.0);
    let button = Button::new("people-close", close, Kind::Ghost).icon(icons::X).icon_size(17.0);
    if button.name("Close people").key("Esc").show(ui, &t).clicked() {
        State::toggle_people(s);
    }
    ui.painter().hline(k.left() + 1.0..=k.right() - 1.0, k.top() + 56.5, Stroke::new(1.0, t.line));
    let top = match view.named_room() {
        Some(room) => by_name(ui, s, k, room),
        None => invite(ui, s, k, view),
    };
    let me = rect(k.left() + 12.0, k.bottom() - 12.0 - MINE, k.width() - 24.0, MINE);
    mine(ui, s, me);
    let list = Rect::from_min_max(pos2(k.left() + 8.0, top + 6.0), pos2(k.right() - 8.0, me.top() - 8.0));
    if list.height() < 20.0 {
        return;
    }
    let mut child = ui.new_child(UiBuilder::new().max_rect(list).id_salt("people-rows"));
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
        for member in view.members.iter() {
            let (_, r) = ui.allocate_space(vec2(list.width(), ROW));
            if ui.is_rect_visible(r) {
                row(ui, s, r, &Tile::of(member));
            }
        }
        for person in view.hearsay.iter() {
            let (_, r) = ui.allocate_space(vec2(list.width(), ROW));
            if ui.is_rect_visible(r) {
                hearsay(ui, s, r, person);
            }
        }
        for who in view.unmet() {
            let (_, r) = ui.allocate_space(vec2(list.width(), ROW));
            if ui.is_rect_visible(r) {
                unmet(ui, s, r, who);
            }
        }
    });
}

/// In place of the field, where people come by the room's name; returns where it ends.
fn by_name(ui: &mut Ui, s: &mut Scene<'_>, k: Rect, room: &RoomView) -> f32 {
    let t = DARK;
    let (x, y) = (k.left() + 16.0, k.top() + 84.0);
    label(ui, pos2(x, y), LEFT, &room.name, semibold(15.0), t.text, k.width() - 32.0);
    let words = match room.locked {
        true => "Who knows this name and the password comes in",
        false => "Who knows this name comes in",
    };
    label(ui, pos2(x, y + 22.0), LEFT, words, regular(12.5), t.text2, k.width() - 32.0);
    super::room::copy_invitation(ui, s, "people", rect(x, y + 42.0, k.width() - 32.0, 40.0), room);
    y + 92.0
}

/// Somebody who signed that they are in the room, and with whom there is no connection.
fn unmet(ui: &mut Ui, s: &mut Scene<'_>, r: Rect, who: PeerId) {
    let t = DARK;
    let known = s.snap.recents.iter().find(|recent| recent.id == who).map(|recent| recent.name.clone());
    let name = known.filter(|name| !name.is_empty()).unwrap_or_else(|| who.short());
    avatar(ui.painter(), pos2(r.left() + 28.0, r.top() + 28.0), 18.0, &name);
    let x = r.left() + 58.0;
    label(ui, pos2(x, r.top() + 19.0), LEFT, &name, medium(14.5), t.text, r.right() - 8.0 - x);
    let words = "In the room, not connected yet";
    label(ui, pos2(x, r.top() + 39.0), LEFT, words, regular(12.5), t.text2, r.right() - 8.0 - x);
    id(ui, s, pos2(x, r.top() + 61.0), r.right() - 8.0, who, &name);
}

/// Whom the text could mean, and is not in the call.
fn suggestions<'a>(recents: &'a [Recent], view: &CallView, text: &str) -> Vec<&'a Recent> {
    let small = text.trim().to_lowercase();
    let here = |id: PeerId| view.members.iter().any(|member| member.peer == Callee::Peer(id));
    let fits = |recent: &&Recent| !here(recent.id) && recent.name.to_lowercase().contains(&small);
    recents.iter().filter(fits).take(SUGGESTIONS).collect()
}

/// The field with its suggestions; returns where they end.
fn invite(ui: &mut Ui, s: &mut Scene<'_>, k: Rect, view: &CallView) -> f32 {
    let t = DARK;
    let f = rect(k.left() + 12.0, k.top() + 70.0, k.width() - 24.0, 48.0);
    let mut text = std::mem::take(&mut s.state.call.people.text);
    let (name, hint) = ("Invite somebody: ID, name or invitation", "Invite somebody");
    let response = field(ui, &t, FIELD, f, icons::USER_PLUS, name, hint, &mut text, 4096, 84.0);
    let draft = &mut s.state.call.people;
    if std::mem::take(&mut draft.wants_focus) {
        response.request_focus();
    }
    if response.changed() {
        draft.insisted = false;
    }
    draft.suggests |= response.has_focus();
    let entered = response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
    let at = rect(f.right() - 80.0, f.top() + 7.0, 73.0, 34.0);
    let button = Button::new("people-invite", at, Kind::Primary).label("Invite").size(13.5).radius(10.0);
    let pressed = button.enabled(!text.trim().is_empty()).show(ui, &t).clicked();
    let meaning = understand(&text, &s.snap.recents);
    let mut y = f.bottom() + 6.0;
    let here = |to: &Callee| view.members.iter().any(|member| member.peer == *to) || is_me(s, to);
    let said = match &meaning {
        Verdict::Empty => None,
        Verdict::Good(Callee::Echo, _) => Some((true, "The test call is for you alone".to_owned())),
        Verdict::Good(to, _) if here(to) => Some((true, "Is in the call already".to_owned())),
        Verdict::Good(_, words) => Some((false, words.clone())),
        Verdict::Bad(words) | Verdict::Unfinished(words) => Some((true, words.clone())),
    };
    let good = said.as_ref().is_some_and(|(bad, _)| !bad);
    if (entered || pressed) && good {
        s.send(Command::Invite(text.trim().to_owned()));
        text.clear();
        s.state.call.people.suggests = false;
    } else if entered || pressed {
        s.state.call.people.insisted = true;
        response.request_focus();
    }
    if let Some((bad, words)) = said.filter(|_| !text.is_empty()) {
        // While one is still writing nothing is wrong yet.
        let bad = bad && (s.state.call.people.insisted || matches!(meaning, Verdict::Bad(_) | Verdict::Good(..)));
        if bad || good {
            verdict(ui, &t, vec2(f.left() + 4.0, y + 12.0), f.width() - 8.0, bad, &words);
            y += 26.0;
        }
    }
    let recents = s.snap.recents.clone();
    let suggested = suggestions(&recents, view, &text);
    s.state.call.people.text = text;
    let open = s.state.call.people.suggests || view.members.is_empty();
    if open {
        for recent in &suggested {
            suggestion(ui, s, rect(f.left(), y, f.width(), SUGGESTION), recent);
            y += SUGGESTION;
        }
    }
    let place = Rect::from_min_max(f.min, pos2(f.right(), y));
    let elsewhere =
        ui.input(|i| i.pointer.any_pressed() && i.pointer.interact_pos().is_some_and(|at| !place.contains(at)));
    if elsewhere || ui.input(|i| i.key_pressed(Key::Escape)) {
        s.state.call.people.suggests = false;
    }
    if y > f.bottom() + 10.0 {
        ui.painter().hline(k.left() + 16.0..=k.right() - 16.0, y.round() + 4.5, Stroke::new(1.0, t.line));
        y += 6.0;
    }
    y
}

fn is_me(s: &Scene<'_>, to: &Callee) -> bool {
    matches!((to, s.snap.id), (Callee::Peer(id), Some(me)) if *id == me)
}

fn suggestion(ui: &mut Ui, s: &mut Scene<'_>, r: Rect, recent: &Recent) {
    let t = DARK;
    let y = r.center().y;
    let name = if recent.name.is_empty() { recent.id.short() } else { recent.name.clone() };
    if ui.rect_contains_pointer(r) {
        ui.painter().rect_filled(r, corner(12.0), t.surface2);
    }
    avatar(ui.painter(), pos2(r.left() + 24.0, y), 15.0, &name);
    let room = r.width() - 48.0 - 84.0;
    label(ui, pos2(r.left() + 48.0, y), LEFT, &name, medium(14.0), t.text, room);
    let at = rect(r.right() - 77.0, y - 16.0, 70.0, 32.0);
    let button = Button::new(("people-recent", recent.id), at, Kind::Soft).label("Invite").size(13.0).radius(9.0);
    if button.name(&format!("Invite {name}")).show(ui, &t).clicked() {
        s.send(Command::Invite(recent.id.to_string()));
        s.state.call.people.suggests = false;
        s.state.call.people.text.clear();
    }
}

/// What somebody does, in a few words.
fn doing(tile: &Tile<'_>) -> String {
    if !tile.is_connected() || tile.stage == Stage::Reconnecting {
        return tile.words();
    }
    let microphone = tile.microphone().2;
    let mut parts = vec![microphone];
    for (is, word) in
        [(tile.hand, "hand raised"), (tile.sharing, "sharing a screen"), (tile.volume == Some(0), "muted for you")]
    {
        parts.extend(is.then_some(word));
    }
    parts.retain(|part| !part.is_empty());
    let words = if parts.is_empty() { "in the call".to_owned() } else { parts.join(", ") };
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn row(ui: &mut Ui, s: &mut Scene<'_>, r: Rect, tile: &Tile<'_>) {
    let t = DARK;
    let Who::Them(of) = tile.who else { return };
    if ui.rect_contains_pointer(r) {
        ui.painter().rect_filled(r.shrink2(vec2(0.0, 2.0)), corner(12.0), t.surface2.gamma_multiply(0.55));
    }
    let centre = pos2(r.left() + 28.0, r.top() + 28.0);
    avatar(ui.painter(), centre, 18.0, &tile.name);
    if tile.speaking && !tile.muted {
        ui.painter().circle_stroke(centre, 21.0, Stroke::new(2.0, t.accent));
    }
    let x = r.left() + 58.0;
    let buttons = r.right() - 8.0 - 32.0 - 36.0;
    label(ui, pos2(x, r.top() + 19.0), LEFT, &tile.name, medium(14.5), t.text, buttons - x - 6.0);
    let (glyph, ink, _) = tile.microphone();
    let mut at = x;
    if tile.is_connected() {
        let ink = if ink == Color32::WHITE { t.text2 } else { ink };
        ui.painter().text(pos2(x, r.top() + 39.0), LEFT, glyph, icon_fill(14.0), ink);
        at += 20.0;
    }
    let ink = if tile.stage == Stage::Reconnecting { t.amber } else { t.text2 };
    label(ui, pos2(at, r.top() + 39.0), LEFT, &doing(tile), regular(12.5), ink, buttons - at - 6.0);
    if let Callee::Peer(peer) = of {
        id(ui, s, pos2(x, r.top() + 61.0), r.right() - 8.0, peer, &tile.name);
    }
    if let Some(percent) = tile.volume {
        let (_, words) = menu::mute_words(percent);
        let glyph = if percent == 0 { icons::SPEAKER_SLASH } else { icons::SPEAKER_HIGH };
        let kind = if percent == 0 { Kind::Off } else { Kind::Ghost };
        let button = Button::new(("people-mute", of), rect(buttons, r.top() + 10.0, 32.0, 32.0), kind).icon(glyph);
        let name = format!("{words}: {}", tile.name);
        if button.icon_size(17.0).name(&name).tip(words).pressed(percent == 0).show(ui, &t).clicked() {
            menu::toggle_mute(s, of, percent);
        }
    }
    let at = rect(buttons + 36.0, r.top() + 10.0, 32.0, 32.0);
    let button = Button::new(("people-menu", of), at, Kind::Ghost).icon(icons::DOTS_THREE_VERTICAL).icon_size(18.0);
    let response = button.name(&format!("More about {} in the list", tile.name)).tip("Volume and more").show(ui, &t);
    menu::person(s, &response, "people", tile);
}

/// Somebody who is there as others say, and not reached from here: who says so, and what is done about it.
fn hearsay(ui: &mut Ui, s: &mut Scene<'_>, r: Rect, person: &HearsayView) {
    let t = DARK;
    let centre = pos2(r.left() + 28.0, r.top() + 28.0);
    avatar(ui.painter(), centre, 18.0, &person.name);
    ui.painter().circle_filled(centre, 18.0, t.surface.gamma_multiply(0.55));
    let x = r.left() + 58.0;
    let room = r.right() - 8.0 - x;
    label(ui, pos2(x, r.top() + 19.0), LEFT, &person.name, medium(14.5), t.text2, room);
    let by = person.by.join(", ");
    let state = if person.refused { "Does not take your call" } else { "Not reached yet" };
    let words = format!("{state}; here, says {by}");
    label(ui, pos2(x, r.top() + 39.0), LEFT, &words, regular(12.5), t.amber, room);
    id(ui, s, pos2(x, r.top() + 61.0), r.right() - 8.0, person.peer, &person.name);
}

/// An ID and the button that copies it.
fn id(ui: &mut Ui, s: &mut Scene<'_>, at: eframe::egui::Pos2, right: f32, peer: PeerId, name: &str) {
    let t = DARK;
    let text = peer.to_string();
    let size = if width(ui.painter(), &text, mono(12.0)) <= right - at.x - 30.0 { 12.0 } else { 11.0 };
    label(ui, at, LEFT, &text, mono(size), t.text3, right - at.x - 28.0);
    let copied = s.state.call.people.copied.is_some_and(|(whose, until)| whose == peer && s.time < until);
    let glyph = if copied { icons::CHECK } else { icons::COPY };
    let button =
        Button::new(("people-copy", peer), rect(right - 26.0, at.y - 13.0, 26.0, 26.0), Kind::Ghost).icon(glyph);
    let button = button.icon_size(15.0).ink(if copied { t.accent_text } else { t.text3 }).radius(8.0);
    if button
        .name(&format!("Copy the ID of {name}"))
        .tip(if copied { "Copied" } else { "Copy ID" })
        .show(ui, &t)
        .clicked()
    {
        ui.ctx().copy_text(text);
        s.state.call.people.copied = Some((peer, s.time + 2.0));
        ui.ctx().request_repaint_after(std::time::Duration::from_millis(2010));
    }
}

/// One's own name and ID, at the bottom.
fn mine(ui: &mut Ui, s: &mut Scene<'_>, k: Rect) {
    let t = DARK;
    ui.painter().rect_filled(k, corner(14.0), t.surface2);
    let name = s.snap.settings.name.clone();
    avatar(ui.painter(), pos2(k.left() + 30.0, k.top() + 31.0), 18.0, &name);
    let x = k.left() + 60.0;
    let room = k.width() - 60.0 - 124.0;
    label(ui, pos2(x, k.top() + 22.0), LEFT, &name, medium(14.5), t.text, room);
    label(ui, pos2(x, k.top() + 41.0), LEFT, "You", regular(12.5), t.text2, room);
    let copied = s.is_copied(ui.ctx(), "invitation");
    let (glyph, words) = if copied { (icons::CHECK, "Copied") } else { (icons::LINK_SIMPLE, "Invitation") };
    let at = rect(k.right() - 118.0, k.top() + 14.0, 108.0, 34.0);
    let button = Button::new("people-invitation", at, Kind::Soft).icon(glyph).label(words).size(13.0);
    if button.name("Copy invitation").tip("Copy a line with your ID, name and server").show(ui, &t).clicked()
        && let Some(text) = invitation(s.snap)
    {
        s.copy(ui.ctx(), "invitation", text);
    }
    if let Some(me) = s.snap.id {
        id(ui, s, pos2(k.left() + 14.0, k.bottom() - 20.0), k.right() - 8.0, me, "yourself");
    }
}
