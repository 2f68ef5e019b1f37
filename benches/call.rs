//! What a call costs and how fast it is: two headless sessions in one process, pattern and tone, no display.
//!
//! `cargo bench --bench call [-- SECONDS [360p30|720p30]]`, 10 seconds each by default. Processor time is that of the whole
//! process, halved: one side's share. One JSON object a scene.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run should say where")]

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::*;

fn side(video: VideoRequest) -> (Session, mpsc::Receiver<SessionEvent>) {
    Session::start(SessionConfig {
        camera: VideoInput::Spec(VideoSpec::Scene),
        microphone: AudioSpec::Tone(440).into(),
        speaker: SinkSpec::None.into(),
        ring: SinkSpec::None.into(),
        video,
        ..SessionConfig::default()
    })
}

async fn until(events: &mut mpsc::Receiver<SessionEvent>, wanted: fn(&SessionEvent) -> bool) -> Instant {
    loop {
        let event = events.recv().await.unwrap();
        if wanted(&event) {
            return Instant::now();
        }
    }
}

fn connected(event: &SessionEvent) -> bool {
    matches!(event, SessionEvent::ConnectionState { state: ConnectionState::Connected, .. })
}

fn first_frame(event: &SessionEvent) -> bool {
    matches!(event, SessionEvent::FirstFrame { .. })
}

async fn scene(name: &str, video: VideoRequest, length: Duration) {
    let (ann, mut anns_events) = side(video);
    let (bob, mut bobs_events) = side(video);
    let click = Instant::now();
    ann.add_peer("bob", PeerConfig::default()).await.unwrap();
    let offer = ann.create_offer("bob").await.unwrap();
    bob.add_peer("ann", PeerConfig::default()).await.unwrap();
    let answer = bob.accept_offer("ann", offer).await.unwrap();
    ann.accept_answer("bob", answer).await.unwrap();
    let (of_ann, of_bob) = tokio::join!(
        async { (until(&mut anns_events, connected).await, until(&mut anns_events, first_frame).await) },
        async { (until(&mut bobs_events, connected).await, until(&mut bobs_events, first_frame).await) },
    );
    let ms = |at: Instant| (at - click).as_secs_f64() * 1000.0;
    // The encoder's and the jitter buffer's first second is their own.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for (session, peer) in [(&ann, "bob"), (&bob, "ann")] {
        session.stats(peer).await.unwrap();
    }
    let (begun, cpu) = (Instant::now(), process().cpu_s);
    let mut latencies = Vec::new();
    let (mut fps, mut bitrate, mut rounds) = (0.0, 0, 0.0);
    while begun.elapsed() < length {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let stats = bob.stats("ann").await.unwrap();
        latencies.extend(stats.received.video.latency_ms);
        fps += stats.received.video.fps;
        bitrate = stats.received.video.bitrate_bps;
        rounds += 1.0;
    }
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    let end = process();
    let cpu = end.cpu_s.zip(cpu).map(|(end, begin)| (end - begin) / minutes / 2.0);
    let (there, here) = (ann.stats("bob").await.unwrap(), bob.stats("ann").await.unwrap());
    let mean = |of: fn(&visavis::model::stats::Percentiles) -> f64| {
        latencies.iter().map(of).sum::<f64>() / latencies.len().max(1) as f64
    };
    let figures = serde_json::json!({
        "scene": name,
        "setup_ms": ms(of_ann.0.max(of_bob.0)),
        "first_frame_ms": [ms(of_ann.1), ms(of_bob.1)],
        "latency_ms": { "p50": mean(|p| p.p50), "p95": mean(|p| p.p95) },
        "fps": fps / rounds,
        "frames": here.received.video.frames,
        "dropped": there.sent.video.dropped,
        "freezes": here.received.video.freezes,
        "bitrate_bps": bitrate,
        "encode_ms": there.sent.video.encode_ms,
        "decode_ms": here.received.video.decode_ms,
        "jitter_buffer_ms": here.received.audio.jitter_buffer_ms,
        "cpu_s_per_call_minute_and_side": cpu,
        "pss_mb": end.pss_mb,
    });
    println!("{figures}");
    tokio::join!(ann.close(), bob.close());
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let seconds = arguments.first().and_then(|s| s.parse().ok()).unwrap_or(10);
    let only = arguments.get(1).map(String::as_str);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for (name, width, height) in [("360p30", 640, 360), ("720p30", 1280, 720)] {
        if only.is_none_or(|only| only == name) {
            runtime.block_on(scene(name, VideoRequest { width, height, fps: 30 }, Duration::from_secs(seconds)));
        }
    }
    runtime.shutdown_timeout(Duration::from_secs(3));
}
