//! The words about a call that ended, and the report of a test call.

use eframe::egui::{Align2, Color32, Rect, Stroke, StrokeKind, Ui, pos2, vec2};

use super::{name, stage_words};
use crate::model::command::Command;
use crate::model::id::Callee;
use crate::model::outcome::Outcome;
use crate::model::snapshot::{CallView, EchoReport, RoomView, Stage};
use crate::ui::app::Scene;
use crate::ui::devices::sentence;
use crate::ui::icons;
use crate::ui::paint::{CENTER, LEFT, avatar, chip, label, paragraph, paragraph_height, rect, shadow, tile_icon};
use crate::ui::theme::{DARK, corner, icon, medium, regular, semibold};
use crate::ui::widgets::{Button, Kind};
use crate::ui::words;

/// Seconds of a test call until its report.
const REPORT_AFTER: u32 = 10;

pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, all: Rect, view: &CallView) {
    let t = DARK;
    let Stage::Ended(outcome) = &view.stage else { return };
    let report = view.report.clone();
    let size = report.as_ref().map(|report| report_size(ui, all, report));
    let mut y = all.center().y - if let Some(size) = size { 40.0 + size.y / 2.0 } else { 130.0 };
    y = y.max(all.top() + 60.0);
    let x = all.center().x;
    let test = view.is_test();
    if test {
        tile_icon(ui.painter(), pos2(x, y), 64.0, icons::WAVEFORM, t.accent_soft, t.accent_text);
    } else {
        let whose = view.first().filter(|_| view.named_room().is_none());
        avatar(ui.painter(), pos2(x, y), 44.0, &whose.map_or_else(|| view.name().to_owned(), name));
    }
    y += 62.0;
    let w = (all.width() - 64.0).min(520.0);
    let sentence = match outcome {
        Outcome::Accepted | Outcome::AcceptedWithoutVideo if test => "The test call is over".to_owned(),
        _ => stage_words(view),
    };
    let end = paragraph(ui, pos2(x - w / 2.0, y), w, &sentence, semibold(21.0), 29.0, t.text, true);
    y = end.bottom() + 18.0;
    let talked = matches!(outcome, Outcome::Accepted | Outcome::AcceptedWithoutVideo) && !test;
    if talked && view.seconds > 0 {
        let words = format!("You talked for {}", words::duration(view.seconds));
        label(ui, pos2(x, y), CENTER, &words, medium(14.0), t.text2, w);
    }
    y += 18.0;
    if let (Some(report), Some(size)) = (report, size) {
        report_body(ui, Rect::from_min_size(pos2(x - size.x / 2.0, y), size), &report);
        y += size.y + 20.0;
    } else {
        y += 14.0;
    }
    // A call of two that grew has nobody in particular to call.
    let again = match (&view.room, view.named_room(), view.first()) {
        (None, _, Some(member)) => Some(Again::Call(member.peer)),
        (_, Some(room), _) => Some(Again::Join(room)),
        _ => None,
    };
    if let Some(again) = &again {
        let glyph = if view.video { icons::VIDEO_CAMERA } else { icons::PHONE };
        let button = Button::new("ended-again", rect(x - 168.0, y, 160.0, 48.0), Kind::Primary).icon(glyph);
        if button.label(again.label()).size(15.0).show(ui, &t).clicked() {
            again.begin(s, view.video);
        }
    }
    let left = if again.is_some() { x + 8.0 } else { x - 80.0 };
    let close = Button::new("ended-close", rect(left, y, 160.0, 48.0), Kind::Second).label("Close").size(15.0);
    if close.key("Esc").tip("Back to Home").show(ui, &t).clicked() {
        s.send(Command::DismissEnded);
    }
}

/// How a call that ended is taken up again.
enum Again<'a> {
    Call(Callee),
    Join(&'a RoomView),
}

impl Again<'_> {
    fn label(&self) -> &'static str {
        match self {
            Self::Call(_) => "Call again",
            Self::Join(_) => "Join again",
        }
    }

    fn begin(&self, s: &mut Scene<'_>, video: bool) {
        s.send(Command::DismissEnded);
        match self {
            Self::Call(to) => s.send(Command::Call { to: *to, video }),
            Self::Join(room) => {
                s.state.room.begin(&room.name);
                if room.locked {
                    s.state.room.open(); // its password is known to nobody but whoever wrote it
                } else {
                    s.send(Command::JoinRoom { name: room.name.clone(), password: None, limit: None, video });
                }
            }
        }
    }
}

/// Between the report's edge and its words, and from there to the words beside the mark.
const INSET: f32 = 20.0;
const BESIDE: f32 = 54.0;

fn report_size(ui: &Ui, all: Rect, report: &EchoReport) -> eframe::egui::Vec2 {
    let w = (all.width() - 48.0).min(440.0);
    vec2(w, head_height(ui, w, report) + 24.0 * rows(report).len() as f32 + 20.0)
}

/// Down to the line under the verdict.
fn head_height(ui: &Ui, width: f32, report: &EchoReport) -> f32 {
    let words = verdict(report);
    let high = paragraph_height(ui.painter(), width - 2.0 * INSET - BESIDE, &words, regular(13.0), 19.0);
    (40.0 + high).max(64.0) + 16.0
}

