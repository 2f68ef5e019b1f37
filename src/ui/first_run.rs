//! The first run: a name, one's ID, a look at the devices. Nothing else is asked.

use eframe::egui::{Align2, Color32, Key, Rect, Stroke, Ui, pos2};

use super::app::Scene;
use super::devices::{Which, caption, drop_down, meter_block, preview};
use super::home::invitation;
use super::icons;
use super::paint::{CENTER, LEFT, RIGHT, card, label, logo, paragraph, rect, tile_icon};
use super::theme::{corner, icon, mono, regular, semibold};
use super::widgets::{Button, Kind, field};
use crate::model::command::Command;
use crate::model::id::Callee;
use crate::model::settings::Settings;

/// What was written so far.
#[derive(Debug, Default)]
pub struct FirstRun {
    name: String,
    insisted: bool,
    pub(super) done: bool,
}

fn wide(all: Rect) -> bool {
    all.width() >= 1000.0
}

fn margin(all: Rect) -> f32 {
    if all.width() < 800.0 { 28.0 } else { 48.0 }
}

/// How much room it needs.
pub fn height(all: Rect) -> f32 {
    if wide(all) { 740.0 } else { 640.0 + devices_height(all.width() - 2.0 * margin(all)) + 112.0 }
}

fn devices_height(width: f32) -> f32 {
    58.0 + picture_height(width) + 164.0 + 92.0
}

fn picture_height(width: f32) -> f32 {
    ((width - 48.0) * 9.0 / 16.0).min(342.0)
}

/// Shows it.
pub fn show(ui: &mut Ui, s: &mut Scene<'_>, all: Rect) {
    let t = s.t;
    let m = margin(all);
    let (left, right, y) = (all.left() + m, all.right() - m, all.top() + 48.0);
    logo(ui.painter(), &t, pos2(left, y));
    label(ui, pos2(left + 48.0, y), LEFT, "Visavis", semibold(18.0), t.text, 200.0);
    label(ui, pos2(right, y), RIGHT, "Takes about 30 seconds", regular(13.0), t.text2, 220.0);
    let w = if wide(all) { 496.0 } else { right - left };
    let top = all.top();
    label(ui, pos2(left, top + 124.0), LEFT, "Welcome, face to face", semibold(30.0), t.text, w);
    let words = "No account, no phone number. Three things and you can call.";
    label(ui, pos2(left, top + 158.0), LEFT, words, regular(14.5), t.text2, w);
    let named = !s.state.first_run.name.trim().is_empty();
    step(ui, s, pos2(left, top + 210.0), "1", "What should people call you?", named);
    let entered = name_field(ui, s, rect(left, top + 236.0, w, 52.0));
    step(ui, s, pos2(left, top + 336.0), "2", "This is your ID", s.snap.id.is_some());
    id_card(ui, s, rect(left, top + 362.0, w, 262.0));
    let devices = if wide(all) {
        Rect::from_min_max(pos2(left + w + 32.0, top + 96.0), pos2(right, all.bottom() - 48.0))
    } else {
        rect(left, top + 640.0, w, devices_height(w))
    };
    check(ui, s, devices);
    let done = Button::new("first-done", rect(left, all.bottom() - 100.0, w, 52.0), Kind::Primary);
    if done.label("Done, go to Home").size(16.0).show(ui, &t).clicked() || entered {
        let name = s.state.first_run.name.trim().to_owned();
        if name.is_empty() {
            s.state.first_run.insisted = true;
            ui.memory_mut(|memory| memory.request_focus(eframe::egui::Id::unique(("field", "first-name"))));
        } else {
            s.change(|settings| settings.name = name);
            s.state.first_run.done = true;
        }
    }
}

fn step(ui: &mut Ui, s: &Scene<'_>, at: eframe::egui::Pos2, number: &str, words: &str, done: bool) {
    let t = &s.t;
    let centre = pos2(at.x + 13.0, at.y);
    ui.painter().circle_filled(centre, 13.0, if done { t.accent_soft } else { t.fill });
    if done {
        ui.painter().text(centre, CENTER, icons::CHECK, icon(15.0), t.accent_text);
    } else {
        ui.painter().text(centre, CENTER, number, semibold(13.0), Color32::WHITE);
    }
    label(ui, pos2(at.x + 38.0, at.y), LEFT, words, semibold(16.0), t.text, 400.0);
}

fn name_field(ui: &mut Ui, s: &mut Scene<'_>, f: Rect) -> bool {
    let t = s.t;
    let mut name = std::mem::take(&mut s.state.first_run.name);
    let (hint, spoken) = ("Your name", "Your name");
    let response = field(ui, &t, "first-name", f, icons::USER, spoken, hint, &mut name, Settings::MAX_NAME, 8.0);
    s.state.first_run.name = name;
    if s.state.first_run.insisted && s.state.first_run.name.trim().is_empty() {
        let words = "Write a name first: it is what people see when you call";
        label(ui, pos2(f.left(), f.bottom() + 16.0), LEFT, words, regular(13.0), t.amber, f.width());
    }
    response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter))
}

