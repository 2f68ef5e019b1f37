//! The call: one picture that fills the window, oneself in a corner, the bar at the bottom. Dark in both themes.

mod bar;
mod chart;
mod chat;
mod ended;
mod files;
mod itself;
mod remote;
mod share;
mod signal;
mod stats;
mod top;
mod trouble;

use std::time::Duration;

use eframe::egui::{CursorIcon, Id, Rect, Sense, Ui, UiBuilder, pos2};

use super::app::Scene;
use crate::model::command::Command;
use crate::model::id::{CallId, Callee};
use crate::model::snapshot::{CallView, MemberView, Stage};
pub(super) use share::key as share_key;

/// Seconds without the mouse until the controls go.
const REST: f64 = 3.0;
/// From this width on the chat pushes the picture aside.
const PUSH: f32 = 1100.0;

/// What the window remembers of a call.
#[derive(Default)]
pub struct State {
    call: Option<CallId>,
    pub(super) chat_open: bool,
    chat: chat::Draft,
    /// The path of a file that is being written, while there is a field for it.
    path: Option<String>,
    itself: itself::Itself,
    pub(super) statistics: bool,
    moved: f64,
    report_closed: bool,
}

impl State {
    /// Opens or closes the chat panel, and says so.
    pub(super) fn toggle_chat(s: &mut Scene<'_>) {
        let open = !s.state.call.chat_open;
        s.state.call.chat_open = open;
        if open {
            s.state.call.chat.wants_focus = true;
        }
        s.send(Command::ChatOpen(open));
    }
}

/// Shows it.
pub fn show(ui: &mut Ui, s: &mut Scene<'_>, all: Rect) {
    let snap = s.snap;
    let Some(view) = &snap.call else { return };
    if s.state.call.call != Some(view.call) {
        let corner = s.state.call.itself.corner;
        s.state.call = State { call: Some(view.call), moved: s.time, ..State::default() };
        s.state.call.itself.corner = corner;
    }
    if matches!(view.stage, Stage::Ended(_)) {
        ended::show(ui, s, all, view);
        return;
    }
    let open = s.state.call.chat_open;
    let pushes = open && all.width() >= PUSH;
    let stage = if pushes { Rect::from_min_max(all.min, pos2(all.right() - 368.0, all.bottom())) } else { all };
    files::drops(ui, s, all, view);
    let member = view.first();
    let picture = remote::show(ui, s, stage, member);
    let shown = visibility(ui, s, view, picture.is_some());
    remote::scrims(ui, stage, shown, picture.is_some());
    if let Some(member) = member {
        remote::plate(ui, stage, member, picture);
    }
    itself::show(ui, s, stage);
    share::banner(ui, s, stage);
    trouble::show(ui, s, stage, view);
    // Where they are not seen they are there still, for whoever uses the keyboard or a screen reader.
    let mut child = ui.new_child(UiBuilder::new().max_rect(stage).id_salt("controls"));
    child.set_opacity(shown);
    top::show(&mut child, s, stage, view, picture);
    bar::show(&mut child, s, stage, view);
    if shown < 0.01 {
        // A click without a move brings them back, and must not press what nobody sees.
        ui.interact(stage, Id::unique("call-veil"), Sense::click().difference(Sense::FOCUSABLE));
    }
    if let Some(member) = member.filter(|_| s.state.call.statistics) {
        stats::show(ui, s, stage, member);
    }
    if let Some(report) = view.report.clone().filter(|_| !s.state.call.report_closed) {
        ended::report_card(ui, s, stage, &report);
    } else if view.is_test() && view.report.is_none() && view.stage == Stage::Connected {
        ended::report_note(ui, stage, view, picture);
    }
    if open {
        chat::show(ui, s, all, view, pushes);
    }
}

/// How much of the controls is to be seen, 0 to 1. They go only while there is something behind them to look at.
fn visibility(ui: &Ui, s: &mut Scene<'_>, view: &CallView, picture: bool) -> f32 {
    let ctx = ui.ctx();
    let active =
        ctx.input(|i| i.pointer.delta() != eframe::egui::Vec2::ZERO || i.pointer.any_down() || !i.events.is_empty());
    if active {
        s.state.call.moved = s.time;
    }
    let focused = ctx.memory(|m| m.focused().is_some());
    let busy = eframe::egui::Popup::is_any_open(ctx) || s.state.call.statistics || view.report.is_some();
    let stays = !picture || view.stage != Stage::Connected || focused || busy || s.state.help;
    let left = REST - (s.time - s.state.call.moved);
    let visible = stays || left > 0.0;
    if !stays && left > 0.0 {
        ctx.request_repaint_after(Duration::from_secs_f64(left + 0.01));
    }
    if !visible {
        ctx.set_cursor_icon(CursorIcon::None);
    }
    ctx.animate_bool_with_time(Id::unique("call-controls"), visible, 0.25)
}

/// The state in words.
pub fn stage_words(view: &CallView) -> String {
    match &view.stage {
        Stage::Ended(outcome) => outcome.sentence(view.direction, view.name()),
        stage => words(stage, view.seconds),
    }
}

fn words(stage: &Stage, seconds: u32) -> String {
    match stage {
        Stage::Calling => "Calling…".to_owned(),
        Stage::Ringing => "Ringing…".to_owned(),
        Stage::Connecting => "Connecting…".to_owned(),
        Stage::Connected => "Connected".to_owned(),
        Stage::Reconnecting => format!("Reconnecting… {seconds} s"),
        Stage::Ended(_) => "Gone".to_owned(),
    }
}

/// What somebody is called here.
fn name(member: &MemberView) -> String {
    match member.peer {
        Callee::Echo => "Test call".to_owned(),
        Callee::Peer(id) if member.name.is_empty() => id.short(),
        Callee::Peer(_) => member.name.clone(),
    }
}
