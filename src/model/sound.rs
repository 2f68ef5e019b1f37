//! The one raw sound format inside the program: mono `f32`, full scale ±1, 48 kHz, in ticks of 10 ms.

/// Samples a second, everywhere between the edges.
pub const RATE: u32 = 48_000;

/// Samples in one tick of 10 ms: what sources give and sinks take at a time.
pub const TICK: usize = 480;

/// 10 ms of sound.
pub type Tick = [f32; TICK];

/// A tick of digital silence.
pub const SILENCE: Tick = [0.0; TICK];
