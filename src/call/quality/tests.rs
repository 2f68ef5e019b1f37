//! Faults of a simulated path are named within five seconds (`faults`), in virtual time, and a good half hour shows nothing.

mod faults;
mod world;

use super::*;
use crate::model::quality::{Side, Trouble, Verdict, Way};
use world::{FINE, Weather, World};

/// When it all begins.
fn origin() -> Instant {
    Instant::now()
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
fn a_paused_picture_is_one_sentence() {
    let mut world = World::new(1);
    world.run(&FINE, 10);
    world.run(&Weather { up_bps: 60_000, paused: true, ..FINE }, 5);
    assert_eq!(world.said(), "Video paused to keep the sound: your upload carries only 60 kbit/s");
    assert_eq!(world.verdict().up, Quality::Poor);
    let marks: Vec<_> = world.watch.history().marks().collect();
    assert_eq!(marks, [(4, Mark::Paused)]);
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
fn a_picture_made_smaller_for_the_computer_is_told_to_both_sides_for_as_long() {
    let mut world = World::new(1);
    world.run(&FINE, 5);
    world.seen.up.height = 360;
    world.run(&Weather { spared: true, ..FINE }, 2);
    assert_eq!(world.said(), "This computer is too busy: your picture is sent smaller");
    assert!(world.watch.word().busy, "they are told that it is no fault of the network");
    assert!(world.watch.history().marks().any(|(_, mark)| mark == Mark::Smaller(360)));
    world.seen.up.height = 720;
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
            let mut burst = (std::mem::take(&mut left), 0);
            if second == burst_at {
                (burst.1, left) = if world.roll() < 0.1 { (10, 10) } else { (20, 0) };
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

/// Two hiccups may come close to each other by chance: a link that has one a minute, without any order, is blamed once in half an
/// hour at most.
#[test]
fn hiccups_once_a_minute_are_seldom_taken_for_more() {
    let (mut told, half_hours) = (0, 40);
    for seed in 1..=half_hours {
        let (mut world, mut before) = (World::new(seed), false);
        for _ in 0..1800 {
            let burst = if world.roll() < 1.0 / 60.0 { 12 } else { 0 };
            world.second(&FINE, 1.0, (0, burst));
            let now = world.verdict().trouble.is_some();
            told += u64::from(now && !before);
            before = now;
        }
    }
    assert!(told <= half_hours, "{told} times in {half_hours} half hours");
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
