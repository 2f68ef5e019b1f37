//! The whole of a call in one process: two sessions, an offer, an answer, pictures.
//!
//! ```text
//! cargo run --example two_peers [-- SECONDS]
//! ```
//!
//! What goes from one side to the other by `to_string()` and `parse()` here, your program carries over whatever it has:
//! a WebSocket, a chat, a file.

#![allow(clippy::print_stdout, reason = "an example speaks to the terminal")]

use std::time::Duration;

use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::*;

/// A pattern and a tone instead of devices, so that it runs on every machine. Leave it at the default for the real ones.
fn config() -> SessionConfig {
    SessionConfig {
        camera: VideoInput::Spec(VideoSpec::Scene),
        microphone: AudioSpec::Tone(440).into(),
        speaker: SinkSpec::None.into(),
        ring: SinkSpec::None.into(),
        ..SessionConfig::default()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(5);

    // 1. Two sessions, each with the other as a peer.
    let (ann, mut anns_events) = Session::start(config());
    let (bob, mut bobs_events) = Session::start(config());
    ann.add_peer("bob", PeerConfig::default()).await?;
    bob.add_peer("ann", PeerConfig::default()).await?;

    // 2. Offer and answer, as the JSON that browsers speak.
    let offer: String = ann.create_offer("bob").await?.to_string();
    let answer: String = bob.accept_offer("ann", offer.parse::<Description>()?).await?.to_string();
    ann.accept_answer("bob", answer.parse::<Description>()?).await?;

    // 3. Events of both sides; candidates go to the other one.
    let talk = async {
        loop {
            tokio::select! {
                Some(event) = anns_events.recv() => match event {
                    SessionEvent::Candidate { candidate, .. } => bob.accept_candidate("ann", candidate).await?,
                    SessionEvent::ConnectionState { peer, state } => println!("ann – {peer}: {state:?}"),
                    SessionEvent::FirstFrame { peer } => println!("ann sees {peer}"),
                    _ => {}
                },
                Some(event) = bobs_events.recv() => match event {
                    SessionEvent::Candidate { candidate, .. } => ann.accept_candidate("bob", candidate).await?,
                    SessionEvent::FirstFrame { peer } => println!("bob sees {peer}"),
                    _ => {}
                },
                else => return Ok::<(), SessionError>(()),
            }
        }
    };
    if let Ok(ended) = tokio::time::timeout(Duration::from_secs(seconds), talk).await {
        ended?;
    }

    // 4. The newest picture is always in the peer's player; statistics have W3C's names.
    let player = ann.player("bob")?;
    if let Some(frame) = player.newest() {
        println!("picture {}: {} × {}", player.sequence(), frame.width(), frame.height());
    }
    let report = ann.stats_report("bob").await?;
    for stream in &report.inbound_rtp {
        println!("{:?}: {} packets, {} lost", stream.kind, stream.packets_received, stream.packets_lost);
    }

    // 5. By name: dropping a session tells nobody.
    ann.close().await;
    bob.close().await;
    Ok(())
}
