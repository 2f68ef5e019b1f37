//! What a person has chosen, kept over restarts.

use serde::{Deserialize, Serialize};

use super::ice::IceServer;
use super::preference::Preferences;
use super::sound::Processing;
use super::source::{AudioSpec, SinkSpec, VideoSpec};

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

/// The settings file, `settings.toml` in the profile directory. Every key may be missing and has its default then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What people call you; empty until the first run is done. At most [`Settings::MAX_NAME`] characters.
    pub name: String,
    /// WebSocket URL of the signaling server; empty: the one on this machine, started if none answers.
    pub server: String,
    /// Whether the server this program starts itself listens to the local network, not only to this machine.
    pub serve_network: bool,
    /// Look.
    pub theme: Theme,
    /// Camera.
    pub camera: VideoSpec,
    /// Microphone.
    pub microphone: AudioSpec,
    /// Speaker.
    pub speaker: SinkSpec,
    /// What rings.
    pub ring: SinkSpec,
    /// Look at yourself in the green room before each call.
    pub green_room: bool,
    /// Whether single keys (M, V, C, …) act in a call.
    pub single_keys: bool,
    /// The microphone is open only while Space is held.
    pub push_to_talk: bool,
    /// Keep the last 20 s of what is heard in a call, in memory, to play it again; the others are told.
    pub say_again: bool,
    /// Whether the program's own sounds (ringing, joining, …) are played.
    pub sounds: bool,
    /// How loud they are, percent, 0…100.
    pub sound_volume: u8,
    /// Width of the picture sent, pixels.
    pub video_width: u32,
    /// Height of the picture sent, pixels.
    pub video_height: u32,
    /// Pictures a second.
    pub video_fps: u32,
    /// What is done to the microphone's sound.
    pub processing: Processing,
    /// Whether loud and quiet voices of the others are brought to one loudness.
    pub levelling: bool,
    /// Folder that received files go to; empty: this user's own for downloads.
    pub downloads: String,
    /// STUN and TURN servers that help calls through routers and firewalls.
    pub ice_servers: Vec<IceServer>,
    /// Calls go through the TURN servers of that list only, so that the other side does not learn our addresses.
    pub relay_only: bool,
    /// The devices that were chosen, latest first: what is used when one is not there. Kept by the program itself; what
    /// a change of settings says about it is not looked at.
    pub preferences: Preferences,
}

impl Settings {
    /// Longest name, in characters.
    pub const MAX_NAME: usize = 60;
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: String::new(),
            server: String::new(),
            serve_network: false,
            theme: Theme::System,
            camera: VideoSpec::Default,
            microphone: AudioSpec::Default,
            speaker: SinkSpec::Default,
            ring: SinkSpec::Default,
            green_room: true,
            single_keys: true,
            push_to_talk: false,
            say_again: false,
            sounds: true,
            sound_volume: 100,
            video_width: 1280,
            video_height: 720,
            video_fps: 30,
            processing: Processing::default(),
            levelling: true,
            downloads: String::new(),
            ice_servers: Vec::new(),
            relay_only: false,
            preferences: Preferences::default(),
        }
    }
}
