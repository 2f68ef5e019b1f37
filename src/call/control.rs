//! What the two sides of a call tell each other over the data channel `control`, which is in the first offer.
//!
//! One JSON object in one text message:
//!
//! ```json
//! {"type":"hello","version":1,"name":"Noor Haddad"}
//! {"type":"state","camera":true,"muted":false,"hand":false,"sharing":false,"replay":false}
//! {"type":"upload","narrow_bps":150000,"shared":false,"paused":false,"busy":false}
//! {"type":"reaction","reaction":"thumbs_up"}
//! {"type":"watch","size":"medium"}
//! {"type":"bye"}
//! ```
//!
//! Both sides send `hello` and `state` when the channel opens, and `state`, whole, after each change, so that a lost
//! change cannot stay lost. `upload`, whole too, is what the sender finds wrong with its own way out: it knows best what the
//! path gives; while all is well it says nothing. `reaction` (`thumbs_up`, `applause`, `heart`, `laugh`, `wow`) is shown for a few
//! seconds. `watch` says how large the other side's picture is shown (`small`, `medium`, `large`; without `size` not at all), so
//! that nothing is sent that nobody sees; until it is said, large. `bye` goes out when one leaves: the other side knows at once, where the transport would
//! take seconds. Unknown types and keys belong to a later version and are ignored.

use serde::{Deserialize, Serialize};

use super::quality::Word;
use crate::model::body::clean_name;
use crate::model::command::TileSize;
use crate::model::reaction::Reaction;
use crate::model::snapshot::RemoteMedia;

/// Version of this protocol.
pub const VERSION: u32 = 1;

/// Longest frame that is looked at, bytes.
pub const MAX_FRAME: usize = 4096;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Control {
    /// First message of each side.
    Hello {
        /// [`VERSION`] of the sender; both keep to the lower one.
        version: u32,
        /// What the sender calls themselves: shown, never trusted.
        #[serde(default)]
        name: String,
    },
    /// The sender's devices and hand.
    State {
        /// Their camera is on.
        #[serde(default)]
        camera: bool,
        /// Their microphone is muted.
        #[serde(default)]
        muted: bool,
        /// Their hand is up.
        #[serde(default)]
        hand: bool,
        /// Their picture is a screen or window of theirs, not the camera's; it comes also while the camera is off.
        #[serde(default)]
        sharing: bool,
        /// They keep the last 20 s of what they hear, in memory, and can play it again: who is heard has a right to know.
        #[serde(default)]
        replay: bool,
    },
    /// What is wrong with what the sender sends, and nothing more once it is well.
    Upload {
        /// Its way out carries less than a good picture needs: so much, bit/s.
        #[serde(default)]
        narrow_bps: Option<u64>,
        /// It would be enough for one picture, but goes to others too.
        #[serde(default)]
        shared: bool,
        /// So little that its picture is paused.
        #[serde(default)]
        paused: bool,
        /// Its computer cannot make its pictures in time.
        #[serde(default)]
        busy: bool,
    },
    /// The sender shows something for a moment.
    Reaction {
        /// What.
        reaction: Reaction,
    },
    /// How large the sender shows our picture; `None`: not at all.
    Watch {
        /// By the height of the tile.
        #[serde(default)]
        size: Option<TileSize>,
    },
    /// The sender leaves.
    Bye,
    /// Something of a later version.
    #[serde(other)]
    Later,
}

/// A frame that is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a control message that cannot be read")]
pub struct Malformed;

impl Control {
    /// As it goes over the channel.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a frame. Names are made fit to be shown ([`clean_name`]).
    ///
    /// # Errors
    /// [`Malformed`]: to be counted, never to end a call.
    pub fn decode(frame: &[u8]) -> Result<Self, Malformed> {
        if frame.len() > MAX_FRAME {
            return Err(Malformed);
        }
        match serde_json::from_slice(frame).map_err(|_| Malformed)? {
            Self::Hello { version, name } => Ok(Self::Hello { version, name: clean_name(&name) }),
            other => Ok(other),
        }
    }
}

impl From<RemoteMedia> for Control {
    fn from(media: RemoteMedia) -> Self {
        let RemoteMedia { camera_on: camera, muted, hand, sharing, replay, reaction: _ } = media;
        Self::State { camera, muted, hand, sharing, replay }
    }
}

impl From<Word> for Control {
    fn from(Word { narrow_bps, shared, paused, busy }: Word) -> Self {
        Self::Upload { narrow_bps, shared, paused, busy }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_are_read_back() {
        for message in [
            Control::Hello { version: 1, name: "Noor".into() },
            Control::State { camera: true, muted: false, hand: true, sharing: false, replay: true },
            Control::State { camera: false, muted: false, hand: false, sharing: true, replay: false },
            Control::Upload { narrow_bps: Some(150_000), shared: true, paused: false, busy: true },
            Control::Reaction { reaction: Reaction::Heart },
            Control::Watch { size: Some(TileSize::Small) },
            Control::Watch { size: None },
            Control::Bye,
        ] {
            assert_eq!(Control::decode(message.encode().as_bytes()), Ok(message));
        }
    }

    #[test]
    fn later_versions_are_understood_as_far_as_possible() {
        assert_eq!(Control::decode(br#"{"type":"dance","steps":3}"#), Ok(Control::Later));
        assert_eq!(
            Control::decode(br#"{"type":"state","muted":true,"mood":"good"}"#),
            Ok(Control::State { camera: false, muted: true, hand: false, sharing: false, replay: false })
        );
        assert_eq!(Control::decode(b"[]"), Err(Malformed));
        assert_eq!(Control::decode(&[b' '; MAX_FRAME + 1]), Err(Malformed));
    }

    #[test]
    fn a_name_cannot_disturb_the_screen() {
        let frame = format!(r#"{{"type":"hello","version":1,"name":"a\nb{}"}}"#, "x".repeat(100));
        let Ok(Control::Hello { name, .. }) = Control::decode(frame.as_bytes()) else { panic!() };
        assert_eq!(name.chars().count(), crate::model::body::MAX_NAME);
        assert!(name.starts_with("a bx"));
    }

    proptest! {
        #[test]
        fn no_frame_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Control::decode(&bytes);
        }
    }
}
