//! One person's tile: their picture or who they are, what they do, what is wrong, and what can be done about them.
//!
//! A picture is shown whole, whatever its shape. What stands on it stays where it is whatever happens: the name at the bottom
//! left, trouble at the bottom right, a raised hand at the top left, the buttons (while the pointer is there, or the keyboard)
//! at the top right.

use std::time::Duration;

use eframe::egui::accesskit::Role;
use eframe::egui::{Color32, Id, Popup, Rect, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, pos2, vec2};

use super::order::Who;
use super::{menu, name, signal, words};
use crate::model::quality::CallQuality;
use crate::model::reaction::Reaction;
use crate::model::snapshot::{MemberView, PlayerKey, Snapshot, Stage};
use crate::ui::app::Scene;
use crate::ui::devices::{Which, trouble};
use crate::ui::icons;
use crate::ui::paint::{CENTER, LEFT, avatar, chip, label, rect, spinner, width};
use crate::ui::theme::{DARK, GLASS_DENSE, corner, icon_fill, medium, regular, rgb, semibold};
use crate::ui::video::{Look, fit};
use crate::ui::widgets::{Button, Kind};

/// From this width on there is room for words on a tile, and from this for two chips beside each other.
const WORDY: f32 = 250.0;
const TWO_CHIPS: f32 = 200.0;

/// While something moves.
const MOTION: Duration = Duration::from_millis(40);

/// A person as their tile shows them.
pub(super) struct Tile<'a> {
    /// Whose it is.
    pub(super) who: Who,
    /// Their picture.
    key: PlayerKey,
    /// What they are called.
    pub(super) name: String,
    pub(super) stage: Stage,
    seconds: u32,
    /// A picture is to be expected.
    picture: bool,
    /// Their picture is a screen.
    pub(super) sharing: bool,
    pub(super) muted: bool,
    pub(super) hand: bool,
    pub(super) speaking: bool,
    quality: Option<&'a CallQuality>,
    /// How loud they are played, percent; not for oneself.
    pub(super) volume: Option<u8>,
    /// What they have just shown of their mind.
    pub(super) reaction: Option<Reaction>,
    /// Why one is not seen or heard oneself.
    wrong: [Option<String>; 2],
}

impl<'a> Tile<'a> {
    /// Of somebody else.
    pub(super) fn of(member: &'a MemberView) -> Self {
        let there = matches!(member.stage, Stage::Connecting | Stage::Connected | Stage::Reconnecting);
        Self {
            who: Who::Them(member.peer),
            key: PlayerKey::Remote(member.call),
            name: name(member),
            stage: member.stage.clone(),
            seconds: member.seconds,
            picture: there && (member.remote.camera_on || member.remote.sharing),
            sharing: member.remote.sharing,
            muted: member.remote.muted,
            hand: member.remote.hand,
            speaking: member.speaking,
            quality: Some(&member.quality),
            volume: Some(member.volume),
            reaction: member.remote.reaction,
            wrong: [None, None],
        }
    }

    /// Of oneself.
    pub(super) fn mine(snap: &'a Snapshot) -> Self {
        let media = &snap.media;
        let short = |which| trouble(snap, which).map(|(short, _)| short);
        Self {
            who: Who::Me,
            key: PlayerKey::Preview,
            name: "You".to_owned(),
            stage: Stage::Connected,
            seconds: 0,
            picture: media.camera_on || media.sharing.is_some(),
            sharing: media.sharing.is_some(),
            muted: media.muted,
            hand: media.hand,
            speaking: media.held || media.speaking,
            quality: None,
            volume: None,
            reaction: None,
            wrong: [short(Which::Camera).filter(|_| media.camera_on), short(Which::Microphone)],
        }
    }

    /// Whether they are in the call, however badly.
    pub(super) fn is_connected(&self) -> bool {
        matches!(self.stage, Stage::Connected | Stage::Reconnecting)
    }

    /// Called, and not here yet.
    fn is_awaited(&self) -> bool {
        matches!(self.stage, Stage::Calling | Stage::Ringing | Stage::Connecting)
    }

    /// What their microphone does: a picture, its ink and a word.
    pub(super) fn microphone(&self) -> (&'static str, Color32, &str) {
        match &self.wrong[1] {
            Some(words) => (icons::MICROPHONE_SLASH, DARK.amber, words.as_str()),
            None if self.muted => (icons::MICROPHONE_SLASH, rgb(0xFF9EA0), "muted"),
            None if self.speaking && self.who == Who::Me => (icons::MICROPHONE, rgb(0xAEB7FF), "talking"),
            None if self.speaking => (icons::MICROPHONE, rgb(0xAEB7FF), "speaking"),
            None => (icons::MICROPHONE, Color32::WHITE, ""),
        }
    }

