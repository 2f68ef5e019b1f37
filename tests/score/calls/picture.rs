//! How like a picture that arrived is to the one that was sent: structural similarity (Wang, Bovik, Sheikh and Simoncelli,
//! IEEE TIP 13, 2004) of the brightness, in squares of eight; 1 is the same.
//!
//! The scene is known and goes round in 30 pictures; which of them it was is the one that is most like. A smaller
//! picture is first brought to the size that was sent, as a window would. The row with the timecode is left out.

use std::time::{Duration, Instant};

use visavis::device::{VideoRequest, open_video};
use visavis::model::source::VideoSpec;

/// Pictures until the scene is round.
const ROUND: usize = 30;
/// Side of a square, and how far the next is.
const SIDE: usize = 8;
const STEP: usize = 4;
/// The measure's constants against division by nothing: (0.01 · 255)² and (0.03 · 255)².
const C1: f64 = 6.5025;
const C2: f64 = 58.5225;
/// Of the pixels every so many-th tells which picture of the scene it is.
const SPARSE: usize = 61;

/// Brightness alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    /// Row by row.
    pub luma: Vec<u8>,
}

impl Picture {
    /// In another size, between pixels as if brightness changed evenly.
    fn sized(&self, width: usize, height: usize) -> Self {
        if (self.width, self.height) == (width, height) {
            return self.clone();
        }
        // The middle of a pixel there, in pixels here: the one before it, and how far after.
        let place = |n: usize, of: usize, here: usize| {
            let at = ((n as f64 + 0.5) * here as f64 / of as f64 - 0.5).clamp(0.0, (here - 1) as f64);
            (at as usize, at.fract())
        };
        let columns: Vec<_> = (0..width).map(|x| place(x, width, self.width)).collect();
        let mut luma = Vec::with_capacity(width * height);
        for (y, down) in (0..height).map(|y| place(y, height, self.height)) {
            let row = |y: usize| &self.luma[y.min(self.height - 1) * self.width..][..self.width];
            let (upper, lower) = (row(y), row(y + 1));
            for &(x, right) in &columns {
                let next = (x + 1).min(self.width - 1);
                let along = |row: &[u8]| f64::from(row[x]) * (1.0 - right) + f64::from(row[next]) * right;
                luma.push((along(upper) * (1.0 - down) + along(lower) * down).round() as u8);
            }
        }
        Self { width, height, luma }
    }

    /// Below the timecode, whose cells are a fortieth of the width.
    fn first_row(&self) -> usize {
        self.width.div_ceil(40).next_multiple_of(STEP)
    }

    /// How far apart, roughly.
    fn apart(&self, other: &Self) -> f64 {
        let from = self.first_row() * self.width;
        let pixels = self.luma.iter().zip(&other.luma).skip(from).step_by(SPARSE);
        pixels.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
    }

    /// Structural similarity with one of the same size.
    fn like(&self, other: &Self) -> f64 {
        let (mut sum, mut count) = (0.0, 0u32);
        for y in (self.first_row()..(self.height + 1).saturating_sub(SIDE)).step_by(STEP) {
            for x in (0..(self.width + 1).saturating_sub(SIDE)).step_by(STEP) {
                sum += self.like_at(other, x, y);
                count += 1;
            }
        }
        sum / f64::from(count.max(1))
    }

    fn like_at(&self, other: &Self, x: usize, y: usize) -> f64 {
        let (mut a, mut b, mut aa, mut bb, mut ab) = (0u32, 0u32, 0u32, 0u32, 0u32);
        for row in y..y + SIDE {
            let span = row * self.width + x..row * self.width + x + SIDE;
            for (p, q) in self.luma[span.clone()].iter().zip(&other.luma[span]) {
                let (p, q) = (u32::from(*p), u32::from(*q));
                (a, b, aa, bb, ab) = (a + p, b + q, aa + p * p, bb + q * q, ab + p * q);
            }
        }
        let n = (SIDE * SIDE) as f64;
        let (a, b) = (f64::from(a) / n, f64::from(b) / n);
        let (va, vb) = (f64::from(aa) / n - a * a, f64::from(bb) / n - b * b);
        let vab = f64::from(ab) / n - a * b;
        (2.0 * a * b + C1) * (2.0 * vab + C2) / ((a * a + b * b + C1) * (va + vb + C2))
    }
}

/// The scene's pictures in this size; fewer where the machine was too busy to make them all.
fn scene((width, height): (u32, u32)) -> Vec<Picture> {
    let request = VideoRequest { width, height, fps: ROUND as u32 };
    let mut source = open_video(&VideoSpec::Scene, request).expect("a pattern is always there");
    let (mut pictures, begun) = (vec![None; ROUND], Instant::now());
    while pictures.contains(&None) && begun.elapsed() < Duration::from_secs(20) {
        if let Ok(Some(frame)) = source.next(Duration::from_secs(1)) {
            let n = (frame.media_time.as_secs_f64() * ROUND as f64).round() as usize % ROUND;
            let luma = frame.y().to_vec();
            pictures[n] = Some(Picture { width: width as usize, height: height as usize, luma });
        }
    }
    pictures.into_iter().flatten().collect()
}

/// How like each of these, of several ends, is to what was sent in this size.
pub fn likeness(seen: &[Vec<Picture>], sent: (u32, u32)) -> Vec<Vec<f64>> {
    let scene = scene(sent);
    seen.iter().map(|seen| likeness_to(&scene, seen)).collect()
}

fn likeness_to(scene: &[Picture], seen: &[Picture]) -> Vec<f64> {
    let judge = |picture: &Picture| {
        let sent = scene.first()?;
        let picture = picture.sized(sent.width, sent.height);
        let same = scene.iter().min_by(|a, b| picture.apart(a).total_cmp(&picture.apart(b)))?;
        Some(picture.like(same))
    };
    // What has not as many pixels as it says is no picture.
    seen.iter().filter(|p| p.luma.len() == p.width * p.height && !p.luma.is_empty()).filter_map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: (u32, u32) = (320, 180);

    #[test]
    fn the_same_is_one_and_what_is_spoilt_or_smaller_is_less() {
        let scene = scene(SENT);
        let same = &scene[scene.len() / 2];
        let mut noisy = same.clone();
        noisy.luma.iter_mut().enumerate().filter(|(n, _)| n % 3 == 0).for_each(|(_, p)| *p = p.saturating_add(20));
        let small = same.sized(160, 90);
        let seen = [same.clone(), noisy, small, Picture { width: 4, height: 4, luma: vec![0] }];
        let found = likeness_to(&scene, &seen);
        assert_eq!(found.len(), 3);
        assert!((found[0] - 1.0).abs() < 1e-9, "{found:?}");
        assert!(found[1] < 0.9 && found[2] < 0.99 && found[2] > 0.5, "{found:?}");
    }

    #[test]
    fn another_size_and_back_keeps_what_is_even() {
        let luma = (0..64 * 36).map(|n| (n % 64) as u8 * 2).collect();
        let picture = Picture { width: 64, height: 36, luma };
        let large = picture.sized(128, 72);
        assert_eq!((large.width, large.height, large.luma.len()), (128, 72, 128 * 72));
        let back = large.sized(64, 36);
        assert!(back.luma.iter().zip(&picture.luma).all(|(a, b)| a.abs_diff(*b) <= 1));
    }
}
