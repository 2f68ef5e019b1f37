//! A call with no server at all: people carry the two descriptions, by chat, mail or on paper.
//!
//! ```text
//! cargo run --example copy_paste -- offer            # prints a line; send it to the other person
//! cargo run --example copy_paste -- answer           # paste it there; prints a line; send it back
//! ```
//!
//! `--devices` uses camera, microphone and speaker instead of a pattern, a tone and nothing; `--for SECONDS` ends the call.
//! Each line carries every candidate (nothing more needs to be sent later), so that one copy each way is enough. It works
//! on one machine and in one network; beyond, give both sides a STUN server (`--stun stun:host:port`).

#![allow(clippy::print_stdout, reason = "an example speaks to the terminal")]

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};
use tokio::sync::mpsc::Receiver;
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::*;

type Fault = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().skip_while(|word| *word != name).nth(1).cloned();
    let mut config = SessionConfig::default();
    if !arguments.iter().any(|word| word == "--devices") {
        config.camera = VideoInput::Spec(VideoSpec::Scene);
        config.microphone = AudioSpec::Tone(440).into();
        config.speaker = SinkSpec::None.into();
        config.ring = SinkSpec::None.into();
    }
    if let Some(url) = value("--stun") {
        config.ice_servers = vec![IceServer { urls: vec![url], ..IceServer::default() }];
    }
    let length = value("--for").and_then(|seconds| seconds.parse().ok()).map_or(Duration::MAX, Duration::from_secs);

    let (session, mut events) = Session::start(config);
    session.add_peer("friend", PeerConfig::default()).await?;
    let mut typed = BufReader::new(tokio::io::stdin()).lines();
    match arguments.first().map(String::as_str) {
        Some("offer") => {
            session.create_offer("friend").await?;
            let offer = session.complete_description("friend").await?;
            println!("send this line to your friend, and paste the answer:\n{offer}");
            let answer = paste(&mut typed).await?;
            session.accept_answer("friend", answer).await?;
        }
        Some("answer") => {
            println!("paste your friend's line:");
            let offer = paste(&mut typed).await?;
            session.accept_offer("friend", offer).await?;
            let answer = session.complete_description("friend").await?;
            println!("send this line back:\n{answer}");
        }
        _ => return Err("say `offer` or `answer`".into()),
    }
    let _ = tokio::time::timeout(length, follow(&mut events)).await;
    session.close().await;
    Ok(())
}

/// A line that holds a description; others are passed over.
async fn paste(typed: &mut Lines<BufReader<Stdin>>) -> Result<Description, Fault> {
    while let Some(line) = typed.next_line().await? {
        match line.trim().parse() {
            Ok(description) => return Ok(description),
            Err(e) if line.starts_with('{') => println!("{e}"),
            Err(_) => {}
        }
    }
    Err("the input ended before a description came".into())
}

/// Tells what happens until the other side leaves.
async fn follow(events: &mut Receiver<SessionEvent>) {
    while let Some(event) = events.recv().await {
        match event {
            SessionEvent::FirstFrame { .. } => println!("you see your friend"),
            SessionEvent::ConnectionState { state, .. } => {
                println!("{state:?}");
                if matches!(state, ConnectionState::Closed | ConnectionState::Failed) {
                    return;
                }
            }
            _ => {}
        }
    }
}