    /// Where they are, in words.
    pub(super) fn words(&self) -> String {
        words(&self.stage, self.seconds)
    }

    /// All of it for a screen reader.
    fn spoken(&self, pinned: bool) -> String {
        let microphone = self.microphone().2.to_lowercase();
        let mut parts = vec![self.name.clone()];
        match self.stage {
            Stage::Connected => parts.push(microphone),
            _ => parts.push(self.words()),
        }
        for (is, word) in [
            (self.hand, "hand raised"),
            (self.sharing, "shares a screen"),
            (!self.picture && self.is_connected(), "camera off"),
            (self.volume == Some(0), "muted for you"),
            (pinned, "pinned"),
        ] {
            parts.extend(is.then(|| word.to_owned()));
        }
        parts.retain(|part| !part.is_empty());
        parts.join(", ")
    }
}

/// How a tile is shown.
#[derive(Clone, Copy)]
struct Frame {
    area: Rect,
    /// One of many beside a stage.
    small: bool,
    on_picture: bool,
    radius: f32,
    /// From the edge to what stands on it.
    inset: f32,
}

impl Frame {
    /// Whether words lie over the picture of who is not reached.
    fn has_words(&self) -> bool {
        !self.small && self.area.width() >= WORDY && self.area.height() >= 140.0
    }
}

/// The shape of the picture there is, width by height.
pub(super) fn shape(s: &mut Scene<'_>, tile: &Tile<'_>) -> Option<f32> {
    let (w, h) = s.videos.size(s.handle, tile.key).filter(|_| tile.picture)?;
    (w > 0 && h > 0).then(|| w as f32 / h as f32)
}

/// Shows it.
pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, tile: &Tile<'_>, area: Rect, small: bool) {
    let pinned = s.state.call.seats.is_pinned(tile.who);
    let response = ui.interact(area, Id::unique(("tile", tile.who)), Sense::click().difference(Sense::FOCUSABLE));
    response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, tile.spoken(pinned)));
    if response.double_clicked() {
        s.state.call.seats.toggle_pin(tile.who);
    }
    let (radius, inset) = if small { (14.0, 8.0) } else { (16.0, 10.0) };
    let inset = if area.width() < TWO_CHIPS { 6.0 } else { inset };
    let mut frame = Frame { area, small, on_picture: false, radius, inset };
    frame.on_picture = ground(ui, s, tile, frame);
    if tile.speaking && !tile.muted {
        ring(ui, frame.area, frame.radius);
    }
    let right = trouble_mark(ui, tile, frame);
    plate(ui, tile, frame, right);
    hand(ui, tile, frame);
    super::reactions::float(ui, s, tile, area, small);
    buttons(ui, s, tile, frame, pinned);
}

/// Their picture, or their initials; says whether there is a picture.
fn ground(ui: &mut Ui, s: &mut Scene<'_>, tile: &Tile<'_>, f: Frame) -> bool {
    let t = DARK;
    let again = tile.stage == Stage::Reconnecting;
    let size = s.videos.size(s.handle, tile.key).filter(|_| tile.picture);
    if let Some(size) = size {
        let (shown, cover) = fit(size, f.area, 0.0);
        let bare = (f.area.size() - shown.size()).max_elem();
        if bare > 0.5 {
            ui.painter().rect_filled(f.area, corner(f.radius), rgb(0x07080B));
        }
        // Corners that lie within the straight edge of the tile stay square.
        let radius = if bare > 2.0 * f.radius { 0.0 } else { f.radius };
        let look = Look { radius, tint: if again { 0.39 } else { 1.0 }, mirror: tile.who == Who::Me && !tile.sharing };
        s.videos.paint(ui.painter(), tile.key, shown, cover, look);
        if again {
            ui.painter().rect_stroke(f.area, corner(f.radius), Stroke::new(1.0, t.line), StrokeKind::Inside);
        }
    } else {
        ui.painter().rect(f.area, corner(f.radius), t.surface2, Stroke::new(1.0, t.line), StrokeKind::Inside);
        person(ui, s, tile, f);
    }
    if again && f.has_words() {
        let down = if size.is_some() { 36.0_f32.min(f.area.height() * 0.157) } else { f.area.height() * 0.14 };
        reconnecting(ui, s, tile, f.area.center() + vec2(0.0, down));
    }
    size.is_some()
}

