//! Encoder and decoder as a stream without loss, or with nothing but keyframes to heal it, sees them.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn picture(n: u64, width: u32, height: u32) -> VideoFrame {
    let mut frame = VideoFrame::black(width, height, Duration::from_millis(n * 33)).unwrap();
    let mut noise = 7u32;
    for (i, y) in frame.planes_mut().0.iter_mut().enumerate() {
        noise = noise.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let x = i as u64 % u64::from(width) + n * 4;
        *y = (60 + x % 120) as u8 + (noise >> 29) as u8;
    }
    frame
}

fn encoder(bitrate_bps: u32) -> Encoder {
    Encoder::new(EncoderConfig { width: 320, height: 180, fps: 30.0, bitrate_bps }).unwrap()
}

fn encode(encoder: &mut Encoder, n: u64) -> Option<EncodedVideo> {
    encoder.encode(&picture(n, 320, 180), Instant::now()).unwrap()
}

#[test]
fn only_the_first_picture_and_the_asked_for_are_keyframes() {
    let mut encoder = encoder(1_000_000);
    let mut keyframes = Vec::new();
    for n in 0..400 {
        if n == 200 {
            encoder.force_keyframe();
        }
        if encode(&mut encoder, n).is_some_and(|e| e.keyframe) {
            keyframes.push(n);
        }
    }
    assert_eq!(keyframes, [0, 200]);
}

#[test]
fn it_is_constrained_baseline_in_one_slice_with_parameter_sets_before_keyframes() {
    let mut encoder = encoder(1_000_000);
    let first = encode(&mut encoder, 0).unwrap();
    assert_eq!(nal_types(&first.data).collect::<Vec<_>>(), [7, 8, 5]);
    let sps = first.data.windows(4).position(|w| w == [0, 0, 1, 0x67]).unwrap() + 4;
    assert_eq!(first.data[sps], 66, "profile_idc");
    assert_eq!(first.data[sps + 1] & 0x40, 0x40, "constraint_set1_flag");
    let second = encode(&mut encoder, 1).unwrap();
    assert_eq!(nal_types(&second.data).collect::<Vec<_>>(), [1]);
}

#[test]
fn the_bitrate_is_kept_and_changes_at_once() {
    let mut encoder = encoder(800_000);
    let mut n = 0;
    let mut rate = |encoder: &mut Encoder, seconds: u64| -> f64 {
        let pictures = n..n + seconds * 30;
        n = pictures.end;
        let bytes: usize = pictures.filter_map(|n| encode(encoder, n)).map(|e| e.data.len()).sum();
        bytes as f64 * 8.0 / seconds as f64
    };
    for bps in [800_000, 250_000, 1_200_000, 1_800_000, 100_000, 1_500_000, 700_000] {
        encoder.set_bitrate(bps);
        rate(&mut encoder, 1);
        let got = rate(&mut encoder, 6);
        assert!((got / f64::from(bps) - 1.0).abs() < 0.15, "{got} for {bps}");
        assert_eq!(encoder.config().bitrate_bps, bps);
    }
}

#[test]
fn a_keyframe_does_not_hold_up_what_follows_for_long() {
    let bps = 300_000;
    let mut encoder = encoder(bps);
    // What a path that carries just this rate has not delivered yet, bytes, and the most of that.
    let (mut behind, mut most) = (0.0f64, 0.0f64);
    for n in 0..240 {
        let mut frame = picture(n, 320, 180);
        for (i, y) in frame.planes_mut().0.iter_mut().enumerate() {
            // A fabric that hangs still; before it, what moves.
            let (x, row) = (i as u32 % 320, i as u32 / 320);
            if !(100..220).contains(&x) {
                let thread = (x / 3).wrapping_mul(2_654_435_761) ^ (row / 3).wrapping_mul(40_503);
                *y = 80 + (thread.wrapping_mul(69_069) >> 26) as u8;
            }
        }
        if n > 0 && n % 60 == 0 {
            encoder.force_keyframe();
        }
        let unit = encoder.encode(&frame, Instant::now()).unwrap();
        let bytes = unit.map_or(0, |unit| unit.data.len());
        behind = (behind + bytes as f64 - f64::from(bps) / 8.0 / 30.0).max(0.0);
        if n >= 60 {
            most = most.max(behind);
        }
    }
    let ms = most * 8.0 / f64::from(bps) * 1000.0;
    assert!(ms < 105.0, "{ms} ms");
}

#[test]
fn another_size_simply_goes_on_with_a_keyframe() {
    let (mut encoder, mut decoder) = (encoder(1_000_000), Decoder::new().unwrap());
    for (n, (w, h)) in [(320, 180), (320, 180), (640, 360), (180, 320), (180, 320)].into_iter().enumerate() {
        let unit = encoder.encode(&picture(n as u64, w, h), Instant::now()).unwrap().unwrap();
        assert_eq!(unit.keyframe, matches!(n, 0 | 2 | 3));
        let frame = decoder.decode(&unit).unwrap().unwrap();
        assert_eq!((frame.width(), frame.height(), frame.media_time), (w, h, unit.media_time));
    }
    assert_eq!(encoder.encode(&picture(9, 4096, 2160), Instant::now()).unwrap_err(), EncodeError::Size(4096, 2160));
    assert!(encoder.encode(&picture(10, 180, 320), Instant::now()).is_ok());
}

