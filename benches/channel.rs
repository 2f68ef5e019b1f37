//! How fast a data channel is: two sessions in one process, over the loopback interface.
//!
//! `cargo bench --bench channel [-- MEGABYTES]`, 64 by default. One JSON object a message size; processor time is that of
//! the whole process, both sides together.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run should say where")]

use std::time::Instant;

use tokio::sync::mpsc;
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::*;

fn side() -> (Session, mpsc::Receiver<SessionEvent>) {
    Session::start(SessionConfig {
        camera: VideoInput::Spec(VideoSpec::None),
        microphone: AudioSpec::None.into(),
        speaker: SinkSpec::None.into(),
        ring: SinkSpec::None.into(),
        ..SessionConfig::default()
    })
}

/// Reads a side's messages to the end and tells how many bytes have come.
async fn drain(
    mut events: mpsc::Receiver<SessionEvent>,
    open: mpsc::Sender<()>,
    bytes: tokio::sync::watch::Sender<usize>,
) {
    while let Some(event) = events.recv().await {
        match event {
            SessionEvent::ChannelOpen { channel, .. } if channel == "bulk" => open.send(()).await.unwrap(),
            SessionEvent::Message { message, .. } => bytes.send_modify(|sum| *sum += message.as_bytes().len()),
            _ => {}
        }
    }
}

async fn measure(total: usize) {
    let (ann, anns_events) = side();
    let (bob, bobs_events) = side();
    let config = PeerConfig {
        video: false,
        audio: false,
        channels: vec![ChannelConfig::reliable("bulk")],
        ..PeerConfig::default()
    };
    ann.add_peer("bob", config.clone()).await.unwrap();
    bob.add_peer("ann", config).await.unwrap();
    let offer = ann.create_offer("bob").await.unwrap();
    let answer = bob.accept_offer("ann", offer).await.unwrap();
    ann.accept_answer("bob", answer).await.unwrap();
    let (open, mut opened) = mpsc::channel(2);
    let (bytes, mut arrived) = tokio::sync::watch::channel(0);
    let unread = tokio::sync::watch::Sender::new(0);
    let readers =
        [tokio::spawn(drain(anns_events, open.clone(), unread)), tokio::spawn(drain(bobs_events, open, bytes))];
    opened.recv().await;
    opened.recv().await;
    for size in [1 << 10, 16 << 10, MAX_MESSAGE] {
        let messages = total / size;
        let (begun, cpu, before) = (Instant::now(), process().cpu_s, *arrived.borrow());
        for _ in 0..messages {
            ann.send("bob", "bulk", Message::Binary(vec![7; size].into())).await.unwrap();
        }
        arrived.wait_for(|bytes| *bytes >= before + messages * size).await.unwrap();
        let (took, cost) = (begun.elapsed().as_secs_f64(), process().cpu_s.zip(cpu).map(|(end, begin)| end - begin));
        let figures = serde_json::json!({
            "message_bytes": size,
            "megabytes_per_s": (messages * size) as f64 / took / 1e6,
            "cpu_s_per_100_megabytes": cost.map(|cost| cost * 1e8 / (messages * size) as f64),
        });
        println!("{figures}");
    }
    tokio::join!(ann.close(), bob.close());
    for reader in readers {
        reader.abort();
    }
}

fn main() {
    let megabytes = std::env::args().skip(1).find_map(|argument| argument.parse::<usize>().ok()).unwrap_or(64);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(measure(megabytes * 1_000_000));
}
