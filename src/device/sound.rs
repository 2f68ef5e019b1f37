//! sound

use crate::device::audio::{AudioSink, AudioSource};
use crate::model::device::DeviceError;

pub(super) fn open_source(_: Option<&str>) -> Result<Box<dyn AudioSource>, DeviceError> {
    Err(DeviceError::NotBuilt)
}
pub(super) fn open_sink(_: Option<&str>) -> Result<Box<dyn AudioSink>, DeviceError> {
    Err(DeviceError::NotBuilt)
}
