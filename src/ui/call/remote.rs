//! The other side: their picture, or who they are and what is happening.

use eframe::egui::{Color32, Rect, Stroke, Ui, pos2, vec2};

use super::order::Who;
use super::{bar, name, signal, words};
use crate::model::id::Callee;
use crate::model::snapshot::{MemberView, PlayerKey, Stage};
use crate::ui::app::Scene;
use crate::ui::icons;
use crate::ui::paint::{CENTER, LEFT, avatar, chip, gradient, label, paragraph, spinner};
use crate::ui::theme::{DARK, corner, icon_fill, medium, regular, rgb, semibold};
use crate::ui::video::{Look, fit};

/// Shows them; says where their picture is, if there is one.
pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, stage: Rect, member: &MemberView) -> Option<Rect> {
    ui.painter().rect_filled(stage, 0.0, rgb(0x0A0C10));
    let key = PlayerKey::Remote(member.call);
    let connected = matches!(member.stage, Stage::Connecting | Stage::Connected | Stage::Reconnecting);
    let size = s.videos.size(s.handle, key).filter(|_| connected && (member.remote.camera_on || member.remote.sharing));
    let again = member.stage == Stage::Reconnecting;
    if let Some(size) = size {
        // Of a shared screen nothing may be missing.
        let (shown, cover) = fit(size, stage, if member.remote.sharing { 0.0 } else { 0.05 });
        let look = Look { radius: 0.0, tint: if again { 0.39 } else { 1.0 }, mirror: false };
        s.videos.paint(ui.painter(), key, shown, cover, look);
        if again {
            reconnecting(ui, s, stage, member);
        }
        return Some(shown.intersect(stage));
    }
    person(ui, s, stage, member);
    None
}

/// Who it is, large, and the state in words.
fn person(ui: &mut Ui, s: &Scene<'_>, stage: Rect, member: &MemberView) {
    let t = DARK;
    let radius = (stage.height() * 0.11).clamp(44.0, 72.0);
    let centre = pos2(stage.center().x, stage.center().y - radius * 0.9);
    let waiting = matches!(member.stage, Stage::Calling | Stage::Ringing | Stage::Connecting);
    if waiting {
        // A ring that breathes while one waits.
        let breath = ((s.time * 1.6).sin() * 0.5 + 0.5) as f32;
        let ring = Stroke::new(2.0, t.accent.gamma_multiply(0.25 + 0.45 * (1.0 - breath)));
        ui.painter().circle_stroke(centre, radius + 8.0 + 10.0 * breath, ring);
        ui.ctx().request_repaint_after(std::time::Duration::from_millis(40));
    } else if member.speaking {
        ui.painter().circle_stroke(centre, radius + 4.5, Stroke::new(3.0, t.accent));
        ui.painter().circle_stroke(centre, radius + 7.5, Stroke::new(3.0, t.accent.gamma_multiply(0.28)));
    }
    if member.peer == Callee::Echo {
        ui.painter().circle_filled(centre, radius, t.accent_soft);
        ui.painter().text(centre, CENTER, icons::WAVEFORM, crate::ui::theme::icon(radius), t.accent_text);
    } else {
        avatar(ui.painter(), centre, radius, &name(member));
    }
    let y = centre.y + radius + 36.0;
    let room = stage.width() - 64.0;
    label(ui, pos2(stage.center().x, y), CENTER, &name(member), semibold(24.0), t.text, room);
    let words = match &member.stage {
        Stage::Connected if member.peer == Callee::Echo => "Say something: you hear yourself a moment later".to_owned(),
        Stage::Connected if member.remote.camera_on => "Waiting for the picture…".to_owned(),
        Stage::Connected => "Camera is off".to_owned(),
        _ => words(&member.stage, member.seconds),
    };
    let ink = if member.stage == Stage::Reconnecting { t.amber } else { t.text2 };
    label(ui, pos2(stage.center().x, y + 32.0), CENTER, &words, medium(15.5), ink, room);
    if member.stage == Stage::Calling && member.seconds >= 5 {
        let (words, w) = ("Taking longer than usual: they may be offline", (room).min(420.0));
        let at = pos2(stage.center().x - w / 2.0, y + 52.0);
        paragraph(ui, at, w, words, regular(13.0), 19.0, t.text3, true);
    }
}

