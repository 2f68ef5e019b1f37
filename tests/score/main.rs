//! Calls of this program over an emulated link, and beside each the same of two Chromiums: `make score` prints a table of
//! picture, latency, set-up and cost ([`calls`]), `make score-audio` one of speech ([`sound`]). Both take root, Python 3
//! and, for the second half, Chromium, and say what is missing. Nothing is asserted: they are measurements.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "tables are what it is for")]

mod calls;
#[path = "../browser_world/chromium.rs"]
mod chromium;
mod endpoint;
mod link;
mod page;
mod sound;

/// Seconds to measure each call for, where whoever calls us says so (`VISAVIS_SCORE_SECONDS`).
fn seconds() -> Option<u64> {
    std::env::var("VISAVIS_SCORE_SECONDS").ok().and_then(|s| s.parse().ok()).filter(|s| *s > 0)
}

/// Whether there is a browser to compare with, and whether it is wanted (`VISAVIS_SCORE_ALONE`).
fn browsers() -> bool {
    chromium::program().is_some() && std::env::var_os("VISAVIS_SCORE_ALONE").is_none()
}

/// Not a test: one end of a call, when a table starts this program for it.
#[test]
#[ignore = "one end of calls, which run it: make score"]
fn endpoint() {
    if std::env::var_os(endpoint::VARIABLE).is_some() {
        endpoint::serve();
    }
}

/// Not a test either: prints the table of speech.
#[test]
#[ignore = "a measurement of ten minutes: make score-audio"]
fn speech() {
    sound::table();
}

/// Nor is this: prints the table of everything else.
#[test]
#[ignore = "a measurement of two hours: make score"]
fn picture() {
    calls::table();
}
