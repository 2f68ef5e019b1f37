//! How loud it is.

use std::collections::VecDeque;

use crate::model::snapshot::Level;

/// Ticks the RMS looks back: a tenth of a second.
const RMS_TICKS: usize = 10;
/// Ticks the peak is held: a second and a half.
const PEAK_TICKS: usize = 150;
/// What a meter shows as its lowest, dBFS.
const FLOOR: f64 = -60.0;

/// dBFS of an amplitude (1.0 is 0 dBFS); `None` for digital silence.
pub fn dbfs(amplitude: f32) -> Option<f64> {
    (amplitude > 0.0).then(|| 20.0 * f64::from(amplitude).log10())
}

/// The root of the mean square; 0 where there is nothing.
pub fn rms(samples: &[f32]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
}

/// The largest amplitude; 0 where there is nothing.
pub fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |most, s| most.max(s.abs()))
}

/// A meter fed with one tick after the other.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    squares: VecDeque<f32>,
    peaks: VecDeque<f32>,
}

impl Meter {
    /// One that has heard nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hears a tick. A sample that is no number counts as silence.
    pub fn hear(&mut self, tick: &[f32]) {
        let loud = rms(tick);
        let loud = if loud.is_finite() { loud } else { 0.0 };
        self.squares.push_back(loud * loud);
        self.peaks.push_back(peak(tick).min(f32::MAX));
        while self.squares.len() > RMS_TICKS {
            self.squares.pop_front();
        }
        while self.peaks.len() > PEAK_TICKS {
            self.peaks.pop_front();
        }
    }

    /// RMS of the last tenth of a second, dBFS; `None` for digital silence.
    pub fn rms_dbfs(&self) -> Option<f64> {
        let mean = self.squares.iter().sum::<f32>() / self.squares.len().max(1) as f32;
        dbfs(mean.sqrt())
    }

    /// The reading for a meter on the screen.
    pub fn level(&self) -> Level {
        let peak = dbfs(self.peaks.iter().fold(0.0, |most, p| most.max(*p)));
        Level { rms: whole(self.rms_dbfs()), peak: whole(peak) }
    }
}

fn whole(dbfs: Option<f64>) -> i8 {
    dbfs.unwrap_or(FLOOR).clamp(FLOOR, 0.0).round() as i8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::tone::Sine;
    use crate::model::sound::SILENCE;

    #[test]
    fn a_sine_at_minus_twenty_reads_minus_twenty() {
        let mut meter = Meter::new();
        let mut sine = Sine::new(1000.0, -20.0);
        let mut tick = SILENCE;
        for _ in 0..20 {
            sine.fill(&mut tick);
            meter.hear(&tick);
        }
        assert!((meter.rms_dbfs().unwrap() + 20.0).abs() < 0.1);
        assert_eq!(meter.level(), Level { rms: -20, peak: -17 });
    }

    #[test]
    fn rms_forgets_after_a_tenth_of_a_second_and_the_peak_after_one_and_a_half() {
        let mut meter = Meter::new();
        meter.hear(&[1.0; 480]);
        for _ in 0..10 {
            meter.hear(&SILENCE);
        }
        assert_eq!(meter.rms_dbfs(), None);
        assert_eq!(meter.level(), Level { rms: -60, peak: 0 });
        for _ in 0..140 {
            meter.hear(&SILENCE);
        }
        assert_eq!(meter.level(), Level::default());
    }

    #[test]
    fn what_is_no_number_does_not_stick() {
        let mut meter = Meter::new();
        meter.hear(&[f32::NAN; 480]);
        meter.hear(&[f32::INFINITY; 480]);
        for _ in 0..150 {
            meter.hear(&SILENCE);
        }
        assert_eq!(meter.level(), Level::default());
    }
}
