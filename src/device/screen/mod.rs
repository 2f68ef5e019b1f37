//! Screens and windows to be shared (row P6): X11 itself on Linux, xcap (ScreenCaptureKit, DXGI) elsewhere.
//!
//! Not xcap on X11: it opens several connections to the server for every picture and carries the pixels through the
//! socket, which takes 32 ms for 1920 × 1080 where shared memory and the conversion to I420 take 5; it shows of a window
//! only what no other window covers; and it never ends its recorder's thread. Under Wayland nothing can be shared yet,
//! and that is said.
//!
//! A source keeps the pace it was asked for; what shows nothing for a while (a minimised window) stands still, so that
//! nobody takes it for a broken path. A window that is closed ends its source with [`DeviceError::Closed`].

#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(target_os = "linux")]
mod x11;

#[cfg(not(target_os = "linux"))]
use other as system;
#[cfg(target_os = "linux")]
use x11 as system;

use std::time::{Duration, Instant};

use super::{VideoFormat, VideoRequest, VideoSource};
use crate::codec::colour;
use crate::model::device::{Device, DeviceError};
use crate::model::frame::VideoFrame;

#[cfg(target_os = "linux")]
pub(super) use x11::Plugs;

/// Shortest side that can be encoded, pixels; what is smaller stands on black.
const LEAST: u32 = 16;

/// Screens, then windows, the foremost first.
pub(super) fn list() -> Vec<Device> {
    match system::list() {
        Ok(displays) => displays,
        Err(error) => {
            tracing::debug!(%error, "nothing to share");
            Vec::new()
        }
    }
}

/// What a capture gave: 4 bytes a pixel in the order blue, green, red, unused; rows tight.
struct Pixels<'a> {
    bgra: &'a [u8],
    width: u32,
    height: u32,
}

/// One system's way to look at one screen or window.
trait Look {
    /// What it is called, for people.
    fn name(&self) -> &str;

    /// Its size now.
    fn size(&mut self) -> Result<(u32, u32), DeviceError>;

    /// What it shows now; `None` where it shows nothing just now.
    fn look(&mut self) -> Result<Option<Pixels<'_>>, DeviceError>;
}

/// A screen or window that is being shared.
pub(super) struct Screen {
    looker: system::Looker,
    format: VideoFormat,
    opened: Instant,
    due: Instant,
    period: Duration,
    last: Option<VideoFrame>,
}

impl Screen {
    /// Opens the screen or window with this ID.
    pub(super) fn open(id: &str, request: VideoRequest) -> Result<Self, DeviceError> {
        let mut looker = system::Looker::open(id)?;
        let (width, height) = looker.size()?;
        let fps = request.fps.max(1);
        let format = VideoFormat { name: looker.name().to_owned(), width, height, fps: fps as f32 };
        let now = Instant::now();
        Ok(Self { looker, format, opened: now, due: now, period: Duration::from_secs(1) / fps, last: None })
    }
}

impl VideoSource for Screen {
    fn format(&self) -> VideoFormat {
        self.format.clone()
    }

    fn next(&mut self, limit: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        let wait = self.due.saturating_duration_since(Instant::now());
        if wait > limit {
            std::thread::sleep(limit);
            return Ok(None);
        }
        std::thread::sleep(wait);
        let now = Instant::now();
        // One that came late is not made up for.
        self.due = (self.due + self.period).max(now);
        if let Some(pixels) = self.looker.look()? {
            self.last = Some(picture(&pixels, &self.format.name)?);
        }
        let Some(mut frame) = self.last.clone() else { return Ok(None) };
        (frame.media_time, frame.at) = (now - self.opened, Some(now));
        Ok(Some(frame))
    }
}

/// To I420, on black where it is too small for an encoder.
fn picture(pixels: &Pixels<'_>, name: &str) -> Result<VideoFrame, DeviceError> {
    let refused = |e: colour::ColourError| DeviceError::Format(name.to_owned(), e.to_string());
    let (width, height) = (pixels.width, pixels.height);
    if width >= LEAST && height >= LEAST {
        return colour::bgra_to_i420(pixels.bgra, width, height).map_err(refused);
    }
    let (wide, high) = (width.max(LEAST), height.max(LEAST));
    let mut canvas = vec![0; (wide * high * 4) as usize];
    let rows = pixels.bgra.chunks_exact(width.max(1) as usize * 4);
    for (to, from) in canvas.chunks_exact_mut(wide as usize * 4).zip(rows) {
        to[..from.len()].copy_from_slice(from);
    }
    colour::bgra_to_i420(&canvas, wide, high).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_size_becomes_a_picture_that_can_be_encoded() {
        let white = vec![255; 33 * 40 * 4];
        let picture = |width, height| {
            super::picture(&Pixels { bgra: &white[..(width * height * 4) as usize], width, height }, "w")
        };
        let odd = picture(33, 39).unwrap();
        assert_eq!((odd.width(), odd.height(), odd.y()[0]), (32, 38, 235));
        let small = picture(5, 3).unwrap();
        assert_eq!((small.width(), small.height()), (16, 16));
        assert!(small.y()[0] > 200 && small.y()[15] == 16, "{:?}", &small.y()[..16]);
    }

    #[test]
    fn an_id_of_nothing_is_missing() {
        for id in ["", "x11:window:0xffffffff", "x11:window:nonsense", "x11:screen:no such", "window:1", "🦀"] {
            let error = Screen::open(id, VideoRequest::default()).err();
            assert!(matches!(error, Some(DeviceError::Missing(_) | DeviceError::Unsupported(_))), "{id}: {error:?}");
        }
    }
}
