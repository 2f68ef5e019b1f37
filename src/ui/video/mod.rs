//! Pictures on the screen: three planes and a shader where there is OpenGL (`gl`), a texture otherwise (`soft`).
//!
//! A picture is converted and uploaded only when its slot holds another than before and it is to be seen: not while the
//! window is hidden, nor outside of the clip rectangle. Nor does such a picture ask for a frame. It was decoded all the same, so
//! that the newest is there at once when it is to be seen again. What was not asked for in a frame is let go. The largest
//! leads, and the others come along with it (see [`super::wake`]). Only one's own preview is ever mirrored.

mod gl;
mod soft;

use std::collections::HashMap;
use std::sync::Arc;

use eframe::egui::{Painter, Rect, pos2, vec2};

use crate::client::Handle;
use crate::model::frame::VideoFrame;
use crate::model::slot::Player;
use crate::model::snapshot::PlayerKey;

/// How a picture lies in its rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Corner radius, points.
    pub radius: f32,
    /// 1, or less to dim it.
    pub tint: f32,
    /// Left and right exchanged.
    pub mirror: bool,
}

type Wake = Arc<dyn Fn() + Send + Sync>;

/// Called from any thread when a picture that is shown changes.
pub struct Wakes {
    /// The one that leads.
    pub lead: Wake,
    /// Another one.
    pub follow: Wake,
}

/// What a picture does when it changes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Rests,
    Leads,
    Follows,
}

struct Track {
    player: Player,
    sequence: u64,
    frame: Option<Arc<VideoFrame>>,
    used: bool,
    /// How much of the window it had in the last frame where it was to be seen, square points.
    seen: f32,
    part: Part,
}

impl Track {
    fn new(player: Player) -> Self {
        let (sequence, frame) = (player.sequence(), player.newest());
        Self { player, sequence, frame, used: false, seen: 0.0, part: Part::Rests }
    }

    /// What it is to do when it changes.
    fn play(&mut self, part: Part, wakes: &Wakes) {
        if self.part != part {
            self.part = part;
            self.player.on_change(match part {
                Part::Rests => None,
                Part::Leads => Some(Arc::clone(&wakes.lead)),
                Part::Follows => Some(Arc::clone(&wakes.follow)),
            });
        }
    }
}

/// Every picture the window shows.
pub struct Videos {
    tracks: HashMap<PlayerKey, Track>,
    gl: Option<gl::Screen>,
    soft: soft::Textures,
    wakes: Wakes,
    hidden: bool,
}

impl Videos {
    /// Shows nothing yet.
    pub fn new(context: Option<Arc<eframe::glow::Context>>, wakes: Wakes) -> Self {
        let gl = context.filter(|context| gl::fits(context)).map(|_| gl::Screen::default());
        Self { tracks: HashMap::new(), gl, soft: soft::Textures::default(), wakes, hidden: false }
    }

    /// Sees what is new and lets go what nobody looked at since the last call. Once a frame, before anything is shown. `hidden`:
    /// nobody can see the window.
    pub fn begin(&mut self, handle: &Handle, hidden: bool) {
        self.hidden = hidden;
        self.tracks.retain(|_, track| {
            let keep = std::mem::take(&mut track.used);
            if !keep {
                track.play(Part::Rests, &self.wakes);
            }
            keep
        });
        let largest = self.tracks.iter().max_by(|(_, a), (_, b)| a.seen.total_cmp(&b.seen)).map(|(key, _)| *key);
        for (key, track) in &mut self.tracks {
            match handle.player(*key) {
                Some(player) if player.same(&track.player) => {}
                Some(player) => {
                    track.play(Part::Rests, &self.wakes);
                    *track = Track::new(player);
                }
                None => track.frame = None,
            }
            let newest = track.player.sequence();
            if newest != track.sequence {
                track.frame = track.player.newest();
                track.sequence = newest;
            }
            // Of one that is not there yet everything is new.
            let awaited = std::mem::take(&mut track.seen) > 0.0 || track.frame.is_none();
            let part = match Some(*key) == largest || track.frame.is_none() {
                _ if !awaited => Part::Rests,
                true => Part::Leads,
                false => Part::Follows,
            };
            track.play(part, &self.wakes);
        }
        self.soft.retain(|key| self.tracks.contains_key(key));
    }

