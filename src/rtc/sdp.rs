//! The few facts read from SDP here: which media sections there are, what goes which way in them, and who made it.

use crate::model::description::{ANSWERS, Description, POLITE, REED_SOLOMON, REPAIRS};

/// Candidates taken for one description of the other side: each is tried from every address of ours, again and again.
pub(crate) const CANDIDATES: usize = 256;

/// What a section carries (W3C `MediaStreamTrack.kind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// One `m=` section (RFC 8866 §5.14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section<'a> {
    /// `audio`, `video`, `application`.
    pub media: &'a str,
    /// Its identification (RFC 5888), unique in the description.
    pub mid: &'a str,
    /// Whoever made the description sends in it, receives in it.
    pub sends: bool,
    pub receives: bool,
    /// First word of `a=msid` (RFC 8830): the stream of the track in it; empty where it names none.
    pub stream: &'a str,
}

impl Section<'_> {
    /// What it carries, if that is media.
    pub fn kind(&self) -> Option<TrackKind> {
        match self.media {
            "audio" => Some(TrackKind::Audio),
            "video" => Some(TrackKind::Video),
            _ => None,
        }
    }
}

/// The sections of a description, in order. A refused one (port 0, and not only because it is bundled) goes no way.
pub(crate) fn sections(sdp: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    // RFC 8866 §6.7: sendrecv where nothing is said.
    let (mut default, mut refused) = ((true, true), Vec::new());
    for line in sdp.lines().map(str::trim_end) {
        if let Some(rest) = line.strip_prefix("m=") {
            let mut words = rest.split_whitespace();
            let media = words.next().unwrap_or_default();
            refused.push(words.next() == Some("0"));
            sections.push(Section { media, mid: "", sends: default.0, receives: default.1, stream: "" });
            continue;
        }
        let way = match line {
            "a=sendrecv" => Some((true, true)),
            "a=sendonly" => Some((true, false)),
            "a=recvonly" => Some((false, true)),
            "a=inactive" => Some((false, false)),
            _ => None,
        };
        match (sections.last_mut(), way) {
            (None, Some(way)) => default = way,
            (Some(section), Some(way)) => (section.sends, section.receives) = way,
            (Some(section), None) => {
                if let Some(mid) = line.strip_prefix("a=mid:") {
                    section.mid = mid.trim();
                } else if let Some(msid) = line.strip_prefix("a=msid:") {
                    section.stream = msid.split_whitespace().next().filter(|stream| *stream != "-").unwrap_or_default();
                } else if line == "a=bundle-only"
                    && let Some(refused) = refused.last_mut()
                {
                    *refused = false;
                }
            }
            (None, None) => {}
        }
    }
    for (section, _) in sections.iter_mut().zip(refused).filter(|(_, refused)| *refused) {
        (section.sends, section.receives) = (false, false);
    }
    sections
}

/// What we write into a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Counted for each description.
    pub version: u64,
    /// Gives way on glare.
    pub polite: bool,
    /// Version of the offer that it answers.
    pub answers: Option<u64>,
}

/// The same as we send it: with another version in its `o=` line, our manners, and what else we understand. The transport crate writes random
/// versions, but of two descriptions of one side the newer must have the higher (RFC 3264 §8).
/// What an answer answers lets the other side tell it from one to an earlier offer.
pub(crate) fn stamped(sdp: &str, stamp: &Stamp) -> String {
    let mut text = String::with_capacity(sdp.len() + 40);
    let number = stamp.version.to_string();
    let mut in_session = true;
    for line in sdp.split_inclusive('\n') {
        if in_session && line.starts_with("m=") {
            in_session = false;
            text.push_str(&format!("a={POLITE}:{}\r\n", if stamp.polite { "yes" } else { "no" }));
            text.push_str(&format!("a={REPAIRS}:{REED_SOLOMON}\r\n"));
            if let Some(offer) = stamp.answers {
                text.push_str(&format!("a={ANSWERS}:{offer}\r\n"));
            }
        }
        let mut words: Vec<&str> = line.split(' ').collect();
        match (in_session && line.starts_with("o="), words.get_mut(2)) {
            (true, Some(word)) => {
                *word = &number;
                text.push_str(&words.join(" "));
            }
            _ => text.push_str(line),
        }
    }
    text
}

/// Which end of the DTLS handshake one is (RFC 8842 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// Begins it.
    Active,
    /// Waits for it.
    Passive,
}

