//! Screens and windows of an X11 server: RandR says which screens there are, the window manager which windows;
//! Composite keeps the pixels of a window that others cover; MIT-SHM brings them over without the socket.
//!
//! Errors of the protocol mean that what was asked for is not there (any more); errors of the connection, that the
//! server is not.

use std::fs::File;
use std::os::unix::fs::FileExt;

use x11rb::connection::{Connection, RequestConnection};
use x11rb::errors::{ConnectError, ReplyError};
use x11rb::protocol::composite::{ConnectionExt as _, Redirect};
use x11rb::protocol::randr::{self, ConnectionExt as _, NotifyMask};
use x11rb::protocol::shm::{self, ConnectionExt as _};
use x11rb::protocol::xfixes::ConnectionExt as _;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ConnectionExt as _, Drawable, GetGeometryReply, ImageFormat, ImageOrder, MapState, Window,
};
use x11rb::rust_connection::RustConnection;

use super::{Look, Pixels};
use crate::model::device::{Device, DeviceError, DeviceKind};
use crate::model::frame::VideoFrame;

x11rb::atom_manager! {
    Atoms: AtomsCookie {
        _NET_CLIENT_LIST_STACKING,
        _NET_CLIENT_LIST,
        _NET_WM_NAME,
        _NET_WM_PID,
        UTF8_STRING,
    }
}

const SCREEN: &str = "x11:screen:";
const WINDOW: &str = "x11:window:";

/// Words (of 4 bytes) of a window's title that are read.
const TITLE: u32 = 256;

/// Windows that are read from the list.
const WINDOWS: u32 = 1024;

const NO_SERVER: DeviceError =
    DeviceError::Unsupported("screens can only be shared on an X11 desktop; none was found (DISPLAY is not set)");
const WAYLAND: DeviceError = DeviceError::Unsupported(
    "screens cannot be shared in a Wayland session yet; log in with “Xorg” chosen at the login screen",
);

struct Server {
    connection: RustConnection,
    root: Window,
    atoms: Atoms,
}

/// Where a screen is on the desktop.
struct Monitor {
    name: String,
    primary: bool,
    area: (i16, i16, u16, u16),
}

fn gone(name: &str, error: &dyn std::fmt::Display) -> DeviceError {
    DeviceError::Gone(name.to_owned(), error.to_string())
}

impl Server {
    fn connect() -> Result<Self, DeviceError> {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if set("WAYLAND_DISPLAY") {
            return Err(WAYLAND);
        }
        if !set("DISPLAY") {
            return Err(NO_SERVER);
        }
        let (connection, screen) = x11rb::connect(None).map_err(|e| match e {
            ConnectError::SetupAuthenticate(_) | ConnectError::SetupFailed(_) => {
                DeviceError::Denied("the X11 server".to_owned())
            }
            e => gone("the X11 server", &e),
        })?;
        let broken = |e: ReplyError| gone("the X11 server", &e);
        let root = connection.setup().roots.get(screen).map(|screen| screen.root).ok_or(NO_SERVER)?;
        let atoms = Atoms::new(&connection).map_err(|e| broken(e.into()))?.reply().map_err(broken)?;
        Ok(Self { connection, root, atoms })
    }

    /// Screens from left to right as the system counts them.
    fn monitors(&self) -> Result<Vec<Monitor>, ReplyError> {
        let mut found = Vec::new();
        if self.connection.extension_information(randr::X11_EXTENSION_NAME)?.is_some() {
            self.connection.randr_query_version(1, 5)?.reply()?;
            for monitor in self.connection.randr_get_monitors(self.root, true)?.reply()?.monitors {
                let name = self.connection.get_atom_name(monitor.name)?.reply()?.name;
                let name = String::from_utf8_lossy(&name).into_owned();
                let area = (monitor.x, monitor.y, monitor.width, monitor.height);
                found.push(Monitor { name, primary: monitor.primary, area });
            }
        }
        if found.is_empty() {
            let all = self.connection.get_geometry(self.root)?.reply()?;
            found.push(Monitor { name: "all".to_owned(), primary: true, area: (0, 0, all.width, all.height) });
        }
        Ok(found)
    }

