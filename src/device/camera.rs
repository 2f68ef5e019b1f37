//! Cameras, by nokhwa: V4L2, AVFoundation or Media Foundation.
//!
//! nokhwa opens a camera only in a format it has listed itself, so the formats are asked for first and tried in the order
//! of how near they come to what is wanted; the first that opens is taken. Its `frame` blocks until the camera delivers:
//! a camera that hangs holds its thread, and whoever joins that thread must not wait for ever.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nokhwa::utils::{
    ApiBackend, CameraFormat, CameraIndex, CameraInfo, FrameFormat, RequestedFormat, RequestedFormatType,
};
use nokhwa::{Buffer, NokhwaError};

use super::{VideoFormat, VideoRequest, VideoSource};
use crate::codec::colour::{self, ColourError};
use crate::model::device::{Device, DeviceError, DeviceKind};
use crate::model::frame::VideoFrame;

/// Formats we can turn into I420.
const USABLE: [FrameFormat; 6] = [
    FrameFormat::NV12,
    FrameFormat::YUYV,
    FrameFormat::MJPEG,
    FrameFormat::RAWRGB,
    FrameFormat::RAWBGR,
    FrameFormat::GRAY,
];

/// Formats tried before giving up: enough for a camera that lists what it cannot do, and not for ever.
const TRIES: usize = 8;

/// Damaged pictures in a row after which a camera counts as broken.
const DAMAGED: u32 = 90;

/// A camera the system names.
struct Found {
    id: String,
    info: CameraInfo,
}

/// Held while a camera's format is asked for or set. nokhwa gives everybody in this program the same handle to a camera,
/// and asking sets a format: it must not come between another's setting and starting.
fn formats_lock() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks for permission where the system wants that (macOS); elsewhere nothing.
fn permitted() -> bool {
    static ASKED: Once = Once::new();
    ASKED.call_once(|| nokhwa::nokhwa_initialize(|_| ()));
    nokhwa::nokhwa_check()
}

fn find() -> Vec<Found> {
    permitted();
    let mut all = nokhwa::query(ApiBackend::Auto).unwrap_or_default();
    all.sort_by_key(|info| info.index().as_index().unwrap_or(u32::MAX));
    all.into_iter().map(|info| Found { id: id(&info), info }).filter(Found::captures).collect()
}

impl Found {
    /// A camera has more than one node in Linux; only those with a format give pictures.
    fn captures(&self) -> bool {
        if !cfg!(target_os = "linux") {
            return true;
        }
        match probe(self.info.index()) {
            Ok(formats) => !formats.is_empty(),
            // In use or forbidden: it is there all the same, and opening it says why it does not work.
            Err(e) => !matches!(refusal(&self.id, &e), DeviceError::Format(..) | DeviceError::Missing(_)),
        }
    }
}

/// The cameras that are there now; the first is the default.
pub(super) fn list() -> Vec<Device> {
    let devices = find().into_iter().enumerate().map(|(n, found)| Device {
        id: found.id,
        name: found.info.human_name(),
        kind: DeviceKind::Camera,
        default: n == 0,
    });
    devices.collect()
}

/// What stays the same over restarts and replugs: on Linux the name udev gives it, by what it is or by the socket it is
/// plugged into; elsewhere what the system calls unique.
fn id(info: &CameraInfo) -> String {
    if cfg!(target_os = "linux") {
        let node = format!("/dev/video{}", info.index().as_string());
        stable_name(&node, &["/dev/v4l/by-id", "/dev/v4l/by-path"]).unwrap_or(node)
    } else if info.misc().is_empty() {
        info.index().as_string()
    } else {
        info.misc()
    }
}

