//! The words about a call that ended, and the report of a test call.

use eframe::egui::{Align2, Color32, Rect, Stroke, StrokeKind, Ui, pos2, vec2};

use super::{name, stage_words};
use crate::model::command::Command;
use crate::model::id::Callee;
use crate::model::outcome::Outcome;
use crate::model::snapshot::{CallView, EchoReport, Stage};
use crate::ui::app::Scene;
use crate::ui::icons;
use crate::ui::paint::{CENTER, LEFT, avatar, label, paragraph, rect, shadow, tile_icon};
use crate::ui::theme::{DARK, corner, medium, regular, semibold};
use crate::ui::widgets::{Button, Kind};
use crate::ui::words;

pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, all: Rect, view: &CallView) {
    let t = DARK;
    let Stage::Ended(outcome) = &view.stage else { return };
    let report = view.report.clone();
    let mut y = all.center().y - if report.is_some() { 40.0 + report_size(all).y / 2.0 } else { 130.0 };
    y = y.max(all.top() + 60.0);
    let x = all.center().x;
    if view.peer == Callee::Echo {
        tile_icon(ui.painter(), pos2(x, y), 64.0, icons::WAVEFORM, t.accent_soft, t.accent_text);
    } else {
        avatar(ui.painter(), pos2(x, y), 44.0, &name(view));
    }
    y += 62.0;
    let w = (all.width() - 64.0).min(520.0);
    let sentence = match (&view.peer, outcome) {
        (Callee::Echo, Outcome::Accepted | Outcome::AcceptedWithoutVideo) => "The test call is over".to_owned(),
        _ => stage_words(view),
    };
    let end = paragraph(ui, pos2(x - w / 2.0, y), w, &sentence, semibold(21.0), 29.0, t.text, true);
    y = end.bottom() + 18.0;
    if matches!(outcome, Outcome::Accepted | Outcome::AcceptedWithoutVideo) && view.seconds > 0 {
        let words = format!("You talked for {}", words::duration(view.seconds));
        label(ui, pos2(x, y), CENTER, &words, medium(14.0), t.text2, w);
    }
    y += 18.0;
    if let Some(report) = report {
        let size = report_size(all);
        report_body(ui, Rect::from_min_size(pos2(x - size.x / 2.0, y), size), &report);
        y += size.y + 20.0;
    } else {
        y += 14.0;
    }
    let (glyph, video) = if view.video { (icons::VIDEO_CAMERA, true) } else { (icons::PHONE, false) };
    let again = Button::new("ended-again", rect(x - 168.0, y, 160.0, 48.0), Kind::Primary).icon(glyph);
    if again.label("Call again").size(15.0).show(ui, &t).clicked() {
        s.send(Command::DismissEnded);
        s.send(Command::Call { to: view.peer, video });
    }
    let close = Button::new("ended-close", rect(x + 8.0, y, 160.0, 48.0), Kind::Second).label("Close").size(15.0);
    if close.key("Esc").tip("Back to Home").show(ui, &t).clicked() {
        s.send(Command::DismissEnded);
    }
}

fn report_size(all: Rect) -> eframe::egui::Vec2 {
    vec2((all.width() - 48.0).min(440.0), 268.0)
}

/// The report over a test call that still runs.
pub(super) fn report_card(ui: &mut Ui, s: &mut Scene<'_>, stage: Rect, report: &EchoReport) {
    let size = report_size(stage);
    let k = Rect::from_min_size(pos2(stage.left() + 16.0, stage.top() + 68.0), size);
    shadow(ui.painter(), k, 18.0, 44, 14, Color32::from_black_alpha(190));
    report_body(ui, k, report);
    let close = rect(k.right() - 44.0, k.top() + 12.0, 32.0, 32.0);
    let button = Button::new("report-close", close, Kind::Ghost).icon(icons::X).icon_size(15.0).name("Close report");
    if button.show(ui, &DARK).clicked() {
        s.state.call.report_closed = true;
    }
}

fn report_body(ui: &mut Ui, k: Rect, report: &EchoReport) {
    let t = DARK;
    ui.painter().rect(k, corner(18.0), t.surface, Stroke::new(1.0, t.surface3), StrokeKind::Inside);
    let (x, right) = (k.left() + 20.0, k.right() - 20.0);
    let (ground, ink, glyph) = if report.good {
        (t.accent_soft, t.accent_text, icons::CHECK)
    } else {
        (t.amber_soft, t.amber, icons::WARNING)
    };
    tile_icon(ui.painter(), pos2(x + 20.0, k.top() + 40.0), 40.0, glyph, ground, ink);
    let title = if report.good { "Everything works" } else { "Something to look at" };
    label(ui, pos2(x + 54.0, k.top() + 28.0), LEFT, title, semibold(15.0), t.text, k.width() - 130.0);
    let w = right - x - 54.0;
    paragraph(ui, pos2(x + 54.0, k.top() + 40.0), w, &report.verdict, regular(13.0), 19.0, t.text2, false);
    let rows = [
        ("Connected after", format!("{} ms", report.setup_ms)),
        ("First picture after", report.first_frame_ms.map_or("no picture came".to_owned(), |ms| format!("{ms} ms"))),
        (
            "Picture",
            format!(
                "{} × {}, {:.0} fps, {}",
                report.width,
                report.height,
                report.fps,
                words::bitrate(report.video_bitrate_bps)
            ),
        ),
        (
            "One way",
            report.latency_ms.map_or("unknown".to_owned(), |p| format!("{:.0} ms, at worst {:.0} ms", p.p50, p.max)),
        ),
        ("Loss", format!("{:.1} %", report.loss * 100.0)),
        (
            "Sound",
            match report.level_dbfs {
                Some(level) => format!("{}, loudest {level:.0} dBFS", words::bitrate(report.audio_bitrate_bps)),
                None => "silent".to_owned(),
            },
        ),
    ];
    let top = k.top() + 104.0;
    ui.painter().hline(x..=right, top - 10.0, Stroke::new(1.0, t.line));
    for (n, (name, value)) in rows.into_iter().enumerate() {
        let y = top + 10.0 + 24.0 * n as f32;
        label(ui, pos2(x, y), LEFT, name, regular(13.0), t.text2, 150.0);
        label(ui, pos2(right, y), Align2::RIGHT_CENTER, &value, medium(13.0), t.text, right - x - 150.0);
    }
}
