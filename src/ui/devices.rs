//! Choosing and checking devices. What is shown is what is really open, never only what was asked for.

use std::path::Path;

use eframe::egui::{Color32, Rect, Ui, pos2};

use super::app::Scene;
use super::icons;
use super::paint::{CENTER, LEFT, RIGHT, chip, label, paragraph, rect};
use super::theme::{Tokens, corner, icon, medium, regular, semibold};
use super::video::{Look, fit};
use super::widgets::{Choice, meter, select, verdict};
use crate::model::device::{DeviceError, DeviceKind, DeviceState};
use crate::model::settings::Settings;
use crate::model::snapshot::{PlayerKey, Snapshot};
use crate::model::source::{AudioSpec, SinkSpec, VideoSpec};

/// The part three kinds of spec have in common.
pub trait Spec: Clone + PartialEq {
    /// The system's choice.
    fn system() -> Self;
    /// Nothing.
    fn nothing() -> Self;
    /// The device with this ID.
    fn device(id: &str) -> Self;
    /// The ID, where it is a device.
    fn id(&self) -> Option<&str>;
    /// What it is called where it is neither a device nor the default nor nothing.
    fn special(&self) -> Option<String>;
    /// What is offered after “None”.
    fn extras() -> Vec<Self>;
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

macro_rules! spec {
    ($name:ident, $special:expr $(, $extra:expr)*) => {
        impl Spec for $name {
            fn system() -> Self {
                Self::Default
            }
            fn nothing() -> Self {
                Self::None
            }
            fn device(id: &str) -> Self {
                Self::Device(id.to_owned())
            }
            fn id(&self) -> Option<&str> {
                if let Self::Device(id) = self { Some(id) } else { None }
            }
            fn special(&self) -> Option<String> {
                let special: fn(&Self) -> Option<String> = $special;
                special(self)
            }
            fn extras() -> Vec<Self> {
                vec![$($extra),*]
            }
        }
    };
}
spec!(
    VideoSpec,
    |spec| match spec {
        VideoSpec::Scene => Some("Test picture (moving scene)".to_owned()),
        VideoSpec::Bars => Some("Test picture".to_owned()),
        VideoSpec::File(path) => Some(format!("File {}", file_name(path))),
        _ => None,
    },
    VideoSpec::Bars
);
spec!(AudioSpec, |spec| match spec {
    AudioSpec::Tone(hertz) => Some(format!("Tone of {hertz} Hz")),
    AudioSpec::File(path) => Some(format!("File {}", file_name(path))),
    _ => None,
});
spec!(SinkSpec, |spec| match spec {
    SinkSpec::File(path) => Some(format!("File {}", file_name(path))),
    _ => None,
});

/// Which drop-down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Pictures in.
    Camera,
    /// Sound in.
    Microphone,
    /// Sound out.
    Speaker,
    /// What rings.
    Ring,
}

impl Which {
    /// Its name on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Camera => "Camera",
            Self::Microphone => "Microphone",
            Self::Speaker => "Speaker",
            Self::Ring => "Ring on",
        }
    }

    fn glyph(self) -> &'static str {
        match self {
            Self::Camera => icons::VIDEO_CAMERA,
            Self::Microphone => icons::MICROPHONE,
            Self::Speaker => icons::SPEAKER_HIGH,
            Self::Ring => icons::BELL_RINGING,
        }
    }

    fn state(self, snap: &Snapshot) -> DeviceState {
        match self {
            Self::Camera => snap.media.camera.clone(),
            Self::Microphone => snap.media.microphone.clone(),
            Self::Speaker => snap.media.speaker.clone(),
            // Opened only while it rings.
            Self::Ring => DeviceState::Closed,
        }
    }
}

/// The words of a field.
fn shown<S: Spec>(spec: &S, kind: DeviceKind, state: &DeviceState, snap: &Snapshot) -> String {
    let open = if let DeviceState::Open { name, .. } = state { Some(name.as_str()) } else { None };
    let list = snap.devices.of(kind);
    if *spec == S::nothing() {
        return "None".to_owned();
    }
    if *spec == S::system() {
        let name = open.or_else(|| list.iter().find(|d| d.default).map(|d| d.name.as_str()));
        return name.map_or_else(|| "System default".to_owned(), |name| format!("System default ({name})"));
    }
    if let Some(special) = spec.special() {
        return special;
    }
    let id = spec.id().unwrap_or_default();
    let listed = list.iter().find(|d| d.id == id).map(|d| d.name.as_str());
    open.or(listed).or(snap.settings.preferences.name(id)).unwrap_or(id).to_owned()
}

