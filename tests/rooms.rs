//! Rooms of several people over a real server: whole applications, decoded pictures and sound of everyone at everyone.

mod common;
mod people;

use std::collections::BTreeSet;
use std::time::Duration;

use people::crowd::*;
use people::{Person, connected, server};
use visavis::model::chat::Delivery;
use visavis::model::command::Command;
use visavis::model::id::{CallId, Callee};
use visavis::model::notice::Notice;
use visavis::model::reaction::Reaction;
use visavis::model::snapshot::Stage;

const LIMIT: Duration = Duration::from_secs(240);

async fn invite(inviter: &Person, guest: &Person) {
    inviter.ask(Command::Invite(guest.id.to_string()));
    guest.accept(true).await;
}

#[test]
fn a_call_of_two_grows_to_three_without_a_gap_and_shrinks_again() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let people = crowd(&url, 3).await;
        let [a, b, c] = &people[..] else { unreachable!() };
        connected(a, b).await;
        until("each other's voice", || hears(a, TONES[1]) > HEARD && hears(b, TONES[0]) > HEARD).await;
        let legs = |one: &Person| one.handle.snapshot().call.as_ref().map(|call| (call.call, call.members[0].call));
        let (before, from) = ([legs(a), legs(b)], [played(&a.heard()).len(), played(&b.heard()).len()]);
        let (mut facts, mut newcomer) = (b.handle.notices(), c.handle.notices());

        a.ask(Command::Invite(c.id.to_string()));
        let ringing = a.sees("that it rings there", |s| {
            let member = of(s.call.as_ref()?, c.id)?.clone();
            (member.stage == Stage::Ringing).then_some(member)
        });
        assert_eq!(ringing.await.name, c.id.short(), "whoever was never talked to has no name yet");
        c.accept(true).await;
        meet(&[a, b, c]).await;
        assert_eq!([legs(a), legs(b)], before, "call and leg of the first two are what they were");
        let room = a.handle.snapshot().call.as_ref().and_then(|call| call.room.clone()).expect("a room");
        assert_eq!(room.name, "Noor, Tomás");
        for one in [a, b, c] {
            sees_all(one).await;
        }
        hears_all(&[a, b, c], &TONES[..3]).await;
        for (one, (from, tone)) in [a, b].into_iter().zip(from.into_iter().zip([TONES[1], TONES[0]])) {
            assert_eq!(gap(one, from, tone), None, "without the other's voice");
        }
        let mut joined = BTreeSet::new();
        while let Ok(notice) = facts.try_recv() {
            if let Notice::Joined { peer, name, .. } = notice {
                joined.insert((peer, name));
            }
        }
        assert_eq!(joined, [(c.id, "Tomás".to_owned())].into(), "a newcomer is announced to all");
        let mut there = BTreeSet::new();
        while let Ok(notice) = newcomer.try_recv() {
            if let Notice::Joined { peer, .. } = notice {
                there.insert(peer);
            }
        }
        assert_eq!(there, [a.id, b.id].into(), "and they are told who is there");

        b.ask(Command::Chat("hello, both of you".into()));
        for one in [a, c] {
            one.sees("what was written", |s| {
                let line = s.call.as_ref()?.chat.last()?.clone();
                (line.text == "hello, both of you" && line.author == "Noor").then_some(())
            })
            .await;
        }
        b.sees("that both have it", |s| {
            let line = s.call.as_ref()?.chat.last()?.clone();
            let to: BTreeSet<_> = line.received_by.iter().copied().collect();
            (line.delivery == Delivery::Received && to == [a.id, c.id].into()).then_some(())
        })
        .await;
        b.ask(Command::Chat("@tomás, you first".into()));
        c.sees("that they are mentioned", |s| s.call.as_ref()?.mentioned.then_some(())).await;
        let unread = a.sees("that there is more", |s| s.call.as_ref().filter(|call| call.unread == 2).cloned()).await;
        assert!(!unread.mentioned, "somebody else is meant");
        c.ask(Command::ChatOpen(true));
        c.sees("that it is read", |s| (!s.call.as_ref()?.mentioned).then_some(())).await;

        c.ask(Command::React(Reaction::Heart));
        c.ask(Command::RaiseHand(true));
        for one in [a, b] {
            one.sees("a heart and a hand", |s| {
                let remote = of(s.call.as_ref()?, c.id)?.remote;
                (remote.reaction == Some(Reaction::Heart) && remote.hand).then_some(())
            })
            .await;
        }
        for one in [a, b] {
            one.sees("no heart any more", |s| of(s.call.as_ref()?, c.id)?.remote.reaction.is_none().then_some(()))
                .await;
        }

        a.ask(Command::Volume { of: Callee::Peer(b.id), percent: 0 });
        until("only one of them", || hears(a, TONES[1]) < UNHEARD && hears(a, TONES[2]) > HEARD).await;
        until("the muted one at the third", || hears(c, TONES[1]) > HEARD).await;

        c.ask(Command::HangUp);
        meet(&[a, b]).await;
        c.sees("the end", |s| matches!(s.call.as_ref()?.stage, Stage::Ended(_)).then_some(())).await;
        assert!(a.handle.snapshot().call.as_ref().is_some_and(|call| call.room.is_some()), "two go on as a room");
        sees_all(a).await;
        a.ask(Command::HangUp);
        b.sees("the end", |s| matches!(s.call.as_ref()?.stage, Stage::Ended(_)).then_some(())).await;
        drop(people);
        drop(server);
    });
}

