//! The application as eframe sees it: state in, commands out, one place shown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::{self, CentralPanel, Context, Frame, Rect, ScrollArea, Sense, Ui, UiBuilder, ViewportCommand, vec2};
use tokio::sync::broadcast;

use super::theme::{DARK, Tokens};
use super::video::{Videos, Wakes};
use super::wake::Waker;
use super::{call, first_run, green_room, help, home, incoming, keys, settings, talk, theme, toast};
use crate::client::{Handle, Refused};
use crate::model::command::Command;
use crate::model::notice::Notice;
use crate::model::settings::Settings;
use crate::model::snapshot::Snapshot;

/// Where one is. A call stands over all of these.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Place {
    /// Whom to call.
    #[default]
    Home,
    /// A last look before this call.
    GreenRoom(green_room::Target),
}

/// All that the window itself remembers.
#[derive(Default)]
pub struct State {
    pub(super) place: Place,
    pub(super) home: home::Home,
    pub(super) first_run: first_run::FirstRun,
    pub(super) call: call::State,
    pub(super) settings: settings::State,
    pub(super) help: bool,
    pub(super) toast: toast::Toasts,
    /// What was copied last, by name, and until when (egui's time) that is said.
    pub(super) copied: Option<(&'static str, f64)>,
    preview: bool,
    closing: bool,
    talk: talk::Talk,
}

/// What a place works with, for one frame.
pub struct Scene<'a> {
    /// Colours.
    pub t: Tokens,
    /// What is so.
    pub snap: &'a Snapshot,
    /// Whom to tell.
    pub handle: &'a Handle,
    /// Pictures.
    pub videos: &'a mut Videos,
    /// What the window remembers.
    pub state: &'a mut State,
    /// Seconds on egui's clock.
    pub time: f64,
}

impl Scene<'_> {
    /// Sends a command; a refusal is told.
    pub fn send(&mut self, command: Command) {
        if let Err(refused) = self.handle.command(command) {
            self.state.toast.problem(refused.to_string(), self.time);
        }
    }

    /// Takes the settings in force with one thing changed.
    pub fn change(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = (*self.snap.settings).clone();
        change(&mut settings);
        if settings != *self.snap.settings {
            self.send(Command::Settings(Box::new(settings)));
        }
    }

    /// Copies, and says so on the button called `what` for two seconds.
    pub fn copy(&mut self, ctx: &Context, what: &'static str, text: String) {
        ctx.copy_text(text);
        self.state.copied = Some((what, self.time + 2.0));
    }

    /// Whether the button called `what` says “Copied” now.
    pub fn is_copied(&self, ctx: &Context, what: &str) -> bool {
        match self.state.copied {
            Some((which, until)) if which == what && self.time < until => {
                ctx.request_repaint_after(Duration::from_secs_f64(until - self.time + 0.01));
                true
            }
            _ => false,
        }
    }

    /// Whether somebody still has to say their name.
    pub fn is_first_run(&self) -> bool {
        self.snap.settings.name.is_empty() && !self.state.first_run.done
    }
}

/// The window's content.
pub struct App {
    handle: Handle,
    notices: broadcast::Receiver<Notice>,
    videos: Videos,
    wake: Arc<Waker>,
    state: State,
    opening: Option<Opening>,
}

/// From the wish for a window to its first picture, for the log.
struct Opening {
    began: Instant,
    painted: bool,
}

impl App {
    /// Shows what this handle tells.
    pub fn new(cc: &eframe::CreationContext<'_>, handle: Handle) -> Self {
        let ctx = &cc.egui_ctx;
        theme::install(ctx);
        ctx.set_theme(theme::preference(handle.snapshot().settings.theme));
        let wake = Arc::new(Waker::new(ctx.clone()));
        let [state, lead, follow] = [(); 3].map(|()| Arc::clone(&wake));
        handle.on_change(move || state.state());
        let wakes = Wakes { lead: Arc::new(move || lead.lead()), follow: Arc::new(move || follow.follow()) };
        let videos = Videos::new(cc.gl.clone(), wakes);
        Self { notices: handle.notices(), handle, videos, wake, state: State::default(), opening: None }
    }

    /// Logs how long the first picture took, counted from `began`.
    #[must_use]
    pub fn since(mut self, began: Instant) -> Self {
        self.opening = Some(Opening { began, painted: false });
        self
    }

    /// The first picture is on the screen when the second begins.
    #[allow(clippy::disallowed_methods, reason = "a figure for the log; nothing shown depends on it")]
    fn log_opening(&mut self, ctx: &Context) {
        match &mut self.opening {
            Some(opening) if opening.painted => {
                tracing::info!(elapsed_ms = opening.began.elapsed().as_millis(), "first frame drawn");
                self.opening = None;
            }
            Some(opening) => {
                opening.painted = true;
                ctx.request_repaint();
            }
            None => {}
        }
    }

