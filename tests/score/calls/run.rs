//! One run: a link, a pair of one program (or two), a call, and what is read of it.

use std::path::Path;
use std::time::Duration;

use super::across::Across;
use super::chromium::Chromium;
use super::figures::{mean, on_screen, percentile};
use super::ours::Ours;
use super::picture::{self, Picture};
use super::reading::{Reading, Story};
use super::scenarios::{Extra, Scenario};
use super::seen::Seen;
use super::tcp::Flow;
use super::usage::{self, Usage, unix_s};
use crate::link::Link;

/// Between two pictures that are judged, s.
const PICTURE_S: f64 = 1.0;

/// How a pair is started.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Of the picture.
    pub size: (u32, u32),
    /// Between two readings.
    pub every: Duration,
    /// Of the link, one way.
    pub delay: Duration,
}

/// The two ends of a call.
pub trait Pair {
    /// Calls; gives the time from the click to the first picture of the one who is called, ms.
    fn call(&mut self) -> f64;

    /// Ends the call.
    fn hang_up(&mut self);

    /// What the ends have to tell since the last time.
    fn poll(&mut self) -> [Vec<Reading>; 2];

    /// Begins to send a file from the first end to the second, where there are files.
    fn send_file(&mut self) {}

    /// Their processes.
    fn roots(&self) -> [u32; 2];

    /// What each end sees now, where that can be had.
    fn pictures(&mut self) -> [Option<Picture>; 2] {
        [None, None]
    }

    /// One of the pictures an end films, where that is drawn elsewhere than in this program.
    fn filmed(&mut self) -> Option<Picture> {
        None
    }
}

/// Whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Visavis,
    Chromium,
    /// Visavis at the first end, Chromium at the second.
    Both,
}

impl Program {
    pub fn name(self) -> &'static str {
        match self {
            Self::Visavis => "Visavis",
            Self::Chromium => "Chromium",
            Self::Both => "Both",
        }
    }

    /// Whether this end shows pictures in a browser.
    fn browses(self, end: usize) -> bool {
        self == Self::Chromium || self == Self::Both && end % 2 == 1
    }

    fn start(self, setting: &Setting, number: usize, extra: Extra, raw: &Path) -> Box<dyn Pair> {
        match self {
            Self::Visavis if extra == Extra::Pictures => Box::new(Seen::start(setting, raw)),
            Self::Visavis => Box::new(Ours::start(setting, number, raw)),
            Self::Chromium => Box::new(Chromium::start(setting, number, raw)),
            Self::Both => Box::new(Across::start(setting, raw)),
        }
    }
}

/// One row of the link's log: what left the bottleneck in one second and direction.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Passed {
    at_s: f64,
    forth: bool,
    /// Infinite where there is no bottleneck.
    rate_bps: f64,
    bytes: f64,
}

/// What came of it.
pub struct Run {
    pub program: Program,
    /// What each end received: of the first pair, then of the second.
    pub stories: Vec<Story>,
    /// The window that is measured, seconds since 1970.
    pub from_s: f64,
    pub to_s: f64,
    /// When each step of the scenario was taken.
    pub steps: Vec<f64>,
    /// Of each side at the window's begin and end.
    pub usage: Vec<[Usage; 2]>,
    /// Of each call.
    pub setup_ms: Vec<f64>,
    /// What a TCP flow beside the call got in the window, bits a second of IP packets.
    pub tcp_bps: Option<f64>,
    /// Of each end's pictures that were taken, how like each is to what was sent (SSIM).
    pub likeness: Vec<Vec<f64>>,
    /// The same of a picture that was filmed elsewhere: 1, or the two programs send different scenes.
    pub scene: Option<f64>,
    /// How late the link was, mean, ms.
    pub late_ms: f64,
    /// Processor seconds a minute that the machine spent on others than the pair.
    pub others: f64,
    link: Vec<Passed>,
}