/// The choices of a drop-down.
fn choices<S: Spec>(spec: &S, kind: DeviceKind, state: &DeviceState, snap: &Snapshot) -> Vec<Choice<S>> {
    let list = snap.devices.of(kind);
    let (open, in_use) = match state {
        DeviceState::Open { id, name, .. } => (Some(name.as_str()), Some(id.as_str())),
        _ => (None, None),
    };
    let plain = |value: S, label: String| Choice { value, label, note: String::new(), apart: false };
    let system = list.iter().find(|d| d.default).map(|d| d.name.as_str()).or(open.filter(|_| *spec == S::system()));
    let mut all = vec![plain(
        S::system(),
        system.map_or_else(|| "System default".to_owned(), |name| format!("System default ({name})")),
    )];
    for device in list {
        let mut choice = plain(S::device(&device.id), device.name.clone());
        if in_use == Some(device.id.as_str()) {
            choice.note = "in use".to_owned();
        }
        all.push(choice);
    }
    let extras = S::extras();
    if !all.iter().any(|choice| choice.value == *spec) && *spec != S::nothing() && !extras.contains(spec) {
        // Whatever is open in its place is listed under its own name.
        let mut choice = plain(spec.clone(), shown(spec, kind, &DeviceState::Closed, snap));
        if spec.id().is_some() {
            choice.note = "not there".to_owned();
        }
        all.push(choice);
    }
    all.push(Choice { value: S::nothing(), label: "None".to_owned(), note: String::new(), apart: true });
    for extra in extras {
        let label = extra.special().unwrap_or_default();
        all.push(plain(extra, label));
    }
    all
}

/// A drop-down. `id` tells apart the same one in different places.
pub fn drop_down(ui: &mut Ui, s: &mut Scene<'_>, which: Which, id: &str, area: Rect) {
    let id = format!("{id}-{}", which.name());
    let settings = s.snap.settings.clone();
    let state = which.state(s.snap);
    let (t, snap) = (s.t, s.snap);
    let at = Place { t: &t, id: &id, which, area };
    match which {
        Which::Camera => {
            let chosen = at.show(ui, &settings.camera, DeviceKind::Camera, &state, snap);
            change(s, chosen, |settings, spec| settings.camera = spec);
        }
        Which::Microphone => {
            let chosen = at.show(ui, &settings.microphone, DeviceKind::Microphone, &state, snap);
            change(s, chosen, |settings, spec| settings.microphone = spec);
        }
        Which::Speaker => {
            let chosen = at.show(ui, &settings.speaker, DeviceKind::Speaker, &state, snap);
            change(s, chosen, |settings, spec| settings.speaker = spec);
        }
        Which::Ring => {
            let chosen = at.show(ui, &settings.ring, DeviceKind::Speaker, &state, snap);
            change(s, chosen, |settings, spec| settings.ring = spec);
        }
    }
}

fn change<S>(s: &mut Scene<'_>, chosen: Option<S>, set: impl FnOnce(&mut Settings, S)) {
    if let Some(spec) = chosen {
        s.change(|settings| set(settings, spec));
    }
}

struct Place<'a> {
    t: &'a Tokens,
    id: &'a str,
    which: Which,
    area: Rect,
}

impl Place<'_> {
    fn show<S: Spec>(
        &self,
        ui: &mut Ui,
        spec: &S,
        kind: DeviceKind,
        state: &DeviceState,
        snap: &Snapshot,
    ) -> Option<S> {
        let words = shown(spec, kind, state, snap);
        let all = choices(spec, kind, state, snap);
        select(ui, self.t, self.id, self.area, self.which.glyph(), self.which.name(), &words, spec, &all)
    }
}

/// The choices of a split button's list: what it shows, and what a choice does.
pub fn menu(s: &mut Scene<'_>, which: Which, popup: eframe::egui::Popup<'_>, t: &Tokens) {
    let settings = s.snap.settings.clone();
    let state = which.state(s.snap);
    let id = eframe::egui::Id::unique(("menu", which.name()));
    match which {
        Which::Camera => {
            let all = choices(&settings.camera, DeviceKind::Camera, &state, s.snap);
            let chosen = super::widgets::choice_list(t, popup, 300.0, id, &settings.camera, &all);
            change(s, chosen, |settings, spec| settings.camera = spec);
        }
        _ => {
            let all = choices(&settings.microphone, DeviceKind::Microphone, &state, s.snap);
            let chosen = super::widgets::choice_list(t, popup, 300.0, id, &settings.microphone, &all);
            change(s, chosen, |settings, spec| settings.microphone = spec);
        }
    }
}

/// The label above a field (centre 14 above it), with the format or what is wrong at its right.
pub fn caption(ui: &mut Ui, s: &Scene<'_>, which: Which, field: Rect, right: f32) {
    let t = &s.t;
    let y = field.top() - 14.0;
    let name = label(ui, pos2(field.left(), y), LEFT, which.name(), semibold(13.0), t.text2, 200.0);
    let (words, ink) = match which.state(s.snap) {
        DeviceState::Failed(e) => (sentence(&e.to_string()), t.amber),
        DeviceState::Opening => ("Opening…".to_owned(), t.text3),
        DeviceState::Open { format, .. } => (format, t.text3),
        DeviceState::Closed => return,
    };
    if !words.is_empty() {
        label(ui, pos2(right, y), RIGHT, &words, regular(12.0), ink, right - name.right() - 16.0);
    }
}

