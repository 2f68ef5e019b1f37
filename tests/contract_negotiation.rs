//! The component contract, agreeing again: row P17, offers that cross, a second video; two sessions in one process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;
mod contract_world;

use std::sync::{Arc, Mutex};

use contract_world::*;
use visavis::model::source::VideoSpec;
use visavis::pipeline::publish::{PublishConfig, VideoPublisher};
use visavis::session::*;

#[test]
fn p17_ice_is_restarted_by_hand_from_either_side_and_media_go_on() {
    common::run(LIMIT, async {
        let (ann, bob) = connected().await;
        flows(&bob, "ann").await;
        let fragment = |description: &Description| lines(&description.sdp, "a=ice-ufrag:")[0].to_owned();
        let ports = |description: &Description| {
            let port = |line: &&str| line.split(' ').nth(5).unwrap().to_owned();
            lines(&description.sdp, "a=candidate:").iter().map(port).collect::<Vec<_>>()
        };
        let (mut before, mut ports_before) = (String::new(), Vec::new());
        for round in 0..4 {
            let (from, to) = if round % 2 == 0 { (&ann, &bob) } else { (&bob, &ann) };
            let (there, here) = if round % 2 == 0 { ("bob", "ann") } else { ("ann", "bob") };
            let offer = from.session.restart_ice(there).await.unwrap();
            assert_ne!(fragment(&offer), before);
            assert!(ports(&offer).iter().all(|port| !ports_before.contains(port)), "new sockets");
            let answer = to.session.accept_description(here, offer.to_string()).await.unwrap().expect("an answer");
            from.session.accept_description(there, answer.to_string()).await.unwrap();
            (before, ports_before) = (fragment(&answer), ports(&answer));
            flows(&ann, "bob").await;
            flows(&bob, "ann").await;
            ann.session.send("bob", CONTROL, Message::Text(format!("round {round}"))).await.unwrap();
        }
        end([ann, bob]).await;
    });
}

#[test]
fn p17_two_restarts_that_cross_are_sorted_out() {
    common::run(LIMIT, async {
        let (mut ann, mut bob) = connected().await;
        let (offer, counter) = (ann.session.restart_ice("bob").await, bob.session.restart_ice("ann").await);
        let (offer, counter) = (offer.unwrap(), counter.unwrap());
        let refused = ann.session.accept_offer("bob", counter.clone()).await;
        assert!(matches!(refused, Err(SessionError::Rtc(RtcError::Glare))), "{refused:?}");
        assert_eq!(ann.session.accept_description("bob", counter).await.unwrap(), None);
        assert_eq!(ann.session.signaling_state("bob").unwrap(), SignalingState::HaveLocalOffer);
        let answer = bob.session.accept_description("ann", offer).await.unwrap().expect("the polite side answers");
        ann.session.accept_description("bob", answer).await.unwrap();
        flows(&ann, "bob").await;
        flows(&bob, "ann").await;
        // One restart was enough for both.
        assert_eq!((ann.needed("bob"), bob.needed("ann")), (1, 1));
        end([ann, bob]).await;
    });
}

#[test]
fn two_first_offers_that_cross_make_one_connection() {
    common::run(LIMIT, async {
        // Both with the default manners: then the session numbers decide.
        let (mut ann, mut bob) = (Side::new(), Side::new());
        ann.session.add_peer("bob", PeerConfig::default()).await.unwrap();
        bob.session.add_peer("ann", PeerConfig::default()).await.unwrap();
        let offers = (ann.session.create_offer("bob").await.unwrap(), bob.session.create_offer("ann").await.unwrap());
        let from_ann = bob.session.accept_description("ann", offers.0).await.unwrap();
        let from_bob = ann.session.accept_description("bob", offers.1).await.unwrap();
        match (from_ann, from_bob) {
            (Some(answer), None) => ann.session.accept_answer("bob", answer).await.unwrap(),
            (None, Some(answer)) => bob.session.accept_answer("ann", answer).await.unwrap(),
            other => panic!("exactly one gives way: {other:?}"),
        }
        ann.connected("bob").await;
        bob.connected("ann").await;
        flows(&ann, "bob").await;
        flows(&bob, "ann").await;
        ann.session.send("bob", CONTROL, Message::Text("hello".into())).await.unwrap();
        assert_eq!(bob.message(CONTROL).await, Message::Text("hello".into()));
        end([ann, bob]).await;
    });
}

#[test]
fn a_second_video_comes_and_goes_beside_the_first() {
    common::run(LIMIT, async {
        let (mut ann, mut bob) = connected().await;
        flows(&bob, "ann").await;
        let screen = PublishConfig {
            name: "screen".into(),
            input: VideoInput::Spec(VideoSpec::Bars),
            request: VideoRequest { width: 160, height: 96, fps: 30 },
            bitrate_bps: 300_000,
            enabled: true,
        };
        let publisher = Arc::new(Mutex::new(VideoPublisher::start(screen)));
        let mut sections = Vec::new();
        for round in 1..=3 {
            let asked = Arc::downgrade(&publisher);
            let wish = move || {
                if let Some(publisher) = asked.upgrade() {
                    publisher.lock().unwrap().request_keyframe();
                }
            };
            let (id, queue) = ann.session.add_video_track("bob", "screen", Arc::new(wish)).await.unwrap();
            assert_eq!(ann.needed_soon("bob", 2 * round).await, 2 * round, "once for each change");
            let (offer, _) = agree(&ann, &bob).await;
            sections.push(lines(&offer.sdp, "m=").len());
            publisher.lock().unwrap().add_output(round as u64, queue);
            let track = bob.track(|track| track.stream == "screen").await;
            pictures(track.player.as_ref().unwrap(), 5, |frame| frame.width() == 160).await;
            pictures(&bob.session.player("ann").unwrap(), 5, |frame| frame.width() == 320).await;
            publisher.lock().unwrap().remove_output(round as u64);
            ann.session.remove_video_track("bob", &id).await.unwrap();
            assert_eq!(ann.needed_soon("bob", 2 * round + 1).await, 2 * round + 1, "once for each change");
            assert!(ann.session.remove_video_track("bob", &id).await.is_err(), "it is gone");
            agree(&ann, &bob).await;
            bob.tells(SessionEvent::TrackEnded { peer: "ann".into(), id: track.id }).await;
            bob.seen.clear();
            flows(&bob, "ann").await;
        }
        assert_eq!(sections, [4, 4, 4], "one section serves all");
        tokio::task::spawn_blocking(move || drop(publisher)).await.unwrap();
        end([ann, bob]).await;
    });
}
