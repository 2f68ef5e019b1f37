//! What somebody shows of their mind without a word: one of five, for a few seconds.

use serde::{Deserialize, Serialize};

/// One of five.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    /// Agrees.
    ThumbsUp,
    /// Claps.
    Applause,
    /// Likes it.
    Heart,
    /// Laughs.
    Laugh,
    /// Is astonished.
    Wow,
}

impl Reaction {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 5] = [Self::ThumbsUp, Self::Applause, Self::Heart, Self::Laugh, Self::Wow];

    /// As it is painted.
    pub fn emoji(self) -> &'static str {
        match self {
            Self::ThumbsUp => "👍",
            Self::Applause => "👏",
            Self::Heart => "❤",
            Self::Laugh => "😂",
            Self::Wow => "😮",
        }
    }

    /// As it is spoken.
    pub fn word(self) -> &'static str {
        match self {
            Self::ThumbsUp => "Thumbs up",
            Self::Applause => "Applause",
            Self::Heart => "Heart",
            Self::Laugh => "Laughing",
            Self::Wow => "Astonished",
        }
    }
}
