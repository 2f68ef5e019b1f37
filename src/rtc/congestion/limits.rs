//! The bounds of a controller.

use std::time::Duration;

/// Between which rates, and where to start; bit/s on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Never below.
    pub least: f64,
    /// Never above.
    pub most: f64,
    /// At first.
    pub start: f64,
    /// How often the receiver reports.
    pub feedback: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { least: 40e3, most: 8e6, start: 300e3, feedback: Duration::from_millis(25) }
    }
}
