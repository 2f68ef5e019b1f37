//! The chat panel: what was written, with its ticks, and a field.

use std::ops::Range;

use chrono::{Local, NaiveDate};
use eframe::egui::accesskit::Role;
use eframe::egui::text::LayoutJob;
use eframe::egui::{
    Color32, CornerRadius, CursorIcon, Id, Key, Modifiers, OpenUrl, Rect, ScrollArea, Sense, Stroke, StrokeKind,
    TextEdit, TextFormat, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::{State, side};
use crate::model::chat::{ChatLine, Delivery, MAX_TEXT};
use crate::model::command::Command;
use crate::model::id::{Callee, PeerId};
use crate::model::mention::find;
use crate::model::snapshot::CallView;
use crate::ui::app::Scene;
use crate::ui::devices::sentence;
use crate::ui::icons;
use crate::ui::paint::{CENTER, LEFT, RIGHT, label, paragraph, rect};
use crate::ui::theme::{DARK, corner, icon, medium, regular, semibold};
use crate::ui::widgets::{Button, Kind, named, tooltip};
use crate::ui::words;

/// What is being written.
#[derive(Default)]
pub(super) struct Draft {
    text: String,
    pub(super) wants_focus: bool,
    /// Whom an `@` could mean.
    pub(super) offer: super::mention::Offer,
}

pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, all: Rect, view: &CallView, pushes: bool) {
    side::show(ui, "chat-panel", all, pushes, |ui, k| panel(ui, s, k, view));
}

fn panel(ui: &mut Ui, s: &mut Scene<'_>, k: Rect, view: &CallView) {
    let t = DARK;
    ui.painter().rect(k, corner(18.0), t.surface, Stroke::new(1.0, t.line), StrokeKind::Inside);
    label(ui, pos2(k.left() + 16.0, k.top() + 28.0), LEFT, "Chat", semibold(18.0), t.text, 200.0);
    let close = rect(k.right() - 46.0, k.top() + 10.0, 36.0, 36.0);
    let button = Button::new("chat-close", close, Kind::Ghost).icon(icons::X).icon_size(17.0);
    if button.name("Close chat").key("Esc").show(ui, &t).clicked() {
        State::toggle_chat(s);
    }
    ui.painter().hline(k.left() + 1.0..=k.right() - 1.0, k.top() + 56.5, Stroke::new(1.0, t.line));
    let mut field = composer(ui, s, k, view);
    if s.state.call.path.is_some() {
        super::files::strip(ui, s, field);
        field.min.y -= super::files::STRIP;
    }
    let list = Rect::from_min_max(pos2(k.left() + 12.0, k.top() + 60.0), pos2(k.right() - 8.0, field.top() - 8.0));
    if view.chat.is_empty() && view.files.is_empty() {
        let c = list.center();
        ui.painter().text(pos2(c.x, c.y - 30.0), CENTER, icons::CHAT_CIRCLE_TEXT, icon(36.0), t.text3);
        let words = "Nothing written yet. What you write here stays on both computers.";
        paragraph(ui, pos2(c.x - 120.0, c.y), 240.0, words, regular(13.0), 19.0, t.text2, true);
        return;
    }
    let mut child = ui.new_child(UiBuilder::new().max_rect(list).id_salt("chat-lines"));
    ScrollArea::vertical().auto_shrink(false).stick_to_bottom(true).show(&mut child, |ui| {
        ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
        lines(ui, s, view, list.width() - 6.0);
    });
}

