//! Which files are pictures, and what they look like, small: decoded one after the other beside everything else.
//!
//! Pictures come from strangers too: how large one is, is looked at before it is decoded, and whatever is wrong with it ends in
//! words. A decoder that gives up loses that picture only.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use tokio::task::JoinHandle;

use super::disk::Key;
use crate::model::transfer::Preview;

/// Pictures that wait to be looked at. Overflow: refuse; their cards stay without.
const WAITING: usize = 64;

/// Pictures that are shown at once, of at most 1.6 MB each. Overflow: the oldest card loses its picture.
const SHOWN: usize = 24;

/// The pictures among the files.
#[derive(Default)]
pub(super) struct Pictures {
    waiting: VecDeque<(Key, PathBuf)>,
    running: Option<(Key, JoinHandle<Preview>)>,
    shown: VecDeque<Key>,
}

impl Pictures {
    /// This file lies here now: looks at it, if it is called like a picture. Inside the runtime.
    pub fn look(&mut self, key: Key, path: &Path) {
        if is_picture(path) && self.waiting.len() < WAITING {
            self.waiting.push_back((key, path.to_owned()));
            self.start();
        }
    }

    /// What the next one looks like; never, while there is none. May be dropped half-way and asked again.
    pub async fn next(&mut self) -> (Key, Preview) {
        let Some((key, task)) = &mut self.running else { return std::future::pending().await };
        let (key, done) = (*key, task.await);
        self.running = None;
        self.start();
        (key, done.unwrap_or_else(|_| Preview::Broken("this picture is damaged and cannot be shown here".into())))
    }

    /// One more is shown: whose goes for it.
    pub fn shown(&mut self, key: Key) -> Option<Key> {
        self.shown.push_back(key);
        (self.shown.len() > SHOWN).then(|| self.shown.pop_front()).flatten()
    }

    fn start(&mut self) {
        if self.running.is_none()
            && let Some((key, path)) = self.waiting.pop_front()
        {
            self.running = Some((key, tokio::task::spawn_blocking(move || decode(&path))));
        }
    }
}

#[cfg(not(feature = "gui"))]
fn is_picture(_: &Path) -> bool {
    false // nobody would see it
}

#[cfg(not(feature = "gui"))]
fn decode(_: &Path) -> Preview {
    Preview::None
}

#[cfg(feature = "gui")]
use decoder::{decode, is_picture};

#[cfg(feature = "gui")]
mod decoder {
    use std::fs::File;
    use std::io::BufReader;
    use std::path::Path;
    use std::sync::Arc;

    use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

    use crate::model::transfer::{Picture, Preview, amount};

    /// Largest file that is looked at, bytes: a decoder may read all of it.
    const BYTES: u64 = 64_000_000;

    /// Most pixels of a picture that is decoded.
    const PIXELS: u64 = 20_000_000;

    /// Most memory that decoding one may take, bytes: [`PIXELS`] of 16 bits in four channels, and some.
    const MEMORY: u64 = 200 << 20;

    /// Longest side of what is shown, pixels.
    const SIDE: u32 = 640;

    /// By its name: the kinds that are decoded.
    pub(super) fn is_picture(path: &Path) -> bool {
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        ["png", "jpg", "jpeg"].iter().any(|known| kind.eq_ignore_ascii_case(known))
    }

    /// The picture in this file, upright, at most [`SIDE`] wide and high; or what is wrong with it.
    pub(super) fn decode(path: &Path) -> Preview {
        match small(path) {
            Ok(picture) => Preview::Picture(Arc::new(picture)),
            Err(Wrong::Large(pixels)) => {
                let (has, fits) = (pixels.div_ceil(1_000_000), PIXELS / 1_000_000);
                Preview::Broken(format!(
                    "this picture has {has} megapixels, and {fits} are shown here; open it in its folder"
                ))
            }
            Err(Wrong::Long(bytes)) => Preview::Broken(format!(
                "this picture takes {}, and up to {} are shown here; open it in its folder",
                amount(bytes),
                amount(BYTES)
            )),
            Err(Wrong::Image(e)) => {
                tracing::debug!("{}: {e}", path.display());
                Preview::Broken("this picture is damaged, or of another kind than its name says".to_owned())
            }
        }
    }

