//! Two minutes of a path as curves: loss, round trip and bitrate one below the other, and across them what happened.

use eframe::egui::{Color32, Mesh, Pos2, Rect, Shape, Stroke, Ui, pos2};

use crate::model::quality::{History, KEPT, Point};
use crate::ui::paint::{CENTER, LEFT, RIGHT, label, rect};
use crate::ui::theme::{DARK, regular, rgb, semibold};

/// Marks that are said in words below.
const LISTED: usize = 2;
/// Seconds over which the figure beside a curve is a mean.
const LATELY: usize = 5;
/// Height of a row of words below.
const ROW: f32 = 24.0;

/// Ink of what is sent, and of what is received.
pub(super) const INKS: [Color32; 2] = [rgb(0x8F9BFF), rgb(0x4CC7B4)];

/// A figure of each second; one or both ways.
type Of = fn(&Point) -> Option<f32>;

struct Curve {
    name: &'static str,
    of: [Option<Of>; 2],
    /// Top of the scale at least, and from where on it is too much.
    least: f32,
    warn: f32,
    digits: usize,
}

/// From so much on loss is too much, percent.
pub(super) const MUCH_LOSS: f32 = 1.0;

const CURVES: [Curve; 3] = [
    Curve {
        name: "Loss, %",
        of: [Some(|p| p.up_lost.map(|l| f32::from(l) / 10.0)), Some(|p| p.down_lost.map(|l| f32::from(l) / 10.0))],
        least: 9.0,
        warn: MUCH_LOSS,
        digits: 1,
    },
    Curve {
        name: "Round trip, ms",
        of: [Some(|p| p.rtt_ms.map(|ms| ms as f32)), None],
        least: 130.0,
        warn: 300.0,
        digits: 0,
    },
    Curve {
        name: "Mbit/s",
        of: [Some(|p| Some(p.up_bps as f32 / 1e6)), Some(|p| Some(p.down_bps as f32 / 1e6))],
        least: 1.0,
        warn: f32::INFINITY,
        digits: 2,
    },
];

/// Mean of the last seconds; `None`: nothing is known of them.
pub(super) fn lately(history: &History, of: Of) -> Option<f32> {
    let known: Vec<f32> = history.points().iter().rev().take(LATELY).filter_map(of).collect();
    (!known.is_empty()).then(|| known.iter().sum::<f32>() / known.len() as f32)
}

/// Loss lately, percent: of what is sent, and of what is received.
pub(super) fn loss(history: &History) -> [Option<f32>; 2] {
    CURVES[0].of.map(|of| lately(history, of?))
}

/// How high it is with so much for each curve.
pub(super) fn height(pitch: f32, listed: usize) -> f32 {
    58.0 + 3.0 * pitch + 12.0 + ROW * listed as f32
}

/// Marks that would be listed.
pub(super) fn listed(history: &History) -> usize {
    history.marks().count().min(LISTED)
}

/// Shows it from the top left; how far down it goes.
pub(super) fn show(ui: &mut Ui, history: &History, q: Rect, pitch: f32, list: bool) -> f32 {
    let t = DARK;
    let (x, right) = (q.left(), q.right());
    label(ui, pos2(x, q.top() + 9.0), LEFT, "Last two minutes", semibold(13.0), t.text2, 150.0);
    legend(ui, right, q.top() + 9.0);
    let plot = rect(x + 108.0, q.top() + 40.0, right - x - 108.0, 3.0 * pitch - 12.0);
    for (n, curve) in CURVES.iter().enumerate() {
        let area = rect(plot.left(), plot.top() + pitch * n as f32, plot.width(), pitch - 12.0);
        figures(ui, curve, history, pos2(x, area.center().y));
        draw(ui, area, history, curve);
    }
    marks(ui, plot, history);
    label(ui, pos2(plot.left(), plot.bottom() + 12.0), LEFT, "−2 min", regular(11.5), t.text3, 80.0);
    label(ui, pos2(right, plot.bottom() + 12.0), RIGHT, "now", regular(11.5), t.text3, 80.0);
    let mut y = plot.bottom() + 36.0;
    if list {
        let skipped = history.marks().count() - listed(history);
        for (n, (ago, mark)) in history.marks().skip(skipped).enumerate() {
            number(ui, pos2(x + 9.0, y), n + 1);
            label(ui, pos2(x + 28.0, y), LEFT, &mark.words(), regular(13.0), t.text, right - x - 110.0);
            label(ui, pos2(right, y), RIGHT, &format!("{ago} s ago"), regular(12.5), t.text2, 80.0);
            y += ROW;
        }
    }
    y - ROW / 2.0 + 6.0
}

