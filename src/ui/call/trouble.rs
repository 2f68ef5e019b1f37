//! Says at the top of the call why the others do not hear or see us well, or we them, and what to do: one sentence at a time.

use eframe::egui::{Color32, Rect, Ui, pos2};

use crate::model::device::DeviceState;
use crate::model::quality::{Cause, Way};
use crate::model::snapshot::{CallView, Snapshot, Stage};
use crate::model::sound::MicrophoneTrouble;
use crate::ui::app::Scene;
use crate::ui::icons;
use crate::ui::paint::{chip, width};
use crate::ui::theme::{DARK, icon, medium};

/// What the strip at the top needs at each side.
const STRIP: f32 = 330.0;

/// What is wrong and what to do, in one line.
pub fn words(snap: &Snapshot) -> Option<String> {
    let media = &snap.media;
    let Some(trouble) = media.trouble else { return network(snap) };
    Some(match trouble {
        MicrophoneTrouble::Silent => {
            let name = match &media.microphone {
                DeviceState::Open { name, .. } if !name.is_empty() => name.as_str(),
                _ => "your microphone",
            };
            format!("No sound from {name}: check its switch, or choose another")
        }
        MicrophoneTrouble::Muted if snap.settings.push_to_talk => "You are not heard: hold Space to talk".to_owned(),
        MicrophoneTrouble::Muted => "You are muted: press M to be heard".to_owned(),
        MicrophoneTrouble::Quiet => "You are hard to hear: come closer, or turn the microphone up".to_owned(),
        MicrophoneTrouble::Clips => "Your microphone is too loud: turn it down, or move back".to_owned(),
    })
}

/// What the network does, on which side, and why. That our picture is paused is part of the sentence once it is known how
/// little gets through.
fn network(snap: &Snapshot) -> Option<String> {
    let member = super::worst(snap.call.as_ref()?)?;
    let known = member.quality.verdict.trouble.is_some_and(|trouble| match trouble.cause {
        Cause::Outage => true,
        Cause::Narrow { .. } => trouble.way == Way::Up,
        _ => false,
    });
    if member.stats.sent.video.paused && !known {
        return Some("Video paused to keep the sound: your network carries too little".to_owned());
    }
    member.quality.sentence.clone()
}

pub(super) fn show(ui: &mut Ui, s: &mut Scene<'_>, stage: Rect, view: &CallView, face_to_face: bool) {
    let Some(words) = words(s.snap).filter(|_| view.stage == Stage::Connected) else { return };
    if s.state.call.statistics
        && super::worst(view).is_some_and(|member| member.quality.sentence.as_ref() == Some(&words))
    {
        return; // it stands over the figures
    }
    let room = stage.width() - 32.0;
    let fits = |words: &str| width(ui.painter(), words, medium(13.5)) + 42.0 <= room;
    // That the other side is fine is what can be left out.
    let short = words.split_once("; ").filter(|_| !fits(&words)).map(|(before, _)| before.to_owned());
    let words = short.unwrap_or(words);
    let parts = [(icons::WARNING, icon(16.0), DARK.amber), (words.as_str(), medium(13.5), Color32::WHITE)];
    let wide = (width(ui.painter(), &words, medium(13.5)) + 42.0).min(room);
    let below = match (face_to_face, s.snap.media.sharing.is_some()) {
        // In the strip at the top, where there is room between its words and its buttons: there are tiles below it.
        (false, _) if stage.width() >= wide + 2.0 * STRIP => 20.0,
        (false, true) => 76.0 + super::share::ROOM,
        (false, false) => 76.0,
        (true, true) => 64.0 + super::share::ROOM,
        (true, false) => 64.0,
    };
    let at = pos2(stage.center().x - wide / 2.0, stage.top() + below);
    chip(ui, at, true, &parts, &words, room);
}
