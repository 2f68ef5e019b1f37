//! Controls placed by rectangle. Each has a stable ID, a role and a name on the accessibility tree, hover and focus
//! states, and (where it has a key) a tooltip that shows it.

use eframe::egui::accesskit::Role;
use eframe::egui::{
    Color32, CursorIcon, Id, Rect, Response, RichText, Sense, Stroke, StrokeKind, TextEdit, Ui, Vec2, WidgetInfo, pos2,
};

use super::icons;
pub use super::lists::{Choice, choice_list};
use super::paint::{CENTER, LEFT, elided, rect};
use super::theme::{GLASS, Tokens, corner, icon, icon_fill, medium, regular, rgb, semibold};
use crate::model::snapshot::Level;

/// How a button looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The one thing to do here.
    Primary,
    /// Other things.
    Second,
    /// Hardly there until pointed at.
    Ghost,
    /// Leaving.
    Danger,
    /// Accept and Join.
    Ok,
    /// Accent, quietly.
    Soft,
    /// On video.
    Glass,
    /// Off by you.
    Off,
}

/// A button.
pub struct Button<'a> {
    id: Id,
    area: Rect,
    kind: Kind,
    icon: &'a str,
    label: &'a str,
    name: Option<&'a str>,
    size: f32,
    icon_size: Option<f32>,
    radius: Option<f32>,
    tip: Option<&'a str>,
    key: Option<&'a str>,
    enabled: bool,
    pressed: Option<bool>,
    ink: Option<Color32>,
    filled: bool,
}

impl<'a> Button<'a> {
    /// At `area`; `id` is unique in the window and stays the same whatever the label says.
    pub fn new(id: impl std::hash::Hash + std::fmt::Debug, area: Rect, kind: Kind) -> Self {
        Self {
            id: Id::unique(("button", id)),
            area,
            kind,
            icon: "",
            label: "",
            name: None,
            size: 14.5,
            icon_size: None,
            radius: None,
            tip: None,
            key: None,
            enabled: true,
            pressed: None,
            ink: None,
            filled: matches!(kind, Kind::Primary | Kind::Danger | Kind::Ok | Kind::Off),
        }
    }

    /// Icon before the label.
    pub fn icon(mut self, icon: &'a str) -> Self {
        self.icon = icon;
        self
    }

    /// Words on it, which are its name too.
    pub fn label(mut self, label: &'a str) -> Self {
        self.label = label;
        self
    }

