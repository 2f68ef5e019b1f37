//! Takes out of what the microphone hears what comes from our own speaker: WebRTC's AEC3, by the crate `sonora-aec3`.
//!
//! The crate `sonora` wraps the same canceller and takes for granted how fast the sound in a room dies away: in a hall
//! (RT60 0.8 s) it leaves ten times as much of it. Here that is learnt, beginning with a hall, so that nothing is heard
//! of the echo before it is known. How long the sound is on its way it finds by itself within a second, up to half a
//! second; until then everything at the level of an echo is taken for one, so that it acts from the first tick on. To be
//! told the delay made no difference in any room.
//!
//! Invariants: a tick for a tick, about 6 ms later; costs the same whatever is heard.

use sonora::three_band_filter_bank::{FULL_BAND_SIZE, NUM_BANDS, SPLIT_BAND_SIZE, ThreeBandFilterBank};
use sonora_aec3::block::Block;
use sonora_aec3::block_processor::BlockProcessor;
use sonora_aec3::config::EchoCanceller3Config;

use crate::model::sound::{RATE, TICK, Tick};

/// Samples of one band in a block: 4 ms of 16 kHz.
const BLOCK: usize = 64;
/// The canceller counts in samples of 16 bit.
const SCALE: f32 = 32_768.0;
/// Blocks of the path that are modelled: 72 ms. More of it learns more slowly, and costs more.
const PATH: usize = 18;
/// Full scale, of 16 bit, as near as it is taken for clipped.
const CLIPPED: f32 = 32_700.0;

// A tick is what the filter bank takes.
const _: () = assert!(TICK == FULL_BAND_SIZE);

/// One 10 ms signal on its way into blocks: three bands of 16 kHz.
struct Bands {
    bank: ThreeBandFilterBank,
    split: [[f32; SPLIT_BAND_SIZE]; NUM_BANDS],
    waiting: [Vec<f32>; NUM_BANDS],
}

impl Bands {
    fn new() -> Self {
        let waiting = std::array::from_fn(|_| Vec::with_capacity(2 * SPLIT_BAND_SIZE));
        Self { bank: ThreeBandFilterBank::new(), split: [[0.0; SPLIT_BAND_SIZE]; NUM_BANDS], waiting }
    }

    fn push(&mut self, tick: &Tick) {
        self.bank.analysis(tick, &mut self.split);
        for (waiting, split) in self.waiting.iter_mut().zip(&self.split) {
            waiting.extend_from_slice(split);
        }
    }

    /// The next block, once one is whole.
    fn pop(&mut self, block: &mut Block) -> bool {
        if self.waiting[0].len() < BLOCK {
            return false;
        }
        for (band, waiting) in self.waiting.iter_mut().enumerate() {
            block.view_mut(band, 0).copy_from_slice(&waiting[..BLOCK]);
            waiting.drain(..BLOCK);
        }
        true
    }
}

/// The canceller of one microphone and one speaker.
pub struct Echo {
    canceller: BlockProcessor,
    speaker: Bands,
    microphone: Bands,
    block: Block,
    done: [Vec<f32>; NUM_BANDS],
    bank: ThreeBandFilterBank,
}

impl Default for Echo {
    fn default() -> Self {
        Self::new()
    }
}

impl Echo {
    /// One that has learnt nothing.
    pub fn new() -> Self {
        Self {
            canceller: BlockProcessor::new(&config(), RATE as usize, 1, 1),
            speaker: Bands::new(),
            microphone: Bands::new(),
            block: Block::new(NUM_BANDS, 1),
            // A block is whole half a tick late at most.
            done: std::array::from_fn(|_| vec![0.0; BLOCK]),
            bank: ThreeBandFilterBank::new(),
        }
    }

    /// Hears what goes to the speaker.
    pub fn hear_speaker(&mut self, tick: &Tick) {
        self.speaker.push(&tick.map(|s| s * SCALE));
        while self.speaker.pop(&mut self.block) {
            self.canceller.buffer_render(&self.block);
        }
    }

    /// Takes the echo out of the next 10 ms of the microphone.
    pub fn process(&mut self, tick: &mut Tick) {
        let loud = tick.map(|s| s * SCALE);
        let clipped = loud.iter().any(|s| s.abs() >= CLIPPED);
        self.microphone.push(&loud);
        while self.microphone.pop(&mut self.block) {
            self.canceller.process_capture(false, clipped, None, &mut self.block);
            for (band, done) in self.done.iter_mut().enumerate() {
                done.extend_from_slice(self.block.view(band, 0));
            }
        }
        let mut split = [[0.0; SPLIT_BAND_SIZE]; NUM_BANDS];
        for (split, done) in split.iter_mut().zip(&mut self.done) {
            // There by construction: a tick brings as much as it takes, and a block was there from the start.
            let ready = done.len().min(SPLIT_BAND_SIZE);
            split[..ready].copy_from_slice(&done[..ready]);
            done.drain(..ready);
        }
        self.bank.synthesis(&split, tick);
        tick.iter_mut().for_each(|s| *s /= SCALE);
    }
}

fn config() -> EchoCanceller3Config {
    let mut config = EchoCanceller3Config::default();
    let filter = &mut config.filter;
    filter.refined.length_blocks = PATH;
    filter.coarse.length_blocks = PATH;
    filter.refined_initial.length_blocks = PATH;
    // Below zero: how fast the rest of the path dies away is learnt, beginning with this share a block: a large hall.
    config.ep_strength.default_len = -0.98;
    // Somebody who speaks in the room is found sooner and kept longer, and what is left of the echo may then be as strong
    // as their voice hides: it is the voice that counts.
    let suppressor = &mut config.suppressor;
    let near = &mut suppressor.dominant_nearend_detection;
    (near.enr_threshold, near.snr_threshold, near.trigger_threshold, near.hold_duration) = (0.5, 15.0, 6, 80);
    let (low, high) = (&mut suppressor.nearend_tuning.mask_lf, &mut suppressor.nearend_tuning.mask_hf);
    (low.enr_transparent, low.enr_suppress) = (4.0, 5.0);
    (high.enr_transparent, high.enr_suppress) = (0.5, 1.0);
    // Brings what does not fit together into its range; these do.
    config.validate();
    config
}
