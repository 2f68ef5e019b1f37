//! The rows of the table: from which scenario, which figure, and what is wanted of it.

use super::figures::{mean, percentile, rate, seconds_back, seconds_until_flowing};
use super::run::Run;
use super::scenarios::{SCENARIOS, Scenario};
use super::verdict::{Better, off_zero};

/// One row.
pub struct Row {
    /// What it is asked for by: `M5`, or a word.
    pub key: &'static str,
    pub what: &'static str,
    pub unit: &'static str,
    /// Its scenario's name.
    pub scenario: &'static str,
    pub better: Better,
    pub goal: Option<f64>,
    /// Digits after the point.
    pub digits: usize,
    /// The figures of a run, one for each end or call, given the rate of video on the free link, bits a second.
    pub figures: fn(&Run, f64) -> Vec<f64>,
}

use Better::{Less, More};

/// Short for a row; its digits follow from the goal's size.
const fn row(
    key: &'static str,
    what: &'static str,
    unit: &'static str,
    scenario: &'static str,
    (better, goal): (Better, Option<f64>),
    digits: usize,
    figures: fn(&Run, f64) -> Vec<f64>,
) -> Row {
    Row { key, what, unit, scenario, better, goal, digits, figures }
}

const fn most(goal: f64) -> (Better, Option<f64>) {
    (Less, Some(goal))
}

const fn least(goal: f64) -> (Better, Option<f64>) {
    (More, Some(goal))
}