    fn property(&self, window: Window, property: Atom, kind: Atom, words: u32) -> Result<Vec<u8>, ReplyError> {
        Ok(self.connection.get_property(false, window, property, kind, 0, words)?.reply()?.value)
    }

    fn numbers(&self, window: Window, property: Atom, words: u32) -> Vec<u32> {
        let value = self.property(window, property, AtomEnum::ANY.into(), words).unwrap_or_default();
        value.as_chunks().0.iter().map(|four| u32::from_ne_bytes(*four)).collect()
    }

    /// Windows of people's programs, the foremost first: those of the window manager's list, or where there is no
    /// window manager, those on the desktop that have a title.
    fn windows(&self) -> Result<Vec<Window>, ReplyError> {
        for list in [self.atoms._NET_CLIENT_LIST_STACKING, self.atoms._NET_CLIENT_LIST] {
            let mut windows = self.numbers(self.root, list, WINDOWS);
            if !windows.is_empty() {
                windows.reverse();
                return Ok(windows);
            }
        }
        let mut windows = self.connection.query_tree(self.root)?.reply()?.children;
        windows.reverse();
        windows.retain(|window| {
            let attributes = self.connection.get_window_attributes(*window).ok().and_then(|cookie| cookie.reply().ok());
            attributes.is_some_and(|a| a.map_state == MapState::VIEWABLE && !a.override_redirect)
                && self.title(*window).is_some()
        });
        Ok(windows)
    }

    /// What the window calls itself, or its program.
    fn title(&self, window: Window) -> Option<String> {
        let text = |property: Atom, kind: Atom| {
            let value = self.property(window, property, kind, TITLE).ok()?;
            // WM_CLASS holds two names, each with a zero after it; the second is the program's.
            let text = String::from_utf8_lossy(&value).into_owned();
            let text = text.trim_end_matches('\0').rsplit('\0').next().unwrap_or_default().trim().to_owned();
            (!text.is_empty()).then_some(text)
        };
        text(self.atoms._NET_WM_NAME, self.atoms.UTF8_STRING)
            .or_else(|| text(AtomEnum::WM_NAME.into(), AtomEnum::ANY.into()))
            .or_else(|| text(AtomEnum::WM_CLASS.into(), AtomEnum::STRING.into()))
    }

    fn is_ours(&self, window: Window) -> bool {
        self.numbers(window, self.atoms._NET_WM_PID, 1) == [std::process::id()]
    }
}

fn screen_name(number: usize, monitor: &Monitor) -> String {
    let (_, _, width, height) = monitor.area;
    format!("Screen {} ({width} × {height})", number + 1)
}

/// Screens, then windows, the foremost first. Our own windows are left out: sharing them shows a hall of mirrors.
pub(super) fn list() -> Result<Vec<Device>, DeviceError> {
    let server = Server::connect()?;
    let broken = |e: ReplyError| gone("the X11 server", &e);
    let monitors = server.monitors().map_err(broken)?;
    let primary = monitors.iter().position(|monitor| monitor.primary).unwrap_or(0);
    let screens = monitors.iter().enumerate().map(|(n, monitor)| Device {
        id: format!("{SCREEN}{}", monitor.name),
        name: screen_name(n, monitor),
        kind: DeviceKind::Screen,
        default: n == primary,
    });
    let windows = server.windows().map_err(broken)?;
    let windows = windows.into_iter().filter(|window| !server.is_ours(*window)).map(|window| Device {
        id: format!("{WINDOW}{window:#x}"),
        name: server.title(window).unwrap_or_else(|| "Window without a title".to_owned()),
        kind: DeviceKind::Window,
        default: false,
    });
    Ok(screens.chain(windows).collect())
}

enum Target {
    /// The screen of this name.
    Screen(String),
    Window(Window),
}

