//! Order, loss, jitter, drifting clocks and restarts, read off numbered packets.

mod short;
mod stereo;

use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// A decoder whose samples are the packet's own number, so that order can be read off what is played: a payload is
/// the number in four bytes; recovered samples have the number of the packet before, made-up ones −1.
#[derive(Debug, Default)]
struct Numbers;

impl Decode for Numbers {
    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> Option<usize> {
        let number = u32::from_le_bytes(packet.try_into().ok()?);
        out.extend([number as f32; 960]);
        Some(960)
    }

    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<f32>) -> Option<usize> {
        let number = u32::from_le_bytes(next.try_into().ok()?);
        out.extend(vec![number as f32 - 1.0; samples]);
        Some(samples)
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        out.extend(vec![-1.0; samples]);
    }
}

/// A virtual clock with a buffer, both in ms from the start.
struct World {
    epoch: Instant,
    buffer: JitterBuffer<Numbers>,
    first_sequence: u16,
    first_timestamp: u32,
    played: Vec<f32>,
}

impl World {
    fn new(first_sequence: u16, first_timestamp: u32) -> Self {
        let buffer = JitterBuffer::new(Numbers);
        Self { epoch: Instant::now(), buffer, first_sequence, first_timestamp, played: Vec::new() }
    }

    fn packet(&self, number: u32, at_ms: f64) -> AudioPacket {
        AudioPacket {
            ssrc: 1,
            sequence: self.first_sequence.wrapping_add(number as u16),
            timestamp: self.first_timestamp.wrapping_add(number * 960),
            marker: false,
            data: Bytes::copy_from_slice(&number.to_le_bytes()),
            at: self.epoch + Duration::from_secs_f64(at_ms / 1e3),
            behind: 0,
        }
    }

    /// Plays until `end_ms`; `arrivals` are (ms, packet number) in any order.
    fn run(&mut self, mut arrivals: Vec<(f64, u32)>, end_ms: u32) {
        arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut arrivals = arrivals.into_iter().peekable();
        for tick in (0..end_ms).step_by(10) {
            // The tick stands a little beside the packets, as it does in life.
            let now_ms = f64::from(tick) + 3.0;
            while let Some((at, number)) = arrivals.next_if(|(at, _)| *at <= now_ms) {
                self.buffer.insert(self.packet(number, at));
            }
            let mut out = [0.0; TICK];
            self.buffer.pull(self.epoch + Duration::from_secs_f64(now_ms / 1e3), &mut out);
            self.played.extend_from_slice(&out);
        }
    }

    /// Numbers of the packets heard, in order, without repeats; made-up sound left out.
    fn heard(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = Vec::new();
        for &sample in self.played.iter().filter(|s| **s >= 0.0 && s.fract() == 0.0) {
            if numbers.last() != Some(&(sample as u32)) {
                numbers.push(sample as u32);
            }
        }
        numbers
    }
}

fn regular(numbers: std::ops::Range<u32>, delay_ms: f64) -> Vec<(f64, u32)> {
    numbers.map(|n| (f64::from(n) * 20.0 + delay_ms, n)).collect()
}

#[test]
fn a_clean_stream_is_played_whole_and_soon() {
    let mut world = World::new(7, 1_000);
    world.run(regular(0..500, 40.0), 10_040);
    let stats = world.buffer.stats();
    assert_eq!((stats.concealed, stats.lost, stats.late, stats.packets), (0, 0, 0, 500));
    assert!(stats.delay_ms < 30.0, "{stats:?}");
    assert_eq!(world.heard()[1..], (1..500).collect::<Vec<_>>()[..world.heard().len() - 1]);
}

#[test]
fn numbers_may_wrap() {
    let mut world = World::new(u16::MAX - 20, u32::MAX - 960 * 30);
    world.run(regular(0..100, 0.0), 2_000);
    let stats = world.buffer.stats();
    assert_eq!((stats.concealed, stats.lost, stats.restarts), (0, 0, 0));
    assert_eq!(world.heard().last(), Some(&97).max(world.heard().last()));
}

#[test]
fn one_lost_packet_comes_back_from_the_next_and_two_cost_one() {
    let mut world = World::new(0, 0);
    let mut arrivals = regular(0..200, 0.0);
    arrivals.retain(|(_, n)| ![50, 100, 101].contains(n));
    world.run(arrivals, 4_000);
    let stats = world.buffer.stats();
    // The first loss comes unawares: half of it is made up until the next packet is there.
    assert_eq!((stats.lost, stats.recovered), (3, 2));
    assert!(stats.concealed >= 960 && stats.concealed <= 960 + 480, "{stats:?}");
    let heard = world.heard();
    assert!(heard.contains(&50) && !heard.contains(&100) && heard.contains(&101));
}

