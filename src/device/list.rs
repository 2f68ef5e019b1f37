//! Which devices are there now.

use crate::model::device::Devices;

/// Asks the system for every camera, microphone and speaker, and what can be shared (row P1). Blocks, mostly for some
/// hundred milliseconds; up to 5 s where the sound system does not answer.
///
/// A build without the feature `gui` finds none.
pub fn list() -> Devices {
    list_of(true, true)
}

/// The same of what gives pictures (cameras, screens, windows), of what has to do with sound, or of both. What is not
/// asked for is not looked for.
#[cfg(feature = "gui")]
pub fn list_of(video: bool, audio: bool) -> Devices {
    let (microphones, speakers) = if audio { super::sound::list() } else { Default::default() };
    let (cameras, displays) = if video { (super::camera::list(), super::screen::list()) } else { Default::default() };
    Devices { cameras, microphones, speakers, displays }
}

/// Asks the system for every camera, microphone and speaker. This build knows none.
#[cfg(not(feature = "gui"))]
pub fn list_of(_video: bool, _audio: bool) -> Devices {
    Devices::default()
}
