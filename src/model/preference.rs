//! Which devices a person prefers, by their stable IDs, remembered over restarts and replugs.
//!
//! Nobody sorts a list: the order is made by choosing. The latest choice comes first, the others keep their order.

use serde::{Deserialize, Serialize};

use super::device::DeviceKind;

/// What a device is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceUse {
    /// Others see through it.
    Camera,
    /// Others hear through it.
    Microphone,
    /// Others are heard on it.
    Speaker,
    /// It rings.
    Ring,
}

impl DeviceUse {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Camera, Self::Microphone, Self::Speaker, Self::Ring];

    /// Which devices can be used so.
    pub fn kind(self) -> DeviceKind {
        match self {
            Self::Camera => DeviceKind::Camera,
            Self::Microphone => DeviceKind::Microphone,
            Self::Speaker | Self::Ring => DeviceKind::Speaker,
        }
    }

    /// What people call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ring => "ring device",
            other => other.kind().word(),
        }
    }
}

/// One thing that can be chosen: what the system takes by default, or one device. As text `default`, or the ID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Pick {
    /// Whatever the system's default is, also when that changes.
    Default,
    /// The device with this ID.
    Device(String),
}

impl From<String> for Pick {
    fn from(text: String) -> Self {
        if text == "default" { Self::Default } else { Self::Device(text) }
    }
}

impl From<Pick> for String {
    fn from(pick: Pick) -> Self {
        match pick {
            Pick::Default => "default".to_owned(),
            Pick::Device(id) => id,
        }
    }
}

/// One place in a ranking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preferred {
    /// What was chosen.
    pub id: Pick,
    /// What it was called then, to be named while it is not there; empty for the default.
    #[serde(default)]
    pub name: String,
}

/// What was chosen for one use, the latest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ranking(Vec<Preferred>);

impl Ranking {
    /// Places kept; what was chosen longest ago is forgotten.
    pub const MOST: usize = 12;

    /// Puts a choice first. An empty name does not make a known one forgotten.
    pub fn choose(&mut self, id: Pick, name: &str) {
        let before = self.0.iter().position(|place| place.id == id).map(|at| self.0.remove(at));
        let known = before.map(|place| place.name).unwrap_or_default();
        let name = if name.is_empty() { known } else { name.to_owned() };
        self.0.insert(0, Preferred { id, name });
        self.0.truncate(Self::MOST);
    }

    /// From the most preferred to the least.
    pub fn iter(&self) -> impl Iterator<Item = &Preferred> {
        self.0.iter()
    }

    /// What the device with this ID was called when it was chosen.
    pub fn name(&self, id: &str) -> Option<&str> {
        let named = |place: &&Preferred| matches!(&place.id, Pick::Device(own) if own == id) && !place.name.is_empty();
        self.0.iter().find(named).map(|place| place.name.as_str())
    }
}

/// The rankings of all uses, in `settings.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preferences {
    /// Cameras.
    pub camera: Ranking,
    /// Microphones.
    pub microphone: Ranking,
    /// Speakers.
    pub speaker: Ranking,
    /// What rings.
    pub ring: Ranking,
}

impl Preferences {
    /// The ranking of one use.
    pub fn of(&self, of: DeviceUse) -> &Ranking {
        match of {
            DeviceUse::Camera => &self.camera,
            DeviceUse::Microphone => &self.microphone,
            DeviceUse::Speaker => &self.speaker,
            DeviceUse::Ring => &self.ring,
        }
    }

    /// The same, to be changed.
    pub fn of_mut(&mut self, of: DeviceUse) -> &mut Ranking {
        match of {
            DeviceUse::Camera => &mut self.camera,
            DeviceUse::Microphone => &mut self.microphone,
            DeviceUse::Speaker => &mut self.speaker,
            DeviceUse::Ring => &mut self.ring,
        }
    }

    /// What the device with this ID was called when it was chosen for whatever use.
    pub fn name(&self, id: &str) -> Option<&str> {
        DeviceUse::ALL.into_iter().find_map(|of| self.of(of).name(id))
    }
}

