//! YUV4MPEG2 files (`.y4m`), played in a loop at their own rate.
//!
//! 8-bit 4:2:0 only, which is what every tool writes by default. A last picture that was cut short is left out.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use super::pattern::Pace;
use super::{VideoFormat, VideoSource};
use crate::model::device::DeviceError;
use crate::model::frame::VideoFrame;
use crate::model::pool::Pooled;

/// Longest header line, bytes.
const MAX_LINE: u64 = 1024;

/// An open file.
pub(super) struct File {
    reader: BufReader<fs::File>,
    header: Header,
    name: String,
    first: u64,
    pace: Pace,
    read: u64,
    pending: Option<Pooled>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Header {
    width: u32,
    height: u32,
    fps: f64,
}

impl Header {
    fn parse(line: &str) -> Result<Self, String> {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("YUV4MPEG2") {
            return Err("it does not begin with “YUV4MPEG2”".to_owned());
        }
        let (mut width, mut height, mut fps) = (None, None, 30.0);
        for word in words {
            let mut letters = word.chars();
            let (key, value) = (letters.next(), letters.as_str());
            match key {
                Some('W') => width = value.parse::<u32>().ok(),
                Some('H') => height = value.parse::<u32>().ok(),
                Some('F') => {
                    let rate = value.split_once(':').and_then(|(n, d)| Some((n.parse().ok()?, d.parse().ok()?)));
                    let (n, d): (u32, u32) = rate.ok_or_else(|| format!("“{value}” is no picture rate"))?;
                    fps = f64::from(n) / f64::from(d);
                }
                Some('C') if !matches!(value, "420" | "420jpeg" | "420mpeg2" | "420paldv") => {
                    return Err(format!("its colours are “{value}”; only 8-bit 4:2:0 can be played"));
                }
                _ => {}
            }
        }
        let (Some(width), Some(height)) = (width, height) else { return Err("it does not tell its size".to_owned()) };
        VideoFrame::bytes(width & !1, height & !1).map_err(|e| e.to_string())?;
        if width > VideoFrame::MAX_SIDE || height > VideoFrame::MAX_SIDE || !(1.0..=240.0).contains(&fps) {
            return Err(format!("{width} × {height} at {fps} pictures a second cannot be played"));
        }
        Ok(Self { width, height, fps })
    }

    fn chroma(&self) -> (usize, usize) {
        (self.width.div_ceil(2) as usize, self.height.div_ceil(2) as usize)
    }

    fn bytes(&self) -> usize {
        let (w, h) = self.chroma();
        self.width as usize * self.height as usize + 2 * w * h
    }

    /// The planes with even sides, of a picture as it stands in the file.
    fn crop(&self, data: Pooled) -> Pooled {
        let (width, height) = (self.width as usize, self.height as usize);
        let (even, rows) = (width & !1, height & !1);
        if (even, rows) == (width, height) {
            return data;
        }
        let (cw, ch) = self.chroma();
        let (y, chroma) = data.split_at(width * height);
        let (u, v) = chroma.split_at(cw * ch);
        let mut out = Pooled::with_capacity(even * rows * 3 / 2);
        for (plane, stride, width, rows) in
            [(y, width, even, rows), (u, cw, even / 2, rows / 2), (v, cw, even / 2, rows / 2)]
        {
            for row in plane.chunks_exact(stride).take(rows) {
                out.extend_from_slice(&row[..width]);
            }
        }
        out
    }
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    reader.take(MAX_LINE).read_until(b'\n', &mut line)?;
    String::from_utf8(line).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a header that is not text"))
}

impl File {
    /// Opens it and reads the first picture.
    pub(super) fn open(path: &Path) -> Result<Self, DeviceError> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let shown = path.display().to_string();
        let broken = |why: String| DeviceError::File(shown.clone(), why);
        let file = fs::File::open(path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => broken("no such file".to_owned()),
            io::ErrorKind::PermissionDenied => DeviceError::Denied(shown.clone()),
            _ => broken(e.to_string()),
        })?;
        let mut reader = BufReader::with_capacity(1 << 18, file);
        let header = Header::parse(&line(&mut reader).map_err(|e| broken(e.to_string()))?).map_err(broken)?;
        let first = reader.stream_position().map_err(|e| broken(e.to_string()))?;
        let mut source = Self { reader, header, name, first, pace: Pace::new(header.fps), read: 0, pending: None };
        source.pending = Some(source.read_picture().map_err(broken)?.ok_or_else(|| broken("no picture in it".into()))?);
        source.pace = Pace::new(header.fps);
        Ok(source)
    }

    /// The next picture as it stands in the file; `None` at the end.
    fn read_picture(&mut self) -> Result<Option<Pooled>, String> {
        let header = line(&mut self.reader).map_err(|e| e.to_string())?;
        if header.is_empty() {
            return Ok(None);
        }
        if !header.starts_with("FRAME") {
            return Err(format!("picture {} does not begin with “FRAME”", self.read));
        }
        let mut data = Pooled::with_capacity(self.header.bytes());
        data.resize(self.header.bytes(), 0);
        match self.reader.read_exact(&mut data) {
            Ok(()) => {
                self.read += 1;
                Ok(Some(data))
            }
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(e.to_string()),
        }
    }

    fn next_picture(&mut self) -> Result<Pooled, String> {
        if let Some(picture) = self.pending.take() {
            return Ok(picture);
        }
        if let Some(picture) = self.read_picture()? {
            return Ok(picture);
        }
        self.reader.seek(SeekFrom::Start(self.first)).map_err(|e| e.to_string())?;
        self.read = 0;
        self.read_picture()?.ok_or_else(|| "it became empty while it was played".to_owned())
    }
}

