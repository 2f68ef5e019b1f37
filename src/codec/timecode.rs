//! The time burned into a picture, so that whoever decodes it can tell how old it is.
//!
//! 32 cells stand in a row at the top left, each a square of 1/40 of the width: 24 bits of milliseconds since 1970 modulo
//! 2²⁴, most significant first, then 8 bits of checksum `((v ^ v>>8 ^ v>>16) & 255) ^ 0x5a`. Luma 215 is one, 40 is
//! zero; read at the middle of each cell with 127 as the threshold. The code survives scaling and strong compression.

use crate::model::frame::VideoFrame;

const CELLS: u32 = 32;
const ACROSS: f64 = 40.0;
const ONE: u8 = 215;
const ZERO: u8 = 40;
const THRESHOLD: u8 = 127;
const WRAP: u32 = 1 << 24;
const OLDEST_MS: u32 = 60_000;

fn checksum(code: u32) -> u32 {
    ((code ^ (code >> 8) ^ (code >> 16)) & 0xff) ^ 0x5a
}

/// Writes the code of this time (milliseconds since 1970) into the picture.
pub fn stamp(frame: &mut VideoFrame, unix_ms: u64) {
    let code = (unix_ms % u64::from(WRAP)) as u32;
    let bits = code << 8 | checksum(code);
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let cell = width as f64 / ACROSS;
    let rows = (cell.ceil() as usize).min(height);
    let edge = |i: u32| (f64::from(i) * cell).round() as usize;
    let (y, u, v) = frame.planes_mut();
    let mut first = vec![0; edge(CELLS)];
    for i in 0..CELLS {
        first[edge(i)..edge(i + 1)].fill(if bits >> (31 - i) & 1 == 1 { ONE } else { ZERO });
    }
    for row in y.chunks_exact_mut(width).take(rows) {
        row[..first.len()].copy_from_slice(&first);
    }
    // Without colour, so that a reader of RGB sees the same brightness.
    for plane in [u, v] {
        for row in plane.chunks_exact_mut(width / 2).take(rows.div_ceil(2)) {
            row[..first.len().div_ceil(2)].fill(128);
        }
    }
}

/// The code in the picture: milliseconds modulo 2²⁴; `None` where there is none.
pub fn read(frame: &VideoFrame) -> Option<u32> {
    let width = frame.width() as usize;
    let cell = width as f64 / ACROSS;
    let row = frame.y().chunks_exact(width).nth((cell / 2.0) as usize)?;
    let bits = (0..CELLS).fold(0, |bits, i| {
        let x = ((f64::from(i) + 0.5) * cell) as usize;
        bits << 1 | u32::from(row[x] > THRESHOLD)
    });
    let code = bits >> 8;
    (checksum(code) == bits & 0xff).then_some(code)
}

/// How many milliseconds before `unix_ms` the code was written; `None` where that would be a minute or more: the
/// clocks differ, or it was no code.
pub fn age(code: u32, unix_ms: u64) -> Option<u32> {
    let now = (unix_ms % u64::from(WRAP)) as u32;
    let age = now.wrapping_sub(code) % WRAP;
    (age < OLDEST_MS).then_some(age)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_time_is_read_back_from_any_size(ms in 0..u64::from(u32::MAX) * 1000, w in 40u32..700, h in 20u32..400) {
            let mut frame = VideoFrame::black(w * 2, h * 2, Duration::ZERO).unwrap();
            stamp(&mut frame, ms);
            let code = read(&frame);
            prop_assert_eq!(code, Some((ms % (1 << 24)) as u32));
            prop_assert_eq!(age((ms % (1 << 24)) as u32, ms + 123), Some(123));
        }

        #[test]
        fn no_size_is_too_small_to_ask(w in 1u32..60, h in 1u32..60, luma: u8) {
            let mut frame = VideoFrame::black(w * 2, h * 2, Duration::ZERO).unwrap();
            frame.planes_mut().0.fill(luma);
            read(&frame);
            stamp(&mut frame, 5);
        }
    }

    #[test]
    fn the_age_counts_over_the_wrap_and_never_a_minute() {
        assert_eq!(age((1 << 24) - 10, (7 << 24) + 5), Some(15));
        assert_eq!(age(20, (3 << 24) + 10), None);
        assert_eq!(age(0, 60_000), None);
    }

    #[test]
    fn a_picture_without_a_code_has_none() {
        let mut frame = VideoFrame::black(640, 360, Duration::ZERO).unwrap();
        assert_eq!(read(&frame), None);
        stamp(&mut frame, 1_700_000_000_123);
        frame.planes_mut().0[8 * 640 + 8] ^= 255;
        assert_eq!(read(&frame), None, "a changed bit must not pass the checksum");
    }
}
