//! How good a path is, which side and what cause spoils it, and its last two minutes.
//!
//! A [`Verdict`] is about one peer; `words` says it in one sentence. What lies on the way from us to them is *up*, the other
//! *down*. Figures in a [`Cause`] are rounded as people would, so that a verdict changes seldom.

mod words;

use std::collections::VecDeque;

use serde::Serialize;

/// How good one way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Nobody notices anything.
    #[default]
    Good,
    /// Who looks for it notices something.
    Fair,
    /// Everybody notices.
    Poor,
    /// Nothing arrives.
    Lost,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From us to them.
    Up,
    /// From them to us.
    Down,
    /// There and back.
    Both,
}

/// At whose end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Ours.
    Yours,
    /// The peer's.
    Theirs,
    /// Nobody can tell from here.
    Either,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Cause {
    /// Nothing arrives any more.
    Outage,
    /// There is less room than a good picture needs.
    Narrow {
        /// What gets through, bit/s.
        bps: u64,
        /// So little that the picture was paused.
        paused: bool,
    },
    /// There would be room for a good picture, but the sender has several to send, to others too.
    Shared {
        /// What gets through of all together, bit/s.
        bps: u64,
    },
    /// Packets get lost without queueing before: a radio link, most often.
    Loss {
        /// Of a hundred packets.
        percent: u8,
    },
    /// Packets come early and late.
    Jitter {
        /// By so much, on average, ms.
        ms: u32,
    },
    /// Answers come late.
    Delay {
        /// There and back, ms.
        ms: u32,
        /// The path goes through a relay.
        relayed: bool,
    },
    /// The computer that sends cannot make its pictures in time.
    Busy {
        /// So it makes them smaller, or fewer.
        smaller: bool,
    },
    /// The computer that receives cannot decode the pictures as fast as they come.
    Behind,
    /// Few pictures come, and neither network nor computer are said to be the cause.
    Camera {
        /// Pictures a second.
        fps: u8,
    },
}

/// The one thing to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Trouble {
    /// What.
    #[serde(flatten)]
    pub cause: Cause,
    /// On which way.
    pub way: Way,
    /// At whose end.
    pub side: Side,
    /// The other way is good.
    pub alone: bool,
}

/// How good the path to one peer is, and why it is no better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
pub struct Verdict {
    /// From us to them.
    pub up: Quality,
    /// From them to us.
    pub down: Quality,
    /// The worst of what is wrong; `None`: everything is well.
    pub trouble: Option<Trouble>,
}

impl Verdict {
    /// The worse of both ways.
    pub fn quality(&self) -> Quality {
        self.up.max(self.down)
    }

    /// What is wrong, on which side and why; `name` is what the peer is called.
    pub fn sentence(&self, name: &str) -> Option<String> {
        self.trouble.map(|trouble| words::sentence(&trouble, name))
    }

    /// What a person can do about it.
    pub fn advice(&self) -> Option<&'static str> {
        self.trouble.map(|trouble| words::advice(&trouble))
    }
}

/// All that is shown of the path to one peer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallQuality {
    /// How good it is.
    pub verdict: Verdict,
    /// What is wrong, on which side and why; `None`: nothing.
    pub sentence: Option<String>,
    /// The last two minutes.
    pub history: History,
}

/// Seconds that a [`History`] remembers.
pub const KEPT: usize = 120;

/// Marks that a [`History`] remembers.
const MARKS: usize = 16;

/// The same again within so many seconds is one mark.
const TOGETHER: u64 = 5;

/// One second of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Point {
    /// Packets lost on the way up, of a thousand; `None`: nobody told.
    pub up_lost: Option<u16>,
    /// Packets lost on the way down, of a thousand; `None`: none were due.
    pub down_lost: Option<u16>,
    /// Round trip, ms; `None`: unknown.
    pub rtt_ms: Option<u32>,
    /// Sound and picture that went out, bit/s.
    pub up_bps: u64,
    /// Sound and picture that came in, bit/s.
    pub down_bps: u64,
}

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Our picture was paused to keep the sound.
    Paused,
    /// It moves again.
    Resumed,
    /// Our picture was made smaller for the path or the computer: its height.
    Smaller(u32),
    /// Their picture stood still.
    Froze,
    /// The path broke, and another was found.
    Reconnected,
}

impl Mark {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Paused => "Your picture paused for the sound".to_owned(),
            Self::Resumed => "Your picture moves again".to_owned(),
            Self::Smaller(height) => format!("Your picture lowered to {height}p"),
            Self::Froze => "Their picture stood still".to_owned(),
            Self::Reconnected => "Another path was found".to_owned(),
        }
    }
}

/// The last two minutes, a point a second, oldest first, and what happened meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    seconds: u64,
    points: VecDeque<Point>,
    marks: VecDeque<(u64, Mark)>,
}

impl History {
    /// One second more.
    pub fn push(&mut self, point: Point) {
        if self.points.len() == KEPT {
            self.points.pop_front();
        }
        self.points.push_back(point);
        self.seconds += 1;
        while self.marks.front().is_some_and(|(at, _)| self.seconds - at >= KEPT as u64) {
            self.marks.pop_front();
        }
    }

    /// Something happened in the newest second.
    pub fn mark(&mut self, mark: Mark) {
        let same = |(at, last): &&mut (u64, Mark)| {
            std::mem::discriminant(last) == std::mem::discriminant(&mark) && self.seconds - at < TOGETHER
        };
        if let Some((_, last)) = self.marks.iter_mut().rev().find(same) {
            *last = mark;
            return;
        }
        if self.marks.len() == MARKS {
            self.marks.pop_front();
        }
        self.marks.push_back((self.seconds, mark));
    }

    /// Oldest first; the last is now.
    pub fn points(&self) -> &VecDeque<Point> {
        &self.points
    }

    /// What happened and how many seconds ago, oldest first.
    pub fn marks(&self) -> impl DoubleEndedIterator<Item = (u64, Mark)> {
        self.marks.iter().map(|(at, mark)| (self.seconds - at, *mark))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_minutes_are_kept_and_no_more() {
        let mut history = History::default();
        for second in 0..500 {
            history.push(Point { up_bps: second, ..Point::default() });
            if second % 10 == 0 {
                history.mark(Mark::Smaller(second as u32));
            }
        }
        assert_eq!((history.points().len(), history.points()[119].up_bps), (KEPT, 499));
        assert!(history.marks().all(|(ago, _)| ago < KEPT as u64) && history.marks().count() <= MARKS);
        assert_eq!(history.marks().next_back(), Some((9, Mark::Smaller(490))));
    }

    #[test]
    fn what_repeats_at_once_is_one_mark() {
        let mut history = History::default();
        for height in [540, 360, 270] {
            history.push(Point::default());
            history.mark(Mark::Smaller(height));
            history.mark(Mark::Froze);
        }
        assert_eq!(history.marks().collect::<Vec<_>>(), [(2, Mark::Smaller(270)), (2, Mark::Froze)]);
    }
}
