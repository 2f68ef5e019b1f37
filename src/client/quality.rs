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
    /// Looks at the path of the call, and tells what is new.
    pub(super) fn look_at_path(&mut self, now: Instant) {
        let Some(active) = self.active.as_mut() else { return };
        active.path.look_at = (active.stage == Stage::Connected).then(|| now + LOOK);
        let Some(link) = active.link.as_ref().filter(|_| active.stage == Stage::Connected) else { return };
        let Ok(mut seen) = self.session.seen(link.peer()) else { return };
        let path = &mut active.path;
        (seen.word, seen.moves) = (path.heard, active.remote.camera_on && !active.remote.sharing);
        seen.relayed = active.stats.transport.relayed;
        if !path.watch.see(now, &seen) {
            return;
        }
        let word = path.watch.word();
        if active.told && word != path.said {
            path.said = word;
            link.control(&Control::from(word));
        }
        let verdict = verdicts(&[path.watch.finding()]).pop().unwrap_or_default();
        let sentence = verdict.sentence(&active.name);
        if verdict != path.quality.verdict {
            let (call, peer, sentence) = (active.call, active.peer, sentence.clone());
            self.told.push(Notice::Quality { call, peer, verdict, sentence });
        }
        path.quality = Arc::new(CallQuality { verdict, sentence, history: path.watch.history().clone() });
    }
}
