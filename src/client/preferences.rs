//! `settings.toml`: read once at the start, written whole after each change.
//!
//! A file that cannot be understood is kept aside as `settings.toml.bad-N`; defaults are taken, and a sentence names
//! the key and the line.

use std::fs;
use std::io;

use super::profile::{Profile, ProfileError, set_aside, write_private};
use crate::model::ice::IceServer;
use crate::model::settings::Settings;
use crate::rtc::ice::server;

const FILE: &str = "settings.toml";

/// The settings, and a sentence where the file was no good.
pub fn load(profile: &Profile) -> (Settings, Option<String>) {
    let path = profile.path(FILE);
    let why = match fs::read_to_string(&path) {
        Ok(text) => match parse(&text) {
            Ok(settings) => return (settings, None),
            Err(why) => why,
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound => return (Settings::default(), None),
        Err(e) => e.to_string(),
    };
    let kept = match set_aside(&path) {
        Ok(aside) => format!("the file is kept as {}", aside.display()),
        Err(e) => format!("the file could not be moved aside ({e}) and will be replaced at the next change"),
    };
    let problem = format!("settings.toml cannot be used: {why}; the defaults are taken and {kept}");
    tracing::warn!("{problem}");
    (Settings::default(), Some(problem))
}

/// The settings of a profile that may be in use by another copy: read only, `None` where they are no good.
pub fn peek(directory: &std::path::Path) -> Option<Settings> {
    parse(&fs::read_to_string(directory.join(FILE)).ok()?).ok()
}

/// Keeps the settings.
///
/// # Errors
/// [`ProfileError::Write`]: the old file is as it was.
pub fn save(profile: &Profile, settings: &Settings) -> Result<(), ProfileError> {
    let path = profile.path(FILE);
    let failed = |e| ProfileError::Write(path.clone(), e);
    let text = toml::to_string_pretty(settings).map_err(|e| failed(io::Error::other(e)))?;
    write_private(&path, text.as_bytes()).map_err(failed)
}

/// What is wrong with settings that can be read, key first.
pub fn check(settings: &Settings) -> Result<(), String> {
    if settings.name.chars().count() > Settings::MAX_NAME {
        return Err(format!("“name” is longer than {} characters", Settings::MAX_NAME));
    }
    let (width, height, fps) = (settings.video_width, settings.video_height, settings.video_fps);
    crate::model::frame::VideoFrame::bytes(width, height).map_err(|e| format!("“video_width”, “video_height”: {e}"))?;
    if !(1..=120).contains(&fps) {
        return Err(format!("“video_fps” is {fps}; it must be from 1 to 120"));
    }
    if settings.sound_volume > 100 {
        return Err(format!("“sound_volume” is {}; it must be from 0 to 100", settings.sound_volume));
    }
    check_servers(&settings.ice_servers).map_err(|e| format!("“ice_servers”: {e}"))
}

/// What is wrong with a list of STUN and TURN servers, in a sentence.
///
/// # Errors
/// The sentence.
pub fn check_servers(servers: &[IceServer]) -> Result<(), String> {
    server::read(servers).map(drop).map_err(|e| e.to_string())
}

/// Whether one of the servers relays.
pub fn has_relay(servers: &[IceServer]) -> bool {
    server::read(servers).is_ok_and(|servers| servers.iter().any(|server| server.url.service.relays()))
}

fn parse(text: &str) -> Result<Settings, String> {
    let settings: Settings = toml::from_str(text).map_err(|e| {
        let Some(span) = e.span() else { return e.message().to_owned() };
        let line = text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1);
        let key = text.lines().nth(line - 1).and_then(|l| l.split_once('=')).map(|(key, _)| key.trim().to_owned());
        let message = e.message().lines().next().unwrap_or_default().to_owned();
        match key {
            Some(key) if !key.is_empty() => format!("line {line}, key “{key}”: {message}"),
            _ => format!("line {line}: {message}"),
        }
    })?;
    check(&settings)?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn settings_are_read_back() {
        let home = tempfile::tempdir().unwrap();
        let profile = Profile::open(home.path()).unwrap();
        assert_eq!(load(&profile), (Settings::default(), None));
        let stun = IceServer { urls: vec!["stun:example.org".into()], ..IceServer::default() };
        let turn = IceServer {
            urls: vec!["turn:example.org".into(), "turns:example.org".into()],
            username: "noor".into(),
            credential: "secret".into(),
            expires: Some(1_900_000_000),
        };
        let mine = Settings {
            name: "Noor “N” Haddad".into(),
            video_fps: 25,
            ice_servers: vec![stun, turn],
            relay_only: true,
            sounds: false,
            sound_volume: 30,
            say_again: true,
            ..Settings::default()
        };
        save(&profile, &mine).unwrap();
        assert_eq!(load(&profile), (mine, None));
    }

    #[test]
    fn a_bad_file_is_kept_and_its_key_and_line_named() {
        for (text, says) in [
            ("name = \"A\"\nvideo_fps = \"many\"\n", "line 2, key “video_fps”"),
            ("name = \"A\"\n\ncolour = 3\n", "line 3, key “colour”"),
            ("name = \"A\"\ncamera = \"pattern:fog\"\n", "line 2, key “camera”"),
            ("name = \"A", "line 1"),
            ("video_fps = 0\n", "“video_fps” is 0"),
            ("video_width = 3\n", "“video_width”"),
            ("sound_volume = 101\n", "“sound_volume” is 101"),
            (
                "[[ice_servers]]\nurls = [\"turn:example.org\"]\n",
                "“ice_servers”: the relay turn:example.org:3478 needs",
            ),
            ("[[ice_servers]]\nurls = [\"example.org\"]\n", "must begin with stun:"),
            ("[[ice_servers]]\nurls = [\"stun:example.org\"]\nuser = \"ann\"\n", "line 3, key “user”"),
        ] {
            let home = tempfile::tempdir().unwrap();
            let profile = Profile::open(home.path()).unwrap();
            fs::write(profile.path(FILE), text).unwrap();
            let (settings, problem) = load(&profile);
            assert_eq!(settings, Settings::default());
            let problem = problem.unwrap();
            assert!(problem.contains(says), "{problem}");
            assert_eq!(fs::read_to_string(profile.path("settings.toml.bad-1")).unwrap(), text);
            assert_eq!(load(&profile), (Settings::default(), None), "said once");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}(\n\\PC{0,40}){0,4}") {
            let _ = parse(&text);
        }
    }
}
