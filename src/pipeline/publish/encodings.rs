//! The encodings of one source: the first in full size, each further one, for weaker paths, with half the sides of the one
//! before; and which output gets which.
//!
//! Invariant: an output that gets another encoding begins with a keyframe of that.

use super::{Output, PublishStats, Wishes};
use crate::call::budget::ENCODINGS;

/// What is wanted of one encoding, and what became of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Encoding {
    pub bitrate_bps: u32,
    pub keyframe: bool,
    /// All but what was captured.
    pub stats: PublishStats,
}

/// All of them; only those with outputs are made.
pub(super) type Encodings = [Encoding; ENCODINGS];

/// Each at so many bits a second.
pub(super) fn all_at(bitrate_bps: u32) -> Encodings {
    let stats = PublishStats { target_bps: bitrate_bps, ..PublishStats::default() };
    [Encoding { bitrate_bps, keyframe: false, stats }; ENCODINGS]
}

/// What is counted, of an encoding; or how much more than that an output has seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts([u64; 4]);

impl Counts {
    fn of(stats: &PublishStats) -> Self {
        Self([stats.frames, stats.dropped, stats.keyframes, stats.bytes])
    }

    fn combine(self, other: Self, by: fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|n| by(self.0[n], other.0[n])))
    }
}

impl Wishes {
    /// Outputs that get this encoding.
    pub fn outputs_of(&self, encoding: usize) -> impl Iterator<Item = &Output> {
        self.outputs.iter().filter(move |output| output.encoding == encoding)
    }

    /// Gives an output another encoding, beginning with a keyframe of it. Its counts go on from where they were.
    pub fn place(&mut self, id: u64, encoding: usize) {
        let placed = self.outputs.iter_mut().find(|output| output.id == id && output.encoding != encoding);
        let (Some(output), true) = (placed, encoding < ENCODINGS) else { return };
        let [before, after] = [output.encoding, encoding].map(|of| Counts::of(&self.encodings[of].stats));
        output.more = output.more.combine(before, u64::wrapping_add).combine(after, u64::wrapping_sub);
        (output.encoding, output.waiting, output.receiver.kept) = (encoding, true, None);
        self.encodings[encoding].keyframe = true;
    }

    /// Figures as this output sees them; without one, those of the first encoding.
    pub fn stats_of(&self, id: Option<u64>) -> PublishStats {
        let output = self.outputs.iter().find(|output| Some(output.id) == id);
        let mut stats = self.encodings[output.map_or(0, |output| output.encoding)].stats;
        let more = output.map(|output| output.more).unwrap_or_default();
        let Counts([frames, dropped, keyframes, bytes]) = Counts::of(&stats).combine(more, u64::wrapping_add);
        (stats.frames, stats.dropped, stats.keyframes, stats.bytes) = (frames, dropped, keyframes, bytes);
        stats.captured = self.captured;
        stats
    }

    /// Wishes for a keyframe of what this output gets; of everything, where there is no such output.
    pub fn want_keyframe(&mut self, id: Option<u64>) {
        let output = self.outputs.iter().find(|output| Some(output.id) == id);
        match output.map(|output| output.encoding) {
            Some(encoding) => self.encodings[encoding].keyframe = true,
            None => self.encodings.iter_mut().for_each(|encoding| encoding.keyframe = true),
        }
    }
}
