//! What one picture costs: H.264 both ways, colour conversion, scaling.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use visavis::codec::h264::{Decoder, Encoder, EncoderConfig};
use visavis::codec::{colour, scale::Scaler, timecode};
use visavis::device::{VideoRequest, open_video};
use visavis::model::frame::VideoFrame;
use visavis::model::source::VideoSpec;

const SIZES: [(&str, u32, u32, u32); 2] = [("360p", 640, 360, 800_000), ("720p", 1280, 720, 2_500_000)];

/// One loop of the moving scene.
fn scene(width: u32, height: u32) -> Vec<VideoFrame> {
    let mut source = open_video(&VideoSpec::Scene, VideoRequest { width, height, fps: 240 }).expect("a pattern");
    let mut frames = Vec::new();
    while frames.len() < 30 {
        frames.extend(source.next(Duration::from_secs(1)).expect("a pattern"));
    }
    frames
}

fn encoder(width: u32, height: u32, bitrate_bps: u32) -> Encoder {
    Encoder::new(EncoderConfig { width, height, fps: 30.0, bitrate_bps }).expect("an encoder")
}

fn h264(c: &mut Criterion) {
    for (name, width, height, bitrate) in SIZES {
        let mut frames = scene(width, height);
        let (mut encoder, mut n) = (encoder(width, height, bitrate), 0u32);
        let mut next = move |units: Option<&mut Vec<_>>| {
            let frame = &mut frames[n as usize % 30];
            frame.media_time = Duration::from_secs(n.into()) / 30;
            n += 1;
            let unit = encoder.encode(frame, Instant::now()).expect("a picture");
            if let Some(units) = units {
                units.extend(unit);
            }
        };
        let mut units = Vec::new();
        while units.len() < 300 {
            next(Some(&mut units));
        }
        c.bench_function(&format!("encode {name}"), |b| b.iter(|| next(None)));
        let (mut decoder, mut n) = (Decoder::new().expect("a decoder"), 0);
        c.bench_function(&format!("decode {name}"), |b| {
            b.iter(|| {
                // Beginning again with the keyframe at the end of the list.
                let frame = decoder.decode(&units[n % units.len()]).expect("a picture");
                n += 1;
                black_box(frame)
            });
        });
    }
}

fn pixels(c: &mut Criterion) {
    for (name, width, height, _) in SIZES {
        let frame = scene(width, height).swap_remove(0);
        let pixels = (width * height) as usize;
        let (yuyv, nv12, rgb) = (vec![90; pixels * 2], vec![90; pixels * 3 / 2], vec![90; pixels * 3]);
        let mut rgba = Vec::new();
        c.bench_function(&format!("YUYV to I420 {name}"), |b| b.iter(|| colour::yuyv_to_i420(&yuyv, width, height)));
        c.bench_function(&format!("NV12 to I420 {name}"), |b| b.iter(|| colour::nv12_to_i420(&nv12, width, height)));
        c.bench_function(&format!("RGB to I420 {name}"), |b| b.iter(|| colour::rgb_to_i420(&rgb, width, height)));
        c.bench_function(&format!("I420 to RGBA {name}"), |b| b.iter(|| colour::i420_to_rgba(&frame, &mut rgba)));
        let mut scaler = Scaler::new();
        c.bench_function(&format!("half of {name}"), |b| b.iter(|| scaler.shrink(&frame, width / 2, height / 2)));
        c.bench_function(&format!("timecode {name}"), |b| {
            b.iter_batched_ref(|| frame.clone(), |frame| timecode::stamp(frame, 1_234_567), BatchSize::SmallInput);
        });
    }
}

criterion_group!(benches, h264, pixels);
criterion_main!(benches);
