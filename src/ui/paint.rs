//! Painting without state: text, cards, avatars, gradients. Nothing here reacts to a pointer.

use eframe::egui::text::LayoutJob;
use eframe::egui::{
    Align2, Color32, FontId, Galley, Mesh, Painter, Pos2, Rect, Shadow, Shape, Stroke, StrokeKind, TextFormat, Ui,
    Vec2, pos2, vec2,
};
use std::sync::Arc;

use super::theme::{Tokens, corner, icon, rgb, semibold};

/// Vertically centred, from the left.
pub const LEFT: Align2 = Align2::LEFT_CENTER;
/// Vertically centred, to the right.
pub const RIGHT: Align2 = Align2::RIGHT_CENTER;
/// Centred.
pub const CENTER: Align2 = Align2::CENTER_CENTER;

/// A rectangle from its corner and size.
pub fn rect(x: f32, y: f32, w: f32, h: f32) -> Rect {
    Rect::from_min_size(pos2(x, y), vec2(w, h))
}

/// One line that ends in an ellipsis where it does not fit; tells whether it was cut.
pub fn elided(p: &Painter, text: &str, font: FontId, colour: Color32, width: f32) -> (Arc<Galley>, bool) {
    let mut job = LayoutJob::single_section(
        text.replace('\n', " "),
        TextFormat { font_id: font, color: colour, ..Default::default() },
    );
    job.wrap.max_width = width.max(1.0);
    job.wrap.max_rows = 1;
    job.wrap.break_anywhere = true;
    let galley = p.layout_job(job);
    let cut = galley.elided;
    (galley, cut)
}

/// Text on the accessibility tree as well as on the screen: one line, elided at `width`, with the whole as tooltip.
pub fn label(ui: &mut Ui, at: Pos2, align: Align2, text: &str, font: FontId, colour: Color32, width: f32) -> Rect {
    let (galley, cut) = elided(ui.painter(), text, font, colour, width);
    let area = align.anchor_size(at, galley.size());
    ui.painter().galley(area.min, galley, colour);
    name(ui, area, text, cut);
    area
}

/// How high a [`paragraph`] of this width is.
pub fn paragraph_height(p: &Painter, width: f32, text: &str, font: FontId, line: f32) -> f32 {
    p.layout_job(wrapped(width, text, font, line, Color32::WHITE)).size().y
}

fn wrapped(width: f32, text: &str, font: FontId, line: f32, colour: Color32) -> LayoutJob {
    let mut job = LayoutJob::single_section(
        text.into(),
        TextFormat { font_id: font, color: colour, line_height: Some(line), ..Default::default() },
    );
    job.wrap.max_width = width;
    job
}

/// A wrapped paragraph from its top left.
#[allow(clippy::too_many_arguments, reason = "what a paragraph is")]
pub fn paragraph(
    ui: &mut Ui,
    at: Pos2,
    width: f32,
    text: &str,
    font: FontId,
    line: f32,
    colour: Color32,
    centred: bool,
) -> Rect {
    let mut job = wrapped(width, text, font, line, colour);
    if centred {
        job.halign = eframe::egui::Align::Center;
    }
    let galley = ui.painter().layout_job(job);
    let origin = if centred { pos2(at.x + width / 2.0, at.y) } else { at };
    let area = Rect::from_min_size(at, vec2(width, galley.size().y));
    ui.painter().galley(origin, galley, colour);
    name(ui, area, text, false);
    area
}

/// Puts painted text into the accessibility tree; a cut one gets the whole as tooltip.
fn name(ui: &mut Ui, area: Rect, text: &str, cut: bool) {
    let id = ui.next_auto_id();
    ui.skip_ahead_auto_ids(1);
    let response = ui.interact(area, id, eframe::egui::Sense::hover());
    response.widget_info(|| eframe::egui::WidgetInfo::labeled(eframe::egui::accesskit::Role::Label, true, text));
    if cut {
        response.on_hover_text(text);
    }
}

/// Width of one line.
pub fn width(p: &Painter, text: &str, font: FontId) -> f32 {
    p.layout_no_wrap(text.to_owned(), font, Color32::WHITE).size().x
}

/// A card's ground.
pub fn card(p: &Painter, t: &Tokens, r: Rect, radius: f32) {
    p.rect(r, corner(radius), t.surface, Stroke::new(1.0, t.line), StrokeKind::Inside);
}

/// A soft shadow below `r`.
pub fn shadow(p: &Painter, r: Rect, radius: f32, blur: u8, down: i8, colour: Color32) {
    p.add(Shadow { offset: [0, down], blur, spread: 0, color: colour }.as_shape(r, corner(radius)));
}

/// From one colour at the top to another at the bottom.
pub fn gradient(p: &Painter, r: Rect, top: Color32, bottom: Color32) {
    let mut m = Mesh::default();
    m.colored_vertex(r.left_top(), top);
    m.colored_vertex(r.right_top(), top);
    m.colored_vertex(r.right_bottom(), bottom);
    m.colored_vertex(r.left_bottom(), bottom);
    m.add_triangle(0, 1, 2);
    m.add_triangle(0, 2, 3);
    p.add(m);
}