/// All of them, in the order in which they are printed.
pub const ROWS: &[Row] = &[
    row("M1", "latency p50, free link", "ms", "free", most(30.0), 0, |run, _| run.latency(0.5)),
    row("M1", "latency p95, free link", "ms", "free", most(40.0), 0, |run, _| run.latency(0.95)),
    row("M2", "latency p50, 1 Mbit/s, D 20", "ms", "rate-1m", most(85.0), 0, |run, _| run.latency(0.5)),
    row("M2", "latency p95, 1 Mbit/s, D 20", "ms", "rate-1m", (Less, None), 0, |run, _| run.latency(0.95)),
    row("M3", "latency p50, D 100 ± 30", "ms", "jitter", most(155.0), 0, |run, _| run.latency(0.5)),
    row("M3", "latency p95, D 100 ± 30", "ms", "jitter", (Less, None), 0, |run, _| run.latency(0.95)),
    row("M4", "used of 1 Mbit/s", "%", "rate-1m", least(95.0), 1, |run, _| percent(run.used())),
    row("M4", "frozen of 30 s, 1 Mbit/s", "s", "rate-1m", most(0.0), 1, |run, _| run.frozen()),
    row("M4", "used of 500 kbit/s", "%", "rate-500k", least(95.0), 1, |run, _| percent(run.used())),
    row("M4", "frozen of 30 s, 500 kbit/s", "s", "rate-500k", most(0.0), 1, |run, _| run.frozen()),
    row("M4", "used of 150 kbit/s", "%", "rate-150k", least(93.0), 1, |run, _| percent(run.used())),
    row("M4", "frozen of 30 s, 150 kbit/s", "s", "rate-150k", most(0.0), 1, |run, _| run.frozen()),
    row("M5", "back to 90 % after 4 → 0.5 → 4 Mbit/s", "s", "drop", most(1.5), 1, |run, _| back(run)),
    row("M5", "1.6 Mbit/s of picture again, same for both", "s", "drop", most(1.5), 1, |run, _| again(run)),
    row("M6", "longest gap between pictures at that drop", "s", "drop", most(0.3), 2, |run, _| gap_at_drop(run)),
    row("M7", "frozen of 30 s, 10 % loss, D 50", "s", "loss-10", most(0.0), 1, |run, _| run.frozen()),
    row("M7", "pictures a second, 10 % loss, D 50", "", "loss-10", least(29.0), 1, |run, _| pictures(run)),
    row("M8", "frozen of 30 s, 2 % loss, D 50", "s", "loss-2", most(0.0), 1, |run, _| run.frozen()),
    row("M8", "latency p50, 2 % loss, D 50", "ms", "loss-2", most(85.0), 0, |run, _| run.latency(0.5)),
    row("M9", "video rate kept at 10 % loss", "%", "loss-10", least(98.0), 0, |run, free| {
        run.each(|window| window.rate(|r| r.bytes) * 800.0 / free)
    }),
    row("M10", "sound concealed, 2 % loss", "%", "loss-2", most(0.1), 2, |run, _| concealed(run)),
    row("M10", "sound concealed, 10 % loss", "%", "loss-10", most(1.0), 2, |run, _| concealed(run)),
    row("M11", "click to first picture, free link", "ms", "setup-free", most(100.0), 0, |run, _| run.setup_ms.clone()),
    row("M11", "click to first picture, D 50", "ms", "setup-50", most(400.0), 0, |run, _| run.setup_ms.clone()),
    row("M12", "processor a minute and side, 720p", "s", "free", most(18.0), 1, |run, _| run.cpu()),
    row("M12", "processor a minute and side, 360p", "s", "free-360p", most(9.0), 1, |run, _| run.cpu()),
    row("M13", "memory (PSS), 720p", "MB", "free", most(120.0), 0, |run, _| {
        run.usage.iter().map(|[_, after]| after.pss_mb).collect()
    }),
    row("M14", "jitter buffer of sound, free link", "ms", "free", most(25.0), 0, |run, _| waiting(run)),
    row("M14", "jitter buffer of sound, D 100 ± 30", "ms", "jitter", most(60.0), 0, |run, _| waiting(run)),
    row("M15", "sound and picture apart p95, free link", "ms", "free", most(40.0), 0, |run, _| skew(run)),
    row("M15", "sound and picture apart p95, D 100 ± 30", "ms", "jitter", most(40.0), 0, |run, _| skew(run)),
    row("M15", "sound and picture apart p95, 10 % loss", "ms", "loss-10", most(40.0), 0, |run, _| skew(run)),
    row("burst", "frozen of 30 s, 3 % loss in bursts of 8", "s", "burst", (Less, None), 1, |run, _| run.frozen()),
    row("burst", "pictures a second there", "", "burst", (More, None), 1, |run, _| pictures(run)),
    row("burst", "sound concealed there", "%", "burst", (Less, None), 2, |run, _| concealed(run)),
    row("outage", "pictures again after 5 s of nothing", "s", "outage", (Less, None), 1, |run, _| flowing(run)),
    row("outage", "back to 90 % after it", "s", "outage", (Less, None), 1, |run, _| back(run)),
    row("outage", "1.6 Mbit/s of picture again, same for both", "s", "outage", (Less, None), 1, |run, _| again(run)),
    row("tcp", "the smaller share, one call and one TCP flow", "%", "tcp", least(40.0), 0, |run, _| {
        beside_tcp(run).map(|share| vec![share.min(100.0 - share)]).unwrap_or_default()
    }),
    row("tcp", "share of the call (50 is fair)", "%", "tcp", (More, None), 0, |run, _| {
        beside_tcp(run).into_iter().collect()
    }),
    row("file", "frozen of 30 s while a file is sent, 1 Mbit/s", "s", "file", most(0.0), 1, |run, _| run.frozen()),
    row("file", "latency p50 there", "ms", "file", (Less, None), 0, |run, _| run.latency(0.5)),
    row("file", "sound concealed there", "%", "file", (Less, None), 2, |run, _| concealed(run)),
    row("file", "video rate there, the file goes the second's way", "kbit/s", "file", (More, None), 0, |run, _| {
        run.each(|window| window.rate(|r| r.bytes) * 8e-3)
    }),
    row("file", "used of 1 Mbit/s there", "%", "file", (More, None), 1, |run, _| percent(run.used())),
    row("two-calls", "the smaller share of two calls", "%", "two-calls", least(40.0), 0, |run, _| two_calls(run)),
    row("two-calls", "used of 2 Mbit/s by both", "%", "two-calls", (More, None), 1, |run, _| percent(run.used())),
    row("quality", "likeness to the original (SSIM), 1 Mbit/s", "", "quality", (More, None), 3, |run, _| likeness(run)),
    row("quality", "likeness of the worst 5 % there", "", "quality", (More, None), 3, |run, _| worst(run)),
    row("quality", "used of 1 Mbit/s for it", "%", "quality", (More, None), 1, |run, _| percent(run.used())),
    row("quality", "likeness to the original (SSIM), 500 kbit/s", "", "quality-500k", (More, None), 3, |run, _| {
        likeness(run)
    }),
    row("quality", "likeness of the worst 5 % there", "", "quality-500k", (More, None), 3, |run, _| worst(run)),
    row("quality", "used of 500 kbit/s for it", "%", "quality-500k", (More, None), 1, |run, _| percent(run.used())),
    row("lte", "used of a rate that changes as in LTE", "%", "lte", (More, None), 1, |run, _| percent(run.used())),
    row("lte", "latency p95 there", "ms", "lte", (Less, None), 0, |run, _| run.latency(0.95)),
    row("lte", "frozen of 30 s there", "s", "lte", (Less, None), 1, |run, _| run.frozen()),
];

/// What both programs send of the scene where they can, bits a second of picture, with a tenth to spare.
const BOTH_BPS: f64 = 1.6e6;

/// The scenario that the rate on a free link is taken from.
pub const FREE: &str = "free";

/// Rows that are asked for by these words, divided by commas; all where there is none.
pub fn wanted(words: &str) -> Vec<&'static Row> {
    ROWS.iter().filter(|row| wants(words, &[row.key, row.scenario])).collect()
}

