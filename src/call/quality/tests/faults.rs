//! Every fault that is known, each way: named with the right side and the right cause within five seconds, told for as long as
//! it lasts, and taken back.

use super::world::{FINE, IN_TIME, Named, Weather, figure, named};
use super::*;

/// Throws of the dice for each.
const THROWS: u64 = 60;

fn is_named(what: &str, weather: impl Fn(u32) -> Weather, way: Way, side: Side, words: &[&str]) -> Vec<String> {
    let one = |seed| {
        let Named { second, trouble, said, .. } = named(&weather, seed);
        assert!(second <= IN_TIME, "{what}: after {second} s: {said}");
        assert_eq!((trouble.way, trouble.side), (way, side), "{what}: {said}");
        assert!(words.iter().all(|words| said.contains(words)), "{what}: {said}");
        said
    };
    (1..=THROWS).map(one).collect()
}

fn always(weather: Weather) -> impl Fn(u32) -> Weather {
    move |_| weather
}

#[test]
fn random_loss() {
    for (loss, range) in [(0.02, 1..=3), (0.07, 5..=9), (0.15, 12..=18)] {
        let words = ["Your upload loses ", "probably Wi-Fi; their side is fine"];
        let up = always(Weather { up_loss: loss, ..FINE });
        let up = is_named("lost on the way up", up, Way::Up, Side::Yours, &words);
        let words = ["Your download loses ", "probably Wi-Fi, yours or theirs; your upload is fine"];
        let down = always(Weather { down_loss: loss, ..FINE });
        let down = is_named("lost on the way down", down, Way::Down, Side::Either, &words);
        assert!(up.iter().chain(&down).all(|said| range.contains(&figure(said, " %"))), "{up:?} {down:?}");
    }
    let both = always(Weather { up_loss: 0.07, down_loss: 0.07, ..FINE });
    is_named("lost both ways", both, Way::Both, Side::Either, &["Your connection loses ", "both ways, probably Wi-Fi"]);
    let sound = always(Weather { up_loss: 0.10, packets: 50, ..FINE });
    is_named("lost of sound alone", sound, Way::Up, Side::Yours, &["Your upload loses "]);
}

/// What comes seldom cannot be told from a hiccup before it came again: of these, nearly all in time.
#[test]
fn loss_in_bursts() {
    for (loss, burst) in [(0.03, 8.0), (0.05, 8.0), (0.10, 8.0), (0.03, 4.0), (0.30, 20.0)] {
        for packets in [250, 330] {
            for (way, side) in [(Way::Up, Side::Yours), (Way::Down, Side::Either)] {
                let (up_loss, down_loss) = if way == Way::Up { (loss, 0.001) } else { (0.001, loss) };
                let weather = Weather { up_loss, down_loss, burst, packets, ..FINE };
                let one = |seed| {
                    let Named { since_loss, trouble, said, .. } = named(always(weather), seed);
                    assert_eq!((trouble.way, trouble.side), (way, side), "{said}");
                    assert!(said.contains("load loses ") && said.contains("probably Wi-Fi"), "{said}");
                    u64::from(since_loss <= IN_TIME)
                };
                let in_time: u64 = (1..=THROWS).map(one).sum();
                assert!(in_time * 100 >= THROWS * 90, "{in_time} of {THROWS}: {weather:?}");
            }
        }
    }
}

#[test]
fn a_narrow_line() {
    let fine = ["probably a slow or busy line; their side is fine"];
    // What is too much gets lost, after it waited in a queue.
    let narrow = always(Weather { up_bps: 148_000, rtt: 160.0, up_loss: 0.03, ..FINE });
    let said = is_named("narrow on the way up", narrow, Way::Up, Side::Yours, &fine);
    assert!(said.iter().all(|said| said.starts_with("Your upload carries only 150 kbit/s")), "{said:?}");
    let falls = |second: u32| match second {
        0..2 => Weather { up_bps: 300_000, rtt: 900.0, up_loss: 0.4, ..FINE },
        _ => Weather { up_bps: 300_000, rtt: 60.0, ..FINE },
    };
    is_named("much less, at once", falls, Way::Up, Side::Yours, &["Your upload carries only 300 kbit/s", fine[0]]);
    let filled = always(Weather { up_loss: 0.05, up_bps: 1_200_000, rtt: 240.0, ..FINE });
    is_named("filled by others", filled, Way::Up, Side::Yours, &["Your upload carries only 1.2 Mbit/s"]);
    let filled = always(Weather { down_loss: 0.05, down_bps: 900_000, rtt: 240.0, ..FINE });
    is_named("the way down filled", filled, Way::Down, Side::Either, &["Your download carries only 900 kbit/s"]);
    let paused = always(Weather { up_bps: 60_000, paused: true, ..FINE });
    let words = "Video paused to keep the sound: your upload carries only 60 kbit/s";
    is_named("too narrow for pictures", paused, Way::Up, Side::Yours, &[words]);
}

