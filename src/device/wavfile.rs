//! WAV files instead of a microphone or a speaker.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use crate::device::audio::{AudioSink, AudioSource, Flow};
use crate::dsp::mix;
use crate::dsp::resample::Resampler;
use crate::dsp::wav::{WavError, WavReader, WavWriter};
use crate::model::device::DeviceError;
use crate::model::sound::{Pair, RATE, SILENCE, TICK, Tick};

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
    /// One for each side; none where the file has our rate.
    resamplers: Vec<Resampler>,
    read: [Vec<f32>; 2],
    ready: [Vec<f32>; 2],
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
        let sides = if rate == RATE { 0 } else { 2 };
        let resamplers = (0..sides).map(|_| Resampler::new(rate, RATE)).collect::<Result<Vec<_>, _>>();
        let resamplers = resamplers.map_err(|e| DeviceError::File(name.clone(), e.to_string()))?;
        Ok(Self { path: name, reader, resamplers, read: Default::default(), ready: Default::default() })
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
        let mut pair = [SILENCE; 2];
        let flow = self.read_stereo(&mut pair)?;
        *out = mix::mono(&pair);
        Ok(flow)
    }

    fn read_stereo(&mut self, out: &mut Pair) -> Result<Flow, DeviceError> {
        let chunk = (self.reader.rate() as usize / 100).max(1);
        while self.ready[0].len() < TICK {
            self.read.iter_mut().for_each(Vec::clear);
            let got = self.reader.read_stereo(chunk, &mut self.read).map_err(|e| failed(&self.path, &e))?;
            if got < chunk {
                self.reader.rewind().map_err(|e| failed(&self.path, &e))?;
            }
            for (side, (read, ready)) in self.read.iter().zip(&mut self.ready).enumerate() {
                match self.resamplers.get_mut(side) {
                    Some(resampler) => resampler.push(read, ready),
                    None => ready.extend_from_slice(read),
                }
            }
        }
        for (out, ready) in out.iter_mut().zip(&mut self.ready) {
            out.copy_from_slice(&ready[..TICK]);
            ready.drain(..TICK);
        }
        Ok(Flow::Full)
    }
}

/// A file written while it plays: 16 bit, stereo, 48 kHz.
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
        let writer = WavWriter::stereo(BufWriter::new(file), RATE).map_err(|e| failed(&name, &e))?;
        Ok(Self { path: name, writer })
    }
}

impl AudioSink for WavSink {
    fn name(&self) -> String {
        self.path.clone()
    }

    fn format(&self) -> String {
        format!("{RATE} Hz, 16 bit, stereo")
    }

    fn write(&mut self, tick: &Tick) -> Result<Flow, DeviceError> {
        self.write_stereo(&[*tick; 2])
    }

    fn write_stereo(&mut self, [left, right]: &Pair) -> Result<Flow, DeviceError> {
        let mut both = [0.0; 2 * TICK];
        for ((both, left), right) in both.chunks_exact_mut(2).zip(left).zip(right) {
            both.copy_from_slice(&[*left, *right]);
        }
        mix::limit(&mut both);
        self.writer.write(&both).map_err(|e| failed(&self.path, &e))?;
        Ok(Flow::Full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::tone::{Sine, tone_level};

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
    fn stereo_stays_stereo_at_any_rate() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("music.wav"), folder.path().join("slow.wav"));
        let mut sink = WavSink::create(&path).unwrap();
        let mut slow = WavWriter::stereo(File::create(&other).unwrap(), 44_100).unwrap();
        let (mut low, mut high, mut pair) = (Sine::new(300.0, -20.0), Sine::new(900.0, -20.0), [SILENCE; 2]);
        for _ in 0..200 {
            low.fill(&mut pair[0]);
            high.fill(&mut pair[1]);
            sink.write_stereo(&pair).unwrap();
            let both: Vec<f32> = pair[0].iter().zip(&pair[1]).flat_map(|(l, r)| [*l, *r]).collect();
            slow.write(&both).unwrap();
        }
        drop((sink, slow));
        // Played at 44.1 kHz, the same samples sound lower.
        for (path, pitch) in [(path, 1.0), (other, 44_100.0 / 48_000.0)] {
            let mut source = WavSource::open(&path).unwrap();
            let mut heard: [Vec<f32>; 2] = Default::default();
            for _ in 0..200 {
                source.read_stereo(&mut pair).unwrap();
                heard.iter_mut().zip(&pair).for_each(|(heard, tick)| heard.extend_from_slice(tick));
            }
            for (side, own, others) in [(0, 300.0, 900.0), (1, 900.0, 300.0)] {
                let level = |hertz: f64| tone_level(&heard[side][24_000..72_000], hertz * pitch).unwrap_or(-200.0);
                assert!(
                    (level(own) + 20.0).abs() < 0.3 && level(others) < -60.0,
                    "{side}: {} {}",
                    level(own),
                    level(others)
                );
            }
        }
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
