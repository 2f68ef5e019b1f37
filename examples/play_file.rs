//! A peer that plays a film into a call: pictures from a .y4m file, sound from a .wav file, again and again.
//!
//! ```text
//! cargo run --example play_file -- film.y4m [sound.wav] [--for SECONDS]
//! ```
//!
//! The viewer is a second session here, so that it runs by itself; in your program it is anyone, over your signaling. Both
//! kinds of file are what `ffmpeg -i anything film.y4m sound.wav` makes.

#![allow(clippy::print_stdout, reason = "an example speaks to the terminal")]

use std::path::PathBuf;
use std::time::Duration;

use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::*;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let file = |end: &str| arguments.iter().find(|word| word.ends_with(end)).map(PathBuf::from);
    let film = file(".y4m").ok_or("say which .y4m file is to be played")?;
    let sound = file(".wav").map_or(AudioSpec::None, AudioSpec::File);
    let length = arguments.iter().skip_while(|word| *word != "--for").nth(1).and_then(|word| word.parse().ok());

    let nothing = SessionConfig {
        camera: VideoInput::Spec(VideoSpec::None),
        microphone: AudioSpec::None.into(),
        speaker: SinkSpec::None.into(),
        ring: SinkSpec::None.into(),
        ..SessionConfig::default()
    };
    // The size of the file counts, not that asked of a camera.
    let player =
        SessionConfig { camera: VideoInput::Spec(VideoSpec::File(film)), microphone: sound.into(), ..nothing.clone() };
    let (cinema, mut cinemas_events) = Session::start(player);
    let (guest, mut guests_events) = Session::start(nothing);
    cinema.add_peer("guest", PeerConfig::default()).await?;
    guest.add_peer("cinema", PeerConfig { video: false, audio: false, ..PeerConfig::default() }).await?;

    let offer = cinema.create_offer("guest").await?;
    let answer = guest.accept_offer("cinema", offer).await?;
    cinema.accept_answer("guest", answer).await?;

    let watch = async {
        loop {
            tokio::select! {
                Some(event) = cinemas_events.recv() => match event {
                    SessionEvent::Candidate { candidate, .. } => guest.accept_candidate("cinema", candidate).await?,
                    // A file that cannot be played says why here.
                    SessionEvent::MediaState { camera, .. } => println!("film: {camera:?}"),
                    _ => {}
                },
                Some(event) = guests_events.recv() => match event {
                    SessionEvent::Candidate { candidate, .. } => cinema.accept_candidate("guest", candidate).await?,
                    SessionEvent::FirstFrame { .. } => println!("it plays"),
                    _ => {}
                },
                else => return Ok::<(), SessionError>(()),
            }
        }
    };
    if let Ok(ended) = tokio::time::timeout(length.map_or(Duration::MAX, Duration::from_secs), watch).await {
        ended?;
    }
    let screen = guest.player("cinema")?;
    if let Some(frame) = screen.newest() {
        println!("the guest saw {} pictures, the last of {} × {}", screen.sequence(), frame.width(), frame.height());
    }
    cinema.close().await;
    guest.close().await;
    Ok(())
}
