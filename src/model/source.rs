//! Where pictures and sound come from and go to, each as one spec string.
//!
//! Cameras: `default`, a device ID, `pattern:scene`, `pattern:bars`, `file:x.y4m`, `none`.
//! Microphones: `default`, a device ID, `tone:440`, `file:x.wav`, `none`.
//! Speakers: `default`, a device ID, `wav:FILE`, `none`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where pictures come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum VideoSpec {
    /// The system's default camera.
    #[default]
    Default,
    /// The camera with this ID.
    Device(String),
    /// The moving scene with the timecode.
    Scene,
    /// Colour bars.
    Bars,
    /// A YUV4MPEG2 file, played in a loop.
    File(PathBuf),
    /// No pictures.
    None,
}

/// Where sound comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AudioSpec {
    /// The system's default microphone.
    #[default]
    Default,
    /// The microphone with this ID.
    Device(String),
    /// A sine of this many hertz (20…20,000) at −20 dBFS.
    Tone(u32),
    /// A WAV file, played in a loop.
    File(PathBuf),
    /// No sound.
    None,
}

/// Where sound goes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SinkSpec {
    /// The system's default speaker.
    #[default]
    Default,
    /// The speaker with this ID.
    Device(String),
    /// A WAV file, written while it plays.
    File(PathBuf),
    /// Nowhere.
    None,
}

/// A spec string that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A pattern that does not exist.
    #[error("there is no pattern “{0}”; use pattern:scene or pattern:bars")]
    Pattern(String),
    /// Not a frequency that can be heard.
    #[error("“{0}” is not a frequency from 20 to 20000 hertz")]
    Tone(String),
    /// A file name that does not end as it must.
    #[error("“{0}” is not a {1} file")]
    File(String, &'static str),
    /// Nothing at all.
    #[error("a device is missing; use default, none or a device ID from “visavis devices”")]
    Empty,
}

fn file(path: &str, extension: &'static str) -> Result<PathBuf, SpecError> {
    let path = PathBuf::from(path);
    let fits = path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension));
    if fits { Ok(path) } else { Err(SpecError::File(path.display().to_string(), extension)) }
}

impl FromStr for VideoSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        match text.split_once(':') {
            _ if text.is_empty() => Err(SpecError::Empty),
            _ if text == "default" => Ok(Self::Default),
            _ if text == "none" => Ok(Self::None),
            Some(("pattern", "scene")) => Ok(Self::Scene),
            Some(("pattern", "bars")) => Ok(Self::Bars),
            Some(("pattern", other)) => Err(SpecError::Pattern(other.to_owned())),
            Some(("file", path)) => file(path, "y4m").map(Self::File),
            _ => Ok(Self::Device(text.to_owned())),
        }
    }
}

impl FromStr for AudioSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        match text.split_once(':') {
            _ if text.is_empty() => Err(SpecError::Empty),
            _ if text == "default" => Ok(Self::Default),
            _ if text == "none" => Ok(Self::None),
            Some(("tone", hertz)) => match hertz.parse() {
                Ok(n @ 20..=20_000) => Ok(Self::Tone(n)),
                _ => Err(SpecError::Tone(hertz.to_owned())),
            },
            Some(("file", path)) => file(path, "wav").map(Self::File),
            _ => Ok(Self::Device(text.to_owned())),
        }
    }
}

impl FromStr for SinkSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        match text.split_once(':') {
            _ if text.is_empty() => Err(SpecError::Empty),
            _ if text == "default" => Ok(Self::Default),
            _ if text == "none" => Ok(Self::None),
            Some(("wav", path)) => file(path, "wav").map(Self::File),
            _ => Ok(Self::Device(text.to_owned())),
        }
    }
}

impl fmt::Display for VideoSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Device(id) => f.write_str(id),
            Self::Scene => f.write_str("pattern:scene"),
            Self::Bars => f.write_str("pattern:bars"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::None => f.write_str("none"),
        }
    }
}

impl fmt::Display for AudioSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Device(id) => f.write_str(id),
            Self::Tone(hertz) => write!(f, "tone:{hertz}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::None => f.write_str("none"),
        }
    }
}

impl fmt::Display for SinkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Device(id) => f.write_str(id),
            Self::File(path) => write!(f, "wav:{}", path.display()),
            Self::None => f.write_str("none"),
        }
    }
}

macro_rules! serde_as_text {
    ($($spec:ty),*) => {$(
        impl serde::Serialize for $spec {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $spec {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
serde_as_text!(VideoSpec, AudioSpec, SinkSpec);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_read_and_written_alike() {
        for text in ["default", "none", "pattern:scene", "pattern:bars", "file:a/b.y4m", "usb-0000:00:14.0-1"] {
            assert_eq!(text.parse::<VideoSpec>().unwrap().to_string(), text);
        }
        for text in ["default", "none", "tone:440", "file:voice.wav", "alsa:hw:1,0"] {
            assert_eq!(text.parse::<AudioSpec>().unwrap().to_string(), text);
        }
        for text in ["default", "none", "wav:out.wav", "pulse:spk"] {
            assert_eq!(text.parse::<SinkSpec>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        assert_eq!("pattern:fog".parse::<VideoSpec>(), Err(SpecError::Pattern("fog".into())));
        assert_eq!("tone:5".parse::<AudioSpec>(), Err(SpecError::Tone("5".into())));
        assert_eq!("file:a.mp4".parse::<VideoSpec>(), Err(SpecError::File("a.mp4".into(), "y4m")));
        assert_eq!("".parse::<SinkSpec>(), Err(SpecError::Empty));
    }
}
