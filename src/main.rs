//! The program: arguments to window, headless client, test call or server.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    visavis::cli::exit::code(visavis::cli::run(visavis::cli::Arguments::parse()))
}
