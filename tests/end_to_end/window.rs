//! A window as a screen reader knows it (AT-SPI over D-Bus): its controls by role and name, pressed and read.

use std::time::Duration;

use zbus::zvariant::OwnedObjectPath;
use zbus::{Connection, Error};

use super::common::wait_for;
use super::desktop::Desktop;
use super::screen::Area;

const PATIENCE: Duration = Duration::from_secs(20);
const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";

/// The accessibility bus, and the runtime that speaks on it.
pub struct Accessibility {
    runtime: tokio::runtime::Runtime,
    bus: Connection,
}

/// One control, at the moment it was seen.
#[derive(Debug, Clone)]
pub struct Control {
    owner: String,
    path: OwnedObjectPath,
    /// As AT-SPI calls it: `push button`, `entry`, `combo box`, `label`, …
    pub role: String,
    /// Its accessible name.
    pub name: String,
}

impl Accessibility {
    /// Joins the bus of this desktop.
    pub fn join(desktop: &Desktop) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let address = desktop.bus().to_owned();
        let connect = async || -> Result<Connection, Error> {
            let session = zbus::connection::Builder::address(address.as_str())?.build().await?;
            let answer =
                session.call_method(Some("org.a11y.Bus"), "/org/a11y/bus", Some("org.a11y.Bus"), "GetAddress", &());
            let address: String = answer.await?.body().deserialize()?;
            zbus::connection::Builder::address(address.as_str())?.build().await
        };
        let bus = wait_for("the accessibility bus", PATIENCE, || runtime.block_on(connect()).ok());
        Self { runtime, bus }
    }

    /// Every control of a process's windows that is there now, parents before children.
    pub fn controls(&self, process: u32) -> Vec<Control> {
        // a control may vanish while we walk: what is left is the truth a moment later
        self.runtime.block_on(self.walk(process)).unwrap_or_default()
    }

    /// Waits until the process shows a control that fits.
    ///
    /// # Panics
    /// After twenty seconds, naming all that is there.
    pub fn find(&self, process: u32, what: &str, fits: impl Fn(&Control) -> bool) -> Control {
        let start = std::time::Instant::now();
        loop {
            let controls = self.controls(process);
            if let Some(control) = controls.iter().find(|control| fits(control)) {
                return control.clone();
            }
            if start.elapsed() > PATIENCE {
                let seen: Vec<_> = controls.iter().map(|c| format!("{} “{}”", c.role, c.name)).collect();
                panic!("no {what} in {PATIENCE:?}; there are: {}", seen.join(", "));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The button (of any kind) whose name begins so.
    pub fn button(&self, process: u32, name: &str) -> Control {
        let roles = ["push button", "button", "toggle button", "menu item", "list item", "radio button", "check box"];
        self.find(process, &format!("button “{name}”"), |c| {
            roles.contains(&c.role.as_str()) && c.name.starts_with(name)
        })
    }

    /// Does what a click on it does.
    pub fn press(&self, control: &Control) {
        let done = self.call::<bool>(control, "org.a11y.atspi.Action", "DoAction", &(0i32,));
        assert!(done.unwrap_or(false), "{control:?} cannot be pressed");
    }

    /// Gives it the keyboard.
    pub fn focus(&self, control: &Control) {
        let done = self.call::<bool>(control, "org.a11y.atspi.Component", "GrabFocus", &());
        assert!(done.unwrap_or(false), "{control:?} cannot be focused");
    }

    /// Its text: of a field what stands in it, of others their name.
    pub fn text(&self, control: &Control) -> String {
        let text = self.call::<String>(control, "org.a11y.atspi.Text", "GetText", &(0i32, -1i32));
        text.unwrap_or_else(|_| control.name.clone())
    }

    /// Where it is on the screen.
    pub fn area(&self, control: &Control) -> Area {
        let on_screen = 0u32;
        let extents =
            self.call::<((i32, i32, i32, i32),)>(control, "org.a11y.atspi.Component", "GetExtents", &(on_screen,));
        let ((x, y, width, height),) = extents.expect("a control has a place");
        Area { x, y, width, height }
    }

    fn call<T>(
        &self,
        control: &Control,
        interface: &str,
        method: &str,
        body: &(impl serde::Serialize + zbus::zvariant::DynamicType),
    ) -> Result<T, Error>
    where
        T: serde::de::DeserializeOwned + zbus::zvariant::Type,
    {
        self.runtime.block_on(async {
            let answer =
                self.bus.call_method(Some(control.owner.as_str()), &control.path, Some(interface), method, body);
            answer.await?.body().deserialize()
        })
    }

    async fn walk(&self, process: u32) -> Result<Vec<Control>, Error> {
        let root =
            ("org.a11y.atspi.Registry".to_owned(), OwnedObjectPath::try_from("/org/a11y/atspi/accessible/root")?);
        let mut open = Vec::new();
        for (owner, path) in self.children(&root.0, &root.1).await? {
            let asked = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "GetConnectionUnixProcessID");
            let answer = self.bus.call_method(Some(asked.0), asked.1, Some(asked.0), asked.2, &(owner.as_str(),)).await;
            if answer.is_ok_and(|answer| answer.body().deserialize::<u32>().ok() == Some(process)) {
                open.push((owner, path));
            }
        }
        let mut controls = Vec::new();
        while let Some((owner, path)) = open.pop() {
            let Ok(mut children) = self.children(&owner, &path).await else { continue };
            children.reverse();
            open.extend(children);
            if let Ok((role, name)) = self.describe(&owner, &path).await {
                controls.push(Control { owner, path, role, name });
            }
        }
        Ok(controls)
    }

    async fn children(&self, owner: &str, path: &OwnedObjectPath) -> Result<Vec<(String, OwnedObjectPath)>, Error> {
        let answer = self.bus.call_method(Some(owner), path, Some(ACCESSIBLE), "GetChildren", &()).await?;
        answer.body().deserialize()
    }

    async fn describe(&self, owner: &str, path: &OwnedObjectPath) -> Result<(String, String), Error> {
        let role = self.bus.call_method(Some(owner), path, Some(ACCESSIBLE), "GetRoleName", &()).await?;
        let properties = "org.freedesktop.DBus.Properties";
        let name = self.bus.call_method(Some(owner), path, Some(properties), "Get", &(ACCESSIBLE, "Name")).await?;
        let name: zbus::zvariant::OwnedValue = name.body().deserialize()?;
        Ok((role.body().deserialize()?, String::try_from(name).unwrap_or_default()))
    }
}