#[test]
fn after_a_loss_it_errs_until_the_next_keyframe() {
    let (mut encoder, mut decoder) = (encoder(1_000_000), Decoder::new().unwrap());
    let mut results = Vec::new();
    for n in 0..30 {
        if n == 20 {
            encoder.force_keyframe();
        }
        let unit = encode(&mut encoder, n).unwrap();
        if n == 10 {
            continue;
        }
        results.push((n, decoder.decode(&unit).is_ok()));
    }
    assert!(results.iter().all(|&(n, ok)| ok != (11..20).contains(&n)), "{results:?}");
}

#[test]
fn a_damaged_unit_does_not_outlive_the_next_keyframe() {
    let (mut encoder, mut decoder) = (encoder(1_000_000), Decoder::new().unwrap());
    decoder.decode(&encode(&mut encoder, 0).unwrap()).unwrap().unwrap();
    let unit = encode(&mut encoder, 1).unwrap();
    let mut cut = unit.clone();
    cut.data = unit.data.slice(..unit.data.len() / 2);
    let broken = decoder.decode(&cut);
    assert!(matches!(broken, Err(_) | Ok(None)), "{broken:?}");
    encoder.force_keyframe();
    assert!(decoder.decode(&encode(&mut encoder, 2).unwrap()).unwrap().is_some());
}

#[test]
fn nothing_is_decoded_before_a_keyframe() {
    let (mut encoder, mut decoder) = (encoder(1_000_000), Decoder::new().unwrap());
    encode(&mut encoder, 0);
    assert_eq!(decoder.decode(&encode(&mut encoder, 1).unwrap()), Err(DecodeError::Waiting));
}

fn unit(data: Vec<u8>) -> EncodedVideo {
    EncodedVideo { data: data.into(), keyframe: true, media_time: Duration::ZERO, at: Instant::now(), captured: None }
}

#[test]
fn a_picture_too_large_to_show_is_refused() {
    // SPS, Baseline, level 5.2, 4096 × 4096 macroblocks (65,536 pixels a side), and an IDR slice to use it.
    let mut bits = String::new();
    let ue = |n: u32| format!("{:0>1$b}", n + 1, 2 * (n + 1).ilog2() as usize + 1);
    for n in [0, 0, 2, 1] {
        bits += &ue(n);
    }
    bits += "0";
    bits += &(ue(4095) + &ue(4095));
    bits += "11001";
    let mut data = vec![0, 0, 0, 1, 0x67, 66, 0xc0, 52];
    for byte in bits.as_bytes().chunks(8) {
        let text = format!("{:0<8}", std::str::from_utf8(byte).unwrap());
        data.push(u8::from_str_radix(&text, 2).unwrap());
    }
    data.extend([0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x65, 0x88, 0x84, 0x00, 0x40]);
    assert!(!matches!(Decoder::new().unwrap().decode(&unit(data)), Ok(Some(_))));
    let mut decoder = Decoder::new().unwrap();
    let mut large = vec![0, 0, 0, 1, 0x65];
    large.resize(MAX_ACCESS_UNIT + 1, 0x55);
    assert_eq!(decoder.decode(&unit(large)), Err(DecodeError::TooLarge(MAX_ACCESS_UNIT + 1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn random_bytes_never_panic(data: Vec<u8>, nal in 0u8..32) {
        let mut decoder = Decoder::new().unwrap();
        let mut bytes = vec![0, 0, 0, 1, 0x65, 0x88, 0, 0, 0, 1, 0x60 | nal];
        bytes.extend(&data);
        let _ = decoder.decode(&unit(bytes));
        let _ = decoder.decode(&unit(data));
    }

    #[test]
    fn flipped_bits_never_panic_and_a_keyframe_heals(flips in proptest::collection::vec((any::<usize>(), 0u8..8), 1..20)) {
        let (mut encoder, mut decoder) = (encoder(300_000), Decoder::new().unwrap());
        for n in 0..2 {
            let mut data = encoder.encode(&picture(n, 64, 48), Instant::now()).unwrap().unwrap().data.to_vec();
            for (at, bit) in &flips {
                let at = at % data.len();
                data[at] ^= 1 << bit;
            }
            let _ = decoder.decode(&unit(data));
        }
        encoder.force_keyframe();
        let clean = encoder.encode(&picture(3, 64, 48), Instant::now()).unwrap().unwrap();
        // The state may be damaged without an error yet; then this one tells, and the next keyframe begins anew.
        if decoder.decode(&clean).is_err() {
            prop_assert!(decoder.decode(&clean).unwrap().is_some());
        }
    }
}
