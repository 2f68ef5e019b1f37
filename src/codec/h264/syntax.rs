//! The few syntax elements of H.264 that tell what a picture is and what it builds on (clauses 7.3.2.1.1 and 7.3.3).
//!
//! Only of streams as our own encoder makes them: baseline, frames, one slice a picture, one slice group. Any other, and
//! whatever is cut short, reads as `None`.

/// So much of a NAL unit is looked at; a header of ours takes some 20 bytes.
const HEAD: usize = 64;

/// What a sequence parameter set says of slice headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sequence {
    /// Bits of a frame number.
    frame_num_bits: u32,
    /// Bits of a picture order count; 0 where slices have none.
    order_bits: u32,
}

/// Which picture a decoder is to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Under this index.
    pub index: u32,
    /// The picture so many frame numbers before this one; 0: this one.
    pub distance: u32,
}

/// The header of a picture's slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    pub frame_num: u32,
    /// Of an IDR.
    pub idr: Option<u32>,
    /// Builds on the picture kept under this index.
    pub builds_on: Option<u32>,
    pub mark: Option<Mark>,
    /// The quantiser it begins with, where the picture parameter set says 26.
    pub qp: i32,
}

impl Sequence {
    /// That of an access unit.
    pub fn of(unit: &[u8]) -> Option<Self> {
        let sps = head(unit, |kind| kind == 7)?;
        let mut bits = Bits { bytes: &sps, at: 8 };
        let baseline = bits.read(8)? == 66;
        bits.read(16)?;
        bits.exp_golomb()?;
        let frame_num_bits = bits.exp_golomb()? + 4;
        let order_bits = match bits.exp_golomb()? {
            0 => bits.exp_golomb()? + 4,
            2 => 0,
            _ => return None,
        };
        (baseline && frame_num_bits <= 16 && order_bits <= 16).then_some(Self { frame_num_bits, order_bits })
    }

    /// The frame number after this one.
    pub fn after(&self, frame_num: u32) -> u32 {
        (frame_num + 1) & ((1 << self.frame_num_bits) - 1)
    }

    /// The first slice of an access unit.
    pub fn slice(&self, unit: &[u8]) -> Option<Slice> {
        let slice = head(unit, |kind| matches!(kind, 1 | 5))?;
        let is_idr = slice.first()? & 31 == 5;
        let mut bits = Bits { bytes: &slice, at: 8 };
        for _ in ["first_mb_in_slice", "slice_type", "pic_parameter_set_id"] {
            bits.exp_golomb()?;
        }
        let frame_num = bits.read(self.frame_num_bits)?;
        let idr = if is_idr { Some(bits.exp_golomb()?) } else { None };
        bits.read(self.order_bits)?;
        let (mut builds_on, mut mark) = (None, None);
        if is_idr {
            bits.read(1)?;
            mark = (bits.read(1)? == 1).then_some(Mark { index: 0, distance: 0 });
        } else {
            if bits.read(1)? == 1 {
                bits.exp_golomb()?;
            }
            if bits.read(1)? == 1 {
                builds_on = bits.reordered()?;
            }
            if bits.read(1)? == 1 {
                mark = bits.marked()?;
            }
        }
        let delta = bits.exp_golomb()?;
        let size = delta.div_ceil(2) as i32;
        let qp = 26 + if delta % 2 == 1 { size } else { -size };
        Some(Slice { frame_num, idr, builds_on, mark, qp })
    }
}

/// The start of the first NAL unit of such a type, without emulation prevention (7.4.1.1).
fn head(unit: &[u8], wanted: fn(u8) -> bool) -> Option<Vec<u8>> {
    let at = unit.windows(4).position(|w| w[..3] == [0, 0, 1] && wanted(w[3] & 31))? + 3;
    let nal = &unit[at..unit.len().min(at + HEAD)];
    let mut out = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    Some(out)
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// At most 32.
    fn read(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let bit = self.bytes.get(self.at / 8)? >> (7 - self.at % 8) & 1;
            value = value << 1 | u32::from(bit);
            self.at += 1;
        }
        Some(value)
    }

    /// ue(v), 9.1, up to 16 bits of it.
    fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.read(1)? == 0 {
            zeros += 1;
            if zeros > 16 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.read(zeros)?)
    }

    /// ref_pic_list_modification: the kept picture that comes first, if one does.
    fn reordered(&mut self) -> Option<Option<u32>> {
        let mut first = None;
        for _ in 0..4 {
            let kind = self.exp_golomb()?;
            if kind == 3 {
                return Some(first.and_then(|(kind, index)| (kind == 2).then_some(index)));
            }
            let of = (kind, self.exp_golomb()?);
            first.get_or_insert(of);
        }
        None
    }

    /// Operations of dec_ref_pic_marking.
    fn marked(&mut self) -> Option<Option<Mark>> {
        let mut mark = None;
        for _ in 0..8 {
            match self.exp_golomb()? {
                0 => return Some(mark),
                1 | 2 | 4 => _ = self.exp_golomb()?,
                3 => {
                    let distance = self.exp_golomb()? + 1;
                    mark = Some(Mark { index: self.exp_golomb()?, distance });
                }
                6 => mark = Some(Mark { index: self.exp_golomb()?, distance: 0 }),
                _ => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_makes_it_panic(unit in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..100)) {
            let _ = Sequence::of(&unit);
            for (frame_num_bits, order_bits) in [(4, 0), (16, 16)] {
                let _ = Sequence { frame_num_bits, order_bits }.slice(&unit);
            }
        }
    }

    #[test]
    fn emulation_prevention_is_taken_out() {
        assert_eq!(head(&[0, 0, 1, 0x61, 0, 0, 3, 1, 9], |kind| kind == 1), Some(vec![0x61, 0, 0, 1, 9]));
        assert_eq!(head(&[0, 0, 1, 0x61], |kind| kind == 5), None);
    }
}