#[test]
fn doubles_and_reordered_packets_change_nothing() {
    let mut world = World::new(0, 0);
    let mut arrivals = regular(0..200, 0.0);
    for n in (0..200).step_by(10) {
        // Swapped with its neighbour, and sent again later.
        arrivals[n].0 += 25.0;
        arrivals.push((n as f64 * 20.0 + 60.0, n as u32));
    }
    world.run(arrivals, 4_000);
    let stats = world.buffer.stats();
    assert_eq!(stats.packets, 200);
    assert_eq!((stats.late, stats.lost), (20, 0));
    assert!(world.heard().is_sorted());
}

#[test]
fn jitter_raises_the_delay_and_calm_lowers_it_again() {
    let mut world = World::new(0, 0);
    let mut arrivals = regular(0..200, 0.0);
    arrivals.extend((200..600).map(|n| (f64::from(n) * 20.0 + f64::from(n * 37 % 61), n)));
    arrivals.extend(regular(600..1_500, 0.0));
    world.run(arrivals.clone(), 12_000);
    let shaken = world.buffer.stats();
    assert!(shaken.target_ms > 55.0 && shaken.target_ms < 90.0, "{shaken:?}");
    assert!((shaken.concealed as f64) < 0.01 * shaken.samples as f64, "{shaken:?}");

    let mut world = World::new(0, 0);
    world.run(arrivals, 30_000);
    let calm = world.buffer.stats();
    assert!(calm.target_ms < 20.0 && calm.removed > 0 && calm.delay_ms < 40.0, "{calm:?}");
    // Lost are those that came too late while the target was learnt.
    assert_eq!(calm.lost, calm.late);
    assert!(calm.late < 15, "{calm:?}");
}

#[test]
fn a_stall_without_loss_is_played_whole_and_one_with_loss_is_counted() {
    let mut world = World::new(0, 0);
    let mut arrivals = regular(0..300, 0.0);
    for arrival in &mut arrivals[100..120] {
        arrival.0 = 2_400.0;
    }
    world.run(arrivals, 6_000);
    assert_eq!(world.buffer.stats().lost, 0);
    assert_eq!(world.heard().iter().filter(|n| (100..120).contains(*n)).count(), 20);

    let mut world = World::new(0, 0);
    let mut arrivals = regular(0..300, 0.0);
    arrivals.retain(|(_, n)| !(100..120).contains(n));
    world.run(arrivals, 6_000);
    let stats = world.buffer.stats();
    assert_eq!(stats.lost, 20);
    let made_up = stats.concealed as f64 / 48.0;
    assert!((360.0..=420.0).contains(&made_up), "{made_up} ms made up of 400");
    assert!(stats.delay_ms < 40.0, "{stats:?}");
}

#[test]
fn after_a_long_silence_the_stream_is_taken_up_where_it_is() {
    let mut world = World::new(0, 0);
    let mut arrivals = regular(0..100, 0.0);
    arrivals.extend(regular(1_000..1_100, 0.0));
    world.run(arrivals, 22_000);
    let stats = world.buffer.stats();
    assert_eq!((stats.lost, stats.restarts), (900, 0));
    let gone = stats.concealed as f64 / stats.samples as f64;
    assert!((0.8..0.9).contains(&gone), "18 s of 22 s had nothing to play: {gone}");
    assert!(world.heard().len() > 190);
}

#[test]
fn a_new_stream_is_taken_up_at_its_second_packet() {
    let mut world = World::new(100, 5_000);
    world.run(regular(0..100, 0.0), 2_000);
    // The same clock, other numbers.
    let epoch = world.epoch;
    let mut again = World { epoch, first_sequence: 40_000, first_timestamp: 3_000_000_000, ..world };
    again.first_sequence = again.first_sequence.wrapping_sub(100);
    again.first_timestamp = again.first_timestamp.wrapping_sub(100 * 960);
    let arrivals: Vec<_> = (100..200).map(|n| (f64::from(n) * 20.0, n)).collect();
    let mut arrivals = arrivals.into_iter().peekable();
    for tick in (2_000..4_000).step_by(10) {
        let now = f64::from(tick) + 3.0;
        while let Some((at, n)) = arrivals.next_if(|(at, _)| *at <= now) {
            again.buffer.insert(again.packet(n, at));
        }
        let mut out = [0.0; TICK];
        again.buffer.pull(epoch + Duration::from_secs_f64(now / 1e3), &mut out);
        again.played.extend_from_slice(&out);
    }
    assert_eq!(again.buffer.stats().restarts, 1);
    assert!(again.heard().contains(&100) && again.heard().contains(&190));
}

