//! pipeline

pub mod audio;
