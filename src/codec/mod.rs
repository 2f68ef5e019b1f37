//! Floor 2: encoders, decoders and pixel work.
//!
//! Synchronous processor work on values: no clock, no thread, no device. [`h264`] is the picture's codec, `opus` the
//! sound's; [`colour`] and [`scale`] bring what cameras deliver into the one form this program works with (I420, BT.601,
//! limited range, even sides); [`timecode`] writes the time into a picture and reads it back.
//!
//! Pictures are coded by the processor alone. A crate for hardware would stand behind the encoder's and decoder's calls in
//! [`h264`]; of those there were when this was written none is both well kept and built with Rust, a C compiler and make:
//! `cros-codecs` links libva, `shiguredo_video_toolbox` and `shiguredo_vpl` need libclang or CMake and the network, and those
//! that open the system's library when they run (`moq-vaapi`, `oxideav-videotoolbox`) call themselves unproven.
//!
//! Invariant: whatever comes from a network or a device may be wrong in any way; it is answered by an error, never by a
//! panic.

pub mod colour;
pub mod h264;
pub mod opus;
pub mod scale;
pub mod timecode;
