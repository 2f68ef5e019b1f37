//! What happened within each of the last seconds.

use std::collections::VecDeque;

use super::{Flow, LOSS, Seen};

/// Seconds remembered, the first of them only to know what is usual.
const KEPT: usize = 130;
/// Over so many of them loss is judged.
const JUDGED: usize = 10;
/// Loss is judged over at least so many seconds, and so many packets.
const LEAST: (usize, u64) = (3, 150);
/// What a good path loses, a share; a burst more than that, and what chance adds to it in so many deviations.
const NOISE: f64 = 0.0015;
const BURSTS: f64 = 2.0;
const DEVIATIONS: f64 = 4.0;
/// Runs outside the worst second.
const REST: u64 = 5;
/// Or so many bursts, the second number where they come now and then on this path, in so many seconds: what gets lost in bursts
/// has few runs.
const MANY: (u64, u64, usize) = (2, 3, 5);
/// Now and then: so many in the two minutes before.
const SELDOM: std::ops::RangeInclusive<u64> = 1..=4;
/// Or so many seconds of so many that lost so much, at least so many packets.
const BAD: (usize, usize, f64, u64) = (4, 8, 0.016, 4);
/// What is whole again is so over so many packets, and had no burst for so many seconds.
const WHOLE: (u64, usize) = (400, 7);
/// Answers that take so much longer than the quickest of those wait in a queue, ms.
const QUEUE: f64 = 60.0;

/// Whoever looks once a second and comes after this was kept from it, seconds.
const LATE: f64 = 1.1;

/// One way, within a second.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OneWay {
    pub packets: u64,
    pub lost: u64,
    pub runs: u64,
    pub bursts: u64,
    pub bps: u64,
    pub jitter_ms: Option<f64>,
}

impl OneWay {
    fn between(before: &Flow, now: &Flow, seconds: f64) -> Self {
        let since = |of: fn(&Flow) -> u64| of(now).saturating_sub(of(before));
        Self {
            packets: since(|flow| flow.packets),
            lost: since(|flow| flow.lost),
            runs: since(|flow| flow.runs),
            bursts: since(|flow| flow.bursts),
            bps: (since(|flow| flow.bytes) as f64 * 8.0 / seconds) as u64,
            jitter_ms: now.jitter_ms,
        }
    }
}

/// Both, within a second.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Second {
    pub up: OneWay,
    pub down: OneWay,
    pub rtt_ms: Option<f64>,
    /// It was over too late: our own machine was busy, and what came unevenly may have waited here.
    pub late: bool,
    /// Packets that left, and packets of any kind that came.
    pub sent: u64,
    pub arrived: u64,
    /// Pictures that came, a second; whether some left.
    pub fps: f64,
    pub pictures_out: bool,
    pub froze: bool,
    /// Share of the sound that was made up.
    pub concealed: f64,
    /// Share of the time the encoder worked, and of the pictures it left out.
    pub encoder: f64,
    pub left_out: f64,
}

impl Second {
    pub fn between(before: &Seen, now: &Seen, seconds: f64) -> Self {
        let since = |of: fn(&Seen) -> u64| of(now).saturating_sub(of(before));
        let share = |part: u64, all: u64| if all > 0 { part as f64 / all as f64 } else { 0.0 };
        let (frames, dropped) = (since(|s| s.up.frames), since(|s| s.up.dropped));
        Self {
            up: OneWay::between(&before.up.flow, &now.up.flow, seconds),
            down: OneWay::between(&before.down.flow, &now.down.flow, seconds),
            rtt_ms: now.rtt_ms,
            late: seconds > LATE,
            sent: since(|s| s.up.left),
            arrived: since(|s| s.down.arrived),
            fps: since(|s| s.down.frames) as f64 / seconds,
            pictures_out: frames > 0,
            froze: since(|s| s.down.freezes) > 0,
            concealed: share(since(|s| s.down.concealed), since(|s| s.down.samples)),
            encoder: now.up.encode_ms * frames as f64 / seconds / 1000.0,
            left_out: share(dropped, frames + dropped),
        }
    }
}

/// The last of them.
#[derive(Debug, Default)]
pub(super) struct Seconds(VecDeque<Second>);

impl Seconds {
    pub fn push(&mut self, second: Second) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(second);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The share lost, where it goes on being lost: over as many seconds as it has lasted.
    ///
    /// What is lost by chance has many runs; a burst, however large, is one, and goes on only with the next.
    pub fn loss(&self, way: impl Fn(&Second) -> &OneWay) -> Option<f64> {
        let bursts = |second: &Second| way(second).bursts;
        let before = self.0.iter().rev().skip(JUDGED).map(bursts).sum();
        let many = if SELDOM.contains(&before) { MANY.1 } else { MANY.0 };
        let (mut all, mut most, mut bad, mut share) = (OneWay::default(), 0, 0, None);
        for (n, second) in self.0.iter().rev().take(JUDGED).map(&way).enumerate() {
            all.packets += second.packets;
            all.lost += second.lost;
            all.runs += second.runs;
            all.bursts += if n < MANY.2 { second.bursts } else { 0 };
            most = most.max(second.runs);
            let much = second.lost >= BAD.3 && second.lost as f64 >= BAD.2 * second.packets as f64;
            bad += usize::from(much && n < BAD.1);
            if n + 1 < LEAST.0 || all.packets < LEAST.1 || second.runs == 0 {
                continue;
            }
            let noise = NOISE * all.packets as f64;
            let by_chance = all.runs as f64 >= BURSTS + noise + DEVIATIONS * noise.sqrt() && all.runs - most >= REST;
            let lost = all.lost as f64 / all.packets as f64;
            if (by_chance || all.bursts >= many || bad >= BAD.0) && lost >= LOSS.0 {
                share = Some(lost);
            }
        }
        share
    }

    /// Whether next to nothing was lost in the last seconds, and nothing in bursts for some more.
    pub fn is_whole(&self, way: impl Fn(&Second) -> &OneWay) -> bool {
        let lately = || self.0.iter().rev().map(&way);
        let (mut packets, mut lost) = (0, 0);
        for (n, second) in lately().enumerate() {
            packets += second.packets;
            lost += second.lost;
            if n + 1 >= LEAST.0 && packets >= WHOLE.0 {
                break;
            }
        }
        lost as f64 <= LOSS.2 * packets as f64 + 1.0 && lately().take(WHOLE.1).all(|second| second.bursts == 0)
    }

    /// The quickest answer of the last three seconds, ms: what is slow for a moment only is not.
    pub fn round_trip(&self) -> Option<f64> {
        let lately = self.0.iter().rev().take(LEAST.0).map(|s| s.rtt_ms);
        lately.collect::<Option<Vec<_>>>().filter(|all| all.len() == LEAST.0)?.into_iter().reduce(f64::min)
    }

    /// Whether our own machine kept us waiting lately.
    pub fn is_late(&self) -> bool {
        self.0.iter().rev().take(LEAST.0).any(|second| second.late)
    }

    /// Whether answers of the last so many seconds took longer than they did in the last two minutes: a queue stands somewhere.
    pub fn is_crowded(&self, seconds: usize) -> bool {
        let quickest = self.0.iter().filter_map(|s| s.rtt_ms).reduce(f64::min);
        let lately = self.0.iter().rev().take(seconds).filter_map(|s| s.rtt_ms).reduce(f64::min);
        lately.zip(quickest).is_some_and(|(lately, quickest)| lately - quickest > QUEUE)
    }
}