fn id_card(ui: &mut Ui, s: &mut Scene<'_>, k: Rect) {
    let t = s.t;
    card(ui.painter(), &t, k, 18.0);
    let b = rect(k.left() + 16.0, k.top() + 16.0, k.width() - 32.0, 116.0);
    ui.painter().rect_filled(b, corner(14.0), t.surface2);
    let id = s.snap.id.map(|id| id.to_string()).unwrap_or_default();
    for (n, group) in id.split('-').enumerate() {
        let (column, row) = (n % 3, n / 3);
        let at = pos2(b.center().x + 132.0 * (column as f32 - 1.0) + 1.5, b.top() + 37.0 + 42.0 * row as f32);
        let format = eframe::egui::TextFormat {
            font_id: mono(29.0),
            color: t.text,
            extra_letter_spacing: 3.0,
            ..Default::default()
        };
        let galley = ui.painter().layout_job(eframe::egui::text::LayoutJob::single_section(group.to_owned(), format));
        ui.painter().galley(CENTER.anchor_size(at, galley.size()).min, galley, t.text);
    }
    let response = ui.interact(b, eframe::egui::Id::unique("first-id"), eframe::egui::Sense::hover());
    let spoken = format!("Your ID: {id}");
    response.widget_info(|| eframe::egui::WidgetInfo::labeled(eframe::egui::accesskit::Role::Label, true, &spoken));
    let half = (k.width() - 44.0) / 2.0;
    let y = k.top() + 148.0;
    let copied = s.is_copied(ui.ctx(), "id");
    let (glyph, words) = if copied { (icons::CHECK, "Copied") } else { (icons::COPY, "Copy ID") };
    let copy = Button::new("first-copy-id", rect(k.left() + 16.0, y, half, 44.0), Kind::Primary);
    if copy.icon(glyph).label(words).name("Copy ID").enabled(s.snap.id.is_some()).show(ui, &t).clicked() {
        s.copy(ui.ctx(), "id", id);
    }
    let copied = s.is_copied(ui.ctx(), "invitation");
    let (glyph, words) = if copied { (icons::CHECK, "Copied") } else { (icons::LINK_SIMPLE, "Copy invitation") };
    let at = rect(k.left() + 28.0 + half, y, half, 44.0);
    let copy = Button::new("first-copy-invitation", at, Kind::Second).icon(glyph).label(words).name("Copy invitation");
    if copy.show(ui, &t).clicked()
        && let Some(mut text) = invitation(s.snap)
    {
        let name = s.state.first_run.name.trim();
        if s.snap.settings.name.is_empty()
            && !name.is_empty()
            && let Ok(mut invited) = text.parse::<crate::model::invitation::Invitation>()
        {
            invited.name = Some(name.to_owned());
            text = invited.to_string();
        }
        s.copy(ui.ctx(), "invitation", text);
    }
    let words = "Give it to people so that they can call you. It belongs to a key that stays on this computer, \
                 so nobody else can use it.";
    paragraph(ui, pos2(k.left() + 18.0, k.top() + 206.0), k.width() - 36.0, words, regular(13.0), 19.0, t.text2, false);
}

fn check(ui: &mut Ui, s: &mut Scene<'_>, k: Rect) {
    let t = s.t;
    card(ui.painter(), &t, k, 18.0);
    let (x, w) = (k.left() + 24.0, k.width() - 48.0);
    step(ui, s, pos2(x, k.top() + 30.0), "3", "Check your picture and sound", false);
    let high = (k.height() - 58.0 - 164.0 - 92.0).min(w * 9.0 / 16.0).max(120.0);
    let picture = rect(x, k.top() + 58.0, w, high);
    let wide = (high * 16.0 / 9.0).min(w);
    preview(ui, s, Rect::from_center_size(picture.center(), eframe::egui::vec2(wide, high)), 14.0);
    let (y, half) = (picture.bottom() + 12.0, (w - 16.0) / 2.0);
    let field = rect(x, y + 20.0, half, 44.0);
    caption(ui, s, Which::Camera, field, field.right());
    drop_down(ui, s, Which::Camera, "first", field);
    let field = rect(x + half + 16.0, y + 20.0, half - 52.0, 44.0);
    caption(ui, s, Which::Speaker, field, x + w);
    drop_down(ui, s, Which::Speaker, "first", field);
    let play = Button::new("first-sound", rect(x + w - 44.0, y + 20.0, 44.0, 44.0), Kind::Second).icon(icons::PLAY);
    if play.name("Play sound").show(ui, &t).clicked() {
        s.send(Command::PlayTestSound);
    }
    let y = y + 76.0;
    let field = rect(x, y + 20.0, half, 44.0);
    caption(ui, s, Which::Microphone, field, field.right());
    drop_down(ui, s, Which::Microphone, "first", field);
    meter_block(ui, s, x + half + 16.0, y + 32.0, half);
    ui.painter().hline(x..=x + w, (k.bottom() - 84.0).round() - 0.5, Stroke::new(1.0, t.line));
    let y = k.bottom() - 42.0;
    tile_icon(ui.painter(), pos2(x + 22.0, y), 44.0, icons::WAVEFORM, t.accent_soft, t.accent_text);
    label(ui, pos2(x + 58.0, y - 10.0), LEFT, "Test call", semibold(14.5), t.text, w - 180.0);
    let words = "Hear yourself through the real connection";
    label(ui, pos2(x + 58.0, y + 10.5), Align2::LEFT_CENTER, words, regular(13.0), t.text2, w - 180.0);
    let start = Button::new("first-test", rect(x + w - 108.0, y - 20.0, 108.0, 40.0), Kind::Second).icon(icons::PLAY);
    if start.label("Start").name("Start test call").size(13.5).show(ui, &t).clicked() {
        s.send(Command::Call { to: Callee::Echo, video: true });
    }
}
