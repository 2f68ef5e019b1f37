//! What the window looks like, beside the images kept in `tests/snapshots`. Needs a Vulkan driver (a software one will do).
#![allow(clippy::print_stdout, reason = "a skipped test says why")]

use eframe::egui::vec2;
use egui_kittest::{Harness, SnapshotOptions};
use visavis::client::{Desk, handle};
use visavis::model::slot::Player;
use visavis::model::snapshot::{PlayerKey, Snapshot};
use visavis::ui::app::App;

/// Whether pictures can be painted here; says why not.
fn can_paint() -> bool {
    let setup = egui_kittest::wgpu::default_wgpu_setup();
    let there = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        drop(egui_kittest::wgpu::create_render_state(setup, Default::default()));
    }));
    if there.is_err() {
        println!("skipped: no Vulkan driver; install mesa-vulkan-drivers to compare pictures");
    }
    there.is_ok()
}

/// Compares the window with the image of this name, after something was done with it.
pub fn look(
    name: &str,
    snapshot: Snapshot,
    players: Vec<(PlayerKey, Player)>,
    size: (f32, f32),
    act: impl FnOnce(&mut Harness<'static, App>, &Desk),
) {
    if !can_paint() {
        return;
    }
    let (handle, desk) = handle::pair(snapshot);
    for (key, player) in players {
        desk.set_player(key, Some(player));
    }
    let mut harness =
        Harness::builder().with_size(vec2(size.0, size.1)).wgpu().build_eframe(move |cc| App::new(cc, handle));
    harness.run_steps(4);
    act(&mut harness, &desk);
    // Long enough for every motion to end, and short of the controls' rest.
    harness.run_steps(6);
    // Drivers differ by a pixel here and there at edges; a moved or missing control is thousands.
    let options = SnapshotOptions::new().threshold(1.2).max_failed_pixels(400);
    harness.snapshot_options(name, &options);
}
