//! A Fourier transform of a power of two, convolution by it, and dice that fall the same each time.

use std::f32::consts::TAU;

/// One complex number.
pub type C = (f32, f32);

/// Transforms in place; the inverse without its factor 1/n.
pub fn fft(x: &mut [C], inverse: bool) {
    let n = x.len();
    assert!(n.is_power_of_two());
    let bits = n.trailing_zeros();
    for i in 0..n {
        let j = i.reverse_bits() >> (usize::BITS - bits);
        if j > i {
            x.swap(i, j);
        }
    }
    let mut size = 2;
    while size <= n {
        let step = TAU / size as f32 * if inverse { 1.0 } else { -1.0 };
        let turns: Vec<C> = (0..size / 2).map(|k| ((step * k as f32).cos(), (step * k as f32).sin())).collect();
        for chunk in x.chunks_exact_mut(size) {
            let (low, high) = chunk.split_at_mut(size / 2);
            for ((a, b), w) in low.iter_mut().zip(high).zip(&turns) {
                let t = (b.0 * w.0 - b.1 * w.1, b.0 * w.1 + b.1 * w.0);
                (*b, *a) = ((a.0 - t.0, a.1 - t.1), (a.0 + t.0, a.1 + t.1));
            }
        }
        size *= 2;
    }
}

/// `x` through the filter `h`; as long as `x`.
pub fn convolve(x: &[f32], h: &[f32]) -> Vec<f32> {
    let n = (2 * h.len()).next_power_of_two().max(4_096);
    let block = n - h.len();
    let spectrum = |part: &[f32]| {
        let mut s: Vec<C> = part.iter().map(|v| (*v, 0.0)).collect();
        s.resize(n, (0.0, 0.0));
        fft(&mut s, false);
        s
    };
    let filter = spectrum(h);
    let mut out = vec![0.0; x.len() + n];
    for (number, part) in x.chunks(block).enumerate() {
        let mut s = spectrum(part);
        for (a, b) in s.iter_mut().zip(&filter) {
            *a = (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0);
        }
        fft(&mut s, true);
        for (o, v) in out[number * block..].iter_mut().zip(&s) {
            *o += v.0 / n as f32;
        }
    }
    out.truncate(x.len());
    out
}

/// Noise from a seed.
pub struct Dice(pub u64);

impl Dice {
    /// −1…1.
    pub fn even(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// Like a bell, with a deviation of about 1.
    pub fn bell(&mut self) -> f32 {
        (0..6).map(|_| self.even()).sum::<f32>() / 1.414
    }
}

/// Mean power.
pub fn power(x: &[f32]) -> f64 {
    x.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / x.len().max(1) as f64
}

/// Decibels of a ratio of powers.
pub fn db(over: f64, under: f64) -> f64 {
    10.0 * (over.max(1e-14) / under.max(1e-14)).log10()
}
