//! The thread `cap-…`: opens the source while it is wanted, brings its pictures to one timeline, size and rate, and hands
//! them to the preview and the encoder.
//!
//! Invariant: the media time of what it hands over always rises, whatever the sources do.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::{Captured, Shared, VideoKind, Wishes};
use crate::codec::scale::Scaler;
use crate::device::{VideoFormat, VideoRequest, VideoSource};
use crate::model::device::{DeviceError, DeviceState};
use crate::model::frame::VideoFrame;

/// Longest wait for a picture before the wishes are looked at again. Switching off takes no longer than this.
const LOOK: Duration = Duration::from_millis(100);

/// Least time between two pictures: one tick of the encoder's clock.
const TICK: Duration = Duration::from_millis(1);

/// How often a picture that stands still is sent again, that of a source that is paused or the black one: nobody misses
/// the newest picture, so nobody asks for it where it got lost.
const STILL: Duration = Duration::from_secs(1);

/// The black picture the second time. Chromium leaves a picture on the screen that came less than its own time before
/// the one that is the last.
const AGAIN: Duration = Duration::from_millis(100);

/// A source that is open.
struct Open {
    source: Box<dyn VideoSource>,
    format: VideoFormat,
    opening: u64,
    request: VideoRequest,
    next: Duration,
    /// What it gave last.
    last: Option<Arc<VideoFrame>>,
    paused: bool,
}

/// The thread `cap-…`.
pub(super) struct Capture<'a> {
    shared: &'a Shared,
    scaler: Scaler,
    open: Option<Open>,
    /// What is open, or was last.
    kind: VideoKind,
    /// The opening that failed: not tried again before the next wish.
    failed: u64,
    /// When the black picture goes out next, and how long after that again, while nothing is open.
    black: Option<(Instant, Duration)>,
    /// Media time of the newest picture.
    time: Duration,
}

