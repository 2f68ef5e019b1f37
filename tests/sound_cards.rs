//! Plain ALSA, without a sound server: a card that is pulled out while it is used, and plugged in again. Needs Linux's
//! snd-aloop with two cards, `Loopback` and `Plug`, and root: `make test-cards` has both on a virtual machine. Elsewhere
//! it skips itself, with a word.

#![cfg(all(feature = "gui", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test says what it measured, and fails by panicking")]

mod common;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::wait_for;
use visavis::client::config::{Overrides, ServerChoice};
use visavis::client::{ClientConfig, start};
use visavis::device::sound;
use visavis::model::command::Command;
use visavis::model::device::DeviceState;
use visavis::model::notice::Notice;
use visavis::model::preference::DeviceUse;
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};

/// A virtual machine without KVM is twenty times slower.
const LIMIT: Duration = Duration::from_secs(500);
const SOON: Duration = Duration::from_secs(120);

const DRIVER: &str = "/sys/bus/platform/drivers/snd_aloop";

/// The platform's name of the card called so, by which it is pulled out.
fn platform_name(card: &str) -> Option<String> {
    let cards = std::fs::read_dir("/sys/class/sound").ok()?.flatten();
    let paths = cards.map(|entry| entry.path());
    let named = |path: &PathBuf| std::fs::read_to_string(path.join("id")).is_ok_and(|id| id.trim() == card);
    let device = std::fs::canonicalize(paths.into_iter().find(named)?.join("device")).ok()?;
    Some(device.file_name()?.to_string_lossy().into_owned())
}

fn id(card: &str, device: u8) -> String {
    format!("alsa:plughw:CARD={card},DEV={device}")
}

#[test]
fn a_card_is_pulled_out_and_plugged_in_again() {
    let name = platform_name("Plug").filter(|_| Path::new(DRIVER).join("unbind").exists());
    let Some(name) = name else {
        println!("skipped: there is no card to pull out; make test-cards has one");
        return;
    };
    common::with_limit(LIMIT, || pulled_out(&name));
}

fn pulled_out(name: &str) {
    println!("cards: {:?}", sound::list());
    let home = tempfile::tempdir().unwrap();
    let mut config = ClientConfig::new(home.path());
    config.server = ServerChoice::None;
    config.overrides = Overrides { camera: Some(VideoSpec::None), ..Overrides::default() };
    let (handle, mut running) = start(config).unwrap();
    let mut notices = running.first_notices();
    for card in ["Loopback", "Plug"] {
        let mut settings = (*handle.snapshot().settings).clone();
        // What one plays is not what the other hears: a microphone of its own on each card.
        settings.microphone = AudioSpec::Device(id(card, 1));
        settings.speaker = SinkSpec::Device(id(card, 0));
        handle.command(Command::Settings(Box::new(settings.clone()))).unwrap();
        let same = || handle.snapshot().settings.microphone == settings.microphone;
        wait_for("the choice", SOON, || same().then_some(()));
    }
    handle.command(Command::Preview(true)).unwrap();
    let is_open = |of: DeviceUse, card: &str| {
        let media = &handle.snapshot().media;
        let (state, device) = match of {
            DeviceUse::Microphone => (&media.microphone, 1),
            _ => (&media.speaker, 0),
        };
        matches!(state, DeviceState::Open { id: open, .. } if *open == id(card, device))
    };
    let opens = |card: &str| {
        let since = Instant::now();
        wait_for(&format!("{card} to be open"), SOON, || {
            (is_open(DeviceUse::Microphone, card) && is_open(DeviceUse::Speaker, card)).then_some(())
        });
        println!("{card} open after {:?}: {:?}", since.elapsed(), handle.snapshot().media.microphone);
    };
    // Microphone and speaker are said together, or one after the other where the machine is slow: what the last word
    // was of.
    let mut told = |words: &str| {
        let mut said = Vec::new();
        loop {
            let switch = wait_for(words, SOON, || match notices.try_recv() {
                Ok(Notice::Devices(switch)) => Some(switch),
                _ => None,
            });
            println!("{}", switch.sentence());
            assert!(switch.sentence().contains(words), "{}", switch.sentence());
            let uses: Vec<DeviceUse> = switch.changes.iter().map(|change| change.of).collect();
            said.extend(uses.clone());
            if said.contains(&DeviceUse::Microphone) && said.contains(&DeviceUse::Speaker) {
                return (uses, switch.undo);
            }
        }
    };
    opens("Plug");

    // The kernel waits there until everybody has closed the card.
    let name = name.to_owned();
    let (driver, device) = (PathBuf::from(DRIVER), name.clone());
    let pulling = std::thread::spawn(move || std::fs::write(driver.join("unbind"), device));
    opens("Loopback");
    assert!(!told("is gone").1);
    pulling.join().unwrap().unwrap();
    let gone = |card: &str| !handle.snapshot().devices.speakers.iter().any(|device| device.id == id(card, 0));
    wait_for("the list without it", SOON, || gone("Plug").then_some(()));

    std::fs::write(Path::new(DRIVER).join("bind"), name).unwrap();
    opens("Plug");
    let (uses, undo) = told("is back");
    assert!(undo);
    handle.command(Command::UndoDevices).unwrap();
    wait_for("the way back", SOON, || uses.iter().all(|of| is_open(*of, "Loopback")).then_some(()));
    handle.command(Command::Quit).unwrap();
}
