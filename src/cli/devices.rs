//! `visavis devices`: what is there now.

use std::io::{self, Write};

use clap::Args;

use super::exit;
use crate::model::device::Device;

/// Options of `visavis devices`.
#[derive(Debug, Args)]
pub struct List {
    /// One JSON object: {"cameras":[{"id","name","kind","default"}],"microphones":[…],"speakers":[…],"displays":[…]}
    #[arg(long)]
    json: bool,
}

/// Writes the list; returns the exit code.
pub fn run(list: &List) -> anyhow::Result<u8> {
    let devices = crate::device::list();
    let mut out = io::stdout().lock();
    if list.json {
        writeln!(out, "{}", serde_json::to_string(&devices)?)?;
        return Ok(exit::OK);
    }
    for (title, devices) in [
        ("Cameras", &devices.cameras),
        ("Microphones", &devices.microphones),
        ("Speakers", &devices.speakers),
        ("Screens and windows", &devices.displays),
    ] {
        writeln!(out, "{title}")?;
        if devices.is_empty() {
            writeln!(out, "  none")?;
        }
        for Device { id, name, default, .. } in devices {
            let mark = if *default { " (default)" } else { "" };
            writeln!(out, "  {id}\n      {name}{mark}")?;
        }
    }
    Ok(exit::OK)
}
