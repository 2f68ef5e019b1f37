//! A page of Chromium's at one end of the link: a browser without a window, spoken to through two pipes (its DevTools
//! protocol), for a socket would be in its namespace.
//!
//! A thread reads what it says: answers go to whoever asked, what the page gives to `send` to whoever listens.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::chromium::{FAKE_DEVICES, SWITCHES, program};
use super::link::Link;

/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(60);

/// Words of a page that wait for a listener: more than a call has candidates.
const WORDS: usize = 256;

/// What everybody who speaks to the browser shares.
struct Wire {
    input: Mutex<ChildStdin>,
    asked: AtomicU64,
    waiting: Mutex<HashMap<u64, SyncSender<Value>>>,
}

impl Wire {
    fn write(&self, session: Option<&str>, method: &str, params: Value) -> (u64, Receiver<Value>) {
        let id = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let mut question = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            question["sessionId"] = json!(session);
        }
        let (answer, answered) = sync_channel(1);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, answer);
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        // Whether the browser listens shows in its answer.
        let _ = write!(input, "{question}\0").and_then(|()| input.flush());
        (id, answered)
    }

    fn read(&self, mut output: BufReader<ChildStdout>, words: &SyncSender<String>) {
        let mut text = Vec::new();
        while output.read_until(0, &mut text).is_ok_and(|n| n > 0) {
            text.pop();
            let said: Value = serde_json::from_slice(&text).unwrap_or_default();
            text.clear();
            if let Some(id) = said["id"].as_u64() {
                let asker = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                if let Some(asker) = asker {
                    let _ = asker.send(said);
                }
            } else if said["method"] == "Runtime.bindingCalled" {
                let word = said["params"]["payload"].as_str().unwrap_or_default().to_owned();
                // overflow: drop; a page nobody listens to has nothing to say
                let _ = words.try_send(word);
            }
        }
        // Whoever still asks learns that the browser has ended.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Speaks to a page without waiting for what it answers; may be given to another thread.
#[derive(Clone)]
pub struct Mouth(Arc<Wire>, String);

impl Mouth {
    /// Runs code in the page.
    pub fn say(&self, code: &str) {
        self.0.write(Some(&self.1), "Runtime.evaluate", json!({ "expression": code }));
    }
}

/// The page, and its browser.
pub struct Page {
    child: Child,
    wire: Arc<Wire>,
    reader: Option<JoinHandle<()>>,
    words: Option<Receiver<String>>,
    session: String,
    _folder: tempfile::TempDir,
}

impl Page {
    /// Starts a browser in the namespace of one end and opens a page: these elements, and this script, which is there
    /// when `ready` is a function in it.
    pub fn start(end: usize, elements: &str, script: &str, ready: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the browser");
        std::fs::write(folder.path().join("page.js"), script).expect("the page");
        let html = format!("<!doctype html><meta charset=utf-8>{elements}<script src=page.js></script>");
        std::fs::write(folder.path().join("page.html"), html).expect("the page");
        let mut command = Link::command(end);
        // The protocol speaks through descriptors 3 and 4.
        command.args(["sh", "-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1"]);
        command.arg(program().expect("a browser")).args(SWITCHES).args(FAKE_DEVICES);
        command.args(["--remote-debugging-pipe", "--disable-features=WebRtcHideLocalIpsWithMdns"]);
        command.args(["--disable-quic", "--window-size=1280,720"]);
        command.arg(format!("--user-data-dir={}", folder.path().join("profile").display())).arg("about:blank");
        command.env("HOME", folder.path()).env("XDG_RUNTIME_DIR", folder.path());
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("DBUS_SESSION_BUS_ADDRESS");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the browser starts");
        let input = Mutex::new(child.stdin.take().expect("its input is a pipe"));
        let output = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let wire = Arc::new(Wire { input, asked: AtomicU64::new(0), waiting: Mutex::default() });
        let (words, listened) = sync_channel(WORDS);
        let reads = Arc::clone(&wire);
        let reader = Some(std::thread::spawn(move || reads.read(output, &words)));
        let mut page = Self { child, wire, reader, words: Some(listened), session: String::new(), _folder: folder };
        let url = format!("file://{}/page.html", page._folder.path().display());
        let target = page.ask("Target.createTarget", json!({ "url": url, "newWindow": true }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        page.session = page.ask("Target.attachToTarget", attach)["sessionId"].as_str().unwrap_or_default().to_owned();
        page.ask("Runtime.enable", json!({}));
        page.ask("Runtime.addBinding", json!({ "name": "send" }));
        while page.run(&format!("typeof {ready}")) != "function" {
            std::thread::sleep(Duration::from_millis(50));
        }
        page
    }

    /// Its first process; the others are its children.
    pub fn root(&self) -> u32 {
        self.child.id()
    }

    /// What the page gives to `send` from now on; once.
    pub fn words(&mut self) -> Receiver<String> {
        self.words.take().expect("asked once")
    }

    /// Speaks to it without waiting.
    pub fn mouth(&self) -> Mouth {
        Mouth(Arc::clone(&self.wire), self.session.clone())
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let session = Some(self.session.as_str()).filter(|session| !session.is_empty());
        let (_, answered) = self.wire.write(session, method, params);
        match answered.recv_timeout(ANSWER) {
            Ok(answer) => {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                answer["result"].clone()
            }
            Err(RecvTimeoutError::Timeout) => panic!("the browser does not answer to {method}"),
            Err(RecvTimeoutError::Disconnected) => panic!("the browser has ended"),
        }
    }

    /// What the code gives, its promise awaited.
    pub fn run(&mut self, code: &str) -> Value {
        let params = json!({ "expression": code, "awaitPromise": true, "returnByValue": true });
        let answer = self.ask("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{code:.100}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.wire.write(None, "Browser.close", json!({}));
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
