//! What is linked: licences on the list, nothing from outside the registry, nothing of ours twice, and no window,
//! camera or sound library in the headless build. Works offline, on what the build itself has fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Crates of ours that come in other versions too, through others: name, why it cannot be helped.
const TWICE: [(&str, &str); 5] = [
    ("getrandom", "random number crates of three generations are below the cryptography"),
    ("hmac", "webrtc's cryptography is still of the generation before"),
    ("rustix", "the window system's event loop is still at 0.38"),
    ("webpki-roots", "the older one only passes on the newer one's list"),
    ("thiserror", "webrtc's and nokhwa's error types are still of the first"),
];

/// Beginnings of crate names that only a build with feature `gui` may have.
const WINDOW_ONLY: [&str; 19] = [
    "accesskit",
    "alsa",
    "coreaudio",
    "cpal",
    "eframe",
    "egui",
    "glow",
    "glutin",
    "image",
    "khronos",
    "libpulse",
    "nokhwa",
    "pulseaudio",
    "rfd",
    "v4l",
    "winit",
    "x11rb",
    "xcap",
    "zbus",
];

fn cargo(arguments: &[&str]) -> String {
    let cargo =
        Command::new(env!("CARGO")).args(arguments).arg("--offline").current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = cargo.expect("cargo starts");
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo speaks UTF-8")
}

/// The triple this test was built for: only its packages are sure to be on this machine.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

fn packages() -> Vec<Value> {
    let metadata = cargo(&["metadata", "--locked", "--format-version=1", "--filter-platform", &host()]);
    let Value::Array(packages) = serde_json::from_str::<Value>(&metadata).expect("JSON")["packages"].take() else {
        panic!("cargo names no packages");
    };
    packages
}

fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package[key].as_str().unwrap_or("")
}

/// Whether an SPDX expression can be met with these licences.
fn allowed(expression: &str, licences: &BTreeSet<String>) -> bool {
    let expression = expression.trim();
    if let Some(parts) = split(expression, &[" OR ", "/"]) {
        return parts.iter().any(|part| allowed(part, licences));
    }
    if let Some(parts) = split(expression, &[" AND "]) {
        return parts.iter().all(|part| allowed(part, licences));
    }
    match expression.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => allowed(inner, licences),
        None => licences.contains(expression),
    }
}

/// Splits outside of parentheses; `None` where there is nothing to split.
fn split<'a>(expression: &'a str, separators: &[&str]) -> Option<Vec<&'a str>> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in expression.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if let Some(separator) =
            separators.iter().find(|s| depth == 0 && at >= start && expression[at..].starts_with(**s))
        {
            parts.push(&expression[start..at]);
            start = at + separator.len();
        }
    }
    if parts.is_empty() {
        return None;
    }
    parts.push(&expression[start..]);
    Some(parts)
}

#[test]
fn licences_are_on_the_list() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/.github/deny.toml");
    let list: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let allow = list["licenses"]["allow"].as_array().unwrap();
    let licences: BTreeSet<String> = allow.iter().map(|licence| licence.as_str().unwrap().to_owned()).collect();
    let refused: Vec<String> = packages()
        .iter()
        .filter(|package| !allowed(text(package, "license"), &licences))
        .map(|package| {
            format!("{} {}: “{}”", text(package, "name"), text(package, "version"), text(package, "license"))
        })
        .collect();
    assert!(refused.is_empty(), "licences that .github/deny.toml does not allow:\n{}", refused.join("\n"));
}

#[test]
fn everything_comes_from_the_registry() {
    let registry = "registry+https://github.com/rust-lang/crates.io-index";
    for package in packages() {
        let source = package["source"].as_str();
        assert!(
            source.is_none_or(|source| source == registry) && (source.is_some() || package["name"] == "visavis"),
            "{} comes from {source:?}; only crates.io is allowed",
            package["name"]
        );
    }
}

#[test]
fn what_we_name_ourselves_is_there_once() {
    let packages = packages();
    let mut versions = BTreeMap::<&str, BTreeSet<&str>>::new();
    for package in &packages {
        versions.entry(text(package, "name")).or_default().insert(text(package, "version"));
    }
    let ours = packages.iter().find(|package| package["name"] == "visavis").unwrap();
    for dependency in ours["dependencies"].as_array().unwrap() {
        let name = text(dependency, "name");
        let twice = versions.get(name).is_some_and(|versions| versions.len() > 1);
        let known = TWICE.iter().any(|(known, _)| *known == name);
        assert!(!twice || known, "{name} is linked as {:?}; choose the version the others use", versions[name]);
    }
}

#[test]
fn the_headless_build_has_no_window_camera_or_sound() {
    let tree = cargo(&["tree", "--locked", "--no-default-features", "--edges=normal", "--prefix=none", "--format={p}"]);
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains("webrtc") && names.len() > 50, "the tree was not read: {names:?}");
    let foreign: Vec<_> = names.iter().filter(|name| WINDOW_ONLY.iter().any(|start| name.starts_with(start))).collect();
    assert!(foreign.is_empty(), "linked without feature gui: {foreign:?}");
}

#[test]
fn licence_expressions_are_understood() {
    let licences = BTreeSet::from(["MIT".to_owned(), "Zlib".to_owned()]);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND Zlib", true),
        ("(MIT OR Zlib) AND GPL-3.0", false),
        ("(MIT AND GPL-3.0) OR (Zlib)", true),
    ] {
        assert_eq!(allowed(expression, &licences), expected, "{expression}");
    }
}
