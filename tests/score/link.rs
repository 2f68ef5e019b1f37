//! An emulated link between two network namespaces, for as long as it lives.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::calls::usage::unix_s;

/// The namespace of an end: of this process alone, so that two tables can be made at once.
fn name(end: usize) -> String {
    format!("vvscore-{}-{}", std::process::id(), ["a", "b"][end])
}

/// Addresses of the ends.
pub const ADDRESSES: [&str; 2] = ["10.77.0.1", "10.77.0.2"];

/// The link.
pub struct Link {
    child: Option<Child>,
    /// When traffic could flow, seconds since 1970: where its log counts from.
    pub ready_s: f64,
}

fn tool() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/linkemu")
}

/// Why there can be none here; `None` where there can.
pub fn missing() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("network namespaces are a thing of Linux".to_owned());
    }
    let probe = Command::new(tool()).args(["--ns-a", &name(0), "--ns-b", &name(1), "--", "true"]).output();
    match probe {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(e) => Some(format!("Python 3 is not there: {e}")),
    }
}

impl Link {
    /// Makes both namespaces and joins them, both ways alike (`delay=50ms loss=2%`; see the tool's help).
    pub fn up(settings: &str) -> Self {
        Self::up_logged(settings, 1, None)
    }

    /// The same with its own chance: of one seed packets are lost and late alike each time. Its log, a row a second and
    /// direction, goes into the file.
    pub fn up_logged(settings: &str, seed: usize, log: Option<&Path>) -> Self {
        let mut command = Command::new(tool());
        command.args(["--ns-a", &name(0), "--ns-b", &name(1), "--ab", settings, "--ba", settings, "--control"]);
        command.args(["--seed", &seed.to_string()]);
        if let Some(file) = log {
            command.arg("--log").arg(file);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the link emulator starts");
        let mut first = String::new();
        let output = child.stdout.take().expect("its output is a pipe");
        BufReader::new(output).read_line(&mut first).expect("it speaks");
        let mut link = Self { child: Some(child), ready_s: unix_s() };
        if !first.starts_with("ready") {
            panic!("the link does not come up: {first}{}", link.stop());
        }
        link
    }

    /// Changes settings, both ways.
    pub fn change(&mut self, settings: &str) {
        let input = self.child.as_mut().and_then(|child| child.stdin.as_mut()).expect("it is up");
        writeln!(input, "{settings}").and_then(|()| input.flush()).expect("it listens");
    }

    /// A program in the namespace of one end.
    pub fn command(end: usize) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &name(end)]);
        command
    }

    /// Takes it down; gives how late packets left against plan, mean, ms: above a few the machine was too busy.
    pub fn down(mut self) -> f64 {
        let words = self.stop();
        let late =
            words.lines().filter_map(|line| line.rsplit_once("late_ms mean ")?.1.split(' ').next()?.parse().ok());
        late.fold(0.0, f64::max)
    }

    /// Ends the tool; gives its last words. Does nothing the second time.
    fn stop(&mut self) -> String {
        let mut words = String::new();
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
            if let Some(mut errors) = child.stderr.take() {
                let _ = errors.read_to_string(&mut words);
            }
            let _ = child.wait();
        }
        words
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop();
    }
}