/// The report over a test call that still runs.
pub(super) fn report_card(ui: &mut Ui, s: &mut Scene<'_>, stage: Rect, report: &EchoReport) {
    let size = report_size(ui, stage, report);
    let k = Rect::from_min_size(pos2(stage.left() + 16.0, stage.top() + 68.0), size);
    shadow(ui.painter(), k, 18.0, 44, 14, Color32::from_black_alpha(190));
    report_body(ui, k, report);
    let close = rect(k.right() - 44.0, k.top() + 12.0, 32.0, 32.0);
    let button = Button::new("report-close", close, Kind::Ghost).icon(icons::X).icon_size(15.0).name("Close report");
    if button.show(ui, &DARK).clicked() {
        s.state.call.report_closed = true;
    }
}

/// When the report of a running test call is to be expected, where it will stand.
pub(super) fn report_note(ui: &mut Ui, stage: Rect, view: &CallView, picture: Option<Rect>) {
    let words = match REPORT_AFTER.saturating_sub(view.seconds) {
        0 => "The report comes in a moment".to_owned(),
        left if view.seconds == 0 => format!("The report comes after {left} seconds"),
        left => format!("The report comes in {left} s"),
    };
    let parts = [(icons::CLOCK, icon(15.0), DARK.text2), (words.as_str(), medium(13.0), Color32::WHITE)];
    let at = pos2(stage.left() + 16.0, stage.top() + 60.0);
    chip(ui, at, picture.is_some_and(|picture| picture.contains(at)), &parts, &words, stage.width() - 32.0);
}

/// What is known, in three words: never more than came back.
fn title(report: &EchoReport) -> &'static str {
    let lacking = report.verdict.starts_with("The connection works") || report.verdict.contains("No ");
    let all_came = report.width > 0 && report.level_dbfs.is_some_and(words::is_sound);
    match (report.good, lacking || !all_came) {
        (true, false) => "Everything works",
        (true, true) => "The connection works",
        (false, _) => "Something to look at",
    }
}

/// The verdict without what the title says already.
fn verdict(report: &EchoReport) -> String {
    let rest = report.verdict.strip_prefix(title(report)).map(|rest| rest.trim_start_matches(['.', ':', ' ']));
    sentence(rest.filter(|rest| !rest.is_empty()).unwrap_or(&report.verdict))
}

/// The figures; what is unknown is left out.
fn rows(report: &EchoReport) -> Vec<(&'static str, String)> {
    let mut rows = vec![("Connected after", format!("{} ms", report.setup_ms))];
    let came = report.width > 0 && report.height > 0;
    if let Some(ms) = report.first_frame_ms {
        rows.push(("First picture after", format!("{ms} ms")));
    }
    let rate = words::bitrate(report.video_bitrate_bps);
    rows.push((
        "Picture",
        if came {
            format!("{} × {}, {:.0} fps, {rate}", report.width, report.height, report.fps)
        } else {
            "no picture came".to_owned()
        },
    ));
    if let Some(latency) = report.latency_ms {
        rows.push(("One way", format!("{:.0} ms, at worst {:.0} ms", latency.p50, latency.max)));
    }
    rows.push(("Loss", format!("{:.1} %", report.loss * 100.0)));
    let sound = match report.level_dbfs.filter(|level| words::is_sound(*level)) {
        Some(level) => format!("{}, loudest {}", words::bitrate(report.audio_bitrate_bps), words::level(level)),
        None => "silence".to_owned(),
    };
    rows.push(("Sound", sound));
    rows
}

fn report_body(ui: &mut Ui, k: Rect, report: &EchoReport) {
    let t = DARK;
    ui.painter().rect(k, corner(18.0), t.surface, Stroke::new(1.0, t.surface3), StrokeKind::Inside);
    let (x, right) = (k.left() + INSET, k.right() - INSET);
    let (ground, ink, glyph) = if report.good {
        (t.accent_soft, t.accent_text, icons::CHECK)
    } else {
        (t.amber_soft, t.amber, icons::WARNING)
    };
    tile_icon(ui.painter(), pos2(x + 20.0, k.top() + 40.0), 40.0, glyph, ground, ink);
    label(ui, pos2(x + BESIDE, k.top() + 28.0), LEFT, title(report), semibold(15.0), t.text, k.width() - 130.0);
    let at = pos2(x + BESIDE, k.top() + 40.0);
    paragraph(ui, at, right - x - BESIDE, &verdict(report), regular(13.0), 19.0, t.text2, false);
    let line = k.top() + head_height(ui, k.width(), report);
    ui.painter().hline(x..=right, line.round() + 0.5, Stroke::new(1.0, t.line));
    for (n, (name, value)) in rows(report).into_iter().enumerate() {
        let y = line + 22.0 + 24.0 * n as f32;
        label(ui, pos2(x, y), LEFT, name, regular(13.0), t.text2, 150.0);
        label(ui, pos2(right, y), Align2::RIGHT_CENTER, &value, medium(13.0), t.text, right - x - 150.0);
    }
}
