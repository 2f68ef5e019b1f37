//! Rooms of several people: fixed states, and pictures for everybody.

use std::sync::Arc;

use visavis::model::frame::VideoFrame;
use visavis::model::id::{CallId, Callee};
use visavis::model::slot::Player;
use visavis::model::snapshot::{CallView, MemberView, PlayerKey, RoomView, Snapshot, Stage};

use super::peer;

/// Who may be there, in the order in which they come.
pub const NAMES: [&str; 11] = [
    "Amara Osei",
    "Lena Fischer",
    "Tomás Rivera",
    "Yuki Tanaka",
    "Kwame Boateng",
    "Priya Raman",
    "Jonas Lindqvist",
    "Mei Chen",
    "Sofia Almeida",
    "Ravi Patel",
    "Ingrid Haugen",
];

/// The leg of the `n`th of the others, counted from 0.
pub fn leg(n: usize) -> CallId {
    CallId([100 + n as u8; 16])
}

/// The ID of the `n`th of the others.
pub fn who(n: usize) -> Callee {
    Callee::Peer(peer(2 + n as u8))
}

/// A room of so many people, oneself among them, all of them well.
pub fn room(people: usize) -> Snapshot {
    let mut snapshot = super::call(Stage::Connected);
    let call = snapshot.call.as_mut().unwrap();
    let first = call.members[0].clone();
    let member = |n: usize| MemberView {
        call: leg(n),
        peer: who(n),
        name: NAMES.get(n).map_or_else(|| format!("Guest {n}"), |name| (*name).to_owned()),
        ..first.clone()
    };
    call.room = Some(RoomView { name: "Design weekly".to_owned(), locked: false, ..RoomView::default() });
    call.seconds = 1458;
    call.members = Arc::new((0..people - 1).map(member).collect());
    call.unread = 0;
    snapshot
}

/// Changes the call of a snapshot.
pub fn with(mut snapshot: Snapshot, change: impl FnOnce(&mut CallView)) -> Snapshot {
    change(snapshot.call.as_mut().unwrap());
    snapshot
}

/// Changes the `n`th of the others.
pub fn member(snapshot: Snapshot, n: usize, change: impl FnOnce(&mut MemberView)) -> Snapshot {
    with(snapshot, |call| change(&mut Arc::make_mut(&mut call.members)[n]))
}

/// The same while this one speaks.
pub fn speaks(snapshot: Snapshot, n: usize) -> Snapshot {
    member(snapshot, n, |member| member.speaking = true)
}

/// A picture of the `n`th of the others; some have cameras of another shape.
pub fn face(n: usize) -> Arc<VideoFrame> {
    const WALLS: [(u8, u8); 6] = [(150, 112), (140, 140), (118, 140), (120, 112), (136, 120), (112, 126)];
    let (w, h) = match n {
        6 => (480, 360),
        9 => (270, 480),
        _ => (640, 360),
    };
    super::person(w, h, WALLS[n % WALLS.len()], n as f32)
}

/// Everybody's picture.
pub fn players(snapshot: &Snapshot) -> Vec<(PlayerKey, Player)> {
    let shown = |frame| {
        let player = Player::new();
        player.put(frame);
        player
    };
    let mut all = vec![(PlayerKey::Preview, shown(super::person(640, 360, (118, 118), 0.0)))];
    let call = snapshot.call.as_ref().unwrap();
    all.extend((0..call.members.len()).map(|n| (PlayerKey::Remote(call.members[n].call), shown(face(n)))));
    all
}
