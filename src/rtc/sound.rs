//! What descriptions say of sound beyond its direction: redundancy (RFC 2198) and the wishes of who receives Opus
//! (RFC 7587 §6.1). Pure text work.
//!
//! Redundancy is `red/48000/2` with `a=fmtp:63 111/111`, as browsers write it: copies of Opus, of the one payload type
//! the section has. In what we send it comes before Opus, for browsers send copies only to those who prefer them; an
//! answer has it only where the offer had.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU8, Ordering};

/// A payload type that is none.
const NONE: u8 = u8::MAX;

/// How one section of sound is to be sent to whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sound {
    /// Payload type of Opus.
    pub opus: Option<u8>,
    /// Payload type of redundant Opus.
    pub red: Option<u8>,
    /// Send nothing while nobody speaks (`usedtx=1`).
    pub dtx: bool,
    /// Not more than this, bits a second (`maxaveragebitrate`).
    pub most_bps: Option<u32>,
    /// Sound in each packet, ms: from `minptime` (3 where nothing is said) to `a=maxptime` (120), or just `a=ptime`.
    pub packet_ms: RangeInclusive<u8>,
}

impl Default for Sound {
    /// Of a section that says nothing.
    fn default() -> Self {
        Self { opus: None, red: None, dtx: false, most_bps: None, packet_ms: 3..=120 }
    }
}

/// A payload type named by `a=rtpmap:`, with what it is.
fn mapped(line: &str) -> Option<(u8, &str)> {
    let (number, name) = line.strip_prefix("a=rtpmap:")?.trim_end().split_once(' ')?;
    Some((number.parse().ok()?, name.trim()))
}

/// The parameters of a payload type.
fn parameters(line: &str) -> Option<(u8, &str)> {
    let (number, text) = line.strip_prefix("a=fmtp:")?.trim_end().split_once(' ')?;
    Some((number.parse().ok()?, text.trim()))
}

fn value<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = parameters.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

impl Sound {
    /// Of the lines of one section.
    fn of_section<'a>(lines: impl Iterator<Item = &'a str> + Clone) -> Self {
        let find = |name: &str| {
            let mut maps = lines.clone().filter_map(mapped);
            maps.find(|(_, is)| is.eq_ignore_ascii_case(name)).map(|(number, _)| number)
        };
        let told =
            |number: u8| lines.clone().filter_map(parameters).find(|(of, _)| *of == number).map(|(_, text)| text);
        let Some(opus) = find("opus/48000/2") else { return Self::default() };
        let wishes = told(opus).unwrap_or_default();
        // The transport crate takes a codec that contradicts ours for another one, and drops it beside one that does not.
        let ours = value(wishes, "minptime").is_none_or(|is| is == "10")
            && value(wishes, "useinbandfec").is_none_or(|is| is == "1");
        let red = find("red/48000/2").filter(|red| {
            let blocks = told(*red).unwrap_or_default();
            ours && !blocks.is_empty() && blocks.split('/').all(|block| block.trim().parse() == Ok(opus))
        });
        let most_bps = value(wishes, "maxaveragebitrate").and_then(|bps| bps.parse().ok());
        let ms = |name: &str| lines.clone().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        let least = value(wishes, "minptime").and_then(|ms| ms.parse().ok()).unwrap_or(3);
        let packet_ms = match ms("a=ptime:") {
            Some(ms) => ms..=ms,
            None => least..=ms("a=maxptime:").unwrap_or(120),
        };
        Self { opus: Some(opus), red, dtx: value(wishes, "usedtx") == Some("1"), most_bps, packet_ms }
    }

    /// Of the first section of sound that has Opus.
    pub fn of(sdp: &str) -> Self {
        let found = sections(sdp).into_iter().filter(|section| section.starts_with("m=audio "));
        found.map(|section| Self::of_section(section.lines())).find(|sound| sound.opus.is_some()).unwrap_or_default()
    }
}

