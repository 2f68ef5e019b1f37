//! Between the colour formats of cameras and screens and the I420 this program works with.
//!
//! Everything comes out as BT.601, limited range: what H.264 without further notice means. Odd sides lose their last row
//! or column. Rows may be padded: a source's stride is taken from the number of bytes it gave.

use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPackedImage, YuvPlanarImage, YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
    bgra_to_yuv420, rgb_to_yuv420, rgba_to_yuv420, yuv420_to_rgba, yuyv422_to_yuv420,
};

use crate::model::frame::{ColourMatrix, ColourRange, FrameError, VideoFrame};

/// Why a picture was not converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColourError {
    /// A size no frame can have.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Too few bytes for the size.
    #[error("{have} bytes for a picture that needs {need}")]
    Short {
        /// Bytes given.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// The library refused.
    #[error("the colours cannot be converted: {0}")]
    Library(String),
    /// A JPEG picture that cannot be read.
    #[error("a damaged JPEG picture: {0}")]
    Jpeg(String),
}

fn library(error: impl std::fmt::Display) -> ColourError {
    ColourError::Library(error.to_string())
}

/// Bytes from one row to the next, where `rows` rows of at least `least` bytes lie in `have` bytes.
fn stride(have: usize, rows: usize, least: usize) -> Result<usize, ColourError> {
    let short = ColourError::Short { have, need: least * rows };
    if rows == 0 || have < least * rows {
        return Err(short);
    }
    let padded = have / rows;
    // Bytes after the last row are no padding of rows.
    Ok(if have.is_multiple_of(rows) && padded < least + 256 { padded } else { least })
}

/// The even size inside this one, black.
fn even(width: u32, height: u32) -> Result<VideoFrame, ColourError> {
    Ok(VideoFrame::black(width & !1, height & !1, std::time::Duration::ZERO)?)
}

fn target(frame: &mut VideoFrame) -> YuvPlanarImageMut<'_, u8> {
    let (width, height) = (frame.width(), frame.height());
    let (y, u, v) = frame.planes_mut();
    YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y),
        y_stride: width,
        u_plane: BufferStoreMut::Borrowed(u),
        u_stride: width / 2,
        v_plane: BufferStoreMut::Borrowed(v),
        v_stride: width / 2,
        width,
        height,
    }
}

/// YUYV (YUY2, 4:2:2 packed), as most cameras give it. Of two rows' chroma one is kept.
///
/// # Errors
/// [`ColourError`] where bytes and size do not fit.
pub fn yuyv_to_i420(data: &[u8], width: u32, height: u32) -> Result<VideoFrame, ColourError> {
    let mut frame = even(width, height)?;
    let stride = stride(data.len(), height as usize, (width as usize).next_multiple_of(2) * 2)?;
    let source = YuvPackedImage {
        yuy: &data[..stride * frame.height() as usize],
        yuy_stride: stride as u32,
        width: frame.width(),
        height: frame.height(),
    };
    yuyv422_to_yuv420(&mut target(&mut frame), &source).map_err(library)?;
    Ok(frame)
}

/// NV12 (luma, then both chroma planes interleaved).
///
/// # Errors
/// [`ColourError`] where bytes and size do not fit.
pub fn nv12_to_i420(data: &[u8], width: u32, height: u32) -> Result<VideoFrame, ColourError> {
    let mut frame = even(width, height)?;
    let rows = height as usize + (height as usize).div_ceil(2);
    let stride = stride(data.len(), rows, (width as usize).next_multiple_of(2))?;
    let (luma, chroma) = data.split_at(stride * height as usize);
    let (w, h) = (frame.width() as usize, frame.height() as usize);
    let (y, u, v) = frame.planes_mut();
    for (to, from) in y.chunks_exact_mut(w).zip(luma.chunks(stride)) {
        to.copy_from_slice(&from[..w]);
    }
    let to = u.chunks_exact_mut(w / 2).zip(v.chunks_exact_mut(w / 2)).take(h / 2);
    for ((u, v), from) in to.zip(chroma.chunks(stride)) {
        for ((u, v), pair) in u.iter_mut().zip(v).zip(from.chunks_exact(2)) {
            (*u, *v) = (pair[0], pair[1]);
        }
    }
    Ok(frame)
}

/// Grey, one byte a pixel, full range.
///
/// # Errors
/// [`ColourError`] where bytes and size do not fit.
pub fn grey_to_i420(data: &[u8], width: u32, height: u32) -> Result<VideoFrame, ColourError> {
    let mut frame = even(width, height)?;
    let stride = stride(data.len(), height as usize, width as usize)?;
    let w = frame.width() as usize;
    for (to, from) in frame.planes_mut().0.chunks_exact_mut(w).zip(data.chunks(stride)) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = (16 + (u16::from(*from) * 219 + 127) / 255) as u8;
        }
    }
    Ok(frame)
}

