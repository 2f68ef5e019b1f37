//! A path in virtual time, and what is said of it.

use super::*;
/// What the path does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    pub up_loss: f64,
    pub down_loss: f64,
    /// Mean length of what gets lost in a row (Gilbert's model); 1: every packet for itself.
    pub burst: f64,
    pub up_bps: u64,
    pub down_bps: u64,
    pub shared_bps: Option<u64>,
    /// What they say their upload carries, where it is too little.
    pub word: Word,
    pub rtt: f64,
    pub relayed: bool,
    pub up_jitter: f64,
    pub down_jitter: f64,
    pub up_dead: bool,
    pub down_dead: bool,
    pub fps: u64,
    /// Ours cannot be decoded in time.
    pub behind: bool,
    /// Ours are made smaller for the computer's sake.
    pub spared: bool,
    pub paused: bool,
    /// Pictures of ours that the encoder left out, and the time it takes for one, ms.
    pub left_out: u64,
    pub encode_ms: f64,
    /// Packets a second, each way.
    pub packets: u64,
}

pub(super) const FINE: Weather = Weather {
    up_loss: 0.001,
    down_loss: 0.001,
    burst: 1.0,
    up_bps: 2_500_000,
    down_bps: 2_000_000,
    shared_bps: None,
    word: Word { narrow_bps: None, shared: false, paused: false, busy: false },
    rtt: 40.0,
    relayed: false,
    up_jitter: 4.0,
    down_jitter: 4.0,
    up_dead: false,
    down_dead: false,
    fps: 30,
    behind: false,
    spared: false,
    paused: false,
    left_out: 0,
    encode_ms: 6.0,
    packets: 250,
};

/// One way: what is lost in a row, and whether a burst goes on.
#[derive(Default)]
struct Losses {
    gaps: Gaps,
    bursting: bool,
}

pub(super) struct World {
    pub watch: Watch,
    pub seen: Seen,
    pub now: Instant,
    up: Losses,
    down: Losses,
    dice: Dice,
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }
}

impl Losses {
    /// Sends so many packets, of which the first and the last so many are lost at once.
    fn send(
        &mut self,
        flow: &mut Flow,
        dice: &mut Dice,
        packets: u64,
        (share, length): (f64, f64),
        at_once: (u64, u64),
    ) {
        self.gaps.lost(at_once.0);
        let mut lost = at_once.0 + at_once.1;
        for _ in 0..packets - lost {
            self.bursting = match self.bursting {
                true if length > 1.0 => dice.roll() >= 1.0 / length,
                _ if length > 1.0 => dice.roll() < share / (length * (1.0 - share)),
                _ => dice.roll() < share,
            };
            if self.bursting {
                self.gaps.lost(1);
            } else {
                self.gaps.arrived(1);
            }
            lost += u64::from(self.bursting);
        }
        self.gaps.lost(at_once.1);
        (flow.packets, flow.lost) = (flow.packets + packets, flow.lost + lost);
        (flow.runs, flow.bursts) = (self.gaps.runs, self.gaps.bursts);
    }
}

impl World {
    pub fn new(seed: u64) -> Self {
        let up = Sending { wanted_bps: 2_500_000, height: 720, ..Sending::default() };
        let seen = Seen { up, moves: true, ..Seen::default() };
        let (watch, now, dice) = (Watch::default(), origin(), Dice(seed * 2 + 1));
        let mut world = Self { watch, seen, now, up: Losses::default(), down: Losses::default(), dice };
        world.watch.see(world.now, &seen);
        world
    }

    pub fn roll(&mut self) -> f64 {
        self.dice.roll()
    }

