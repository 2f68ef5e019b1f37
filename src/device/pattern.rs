//! Pictures without a camera: a moving scene and colour bars, each with the time burned in.
//!
//! `pattern:scene` is a head that turns and leans before a still background, with grain over all, in a loop of 30
//! pictures: about as hard to encode as a person before a camera. The same scene, computed the same way, feeds browsers
//! in comparisons, so its arithmetic follows JavaScript's doubles. Its pictures are computed once for each size, when
//! first needed, and shared by all sources of that size.
//!
//! Both are paced by absolute deadlines: a picture is made when it is due; one that is due while the reader is late is
//! made at once if it is the newest, older ones are skipped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{VideoFormat, VideoRequest, VideoSource};
use crate::codec::timecode;
use crate::model::device::DeviceError;
use crate::model::frame::{FrameError, VideoFrame};
use crate::model::pool::Pooled;

/// When the pictures of a steady source are due.
pub(super) struct Pace {
    start: Instant,
    fps: f64,
    next: u64,
}

impl Pace {
    /// The first picture is due now.
    pub(super) fn new(fps: f64) -> Self {
        Self { start: Instant::now(), fps, next: 0 }
    }

    /// The time of picture `n` on the source's timeline.
    pub(super) fn time(&self, n: u64) -> Duration {
        Duration::from_secs_f64(n as f64 / self.fps)
    }

    /// Sleeps until the next picture is due, or for `limit`; tells its number.
    pub(super) fn wait(&mut self, limit: Duration) -> Option<u64> {
        let elapsed = self.start.elapsed();
        let due = self.time(self.next);
        if due > elapsed + limit {
            thread::sleep(limit);
            return None;
        }
        thread::sleep(due.saturating_sub(elapsed));
        let n = self.due(self.start.elapsed());
        self.next = n + 1;
        Some(n)
    }

    /// The newest picture that is due after `elapsed`, not counting those that were made.
    fn due(&self, elapsed: Duration) -> u64 {
        // A hair more, so that rounding never takes a picture that is due for one that is not.
        let newest = ((elapsed.as_secs_f64() + 1e-6) * self.fps) as u64;
        newest.max(self.next)
    }
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}

fn impossible(name: &str, e: FrameError) -> DeviceError {
    DeviceError::Format(name.to_owned(), e.to_string())
}

/// A picture made of these planes, stamped with the time and dated now.
fn finish(data: Pooled, format: &VideoFormat, time: Duration) -> Result<VideoFrame, DeviceError> {
    let frame = VideoFrame::new(format.width, format.height, data, time);
    let mut frame = frame.map_err(|e| impossible(&format.name, e))?;
    timecode::stamp(&mut frame, unix_ms());
    frame.at = Some(Instant::now());
    Ok(frame)
}

fn format(name: &str, request: VideoRequest) -> Result<VideoFormat, DeviceError> {
    let (width, height) = (request.width & !1, request.height & !1);
    VideoFrame::bytes(width, height).map_err(|e| impossible(name, e))?;
    Ok(VideoFormat { name: name.to_owned(), width, height, fps: request.fps.clamp(1, 240) as f32 })
}

/// `pattern:scene`.
pub(super) struct Scene {
    format: VideoFormat,
    pictures: Arc<Pictures>,
    pace: Pace,
}

impl Scene {
    pub(super) fn open(request: VideoRequest) -> Result<Self, DeviceError> {
        let format = format("pattern:scene", request)?;
        let pictures = Pictures::shared(format.width, format.height);
        Ok(Self { pace: Pace::new(f64::from(format.fps)), format, pictures })
    }
}

impl VideoSource for Scene {
    fn format(&self) -> VideoFormat {
        self.format.clone()
    }