impl Setup {
    /// What a description says; `None` where it leaves it open.
    pub fn of(sdp: &str) -> Option<Self> {
        match sdp.lines().find_map(|line| line.trim_end().strip_prefix("a=setup:"))? {
            "active" => Some(Self::Active),
            "passive" => Some(Self::Passive),
            _ => None,
        }
    }

    /// The other end.
    pub fn opposite(self) -> Self {
        match self {
            Self::Active => Self::Passive,
            Self::Passive => Self::Active,
        }
    }
}

/// The same with another end of the handshake: it stays as the first answer said, for as long as the keys stay
/// (RFC 8842 §5.5), whoever offers next.
pub(crate) fn with_setup(sdp: &str, setup: Setup) -> String {
    let line = |setup| match setup {
        Setup::Active => "a=setup:active",
        Setup::Passive => "a=setup:passive",
    };
    sdp.replace(line(setup.opposite()), line(setup))
}

fn is_of_candidates(line: &str) -> bool {
    line.starts_with("a=candidate:") || line.starts_with("a=end-of-candidates")
}

/// The same without any candidate. The crate writes those of before into an offer that restarts ICE.
pub(crate) fn bare(sdp: &str) -> String {
    sdp.split_inclusive('\n').filter(|line| !is_of_candidates(line)).collect()
}

/// A bare description with these candidates (`candidate:…`), in its first section: the only one that has a transport,
/// for all are bundled. `complete` says that there are no more (RFC 8838 §8.2).
pub(crate) fn with_candidates(bare: &str, candidates: &[String], complete: bool) -> String {
    let mut lines: String = candidates.iter().flat_map(|candidate| ["a=", candidate, "\r\n"]).collect();
    if complete {
        lines.push_str("a=end-of-candidates\r\n");
    }
    let mut text = String::with_capacity(bare.len() + lines.len());
    let mut sections = 0;
    for line in bare.split_inclusive('\n') {
        sections += usize::from(line.starts_with("m="));
        if sections == 2 {
            text.push_str(&std::mem::take(&mut lines));
        }
        text.push_str(line);
    }
    if sections > 0 {
        text.push_str(&lines);
    }
    text
}

/// The same without candidates that cannot be read: others may do (RFC 8839 §5.1), but the crate would refuse it all.
pub fn usable(sdp: &str) -> String {
    let readable = |line: &&str| match line.trim_end().strip_prefix("a=candidate:") {
        Some(candidate) => rtc::ice::candidate::unmarshal_candidate(candidate).is_ok(),
        None => true,
    };
    sdp.split_inclusive('\n').filter(readable).collect()
}

/// Looks for what every usable description has, before anything is changed by it: the crate finds some of it missing
/// only when it is half applied.
///
/// # Errors
/// What it lacks, as a part of a sentence.
pub fn complete(sdp: &str) -> Result<(), String> {
    for needed in ["m=", "a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:"] {
        if !sdp.lines().any(|line| line.len() > needed.len() && line.starts_with(needed)) {
            return Err(format!("it has no line “{needed}…”"));
        }
    }
    if sdp.lines().filter(|line| line.starts_with("a=candidate:")).count() > CANDIDATES {
        return Err(format!("it has more than {CANDIDATES} candidates"));
    }
    // RFC 9143 §7.1: the group names sections of this description. One that is missing was cut off on the way.
    let mids: Vec<&str> = sections(sdp).iter().map(|section| section.mid).collect();
    let bundled = sdp.lines().filter_map(|line| line.strip_prefix("a=group:BUNDLE")).flat_map(str::split_whitespace);
    // RFC 8122 §5: the name of a hash function, and the hash.
    let fingerprints = sdp.lines().filter_map(|line| line.strip_prefix("a=fingerprint:"));
    if let Some(odd) = fingerprints.into_iter().find(|value| value.split_whitespace().count() != 2) {
        return Err(format!("“{odd}” is no fingerprint"));
    }
    match bundled.into_iter().find(|mid| !mids.contains(mid)) {
        Some(mid) => Err(format!("it bundles a section “{mid}” that it does not have")),
        None => Ok(()),
    }
}