/// They know first what their upload carries, and say so.
#[test]
fn a_narrow_line_on_the_way_down() {
    let word = Word { narrow_bps: Some(150_000), ..Word::default() };
    let narrow = |second| Weather { word: if second < 3 { Word::default() } else { word }, ..FINE };
    is_named("by their word", narrow, Way::Down, Side::Either, &["Your download carries only 150 kbit/s"]);
    let falls = |second| match second {
        0..3 => Weather { down_loss: 0.3, rtt: 700.0, down_bps: 150_000, ..FINE },
        _ => Weather { word, down_bps: 150_000, ..FINE },
    };
    is_named("much less, at once", falls, Way::Down, Side::Either, &["Your download carries only 150 kbit/s"]);
    let word = Word { narrow_bps: Some(60_000), paused: true, ..Word::default() };
    let words = "They paused their video to keep the sound: your download carries only 60 kbit/s";
    is_named("paused", always(Weather { word, fps: 0, ..FINE }), Way::Down, Side::Either, &[words]);
}

/// Pictures for several peers over one line are small, and no path is to blame.
#[test]
fn an_uplink_that_several_share() {
    let weather = Weather { up_bps: 330_000, shared_bps: Some(1_000_000), ..FINE };
    let words = "Your upload of 1.0 Mbit/s is shared by all you call, so each gets a smaller picture";
    is_named("shared", always(weather), Way::Up, Side::Yours, &[words]);
    // It is no limit any more, and what it held down has yet to grow.
    let grows = |second| if second < 12 { weather } else { Weather { shared_bps: None, ..weather } };
    is_named("shared no more", grows, Way::Up, Side::Yours, &[words]);
    let narrow = always(Weather { up_bps: 130_000, shared_bps: Some(400_000), ..FINE });
    is_named("too narrow for one", narrow, Way::Up, Side::Yours, &["Your upload carries only 400 kbit/s"]);
    let word = Word { narrow_bps: Some(1_000_000), shared: true, ..Word::default() };
    let words = "Amara’s upload of 1.0 Mbit/s is shared by all they call, so the picture is smaller; your side is fine";
    is_named("shared there", always(Weather { word, ..FINE }), Way::Down, Side::Theirs, &[words]);
}

#[test]
fn a_long_way_or_a_queue() {
    for rtt in [320.0, 400.0, 900.0] {
        let said =
            is_named("far", always(Weather { rtt, ..FINE }), Way::Both, Side::Either, &["the network between you"]);
        let least = if rtt < 900.0 { rtt as u32 - 25 } else { 900 };
        assert!(said.iter().all(|said| said.contains(" s:") || figure(said, " ms") >= least), "{said:?}");
    }
    let relayed = always(Weather { rtt: 400.0, relayed: true, ..FINE });
    is_named(
        "a far relay",
        relayed,
        Way::Both,
        Side::Either,
        &["Answers take ", "the relay between you is far off or busy"],
    );
}

#[test]
fn jitter() {
    let up = always(Weather { up_jitter: 36.0, ..FINE });
    let words = ["Your upload is uneven: packets come 40 ms early or late", "their side is fine"];
    is_named("uneven on the way up", up, Way::Up, Side::Yours, &words);
    let down = always(Weather { down_jitter: 36.0, ..FINE });
    is_named(
        "uneven on the way down",
        down,
        Way::Down,
        Side::Either,
        &["Your download is uneven", "your upload is fine"],
    );
    let both = always(Weather { up_jitter: 36.0, down_jitter: 36.0, ..FINE });
    is_named("uneven both ways", both, Way::Both, Side::Either, &["Your connection is uneven"]);
}

#[test]
fn an_outage() {
    let both = always(Weather { down_dead: true, up_bps: 40_000, fps: 0, ..FINE });
    is_named("nothing comes", both, Way::Both, Side::Either, &["Nothing comes from Amara any more"]);
    let up = always(Weather { up_dead: true, ..FINE });
    is_named("nothing arrives there", up, Way::Up, Side::Yours, &["Nothing you send arrives any more"]);
}

#[test]
fn a_busy_computer_or_a_slow_camera() {
    let late = always(Weather { left_out: 10, encode_ms: 48.0, ..FINE });
    is_named("ours cannot encode", late, Way::Up, Side::Yours, &["Your computer is too busy for the picture"]);
    let spared = always(Weather { spared: true, ..FINE });
    is_named(
        "it sends less",
        spared,
        Way::Up,
        Side::Yours,
        &["This computer is too busy: your picture is sent smaller"],
    );
    // Few pictures come of it, but not for their camera's sake.
    let behind = |second| Weather { behind: second >= 3, fps: 5, ..FINE };
    let words = "This computer is too busy to show the picture of Amara in time; the network is fine";
    is_named("ours cannot decode", behind, Way::Down, Side::Yours, &[words]);
    let word = Word { busy: true, ..Word::default() };
    let theirs = always(Weather { word, fps: 5, ..FINE });
    is_named("theirs cannot encode", theirs, Way::Down, Side::Theirs, &["Amara’s computer is too busy"]);
    let slow = always(Weather { fps: 5, ..FINE });
    let words = "The picture of Amara comes 5 times a second: a slow camera or computer there; the network is fine";
    is_named("a slow camera", slow, Way::Down, Side::Theirs, &[words]);
    let none = always(Weather { fps: 0, ..FINE });
    is_named("a camera that hangs", none, Way::Down, Side::Theirs, &["No new picture comes from Amara"]);
}
