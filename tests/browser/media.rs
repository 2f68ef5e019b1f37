//! Pictures and sound, both ways: decoded pixels with the time in them, tones, black, silence, another source.

use std::sync::{Arc, Mutex};

use serde_json::json;
use visavis::model::source::VideoSpec;
use visavis::pipeline::publish::{PublishConfig, VideoPublisher};
use visavis::session::*;

use crate::browser_world::*;

pub async fn see_and_hear(world: &World, page: &Page) {
    world.ours.sees_time("it").await;
    world.ours.hears(ITS_TONE).await;
    page_sees_time(page, 0).await;
    page_hears(page, OUR_TONE).await;
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p05_browser_our_camera_off_is_black_there_and_comes_back() {
    with(Kind::Chromium, async |world| {
        let page = world.call(Offers::We).await;
        page_sees_time(&page, 0).await;
        world.ours.session.set_camera_enabled(false);
        page.until("black", "eye().luma < 12 && !eye().timed").await;
        world.ours.session.set_camera_enabled(true);
        page_sees_time(&page, 0).await;
        world.nothing_negotiated("it", &page);
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p05_browser_its_camera_off_is_black_here_and_comes_back() {
    with(Kind::Chromium, async |world| {
        let page = world.call(Offers::It).await;
        world.ours.sees_time("it").await;
        page.run("own.camera.track.enabled = false").await;
        world.ours.sees("it", "black", |frame| brightness(frame) < 25).await;
        page.run("own.camera.track.enabled = true").await;
        world.ours.sees_time("it").await;
        world.nothing_negotiated("it", &page);
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p05_browser_a_muted_microphone_is_silence_on_either_side() {
    with(Kind::Chromium, async |world| {
        let page = world.call(Offers::We).await;
        page_hears(&page, OUR_TONE).await;
        world.ours.hears(ITS_TONE).await;
        world.ours.session.set_muted(true);
        page_hears_nothing(&page).await;
        page.run("own.tone.track.enabled = false").await;
        world.ours.hears_no(ITS_TONE).await;
        world.ours.session.set_muted(false);
        page_hears(&page, OUR_TONE).await;
        page.run("own.tone.track.enabled = true").await;
        world.ours.hears(ITS_TONE).await;
        world.nothing_negotiated("it", &page);
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p06_browser_our_other_source_replaces_the_camera_without_renegotiation() {
    with(Kind::Chromium, async |world| {
        let page = world.call(Offers::We).await;
        page_sees_time(&page, 0).await;
        // Another picture; another size besides.
        world.ours.session.set_camera(VideoInput::Spec(VideoSpec::Bars));
        page.until("bars", "eye().yellow").await;
        world.ours.session.set_video(VideoRequest { width: 320, height: 180, fps: 30 });
        page.until("the other size", "eye().width === 320 && eye().height === 180").await;
        world.ours.session.set_camera(VideoInput::Spec(VideoSpec::Scene));
        page.until("no bars", "!eye().yellow").await;
        page_sees_time(&page, 0).await;
        world.nothing_negotiated("it", &page);
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p06_browser_its_other_source_replaces_the_camera_without_renegotiation() {
    with(Kind::Chromium, async |world| {
        let page = world.call(Offers::It).await;
        world.ours.sees_time("it").await;
        page.run("swap('camera', camera('plain', 640, 480))").await;
        world.ours.sees("it", "the other source", |frame| (frame.width(), frame.height()) == (640, 480)).await;
        let (width, height) = ITS_SIZE;
        page.run(format!("swap('camera', camera('scene', {width}, {height}))")).await;
        world.ours.sees_time("it").await;
        world.nothing_negotiated("it", &page);
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p02_browser_a_call_with_our_sound_only_has_its_picture_still() {
    with(Kind::Chromium, async |world| {
        let page = world.page().await;
        let config = PeerConfig { video: false, ..PeerConfig::default() };
        world.ours.session.add_peer("it", config).await.unwrap();
        world.connect("it", &page, Offers::It, Candidates::Trickle).await;
        page_hears(&page, OUR_TONE).await;
        world.ours.hears(ITS_TONE).await;
        world.ours.sees_time("it").await;
        assert_eq!(page.run("eye()?.looks ?? 0").await, 0, "a picture of ours was shown there");
    });
}

/// A screen beside the camera: one more video, and its end.
#[test]
#[ignore = "needs a browser: make test-browser"]
fn p06_browser_its_second_video_has_a_player_of_its_own_and_ends() {
    with(Kind::Chromium, async |world| {
        let page = world.call(Offers::It).await;
        world.ours.sees_time("it").await;
        let first = world.ours.track("it", |track| track.kind == TrackKind::Video).await;
        page.run("add('screen', camera('scene', 640, 480))").await;
        page.told("negotiation needed", |_| true).await;
        world.negotiate("it", &page, Offers::It, Candidates::Trickle).await;
        let second = world.ours.track("it", |track| track.kind == TrackKind::Video).await;
        assert_ne!(first.id, second.id);
        let player = second.player.unwrap();
        sees_time(player.clone()).await;
        assert_eq!(player.newest().map(|frame| (frame.width(), frame.height())), Some((640, 480)));
        world.ours.sees_time("it").await;
        page.run("remove('screen')").await;
        page.told("negotiation needed", |_| true).await;
        world.negotiate("it", &page, Offers::It, Candidates::Trickle).await;
        let ended = SessionEvent::TrackEnded { peer: "it".into(), id: second.id };
        world.ours.until("the end of the track", |event| (*event == ended).then_some(())).await;
        world.ours.sees_time("it").await;
    });
}

#[test]
#[ignore = "needs a browser: make test-browser"]
fn p06_browser_our_second_video_is_shown_there_and_ends() {
    with(Kind::Chromium, async |world| {
        let page = world.call(Offers::We).await;
        page_sees_time(&page, 0).await;
        // What the encoder of a shared screen does.
        let screen = Arc::new(Mutex::new(VideoPublisher::start(PublishConfig {
            name: "screen".into(),
            input: VideoInput::Spec(VideoSpec::Scene),
            request: VideoRequest { width: 320, height: 240, fps: 30 },
            ..PublishConfig::default()
        })));
        let asked = Arc::downgrade(&screen);
        let keyframe = Arc::new(move || {
            if let Some(screen) = asked.upgrade() {
                screen.lock().unwrap().request_keyframe();
            }
        });
        let (track, pictures) = world.ours.session.add_video_track("it", "screen", keyframe).await.unwrap();
        screen.lock().unwrap().add_output(1, pictures);
        let needed = SessionEvent::NegotiationNeeded { peer: "it".into() };
        world.ours.until("the need to negotiate", |event| (*event == needed).then_some(())).await;
        world.negotiate("it", &page, Offers::We, Candidates::Trickle).await;
        page_sees_time(&page, 1).await;
        assert_eq!(page.run("[eye(1).width, eye(1).height]").await, json!([320, 240]));
        page_sees_time(&page, 0).await;
        screen.lock().unwrap().remove_output(1);
        world.ours.session.remove_video_track("it", &track).await.unwrap();
        world.ours.until("the need to negotiate", |event| (*event == needed).then_some(())).await;
        world.negotiate("it", &page, Offers::We, Candidates::Trickle).await;
        // A track that the other side sends no more is muted (W3C RTCPeerConnection, removal of a remote track).
        page.until("its end", "eye(1).muted").await;
        page_sees_time(&page, 0).await;
        screen.lock().unwrap().stop();
    });
}

/// It has read copies out of our packets: Chromium counts them as error correction.
const READS_COPIES: &str = "(async () => (await stats('inbound-rtp', 'audio'))[0]?.fecPacketsReceived > 0)()";

#[test]
#[ignore = "needs a browser: make test-browser"]
fn sound_with_copies_is_understood_on_both_sides() {
    with(Kind::Chromium, async |world| {
        // Until it has said that nothing is lost, each of our packets carries one.
        let page = world.call(Offers::We).await;
        page.until("copies in what it gets", READS_COPIES).await;
        see_and_hear(world, &page).await;
    });
}

/// One that is not asked for transport-wide feedback says what it can: loss, round trip, and the most it can take.
#[test]
#[ignore = "needs a browser: make test-browser"]
fn the_picture_follows_what_a_browser_reports_that_reports_on_no_single_packet() {
    with(Kind::Chromium, async |world| {
        let session = &world.ours.session;
        let plain = |description: Description| {
            let known = |line: &&str| !line.contains("transport-cc") && !line.contains("transport-wide-cc");
            Description { sdp: description.sdp.split_inclusive('\n').filter(known).collect(), ..description }
        };
        session.set_video(VideoRequest { width: 960, height: 540, fps: 20 });
        let page = world.pair("it").await;
        world.ours.trickle("it", &page).await;
        let offer = plain(session.create_offer("it").await.unwrap());
        let answer: Description = page.run(format!("answer({offer}, {{}})")).await.to_string().parse().unwrap();
        assert!(answer.sdp.contains("goog-remb"), "{}", answer.sdp);
        session.accept_answer("it", plain(answer)).await.unwrap();
        page_sees_time(&page, 0).await;
        // It begins with a megabit a second, all in all.
        soon("more than at first", async || {
            let report = session.stats_report("it").await.unwrap();
            let bps = report.selected_pair()?.available_outgoing_bitrate?;
            (bps > 1.15e6).then_some(())
        })
        .await;
        page_sees_time(&page, 0).await;
    });
}
