//! What pictures are worth.

/// What a picture of this size is worth at most, bit/s; more is hardly seen.
pub fn top(width: u32, height: u32) -> u64 {
    match width * height {
        0..=230_400 => 1_000_000,
        230_401..=921_600 => 2_500_000,
        _ => 4_500_000,
    }
}
