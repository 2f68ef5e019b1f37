//! Cameras: V4L2 itself on Linux, nokhwa (AVFoundation, Media Foundation) elsewhere.
//!
//! Not nokhwa on Linux, because there it cannot open a camera that happens to stand at a fractional rate (12.5 or 29.97
//! pictures a second), waits for a picture without a limit, and passes the system's errors on as text.
//!
//! Both do the same: ask for the formats, try them in the order of how near they come to what is wanted, take the first
//! that works. What a camera then really delivers is taken as it is.

#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(target_os = "linux")]
mod v4l2;

#[cfg(not(target_os = "linux"))]
pub(super) use other::{Camera, list};
#[cfg(target_os = "linux")]
pub(super) use v4l2::{Camera, list};

use super::VideoRequest;
use crate::codec::colour::{self, ColourError};
use crate::model::frame::VideoFrame;

/// Formats tried before giving up: enough for a camera that lists what it cannot do, and not for ever.
const TRIES: usize = 8;

/// Damaged pictures in a row after which a camera counts as broken.
const DAMAGED: u32 = 90;

/// How a camera lays out its pixels; in the order of what they cost to convert and to carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layout {
    Nv12,
    Yuyv,
    Mjpeg,
    Rgb,
    Bgr,
    Grey,
}

impl Layout {
    /// To I420.
    fn convert(self, data: &[u8], width: u32, height: u32) -> Result<VideoFrame, ColourError> {
        match self {
            Self::Nv12 => colour::nv12_to_i420(data, width, height),
            Self::Yuyv => colour::yuyv_to_i420(data, width, height),
            Self::Mjpeg => colour::jpeg_to_i420(data),
            Self::Rgb => colour::rgb_to_i420(data, width, height),
            Self::Bgr => {
                let rgb: Vec<u8> = data.as_chunks().0.iter().flat_map(|&[b, g, r]| [r, g, b]).collect();
                colour::rgb_to_i420(&rgb, width, height)
            }
            Self::Grey => colour::grey_to_i420(data, width, height),
        }
    }
}

/// One way a camera offers to work.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Offer {
    layout: Layout,
    width: u32,
    height: u32,
    /// Seconds from picture to picture, as numerator and denominator.
    interval: (u32, u32),
}

impl Offer {
    fn fps(&self) -> f32 {
        self.interval.1 as f32 / self.interval.0.max(1) as f32
    }
}

/// The offers from the best to the worst for this request: not under half the rate, enough pixels, enough pictures a
/// second, then as little more of both as there is, then what is cheapest.
fn ranked(mut offers: Vec<Offer>, request: VideoRequest) -> Vec<Offer> {
    let rank = |offer: &Offer| {
        let missing = request.width.saturating_sub(offer.width) + request.height.saturating_sub(offer.height);
        let surplus = offer.width.saturating_sub(request.width) + offer.height.saturating_sub(request.height);
        // In whole ones: 29.97 is as good as 30.
        let (wanted, given) = (request.fps, offer.fps().round() as u32);
        let slow = wanted.saturating_sub(given);
        (slow * 2 > wanted, missing, slow, surplus, given.saturating_sub(wanted), offer.layout)
    };
    offers.sort_by_key(rank);
    offers.dedup();
    offers.truncate(TRIES);
    offers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(width: u32, height: u32, fps: u32) -> VideoRequest {
        VideoRequest { width, height, fps }
    }

    fn offer(width: u32, height: u32, layout: Layout, interval: (u32, u32)) -> Offer {
        Offer { layout, width, height, interval }
    }

    #[test]
    fn the_offer_that_comes_nearest_is_tried_first() {
        let offers = vec![
            offer(640, 480, Layout::Yuyv, (1, 30)),
            offer(1280, 720, Layout::Yuyv, (1, 10)),
            offer(1280, 720, Layout::Mjpeg, (1001, 30_000)),
            offer(1280, 720, Layout::Mjpeg, (2, 25)),
            offer(1920, 1080, Layout::Mjpeg, (1, 30)),
        ];
        let first = |request| ranked(offers.clone(), request)[0];
        assert_eq!(first(request(1280, 720, 30)), offers[2], "not 10 pictures a second");
        assert_eq!(first(request(640, 360, 30)), offers[0]);
        assert_eq!(first(request(1600, 900, 30)), offers[4]);
        assert_eq!(ranked(offers.clone(), request(1280, 720, 30)).len(), 5, "the others stay as fallbacks");
    }

    #[test]
    fn every_layout_is_converted_or_refused() {
        let data = vec![100; 64 * 48 * 3];
        for layout in [Layout::Nv12, Layout::Yuyv, Layout::Rgb, Layout::Bgr, Layout::Grey] {
            let frame = layout.convert(&data, 64, 48).unwrap();
            assert!((90..=104).contains(&frame.y()[0]), "{layout:?}: {}", frame.y()[0]);
            assert!(layout.convert(&data[..100], 64, 48).is_err(), "{layout:?}");
        }
        assert!(matches!(Layout::Mjpeg.convert(&data, 64, 48), Err(ColourError::Jpeg(_))));
    }
}
