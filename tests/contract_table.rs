//! The table in the documentation of `session` is kept: every item it names is there, every test too, and no row lacks
//! either.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const SESSION: &str = include_str!("../src/session/mod.rs");

/// Rows of which nothing crosses the wire, so that a browser has no part in them.
const ALONE: [&str; 4] = ["P1", "P3", "P4", "P9"];

/// One line of a table: its first cell, and the names in backticks of the following ones.
struct Row {
    name: String,
    items: Vec<String>,
    ours: Vec<String>,
    browser: Vec<String>,
}

fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Lines of the tables whose first cell satisfies `wanted`.
fn rows(wanted: impl Fn(&str) -> bool) -> Vec<Row> {
    SESSION
        .lines()
        .filter_map(|line| line.strip_prefix("//! | "))
        .map(|line| line.trim_end_matches(" |").split(" | ").collect::<Vec<_>>())
        .filter(|cells| cells.len() >= 3 && wanted(cells[0]))
        .map(|cells| Row {
            name: if cells[0].starts_with("event:") {
                cells[0]
            } else {
                cells[0].split(' ').next().unwrap_or_default()
            }
            .to_owned(),
            items: names(cells[1]),
            ours: names(cells[2]),
            browser: cells.get(3).map(|cell| names(cell)).unwrap_or_default(),
        })
        .collect()
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, into: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|end| end == "rs") {
                into.push((path.clone(), std::fs::read_to_string(&path).expect("UTF-8")));
            }
        }
    }
    let mut files = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
    files
}

/// Whether `word` stands in `text` as a word.
fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

/// Whether `Type::item` (or `Type`) is public in `session`.
fn exists(name: &str, files: &[(PathBuf, String)]) -> bool {
    let (of, item) = name.split_once("::").map_or((name, None), |(of, item)| (of, Some(item)));
    let exports = SESSION.split("\npub use ").skip(1).filter_map(|rest| rest.split(';').next());
    let exported = exports.collect::<Vec<_>>().join(" ");
    let Some(item) = item else { return has_word(&exported, of) };
    has_word(&exported, of)
        && files.iter().any(|(_, text)| {
            let home = [format!("impl {of} {{"), format!("pub struct {of} "), format!("pub enum {of} ")];
            let forms = [
                format!("pub fn {item}("),
                format!("pub fn {item}<"),
                format!("pub async fn {item}("),
                format!("pub async fn {item}<"),
                format!("    pub {item}: "),
                format!("\n    {item} {{"),
                format!("\n    {item}("),
                format!("\n    {item},"),
            ];
            home.iter().any(|home| text.contains(home)) && forms.iter().any(|form| text.contains(form))
        })
}

fn check(row: &Row, src: &[(PathBuf, String)], tests: &[(PathBuf, String)]) {
    let name = &row.name;
    assert!(!row.items.is_empty(), "{name} names no item");
    assert!(!row.ours.is_empty(), "{name} names no test");
    for item in &row.items {
        assert!(exists(item, src), "{name} names `{item}`; the session has none");
    }
    let with_browser = |path: &Path| path.to_string_lossy().contains("/tests/browser");
    let browsers = tests.iter().any(|(path, _)| with_browser(path));
    for (wanted, browser) in [(&row.ours, false), (&row.browser, true)] {
        // A package of the source without the browser's page and tests has nothing to compare with.
        if browser && !browsers {
            continue;
        }
        for test in wanted {
            let there =
                tests.iter().any(|(path, text)| with_browser(path) == browser && text.contains(&format!("fn {test}(")));
            assert!(there, "{name} names the test `{test}`; there is none (with a browser: {browser})");
        }
    }
}

#[test]
fn every_row_has_its_items_and_its_tests() {
    let (src, tests) = (sources("src"), sources("tests"));
    let rows = rows(|first| first.starts_with('P') && first[1..].starts_with(|c: char| c.is_ascii_digit()));
    let there: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    let wanted: Vec<String> = (1..=19).map(|n| format!("P{n}")).collect();
    assert_eq!(there, wanted, "the table has other rows");
    for row in &rows {
        check(row, &src, &tests);
        assert!(
            !row.browser.is_empty() || ALONE.contains(&row.name.as_str()),
            "{} crosses the wire and names no test with a browser",
            row.name
        );
    }
}

#[test]
fn every_event_is_in_the_table_with_its_test() {
    let (src, tests) = (sources("src"), sources("tests"));
    let rows = rows(|first| first.starts_with("event:"));
    for row in &rows {
        check(row, &src, &tests);
    }
    let told: BTreeSet<String> = rows
        .iter()
        .flat_map(|row| &row.items)
        .filter_map(|item| Some(item.strip_prefix("SessionEvent::")?.to_owned()))
        .collect();
    let types = src.iter().find(|(path, _)| path.ends_with("session/types.rs")).expect("the events' home");
    let body =
        types.1.split("pub enum SessionEvent {").nth(1).and_then(|rest| rest.split("\n}").next()).expect("events");
    for line in body.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     ")) {
        let variant: String = line.trim().chars().take_while(|c| c.is_alphanumeric()).collect();
        if !variant.is_empty() {
            assert!(told.contains(&variant), "the event {variant} is not in the table");
        }
    }
}
