//! What was decoded and is heard next, with a little of what was heard before it: the one place where sound is stretched.

use crate::dsp::stretch;
use crate::model::sound::{TICK, Tick};

/// Sound as it is played.
#[derive(Debug)]
struct Strand {
    /// [`stretch::PAST`] samples that were heard, then those that are not.
    samples: Vec<f32>,
}

impl Default for Strand {
    fn default() -> Self {
        Self { samples: vec![0.0; stretch::PAST] }
    }
}

impl Strand {
    fn pull(&mut self, out: &mut Tick) {
        out.copy_from_slice(&self.samples[stretch::PAST..stretch::PAST + TICK]);
        self.samples.drain(..TICK);
    }
}

/// The middle, which decides, and the side, as long, to which the same is done.
#[derive(Debug, Default)]
pub(super) struct Ready {
    middle: Strand,
    side: Strand,
}

impl Ready {
    /// Samples that are not heard yet.
    pub(super) fn len(&self) -> usize {
        self.middle.samples.len() - stretch::PAST
    }

    /// Appends; both are as long.
    pub(super) fn push(&mut self, middle: &[f32], side: &[f32]) {
        self.middle.samples.extend_from_slice(middle);
        self.side.samples.extend_from_slice(side);
    }

    /// Appends silence.
    pub(super) fn push_silence(&mut self, samples: usize) {
        for strand in [&mut self.middle, &mut self.side] {
            strand.samples.resize(strand.samples.len() + samples, 0.0);
        }
    }

    /// Takes the next 10 ms, which must be there.
    pub(super) fn pull(&mut self, middle: &mut Tick, side: &mut Tick) {
        self.middle.pull(middle);
        self.side.pull(side);
    }

    /// Takes one period out and returns how many samples; 0 where it would be heard, unless `urgent`, and where fewer than
    /// [`stretch::NEEDED`] are there.
    pub(super) fn shrink(&mut self, urgent: bool) -> usize {
        let period = stretch::shrink(&mut self.middle.samples, stretch::PAST, urgent);
        stretch::shrink_by(&mut self.side.samples, stretch::PAST, period);
        period
    }

    /// Plays the last period once more and returns how many samples; 0 where it would be heard, unless `urgent`.
    pub(super) fn expand(&mut self, urgent: bool) -> usize {
        let period = stretch::expand(&mut self.middle.samples, stretch::PAST, urgent);
        stretch::expand_by(&mut self.side.samples, stretch::PAST, period);
        period
    }
}
