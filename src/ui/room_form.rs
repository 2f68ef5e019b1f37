//! The way into a room: its name, a password if it has one, and how many there is place for.

use eframe::egui::{Color32, Frame, Id, Key, Modal, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use super::app::{Place, Scene};
use super::green_room::Target;
use super::icons;
use super::paint::{LEFT, label, paragraph, rect, shadow};
use super::theme::{corner, medium, regular, semibold};
use super::widgets::{Button, Choice, Kind, field, secret_field, select, verdict};
use crate::model::body::{MAX_NAME, MAX_PEOPLE, clean_name};
use crate::model::command::{Command, Secret};
use crate::model::snapshot::Stage;

/// What is being written. It stays until a room is entered, so that a refusal costs no typing.
#[derive(Default)]
pub struct Form {
    pub(super) open: bool,
    name: String,
    password: String,
    /// So many may be in it; `None`: as many as fit.
    limit: Option<u32>,
    insisted: bool,
    wants_focus: bool,
    /// The server was asked.
    asked: bool,
}

impl Form {
    /// Opens it, with the keyboard in its first field.
    pub fn open(&mut self) {
        (self.open, self.wants_focus) = (true, true);
    }

    /// Has this name in it from now on, and nothing else.
    pub fn begin(&mut self, name: &str) {
        *self = Self { name: name.to_owned(), ..Self::default() };
    }

    fn command(&self, video: bool) -> Command {
        let password = Some(self.password.clone()).filter(|text| !text.is_empty()).map(Secret);
        Command::JoinRoom { name: self.name.clone(), password, limit: self.limit, video }
    }
}

/// Shows it where it is open, or the server is being asked.
pub fn show(ui: &mut Ui, s: &mut Scene<'_>, all: Rect) {
    let joining = s.snap.joining.is_some();
    let asked = std::mem::replace(&mut s.state.room.asked, joining);
    if let Some(call) = &s.snap.call {
        if call.named_room().is_some() && !matches!(call.stage, Stage::Ended(_)) {
            s.state.room = Form::default();
        }
        return;
    }
    if asked && !joining {
        s.state.room.open(); // refused: the sentence is told, and what was written is still there
    }
    if !(s.state.room.open || joining) || s.state.place != Place::Home {
        return;
    }
    let t = s.t;
    let size = vec2((all.width() - 32.0).min(480.0), 372.0);
    let modal = Modal::new(Id::unique("room-form")).frame(Frame::NONE).backdrop_color(Color32::from_black_alpha(150));
    let response = modal.show(ui.ctx(), |ui| {
        let (k, _) = ui.allocate_exact_size(size, Sense::hover());
        shadow(ui.painter(), k, 20.0, 48, 16, Color32::from_black_alpha(if t.dark { 190 } else { 60 }));
        ui.painter().rect(k, corner(20.0), t.surface, Stroke::new(1.0, t.surface3), StrokeKind::Inside);
        label(ui, pos2(k.left() + 28.0, k.top() + 38.0), LEFT, "Room", semibold(20.0), t.text, 300.0);
        let at = rect(k.right() - 54.0, k.top() + 19.0, 36.0, 36.0);
        let close = Button::new("room-close", at, Kind::Ghost).icon(icons::X).icon_size(17.0);
        let closed = close.name("Close the form").key("Esc").show(ui, &t).clicked();
        fields(ui, s, rect(k.left() + 28.0, k.top() + 60.0, k.width() - 56.0, k.height() - 84.0), joining);
        closed
    });
    if response.inner || response.should_close() {
        s.state.room.open = false;
        if joining {
            s.send(Command::HangUp);
        }
    }
}

fn fields(ui: &mut Ui, s: &mut Scene<'_>, k: Rect, joining: bool) {
    let t = s.t;
    let (x, w) = (k.left(), k.width());
    let words = "Whoever writes the same name meets you there.";
    paragraph(ui, pos2(x, k.top()), w, words, regular(13.5), 20.0, t.text2, false);
    let mut form = std::mem::take(&mut s.state.room);
    let at = rect(x, k.top() + 34.0, w, 52.0);
    let named = field(
        ui,
        &t,
        "room-name",
        at,
        icons::USERS,
        "Name of the room",
        "Name, such as Monday",
        &mut form.name,
        MAX_NAME,
        8.0,
    );
    if std::mem::take(&mut form.wants_focus) {
        named.request_focus();
    }
    let at = rect(x, k.top() + 98.0, w, 52.0);
    let secret = secret_field(ui, &t, "room-password", at, "Password, if it has one", &mut form.password);
    let y = k.top() + 162.0;
    label(ui, pos2(x, y + 22.0), LEFT, "Place for, if you are the first", medium(13.5), t.text2, w - 140.0);
    let most = MAX_PEOPLE as u32;
    let people = |n: u32| format!("{n} people");
    let choice = |n| Choice { value: n, label: people(n), note: String::new(), apart: false };
    let choices: Vec<_> = (2..=most).map(choice).collect();
    let current = form.limit.unwrap_or(most);
    let at = rect(x + w - 132.0, y, 132.0, 44.0);
    if let Some(n) = select(ui, &t, "room-limit", at, "", "Place for", &people(current), &current, &choices) {
        form.limit = Some(n).filter(|n| *n < most);
    }
    if named.changed() || secret.changed() {
        form.insisted = false;
    }
    let entered = (named.lost_focus() || secret.lost_focus()) && ui.input(|i| i.key_pressed(Key::Enter));
    let y = k.bottom() - 48.0;
    let half = (w - 8.0) / 2.0;
    let words = if joining { "Joining…" } else { "Join with video" };
    let video = Button::new("room-video", rect(x, y, half, 48.0), Kind::Primary).icon(icons::VIDEO_CAMERA);
    let video = video.label(words).size(15.0).enabled(!joining).show(ui, &t).clicked() || entered;
    let audio = Button::new("room-audio", rect(x + half + 8.0, y, half, 48.0), Kind::Second).icon(icons::PHONE);
    let audio = audio.label("Join with sound").size(15.0).enabled(!joining).show(ui, &t).clicked();
    let empty = clean_name(&form.name).is_empty();
    form.insisted |= (video || audio) && empty;
    if form.insisted && empty {
        verdict(ui, &t, vec2(x, y - 18.0), w, true, "A room needs a name; write at least one letter or digit");
    }
    let command = form.command(video);
    let name = clean_name(&form.name);
    form.open &= empty || !(video || audio);
    s.state.room = form;
    if (video || audio) && !empty && !joining {
        let target = Target { command, name, video };
        if s.snap.settings.green_room {
            s.state.place = Place::GreenRoom(target);
        } else {
            target.call(s);
        }
    }
}