    fn next(&mut self, limit: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        let Some(n) = self.pace.wait(limit) else { return Ok(None) };
        let luma = self.pictures.luma(n);
        let mut data = Pooled::with_capacity(luma.len() * 3 / 2);
        data.extend_from_slice(luma);
        data.resize(luma.len() * 3 / 2, 128);
        finish(data, &self.format, self.pace.time(n)).map(Some)
    }
}

/// `pattern:bars`: eight colour bars of 75 %, a white square that walks below them.
pub(super) struct Bars {
    format: VideoFormat,
    still: VideoFrame,
    pace: Pace,
}

impl Bars {
    pub(super) fn open(request: VideoRequest) -> Result<Self, DeviceError> {
        // 75 % bars of SMPTE RP 219 in BT.601, from white to black.
        const COLOURS: [(u8, u8, u8); 8] = [
            (180, 128, 128),
            (162, 44, 142),
            (131, 156, 44),
            (112, 72, 58),
            (84, 184, 198),
            (65, 100, 212),
            (35, 212, 114),
            (16, 128, 128),
        ];
        let format = format("pattern:bars", request)?;
        let still = VideoFrame::black(format.width, format.height, Duration::ZERO);
        let mut still = still.map_err(|e| impossible(&format.name, e))?;
        let width = format.width as usize;
        let (y, u, v) = still.planes_mut();
        let colour = |x: usize, width: usize| COLOURS[(x * COLOURS.len() / width).min(COLOURS.len() - 1)];
        for (i, y) in y.iter_mut().enumerate() {
            *y = colour(i % width, width).0;
        }
        for (i, (u, v)) in u.iter_mut().zip(v).enumerate() {
            (_, *u, *v) = colour(i % (width / 2), width / 2);
        }
        Ok(Self { pace: Pace::new(f64::from(format.fps)), format, still })
    }
}

impl VideoSource for Bars {
    fn format(&self) -> VideoFormat {
        self.format.clone()
    }

    fn next(&mut self, limit: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        let Some(n) = self.pace.wait(limit) else { return Ok(None) };
        let time = self.pace.time(n);
        let mut frame = self.still.clone();
        let (width, height) = (self.format.width as usize, self.format.height as usize);
        let side = (height / 8).min(width);
        // Across in four seconds, at the same speed whatever the rate.
        let left = ((time.as_secs_f64() / 4.0).fract() * (width - side) as f64) as usize;
        let (y, _, _) = frame.planes_mut();
        for row in y.chunks_exact_mut(width).skip(height * 3 / 4).take(side) {
            row[left..left + side].fill(235);
        }
        finish(frame.into_data(), &self.format, time).map(Some)
    }
}

/// Pictures of the scene before it repeats.
const LOOP: usize = 30;

/// The scene in one size: luma only, there is no colour in it.
struct Pictures {
    width: u32,
    height: u32,
    luma: [OnceLock<Vec<u8>>; LOOP],
}

impl Pictures {
    /// The one that all sources of this size share, freed with the last of them.
    fn shared(width: u32, height: u32) -> Arc<Self> {
        type BySize = HashMap<(u32, u32), Weak<Pictures>>;
        static ALL: OnceLock<Mutex<BySize>> = OnceLock::new();
        let mut all = ALL.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, pictures| pictures.strong_count() > 0);
        all.get(&(width, height)).and_then(Weak::upgrade).unwrap_or_else(|| {
            let pictures = Arc::new(Self { width, height, luma: Default::default() });
            all.insert((width, height), Arc::downgrade(&pictures));
            pictures
        })
    }

    fn luma(&self, n: u64) -> &[u8] {
        let n = (n % LOOP as u64) as usize;
        self.luma[n].get_or_init(|| draw(self.width as usize, self.height as usize, n))
    }
}

const SIDE: usize = 256;

