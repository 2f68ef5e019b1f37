//! A session under bad treatment: everything added is gone when it is removed, nonsense from outside is a typed error,
//! and one bad peer costs the others nothing.

#![allow(clippy::print_stdout, reason = "how much is held is said")]

mod common;
#[path = "contract_hostile/live.rs"]
mod live;
mod pair;

use std::time::Duration;

use pair::{Pair, Side, quiet, silent};
use visavis::session::*;

const LIMIT: Duration = Duration::from_secs(120);

/// What the process holds, as the kernel counts it; zero where it does not tell.
#[derive(Debug, Clone, Copy)]
struct Held {
    threads: usize,
    files: usize,
    /// Resident, as the kernel counts.
    kilobytes: usize,
    /// Allocated and not freed, which is exact.
    live: usize,
}

fn held() -> Held {
    let count = |folder| std::fs::read_dir(folder).map_or(0, |entries| entries.count());
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0);
    Held {
        threads: count("/proc/self/task"),
        files: count("/proc/self/fd"),
        kilobytes: resident * 4,
        live: live::bytes(),
    }
}

/// No more of anything than before, but for what pools and allocators keep.
fn assert_no_growth(before: Held, megabytes: usize) {
    let now = held();
    assert!(now.threads <= before.threads + 3, "{now:?} after {before:?}");
    assert!(now.files <= before.files + 3, "{now:?} after {before:?}");
    assert!(now.kilobytes <= before.kilobytes + megabytes * 1024, "{now:?} after {before:?}");
}

/// Waits until no more is held on the heap than before, but for `slack` bytes of buffers that happen to be larger: what was
/// closed is freed by tasks that take their time.
async fn until_freed(before: Held, slack: usize) {
    let freed = async {
        while live::bytes() > before.live + slack {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), freed).await.is_ok();
    println!("{} bytes are held, {} were before", live::bytes(), before.live);
    assert!(in_time, "{:?} after {before:?}", held());
}

fn drain(side: &mut Side) {
    side.forget();
    while side.events.try_recv().is_ok() {}
}

/// A small generator: every run does the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

#[test]
fn five_hundred_peers_come_and_go_and_leave_nothing() {
    common::run(LIMIT, async {
        let (mut ann, mut bob) = (Side::new("bob", quiet()), Side::new("ann", quiet()));
        let mut before = None;
        for n in 0..500 {
            ann.session.add_peer("bob", silent()).await.expect("added");
            if n % 20 == 0 {
                // For real, and by turns from either end.
                bob.session.add_peer("ann", silent()).await.expect("added");
                pair::negotiate(&ann, &bob).await;
                ann.state(ConnectionState::Connected).await;
                bob.state(ConnectionState::Connected).await;
                bob.session.close_peer("ann").await;
            } else if n % 2 == 0 {
                ann.session.create_offer("bob").await.expect("an offer");
            }
            ann.session.close_peer("bob").await;
            drain(&mut ann);
            drain(&mut bob);
            if n == 50 {
                before = Some(held());
            }
        }
        let (before, now) = (before.expect("looked at"), held());
        assert!(now.threads <= before.threads + 3 && now.files <= before.files + 3, "{now:?} after {before:?}");
        drain(&mut ann);
        drain(&mut bob);
        until_freed(before, 64 * 1024).await;
        assert!(ann.session.peers().is_empty() && bob.session.peers().is_empty());
        pair::end([ann, bob]).await;
    });
}

#[test]
fn five_hundred_channels_come_and_go_and_leave_nothing() {
    common::run(LIMIT, async {
        let Pair { mut ann, mut bob } = pair::connected().await;
        let mut before = None;
        for n in 0..500 {
            // Half of them always the same, half new ones; closed by either side.
            let label = if n % 2 == 0 { "again".to_owned() } else { format!("once {n}") };
            ann.session.add_channel("bob", ChannelConfig::reliable(&label)).await.expect("added");
            ann.session.send("bob", &label, Message::Text(label.clone())).await.expect("queued");
            assert_eq!(bob.message(&label).await, Message::Text(label.clone()));
            let closer = if n % 4 < 2 { &ann } else { &bob };
            closer.session.close_channel(closer.other, &label).await.expect("closes");
            ann.channel_closed(&label).await;
            bob.channel_closed(&label).await;
            drain(&mut ann);
            drain(&mut bob);
            // By then as many are remembered as ever will be.
            if n == 150 {
                before = Some(held());
            }
        }
        let before = before.expect("looked at");
        drain(&mut ann);
        drain(&mut bob);
        assert_no_growth(before, 16);
        // The crate keeps the figures of closed channels, some hundred bytes each.
        until_freed(before, 200 * 1024).await;
        let remembered = ann.channels().len();
        assert!(remembered < 100, "{remembered} channels are remembered");
        pair::end([ann, bob]).await;
    });
}

