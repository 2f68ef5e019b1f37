//! Every parser of what comes from elsewhere, fed with valid seeds that were spoilt: some thousand inputs each in
//! `make test`, a million each in `make fuzz` (`VISAVIS_FUZZ=1000000`; `VISAVIS_FUZZ_SEED=N` for another run).
//!
//! A target panics or aborts where it fails; then the input is printed, to become a test beside the parser. Memory is looked at
//! between the first and the last tenth: what grows with the number of inputs leaks.

#![allow(clippy::print_stderr, reason = "the figures of a long run are what it is for")]

#[path = "../common/mod.rs"]
mod common;
mod disk;
mod feedback;
mod files;
mod ice;
mod media;
mod mutate;
mod text;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use mutate::Mutator;

/// One parser.
struct Target {
    name: &'static str,
    /// Valid inputs.
    seeds: fn() -> Vec<Vec<u8>>,
    run: fn(&[u8]),
}

/// Inputs each, where nothing else is said.
const FEW: u64 = 2_000;

fn resident_kb() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn fuzz(target: &Target) {
    let inputs = number("VISAVIS_FUZZ").unwrap_or(FEW);
    // In `make test` every run does the same; a long one may be given another seed.
    let mut mutator = Mutator::new((target.seeds)(), number("VISAVIS_FUZZ_SEED").unwrap_or(1));
    let (begun, mut early, mut late) = (Instant::now(), 0, u64::MAX);
    for n in 0..inputs {
        let input = mutator.next();
        if catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).is_err() {
            panic!("{} failed on input {n}: b\"{}\"", target.name, input.escape_ascii());
        }
        if n == inputs / 10 {
            early = resident_kb();
        }
        // The least of some looks: a single input may take much for a moment.
        if n >= inputs / 10 * 9 && n % (inputs / 100).max(1) == 0 {
            late = late.min(resident_kb());
        }
    }
    let late = late.min(resident_kb());
    let took = begun.elapsed();
    eprintln!("{}: {inputs} inputs in {took:.1?}, 0 panics, memory {early} → {late} kB", target.name);
    // Allocators and pools settle late; a leak of one small allocation an input would be over this by far.
    assert!(late <= early + early / 10 + 8_192, "{} grew from {early} to {late} kB", target.name);
}

macro_rules! targets {
    ($($name:ident: $seeds:path, $run:path;)*) => {
        $(#[test]
        fn $name() {
            let _guard = common::guard(Duration::from_secs(if number("VISAVIS_FUZZ").is_some() { 3 * 3600 } else { 60 }));
            fuzz(&Target { name: stringify!($name), seeds: $seeds, run: $run });
        })*
    };
}

targets! {
    descriptions: text::descriptions, text::description;
    session_descriptions: text::sdps, text::crate_sdp;
    offers_and_answers: text::sdps, text::offer;
    candidates: text::candidates, text::candidate;
    candidate_lines: text::candidate_lines, text::candidate_line;
    control_frames: text::controls, text::control;
    chat_frames: text::chats, text::chat;
    file_frames: files::frames, files::frame;
    bodies: text::bodies, text::body;
    signaling_messages: text::messages, text::message;
    envelopes: text::envelopes, text::envelope;
    the_hub: text::hub_talks, text::hub_talk;
    the_signaling_client: text::client_talks, text::client_talk;
    ids_and_invitations: text::ids, text::id;
    server_urls: ice::urls, ice::url;
    stun_messages: ice::stun_messages, ice::stun_message;
    relay_streams: ice::relay_streams, ice::relay_stream;
    video_packets: media::video_packets, media::video;
    repair_packets: media::repair_packets, media::repair;
    redundant_sound: media::redundant_sounds, media::redundant_sound;
    feedback_on_packets: feedback::reports, feedback::read;
    sound_packets: media::sound_packets, media::sound;
    opus_payloads: media::opus_payloads, media::opus;
    h264_units: media::h264_units, media::h264;
    stretching: media::frames, media::stretch;
    wav_files: disk::wavs, disk::wav;
    y4m_files: disk::y4ms, disk::y4m;
}
