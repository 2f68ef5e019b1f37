//! Cameras by nokhwa.

use std::time::Duration;

use super::{VideoFormat, VideoRequest, VideoSource};
use crate::model::device::{Device, DeviceError};
use crate::model::frame::VideoFrame;

/// The cameras that are there now.
pub(super) fn list() -> Vec<Device> {
    Vec::new()
}

/// An open camera.
pub(super) struct Camera {
    format: VideoFormat,
}

impl Camera {
    pub(super) fn open(id: Option<&str>, _request: VideoRequest) -> Result<Self, DeviceError> {
        Err(id.map_or(DeviceError::None("camera"), |id| DeviceError::Missing(id.to_owned())))
    }
}

impl VideoSource for Camera {
    fn format(&self) -> VideoFormat {
        self.format.clone()
    }

    fn next(&mut self, _limit: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        Ok(None)
    }
}
