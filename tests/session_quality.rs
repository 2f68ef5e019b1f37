//! A path that loses packets is named on both sides, in words, and no more once it does not.

mod common;
mod pair;

use std::time::{Duration, Instant};

use pair::{Side, lively, lossy};
use visavis::call::quality::{Watch, verdicts};
use visavis::session::*;

const LIMIT: Duration = Duration::from_secs(120);

/// One side, and what it would be told.
struct Looking {
    side: Side,
    watch: Watch,
}

impl Looking {
    fn new(other: &'static str) -> Self {
        Self { side: Side::new(other, lively()), watch: Watch::default() }
    }

    /// Looks once a second until the sentence is as wanted; events are read meanwhile.
    async fn until(&mut self, wanted: impl Fn(&str) -> bool) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                _ = self.side.events.recv() => continue,
            }
            let seen = self.side.session.seen(self.side.other).expect("the peer is there");
            self.watch.see(Instant::now(), &seen);
            let verdict = verdicts(&[self.watch.finding()]).pop().expect("of one peer");
            if wanted(&verdict.sentence("Ann").unwrap_or_default()) {
                return;
            }
        }
    }
}

#[test]
fn loss_is_named_by_who_sends_and_by_who_receives() {
    common::run(LIMIT, async {
        let (mut ann, mut bob) = (Looking::new("bob"), Looking::new("ann"));
        ann.side.session.add_peer("bob", PeerConfig::default()).await.expect("added");
        bob.side.session.add_peer("ann", PeerConfig::default()).await.expect("added");
        let path = lossy::negotiate(&ann.side, &bob.side).await;
        for looking in [&mut ann, &mut bob] {
            looking.side.state(ConnectionState::Connected).await;
        }
        path.lose(15);
        let up = |said: &str| said.starts_with("Your upload loses") && said.contains("their side is fine");
        let down = |said: &str| said.starts_with("Your download loses") && said.contains("your upload is fine");
        tokio::join!(ann.until(up), bob.until(down));
        let history = ann.watch.history();
        let worst = history.points().iter().filter_map(|point| point.up_lost).max();
        assert!(worst.is_some_and(|of_a_thousand| of_a_thousand > 50), "{worst:?}");
        path.lose(0);
        let well = |said: &str| !said.contains("loses");
        tokio::join!(ann.until(well), bob.until(well));
        pair::end([ann.side, bob.side]).await;
    });
}
