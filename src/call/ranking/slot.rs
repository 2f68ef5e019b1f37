//! One use: what is chosen for it, what is asked for, what became of that.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::model::device::{Device, DeviceError, DeviceKind, DeviceState};
use crate::model::preference::{DeviceChange, DeviceUse, Pick, Ranking, SwitchReason};

/// First and longest wait before a device that cannot be used is tried again, although nobody touched it.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(320));

/// So long after asking for a device, what is heard may still be of the one before: a failure counts if it lasts.
const STALE: Duration = Duration::from_millis(400);

/// What is known of the device that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed,
    Opening,
    Open,
    Failed,
}

/// A device that could not be used.
#[derive(Debug, Clone)]
struct Failure {
    until: Instant,
    times: u32,
    /// It had been open and stopped, or is not there: in words it is gone.
    gone: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) of: DeviceUse,
    pub(super) ranking: Ranking,
    choice: Option<Pick>,
    list: Option<Vec<Device>>,
    /// What every device was called that was ever listed.
    names: BTreeMap<String, String>,
    asked: Option<Pick>,
    /// The device that was the default when that was asked for.
    asked_default: Option<String>,
    /// The answer is still awaited, since then.
    asked_at: Option<Instant>,
    /// The failure that was heard is one of a device that is not there, or not any more.
    gone: bool,
    phase: Phase,
    failed: BTreeMap<Pick, Failure>,
    /// A device that stood in the list anew, and may be opened again if it is the one that failed.
    again: bool,
    /// What is open may have been moved to another device behind our back.
    moved: bool,
    used: bool,
    /// What is to open now was chosen: not to be said.
    chosen: Option<Pick>,
    /// The device that people know to be open, and the one before it.
    last: Option<String>,
    before: Option<String>,
    /// The device whose loss left none.
    lost: Option<String>,
}

impl Slot {
    pub(super) fn new(of: DeviceUse, choice: Option<Pick>, ranking: Ranking) -> Self {
        Self {
            of,
            ranking,
            asked: choice.clone(),
            choice,
            list: None,
            names: BTreeMap::new(),
            asked_default: None,
            asked_at: None,
            gone: false,
            phase: Phase::Closed,
            failed: BTreeMap::new(),
            again: false,
            moved: false,
            used: false,
            chosen: None,
            last: None,
            before: None,
            lost: None,
        }
    }

    /// These are there now.
    pub(super) fn listed(&mut self, devices: &[Device]) -> Option<DeviceChange> {
        let before = self.list.replace(devices.to_vec()).unwrap_or_default();
        for device in devices {
            self.names.insert(device.id.clone(), device.name.clone());
            if before.iter().all(|known| known.id != device.id) {
                let pick = Pick::Device(device.id.clone());
                self.again |= self.asked.as_ref() == Some(&pick);
                self.failed.remove(&pick);
            }
        }
        let default = |list: &[Device]| list.iter().find(|device| device.default).map(|device| device.id.clone());
        if default(devices) != default(&before) {
            self.again |= self.asked == Some(Pick::Default);
            self.failed.remove(&Pick::Default);
            // PulseAudio moves every stream to a new default, also one that asked for its device by name.
            let sound = self.of.kind() != DeviceKind::Camera && default(&before).is_some();
            self.moved |= sound && matches!(self.asked, Some(Pick::Device(_)));
        }
        if self.asked == Some(Pick::Default)
            && self.asked_default.is_none()
            && self.last.as_ref().is_some_and(|id| !self.is_there(id))
        {
            // A name that stands for the system's choice, learnt before there was a list.
            self.last = default(devices);
        }
        let gone = self.last.take_if(|id| !devices.iter().any(|device| device.id == *id))?;
        if default(devices).is_some() {
            self.last = Some(gone); // said when another one is open
            return None;
        }
        let before = Some(self.name(&gone));
        self.lost = Some(gone);
        self.used.then_some(DeviceChange { of: self.of, reason: SwitchReason::Gone, before, now: None, id: None })
    }

