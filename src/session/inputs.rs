//! Where media comes from and goes to.

use crate::model::source::{AudioSpec, SinkSpec, VideoSpec};

/// Size and rate asked of a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoRequest {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
    /// Pictures a second.
    pub fps: u32,
}

/// Where pictures come from.
pub enum VideoInput {
    /// As a spec says.
    Spec(VideoSpec),
}

/// Where sound comes from.
pub enum AudioInput {
    /// As a spec says.
    Spec(AudioSpec),
}

/// Where sound goes to.
pub enum AudioOutput {
    /// As a spec says.
    Spec(SinkSpec),
}

/// A short sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    /// The test sound of settings.
    Test,
}