    /// The size of the picture there is, in pixels; says that somebody looks.
    pub fn size(&mut self, handle: &Handle, key: PlayerKey) -> Option<(u32, u32)> {
        if !self.tracks.contains_key(&key) {
            let mut track = Track::new(handle.player(key)?);
            track.play(Part::Leads, &self.wakes);
            self.tracks.insert(key, track);
        }
        let track = self.tracks.get_mut(&key)?;
        track.used = true;
        track.frame.as_ref().map(|frame| (frame.width(), frame.height()))
    }

    /// Paints the picture into `area`, of which it fills `cover` (see [`fit`]).
    pub fn paint(&mut self, p: &Painter, key: PlayerKey, area: Rect, cover: Rect, look: Look) {
        let Some(track) = self.tracks.get_mut(&key) else { return };
        track.used = true;
        if self.hidden || !p.clip_rect().intersects(area) {
            return;
        }
        track.seen = area.area();
        if track.part == Part::Rests {
            track.play(Part::Leads, &self.wakes);
        }
        let Some(frame) = track.frame.clone() else { return };
        match &self.gl {
            Some(screen) => p.add(screen.shape(key, track.sequence, frame, area, cover, look)),
            None => p.add(self.soft.shape(p.ctx(), key, track.sequence, &frame, area, cover, look)),
        };
    }

    /// At the end of a frame: frees textures nobody shows.
    pub fn end(&self, p: &Painter) {
        if let Some(screen) = &self.gl
            && let Some(shape) = screen.purge(|key| self.tracks.get(key).is_some_and(|track| track.used))
        {
            p.add(shape);
        }
    }

    /// Nothing will be shown any more.
    pub fn close(&mut self, context: Option<&eframe::glow::Context>) {
        self.tracks.values_mut().for_each(|track| track.play(Part::Rests, &self.wakes));
        self.tracks.clear();
        if let (Some(screen), Some(context)) = (&self.gl, context) {
            screen.close(context);
        }
    }
}

/// Where a picture of `size` goes in `area` when at most `trim` (a share of each side) may be cut off: the rectangle to
/// paint, and the part of the picture (0…1) in it. What is not filled is left to letterboxes.
pub fn fit(size: (u32, u32), area: Rect, trim: f32) -> (Rect, Rect) {
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    let (w, h) = (size.0 as f32, size.1 as f32);
    if w < 1.0 || h < 1.0 || area.width() < 1.0 || area.height() < 1.0 {
        return (area, whole);
    }
    let (picture, place) = (w / h, area.width() / area.height());
    let keep = 1.0 - 2.0 * trim;
    if picture > place {
        let seen = (place / picture).max(keep);
        let shown = vec2(area.width(), (area.width() / (picture * seen)).min(area.height()));
        let left = (1.0 - seen) / 2.0;
        (Rect::from_center_size(area.center(), shown), Rect::from_min_max(pos2(left, 0.0), pos2(1.0 - left, 1.0)))
    } else {
        let seen = (picture / place).max(keep);
        let shown = vec2((area.height() * picture / seen).min(area.width()), area.height());
        let top = (1.0 - seen) / 2.0;
        (Rect::from_center_size(area.center(), shown), Rect::from_min_max(pos2(0.0, top), pos2(1.0, 1.0 - top)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(w: f32, h: f32) -> Rect {
        Rect::from_min_size(pos2(0.0, 0.0), vec2(w, h))
    }

    #[test]
    fn a_picture_of_the_same_shape_fills_its_place_untrimmed() {
        let (shown, part) = fit((1280, 720), area(640.0, 360.0), 0.05);
        assert_eq!(shown, area(640.0, 360.0));
        assert_eq!(part, area(1.0, 1.0));
    }

    #[test]
    fn at_most_a_twentieth_a_side_is_trimmed_and_the_rest_is_letterboxed() {
        for (w, h) in [(1280.0, 800.0), (700.0, 600.0), (400.0, 900.0), (1900.0, 400.0)] {
            for size in [(1280, 720), (640, 480), (720, 1280)] {
                let (shown, part) = fit(size, area(w, h), 0.05);
                assert!(part.left() <= 0.0501 && part.top() <= 0.0501, "{part:?}");
                assert!(area(w, h).expand(0.5).contains_rect(shown), "{shown:?}");
                let (seen_w, seen_h) = (size.0 as f32 * part.width(), size.1 as f32 * part.height());
                let stretch = (shown.width() / seen_w) / (shown.height() / seen_h);
                assert!((stretch - 1.0).abs() < 0.01, "{size:?} in {w}×{h}: {stretch}");
            }
        }
    }
}