impl Run {
    /// Does it, by the chance of this seed. What the ends and the link say goes into the folder.
    pub fn of(scenario: &Scenario, program: Program, seed: usize, folder: &Path) -> Self {
        std::fs::create_dir_all(folder).expect("room for the raw files");
        let log = folder.join("link.csv");
        let mut link = Link::up_logged(scenario.link, seed, Some(&log));
        let every = Duration::from_secs_f64(scenario.every_s);
        let setting = Setting { size: scenario.size, every, delay: Duration::from_millis(scenario.delay_ms) };
        let pairs = 1 + usize::from(scenario.extra == Extra::SecondCall);
        let mut pairs: Vec<_> =
            (0..pairs).map(|number| program.start(&setting, number, scenario.extra, folder)).collect();
        let mut setup_ms: Vec<f64> = pairs.iter_mut().map(|pair| pair.call()).collect();
        pairs.iter_mut().filter(|_| scenario.extra == Extra::File).for_each(|pair| pair.send_file());
        let flow = (scenario.extra == Extra::Tcp).then(|| Flow::start(folder));
        let mut stories = vec![Story::default(); 2 * pairs.len()];
        let mut steps = Vec::new();
        let times = scenario.times();
        let roots: Vec<u32> = pairs.iter().flat_map(|pair| pair.roots()).collect();
        let usages = || roots.iter().map(|root| usage::of(*root)).collect::<Vec<_>>();
        let mut watch = |until_s: f64, pairs: &mut Vec<Box<dyn Pair>>| loop {
            for (pair, stories) in pairs.iter_mut().zip(stories.chunks_mut(2)) {
                for (new, story) in pair.poll().into_iter().zip(stories) {
                    new.into_iter().for_each(|reading| story.add(reading));
                }
            }
            let left = until_s - unix_s();
            if left <= 0.0 {
                break;
            }
            std::thread::sleep(Duration::from_secs_f64(left.min(scenario.every_s)));
        };
        watch(unix_s() + times.warm_s, &mut pairs);
        let (from_s, before, machine) = (unix_s(), usages(), usage::machine_s());
        for (at_s, change) in &times.steps {
            watch(from_s + at_s, &mut pairs);
            link.change(change);
            steps.push(unix_s());
        }
        let mut pictures = vec![Vec::new(); roots.len()];
        while scenario.extra == Extra::Pictures && unix_s() - from_s + PICTURE_S < times.measured_s {
            watch(unix_s() + PICTURE_S, &mut pairs);
            let taken = pairs.iter_mut().flat_map(|pair| pair.pictures());
            pictures.iter_mut().zip(taken).for_each(|(all, taken)| all.extend(taken));
        }
        watch(from_s + times.measured_s, &mut pairs);
        let (to_s, after, machine) = (unix_s(), usages(), usage::machine_s() - machine);
        // The last readings of the window are still to come.
        watch(to_s + scenario.every_s, &mut pairs);
        let filmed = pairs.iter_mut().filter(|_| scenario.extra == Extra::Pictures).find_map(|pair| pair.filmed());
        pictures.push(filmed.into_iter().collect());
        let tcp_bps = flow.map(|flow| flow.end(from_s, to_s));
        for _ in 1..scenario.calls {
            for pair in &mut pairs {
                pair.hang_up();
                setup_ms.push(pair.call());
            }
        }
        drop(pairs);
        let ready_s = link.ready_s;
        let late_ms = link.down();
        let link = passed(&std::fs::read_to_string(&log).unwrap_or_default(), ready_s);
        let usage: Vec<[Usage; 2]> = before.into_iter().zip(after).map(|(before, after)| [before, after]).collect();
        let own: f64 = usage.iter().map(|[before, after]| after.cpu_s - before.cpu_s).sum();
        let nothing = pictures.iter().all(Vec::is_empty);
        let mut likeness = if nothing { Vec::new() } else { picture::likeness(&pictures, scenario.size) };
        let scene = likeness.pop().and_then(|filmed| filmed.first().copied());
        let others = (machine - own) / (to_s - from_s) * 60.0;
        Self { program, stories, from_s, to_s, steps, usage, setup_ms, tcp_bps, likeness, scene, late_ms, others, link }
    }

    /// What each end received in the window.
    pub fn windows(&self) -> Vec<Story> {
        self.stories.iter().map(|story| story.window(self.from_s, self.to_s)).collect()
    }

    /// A figure of each end.
    pub fn each(&self, figure: impl Fn(&Story) -> f64) -> Vec<f64> {
        self.windows().iter().map(figure).collect()
    }

