//! Links to files of this machine, as file managers and desktops hand them over.

use std::path::PathBuf;

/// The files that a text means which is nothing but links to files (`text/uri-list`, RFC 2483).
pub fn files(text: &str) -> Option<Vec<PathBuf>> {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let paths: Option<Vec<PathBuf>> = lines().map(file).collect();
    paths.filter(|paths| !paths.is_empty())
}

/// The path in a link to a file of this machine, its escapes undone (RFC 8089).
pub fn file(link: &str) -> Option<PathBuf> {
    let rest = link.strip_prefix("file://")?;
    let escaped = rest.strip_prefix("localhost").unwrap_or(rest);
    if !escaped.starts_with('/') {
        return None; // on another machine
    }
    let (mut bytes, mut left) = (Vec::new(), escaped.as_bytes());
    while let Some((first, rest)) = left.split_first() {
        left = rest;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (code, rest) = left.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok()?);
        left = rest;
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_files_are_files() {
        let paths = |text| files(text).map(|paths| paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>());
        assert_eq!(
            paths("file:///a/b%20c.pdf\r\nfile://localhost/d\n"),
            Some(vec!["/a/b c.pdf".to_owned(), "/d".to_owned()])
        );
        for text in
            ["", "hello", "look: file:///a", "file:///a\nand more", "file://server/a", "file:///%zz", "file:///%c3"]
        {
            assert_eq!(paths(text), None, "{text}");
        }
    }
}
