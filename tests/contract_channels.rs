//! Data channels of two sessions: what the calling side asks for is what the other side gets (P15, P16).

mod common;
mod pair;

use std::time::Duration;

use pair::{Pair, Side, lossy, quiet};
use visavis::session::*;

const LIMIT: Duration = Duration::from_secs(60);

fn text(words: &str) -> Message {
    Message::Text(words.to_owned())
}

fn channel(side: &Side, label: &str) -> Option<Channel> {
    side.channels().into_iter().find(|channel| channel.config.label == label)
}

#[test]
fn p15_channels_of_the_offer_and_a_late_one_reach_the_other_side_with_their_options() {
    common::run(LIMIT, async {
        let chosen = [
            ChannelConfig::reliable("chat"),
            ChannelConfig { ordered: false, max_retransmits: Some(0), ..ChannelConfig::reliable("moves") },
            ChannelConfig { max_lifetime_ms: Some(100), ..ChannelConfig::reliable("state") },
            ChannelConfig { protocol: "game/2".into(), ..ChannelConfig::reliable("game") },
        ];
        let (mut ann, mut bob) = (Side::new("bob", quiet()), Side::new("ann", quiet()));
        ann.session
            .add_peer("bob", PeerConfig { channels: chosen[..2].to_vec(), ..pair::silent() })
            .await
            .expect("added");
        bob.session.add_peer("ann", pair::silent()).await.expect("added");
        // Also those that are added between the peer and its offer.
        for config in &chosen[2..] {
            ann.session.add_channel("bob", config.clone()).await.expect("added");
        }
        pair::negotiate(&ann, &bob).await;
        for config in &chosen {
            bob.channel_open(&config.label).await;
            let there = channel(&bob, &config.label).expect("told");
            assert_eq!((there.remote, there.state), (true, ChannelState::Open));
            assert_eq!((there.config.ordered, &there.config.protocol), (config.ordered, &config.protocol));
            ann.channel_open(&config.label).await;
            let here = channel(&ann, &config.label).expect("ours");
            assert_eq!((&here.config, here.remote), (config, false));
        }
        // Late ones, by either side; nothing is negotiated.
        for _ in 0..2 {
            let (side, other) = (&mut ann, &mut bob);
            let late = format!("late of {}", side.other);
            let config = ChannelConfig { ordered: false, protocol: "late".into(), ..ChannelConfig::reliable(&late) };
            side.session.add_channel(side.other, config.clone()).await.expect("added");
            side.session.send(side.other, &late, text("hello")).await.expect("queued");
            assert_eq!(other.message(&late).await, text("hello"));
            assert_eq!(channel(other, &late).expect("told").config, config);
            other.session.send(other.other, &late, text("back")).await.expect("open");
            assert_eq!(side.message(&late).await, text("back"));
            std::mem::swap(&mut ann, &mut bob);
        }
        pair::end([ann, bob]).await;
    });
}

#[test]
fn p15_what_only_the_answering_side_added_opens_too() {
    common::run(LIMIT, async {
        let (ann, mut bob) = (Side::new("bob", quiet()), Side::new("ann", quiet()));
        let answers = PeerConfig { channels: vec![ChannelConfig::reliable("hers")], ..pair::silent() };
        ann.session.add_peer("bob", pair::silent()).await.expect("added");
        bob.session.add_peer("ann", answers).await.expect("added");
        pair::negotiate(&ann, &bob).await;
        bob.session.send("ann", "hers", text("from the one who answered")).await.expect("queued");
        bob.channel_open("hers").await;
        let mut ann = ann;
        assert_eq!(ann.message("hers").await, text("from the one who answered"));
        pair::end([ann, bob]).await;
    });
}

/// Before there is a connection, while it is being made, at the moment it stands, and after.
#[test]
fn p15_one_added_at_any_moment_of_the_set_up_opens() {
    common::run(LIMIT, async {
        let (mut ann, mut bob) = (Side::new("bob", quiet()), Side::new("ann", quiet()));
        ann.session.add_peer("bob", pair::silent()).await.expect("added");
        bob.session.add_peer("ann", pair::silent()).await.expect("added");
        const EACH: usize = 25;
        let adding = async |side: &Side, whose: &str| {
            let mut pace = tokio::time::interval(Duration::from_millis(4));
            for n in 0..EACH {
                pace.tick().await;
                let config = ChannelConfig::reliable(format!("{whose} {n}"));
                side.session.add_channel(side.other, config).await.expect("added");
            }
        };
        tokio::join!(pair::negotiate(&ann, &bob), adding(&ann, "ann"), adding(&bob, "bob"));
        for label in ["ann", "bob"].into_iter().flat_map(|whose| (0..EACH).map(move |n| format!("{whose} {n}"))) {
            ann.channel_open(&label).await;
            bob.channel_open(&label).await;
        }
        pair::end([ann, bob]).await;
    });
}