    /// Its name where the label says too little.
    pub fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }

    /// Size of the words.
    pub fn size(mut self, size: f32) -> Self {
        self.size = size;
        self
    }

    /// Size of the icon.
    pub fn icon_size(mut self, size: f32) -> Self {
        self.icon_size = Some(size);
        self
    }

    /// Corners.
    pub fn radius(mut self, radius: f32) -> Self {
        self.radius = Some(radius);
        self
    }

    /// Words that appear when the pointer rests on it.
    pub fn tip(mut self, tip: &'a str) -> Self {
        self.tip = Some(tip);
        self
    }

    /// The key that does the same, shown in the tooltip.
    pub fn key(mut self, key: &'a str) -> Self {
        self.key = Some(key);
        self
    }

    /// Whether it can be used now.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// A toggle and its state.
    pub fn pressed(mut self, pressed: bool) -> Self {
        self.pressed = Some(pressed);
        self
    }

    /// Another colour for icon and words.
    pub fn ink(mut self, ink: Color32) -> Self {
        self.ink = Some(ink);
        self
    }

    /// The filled icon or the outlined one.
    pub fn filled(mut self, filled: bool) -> Self {
        self.filled = filled;
        self
    }

    /// Shows it.
    pub fn show(self, ui: &mut Ui, t: &Tokens) -> Response {
        let sense = if self.enabled { Sense::click() } else { Sense::hover() };
        let response = ui.interact(self.area, self.id, sense);
        let name = self.name.unwrap_or(self.label);
        let (enabled, pressed) = (self.enabled, self.pressed);
        response.widget_info(|| match pressed {
            Some(on) => WidgetInfo::selected(Role::Button, enabled, on, name),
            None => WidgetInfo::labeled(Role::Button, enabled, name),
        });
        if ui.is_rect_visible(self.area) {
            self.paint(ui, t, &response);
        }
        let response = if self.enabled { response.on_hover_cursor(CursorIcon::PointingHand) } else { response };
        tooltip(response, t, self.tip.or(if self.label.is_empty() { self.name } else { None }), self.key)
    }

    fn paint(&self, ui: &Ui, t: &Tokens, response: &Response) {
        let hot = self.enabled && (response.hovered() || response.is_pointer_button_down_on());
        let clear = Color32::TRANSPARENT;
        let (mut ground, mut ink, line) = match self.kind {
            Kind::Primary => (if hot { t.fill_hover } else { t.fill }, Color32::WHITE, clear),
            Kind::Second => {
                let plain = if t.dark { t.surface2 } else { t.surface };
                (
                    if hot { if t.dark { t.surface3 } else { t.surface2 } } else { plain },
                    t.text,
                    if t.dark { t.line } else { t.edge },
                )
            }
            Kind::Ghost => (if hot { t.surface2 } else { clear }, if hot { t.text } else { t.text2 }, clear),
            Kind::Danger => (if hot { t.danger_hover } else { t.danger_fill }, Color32::WHITE, clear),
            Kind::Ok => (if hot { t.ok_hover } else { t.ok }, t.on_ok, clear),
            Kind::Soft => {
                let soft = if hot { t.accent_soft.lerp_to_gamma(t.accent, 0.18) } else { t.accent_soft };
                (soft, t.accent_text, clear)
            }
            Kind::Glass => (if hot { rgb(0x2A2F3B) } else { GLASS }, Color32::WHITE, clear),
            Kind::Off => {
                let soft = if hot { t.danger_soft.lerp_to_gamma(t.danger, 0.2) } else { t.danger_soft };
                (soft, t.danger_ink, clear)
            }
        };
        if let Some(other) = self.ink {
            ink = other;
        }
        if !self.enabled {
            ground = ground.gamma_multiply(0.45);
            ink = ink.gamma_multiply(0.5);
        }
        let radius = self.radius.unwrap_or(if self.area.height() >= 44.0 { 14.0 } else { 10.0 });
        let p = ui.painter();
        p.rect(self.area, corner(radius), ground, Stroke::new(1.0, line), StrokeKind::Inside);
        focus_ring(ui, t, response, radius);
        let (step, gap) = if self.size < 13.0 { (3.0, 6.0) } else { (5.0, 8.0) };
        let icon_size = self.icon_size.unwrap_or(self.size + step);
        let both = !self.icon.is_empty() && !self.label.is_empty();
        let glyph = p.layout_no_wrap(
            self.icon.to_owned(),
            if self.filled { icon_fill(icon_size) } else { icon(icon_size) },
            ink,
        );
        let before = if self.icon.is_empty() { 0.0 } else { glyph.size().x + if both { gap } else { 0.0 } };
        let (words, _) = elided(p, self.label, semibold(self.size), ink, self.area.width() - before - 16.0);
        let wide = before + if self.label.is_empty() { 0.0 } else { words.size().x };
        let (x, y) = (self.area.center().x - wide / 2.0 - if both { 1.5 } else { 0.0 }, self.area.center().y);
        if !self.icon.is_empty() {
            p.galley(pos2(x, y - glyph.size().y / 2.0), glyph, ink);
        }
        if !self.label.is_empty() {
            p.galley(pos2(x + before, y - words.size().y / 2.0), words, ink);
        }
    }
}

/// The ring around what the keyboard would press.
pub fn focus_ring(ui: &Ui, t: &Tokens, response: &Response, radius: f32) {
    if response.has_focus() {
        let ring = if t.dark { t.accent_text } else { t.accent };
        ui.painter().rect_stroke(
            response.rect.expand(2.0),
            corner(radius + 2.0),
            Stroke::new(2.0, ring),
            StrokeKind::Outside,
        );
    }
}

/// Words and the key, when the pointer rests.
pub fn tooltip(response: Response, t: &Tokens, tip: Option<&str>, key: Option<&str>) -> Response {
    let Some(tip) = tip else { return response };
    let t = *t;
    response.on_hover_ui(move |ui| {
        ui.horizontal(|ui| {
            ui.label(RichText::new(tip).font(medium(12.5)).color(t.text));
            if let Some(key) = key {
                ui.label(RichText::new(key).font(medium(12.0)).color(t.text3));
            }
        });
    })
}

