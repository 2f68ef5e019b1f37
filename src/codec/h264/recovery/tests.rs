//! After a loss, a picture that builds on a kept one.

use std::time::Duration;

use super::super::*;

/// A person who sways before a still wall, with grain; never twice the same.
fn picture(n: u64, (width, height): (u32, u32)) -> VideoFrame {
    let mut frame = VideoFrame::black(width, height, Duration::from_millis(n * 33)).unwrap();
    let time = n as f64 / 30.0;
    let middle = f64::from(width) * (0.5 + 0.04 * (time * 1.7).sin());
    let mut noise = n as u32 ^ 0x9e37_79b9;
    for (i, y) in frame.planes_mut().0.iter_mut().enumerate() {
        let (x, row) = (i as u32 % width, i as u32 / width);
        let (dx, dy) =
            ((f64::from(x) - middle) / f64::from(width) * 5.0, f64::from(row) / f64::from(height) * 2.0 - 1.2);
        let (u, v) = if dx * dx + dy * dy < 1.0 { ((dx * 200.0) as u32, (dy * 90.0) as u32) } else { (x, row) };
        let thread = (u / 4).wrapping_mul(2_654_435_761) ^ (v / 4).wrapping_mul(40_503);
        noise = noise.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        *y = 70 + (thread.wrapping_mul(69_069) >> 26) as u8 + (noise >> 30) as u8;
    }
    frame
}

const SIZE: (u32, u32) = (320, 180);

/// An encoder and two decoders: one that gets everything, and one that loses something and says what it keeps.
struct World {
    encoder: Encoder,
    whole: Decoder,
    lossy: Decoder,
    size: (u32, u32),
    n: u64,
}

impl World {
    fn new(size: (u32, u32), keeps: bool) -> Self {
        let config = EncoderConfig { width: size.0, height: size.1, fps: 30.0, bitrate_bps: 400_000 };
        let mut encoder = Encoder::new(config).unwrap();
        encoder.keep_pictures(keeps.then_some(3));
        encoder.force_keyframe();
        Self { encoder, whole: Decoder::new().unwrap(), lossy: Decoder::new().unwrap(), size, n: 0 }
    }

    /// The next picture, and what the one decoder shows of it; it must be what the other shows.
    fn step(&mut self, lost: bool) -> (EncodedVideo, Result<(), DecodeError>) {
        if self.encoder.kept().pending.is_some() && self.lossy.kept() == self.encoder.kept().pending {
            self.encoder.confirm();
        }
        let unit = self.encoder.encode(&picture(self.n, self.size), Instant::now()).unwrap().unwrap();
        self.n += 1;
        let whole = self.whole.decode(&unit).unwrap().unwrap();
        if lost {
            return (unit, Err(DecodeError::Waiting));
        }
        let shown = self.lossy.decode(&unit).map(|frame| {
            let frame = frame.unwrap();
            assert!(frame.y() == whole.y() && frame.u() == whole.u() && frame.v() == whole.v(), "{}", self.n);
        });
        (unit, shown)
    }

    fn run(&mut self, pictures: u64) {
        for _ in 0..pictures {
            self.step(false).1.unwrap();
        }
    }

    fn lose(&mut self, pictures: u64) {
        for _ in 0..pictures {
            assert!(self.step(true).1.is_err());
        }
    }
}

#[test]
fn a_picture_on_a_kept_one_heals_a_loss_for_good() {
    let mut world = World::new(SIZE, true);
    world.run(60);
    for (after, lost) in [(47, 1), (31, 12), (64, 30), (90, 75)] {
        world.run(after);
        world.lose(lost);
        for _ in 0..3 {
            assert_eq!(world.step(false).1, Err(DecodeError::Waiting));
        }
        world.encoder.recover();
        let (unit, shown) = world.step(false);
        assert_eq!(shown, Ok(()), "after {lost}");
        assert!(!unit.keyframe && Marker::recovers(&unit.data));
        assert_eq!(nal_types(&unit.data).collect::<Vec<_>>(), [6, 1]);
    }
    world.run(60);
}

#[test]
fn it_takes_far_fewer_bytes_than_a_keyframe() {
    let bytes = |recover: bool| -> usize {
        let mut world = World::new(SIZE, true);
        let sizes = (0..6).map(|_| {
            world.run(50);
            if recover {
                world.encoder.recover()
            } else {
                world.encoder.force_keyframe()
            }
            let (unit, shown) = world.step(false);
            assert_eq!((shown, unit.keyframe), (Ok(()), !recover));
            unit.data.len()
        });
        sizes.sum()
    };
    let (recovery, keyframe) = (bytes(true), bytes(false));
    assert!(recovery * 10 < keyframe * 6, "{recovery} against {keyframe}");
}

