//! A plain TCP flow beside a call, as fast as it gets.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::figures::rate;
use crate::link::{ADDRESSES, Link};

const SCRIPT: &str = include_str!("tcp.py");
const PORT: &str = "9100";

/// IP bytes for a byte of data: 1500 for 1448, with time stamps.
const HEADERS: f64 = 1500.0 / 1448.0;

/// From the first end to the second.
pub struct Flow {
    children: [Child; 2],
    /// Time and bytes until then.
    points: Arc<Mutex<Vec<(f64, f64)>>>,
    reader: Option<JoinHandle<()>>,
}

fn python(end: usize, way: &str) -> Command {
    let mut command = Link::command(end);
    command.args(["python3", "-c", SCRIPT, way, ADDRESSES[1], PORT]).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

impl Flow {
    /// Begins; what the receiver tells goes into the folder.
    pub fn start(folder: &Path) -> Self {
        let mut receiver = python(1, "receive").stdout(Stdio::piped()).spawn().expect("Python starts");
        let mut output = BufReader::new(receiver.stdout.take().expect("its output is a pipe"));
        let mut first = String::new();
        output.read_line(&mut first).expect("it speaks");
        assert_eq!(first.trim(), "ready", "the receiver of the TCP flow does not listen");
        let sender = python(0, "send").stdout(Stdio::null()).spawn().expect("Python starts");
        let points = Arc::<Mutex<Vec<(f64, f64)>>>::default();
        let told = Arc::clone(&points);
        let mut raw = std::fs::File::create(folder.join("tcp.txt")).expect("room for what it tells");
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = writeln!(raw, "{line}");
                let point = line.split_once(' ').and_then(|(at, bytes)| Some((at.parse().ok()?, bytes.parse().ok()?)));
                told.lock().unwrap_or_else(PoisonError::into_inner).extend(point);
            }
        });
        Self { children: [receiver, sender], points, reader: Some(reader) }
    }

    /// Ends; gives what it got between two times, bits a second of IP packets.
    pub fn end(self, from_s: f64, to_s: f64) -> f64 {
        let points = self.points.lock().unwrap_or_else(PoisonError::into_inner).clone();
        rate(&points, from_s, to_s) * 8.0 * HEADERS
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
