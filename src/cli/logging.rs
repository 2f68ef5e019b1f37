//! Diagnostics: to stderr, never to stdout. `VISAVIS_LOG` chooses what (`info`, `visavis=debug`, `webrtc=trace,…`).

use tracing_subscriber::EnvFilter;

/// The environment variable that chooses.
pub const VARIABLE: &str = "VISAVIS_LOG";

/// Starts logging. Without the variable: warnings of this program and errors of its libraries, or `default`.
pub fn start(default: &str) {
    let chosen = std::env::var(VARIABLE).unwrap_or_else(|_| default.to_owned());
    let filter = EnvFilter::try_new(&chosen).unwrap_or_else(|_| EnvFilter::new(default));
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // A second subscriber in one process (tests) is of no use and no harm.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour).try_init();
}
