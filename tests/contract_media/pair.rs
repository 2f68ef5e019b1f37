//! Two sessions in one process, connected by direct calls, and what one sees of the other.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use visavis::codec::colour::i420_to_rgba;
use visavis::model::frame::VideoFrame;
use visavis::model::slot::Player;
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::*;

pub const SOON: Duration = Duration::from_secs(15);

/// A session and its events.
pub struct Side {
    pub session: Session,
    events: mpsc::Receiver<SessionEvent>,
    /// From now on nothing may want to be negotiated.
    pub calm: bool,
}

/// Ann, whose media is looked at, and Bob, who looks.
pub struct Pair {
    pub ann: Side,
    pub bob: Side,
}

/// A colour (red, green, blue) in the n-th tenth of a picture's width, at a third of its height from the top.
pub type Spot = (u32, u8, u8, u8);

/// Left and right of what [`flat`] shows.
pub const RED: Spot = (2, 200, 20, 20);
pub const BLUE: Spot = (7, 20, 20, 200);

/// A YUV4MPEG2 file of one picture, left half [`RED`], right half [`BLUE`].
pub fn flat(width: usize, height: usize) -> Vec<u8> {
    let mut rgba = Vec::with_capacity(width * height * 4);
    for n in 0..width * height {
        let (_, r, g, b) = if n % width < width / 2 { RED } else { BLUE };
        rgba.extend([r, g, b, 255]);
    }
    let frame = visavis::codec::colour::rgba_to_i420(&rgba, width as u32, height as u32).expect("a size that works");
    let mut file = format!("YUV4MPEG2 W{width} H{height} F10:1 C420\n").into_bytes();
    // Two, because a file of one picture has no rate.
    for _ in 0..2 {
        file.extend(b"FRAME\n");
        file.extend(frame.y().iter().chain(frame.u()).chain(frame.v()));
    }
    file
}

/// The picture has these colours at these places.
pub fn shows(frame: &VideoFrame, spots: impl IntoIterator<Item = Spot>) -> bool {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let at = |spot: &Spot| width * spot.0 as usize / 10 + width / 20;
    spots.into_iter().all(|spot| is_colour(frame, at(&spot), height / 3, spot))
}

/// The picture has the spot's colour at this pixel.
pub fn is_colour(frame: &VideoFrame, x: usize, y: usize, (_, r, g, b): Spot) -> bool {
    let mut rgba = Vec::new();
    i420_to_rgba(frame, &mut rgba).expect("a decoded picture can be shown");
    let seen = &rgba[(y * frame.width() as usize + x) * 4..][..3];
    seen.iter().zip([r, g, b]).all(|(seen, wanted)| seen.abs_diff(wanted) <= 20)
}

pub fn of_size(width: u32, height: u32) -> impl Fn(&VideoFrame) -> bool + Send + Copy + 'static {
    move |frame| (frame.width(), frame.height()) == (width, height)
}

pub fn is_black(frame: &VideoFrame) -> bool {
    frame.y().iter().all(|y| *y <= 24)
}

impl Side {
    fn new() -> Self {
        let (session, events) = Session::start(SessionConfig {
            camera: VideoInput::Spec(VideoSpec::Scene),
            microphone: AudioSpec::Tone(440).into(),
            speaker: SinkSpec::None.into(),
            ring: SinkSpec::None.into(),
            video: VideoRequest { width: 320, height: 180, fps: 30 },
            ..SessionConfig::default()
        });
        Self { session, events, calm: false }
    }

    /// Lets go what has come until now.
    pub fn forget(&mut self) {
        while self.events.try_recv().is_ok() {}
    }

    /// Nothing that has come until now wanted to be negotiated.
    pub fn was_calm(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            assert!(!matches!(event, SessionEvent::NegotiationNeeded { .. }), "something wants to be negotiated");
        }
    }

    /// The first of the coming events that is wanted; the others are let go.
    pub async fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(SessionEvent) -> Option<T>) -> T {
        let look = async {
            loop {
                let event = self.events.recv().await.expect("the session goes on");
                let negotiates = matches!(event, SessionEvent::NegotiationNeeded { .. });
                assert!(!self.calm || !negotiates, "something wants to be negotiated");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(SOON, look).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
    }

    /// The events of so many requests for user media, three each.
    pub async fn user_media_events(&mut self, requests: usize) -> Vec<SessionEvent> {
        let mut events = Vec::new();
        while events.len() < 3 * requests {
            let event = self.until("an event about user media", |event| match event {
                SessionEvent::BeforeUserMedia(_)
                | SessionEvent::UserMediaStarted { .. }
                | SessionEvent::UserMediaError(_)
                | SessionEvent::AfterUserMedia => Some(event),
                _ => None,
            });
            events.push(event.await);
        }
        events
    }
}

impl Pair {
    pub fn unconnected() -> Self {
        Self { ann: Side::new(), bob: Side::new() }
    }

    /// Bob sees Ann.
    pub async fn connected() -> Self {
        let mut pair = Self::unconnected();
        let (ann, bob) = (pair.ann.session.clone(), pair.bob.session.clone());
        ann.add_peer("bob", PeerConfig::default()).await.expect("a peer");
        bob.add_peer("ann", PeerConfig::default()).await.expect("a peer");
        let offer = ann.create_offer("bob").await.expect("an offer");
        let answer = bob.accept_offer("ann", offer).await.expect("an answer");
        ann.accept_answer("bob", answer).await.expect("its acceptance");
        pair.seen("the first picture", |_| true).await;
        pair.ann.forget();
        pair
    }

    /// Agrees on what Ann wants.
    pub async fn negotiate(&mut self) {
        let needed = |event| matches!(event, SessionEvent::NegotiationNeeded { .. }).then_some(());
        self.ann.until("that it must be negotiated", needed).await;
        let offer = self.ann.session.create_offer("bob").await.expect("an offer");
        let answer = self.bob.session.accept_offer("ann", offer).await.expect("an answer");
        self.ann.session.accept_answer("bob", answer).await.expect("its acceptance");
    }

    /// Bob's picture of Ann fulfils this, now or soon.
    pub async fn seen(&mut self, what: &str, wanted: impl Fn(&VideoFrame) -> bool + Send + 'static) {
        let player = self.bob.session.player("ann").expect("Bob knows Ann");
        self.seen_by(player, what, wanted).await;
    }

    /// The same of another player.
    pub async fn seen_by(&self, player: Player, what: &str, wanted: impl Fn(&VideoFrame) -> bool + Send + 'static) {
        let look = move || {
            let (begun, mut seen) = (Instant::now(), 0);
            let mut last = None;
            while begun.elapsed() < SOON {
                if let Ok(Some((number, frame))) = player.wait_newer(seen, Duration::from_millis(100)) {
                    seen = number;
                    if wanted(&frame) {
                        return Ok(());
                    }
                    last = Some((frame.width(), frame.height(), number));
                }
            }
            Err(last)
        };
        // Events are read meanwhile: a session whose events are not read waits.
        let looking = tokio::task::spawn_blocking(look);
        if let Err(last) = looking.await.expect("it looks") {
            panic!("waited in vain for {what}; the last picture (width, height, number): {last:?}");
        }
    }

    pub async fn end(self) {
        self.ann.session.close().await;
        self.bob.session.close().await;
    }
}
