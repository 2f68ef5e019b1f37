//! A connection that follows W3C's state rules and knows only what matters to a negotiation.

use std::collections::{BTreeMap, BTreeSet};

/// Who sends a track, and its number.
pub(super) type Section = (usize, u32);

/// A connection as W3C wants it: what it is asked in the wrong state is a failed test.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) side: usize,
    pub(super) polite: bool,
    pub(super) version: u64,
    /// ICE session of ours, and the one before an offer that may be taken back.
    pub(super) session: u32,
    pub(super) before: u32,
    /// Taking an offer back brings the old ICE session back (browsers do, our transport crate does not).
    pub(super) restores: bool,
    pub(super) wants: BTreeSet<u32>,
    pub(super) pending: Option<Text>,
    /// Our part and theirs of what was agreed on.
    pub(super) agreed: Option<(Text, Text)>,
}

/// What a description says, as far as it matters here. `answers`: the version of the offer that it answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Text {
    pub(super) side: usize,
    pub(super) version: u64,
    pub(super) session: u32,
    pub(super) answers: u64,
    pub(super) spoiled: bool,
    /// Whether the maker sends or wants each of its own sections; those of the other side are only named.
    pub(super) sections: BTreeMap<Section, bool>,
}

impl Text {
    pub(super) fn write(&self, polite: bool) -> String {
        let mut sdp = format!("v=0\r\no=- {} {} IN IP4 0.0.0.0\r\n", self.side + 7, self.version);
        sdp += &format!("a=x-visavis-polite:{}\r\n", if polite { "yes" } else { "no" });
        if self.answers > 0 {
            sdp += &format!("a=x-visavis-answers:{}\r\n", self.answers);
        }
        sdp += &format!("a=ice-ufrag:{}x{}\r\nb={} {}\r\n", self.side, self.session, self.answers, self.spoiled);
        for ((side, number), sends) in &self.sections {
            sdp += &format!("m={side} {number} {sends}\r\n");
        }
        sdp
    }

    pub(super) fn read(sdp: &str) -> Self {
        let mut text = Self::default();
        for line in sdp.lines() {
            let words: Vec<_> = line[2..].split(' ').collect();
            match &line[..2] {
                "o=" => (text.side, text.version) = (words[1].parse::<usize>().unwrap() - 7, words[2].parse().unwrap()),
                "a=" if line.starts_with("a=ice") => text.session = line.split('x').nth(1).unwrap().parse().unwrap(),
                "b=" => (text.answers, text.spoiled) = (words[0].parse().unwrap(), words[1] == "true"),
                "m=" => {
                    let section = (words[0].parse().unwrap(), words[1].parse().unwrap());
                    text.sections.insert(section, words[2] == "true");
                }
                _ => {}
            }
        }
        text
    }
}

impl Connection {
    pub(super) fn text(&mut self, sections: BTreeMap<Section, bool>, answers: u64) -> Text {
        self.version += 1;
        let (side, version, session) = (self.side, self.version, self.session);
        let sections = sections.into_iter().map(|((owner, number), sends)| {
            ((owner, number), if owner == side { self.wants.contains(&number) } else { sends })
        });
        Text { side, version, session, answers, spoiled: false, sections: sections.collect() }
    }

    pub(super) fn offer(&mut self, restart: bool) -> Text {
        assert!(self.pending.is_none(), "an offer in have-local-offer");
        self.before = self.session;
        self.session += u32::from(restart);
        let mut sections = self.sections();
        sections.extend(self.wants.iter().map(|number| ((self.side, *number), true)));
        let offer = self.text(sections, 0);
        self.pending = Some(offer.clone());
        offer
    }

    pub(super) fn roll_back(&mut self) {
        assert!(self.pending.take().is_some(), "rollback in stable");
        if self.restores {
            self.session = self.before;
        }
    }

    pub(super) fn take_offer(&mut self, offer: &Text) -> Option<Text> {
        assert!(self.pending.is_none(), "setRemoteDescription(offer) in have-local-offer");
        if offer.spoiled {
            return None;
        }
        if self.agreed.as_ref().is_some_and(|(_, theirs)| theirs.session != offer.session) {
            self.session += 1;
        }
        let answer = self.text(offer.sections.clone(), offer.version);
        self.agreed = Some((answer.clone(), offer.clone()));
        Some(answer)
    }

    pub(super) fn take_answer(&mut self, answer: &Text) -> bool {
        let offer = self.pending.take().expect("setRemoteDescription(answer) in stable");
        assert_eq!(answer.answers, offer.version, "an answer to another offer");
        if answer.spoiled {
            self.pending = Some(offer);
            return false;
        }
        self.agreed = Some((offer, answer.clone()));
        true
    }

    /// What was agreed on: each section as its owner said.
    pub(super) fn sections(&self) -> BTreeMap<Section, bool> {
        let Some((ours, theirs)) = &self.agreed else { return BTreeMap::new() };
        let of = |owner| if owner == self.side { ours } else { theirs };
        ours.sections.keys().map(|key| (*key, of(key.0).sections.get(key).copied().unwrap_or(false))).collect()
    }

    pub(super) fn differs(&self) -> bool {
        let sections = self.sections();
        let own = sections.iter().filter(|((owner, _), sends)| *owner == self.side && **sends);
        self.agreed.is_none() || own.map(|((_, number), _)| *number).collect::<BTreeSet<_>>() != self.wants
    }
}
