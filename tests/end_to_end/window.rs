//! A window as a screen reader knows it (AT-SPI over D-Bus): its controls by role and name, pressed and read.

use std::time::Duration;

use zbus::zvariant::OwnedObjectPath;
use zbus::{Connection, Error};

use super::common::wait_for;
use super::desktop::Desktop;

const PATIENCE: Duration = Duration::from_secs(30);
const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";

/// The accessibility bus, and the runtime that speaks on it.
pub struct Accessibility {
    runtime: tokio::runtime::Runtime,
    bus: Connection,
}

/// Kinds of controls, as far as they matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Only to be read, or only holding others.
    Passive,
    /// Takes text.
    Field,
    /// Opens a list to choose from.
    List,
    /// Everything that can be pressed.
    Active,
}

impl Role {
    /// From the numbers of AT-SPI (`AtspiRole` in atspi-constants.h).
    fn of(number: u32) -> Self {
        match number {
            11 => Self::List,                                        // combo box
            16 | 23 | 27 | 29 | 39 | 69 | 75 | 116 => Self::Passive, // dialog frame image label panel window application static
            40 | 60 | 61 | 79 => Self::Field,                        // password-text terminal text entry
            _ => Self::Active,
        }
    }
}

/// One control, at the moment it was seen.
#[derive(Debug, Clone)]
pub struct Control {
    owner: String,
    path: OwnedObjectPath,
    /// What kind.
    pub role: Role,
    /// Its accessible name.
    pub name: String,
}

impl Control {
    fn is(&self, role: Role, name: &str) -> bool {
        let named = name.strip_suffix('…').map_or(self.name == name, |start| self.name.starts_with(start));
        self.role == role && named
    }
}

fn listed(controls: &[Control]) -> String {
    let seen: Vec<_> = controls.iter().map(|c| format!("{:?} “{}”", c.role, c.name)).collect();
    seen.join(", ")
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
            // programs tell about their controls only once somebody is there to listen
            let on = ("org.a11y.Status", "IsEnabled", zbus::zvariant::Value::from(true));
            let properties = Some("org.freedesktop.DBus.Properties");
            session.call_method(Some("org.a11y.Bus"), "/org/a11y/bus", properties, "Set", &on).await?;
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

    /// The same in words, for people.
    pub fn all(&self, process: u32) -> String {
        listed(&self.controls(process))
    }

    /// Waits until the process shows a control that fits.
    ///
    /// # Panics
    /// After thirty seconds, naming all that is there.
    pub fn find(&self, process: u32, what: &str, fits: impl Fn(&Control) -> bool) -> Control {
        let start = std::time::Instant::now();
        loop {
            let controls = self.controls(process);
            if let Some(control) = controls.iter().find(|control| fits(control)) {
                return control.clone();
            }
            if start.elapsed() > PATIENCE {
                panic!("no {what} in {PATIENCE:?}; there are: {}", listed(&controls));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits for the control of this kind and name; a name that ends in `…` stands for all that begin so.
    pub fn control(&self, process: u32, role: Role, name: &str) -> Control {
        self.find(process, &format!("{role:?} “{name}”"), |c| c.is(role, name))
    }

    /// The same where it is there now.
    pub fn look(&self, process: u32, role: Role, name: &str) -> Option<Control> {
        self.controls(process).into_iter().find(|c| c.is(role, name))
    }

    /// Waits until some control's name or text holds these words.
    pub fn words(&self, process: u32, words: &str) -> Control {
        self.find(process, &format!("words “{words}”"), |c| c.name.contains(words) || self.text(c).contains(words))
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

    async fn describe(&self, owner: &str, path: &OwnedObjectPath) -> Result<(Role, String), Error> {
        let role = self.bus.call_method(Some(owner), path, Some(ACCESSIBLE), "GetRole", &()).await?;
        let properties = "org.freedesktop.DBus.Properties";
        let name = self.bus.call_method(Some(owner), path, Some(properties), "Get", &(ACCESSIBLE, "Name")).await?;
        let name: zbus::zvariant::OwnedValue = name.body().deserialize()?;
        Ok((Role::of(role.body().deserialize()?), String::try_from(name).unwrap_or_default()))
    }
}