    enum Wrong {
        Large(u64),
        Long(u64),
        Image(image::ImageError),
    }

    impl From<image::ImageError> for Wrong {
        fn from(e: image::ImageError) -> Self {
            Self::Image(e)
        }
    }

    impl From<std::io::Error> for Wrong {
        fn from(e: std::io::Error) -> Self {
            Self::Image(image::ImageError::IoError(e))
        }
    }

    fn small(path: &Path) -> Result<Picture, Wrong> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        if bytes > BYTES {
            return Err(Wrong::Long(bytes));
        }
        let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format()?;
        let mut limits = Limits::default();
        limits.max_alloc = Some(MEMORY);
        reader.limits(limits);
        let mut decoder = reader.into_decoder()?;
        let (width, height) = decoder.dimensions();
        let pixels = u64::from(width) * u64::from(height);
        if pixels > PIXELS {
            return Err(Wrong::Large(pixels));
        }
        let upright = decoder.orientation()?;
        let mut whole = DynamicImage::from_decoder(decoder)?;
        if width.max(height) > SIDE {
            whole = whole.thumbnail(SIDE, SIDE);
        }
        whole.apply_orientation(upright);
        let shown = whole.into_rgba8();
        Ok(Picture { width: shown.width(), height: shown.height(), rgba: shown.into_raw() })
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use proptest::prelude::*;

        fn png(width: u32, height: u32) -> Vec<u8> {
            let mut file = std::io::Cursor::new(Vec::new());
            DynamicImage::new_rgb8(width, height).write_to(&mut file, image::ImageFormat::Png).unwrap();
            file.into_inner()
        }

        fn looked_at(name: &str, bytes: &[u8]) -> Preview {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            decode(&path)
        }

        #[test]
        fn a_picture_is_made_small_and_its_kind_is_seen_by_its_content() {
            let Preview::Picture(picture) = looked_at("a.jpg", &png(1280, 320)) else { panic!("no picture") };
            assert_eq!((picture.width, picture.height, picture.rgba.len()), (640, 160, 640 * 160 * 4));
            assert_eq!(picture.rgba[..4], [0, 0, 0, 255]);
            let Preview::Picture(picture) = looked_at("a.png", &png(3, 2)) else { panic!("no picture") };
            assert_eq!((picture.width, picture.height), (3, 2));
        }

        #[test]
        fn what_cannot_be_shown_is_refused_in_words() {
            let whole = png(64, 64);
            for broken in [&b""[..], b"no picture at all", &whole[..whole.len() / 2]] {
                let Preview::Broken(words) = looked_at("a.png", broken) else { panic!("{broken:?}") };
                assert!(words.contains("damaged"), "{words}");
            }
            // The size in the head alone: nothing so large is ever made.
            let mut huge = png(1, 1);
            huge[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
            let mut crc = png_crc(&huge[12..29]).to_be_bytes();
            huge[29..33].swap_with_slice(&mut crc);
            let Preview::Broken(words) = looked_at("a.png", &huge) else { panic!("so large") };
            assert!(words.contains("269 megapixels"), "{words}");
        }

        /// The checksum of a part of a PNG file.
        fn png_crc(bytes: &[u8]) -> u32 {
            let step = |crc: u32, byte: &u8| {
                (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { 0xEDB8_8320 ^ (c >> 1) } else { c >> 1 })
            };
            !bytes.iter().fold(u32::MAX, step)
        }

        #[test]
        fn only_what_is_called_like_a_picture_is_one() {
            for (name, is) in [("a.PNG", true), ("b.jpeg", true), ("c.JPG", true), ("d.pdf", false), ("png", false)] {
                assert_eq!(is_picture(Path::new(name)), is, "{name}");
            }
        }

        proptest! {
            #[test]
            fn no_content_panics(at in 0usize..200, byte: u8, cut in 0usize..300) {
                let mut bytes = png(16, 16);
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
                bytes.truncate(cut.max(1));
                looked_at("a.png", &bytes);
            }
        }
    }
}
