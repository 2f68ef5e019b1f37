//! The real program without its window: two copies, JSON Lines in and out, exit codes, bad input.

mod common;
#[path = "headless/files.rs"]
mod files;
#[path = "headless/named_rooms.rs"]
mod named_rooms;
#[path = "headless/rooms.rs"]
mod rooms;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

const STEP: Duration = Duration::from_secs(25);
const LIMIT: Duration = Duration::from_secs(120);

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_visavis"));
    command.env_remove("VISAVIS_LOG");
    command
}

/// One copy, killed at the end if it has not ended by itself.
struct Copy {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Value>,
    reader: Option<std::thread::JoinHandle<()>>,
    seen: Vec<Value>,
}

impl Copy {
    fn start(profile: &Path, server: &str, more: &[&str]) -> Self {
        Self::start_in(program(), profile, server, more)
    }

    fn start_in(mut command: Command, profile: &Path, server: &str, more: &[&str]) -> Self {
        command.arg("headless").arg("--profile").arg(profile).args(["--server", server]);
        command.args(["--camera", "pattern:scene", "--microphone", "tone:440", "--speaker", "none"]);
        command.args(["--video-size", "320x180", "--fps", "15"]).args(more);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let (sender, lines) = sync_channel(10_000);
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e} in {line}"));
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        Self { child, input, lines, reader: Some(reader), seen: Vec::new() }
    }

    fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().expect("its input is still open");
        writeln!(input, "{line}").expect("it reads its input");
        input.flush().expect("it reads its input");
    }

    /// The next line of this event; what comes before it is kept in `seen`.
    fn event(&mut self, event: &str) -> Value {
        let until = Instant::now() + STEP;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) if line["event"] == event => return line,
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Timeout) => panic!("waited in vain for {event}: {:#?}", self.seen),
                Err(RecvTimeoutError::Disconnected) => panic!("ended without {event}: {:#?}", self.seen),
            }
        }
    }

    fn id(&mut self) -> String {
        self.event("online")["id"].as_str().expect("an ID is a text").to_owned()
    }

    /// Waits for the program's own end.
    fn code(&mut self) -> i32 {
        let status =
            common::wait_for("the program's end", STEP, || self.child.try_wait().expect("the child can be asked"));
        self.join();
        status.code().unwrap_or(-1)
    }

    fn join(&mut self) {
        self.input = None;
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.join();
    }
}

/// A signaling server of its own, as `visavis serve`.
struct Served {
    copy: Child,
    url: String,
}

impl Served {
    fn start() -> Self {
        Self::spawn(program())
    }

    fn spawn(mut program: Command) -> Self {
        let mut copy = program
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        BufReader::new(copy.stdout.take().expect("its output is a pipe"))
            .read_line(&mut line)
            .expect("its address in one line");
        let url = line.trim().rsplit(' ').next().expect("a line has a last word").to_owned();
        assert!(url.starts_with("ws://127.0.0.1:"), "{line}");
        Self { copy, url }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.copy.kill();
        let _ = self.copy.wait();
    }
}

/// A network of its own with nothing in it but the loopback interface. Needs root.
struct Network {
    holder: Child,
}

impl Network {
    fn start() -> Option<Self> {
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-c", "ip link set lo up && nft add table inet cut && echo ready && exec sleep 600"])
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut line = String::new();
        let output = holder.stdout.take().expect("its output is a pipe");
        BufReader::new(output).read_line(&mut line).expect("it says something or ends");
        let network = Self { holder };
        (line.trim() == "ready").then_some(network)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.env_remove("VISAVIS_LOG").arg(format!("--net=/proc/{}/ns/net", self.holder.id())).arg(program);
        command
    }

    fn program(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_visavis"))
    }

