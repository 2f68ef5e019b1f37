//! The table of `make score`: what a call is worth on good and bad networks, this program's and Chromium's.
//!
//! Both programs send the scene of `pattern:scene` (1280 × 720, 30 a second, H.264) and sound, both ways, over the same
//! emulated link. A run sets up a call, waits, measures; runs of the two programs take turns (A B, B A, A B), so that
//! what the machine does besides falls on both. Each turn has its own random losses, the same for both. Every figure is
//! of each end (set-up: of each call); median and range are over all ends of all runs. A row is won when the median is
//! ahead and the ranges do not overlap.
//!
//! - **Latency** is capture to screen, by the timecode in the picture. A browser tells the refresh at which it shows a
//!   picture (of every fifth); ours tells when each is decoded, and the wait for the next refresh of a screen of 60 Hz is added.
//! - **Frozen** is webrtc-stats' `totalFreezesDuration`, a gap `max(3 × mean, mean + 150 ms)` long or longer.
//! - **Set-up** is from the click to the first picture on the screen of the one who is called, with the same wait added.
//! - **Likeness** is the structural similarity ([`picture`]) of pictures taken every second with the scene, on average over
//!   the pictures of an end; ours are of a pair inside this test's own program, for nobody can look at what `visavis
//!   headless` sees. What share of the link each took for it stands beside.
//! - **Used** are all IP bytes that left the bottleneck, by the link's own count, of all it could carry.
//! - **Video rate** is payload: ours of whole encoded pictures, Chromium's `bytesReceived`, repetitions among it.
//! - **Sound and picture apart** is, of ours, the 95th percentile of each second's, of Chromium's the distance of the two
//!   `estimatedPlayoutTimestamp`s once a second; of either 95 of 100 seconds.
//! - **Back to 90 %** is of the rate that an end itself had before; beside it stands the time to a rate that is the same for
//!   both programs. Either must be there over half a second, and over the three that follow.
//! - **Processor and memory** are of the process with its children, by the kernel's count.
//!
//! A second table ([`between`]) has calls from Chromium to this program ([`across`]), each way for itself: what came from us
//! and what came to us, both judged against calls between two Chromiums. Our end of them is of the debug build, as those
//! whose pictures are looked at; its codecs and pixels are optimised, and its latency and cost measured like the release
//! build's.

mod across;
mod between;
mod chromium;
mod figures;
mod ours;
mod picture;
mod reading;
mod rows;
mod run;
mod scenarios;
mod seen;
mod tcp;
pub mod usage;
mod verdict;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use rows::{FREE, Row};
use run::{Program, Run};
use scenarios::{Extra, SCENARIOS, Scenario};
use verdict::{Spread, Verdict, reached};

use crate::link;

/// Runs of each program, unless `VISAVIS_SCORE_PAIRS` says otherwise.
const PAIRS: usize = 3;

/// What a run takes besides waiting and measuring, roughly, s.
const AROUND_S: f64 = 8.0;

/// How like a picture of the scene is to the same of another program, at least: rounding may differ.
const SAME: f64 = 0.999;

/// Where the raw files go.
fn folder() -> PathBuf {
    let here = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/score");
    std::env::var_os("VISAVIS_SCORE_FOLDER").map_or_else(here, PathBuf::from)
}

/// Runs by scenario and program.
type Runs = HashMap<(&'static str, &'static str), Vec<Run>>;