fn lines(ui: &mut Ui, s: &mut Scene<'_>, view: &CallView, width: f32) {
    let today = Local::now().date_naive();
    let mut last: Option<(NaiveDate, bool, i64)> = None;
    let mut files = view.files.iter().peekable();
    for line in view.chat.iter() {
        while let Some(file) = files.next_if(|file| file.time < line.time) {
            super::files::card(ui, s, view, file, width);
            last = last.map(|(day, mine, _)| (day, mine, i64::MIN));
        }
        let date = words::date(line.time);
        if last.is_none_or(|(day, ..)| day != date) {
            let (r, _) = ui.allocate_exact_size(vec2(width, 40.0), Sense::hover());
            label(ui, r.center(), CENTER, &words::day(line.time, today), semibold(11.5), DARK.text3, width);
            last = None;
        }
        // Lines of one side within five minutes belong together: the time is said once.
        let first = last.is_none_or(|(_, mine, time)| mine != line.mine || line.time.saturating_sub(time) > 300);
        bubble(ui, view, line, first, width, &s.snap.settings.name);
        last = Some((date, line.mine, line.time));
    }
    files.for_each(|file| super::files::card(ui, s, view, file, width));
    ui.allocate_space(vec2(width, 8.0));
}

fn bubble(ui: &mut Ui, view: &CallView, line: &ChatLine, first: bool, width: f32, me: &str) {
    let t = DARK;
    let mentions = if line.mine { vec![] } else { find(&line.text, &[me]) };
    let mentioned = !mentions.is_empty();
    if first {
        let (r, _) = ui.allocate_exact_size(vec2(width, 28.0), Sense::hover());
        let time = words::time_of_day(line.time);
        let y = r.bottom() - 10.0;
        if line.mine {
            label(ui, pos2(r.right(), y), RIGHT, &time, regular(12.0), t.text3, 80.0);
        } else {
            let who = if line.author.is_empty() { view.name() } else { &line.author };
            let name = label(ui, pos2(r.left() + 2.0, y), LEFT, who, semibold(12.5), t.text, width - 60.0);
            label(ui, pos2(name.right() + 8.0, y), LEFT, &time, regular(12.0), t.text3, 60.0);
        }
    }
    let (ground, ink, link) =
        if line.mine { (t.fill, Color32::WHITE, Color32::WHITE) } else { (t.surface2, t.text, t.accent_text) };
    let ground = if mentioned { t.accent_soft } else { ground };
    let (job, links) = text(&line.text, ink, link, &mentions, width * 0.84 - 24.0);
    let galley = ui.painter().layout_job(job);
    let size = galley.size() + vec2(26.0, 18.0);
    let (row, _) = ui.allocate_exact_size(vec2(width, size.y + 4.0), Sense::hover());
    let left = if line.mine { row.right() - size.x } else { row.left() };
    let r = rect(left, row.top(), size.x, size.y);
    let tail = |mine: bool| if mine { 6 } else { 16 };
    let round = CornerRadius { nw: 16, ne: 16, sw: tail(!line.mine), se: tail(line.mine) };
    ui.painter().rect_filled(r, round, ground);
    if mentioned {
        ui.painter().rect_stroke(r, round, Stroke::new(1.5, t.accent), StrokeKind::Inside);
    }
    let origin = r.min + vec2(13.0, 9.0);
    let response = ui.interact(r, Id::unique(("chat-line", line.number)), Sense::click());
    let ticks = ticks(line);
    let receipt = receipt(view, line);
    let said = if mentioned { "mentions you" } else { receipt.as_ref().map_or(ticks.2, |(words, _)| words) };
    let spoken = if said.is_empty() { line.text.clone() } else { format!("{} ({said})", line.text) };
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
    if let Some(at) = response.hover_pos() {
        let cursor = galley.cursor_from_pos(at - origin).index;
        if let Some((_, url)) = links.iter().find(|(range, _)| range.contains(&usize::from(cursor))) {
            ui.ctx().set_cursor_icon(CursorIcon::PointingHand);
            if response.clicked() {
                ui.ctx().open_url(OpenUrl::new_tab(url));
            }
        }
    }
    response.context_menu(|ui| {
        if ui.button("Copy text").clicked() {
            ui.ctx().copy_text(line.text.clone());
        }
    });
    ui.painter().galley(origin, galley, ink);
    if line.mine {
        let (r, _) = ui.allocate_exact_size(vec2(width, 15.0), Sense::hover());
        let (glyph, ink, said) = ticks;
        let x = r.right() - 9.0;
        ui.painter().text(pos2(x, r.center().y - 1.0), CENTER, glyph, icon(14.0), ink);
        let beside = match receipt {
            _ if line.delivery == Delivery::Failed => Some((said.to_owned(), ink, String::new())),
            receipt => receipt.map(|(words, who)| (words, t.text3, who)),
        };
        if let Some((words, ink, who)) = beside {
            let at = pos2(x - 12.0, r.center().y - 1.0);
            let area = label(ui, at, RIGHT, &sentence(&words), regular(11.5), ink, width - 40.0);
            if !who.is_empty() {
                let response = ui.interact(area, Id::unique(("receipt", line.number)), Sense::hover());
                tooltip(response, &t, Some(&who), None);
            }
        }
    }
}