/// Smooth noise, octave by octave.
fn texture() -> &'static [f32] {
    static TEXTURE: OnceLock<Vec<f32>> = OnceLock::new();
    TEXTURE.get_or_init(|| {
        let mut seed = 12_345u32;
        let mut random = || {
            // In doubles, with their rounding, as the browser's page computes it.
            let next = f64::from(seed) * 1_103_515_245.0 + 12_345.0;
            seed = (next as u64 as u32) & 0x7fff_ffff;
            f64::from(seed) / f64::from(0x7fff_ffffu32)
        };
        let mut texture = vec![0f32; SIDE * SIDE];
        let (mut octave, mut amplitude) = (1, 48.0);
        while octave <= 32 {
            let n = (8 * octave).min(SIDE);
            let grid: Vec<f32> = (0..n * n).map(|_| (random() * 2.0 - 1.0) as f32).collect();
            let at = |i: usize, j: usize| f64::from(grid[j % n * n + i % n]);
            for y in 0..SIDE {
                for x in 0..SIDE {
                    let (fx, fy) = ((x * n) as f64 / SIDE as f64, (y * n) as f64 / SIDE as f64);
                    let (x0, y0) = (fx as usize, fy as usize);
                    let (u, v) = (fx - x0 as f64, fy - y0 as f64);
                    let upper = at(x0, y0) * (1.0 - u) + at(x0 + 1, y0) * u;
                    let lower = at(x0, y0 + 1) * (1.0 - u) + at(x0 + 1, y0 + 1) * u;
                    let t = &mut texture[y * SIDE + x];
                    *t = (f64::from(*t) + amplitude * (upper * (1.0 - v) + lower * v)) as f32;
                }
            }
            octave *= 2;
            amplitude *= 0.62;
        }
        texture
    })
}