/// Memory that the server writes pictures into.
struct Shared {
    segment: shm::Seg,
    file: File,
    size: usize,
}

/// Looks at one screen or window.
pub(super) struct Looker {
    server: Server,
    target: Target,
    name: String,
    /// Works only where server and program are on one machine.
    shared: Option<Shared>,
    can_share: bool,
    pixels: Vec<u8>,
}

impl Looker {
    pub(super) fn open(id: &str) -> Result<Self, DeviceError> {
        let missing = || DeviceError::Missing(id.to_owned());
        let target = if let Some(name) = id.strip_prefix(SCREEN) {
            Target::Screen(name.to_owned())
        } else {
            let number = id.strip_prefix(WINDOW).and_then(|id| id.strip_prefix("0x")).ok_or_else(missing)?;
            Target::Window(Window::from_str_radix(number, 16).map_err(|_| missing())?)
        };
        let server = Server::connect()?;
        let name = match &target {
            Target::Screen(wanted) => {
                let monitors = server.monitors().map_err(|e| gone("the X11 server", &e))?;
                let found = monitors.iter().enumerate().find(|(_, monitor)| monitor.name == *wanted);
                found.map(|(n, monitor)| screen_name(n, monitor)).ok_or_else(missing)?
            }
            Target::Window(window) => {
                server.connection.get_geometry(*window).map_err(|e| gone(id, &e))?.reply().map_err(|_| missing())?;
                server.title(*window).unwrap_or_else(|| id.to_owned())
            }
        };
        let setup = server.connection.setup();
        let usable = setup.image_byte_order == ImageOrder::LSB_FIRST
            && setup.roots.iter().any(|screen| screen.root == server.root && matches!(screen.root_depth, 24 | 32));
        if !usable {
            let why = "the display does not have 24 bits of colour".to_owned();
            return Err(DeviceError::Format(name, why));
        }
        let mut looker = Self { server, target, name, shared: None, can_share: true, pixels: Vec::new() };
        looker.prepare().map_err(|e| looker.failed(e))?;
        Ok(looker)
    }

    fn prepare(&mut self) -> Result<(), ReplyError> {
        let connection = &self.server.connection;
        // MIT-SHM 1.2 hands memory over as a file; before that there was no way that needs no `unsafe`.
        self.can_share = connection.extension_information(shm::X11_EXTENSION_NAME)?.is_some() && {
            let version = connection.shm_query_version()?.reply()?;
            (version.major_version, version.minor_version) >= (1, 2)
        };
        connection.xfixes_query_version(5, 0)?.reply()?;
        if let Target::Window(window) = self.target {
            connection.composite_query_version(0, 4)?.reply()?;
            connection.composite_redirect_window(window, Redirect::AUTOMATIC)?.check()?;
        }
        Ok(())
    }

    /// An error of the protocol is that of the window: it is not there any more.
    fn failed(&self, error: ReplyError) -> DeviceError {
        match (error, &self.target) {
            (ReplyError::X11Error(_), Target::Window(_)) => DeviceError::Closed(self.name.clone()),
            (error, _) => gone(&self.name, &error),
        }
    }

    fn area(&self) -> Result<Option<(i16, i16, u16, u16)>, ReplyError> {
        match &self.target {
            Target::Screen(name) => {
                let monitors = self.server.monitors()?;
                Ok(monitors.into_iter().find(|monitor| monitor.name == *name).map(|monitor| monitor.area))
            }
            Target::Window(window) => {
                let GetGeometryReply { width, height, border_width, .. } =
                    self.server.connection.get_geometry(*window)?.reply()?;
                Ok(Some((border_width as i16, border_width as i16, width, height)))
            }
        }
    }

