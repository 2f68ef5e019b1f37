//! One session and several peers, whose paths are not alike: judged by the pictures they decode.

mod common;
mod pair;

use std::time::{Duration, Instant};

use pair::{Side, end, lively, lossy, negotiate, quiet};
use tokio::sync::mpsc;
use visavis::codec::h264::Decoder;
use visavis::codec::timecode;
use visavis::model::encoded::EncodedVideo;
use visavis::model::slot::Player;
use visavis::model::source::VideoSpec;
use visavis::pipeline::publish::{PublishConfig, VideoPublisher};
use visavis::session::*;

const LIMIT: Duration = Duration::from_secs(150);
/// Longest wait for what the pictures should become, on a busy machine too.
const SOON: Duration = Duration::from_secs(45);
/// So many in a row are no chance.
const MANY: usize = 40;

/// One who looks at every picture.
struct Viewer {
    player: Player,
    seen: u64,
    /// Newest time that was burned in.
    code: Option<u32>,
    /// Pictures in a row of the width that is wanted.
    row: usize,
}

impl Viewer {
    fn new(side: &Side) -> Self {
        let player = side.session.player(side.other).expect("the peer is there");
        Self { player, seen: 0, code: None, row: 0 }
    }

    /// Looks at a picture, if there is a new one: how wide it is.
    fn look(&mut self) -> Option<u32> {
        let (number, frame) = self.player.newer_than(self.seen)?;
        self.seen = number;
        let code = timecode::read(&frame).expect("a picture is whole: the time in it can be read");
        if let Some(before) = self.code.replace(code) {
            assert!(code.wrapping_sub(before) % (1 << 24) < 1 << 23, "pictures come in order");
        }
        Some(frame.width())
    }
}

