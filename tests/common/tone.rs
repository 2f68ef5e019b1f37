//! How loud a tone is in what was heard.

use std::path::Path;

use visavis::dsp::tone::tone_level;

/// From here on a tone is heard, dBFS.
pub const HEARD: f64 = -30.0;

/// All that was played into a file, as it has it by now: one of its two channels.
pub fn played(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let samples = bytes.get(44..).unwrap_or_default().as_chunks::<4>().0; // two channels of 16 bits
    samples.iter().map(|frame| f32::from(i16::from_le_bytes([frame[0], frame[1]])) / 32_768.0).collect()
}

/// The first tenth of a second without this tone that the next lacks too. One alone may cancel itself out where the tone
/// moves within its wave; a gap lasts longer.
pub fn gap(samples: &[f32], hertz: u32) -> Option<usize> {
    let low = |part: &[f32]| tone_level(part, hertz.into()).is_none_or(|level| level < HEARD);
    let lows: Vec<_> = samples.chunks_exact(4_800).map(low).collect();
    lows.windows(2).position(|two| two == [true, true])
}

/// Median level of a tone over tenths of a second (48 kHz), dBFS; very low for none.
///
/// A piece made up in place of a late one, and clocks that are brought together, move the tone within its wave. Nobody
/// hears that, but over a whole second the parts before and behind it cancel.
pub fn level(samples: &[f32], hertz: f64) -> f64 {
    let mut levels: Vec<f64> = samples.chunks_exact(4_800).map(|c| tone_level(c, hertz).unwrap_or(-200.0)).collect();
    levels.sort_by(f64::total_cmp);
    levels.get(levels.len() / 2).copied().unwrap_or(-200.0)
}