fn legend(ui: &mut Ui, right: f32, y: f32) {
    let mut x = right;
    for (words, ink) in [("received", INKS[1]), ("sent", INKS[0])] {
        let area = label(ui, pos2(x, y), RIGHT, words, regular(12.0), DARK.text2, 80.0);
        ui.painter().hline(area.left() - 20.0..=area.left() - 6.0, y, Stroke::new(2.0, ink));
        x = area.left() - 32.0;
    }
}

/// What it is, and how much lately: sent, then received.
fn figures(ui: &mut Ui, curve: &Curve, history: &History, at: Pos2) {
    let t = DARK;
    label(ui, pos2(at.x, at.y - 9.0), LEFT, curve.name, regular(12.5), t.text2, 100.0);
    let mut x = at.x;
    for (of, ink) in curve.of.iter().zip(INKS) {
        let Some(of) = of else { continue };
        let lately = lately(history, *of);
        let words = lately.map_or("–".to_owned(), |value| format!("{value:.*}", curve.digits));
        let ink = if lately.is_some_and(|value| value >= curve.warn) { t.amber } else { ink };
        x = label(ui, pos2(x, at.y + 8.0), LEFT, &words, semibold(13.5), ink, 60.0).right() + 12.0;
    }
}

/// From the right: how far left so many seconds ago is.
fn back(q: Rect, ago: f32) -> f32 {
    q.right() - q.width() * ago / (KEPT - 1) as f32
}

fn draw(ui: &Ui, q: Rect, history: &History, curve: &Curve) {
    let points = history.points();
    let values = |of: Of| points.iter().map(of);
    let top = curve.of.iter().flatten().flat_map(|of| values(*of)).flatten().fold(curve.least, f32::max);
    for (n, (of, ink)) in curve.of.iter().zip(INKS).enumerate().rev() {
        let Some(of) = of else { continue };
        let mut before: Option<(Pos2, bool)> = None;
        for (at, value) in values(*of).enumerate() {
            let x = back(q, (points.len() - 1 - at) as f32);
            let here = value.map(|v| (pos2(x, q.bottom() - q.height() * (v / top).clamp(0.0, 1.0)), v >= curve.warn));
            if let (Some((a, hot)), Some((b, hotter))) = (before, here) {
                let ink = if hot || hotter { DARK.amber } else { ink };
                if n == 0 {
                    below(ui, q, a, b, ink.gamma_multiply(0.13));
                }
                ui.painter().line_segment([a, b], Stroke::new(1.75, ink));
            }
            before = here;
        }
    }
    ui.painter().hline(q.x_range(), q.bottom(), Stroke::new(1.0, DARK.surface3));
}

/// The ground below a piece of the curve.
fn below(ui: &Ui, q: Rect, a: Pos2, b: Pos2, soft: Color32) {
    let mut m = Mesh::default();
    for corner in [a, b, pos2(b.x, q.bottom()), pos2(a.x, q.bottom())] {
        m.colored_vertex(corner, soft);
    }
    m.add_triangle(0, 1, 2);
    m.add_triangle(0, 2, 3);
    ui.painter().add(Shape::from(m));
}

/// A dashed line where something happened; those that are listed below have their number.
fn marks(ui: &Ui, plot: Rect, history: &History) {
    let skipped = history.marks().count() - listed(history);
    for (n, (ago, _)) in history.marks().enumerate() {
        let x = back(plot, ago as f32).round() + 0.5;
        let mut y = plot.top();
        while y < plot.bottom() {
            ui.painter().vline(x, y..=(y + 3.0).min(plot.bottom()), Stroke::new(1.0, DARK.text2));
            y += 6.0;
        }
        if n >= skipped {
            number(ui, pos2(x, plot.top() - 8.0), n + 1 - skipped);
        }
    }
}

fn number(ui: &Ui, at: Pos2, n: usize) {
    ui.painter().circle_filled(at, 8.5, DARK.surface3);
    ui.painter().text(at, CENTER, n.to_string(), semibold(11.0), DARK.text);
}
