//! Packets that did not arrive, in a row: what a good path loses now and then, and what goes on.

/// So many in a row are a burst, …
const BURST: u64 = 2;
/// … and a further one is another where so many arrived since: one hiccup of a radio link has several.
const APART: u64 = 64;

/// Counts runs and bursts, fed in the order in which packets were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gaps {
    /// How often one or more packets in a row did not arrive, …
    pub runs: u64,
    /// … and how often several did not, some time after the last time.
    pub bursts: u64,
    row: u64,
    apart: u64,
}

impl Gaps {
    /// So many more in a row did not arrive.
    pub fn lost(&mut self, packets: u64) {
        if packets == 0 {
            return;
        }
        self.runs += u64::from(self.row == 0);
        let grown = self.row < BURST && self.row + packets >= BURST;
        self.bursts += u64::from(grown && (self.bursts == 0 || self.apart >= APART));
        self.row += packets;
        if self.row >= BURST {
            self.apart = 0;
        }
    }

    /// So many more did; 0: nothing is known of some between.
    pub fn arrived(&mut self, packets: u64) {
        self.row = 0;
        self.apart += packets;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_one_however_it_is_told_and_those_close_to_it_are_no_others() {
        let mut gaps = Gaps::default();
        gaps.lost(1);
        gaps.arrived(10);
        assert_eq!((gaps.runs, gaps.bursts), (1, 0), "one packet is none");
        gaps.lost(1);
        gaps.lost(0);
        gaps.lost(7);
        assert_eq!((gaps.runs, gaps.bursts), (2, 1));
        gaps.arrived(APART - 1);
        gaps.lost(8);
        assert_eq!((gaps.runs, gaps.bursts), (3, 1), "still the same hiccup");
        gaps.arrived(APART / 2);
        gaps.lost(1);
        gaps.arrived(APART / 2);
        gaps.lost(2);
        assert_eq!((gaps.runs, gaps.bursts), (5, 2), "single ones between are nothing");
    }
}
