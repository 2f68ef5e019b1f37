//! Floor 3: where pictures and sound enter and leave the program.
//!
//! A [`VideoSource`] is one camera, screen, window, file or pattern. It is opened, used and dropped on one thread, so it
//! need not be `Send`; dropping it closes the device. [`list`](list::list) tells what is there, [`watch`] when that may
//! have changed. Without the feature `gui` there are patterns and files only.
//!
//! Invariants: a source delivers pictures at its own pace and never a burst of late ones; every wait has a limit; what
//! goes wrong is a [`DeviceError`] that tells a person what to do.

pub mod audio;
#[cfg(feature = "gui")]
mod camera;
pub mod list;
mod pattern;
#[cfg(feature = "gui")]
mod screen;
#[cfg(feature = "gui")]
pub mod sound;
pub mod tone;
pub mod watch;
pub mod wavfile;
mod y4m;

use std::time::Duration;

use crate::model::device::DeviceError;
use crate::model::frame::VideoFrame;
use crate::model::source::VideoSpec;

/// What a source delivers.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoFormat {
    /// The device's own name, or what the pattern or file is called.
    pub name: String,
    /// Width, pixels.
    pub width: u32,
    /// Height, pixels.
    pub height: u32,
    /// Pictures a second.
    pub fps: f32,
}

impl VideoFormat {
    /// For people: `1280 × 720, 30 fps`.
    pub fn sentence(&self) -> String {
        format!("{} × {}, {:.0} fps", self.width, self.height, self.fps)
    }
}

/// What is wanted of a source. Patterns do exactly this, cameras what comes nearest, files what they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoRequest {
    /// Width, pixels.
    pub width: u32,
    /// Height, pixels.
    pub height: u32,
    /// Pictures a second.
    pub fps: u32,
}

impl Default for VideoRequest {
    fn default() -> Self {
        Self { width: 1280, height: 720, fps: 30 }
    }
}

/// A camera, a screen, a file, a pattern: gives pictures at its own pace. Dropping it closes it.
pub trait VideoSource {
    /// What it delivers.
    fn format(&self) -> VideoFormat;

    /// The ID of the device that is really open, as [`list`](list::list) gives it; empty for what is no device.
    fn id(&self) -> String {
        String::new()
    }

    /// Waits for the next picture, at most about `limit`; `None` where none came by then.
    ///
    /// The picture's `at` says when it was captured; its media time counts from the opening of the source.
    ///
    /// # Errors
    /// [`DeviceError`]: it is over, nothing more will come; drop the source.
    fn next(&mut self, limit: Duration) -> Result<Option<VideoFrame>, DeviceError>;
}

/// Opens what the spec names. Blocks: a camera may take a second to start.
///
/// # Errors
/// [`DeviceError`] where it cannot be opened; [`VideoSpec::None`] gives [`DeviceError::None`].
pub fn open_video(spec: &VideoSpec, request: VideoRequest) -> Result<Box<dyn VideoSource>, DeviceError> {
    match spec {
        VideoSpec::Scene => Ok(Box::new(pattern::Scene::open(request)?)),
        VideoSpec::Bars => Ok(Box::new(pattern::Bars::open(request)?)),
        VideoSpec::File(path) => Ok(Box::new(y4m::File::open(path)?)),
        VideoSpec::None => Err(DeviceError::None("camera that is chosen")),
        #[cfg(feature = "gui")]
        VideoSpec::Default => Ok(Box::new(camera::Camera::open(None, request)?)),
        #[cfg(feature = "gui")]
        VideoSpec::Device(id) => Ok(Box::new(camera::Camera::open(Some(id), request)?)),
        #[cfg(not(feature = "gui"))]
        VideoSpec::Default | VideoSpec::Device(_) => Err(DeviceError::NotBuilt),
    }
}

/// Opens the screen or window with this ID, to be shared (row P6); a pattern or a file by its spec stands in for one.
///
/// # Errors
/// [`DeviceError`]: [`DeviceError::Missing`] where there is none of this ID, [`DeviceError::Unsupported`] where this
/// desktop cannot be looked at.
pub fn open_display(id: &str, request: VideoRequest) -> Result<Box<dyn VideoSource>, DeviceError> {
    if let Ok(spec @ (VideoSpec::Scene | VideoSpec::Bars | VideoSpec::File(_))) = id.parse() {
        return open_video(&spec, request);
    }
    #[cfg(feature = "gui")]
    return Ok(Box::new(screen::Screen::open(id, request)?));
    #[cfg(not(feature = "gui"))]
    {
        Err(DeviceError::NotBuilt)
    }
}

pub use list::{list, list_of};