/// The text with some bytes, lines or words of it changed.
fn spoilt(text: &str, dice: &mut Dice) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=dice.below(3) {
        let at = dice.below(lines.len());
        match dice.below(6) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[dice.below(lines.len())].clone()),
            2 => lines.swap(at, 0),
            3 => {
                let cut = (0..=dice.below(lines[at].len())).rev().find(|cut| lines[at].is_char_boundary(*cut));
                lines[at].truncate(cut.unwrap_or(0));
            }
            4 => {
                let odd = ["99999999999999999999", "-1", "\u{0}", "ü", "", "0", "a=setup:holdconn"][dice.below(7)];
                let mut words: Vec<&str> = lines[at].split(' ').collect();
                let word = dice.below(words.len());
                words[word] = odd;
                lines[at] = words.join(" ");
            }
            _ => lines[at] += &"x".repeat(dice.below(2_000)),
        }
        if lines.is_empty() {
            break;
        }
    }
    lines.iter().flat_map(|line| [line, "\r\n"]).collect()
}

#[test]
fn spoilt_descriptions_break_neither_the_session_nor_its_other_peers() {
    common::run(LIMIT, async {
        let Pair { ann, mut bob } = pair::connected().await;
        let carl = Side::new("ann", quiet());
        carl.session.add_peer("ann", silent()).await.expect("added");
        let good = carl.session.create_offer("ann").await.expect("an offer");
        let (mut dice, mut taken) = (Dice(7), 0);
        for n in 0..200 {
            let stranger = format!("stranger {n}");
            ann.session.add_peer(&stranger, silent()).await.expect("added");
            for _ in 0..3 {
                let offer = Description { kind: DescriptionKind::Offer, sdp: spoilt(&good.sdp, &mut dice) };
                match ann.session.accept_offer(&stranger, offer).await {
                    Ok(_) => taken += 1,
                    Err(SessionError::Rtc(_)) => {}
                    Err(e) => panic!("{e:?}"),
                }
            }
            ann.session.close_peer(&stranger).await;
        }
        assert!(taken < 600);
        // The good one is taken still, and bob has noticed nothing.
        ann.session.add_peer("carl", silent()).await.expect("added");
        let answer = ann.session.accept_offer("carl", good).await.expect("the good one");
        carl.session.accept_answer("ann", answer).await.expect("it fits");
        for _ in 0..3 {
            ann.session.send("bob", CONTROL, Message::Text("still there?".into())).await.expect("sent");
            assert_eq!(bob.message(CONTROL).await, Message::Text("still there?".into()));
        }
        pair::end([ann, bob, carl]).await;
    });
}

#[test]
fn ten_thousand_candidates_are_bounded() {
    common::run(LIMIT, async {
        let Pair { ann, mut bob } = pair::connected().await;
        ann.session.add_peer("carl", silent()).await.expect("added");
        let before = held();
        let candidate = |n: usize| Candidate {
            // Addresses kept for documentation (RFC 5737): nobody answers, and nothing leaves this machine for them.
            candidate: format!("candidate:{n} 1 udp 2130706431 192.0.2.{} {} typ host", n % 250 + 1, 1024 + n),
            sdp_mid: Some("0".into()),
            sdp_m_line_index: Some(0),
            username_fragment: None,
        };
        // Before any description, and to a peer that is connected.
        for peer in ["carl", "bob"] {
            let mut refused = 0;
            for n in 0..10_000 {
                match ann.session.accept_candidate(peer, candidate(n)).await {
                    Ok(()) => {}
                    Err(SessionError::Rtc(RtcError::Candidate(_) | RtcError::OutOfPlace { .. })) => refused += 1,
                    Err(e) => panic!("{e:?}"),
                }
            }
            assert!(refused >= 9_000, "only {refused} were refused for {peer}");
        }
        assert_no_growth(before, 24);
        ann.session.send("bob", CONTROL, Message::Text("still there?".into())).await.expect("sent");
        assert_eq!(bob.message(CONTROL).await, Message::Text("still there?".into()));
        pair::end([ann, bob]).await;
    });
}

