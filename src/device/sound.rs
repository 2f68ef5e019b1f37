//! Sound cards, through cpal: the sound server (PulseAudio, or PipeWire in its place) where one answers, else ALSA;
//! on other systems what they have.
//!
//! Every open device has a small thread of its own (`snd-…`) that builds, keeps and drops cpal's stream: streams are
//! not everywhere `Send`, and a driver that hangs must hang nobody else. The callbacks of the driver touch the end of
//! a ring and a few atomics and nothing more: no lock, no allocation, no log. See [`callback`] and `stream`.

pub mod callback;
mod format;
#[cfg(target_os = "linux")]
mod places;
mod stream;

use std::str::FromStr;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread::Builder;
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{DeviceId, ErrorKind, Host};

use crate::device::audio::{AudioSink, AudioSource};
use crate::model::device::{Device, DeviceError, DeviceKind};
use stream::{SoundSink, SoundSource};

/// Longest a driver may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// Every microphone and every speaker that is there now. Blocks, up to 5 s; lists nothing where nothing answers.
///
/// What a sound server records *from a speaker* is no microphone and is listed only where there is nothing else.
pub fn list() -> (Vec<Device>, Vec<Device>) {
    let listed = limited("snd-list", || {
        let host = host();
        (devices(&host, DeviceKind::Microphone), devices(&host, DeviceKind::Speaker))
    });
    listed.unwrap_or_default()
}

/// The ID to open as a source for what the default speaker plays; `None` where the sound system offers no such thing.
/// Blocks, up to 5 s.
pub fn speaker_sound() -> Option<String> {
    let speaker = limited("snd-list", || host().default_output_device().as_ref().and_then(id_of)).flatten()?;
    speaker.starts_with("pulseaudio:").then(|| format!("{speaker}.monitor"))
}

/// Opens a microphone: the default one, or the one with this ID, at this rate if it can. Blocks, up to 5 s.
///
/// # Errors
/// Why it is not open.
pub fn open_source(id: Option<&str>, rate: Option<u32>) -> Result<Box<dyn AudioSource>, DeviceError> {
    SoundSource::open(id.map(str::to_owned), rate).map(|source| Box::new(source) as Box<dyn AudioSource>)
}

/// Opens a speaker: the default one, or the one with this ID. Blocks, up to 5 s.
///
/// # Errors
/// Why it is not open.
pub fn open_sink(id: Option<&str>) -> Result<Box<dyn AudioSink>, DeviceError> {
    SoundSink::open(id.map(str::to_owned)).map(|sink| Box::new(sink) as Box<dyn AudioSink>)
}

/// Runs what may hang on a thread of its own; `None` when it did not end in time, and is left to itself.
fn limited<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (result, answer) = sync_channel(1);
    let thread = Builder::new().name(name.to_owned()).spawn(move || drop(result.send(work()))).ok()?;
    match answer.recv_timeout(LIMIT) {
        Ok(value) => {
            let _ = thread.join();
            Some(value)
        }
        Err(RecvTimeoutError::Timeout) => {
            tracing::warn!("the sound system did not answer within {LIMIT:?}");
            None
        }
        Err(RecvTimeoutError::Disconnected) => None,
    }
}

/// The sound system: the server where it answers.
fn host() -> Host {
    quiet_alsa();
    cpal::default_host()
}

fn word(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Speaker => "speaker",
        _ => "microphone",
    }
}

/// A source of a sound server that records what a speaker plays.
fn is_monitor(id: &str) -> bool {
    id.starts_with("pulseaudio:") && id.ends_with(".monitor")
}

/// ALSA knows each card under a dozen names; one is for people: the one that converts formats, by the card's name.
fn is_for_people(id: &str) -> bool {
    match id.strip_prefix("alsa:") {
        Some(name) => {
            name.strip_prefix("plughw:CARD=").is_some_and(|card| !card.starts_with(|c: char| c.is_ascii_digit()))
        }
        None => true,
    }
}

fn id_of(device: &cpal::Device) -> Option<String> {
    device.id().ok().map(|id| id.to_string())
}

fn name_of(device: &cpal::Device) -> String {
    match device.description() {
        Ok(description) => description.name().lines().next().unwrap_or_default().to_owned(),
        Err(_) => id_of(device).unwrap_or_else(|| "sound device".to_owned()),
    }
}

fn devices(host: &Host, kind: DeviceKind) -> Vec<Device> {
    let (found, default) = match kind {
        DeviceKind::Speaker => (host.output_devices().map(Vec::from_iter), host.default_output_device()),
        _ => (host.input_devices().map(Vec::from_iter), host.default_input_device()),
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%error, "sound devices cannot be listed");
            return Vec::new();
        }
    };
    let default = default.as_ref().and_then(id_of);
    let mut listed: Vec<Device> = Vec::new();
    for device in &found {
        let Some(id) = id_of(device).filter(|id| is_for_people(id)) else { continue };
        if listed.iter().all(|known| known.id != id) {
            let default = Some(&id) == default.as_ref();
            listed.push(Device { id, name: name_of(device), kind, default });
        }
    }
    if kind == DeviceKind::Microphone && listed.iter().any(|device| !is_monitor(&device.id)) {
        listed.retain(|device| !is_monitor(&device.id));
    }
    // ALSA's “default” is a name of its own for the first card; and a monitor that is the default is no microphone.
    if !listed.iter().any(|device| device.default)
        && let Some(first) = listed.iter_mut().find(|device| !is_monitor(&device.id))
    {
        first.default = true;
    }
    listed.iter_mut().for_each(|device| device.default &= !is_monitor(&device.id));
    listed
}