/// An icon in a rounded square.
pub fn tile_icon(p: &Painter, centre: Pos2, size: f32, glyph: &str, ground: Color32, ink: Color32) {
    p.rect_filled(Rect::from_center_size(centre, Vec2::splat(size)), corner(size * 0.28), ground);
    p.text(centre, CENTER, glyph, icon(size * 0.52), ink);
}

/// The program's mark: a camera on the accent.
pub fn logo(p: &Painter, t: &Tokens, left: Pos2) {
    let r = rect(left.x, left.y - 18.0, 36.0, 36.0);
    p.rect_filled(r, corner(11.0), t.fill);
    p.text(r.center(), CENTER, super::icons::VIDEO_CAMERA, super::theme::icon_fill(20.0), Color32::WHITE);
}

/// Initials on a colour that stays with the person.
pub fn avatar(p: &Painter, centre: Pos2, radius: f32, name: &str) {
    p.circle_filled(centre, radius, hue(name));
    p.text(centre, CENTER, initials(name), semibold(radius * 0.76), Color32::WHITE);
}

/// The colour of somebody's avatar; all carry white text (contrast 4.5 or more).
pub fn hue(name: &str) -> Color32 {
    const COLOURS: [u32; 7] = [0x12796B, 0x8146D0, 0x2F6FB5, 0xB0542F, 0xB23A6B, 0x66742A, 0x4A55C4];
    let sum = name.bytes().fold(0usize, |sum, b| sum.wrapping_mul(31).wrapping_add(b as usize));
    rgb(COLOURS[sum % COLOURS.len()])
}

/// At most two letters: of the first and the last word.
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|w| w.chars().find(|c| c.is_alphanumeric()));
    let first = words.next();
    let last = words.next_back();
    let text: String = first.into_iter().chain(last).flat_map(char::to_uppercase).collect();
    if text.is_empty() { "?".to_owned() } else { text }
}

/// A dot with a ring of the ground: filled while one can be reached.
pub fn presence(p: &Painter, t: &Tokens, centre: Pos2, online: bool, ground: Color32) {
    p.circle_filled(centre, 7.0, ground);
    if online {
        p.circle_filled(centre, 5.0, t.accent);
    } else {
        p.circle_stroke(centre, 4.25, Stroke::new(1.5, t.text3));
    }
}

/// An arc that turns with `time`; the caller asks for the next picture.
pub fn spinner(p: &Painter, centre: Pos2, radius: f32, colour: Color32, time: f64) {
    p.circle_stroke(centre, radius, Stroke::new(3.0, colour.gamma_multiply(0.25)));
    let start = (time * 3.6) as f32 % std::f32::consts::TAU;
    let points = (0..=24)
        .map(|n| {
            let a = start + n as f32 / 24.0 * 1.9;
            centre + radius * vec2(a.cos(), a.sin())
        })
        .collect();
    p.add(Shape::line(points, Stroke::new(3.0, colour)));
}

/// The ground of what lies on a picture: glass; a surface where there is no picture, on which glass would vanish.
pub fn glass(p: &Painter, r: Rect, radius: f32, on_picture: bool) {
    let t = super::theme::DARK;
    if on_picture {
        p.rect_filled(r, corner(radius), super::theme::GLASS);
    } else {
        p.rect(r, corner(radius), t.surface, Stroke::new(1.0, t.surface3), StrokeKind::Inside);
    }
}

/// A chip on a picture or on the bare stage, from its left top corner; returns where it is.
pub fn chip(
    ui: &mut Ui,
    at: Pos2,
    on_picture: bool,
    parts: &[(&str, FontId, Color32)],
    spoken: &str,
    max: f32,
) -> Rect {
    let mut galleys = Vec::new();
    let mut w = 20.0 + 6.0 * (parts.len() as f32 - 1.0);
    for (text, font, colour) in parts {
        let (galley, _) = elided(ui.painter(), text, font.clone(), *colour, max - w);
        w += galley.size().x;
        galleys.push((galley, *colour));
    }
    let r = rect(at.x, at.y, w, 28.0);
    glass(ui.painter(), r, 10.0, on_picture);
    let mut x = r.left() + 10.0;
    for (galley, colour) in galleys {
        let size = galley.size();
        ui.painter().galley(pos2(x, r.center().y - size.y / 2.0), galley, colour);
        x += size.x + 6.0;
    }
    name(ui, r, spoken, false);
    r
}

#[cfg(test)]
mod tests {
    use super::initials;

    #[test]
    fn initials_are_of_the_first_and_the_last_word() {
        for (name, want) in [("Amara Osei", "AO"), ("noor", "N"), ("Ana de la Cruz", "AC"), ("", "?"), ("🎉 Ida", "I")]
        {
            assert_eq!(initials(name), want);
        }
    }
}
