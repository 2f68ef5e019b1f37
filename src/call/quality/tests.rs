//! Faults of a simulated path are named within five seconds, in virtual time, and a good half hour shows nothing.

use super::*;
use crate::model::quality::{Side, Trouble, Verdict, Way};

/// What the path does.
#[derive(Debug, Clone, Copy)]
struct Weather {
    up_loss: f64,
    down_loss: f64,
    up_bps: u64,
    /// What they say their upload carries, where it is too little.
    word: Word,
    rtt: f64,
    up_jitter: f64,
    down_jitter: f64,
    up_dead: bool,
    down_dead: bool,
    fps: u64,
    /// Pictures of ours that the encoder left out, and the time it takes for one, ms.
    left_out: u64,
    encode_ms: f64,
    /// Packets a second, each way.
    packets: u64,
}

const FINE: Weather = Weather {
    up_loss: 0.001,
    down_loss: 0.001,
    up_bps: 2_500_000,
    word: Word { narrow_bps: None, paused: false, busy: false },
    rtt: 40.0,
    up_jitter: 4.0,
    down_jitter: 4.0,
    up_dead: false,
    down_dead: false,
    fps: 30,
    left_out: 0,
    encode_ms: 6.0,
    packets: 250,
};

struct World {
    watch: Watch,
    seen: Seen,
    now: Instant,
    dice: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let up = Sending { wanted_bps: 2_500_000, height: 720, ..Sending::default() };
        let seen = Seen { up, moves: true, ..Seen::default() };
        let mut world = Self { watch: Watch::default(), seen, now: Instant::now(), dice: seed * 2 + 1 };
        world.watch.see(world.now, &seen);
        world
    }

    fn roll(&mut self) -> f64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) as f64 / (1u64 << 31) as f64
    }

    /// Of so many packets those lost, and in how many runs; `burst`: so many at once.
    fn lose(&mut self, packets: u64, share: f64, burst: u64) -> (u64, u64) {
        let (mut lost, mut runs, mut row) = (burst, u64::from(burst > 0), false);
        for _ in 0..packets {
            let gone = self.roll() < share;
            lost += u64::from(gone);
            runs += u64::from(gone && !row);
            row = gone;
        }
        (lost, runs)
    }

    /// One second, of which so much is as `weather` says, and the rest well.
    fn second(&mut self, weather: &Weather, part: f64, burst: u64) {
        let Weather { packets, .. } = *weather;
        let (up, down) = (self.lose(packets, part * weather.up_loss, burst), (packets, part * weather.down_loss));
        let down = self.lose(down.0, down.1, burst);
        let wander = 1.0 + 0.2 * self.roll();
        let Seen { up: sending, down: receiving, rtt_ms, word, .. } = &mut self.seen;
        sending.packets += packets;
        sending.frames += 30 - weather.left_out;
        sending.dropped += weather.left_out;
        sending.encode_ms = weather.encode_ms;
        (sending.carries_bps, sending.jitter_ms) = (weather.up_bps, Some(weather.up_jitter * wander));
        if !weather.up_dead && !weather.down_dead {
            (sending.told, sending.lost, sending.runs) =
                (sending.told + packets, sending.lost + up.0, sending.runs + up.1);
            sending.bytes += weather.up_bps.min(2_400_000) / 8;
            *rtt_ms = Some(weather.rtt * wander);
        }
        if !weather.down_dead {
            receiving.arrived += packets + 20 - down.0;
            (receiving.due, receiving.lost, receiving.runs) =
                (receiving.due + packets, receiving.lost + down.0, receiving.runs + down.1);
            receiving.bytes += 250_000;
            receiving.jitter_ms = Some(weather.down_jitter * wander);
            receiving.frames += weather.fps;
            receiving.samples += 48_000;
        }
        *word = weather.word;
        self.now += Duration::from_secs(1);
        assert!(self.watch.see(self.now, &self.seen));
    }

    fn run(&mut self, weather: &Weather, seconds: u32) {
        (0..seconds).for_each(|_| self.second(weather, 1.0, 0));
    }

    fn verdict(&self) -> Verdict {
        verdicts(&[self.watch.finding()])[0]
    }

    fn said(&self) -> String {
        self.verdict().sentence("Amara").unwrap_or_default()
    }
}

