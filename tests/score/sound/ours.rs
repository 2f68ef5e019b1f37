//! Two ends of this program with speech.

use std::path::Path;
use std::process::Stdio;

use serde_json::json;

use super::{Call, Counts, Heard};
use crate::endpoint::{End, connect, read_samples};

/// A call between two ends of ours.
pub struct Ours([End; 2], std::path::PathBuf);

impl Ours {
    /// Calls; both speak from now on.
    pub fn call(speech: &Path, folder: &Path) -> Self {
        let mut ends = [0, 1].map(|end| End::start(end, Stdio::inherit()));
        for (n, end) in ends.iter_mut().enumerate() {
            end.tell(&json!({"speech": speech, "heard": folder.join(format!("heard-{n}"))}));
        }
        let [speaker, listener] = &mut ends;
        connect(speaker, listener);
        Self(ends, folder.join("heard-1"))
    }
}

impl Call for Ours {
    fn look(&mut self) -> Counts {
        let said = self.0[1].ask(&json!({"do": "look"}));
        let number = |key: &str| said["look"][key].as_f64().unwrap_or_default();
        Counts {
            samples: number("samples"),
            concealed: number("concealed"),
            waiting_ms: number("waiting_ms"),
            bytes: number("bytes"),
        }
    }

    fn end(mut self: Box<Self>) -> Heard {
        let [spoke, heard] = [0, 1].map(|n| self.0[n].ask(&json!({"do": "close"})));
        let later_ms = heard["heard_ms"].as_f64().unwrap_or_default() - spoke["spoken_ms"].as_f64().unwrap_or_default();
        Heard { samples: read_samples(&self.1), later_ms }
    }
}
