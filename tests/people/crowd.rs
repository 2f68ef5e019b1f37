//! Several applications at once: who is with whom, what they see and what they hear.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Person, STEP};
use crate::common::tone;
pub use crate::common::tone::{HEARD, played};
use visavis::codec::timecode;
use visavis::dsp::tone::tone_level;
use visavis::model::id::{Callee, PeerId};
use visavis::model::snapshot::{CallView, MemberView, PlayerKey, Snapshot, Stage};
use visavis::model::source::AudioSpec;

/// What each person's microphone gives, Hz.
pub const TONES: [u32; 6] = [440, 660, 880, 1100, 1320, 1540];
/// Below this it is not.
pub const UNHEARD: f64 = -50.0;
pub const NAMES: [&str; 6] = ["Amara", "Noor", "Tomás", "Lena", "Yuki", "Ada"];

pub async fn crowd(url: &str, people: usize) -> Vec<Person> {
    let person = |n: usize| {
        Person::with(url, NAMES[n], |config| {
            config.overrides.microphone = Some(AudioSpec::Tone(TONES[n]));
        })
    };
    let all: Vec<_> = (0..people).map(person).collect();
    for one in &all {
        one.online().await;
    }
    all
}

/// Level of a tone in the newest half second.
pub fn hears(person: &Person, hertz: u32) -> f64 {
    let all = played(&person.heard());
    let newest = all.len().checked_sub(24_000).map(|from| &all[from..]);
    newest.and_then(|part| tone_level(part, hertz.into())).unwrap_or(-200.0)
}

/// The first gap in this tone since so many samples were played.
pub fn gap(person: &Person, from: usize, hertz: u32) -> Option<usize> {
    tone::gap(&played(&person.heard())[from..], hertz)
}

pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < STEP, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub fn of(call: &CallView, who: PeerId) -> Option<&MemberView> {
    call.members.iter().find(|member| member.peer == Callee::Peer(who))
}

pub fn together(snapshot: &Snapshot, others: &BTreeSet<PeerId>) -> bool {
    let Some(call) = &snapshot.call else { return false };
    call.members.len() == others.len()
        && others.iter().all(|who| of(call, *who).is_some_and(|member| member.stage == Stage::Connected))
}

/// Each of these has all others connected, and nobody else.
pub async fn meet(all: &[&Person]) {
    for one in all {
        let others = all.iter().map(|other| other.id).filter(|id| *id != one.id).collect();
        one.sees("all others", |s| together(s, &others).then_some(())).await;
    }
}

/// New pictures of each of the others, whole enough for the time in them to be read.
pub async fn sees_all(one: &Person) {
    let members = one.handle.snapshot().call.as_ref().expect("a call").members.clone();
    for member in members.iter() {
        let player = one.handle.player(PlayerKey::Remote(member.call)).expect("everybody has a player");
        let (mut seen, mut count) = (player.newer_than(0).map_or(0, |(number, _)| number), 0);
        until(&format!("pictures of {}", member.name), || {
            if let Some((number, frame)) = player.newer_than(seen) {
                timecode::read(&frame).expect("the scene's timecode survives the codec");
                (seen, count) = (number, count + 1);
            }
            count >= 10
        })
        .await;
    }
}

pub async fn hears_all(all: &[&Person], tones: &[u32]) {
    for (n, one) in all.iter().enumerate() {
        for (other, tone) in tones.iter().enumerate().filter(|(other, _)| *other != n) {
            until(&format!("the voice of {other} at {n}"), || hears(one, *tone) > HEARD).await;
        }
    }
}
