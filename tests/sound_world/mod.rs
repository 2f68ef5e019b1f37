//! A sound server of the test's own: PulseAudio in a temporary folder, with devices that are plugged in and out.

#![allow(dead_code, reason = "each test takes what it needs of this")]
#![allow(clippy::print_stdout, reason = "a skipped test says why")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use visavis::dsp::tone::Sine;

use crate::common::wait_for;

const SOON: Duration = Duration::from_secs(20);

/// Ends a child process when dropped.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Makes the library of this process, and what it starts, look for the server in `folder` and nowhere else.
///
/// # Safety
/// No other thread may run yet that reads the environment.
#[allow(unsafe_code, reason = "a server of our own is told to the library in no other way")]
pub unsafe fn look_in(folder: &Path) {
    unsafe {
        std::env::set_var("XDG_RUNTIME_DIR", folder);
        // Without it the server knows us only by the socket, and not in the moment in which it takes us on.
        std::env::set_var("PULSE_COOKIE", folder.join(".config/pulse/cookie"));
        std::env::remove_var("PULSE_SERVER");
    }
}

/// A sound server that runs until it is dropped.
pub struct SoundServer {
    folder: PathBuf,
    _running: Running,
}

impl SoundServer {
    /// With these modules; `None`, with a word, where there is no server to be had.
    pub fn start(folder: &Path, modules: &[&str]) -> Option<Self> {
        let mut command = Command::new("pulseaudio");
        command.args(["--daemonize=no", "--exit-idle-time=-1", "--disallow-exit=true", "-n"]);
        let all = ["module-native-protocol-unix"].into_iter().chain(modules.iter().copied());
        command.args(all.flat_map(|module| ["-L", module]));
        let server = command.env("XDG_RUNTIME_DIR", folder).env("HOME", folder).env_remove("PULSE_SERVER");
        let server = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let Ok(server) = server else {
            println!("skipped: the program pulseaudio is not installed");
            return None;
        };
        let server = Self { folder: folder.to_owned(), _running: Running(server) };
        wait_for("the sound server", SOON, || server.asked(&["info"]).map(drop));
        Some(server)
    }

    /// What `pactl` says to this; `None` where it fails.
    pub fn asked(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new("pactl");
        let output =
            command.args(arguments).env("XDG_RUNTIME_DIR", &self.folder).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The same, and it must work.
    pub fn ask(&self, arguments: &[&str]) -> String {
        self.asked(arguments).unwrap_or_else(|| panic!("pactl {arguments:?} failed"))
    }

    /// Plugs a device in: a module with its arguments; gives what unplugs it again.
    pub fn plug(&self, module: &[&str]) -> String {
        self.ask(&[&["load-module"], module].concat())
    }

    pub fn unplug(&self, module: &str) {
        self.ask(&["unload-module", module]);
    }

    /// Plays a tone of −20 dBFS into a sink, on one channel of so many, for as long as the returned value lives.
    pub fn speak(&self, sink: &str, hertz: f64, channel: usize, channels: usize) -> Running {
        let path = self.folder.join(format!("{sink}-spoken.raw"));
        let mut tone = vec![0.0; 48_000 * 60];
        Sine::new(hertz, -20.0).fill(&mut tone);
        let frame = |one: &f32| {
            let sample = ((one * 32_767.0) as i16).to_le_bytes();
            (0..channels).flat_map(move |n| if n == channel { sample } else { [0; 2] })
        };
        std::fs::write(&path, tone.iter().flat_map(frame).collect::<Vec<u8>>()).expect("the sound is written");
        let child = Command::new("pacat")
            .args(["--playback", "--raw", "--format=s16le", "--rate=48000", "--latency-msec=50", "--no-remap"])
            .args([format!("--channels={channels}"), format!("--device={sink}")])
            .arg(&path)
            .env("XDG_RUNTIME_DIR", &self.folder)
            .spawn();
        Running(child.expect("pacat"))
    }

    /// What a sink plays in the next seconds, 48 kHz, its channels mixed.
    pub fn listen(&self, sink: &str, seconds: usize) -> Vec<f32> {
        let path = self.folder.join(format!("{sink}-heard.raw"));
        let _ = std::fs::remove_file(&path);
        let child = Command::new("parec")
            .args(["--rate=48000", "--channels=1", "--format=s16le", "--raw", "--latency-msec=20"])
            .arg(format!("--device={sink}.monitor"))
            .arg(&path)
            .env("XDG_RUNTIME_DIR", &self.folder)
            .spawn();
        let recorder = Running(child.expect("parec"));
        let enough = |length: u64| length >= seconds as u64 * 96_000;
        wait_for("the recording", SOON, || std::fs::metadata(&path).is_ok_and(|m| enough(m.len())).then_some(()));
        drop(recorder);
        let bytes = std::fs::read(&path).expect("the recording");
        bytes.chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0).collect()
    }
}