    /// Fills `pixels`; the size, or `None` where there is nothing to see.
    fn grab(&mut self) -> Result<Option<(u32, u32)>, ReplyError> {
        let Some(area) = self.area()? else { return Ok(None) };
        match self.target {
            Target::Screen(_) => self.grab_from(self.server.root, area)?,
            Target::Window(window) => {
                // Named anew each time: what the name stands for is given up when the window changes its size.
                let pixmap = self
                    .server
                    .connection
                    .generate_id()
                    .map_err(|_| x11rb::errors::ConnectionError::UnsupportedExtension)?;
                let named = self.server.connection.composite_name_window_pixmap(window, pixmap)?.check();
                match named {
                    Ok(()) => {}
                    // Minimised: there is nothing to see until it comes back.
                    Err(ReplyError::X11Error(_)) => return Ok(None),
                    Err(e) => return Err(e),
                }
                let grabbed = self.grab_from(pixmap, area);
                self.server.connection.free_pixmap(pixmap)?;
                match grabbed {
                    // It changed its size in this very moment.
                    Err(ReplyError::X11Error(_)) => return Ok(None),
                    other => other?,
                }
            }
        }
        let size = (u32::from(area.2), u32::from(area.3));
        self.draw_pointer(area)?;
        Ok(Some(size))
    }

    fn grab_from(&mut self, from: Drawable, (x, y, width, height): (i16, i16, u16, u16)) -> Result<(), ReplyError> {
        let connection = &self.server.connection;
        let size = usize::from(width) * usize::from(height) * 4;
        self.pixels.resize(size, 0);
        if self.can_share && self.shared.as_ref().is_none_or(|shared| shared.size < size) {
            if let Some(old) = self.shared.take() {
                connection.shm_detach(old.segment)?;
            }
            self.shared = segment(connection, size)?;
            self.can_share = self.shared.is_some();
        }
        if let Some(shared) = &self.shared {
            let format = ImageFormat::Z_PIXMAP.into();
            connection.shm_get_image(from, x, y, width, height, !0, format, shared.segment, 0)?.reply()?;
            shared.file.read_exact_at(&mut self.pixels, 0).map_err(x11rb::errors::ConnectionError::from)?;
        } else {
            let image = connection.get_image(ImageFormat::Z_PIXMAP, from, x, y, width, height, !0)?.reply()?;
            let have = image.data.len().min(size);
            self.pixels[..have].copy_from_slice(&image.data[..have]);
        }
        Ok(())
    }

    /// Puts the mouse pointer where it is: a screen without it is hard to follow.
    fn draw_pointer(&mut self, area: (i16, i16, u16, u16)) -> Result<(), ReplyError> {
        let connection = &self.server.connection;
        let origin = match self.target {
            Target::Screen(_) => (area.0, area.1),
            Target::Window(window) => {
                let at = connection.translate_coordinates(window, self.server.root, 0, 0)?.reply()?;
                (at.dst_x, at.dst_y)
            }
        };
        let pointer = connection.xfixes_get_cursor_image()?.reply()?;
        let left = i32::from(pointer.x) - i32::from(pointer.xhot) - i32::from(origin.0);
        let top = i32::from(pointer.y) - i32::from(pointer.yhot) - i32::from(origin.1);
        let size = (usize::from(area.2), usize::from(area.3));
        blend(&mut self.pixels, size, (left, top), usize::from(pointer.width), &pointer.cursor_image);
        Ok(())
    }
}

impl Look for Looker {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&mut self) -> Result<(u32, u32), DeviceError> {
        let area = self.area().map_err(|e| self.failed(e))?;
        let (_, _, width, height) = area.ok_or_else(|| DeviceError::Missing(self.name.clone()))?;
        Ok((u32::from(width), u32::from(height)))
    }

    fn look(&mut self) -> Result<Option<Pixels<'_>>, DeviceError> {
        let Some((width, height)) = self.grab().map_err(|e| self.failed(e))? else {
            // A screen that is not in the list was unplugged; a window may only be minimised.
            return match &self.target {
                Target::Screen(_) => Err(gone(&self.name, &"it was unplugged")),
                Target::Window(_) => Ok(None),
            };
        };
        // The server's largest window is larger than our largest picture: the rest is cut off.
        let most = VideoFrame::MAX_SIDE;
        if width > most {
            let (from, to) = (width as usize * 4, most as usize * 4);
            for row in 0..height as usize {
                self.pixels.copy_within(row * from..row * from + to, row * to);
            }
        }
        let (width, height) = (width.min(most), height.min(most));
        Ok(Some(Pixels { bgra: &self.pixels[..(width * height * 4) as usize], width, height }))
    }
}

