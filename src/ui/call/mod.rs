//! The call: one picture that fills the window and oneself in a corner, or a tile for everybody; the bar at the bottom. Dark
//! in both themes.

mod bar;
mod chart;
mod chat;
mod ended;
mod files;
mod itself;
mod layout;
mod mention;
mod menu;
mod order;
mod people;
mod pill;
mod reactions;
mod remote;
mod room;
mod share;
mod side;
mod signal;
mod stats;
mod tile;
mod top;
mod trouble;
mod watch;

use std::collections::HashMap;
use std::time::Duration;

use eframe::egui::{Context, CursorIcon, Id, Rect, Sense, TextureHandle, Ui, UiBuilder, pos2};

use super::app::{Scene, is_hidden};
use crate::client::Handle;
use crate::model::command::{Command, TileSize};
use crate::model::id::{CallId, Callee};
use crate::model::mention::mentions;
use crate::model::outcome::Outcome;
use crate::model::snapshot::{CallView, MemberView, Snapshot, Stage};
use crate::model::transfer::{Preview, TransferId};
pub(super) use share::key as share_key;
use tile::Tile;

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
    /// The dialog to choose files was asked for.
    asks_for_files: bool,
    /// Pictures of files that were shown.
    pictures: HashMap<TransferId, TextureHandle>,
    itself: itself::Itself,
    pub(super) statistics: bool,
    /// Whose figures are shown; otherwise those of whoever has the worst connection.
    statistics_of: Option<Callee>,
    pub(super) people_open: bool,
    people: people::Draft,
    seats: order::Seats,
    floats: reactions::Floats,
    watch: watch::Watch,
    /// Which of the pages of tiles, where they do not fit on one.
    page: usize,
    /// Where the tiles were last.
    area: Option<Rect>,
    /// How loud people were before they were muted for oneself, percent.
    loud: HashMap<Callee, u8>,
    moved: f64,
    /// Somebody else was in the room.
    met: bool,
    report_closed: bool,
}

impl State {
    /// Opens or closes the chat panel, and says so.
    pub(super) fn toggle_chat(s: &mut Scene<'_>) {
        let open = !s.state.call.chat_open;
        s.state.call.chat_open = open;
        if open {
            s.state.call.chat.wants_focus = true;
            s.state.call.people_open = false;
        }
        s.send(Command::ChatOpen(open));
    }

    /// Closes the innermost thing of the chat that is open, if anything but the panel is.
    pub(super) fn close_in_chat(&mut self) -> bool {
        let closed = self.chat_open && self.chat.offer.refuse();
        self.chat.wants_focus |= closed;
        closed
    }

    /// Opens or closes the panel of people.
    pub(super) fn toggle_people(s: &mut Scene<'_>) {
        if s.state.call.people_open {
            s.state.call.people_open = false;
        } else {
            Self::open_people(s, false);
        }
    }

    /// Opens the panel of people, in the place of the chat; `invites`: with the keyboard in its field.
    fn open_people(s: &mut Scene<'_>, invites: bool) {
        if s.state.call.chat_open {
            Self::toggle_chat(s);
        }
        s.state.call.people_open = true;
        s.state.call.people.wants_focus = invites;
    }