/// RGB, three bytes a pixel, full range.
///
/// # Errors
/// [`ColourError`] where bytes and size do not fit.
pub fn rgb_to_i420(data: &[u8], width: u32, height: u32) -> Result<VideoFrame, ColourError> {
    let mut frame = even(width, height)?;
    let stride = stride(data.len(), height as usize, width as usize * 3)?;
    let data = &data[..stride * frame.height() as usize];
    let (range, matrix, mode) = (YuvRange::Limited, YuvStandardMatrix::Bt601, YuvConversionMode::Balanced);
    rgb_to_yuv420(&mut target(&mut frame), data, stride as u32, range, matrix, mode).map_err(library)?;
    Ok(frame)
}

/// RGBA, four bytes a pixel, full range; alpha is not looked at.
///
/// # Errors
/// [`ColourError`] where bytes and size do not fit.
pub fn rgba_to_i420(data: &[u8], width: u32, height: u32) -> Result<VideoFrame, ColourError> {
    let mut frame = even(width, height)?;
    let stride = stride(data.len(), height as usize, width as usize * 4)?;
    let data = &data[..stride * frame.height() as usize];
    let (range, matrix, mode) = (YuvRange::Limited, YuvStandardMatrix::Bt601, YuvConversionMode::Balanced);
    rgba_to_yuv420(&mut target(&mut frame), data, stride as u32, range, matrix, mode).map_err(library)?;
    Ok(frame)
}

/// BGRA, four bytes a pixel, full range, as screens give it; alpha is not looked at.
///
/// # Errors
/// [`ColourError`] where bytes and size do not fit.
pub fn bgra_to_i420(data: &[u8], width: u32, height: u32) -> Result<VideoFrame, ColourError> {
    let mut frame = even(width, height)?;
    let stride = stride(data.len(), height as usize, width as usize * 4)?;
    let data = &data[..stride * frame.height() as usize];
    let (range, matrix, mode) = (YuvRange::Limited, YuvStandardMatrix::Bt601, YuvConversionMode::Balanced);
    bgra_to_yuv420(&mut target(&mut frame), data, stride as u32, range, matrix, mode).map_err(library)?;
    Ok(frame)
}

/// One JPEG picture of a Motion JPEG stream.
///
/// # Errors
/// [`ColourError::Jpeg`] where it is damaged or larger than a frame can be.
#[cfg(feature = "gui")]
pub fn jpeg_to_i420(data: &[u8]) -> Result<VideoFrame, ColourError> {
    use zune_jpeg::JpegDecoder;
    use zune_jpeg::zune_core::bytestream::ZCursor;
    use zune_jpeg::zune_core::colorspace::ColorSpace;
    use zune_jpeg::zune_core::options::DecoderOptions;

    use crate::model::pool::Pooled;

    let side = VideoFrame::MAX_SIDE as usize;
    let options =
        DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB).set_max_width(side).set_max_height(side);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data), options);
    decoder.decode_headers().map_err(|e| ColourError::Jpeg(e.to_string()))?;
    let no_size = || ColourError::Jpeg("no size".to_owned());
    let (info, size) = (decoder.info().ok_or_else(no_size)?, decoder.output_buffer_size().ok_or_else(no_size)?);
    let mut rgb = Pooled::with_capacity(size);
    rgb.resize(size, 0);
    decoder.decode_into(&mut rgb).map_err(|e| ColourError::Jpeg(e.to_string()))?;
    rgb_to_i420(&rgb, u32::from(info.width), u32::from(info.height))
}

