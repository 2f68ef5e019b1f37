//! What the program's exit code means: one number a cause, so that a script can act on it.

use std::process::ExitCode;

use crate::client::StartError;
use crate::client::profile::ProfileError;

/// All went well; with `--call`: the call was taken.
pub const OK: u8 = 0;
/// Something unexpected; the sentence on stderr says what.
pub const FAILED: u8 = 1;
/// The command line makes no sense: an unknown option, an ID with a typing mistake, a bad size.
pub const USAGE: u8 = 2;
/// The profile directory, the key in it or a configuration file cannot be used.
pub const PROFILE: u8 = 3;
/// Another copy of the program is running with this profile.
pub const IN_USE: u8 = 4;
/// The signaling server cannot be used: wrong URL, nobody there, or its port is taken.
pub const SERVER: u8 = 5;
/// `--call`: the call was not taken (declined, busy, no answer, unreachable), was cancelled, or failed.
pub const CALL: u8 = 6;
/// `visavis test`: the test call did not go well.
pub const TEST: u8 = 7;
/// The window cannot be opened: no display, or no graphics.
pub const WINDOW: u8 = 8;

/// The table of `--help`.
pub const HELP: &str = "\
Exit codes:
  0  all went well (headless --call: the call was taken)
  1  something unexpected; stderr says what
  2  the command line makes no sense (unknown option, ID with a typing mistake, bad size)
  3  the profile directory, the key in it or a configuration file cannot be used
  4  another copy of the program is running with this profile
  5  the signaling server cannot be used (wrong URL, nobody there, port taken)
  6  headless --call: the call was not taken, was cancelled, or failed
  7  test: the test call did not go well
  8  the window cannot be opened (no display, no graphics)";

/// A sentence for stderr and the code that goes with it.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Exit {
    /// One of the codes above.
    pub code: u8,
    /// What happened and what to do.
    pub why: String,
}

impl Exit {
    /// An error with a code of its own.
    pub fn new(code: u8, why: impl ToString) -> Self {
        Self { code, why: why.to_string() }
    }
}

impl From<StartError> for Exit {
    fn from(error: StartError) -> Self {
        let code = match &error {
            StartError::Profile(ProfileError::InUse(_)) => IN_USE,
            StartError::Profile(_) | StartError::History(_) => PROFILE,
            StartError::Server(_) => SERVER,
            StartError::Settings(_) => USAGE,
            StartError::Thread(_) => FAILED,
        };
        Self::new(code, error)
    }
}

/// The code of how the program ended; the sentence goes to stderr.
pub fn code(result: anyhow::Result<u8>) -> ExitCode {
    let error = match result {
        Ok(code) => return code.into(),
        Err(error) => error,
    };
    let (code, why) = match error.downcast_ref::<Exit>() {
        Some(exit) => (exit.code, exit.why.clone()),
        None => (FAILED, format!("{error:#}")),
    };
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "visavis: {why}"); // nowhere left to say that stderr is gone
    code.into()
}
