//! Mentions: “@Amara Osei”, or “@Amara”, in a message means whoever is called so.
//!
//! Names are compared without regard to case, and end where no letter or digit follows: “@Amaranth” means no Amara. Nothing
//! but the text goes over the wire, so that every program can write and read it.

use std::ops::Range;

/// Most `@` of one text that are looked at: more are no conversation.
const MOST: usize = 64;

/// Longest beginning of a name that is still taken for one, characters.
const LONGEST: usize = 64;

/// Where one of these names is mentioned: ranges of bytes of the text, with their `@`, in order. Of names that fit at one
/// place the longest counts.
pub fn find(text: &str, names: &[&str]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices('@').take(MOST) {
        if found.last().is_some_and(|last| at < last.end) || !begins_word(text.get(..at).unwrap_or_default()) {
            continue;
        }
        let rest = text.get(at + 1..).unwrap_or_default();
        let forms = names.iter().flat_map(|name| [Some(*name), name.split_whitespace().next()]).flatten();
        if let Some(length) = forms.filter_map(|name| length(rest, name)).max() {
            found.push(at..at + 1 + length);
        }
    }
    found
}

/// Whether a text mentions who is called so.
pub fn mentions(text: &str, name: &str) -> bool {
    !find(text, &[name]).is_empty()
}

/// The mention that is being written before the cursor, which stands behind so many characters: how many characters are
/// before its `@`, and what is written of the name.
pub fn begun(text: &str, cursor: usize) -> Option<(usize, &str)> {
    let end = text.char_indices().nth(cursor).map_or(text.len(), |(at, _)| at);
    let before = text.get(..end)?;
    let (start, part) = (before.rfind('@')?, before.rsplit('@').next()?);
    let start = before.get(..start)?;
    let good = begins_word(start) && !part.contains('\n') && part.chars().count() <= LONGEST;
    good.then(|| (start.chars().count(), part))
}

/// Which of these names could be meant by what is written of one: any whose beginning it is, or the beginning of a later
/// word of it.
pub fn offers<'a>(part: &str, names: &[&'a str]) -> Vec<&'a str> {
    let part = part.to_lowercase();
    let mut fits: Vec<&str> = Vec::new();
    for name in names {
        let low = name.to_lowercase();
        let one = low.starts_with(&part) || low.split_whitespace().any(|word| word.starts_with(&part));
        if one && !name.is_empty() && !fits.contains(name) {
            fits.push(name);
        }
    }
    fits
}

/// Nothing that a mail address could be stands before it.
fn begins_word(before: &str) -> bool {
    before.chars().next_back().is_none_or(|c| !c.is_alphanumeric())
}

/// How many bytes of the beginning of a text are this name.
fn length(text: &str, name: &str) -> Option<usize> {
    let mut rest = text.chars();
    for wanted in name.chars() {
        let same = rest.next()?.to_lowercase().eq(wanted.to_lowercase());
        same.then_some(())?;
    }
    let ends = rest.clone().next().is_none_or(|next| !next.is_alphanumeric());
    (ends && !name.is_empty()).then(|| text.len() - rest.as_str().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_whole_name_or_the_first_is_a_mention() {
        let found = |text: &'static str| -> Vec<&str> {
            find(text, &["Amara Osei", "Tomás Rivera"]).into_iter().map(|range| &text[range]).collect()
        };
        assert_eq!(found("@Amara Osei, look"), ["@Amara Osei"]);
        assert_eq!(found("so @AMARA and @tomás: go"), ["@AMARA", "@tomás"]);
        assert_eq!(found("(@Amara)"), ["@Amara"]);
        assert_eq!(found("@@Amara"), ["@Amara"]);
        for none in ["Amara", "@Amaranth", "noor@amara.example", "@Osei", "@", "@ Amara", ""] {
            assert!(found(none).is_empty(), "{none}");
        }
        assert!(mentions("thanks @noor!", "Noor Haddad") && !mentions("thanks noor", "Noor Haddad"));
        assert!(!mentions("@", ""), "who has no name is not mentioned");
    }

    #[test]
    fn what_is_begun_is_found_before_the_cursor() {
        assert_eq!(begun("hi @", 4), Some((3, "")));
        assert_eq!(begun("héé @am and", 7), Some((4, "am")));
        assert_eq!(begun("hi @amara osei", 14), Some((3, "amara osei")));
        for (text, cursor) in [("hi", 2), ("noor@am", 7), ("@am", 0), ("@a\nb", 4), ("", 9)] {
            assert_eq!(begun(text, cursor), None, "{text}");
        }
    }

    #[test]
    fn people_are_offered_by_any_of_their_names_once() {
        let names = ["Amara Osei", "Lena Fischer", "Amara Osei", ""];
        assert_eq!(offers("", &names), ["Amara Osei", "Lena Fischer"]);
        assert_eq!(offers("os", &names), ["Amara Osei"]);
        assert_eq!(offers("amara o", &names), ["Amara Osei"]);
        assert_eq!(offers("amara osei ", &names), [""; 0], "what is written in full is over");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[@a\n é👋A ]{0,40}", name in "[@aé ]{0,6}", cursor in 0usize..50) {
            for range in find(&text, &[&name]) {
                prop_assert!(text[range].starts_with('@'));
            }
            if let Some((at, part)) = begun(&text, cursor) {
                prop_assert_eq!(text.chars().nth(at), Some('@'));
                offers(part, &[&name]);
            }
        }
    }
}
