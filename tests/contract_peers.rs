//! The component contract, peers: rows P8 to P14, P18 and P19, two or more sessions in one process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;
mod contract_world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use contract_world::*;
use tokio::net::UdpSocket;
use visavis::session::*;

#[test]
fn p08_each_peer_has_its_own_id_player_and_configuration() {
    common::run(LIMIT, async {
        let side = Side::new();
        let relay = PeerConfig { policy: TransportPolicy::Relay, ..PeerConfig::default() };
        let refused = side.session.add_peer("hidden", relay).await;
        assert!(matches!(refused, Err(SessionError::Rtc(RtcError::Build(_)))), "no server to hide behind: {refused:?}");
        let nobody = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let urls = vec![format!("turn:{}?transport=udp", nobody.local_addr().unwrap())];
        let turn = IceServer { urls, username: "u".into(), credential: "p".into(), ..IceServer::default() };
        let turn = vec![turn];
        let configs = [
            ("all", PeerConfig::default()),
            ("compatible", PeerConfig { bundle: BundlePolicy::MaxCompat, ..PeerConfig::default() }),
            ("bundled", PeerConfig { bundle: BundlePolicy::MaxBundle, ..PeerConfig::default() }),
            (
                "relayed",
                PeerConfig { policy: TransportPolicy::Relay, ice_servers: Some(turn), ..PeerConfig::default() },
            ),
        ];
        for (name, config) in configs {
            side.session.add_peer(name, config).await.unwrap();
            let offer = side.session.create_offer(name).await.unwrap();
            let hosts = lines(&offer.sdp, "a=candidate:").len();
            // Only what a TURN server gave is told by a peer that hides its addresses; here is none.
            assert_eq!(hosts == 0, name == "relayed", "{name}: {hosts} candidates");
            assert_eq!(lines(&offer.sdp, "a=group:BUNDLE").len(), 1, "everything can share one transport");
        }
        let again = side.session.add_peer("all", PeerConfig::default()).await;
        assert!(matches!(again, Err(SessionError::PeerExists(name)) if name == "all"));
        let players = ["all", "compatible", "bundled", "relayed"].map(|name| side.session.player(name).unwrap());
        assert!(players.iter().enumerate().all(|(i, a)| players[i + 1..].iter().all(|b| !a.same(b))));
        let mut names = side.session.peers();
        names.sort();
        assert_eq!(names, ["all", "bundled", "compatible", "relayed"]);
        end([side]).await;
    });
}