/// In a room: who has a message of ours, in words and, where the words do not name them, by name.
fn receipt(view: &CallView, line: &ChatLine) -> Option<(String, String)> {
    view.room.as_ref().filter(|_| line.mine && !line.received_by.is_empty())?;
    let called = |id: &PeerId| {
        let member = view.members.iter().find(|member| member.peer == Callee::Peer(*id));
        member.map_or_else(|| id.short(), super::name)
    };
    let names = line.received_by.iter().map(called).collect::<Vec<_>>().join(", ");
    let all = line.delivery == Delivery::Received && line.received_by.len() > 1;
    Some(if all { ("received by all".to_owned(), names) } else { (format!("received by {names}"), String::new()) })
}

fn ticks(line: &ChatLine) -> (&'static str, Color32, &'static str) {
    let t = DARK;
    match (line.mine, line.delivery) {
        (false, _) => ("", t.text3, ""),
        (_, Delivery::Waiting) => (icons::CLOCK, t.text3, "waiting"),
        (_, Delivery::Sent) => (icons::CHECK, t.text3, "sent"),
        (_, Delivery::Received) => (icons::CHECKS, t.accent_text, "received"),
        (_, Delivery::Failed) => (icons::WARNING_CIRCLE, t.amber, "not delivered: the call ended"),
    }
}

type Links = Vec<(Range<usize>, String)>;

/// The text with its links, which are at these characters; what mentions somebody stands out.
fn text(words: &str, ink: Color32, link_ink: Color32, mentions: &[Range<usize>], width: f32) -> (LayoutJob, Links) {
    let mut job = LayoutJob::default();
    job.wrap.max_width = width;
    let mut finder = linkify::LinkFinder::new();
    finder.kinds(&[linkify::LinkKind::Url]);
    let mut links = Vec::new();
    let mut at = 0;
    for span in finder.spans(words) {
        let part = span.as_str();
        let count = part.chars().count();
        // Only what opens in a browser: no other scheme is started from a message.
        let is_link = span.kind().is_some() && (part.starts_with("https://") || part.starts_with("http://"));
        let mut format = TextFormat {
            font_id: regular(14.0),
            color: if is_link { link_ink } else { ink },
            line_height: Some(20.0),
            ..Default::default()
        };
        if is_link {
            format.underline = Stroke::new(1.0, link_ink);
            links.push((at..at + count, part.to_owned()));
        }
        let mut from = span.start();
        for mention in mentions.iter().filter(|mention| span.start() <= mention.start && mention.end <= span.end()) {
            job.append(words.get(from..mention.start).unwrap_or_default(), 0.0, format.clone());
            let stands_out = TextFormat { font_id: semibold(14.0), color: link_ink, ..format.clone() };
            job.append(words.get(mention.clone()).unwrap_or_default(), 0.0, stands_out);
            from = mention.end;
        }
        job.append(words.get(from..span.end()).unwrap_or_default(), 0.0, format);
        at += count;
    }
    (job, links)
}