/// The last picture dimmed, and words.
fn reconnecting(ui: &mut Ui, s: &Scene<'_>, stage: Rect, member: &MemberView) {
    let t = DARK;
    let pill = Rect::from_center_size(stage.center(), vec2(248.0, 58.0));
    ui.painter().rect_filled(pill, corner(16.0), crate::ui::theme::GLASS_DENSE);
    spinner(ui.painter(), pos2(pill.left() + 30.0, pill.center().y), 12.0, t.amber, s.time);
    ui.ctx().request_repaint_after(std::time::Duration::from_millis(40));
    let x = pill.left() + 56.0;
    let words = words(&member.stage, member.seconds);
    label(ui, pos2(x, pill.center().y - 10.0), LEFT, &words, semibold(14.5), Color32::WHITE, 190.0);
    let words = "Looking for another way";
    label(ui, pos2(x, pill.center().y + 11.0), LEFT, words, regular(12.5), rgb(0xD3D7E0), 190.0);
}

/// Shade behind the controls.
pub(super) fn scrims(ui: &Ui, stage: Rect, shown: f32, picture: bool) {
    if !picture || shown < 0.01 {
        return;
    }
    let black = |alpha: f32| Color32::from_black_alpha((alpha * shown) as u8);
    let p = ui.painter();
    let top = Rect::from_min_size(stage.min, vec2(stage.width(), 110.0));
    gradient(p, top, black(110.0), Color32::TRANSPARENT);
    let bottom = Rect::from_min_max(pos2(stage.left(), stage.bottom() - 150.0), stage.max);
    gradient(p, bottom, Color32::TRANSPARENT, black(140.0));
}

/// Their name and microphone, how good the connection is unless it is good, their hand, and whether they can hear us again.
pub(super) fn plate(ui: &mut Ui, stage: Rect, member: &MemberView, picture: Option<Rect>) {
    if !matches!(member.stage, Stage::Connected | Stage::Reconnecting) {
        return;
    }
    let name = name(member);
    let (glyph, ink, state) = if member.remote.muted {
        (icons::MICROPHONE_SLASH, rgb(0xFF9EA0), ", muted")
    } else if member.speaking {
        (icons::MICROPHONE, rgb(0xAEB7FF), ", speaking")
    } else {
        (icons::MICROPHONE, Color32::WHITE, "")
    };
    // Beside the bar where there is room, above it otherwise.
    let low = stage.width() >= bar::WIDTH + 371.0;
    let y = stage.bottom() - 16.0 - 28.0 - if low { 0.0 } else { 80.0 };
    let at = pos2(stage.left() + 16.0, y);
    let on_picture = picture.is_some_and(|picture| picture.contains(at));
    let parts = [(glyph, icon_fill(15.0), ink), (name.as_str(), medium(13.0), Color32::WHITE)];
    let room = if low { (stage.width() - bar::WIDTH - 31.0) / 2.0 - 24.0 } else { stage.width() / 2.0 };
    let plate = chip(ui, at, on_picture, &parts, &format!("{name}{state}"), room - signal::ROOM);
    signal::sign(ui, Who::Them(member.peer), pos2(plate.right() + 8.0, at.y), on_picture, &member.quality);
    if member.remote.hand {
        let parts = [(icons::HAND, icon_fill(15.0), DARK.amber), ("Hand raised", medium(12.5), Color32::WHITE)];
        chip(ui, pos2(at.x, at.y - 36.0), on_picture, &parts, &format!("{name} raised a hand"), 200.0);
    }
    if member.remote.replay {
        let words = format!("{name} can replay the last 20 s");
        let glyph = (icons::CLOCK_COUNTER_CLOCKWISE, icon_fill(15.0), Color32::WHITE);
        let parts = [glyph, (words.as_str(), medium(12.5), Color32::WHITE)];
        let y = at.y - if member.remote.hand { 72.0 } else { 36.0 };
        chip(ui, pos2(at.x, y), on_picture, &parts, &words, (stage.width() - 32.0).min(420.0));
    }
}