#[test]
fn one_stray_packet_is_no_new_stream() {
    let mut world = World::new(0, 0);
    world.run(regular(0..50, 0.0), 1_000);
    let mut stray = world.packet(0, 1_000.0);
    stray.sequence = 30_000;
    world.buffer.insert(stray);
    assert_eq!(world.buffer.stats().restarts, 0);
    assert_eq!(world.buffer.stats().packets, 50);
}

#[test]
fn a_sender_with_another_clock_is_followed() {
    for drift in [1.0003, 0.9997] {
        let mut world = World::new(0, 0);
        world.run((0..9_000).map(|n| (f64::from(n) * 20.0 * drift, n)).collect(), 178_000);
        let stats = world.buffer.stats();
        assert_eq!((stats.concealed, stats.lost), (0, 0), "{drift}");
        assert!(if drift > 1.0 { stats.inserted > 0 } else { stats.removed > 0 }, "{drift}: {stats:?}");
        assert!(stats.delay_ms > 10.0 && stats.delay_ms < 40.0, "{drift}: {stats:?}");
    }
}

#[test]
fn what_cannot_be_decoded_is_concealed_and_counted() {
    let mut world = World::new(0, 0);
    for n in 0..10 {
        let mut packet = world.packet(n, f64::from(n));
        if n == 5 {
            packet.data = Bytes::from_static(b"no");
        }
        world.buffer.insert(packet);
    }
    world.run(Vec::new(), 500);
    let stats = world.buffer.stats();
    assert_eq!(stats.malformed, 1);
    assert!(stats.concealed >= 960);
}

#[derive(Debug, Clone)]
enum Event {
    Packet { sequence: u16, timestamp: u32, length: usize },
    Next { skip: u8 },
    Again { back: u8 },
    Pull { ticks: u8 },
    Sleep { ms: u16 },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        1 => (any::<u16>(), any::<u32>(), 0usize..6).prop_map(|(sequence, timestamp, length)| Event::Packet { sequence, timestamp, length }),
        6 => (0u8..4).prop_map(|skip| Event::Next { skip }),
        2 => (0u8..20).prop_map(|back| Event::Again { back }),
        6 => (1u8..6).prop_map(|ticks| Event::Pull { ticks }),
        1 => (0u16..3_000).prop_map(|ms| Event::Sleep { ms }),
    ]
}

proptest! {
    /// Whatever comes in whatever order: every tick is filled, what is counted adds up, memory stays bounded.
    #[test]
    fn anything_may_come_in(events in proptest::collection::vec(event(), 0..300), first in any::<u16>()) {
        let mut world = World::new(first, u32::from(first) << 16);
        let (mut now_ms, mut number) = (0.0, 0u32);
        for event in events {
            match event {
                Event::Packet { sequence, timestamp, length } => {
                    let mut packet = world.packet(0, now_ms);
                    (packet.sequence, packet.timestamp) = (sequence, timestamp);
                    packet.data = Bytes::from(vec![1; length]);
                    world.buffer.insert(packet);
                }
                Event::Next { skip } => {
                    number += 1 + u32::from(skip / 3);
                    world.buffer.insert(world.packet(number, now_ms));
                }
                Event::Again { back } => {
                    world.buffer.insert(world.packet(number.saturating_sub(u32::from(back)), now_ms));
                }
                Event::Pull { ticks } => for _ in 0..ticks {
                    now_ms += 10.0;
                    let mut out = [f32::NAN; TICK];
                    world.buffer.pull(world.epoch + Duration::from_secs_f64(now_ms / 1e3), &mut out);
                    prop_assert!(out.iter().all(|s| s.is_finite()));
                },
                Event::Sleep { ms } => now_ms += f64::from(ms),
            }
            prop_assert!(world.buffer.packets.len() <= MOST_PACKETS);
            prop_assert!(world.buffer.ready.len() < 24 * TICK);
            let stats = world.buffer.stats();
            prop_assert!(stats.recovered <= stats.lost, "{stats:?}");
            prop_assert!(stats.concealed <= stats.samples + 24 * TICK as u64, "{stats:?}");
        }
    }

    /// Loss and jitter within the buffer's reach: nothing is out of order, and what is lost is counted exactly.
    #[test]
    fn loss_is_counted_and_order_is_kept(
        seed in proptest::collection::vec((0.0f64..30.0, 0u8..100), 400), loss in 0u8..20, first in any::<u16>(),
    ) {
        let mut world = World::new(first, u32::from(first).wrapping_mul(70_000));
        let mut arrivals = Vec::new();
        let mut lost = 0;
        for (n, (jitter, dice)) in seed.iter().enumerate() {
            // Calm at both ends, so that neither a loss there nor the learning of the target blurs the count.
            if (100..350).contains(&n) && *dice < loss {
                lost += 1;
                continue;
            }
            arrivals.push((n as f64 * 20.0 + 60.0 + jitter, n as u32));
        }
        world.run(arrivals, 400 * 20 + 200);
        let stats = world.buffer.stats();
        prop_assert!(world.heard().is_sorted());
        prop_assert_eq!(stats.packets + stats.late, 400 - lost);
        prop_assert_eq!(stats.lost, lost + stats.late);
    }
}

