//! device

pub mod audio;
#[cfg(feature = "gui")]
pub mod sound;
pub mod tone;
pub mod wavfile;
