//! Files that a user names: pictures and sound.

use std::cell::RefCell;
use std::io::Cursor;
use std::path::PathBuf;

use visavis::device::{VideoRequest, open_video};
use visavis::dsp::wav::{WavReader, WavWriter};
use visavis::model::source::VideoSpec;

pub fn wavs() -> Vec<Vec<u8>> {
    let mut written = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut written, 48_000).expect("a header");
    writer.write(&[0.5; 200]).expect("written");
    writer.finish().expect("whole");
    drop(writer);
    let header = |coding: u16, bits: u16, extra: &[u8]| {
        let mut wav = b"RIFF\xff\xff\xff\xffWAVELIST\x03\0\0\0abc\0fmt ".to_vec();
        wav.extend((16 + extra.len() as u32).to_le_bytes());
        for word in [coding, 2] {
            wav.extend(word.to_le_bytes());
        }
        wav.extend(44_100_u32.to_le_bytes());
        wav.extend((44_100 * u32::from(bits) / 4).to_le_bytes());
        wav.extend((bits / 4).to_le_bytes());
        wav.extend(bits.to_le_bytes());
        wav.extend(extra);
        wav.extend(b"data\x60\0\0\0");
        wav.extend(std::iter::repeat_n(0x3f, 96));
        wav
    };
    vec![written.into_inner(), header(1, 16, &[]), header(3, 32, &[]), header(1, 24, &[]), header(1, 8, &[0, 0])]
}

pub fn wav(input: &[u8]) {
    if let Ok(mut reader) = WavReader::new(Cursor::new(input)) {
        assert!(reader.rate() > 0 && reader.channels() > 0);
        let mut out = Vec::new();
        for _ in 0..3 {
            match reader.read(1_000, &mut out) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        let _ = reader.rewind();
        assert!(out.len() <= 3_000 * usize::from(reader.channels()));
    }
}

pub fn y4ms() -> Vec<Vec<u8>> {
    [
        "YUV4MPEG2 W16 H8 F30:1 Ip A1:1 C420jpeg XYSCSS=420JPEG\n",
        "YUV4MPEG2 H6 W4 F30000:1001\n",
        "YUV4MPEG2 W5 H5 F1:1 C420\n",
    ]
    .map(|header| {
        let mut file = header.as_bytes().to_vec();
        for n in 0..3 {
            file.extend(b"FRAME Ip\n");
            file.extend(std::iter::repeat_n(n * 50, 16 * 8 * 3 / 2));
        }
        file
    })
    .to_vec()
}

/// A file of its own for each thread, in memory where there is such a place.
fn place() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("visavis-fuzz-{}.y4m", std::process::id()))
}

struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub fn y4m(input: &[u8]) {
    thread_local!(static PLACE: RefCell<Place> = RefCell::new(Place(place())));
    PLACE.with_borrow(|place| {
        std::fs::write(&place.0, input).expect("written");
        let request = VideoRequest { width: 16, height: 8, fps: 30 };
        drop(open_video(&VideoSpec::File(place.0.clone()), request));
    });
}
