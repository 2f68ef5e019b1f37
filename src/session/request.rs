//! The vocabulary of rows P2 to P7: what is asked of cameras, microphones and screens.

use crate::device::VideoRequest;
use crate::model::device::{Device, DeviceError, DeviceKind};
use crate::model::sound::Processing;
use crate::model::source::{AudioSpec, VideoSpec};

/// Rows P2, P3: which device of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Wanted {
    /// None: nothing of this kind is sent.
    #[default]
    No,
    /// The system's default.
    Default,
    /// Exactly the one with this ID, as [`Session::devices`](super::Session::devices) lists it; a spec like
    /// `pattern:bars`, `tone:440` or `file:x.y4m` works too ([`crate::model::source`]).
    Device(String),
}

impl Wanted {
    /// By flag: the default, or none.
    pub fn flag(yes: bool) -> Self {
        if yes { Self::Default } else { Self::No }
    }

    /// As a camera; the default may depend on where it looks.
    pub(super) async fn camera(self, facing: Option<Facing>) -> Result<VideoSpec, DeviceError> {
        match (self, facing) {
            (Self::No, _) => Ok(VideoSpec::None),
            (Self::Default, None) => Ok(VideoSpec::Default),
            (Self::Default, Some(facing)) => {
                let devices = tokio::task::spawn_blocking(crate::device::list).await.unwrap_or_default();
                let found = facing.choose(&devices.cameras);
                Ok(found.map_or(VideoSpec::Default, |camera| VideoSpec::Device(camera.id.clone())))
            }
            (Self::Device(id), _) => id.parse().map_err(|_| DeviceError::Missing(id)),
        }
    }

    /// As a microphone.
    pub(super) fn microphone(self) -> Result<AudioSpec, DeviceError> {
        match self {
            Self::No => Ok(AudioSpec::None),
            Self::Default => Ok(AudioSpec::Default),
            Self::Device(id) => id.parse().map_err(|_| DeviceError::Missing(id)),
        }
    }
}

/// Rows P2, P3: what [`Session::request_user_media`](super::Session::request_user_media) opens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserMediaRequest {
    /// Where pictures come from.
    pub camera: Wanted,
    /// Where sound comes from.
    pub microphone: Wanted,
}

/// Where a camera looks (W3C `VideoFacingModeEnum`, as far as cameras tell).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facing {
    /// At the person.
    User,
    /// Away from the person.
    Environment,
}

impl Facing {
    /// Words that cameras on this side have in their names.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::User => &["front", "user", "face", "integrated", "built-in"],
            Self::Environment => &["rear", "back", "environment", "world"],
        }
    }

    /// The first camera that says by its name that it looks there.
    fn choose(self, cameras: &[Device]) -> Option<&Device> {
        cameras.iter().find(|camera| {
            let name = camera.name.to_lowercase();
            self.words().iter().any(|word| name.contains(word))
        })
    }
}

/// Row P4: how the devices are to be opened; a hook may change each value before they are
/// ([`Session::on_constraints`](super::Session::on_constraints)). All are wishes (W3C “ideal”): a device does what comes
/// nearest, and [`SessionEvent::MediaState`](super::SessionEvent::MediaState) tells what that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraints {
    /// Size and rate of the camera's pictures.
    pub video: VideoRequest,
    /// Where a camera that is chosen as the default should look; of those that say so in their names.
    pub facing: Option<Facing>,
    /// Samples a second of the microphone, hertz; what is sent has 48,000 all the same.
    pub sample_rate: u32,
    /// What is done to the microphone's sound: echo, noise, gain.
    pub processing: Processing,
}

/// Rows P2, P3: which device could not be opened, and why: [`DeviceError::Missing`], [`DeviceError::Busy`],
/// [`DeviceError::Denied`], [`DeviceError::Format`] and what else there is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {error}", kind.word())]
pub struct UserMediaError {
    /// Camera or microphone.
    pub kind: DeviceKind,
    /// Why.
    #[source]
    pub error: DeviceError,
}

/// Row P6: where the pictures of a screen or window go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DisplayPlace {
    /// On the camera's track, instead of its pictures; nothing is negotiated.
    #[default]
    InsteadOfCamera,
    /// On a track of its own, whose stream is called [`DISPLAY_STREAM`](super::DISPLAY_STREAM): each peer's
    /// [`SessionEvent::NegotiationNeeded`](super::SessionEvent::NegotiationNeeded) follows, and its end brings another.
    BesideCamera,
}

/// Row P6: what to share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayRequest {
    /// Of a screen or window, as [`Session::devices`](super::Session::devices) lists it.
    pub id: String,
    /// Instead of the camera or beside it.
    pub place: DisplayPlace,
    /// With what the computer plays, mixed into what the microphone sends, without this program's own sound. Needs
    /// PulseAudio or PipeWire.
    pub sound: bool,
    /// Largest size and highest rate. What is larger is scaled down; the rate is what gives way, so that text stays
    /// sharp.
    pub video: VideoRequest,
}

impl DisplayRequest {
    /// This one, instead of the camera, without sound, up to 1920 × 1080 at 15 pictures a second.
    pub fn new(id: impl Into<String>) -> Self {
        let video = VideoRequest { width: 1920, height: 1080, fps: 15 };
        Self { id: id.into(), place: DisplayPlace::default(), sound: false, video }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_says_where_it_looks_is_found() {
        let camera =
            |name: &str| Device { id: name.into(), name: name.into(), kind: DeviceKind::Camera, default: false };
        let cameras = [camera("BRIO"), camera("Rear Camera"), camera("Integrated Webcam")];
        assert_eq!(Facing::User.choose(&cameras), Some(&cameras[2]));
        assert_eq!(Facing::Environment.choose(&cameras), Some(&cameras[1]));
        assert_eq!(Facing::Environment.choose(&cameras[..1]), None);
    }
}
