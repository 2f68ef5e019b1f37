//! Which devices are there now.

use crate::model::device::Devices;

/// Asks the system for every camera, microphone and speaker. Blocks, for up to some hundred milliseconds.
///
/// A build without the feature `gui` finds none.
pub fn list() -> Devices {
    Devices { cameras: cameras(), ..Devices::default() }
}

#[cfg(feature = "gui")]
fn cameras() -> Vec<crate::model::device::Device> {
    super::camera::list()
}

#[cfg(not(feature = "gui"))]
fn cameras() -> Vec<crate::model::device::Device> {
    Vec::new()
}