/// After how many seconds the first word is said, what then, and what later; the fault begins within a second, not with it.
fn named(weather: Weather, seed: u64) -> (u32, Trouble, String) {
    let mut world = World::new(seed);
    world.run(&FINE, 20);
    assert_eq!(world.verdict(), Verdict::default());
    world.second(&weather, 0.3, 0);
    let mut first = None;
    for second in 1..=30 {
        world.run(&weather, 1);
        let trouble = world.verdict().trouble;
        first = first.or(trouble.map(|trouble| (second, trouble)));
        if let Some((_, first)) = first {
            let now = trouble.unwrap_or_else(|| panic!("it flickers after {second} s: {weather:?}"));
            let same = std::mem::discriminant(&first.cause) == std::mem::discriminant(&now.cause);
            assert!(
                same && first.way == now.way && first.side == now.side,
                "first {first:?}, after {second} s {now:?}"
            );
        }
    }
    let (second, trouble) = first.unwrap_or_else(|| panic!("nothing is said of {weather:?}"));
    let said = world.said();
    let mut quiet = 0;
    while world.verdict().trouble.is_some() {
        world.run(&FINE, 1);
        quiet += 1;
        assert!(quiet <= 9, "it is still said: {}", world.said());
    }
    world.run(&FINE, 60);
    assert_eq!(world.verdict(), Verdict::default());
    (second, trouble, said)
}

/// The same for several throws of the dice: named in time, always.
fn always(weather: Weather, wanted: impl Fn(&Trouble, &str) -> bool) {
    for seed in 1..=60 {
        let (second, trouble, said) = named(weather, seed);
        assert!(second <= 4, "after {second} s: {said}");
        assert!(wanted(&trouble, &said), "{trouble:?}: {said}");
    }
}

