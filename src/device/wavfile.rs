//! WAV files instead of a microphone or a speaker.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use crate::device::audio::{AudioSink, AudioSource, Flow};
use crate::dsp::mix;
use crate::dsp::resample::Resampler;
use crate::dsp::wav::{WavError, WavReader, WavWriter};
use crate::model::device::DeviceError;
use crate::model::sound::{RATE, TICK, Tick};

fn failed(path: &str, error: &WavError) -> DeviceError {
    DeviceError::File(path.to_owned(), error.to_string())
}

fn io(path: &str, error: std::io::Error) -> DeviceError {
    match error.kind() {
        std::io::ErrorKind::NotFound => DeviceError::File(path.to_owned(), "no such file".to_owned()),
        _ => failed(path, &WavError::Io(error)),
    }
}

/// A file played in a loop.
#[derive(Debug)]
pub struct WavSource {
    path: String,
    reader: WavReader<BufReader<File>>,
    resampler: Option<Resampler>,
    read: Vec<f32>,
    ready: Vec<f32>,
}

impl WavSource {
    /// Opens the file and reads its head.
    ///
    /// # Errors
    /// [`DeviceError::File`] where it is not there, not a WAV file, of an unknown format, or without sound.
    pub fn open(path: &Path) -> Result<Self, DeviceError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|e| io(&name, e))?;
        let reader = WavReader::new(BufReader::new(file)).map_err(|e| failed(&name, &e))?;
        let rate = reader.rate();
        let resampler = match rate {
            RATE => None,
            rate => Some(Resampler::new(rate, RATE).map_err(|e| DeviceError::File(name.clone(), e.to_string()))?),
        };
        Ok(Self { path: name, reader, resampler, read: Vec::new(), ready: Vec::new() })
    }
}

impl AudioSource for WavSource {
    fn name(&self) -> String {
        self.path.clone()
    }

    fn format(&self) -> String {
        format!("{} Hz, {} channels", self.reader.rate(), self.reader.channels())
    }

    fn read(&mut self, out: &mut Tick) -> Result<Flow, DeviceError> {
        let chunk = (self.reader.rate() as usize / 100).max(1);
        while self.ready.len() < TICK {
            self.read.clear();
            let got = self.reader.read(chunk, &mut self.read).map_err(|e| failed(&self.path, &e))?;
            if got < chunk {
                self.reader.rewind().map_err(|e| failed(&self.path, &e))?;
            }
            match &mut self.resampler {
                Some(resampler) => resampler.push(&self.read, &mut self.ready),
                None => self.ready.extend_from_slice(&self.read),
            }
        }
        out.copy_from_slice(&self.ready[..TICK]);
        self.ready.drain(..TICK);
        Ok(Flow::Full)
    }
}

/// A file written while it plays: 16 bit, mono, 48 kHz.
#[derive(Debug)]
pub struct WavSink {
    path: String,
    writer: WavWriter<BufWriter<File>>,
}

impl WavSink {
    /// Creates the file, or empties it.
    ///
    /// # Errors
    /// [`DeviceError::File`] where it cannot be written.
    pub fn create(path: &Path) -> Result<Self, DeviceError> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(|e| io(&name, e))?;
        let writer = WavWriter::new(BufWriter::new(file), RATE).map_err(|e| failed(&name, &e))?;
        Ok(Self { path: name, writer })
    }
}

impl AudioSink for WavSink {
    fn name(&self) -> String {
        self.path.clone()
    }

    fn format(&self) -> String {
        format!("{RATE} Hz, 16 bit")
    }

    fn write(&mut self, tick: &Tick) -> Result<Flow, DeviceError> {
        let mut limited = *tick;
        mix::limit(&mut limited);
        self.writer.write(&limited).map_err(|e| failed(&self.path, &e))?;
        Ok(Flow::Full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::tone::{Sine, tone_level};
    use crate::model::sound::SILENCE;

    #[test]
    fn what_a_sink_wrote_a_source_plays_in_a_loop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tone.wav");
        let mut sink = WavSink::create(&path).unwrap();
        let mut sine = Sine::new(440.0, -20.0);
        let mut tick = SILENCE;
        for _ in 0..100 {
            sine.fill(&mut tick);
            sink.write(&tick).unwrap();
        }
        drop(sink);
        let mut source = WavSource::open(&path).unwrap();
        let mut heard = Vec::new();
        for _ in 0..250 {
            assert_eq!(source.read(&mut tick).unwrap(), Flow::Full);
            heard.extend_from_slice(&tick);
        }
        assert!((tone_level(&heard, 440.0).unwrap() + 20.0).abs() < 0.1);
    }

    #[test]
    fn a_missing_or_wrong_file_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wav");
        let missing = DeviceError::File(path.display().to_string(), "no such file".to_owned());
        assert_eq!(WavSource::open(&path).err(), Some(missing));
        std::fs::write(&path, b"RIFFnonsense").unwrap();
        assert!(matches!(WavSource::open(&path), Err(DeviceError::File(..))));
        assert!(matches!(WavSink::create(folder.path()), Err(DeviceError::File(..))));
    }
}
