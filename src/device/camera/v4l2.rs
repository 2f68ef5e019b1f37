//! Video4Linux cameras (kernel documentation, “Video for Linux API”).

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use v4l::buffer::Type;
use v4l::format::FourCC;
use v4l::fraction::Fraction;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::io::mmap::Stream;
use v4l::io::traits::CaptureStream;
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Device, Format};

use super::{DAMAGED, Layout, Offer, ranked};
use crate::device::{VideoFormat, VideoRequest, VideoSource};
use crate::model::device::{self, DeviceError, DeviceKind};
use crate::model::frame::VideoFrame;

/// How long a camera may take to deliver its first picture, and how long it may stay silent later.
const SILENCE: Duration = Duration::from_secs(5);

/// Pictures the driver holds ready.
const BUFFERS: u32 = 4;

/// `POLLIN` of poll(2).
const READABLE: i16 = 1;

const LAYOUTS: [(&[u8; 4], Layout); 7] = [
    (b"NV12", Layout::Nv12),
    (b"YUYV", Layout::Yuyv),
    (b"MJPG", Layout::Mjpeg),
    (b"JPEG", Layout::Mjpeg),
    (b"RGB3", Layout::Rgb),
    (b"BGR3", Layout::Bgr),
    (b"GREY", Layout::Grey),
];

fn layout(fourcc: FourCC) -> Option<Layout> {
    LAYOUTS.iter().find(|(code, _)| **code == fourcc.repr).map(|(_, layout)| *layout)
}

/// A node that gives pictures.
struct Found {
    node: PathBuf,
    id: String,
    name: String,
}

/// Every camera, in the order of their nodes.
fn find() -> Vec<Found> {
    let entries = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let number = |name: &std::ffi::OsStr| name.to_str()?.strip_prefix("video")?.parse::<u32>().ok();
    let mut numbers: Vec<u32> = entries.filter_map(|entry| number(&entry.file_name())).collect();
    numbers.sort_unstable();
    let nodes = numbers.into_iter().map(|n| (n, PathBuf::from(format!("/dev/video{n}"))));
    nodes
        .filter(|(_, node)| captures(node))
        .map(|(n, node)| {
            let id = stable_name(&node, &["/dev/v4l/by-id", "/dev/v4l/by-path"]);
            let id = id.unwrap_or_else(|| node.to_string_lossy().into_owned());
            let name = std::fs::read(format!("/sys/class/video4linux/video{n}/name"));
            let name = name.map(|name| String::from_utf8_lossy(&name).trim().to_owned()).unwrap_or_default();
            let name = if name.is_empty() { node.to_string_lossy().into_owned() } else { name };
            Found { node, id, name }
        })
        .collect()
}

/// A camera has more than one node; only those with a format give pictures. One that may not be opened is listed all the
/// same: choosing it says why it does not work.
fn captures(node: &Path) -> bool {
    match Device::with_path(node).and_then(|device| device.enum_formats()) {
        Ok(formats) => formats.iter().any(|format| layout(format.fourcc).is_some()),
        Err(e) => matches!(refusal("", &e), DeviceError::Busy(_) | DeviceError::Denied(_)),
    }
}

/// The link to `node` that stays the same over restarts and replugs, by what the camera is or by the socket it is plugged
/// into: the first of these directories that has one.
fn stable_name(node: &Path, directories: &[&str]) -> Option<String> {
    let node = std::fs::canonicalize(node).ok()?;
    directories.iter().find_map(|directory| {
        let links = std::fs::read_dir(directory).ok()?.flatten().map(|link| link.path());
        let same = links.filter(|link| std::fs::canonicalize(link).is_ok_and(|target| target == node));
        same.map(|link| link.to_string_lossy().into_owned()).min()
    })
}

/// The cameras that are there now; the first is the default.
pub(in crate::device) fn list() -> Vec<device::Device> {
    let devices = find().into_iter().enumerate().map(|(n, found)| device::Device {
        id: found.id,
        name: found.name,
        kind: DeviceKind::Camera,
        default: n == 0,
    });
    devices.collect()
}

/// What a failure means (errno).
fn refusal(name: &str, error: &io::Error) -> DeviceError {
    let name = name.to_owned();
    match error.raw_os_error() {
        Some(16) => DeviceError::Busy(name),
        Some(1 | 13) => DeviceError::Denied(name),
        Some(2 | 6 | 19) => DeviceError::Missing(name),
        _ if error.kind() == io::ErrorKind::TimedOut => DeviceError::Format(name, "no picture came".to_owned()),
        _ => DeviceError::Format(name, error.to_string()),
    }
}

