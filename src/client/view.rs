//! The actor's state as others see it.

use std::sync::Arc;
use std::time::Instant;

use super::active::{Active, Leg};
use super::actor::{Actor, Incoming};
use crate::call::room::Hearsay;
use crate::model::id::PeerId;
use crate::model::snapshot::{
    CallView, HearsayView, IncomingView, LocalMedia, MemberView, RING_SECONDS, Snapshot, Stage,
};
use crate::model::stats::Transport;

impl Actor {
    /// Publishes the state, if it is another than before, and then the facts that led to it: whoever hears a fact finds
    /// it in the snapshot.
    pub(super) fn publish(&mut self) {
        let now = Instant::now();
        self.desk.publish(Snapshot {
            id: Some(self.me),
            settings: Arc::clone(&self.settings),
            server: self.server.clone(),
            devices: Arc::clone(&self.devices),
            media: LocalMedia { muted: self.is_silent(), held: self.held.is_some(), ..self.media.clone() },
            call: self.active.as_ref().map(|active| self.with_files(call_view(active, now), active)),
            incoming: self.incoming.as_ref().map(|incoming| incoming_view(incoming, now)),
            recents: Arc::clone(&self.recents),
            problems: self.problems.values().cloned().collect(),
            no_file_dialog: self.files.no_dialog,
            quitting: self.quitting,
        });
        for notice in self.told.drain(..) {
            self.desk.notify(notice);
        }
    }

    /// The call with the files of those in it, and those who are known by hearsay.
    fn with_files(&self, mut view: CallView, active: &Active) -> CallView {
        view.hearsay = self.hearsay(active);
        view.files = self.files.of(active.legs.iter().map(|leg| leg.id));
        view.unread = view.unread.saturating_add(self.files.unread());
        view
    }

    /// Those of the room who are not reached from here. Most calls have none.
    fn hearsay(&self, active: &Active) -> Arc<Vec<HearsayView>> {
        let called = |id: &PeerId| {
            let leg = active.legs.iter().find(|leg| leg.id == *id).map(|leg| leg.name.clone());
            let recent = || self.recents.iter().find(|recent| recent.id == *id).map(|recent| recent.name.clone());
            leg.or_else(recent).filter(|name| !name.is_empty()).unwrap_or_else(|| id.short())
        };
        let view = |Hearsay { who, by, refused }| HearsayView {
            peer: who,
            name: called(&who),
            by: by.iter().map(called).collect(),
            refused,
        };
        match active.room {
            Some(_) if active.is_running() => Arc::new(self.calls.hearsay().into_iter().map(view).collect()),
            _ => Arc::default(),
        }
    }

    /// Reads the levels that meters show.
    pub(super) fn read_meters(&mut self) {
        (self.media.level, self.media.speaking) = (self.session.level(), self.session.is_speaking());
        self.media.trouble = self.session.microphone_trouble();
        self.read_replay();
        let Some(active) = &mut self.active else { return };
        for leg in &mut active.legs {
            let level = leg.link.as_ref().and_then(|link| self.session.peer_level(link.peer()).ok());
            (leg.level, leg.speaking) = level.unwrap_or_default();
        }
    }
}

fn seconds(from: Instant, to: Instant) -> u32 {
    to.saturating_duration_since(from).as_secs().try_into().unwrap_or(u32::MAX)
}

fn call_view(active: &Active, now: Instant) -> CallView {
    let seconds = match (&active.stage, active.connected, active.ended) {
        (Stage::Ended(_), Some(from), Some(to)) => seconds(from, to),
        (Stage::Ended(_), ..) => 0,
        _ => seconds(active.since, now),
    };
    CallView {
        call: active.call,
        room: active.room.clone(),
        direction: active.direction,
        stage: active.stage.clone(),
        seconds,
        video: active.video,
        hearsay: Arc::default(),
        members: Arc::new(active.legs.iter().map(|leg| member_view(leg, now)).collect()),
        chat: active.talk.lines(),
        unread: active.talk.unread(),
        mentioned: active.talk.is_mentioned(),
        files: Arc::default(),
        report: active.test.as_ref().and_then(|test| test.report.clone()),
    }
}

fn member_view(leg: &Leg, now: Instant) -> MemberView {
    MemberView {
        call: leg.call,
        peer: leg.peer,
        name: leg.name.clone(),
        stage: leg.stage.clone(),
        seconds: if matches!(leg.stage, Stage::Ended(_)) { 0 } else { seconds(leg.since, now) },
        remote: leg.remote,
        level: leg.level,
        speaking: leg.speaking,
        volume: leg.volume,
        path: path(&leg.stats.transport),
        stats: Arc::clone(&leg.stats),
        quality: Arc::clone(&leg.path.quality),
    }
}

fn incoming_view(incoming: &Incoming, now: Instant) -> IncomingView {
    IncomingView {
        call: incoming.call,
        from: incoming.from,
        name: incoming.name.clone(),
        video: incoming.video,
        known: incoming.known,
        seconds_left: RING_SECONDS.saturating_sub(seconds(incoming.since, now)),
        silenced: incoming.silenced,
    }
}

/// `Direct, 38 ms`.
fn path(transport: &Transport) -> String {
    if transport.local.is_none() {
        return String::new();
    }
    let kind = if transport.relayed { "Relayed" } else { "Direct" };
    match transport.rtt_ms {
        Some(rtt) if rtt < 1.0 => format!("{kind}, under 1 ms"),
        Some(rtt) => format!("{kind}, {rtt:.0} ms"),
        None => kind.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_told_in_words() {
        let mut transport = Transport::default();
        assert_eq!(path(&transport), "");
        transport.local = Some("192.0.2.7:4 host".into());
        assert_eq!(path(&transport), "Direct");
        transport.rtt_ms = Some(38.2);
        assert_eq!(path(&transport), "Direct, 38 ms");
        transport.relayed = true;
        assert_eq!(path(&transport), "Relayed, 38 ms");
    }
}
