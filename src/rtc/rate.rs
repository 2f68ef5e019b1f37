//! What pictures are worth.

/// What a picture is worth at most that is shown so high (pixels; `None`: in full), bit/s; 0 where it is not shown.
pub fn shown(height: Option<u32>) -> u64 {
    match height {
        Some(0) => 0,
        Some(1..=200) => 350_000,
        Some(201..=400) => 1_000_000,
        _ => u64::MAX,
    }
}

/// What a picture of this size is worth at most, bit/s; more is hardly seen.
pub fn top(width: u32, height: u32) -> u64 {
    match width * height {
        0..=230_400 => 1_000_000,
        230_401..=921_600 => 2_500_000,
        _ => 4_500_000,
    }
}