#[test]
fn p09_default_ice_servers_are_copied_when_a_peer_is_added() {
    common::run(LIMIT, async {
        let (old, new) = (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let server = |socket: &UdpSocket| {
            let urls = vec![format!("stun:{}", socket.local_addr().unwrap())];
            vec![IceServer { urls, ..IceServer::default() }]
        };
        let side = Side::with(SessionConfig { ice_servers: server(&old), ..config() });
        side.session.add_peer("before", PeerConfig::default()).await.unwrap();
        side.session.set_ice_servers(server(&new)).unwrap();
        side.session
            .add_peer("own", PeerConfig { ice_servers: Some(Vec::new()), ..PeerConfig::default() })
            .await
            .unwrap();
        let asked = async |socket: &UdpSocket| {
            let mut datagram = [0; 1500];
            let (length, _) = tokio::time::timeout(SOON, socket.recv_from(&mut datagram)).await.unwrap().unwrap();
            // A STUN binding request (RFC 8489 §5).
            assert!(length >= 20 && datagram[..2] == [0, 1] && datagram[4..8] == [0x21, 0x12, 0xa4, 0x42]);
        };
        side.session.create_offer("before").await.unwrap();
        asked(&old).await;
        side.session.create_offer("own").await.unwrap();
        let whole = side.session.complete_description("own").await.unwrap();
        assert!(!lines(&whole.sdp, "a=candidate:").is_empty(), "no servers are fine on one network");
        assert!(new.try_recv_from(&mut [0; 1500]).is_err(), "nobody has the new servers yet");
        side.session.add_peer("after", PeerConfig::default()).await.unwrap();
        side.session.create_offer("after").await.unwrap();
        asked(&new).await;
        end([side]).await;
    });
}

#[test]
fn p10_the_offer_carries_channels_and_tracks_added_so_far() {
    common::run(LIMIT, async {
        let (mut ann, mut bob) = two().await;
        ann.tells(SessionEvent::NegotiationNeeded { peer: "bob".into() }).await;
        ann.session.add_channel("bob", ChannelConfig::reliable("files")).await.unwrap();
        let (_, _queue) = ann.session.add_video_track("bob", "screen", Arc::new(|| {})).await.unwrap();
        let (offer, _) = agree(&ann, &bob).await;
        let json: serde_json::Value = serde_json::from_str(&offer.to_string()).unwrap();
        assert_eq!((&json["type"], json["sdp"].as_str()), (&"offer".into(), Some(offer.sdp.as_str())));
        let media = ["m=audio", "m=video", "m=application"].map(|media| lines(&offer.sdp, media).len());
        assert_eq!(media, [1, 2, 1]);
        let screen = bob.track(|track| track.stream == "screen").await;
        let camera = bob.track(|track| track.stream == STREAM && track.kind == TrackKind::Video).await;
        let player = bob.session.player("ann").unwrap();
        assert!(
            camera.player.is_some_and(|own| own.same(&player)) && screen.player.is_some_and(|own| !own.same(&player))
        );
        ann.session.send("bob", "files", Message::Text("first".into())).await.unwrap();
        assert_eq!(bob.message("files").await, Message::Text("first".into()));
        flows(&bob, "ann").await;
        // All of it was in the first offer.
        assert_eq!((ann.needed("bob"), bob.needed("ann")), (1, 1));
        end([ann, bob]).await;
    });
}

#[test]
fn p11_an_offer_is_taken_typed_or_as_text_and_answered() {
    common::run(LIMIT, async {
        let (ann, mut bob) = two().await;
        let offer = ann.session.create_offer("bob").await.unwrap();
        for nonsense in ["", "v=0", r#"{"type":"offer"}"#, r#"{"type":"dance","sdp":""}"#] {
            let refused = bob.session.accept_offer("ann", nonsense).await;
            assert!(matches!(refused, Err(SessionError::Description(_))), "{nonsense} gave {refused:?}");
        }
        let unknown = bob.session.accept_offer("eve", offer.clone()).await;
        assert!(matches!(unknown, Err(SessionError::UnknownPeer(name)) if name == "eve"));
        let answer = Description { kind: DescriptionKind::Answer, sdp: offer.sdp.clone() };
        assert!(matches!(bob.session.accept_offer("ann", answer).await, Err(SessionError::Rtc(_))));
        assert_eq!(bob.session.signaling_state("ann").unwrap(), SignalingState::Stable);
        let typed = bob.session.accept_offer("ann", offer.clone()).await.unwrap();
        assert_eq!(typed.kind, DescriptionKind::Answer);
        // The same again, as text: signaling may double it. It gets the same answer, with whatever was found since.
        let text = bob.session.accept_offer("ann", offer.to_string()).await.unwrap();
        assert_eq!(lines(&text.sdp, "a=ice-ufrag:"), lines(&typed.sdp, "a=ice-ufrag:"));
        ann.session.accept_answer("bob", typed).await.unwrap();
        bob.connected("ann").await;
        for state in [SignalingState::HaveRemoteOffer, SignalingState::Stable] {
            bob.tells(SessionEvent::SignalingState { peer: "ann".into(), state }).await;
        }
        end([ann, bob]).await;
    });
}

#[test]
fn p12_an_answer_is_taken_once_and_only_for_what_was_offered() {
    common::run(LIMIT, async {
        let (mut ann, bob) = two().await;
        let early = Description { kind: DescriptionKind::Answer, sdp: "v=0\r\n".into() };
        let refused = ann.session.accept_answer("bob", early).await;
        assert!(matches!(refused, Err(SessionError::Rtc(RtcError::OutOfPlace { .. }))), "{refused:?}");
        let offer = ann.session.create_offer("bob").await.unwrap();
        let answer = bob.session.accept_offer("ann", offer.clone()).await.unwrap();
        let other = |sdp: String| Description { kind: DescriptionKind::Answer, sdp };
        for wrong in [
            other(answer.sdp.replace("m=audio", "m=video")),
            other(answer.sdp.replace("a=mid:0", "a=mid:7").replace("BUNDLE 0", "BUNDLE 7")),
            other(answer.sdp[..answer.sdp.find("m=application").unwrap()].to_owned()),
            other(answer.sdp.replace("a=ice-pwd", "a=nothing")),
            other(answer.sdp.replace("x-visavis-answers:1", "x-visavis-answers:9")),
            offer.clone(),
        ] {
            let refused = ann.session.accept_answer("bob", wrong).await;
            assert!(matches!(refused, Err(SessionError::Rtc(_))), "{refused:?}");
            assert_eq!(ann.session.signaling_state("bob").unwrap(), SignalingState::HaveLocalOffer);
        }
        assert!(matches!(ann.session.accept_answer("bob", "hello").await, Err(SessionError::Description(_))));
        ann.session.accept_answer("bob", answer.to_string()).await.unwrap();
        ann.connected("bob").await;
        let twice = ann.session.accept_answer("bob", answer.clone()).await;
        assert!(matches!(twice, Err(SessionError::Rtc(RtcError::OutOfPlace { .. }))), "{twice:?}");
        // A signaling loop need not know: what is out of place is no answer and no error.
        assert_eq!(ann.session.accept_description("bob", answer).await.unwrap(), None);
        flows(&ann, "bob").await;
        end([ann, bob]).await;
    });
}

#[test]
fn p13_candidates_wait_for_their_description() {
    common::run(LIMIT, async {
        let (mut ann, mut bob) = two().await;
        let offer = ann.session.create_offer("bob").await.unwrap();
        ann.tells(SessionEvent::CandidatesComplete { peer: "bob".into() }).await;
        let mut candidates: Vec<Candidate> = Vec::new();
        for event in &ann.seen {
            if let SessionEvent::Candidate { candidate, .. } = event {
                candidates.push(candidate.clone());
            }
        }
        assert!(!candidates.is_empty() && candidates.iter().all(|candidate| candidate.username_fragment.is_some()));
        // Before the description, as text; one of a session that never was; the last.
        let stray = Candidate { username_fragment: Some("nobody".into()), ..candidates[0].clone() };
        bob.session.accept_candidate("ann", stray).await.unwrap();
        for candidate in &candidates {
            bob.session.accept_candidate("ann", candidate.to_string()).await.unwrap();
        }
        let last = r#"{"candidate":"","sdpMid":"0","sdpMLineIndex":0}"#;
        bob.session.accept_candidate("ann", last).await.unwrap();
        for nonsense in ["hello", r#"{"candidate":"candidate:x y z"}"#] {
            assert!(bob.session.accept_candidate("ann", nonsense).await.is_err());
        }
        assert!(matches!(bob.session.accept_candidate("eve", last).await, Err(SessionError::UnknownPeer(_))));
        let answer = bob.session.accept_offer("ann", without_candidates(&offer)).await.unwrap();
        // Ann learns Bob's address from his checks alone.
        ann.session.accept_answer("bob", without_candidates(&answer)).await.unwrap();
        ann.connected("bob").await;
        bob.connected("ann").await;
        end([ann, bob]).await;
    });
}

#[test]
fn p14_trickle_goes_by_events_alone() {
    common::run(LIMIT, async {
        let (ann, mut bob) = two().await;
        let Side { session, mut events, .. } = ann;
        let other = bob.session.clone();
        // What Ann's side says goes to Bob word by word, as text.
        let mut kinds = Vec::new();
        let carry = async {
            session.create_offer("bob").await.unwrap();
            loop {
                match events.recv().await.expect("the session goes on") {
                    SessionEvent::Offer { description, .. } => {
                        assert!(lines(&description.sdp, "a=candidate:").is_empty(), "it trickles");
                        kinds.push("offer");
                        other.accept_offer("ann", description.to_string()).await.unwrap();
                        let answer = bob.until("answer", |event| match event {
                            SessionEvent::Answer { description, .. } => Some(description.clone()),
                            _ => None,
                        });
                        let answer = answer.await;
                        assert!(lines(&answer.sdp, "a=candidate:").is_empty(), "it trickles");
                        session.accept_answer("bob", answer.to_string()).await.unwrap();
                    }
                    SessionEvent::Candidate { candidate, .. } => {
                        kinds.push("candidate");
                        other.accept_candidate("ann", candidate.to_string()).await.unwrap();
                    }
                    SessionEvent::OfferWithCandidates { description, .. } => {
                        kinds.push("whole");
                        let told = kinds.iter().filter(|kind| **kind == "candidate").count();
                        assert_eq!(lines(&description.sdp, "a=candidate:").len(), told);
                    }
                    SessionEvent::ConnectionState { state: ConnectionState::Connected, .. } => break,
                    _ => {}
                }
            }
        };
        tokio::time::timeout(SOON, carry).await.unwrap();
        assert_eq!(kinds[0], "offer");
        assert!(kinds.contains(&"candidate") && kinds.contains(&"whole"), "{kinds:?}");
        session.close().await;
        end([bob]).await;
    });
}

#[test]
fn p14_two_whole_texts_connect_without_any_signaling() {
    common::run(LIMIT, async {
        let (mut ann, mut bob) = two().await;
        let none = ann.session.complete_description("bob").await;
        assert!(matches!(none, Err(SessionError::Rtc(RtcError::Negotiation { .. }))), "{none:?}");
        ann.session.create_offer("bob").await.unwrap();
        let offer = ann.session.complete_description("bob").await.unwrap();
        assert!(!lines(&offer.sdp, "a=candidate:").is_empty());
        bob.session.accept_offer("ann", offer.to_string()).await.unwrap();
        let answer = bob.session.complete_description("ann").await.unwrap();
        ann.session.accept_answer("bob", answer.to_string()).await.unwrap();
        ann.connected("bob").await;
        bob.connected("ann").await;
        ann.tells(SessionEvent::OfferWithCandidates { peer: "bob".into(), description: offer }).await;
        bob.tells(SessionEvent::AnswerWithCandidates { peer: "ann".into(), description: answer }).await;
        for state in [IceGatheringState::Gathering, IceGatheringState::Complete] {
            ann.tells(SessionEvent::IceGatheringState { peer: "bob".into(), state }).await;
        }
        ann.tells(SessionEvent::IceConnectionState { peer: "bob".into(), state: IceConnectionState::Connected }).await;
        assert_eq!(ann.session.ice_gathering_state("bob").unwrap(), IceGatheringState::Complete);
        assert_eq!(ann.session.connection_state("bob").unwrap(), ConnectionState::Connected);
        end([ann, bob]).await;
    });
}

#[test]
fn p18_the_end_is_known_within_a_second_and_nothing_is_left() {
    common::run(LIMIT, async {
        let (mut ann, mut bob) = connected().await;
        for _ in 0..3 {
            let begun = Instant::now();
            ann.session.close_peer("bob").await;
            bob.tells(SessionEvent::ConnectionState { peer: "ann".into(), state: ConnectionState::Closed }).await;
            assert!(begun.elapsed() < Duration::from_secs(1), "known after {:?}", begun.elapsed());
            assert_eq!(bob.session.connection_state("ann").unwrap(), ConnectionState::Closed);
            assert!(matches!(ann.session.connection_state("bob"), Err(SessionError::UnknownPeer(_))));
            ann.session.close_peer("bob").await; // again, and nothing happens
            bob.session.close_peer("ann").await;
            ann.session.add_peer("bob", PeerConfig::default()).await.unwrap();
            bob.session.add_peer("ann", PeerConfig::default()).await.unwrap();
            (ann.seen, bob.seen) = Default::default();
            agree(&ann, &bob).await;
            ann.connected("bob").await;
            bob.connected("ann").await;
        }
        end([ann, bob]).await;
    });
}

#[test]
fn p19_what_one_peer_does_is_nothing_to_the_others() {
    common::run(LIMIT, async {
        let (mut ann, bob) = connected().await;
        let (mut eve, mut carl) = (Side::new(), Side::new());
        ann.session.add_peer("eve", PeerConfig::default()).await.unwrap();
        ann.session.add_peer("carl", PeerConfig::default()).await.unwrap();
        carl.session.add_peer("ann", PeerConfig::default()).await.unwrap();
        eve.session.add_peer("ann", PeerConfig::default()).await.unwrap();
        // Eve answers with nonsense, twice, never; offers what is no offer; sends candidates for nobody.
        let offer = ann.session.create_offer("eve").await.unwrap();
        for sdp in ["", "v=0\r\n", &offer.sdp.replace("m=video", "m=dance"), &offer.sdp[..offer.sdp.len() / 2]] {
            for kind in [DescriptionKind::Answer, DescriptionKind::Offer] {
                let said = Description { kind, sdp: sdp.to_owned() };
                let came = ann.session.accept_description("eve", said).await;
                assert!(!matches!(came, Ok(Some(_))), "nothing to answer: {came:?}");
            }
        }
        for n in 0..200 {
            let text =
                format!(r#"{{"candidate":"candidate:1 1 udp 1 192.0.2.1 {n} typ host","usernameFragment":"x{n}"}}"#);
            let _ = ann.session.accept_candidate("eve", text).await; // refused once too many wait
        }
        // Carl comes meanwhile, and Bob has noticed nothing.
        let offer = carl.session.create_offer("ann").await.unwrap();
        let answer = ann.session.accept_offer("carl", offer).await.unwrap();
        carl.session.accept_answer("ann", answer).await.unwrap();
        carl.connected("ann").await;
        ann.connected("carl").await;
        flows(&bob, "ann").await;
        flows(&carl, "ann").await;
        // Even Eve is welcome once she says something sensible.
        let offer = ann.session.create_offer("eve").await.unwrap();
        let answer = eve.session.accept_offer("ann", offer).await.unwrap();
        ann.session.accept_answer("eve", answer).await.unwrap();
        ann.connected("eve").await;
        eve.connected("ann").await; // she can say good-bye only over a connection that she has
        eve.session.close().await;
        ann.tells(SessionEvent::ConnectionState { peer: "eve".into(), state: ConnectionState::Closed }).await;
        flows(&ann, "bob").await;
        flows(&ann, "carl").await;
        let closed = |event: &&SessionEvent| {
            matches!(event, SessionEvent::ConnectionState { peer, state: ConnectionState::Closed | ConnectionState::Failed }
                if peer != "eve")
        };
        ann.hear();
        assert_eq!(ann.seen.iter().find(closed), None);
        end([ann, bob, carl]).await;
    });
}
