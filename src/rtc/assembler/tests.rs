//! A healthy stream, holes that heal and holes that do not, and any mixture of both.

use proptest::prelude::*;
use rtc::rtp::codec::h264::H264Payloader;
use rtc::rtp::packetizer::Payloader;

use super::*;

/// The n-th picture of a stream in which every tenth is a keyframe.
fn unit(n: usize, length: usize) -> Vec<u8> {
    let mut data = Vec::new();
    if n.is_multiple_of(10) {
        for nal in [[0x67, 1, 2, 3], [0x68, 4, 5, 6]] {
            data.extend(START_CODE);
            data.extend(nal);
        }
    }
    data.extend(START_CODE);
    data.push(if n.is_multiple_of(10) { 0x65 } else { 0x41 });
    // No byte is zero, so nothing looks like a start code.
    data.extend((0..length).map(|i| ((n * 31 + i) % 255 + 1) as u8));
    data
}

fn stream(units: usize, lengths: &[usize]) -> Vec<VideoPacket> {
    let mut payloader = H264Payloader::default();
    let mut sequence = 65_530_u16;
    let mut packets = Vec::new();
    for n in 0..units {
        let data = Bytes::from(unit(n, lengths[n % lengths.len()]));
        let payloads = payloader.payload(200, &data).unwrap();
        let count = payloads.len();
        for (i, payload) in payloads.into_iter().enumerate() {
            let timestamp = (u32::MAX - 9000).wrapping_add(n as u32 * 3000);
            packets.push(VideoPacket { sequence, timestamp, marker: i + 1 == count, payload });
            sequence = sequence.wrapping_add(1);
        }
    }
    packets
}

fn drain(assembler: &mut Assembler, now: Instant) -> (Vec<AccessUnit>, usize) {
    let (mut units, mut asked) = (Vec::new(), 0);
    while let Some(output) = assembler.poll(now) {
        match output {
            Output::Unit(unit) => units.push(unit),
            Output::KeyframeWanted => asked += 1,
        }
    }
    (units, asked)
}

const LIMIT: Duration = Duration::from_millis(200);

#[test]
fn a_clean_stream_comes_out_whole_and_at_once() {
    let mut assembler = Assembler::new(LIMIT);
    let now = Instant::now();
    let mut units = Vec::new();
    for packet in stream(30, &[20, 900]) {
        let marker = packet.marker;
        assembler.push(now, packet);
        let (new, asked) = drain(&mut assembler, now);
        assert_eq!((new.len(), asked), (usize::from(marker), 0));
        units.extend(new);
    }
    for (n, got) in units.iter().enumerate() {
        assert_eq!(got.data, unit(n, [20, 900][n % 2]));
        assert_eq!(got.keyframe, n % 10 == 0);
        assert_eq!(got.timestamp - units[0].timestamp, n as u64 * 3000);
    }
}

#[test]
fn a_missing_packet_is_waited_for_then_given_up_and_a_keyframe_asked_for() {
    let mut assembler = Assembler::new(LIMIT);
    let start = Instant::now();
    let packets = stream(21, &[500]);
    let lost = packets.iter().position(|p| p.payload[0] & 31 == FU_A && p.payload[1] & 31 == 1).unwrap();
    let mut units = Vec::new();
    for (i, packet) in packets.iter().enumerate().filter(|(i, _)| *i != lost).take(12) {
        assembler.push(start, packet.clone());
        let (new, asked) = drain(&mut assembler, start);
        assert_eq!(asked, 0, "at packet {i}");
        units.extend(new);
    }
    assert_eq!(units.len(), 1);
    // In time: as if nothing had been.
    let mut healed = Assembler::new(LIMIT);
    for packet in packets.iter().enumerate().filter(|(i, _)| *i != lost).map(|(_, p)| p).chain([&packets[lost]]) {
        healed.push(start, packet.clone());
    }
    assert_eq!(drain(&mut healed, start).0.len(), 21);
    // Too late.
    assert_eq!(assembler.deadline(), Some(start + LIMIT));
    let (new, asked) = drain(&mut assembler, start + LIMIT);
    assert_eq!((new.len(), asked), (0, 1));
    for packet in &packets[13..] {
        assembler.push(start + LIMIT, packet.clone());
    }
    let (new, asked) = drain(&mut assembler, start + LIMIT);
    assert_eq!((new.len(), asked), (11, 0));
    assert!(new[0].keyframe);
}

