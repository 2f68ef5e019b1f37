//! A trouble of the network in one sentence: which side, what, how much, and why most likely.

use super::{Cause, Side, Trouble, Way};

/// See the [module](self). `name` is what the peer is called.
pub(super) fn sentence(trouble: &Trouble, name: &str) -> String {
    let Trouble { cause, way, side, alone } = *trouble;
    let what = subject(way, side, name);
    let tail = if alone { tail(way, side) } else { "" };
    // Who could be told “yours” about what may be at the other end should know that.
    let whose = if side == Side::Either { ", yours or theirs" } else { "" };
    match cause {
        Cause::Outage => outage(way, side, name),
        Cause::Narrow { bps, paused: true } => {
            let who = match (way, side) {
                (Way::Down, Side::Theirs) => format!("{name} paused the video"),
                (Way::Down, _) => "They paused their video".to_owned(),
                _ => "Video paused".to_owned(),
            };
            format!("{who} to keep the sound: {} carries only {}", lower(&what), bitrate(bps))
        }
        Cause::Narrow { bps, .. } => {
            format!("{what} carries only {}, probably a slow or busy line{whose}{tail}", bitrate(bps))
        }
        Cause::Shared { bps } if way == Way::Down => {
            let whose = format!("{} upload of {}", owner(name), bitrate(bps));
            format!("{whose} is shared by all they call, so the picture is smaller; your side is fine")
        }
        Cause::Shared { bps } => {
            format!("Your upload of {} is shared by all you call, so each gets a smaller picture", bitrate(bps))
        }
        Cause::Loss { percent } => {
            let ways = if way == Way::Both { " both ways" } else { "" };
            format!("{what} loses {percent} % of packets{ways}, probably Wi-Fi{whose}{tail}")
        }
        Cause::Jitter { ms } => {
            format!("{what} is uneven: packets come {ms} ms early or late, probably a busy Wi-Fi or line{whose}{tail}")
        }
        Cause::Delay { ms, relayed } => {
            let whose = if side == Side::Theirs { format!(" of {name}") } else { String::new() };
            let why = match side {
                _ if relayed => "the relay between you is far off or busy",
                Side::Yours => "your connection is far off or busy",
                Side::Theirs => "that connection is far off or busy",
                Side::Either => "the network between you is long or busy",
            };
            format!("Answers{whose} take {}: {why}", time(ms))
        }
        Cause::Busy { .. } if way == Way::Down => {
            format!("{} is too busy for its picture; the network is fine", computer(name))
        }
        Cause::Busy { smaller: true } => "This computer is too busy: your picture is sent smaller".to_owned(),
        Cause::Busy { .. } => "Your computer is too busy for the picture; the network is fine".to_owned(),
        Cause::Behind => {
            format!("This computer is too busy to show the picture of {name} in time; the network is fine")
        }
        Cause::Camera { fps: 0 } => {
            format!("No new picture comes from {name}: a slow camera or computer there; the network is fine")
        }
        Cause::Camera { fps } => {
            let times = if fps == 1 { "once".to_owned() } else { format!("{fps} times") };
            format!(
                "The picture of {name} comes {times} a second: a slow camera or computer there; the network is fine"
            )
        }
    }
}

/// What a person can do about it.
pub(super) fn advice(trouble: &Trouble) -> &'static str {
    match (trouble.cause, trouble.side) {
        (Cause::Outage, _) => "Another path is looked for; check cable and Wi-Fi.",
        (Cause::Behind, _) => "Close other programs, or switch your own camera off.",
        (Cause::Busy { .. }, _) if trouble.way != Way::Down => "Close other programs, or choose a smaller picture.",
        (Cause::Busy { .. } | Cause::Camera { .. }, _) => "Nothing to do on this side.",
        (Cause::Delay { .. }, _) => "Wait a moment after each sentence; a relay far away costs time too.",
        (Cause::Shared { .. }, _) if trouble.way != Way::Down => {
            "Nothing to do; without your camera the others get the rest."
        }
        (_, Side::Theirs) => "Nothing to do on this side.",
        (Cause::Shared { .. }, _) => "Nothing to do on this side.",
        (Cause::Narrow { .. }, _) => "End other up- and downloads; the sound goes first meanwhile.",
        (Cause::Loss { .. } | Cause::Jitter { .. }, _) => "Come closer to the router, or plug in a cable.",
    }
}

/// What is to blame, as a sentence begins.
fn subject(way: Way, side: Side, name: &str) -> String {
    match (way, side) {
        (Way::Up, Side::Theirs) => format!("{} download", owner(name)),
        (Way::Down, Side::Theirs) => format!("{} upload", owner(name)),
        (Way::Both, Side::Theirs) => format!("{} connection", owner(name)),
        (Way::Up, _) => "Your upload".to_owned(),
        (Way::Down, _) => "Your download".to_owned(),
        (Way::Both, _) => "Your connection".to_owned(),
    }
}