/// Measures, and prints the table.
pub fn table() {
    if let Some(why) = link::missing() {
        return println!("score: skipped, for there can be no emulated link here: {why}");
    }
    let words = std::env::var("VISAVIS_SCORE_ROWS").unwrap_or_default();
    let (rows, across) = (rows::wanted(&words), between::wanted(&words));
    if rows.is_empty() && across.is_empty() {
        let mut keys: Vec<&str> = rows::ROWS.iter().map(|row| row.key).chain([between::KEY]).collect();
        keys.dedup();
        return println!("score: no row is called “{words}”; there are {}", keys.join(", "));
    }
    let browsers = crate::browsers();
    if !browsers {
        println!("score: without Chromium, which is not installed or not wanted");
    }
    let pairs = std::env::var("VISAVIS_SCORE_PAIRS").ok().and_then(|n| n.parse().ok()).unwrap_or(PAIRS).max(1);
    let across = if browsers { across } else { Vec::new() };
    let (alone, between) = (rows::needed(&rows), between::needed(&across));
    let wanted = |scenario: &&Scenario| alone.iter().chain(&between).any(|other| other.name == scenario.name);
    let scenarios: Vec<&Scenario> = SCENARIOS.iter().filter(wanted).collect();
    let turns = |scenario: &Scenario| {
        let browsers = browsers && scenario.extra != Extra::File;
        order(pairs, browsers, browsers && between.iter().any(|other| other.name == scenario.name))
    };
    let each = |scenario: &&Scenario| {
        let times = scenario.times();
        (times.warm_s + times.measured_s + AROUND_S) * turns(scenario).len() as f64
    };
    let minutes = scenarios.iter().map(each).sum::<f64>() / 60.0;
    println!("score: {} measured; raw files in {}", ours::program().display(), folder().display());
    println!("score: {} networks, {pairs} runs of each program, about {minutes:.0} minutes", scenarios.len());
    let mut runs = Runs::new();
    for scenario in scenarios {
        let turns = turns(scenario);
        for (n, program) in turns.iter().copied().enumerate() {
            // In each turn other packets are lost, and the same for each program.
            let seed = 1 + n * pairs / turns.len();
            let place = folder().join(scenario.name).join(format!("{}-{}", n + 1, program.name().to_lowercase()));
            let _ = std::fs::remove_dir_all(&place);
            // One that fails is told and left out: the others took hours.
            match catch_unwind(AssertUnwindSafe(|| Run::of(scenario, program, seed, &place))) {
                Ok(run) => {
                    let _ = std::fs::write(place.join("summary.json"), format!("{:#}\n", run.summary()));
                    println!(
                        "score: {} {}: link late {:.1} ms, others {:.0} s of processor a minute",
                        scenario.name,
                        program.name(),
                        run.late_ms,
                        run.others
                    );
                    if let Some(scene) = run.scene.filter(|scene| *scene < SAME) {
                        println!(
                            "score: the scene of this run is another one (SSIM {scene:.4}); its likeness is too low"
                        );
                    }
                    runs.entry((scenario.name, program.name())).or_default().push(run);
                }
                Err(_) => println!("score: {} {}: no figures, the run failed", scenario.name, program.name()),
            }
        }
    }
    if !rows.is_empty() {
        println!("\n| row | | Visavis | Chromium | goal | |\n|---|---|---|---|---|---|");
    }
    for row in rows {
        println!("{}", line(row, &runs));
    }
    if !across.is_empty() {
        println!("\n{}", between::HEAD);
    }
    for row in across {
        println!("{}", between::line(row, &runs));
    }
}

/// A B, B A, A B, … and, where they call each other too, A B C, C B A, A B C, …
fn order(pairs: usize, browsers: bool, both: bool) -> Vec<Program> {
    let mut turn = vec![Program::Visavis];
    turn.extend(browsers.then_some(Program::Chromium));
    turn.extend(both.then_some(Program::Both));
    let back: Vec<Program> = turn.iter().rev().copied().collect();
    (0..pairs).flat_map(|n| if n % 2 == 0 { turn.clone() } else { back.clone() }).collect()
}

/// Those of one scenario and program.
fn of<'a>(runs: &'a Runs, scenario: &'static str, program: Program) -> &'a [Run] {
    runs.get(&(scenario, program.name())).map(Vec::as_slice).unwrap_or_default()
}

/// One row as it is printed.
fn line(row: &Row, runs: &Runs) -> String {
    let spread = |program| {
        let free: Vec<f64> = of(runs, FREE, program).iter().map(Run::video_bps).collect();
        let free = Spread::of(&free).map_or(f64::NAN, |free| free.median);
        let values: Vec<f64> =
            of(runs, row.scenario, program).iter().flat_map(|run| (row.figures)(run, free)).collect();
        Spread::of(&values)
    };
    let (ours, theirs) = (spread(Program::Visavis), spread(Program::Chromium));
    let words = |spread: Option<Spread>| spread.map_or("–".to_owned(), |spread| spread.words(row.digits));
    let goal = row.goal.map_or("–".to_owned(), |goal| {
        let sign = if row.better == verdict::Better::Less { "≤" } else { "≥" };
        let word = ours.map_or("", |ours| if reached(ours, goal, row.better) { ", reached" } else { ", missed" });
        format!("{sign} {goal}{word}")
    });
    let verdict = ours.zip(theirs).map_or("–", |(ours, theirs)| Verdict::between(ours, theirs, row.better).word());
    let unit = if row.unit.is_empty() { String::new() } else { format!(", {}", row.unit) };
    format!("| {} | {}{unit} | {} | {} | {goal} | {verdict} |", row.key, row.what, words(ours), words(theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_take_turns() {
        let names = |both| order(3, true, both).into_iter().map(Program::name).collect::<Vec<_>>();
        assert_eq!(names(false), ["Visavis", "Chromium", "Chromium", "Visavis", "Visavis", "Chromium"]);
        assert_eq!(names(true)[..6], ["Visavis", "Chromium", "Both", "Both", "Chromium", "Visavis"]);
        assert_eq!(order(2, false, false), [Program::Visavis; 2]);
    }
}
