//! Statistics say what really happened: both sides agree, references lead somewhere, loss that was made is counted.

mod common;
mod pair;

use std::time::{Duration, Instant};

use pair::{Side, lively, lossy};
use visavis::model::report::{InboundRtp, MediaKind, OutboundRtp};
use visavis::session::*;

const LIMIT: Duration = Duration::from_secs(90);
const SOON: Duration = Duration::from_secs(20);

fn outbound(report: &StatsReport, kind: MediaKind) -> &OutboundRtp {
    report.outbound_rtp.iter().find(|stream| stream.kind == kind).expect("a stream goes out")
}

fn inbound(report: &StatsReport, kind: MediaKind) -> &InboundRtp {
    report.inbound_rtp.iter().find(|stream| stream.kind == kind).expect("a stream comes in")
}

/// Reports of a side until one is as wanted.
async fn until(side: &Side, what: &str, wanted: impl Fn(&StatsReport) -> bool) -> StatsReport {
    let begun = Instant::now();
    loop {
        let report = side.session.stats_report(side.other).await.expect("the peer is there");
        if wanted(&report) {
            return report;
        }
        assert!(begun.elapsed() < SOON, "never {what}: {report:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Two that send each other pictures and sound.
async fn call() -> (Side, Side) {
    let (ann, bob) = (Side::new("bob", lively()), Side::new("ann", lively()));
    ann.session.add_peer("bob", PeerConfig::default()).await.expect("added");
    bob.session.add_peer("ann", PeerConfig::default()).await.expect("added");
    (ann, bob)
}

#[test]
fn what_one_side_sent_is_what_the_other_received() {
    common::run(LIMIT, async {
        let (ann, bob) = call().await;
        pair::negotiate(&ann, &bob).await;
        until(&bob, "pictures", |report| {
            report.inbound_rtp.len() == 2 && inbound(report, MediaKind::Video).frames_decoded > Some(40)
        })
        .await;
        let ours = ann.session.stats_report("bob").await.expect("a report");
        let sent = outbound(&ours, MediaKind::Video);
        let theirs = until(&bob, "all that was sent", |report| {
            inbound(report, MediaKind::Video).packets_received >= sent.packets_sent
                && inbound(report, MediaKind::Video).frames_decoded >= sent.frames_sent
        })
        .await;
        let received = inbound(&theirs, MediaKind::Video);
        assert_eq!((received.ssrc, &received.mid), (sent.ssrc, &sent.mid));
        assert!(sent.mid.is_some() && sent.active);
        // A moment lies between the two reports: what came since is over, never under.
        let close = |a: u64, b: u64| a >= b && a as f64 <= b as f64 * 1.5 + 30.0;
        assert!(close(received.packets_received, sent.packets_sent), "{received:?} {sent:?}");
        assert!(close(received.bytes_received / 1000, sent.bytes_sent / 1000), "{received:?} {sent:?}");
        assert!(close(received.header_bytes_received / 20, sent.header_bytes_sent / 20), "{received:?} {sent:?}");
        assert!(sent.header_bytes_sent >= 12 * sent.packets_sent);
        let frames = sent.frames_encoded.expect("video");
        assert!(close(received.frames_decoded.expect("video"), frames), "{received:?} {sent:?}");
        assert!(close(received.frames_received.expect("video"), frames), "{received:?} {sent:?}");
        assert!((1..frames / 2).contains(&sent.key_frames_encoded.expect("video")), "{sent:?}");
        assert_eq!((received.frame_width, received.frame_height), (Some(320), Some(180)));
        assert_eq!((sent.frame_width, sent.frame_height), (Some(320), Some(180)));
        assert!(sent.target_bitrate.is_some_and(|rate| rate > 10_000.0));
        // Sound goes on: jitter in seconds, not in ticks; a level for −20 dBFS.
        let sound = inbound(&theirs, MediaKind::Audio);
        assert!((0.0..0.5).contains(&sound.jitter) && sound.packets_received > 20, "{sound:?}");
        assert!(sound.total_samples_received > Some(9_600), "{sound:?}");
        assert!(sound.audio_level.is_some_and(|level| (0.03..0.3).contains(&level)), "{sound:?}");
        // What cannot be known of sound is not there.
        assert_eq!((sound.frames_decoded, sound.frame_width), (None, None));
        pair::end([ann, bob]).await;
    });
}

#[test]
fn references_lead_to_what_they_name() {
    common::run(LIMIT, async {
        let (ann, bob) = call().await;
        pair::negotiate(&ann, &bob).await;
        for side in [&ann, &bob] {
            let report = until(side, "reports of the other side", |report| {
                report.remote_inbound_rtp.len() == 2
                    && report.remote_outbound_rtp.len() == 2
                    && report.selected_pair().is_some_and(|pair| pair.current_round_trip_time.is_some())
            })
            .await;
            let [transport] = &report.transport[..] else { panic!("{:?}", report.transport) };
            assert_eq!((&*transport.dtls_state, transport.tls_version.as_deref()), ("connected", Some("FEFD")));
            assert!(
                transport.srtp_cipher.as_deref().is_some_and(|cipher| cipher.starts_with("SRTP_")),
                "{transport:?}"
            );
            assert!(transport.dtls_cipher.is_some() && transport.dtls_role.is_some(), "{transport:?}");
            assert!(matches!(&*transport.ice_state, "connected" | "completed"), "{transport:?}");
            let pair = report.selected_pair().expect("looked for");
            assert!(pair.nominated && pair.state == "succeeded", "{pair:?}");
            assert!(pair.bytes_sent > 1_000 && pair.bytes_received > 1_000 && pair.requests_sent > 0, "{pair:?}");
            assert!(pair.current_round_trip_time.is_some_and(|rtt| (0.0..1.0).contains(&rtt)), "{pair:?}");
            assert!(transport.bytes_sent >= pair.bytes_sent, "{transport:?} {pair:?}");
            for (id, ends) in [
                (&pair.local_candidate_id, &report.local_candidate),
                (&pair.remote_candidate_id, &report.remote_candidate),
            ] {
                let id = id.as_ref().expect("an end");
                let end = ends.iter().find(|end| end.id == *id).expect("a candidate");
                assert!(end.port > 0 && end.address.is_some() && end.protocol == "udp", "{end:?}");
                assert!(matches!(&*end.candidate_type, "host" | "prflx"), "{end:?}");
                assert_eq!((&end.url, &end.relay_protocol), (&None, &None));
            }
            for stream in &report.outbound_rtp {
                let remote = stream.remote_id.as_ref().expect("reported on");
                let remote = report.remote_inbound_rtp.iter().find(|of| of.id == *remote).expect("a report");
                assert_eq!((remote.ssrc, &remote.local_id), (stream.ssrc, &stream.id));
                assert!((0.0..1.0).contains(&remote.jitter) && remote.reports_received > 0, "{remote:?}");
                let source = stream.media_source_id.as_ref().expect("a source");
                let source = report.media_source.iter().find(|of| of.id == *source).expect("a source");
                assert_eq!(source.kind, stream.kind);
                let codec = stream.codec_id.as_ref().expect("a codec");
                let codec = report.codec.iter().find(|of| of.id == *codec).expect("a codec");
                let mime = if stream.kind == MediaKind::Video { "video/H264" } else { "audio/opus" };
                assert_eq!(codec.mime_type, mime);
                assert_eq!(stream.transport_id, transport.id);
            }
            for stream in &report.inbound_rtp {
                let remote = stream.remote_id.as_ref().expect("reported on");
                let remote = report.remote_outbound_rtp.iter().find(|of| of.id == *remote).expect("a report");
                assert!(remote.packets_sent > 0 && remote.bytes_sent > 0, "{remote:?}");
                // Their clock is this machine's.
                assert!((report.timestamp - remote.remote_timestamp).abs() < 60_000.0, "{remote:?}");
            }
        }
        // The round trip by sender and receiver reports comes with the second report at the latest.
        until(&ann, "a round trip by RTCP", |report| {
            report.remote_inbound_rtp.iter().any(|of| of.round_trip_time.is_some_and(|rtt| (0.0..1.0).contains(&rtt)))
        })
        .await;
        pair::end([ann, bob]).await;
    });
}

#[test]
fn loss_that_is_provoked_is_counted_on_both_sides() {
    common::run(LIMIT, async {
        let (ann, bob) = call().await;
        let path = lossy::negotiate(&ann, &bob).await;
        let before = until(&bob, "pictures", |report| {
            report.inbound_rtp.len() == 2 && inbound(report, MediaKind::Video).frames_decoded > Some(15)
        })
        .await;
        assert_eq!(inbound(&before, MediaKind::Video).nack_count, 0);
        path.lose(10);
        let theirs =
            until(&bob, "questions for what is missing", |report| inbound(report, MediaKind::Video).nack_count > 3)
                .await;
        let ours = until(&ann, "those questions", |report| {
            let stream = outbound(report, MediaKind::Video);
            stream.nack_count > 1 && stream.retransmitted_packets_sent > 1
        })
        .await;
        let sent = outbound(&ours, MediaKind::Video);
        assert!(sent.retransmitted_packets_sent < sent.packets_sent && sent.retransmitted_bytes_sent > 0, "{sent:?}");
        assert!(path.lost() > 0, "{theirs:?}");
        // The receiver tells its sender.
        until(&ann, "a report with loss", |report| {
            report.remote_inbound_rtp.iter().any(|of| of.fraction_lost > 0.0 || of.packets_lost > 0)
        })
        .await;
        // So much that it cannot be repaired: pictures must be asked for anew.
        path.lose(60);
        until(&bob, "a keyframe asked for", |report| inbound(report, MediaKind::Video).pli_count > 0).await;
        until(&ann, "that wish", |report| outbound(report, MediaKind::Video).pli_count > 0).await;
        // All of it: what comes then is a keyframe that nobody had to ask for.
        path.lose(100);
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let theirs = bob.session.stats_report("ann").await.expect("a report");
        path.lose(0);
        let decoded = inbound(&theirs, MediaKind::Video).frames_decoded;
        let after = until(&bob, "pictures again", |report| {
            inbound(report, MediaKind::Video).frames_decoded > decoded.map(|frames| frames + 15)
        })
        .await;
        let received = inbound(&after, MediaKind::Video);
        assert!(received.freeze_count > Some(0) && received.total_freezes_duration > Some(0.5), "{received:?}");
        pair::end([ann, bob]).await;
    });
}

#[test]
fn what_is_lost_on_a_long_way_is_repaired_and_still_counted_as_lost() {
    common::run(LIMIT, async {
        let (ann, bob) = call().await;
        let path = lossy::negotiate(&ann, &bob).await;
        until(&bob, "pictures", |report| {
            report.inbound_rtp.len() == 2 && inbound(report, MediaKind::Video).frames_decoded > Some(15)
        })
        .await;
        path.delay(60);
        path.lose(10);
        let repaired = |report: &StatsReport| inbound(report, MediaKind::Video).fec_packets_received;
        until(&bob, "repair packets", |report| repaired(report) > Some(20)).await;
        let sent = ann.session.stats_report("bob").await.expect("a report");
        let sent = outbound(&sent, MediaKind::Video).packets_sent;
        // They are no packets of the pictures, and what was rebuilt did not arrive.
        let after = until(&bob, "what was sent by then", |report| {
            let received = inbound(report, MediaKind::Video);
            received.packets_received + received.packets_lost.unsigned_abs() >= sent
        })
        .await;
        let received = inbound(&after, MediaKind::Video);
        assert!(received.packets_lost > 0 && received.fec_bytes_received > Some(1_000), "{received:?}");
        until(&ann, "a report with loss", |report| report.remote_inbound_rtp.iter().any(|of| of.fraction_lost > 0.02))
            .await;
        assert_eq!(after.inbound_rtp.len(), 2);
        pair::end([ann, bob]).await;
    });
}

#[test]
fn channels_are_counted_alike_on_both_sides() {
    common::run(LIMIT, async {
        let pair::Pair { ann, mut bob } = pair::connected().await;
        let config = ChannelConfig { protocol: "counted".into(), ..ChannelConfig::reliable("counted") };
        ann.session.add_channel("bob", config).await.expect("added");
        for n in 0..20 {
            ann.session.send("bob", "counted", Message::Binary(vec![0; n * 100].into())).await.expect("sent");
        }
        for _ in 0..20 {
            bob.message("counted").await;
        }
        bob.session.send("ann", "counted", Message::Text("grüß".into())).await.expect("sent");
        let channel = |report: &StatsReport| report.data_channel.iter().find(|of| of.label == "counted").cloned();
        let ours =
            until(&ann, "the answer", |report| channel(report).is_some_and(|of| of.messages_received == 1)).await;
        let (ours, theirs) = (channel(&ours).expect("ours"), bob.session.stats_report("ann").await.expect("a report"));
        let theirs = channel(&theirs).expect("theirs");
        assert_eq!((ours.messages_sent, ours.bytes_sent), (20, 19_000));
        assert_eq!((theirs.messages_received, theirs.bytes_received), (20, 19_000));
        assert_eq!((theirs.messages_sent, theirs.bytes_sent), (ours.messages_received, ours.bytes_received));
        assert_eq!((ours.bytes_received, &*ours.state, &*theirs.protocol), (6, "open", "counted"));
        pair::end([ann, bob]).await;
    });
}

#[test]
fn the_report_is_json_in_w3cs_words() {
    common::run(LIMIT, async {
        let (ann, bob) = call().await;
        let early = ann.session.stats_report("bob").await.expect("a report before anything was exchanged");
        assert!(early.selected_pair().is_none() && early.transport[0].dtls_cipher.is_none());
        assert!(ann.session.stats_report("carl").await.is_err());
        pair::negotiate(&ann, &bob).await;
        let report = until(&ann, "two streams", |report| report.inbound_rtp.len() == 2).await;
        let json = serde_json::to_value(&report).expect("JSON");
        let video = json["inbound-rtp"].as_array().expect("a list").iter().find(|of| of["kind"] == "video");
        let video = video.expect("a video");
        for name in ["ssrc", "packetsReceived", "bytesReceived", "jitter", "nackCount", "framesDecoded", "transportId"]
        {
            assert!(video.get(name).is_some(), "{name} is not in {video}");
        }
        assert!(video.get("audioLevel").is_none(), "{video}");
        assert!(json["candidate-pair"][0]["localCandidateId"].is_string(), "{json}");
        let again: StatsReport = serde_json::from_value(json).expect("the same");
        assert_eq!(again.inbound_rtp.len(), report.inbound_rtp.len());
        pair::end([ann, bob]).await;
    });
}

#[test]
fn the_tick_tells_every_peers_statistics_while_it_is_wanted() {
    common::run(LIMIT, async {
        let pair::Pair { mut ann, bob } = pair::connected().await;
        let a_tick = |event: &SessionEvent| match event {
            SessionEvent::Stats { peer, stats } => Some((peer.clone(), stats.clone())),
            _ => None,
        };
        ann.session.set_stats_interval(Some(Duration::from_millis(100)));
        let (peer, first) = ann.until("tick", a_tick).await;
        let (_, second) = ann.until("second tick", a_tick).await;
        assert!(peer == "bob" && second.timestamp > first.timestamp);
        ann.session.set_stats_interval(None);
        pair::end([ann, bob]).await;
    });
}
