//! Which pictures of an encoder every decoder has: what a picture may build on after others were lost.
//!
//! The encoder keeps two at most: one that all have decoded for certain, and a newer one of which that is to be heard.
//! Pure: no clock but the count of pictures.

use super::syntax::{Mark, Slice};

/// So many pictures after a picture was kept, those who did not say that they have it are not waited for: another one is
/// kept.
const PATIENCE: u32 = 90;

/// A picture that decoders keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Picture {
    pub id: u32,
    pub index: u32,
    pub frame_num: u32,
    /// An IDR: the library takes it for received without being told.
    pub is_idr: bool,
}

/// Both.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// That of the newest IDR.
    pub idr: u32,
    confirmed: Option<Picture>,
    pending: Option<Picture>,
    /// Pictures since the pending one.
    age: u32,
    /// Frame number and number of the picture before.
    before: Option<(u32, u32)>,
}

impl Kept {
    /// The one that all have.
    pub fn confirmed(&self) -> Option<Picture> {
        self.confirmed
    }

    /// The newer one.
    pub fn pending(&self) -> Option<Picture> {
        self.pending
    }

    /// A picture was made; gives what it keeps.
    pub fn made(&mut self, slice: &Slice, id: u32) -> Option<Picture> {
        if let Some(idr) = slice.idr {
            *self = Self { idr, ..Self::default() };
        }
        self.age += 1;
        let marked = slice.mark.and_then(|Mark { index, distance }| match (distance, self.before) {
            (0, _) => Some(Picture { id, index, frame_num: slice.frame_num, is_idr: slice.idr.is_some() }),
            (1, Some((frame_num, id))) => Some(Picture { id, index, frame_num, is_idr: false }),
            _ => None,
        });
        if let Some(marked) = marked {
            (self.pending, self.age) = (Some(marked), 0);
            // Its place is taken.
            self.confirmed = self.confirmed.filter(|confirmed| confirmed.index != marked.index);
        }
        self.before = Some((slice.frame_num, id));
        marked
    }

    /// All have the pending one.
    pub fn confirm(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.confirmed = Some(pending);
        }
    }

    /// The pending one is not waited for any longer.
    pub fn give_up(&mut self) -> Option<Picture> {
        self.pending.take().filter(|pending| !pending.is_idr)
    }

    /// It has been waited for long enough.
    pub fn is_late(&self) -> bool {
        self.age > PATIENCE && self.pending.is_some_and(|pending| !pending.is_idr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(frame_num: u32, idr: Option<u32>, mark: Option<(u32, u32)>) -> Slice {
        let mark = mark.map(|(index, distance)| Mark { index, distance });
        Slice { frame_num, idr, builds_on: None, mark, qp: 26 }
    }

    #[test]
    fn what_all_have_stays_until_all_have_a_newer_one() {
        let mut kept = Kept::default();
        kept.made(&slice(0, Some(1), Some((0, 0))), 100);
        assert_eq!((kept.confirmed(), kept.pending().unwrap().id), (None, 100));
        kept.confirm();
        assert_eq!((kept.confirmed().unwrap().id, kept.pending()), (100, None));
        kept.made(&slice(1, None, None), 101);
        kept.made(&slice(2, None, Some((1, 1))), 102);
        let pending = Picture { id: 101, index: 1, frame_num: 1, is_idr: false };
        assert_eq!((kept.confirmed().unwrap().id, kept.pending()), (100, Some(pending)));
        assert_eq!(kept.give_up(), Some(pending));
        kept.confirm();
        assert_eq!(kept.confirmed().unwrap().id, 100);
        kept.made(&slice(3, None, Some((1, 0))), 103);
        kept.confirm();
        assert_eq!(kept.confirmed().unwrap().id, 103);
    }

    #[test]
    fn an_idr_begins_anew() {
        let mut kept = Kept::default();
        kept.made(&slice(0, Some(1), Some((0, 0))), 1);
        kept.confirm();
        kept.made(&slice(0, Some(2), Some((0, 0))), 2);
        assert_eq!((kept.idr, kept.confirmed(), kept.pending().unwrap().id), (2, None, 2));
        assert!(kept.give_up().is_none(), "the library takes an IDR for received");
        kept.made(&slice(0, Some(3), None), 3);
        assert_eq!((kept.confirmed(), kept.pending()), (None, None));
    }

    #[test]
    fn a_kept_picture_whose_place_is_taken_is_gone() {
        let mut kept = Kept::default();
        kept.made(&slice(0, Some(1), Some((0, 0))), 1);
        kept.confirm();
        kept.made(&slice(1, None, Some((0, 0))), 2);
        assert_eq!((kept.confirmed(), kept.pending().unwrap().id), (None, 2));
    }

    #[test]
    fn nobody_is_waited_for_without_end() {
        let mut kept = Kept::default();
        kept.made(&slice(0, Some(1), Some((0, 0))), 0);
        kept.confirm();
        kept.made(&slice(1, None, Some((1, 0))), 1);
        for n in 2..=PATIENCE + 1 {
            assert!(!kept.is_late(), "{n}");
            kept.made(&slice(n, None, None), n);
        }
        kept.made(&slice(PATIENCE + 2, None, None), PATIENCE + 2);
        assert!(kept.is_late());
    }
}
