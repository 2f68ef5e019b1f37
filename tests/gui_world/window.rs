//! The window without a window system: fixed state in, controls found by role and name, commands out.

use eframe::egui::{Key, Modifiers, accesskit::Role, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use visavis::client::{Desk, handle};
use visavis::model::command::{Command, TileSize};
use visavis::model::id::CallId;
use visavis::model::notice::Notice;
use visavis::model::snapshot::{Snapshot, Stage};
use visavis::ui::app::App;

pub struct Window {
    pub harness: Harness<'static, App>,
    pub desk: Desk,
    watches: Vec<Command>,
}

impl Window {
    pub fn sized(snapshot: Snapshot, w: f32, h: f32) -> Self {
        let (handle, desk) = handle::pair(snapshot);
        let mut harness =
            Harness::builder().with_size(vec2(w, h)).with_step_dt(STEP).build_eframe(move |cc| App::new(cc, handle));
        harness.run_steps(3);
        Self { harness, desk, watches: Vec::new() }
    }

    pub fn new(snapshot: Snapshot) -> Self {
        Self::sized(snapshot, 1280.0, 800.0)
    }

    pub fn click(&mut self, name: &str) {
        self.harness.get_by_role_and_label(Role::Button, name).click();
        self.harness.run_steps(3);
    }

    pub fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run_steps(2);
    }

    pub fn write(&mut self, field: &str, text: &str) {
        self.harness.get_by_label(field).focus();
        self.harness.run_steps(2);
        self.harness.get_by_label(field).type_text(text);
        self.harness.run_steps(3);
    }

    pub fn sees(&self, words: &str) -> bool {
        self.harness.query_all_by_label_contains(words).next().is_some()
    }

    /// What was asked for by the person: not what the window tells of itself (see [`Window::watched`]).
    pub fn commands(&mut self) -> Vec<Command> {
        let all = std::iter::from_fn(|| self.desk.commands.try_recv().ok());
        let (watched, asked): (Vec<_>, Vec<_>) = all.partition(|command| matches!(command, Command::Watch(_)));
        self.watches.extend(watched);
        asked
    }

    /// Who is to be seen and how large, as it was told last since this was asked for before.
    pub fn watched(&mut self) -> Option<Vec<(CallId, TileSize)>> {
        let asked = self.commands();
        assert!(asked.is_empty(), "{asked:?}");
        match self.watches.drain(..).next_back()? {
            Command::Watch(seen) => Some(seen),
            _ => None,
        }
    }

    pub fn tell(&mut self, notice: Notice) {
        self.desk.notify(notice);
        self.harness.run_steps(3);
    }

    pub fn publish(&mut self, snapshot: Snapshot) {
        self.desk.publish(snapshot);
        self.harness.run_steps(3);
    }
}

pub fn connected() -> Snapshot {
    super::call(Stage::Connected)
}

pub const NONE: Modifiers = Modifiers::NONE;

/// Seconds of the window's clock in one step.
pub const STEP: f32 = 0.25;

impl Window {
    pub fn has(&self, button: &str) -> bool {
        self.harness.query_by_role_and_label(Role::Button, button).is_some()
    }

    /// So long nobody touches anything, on the window's own clock.
    pub fn rest(&mut self, seconds: f32) {
        let steps = (seconds / STEP).ceil() as usize;
        self.harness.run_steps(steps);
    }

    /// Without devices, and everything wanted.
    pub fn bare(stage: Stage) -> Self {
        Self::new(super::without_devices(super::call(stage)))
    }
}