/// Waits until [`MANY`] pictures in a row of each are of the width that is wanted, those of both at the same time.
async fn until(what: &'static str, viewers: [Viewer; 2], wanted: [fn(u32) -> bool; 2]) -> [Viewer; 2] {
    let look = move || {
        let (begun, mut viewers) = (Instant::now(), viewers);
        viewers.iter_mut().for_each(|viewer| viewer.row = 0);
        let mut widths = [Vec::new(), Vec::new()];
        while viewers.iter().any(|viewer| viewer.row < MANY) {
            assert!(begun.elapsed() < SOON, "{what}: {widths:?}");
            for n in 0..2 {
                let Some(width) = viewers[n].look() else { continue };
                if widths[n].last().is_none_or(|(last, _)| *last != width) {
                    widths[n].push((width, begun.elapsed().as_millis()));
                }
                viewers[n].row += 1;
                if !wanted[n](width) {
                    viewers.iter_mut().for_each(|viewer| viewer.row = 0);
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        viewers
    };
    tokio::task::spawn_blocking(look).await.expect("seen")
}

/// Ann, who sends, with bob connected and carl still to be.
async fn three() -> [Side; 3] {
    let (mut ann, bob, carl) = (Side::new("bob", lively()), Side::new("ann", quiet()), Side::new("ann", quiet()));
    for (side, peer) in [(&ann, "bob"), (&ann, "carl"), (&bob, "ann"), (&carl, "ann")] {
        side.session.add_peer(peer, PeerConfig::default()).await.expect("added");
    }
    negotiate(&ann, &bob).await;
    ann.other = "carl";
    [ann, bob, carl]
}

#[test]
fn a_weak_path_gets_smaller_pictures_while_the_other_keeps_large_ones() {
    common::run(LIMIT, async {
        let [ann, bob, carl] = three().await;
        let path = lossy::negotiate(&ann, &carl).await;
        let viewers = [Viewer::new(&bob), Viewer::new(&carl)];
        let viewers = until("both large", viewers, [|width| width == 320, |width| width == 320]).await;

        path.carry(300);
        let viewers = until("one smaller", viewers, [|width| width == 320, |width| width <= 160]).await;
        // Each is told what it is sent.
        let sent = |stats: visavis::model::stats::Stats| stats.sent.video;
        let (to_bob, to_carl) = (ann.session.stats("bob").await, ann.session.stats("carl").await);
        let (to_bob, to_carl) = (sent(to_bob.expect("known")), sent(to_carl.expect("known")));
        assert!(to_bob.width == 320 && to_carl.width <= 160, "{to_bob:?} {to_carl:?}");
        assert!(to_carl.target_bps < 300_000 && to_bob.target_bps > to_carl.target_bps, "{to_bob:?} {to_carl:?}");

        path.carry(0);
        until("both large again", viewers, [|width| width == 320, |width| width == 320]).await;
        end([ann, bob, carl]).await;
    });
}

#[test]
fn who_does_not_show_our_pictures_gets_none_until_they_do() {
    common::run(LIMIT, async {
        let [ann, bob, carl] = three().await;
        negotiate(&ann, &carl).await;
        let viewers = [Viewer::new(&bob), Viewer::new(&carl)];
        let mut viewers = until("both", viewers, [|_| true, |_| true]).await;

        ann.session.set_shown_height("bob", Some(0)).expect("bob is there");
        let watch = move || {
            let begun = Instant::now();
            // What was under way still comes; then carl gets many, and bob none.
            let (mut carls, mut bobs) = (0, 0);
            while carls < 2 * MANY {
                assert!(begun.elapsed() < SOON, "carl got {carls}, bob {bobs} since");
                bobs += usize::from(viewers[0].look().is_some());
                carls += usize::from(viewers[1].look().is_some());
                if carls < MANY {
                    bobs = 0;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            assert_eq!(bobs, 0, "while carl got {MANY}");
            viewers
        };
        let viewers = tokio::task::spawn_blocking(watch).await.expect("seen");

        ann.session.set_shown_height("bob", None).expect("bob is there");
        until("both again", viewers, [|_| true, |_| true]).await;
        end([ann, bob, carl]).await;
    });
}

/// One output of a publisher, decoded without a gap.
struct Output {
    units: mpsc::Receiver<EncodedVideo>,
    decoder: Decoder,
    /// What came, and how wide it is.
    seen: Vec<(EncodedVideo, u32)>,
}

impl Output {
    fn of(publisher: &VideoPublisher, id: u64) -> Self {
        let (sender, units) = mpsc::channel(64);
        publisher.add_output(id, sender);
        Self { units, decoder: Decoder::new().expect("a decoder"), seen: Vec::new() }
    }

    /// How many so wide came last, one after another.
    fn row(&mut self, width: u32) -> usize {
        while let Ok(unit) = self.units.try_recv() {
            let frame = self.decoder.decode(&unit).expect("it builds on what came").expect("a picture");
            assert!(timecode::read(&frame).is_some(), "a picture is whole");
            self.seen.push((unit, frame.width()));
        }
        self.seen.iter().rev().take_while(|(_, of)| *of == width).count()
    }

    /// The first of the newest that are so wide.
    fn first(&mut self, width: u32) -> &EncodedVideo {
        let row = self.row(width);
        &self.seen[self.seen.len() - row].0
    }
}

#[test]
fn outputs_share_one_encoder_until_one_gets_its_own_and_each_move_begins_with_a_keyframe() {
    let _guard = common::guard(LIMIT);
    let mut publisher = VideoPublisher::start(PublishConfig {
        name: "test".to_owned(),
        input: VideoInput::Spec(VideoSpec::Scene),
        request: VideoRequest { width: 320, height: 180, fps: 30 },
        bitrate_bps: 800_000,
        ..PublishConfig::default()
    });
    let (mut strong, mut weak) = (Output::of(&publisher, 1), Output::of(&publisher, 2));
    let until = |what: &str, strong: &mut Output, weak: &mut Output, width: u32| {
        let more = strong.row(320) + 20;
        common::wait_for(what, SOON, || {
            let (strong, weak) = (strong.row(320), weak.row(width));
            (strong >= more && weak >= 20).then_some(())
        });
    };
    until("the same", &mut strong, &mut weak, 320);
    let bytes = weak.seen.last().map(|(unit, _)| unit.data.as_ptr());
    assert!(strong.row(320) > 0 && strong.seen.iter().any(|(unit, _)| Some(unit.data.as_ptr()) == bytes), "made once");

    publisher.share_out(&[800_000, 120_000], &[(1, 0), (2, 1)]);
    until("a smaller one", &mut strong, &mut weak, 160);
    assert!(weak.first(160).keyframe);
    let (to_strong, to_weak) = (publisher.stats_of(1), publisher.stats_of(2));
    assert!(to_strong.width == 320 && to_weak.width == 160 && to_weak.target_bps == 120_000, "{to_weak:?}");

    publisher.share_out(&[700_000], &[(1, 0), (2, 0)]);
    until("the same again", &mut strong, &mut weak, 320);
    assert!(weak.first(320).keyframe);
    let after = publisher.stats_of(2);
    assert!(after.width == 320 && after.frames > to_weak.frames && after.keyframes > to_weak.keyframes, "{after:?}");
    assert!(strong.seen.iter().all(|(_, width)| *width == 320), "who did not move has seen nothing of it");
    publisher.stop();
}
