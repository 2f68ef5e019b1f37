//! In virtual time: pictures of 30 a second are captured, take a while, are pushed when they come and polled when due.

use super::*;
use crate::model::clock::SenderClocks;

const EPOCH: Duration = Duration::from_secs(3_900_000_000);

/// What was shown: number, how long after its capture (ms), how many it overtook, skew (ms).
type Shown = (u64, f64, u64, Option<f64>);

struct World {
    start: Instant,
    playout: Playout<u64>,
    shown: Vec<Shown>,
}

impl World {
    fn new() -> Self {
        Self { start: Instant::now(), playout: Playout::default(), shown: Vec::new() }
    }

    fn at(&self, ms: f64) -> Instant {
        self.start + Duration::from_secs_f64(ms / 1e3)
    }

    fn show(&mut self, now: Instant) {
        if let Some(due) = self.playout.poll(now) {
            let ms = |at: Instant| at.saturating_duration_since(self.start).as_secs_f64() * 1e3;
            let took = ms(now) - captured_ms(due.picture);
            self.shown.push((due.picture, took, due.overtaken, due.skew_ms));
        }
    }

    /// `took` of each picture, and how late its sound is, ms.
    fn run(
        &mut self,
        pictures: std::ops::Range<u64>,
        took: impl Fn(u64) -> f64,
        sound: impl Fn(u64) -> Option<f64>,
        reported: impl Fn(u64) -> bool,
    ) -> &[Shown] {
        self.shown.clear();
        let mut come: Vec<(f64, u64)> = pictures.map(|n| (captured_ms(n) + took(n), n)).collect();
        // In order, as the assembler gives them.
        for i in 1..come.len() {
            come[i].0 = come[i].0.max(come[i - 1].0);
        }
        for (i, (ms, n)) in come.iter().enumerate() {
            let now = self.at(*ms);
            let with = |other: usize| come.get(other).is_some_and(|(other, _)| (other - ms).abs() < 0.01);
            while let Some(due) = self.playout.deadline().filter(|due| *due <= now && !with(i.wrapping_sub(1))) {
                self.show(due);
            }
            let captured = EPOCH + Duration::from_secs_f64(captured_ms(*n) / 1e3);
            let at = self.at(captured_ms(*n) + sound(*n).unwrap_or_default());
            self.playout.set_sound(sound(*n).map(|_| Played { captured, at }));
            let media_time = Duration::from_secs(7) + Duration::from_secs_f64(captured_ms(*n) / 1e3);
            self.playout.push(now, *n, media_time, reported(*n).then_some(captured));
            // What comes in the same moment is pushed before anything is shown.
            if !with(i + 1) {
                self.show(now);
            }
        }
        while let Some(due) = self.playout.deadline() {
            self.show(due);
        }
        &self.shown
    }
}

fn captured_ms(n: u64) -> f64 {
    n as f64 * 1e3 / 30.0
}

/// The same every time, 0…1.
fn chance(n: u64) -> f64 {
    let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 40) as f64 / (1u64 << 24) as f64
}

fn p(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share) as usize]
}

#[test]
fn on_a_free_path_every_picture_is_shown_at_once() {
    let mut world = World::new();
    let took = |n| 20.0 + chance(n) * 8.0;
    for sound in [None, Some(20.0), Some(50.0)] {
        let shown = world.run(0..300, took, |_| sound, |_| true).to_vec();
        assert_eq!(shown.len(), 300);
        assert!(shown.iter().all(|(n, ms, overtaken, _)| (ms - took(*n)).abs() < 1e-3 && *overtaken == 0));
        assert!(shown.iter().all(|shown| shown.3.is_some() == sound.is_some()));
    }
}

#[test]
fn pictures_come_with_sound_that_is_late() {
    let mut world = World::new();
    for late in [70.0, 90.0, 120.0] {
        let shown = world.run(0..150, |n| 22.0 + chance(n) * 6.0, |_| Some(late), |_| true);
        assert!(shown.iter().all(|shown| (shown.1 - late + 34.0).abs() < 1.0), "{late}: {shown:?}");
        assert!(shown.iter().all(|shown| (shown.3.unwrap() + 34.0).abs() < 1.0 && shown.2 == 0), "{shown:?}");
    }
}

#[test]
fn a_jitter_buffer_that_grows_is_followed_and_never_left_behind() {
    let mut world = World::new();
    // From 12 to 80 ms in three seconds, on top of packets of 20 ms, and back.
    let buffer = |n: u64| 20.0 + 12.0 + 68.0 * ((n.min(300 - n) as f64 - 30.0) / 90.0).clamp(0.0, 1.0);
    let shown = world.run(0..300, |n| 24.0 + chance(n) * 3.0, |n| Some(buffer(n)), |_| true).to_vec();
    assert_eq!(shown.len(), 300, "nothing is dropped");
    let mut skews: Vec<f64> = shown.iter().map(|shown| shown.3.unwrap().abs()).collect();
    assert!(p(&mut skews, 1.0) <= 40.0, "{skews:?}");
    let longest = shown.windows(2).map(|two| captured_ms(two[1].0) + two[1].1 - captured_ms(two[0].0) - two[0].1);
    assert!(longest.fold(0.0, f64::max) < 45.0, "they go on evenly");
    assert!(shown.last().unwrap().1 < 28.0, "and at once again when it is small");
}