/// A switch, its right edge at `right`. Returns the new value once it was flipped.
pub fn switch(ui: &mut Ui, t: &Tokens, id: &str, right: f32, y: f32, on: bool, name: &str) -> Option<bool> {
    let r = rect(right - 44.0, y - 12.0, 44.0, 24.0);
    let response = ui.interact(r.expand(4.0), Id::unique(("switch", id)), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Switch, true, on, name));
    let flip = ui.ctx().animate_bool(response.id, on);
    let ground = t.switch_off.lerp_to_gamma(t.fill, flip);
    ui.painter().rect_filled(r, corner(12.0), ground);
    let x = eframe::egui::lerp(r.left() + 12.0..=r.right() - 12.0, flip);
    ui.painter().circle_filled(pos2(x, y), 9.0, Color32::WHITE);
    focus_ring(ui, t, &response.clone().with_new_rect(r), 12.0);
    response.on_hover_cursor(CursorIcon::PointingHand).clicked().then_some(!on)
}

/// A field that shows `shown` and opens a list. Returns what was chosen.
#[allow(clippy::too_many_arguments, reason = "one call a field; a builder would only rename them")]
pub fn select<V: Clone + PartialEq>(
    ui: &mut Ui,
    t: &Tokens,
    id: &str,
    area: Rect,
    glyph: &str,
    name: &str,
    shown: &str,
    current: &V,
    choices: &[Choice<V>],
) -> Option<V> {
    let id = Id::unique(("select", id));
    let response = ui.interact(area, id, Sense::click());
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ComboBox, true, name);
        info.current_text_value = Some(shown.to_owned());
        info
    });
    let popup = eframe::egui::Popup::menu(&response).id(id.with("list"));
    let open = popup.is_open();
    let ground = if t.dark { t.surface2 } else { t.surface };
    let line = if open {
        Stroke::new(1.5, t.accent)
    } else {
        Stroke::new(1.0, if response.hovered() { t.text3.gamma_multiply(0.6) } else { t.edge })
    };
    ui.painter().rect(area, corner(12.0), ground, line, StrokeKind::Inside);
    focus_ring(ui, t, &response, 12.0);
    let p = ui.painter();
    let mut left = area.left() + 14.0;
    if !glyph.is_empty() {
        p.text(pos2(area.left() + 22.0, area.center().y), CENTER, glyph, icon(19.0), t.text2);
        left = area.left() + 42.0;
    }
    let (words, cut) = elided(p, shown, regular(14.0), t.text, area.right() - 36.0 - left);
    p.galley(pos2(left, area.center().y - words.size().y / 2.0), words, t.text);
    let caret = if open { icons::CARET_UP } else { icons::CARET_DOWN };
    p.text(pos2(area.right() - 20.0, area.center().y), CENTER, caret, icon(14.0), t.text2);
    let response = response.on_hover_cursor(CursorIcon::PointingHand);
    if cut && !open {
        tooltip(response.clone(), t, Some(shown), None);
    }
    choice_list(t, popup, area.width(), id, current, choices)
}

/// The ground of every list and popover.
pub fn popup_frame(t: &Tokens) -> eframe::egui::Frame {
    eframe::egui::Frame {
        inner_margin: 6.into(),
        fill: if t.dark { t.surface2 } else { t.surface },
        stroke: Stroke::new(1.0, if t.dark { t.surface3 } else { t.line }),
        corner_radius: corner(14.0),
        outer_margin: 0.into(),
        shadow: eframe::egui::Shadow {
            offset: [0, 10],
            blur: 30,
            spread: 0,
            color: if t.dark { Color32::from_black_alpha(170) } else { t.shadow },
        },
    }
}

/// A meter of ten segments from −60 to 0 dBFS; the last two are amber.
pub fn meter(ui: &mut Ui, t: &Tokens, area: Rect, level: Level, name: &str) {
    let id = ui.next_auto_id();
    ui.skip_ahead_auto_ids(1);
    let response = ui.interact(area, id, Sense::hover());
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Meter, true, name);
        info.value = Some(f64::from(level.rms));
        info
    });
    let p = ui.painter();
    let gap = 4.0;
    let w = (area.width() - 9.0 * gap) / 10.0;
    let share = |db: i8| (f32::from(db) + 60.0).clamp(0.0, 60.0) / 60.0;
    let (rms, peak) = (share(level.rms), share(level.peak));
    for n in 0..10 {
        let q = rect(area.left() + n as f32 * (w + gap), area.top(), w, area.height());
        p.rect_filled(q, corner(3.0), t.meter_off);
        let lit = (rms * 10.0 - n as f32).clamp(0.0, 1.0);
        if lit > 0.0 {
            let colour = if n >= 8 { t.amber } else { t.accent };
            p.rect_filled(rect(q.left(), q.top(), w * lit, q.height()), corner(3.0), colour);
        }
    }
    if peak > 0.01 {
        let x = area.left() + (area.width() - 3.0) * peak;
        p.rect_filled(rect(x, area.top(), 3.0, area.height()), corner(1.0), t.text);
    }
}