/// The parts of a description, line ends and all: what is said for all, then its sections.
fn sections(sdp: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = sdp.match_indices("m=").map(|(at, _)| at).collect();
    starts.retain(|at| *at == 0 || sdp.as_bytes()[at - 1] == b'\n');
    let ends = starts.iter().copied().skip(1).chain([sdp.len()]);
    let first = starts.first().copied().unwrap_or(sdp.len());
    let rest = starts.iter().zip(ends).map(|(start, end)| &sdp[*start..end]);
    std::iter::once(&sdp[..first]).chain(rest).collect()
}

/// The payload types of an `m=` line, changed.
fn with_types(line: &str, change: impl FnOnce(&mut Vec<&str>)) -> String {
    let body = line.trim_end();
    let mut words: Vec<&str> = body.split(' ').collect();
    let mut types = words.split_off(words.len().min(3));
    change(&mut types);
    words.extend(types);
    words.join(" ") + &line[body.len()..]
}

/// The same without redundancy that is not what we speak, in every section of sound: the transport crate would take it
/// for what it is called.
pub(crate) fn without_odd_red(sdp: &str) -> String {
    let mut out = String::with_capacity(sdp.len());
    for section in sections(sdp) {
        let good = Sound::of_section(section.lines()).red;
        let odd: Vec<u8> = section
            .lines()
            .filter_map(mapped)
            .filter(|(number, name)| name.to_ascii_lowercase().starts_with("red/") && Some(*number) != good)
            .map(|(number, _)| number)
            .collect();
        if odd.is_empty() || !section.starts_with("m=audio ") {
            out.push_str(section);
            continue;
        }
        for line in section.split_inclusive('\n') {
            let is_odd = |word: &str| word.parse().is_ok_and(|number: u8| odd.contains(&number));
            let of = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"].iter().find_map(|start| line.strip_prefix(start));
            if line.starts_with("m=") {
                out.push_str(&with_types(line, |types| types.retain(|word| !is_odd(word))));
            } else if !of.and_then(|rest| rest.split_whitespace().next()).is_some_and(is_odd) {
                out.push_str(line);
            }
        }
    }
    out
}

/// The same with redundancy before everything else where there is any.
pub(crate) fn with_red_first(sdp: &str) -> String {
    let mut out = String::with_capacity(sdp.len());
    for section in sections(sdp) {
        let red = Sound::of_section(section.lines()).red.filter(|_| section.starts_with("m=audio "));
        match (red, section.split_once('\n')) {
            (Some(red), Some((line, rest))) => {
                let red = red.to_string();
                let ahead = |types: &mut Vec<&str>| types.sort_by_key(|word| *word != red);
                out.push_str(&with_types(line, ahead));
                out.push('\n');
                out.push_str(rest);
            }
            _ => out.push_str(section),
        }
    }
    out
}

/// The payload types under which sound comes in, as our description in force says.
#[derive(Debug)]
pub(crate) struct Types {
    opus: AtomicU8,
    red: AtomicU8,
}

impl Default for Types {
    fn default() -> Self {
        Self { opus: AtomicU8::new(NONE), red: AtomicU8::new(NONE) }
    }
}

impl Types {
    /// Another description is in force.
    pub fn set(&self, sdp: &str) {
        let sound = Sound::of(sdp);
        if let Some(opus) = sound.opus {
            self.opus.store(opus, Ordering::Relaxed);
            self.red.store(sound.red.unwrap_or(NONE), Ordering::Relaxed);
        }
    }

    /// Of what the copies in packets of this type are; `None` where it is no redundancy.
    pub fn within(&self, payload_type: u8) -> Option<u8> {
        (payload_type == self.red.load(Ordering::Relaxed)).then(|| self.opus.load(Ordering::Relaxed))
    }