/// Finds a device without opening it.
fn find(id: Option<&str>, kind: DeviceKind) -> Result<cpal::Device, DeviceError> {
    quiet_alsa();
    let Some(id) = id else {
        let host = cpal::default_host();
        let default = match kind {
            DeviceKind::Speaker => host.default_output_device(),
            _ => host.default_input_device(),
        };
        // Without a microphone a sound server offers what its speaker plays: sending that would be an echo.
        let default = default.filter(|device| !id_of(device).is_some_and(|id| is_monitor(&id)));
        if let Some(device) = default {
            return Ok(device);
        }
        let first = devices(&host, kind).into_iter().find(|device| device.default);
        return first.map_or(Err(DeviceError::None(word(kind))), |device| find(Some(&device.id), kind));
    };
    let missing = || DeviceError::Missing(id.to_owned());
    let wanted = DeviceId::from_str(id).map_err(|_| missing())?;
    let host = cpal::host_from_id(wanted.host()).map_err(|_| missing())?;
    host.device_by_id(&wanted).ok_or_else(missing)
}

/// What a refusal of the driver means to a person. `name`: of the device; `default`: it was not chosen by name.
fn refused(error: &cpal::Error, name: &str, default: bool, kind: DeviceKind) -> DeviceError {
    let name = name.to_owned();
    match error.kind() {
        ErrorKind::DeviceBusy => DeviceError::Busy(name),
        ErrorKind::PermissionDenied => DeviceError::Denied(name),
        // Only opening proves that a default device is more than a name.
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable | ErrorKind::UnsupportedOperation if default => {
            DeviceError::None(word(kind))
        }
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => DeviceError::Missing(name),
        ErrorKind::UnsupportedConfig | ErrorKind::UnsupportedOperation | ErrorKind::InvalidInput => {
            DeviceError::Format(name, error.to_string())
        }
        _ if default && no_card() => DeviceError::None(word(kind)),
        _ => DeviceError::Gone(name, error.to_string()),
    }
}

/// Whether the kernel knows no sound card at all.
fn no_card() -> bool {
    cfg!(target_os = "linux") && !std::path::Path::new("/proc/asound/card0").exists()
}

/// ALSA's library writes tens of lines to standard error for every device that is not there; what matters of them
/// comes back as an error value anyway.
#[cfg(target_os = "linux")]
fn quiet_alsa() {
    use std::ffi::{c_char, c_int};
    use std::sync::Once;

    type Handler = extern "C" fn(*const c_char, c_int, *const c_char, c_int, *const c_char);
    extern "C" fn silent(_: *const c_char, _: c_int, _: *const c_char, _: c_int, _: *const c_char) {}
    #[allow(unsafe_code, reason = "the library's only switch for its messages; linked by cpal already")]
    // SAFETY: the signature is that of alsa-lib's error.h (snd_lib_error_handler_t), whose handler is variadic: a
    // function that reads only the named arguments is called in the same way on every Linux ABI. The handler lives
    // for ever and touches nothing.
    unsafe fn silence() {
        unsafe extern "C" {
            fn snd_lib_error_set_handler(handler: Option<Handler>) -> c_int;
        }
        unsafe {
            snd_lib_error_set_handler(Some(silent));
        }
    }
    static ONCE: Once = Once::new();
    #[allow(unsafe_code, reason = "see above")]
    // SAFETY: as above, and only once, before the first use of the library.
    ONCE.call_once(|| unsafe { silence() });
}

#[cfg(not(target_os = "linux"))]
fn quiet_alsa() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_for_people_are_listed() {
        assert!(is_for_people("pulseaudio:spk") && is_for_people("alsa:plughw:CARD=PCH,DEV=0"));
        assert!(!is_for_people("alsa:plughw:CARD=0,DEV=0") && !is_for_people("alsa:surround51:CARD=PCH,DEV=0"));
        assert!(!is_for_people("alsa:default") && !is_for_people("alsa:null"));
        assert!(is_monitor("pulseaudio:spk.monitor") && !is_monitor("pulseaudio:mic"));
    }

    #[test]
    fn an_unknown_device_is_missing_by_name() {
        for id in ["pulseaudio:no such thing", "alsa:plughw:CARD=nothing", "nonsense", ""] {
            assert_eq!(open_source(Some(id), None).err(), Some(DeviceError::Missing(id.to_owned())));
            assert_eq!(open_sink(Some(id)).err(), Some(DeviceError::Missing(id.to_owned())));
        }
    }
}