#[test]
fn p15_both_sides_may_add_one_of_the_same_name_at_once() {
    common::run(LIMIT, async {
        let Pair { mut ann, mut bob } = pair::connected().await;
        let config = ChannelConfig::reliable("same");
        let (a, b) = tokio::join!(
            ann.session.add_channel("bob", config.clone()),
            bob.session.add_channel("ann", config.clone())
        );
        // Whoever came second may have found the other's there already.
        for added in [a, b] {
            assert!(matches!(added, Ok(()) | Err(SessionError::Channel(ChannelError::Exists(_)))), "{added:?}");
        }
        ann.session.writable("bob", "same").await.expect("opens");
        bob.session.writable("ann", "same").await.expect("opens");
        for n in 0..100 {
            ann.session.send("bob", "same", text(&n.to_string())).await.expect("sent");
            bob.session.send("ann", "same", text(&n.to_string())).await.expect("sent");
        }
        for n in 0..100 {
            assert_eq!(ann.message("same").await, text(&n.to_string()));
            assert_eq!(bob.message("same").await, text(&n.to_string()));
        }
        ann.session.close_channel("bob", "same").await.expect("closes");
        ann.channel_closed("same").await;
        bob.channel_closed("same").await;
        pair::end([ann, bob]).await;
    });
}

#[test]
fn p15_one_channel_is_closed_and_both_sides_are_told() {
    common::run(LIMIT, async {
        let Pair { mut ann, mut bob } = pair::connected().await;
        for round in ["first", "second"] {
            for label in ["a", "b"] {
                ann.session.add_channel("bob", ChannelConfig::reliable(label)).await.expect("added");
                bob.channel_open(label).await;
            }
            // What was sent before arrives before.
            for n in 0..50 {
                let bytes = vec![n; 10_000];
                ann.session.send("bob", "a", Message::Binary(bytes.into())).await.expect("sent");
            }
            ann.session.close_channel("bob", "a").await.expect("closes");
            for n in 0..50 {
                assert_eq!(bob.message("a").await, Message::Binary(vec![n; 10_000].into()), "{round}");
            }
            bob.channel_closed("a").await;
            ann.channel_closed("a").await;
            for side in [&ann, &bob] {
                let sent = side.session.send(side.other, "a", text("more")).await;
                assert!(matches!(sent, Err(SessionError::Channel(ChannelError::Closed(_)))), "{sent:?}");
                assert_eq!(channel(side, "a").expect("remembered").state, ChannelState::Closed);
            }
            // Its neighbour goes on, and may be closed by the other side.
            ann.session.send("bob", "b", text(round)).await.expect("open");
            assert_eq!(bob.message("b").await, text(round));
            bob.session.close_channel("ann", "b").await.expect("closes");
            ann.channel_closed("b").await;
            bob.channel_closed("b").await;
        }
        let refused = ann.session.close_channel("bob", CONTROL).await;
        assert!(matches!(refused, Err(SessionError::Channel(ChannelError::Needed))), "{refused:?}");
        let refused = ann.session.close_channel("bob", "nobody's").await;
        assert!(matches!(refused, Err(SessionError::Channel(ChannelError::Unknown(_)))), "{refused:?}");
        pair::end([ann, bob]).await;
    });
}

