//! The controller and the pacer on links as they are. Times are virtual: what is asserted does not depend on the machine.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::controller::{Controller, Limits};
use super::history::{Departure, Report};
use super::simulation::{Call, Shared, Transfer, Weather, run};

const FEEDBACK: f64 = 0.025;

fn alone(source: f64, seconds: f64, weather: impl Fn(f64) -> Weather) -> Call {
    let mut calls = [Call::new(Instant::now(), source, FEEDBACK)];
    run(weather, &mut calls, &mut [], seconds);
    let [call] = calls;
    call
}

#[test]
fn it_is_at_full_rate_soon_after_the_start() {
    let call = alone(2.5e6, 6.0, |_| Weather::default());
    let took = call.reaches(0.9 * 2.5e6, 0.0);
    assert!(took <= 1.0, "0.3 → 2.25 Mbit/s took {took:.2} s");
    let worst = call.sound_delay(1.0, 0.0, 6.0);
    assert!(worst < 0.060, "sound waited {worst:.3} s for a probe");
}

#[test]
fn a_link_is_used_and_its_queue_kept_short() {
    for (rate, least, most) in [(4e6, 0.96, 0.028), (1e6, 0.96, 0.036), (500e3, 0.95, 0.042), (150e3, 0.85, 0.080)] {
        let call = alone(5e6, 40.0, |_| Weather { rate, ..Weather::default() });
        let share = call.all(10.0, 40.0) / rate;
        assert!(share > least, "{rate}: {share:.3} used");
        let late = call.sound_delay(0.95, 10.0, 40.0);
        assert!(late < most, "{rate}: one packet of sound in twenty took {late:.3} s, and 0.02 on an empty link");
    }
}

#[test]
fn pictures_leave_swiftly_only_where_nothing_waits_behind_them() {
    for (rate, jitter, range) in [(50e6, 0.0, 3.0..4.1), (1e6, 0.0, 0.9..1.2), (50e6, 0.030, 0.9..1.2)] {
        let call = alone(2.5e6, 20.0, |_| Weather { rate, jitter, ..Weather::default() });
        let times = call.swiftness();
        assert!(range.contains(&times), "{times:.2} times the estimate on {rate} ± {jitter}");
    }
}

#[test]
fn sound_reckons_with_little_at_once_and_with_more_where_nothing_speaks_against_it() {
    // Hardly any pictures: nothing finds out what the path carries.
    let quiet = alone(100e3, 5.0, |_| Weather::default());
    assert!(quiet.believed(0.5) < 400e3 && quiet.believed(5.0) >= 1e6);
    let narrow = alone(2.5e6, 5.0, |_| Weather { rate: 150e3, ..Weather::default() });
    assert!(narrow.believed(5.0) < 160e3, "{}", narrow.believed(5.0));
}

#[test]
fn a_narrow_link_is_known_by_its_first_queue() {
    // 880 kbit/s into a link of 150, whose queue takes 200 ms and drops the rest.
    let (origin, mut clock) = (Instant::now(), 0.0);
    let limits = Limits { start: 1e6, feedback: Duration::from_millis(50), ..Limits::default() };
    let mut controller = Controller::new(origin, limits);
    let (mut packets, mut free, mut reported): (Vec<(f64, Option<f64>)>, f64, usize) = (Vec::new(), 0.0, 0);
    let at = |seconds: f64| origin + Duration::from_secs_f64(seconds);
    for n in 0..60_u16 {
        clock = f64::from(n) * 0.010;
        controller.sent(Departure { ssrc: 1, sequence: n, size: 1_100, at: at(clock) });
        let arrives = (free - clock < 0.200).then(|| free.max(clock) + 1_100.0 * 8.0 / 150e3);
        free = arrives.unwrap_or(free);
        packets.push((clock, arrives.map(|arrives| arrives + 0.020)));
        if n % 5 == 4 {
            let arrived = |packet: &(f64, Option<f64>)| packet.1.is_some_and(|arrival| arrival + 0.020 <= clock);
            let known = packets.iter().rposition(arrived).map_or(0, |newest| newest + 1);
            let reports = (reported..known).map(|n| Report {
                ssrc: 1,
                sequence: n as u16,
                size: 1_100,
                departure: at(packets[n].0),
                arrival: packets[n].1.map(Duration::from_secs_f64),
            });
            controller.reported(at(clock), &reports.collect::<Vec<_>>());
            reported = reported.max(known);
        }
    }
    let estimate = controller.estimate();
    assert!(estimate < 170e3, "{estimate:.0} bit/s after {clock:.1} s");
}

#[test]
fn a_drop_and_its_end_are_followed() {
    let weather = |t: f64| Weather { rate: if (10.0..30.0).contains(&t) { 0.5e6 } else { 4e6 }, ..Weather::default() };
    let call = alone(5e6, 45.0, weather);
    let back = call.reaches(0.9 * 4e6, 30.0);
    assert!(back <= 1.2, "{back:.2} s until nine tenths were used again");
    let share = call.all(12.0, 30.0) / 0.5e6;
    assert!(share > 0.90, "{share:.3} of the narrow link used");
    // What stood in the link's own queue when it became narrow is nobody's to take back.
    assert!(call.sound_delay(0.95, 10.0, 12.0) < 0.230);
    assert!(call.sound_delay(0.95, 12.0, 30.0) < 0.080);
}

