//! Raw pictures and sound.

use std::time::{Duration, Instant};

use super::pool::Pooled;

/// Which RGB ↔ YUV matrix a picture was made with (ITU-T H.273 MatrixCoefficients).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColourMatrix {
    /// BT.601: cameras and small pictures.
    #[default]
    Bt601,
    /// BT.709: HD.
    Bt709,
}

/// Which luma values mean black and white.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColourRange {
    /// 16 … 235.
    #[default]
    Limited,
    /// 0 … 255.
    Full,
}

/// One picture in I420 (planar YUV 4:2:0), planes tight, without padding at the ends of rows.
///
/// Width and height are even and not zero; the planes have exactly their size. Shared as `Arc<VideoFrame>`. With the last
/// holder, the planes' memory goes back where the next picture takes it from ([`Pooled`]).
#[derive(Clone, PartialEq, Eq)]
pub struct VideoFrame {
    width: u32,
    height: u32,
    data: Pooled,
    /// When the picture was captured, on the timeline of its source (starts anywhere, never goes back).
    pub media_time: Duration,
    /// When it was captured (sent side) or decoded (received side) on this machine's monotonic clock.
    pub at: Option<Instant>,
    /// Matrix of the samples.
    pub matrix: ColourMatrix,
    /// Range of the samples.
    pub range: ColourRange,
}

/// Sizes or planes that no [`VideoFrame`] can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Odd, zero, or over [`VideoFrame::MAX_SIDE`].
    #[error("a picture of {0} × {1} is not possible; sides must be even, from 2 to 8192")]
    Size(u32, u32),
    /// The bytes do not fill the planes.
    #[error("{have} bytes for a picture that needs {need}")]
    Length {
        /// Bytes given.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
}

impl VideoFrame {
    /// Longest side in pixels.
    pub const MAX_SIDE: u32 = 8192;

    /// Bytes of an I420 picture of this size.
    ///
    /// # Errors
    /// [`FrameError::Size`] where no frame can have it.
    pub fn bytes(width: u32, height: u32) -> Result<usize, FrameError> {
        let fits = |side: u32| side.is_multiple_of(2) && (2..=Self::MAX_SIDE).contains(&side);
        if fits(width) && fits(height) {
            Ok(width as usize * height as usize * 3 / 2)
        } else {
            Err(FrameError::Size(width, height))
        }
    }

    /// A picture from the bytes of its three planes in turn: Y, U, V.
    ///
    /// # Errors
    /// [`FrameError`] where size and bytes do not fit.
    pub fn new(width: u32, height: u32, data: impl Into<Pooled>, media_time: Duration) -> Result<Self, FrameError> {
        let data = data.into();
        let need = Self::bytes(width, height)?;
        if data.len() != need {
            return Err(FrameError::Length { have: data.len(), need });
        }
        Ok(Self {
            width,
            height,
            data,
            media_time,
            at: None,
            matrix: ColourMatrix::default(),
            range: ColourRange::default(),
        })
    }

    /// A black picture.
    ///
    /// # Errors
    /// [`FrameError::Size`].
    pub fn black(width: u32, height: u32, media_time: Duration) -> Result<Self, FrameError> {
        let bytes = Self::bytes(width, height)?;
        let mut data = Pooled::with_capacity(bytes);
        data.resize((width * height) as usize, 16);
        data.resize(bytes, 128);
        Self::new(width, height, data, media_time)
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Luma, `width × height`.
    pub fn y(&self) -> &[u8] {
        &self.data[..self.luma()]
    }

    /// First chroma plane, `width/2 × height/2`.
    pub fn u(&self) -> &[u8] {
        &self.data[self.luma()..self.luma() * 5 / 4]
    }

    /// Second chroma plane, `width/2 × height/2`.
    pub fn v(&self) -> &[u8] {
        &self.data[self.luma() * 5 / 4..]
    }

    /// Y, U and V, to write into.
    pub fn planes_mut(&mut self) -> (&mut [u8], &mut [u8], &mut [u8]) {
        let luma = self.luma();
        let (y, chroma) = self.data.split_at_mut(luma);
        let (u, v) = chroma.split_at_mut(luma / 4);
        (y, u, v)
    }

    /// All three planes in turn.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The buffer back, to be filled again.
    pub fn into_data(self) -> Pooled {
        self.data
    }

    fn luma(&self) -> usize {
        self.width as usize * self.height as usize
    }
}

impl std::fmt::Debug for VideoFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VideoFrame({}×{} at {:?})", self.width, self.height, self.media_time)
    }
}

/// Sound inside the program: 48,000 samples a second, one channel, −1…1.
pub const SAMPLE_RATE: u32 = 48_000;

/// One tick of the audio thread: 10 ms.
pub const TICK_SAMPLES: usize = 480;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_have_exactly_their_size() {
        let frame = VideoFrame::black(64, 36, Duration::ZERO).unwrap();
        assert_eq!((frame.y().len(), frame.u().len(), frame.v().len()), (64 * 36, 32 * 18, 32 * 18));
        assert_eq!(
            VideoFrame::new(64, 36, vec![0; 10], Duration::ZERO),
            Err(FrameError::Length { have: 10, need: 64 * 36 * 3 / 2 })
        );
        for (w, h) in [(0, 2), (3, 2), (2, 8194)] {
            assert_eq!(VideoFrame::bytes(w, h), Err(FrameError::Size(w, h)));
        }
    }
}