#[test]
fn p15_configurations_that_no_channel_can_have_are_refused() {
    common::run(LIMIT, async {
        let side = Side::new("bob", quiet());
        side.session.add_peer("bob", pair::silent()).await.expect("added");
        let both = ChannelConfig { max_retransmits: Some(1), max_lifetime_ms: Some(1), ..ChannelConfig::reliable("x") };
        let refused = side.session.add_channel("bob", both).await;
        assert!(matches!(refused, Err(SessionError::Channel(ChannelError::Config { .. }))), "{refused:?}");
        let long = ChannelConfig::reliable("x".repeat(70_000));
        let refused = side.session.add_channel("bob", long).await;
        assert!(matches!(refused, Err(SessionError::Channel(ChannelError::Config { .. }))), "{refused:?}");
        let again = side.session.add_channel("bob", ChannelConfig::reliable(CONTROL)).await;
        assert!(matches!(again, Err(SessionError::Channel(ChannelError::Exists(_)))), "{again:?}");
        let unknown = side.session.add_channel("carl", ChannelConfig::reliable("x")).await;
        assert!(matches!(unknown, Err(SessionError::UnknownPeer(_))), "{unknown:?}");
        side.session.close().await;
    });
}

#[test]
fn p16_text_and_bytes_go_whole_both_ways() {
    common::run(LIMIT, async {
        let Pair { mut ann, mut bob } = pair::connected().await;
        let messages = [
            text("grüß dich"),
            text(""),
            Message::Binary(Vec::new().into()),
            Message::Binary((0..=255).collect::<Vec<u8>>().into()),
            Message::Binary(vec![7; MAX_MESSAGE].into()),
            text(&"ü".repeat(MAX_MESSAGE / 2)),
        ];
        for message in messages {
            ann.session.send("bob", CONTROL, message.clone()).await.expect("sent");
            assert!(bob.message(CONTROL).await == message, "{:.60?}", message);
            bob.session.send("ann", CONTROL, message.clone()).await.expect("sent");
            assert!(ann.message(CONTROL).await == message, "{:.60?}", message);
        }
        let long = ann.session.send("bob", CONTROL, Message::Binary(vec![7; MAX_MESSAGE + 1].into())).await;
        let wanted = ChannelError::Long { bytes: MAX_MESSAGE + 1, limit: MAX_MESSAGE };
        assert!(matches!(&long, Err(SessionError::Channel(e)) if *e == wanted), "{long:?}");
        pair::end([ann, bob]).await;
    });
}

#[test]
fn p16_before_it_opens_messages_wait_up_to_a_bound_and_then_go_out_in_order() {
    common::run(LIMIT, async {
        let (ann, mut bob) = (Side::new("bob", quiet()), Side::new("ann", quiet()));
        ann.session.add_peer("bob", pair::silent()).await.expect("added");
        bob.session.add_peer("ann", pair::silent()).await.expect("added");
        let unknown = ann.session.send("bob", "chat", text("hello")).await;
        assert!(matches!(unknown, Err(SessionError::Channel(ChannelError::Unknown(_)))), "{unknown:?}");
        ann.session.add_channel("bob", ChannelConfig::reliable("chat")).await.expect("added");
        let mut queued = 0;
        let full = loop {
            match ann.session.send("bob", "chat", text(&queued.to_string())).await {
                Ok(()) => queued += 1,
                Err(e) => break e,
            }
        };
        assert!(matches!(full, SessionError::Channel(ChannelError::Full(_))), "{full:?}");
        assert!(queued > 0 && ann.session.buffered_amount("bob", "chat").await.expect("known") > 0);
        pair::negotiate(&ann, &bob).await;
        for n in 0..queued {
            assert_eq!(bob.message("chat").await, text(&n.to_string()));
        }
        // After the end of the peer: a typed error.
        bob.session.close_peer("ann").await;
        let mut ann = ann;
        ann.state(ConnectionState::Closed).await;
        let closed = ann.session.send("bob", "chat", text("more")).await;
        assert!(matches!(closed, Err(SessionError::Channel(ChannelError::Closed(_)))), "{closed:?}");
        let closed = ann.session.writable("bob", "chat").await;
        assert!(matches!(closed, Err(SessionError::Channel(ChannelError::Closed(_)))), "{closed:?}");
        pair::end([ann, bob]).await;
    });
}

