//! A pair of Chromiums at the ends of the link. The driver carries what they say to set up a call, each message held for
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

struct End {
    page: Page,
    /// What the page sums up since the call began, at the last look.
    waited: (f64, f64),
    raw: File,
}

/// The pair. As with ours the second calls.
pub struct Chromium {
    ends: Option<[End; 2]>,
    carriers: Vec<JoinHandle<()>>,
}

impl Chromium {
    /// Starts both; the camera runs.
    pub fn start(setting: &Setting, number: usize, raw: &Path) -> Self {
        let mut ends = [0, 1].map(|end| End {
            page: Page::start(end, ELEMENTS, include_str!("page.js"), "firstShown"),
            waited: (0.0, 0.0),
            raw: File::create(raw.join(format!("{}{}.jsonl", ["a", "b"][end], number))).expect("room for what it says"),
        });
        let (width, height) = setting.size;
        for end in &mut ends {
            end.page.run(&format!("prepare({width}, {height})"));
        }
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

    fn ends(&mut self) -> &mut [End; 2] {
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
        [a, b].map(|end| {
            let said = end.page.run("look()");
            let _ = writeln!(end.raw, "{said}");
            vec![Reading::of_chromium(&said, &mut end.waited)]
        })
    }

    fn pictures(&mut self) -> Vec<Picture> {
        let [a, b] = self.ends();
        let seen = [a, b].map(|end| {
            let said = end.page.run("picture()");
            let size = |key: &str| usize::try_from(said[key].as_u64()?).ok();
            let luma = BASE64.decode(said["luma"].as_str()?.as_bytes()).ok()?;
            Some(Picture { width: size("width")?, height: size("height")?, luma })
        });
        seen.into_iter().flatten().collect()
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
