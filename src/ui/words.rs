//! Times and figures as people read them.

use chrono::{DateTime, Datelike as _, Local, NaiveDate};

use crate::model::outcome::Direction;
use crate::model::snapshot::Recent;

/// `12:47`, `1:02:03`.
pub fn clock(seconds: u32) -> String {
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m:02}:{s:02}") }
}

/// `24 min`, `48 s`, `1 h 5 min`.
pub fn duration(seconds: u32) -> String {
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// `780 kbit/s`, `2.4 Mbit/s`.
pub fn bitrate(bps: u64) -> String {
    if bps >= 1_000_000 { format!("{:.1} Mbit/s", bps as f64 / 1e6) } else { format!("{} kbit/s", bps / 1000) }
}

/// Whether somebody could hear this: what is below is the noise of an empty line.
pub fn is_sound(dbfs: f64) -> bool {
    dbfs > -90.0
}

/// `−18 dBFS`, with the minus sign proper.
pub fn level(dbfs: f64) -> String {
    format!("{dbfs:.0} dBFS").replace('-', "−")
}

fn local(time: i64) -> DateTime<Local> {
    DateTime::from_timestamp(time, 0).unwrap_or_default().with_timezone(&Local)
}

/// `10:12`, on this machine's clock.
pub fn time_of_day(time: i64) -> String {
    local(time).format("%H:%M").to_string()
}

/// The day of a time, to see where another begins.
pub fn date(time: i64) -> NaiveDate {
    local(time).date_naive()
}

/// `Today`, `Yesterday`, `Friday`, `3 November`, `3 November 2025`.
pub fn day(time: i64, today: NaiveDate) -> String {
    let that = date(time);
    match (today - that).num_days() {
        0 => "Today".to_owned(),
        1 => "Yesterday".to_owned(),
        2..=6 => that.format("%A").to_string(),
        _ if that.year() == today.year() => that.format("%-d %B").to_string(),
        _ => that.format("%-d %B %Y").to_string(),
    }
}

/// The time of a call in a list: of the day, or which day.
pub fn when(time: i64, today: NaiveDate) -> String {
    if date(time) == today { time_of_day(time) } else { day(time, today) }
}

/// What became of a call of before, and whether it wants attention.
pub fn recent(call: &Recent) -> (String, bool) {
    let kind = if call.video { "Video call" } else { "Audio call" };
    let small = kind.to_lowercase();
    let talked = call.seconds > 0;
    let words = match (call.outcome.as_str(), call.direction) {
        ("accepted" | "accepted_without_video", _) if talked => format!("{kind}, {}", duration(call.seconds)),
        ("no_answer" | "cancelled", Direction::Incoming) => return (format!("Missed {small}"), true),
        ("busy", Direction::Incoming) => return (format!("Missed {small}, you were in another call"), true),
        ("declined", Direction::Incoming) => format!("{kind}, declined by you"),
        ("declined", Direction::Outgoing) => format!("{kind}, declined"),
        ("cancelled", Direction::Outgoing) => format!("{kind}, cancelled"),
        ("no_answer", Direction::Outgoing) => format!("{kind}, no answer"),
        ("busy", Direction::Outgoing) => format!("{kind}, was busy"),
        ("unreachable", _) => format!("{kind}, not online"),
        ("failed", _) => return (format!("{kind}, failed"), true),
        _ => kind.to_owned(),
    };
    (words, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_figures() {
        assert_eq!((clock(767), clock(3723)), ("12:47".into(), "1:02:03".into()));
        assert_eq!(
            (duration(48), duration(1440), duration(3900)),
            ("48 s".into(), "24 min".into(), "1 h 5 min".into())
        );
        assert_eq!((bitrate(780_000), bitrate(2_400_000)), ("780 kbit/s".into(), "2.4 Mbit/s".into()));
        assert_eq!((level(-18.4).as_str(), is_sound(-18.4), is_sound(-99.0)), ("−18 dBFS", true, false));
    }

    #[test]
    fn days_are_words_while_they_are_near() {
        let noon = 1_795_521_600; // some noon, UTC
        let today = date(noon);
        let back = |days: i64| day(noon - days * 86_400, today);
        assert_eq!((back(0).as_str(), back(1).as_str()), ("Today", "Yesterday"));
        assert!(
            ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"].contains(&back(3).as_str())
        );
        assert!(back(400).ends_with(|c: char| c.is_ascii_digit()));
    }
}
