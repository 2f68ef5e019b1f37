//! Real browsers as the other side of a session: their processes, their pages, and the calls between them and us.
//!
//! Descriptions and candidates go as JSON texts from the one to the other, as a signaling server would carry them.
//! Conditions are awaited, on both sides, and every wait ends.

#![allow(dead_code, reason = "each test takes what it needs of this")]

mod browser;
mod chromium;
mod log;
mod ours;
mod page;
mod wire;

use std::sync::Mutex;
use std::time::{Duration, Instant};

pub use browser::{Browser, Kind};
pub use ours::{OUR_TONE, Ours, brightness, sees_time};
pub use page::Page;
use serde_json::json;
use visavis::session::*;

use crate::common;

/// Longest time for one test.
const LIMIT: Duration = Duration::from_secs(120);

/// Longest wait for anything that comes within a moment on a machine with nothing else to do.
pub const SOON: Duration = Duration::from_secs(25);

/// The tone of a page, hertz, and the size of its pictures.
pub const ITS_TONE: u32 = 700;
pub const ITS_SIZE: (u32, u32) = (480, 270);

/// Looks every 20 ms until there is something.
pub async fn soon<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < SOON, "waited {SOON:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Who makes the offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offers {
    We,
    It,
}

/// How candidates travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidates {
    /// One by one, as they are found.
    Trickle,
    /// Inside the descriptions, and none beside.
    Inside,
}

/// A session of ours and a browser.
pub struct World {
    pub ours: Ours,
    browser: Browser,
    pages: Mutex<Vec<Page>>,
}

/// Runs a test with a browser of this kind: bounded, alone, and nothing left behind. Says so where there is none.
pub fn with(kind: Kind, test: impl AsyncFnOnce(&World)) {
    if kind.program().is_none() {
        println!("skipped: there is no {kind:?} here; make test-browser installs it");
        return;
    }
    common::run(LIMIT, async {
        let world = World::start(kind).await;
        test(&world).await;
        world.end().await;
    });
}

impl World {
    async fn start(kind: Kind) -> Self {
        Self { browser: Browser::start(kind).await, ours: Ours::start(), pages: Mutex::default() }
    }

    /// A page that may show its addresses, with a connection, its camera and its tone.
    pub async fn page(&self) -> Page {
        let page = self.bare_page().await;
        page.run("permission()").await;
        page.run("open({})").await;
        give_media(&page, ITS_TONE).await;
        page
    }

    /// A page without anything yet.
    pub async fn bare_page(&self) -> Page {
        let page = self.browser.page().await;
        self.pages.lock().expect("no panic").push(page.clone());
        page
    }

    /// Ends a page's process, so that it cannot say goodbye.
    pub async fn kill(&self, page: &Page) {
        self.pages.lock().expect("no panic").retain(|other| !other.same(page));
        page.kill().await;
    }

    /// A page and a peer of this name.
    pub async fn pair(&self, peer: &str) -> Page {
        let page = self.page().await;
        self.ours.session.add_peer(peer, chat()).await.expect("a peer");
        page
    }

    /// A page and the peer `it`, connected.
    pub async fn call(&self, offers: Offers) -> Page {
        let page = self.pair("it").await;
        if offers == Offers::It {
            // Whoever offers brings the channels.
            page.run("serve(pc.createDataChannel('chat'))").await;
        }
        self.connect("it", &page, offers, Candidates::Trickle).await;
        // What made the first offer necessary is settled.
        self.settled("it", &page).await;
        page
    }

    /// Waits until both sides are at rest, and forgets that they wanted to negotiate.
    pub async fn settled(&self, peer: &str, page: &Page) {
        page.until("rest", "pc.signalingState === 'stable'").await;
        while page.was_told("negotiation needed").is_some() {}
        while self.ours.wanted_to_negotiate(peer) {}
    }

    /// Nobody wants to negotiate since [`World::settled`].
    pub fn nothing_negotiated(&self, peer: &str, page: &Page) {
        assert_eq!(page.was_told("negotiation needed"), None, "the page wants to negotiate");
        assert!(!self.ours.wanted_to_negotiate(peer), "we want to negotiate");
    }

    /// Connects a peer that was added with a page that is open, and waits until both say so.
    pub async fn connect(&self, peer: &str, page: &Page, offers: Offers, candidates: Candidates) {
        if candidates == Candidates::Trickle {
            self.ours.trickle(peer, page).await;
        }
        self.negotiate(peer, page, offers, candidates).await;
        self.ours.state(peer, ConnectionState::Connected).await;
        page.connection("connected").await;
    }

    /// One offer and its answer.
    pub async fn negotiate(&self, peer: &str, page: &Page, offers: Offers, candidates: Candidates) {
        let options = json!({ "complete": candidates == Candidates::Inside });
        match offers {
            Offers::We => {
                let mut offer = self.ours.session.create_offer(peer).await.expect("our offer");
                if candidates == Candidates::Inside {
                    offer = self.ours.session.complete_description(peer).await.expect("our whole offer");
                }
                let answer = page.run(format!("answer({offer}, {options})")).await.to_string();
                self.ours.session.accept_answer(peer, answer.as_str()).await.expect("its answer is taken");
            }
            Offers::It => {
                let offer = page.run(format!("offer({options})")).await.to_string();
                let answer = self.ours.session.accept_offer(peer, offer.as_str()).await;
                let mut answer = answer.unwrap_or_else(|e| panic!("{e}: {offer}"));
                if candidates == Candidates::Inside {
                    answer = self.ours.session.complete_description(peer).await.expect("our whole answer");
                }
                page.run(format!("take({answer})")).await;
            }
        }
    }

    /// Ends all of it; what is left behind fails the test.
    async fn end(self) {
        self.ours.close().await;
        let pages = std::mem::take(&mut *self.pages.lock().expect("no panic"));
        for page in pages {
            if let Some(error) = page.was_told("error") {
                panic!("an error in the page: {error}");
            }
            page.close().await;
        }
        self.browser.close().await;
    }
}

/// A peer with one named channel more.
pub fn chat() -> PeerConfig {
    PeerConfig { channels: vec![ChannelConfig::reliable("chat")], ..PeerConfig::default() }
}

/// Its camera and its tone, as the tracks `camera` and `tone`.
pub async fn give_media(page: &Page, hertz: u32) {
    page.run(format!("add('tone', tone({hertz}))")).await;
    page.run(format!("add('camera', camera('scene', {}, {}))", ITS_SIZE.0, ITS_SIZE.1)).await;
}

/// Waits until the page has shown pictures of ours with a readable, fresh, growing time.
pub async fn page_sees_time(page: &Page, eye: usize) {
    let since = page.run(format!("eye({eye})?.codes ?? 0")).await;
    let condition = format!("(e => e && e.codes >= {since} + 10 && e.age < 2000)(eye({eye}))");
    page.until("ten pictures of ours with a fresh time", condition).await;
    assert_eq!(page.run(format!("eye({eye}).disorder")).await, 0, "pictures in the order they were captured");
}

/// Waits until the page hears this tone, at about the level it is sent with.
pub async fn page_hears(page: &Page, hertz: u32) {
    let condition = format!("(h => h && Math.abs(h.hertz - {hertz}) < 12 && h.dbfs > -30 && h.dbfs < -14)(heard())");
    page.until("our tone", condition).await;
}

/// Waits until the page hears nothing.
pub async fn page_hears_nothing(page: &Page) {
    page.until("silence", "heard()?.dbfs < -60").await;
}
