//! Chromium calling Chromium with speech.

use std::path::Path;

use data_encoding::BASE64;

use super::{Call, Counts, Heard};
use crate::page::Page;

/// Samples fetched at once.
const CHUNK: u64 = 480_000;

/// A call between two browsers.
pub struct Chromium([Page; 2], Option<(f64, f64)>);

impl Chromium {
    /// Calls; both speak from now on.
    pub fn call(speech: &Path) -> Self {
        let speech = BASE64.encode(&std::fs::read(speech).expect("the speech"));
        let mut pages = [0, 1].map(|end| Page::start(end, "", include_str!("page.js"), "conclude"));
        for page in &mut pages {
            page.run(&format!("prepare('{speech}')"));
        }
        let offer = pages[0].run("offer()");
        let answer = pages[1].run(&format!("accept({offer})"));
        pages[0].run(&format!("conclude({answer})"));
        Self(pages, None)
    }
}

impl Call for Chromium {
    fn look(&mut self) -> Counts {
        let said = self.0[1].run("look()");
        let number = |key: &str| said[key].as_f64().unwrap_or_default();
        // Their delay is summed up over all samples: what is new since the last look.
        let now = (number("delay"), number("emitted"));
        let before = self.1.replace(now).unwrap_or_default();
        let waiting_ms = (now.0 - before.0) / (now.1 - before.1).max(1.0) * 1e3;
        Counts { samples: number("samples"), concealed: number("concealed"), waiting_ms, bytes: number("bytes") }
    }

    fn end(mut self: Box<Self>) -> Heard {
        let spoke = self.0[0].run("times()");
        let heard = self.0[1].run("times()");
        let length = heard["length"].as_u64().unwrap_or_default();
        let mut samples = Vec::new();
        for from in (0..length).step_by(CHUNK as usize) {
            let text = self.0[1].run(&format!("heard({from}, {})", CHUNK.min(length - from)));
            let bytes = BASE64.decode(text.as_str().unwrap_or_default().as_bytes()).expect("base64");
            samples.extend(bytes.chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0));
        }
        let later_ms = heard["heard"].as_f64().unwrap_or_default() - spoke["spoken"].as_f64().unwrap_or_default();
        Heard { samples, later_ms }
    }
}
