//! Calls with Firefox, as far as it goes without a sound card (its `AudioContext` stands still, so it has no tone to
//! send) and without its H.264 (a plug-in that it fetches by itself: pictures are left out where it has none).

use visavis::session::*;

use crate::browser_world::*;

fn our_sound_and_messages(offers: Offers) {
    with(Kind::Firefox, async |world| {
        let page = world.call(offers).await;
        // Our tone of −20 dBFS has a peak of 0.14 (webrtc-stats audioLevel).
        let level = "stats('inbound-rtp', 'audio').then(all => Math.abs((all[0]?.audioLevel ?? 0) - 0.141) < 0.03)";
        page.until("our tone", level).await;
        world.ours.open("it", "chat").await;
        page.told("open", |told| told["label"] == "chat").await;
        world.ours.session.send("it", "chat", Message::Text("grüß dich".into())).await.unwrap();
        assert_eq!(page.told("message", |_| true).await["text"], "grüß dich");
        page.run("channels.chat.send(new Uint8Array([9, 0, 254]))").await;
        assert_eq!(world.ours.message("it", "chat").await, Message::Binary(vec![9, 0, 254].into()));
        let h264 = |side: &str| format!("/a=rtpmap:[0-9]+ H264/.test(pc.{side}Description.sdp)");
        if page.run(format!("{} && {}", h264("local"), h264("remote"))).await == true {
            page_sees_time(&page, 0).await;
            world.ours.sees_time("it").await;
        } else {
            println!("skipped: pictures; this Firefox has no H.264");
        }
        page.run("pc.close()").await;
        world.ours.state("it", ConnectionState::Closed).await;
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p10_browser_our_offer_to_firefox_brings_our_sound_and_messages() {
    our_sound_and_messages(Offers::We);
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p11_browser_the_offer_of_firefox_brings_our_sound_and_messages() {
    our_sound_and_messages(Offers::It);
}
