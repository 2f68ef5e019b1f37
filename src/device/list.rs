//! Which devices are there now.

use crate::model::device::Devices;

/// Asks the system for every camera, microphone and speaker, and what can be shared (row P1). Blocks, mostly for some
/// hundred milliseconds; up to 5 s where the sound system does not answer.
///
/// A build without the feature `gui` finds none.
#[cfg(feature = "gui")]
pub fn list() -> Devices {
    let (microphones, speakers) = super::sound::list();
    Devices { cameras: super::camera::list(), microphones, speakers, displays: super::screen::list() }
}

/// Asks the system for every camera, microphone and speaker. This build knows none.
#[cfg(not(feature = "gui"))]
pub fn list() -> Devices {
    Devices::default()
}
