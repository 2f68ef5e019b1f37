//! Media from the network: RTP payloads in any order, Opus, H.264, and what is made of the sound.
//!
//! A sequence of packets is written as: how far the sequence number and the timestamp go on, flags, a length, the payload.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::rtp::Packet;
use rtc::rtp::header::Header;
use visavis::codec::{h264, opus};
use visavis::dsp::jitter::{Decode, JitterBuffer};
use visavis::dsp::stretch;
use visavis::model::encoded::{AudioPacket, EncodedVideo};
use visavis::model::frame::VideoFrame;
use visavis::rtc::assembler::{Assembler, VideoPacket};
use visavis::rtc::fec::block::{Mender, Shield};
use visavis::rtc::red;

fn packet(sequence: i8, timestamp: i16, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![sequence as u8];
    bytes.extend(timestamp.to_be_bytes());
    bytes.push(flags);
    bytes.push(payload.len() as u8);
    bytes.extend(payload);
    bytes
}

/// Sequence number, timestamp, flags and payload of each.
fn packets(mut input: &[u8]) -> impl Iterator<Item = (u16, u32, u8, &[u8])> {
    let (mut sequence, mut timestamp) = (65_530_u16, u32::MAX - 5_000);
    std::iter::from_fn(move || {
        let [step, high, low, flags, length, rest @ ..] = input else { return None };
        // A flag makes the step a leap.
        let leap = if flags & 0x40 == 0 { 1 } else { 997 };
        sequence = sequence.wrapping_add(i16::from(*step as i8).wrapping_mul(leap) as u16);
        timestamp = timestamp.wrapping_add((i32::from(i16::from_be_bytes([*high, *low])) * i32::from(leap)) as u32);
        let (payload, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        input = rest;
        Some((sequence, timestamp, *flags, payload))
    })
}

pub fn video_packets() -> Vec<Vec<u8>> {
    let key = [
        packet(1, 0, 0, &[0x67, 66, 0xe0, 31]),
        packet(1, 0, 0, &[0x68, 1, 2]),
        packet(1, 0, 0, &[0x7c, 0x85, 1, 2, 3]),
        packet(1, 0, 0, &[0x7c, 0x05, 4, 5, 6]),
        packet(1, 0, 1, &[0x7c, 0x45, 7, 8]),
    ]
    .concat();
    let delta =
        [packet(1, 3000, 1, &[0x41, 1, 2, 3]), packet(2, 3000, 1, &[0x41, 1]), packet(-1, -3000, 1, &[0x41, 2])];
    let bundle = packet(1, 3000, 1, &[0x78, 0, 4, 0x67, 66, 0xe0, 31, 0, 2, 0x68, 1, 0, 3, 0x65, 1, 2]);
    vec![key.clone(), [key.clone(), delta.concat()].concat(), [key, bundle, delta.concat()].concat()]
}

/// Flags: 1 a marker, 2 a repair packet.
pub fn repair_packets() -> Vec<Vec<u8>> {
    let mut shield = Shield::new(7);
    let mut wire = Vec::new();
    for n in 0..6_u16 {
        let header = Header { marker: n == 5, sequence_number: 65_531 + n % 5, ssrc: 7, ..Header::default() };
        let sent = Packet { header, payload: vec![n as u8; usize::from(10 * n)].into() };
        wire.extend(packet(1, 0, u8::from(n == 5), &sent.payload));
        wire.extend(shield.sent(&sent, |_| 2).iter().flat_map(|repair| packet(0, 0, 2, &repair.payload)));
    }
    let head = |first: &[u8]| [&[0, 0, 0, 7], first, &[9; 20]].concat();
    let odd = [packet(1, 0, 2, &head(&[255, 251, 2, 2, 0, 0])), packet(1, 0, 2, &head(&[255, 251, 48, 24, 23, 0]))];
    let seeds = vec![wire.clone(), [wire, odd.concat()].concat()];
    // The library makes its tables once, of megabytes: not while memory is looked at.
    seeds.iter().for_each(|seed| repair(seed));
    let (mut shield, mut mender) = (Shield::new(7), Mender::new(7));
    let sent =
        Packet { header: Header { version: 2, marker: true, ssrc: 7, ..Header::default() }, payload: Bytes::new() };
    let rebuilt: Vec<Packet> = shield.sent(&sent, |_| 1).iter().flat_map(|repair| mender.repaired(repair)).collect();
    assert_eq!(rebuilt, [sent]);
    seeds
}

pub fn repair(input: &[u8]) {
    let mut mender = Mender::new(7);
    for (sequence_number, timestamp, flags, payload) in packets(input) {
        let header = Header { marker: flags & 1 != 0, sequence_number, timestamp, ssrc: 7, ..Header::default() };
        let packet = Packet { header, payload: Bytes::copy_from_slice(payload) };
        let rebuilt = if flags & 2 == 0 { mender.arrived(&packet) } else { mender.repaired(&packet) };
        assert!(rebuilt.iter().all(|packet| packet.header.ssrc == 7 && packet.payload.len() < 2_000));
    }
}

pub fn video(input: &[u8]) {
    let begin = Instant::now();
    let (mut now, mut assembler, mut newest) = (begin, Assembler::new(Duration::from_millis(120)), 0);
    for (sequence, timestamp, flags, payload) in packets(input) {
        now += Duration::from_millis(u64::from(flags >> 1 & 0x1f));
        let payload = Bytes::copy_from_slice(payload);
        assembler.push(now, VideoPacket { sequence, timestamp, marker: flags & 1 == 1, payload });
        for _ in 0..1_000 {
            match assembler.poll(now) {
                Some(visavis::rtc::assembler::Output::Unit(unit)) => {
                    assert!(!unit.data.is_empty());
                    newest = unit.timestamp.max(newest);
                }
                Some(_) => {}
                None => break,
            }
        }
    }
    // At its deadlines it comes to rest.
    for _ in 0..1_000 {
        let Some(deadline) = assembler.deadline() else { break };
        now = now.max(deadline);
        while assembler.poll(now).is_some() {}
        if assembler.deadline().is_some_and(|next| next <= now) {
            panic!("a deadline that stays");
        }
        now += Duration::from_millis(1);
        if now > begin + Duration::from_secs(3_600) {
            break;
        }
    }
}

/// A decoder that takes everything but what begins with 255.
struct Any;

impl Decode for Any {
    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> Option<usize> {
        let kind = packet.first().filter(|first| **first != 255)?;
        let samples = [120, 240, 480, 960, 1920, 2880][usize::from(*kind) % 6];
        out.extend((0..samples).map(|n| (n as f32 * 0.05).sin() * f32::from(*kind) / 255.0));
        Some(samples)
    }

    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<f32>) -> Option<usize> {
        (next.len() > 2).then(|| {
            out.resize(out.len() + samples, 0.01);
            samples
        })
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        out.resize(out.len() + samples, 0.0);
    }
}

