//! Floor 2: sound as numbers. Synchronous, no clock, no thread; time is an argument.
//!
//! Everything here works on mono `f32` at 48 kHz in ticks of 10 ms ([`crate::model::sound`]); [`resample`] and
//! [`wav`] are where other rates and formats come in and go out.

pub mod channels;
pub mod clips;
pub mod comfort;
pub mod drift;
pub mod echo;
pub mod highpass;
pub mod jitter;
pub mod level;
pub mod levelling;
pub mod limiter;
pub mod mix;
pub mod playout;
pub mod replay;
pub mod resample;
pub mod score;
pub mod speech;
pub mod stretch;
pub mod tone;
pub mod trouble;
pub mod voice;
pub mod wav;
