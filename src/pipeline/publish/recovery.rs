//! Whether a wish for a keyframe is met by a picture that builds on one which the receivers keep: a fraction of the bytes.
//!
//! Only where all receivers of an encoding are of our kind, and have said that they have that picture; and only once for
//! each such picture. Whoever wishes again before it said that it keeps a newer one could not use it: in doubt it is a
//! keyframe.

use tokio::sync::mpsc::Sender;

use super::encodings::Counts;
use super::{Output, VideoPublisher, Wishes};
use crate::codec::h264::KeptPictures;
use crate::model::encoded::EncodedVideo;

/// Whoever gets an output's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Receiver {
    /// A program of this kind.
    pub own: bool,
    /// The newest picture it said that it keeps, since its last keyframe.
    pub kept: Option<u32>,
}

/// What is known of one encoding.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// The picture that all keep was built on.
    spent: bool,
}

/// Whether all of them have the newer one.
pub(super) fn all_have<'a>(kept: KeptPictures, mut receivers: impl Iterator<Item = &'a Receiver>) -> bool {
    kept.pending.is_some() && receivers.all(|receiver| receiver.kept == kept.pending)
}

impl Recovery {
    /// Whether the next picture can be built on what all of them keep. Who has the newer one has the other too.
    pub fn can<'a>(&self, kept: KeptPictures, mut receivers: impl Iterator<Item = &'a Receiver>) -> bool {
        let has = |receiver: &Receiver| {
            receiver.own && receiver.kept.is_some() && [kept.confirmed, kept.pending].contains(&receiver.kept)
        };
        !self.spent && kept.confirmed.is_some() && receivers.all(has)
    }

    /// A picture was made: all have said that they have the newer one; it was built on the other.
    pub fn made(&mut self, confirmed: bool, built: bool) {
        self.spent = (self.spent && !confirmed) || built;
    }
}

impl Wishes {
    fn on_kept(&mut self, id: u64, kept: Option<u32>) {
        if let Some(output) = self.outputs.iter_mut().find(|output| output.id == id) {
            output.receiver.kept = kept;
        }
    }
}

impl VideoPublisher {
    /// [`VideoPublisher::add_output`] for a receiver that is `own`, a program of this kind, or not.
    pub fn add_output_of(&self, id: u64, sender: Sender<EncodedVideo>, own: bool) {
        let (receiver, more) = (Receiver { own, kept: None }, Counts::default());
        self.shared.wish(|w| {
            w.outputs.retain(|output| output.id != id);
            w.outputs.push(Output { id, sender, waiting: true, new: true, encoding: 0, receiver, more });
            w.encodings[0].keyframe = true;
            // Not once the camera is switched off, although its thread may not have closed it yet.
            if let Some(captured) = w.unsent.take().filter(|_| w.wanted()) {
                self.shared.to_encode(w, &captured);
            }
        });
    }

    /// The receiver of this output says which picture it keeps for later; `None`: none any more.
    pub fn on_kept(&self, id: u64, kept: Option<u32>) {
        self.shared.lock().on_kept(id, kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(kept: impl Into<Option<u32>>) -> Receiver {
        Receiver { own: true, kept: kept.into() }
    }

    const KEPT: KeptPictures = KeptPictures { confirmed: Some(1), pending: Some(2) };

    #[test]
    fn it_takes_a_picture_that_every_receiver_has() {
        let can = |receivers: &[Receiver]| Recovery::default().can(KEPT, receivers.iter());
        assert!(can(&[own(1)]));
        assert!(can(&[own(1), own(2)]));
        assert!(!can(&[own(1), own(None)]), "one that is new");
        assert!(!can(&[own(1), own(7)]), "one that keeps another");
        assert!(!can(&[own(1), Receiver { own: false, kept: Some(1) }]), "a browser");
        let none = KeptPictures { confirmed: None, pending: Some(2) };
        assert!(!Recovery::default().can(none, [own(2)].iter()));
        assert!(!Recovery::default().can(KeptPictures::default(), [own(None)].iter()));
    }

    #[test]
    fn a_second_wish_gets_a_keyframe_until_all_have_a_newer_picture() {
        let mut recovery = Recovery::default();
        let receivers = [own(1), own(1)];
        assert!(recovery.can(KEPT, receivers.iter()));
        recovery.made(false, true);
        recovery.made(false, false);
        assert!(!recovery.can(KEPT, receivers.iter()));
        recovery.made(true, false);
        assert!(recovery.can(KEPT, receivers.iter()));
        recovery.made(true, true);
        assert!(!recovery.can(KEPT, receivers.iter()));
    }

    #[test]
    fn a_newer_picture_counts_when_all_have_it() {
        assert!(all_have(KEPT, [own(2), own(2)].iter()));
        assert!(!all_have(KEPT, [own(2), own(1)].iter()));
        assert!(!all_have(KeptPictures { pending: None, ..KEPT }, [own(None)].iter()));
    }
}