/// Who it is, and what is awaited.
fn person(ui: &mut Ui, s: &Scene<'_>, tile: &Tile<'_>, f: Frame) {
    let t = DARK;
    let radius = (f.area.height() * 0.174).clamp(16.0, 72.0);
    let again = tile.stage == Stage::Reconnecting;
    let said = f.area.height() >= 150.0 && f.area.width() >= TWO_CHIPS;
    let words = if tile.is_awaited() {
        tile.words()
    } else if let Some(wrong) = &tile.wrong[0] {
        wrong.clone()
    } else if tile.picture && tile.stage == Stage::Connected {
        if tile.who == Who::Me { "Opening the camera…" } else { "Waiting for the picture…" }.to_owned()
    } else {
        String::new()
    };
    let up = match (again, words.is_empty() || !said) {
        (true, _) if !f.small => f.area.height() * 0.15,
        (_, true) => f.area.height() * 0.035,
        _ => f.area.height() * 0.08,
    };
    let centre = f.area.center() - vec2(0.0, up);
    if tile.is_awaited() {
        // A ring that breathes while one waits.
        let breath = ((s.time * 1.6).sin() * 0.5 + 0.5) as f32;
        let ring = Stroke::new(2.0, t.accent.gamma_multiply(0.25 + 0.45 * (1.0 - breath)));
        ui.painter().circle_stroke(centre, radius + 5.0 + 6.0 * breath, ring);
        ui.ctx().request_repaint_after(MOTION);
    }
    avatar(ui.painter(), centre, radius, if tile.who == Who::Me { &s.snap.settings.name } else { &tile.name });
    if tile.is_awaited() || again {
        ui.painter().circle_filled(centre, radius, t.surface2.gamma_multiply(0.45));
    }
    if said && !words.is_empty() {
        let ink = if tile.wrong[0].is_some() { t.amber } else { t.text2 };
        let at = centre + vec2(0.0, radius + 26.0);
        label(ui, at, CENTER, &words, medium(13.5), ink, f.area.width() - 32.0);
    }
}

/// Words over the last picture.
fn reconnecting(ui: &mut Ui, s: &Scene<'_>, tile: &Tile<'_>, centre: eframe::egui::Pos2) {
    let pill = Rect::from_center_size(centre, vec2(228.0, 58.0));
    ui.painter().rect_filled(pill, corner(16.0), GLASS_DENSE);
    spinner(ui.painter(), pos2(pill.left() + 30.0, pill.center().y), 12.0, DARK.amber, s.time);
    ui.ctx().request_repaint_after(MOTION);
    let x = pill.left() + 56.0;
    label(ui, pos2(x, pill.center().y - 10.0), LEFT, &tile.words(), semibold(14.5), Color32::WHITE, 162.0);
    let words = "Looking for another way";
    label(ui, pos2(x, pill.center().y + 11.0), LEFT, words, regular(12.5), rgb(0xD3D7E0), 162.0);
}

/// Around who speaks.
pub(super) fn ring(ui: &Ui, area: Rect, radius: f32) {
    let accent = DARK.accent;
    let p = ui.painter();
    p.rect_stroke(area, corner(radius), Stroke::new(3.0, accent), StrokeKind::Outside);
    let (area, round) = (area.expand(3.0), corner(radius + 3.0));
    p.rect_stroke(area, round, Stroke::new(3.0, accent.gamma_multiply(0.28)), StrokeKind::Outside);
}

/// At the bottom right, only while something is wrong; says how far to the right there is room beside it.
fn trouble_mark(ui: &mut Ui, tile: &Tile<'_>, f: Frame) -> f32 {
    let right = f.area.right() - f.inset;
    let mut y = f.area.bottom() - f.inset - 28.0;
    if tile.stage == Stage::Reconnecting {
        // Where there is no room for the words.
        let seconds = format!("{} s", tile.seconds);
        let told = f.has_words();
        let mut parts = vec![(icons::WIFI_SLASH, crate::ui::theme::icon(16.0), DARK.amber)];
        if !told {
            parts.push((seconds.as_str(), medium(12.5), Color32::WHITE));
        }
        let words: f32 = parts.iter().map(|(text, font, _)| width(ui.painter(), text, font.clone()) + 6.0).sum();
        let wide = words + 14.0;
        let beside = f.area.width() >= TWO_CHIPS;
        if !beside {
            y = f.area.top() + f.inset;
        }
        let at = pos2(right - wide, y);
        chip(ui, at, f.on_picture, &parts, &format!("{}, {}", tile.name, tile.words()), wide);
        if !told {
            ui.ctx().request_repaint_after(Duration::from_millis(500));
        }
        return if beside { at.x - 8.0 } else { right };
    }
    match tile.quality.filter(|_| tile.stage == Stage::Connected) {
        Some(quality) if signal::sign(ui, tile.who, pos2(right - 36.0, y), f.on_picture, quality) => right - 44.0,
        _ => right,
    }
}

