//! Devices that come and go while the program runs: what [`ranking`](crate::call::ranking) decides, done.
//!
//! `Settings` hold what a person chose; the session is told what is to be open now, which is another device while that
//! one is not there. Patterns, tones and files are chosen past the ranking.

use std::sync::Arc;
use std::time::Instant;

use super::actor::Actor;
use crate::call::ranking::{Effect, Input, Plugs};
use crate::model::device::{DeviceState, Devices};
use crate::model::notice::Notice;
use crate::model::preference::{DeviceUse, Pick};
use crate::model::settings::Settings;
use crate::model::source::{AudioSpec, SinkSpec, VideoSpec};
use crate::session::{AudioInput, AudioOutput, VideoInput};

/// What these settings choose, where it is a device.
fn chosen(settings: &Settings, of: DeviceUse) -> Option<Pick> {
    let sink = |spec: &SinkSpec| match spec {
        SinkSpec::Default => Some(Pick::Default),
        SinkSpec::Device(id) => Some(Pick::Device(id.clone())),
        SinkSpec::File(_) | SinkSpec::None => None,
    };
    match of {
        DeviceUse::Camera => match &settings.camera {
            VideoSpec::Default => Some(Pick::Default),
            VideoSpec::Device(id) => Some(Pick::Device(id.clone())),
            VideoSpec::Scene | VideoSpec::Bars | VideoSpec::File(_) | VideoSpec::None => None,
        },
        DeviceUse::Microphone => match &settings.microphone {
            AudioSpec::Default => Some(Pick::Default),
            AudioSpec::Device(id) => Some(Pick::Device(id.clone())),
            AudioSpec::Tone(_) | AudioSpec::File(_) | AudioSpec::None => None,
        },
        DeviceUse::Speaker => sink(&settings.speaker),
        DeviceUse::Ring => sink(&settings.ring),
    }
}

fn video(pick: Pick) -> VideoSpec {
    if let Pick::Device(id) = pick { VideoSpec::Device(id) } else { VideoSpec::Default }
}

fn audio(pick: Pick) -> AudioSpec {
    if let Pick::Device(id) = pick { AudioSpec::Device(id) } else { AudioSpec::Default }
}

fn sink(pick: Pick) -> SinkSpec {
    if let Pick::Device(id) = pick { SinkSpec::Device(id) } else { SinkSpec::Default }
}

/// Puts a choice into settings.
fn set(settings: &mut Settings, of: DeviceUse, pick: Pick) {
    match of {
        DeviceUse::Camera => settings.camera = video(pick),
        DeviceUse::Microphone => settings.microphone = audio(pick),
        DeviceUse::Speaker => settings.speaker = sink(pick),
        DeviceUse::Ring => settings.ring = sink(pick),
    }
}

/// The machine for a session that was started with these settings.
pub(super) fn plugs(settings: &Settings) -> Plugs {
    Plugs::new(|of| chosen(settings, of), &settings.preferences)
}

impl Actor {
    /// Tells the machine what happened, and does what comes of it.
    pub(super) fn plug(&mut self, input: Input<'_>) {
        self.plugs.handle(Instant::now(), input);
        let mut back = Vec::new();
        while let Some(effect) = self.plugs.poll() {
            match effect {
                Effect::Open(of, pick) => self.open(of, pick),
                Effect::Choose(of, pick) => back.push((of, pick)),
                Effect::Say(switch) => {
                    tracing::info!("{}", switch.sentence());
                    self.told.push(Notice::Devices(switch));
                }
                Effect::NothingToUndo => {
                    self.told.push(Notice::Problem("no device has changed that could be changed back".into()));
                }
            }
        }
        if !back.is_empty() {
            let mut settings = (*self.settings).clone();
            back.into_iter().for_each(|(of, pick)| set(&mut settings, of, pick));
            self.change(settings);
        }
    }

    fn open(&self, of: DeviceUse, pick: Pick) {
        tracing::debug!(?of, ?pick, "device");
        match of {
            DeviceUse::Camera => self.session.set_camera(VideoInput::Spec(video(pick))),
            DeviceUse::Microphone => self.session.set_microphone(AudioInput::Spec(audio(pick))),
            DeviceUse::Speaker => self.session.set_speaker(AudioOutput::Spec(sink(pick))),
            DeviceUse::Ring => self.session.set_ring(AudioOutput::Spec(sink(pick))),
        }
    }

    /// Ranks what newly chosen settings choose; what they say of the ranking itself is of before.
    pub(super) fn choose_devices(&mut self, settings: &mut Settings) {
        for of in DeviceUse::ALL {
            let pick = chosen(settings, of);
            if pick != chosen(&self.settings, of) {
                // What comes of it is done once the settings are in force.
                self.plugs.handle(Instant::now(), Input::Chosen(of, pick.as_ref()));
            }
        }
        settings.preferences = self.plugs.preferences();
    }

    /// Opens what the settings choose now, where that is another than before.
    pub(super) fn use_devices(&mut self, before: &Settings) {
        let now = Arc::clone(&self.settings);
        let passed = |of| chosen(&now, of).is_none();
        if now.camera != before.camera && passed(DeviceUse::Camera) {
            self.session.set_camera(VideoInput::Spec(now.camera.clone()));
        }
        if now.microphone != before.microphone && passed(DeviceUse::Microphone) {
            self.session.set_microphone(AudioInput::Spec(now.microphone.clone()));
        }
        if now.speaker != before.speaker && passed(DeviceUse::Speaker) {
            self.session.set_speaker(AudioOutput::Spec(now.speaker.clone()));
        }
        if now.ring != before.ring && passed(DeviceUse::Ring) {
            self.session.set_ring(AudioOutput::Spec(now.ring.clone()));
        }
        self.plug(Input::Tick);
    }

    /// These are there now.
    pub(super) fn devices_listed(&mut self, devices: Devices) {
        if *self.devices != devices {
            self.devices = Arc::new(devices);
        }
        let devices = Arc::clone(&self.devices);
        self.plug(Input::Listed(&devices));
    }

    /// What became of the devices.
    pub(super) fn media_state(&mut self, camera: DeviceState, microphone: DeviceState, speaker: DeviceState) {
        let media = &mut self.media;
        let news = [
            (DeviceUse::Camera, std::mem::replace(&mut media.camera, camera)),
            (DeviceUse::Microphone, std::mem::replace(&mut media.microphone, microphone)),
            (DeviceUse::Speaker, std::mem::replace(&mut media.speaker, speaker)),
        ];
        for (of, before) in news {
            let now = match of {
                DeviceUse::Camera => self.media.camera.clone(),
                DeviceUse::Microphone => self.media.microphone.clone(),
                _ => self.media.speaker.clone(),
            };
            if now != before {
                self.plug(Input::State(of, &now));
            }
        }
    }

    /// Whether anybody sees and hears what the devices do now.
    pub(super) fn devices_in_use(&mut self, wanted: bool) {
        self.plug(Input::InUse(DeviceUse::Camera, wanted && self.media.camera_on));
        self.plug(Input::InUse(DeviceUse::Microphone, wanted));
        self.plug(Input::InUse(DeviceUse::Speaker, wanted));
    }
}
