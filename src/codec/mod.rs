//! codec

pub mod opus;