/// Meter, scale and what the level means, in words.
pub fn meter_block(ui: &mut Ui, s: &Scene<'_>, x: f32, y: f32, w: f32) {
    let t = &s.t;
    let media = &s.snap.media;
    meter(ui, t, rect(x, y, w, 10.0), media.level, "Microphone level");
    let p = ui.painter();
    p.text(pos2(x, y + 23.0), LEFT, "−60", regular(11.5), t.text3);
    p.text(pos2(x + w, y + 23.0), RIGHT, "0 dBFS", regular(11.5), t.text3);
    let (words, bad) = match &media.microphone {
        DeviceState::Failed(e) => (failure(Which::Microphone, e), true),
        DeviceState::Opening => ("Opening the microphone…".to_owned(), false),
        DeviceState::Closed if s.snap.settings.microphone == AudioSpec::None => {
            ("No microphone chosen".to_owned(), true)
        }
        _ if media.muted => ("You are muted".to_owned(), true),
        DeviceState::Closed => ("The microphone is closed".to_owned(), false),
        DeviceState::Open { .. } => match media.level.peak {
            -1.. => ("Too loud: move back a little".to_owned(), true),
            -32..=-2 => ("Good level".to_owned(), false),
            -55..=-33 => ("Quiet: come closer or speak up".to_owned(), false),
            _ => ("No sound yet: say something".to_owned(), false),
        },
    };
    let room = w - 96.0;
    let wide = (super::paint::width(ui.painter(), &words, medium(13.0)) + 22.0).min(room);
    let left = x + (w - wide) / 2.0;
    verdict(ui, t, eframe::egui::vec2(left, y + 23.0), wide + 1.0, bad, &words);
}

/// One's own picture as in a mirror, or the words that say why there is none.
pub fn preview(ui: &mut Ui, s: &mut Scene<'_>, area: Rect, radius: f32) {
    let t = s.t;
    let size = s.videos.size(s.handle, PlayerKey::Preview);
    ui.painter().rect_filled(area, corner(radius), if t.dark { t.surface2 } else { t.surface3 });
    let media = &s.snap.media;
    if let Some(size) = size.filter(|_| media.camera_on || matches!(media.camera, DeviceState::Open { .. })) {
        let (shown, cover) = fit(size, area, 0.5);
        let look = Look { radius, tint: 1.0, mirror: true };
        s.videos.paint(ui.painter(), PlayerKey::Preview, shown, cover, look);
        let words = "Mirrored for you only";
        let at = pos2(area.left() + 12.0, area.top() + 12.0);
        chip(ui, at, true, &[(words, medium(12.5), Color32::WHITE)], words, 300.0);
        return;
    }
    let (words, bad) = no_picture(s.snap);
    let glyph = if bad { icons::WARNING } else { icons::VIDEO_CAMERA_SLASH };
    let centre = area.center() - eframe::egui::vec2(0.0, 26.0);
    ui.painter().text(centre, CENTER, glyph, icon(40.0), if bad { t.amber } else { t.text3 });
    let w = (area.width() - 48.0).min(420.0);
    let at = pos2(area.center().x - w / 2.0, area.center().y + 6.0);
    paragraph(ui, at, w, &words, medium(14.0), 20.0, t.text2, true);
}

/// Why there is no picture of oneself, and whether that is wrong.
pub fn no_picture(snap: &Snapshot) -> (String, bool) {
    match &snap.media.camera {
        DeviceState::Failed(e) => (sentence(&e.to_string()), true),
        _ if snap.settings.camera == VideoSpec::None => ("No camera chosen".to_owned(), false),
        DeviceState::Opening => ("Opening the camera…".to_owned(), false),
        DeviceState::Open { .. } if snap.media.camera_on => ("Waiting for the first picture…".to_owned(), false),
        _ => ("Your camera is off".to_owned(), false),
    }
}

/// What is wrong with a device, in a word or three: where there is no room for [`DeviceError`]'s sentence.
pub fn failure(which: Which, error: &DeviceError) -> String {
    let name = which.name();
    match error {
        DeviceError::None(_) | DeviceError::NotBuilt => format!("No {}", name.to_lowercase()),
        DeviceError::Missing(_) => format!("{name} not there"),
        DeviceError::Busy(_) => format!("{name} in use elsewhere"),
        DeviceError::Denied(_) => format!("{name} not allowed"),
        DeviceError::Format(..) | DeviceError::File(..) => format!("{name} cannot be used"),
        DeviceError::Gone(..) | DeviceError::Closed(_) => format!("{name} stopped"),
        DeviceError::Unsupported(_) => format!("{name} not possible here"),
    }
}

/// What is wrong with a device that is wanted now: in short, and the sentence that says what to do.
pub fn trouble(snap: &Snapshot, which: Which) -> Option<(String, String)> {
    match which.state(snap) {
        DeviceState::Failed(e) => Some((failure(which, &e), sentence(&e.to_string()))),
        _ => None,
    }
}

/// With a capital at its start.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
