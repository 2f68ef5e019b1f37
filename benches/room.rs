//! What a room costs as people are added: copies of the whole program without a window, 360p30 pictures and a tone from
//! each, everybody to everybody.
//!
//! `cargo bench --bench room [-- SECONDS [FIRST [LAST]]]`, 20 seconds with each number of people from 2 to 6 by default. One
//! JSON object a number of people: processor seconds a minute and memory of one side (median, and the most), what the last
//! person added to that, and pictures shown a second (the least and the median over all pairs).

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot run should say where")]

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Before it counts: the estimates of all paths find their place.
const SETTLE: Duration = Duration::from_secs(5);

/// A program of ours, ended with it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(arguments: &[&str]) -> (Running, Lines<BufReader<ChildStdout>>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_visavis"));
    let piped = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.spawn().expect("the program starts");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    (Running(child), lines)
}

struct Person {
    running: Running,
    lines: Lines<BufReader<ChildStdout>>,
    id: String,
}

impl Person {
    fn start(profile: &Path, server: &str) -> Self {
        let (running, lines) = program(&[
            "headless",
            "--profile",
            profile.to_str().unwrap(),
            "--server",
            server,
            "--camera",
            "pattern:scene",
            "--microphone",
            "tone:440",
            "--speaker",
            "none",
            "--video-size",
            "640x360",
            "--fps",
            "30",
            "--answer",
            "video",
            "--stats",
            "1",
        ]);
        let mut person = Self { running, lines, id: String::new() };
        person.id = person.until("online", 1).pop().unwrap()["id"].as_str().unwrap().to_owned();
        person
    }

    fn tell(&mut self, line: &Value) {
        writeln!(self.running.0.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// So many lines of this event; the others in between are passed over.
    fn until(&mut self, event: &str, count: usize) -> Vec<Value> {
        let lines = self.lines.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        let found: Vec<_> = lines.filter(|line| line["event"] == event).take(count).collect();
        assert_eq!(found.len(), count, "it ended before {event}");
        found
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The figures of so many people, and the processor seconds a minute of one side.
fn room(people: usize, length: Duration) -> (Value, f64) {
    let (_server, mut said) = program(&["serve", "--listen", "127.0.0.1:0"]);
    let url = said.next().unwrap().unwrap().rsplit(' ').next().unwrap().to_owned();
    let home = tempfile::tempdir().unwrap();
    let mut all: Vec<_> = (0..people).map(|n| Person::start(&home.path().join(n.to_string()), &url)).collect();
    for guest in 1..people {
        let command = if guest == 1 { "call" } else { "invite" };
        let to = all[guest].id.clone();
        all[0].tell(&json!({"command": command, "to": to}));
        all[guest].until("first_frame", guest);
        for other in &mut all[..guest] {
            other.until("first_frame", 1);
        }
    }
    // Everybody's stats lines are read by a thread of its own: a full pipe would hold the program up.
    let watched: Vec<_> =
        all.into_iter().map(|person| std::thread::spawn(move || watch(person, people - 1, length))).collect();
    let sides: Vec<_> = watched.into_iter().map(|watcher| watcher.join().unwrap()).collect();
    let cpu: Vec<_> = sides.iter().map(|side| side.cpu_minute).collect();
    let memory: Vec<_> = sides.iter().map(|side| side.memory_mb).collect();
    let fps: Vec<_> = sides.iter().flat_map(|side| side.fps.iter().copied()).collect();
    let most = |all: &[f64]| all.iter().copied().fold(0.0, f64::max);
    let figures = json!({
        "people": people, "seconds": length.as_secs(),
        "cpu_s_per_minute": median(cpu.clone()), "cpu_s_per_minute_most": most(&cpu),
        "pss_mb": median(memory.clone()), "pss_mb_most": most(&memory),
        "fps_least": fps.iter().copied().fold(f64::INFINITY, f64::min), "fps": median(fps),
        "frozen_s": sides.iter().map(|side| side.frozen_s).sum::<f64>(),
    });
    (figures, median(cpu))
}

struct SideFigures {
    cpu_minute: f64,
    memory_mb: f64,
    /// Mean over the whole time, of each of the others.
    fps: Vec<f64>,
    /// Of all the others together.
    frozen_s: f64,
}

fn watch(mut person: Person, others: usize, length: Duration) -> SideFigures {
    let begun = Instant::now();
    while begun.elapsed() < SETTLE {
        person.until("stats", others);
    }
    let first = person.until("stats", others);
    let counted = Instant::now();
    let mut last = first.clone();
    while counted.elapsed() < length {
        last = person.until("stats", others);
    }
    let of = |all: &[Value], peer: &Value| all.iter().find(|line| line["peer"] == *peer).cloned().unwrap_or_default();
    let number = |line: &Value, path: &str| line.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let pairs: Vec<_> = first.iter().map(|line| (line, of(&last, &line["peer"]))).collect();
    let (from, to) = &pairs[0];
    let minutes = (number(to, "/t_ms") - number(from, "/t_ms")) / 60_000.0;
    let grown = |path: &str| pairs.iter().map(|(from, to)| number(to, path) - number(from, path)).collect::<Vec<_>>();
    SideFigures {
        cpu_minute: grown("/process/cpu_s")[0] / minutes,
        memory_mb: number(to, "/process/pss_mb"),
        fps: grown("/received/video/frames").into_iter().map(|frames| frames / minutes / 60.0).collect(),
        frozen_s: grown("/received/video/frozen_ms").into_iter().sum::<f64>() / 1000.0,
    }
}

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let length = Duration::from_secs(numbers.next().unwrap_or(20));
    let (first, last) = (numbers.next().unwrap_or(2), numbers.next());
    let last = last.unwrap_or(6.max(first));
    let mut before = None;
    for people in first..=last {
        let (mut figures, cpu) = room(usize::try_from(people).unwrap(), length);
        if let Some(before) = before.replace(cpu) {
            figures["added_cpu_s_per_minute"] = json!(cpu - before);
        }
        println!("{figures}");
    }
}
