//! How sound is sent to one peer: at how many bits a second, in packets of which length, with how many copies (RFC 2198),
//! with how much error correction inside. Pure: time is an argument, what is given and what is lost come from outside.
//!
//! Copies are cheap (a packet of speech is a twentieth of a picture) and bring back nearly everything, so they come early
//! and go late; error correction inside Opus is for what they leave, for it takes bits from the sound itself.

use std::time::{Duration, Instant};

use super::ptime::{self, Ptime};
use super::red::DEEPEST;
use super::sound::Sound;

/// Least for speech, bits a second.
pub const LEAST_BPS: u32 = 16_000;
/// Most for speech: more is not heard.
pub const MOST_BPS: u32 = 64_000;

/// Most of it with no, one and two copies: speech is still clear, and a path that loses packets is not flooded.
const WITH_COPIES: [u32; DEEPEST + 1] = [MOST_BPS, 40_000, 32_000];

/// Part of what the path gives that is for the sound.
const SHARE: u64 = 16;
/// More loss than this: one copy; …
const SOME: f64 = 0.003;
/// … two …
const MUCH: f64 = 0.01;
/// … where the path gives as much as this, bits a second.
const ROOM: u64 = 200_000;
/// How much the loss follows a report that says more, and one that says less (reports come once or twice a second): up
/// within a second, down over half a minute.
const UP: f64 = 0.5;
const DOWN: f64 = 0.04;
/// Without a word for so long, what was said before holds no longer.
const OLD: Duration = Duration::from_secs(30);
/// Loss to be ready for before anybody said something: what Wi-Fi often has.
const UNKNOWN: f64 = 0.05;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Bits a second of Opus, without copies.
    pub bps: u32,
    /// Copies in each packet, 0…[`DEEPEST`].
    pub copies: usize,
    /// Loss that Opus itself is to be ready for, percent.
    pub loss_percent: u8,
    /// Sound in each packet, ms.
    pub packet_ms: u8,
}

/// What one peer says of our sound.
#[derive(Debug, Clone, Default)]
pub struct Protection {
    loss: f64,
    told: Option<Instant>,
    ptime: Ptime,
}

impl Protection {
    /// A report: this share of our sound was lost, 0…1.
    pub fn on_report(&mut self, now: Instant, lost: f64) {
        let lost = if lost.is_finite() { lost.clamp(0.0, 1.0) } else { 0.0 };
        match self.told {
            None => self.loss = lost,
            Some(_) => self.loss += (lost - self.loss) * if lost > self.loss { UP } else { DOWN },
        }
        self.told = Some(now);
    }

    /// The plan, where the path gives this much for everything (bits a second) and loses this share by itself, without a
    /// queue that is full (`None`: not known); and the peer wishes for this.
    pub(crate) fn plan(&mut self, now: Instant, given_bps: u64, random_loss: Option<f64>, wish: &Sound) -> Plan {
        let fresh = self.told.is_some_and(|told| now.saturating_duration_since(told) < OLD);
        let loss = if fresh { self.loss } else { UNKNOWN };
        // Where there is little room, copies would only fill the queue that what was lost was lost in.
        let loss = random_loss.filter(|_| given_bps < ROOM).map_or(loss, |own| own.min(loss));
        let copies = match loss {
            _ if wish.red.is_none() || loss <= SOME => 0,
            // Nobody has said anything yet: the first words are not to be lost.
            _ if !fresh || loss <= MUCH || given_bps < ROOM => 1,
            _ => DEEPEST,
        };
        let left = loss.powi(1 + copies as i32);
        let bps = u32::try_from(given_bps / SHARE).unwrap_or(MOST_BPS).clamp(LEAST_BPS, WITH_COPIES[copies]);
        Plan {
            // A wish for less than speech can be made of is no wish.
            bps: bps.min(wish.most_bps.unwrap_or(MOST_BPS).max(6_000)),
            copies,
            loss_percent: (left * 100.0 - 1e-6).ceil().clamp(0.0, 100.0) as u8,
            packet_ms: ptime::within(self.ptime.choose(now, given_bps), &wish.packet_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(red: bool, most_bps: Option<u32>) -> Sound {
        Sound { red: red.then_some(63), most_bps, ..Sound::default() }
    }

    fn after(reports: impl IntoIterator<Item = f64>) -> (Protection, Instant) {
        let (mut protection, mut now) = (Protection::default(), Instant::now());
        for lost in reports {
            now += Duration::from_secs(1);
            protection.on_report(now, lost);
        }
        (protection, now)
    }

    #[test]
    fn copies_come_with_loss_and_go_with_it() {
        let copies = |reports: Vec<f64>| {
            let (mut protection, now) = after(reports);
            protection.plan(now, 1_000_000, None, &wish(true, None)).copies
        };
        assert_eq!(copies(vec![]), 1);
        assert_eq!(copies(vec![0.0]), 0);
        assert_eq!(copies(vec![0.0, 0.01]), 1);
        // 2 % of 50 packets a second, as reports say it.
        assert_eq!(copies([0.0, 0.04, 0.0, 0.02].repeat(5)), 2);
        assert_eq!(copies(vec![0.1, 0.1, 0.1]), 2);
        let calm = |seconds| [vec![0.1], vec![0.0; seconds]].concat();
        assert_eq!((copies(calm(10)), copies(calm(70)), copies(calm(120))), (2, 1, 0));
    }

    #[test]
    fn a_narrow_path_gets_less_of_everything() {
        let (protection, now) = after([0.1; 5]);
        let plan = |given, red| protection.clone().plan(now, given, None, &wish(red, None));
        assert_eq!(plan(2_500_000, true), Plan { bps: 32_000, copies: 2, loss_percent: 1, packet_ms: 20 });
        assert_eq!((plan(2_500_000, false).bps, plan(500_000, true).bps), (64_000, 31_250));
        assert_eq!(plan(150_000, true), Plan { bps: 16_000, copies: 1, loss_percent: 1, packet_ms: 40 });
        assert_eq!(plan(150_000, false), Plan { bps: 16_000, copies: 0, loss_percent: 10, packet_ms: 40 });
        let asked = |given, most| protection.clone().plan(now, given, None, &wish(true, Some(most))).bps;
        assert_eq!((asked(u64::MAX, 20_000), asked(0, 0)), (20_000, 6_000));
    }

    #[test]
    fn what_a_full_queue_lost_gets_no_copies_where_there_is_little_room() {
        let (mut protection, now) = after([0.3, 0.1]);
        let mut copies = |given, own| protection.plan(now, given, own, &wish(true, None)).copies;
        assert_eq!((copies(120_000, Some(0.0)), copies(120_000, Some(0.05)), copies(120_000, None)), (0, 1, 1));
        assert_eq!(copies(1_000_000, Some(0.0)), 2);
    }

    #[test]
    fn who_says_nothing_is_protected_a_little() {
        let (mut protection, now) = after([0.0]);
        assert_eq!(protection.plan(now, 1_000_000, None, &wish(true, None)).copies, 0);
        assert_eq!(protection.plan(now + OLD, 1_000_000, None, &wish(true, None)).copies, 1);
        let (mut odd, now) = after([f64::NAN, 7.0]);
        assert_eq!(odd.plan(now, 1_000_000, None, &wish(true, None)).copies, 2);
    }
}
