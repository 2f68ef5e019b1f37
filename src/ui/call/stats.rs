//! Figures of the connection: a verdict in words, the last two minutes, and a table.

use eframe::egui::{Area, Color32, Id, Order, Rect, Shape, Stroke, StrokeKind, Ui, pos2, vec2};

use super::{chart, name};
use crate::model::quality::Quality;
use crate::model::snapshot::{CallView, MemberView};
use crate::ui::app::Scene;
use crate::ui::icons;
use crate::ui::paint::{LEFT, label, paragraph, rect, shadow, tile_icon};
use crate::ui::theme::{DARK, corner, regular, semibold};
use crate::ui::widgets::{Button, Kind};
use crate::ui::words;

/// Rows of the table, and its height with what is around it.
const ROWS: usize = 6;
const TABLE: f32 = 46.0 + 23.0 * ROWS as f32;
/// The button below with what is around it, where the panel is as high as it would be.
const FOOT: f32 = 56.0;
const HIGH: f32 = 610.0;
/// Room for each curve.
const PITCH: (f32, f32) = (26.0, 72.0);

/// Where it is.
pub(super) fn place(stage: Rect) -> Rect {
    let w = 412.0_f32.min(stage.width() - 32.0);
    rect(stage.right() - 16.0 - w, stage.top() + 64.0, w, HIGH.min(stage.height() - 64.0 - 96.0))
}

pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, stage: Rect, view: &CallView, member: &MemberView) {
    let k = place(stage);
    Area::new(Id::unique("statistics")).order(Order::Middle).fixed_pos(k.min).show(ui.ctx(), |ui| {
        ui.set_clip_rect(stage);
        ui.allocate_rect(k, eframe::egui::Sense::click().difference(eframe::egui::Sense::FOCUSABLE));
        panel(ui, s, k, view, member);
        ui.set_clip_rect(stage);
        pointer(ui, pos2(super::top::connection(stage).center().x, k.top()));
    });
}

fn panel(ui: &mut Ui, s: &mut Scene<'_>, k: Rect, view: &CallView, member: &MemberView) {
    let t = DARK;
    shadow(ui.painter(), k, 18.0, 44, 14, Color32::from_black_alpha(190));
    ui.painter().rect(k, corner(18.0), t.surface, Stroke::new(1.0, t.surface3), StrokeKind::Inside);
    ui.set_clip_rect(k);
    let (x, right) = (k.left() + 20.0, k.right() - 20.0);
    let w = right - x;
    let quality = &member.quality;
    let bad = quality.verdict.quality() != Quality::Good;
    let (ground, ink, glyph) =
        if bad { (t.amber_soft, t.amber, icons::WARNING) } else { (t.accent_soft, t.accent_text, icons::CHECK) };
    tile_icon(ui.painter(), pos2(x + 20.0, k.top() + 42.0), 40.0, glyph, ground, ink);
    let title = quality.sentence.as_deref().unwrap_or("The connection is good");
    let advice = quality.verdict.advice().unwrap_or("Nothing to do.");
    // Of several people one must know whose connection it is.
    let sub = if view.members.len() > 1 { format!("With {}. {advice}", name(member)) } else { advice.to_owned() };
    let end = paragraph(ui, pos2(x + 54.0, k.top() + 20.0), w - 90.0, title, semibold(15.0), 22.0, t.text, false);
    let end = paragraph(ui, pos2(x + 54.0, end.bottom() + 3.0), w - 60.0, &sub, regular(13.0), 19.0, t.text2, false);
    let close = rect(right - 26.0, k.top() + 14.0, 34.0, 34.0);
    let button = Button::new("statistics-close", close, Kind::Ghost).icon(icons::X).icon_size(16.0);
    if button.name("Close connection figures").key("Esc").show(ui, &t).clicked() {
        (s.state.call.statistics, s.state.call.statistics_of) = (false, None);
    }
    let y = (k.top() + 92.0).max(end.bottom() + 14.0).round();
    let line = Stroke::new(1.0, t.line);
    ui.painter().hline(k.left() + 1.0..=k.right() - 1.0, y + 0.5, line);
    // In a low window the list and the curves give way, not the figures.
    let foot = if k.height() >= HIGH { FOOT } else { 0.0 };
    let room = k.bottom() - y - TABLE - foot;
    let listed = chart::listed(&quality.history);
    let list = chart::height(PITCH.0, listed) <= room;
    let fixed = chart::height(0.0, if list { listed } else { 0 });
    let pitch = ((room - fixed) / 3.0).clamp(PITCH.0, PITCH.1);
    let end = chart::show(ui, &quality.history, rect(x, y + 12.0, w, room), pitch, list);
    ui.painter().hline(k.left() + 1.0..=k.right() - 1.0, end.round() + 0.5, line);
    let rows = rows(member);
    table(ui, &rows, x, right, end + 22.0);
    if foot > 0.0 {
        let copied = s.is_copied(ui.ctx(), "report");
        let (glyph, words) = if copied { (icons::CHECK, "Copied") } else { (icons::COPY, "Copy report") };
        let at = rect(x, k.bottom() - 20.0 - 40.0, w, 40.0);
        let button = Button::new("statistics-copy", at, Kind::Second).icon(glyph).label(words).size(14.0);
        if button.name("Copy report").tip("Copy these figures as text").show(ui, &t).clicked() {
            s.copy(ui.ctx(), "report", report(title, &rows));
        }
    }
}

