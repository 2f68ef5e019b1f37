//! What the application is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::model::settings::Settings;
use crate::model::source::{AudioSpec, SinkSpec, VideoSpec};
use crate::session::VideoRequest;

/// What to do when somebody calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AnswerPolicy {
    /// Ring and leave it to a person.
    #[default]
    Never,
    /// Take it at once, with our picture.
    Video,
    /// Take it at once, with sound only.
    Audio,
    /// Refuse it at once.
    Decline,
}

/// The signaling server of this run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ServerChoice {
    /// As the settings say.
    #[default]
    Settings,
    /// This one, without keeping it.
    Url(String),
    /// None: only `echo` can be called.
    None,
}

/// Values of this run that stand before the settings and are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    /// What people call us.
    pub name: Option<String>,
    /// Where pictures come from.
    pub camera: Option<VideoSpec>,
    /// Where sound comes from.
    pub microphone: Option<AudioSpec>,
    /// Where sound goes to.
    pub speaker: Option<SinkSpec>,
    /// Size and rate of the picture.
    pub video: Option<VideoRequest>,
}

impl Overrides {
    /// The settings of this run.
    pub fn over(&self, kept: &Settings) -> Settings {
        let mut settings = kept.clone();
        if let Some(name) = &self.name {
            settings.name.clone_from(name);
        }
        if let Some(camera) = &self.camera {
            settings.camera.clone_from(camera);
        }
        if let Some(microphone) = &self.microphone {
            settings.microphone.clone_from(microphone);
        }
        if let Some(speaker) = &self.speaker {
            settings.speaker.clone_from(speaker);
        }
        if let Some(video) = self.video {
            (settings.video_width, settings.video_height, settings.video_fps) = (video.width, video.height, video.fps);
        }
        settings
    }

    /// What is to be kept of newly chosen settings: a value that is still the override's stays as it was kept, one
    /// that was chosen anew is kept, and its override is over.
    pub fn keep(&mut self, chosen: &Settings, kept: &Settings) -> Settings {
        fn one<T: PartialEq + Clone>(over: &mut Option<T>, chosen: &T, kept: &T) -> T {
            if over.as_ref() == Some(chosen) {
                return kept.clone();
            }
            *over = None;
            chosen.clone()
        }
        let mut settings = chosen.clone();
        settings.name = one(&mut self.name, &chosen.name, &kept.name);
        settings.camera = one(&mut self.camera, &chosen.camera, &kept.camera);
        settings.microphone = one(&mut self.microphone, &chosen.microphone, &kept.microphone);
        settings.speaker = one(&mut self.speaker, &chosen.speaker, &kept.speaker);
        let video = one(&mut self.video, &video_request(chosen), &video_request(kept));
        (settings.video_width, settings.video_height, settings.video_fps) = (video.width, video.height, video.fps);
        settings
    }
}

/// Size and rate that the settings ask for.
pub(super) fn video_request(settings: &Settings) -> VideoRequest {
    VideoRequest { width: settings.video_width, height: settings.video_height, fps: settings.video_fps }
}

/// What the application is started with.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The profile directory.
    pub profile: PathBuf,
    /// The signaling server.
    pub server: ServerChoice,
    /// Where the server on this machine is looked for, and started if none answers.
    pub embedded: SocketAddr,
    /// Values of this run.
    pub overrides: Overrides,
    /// What to do when somebody calls.
    pub answer: AnswerPolicy,
    /// How often a call's figures become a [`Notice::Stats`](crate::model::notice::Notice::Stats); `None`: never.
    pub stats_every: Option<Duration>,
    /// Where received files go in this run; `None`: as the settings say.
    pub downloads: Option<PathBuf>,
    /// Take every file that is offered, without asking.
    pub accept_files: bool,
}

impl ClientConfig {
    /// The usual start with this profile.
    pub fn new(profile: impl Into<PathBuf>) -> Self {
        Self {
            profile: profile.into(),
            server: ServerChoice::default(),
            embedded: SocketAddr::from((Ipv4Addr::LOCALHOST, 47100)),
            overrides: Overrides::default(),
            answer: AnswerPolicy::default(),
            stats_every: None,
            downloads: None,
            accept_files: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_is_not_kept_until_chosen() {
        let kept = Settings { name: "Noor".into(), ..Settings::default() };
        let mut overrides =
            Overrides { name: Some("Test".into()), camera: Some(VideoSpec::Scene), ..Default::default() };
        let mut chosen = overrides.over(&kept);
        assert_eq!((chosen.name.as_str(), &chosen.camera), ("Test", &VideoSpec::Scene));
        chosen.camera = VideoSpec::Bars;
        let now_kept = overrides.keep(&chosen, &kept);
        assert_eq!(now_kept, Settings { camera: VideoSpec::Bars, ..kept });
        assert_eq!(overrides, Overrides { name: Some("Test".into()), ..Default::default() });
    }
}
