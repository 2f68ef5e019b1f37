//! The program's own sounds, and what happens before and in a call.

use eframe::egui::{Rect, Slider, Stroke, StrokeKind, Ui, pos2};

use super::{ROW, Row, switches, title};
use crate::ui::app::Scene;
use crate::ui::icons;
use crate::ui::paint::{CENTER, LEFT, RIGHT, label, rect};
use crate::ui::theme::{corner, icon, medium, regular};
use crate::ui::widgets::field;

pub(super) const HEIGHT: f32 = 14.0 + 2.0 * ROW + 38.0 + 2.0 * ROW + 38.0 + 48.0 + 60.0;

pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, a: Rect) {
    let (x, w) = (a.left(), a.width());
    title(ui, s, x, a.top(), "Sounds of the program");
    let y = a.top() + 14.0;
    let settings = s.snap.settings.clone();
    let sub = "Ringing, joining, leaving, reconnecting, messages";
    let row = Row { id: "sounds", name: "Play sounds", sub, on: settings.sounds };
    if let Some((_, on)) = switches(ui, s, x, y, w, &[row]) {
        s.change(|settings| settings.sounds = on);
    }
    loudness(ui, s, rect(x, y + ROW + 12.0, w, ROW));
    let y = y + 2.0 * ROW + 12.0 + 38.0;
    title(ui, s, x, y - 14.0, "In calls");
    let again = "The last 20 s you heard are played once more with R. The others see that you can";
    let look = "Look at your picture and devices before each call";
    let rows = [
        Row { id: "say-again", name: "Say that again", sub: again, on: settings.say_again },
        Row { id: "green-room-always", name: "Show the green room", sub: look, on: settings.green_room },
    ];
    match switches(ui, s, x, y, w, &rows) {
        Some((0, on)) => s.change(|settings| settings.say_again = on),
        Some((_, on)) => s.change(|settings| settings.green_room = on),
        None => {}
    }
    received(ui, s, x, y + 2.0 * ROW + 38.0, w);
}

/// Where received files go.
fn received(ui: &mut Ui, s: &mut Scene<'_>, x: f32, y: f32, w: f32) {
    let t = s.t;
    title(ui, s, x, y - 14.0, "Received files");
    let f = rect(x, y, w, 48.0);
    let mut folder = s.state.settings.downloads.take().unwrap_or_else(|| s.snap.settings.downloads.clone());
    let (name, hint) = ("Folder for received files", "Your folder for downloads");
    let response = field(ui, &t, "settings-downloads", f, icons::FOLDER_OPEN, name, hint, &mut folder, 2048, 8.0);
    if response.lost_focus() {
        let kept = folder.trim().to_owned();
        s.change(|settings| settings.downloads = kept);
    }
    s.state.settings.downloads = Some(folder);
    let words = "A file that is there already is never overwritten: the new one gets a number";
    label(ui, pos2(x, f.bottom() + 18.0), LEFT, words, regular(13.0), t.text2, w);
}

fn loudness(ui: &mut Ui, s: &mut Scene<'_>, at: Rect) {
    let t = s.t;
    ui.painter().rect(at, corner(14.0), t.inset, Stroke::new(1.0, t.line), StrokeKind::Inside);
    let (mut percent, y) = (s.snap.settings.sound_volume, at.center().y);
    let glyph = if percent == 0 { icons::SPEAKER_SLASH } else { icons::SPEAKER_HIGH };
    ui.painter().text(pos2(at.left() + 27.0, y), CENTER, glyph, icon(19.0), t.text2);
    label(ui, pos2(at.left() + 48.0, y), LEFT, "How loud", medium(14.5), t.text, 120.0);
    let before = percent;
    ui.scope(|ui| {
        ui.spacing_mut().slider_width = at.width() - 270.0;
        ui.visuals_mut().selection.bg_fill = t.fill;
        ui.visuals_mut().widgets.inactive.bg_fill = t.switch_off;
        if !s.snap.settings.sounds {
            ui.disable();
        }
        let slider = Slider::new(&mut percent, 0..=100).show_value(false).trailing_fill(true);
        let response = ui.put(rect(at.left() + 180.0, y - 11.0, at.width() - 268.0, 22.0), slider);
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_label("Loudness of the program's sounds"));
    });
    label(ui, pos2(at.right() - 16.0, y), RIGHT, &format!("{percent} %"), regular(13.5), t.text2, 60.0);
    if percent != before {
        s.change(|settings| settings.sound_volume = percent);
    }
}
