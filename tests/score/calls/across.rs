//! A call from Chromium to this program: ours at the first end of the link, the browser at the second. Ours is an end
//! inside this test's own program ([`Own`]), for a browser's page is no member of the network `visavis headless` calls in.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::chromium::Browser;
use super::picture::Picture;
use super::reading::Reading;
use super::run::{Pair, Setting};
use super::seen::{LIMIT, Own};
use super::usage::unix_s;

/// The pair. As with the others the second calls.
pub struct Across {
    ours: Own,
    browser: Browser,
}

impl Across {
    /// Starts both; their cameras run.
    pub fn start(setting: &Setting, raw: &Path) -> Self {
        let browser = Browser::start(1, setting, 0, raw);
        let ours = Own::start(0, setting, raw);
        // The first moments of a browser are not those of a call.
        std::thread::sleep(Duration::from_secs(2));
        Self { ours, browser }
    }
}

impl Pair for Across {
    fn call(&mut self) -> f64 {
        let begun = unix_s();
        let offer = self.browser.page.run("offer()");
        let answer = self.ours.end.ask(&json!({"do": "accept", "offer": offer}));
        self.browser.page.run(&format!("conclude({})", answer["answer"]));
        let waited = Instant::now();
        while self.ours.picture().is_none() || self.browser.page.run("firstShown()").is_null() {
            assert!(waited.elapsed() < LIMIT, "no picture after {LIMIT:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
        (unix_s() - begun) * 1e3
    }

    fn hang_up(&mut self) {}

    fn poll(&mut self) -> [Vec<Reading>; 2] {
        [vec![self.ours.reading()], vec![self.browser.reading()]]
    }

    fn roots(&self) -> [u32; 2] {
        [self.ours.end.id(), self.browser.page.root()]
    }

    fn pictures(&mut self) -> [Option<Picture>; 2] {
        [self.ours.picture(), self.browser.picture("picture()")]
    }
}
