//! The key to talk, which never sticks: a pure machine that sees what is so, as often as it likes, and says whether the
//! microphone is to be held open (or, for whoever is not muted, closed to cough).
//!
//! Invariants: held only while the key is down, alone reached this window, and nothing of [`Seen`] speaks against it;
//! whatever ended it, the key must be let go and pressed anew; a wish that could not be handed over is wished again
//! until it is taken, the end of holding before everything else.

use std::time::Duration;

use crate::model::id::CallId;

/// How often it is said again that the key is held. Who hears nothing for
/// [`HOLD_LIMIT`](crate::model::command::HOLD_LIMIT) takes the key as let go: a window that hangs does not talk.
pub const AGAIN: Duration = Duration::from_millis(500);

/// What is so now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The key is down.
    pub key: bool,
    /// No Ctrl, Shift, Alt or the like is down with it.
    pub alone: bool,
    /// The window has the keyboard.
    pub focused: bool,
    /// The window is minimised or covered.
    pub hidden: bool,
    /// A text field, another control, a dialog or a list takes the key.
    pub taken: bool,
    /// The settings let the key talk, and the program is not ending.
    pub allowed: bool,
    /// There is a call, or a look before one.
    pub wanted: bool,
    /// Which call, if there is one.
    pub call: Option<CallId>,
    /// The microphone that is open, by name; empty while one is being opened.
    pub microphone: Option<String>,
}

