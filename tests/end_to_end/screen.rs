//! What the display shows, as pixels.

use super::desktop::Desktop;

/// A picture of the whole screen or a part of it.
pub struct Picture {
    /// Width, pixels.
    pub width: usize,
    /// Height, pixels.
    pub height: usize,
    rgb: Vec<u8>,
}

/// A rectangle on the screen, pixels.
#[derive(Debug, Clone, Copy)]
pub struct Area {
    /// Left edge.
    pub x: i32,
    /// Upper edge.
    pub y: i32,
    /// Width.
    pub width: i32,
    /// Height.
    pub height: i32,
}

impl Picture {
    /// Looks at the screen now.
    pub fn take(desktop: &Desktop) -> Self {
        Self::of(desktop, "root").expect("a screenshot")
    }

    /// Looks at one window now; `None` where it is not there any more.
    pub fn of(desktop: &Desktop, window: &str) -> Option<Self> {
        Self::from_ppm(&desktop.run("import", &["-silent", "-window", window, "-depth", "8", "ppm:-"])?)
    }

    fn from_ppm(bytes: &[u8]) -> Option<Self> {
        // "P6", width, height, largest value, each followed by one white space, then the pixels
        let (mut at, mut words) = (0, Vec::new());
        while words.len() < 4 {
            let length = bytes[at..].iter().position(u8::is_ascii_whitespace)?;
            words.push(std::str::from_utf8(&bytes[at..at + length]).ok()?);
            at += length + 1;
        }
        let [magic, width, height, _] = words[..] else { return None };
        let (width, height) = (width.parse().ok()?, height.parse().ok()?);
        let rgb = bytes.get(at..at + width * height * 3)?.to_vec();
        (magic == "P6").then_some(Self { width, height, rgb })
    }

    /// Keeps it as a file, for people to look at.
    pub fn save(&self, path: &std::path::Path) {
        let mut bytes = format!("P6 {} {} 255\n", self.width, self.height).into_bytes();
        bytes.extend(&self.rgb);
        let _ = std::fs::create_dir_all(path.parent().expect("a folder"));
        let _ = std::fs::write(path, bytes); // only an aid: a full disk is no failure of the program
    }

    /// The colour at a point, black outside.
    pub fn at(&self, x: i32, y: i32) -> [u8; 3] {
        let inside = x >= 0 && y >= 0 && (x as usize) < self.width && (y as usize) < self.height;
        let start = if inside { (y as usize * self.width + x as usize) * 3 } else { return [0; 3] };
        [self.rgb[start], self.rgb[start + 1], self.rgb[start + 2]]
    }

    /// Share of an area's pixels that are this colour, each channel ± `tolerance`.
    pub fn share(&self, area: Area, colour: [u8; 3], tolerance: u8) -> f64 {
        self.count(area, |seen| (0..3).all(|n| seen[n].abs_diff(colour[n]) <= tolerance))
    }

    /// Share of an area's pixels that are grey, neither dark nor bright.
    pub fn greys(&self, area: Area) -> f64 {
        self.count(area, |[r, g, b]| (60..=200).contains(&g) && r.abs_diff(g) <= 4 && b.abs_diff(g) <= 4)
    }

    /// Share of an area's pixels that fit; every second one each way is looked at.
    fn count(&self, area: Area, fits: impl Fn([u8; 3]) -> bool) -> f64 {
        let (mut hits, mut all) = (0u32, 0u32);
        for y in (area.y..area.y + area.height).step_by(2) {
            for x in (area.x..area.x + area.width).step_by(2) {
                all += 1;
                hits += u32::from(fits(self.at(x, y)));
            }
        }
        f64::from(hits) / f64::from(all.max(1))
    }
}
