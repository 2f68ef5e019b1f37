//! Data channels with a real browser: names, options, text and bytes, early, late, many.

use serde_json::json;
use visavis::session::*;

use crate::browser_world::*;

fn options() -> PeerConfig {
    let options = ChannelConfig {
        ordered: false,
        max_retransmits: Some(3),
        protocol: "game".into(),
        ..ChannelConfig::reliable("fast")
    };
    let lifetime = ChannelConfig { max_lifetime_ms: Some(500), ..ChannelConfig::reliable("brief") };
    PeerConfig { channels: vec![ChannelConfig::reliable("chat"), options, lifetime], ..PeerConfig::default() }
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p15_browser_channels_of_our_offer_arrive_there_with_their_options() {
    with(Kind::Chromium, async |world| {
        let page = world.page().await;
        world.ours.session.add_peer("it", options()).await.unwrap();
        world.connect("it", &page, Offers::We, Candidates::Trickle).await;
        for (label, ordered, retransmits, lifetime, protocol) in [
            ("control", true, None, None, ""),
            ("chat", true, None, None, ""),
            ("fast", false, Some(3), None, "game"),
            ("brief", true, None, Some(500), ""),
        ] {
            let told = page.told("channel", |told| told["label"] == label).await;
            let wanted = json!({ "kind": "channel", "label": label, "ordered": ordered, "maxRetransmits": retransmits,
                "maxPacketLifeTime": lifetime, "protocol": protocol });
            assert_eq!(told, wanted);
            world.ours.open("it", label).await;
            both_ways(world, &page, label).await;
        }
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p15_browser_channels_of_its_offer_open_here() {
    with(Kind::Chromium, async |world| {
        let page = world.page().await;
        world.ours.session.add_peer("it", chat()).await.unwrap();
        for (label, options) in [
            ("chat", "{}"),
            ("fast", "{ordered: false, maxRetransmits: 3, protocol: 'game'}"),
            ("brief", "{maxPacketLifeTime: 500}"),
        ] {
            page.run(format!("serve(pc.createDataChannel('{label}', {options}))")).await;
        }
        world.connect("it", &page, Offers::It, Candidates::Trickle).await;
        for label in ["chat", "fast", "brief"] {
            world.ours.open("it", label).await;
            page.told("open", |told| told["label"] == label).await;
            both_ways(world, &page, label).await;
        }
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p15_browser_a_late_channel_of_either_side_needs_no_negotiation() {
    with(Kind::Chromium, async |world| {
        let page = world.call(Offers::We).await;
        world.ours.session.add_channel("it", ChannelConfig::reliable("late")).await.unwrap();
        page.told("open", |told| told["label"] == "late").await;
        both_ways(world, &page, "late").await;
        page.run("serve(pc.createDataChannel('later'))").await;
        world.ours.open("it", "later").await;
        both_ways(world, &page, "later").await;
        world.nothing_negotiated("it", &page);
        // One closed there is closed here, and the others go on.
        page.run("channels.late.close()").await;
        let closed = SessionEvent::ChannelClosed { peer: "it".into(), channel: "late".into() };
        world.ours.until("the end of the channel", |event| (*event == closed).then_some(())).await;
        both_ways(world, &page, "later").await;
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p15_browser_a_page_with_data_alone_is_answered() {
    with(Kind::Chromium, async |world| {
        let page = world.bare_page().await;
        page.run("permission()").await;
        page.run("open({})").await;
        page.run("serve(pc.createDataChannel('chat'))").await;
        world.ours.session.add_peer("it", chat()).await.unwrap();
        world.connect("it", &page, Offers::It, Candidates::Trickle).await;
        world.ours.open("it", "chat").await;
        both_ways(world, &page, "chat").await;
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p16_browser_what_was_sent_before_the_channel_opened_arrives_in_order() {
    with(Kind::Chromium, async |world| {
        let page = world.pair("it").await;
        for n in 0..20 {
            world.ours.session.send("it", "chat", Message::Text(n.to_string())).await.unwrap();
        }
        world.connect("it", &page, Offers::We, Candidates::Trickle).await;
        for n in 0..20 {
            let told = page.told("message", |told| told["label"] == "chat").await;
            assert_eq!(told["text"], n.to_string());
        }
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p16_browser_large_and_many_messages_arrive_whole_and_in_order() {
    with(Kind::Chromium, async |world| {
        let page = world.call(Offers::We).await;
        page.told("open", |told| told["label"] == "chat").await;
        // 8 MiB from us, in the largest messages there are: what they hold is added up there.
        page.run("void (channels.chat.onmessage = e => { const a = new Uint8Array(e.data); sum.push(a.length, a[0], a[a.length - 1]); }, window.sum = [])").await;
        for n in 0..128u8 {
            let bytes = vec![n; 65_536];
            world.ours.session.send("it", "chat", Message::Binary(bytes.into())).await.unwrap();
        }
        let wanted: Vec<u32> = (0..128).flat_map(|n| [65_536, n, n]).collect();
        page.until("all of it", "sum.length === 384").await;
        assert_eq!(page.run("sum").await, json!(wanted));
        // 2000 small ones from it.
        page.run("(() => { for (let n = 0; n < 2000; n++) channels.chat.send('message ' + n); })()").await;
        for n in 0..2000 {
            assert_eq!(world.ours.message("it", "chat").await, Message::Text(format!("message {n}")));
        }
        // And large ones.
        page.run("(() => { for (let n = 0; n < 32; n++) channels.chat.send(new Uint8Array(65536).fill(n)); })()").await;
        for n in 0..32u8 {
            assert_eq!(world.ours.message("it", "chat").await, Message::Binary(vec![n; 65_536].into()));
        }
    });
}

/// Text and bytes, empty ones too, there and back.
async fn both_ways(world: &World, page: &Page, label: &str) {
    let session = &world.ours.session;
    session.send("it", label, Message::Text("grüß dich".into())).await.unwrap();
    session.send("it", label, Message::Binary(vec![0, 255, 7].into())).await.unwrap();
    let told = page.told("message", |told| told["label"] == label && !told["text"].is_null()).await;
    assert_eq!(told["text"], "grüß dich");
    let told = page.told("message", |told| told["label"] == label && !told["bytes"].is_null()).await;
    assert_eq!(told["bytes"], json!([0, 255, 7]));
    page.run(format!("channels['{label}'].send('schön’ Tag')")).await;
    assert_eq!(world.ours.message("it", label).await, Message::Text("schön’ Tag".into()));
    page.run(format!("channels['{label}'].send(new Uint8Array([9, 0, 254]))")).await;
    assert_eq!(world.ours.message("it", label).await, Message::Binary(vec![9, 0, 254].into()));
    page.run(format!("channels['{label}'].send('')")).await;
    assert_eq!(world.ours.message("it", label).await, Message::Text(String::new()));
    page.run(format!("channels['{label}'].send(new Uint8Array([]))")).await;
    assert_eq!(world.ours.message("it", label).await, Message::Binary(Vec::new().into()));
    session.send("it", label, Message::Text(String::new())).await.unwrap();
    let told = page.told("message", |told| told["label"] == label && !told["text"].is_null()).await;
    assert_eq!(told["text"], "");
}
