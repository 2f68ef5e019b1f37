//! Packets of 10 ms, which alone are too short to be stretched, and changes of their length on the way.

use super::*;
use crate::dsp::tone::tone_level;

/// A decoder of packets that say where in a tone they begin and how many samples they hold.
#[derive(Debug, Default)]
struct Tone;

const STEP: f64 = 440.0 * std::f64::consts::TAU / RATE as f64;

fn payload(from: u32, samples: u32) -> Bytes {
    [from.to_le_bytes(), samples.to_le_bytes()].concat().into()
}

impl Decode for Tone {
    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> Option<usize> {
        let number = |at: usize| Some(u32::from_le_bytes(packet.get(at..at + 4)?.try_into().ok()?));
        let (from, samples) = (number(0)?, number(4)?);
        out.extend((from..from + samples).map(|n| (0.141 * (f64::from(n) * STEP).sin()) as f32));
        Some(samples as usize)
    }

    fn recover(&mut self, _: &[u8], _: usize, _: &mut Vec<f32>) -> Option<usize> {
        None
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        out.extend(vec![0.0; samples]);
    }
}

/// What is heard of packets of these lengths (ms), each late by what `late` says of the ms it begins at.
fn run(lengths: impl Iterator<Item = u32>, late: impl Fn(u32) -> u32, end_ms: u32) -> (JitterStats, Vec<f32>) {
    let epoch = World::new(0, 0).epoch;
    let at = |ms: u32| epoch + Duration::from_millis(u64::from(ms));
    let (mut buffer, mut arrivals, mut begins) = (JitterBuffer::new(Tone), Vec::new(), 0);
    for (n, length) in lengths.enumerate() {
        let packet = AudioPacket {
            ssrc: 1,
            sequence: n as u16,
            timestamp: begins * 48,
            marker: false,
            data: payload(begins * 48, length * 48),
            at: at(begins + length + late(begins)),
            behind: 0,
        };
        arrivals.push(packet);
        begins += length;
    }
    arrivals.sort_by_key(|packet| packet.at);
    let (mut arrivals, mut heard) = (arrivals.into_iter().peekable(), Vec::new());
    for tick in (0..end_ms).step_by(10) {
        let now = at(tick + 3);
        while let Some(packet) = arrivals.next_if(|packet| packet.at <= now) {
            buffer.insert(packet);
        }
        let mut out = [0.0; TICK];
        buffer.pull(now, &mut out);
        heard.extend_from_slice(&out);
    }
    (buffer.stats(), heard)
}

/// Of the quietest tenth of a second, dBFS.
fn quietest(heard: &[f32]) -> f64 {
    heard.chunks_exact(4_800).map(|tenth| tone_level(tenth, 440.0).unwrap_or(-200.0)).fold(0.0, f64::min)
}

#[test]
fn short_packets_are_stretched_to_the_target_and_back() {
    let late = |ms: u32| if (4_000..8_000).contains(&ms) { ms * 37 % 61 } else { 0 };
    let (shaken, _) = run(std::iter::repeat_n(10, 2_000), late, 8_000);
    assert!(shaken.target_ms > 50.0 && shaken.inserted > 1_000, "{shaken:?}");
    let (calm, heard) = run(std::iter::repeat_n(10, 2_000), late, 20_000);
    assert!(calm.removed > 1_000 && calm.target_ms < 20.0 && calm.delay_ms < 25.0, "{calm:?}");
    assert!((calm.concealed as f64) < 0.01 * calm.samples as f64, "{calm:?}");
    // While it gets shorter again, nothing of the tone is missing.
    assert!(quietest(&heard[9 * 48_000..]) > -21.5, "{}", quietest(&heard[9 * 48_000..]));
}

#[test]
fn the_length_of_packets_may_change_at_any_time() {
    let lengths = [20u32, 10, 60, 10, 40, 20].into_iter().flat_map(|ms| std::iter::repeat_n(ms, 3_000 / ms as usize));
    let (stats, heard) = run(lengths, |_| 15, 18_000);
    assert_eq!((stats.lost, stats.malformed, stats.restarts), (0, 0, 0), "{stats:?}");
    // What is longer comes later: that is learnt once with each change to a longer one.
    assert!(stats.concealed < 3 * 60 * 48, "{stats:?}");
    assert!(quietest(&heard[144_000..192_000]) > -20.5 && quietest(&heard[432_000..480_000]) > -20.5);
}