/// Memory of the server's that we can read; `None` where it gives none.
fn segment(connection: &RustConnection, size: usize) -> Result<Option<Shared>, ReplyError> {
    let Ok(length) = u32::try_from(size) else { return Ok(None) };
    let Ok(segment) = connection.generate_id() else { return Ok(None) };
    match connection.shm_create_segment(segment, length, false)?.reply() {
        Ok(reply) => Ok(Some(Shared { segment, file: File::from(reply.shm_fd), size })),
        Err(ReplyError::X11Error(_)) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Lays a pointer's picture (ARGB, multiplied by its alpha) over BGRX pixels; what is outside is left out.
fn blend(pixels: &mut [u8], (width, height): (usize, usize), (left, top): (i32, i32), wide: usize, pointer: &[u32]) {
    for (n, argb) in pointer.iter().enumerate() {
        let (x, y) = (left + (n % wide.max(1)) as i32, top + (n / wide.max(1)) as i32);
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { continue };
        if x >= width || y >= height {
            continue;
        }
        let [blue, green, red, alpha] = argb.to_le_bytes();
        let Some(under) = pixels.get_mut((y * width + x) * 4..).and_then(|rest| rest.first_chunk_mut::<4>()) else {
            continue;
        };
        for (under, over) in under.iter_mut().zip([blue, green, red]) {
            *under = (u16::from(over) + u16::from(*under) * (255 - u16::from(alpha)) / 255).min(255) as u8;
        }
    }
}

/// Says when screens are plugged in or out.
pub(in crate::device) struct Plugs(RustConnection);

impl Plugs {
    /// `None` where there is no server to say it.
    pub(in crate::device) fn watch() -> Option<Self> {
        let server = Server::connect().ok()?;
        let mask = NotifyMask::SCREEN_CHANGE | NotifyMask::OUTPUT_CHANGE;
        server.connection.randr_query_version(1, 5).ok()?.reply().ok()?;
        server.connection.randr_select_input(server.root, mask).ok()?.check().ok()?;
        Some(Self(server.connection))
    }

    /// Whether that happened since the last call; the error: the server is gone.
    pub(in crate::device) fn moved(&mut self) -> Result<bool, ()> {
        let mut moved = false;
        while self.0.poll_for_event().map_err(drop)?.is_some() {
            moved = true;
        }
        Ok(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_lies_on_the_picture_and_never_outside() {
        let mut pixels = vec![100; 4 * 3 * 4];
        // Two rows: opaque red, half of white; nothing, opaque blue.
        let pointer = [0xFFFF_0000, 0x8080_8080, 0, 0xFF00_00FF];
        blend(&mut pixels, (4, 3), (1, 1), 2, &pointer);
        assert_eq!(pixels[(4 + 1) * 4..][..3], [0, 0, 255]);
        assert_eq!(pixels[(4 + 2) * 4..][..3], [177, 177, 177]);
        assert_eq!(pixels[(8 + 1) * 4..][..3], [100, 100, 100]);
        assert_eq!(pixels[(8 + 2) * 4..][..3], [255, 0, 0]);
        let before = pixels.clone();
        for at in [(-2, 0), (0, -2), (4, 0), (0, 3), (i32::MIN + 4, i32::MAX - 4)] {
            blend(&mut pixels, (4, 3), at, 2, &pointer);
        }
        assert_eq!(pixels, before);
        blend(&mut pixels, (4, 3), (3, 2), 2, &pointer);
        assert_eq!(pixels[(8 + 3) * 4..][..3], [0, 0, 255]);
    }
}
