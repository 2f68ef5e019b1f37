//! The real program, its real window, twice on one virtual display: somebody calls somebody, they see, hear and write
//! to each other. Skipped, saying why, where the parts of a desktop are not installed.
#![cfg(all(target_os = "linux", feature = "gui"))]

mod common;
#[path = "end_to_end/desktop.rs"]
mod desktop;
#[path = "end_to_end/screen.rs"]
mod screen;
#[path = "end_to_end/sound.rs"]
mod sound;
#[path = "end_to_end/window.rs"]
mod window;

use std::time::Duration;

use desktop::Desktop;
use screen::Picture;

/// The desktop itself is tried first, so that a failure below is the program's.
#[test]
fn the_desktop_shows_and_sounds() {
    if let Some(reason) = Desktop::missing() {
        println!("skipped: {reason}");
        return;
    }
    common::with_limit(Duration::from_secs(60), || {
        let desktop = Desktop::start(640, 480);
        let accessibility = window::Accessibility::join(&desktop);
        assert!(accessibility.controls(std::process::id()).is_empty(), "this process has no window");
        assert_eq!(Picture::take(&desktop).width, 640);

        let voice = sound::speak(&desktop, 440.0);
        let quiet = sound::listen(&desktop, Duration::from_millis(300));
        assert!(sound::level(&quiet, 440.0) < -60.0, "the microphone is not the speaker");
        let mut loud = desktop.launch(
            std::process::Command::new("pactl")
                .args(["load-module", "module-sine", "frequency=880"])
                .stdout(std::process::Stdio::null()),
        );
        common::wait_for("the tone to be loaded", Duration::from_secs(10), || loud.ended());
        let heard = sound::listen(&desktop, Duration::from_millis(500));
        assert!(sound::level(&heard, 880.0) > -20.0, "{} dBFS", sound::level(&heard, 880.0));
        drop(voice);
    });
}
