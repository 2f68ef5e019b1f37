//! Screens and windows by xcap: ScreenCaptureKit on macOS, Desktop Duplication on Windows.

use xcap::{Monitor, Window, XCapError};

use super::{Look, Pixels};
use crate::model::device::{Device, DeviceError, DeviceKind};
use crate::model::frame::VideoFrame;

const SCREEN: &str = "screen:";
const WINDOW: &str = "window:";

fn gone(name: &str, error: &XCapError) -> DeviceError {
    DeviceError::Gone(name.to_owned(), error.to_string())
}

fn screen_name(number: usize, monitor: &Monitor) -> String {
    let name = monitor.friendly_name().or_else(|_| monitor.name()).unwrap_or_default();
    format!("Screen {} ({name})", number + 1)
}

/// Screens, then windows, the foremost first. Our own windows are left out: sharing them shows a hall of mirrors.
pub(super) fn list() -> Result<Vec<Device>, DeviceError> {
    let monitors = Monitor::all().map_err(|e| gone("the screen", &e))?;
    let screens = monitors.iter().enumerate().filter_map(|(n, monitor)| {
        Some(Device {
            id: format!("{SCREEN}{}", monitor.name().ok()?),
            name: screen_name(n, monitor),
            kind: DeviceKind::Screen,
            default: monitor.is_primary().unwrap_or(n == 0),
        })
    });
    let windows = Window::all().map_err(|e| gone("the screen", &e))?;
    let windows = windows.iter().filter_map(|window| {
        let name = window.title().ok().filter(|title| !title.is_empty())?;
        let ours = window.pid().ok() == Some(std::process::id());
        let id = format!("{WINDOW}{}", window.id().ok()?);
        (!ours).then_some(Device { id, name, kind: DeviceKind::Window, default: false })
    });
    Ok(screens.chain(windows).collect())
}

enum Target {
    Screen(Monitor),
    Window(u32, Window),
}

/// Looks at one screen or window.
pub(super) struct Looker {
    target: Target,
    name: String,
    pixels: Vec<u8>,
}

impl Looker {
    pub(super) fn open(id: &str) -> Result<Self, DeviceError> {
        let missing = || DeviceError::Missing(id.to_owned());
        let (target, name) = if let Some(wanted) = id.strip_prefix(SCREEN) {
            let monitors = Monitor::all().map_err(|e| gone("the screen", &e))?;
            let found = monitors.into_iter().enumerate().find(|(_, m)| m.name().is_ok_and(|name| name == wanted));
            let (n, monitor) = found.ok_or_else(missing)?;
            let name = screen_name(n, &monitor);
            (Target::Screen(monitor), name)
        } else {
            let wanted = id.strip_prefix(WINDOW).and_then(|id| id.parse().ok()).ok_or_else(missing)?;
            let window = find(wanted)?.ok_or_else(missing)?;
            let name = window.title().unwrap_or_else(|_| id.to_owned());
            (Target::Window(wanted, window), name)
        };
        Ok(Self { target, name, pixels: Vec::new() })
    }
}

fn find(id: u32) -> Result<Option<Window>, DeviceError> {
    let windows = Window::all().map_err(|e| gone("the window", &e))?;
    Ok(windows.into_iter().find(|window| window.id().is_ok_and(|other| other == id)))
}

impl Look for Looker {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&mut self) -> Result<(u32, u32), DeviceError> {
        let size = match &self.target {
            Target::Screen(monitor) => monitor.width().and_then(|width| Ok((width, monitor.height()?))),
            Target::Window(_, window) => window.width().and_then(|width| Ok((width, window.height()?))),
        };
        size.map_err(|e| gone(&self.name, &e))
    }

    fn look(&mut self) -> Result<Option<Pixels<'_>>, DeviceError> {
        let image = match &self.target {
            Target::Screen(monitor) => monitor.capture_image().map_err(|e| gone(&self.name, &e))?,
            Target::Window(_, window) if window.is_minimized().unwrap_or(false) => return Ok(None),
            Target::Window(id, window) => match window.capture_image() {
                Ok(image) => image,
                Err(e) => {
                    let there = find(*id)?.is_some();
                    return Err(if there { gone(&self.name, &e) } else { DeviceError::Closed(self.name.clone()) });
                }
            },
        };
        let (width, height) = (image.width().min(VideoFrame::MAX_SIDE), image.height().min(VideoFrame::MAX_SIDE));
        let row = image.width() as usize * 4;
        self.pixels.clear();
        for row in image.as_raw().chunks_exact(row.max(4)).take(height as usize) {
            let pixels = row[..width as usize * 4].as_chunks().0;
            self.pixels.extend(pixels.iter().flat_map(|&[r, g, b, a]| [b, g, r, a]));
        }
        Ok(Some(Pixels { bgra: &self.pixels, width, height }))
    }
}
