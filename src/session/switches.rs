//! Switches of the session's own media that act at once and wait for nothing (rows P5 and what is beside the contract).

use std::time::Duration;

use super::manager::{Session, lock};
use super::media::States;
use crate::device::VideoRequest;
use crate::dsp::clips::Sound;
use crate::model::device::DeviceState;
use crate::model::slot::Player;
use crate::model::snapshot::Level;
use crate::model::sound::{MicrophoneTrouble, Processing};
use crate::pipeline::audio::{AudioInput, AudioOutput};
use crate::pipeline::publish::VideoInput;

impl Session {
    /// Takes pictures from elsewhere from now on, also in a call.
    pub fn set_camera(&self, input: VideoInput) {
        lock(&self.inner.local).camera = input;
        self.inner.apply_video();
    }

    /// Takes sound from elsewhere from now on, also in a call.
    pub fn set_microphone(&self, input: impl Into<AudioInput>) {
        let input = input.into();
        let mut local = lock(&self.inner.local);
        local.microphone = input.clone();
        local.opening = self.inner.media(|media| media.audio.set_microphone(input)).unwrap_or_default();
    }

    /// Plays elsewhere from now on, also in a call.
    pub fn set_speaker(&self, output: impl Into<AudioOutput>) {
        self.inner.media(|media| media.audio.set_speaker(output));
    }

    /// Rings elsewhere from now on.
    pub fn set_ring(&self, output: impl Into<AudioOutput>) {
        self.inner.media(|media| media.audio.set_ring(output));
    }

    /// Does this to the microphone's sound from now on, also in a call.
    pub fn set_processing(&self, processing: Processing) {
        lock(&self.inner.local).processing = processing;
        self.inner.media(|media| media.audio.set_processing(processing));
    }

    /// Brings loud and quiet voices of the peers to one loudness from now on, or no more. Music is left as it is.
    pub fn set_levelling(&self, levelling: bool) {
        self.inner.media(|media| media.audio.set_levelling(levelling));
    }

    /// Asks the camera for another size or rate.
    pub fn set_video(&self, request: VideoRequest) {
        lock(&self.inner.local).request = request;
        self.inner.apply_video();
    }

    /// Row P5: camera on or off; off closes the device within half a second, and the peers see black at once. A screen
    /// that is shared in its place goes on.
    pub fn set_camera_enabled(&self, enabled: bool) {
        // The same again must not try a camera anew that failed.
        if std::mem::replace(&mut lock(&self.inner.local).enabled, enabled) != enabled {
            self.inner.apply_video();
        }
    }

    /// Row P5: microphone muted or not; muted sends silence, the stream goes on.
    pub fn set_muted(&self, muted: bool) {
        self.inner.media(|media| media.audio.set_muted(muted));
    }

    /// Opens the devices for a look, without a peer; or no more.
    pub fn set_preview(&self, preview: bool) {
        lock(&self.inner.local).preview = preview;
        self.inner.update_wanted();
    }

    /// Shows our own pictures while the camera is open; always the same player.
    pub fn preview(&self) -> Player {
        self.inner.player.clone()
    }

    /// Plays one of the program's sounds; opens the device for it if need be.
    pub fn play(&self, sound: Sound) {
        self.inner.media(|media| media.audio.play(sound));
    }

    /// Stops a sound: the only way to end one that repeats.
    pub fn stop_sound(&self, sound: Sound) {
        self.inner.media(|media| media.audio.stop_sound(sound));
    }

    /// How loud the program's sounds are, percent, 0…200; all but [`Sound::Test`].
    pub fn set_sound_volume(&self, percent: u8) {
        self.inner.media(|media| media.audio.set_sound_volume(percent));
    }

    /// Keeps the last 20 s of what is heard of the peers, in memory only, for [`Session::replay`]; or erases it and keeps
    /// nothing more. Tell the peers before: it is their voice.
    pub fn keep_heard(&self, keep: bool) {
        self.inner.media(|media| media.audio.keep_heard(keep));
    }

    /// Plays what was kept once more, here only, over the sound that goes on, which is lowered; or stops that.
    pub fn replay(&self, on: bool) {
        self.inner.media(|media| media.audio.replay(on));
    }

    /// How much of a replay is still to come; `None` while there is none.
    pub fn replaying(&self) -> Option<Duration> {
        self.inner.media(|media| media.audio.replaying()).flatten()
    }

    /// Level of what the microphone sends.
    pub fn level(&self) -> Level {
        self.inner.media(|media| media.audio.levels().sent).unwrap_or_default()
    }

    /// Whether the microphone sends speech, as [`InputStats::speaking`](crate::pipeline::audio::InputStats::speaking) says of
    /// others: it begins after 300 ms, ends after 500 ms without, and is not there while muted.
    pub fn is_speaking(&self) -> bool {
        self.inner.media(|media| media.audio.levels().speaking).unwrap_or_default()
    }

    /// Why the open microphone is not, or not well, heard by the others.
    pub fn microphone_trouble(&self) -> Option<MicrophoneTrouble> {
        self.inner.media(|media| media.audio.levels().trouble).flatten()
    }

    /// State of camera, microphone and speaker; changes are told as
    /// [`SessionEvent::MediaState`](super::SessionEvent::MediaState).
    pub fn media_state(&self) -> (DeviceState, DeviceState, DeviceState) {
        let States { camera, microphone, speaker, .. } = self.inner.states.borrow().clone();
        (camera, microphone, speaker)
    }
}