impl Seen {
    /// Where one would talk, if one may: the call and the microphone.
    fn place(&self) -> Option<(Option<CallId>, &str)> {
        let free = self.key && self.focused && !self.hidden && !self.taken && self.allowed && self.wanted;
        self.microphone.as_deref().filter(|_| free).map(|name| (self.call, name))
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Talk {
    down: bool,
    held: Option<(Option<CallId>, String)>,
    /// What was taken last, and when (any clock that does not go back).
    told: Option<Duration>,
}

impl Talk {
    /// Sees what is so; what is to be said now, if anything. Say with [`Talk::told`] that it was taken.
    pub fn see(&mut self, seen: &Seen, now: Duration) -> Option<bool> {
        let was_down = std::mem::replace(&mut self.down, seen.key);
        let pressed = seen.key && !was_down;
        let place = seen.place();
        match (&mut self.held, place) {
            (Some((call, name)), Some(here)) if (*call, name.as_str()) == here => {}
            // The one that was awaited is there.
            (Some((call, name)), Some((same, opened))) if *call == same && name.is_empty() => opened.clone_into(name),
            (None, Some((call, name))) if pressed && seen.alone => self.held = Some((call, name.to_owned())),
            _ => self.held = None,
        }
        match (self.is_held(), self.told) {
            (true, None) => Some(true),
            (true, Some(at)) => (now.saturating_sub(at) >= AGAIN).then_some(true),
            (false, told) => told.map(|_| false),
        }
    }

    /// What [`Talk::see`] said was taken.
    pub fn told(&mut self, held: bool, now: Duration) {
        self.told = held.then_some(now);
    }

    /// Whether the key is held to talk now.
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ready() -> Seen {
        Seen {
            key: false,
            alone: true,
            focused: true,
            allowed: true,
            wanted: true,
            call: Some(CallId([7; 16])),
            microphone: Some("Jabra".into()),
            ..Seen::default()
        }
    }

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Sees it, and takes what is said.
    fn take(talk: &mut Talk, seen: &Seen, now: Duration) -> Option<bool> {
        let said = talk.see(seen, now);
        if let Some(held) = said {
            talk.told(held, now);
        }
        said
    }

    #[test]
    fn it_is_open_from_press_to_release_and_said_again_meanwhile() {
        let mut talk = Talk::default();
        let down = Seen { key: true, ..ready() };
        assert_eq!(take(&mut talk, &ready(), at(0)), None);
        assert_eq!(take(&mut talk, &down, at(10)), Some(true));
        assert_eq!(take(&mut talk, &down, at(20)), None);
        assert_eq!(take(&mut talk, &down, at(510)), Some(true));
        // A modifier that joins is a shortcut of something else, not the end of a sentence.
        assert_eq!(take(&mut talk, &Seen { alone: false, ..down.clone() }, at(520)), None);
        assert_eq!(take(&mut talk, &ready(), at(530)), Some(false));
        assert_eq!(take(&mut talk, &ready(), at(5000)), None);
        assert_eq!(take(&mut talk, &Seen { alone: false, ..down }, at(5010)), None);
    }

    #[test]
    fn each_thing_closes_it_and_only_a_new_press_opens_it() {
        let down = Seen { key: true, ..ready() };
        let ends: [(&str, Seen); 9] = [
            ("released", ready()),
            ("focus lost", Seen { focused: false, ..down.clone() }),
            ("hidden", Seen { hidden: true, ..down.clone() }),
            ("a dialog or a text field", Seen { taken: true, ..down.clone() }),
            ("switched off", Seen { allowed: false, ..down.clone() }),
            ("the call ended", Seen { wanted: false, ..down.clone() }),
            ("another call", Seen { call: Some(CallId([8; 16])), ..down.clone() }),
            ("the device is gone", Seen { microphone: None, ..down.clone() }),
            ("another device", Seen { microphone: Some("Built-in".into()), ..down.clone() }),
        ];
        for (what, end) in ends {
            let mut talk = Talk::default();
            take(&mut talk, &ready(), at(0));
            assert_eq!(take(&mut talk, &down, at(1)), Some(true), "{what}");
            assert_eq!(take(&mut talk, &end, at(2)), Some(false), "{what}");
            if end.key {
                assert_eq!(take(&mut talk, &down, at(3)), None, "{what}: still down");
            }
            take(&mut talk, &ready(), at(4));
            assert_eq!(take(&mut talk, &down, at(5)), Some(true), "{what}: pressed anew");
        }
    }

    #[test]
    fn whoever_presses_before_the_microphone_is_open_talks_once_it_is() {
        let mut talk = Talk::default();
        let opening = Seen { key: true, microphone: Some(String::new()), ..ready() };
        let down = Seen { key: true, ..ready() };
        assert_eq!(take(&mut talk, &opening, at(0)), Some(true));
        assert_eq!(take(&mut talk, &down, at(1)), None);
        assert!(talk.is_held());
        assert_eq!(take(&mut talk, &opening, at(2)), Some(false), "the device is gone, another is looked for");
        assert_eq!(take(&mut talk, &down, at(3)), None);
    }

    #[test]
    fn an_end_that_is_not_taken_is_said_until_it_is() {
        let mut talk = Talk::default();
        take(&mut talk, &Seen { key: true, ..ready() }, at(0));
        assert_eq!(talk.see(&ready(), at(1)), Some(false));
        assert_eq!(talk.see(&ready(), at(2)), Some(false));
        assert_eq!(take(&mut talk, &ready(), at(3)), Some(false));
        assert_eq!(talk.see(&ready(), at(4)), None);
    }

    fn seen() -> impl Strategy<Value = Seen> {
        let mostly = |share: f64| prop::bool::weighted(share);
        let call = prop_oneof![8 => Just(Some(CallId([7; 16]))), 1 => Just(None), 1 => Just(Some(CallId([8; 16])))];
        let name =
            prop_oneof![8 => Just(Some("Jabra")), 1 => Just(None), 1 => Just(Some("Built-in")), 1 => Just(Some(""))];
        let flags = (mostly(0.7), mostly(0.9), mostly(0.9), mostly(0.05), mostly(0.1), mostly(0.95), mostly(0.95));
        (flags, call, name).prop_map(|((key, alone, focused, hidden, taken, allowed, wanted), call, name)| Seen {
            key,
            alone,
            focused,
            hidden,
            taken,
            allowed,
            wanted,
            call,
            microphone: name.map(str::to_owned),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// The other side of the wishes: what it was told last that it took. Some are lost.
        #[test]
        fn it_never_sticks(steps in prop::collection::vec((seen(), prop::bool::weighted(0.8)), 1..60)) {
            let mut talk = Talk::default();
            let mut open = false;
            let mut fresh = true; // the key was up since it was closed last
            let mut before = Seen::default();
            let mut refused = false;
            for (n, (seen, taken)) in steps.into_iter().enumerate() {
                let now = at(n as u64 * 100);
                let was_held = talk.is_held();
                let said = talk.see(&seen, now);
                fresh |= !seen.key;
                if talk.is_held() {
                    prop_assert!(seen.place().is_some(), "held against {seen:?}");
                    prop_assert!(was_held || (fresh && !before.key), "opened without a press: {before:?}, {seen:?}");
                    let awaited = before.microphone.as_deref() == Some("") && before.call == seen.call;
                    prop_assert!(!was_held || awaited || before.place() == seen.place(), "went elsewhere held");
                } else if was_held {
                    fresh = !seen.key;
                }
                if open && !talk.is_held() {
                    prop_assert_eq!(said, Some(false), "an end that is not said");
                }
                prop_assert!(said != Some(true) || talk.is_held());
                if let Some(held) = said && taken {
                    talk.told(held, now);
                    open = held;
                }
                refused = said == Some(false) && !taken;
                before = seen;
            }
            prop_assert!(!open || talk.is_held() || refused, "left open");
        }
    }
}
