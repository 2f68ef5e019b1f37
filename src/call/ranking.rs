//! Which device is used for what, as devices come and go: the ranking of the settings made into openings and words.
//!
//! Of the devices that are there and work, the one chosen latest is used; the system's default after those that were
//! ever chosen, then any. What is chosen as *System default* follows the system. A device that comes back is used
//! again, is said so, and one can go back to what was used meanwhile ([`Input::Undo`]), which counts as choosing it.
//! Nothing is switched to only because it is new.
//!
//! One use is a `Slot`; [`Plugs`] holds all four, and says in one sentence what belongs together. Invariants: after
//! each input at most one [`Effect::Open`] a use; nothing is said of a device before it is really open; what a person
//! chose is never said back.

mod slot;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::model::device::{DeviceState, Devices};
use crate::model::preference::{DeviceChange, DeviceSwitch, DeviceUse, Pick, Preferences, SwitchReason};
use slot::Slot;

/// What is said waits so long for other uses that change at the same time; longer where one is being opened.
const TOGETHER: (Duration, Duration) = (Duration::from_millis(150), Duration::from_millis(700));

/// What happens.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// These devices are there now.
    Listed(&'a Devices),
    /// A person chose this; `None`: nothing, or a pattern, a tone, a file, about which nothing is to be done here.
    Chosen(DeviceUse, Option<&'a Pick>),
    /// What became of the device that is to be open.
    State(DeviceUse, &'a DeviceState),
    /// Whether somebody sees or hears what this device does: only then a change is worth a word.
    InUse(DeviceUse, bool),
    /// Go back to what was used before the last change that was said.
    Undo,
    /// A deadline has passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Use this device from now on; also where it is the same as before, and is to be opened anew.
    Open(DeviceUse, Pick),
    /// Act as if a person had chosen this: it comes of [`Input::Undo`], and is to be answered by [`Input::Chosen`].
    Choose(DeviceUse, Pick),
    /// Tell it.
    Say(DeviceSwitch),
    /// There is nothing to undo (any more).
    NothingToUndo,
}

/// All uses.
#[derive(Debug)]
pub struct Plugs {
    slots: [Slot; 4],
    changes: Vec<DeviceChange>,
    changed_at: Option<Instant>,
    /// Where the last change that was said can be taken back to.
    undo: Vec<(DeviceUse, String)>,
    effects: VecDeque<Effect>,
    now: Option<Instant>,
}

impl Plugs {
    /// Starts with what is chosen now, which is taken to be asked for already, and with what was chosen before.
    pub fn new(chosen: impl Fn(DeviceUse) -> Option<Pick>, preferences: &Preferences) -> Self {
        let slots = DeviceUse::ALL.map(|of| Slot::new(of, chosen(of), preferences.of(of).clone()));
        Self { slots, changes: Vec::new(), changed_at: None, undo: Vec::new(), effects: VecDeque::new(), now: None }
    }

    /// What was chosen so far, to be kept.
    pub fn preferences(&self) -> Preferences {
        let mut preferences = Preferences::default();
        for slot in &self.slots {
            *preferences.of_mut(slot.of) = slot.ranking.clone();
        }
        preferences
    }

    /// Takes what happened. Drain [`Plugs::poll`] afterwards.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.now = Some(now);
        match input {
            Input::Listed(devices) => {
                for slot in &mut self.slots {
                    self.changes.extend(slot.listed(devices.of(slot.of.kind())));
                }
            }
            Input::Chosen(of, pick) => {
                self.undo.retain(|(other, _)| *other != of);
                self.changes.retain(|change| change.of != of);
                self.slot(of).choose(pick);
            }
            Input::State(of, state) => {
                let change = self.slot(of).state(now, state);
                if let Some(change) = change {
                    self.changes.retain(|earlier| earlier.of != of);
                    self.changes.push(change);
                }
            }
            Input::InUse(of, used) => self.slot(of).set_used(used),
            Input::Undo => self.undo(),
            Input::Tick => {}
        }
        for slot in &mut self.slots {
            if let Some(pick) = slot.next(now) {
                self.effects.push_back(Effect::Open(slot.of, pick));
            }
        }
        self.say(now);
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let together = self.changed_at.map(|at| at + self.gathering());
        let now = self.now?;
        self.slots.iter().filter_map(|slot| slot.deadline(now)).chain(together).min()
    }

    fn slot(&mut self, of: DeviceUse) -> &mut Slot {
        &mut self.slots[of as usize]
    }

    fn undo(&mut self) {
        let undo = std::mem::take(&mut self.undo);
        let there: Vec<_> = undo.into_iter().filter(|(of, id)| self.slots[*of as usize].is_there(id)).collect();
        if there.is_empty() {
            self.effects.push_back(Effect::NothingToUndo);
        }
        self.effects.extend(there.into_iter().map(|(of, id)| Effect::Choose(of, Pick::Device(id))));
    }

    fn gathering(&self) -> Duration {
        if self.slots.iter().any(Slot::is_on_its_way) { TOGETHER.1 } else { TOGETHER.0 }
    }

    /// Says what changed, once nothing more is on its way.
    fn say(&mut self, now: Instant) {
        if self.changes.is_empty() {
            self.changed_at = None;
            return;
        }
        let since = *self.changed_at.get_or_insert(now);
        if now < since + self.gathering() {
            return;
        }
        self.changed_at = None;
        let mut changes = std::mem::take(&mut self.changes);
        changes.sort_by_key(|change| change.of);
        let undo = changes.iter().filter(|change| {
            matches!(change.reason, SwitchReason::Back | SwitchReason::DefaultChanged) && change.before.is_some()
        });
        let undo: Vec<_> = undo.map(|change| change.of).collect();
        self.undo = undo.into_iter().filter_map(|of| Some((of, self.slots[of as usize].before()?))).collect();
        let undo = !self.undo.is_empty();
        self.effects.push_back(Effect::Say(DeviceSwitch { changes, undo }));
    }
}

#[cfg(test)]
mod tests;