    /// Capture to screen, ms, the value that this share of pictures is not above, at each end.
    pub fn latency(&self, share: f64) -> Vec<f64> {
        let ends = self.windows().into_iter().enumerate();
        ends.map(|(end, window)| {
            let latencies = window.all(|r| r.latencies_ms.clone());
            // A browser tells the refresh at which it shows a picture; ours has no screen here.
            if self.program.browses(end) {
                percentile(&latencies, share)
            } else {
                percentile(&on_screen(&latencies), share)
            }
        })
        .collect()
    }

    /// Seconds the picture stood still, of 30.
    pub fn frozen(&self) -> Vec<f64> {
        self.each(|window| window.rate(|r| r.frozen_s) * 30.0)
    }

    /// Processor seconds a minute, of each side.
    pub fn cpu(&self) -> Vec<f64> {
        let spent = |[before, after]: &[Usage; 2]| (after.cpu_s - before.cpu_s) / (self.to_s - self.from_s) * 60.0;
        self.usage.iter().map(spent).collect()
    }

    /// The median of the video payload's rate, bits a second, over both ends.
    pub fn video_bps(&self) -> f64 {
        mean(&self.each(|window| window.rate(|r| r.bytes) * 8.0))
    }

    /// Share of what the bottleneck could carry in the window that passed it, each way: all of it, headers too.
    pub fn used(&self) -> Vec<f64> {
        [true, false].map(|forth| self.passed(forth, |p| p.bytes * 8.0) / self.passed(forth, |p| p.rate_bps)).into()
    }

    /// Bits a second that passed the bottleneck in the window, one way.
    pub fn passed_bps(&self, forth: bool) -> f64 {
        self.passed(forth, |p| p.bytes * 8.0) / self.passed(forth, |_| 1.0)
    }

    fn passed(&self, forth: bool, what: impl Fn(&Passed) -> f64) -> f64 {
        // A row is of the second before it.
        let here = |p: &&Passed| p.forth == forth && p.at_s - 1.0 >= self.from_s && p.at_s <= self.to_s;
        self.link.iter().filter(here).map(what).sum()
    }

    /// One line of what was found, for the raw files.
    pub fn summary(&self) -> serde_json::Value {
        serde_json::json!({
            "program": self.program.name(), "from_s": self.from_s, "to_s": self.to_s, "steps_s": self.steps,
            "setup_ms": self.setup_ms, "cpu_s_a_minute": self.cpu(), "video_bps": self.video_bps(),
            "pss_mb": self.usage.iter().map(|[_, after]| after.pss_mb).collect::<Vec<_>>(),
            "latency_p50_ms": self.latency(0.5), "latency_p95_ms": self.latency(0.95), "frozen_s_of_30": self.frozen(),
            "link_late_ms": self.late_ms, "others_cpu_s_a_minute": self.others, "tcp_bps": self.tcp_bps,
            "ssim": self.likeness, "scene_ssim": self.scene, "used": self.used().into_iter().filter(|share| share.is_finite()).collect::<Vec<_>>(),
        })
    }
}

/// The rows of the link's log, which counts from `ready_s`.
fn passed(log: &str, ready_s: f64) -> Vec<Passed> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |n: usize| fields.get(n)?.parse::<f64>().ok();
        Some(Passed {
            at_s: ready_s + number(0)?,
            forth: *fields.get(1)? == "ab",
            rate_bps: number(2).unwrap_or(f64::INFINITY),
            bytes: number(6)?,
        })
    };
    log.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_the_link_tells_what_passed() {
        let log = "t,dir,rate_bps,in,in_bytes,out,out_bytes,queue_full,lost,max_queue_ms,max_late_ms\n\
            1.000,ab,1000000,9,9000,8,8000,0,1,3.0,0.10\n1.000,ba,,1,100,1,90,0,0,0.0,0.00\n";
        let rows = passed(log, 100.0);
        let forth = Passed { at_s: 101.0, forth: true, rate_bps: 1e6, bytes: 8000.0 };
        let back = Passed { at_s: 101.0, forth: false, rate_bps: f64::INFINITY, bytes: 90.0 };
        assert_eq!(rows, [forth, back]);
    }
}
