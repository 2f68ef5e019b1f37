//! Chromium calling Chromium over the link: each without a window, spoken to through two pipes (its DevTools protocol),
//! for a socket would be in its namespace.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::{Call, Counts, Heard, link::Link};

/// Its program, if it is installed.
pub fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()))
}

const OPTIONS: &[&str] = &[
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--disable-breakpad",
    "--password-store=basic",
    "--mute-audio",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "about:blank",
];

/// Samples fetched at once.
const CHUNK: u64 = 480_000;

struct Page {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    asked: u64,
    session: Option<String>,
    _folder: tempfile::TempDir,
}

impl Page {
    fn start(end: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the browser");
        std::fs::write(folder.path().join("page.js"), include_str!("page.js")).expect("the page");
        let html = "<!doctype html><meta charset=utf-8><script src=page.js></script>";
        std::fs::write(folder.path().join("page.html"), html).expect("the page");
        let mut command = Link::command(end);
        // The protocol speaks through descriptors 3 and 4.
        command.args(["sh", "-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1"]);
        command.arg(program().expect("a browser")).args(OPTIONS);
        command.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
        command.env("HOME", folder.path()).env("XDG_RUNTIME_DIR", folder.path());
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("DBUS_SESSION_BUS_ADDRESS");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the browser starts");
        let input = child.stdin.take().expect("its input is a pipe");
        let output = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let url = format!("file://{}/page.html", folder.path().display());
        let mut page = Self { child, input, output, asked: 0, session: None, _folder: folder };
        let target = page.ask("Target.createTarget", json!({ "url": url, "newWindow": true }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        page.session = page.ask("Target.attachToTarget", attach)["sessionId"].as_str().map(str::to_owned);
        page.ask("Runtime.enable", json!({}));
        while page.run("typeof conclude") != "function" {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        page
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let mut question = json!({ "id": self.asked, "method": method, "params": params });
        if let Some(session) = &self.session {
            question["sessionId"] = json!(session);
        }
        write!(self.input, "{question}\0").and_then(|()| self.input.flush()).expect("the browser listens");
        loop {
            let mut text = Vec::new();
            self.output.read_until(0, &mut text).expect("the browser speaks");
            assert_eq!(text.pop(), Some(0), "the browser has ended");
            let answer: Value = serde_json::from_slice(&text).expect("JSON");
            if answer["id"] == self.asked {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
    }

    /// What the code gives, its promise awaited.
    fn run(&mut self, code: &str) -> Value {
        let params = json!({ "expression": code, "awaitPromise": true, "returnByValue": true });
        let answer = self.ask("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{code:.100}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = write!(self.input, "{}\0", json!({ "id": 0, "method": "Browser.close" }));
        let _ = self.input.flush();
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A call between two browsers.
pub struct Chromium([Page; 2], Option<(f64, f64)>);

impl Chromium {
    /// Calls; both speak from now on.
    pub fn call(speech: &Path) -> Self {
        let speech = BASE64.encode(&std::fs::read(speech).expect("the speech"));
        let mut pages = [0, 1].map(Page::start);
        for page in &mut pages {
            page.run(&format!("prepare('{speech}')"));
        }
        let offer = pages[0].run("offer()");
        let answer = pages[1].run(&format!("accept({offer})"));
        pages[0].run(&format!("conclude({answer})"));
        Self(pages, None)
    }
}

impl Call for Chromium {
    fn look(&mut self) -> Counts {
        let said = self.0[1].run("look()");
        let number = |key: &str| said[key].as_f64().unwrap_or_default();
        // Their delay is summed up over all samples: what is new since the last look.
        let now = (number("delay"), number("emitted"));
        let before = self.1.replace(now).unwrap_or_default();
        let waiting_ms = (now.0 - before.0) / (now.1 - before.1).max(1.0) * 1e3;
        Counts { samples: number("samples"), concealed: number("concealed"), waiting_ms, bytes: number("bytes") }
    }

    fn end(mut self: Box<Self>) -> Heard {
        let spoke = self.0[0].run("times()");
        let heard = self.0[1].run("times()");
        let length = heard["length"].as_u64().unwrap_or_default();
        let mut samples = Vec::new();
        for from in (0..length).step_by(CHUNK as usize) {
            let text = self.0[1].run(&format!("heard({from}, {})", CHUNK.min(length - from)));
            let bytes = BASE64.decode(text.as_str().unwrap_or_default().as_bytes()).expect("base64");
            samples.extend(bytes.chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0));
        }
        let later_ms = heard["heard"].as_f64().unwrap_or_default() - spoke["spoken"].as_f64().unwrap_or_default();
        Heard { samples, later_ms }
    }
}
