//! A browser without a window: a process of its own with a profile of its own, both gone at the end.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::chromium;
use super::page::Page;
use super::wire::Wire;

/// Longest time until a browser listens, on a busy machine.
const START: Duration = Duration::from_secs(40);

/// Longest time for it to end by itself.
const END: Duration = Duration::from_secs(5);

/// Which browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Spoken to by the DevTools protocol.
    Chromium,
    /// The same, as for a page that has no permission for camera and microphone: it hides its addresses behind mDNS
    /// names (draft-ietf-mmusic-mdns-ice-candidates).
    ShyChromium,
    /// Spoken to by WebDriver BiDi.
    Firefox,
}

impl Kind {
    /// Its program, if it is installed.
    pub fn program(self) -> Option<PathBuf> {
        match self {
            Self::Chromium | Self::ShyChromium => chromium::program(),
            Self::Firefox => chromium::first_of(&["firefox-esr", "firefox"]),
        }
    }
}

/// A running browser; end it with [`Browser::close`]. Dropped in a failing test, it is killed.
pub struct Browser {
    pub kind: Kind,
    wire: Option<Arc<Wire>>,
    process: Process,
    page: String,
    _folder: tempfile::TempDir,
}

/// The browser's first process; its others are in the same group.
struct Process(Option<Child>);

impl Process {
    fn ended(&mut self) -> bool {
        self.0.as_mut().is_none_or(|child| child.try_wait().is_ok_and(|status| status.is_some()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // The group is this browser's alone: see `process_group`.
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Browser {
    /// Starts it and waits until it listens.
    pub async fn start(kind: Kind) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the browser");
        let profile = folder.path().join("profile");
        std::fs::create_dir(&profile).expect("a profile");
        for (name, text) in [("page.html", include_str!("page.html")), ("page.js", include_str!("page.js"))] {
            std::fs::write(folder.path().join(name), text).expect("the page");
        }
        let program = kind.program().expect("a browser; see `available`");
        let mut command = Command::new(program);
        match kind {
            Kind::Chromium | Kind::ShyChromium => {
                if kind == Kind::Chromium {
                    command.args(chromium::FAKE_DEVICES);
                }
                command.args(chromium::SWITCHES).args(["--remote-debugging-port=0", "--window-size=800,600"]);
                command.arg(format!("--user-data-dir={}", profile.display())).arg("about:blank")
            }
            Kind::Firefox => {
                std::fs::write(profile.join("user.js"), FIREFOX).expect("its preferences");
                command.args(["--headless", "--no-remote", "--remote-debugging-port", "0", "--profile"]).arg(&profile)
            }
        };
        // Without a screen and a session bus of the person who runs the test.
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("DBUS_SESSION_BUS_ADDRESS");
        command.env("HOME", folder.path()).env("XDG_RUNTIME_DIR", folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut process = Process(Some(command.spawn().expect("a browser that starts")));
        let address = listens(kind, &profile, &mut process).await;
        let wire = Wire::connect(&address).await;
        if kind == Kind::Firefox {
            wire.ask(None, "session.new", json!({ "capabilities": {} })).await.expect("a session");
        }
        let page = format!("file://{}/page.html", folder.path().display());
        Self { kind, wire: Some(Arc::new(wire)), process, page, _folder: folder }
    }

    /// Opens our page in a window of its own.
    pub async fn page(&self) -> Page {
        let wire = self.wire.clone().expect("not closed yet");
        let ask = async |session: Option<&str>, method: &str, params: Value| {
            wire.ask(session, method, params).await.unwrap_or_else(|e| panic!("{e}"))
        };
        let text = |value: &Value| value.as_str().expect("a name").to_owned();
        let name = match self.kind {
            Kind::Chromium | Kind::ShyChromium => {
                let target = ask(None, "Target.createTarget", json!({ "url": self.page, "newWindow": true })).await;
                let attach = json!({ "targetId": target["targetId"], "flatten": true });
                let session = text(&ask(None, "Target.attachToTarget", attach).await["sessionId"]);
                ask(Some(&session), "Runtime.enable", json!({})).await;
                session
            }
            Kind::Firefox => {
                let context = ask(None, "browsingContext.create", json!({ "type": "window" })).await;
                let context = text(&context["context"]);
                let to = json!({ "context": context, "url": self.page, "wait": "complete" });
                ask(None, "browsingContext.navigate", to).await;
                context
            }
        };
        Page::new(self.kind, wire, name).await
    }

    /// Ends it; its pages must be closed already.
    pub async fn close(mut self) {
        let wire = self.wire.take().expect("not closed yet");
        let method = if self.kind == Kind::Firefox { "browser.close" } else { "Browser.close" };
        let _ = wire.ask(None, method, json!({})).await;
        let begun = Instant::now();
        while !self.process.ended() && begun.elapsed() < END {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop(self.process);
        Arc::into_inner(wire).expect("pages are closed before their browser").close().await;
    }
}

/// The WebSocket that the browser has written into its profile.
async fn listens(kind: Kind, profile: &Path, process: &mut Process) -> String {
    let begun = Instant::now();
    while begun.elapsed() < START {
        let address = match kind {
            Kind::Chromium | Kind::ShyChromium => {
                std::fs::read_to_string(profile.join("DevToolsActivePort")).ok().and_then(|text| {
                    let (port, path) = text.split_once('\n')?;
                    path.starts_with('/').then(|| format!("ws://127.0.0.1:{port}{path}"))
                })
            }
            Kind::Firefox => std::fs::read(profile.join("WebDriverBiDiServer.json")).ok().and_then(|text| {
                let server: Value = serde_json::from_slice(&text).ok()?;
                Some(format!("ws://127.0.0.1:{}/session", server["ws_port"].as_u64()?))
            }),
        };
        if let Some(address) = address {
            return address;
        }
        assert!(!process.ended(), "the browser has ended before it listened");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the browser does not listen after {START:?}");
}

const FIREFOX: &str = r#"
user_pref("media.navigator.permission.disabled", true);
user_pref("media.navigator.streams.fake", true);
user_pref("media.autoplay.default", 0);
user_pref("media.autoplay.blocking_policy", 0);
user_pref("media.autoplay.block-webaudio", false);
user_pref("media.peerconnection.ice.loopback", true);
user_pref("dom.min_background_timeout_value", 4);
user_pref("dom.timeout.enable_budget_timer_throttling", false);
user_pref("widget.windows.window_occlusion_tracking.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("toolkit.telemetry.unified", false);
user_pref("app.update.enabled", false);
user_pref("app.normandy.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("extensions.getAddons.cache.enabled", false);
user_pref("extensions.systemAddon.update.enabled", false);
user_pref("services.settings.server", "data:,");
user_pref("remote.prefs.recommended", true);
"#;
