//! How many bits a second the video may take, from the loss the other side reports. Pure: time is an argument.
//!
//! Over 10 % loss: down by a factor of 0.85 a second. Otherwise up by 8 % a second, to the top for the picture's size.

use std::time::{Duration, Instant};

/// Never less than this, bit/s.
pub const LOWEST: u64 = 150_000;

const STEP: Duration = Duration::from_secs(1);
const MUCH_LOSS: f64 = 0.10;

/// What a picture of this size is worth at most, bit/s; also where to start.
pub fn top(width: u32, height: u32) -> u64 {
    match width * height {
        0..=230_400 => 1_000_000,
        230_401..=921_600 => 2_500_000,
        _ => 4_500_000,
    }
}

/// The rate towards one peer.
#[derive(Debug, Clone)]
pub struct Rate {
    bps: u64,
    top: u64,
    loss: f64,
    stepped: Instant,
}

impl Rate {
    /// Starts at the top.
    pub fn new(now: Instant, top: u64) -> Self {
        Self { bps: top, top, loss: 0.0, stepped: now }
    }

    /// The picture's size changed.
    pub fn set_top(&mut self, top: u64) {
        if self.bps == self.top {
            self.bps = top;
        }
        self.top = top;
        self.bps = self.bps.min(top);
    }

    /// The other side's last report: share of packets lost, 0…1.
    pub fn on_loss(&mut self, share: f64) {
        self.loss = share;
    }

    /// The rate at `now`; takes at most one step a second.
    pub fn at(&mut self, now: Instant) -> u64 {
        if now.saturating_duration_since(self.stepped) >= STEP {
            self.stepped = now;
            let factor = if self.loss > MUCH_LOSS { 0.85 } else { 1.08 };
            self.bps = ((self.bps as f64 * factor) as u64).clamp(LOWEST, self.top);
        }
        self.bps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_falls_under_loss_to_the_floor_and_recovers_to_the_top() {
        let start = Instant::now();
        let mut rate = Rate::new(start, top(1280, 720));
        assert_eq!(rate.at(start), 2_500_000);
        rate.on_loss(0.2);
        assert_eq!(rate.at(start + STEP), 2_125_000);
        assert_eq!(rate.at(start + STEP), 2_125_000);
        for s in 2..60 {
            rate.at(start + STEP * s);
        }
        assert_eq!(rate.at(start + STEP * 60), LOWEST);
        rate.on_loss(0.01);
        assert_eq!(rate.at(start + STEP * 61), 162_000);
        for s in 62..120 {
            rate.at(start + STEP * s);
        }
        assert_eq!(rate.at(start + STEP * 120), 2_500_000);
        rate.set_top(top(640, 360));
        assert_eq!(rate.at(start + STEP * 120), 1_000_000);
    }
}
