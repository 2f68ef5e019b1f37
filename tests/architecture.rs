//! Keeps the house as src/lib.rs draws it: floors, pure cores, bounded queues, short files, a known top level.

#[path = "architecture/source.rs"]
mod source;

use source::{Source, blank_out, line_of, modules_named, starts_word};

/// Floor of each top module; a file imports only from its own module and from lower floors.
const FLOORS: [(&str, u8); 14] = [
    ("model", 0),
    ("call", 1),
    ("signal", 1),
    ("codec", 2),
    ("dsp", 2),
    ("device", 3),
    ("rtc", 3),
    ("pipeline", 4),
    ("session", 5),
    ("client", 6),
    ("server", 6),
    ("ui", 7),
    ("cli", 8),
    ("main", 8),
];

/// Neighbours that may be used all the same: user, used, why.
const NEIGHBOURS: [(&str, &str, &str); 2] = [
    ("call", "signal", "the life of a call speaks the wire's verbs"),
    ("client", "server", "with no server configured and none there, the program starts one itself"),
];

/// What the window may know.
const WINDOW_KNOWS: [&str; 3] = ["model", "client", "ui"];

const LONGEST_FILE: usize = 500;

/// What may lie in the repository's top folder, dotfiles aside.
const TOP_LEVEL: [&str; 12] = [
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "Makefile",
    "README.md",
    "assets",
    "benches",
    "config",
    "examples",
    "src",
    "tests",
];

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// Fails with all sentences at once, so that one run shows everything.
fn none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

fn breach_of_floors(source: &Source) -> Vec<String> {
    let modules = source.module();
    let Some(own) = modules.first() else { return Vec::new() };
    let Some(own_floor) = floor(own) else {
        return vec![format!(
            "{}: `{own}` stands on no floor; give it one in tests/architecture.rs and src/lib.rs",
            source.path
        )];
    };
    let mut breaches = Vec::new();
    for (line, named) in modules_named(source) {
        let Some(named_floor) = floor(&named) else { continue };
        let neighbour = NEIGHBOURS.iter().any(|(user, used, _)| user == own && *used == named);
        if named != *own && named_floor >= own_floor && !neighbour {
            let path = &source.path;
            breaches.push(format!(
                "{path}:{line}: `{own}` (floor {own_floor}) must not use `{named}` (floor {named_floor})"
            ));
        }
        if *own == "ui" && !WINDOW_KNOWS.contains(&named.as_str()) {
            breaches.push(format!(
                "{}:{line}: the window knows the model and the client's handle, not `{named}`",
                source.path
            ));
        }
    }
    breaches
}

#[test]
fn files_import_from_their_own_module_and_lower_floors() {
    let sources = Source::all(&["src"]);
    assert!(sources.len() > 20, "the sources were not found");
    none(&sources.iter().flat_map(breach_of_floors).collect::<Vec<_>>());
}

#[test]
fn the_lowest_floors_hold_no_clock_thread_socket_or_runtime() {
    const EDGES: [(&str, &str); 7] = [
        ("tokio", "a runtime"),
        ("std::net", "a socket"),
        ("std::thread", "a thread"),
        ("std::fs", "a file"),
        ("Instant::now", "a clock"),
        ("SystemTime::now", "a clock"),
        (".elapsed()", "a clock"),
    ];
    // an address is a noun; only a socket does something
    const NOUNS: [&str; 6] = ["IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr", "SocketAddrV4", "SocketAddrV6"];
    let mut breaches = Vec::new();
    for source in Source::all(&["src"]) {
        let module = source.module();
        if module.first().and_then(|m| floor(m)).is_none_or(|floor| floor > 2) {
            continue;
        }
        let code = source.without_tests();
        for (word, what) in EDGES {
            for (at, _) in code.match_indices(word) {
                let rest = code[at + word.len()..].trim_start_matches("::");
                let noun = word == "std::net" && NOUNS.iter().any(|noun| rest.starts_with(noun));
                if (word.starts_with('.') || starts_word(code, at)) && !noun {
                    let (path, line) = (&source.path, line_of(code, at));
                    breaches
                        .push(format!("{path}:{line}: `{word}` is {what}; floors 0 to 2 get such things as arguments"));
                }
            }
        }
    }
    none(&breaches);
}

