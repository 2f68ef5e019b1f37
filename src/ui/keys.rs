//! The keyboard map. Single keys act only while no text has the focus, and can be turned off.

use eframe::egui::{Context, Key, KeyboardShortcut, Modifiers, Popup, ViewportCommand};

use super::app::{Place, Scene, is_hidden};
use super::call::{State, share_key};
use super::talk::Seen;
use super::{incoming, settings};
use crate::model::command::Command;
use crate::model::device::DeviceState;
use crate::model::snapshot::{SayAgain, Snapshot, Stage};

/// What a person can look up: keys, and what they do.
pub const MAP: [(&str, &str); 19] = [
    ("M or Ctrl+D", "Microphone on or off"),
    ("V or Ctrl+E", "Camera on or off"),
    ("Space (hold)", "Talk while held; while not muted, cough"),
    ("S", "Share a screen or window, or stop"),
    ("C", "Chat"),
    ("P", "People"),
    ("G", "Layout: everybody alike, or whoever speaks large"),
    ("H", "Raise or lower your hand"),
    ("R", "Say that again: the last 20 s, or stop"),
    ("F11", "Full screen"),
    ("Ctrl+Shift+H", "Leave the call"),
    ("Ctrl+Shift+V", "Accept a call"),
    ("Ctrl+Shift+A", "Accept without video"),
    ("Ctrl+Shift+D", "Decline a call"),
    ("Ctrl+,", "Settings"),
    ("F1", "This help"),
    ("Esc", "Close what is open, go back"),
    ("Enter, Shift+Enter", "Send a message, begin a new line"),
    ("Tab, Enter", "Go to a control, press it"),
];

/// Acts on the keys of this frame.
pub fn act(ctx: &Context, s: &mut Scene<'_>) {
    if let Some(ringing) = s.snap.incoming.clone() {
        incoming::act(ctx, s, &ringing);
    }
    let pressed =
        |modifiers: Modifiers, key: Key| ctx.input_mut(|i| i.consume_shortcut(&KeyboardShortcut::new(modifiers, key)));
    if pressed(Modifiers::NONE, Key::F1) {
        s.state.help = !s.state.help;
    }
    if pressed(Modifiers::COMMAND, Key::Comma) {
        s.state.settings.open(settings::Page::Audio);
    }
    if pressed(Modifiers::NONE, Key::F11) {
        let full = ctx.input(|i| i.viewport().fullscreen.unwrap_or(false));
        ctx.send_viewport_cmd(ViewportCommand::Fullscreen(!full));
    }
    let over = is_covered(ctx, s.state);
    let in_green_room = matches!(s.state.place, Place::GreenRoom(_)) && s.snap.call.is_none();
    let live = s.snap.call.as_ref().is_some_and(|call| !matches!(call.stage, Stage::Ended(_)));
    if !over {
        back(ctx, s);
    }
    if live || in_green_room {
        let media = &s.snap.media;
        let (muted, camera_on, hand, say_again) = (media.muted, media.camera_on, media.hand, media.say_again);
        let single = s.snap.settings.single_keys && !ctx.text_edit_focused() && !over;
        let alone = |key: Key| single && pressed(Modifiers::NONE, key);
        if pressed(Modifiers::CTRL, Key::D) || alone(Key::M) {
            s.send(Command::Mute(!muted));
        }
        if pressed(Modifiers::CTRL, Key::E) || alone(Key::V) {
            s.send(Command::Camera(!camera_on));
        }
        if live {
            if pressed(Modifiers::CTRL | Modifiers::SHIFT, Key::H) {
                s.send(Command::HangUp);
            }
            if alone(Key::S) {
                share_key(ctx, s);
            }
            if alone(Key::C) {
                State::toggle_chat(s);
            }
            if alone(Key::P) {
                State::toggle_people(s);
            }
            if alone(Key::G) {
                State::switch_layout(s);
            }
            if alone(Key::H) {
                s.send(Command::RaiseHand(!hand));
            }
            if alone(Key::R) {
                s.send(Command::SayAgain(!matches!(say_again, SayAgain::Playing { .. })));
            }
        }
    }
}

/// What lies over the place one is in and takes the keys.
fn is_covered(ctx: &Context, state: &super::app::State) -> bool {
    state.help || state.settings.is_open() || Popup::is_any_open(ctx)
}

/// What the key to talk depends on, now.
pub(super) fn talk(ctx: &Context, snap: &Snapshot, state: &super::app::State) -> Seen {
    let call = snap.call.as_ref().filter(|call| !matches!(call.stage, Stage::Ended(_)));
    let look = matches!(state.place, Place::GreenRoom(_)) && snap.call.is_none();
    let microphone = match &snap.media.microphone {
        DeviceState::Open { name, .. } => Some(name.clone()),
        DeviceState::Opening => Some(String::new()),
        _ => None,
    };
    let (key, alone, focused) = ctx.input(|i| (i.key_down(Key::Space), i.modifiers.is_none(), i.focused));
    Seen {
        key,
        alone,
        focused,
        // A hidden window may still be asked to paint: that must not open what hiding closed.
        hidden: is_hidden(ctx),
        taken: ctx.memory(|m| m.focused().is_some()) || is_covered(ctx, state),
        allowed: (snap.settings.single_keys || snap.settings.push_to_talk) && !snap.quitting,
        wanted: call.is_some() || look,
        call: call.map(|call| call.call),
        microphone,
    }
}

/// Escape: the innermost thing first. Panels and lists close themselves.
fn back(ctx: &Context, s: &mut Scene<'_>) {
    if !ctx.input(|i| i.key_pressed(Key::Escape)) {
        return;
    }
    if s.state.call.close_in_chat() || ctx.text_edit_focused() {
        return;
    }
    if s.state.call.statistics {
        s.state.call.statistics = false;
    } else if s.state.call.chat_open && s.snap.call.is_some() {
        State::toggle_chat(s);
    } else if s.state.call.people_open && s.snap.call.is_some() {
        State::toggle_people(s);
    } else if s.snap.call.as_ref().is_some_and(|call| matches!(call.stage, Stage::Ended(_))) {
        s.send(Command::DismissEnded);
    } else if ctx.input(|i| i.viewport().fullscreen.unwrap_or(false)) {
        ctx.send_viewport_cmd(ViewportCommand::Fullscreen(false));
    } else if s.snap.call.is_none() {
        s.state.place = Place::Home;
    }
}
