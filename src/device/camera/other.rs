//! Cameras by nokhwa, where there is no V4L2.

use std::sync::Once;
use std::time::{Duration, Instant};

use nokhwa::NokhwaError;
use nokhwa::utils::{
    ApiBackend, CameraFormat, CameraIndex, CameraInfo, FrameFormat, RequestedFormat, RequestedFormatType,
};

use super::{DAMAGED, Layout, Offer, ranked};
use crate::device::{VideoFormat, VideoRequest, VideoSource};
use crate::model::device::{Device, DeviceError, DeviceKind};
use crate::model::frame::VideoFrame;

const LAYOUTS: [(FrameFormat, Layout); 6] = [
    (FrameFormat::NV12, Layout::Nv12),
    (FrameFormat::YUYV, Layout::Yuyv),
    (FrameFormat::MJPEG, Layout::Mjpeg),
    (FrameFormat::RAWRGB, Layout::Rgb),
    (FrameFormat::RAWBGR, Layout::Bgr),
    (FrameFormat::GRAY, Layout::Grey),
];

fn layout(format: FrameFormat) -> Option<Layout> {
    LAYOUTS.iter().find(|(own, _)| *own == format).map(|(_, layout)| *layout)
}

/// Asks for permission where the system wants that (macOS); whether we have it.
fn permitted() -> bool {
    static ASKED: Once = Once::new();
    ASKED.call_once(|| nokhwa::nokhwa_initialize(|_| ()));
    nokhwa::nokhwa_check()
}

fn find() -> Vec<CameraInfo> {
    permitted();
    let mut all = nokhwa::query(ApiBackend::Auto).unwrap_or_default();
    all.sort_by_key(|info| info.index().as_index().unwrap_or(u32::MAX));
    all
}

/// What the system calls unique, or the number.
fn id(info: &CameraInfo) -> String {
    if info.misc().is_empty() { info.index().as_string() } else { info.misc() }
}

/// The cameras that are there now; the first is the default.
pub(in crate::device) fn list() -> Vec<Device> {
    let devices = find().into_iter().enumerate().map(|(n, info)| Device {
        id: id(&info),
        name: info.human_name(),
        kind: DeviceKind::Camera,
        default: n == 0,
    });
    devices.collect()
}

/// What a failure means. nokhwa passes the system's on as text.
fn refusal(name: &str, error: &NokhwaError) -> DeviceError {
    let text = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| text.to_ascii_lowercase().contains(word));
    let name = name.to_owned();
    if says(&["busy", "in use"]) {
        DeviceError::Busy(name)
    } else if says(&["denied", "not permitted", "unauthorized"]) {
        DeviceError::Denied(name)
    } else if says(&["no such", "not found"]) {
        DeviceError::Missing(name)
    } else {
        DeviceError::Format(name, text)
    }
}

fn offers(index: &CameraIndex) -> Result<Vec<Offer>, NokhwaError> {
    let all = LAYOUTS.map(|(format, _)| format);
    let any = RequestedFormat::with_formats(RequestedFormatType::None, &all);
    let mut camera = nokhwa::Camera::new(index.clone(), any)?;
    let formats = camera.compatible_camera_formats()?;
    let offer = |format: CameraFormat| {
        let layout = layout(format.format())?;
        let interval = (1, format.frame_rate().max(1));
        Some(Offer { layout, width: format.width(), height: format.height(), interval })
    };
    Ok(formats.into_iter().filter_map(offer).collect())
}

/// An open camera.
pub(in crate::device) struct Camera {
    id: String,
    inner: nokhwa::Camera,
    format: VideoFormat,
    opened: Instant,
    damaged: u32,
}

impl Camera {
    /// Opens the camera with this ID, or the first.
    pub(in crate::device) fn open(wanted: Option<&str>, request: VideoRequest) -> Result<Self, DeviceError> {
        let mut cameras = find().into_iter();
        let found = match wanted {
            None => cameras.next().ok_or(DeviceError::None("camera"))?,
            Some(wanted) => {
                let missing = || DeviceError::Missing(wanted.to_owned());
                cameras.find(|camera| id(camera) == wanted).ok_or_else(missing)?
            }
        };
        let (index, name) = (found.index(), found.human_name());
        if !permitted() {
            return Err(DeviceError::Denied(name));
        }
        let mut last = DeviceError::Format(name.clone(), "none that can be shown".to_owned());
        for offer in ranked(offers(index).map_err(|e| refusal(&name, &e))?, request) {
            match Self::start(&found, &name, offer) {
                Ok(camera) => return Ok(camera),
                Err(e) => {
                    tracing::debug!(camera = name, ?offer, error = %e, "not in this format");
                    last = refusal(&name, &e);
                    if matches!(last, DeviceError::Busy(_) | DeviceError::Denied(_) | DeviceError::Missing(_)) {
                        break;
                    }
                }
            }
        }
        Err(last)
    }

    fn start(found: &CameraInfo, name: &str, offer: Offer) -> Result<Self, NokhwaError> {
        let format = LAYOUTS.iter().find(|(_, layout)| *layout == offer.layout);
        let format = [format.map_or(FrameFormat::YUYV, |(format, _)| *format)];
        let exact = CameraFormat::new_from(offer.width, offer.height, format[0], offer.interval.1);
        let wanted = RequestedFormat::with_formats(RequestedFormatType::Exact(exact), &format);
        let mut inner = nokhwa::Camera::new(found.index().clone(), wanted)?;
        inner.open_stream()?;
        let format =
            VideoFormat { name: name.to_owned(), width: offer.width & !1, height: offer.height & !1, fps: offer.fps() };
        Ok(Self { id: id(found), inner, format, opened: Instant::now(), damaged: 0 })
    }
}

impl VideoSource for Camera {
    fn format(&self) -> VideoFormat {
        self.format.clone()
    }

    fn id(&self) -> String {
        self.id.clone()
    }

    /// Blocks until the camera delivers: `limit` cannot be kept with this library.
    fn next(&mut self, _limit: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        let gone = |why: String| DeviceError::Gone(self.format.name.clone(), why);
        let buffer = self.inner.frame().map_err(|e| gone(e.to_string()))?;
        let at = Instant::now();
        let (data, size) = (buffer.buffer(), buffer.resolution());
        let layout = layout(buffer.source_frame_format()).unwrap_or(Layout::Yuyv);
        match layout.convert(data, size.width(), size.height()) {
            Ok(mut frame) => {
                self.damaged = 0;
                frame.media_time = at - self.opened;
                frame.at = Some(at);
                Ok(Some(frame))
            }
            // Cameras deliver half pictures now and then, most of all at the start.
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
