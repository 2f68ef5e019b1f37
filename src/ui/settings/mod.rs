//! Settings: a panel over the place one is in, never a detour. Changes act at once.

mod pages;

use eframe::egui::accesskit::Role;
use eframe::egui::{
    Color32, CornerRadius, CursorIcon, Frame, Id, Modal, Rect, ScrollArea, Sense, Stroke, StrokeKind, Ui, UiBuilder,
    WidgetInfo, pos2, vec2,
};

use super::app::Scene;
use super::icons;
use super::paint::{CENTER, LEFT, label, rect, shadow};
use super::theme::{corner, icon, icon_fill, medium, semibold};
use super::widgets::{Button, Kind, focus_ring};

/// A page of the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// Name and ID.
    Profile,
    /// Microphone, speaker, ring.
    Audio,
    /// Camera.
    Video,
    /// The program's own sounds, and what calls do.
    Calls,
    /// Server.
    Network,
    /// STUN and TURN.
    Relays,
    /// Keys.
    Keyboard,
    /// Theme.
    Appearance,
    /// Version and licences.
    About,
}

const PAGES: [(Page, &str, &str); 9] = [
    (Page::Profile, icons::USER, "Profile"),
    (Page::Audio, icons::MICROPHONE, "Audio"),
    (Page::Video, icons::VIDEO_CAMERA, "Video"),
    (Page::Calls, icons::BELL_RINGING, "Calls and ringing"),
    (Page::Network, icons::WIFI_HIGH, "Network"),
    (Page::Relays, icons::ARROWS_LEFT_RIGHT, "Relays"),
    (Page::Keyboard, icons::KEYBOARD, "Keyboard"),
    (Page::Appearance, icons::PAINT_BRUSH, "Appearance"),
    (Page::About, icons::INFO, "About"),
];

/// Whether it is open, and what is being written.
#[derive(Debug, Default)]
pub struct State {
    page: Option<Page>,
    name: Option<String>,
    server: Option<String>,
    downloads: Option<String>,
    relay: Option<pages::Draft>,
}

impl State {
    /// Opens this page.
    pub fn open(&mut self, page: Page) {
        if self.page.is_none() {
            (self.name, self.server, self.downloads, self.relay) = (None, None, None, None);
        }
        self.page = Some(page);
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.page.is_some()
    }

    /// Whether a page is open that shows camera or microphone.
    pub fn looks_at_devices(&self) -> bool {
        matches!(self.page, Some(Page::Audio | Page::Video))
    }
}

/// Shows it, where it is open.
pub fn show(ui: &mut Ui, s: &mut Scene<'_>, all: Rect) {
    let Some(page) = s.state.settings.page else { return };
    let t = s.t;
    let size = vec2((all.width() - 32.0).min(920.0), (all.height() - 32.0).min(610.0));
    let shade = if t.dark { Color32::from_black_alpha(165) } else { super::theme::LIGHT_SHADE };
    let modal = Modal::new(Id::unique("settings")).frame(Frame::NONE).backdrop_color(shade);
    let response = modal.show(ui.ctx(), |ui| {
        let (k, _) = ui.allocate_exact_size(size, Sense::hover());
        shadow(ui.painter(), k, 20.0, 48, 16, Color32::from_black_alpha(if t.dark { 190 } else { 60 }));
        let line = Stroke::new(1.0, if t.dark { t.surface3 } else { t.line });
        ui.painter().rect(k, corner(20.0), t.surface, line, StrokeKind::Inside);
        panel(ui, s, k, page)
    });
    if response.inner || response.should_close() {
        s.state.settings.page = None;
    }
}

fn panel(ui: &mut Ui, s: &mut Scene<'_>, k: Rect, page: Page) -> bool {
    let t = s.t;
    let narrow = k.width() < 760.0;
    let side = rect(k.left() + 1.0, k.top() + 1.0, if narrow { 64.0 } else { 215.0 }, k.height() - 2.0);
    let round = CornerRadius { nw: 19, sw: 19, ne: 0, se: 0 };
    ui.painter().rect_filled(side, round, t.side);
    ui.painter().vline(side.right() + 0.5, side.y_range(), Stroke::new(1.0, t.line));
    if !narrow {
        label(ui, pos2(side.left() + 24.0, k.top() + 37.0), LEFT, "Settings", semibold(18.0), t.text, 160.0);
    }
    // In the lowest window the tabs stand closer.
    let pitch = 44.0_f32.min((k.height() - 76.0) / PAGES.len() as f32);
    for (n, (to, glyph, name)) in PAGES.iter().enumerate() {
        let q = rect(side.left() + 12.0, k.top() + 68.0 + pitch * n as f32, side.width() - 24.0, pitch - 4.0);
        if tab(ui, s, q, glyph, name, page == *to, narrow) {
            s.state.settings.page = Some(*to);
        }
    }
    let left = side.right() + if narrow { 20.0 } else { 32.0 };
    let right = k.right() - if narrow { 20.0 } else { 32.0 };
    let title = PAGES.iter().find(|(p, ..)| *p == page).map_or("", |(_, _, name)| name);
    label(ui, pos2(left, k.top() + 37.0), LEFT, title, semibold(18.0), t.text, right - left - 50.0);
    let at = Rect::from_center_size(pos2(right - 18.0, k.top() + 37.0), vec2(36.0, 36.0));
    let close = Button::new("settings-close", at, Kind::Second).icon(icons::X).icon_size(17.0).ink(t.text2);
    let closed = close.name("Close settings").key("Esc").show(ui, &t).clicked();
    let body = Rect::from_min_max(pos2(left - 4.0, k.top() + 64.0), pos2(right + 4.0, k.bottom() - 16.0));
    let mut child = ui.new_child(UiBuilder::new().max_rect(body).id_salt(("page", title)));
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        let (area, _) = ui.allocate_exact_size(vec2(body.width(), pages::height(s, page)), Sense::hover());
        let area = Rect::from_min_max(area.min + vec2(4.0, 18.0), area.max - vec2(4.0, 0.0));
        pages::show(ui, s, area, page);
    });
    closed
}

fn tab(ui: &mut Ui, s: &Scene<'_>, q: Rect, glyph: &str, name: &str, on: bool, narrow: bool) -> bool {
    let t = &s.t;
    let response = ui.interact(q, Id::unique(("settings-tab", name)), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Tab, true, on, name));
    let p = ui.painter();
    if on {
        p.rect_filled(q, corner(10.0), t.accent_soft);
    } else if response.hovered() {
        p.rect_filled(q, corner(10.0), t.surface2);
    }
    focus_ring(ui, t, &response, 10.0);
    let ink = if on { t.accent_text } else { t.text2 };
    let at = if narrow { q.center() } else { pos2(q.left() + 22.0, q.center().y) };
    p.text(at, CENTER, glyph, if on { icon_fill(19.0) } else { icon(19.0) }, ink);
    if !narrow {
        let (font, ink) = if on { (semibold(14.0), t.accent_text) } else { (medium(14.0), t.text) };
        p.text(pos2(q.left() + 42.0, q.center().y), LEFT, name, font, ink);
    }
    let response = response.on_hover_cursor(CursorIcon::PointingHand);
    if narrow { response.on_hover_text(name).clicked() } else { response.clicked() }
}
