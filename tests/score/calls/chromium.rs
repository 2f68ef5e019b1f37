//! Chromium at an end of the link, and a pair of them. The driver carries what they say to set up a call, each message held for
//! the link's delay, as by a server half-way.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use data_encoding::BASE64;

use super::picture::Picture;
use super::reading::Reading;
use super::run::{Pair, Setting};
use crate::page::Page;

/// Longest wait for the first picture.
const LIMIT: Duration = Duration::from_secs(30);

const ELEMENTS: &str = "<body style=\"margin:0;background:#222\">\
    <video id=remote autoplay playsinline style=\"width:1280px;height:720px\"></video>";

/// One end.
pub struct Browser {
    pub page: Page,
    /// What the page sums up since the call began, at the last look.
    waited: (f64, f64),
    raw: File,
}

impl Browser {
    /// Starts it; the camera runs. What it says goes into the folder.
    pub fn start(end: usize, setting: &Setting, number: usize, raw: &Path) -> Self {
        let raw = File::create(raw.join(format!("{}{}.jsonl", ["a", "b"][end], number)));
        let page = Page::start(end, ELEMENTS, include_str!("page.js"), "firstShown");
        let mut browser = Self { page, waited: (0.0, 0.0), raw: raw.expect("room for what it says") };
        let (width, height) = setting.size;
        browser.page.run(&format!("prepare({width}, {height})"));
        browser
    }

    /// What it has to tell now.
    pub fn reading(&mut self) -> Reading {
        let said = self.page.run("look()");
        let _ = writeln!(self.raw, "{said}");
        Reading::of_chromium(&said, &mut self.waited)
    }

    /// What this code of the page gives: what it sees (`picture()`), or what it films (`filmed(NUMBER)`).
    pub fn picture(&mut self, code: &str) -> Option<Picture> {
        let said = self.page.run(code);
        let size = |key: &str| usize::try_from(said[key].as_u64()?).ok();
        let luma = BASE64.decode(said["luma"].as_str()?.as_bytes()).ok()?;
        Some(Picture { width: size("width")?, height: size("height")?, luma })
    }
}

/// The pair. As with ours the second calls.
pub struct Chromium {
    ends: Option<[Browser; 2]>,
    carriers: Vec<JoinHandle<()>>,
}

impl Chromium {
    /// Starts both; the camera runs.
    pub fn start(setting: &Setting, number: usize, raw: &Path) -> Self {
        let mut ends = [0, 1].map(|end| Browser::start(end, setting, number, raw));
        let delay = setting.delay;
        let carriers = [0, 1].map(|end| {
            let (words, mouth) = (ends[end].page.words(), ends[1 - end].page.mouth());
            std::thread::spawn(move || {
                let mut held = std::collections::VecDeque::new();
                loop {
                    let next = held.front().map_or(Duration::from_secs(60), |(due, _): &(Instant, String)| {
                        due.saturating_duration_since(Instant::now())
                    });
                    match words.recv_timeout(next) {
                        Ok(word) => held.push_back((Instant::now() + delay, word)),
                        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                        Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
                    }
                    while held.front().is_some_and(|(due, _)| *due <= Instant::now()) {
                        if let Some((_, word)) = held.pop_front() {
                            mouth.say(&format!("receive({word})"));
                        }
                    }
                }
            })
        });
        // The first moments of a browser are not those of a call.
        std::thread::sleep(Duration::from_secs(2));
        Self { ends: Some(ends), carriers: carriers.into() }
    }

    fn ends(&mut self) -> &mut [Browser; 2] {
        self.ends.as_mut().expect("there until the end")
    }
}

impl Pair for Chromium {
    fn call(&mut self) -> f64 {
        let [callee, caller] = self.ends();
        let click = caller.page.run("call()").as_f64().expect("a time");
        let begun = Instant::now();
        while callee.page.run("firstShown()").is_null() || caller.page.run("firstShown()").is_null() {
            assert!(begun.elapsed() < LIMIT, "no picture after {LIMIT:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
        callee.page.run("firstShown()").as_f64().expect("a time") - click
    }

    fn hang_up(&mut self) {
        for end in self.ends() {
            end.page.run("hangUp()");
            end.waited = (0.0, 0.0);
        }
        // What was on its way to the pages belongs to the old call.
        std::thread::sleep(Duration::from_secs(1));
    }

    fn poll(&mut self) -> [Vec<Reading>; 2] {
        let [a, b] = self.ends();
        [a, b].map(|end| vec![end.reading()])
    }

    fn pictures(&mut self) -> [Option<Picture>; 2] {
        let [a, b] = self.ends();
        [a, b].map(|end| end.picture("picture()"))
    }

    fn filmed(&mut self) -> Option<Picture> {
        self.ends()[0].picture("filmed(7)")
    }

    fn roots(&self) -> [u32; 2] {
        self.ends.as_ref().map_or([0, 0], |ends| [0, 1].map(|end| ends[end].page.root()))
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The carriers end with the pages they listen to.
        drop(self.ends.take());
        for carrier in self.carriers.drain(..) {
            let _ = carrier.join();
        }
    }
}
