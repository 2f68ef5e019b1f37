//! Ends that can be looked at: this program's, inside this test's own program, and a pair of them.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::picture::Picture;
use super::reading::Reading;
use super::run::{Pair, Setting};
use super::usage::unix_s;
use crate::endpoint::{End, connect};

/// Longest wait for the first picture.
pub const LIMIT: Duration = Duration::from_secs(30);

/// One end.
pub struct Own {
    pub end: End,
    raw: File,
    /// Where pictures are handed over.
    file: PathBuf,
}

impl Own {
    /// Starts it; what it says goes into the folder.
    pub fn start(end: usize, setting: &Setting, raw: &Path) -> Self {
        let name = ["a", "b"][end];
        let errors = File::create(raw.join(format!("{name}0.err"))).expect("room for what it complains of");
        let mut own = Self {
            end: End::start(end, errors.into()),
            raw: File::create(raw.join(format!("{name}0.jsonl"))).expect("room for what it says"),
            file: raw.join(format!("{name}.y")),
        };
        let (width, height) = setting.size;
        own.end.tell(&json!({"picture": [width, height]}));
        own
    }

    /// What it has to tell now.
    pub fn reading(&mut self) -> Reading {
        let mut said = self.end.ask(&json!({"do": "stats"}))["stats"].take();
        let at_s = unix_s();
        said["at_s"] = json!(at_s);
        let _ = writeln!(self.raw, "{said}");
        Reading::of_ours(at_s, &said)
    }

    /// What it sees now.
    pub fn picture(&mut self) -> Option<Picture> {
        let said: Value = self.end.ask(&json!({"do": "picture", "to": self.file}));
        let size = |n: usize| usize::try_from(said["picture"][n].as_u64()?).ok();
        let (width, height) = (size(0)?, size(1)?);
        Some(Picture { width, height, luma: std::fs::read(&self.file).ok()? })
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

/// The pair. As with the others the second calls.
pub struct Seen([Own; 2]);

impl Seen {
    /// Starts both.
    pub fn start(setting: &Setting, raw: &Path) -> Self {
        Self([0, 1].map(|end| Own::start(end, setting, raw)))
    }
}

impl Pair for Seen {
    fn call(&mut self) -> f64 {
        let begun = unix_s();
        let [callee, caller] = &mut self.0;
        connect(&mut caller.end, &mut callee.end);
        let waited = Instant::now();
        while self.0.iter_mut().any(|own| own.picture().is_none()) {
            assert!(waited.elapsed() < LIMIT, "no picture after {LIMIT:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
        (unix_s() - begun) * 1e3
    }

    fn hang_up(&mut self) {}

    fn poll(&mut self) -> [Vec<Reading>; 2] {
        let [a, b] = &mut self.0;
        [a, b].map(|own| vec![own.reading()])
    }

    fn roots(&self) -> [u32; 2] {
        [0, 1].map(|n| self.0[n].end.id())
    }

    fn pictures(&mut self) -> [Option<Picture>; 2] {
        let [a, b] = &mut self.0;
        [a, b].map(Own::picture)
    }
}
