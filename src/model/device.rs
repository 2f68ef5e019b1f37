//! Cameras, microphones, speakers, screens and windows as a person sees them.

use serde::{Deserialize, Serialize};

/// What a device does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// Gives pictures.
    Camera,
    /// Gives sound.
    Microphone,
    /// Plays sound.
    Speaker,
    /// Can be shared: a whole screen.
    Screen,
    /// Can be shared: one window.
    Window,
}

impl DeviceKind {
    /// What people call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::Speaker => "speaker",
            Self::Screen => "screen",
            Self::Window => "window",
        }
    }
}

/// One device that is there now.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Device {
    /// Stays the same over restarts and replugs (a window's: for as long as the window is there); what settings and
    /// `--camera` take.
    pub id: String,
    /// What the system calls it, for people.
    pub name: String,
    /// What it does.
    pub kind: DeviceKind,
    /// Whether the system would choose it.
    pub default: bool,
}

/// Every device that is there now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Devices {
    /// Cameras.
    pub cameras: Vec<Device>,
    /// Microphones.
    pub microphones: Vec<Device>,
    /// Speakers.
    pub speakers: Vec<Device>,
    /// What can be shared: screens, then windows.
    pub displays: Vec<Device>,
}

impl Devices {
    /// The list of one kind.
    pub fn of(&self, kind: DeviceKind) -> &[Device] {
        match kind {
            DeviceKind::Camera => &self.cameras,
            DeviceKind::Microphone => &self.microphones,
            DeviceKind::Speaker => &self.speakers,
            DeviceKind::Screen | DeviceKind::Window => &self.displays,
        }
    }

    /// Whether the two lists differ in more than windows: something was plugged in or out. Windows come and go all the
    /// time and are looked up when somebody wants to share one.
    pub fn replugged(&self, before: &Self) -> bool {
        let screens =
            |list: &[Device]| list.iter().filter(|d| d.kind == DeviceKind::Screen).cloned().collect::<Vec<_>>();
        let lists = |d: &Self| [d.cameras.clone(), d.microphones.clone(), d.speakers.clone(), screens(&d.displays)];
        lists(self) != lists(before)
    }
}

/// What became of a source or sink that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceState {
    /// Nothing is open, by choice or because nobody needs it now.
    #[default]
    Closed,
    /// Being opened.
    Opening,
    /// Open and running: the device that really is open.
    Open {
        /// Its [`Device::id`], as the system tells it of what is open; empty for a pattern, a tone or a file.
        id: String,
        /// The device's own name, or what a pattern or file is called.
        name: String,
        /// What it delivers, for people: `1280 × 720, 30 fps`; empty where there is nothing to say.
        format: String,
    },
    /// Could not be opened, or went away.
    Failed(DeviceError),
}

/// Why a device is not open. Each sentence says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// No such device now.
    #[error("“{0}” is not there; plug it in or choose another")]
    Missing(String),
    /// Somebody else has it open.
    #[error("“{0}” is used by another program; close that program or choose another device")]
    Busy(String),
    /// The system does not let us.
    #[error(
        "the system does not allow this program to use “{0}”; allow it in the system's privacy settings, or add your user to the group “video” or “audio”"
    )]
    Denied(String),
    /// It gives nothing we can use.
    #[error("“{0}” offers no usable format ({1}); choose another device")]
    Format(String, String),
    /// A file that cannot be read as what its name says.
    #[error("“{0}” cannot be read: {1}")]
    File(String, String),
    /// There is no device of this kind on the machine.
    #[error("this machine has no {0}")]
    None(&'static str),
    /// The program was built without device support.
    #[error(
        "this build of Visavis has no device support; use a pattern, a tone or a file, or build it with the feature “gui”"
    )]
    NotBuilt,
    /// It was open and stopped.
    #[error("“{0}” stopped: {1}; plug it in again or choose another")]
    Gone(String, String),
    /// The window that was shared is not there any more.
    #[error("“{0}” was closed; share another window or a screen")]
    Closed(String),
    /// Cannot be done on this system.
    #[error("{0}")]
    Unsupported(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_opens_is_nothing_plugged_in() {
        let device = |kind| Device { id: "a".into(), name: "A".into(), kind, default: false };
        let none = Devices::default();
        let window = Devices { displays: vec![device(DeviceKind::Window)], ..Devices::default() };
        let screen = Devices { displays: vec![device(DeviceKind::Screen)], ..Devices::default() };
        let speaker = Devices { speakers: vec![device(DeviceKind::Speaker)], ..Devices::default() };
        assert!(!window.replugged(&none) && !none.replugged(&window));
        assert!(screen.replugged(&none) && speaker.replugged(&none) && none.replugged(&speaker));
    }
}