#[test]
fn a_flood_on_one_channel_costs_bounded_memory_and_no_other_peer() {
    common::run(LIMIT, async {
        let Pair { mut ann, bob } = pair::connected().await;
        let mut carl = Side::new("ann", quiet());
        ann.session.add_peer("carl", silent()).await.expect("added");
        carl.session.add_peer("ann", silent()).await.expect("added");
        let offer = carl.session.create_offer("ann").await.expect("an offer");
        let answer = ann.session.accept_offer("carl", offer).await.expect("an answer");
        carl.session.accept_answer("ann", answer).await.expect("it fits");
        carl.channel_open(CONTROL).await;
        bob.session.add_channel("ann", ChannelConfig::reliable("flood")).await.expect("added");
        bob.session.writable("ann", "flood").await.expect("opens");
        let before = held();
        let session = bob.session.clone();
        let flood = tokio::spawn(async move {
            while session.send("ann", "flood", Message::Binary(vec![1; MAX_MESSAGE].into())).await.is_ok() {}
        });
        // Nobody reads for a while: the queues on the way are what it can cost.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let unread = held();
        assert!(unread.kilobytes <= before.kilobytes + 160 * 1024, "{unread:?} after {before:?}");
        // While it goes on, carl is heard; nothing of the flood needs to be kept.
        for n in 0..50 {
            carl.session.send("ann", CONTROL, Message::Text(n.to_string())).await.expect("sent");
        }
        let mut next = 0;
        while next < 50 {
            let event =
                tokio::time::timeout(Duration::from_secs(20), ann.events.recv()).await.expect("something comes");
            if let Some(SessionEvent::Message { peer, message, .. }) = event
                && peer == "carl"
            {
                assert_eq!(message, Message::Text(next.to_string()));
                next += 1;
            }
        }
        // Closing the flooding peer ends it.
        let closing = tokio::spawn({
            let session = ann.session.clone();
            async move { session.close_peer("bob").await }
        });
        while !closing.is_finished() {
            let _ = tokio::time::timeout(Duration::from_millis(10), ann.events.recv()).await;
        }
        closing.await.expect("closes");
        tokio::time::timeout(Duration::from_secs(20), flood).await.expect("the sender is told").expect("no panic");
        pair::end([ann, bob, carl]).await;
    });
}

#[test]
fn what_is_asked_about_an_unknown_peer_is_a_typed_error() {
    common::run(LIMIT, async {
        let side = Side::new("nobody", quiet());
        let session = &side.session;
        let offer: Description = r#"{"type":"offer","sdp":"v=0"}"#.parse().expect("JSON");
        let candidate: Candidate = r#"{"candidate":""}"#.parse().expect("JSON");
        let hello = Message::Text("hello".into());
        let results = [
            session.create_offer("nobody").await.err(),
            session.accept_offer("nobody", offer.clone()).await.err(),
            session.accept_answer("nobody", offer).await.err(),
            session.accept_candidate("nobody", candidate).await.err(),
            session.player("nobody").err(),
            session.send("nobody", "chat", hello).await.err(),
            session.writable("nobody", "chat").await.err(),
            session.buffered_amount("nobody", "chat").await.err(),
            session.add_channel("nobody", ChannelConfig::reliable("chat")).await.err(),
            session.close_channel("nobody", "chat").await.err(),
            session.channels("nobody").err(),
            session.stats("nobody").await.err(),
            session.stats_report("nobody").await.err(),
            session.set_volume("nobody", 50).err(),
            session.peer_level("nobody").err(),
        ];
        for (at, result) in results.into_iter().enumerate() {
            assert!(matches!(&result, Some(SessionError::UnknownPeer(name)) if name == "nobody"), "{at}: {result:?}");
        }
        session.close_peer("nobody").await;
        session.close().await;
        assert!(matches!(session.add_peer("late", silent()).await, Err(SessionError::Closed)));
    });
}

#[test]
fn text_that_is_too_long_or_no_json_is_refused_before_anything_is_parsed() {
    let long = format!(r#"{{"type":"offer","sdp":"{}"}}"#, "x".repeat(1 << 20));
    assert!(matches!(long.parse::<Description>(), Err(DescriptionError::Long { .. })));
    let deep = "[".repeat(10_000);
    assert!(matches!(deep.parse::<Description>(), Err(DescriptionError::Json { .. })));
    assert!(matches!("[".repeat(900).parse::<Candidate>(), Err(DescriptionError::Json { .. })));
}