    fn hear(&mut self, snap: &Snapshot, time: f64) {
        loop {
            match self.notices.try_recv() {
                Ok(Notice::Told(text)) => self.state.toast.tell(text, time),
                Ok(Notice::Joined { name, peer, .. }) => {
                    self.state.toast.tell(format!("{name} ({}) is in the call now", peer.short()), time);
                }
                Ok(Notice::Left { name, .. }) => self.state.toast.tell(format!("{name} has left the call"), time),
                Ok(Notice::Chat { from, text }) if !self.state.call.chat_open => {
                    if let Some(words) = call::mention(snap, from, &text) {
                        self.state.toast.tell(words, time);
                    }
                }
                Ok(Notice::Devices(switch)) => self.state.toast.devices(&switch, time),
                Ok(Notice::Problem(text)) => self.state.toast.problem(text, time),
                // The rest is in the snapshot already.
                Ok(_) | Err(broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(_) => return,
            }
        }
    }

    /// Push-to-talk never sticks: looked at before each frame, hidden or not, and after it, when the frame itself may have
    /// opened what takes the key.
    fn talk(&mut self, ctx: &Context, snap: &Snapshot) {
        let now = Duration::from_secs_f64(ctx.input(|i| i.time).max(0.0));
        let seen = keys::talk(ctx, snap, &self.state);
        if let Some(held) = self.state.talk.see(&seen, now) {
            match self.handle.command(Command::HoldToTalk(held)) {
                // A program that ends sends no sound either.
                Ok(()) | Err(Refused::Closed) => self.state.talk.told(held, now),
                Err(Refused::Full) => ctx.request_repaint_after(Duration::from_millis(10)),
            }
        }
        if self.state.talk.is_held() {
            ctx.request_repaint_after(talk::AGAIN);
        }
    }
}

/// Whether nobody can see the window: minimised, or wholly covered.
pub(super) fn is_hidden(ctx: &Context) -> bool {
    ctx.input(|i| i.viewport().minimized.unwrap_or(false) || i.viewport().occluded.unwrap_or(false))
}

/// Whether the call takes the window.
fn shows_call(snap: &Snapshot) -> bool {
    snap.call.is_some()
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.wake.begin();
        let (hidden, asked) = (is_hidden(ctx), ctx.input(|i| i.viewport().close_requested()));
        self.wake.set_hidden(hidden);
        let snap = self.handle.snapshot();
        self.talk(ctx, &snap);
        if hidden {
            call::hidden(ctx, &self.handle, &mut self.state.call, &snap);
        }
        if hidden && snap.incoming.is_some() {
            incoming::wake_hidden(ctx);
        }
        if snap.quitting {
            if !asked {
                ctx.send_viewport_cmd(ViewportCommand::Close);
            }
        } else if asked && !self.state.closing {
            // A second request is not held up: whoever is in a hurry gets out.
            self.state.closing = true;
            if self.handle.command(Command::Quit) != Err(Refused::Closed) {
                ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            }
        }
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        let snap = self.handle.snapshot();
        let time = ctx.input(|i| i.time);
        self.log_opening(&ctx);
        self.hear(&snap, time);
        ctx.set_theme(theme::preference(snap.settings.theme));
        self.videos.begin(&self.handle, is_hidden(&ctx));
        let in_call = shows_call(&snap);
        let t = if in_call { DARK } else { theme::tokens(&ctx) };
        let mut scene =
            Scene { t, snap: &snap, handle: &self.handle, videos: &mut self.videos, state: &mut self.state, time };
        keys::act(&ctx, &mut scene);
        if in_call {
            // The call surface is dark in both themes, and what egui paints on it by itself too.
            ui.style_mut().visuals = ctx.style_of(egui::Theme::Dark).visuals.clone();
        }
        CentralPanel::default().frame(Frame::NONE.fill(t.bg)).show(ui, |ui| {
            let all = ui.max_rect();
            if in_call {
                call::show(ui, &mut scene, all);
            } else {
                scene.state.call = call::State::default();
                if scene.is_first_run() {
                    scrolled(ui, all, first_run::height(all), |ui, all| first_run::show(ui, &mut scene, all));
                } else if let Place::GreenRoom(target) = scene.state.place.clone() {
                    let height = green_room::height(all);
                    scrolled(ui, all, height, |ui, all| green_room::show(ui, &mut scene, all, &target));
                } else {
                    let height = home::height(all, &scene);
                    scrolled(ui, all, height, |ui, all| home::show(ui, &mut scene, all));
                }
            }
            toast::problems(ui, &mut scene, all);
            settings::show(ui, &mut scene, all);
            help::show(ui, &mut scene, all);
            incoming::show(ui, &mut scene, all);
            toast::show(ui, &mut scene, all);
            scene.videos.end(ui.painter());
        });
        let look = !in_call
            && (scene.is_first_run()
                || matches!(scene.state.place, Place::GreenRoom(_))
                || scene.state.settings.looks_at_devices());
        if look != scene.state.preview && !snap.quitting {
            scene.state.preview = look;
            scene.send(Command::Preview(look));
        }
        self.talk(&ctx, &snap);
    }

    fn on_exit(&mut self, gl: Option<&eframe::glow::Context>) {
        self.videos.close(gl);
    }

    fn clear_color(&self, _visuals: &egui::Visuals) -> [f32; 4] {
        DARK.bg.to_normalized_gamma_f32()
    }
}

/// A place that is at least `height` high, and scrolls where the window is lower.
fn scrolled(ui: &mut Ui, all: Rect, height: f32, show: impl FnOnce(&mut Ui, Rect)) {
    if height <= all.height() + 0.5 {
        return show(ui, all);
    }
    let mut child = ui.new_child(UiBuilder::new().max_rect(all).id_salt("place"));
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
        let (area, _) = ui.allocate_exact_size(vec2(all.width(), height), Sense::hover());
        show(ui, area);
    });
}