/// Shows whose panel it is.
fn pointer(ui: &Ui, tip: eframe::egui::Pos2) {
    let t = DARK;
    let [left, top, right] = [vec2(-9.0, 1.0), vec2(0.0, -8.0), vec2(9.0, 1.0)].map(|by| tip + by);
    ui.painter().add(Shape::convex_polygon(vec![left, top, right], t.surface, Stroke::NONE));
    let edge = Stroke::new(1.0, t.surface3);
    ui.painter().line_segment([left - vec2(0.0, 1.0), top], edge);
    ui.painter().line_segment([top, right - vec2(0.0, 1.0)], edge);
}

/// What is known of one thing, each way.
struct Row {
    name: &'static str,
    sent: String,
    received: String,
    /// What of it is too much.
    much: [bool; 2],
}

fn rows(member: &MemberView) -> [Row; ROWS] {
    let stats = &member.stats;
    let (sent, received) = (&stats.sent, &stats.received);
    let row = |name, sent, received| Row { name, sent, received, much: [false; 2] };
    let picture =
        |w: u32, h: u32, fps: f64| if w == 0 { "none".to_owned() } else { format!("{w} × {h}, {fps:.0} fps") };
    let ms =
        |p: Option<crate::model::stats::Percentiles>| p.map_or("unknown".to_owned(), |p| format!("{:.0} ms", p.p50));
    let share = |percent: Option<f32>| percent.map_or("unknown".to_owned(), |percent| format!("{percent:.1} %"));
    let lost = chart::loss(&member.quality.history);
    let much = lost.map(|lost| lost.is_some_and(|percent| percent >= chart::MUCH_LOSS));
    let path = if stats.transport.relayed { "Relayed" } else { "Direct" }.to_owned();
    [
        row(
            "Picture",
            picture(sent.video.width, sent.video.height, sent.video.fps),
            picture(received.video.width, received.video.height, received.video.fps),
        ),
        row("Bitrate", words::bitrate(sent.video.bitrate_bps), words::bitrate(received.video.bitrate_bps)),
        row(
            "Sound",
            format!("Opus, {}", words::bitrate(sent.audio.bitrate_bps)),
            format!("Opus, {}", words::bitrate(received.audio.bitrate_bps)),
        ),
        Row { much, ..row("Loss", share(lost[0]), share(lost[1])) },
        row("Latency", String::new(), ms(received.video.latency_ms)),
        row("Path", path.clone(), path),
    ]
}

fn table(ui: &mut Ui, rows: &[Row], x: f32, right: f32, mut y: f32) {
    let t = DARK;
    let (one, two) = (x + 92.0, x + 92.0 + (right - x - 92.0) / 2.0 + 4.0);
    label(ui, pos2(one, y), LEFT, "You send", semibold(12.5), t.text2, 130.0);
    label(ui, pos2(two, y), LEFT, "You receive", semibold(12.5), t.text2, 130.0);
    y += 24.0;
    for row in rows {
        let ink = row.much.map(|much| if much { t.amber } else { t.text });
        label(ui, pos2(x, y), LEFT, row.name, regular(12.5), t.text2, 90.0);
        label(ui, pos2(one, y), LEFT, &row.sent, regular(13.0), ink[0], two - one - 8.0);
        label(ui, pos2(two, y), LEFT, &row.received, regular(13.0), ink[1], right - two);
        y += 23.0;
    }
}

/// The same in words, for whoever is asked for help.
fn report(title: &str, rows: &[Row]) -> String {
    let line = |row: &Row| {
        let sent = if row.sent.is_empty() { String::new() } else { format!("sent {}, ", row.sent) };
        format!("{}: {sent}received {}\n", row.name, row.received)
    };
    format!("{title}\n{}", rows.iter().map(line).collect::<String>())
}
