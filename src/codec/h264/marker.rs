//! What our encoder says of a picture beside the standard's syntax, in an SEI message of user data (H.264 D.1.7): which
//! picture the decoder keeps for later, and that a picture builds on such a one.
//!
//! A slice names the picture it builds on by an index only. Whether that is still the picture the sender means cannot be
//! told behind a hole, where another one may have taken the index; a number that never comes again tells it. Whoever does
//! not know the message passes over it.

/// Where the message must lie in an access unit, bytes: behind parameter sets at most.
const REACH: usize = 256;

/// The "UUID" of the message. Of letters, as all of it, so that nothing looks like a start code.
const NAME: &[u8; 16] = b"visavis.kept.pic";

const SEI: u8 = 6;
const USER_DATA: u8 = 5;
/// Bytes of the message's payload: name, kind, index, number in hexadecimal digits.
const LENGTH: usize = 16 + 1 + 1 + 8;

/// What a picture says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// Once this picture is decoded, the decoder keeps one under this index, which has this number. Of an IDR it is the
    /// IDR itself.
    Keeps {
        /// 0 or 1.
        index: u8,
        /// Never the same for two pictures of one stream.
        id: u32,
    },
    /// Builds on the kept picture of this number and on no other: with that one it can be decoded, whatever was lost since.
    Builds {
        /// The number.
        id: u32,
    },
}

impl Marker {
    /// A NAL unit with its start code.
    pub fn nal(self) -> Vec<u8> {
        let (kind, index, id) = match self {
            Self::Keeps { index, id } => (b'k', index, id),
            Self::Builds { id } => (b'b', 0, id),
        };
        let mut nal = vec![0, 0, 0, 1, SEI, USER_DATA, LENGTH as u8];
        nal.extend(NAME);
        nal.extend(format!("{}{index}{id:08x}", char::from(kind)).bytes());
        nal.push(0x80);
        nal
    }

    /// Reads a NAL unit without its start code.
    pub fn read(nal: &[u8]) -> Option<Self> {
        let [first, USER_DATA, length, payload @ ..] = nal else { return None };
        if first & 31 != SEI || usize::from(*length) != LENGTH {
            return None;
        }
        let (kind, rest) = payload.get(..LENGTH)?.strip_prefix(NAME)?.split_first()?;
        let (index, digits) = rest.split_first()?;
        let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()))?;
        let id = u32::from_str_radix(digits, 16).ok()?;
        match (kind, index) {
            (b'k', b'0' | b'1') => Some(Self::Keeps { index: index - b'0', id }),
            (b'b', b'0') => Some(Self::Builds { id }),
            _ => None,
        }
    }

    /// That of an access unit.
    pub fn of(unit: &[u8]) -> Option<Self> {
        let start = &unit[..unit.len().min(REACH)];
        let mut begins = start.windows(4).enumerate().filter(|(_, w)| w[..3] == [0, 0, 1] && w[3] & 31 == SEI);
        begins.find_map(|(at, _)| Self::read(&unit[at + 3..]))
    }

    /// Whether an access unit can be decoded with a kept picture alone.
    pub fn recovers(unit: &[u8]) -> bool {
        matches!(Self::of(unit), Some(Self::Builds { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for marker in [
            Marker::Keeps { index: 0, id: 0 },
            Marker::Keeps { index: 1, id: u32::MAX },
            Marker::Builds { id: 1 },
            Marker::Builds { id: 0x0003_0001 },
        ] {
            let nal = marker.nal();
            assert_eq!(Marker::read(&nal[4..]), Some(marker));
            let unit = [nal.as_slice(), &[0, 0, 0, 1, 0x41, 9, 9]].concat();
            assert_eq!(Marker::of(&unit), Some(marker));
            assert_eq!(Marker::recovers(&unit), matches!(marker, Marker::Builds { .. }));
            assert!(!nal[4..].windows(2).any(|w| w == [0, 0]), "looks like a start code");
            for length in 0..nal.len() - 1 {
                assert_eq!(Marker::of(&nal[..length]), None, "cut to {length}");
            }
        }
    }

    #[test]
    fn messages_of_others_say_nothing() {
        let mut nal = Marker::Keeps { index: 1, id: 7 }.nal();
        nal[30] = b'-';
        for bytes in [&nal[..], &[0, 0, 1, 6], &[0, 0, 1, 6, 5, 26], &[0, 0, 1, 0x41, 5, 26], &[]] {
            assert_eq!(Marker::of(bytes), None);
        }
        let far = [vec![9; REACH], Marker::Builds { id: 1 }.nal()].concat();
        assert_eq!(Marker::of(&far), None);
    }
}
