//! Which devices are there now.

use crate::model::device::Devices;

/// Asks the system for every camera, microphone and speaker. Blocks, for up to some hundred milliseconds.
///
/// A build without the feature `gui` finds none.
#[cfg(feature = "gui")]
pub fn list() -> Devices {
    Devices { cameras: super::camera::list(), ..Devices::default() }
}

/// Asks the system for every camera, microphone and speaker. This build knows none.
#[cfg(not(feature = "gui"))]
pub fn list() -> Devices {
    Devices::default()
}