impl<'a> Capture<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        let (scaler, kind) = (Scaler::new(), VideoKind::Camera);
        Self { shared, scaler, open: None, kind, failed: 0, black: None, time: Duration::ZERO }
    }

    pub(super) fn run(mut self) {
        while let Some((wanted, opening)) = self.wait_for_work() {
            if self.open.as_ref().is_some_and(|open| !wanted || open.opening != opening) {
                self.close(DeviceState::Closed, None);
            } else if let Some(open) = &mut self.open {
                match open.source.next(LOOK) {
                    Ok(Some(frame)) => self.captured(frame),
                    Ok(None) => {}
                    Err(e) => self.fail(opening, e),
                }
            } else if wanted {
                self.open(opening);
            } else if self.black.is_some_and(|(due, _)| due <= Instant::now()) {
                self.go_black();
            }
        }
        self.close(DeviceState::Closed, None);
    }

    /// Waits until there is something to do; `None` when it is over.
    fn wait_for_work(&mut self) -> Option<(bool, u64)> {
        let idle = |wishes: &mut Wishes| {
            let to_open = wishes.wanted() && wishes.opening != self.failed;
            !wishes.stop && self.open.is_none() && !to_open
        };
        let (changed, wishes) = (&self.shared.changed, self.shared.lock());
        let wishes = match self.black.map(|(due, _)| due.saturating_duration_since(Instant::now())) {
            Some(wait) => changed.wait_timeout_while(wishes, wait, idle).unwrap_or_else(PoisonError::into_inner).0,
            // Without a limit, because every wish notifies and `stop` is one of them.
            None => changed.wait_while(wishes, idle).unwrap_or_else(PoisonError::into_inner),
        };
        let wanted = wishes.wanted() && wishes.opening != self.failed;
        (!wishes.stop).then_some((wanted, wishes.opening))
    }

    fn open(&mut self, opening: u64) {
        // All of one moment, for what is wished may have changed again.
        let (input, request, opening) = {
            let wishes = self.shared.lock();
            (wishes.input.clone(), wishes.request, wishes.opening.max(opening))
        };
        self.kind = input.kind();
        self.shared.set_state(self.kind, DeviceState::Opening, None);
        match input.open(request) {
            Ok(source) => {
                let format = source.format();
                let state = DeviceState::Open { id: source.id(), name: format.name.clone(), format: format.sentence() };
                self.shared.set_state(self.kind, state, Some(opening));
                self.black = None;
                self.open =
                    Some(Open { source, format, opening, request, next: Duration::ZERO, last: None, paused: false });
            }
            Err(e) => self.fail(opening, e),
        }
    }

    fn fail(&mut self, opening: u64, error: DeviceError) {
        tracing::warn!(%error, "no picture");
        self.failed = opening;
        self.close(DeviceState::Failed(error), Some(opening));
    }

    fn close(&mut self, state: DeviceState, opening: Option<u64>) {
        if self.open.take().is_some() {
            self.shared.lock().unsent = None;
            self.shared.preview.clear();
        }
        self.black = self.black.or_else(|| self.shared.lock().sent.map(|_| (Instant::now(), AGAIN)));
        self.shared.set_state(self.kind, state, opening);
    }

    fn captured(&mut self, mut frame: VideoFrame) {
        let Some(open) = &mut self.open else { return };
        let paused = self.shared.lock().paused;
        if paused && open.last.is_none() {
            return; // it was opened anew meanwhile: the others keep what they have
        }
        if std::mem::replace(&mut open.paused, paused) != paused {
            open.next = Duration::ZERO;
        }
        // One timeline for all sources, so that the encoder and the transport never see it jump.
        let at = *frame.at.get_or_insert_with(Instant::now);
        frame.media_time = at.saturating_duration_since(self.shared.epoch).max(self.time + TICK);
        let period = if paused { STILL } else { Duration::from_secs(1) / open.request.fps.max(1) };
        if frame.media_time + period / 4 < open.next {
            return;
        }
        open.next = open.next.max(frame.media_time.saturating_sub(period)) + period;
        if let Some(still) = open.last.as_deref().filter(|_| paused) {
            let (at, media_time) = (frame.at, frame.media_time);
            frame = still.clone();
            (frame.at, frame.media_time) = (at, media_time);
        } else {
            match self.scaler.shrink(&frame, open.request.width, open.request.height) {
                Ok(Some(smaller)) => frame = smaller,
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "not scaled"),
            }
        }
        let fps = open.format.fps.min(open.request.fps as f32);
        self.time = frame.media_time;
        let frame = Arc::new(frame);
        open.last = Some(Arc::clone(&frame));
        let captured = Captured { frame: Arc::clone(&frame), fps, kind: self.kind, last: false };
        {
            let mut wishes = self.shared.lock();
            wishes.captured += 1;
            if wishes.outputs.is_empty() {
                wishes.unsent = Some(captured);
            } else {
                self.shared.to_encode(&mut wishes, &captured);
            }
        }
        // overflow: newest wins
        self.shared.preview.put(frame);
    }

    /// What the other side sees last is black.
    fn go_black(&mut self) {
        let Some((_, wait)) = self.black.take() else { return };
        let size = {
            let mut wishes = self.shared.lock();
            if wishes.outputs.is_empty() {
                wishes.sent = None;
            }
            wishes.sent
        };
        let Some((width, height)) = size else { return };
        let now = Instant::now();
        self.black = Some((now + wait, STILL));
        self.time = now.saturating_duration_since(self.shared.epoch).max(self.time + TICK);
        if let Ok(mut frame) = VideoFrame::black(width, height, self.time) {
            frame.at = Some(now);
            let captured = Captured { frame: Arc::new(frame), fps: 30.0, kind: self.kind, last: true };
            // overflow: newest wins; an encoder without an output makes nothing of it
            self.shared.to_encoders.iter().for_each(|slot| slot.put(captured.clone()));
        }
    }
}

impl Drop for Capture<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A driver's binding gave up. The program goes on and says so; only a new publisher can try again.
            self.shared.preview.clear();
            let why = "its driver failed".to_owned();
            let state = DeviceState::Failed(DeviceError::Gone("camera".to_owned(), why));
            self.shared.set_state(self.kind, state, Some(u64::MAX));
        }
    }
}