#[test]
fn jitter_is_smoothed_where_a_little_is_enough() {
    // Packets take 100 ± 30 ms, and a picture is there with its last one. Gives the cost of smoothing, ms of the median,
    // and how uneven pictures are (mean distance of a gap from 33 ms) with and without it.
    let run = |packets: u64| {
        let took = |n: u64| 70.0 + (0..packets).map(|part| chance(n * 64 + part) * 60.0).fold(0.0, f64::max);
        let shown = World::new().run(0..900, took, |_| None, |_| false)[100..].to_vec();
        let overtaken: u64 = shown.iter().map(|shown| shown.2).sum();
        assert!(overtaken < 40, "only those that come together with the next: {overtaken}");
        let mut came = 0.0f64;
        let come: Vec<f64> = (0..900)
            .map(|n| {
                came = (captured_ms(n) + took(n)).max(came);
                came
            })
            .collect();
        let times = |of: &dyn Fn(&Shown) -> f64| -> (f64, f64) {
            let at: Vec<f64> = shown.iter().map(of).collect();
            let mut taken: Vec<f64> = shown.iter().zip(&at).map(|(shown, at)| at - captured_ms(shown.0)).collect();
            let uneven = shown
                .windows(2)
                .zip(at.windows(2))
                .map(|(two, at)| (at[1] - at[0] - captured_ms(two[1].0) + captured_ms(two[0].0)).abs());
            (p(&mut taken, 0.5), uneven.sum::<f64>() / at.len() as f64)
        };
        let (smooth, bare) = (times(&|shown| captured_ms(shown.0) + shown.1), times(&|shown| come[shown.0 as usize]));
        (smooth.0 - bare.0, smooth.1, bare.1)
    };
    for packets in [3, 5, 8, 12] {
        let (cost, smooth, bare) = run(packets);
        assert!((-1.0..=8.0).contains(&cost) && smooth <= bare, "{packets}: {cost} ms, {smooth} for {bare}");
        assert!(bare < 8.0 || smooth < 0.7 * bare, "{packets}: {smooth} for {bare}");
    }
    let (cost, smooth, bare) = run(1);
    assert!((-1.0..=4.0).contains(&cost) && smooth <= bare, "far apart: {cost} ms, {smooth} for {bare}");
}

#[test]
fn after_a_burst_the_newest_is_shown_at_once() {
    let mut world = World::new();
    // Ten pictures wait for a packet that was lost and come together.
    let took = |n: u64| if (100..110).contains(&n) { 20.0 + captured_ms(110 - n) } else { 25.0 };
    let shown = world.run(0..200, took, |_| Some(50.0), |_| true).to_vec();
    let after = shown.iter().find(|shown| shown.0 >= 100).unwrap();
    assert_eq!((after.0, after.2), (109, 9), "the others are overtaken");
    assert!((after.1 - took(109)).abs() < 1e-3, "{after:?}");
    assert!(shown.iter().filter(|shown| shown.0 >= 110).all(|shown| (shown.1 - 25.0).abs() < 1e-3));
    // And one that comes every second makes nothing wait.
    let shown = world.run(200..500, |n| stops(n, 30), |_| None, |_| true);
    assert!(shown.iter().filter(|shown| shown.0 % 30 >= 4).all(|shown| shown.1 < 25.1), "{shown:?}");
}

/// Every so many pictures one waits for a packet that is sent again, and those behind it with it; ms.
fn stops(n: u64, every: u64) -> f64 {
    if n % every < 4 { 25.0 + 130.0 - captured_ms(n % every) } else { 25.0 }
}

#[test]
fn where_pictures_stop_again_and_again_all_are_shown_later_and_evenly() {
    let mut world = World::new();
    let longest = |shown: &[Shown]| {
        let gap = |two: &[Shown]| captured_ms(two[1].0) + two[1].1 - captured_ms(two[0].0) - two[0].1;
        shown.windows(2).map(gap).fold(0.0, f64::max)
    };
    // Three times a second; the sound is early.
    let sound = |_| Some(45.0);
    let shown = world.run(0..600, |n| stops(n, 10), sound, |_| true).to_vec();
    assert!(longest(&shown[..60]) > 150.0, "they stop");
    assert!(longest(&shown[300..]) < 90.0, "{}", longest(&shown[300..]));
    assert!(shown[300..].iter().all(|shown| shown.1 < 25.0 + 135.0), "none later than the latest came");
    let mut took: Vec<f64> = shown[300..].iter().map(|shown| shown.1).collect();
    assert!(p(&mut took, 0.5) < 25.0 + 130.0 - 40.0, "and not later than it needs");
    // The sound is asked to wait: some of the 60 ms that pictures are later than it, for it does not here.
    assert!(world.playout.sound_wait() > Duration::from_millis(100), "{:?}", world.playout.sound_wait());
    // It is over: nothing waits any more, and nothing jumps.
    let shown = world.run(600..1_200, |_| 25.0, sound, |_| true).to_vec();
    assert!(longest(&shown) < 60.0);
    assert!(shown[400..].iter().all(|shown| shown.1 < 25.1) && world.playout.sound_wait().is_zero());
}

