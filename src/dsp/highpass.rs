//! Takes out what lies below any voice: rumble, steps on the floor, a hand on the table, a direct current.
//!
//! Butterworth, second order: nothing to speak of is lost at 100 Hz and above, 12 dB an octave below.

use std::f64::consts::{SQRT_2, TAU};

use crate::model::sound::{RATE, Tick};

/// Where half the power goes, Hz.
pub const CORNER: f64 = 75.0;

/// The filter of one channel.
#[derive(Debug, Clone)]
pub struct HighPass {
    forward: [f64; 3],
    back: [f64; 2],
    past: [f64; 2],
}

impl Default for HighPass {
    fn default() -> Self {
        let turn = TAU * CORNER / f64::from(RATE);
        // Q = 1/√2.
        let (cos, alpha) = (turn.cos(), turn.sin() / SQRT_2);
        let whole = 1.0 + alpha;
        let side = (1.0 + cos) / 2.0 / whole;
        Self { forward: [side, -2.0 * side, side], back: [-2.0 * cos / whole, (1.0 - alpha) / whole], past: [0.0; 2] }
    }
}

impl HighPass {
    /// Filters 10 ms. What is no number would stay for ever; it counts as silence.
    pub fn process(&mut self, tick: &mut Tick) {
        let ([b0, b1, b2], [a1, a2]) = (self.forward, self.back);
        for sample in tick.iter_mut() {
            let x = if sample.is_finite() { f64::from(*sample) } else { 0.0 };
            let y = b0 * x + self.past[0];
            self.past = [b1 * x - a1 * y + self.past[1], b2 * x - a2 * y];
            *sample = y as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::tone::{Sine, tone_level};
    use crate::model::sound::SILENCE;

    #[test]
    fn rumble_goes_and_the_voice_stays() {
        for (hertz, least, most) in
            [(0.0, -400.0, -60.0), (25.0, -42.0, -38.0), (120.0, -21.0, -20.0), (1_000.0, -20.1, -19.9)]
        {
            let (mut filter, mut sine, mut out) = (HighPass::default(), Sine::new(hertz, -20.0), Vec::new());
            for _ in 0..200 {
                let mut tick = SILENCE;
                sine.fill(&mut tick);
                if hertz == 0.0 {
                    tick = [0.1; 480];
                }
                filter.process(&mut tick);
                out.extend_from_slice(&tick);
            }
            let level = tone_level(&out[48_000..], hertz).unwrap_or(-199.0);
            assert!(level > least && level < most, "{hertz} Hz: {level}");
        }
    }
}