/// The name of the link to `node` in the first of these directories that has one.
fn stable_name(node: &str, directories: &[&str]) -> Option<String> {
    let node = std::fs::canonicalize(node).ok()?;
    directories.iter().find_map(|directory| {
        let links = std::fs::read_dir(directory).ok()?.flatten();
        let mut names: Vec<_> = links
            .filter(|link| std::fs::canonicalize(link.path()).is_ok_and(|target| target == node))
            .map(|link| link.path().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names.into_iter().next()
    })
}

fn probe(index: &CameraIndex) -> Result<Vec<CameraFormat>, NokhwaError> {
    let _alone = formats_lock();
    let any = RequestedFormat::with_formats(RequestedFormatType::None, &USABLE);
    let mut camera = nokhwa::Camera::new(index.clone(), any)?;
    let formats = camera.compatible_camera_formats()?;
    Ok(formats.into_iter().filter(|format| USABLE.contains(&format.format())).collect())
}

/// The formats from the best to the worst for this request: enough pixels, then enough pictures a second, then as few of
/// both as will do, then what is cheapest to convert.
fn ranked(formats: Vec<CameraFormat>, request: VideoRequest) -> Vec<CameraFormat> {
    let rank = |format: &CameraFormat| {
        let (width, height) = (format.width(), format.height());
        let missing = request.width.saturating_sub(width) + request.height.saturating_sub(height);
        let slow = request.fps.saturating_sub(format.frame_rate());
        let surplus = width.saturating_sub(request.width) + height.saturating_sub(request.height);
        let fast = format.frame_rate().saturating_sub(request.fps);
        let cost = USABLE.iter().position(|usable| *usable == format.format());
        // Under half the rate is worse than a smaller picture.
        (slow * 2 > request.fps, missing, slow, surplus, fast, cost)
    };
    let mut formats = formats;
    formats.sort_by_key(rank);
    formats.dedup();
    formats
}

/// What a failure means, in our words. nokhwa passes the system's on as text.
fn refusal(name: &str, error: &NokhwaError) -> DeviceError {
    let text = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| text.to_ascii_lowercase().contains(word));
    let name = name.to_owned();
    if says(&["os error 16", "busy", "in use"]) {
        DeviceError::Busy(name)
    } else if says(&["os error 13", "os error 1)", "denied", "not permitted", "unauthorized"]) {
        DeviceError::Denied(name)
    } else if says(&["os error 2)", "os error 6)", "os error 19", "no such", "not found"]) {
        DeviceError::Missing(name)
    } else {
        DeviceError::Format(name, text)
    }
}

/// An open camera.
pub(super) struct Camera {
    inner: nokhwa::Camera,
    format: VideoFormat,
    opened: Instant,
    damaged: u32,
}

impl Camera {
    /// Opens the camera with this ID, or the first.
    pub(super) fn open(id: Option<&str>, request: VideoRequest) -> Result<Self, DeviceError> {
        let mut cameras = find();
        let found = match id {
            None if cameras.is_empty() => return Err(DeviceError::None("camera")),
            None => cameras.swap_remove(0),
            Some(id) => {
                let place = cameras.iter().position(|camera| camera.id == id);
                cameras.swap_remove(place.ok_or_else(|| DeviceError::Missing(id.to_owned()))?)
            }
        };
        if !permitted() {
            return Err(DeviceError::Denied(found.info.human_name()));
        }
        let (index, name) = (found.info.index(), found.info.human_name());
        let formats = ranked(probe(index).map_err(|e| refusal(&name, &e))?, request);
        let mut last = DeviceError::Format(name.clone(), "none that can be shown".to_owned());
        for format in formats.into_iter().take(TRIES) {
            match Self::start(index, &name, format) {
                Ok(camera) => return Ok(camera),
                Err(e) => {
                    tracing::debug!(camera = name, %format, error = %e, "not in this format");
                    last = refusal(&name, &e);
                    if matches!(last, DeviceError::Busy(_) | DeviceError::Denied(_) | DeviceError::Missing(_)) {
                        break;
                    }
                }
            }
        }
        Err(last)
    }

    fn start(index: &CameraIndex, name: &str, format: CameraFormat) -> Result<Self, NokhwaError> {
        let _alone = formats_lock();
        let exactly = [format.format()];
        let wanted = RequestedFormat::with_formats(RequestedFormatType::Exact(format), &exactly);
        let mut inner = nokhwa::Camera::new(index.clone(), wanted)?;
        inner.open_stream()?;
        let format = VideoFormat {
            name: name.to_owned(),
            width: format.width() & !1,
            height: format.height() & !1,
            fps: format.frame_rate().max(1) as f32,
        };
        Ok(Self { inner, format, opened: Instant::now(), damaged: 0 })
    }
}

fn convert(buffer: &Buffer) -> Result<VideoFrame, ColourError> {
    let (data, size) = (buffer.buffer(), buffer.resolution());
    let (width, height) = (size.width(), size.height());
    match buffer.source_frame_format() {
        FrameFormat::YUYV => colour::yuyv_to_i420(data, width, height),
        FrameFormat::NV12 => colour::nv12_to_i420(data, width, height),
        FrameFormat::MJPEG => colour::jpeg_to_i420(data),
        FrameFormat::GRAY => colour::grey_to_i420(data, width, height),
        FrameFormat::RAWRGB => colour::rgb_to_i420(data, width, height),
        FrameFormat::RAWBGR => {
            let rgb: Vec<u8> = data.as_chunks().0.iter().flat_map(|&[b, g, r]| [r, g, b]).collect();
            colour::rgb_to_i420(&rgb, width, height)
        }
    }
}