/// The field at the bottom; returns where it is.
fn composer(ui: &mut Ui, s: &mut Scene<'_>, k: Rect, view: &CallView) -> Rect {
    let t = DARK;
    let id = Id::unique(("field", "chat"));
    let mut text = std::mem::take(&mut s.state.call.chat.text);
    let too_long = text.len() > MAX_TEXT;
    let lines = ui.painter().layout(text.clone(), regular(14.0), t.text, k.width() - 128.0).rows.len().clamp(1, 6);
    let height = 26.0 + 20.0 * lines as f32;
    let f = Rect::from_min_max(
        pos2(k.left() + 12.0, k.bottom() - 12.0 - height),
        pos2(k.right() - 12.0, k.bottom() - 12.0),
    );
    let focused = ui.memory(|m| m.has_focus(id));
    let line = if focused { Stroke::new(1.5, t.accent) } else { Stroke::new(1.0, t.line) };
    ui.painter().rect(f, corner(22.0), t.surface2, line, StrokeKind::Inside);
    let chosen = if focused { s.state.call.chat.offer.keys(ui.ctx()) } else { None };
    let enter = focused && ui.input_mut(|i| !i.modifiers.shift && i.consume_key(Modifiers::NONE, Key::Enter));
    super::files::attach(ui, s, rect(f.left() + 6.0, f.bottom() - 40.0, 34.0, 34.0));
    let area = Rect::from_min_max(pos2(f.left() + 44.0, f.top() + 13.0), pos2(f.right() - 52.0, f.bottom() - 13.0));
    if text.is_empty() {
        ui.painter().text(area.left_center(), LEFT, "Write a message", regular(14.0), t.text3);
    }
    let mut child = ui.new_child(UiBuilder::new().max_rect(area).id_salt("composer"));
    ScrollArea::vertical().auto_shrink(false).max_height(area.height()).show(&mut child, |ui| {
        let edit = TextEdit::multiline(&mut text)
            .id(id)
            .frame(eframe::egui::Frame::NONE)
            .margin(0)
            .desired_rows(1)
            .lock_focus(s.state.call.chat.offer.is_open())
            .desired_width(area.width())
            .font(regular(14.0));
        ui.add(edit);
    });
    named(ui, id, "Message");
    if std::mem::take(&mut s.state.call.chat.wants_focus) {
        ui.memory_mut(|m| m.request_focus(id));
    }
    let offer = &mut s.state.call.chat.offer;
    if let Some(name) = chosen.or_else(|| offer.list(ui, f)) {
        offer.insert(ui.ctx(), id, &mut text, &name);
    } else if focused {
        offer.see(ui.ctx(), id, &text, view);
    } else {
        offer.close();
    }
    let empty = text.trim().is_empty();
    let at = rect(f.right() - 40.0, f.bottom() - 40.0, 34.0, 34.0);
    let send = Button::new("chat-send", at, Kind::Primary).icon(icons::PAPER_PLANE_RIGHT).icon_size(17.0).radius(17.0);
    let send = send.name("Send").tip("Send").key("Enter").enabled(!empty && !too_long).show(ui, &t).clicked();
    if (send || enter) && !empty && text.len() <= MAX_TEXT {
        s.send(Command::Chat(text.trim_end().to_owned()));
        text.clear();
        ui.memory_mut(|m| m.request_focus(id));
    }
    let mut top = f.top();
    if text.len() > MAX_TEXT {
        top -= 24.0;
        let words = format!("Too long by {} characters or so; send it in parts", text.len() - MAX_TEXT);
        label(ui, pos2(f.left() + 12.0, top + 10.0), LEFT, &words, medium(12.0), t.amber, f.width() - 16.0);
    }
    s.state.call.chat.text = text;
    Rect::from_min_max(pos2(f.left(), top), f.max)
}
