//! Names of files that come from elsewhere: what is left of one is a single name that any system takes.

/// Longest name, bytes: every file system takes it, with room for a number and the ending of a part.
pub const MAX_NAME: usize = 200;

/// Longest ending that is kept when a name is cut, bytes.
const MAX_ENDING: usize = 20;

/// What a Windows system takes for a device, whatever its ending.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// The name without folders, invisible and forbidden characters, not longer than [`MAX_NAME`], not hidden, no device.
pub fn safe(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).find(|part| !part.trim_matches(['.', ' ']).is_empty()).unwrap_or_default();
    let plain: String = last.chars().filter(|c| !is_invisible(*c)).map(fit).take(4 * MAX_NAME).collect();
    // Windows drops dots and spaces at the end, and so would take two names for one.
    let plain = plain.trim().trim_end_matches(['.', ' ']);
    let mut safe = match plain.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None => plain.to_owned(),
    };
    if safe.is_empty() {
        safe = "file".to_owned();
    }
    if is_device(&safe) {
        safe.insert(0, '_');
    }
    if safe.len() <= MAX_NAME {
        return safe;
    }
    let ending = ending(&safe).to_owned();
    let stem = cut(&safe[..safe.len() - ending.len()], MAX_NAME - ending.len());
    format!("{}{ending}", stem.trim_end())
}

/// The name with a number before its ending, for where the name itself is taken: `report (2).pdf`.
pub fn numbered(name: &str, number: u32) -> String {
    let ending = ending(name);
    format!("{} ({number}){ending}", &name[..name.len() - ending.len()])
}

/// From the last dot on; empty where there is none, or too much behind it.
fn ending(name: &str) -> &str {
    match name.rfind('.') {
        Some(at) if at > 0 && name.len() - at <= MAX_ENDING => &name[at..],
        _ => "",
    }
}

fn cut(text: &str, most: usize) -> &str {
    &text[..(0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)]
}

/// Characters that nobody sees, or that turn the direction of what is around them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

fn fit(c: char) -> char {
    match c {
        '<' | '>' | ':' | '"' | '|' | '?' | '*' => '_',
        c if c.is_whitespace() => ' ',
        c => c,
    }
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let numbered = ["COM", "LPT"].iter().any(|kind| {
        let mut rest = stem.strip_prefix(kind).unwrap_or_default().chars();
        matches!((rest.next(), rest.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    });
    numbered || DEVICES.contains(&stem.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_good_name_stays_as_it_is() {
        for name in
            ["report.pdf", "Bücher – Liste (3).tar.gz", "no ending", "写真.jpg", "a.b.c", "CONTRACT.txt", "COM10.x"]
        {
            assert_eq!(safe(name), name);
        }
    }

    #[test]
    fn what_could_do_harm_is_taken_out() {
        for (name, left) in [
            ("../../etc/passwd", "passwd"),
            ("..\\..\\boot.ini", "boot.ini"),
            ("/etc/", "etc"),
            ("C:\\x\\y.txt", "y.txt"),
            ("C:evil.txt", "C_evil.txt"),
            ("..", "file"),
            (".", "file"),
            ("", "file"),
            ("/", "file"),
            (" . . ", "file"),
            (".bashrc", "_bashrc"),
            ("a\0b\n\u{202e}gpj.exe", "abgpj.exe"),
            ("inv\u{200b}oice\u{feff}.pdf", "invoice.pdf"),
            ("con", "_con"),
            ("NUL.txt", "_NUL.txt"),
            ("Lpt1.tar.gz", "_Lpt1.tar.gz"),
            ("com¹", "_com¹"),
            ("dots... ", "dots"),
            ("what?*|<>\".txt", "what______.txt"),
            ("a:stream", "a_stream"),
        ] {
            assert_eq!(safe(name), left, "{name:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_ending() {
        let long = safe(&format!("{}.jpeg", "ü".repeat(400)));
        assert!(long.len() <= MAX_NAME && long.ends_with("ü.jpeg"), "{long}");
        assert_eq!(safe(&"x".repeat(400)).len(), MAX_NAME);
    }

    #[test]
    fn a_number_stands_before_the_ending() {
        assert_eq!(numbered("report.pdf", 2), "report (2).pdf");
        assert_eq!(numbered("Makefile", 10), "Makefile (10)");
        assert_eq!(numbered("_bashrc", 2), "_bashrc (2)");
    }

    proptest! {
        #[test]
        fn what_is_left_is_one_harmless_name(name in "[\\PC\0-\u{20}./\\\\\u{200b}-\u{202e}]{0,300}") {
            let left = safe(&name);
            prop_assert!(!left.is_empty() && left.len() <= MAX_NAME);
            prop_assert!(!left.contains(['/', '\\', '\0', ':']) && !left.starts_with('.') && !left.ends_with(['.', ' ']));
            prop_assert!(!left.chars().any(is_invisible));
            prop_assert_eq!(safe(&left), left.clone());
            prop_assert!(!numbered(&left, 9999).contains(['/', '\\']));
        }
    }
}