pub fn sound_packets() -> Vec<Vec<u8>> {
    let steady: Vec<u8> = (0..20).flat_map(|n| packet(1, 960, 20, &[3, n, 1, 2])).collect();
    let holes: Vec<u8> = (0..20).flat_map(|n| packet(1 + n % 3, 960 * i16::from(1 + n % 3), 8, &[9, 1])).collect();
    let disorder: Vec<u8> =
        (0..10).flat_map(|_| [packet(2, 1920, 2, &[3, 1]), packet(-1, -960, 30, &[3, 2])].concat()).collect();
    let silence = [packet(1, 960, 20, &[3]), packet(1, 9600, 21, &[3, 4])].concat();
    vec![steady, holes, disorder, silence]
}

pub fn sound(input: &[u8]) {
    let (mut now, mut buffer, mut tick) = (Instant::now(), JitterBuffer::new(Any), [0.0; 480]);
    for (sequence, timestamp, flags, payload) in packets(input) {
        let data = Bytes::copy_from_slice(payload);
        // Copies too, and now and then another stream.
        let (ssrc, behind) = (u32::from(flags == 0xff), (flags >> 4 & 3) * u8::from(payload.len() > 3));
        buffer.insert(AudioPacket { ssrc, sequence, timestamp, marker: flags & 1 == 1, data, at: now, behind });
        for _ in 0..flags >> 1 & 0x7 {
            now += Duration::from_millis(10);
            buffer.pull(now, &mut tick);
            assert!(tick.iter().all(|sample| sample.is_finite() && sample.abs() <= 2.0));
        }
    }
    let stats = buffer.stats();
    assert!(stats.concealed <= stats.samples + 48_000, "{stats:?}");
}

pub fn redundant_sounds() -> Vec<Vec<u8>> {
    let mut redundancy = red::Redundancy::default();
    let packet = |n: u8| Bytes::from(vec![n; 20 + usize::from(n)]);
    let wrapped =
        (0..6).filter_map(|n| redundancy.wrap(111, u32::from(n) * 960, &packet(n), usize::from(n) % 3, 1_100));
    wrapped.map(|payload| payload.to_vec()).collect()
}