/// Whether an answer speaks of the sections of the offer: as many, of the same kinds, under the same names
/// (RFC 3264 §6, RFC 9429 §5.3.1).
///
/// # Errors
/// Where they differ, as a part of a sentence.
pub fn answers(offer: &Description, answer: &Description) -> Result<(), String> {
    let (offered, answered) = (sections(&offer.sdp), sections(&answer.sdp));
    if offered.len() != answered.len() {
        return Err(format!("it answers {} of {} media sections", answered.len(), offered.len()));
    }
    match offered.iter().zip(&answered).find(|(offer, answer)| (offer.media, offer.mid) != (answer.media, answer.mid)) {
        Some((offer, answer)) => {
            Err(format!("it answers section “{}” ({}) by “{}” ({})", offer.mid, offer.media, answer.mid, answer.media))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::description::DescriptionKind;

    const SDP: &str = "v=0\r\no=- 7 9 IN IP4 0.0.0.0\r\ns=-\r\na=group:BUNDLE 0 1 2\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
        a=mid:0\r\na=msid:home a1\r\na=sendrecv\r\nm=video 0 UDP/TLS/RTP/SAVPF 102\r\na=bundle-only\r\na=mid:1\r\n\
        a=msid:- v1\r\na=sendonly\r\nm=video 0 UDP/TLS/RTP/SAVPF 102\r\na=mid:2\r\na=sendrecv\r\n";

    #[test]
    fn sections_say_what_goes_which_way() {
        let found = sections(SDP);
        let ways: Vec<_> = found.iter().map(|s| (s.mid, s.kind(), s.sends, s.receives, s.stream)).collect();
        let (audio, video) = (Some(TrackKind::Audio), Some(TrackKind::Video));
        assert_eq!(
            ways,
            [("0", audio, true, true, "home"), ("1", video, true, false, ""), ("2", video, false, false, "")]
        );
    }

    #[test]
    fn only_the_version_is_another_and_manners_are_added() {
        let sdp = stamped(SDP, &Stamp { version: 12, polite: true, answers: Some(3) });
        let sent = Description { kind: DescriptionKind::Offer, sdp: sdp.clone() };
        assert_eq!(sent.origin().map(|origin| (origin.session, origin.version)), Some((7, 12)));
        assert_eq!((sent.polite(), sent.answers(), sent.understands_repairs()), (Some(true), Some(3), true));
        let ours = ["a=x-visavis-polite:yes\r\n", "a=x-visavis-repairs:rs\r\n", "a=x-visavis-answers:3\r\n"];
        let bare = ours.iter().fold(sdp, |sdp, line| sdp.replace(line, ""));
        assert_eq!(bare.replace("o=- 7 12 IN", "o=- 7 9 IN"), SDP);
    }

    #[test]
    fn candidates_that_cannot_be_read_are_left_out() {
        let good = "a=candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host\r\n";
        let sdp = format!("{SDP}a=candidate:x y\r\n{good}a=candidate:\r\n");
        assert_eq!(usable(&sdp), format!("{SDP}{good}"));
    }

    #[test]
    fn candidates_go_into_the_first_section() {
        let candidates = ["candidate:1 1 udp 1 127.0.0.1 5000 typ host".to_owned()];
        let whole = with_candidates(SDP, &candidates, true);
        let added = format!("a={}\r\na=end-of-candidates\r\n", candidates[0]);
        assert!(whole.contains(&format!("a=sendrecv\r\n{added}m=video")), "{whole}");
        assert_eq!(bare(&whole), SDP);
    }

    #[test]
    fn the_end_of_the_handshake_is_read_and_set() {
        let answer = "v=0\r\nm=audio 9\r\na=setup:active\r\nm=video 9\r\na=setup:active\r\n";
        let passive = answer.replace("active", "passive");
        assert_eq!(
            (Setup::of(answer), Setup::of(&passive), Setup::of(SDP)),
            (Some(Setup::Active), Some(Setup::Passive), None)
        );
        assert_eq!(with_setup(answer, Setup::Passive), passive);
        assert_eq!(with_setup(&passive, Setup::Passive), passive);
        assert_eq!(with_setup(&passive, Setup::Active), answer);
    }

    #[test]
    fn an_answer_with_other_media_is_none() {
        let of = |kind, sdp: &str| Description { kind, sdp: sdp.to_owned() };
        let offer = of(DescriptionKind::Offer, SDP);
        assert_eq!(answers(&offer, &of(DescriptionKind::Answer, SDP)), Ok(()));
        for other in [SDP.replace("a=mid:1", "a=mid:7"), SDP.replace("m=audio", "m=video"), SDP[..90].to_owned()] {
            assert!(answers(&offer, &of(DescriptionKind::Answer, &other)).is_err());
        }
    }
}
