//! Reading Rust source just well enough: comments and literals blanked out, `#[cfg(test)]` modules cut off.

use std::path::{Path, PathBuf};

/// One file of the repository.
pub struct Source {
    /// Path from the repository's root, with forward slashes.
    pub path: String,
    /// The file as it is.
    pub text: String,
    /// The same lines with the inside of comments and literals replaced by blanks.
    pub code: String,
}

impl Source {
    /// Every `.rs` file under these folders.
    pub fn all(folders: &[&str]) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths = Vec::new();
        for folder in folders {
            collect(&root.join(folder), &mut paths);
        }
        paths.sort();
        let read = |path: PathBuf| {
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let name = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
            let code = blank_out(&text);
            Self { path: name, text, code }
        };
        paths.into_iter().map(read).collect()
    }

    /// The modules this file is, from the crate's root: `src/call/mod.rs` → `["call"]`.
    pub fn module(&self) -> Vec<&str> {
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        inside.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main")).collect()
    }

    /// The code before the unit tests at its bottom; none of a `tests.rs`.
    pub fn without_tests(&self) -> &str {
        if self.path.ends_with("/tests.rs") {
            return "";
        }
        let end = self.code.find("#[cfg(test)]\nmod ").unwrap_or(self.code.len());
        &self.code[..end]
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// Replaces comments and the inside of string and character literals by blanks; lines stay where they are.
pub fn blank_out(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = skip(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself where none begins.
fn skip(chars: &[char], at: usize) -> usize {
    let is = |offset: usize, c: char| chars.get(at + offset) == Some(&c);
    let find = |from: usize, needle: &[char]| {
        let rest = chars.get(from..).unwrap_or_default();
        let place = rest.windows(needle.len()).position(|window| window == needle);
        place.map_or(chars.len(), |place| from + place + needle.len())
    };
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match chars[at] {
        '/' if is(1, '/') => find(at, &['\n']) - usize::from(chars[at..].contains(&'\n')),
        '/' if is(1, '*') => find(at + 2, &['*', '/']),
        '"' => end_of_string(chars, at + 1),
        'r' if !in_word && (is(1, '"') || is(1, '#')) => {
            let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
            if !is(1 + hashes, '"') {
                return at; // a raw identifier
            }
            let mut close = vec!['"'];
            close.extend(std::iter::repeat_n('#', hashes));
            find(at + 2 + hashes, &close)
        }
        '\'' if is(1, '\\') => find(at + 3, &['\'']),
        '\'' if is(2, '\'') => at + 3,
        _ => at,
    }
}

fn end_of_string(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// The first name after each `crate::`, and after `super::` chains that climb out of the file's own top module,
/// with the number of the line.
pub fn modules_named(source: &Source) -> Vec<(usize, String)> {
    let depth = source.module().len();
    let mut named = Vec::new();
    for (start, _) in source.code.match_indices("crate::") {
        if !starts_word(&source.code, start) {
            continue;
        }
        for name in heads(&source.code[start + "crate::".len()..]) {
            named.push((line_of(&source.code, start), name));
        }
    }
    let chain = "super::";
    let mut from = 0;
    while let Some(place) = source.code[from..].find(chain) {
        let start = from + place;
        let mut end = start;
        while source.code[end..].starts_with(chain) {
            end += chain.len();
        }
        if starts_word(&source.code, start) && (end - start) / chain.len() >= depth {
            for name in heads(&source.code[end..]) {
                named.push((line_of(&source.code, start), name));
            }
        }
        from = end;
    }
    named
}

/// The names a path goes on with: one, or those of a `{…}` list.
fn heads(rest: &str) -> Vec<String> {
    let name =
        |text: &str| -> String { text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let Some(list) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(name(&list[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name(&list[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names
}

/// Whether a word begins here, rather than going on (`mycrate::`, `$crate::`).
pub fn starts_word(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$')
}

/// Number of the line at this place, from 1.
pub fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}