/// Luma of picture `f` of the loop.
fn draw(width: usize, height: usize, f: usize) -> Vec<u8> {
    let texture = texture();
    let (w, h) = (width as f64, height as f64);
    let p = std::f64::consts::TAU * f as f64 / LOOP as f64;
    let (hx, hy) = (w * (0.5 + 0.10 * p.sin()), h * (0.55 + 0.05 * (2.0 * p).sin()));
    let (rx, ry, s) = (w * 0.22, h * 0.42, 640.0 / w);
    // The head turns, leans and changes expression; behind it a still background; grain over all.
    let columns: Vec<(f64, f64, f64, f64)> = (0..width)
        .map(|x| {
            let x = x as f64;
            let dx = (x - hx) / rx;
            (dx * dx, (x - hx) * s + 400.0, 3.0 * (p * 3.0 + x * s / 50.0).cos() + 400.0, x * s * 0.5)
        })
        .collect();
    let wrap = |t: f64| (t as i32 & 255) as usize;
    let mut luma = Vec::with_capacity(width * height);
    for y in 0..height {
        let fy = y as f64;
        let dy = (fy - hy) / ry;
        let (dy2, bend, lean, behind) =
            (dy * dy, 6.0 * (p * 2.0 + fy * s / 40.0).sin(), (fy - hy) * s, wrap(fy * s * 0.5));
        luma.extend(columns.iter().enumerate().map(|(x, &(dx2, tx, ty, still))| {
            let (base, t) = if dx2 + dy2 < 1.0 {
                (140.0, f64::from(texture[wrap(lean + ty) * SIDE + wrap(tx + bend)]))
            } else {
                (100.0, f64::from(texture[behind * SIDE + wrap(still)]) * 0.5)
            };
            let grain = (((x * 7 + y * 13 + f * 31) as u64 * 2_654_435_761) as u32 >> 28) as f64 / 15.0 * 4.0 - 2.0;
            (base + t + grain).clamp(16.0, 235.0) as u8
        }));
    }
    luma
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(width: u32, height: u32, fps: u32) -> VideoRequest {
        VideoRequest { width, height, fps }
    }

    fn next(source: &mut dyn VideoSource) -> VideoFrame {
        loop {
            if let Some(frame) = source.next(Duration::from_secs(1)).unwrap() {
                return frame;
            }
        }
    }

    #[test]
    fn the_scene_is_the_one_the_browser_draws() {
        // FNV-1a over luma, of the page's own JavaScript run by V8.
        let hash = |bytes: &[u8]| {
            let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
            bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
        };
        assert_eq!(hash(&draw(160, 90, 0)), 0x3f23_4b2e_9f0d_ea8a);
        assert_eq!(hash(&draw(160, 90, 7)), 0xdb17_1a93_56d6_74e5);
        assert_eq!(hash(&draw(320, 180, 29)), 0x8894_06c8_16c6_1288);
    }

    #[test]
    fn pictures_carry_the_time_and_move() {
        let size = request(320, 180, 240);
        let sources: [Box<dyn VideoSource>; 2] =
            [Box::new(Scene::open(size).unwrap()), Box::new(Bars::open(size).unwrap())];
        for mut source in sources {
            let before = unix_ms();
            let frames: Vec<_> = (0..20).map(|_| next(source.as_mut())).collect();
            for pair in frames.windows(2) {
                assert!(pair[0].media_time < pair[1].media_time && pair[0].at < pair[1].at);
            }
            let below = |frame: &VideoFrame| frame.y()[320 * 60..].to_vec();
            assert!(frames.windows(2).any(|pair| below(&pair[0]) != below(&pair[1])));
            for frame in frames {
                let age = timecode::age(timecode::read(&frame).unwrap(), unix_ms() + 1000).unwrap();
                assert!(u64::from(age) <= unix_ms() + 1000 - before);
            }
        }
    }

    #[test]
    fn pictures_come_at_their_deadlines_and_late_ones_are_skipped() {
        let pace = |next| Pace { start: Instant::now(), fps: 30.0, next };
        let ms = Duration::from_millis;
        assert_eq!(pace(0).due(ms(0)), 0);
        assert_eq!(pace(1).due(ms(34)), 1);
        assert_eq!(pace(1).due(pace(1).time(1)), 1, "rounding takes nothing away");
        assert_eq!(pace(1).due(ms(20)), 1, "woken early, it is still the next");
        assert_eq!(pace(2).due(ms(1010)), 30, "28 were missed, none comes in a burst");
        assert_eq!(pace(31).wait(ms(5)), None);
        assert_eq!(pace(1_000_000).time(30), Duration::from_secs(1));
    }

    #[test]
    fn the_first_picture_waits_for_no_other() {
        let mut scene = Scene::open(request(1280, 722, 30)).unwrap();
        assert_eq!(scene.pictures.luma.iter().filter(|luma| luma.get().is_some()).count(), 0);
        assert!(scene.next(Duration::from_secs(1)).unwrap().is_some());
        assert_eq!(scene.pictures.luma.iter().filter(|luma| luma.get().is_some()).count(), 1);
    }

    #[test]
    fn sources_of_one_size_share_their_pictures() {
        let (a, b) = (Pictures::shared(70, 40), Pictures::shared(70, 40));
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!(a.luma(3).as_ptr(), b.luma(33).as_ptr());
        assert!(!Arc::ptr_eq(&a, &Pictures::shared(72, 40)));
    }

    #[test]
    fn impossible_sizes_are_refused_and_odd_ones_made_even() {
        assert!(matches!(Scene::open(request(0, 90, 30)), Err(DeviceError::Format(..))));
        assert!(matches!(Bars::open(request(100_000, 90, 30)), Err(DeviceError::Format(..))));
        let mut odd = Bars::open(request(161, 91, 1000)).unwrap();
        let frame = next(&mut odd);
        assert_eq!((frame.width(), frame.height(), odd.format().fps), (160, 90, 240.0));
        for (width, height) in [(2, 2), (2, 600), (600, 2), (38, 20)] {
            next(&mut Scene::open(request(width, height, 60)).unwrap());
            next(&mut Bars::open(request(width, height, 60)).unwrap());
        }
    }
}
