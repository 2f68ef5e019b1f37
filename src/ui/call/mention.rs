//! Mentions in the field of the chat: `@` offers the people in the call, by keyboard and by mouse.

use eframe::egui::accesskit::Role;
use eframe::egui::text::{CCursor, CCursorRange};
use eframe::egui::{Area, Context, Id, Key, Modifiers, Order, Rect, Sense, TextEdit, Ui, WidgetInfo, vec2};

use super::name;
use crate::model::mention::{begun, offers};
use crate::model::snapshot::CallView;
use crate::ui::paint::{LEFT, avatar, elided, rect};
use crate::ui::theme::{DARK, corner, medium};
use crate::ui::widgets::popup_frame;

/// Height of one row, and most rows.
const ROW: f32 = 40.0;
const MOST: usize = 6;

/// Who is offered, and what was done about it.
#[derive(Default)]
pub(super) struct Offer {
    /// Characters before the `@`.
    at: usize,
    names: Vec<String>,
    picked: usize,
    /// Escape closed the offer for the `@` that stands here.
    refused: Option<usize>,
}

impl Offer {
    pub(super) fn is_open(&self) -> bool {
        !self.names.is_empty()
    }

    /// The keyboard is elsewhere.
    pub(super) fn close(&mut self) {
        self.names.clear();
    }

    /// Closes it for good, as far as this `@` goes; whether there was one.
    pub(super) fn refuse(&mut self) -> bool {
        let open = self.is_open();
        if open {
            self.refused = Some(self.at);
            self.names.clear();
        }
        open
    }

    /// What the keyboard makes of an open offer, before the field sees the keys: the name that was chosen.
    pub(super) fn keys(&mut self, ctx: &Context) -> Option<String> {
        if self.names.is_empty() {
            return None;
        }
        let pressed = |key| ctx.input_mut(|i| i.consume_key(Modifiers::NONE, key));
        let count = self.names.len();
        if pressed(Key::ArrowDown) {
            self.picked = (self.picked + 1) % count;
        }
        if pressed(Key::ArrowUp) {
            self.picked = (self.picked + count - 1) % count;
        }
        (pressed(Key::Enter) || pressed(Key::Tab)).then(|| self.names.get(self.picked).cloned()).flatten()
    }

    /// Looks at what is written in the field with this ID.
    pub(super) fn see(&mut self, ctx: &Context, field: Id, text: &str, view: &CallView) {
        let cursor = TextEdit::load_state(ctx, field).and_then(|state| state.cursor.char_range());
        let begun = cursor.filter(|range| range.is_empty()).and_then(|range| begun(text, range.primary.index.into()));
        let Some((at, part)) = begun else {
            (self.refused, self.picked) = (None, 0);
            return self.names.clear();
        };
        let all: Vec<String> = view.members.iter().map(name).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let names: Vec<String> = offers(part, &all).into_iter().take(MOST).map(str::to_owned).collect();
        if names != self.names || at != self.at {
            self.picked = 0;
        }
        (self.at, self.names) = (at, names);
        if self.refused == Some(at) {
            self.names.clear();
        } else {
            self.refused = None;
        }
    }

    /// Puts a name where its mention was begun, with the cursor behind it.
    pub(super) fn insert(&mut self, ctx: &Context, field: Id, text: &mut String, name: &str) {
        let Some(mut state) = TextEdit::load_state(ctx, field) else { return };
        let end = state.cursor.char_range().map_or(0, |range| range.primary.index.into());
        let before: String = text.chars().take(self.at).collect();
        let after: String = text.chars().skip(end).collect();
        let gap = if after.starts_with(char::is_whitespace) { "" } else { " " };
        *text = format!("{before}@{name}{gap}{after}");
        let cursor = CCursor::new(self.at + 2 + name.chars().count());
        state.cursor.set_char_range(Some(CCursorRange::one(cursor)));
        state.store(ctx, field);
        self.names.clear();
        ctx.memory_mut(|m| m.request_focus(field));
    }

    /// The list above the field `f`; the name that was clicked.
    pub(super) fn list(&self, ui: &Ui, f: Rect) -> Option<String> {
        if self.names.is_empty() {
            return None;
        }
        let t = DARK;
        let high = ROW * self.names.len() as f32;
        let width = f.width() - 12.0;
        let mut clicked = None;
        let area = Area::new(Id::unique("mentions")).order(Order::Foreground);
        area.fixed_pos(f.left_top() - vec2(0.0, high + 20.0)).show(ui.ctx(), |ui| {
            popup_frame(&t).show(ui, |ui| {
                ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
                for (n, name) in self.names.iter().enumerate() {
                    if row(ui, n, name, width, n == self.picked) {
                        clicked = Some(name.clone());
                    }
                }
            });
        });
        clicked
    }
}

/// One person of the list. It takes no focus: that stays with the field.
fn row(ui: &mut Ui, n: usize, name: &str, width: f32, picked: bool) -> bool {
    let t = DARK;
    let (_, r) = ui.allocate_space(vec2(width, ROW));
    let response = ui.interact(r, Id::unique(("mention", n)), Sense::click().difference(Sense::FOCUSABLE));
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, picked, format!("Mention {name}")));
    if picked || response.hovered() {
        ui.painter().rect_filled(r, corner(9.0), t.surface3);
    }
    avatar(ui.painter(), rect(r.left() + 6.0, r.top(), 28.0, ROW).center(), 13.0, name);
    let (words, _) = elided(ui.painter(), name, medium(14.0), t.text, width - 54.0);
    let at = LEFT.anchor_size(r.left_center() + vec2(44.0, 0.0), words.size());
    ui.painter().galley(at.min, words, t.text);
    response.clicked()
}