#[test]
fn the_rate_control_goes_on_as_before() {
    let mut world = World::new(SIZE, true);
    world.run(60);
    let mut bytes = 0;
    for n in 0..240 {
        if n % 60 == 0 {
            world.encoder.recover();
        }
        bytes += world.step(false).0.data.len();
    }
    let rate = bytes as f64;
    assert!((rate / 400_000.0 - 1.0).abs() < 0.15, "{rate}");
    world.encoder.set_bitrate(200_000);
    world.run(30);
    world.encoder.recover();
    let bytes: usize = (0..120).map(|_| world.step(false).0.data.len()).sum();
    assert!((bytes as f64 / 100_000.0 - 1.0).abs() < 0.2, "{bytes}");
}

#[test]
fn what_not_all_have_is_not_built_on() {
    let mut world = World::new(SIZE, true);
    world.step(false).1.unwrap();
    // Of the first keyframe it has not been heard.
    world.encoder.recover();
    let (unit, _) = world.step(false);
    assert!(unit.keyframe);
    world.run(10);
    let before = world.encoder.kept();
    assert!(before.confirmed.is_some());
    // The picture that keeps another one is lost: the one before it stays what is built on.
    while world.encoder.kept().pending.is_none() {
        world.lose(1);
    }
    world.lose(5);
    world.encoder.recover();
    let (unit, shown) = world.step(false);
    assert_eq!((shown, unit.keyframe), (Ok(()), false));
    assert_eq!(Marker::of(&unit.data), before.confirmed.map(|id| Marker::Builds { id }));
    // And with another one it is tried again.
    world.run(40);
    assert_ne!(world.encoder.kept().confirmed, before.confirmed);
}

#[test]
fn a_decoder_without_the_kept_picture_shows_nothing() {
    let mut world = World::new(SIZE, true);
    world.run(40);
    world.lossy = Decoder::new().unwrap();
    world.encoder.recover();
    assert_eq!(world.step(false).1, Err(DecodeError::Waiting));
    assert_eq!(world.step(false).1, Err(DecodeError::Waiting));
    world.encoder.force_keyframe();
    world.run(40);
    // Nor one whose state was damaged.
    let unit = EncodedVideo { data: Bytes::from_static(&[0, 0, 0, 1, 0x67, 1]), ..world.step(false).0 };
    let _ = world.lossy.decode(&unit);
    let broken = [Marker::Builds { id: world.lossy.kept().unwrap_or_default() }.nal(), vec![0, 0, 0, 1, 0x41, 9, 9, 9]];
    let unit = EncodedVideo { data: broken.concat().into(), ..unit };
    assert!(world.lossy.decode(&unit).is_err());
    assert_eq!(world.lossy.kept(), None);
    world.encoder.recover();
    assert_eq!(world.step(false).1, Err(DecodeError::Waiting));
    world.encoder.force_keyframe();
    world.run(5);
}

#[test]
fn a_hole_is_seen_wherever_it_is() {
    // Where pictures are kept, the library's decoder takes holes for intended.
    for at in 28..50 {
        let mut world = World::new(SIZE, true);
        world.run(at);
        world.lose(1);
        for _ in 0..20 {
            assert_eq!(world.step(false).1, Err(DecodeError::Waiting), "{at}");
        }
    }
}

#[test]
fn without_word_from_all_another_picture_is_kept_in_time() {
    let mut world = World::new(SIZE, true);
    world.run(5);
    let mut kept = Vec::new();
    for _ in 0..300 {
        let unit = world.encoder.encode(&picture(world.n, SIZE), Instant::now()).unwrap().unwrap();
        world.n += 1;
        world.whole.decode(&unit).unwrap();
        kept.extend(world.encoder.kept().pending);
    }
    kept.dedup();
    assert!((2..=4).contains(&kept.len()), "{kept:?}");
}

#[test]
fn keeping_begins_and_ends_with_a_keyframe() {
    let mut world = World::new(SIZE, false);
    world.run(30);
    assert_eq!((world.encoder.kept(), world.lossy.kept()), (KeptPictures::default(), None));
    world.encoder.keep_pictures(Some(1));
    world.run(30);
    assert_eq!(world.encoder.kept(), KeptPictures::default());
    world.encoder.recover();
    let (unit, _) = world.step(false);
    assert!(unit.keyframe, "there is nothing to build on");
    assert_eq!(nal_types(&unit.data).collect::<Vec<_>>(), [7, 8, 5]);
    world.encoder.force_keyframe();
    let (unit, _) = world.step(false);
    assert_eq!(nal_types(&unit.data).collect::<Vec<_>>(), [7, 8, 6, 5]);
    assert_eq!(world.lossy.kept(), world.encoder.kept().pending);
    world.encoder.keep_pictures(None);
    world.run(10);
    world.encoder.force_keyframe();
    let (unit, _) = world.step(false);
    assert_eq!(nal_types(&unit.data).collect::<Vec<_>>(), [7, 8, 5]);
    assert_eq!((world.encoder.kept(), world.lossy.kept()), (KeptPictures::default(), None));
}

#[test]
fn frame_numbers_wrap() {
    let mut world = World::new((48, 32), true);
    for _ in 0..110 {
        world.run(300);
        world.lose(3);
        world.encoder.recover();
        let (unit, shown) = world.step(false);
        assert_eq!((shown, unit.keyframe), (Ok(()), false), "{}", world.n);
    }
}
