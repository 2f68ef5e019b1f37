//! RIFF WAVE files: PCM of 16, 24 and 32 bit and 32-bit float in, PCM of 16 bit out.

use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::model::sound::RATE;

/// Why a file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// The system's word.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Not RIFF WAVE, or cut off in its head.
    #[error("it is not a wav file: {0}")]
    Malformed(&'static str),
    /// A coding or bit depth this program does not read.
    #[error("its coding (format {format}, {bits} bit) is not supported; use pcm of 16, 24 or 32 bit, or float")]
    Coding {
        /// wFormatTag.
        format: u16,
        /// Bits a sample.
        bits: u16,
    },
    /// A file cannot grow past the 4 GiB its head can tell.
    #[error("the file has reached 4 GiB, the most a wav file can hold")]
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    I16,
    I24,
    I32,
    F32,
}

impl Coding {
    fn bytes(self) -> usize {
        match self {
            Self::I16 => 2,
            Self::I24 => 3,
            Self::I32 | Self::F32 => 4,
        }
    }

    /// A sample from exactly [`Coding::bytes`] bytes.
    fn sample(self, b: &[u8]) -> f32 {
        match (self, b) {
            (Self::I16, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
            (Self::I24, &[a, b, c]) => (i32::from_le_bytes([0, a, b, c]) >> 8) as f32 / 8_388_608.0,
            (Self::I32, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0,
            (Self::F32, &[a, b, c, d]) => {
                let sample = f32::from_le_bytes([a, b, c, d]);
                if sample.is_finite() { sample } else { 0.0 }
            }
            _ => 0.0,
        }
    }
}

/// Reads a file piece by piece: every channel mixed to mono, or in stereo.
#[derive(Debug)]
pub struct WavReader<R> {
    inner: R,
    coding: Coding,
    channels: u16,
    rate: u32,
    start: u64,
    length: u64,
    position: u64,
    bytes: Vec<u8>,
}

impl<R: Read + Seek> WavReader<R> {
    /// Reads the head, up to the sound itself.
    ///
    /// # Errors
    /// [`WavError`]; also for a file without one whole frame of sound.
    pub fn new(mut inner: R) -> Result<Self, WavError> {
        let mut head = [0; 12];
        read_head(&mut inner, &mut head)?;
        if &head[..4] != b"RIFF" || &head[8..] != b"WAVE" {
            return Err(WavError::Malformed("it does not begin with RIFF … WAVE"));
        }
        let mut format = None;
        loop {
            let mut chunk = [0; 8];
            read_head(&mut inner, &mut chunk)?;
            let size = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
            match &chunk[..4] {
                b"fmt " => {
                    format = Some(read_format(&mut inner, size)?);
                    skip(&mut inner, u64::from(size % 2))?;
                }
                b"data" => {
                    let (coding, channels, rate) = format.ok_or(WavError::Malformed("it has no format"))?;
                    return Self::at_data(inner, coding, channels, rate, size);
                }
                // Chunks are padded to an even length.
                _ => skip(&mut inner, u64::from(size) + u64::from(size % 2))?,
            }
        }
    }

    fn at_data(mut inner: R, coding: Coding, channels: u16, rate: u32, size: u32) -> Result<Self, WavError> {
        let start = inner.stream_position()?;
        let end = inner.seek(SeekFrom::End(0))?;
        inner.seek(SeekFrom::Start(start))?;
        // A file cut off, or still being written, holds less than its head says.
        let frame = (coding.bytes() * usize::from(channels)) as u64;
        let length = u64::from(size).min(end.saturating_sub(start)) / frame * frame;
        if length == 0 {
            return Err(WavError::Malformed("there is no sound in it"));
        }
        Ok(Self { inner, coding, channels, rate, start, length, position: 0, bytes: Vec::new() })
    }

    /// Samples a second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Channels of the file.
    pub fn channels(&self) -> u16 {
        self.channels
    }

    /// Appends up to `frames` mono samples; fewer only at the end.
    ///
    /// # Errors
    /// [`WavError::Io`].
    pub fn read(&mut self, frames: usize, out: &mut Vec<f32>) -> Result<usize, WavError> {
        let (coding, channels) = (self.coding, f32::from(self.channels));
        self.take(frames, |frame| {
            let sum: f32 = frame.chunks_exact(coding.bytes()).map(|b| coding.sample(b)).sum();
            out.push(sum / channels);
        })
    }

    /// Appends up to `frames` samples left and right; fewer only at the end. Of more than two channels every second one
    /// is right, of one both are the same.
    ///
    /// # Errors
    /// [`WavError::Io`].
    pub fn read_stereo(&mut self, frames: usize, out: &mut [Vec<f32>; 2]) -> Result<usize, WavError> {
        let coding = self.coding;
        let last = usize::from(self.channels > 1);
        self.take(frames, |frame| {
            for (side, out) in out.iter_mut().enumerate() {
                let channels = frame.chunks_exact(coding.bytes()).skip(side.min(last)).step_by(2);
                let (count, sum) = channels.fold((0u16, 0.0), |(n, sum), b| (n + 1, sum + coding.sample(b)));
                out.push(sum / f32::from(count.max(1)));
            }
        })
    }

    /// Hands up to `frames` frames on, each with all its channels; how many there were.
    fn take(&mut self, frames: usize, mut each: impl FnMut(&[u8])) -> Result<usize, WavError> {
        let frame = self.coding.bytes() * usize::from(self.channels);
        let left = ((self.length - self.position) / frame as u64) as usize;
        let frames = frames.min(left);
        self.bytes.resize(frames * frame, 0);
        self.inner.read_exact(&mut self.bytes)?;
        self.position += self.bytes.len() as u64;
        self.bytes.chunks_exact(frame).for_each(&mut each);
        Ok(frames)
    }

    /// Back to the first sample.
    ///
    /// # Errors
    /// [`WavError::Io`].
    pub fn rewind(&mut self) -> Result<(), WavError> {
        self.inner.seek(SeekFrom::Start(self.start))?;
        self.position = 0;
        Ok(())
    }
}

fn read_head(inner: &mut impl Read, into: &mut [u8]) -> Result<(), WavError> {
    inner.read_exact(into).map_err(|e| match e.kind() {
        io::ErrorKind::UnexpectedEof => WavError::Malformed("it ends inside its head"),
        _ => WavError::Io(e),
    })
}

fn skip(inner: &mut impl Seek, bytes: u64) -> Result<(), WavError> {
    inner.seek(SeekFrom::Current(bytes as i64))?;
    Ok(())
}

fn read_format<R: Read + Seek>(inner: &mut R, size: u32) -> Result<(Coding, u16, u32), WavError> {
    if size < 16 {
        return Err(WavError::Malformed("its format chunk is too short"));
    }
    let mut f = [0; 40];
    let take = (size as usize).min(f.len());
    read_head(inner, &mut f[..take])?;
    skip(inner, u64::from(size) - take as u64)?;
    let word = |at: usize| u16::from_le_bytes([f[at], f[at + 1]]);
    let (channels, bits) = (word(2), word(14));
    let rate = u32::from_le_bytes([f[4], f[5], f[6], f[7]]);
    // WAVE_FORMAT_EXTENSIBLE: the true format begins the GUID.
    let format = if word(0) == 0xfffe && take == f.len() { word(24) } else { word(0) };
    let coding = match (format, bits) {
        (1, 16) => Coding::I16,
        (1, 24) => Coding::I24,
        (1, 32) => Coding::I32,
        (3, 32) => Coding::F32,
        _ => return Err(WavError::Coding { format, bits }),
    };
    if !(1..=64).contains(&channels) || !(1_000..=768_000).contains(&rate) {
        return Err(WavError::Malformed("its channels or its rate make no sense"));
    }
    Ok((coding, channels, rate))
}

/// Length of the head this writer makes.
const HEAD: u32 = 44;

/// Writes PCM of 16 bit. The head is brought up to date every second, so that the file can be read even after
/// the program was killed.
#[derive(Debug)]
pub struct WavWriter<W: Write + Seek> {
    inner: W,
    rate: u32,
    channels: u16,
    written: u32,
    told: u32,
}

impl<W: Write + Seek> WavWriter<W> {
    /// Writes the head of a mono file.
    ///
    /// # Errors
    /// [`WavError::Io`].
    pub fn new(inner: W, rate: u32) -> Result<Self, WavError> {
        Self::of(inner, rate, 1)
    }

    /// Writes the head of a stereo file.
    ///
    /// # Errors
    /// [`WavError::Io`].
    pub fn stereo(inner: W, rate: u32) -> Result<Self, WavError> {
        Self::of(inner, rate, 2)
    }

    fn of(inner: W, rate: u32, channels: u16) -> Result<Self, WavError> {
        let mut writer = Self { inner, rate, channels, written: 0, told: 0 };
        writer.write_head()?;
        Ok(writer)
    }

    /// Appends samples, of stereo left and right in turn; what is outside ±1 is clipped.
    ///
    /// # Errors
    /// [`WavError::Io`], [`WavError::Full`].
    pub fn write(&mut self, samples: &[f32]) -> Result<(), WavError> {
        let bytes = samples.len() as u32 * 2;
        if self.written > u32::MAX - HEAD - bytes {
            return Err(WavError::Full);
        }
        for sample in samples {
            let sample = (sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16;
            self.inner.write_all(&sample.to_le_bytes())?;
        }
        self.written += bytes;
        if self.written - self.told >= self.bytes_a_second() {
            self.write_head()?;
        }
        Ok(())
    }

    /// Brings the head up to date and everything to the system.
    ///
    /// # Errors
    /// [`WavError::Io`].
    pub fn finish(&mut self) -> Result<(), WavError> {
        self.write_head()
    }

    fn bytes_a_second(&self) -> u32 {
        self.rate * 2 * u32::from(self.channels)
    }

    fn write_head(&mut self) -> Result<(), WavError> {
        let mut head = Vec::with_capacity(HEAD as usize);
        head.extend_from_slice(b"RIFF");
        head.extend_from_slice(&(HEAD - 8 + self.written).to_le_bytes());
        head.extend_from_slice(b"WAVEfmt ");
        head.extend_from_slice(&16u32.to_le_bytes());
        for word in [1u16, self.channels] {
            head.extend_from_slice(&word.to_le_bytes());
        }
        head.extend_from_slice(&self.rate.to_le_bytes());
        head.extend_from_slice(&self.bytes_a_second().to_le_bytes());
        for word in [2 * self.channels, 16] {
            head.extend_from_slice(&word.to_le_bytes());
        }
        head.extend_from_slice(b"data");
        head.extend_from_slice(&self.written.to_le_bytes());
        // The sound first: a head must never promise what is not there.
        self.inner.flush()?;
        self.inner.seek(SeekFrom::Start(0))?;
        self.inner.write_all(&head)?;
        self.inner.seek(SeekFrom::End(0))?;
        self.inner.flush()?;
        self.told = self.written;
        Ok(())
    }
}

impl<W: Write + Seek> Drop for WavWriter<W> {
    fn drop(&mut self) {
        // Nobody is left to tell; the head of a second ago stays.
        let _ = self.write_head();
    }
}

/// A whole file of mono PCM of 16 bit at 48 kHz, read back as samples; for tests and tools.
///
/// # Errors
/// [`WavError`].
pub fn read_all<R: Read + Seek>(inner: R) -> Result<(u32, Vec<f32>), WavError> {
    let mut reader = WavReader::new(inner)?;
    let mut samples = Vec::new();
    while reader.read(RATE as usize, &mut samples)? > 0 {}
    Ok((reader.rate(), samples))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn file(format: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
        let mut out = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        out.extend_from_slice(&format.to_le_bytes());
        out.extend_from_slice(&channels.to_le_bytes());
        out.extend_from_slice(&rate.to_le_bytes());
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(&bits.to_le_bytes());
        out.extend_from_slice(b"data");
        out.extend_from_slice(&(data.len() as u32).to_le_bytes());
        out.extend_from_slice(data);
        out
    }

    fn samples(bytes: Vec<u8>) -> Result<Vec<f32>, WavError> {
        read_all(Cursor::new(bytes)).map(|(_, samples)| samples)
    }

    #[test]
    fn every_coding_is_read_and_channels_are_mixed() {
        assert_eq!(samples(file(1, 1, 8_000, 16, &[0, 0x40, 0, 0xc0])).unwrap(), [0.5, -0.5]);
        assert_eq!(samples(file(1, 2, 8_000, 16, &[0, 0x40, 0, 0])).unwrap(), [0.25]);
        assert_eq!(samples(file(1, 1, 8_000, 24, &[0, 0, 0x40, 0, 0, 0xc0])).unwrap(), [0.5, -0.5]);
        assert_eq!(samples(file(1, 1, 8_000, 32, &[0, 0, 0, 0xc0])).unwrap(), [-0.5]);
        let float = [0.25f32.to_le_bytes(), f32::NAN.to_le_bytes()].concat();
        assert_eq!(samples(file(3, 1, 8_000, 32, &float)).unwrap(), [0.25, 0.0]);
    }

    #[test]
    fn what_is_written_is_read_back_even_before_the_end() {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, 48_000).unwrap();
        for _ in 0..150 {
            writer.write(&[0.5; 480]).unwrap();
        }
        let killed = writer.inner.get_ref().clone();
        let (rate, samples) = read_all(Cursor::new(killed)).unwrap();
        assert_eq!((rate, samples.len()), (48_000, 48_000));
        assert!(samples.iter().all(|s| (s - 0.5).abs() < 1e-4));
        drop(writer);
        bytes.set_position(0);
        assert_eq!(read_all(bytes).unwrap().1.len(), 72_000);
    }

    #[test]
    fn what_is_no_wav_file_is_an_error() {
        assert!(matches!(samples(b"RIFF....WAVE".to_vec()), Err(WavError::Malformed(_))));
        assert!(matches!(samples(file(1, 1, 8_000, 8, &[0; 4])), Err(WavError::Coding { format: 1, bits: 8 })));
        assert!(matches!(samples(file(1, 0, 8_000, 16, &[0; 4])), Err(WavError::Malformed(_))));
        assert!(matches!(samples(file(1, 1, 8_000, 16, &[])), Err(WavError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), real in any::<bool>(), cut in 0usize..80) {
            if real {
                let whole = file(1, 2, 44_100, 16, &bytes);
                bytes = whole[..cut.min(whole.len())].to_vec();
            }
            let _ = samples(bytes);
        }
    }
}
