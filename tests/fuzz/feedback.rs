//! What a receiver says of the packets that left (transport-wide feedback): of any packet, at any time, as often as it
//! likes.
//!
//! Written as bytes of four: what happens, which packet, and a time.

use std::time::{Duration, Instant};

use visavis::rtc::congestion::controller::{Controller, Limits};
use visavis::rtc::congestion::history::{Departure, Report};
use visavis::rtc::congestion::pacer::{Class, Pacer};

pub fn reports() -> Vec<Vec<u8>> {
    let steps = |what: &[u8]| (0..60_u8).flat_map(|n| [what[usize::from(n) % what.len()], n / 2, 0, 20]).collect();
    vec![steps(&[0, 1, 0, 2]), steps(&[0, 0, 3, 0x81]), steps(&[0, 1, 4])]
}

pub fn read(input: &[u8]) {
    let begin = Instant::now();
    let limits = Limits::default();
    let (mut now, mut controller, mut pacer) = (begin, Controller::new(begin, limits), Pacer::new(begin));
    for step in input.chunks_exact(4) {
        let (what, sequence) = (step[0], u16::from(step[1]));
        let time = Duration::from_millis(u64::from(u16::from_be_bytes([step[2], step[3]])));
        match what & 7 {
            0 => {
                pacer.push(Class::Picture, sequence, 1100);
                now += time.min(Duration::from_secs(2));
            }
            1 | 2 => {
                // An hour back, or as it was; arrived at any time, or not at all.
                let departure = if what & 0x80 == 0 { now } else { begin };
                let arrival = (what & 7 == 1).then_some(time * if what & 0x40 == 0 { 1 } else { 100_000 });
                controller.reported(now, &[Report { ssrc: 1, sequence, size: 1100, departure, arrival }]);
            }
            3 => pacer.owe(usize::from(what) * 100),
            4 => controller.set_wanted(time.as_secs_f64() * 1e6),
            _ => now += time,
        }
        controller.tick(now);
        while let Some((_, sequence)) = pacer.poll(now, &mut controller) {
            controller.sent(Departure { ssrc: 1, sequence, size: 1100, at: now });
        }
        pacer.collapsed(now, &mut controller);
        let (estimate, pace) = (controller.estimate(), controller.pace(now));
        assert!((limits.least..=limits.most).contains(&estimate), "{estimate}");
        assert!((0.0..=2.0 * limits.most).contains(&pace), "{pace}");
        assert!(controller.round_trip().is_none_or(|seconds| (0.0..1e6).contains(&seconds)));
        assert!(pacer.deadline(now, &controller).is_none_or(|at| at >= now));
    }
}
