//! Floor 8: the command line. Arguments become the window, the headless client, the test call or the server; here
//! and in `main` only, errors of any kind meet as `anyhow`.

mod devices;
pub mod exit;
mod headless;
pub mod lines;
mod logging;
mod serve;
mod stop;
mod test_call;
#[cfg(feature = "gui")]
mod window;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::client::config::{AnswerPolicy, ClientConfig, Overrides, ServerChoice};
use crate::client::profile::Profile;
use crate::model::frame::VideoFrame;
use crate::model::id::Callee;
use crate::model::source::{AudioSpec, SinkSpec, VideoSpec};
use crate::session::VideoRequest;

/// Video calls from person to person: no account, end-to-end encrypted, one small program.
///
/// Without a command: the window.
#[derive(Debug, Parser)]
#[command(name = "visavis", version, after_help = exit::HELP)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The same program without a window: JSON Lines in and out
    #[command(after_long_help = format!("{}\n\n{}", lines::HELP, exit::HELP))]
    Headless(headless::Headless),
    /// Call the echo inside this program, through the complete path, and say how it went
    #[command(after_help = exit::HELP)]
    Test(test_call::TestCall),
    /// List cameras, microphones and speakers
    Devices(devices::List),
    /// Run a signaling server
    #[command(after_help = exit::HELP)]
    Serve(serve::Serve),
}

/// Options of everything that makes calls.
#[derive(Debug, Clone, Args)]
struct Common {
    /// Directory of identity, settings and history (default: this user's own)
    #[arg(long, global = true, value_name = "DIR")]
    profile: Option<PathBuf>,
    /// WebSocket URL of the signaling server, ws://… or wss://… (default: as in the settings; else one on this machine)
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    /// What people call you, in this run
    #[arg(long, global = true)]
    name: Option<String>,
    /// Pictures: default, a device ID, pattern:scene, pattern:bars, file:x.y4m, none
    #[arg(long, global = true, value_name = "SPEC")]
    camera: Option<VideoSpec>,
    /// Sound: default, a device ID, tone:440, file:x.wav, none
    #[arg(long, global = true, value_name = "SPEC")]
    microphone: Option<AudioSpec>,
    /// Where sound goes: default, a device ID, wav:FILE, none
    #[arg(long, global = true, value_name = "SINK")]
    speaker: Option<SinkSpec>,
    /// Size of the picture sent, pixels
    #[arg(long, global = true, value_name = "WIDTHxHEIGHT", value_parser = size)]
    video_size: Option<(u32, u32)>,
    /// Pictures a second, 1 to 120
    #[arg(long, global = true, value_parser = clap::value_parser!(u32).range(1..=120))]
    fps: Option<u32>,
    /// Where the server on this machine is looked for and started
    #[arg(long, global = true, hide = true, value_name = "ADDR")]
    embedded: Option<SocketAddr>,
}

impl Common {
    fn profile(&self) -> Result<PathBuf, exit::Exit> {
        match &self.profile {
            Some(directory) => Ok(directory.clone()),
            None => Profile::default_directory().map_err(|e| exit::Exit::new(exit::PROFILE, e)),
        }
    }

    fn overrides(&self) -> Overrides {
        let (width, height) = self.video_size.unwrap_or((1280, 720));
        let video = VideoRequest { width, height, fps: self.fps.unwrap_or(30) };
        Overrides {
            name: self.name.clone(),
            camera: self.camera.clone(),
            microphone: self.microphone.clone(),
            speaker: self.speaker.clone(),
            video: (self.video_size.is_some() || self.fps.is_some()).then_some(video),
        }
    }

    fn config(&self) -> Result<ClientConfig, exit::Exit> {
        let mut config = ClientConfig::new(self.profile()?);
        config.overrides = self.overrides();
        config.server = self.server.clone().map_or(ServerChoice::Settings, ServerChoice::Url);
        config.embedded = self.embedded.unwrap_or(config.embedded);
        Ok(config)
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Answer {
    /// Take calls at once, with our picture.
    Video,
    /// Take calls at once, with sound only.
    Audio,
    /// Refuse calls at once.
    Decline,
    /// Let it ring; `accept` and `decline` on standard input answer.
    Never,
}

impl From<Answer> for AnswerPolicy {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Video => Self::Video,
            Answer::Audio => Self::Audio,
            Answer::Decline => Self::Decline,
            Answer::Never => Self::Never,
        }
    }
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let (width, height) = text.split_once(['x', '×']).ok_or("a size looks like 1280x720")?;
    let number = |text: &str| text.parse().map_err(|_| "a size looks like 1280x720".to_owned());
    let (width, height) = (number(width)?, number(height)?);
    VideoFrame::bytes(width, height).map_err(|e| e.to_string())?;
    Ok((width, height))
}

fn callee(text: &str) -> Result<Callee, String> {
    text.parse().map_err(|e: crate::model::id::IdError| e.to_string())
}

fn seconds(text: &str) -> Result<std::time::Duration, String> {
    match text.parse::<f64>() {
        Ok(n) if n > 0.0 && n <= 1e7 => Ok(std::time::Duration::from_secs_f64(n)),
        _ => Err("a number of seconds over 0".to_owned()),
    }
}

/// One line for people on standard output.
fn say(line: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Does what the arguments say; returns the exit code.
///
/// # Errors
/// Whatever ended the program: [`exit::code`] finds the code and words for it.
pub fn run(arguments: Arguments) -> anyhow::Result<u8> {
    let quiet = "visavis=warn,error";
    match arguments.command {
        None => {
            logging::start(quiet);
            #[cfg(feature = "gui")]
            return window::run(&arguments.common);
            #[cfg(not(feature = "gui"))]
            anyhow::bail!(exit::Exit::new(
                exit::WINDOW,
                "this build has no window; use “visavis headless”, or build it with the feature “gui”"
            ));
        }
        Some(What::Headless(headless)) => {
            logging::start(quiet);
            headless::run(&arguments.common, &headless)
        }
        Some(What::Test(test)) => {
            logging::start("error"); // what is missing here is part of the result
            test_call::run(&arguments.common, &test)
        }
        Some(What::Devices(list)) => {
            logging::start(quiet);
            devices::run(&list)
        }
        Some(What::Serve(serve)) => {
            logging::start("visavis=info,error");
            serve::run(&serve)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn headless_takes_what_its_help_says() {
        let line = "visavis headless --profile p --server ws://h:1 --name N --camera pattern:scene --microphone tone:440 \
                    --speaker wav:o.wav --video-size 640x360 --fps 15 --call echo --answer audio --stats 0.5 --for 10 --accept-files --downloads d";
        let Arguments { common, command: Some(What::Headless(headless)) } = parse(line).unwrap() else { panic!() };
        let config = common.config().unwrap();
        assert_eq!(config.overrides.video, Some(VideoRequest { width: 640, height: 360, fps: 15 }));
        assert_eq!(config.server, ServerChoice::Url("ws://h:1".into()));
        assert_eq!(headless.call, Some(Callee::Echo));
    }

    #[test]
    fn nonsense_is_a_usage_error() {
        for line in [
            "visavis headless --call K7WM",
            "visavis headless --camera pattern:fog",
            "visavis headless --video-size big",
            "visavis headless --video-size 3x3",
            "visavis headless --fps 0",
            "visavis headless --stats -1",
            "visavis headless --answer maybe",
            "visavis dance",
        ] {
            assert_eq!(i32::from(exit::USAGE), parse(line).unwrap_err().exit_code(), "{line}");
        }
    }
}
