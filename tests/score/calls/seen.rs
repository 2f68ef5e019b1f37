//! A pair of ours whose pictures can be looked at: two ends inside this test's own program.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::picture::Picture;
use super::reading::Reading;
use super::run::{Pair, Setting};
use super::usage::unix_s;
use crate::endpoint::{End, connect};

/// Longest wait for the first picture.
const LIMIT: Duration = Duration::from_secs(30);

/// The pair.
pub struct Seen {
    ends: [End; 2],
    /// Where pictures are handed over.
    file: PathBuf,
}

impl Seen {
    /// Starts both.
    pub fn start(setting: &Setting, raw: &Path) -> Self {
        let mut ends = [("a.err", 0), ("b.err", 1)].map(|(name, end)| {
            let errors = std::fs::File::create(raw.join(name)).expect("room for what it complains of");
            End::start(end, errors.into())
        });
        let (width, height) = setting.size;
        for end in &mut ends {
            end.tell(&json!({"picture": [width, height]}));
        }
        Self { ends, file: raw.join("picture.y") }
    }

    fn picture(&mut self, end: usize) -> Option<Picture> {
        let said: Value = self.ends[end].ask(&json!({"do": "picture", "to": self.file}));
        let size = |n: usize| usize::try_from(said["picture"][n].as_u64()?).ok();
        let (width, height) = (size(0)?, size(1)?);
        Some(Picture { width, height, luma: std::fs::read(&self.file).ok()? })
    }
}

impl Pair for Seen {
    fn call(&mut self) -> f64 {
        let begun = unix_s();
        connect(&mut self.ends);
        let waited = Instant::now();
        while [0, 1].into_iter().any(|end| self.picture(end).is_none()) {
            assert!(waited.elapsed() < LIMIT, "no picture after {LIMIT:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
        (unix_s() - begun) * 1e3
    }

    fn hang_up(&mut self) {}

    fn poll(&mut self) -> [Vec<Reading>; 2] {
        Default::default()
    }

    fn roots(&self) -> [u32; 2] {
        [0, 1].map(|end| self.ends[end].id())
    }

    fn pictures(&mut self) -> Vec<Picture> {
        [0, 1].into_iter().filter_map(|end| self.picture(end)).collect()
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}