/// Why another device is used now, unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SwitchReason {
    /// The one before is gone.
    Gone,
    /// The one before is there and cannot be used.
    Failed,
    /// One that is preferred is back.
    Back,
    /// The system has another default.
    DefaultChanged,
}

/// One use that has another device now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceChange {
    /// Which use.
    #[serde(rename = "use")]
    pub of: DeviceUse,
    /// Why.
    pub reason: SwitchReason,
    /// What was used before, or was to be used, for people; `None`: nothing.
    pub before: Option<String>,
    /// What is used now, for people; `None`: nothing is left.
    pub now: Option<String>,
    /// ID of what is used now.
    pub id: Option<String>,
}

/// Other devices are used now, without anybody having chosen them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceSwitch {
    /// All that changed at once: a headset is a microphone and a speaker.
    pub changes: Vec<DeviceChange>,
    /// Whether one can go back to what was used before.
    pub undo: bool,
}

impl DeviceSwitch {
    /// For people.
    pub fn sentence(&self) -> String {
        let mut parts: Vec<(&DeviceChange, Vec<&str>)> = Vec::new();
        for change in &self.changes {
            let same = |other: &DeviceChange| {
                (other.reason, &other.before, &other.now) == (change.reason, &change.before, &change.now)
            };
            match parts.iter_mut().find(|(other, _)| same(other)) {
                Some((_, uses)) => uses.push(change.of.word()),
                None => parts.push((change, vec![change.of.word()])),
            }
        }
        parts.iter().map(|(change, uses)| change.words(&uses.join(" and "))).collect::<Vec<_>>().join("; ")
    }
}

impl DeviceChange {
    fn words(&self, uses: &str) -> String {
        let before = self.before.as_deref().unwrap_or("the device");
        match (self.reason, &self.now) {
            (SwitchReason::Back, Some(now)) => format!("“{now}” is back as {uses}"),
            (SwitchReason::DefaultChanged, Some(now)) => format!("“{now}” is the system's new default {uses}"),
            (SwitchReason::Failed, Some(now)) => format!("“{before}” cannot be used; {uses}: “{now}”"),
            (_, Some(now)) => format!("“{before}” is gone; {uses}: “{now}”"),
            (_, None) => format!("“{before}” is gone and there is no other {uses}; plug one in"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_choice_comes_first_and_the_others_keep_their_order() {
        let mut ranking = Ranking::default();
        for (id, name) in [("a", "A"), ("b", "B"), ("default", ""), ("a", "")] {
            ranking.choose(Pick::from(id.to_owned()), name);
        }
        let order: Vec<String> = ranking.iter().map(|place| place.id.clone().into()).collect();
        assert_eq!(order, ["a", "default", "b"]);
        assert_eq!((ranking.name("a"), ranking.name("c")), (Some("A"), None));
        (0..100).for_each(|n| ranking.choose(Pick::Device(n.to_string()), "N"));
        assert_eq!(ranking.iter().count(), Ranking::MOST);
    }

    #[test]
    fn a_headset_is_said_once() {
        let change = |of, reason, before: &str, now: Option<&str>| DeviceChange {
            of,
            reason,
            before: Some(before.to_owned()),
            now: now.map(str::to_owned),
            id: None,
        };
        let say = |changes| DeviceSwitch { changes, undo: false }.sentence();
        let (microphone, speaker) = (DeviceUse::Microphone, DeviceUse::Speaker);
        assert_eq!(
            say(vec![
                change(microphone, SwitchReason::Back, "Built-in", Some("Headset")),
                change(speaker, SwitchReason::Back, "Built-in", Some("Headset"))
            ]),
            "“Headset” is back as microphone and speaker"
        );
        assert_eq!(
            say(vec![
                change(microphone, SwitchReason::Gone, "Headset", Some("Webcam")),
                change(speaker, SwitchReason::Gone, "Headset", None)
            ]),
            "“Headset” is gone; microphone: “Webcam”; “Headset” is gone and there is no other speaker; plug one in"
        );
    }
}