#[test]
fn random_loss_costs_no_rate() {
    let free = alone(2.5e6, 30.0, |_| Weather { delay: 0.050, ..Weather::default() }).rate(10.0, 30.0);
    for loss in [0.02, 0.05, 0.10] {
        let call = alone(2.5e6, 30.0, |_| Weather { loss, delay: 0.050, ..Weather::default() });
        // Of pictures, what arrived the first time.
        let kept = call.rate(10.0, 30.0) / (free * (1.0 - loss));
        assert!(kept > 0.98, "{loss}: {kept:.3} kept");
    }
}

#[test]
fn a_transfer_beside_it_gets_its_share_and_leaves_it_its_own() {
    // A call that could use all of the path, and one that could not.
    for (source, cubic) in [(5e6, false), (5e6, true), (2.5e6, false), (2.5e6, true)] {
        let mut calls = [Call::new(Instant::now(), source, FEEDBACK)];
        let mut transfers = [if cubic { Transfer::cubic(5.0) } else { Transfer::new(5.0) }];
        run(|_| Weather::default(), &mut calls, &mut transfers, 65.0);
        let (call, file) = (calls[0].all(20.0, 65.0) / 4e6, transfers[0].rate(20.0, 65.0) / 4e6);
        assert!(call > 0.42 && file > 0.42, "call {call:.2}, transfer {file:.2}");
    }
}

#[test]
fn two_calls_share_a_link() {
    for (delay, later) in [(0.010, 0.013), (0.020, 10.005), (0.050, 10.014)] {
        let origin = Instant::now();
        let mut calls = [Call::new(origin, 5e6, FEEDBACK), Call::new(origin, 5e6, FEEDBACK).later(later)];
        run(|_| Weather { delay, ..Weather::default() }, &mut calls, &mut [], 70.0);
        let (one, two) = (calls[0].all(30.0, 70.0) / 4e6, calls[1].all(30.0, 70.0) / 4e6);
        assert!(one > 0.38 && two > 0.38, "{one:.2} and {two:.2} with {delay} s one way");
    }
}

#[test]
fn peers_behind_one_uplink_share_it_evenly_and_stay_where_they_are() {
    for (peers, later) in [(2, 0.013), (2, 10.005), (3, 5.005)] {
        let (origin, shared) = (Instant::now(), Rc::<RefCell<Shared>>::default());
        let call = |n: u64| Call::new(origin, 2.5e6, FEEDBACK).sharing(n, &shared).later(later * n as f64);
        let mut calls: Vec<Call> = (0..peers).map(call).collect();
        // Wide enough for all, then not, then again.
        let weather =
            |t: f64| Weather { rate: if (30.0..70.0).contains(&t) { 2e6 } else { 20e6 }, ..Weather::default() };
        run(weather, &mut calls, &mut [], 110.0);
        let rates: Vec<f64> = calls.iter().map(|call| call.all(35.0, 70.0) / 2e6 * peers as f64).collect();
        let (least, most) = rates.iter().fold((f64::MAX, 0.0_f64), |(a, b), rate| (a.min(*rate), b.max(*rate)));
        assert!(least > 0.6 && most < 1.2 * least, "{rates:?} of an even share");
        assert!(calls.iter().all(|call| call.rate(90.0, 110.0) > 0.9 * 2.5e6), "wide again");
        for call in &calls {
            let seconds: Vec<f64> = (40..70).map(|n| call.all(f64::from(n), f64::from(n + 1))).collect();
            let mean = seconds.iter().sum::<f64>() / 30.0;
            assert!(seconds.iter().all(|rate| (0.5..1.5).contains(&(rate / mean))), "it swings: {seconds:?}");
        }
        let Shared { moves, most, .. } = &*shared.borrow();
        assert!(*moves <= 2 * peers as usize && *most <= 1.0, "{moves} moves, {most} asked");
    }
}

#[test]
fn a_delay_that_wanders_is_no_queue() {
    for (rate, least) in [(4e6, 0.95), (2e6, 0.75), (1e6, 0.75)] {
        let call = alone(2.5e6, 40.0, |_| Weather { rate, jitter: 0.030, delay: 0.100, ..Weather::default() });
        let share = call.all(10.0, 40.0) / rate.min(2.5e6);
        assert!(share > least, "{rate}: {share:.3} used");
    }
}

#[test]
fn a_path_that_becomes_longer_is_no_queue() {
    let weather = |t: f64| Weather { delay: if t > 15.0 { 0.120 } else { 0.020 }, ..Weather::default() };
    let call = alone(2.5e6, 40.0, weather);
    let before = call.rate(5.0, 15.0);
    assert!(call.rate(20.0, 40.0) > 0.95 * before);
}

#[test]
fn an_outage_is_survived() {
    let weather = |t: f64| Weather { rate: if (10.0..15.0).contains(&t) { 0.0 } else { 4e6 }, ..Weather::default() };
    let call = alone(2.5e6, 30.0, weather);
    let back = call.reaches(0.9 * 2.5e6, 15.0);
    assert!(back <= 0.8, "{back:.2} s until nine tenths were used again");
}

#[test]
fn a_machine_that_does_something_else_now_and_then_is_no_congestion() {
    for source in [0.2e6, 2.5e6] {
        for (hang, every) in [(0.050, 0.31), (0.120, 0.53), (0.250, 1.07)] {
            let weather = |t: f64| Weather { hangs: t > 3.0 && t % every < hang, ..Weather::default() };
            let call = alone(source, 30.0, weather);
            let least = call.least / source;
            assert!(least > 0.9, "{least:.2} of {source} bit/s while it hung for {hang} s every {every} s");
        }
    }
}
