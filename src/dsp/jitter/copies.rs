//! Packets that come after later ones, as copies in them (RFC 2198), sent again (RFC 4585) or by another way: how many
//! packets later, and so how long to hold each. That is no jitter: it comes in steps of packets, and takes no more waiting
//! where the path itself is slow.
//!
//! A copy that came too late to be played tells as much as one in time. Memory is two numbers and a bitmap.

/// Furthest copy that is waited for, packets.
const FURTHEST: usize = 3;
/// How much the shares follow one packet: some ten seconds.
const SMOOTH: f64 = 0.002;
/// A larger share of packets that needs so many packets of waiting gets them. One lost packet now and then is no reason
/// to let everybody wait; two in a row are rare, and heard.
const LIMITS: [f64; FURTHEST + 1] = [0.0, 0.003, 0.000_3, 0.000_3];
/// Shares grow to so many times their limit: whatever was, it is over a quarter of a minute after the last of it.
const MOST: f64 = 5.0;

/// Watches one stream.
#[derive(Debug)]
pub(super) struct Copies {
    newest: i64,
    /// Bit n: packet `newest − n` came, or was counted.
    known: u128,
    shares: [f64; FURTHEST + 1],
}

impl Default for Copies {
    /// Of what was before the first packet, nothing is missing.
    fn default() -> Self {
        Self { newest: 0, known: u128::MAX, shares: [0.0; FURTHEST + 1] }
    }
}

impl Copies {
    /// A packet came itself; `false`: after a later one. Further behind than what is waited for, it was for nothing.
    pub(super) fn came(&mut self, sequence: i64) -> bool {
        let ahead = sequence - self.newest;
        if ahead > 0 {
            self.known = if ahead < 128 { self.known << ahead } else { u128::MAX };
            self.newest = sequence;
            self.shares.iter_mut().for_each(|share| *share -= *share * SMOOTH);
        }
        let behind = usize::try_from(-ahead).unwrap_or(0);
        if self.mark(sequence) && (1..=FURTHEST).contains(&behind) {
            self.add(behind);
        }
        ahead >= 0
    }

    /// A copy of it came, so many packets later.
    pub(super) fn copied(&mut self, sequence: i64, behind: usize) {
        if self.mark(sequence) {
            self.add(behind.min(FURTHEST));
        }
    }

    fn add(&mut self, behind: usize) {
        self.shares[behind] = (self.shares[behind] + SMOOTH).min(LIMITS[behind] * MOST);
    }

    /// Whether it is the first time that anything of this packet is seen.
    fn mark(&mut self, sequence: i64) -> bool {
        let bit = match u32::try_from(self.newest - sequence) {
            Ok(back @ 0..128) => 1u128 << back,
            _ => return false,
        };
        let new = self.known & bit == 0;
        self.known |= bit;
        new
    }

    /// For how many packets each is to be held, so that its copy can still come.
    pub(super) fn hold(&self) -> usize {
        let mut share = 0.0;
        for behind in (1..=FURTHEST).rev() {
            share += self.shares[behind];
            if share > LIMITS[behind] {
                return behind;
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `packets` of which those for which `lost` is true come only as copies, `depth` of them in each packet.
    fn run(copies: &mut Copies, packets: std::ops::Range<i64>, depth: i64, lost: impl Fn(i64) -> bool) {
        for n in packets.filter(|n| !lost(*n)) {
            copies.came(n);
            (1..=depth).for_each(|behind| copies.copied(n - behind, behind as usize));
        }
    }

    #[test]
    fn nothing_is_held_where_nothing_is_lost_and_no_longer_than_loss_lasts() {
        let mut copies = Copies::default();
        run(&mut copies, 0..500, 2, |_| false);
        assert_eq!(copies.hold(), 0);
        run(&mut copies, 500..700, 2, |n| n % 20 == 0);
        assert_eq!(copies.hold(), 1);
        run(&mut copies, 700..800, 2, |n| n == 750 || n == 751);
        assert_eq!(copies.hold(), 2);
        run(&mut copies, 800..3_000, 2, |_| false);
        assert_eq!(copies.hold(), 0);
    }

    #[test]
    fn one_loss_is_no_reason_and_a_copy_too_many_counts_once() {
        let mut copies = Copies::default();
        run(&mut copies, 0..300, 2, |n| n == 200);
        assert_eq!(copies.hold(), 0);
        copies.copied(200, 3);
        copies.copied(10, 3);
        copies.copied(900, 3);
        assert_eq!(copies.hold(), 0);
    }

    #[test]
    fn what_is_sent_again_is_waited_for_up_to_three_packets() {
        let mut copies = Copies::default();
        run(&mut copies, 0..300, 0, |n| n % 50 == 7);
        for n in [7, 57, 107, 157, 207, 257] {
            assert!(!copies.came(n), "it comes far too late, and is nothing to wait for");
        }
        assert_eq!(copies.hold(), 0);
        for n in 300..400 {
            copies.came(n + n % 10 / 9);
            if n % 20 == 10 {
                copies.came(n - 1);
            }
        }
        assert_eq!(copies.hold(), 1);
        (400..420).filter(|n| ![405, 406].contains(n)).for_each(|n| {
            copies.came(n);
            if n == 408 {
                copies.came(405);
                copies.came(406);
            }
        });
        assert_eq!(copies.hold(), 3);
    }
}