#[test]
fn where_packets_get_lost_the_next_one_is_waited_for() {
    let mut world = World::new(0, 0);
    let mut arrivals = regular(0..1_500, 0.0);
    arrivals.retain(|(_, n)| n % 20 != 7);
    world.run(arrivals, 30_000);
    let stats = world.buffer.stats();
    assert!(stats.lost >= 74 && stats.recovered >= 72, "{stats:?}");
    assert!((stats.concealed as f64) < 0.002 * stats.samples as f64, "{stats:?}");
    assert!(stats.target_ms > 30.0 && stats.delay_ms < 55.0, "{stats:?}");
}

/// As [`regular`], through a link: packets for which `lost` holds come only as copies in the next `depth` ones.
fn redundant(world: &World, packets: u32, depth: u32, lost: impl Fn(u32) -> bool) -> Vec<(f64, AudioPacket)> {
    let mut arrivals = Vec::new();
    for n in (0..packets).filter(|n| !lost(*n)) {
        let at_ms = f64::from(n) * 20.0 + 50.0;
        arrivals.push((at_ms, world.packet(n, at_ms)));
        for behind in 1..=depth.min(n) {
            arrivals.push((at_ms, AudioPacket { behind: behind as u8, ..world.packet(n - behind, at_ms) }));
        }
    }
    arrivals
}

impl World {
    fn run_packets(&mut self, arrivals: Vec<(f64, AudioPacket)>, end_ms: u32) {
        let mut arrivals = arrivals.into_iter().peekable();
        for tick in (0..end_ms).step_by(10) {
            let now_ms = f64::from(tick) + 3.0;
            while let Some((_, packet)) = arrivals.next_if(|(at, _)| *at <= now_ms) {
                self.buffer.insert(packet);
            }
            let mut out = [0.0; TICK];
            self.buffer.pull(self.epoch + Duration::from_secs_f64(now_ms / 1e3), &mut out);
            self.played.extend_from_slice(&out);
        }
    }
}

/// Whether packet `n` of a lossy link is lost: `percent` of them, at random.
fn random_loss(n: u32, percent: u32) -> bool {
    let mixed = (n ^ 0x9e37_79b9).wrapping_mul(0x85eb_ca6b);
    let mixed = (mixed ^ mixed >> 13).wrapping_mul(0xc2b2_ae35);
    (mixed ^ mixed >> 16) % 100 < percent
}

#[test]
fn copies_take_the_place_of_what_is_lost() {
    for (percent, most) in [(2, 0.001), (10, 0.01)] {
        let mut world = World::new(65_000, u32::MAX - 100_000);
        let arrivals = redundant(&world, 3_000, 2, |n| n > 5 && random_loss(n, percent));
        world.run_packets(arrivals, 60_000);
        let stats = world.buffer.stats();
        let concealed = stats.concealed as f64 / stats.samples as f64;
        assert!(concealed <= most, "{percent} %: {concealed} {stats:?}");
        let lost = (6..3_000).filter(|n| random_loss(*n, percent)).count() as u64;
        assert!(stats.copies + stats.lost + 2 >= lost && stats.copies > lost * 9 / 10, "{lost} {stats:?}");
        assert!(stats.delay_ms < 65.0, "{stats:?}");
        assert!(world.heard().is_sorted());
    }
}

#[test]
fn copies_of_what_came_change_nothing() {
    let run = |depth| {
        let mut world = World::new(9, 9);
        let arrivals = redundant(&world, 500, depth, |_| false);
        world.run_packets(arrivals, 10_000);
        (world.buffer.stats(), world.heard())
    };
    assert_eq!(run(0), run(2));
    assert!(run(0).0.delay_ms <= 25.0, "{:?}", run(0).0);
}

