//! Floor 2: encoders, decoders and pixel work.
//!
//! Synchronous processor work on values: no clock, no thread, no device. [`h264`] is the picture's codec, `opus` the
//! sound's; [`colour`] and [`scale`] bring what cameras deliver into the one form this program works with (I420, BT.601,
//! limited range, even sides); [`timecode`] writes the time into a picture and reads it back.
//!
//! Invariant: whatever comes from a network or a device may be wrong in any way; it is answered by an error, never by a
//! panic.

pub mod colour;
pub mod h264;
pub mod opus;
pub mod scale;
pub mod timecode;
