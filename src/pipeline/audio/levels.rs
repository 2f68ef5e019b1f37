//! What the audio thread tells of loudness, of both ways.

use crate::model::snapshot::Level;
use crate::model::sound::MicrophoneTrouble;

/// The meters.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AudioLevels {
    /// What is sent.
    pub sent: Level,
    /// RMS of what is sent, dBFS; `None` for digital silence.
    pub sent_dbfs: Option<f64>,
    /// What is played on the speaker, all peers and sounds together.
    pub played: Level,
    /// Speech is sent for 300 ms now, or was in the last half second.
    pub speaking: bool,
    /// Why the microphone is not, or not well, heard.
    pub trouble: Option<MicrophoneTrouble>,
}
