//! Pictures are converted and uploaded only where somebody can see them, counted by the textures that change.
#![cfg(feature = "gui")]
#![allow(clippy::unwrap_used, reason = "fixed values")]

mod gui_world;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eframe::egui::{Context, FullOutput, ImageData, Plugin, ViewportId, ViewportInfo, vec2};
use gui_world::window::*;
use visavis::model::frame::VideoFrame;
use visavis::model::slot::Player;
use visavis::model::snapshot::{PlayerKey, Snapshot};

/// Sizes by which the two pictures are told apart.
const ME: [usize; 2] = [320, 180];
const THEM: [usize; 2] = [640, 360];

struct Looking {
    window: Window,
    counted: Arc<Mutex<Uploads>>,
    me: Player,
    them: Player,
    turn: u8,
}

/// Uploads of one's own picture and of theirs, and how bright the newest of theirs is.
type Uploads = (usize, usize, Option<u8>);

/// Counts what changes of the textures.
struct Counter(Arc<Mutex<Uploads>>);

impl Plugin for Counter {
    fn debug_name(&self) -> &'static str {
        "uploads"
    }

    fn output_hook(&mut self, _ctx: &Context, output: &mut FullOutput) {
        let mut uploads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for delta in output.textures_delta.set.values().flatten() {
            let ImageData::Color(image) = &delta.image;
            if image.size == ME {
                uploads.0 += 1;
            } else if image.size == THEM {
                (uploads.1, uploads.2) = (uploads.1 + 1, Some(image.pixels[0].r()));
            }
        }
    }
}

fn grey(size: [usize; 2], luma: u8) -> Arc<VideoFrame> {
    let mut frame = VideoFrame::black(size[0] as u32, size[1] as u32, Duration::ZERO).unwrap();
    frame.planes_mut().0.fill(luma);
    Arc::new(frame)
}

impl Looking {
    fn at(snapshot: Snapshot, w: f32, h: f32) -> Self {
        let window = Window::sized(snapshot, w, h);
        let (me, them) = (Player::new(), Player::new());
        window.desk.set_player(PlayerKey::Preview, Some(me.clone()));
        window.desk.set_player(PlayerKey::Remote(gui_world::call_id()), Some(them.clone()));
        let counted = Arc::default();
        window.harness.ctx.add_plugin(Counter(Arc::clone(&counted)));
        Self { window, counted, me, them, turn: 0 }
    }

    fn viewport(&mut self, change: impl FnOnce(&mut ViewportInfo)) {
        change(self.window.harness.input_mut().viewports.entry(ViewportId::ROOT).or_default());
    }

    /// One frame.
    fn step(&mut self) -> Uploads {
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = (0, 0, None);
        self.window.harness.step();
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Five frames, before each of which a new picture came of both.
    fn watch(&mut self) -> (usize, usize) {
        let mut sum = (0, 0);
        for _ in 0..5 {
            self.turn = (self.turn + 1) % 5;
            self.me.put(grey(ME, 40 + self.turn));
            self.them.put(grey(THEM, 40 + self.turn));
            let (me, them, _) = self.step();
            sum = (sum.0 + me, sum.1 + them);
        }
        sum
    }
}

#[test]
fn what_is_seen_is_uploaded_once_a_picture() {
    let mut looking = Looking::at(connected(), 1280.0, 800.0);
    assert_eq!(looking.watch(), (5, 5));
    assert_eq!((looking.step(), looking.step()), ((0, 0, None), (0, 0, None)), "nothing is new");
}

#[test]
fn while_the_window_is_hidden_nothing_is_and_then_at_once_the_newest() {
    let mut looking = Looking::at(connected(), 1280.0, 800.0);
    assert_eq!(looking.watch(), (5, 5));
    let hides: [fn(&mut ViewportInfo, bool); 2] =
        [|info, hidden| info.minimized = Some(hidden), |info, hidden| info.occluded = Some(hidden)];
    for hide in hides {
        looking.viewport(|info| hide(info, true));
        assert_eq!(looking.watch(), (0, 0));
        looking.them.put(grey(THEM, 220));
        looking.viewport(|info| hide(info, false));
        assert!(matches!(looking.step(), (1, 1, Some(200..))), "the newest, in the first frame");
        assert_eq!(looking.watch(), (5, 5));
    }
}

#[test]
fn a_picture_that_is_not_on_the_screen_is_not() {
    // Theirs is off: there is a slot, and somebody puts pictures into it all the same.
    let mut snapshot = connected();
    gui_world::other(snapshot.call.as_mut().unwrap()).remote.camera_on = false;
    let mut looking = Looking::at(snapshot, 1280.0, 800.0);
    assert_eq!(looking.watch(), (5, 0));
    looking.window.publish(connected());
    assert_eq!(looking.watch(), (5, 5));
    // One's own is below the edge of a low window.
    let mut looking = Looking::at(gui_world::first_run(), 640.0, 480.0);
    for (height, seen) in [(480.0, 0), (1600.0, 5), (480.0, 0)] {
        looking.window.harness.set_size(vec2(640.0, height));
        looking.window.harness.run_steps(3);
        assert_eq!(looking.watch().0, seen, "{height}");
    }
}
