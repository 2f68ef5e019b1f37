//! Shows one screen of the window with fixed state and a moving picture:
//! `cargo run --example gallery -- SCREEN [light] [SECONDS]`, where SCREEN is one of home, empty, first-run, call, bare,
//! calling, reconnecting, ended, testing, report, bare-report, incoming, stranger.
//!
//! Prints what the window asks for, and when. With a number as last argument it ends after as many seconds.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever started it")]

#[path = "../tests/gui_world/mod.rs"]
mod world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use visavis::client::handle;
use visavis::model::command::Command;
use visavis::model::outcome::Outcome;
use visavis::model::settings::{Settings, Theme};
use visavis::model::slot::Player;
use visavis::model::snapshot::{PlayerKey, Snapshot, Stage};

fn state(screen: &str) -> Option<Snapshot> {
    Some(match screen {
        "home" => world::home(),
        "empty" => Snapshot { recents: Arc::default(), ..world::home() },
        "first-run" => world::first_run(),
        "call" => world::call(Stage::Connected),
        "calling" => world::call(Stage::Ringing),
        "reconnecting" => world::call(Stage::Reconnecting),
        "ended" => world::call(Stage::Ended(Outcome::NoAnswer)),
        "report" => world::test_call(Stage::Ended(Outcome::Accepted), 12, Some(world::report())),
        "testing" => world::test_call(Stage::Connected, 3, None),
        "bare-report" => world::without_devices(world::test_call(Stage::Connected, 12, Some(world::bare_report()))),
        "bare" => world::without_devices(world::call(Stage::Connected)),
        "stranger" => Snapshot { incoming: Some(world::stranger()), ..world::home() },
        "incoming" => Snapshot { incoming: Some(world::incoming()), ..world::home() },
        _ => return None,
    })
}

fn main() {
    tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).init();
    let began = Instant::now();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let screen = arguments.first().map_or("home", String::as_str);
    let Some(mut snapshot) = state(screen) else {
        eprintln!("there is no screen “{screen}”");
        std::process::exit(2);
    };
    if arguments.iter().any(|a| a == "light") {
        snapshot.settings = Arc::new(Settings { theme: Theme::Light, ..(*snapshot.settings).clone() });
    }
    let seconds = arguments.last().and_then(|a| a.parse::<u64>().ok());
    let (window, mut desk) = handle::pair(snapshot.clone());
    let (me, them) = (Player::new(), Player::new());
    desk.set_player(PlayerKey::Preview, Some(me.clone()));
    desk.set_player(PlayerKey::Remote(world::call_id()), Some(them.clone()));
    std::thread::spawn(move || {
        let frames: Vec<_> = (0..30)
            .map(|n| {
                let turn = n as f32 / 30.0 * std::f32::consts::TAU;
                (world::person(1280, 720, (150, 112), turn), world::person(640, 360, (118, 118), -turn))
            })
            .collect();
        let mut n = 0;
        loop {
            let (there, here) = &frames[n % frames.len()];
            them.put(Arc::clone(there));
            me.put(Arc::clone(here));
            n += 1;
            std::thread::sleep(Duration::from_millis(33));
            while let Ok(command) = desk.commands.try_recv() {
                println!("{:>6} ms  {command:?}", began.elapsed().as_millis());
                match command {
                    Command::Quit => snapshot.quitting = true,
                    Command::Settings(settings) => snapshot.settings = Arc::new(*settings),
                    Command::Mute(on) => snapshot.media.muted = on,
                    Command::Camera(on) => snapshot.media.camera_on = on,
                    Command::RaiseHand(on) => snapshot.media.hand = on,
                    Command::DismissEnded | Command::HangUp => snapshot.call = None,
                    Command::Decline { .. } | Command::Accept { .. } => snapshot.incoming = None,
                    _ => {}
                }
                desk.publish(snapshot.clone());
            }
            if seconds.is_some_and(|s| began.elapsed() > Duration::from_secs(s)) {
                snapshot.quitting = true;
                desk.publish(snapshot.clone());
            }
        }
    });
    if let Err(e) = visavis::ui::run(window) {
        eprintln!("{e}");
        std::process::exit(1);
    }
}
