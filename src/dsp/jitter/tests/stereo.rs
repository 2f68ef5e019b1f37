//! Two channels through the buffer.

use super::*;

/// A decoder of stereo with nothing on the right: its side is its middle.
#[derive(Debug, Default)]
struct LeftOnly {
    last: Vec<f32>,
}

impl LeftOnly {
    fn give(&mut self, samples: impl Iterator<Item = f32>, out: &mut Vec<f32>) {
        self.last = samples.collect();
        out.extend_from_slice(&self.last);
    }
}

impl Decode for LeftOnly {
    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> Option<usize> {
        let number = u32::from_le_bytes(packet.try_into().ok()?);
        self.give((0..960).map(|n| 0.3 * ((number * 960 + n) as f32 * 0.043).sin()), out);
        Some(960)
    }

    fn recover(&mut self, next: &[u8], _: usize, out: &mut Vec<f32>) -> Option<usize> {
        let number = u32::from_le_bytes(next.try_into().ok()?);
        (number % 2 == 0).then(|| {
            self.give((0..960).map(|n| n as f32 * 0.000_1), out);
            960
        })
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        self.give((0..samples).map(|n| n as f32 * -0.000_1), out);
    }

    fn side(&mut self, out: &mut Vec<f32>) {
        out.append(&mut self.last);
    }
}

#[test]
fn both_channels_stay_together_whatever_happens_to_them() {
    let world = World::new(0, 0);
    let mut buffer = JitterBuffer::new(LeftOnly::default());
    // Losses one by one and in a row, and a wait that has to be made up for by stretching, both ways.
    let mut arrivals: Vec<_> = (0..800u32)
        .filter(|n| n % 37 != 5 && n % 38 != 6 && !(300..310).contains(n))
        .map(|n| (f64::from(n) * 20.0 + if (400..500).contains(&n) { 70.0 } else { 0.0 }, n))
        .collect();
    arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut arrivals = arrivals.into_iter().peekable();
    let mut tick = [0.0; TICK];
    for now in (0..16_000u32).step_by(10) {
        while let Some((at, n)) = arrivals.next_if(|(at, _)| *at <= f64::from(now)) {
            buffer.insert(world.packet(n, at));
        }
        buffer.pull(world.epoch + Duration::from_millis(u64::from(now) + 3), &mut tick);
        let side = buffer.side().copied().unwrap_or([0.0; TICK]);
        assert!(tick.iter().zip(side).all(|(middle, side)| (middle - side).abs() < 1e-6), "at {now} ms");
    }
    let stats = buffer.stats();
    assert!(stats.recovered > 5 && stats.lost > 30 && stats.removed > 500 && stats.inserted > 500, "{stats:?}");
}
