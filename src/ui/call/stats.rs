//! Figures of the connection: a verdict in words, the last two minutes, and a table.

use std::collections::VecDeque;
use std::sync::Arc;

use eframe::egui::{Area, Color32, Id, Mesh, Order, Rect, Shape, Stroke, StrokeKind, Ui, pos2};

use crate::model::snapshot::CallView;
use crate::model::stats::Stats;
use crate::ui::app::Scene;
use crate::ui::icons;
use crate::ui::paint::{LEFT, RIGHT, label, paragraph, rect, shadow, tile_icon};
use crate::ui::theme::{DARK, corner, regular, rgb, semibold};
use crate::ui::widgets::{Button, Kind};
use crate::ui::words;

const KEPT: usize = 120;
/// Loss from here on is worth a word, percent.
const LOSS: f32 = 2.0;
/// Round trips from here on are worth a word, ms.
const ROUND_TRIP: f32 = 250.0;

/// The last two minutes, one entry a second.
#[derive(Default)]
pub(super) struct Figures {
    seen: Option<Arc<Stats>>,
    taken: f64,
    loss: VecDeque<f32>,
    rtt: VecDeque<f32>,
    rate: VecDeque<f32>,
}

impl Figures {
    /// Keeps the figures of this second, if they are new.
    pub(super) fn take(&mut self, view: &CallView, time: f64) {
        if self.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &view.stats)) || time - self.taken < 0.5 {
            return;
        }
        let was = self.seen.replace(Arc::clone(&view.stats));
        self.taken = time;
        let (now, was) = (&view.stats.received, was.as_ref().map(|s| &s.received));
        let lost = now.video.lost + now.audio.lost;
        let packets = now.video.packets + now.audio.packets;
        let (lost_before, before) =
            was.map_or((0, 0), |w| (w.video.lost + w.audio.lost, w.video.packets + w.audio.packets));
        let (lost, came) = (lost.saturating_sub(lost_before) as f32, packets.saturating_sub(before) as f32);
        let share = if lost + came > 0.0 { lost / (lost + came) * 100.0 } else { 0.0 };
        push(&mut self.loss, share);
        push(&mut self.rtt, view.stats.transport.rtt_ms.unwrap_or(0.0) as f32);
        push(&mut self.rate, (now.video.bitrate_bps + now.audio.bitrate_bps) as f32);
    }

    /// Whether the connection is worth a mark.
    pub(super) fn bad(&self) -> bool {
        self.lately(&self.loss) > LOSS || self.lately(&self.rtt) > ROUND_TRIP
    }

    fn lately(&self, of: &VecDeque<f32>) -> f32 {
        let n = of.len().min(5);
        if n == 0 { 0.0 } else { of.iter().rev().take(n).sum::<f32>() / n as f32 }
    }
}

fn push(list: &mut VecDeque<f32>, value: f32) {
    if list.len() == KEPT {
        list.pop_front();
    }
    list.push_back(value);
}

pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, stage: Rect, view: &CallView) {
    let w = 412.0_f32.min(stage.width() - 32.0);
    let k = rect(stage.right() - 16.0 - w, stage.top() + 64.0, w, 500.0_f32.min(stage.height() - 64.0 - 96.0));
    Area::new(Id::unique("statistics")).order(Order::Middle).fixed_pos(k.min).show(ui.ctx(), |ui| {
        ui.set_clip_rect(stage);
        ui.allocate_rect(k, eframe::egui::Sense::click().difference(eframe::egui::Sense::FOCUSABLE));
        panel(ui, s, k, view);
    });
}

fn panel(ui: &mut Ui, s: &mut Scene<'_>, k: Rect, view: &CallView) {
    let t = DARK;
    shadow(ui.painter(), k, 18.0, 44, 14, Color32::from_black_alpha(190));
    ui.painter().rect(k, corner(18.0), t.surface, Stroke::new(1.0, t.surface3), StrokeKind::Inside);
    ui.set_clip_rect(k);
    let (x, right) = (k.left() + 20.0, k.right() - 20.0);
    let w = right - x;
    let figures = &s.state.call.figures;
    let (loss, rtt) = (figures.lately(&figures.loss), figures.lately(&figures.rtt));
    let bad = figures.bad();
    let (ground, ink, glyph) =
        if bad { (t.amber_soft, t.amber, icons::WARNING) } else { (t.accent_soft, t.accent_text, icons::CHECK) };
    tile_icon(ui.painter(), pos2(x + 20.0, k.top() + 42.0), 40.0, glyph, ground, ink);
    let (title, sub) = if loss > LOSS {
        (format!("{loss:.0} % of what they send is lost"), "Come closer to the router, or plug in a cable.")
    } else if rtt > ROUND_TRIP {
        ("A long way: answers come late".to_owned(), "The network between you is slow or busy.")
    } else {
        ("The connection is good".to_owned(), "Nothing to do.")
    };
    let end = paragraph(ui, pos2(x + 54.0, k.top() + 20.0), w - 90.0, &title, semibold(15.0), 22.0, t.text, false);
    paragraph(ui, pos2(x + 54.0, end.bottom() + 3.0), w - 60.0, sub, regular(13.0), 19.0, t.text2, false);
    let close = rect(right - 26.0, k.top() + 14.0, 34.0, 34.0);
    let button = Button::new("statistics-close", close, Kind::Ghost).icon(icons::X).icon_size(16.0);
    if button.name("Close connection figures").key("Esc").show(ui, &t).clicked() {
        s.state.call.statistics = false;
    }
    let figures = &s.state.call.figures;
    let y = k.top() + 92.0;
    // In a low window the curves give way, not the figures.
    let pitch = if k.height() < 500.0 { 37.0 } else { 52.0 };
    let line = Stroke::new(1.0, t.line);
    ui.painter().hline(k.left() + 1.0..=k.right() - 1.0, y + 0.5, line);
    label(ui, pos2(x, y + 21.0), LEFT, "What you receive, last two minutes", semibold(13.0), t.text2, w);
    let rate = view.stats.received.video.bitrate_bps + view.stats.received.audio.bitrate_bps;
    let charts = [
        ("Loss", format!("{loss:.1} %"), &figures.loss, 9.0, LOSS),
        ("Round trip", format!("{rtt:.0} ms"), &figures.rtt, 130.0, ROUND_TRIP),
        ("Bitrate", words::bitrate(rate), &figures.rate, 1_000_000.0, f32::INFINITY),
    ];
    for (n, (name, value, values, least, warn)) in charts.into_iter().enumerate() {
        let q = rect(x + 92.0, y + 42.0 + pitch * n as f32, w - 92.0, pitch - 12.0);
        label(ui, pos2(x, q.center().y - 9.0), LEFT, name, regular(12.5), t.text2, 90.0);
        let last = values.back().copied().unwrap_or(0.0);
        let ink = if last > warn { t.amber } else { t.text };
        label(ui, pos2(x, q.center().y + 8.0), LEFT, &value, semibold(13.5), ink, 90.0);
        chart(ui, q, values, least, warn);
    }
    let y = y + 42.0 + pitch * 3.0 - 12.0;
    label(ui, pos2(x + 92.0, y + 12.0), LEFT, "−2 min", regular(11.5), t.text3, 80.0);
    label(ui, pos2(right, y + 12.0), RIGHT, "now", regular(11.5), t.text3, 80.0);
    ui.painter().hline(k.left() + 1.0..=k.right() - 1.0, (y + 28.0).round() + 0.5, line);
    table(ui, view, x, right, y + 50.0);
}

