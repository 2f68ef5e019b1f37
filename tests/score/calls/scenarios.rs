//! What the network does in a run, and for how long it is watched.

/// What there is beside the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    Nothing,
    /// One TCP flow, from the first end to the second.
    Tcp,
    /// Another call of the same program.
    SecondCall,
    /// A look at the pictures that come, every second.
    Pictures,
    /// A file that the first end sends to the second in the call; browsers have none.
    File,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Also the name of the folder of its raw files.
    pub name: &'static str,
    /// Settings of the link, both ways.
    pub link: &'static str,
    /// Its delay one way, ms, for messages that set up the call and do not go over it.
    pub delay_ms: u64,
    /// Of the picture.
    pub size: (u32, u32),
    /// Seconds until it is measured, and measured.
    pub warm_s: f64,
    pub measured_s: f64,
    /// Between two readings, seconds.
    pub every_s: f64,
    /// Changes of the link, seconds into the measurement.
    pub steps: &'static [(f64, &'static str)],
    /// More of them, one a line: seconds, a space, settings.
    pub trace: &'static str,
    pub extra: Extra,
    /// Calls one after another; all but the first are only set up.
    pub calls: usize,
}

/// When things happen in a run, seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Times {
    pub warm_s: f64,
    pub measured_s: f64,
    pub steps: Vec<(f64, &'static str)>,
}

impl Scenario {
    /// Its times; where `VISAVIS_SCORE_SECONDS` says how long 30 seconds are to be, all shrink or grow with them.
    pub fn times(&self) -> Times {
        self.scaled(crate::seconds().map_or(1.0, |seconds| seconds as f64 / 30.0))
    }

    fn scaled(&self, by: f64) -> Times {
        let traced = self.trace.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (at, change) = line.split_once(' ')?;
            Some((at.parse().ok()?, change))
        });
        let steps = self.steps.iter().copied().chain(traced).map(|(at, change): (f64, _)| (at * by, change)).collect();
        Times { warm_s: self.warm_s * by, measured_s: self.measured_s * by, steps }
    }
}

const HD: (u32, u32) = (1280, 720);
const SMALL: (u32, u32) = (640, 360);

/// Nothing special, on an endless link.
const PLAIN: Scenario = Scenario {
    name: "free",
    link: "",
    delay_ms: 0,
    size: HD,
    warm_s: 15.0,
    measured_s: 30.0,
    every_s: 1.0,
    steps: &[],
    trace: "",
    extra: Extra::Nothing,
    calls: 1,
};

/// All of them, in the order in which they run.
pub const SCENARIOS: &[Scenario] = &[
    PLAIN,
    Scenario { name: "free-360p", size: SMALL, ..PLAIN },
    Scenario { name: "rate-1m", link: "rate=1mbit delay=20ms queue=200ms", delay_ms: 20, ..PLAIN },
    Scenario { name: "rate-500k", link: "rate=500kbit delay=20ms queue=200ms", delay_ms: 20, ..PLAIN },
    Scenario { name: "rate-150k", link: "rate=150kbit delay=20ms queue=200ms", delay_ms: 20, ..PLAIN },
    Scenario { name: "jitter", link: "delay=100ms jitter=30ms", delay_ms: 100, ..PLAIN },
    Scenario {
        name: "drop",
        link: "rate=4mbit delay=20ms queue=200ms",
        delay_ms: 20,
        warm_s: 20.0,
        measured_s: 80.0,
        every_s: 0.2,
        steps: &[(10.0, "rate=500kbit"), (40.0, "rate=4mbit")],
        ..PLAIN
    },
    Scenario { name: "loss-10", link: "delay=50ms loss=10%", delay_ms: 50, ..PLAIN },
    Scenario { name: "loss-2", link: "delay=50ms loss=2%", delay_ms: 50, ..PLAIN },
    Scenario { name: "setup-free", warm_s: 1.0, measured_s: 3.0, calls: 5, ..PLAIN },
    Scenario { name: "setup-50", link: "delay=50ms", delay_ms: 50, warm_s: 1.0, measured_s: 3.0, calls: 5, ..PLAIN },
    Scenario { name: "burst", link: "delay=50ms loss=3% burst=8", delay_ms: 50, ..PLAIN },
    Scenario {
        name: "outage",
        link: "rate=4mbit delay=20ms queue=200ms",
        delay_ms: 20,
        measured_s: 40.0,
        every_s: 0.2,
        steps: &[(10.0, "loss=100%"), (15.0, "loss=0%")],
        ..PLAIN
    },
    Scenario {
        name: "tcp",
        link: "rate=2mbit delay=20ms queue=200ms",
        delay_ms: 20,
        warm_s: 25.0,
        extra: Extra::Tcp,
        ..PLAIN
    },
    Scenario { name: "file", link: "rate=1mbit delay=20ms queue=200ms", delay_ms: 20, extra: Extra::File, ..PLAIN },
    Scenario {
        name: "two-calls",
        link: "rate=2mbit delay=20ms queue=200ms",
        delay_ms: 20,
        size: SMALL,
        warm_s: 25.0,
        extra: Extra::SecondCall,
        ..PLAIN
    },
    Scenario {
        name: "quality",
        link: "rate=1mbit delay=20ms queue=200ms",
        delay_ms: 20,
        extra: Extra::Pictures,
        ..PLAIN
    },
    Scenario {
        name: "quality-500k",
        link: "rate=500kbit delay=20ms queue=200ms",
        delay_ms: 20,
        extra: Extra::Pictures,
        ..PLAIN
    },
    Scenario {
        name: "lte",
        link: "rate=3mbit delay=30ms jitter=5ms queue=300ms",
        delay_ms: 30,
        measured_s: 60.0,
        trace: include_str!("lte.trace"),
        ..PLAIN
    },
];

/// The one of this name.
pub fn named(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_shrink_together() {
        let times = named("drop").expect("it is there").scaled(0.5);
        let steps = vec![(5.0, "rate=500kbit"), (20.0, "rate=4mbit")];
        assert_eq!(times, Times { warm_s: 10.0, measured_s: 40.0, steps });
        let lte = named("lte").expect("it is there").scaled(1.0);
        assert!(lte.steps.len() > 50 && lte.steps[1].0 == 1.0 && lte.steps[1].1.starts_with("rate="), "{lte:?}");
    }

    #[test]
    fn names_are_theirs_alone_and_steps_are_in_order() {
        for (n, scenario) in SCENARIOS.iter().enumerate() {
            assert!(SCENARIOS[..n].iter().all(|other| other.name != scenario.name), "{}", scenario.name);
            assert!(scenario.steps.is_sorted_by(|a, b| a.0 < b.0), "{}", scenario.name);
        }
    }
}