/// Name and microphone, at the bottom left.
fn plate(ui: &mut Ui, tile: &Tile<'_>, f: Frame, right: f32) {
    let at = pos2(f.area.left() + f.inset, f.area.bottom() - f.inset - 28.0);
    let room = (right - at.x).max(28.0);
    let (glyph, ink, state) = match tile.stage {
        Stage::Calling | Stage::Ringing | Stage::Connecting => (icons::PHONE_CALL, DARK.text2, ""),
        _ if tile.sharing && !f.small => (icons::MONITOR_ARROW_UP, Color32::WHITE, ""),
        _ => tile.microphone(),
    };
    // Where a tile is small the first name is enough.
    let short = if f.small || f.area.width() < TWO_CHIPS {
        tile.name.split_whitespace().next().unwrap_or(&tile.name)
    } else {
        &tile.name
    };
    let mut words = short.to_owned();
    if tile.sharing && !f.small {
        words = if tile.who == Who::Me { "Your screen".to_owned() } else { format!("{words}, screen") };
    } else if tile.is_awaited() && (f.area.height() < 150.0 || f.area.width() < TWO_CHIPS) {
        words = format!("{words} · {}", tile.words());
    }
    let silent = (icons::SPEAKER_SLASH, icon_fill(15.0), DARK.text2);
    let mut parts = vec![(glyph, icon_fill(15.0), ink), (words.as_str(), medium(13.0), Color32::WHITE)];
    parts.extend((tile.volume == Some(0)).then_some(silent));
    let spoken = match state {
        "" => tile.name.clone(),
        state => format!("{}, {}", tile.name, state.to_lowercase()),
    };
    chip(ui, at, f.on_picture, &parts, &spoken, room);
}

/// A raised hand, at the top left.
fn hand(ui: &mut Ui, tile: &Tile<'_>, f: Frame) {
    if !tile.hand {
        return;
    }
    let at = f.area.min + vec2(f.inset, f.inset);
    let mut parts = vec![(icons::HAND, icon_fill(15.0), Color32::WHITE)];
    if f.area.width() >= WORDY {
        parts.push(("Hand raised", medium(12.5), Color32::WHITE));
    }
    chip(ui, at, f.on_picture, &parts, &format!("{} raised a hand", tile.name), f.area.width() - 2.0 * f.inset);
}

/// Pin and menu: there for the keyboard always, to be seen while the pointer or the keyboard is there.
fn buttons(ui: &mut Ui, s: &mut Scene<'_>, tile: &Tile<'_>, f: Frame, pinned: bool) {
    let side = if f.small { 28.0 } else { 32.0 };
    let place = |n: f32| {
        let x = f.area.right() - f.inset - side - (side + 6.0) * n;
        rect(x, f.area.top() + f.inset, side, side)
    };
    let (pin, more) = (("tile-pin", tile.who), ("tile-menu", tile.who));
    let focused = ui.memory(|m| [pin, more].iter().any(|id| m.has_focus(Id::unique(("button", id)))));
    let open = Popup::is_id_open(ui.ctx(), menu::list_id("tile", tile.who));
    let seen = focused || open || ui.rect_contains_pointer(f.area);
    let mut child = ui.new_child(UiBuilder::new().max_rect(f.area).id_salt(("tile-buttons", tile.who)));
    child.set_opacity(if seen { 1.0 } else { 0.0 });
    let button = Button::new(more, place(1.0), Kind::Glass).icon(icons::DOTS_THREE_VERTICAL).icon_size(18.0);
    let name = format!("More about {}", if tile.who == Who::Me { "you" } else { &tile.name });
    let response = button.radius(10.0).name(&name).tip("More").show(&mut child, &DARK);
    menu::person(s, &response, "tile", tile);
    child.set_opacity(if seen || pinned { 1.0 } else { 0.0 });
    let verb = if pinned { "Unpin" } else { "Pin" };
    let button =
        Button::new(pin, place(0.0), Kind::Glass).icon(icons::PUSH_PIN).icon_size(17.0).filled(pinned).radius(10.0);
    let button = button.ink(if pinned { DARK.accent_text } else { Color32::WHITE }).pressed(pinned);
    let name = format!("{verb} {}", if tile.who == Who::Me { "yourself" } else { &tile.name });
    let tip = if pinned { "Take the pin out" } else { "Pin to the stage" };
    if button.name(&name).tip(tip).show(&mut child, &DARK).clicked() {
        s.state.call.seats.toggle_pin(tile.who);
    }
}
