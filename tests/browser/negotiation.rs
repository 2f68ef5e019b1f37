//! Offers, answers and candidates of a real browser: who begins, what it prefers, how candidates travel.

use visavis::session::*;

use crate::browser_world::*;
use crate::media::see_and_hear;

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p10_browser_our_offer_brings_pictures_and_sound_both_ways() {
    with(Kind::Chromium, async |world| {
        let page = world.call(Offers::We).await;
        see_and_hear(world, &page).await;
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p11_browser_its_offer_brings_pictures_and_sound_both_ways() {
    with(Kind::Chromium, async |world| {
        let page = world.call(Offers::It).await;
        see_and_hear(world, &page).await;
    });
}

/// Browsers offer several profiles under payload types of their own; the answer takes one of them.
#[test]
#[ignore = "needs a browser: make test-browser"]
fn p11_browser_every_profile_of_h264_that_it_offers_is_answered() {
    with(Kind::Chromium, async |world| {
        for profile in ["42001f", "42e01f", "4d001f", "f4001f", "64001f"] {
            let page = world.pair("it").await;
            let fmtp = format!("packetization-mode=1;profile-level-id={profile}");
            let offered = page.run(format!("prefer('video/h264', '{fmtp}')")).await;
            println!("{profile}: {offered} codecs");
            if offered != 0 {
                world.connect("it", &page, Offers::It, Candidates::Trickle).await;
                world.ours.sees_time("it").await;
                page_sees_time(&page, 0).await;
            }
            page.run("pc.close()").await;
            world.ours.session.close_peer("it").await;
        }
    });
}

/// No common codec for pictures: sound and data are a call still.
#[test]
#[ignore = "needs a browser: make test-browser"]
fn p11_browser_an_offer_without_our_video_codec_is_a_call_with_sound() {
    with(Kind::Chromium, async |world| {
        let page = world.pair("it").await;
        assert_ne!(page.run("prefer('video/vp8', '')").await, 0);
        world.connect("it", &page, Offers::It, Candidates::Trickle).await;
        page_hears(&page, OUR_TONE).await;
        world.ours.hears(ITS_TONE).await;
        assert_eq!(page.run("pc.getTransceivers().some(t => t.sender.track?.kind === 'video')").await, false);
    });
}

/// Sections come in the order in which the page made them, whatever ours would be.
#[test]
#[ignore = "needs a browser: make test-browser"]
fn p11_browser_sections_in_another_order_are_answered_in_theirs() {
    with(Kind::Chromium, async |world| {
        let page = world.bare_page().await;
        page.run("permission()").await;
        page.run("open({})").await;
        page.run("serve(pc.createDataChannel('first'))").await;
        page.run(format!("add('camera', camera('scene', {}, {}))", ITS_SIZE.0, ITS_SIZE.1)).await;
        page.run(format!("add('tone', tone({ITS_TONE}))")).await;
        world.ours.session.add_peer("it", chat()).await.unwrap();
        world.connect("it", &page, Offers::It, Candidates::Trickle).await;
        see_and_hear(world, &page).await;
        world.ours.open("it", "first").await;
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p11_browser_every_bundle_policy_of_its_is_answered() {
    with(Kind::Chromium, async |world| {
        for policy in ["balanced", "max-compat", "max-bundle"] {
            let page = world.bare_page().await;
            page.run("permission()").await;
            page.run(format!("open({{bundlePolicy: '{policy}'}})")).await;
            give_media(&page, ITS_TONE).await;
            world.ours.session.add_peer(policy, chat()).await.unwrap();
            world.connect(policy, &page, Offers::It, Candidates::Trickle).await;
            world.ours.sees_time(policy).await;
            page_sees_time(&page, 0).await;
            page.run("pc.close()").await;
            world.ours.session.close_peer(policy).await;
        }
    });
}

/// One that only watches and listens.
#[test]
#[ignore = "needs a browser: make test-browser"]
fn p11_browser_one_that_only_receives_is_answered() {
    with(Kind::Chromium, async |world| {
        let page = world.bare_page().await;
        page.run("permission()").await;
        page.run("open({})").await;
        page.run("void pc.addTransceiver('audio', {direction: 'recvonly'})").await;
        page.run("void pc.addTransceiver('video', {direction: 'recvonly'})").await;
        world.ours.session.add_peer("it", chat()).await.unwrap();
        world.connect("it", &page, Offers::It, Candidates::Trickle).await;
        page_sees_time(&page, 0).await;
        page_hears(&page, OUR_TONE).await;
    });
}

/// A page that began with data alone shows its camera later.
#[test]
#[ignore = "needs a browser: make test-browser"]
fn p11_browser_media_added_to_a_call_of_data_come_with_its_next_offer() {
    with(Kind::Chromium, async |world| {
        let page = world.bare_page().await;
        page.run("permission()").await;
        page.run("open({})").await;
        page.run("serve(pc.createDataChannel('chat'))").await;
        world.ours.session.add_peer("it", chat()).await.unwrap();
        world.connect("it", &page, Offers::It, Candidates::Trickle).await;
        world.ours.open("it", "chat").await;
        give_media(&page, ITS_TONE).await;
        world.negotiate("it", &page, Offers::It, Candidates::Trickle).await;
        see_and_hear(world, &page).await;
    });
}

/// Several sizes of one picture at once are not for us; the first is taken.
#[test]
#[ignore = "needs a browser: make test-browser"]
fn p11_browser_an_offer_of_simulcast_is_answered_without() {
    with(Kind::Chromium, async |world| {
        let page = world.bare_page().await;
        page.run("permission()").await;
        page.run("open({})").await;
        let layers = "[{rid: 'h'}, {rid: 'l', scaleResolutionDownBy: 2}]";
        page.run(format!("void pc.addTransceiver(camera('scene', 480, 270), {{sendEncodings: {layers}}})")).await;
        world.ours.session.add_peer("it", chat()).await.unwrap();
        world.connect("it", &page, Offers::It, Candidates::Trickle).await;
        world.ours.sees_time("it").await;
        page_sees_time(&page, 0).await;
    });
}

/// A page that has no camera of its own to answer with.
#[test]
#[ignore = "needs a browser: make test-browser"]
fn p12_browser_an_answer_that_sends_nothing_is_a_call_one_way() {
    with(Kind::Chromium, async |world| {
        let page = world.bare_page().await;
        page.run("permission()").await;
        page.run("open({})").await;
        world.ours.session.add_peer("it", chat()).await.unwrap();
        world.connect("it", &page, Offers::We, Candidates::Trickle).await;
        page_sees_time(&page, 0).await;
        page_hears(&page, OUR_TONE).await;
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p13_browser_candidates_before_the_description_wait_for_it() {
    with(Kind::Chromium, async |world| {
        let page = world.pair("it").await;
        let offer = page.run("offer()").await;
        // All of them first, and that there are no more; then the offer without any.
        for _ in 0..2 {
            let told = page.told("candidate", |_| true).await;
            world.ours.session.accept_candidate("it", told["candidate"].to_string().as_str()).await.unwrap();
        }
        page.told("candidates complete", |_| true).await;
        world.ours.session.accept_candidate("it", r#"{"candidate":""}"#).await.unwrap();
        assert!(!offer.to_string().contains("a=candidate"), "{offer}");
        let answer = world.ours.session.accept_offer("it", offer.to_string().as_str()).await.unwrap();
        page.run(format!("take({answer})")).await;
        page.connection("connected").await;
        see_and_hear(world, &page).await;
    });
}

/// Without a camera's permission a browser hides its addresses behind names; ours are enough to meet.
#[test]
#[ignore = "needs a browser: make test-browser"]
fn p13_browser_addresses_hidden_behind_names_are_met_all_the_same() {
    for offers in [Offers::We, Offers::It] {
        with(Kind::ShyChromium, async |world| {
            let page = world.bare_page().await;
            page.run("open({})").await;
            give_media(&page, ITS_TONE).await;
            world.ours.session.add_peer("it", chat()).await.unwrap();
            world.connect("it", &page, offers, Candidates::Trickle).await;
            see_and_hear(world, &page).await;
            let told = page.run("candidatesTold").await;
            let told = told.as_array().unwrap();
            assert!(!told.is_empty(), "it has told candidates");
            assert!(told.iter().all(|line| line.as_str().unwrap().contains(".local ")), "all hidden: {told:?}");
        });
    }
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p14_browser_our_offer_and_its_answer_with_all_candidates_inside() {
    with(Kind::Chromium, async |world| {
        let page = world.pair("it").await;
        world.connect("it", &page, Offers::We, Candidates::Inside).await;
        let bare = event(world, |event| matches!(event, SessionEvent::Offer { .. })).await;
        let whole = event(world, |event| matches!(event, SessionEvent::OfferWithCandidates { .. })).await;
        assert!(!bare.contains("a=candidate:"), "{bare}");
        assert!(whole.contains("a=candidate:") && whole.contains("a=end-of-candidates"), "{whole}");
        see_and_hear(world, &page).await;
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p14_browser_its_offer_and_our_answer_with_all_candidates_inside() {
    with(Kind::Chromium, async |world| {
        let page = world.pair("it").await;
        world.connect("it", &page, Offers::It, Candidates::Inside).await;
        let bare = event(world, |event| matches!(event, SessionEvent::Answer { .. })).await;
        let whole = event(world, |event| matches!(event, SessionEvent::AnswerWithCandidates { .. })).await;
        assert!(!bare.contains("a=candidate:"), "{bare}");
        assert!(whole.contains("a=candidate:") && whole.contains("a=end-of-candidates"), "{whole}");
        see_and_hear(world, &page).await;
    });
}

/// The SDP in an event that tells a description.
async fn event(world: &World, wanted: impl Fn(&SessionEvent) -> bool) -> String {
    world
        .ours
        .until("a description", |event| match event {
            SessionEvent::Offer { description, .. }
            | SessionEvent::Answer { description, .. }
            | SessionEvent::OfferWithCandidates { description, .. }
            | SessionEvent::AnswerWithCandidates { description, .. }
                if wanted(event) =>
            {
                Some(description.sdp.clone())
            }
            _ => None,
        })
        .await
}

/// Nothing is told but by events: an application that carries each of them where it belongs.
#[test]
#[ignore = "needs a browser: make test-browser"]
fn p10_browser_states_are_told_in_their_order() {
    with(Kind::Chromium, async |world| {
        let page = world.call(Offers::We).await;
        see_and_hear(world, &page).await;
        let told = world.ours.all(|event| match event {
            SessionEvent::SignalingState { state, .. } => Some(format!("{state:?}")),
            SessionEvent::IceGatheringState { state, .. } => Some(format!("{state:?}")),
            SessionEvent::IceConnectionState { state, .. } => Some(format!("Ice {state:?}")),
            _ => None,
        });
        let in_order = |wanted: &[&str]| {
            let mut rest = told.iter();
            wanted.iter().all(|wanted| rest.any(|told| told == wanted))
        };
        assert!(in_order(&["HaveLocalOffer", "Stable"]), "{told:?}");
        assert!(in_order(&["Gathering", "Complete"]), "{told:?}");
        assert!(in_order(&["Ice Checking", "Ice Connected"]), "{told:?}");
        let session = &world.ours.session;
        assert_eq!(session.signaling_state("it").unwrap(), SignalingState::Stable);
        assert_eq!(session.connection_state("it").unwrap(), ConnectionState::Connected);
        assert_eq!(session.ice_gathering_state("it").unwrap(), IceGatheringState::Complete);
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p08_browser_every_bundle_policy_of_ours_is_answered() {
    with(Kind::Chromium, async |world| {
        for bundle in [BundlePolicy::Balanced, BundlePolicy::MaxCompat, BundlePolicy::MaxBundle] {
            let page = world.page().await;
            let peer = format!("{bundle:?}");
            world.ours.session.add_peer(&peer, PeerConfig { bundle, ..chat() }).await.unwrap();
            world.connect(&peer, &page, Offers::We, Candidates::Trickle).await;
            world.ours.sees_time(&peer).await;
            page_sees_time(&page, 0).await;
            page.run("pc.close()").await;
            world.ours.session.close_peer(&peer).await;
        }
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p17_browser_its_ice_restart_keeps_the_call() {
    with(Kind::Chromium, async |world| {
        let page = world.call(Offers::It).await;
        see_and_hear(world, &page).await;
        let ufrag = "pc.remoteDescription.sdp.match(/a=ice-ufrag:(\\S+)/)[1]";
        let before = page.run(ufrag).await;
        page.run("pc.restartIce()").await;
        world.negotiate("it", &page, Offers::It, Candidates::Trickle).await;
        assert_ne!(page.run(ufrag).await, before, "a restart has new credentials (RFC 8445 §9)");
        page.until("the new path", "pc.iceConnectionState === 'connected' || pc.iceConnectionState === 'completed'")
            .await;
        see_and_hear(world, &page).await;
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p17_browser_our_ice_restart_keeps_the_call() {
    with(Kind::Chromium, async |world| {
        let page = world.call(Offers::We).await;
        see_and_hear(world, &page).await;
        let ufrag = "pc.localDescription.sdp.match(/a=ice-ufrag:(\\S+)/)[1]";
        let before = page.run(ufrag).await;
        let offer = world.ours.session.restart_ice("it").await.unwrap();
        let answer = page.run(format!("answer({offer})")).await.to_string();
        world.ours.session.accept_answer("it", answer.as_str()).await.unwrap();
        assert_ne!(page.run(ufrag).await, before, "a restart has new credentials (RFC 8445 §9)");
        see_and_hear(world, &page).await;
        // And once more, from the other side.
        page.run("pc.restartIce()").await;
        world.negotiate("it", &page, Offers::It, Candidates::Trickle).await;
        see_and_hear(world, &page).await;
    });
}

/// Both offer at once, and one of them is polite (W3C perfect negotiation).
async fn glare(world: &World, page: &Page, we_are_polite: bool) {
    let ours = world.ours.session.create_offer("it").await.unwrap();
    let its = page.run("offer()").await.to_string();
    let from_page = page.run(format!("said({ours}, {})", !we_are_polite)).await;
    let from_us = world.ours.session.accept_description("it", its.as_str()).await.unwrap();
    match from_us {
        Some(answer) => {
            assert!(we_are_polite && from_page.is_null(), "one of the two offers holds");
            page.run(format!("said({answer}, false)")).await;
        }
        None => {
            assert!(!we_are_polite && !from_page.is_null(), "one of the two offers holds");
            let none = world.ours.session.accept_description("it", from_page.to_string().as_str()).await.unwrap();
            assert_eq!(none, None);
        }
    }
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p11_browser_both_offer_at_once_and_we_give_way() {
    with(Kind::Chromium, async |world| {
        let page = world.pair("it").await;
        page.run("serve(pc.createDataChannel('chat'))").await;
        world.ours.trickle("it", &page).await;
        glare(world, &page, true).await;
        world.ours.state("it", ConnectionState::Connected).await;
        see_and_hear(world, &page).await;
        world.ours.open("it", "chat").await;
        let first = world.ours.track("it", |track| track.kind == TrackKind::Video).await;
        // In the middle of the call again.
        world.settled("it", &page).await;
        page.run("add('second', camera('scene', 320, 240))").await;
        glare(world, &page, true).await;
        let second = world.ours.track("it", |track| track.kind == TrackKind::Video && track.id != first.id).await;
        sees_time(second.player.unwrap()).await;
        see_and_hear(world, &page).await;
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p11_browser_both_offer_at_once_and_it_gives_way() {
    with(Kind::Chromium, async |world| {
        let page = world.page().await;
        world.ours.session.add_peer("it", PeerConfig { polite: false, ..chat() }).await.unwrap();
        world.ours.trickle("it", &page).await;
        glare(world, &page, false).await;
        world.ours.state("it", ConnectionState::Connected).await;
        see_and_hear(world, &page).await;
        world.ours.open("it", "chat").await;
        let refused = world.ours.session.create_offer("it").await.unwrap();
        let its = page.run("offer()").await.to_string();
        let glare = world.ours.session.accept_offer("it", its.as_str()).await;
        assert!(matches!(glare, Err(SessionError::Rtc(RtcError::Glare))), "{glare:?}");
        let answer = page.run(format!("said({refused}, true)")).await.to_string();
        world.ours.session.accept_answer("it", answer.as_str()).await.unwrap();
        // Once it has taken an offer back in a call, Chromium makes its receivers anew and hands no more pictures to its
        // elements; it still gets and decodes them.
        let decoded = "stats('inbound-rtp', 'video').then(all => all[0]?.framesDecoded ?? 0)";
        let before = page.run(decoded).await;
        page.until("pictures of ours", format!("{decoded}.then(now => now > {before} + 20)")).await;
        world.ours.sees_time("it").await;
        world.ours.hears(ITS_TONE).await;
    });
}
