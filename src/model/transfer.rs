//! A file on its way from one person to another.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::id::PeerId;

/// One transfer of one file: 16 random bytes of the sender, written as 32 hexadecimal digits. It stays the same over breaks and
/// calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransferId(pub [u8; 16]);

impl TransferId {
    /// A fresh one from the operating system's random numbers.
    pub fn random() -> Self {
        let mut id = [0; 16];
        getrandom::fill(&mut id).expect("the operating system gives random numbers");
        Self(id)
    }
}

impl fmt::Display for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a transfer's ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a file's ID has 32 hexadecimal digits; take it from file_offered")]
pub struct TransferIdError;

impl FromStr for TransferId {
    type Err = TransferIdError;

    fn from_str(text: &str) -> Result<Self, TransferIdError> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| TransferIdError)?;
        bytes.try_into().map(Self).map_err(|_| TransferIdError)
    }
}

impl serde::Serialize for TransferId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for TransferId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where a transfer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferState {
    /// The receiver has not said yes or no.
    Offered,
    /// The receiver said yes; it waits for the path, in this call or the next.
    Waiting,
    /// It is on its way.
    Running,
    /// All of it arrived, and is what was sent.
    Done,
    /// The receiver said no.
    Refused,
    /// One of the two stopped it.
    Cancelled {
        /// We did.
        by_us: bool,
    },
    /// It ended early: what happened and what to do.
    Failed(String),
}

impl TransferState {
    /// Nothing more will happen.
    pub fn is_over(&self) -> bool {
        !matches!(self, Self::Offered | Self::Waiting | Self::Running)
    }
}

/// A picture made small, to be shown in a window.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Four bytes a pixel, rows from the top, alpha not multiplied in.
    pub rgba: Vec<u8>,
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({} × {})", self.width, self.height)
    }
}

/// What a file that is here shows of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Preview {
    /// It is no picture, or was not looked at.
    #[default]
    None,
    /// It is one.
    Picture(Arc<Picture>),
    /// It is called like one and cannot be shown: why.
    Broken(String),
}

/// One transfer as a window shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferView {
    /// Which.
    pub id: TransferId,
    /// The other side.
    pub peer: PeerId,
    /// We send it.
    pub mine: bool,
    /// Name, fit to be shown and to be a file's.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Bytes that the receiver has.
    pub done: u64,
    /// Bytes a second, over the last seconds; 0 while it does not run.
    pub rate: u64,
    /// Where it is.
    pub state: TransferState,
    /// Received and done: where it lies.
    pub path: Option<PathBuf>,
    /// What it shows of itself, once it lies here.
    pub preview: Preview,
    /// When it was offered, seconds since 1970, by our clock.
    pub time: i64,
}

impl TransferView {
    /// Seconds to go at the present rate; `None` where that is not known.
    pub fn left_s(&self) -> Option<u64> {
        (self.rate > 0).then(|| (self.size - self.done.min(self.size)).div_ceil(self.rate))
    }
}

/// What happened to a transfer, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferNews {
    /// A file is offered, to us or by us.
    Offered {
        /// We offer it.
        mine: bool,
        /// Its name.
        name: String,
        /// Bytes.
        size: u64,
    },
    /// How far it is; at most once a second.
    Progress {
        /// Bytes the receiver has.
        done: u64,
        /// Bytes.
        size: u64,
        /// Bytes a second.
        rate: u64,
    },
    /// All of it arrived and is what was sent.
    Done {
        /// We sent it.
        mine: bool,
        /// Where it lies here: what was sent, or what was received.
        path: PathBuf,
        /// SHA-256 of the whole, 64 hexadecimal digits.
        sha256: String,
    },
    /// It ended early.
    Failed {
        /// `refused`, `cancelled` or `failed`.
        reason: &'static str,
        /// For people.
        message: String,
    },
}

/// An amount of bytes for people, in units of a thousand: `0 bytes`, `1 byte`, `640 kB`, `2.4 MB`, `5.4 GB`.
pub fn amount(bytes: u64) -> String {
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.iter().find(|(size, _)| bytes >= *size) {
        Some((1_000, unit)) => format!("{} {unit}", bytes / 1_000),
        Some((size, unit)) => format!("{:.1} {unit}", bytes as f64 / *size as f64),
        None if bytes == 1 => "1 byte".to_owned(),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back() {
        let id = TransferId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("12".parse::<TransferId>(), Err(TransferIdError));
        assert_eq!(serde_json::from_str::<TransferId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }

    #[test]
    fn amounts_are_read_at_a_glance() {
        let amounts = [0, 1, 999, 640_000, 2_411_724, 5_368_709_120, 1 << 60].map(amount);
        assert_eq!(amounts, ["0 bytes", "1 byte", "999 bytes", "640 kB", "2.4 MB", "5.4 GB", "1152921.5 TB"]);
    }

    #[test]
    fn the_time_left_follows_the_rate() {
        let mut view = TransferView {
            id: TransferId([1; 16]),
            peer: PeerId::from_public_key(&[1; 32]),
            mine: true,
            name: "a".into(),
            size: 1000,
            done: 100,
            rate: 0,
            state: TransferState::Running,
            path: None,
            preview: Preview::None,
            time: 0,
        };
        assert_eq!(view.left_s(), None);
        view.rate = 200;
        assert_eq!(view.left_s(), Some(5));
        view.done = 2000;
        assert_eq!(view.left_s(), Some(0));
    }
}
