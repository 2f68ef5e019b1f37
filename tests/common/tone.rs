//! How loud a tone is in what was heard.

use visavis::dsp::tone::tone_level;

/// Median level of a tone over tenths of a second (48 kHz), dBFS; very low for none.
///
/// A piece made up in place of a late one, and clocks that are brought together, move the tone within its wave. Nobody
/// hears that, but over a whole second the parts before and behind it cancel.
pub fn level(samples: &[f32], hertz: f64) -> f64 {
    let mut levels: Vec<f64> = samples.chunks_exact(4_800).map(|c| tone_level(c, hertz).unwrap_or(-200.0)).collect();
    levels.sort_by(f64::total_cmp);
    levels.get(levels.len() / 2).copied().unwrap_or(-200.0)
}