/// A text field's ground with an icon; the text is `text`, its accessible name `name`.
#[allow(clippy::too_many_arguments, reason = "one call a field; a builder would only rename them")]
pub fn field(
    ui: &mut Ui,
    t: &Tokens,
    id: &str,
    area: Rect,
    glyph: &str,
    name: &str,
    hint: &str,
    text: &mut String,
    limit: usize,
    right: f32,
) -> Response {
    text_field(ui, t, id, area, glyph, name, hint, text, limit, right, false)
}

/// The same for what nobody else should read: dots instead of letters.
pub fn secret_field(ui: &mut Ui, t: &Tokens, id: &str, area: Rect, name: &str, text: &mut String) -> Response {
    text_field(ui, t, id, area, icons::LOCK, name, name, text, 508, 8.0, true)
}

#[allow(clippy::too_many_arguments, reason = "one call a field; a builder would only rename them")]
fn text_field(
    ui: &mut Ui,
    t: &Tokens,
    id: &str,
    area: Rect,
    glyph: &str,
    name: &str,
    hint: &str,
    text: &mut String,
    limit: usize,
    right: f32,
    secret: bool,
) -> Response {
    let id = Id::unique(("field", id));
    let focused = ui.memory(|m| m.has_focus(id));
    let (line, width) = if focused { (t.accent, 1.5) } else { (t.edge, 1.0) };
    if focused {
        ui.painter().rect_filled(area.expand(3.0), corner(17.0), t.accent.gamma_multiply(0.18));
    }
    ui.painter().rect(area, corner(14.0), t.surface, Stroke::new(width, line), StrokeKind::Inside);
    let ground = ui.interact(area, id.with("ground"), Sense::click().difference(Sense::FOCUSABLE));
    if ground.clicked() {
        ui.memory_mut(|m| m.request_focus(id));
    }
    let mut left = area.left() + 16.0;
    if !glyph.is_empty() {
        ui.painter().text(pos2(area.left() + 28.0, area.center().y), CENTER, glyph, icon(20.0), t.text2);
        left = area.left() + 54.0;
    }
    let font = regular(if area.height() >= 50.0 { 16.0 } else { 14.0 });
    let room = area.right() - right - 8.0 - left;
    if text.is_empty() {
        let (words, _) = elided(ui.painter(), hint, font.clone(), t.text3, room);
        ui.painter().galley(pos2(left, area.center().y - words.size().y / 2.0), words, t.text3);
    }
    let edit = TextEdit::singleline(text)
        .id(id)
        .frame(eframe::egui::Frame::NONE)
        .margin(0)
        .font(font)
        .text_color(t.text)
        .desired_width(room)
        .password(secret)
        .char_limit(limit)
        .align(eframe::egui::Align2::LEFT_CENTER);
    let response = ui.put(rect(left, area.center().y - 12.0, room, 24.0), edit);
    named(ui, id, name);
    response
}

/// Gives a text field its name, which its placeholder is not.
pub fn named(ui: &Ui, id: Id, name: &str) {
    let name = name.to_owned();
    ui.ctx().accesskit_node_builder(id, |node| node.set_label(name));
}

/// A line of small words with an icon in front, in amber where something is wrong.
pub fn verdict(ui: &mut Ui, t: &Tokens, at: Vec2, width: f32, bad: bool, words: &str) -> Rect {
    let (glyph, ink) = if bad { (icons::WARNING_CIRCLE, t.amber) } else { (icons::CHECK_CIRCLE, t.accent_text) };
    ui.painter().text(pos2(at.x + 8.0, at.y), CENTER, glyph, icon_fill(15.0), ink);
    let colour = if bad { t.amber } else { t.text2 };
    super::paint::label(ui, pos2(at.x + 22.0, at.y), LEFT, words, medium(13.0), colour, width - 22.0)
}