#[test]
fn copies_that_make_no_sense_are_left_out() {
    let mut world = World::new(0, 50_000);
    let copy = |world: &World, n: u32, timestamp: u32| AudioPacket { behind: 1, timestamp, ..world.packet(n, 1.0) };
    // Before anything came; older than the first; newer than the newest; against the order of its neighbours.
    world.buffer.insert(copy(&world, 0, 50_000));
    for n in [5, 6, 8] {
        world.buffer.insert(world.packet(n, 1.0));
    }
    for (n, timestamp) in [(4, 50_000 + 4 * 960), (9, 50_000 + 9 * 960), (7, 50_000 + 6 * 960), (7, 50_000 + 9 * 960)] {
        world.buffer.insert(copy(&world, n, timestamp));
    }
    assert_eq!(world.buffer.stats().copies, 0);
    world.buffer.insert(copy(&world, 7, 50_000 + 7 * 960));
    assert_eq!((world.buffer.stats().copies, world.buffer.stats().packets), (1, 3));
    // Then it comes itself, sent again.
    world.buffer.insert(world.packet(7, 30.0));
    let stats = world.buffer.stats();
    assert_eq!((stats.copies, stats.packets, stats.late), (0, 4, 0));
}

#[test]
fn another_source_is_another_stream_and_its_stragglers_are_not() {
    let mut world = World::new(0, 0);
    world.run(regular(0..100, 0.0), 2_000);
    for n in 100..150 {
        let at = f64::from(n) * 20.0;
        // Numbers that would fit the stream before, by chance.
        world.buffer.insert(AudioPacket { ssrc: 2, ..world.packet(n - 40, at) });
        if n < 110 {
            world.buffer.insert(world.packet(n, at));
        }
        for tick in [3.0, 13.0] {
            let mut out = [0.0; TICK];
            world.buffer.pull(world.epoch + Duration::from_secs_f64((at + tick) / 1e3), &mut out);
            world.played.extend_from_slice(&out);
        }
    }
    let stats = world.buffer.stats();
    assert_eq!((stats.restarts, stats.late), (1, 10), "{stats:?}");
    assert_eq!(stats.packets, 150);
}

#[test]
fn a_pause_that_was_meant_is_neither_loss_nor_silence() {
    let mut world = World::new(0, 0);
    for n in 0..100 {
        world.buffer.comfort.learn(&vec![0.002 * if n % 2 == 0 { 1.0 } else { -1.0 }; 960]);
    }
    let mut arrivals: Vec<_> = (0..50).map(|n| (f64::from(n) * 20.0, world.packet(n, f64::from(n) * 20.0))).collect();
    // One packet of nothing, a pause of 0.9 s, then speech again; the numbers go on, the timestamps leave the pause out.
    arrivals.push((1_000.0, AudioPacket { data: Bytes::from_static(&[8]), ..world.packet(50, 1_000.0) }));
    for n in 51..100 {
        let at = f64::from(n) * 20.0 + 900.0;
        let packet = world.packet(n, at);
        arrivals.push((at, AudioPacket { timestamp: packet.timestamp + 45 * 960, marker: n == 51, ..packet }));
    }
    world.run_packets(arrivals, 2_900);
    let stats = world.buffer.stats();
    assert_eq!((stats.lost, stats.restarts, stats.late), (0, 0, 0), "{stats:?}");
    // The one packet is none for this decoder, which makes it up.
    assert!(stats.concealed <= 960 + 480, "{stats:?}");
    assert!(world.heard().contains(&99) || world.heard().contains(&98));
    assert!(stats.delay_ms < 30.0, "{stats:?}");
}

#[test]
fn jitter_of_thirty_milliseconds_costs_no_more_than_sixty() {
    let mut world = World::new(0, 0);
    // Every packet up to 30 ms early or late, in order, as the emulated link does.
    let wander = |n: u32| 30.0 * (f64::from(n) * 0.9).sin() * (f64::from(n) * 0.23).cos();
    let mut last = 0.0f64;
    let arrivals = (0..1_500)
        .map(|n| {
            last = last.max(f64::from(n) * 20.0 + 100.0 + wander(n));
            (last, n)
        })
        .collect();
    world.run(arrivals, 30_000);
    let stats = world.buffer.stats();
    assert!(stats.delay_ms <= 60.0, "{stats:?}");
    assert!((stats.concealed as f64) < 0.005 * stats.samples as f64, "{stats:?}");
}
