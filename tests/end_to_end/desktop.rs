//! A desktop of its own for one test: a virtual display, a session bus with accessibility, a sound server with a
//! microphone to speak into and a speaker to listen to. Everything it starts ends with it, by process group.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use super::common::wait_for;

const PATIENCE: Duration = Duration::from_secs(20);

/// The sound server's speaker, and the sink whose sound its microphone hears.
pub const SPEAKER: &str = "spk";
/// See [`SPEAKER`].
pub const INTO_MICROPHONE: &str = "micnull";
/// The microphone as people are shown it.
pub const MICROPHONE_NAME: &str = "Test-Microphone";

/// Programs that must be there, and the Debian package each comes with.
const NEEDED: [(&str, &str); 7] = [
    ("Xvfb", "xvfb"),
    ("xdotool", "xdotool"),
    ("import", "imagemagick"),
    ("dbus-daemon", "dbus"),
    ("pulseaudio", "pulseaudio"),
    ("pactl", "pulseaudio-utils"),
    ("parec", "pulseaudio-utils"),
];
const ACCESSIBILITY: [&str; 2] = ["/usr/libexec/at-spi-bus-launcher", "/usr/lib/at-spi2-core/at-spi-bus-launcher"];

/// See the module.
pub struct Desktop {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
    running: Vec<Running>,
}

/// A started program; its whole process group ends with this value.
pub struct Running(Child);

impl Running {
    /// The process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Its exit code, once it has ended.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.0.try_wait().expect("a child can be asked")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for signal in ["-TERM", "-KILL"] {
            let _ =
                Command::new("kill").args([signal, "--", &format!("-{}", self.0.id())]).stderr(Stdio::null()).status();
            for _ in 0..100 {
                if self.0.try_wait().is_ok_and(|status| status.is_some()) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

fn in_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

impl Desktop {
    /// Why there can be none on this machine, if so.
    pub fn missing() -> Option<String> {
        let mut missing: Vec<&str> =
            NEEDED.iter().filter(|(program, _)| !in_path(program)).map(|(_, package)| *package).collect();
        if !ACCESSIBILITY.iter().any(|path| Path::new(path).is_file()) {
            missing.push("at-spi2-core");
        }
        (!missing.is_empty())
            .then(|| format!("not installed: {}; make test installs them on Debian", missing.join(" ")))
    }

    /// Whether this program is installed.
    #[allow(dead_code, reason = "each test file takes what it needs of this")]
    pub fn has(program: &str) -> bool {
        in_path(program)
    }

    /// Starts all of it, with a screen of this size.
    ///
    /// # Panics
    /// Where a part does not come up.
    pub fn start(width: u32, height: u32) -> Self {
        let folder = tempfile::Builder::new().prefix("visavis-desktop-").tempdir().expect("a temporary folder");
        let path = folder.path().to_str().expect("a plain path").to_owned();
        // The sound server's cookie is looked for below HOME by some and below XDG_CONFIG_HOME by others: one place.
        let places = [("HOME", ""), ("XDG_RUNTIME_DIR", ""), ("XDG_CONFIG_HOME", "/.config"), ("XDG_DATA_HOME", "")];
        let mut environment: Vec<(String, String)> =
            places.iter().map(|(name, below)| ((*name).to_owned(), format!("{path}{below}"))).collect();
        environment.push(("LIBGL_ALWAYS_SOFTWARE".into(), "1".into()));
        let mut desktop = Self { folder, environment, running: Vec::new() };

        let screen = format!("{width}x{height}x24");
        let display = desktop.start_and_read(
            "the display's number",
            Command::new("Xvfb").args(["-displayfd", "1", "-screen", "0", &screen, "-nolisten", "tcp", "-noreset"]),
        );
        desktop.environment.push(("DISPLAY".into(), format!(":{display}")));
        let bus = desktop.start_and_read(
            "the session bus's address",
            Command::new("dbus-daemon").args(["--session", "--nofork", "--print-address=1"]),
        );
        desktop.environment.push(("DBUS_SESSION_BUS_ADDRESS".into(), bus));
        let launcher = ACCESSIBILITY.iter().find(|path| Path::new(path).is_file()).expect("missing() was asked");
        desktop.keep(Command::new(launcher).arg("--launch-immediately"));
        desktop.start_sound();
        desktop
    }

    fn start_sound(&mut self) {
        let speaker = format!("module-null-sink sink_name={SPEAKER} rate=48000 channels=1");
        let into = format!("module-null-sink sink_name={INTO_MICROPHONE} rate=48000 channels=1");
        let microphone = format!(
            "module-remap-source master={INTO_MICROPHONE}.monitor source_name=mic source_properties=device.description={MICROPHONE_NAME}"
        );
        let mut server = Command::new("pulseaudio");
        server.args(["--daemonize=no", "--exit-idle-time=-1", "--disallow-exit=true", "-n"]);
        for module in ["module-native-protocol-unix", &speaker, &into, &microphone] {
            server.args(["-L", module]);
        }
        self.keep(&mut server);
        let settled = |desktop: &Self| {
            let defaults = [["set-default-sink", SPEAKER], ["set-default-source", "mic"]];
            defaults.iter().all(|arguments| desktop.run("pactl", arguments).is_some()).then_some(())
        };
        wait_for("the sound server", PATIENCE, || settled(self));
    }

    /// A folder that goes with the desktop.
    pub fn folder(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// The address of the session bus.
    pub fn bus(&self) -> &str {
        let found = self.environment.iter().find(|(name, _)| name == "DBUS_SESSION_BUS_ADDRESS");
        &found.expect("the bus is started first").1
    }

    /// Starts a program on this desktop; it ends when the returned value is dropped.
    pub fn launch(&self, command: &mut Command) -> Running {
        let program = command.get_program().to_owned();
        command.env_remove("WAYLAND_DISPLAY").env_remove("AT_SPI_BUS_ADDRESS").env_remove("PULSE_SERVER");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).process_group(0);
        Running(command.spawn().unwrap_or_else(|e| panic!("{} does not start: {e}", program.display())))
    }

    /// Runs a program on this desktop to its end; what it wrote, if it went well.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
        let mut command = Command::new(program);
        command.args(arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{program} does not start: {e}"));
        output.status.success().then_some(output.stdout)
    }

    fn keep(&mut self, command: &mut Command) {
        let running = self.launch(command.stdout(Stdio::null()).stderr(Stdio::null()));
        self.running.push(running);
    }

    /// Starts a program that says one line when it is ready.
    fn start_and_read(&mut self, what: &str, command: &mut Command) -> String {
        let mut running = self.launch(command.stdout(Stdio::piped()).stderr(Stdio::null()));
        let output = running.0.stdout.take().expect("it is piped");
        let (sender, line) = sync_channel(1);
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(output).read_line(&mut line);
            let _ = sender.send(line); // nobody waits any more: the test has failed already
        });
        let line = line.recv_timeout(PATIENCE).unwrap_or_default().trim().to_owned();
        assert!(!line.is_empty(), "waited in vain for {what}");
        let _ = reader.join();
        self.running.push(running);
        line
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        // last started, first ended: the display goes last
        while let Some(running) = self.running.pop() {
            drop(running);
        }
    }
}
