//! The path of the call, judged every second: for the window, for JSON Lines, and a word of it for the other side.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::actor::Actor;
use crate::call::control::Control;
use crate::call::quality::{Watch, Word, verdicts};
use crate::model::notice::Notice;
use crate::model::quality::CallQuality;
use crate::model::snapshot::Stage;

/// How often.
const LOOK: Duration = Duration::from_secs(1);

/// What is known of the path of one call.
#[derive(Default)]
pub(super) struct Path {
    pub(super) look_at: Option<Instant>,
    pub(super) quality: Arc<CallQuality>,
    /// What they say of their upload.
    pub(super) heard: Word,
    /// What they were told of ours.
    said: Word,
    watch: Watch,
}

impl Path {
    /// Media flows: for the first time, or again.
    pub(super) fn connected(&mut self, now: Instant, again: bool) {
        self.look_at = Some(now);
        if again {
            self.watch.reconnected();
        }
    }
}

impl Actor {
    /// Looks at the paths whose time has come, and tells what is new.
    pub(super) fn look_at_paths(&mut self, now: Instant) {
        let Some(active) = self.active.as_mut().filter(|active| active.is_running()) else { return };
        let mut looked = Vec::new();
        for (n, leg) in active.legs.iter_mut().enumerate() {
            if leg.path.look_at.is_none_or(|at| at > now) {
                continue;
            }
            leg.path.look_at = (leg.stage == Stage::Connected).then(|| now + LOOK);
            let Some(link) = leg.link.as_ref().filter(|_| leg.stage == Stage::Connected) else { continue };
            let Ok(mut seen) = self.session.seen(link.peer()) else { continue };
            let moves = leg.remote.camera_on && !leg.remote.sharing && leg.watched.is_some();
            let path = &mut leg.path;
            (seen.word, seen.moves) = (path.heard, moves);
            seen.relayed = leg.stats.transport.relayed;
            if !path.watch.see(now, &seen) {
                continue;
            }
            let word = path.watch.word();
            if leg.told && word != path.said {
                path.said = word;
                link.control(&Control::from(word));
            }
            looked.push(n);
        }
        if looked.is_empty() {
            return;
        }
        // Judged together: what all paths have in common is ours.
        let connected: Vec<_> = (0..active.legs.len()).filter(|n| active.legs[*n].stage == Stage::Connected).collect();
        let findings: Vec<_> = connected.iter().map(|n| active.legs[*n].path.watch.finding()).collect();
        for (n, verdict) in connected.into_iter().zip(verdicts(&findings)) {
            let leg = &mut active.legs[n];
            let sentence = verdict.sentence(&leg.name);
            let changed = verdict != leg.path.quality.verdict;
            if changed {
                let (call, peer, sentence) = (leg.call, leg.peer, sentence.clone());
                self.told.push(Notice::Quality { call, peer, verdict, sentence });
            }
            if changed || looked.contains(&n) {
                let history = leg.path.watch.history().clone();
                leg.path.quality = Arc::new(CallQuality { verdict, sentence, history });
            }
        }
    }
}
