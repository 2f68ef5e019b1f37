//! A pair of `visavis headless` at the ends of the link, and a `visavis serve` beside the one that answers.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::figures::{mean, on_screen};
use super::reading::Reading;
use super::run::{Pair, Setting};
use super::usage::unix_s;
use crate::link::{ADDRESSES, Link};

/// Longest wait for anything.
const LIMIT: Duration = Duration::from_secs(30);

/// Size of a file that is sent beside a call, bytes: more than goes over the link while it is measured.
const FILE: u64 = 64 << 20;

/// The program that is measured.
pub fn program() -> PathBuf {
    std::env::var_os("VISAVIS_SCORE_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_visavis").into(), PathBuf::from)
}

/// A process that is gone when this is.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = std::process::Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) && matches!(self.0.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What an end has said, each line with the time it came.
#[derive(Default)]
struct Said {
    lines: Mutex<(Vec<(f64, Value)>, bool)>,
    more: Condvar,
}

struct End {
    input: ChildStdin,
    said: Arc<Said>,
    /// Lines that [`End::until`] has looked at, and [`End::readings`].
    awaited: usize,
    read: usize,
    process: Option<Process>,
    reader: Option<JoinHandle<()>>,
}

impl End {
    fn start(end: usize, arguments: &[String], raw: &Path) -> Self {
        let errors = std::fs::File::create(raw.with_extension("err")).expect("room for what it complains of");
        let mut child = Link::command(end)
            .arg(program())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("the program starts");
        let input = child.stdin.take().expect("its input is a pipe");
        let output = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let said = Arc::<Said>::default();
        let (hears, mut raw) = (Arc::clone(&said), std::fs::File::create(raw).expect("room for what it says"));
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let at_s = unix_s();
                let mut value = serde_json::from_str::<Value>(&line).unwrap_or_default();
                if value.is_object() {
                    value["at_s"] = json!(at_s);
                    let _ = writeln!(raw, "{value}");
                }
                hears.lines.lock().unwrap_or_else(PoisonError::into_inner).0.push((at_s, value));
                hears.more.notify_all();
            }
            hears.lines.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
            hears.more.notify_all();
        });
        Self { input, said, awaited: 0, read: 0, process: Some(Process(child)), reader: Some(reader) }
    }

    fn tell(&mut self, line: &Value) {
        let _ = writeln!(self.input, "{line}").and_then(|()| self.input.flush());
    }

    /// The next line of this kind.
    fn until(&mut self, event: &str) -> (f64, Value) {
        let begun = Instant::now();
        let mut lines = self.said.lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            while let Some((at_s, value)) = lines.0.get(self.awaited) {
                self.awaited += 1;
                assert!(value["event"] != "error", "the program says: {value}");
                if value["event"] == event {
                    return (*at_s, value.clone());
                }
            }
            assert!(!lines.1, "the program has ended, and not said “{event}”");
            let left = LIMIT.saturating_sub(begun.elapsed());
            assert!(!left.is_zero(), "the program does not say “{event}”");
            lines = self.said.more.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Those since the last call.
    fn readings(&mut self) -> Vec<Reading> {
        let lines = self.said.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let new = lines.0[self.read..].iter().filter(|(_, value)| value["event"] == "stats");
        let new = new.map(|(at_s, value)| Reading::of_ours(*at_s, value)).collect();
        self.read = lines.0.len();
        new
    }
}

impl Drop for End {
    fn drop(&mut self) {
        drop(self.process.take());
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// The pair. The second end calls, the first answers; the way to the server is the link for one of them.
pub struct Ours {
    ends: [End; 2],
    /// Of the end that answers.
    id: String,
    profiles: [tempfile::TempDir; 2],
    _server: Process,
}

impl Ours {
    /// Starts both and waits until people can reach them.
    pub fn start(setting: &Setting, number: usize, raw: &Path) -> Self {
        let address = format!("{}:{}", ADDRESSES[0], 9000 + number);
        let mut server = Link::command(0)
            .arg(program())
            .args(["serve", "--listen", &address])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut first = String::new();
        let output = server.stdout.take().expect("its output is a pipe");
        let server = Process(server);
        BufReader::new(output).read_line(&mut first).expect("it speaks");
        assert!(first.starts_with("serving"), "the server does not serve: {first}");
        let profiles = [0, 1].map(|_| tempfile::tempdir().expect("a folder for a profile"));
        let (width, height) = setting.size;
        let mut ends = [0, 1].map(|end| {
            let own = |text: &str| text.to_owned();
            let mut arguments = vec![own("headless"), own("--profile"), profiles[end].path().display().to_string()];
            arguments.extend([own("--server"), format!("ws://{address}"), own("--camera"), own("pattern:scene")]);
            arguments.extend([own("--microphone"), format!("tone:{}", 330 + 110 * end), own("--speaker"), own("none")]);
            arguments.extend([own("--video-size"), format!("{width}x{height}"), own("--fps"), own("30")]);
            arguments.extend([own("--stats"), setting.every.as_secs_f64().to_string(), own("--answer"), own("video")]);
            arguments.extend([own("--accept-files"), own("--downloads"), profiles[end].path().display().to_string()]);
            End::start(end, &arguments, &raw.join(format!("{}{}.jsonl", ["a", "b"][end], number)))
        });
        let id = ends[0].until("online").1["id"].as_str().expect("an ID").to_owned();
        ends[1].until("online");
        Self { ends, id, profiles, _server: server }
    }
}

impl Pair for Ours {
    fn call(&mut self) -> f64 {
        let begun = unix_s();
        self.ends[1].tell(&json!({"command": "call", "to": self.id}));
        let (seen, _) = self.ends[0].until("first_frame");
        self.ends[1].until("first_frame");
        // As a browser tells it, on a screen.
        mean(&on_screen(&[(seen - begun) * 1e3]))
    }

    fn hang_up(&mut self) {
        self.ends[1].tell(&json!({"command": "hangup"}));
        for end in &mut self.ends {
            end.until("ended");
        }
    }

    fn poll(&mut self) -> [Vec<Reading>; 2] {
        let [a, b] = &mut self.ends;
        [a.readings(), b.readings()]
    }

    fn send_file(&mut self) {
        let path = self.profiles[0].path().join("large");
        std::fs::File::create(&path).and_then(|file| file.set_len(FILE)).expect("room for a file");
        self.ends[0].tell(&json!({"command": "file", "path": path}));
        self.ends[1].until("file_progress");
    }

    fn roots(&self) -> [u32; 2] {
        [0, 1].map(|end| self.ends[end].process.as_ref().map_or(0, |process| process.0.id()))
    }
}