#[test]
fn four_people_see_and_hear_each_other() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let people = crowd(&url, 4).await;
        let [a, b, c, d] = &people[..] else { unreachable!() };
        connected(a, b).await;
        // Two invite at once, and those who come were not told of each other.
        a.ask(Command::Invite(c.id.to_string()));
        b.ask(Command::Invite(d.id.to_string()));
        c.accept(true).await;
        d.accept(true).await;
        let all = [a, b, c, d];
        meet(&all).await;
        let rooms: BTreeSet<_> =
            all.iter().filter_map(|one| one.handle.snapshot().call.as_ref().map(|c| c.call)).collect();
        assert_eq!(rooms.len(), 1, "one room for all");
        for one in all {
            sees_all(one).await;
        }
        hears_all(&all, &TONES[..4]).await;
        drop(people);
        drop(server);
    });
}

#[test]
fn whoever_comes_and_goes_leaves_nothing() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let people = crowd(&url, 4).await;
        let [a, b, c, d] = &people[..] else { unreachable!() };
        connected(a, b).await;
        for round in 0..3 {
            let (inviter, guest) = [(a, c), (b, d), (c, d)][round];
            if round == 2 {
                invite(a, c).await;
                meet(&[a, b, c]).await;
            }
            invite(inviter, guest).await;
            let others: Vec<_> =
                [a, b, c, d].into_iter().filter(|one| round == 2 || [a.id, b.id, guest.id].contains(&one.id)).collect();
            meet(&others).await;
            for one in [c, d] {
                one.ask(Command::HangUp);
                one.ask(Command::DismissEnded);
            }
            meet(&[a, b]).await;
        }
        let legs = |one: &Person| -> Vec<CallId> {
            one.handle
                .snapshot()
                .call
                .as_ref()
                .map(|call| call.members.iter().map(|member| member.call).collect())
                .unwrap_or_default()
        };
        assert_eq!(legs(a), legs(b), "the leg of the first two is the only one");
        a.ask(Command::HangUp);
        for one in [a, b] {
            one.sees("the end", |s| matches!(s.call.as_ref()?.stage, Stage::Ended(_)).then_some(())).await;
        }
        // Threads and files that are left fail the test: see `common`.
        drop(people);
        drop(server);
    });
}
