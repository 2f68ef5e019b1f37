//! The program's own sounds at their moments, and “say that again”.
//!
//! Invariants: nothing is kept of a call before the other side was told that it is; what is kept is erased when the call
//! ends and when the setting is switched off.

use super::active::Leg;
use super::actor::Actor;
use crate::model::notice::Notice;
use crate::model::settings::Settings;
use crate::model::snapshot::{SayAgain, Stage};
use crate::session::Sound;

/// What repeats until something happens.
const REPEATING: [Sound; 3] = [Sound::Ring, Sound::Ringback, Sound::Reconnecting];

impl Actor {
    /// Plays one of the program's sounds, unless they are switched off.
    pub(super) fn sound(&self, sound: Sound) {
        if self.settings.sounds {
            self.session.play(sound);
        }
    }

    /// The sounds of a call that came to this stage; `joined`: for the first time it is connected, to a person.
    pub(super) fn stage_sounds(&self, stage: &Stage, joined: bool) {
        for (sound, when) in [(Sound::Ringback, Stage::Ringing), (Sound::Reconnecting, Stage::Reconnecting)] {
            if *stage == when { self.sound(sound) } else { self.session.stop_sound(sound) }
        }
        if joined {
            self.sound(Sound::Joined);
        }
    }

    /// The sounds of a call that is over; `talked`: it had been connected, to a person.
    pub(super) fn end_sounds(&self, talked: bool) {
        self.session.stop_sound(Sound::Ringback);
        self.session.stop_sound(Sound::Reconnecting);
        if talked {
            self.sound(Sound::Left);
        }
    }

    /// Keeps what is heard from now on, if that is wanted and the others know, all of them.
    pub(super) fn keep_heard(&mut self) {
        let told = self.active.as_ref().is_some_and(|active| {
            // Who is only invited is not heard.
            let heard = |leg: &&Leg| leg.link.is_some() && !matches!(leg.stage, Stage::Calling | Stage::Ringing);
            let mut legs = active.legs.iter().filter(heard).peekable();
            active.is_running() && legs.peek().is_some() && legs.all(|leg| leg.told)
        });
        let keep = told && self.settings.say_again;
        self.session.keep_heard(keep);
        self.media.say_again = if keep { SayAgain::Ready } else { SayAgain::Off };
    }

    /// Forgets what was heard.
    pub(super) fn erase_heard(&mut self) {
        self.session.keep_heard(false);
        self.media.say_again = SayAgain::Off;
    }

    /// Whether something is played again, for whoever shows it.
    pub(super) fn read_replay(&mut self) {
        if self.media.say_again != SayAgain::Off {
            self.media.say_again = match self.session.replaying() {
                Some(left) => SayAgain::Playing { left_s: left.as_secs_f64().ceil() as u8 },
                None => SayAgain::Ready,
            };
        }
    }

    /// Plays what was heard again, or stops that.
    pub(super) fn say_again(&mut self, on: bool) {
        if self.media.say_again != SayAgain::Off {
            return self.session.replay(on);
        }
        if on {
            let why = if self.settings.say_again {
                "there is nothing to say again yet: nothing is kept outside a call"
            } else {
                "nothing is kept to be said again; switch “say that again” on in the settings, and the others are told"
            };
            self.told.push(Notice::Told(why.into()));
        }
    }

    /// Other settings are in force than before.
    pub(super) fn change_comforts(&mut self, before: &Settings) {
        let now = self.settings.clone();
        if now.say_again != before.say_again {
            // First the word, then the deed; and the other way round at the end.
            if !now.say_again {
                self.erase_heard();
            }
            self.tell_state();
            self.keep_heard();
        }
        if now.sound_volume != before.sound_volume {
            self.session.set_sound_volume(now.sound_volume);
        }
        if before.sounds && !now.sounds {
            REPEATING.into_iter().for_each(|sound| self.session.stop_sound(sound));
        }
    }
}
