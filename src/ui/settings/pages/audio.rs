//! Microphone, speaker, ring; what is done to the microphone's sound.

use eframe::egui::{Rect, Ui, pos2};

use super::{ROW, Row, switches, title};
use crate::model::command::Command;
use crate::model::sound::Processing;
use crate::ui::app::Scene;
use crate::ui::devices::{Which, caption, drop_down, meter_block};
use crate::ui::icons;
use crate::ui::paint::{RIGHT, label, rect};
use crate::ui::theme::regular;
use crate::ui::widgets::{Button, Kind};

/// A switch of the processing: ID, name, what it does, and where it is kept.
type Stage = (&'static str, &'static str, &'static str, fn(&mut Processing) -> &mut bool);

const STAGES: [Stage; 4] = [
    ("echo", "Take out echo", "What your speaker plays does not go back to the others", |p| &mut p.echo_cancellation),
    ("noise", "Take out noise", "Fans, hum and rumble go", |p| &mut p.noise_suppression),
    ("gain", "Even loudness", "Quiet and loud voices are heard alike", |p| &mut p.auto_gain_control),
    ("music", "Music", "The sound goes out as it is: nothing is taken out or evened", |p| &mut p.music),
];

/// From the top to the card of switches.
const CARD: f32 = 236.0;

pub(super) fn height() -> f32 {
    CARD + ROW * STAGES.len() as f32 + 12.0 + 2.0 * ROW + 24.0
}

pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, a: Rect) {
    let t = s.t;
    let (x, w) = (a.left(), a.width());
    let f = rect(x, a.top() + 14.0, w, 44.0);
    caption(ui, s, Which::Microphone, f, f.right());
    drop_down(ui, s, Which::Microphone, "settings", f);
    meter_block(ui, s, x, a.top() + 72.0, w);
    let half = (w - 16.0) / 2.0;
    let y = a.top() + 132.0 + 14.0;
    let tries = [
        (Which::Speaker, x, "settings-sound", "Play sound", Command::PlayTestSound),
        (Which::Ring, x + half + 16.0, "settings-ring", "Play the ring", Command::PlayRing),
    ];
    for (which, x, id, name, command) in tries {
        let f = rect(x, y, half - 52.0, 44.0);
        caption(ui, s, which, f, x + half);
        drop_down(ui, s, which, "settings", f);
        let play = Button::new(id, rect(x + half - 44.0, y, 44.0, 44.0), Kind::Second).icon(icons::PLAY);
        if play.name(name).show(ui, &t).clicked() {
            s.send(command);
        }
    }
    let y = a.top() + CARD;
    title(ui, s, x, y - 14.0, "Sound processing");
    label(ui, pos2(x + w, y - 14.0), RIGHT, "Acts at once, also during a call", regular(12.0), t.text3, w / 2.0);
    let settings = s.snap.settings.clone();
    let mut done = settings.processing.in_force();
    let rows = STAGES.map(|(id, name, sub, of)| Row { id, name, sub, on: *of(&mut done) });
    if let Some((n, on)) = switches(ui, s, x, y, w, &rows) {
        s.change(|settings| {
            // Whoever wants something done does not want the sound as it is.
            settings.processing.music = false;
            *STAGES[n].3(&mut settings.processing) = on;
        });
    }
    let rows = [
        Row {
            id: "push-to-talk",
            name: "Push to talk",
            sub: "The microphone is open only while you hold Space",
            on: settings.push_to_talk,
        },
        Row {
            id: "levelling",
            name: "Level the others",
            sub: "Loud and quiet voices of the others sound alike",
            on: settings.levelling,
        },
    ];
    match switches(ui, s, x, y + ROW * STAGES.len() as f32 + 12.0, w, &rows) {
        Some((0, on)) => s.change(|settings| settings.push_to_talk = on),
        Some((_, on)) => s.change(|settings| settings.levelling = on),
        None => {}
    }
}