    pub(super) fn choose(&mut self, pick: Option<&Pick>) {
        self.choice = pick.cloned();
        self.failed.clear();
        let Some(pick) = pick else {
            (self.asked, self.asked_at, self.last, self.before) = (None, None, None, None);
            self.lost = None;
            return;
        };
        let name = if let Pick::Device(id) = pick { self.name(id) } else { String::new() };
        let name = if matches!(pick, Pick::Device(id) if *id == name) { "" } else { &name };
        self.ranking.choose(pick.clone(), name);
        self.chosen = Some(pick.clone());
        self.again |= self.phase == Phase::Failed;
    }

    pub(super) fn set_used(&mut self, used: bool) {
        if !used {
            self.failed.clear();
            (self.last, self.before, self.lost, self.asked_at) = (None, None, None, None);
        }
        self.used = used;
    }

    /// What became of the device; another than before, unasked, is a change.
    pub(super) fn state(&mut self, now: Instant, state: &DeviceState) -> Option<DeviceChange> {
        match state {
            DeviceState::Open { id, .. } => return self.opened(id),
            DeviceState::Opening => self.phase = Phase::Opening,
            DeviceState::Closed => self.phase = Phase::Closed,
            DeviceState::Failed(error) => {
                self.gone = matches!(error, DeviceError::Gone(..) | DeviceError::Missing(_) | DeviceError::None(_));
                self.phase = Phase::Failed;
                if self.asked_at.is_none_or(|at| at + STALE <= now) {
                    self.failure(now);
                }
            }
        }
        None
    }

    fn opened(&mut self, id: &str) -> Option<DeviceChange> {
        let asked = self.asked.clone()?;
        if matches!(&asked, Pick::Device(wanted) if wanted != id) {
            return None; // of the one before
        }
        let default = self.default();
        (self.phase, self.asked_at) = (Phase::Open, None);
        // A name that stands for the system's choice is no device of its own.
        let id = if self.is_there(id) { id.to_owned() } else { default.unwrap_or_else(|| id.to_owned()) };
        let chosen = self.chosen.take() == Some(asked.clone());
        let before = self.last.replace(id.clone());
        let lost = self.lost.take();
        let reason = match &before {
            Some(before) if *before == id => None,
            Some(before) => Some(self.reason(before, &asked)),
            None if lost.as_ref() == Some(&id) => Some(SwitchReason::Back),
            None if lost.is_some() => Some(SwitchReason::Gone),
            // The first one of this use: worth a word only where it is not what was chosen.
            None => match &self.choice {
                Some(Pick::Device(wanted)) if *wanted != id => Some(self.reason(wanted, &asked)),
                _ => None,
            },
        };
        self.failed.remove(&asked);
        if reason.is_some() {
            self.before.clone_from(&before);
        }
        let reason = reason.filter(|_| self.used && !chosen)?;
        // Where nothing was open: what was lost, or what was to be.
        let wanted = || if let Some(Pick::Device(wanted)) = &self.choice { Some(wanted.clone()) } else { None };
        let before = before.or(lost).or_else(wanted).filter(|before| *before != id);
        let before = before.map(|before| self.name(&before));
        Some(DeviceChange { of: self.of, reason, before, now: Some(self.name(&id)), id: Some(id) })
    }

    /// Why another one than this is open now.
    fn reason(&self, before: &str, asked: &Pick) -> SwitchReason {
        let failure = self.failed.get(&Pick::Device(before.to_owned()));
        match failure {
            _ if !self.is_there(before) => SwitchReason::Gone,
            Some(Failure { gone: true, .. }) => SwitchReason::Gone,
            Some(_) => SwitchReason::Failed,
            None if *asked == Pick::Default && self.choice == Some(Pick::Default) => SwitchReason::DefaultChanged,
            None => SwitchReason::Back,
        }
    }

    /// What was asked for does not work.
    fn failure(&mut self, now: Instant) {
        let gone = self.gone;
        self.asked_at = None;
        let Some(asked) = self.asked.clone() else { return };
        let mut add = |pick: Pick| {
            let times = self.failed.get(&pick).map_or(0, |failure| failure.times);
            let wait = PATIENCE.1.min(PATIENCE.0 * 2u32.saturating_pow(times));
            self.failed.insert(pick, Failure { until: now + wait, times: times.saturating_add(1), gone });
        };
        // The device behind the default, where it was open: the default by name would only open it again.
        if let (Pick::Default, Some(id)) = (&asked, self.asked_default.clone().or(self.last.clone())) {
            add(Pick::Device(id));
        }
        add(asked);
    }

