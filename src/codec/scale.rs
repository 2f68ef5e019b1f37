//! Pictures of another size.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::model::frame::{FrameError, VideoFrame};

/// Scales pictures, keeping its work space between them.
#[derive(Default)]
pub struct Scaler(Resizer);

impl Scaler {
    /// One without work space yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The picture at exactly this size, its shape not kept; times, matrix and range stay.
    ///
    /// # Errors
    /// [`FrameError::Size`] where no frame can have that size.
    pub fn resize(&mut self, frame: &VideoFrame, width: u32, height: u32) -> Result<VideoFrame, FrameError> {
        let mut out = VideoFrame::black(width, height, frame.media_time)?;
        (out.at, out.matrix, out.range) = (frame.at, frame.matrix, frame.range);
        // Bilinear, but wide enough to see every pixel when shrinking: as good as a call needs, at half the cost.
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        let (w, h) = (frame.width(), frame.height());
        let (y, u, v) = out.planes_mut();
        for (from, to, half) in [(frame.y(), y, 1), (frame.u(), u, 2), (frame.v(), v, 2)] {
            let size = |_| FrameError::Size(width, height);
            let from = TypedImageRef::<U8>::from_buffer(w / half, h / half, from).map_err(size)?;
            let mut to = TypedImage::<U8>::from_buffer(width / half, height / half, to).map_err(size)?;
            self.0.resize_typed(&from, &mut to, &options).map_err(|_| FrameError::Size(width, height))?;
        }
        Ok(out)
    }

    /// The picture shrunk, in its shape, to fit into this size; `None` where it fits already.
    ///
    /// # Errors
    /// [`FrameError::Size`] where no frame can be that small.
    pub fn shrink(&mut self, frame: &VideoFrame, width: u32, height: u32) -> Result<Option<VideoFrame>, FrameError> {
        let (w, h) = fitting((frame.width(), frame.height()), (width, height));
        if (w, h) == (frame.width(), frame.height()) { Ok(None) } else { self.resize(frame, w, h).map(Some) }
    }
}

/// The largest even size in the shape of `from` that is not larger than `from` nor `into`; at least 2 × 2.
pub fn fitting(from: (u32, u32), into: (u32, u32)) -> (u32, u32) {
    let share = |from: u32, into: u32| f64::from(into) / f64::from(from.max(1));
    let share = share(from.0, into.0).min(share(from.1, into.1));
    if share >= 1.0 {
        return from;
    }
    let side = |side: u32| ((f64::from(side) * share / 2.0).round() as u32 * 2).max(2);
    (side(from.0), side(from.1))
}

/// The picture shrunk, in its shape, to fit into this size, or as it is. For one picture now and then; a stream keeps a
/// [`Scaler`].
///
/// # Errors
/// [`FrameError::Size`] where no frame can be that small.
pub fn fit(frame: &VideoFrame, width: u32, height: u32) -> Result<VideoFrame, FrameError> {
    Ok(Scaler::new().shrink(frame, width, height)?.unwrap_or_else(|| frame.clone()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_shape_is_kept_and_sides_are_even() {
        assert_eq!(fitting((1920, 1080), (1280, 720)), (1280, 720));
        assert_eq!(fitting((640, 480), (1280, 720)), (640, 480));
        assert_eq!(fitting((1280, 1024), (1280, 720)), (900, 720));
        assert_eq!(fitting((720, 1280), (1280, 720)), (406, 720));
        assert_eq!(fitting((8192, 2), (64, 64)), (64, 2));
    }

    #[test]
    fn a_smaller_picture_is_the_mean_of_the_larger() {
        let mut frame = VideoFrame::black(64, 32, Duration::from_secs(3)).unwrap();
        for (i, y) in frame.planes_mut().0.iter_mut().enumerate() {
            *y = if i % 64 < 32 { 50 } else { 200 };
        }
        let small = fit(&frame, 16, 16).unwrap();
        assert_eq!((small.width(), small.height(), small.media_time), (16, 8, frame.media_time));
        for row in small.y().chunks(16) {
            assert!(row[..6].iter().all(|y| y.abs_diff(50) <= 1) && row[10..].iter().all(|y| y.abs_diff(200) <= 1));
        }
        assert!(small.u().iter().all(|u| *u == 128));
    }

    #[test]
    fn what_fits_is_not_touched() {
        let frame = VideoFrame::black(64, 32, Duration::ZERO).unwrap();
        assert_eq!(fit(&frame, 64, 64).unwrap(), frame);
        assert!(Scaler::new().resize(&frame, 3, 2).is_err());
    }
}