#[test]
fn a_whole_keyframe_behind_a_hole_is_given_out_at_once() {
    let mut assembler = Assembler::new(LIMIT);
    let start = Instant::now();
    let packets = stream(12, &[500]);
    // The second unit and a packet of the keyframe are missing; that packet comes, the unit never does.
    let key = |p: &VideoPacket| p.timestamp == packets[0].timestamp.wrapping_add(30_000);
    let (gone, last) = (packets[0].timestamp.wrapping_add(3_000), packets.iter().rposition(key).unwrap());
    let mut units = Vec::new();
    for (_, packet) in packets.iter().enumerate().filter(|(i, p)| p.timestamp != gone && *i != last) {
        assembler.push(start, packet.clone());
        units.extend(drain(&mut assembler, start).0);
    }
    assert_eq!(units.len(), 1, "the first");
    assembler.push(start, packets[last].clone());
    let (units, asked) = drain(&mut assembler, start);
    assert_eq!((units.len(), asked), (2, 0), "the keyframe, and what builds on it");
    assert!(units[0].keyframe && units[0].data == unit(10, 500));
}

#[test]
fn a_picture_on_a_kept_one_begins_anew_as_a_keyframe_does() {
    let marked = |n: usize, marker: Marker| [marker.nal(), unit(n, 500)].concat();
    let plain = [unit(0, 500), unit(1, 500), marked(2, Marker::Keeps { index: 1, id: 3 })];
    let recovery = marked(3, Marker::Builds { id: 3 });
    let (mut payloader, mut packets) = (H264Payloader::default(), Vec::new());
    for (n, data) in plain.iter().chain([&recovery]).enumerate() {
        let payloads = payloader.payload(200, &Bytes::from(data.clone())).unwrap();
        let count = payloads.len();
        for (i, payload) in payloads.into_iter().enumerate() {
            let (sequence, timestamp) = (packets.len() as u16, n as u32 * 3000);
            packets.push(VideoPacket { sequence, timestamp, marker: i + 1 == count, payload });
        }
    }
    let now = Instant::now();
    // Whether it is still hoped for what is missing, or has been given up.
    for wait in [Duration::ZERO, LIMIT] {
        let mut assembler = Assembler::new(LIMIT);
        for packet in packets.iter().filter(|p| p.timestamp == 0 || p.timestamp == 6000) {
            assembler.push(now, packet.clone());
        }
        let (units, _) = drain(&mut assembler, now);
        assert_eq!(units.len(), 1, "what keeps a picture is no beginning");
        drain(&mut assembler, now + wait);
        for packet in packets.iter().filter(|p| p.timestamp == 9000) {
            assembler.push(now + wait, packet.clone());
        }
        let (units, asked) = drain(&mut assembler, now + wait);
        assert_eq!((units.len(), asked), (1, 0), "after {wait:?}");
        assert!(units[0].begins() && !units[0].keyframe && units[0].data == recovery);
    }
}

#[test]
fn a_keyframe_that_lost_all_but_its_start_is_given_up_too() {
    let mut assembler = Assembler::new(LIMIT);
    let start = Instant::now();
    let packets = stream(12, &[500]);
    let second = packets.iter().position(|p| p.timestamp == packets[0].timestamp.wrapping_add(3000)).unwrap();
    assembler.push(start, packets[0].clone());
    for packet in &packets[second..second + 3] {
        assembler.push(start, packet.clone());
    }
    assert_eq!(drain(&mut assembler, start), (Vec::new(), 0));
    assert_eq!(drain(&mut assembler, start + LIMIT), (Vec::new(), 1));
    assert_eq!(drain(&mut assembler, start + LIMIT + ASK_AGAIN).1, 1);
}

