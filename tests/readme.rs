//! README.md promises nothing that the program's help does not know.

use std::collections::BTreeSet;
use std::process::Command;

const README: &str = include_str!("../README.md");
const COMMANDS: [&str; 4] = ["headless", "test", "serve", "devices"];

fn help(of: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_visavis")).args(of).arg("--help").output().expect("the program starts");
    assert!(output.status.success(), "{of:?} --help: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("help is UTF-8")
}

fn whole_help() -> String {
    COMMANDS.iter().fold(help(&[]), |text, command| text + &help(&[command]))
}

/// The words that follow each `start`, as long as their characters belong to a name.
fn words_after(text: &str, start: &str) -> BTreeSet<String> {
    let name = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    text.match_indices(start)
        .map(|(at, _)| name(&text[at + start.len()..]))
        .filter(|word: &String| !word.is_empty())
        .collect()
}

#[test]
fn it_names_both_commands() {
    assert!(README.contains("make run") && README.contains("make test"));
}

#[test]
fn options_are_known_to_the_help() {
    let help = whole_help();
    let known = words_after(&help, "--");
    let ours: String = README.lines().filter(|line| !line.contains("cargo")).collect::<Vec<_>>().join("\n");
    for option in
        words_after(&ours, " --").into_iter().chain(words_after(&ours, "`--")).chain(words_after(&ours, "[--"))
    {
        assert!(known.contains(&option), "README.md names --{option}; the help does not");
    }
}

#[test]
fn commands_are_known_to_the_help() {
    for command in words_after(README, "`visavis ").into_iter().chain(words_after(README, "\nvisavis ")) {
        assert!(COMMANDS.contains(&command.as_str()), "README.md names `visavis {command}`; there is none");
    }
}

#[test]
fn json_lines_are_known_to_the_help() {
    let help = help(&["headless"]);
    for command in words_after(README, r#"{"command":""#) {
        assert!(help.contains(&format!(r#"{{"command":"{command}""#)), "the help of headless does not know {command}");
    }
    for event in words_after(README, r#"{"event":""#) {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(&event)),
            "the help of headless does not know {event}"
        );
    }
}

#[test]
fn links_lead_to_files() {
    for (at, _) in README.match_indices("](") {
        let target = README[at + 2..].split(')').next().unwrap_or("");
        if let Some(anchor) = target.strip_prefix('#') {
            let mut headings = README.lines().filter(|line| line.starts_with('#'));
            let leads =
                headings.any(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-") == anchor);
            assert!(leads, "README.md links {target}; it has no such heading");
            continue;
        }
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(target);
        assert!(target.starts_with("http") || path.exists(), "README.md links {target}; there is no such file");
    }
}

#[test]
fn targets_are_those_of_the_makefile() {
    let makefile = include_str!("../Makefile");
    for target in words_after(README, "`make ").into_iter().chain(words_after(README, "\nmake ")) {
        assert!(makefile.contains(&format!("\n{target}:")), "README.md names `make {target}`; the Makefile does not");
    }
}