/// Whether one of these names is among the words, or there are none.
pub fn wants(words: &str, names: &[&str]) -> bool {
    let mut words = words.split(',').map(str::trim).filter(|word| !word.is_empty()).peekable();
    words.peek().is_none() || words.any(|word| names.iter().any(|name| name.eq_ignore_ascii_case(word)))
}

/// The scenarios that these rows need.
pub fn needed(rows: &[&Row]) -> Vec<&'static Scenario> {
    let needs = |scenario: &&Scenario| {
        rows.iter().any(|row| row.scenario == scenario.name || row.key == "M9" && scenario.name == FREE)
    };
    SCENARIOS.iter().filter(needs).collect()
}

pub fn percent(shares: Vec<f64>) -> Vec<f64> {
    shares.into_iter().map(|share| share * 100.0).collect()
}

pub fn pictures(run: &Run) -> Vec<f64> {
    run.each(|window| window.rate(|r| r.frames))
}

fn concealed(run: &Run) -> Vec<f64> {
    run.each(|window| window.concealed() * 100.0)
}

/// Of each end's pictures, on average.
fn likeness(run: &Run) -> Vec<f64> {
    run.likeness.iter().map(|pictures| mean(pictures)).collect()
}

/// 95 of 100 of each end's pictures are more like than this.
fn worst(run: &Run) -> Vec<f64> {
    run.likeness.iter().map(|pictures| percentile(pictures, 0.05)).collect()
}

fn waiting(run: &Run) -> Vec<f64> {
    run.each(|window| super::figures::mean(&window.all(|r| vec![r.waiting_ms])))
}

fn skew(run: &Run) -> Vec<f64> {
    run.each(|window| off_zero(&window.all(|r| r.skew_ms.into_iter().collect())))
}

/// From the last step until the rate of before the first is there again.
pub fn back(run: &Run) -> Vec<f64> {
    let [down, .., up] = run.steps[..] else { return Vec::new() };
    let each = |story: &super::reading::Story| {
        let bytes = story.points(|r| r.bytes);
        seconds_back(&bytes, up, rate(&bytes, run.from_s, down) * 0.9)
    };
    run.stories.iter().map(each).collect()
}

/// From the last step until there is as much as both programs had before, whatever each had.
fn again(run: &Run) -> Vec<f64> {
    let [.., up] = run.steps[..] else { return Vec::new() };
    run.stories.iter().map(|story| seconds_back(&story.points(|r| r.bytes), up, BOTH_BPS / 8.0)).collect()
}

/// Between the steps: while there is less.
pub fn gap_at_drop(run: &Run) -> Vec<f64> {
    let [down, .., up] = run.steps[..] else { return Vec::new() };
    let longest = |story: &super::reading::Story| {
        story.window(down, up).all(|r| vec![r.gap_ms / 1e3]).into_iter().fold(0.0, f64::max)
    };
    run.stories.iter().map(longest).collect()
}

/// From the last step until pictures go on.
fn flowing(run: &Run) -> Vec<f64> {
    let [down, .., up] = run.steps[..] else { return Vec::new() };
    let each = |story: &super::reading::Story| {
        let frames = story.points(|r| r.frames);
        seconds_until_flowing(&frames, up, rate(&frames, run.from_s, down))
    };
    run.stories.iter().map(each).collect()
}

/// What the call got of what both got, %.
fn beside_tcp(run: &Run) -> Option<f64> {
    let (all, tcp) = (run.passed_bps(true), run.tcp_bps?);
    (all > 0.0).then(|| (1.0 - tcp / all) * 100.0)
}

/// What the smaller got of what both got, %, each way.
fn two_calls(run: &Run) -> Vec<f64> {
    let rates = run.each(|window| window.rate(|r| r.bytes));
    let [a, b, c, d] = rates[..] else { return Vec::new() };
    [(a, c), (b, d)].map(|(one, other)| one.min(other) / (one + other).max(1.0) * 100.0).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::scenarios::named;

    #[test]
    fn every_row_has_its_scenario_and_every_scenario_a_row() {
        assert!(ROWS.iter().all(|row| named(row.scenario).is_some()));
        assert_eq!(needed(&wanted("")).len(), SCENARIOS.len());
    }

    #[test]
    fn rows_are_asked_for_by_number_and_word() {
        let keys = |words: &str| wanted(words).iter().map(|row| row.key).collect::<Vec<_>>();
        let names = |words: &str| needed(&wanted(words)).iter().map(|scenario| scenario.name).collect::<Vec<_>>();
        assert_eq!(keys("M5, m6"), ["M5", "M5", "M6"]);
        assert_eq!(names("M5,M7"), ["drop", "loss-10"]);
        assert_eq!(names("M9"), ["free", "loss-10"], "a share of the free link's rate needs that");
        assert_eq!(names("outage"), ["outage"]);
        assert!(keys("nothing").is_empty() && keys(" ").len() == ROWS.len());
    }
}
