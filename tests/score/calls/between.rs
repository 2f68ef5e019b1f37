//! The second table: calls between this program and a browser, each way, beside calls of either with its own kind.

use super::rows::{back, gap_at_drop, percent, pictures, wants};
use super::run::{Program, Run};
use super::scenarios::{SCENARIOS, Scenario};
use super::verdict::{Better, Spread, Verdict};
use super::{FREE, Runs, of};

/// What all of it is asked for by.
pub const KEY: &str = "across";

/// One row.
pub struct Row {
    what: &'static str,
    unit: &'static str,
    /// Its scenario's name.
    pub scenario: &'static str,
    better: Better,
    /// Digits after the point.
    digits: usize,
    /// The figures of a run, one for each end: of what it received.
    figures: fn(&Run) -> Vec<f64>,
}

use Better::{Less, More};

const fn row(
    what: &'static str,
    unit: &'static str,
    scenario: &'static str,
    better: Better,
    digits: usize,
    figures: fn(&Run) -> Vec<f64>,
) -> Row {
    Row { what, unit, scenario, better, digits, figures }
}

/// All of them, in the order in which they are printed.
pub const ROWS: &[Row] = &[
    row("latency p50, free link", "ms", FREE, Less, 0, |run| run.latency(0.5)),
    row("latency p95, free link", "ms", FREE, Less, 0, |run| run.latency(0.95)),
    row("frozen of 30 s, free link", "s", FREE, Less, 1, Run::frozen),
    row("pictures a second, free link", "", FREE, More, 1, pictures),
    row("video rate, free link", "kbit/s", FREE, More, 0, kbps),
    row("latency p50, 1 Mbit/s, D 20", "ms", "rate-1m", Less, 0, |run| run.latency(0.5)),
    row("latency p95, 1 Mbit/s, D 20", "ms", "rate-1m", Less, 0, |run| run.latency(0.95)),
    row("frozen of 30 s, 1 Mbit/s", "s", "rate-1m", Less, 1, Run::frozen),
    row("pictures a second, 1 Mbit/s", "", "rate-1m", More, 1, pictures),
    row("used of 1 Mbit/s", "%", "rate-1m", More, 1, received_share),
    row("back to 90 % after 4 → 0.5 → 4 Mbit/s", "s", "drop", Less, 1, back),
    row("longest gap between pictures at that drop", "s", "drop", Less, 2, gap_at_drop),
    row("latency p50, 10 % loss, D 50", "ms", "loss-10", Less, 0, |run| run.latency(0.5)),
    row("latency p95, 10 % loss, D 50", "ms", "loss-10", Less, 0, |run| run.latency(0.95)),
    row("frozen of 30 s, 10 % loss", "s", "loss-10", Less, 1, Run::frozen),
    row("pictures a second, 10 % loss", "", "loss-10", More, 1, pictures),
    row("video rate, 10 % loss", "kbit/s", "loss-10", More, 0, kbps),
];

/// Rows that are asked for by these words, divided by commas; all where there is none. A word may name one scenario:
/// `across-drop`.
pub fn wanted(words: &str) -> Vec<&'static Row> {
    ROWS.iter().filter(|row| wants(words, &[KEY, &format!("{KEY}-{}", row.scenario)])).collect()
}

/// The scenarios that these rows need.
pub fn needed(rows: &[&Row]) -> Vec<&'static Scenario> {
    SCENARIOS.iter().filter(|scenario| rows.iter().any(|row| row.scenario == scenario.name)).collect()
}

/// Of what went to each end.
fn received_share(run: &Run) -> Vec<f64> {
    let mut used = percent(run.used());
    // The first end receives what goes back.
    used.reverse();
    used
}

fn kbps(run: &Run) -> Vec<f64> {
    run.each(|window| window.rate(|r| r.bytes) * 8.0 / 1e3)
}

/// The table's first lines.
pub const HEAD: &str = "| row | | Visavis → Visavis | Visavis → Chromium | Chromium → Visavis | Chromium → Chromium | sent to it, \
    taken from it |\n|---|---|---|---|---|---|---|";

/// One row as it is printed.
pub fn line(row: &Row, runs: &Runs) -> String {
    let spread = |program: Program, end: Option<usize>| {
        let ends = |run: &Run| {
            let figures = (row.figures)(run).into_iter().enumerate();
            figures.filter(|(n, _)| end.is_none_or(|end| end == *n)).map(|(_, value)| value).collect::<Vec<_>>()
        };
        Spread::of(&of(runs, row.scenario, program).iter().flat_map(ends).collect::<Vec<_>>())
    };
    let theirs = spread(Program::Chromium, None);
    let (to, from) = (spread(Program::Both, Some(1)), spread(Program::Both, Some(0)));
    let verdict = |ours: Option<Spread>| {
        ours.zip(theirs).map_or("–", |(ours, theirs)| Verdict::between(ours, theirs, row.better).word())
    };
    let words = |spread: Option<Spread>| spread.map_or("–".to_owned(), |spread| spread.words(row.digits));
    let unit = if row.unit.is_empty() { String::new() } else { format!(", {}", row.unit) };
    let cells = [spread(Program::Visavis, None), to, from, theirs].map(words).join(" | ");
    format!("| {KEY} | {}{unit} | {cells} | {}, {} |", row.what, verdict(to), verdict(from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::scenarios::named;

    #[test]
    fn every_row_has_its_scenario() {
        assert!(ROWS.iter().all(|row| named(row.scenario).is_some()));
        let names: Vec<&str> = needed(&wanted("M1, across")).iter().map(|scenario| scenario.name).collect();
        assert_eq!(names, ["free", "rate-1m", "drop", "loss-10"]);
        assert_eq!(needed(&wanted("across-drop")).len(), 1);
        assert!(wanted("").len() == ROWS.len() && wanted("M1").is_empty());
    }
}