fn chart(ui: &Ui, q: Rect, values: &VecDeque<f32>, least: f32, warn: f32) {
    let t = DARK;
    let top = values.iter().copied().fold(least, f32::max);
    let at = |n: usize, value: f32| {
        let back = (values.len() - 1 - n) as f32 / (KEPT - 1) as f32;
        pos2(q.right() - q.width() * back, q.bottom() - q.height() * (value / top).clamp(0.0, 1.0))
    };
    let points: Vec<_> = values.iter().enumerate().map(|(n, value)| (at(n, *value), *value > warn)).collect();
    for pair in points.windows(2) {
        let [(a, hot), (b, hotter)] = pair else { continue };
        let ink = if *hot || *hotter { t.amber } else { rgb(0x7D8BFF) };
        let soft = ink.gamma_multiply(0.13);
        let mut m = Mesh::default();
        for corner in [*a, *b, pos2(b.x, q.bottom()), pos2(a.x, q.bottom())] {
            m.colored_vertex(corner, soft);
        }
        m.add_triangle(0, 1, 2);
        m.add_triangle(0, 2, 3);
        ui.painter().add(Shape::from(m));
        ui.painter().line_segment([*a, *b], Stroke::new(1.75, ink));
    }
    ui.painter().hline(q.x_range(), q.bottom(), Stroke::new(1.0, t.surface3));
}

fn table(ui: &mut Ui, view: &CallView, x: f32, right: f32, mut y: f32) {
    let t = DARK;
    let stats = &view.stats;
    let (sent, received) = (&stats.sent, &stats.received);
    let picture =
        |w: u32, h: u32, fps: f64| if w == 0 { "none".to_owned() } else { format!("{w} × {h}, {fps:.0} fps") };
    let ms =
        |p: Option<crate::model::stats::Percentiles>| p.map_or("unknown".to_owned(), |p| format!("{:.0} ms", p.p50));
    let share = |share: Option<f64>| share.map_or("unknown".to_owned(), |share| format!("{:.1} %", share * 100.0));
    let lost = received.video.lost as f64 / (received.video.lost + received.video.packets).max(1) as f64;
    let path = if stats.transport.relayed { "Relayed" } else { "Direct" }.to_owned();
    let rows = [
        (
            "Picture",
            picture(sent.video.width, sent.video.height, sent.video.fps),
            picture(received.video.width, received.video.height, received.video.fps),
        ),
        ("Bitrate", words::bitrate(sent.video.bitrate_bps), words::bitrate(received.video.bitrate_bps)),
        (
            "Sound",
            format!("Opus, {}", words::bitrate(sent.audio.bitrate_bps)),
            format!("Opus, {}", words::bitrate(received.audio.bitrate_bps)),
        ),
        ("Loss", share(sent.video.lost_share), share(Some(lost))),
        ("Latency", "".to_owned(), ms(received.video.latency_ms)),
        ("Path", path.clone(), path),
    ];
    let (one, two) = (x + 92.0, x + 92.0 + (right - x - 92.0) / 2.0 + 4.0);
    label(ui, pos2(one, y), LEFT, "You send", semibold(12.5), t.text2, 130.0);
    label(ui, pos2(two, y), LEFT, "You receive", semibold(12.5), t.text2, 130.0);
    y += 24.0;
    for (name, a, b) in rows {
        label(ui, pos2(x, y), LEFT, name, regular(12.5), t.text2, 90.0);
        label(ui, pos2(one, y), LEFT, &a, regular(13.0), t.text, two - one - 8.0);
        label(ui, pos2(two, y), LEFT, &b, regular(13.0), t.text, right - two);
        y += 23.0;
    }
}