#[test]
fn every_bounded_send_says_what_happens_when_it_is_full() {
    let mut breaches = Vec::new();
    for source in Source::all(&["src"]) {
        let code = source.without_tests();
        let lines: Vec<&str> = source.text.lines().collect();
        for (at, _) in code.match_indices(".try_send(") {
            let line = line_of(code, at);
            if !lines[line.saturating_sub(4)..line].iter().any(|text| text.contains("overflow:")) {
                breaches.push(format!("{}:{line}: say what happens when it is full: `// overflow: …`", source.path));
            }
        }
    }
    none(&breaches);
}

#[test]
fn queues_are_bounded() {
    let mut breaches = Vec::new();
    for source in Source::all(&["src"]) {
        for call in ["unbounded_channel(", "unbounded(", "mpsc::channel()", "mpsc::channel::<"] {
            for (at, _) in source.code.match_indices(call) {
                let bounded = call.ends_with('<') && !source.code[at..].lines().next().unwrap_or("").contains(">()");
                if starts_word(&source.code, at) && !bounded {
                    let line = line_of(&source.code, at);
                    breaches.push(format!("{}:{line}: give the queue a capacity", source.path));
                }
            }
        }
    }
    none(&breaches);
}

#[test]
fn a_file_holds_one_idea_says_which_and_leaves_nothing_open() {
    // written in two parts, so that this file does not find itself
    let open = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("to", "do!("),
        concat!("unimplemented", "!("),
    ];
    let mut breaches = Vec::new();
    for source in Source::all(&["src", "tests", "benches", "examples"]) {
        let path = &source.path;
        let lines = source.text.lines().count();
        if lines > LONGEST_FILE {
            breaches.push(format!("{path}: {lines} lines are two ideas; at most {LONGEST_FILE}"));
        }
        if !source.text.starts_with("//!") {
            breaches.push(format!("{path}: begins with `//!`, saying its part and its invariants"));
        }
        for word in open {
            if let Some(at) = source.text.find(word) {
                breaches.push(format!("{path}:{}: `{word}` is left open", line_of(&source.text, at)));
            }
        }
    }
    none(&breaches);
}

#[test]
fn the_top_folder_holds_what_is_listed() {
    let mut breaches = Vec::new();
    for entry in std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && name != "target" && !TOP_LEVEL.contains(&name.as_str()) {
            breaches.push(format!(
                "{name}: the top folder stays short; packaging goes to .github, what is shipped to assets"
            ));
        }
    }
    none(&breaches);
}

#[test]
fn literals_and_comments_are_no_code() {
    let code = blank_out(
        "let a = \"crate::ui\"; // crate::ui\nlet b = 'x'; /* crate::ui */ r#\"crate::ui\"#; f::<'a>(\"\\\"crate::ui\")",
    );
    assert!(!code.contains("ui"), "{code}");
    assert!(code.contains("let b = ") && code.contains("f::<'a>("), "{code}");
}

#[test]
fn breaches_are_found() {
    let breaches = |path: &str, text: &str| {
        breach_of_floors(&Source { path: path.into(), text: text.into(), code: blank_out(text) }).len()
    };
    assert_eq!(breaches("src/dsp/level.rs", "use crate::model::frame::AudioFrame;\nuse super::tone;"), 0);
    assert_eq!(breaches("src/dsp/level.rs", "use crate::{model::frame, session::Session};"), 1);
    assert_eq!(breaches("src/dsp/level.rs", "use super::super::client::Handle;"), 1);
    assert_eq!(breaches("src/dsp/mod.rs", "use super::client::Handle;"), 1);
    assert_eq!(breaches("src/device/mod.rs", "use crate::rtc::Peer;"), 1);
    assert_eq!(breaches("src/client/actor.rs", "use crate::server::Server;"), 0);
    assert_eq!(breaches("src/server/mod.rs", "use crate::client::Handle;"), 1);
    assert_eq!(breaches("src/ui/home.rs", "use crate::session::Session;"), 1);
    assert_eq!(breaches("src/extra/mod.rs", ""), 1);
}