fn percent(said: &str) -> u32 {
    let (before, _) = said.split_once(" %").unwrap();
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn loss_on_the_way_up_is_our_upload() {
    for (loss, range) in [(0.02, 1..=3), (0.07, 5..=9), (0.15, 12..=18)] {
        always(Weather { up_loss: loss, ..FINE }, |trouble, said| {
            trouble.way == Way::Up
                && trouble.side == Side::Yours
                && said.starts_with("Your upload loses ")
                && said.ends_with("probably Wi-Fi; their side is fine")
                && range.contains(&percent(said))
        });
    }
}

#[test]
fn loss_on_the_way_down_is_our_download() {
    for (loss, range) in [(0.02, 1..=3), (0.07, 5..=9), (0.15, 12..=18)] {
        always(Weather { down_loss: loss, ..FINE }, |trouble, said| {
            trouble.way == Way::Down
                && said.starts_with("Your download loses ")
                && said.contains("probably Wi-Fi")
                && said.ends_with("your upload is fine")
                && range.contains(&percent(said))
        });
    }
}

#[test]
fn heavy_loss_is_worse_than_a_little() {
    let quality = |loss: f64| {
        let mut world = World::new(3);
        world.run(&Weather { up_loss: loss, ..FINE }, 20);
        world.verdict().up
    };
    assert_eq!((quality(0.02), quality(0.10)), (Quality::Fair, Quality::Poor));
}

#[test]
fn a_narrow_upload_is_named_with_what_it_carries() {
    // What is too much gets lost, after it waited in a queue.
    let narrow = Weather { up_bps: 148_000, rtt: 160.0, up_loss: 0.03, ..FINE };
    always(narrow, |_, said| {
        said == "Your upload carries only 150 kbit/s, probably a slow or busy line; their side is fine"
    });
}

#[test]
fn a_narrow_download_is_known_by_their_word() {
    let word = Word { narrow_bps: Some(150_000), ..Word::default() };
    let narrow = Weather { word, down_loss: 0.03, rtt: 160.0, ..FINE };
    always(narrow, |trouble, said| {
        trouble.way == Way::Down && said.starts_with("Your download carries only 150 kbit/s")
    });
    let word = Word { narrow_bps: Some(60_000), paused: true, busy: false };
    let paused = Weather { word, fps: 0, ..FINE };
    always(paused, |_, said| said == "They paused their video to keep the sound: your download carries only 60 kbit/s");
}

#[test]
fn a_paused_picture_is_one_sentence() {
    let mut world = World::new(1);
    world.run(&FINE, 10);
    world.seen.up.paused = true;
    world.run(&Weather { up_bps: 60_000, ..FINE }, 5);
    assert_eq!(world.said(), "Video paused to keep the sound: your upload carries only 60 kbit/s");
    assert_eq!(world.verdict().up, Quality::Poor);
    let marks: Vec<_> = world.watch.history().marks().collect();
    assert_eq!(marks, [(4, Mark::Paused)]);
}

#[test]
fn loss_that_comes_with_delay_is_a_full_line() {
    // It carries enough for a picture, but others fill it.
    let busy = Weather { up_loss: 0.05, up_bps: 1_200_000, rtt: 240.0, ..FINE };
    let mut world = World::new(5);
    world.run(&FINE, 20);
    world.run(&busy, 5);
    assert!(world.said().starts_with("Your upload carries only 1.2 Mbit/s"), "{}", world.said());
}

#[test]
fn a_long_way_is_named() {
    always(Weather { rtt: 400.0, ..FINE }, |trouble, said| {
        trouble.way == Way::Both
            && said.starts_with("Answers take ")
            && ["400", "450", "500"].iter().any(|ms| said.contains(ms))
    });
}

#[test]
fn jitter_is_named_by_its_way() {
    always(Weather { up_jitter: 36.0, ..FINE }, |trouble, said| {
        trouble.way == Way::Up && said.starts_with("Your upload is uneven: packets come 40 ms early or late")
    });
    always(Weather { down_jitter: 36.0, ..FINE }, |trouble, said| {
        trouble.way == Way::Down && said.starts_with("Your download is uneven")
    });
}

#[test]
fn an_outage_is_named_and_what_comes_after_it_is_not() {
    always(Weather { down_dead: true, up_bps: 40_000, fps: 0, ..FINE }, |trouble, said| {
        trouble.way == Way::Both && said.starts_with("Nothing comes from Amara any more")
    });
    always(Weather { up_dead: true, ..FINE }, |trouble, said| {
        trouble.way == Way::Up && said.starts_with("Nothing you send arrives any more")
    });
}

#[test]
fn a_call_of_sound_alone_is_judged_too() {
    let mut world = World::new(2);
    let sound = Weather { packets: 50, fps: 0, ..FINE };
    world.seen.moves = false;
    world.run(&sound, 300);
    assert_eq!(world.verdict(), Verdict::default());
    world.run(&Weather { up_loss: 0.07, ..sound }, 5);
    assert!(world.said().starts_with("Your upload loses"), "{}", world.said());
}

#[test]
fn a_slow_camera_and_a_busy_computer_are_no_fault_of_the_network() {
    always(Weather { fps: 5, ..FINE }, |_, said| {
        said == "The picture of Amara comes 5 times a second: a slow camera or computer there; the network is fine"
    });
    let word = Word { busy: true, ..Word::default() };
    always(Weather { word, fps: 5, ..FINE }, |_, said| said.starts_with("Amara’s computer is too busy"));
    let mut world = World::new(1);
    world.run(&FINE, 5);
    world.run(&Weather { left_out: 10, encode_ms: 48.0, ..FINE }, 5);
    assert!(world.watch.word().busy, "{:?}", world.watch.finding());
    assert!(world.said().starts_with("Your computer is too busy"), "{}", world.said());
}

#[test]
fn a_picture_made_smaller_for_the_computer_is_told_to_both_sides_for_as_long() {
    let mut world = World::new(1);
    world.run(&FINE, 5);
    (world.seen.up.spared, world.seen.up.height) = (true, 360);
    world.run(&FINE, 2);
    assert_eq!(world.said(), "This computer is too busy: your picture is sent smaller");
    assert!(world.watch.word().busy, "they are told that it is no fault of the network");
    assert!(world.watch.history().marks().any(|(_, mark)| mark == Mark::Smaller(360)));
    (world.seen.up.spared, world.seen.up.height) = (false, 720);
    world.run(&FINE, 2);
    assert_eq!((world.verdict(), world.watch.word()), (Verdict::default(), Word::default()));
}

#[test]
fn a_good_half_hour_shows_nothing() {
    for seed in 1..=40 {
        let mut world = World::new(seed);
        let (mut burst_at, mut left) = (40, 0);
        for second in 0..1800 {
            // Now and then twenty packets at once, some of them in the next second.
            let mut burst = std::mem::take(&mut left);
            if second == burst_at {
                (burst, left) = if world.roll() < 0.1 { (10, 10) } else { (20, 0) };
                burst_at += 30 + (60.0 * world.roll()) as u32;
            }
            // A machine that does something else for a moment, a probe that found less.
            let odd = world.roll() < 0.01;
            let rtt = if odd { 350.0 } else { 40.0 };
            let jitter = if odd { 30.0 } else { 3.0 + 5.0 * world.roll() };
            let up_bps = if odd { 300_000 } else { 2_500_000 };
            let weather = Weather { rtt, up_bps, up_jitter: jitter, down_jitter: jitter, ..FINE };
            world.second(&weather, 1.0, burst);
            assert_eq!(world.verdict(), Verdict::default(), "seed {seed}, second {second}: {}", world.said());
        }
    }
}

#[test]
fn loss_in_bursts_is_named_once_it_is_seen_to_last() {
    let mut world = World::new(7);
    world.run(&FINE, 20);
    for second in 0..10 {
        // Eight at once, most seconds.
        world.second(&FINE, 1.0, if second % 3 == 2 { 0 } else { 8 });
    }
    assert!(world.said().starts_with("Your connection loses"), "{}", world.said());
}

#[test]
fn the_figure_is_calm() {
    let mut world = World::new(9);
    world.run(&FINE, 10);
    let (mut said, mut changes) = (String::new(), 0);
    for _ in 0..120 {
        world.run(&Weather { up_loss: 0.07, ..FINE }, 1);
        if world.said() != said {
            (said, changes) = (world.said(), changes + 1);
        }
    }
    assert!(changes <= 8, "{changes} sentences in two minutes");
}

#[test]
fn with_three_peers_the_one_or_oneself_is_named() {
    let finding = |weather: &Weather, seed: u64| {
        let mut world = World::new(seed);
        world.run(&FINE, 10);
        world.run(weather, 6);
        world.watch.finding()
    };
    let (up, down) = (Weather { up_loss: 0.07, ..FINE }, Weather { down_loss: 0.07, ..FINE });
    let told = |weathers: [&Weather; 3]| {
        let findings: Vec<_> = weathers.iter().zip(1..).map(|(weather, seed)| finding(weather, seed)).collect();
        verdicts(&findings).iter().map(|v| v.sentence("Amara").unwrap_or_default()).collect::<Vec<_>>()
    };
    let one = told([&FINE, &down, &FINE]);
    assert!(one[0].is_empty() && one[2].is_empty());
    assert!(one[1].starts_with("Amara’s upload loses") && one[1].ends_with("your side is fine"), "{}", one[1]);
    assert!(told([&up, &FINE, &FINE])[0].starts_with("Amara’s download loses"));
    assert!(told([&down; 3]).iter().all(|said| said.starts_with("Your download loses") && !said.contains("theirs")));
    assert!(told([&up; 3]).iter().all(|said| said.starts_with("Your upload loses")));
    let both = Weather { up_loss: 0.07, ..down };
    assert!(
        told([&both; 3]).iter().all(|said| said.starts_with("Your connection loses") && said.contains("both ways"))
    );
}

#[test]
fn the_history_has_a_point_a_second_and_marks() {
    let mut world = World::new(4);
    world.run(&FINE, 130);
    let history = world.watch.history();
    let newest = history.points().back().copied().unwrap();
    assert_eq!((history.points().len(), newest.up_bps, newest.down_bps), (120, 2_400_000, 2_000_000));
    assert!(newest.rtt_ms.is_some_and(|ms| (40..50).contains(&ms)) && newest.up_lost.is_some());
    world.seen.up.height = 360;
    world.run(&Weather { up_bps: 400_000, ..FINE }, 1);
    world.seen.down.freezes += 2;
    world.run(&FINE, 1);
    world.watch.reconnected();
    let marks: Vec<_> = world.watch.history().marks().map(|(_, mark)| mark).collect();
    assert_eq!(marks, [Mark::Smaller(360), Mark::Froze, Mark::Reconnected]);
}

#[test]
fn a_machine_that_is_late_does_not_blame_the_network() {
    let mut world = World::new(6);
    world.run(&FINE, 10);
    for _ in 0..20 {
        world.now += Duration::from_millis(200);
        world.run(&Weather { up_jitter: 40.0, down_jitter: 60.0, rtt: 400.0, ..FINE }, 1);
        assert_eq!(world.verdict(), Verdict::default(), "{}", world.said());
    }
}

#[test]
fn time_that_jumps_is_nobodys_fault() {
    let mut world = World::new(4);
    world.run(&FINE, 10);
    world.now += Duration::from_secs(3600);
    assert!(!world.watch.see(world.now, &world.seen));
    world.run(&FINE, 10);
    assert_eq!(world.verdict(), Verdict::default());
    assert!(!world.watch.see(world.now + Duration::from_millis(100), &world.seen));
}