/// To RGBA, four bytes a pixel, opaque; `rgba` is brought to `width × height × 4` bytes.
///
/// # Errors
/// [`ColourError::Library`] where the library refuses.
pub fn i420_to_rgba(frame: &VideoFrame, rgba: &mut Vec<u8>) -> Result<(), ColourError> {
    let (width, height) = (frame.width(), frame.height());
    rgba.resize(width as usize * height as usize * 4, 255);
    let source = YuvPlanarImage {
        y_plane: frame.y(),
        y_stride: width,
        u_plane: frame.u(),
        u_stride: width / 2,
        v_plane: frame.v(),
        v_stride: width / 2,
        width,
        height,
    };
    let range = match frame.range {
        ColourRange::Limited => YuvRange::Limited,
        ColourRange::Full => YuvRange::Full,
    };
    let matrix = match frame.matrix {
        ColourMatrix::Bt601 => YuvStandardMatrix::Bt601,
        ColourMatrix::Bt709 => YuvStandardMatrix::Bt709,
    };
    yuv420_to_rgba(&source, rgba, width * 4, range, matrix).map_err(library)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BT.601, limited range, as ITU-R BT.601 writes it.
    fn naive(r: f64, g: f64, b: f64) -> [f64; 3] {
        let y = 0.299 * r + 0.587 * g + 0.114 * b;
        [16.0 + y * 219.0 / 255.0, 128.0 + (b - y) / 1.772 * 224.0 / 255.0, 128.0 + (r - y) / 1.402 * 224.0 / 255.0]
    }

    /// Squares of 2 × 2 pixels of one colour each, so that subsampling loses nothing.
    fn squares(width: usize, height: usize, bytes: usize) -> Vec<u8> {
        let mut data = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let n = (y / 2 * 31 + x / 2) * 37;
                data.extend([n as u8, (n / 3) as u8, (n / 7) as u8, 255].iter().take(bytes));
            }
        }
        data
    }

    #[test]
    fn rgb_becomes_what_the_standard_says() {
        for bytes in [3, 4] {
            let data = squares(48, 32, bytes);
            let frame = if bytes == 3 { rgb_to_i420(&data, 48, 32) } else { rgba_to_i420(&data, 48, 32) }.unwrap();
            for (i, pixel) in data.chunks(bytes).enumerate() {
                let (x, y) = (i % 48, i / 48);
                let wanted = naive(f64::from(pixel[0]), f64::from(pixel[1]), f64::from(pixel[2]));
                let chroma = y / 2 * 24 + x / 2;
                let got = [frame.y()[i], frame.u()[chroma], frame.v()[chroma]].map(f64::from);
                for (wanted, got) in wanted.iter().zip(got) {
                    assert!((wanted - got).abs() <= 2.0, "{pixel:?}: {wanted} but {got}");
                }
            }
        }
    }

    #[test]
    fn there_and_back_is_the_same_picture() {
        let data = squares(64, 48, 4);
        let mut back = Vec::new();
        i420_to_rgba(&rgba_to_i420(&data, 64, 48).unwrap(), &mut back).unwrap();
        let worst = data.iter().zip(&back).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(6), "{worst:?}");
        let turned: Vec<u8> = data.as_chunks().0.iter().flat_map(|&[r, g, b, a]| [b, g, r, a]).collect();
        assert_eq!(bgra_to_i420(&turned, 64, 48), rgba_to_i420(&data, 64, 48));
    }

    #[test]
    fn yuyv_keeps_luma_and_the_chroma_of_every_other_row() {
        let (w, h) = (36usize, 10usize);
        let data: Vec<u8> = (0..w * h * 2).map(|i| (i * 7 % 200 + 20) as u8).collect();
        let frame = yuyv_to_i420(&data, w as u32, h as u32).unwrap();
        for i in 0..w * h {
            assert_eq!(frame.y()[i], data[i * 2]);
        }
        for y in 0..h / 2 {
            for x in 0..w / 2 {
                let at = |row: usize, k: usize| data[row * w * 2 + x * 4 + k];
                for (plane, k) in [(frame.u(), 1), (frame.v(), 3)] {
                    let got = plane[y * w / 2 + x];
                    assert!(got == at(2 * y, k) || got == at(2 * y + 1, k), "{got} at {x}, {y}");
                }
            }
        }
    }

    #[test]
    fn odd_sides_lose_a_row_and_padded_rows_their_padding() {
        let (w, h, stride) = (7usize, 5usize, 12usize);
        let mut data = vec![9; stride * 8];
        for y in 0..h {
            for x in 0..w {
                data[y * stride + x] = (10 * y + x) as u8;
            }
        }
        for y in 0..3 {
            for x in 0..4 {
                data[(h + y) * stride + 2 * x] = 100 + (y * 4 + x) as u8;
                data[(h + y) * stride + 2 * x + 1] = 200 + (y * 4 + x) as u8;
            }
        }
        let frame = nv12_to_i420(&data, w as u32, h as u32).unwrap();
        assert_eq!((frame.width(), frame.height()), (6, 4));
        assert_eq!(&frame.y()[6..12], [10, 11, 12, 13, 14, 15]);
        assert_eq!((frame.u(), frame.v()), (&[100, 101, 102, 104, 105, 106][..], &[200, 201, 202, 204, 205, 206][..]));
    }

    #[test]
    fn too_few_bytes_and_impossible_sizes_are_errors() {
        let short = |have, need| Err(ColourError::Short { have, need });
        assert_eq!(yuyv_to_i420(&[0; 100], 16, 16), short(100, 512));
        assert_eq!(nv12_to_i420(&[0; 100], 16, 16), short(100, 384));
        assert_eq!(rgb_to_i420(&[0; 100], 16, 16), short(100, 768));
        assert_eq!(grey_to_i420(&[0; 100], 16, 16), short(100, 256));
        assert!(matches!(yuyv_to_i420(&[], 0, 0), Err(ColourError::Frame(_))));
        assert!(matches!(rgb_to_i420(&[], 10_000, 2), Err(ColourError::Frame(_))));
    }

    #[test]
    fn grey_is_brought_into_the_limited_range() {
        let frame = grey_to_i420(&[0, 255, 128, 0], 2, 2).unwrap();
        assert_eq!(frame.y(), [16, 235, 126, 16]);
        assert_eq!((frame.u(), frame.v()), (&[128][..], &[128][..]));
    }
}