/// Everything the camera offers that we can use.
fn offers(device: &Device, request: VideoRequest) -> io::Result<Vec<Offer>> {
    let mut offers = Vec::new();
    for format in device.enum_formats()? {
        let Some(layout) = layout(format.fourcc) else { continue };
        let sizes = device.enum_framesizes(format.fourcc).unwrap_or_default();
        let mut sizes: Vec<_> = sizes.into_iter().map(|size| nearest(&size.size, request)).collect();
        if sizes.is_empty() {
            // A driver that does not tell: it will say what it does when it is asked for this.
            sizes.push((request.width, request.height));
        }
        for (width, height) in sizes {
            let intervals = device.enum_frameintervals(format.fourcc, width, height).unwrap_or_default();
            let rates = intervals.into_iter().map(|interval| match interval.interval {
                FrameIntervalEnum::Discrete(time) => (time.numerator, time.denominator),
                FrameIntervalEnum::Stepwise(step) => within(&step.min, &step.max, request.fps),
            });
            let mut rates: Vec<_> = rates.filter(|rate| rate.0 > 0 && rate.1 > 0).collect();
            if rates.is_empty() {
                rates.push((1, request.fps.max(1)));
            }
            offers.extend(rates.into_iter().map(|interval| Offer { layout, width, height, interval }));
        }
    }
    Ok(offers)
}

fn nearest(size: &FrameSizeEnum, request: VideoRequest) -> (u32, u32) {
    match size {
        FrameSizeEnum::Discrete(size) => (size.width, size.height),
        FrameSizeEnum::Stepwise(s) => {
            let side = |wanted: u32, min: u32, max: u32, step: u32| {
                let within = wanted.clamp(min, max.max(min));
                within - (within - min) % step.max(1)
            };
            (
                side(request.width, s.min_width, s.max_width, s.step_width),
                side(request.height, s.min_height, s.max_height, s.step_height),
            )
        }
    }
}

/// The time between pictures for this rate, or the nearest that lies between these two.
fn within(shortest: &Fraction, longest: &Fraction, fps: u32) -> (u32, u32) {
    let seconds = |time: &Fraction| f64::from(time.numerator) / f64::from(time.denominator.max(1));
    let wanted = 1.0 / f64::from(fps.max(1));
    if wanted < seconds(shortest) {
        (shortest.numerator, shortest.denominator)
    } else if wanted > seconds(longest) {
        (longest.numerator, longest.denominator)
    } else {
        (1, fps.max(1))
    }
}

/// An open camera.
pub(in crate::device) struct Camera {
    id: String,
    stream: Stream<'static>,
    layout: Layout,
    /// As the driver said when it took the format.
    size: (u32, u32),
    format: VideoFormat,
    opened: Instant,
    last: Instant,
    first: Option<VideoFrame>,
    damaged: u32,
}

impl Camera {
    /// Opens the camera with this ID, or the first, and waits for its first picture.
    pub(in crate::device) fn open(id: Option<&str>, request: VideoRequest) -> Result<Self, DeviceError> {
        let mut cameras = find().into_iter();
        let found = match id {
            None => cameras.next().ok_or(DeviceError::None("camera"))?,
            // The node's own path is an ID too, for those who know it.
            Some(id) => cameras
                .find(|camera| camera.id == id || camera.node == Path::new(id))
                .ok_or_else(|| DeviceError::Missing(id.to_owned()))?,
        };
        let refuse = |e: &io::Error| refusal(&found.name, e);
        let offers =
            Device::with_path(&found.node).and_then(|device| offers(&device, request)).map_err(|e| refuse(&e))?;
        let mut last = DeviceError::Format(found.name.clone(), "none that can be shown".to_owned());
        for offer in ranked(offers, request) {
            match Self::start(&found, offer) {
                Ok(camera) => return Ok(camera),
                Err(e) => {
                    tracing::debug!(camera = found.name, ?offer, error = %e, "not in this format");
                    last = refuse(&e);
                    let hopeless =
                        matches!(last, DeviceError::Busy(_) | DeviceError::Denied(_) | DeviceError::Missing(_));
                    // A silent camera would be waited for again in every other format.
                    if hopeless || e.kind() == io::ErrorKind::TimedOut {
                        break;
                    }
                }
            }
        }
        Err(last)
    }