    /// One second, of which so much is as `weather` says, and the rest well; and so many packets lost at once, each way, at its
    /// beginning and at its end.
    pub fn second(&mut self, weather: &Weather, part: f64, at_once: (u64, u64)) {
        let packets = weather.packets;
        // Where the path is well, one is lost now and then.
        let lost = |share: f64| (part * share, if share > FINE.up_loss { weather.burst } else { 1.0 });
        let wander = 1.0 + 0.2 * self.roll();
        let Seen { up: sending, down: receiving, rtt_ms, relayed, word, .. } = &mut self.seen;
        *relayed = weather.relayed;
        sending.left += packets;
        sending.frames += 30 - weather.left_out;
        sending.dropped += weather.left_out;
        (sending.encode_ms, sending.spared, sending.paused) = (weather.encode_ms, weather.spared, weather.paused);
        (sending.carries_bps, sending.shared_bps) = (weather.up_bps, weather.shared_bps);
        sending.flow.jitter_ms = Some(weather.up_jitter * wander);
        if !weather.up_dead && !weather.down_dead {
            self.up.send(&mut sending.flow, &mut self.dice, packets, lost(weather.up_loss), at_once);
            sending.flow.bytes += weather.up_bps.min(2_400_000) / 8;
            *rtt_ms = Some(weather.rtt * wander);
        }
        if !weather.down_dead {
            let before = receiving.flow.lost;
            self.down.send(&mut receiving.flow, &mut self.dice, packets, lost(weather.down_loss), at_once);
            receiving.arrived += packets + 20 - (receiving.flow.lost - before);
            receiving.flow.bytes += weather.down_bps / 8;
            receiving.flow.jitter_ms = Some(weather.down_jitter * wander);
            receiving.frames += weather.fps;
            receiving.samples += 48_000;
        }
        (receiving.behind, *word) = (weather.behind, weather.word);
        self.now += Duration::from_secs(1);
        assert!(self.watch.see(self.now, &self.seen));
    }

    pub fn run(&mut self, weather: &Weather, seconds: u32) {
        (0..seconds).for_each(|_| self.second(weather, 1.0, (0, 0)));
    }

    pub fn verdict(&self) -> Verdict {
        verdicts(&[self.watch.finding()])[0]
    }

    pub fn said(&self) -> String {
        self.verdict().sentence("Amara").unwrap_or_default()
    }
}

/// A fault begins somewhere within a second: whole seconds until it is to be named.
pub(super) const IN_TIME: u32 = 4;

/// What was said of a fault.
pub(super) struct Named {
    /// After so many whole seconds for the first time; …
    pub second: u32,
    /// … so many after several packets in a row were lost, where they were.
    pub since_loss: u32,
    pub trouble: Trouble,
    /// In the end.
    pub said: String,
}

/// What is said of a fault whose weather may be another every second. It begins within a second, not with it; what is said
/// first is still said after half a minute (only the other way may come to it in time), and no more some seconds after its
/// end.
pub(super) fn named(weather: impl Fn(u32) -> Weather, seed: u64) -> Named {
    let mut world = World::new(seed);
    world.run(&FINE, 20);
    assert_eq!(world.verdict(), Verdict::default());
    let bursts = |world: &World| world.seen.up.flow.bursts + world.seen.down.flow.bursts;
    let (before, part) = (bursts(&world), 0.2 + 0.6 * world.roll());
    world.second(&weather(0), part, (0, 0));
    let (mut first, mut began, mut newest, mut lull) = (None, None, (before, 0), None);
    for second in 1..=30 {
        began = began.or_else(|| (bursts(&world) > before).then_some(second - 1));
        world.run(&weather(second), 1);
        if bursts(&world) > newest.0 {
            newest = (bursts(&world), second);
        } else if second - newest.1 >= 10 {
            lull = Some(second);
        }
        let trouble = world.verdict().trouble;
        let Some((since, first)) = &mut first else {
            first = trouble.map(|trouble| (second, trouble));
            continue;
        };
        let (weather, after) = (weather(second), second - *since);
        let Some(now) = trouble else {
            // Bursts may stay away for so long that it looks as if they were over, until they are back.
            let over = weather.burst > 1.0 && lull.is_some_and(|lull| second - lull <= IN_TIME);
            assert!(over, "it flickers after {after} s: {weather:?}");
            continue;
        };
        let same = std::mem::discriminant(&first.cause) == std::mem::discriminant(&now.cause);
        if same && second <= IN_TIME && now.way == Way::Both {
            *first = now;
        }
        let same = same && first.way == now.way && first.side == now.side;
        assert!(same, "first {first:?}, {after} s later {now:?}: {weather:?}");
    }
    let (second, trouble) = first.unwrap_or_else(|| panic!("nothing is said of {:?}", weather(1)));
    let since_loss = second.saturating_sub(began.unwrap_or_default());
    let said = world.said();
    let mut quiet = 0;
    while world.verdict().trouble.is_some() {
        world.run(&FINE, 1);
        quiet += 1;
        assert!(quiet <= 11, "it is still said: {}", world.said());
    }
    world.run(&FINE, 60);
    assert_eq!(world.verdict(), Verdict::default());
    Named { second, since_loss, trouble, said }
}

/// A figure in a sentence, before this word.
pub(super) fn figure(said: &str, unit: &str) -> u32 {
    let (before, _) = said.split_once(unit).unwrap();
    before.rsplit(' ').next().unwrap().parse().unwrap()
}