/// How long the driver has had the picture; zero where it does not tell or tells nonsense.
fn age(buffer: &Buffer) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let age = buffer.capture_timestamp().and_then(|at| now.checked_sub(at)).unwrap_or_default();
    if age < Duration::from_secs(1) { age } else { Duration::ZERO }
}

impl VideoSource for Camera {
    fn format(&self) -> VideoFormat {
        self.format.clone()
    }

    /// Blocks until the camera delivers; `limit` cannot be kept with this library.
    fn next(&mut self, _limit: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        let gone = |why: String| DeviceError::Gone(self.format.name.clone(), why);
        let buffer = self.inner.frame().map_err(|e| gone(e.to_string()))?;
        let now = Instant::now();
        let at = now.checked_sub(age(&buffer)).unwrap_or(now).max(self.opened);
        match convert(&buffer) {
            Ok(mut frame) => {
                self.damaged = 0;
                frame.media_time = at - self.opened;
                frame.at = Some(at);
                Ok(Some(frame))
            }
            // Cameras deliver half pictures now and then, MJPEG ones at the start.
            Err(error) => {
                self.damaged += 1;
                tracing::debug!(%error, "a damaged picture");
                if self.damaged >= DAMAGED { Err(gone(error.to_string())) } else { Ok(None) }
            }
        }
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        if let Err(error) = self.inner.stop_stream() {
            tracing::debug!(%error, "the camera did not stop in order");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(width: u32, height: u32, fps: u32) -> VideoRequest {
        VideoRequest { width, height, fps }
    }

    fn format(width: u32, height: u32, kind: FrameFormat, fps: u32) -> CameraFormat {
        CameraFormat::new_from(width, height, kind, fps)
    }

    #[test]
    fn the_format_that_comes_nearest_is_tried_first() {
        let formats = vec![
            format(640, 480, FrameFormat::YUYV, 30),
            format(1280, 720, FrameFormat::YUYV, 10),
            format(1280, 720, FrameFormat::MJPEG, 30),
            format(1920, 1080, FrameFormat::MJPEG, 30),
        ];
        let first = |request| ranked(formats.clone(), request)[0];
        assert_eq!(first(request(1280, 720, 30)), formats[2], "not 10 pictures a second");
        assert_eq!(first(request(640, 360, 30)), formats[0]);
        assert_eq!(first(request(1600, 900, 30)), formats[3]);
        assert_eq!(ranked(formats.clone(), request(1280, 720, 30)).len(), 4, "the others stay as fallbacks");
    }

    #[test]
    fn failures_say_what_to_do() {
        let open = |why: &str| NokhwaError::OpenDeviceError("0".into(), why.into());
        let named = |make: fn(String) -> DeviceError| make("Cam".into());
        let refused = |why: &str| refusal("Cam", &open(why));
        assert_eq!(refused("V4L2 Error: Device or resource busy (os error 16)"), named(DeviceError::Busy));
        assert_eq!(refused("V4L2 Error: Permission denied (os error 13)"), named(DeviceError::Denied));
        assert_eq!(refused("V4L2 Error: No such file or directory (os error 2)"), named(DeviceError::Missing));
        assert_eq!(refused("V4L2 Error: No such device (os error 19)"), named(DeviceError::Missing));
        assert!(matches!(refused("Invalid argument (os error 22)"), DeviceError::Format(..)));
    }

    #[cfg(unix)]
    #[test]
    fn a_camera_keeps_the_name_of_its_link() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        std::fs::write(path("video3"), "").unwrap();
        std::fs::create_dir(path("by-id")).unwrap();
        std::os::unix::fs::symlink("../video3", path("by-id").join("usb-Cam-index0")).unwrap();
        let text = |name: &str| path(name).to_string_lossy().into_owned();
        let directories = [text("missing"), text("by-id")];
        let directories: Vec<&str> = directories.iter().map(String::as_str).collect();
        assert_eq!(stable_name(&text("video3"), &directories), Some(text("by-id/usb-Cam-index0")));
        assert_eq!(stable_name(&text("video4"), &directories), None);
    }
}