    fn start(found: &Found, offer: Offer) -> io::Result<Self> {
        let device = Device::with_path(&found.node)?;
        let code = LAYOUTS.iter().find(|(_, layout)| *layout == offer.layout).map_or(b"YUYV", |(code, _)| *code);
        let taken = device.set_format(&Format::new(offer.width, offer.height, FourCC::new(code)))?;
        let unusable = || io::Error::other(format!("it gives {} instead", taken.fourcc));
        let layout = layout(taken.fourcc).ok_or_else(unusable)?;
        // Not every driver has a rate to set; then it is what it is.
        let rate = Parameters::new(Fraction::new(offer.interval.0, offer.interval.1));
        let rate = device.set_params(&rate).map(|taken| (taken.interval.numerator, taken.interval.denominator));
        let rate = rate.ok().filter(|rate| rate.0 > 0 && rate.1 > 0).unwrap_or(offer.interval);
        let mut stream = Stream::with_buffers(&device, Type::VideoCapture, BUFFERS)?;
        stream.set_timeout(SILENCE);
        let now = Instant::now();
        let mut camera = Self {
            id: found.id.clone(),
            stream,
            layout,
            size: (taken.width, taken.height),
            format: VideoFormat {
                name: found.name.clone(),
                width: taken.width & !1,
                height: taken.height & !1,
                fps: Offer { interval: rate, ..offer }.fps(),
            },
            opened: now,
            last: now,
            first: None,
            damaged: 0,
        };
        // Bandwidth, cables and other programs show only now.
        camera.first = camera.take()?;
        Ok(camera)
    }

    /// The picture that is ready; `None` where it was damaged.
    fn take(&mut self) -> io::Result<Option<VideoFrame>> {
        let (data, meta) = CaptureStream::next(&mut self.stream)?;
        // The driver's own time cannot be compared with `Instant` portably; this is at most a millisecond late.
        self.last = Instant::now();
        let data = data.get(..meta.bytesused as usize).filter(|data| !data.is_empty()).unwrap_or(data);
        match self.layout.convert(data, self.size.0, self.size.1) {
            Ok(mut frame) => {
                self.damaged = 0;
                frame.media_time = self.last - self.opened;
                frame.at = Some(self.last);
                Ok(Some(frame))
            }
            // Cameras deliver half pictures now and then, most of all at the start.
            Err(error) => {
                self.damaged += 1;
                tracing::debug!(%error, "a damaged picture");
                if self.damaged < DAMAGED { Ok(None) } else { Err(io::Error::other(error.to_string())) }
            }
        }
    }
}

impl VideoSource for Camera {
    fn format(&self) -> VideoFormat {
        self.format.clone()
    }

    fn id(&self) -> String {
        self.id.clone()
    }

    fn next(&mut self, limit: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let gone = |why: String| DeviceError::Gone(self.format.name.clone(), why);
        let wait = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
        match self.stream.handle().poll(READABLE, wait) {
            Ok(0) if self.last.elapsed() > SILENCE => Err(gone("no pictures for 5 s".to_owned())),
            Ok(0) => Ok(None),
            Ok(_) => self.take().map_err(|e| DeviceError::Gone(self.format.name.clone(), e.to_string())),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(e) => Err(gone(e.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_say_what_to_do() {
        let refused = |errno| refusal("Cam", &io::Error::from_raw_os_error(errno));
        let name = || "Cam".to_owned();
        assert_eq!(refused(16), DeviceError::Busy(name()));
        assert_eq!(refused(13), DeviceError::Denied(name()));
        assert_eq!(refused(2), DeviceError::Missing(name()));
        assert_eq!(refused(19), DeviceError::Missing(name()));
        assert!(matches!(refused(22), DeviceError::Format(..)));
    }

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
        assert_eq!(stable_name(&path("video3"), &directories), Some(text("by-id/usb-Cam-index0")));
        assert_eq!(stable_name(&path("video4"), &directories), None);
    }

    #[test]
    fn a_camera_with_any_size_is_asked_for_the_nearest() {
        let any = FrameSizeEnum::Stepwise(v4l::framesize::Stepwise {
            min_width: 48,
            max_width: 1920,
            step_width: 16,
            min_height: 32,
            max_height: 600,
            step_height: 2,
        });
        let request = VideoRequest { width: 1290, height: 720, fps: 30 };
        assert_eq!(nearest(&any, request), (1280, 600));
        let (fast, slow) = (Fraction::new(1, 25), Fraction::new(1, 5));
        assert_eq!(within(&fast, &slow, 30), (1, 25));
        assert_eq!(within(&fast, &slow, 10), (1, 10));
        assert_eq!(within(&fast, &slow, 1), (1, 5));
    }
}
