//! Two ends in their namespaces, and the test between them as their signaling.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::endpoint::VARIABLE;
use super::namespaces::Host;

/// Longest wait for anything: a silent server takes five seconds, a blocked stream eight.
const SOON: Duration = Duration::from_secs(25);

/// How an end is set up.
#[derive(Clone)]
pub struct Setup {
    /// Its servers, as JSON.
    pub servers: Vec<Value>,
    /// Candidates of relays only.
    pub relay_only: bool,
    /// A file of certificates to trust.
    pub roots: Option<std::path::PathBuf>,
}

impl Setup {
    pub fn with(servers: &[Value]) -> Self {
        Self { servers: servers.to_vec(), relay_only: false, roots: None }
    }

    pub fn relay_only(servers: &[Value]) -> Self {
        Self { relay_only: true, ..Self::with(servers) }
    }

    pub fn trusting(mut self, roots: std::path::PathBuf) -> Self {
        self.roots = Some(roots);
        self
    }
}

struct End {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    reader: Option<JoinHandle<()>>,
}

impl End {
    fn start(index: usize, host: &Host, setup: &Setup, lines: SyncSender<(usize, Value)>) -> Self {
        let own = std::env::current_exe().expect("the test knows its own file");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &host.namespace]).arg(own);
        command.args(["--exact", "endpoint", "--include-ignored", "--nocapture", "--test-threads=1"]);
        command.env(VARIABLE, "1").env_remove("SSL_CERT_FILE");
        if let Some(roots) = &setup.roots {
            command.env("SSL_CERT_FILE", roots);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the end starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // The harness may write on the same line before us.
                let Some((_, line)) = line.split_once('@') else { continue };
                let value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line}"));
                if lines.send((index, value)).is_err() {
                    return;
                }
            }
        });
        Self { name: host.namespace.clone(), child, input, reader: Some(reader) }
    }

    fn tell(&mut self, line: &Value) {
        let input = self.input.as_mut().expect("its input is open");
        writeln!(input, "{line}").and_then(|()| input.flush()).expect("it reads its input");
    }
}

/// See the module.
pub struct Pair {
    ends: [End; 2],
    lines: Receiver<(usize, Value)>,
    /// What each has said, in order.
    pub said: [Vec<Value>; 2],
    /// What of it was waited for.
    used: [Vec<bool>; 2],
    /// Candidates go over as they come.
    pub trickle: bool,
}

impl Pair {
    /// Starts both, without a word between them.
    pub fn start(hosts: [&Host; 2], setups: [Setup; 2]) -> Self {
        let (sender, lines) = sync_channel(10_000);
        let ends = [0, 1].map(|index| End::start(index, hosts[index], &setups[index], sender.clone()));
        let mut pair = Self { ends, lines, said: Default::default(), used: Default::default(), trickle: true };
        for (index, setup) in setups.iter().enumerate() {
            pair.tell(index, json!({"do": "add", "servers": setup.servers, "relay_only": setup.relay_only}));
            pair.until(index, "added");
        }
        pair
    }

    pub fn tell(&mut self, index: usize, line: Value) {
        self.ends[index].tell(&line);
    }

    /// Waits for a line of this end that has the key, and that was not waited for before.
    pub fn until(&mut self, index: usize, key: &str) -> Value {
        self.until_that(index, key, |line| line.get(key).is_some())
    }

    /// Waits for such a line of this end.
    pub fn until_that(&mut self, index: usize, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let limit = Instant::now() + SOON;
        loop {
            let found = self.said[index].iter().zip(&self.used[index]).position(|(line, used)| !used && wanted(line));
            if let Some(found) = found {
                self.used[index][found] = true;
                return self.said[index][found].clone();
            }
            match self.lines.recv_timeout(limit.saturating_duration_since(Instant::now())) {
                Ok((from, line)) => self.heard(from, line),
                Err(_) => panic!(
                    "{} said nothing of “{what}”.\nit said: {:#?}\nthe other: {:#?}",
                    self.ends[index].name,
                    short(&self.said[index]),
                    short(&self.said[1 - index])
                ),
            }
        }
    }

    fn heard(&mut self, from: usize, line: Value) {
        if let Some(candidate) = line.get("candidate").filter(|_| self.trickle) {
            self.ends[1 - from].tell(&json!({"do": "candidate", "candidate": candidate}));
        }
        assert!(line.get("error").is_none(), "{}: {line}", self.ends[from].name);
        self.said[from].push(line);
        self.used[from].push(false);
    }

    /// Offer and answer, first to second.
    pub fn negotiate(&mut self) {
        self.tell(0, json!({"do": "offer"}));
        let offer = self.until(0, "offer");
        self.answer(&offer["offer"].clone());
    }

    /// The first end's offer to the second, and back.
    pub fn answer(&mut self, offer: &Value) {
        self.tell(1, json!({"do": "accept", "offer": offer}));
        let answer = self.until(1, "answer");
        self.tell(0, json!({"do": "conclude", "answer": answer["answer"]}));
        self.until(0, "concluded");
    }

    /// A restart of the path, asked for by the first end.
    pub fn restart(&mut self) {
        self.tell(0, json!({"do": "restart"}));
        let offer = self.until(0, "offer");
        self.answer(&offer["offer"].clone());
    }

    /// A whole call: connected, a decoded picture on both sides, a message each way.
    pub fn call(&mut self) {
        self.negotiate();
        for index in [0, 1] {
            self.until_that(index, "a connection", |line| line["state"] == "Connected");
        }
        for index in [0, 1] {
            self.until(index, "first_frame");
        }
        self.exchange("hello");
    }

    /// A message each way.
    pub fn exchange(&mut self, words: &str) {
        for index in [0, 1] {
            let text = format!("{words} from {index}");
            self.tell(index, json!({"do": "send", "text": text}));
            self.until_that(1 - index, "the message", |line| line["message"] == text.as_str());
        }
    }

    /// The path of an end: `local_kind`, `remote_kind`, `relayed`, `pictures`, ….
    pub fn look(&mut self, index: usize) -> Value {
        self.tell(index, json!({"do": "look"}));
        self.until(index, "look")["look"].clone()
    }

    /// Waits until both have decoded more pictures than now.
    pub fn more_pictures(&mut self) {
        for index in [0, 1] {
            let before = self.look(index)["pictures"].as_u64().unwrap_or_default();
            let limit = Instant::now() + SOON;
            while self.look(index)["pictures"].as_u64().unwrap_or_default() < before + 5 {
                assert!(Instant::now() < limit, "{}: no more pictures come", self.ends[index].name);
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    /// Every candidate and description that an end has given out, as text.
    pub fn given_out(&self, index: usize) -> String {
        let given = |line: &&Value| ["offer", "answer", "candidate"].iter().any(|key| line.get(key).is_some());
        self.said[index].iter().filter(given).map(|line| line.to_string().replace("\\r\\n", "\n")).collect()
    }

    /// Ends both in order.
    pub fn close(mut self) {
        for end in &mut self.ends {
            end.tell(&json!({"do": "close"}));
        }
        for end in &mut self.ends {
            end.input = None;
            let status = end.child.wait().expect("the end ends");
            assert!(status.success(), "{} ended with {status}", end.name);
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for end in &mut self.ends {
            end.input = None;
            let _ = end.child.kill();
            let _ = end.child.wait();
            if let Some(reader) = end.reader.take() {
                let _ = reader.join();
            }
        }
    }
}

/// Without the long texts.
fn short(lines: &[Value]) -> Vec<String> {
    lines.iter().map(|line| line.to_string().chars().take(220).collect()).collect()
}
