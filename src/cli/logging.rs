//! Diagnostics: to stderr, never to stdout. `VISAVIS_LOG` chooses what (`info`, `visavis=debug`, `webrtc=trace,…`).

use tracing_subscriber::EnvFilter;

/// The environment variable that chooses.
pub const VARIABLE: &str = "VISAVIS_LOG";

/// Left out unless asked for, because what matters of it comes back as an error value or a state too: the client of the
/// sound server tells of every one of its ends as an error, and the sockets of every check of a path that leads nowhere.
const QUIET: &str = "pulseaudio::client::reactor=off,webrtc::peer_connection::driver=off";

/// Starts logging. Without the variable: `default`.
pub fn start(default: &str) {
    let default = &format!("{default},{QUIET}");
    let chosen = std::env::var(VARIABLE).unwrap_or_else(|_| default.to_owned());
    let filter = EnvFilter::try_new(&chosen).unwrap_or_else(|_| EnvFilter::new(default));
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // A second subscriber in one process (tests) is of no use and no harm.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour).try_init();
}