    /// What is to be opened now, if that is another than was asked for, or is to be tried anew.
    pub(super) fn next(&mut self, now: Instant) -> Option<Pick> {
        if self.asked_at.is_some_and(|at| at + STALE <= now) && self.phase == Phase::Failed {
            self.failure(now);
        }
        let (again, astray) = (std::mem::take(&mut self.again), std::mem::take(&mut self.moved));
        let astray = astray && self.phase == Phase::Open;
        let best = self.best(now)?;
        let default = self.default();
        let same = self.asked.as_ref() == Some(&best);
        let known = self.last.as_ref().or(self.asked_default.as_ref());
        let moved = best == Pick::Default && default.is_some() && known.is_some() && known != default.as_ref();
        // A camera that runs is not taken away by a new one.
        let follows = self.of.kind() != DeviceKind::Camera || self.last.as_ref().is_none_or(|id| !self.is_there(id));
        let moved = moved && follows && self.asked_default != default;
        let due = self.failed.get(&best).is_some_and(|failure| failure.until <= now);
        let retry = self.phase == Phase::Failed && (again || (due && self.asked_at.is_none()));
        if same && !moved && !retry && !astray {
            self.asked_default = self.asked_default.take().or(default);
            if self.phase == Phase::Open {
                self.chosen = None;
            }
            return None;
        }
        self.asked_default = default;
        self.asked = Some(best.clone());
        self.asked_at = self.used.then_some(now);
        self.phase = if self.used { Phase::Opening } else { Phase::Closed };
        Some(best)
    }

    /// The most preferred of what is there and works; what was chosen itself where nothing is there.
    fn best(&self, now: Instant) -> Option<Pick> {
        let choice = self.choice.as_ref()?;
        let Some(list) = &self.list else { return Some(choice.clone()) };
        let ranked = self.ranking.iter().map(|place| &place.id).filter(|id| *id != choice);
        // Where the system would take none of them, nor do we: what a speaker plays is no microphone.
        let listed = list.iter().filter(|_| self.default().is_some()).map(|device| Pick::Device(device.id.clone()));
        let order = [choice].into_iter().chain(ranked).cloned().chain([Pick::Default]).chain(listed);
        let there: Vec<Pick> = order.filter(|pick| self.is_pick_there(pick)).collect();
        let works = there.iter().find(|pick| !self.has_failed(pick, now));
        Some(works.or(there.first()).unwrap_or(choice).clone())
    }

    fn has_failed(&self, pick: &Pick, now: Instant) -> bool {
        let has = |pick: &Pick| self.failed.get(pick).is_some_and(|failure| failure.until > now);
        // The default is what failed under its own name.
        has(pick) || (*pick == Pick::Default && self.default().is_some_and(|id| has(&Pick::Device(id))))
    }

    fn is_pick_there(&self, pick: &Pick) -> bool {
        match pick {
            Pick::Default => self.default().is_some(),
            Pick::Device(id) => self.is_there(id),
        }
    }

    /// Whether the device with this ID is listed.
    pub(super) fn is_there(&self, id: &str) -> bool {
        self.list.iter().flatten().any(|device| device.id == id)
    }

    fn default(&self) -> Option<String> {
        self.list.iter().flatten().find(|device| device.default).map(|device| device.id.clone())
    }

    fn name(&self, id: &str) -> String {
        self.names.get(id).map(String::as_str).or_else(|| self.ranking.name(id)).unwrap_or(id).to_owned()
    }

    /// What was open before what is open now, if it is still there.
    pub(super) fn before(&self) -> Option<String> {
        self.before.clone().filter(|id| self.is_there(id))
    }

    /// Something was asked for in a use that people see, and nothing is known of it yet.
    pub(super) fn is_on_its_way(&self) -> bool {
        self.used && self.asked_at.is_some()
    }

    /// When something is due.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        if !self.used {
            return None;
        }
        let stale = self.asked_at.filter(|_| self.phase == Phase::Failed).map(|at| at + STALE);
        let retries = self.failed.values().map(|failure| failure.until).filter(|until| *until > now);
        retries.chain(stale).min()
    }
}
