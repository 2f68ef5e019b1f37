//! Data channels: text and bytes, in order or not, with back-pressure.
//!
//! ```text
//! cargo run --example data_channels
//! ```

#![allow(clippy::print_stdout, reason = "an example speaks to the terminal")]

use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::*;

/// No devices at all: channels need none.
fn config() -> SessionConfig {
    SessionConfig {
        camera: VideoInput::Spec(VideoSpec::None),
        microphone: AudioSpec::None.into(),
        speaker: SinkSpec::None.into(),
        ring: SinkSpec::None.into(),
        ..SessionConfig::default()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (ann, anns_events) = Session::start(config());
    let (bob, mut bobs_events) = Session::start(config());

    // Two channels in the offer: a chat, and positions in a game, where only the newest counts.
    let chat = ChannelConfig::reliable("chat");
    let moves = ChannelConfig { ordered: false, max_retransmits: Some(0), ..ChannelConfig::reliable("moves") };
    let quiet = PeerConfig { video: false, audio: false, ..PeerConfig::default() };
    ann.add_peer("bob", PeerConfig { channels: vec![chat, moves], ..quiet.clone() }).await?;
    bob.add_peer("ann", quiet).await?;

    // Sent before anything is connected: it waits, up to a bound, and goes first.
    ann.send("bob", "chat", Message::Text("hello".into())).await?;

    let offer = ann.create_offer("bob").await?;
    let answer = bob.accept_offer("ann", offer).await?;
    ann.accept_answer("bob", answer).await?;
    tokio::spawn(forward(anns_events, bob.clone(), "ann"));

    // A later channel needs no new offer. `send` waits while 1 MiB is on its way, so a file needs no bookkeeping.
    ann.add_channel("bob", ChannelConfig { protocol: "file/1".into(), ..ChannelConfig::reliable("files") }).await?;
    let sender = ann.clone();
    let file = tokio::spawn(async move {
        sender.writable("bob", "files").await?; // opened
        for part in 0..100_u8 {
            sender.send("bob", "files", Message::Binary(vec![part; 16 * 1024].into())).await?;
        }
        sender.send("bob", "moves", Message::Text("e4".into())).await?;
        // Closing lets what was sent arrive first.
        sender.close_channel("bob", "files").await
    });

    let (mut bytes, mut moved, mut closed) = (0, false, false);
    while !(moved && closed) {
        match bobs_events.recv().await.ok_or("bob's session ended")? {
            SessionEvent::Candidate { candidate, .. } => ann.accept_candidate("bob", candidate).await?,
            SessionEvent::ChannelOpen { channel, .. } => {
                let there = bob.channels("ann")?.into_iter().find(|there| there.config.label == channel);
                println!("open: {:?}", there.map(|there| there.config));
            }
            SessionEvent::Message { channel, message: Message::Text(text), .. } => {
                println!("{channel}: {text}");
                moved |= channel == "moves";
            }
            SessionEvent::Message { message: Message::Binary(part), .. } => bytes += part.len(),
            SessionEvent::ChannelClosed { channel, .. } => {
                println!("closed: {channel}, {bytes} bytes came");
                closed |= channel == "files";
            }
            _ => {}
        }
    }
    file.await??;
    ann.close().await;
    bob.close().await;
    Ok(())
}

/// Reads a side's events, which must be read, and carries its candidates over.
async fn forward(mut events: tokio::sync::mpsc::Receiver<SessionEvent>, to: Session, from: &'static str) {
    while let Some(event) = events.recv().await {
        if let SessionEvent::Candidate { candidate, .. } = event
            && to.accept_candidate(from, candidate).await.is_err()
        {
            return;
        }
    }
}