impl VideoSource for File {
    fn format(&self) -> VideoFormat {
        let Header { width, height, fps } = self.header;
        VideoFormat { name: self.name.clone(), width: width & !1, height: height & !1, fps: fps as f32 }
    }

    fn next(&mut self, limit: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        let Some(n) = self.pace.wait(limit) else { return Ok(None) };
        let picture = self.next_picture().map_err(|e| DeviceError::File(self.name.clone(), e))?;
        let (width, height) = (self.header.width & !1, self.header.height & !1);
        let frame = VideoFrame::new(width, height, self.header.crop(picture), self.pace.time(n));
        let mut frame = frame.map_err(|e| DeviceError::File(self.name.clone(), e.to_string()))?;
        frame.at = Some(Instant::now());
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;

    /// Writes it and opens it.
    fn open(bytes: &[u8]) -> Result<File, DeviceError> {
        let mut file = tempfile::Builder::new().suffix(".y4m").tempfile().unwrap();
        io::Write::write_all(&mut file, bytes).unwrap();
        // On Unix the open file outlives its name.
        File::open(file.path())
    }

    fn movie(header: &str, picture: usize, count: u8) -> Vec<u8> {
        let mut bytes = header.as_bytes().to_vec();
        for n in 0..count {
            bytes.extend(b"FRAME Ix\n");
            bytes.extend(vec![50 + n; picture]);
        }
        bytes
    }

    fn next(file: &mut File) -> Result<VideoFrame, DeviceError> {
        loop {
            if let Some(frame) = file.next(Duration::from_secs(1))? {
                return Ok(frame);
            }
        }
    }

    #[test]
    fn a_file_is_played_in_a_loop_at_its_own_rate() {
        let mut bytes = movie("YUV4MPEG2 W4 H2 F200:1 Ip A1:1 C420jpeg XYSCSS=420JPEG\n", 12, 3);
        bytes.extend(b"FRAME\ncut off");
        bytes.truncate(bytes.len() - 3);
        let mut file = open(&bytes).unwrap();
        let VideoFormat { width, height, fps, .. } = file.format();
        assert_eq!((width, height, fps), (4, 2, 200.0));
        let frames: Vec<_> = (0..7).map(|_| next(&mut file).unwrap()).collect();
        let luma: Vec<_> = frames.iter().map(|frame| frame.y()[0]).collect();
        assert_eq!(luma, [50, 51, 52, 50, 51, 52, 50]);
        assert!(frames.windows(2).all(|pair| pair[0].media_time < pair[1].media_time));
    }

    #[test]
    fn odd_sides_are_cut() {
        let mut bytes = b"YUV4MPEG2 W5 H3 F30:1\nFRAME\n".to_vec();
        bytes.extend(0..15);
        bytes.extend([100, 101, 102, 103, 104, 105, 200, 201, 202, 203, 204, 205]);
        let frame = next(&mut open(&bytes).unwrap()).unwrap();
        assert_eq!((frame.width(), frame.height()), (4, 2));
        assert_eq!(frame.data(), [0, 1, 2, 3, 5, 6, 7, 8, 100, 101, 200, 201]);
    }

    #[test]
    fn what_is_no_such_file_is_told() {
        let why = |bytes: &[u8]| match open(bytes) {
            Err(DeviceError::File(_, why)) => why,
            other => panic!("{:?}", other.err()),
        };
        assert!(why(b"").contains("YUV4MPEG2"));
        assert!(why(b"RIFF....AVI LIST").contains("YUV4MPEG2"));
        assert!(why(b"YUV4MPEG2 W4 F30:1\n").contains("size"));
        assert!(why(b"YUV4MPEG2 W4 H2 F30:0\n").contains("pictures a second"));
        assert!(why(b"YUV4MPEG2 W4 H2 F0:0\n").contains("pictures a second"));
        assert!(why(b"YUV4MPEG2 W4 H2 Fx\n").contains("rate"));
        assert!(
            why(b"YUV4MPEG2 W4 H2 F30:1 C444\n").contains("C444") || why(b"YUV4MPEG2 W4 H2 C444\n").contains("444")
        );
        assert!(why(b"YUV4MPEG2 W40000 H20000 F30:1\n").contains("not possible"));
        assert!(why(b"YUV4MPEG2 W4 H2 F30:1\n").contains("no picture"));
        assert!(why(b"YUV4MPEG2 W4 H2 F30:1\nFRAME\n123").contains("no picture"));
        assert!(why(b"YUV4MPEG2 W4 H2 F30:1\nNOISE\n123456789012").contains("FRAME"));
        let missing = PathBuf::from("/no/such.y4m");
        assert_eq!(
            File::open(&missing).err(),
            Some(DeviceError::File("/no/such.y4m".to_owned(), "no such file".to_owned()))
        );
        assert!(matches!(File::open(Path::new("/")), Err(DeviceError::File(..))));
    }

    proptest! {
        #[test]
        fn no_header_panics(line in "YUV4MPEG2( [WHFCA][0-9:]{0,12}){0,6}", noise: Vec<u8>) {
            if let Ok(header) = Header::parse(&line) {
                prop_assert!(header.bytes() > 0 && header.fps >= 1.0);
            }
            let _ = open(&[line.as_bytes(), b"\n", &noise].concat());
        }
    }
}