    /// Whether copies may come at all.
    pub fn has_red(&self) -> bool {
        self.red.load(Ordering::Relaxed) != NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9\r\na=rtpmap:111 opus/48000/2\r\n\
        a=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\n\
        a=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=rtpmap:96 VP8/90000\r\n\
        a=rtpmap:97 red/90000\r\n";

    #[test]
    fn what_a_browser_offers_is_read() {
        let sound = Sound::of(OFFER);
        assert_eq!(sound, Sound { opus: Some(111), red: Some(63), packet_ms: 10..=120, ..Sound::default() });
        let wishes = OFFER.replace("useinbandfec=1", "useinbandfec=1; usedtx=1;maxaveragebitrate=20000");
        let sound = Sound::of(&wishes);
        assert_eq!((sound.dtx, sound.most_bps, sound.red), (true, Some(20_000), Some(63)));
        let packet_ms =
            |line: &str| Sound::of(&OFFER.replace("a=rtpmap:9 ", &format!("{line}\r\na=rtpmap:9 "))).packet_ms;
        assert_eq!(
            (packet_ms("a=maxptime:40"), packet_ms("a=ptime:20 "), packet_ms("a=ptime:x")),
            (10..=40, 20..=20, 10..=120)
        );
        assert_eq!(Sound::of("m=video 9 X 96\r\na=rtpmap:96 VP8/90000\r\n"), Sound::default());
        assert_eq!(Sound::of(""), Sound::default());
    }

    #[test]
    fn redundancy_comes_first_in_what_we_send() {
        let ours = with_red_first(OFFER);
        assert_eq!(ours.replace("SAVPF 63 111 9", "SAVPF 111 63 9"), OFFER);
        assert!(ours.contains("m=audio 9 UDP/TLS/RTP/SAVPF 63 111 9\r\n"));
        let without = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n";
        assert_eq!((with_red_first(without), with_red_first("")), (without.to_owned(), String::new()));
    }

    #[test]
    fn redundancy_that_is_not_ours_is_left_out() {
        assert_eq!(without_odd_red(OFFER), OFFER);
        for (is, odd) in [
            ("a=fmtp:63 111/111", "a=fmtp:63 111/9"),
            ("a=fmtp:63 111/111", "a=fmtp:63"),
            ("red/48000/2", "red/8000"),
            ("minptime=10", "minptime=20"),
            ("useinbandfec=1", "useinbandfec=0"),
        ] {
            let left = without_odd_red(&OFFER.replace(is, odd));
            assert_eq!(Sound::of(&left).red, None);
            assert!(
                left.contains("SAVPF 111 9\r\n") && !left.contains("a=rtpmap:63") && !left.contains("a=fmtp:63"),
                "{left}"
            );
            assert!(left.contains("a=rtpmap:97 red/90000\r\n") && left.contains("SAVPF 96 97\r\n"));
        }
    }

    #[test]
    fn types_follow_the_description_in_force() {
        let types = Types::default();
        assert_eq!((types.within(63), types.within(NONE - 1), types.has_red()), (None, None, false));
        types.set(OFFER);
        assert_eq!((types.within(63), types.within(111), types.has_red()), (Some(111), None, true));
        types.set("v=0\r\n");
        assert!(types.has_red());
    }

    proptest::proptest! {
        /// Whatever a description holds: nothing panics, and what was mended once needs no mending.
        #[test]
        fn any_text_is_taken(lines in proptest::collection::vec("(m=audio 9 [A-Z/]{1,5}( [0-9]{1,3}){0,4}|a=(rtpmap|fmtp|rtcp-fb):[0-9]{1,3} ?(opus/48000/2|red/48000/2|red/8000|[0-9]{1,3}/[0-9]{1,3}|usedtx=1)?|\\PC{0,12})(\r?\n)?", 0..12)) {
            let text = lines.concat();
            let _ = Sound::of(&text);
            let mended = without_odd_red(&text);
            proptest::prop_assert_eq!(without_odd_red(&mended), mended.clone());
            let ours = with_red_first(&mended);
            proptest::prop_assert_eq!(ours.len(), mended.len());
            Types::default().set(&ours);
        }
    }
}