/// What is fine.
fn tail(way: Way, side: Side) -> &'static str {
    match (way, side) {
        (_, Side::Theirs) => "; your side is fine",
        (Way::Up, _) => "; their side is fine",
        (Way::Down, _) => "; your upload is fine",
        (Way::Both, _) => "",
    }
}

fn outage(way: Way, side: Side, name: &str) -> String {
    match (way, side) {
        (Way::Up, Side::Theirs) => format!("Nothing you send reaches {name} any more; your side is fine"),
        (Way::Up, _) => "Nothing you send arrives any more: your upload is interrupted; their side is fine".to_owned(),
        (_, Side::Yours) => "Nothing arrives any more: your connection is interrupted".to_owned(),
        (_, Side::Theirs) => {
            format!("Nothing comes from {name} any more: that connection is interrupted; your side is fine")
        }
        (_, Side::Either) => {
            format!("Nothing comes from {name} any more: a connection is interrupted, yours or theirs")
        }
    }
}

fn owner(name: &str) -> String {
    format!("{name}’s")
}

fn computer(name: &str) -> String {
    format!("{} computer", owner(name))
}

/// Within a sentence: “your upload”, but “Amara’s”.
fn lower(subject: &str) -> String {
    match subject.strip_prefix("Your") {
        Some(rest) => format!("your{rest}"),
        None => subject.to_owned(),
    }
}

/// `150 kbit/s`, `1.2 Mbit/s`.
fn bitrate(bps: u64) -> String {
    match bps {
        0..1_000_000 => format!("{} kbit/s", bps / 1000),
        _ => format!("{:.1} Mbit/s", bps as f64 / 1e6),
    }
}

/// `400 ms`, `1.2 s`.
fn time(ms: u32) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        _ => format!("{:.1} s", f64::from(ms) / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(cause: Cause, way: Way, side: Side, alone: bool) -> String {
        sentence(&Trouble { cause, way, side, alone }, "Amara")
    }

    #[test]
    fn sentences_name_the_side_the_figure_and_the_cause() {
        let loss = Cause::Loss { percent: 7 };
        assert_eq!(
            said(loss, Way::Up, Side::Yours, true),
            "Your upload loses 7 % of packets, probably Wi-Fi; their side is fine"
        );
        assert_eq!(
            said(loss, Way::Down, Side::Either, true),
            "Your download loses 7 % of packets, probably Wi-Fi, yours or theirs; your upload is fine"
        );
        assert_eq!(
            said(loss, Way::Down, Side::Theirs, true),
            "Amara’s upload loses 7 % of packets, probably Wi-Fi; your side is fine"
        );
        assert_eq!(
            said(loss, Way::Both, Side::Either, false),
            "Your connection loses 7 % of packets both ways, probably Wi-Fi, yours or theirs"
        );
        let paused = Cause::Narrow { bps: 60_000, paused: true };
        assert_eq!(
            said(paused, Way::Up, Side::Yours, true),
            "Video paused to keep the sound: your upload carries only 60 kbit/s"
        );
        assert_eq!(
            said(paused, Way::Down, Side::Either, true),
            "They paused their video to keep the sound: your download carries only 60 kbit/s"
        );
        let narrow = Cause::Narrow { bps: 1_200_000, paused: false };
        assert_eq!(
            said(narrow, Way::Up, Side::Yours, false),
            "Your upload carries only 1.2 Mbit/s, probably a slow or busy line"
        );
        assert_eq!(
            said(Cause::Busy { smaller: true }, Way::Up, Side::Yours, true),
            "This computer is too busy: your picture is sent smaller"
        );
        assert!(
            said(Cause::Delay { ms: 1200, relayed: false }, Way::Both, Side::Either, false)
                .starts_with("Answers take 1.2 s")
        );
    }

    #[test]
    fn every_trouble_has_words_and_advice() {
        let causes = [
            Cause::Outage,
            Cause::Narrow { bps: 1, paused: false },
            Cause::Loss { percent: 100 },
            Cause::Jitter { ms: 60 },
            Cause::Delay { ms: 400, relayed: true },
            Cause::Shared { bps: 1_000_000 },
            Cause::Behind,
            Cause::Busy { smaller: false },
            Cause::Busy { smaller: true },
            Cause::Camera { fps: 0 },
            Cause::Camera { fps: 5 },
        ];
        for cause in causes {
            for way in [Way::Up, Way::Down, Way::Both] {
                for side in [Side::Yours, Side::Theirs, Side::Either] {
                    let trouble = Trouble { cause, way, side, alone: true };
                    let words = sentence(&trouble, "Amara");
                    assert!(words.len() > 30 && words.len() < 140, "{words}");
                    assert!(!words.ends_with('.') && advice(&trouble).ends_with('.'), "{words}");
                }
            }
        }
    }
}