    fn run(&self, line: &str) -> String {
        let output = self.command("sh").args(["-c", line]).output().expect("a shell runs");
        assert!(output.status.success(), "{line}: {}", words(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// No datagram reaches the sockets that are open now, ever again.
    fn cut_datagrams(&self) {
        let sockets = self.run("ss --no-header --numeric --udp --all");
        let ports: Vec<_> =
            sockets.lines().filter_map(|line| line.split_whitespace().nth(3)?.rsplit(':').next()).collect();
        assert!(ports.len() >= 2, "{sockets}");
        let rule = format!("nft add rule inet cut input udp dport '{{ {} }}' drop", ports.join(", "));
        self.run(&format!("nft add chain inet cut input '{{ type filter hook input priority 0 ; }}' && {rule}"));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn profiles() -> (TempDir, PathBuf, PathBuf) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let (a, b) = (home.path().join("a"), home.path().join("b"));
    (home, a, b)
}

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).stdin(Stdio::null()).output().expect("the program runs")
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn two_copies_talk() {
    let _guard = common::guard(LIMIT);
    let (_home, a, b) = profiles();
    let server = Served::start();
    let mut callee = Copy::start(&b, &server.url, &["--name", "Noor", "--answer", "video"]);
    let id = callee.id();
    let mut caller = Copy::start(&a, &server.url, &["--name", "Amara", "--call", &id, "--stats", "1"]);
    assert!(caller.event("connected")["setup_ms"].is_u64());
    assert!(caller.event("first_frame")["after_ms"].is_u64());
    assert_eq!(callee.event("incoming")["name"], "Amara");
    caller.event("stats");
    let stats = caller.event("stats");
    assert_eq!(stats["peer"], id);
    for (path, keys) in [
        ("", "t_ms peer received sent transport process"),
        (
            "/received/video",
            "fps width height bitrate_bps packets lost nacks plis freezes frozen_ms latency_ms skew_ms decode_ms",
        ),
        ("/received/video/latency_ms", "p50 p95 max"),
        ("/received/audio", "bitrate_bps packets lost concealed_share jitter_buffer_ms level_dbfs"),
        ("/sent/video", "encode_ms target_bps"),
        ("/transport", "rtt_ms local remote relayed"),
        ("/process", "cpu_s pss_mb"),
    ] {
        let object = stats.pointer(path).and_then(Value::as_object).unwrap_or_else(|| panic!("{path} in {stats}"));
        assert!(keys.split(' ').all(|key| object.contains_key(key)), "{path}: {object:?}");
    }
    assert_eq!(
        (&stats["received"]["video"]["width"], &stats["received"]["video"]["height"]),
        (&json!(320), &json!(180))
    );

    caller.tell("this is no JSON");
    assert!(caller.event("error")["message"].as_str().unwrap().contains("no command"));
    caller.tell(r#"{"command":"chat","text":"hello 👋"}"#);
    assert_eq!(callee.event("chat")["text"], "hello 👋");
    caller.event("delivered");
    callee.tell(r#"{"command":"mute"}"#);
    callee.tell(r#"{"command":"hangup"}"#);
    assert_eq!(callee.event("ended")["outcome"], "accepted");
    assert_eq!(caller.event("ended")["outcome"], "accepted");
    assert_eq!(caller.code(), 0, "--call ends with the call");
    callee.tell(r#"{"command":"quit"}"#);
    assert_eq!(callee.code(), 0);
}

#[test]
fn a_callee_killed_while_it_rings_or_talks_is_noticed() {
    let _guard = common::guard(LIMIT);
    let (_home, a, b) = profiles();
    let server = Served::start();
    let mut callee = Copy::start(&b, &server.url, &[]);
    let id = callee.id();
    let mut caller = Copy::start(&a, &server.url, &["--call", &id]);
    caller.event("ringing");
    drop(callee); // SIGKILL
    assert_eq!(caller.event("ended")["outcome"], "unreachable");
    assert_eq!(caller.code(), 6);

    let mut callee = Copy::start(&b, &server.url, &["--answer", "audio"]);
    callee.id();
    let mut caller = Copy::start(&a, &server.url, &["--call", &id]);
    caller.event("connected");
    drop(callee);
    let end = caller.event("ended");
    assert_eq!(end["outcome"], "failed", "{end}");
    assert!(!end["reason"].as_str().unwrap().is_empty());
    assert_eq!(caller.code(), 6);
}

#[test]
fn the_first_copy_serves_the_others() {
    let _guard = common::guard(LIMIT);
    let (_home, a, b) = profiles();
    let address = format!("127.0.0.1:{}", common::free_port());
    let start = |profile: &Path, more: &[&str]| {
        let mut command = program();
        command.arg("headless").arg("--profile").arg(profile).args(["--embedded", &address]);
        command.args(["--camera", "none", "--microphone", "none", "--speaker", "none"]).args(more);
        Copy::spawn(command)
    };
    let mut first = start(&a, &[]);
    first.id();
    let mut second = start(&b, &["--answer", "decline"]);
    let id = second.id();
    first.tell(&json!({"command": "call", "to": id}).to_string());
    assert_eq!(first.event("ended")["outcome"], "declined");
    first.tell(r#"{"command":"quit"}"#);
    assert_eq!(first.code(), 0);
    second.event("offline");
    second.event("online"); // it took over
    let mut third = start(&a, &["--call", &id]);
    assert_eq!(third.event("ended")["outcome"], "declined");
    assert_eq!(third.code(), 6);
}

#[test]
fn bad_input_gets_a_sentence_and_its_code() {
    let _guard = common::guard(LIMIT);
    let (home, a, b) = profiles();
    let server = Served::start();
    let (profile, other) = (a.to_str().unwrap(), b.to_str().unwrap());

    let wrong = run(&["headless", "--profile", profile, "--call", "K7WM-3Q9T-XH4N-2VDA-6PZR-E8CY"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(words(&wrong).contains("typing mistake"), "{}", words(&wrong));

    let wrong = run(&["headless", "--profile", profile, "--server", "http://example.org"]);
    assert_eq!(wrong.status.code(), Some(5));
    assert!(words(&wrong).contains("ws://"), "{}", words(&wrong));

    let nobody = format!("ws://127.0.0.1:{}", common::free_port());
    let id = "echo";
    let mut alone = Copy::start(&a, &nobody, &["--call", id, "--for", "3"]);
    alone.event("connected"); // the echo needs no server
    assert_eq!(alone.code(), 0);

    let mut holder = Copy::start(&a, &server.url, &[]);
    holder.id();
    let second = run(&["headless", "--profile", profile]);
    assert_eq!(second.status.code(), Some(4));
    assert!(words(&second).contains("another copy"), "{}", words(&second));
    holder.tell(r#"{"command":"quit"}"#);
    assert_eq!(holder.code(), 0);

    std::fs::write(a.join("settings.toml"), "name = \"A\"\nvideo_fps = \"many\"\n").unwrap();
    let mut copy = Copy::start(&a, &server.url, &[]);
    let message = copy.event("error")["message"].as_str().unwrap().to_owned();
    assert!(message.contains("line 2") && message.contains("video_fps"), "{message}");
    assert!(a.join("settings.toml.bad-1").exists());
    copy.id();
    drop(copy);

    std::fs::create_dir(&b).unwrap();
    std::fs::write(b.join("identity.key"), "short").unwrap();
    let damaged = run(&["headless", "--profile", other]);
    assert_eq!(damaged.status.code(), Some(3));
    assert_eq!(std::fs::read_to_string(b.join("identity.key")).unwrap(), "short");

    let port = server.url.trim_start_matches("ws://");
    let taken = run(&["serve", "--listen", port]);
    assert_eq!(taken.status.code(), Some(5));
    assert!(words(&taken).contains("taken"), "{}", words(&taken));

    let file = home.path().join("server.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:0\"\nbrust = 3\n").unwrap();
    let bad = run(&["serve", "--config", file.to_str().unwrap()]);
    assert_eq!(bad.status.code(), Some(3));
    assert!(words(&bad).contains("line 2") && words(&bad).contains("brust"), "{}", words(&bad));
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_in_order() {
    let _guard = common::guard(LIMIT);
    let (_home, a, b) = profiles();
    let server = Served::start();
    let mut callee = Copy::start(&b, &server.url, &["--answer", "video"]);
    let id = callee.id();
    let mut caller = Copy::start(&a, &server.url, &["--call", &id]);
    caller.event("connected");
    callee.event("connected");
    let pid = caller.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(callee.event("ended")["outcome"], "accepted");
    assert_eq!(caller.code(), 0);
}

#[test]
fn the_test_call_and_the_list_speak_json() {
    let _guard = common::guard(LIMIT);
    let list = run(&["devices", "--json"]);
    assert!(list.status.success());
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    assert!(["cameras", "microphones", "speakers"].iter().all(|kind| list[kind].is_array()), "{list}");

    let test = run(&["test", "--json", "--video-size", "320x180"]);
    let report: Value = serde_json::from_slice(&test.stdout).unwrap();
    assert!(report["good"].is_boolean() && report["verdict"].is_string(), "{report}");
    assert!(report["fps"].as_f64().unwrap() > 0.0, "{report}");
    let expected = if report["good"] == true { 0 } else { 7 };
    assert_eq!(test.status.code(), Some(expected), "{report}");
}

#[test]
fn a_path_that_breaks_is_replaced_by_another() {
    let _guard = common::guard(LIMIT);
    let Some(network) = Network::start() else {
        eprintln!("skipped: a network namespace and nft need root");
        return;
    };
    let (_home, a, b) = profiles();
    let server = Served::spawn(network.program());
    let more = ["--name", "Noor", "--answer", "video", "--stats", "0.5"];
    let mut callee = Copy::start_in(network.program(), &b, &server.url, &more);
    let id = callee.id();
    let more = ["--name", "Amara", "--call", &id, "--stats", "0.5"];
    let mut caller = Copy::start_in(network.program(), &a, &server.url, &more);
    caller.event("first_frame");
    callee.event("first_frame");
    let local = |copy: &mut Copy| copy.event("stats")["transport"]["local"].clone();
    let before = [local(&mut caller), local(&mut callee)];
    network.cut_datagrams();
    // Whoever misses the other first looks for another path at once, so the other may not come to miss anybody.
    for state in ["reconnecting", "connected"] {
        while caller.event("state")["state"] != state {}
    }
    for (copy, before) in [&mut caller, &mut callee].into_iter().zip(before) {
        while local(copy) == before {}
        while copy.event("stats")["received"]["video"]["fps"].as_f64().is_none_or(|fps| fps < 5.0) {}
        let state = copy.seen.iter().rfind(|line| line["event"] == "state").map(|line| line["state"].clone());
        assert!(state.is_none_or(|state| state == "connected"), "{:#?}", copy.seen);
    }
    caller.tell(r#"{"command":"chat","text":"still there?"}"#);
    assert_eq!(callee.event("chat")["text"], "still there?");
    caller.tell(r#"{"command":"hangup"}"#);
    assert_eq!(callee.event("ended")["outcome"], "accepted");
}