#[test]
fn it_asks_again_while_no_keyframe_comes() {
    let mut assembler = Assembler::new(LIMIT);
    let start = Instant::now();
    assert_eq!(assembler.poll(start), None);
    let packets = stream(9, &[20]);
    assembler.push(start, packets[4].clone());
    assert_eq!(drain(&mut assembler, start).1, 1);
    assert_eq!(drain(&mut assembler, start + ASK_AGAIN / 2).1, 0);
    assert_eq!(assembler.deadline(), Some(start + ASK_AGAIN));
    assert_eq!(drain(&mut assembler, start + ASK_AGAIN).1, 1);
}

proptest! {
    /// Loss, duplicates and reordering: only true units come out, in order, after a keyframe without a hole.
    #[test]
    fn only_whole_units_come_out(
        lengths in proptest::collection::vec(1_usize..1200, 1..5),
        fates in proptest::collection::vec((0_u8..20, 0_usize..12, 0_u64..40), 1..400),
    ) {
        let packets = stream(72, &lengths);
        let healthy = stream(60, &lengths).len();
        let start = Instant::now();
        let mut arrivals: Vec<(usize, usize)> = Vec::new();
        for i in 0..packets.len() {
            let (fate, shift, _) = fates[i % fates.len()];
            if i >= healthy {
                arrivals.push((i + 12, i));
                continue;
            }
            if fate == 0 { continue; }
            arrivals.push((i + if fate < 5 { shift } else { 0 }, i));
            if fate == 6 { arrivals.push((i + shift, i)); }
        }
        arrivals.sort();
        let mut assembler = Assembler::new(LIMIT);
        let mut now = start;
        let mut last: Option<usize> = None;
        for (at, i) in arrivals {
            now += Duration::from_millis(fates[at % fates.len()].2);
            assembler.push(now, packets[i].clone());
            prop_assert!(assembler.kept.len() <= MAX_PACKETS);
            for got in drain(&mut assembler, now).0 {
                let n = ((got.timestamp as u32).wrapping_sub(u32::MAX - 9000) / 3000) as usize;
                prop_assert_eq!(&got.data[..], &unit(n, lengths[n % lengths.len()])[..]);
                prop_assert!(got.keyframe || last == Some(n - 1), "{n} after {last:?}");
                prop_assert!(last.is_none_or(|last| n > last));
                last = Some(n);
            }
        }
        // Once the path is clean again, the picture comes back: with the keyframe at 60 or at 70.
        for _ in 0..8 {
            now += LIMIT;
            for got in drain(&mut assembler, now).0 {
                last = Some(((got.timestamp as u32).wrapping_sub(u32::MAX - 9000) / 3000) as usize);
            }
        }
        prop_assert_eq!(last, Some(71));
    }

    /// Anything at all: no panic, bounded.
    #[test]
    fn nonsense_is_survived(
        packets in proptest::collection::vec(
            (any::<u16>(), 0_u32..4, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..12), 0_u64..300),
            0..300,
        ),
    ) {
        let mut assembler = Assembler::new(LIMIT);
        let mut now = Instant::now();
        for (sequence, timestamp, marker, payload, ms) in packets {
            now += Duration::from_millis(ms);
            assembler.push(now, VideoPacket { sequence, timestamp, marker, payload: payload.into() });
            drain(&mut assembler, now);
            prop_assert!(assembler.kept.len() <= MAX_PACKETS);
            prop_assert!(assembler.deadline().is_none_or(|at| at > now));
        }
    }
}
