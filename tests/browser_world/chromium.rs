//! Chromium as the tests start it: where it is, and the switches that all of them give it.

use std::path::PathBuf;

/// Its program, if it is installed.
pub fn program() -> Option<PathBuf> {
    first_of(&["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"])
}

/// The first of these programs that is on the path.
pub fn first_of(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()))
}

/// Without a window, without a question, without anything in the background.
pub const SWITCHES: &[&str] = &[
    "--headless",
    // In a container, and as root, there is no sandbox; the only page here is ours.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-breakpad",
    "--metrics-recording-only",
    "--password-store=basic",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    // A page behind another must not slow down.
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
];

/// Camera and microphone without asking, and made up.
pub const FAKE_DEVICES: &[&str] = &["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"];
