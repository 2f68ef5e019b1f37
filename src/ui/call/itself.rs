//! Oneself in a corner, mirrored, to be dragged to any of the four.

use eframe::egui::accesskit::Role;
use eframe::egui::{Color32, CursorIcon, Id, Rect, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2};

use crate::model::device::DeviceState;
use crate::model::snapshot::{PlayerKey, Snapshot};
use crate::model::source::VideoSpec;
use crate::ui::app::Scene;
use crate::ui::devices::{Which, failure, trouble};
use crate::ui::icons;
use crate::ui::paint::{CENTER, chip, label, shadow};
use crate::ui::theme::{DARK, corner, icon, icon_fill, medium, rgb};
use crate::ui::video::{Look, fit};

/// One of four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Corner {
    left: bool,
    top: bool,
}

#[derive(Default)]
pub(super) struct Itself {
    pub(super) corner: Corner,
    dragged: Vec2,
}

/// `below`: what else is at the top.
fn place(stage: Rect, corner: Corner, below: f32) -> Rect {
    let w = (stage.width() * 0.25).clamp(150.0, 256.0);
    let size = vec2(w, w * 9.0 / 16.0);
    // Beside the bar where there is room, above it otherwise.
    let beside = stage.width() >= super::bar::WIDTH + 16.0 + 2.0 * (w + 16.0);
    let bottom =
        stage.bottom() - 16.0 - if beside && !corner.left { 0.0 } else { 80.0 } - if corner.left { 36.0 } else { 0.0 };
    let x = if corner.left { stage.left() + 16.0 } else { stage.right() - 16.0 - size.x };
    let y = if corner.top { stage.top() + 68.0 + below } else { bottom - size.y };
    Rect::from_min_size(pos2(x, y), size)
}

/// Shows it; says where.
pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, stage: Rect) -> Rect {
    let t = DARK;
    let below = if s.snap.media.sharing.is_some() { super::share::ROOM } else { 0.0 };
    let chosen = s.state.call.itself.corner;
    let home = place(stage, chosen, below);
    // The figures would cover it.
    let covered = s.state.call.statistics && !chosen.left && home.intersects(super::stats::place(stage));
    let home = if covered { place(stage, Corner { left: true, ..chosen }, below) } else { home };
    let response = ui.interact(
        home.translate(s.state.call.itself.dragged),
        Id::unique("self-view"),
        Sense::drag().difference(Sense::FOCUSABLE),
    );
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, "Your own picture"));
    if response.dragged() {
        s.state.call.itself.dragged += response.drag_delta();
    }
    let r = home.translate(s.state.call.itself.dragged);
    if response.drag_stopped() {
        let c = r.center();
        s.state.call.itself.corner = Corner { left: c.x < stage.center().x, top: c.y < stage.center().y };
        s.state.call.itself.dragged = Vec2::ZERO;
    }
    let response =
        response.on_hover_cursor(if response_is_dragged(ui) { CursorIcon::Grabbing } else { CursorIcon::Grab });
    let _ = response;
    let media = &s.snap.media;
    // A screen that is shared goes out instead of the camera: whole, and readable.
    let sharing = media.sharing.is_some();
    let (muted, on) = (media.muted, media.camera_on || sharing);
    shadow(ui.painter(), r, 14.0, 24, 8, Color32::from_black_alpha(130));
    ui.painter().rect_filled(r, corner(14.0), t.surface2);
    let size = s.videos.size(s.handle, PlayerKey::Preview);
    match size.filter(|_| on) {
        Some(size) => {
            let (shown, cover) = fit(size, r, if sharing { 0.0 } else { 0.5 });
            s.videos.paint(
                ui.painter(),
                PlayerKey::Preview,
                shown,
                cover,
                Look { radius: 14.0, tint: 1.0, mirror: !sharing },
            );
        }
        None => {
            let why = no_picture(s.snap, on);
            let ink = if why.1 { t.amber } else { t.text3 };
            let at = r.center() - vec2(0.0, 22.0);
            ui.painter().text(at, CENTER, icons::VIDEO_CAMERA_SLASH, icon(26.0), ink);
            label(ui, at + vec2(0.0, 28.0), CENTER, &why.0, medium(12.5), t.text2, r.width() - 16.0);
        }
    }
    let edge = Stroke::new(1.5, Color32::WHITE.gamma_multiply(0.22));
    ui.painter().rect_stroke(r, corner(14.0), edge, StrokeKind::Inside);
    let talks = (media.held || media.speaking) && !muted;
    if talks {
        super::tile::ring(ui, r, 14.0);
    }
    let trouble = trouble(s.snap, Which::Microphone);
    let (glyph, ink) = if trouble.is_some() {
        (icons::MICROPHONE_SLASH, t.amber)
    } else if muted {
        (icons::MICROPHONE_SLASH, rgb(0xFF9EA0))
    } else if talks {
        (icons::MICROPHONE, rgb(0xAEB7FF))
    } else {
        (icons::MICROPHONE, Color32::WHITE)
    };
    let parts = [(glyph, icon_fill(15.0), ink), ("You", medium(13.0), Color32::WHITE)];
    let spoken = match &trouble {
        Some((short, _)) => format!("You, {}", short.to_lowercase()),
        None if muted => "You, muted".to_owned(),
        None if talks => "You, talking".to_owned(),
        None => "You".to_owned(),
    };
    let on_picture = on && size.is_some();
    chip(ui, pos2(r.left() + 8.0, r.bottom() - 36.0), on_picture, &parts, &spoken, r.width() - 16.0);
    r
}

/// Why one does not see oneself, in a word or three, and whether that is wrong.
fn no_picture(snap: &Snapshot, on: bool) -> (String, bool) {
    let words = match &snap.media.camera {
        _ if !on => "Camera is off",
        _ if snap.settings.camera == VideoSpec::None => "No camera chosen",
        DeviceState::Failed(e) => return (failure(Which::Camera, e), true),
        _ => "Opening the camera…",
    };
    (words.to_owned(), false)
}

fn response_is_dragged(ui: &Ui) -> bool {
    ui.ctx().is_being_dragged(Id::unique("self-view"))
}
