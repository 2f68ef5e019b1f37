//! Floor 7: the window (egui, OpenGL). Reads a [`Snapshot`](crate::model::snapshot::Snapshot), sends a
//! [`Command`](crate::model::command::Command), and knows nothing between.
//!
//! [`run`] opens it; [`app::App`] is the same without a window system, for tests. Places: [`home`], [`first_run`],
//! [`green_room`], [`call`]; [`settings`], [`room_form`] and [`help`] lie over them, [`incoming`] may be a window of its own.
//! [`theme`], [`paint`], [`widgets`] and [`devices`] are what they are built from; [`video`] shows pictures.
//!
//! Invariants: nothing is painted unless state, a shown picture or an animation asks for it; what a place shows of
//! devices is what is really open; every control can be found by role and name.

pub mod app;
pub mod call;
pub mod devices;
pub mod first_run;
pub mod green_room;
pub mod help;
pub mod home;
pub mod icons;
pub mod incoming;
pub mod keys;
pub mod lists;
pub mod paint;
pub mod room_form;
pub mod settings;
pub mod talk;
pub mod theme;
pub mod toast;
pub mod video;
pub mod wake;
pub mod widgets;
pub mod words;

use std::cell::Cell;
use std::sync::Arc;

use eframe::egui::{IconData, ViewportBuilder};

use crate::client::Handle;

/// The window could not be opened, or broke.
#[derive(Debug, thiserror::Error)]
pub enum UiError {
    /// No window system to open it on. The system's own words are in the log: they are for programmers.
    #[error("there is no display: {NO_DISPLAY}; use “visavis headless” or “visavis test”")]
    NoDisplay,
    /// Anything else.
    #[error(
        "the window cannot be shown: {0}; check that a display and OpenGL are there, or start without a window: visavis headless"
    )]
    Window(eframe::Error),
}

const NO_DISPLAY: &str =
    if cfg!(target_os = "linux") { "neither X11 nor Wayland answers" } else { "the window system does not answer" };

/// Shows the window until the program ends. Blocks; must be called on the main thread.
///
/// Closing the window sends [`Command::Quit`](crate::model::command::Command::Quit); the window goes once the
/// snapshot says `quitting`.
///
/// # Errors
/// [`UiError`] where there is no display or no OpenGL.
pub fn run(handle: Handle) -> Result<(), UiError> {
    #[allow(clippy::disallowed_methods, reason = "a figure for the log; nothing shown depends on it")]
    let began = std::time::Instant::now();
    let viewport = ViewportBuilder::default()
        .with_title("Visavis")
        .with_app_id("Visavis")
        .with_inner_size([1280.0, 800.0])
        .with_min_inner_size([640.0, 480.0])
        .with_icon(window_icon());
    let options = eframe::NativeOptions {
        viewport,
        renderer: eframe::Renderer::Glow,
        persist_window: false,
        ..Default::default()
    };
    let opened = Cell::new(false);
    let create = |cc: &eframe::CreationContext<'_>| {
        opened.set(true);
        Ok(Box::new(app::App::new(cc, handle).since(began)) as Box<dyn eframe::App>)
    };
    let shown = eframe::run_native("Visavis", options, Box::new(create));
    shown.map_err(|error| match error {
        eframe::Error::Winit(_) | eframe::Error::WinitEventLoop(_) if !opened.get() => {
            tracing::info!(%error, "no display");
            UiError::NoDisplay
        }
        error => UiError::Window(error),
    })
}

/// The mark, drawn: a camera on a rounded square.
fn window_icon() -> Arc<IconData> {
    const SIDE: usize = 64;
    let mut rgba = vec![0; SIDE * SIDE * 4];
    let inside = |x: f32, y: f32, (l, t, r, b): (f32, f32, f32, f32), radius: f32| {
        let (dx, dy) = ((l + radius - x).max(x - r + radius).max(0.0), (t + radius - y).max(y - b + radius).max(0.0));
        (radius - (dx * dx + dy * dy).sqrt() + 0.5).clamp(0.0, 1.0)
    };
    let fill = theme::DARK.fill;
    for (n, pixel) in rgba.chunks_exact_mut(4).enumerate() {
        let (x, y) = ((n % SIDE) as f32 + 0.5, (n / SIDE) as f32 + 0.5);
        let ground = inside(x, y, (1.0, 1.0, 63.0, 63.0), 18.0);
        let lens = if (42.0..52.0).contains(&x) && (y - 32.0).abs() < 3.0 + (x - 42.0) * 0.7 { 1.0 } else { 0.0 };
        let white = inside(x, y, (12.0, 21.0, 40.0, 43.0), 6.0).max(lens);
        for (channel, base) in [fill.r(), fill.g(), fill.b()].into_iter().enumerate() {
            pixel[channel] = (f32::from(base) + (255.0 - f32::from(base)) * white) as u8;
        }
        pixel[3] = (ground * 255.0) as u8;
    }
    Arc::new(IconData { rgba, width: SIDE as u32, height: SIDE as u32 })
}
