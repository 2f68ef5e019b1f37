//! Peers that come, go and fail, several at once.

use std::time::{Duration, Instant};

use visavis::session::*;

use crate::browser_world::*;

/// The row's own figure: the other side knows within a second.
const KNOWS: Duration = Duration::from_secs(1);

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p08_browser_relay_only_without_a_relay_is_said_when_the_peer_is_added() {
    with(Kind::Chromium, async |world| {
        let config = PeerConfig { policy: TransportPolicy::Relay, ..PeerConfig::default() };
        let added = world.ours.session.add_peer("it", config).await;
        assert!(matches!(added, Err(SessionError::Rtc(RtcError::Build(_)))), "{added:?}");
        // The name is free, and the session as it was.
        let page = world.call(Offers::It).await;
        page_sees_time(&page, 0).await;
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p18_browser_its_end_is_noticed_here_within_a_second() {
    for offers in [Offers::We, Offers::It] {
        with(Kind::Chromium, async |world| {
            let page = world.call(offers).await;
            world.ours.sees_time("it").await;
            world.ours.open("it", "chat").await;
            let begun = Instant::now();
            page.run("pc.close()").await;
            world.ours.state("it", ConnectionState::Closed).await;
            assert!(begun.elapsed() < KNOWS, "noticed after {:?}", begun.elapsed());
        });
    }
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p18_browser_our_end_is_noticed_there_within_a_second() {
    for offers in [Offers::We, Offers::It] {
        with(Kind::Chromium, async |world| {
            let page = world.call(offers).await;
            page_sees_time(&page, 0).await;
            world.ours.open("it", "chat").await;
            let begun = Instant::now();
            world.ours.session.close_peer("it").await;
            page.told("closed", |told| told["label"] == "chat").await;
            assert!(begun.elapsed() < KNOWS, "noticed after {:?}", begun.elapsed());
            assert!(world.ours.session.peers().is_empty());
        });
    }
}

/// An offer of a browser may bring no data channel at all.
#[test]
#[ignore = "needs a browser: make test-browser"]
fn p18_browser_the_end_of_a_call_without_channels_is_noticed_too() {
    with(Kind::Chromium, async |world| {
        let page = world.pair("it").await;
        world.connect("it", &page, Offers::It, Candidates::Trickle).await;
        world.ours.sees_time("it").await;
        let begun = Instant::now();
        page.run("pc.close()").await;
        world.ours.state("it", ConnectionState::Closed).await;
        println!("noticed after {:?}", begun.elapsed());
        assert!(begun.elapsed() < KNOWS, "noticed after {:?}", begun.elapsed());
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p19_browser_several_pages_at_once_and_the_end_of_one_is_nothing_to_the_others() {
    with(Kind::Chromium, async |world| {
        let mut pages = Vec::new();
        for (n, (peer, offers)) in [("first", Offers::We), ("second", Offers::It)].into_iter().enumerate() {
            let page = world.bare_page().await;
            page.run("permission()").await;
            page.run("open({})").await;
            give_media(&page, 600 + 300 * n as u32).await;
            if offers == Offers::It {
                page.run("serve(pc.createDataChannel('chat'))").await;
            }
            world.ours.session.add_peer(peer, chat()).await.unwrap();
            world.connect(peer, &page, offers, Candidates::Trickle).await;
            pages.push(page);
        }
        world.ours.hears(600).await;
        world.ours.hears(900).await;
        for (peer, page) in ["first", "second"].into_iter().zip(&pages) {
            world.ours.sees_time(peer).await;
            page_sees_time(page, 0).await;
            world.ours.session.send(peer, "chat", Message::Text(peer.into())).await.unwrap();
            assert_eq!(page.told("message", |_| true).await["text"], peer);
        }
        // The first page vanishes without a word, as one that crashed.
        world.kill(&pages[0]).await;
        world.ours.state("first", ConnectionState::Disconnected).await;
        world.ours.hears_no(600).await;
        world.ours.hears(900).await;
        world.ours.sees_time("second").await;
        page_sees_time(&pages[1], 0).await;
        let strange = world.ours.was(|event| match event {
            SessionEvent::ConnectionState { peer, state } if peer == "second" => Some(*state),
            _ => None,
        });
        assert!(matches!(strange, None | Some(ConnectionState::Connecting)), "the second peer was {strange:?}");
    });
}