#[test]
fn sound_waits_for_pictures_that_are_held_until_nobody_notices() {
    let mut world = World::new();
    let mut later = 0.0;
    for from in (0..1_500).step_by(30) {
        let heard = 45.0 + later;
        world.run(from..from + 30, |n| stops(n, 10), |_| Some(heard), |_| true);
        later += (world.playout.sound_wait().as_secs_f64() * 1e3 - later) * 0.5; // as a jitter buffer follows
    }
    let shown = world.run(1_500..1_600, |n| stops(n, 10), |_| Some(45.0 + later), |_| true);
    let mut skews: Vec<f64> = shown.iter().map(|shown| shown.3.unwrap()).collect();
    assert!((25.0..45.0).contains(&p(&mut skews, 0.5)), "{skews:?}, the sound {later} ms later");
}

#[test]
fn what_is_not_known_steers_nothing() {
    let mut world = World::new();
    let at_once = |shown: &[Shown]| shown.iter().all(|shown| (shown.1 - 25.0).abs() < 1e-3 && shown.3.is_none());
    assert!(at_once(world.run(0..60, |_| 25.0, |_| Some(150.0), |_| false)), "no report of the picture");
    assert!(at_once(world.run(60..120, |_| 25.0, |_| None, |_| true)), "no sound");
    assert!(at_once(world.run(120..180, |_| 25.0, |_| Some(5_000.0), |_| true)), "clocks that make no sense");
    assert!(at_once(world.run(180..240, |_| 25.0, |_| Some(-5_000.0), |_| true)));
    // Sound that has stopped.
    let mut playout = Playout::default();
    playout.set_sound(Some(Played { captured: EPOCH, at: world.at(0.0) }));
    let (now, captured) = (world.at(1_200.0), EPOCH + Duration::from_millis(1_100));
    playout.push(now, 1, Duration::ZERO, Some(captured));
    assert_eq!(playout.poll(now).map(|due| due.skew_ms), Some(None));
}

#[test]
fn neither_wait_nor_number_has_no_limit() {
    let mut world = World::new();
    let shown = world.run(0..100, |_| 25.0, |_| Some(900.0), |_| true).to_vec();
    assert!(shown.iter().all(|shown| shown.1 <= 25.0 + 200.1), "{shown:?}");
    let mut playout = Playout::default();
    playout.set_sound(Some(Played { captured: EPOCH, at: world.at(900.0) }));
    let now = world.at(0.0);
    for n in 0..20u64 {
        playout.push(now, n, Duration::from_millis(n), Some(EPOCH));
        assert!(playout.poll(now).is_none_or(|due| due.picture < n), "the oldest gives way");
        assert!(playout.waiting.len() <= PICTURES);
    }
    assert_eq!(playout.clear(), PICTURES);
    assert_eq!((playout.deadline(), playout.poll(world.at(9_000.0))), (None, None));
}

#[test]
fn wraps_and_another_ssrc_change_nothing() {
    let (clocks, mut world) = (SenderClocks::default(), World::new());
    let ntp = |ms: f64| ((EPOCH.as_secs() as f64 * 1e3 + ms) / 1e3 * 2f64.powi(32)) as u64;
    let mut shown = Vec::new();
    for n in 0..200u64 {
        // The pictures' clock wraps after two seconds; at the fourth they begin anew under another SSRC.
        let (ssrc, base) = if n < 120 { (1, u32::MAX - 180_000) } else { (2, 5) };
        let rtp = base.wrapping_add((n * 3000) as u32);
        if n == 10 || n == 150 {
            clocks.tell(ssrc, 90_000, ntp(captured_ms(n)), rtp);
        }
        let captured = EPOCH + Duration::from_secs_f64(captured_ms(n) / 1e3);
        let sound = Played { captured, at: world.at(captured_ms(n) + 100.0) };
        world.playout.set_sound(Some(sound));
        let now = world.at(captured_ms(n) + 30.0);
        while let Some(due) = world.playout.deadline().filter(|due| *due <= now) {
            world.show(due);
        }
        world.playout.push(now, n, Duration::from_micros(n * 33_333), clocks.captured(ssrc, rtp));
        world.show(now);
        shown.append(&mut world.shown);
    }
    for (n, ms, ..) in shown {
        let known = (10..120).contains(&n) || n >= 150;
        let wanted = if known { 66.0 } else { 30.0 };
        assert!((ms - wanted).abs() < 1.5, "picture {n}: {ms}");
    }
}