    /// Shows everybody alike, or whoever speaks large.
    pub(super) fn switch_layout(s: &mut Scene<'_>) {
        if s.snap.call.as_ref().is_some_and(has_layouts) {
            s.state.call.seats.switch();
        }
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
    s.state.call.met |= !view.members.is_empty();
    let (chat_open, people_open) = (s.state.call.chat_open, s.state.call.people_open);
    let pushes = (chat_open || people_open) && all.width() >= PUSH;
    let stage = if pushes { Rect::from_min_max(all.min, pos2(all.right() - 368.0, all.bottom())) } else { all };
    files::drops(ui, s, all, view);
    let shows = |id: &TransferId| view.files.iter().any(|file| file.id == *id && file.preview != Preview::None);
    s.state.call.pictures.retain(|id, _| shows(id));
    let seating = seat(ui, s, view);
    let alone_with = view.first().filter(|_| is_face_to_face(view, seating.kind));
    let (picture, seen) = match alone_with {
        Some(member) => (remote::show(ui, s, stage, member), vec![(member.call, stage)]),
        None => (None, room::show(ui, s, stage, view, &seating)),
    };
    tell_seen(ui, s, view, &seen);
    let shown = visibility(ui, s, view, picture.is_some());
    remote::scrims(ui, stage, shown, picture.is_some());
    if let Some(member) = alone_with {
        remote::plate(ui, stage, member, picture);
        let corner = itself::show(ui, s, stage);
        reactions::float(ui, s, &Tile::of(member), stage, false);
        reactions::float(ui, s, &Tile::mine(snap), corner, true);
        share::banner(ui, s, share::place(stage));
    }
    trouble::show(ui, s, stage, view, alone_with.is_some());
    // Where they are not seen they are there still, for whoever uses the keyboard or a screen reader.
    let mut child = ui.new_child(UiBuilder::new().max_rect(stage).id_salt("controls"));
    child.set_opacity(shown);
    top::show(&mut child, s, stage, view, picture, alone_with.is_some());
    bar::show(&mut child, s, stage, view);
    if shown < 0.01 {
        // A click without a move brings them back, and must not press what nobody sees.
        ui.interact(stage, Id::unique("call-veil"), Sense::click().difference(Sense::FOCUSABLE));
    }
    let of = s.state.call.statistics_of;
    let chosen = view.members.iter().find(|member| Some(member.peer) == of).or_else(|| worst(view));
    if let Some(member) = chosen.filter(|_| s.state.call.statistics) {
        stats::show(ui, s, stage, view, member);
    }
    if let Some(report) = view.report.clone().filter(|_| !s.state.call.report_closed) {
        ended::report_card(ui, s, stage, &report);
    } else if view.is_test() && view.report.is_none() && view.stage == Stage::Connected {
        ended::report_note(ui, stage, view, picture);
    }
    if chat_open {
        chat::show(ui, s, all, view, pushes);
    } else if people_open {
        people::show(ui, s, all, view, pushes);
    }
}

/// Nobody can see the window: nobody's picture is needed. Looked at while it is hidden and nothing is painted.
pub(super) fn hidden(ctx: &Context, handle: &Handle, state: &mut State, snap: &Snapshot) {
    let Some(view) = snap.call.as_ref().filter(|view| !matches!(view.stage, Stage::Ended(_))) else { return };
    if state.call == Some(view.call) {
        tell(ctx, handle, &mut state.watch, view, Vec::new());
    }
}

/// Tells who is to be seen, and how large.
fn tell_seen(ui: &Ui, s: &mut Scene<'_>, view: &CallView, seen: &[(CallId, Rect)]) {
    let scale = ui.ctx().pixels_per_point();
    // A hidden window may still be asked to paint.
    let seen = if is_hidden(ui.ctx()) { &[] } else { seen };
    let seen = seen.iter().map(|(leg, area)| (*leg, TileSize::of(area.height() * scale))).collect();
    tell(ui.ctx(), s.handle, &mut s.state.call.watch, view, seen);
}

fn tell(ctx: &Context, handle: &Handle, watch: &mut watch::Watch, view: &CallView, seen: watch::Seen) {
    let now = Duration::from_secs_f64(ctx.input(|i| i.time).max(0.0));
    if view.is_test() {
        return; // What it reports must not depend on who looks.
    }
    let legs: Vec<_> = view.members.iter().map(|member| member.call).collect();
    if let Some(seen) = watch.see(seen, &legs, now) {
        // What is not taken is told again.
        if handle.command(Command::Watch(seen)).is_ok() {
            watch.told(now);
        }
    }
    if let Some(wait) = watch.wait(now) {
        ctx.request_repaint_after(wait.max(Duration::from_millis(20)));
    }
}

/// Who is where now.
fn seat(ui: &Ui, s: &mut Scene<'_>, view: &CallView) -> order::Seating {
    let now = Duration::from_secs_f64(s.time.max(0.0));
    let there = |member: &MemberView| matches!(member.stage, Stage::Connected | Stage::Reconnecting);
    let here: Vec<_> = view
        .members
        .iter()
        .map(|member| order::Here {
            who: member.peer,
            speaking: member.speaking && !member.remote.muted,
            sharing: member.remote.sharing && there(member),
        })
        .collect();
    let seats = &mut s.state.call.seats;
    seats.see(&here, share::shows_itself(s.snap), now);
    if let Some(wait) = seats.due(now) {
        ui.ctx().request_repaint_after(wait);
    }
    seats.seating()
}

/// Two people of whom one fills the window, with oneself in a corner.
fn is_face_to_face(view: &CallView, kind: order::Kind) -> bool {
    view.members.len() == 1 && matches!(kind, order::Kind::Speaker | order::Kind::Share)
}

/// Whether the tiles can be laid out in more than one way.
fn has_layouts(view: &CallView) -> bool {
    let there = matches!(view.stage, Stage::Connected | Stage::Reconnecting);
    there && !view.members.is_empty() && !view.is_test()
}

/// Whoever of the others has the worst connection; of equals, who came first.
fn worst(view: &CallView) -> Option<&MemberView> {
    let connected = |member: &&MemberView| matches!(member.stage, Stage::Connected | Stage::Reconnecting);
    let good = |member: &&MemberView| std::cmp::Reverse(member.quality.verdict.quality());
    view.members.iter().filter(connected).min_by_key(good).or_else(|| view.first())
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
        Stage::Ended(outcome) => match (view.named_room(), outcome) {
            (Some(room), Outcome::Failed(why)) => format!("You are not in “{}” any more: {why}", room.name),
            (Some(room), _) => format!("You left “{}”", room.name),
            _ => outcome.sentence(view.direction, view.name()),
        },
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

/// What is said of a message from this one if it mentions us.
pub(super) fn mention(snap: &Snapshot, from: Callee, text: &str) -> Option<String> {
    let member = snap.call.as_ref()?.members.iter().find(|member| member.peer == from)?;
    mentions(text, &snap.settings.name).then(|| {
        // The toast has room for the beginning.
        let begin: String = text.chars().take(120).collect();
        let more = if begin.len() < text.len() { "…" } else { "" };
        format!("{} mentions you: {begin}{more}", name(member))
    })
}

/// What somebody is called here.
fn name(member: &MemberView) -> String {
    match member.peer {
        Callee::Echo => "Test call".to_owned(),
        Callee::Peer(id) if member.name.is_empty() => id.short(),
        Callee::Peer(_) => member.name.clone(),
    }
}