pub fn redundant_sound(input: &[u8]) {
    let payload = Bytes::copy_from_slice(input);
    let of = AudioPacket {
        ssrc: 1,
        sequence: 3,
        timestamp: 960,
        marker: true,
        data: Bytes::new(),
        at: Instant::now(),
        behind: 0,
    };
    let packets = red::packets(&payload, 111, &of);
    assert!(packets.iter().map(|packet| packet.data.len()).sum::<usize>() < input.len().max(1));
    assert!(packets.iter().all(|packet| !packet.data.is_empty() && packet.behind <= 8));
    // What is made of it makes no trouble further on either.
    let (mut buffer, mut tick) = (JitterBuffer::new(Any), [0.0; 480]);
    packets.into_iter().for_each(|packet| buffer.insert(packet));
    buffer.pull(of.at, &mut tick);
}

pub fn opus_payloads() -> Vec<Vec<u8>> {
    let config = opus::EncoderConfig::default();
    let mut encoder = opus::Encoder::new(config).expect("an encoder");
    (0..8)
        .map(|n| {
            let tone: Vec<f32> = (0..960).map(|i| ((n * 960 + i) as f32 * 0.06).sin() * 0.3).collect();
            encoder.encode(&tone).expect("a packet").to_vec()
        })
        .collect()
}

pub fn opus(input: &[u8]) {
    thread_local!(static DECODER: RefCell<Option<opus::Decoder>> = const { RefCell::new(None) });
    DECODER.with_borrow_mut(|decoder| {
        let decoder = decoder.get_or_insert_with(|| opus::Decoder::new().expect("a decoder"));
        let mut out = Vec::new();
        if let Ok(samples) = opus::samples_in(input) {
            assert!(samples <= 5_760);
        }
        if opus::may_carry_fec(input) {
            let _ = decoder.decode_fec(input, 960, &mut out);
        }
        let _ = decoder.decode(input, &mut out);
        assert!(out.len() <= 960 + 5_760 && out.iter().all(|sample| sample.is_finite()));
    });
}

pub fn h264_units() -> Vec<Vec<u8>> {
    let config = h264::EncoderConfig { width: 64, height: 48, fps: 30.0, bitrate_bps: 200_000 };
    let mut encoder = h264::Encoder::new(config).expect("an encoder");
    (0..6_u8)
        .filter_map(|n| {
            let mut planes: Vec<u8> = (0..64 * 48).map(|i| (i as u8).wrapping_mul(n + 1)).collect();
            planes.resize(64 * 48 * 3 / 2, 128);
            let frame = VideoFrame::new(64, 48, planes, Duration::from_millis(u64::from(n) * 33)).expect("a frame");
            Some(encoder.encode(&frame, Instant::now()).expect("encodes")?.data.to_vec())
        })
        .collect()
}

pub fn h264(input: &[u8]) {
    // A new one now and then: what a stream says of its size, up to what its level allows, is kept until its end.
    thread_local!(static DECODER: RefCell<(u32, Option<h264::Decoder>)> = const { RefCell::new((0, None)) });
    DECODER.with_borrow_mut(|(inputs, decoder)| {
        *inputs += 1;
        if inputs.is_multiple_of(200) {
            *decoder = None;
        }
        let decoder = decoder.get_or_insert_with(|| h264::Decoder::new().expect("a decoder"));
        let _ = h264::nal_types(input).count();
        let data = Bytes::copy_from_slice(input);
        let at = Instant::now();
        let unit = EncodedVideo { data, keyframe: false, media_time: Duration::ZERO, at, captured: None };
        if let Ok(Some(frame)) = decoder.decode(&unit) {
            assert!(frame.width() <= VideoFrame::MAX_SIDE && frame.height() <= VideoFrame::MAX_SIDE);
        }
    });
}

pub fn frames() -> Vec<Vec<u8>> {
    let samples = |of: fn(usize) -> f32| (0..960).flat_map(|n| of(n).to_le_bytes()).collect::<Vec<u8>>();
    vec![
        samples(|n| (n as f32 * 0.06).sin() * 0.3),
        samples(|_| 0.0),
        samples(|n| if n % 100 == 0 { 1.0 } else { -0.001 }),
    ]
}

pub fn stretch(input: &[u8]) {
    let frame: Vec<f32> = input
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .map(|sample| if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 })
        .collect();
    for urgent in [false, true] {
        let (mut less, mut more) = (frame.clone(), frame.clone());
        let at = frame.len() / 2;
        let (out, into) = (stretch::shrink(&mut less, at, urgent), stretch::expand(&mut more, at, urgent));
        assert_eq!((less.len() + out, more.len()), (frame.len(), frame.len() + into));
        assert!(less.iter().chain(&more).all(|sample| sample.is_finite()));
    }
}