#[test]
fn p16_ten_thousand_messages_over_two_channels_all_come_in_order() {
    common::run(LIMIT, async {
        let Pair { ann, mut bob } = pair::connected().await;
        let labels = ["left", "right"];
        for label in labels {
            ann.session.add_channel("bob", ChannelConfig::reliable(label)).await.expect("added");
        }
        const EACH: u32 = 5_000;
        let senders = labels.map(|label| {
            let session = ann.session.clone();
            tokio::spawn(async move {
                session.writable("bob", label).await.expect("opens");
                for n in 0..EACH {
                    let mut bytes = n.to_be_bytes().to_vec();
                    bytes.resize(4 + (n as usize * 37) % 900, 1);
                    session.send("bob", label, Message::Binary(bytes.into())).await.expect("sent");
                }
            })
        });
        let mut next = [0; 2];
        while next != [EACH; 2] {
            let (label, message) = bob.any_message().await;
            let at = labels.iter().position(|known| *known == label).expect("one of the two");
            assert_eq!(message.as_bytes()[..4], u32::to_be_bytes(next[at]), "{label}");
            next[at] += 1;
        }
        for sender in senders {
            sender.await.expect("sends to the end");
        }
        pair::end([ann, bob]).await;
    });
}

#[test]
fn p16_a_sender_waits_while_the_other_side_does_not_read() {
    common::run(LIMIT, async {
        let Pair { ann, mut bob } = pair::connected().await;
        ann.session.add_channel("bob", ChannelConfig::reliable("flood")).await.expect("added");
        bob.channel_open("flood").await;
        ann.session.writable("bob", "flood").await.expect("opens");
        const MESSAGES: usize = 3_000;
        let session = ann.session.clone();
        let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = std::sync::Arc::clone(&sent);
        let sender = tokio::spawn(async move {
            for n in 0..MESSAGES {
                let mut bytes = n.to_be_bytes().to_vec();
                bytes.resize(32 * 1024, 0);
                session.send("bob", "flood", Message::Binary(bytes.into())).await.expect("sent");
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        });
        // Until it stands: bob does not read, so only the queues on the way are filled.
        let mut before = usize::MAX;
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = sent.load(std::sync::atomic::Ordering::Relaxed);
            if now == before {
                break;
            }
            before = now;
        }
        assert!(before > 0 && before < MESSAGES, "{before} of {MESSAGES} went out unread");
        let buffered = ann.session.buffered_amount("bob", "flood").await.expect("known");
        assert!((512 * 1024..2 * 1024 * 1024).contains(&buffered), "{buffered} bytes wait");
        for n in 0..MESSAGES {
            assert_eq!(bob.message("flood").await.as_bytes()[..8], n.to_be_bytes());
        }
        sender.await.expect("goes on");
        pair::end([ann, bob]).await;
    });
}

#[test]
fn what_a_channel_may_give_up_is_not_sent_again() {
    const MESSAGES: usize = 100;
    common::run(LIMIT, async {
        let given_up = |n: usize| match n {
            0 => ChannelConfig { max_retransmits: Some(0), ..ChannelConfig::reliable("no second try") },
            _ => ChannelConfig { max_lifetime_ms: Some(1), ..ChannelConfig::reliable("a moment") },
        };
        let channels = vec![given_up(0), given_up(1), ChannelConfig::reliable("all")];
        let (mut ann, mut bob) = (Side::new("bob", quiet()), Side::new("ann", quiet()));
        let config = PeerConfig { channels: channels.clone(), ..pair::silent() };
        ann.session.add_peer("bob", config).await.expect("added");
        bob.session.add_peer("ann", pair::silent()).await.expect("added");
        let path = lossy::negotiate(&ann, &bob).await;
        for channel in &channels {
            ann.channel_open(&channel.label).await;
            bob.channel_open(&channel.label).await;
        }
        for ChannelConfig { label, .. } in &channels {
            let before = path.lost();
            path.lose(20);
            // One packet each, so that what is lost is lost by itself.
            for n in 0..MESSAGES {
                let message = Message::Text(format!("{n} {}", "x".repeat(1_000)));
                ann.session.send("bob", label, message).await.expect("sent");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            path.lose(0);
            ann.session.send("bob", label, text("end")).await.expect("sent");
            let mut came = Vec::new();
            loop {
                let Message::Text(message) = bob.message(label).await else { panic!("bytes") };
                if message == "end" {
                    break;
                }
                came.push(message.split(' ').next().and_then(|n| n.parse::<usize>().ok()).expect("its number"));
            }
            assert!(path.lost() > before, "nothing was lost");
            assert!(came.is_sorted(), "{label}: {came:?}");
            if label == "all" {
                assert_eq!(came.len(), MESSAGES);
            } else {
                assert!(came.len() < MESSAGES && !came.is_empty(), "{label}: {} came", came.len());
            }
        }
        pair::end([ann, bob]).await;
    });
}
